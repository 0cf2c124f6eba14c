"""Recorded values as files: which forms they take, whose classes are found, and how a file is written."""

from __future__ import annotations

import json
import os
import pickle
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pexpect
import pytest

import redunlite
from redunlite.cli import export
from redunlite.cli.export import encode_value, find_form, write_file
from redunlite.errors import RedunliteError, SchedulerError, UsageError

WORKFLOW = """
from dataclasses import dataclass
from redunlite import task
from shapes_of_w import Point

redun_namespace = "export"


@dataclass
class Row:
    name: str
    n: int


@task()
def row():
    return Row("a", 1)


@task()
def point():
    return [Point(3)]


@task()
def main():
    return row()


@task()
def function():
    def add_two(x):
        return x + 2

    return add_two


@task()
def half():
    return "a\\ud800b"


@task()
def rows():
    return [{"a": 1, "b": "x\\x1b[2J"}, {"a": 2, "b": ""}]
"""
HELPER = """
from dataclasses import dataclass


@dataclass
class Point:
    x: int
"""


def command(folder: Path, *words: str, text: bool = True) -> subprocess.CompletedProcess[Any]:
    """Run the real command in a folder, as installed: the folder is not on its path."""
    line = [str(Path(sys.executable).with_name("redunlite")), *words]
    return subprocess.run(line, cwd=folder, capture_output=True, text=text, timeout=120)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A project with a workflow in a sub-folder, each of whose tasks ran once."""
    folder: Path = tmp_path_factory.mktemp("export")
    (folder / ".git").mkdir()
    (folder / "flows").mkdir()
    (folder / "flows" / "w.py").write_text(WORKFLOW)
    (folder / "flows" / "shapes_of_w.py").write_text(HELPER)
    for name in ("row", "point", "main", "function", "half", "rows"):
        done = command(folder, "run", "-q", "flows/w.py", name)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """That project, copied elsewhere: what it recorded as absolute paths names the old place."""
    import shutil

    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


ROW, POINT, MAIN, FUNCTION, HALF, ROWS = (f"~{n}" for n in (6, 5, 4, 3, 2, 1))


# Whose class it is.


@pytest.mark.parametrize("word", [ROW, MAIN])
def test_instance_of_the_workflows_class_is_written(project: Path, word: str) -> None:
    """The class is found where the workflow is, also after the project moved, in every form."""
    for ending, expected in (
        ("json", b'{\n  "name": "a",\n  "n": 1\n}\n'),
        ("txt", b"Row(name='a', n=1)\n"),
    ):
        done = command(project, "show", word, "-o", f"x.{ending}")
        assert done.returncode == 0, done.stderr
        assert (project / f"x.{ending}").read_bytes() == expected
    assert command(project, "show", word, "-o", "x.pkl").returncode == 0

    code = "import pickle; print(pickle.load(open('../x.pkl', 'rb')))"
    read = subprocess.run(
        [sys.executable, "-c", code], cwd=project / "flows", capture_output=True, text=True
    )
    assert read.stdout == "Row(name='a', n=1)\n", read.stderr


def test_class_of_a_helper_module_is_found(project: Path) -> None:
    """What lies beside the workflow is imported as in a run; only what the value needs."""
    (project / "flows" / "w.py").write_text("raise RuntimeError('not needed')\n")
    done = command(project, "show", POINT, "-o", "-", "--format", "csv")

    assert (done.returncode, done.stdout) == (0, "x\n3\n"), done.stderr


def test_class_of_a_file_named_like_a_standard_module_is_found(tmp_path: Path) -> None:
    """Such a workflow goes by another module name, which only loading the file gives."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "json.py").write_text(WORKFLOW.replace("from shapes_of_w import Point", ""))
    assert command(tmp_path, "run", "-q", "json.py", "row").returncode == 0
    done = command(tmp_path, "show", "-", "-o", "-", "--format", "json")

    assert json.loads(done.stdout) == {"name": "a", "n": 1}, done.stderr


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda flows: (flows / "w.py").unlink(), "there is no module 'w' here: '{flows}/w.py' is"),
        (
            lambda flows: (flows / "w.py").write_text(WORKFLOW.replace("Row", "Line")),
            "module 'w' has no 'Row' now",
        ),
        (lambda flows: (flows / "w.py").write_text("1 / 0\n"), "ZeroDivisionError: division by"),
    ],
)
def test_missing_class_is_told(made: Path, project: Path, change: Any, message: str) -> None:
    """File gone, class gone, file broken: one line with the way out, and no file."""
    import shutil

    shutil.move(made / "flows", made / "away")
    try:
        change(project / "flows")
        done = command(project, "show", ROW, "-o", "x.json")
    finally:
        shutil.move(made / "away", made / "flows")

    first, hint = done.stderr.splitlines()
    assert done.returncode == 2
    assert first.startswith("redunlite: cannot read value ")
    assert f" back: {message.format(flows=project / 'flows')}" in first
    assert hint == "  redunlite show ~6 tells what is known of it"
    assert not (project / "x.json").exists()


