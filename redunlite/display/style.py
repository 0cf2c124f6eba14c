"""Colours: which streams get them, and which text has which.

Decided here: the order in which flag, environment and terminal are asked, and the one table of
colours. Not here: which words are painted (`live`, `tree` …). No state; imports nothing heavy.

Widths are counted and texts cut before they are painted: a colour is no character.

>>> Style(True).paint("[FAILED]", "FAILED")
'\\x1b[31m[FAILED]\\x1b[0m'
>>> PLAIN.paint("[FAILED]", "FAILED")
'[FAILED]'
"""

from __future__ import annotations

import os
from typing import NamedTuple, TextIO

STRONG, FAINT, ID = "strong", "faint", "id"
"""What should be seen first, what may be passed over, and what is copied to the next command."""

AUTO, ALWAYS, NEVER = "auto", "always", "never"
WHEN = (AUTO, ALWAYS, NEVER)
"""When text is painted, as ``--color`` takes it."""

_CODES = {
    "DONE": "32",
    "CACHED": "36",
    "FAILED": "31",
    "RUNNING": "33",
    "PENDING": "2",
    "CANCELLED": "35",
    STRONG: "1",
    FAINT: "2",
    ID: "94",
}
_RESET = "\x1b[0m"


class Style(NamedTuple):
    """Paints texts, or leaves them as they are."""

    is_on: bool = False

    def paint(self, text: str, what: str) -> str:
        """Return `text` in the colour of a status, or of one of the names above."""
        code = _CODES.get(what) if self.is_on and text else None
        return f"\x1b[{code}m{text}{_RESET}" if code else text


PLAIN = Style()
"""Paints nothing."""


def find_style(stream: TextIO | None, when: str = AUTO) -> Style:
    """Return the style for what is written to `stream`.

    What the command line says comes first. With AUTO, a NO_COLOR that is not empty switches colours
    off; a FORCE_COLOR or CLICOLOR_FORCE that is neither empty nor ``0`` switches them on. Otherwise a
    terminal has them, unless it is a dumb one.

    Parameters
    ----------
    when
        One of `WHEN`.
    """
    environ = os.environ
    if when != AUTO:
        return Style(when == ALWAYS)
    if environ.get("NO_COLOR"):
        return PLAIN
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        if environ.get(name, "0") not in ("", "0"):
            return Style(True)
    return Style(is_terminal(stream))


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal that understands cursor codes and colours."""
    try:
        return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
    except (OSError, ValueError):
        return False


def has_cursor(stream: TextIO | None) -> bool:
    """Tell whether lines written to a stream can be taken back.

    A command of a notebook's cell has a terminal of which the notebook shows all that was written.
    """
    return is_terminal(stream) and "JPY_PARENT_PID" not in os.environ
