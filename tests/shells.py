"""Real shells on a terminal, with completion set up, for tests that press TAB."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pexpect

PROJECT = Path(__file__).resolve().parent.parent

WORKFLOW = '''
from pathlib import Path
from typing import Literal
from redunlite import task

redun_namespace = "lab"

@task()
def align(sample: str, ref_genome: str = "hg38", path: Path = Path("."), fast: bool = False):
    """Align reads: all of them."""
    return sample

@task()
def plot(kind: Literal["bar", "line"] = "bar"):
    """Draw a picture."""
    return kind
'''

DUMP = "\x07"
"""The key that shows what stands on the line and clears it: Ctrl-G."""


class Pressed(NamedTuple):
    """What a person sees after pressing TAB."""

    line: str
    """What stands on the line."""
    screen: str
    """What was printed meanwhile, without the terminal's codes."""


def make_lab(folder: Path) -> dict[str, str]:
    """Make a folder with a workflow and a command `redunlite`; return the environment for it."""
    (folder / "w.py").write_text(WORKFLOW)
    (folder / "my wörk.py").write_text(WORKFLOW)
    (folder / "steps").mkdir()
    (folder / "steps" / "more.py").touch()
    (folder / ".git").mkdir()
    programs = folder / ".bin"
    programs.mkdir()
    program = programs / "redunlite"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m redunlite "$@"\n')
    program.chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("REDUNLITE_", "_ARGC", "XDG"))}
    kept.pop("_REDUNLITE_COMPLETION", None)
    return {
        **kept,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "HOME": str(folder),
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
        "INPUTRC": "/dev/null",
    }


class RealShell:
    """A shell on a terminal.

    Parameters
    ----------
    setup
        Its lines that make completion work, quiet, and `DUMP` do what it should.
    """

    def __init__(self, argv: list[str], folder: Path, setup: list[str]) -> None:
        self.folder = folder
        self.child = pexpect.spawn(
            argv[0],
            argv[1:],
            cwd=str(folder),
            env=make_lab(folder),
            encoding="utf-8",
            timeout=30,
            dimensions=(60, 90),
        )
        for line in setup:
            self.child.sendline(line)
        self.child.sendline("echo GO''ES")
        self.child.expect(r"GOES\r?\n")
        self.press("")

    def press(self, keys: str) -> Pressed:
        """Send keys, and return the line that they made."""
        self.child.send(keys + DUMP)
        self.child.expect(r"<<<(.*?)>>>")
        assert self.child.match is not None
        line = self.child.match.group(1)
        moved = re.sub(r"\x1b\[[0-9;]*[A-HJ]", "\n", self.child.before or "")
        screen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r", "", moved)
        return Pressed(line, screen)

    def run(self, line: str) -> str:
        """Run a command line, and return what it printed."""
        self.child.sendline(f"{line}; echo DO''NE")
        self.child.expect(r"DONE\r?\n")
        return self.child.before or ""

    def close(self) -> None:
        """End the shell."""
        self.child.close(force=True)


def find_shell(name: str) -> str | None:
    """Return the path of a shell, or None where it is not installed."""
    return shutil.which(name)
