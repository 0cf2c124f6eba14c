"""A run as it is seen on the terminal: job lines, the JOB STATUS table, tracebacks and the footer.

Decided here: the layout of everything that a run prints on standard error, and which job lines are
worth printing: the first 20 of each task, then at most 20 a second in all; failures always. Not
here: what happened (`engine`), and the result, which goes to standard output (`cli.run`). State:
lines printed and hidden so far, and whether the footer stands on the screen.

A reporter never raises: when standard error is closed or full, the run goes on without it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TextIO

from redunlite.call import ErrorDetail, Frame
from redunlite.display.footer import PREFIX, format_footer, get_footer_width, paint_footer
from redunlite.display.style import ID, PLAIN, Style, has_cursor, is_terminal
from redunlite.display.text import (
    cut,
    escape,
    escape_lines,
    fit_arguments,
    format_arguments,
    format_command,
    measure,
)
from redunlite.reporter import (
    CACHED,
    REJECT,
    RUN,
    ExecutionEnd,
    ExecutionInfo,
    Failure,
    JobLine,
    TaskCounts,
    TraceStep,
)

LINES_PER_TASK = 20
"""Lines of each task that are printed whatever the rate."""
LINES_PER_SECOND = 20
"""Lines a second that are printed beyond those, over all tasks."""
HIDDEN_INTERVAL_S = 10.0
"""Seconds between two accounts of the lines that were left out."""
REDRAW_INTERVAL_S = 0.095
"""Least seconds between two drawings of the footer."""
MAX_STEPS = 20
"""Jobs of a job traceback beyond which its middle folds."""
KEPT_STEPS = 8
"""Jobs kept at each end of a folded job traceback."""

OTHER_WIDTH = 60
"""Characters of the arguments of a job that failed beside the first."""

LEAST_REASON = 20
"""Columns that a job's reason keeps however narrow the terminal is."""

TABLE_HEAD = f"{PREFIX} | "
"""Before each line of the table."""
ERASE_LINE = "\r\x1b[K"


