"""Lists of executions and jobs: what each filter lets through, against a plain reading of all rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from redunlite import Scheduler, catch, task
from redunlite.history import listing
from redunlite.history.listing import Filter, count_jobs, find_executions, iter_jobs
from redunlite.history.query import History
from redunlite.history.records import JobRecord
from redunlite.recorder import codes
from redunlite.recorder.database import get_id_range

redun_namespace = "test_listing"


@task()
def inc(x):
    return x + 1


@task()
def fail(x):
    raise ZeroDivisionError(f"no {x}")


@task()
def recover(error):
    return 0


@task()
def collect(xs):
    return len(xs)


@task()
def main(n, m):
    safe = [catch(fail(i), ZeroDivisionError, recover) for i in range(m)]
    return collect([inc(i) for i in range(n)] + safe)


@pytest.fixture
def history(scheduler: Scheduler) -> Iterator[History]:
    """Four executions: one that ran, one partly cached, one that failed, one all cached."""
    scheduler.run(main(12, 2))
    scheduler.run(main(15, 3))
    with pytest.raises(ZeroDivisionError):
        scheduler.run(fail(9))
    scheduler.run(main(12, 2))
    database = scheduler._session.database
    assert database is not None
    yield History(database)


def read_all(history: History) -> list[JobRecord]:
    """Return all jobs, newest first, without any filter's help."""
    return history.find_jobs("1", (), order="id DESC")


def list_rows(history: History, wanted: Filter, limit: int | None = None) -> list[int]:
    """Return the row ids of the jobs that a filter lets through."""
    return [job.row for jobs in iter_jobs(history, wanted, limit) for job in jobs]


def test_jobs_are_listed_newest_first_with_their_arguments(history: History) -> None:
    """Without a filter all of them, as they were called."""
    jobs = [job for batch in iter_jobs(history, Filter()) for job in batch]

    assert [job.row for job in jobs] == [job.row for job in read_all(history)]
    assert jobs == history.add_arguments(read_all(history))
    assert jobs[0].execution == 4
    assert jobs[-1].task.name == "main"


@pytest.mark.parametrize("n_statuses", [1, 2, 3])
@pytest.mark.parametrize("limit", [None, 1, 5])
def test_filters_agree_with_a_plain_reading(
    history: History, monkeypatch, limit: int | None, n_statuses: int
) -> None:
    """Each task, status and execution together gives what a loop over all jobs gives."""
    monkeypatch.setattr(listing, "BATCH", 4)
    names = sorted({job.task.name for job in read_all(history)})
    assert names == ["collect", "fail", "inc", "main", "recover"]
    n_found = 0
    for statuses in itertools.combinations(listing.JOB_STATUSES, n_statuses):
        for name, number in itertools.product([None, *names], [None, 1, 2, 3, 4]):
            tasks = None
            if name is not None:
                tasks = [match.row for match in history.find_tasks_by_name(name)]
            wanted = Filter(frozenset(statuses), tasks, execution=number)
            expected = [
                job.row
                for job in read_all(history)
                if job.status in statuses
                and (name is None or job.task.name == name)
                and (number is None or job.execution == number)
            ]
            n_found += len(expected)

            assert list_rows(history, wanted, limit) == expected[:limit]
            assert count_jobs(history, wanted) == len(expected)
    assert n_found > 100


def test_jobs_and_executions_by_time(history: History) -> None:
    """The beginning counts, and an end is not part of the time."""
    jobs = read_all(history)
    times = sorted({job.start_us for job in jobs})
    middle = times[len(times) // 2]

    early = list_rows(history, Filter(until_us=middle))
    late = list_rows(history, Filter(since_us=middle))
    assert early == [job.row for job in jobs if job.start_us < middle]
    assert late == [job.row for job in jobs if job.start_us >= middle]
    assert early and late
    assert count_jobs(history, Filter(since_us=middle)) is None

    starts = [execution.start_us for execution in history.find_executions()]
    found = find_executions(history, Filter(since_us=starts[1]), None)
    assert [e.start_us for e in found.executions] == starts[:2]
    found = find_executions(history, Filter(until_us=starts[1]), 1)
    assert [e.start_us for e in found.executions] == starts[2:3]
    assert found.n_all == 2


def test_executions_by_status(history: History) -> None:
    """Each status gives those that show it, and the number of all of them."""

    def list_numbers(limit: int | None, *statuses: str) -> list[int]:
        found = find_executions(history, Filter(frozenset(statuses)), limit)
        return [execution.number for execution in found.executions]

    assert list_numbers(None) == [4, 3, 2, 1]
    assert list_numbers(None, "FAILED") == [3]
    assert list_numbers(2, "DONE") == [4, 2]
    assert list_numbers(None, "DONE", "FAILED") == [4, 3, 2, 1]
    assert list_numbers(None, "RUNNING", "CANCELLED") == []
    assert find_executions(history, Filter(frozenset(["DONE"])), 2).n_all == 3


def test_execution_of_a_dead_process_counts_as_failed(history: History, monkeypatch) -> None:
    """Its row still says RUNNING; so do its jobs, which count as cancelled."""
    execute = history.connection.execute
    first, last = get_id_range(4)
    execute("UPDATE execution SET status = ?, lease = 'gone' WHERE id = 4", (codes.RUNNING,))
    execute("UPDATE job SET status = ? WHERE id BETWEEN ? AND ?", (codes.RUNNING, first, last))
    execute(
        "UPDATE counter SET n_running = n_cached + n_done, n_cached = 0, n_done = 0 "
        "WHERE execution = 4"
    )
    monkeypatch.setattr(history.database, "is_alive", lambda lease: lease != "gone")
    history = History(history.database)

    def list_numbers(status: str) -> list[int]:
        found = find_executions(history, Filter(frozenset([status])), None)
        return [execution.number for execution in found.executions]

    assert list_numbers("FAILED") == [4, 3]
    assert list_numbers("RUNNING") == []
    assert list_numbers("DONE") == [2, 1]
    n_jobs = len(list_rows(history, Filter(execution=4)))
    assert len(list_rows(history, Filter(frozenset(["CANCELLED"]), execution=4))) == n_jobs > 10
    assert list_rows(history, Filter(frozenset(["RUNNING"]))) == []


def test_reading_stops_when_all_are_found(history: History) -> None:
    """The one job of a task is looked for in executions that have one, and there only."""
    statements: list[str] = []
    tasks = [match.row for match in history.find_tasks_by_name("recover")]
    history.connection.set_trace_callback(statements.append)
    rows = list_rows(history, Filter(frozenset(["DONE"]), tasks))
    history.connection.set_trace_callback(None)

    scans = [s for s in statements if " FROM job WHERE id BETWEEN " in s]
    assert len(rows) == 3
    assert [s.partition("LIMIT ")[2] for s in scans] == ["1", "2"]
