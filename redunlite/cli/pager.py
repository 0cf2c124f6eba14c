"""Pages on a terminal: in colour, and through a pager when they are longer than it.

Decided here: when a pager is started, and which. Not here: what is painted (`display.paint`). Off a
terminal text is written as it is. No state.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import TYPE_CHECKING

from redunlite.cli import common
from redunlite.display.formats import TEXT
from redunlite.display.paint import paint_help, paint_page
from redunlite.display.style import is_terminal
from redunlite.display.text import measure

if TYPE_CHECKING:
    import argparse

_LESS = "FRX"
"""What less is told where the user has not: end on one screen, colours, leave the text there."""


def write_page(text: str, args: argparse.Namespace) -> int:
    """Write a page to standard output; return the exit code."""
    if getattr(args, "format", TEXT) == TEXT:
        text = paint_page(text, common.find_style(sys.stdout))
    return _write(text, is_paged=not getattr(args, "no_pager", False))


def write_info(text: str) -> int:
    """Write a page that is no record's to standard output; return the exit code."""
    return _write(paint_page(text, common.find_style(sys.stdout)), is_paged=True)


def write_help(text: str) -> int:
    """Write a page of help to standard output; return the exit code."""
    return _write(paint_help(text, common.find_style(sys.stdout)), is_paged=True)


def _write(text: str, *, is_paged: bool) -> int:
    if is_paged and _is_long(text):
        command = find_pager()
        if command and _run_pager(command, text):
            return common.DONE
    return common.write_output(text)


def find_pager() -> str:
    """Return the command of the pager, or an empty string for none."""
    for variable in ("REDUNLITE_PAGER", "PAGER"):
        command = os.environ.get(variable)
        if command is not None:
            return "" if command.strip() in ("", "cat") else command
    return "less" if shutil.which("less") else ""


def _is_long(text: str) -> bool:
    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        return False
    size = shutil.get_terminal_size()
    return count_rows(text, size.columns) >= size.lines


_CODE = re.compile("\x1b\\[[0-9;]*m")


def count_rows(text: str, columns: int) -> int:
    """Return how many rows of a terminal a text takes, with lines broken where they do not fit.

    >>> count_rows("12345\\n\\n12\\n", 4)
    4
    """
    if "\x1b" in text:
        text = _CODE.sub("", text)
    return sum(max(1, -(-measure(line) // columns)) for line in text.splitlines())


def _run_pager(command: str, text: str) -> bool:
    """Show a text in a pager; tell whether it could be started."""
    import subprocess

    environment = {"LESS": _LESS, **os.environ}
    try:
        pager = subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, env=environment)
    except OSError:
        return False
    assert pager.stdin is not None
    try:
        pager.stdin.write(text.encode("utf-8", "backslashreplace"))
        pager.stdin.close()
    except OSError:  # it was left before the end
        pass
    while True:
        try:
            code = pager.wait()
            break
        except KeyboardInterrupt:  # the pager's to take
            continue
    return code not in (126, 127)