@pytest.mark.parametrize(
    "first, message",
    [
        (
            "import sys; sys.exit()",
            "a module that it needs ended the program while it was imported",
        ),
        ("import no_such_module", "there is no module 'no_such_module' here, nor beside "),
    ],
)
def test_module_that_cannot_be_imported_is_told(project: Path, first: str, message: str) -> None:
    """One that ends the program, and one that needs another."""
    (project / "flows" / "w.py").write_text(f"{first}\n{WORKFLOW}")
    done = command(project, "show", ROW, "-o", "-")

    assert (done.returncode, done.stdout) == (2, "")
    assert f" back: {message}" in done.stderr.splitlines()[0]


def test_what_a_module_prints_is_not_the_value(project: Path) -> None:
    """Standard output holds the value alone."""
    (project / "flows" / "w.py").write_text(f"print('hello')\n{WORKFLOW}")
    done = command(project, "show", ROW, "-o", "-")

    assert (done.stdout, done.stderr) == ("Row(name='a', n=1)\n", "hello\n")


def test_class_of_a_program_without_a_file_is_told(tmp_path: Path) -> None:
    """Nobody else can load it."""
    (tmp_path / ".git").mkdir()
    program = (
        "import redunlite\nfrom redunlite import task\nclass P: pass\n"
        "@task(executor='inline')\ndef main(): return P()\nredunlite.run(main())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-"], input=program, cwd=tmp_path, text=True, capture_output=True
    )
    assert ran.returncode == 0, ran.stderr
    done = command(tmp_path, "show", "-", "-o", "-")

    assert done.returncode == 2
    assert "'P' was defined in a program without a file, which alone can load it" in done.stderr


def test_load_without_a_database_says_so(tmp_path: Path, monkeypatch: Any) -> None:
    """A folder alone has recorded nothing."""
    (tmp_path / ".redunlite").mkdir()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SchedulerError, match="there is no database in"):
        redunlite.load("-")


def test_load_names_the_module_that_is_missing(project: Path) -> None:
    """A program imports what it needs itself; without that it is told which module, and where."""
    code = "import sys, redunlite\n{}\nprint(redunlite.load('~6'))"

    def run(line: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-I", "-c", code.format(line)]
        return subprocess.run(words, cwd=project, capture_output=True, text=True)

    assert run("sys.path.insert(0, 'flows')").stdout == "Row(name='a', n=1)\n"
    last = run("").stderr.splitlines()[-1]
    assert last.startswith("redunlite.errors.UndecodableError: cannot read value ")
    assert last.endswith(f"there is no module 'w' here: import it from {str(project / 'flows')!r}")


# Forms.


def test_function_is_pickled_by_value(project: Path) -> None:
    """A function inside another one has no module; its pickle holds its code."""
    done = command(project, "show", FUNCTION, "-o", "x.pkl")
    assert done.returncode == 0, done.stderr

    assert pickle.loads((project / "x.pkl").read_bytes())(3) == 5


def test_half_a_character_is_told_or_spelled(project: Path) -> None:
    """UTF-8 cannot hold it, JSON can."""
    done = command(project, "show", HALF, "-o", "x.txt")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 2)
    assert "'\\ud800' at 1" in done.stderr
    assert not (project / "x.txt").exists()

    assert command(project, "show", HALF, "-o", "x.json").returncode == 0
    assert json.loads((project / "x.json").read_bytes()) == "a\ud800b"


