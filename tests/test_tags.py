"""Tags: as text, from tasks, forms and the command line, and the command that changes them."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from redunlite import Scheduler, apply_tags, task
from redunlite.config import Config
from redunlite.errors import ConfigError, DryRunResult, UsageError
from redunlite.functools import no_prov
from redunlite.tags import format_tag, parse_tag, parse_tag_value

redun_namespace = "test_tags"


@task(tags=[("kind", "sum")])
def add(a, b):
    return a + b


@task()
def tagged(n):
    return apply_tags(
        add.options(tags=[("n", n)])(n, 2),
        tags=[("good", True)],
        job_tags=[("stage", "x")],
        execution_tags=[("parts", [1])],
    )


def read_tags(scheduler: Scheduler) -> set[tuple[str, str, str]]:
    database: Any = scheduler._session.database  # type: ignore[union-attr]
    return set(database.connection.execute("SELECT entity, key, value FROM tag").fetchall())


def count_tag_rows(scheduler: Scheduler) -> int:
    database: Any = scheduler._session.database  # type: ignore[union-attr]
    return database.connection.execute("SELECT count(*) FROM tag").fetchone()[0]


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("n=3", ("n", 3)), ("x=1.5", ("x", 1.5)), ("on=true", ("on", True)), ("off=null", ("off", None)),
        ("empty=", ("empty", None)), ("bare", ("bare", None)), ("word=prod", ("word", "prod")),
        ('text="3"', ("text", "3")), ("list=[1, 2]", ("list", [1, 2])), ('o={"a": 1}', ("o", {"a": 1})),
        ("eq=a=b", ("eq", "a=b")),
    ],
)  # fmt: skip
def test_tags_are_read_and_written_as_text(text, tag):
    """Each kind of value is read, and what is written is read as the same."""
    assert parse_tag(text) == tag
    assert parse_tag(format_tag(*tag)) == tag


def test_page_on_tags_tells_what_texts_mean():
    """Each row of the table in docs/tags.md is true."""
    page = Path(__file__).resolve().parent.parent / "docs" / "tags.md"
    rows = re.findall(r"^\| `(.*?)` \| `(.*?)` \|$", page.read_text(encoding="utf-8"), re.MULTILINE)

    assert len(rows) >= 6
    for text, value in rows:
        assert repr(parse_tag(text)[1]) == value


@pytest.mark.parametrize("text", ["=3", "", "a b=1", "x=[1", "\x1b=1"])
def test_bad_tags_are_told(text):
    """A tag without a key, or with half a JSON value, is refused."""
    with pytest.raises(UsageError):
        parse_tag(text)


def test_numbers_that_are_none_stay_text():
    """What only looks like a number to Python is text."""
    assert parse_tag_value("nan") == "nan"
    assert parse_tag_value("1e999") == "1e999"


EXPECTED = {
    ("execution", "env", '"prod"'), ("execution", "parts", "[1]"), ("job", "stage", '"x"'),
    ("job", "n", "1"), ("job", "kind", '"sum"'), ("task", "kind", '"sum"'), ("value", "good", "true"),
}  # fmt: skip


def test_tags_reach_every_kind_of_record(scheduler: Scheduler):
    """Execution, job, task and value get theirs, cold and from the cache, each once."""
    for _ in range(2):
        assert scheduler.run(tagged(1), tags=[("env", "prod")]) == 3
    # A job's own tags take the place of its task's.
    assert read_tags(scheduler) == EXPECTED - {("job", "kind", '"sum"')}
    database: Any = scheduler._session.database  # type: ignore[union-attr]
    rows = database.connection.execute(
        "SELECT entity, count(*) FROM tag GROUP BY entity"
    ).fetchall()
    assert dict(rows) == {"execution": 4, "job": 4, "task": 1, "value": 1}


def test_nothing_is_tagged_that_is_not_recorded(scheduler: Scheduler):
    """Below `no_prov` only tasks are tagged, which are recorded."""
    scheduler.run(no_prov(tagged(1)))

    assert {entity for entity, _, _ in read_tags(scheduler)} == {"task"}


def test_dry_run_tags_nothing(scheduler: Scheduler):
    """Neither one that finds jobs to run, nor one that goes through every form from the cache."""
    with pytest.raises(DryRunResult):
        scheduler.run(tagged(1), dryrun=True, tags=[("env", "test")])
    assert read_tags(scheduler) == set()
    scheduler.run(tagged(1))
    before = count_tag_rows(scheduler)

    assert scheduler.run(tagged(1), dryrun=True, tags=[("env", "test")]) == 3
    assert count_tag_rows(scheduler) == before > 0


def test_tags_of_the_configuration_are_checked():
    """`[tags]` gives every execution its tags; a bad key is told with its place."""
    assert Config({"tags": {"env": "prod", "n": "3"}}).tags == {"env": "prod", "n": 3}
    with pytest.raises(ConfigError, match="cannot be the key"):
        Config({"tags": {"a b": "1"}})


WORKFLOW = """
from redunlite import task
redun_namespace = "w"

