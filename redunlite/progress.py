"""Progress: what the footer is told while a run goes on.

Decided here: what counts as running now, and how long the rest may take. No state: a look at the
engine's, ten times a second at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from redunlite.job import Job
from redunlite.reporter import TaskCounts

if TYPE_CHECKING:
    from redunlite.executors.base import Executor


def find_running(executors: Collection[Executor], sent: Mapping[int, Job]) -> list[Job]:
    """Return the jobs that are at a worker now.

    Parameters
    ----------
    sent
        The jobs that were given to an executor, by serial.
    """
    return [
        sent[number]
        for executor in executors
        for number in executor.find_running()
        if number in sent
    ]


def count_at_workers(
    counts: dict[str, TaskCounts], sent: Mapping[int, Job], running: Sequence[Job]
) -> dict[str, TaskCounts]:
    """Return the counts with calls that wait at an executor as pending.

    They are counted as running when they are sent, because nobody tells when one is begun.
    """
    if len(running) == len(sent):
        return counts
    seen = dict(counts)
    changed: dict[str, TaskCounts] = {}
    at_workers = {job.serial for job in running}
    for serial, job in sent.items():
        if serial not in at_workers:
            name = job.task.fullname
            count = changed.get(name)
            if count is None:
                count = seen[name] = changed[name] = replace(counts[name])
            count.running -= 1
            count.pending += 1
    return seen


def estimate_left(
    counts: Mapping[str, TaskCounts],
    running: Sequence[Job],
    n_workers: int,
    find_mean_us: Callable[[str], float | None],
) -> float | None:
    """Return the seconds that all known jobs may still take; None when a task has no duration.

    Parameters
    ----------
    find_mean_us
        Gives the mean duration of a task's recorded jobs, in microseconds.
    """
    now = time.time_ns() // 1000
    left_us = 0.0
    for name, count in counts.items():
        if count.pending:
            mean = find_mean_us(name)
            if mean is None:
                return None
            left_us += count.pending * mean
    for job in running:
        mean = find_mean_us(job.task.fullname)
        if mean is None:
            return None
        left_us += max(0.0, mean - (now - job.start_time))
    return left_us / max(1, n_workers) / 1e6
