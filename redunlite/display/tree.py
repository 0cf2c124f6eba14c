"""Lines about executions and their job trees, in redun's layout.

Decided here: how times, statuses, arguments and folded jobs look. No state.

>>> format_status("DONE"), format_status("RUNNING"), format_status("CACHED")
('[ DONE ]', '[ RUN  ]', '[CACHED]')
>>> format_duration(3_723_450_000)
'1:02:03.45'
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from redunlite.display.text import cut, escape, format_words, measure
from redunlite.history.records import (
    CANCELLED,
    FAILED,
    KEYWORD_ONLY,
    RUNNING,
    VAR_KEYWORD,
    VAR_POSITIONAL,
    ArgumentRecord,
    ExecutionRecord,
    JobRecord,
    TaskCounts,
    ValueRecord,
)
from redunlite.history.tree import FoldLine, JobTree
from redunlite.recorder.database import INTERRUPTED
from redunlite.tags import format_tags
from redunlite.tracebacks import get_headline

ID_WIDTH = 8
"""Characters of a short id."""
DEFAULT_WIDTH = 80
"""Columns of a page where there is no terminal to ask."""
VALUE_WIDTH = 200
"""Characters shown of one value."""
ARGUMENTS_WIDTH = 600
"""Characters shown of all arguments of a job."""
OWN_PACKAGES = ("cloudpickle", "peewee", "argcomplete", "tabulate")
"""Not told of: redunlite itself loads them."""
_SHOWN_STATUS = {RUNNING: "RUN", CANCELLED: "CANCEL"}


def format_status(status: str) -> str:
    """Return a status in brackets, 8 characters wide."""
    return f"[{_SHOWN_STATUS.get(status, status):^6}]"


def format_time(time_us: int) -> str:
    """Return microseconds since the epoch as local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time_us // 1_000_000))


def format_duration(duration_us: int) -> str:
    """Return microseconds as hours, minutes, seconds and hundredths."""
    hundredths = max(0, duration_us) // 10_000
    seconds, hundredths = divmod(hundredths, 100)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}.{hundredths:02d}"


def format_execution(execution: ExecutionRecord, *, is_full: bool = False) -> str:
    """Return the line of an execution, with its full id or the short one."""
    shown = execution.uuid if is_full else execution.uuid[:ID_WIDTH]
    words = format_words(execution.argv)
    if not words:
        words = f"{escape(execution.root_task or '?')} (API)"
    told = f" ({INTERRUPTED})" if execution.error == INTERRUPTED else ""
    status = format_status(execution.status)
    tags = escape(format_tags(execution.tags))
    return f"Exec {shown} {status} {format_time(execution.start_us)}:  {words}{told}{tags}"


def format_arguments(arguments: Sequence[ArgumentRecord], *, by_name: bool) -> str:
    """Return arguments as in a call.

    Parameters
    ----------
    by_name
        Name them all, as for the root, whose arguments are options; else only those that have to.
    """
    parts: list[str] = []
    length = 0
    for argument in arguments:
        if length > ARGUMENTS_WIDTH:
            parts.append("…")
            break
        shown = escape(cut(argument.value.preview, VALUE_WIDTH))
        name = escape(argument.name)
        if argument.kind == VAR_POSITIONAL:
            shown = f"*{shown}"
        elif argument.kind == VAR_KEYWORD:
            shown = f"**{shown}"
        elif by_name or argument.kind == KEYWORD_ONLY:
            shown = f"{name}={shown}"
        parts.append(shown)
        length += measure(shown) + 2
    return ", ".join(parts)


def format_job(job: JobRecord, *, is_full: bool = False) -> str:
    """Return the line of a job, with its full id or the short one."""
    shown = job.uuid if is_full else job.uuid[:ID_WIDTH]
    arguments = format_arguments(job.arguments, by_name=job.parent is None)
    call = f"{escape(job.task.fullname)}({arguments})"
    tags = escape(format_tags(job.tags))
    return f"Job {shown} {format_status(job.status)} {format_time(job.start_us)}:  {call}{tags}"


def find_error(execution: ExecutionRecord) -> str | None:
    """Return the line that tells what an execution failed of; None when no error ended it."""
    if execution.status != FAILED or not execution.error or execution.error == INTERRUPTED:
        return None
    return escape(cut(get_headline(execution.error), VALUE_WIDTH))


