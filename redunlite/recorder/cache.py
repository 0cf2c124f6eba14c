"""Finding recorded calls by their eval hash.

The index holds the first 8 bytes of each hash and is filled in sorted chunks, because keys in random
order are what makes writing slower as a database grows. Calls that it does not hold yet (the tail)
are read into a dictionary when an execution begins. Whatever is found is compared by its full hash,
and by a digest over the row, so that a flipped bit is a miss and not a wrong answer.

State: the tail, and what was learned about interned sets of tasks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from hashlib import sha256
from typing import Any

from redunlite.job import CachedCall
from redunlite.kinds import ValueRef
from redunlite.recorder.models import CALL_ERROR, CALL_OK, SERIAL_BITS
from redunlite.recorder.values import read_values, token_ref

_BATCH = 500
_COLUMNS = (
    "c.id, c.eval_hash, c.call_hash, c.status, c.result, c.single, c.tasks, c.upstream, "
    "c.result_origin, c.check_digest, c.context"
)
_BY_KEY = (
    f"SELECT {_COLUMNS} FROM call_index i CROSS JOIN call c ON c.id = i.call WHERE i.key IN (%s)"
)
_BY_ID = f"SELECT {_COLUMNS} FROM call c WHERE c.id IN (%s)"


def index_key(eval_hash: bytes) -> int:
    """Return the key of a hash in the index."""
    return int.from_bytes(eval_hash[:8], "big", signed=True)


def check_digest(eval_hash: bytes, status: int, result: bytes, single: bytes) -> bytes:
    """Return the 8 bytes that guard a call's row.

    Parameters
    ----------
    result, single
        Tokens; empty where there is none.
    """
    return sha256(b"%s%d%s|%s" % (eval_hash, status, result, single)).digest()[:8]


class CallCache:
    """Look-ups of recorded calls through one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tail: dict[int, list[int]] = {}
        self._task_sets: dict[int, frozenset[int]] = {}
        self.n_damaged = 0
        """Rows left out because they are not what was written."""
        self.is_empty = True
        self._read_tail()

    def _read_tail(self) -> None:
        connection, tail = self._connection, self._tail
        for number, n_calls, n_indexed in connection.execute(
            "SELECT id, n_calls, n_indexed FROM execution WHERE n_calls > 0"
        ).fetchall():
            self.is_empty = False
            if n_indexed < n_calls:
                base = number << SERIAL_BITS
                rows = connection.execute(
                    "SELECT eval_hash, id FROM call WHERE id > ? AND id <= ?",
                    (base + n_indexed, base + n_calls),
                )
                for eval_hash, call in rows.fetchall():
                    tail.setdefault(index_key(eval_hash), []).append(call)

    def find_calls(self, eval_hashes: Collection[bytes]) -> dict[bytes, list[CachedCall]]:
        """Return the calls under each hash, newest first; hashes without any are left out."""
        if self.is_empty:
            return {}
        wanted = set(eval_hashes)
        keys = sorted({index_key(h) for h in wanted})
        rows = self._select(_BY_KEY, keys)
        if self._tail:
            ids = [call for key in keys for call in self._tail.get(key, ())]
            if ids:
                rows += self._select(_BY_ID, sorted(set(ids)))
        rows = [row for row in rows if row[1] in wanted]
        value_ids = {cell for row in rows for cell in row[4:6] if type(cell) is int}
        value_ids |= {row[10] for row in rows if type(row[10]) is int}
        values = read_values(self._connection, value_ids) if value_ids else {}
        found: dict[bytes, list[CachedCall]] = {}
        for row in rows:
            call = self._read_row(row, values)
            if call is not None:
                found.setdefault(row[1], []).append(call)
        for calls in found.values():
            if len(calls) > 1:
                calls.sort(key=lambda call: -call.id)
        return found

    def _select(self, sql: str, keys: list[int]) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        for start in range(0, len(keys), _BATCH):
            some = keys[start : start + _BATCH]
            # One text for all full batches, so that it is prepared once.
            padded = some + [some[-1]] * (_BATCH - len(some)) if len(some) > 20 else some
            marks = ",".join("?" * len(padded))
            rows += self._connection.execute(sql % marks, padded).fetchall()
        return rows

    def _read_row(self, row: tuple[Any, ...], values: dict[int, ValueRef]) -> CachedCall | None:
        row_id, eval_hash, call_hash, status, result, single, tasks, upstream = row[:8]
        origin, check, context = row[8:]
        result_ref = self._read_cell(result, values)
        single_ref = self._read_cell(single, values)
        if (result is not None and result_ref is None) or (
            single is not None and single_ref is None
        ):
            self.n_damaged += 1
            return None
        expected = check_digest(
            eval_hash, status, result_ref.token if result_ref is not None else b"",
            single_ref.token if single_ref is not None else b"",
        )  # fmt: skip
        if check != expected:
            self.n_damaged += 1
            return None
        if status == CALL_ERROR and single is None:
            return None
        return CachedCall(
            row_id, status == CALL_OK, result_ref, single_ref, call_hash or b"", tasks,
            upstream or b"", origin, self._read_cell(context, values),
        )  # fmt: skip

    @staticmethod
    def _read_cell(cell: Any, values: dict[int, ValueRef]) -> ValueRef | None:
        if cell is None:
            return None
        return token_ref(cell) if type(cell) is bytes else values.get(cell)

    def get_task_set(self, task_set: int) -> frozenset[int]:
        """Return the task ids of an interned set."""
        found = self._task_sets.get(task_set)
        if found is None:
            rows = self._connection.execute(
                'SELECT member FROM set_member WHERE "set" = ?', (task_set,)
            ).fetchall()
            found = self._task_sets[task_set] = frozenset(row[0] for row in rows)
        return found

    def has_only_tasks(self, task_set: int, live: Iterable[bytes]) -> bool:
        """Tell whether every task of a set has one of the hashes in `live`."""
        ids = self.get_task_set(task_set)
        marks = ",".join("?" * len(ids))
        rows = self._connection.execute(f"SELECT hash FROM task WHERE id IN ({marks})", list(ids))
        return {row[0] for row in rows.fetchall()} <= set(live)


def fill_index(connection: sqlite3.Connection, *, everything: bool = False) -> int:
    """Move the tail into the index when it is worth it; return how many calls were moved.

    To be called inside a write transaction. The tail moves when it is more than a quarter of what is
    indexed, or when it is small enough not to matter.
    """
    n_indexed = 0
    pending = []
    for number, n_calls, indexed in connection.execute(
        "SELECT id, n_calls, n_indexed FROM execution WHERE n_calls > 0"
    ).fetchall():
        n_indexed += indexed
        if indexed < n_calls:
            pending.append((number, n_calls, indexed))
    n_tail = sum(n_calls - indexed for _, n_calls, indexed in pending)
    if not n_tail or not (everything or n_tail <= 2000 or n_tail * 4 >= n_indexed):
        return 0
    entries = []
    for number, n_calls, indexed in pending:
        base = number << SERIAL_BITS
        entries += [
            (index_key(eval_hash), call)
            for eval_hash, call in connection.execute(
                "SELECT eval_hash, id FROM call WHERE id > ? AND id <= ?",
                (base + indexed, base + n_calls),
            )
        ]
    entries.sort()
    connection.executemany("INSERT OR IGNORE INTO call_index (key, call) VALUES (?, ?)", entries)
    connection.executemany(
        "UPDATE execution SET n_indexed = ? WHERE id = ?",
        [(n_calls, number) for number, n_calls, _ in pending],
    )
    return len(entries)