class ConsoleReporter:
    """Shows a run on a stream.

    Parameters
    ----------
    stream
        Where to, usually standard error.
    verbose
        Print every job line, and what jobs print.
    quiet
        Print warnings and failures only.
    debug
        Show all frames of a traceback, not only the user's.
    program
        How the command is called in the next steps that are proposed, such as ``redunlite -c dir``.
    style
        Colours of what is printed, as from `style.find_style`.
    """

    def __init__(
        self,
        stream: TextIO | None,
        *,
        verbose: bool = False,
        quiet: bool = False,
        debug: bool = False,
        program: str = "redunlite",
        style: Style = PLAIN,
    ) -> None:
        self._stream = stream
        self._style = style
        self._verbose = verbose
        self._quiet = quiet
        self._debug = debug
        self._program = program
        self._is_terminal = is_terminal(stream)
        self.live_output = verbose and not quiet
        self.wants_progress = has_cursor(stream) and not quiet
        self._printed: dict[str, int] = {}
        """Lines of each task that were wanted in its first `LINES_PER_TASK`."""
        self._hidden: dict[str, int] = {}
        """Lines of each task that were left out and not yet accounted for."""
        self._second = 0.0
        self._n_in_second = 0
        self._begun = time.monotonic()
        self._account_time = self._begun + HIDDEN_INTERVAL_S
        self._redraw_time = 0.0
        self._footer = ""
        """The footer on the screen; empty when none is there."""
        self._is_dry = False
        self.status = ""
        """How the execution ended: DONE, FAILED, CANCELLED or DRY; empty before."""

    # What the engine tells.

    def header(self, version: str, folder: str) -> None:
        """Print the two lines before a run; `folder` need not exist yet."""
        if not self._quiet:
            self._print([f"redunlite :: version {version}", f"config dir: {escape(folder)}"])

    def execution_started(self, info: ExecutionInfo) -> None:
        """Print the command line and the execution's id."""
        self._is_dry = not info.uuid
        self._begun = time.monotonic()
        self._account_time = self._begun + HIDDEN_INTERVAL_S
        if self._quiet:
            return
        command = format_command(info.argv)
        what = f"Start Execution {info.uuid}:" if info.uuid else "Dry run:"
        self._print([f"{what}  {command}"])

    def wants_line(self, event: str, task: str) -> bool:
        """Count one event of one task, and tell whether its line should be made."""
        if self._verbose:
            return not self._quiet
        if event != RUN and event != CACHED:
            return not self._quiet
        if self._quiet:
            return False
        printed = self._printed.get(task, 0)
        if printed < LINES_PER_TASK:
            self._printed[task] = printed + 1
            return True
        now = time.monotonic()
        if now - self._second >= 1.0:
            self._second = now
            self._n_in_second = 0
            if now >= self._account_time:
                self._account_for_hidden()
        if self._n_in_second < LINES_PER_SECOND:
            self._n_in_second += 1
            return True
        self._hidden[task] = self._hidden.get(task, 0) + 1
        return False

    def job_line(self, line: JobLine) -> None:
        """Print the line of one job, as wide as the terminal."""
        width = _get_width(self._stream) - len(PREFIX) - 1 if self._is_terminal else None
        self._print([format_job_line(line, self._style, width)])

    def job_output(self, job_id: str, task: str, text: str) -> None:
        """Print what a job wrote, each line with the job's id."""
        self._print([f"{job_id} | {line}" for line in escape_lines(text)])

    def first_failure(self, failure: Failure, n_running: int | None) -> None:
        """Print the failure of the run while other jobs still run."""
        lines = self._format_detail(failure.detail)
        if failure.steps:
            leaf = failure.steps[-1]
            head = f"*** Job {leaf.job_id} {escape(leaf.task)} failed:"
            lines.insert(0, self._style.paint(head, "FAILED"))
        rest = "what does not depend on it goes on"
        if n_running is not None:
            rest = f"{n_running:,} running will finish"
        lines.append(f"1 failed; {rest}, Ctrl-C to stop now")
        self._print(lines)

    def warning(self, message: str) -> None:
        """Print one line."""
        self._print([escape(message)])

    def progress(
        self, counts: Mapping[str, TaskCounts], running: Sequence[str], left_s: float | None = None
    ) -> None:
        """Redraw the footer."""
        now = time.monotonic()
        if not self.wants_progress or now < self._redraw_time:
            return
        self._redraw_time = now + REDRAW_INTERVAL_S
        columns = _get_width(self._stream)
        width = get_footer_width(columns)
        text = format_footer(counts, running, now - self._begun, left_s, width)
        if text != self._footer:
            self._write(self._erase() + paint_footer(text, self._style))
            self._footer = text

    def execution_ended(self, end: ExecutionEnd) -> None:
        """Print the table, the traceback of a failure, and the next step."""
        self.close()
        self.status = end.status
        self.wants_progress = False
        self._account_for_hidden()
        lines: list[str] = []
        if not self._quiet:
            from redunlite.display.tables import format_status

            width = _get_width(self._stream) - len(TABLE_HEAD) if self._is_terminal else None
            table = format_status(end.counts, width=width, style=self._style)
            lines += ["", *(f"| {line}" for line in table), ""]
        if end.failure is not None:
            lines += self._format_failure(end.failure)
            lines += self._format_others(end)
        elif end.status == "CANCELLED":
            lines.append(self._style.paint("*** Execution cancelled.", "CANCELLED"))
        lines += self._format_inform_errors(end.inform_errors)
        if not self._quiet:
            lines += self._format_next(end)
        self._print(lines)

    def close(self) -> None:
        """Take the footer off the screen."""
        if self._footer:
            erase = self._erase()
            self._footer = ""
            self._write(erase)

    def _erase(self) -> str:
        """Return the codes that take the footer off, also from a terminal that was made narrower.

        Such a terminal has broken it into several lines, and the cursor stands in the last of them.
        """
        n_above = max(0, measure(self._footer) - 1) // max(1, _get_width(self._stream))
        return ERASE_LINE if not n_above else f"\r\x1b[{n_above}A\x1b[J"

    # Lines.

    def _format_inform_errors(self, errors: Sequence[str]) -> list[str]:
        """Return what could not be shown during the run: the last line of the first, all to debug."""
        if not errors:
            return []
        if self._debug:
            return [
                line for error in errors for line in ("could not be shown:", *error.splitlines())
            ]
        return [f"something could not be shown ({errors[0].splitlines()[-1]}); --debug tells where"]

    def _format_next(self, end: ExecutionEnd) -> list[str]:
        if self._is_dry:
            if end.status == "DRY":
                jobs = "1 job" if end.n_would_run == 1 else f"{end.n_would_run:,} jobs"
                return [
                    f"Dry run: {jobs} would run; more may follow from their results.",
                    "Nothing was run or written.",
                ]
            return ["Dry run: everything is cached.", "Nothing was run or written."]
        lines = []
        if end.failure is not None and end.failed_job:
            shown = self._style.paint(end.failed_job, ID)
            lines.append(f"inspect: {self._program} log {shown}")
        if end.uuid:
            shown = self._style.paint(end.uuid[:8], ID)
            lines.append(f"details: {self._program} log {shown}")
        return lines

    def _format_failure(self, failure: Failure) -> list[str]:
        head = "*** Execution failed. Traceback (most recent task last):"
        lines = [self._style.paint(head, "FAILED")]
        steps = list(failure.steps)
        middle: list[TraceStep] = []
        if len(steps) > MAX_STEPS:
            middle = steps[KEPT_STEPS:-KEPT_STEPS]
        for i, step in enumerate(steps):
            if middle and i == KEPT_STEPS:
                lines.append(f"  {format_fold(middle)}")
            if not middle or i < KEPT_STEPS or i >= len(steps) - KEPT_STEPS:
                lines += _format_step(step, self._style)
        lines += self._format_detail(failure.detail)
        if failure.output_tail:
            lines.append("last output of the job:")
            lines += [f"  {line}" for line in escape_lines(failure.output_tail)]
        return lines

    def _format_others(self, end: ExecutionEnd) -> list[str]:
        """Return a line for each other job that failed."""
        if not end.n_other_failures:
            return []
        lines = [self._style.paint(f"*** {end.n_other_failures:,} more failed:", "FAILED")]
        for failed in end.other_failures:
            from redunlite.tracebacks import get_headline

            call = f"{escape(failed.task)}({format_arguments(failed.arguments, OTHER_WIDTH)})"
            error = escape(cut(get_headline(failed.summary), 200))
            lines.append(f"  Job {self._style.paint(failed.job_id, ID)}: {call}: {error}")
        if end.n_other_failures > len(end.other_failures) and end.uuid:
            lines.append(f"  all of them: {self._program} log {end.uuid[:8]} --failed")
        return lines

    def _format_detail(self, detail: ErrorDetail) -> list[str]:
        frames: Sequence[Frame] = detail.frames
        if self._debug and detail.all_frames:
            frames = detail.all_frames
        lines: list[str] = []
        if frames:
            from redunlite.tracebacks import format_frames

            lines += [escape(line) for line in format_frames(frames)]
        told = escape_lines(detail.summary)
        if self._style.is_on:
            from redunlite.display.paint import paint_error

            told = [paint_error(line, self._style) for line in told]
        return lines + told

    def _account_for_hidden(self) -> None:
        """Print how many lines of each task were left out since the last account."""
        self._account_time = time.monotonic() + HIDDEN_INTERVAL_S
        if self._hidden:
            hidden, self._hidden = self._hidden, {}
            self._print([f"… {n:,} more {task}" for task, n in hidden.items()])

    # The stream.

    def _print(self, lines: Sequence[str]) -> None:
        """Write permanent lines, each with the prefix, in the footer's place."""
        if not lines:
            return
        text = "".join(f"{PREFIX} {line}".rstrip() + "\n" for line in lines)
        if self._footer:
            text = self._erase() + text + paint_footer(self._footer, self._style)
        self._write(text)

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except UnicodeEncodeError:
            encoding = self._stream.encoding or "ascii"
            self._write(text.encode(encoding, "backslashreplace").decode(encoding))
        except BlockingIOError:
            pass  # somebody else made the terminal non-blocking, and it is full: the line is lost
        except (OSError, ValueError):
            stream, self._stream = self._stream, None
            self.wants_progress = self.live_output = False
            abandon(stream)


