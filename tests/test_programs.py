"""Workflows that are programs: scripts, pipes, prompts; and what a worker makes of their values."""

from __future__ import annotations

import ast
import json
import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import make_golden
import pytest

from redunlite import hashing

PROGRAM = """\
import threading

import numpy

import redunlite
from redunlite import task

redun_namespace = "program"
LOCK = threading.Lock()


class Point:
    def __init__(self, x):
        self.x = x

    def shifted(self):
        return self.x + 1


@task()
def make(x):
    with LOCK:
        return Point(x)


@task()
def shift(point):
    assert isinstance(point, Point), point
    return Point(point.shifted())


@task()
def scaled(factor, array):
    return array * factor


def multiplier(n):
    @task(name="times")
    def times(x):
        return x * n

    return times


@task()
def main():
    return {
        "points": [shift(make(i)) for i in range(3)],
        "times": [multiplier(2)(10), multiplier(3)(10)],
        "lambda": [apply(lambda x: x + 5, 1)],
        "array": scaled(2, numpy.arange(3)),
    }


@task()
def apply(function, x):
    return function(x)


if __name__ == "__main__":
    stop = threading.Event()
    threading.Thread(target=stop.wait, daemon=True).start()
    result = redunlite.run(main())
    stop.set()
    print([p.x for p in result["points"]], all(isinstance(p, Point) for p in result["points"]))
    print(result["times"], result["lambda"], result["array"].tolist())
"""
# A program at a prompt has no text that a lock in a global could be left out by.
PROMPT = PROGRAM.replace("    with LOCK:\n        return Point(x)", "    return Point(x)")
EXPECTED = "[1, 2, 3] True\n[20, 30] [6] [0, 2, 4]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the program."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "prompt.py").write_text(PROMPT)
    return tmp_path


