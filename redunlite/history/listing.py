"""Lists of executions and jobs, newest first, by status, task and time.

Decided here: what a filter means for an execution and for a job, and which rows are read for a list.
Not here: what a word names (`query`), how a list looks (`display`). No state.

A job is found by the counters of its execution first: an execution that has no job of that task and
status is not read, and reading stops when all that it has are found. What is left is at most a scan
of one execution's range of row ids (0.06 s at a million jobs).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from redunlite.history.query import History
from redunlite.history.records import (
    CACHED,
    CANCELLED,
    DONE,
    FAILED,
    RUNNING,
    ExecutionRecord,
    JobRecord,
)
from redunlite.history.tags import make_condition
from redunlite.recorder import codes
from redunlite.recorder.database import get_id_range

EXECUTION_STATUSES = (RUNNING, DONE, FAILED, CANCELLED)
JOB_STATUSES = (RUNNING, DONE, CACHED, FAILED, CANCELLED)
_EXECUTION_CODES = dict(
    zip(EXECUTION_STATUSES, (codes.RUNNING, codes.DONE, codes.FAILED, codes.CANCELLED))
)
SHOWN_STATUSES = {"RUN": RUNNING, "CANCEL": CANCELLED}
"""Statuses by the shorter words that lines of the log show."""
BATCH = 2_000
"""Jobs that are read at a time."""


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed to; nothing by default."""

    statuses: frozenset[str] = frozenset()
    """One of these; any when empty."""
    tasks: Sequence[int] | None = None
    """Row ids of versions of a task; None for any."""
    since_us: int | None = None
    """Begun at this time or later."""
    until_us: int | None = None
    """Begun before this time."""
    execution: int | None = None
    """Number of the execution whose jobs are meant; None for any."""
    tags: Sequence[tuple[str, str | None]] = ()
    """Key, and value as JSON or None for any; a record has to have them all."""


class ExecutionList(NamedTuple):
    """Executions that a filter lets through."""

    executions: Sequence[ExecutionRecord]
    n_all: int
    """How many there are in all."""


class _Span(NamedTuple):
    """The jobs of one execution."""

    number: int
    n_most: int
    """As many jobs at most are let through."""
    is_dead: bool
    """Whether its process is gone and nobody has written so yet."""


# Executions.


def find_executions(history: History, wanted: Filter, limit: int | None) -> ExecutionList:
    """Return the newest executions that a filter lets through, and the number of all such."""
    conditions, values = _make_time_conditions(wanted)
    if wanted.statuses:
        conditions.append(_tell_execution_status(history, wanted.statuses))
    _add_tags(wanted, "execution", conditions, values)
    where = " AND ".join(conditions) or "1"
    found = history.find_executions(limit, where, values)
    n_all = len(found)
    if limit is not None and n_all == limit:
        sql = f"SELECT count(*) FROM execution WHERE {where}"
        n_all = int(history.connection.execute(sql, values).fetchone()[0])
    return ExecutionList(found, n_all)


def _tell_execution_status(history: History, statuses: frozenset[str]) -> str:
    """Return the SQL condition under which an execution shows one of these statuses."""
    coded = [str(_EXECUTION_CODES[status]) for status in sorted(statuses)]
    told = f"status IN ({','.join(coded)})"
    # A row that says RUNNING of a process that is gone stands for FAILED.
    dead = ",".join(map(str, find_dead(history)))
    if FAILED in statuses:
        return f"({told} OR id IN ({dead}))"
    return f"({told} AND id NOT IN ({dead}))"


def find_dead(history: History) -> list[int]:
    """Return the numbers of executions that are recorded as running and whose process is gone."""
    rows = history.connection.execute(
        "SELECT id, lease FROM execution WHERE status = ?", (codes.RUNNING,)
    ).fetchall()
    return [number for number, lease in rows if not history.database.is_alive(lease)]


def _make_time_conditions(wanted: Filter) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    if wanted.since_us is not None:
        conditions.append("start_time >= ?")
        values.append(wanted.since_us)
    if wanted.until_us is not None:
        conditions.append("start_time < ?")
        values.append(wanted.until_us)
    return conditions, values


def _add_tags(wanted: Filter, entity: str, conditions: list[str], values: list[Any]) -> None:
    """Add the SQL conditions on records with the tags that are wanted."""
    for tag in wanted.tags:
        condition, given = make_condition([tag])
        conditions.append(f"id IN (SELECT entity_id FROM tag WHERE entity = ? AND {condition})")
        values += [entity, *given]


# Jobs.


