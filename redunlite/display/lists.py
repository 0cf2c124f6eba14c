"""Lists of executions and jobs for people.

Decided here: what stands above and below a list, and what `-v` adds to a line. No state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from redunlite.display.text import escape
from redunlite.display.tree import (
    ID_WIDTH,
    find_error,
    format_commit,
    format_duration,
    format_error,
    format_execution,
    format_job,
    format_usage,
)
from redunlite.history.records import ExecutionRecord, JobRecord


def format_head(what: str, told: Sequence[str]) -> str:
    """Return the line above a list: what is listed, and what it was narrowed to.

    >>> format_head("Jobs", ["task inc", "FAILED"])
    'Jobs (task inc, FAILED):'
    """
    narrowed = f" ({', '.join(map(escape, told))})" if told else ""
    return f"{what}{narrowed}:"


def format_none(what: str, told: Sequence[str]) -> str:
    """Return the line in place of an empty list.

    >>> format_none("executions", ["FAILED"])
    'No executions match: FAILED'
    """
    return f"No {what} match: {', '.join(map(escape, told))}" if told else f"No {what} yet"


def format_executions(
    executions: Sequence[ExecutionRecord], *, verbose: bool = False
) -> Iterator[str]:
    """Yield the lines of a list of executions."""
    for execution in executions:
        yield format_execution(execution, is_full=verbose)
        if verbose:
            yield f"  {_tell_execution(execution)}"
            error = find_error(execution)
            if error is not None:
                yield f"  *** {error}"


def format_jobs(
    jobs: Sequence[JobRecord], executions: Sequence[ExecutionRecord], *, verbose: bool = False
) -> Iterator[str]:
    """Yield the lines of a list of jobs, each given with its execution."""
    for job, execution in zip(jobs, executions):
        yield format_job(job, is_full=verbose)
        if verbose:
            yield f"  Exec {execution.uuid[:ID_WIDTH]}{_tell_time(job.duration_us)}{format_usage(job)}"
        if job.error is not None:
            yield f"  {format_error(job.error)}"


def format_more(n_more: int | None, command: str) -> Iterator[str]:
    """Yield the end of a list of which `n_more` are left out; None for nobody knows how many."""
    if n_more != 0:
        some = "older ones" if n_more is None else f"{n_more:,} older ones"
        yield ""
        yield f"… {some}: {command}"


def _tell_execution(execution: ExecutionRecord) -> str:
    parts = [_tell_time(execution.duration_us).removeprefix(", ") or "not over"]
    if execution.user or execution.host:
        parts.append(f"{execution.user or '?'}@{execution.host or '?'}")
    if execution.cwd:
        parts.append(f"in {execution.cwd}")
    if execution.python:
        parts.append(f"Python {execution.python}")
    if execution.git_commit:
        parts.append(format_commit(execution))
    return escape(", ".join(parts))


def _tell_time(duration_us: int | None) -> str:
    return "" if duration_us is None else f", {format_duration(duration_us)}"
