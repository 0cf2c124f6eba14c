"""Help for the tests of workflows: a scheduler for each test, and which jobs ran.

``pytest_plugins = ["redunlite.testing"]`` in a `conftest.py` gives every test the fixture
`scheduler`. Decided here: what a test can ask about the jobs of its runs. Not here: how they run.
State: the watches that are open, each with its jobs. This is the only module that imports pytest.

>>> from redunlite import task
>>> @task(namespace="docs")
... def double(x: int) -> int:
...     return 2 * x
>>> scheduler = WatchedScheduler()
>>> with scheduler.watch() as jobs:
...     scheduler.run([double(1), double(2)])
[2, 4]
>>> jobs.ran("double")
2
>>> with scheduler.watch() as jobs:
...     scheduler.run(double(1))
2
>>> jobs.assert_cached("double")
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from redunlite.errors import UnknownNameError, UsageError
from redunlite.reporter import CACHED, REJECT, RUN, JobLine, SilentReporter
from redunlite.scheduler import Scheduler
from redunlite.session import Session, open_memory_session
from redunlite.task import Task, get_task_registry

__all__ = ["Jobs", "WatchedScheduler", "scheduler"]


class Jobs:
    """The jobs of the runs that were watched.

    A task is named by itself, by its full name, or by its name without the namespace where that is
    clear. A name that no task has is an error: a test of a name that is misspelt proves nothing.
    """

    def __init__(self) -> None:
        self.lines: list[JobLine] = []
        """What was said of each job, in order: it ran, was cached, or failed."""
        self.warnings: list[str] = []

    def ran(self, task: str | Task[..., Any] | None = None) -> int:
        """Return how many jobs of a task, or of all, were computed; those that failed too."""
        return self._count(RUN, task)

    def cached(self, task: str | Task[..., Any] | None = None) -> int:
        """Return how many jobs of a task, or of all, were answered without computing anything.

        A call that another of the same run answers counts too.
        """
        return self._count(CACHED, task)

    def failed(self, task: str | Task[..., Any] | None = None) -> int:
        """Return how many jobs of a task, or of all, failed, themselves or by what they called."""
        return self._count(REJECT, task)

    def reasons(self, task: str | Task[..., Any]) -> list[str]:
        """Return why each job of a task ran although the task ran before; empty text: unknown."""
        name = self._find_name(task)
        return [line.reason for line in self.lines if line.event == RUN and line.task == name]

    def assert_ran(self, /, **counts: int) -> None:
        """Check how many jobs of each named task ran, and that no job of any other task did.

        Raises
        ------
        AssertionError
            With all jobs, and why they ran.
        """
        expected = {self._find_name(name): n for name, n in counts.items()}
        actual = Counter(line.task for line in self.lines if line.event == RUN)
        if Counter(expected) != actual:
            wanted = ", ".join(f"{n} × {name}" for name, n in expected.items()) or "none"
            raise AssertionError(f"expected to run: {wanted}\n{self.describe()}")

    def assert_cached(self, *tasks: str | Task[..., Any]) -> None:
        """Check that every job of each task was cached, and that there was one; default, any job.

        Raises
        ------
        AssertionError
            With all jobs, and why they ran.
        """
        for task in tasks or (None,):
            if self.ran(task) or not self.cached(task):
                which = "every job" if task is None else f"every job of {self._find_name(task)}"
                raise AssertionError(f"expected to be cached: {which}\n{self.describe()}")

    def describe(self) -> str:
        """Return a line for each job, and why it ran."""
        if not self.lines:
            return "there were no jobs"
        return "\n".join(_describe_line(line) for line in self.lines)

    def __repr__(self) -> str:
        return f"Jobs({self.ran()} ran, {self.cached()} cached, {self.failed()} failed)"

    def _count(self, event: str, task: str | Task[..., Any] | None) -> int:
        name = None if task is None else self._find_name(task)
        return sum(1 for line in self.lines if line.event == event and name in (None, line.task))

    def _find_name(self, task: str | Task[..., Any]) -> str:
        if isinstance(task, Task):
            return task.fullname
        seen = {line.task for line in self.lines}
        known = seen | {known.fullname for known in get_task_registry()}
        if task in known:
            return task
        ends = f".{task}"
        short = {name for name in seen if name.endswith(ends)} or {
            name for name in known if name.endswith(ends)
        }
        if len(short) == 1:
            return short.pop()
        if short:
            names = ", ".join(sorted(short))
            raise UsageError(f"several tasks are called {task!r}", f"say which: {names}")
        raise UnknownNameError("task", task, {*known, *(n.rpartition(".")[2] for n in known)})


def _describe_line(line: JobLine) -> str:
    arguments = ", ".join(f"{name}={value}" for name, value in line.arguments)
    reason = f"  ({line.reason})" if line.reason else ""
    return f"  {line.event:6} {line.task}({arguments}){reason}"


class _Watches(SilentReporter):
    """Hands what the engine tells to the watches that are open."""

    def __init__(self) -> None:
        self.open: list[Jobs] = []

    def wants_line(self, event: str, task: str) -> bool:
        """Want every line while somebody watches."""
        return bool(self.open)

    def job_line(self, line: JobLine) -> None:
        """Keep the line."""
        for jobs in self.open:
            jobs.lines.append(line)

    def warning(self, message: str) -> None:
        """Keep the message."""
        for jobs in self.open:
            jobs.warnings.append(message)


class WatchedScheduler(Scheduler):
    """A scheduler in memory that computes one job after another in this thread.

    So a test may use `monkeypatch`, a debugger and local variables of its own in tasks. Each one
    starts with an empty database.
    """

    def __init__(self) -> None:
        super().__init__()
        self._watches = _Watches()

    @contextmanager
    def watch(self) -> Iterator[Jobs]:
        """Watch the runs within the ``with`` block."""
        jobs = Jobs()
        self._watches.open.append(jobs)
        try:
            yield jobs
        finally:
            self._watches.open = [w for w in self._watches.open if w is not jobs]

    def _open(self) -> Session:
        return open_memory_session(self._watches, default_executor="inline")

    def __repr__(self) -> str:
        return "WatchedScheduler(in memory, jobs in this thread)"


@pytest.fixture
def scheduler() -> Iterator[WatchedScheduler]:
    """A scheduler of this test's own, in memory, that computes in this thread."""
    made = WatchedScheduler()
    yield made
    made.close()
