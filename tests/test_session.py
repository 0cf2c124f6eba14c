"""What is put together for a run: executors, circumstances, signals, limits of use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import redunlite
from redunlite import Scheduler, task
from redunlite.errors import SchedulerError
from redunlite.session import open_session

redun_namespace = "test_session"


@task()
def double(x):
    return 2 * x


def test_run_uses_the_projects_database(tmp_path: Path, monkeypatch):
    """`redunlite.run` makes the folder, remembers, and `load` gives a recorded value back."""
    monkeypatch.chdir(tmp_path)

    assert redunlite.run(double.options(executor="inline")(21)) == 42
    assert redunlite.run(double.options(executor="inline")(21)) == 42
    assert (tmp_path / ".redunlite" / "redunlite.db").exists()
    session = open_session()
    rows = session.database.connection.execute("SELECT kind FROM job ORDER BY id").fetchall()
    uuid = session.database.connection.execute("SELECT hex(uuid) FROM execution").fetchone()[0]
    session.close()
    assert rows == [(0,), (1,)]
    assert redunlite.load(uuid[:8].lower()) == 42


def test_one_execution_at_a_time(scheduler: Scheduler):
    """A scheduler that is running refuses to run; another one may run inside a job."""

    @task(executor="inline", cache=False)
    def inner():
        return Scheduler().run(double(4))

    @task(executor="inline", cache=False)
    def again():
        return scheduler.run(double(4))

    assert scheduler.run(inner()) == 8
    with pytest.raises(SchedulerError, match="running already"):
        scheduler.run(again())


def test_scheduler_tells_what_it_is():
    """The in-memory twin says so."""
    assert "in memory" in repr(Scheduler())
    assert repr(Scheduler(config={"limits": {"a": 2}})) == (
        "Scheduler(as configured in the project's folder)"
    )


OPEN_END = """
from redunlite import Scheduler, task
from redunlite.scheduler import SchedulerError

@task(namespace="ends")
def big():
    return "x" * 1_000_000

@task(namespace="ends", executor="missing")
def nowhere():
    return 1

scheduler = Scheduler()
scheduler.run(big())
try:
    scheduler.run(nowhere())
except SchedulerError as error:
    print(type(error).__name__)
print(scheduler._session.store.folder)
"""


def test_scheduler_that_nobody_closed_leaves_nothing_behind(tmp_path: Path) -> None:
    """The folder of its large values is removed when the program ends, and nothing is said."""
    done = subprocess.run(
        [sys.executable, "-c", OPEN_END],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        capture_output=True,
        text=True,
    )
    error, folder = done.stdout.split()

    assert (done.returncode, done.stderr, error) == (0, "", "UnknownExecutorError")
    assert not os.path.exists(folder)


STOPS = """
from redunlite import Scheduler, task

@task(namespace="stops", executor="inline")
def add(a, b):
    breakpoint()
    return a + b

print(Scheduler().run(add(40, 2)))
"""


def test_breakpoint_of_an_inline_job_opens_a_debugger_in_its_frame(tmp_path: Path) -> None:
    """Its variables are at hand, and the job goes on."""
    (tmp_path / "stops.py").write_text(STOPS)
    done = subprocess.run(
        [sys.executable, "stops.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        input="p a * 1000 + b\nc\n",
        capture_output=True,
        text=True,
    )

    assert "40002" in done.stdout
    assert done.stdout.endswith("42\n"), done.stderr