def count_jobs(history: History, wanted: Filter) -> int | None:
    """Return the number of jobs that a filter lets through; None when only reading them all tells."""
    if wanted.since_us is not None or wanted.until_us is not None or wanted.tags:
        return None
    return sum(span.n_most for span in _find_spans(history, wanted))


def iter_jobs(
    history: History, wanted: Filter, limit: int | None = None, *, arguments: bool = True
) -> Iterator[list[JobRecord]]:
    """Yield the newest jobs that a filter lets through, some at a time.

    Parameters
    ----------
    arguments
        Whether the arguments of the jobs are read too.
    """
    n_left = -1 if limit is None else limit
    for span in _find_spans(history, wanted):
        n_here = span.n_most if n_left < 0 else min(span.n_most, n_left)
        first, last = get_id_range(span.number)
        condition, values = _make_job_condition(wanted, span)
        while n_here > 0:
            n_batch = min(n_here, BATCH)
            jobs = history.find_jobs(
                f"id BETWEEN ? AND ?{condition}", (first, last, *values), n_batch, "id DESC"
            )
            if jobs:
                yield history.add_arguments(jobs) if arguments else jobs
            if n_left > 0:
                n_left -= len(jobs)
            if len(jobs) < n_batch:
                break
            n_here -= len(jobs)
            last = jobs[-1].row - 1
        if n_left == 0:
            return


def _find_spans(history: History, wanted: Filter) -> list[_Span]:
    """Return the executions that may have such jobs, newest first."""
    dead = set(find_dead(history))
    conditions = []
    values: list[int] = []
    if wanted.execution is not None:
        conditions.append("execution = ?")
        values.append(wanted.execution)
    if wanted.tasks is not None:
        conditions.append(f"task IN ({','.join('?' * len(wanted.tasks))})")
        values += wanted.tasks
    rows = history.connection.execute(
        "SELECT execution, sum(n_running), sum(n_failed), sum(n_cached), sum(n_done), "
        f"sum(n_cancelled) FROM counter WHERE {' AND '.join(conditions) or '1'} "
        "GROUP BY execution ORDER BY execution DESC",
        values,
    ).fetchall()
    overlapping = _find_overlapping(history, wanted)
    spans = []
    for number, running, failed, cached, done, cancelled in rows:
        counts = {RUNNING: running, FAILED: failed, CACHED: cached, DONE: done}
        counts[CANCELLED] = cancelled
        if number in dead:
            counts[CANCELLED] += counts.pop(RUNNING)
        chosen = wanted.statuses or counts.keys()
        n_most = sum(n for status, n in counts.items() if status in chosen)
        if n_most and (overlapping is None or number in overlapping):
            spans.append(_Span(number, n_most, number in dead))
    return spans


def _find_overlapping(history: History, wanted: Filter) -> set[int] | None:
    """Return the executions that ran at the times that are wanted; None for all."""
    if wanted.since_us is None and wanted.until_us is None:
        return None
    early = 0 if wanted.since_us is None else wanted.since_us
    late = (1 << 63) - 1 if wanted.until_us is None else wanted.until_us
    rows = history.connection.execute(
        "SELECT id FROM execution WHERE start_time < ? AND (end_time IS NULL OR end_time >= ?)",
        (late, early),
    ).fetchall()
    return {row[0] for row in rows}


def _make_job_condition(wanted: Filter, span: _Span) -> tuple[str, list[Any]]:
    """Return what follows the range of ids in the condition on a job's row, and its values."""
    conditions, values = _make_time_conditions(wanted)
    if wanted.tasks is not None:
        conditions.append(f"task IN ({','.join('?' * len(wanted.tasks))})")
        values += wanted.tasks
    if wanted.statuses:
        told = [_tell_job_status(status, span.is_dead) for status in sorted(wanted.statuses)]
        conditions.append(f"({' OR '.join(told)})")
    _add_tags(wanted, "job", conditions, values)
    return "".join(f" AND {condition}" for condition in conditions), values


def _tell_job_status(status: str, is_dead: bool) -> str:
    """Return the SQL condition under which a job's row shows this status."""
    if status == RUNNING:
        return "0" if is_dead else f"status = {codes.RUNNING:d}"
    if status == CANCELLED:
        more = f",{codes.RUNNING:d}" if is_dead else ""
        return f"status IN ({codes.CANCELLED:d}{more})"
    if status == FAILED:
        return f"status = {codes.FAILED:d}"
    ran = "=" if status == DONE else "<>"
    return f"(status = {codes.DONE:d} AND kind {ran} {codes.KIND_RUN:d})"
