"""What the commands share: streams that may be missing or full, and messages.

Decided here: how errors look and which exit code each has. Not here: what a command does. State: the
process's own streams, and when text is painted, as the command line said.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from redunlite.display.style import AUTO, Style
from redunlite.display.style import find_style as find_style_when
from redunlite.display.text import escape
from redunlite.errors import (
    ConfigError,
    DatabaseError,
    RedunliteError,
    UsageError,
    shorten,
)

PROGRAM = "redunlite"

DONE = 0
FAILED = 1
"""The workflow failed, or its result could not be written."""
USAGE = 2
UNUSABLE = 4
"""The database or the configuration cannot be used."""

MESSAGE_WIDTH = 1000
"""Characters of a line of an error or a note."""
DEFAULT_WIDTH = 80
"""Columns where there is no terminal to ask."""

REDUN_OPTIONS = {
    "--rerun": "'redunlite run --rerun FILE ID': it stands before the id",
    "--no-prov": "'-o prov=false' leaves the calls of the task out of the history",
    "--pdb": "'--executor inline' runs jobs in this process, where breakpoint() opens a debugger",
    "--project": "'--tag project=NAME' does it",
    "-p": "'--tag project=NAME' does it",
    "--doc": "'--tag doc=TEXT' does it",
    "--user": "the user is recorded; '--tag user=NAME' names another",
    "-u": "the user is recorded; '--tag user=NAME' names another",
    "--exclude-user": "it is not needed: nobody is asked who the user is",
    "--input": "'--NAME @FILE' reads a value from a file",
    "-i": "'--NAME @FILE' reads a value from a file",
    "--execution-id": "the id is chosen here, and printed when the run begins",
    "--log-level": "-q, -v and --debug say how much is told",
    "--repo": "'-c FOLDER' names another folder",
    "-r": "'-c FOLDER' names another folder",
    "--check-version": "'redunlite --version' tells it; the project's requirements may pin it",
}
"""What to do instead, by the spelling of an option that redun has and this has not, or not there."""


_when = [AUTO]
"""When text is painted: one of `style.WHEN`."""


def choose_colors(when: str) -> None:
    """Say when text is painted from now on: one of `style.WHEN`."""
    _when[:] = [when]


def find_style(stream: TextIO | None) -> Style:
    """Return the style for what is written to `stream`, by command line, environment and terminal."""
    return find_style_when(stream, _when[0])


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


class _UserOutput(io.TextIOWrapper):
    """Standard output for the user's code: a stream that is full or gone ends no run."""

    def write(self, text: str) -> int:
        """Write now, if it can be written."""
        try:
            return super().write(text)
        except OSError:
            return len(text)


_kept_output: int | None = None
"""The descriptor of standard output while 1 leads elsewhere."""


@contextmanager
def keeping_output() -> Iterator[None]:
    """Let what the user's code prints go to standard error: standard output is for the result.

    Descriptor 1 itself leads there meanwhile, so that child processes and C code are no exception.
    Where `sys.stdout` is not that descriptor, as in a test, the object alone is exchanged.
    """
    global _kept_output
    before = sys.stdout
    try:
        is_ours = before.fileno() == 1 and _kept_output is None
    except (OSError, ValueError):
        is_ours = False
    if not is_ours:
        sys.stdout = sys.stderr
        try:
            yield
        finally:
            sys.stdout = before
        return
    before.flush()
    _kept_output = os.dup(1)
    try:
        os.dup2(2, 1)
        sys.stdout = _UserOutput(
            io.FileIO(1, "w", closefd=False),  # unbuffered, as Python's own -u does
            before.encoding, "backslashreplace", write_through=True,
        )  # fmt: skip
        yield
    finally:
        sys.stdout = before
        try:
            before.flush()  # what was written to `sys.__stdout__`
        except (OSError, ValueError):
            abandon(before)
        os.dup2(_kept_output, 1)
        os.close(_kept_output)
        _kept_output = None


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


def write_value(text: str) -> int:
    """Write lines that the user's code made, as `write_output` does; return the exit code.

    A terminal is shown only what cannot steer it.
    """
    if sys.stdout.isatty():
        text = "\n".join(
            escape(line.expandtabs(8)) for line in text.replace("\r\n", "\n").split("\n")
        )
    return write_output(text)


def write_bytes(data: bytes, *, is_text: bool) -> int:
    """Write to standard output, as `write_output` does; return the exit code.

    Parameters
    ----------
    is_text
        Lines of UTF-8, for which see `write_value`.

    Raises
    ------
    UsageError
        When they are no text and standard output is a terminal.
    """
    if sys.stdout.isatty():
        if not is_text:
            raise UsageError("a pickle is not written to a terminal", "> FILE writes it to a file")
        return write_value(data.decode("utf-8", "backslashreplace"))
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
    except BrokenPipeError:
        abandon(sys.stdout)
        return DONE
    except OSError as error:
        abandon(sys.stdout)
        print_error(f"cannot write to standard output: {error.strerror}")
        return FAILED
    return flush_output()


def flush_output() -> int:
    """Write what standard output still holds; return the exit code, as `write_output`."""
    return write_output("")


def find_width() -> int:
    """Return the columns of the terminal that standard output is, or `DEFAULT_WIDTH`.

    As everywhere, a number in ``COLUMNS`` is believed.
    """
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and 0 < int(said) < 1 << 16:
        return int(said)
    try:
        descriptor = sys.stdout.fileno() if _kept_output is None else _kept_output
        return os.get_terminal_size(descriptor).columns or DEFAULT_WIDTH
    except (OSError, ValueError):
        return DEFAULT_WIDTH


def abandon(stream: TextIO) -> None:
    """Give up a stream that cannot be written."""
    from redunlite.display.live import abandon

    abandon(stream)


# Errors.


def print_note(message: str) -> None:
    """Write one line about what is no error."""
    _write_error([f"{PROGRAM}: note: {_shorten(message)}"])


def print_error(message: str, hint: str = "") -> None:
    """Write one error: its line, and what to do next.

    Line breaks in a hint are kept: it may hold the user's frames.
    """
    first, *more = message.splitlines() or [""]
    name = find_style(sys.stderr).paint(f"{PROGRAM}:", "FAILED")
    lines = [f"{name} {_shorten(first)}", *map(_shorten, more)]
    _write_error([*lines, *(f"  {_shorten(line)}" for line in hint.splitlines())])


def _shorten(line: str) -> str:
    """Return a line of a message as it is shown: a word of the command line may be of any length."""
    return shorten(escape(line), MESSAGE_WIDTH)


def _write_error(lines: Sequence[str]) -> None:
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
