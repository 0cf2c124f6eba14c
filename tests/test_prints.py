"""What the user's code prints: in jobs it is captured; elsewhere it never mixes with a result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FLOW = """\
import ctypes
import os
import sys
from dataclasses import dataclass

from redunlite import task

redun_namespace = "prints"
print("loaded")
os.system("echo from a shell")
sys.__stdout__.write("past sys.stdout\\n")


@dataclass
class Shown:
    x: int

    def __repr__(self):
        print("shown")
        return f"Shown({self.x})"


@task()
def main(n: int = 3):
    print("main runs")
    return [n, inline(n), coroutine(n)]


@task(executor="inline")
def inline(n):
    import beside_inline
    return beside_inline.value(n)


@task()
async def coroutine(n):
    import beside_async
    return await inline(beside_async.value(n))


@task()
def instance():
    return Shown(1)
"""
BESIDE = """\
print(__name__, "is imported")


def value(n):
    print("value is called")
    return n
"""
LOADED = ["loaded", "from a shell", "past sys.stdout"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a workflow that prints wherever it can."""
    (tmp_path / "flow.py").write_text(FLOW)
    for name in ("beside_inline", "beside_async"):
        (tmp_path / f"{name}.py").write_text(BESIDE)
    (tmp_path / ".redunlite").mkdir()
    (tmp_path / ".redunlite" / "redunlite.ini").write_text("[executors.inline]\ntype = inline\n")
    return tmp_path


def command(folder: Path, *words: str, **streams: Any) -> subprocess.CompletedProcess[str]:
    """Run the command and return what it wrote."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.run(
        [sys.executable, "-m", "redunlite", *words],
        cwd=folder, text=True, timeout=120, check=False, **streams,
    )  # fmt: skip


def test_result_is_alone_on_standard_output(folder: Path) -> None:
    """What the file prints while it is loaded, also past Python, is on standard error."""
    done = command(folder, "run", "flow.py", "main")

    assert done.stdout == "[3, 3, 3]\n", done.stderr
    assert sorted(LOADED) == sorted(x for x in done.stderr.splitlines() if x in LOADED)
    assert "main runs" not in done.stderr


def test_result_that_prints_while_it_is_shown_is_alone(folder: Path) -> None:
    """The `__repr__` of a user's class may print, too."""
    done = command(folder, "run", "flow.py", "instance")

    assert done.stdout == "Shown(1)\n", done.stderr
    assert "shown" in done.stderr.splitlines()


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["run", "flow.py", "help"], "Tasks available:"),
        (["run", "flow.py", "main", "help"], "usage: prints.main"),
        (["run", "flow.py", "main", "info"], "Task "),
        (["run", "flow.py"], "Tasks available:"),
        (["tasks", "flow.py"], "Tasks of flow.py:"),
        (["run", "--dry-run", "flow.py", "main"], ""),
    ],
)
def test_pages_are_alone_on_standard_output(folder: Path, words: list[str], first: str) -> None:
    """Lists and help begin with their own first line."""
    done = command(folder, *words)

    assert done.stdout.startswith(first)
    assert first or not done.stdout
    assert [line for line in done.stdout.splitlines() if line in LOADED] == []
    assert set(LOADED) <= set(done.stderr.splitlines())


def test_json_for_programs_is_whole(folder: Path) -> None:
    """Nothing stands before or behind it, also when a value's module prints as it is read."""
    listed = json.loads(command(folder, "tasks", "flow.py", "--format", "json").stdout)
    assert command(folder, "run", "-q", "flow.py", "instance").returncode == 0
    log = json.loads(command(folder, "log", "-", "--format", "json").stdout)
    result = json.loads(command(folder, "log", log["jobs"][0]["id"], "--format", "json").stdout)
    shown = command(folder, "show", result["result"]["value_hash"], "-o", "-", "--format", "text")

    assert [row["task"] for row in listed] == [
        "prints.coroutine", "prints.inline", "prints.instance", "prints.main",
    ]  # fmt: skip
    assert shown.stdout == "Shown(1)\n", shown.stderr
    assert set(LOADED) <= set(shown.stderr.splitlines())


def test_jobs_keep_what_is_printed_while_they_run(folder: Path) -> None:
    """Calls and imports print into the job that makes them, wherever it runs, and nowhere else.

    A worker loads the workflow for its first job, to which that belongs.
    """
    done = command(folder, "run", "--workers", "1", "flow.py", "main")
    log = json.loads(command(folder, "log", "-", "--format", "json").stdout)
    outputs = []
    for job in log["jobs"]:
        page = json.loads(command(folder, "log", job["id"], "--format", "json").stdout)
        if page["output"] is not None:  # one call of `inline` follows the other
            outputs.append((job["task"], page["output"]["head"].splitlines()))

    assert "is imported" not in done.stderr
    assert [lines for name, lines in outputs if name == "prints.main"] == [[*LOADED, "main runs"]]
    assert [lines for name, lines in outputs if name == "prints.coroutine"] == [
        ["beside_async is imported", "value is called"]
    ]
    assert [lines for name, lines in outputs if name == "prints.inline"] == [
        ["beside_inline is imported", "value is called"]
    ]


def test_full_standard_error_ends_no_run(folder: Path) -> None:
    """What the file prints is lost then, and nothing else."""
    (folder / "flow.py").write_text(FLOW.replace("sys.__stdout__.write", "print"))
    with open("/dev/full", "w") as full:
        done = command(folder, "run", "flow.py", "main", stderr=full)

    assert (done.stdout, done.returncode) == ("[3, 3, 3]\n", 0)


def test_full_standard_output_is_told(folder: Path) -> None:
    """The prints do not hide that the result could not be written."""
    with open("/dev/full", "w") as full:
        done = command(folder, "run", "-q", "flow.py", "main", stdout=full)

    assert done.returncode == 1
    assert "cannot write to standard output" in done.stderr


def test_width_of_pages_is_that_of_standard_output(folder: Path) -> None:
    """While the file is loaded descriptor 1 leads elsewhere, and the page is made then."""
    import pty
    import struct
    from fcntl import ioctl
    from termios import TIOCSWINSZ

    main, terminal = pty.openpty()
    ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
    text = FLOW.replace("def main(n: int = 3):", f"def main(n: int = 3):\n    '''{'word ' * 30}'''")
    (folder / "flow.py").write_text(text)
    with open(terminal, "w", closefd=False) as stream:
        done = command(folder, "run", "flow.py", "help", stderr=stream)
    for descriptor in (main, terminal):
        os.close(descriptor)

    assert max(map(len, done.stdout.splitlines())) <= 80
