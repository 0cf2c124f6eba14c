"""Records as JSON. Kept like a file format: fields are added, never renamed or dropped.

Decided here: how each field gets its value; `fields` tells which there are. Ids are whole, values are
not cut, times are ISO 8601 with their offset from UTC, durations are seconds. No state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any

from redunlite import hashing
from redunlite.history.dataflow import Dataflow
from redunlite.history.query import History
from redunlite.history.records import (
    ArgumentRecord,
    CallRecord,
    ExecutionRecord,
    JobDetail,
    JobRecord,
    Maker,
    TaskCounts,
    TaskRecord,
    ValueRecord,
)
from redunlite.history.tree import JobLine, JobTree

MAX_MEMBERS = 100_000
"""Members of one origin that are listed."""
MAX_PLACE = (1 << 16) - 1

Fields = dict[str, Any]


def _time(time_us: int | None) -> str | None:
    if time_us is None:
        return None
    moment = datetime.fromtimestamp(time_us // 1_000_000, timezone.utc)
    return moment.replace(microsecond=time_us % 1_000_000).astimezone().isoformat()


def _seconds(duration_us: int | None) -> float | None:
    return None if duration_us is None else duration_us / 1e6


def make_execution(execution: ExecutionRecord) -> Fields:
    """Return the fields of an execution."""
    return {
        "kind": "execution",
        "id": execution.uuid,
        "status": execution.status,
        "start_time": _time(execution.start_us),
        "end_time": _time(execution.end_us),
        "duration_s": _seconds(execution.duration_us),
        "argv": list(execution.argv),
        "root_task": execution.root_task,
        "error": execution.error,
        "user": execution.user,
        "host": execution.host,
        "cwd": execution.cwd,
        "python": execution.python,
        "git_commit": execution.git_commit,
        "git_dirty": execution.is_git_dirty,
        "tags": _tags(execution.tags),
    }


def make_jobs(history: History, jobs: Sequence[JobRecord]) -> list[Fields]:
    """Return the fields of jobs as lists have them."""
    jobs = history.add_errors(jobs)
    parents = history.find_job_ids({job.parent for job in jobs if job.parent is not None})
    return [
        make_job(job, history.get_execution(job.execution), parents.get(job.parent or 0))
        for job in jobs
    ]


def make_tree(history: History, tree: JobTree) -> list[Fields]:
    """Return the fields of the jobs of a tree, in its order, with their depth."""
    lines = [line for line in tree.lines if isinstance(line, JobLine)]
    jobs = make_jobs(history, [line.job for line in lines])
    return [{"depth": line.depth, **fields} for line, fields in zip(lines, jobs)]


def make_page(
    history: History,
    execution: ExecutionRecord,
    counts: Sequence[TaskCounts],
    tree: JobTree,
    failed_job: JobRecord | None,
) -> Fields:
    """Return the fields of an execution with its job tree."""
    return {
        **make_execution(execution),
        "versions": dict(execution.versions),
        "failed_job": None if failed_job is None else failed_job.uuid,
        "counts": [
            {
                "task": count.task,
                "running": count.n_running,
                "failed": count.n_failed,
                "cached": count.n_cached,
                "done": count.n_done,
                "cancelled": count.n_cancelled,
                "total": count.total,
            }
            for count in counts
        ],
        "n_jobs": tree.n_jobs,
        "n_shown": tree.n_shown,
        "jobs": make_tree(history, tree),
    }


def make_job(job: JobRecord, execution: ExecutionRecord, parent_id: str | None) -> Fields:
    """Return the fields of a job as lists have them."""
    return {
        "kind": "job",
        "id": job.uuid,
        "execution_id": execution.uuid,
        "parent_id": parent_id,
        "status": job.status,
        "task": job.task.fullname,
        "task_hash": job.task.hash,
        "start_time": _time(job.start_us),
        "duration_s": _seconds(job.duration_us),
        "cpu_s": _seconds(job.cpu_us),
        "peak_bytes": job.peak_bytes,
        "error": None if job.error is None else job.error.summary or job.error.preview,
        "arguments": [
            {"name": argument.name, "place": argument.place, **make_value(argument.value)}
            for argument in job.arguments
        ],
        "tags": _tags(job.tags),
    }


def _tags(tags: Sequence[tuple[str, Any]]) -> list[Fields]:
    return [{"key": key, "value": value} for key, value in tags]


def make_job_page(history: History, detail: JobDetail, dataflow: Dataflow | None) -> Fields:
    """Return all fields of a job."""
    job = detail.job
    parent = history.find_jobs("id = ?", (job.parent,)) if job.parent is not None else []
    output = detail.output
    (job,) = history.add_errors([job])
    fields = make_job(job, detail.execution, parent[0].uuid if parent else None)
    above = parent[0].call if parent else None
    call = detail.call
    if call is not None:
        fields |= _make_call_fields(history, call, above)
    return {
        **fields,
        "output": None
        if output is None
        else {
            "n_bytes": output.n_bytes,
            "head": output.head.decode("utf-8", "replace"),
            "tail": output.tail.decode("utf-8", "replace"),
        },
        "dataflow": None if dataflow is None else make_dataflow(dataflow),
    }


def make_call_page(
    history: History, call: CallRecord, jobs: Sequence[JobRecord], dataflow: Dataflow | None
) -> Fields:
    """Return the fields of a call node."""
    above = None
    if jobs and jobs[0].parent is not None:
        parents = history.find_jobs("id = ?", (jobs[0].parent,))
        above = parents[0].call if parents else None
    return {
        "kind": "call_node",
        "status": call.status,
        "task": call.task.fullname,
        "task_hash": call.task.hash,
        **_make_call_fields(history, call, above),
        "jobs": [job.uuid for job in jobs],
        "dataflow": None if dataflow is None else make_dataflow(dataflow),
    }


def _make_call_fields(history: History, call: CallRecord, above: int | None) -> Fields:
    make_origin = _OriginMaker(history, above)
    result = call.result
    is_error = result is not None and result.is_error
    return {
        "call_hash": call.call_hash or None,
        "eval_hash": call.eval_hash,
        "arguments": [_make_argument(argument, make_origin) for argument in call.arguments],
        "result": None if result is None or is_error else make_value(result),
        "raised": _make_error(result) if result is not None and is_error else None,
    }


def _make_argument(argument: ArgumentRecord, make_origin: Callable[[int], Any]) -> Fields:
    origin = argument.origin
    return {
        "name": argument.name,
        "place": argument.place,
        **make_value(argument.value),
        "origin": None if origin is None else make_origin(origin),
    }


class _OriginMaker:
    """Turns origin codes into fields; `above` is the call that places are counted in."""

    def __init__(self, history: History, above: int | None) -> None:
        self._history = history
        self._names: dict[int, str] = {}
        self._above_hash: str | None = None
        if above is not None:
            call = history.get_call(above)
            self._names = {argument.place: argument.name for argument in call.arguments}
            self._above_hash = call.call_hash or None

    def __call__(self, origin: int) -> Fields:
        if origin >= 0:
            return self._make([origin])[0]
        members, n_all = self._history.find_members(-1 - origin, MAX_MEMBERS)
        return {"kind": "many", "n_members": n_all, "members": self._make(members)}

    def _make(self, origins: Sequence[int]) -> list[Fields]:
        hashes = self._history.find_call_names([o for o in origins if o > MAX_PLACE])
        made: list[Fields] = []
        for origin in origins:
            if origin > MAX_PLACE:
                call_hash, task = hashes.get(origin, (None, None))
                made.append({"kind": "result", "task": task, "call_hash": call_hash})
            else:
                name = self._names.get(origin)
                made.append(
                    {
                        "kind": "argument",
                        "place": origin,
                        "name": name,
                        "call_hash": self._above_hash,
                    }
                )
        return made


def make_value(value: ValueRecord) -> Fields:
    """Return the fields that tell about a value."""
    fields: Fields = {
        "preview": value.preview,
        "value_hash": value.hash,
        "type": value.type_name,
    }
    if value.token is not None:
        plain = hashing.decode_token(value.token)
        if _is_json(plain):
            fields["value"] = plain
    return fields


def _is_json(value: Any) -> bool:
    """Tell whether JSON gives back an equal value of the same type."""
    kind = type(value)
    if kind is list:
        return all(map(_is_json, value))
    if kind is dict:
        return all(type(key) is str and _is_json(key) and _is_json(v) for key, v in value.items())
    if kind is str:
        return value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value)
    return value is None or kind is bool or kind is int or (kind is float and math.isfinite(value))


def _make_error(value: ValueRecord) -> Fields:
    return {
        **make_value(value),
        "summary": value.summary,
        "frames": [
            {"file": file, "line": line, "name": name, "text": text}
            for file, line, name, text in value.frames
        ],
    }


def make_value_page(value: ValueRecord, dataflow: Dataflow | None, maker: Maker | None) -> Fields:
    """Return the fields of a value and of where it came from."""
    return {
        "kind": "value",
        **make_value(value),
        "size": value.size,
        "made_by": None if maker is None else _make_maker(maker),
        "dataflow": None if dataflow is None else make_dataflow(dataflow),
    }


def _make_maker(maker: Maker) -> Fields:
    return {
        "task": maker.call.task.fullname,
        "task_hash": maker.call.task.hash,
        "call_hash": maker.call.call_hash or None,
        "job_id": None if maker.job is None else maker.job.uuid,
        "execution_id": maker.execution.uuid,
    }


def make_task(task: TaskRecord, first_job: JobRecord | None) -> Fields:
    """Return the fields of a version of a task."""
    return {
        "kind": "task",
        "hash": task.hash,
        "name": task.name,
        "namespace": task.namespace,
        "fullname": task.fullname,
        "version": task.version,
        "source": task.source,
        "file": task.file,
        "line": task.line,
        "params": [name for name, _ in task.params],
        "first_job": None if first_job is None else first_job.uuid,
    }


def make_dataflow(dataflow: Dataflow) -> Fields:
    """Return the fields of a dataflow."""
    return {
        "name": dataflow.name,
        "value": make_value(dataflow.value),
        "sections": [
            {
                "name": section.name,
                "steps": [
                    {
                        "kind": step.kind,
                        "call_hash": step.call_hash or None,
                        "task": step.task or None,
                        "params": list(step.params),
                        "n_left_out": step.n_left_out,
                    }
                    for step in section.steps
                ],
                "variables": [
                    {"name": variable.name, **make_value(variable.value)}
                    for variable in section.variables
                ],
                "n_more": section.n_more,
                "n_folded": section.n_folded,
                "folded_task": section.folded_task or None,
            }
            for section in dataflow.sections
        ],
    }