def test_value_goes_to_standard_output(project: Path) -> None:
    """`-o -` writes the value alone, in the form that is asked for, else as text."""
    expected = [{"a": 1, "b": "x\x1b[2J"}, {"a": 2, "b": ""}]
    forms = {
        form: command(project, "show", ROWS, "-o", "-", "--format", form, text=False).stdout
        for form in ("json", "jsonl", "csv", "text", "pickle")
    }

    assert json.loads(forms["json"]) == expected
    assert [json.loads(line) for line in forms["jsonl"].splitlines()] == expected
    assert forms["csv"] == b"a,b\r\n1,x\x1b[2J\r\n2,\r\n"
    assert pickle.loads(forms["pickle"]) == expected
    text = command(project, "show", ROWS, "-o", "-", text=False).stdout
    assert forms["text"] == text == repr(expected).encode() + b"\n"


def test_terminal_gets_no_pickle_and_no_control_characters(project: Path) -> None:
    """What would steer the terminal is shown as escapes."""
    program = Path(sys.executable).with_name("redunlite")

    def run(form: str) -> str:
        line = f"{program} show {ROWS} -o - --format {form}"
        return pexpect.run(line, cwd=str(project), timeout=60).decode()

    assert run("csv") == "a,b\r\n1,x\\x1b[2J\r\n2,\r\n"
    assert "a pickle is not written to a terminal" in run("pickle")


def test_format_goes_before_the_ending(project: Path) -> None:
    """A file of any name takes the form that is said."""
    assert command(project, "show", ROWS, "-o", "x.dat", "--format", "jsonl").returncode == 0
    assert len((project / "x.dat").read_text().splitlines()) == 2

    done = command(project, "show", ROWS, "-o", "y.dat")
    assert done.returncode == 2 and "--format" in done.stderr
    done = command(project, "show", ROWS, "--format", "pickle")
    assert done.returncode == 2 and "-o FILE" in done.stderr


def test_json_tells_what_it_cannot_say() -> None:
    """A number that is not finite and a set: written in the nearest form, with the first place."""
    value = [1, {"a": float("nan")}, float("nan"), {"b": {3, 1, 2}}, -float("inf")]
    data, told = encode_value(value, "json")

    assert json.loads(data) == [1, {"a": None}, None, {"b": [1, 2, 3]}, None]
    assert told == (
        "nan as null, at [1]['a'] and 1 more",
        "a set as a sorted list, at [3]['b']",
        "-inf as null, at [4]",
    )
    assert encode_value({1, None, "x", 2.5}, "json").told == ("a set as a sorted list",)


def test_json_note_goes_to_standard_error(project: Path) -> None:
    """The command says what stands in the place of what."""
    (project / "s.py").write_text(
        "from redunlite import task\n\n@task()\ndef main():\n    return {'x': {2, 1}}\n"
    )
    assert command(project, "run", "-q", "s.py", "main").returncode == 0
    done = command(project, "show", "-", "-o", "-", "--format", "json")

    assert json.loads(done.stdout) == {"x": [1, 2]}
    assert done.stderr == "redunlite: note: a set as a sorted list, at ['x']\n"


