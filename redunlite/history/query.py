"""Records by id, name or row, read from an open database without decoding any value.

Decided here: what a word on the command line names, and which rows are read for it. Not here: how
anything looks (`display`), where values came from (`dataflow`).

What must stay fast at a million jobs reads single ranges or a few keys. Only ids that are not indexed
(of jobs, call nodes and values) need a scan, of 0.1 s each at that size.

State: a `History` remembers the tasks and executions that it has read.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from redunlite import hashing
from redunlite.errors import AmbiguousIdError, UnknownNameError
from redunlite.history.records import (
    CACHED,
    CALL,
    EXECUTION,
    FAILED,
    FILE,
    JOB,
    POSITIONAL,
    TASK,
    VALUE,
    ArgumentRecord,
    CallRecord,
    ExecutionRecord,
    Found,
    JobDetail,
    JobRecord,
    Match,
    OutputRecord,
    TaskCounts,
    TaskRecord,
    ValueRecord,
)
from redunlite.history.tags import find_tags
from redunlite.jobinfo import JobIds, format_uuid
from redunlite.namespace import normalize_name
from redunlite.preview import as_utf8
from redunlite.recorder import codes
from redunlite.recorder.database import INTERRUPTED, Database, get_id_range

STATUS_NAMES = ("RUNNING", "DONE", "FAILED", "CANCELLED")
CALL_STATUS_NAMES = ("RUNNING", "DONE", "FAILED")
MAX_CANDIDATES = 20
"""Candidates listed for an ambiguous id; the search stops at one more."""
MAX_NEAR = 3
"""Ids proposed for one that is not there."""
LEAST_NEAR_DIGITS = 5
"""Digits of an id below which too many others are near it."""
TRAIL_ENDS = 3
"""Jobs shown at each end of a long chain of parents."""
PREVIEW_LIMIT = 200
MAX_JUDGED = 20_000
"""Executions up to which each is asked whether an id may be of it, before jobs are read."""
PRINTED_DIGITS = 8
"""Hex digits of an id as it is printed in lines."""
_BATCH = 500
_JOB_COLUMNS = "id, salt, parent, call, task, kind, status, start_time, duration_us, cpu_us, peak_bytes, output"
_CALL_COLUMNS = "id, task, eval_hash, call_hash, status, result, single, result_origin"
_TASK_COLUMNS = "id, hash, name, namespace, version, source, file, line, params"
_VALUE_COLUMNS = "id, hash, type, format, size, preview, detail"
_EXECUTION_COLUMNS = (
    "id, uuid, status, start_time, end_time, argv, root_task, root_job, error, user, host, cwd, "
    "python, git_commit, git_dirty, versions, lease"
)
_HEX = frozenset("0123456789abcdef")


class History:
    """Reads records from one database.

    Parameters
    ----------
    database
        Open, for reading or for writing.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.connection: sqlite3.Connection = database.connection
        self._tasks: dict[int, TaskRecord] = {}
        self._executions: dict[int, ExecutionRecord] = {}

    # Executions.

    def find_executions(
        self, limit: int | None = None, condition: str = "1", values: Sequence[Any] = ()
    ) -> list[ExecutionRecord]:
        """Return the executions that meet an SQL condition, newest first; all without a limit."""
        rows = self.connection.execute(
            f"SELECT {_EXECUTION_COLUMNS} FROM execution WHERE {condition} "
            "ORDER BY id DESC LIMIT ?",
            (*values, -1 if limit is None else limit),
        ).fetchall()
        return [self._make_execution(row) for row in rows]

    def count_executions(self) -> int:
        """Return the number of executions."""
        return int(self.connection.execute("SELECT count(*) FROM execution").fetchone()[0])

    def get_execution(self, number: int) -> ExecutionRecord:
        """Return the execution with that row id."""
        found = self._executions.get(number)
        if found is None:
            row = self.connection.execute(
                f"SELECT {_EXECUTION_COLUMNS} FROM execution WHERE id = ?", (number,)
            ).fetchone()
            if row is None:
                raise UnknownNameError("execution", str(number))
            found = self._make_execution(row)
        return found

    def _make_execution(self, row: Sequence[Any]) -> ExecutionRecord:
        number, uuid, status, start, end, argv, root_task, root_job, error = row[:9]
        user, host, cwd, python, commit, is_dirty, versions, lease = row[9:]
        if status == codes.RUNNING and not self.database.is_alive(lease):
            # Its process is gone; the next run will write so, but nobody has to wait for that.
            status, error = codes.FAILED, INTERRUPTED
        made = ExecutionRecord(
            number,
            format_uuid(uuid),
            STATUS_NAMES[status],
            start,
            end,
            tuple(str(word) for word in json.loads(argv)),
            root_task,
            root_job,
            error,
            user,
            host,
            cwd,
            python,
            commit,
            None if is_dirty is None else bool(is_dirty),
            json.loads(versions) if versions else {},
            tuple(find_tags(self.connection, "execution", [number]).get(number, ())),
        )
        self._executions[number] = made
        return made

    def find_counts(self, execution: ExecutionRecord) -> list[TaskCounts]:
        """Return the counts of jobs of each task, by its full name."""
        rows = self.connection.execute(
            "SELECT task, n_running, n_failed, n_cached, n_done, n_cancelled FROM counter "
            "WHERE execution = ?",
            (execution.number,),
        ).fetchall()
        totals: dict[str, list[int]] = {}
        for task, *counts in rows:
            if execution.error == INTERRUPTED:
                counts[4] += counts[0]
                counts[0] = 0
            total = totals.setdefault(self.get_task(task).fullname, [0] * 5)
            total[:] = [a + b for a, b in zip(total, counts)]
        return [TaskCounts(name, *totals[name]) for name in sorted(totals)]

    # Jobs.

    def get_job(self, row_id: int) -> JobRecord:
        """Return the job with that row id, with its arguments."""
        (job,) = self.find_jobs("id = ?", (row_id,), 1)
        return self.add_arguments([job])[0]

    def find_jobs(
        self, condition: str, values: Sequence[Any], limit: int = -1, order: str = "id"
    ) -> list[JobRecord]:
        """Return the jobs that meet an SQL condition, without their arguments."""
        rows = self.connection.execute(
            f"SELECT {_JOB_COLUMNS} FROM job WHERE {condition} ORDER BY {order} LIMIT ?",
            (*values, limit),
        ).fetchall()
        return list(self._iter_jobs(rows))

    def _iter_jobs(self, rows: Iterable[Sequence[Any]]) -> Iterator[JobRecord]:
        number, tail, running = 0, "", STATUS_NAMES[codes.RUNNING]
        tasks: dict[int, TaskRecord] = {}
        for row in rows:
            (
                row_id,
                salt,
                parent,
                call,
                task_id,
                kind,
                status,
                start,
                duration,
                cpu,
                peak,
                output,
            ) = row
            if row_id >> codes.SERIAL_BITS != number:
                number = row_id >> codes.SERIAL_BITS
                execution = self.get_execution(number)
                tail = execution.uuid[18:]
                is_dead = execution.error == INTERRUPTED
                running = STATUS_NAMES[codes.CANCELLED if is_dead else codes.RUNNING]
            task = tasks.get(task_id)
            if task is None:
                task = tasks[task_id] = self.get_task(task_id)
            name = STATUS_NAMES[status]
            if status == codes.RUNNING:
                name = running
            elif kind and status == codes.DONE:
                name = CACHED
            yield JobRecord(
                row_id, _format_job_id(salt, tail), number, parent, call, task, name, start,
                duration, cpu, peak, output,
            )  # fmt: skip

    def find_jobs_of_call(self, call: CallRecord, limit: int) -> list[JobRecord]:
        """Return the first jobs that have a call, without their arguments.

        Jobs carry no index by call, so each execution that has jobs of the call's task is scanned
        until as many are found; none that is older than the call has it.
        """
        numbers = self.connection.execute(
            "SELECT execution FROM counter WHERE task = ? AND execution >= ? ORDER BY execution",
            (call.task.row, call.row >> codes.SERIAL_BITS),
        ).fetchall()
        found: list[JobRecord] = []
        for (number,) in numbers:
            if len(found) < limit:
                found += self.find_jobs(
                    "id BETWEEN ? AND ? AND call = ?",
                    (*get_id_range(number), call.row),
                    limit - len(found),
                )
        return found

    def find_job_ids(self, row_ids: Collection[int]) -> dict[int, str]:
        """Return the UUID of each job with one of those row ids."""
        rows = self._select("SELECT id, salt FROM job WHERE id IN (%s)", sorted(set(row_ids)))
        return {
            row_id: _format_job_id(salt, self.get_execution(row_id >> codes.SERIAL_BITS).uuid[18:])
            for row_id, salt in rows
        }

    def add_arguments(self, jobs: Sequence[JobRecord]) -> list[JobRecord]:
        """Return the jobs with their arguments and tags, read together."""
        calls = {job.call: job.task for job in jobs if job.call is not None}
        found = self.find_arguments(calls)
        tags = find_tags(self.connection, "job", [job.row for job in jobs])
        return [
            job._replace(arguments=found.get(job.call or 0, ()), tags=tuple(tags.get(job.row, ())))
            for job in jobs
        ]

    def add_errors(self, jobs: Sequence[JobRecord]) -> list[JobRecord]:
        """Return the jobs, those that failed with what they raised."""
        calls = sorted({job.call for job in jobs if job.status == FAILED and job.call is not None})
        if not calls:
            return list(jobs)
        cells = dict(self._select("SELECT id, result FROM call WHERE id IN (%s)", calls))
        values = self.find_values(cells.values())
        return [
            job._replace(error=values.get(cells.get(job.call))) if job.status == FAILED else job
            for job in jobs
        ]

    def find_failed_job(self, execution: ExecutionRecord) -> JobRecord | None:
        """Return the job that raised what an execution failed with; None when no job did."""
        if execution.status != FAILED or execution.root_job is None:
            return None
        found = "job j JOIN call c ON c.id = j.call JOIN value v ON v.id = c.result"
        rows = self.connection.execute(
            f"SELECT j.id, j.parent FROM {found} WHERE j.id BETWEEN ? AND ? AND j.status = ? "
            f"AND v.hash = (SELECT v.hash FROM {found} WHERE j.id = ?) "
            "ORDER BY j.start_time + j.duration_us DESC",
            (*get_id_range(execution.number), codes.FAILED, execution.root_job),
        ).fetchall()
        # An error climbs from a job to its parent; of several children with it the first has it.
        below = {parent: row_id for row_id, parent in rows}
        row = below.get(None)
        while row in below:
            row = below[row]
        return None if row is None else self.find_jobs("id = ?", (row,))[0]

    def get_job_detail(self, row_id: int) -> JobDetail:
        """Return everything about one job but where its values came from."""
        job = self.get_job(row_id)
        trail, n_left_out = self._find_trail(row_id)
        return JobDetail(
            job,
            self.get_execution(job.execution),
            trail,
            n_left_out,
            None if job.call is None else self.get_call(job.call),
            None if job.output is None else self._get_output(job.output),
        )

    def _find_trail(self, row_id: int) -> tuple[list[JobRecord], int]:
        rows = self.connection.execute(
            "WITH RECURSIVE up(id, parent) AS (SELECT id, parent FROM job WHERE id = ? UNION ALL "
            "SELECT j.id, j.parent FROM job j JOIN up ON j.id = up.parent) SELECT id FROM up",
            (row_id,),
        ).fetchall()
        ids = [row[0] for row in reversed(rows)]
        n_left_out = 0
        if len(ids) > 2 * TRAIL_ENDS + 1:
            n_left_out = len(ids) - 2 * TRAIL_ENDS
            ids = ids[:TRAIL_ENDS] + ids[-TRAIL_ENDS:]
        marks = ",".join("?" * len(ids))
        # A parent's serial is below its children's, so the order of ids is that of the trail.
        return self.find_jobs(f"id IN ({marks})", ids), n_left_out

    def _get_output(self, row_id: int) -> OutputRecord | None:
        row = self.connection.execute(
            "SELECT data, detail FROM value WHERE id = ?", (row_id,)
        ).fetchone()
        if row is None:
            return None
        data = bytes(row[0] or b"")
        detail = json.loads(row[1] or "{}")
        n_head = int(detail.get("n_head", len(data)))
        return OutputRecord(data[:n_head], data[n_head:], int(detail.get("n_bytes", len(data))))

    # Calls.

    def get_call(self, row_id: int) -> CallRecord:
        """Return the call node with that row id."""
        row = self.connection.execute(
            f"SELECT {_CALL_COLUMNS} FROM call WHERE id = ?", (row_id,)
        ).fetchone()
        if row is None:
            raise UnknownNameError("call node", str(row_id))
        return self._make_calls([row])[0]

    def find_calls(self, row_ids: Collection[int]) -> list[CallRecord]:
        """Return the call nodes with those row ids, in their order; unknown ones are left out."""
        rows = {
            row[0]: row
            for row in self._select(
                f"SELECT {_CALL_COLUMNS} FROM call WHERE id IN (%s)", sorted(set(row_ids))
            )
        }
        return self._make_calls([rows[row_id] for row_id in row_ids if row_id in rows])

    def find_call_names(self, row_ids: Collection[int]) -> dict[int, tuple[str | None, str]]:
        """Return call hash and full task name of each call, without its arguments and result."""
        return {
            row_id: (None if digest is None else digest.hex(), self.get_task(task).fullname)
            for row_id, digest, task in self._select(
                "SELECT id, call_hash, task FROM call WHERE id IN (%s)", sorted(set(row_ids))
            )
        }

    def _make_calls(self, rows: Sequence[Sequence[Any]]) -> list[CallRecord]:
        tasks = {row[0]: self.get_task(row[1]) for row in rows}
        arguments = self.find_arguments(tasks)
        values = self.find_values(row[5] for row in rows)
        return [
            CallRecord(
                row[0],
                tasks[row[0]],
                "" if row[3] is None else row[3].hex(),
                row[2].hex(),
                CALL_STATUS_NAMES[row[4]],
                arguments.get(row[0], ()),
                None if row[5] is None else values[row[5]],
                row[7],
            )
            for row in rows
        ]

    def find_arguments(self, calls: dict[int, TaskRecord]) -> dict[int, list[ArgumentRecord]]:
        """Return the arguments of each call, given with its task, in the order of binding."""
        rows = self._select(
            "SELECT call, place, name, value, origin FROM argument WHERE call IN (%s) "
            "ORDER BY call, place",
            sorted(calls),
        )
        values = self.find_values(row[3] for row in rows)
        found: dict[int, list[ArgumentRecord]] = {}
        for call, place, name, cell, origin in rows:
            params = calls[call].params
            param, kind = params[place] if place < len(params) else (f"arg{place}", POSITIONAL)
            found.setdefault(call, []).append(
                ArgumentRecord(place, name or param, kind, values[cell], origin)
            )
        return found

    # Values.

    def find_values(self, cells: Iterable[Any]) -> dict[Any, ValueRecord]:
        """Return the values of columns that hold a token or a row id; None is left out."""
        found: dict[Any, ValueRecord] = {}
        wanted = set()
        for cell in cells:
            if cell is None or cell in found:
                continue
            if type(cell) is bytes:
                found[cell] = make_token_record(cell)
            else:
                wanted.add(cell)
        for row in self._select(
            f"SELECT {_VALUE_COLUMNS} FROM value WHERE id IN (%s)", sorted(wanted)
        ):
            found[row[0]] = _make_value(row)
        for cell in wanted:
            if cell not in found:
                found[cell] = ValueRecord("", "", "<not recorded>", row=cell)
        return found

    # Tasks.

    def get_task(self, row_id: int) -> TaskRecord:
        """Return the version of a task with that row id."""
        found = self._tasks.get(row_id)
        if found is None:
            row = self.connection.execute(
                f"SELECT {_TASK_COLUMNS} FROM task WHERE id = ?", (row_id,)
            ).fetchone()
            if row is None:
                raise UnknownNameError("task", str(row_id))
            _, digest, name, namespace, version, source, file, line, params = row
            found = self._tasks[row_id] = TaskRecord(
                row_id, digest.hex(), name, namespace, version, source, file, line,
                tuple((n, k) for n, k in json.loads(params)),
            )  # fmt: skip
        return found

    def find_first_job(self, task: TaskRecord) -> JobRecord | None:
        """Return the first job that used this version of a task."""
        row = self.connection.execute(
            "SELECT min(execution) FROM counter WHERE task = ?", (task.row,)
        ).fetchone()
        if row[0] is None:
            return None
        found = self.find_jobs(
            "id BETWEEN ? AND ? AND task = ?", (*get_id_range(row[0]), task.row), 1
        )
        return found[0] if found else None

    def find_task_names(self) -> list[str]:
        """Return the short and full names of all recorded tasks."""
        rows = self.connection.execute("SELECT DISTINCT name, namespace FROM task").fetchall()
        return sorted({n for n, _ in rows} | {f"{space}.{n}" for n, space in rows if space})

    # Words.

    def find_records(self, word: str, *, only_ids: bool = False) -> Found:
        """Return what a word names: `-`, `~n`, a full id, a task's name, an id prefix or a path.

        Raises
        ------
        UnknownNameError
            When it names nothing; the nearest task name is the hint.
        AmbiguousIdError
            When several records have ids that begin with it; with as many digits as are printed, the
            newest is taken, and the others are told.
        """
        if word == "-" or word.startswith("~"):
            return Found([self._find_by_age(word)])
        prefix = parse_id(word)
        if prefix is not None and len(prefix) in (32, 40):
            matches = self._find_ids(prefix)
            if matches:
                return self._choose(word, prefix, matches)
        if word and not only_ids:
            tasks = self.find_tasks_by_name(word)
            if tasks:
                others = 0 if prefix is None else len(self._find_ids(prefix))
                return Found(tasks, others)
        if prefix is not None:
            most = MAX_CANDIDATES + 1 if len(prefix) < PRINTED_DIGITS else None
            matches = self._find_ids(prefix, most) or self._find_token_values(prefix)
            if matches:
                return self._choose(word, prefix, matches)
        if word and not only_ids:
            files = self._find_files(word)
            if files:
                return Found(files)
        hint = self._propose_ids(word) or "redunlite log lists the executions"
        if only_ids and self.find_tasks_by_name(word):
            hint = f"it is the name of a task: redunlite log {word}"
        names = () if only_ids else self.find_task_names()
        raise UnknownNameError("id" if only_ids else "id or task", word, names, "", hint)

    def _propose_ids(self, word: str) -> str:
        """Return a question after the newest ids that are one slip from a word; mostly empty."""
        digits = word.lower().replace("-", "")
        n_strange = sum(digit not in _HEX for digit in digits)
        if len(digits) < LEAST_NEAR_DIGITS or n_strange > 1 or not digits.isascii():
            return ""
        n_asked = 2000 if len(digits) >= PRINTED_DIGITS else 100
        near = [m for m in self._iter_newest(n_asked) if is_near(digits, m.id.replace("-", ""))]
        # One record may have been written in several executions.
        named = list({match.id: match for match in near}.values())[:MAX_NEAR]
        lines = [self.describe_match(match, max(PRINTED_DIGITS, len(word))) for match in named]
        if len(lines) > 1:
            return "\n".join(["did you mean one of these?", *(f"  {line}" for line in lines)])
        return f"did you mean {lines[0]}?" if lines else ""

    def _iter_newest(self, n: int) -> Iterator[Match]:
        """Yield the newest records of each kind."""
        execute = self.connection.execute
        for row_id, uuid in execute(
            "SELECT id, uuid FROM execution ORDER BY id DESC LIMIT ?", (n,)
        ).fetchall():
            yield Match(EXECUTION, row_id, format_uuid(uuid))
        rows = execute("SELECT id FROM job ORDER BY id DESC LIMIT ?", (n,)).fetchall()
        uuids = self.find_job_ids([row[0] for row in rows])
        for row_id, uuid in reversed(uuids.items()):
            yield Match(JOB, row_id, uuid)
        for kind, column, table in (
            (CALL, "call_hash", "call"),
            (TASK, "hash", "task"),
            (VALUE, "hash", "value"),
        ):
            for row_id, digest in execute(
                f"SELECT id, {column} FROM {table} ORDER BY id DESC LIMIT ?", (n,)
            ).fetchall():
                if digest is not None:
                    yield Match(kind, row_id, digest.hex())

    def _find_by_age(self, word: str) -> Match:
        """Return the execution named by `-` or `~n`, counted from 1 for the newest."""
        n = 1 if word == "-" else int(word[1:]) if word[1:].isdecimal() else 0
        if 0 < n < 1 << 31:
            row = self.connection.execute(
                "SELECT id, uuid FROM execution ORDER BY id DESC LIMIT 1 OFFSET ?", (n - 1,)
            ).fetchone()
            if row is not None:
                return Match(EXECUTION, row[0], format_uuid(row[1]))
        n_all = self.count_executions()
        some = f"there are {n_all:,}, ~1 is the newest" if n_all else "there are none yet"
        raise UnknownNameError("execution", word, hint=some)

    def find_tasks_by_name(self, name: str) -> list[Match]:
        """Return the versions of the tasks with that name, short or full, newest first."""
        if not is_text(name):
            return []
        name = normalize_name(name)
        space, _, short = name.rpartition(".")
        rows = self.connection.execute(
            "SELECT id, hash FROM task WHERE name = ? OR (name = ? AND namespace = ?) "
            "ORDER BY id DESC",
            (name, short, space),
        ).fetchall()
        return [Match(TASK, row_id, digest.hex()) for row_id, digest in rows]

    def _find_ids(self, prefix: str, most: int | None = None) -> list[Match]:
        """Return the records whose id begins with hex digits; equal hashes count once.

        Of as many digits as are printed, the first kind that has one is taken: an execution, a job,
        a call node, a task, a value. So what is asked for most is not kept waiting for a scan of all
        the others, whose first 8 digits are the same once in thousands of such databases.

        Parameters
        ----------
        most
            Records at which the search stops.
        """
        found: list[Match] = []
        for find in (
            self._find_execution_ids,
            self._scan_jobs,
            self._scan_calls,
            self._find_task_ids,
            self._find_value_ids,
        ):
            left = None if most is None else most - len(found)
            found += find(prefix, left)[:left]
            if (found and len(prefix) >= PRINTED_DIGITS) or len(found) == most:
                break
        return found

    def _find_execution_ids(self, prefix: str, most: int | None) -> list[Match]:
        low, high = get_bounds(prefix)
        rows = self.connection.execute(
            f"SELECT id, uuid FROM execution WHERE {_between('uuid', high)} ORDER BY id LIMIT ?",
            (*_bounds(low, high), -1 if most is None else most),
        ).fetchall()
        return [Match(EXECUTION, row_id, format_uuid(uuid)) for row_id, uuid in rows]

    def _find_task_ids(self, prefix: str, most: int | None) -> list[Match]:
        return self._find_hashes(TASK, "task", prefix, most)

    def _find_value_ids(self, prefix: str, most: int | None) -> list[Match]:
        return self._find_hashes(VALUE, "value", prefix, most)

    def _find_hashes(self, kind: str, table: str, prefix: str, most: int | None) -> list[Match]:
        low, high = get_bounds(prefix)
        newest: dict[bytes, int] = {}
        for row_id, digest in self.connection.execute(
            f"SELECT id, hash FROM {table} WHERE {_between('hash', high)}", _bounds(low, high)
        ):
            newest[digest] = max(row_id, newest.get(digest, 0))
            if len(newest) == most:
                break
        return [Match(kind, row_id, digest.hex()) for digest, row_id in sorted(newest.items())]

    def _scan_jobs(self, prefix: str, most: int | None) -> list[Match]:
        if len(prefix) > 32:
            return []
        low, high = get_bounds(prefix[:16])
        sql = f"SELECT id, salt FROM job WHERE {_between('salt', high)}"
        numbers = self._find_executions_of(prefix)
        if numbers is None:
            # The other digits of a job's id are those of its execution, and are judged below.
            n = -1 if most is None or len(prefix) > 16 else most
            rows = self.connection.execute(f"{sql} LIMIT ?", (*_bounds(low, high), n)).fetchall()
        else:
            rows = []
            for number in numbers:
                values = (*_bounds(low, high), *get_id_range(number))
                rows += self.connection.execute(f"{sql} AND id BETWEEN ? AND ?", values).fetchall()
        matches = []
        for row_id, salt in rows:
            execution = self.get_execution(row_id >> codes.SERIAL_BITS)
            uuid = salt.hex() + execution.uuid.replace("-", "")[16:]
            if uuid.startswith(prefix):
                matches.append(Match(JOB, row_id, format_uuid(bytes.fromhex(uuid))))
        return matches

    def _find_executions_of(self, prefix: str) -> list[int] | None:
        """Return the executions that may have a job with such an id; None when it may be any.

        Their UUIDs tell which ids their jobs have; those of jobs of older versions are random.
        """
        n_most = self.connection.execute("SELECT max(id) FROM execution").fetchone()[0] or 0
        if len(prefix) < PRINTED_DIGITS or n_most > MAX_JUDGED:
            return None
        head = bytes.fromhex(prefix[:PRINTED_DIGITS])
        found = []
        for number, uuid, salt in self.connection.execute(
            "SELECT e.id, e.uuid, j.salt FROM execution e LEFT JOIN job j ON j.id = e.root_job"
        ).fetchall():
            ids = JobIds(uuid)
            if salt is not None and ids.is_one(salt):
                (last,) = self.connection.execute(
                    "SELECT max(id) FROM job WHERE id BETWEEN ? AND ?", get_id_range(number)
                ).fetchone()
                # A job has one id at most, and they are handed out by the hundred.
                if ids.get_rank(head) > 2 * (last & 0xFFFFFFFF) + 1024:
                    continue
            found.append(number)
        return found

    def _scan_calls(self, prefix: str, most: int | None) -> list[Match]:
        low, high = get_bounds(prefix)
        newest: dict[bytes, int] = {}
        named = self.connection.execute(
            f"SELECT id, call_hash, eval_hash FROM call WHERE {_between('call_hash', high)}",
            _bounds(low, high),
        )
        for row_id, call_hash, eval_hash in chain(named, self._iter_evaluations(low, high)):
            for digest in (call_hash, eval_hash):
                if digest is not None and digest >= low and (high is None or digest < high):
                    newest[digest] = max(row_id, newest.get(digest, 0))
            if most is not None and len(newest) >= most:
                break
        return [Match(CALL, row_id, digest.hex()) for digest, row_id in newest.items()]

    def _iter_evaluations(self, low: bytes, high: bytes | None) -> Iterator[Any]:
        """Yield the calls with an eval hash between two: from the index, and what is not in it yet."""
        execute = self.connection.execute
        columns = "SELECT c.id, c.call_hash, c.eval_hash FROM"
        condition, bounds = _between("c.eval_hash", high), _bounds(low, high)
        n_bytes = max(8, len(low))
        last = int.from_bytes(high.ljust(n_bytes, b"\0"), "big") if high else 1 << 8 * n_bytes
        ends = (low.ljust(n_bytes, b"\0"), (last - 1).to_bytes(n_bytes, "big"))
        yield from execute(
            f"{columns} call_index i CROSS JOIN call c ON c.id = i.call "
            f"WHERE i.key BETWEEN ? AND ? AND {condition}",
            (*(int.from_bytes(end[:8], "big", signed=True) for end in ends), *bounds),
        )
        for number, n_calls, n_indexed in execute(
            "SELECT id, n_calls, n_indexed FROM execution WHERE n_indexed < n_calls"
        ).fetchall():
            base = number << codes.SERIAL_BITS
            yield from execute(
                f"{columns} call c WHERE c.id > ? AND c.id <= ? AND {condition}",
                (base + n_indexed, base + n_calls, *bounds),
            )

    def _find_token_values(self, prefix: str) -> list[Match]:
        """Return the small plain values whose hash begins with hex digits.

        They live inside other rows, so every token has to be hashed; nothing else is that slow.
        """
        seen: set[bytes] = set()
        found: list[Match] = []
        low, high = get_bounds(prefix)
        for sql in (
            "SELECT value FROM argument WHERE typeof(value) = 'blob'",
            "SELECT result FROM call WHERE typeof(result) = 'blob'",
        ):
            for (token,) in self.connection.execute(sql):
                if token in seen:
                    continue
                seen.add(token)
                digest = hashing.value_hash(token)
                if digest >= low and (high is None or digest < high):
                    found.append(Match(VALUE, 0, digest.hex(), token))
                    if len(prefix) >= PRINTED_DIGITS or len(found) > MAX_CANDIDATES:
                        return found
        return found

    def _find_files(self, path: str) -> list[Match]:
        # Also where links lead to: a path is recorded as the task spelled it.
        places = {os.path.abspath(path), os.path.realpath(path)}
        names = {path, os.path.normpath(path), *places}
        if self.database.path is not None:
            project = os.path.dirname(os.path.dirname(self.database.path))
            for folder in (project, os.path.realpath(project)):
                names |= {os.path.relpath(place, folder) for place in places}
        marks = ",".join("?" * len(names))
        rows = self.connection.execute(
            f"SELECT value, path FROM file WHERE path IN ({marks}) ORDER BY value DESC LIMIT 1",
            sorted(map(as_utf8, names)),
        ).fetchall()
        return [Match(FILE, row_id, name) for row_id, name in rows]

    def _choose(self, word: str, prefix: str, matches: Sequence[Match]) -> Found:
        if len(matches) > 1 and len(prefix) < PRINTED_DIGITS:
            n_all = None if len(matches) > MAX_CANDIDATES else len(matches)
            raise AmbiguousIdError(word, self.describe_matches(word, matches), n_all)
        newest, *older = sorted(matches, key=lambda match: match.row, reverse=True)
        return Found([newest], older=older)

    def describe_matches(self, word: str, matches: Sequence[Match]) -> list[str]:
        """Return a line for each of the first records whose ids begin with `word`."""
        n_shown = max(PRINTED_DIGITS, len(word) + 4)
        return [self.describe_match(match, n_shown) for match in matches[:MAX_CANDIDATES]]

    def describe_match(self, match: Match, n_shown: int = 8) -> str:
        """Return kind, id, status and name of a record on one line."""
        shown = match.id[:n_shown]
        if match.kind == EXECUTION:
            execution = self.get_execution(match.row)
            words = " ".join(execution.argv) or execution.root_task or ""
            return f"Exec {shown} [{execution.status}] {words}"
        if match.kind == JOB:
            job = self.find_jobs("id = ?", (match.row,))[0]
            return f"Job {shown} [{job.status}] {job.task.fullname}"
        if match.kind == CALL:
            call = self.get_call(match.row)
            return f"CallNode {shown} [{call.status}] {call.task.fullname}"
        if match.kind == TASK:
            return f"Task {shown} {self.get_task(match.row).fullname}"
        value = self.get_value(match)
        return f"Value {shown} {value.type_name} {value.preview[:40]}"

    def get_value(self, match: Match) -> ValueRecord:
        """Return the value that a match names."""
        cell = match.row if match.token is None else match.token
        return self.find_values([cell])[cell]

    def find_paths(self, value: ValueRecord) -> list[str]:
        """Return the path of the file that a value names, if it names one."""
        rows = self.connection.execute(
            "SELECT path FROM file WHERE value = ?", (value.row,)
        ).fetchall()
        return [row[0] for row in rows]

    # Sets and tools.

    def find_members(self, set_id: int, limit: int) -> tuple[list[int], int]:
        """Return the first members of an interned set, and the number of all of them."""
        row = self.connection.execute(
            'SELECT n_members FROM "set" WHERE id = ?', (set_id,)
        ).fetchone()
        members = self.connection.execute(
            'SELECT member FROM set_member WHERE "set" = ? ORDER BY ordinal LIMIT ?',
            (set_id, limit),
        ).fetchall()
        return [m[0] for m in members], row[0] if row else len(members)

    def _select(self, sql: str, keys: Sequence[int]) -> Iterator[Any] | list[Any]:
        """Return the rows of a query whose one ``%s`` stands for a list of keys."""
        rows: list[Any] = []
        for start in range(0, len(keys), _BATCH):
            some = keys[start : start + _BATCH]
            rows += self.connection.execute(sql % ",".join("?" * len(some)), some).fetchall()
        return rows