def abandon(stream: TextIO) -> None:
    """Send whatever a stream still holds to the null device.

    For a stream that cannot be written any more: the interpreter would try again at its end, and
    change the exit code for it.
    """
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, descriptor)
        stream.flush()
    except (OSError, ValueError):
        pass
    finally:
        os.close(null)


def format_job_line(line: JobLine, style: Style = PLAIN, width: int | None = None) -> str:
    """Return ``Run    Job c5a729dc:  ns.main(greet='Hello') on default``, or its like.

    Parameters
    ----------
    width
        Columns that the line may have. Where that is too few the arguments lose what they have to,
        and when nothing is left of them the reason does; the rest stays whole on any terminal.
    """
    event, status = f"{line.event:<6}", line.event
    if line.event == REJECT:
        event, status = "*** Reject", "FAILED"
    job_id = f"Job {line.job_id}:" if line.job_id else "Job:"
    head, task = f"{event} {job_id}  ", escape(line.task)
    arguments = "" if width is not None else format_arguments(line.arguments)
    end, reason = "", ""
    if line.event == REJECT:
        end = ":"
    elif line.event == CACHED:
        end = f" (eval_hash={line.eval_hash[:8]})"
    else:
        end = f" on {escape(line.executor)}" if line.executor else ""
        reason = f" ({escape(line.reason)})" if line.reason else ""
    if width is not None:
        room = width - measure(f"{head}{task}(){end}")
        arguments = fit_arguments(line.arguments, room - measure(reason))
        if reason:
            room -= measure(arguments)
            reason = f" ({cut(escape(line.reason), max(LEAST_REASON, room - len(' ()')))})"
    head = head.replace(event, style.paint(event, status), 1)
    if line.job_id:
        head = head.replace(line.job_id, style.paint(line.job_id, ID), 1)
    return f"{head}{task}({arguments}){end}{reason}"


def _format_step(step: TraceStep, style: Style) -> list[str]:
    name = step.task.rpartition(".")[2]
    place = f'File "{step.file}", line {step.line}, in {name}' if step.file else f"in {name}"
    lines = [step.text] if step.text else []
    lines += [f"{argument} = {cut(shown, 200)}" for argument, shown in step.arguments]
    head = f"  Job {style.paint(step.job_id, ID)}: {escape(place)}"
    return [head, *(f"    {escape(line)}" for line in lines)]


def format_fold(steps: Sequence[TraceStep]) -> str:
    """Return ``… 49,980 more `f` …``, which stands for the middle of a long chain of jobs."""
    names = list(dict.fromkeys(step.task.rpartition(".")[2] for step in steps))
    told = ", ".join(f"`{escape(name)}`" for name in names[:3])
    return f"… {len(steps):,} more {told}{', …' if len(names) > 3 else ''} …"


def _get_width(stream: TextIO | None) -> int:
    """Return the columns of the terminal, as they are now."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns if stream is not None else 0
    except (OSError, ValueError):
        columns = 0
    return columns or 80
