"""Text that is safe and short enough to be shown: escapes, widths, cuts, command lines, durations.

Decided here: which characters never reach a terminal, and how many columns the others take. No state,
and nothing heavy is imported: error messages come through here.

>>> escape("two\\nlines")
'two\\\\nlines'
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

WORD_WIDTH = 200
"""Columns of one word of a command line."""
COMMAND_WIDTH = 1000
"""Columns of a command line, about."""
_MARK = "…"
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


def measure(text: str) -> int:
    """Return the columns that a text takes: two for each wide character, none for a mark on another.

    >>> measure("abc"), measure("\N{CJK UNIFIED IDEOGRAPH-5B57}"), measure("e\N{COMBINING ACUTE ACCENT}")
    (3, 2, 1)
    """
    return len(text) if text.isascii() else sum(map(_measure_letter, text))


def _measure_letter(letter: str) -> int:
    if letter < "\u0300":
        return 1
    from unicodedata import category, east_asian_width

    # Vowels and ends of a Korean syllable are drawn into its beginning.
    if category(letter) in ("Mn", "Me", "Cf") or "\u1160" <= letter <= "\u11ff":
        return 0
    return 2 if east_asian_width(letter) in "WF" else 1


def pad(text: str, width: int) -> str:
    """Return `text` with blanks behind it, up to `width` columns."""
    return text + " " * (width - measure(text))


def cut(text: str, width: int, mark: str = _MARK) -> str:
    """Return at most `width` columns of `text`; a mark at the end says that there were more."""
    if measure(text) <= width:
        return text
    return _take(text, width - len(mark)) + mark


def cut_start(text: str, width: int) -> str:
    """Return at most `width` columns from the end of `text`; a mark says that there were more."""
    if measure(text) <= width:
        return text
    found = _take(text[::-1], width - len(_MARK))[::-1]
    return _MARK + found


def _take(text: str, width: int) -> str:
    """Return the beginning of a text that takes at most `width` columns."""
    if width <= 0:
        return ""
    if text.isascii():
        return text[:width]
    left = width
    for i, letter in enumerate(text):
        left -= _measure_letter(letter)
        if left < 0:
            return text[:i]
    return text


def format_arguments(
    arguments: Iterable[tuple[str, str]], width: int = 600, each: int = 200
) -> str:
    """Return ``greet='Hello', n=3`` from names and previews, of about at most `width` columns.

    Parameters
    ----------
    each
        Columns that one preview may have.
    """
    parts: list[str] = []
    length = 0
    for name, shown in arguments:
        if length > width:
            parts.append(_MARK)
            break
        parts.append(f"{name}={escape(cut(shown, each))}")
        length += measure(parts[-1]) + 2
    return ", ".join(parts)


def fit_arguments(arguments: Sequence[tuple[str, str]], width: int) -> str:
    """Return arguments in at most `width` columns: long values lose their ends first.

    >>> fit_arguments([("text", "'a long text'"), ("n", "3")], 20)
    "text='a long t…, n=3"
    """
    text = format_arguments(arguments)
    for each in (100, 60, 40, 30, 20, 15, 12, 10, 8):
        if measure(text) <= width:
            break
        text = format_arguments(arguments, each=each)
    return cut(text, max(len(_MARK), width))


def format_command(words: Sequence[str], program: str = "redunlite") -> str:
    """Return a command line as it can be typed, on one line; long ones are cut."""
    return f"{program} {format_words(words)}".rstrip()


def format_words(words: Sequence[str]) -> str:
    """Return the words of a command line as they can be typed, on one line.

    A long word loses its end, and a long line its last words.
    """
    parts: list[str] = []
    length = 0
    for i, word in enumerate(words):
        if length > COMMAND_WIDTH and len(words) - i > 1:
            parts.append(f"{_MARK} {len(words) - i:,} more")
            break
        parts.append(quote(cut(word, WORD_WIDTH)))
        length += measure(parts[-1]) + 1
    return " ".join(parts)


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