def parse_id(word: str) -> str | None:
    """Return a word as hex digits when it can be the beginning of an id, else None.

    >>> parse_id("d1419df0-f954"), parse_id("5EDE15ae"), parse_id("main")
    ('d1419df0f954', '5ede15ae', None)
    """
    digits = word.lower()
    if len(digits) > 8 and "-" in digits:
        parts = digits.split("-")
        sizes = [len(part) for part in parts]
        if sizes[:-1] != [8, 4, 4, 4][: len(parts) - 1]:
            return None
        digits = "".join(parts)
    return digits if digits and len(digits) <= 40 and _HEX.issuperset(digits) else None


def is_near(digits: str, full: str) -> bool:
    """Tell whether a full id begins with `digits` but for one slip.

    A digit is other, missing or too many; of as many as are printed, two may be swapped.

    >>> [is_near(x, "5ede15ae77") for x in ("5ede15af", "5ede1ae7", "55ede15ae", "5dee15ae", "5edf1")]
    [True, True, True, True, True]
    """
    n = len(digits)
    n_wrong = 2 if n >= PRINTED_DIGITS else 1
    return any(
        _count_same(digits, other) + _count_same(digits[::-1], other[::-1]) >= n_least
        for other, n_least in (
            (full[:n], n - n_wrong),
            (full[: n + 1], n),
            (full[: n - 1], n - 1),
        )
    )