def format_error(error: ValueRecord) -> str:
    """Return the line that tells what a job raised."""
    told = get_headline(error.summary) if error.summary else error.preview
    return f"*** {escape(cut(told, VALUE_WIDTH))}"


def format_usage(job: JobRecord) -> str:
    """Return what a job used, in parentheses; empty when nothing ran."""
    parts = []
    if job.cpu_us is not None:
        parts.append(f"CPU {format_duration(job.cpu_us)}")
    if job.peak_bytes:
        parts.append(f"peak memory {job.peak_bytes / (1 << 20):,.0f} MiB")
    return f" ({', '.join(parts)})" if parts else ""


def format_totals(counts: Sequence[TaskCounts]) -> str:
    """Return the line that sums up the jobs of an execution."""
    done, cached, failed, cancelled, running = (
        sum(getattr(count, name) for count in counts)
        for name in ("n_done", "n_cached", "n_failed", "n_cancelled", "n_running")
    )
    parts = [f"DONE: {done:,}", f"CACHED: {cached:,}", f"FAILED: {failed:,}"]
    if cancelled:
        parts.append(f"CANCELLED: {cancelled:,}")
    if running:
        parts.append(f"RUNNING: {running:,}")
    return f"Jobs: {sum(count.total for count in counts):,} ({', '.join(parts)})"


def format_page(
    execution: ExecutionRecord,
    counts: Sequence[TaskCounts],
    tree: JobTree,
    failed_job: JobRecord | None = None,
    *,
    width: int = DEFAULT_WIDTH,
) -> Iterator[str]:
    """Yield the lines of the page of an execution.

    Parameters
    ----------
    failed_job
        The one that raised what the execution failed with.
    width
        Columns of the terminal, for what is as wide.
    """
    yield format_execution(execution, is_full=True)
    if execution.duration_us is not None:
        yield f"Duration: {format_duration(execution.duration_us)}"
    yield from _format_facts(execution, width)
    error = find_error(execution)
    if error is not None:
        yield f"Error:    {error}"
    if failed_job is not None:
        yield f"Inspect:  redunlite log {failed_job.uuid[:ID_WIDTH]}"
    yield ""
    yield format_totals(counts)
    yield "-" * width
    for line in tree.lines:
        indent = "  " * line.depth
        if isinstance(line, FoldLine):
            yield f"{indent}… {line.n_jobs:,} more {escape(line.task)}"
            continue
        yield indent + format_job(line.job)
        if line.is_cause and line.job.error is not None:
            yield f"{indent}  {format_error(line.job.error)}"
    if tree.n_shown < tree.n_jobs:
        yield ""
        yield f"all of them: redunlite log {execution.uuid[:ID_WIDTH]} --all"


def _format_facts(execution: ExecutionRecord, width: int) -> Iterator[str]:
    """Yield where an execution ran, and with what."""
    if execution.user or execution.host:
        where = f"{execution.user or '?'}@{execution.host or '?'}"
        yield escape(f"Where:    {where}{', ' + execution.cwd if execution.cwd else ''}")
    parts = []
    if execution.python:
        parts.append(f"Python {execution.python}")
    if execution.git_commit:
        parts.append(format_commit(execution))
    parts += [
        f"{name} {version}"
        for name, version in execution.versions.items()
        if name not in OWN_PACKAGES
    ]
    if parts:
        yield _join_some("Versions: ", [escape(part) for part in parts], width)


def format_commit(execution: ExecutionRecord) -> str:
    """Return the commit that was checked out, and whether files differed from it."""
    dirty = " (dirty)" if execution.is_git_dirty else ""
    return f"commit {(execution.git_commit or '')[:ID_WIDTH]}{dirty}"


def _join_some(head: str, parts: Sequence[str], width: int) -> str:
    """Return as many parts as one line has room for, at least one, and how many more there are.

    >>> _join_some("", ["numpy 2.4.6", "pandas 3.1.1", "polars 1.2"], 32)
    'numpy 2.4.6, … 2 more'
    """
    line = head + parts[0]
    for i, part in enumerate(parts[1:], 1):
        n_left = len(parts) - i
        longer = f"{line}, {part}"
        more = f", … {n_left - 1:,} more" if n_left > 1 else ""
        if measure(longer + more) > width:
            return f"{line}, … {n_left:,} more"
        line = longer
    return line
