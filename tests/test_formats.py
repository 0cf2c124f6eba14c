"""Machine-readable output: each kind of record has the fields that the docs list, in every format."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from redunlite import cli
from redunlite.display.fields import FIELDS, get_columns
from redunlite.display.formats import CSV, JSON, JSONL, format_rows

PROJECT = Path(__file__).resolve().parent.parent
WORKFLOW = """\
from redunlite import task

redun_namespace = "formats"


@task()
def inc(x: int) -> int:
    return x + 1


@task()
def total(xs: list, label: str) -> int:
    print("adding")
    return sum(xs)


@task()
def main(n: int = 3, label: str = 'a, "b"\\n\\x1b[31m') -> int:
    return total([inc(i) for i in range(n)], label)


@task()
def fail() -> None:
    raise ValueError("no\\x1b[2J")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder in which `main` ran and `fail` failed."""
    made: Path = tmp_path_factory.mktemp("formats")
    (made / "w.py").write_text(WORKFLOW)
    for words, code in ((["main"], 0), (["fail"], 1)):
        done = subprocess.run(
            [sys.executable, "-m", "redunlite", "run", "w.py", *words],
            cwd=made, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
    return made


@pytest.fixture
def run(folder: Path, monkeypatch, capsys):
    """Run a command in this process; return its standard output."""
    monkeypatch.chdir(folder)

    def run_words(*words: str) -> str:
        assert cli.main(words) == 0
        return capsys.readouterr().out

    return run_words


def check_record(record: dict[str, Any], kind: str, seen: set[str], *, is_page: bool) -> None:
    """Compare a record and all within it with the table of fields."""
    seen.add(kind)
    fields = [field for field in FIELDS[kind] if is_page or not field.is_detail]
    known = {field.name for field in fields}
    assert set(record) <= known, kind
    assert {field.name for field in fields if not field.is_optional} <= set(record), kind
    assert [name for name in (field.name for field in fields) if name in record] == list(record)
    for field in fields:
        value = record.get(field.name)
        if field.of and value:
            for member in value if isinstance(value, list) else [value]:
                # Arguments have origins on the page of their call only.
                check_record(member, field.of, seen, is_page=is_page and kind != "execution")


def test_fields_are_those_of_the_table(run) -> None:
    """Every kind of record, as JSON, has the documented fields in the documented order."""
    seen: set[str] = set()
    for record in json.loads(run("log", "--json")):
        check_record(record, "execution", seen, is_page=False)
    for record in json.loads(run("log", "--jobs", "--json")):
        check_record(record, "job", seen, is_page=False)
    page = json.loads(run("log", "~2", "--json"))
    check_record(page, "execution", seen, is_page=True)
    failed = json.loads(run("log", "-", "--json"))["jobs"][0]
    for job in [*page["jobs"], failed]:
        record = json.loads(run("log", job["id"], "--json"))
        check_record(record, "job", seen, is_page=True)
        call = json.loads(run("log", record["call_hash"], "--json"))
        check_record(call, "call node", seen, is_page=True)
    for record in json.loads(run("log", "total", "--json")):
        check_record(record, "task", seen, is_page=True)
    run("tag", "add", "-", "env=prod")
    check_record(json.loads(run("log", "--json"))[0], "execution", seen, is_page=False)
    for record in json.loads(run("tag", "list", "--json")):
        check_record(record, "tag", seen, is_page=False)
    for record in json.loads(run("tasks", "w.py", "--json")):
        check_record(record, "task of a file", seen, is_page=False)
    for record in json.loads(run("info", "--json")):
        check_record(record, "fact", seen, is_page=False)
    value = record_of_result(run, page)
    check_record(json.loads(run("log", value, "--json")), "value", seen, is_page=True)
    check_record(json.loads(run("show", value, "--json")), "value", seen, is_page=True)

    assert seen == set(FIELDS)


def record_of_result(run, page: dict[str, Any]) -> str:
    """Return the hash of the result of an execution's root job."""
    record = json.loads(run("log", page["jobs"][0]["id"], "--json"))
    result: str = record["result"]["value_hash"]
    return result


@pytest.mark.parametrize(
    "words, kind",
    [
        (["log"], "execution"),
        (["log", "--failed"], "execution"),
        (["log", "--jobs"], "job"),
        (["log", "--task", "inc"], "job"),
        (["log", "-", "--status", "failed"], "job"),
        (["log", "~2"], "job of a tree"),
        (["log", "total"], "task"),
        (["show", "~2"], "value"),
    ],
)
def test_formats_of_a_list_agree(run, words: list[str], kind: str) -> None:
    """JSON, JSON lines and CSV hold the same records."""
    lines = [json.loads(line) for line in run(*words, "--format", "jsonl").splitlines()]
    table = list(csv.DictReader(io.StringIO(run(*words, "--format", "csv"))))
    whole = json.loads(run(*words, "--format", "json"))
    if words == ["log", "~2"]:
        whole = whole["jobs"]
    assert lines == (whole if isinstance(whole, list) else [whole])
    assert len(lines) == len(table) > 0
    for line, row in zip(lines, table):
        assert tuple(row) == get_columns(kind)
        for name, cell in row.items():
            value = line.get(name)
            if isinstance(value, str):
                assert cell.replace("\\x1b", "\x1b") == value.replace("\\x1b", "\x1b")
            else:
                assert cell == ("" if value is None else json.dumps(value))


def test_no_format_can_steer_the_terminal(run) -> None:
    """Escapes of arguments, errors and command lines stay escaped, and lists stay in their cells."""
    for words in (["log"], ["log", "--jobs"], ["log", "-"], ["log", "main"], ["show", "-"]):
        for form in ("text", "json", "jsonl", "csv"):
            assert "\x1b" not in run(*words, "--format", form)


def test_times_have_an_offset_and_durations_are_seconds(run) -> None:
    """What ends is as long after its begin as its duration says."""
    for record in json.loads(run("log", "--json")):
        start, end = (datetime.fromisoformat(record[key]) for key in ("start_time", "end_time"))
        assert start.utcoffset() is not None
        assert (end - start).total_seconds() == pytest.approx(record["duration_s"])


def test_empty_lists_are_empty_in_every_format() -> None:
    """No record: an empty array, no line, a line of names."""

    def make(form: str) -> str:
        return "".join(format_rows([], form, ("a", "b")))

    assert (make(JSON), make(JSONL), make(CSV)) == ("[]\n", "", "a,b\n")


def test_cells_hold_what_json_says() -> None:
    """Text as it is; numbers, truth, lists and objects as JSON; nothing for null."""
    row = {"t": 'a,"b"\nc\x1b', "n": 1.5, "y": True, "l": [1, "x"], "z": None}
    text = "".join(format_rows([row], CSV, tuple(row)))

    (head, cells) = csv.reader(io.StringIO(text))
    assert head == ["t", "n", "y", "l", "z"]
    assert cells == ['a,"b"\nc\\x1b', "1.5", "true", '[1, "x"]', ""]


def test_docs_list_every_field() -> None:
    """The page of the docs has a row for each field of each kind."""
    text = (PROJECT / "docs" / "command-line.md").read_text(encoding="utf-8")
    sections = text.split("\n### Fields of ")[1:]

    found = {
        section.partition("\n")[0].partition(" ")[2]: [
            line.split("`")[1] for line in section.splitlines() if line.startswith("| `")
        ]
        for section in sections
    }
    assert found == {kind: [f.name for f in fields] for kind, fields in FIELDS.items()}
