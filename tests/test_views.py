"""The commands `tasks` and `info`, values written to files, and pages on a terminal."""

from __future__ import annotations

import csv
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from redunlite.cli.pager import find_pager

WORKFLOW = '''
from dataclasses import dataclass
from redunlite import task
redun_namespace = "w"

@dataclass
class Row:
    name: str
    n: int

@task()
def rows(n: int = 2) -> list:
    """Make some rows."""
    return [{"name": f"row {i}", "n": i} for i in range(n)]

@task()
def odd():
    return Row("a", 1)

@task()
def many(n: int = 60):
    return [odd.options(cache_scope="NONE")() for _ in range(n)]
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("views")
    (folder / "w.py").write_text(WORKFLOW)
    (folder / ".git").mkdir()
    for name in ("odd", "many", "rows"):
        assert command(folder, "run", "-q", "w.py", name).returncode == 0
    return folder


def command(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "redunlite", *words]
    environment = {**os.environ, **variables}
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, env=environment)


def test_tasks_of_a_file_are_listed(project: Path):
    """As text with what they do, as JSON with parameters; nothing is created."""
    text = command(project, "tasks", "w.py").stdout
    assert "w.rows" in text and "Make some rows." in text

    found = {t["task"]: t for t in json.loads(command(project, "tasks", "w.py", "--json").stdout)}
    assert sorted(found) == ["w.many", "w.odd", "w.rows"]
    parameter = found["w.rows"]["parameters"][0]
    assert (parameter["flag"], parameter["is_required"]) == ("--n", False)


def test_tasks_creates_nothing(tmp_path: Path):
    """Listing the tasks of a file, and asking for information, leaves the folder as it is."""
    (tmp_path / "w.py").write_text(WORKFLOW)
    (tmp_path / ".git").mkdir()

    assert command(tmp_path, "tasks", "w.py").returncode == 0
    assert command(tmp_path, "info").returncode == 0
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "__pycache__") == [".git", "w.py"]


def test_info_tells_where_settings_come_from(project: Path):
    """Versions, paths, and each setting with file and line, variable, or default."""
    (project / ".redunlite" / "redunlite.ini").write_text("[limits]\ndb = 3\n")
    done = command(
        project, "info", "--format", "json", REDUNLITE_EXECUTORS_DEFAULT_WORKERS="5"
    )  # fmt: skip
    facts = {fact["name"]: fact for fact in json.loads(done.stdout)}

    assert facts["redunlite"]["group"] == "versions" and facts["peewee"]["value"]
    assert facts["database"]["value"].endswith("redunlite.db")
    assert facts["limits.db"]["value"] == 3
    assert facts["limits.db"]["origin"].endswith("redunlite.ini:2")
    workers = facts["executors.default.workers"]
    assert workers["value"] == 5 and "REDUNLITE_EXECUTORS_DEFAULT_WORKERS" in workers["origin"]
    assert facts["recorder.durability"]["origin"] == "default"
    assert "limits.db" in command(project, "info").stdout


def test_a_value_is_written_to_a_file(project: Path, tmp_path: Path):
    """JSON, CSV and pickle hold the value itself; what is there is kept unless told otherwise."""
    expected = [{"name": "row 0", "n": 0}, {"name": "row 1", "n": 1}]

    for ending in ("json", "csv", "pkl"):
        done = command(project, "show", "-", "-o", str(tmp_path / f"x.{ending}"))
        assert done.returncode == 0 and "wrote" in done.stdout, done.stderr

    assert json.loads((tmp_path / "x.json").read_text()) == expected
    with open(tmp_path / "x.csv", newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"name": "row 0", "n": "0"},
            {"name": "row 1", "n": "1"},
        ]
    assert pickle.loads((tmp_path / "x.pkl").read_bytes()) == expected
    again = command(project, "show", "-", "-o", str(tmp_path / "x.json"))
    assert (again.returncode, "is there already" in again.stderr) == (2, True)
    forced = command(project, "show", "-", "-o", str(tmp_path / "x.json"), "--force")
    assert forced.returncode == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.csv", "x.json", "x.pkl"]


def test_pager_is_the_users(monkeypatch):
    """The program's own variable comes before the general one; `cat` and nothing mean none."""
    monkeypatch.setenv("PAGER", "more")
    assert find_pager() == "more"
    monkeypatch.setenv("REDUNLITE_PAGER", "less -S")
    assert find_pager() == "less -S"
    monkeypatch.setenv("REDUNLITE_PAGER", "")
    assert find_pager() == ""


def test_long_pages_go_through_the_pager_in_colour(project: Path):
    """On a terminal a page longer than it goes to the pager, with coloured statuses."""
    environment = {**os.environ, "TERM": "xterm", "REDUNLITE_PAGER": "sed s/^/PAGED:/"}
    environment.pop("NO_COLOR", None)
    line = "-m redunlite log ~2"
    shown = pexpect.run(
        f"{sys.executable} {line}", cwd=str(project), env=environment, timeout=60
    ).decode()
    assert "PAGED:Exec" in shown and "\x1b[32m[ DONE ]\x1b[0m" in shown

    plain = pexpect.run(
        f"{sys.executable} {line} --no-pager --no-color", cwd=str(project), env=environment, timeout=60
    ).decode()  # fmt: skip
    assert "PAGED" not in plain and "\x1b[" not in plain


def test_off_a_terminal_nothing_is_paged_or_painted(project: Path):
    """Through a pipe the page is plain text, and a reader that leaves early is no error."""
    done = command(project, "log", "~2", REDUNLITE_PAGER="false")
    assert done.returncode == 0 and "\x1b" not in done.stdout and "w.many" in done.stdout

    shell = f"{sys.executable} -m redunlite log ~2 --all | head -1; echo ${{PIPESTATUS[0]}}"
    piped = subprocess.run(["bash", "-c", shell], cwd=project, capture_output=True, text=True)
    assert piped.stdout.splitlines()[-1] == "0" and piped.stderr == ""
