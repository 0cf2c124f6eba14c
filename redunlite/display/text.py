"""Text that is safe and short enough to be shown: escapes, cuts, command lines, durations.

Decided here: which characters never reach a terminal. No state, and nothing heavy is imported: error
messages come through here.

>>> escape("two\\nlines")
'two\\\\nlines'
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_PLAIN_WORD = re.compile(r"[A-Za-z0-9_@%+=:,./~^-]+\Z")


def escape(text: str) -> str:
    """Return `text` on one line, with what could steer a terminal written as escapes."""
    if text.isprintable():
        return text
    from redunlite.preview import escape_controls

    return escape_controls(text)


def escape_lines(text: str) -> list[str]:
    """Return the lines of `text`, each escaped, with tabs as blanks."""
    return [escape(line.expandtabs(8)) for line in text.splitlines()]


def cut(text: str, width: int) -> str:
    """Return at most `width` characters of `text`; a mark at the end says that there were more."""
    if len(text) <= width:
        return text
    return text[: max(0, width - 1)] + "…"


def format_arguments(arguments: Iterable[tuple[str, str]], width: int = 600) -> str:
    """Return ``greet='Hello', n=3`` from names and previews, of about at most `width` characters."""
    parts: list[str] = []
    length = 0
    for name, shown in arguments:
        if length > width:
            parts.append("…")
            break
        parts.append(f"{name}={escape(cut(shown, 200))}")
        length += len(parts[-1]) + 2
    return ", ".join(parts)


def format_command(words: Sequence[str], program: str = "redunlite") -> str:
    """Return a command line as it can be typed, on one line."""
    return " ".join([program, *map(quote, words)])


def quote(word: str) -> str:
    """Return a word of a command line with the shell's quotes where it needs them, escaped."""
    if _PLAIN_WORD.match(word):
        return word
    return escape("'" + word.replace("'", "'\"'\"'") + "'")


def format_elapsed(seconds: float) -> str:
    """Return ``0:07`` or ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
