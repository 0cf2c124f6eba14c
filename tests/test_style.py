"""Colours: which streams get them, and that the command keeps to it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from redunlite.display.paint import paint_page
from redunlite.display.style import ALWAYS, AUTO, NEVER, PLAIN, Style, find_style

OFF, ON = False, True


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize(
    "environment, when, on_terminal, on_pipe",
    [
        ({}, AUTO, ON, OFF),
        ({}, NEVER, OFF, OFF),
        ({}, ALWAYS, ON, ON),
        ({"TERM": "dumb"}, AUTO, OFF, OFF),
        ({"TERM": "dumb"}, ALWAYS, ON, ON),
        ({"NO_COLOR": "1"}, AUTO, OFF, OFF),
        ({"NO_COLOR": "1"}, ALWAYS, ON, ON),
        ({"NO_COLOR": ""}, AUTO, ON, OFF),
        ({"FORCE_COLOR": "1"}, AUTO, ON, ON),
        ({"FORCE_COLOR": ""}, AUTO, ON, OFF),
        ({"FORCE_COLOR": "0"}, AUTO, ON, OFF),
        ({"CLICOLOR_FORCE": "1"}, AUTO, ON, ON),
        ({"CLICOLOR_FORCE": "0"}, AUTO, ON, OFF),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, AUTO, ON, ON),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, AUTO, OFF, OFF),
        ({"FORCE_COLOR": "1"}, NEVER, OFF, OFF),
    ],
)
def test_colours_follow_flag_environment_and_stream(
    environment: dict[str, str],
    when: str,
    on_terminal: bool,
    on_pipe: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the command line says wins, then what switches them off, then on, then the stream."""
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert find_style(Terminal(), when).is_on is on_terminal
    assert find_style(io.StringIO(), when).is_on is on_pipe


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
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, ["--color", "always"], True),
        ({}, ["--color=always"], True),
        ({"FORCE_COLOR": "1"}, ["--color=never"], False),
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
    assert ("\x1b[31m*** Reject\x1b[0m Job \x1b[94m" in done.stderr) is is_painted
    assert ("\x1b[31mZeroDivisionError\x1b[0m" in done.stderr) is is_painted
    assert ("\x1b" in done.stderr) is is_painted


PAGE = """\
Exec 4b20320e-1111-2222-3333-444455556666 [FAILED] 2026-11-24 12:57:01:  run w.py main
Error:    *** ValueError: no

Jobs: 3 (DONE: 1, CACHED: 1, FAILED: 1)
----------------------------------------
Job c5a729dc [ DONE ] 2026-11-24 12:57:01:  w.f('[ DONE ]', 'Job c5a729dc')
  *** ValueError: no
  … 9 more w.f
Traceback: Exec 4b20320e > Job c5a729dc f
Inspect:  redunlite log 5b632c7e
    result <-- <76fae697> f(x)
      x = <bc3dab9b> '<aaaaaaaa>'
  Upstream dataflow:
    def f(): return "Job"
"""


def test_page_is_painted_by_the_shape_of_its_lines() -> None:
    """Ids, statuses, headings and errors, each where it stands first; the text is the same."""
    painted = paint_page(PAGE, Style(True))

    assert paint_page(PAGE, PLAIN) == re.sub(r"\x1b\[\d*m", "", painted) == PAGE
    assert [found.group(1) for found in re.finditer(r"\x1b\[\d+m(.*?)\x1b\[0m", painted)] == [
        "4b20320e-1111-2222-3333-444455556666", "[FAILED]", "*** ValueError", "-" * 40,
        "c5a729dc", "[ DONE ]", "*** ValueError: no", "… 9 more w.f", "4b20320e", "c5a729dc",
        "5b632c7e", "76fae697", "bc3dab9b", "Upstream dataflow:",
    ]  # fmt: skip


def test_commands_paint_when_asked_to(tmp_path: Path) -> None:
    """Pages, help and errors, before and behind the command's name; never unasked on a pipe."""

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "redunlite", *words],
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    for words in (["log", "nothing"], ["log", "--help"], ["help"], ["info"], ["lgo"]):
        assert "\x1b" not in run(*words)
        assert "\x1b[" in run("--color=always", *words)
    assert "\x1b[31mredunlite:" in run("log", "--color", "always", "nothing")
    assert "\x1b" not in run("--color=always", "log", "nothing", "--no-color")
    assert "did you mean 'never'?" in run("--color=nver", "log")
    assert "expected one of auto, always, never" in run("log", "--color", "red")
