"""Jobs and failures as a reporter shows them: plain texts, made only when they are shown.

Decided here: what is told of a job. Not here: how it looks (`display`). No state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from redunlite import hashing
from redunlite.job import Failure, Job
from redunlite.kinds import Lazy, ValueRef
from redunlite.preview import format_preview
from redunlite.reporter import FailedJob, JobLine, TraceStep
from redunlite.reporter import Failure as ShownFailure
from redunlite.signature import VAR_KEYWORD, VAR_POSITIONAL
from redunlite.tracebacks import is_library_file


def describe_job(event: str, job: Job, job_id: str, executor: str = "") -> JobLine:
    """Return the line of a job to which `event` has happened."""
    return JobLine(
        event, job_id, job.task.fullname, describe_arguments(job), executor,
        job.eval_hash.hex(), job.reason,
    )  # fmt: skip


def describe_arguments(job: Job) -> list[tuple[str, str]]:
    """Return name and preview of each argument of a job that still has them."""
    parameters = job.task.parameters
    stars = {VAR_POSITIONAL: "*", VAR_KEYWORD: "**"}
    return [
        (stars.get(kind, "") + name, show_argument(kind, value))
        for name, kind, value in zip(parameters.names, parameters.kinds, job.arguments)
    ]


def show_argument(kind: int, value: Any) -> str:
    """Return the preview of an argument of a parameter of that kind."""
    if kind == VAR_POSITIONAL:
        return "(" + ", ".join(show_value(v) for v in value) + ")"
    if kind == VAR_KEYWORD:
        return "{" + ", ".join(f"{k!r}: {show_value(v)}" for k, v in value.items()) + "}"
    return show_value(value)


def show_value(value: Any) -> str:
    """Return the preview of a scalar, a `ValueRef`, or what is not known yet."""
    if type(value) is ValueRef:
        return (
            value.preview if value.preview is not None else hashing.preview_token(value.token, 200)
        )
    if isinstance(value, Lazy):
        return repr(value)
    return format_preview(value)


def describe_failure(failure: Failure, get_id: Callable[[Job], str]) -> ShownFailure:
    """Return the job traceback of a failure: one step a job, from the root to where it happened."""
    chain: list[Job] = []
    job = failure.job
    while job is not None:
        chain.append(job)
        job = job.parent
    chain.reverse()
    steps = []
    for job in chain:
        info = job.task.fingerprint
        file, text = info.file or "", ""
        if is_library_file(file):  # a task of our own, such as `apply_func`
            file = ""
        else:
            lines = (info.source or "").strip().splitlines()
            text = next((x for x in lines if x.lstrip().startswith(("def ", "async def "))), "")
        steps.append(
            TraceStep(
                get_id(job), job.task.fullname, file, info.line or 0,
                text.strip(), describe_arguments(job),
            )
        )  # fmt: skip
    return ShownFailure(steps, failure.detail, failure.output_tail)


def list_failures(failures: Iterable[Failure], get_id: Callable[[Job], str]) -> list[FailedJob]:
    """Return the jobs in which failures happened."""
    return [
        FailedJob(get_id(job), job.task.fullname, describe_arguments(job), failure.detail.summary)
        for failure in failures
        if (job := failure.job) is not None
    ]
