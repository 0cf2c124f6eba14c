"""`redunlite show ID`: one recorded value, as far as it can be told without decoding it.

Decided here: whose value an id stands for is `history/query`'s; here only what is printed. Nothing is
unpickled: `redunlite.load(ID)` does that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redunlite.cli import common
from redunlite.cli.pager import write_page
from redunlite.cli.reading import View, add_format, read_text, tell_older
from redunlite.display.text import escape

if TYPE_CHECKING:
    import argparse

    from redunlite.cli.help import CommandParser
    from redunlite.history.query import History

EXAMPLES = (
    ("show 5ede15ae", "the value with that hash, or the result of that job"),
    ("show -", "the result of the latest execution"),
    ("show - -o result.json", "write it to a file"),
)


def add_parser(commands: Any) -> CommandParser:
    """Add the parser of this command."""
    parser: CommandParser = commands.add_parser(
        "show",
        help="show a recorded value",
        description="Show a value, or the result of a job, call node or execution. Small plain "
        "values are shown whole, others by their preview; redunlite.load(ID) gives any of them.",
    )
    parser.examples = EXAMPLES
    parser.add_argument(
        "id", metavar="ID", help="an id or the beginning of one; - for the latest run"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write the value itself: .json, .csv, .txt or .pkl; this unpickles what is recorded",
    )
    parser.add_argument("--force", action="store_true", help="-o: replace a file that is there")
    add_format(parser)
    parser.add_argument("--no-pager", action="store_true", help="print it all at once")
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the value."""
    from redunlite.errors import UnknownNameError, UsageError

    config = getattr(args, "config", None)
    if args.output is not None:
        return _write(args, config)
    if args.force:
        raise UsageError("--force goes with -o FILE")
    text = read_text(config, lambda history: _make_text(history, args.id, args.format))
    if text is None:
        raise UnknownNameError("id", args.id, hint="no executions are recorded here yet")
    return write_page(text, args)


def _write(args: argparse.Namespace, config: str | None) -> int:
    """Write the value to a file, whole or not at all."""
    import os

    from redunlite.cli.export import encode_value, write_file
    from redunlite.cli.reading import open_history
    from redunlite.config import resolve_folder
    from redunlite.errors import UnknownNameError
    from redunlite.history.query import load_value
    from redunlite.valuestore import ValueStore

    database = open_history(config)
    folder = resolve_folder(config)
    if database is None or folder is None:
        raise UnknownNameError("id", args.id, hint="no executions are recorded here yet")
    store = ValueStore(os.path.join(folder, "values"))
    try:
        value = load_value(database, store, args.id)
    finally:
        database.close()
    data = encode_value(value, args.output)
    write_file(args.output, data, replace=args.force)
    return common.write_output(f"wrote {escape(args.output)} ({len(data):,} bytes)\n")


def _make_text(history: History, word: str, form: str) -> str:
    from redunlite.display import as_json
    from redunlite.display.records import format_value
    from redunlite.errors import UsageError
    from redunlite.history.query import find_value_of
    from redunlite.history.records import TASK

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

    def make_page() -> dict[str, Any]:
        return as_json.make_value_page(value, None)

    view = View(lambda: format_value(value), make_page, lambda: [make_page()], "value")
    return view.render(form) + (tell_older(history, word, found) if form == "text" else "")
