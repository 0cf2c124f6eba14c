"""The tours in the README and beside the examples: each command prints what the page says.

A page is played from top to bottom in a copy of the examples: a `console` block holds commands and
their output, a `python` block with a task is an edit of the workflow, or the whole of it. Ids and
times differ from run to run; an id that the page gives to a command is the one that stood at the
same place of the output before.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
PAGES = ["README.md", "examples/01_hello_world/README.md"]
ID = re.compile(r"\b[0-9a-f]{8}(?:(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})?\b")
SECONDS = re.compile(
    r"\d{4}[-/]\d\d[-/]\d\d \d\d:\d\d:\d\d|\b\d:\d\d:\d\d\.\d+|\b\d+(\.\d+)? m?s\b"
)
PATH = re.compile(r"/\S*/(?=\.redunlite\b|hello_world\.py\b)")
FACTS = re.compile(r"^(?:Where|Versions): .*")
AMOUNT = re.compile(r"\b\d+(\.\d+)? (KiB|MiB|MB)\b")


def mask(line: str) -> str:
    """Replace what differs between two runs by its kind."""
    for kind, pattern in {
        "<time>": SECONDS,
        "<folder>/": PATH,
        "<size>": AMOUNT,
        "<facts>": FACTS,
    }.items():
        line = pattern.sub(kind, line)
    line = re.sub(r"version \S+", "version <version>", line)
    return ID.sub("<id>", line).rstrip()


class Tour:
    """A folder in which the blocks of one page are played."""

    def __init__(self, folder: Path, start: Path) -> None:
        self.folder = start
        self.ids: dict[str, str] = {}
        """Id on the page to id in this run; also their first eight characters."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("REDUNLITE")}
        (folder / "bin").mkdir()
        command = folder / "bin" / "redunlite"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m redunlite "$@"\n')
        command.chmod(0o755)
        path = f"{folder / 'bin'}{os.pathsep}{environment['PATH']}"
        self.environment = {**environment, "PATH": path, "PYTHONPATH": str(PROJECT)}

    def edit(self, source: str) -> None:
        """Put one task's new source in the place of the old one, or check the whole workflow."""
        workflow = self.folder / "hello_world.py"
        if not workflow.exists():
            workflow = self.folder / "examples" / "01_hello_world" / "hello_world.py"
        before = workflow.read_text()
        if not source.startswith("@task"):
            assert source == before
            return
        name = re.search(r"^def (\w+)", source, re.MULTILINE)
        assert name is not None
        pattern = rf"^@task\(\)\ndef {name[1]}\(.*?(?=\n\n\n|\Z)"
        after, n_edits = re.subn(pattern, lambda _: source.rstrip(), before, flags=re.M | re.S)
        assert n_edits == 1
        workflow.write_text(after)

    def play(self, command: str, expected: list[str]) -> None:
        """Run a command and compare what it prints with the page."""
        for shown, actual in self.ids.items():
            command = re.sub(rf"\b{shown}\b", actual, command)
        if command.startswith("cd "):
            self.folder = self.folder / command[3:]
            return
        if command.startswith(("source ", "scripts/test", "scripts/bench")):
            return
        command = re.sub(r"^scripts/run\b", "redunlite run", command)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        if not expected:
            assert done.returncode == 0, done.stdout
            return
        printed = done.stdout.rstrip("\n").splitlines()

        assert [mask(line) for line in expected] == [mask(line) for line in printed]
        for there, here in zip(expected, printed):
            for shown, actual in zip(ID.findall(there), ID.findall(here)):
                self.ids[shown[:8]] = actual[:8]
                self.ids[shown] = actual


def list_blocks(page: Path) -> list[tuple[str, str]]:
    """Return language and text of each fenced block of a page."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("page", PAGES)
def test_page_shows_what_commands_print(page: str, tmp_path: Path) -> None:
    """Every command of the page prints what stands below it, in order, in one folder."""
    place = tmp_path / "project"
    shutil.copytree(
        PROJECT / "examples",
        place / "examples",
        ignore=shutil.ignore_patterns(".redunlite", "__pycache__"),
    )
    tour = Tour(tmp_path, (place / page).parent)
    n_commands = 0
    for language, text in list_blocks(PROJECT / page):
        if language == "python":
            tour.edit(text)
        elif language == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, *expected = part.rstrip("\n").split("\n")
                tour.play(command, expected)
                n_commands += 1

    assert n_commands >= 5
