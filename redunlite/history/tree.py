"""The job tree of an execution, as much of it as one wants to look at.

Decided here: which jobs are shown when there are many, and how the others are told of. The tree is a
flat list of lines in depth-first order, children in the order in which they began.

A job's serial is below those of its children, so the first rows of an execution are a tree by
themselves; of a million jobs only those are read, and the failed ones. No state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from redunlite.history.query import History
from redunlite.history.records import FAILED, ExecutionRecord, JobRecord, TaskCounts
from redunlite.recorder import codes
from redunlite.recorder.database import get_id_range

MAX_JOBS = 1_000
"""Jobs of one tree that are read when not all are asked for."""
MAX_FAILED = 20
"""Failed jobs that are shown however many jobs come before them."""
MAX_DEPTH = 24
"""Depth from which on a tree is folded."""
MAX_ENDS = 3
"""Jobs shown of a folded part."""


class JobLine(NamedTuple):
    """A job in the tree."""

    depth: int
    """0 for the root."""
    job: JobRecord
    is_cause: bool = False
    """Whether it failed of itself, and not because a job below it did."""


class FoldLine(NamedTuple):
    """Jobs of one task that are not shown."""

    depth: int
    n_jobs: int
    task: str
    """Full name."""


TreeLine = JobLine | FoldLine


@dataclass(frozen=True)
class JobTree:
    """The job tree of an execution."""

    lines: Sequence[TreeLine]
    n_jobs: int
    """Jobs in the execution."""
    n_shown: int
    """Jobs that have a line."""


def get_tree(
    history: History,
    execution: ExecutionRecord,
    counts: Sequence[TaskCounts],
    *,
    limit: int | None = None,
    everything: bool = False,
) -> JobTree:
    """Return the job tree of an execution.

    Parameters
    ----------
    counts
        Of the same execution, from `History.find_counts`.
    limit
        Jobs that are read at most, beside failed ones; default, `MAX_JOBS`.
    everything
        Read and show all jobs, however many and however deep.
    """
    id_range = get_id_range(execution.number)
    n_most = -1 if everything else limit or MAX_JOBS
    jobs = history.find_jobs("id BETWEEN ? AND ?", id_range, n_most)
    n_jobs = max(len(jobs), sum(count.total for count in counts))
    if n_jobs > len(jobs):
        jobs = _add_failed(history, jobs, id_range, counts)
    jobs = history.add_errors(history.add_arguments(jobs))
    lines = _lay_out(jobs, None if everything else MAX_DEPTH)
    hidden = {count.task: count.total for count in counts}
    for job in jobs:
        hidden[job.task.fullname] = hidden.get(job.task.fullname, 0) - 1
    order = sorted(hidden.items(), key=lambda item: (-item[1], item[0]))
    lines += [FoldLine(1, n, task) for task, n in order if n > 0]
    n_shown = sum(isinstance(line, JobLine) for line in lines)
    return JobTree(lines, n_jobs, n_shown)


def _add_failed(
    history: History,
    jobs: list[JobRecord],
    id_range: tuple[int, int],
    counts: Sequence[TaskCounts],
) -> list[JobRecord]:
    """Return the jobs read so far and the first failed ones behind them, with their ancestors."""
    n_failed = sum(count.n_failed for count in counts)
    if not jobs or n_failed <= sum(job.status == FAILED for job in jobs):
        return jobs
    last = jobs[-1].row
    added = {
        job.row: job
        for job in history.find_jobs(
            "id > ? AND id <= ? AND status = ?", (last, id_range[1], codes.FAILED), MAX_FAILED
        )
    }
    known = {job.row for job in jobs}
    missing = {job.parent for job in added.values()} - known - set(added)
    # A chain of parents may be as long as the execution; what is not found hangs from the root.
    for _ in range(MAX_DEPTH):
        wanted = sorted(row for row in missing if row is not None)
        if not wanted:
            break
        marks = ",".join("?" * len(wanted))
        found = history.find_jobs(f"id IN ({marks})", wanted)
        added |= {job.row: job for job in found}
        missing = {job.parent for job in found} - known - set(added)
    return jobs + [added[row] for row in sorted(added)]


def _lay_out(jobs: Sequence[JobRecord], max_depth: int | None) -> list[TreeLine]:
    known = {job.row for job in jobs}
    children: dict[int | None, list[JobRecord]] = {}
    root = jobs[0].row if jobs else None
    for job in jobs:
        parent = job.parent
        if parent is not None and parent not in known:
            parent = root
        children.setdefault(parent, []).append(job)
    for below in children.values():
        below.sort(key=lambda job: (job.start_us, job.row))
    lines: list[TreeLine] = []
    stack = [(job, 0) for job in reversed(children.get(None, ()))]
    while stack:
        job, depth = stack.pop()
        below = children.get(job.row, [])
        lines.append(JobLine(depth, job, _is_cause(job, below)))
        if max_depth is not None and depth + 1 >= max_depth and below:
            lines += _fold(below, children, depth + 1)
        else:
            stack += [(child, depth + 1) for child in reversed(below)]
    return lines


def _fold(
    top: Iterable[JobRecord], children: dict[int | None, list[JobRecord]], depth: int
) -> list[TreeLine]:
    """Return lines for all that is below a depth: how many jobs, and those at the ends."""
    jobs = []
    stack = list(top)
    while stack:
        job = stack.pop()
        jobs.append(job)
        stack += children.get(job.row, ())
    jobs.sort(key=lambda job: job.row)
    ends = [job for job in jobs if job.status == FAILED] or jobs
    shown = {job.row for job in ends[-MAX_ENDS:]}
    counts: dict[str, int] = {}
    for job in jobs:
        if job.row not in shown:
            counts[job.task.fullname] = counts.get(job.task.fullname, 0) + 1
    lines: list[TreeLine] = [FoldLine(depth, n, task) for task, n in sorted(counts.items())]
    return lines + [
        JobLine(depth, job, _is_cause(job, children.get(job.row, ())))
        for job in jobs
        if job.row in shown
    ]


def _is_cause(job: JobRecord, below: Iterable[JobRecord]) -> bool:
    """Tell whether a job failed with an error that none of its children has."""
    error = job.error
    return error is not None and not any(
        child.error is not None and child.error.hash == error.hash for child in below
    )
