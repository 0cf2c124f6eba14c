"""What the engine tells whoever watches a run, and the reporter that says nothing.

The engine calls these on its own thread; a reporter must not block; what it raises is kept (`informing`). It decides
which lines are worth printing; `wants_line` is asked first, so that what only a line needs (texts,
reasons) is worked out for printed lines alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from redunlite.call import ErrorDetail

RUN = "Run"
CACHED = "Cached"
REJECT = "Reject"
CANCEL = "Cancel"


@dataclass(frozen=True)
class ExecutionInfo:
    """An execution that begins."""

    uuid: str
    """36 characters; empty in a dry run."""
    argv: Sequence[str]
    """The words of the command line after the program's name; empty for API runs."""
    folder: str | None
    """The `.redunlite` folder in use, or None in memory."""


@dataclass(frozen=True)
class JobLine:
    """One line about one job."""

    event: str
    """RUN, CACHED, REJECT or CANCEL."""
    job_id: str
    """First 8 hex characters; empty in a dry run."""
    task: str
    """Full name of the task."""
    arguments: Sequence[tuple[str, str]]
    """Parameter name and preview of each bound argument."""
    executor: str = ""
    eval_hash: str = ""
    """40 hex characters."""
    reason: str = ""
    """Why a job runs that ran before, such as ``code changed: hello_world.py:10``."""


@dataclass
class TaskCounts:
    """Jobs of one task by state; the engine's own object, read it but do not keep it."""

    pending: int = 0
    running: int = 0
    failed: int = 0
    cached: int = 0
    done: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        """Number of jobs in any state."""
        return self.pending + self.running + self.failed + self.cached + self.done + self.cancelled


@dataclass(frozen=True)
class TraceStep:
    """A job in the job traceback of a failed run."""

    job_id: str
    """First 8 hex characters."""
    task: str
    file: str
    """Empty for a task that is none of the user's."""
    line: int
    text: str
    """The `def` line, without indentation; empty where there is no file."""
    arguments: Sequence[tuple[str, str]]
    """Parameter name and preview."""


@dataclass(frozen=True)
class Failure:
    """Why a run failed: the jobs from the root to the one that raised, then the user's frames."""

    steps: Sequence[TraceStep]
    detail: ErrorDetail
    output_tail: str = ""
    """Last lines that the job wrote, when its worker died."""


@dataclass(frozen=True)
class FailedJob:
    """A job that failed beside the one whose traceback is shown."""

    job_id: str
    """First 8 hex characters."""
    task: str
    """Full name."""
    arguments: Sequence[tuple[str, str]]
    """Parameter name and preview."""
    summary: str
    """Last lines of the traceback."""


@dataclass(frozen=True)
class ExecutionEnd:
    """An execution that ended."""

    uuid: str
    status: str
    """DONE, FAILED or CANCELLED, or DRY when a dry run met a job that would run."""
    duration_s: float
    counts: dict[str, TaskCounts] = field(default_factory=dict)
    """By full task name."""
    failure: Failure | None = None
    failed_job: str = ""
    """First 8 hex characters of the id of the job that raised."""
    other_failures: Sequence[FailedJob] = ()
    """The first of the other jobs that failed of themselves and that no `catch` took."""
    n_other_failures: int = 0
    """How many of those there are."""
    n_would_run: int = 0
    """In a dry run: jobs that have no answer."""
    inform_errors: Sequence[str] = ()
    """Tracebacks of what could not be shown during the run."""


class Reporter(Protocol):
    """Watches a run."""

    def execution_started(self, info: ExecutionInfo) -> None:
        """Take the beginning of an execution."""

    def wants_line(self, event: str, task: str) -> bool:
        """Count one event of one task, and tell whether its line should be made."""

    def job_line(self, line: JobLine) -> None:
        """Take a line that `wants_line` asked for."""

    def job_output(self, job_id: str, task: str, text: str) -> None:
        """Take what a job printed; only called when `live_output` is true."""

    def first_failure(self, failure: Failure, n_running: int | None) -> None:
        """Take the failure of the run while other jobs still run; None: and more will start."""

    def warning(self, message: str) -> None:
        """Take one line that the user should see."""

    def progress(
        self, counts: dict[str, TaskCounts], running: Sequence[str], left_s: float | None
    ) -> None:
        """Take the state of the run; called about ten times a second while it runs.

        Parameters
        ----------
        counts
            Jobs by full task name. RUNNING are those at a worker now, and those whose result is
            being computed by others; a call that waits at its executor is PENDING still.
        running
            Full name of the task of each job at a worker, as many as are worth showing.
        left_s
            Seconds that the jobs there are may still take, from earlier durations; None when not known.
        """

    def execution_ended(self, end: ExecutionEnd) -> None:
        """Take the end of an execution."""

    live_output: bool
    wants_progress: bool


class SilentReporter:
    """Says nothing; the reporter of a bare `Scheduler()`."""

    live_output = False
    wants_progress = False

    def execution_started(self, info: ExecutionInfo) -> None:
        """Say nothing."""

    def wants_line(self, event: str, task: str) -> bool:
        """Want nothing."""
        return False

    def job_line(self, line: JobLine) -> None:
        """Say nothing."""

    def job_output(self, job_id: str, task: str, text: str) -> None:
        """Say nothing."""

    def first_failure(self, failure: Failure, n_running: int | None) -> None:
        """Say nothing."""

    def warning(self, message: str) -> None:
        """Say nothing."""

    def progress(
        self, counts: dict[str, TaskCounts], running: Sequence[str], left_s: float | None
    ) -> None:
        """Say nothing."""

    def execution_ended(self, end: ExecutionEnd) -> None:
        """Say nothing."""
