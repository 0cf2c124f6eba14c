"""What a word of the command line stands for: itself, a file (``@path``) or standard input (``-``).

Decided here: how a file is named and escaped, and what is wrong with one that cannot be used. Not
here: what becomes of its text (`cli.readers`). State: which option has taken standard input.

>>> Sources().expand("@@home", SOURCE_TEXT, "--x")
'@home'
"""

from __future__ import annotations

import os
import sys

from redunlite.cli.readers import Json, Misfit, Piece, decode
from redunlite.errors import UsageError, find_nearest

SOURCE_TEXT, SOURCE_JSON, SOURCE_BYTES = range(3)
"""What a file holds: text without its last line break, JSON, or bytes (as text with surrogates)."""

STANDARD_INPUT = "-"


class Sources:
    """The files that one command line names.

    Standard input can be read once, so only one option may ask for it.
    """

    def __init__(self) -> None:
        self._reader = ""

    def expand(self, word: str, kind: int, spelling: str) -> Piece:
        """Return what a word stands for.

        Parameters
        ----------
        kind
            What a file would hold, such as `SOURCE_JSON`.
        spelling
            The option, for messages.

        Raises
        ------
        UsageError
            For a file that cannot be used, or standard input asked for again.
        """
        if word == STANDARD_INPUT:
            if self._reader:
                raise UsageError(
                    f"options {self._reader} and {spelling} both ask for standard input",
                    "it can be read once; name a file with @ for the other",
                )
            self._reader = spelling
            return _interpret(_read_input(spelling), kind, "standard input", spelling)
        if not word.startswith("@"):
            return word
        if word.startswith("@@"):
            return word[1:]
        path = word[1:]
        return _interpret(_read_file(path, spelling), kind, f"file {path!r}", spelling)


def _read_input(spelling: str) -> bytes:
    try:
        return b"" if sys.stdin is None else sys.stdin.buffer.read()
    except OSError as error:
        raise UsageError(
            f"option {spelling} cannot read standard input: {error.strerror}"
        ) from error


def _read_file(path: str, spelling: str) -> bytes:
    escape = f"for a text that begins with @, type @@{path}"
    if not path:
        raise UsageError(f"option {spelling} got '@', expected a file behind it", escape)
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise UsageError(f"option {spelling} names file {path!r}, which is not there",
                         _propose(path) or escape) from None  # fmt: skip
    except (OSError, ValueError) as error:  # a path may have a null character
        what = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"option {spelling} cannot read file {path!r}: {what}", escape) from error


def _propose(path: str) -> str:
    folder, name = os.path.split(path)
    try:
        nearest = find_nearest(name, os.listdir(folder or "."))
    except (OSError, ValueError):
        return ""
    return f"did you mean {'@' + os.path.join(folder, nearest)!r}?" if nearest else ""


def _interpret(data: bytes, kind: int, where: str, spelling: str) -> Piece:
    if kind == SOURCE_BYTES:
        return data.decode("utf-8", "surrogateescape")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"option {spelling}: {where} is not UTF-8 text (byte {error.start})"
        ) from None
    if kind == SOURCE_TEXT:
        return text[: -2 if text.endswith("\r\n") else -1] if text.endswith("\n") else text
    try:
        return Json(decode(text))
    except Misfit as misfit:
        raise UsageError(f"option {spelling}: {where} is no {misfit.expected}") from None
