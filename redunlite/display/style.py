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

STRONG, FAINT = "strong", "faint"
"""What should be seen first, and what may be passed over."""

_CODES = {
    "DONE": "32",
    "CACHED": "36",
    "FAILED": "31",
    "RUNNING": "33",
    "PENDING": "2",
    "CANCELLED": "35",
    STRONG: "1",
    FAINT: "2",
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


def find_style(stream: TextIO | None, *, no_color: bool = False) -> Style:
    """Return the style for what is written to `stream`.

    ``--no-color`` and a NO_COLOR that is not empty switch colours off, whatever else is said. A
    FORCE_COLOR that is neither empty nor ``0`` switches them on. Otherwise a terminal has them,
    unless it is a dumb one.
    """
    environ = os.environ
    if no_color or environ.get("NO_COLOR"):
        return PLAIN
    if environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return Style(True)
    return Style(is_terminal(stream))


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal that understands cursor codes and colours."""
    try:
        return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
    except (OSError, ValueError):
        return False
