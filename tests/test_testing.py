"""`redunlite.testing`: what the fixture gives and what a watch tells.

The examples of docs/testing.md are run by `test_docs.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from redunlite import task
from redunlite.errors import UnknownNameError, UsageError
from redunlite.testing import WatchedScheduler


@pytest.fixture
def watched() -> Iterator[WatchedScheduler]:
    """What the fixture `scheduler` of the plug-in gives."""
    made = WatchedScheduler()
    yield made
    made.close()


@task(namespace="testing_a")
def half(x: int) -> int:
    """Fail on odd numbers."""
    if x % 2:
        raise ValueError(x)
    return x // 2


@task(namespace="testing_a")
def both(x: int, y: int) -> list[int]:
    """Call a task twice."""
    return [half(x), half(y)]


def test_jobs_run_in_the_thread_of_the_test(watched: WatchedScheduler) -> None:
    """A task may use what only this thread has."""

    @task(namespace="testing_local")
    def where() -> int:
        return threading.get_ident()

    assert watched.run(where()) == threading.get_ident()


def test_watch_counts_what_ran_and_what_was_cached(watched: WatchedScheduler) -> None:
    """Counts by task object, full name, short name, and of all jobs."""
    with watched.watch() as first:
        watched.run(both(2, 4))
    with watched.watch() as second:
        watched.run(both(2, 6))

    assert (first.ran(), first.cached()) == (3, 0)
    assert first.ran(half) == first.ran("half") == first.ran("testing_a.half") == 2
    assert (second.ran("half"), second.cached("half"), second.ran("both")) == (1, 1, 1)
    assert second.reasons("both") == ["y: 4 → 6"]


def test_watch_takes_only_the_runs_in_its_block(watched: WatchedScheduler) -> None:
    """Runs before and after do not count; those of a block within count for both."""
    watched.run(half(2))
    with watched.watch() as outer:
        watched.run(half(4))
        with watched.watch() as inner:
            watched.run(half(6))
    watched.run(half(8))

    assert (outer.ran(half), inner.ran(half)) == (2, 1)


def test_call_twice_in_a_run_is_one_that_ran_and_one_cached(watched: WatchedScheduler) -> None:
    """A call that another of the run answers counts as cached."""
    with watched.watch() as jobs:
        watched.run(both(2, 2))

    assert (jobs.ran(half), jobs.cached(half)) == (1, 1)


def test_failed_jobs_are_counted(watched: WatchedScheduler) -> None:
    """A failed job ran, and so did the one that called it."""
    with watched.watch() as jobs, pytest.raises(ValueError):
        watched.run(both(2, 3))

    assert (jobs.failed("half"), jobs.failed("both")) == (1, 1)
    assert (jobs.ran("half"), jobs.ran("both")) == (2, 1)


def test_assert_ran_wants_just_these_jobs(watched: WatchedScheduler) -> None:
    """A wrong count, a missing task and another task each fail the assertion, with all jobs."""
    with watched.watch() as jobs:
        watched.run(both(2, 4))

    jobs.assert_ran(both=1, half=2)
    for counts in ({"half": 2}, {"both": 1, "half": 1}, {}):
        with pytest.raises(AssertionError, match=r"Run    testing_a\.half\(x=4\)"):
            jobs.assert_ran(**counts)


def test_assert_cached_wants_a_job_that_was_cached(watched: WatchedScheduler) -> None:
    """No job at all is not cached, and neither are jobs of which one ran."""
    with watched.watch() as none:
        pass
    watched.run(half(2))
    with watched.watch() as mixed:
        watched.run([half(2), half(4)])
    with watched.watch() as cached:
        watched.run(half(2))

    cached.assert_cached()
    cached.assert_cached("half")
    for jobs in (none, mixed):
        with pytest.raises(AssertionError, match=r"every job of testing_a\.half"):
            jobs.assert_cached("half")
        with pytest.raises(AssertionError, match="expected to be cached: every job"):
            jobs.assert_cached()


def test_name_without_a_task_is_an_error(watched: WatchedScheduler) -> None:
    """A misspelt name does not count as no jobs."""
    with watched.watch() as jobs:
        watched.run(half(2))

    with pytest.raises(UnknownNameError, match="did you mean 'half'"):
        jobs.ran("hafl")


def test_short_name_of_several_tasks_is_an_error(watched: WatchedScheduler) -> None:
    """Among the tasks that were watched, a short name has to be clear."""

    @task(name="half", namespace="testing_b")
    def other(x: int) -> int:
        return x

    with watched.watch() as jobs:
        watched.run(half(2))

    assert jobs.ran("half") == 1

    with watched.watch() as jobs:
        watched.run([half(2), other(2)])

    with pytest.raises(UsageError, match=r"testing_a\.half, testing_b\.half"):
        jobs.ran("half")


def test_warnings_are_kept(watched: WatchedScheduler) -> None:
    """What the engine warns of can be asked for."""

    @task(namespace="testing_local", timeout=5)
    def slow() -> int:
        return 1

    with watched.watch() as jobs:
        watched.run(slow())

    assert any("timeout" in message for message in jobs.warnings)
