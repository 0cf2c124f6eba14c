"""Which recorded answers may be taken: instances of classes that two files define alike."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WORKFLOW = """
from dataclasses import dataclass
from redunlite import catch, task
redun_namespace = "two"

@dataclass
class Point:
    x: int

class Odd(Exception):
    pass

@task()
def make(n: int = 1):
    return Point(n)

@task()
def check(p):
    return isinstance(p, Point)

@task()
def fail():
    raise Odd("x")

@task()
def recover(error):
    return isinstance(error, Odd)

@task()
def main():
    return [check(make(1)), catch(fail(), Odd, recover)]

@task(check_valid="shallow")
def kept():
    return make(2)

@task()
def shallow():
    return check(kept())
"""

BOTH = """
import a
from a import Point
from redunlite import task
redun_namespace = "both"

@task()
def check(p):
    return isinstance(p, Point)

@task()
def main():
    return check(a.make(1))
"""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "redunlite", "run", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text(WORKFLOW)
    (tmp_path / "c.py").write_text(BOTH)
    return tmp_path


def test_files_alike_do_not_share_instances(files: Path):
    """Two files with tasks and classes of one text get instances of their own class, and are cached."""
    for _ in range(2):
        for name in ("a", "b"):
            for task in ("main", "shallow"):
                done = run(files, f"{name}.py", task)
                expected = "[True, True]\n" if task == "main" else "True\n"

                assert done.stdout == expected, (name, done.stderr)
    assert "Run  " not in run(files, "a.py", "main").stderr
    assert "Run  " not in run(files, "b.py", "main").stderr


def test_an_imported_file_shares_its_instances(files: Path):
    """A workflow that imports another takes what that one has recorded."""
    run(files, "a.py", "main")

    done = run(files, "c.py", "main")

    assert done.stdout == "True\n"
    assert "Cached Job" in done.stderr and "two.make(n=1) (" in done.stderr


def test_instances_move_with_a_renamed_file(files: Path):
    """After a rename, what held instances runs again, and gives instances of the new module."""
    run(files, "a.py", "main")
    (files / "a.py").rename(files / "d.py")

    done = run(files, "d.py", "main")

    assert done.stdout == "[True, True]\n", done.stderr


def test_class_of_a_lazily_imported_helper_is_known(files: Path):
    """An instance from a module that only a task's function imports is found again."""
    (files / "shapes.py").write_text("class Box:\n    def __init__(self, n):\n        self.n = n\n")
    (files / "e.py").write_text(
        "from redunlite import task\nredun_namespace = 'e'\n"
        "@task()\ndef main():\n    from shapes import Box\n    return Box(3)\n"
    )
    run(files, "e.py", "main")

    done = run(files, "e.py", "main")

    assert "Cached Job" in done.stderr, done.stderr
