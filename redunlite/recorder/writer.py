"""Rows: from jobs that began or ended to committed rows, in one transaction a batch.

The writer never waits for the database: while somebody else holds it, rows stay queued. SQL text is
taken once from the Peewee models and run with `executemany`, because building a statement costs ten
times its execution. State: the rows that wait, the serials of this execution, its counters.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from redunlite import hashing, serialize
from redunlite.expression import SCALARS
from redunlite.job import FAILED, CachedCall, Job
from redunlite.jobinfo import JobIds, format_uuid, make_uuid
from redunlite.kinds import FLAG_FILE, FORMAT_TOKEN, ValueRef
from redunlite.preview import as_utf8, format_preview
from redunlite.recorder import models
from redunlite.recorder.cache import CallCache, check_digest, fill_index
from redunlite.recorder.database import insert_sql
from redunlite.recorder.models import (
    CALL_ERROR,
    CALL_OK,
    CALL_OPEN,
    CANCELLED,
    DONE,
    RUNNING,
    SERIAL_BITS,
)
from redunlite.recorder.tags import insert_tags
from redunlite.recorder.values import make_value_row
from redunlite.tags import Tag, encode_tag_value, value_key
from redunlite.valuestore import ValueStore

if TYPE_CHECKING:
    from redunlite.call import ErrorDetail
    from redunlite.recorder.database import Database
    from redunlite.reporter import TaskCounts
    from redunlite.task import Task

MAX_ROWS = 5_000
MAX_BYTES = 8 << 20
SALTS_AT_ONCE = 512
_FAILED = models.FAILED
_STATUS_BY_NAME = {"DONE": DONE, "FAILED": _FAILED, "CANCELLED": CANCELLED}
# Positions in a counter: running, failed, cached, done, cancelled, microseconds.
_RUNNING, _N_FAILED, _CACHED, _N_DONE, _N_CANCELLED, _DURATION = range(6)


class RunRecorder:
    """Keeps one execution in a database; the recorder of `cache_policy.Recorder`.

    Parameters
    ----------
    database
        Open for writing.
    store
        Where large values are.
    project
        Folder that recorded paths are relative to, or None.
    facts
        Columns of `execution` that are known before it begins: user, host, versions and so on.
    tags
        Of the execution.
    is_git_dirty
        Called once, at the end: whether files differ from the commit, None when not known.
    """

    is_read_only = False

    def __init__(
        self,
        database: Database,
        store: ValueStore,
        project: str | None = None,
        facts: Mapping[str, Any] | None = None,
        is_git_dirty: Callable[[], bool | None] | None = None,
        tags: Sequence[Tag] = (),
    ) -> None:
        self._database = database
        self._connection: sqlite3.Connection = database.connection
        self._store = store
        self._project = project
        self._facts = dict(facts or {})
        self._is_git_dirty = is_git_dirty
        self._run_tags = list(tags)
        self._tags: list[tuple[str, int, str, str]] = []
        self._cache = CallCache(self._connection)
        self._jobs: list[tuple[Any, ...]] = []
        self._job_updates: list[tuple[Any, ...]] = []
        self._calls: list[tuple[Any, ...]] = []
        self._call_updates: list[tuple[Any, ...]] = []
        self._arguments: list[tuple[Any, ...]] = []
        self._values: list[tuple[Any, ...]] = []
        self._sets: list[tuple[int, int]] = []
        self._members: list[tuple[int, Sequence[int]]] = []
        """Row id and members of each set; one row a member is made only when they are written."""
        self._uuid = make_uuid()
        self._job_ids = JobIds(self._uuid)
        self._salts: list[bytes] = []
        self._n_bytes = 0
        self._n_calls = 0
        self._n_values = 0
        self._n_sets = 0
        self._interned: dict[Any, int] = {}
        self._task_ids: dict[bytes, int] = {}
        self._counters: dict[int, list[int]] = {}
        self._dirty: set[int] = set()
        self._live_hashes: set[bytes] | None = None
        self._versions: dict[str, list[int]] = {}
        """Row ids of the versions that this run has of each task, by its full name."""
        self._reasons: Any = None
        self._durations: Any = None
        self.execution = 0
        """Execution number."""

    # The execution.

    def begin(self, argv: Sequence[str], root_task: Task[..., Any]) -> str:
        """Open an execution and return its UUID as text."""
        text = format_uuid(self._uuid)
        row = {
            "uuid": self._uuid,
            "status": RUNNING,
            "start_time": time.time_ns() // 1000,
            "argv": json.dumps(list(argv)),
            "root_task": root_task.fullname,
            "root_job": None,
            "pid": os.getpid(),
            "lease": text,
            "n_calls": 0,
            "n_indexed": 0,
            **{k: as_utf8(v) if isinstance(v, str) else v for k, v in self._facts.items()},
        }
        columns = ", ".join(row)
        marks = ", ".join("?" * len(row))
        self._database.take_lease(text)
        self._database.begin()
        cursor = self._connection.execute(
            f"INSERT INTO execution ({columns}) VALUES ({marks})", list(row.values())
        )
        self.execution = int(cursor.lastrowid or 0)
        self._base = self.execution << SERIAL_BITS
        self.tag_execution(self._run_tags)
        insert_tags(self._connection, self._tags)
        self._tags = []
        self._connection.execute(
            "UPDATE execution SET root_job = ? WHERE id = ?", (self._base | 1, self.execution)
        )
        self._database.commit()
        return text

    def finish(self, status: str, error: str, counts: Mapping[str, TaskCounts]) -> None:
        """Write everything and close the execution."""
        self._write(wait=True)
        end_time = time.time_ns() // 1000
        is_dirty = None if self._is_git_dirty is None else self._is_git_dirty()
        self._database.begin()
        fill_index(self._connection)
        self._connection.execute(
            "UPDATE execution SET status = ?, end_time = ?, error = ?, git_dirty = ? WHERE id = ?",
            (_STATUS_BY_NAME[status], end_time, error or None, is_dirty, self.execution),
        )
        self._database.commit()
        self._database.drop_lease()

    # Ids.

    def next_call_id(self) -> int:
        """Return a row id for a call."""
        self._n_calls += 1
        return self._base | self._n_calls

    def is_earlier(self, call_id: int) -> bool:
        """Tell whether a call was recorded by an earlier run."""
        return call_id < self._base

    def make_salt(self) -> bytes:
        """Return the first 8 bytes of a job's id; no other job of the run has the same first 4."""
        salts = self._salts
        if not salts:
            salts += self._job_ids.take(SALTS_AT_ONCE)
        return salts.pop()

    def get_task_id(self, task: Task[..., Any]) -> int:
        """Return the row id of the present version of a task, recorded when it is new."""
        try:
            task_hash = task.hash
        except KeyboardInterrupt:
            raise
        except BaseException:  # its calls fail of this very error
            task_hash = task.recorded_fingerprint.hash
        found = self._task_ids.get(task_hash)
        if found is None:
            found = self._task_ids[task_hash] = self._record_task(task)
            self._versions.setdefault(task.fullname, []).append(found)
        return found

    def _record_task(self, task: Task[..., Any]) -> int:
        info = task.recorded_fingerprint
        row = self._connection.execute(
            "SELECT id FROM task WHERE hash = ?", (info.hash,)
        ).fetchone()
        if row is not None:
            return int(row[0])
        params = json.dumps(list(zip(task.parameters.names, task.parameters.kinds)))
        self._database.begin()
        execute = self._connection.execute
        execute(
            "INSERT OR IGNORE INTO task (hash, name, namespace, version, source, file, line, params) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (info.hash, task.name, task.namespace, task.version, info.source,
             self._relative(info.file), info.line, params),
        )  # fmt: skip
        task_id = int(execute("SELECT id FROM task WHERE hash = ?", (info.hash,)).fetchone()[0])
        for ordinal, part in enumerate(info.components):
            execute(
                "INSERT OR IGNORE INTO task_component (hash, kind, name, source, file, line) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    part.hash,
                    part.kind,
                    part.name,
                    part.source,
                    self._relative(part.file),
                    part.line,
                ),
            )
            execute(
                "INSERT OR IGNORE INTO task_part (task, ordinal, component) "
                "SELECT ?, ?, id FROM task_component WHERE hash = ?",
                (task_id, ordinal, part.hash),
            )
        tags = task.base_options.get("tags")
        if tags:
            rows = [("task", task_id, key, encode_tag_value(value)) for key, value in tags]
            insert_tags(self._connection, rows)
        self._database.commit()
        return task_id

    def _relative(self, path: str | None) -> str | None:
        if path is None:
            return None
        if self._project is not None:
            relative = os.path.relpath(path, self._project)
            path = path if relative.startswith("..") else relative
        return as_utf8(path)

    # Answers.

    def find_calls(self, eval_hashes: Collection[bytes]) -> dict[bytes, list[CachedCall]]:
        """Return what is recorded under each hash, newest first."""
        return self._cache.find_calls(eval_hashes)

    def get_task_set(self, task_set: int) -> Collection[int]:
        """Return the task ids of an interned set."""
        return self._cache.get_task_set(task_set)

    def are_tasks_live(self, task_set: int | None) -> bool:
        """Tell whether all tasks of a set have their present code."""
        if task_set is None:
            return True
        if self._live_hashes is None:
            from redunlite.task import get_task_registry

            self._live_hashes = {found.hash for found in get_task_registry().get_fingerprints()}
        return self._cache.has_only_tasks(task_set, self._live_hashes)

    def find_reason(self, job: Job, hash_as: Callable[[bytes], bytes]) -> str:
        """Return why a job runs that ran before, or ''."""
        if self._reasons is None:
            from redunlite.recorder.reasons import Reasons

            self._reasons = Reasons(
                self._connection, self.execution, self.get_task_id, self.find_calls
            )
        return self._reasons.find(job, hash_as)  # type: ignore[no-any-return]

    def find_mean_us(self, fullname: str) -> float | None:
        """Return the mean duration of a task's jobs in microseconds; None when none is known."""
        if self._durations is None:
            from redunlite.recorder.durations import Durations

            self._durations = Durations(self._connection, self.execution)
        counters = [self._counters.get(task_id) for task_id in self._versions.get(fullname, ())]
        own = [(counter[_N_DONE], counter[_DURATION]) for counter in counters if counter]
        return self._durations.find_mean_us(fullname, own)  # type: ignore[no-any-return]

    # Tags.

    def tag_execution(self, tags: Iterable[Tag]) -> None:
        """Keep tags of the execution."""
        self._add_tags("execution", self.execution, tags)

    def tag_job(self, job: Job, tags: Iterable[Tag]) -> None:
        """Keep tags of a job."""
        self._add_tags("job", self._base | job.serial, tags)

    def tag_value(self, value_hash: bytes, tags: Iterable[Tag]) -> None:
        """Keep tags of a value."""
        self._add_tags("value", value_key(value_hash), tags)

    def _add_tags(self, entity: str, entity_id: int, tags: Iterable[Tag]) -> None:
        self._tags += [(entity, entity_id, key, encode_tag_value(value)) for key, value in tags]

    # Rows.

    def record_job(self, job: Job) -> None:
        """Take a job that ended; its call too, when it is new."""
        failed = job.state == FAILED
        cancelled = failed and job.failure is None
        if not job.call_id:
            job.call_id = self.next_call_id()
        status = CANCELLED if cancelled else _FAILED if failed else DONE
        task_id = self.get_task_id(job.task)
        if job.cached is None or job.call_id != job.cached.id:
            call_status = CALL_OPEN if cancelled else CALL_ERROR if failed else CALL_OK
            self._record_call(job, task_id, call_status)
        usage = job.usage
        start = job.start_time
        duration = None
        if not cancelled:
            if job.kind or usage is None or job.single is not None:
                duration = time.time_ns() // 1000 - start
            else:
                duration = usage.duration_us
        counter = self._counters.get(task_id)
        if counter is None:
            counter = self._counters[task_id] = [0] * 6
        if job.is_written:
            counter[_RUNNING] -= 1
        if status == DONE:
            if job.kind:
                counter[_CACHED] += 1
            else:
                counter[_N_DONE] += 1
                counter[_DURATION] += duration or 0
        else:
            counter[_N_CANCELLED if cancelled else _N_FAILED] += 1
        self._dirty.add(task_id)
        cpu, peak = (usage.cpu_us, usage.peak_bytes) if usage is not None else (None, None)
        output = self._output_cell(job.output) if job.output is not None else None
        if job.is_written:
            self._job_updates.append(
                (job.call_id, job.kind, status, start, duration, cpu, peak, output,
                 self._base | job.serial)
            )  # fmt: skip
            return
        job.is_written = True
        if job.options and "tags" in job.options:
            self.tag_job(job, job.options["tags"])
        parent = job.parent
        self._jobs.append(
            (self._base | job.serial, job.salt or self.make_salt(),
             None if parent is None else self._base | parent.serial, job.call_id, task_id,
             job.kind, status, start, duration, cpu, peak, output)
        )  # fmt: skip

    def record_open_job(self, job: Job) -> None:
        """Take a job that is running or being reduced."""
        task_id = self.get_task_id(job.task)
        if job.cached is None:
            if not job.call_id:
                job.call_id = self.next_call_id()
            self._record_call(job, task_id, CALL_OPEN)
        if job.is_written:
            return
        job.is_written = True
        if not job.salt:
            job.salt = self.make_salt()
        if job.options and "tags" in job.options:
            self.tag_job(job, job.options["tags"])
        counter = self._counters.setdefault(task_id, [0] * 6)
        counter[_RUNNING] += 1
        self._dirty.add(task_id)
        parent = job.parent
        call_id = job.call_id or (job.cached.id if job.cached is not None else None)
        self._jobs.append(
            (self._base | job.serial, job.salt, None if parent is None else self._base | parent.serial,
             call_id, task_id, job.kind, RUNNING, job.start_time, None, None, None, None)
        )  # fmt: skip

    def record_recovery(
        self, key: bytes, task: Task[..., Any], single: ValueRef, task_ids: Collection[int]
    ) -> None:
        """Keep the recovery of a failed graph under `key`, with the tasks that had a part in it."""
        task_set = self._add_set(sorted(task_ids))
        check = check_digest(key, CALL_OPEN, b"", single.token)
        self._calls.append(
            (self.next_call_id(), self.get_task_id(task), key, None, CALL_OPEN, None,
             self._cell(single), None, None, task_set, None, None, None, 0, check)
        )  # fmt: skip

    def _record_call(self, job: Job, task_id: int, status: int) -> None:
        result = job.result if status != CALL_OPEN else None
        single = job.single
        detail = job.failure.detail if status == CALL_ERROR and job.failure is not None else None
        result_cell = None if result is None else self._cell(result, detail)
        single_cell = None if single is None else self._cell(single)
        check = check_digest(
            job.eval_hash, status, b"" if result is None else result.token,
            b"" if single is None else single.token,
        )  # fmt: skip
        origin = job.value_origin
        if origin is not None and type(origin) is list:
            origin = self._intern(tuple(origin))
        tasks = None
        if job.task_ids is not None and status != CALL_OPEN:
            tasks = self._intern_tasks(job.task_ids)
        flags = (0 if result is None else result.flags) | (0 if single is None else single.flags)
        call_hash = None if status == CALL_OPEN else job.call_hash
        context = None
        if job.inherited is not None and job.inherited.is_read and status != CALL_OPEN:
            context = self._cell(serialize.encode(dict(job.inherited.context), self._store))
        if job.call_written:
            self._call_updates.append(
                (call_hash, status, result_cell, single_cell, origin, tasks, context, flags & 1,
                 check, job.call_id)
            )  # fmt: skip
            return
        job.call_written = True
        self._calls.append(
            (job.call_id, task_id, job.eval_hash, call_hash, status, result_cell, single_cell,
             origin, job.upstream_digest or None, tasks, None, context, None, flags & 1, check)
        )  # fmt: skip
        origins = job.origins
        for place, value in enumerate(job.arguments):
            source = None if origins is None else origins[place]
            if source is not None and type(source) is list:
                source = self._intern(tuple(source))
            kind = type(value)
            if kind is ValueRef:
                cell = self._cell(value)
            elif kind in SCALARS:
                cell = self._scalar_cell(value)
            else:
                cell = self._live_cell(tuple(value) if kind is list else value)
            self._arguments.append((job.call_id, place, None, cell, source))

    def _cell(self, ref: ValueRef, detail: ErrorDetail | None = None) -> Any:
        if ref.format == FORMAT_TOKEN:
            return ref.token
        if ref.row is None:
            self._n_values += 1
            ref.row = self._base | self._n_values
            row = make_value_row(ref.row, ref, self._store, detail)
            self._values.append(row)
            if not ref.flags & FLAG_FILE:
                self._n_bytes += ref.size
        return ref.row

    def _live_cell(self, value: Any) -> Any:
        """Return the cell of an argument; of one that its call failed of, its text."""
        try:
            return self._cell(serialize.compose(value, self._store))
        except KeyboardInterrupt:
            raise
        except BaseException:  # the user's own classes; the job has failed of it, and says how
            return self._scalar_cell(format_preview(value))

    def _scalar_cell(self, value: Any) -> Any:
        token = hashing.token(value)
        if hashing.is_plain_token(token):
            return token
        return self._cell(serialize.encode(value, self._store))

    def _output_cell(self, output: Any) -> int:
        self._n_values += 1
        row_id = self._base | self._n_values
        data = output.head + output.tail
        text = data.decode("utf-8", "replace")
        detail = json.dumps({"n_bytes": output.n_bytes, "n_head": len(output.head)})
        self._values.append(
            (row_id, hashing.digest(b"output", data), "redunlite.Output", "o", len(data), data,
             serialize.checksum(data), text[:200], 0, None, detail)
        )  # fmt: skip
        self._n_bytes += len(data)
        return row_id

    def _intern(self, members: tuple[int, ...]) -> int:
        """Return the origin code of an interned set of origins."""
        found = self._interned.get(members)
        if found is None:
            found = self._interned[members] = -1 - self._add_set(members)
        return found

    def _intern_tasks(self, task_ids: set[int]) -> int | None:
        if len(task_ids) == 1:
            return None
        key = frozenset(task_ids)
        found = self._interned.get(key)
        if found is None:
            found = self._interned[key] = self._add_set(sorted(key))
        return found

    def _add_set(self, members: Sequence[int]) -> int:
        self._n_sets += 1
        row_id = self._base | self._n_sets
        self._sets.append((row_id, len(members)))
        self._members.append((row_id, members))
        return row_id

    # Writing.

    def is_due(self) -> bool:
        """Tell whether enough rows wait to be written now."""
        return len(self._jobs) >= MAX_ROWS or self._n_bytes >= MAX_BYTES

    def flush(self) -> bool:
        """Write what waits, if nobody else holds the database; tell whether it was written."""
        return self._write(wait=False)

    def _write(self, *, wait: bool) -> bool:
        waiting = self._jobs or self._job_updates or self._calls or self._call_updates or self._tags
        if not waiting:
            return True
        if wait:
            self._database.begin()
        elif not self._database.try_begin():
            return False
        many = self._connection.executemany
        try:
            for sql, rows in (
                (_INSERT_VALUE, self._values),
                (_INSERT_SET, self._sets),
                (_INSERT_MEMBER, _iter_members(self._members)),
                (_INSERT_CALL, self._calls),
                (_UPDATE_CALL, self._call_updates),
                (_INSERT_ARGUMENT, self._arguments),
                (_INSERT_JOB, self._jobs),
                (_UPDATE_JOB, self._job_updates),
            ):
                if rows:
                    many(sql, rows)
            insert_tags(self._connection, self._tags)
            many(
                _REPLACE_COUNTER,
                [(self.execution, task, *self._counters[task]) for task in self._dirty],
            )
            self._connection.execute(
                "UPDATE execution SET n_calls = ? WHERE id = ?", (self._n_calls, self.execution)
            )
            self._database.commit()
        except BaseException:
            self._database.rollback()
            raise
        for rows in (
            self._values, self._sets, self._members, self._calls, self._call_updates,
            self._arguments, self._jobs, self._job_updates, self._tags,
        ):  # fmt: skip
            rows.clear()
        self._dirty.clear()
        self._n_bytes = 0
        return True