def test_json_names_the_place_of_what_it_cannot_hold() -> None:
    """Inside lists, objects and fields; keys that are no text, or become the same text."""
    for value, message in (
        ([1, 2, 3, {"a": 1j}], "[3]['a'] is of class complex"),
        (object(), "it is of class object"),
        ([{(1, 2): 3}], "(1, 2) as a key at [0]"),
        ({1: "a", "1": "b"}, "two keys become '1'"),
    ):
        with pytest.raises(UsageError) as caught:
            encode_value(value, "json")
        assert caught.value.message == f"the value cannot be written as JSON: {message}"


def test_json_has_forms_for_common_values() -> None:
    """Dates, paths, enumerations, tuples, arrays and keys that JSON spells."""
    import collections
    import datetime
    import enum

    import numpy

    color = enum.Enum("color", "red")
    pair = collections.namedtuple("pair", "x y")
    value = {
        "when": datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.timezone.utc),
        "where": Path("a/b"),
        "color": color.red,
        "pair": pair(1, (2, 3)),
        "array": numpy.array([[1.5, numpy.nan]]),
        "day": numpy.array(["2026-11-24"], dtype="M8[D]"),
        3: True,
        None: numpy.int64(4),
    }
    data, told = encode_value(value, "json")

    assert json.loads(data) == {
        "when": "2026-11-24T12:00:00+00:00",
        "where": "a/b",
        "color": "red",
        "pair": {"x": 1, "y": [2, 3]},
        "array": [[1.5, None]],
        "day": ["2026-11-24"],
        "3": True,
        "null": 4,
    }
    assert told == ("nan as null, at ['array'][0][1]",)


def test_deep_and_long_values_are_told() -> None:
    """No traceback for lists within lists, and for numbers that Python does not print."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value, form in ((deep, "json"), (deep, "text"), (deep, "pickle"), (10**9999, "json")):
        with pytest.raises(UsageError):
            encode_value(value, form)


def test_data_frames_are_told_by_their_class() -> None:
    """Those of pandas are written; what only has a method of that name is not called."""
    import pandas

    class Impostor:
        def to_csv(self, index: bool = True) -> str:
            raise AssertionError("called")

    frame = pandas.DataFrame({"a": [1, 2]})
    assert encode_value(frame, "csv").data == b"a\n1\n2\n"
    named = frame.set_index(pandas.Index(["x", "y"], name="key"))
    assert encode_value(named, "csv").data == b"key,a\nx,1\ny,2\n"
    assert encode_value(frame["a"], "csv").data == b"a\n1\n2\n"
    with pytest.raises(UsageError, match="class Impostor has no rows"):
        encode_value(Impostor(), "csv")


def test_what_the_users_class_raises_is_told() -> None:
    """A text form that fails is no traceback of ours."""

    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError("not now")

    with pytest.raises(UsageError, match="cannot be written as text: RuntimeError: not now"):
        encode_value(Shy(), "text")


def test_rows_and_text() -> None:
    """CSV of rows, JSON lines, and text with one line end."""
    assert encode_value([(1, "a,b")], "csv").data == b'1,"a,b"\r\n'
    assert encode_value([1, {"a": None}], "jsonl").data == b'1\n{"a": null}\n'
    assert encode_value("text", "text").data == encode_value("text\n", "text").data == b"text\n"
    assert encode_value("\udcff", "text").data == b"\xff\n"
    for form in ("csv", "jsonl"):
        with pytest.raises(UsageError, match="class int has no rows"):
            encode_value(5, form)
    with pytest.raises(UsageError, match="endings are"):
        find_form("x.what")


# Files.


def test_file_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    """What is replaced stays what it was: a private file private, a link a link."""
    file, link = tmp_path / "x.json", tmp_path / "link.json"
    write_file(str(file), b"1", replace=False)
    assert stat.S_IMODE(file.stat().st_mode) & 0o600 == 0o600
    file.chmod(0o600)
    link.symlink_to("x.json")

    with pytest.raises(UsageError, match="is there already"):
        write_file(str(link), b"2", replace=False)
    write_file(str(link), b"2", replace=True)

    assert (file.read_bytes(), link.is_symlink()) == (b"2", True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.json", "x.json"]


def test_file_that_appears_meanwhile_is_kept(tmp_path: Path, monkeypatch: Any) -> None:
    """Between the look and the name another program may be faster; its file stays."""
    file = tmp_path / "x.json"
    write_all = export._write_all

    def be_faster(descriptor: int, data: bytes) -> None:
        write_all(descriptor, data)
        file.write_bytes(b"theirs")

    monkeypatch.setattr(export, "_write_all", be_faster)
    with pytest.raises(UsageError, match="is there already"):
        write_file(str(file), b"ours", replace=False)

    assert file.read_bytes() == b"theirs"
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_pipe_and_device_are_written_as_they_are(tmp_path: Path) -> None:
    """Nothing there is replaced, so nothing has to be forced; a full disk is status 1."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_file(str(pipe), b"text", replace=False)
    reader.join()

    assert read == [b"text"] and stat.S_ISFIFO(pipe.stat().st_mode)
    if os.path.exists("/dev/full"):
        with pytest.raises(RedunliteError) as caught:
            write_file("/dev/full", b"text", replace=True)
        assert type(caught.value) is RedunliteError and "No space left" in str(caught.value)


