"""Odd surroundings of a process: names without a text, folders that are gone, few descriptors."""

from __future__ import annotations

import ast
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

WORKFLOW = """
import os, shutil
from redunlite import task

redun_namespace = "odd"


@task()
def say(word: str):
    return f"said {word}"


@task()
def fail(word: str):
    raise ValueError(word)


@task()
def remove(folder):
    shutil.rmtree(folder)
    return [0, 1, 2]


@task()
def write(i):
    try:
        with open(f"out{i}", "w") as stream:
            stream.write("x")
    except FileNotFoundError as error:
        return error.strerror
    return os.getcwd()


@task()
def removed(folder: str):
    numbers = remove(folder)
    return [write(numbers[i]) for i in range(3)]
"""
NO_TEXT = b"b\xff\xe9d"
"""A name that is no UTF-8."""
ESCAPED = r"b\udcff\udce9d"


def run(
    folder: bytes | Path, *words: bytes | str, code: int = 0, **settings: object
) -> tuple[str, str]:
    """Run the command in a folder and return both of its outputs."""
    environment = {**os.environb, **settings.pop("environment", {})}  # type: ignore[dict-item]
    ended = subprocess.run(
        [sys.executable, "-m", "redunlite", *words],
        cwd=folder, env=environment, capture_output=True, timeout=60, check=False, **settings,
    )  # type: ignore[call-overload]  # fmt: skip
    out, err = ended.stdout.decode(), ended.stderr.decode()
    assert ended.returncode == code, err
    assert "redunlite/engine.py" not in err
    return out, err


@pytest.mark.parametrize(
    ("folder", "file"),
    [
        (b".", NO_TEXT + b".py"),
        (NO_TEXT, b"odd.py"),
        (b".", NO_TEXT + b"/odd.py"),
        (b"a%41?mode=ro#b:c\n", b"odd.py"),
    ],
)
@pytest.mark.parametrize("language", [b"C.UTF-8", b"C"])
def test_names_need_not_be_text(tmp_path: Path, folder: bytes, file: bytes, language: bytes):
    """Runs, answers and history work under any name of file and folder, shown with escapes."""
    place = os.path.join(os.fsencode(tmp_path), folder)
    path = os.path.join(place, file)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    Path(os.fsdecode(path)).write_text(WORKFLOW)
    environment = {b"LC_ALL": language}
    if language == b"C":
        environment |= {b"PYTHONUTF8": b"0", b"PYTHONCOERCECLOCALE": b"0"}
    words = ("run", file, "say", "--word", NO_TEXT)
    first, _ = run(place, *words, environment=environment)
    _, again = run(place, *words, environment=environment)
    _, failed = run(place, "run", file, "fail", "--word", "w", code=1, environment=environment)

    assert first == f"'said {ESCAPED}'\n"
    assert "Cached" in again
    assert "ValueError: w" in failed
    assert ESCAPED in run(place, "log", environment=environment)[0]
    for command in (
        ["log", "say"],
        ["log", "-"],
        ["log", "fail"],
        ["log", "-", "--json"],
        ["show", "-"],
    ):
        run(place, *command, environment=environment)
    _, unknown = run(place, "log", NO_TEXT, code=2, environment=environment)
    assert ESCAPED in unknown


def test_tag_need_not_be_text(tmp_path: Path):
    """The value of a tag keeps what its bytes were."""
    (tmp_path / "odd.py").write_text(WORKFLOW)
    run(tmp_path, "run", "--tag", b"k=" + NO_TEXT, "odd.py", "say", "--word", "w")

    assert ESCAPED in run(tmp_path, "log", "-")[0]


@pytest.mark.parametrize("name", ["gone", "odd.py"])
def test_temporary_folder_that_takes_no_file_is_passed_over(tmp_path: Path, name: str):
    """As Python's own temporary files do it."""
    (tmp_path / "odd.py").write_text(WORKFLOW)
    environment = {b"TMPDIR": os.fsencode(tmp_path / name)}
    out, _ = run(tmp_path, "run", "odd.py", "say", "--word", "w", environment=environment)

    assert out == "'said w'\n"


def test_working_folder_that_is_gone_is_told(tmp_path: Path):
    """A relative path has no meaning there; an absolute one has, with a configuration."""
    (tmp_path / "odd.py").write_text(WORKFLOW)
    run(tmp_path, "init")
    command = f"{sys.executable} -m redunlite"
    script = (
        f"mkdir gone; cd gone; rmdir ../gone; {command} run odd.py say --word w; echo $?; "
        f"{command} -c {tmp_path}/.redunlite run {tmp_path}/odd.py say --word w"
    )
    ended = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.stdout == "4\n'said w'\n"
    assert "redunlite: the working folder does not exist any more" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_working_folder_that_a_job_removes_is_no_other_folder(tmp_path: Path):
    """Later jobs write nowhere, and not beside the root of the file system."""
    (tmp_path / "odd.py").write_text(WORKFLOW)
    run(tmp_path, "init")
    here = tmp_path / "here"
    here.mkdir()
    words = ("-c", str(tmp_path / ".redunlite"), "run", "../odd.py", "removed", "--folder")
    out, _ = run(here, *words, str(here))

    assert ast.literal_eval(out) == ["No such file or directory"] * 3


@pytest.mark.parametrize(("limit", "text"), [(8, "the limit is 8"), (18, "Too many open files")])
def test_too_few_descriptors_are_told(tmp_path: Path, limit: int, text: str):
    """An error of the command, or of the job that no worker could be started for."""
    (tmp_path / "odd.py").write_text(WORKFLOW)
    _, err = run(
        tmp_path, "run", "odd.py", "say", "--word", "w", code=4 if limit < 12 else 1,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
    )  # fmt: skip

    assert text in err
