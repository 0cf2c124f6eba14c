"""Arguments of the function that makes the scheduler: ``--setup name=value``, and help on them.

Decided here: how the words become keyword arguments. Not here: where the function is configured and
what it makes (`session`). No state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from redunlite.cli.arguments import Option, check_required, make_options, parse_words
from redunlite.errors import UsageError

if TYPE_CHECKING:
    from redunlite.config import Config

_HINT = "'redunlite run --setup-help' lists them"


def read_setup(config: Config, words: Sequence[str]) -> dict[str, Any]:
    """Return the keyword arguments that ``name=value`` words mean for the setup function.

    Raises
    ------
    UsageError
        When there is no such function or argument, or a value cannot be read.
    """
    options = _get_options(config)
    if options is None:
        if words:
            raise UsageError(
                f"--setup {words[0]} is for a function that makes the scheduler, and none is set",
                "set it in redunlite.ini: [scheduler] setup_scheduler = file.py::function",
            )
        return {}
    flags = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--setup got {word!r}, expected name=value", _HINT)
        flags.append(f"--{name}={value}")
    values = parse_words(options, flags, "the scheduler's setup", hint=_HINT).values
    check_required(options, values, "the scheduler's setup", _HINT)
    return values


def format_setup_help(config: Config) -> str:
    """Return the arguments of the setup function, as a page of help."""
    from redunlite.cli.common import PROGRAM, find_width
    from redunlite.cli.docstrings import parse_docstring
    from redunlite.cli.help import Group, Page, Row, format_page
    from redunlite.cli.taskhelp import iter_rows
    from redunlite.display.text import escape_lines
    from redunlite.session import find_setup

    function = find_setup(config)
    if function is None:
        return "no function makes the scheduler: [scheduler] setup_scheduler is not set\n"
    options = make_options(function)[1:]
    doc = parse_docstring(function.__doc__ or "")
    # A switch has no value in the help of a task; here everything has one.
    rows = [
        Row((f"{row.names[0][2:]}={row.metavar or 'true|false'}",), "", row.meaning)
        for row in iter_rows(options, doc)
    ]
    usage = f"{PROGRAM} run --setup NAME=VALUE ... FILE TASK"
    text = "\n".join(escape_lines(doc.text))
    page = Page("setup", usage, text, (), [Group("names", rows)] if rows else [])
    return format_page(page, find_width())


def _get_options(config: Config) -> list[Option] | None:
    from redunlite.session import find_setup

    function: Callable[..., Any] | None = find_setup(config)
    return None if function is None else make_options(function)[1:]
