"""The commands `tasks` and `info`, values written to files, and pages on a terminal."""

from __future__ import annotations

import csv
import json
import os
import pickle
import sqlite3
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from redunlite.cli.pager import count_rows, find_pager

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


SIGNATURES = """
from __future__ import annotations
from dataclasses import dataclass
from redunlite import task
redun_namespace = "sig"

@dataclass
class Conf:
    lr: float = 0.1

@task()
def a(x, /, y: list[int], *, conf: Conf = Conf(), n=3) -> dict[str, int]:
    '''Say a lot.'''

@task()
def b(*names: str, long_name_of_a_parameter: str = "x" * 100, **others):
    pass
"""


def test_tasks_are_listed_with_their_signatures(tmp_path: Path):
    """As in the `def`; a parameter a line where it is too long; names alone, or with places."""
    (tmp_path / "s.py").write_text(SIGNATURES)

    lines = command(tmp_path, "tasks", "s.py").stdout.splitlines()
    a = "(x, /, y: list[int], *, conf: Conf = Conf(lr=0.1), n=3) -> dict[str, int]"
    assert lines[:4] == ["Tasks of s.py:", "", f"  sig.a{a}", "      Say a lot."]
    assert lines[4:7] == [
        "  sig.b(",
        "      *names: str,",
        f"      long_name_of_a_parameter: str = '{'x' * 38}…,",
    ]
    assert lines[7:] == ["      **others,", "  )"]
    found = json.loads(command(tmp_path, "tasks", "s.py", "--json").stdout)
    assert found[0]["signature"] == a
    assert command(tmp_path, "tasks", "s.py", "-q").stdout == "sig.a\nsig.b\n"
    assert "\n      s.py:12\n      Task " in command(tmp_path, "tasks", "s.py", "-v").stdout
    (tmp_path / "none.py").write_text("")
    assert command(tmp_path, "tasks", "none.py").stdout.startswith("No tasks in none.py;")


@pytest.mark.parametrize("name", ["log", "show -", "tag list", "tasks w.py", "info"])
def test_listings_take_the_same_options(project: Path, name: str):
    """Quiet or verbose, not both; quiet lines are plain; formats are formats."""
    words = name.split()
    for option in ("-q", "-v", "--json", "--format=csv", "--no-pager", "--color=never"):
        done = command(project, *words, option)
        assert (done.returncode, done.stderr) == (0, ""), option
    for pair in (("-q", "-v"), ("-q", "--json")):
        done = command(project, *words, *pair)
        assert done.returncode == 2 and "exclude each other" in done.stderr


def test_quiet_prints_what_a_script_needs(project: Path):
    """Ids, hashes, names and settings, one a line."""
    value = json.loads(command(project, "show", "-", "--json").stdout)

    assert command(project, "show", "-", "-q").stdout == f"{value['value_hash']}\n"
    assert value["made_by"]["job_id"] in command(project, "show", "-", "-v").stdout
    assert command(project, "info", "-q", REDUNLITE_LIMITS_X="2").stdout.splitlines()[-1] == (
        "limits.x = 2"
    )
    environment = command(project, "info", "-v", REDUNLITE_LIMITS_X="2").stdout
    assert "\nEnvironment:\n" in environment and "REDUNLITE_LIMITS_X" in environment
    uuid = command(project, "log", "-q").stdout.split()[0]
    assert command(project, "tag", "add", uuid, "env=prod").returncode == 0
    assert command(project, "tag", "list", "-q").stdout == "env\n"
    assert command(project, "tag", "list", "env", "-q").stdout == f"{uuid}\n"
    done = command(project, "tag", "rm", uuid, "env", "-q")
    assert done.returncode == 2 and "--quiet goes with 'tag list'" in done.stderr


