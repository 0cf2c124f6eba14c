"""`redunlite log`: what ran, what became of it, and where every value came from.

Decided here: which page a word leads to. Not here: what a word names (`history/query`), how a page
looks (`display`). Nothing is created or changed; all is read before anything is printed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from redunlite.cli import common

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from redunlite.cli.help import CommandParser
    from redunlite.history.query import History
    from redunlite.history.records import Found, Match
    from redunlite.recorder.database import Database

DEFAULT_LIMIT = 20
MAX_JOBS_OF_CALL = 10
MAX_READINGS = 3
"""Times that a history is read which changes under the eyes."""

EXAMPLES = (
    ("log", "the latest executions"),
    ("log -", "the latest one, with its jobs"),
    ("log 4b20320e", "what that id belongs to"),
    ("log main", "the versions of a task"),
)


def add_parser(commands: Any) -> CommandParser:
    """Add the parser of this command."""
    from redunlite.cli.parsers import read_count

    parser: CommandParser = commands.add_parser(
        "log",
        help="show what ran and where values came from",
        description="Without a word: the latest executions. With one: the page of what it names.",
    )
    parser.examples = EXAMPLES
    parser.add_argument(
        "word",
        nargs="?",
        metavar="WORD",
        help="an id or the beginning of one, a task's name, a file's path, "
        "- for the latest execution, ~2 for the one before",
    )
    parser.add_argument("--id", metavar="ID", help="take the word as an id, not as a task's name")
    add_format(parser)
    parser.add_argument(
        "--limit",
        type=read_count,
        metavar="N",
        help=f"executions to list (default: {DEFAULT_LIMIT})",
    )
    parser.add_argument(
        "--all", action="store_true", help="list all executions, or all jobs of one"
    )
    return parser


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses text or JSON."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument(
        "--json", dest="format", action="store_const", const="json", help="same as --format json"
    )


def run(args: argparse.Namespace) -> int:
    """Print the page that was asked for."""
    from redunlite.errors import UsageError

    word = args.word if args.id is None else args.id
    if args.id is not None and args.word is not None:
        raise UsageError(f"log takes one word: {args.word!r} or --id {args.id!r}")
    config = getattr(args, "config", None)
    text = read_text(config, lambda history: _make_text(history, word, args))
    if text is None:
        return _tell_empty(word, args.format == "json")
    return common.write_output(text)


def open_history(config: str | None) -> Database | None:
    """Open the project's database for reading; None when there is none.

    Raises
    ------
    ConfigError, DatabaseError
        When the folder that was named does not exist, or its database cannot be read.
    """
    from redunlite.config import resolve_folder
    from redunlite.recorder.database import DATABASE_NAME, open_readonly

    folder = resolve_folder(config)
    if folder is None:
        return None
    try:
        return open_readonly(os.path.join(folder, DATABASE_NAME))
    except FileNotFoundError:
        return None


def read_text(config: str | None, make: Callable[[History], str]) -> str | None:
    """Return what `make` says of the project's history; None when there is none.

    Read again when a run began to write meanwhile: the first reading may be half old and half new.
    """
    import sqlite3

    from redunlite.history.query import History
    from redunlite.recorder.database import translate_error

    n_left = MAX_READINGS
    while True:
        database = open_history(config)
        if database is None:
            return None
        n_left -= 1
        try:
            text = make(History(database))
            if not n_left or not database.has_changed():
                return text
        except sqlite3.Error as error:
            if not n_left or not database.has_changed():
                raise translate_error(error, database.path or "") from error
        finally:
            database.close()


def _tell_empty(word: str | None, is_json: bool) -> int:
    if word is None:
        return common.write_output("[]\n" if is_json else "No executions yet\n")
    from redunlite.errors import UnknownNameError

    raise UnknownNameError("id or task", word, hint="no executions are recorded here yet")


def _make_text(history: History, word: str | None, args: argparse.Namespace) -> str:
    is_json = args.format == "json"
    if word is None:
        return _list_executions(history, None if args.all else args.limit or DEFAULT_LIMIT, is_json)
    found = history.find_records(word, only_ids=args.id is not None)
    if is_json:
        return _format_found_json(history, found, args.all)
    lines: list[str] = []
    for match in found.matches:
        lines += _make_page(history, match, args.all)
    if found.n_others:
        lines.append(f"{found.n_others:,} ids begin with {word!r} too: redunlite log --id {word}")
    return join_lines(lines)


def join_lines(lines: Iterable[str]) -> str:
    """Return lines as one text, without blank ones at its end."""
    return "\n".join(lines).rstrip("\n") + "\n"


def _list_executions(history: History, limit: int | None, is_json: bool) -> str:
    executions = history.find_executions(limit)
    if is_json:
        from redunlite.display.as_json import format_json, make_execution

        return format_json([make_execution(execution) for execution in executions]) + "\n"
    from redunlite.display.tree import format_executions

    n_all = len(executions)
    if limit is not None and n_all == limit:
        n_all = history.count_executions()
    return join_lines(format_executions(executions, n_all))


def _make_page(history: History, match: Match, everything: bool) -> Iterable[str]:
    from redunlite.display import records
    from redunlite.history import dataflow
    from redunlite.history.records import CALL, EXECUTION, JOB, TASK

    if match.kind == EXECUTION:
        from redunlite.display.tree import format_page
        from redunlite.history.tree import get_tree

        execution = history.get_execution(match.row)
        counts = history.find_counts(execution)
        return format_page(
            execution, counts, get_tree(history, execution, counts, everything=everything)
        )
    if match.kind == JOB:
        detail = history.get_job_detail(match.row)
        return records.format_job_page(detail, dataflow.get_job_dataflow(history, detail.job))
    if match.kind == CALL:
        call = history.get_call(match.row)
        jobs = history.add_arguments(_find_jobs(history, match.row))
        return records.format_call_page(call, jobs, dataflow.get_call_dataflow(history, call))
    if match.kind == TASK:
        task = history.get_task(match.row)
        return [*records.format_task(task, history.find_first_job(task)), ""]
    value = history.get_value(match)
    producer = dataflow.find_producer(history, value)
    flow = None
    if producer is not None:
        flow = dataflow.get_call_dataflow(history, producer, "value")
    return records.format_value_page(value, history.find_paths(value), flow)


def _find_jobs(history: History, call: int) -> list[Any]:
    return history.find_jobs("call = ?", (call,), MAX_JOBS_OF_CALL)


def _format_found_json(history: History, found: Found, everything: bool) -> str:
    from redunlite.display import as_json
    from redunlite.history.records import TASK

    if found.matches[0].kind == TASK:
        tasks = [history.get_task(match.row) for match in found.matches]
        pages: Any = [as_json.make_task(task, history.find_first_job(task)) for task in tasks]
    else:
        pages = _make_json(history, found.matches[0], everything)
    return as_json.format_json(pages) + "\n"


def _make_json(history: History, match: Match, everything: bool) -> Any:
    from redunlite.display import as_json
    from redunlite.history import dataflow
    from redunlite.history.records import CALL, EXECUTION, JOB

    if match.kind == EXECUTION:
        from redunlite.history.tree import get_tree

        execution = history.get_execution(match.row)
        counts = history.find_counts(execution)
        tree = get_tree(history, execution, counts, everything=everything)
        return as_json.make_page(execution, counts, tree)
    if match.kind == JOB:
        detail = history.get_job_detail(match.row)
        flow = dataflow.get_job_dataflow(history, detail.job)
        return as_json.make_job_page(history, detail, flow)
    if match.kind == CALL:
        call = history.get_call(match.row)
        flow = dataflow.get_call_dataflow(history, call)
        return as_json.make_call_page(history, call, _find_jobs(history, match.row), flow)
    value = history.get_value(match)
    producer = dataflow.find_producer(history, value)
    flow = None if producer is None else dataflow.get_call_dataflow(history, producer, "value")
    return as_json.make_value_page(value, flow)
