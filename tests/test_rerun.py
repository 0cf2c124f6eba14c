"""`redunlite run --rerun FILE ID`: the task and the arguments of a recorded job, once more."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

WORKFLOW = """\
from dataclasses import dataclass

from redunlite import task
from redunlite.scheduler import JobInfo

redun_namespace = "rerun"


@dataclass
class Point:
    x: int


@task()
def leaf(a, b=2, *rest, k=3, info: JobInfo = JobInfo(), **more):
    return [a, b, rest, k, more]


@task()
def total(numbers: list):
    return sum(numbers)


@task()
def place(n: int, /, m: int = 2):
    return [n, m]


@task()
def main(n: int = 1):
    return [leaf(Point(n), 5, 6, 7, k=8, z=9), total([n] * 3000), place(n)]


@task()
def broken(n: int):
    raise ValueError(f"no {n}")
"""


class Done(NamedTuple):
    """A command that ended."""

    status: int
    out: str
    err: str


class Project:
    """A folder with the workflow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workflow = folder / "w.py"
        self.workflow.write_text(WORKFLOW)
        (folder / ".git").mkdir()

    def __call__(self, *words: str) -> Done:
        """Run a command."""
        done = subprocess.run(
            [sys.executable, "-m", "redunlite", *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def find_job(self, task: str) -> str:
        """Return the id of the newest job of a task."""
        return self("log", "--jobs", "-q", "--task", task, "--limit", "1").out.strip()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with one run."""
    made = Project(tmp_path_factory.mktemp("rerun"))
    assert made("run", "w.py", "main", "--n", "4").status == 0
    yield made


EXPECTED = {
    "leaf": "[Point(x=4), 5, (6, 7), 8, {'z': 9}]",
    "total": "12000",
    "place": "[4, 2]",
    "main": "[[Point(x=4), 5, (6, 7), 8, {'z': 9}], 12000, [4, 2]]",
}
"""What each task gave."""


@pytest.mark.parametrize("name", EXPECTED)
def test_job_is_called_again_with_its_arguments(name: str, project: Project) -> None:
    """Every kind of parameter: the same call, so all of it is cached."""
    done = project("run", "--rerun", "w.py", project.find_job(name))

    assert done.status == 0, done.err
    assert done.out == EXPECTED[name] + "\n"
    assert " Run " not in done.err
    assert "Cached Job " in done.err


def test_options_go_on_top_of_recorded_arguments(project: Project) -> None:
    """Those that stand at a position too; the option works behind the file, and with a dry run."""
    assert (
        project("run", "--rerun", "w.py", project.find_job("place"), "--m", "9").out == "[4, 9]\n"
    )
    job = project.find_job("place")
    assert project("run", "w.py", "--rerun", job, "--n", "1").out == "[1, 9]\n"
    dry = project("run", "--rerun", "-n", "w.py", job, "--n", "123")
    assert (dry.status, "rerun.place(n=123, m=9)" in dry.err) == (0, True)


def test_latest_execution_is_run_again(tmp_path: Path) -> None:
    """Also one that failed: the way to try it once more."""
    made = Project(tmp_path)
    assert made("run", "w.py", "broken", "--n", "3").status == 1
    again = made("run", "--rerun", "w.py", "-")
    assert (again.status, "ValueError: no 3" in again.err) == (1, True)
    made.workflow.write_text(WORKFLOW.replace("raise ValueError", "return str"))

    assert made("run", "--rerun", "w.py", "-").out == "'no 3'\n"


def test_task_that_lost_a_parameter_is_not_called(tmp_path: Path) -> None:
    """It is told which; a new parameter without default is asked for."""
    made = Project(tmp_path)
    made("run", "w.py", "broken", "--n", "3")
    made.workflow.write_text(
        WORKFLOW.replace(
            "def broken(n: int):\n    raise", "def broken(m: int):\n    n = m\n    raise"
        )
    )

    lost = made("run", "--rerun", "w.py", "-")
    given = made("run", "--rerun", "w.py", "-", "--m", "4")

    assert (lost.status, lost.err.splitlines()[0]) == (2, "redunlite: task 'broken' needs --m")
    told = "redunlite: task 'broken' has no parameter 'n' any more, which - was called with"
    assert (given.status, given.err.splitlines()[0]) == (2, told)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rerun", "w.py"], "redunlite: which job or execution?"),
        (["--rerun", "w.py", "12345678"], "redunlite: unknown id '12345678'"),
        (["--rerun", "w.py", "main"], "redunlite: unknown id 'main'"),
        (["--rerun", "w.py", "-", "--m", "4"], "redunlite: unknown option '--m' for task 'main'"),
    ],
)
def test_what_is_no_job_is_refused(words: list[str], message: str, tmp_path: Path) -> None:
    """In one line, and nothing is written."""
    made = Project(tmp_path)
    made("run", "w.py", "main")
    before = made("log").out

    done = made("run", *words)

    assert (done.status, done.err.splitlines()[0]) == (2, message)
    assert made("log").out == before


def test_without_a_history_there_is_nothing_to_run_again(tmp_path: Path) -> None:
    """And none is made."""
    made = Project(tmp_path)

    done = made("run", "--rerun", "w.py", "-")

    assert (done.status, done.err.splitlines()) == (
        2,
        ["redunlite: unknown id '-'", "  no executions are recorded here yet"],
    )
    assert not (tmp_path / ".redunlite").exists()
