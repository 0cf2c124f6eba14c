"""What the commands that look at history share: the database, opened to read, and output formats.

Decided here: that all is read before anything is printed, and read again when a run began to write
meanwhile. Nothing is created or changed. No state.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from redunlite.display.text import escape
from redunlite.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from redunlite.history.query import History
    from redunlite.history.records import Found
    from redunlite.recorder.database import Database

MAX_READINGS = 3
"""Times that a history is read which changes under the eyes."""


def add_format(
    parser: argparse.ArgumentParser,
    *,
    quiet: str = "",
    verbose: str = "",
    more: Sequence[str] = (),
    default: str | None = "text",
) -> None:
    """Add the options that choose how a list or a page is printed.

    Parameters
    ----------
    quiet, verbose
        What is printed with ``-q`` and ``-v``.
    more
        Formats of this command alone.
    default
        None where it matters whether a format was asked for.
    """
    from redunlite.display.formats import FORMATS

    parser.add_argument(
        "--format",
        choices=(*FORMATS, *more),
        default=default,
        help="how to print it (default: text); docs/command-line.md lists the fields",
    )
    parser.add_argument(
        "--json", dest="format", action="store_const", const="json", help="same as --format json"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help=quiet)
    parser.add_argument("-v", "--verbose", action="store_true", help=verbose)
    parser.add_argument("--no-pager", action="store_true", help="print it all at once")


def check_format(args: argparse.Namespace) -> None:
    """Raise `UsageError` for options of `add_format` that exclude each other."""
    if args.quiet and args.verbose:
        raise UsageError("--quiet and --verbose exclude each other")
    if args.quiet and args.format not in ("text", None):
        raise UsageError(
            f"--quiet and --format {args.format} exclude each other", "--quiet prints plain lines"
        )


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
    # A long page is millions of objects without a cycle: looking for some takes a quarter of the time.
    collects = gc.isenabled()
    gc.disable()
    try:
        return _read_text(config, make)
    finally:
        if collects:
            gc.enable()


def _read_text(config: str | None, make: Callable[[History], str]) -> str | None:
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


class View(NamedTuple):
    """What can be printed of one thing; each part is made when its format was asked for."""

    make_lines: Callable[[], Iterable[str]]
    """For people."""
    make_page: Callable[[], Any]
    """For JSON: an object, or a list of them."""
    make_rows: Callable[[], Iterable[dict[str, Any]]]
    """For JSON lines and CSV."""
    kind: str
    """Of the rows, as in `display.fields`."""

    def render(self, form: str) -> str:
        """Return it in one of the formats."""
        from redunlite.display import formats
        from redunlite.display.fields import get_columns

        if form == formats.TEXT:
            return join_lines(self.make_lines())
        if form == formats.JSON:
            return formats.format_json(self.make_page()) + "\n"
        return "".join(formats.format_rows(self.make_rows(), form, get_columns(self.kind)))


def tell_older(history: History, word: str, found: Found) -> str:
    """Return the end of a page for an id that older records share; mostly empty."""
    if not found.older:
        return ""
    n_more = len(found.older)
    lines = [f"{n_more:,} older {'id begins' if n_more == 1 else 'ids begin'} with {word!r} too:"]
    lines += [f"  {escape(line)}" for line in history.describe_matches(word, found.older)]
    return "\n" + join_lines(lines)


def join_lines(lines: Iterable[str]) -> str:
    """Return lines as one text, without blank ones at its end."""
    return "\n".join(lines).rstrip("\n") + "\n"