def test_folders_are_refused(tmp_path: Path) -> None:
    """One that is there, and one that is not."""
    for path, message in (
        (str(tmp_path), "Is a directory"),
        (str(tmp_path / "no" / "x"), "No such file"),
    ):
        with pytest.raises(UsageError, match=message):
            write_file(path, b"", replace=True)


# Who made it.


def test_show_tells_who_made_the_value(project: Path) -> None:
    """The job, the task with its arguments, and the execution; for a value that was handed on too."""
    jobs = {
        job["task"]: job
        for job in json.loads(command(project, "log", "--jobs", "--all", "--json").stdout)
        if job["status"] != "CACHED"
    }
    row = jobs["export.row"]
    for word in (ROW, MAIN):
        assert (
            f"\nFrom:  Job {row['id'][:8]} export.row() in Exec {row['execution_id'][:8]}\n"
            in command(project, "show", word).stdout
        )
        maker = json.loads(command(project, "show", word, "--json").stdout)["made_by"]
        assert (maker["job_id"], maker["task"]) == (row["id"], "export.row")
        assert maker["execution_id"] == row["execution_id"]


FAILING = """
from redunlite import task

redun_namespace = "failing"


@task()
def leaf(n):
    raise ValueError(n)


@task()
def main():
    return leaf(3)
"""


def test_show_of_a_failure_names_where_it_began(tmp_path: Path) -> None:
    """The job that raised, not those that the error passed; it has no rows and no JSON."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "w.py").write_text(FAILING)
    assert command(tmp_path, "run", "-q", "w.py", "main").returncode == 1

    maker = json.loads(command(tmp_path, "show", "-", "--json").stdout)["made_by"]
    jobs = json.loads(command(tmp_path, "log", "-", "--json").stdout)["jobs"]
    assert maker["job_id"] == next(job["id"] for job in jobs if job["task"] == "failing.leaf")
    done = command(tmp_path, "show", "-", "-o", "x.json")
    assert done.returncode == 2
    assert done.stderr == (
        "redunlite: '-' has no result, it failed with ValueError(3)\n"
        "  redunlite log - tells about it\n"
    )
    assert command(tmp_path, "show", "-", "-o", "-").stdout == "ErrorValue(ValueError: 3)\n"


def test_show_of_a_tasks_name_says_what_it_is(project: Path) -> None:
    """Only ids have values; the page of the task is one word away."""
    done = command(project, "show", "row")

    assert (done.returncode, done.stderr) == (
        2, "redunlite: unknown id 'row'\n  it is the name of a task: redunlite log row\n"
    )  # fmt: skip
