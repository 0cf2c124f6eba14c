"""Pages of history on a terminal: in colour, and through a pager when they are longer than it.

Decided here: when a pager is started and which, and that statuses are painted. Off a terminal text is
written as it is. No state.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import TYPE_CHECKING

from redunlite.cli import common
from redunlite.display.style import find_style, is_terminal

if TYPE_CHECKING:
    import argparse

_STATUSES = {
    "[ DONE ]": "DONE", "[CACHED]": "CACHED", "[FAILED]": "FAILED", "[CANCEL]": "CANCELLED",
    "[ RUN  ]": "RUNNING",
}  # fmt: skip
_PATTERN = re.compile("|".join(map(re.escape, _STATUSES)))
_LESS = "FRX"
"""What less is told where the user has not: end on one screen, colours, leave the text there."""


def write_page(text: str, args: argparse.Namespace) -> int:
    """Write a page to standard output; return the exit code."""
    if getattr(args, "format", "text") == "text":
        style = find_style(sys.stdout, no_color=getattr(args, "no_color", False))
        if style.is_on:
            text = _PATTERN.sub(lambda m: style.paint(m[0], _STATUSES[m[0]]), text)
    if getattr(args, "no_pager", False) or not _is_long(text):
        return common.write_output(text)
    command = find_pager()
    return (
        common.write_output(text) if not command or not _run_pager(command, text) else common.DONE
    )


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
    return text.count("\n") >= shutil.get_terminal_size().lines


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