def _count_same(one: str, other: str) -> int:
    """Return how many letters two texts begin with in common."""
    both = zip(one, other)
    return next((i for i, (a, b) in enumerate(both) if a != b), min(len(one), len(other)))


def get_bounds(prefix: str) -> tuple[bytes, bytes | None]:
    """Return the least bytes that begin with hex digits, and the least ones above all such.

    >>> get_bounds("ab1")
    (b'\\xab\\x10', b'\\xab ')
    """
    n_bytes = (len(prefix) + 1) // 2
    low = int(prefix.ljust(n_bytes * 2, "0"), 16)
    above = low + (16 if len(prefix) % 2 else 1)
    high = None if above >> 8 * n_bytes else above.to_bytes(n_bytes, "big")
    return low.to_bytes(n_bytes, "big"), high


def _between(column: str, high: bytes | None) -> str:
    return f"{column} >= ?" if high is None else f"{column} >= ? AND {column} < ?"


def _bounds(low: bytes, high: bytes | None) -> tuple[bytes, ...]:
    return (low,) if high is None else (low, high)


def is_text(word: str) -> bool:
    """Tell whether a word can be stored as text: not when its bytes were no UTF-8."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _format_job_id(salt: bytes, tail: str) -> str:
    head = salt.hex()
    return f"{head[:8]}-{head[8:12]}-{head[12:]}{tail}"


def make_token_record(token: bytes) -> ValueRecord:
    """Return what is known of a small plain value."""
    return ValueRecord(
        "",
        hashing.type_name_of_token(token),
        hashing.preview_token(token, PREVIEW_LIMIT),
        token,
    )


def _make_value(row: Sequence[Any]) -> ValueRecord:
    row_id, digest, type_name, format_, size, preview, detail = row
    summary, frames = "", []
    if detail and format_ != "o":
        told = json.loads(detail)
        summary = str(told.get("summary", ""))
        frames = [(str(f[0]), int(f[1]), str(f[2]), str(f[3])) for f in told.get("frames", ())]
    shown = preview if preview is not None else f"<{type_name}>"
    if type_name.endswith(".ErrorValue"):
        shown = f"ErrorValue({shown})"
    return ValueRecord(
        digest.hex(), type_name, shown, None, row_id, size, format_, summary, tuple(frames)
    )


def find_value_of(history: History, match: Match) -> ValueRecord | None:
    """Return the value that a record stands for: itself, or the result of its call."""
    if match.kind in (VALUE, FILE):
        return history.get_value(match)
    call = find_call_of(history, match)
    return None if call is None else history.get_call(call).result


def find_call_of(history: History, match: Match) -> int | None:
    """Return the row id of the call that a record stands for; None when it has or is none."""
    if match.kind == CALL:
        return match.row
    if match.kind == JOB:
        return history.get_job(match.row).call
    if match.kind == EXECUTION:
        root = history.get_execution(match.row).root_job
        jobs = [] if root is None else history.find_jobs("id = ?", (root,))
        return jobs[0].call if jobs else None
    return None