@pytest.mark.parametrize("way", ["script", "pipe", "command", "prompt"])
def test_program_runs_cold_and_cached(folder: Path, way):
    """Classes, closures, lambdas and arrays of a program come through workers and the cache."""
    words = {
        "script": ["program.py"],
        "pipe": ["-"],
        "command": ["-c", PROMPT],
        "prompt": ["-i", "-q"],
    }[way]
    given = {"pipe": PROMPT, "prompt": "exec(open('prompt.py').read())\n"}.get(way)
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, *words],
            cwd=folder, input=given, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

        assert done.returncode == 0, done.stderr
        assert done.stdout == EXPECTED, done.stderr
    out = subprocess.run(
        [sys.executable, "-m", "redunlite", "log", "-", "--format", "json"],
        cwd=folder, capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    counts = json.loads(out)["counts"]
    assert sum(task["cached"] for task in counts) == sum(task["total"] for task in counts) > 0


def test_edited_method_of_an_arguments_class_runs_its_users_again(folder: Path):
    """An edit of a method re-runs the task that gets an instance, and nothing before it."""

    def run() -> str:
        done = subprocess.run(
            [sys.executable, "-m", "redunlite", "run", "program.py", "main", "-v"],
            cwd=folder, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stderr

    run()
    text = (folder / "program.py").read_text()
    (folder / "program.py").write_text(text.replace("self.x + 1", "self.x + 2"))
    lines = run()

    ran = [x.split("program.")[1].split("(")[0] for x in lines.splitlines() if " Run " in x]
    assert sorted(ran) == ["make", "make", "make", "shift", "shift", "shift"]


VALUES = """\
import make_golden

from redunlite import task, worker

redun_namespace = "values"
VALUES = make_golden.make_values()


@task()
def hash_all():
    return {"in_worker": worker.IN_WORKER, "seed": hash("a"), "hashes": make_golden.compute_hashes()}


@task()
def value(name):
    return VALUES[name]


@task()
def same(name, returned, written):
    return 1


@task()
def same_lists(name, returned, written):
    return 1


@task()
def main():
    return [
        hash_all(),
        [same(name, value(name), VALUES[name]) for name in VALUES],
        [same_lists(name, [value(name)] * 2, [VALUES[name]] * 2) for name in VALUES],
    ]
"""


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_worker_and_main_process_hash_alike(tmp_path: Path, seed: str):
    """Of each value of the golden file: computed by a worker, of a result, of a value written in the
    workflow, and of lists of either, one hash."""
    (tmp_path / "values.py").write_text(VALUES)
    golden = json.loads(Path(make_golden.GOLDEN).read_text())
    folder = os.path.dirname(make_golden.__file__)
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": folder}
    done = subprocess.run(
        [sys.executable, "-m", "redunlite", "run", "values.py", "main"],
        cwd=tmp_path, env=environment,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    computed = ast.literal_eval(done.stdout)[0]

    told = subprocess.run(
        [sys.executable, "-c", "print(hash('a'))"],
        env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert (computed["in_worker"], computed["seed"]) == (True, int(told))
    assert computed["hashes"] == golden
    database = tmp_path / ".redunlite" / "redunlite.db"
    expected = {
        name: (bytes.fromhex(digest), bytes.fromhex(digest)) for name, digest in golden.items()
    }
    assert read_arguments(database, "same") == expected
    lists = read_arguments(database, "same_lists")
    assert [name for name, (returned, written) in lists.items() if returned != written] == []
    assert lists.keys() == golden.keys()


def read_arguments(database: Path, task: str) -> dict[str, tuple[bytes, bytes]]:
    """Return by their first argument the hashes of the other two, of each call of a task."""
    connection = sqlite3.connect(database)
    cells = connection.execute(
        "SELECT a.value, v.hash FROM argument a JOIN call c ON c.id = a.call "
        "JOIN task t ON t.id = c.task LEFT JOIN value v ON v.id = a.value "
        "AND typeof(a.value) = 'integer' WHERE t.name = ? ORDER BY a.call, a.place",
        (task,),
    ).fetchall()
    connection.close()
    hashes = [hashing.value_hash(cell) if digest is None else digest for cell, digest in cells]
    names = [hashing.decode_token(cell) for cell, _ in cells[::3]]
    return dict(zip(names, zip(hashes[1::3], hashes[2::3], strict=True), strict=True))


NUMBERS = """\
from redunlite import task

redun_namespace = "numbers"


@task()
def square(x, label):
    return {"label": label, "square": x * x}


@task()
def add(a, b, offset=1):
    return a["square"] + b["square"] + offset


@task()
def collect(xs):
    return sum(xs)


@task()
def main(n: int = 10):
    label = "a text that nobody shares"
    return collect([add(square(i, label), square(i + 1, label)) for i in range(n)])
"""


def test_random_jobs_of_a_large_run_are_shown_as_computed(tmp_path: Path):
    """`log JOB --format json` gives the arguments, their origins and the result that were."""
    (tmp_path / "numbers.py").write_text(NUMBERS)

    def command(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "redunlite", *words],
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    n = 5000
    expected = sum(i * i + (i + 1) ** 2 + 1 for i in range(n))
    assert command("run", "numbers.py", "main", "--n", str(n)) == f"{expected}\n"
    tree = json.loads(command("log", "-", "--format", "json", "--all"))
    jobs = [job for job in tree["jobs"] if job["task"] == "numbers.add"]
    assert len(jobs) == n
    for job in random.Random(5).sample(jobs, 20):
        shown = json.loads(command("log", job["id"], "--format", "json"))
        arguments = {a["name"]: a for a in shown["arguments"]}
        a = json.loads(arguments["a"]["preview"].replace("'", '"'))
        b = json.loads(arguments["b"]["preview"].replace("'", '"'))

        assert shown["result"]["preview"] == str(a["square"] + b["square"] + 1)
        assert arguments["offset"]["preview"] == "1"
        assert arguments["offset"]["origin"] is None
        origins = [arguments[name]["origin"] for name in ("a", "b")]
        assert [(o["kind"], o["task"]) for o in origins] == [("result", "numbers.square")] * 2
        call = json.loads(command("log", origins[0]["call_hash"], "--format", "json"))
        x = int(call["arguments"][0]["preview"])
        assert x * x == a["square"]
        assert call["arguments"][1]["preview"] == "'a text that nobody shares'"


FUNCTIONS = """\
from redunlite import run, task

@task(namespace="functions")
def hold(function, n):
    made = function
    for _ in range(n):
        made = [made, made]
    return made

@task(namespace="functions")
def call(held):
    while isinstance(held, list):
        held = held[0]
    return held(20)

if __name__ == "__main__":
    print(run([call(hold(lambda x: x + 1, n)) for n in (1, 400)]))
"""


@pytest.mark.parametrize("words", [["-"], ["program.py"]], ids=["pipe", "script"])
def test_functions_within_results_are_hashed_by_any_worker(tmp_path: Path, words: list[str]):
    """Also by one that had no module to import."""
    (tmp_path / "program.py").write_text(FUNCTIONS)
    done = subprocess.run(
        [sys.executable, *words],
        input=FUNCTIONS,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        capture_output=True,
        text=True,
    )

    assert (done.stdout, done.returncode) == ("[21, 21]\n", 0), done.stderr
