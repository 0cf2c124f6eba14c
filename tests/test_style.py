"""Colours: which streams get them, and that the command keeps to it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from redunlite.display.style import PLAIN, Style, find_style

OFF, ON = False, True


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize(
    "environment, no_color, on_terminal, on_pipe",
    [
        ({}, False, ON, OFF),
        ({}, True, OFF, OFF),
        ({"TERM": "dumb"}, False, OFF, OFF),
        ({"NO_COLOR": "1"}, False, OFF, OFF),
        ({"NO_COLOR": ""}, False, ON, OFF),
        ({"FORCE_COLOR": "1"}, False, ON, ON),
        ({"FORCE_COLOR": ""}, False, ON, OFF),
        ({"FORCE_COLOR": "0"}, False, ON, OFF),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, False, ON, ON),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, OFF, OFF),
        ({"FORCE_COLOR": "1"}, True, OFF, OFF),
    ],
)
def test_colours_follow_flag_environment_and_stream(
    environment: dict[str, str],
    no_color: bool,
    on_terminal: bool,
    on_pipe: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What switches them off wins over what switches them on, and both over the kind of stream."""
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert find_style(Terminal(), no_color=no_color).is_on is on_terminal
    assert find_style(io.StringIO(), no_color=no_color).is_on is on_pipe


def test_closed_stream_is_no_terminal() -> None:
    """A stream that cannot be asked, and one that is not there."""
    closed = io.StringIO()
    closed.close()

    assert find_style(closed) == find_style(None) == PLAIN


def test_nothing_is_painted_that_has_no_colour() -> None:
    """Unknown names and empty texts stay as they are."""
    assert Style(True).paint("text", "unheard of") == "text"
    assert Style(True).paint("", "FAILED") == ""
    assert Style(True).paint("x", "DONE") == "\x1b[32mx\x1b[0m"


@pytest.mark.parametrize(
    "environment, words, is_painted",
    [
        ({"FORCE_COLOR": "1"}, [], True),
        ({"FORCE_COLOR": "1"}, ["--no-color"], False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False),
        ({}, [], False),
    ],
)
def test_run_paints_when_asked_to(
    environment: dict[str, str], words: list[str], is_painted: bool, tmp_path: Path
) -> None:
    """The real command, on a pipe: the line of a failure is red, or has no codes at all."""
    (tmp_path / "w.py").write_text(
        "from redunlite import task\n\n@task()\ndef main():\n    return 1 / 0\n"
    )

    done = subprocess.run(
        [sys.executable, "-m", "redunlite", "run", "w.py", "main", *words],
        cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 1, done.stderr
    assert ("\x1b[31m*** Reject\x1b[0m Job" in done.stderr) is is_painted
    assert ("\x1b" in done.stderr) is is_painted