def test_info_shows_what_it_can(tmp_path: Path):
    """A broken configuration and a newer database hide nothing but themselves; exit 4."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "w.py").write_text(WORKFLOW)
    assert command(tmp_path, "run", "-q", "w.py", "odd").returncode == 0
    folder = tmp_path / ".redunlite"
    facts = {f["name"]: f for f in json.loads(command(tmp_path, "info", "--json").stdout)}
    assert facts["schema"]["value"] == 1

    (folder / "redunlite.ini").write_text("[executors.default]\ntype = fork\n")
    done = command(tmp_path, "info")
    assert done.returncode == 4
    assert "\n  schema         1\n" in done.stdout and "Settings:" not in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.endswith(
        "redunlite.ini:2: type is 'fork', expected process or thread or inline or alias"
    )
    assert json.loads(command(tmp_path, "info", "--json").stdout)

    (folder / "redunlite.ini").write_text("")
    with sqlite3.connect(folder / "redunlite.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    done = command(tmp_path, "info")
    assert done.returncode == 4
    assert "has schema 99" in done.stderr and "Settings:" in done.stdout
    done = command(tmp_path, "-c", "nowhere", "info")
    assert done.returncode == 4 and "Versions:" in done.stdout and "'nowhere'" in done.stderr


def test_info_counts_what_is_not_yet_in_the_database(tmp_path: Path):
    """The write-ahead log is a part of the database's size."""
    from redunlite.cli.info import _tell_size

    (tmp_path / "x.db").write_bytes(bytes(1000))
    (tmp_path / "x.db-wal").write_bytes(bytes(200))

    assert _tell_size(str(tmp_path / "x.db")) == "1.2 KiB"
    assert _tell_size(str(tmp_path / "y.db")) == "not there yet"


SETUP = """
from dataclasses import dataclass
from redunlite import Scheduler

@dataclass
class Conf:
    '''Settings.

    Parameters
    ----------
    lr
        Rate of learning.
    '''

    lr: float = 0.1

def setup(config, conf: Conf, n: int = 3, fast: bool = False):
    return Scheduler(config=config)
"""


def test_setup_help_lists_the_fields_of_dataclasses(tmp_path: Path):
    """As help of a task does, with names as ``--setup`` takes them."""
    (tmp_path / ".redunlite").mkdir()
    ini = tmp_path / ".redunlite" / "redunlite.ini"
    ini.write_text("[scheduler]\nsetup_scheduler = s.py::setup\n")
    (tmp_path / "s.py").write_text(SETUP)

    lines = [
        " ".join(x.split()) for x in command(tmp_path, "run", "--setup-help").stdout.splitlines()
    ]

    assert lines[-5:] == [
        "names:",
        "conf=CONF Conf as JSON, @FILE, or by its fields",
        "conf.lr=LR Rate of learning; float (default: 0.1)",
        "n=N int (default: 3)",
        "fast=true|false (default: False)",
    ]


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


def test_rows_are_counted_as_the_terminal_breaks_them():
    """Colours take no room, wide characters two columns, an empty line one row."""
    assert count_rows("", 80) == 0
    assert count_rows("\x1b[31m12345678\x1b[0m\n\n", 8) == 2
    assert count_rows("123456789", 8) == 2
    assert count_rows("日本語日本\n", 8) == 2
    assert count_rows("e\u0301" * 8, 8) == 1


def test_help_and_broken_lines_go_through_the_pager(project: Path):
    """Help that is longer than the terminal, and a page of few lines that are broken into many."""
    environment = {**os.environ, "TERM": "xterm", "REDUNLITE_PAGER": "sed s/^/PAGED:/"}

    def run(*words: str, lines: int, columns: int) -> str:
        child = pexpect.spawn(
            sys.executable, ["-m", "redunlite", *words],
            cwd=str(project), env=environment, timeout=60, dimensions=(lines, columns), encoding="utf-8",
        )  # fmt: skip
        child.expect(pexpect.EOF)
        assert child.before is not None
        return str(child.before)

    for words in (["help"], ["log", "--help"], ["run", "--help"], ["run", "w.py", "rows", "help"]):
        assert "PAGED:" in run(*words, lines=10, columns=80)
        assert "PAGED:" not in run(*words, lines=100, columns=80)
    page = run("tasks", "w.py", lines=12, columns=80)
    assert "PAGED:" not in page and len(page.splitlines()) < 12
    assert "PAGED:" in run("show", "~2", lines=8, columns=20)


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
