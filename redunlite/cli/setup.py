"""Arguments of the function that makes the scheduler: ``--setup name=value``, and help on them.

Decided here: how the words become keyword arguments. Not here: where the function is configured and
what it makes (`session`). No state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from redunlite.cli.arguments import (
    Option,
    check_required,
    format_default,
    make_options,
    parse_words,
)
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
    """Return the arguments of the setup function, one a line."""
    options = _get_options(config)
    if options is None:
        return "no function makes the scheduler: [scheduler] setup_scheduler is not set\n"
    lines = ["redunlite run --setup NAME=VALUE …"]
    lines += [f"  {o.name}={o.name.upper()}  {format_default(o)}".rstrip() for o in options]
    return "\n".join(lines) + "\n"


def _get_options(config: Config) -> list[Option] | None:
    from redunlite.session import find_setup

    function: Callable[..., Any] | None = find_setup(config)
    return None if function is None else make_options(function)[1:]
