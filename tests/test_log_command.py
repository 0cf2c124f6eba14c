"""`redunlite log` and `show`: pages, JSON, exit codes and what is left untouched."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pytest

import redunlite
from redunlite import cli
from redunlite.recorder import codes
from redunlite.recorder.database import open_database

GOLDEN = Path(__file__).parent / "golden" / "schema_1.db"
WORKFLOW = """\
import sys

from redunlite import task

redun_namespace = "logged"


@task()
def inc(x: int) -> int:
    return x + 1


@task()
def collect(xs: list, label: str) -> list:
    print("collecting", len(xs))
    sys.stderr.write("\\x1b[31mred\\n")
    return [label, *xs]


@task()
def main(n: int = 3, label: str = "\\x1b[2J" + "long " * 60) -> list:
    return collect([inc(i) for i in range(n)], label)


@task()
def fail(x: int = 1) -> int:
    raise ValueError(x)


@task()
def fails(x: int = 1000) -> int:
    return inc(fail(x))
"""


class Done(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of standard output."""
        return self.out.splitlines()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """A folder in which `main` ran and `fails` failed."""
    folder: Path = tmp_path_factory.mktemp("logged")
    (folder / "logged.py").write_text(WORKFLOW)
    for words, code in ((["main", "--n", "4"], 0), (["fails"], 1)):
        done = subprocess.run(
            [sys.executable, "-m", "redunlite", "run", "logged.py", *words],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
    return folder


@pytest.fixture
def run(recorded: Path, monkeypatch, capsys):
    """Run a command in this process, in the recorded folder."""
    monkeypatch.chdir(recorded)

    def run_words(*words: str) -> Done:
        code = cli.main(words)
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run_words


def find_ids(text: str, kind: str) -> list[str]:
    """Return the ids printed after a kind."""
    return re.findall(rf"{kind} ([0-9a-f]{{8,40}})", text)


# Without a database.


def test_log_without_database_makes_nothing(tmp_path: Path, monkeypatch, capsys):
    """It says so and exits with 0; a word is then unknown."""
    monkeypatch.chdir(tmp_path)

    assert cli.main(["log"]) == 0
    assert capsys.readouterr().out == "No executions yet\n"
    assert cli.main(["log", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert cli.main(["log", "-"]) == 2
    assert cli.main(["show", "-"]) == 2
    assert os.listdir(tmp_path) == []


def test_log_of_an_empty_database_is_empty(tmp_path: Path, monkeypatch, capsys):
    """Zero bytes are a history in which nothing ran."""
    (tmp_path / ".redunlite").mkdir()
    (tmp_path / ".redunlite" / "redunlite.db").touch()
    monkeypatch.chdir(tmp_path)

    assert cli.main(["log"]) == 0
    assert capsys.readouterr().out == "No executions yet\n"
    assert cli.main(["log", "-"]) == 2
    assert "there are none yet" in capsys.readouterr().err


def test_damaged_database_is_one_line_and_exit_4(tmp_path: Path, monkeypatch, capsys):
    """A cut file is told as such and keeps its bytes; so is one with a page overwritten."""
    folder = tmp_path / ".redunlite"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    whole = GOLDEN.read_bytes()
    page = len(whole) // 4096 // 2 * 4096
    for data in (whole[:20_000], b"\xff" * 100, whole[:4096] + b"\xff" * (len(whole) - 4096)):
        (folder / "redunlite.db").write_bytes(data)

        assert cli.main(["log", "-"]) == 4, page
        err = capsys.readouterr().err
        assert len(err.splitlines()) == 1
        assert "left as it is" in err
        assert (folder / "redunlite.db").read_bytes() == data


def test_missing_explicit_folder_is_exit_4(tmp_path: Path, monkeypatch, capsys):
    """A folder that was named must be there."""
    monkeypatch.chdir(tmp_path)

    assert cli.main(["log", "-c", "nowhere"]) == 4
    assert "nowhere" in capsys.readouterr().err


# Pages.


def test_log_lists_executions(run):
    """Newest first, with a limit; what is left out is told."""
    done = run("log")
    assert done.code == 0
    assert done.lines[:2] == ["Recent executions:", ""]
    assert [(x[:5], x[14:22]) for x in done.lines[2:]] == [
        ("Exec ", "[FAILED]"), ("Exec ", "[ DONE ]"),
    ]  # fmt: skip

    done = run("log", "--limit", "1")
    assert len(find_ids(done.out, "Exec")) == 1
    assert done.lines[-1] == "… 1 older ones: redunlite log --all"
    assert len(find_ids(run("log", "--limit", "1", "--all").out, "Exec")) == 2


def test_control_characters_and_long_values_are_tamed(run):
    """Neither arguments, results nor captured output steer the terminal or fill it."""
    tree = run("log", "~2")
    collect = next(x for x in tree.lines if "collect(" in x)
    page = run("log", find_ids(collect, "Job")[0])

    for done in (tree, page):
        assert "\x1b" not in done.out
        assert r"\x1b" in done.out
        assert max(map(len, done.lines)) < 700
    assert "    collecting 4" in page.lines
    assert r"    \x1b[31mred" in page.lines


def test_pages_lead_to_each_other(run):
    """Every id on the page of a job can be given back; its page names the same thing."""
    job = find_ids(run("log", "~2").out, "Job")[-1]
    page = run("log", job).out

    for kind in ("Exec", "Job", "CallNode", "Task"):
        for word in find_ids(page, kind):
            done = run("log", word)
            assert done.code == 0
            assert done.out.startswith(f"{kind} {word}")
    for word in re.findall("<([0-9a-f]{8})>", page):
        assert run("log", word).code == 0
        assert run("show", word).code == 0


def test_failed_job_page_shows_error_and_frames(run):
    """The leaf has its frames, the parent the same error; both tell where it came from."""
    root, leaf = find_ids(run("log", "-").out, "Job")

    for word in (root, leaf):
        lines = run("log", word).lines
        assert "    Raised: ValueError(1000)" in lines
        assert "    result <-- <" in "\n".join(x[:16] for x in lines)
        assert lines[-1] == "  ValueError: 1000"
        assert lines[-2] == "      raise ValueError(x)"


def test_failed_execution_leads_to_the_job_that_failed(run):
    """Its page has the error and a command that shows the job; JSON has them as fields."""
    lines = run("log", "-").lines
    assert "Error:    ValueError: 1000" in lines
    (inspect,) = [line for line in lines if line.startswith("Inspect:")]
    page = run(*inspect.removeprefix("Inspect:  redunlite ").split()).lines
    assert re.match(r"Job [-0-9a-f]{36} \[FAILED\] .*  logged\.fail\(1000\)$", page[0])
    assert [line for line in lines if "***" in line] == ["    *** ValueError: 1000"]
    assert "  *** ValueError: 1000" in run("log", "-", "--failed").lines

    made = json.loads(run("log", "-", "--json").out)
    assert made["failed_job"] == page[0].split()[1]
    assert made["versions"]["redunlite"] == redunlite.__version__
    assert [job["error"] for job in made["jobs"]] == ["ValueError: 1000"] * 2
    done = json.loads(run("log", "~2", "--json").out)
    assert done["failed_job"] is None
    assert {job["error"] for job in done["jobs"]} == {None}


def test_task_page_shows_all_versions(run):
    """By short and by full name, with its source and first job."""
    done = run("log", "inc")

    assert done.code == 0
    assert run("log", "logged.inc").out == done.out
    assert "  def inc(x: int) -> int:" in done.lines
    assert re.search(r"^  First Job [0-9a-f]{8} \d{4}-", done.out, re.MULTILINE)


def test_word_that_names_nothing_is_exit_2(run):
    """One line and a hint on stderr, nothing on stdout."""
    for word in ("", "%", "_", "~999", "deadbeefdeadbeef"):
        done = run("log", word)
        assert (done.code, done.out) == (2, "")
        assert repr(word) in done.err
    assert "did you mean 'collect'" in run("log", "colect").err
    assert run("log", "--id", "inc").code == 2
    assert run("log", "-", "--id", "-").code == 2


def test_ambiguous_id_is_exit_2_with_candidates(tmp_path: Path, monkeypatch, capsys):
    """Each candidate stands on a line with its kind and status."""
    folder = tmp_path / ".redunlite"
    made = open_database(str(folder / "redunlite.db"))
    made.begin()
    for number in (1, 2):
        made.connection.execute(
            "INSERT INTO execution (id, uuid, status, start_time, argv, n_calls, n_indexed) "
            "VALUES (?, ?, ?, 0, '[]', 0, 0)",
            (number, b"\xab\xcd" + bytes([number]) * 14, codes.DONE),
        )
    made.commit()
    made.close()
    monkeypatch.chdir(tmp_path)

    assert cli.main(["log", "abcd"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert "'abcd' is ambiguous, 2 records match" in lines[0]
    assert [line.strip().split()[:3] for line in lines[1:]] == [
        ["Exec", "abcd0101", "[DONE]"],
        ["Exec", "abcd0202", "[DONE]"],
    ]


def test_printed_id_that_is_shared_shows_the_newest_and_tells(tmp_path: Path, monkeypatch, capsys):
    """What a run printed can be given back, though another execution has the same digits."""
    made = open_database(str(tmp_path / ".redunlite" / "redunlite.db"))
    made.begin()
    for number in (1, 2):
        made.connection.execute(
            "INSERT INTO execution (id, uuid, status, start_time, argv, n_calls, n_indexed) "
            "VALUES (?, ?, ?, 0, '[]', 0, 0)",
            (number, b"\xab\xcd\xef\x01" + bytes([number]) * 12, codes.DONE),
        )
    made.commit()
    made.close()
    monkeypatch.chdir(tmp_path)

    assert cli.main(["log", "abcdef01"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Exec abcdef01-0202-")
    assert lines[-2:] == [
        "1 older id begins with 'abcdef01' too:",
        "  Exec abcdef01-010 [DONE] ",
    ]
    assert cli.main(["log", "abcdef01-01"]) == 0
    assert capsys.readouterr().out.startswith("Exec abcdef01-0101-")
    assert cli.main(["log", "abcdef01", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"].startswith("abcdef01-0202-")


def test_looking_changes_no_file(run, recorded: Path):
    """Reading a history at rest leaves its folder as it was, to the byte."""

    def get_state() -> dict[str, bytes]:
        folder = recorded / ".redunlite"
        return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    before = get_state()
    for words in (["log"], ["log", "-"], ["log", "inc"], ["show", "~2"], ["log", "-", "--json"]):
        run(*words)

    assert get_state() == before


@pytest.fixture
def public(recorded: Path) -> Iterator[Path]:
    """A copy of the recorded folder that everybody can read and nobody write."""
    with tempfile.TemporaryDirectory() as made:
        os.chmod(made, 0o755)
        folder = Path(made, "project")
        shutil.copytree(recorded, folder)
        yield folder


def test_history_of_another_user_can_be_read(public: Path):
    """A folder that cannot be written to is no obstacle."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    folder = public
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    # The first call, as root, loads the modules, which another user may not be able to read.
    code = (
        "import os, sys; from redunlite import cli\n"
        f"os.chdir({str(folder)!r}); cli.main(['log', '-']); sys.stdout.flush(); print('====')\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(cli.main(['log', '-', '-c', '.redunlite']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split("====\n")
    assert first == second


# Filters.


def test_filters_list_executions_or_jobs(run):
    """Without a word executions, with --task or --jobs jobs, with an execution its own jobs."""
    assert find_ids(run("log", "--failed").out, "Exec") == find_ids(run("log", "-").out, "Exec")
    assert run("log", "--status", "done,failed").lines[0] == "Executions (DONE or FAILED):"
    done = run("log", "--task", "inc")
    assert done.lines[0] == "Jobs (logged.inc):"
    assert [line.partition(":  ")[2] for line in done.lines[2:]] == [
        f"logged.inc({i})" for i in (3, 2, 1, 0)
    ]
    assert run("log", "--task", "logged.inc").out == done.out
    assert run("log", "inc", "--jobs").out == done.out
    assert len(find_ids(run("log", "--jobs").out, "Job")) == 8
    assert len(find_ids(run("log", "--jobs", "--failed").out, "Job")) == 2
    assert len(find_ids(run("log", "~2", "--status", "done").out, "Job")) == 6
    assert len(find_ids(run("log", "~2", "--task", "inc").out, "Job")) == 4
    assert run("log", "~2", "--failed").lines[0].startswith("No jobs match: Exec ")


def test_filters_take_times(run):
    """Everything is since yesterday and nothing is from before."""
    assert len(find_ids(run("log", "--since", "yesterday").out, "Exec")) == 2
    assert run("log", "--until", "2001-01-01").lines == [
        "No executions match: until 2001-01-02 00:00:00"
    ]
    assert len(find_ids(run("log", "--jobs", "--since", "1h", "--until", "now").out, "Job")) == 8
    assert json.loads(run("log", "--jobs", "--until", "2001-01-01", "--json").out) == []


def test_limit_tells_how_to_get_the_rest(run):
    """The command in the last line gives all of them."""
    done = run("log", "--task", "inc", "--status", "done", "--limit", "3", "--since", "yesterday")
    command = done.lines[-1].partition(": ")[2]

    assert len(find_ids(done.out, "Job")) == 3
    assert done.lines[-1].startswith(
        "… older ones: redunlite log --task inc --status done --since "
    )
    assert len(find_ids(run(*shlex.split(command)[1:]).out, "Job")) == 4
    assert run("log", "--jobs", "--limit", "7").lines[-1] == (
        "… 1 older ones: redunlite log --jobs --all"
    )
    page = run("log", "~2", "--limit", "2")
    assert len(find_ids(page.out, "Job")) == 2
    assert "  … 4 more logged.inc" in page.lines


def test_quiet_gives_ids_and_verbose_more(run):
    """Ids are whole and can be given back; more is who, where and how long."""
    ids = run("log", "-q").lines
    assert [json.loads(run("log", word, "--json").out)["id"] for word in ids] == ids
    assert len(ids) == 2
    jobs = run("log", "--jobs", "-q").lines
    assert run("log", "-q", jobs[0]).lines == [jobs[0]]
    assert f"Exec {ids[0]} [FAILED]" in run("log", "-v").out
    assert "Python 3." in run("log", "-v").lines[3]
    assert f"Exec {ids[0][:8]}, 0:00:00." in run("log", "--jobs", "-v").lines[3]


@pytest.mark.parametrize(
    "words, line, hint",
    [
        (["--status", "filed"], "unknown status 'filed'", "did you mean 'failed'?"),
        (["--status", "done,x"], "unknown status 'x'", "there are running, done, cached, failed"),
        (["--status", "cached"], "no execution is CACHED, only jobs are", "add --jobs"),
        (["--task", "ink"], "unknown task 'ink' in this history", "did you mean 'inc'?"),
        (["--since", "soon"], "option --since got 'soon', expected a time such as", ""),
        (["--since", "today", "--until", "yesterday"], "--since is not before --until", ""),
        (["--failed", "--status", "done"], "--failed and --status exclude each other", ""),
        (["-q", "-v"], "--quiet and --verbose exclude each other", ""),
        (["inc", "--task", "inc"], "'inc' is a task, which has no list to filter", ""),
        (["--limit", "0"], "option --limit got '0', expected a whole number, 1 or more", ""),
    ],
)
def test_filters_that_cannot_be_used_are_exit_2(run, words: list[str], line: str, hint: str):
    """One line and a hint, nothing on stdout."""
    done = run("log", *words)

    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[0].startswith(f"redunlite: {line}")
    assert hint in done.err


def test_filters_of_a_page_without_jobs_are_exit_2(run):
    """A job has no list."""
    job = find_ids(run("log", "-").out, "Job")[0]
    done = run("log", job, "--failed")

    assert done.code == 2
    assert f"'{job}' is a job, which has no list to filter" in done.err


# JSON.


def test_json_of_executions(run):
    """Whole ids, ISO times with an offset, the command line as words."""
    failed, done = json.loads(run("log", "--format", "json").out)

    assert [failed["status"], done["status"]] == ["FAILED", "DONE"]
    assert done["argv"] == ["run", "logged.py", "main", "--n", "4"]
    assert done["root_task"] == "logged.main"
    started, ended = (datetime.fromisoformat(done[key]) for key in ("start_time", "end_time"))
    assert started.utcoffset() is not None
    assert (ended - started).total_seconds() == pytest.approx(done["duration_s"])


def test_json_of_an_execution_has_its_tree(run):
    """Counts and jobs, in tree order, with depth and parents."""
    data = json.loads(run("log", "~2", "--json").out)

    assert data["n_jobs"] == data["n_shown"] == 6
    assert {c["task"]: c["done"] for c in data["counts"]} == {
        "logged.main": 1, "logged.inc": 4, "logged.collect": 1,
    }  # fmt: skip
    root, *children = data["jobs"]
    assert (root["depth"], root["parent_id"]) == (0, None)
    assert {(job["depth"], job["parent_id"]) for job in children} == {(1, root["id"])}
    values = [job["arguments"][0]["value"] for job in children if job["task"] == "logged.inc"]
    assert sorted(values) == [0, 1, 2, 3]


def test_json_of_a_job_is_whole(run):
    """Arguments with their origins, result, output and dataflow; values are not cut."""
    jobs = json.loads(run("log", "~2", "--json").out)["jobs"]
    calls = {}
    for job in jobs:
        page = json.loads(run("log", job["id"], "--json").out)
        calls[page["call_hash"]] = page
        if job["task"] == "logged.inc":
            (argument,) = page["arguments"]
            assert (argument["name"], argument["origin"]) == ("x", None)
            assert page["result"]["value"] == argument["value"] + 1
    (collect,) = (page for page in calls.values() if page["task"] == "logged.collect")

    xs, label = collect["arguments"]
    assert xs["value"] == [1, 2, 3, 4]
    assert xs["origin"]["n_members"] == 4
    assert [calls[m["call_hash"]]["result"]["value"] for m in xs["origin"]["members"]] == xs[
        "value"
    ]
    assert label["origin"]["kind"] == "argument"
    assert (label["origin"]["name"], label["origin"]["place"]) == ("label", 1)
    assert calls[label["origin"]["call_hash"]]["task"] == "logged.main"
    assert collect["output"]["head"] == "collecting 4\n\x1b[31mred\n"
    assert collect["raised"] is None
    assert collect["dataflow"]["sections"][0]["steps"][0]["task"] == "collect"


def test_json_of_a_failed_job_has_its_frames(run):
    """Error instead of result."""
    leaf = find_ids(run("log", "-").out, "Job")[-1]
    page = json.loads(run("log", leaf, "--json").out)

    assert page["result"] is None
    assert page["raised"]["summary"] == "ValueError: 1000"
    assert page["raised"]["frames"][-1]["name"] == "fail"


def test_json_of_the_other_kinds(run):
    """Call nodes, tasks and values, each under its id."""
    job = json.loads(run("log", "~2", "--json").out)["jobs"][0]
    page = json.loads(run("log", job["id"], "--json").out)

    call = json.loads(run("log", page["call_hash"], "--json").out)
    assert (call["kind"], call["jobs"]) == ("call_node", [job["id"]])
    (task,) = json.loads(run("log", job["task_hash"], "--json").out)
    assert (task["kind"], task["fullname"], task["first_job"]) == ("task", "logged.main", job["id"])
    value = json.loads(run("log", page["result"]["value_hash"], "--json").out)
    assert (value["kind"], value["type"]) == ("value", "builtins.list")


# show.


def test_show_tells_a_value_by_any_id_that_has_one(run):
    """A value itself, and the result of a job, call node or execution."""
    jobs = json.loads(run("log", "~2", "--json").out)["jobs"]
    job = next(job for job in jobs if job["task"] == "logged.inc")
    page = json.loads(run("log", job["id"], "--json").out)
    expected = str(page["result"]["value"])

    for word in (page["result"]["value_hash"], page["call_hash"], job["id"]):
        assert run("show", word).lines[-1:] == [expected]
    assert "ErrorValue(ValueError(1000))" in run("show", "-").out
    assert json.loads(run("show", job["id"], "--json").out)["value"] == page["result"]["value"]


def test_show_of_a_task_says_where_to_look(run):
    """A task is no recorded value."""
    task_hash = find_ids(run("log", "inc").out, "Task")[0]
    done = run("show", task_hash)

    assert (done.code, done.out) == (2, "")
    assert f"redunlite log {task_hash}" in done.err
