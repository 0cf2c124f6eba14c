"""What the footer is told: what runs now, the counts that go with it, the time that is left."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from redunlite import task
from redunlite.job import Job
from redunlite.progress import count_at_workers, estimate_left, find_running
from redunlite.reporter import TaskCounts


@task(namespace="progress")
def short(x: int) -> int:
    return x


@task(namespace="progress")
def long(x: int) -> int:
    return x


def send(*tasks: Any) -> dict[int, Job]:
    return {serial: Job(None, called, serial) for serial, called in enumerate(tasks, 1)}


def executor(*numbers: int) -> Any:
    return SimpleNamespace(find_running=lambda: list(numbers))


def test_jobs_at_workers_are_those_that_were_sent():
    """A call that has ended since the executor looked is left out."""
    sent = send(short, short, long)
    running = find_running([executor(2, 7), executor(3)], sent)
    assert [job.serial for job in running] == [2, 3]


def test_what_waits_at_an_executor_counts_as_pending():
    """A call that was sent and not begun is shown as waiting."""
    sent = send(short, short, short, long)
    counts = {
        "progress.short": TaskCounts(pending=5, running=3, done=1),
        "progress.long": TaskCounts(running=1),
    }
    seen = count_at_workers(counts, sent, [sent[2], sent[4]])
    assert seen["progress.short"] == TaskCounts(pending=7, running=1, done=1)
    assert seen["progress.long"] == TaskCounts(running=1)
    assert counts["progress.short"].running == 3, "the engine's own counts are left alone"
    assert count_at_workers(counts, sent, list(sent.values())) is counts


def test_time_left_is_what_waits_and_the_rest_of_what_runs():
    """Four waiting seconds and six of nine still running, over two workers."""
    running = list(send(long).values())
    running[0].start_time = time.time_ns() // 1000 - 3_000_000
    counts = {"progress.short": TaskCounts(pending=4), "progress.long": TaskCounts(running=1)}
    means = {"progress.short": 1_000_000.0, "progress.long": 9_000_000.0}
    left = estimate_left(counts, running, 2, means.get)
    assert left == pytest.approx((4 * 1.0 + 6.0) / 2, abs=0.5)


def test_a_job_that_takes_longer_than_usual_takes_no_time_from_the_others():
    """A job past its mean has no time left, rather than less than none."""
    running = list(send(long).values())
    running[0].start_time = time.time_ns() // 1000 - 60_000_000
    counts = {"progress.short": TaskCounts(pending=2)}
    left = estimate_left(counts, running, 1, lambda name: 1_000_000.0)
    assert left == pytest.approx(2.0)


@pytest.mark.parametrize("unknown", ["progress.short", "progress.long"])
def test_no_time_is_told_while_a_task_has_no_duration(unknown: str):
    """One task that never ran, waiting or running, and there is no estimate."""
    counts = {"progress.short": TaskCounts(pending=1), "progress.long": TaskCounts(running=1)}
    running = list(send(long).values())
    means = {"progress.short": 1.0, "progress.long": 1.0, unknown: None}
    assert estimate_left(counts, running, 1, means.get) is None
