"""Faults with real processes: killed main process, killed worker, signals, two runs at once."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

WORKFLOW = '''\
import hashlib
import os
import subprocess
import time

from redunlite import catch, task
from redunlite.errors import WorkerDiedError
from redunlite.functools import seq

redun_namespace = "faults"


def note(name, text=""):
    """Append a line to a file: what really ran, and in which process."""
    with open(name, "a") as file:
        file.write(f"{os.getpid()} {text}\\n")


@task()
def quick(i):
    note("quick", i)
    return i


@task()
def in_c_code(seconds):
    note("busy")
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 40_000_000 * seconds)
    return 1


@task()
def with_shell_child(seconds):
    child = subprocess.Popen(["setsid", "sleep", str(seconds)])
    note("busy")
    with open("child", "w") as file:
        file.write(str(child.pid))
    child.wait()
    return 2


@task()
def gather(xs):
    return len(xs)


@task()
def work(n: int = 20):
    first = gather([quick(i) for i in range(n)])
    return seq([first, gather([in_c_code(30), with_shell_child(60)])])


@task()
def die(i):
    os.kill(os.getpid(), 9)


@task()
def sleepy(i):
    note("sleepy", i)
    time.sleep(30)
    return i


@task()
def sleepers(n: int = 2):
    return gather([quick(1), *[sleepy(i) for i in range(n)]])


@task()
def one_dies(n: int = 10):
    return gather([die(0), *[quick(i) for i in range(n)]])


@task()
def many(n: int = 200):
    return gather([quick(i) for i in range(n)])


@task()
def die_once():
    first = not os.path.exists("died")
    note("died")
    if first:
        os.kill(os.getpid(), 9)
    return 5


@task()
def interrupted_once():
    with open("interrupted", "a") as stream:
        stream.write("x\\n")
        if stream.tell() == 2:
            stream.flush()
            os.kill(os.getpid(), 2)
    return 5


@task()
def recover(error):
    return -1


@task()
def caught_interrupt():
    return catch(interrupted_once(), KeyboardInterrupt, recover)


@task()
def caught():
    return catch(die_once(), WorkerDiedError, recover)
'''


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start a command in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "redunlite", *words],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def wait_until(condition, what: str, seconds: float = 30) -> None:
    """Poll until `condition` holds; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def processes_below(pid: int) -> set[int]:
    """Return the descendants of a process."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(entry)] = int(stat.rpartition(")")[2].split()[1])
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found - {pid}
        found |= more


def query(folder: Path, sql: str) -> list[tuple]:
    """Return the rows of a query on the folder's database."""
    connection = sqlite3.connect(f"file:{folder}/.redunlite/redunlite.db?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the workflow."""
    (tmp_path / "faults.py").write_text(WORKFLOW)
    return tmp_path


def test_kill_9_of_the_main_process_leaves_nobody_and_loses_nothing(folder: Path):
    """Workers in C code and with a shell child are gone; committed results are not run again."""
    run = start(folder, "run", "faults.py", "work")
    wait_until(lambda: (folder / "child").exists(), "the shell child")
    wait_until(lambda: len((folder / "busy").read_text().split()) == 2, "both workers")

    def is_recorded() -> bool:
        rows = query(folder, "SELECT count(*) FROM job WHERE status = 1")
        return rows[0][0] >= 21

    wait_until(is_recorded, "the quick jobs to be committed")
    below = processes_below(run.pid)
    child = int((folder / "child").read_text())
    run.kill()
    run.communicate()

    wait_until(lambda: not any(is_alive(pid) for pid in {*below, child}), "everybody to be gone", 5)
    assert len((folder / "quick").read_text().splitlines()) == 20

    again = subprocess.run(
        [sys.executable, "-m", "redunlite", "run", "faults.py", "many", "--n", "20"],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert len((folder / "quick").read_text().splitlines()) == 20
    statuses = query(folder, "SELECT status, error FROM execution ORDER BY id")
    assert statuses == [(2, "interrupted"), (1, None)]
    assert query(folder, "SELECT count(*) FROM job WHERE status = 0") == [(0,)]
    assert query(folder, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, -2), (signal.SIGTERM, -15), (signal.SIGHUP, -1)],
)
def test_signal_ends_the_run_and_keeps_what_finished(folder: Path, number, code):
    """The command dies by the signal; finished jobs are kept, the rest is CANCELLED."""
    run = start(folder, "run", "faults.py", "sleepers")
    wait_until(lambda: (folder / "sleepy").exists(), "a sleeper")
    wait_until(lambda: (folder / "quick").exists(), "the quick job")
    below = processes_below(run.pid)
    begun = time.monotonic()
    os.kill(run.pid, number)
    _, err = run.communicate(timeout=30)

    assert run.returncode == code, err
    assert time.monotonic() - begun < 15, "far more than the second that is promised"
    wait_until(lambda: not any(is_alive(pid) for pid in below), "everybody to be gone", 5)
    assert query(folder, "SELECT status FROM execution") == [(3,)]
    rows = query(
        folder, "SELECT t.name, j.status FROM job j JOIN task t ON t.id = j.task ORDER BY t.name"
    )
    assert ("quick", 1) in rows
    assert {status for name, status in rows if name == "sleepy"} == {3}
    assert all(status != 0 for _, status in rows)


def test_death_of_a_worker_fails_only_its_job(folder: Path):
    """The error names task and signal; the other jobs never notice."""
    run = start(folder, "run", "faults.py", "one_dies", "--keep-going")
    _, err = run.communicate(timeout=60)

    assert run.returncode == 1
    assert "SIGKILL" in err
    assert "die" in err
    rows = query(folder, "SELECT t.name, j.status FROM job j JOIN task t ON t.id = j.task")
    assert ("die", 2) in rows
    assert all(status == 1 for name, status in rows if name == "quick")


def test_death_of_a_worker_is_caught_and_tried_again_by_the_next_run(folder: Path):
    """What killed it may be gone: unlike other recoveries, this one holds for its run alone."""
    results = []
    for _ in range(3):
        out, _ = start(folder, "run", "faults.py", "caught").communicate(timeout=60)
        results.append(out)

    assert results == ["-1\n", "5\n", "5\n"]
    assert len((folder / "died").read_text().splitlines()) == 2


def test_interrupt_of_a_worker_is_caught_and_tried_again_by_the_next_run(folder: Path):
    """A SIGINT that the run did not send is the job's failure, and holds for that run alone."""
    results = []
    for _ in range(3):
        out, _ = start(folder, "run", "faults.py", "caught_interrupt").communicate(timeout=60)
        results.append(out)

    assert results == ["-1\n", "5\n", "5\n"]


def test_two_runs_at_once_share_one_database(folder: Path):
    """Neither fails, each has its rows, and the database is whole."""
    runs = [start(folder, "run", "faults.py", "many", "--n", str(n)) for n in (300, 301, 302)]
    for run in runs:
        _, err = run.communicate(timeout=120)
        assert run.returncode == 0, err

    assert query(folder, "SELECT status FROM execution") == [(1,)] * 3
    assert query(folder, "SELECT count(*) FROM job") == [(300 + 301 + 302 + 6,)]
    assert query(folder, "PRAGMA integrity_check") == [("ok",)]
