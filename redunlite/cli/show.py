"""`redunlite show ID`: one recorded value, as far as it can be told without decoding it, or itself.

Decided here: what is printed, and where the value itself goes. Not here: whose value an id stands for
(`history/query`), how a value becomes bytes (`cli.export`). Only `-o` unpickles, at the user's explicit
wish, and lets the workflow's modules be imported for it; a page never does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redunlite.cli import common
from redunlite.cli.pager import write_page
from redunlite.cli.reading import (
    View,
    add_format,
    check_format,
    open_history,
    read_text,
    tell_older,
)
from redunlite.display.text import escape
from redunlite.errors import UndecodableError, UnknownNameError, UsageError

if TYPE_CHECKING:
    import argparse

    from redunlite.cli.help import CommandParser
    from redunlite.history.query import History

EXAMPLES = (
    ("show 5ede15ae", "the value with that hash, or the result of that job"),
    ("show -", "the result of the latest execution"),
    ("show - -o result.json", "write it to a file"),
    ("show - -o - --format json", "write it to standard output"),
)


def add_parser(commands: Any) -> CommandParser:
    """Add the parser of this command."""
    parser: CommandParser = commands.add_parser(
        "show",
        help="show a recorded value",
        description="Show a value, or the result of a job, call node or execution, and who made it. "
        "Small plain values are shown whole, others by their preview; -o writes the value itself, "
        "and redunlite.load(ID) gives it to a program.",
    )
    parser.examples = EXAMPLES
    parser.add_argument(
        "id", metavar="ID", help="an id or the beginning of one; - for the latest run"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write the value itself: .json, .jsonl, .csv, .txt or .pkl, or - for standard output; "
        "this unpickles what is recorded, and imports the modules of its classes",
    )
    parser.add_argument("--force", action="store_true", help="-o: replace a file that is there")
    add_format(
        parser,
        quiet="the value's hash only; with -o nothing",
        verbose="whole ids of who made it",
        more=("pickle",),
        default=None,
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the value, or write it."""
    config = getattr(args, "config", None)
    if args.output is not None:
        return _write(args, config)
    if args.force:
        raise UsageError("--force goes with -o FILE")
    if args.format == "pickle":
        raise UsageError("--format pickle goes with -o FILE")
    check_format(args)
    args.format = args.format or "text"
    text = read_text(config, lambda history: _make_text(history, args))
    if text is None:
        raise UnknownNameError("id", args.id, hint="no executions are recorded here yet")
    return write_page(text, args)


def _write(args: argparse.Namespace, config: str | None) -> int:
    """Write the value to a file, whole or not at all, or to standard output."""
    from redunlite.cli.export import PICKLE, TEXT, encode_value, find_form, write_file
    from redunlite.preview import format_preview
    from redunlite.value import ErrorValue

    form = args.format
    if form is None:
        form = TEXT if args.output == "-" else find_form(args.output)
    with common.keeping_output():
        value = _load(args.id, config)
        if isinstance(value, ErrorValue) and form not in (PICKLE, TEXT):
            raise UsageError(
                f"{args.id!r} has no result, it failed with {format_preview(value.error)}",
                f"redunlite log {args.id} tells about it",
            )
        if isinstance(value, ErrorValue) and form == PICKLE:
            value = value.error
        encoded = encode_value(value, form)
    for told in encoded.told:
        common.print_note(told)
    if args.output == "-":
        return common.write_bytes(encoded.data, is_text=form != PICKLE)
    write_file(args.output, encoded.data, replace=args.force)
    if args.quiet:
        return common.DONE
    return common.write_output(f"wrote {escape(args.output)} ({len(encoded.data):,} bytes)\n")


def _load(word: str, config: str | None) -> Any:
    import os
    import sqlite3
    import sys
    from contextlib import redirect_stdout

    from redunlite.config import resolve_folder
    from redunlite.history.values import load_value
    from redunlite.recorder.database import translate_error
    from redunlite.valuestore import ValueStore

    database = open_history(config)
    folder = resolve_folder(config)
    if database is None or folder is None:
        raise UnknownNameError("id", word, hint="no executions are recorded here yet")
    store = ValueStore(os.path.join(folder, "values"))
    try:
        # What a module prints while it is imported does not belong to the value.
        with redirect_stdout(sys.stderr):
            return load_value(database, store, word, finds_code=True)
    except sqlite3.Error as error:
        raise translate_error(error, database.path or "") from error
    except UndecodableError as error:
        raise UsageError(str(error), f"redunlite show {word} tells what is known of it") from error
    finally:
        database.close()


def _make_text(history: History, args: argparse.Namespace) -> str:
    from redunlite.display import as_json
    from redunlite.display.records import format_value
    from redunlite.history.dataflow import find_maker
    from redunlite.history.query import find_value_of
    from redunlite.history.records import TASK

    word, form = args.id, args.format
    found = history.find_records(word, only_ids=True)
    match = found.matches[0]
    if match.kind == TASK:
        raise UsageError(
            f"{word!r} is a task, which is no recorded value", f"redunlite log {word} shows it"
        )
    value = find_value_of(history, match)
    if value is None:
        raise UsageError(
            f"{match.kind} {match.id[:8]} has no result", f"redunlite log {match.id[:8]} tells why"
        )
    if args.quiet:
        return f"{value.hash}\n"
    maker = find_maker(history, match, value)

    def make_page() -> dict[str, Any]:
        return as_json.make_value_page(value, None, maker)

    view = View(
        lambda: format_value(value, maker, is_full=args.verbose),
        make_page,
        lambda: [make_page()],
        "value",
    )
    return view.render(form) + (tell_older(history, word, found) if form == "text" else "")
