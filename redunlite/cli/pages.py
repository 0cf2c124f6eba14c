"""The page of one record: an execution, a job, a call node, a task or a value.

Decided here: what is read for a page, in each format. Not here: what a word names (`history/query`),
how a page looks (`display`). No state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from redunlite.cli.common import find_width
from redunlite.cli.reading import View
from redunlite.display import as_json, records
from redunlite.display.text import escape
from redunlite.history import dataflow
from redunlite.history.dataflow import Dataflow
from redunlite.history.query import History
from redunlite.history.records import (
    CALL,
    EXECUTION,
    JOB,
    TASK,
    Match,
    ValueRecord,
)
from redunlite.history.tags import find_tags
from redunlite.recorder import codes
from redunlite.tags import format_tags, value_key

MAX_JOBS_OF_CALL = 10


def make_view(
    history: History, matches: Sequence[Match], *, limit: int | None, everything: bool
) -> View:
    """Return the page of one record, or of all versions of a task.

    Parameters
    ----------
    limit
        Jobs of an execution that are shown at most; default, those of a long screen.
    everything
        Show all jobs of an execution.
    """
    match = matches[0]
    if match.kind == EXECUTION:
        return _view_execution(history, match, limit, everything)
    if match.kind == JOB:
        return _view_job(history, match)
    if match.kind == CALL:
        return _view_call(history, match)
    if match.kind == TASK:
        return _view_tasks(history, matches)
    return _view_value(history, match)


def _view_execution(history: History, match: Match, limit: int | None, everything: bool) -> View:
    from redunlite.display.tree import format_page
    from redunlite.history.tree import get_tree

    execution = history.get_execution(match.row)
    counts = history.find_counts(execution)
    tree = get_tree(history, execution, counts, limit=limit, everything=everything)
    failed_job = history.find_failed_job(execution)
    return View(
        lambda: format_page(execution, counts, tree, failed_job, width=find_width()),
        lambda: as_json.make_page(history, execution, counts, tree, failed_job),
        lambda: as_json.make_tree(history, tree),
        "job of a tree",
    )


def _view_job(history: History, match: Match) -> View:
    detail = history.get_job_detail(match.row)
    flow = dataflow.get_job_dataflow(history, detail.job)

    def make_page() -> Any:
        return as_json.make_job_page(history, detail, flow)

    return View(
        lambda: records.format_job_page(detail, flow), make_page, lambda: [make_page()], "job"
    )


def _view_call(history: History, match: Match) -> View:
    call = history.get_call(match.row)
    jobs = history.find_jobs_of_call(call, MAX_JOBS_OF_CALL)
    is_made = jobs and jobs[0].execution == call.row >> codes.SERIAL_BITS
    flow = dataflow.get_call_dataflow(history, call, jobs[0] if is_made else None)

    def make_page() -> Any:
        return as_json.make_call_page(history, call, jobs, flow)

    return View(
        lambda: _add_tags(
            history,
            "call",
            call.row,
            records.format_call_page(call, history.add_arguments(jobs), flow),
        ),
        make_page,
        lambda: [make_page()],
        "call node",
    )


def _view_tasks(history: History, matches: Sequence[Match]) -> View:
    tasks = [history.get_task(match.row) for match in matches]
    firsts = [history.find_first_job(task) for task in tasks]

    def make_lines() -> Iterable[str]:
        for task, first in zip(tasks, firsts):
            yield from _add_tags(history, "task", task.row, records.format_task(task, first))
            yield ""

    def make_page() -> list[Any]:
        return [as_json.make_task(task, first) for task, first in zip(tasks, firsts)]

    return View(make_lines, make_page, make_page, "task")


def _view_value(history: History, match: Match) -> View:
    value: ValueRecord = history.get_value(match)
    maker = dataflow.find_maker(history, match, value)
    flow: Dataflow | None = None
    if maker is not None:
        flow = dataflow.get_call_dataflow(history, maker.call, maker.job, "value")

    def make_page() -> Any:
        return as_json.make_value_page(value, flow, maker)

    return View(
        lambda: _add_tags(
            history,
            "value",
            value_key(bytes.fromhex(value.hash)),
            records.format_value_page(value, maker, history.find_paths(value), flow),
        ),
        make_page,
        lambda: [make_page()],
        "value",
    )


def _add_tags(history: History, entity: str, entity_id: int, lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a page, the first one with the record's tags behind it."""
    tags = find_tags(history.connection, entity, [entity_id]).get(entity_id, ())
    for i, line in enumerate(lines):
        yield line if i else line + escape(format_tags(tags))
