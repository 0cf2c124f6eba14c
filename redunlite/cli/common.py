"""What the commands share: streams that may be missing or full, messages, and the parser.

Decided here: how errors look and which exit code each has. Not here: what a command does. State:
none but the process's own streams. `argparse` is imported only when a parser is made, because `run`
needs none.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from redunlite.display.text import escape
from redunlite.errors import (
    ConfigError,
    DatabaseError,
    RedunliteError,
    UnknownNameError,
    UsageError,
    find_nearest,
)

if TYPE_CHECKING:
    import argparse

PROGRAM = "redunlite"

DONE = 0
FAILED = 1
"""The workflow failed, or its result could not be written."""
USAGE = 2
UNUSABLE = 4
"""The database or the configuration cannot be used."""


# Streams.


def open_missing_descriptors() -> None:
    """Open descriptors 0 to 2 on the null device where they are closed.

    Else the next file to be opened, such as the database, becomes standard error.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            os.set_inheritable(descriptor, True)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def set_up_streams() -> None:
    """Let text that a stream cannot encode be written as escapes."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def write_output(text: str) -> int:
    """Write to standard output, now; return the exit code.

    A reader that went away is no error; a full disk is one line and `FAILED`.
    """
    try:
        if text:
            sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        abandon(sys.stdout)
    except OSError as error:
        abandon(sys.stdout)
        print_error(f"cannot write to standard output: {error.strerror}")
        return FAILED
    return DONE


def flush_output() -> int:
    """Write what standard output still holds; return the exit code, as `write_output`."""
    return write_output("")


def abandon(stream: TextIO) -> None:
    """Give up a stream that cannot be written."""
    from redunlite.display.live import abandon

    abandon(stream)


# Errors.


def print_error(message: str, hint: str = "") -> None:
    """Write one error: its line, and what to do next.

    Line breaks in a hint are kept: it may hold the user's frames.
    """
    first, *more = message.splitlines() or [""]
    lines = [f"{PROGRAM}: {escape(first)}", *map(escape, more)]
    lines += [f"  {escape(line)}" for line in hint.splitlines()]
    try:
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
    except (OSError, ValueError):
        abandon(sys.stderr)


def report_error(error: RedunliteError) -> int:
    """Write an error that needs no traceback; return its exit code."""
    if isinstance(error, UsageError):
        print_error(error.message, error.hint)
        return USAGE
    print_error(str(error))
    return UNUSABLE if isinstance(error, (ConfigError, DatabaseError)) else FAILED


def die_by_signal(number: int) -> int:
    """End this process by that signal, so that its parent sees how it ended."""
    import signal

    flush_output()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number


# Parsers.


def make_parser(**settings: Any) -> argparse.ArgumentParser:
    """Return a parser that takes no abbreviations and raises `UsageError`.

    ``parser.add_subparsers`` makes more of the same kind.
    """
    import argparse

    class Parser(argparse.ArgumentParser):
        """A parser whose errors are `UsageError`, without the usage block."""

        def __init__(self, **settings: Any) -> None:
            settings.setdefault("allow_abbrev", False)
            super().__init__(**settings)

        def error(self, message: str) -> NoReturn:
            command = self.prog.partition(" ")[2]
            about = f"'{self.prog} --help'" if command else f"'{PROGRAM} help'"
            raise UsageError(message, f"{about} tells more")

        def _check_value(self, action: argparse.Action, value: Any) -> None:
            if action.choices is not None and value not in action.choices:
                raise _describe_choice(action, value)

        def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
            found, extra = super().parse_known_args(args, namespace)
            if extra:
                raise _describe_extra(self, str(extra[0]))
            return found, extra

        def print_help(self, file: Any = None) -> None:
            write_output(self.format_help())

    return Parser(**settings)


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
        f"unexpected word {word!r} {where}".rstrip(), f"'{parser.prog} --help' tells more"
    )


def _describe_choice(action: argparse.Action, value: Any) -> UsageError:
    choices = [str(choice) for choice in action.choices or ()]
    nearest = find_nearest(str(value), choices)
    name = "/".join(action.option_strings) or action.metavar or action.dest
    return UsageError(
        f"option {name} got {str(value)!r}, expected one of {', '.join(choices)}",
        f"did you mean {nearest!r}?" if nearest else "",
    )


def add_global_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command takes, before and after its name."""
    import argparse

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
    (("--no-color",), {"action": "store_true", "help": "no colours, as with NO_COLOR"}),
)
