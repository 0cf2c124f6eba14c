"""The parsers of the commands: no abbreviations, and errors in the house's words.

Decided here: how what argparse found wrong is told, and which options every command takes. Not here:
what a page of help looks like (`cli.help`), what a command does. No state.

Imported only where a parser is made: `run` reads its words without one.
"""

from __future__ import annotations

import argparse
import re
from typing import Any, NoReturn

from redunlite.cli import common
from redunlite.display.style import NEVER, WHEN
from redunlite.errors import UnknownNameError, UsageError, find_nearest, show_word


class Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviations and whose errors are `UsageError`."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("allow_abbrev", False)
        # Each option that is added asks for a formatter, which would ask for the terminal's width.
        settings.setdefault("formatter_class", _make_formatter)
        super().__init__(**settings)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong, in the house's words."""
        command = self.prog.partition(" ")[2]
        about = f"'{self.prog} --help'" if command else f"'{common.PROGRAM} help'"
        raise UsageError(_reword(message), f"{about} tells more")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise _describe_choice(action, value)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and raise `UnknownNameError` for what is left over."""
        found, extra = super().parse_known_args(args, namespace)
        if extra:
            raise _describe_extra(self, str(extra[0]))
        return found, extra

    def print_help(self, file: Any = None) -> None:
        """Write the help to standard output."""
        from redunlite.cli.pager import write_help

        write_help(self.format_help())


def _make_formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.HelpFormatter(prog, width=80)


_REWORDINGS = (
    (r"argument (\S+): expected .*argument.*", r"option \1 needs a value"),
    (r"argument (\S+): ignored explicit argument (.*)", r"option \1 takes no value, got \2"),
    (r"argument (\S+): not allowed with argument (\S+)", r"\2 and \1 exclude each other"),
    (r"argument (-\S+): (.*)", r"option \1 \2"),
    (r"argument (\S+): (.*)", r"\1 \2"),
    (r"the following arguments are required: (.*)", r"which \1?"),
)
"""What argparse says, and what we do; the first that fits is taken."""


def _reword(message: str) -> str:
    """Return a message of argparse in our words.

    >>> _reword("argument -c/--config: expected one argument")
    'option --config needs a value'
    """
    for said, ours in _REWORDINGS:
        found = re.fullmatch(said, message, re.DOTALL)
        if found is not None:
            return re.sub(r"(?<!\S)-\w/(?=--)", "", found.expand(ours))
    return message


def _describe_extra(parser: argparse.ArgumentParser, word: str) -> UsageError:
    command = parser.prog.partition(" ")[2]
    where = f"for {command!r}" if command else ""
    if word.startswith("-"):
        spelling = word.partition("=")[0]
        return UnknownNameError(
            "option",
            spelling,
            parser._option_string_actions,
            where,
            f"'{parser.prog} --help' lists them",
        )
    return UsageError(
        f"unexpected word {show_word(word)} {where}".rstrip(), f"'{parser.prog} --help' tells more"
    )


def _describe_choice(action: argparse.Action, value: Any) -> UsageError:
    choices = [str(choice) for choice in action.choices or ()]
    nearest = find_nearest(str(value), choices)
    options = [f"option {name}" for name in action.option_strings]
    name = options[-1] if options else str(action.metavar or action.dest)
    return UsageError(
        f"{name} got {show_word(str(value))}, expected one of {', '.join(choices)}",
        f"did you mean {nearest!r}?" if nearest else "",
    )


def read_count(text: str) -> int:
    """Return the number in `text`, 1 or more, for an option's ``type``."""
    if not text.isdecimal() or not 0 < int(text) < 1 << 31:
        raise argparse.ArgumentTypeError(
            f"got {show_word(text)}, expected a whole number, 1 or more"
        )
    return int(text)


class ChooseColors(argparse.Action):
    """Says when text is painted, from where it stands: an error behind it is painted like that."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: Any = None
    ) -> None:
        """Take the word, or what the option alone means."""
        when = self.const or str(values)
        common.choose_colors(when)
        setattr(namespace, self.dest, when)


def add_global_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command takes, before and after its name."""
    group = parser.add_argument_group("options of every command")
    for flags, settings in GLOBAL_OPTIONS:
        known = parser._option_string_actions
        free = [flag for flag in flags if flag not in known]
        if free:
            group.add_argument(*free, default=argparse.SUPPRESS, **settings)


GLOBAL_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("-c", "--config"),
        {"metavar": "FOLDER", "help": "folder with redunlite.ini and the database"},
    ),
    (("--debug",), {"action": "store_true", "help": "show all frames of tracebacks"}),
    (
        ("--color",),
        {
            "metavar": "WHEN",
            "action": ChooseColors,
            "choices": WHEN,
            "help": "colours: auto (default; on a terminal), always or never",
        },
    ),
    (
        ("--no-color",),
        {
            "dest": "color",
            "action": ChooseColors,
            "nargs": 0,
            "const": NEVER,
            "help": "same as --color never",
        },
    ),
)