@task(tags=[("kind", "sum")])
def main(n: int = 1):
    return n
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "w.py").write_text(WORKFLOW)
    (tmp_path / ".git").mkdir()
    return tmp_path


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "redunlite", *words]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True)


def test_tags_are_added_changed_and_taken_off(project: Path):
    """Each change is one line and shows in the log; a key alone takes off, and nothing is doubled."""
    command(project, "run", "--tag", "env=prod", "-t", "checked", "w.py", "main")
    head = command(project, "log").stdout
    assert "w.py main (env=prod, checked)" in head

    exec_id = head.split()[3]
    said = command(project, "tag", "add", "-", "n=3", "env=prod").stdout.splitlines()
    assert said == [f"added n=3 to execution {exec_id}", f"kept env=prod on execution {exec_id}"]
    assert command(project, "tag", "update", "-", "env=test").returncode == 0
    assert command(project, "tag", "rm", "-", "n").stdout == f"took n off execution {exec_id}\n"

    assert "(checked, env=test)" in command(project, "log").stdout
    assert "(kind=sum)" in command(project, "log", "w.main").stdout
    assert "main(n=1) (kind=sum)" in command(project, "log", "-").stdout
    found = command(project, "log", "--tag", "env=test").stdout
    assert exec_id in found
    assert exec_id not in command(project, "log", "--tag", "env=prod").stdout
    assert "w.main" in command(project, "log", "--jobs", "--tag", "kind").stdout


def test_tags_are_listed(project: Path):
    """Keys with how many records of each kind have them; with values; and the records themselves."""
    assert command(project, "tag", "list").stdout == "No tags yet\n"
    command(project, "run", "--tag", "env=prod", "w.py", "main")

    assert command(project, "tag", "list").stdout.splitlines() == [
        "env   1 execution",
        "kind  1 job, 1 task",
    ]
    values = command(project, "tag", "list", "--values").stdout
    assert values.splitlines()[0] == "env=prod  1 execution"
    rows = json.loads(command(project, "tag", "list", "kind=sum", "--format", "json").stdout)
    assert sorted((row["entity"], row["value"]) for row in rows) == [
        ("job", "sum"),
        ("task", "sum"),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["add", "-"], "which tags?"),
        (["add"], "which record?"),
        (["rm", "-", "nope"], "'nope' is no tag of that execution"),
        (["add", "zzzz", "a=1"], "unknown id or task 'zzzz'"),
        (["add", "-", "=3"], "cannot be the key of a tag"),
        (["lst"], "did you mean 'list'"),
        (["add", "-", "x=[1"], "is not JSON"),
    ],
)
def test_bad_words_are_told_and_change_nothing(project: Path, words: list[str], message: str):
    """Each mistake is one message and exit 2, and no tag is written."""
    command(project, "run", "w.py", "main")
    before = command(project, "tag", "list", "--values").stdout

    done = command(project, "tag", *words)

    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert command(project, "tag", "list", "--values").stdout == before


