"""What only informs never ends or changes a run: errors there are kept, and told of at its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from redunlite.informing import MAX_ERRORS, Informer
from redunlite.reporter import JobLine, SilentReporter

FLOW = """
from redunlite import task

@task
def total(*xs, **more):
    return sum(map(sum, xs)) + len(more)

@task
def fail(n):
    raise ValueError(f"no {n}")

@task
def main(n: int = 1):
    return [total([n] * 40, [2] * 40, [3] * 40, z=[n] * 40, y=2), total()]

@task
def bad(n: int = 1):
    return fail(total([n]))
"""

BROKEN = [
    "redunlite.recorder.writer:RunRecorder.find_reason",
    "redunlite.recorder.writer:RunRecorder.find_mean_us",
    "redunlite.recorder.reasons:Reasons.find",
    "redunlite.engine:describe_job",
    "redunlite.engine:describe_failure",
    "redunlite.engine:list_failures",
    "redunlite.engine:estimate_left",
    "redunlite.engine:count_at_workers",
    "redunlite.description:show_value",
    "redunlite.description:show_argument",
    "redunlite.session:gather_facts",
    "redunlite.session:GitStatus",
    "redunlite.facts:GitStatus.end",
    "redunlite.display.live:ConsoleReporter.execution_started",
    "redunlite.display.live:ConsoleReporter.wants_line",
    "redunlite.display.live:ConsoleReporter.job_line",
    "redunlite.display.live:ConsoleReporter.warning",
    "redunlite.display.live:ConsoleReporter.progress",
    "redunlite.display.live:ConsoleReporter._format_failure",
    "redunlite.display.live:ConsoleReporter._format_others",
    "redunlite.display.live:ConsoleReporter._format_next",
]
"""Functions that only inform."""


def run(folder: Path, task: str, n: int, broken: str = "", *options: str):
    """Run a task with the command, one of whose informing functions raises."""
    module, _, name = broken.partition(":")
    owner, _, attribute = name.rpartition(".")
    program = "import sys\n"
    if broken:
        program += (
            f"import {module} as module\n"
            f"def broken(*args, **kwargs): raise RuntimeError('broken')\n"
            f"setattr({f'module.{owner}' if owner else 'module'}, {attribute!r}, broken)\n"
        )
    words = ["run", *options, "flow.py", task, "--n", str(n)]
    program += f"from redunlite.cli import main\nsys.exit(main({words!r}))\n"
    return subprocess.run(
        [sys.executable, "-B", "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with the workflow, which has run once."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("0" * 40)
    (tmp_path / "flow.py").write_text(FLOW)
    assert run(tmp_path, "main", 0).returncode == 0
    return tmp_path


@pytest.mark.parametrize("broken", BROKEN)
def test_run_goes_on_when_what_informs_raises(folder: Path, broken: str) -> None:
    """Result and exit status are those of a run in which everything can be shown."""
    done = run(folder, "main", 1, broken)
    failed = run(folder, "bad", 1, broken)

    assert (done.returncode, done.stdout) == (0, "[242, 0]\n"), done.stderr
    assert (failed.returncode, failed.stdout) == (1, ""), failed.stderr
    assert "Traceback (most recent call last)" not in done.stderr + failed.stderr


def test_debug_shows_what_could_not_be_shown(folder: Path) -> None:
    """A line tells that something was not shown; with --debug its traceback stands there."""
    broken = "redunlite.recorder.reasons:Reasons.find"

    plain = run(folder, "main", 1, broken).stderr
    debug = run(folder, "main", 2, broken, "--debug").stderr

    assert "something could not be shown (RuntimeError: broken); --debug tells where" in plain
    assert "in find_reason" in debug


def test_failure_without_description_shows_the_users_frames(folder: Path) -> None:
    """When the job traceback cannot be made, the frames of the error are shown all the same."""
    failed = run(folder, "bad", 1, "redunlite.engine:describe_failure")

    assert "ValueError: no 1" in failed.stderr
    assert "in fail" in failed.stderr


@pytest.mark.parametrize("n", [1, 2])
def test_reason_shows_arguments_of_variadic_parameters(folder: Path, n: int) -> None:
    """Long lists among ``*xs`` and ``**more`` are shown as in job lines."""
    done = run(folder, "main", n)

    line = next(line for line in done.stderr.splitlines() if "total(*xs=([" in line)
    assert "(xs: ([0, 0, 0, " in line
    assert f"→ {{'z': [{n}, {n}, " in line


def test_informer_keeps_the_first_errors() -> None:
    """Errors are kept up to a number, and the default takes the place of an answer."""

    class Broken(SilentReporter):
        def job_line(self, line: JobLine) -> None:
            raise ValueError("no line")

    informer = Informer(Broken())
    line = JobLine("Run", "", "f", ())

    answers = [informer.inform(informer.job_line, line, default=3) for _ in range(MAX_ERRORS + 5)]
    assert answers == [3] * (MAX_ERRORS + 5)
    assert len(informer.errors) == MAX_ERRORS
    assert informer.errors[0].endswith("ValueError: no line\n")
