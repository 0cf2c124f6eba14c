"""The line before an executor: jobs that use results go first, each kind in its order."""

from __future__ import annotations

from redunlite import task
from redunlite.job import Job
from redunlite.job_queue import FIRST_CALL_ID, JobQueue


@task(namespace="queue")
def step(x: int) -> int:
    return x


def make(serial: int, origins: list | None) -> Job:
    job = Job(None, step, serial)
    job.origins = origins
    return job


def test_jobs_that_use_results_go_first():
    """The parent's own argument passed on (a small origin) is no result."""
    queue = JobQueue()
    of_parent = [0]
    for serial, origins in enumerate(
        (None, of_parent, [FIRST_CALL_ID + 5], [None], [None, [FIRST_CALL_ID, FIRST_CALL_ID + 1]]),
        1,
    ):
        queue.add(make(serial, origins))
    assert len(queue) == 5
    assert [job.serial for job in queue] == [3, 5, 1, 2, 4]

    taken = []
    while queue.line:
        taken.append(queue.line.popleft().serial)
    assert taken == [3, 5, 1, 2, 4]
    assert not queue.line
    assert len(queue) == 0