def test_dry_run_of_the_command_tags_nothing(project: Path):
    """In an empty folder nothing is made; over a history, no tag is written."""
    words = ["run", "--dry-run", "--tag", "env=test", "w.py", "main"]
    assert command(project, *words).returncode == 0
    assert not (project / ".redunlite").exists()
    command(project, "run", "--tag", "env=prod", "w.py", "main")

    assert command(project, *words).returncode == 0
    values = command(project, "tag", "list", "--values").stdout
    assert [line.split()[0] for line in values.splitlines()] == ["env=prod", "kind=sum"]


BUSY = """
import os
from redunlite import task
redun_namespace = "busy"

@task(cache_scope="NONE")
def step(i):
    return i if os.path.exists("enough") else step(i + 1)

@task()
def main():
    return step(0)
"""


def read_database(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{folder}/.redunlite/redunlite.db?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def count_jobs(folder: Path) -> int:
    """Return how many jobs another process has committed."""
    try:
        return int(read_database(folder, "SELECT count(*) FROM job")[0][0])
    except sqlite3.OperationalError:
        return 0


def test_tags_are_changed_while_a_run_writes(project: Path):
    """Commands beside each other and a run that goes on writing: each takes effect, none fails."""
    (project / "busy.py").write_text(BUSY)
    words = [sys.executable, "-m", "redunlite"]
    run = subprocess.Popen(
        [*words, "run", "-q", "--tag", "old=1", "busy.py", "main"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not (before := count_jobs(project)):
            assert run.poll() is None, run.communicate()
        taggers = [
            subprocess.Popen(
                [*words, "tag", *line.split()],
                cwd=project,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for line in ("add - a=1", "add - b=2", "update - old=2", "add busy.main of=task")
        ]
        said = [tagger.communicate(timeout=60) for tagger in taggers]
        between = count_jobs(project)
        assert run.poll() is None
    finally:
        (project / "enough").touch()
        out, err = run.communicate(timeout=60)

    assert [tagger.returncode for tagger in taggers] == [0, 0, 0, 0], said
    assert run.returncode == 0, err
    assert between > before, "the run wrote meanwhile"
    assert count_jobs(project) == int(out) + 2
    values = command(project, "tag", "list", "--values").stdout.splitlines()
    assert [line.split()[0] for line in values] == ["a=1", "b=2", "of=task", "old=2"]
    assert read_database(project, "PRAGMA integrity_check") == [("ok",)]


def is_waiting(process: subprocess.Popen[str]) -> bool:
    """Tell whether a process has the database open and sleeps, whenever one looks."""
    proc = Path(f"/proc/{process.pid}")
    try:
        opened = any(
            os.readlink(descriptor).endswith("redunlite.db")
            for descriptor in (proc / "fd").iterdir()
        )
        states = {(proc / "stat").read_text().rpartition(")")[2].split()[0] for _ in range(500)}
    except FileNotFoundError:
        return False
    return opened and states == {"S"}


@pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="looks at processes as Linux shows them"
)
def test_tagging_waits_for_who_writes(project: Path):
    """While another process holds the database the command waits, and then takes effect."""
    command(project, "run", "w.py", "main")
    holder = sqlite3.connect(project / ".redunlite" / "redunlite.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    tagger = subprocess.Popen(
        [sys.executable, "-m", "redunlite", "tag", "add", "-", "a=1"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not is_waiting(tagger) and tagger.poll() is None:
        pass
    has_waited = tagger.poll() is None
    holder.execute("ROLLBACK")
    holder.close()
    _, err = tagger.communicate(timeout=60)

    assert has_waited, err
    assert tagger.returncode == 0, err
    assert "a=1" in command(project, "tag", "list", "--values").stdout


def test_tagging_without_a_history_creates_nothing(project: Path):
    """Without a database there is nothing to tag."""
    done = command(project, "tag", "add", "-", "a=1")

    assert done.returncode == 2
    assert not (project / ".redunlite").exists()