class DryRecorder:
    """Finds answers and writes nothing; the recorder of a dry run.

    Parameters
    ----------
    database
        Open read-only, or None when there is none yet.
    """

    is_read_only = True

    def __init__(self, database: Database | None) -> None:
        self._connection = None if database is None else database.connection
        self._cache = None if self._connection is None else CallCache(self._connection)
        self._task_ids: dict[bytes, int] = {}
        self._reasons: Any = None

    def begin(self, argv: Sequence[str], root_task: Task[..., Any]) -> str:
        """Open nothing."""
        return ""

    def next_call_id(self) -> int:
        """Return an id that nothing has."""
        return 0

    def is_earlier(self, call_id: int) -> bool:
        """Tell that no other row is of interest: none is written."""
        return False

    def make_salt(self) -> bytes:
        """Return no id."""
        return b""

    def get_task_id(self, task: Task[..., Any]) -> int:
        """Return the row id of a task, or a negative number for one that is not recorded."""
        task_hash = task.recorded_fingerprint.hash
        found = self._task_ids.get(task_hash)
        if found is None:
            row = None
            if self._connection is not None:
                row = self._connection.execute(
                    "SELECT id FROM task WHERE hash = ?", (task_hash,)
                ).fetchone()
            found = self._task_ids[task_hash] = row[0] if row else -1 - len(self._task_ids)
        return found

    def find_calls(self, eval_hashes: Collection[bytes]) -> dict[bytes, list[CachedCall]]:
        """Return what is recorded under each hash, newest first."""
        return {} if self._cache is None else self._cache.find_calls(eval_hashes)

    def are_tasks_live(self, task_set: int | None) -> bool:
        """Tell whether all tasks of a set have their present code."""
        if task_set is None or self._cache is None:
            return task_set is None
        from redunlite.task import get_task_registry

        live = {found.hash for found in get_task_registry().get_fingerprints()}
        return self._cache.has_only_tasks(task_set, live)

    def get_task_set(self, task_set: int) -> Collection[int]:
        """Return the task ids of an interned set."""
        return () if self._cache is None else self._cache.get_task_set(task_set)

    def find_reason(self, job: Job, hash_as: Callable[[bytes], bytes]) -> str:
        """Return why a job would run that ran before, or ''."""
        if self._connection is None:
            return ""
        if self._reasons is None:
            from redunlite.recorder.reasons import Reasons

            self._reasons = Reasons(self._connection, 0, self.get_task_id, self.find_calls)
        return self._reasons.find(job, hash_as)  # type: ignore[no-any-return]

    def find_mean_us(self, fullname: str) -> float | None:
        """Know no duration: nothing runs."""
        return None

    def record_job(self, job: Job) -> None:
        """Write nothing."""

    def record_open_job(self, job: Job) -> None:
        """Write nothing."""

    def record_recovery(
        self, key: bytes, task: Task[..., Any], single: ValueRef, task_ids: Collection[int]
    ) -> None:
        """Write nothing."""

    def is_due(self) -> bool:
        """Write nothing."""
        return False

    def tag_execution(self, tags: Iterable[Tag]) -> None:
        """Keep nothing."""

    def tag_job(self, job: Job, tags: Iterable[Tag]) -> None:
        """Keep nothing."""

    def tag_value(self, value_hash: bytes, tags: Iterable[Tag]) -> None:
        """Keep nothing."""

    def flush(self) -> bool:
        """Write nothing."""
        return True

    def finish(self, status: str, error: str, counts: Mapping[str, TaskCounts]) -> None:
        """Write nothing."""


def _iter_members(sets: Sequence[tuple[int, Sequence[int]]]) -> Iterator[tuple[int, int, int]]:
    for row_id, members in sets:
        for i, member in enumerate(members):
            yield row_id, i, member


_INSERT_VALUE = insert_sql(models.Value)
_INSERT_SET = insert_sql(models.Set)
_INSERT_MEMBER = insert_sql(models.SetMember)
_INSERT_CALL = insert_sql(models.Call)
_INSERT_ARGUMENT = insert_sql(models.Argument)
_INSERT_JOB = insert_sql(models.Job)
_UPDATE_CALL = (
    "UPDATE call SET call_hash = ?, status = ?, result = ?, single = ?, result_origin = ?, "
    "tasks = ?, context = ?, flags = ?, check_digest = ? WHERE id = ?"
)
_UPDATE_JOB = (
    "UPDATE job SET call = ?, kind = ?, status = ?, start_time = ?, duration_us = ?, cpu_us = ?, "
    "peak_bytes = ?, output = ? WHERE id = ?"
)
_REPLACE_COUNTER = insert_sql(models.Counter).replace("INSERT", "INSERT OR REPLACE", 1)
