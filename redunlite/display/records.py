"""The pages of a job, a call node, a task and a value, in redun's layout.

Decided here: what a page says and in which order. No state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from redunlite.display.dataflow import format_dataflow
from redunlite.display.text import cut, escape, escape_lines
from redunlite.display.tree import (
    ID_WIDTH,
    VALUE_WIDTH,
    format_arguments,
    format_duration,
    format_job,
    format_time,
    format_usage,
)
from redunlite.history.dataflow import Dataflow
from redunlite.history.records import (
    CANCELLED,
    DONE,
    RUNNING,
    CallRecord,
    JobDetail,
    JobRecord,
    Maker,
    OutputRecord,
    TaskRecord,
    ValueRecord,
)

MAKER_WIDTH = 80
"""Characters shown of the arguments of the call that made a value."""


def format_job_page(detail: JobDetail, dataflow: Dataflow | None) -> Iterator[str]:
    """Yield the lines of the page of a job."""
    job, call = detail.job, detail.call
    yield format_job(job, is_full=True)
    yield f"Traceback: {_format_trail(detail)}"
    if job.status == DONE and job.duration_us is not None:
        yield f"Duration: {format_duration(job.duration_us)}{format_usage(job)}"
    yield ""
    is_over = job.status not in (RUNNING, CANCELLED)
    if call is not None and call.call_hash and is_over:
        yield from _indent(format_call(call, by_name=job.parent is None), 1)
    else:
        yield f"  CallNode UNKNOWN: {_tell_unfinished(job)}"
    yield ""
    yield from _indent(format_task(job.task), 1)
    if detail.output is not None and detail.output.n_bytes:
        yield ""
        yield "  Output:"
        yield ""
        yield from _indent(format_output(detail.output), 2)
    if dataflow is not None and is_over:
        yield ""
        yield ""
        yield "  Upstream dataflow:"
        yield ""
        yield from _indent(format_dataflow(dataflow), 2)
    error = call.result if call is not None and is_over else None
    if error is not None and error.is_error:
        yield "  Traceback:"
        yield from _indent(format_frames(error), 1)


def _format_trail(detail: JobDetail) -> str:
    steps = [f"Exec {detail.execution.uuid[:ID_WIDTH]}"]
    jobs = [f"Job {job.uuid[:ID_WIDTH]} {escape(job.task.name)}" for job in detail.trail]
    if detail.n_left_out:
        n_before = len(jobs) // 2
        jobs.insert(n_before, f"({detail.n_left_out:,} Jobs)")
    return " > ".join(steps + jobs)


def _tell_unfinished(job: JobRecord) -> str:
    if job.status == CANCELLED:
        return "Job was cancelled."
    return "Job has not finished."


def format_call(call: CallRecord, *, by_name: bool = False) -> Iterator[str]:
    """Yield the lines of a call node: what went in and what came out."""
    shown = call.call_hash or "UNKNOWN"
    yield f"CallNode {shown} {escape(call.task.fullname)}"
    yield f"  Args:   {format_arguments(call.arguments, by_name=by_name)}".rstrip()
    if call.result is None:
        yield "  Result: not known yet"
    elif call.result.is_error:
        preview = call.result.preview.removeprefix("ErrorValue(").removesuffix(")")
        yield f"  Raised: {escape(cut(preview, VALUE_WIDTH))}"
    else:
        yield f"  Result: {escape(cut(call.result.preview, VALUE_WIDTH))}"


def format_task(task: TaskRecord, first_job: JobRecord | None = None) -> Iterator[str]:
    """Yield the lines of a version of a task."""
    yield f"Task {task.hash} {escape(task.fullname)}"
    if first_job is not None:
        yield f"  First Job {first_job.uuid[:ID_WIDTH]} {format_time(first_job.start_us)}"
    yield ""
    if task.version is not None:
        yield f"  version = {escape(repr(task.version))}"
    if task.source is None:
        yield "  (source not recorded)"
    else:
        yield from _indent(escape_lines(task.source), 1)


def format_output(output: OutputRecord) -> Iterator[str]:
    """Yield what a job wrote, with a line for what was not kept."""
    yield from _escape_bytes(output.head)
    n_lost = output.n_bytes - len(output.head) - len(output.tail)
    if n_lost > 0:
        yield f"… {n_lost:,} bytes not kept …"
    if output.tail:
        yield from _escape_bytes(output.tail)


def _escape_bytes(data: bytes) -> list[str]:
    return escape_lines(data.decode("utf-8", "backslashreplace"))


def format_frames(error: ValueRecord) -> Iterator[str]:
    """Yield the user's own frames of an error, and what it says."""
    for file, line, name, text in error.frames:
        yield f'  File "{escape(file)}", line {line}, in {escape(name)}'
        if text:
            yield f"    {escape(text.strip())}"
    yield from escape_lines(error.summary)


def format_call_page(
    call: CallRecord, jobs: Sequence[JobRecord], dataflow: Dataflow | None
) -> Iterator[str]:
    """Yield the lines of the page of a call node."""
    yield from format_call(call)
    yield f"  Eval:   {call.eval_hash}"
    yield ""
    if jobs:
        yield "  Jobs:"
        for job in jobs:
            yield f"    {format_job(job)}"
        yield ""
    yield from _indent(format_task(call.task), 1)
    if dataflow is not None:
        yield ""
        yield "  Upstream dataflow:"
        yield ""
        yield from _indent(format_dataflow(dataflow), 2)


def format_value(
    value: ValueRecord, maker: Maker | None, *, is_full: bool = False
) -> Iterator[str]:
    """Yield the lines that tell about a value by itself, and who made it: by full ids or short ones."""
    yield f"Value {value.hash} {escape(value.type_name)}"
    if value.size:
        yield f"Size:  {value.size:,} bytes"
    yield f"From:  {_format_maker(maker, None if is_full else ID_WIDTH)}"
    yield escape(value.preview)


def _format_maker(maker: Maker | None, width: int | None) -> str:
    if maker is None:
        return "no call returned it: an argument, or a part of another value"
    call = maker.call
    job = f"Job {maker.job.uuid[:width]} " if maker.job is not None else ""
    arguments = format_arguments(call.arguments, by_name=maker.job is None or not maker.job.parent)
    task = f"{escape(call.task.fullname)}({cut(arguments, MAKER_WIDTH)})"
    return f"{job}{task} in Exec {maker.execution.uuid[:width]}"


def format_value_page(
    value: ValueRecord, maker: Maker | None, files: Sequence[str], dataflow: Dataflow | None
) -> Iterator[str]:
    """Yield the lines of the page of a value."""
    yield from format_value(value, maker)
    for path in files:
        yield f"File:  {escape(path)}"
    yield ""
    yield "Upstream dataflow:"
    yield ""
    if dataflow is not None:
        yield from _indent(format_dataflow(dataflow), 1)
    else:
        yield f"  value = {escape(cut(value.preview, VALUE_WIDTH))}"
        yield ""
        yield "  value <-- origin"
        yield ""


def _indent(lines: Iterator[str] | Sequence[str], depth: int) -> Iterator[str]:
    for line in lines:
        yield f"{'  ' * depth}{line}" if line else ""
