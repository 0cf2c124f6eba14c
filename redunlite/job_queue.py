"""The line of jobs before an executor. State: the jobs that wait in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from redunlite.job import Job

FIRST_CALL_ID = 1 << 32
"""Origins from here on are calls; smaller ones are places among the parent's arguments."""


class JobQueue:
    """Jobs that wait for one executor.

    Those whose arguments are results of this run go first: what a short job gives is used at once,
    and need not wait until a whole fan-out beside it is through.
    """

    __slots__ = ("_after_results", "_others")

    def __init__(self) -> None:
        self._after_results: deque[Job] = deque()
        self._others: deque[Job] = deque()

    def add(self, job: Job) -> None:
        """Put a job at the end of its line."""
        line = self._after_results if _uses_results(job) else self._others
        line.append(job)

    @property
    def line(self) -> deque[Job]:
        """The line whose first job is next; empty when none waits."""
        return self._after_results or self._others

    def __len__(self) -> int:
        return len(self._after_results) + len(self._others)

    def __iter__(self) -> Iterator[Job]:
        yield from self._after_results
        yield from self._others


def _uses_results(job: Job) -> bool:
    """Tell whether an argument is the result of another call, and not only the parent's own."""
    origins = job.origins
    if origins is None:
        return False
    return any(o is not None and (type(o) is list or o >= FIRST_CALL_ID) for o in origins)
