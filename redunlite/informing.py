"""The one place through which a run informs people, so that an error there never ends or changes it.

Decided here: that an error of what only informs (job lines, reasons, previews, progress, the facts of an
execution, the report at its end) is kept, and the run goes on. Not here: what is said (`description`) and
how it looks (`display`). State: the errors so far.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from redunlite.errors import Interrupted
from redunlite.reporter import ExecutionEnd, ExecutionInfo, Failure, JobLine, Reporter, TaskCounts

T = TypeVar("T")

MAX_ERRORS = 20
"""Errors that are kept."""


class Informer:
    """A reporter for the engine, around one that may raise.

    Parameters
    ----------
    reporter
        Who watches the run.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.live_output = reporter.live_output
        self.wants_progress = reporter.wants_progress
        self.errors: list[str] = []
        """Tracebacks as text, the first ones."""

    def inform(self, function: Callable[..., T], *args: Any, default: T | None = None) -> T | None:
        """Call what only informs; return `default` when it raises.

        Raises
        ------
        Interrupted
            When a signal ended a wait for the database.
        """
        try:
            return function(*args)
        except Interrupted:
            raise
        except Exception:  # whatever it is: the run is worth more than a line about it
            if len(self.errors) < MAX_ERRORS:
                self.errors.append(traceback.format_exc())
            return default

    # The reporter, guarded.

    def execution_started(self, info: ExecutionInfo) -> None:
        """Pass the beginning of an execution on."""
        self.inform(self._reporter.execution_started, info)

    def wants_line(self, event: str, task: str) -> bool:
        """Ask whether the line of an event is wanted; to be called under `inform`."""
        return self._reporter.wants_line(event, task)

    def job_line(self, line: JobLine) -> None:
        """Pass a line on; to be called under `inform`."""
        self._reporter.job_line(line)

    def job_output(self, job_id: str, task: str, text: str) -> None:
        """Pass on what a job printed."""
        self.inform(self._reporter.job_output, job_id, task, text)

    def first_failure(self, failure: Failure, n_running: int | None) -> None:
        """Pass a failure on; to be called under `inform`."""
        self._reporter.first_failure(failure, n_running)

    def warning(self, message: str) -> None:
        """Pass a warning on."""
        self.inform(self._reporter.warning, message)

    def progress(
        self, counts: dict[str, TaskCounts], running: Sequence[str], left_s: float | None
    ) -> None:
        """Pass the state of the run on; to be called under `inform`."""
        self._reporter.progress(counts, running, left_s)

    def execution_ended(self, end: ExecutionEnd) -> None:
        """Pass the end on."""
        self.inform(self._reporter.execution_ended, end)
