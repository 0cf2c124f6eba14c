"""`redunlite show ID`: one recorded value, as far as it can be told without decoding it.

Decided here: whose value an id stands for is `history/query`'s; here only what is printed. Nothing is
unpickled: `redunlite.load(ID)` does that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redunlite.cli import common
from redunlite.cli.reading import View, add_format, read_text, tell_older

if TYPE_CHECKING:
    import argparse

    from redunlite.cli.help import CommandParser
    from redunlite.history.query import History

EXAMPLES = (
    ("show 5ede15ae", "the value with that hash, or the result of that job"),
    ("show -", "the result of the latest execution"),
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
    add_format(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the value."""
    from redunlite.errors import UnknownNameError

    config = getattr(args, "config", None)
    text = read_text(config, lambda history: _make_text(history, args.id, args.format))
    if text is None:
        raise UnknownNameError("id", args.id, hint="no executions are recorded here yet")
    return common.write_output(text)


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
