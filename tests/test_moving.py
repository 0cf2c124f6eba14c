"""What docs/moving-from-redun.md says: its rows have a state and a proof, and what no other test shows."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from redun_workflows.scenarios import SCENARIOS

import redunlite
from redunlite import Scheduler, cli, task
from redunlite.cli.run import RUN_OPTIONS
from redunlite.functools import apply_func, as_task
from redunlite.options import OPTIONS
from redunlite.testing import WatchedScheduler

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "moving-from-redun.md"
TAKEN = {"script", "memory", "timeout", "retries", "priority"}
"""Options that the page calls later although they are taken: a run warns of them (`test_options.py`)."""

redun_namespace = "moving"


def read_rows(n_cells: int) -> list[list[str]]:
    """Return the cells of each row of the tables with so many columns, without the heads."""
    text = PAGE.read_text(encoding="utf-8")
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line[:1] == "|"]
    cells = [[cell.strip() for cell in row] for row in rows if len(row) == n_cells]
    return [row for row in cells if row[0][:3] != "---" and not re.search(r"\bredun$", row[0])]


FEATURES = read_rows(4)
WEAK_POINTS = read_rows(3)


def check_proofs(cell: str) -> int:
    """Check that the tests and workflows that a cell names exist; return how many there are."""
    scenarios = {scenario.name for scenario in SCENARIOS if not scenario.waits_for}
    proofs = re.findall(r"`([^`]+)`", cell)
    for proof in proofs:
        path, _, function = proof.partition("::")
        if function:
            text = (PROJECT / path).read_text(encoding="utf-8")
            assert f"def {function}(" in text, proof
        else:
            assert proof in scenarios, proof
    return len(proofs)


@pytest.mark.parametrize("row", FEATURES, ids=lambda row: row[0])
def test_each_feature_has_a_state_and_a_proof_or_a_reason(row: list[str]) -> None:
    """What is the same or better names what shows it; what is left out says why."""
    _, state, how, shown_by = row
    n_proofs = check_proofs(shown_by)

    assert state in ("same", "better", "later", "left out")
    assert n_proofs or state in ("later", "left out")
    assert how or state in ("same", "later")


@pytest.mark.parametrize("row", WEAK_POINTS, ids=lambda row: row[0])
def test_each_weak_point_has_a_proof_or_a_reason(row: list[str]) -> None:
    """The better behaviour is shown by a test that exists; else the row says what is the matter."""
    weak_point, here, shown_by = row

    assert weak_point and here
    assert check_proofs(shown_by) or re.search("later|not here|none of|neither|are not", here)


def is_there(name: str) -> bool:
    """Tell whether a name of redun is there: of the root, a module, an option, a command or a flag."""
    command = re.fullmatch(r"redun (\w+)", name)
    if command:
        return command[1] in cli.COMMANDS
    flag = re.fullmatch(r"(?:run )?(--[\w-]+)", name)
    if flag:
        return any(flag[1] in (option.flag, *option.spellings) for option in RUN_OPTIONS)
    if not name.isidentifier():
        return False
    homes = ["redunlite", "redunlite.scheduler", "redunlite.functools", "redunlite.control"]
    return (
        name in OPTIONS
        or importlib.util.find_spec(f"redunlite.{name}") is not None
        or any(hasattr(importlib.import_module(home), name) for home in homes)
    )


def test_what_is_later_or_left_out_is_not_there() -> None:
    """A feature that came is no longer called missing; the first column names what there is not."""
    missing = [
        name
        for first, state, _, _ in FEATURES
        if state in ("later", "left out")
        for name in re.findall(r"`([^`]+)`", first)
    ]

    assert len(missing) > 30
    assert {name for name in missing if is_there(name)} == TAKEN
    assert is_there("catch") and is_there("redun run") and is_there("run --tag")


def test_page_has_a_row_for_every_name_of_the_root() -> None:
    """What can be imported from redunlite itself is in some row."""
    text = " ".join(" ".join(row) for row in FEATURES)

    for name in set(redunlite.__all__) - {"load"}:
        assert f"`{name}" in text, name


STAR = """
from redunlite import task
redun_namespace = "star"

@task()
def add(a, b=10, *rest, k=1, **more):
    return a + b + sum(rest) + k

@task()
def main(help: str = "none", tag: str = "none", input: str = "none", context: str = "none"):
    return [add(6, 9, 1, 2, k=3, z=5), help, tag, input, context]
"""


def run_command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run redunlite in a folder."""
    line = [sys.executable, "-m", "redunlite", *words]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=60)


def test_variadic_arguments_are_shown_as_such(tmp_path: Path) -> None:
    """In the line of the job, in the tree and on the page of the job, each under its own name."""
    (tmp_path / "star.py").write_text(STAR)

    ran = run_command(tmp_path, "run", "star.py", "main")
    tree = run_command(tmp_path, "log", "-")
    page = run_command(
        tmp_path, "log", run_command(tmp_path, "log", "--task", "add", "-q").stdout.strip()
    )

    assert ran.returncode == page.returncode == 0, ran.stderr + page.stderr
    assert "star.add(a=6, b=9, *rest=(1, 2), k=3, **more={'z': 5}) on default" in ran.stderr
    assert "star.add(6, 9, *(1, 2), k=3, **{'z': 5})" in tree.stdout
    assert "Args:   6, 9, *(1, 2), k=3, **{'z': 5}" in page.stdout
    assert "Result: 21" in page.stdout


def test_parameters_may_be_called_like_options_of_run(tmp_path: Path) -> None:
    """Behind the task's name they are the task's."""
    (tmp_path / "star.py").write_text(STAR)

    done = run_command(
        tmp_path, "run", "-q", "star.py", "main",
        "--help", "h", "--tag", "t", "--input", "i", "--context", "c",
    )  # fmt: skip

    assert done.stdout == "[21, 'h', 't', 'i', 'c']\n", done.stderr


def test_plain_functions_of_any_kind_become_tasks(scheduler: Scheduler) -> None:
    """Builtins, lambdas and local functions with their closures; redun takes the first alone."""
    step = 3

    def shift(x: int) -> int:
        return x + step

    assert scheduler.run(
        [apply_func(max, [1, 2]), as_task(lambda x: -x)(2), as_task(shift)(1)]
    ) == [2, -2, 4]


@task()
def own_scheduler(x: int) -> int:
    """Use a scheduler of its own."""
    inner = Scheduler()
    try:
        return inner.run(doubled(x))
    finally:
        inner.close()


@task()
def doubled(x: int) -> int:
    """Double a number."""
    return 2 * x


def test_task_may_use_a_scheduler_of_its_own(scheduler: Scheduler) -> None:
    """A scheduler in memory works inside of a job."""
    assert scheduler.run(own_scheduler(4)) == 8


def test_options_of_an_async_task_run_nothing_again() -> None:
    """A decorator's option that does not change the value is in no key, also of an `async def`."""

    def define(tags: list[tuple[str, int]]) -> redunlite.Task[[int], int]:
        @task(name="waiting", namespace="moving", tags=tags)
        async def waiting(x: int) -> int:
            return await doubled(x)

        return waiting

    scheduler = WatchedScheduler()
    scheduler.run(define([("n", 1)])(3))
    with scheduler.watch() as jobs:
        scheduler.run(define([("n", 2)])(3))
    scheduler.close()

    jobs.assert_cached()


def test_run_tells_what_redun_settings_do_here(tmp_path: Path) -> None:
    """One line for a section, above the first job; results and other commands stay as they are."""
    folder = tmp_path / ".redunlite"
    folder.mkdir()
    (folder / "redunlite.ini").write_text(
        "[backend]\ndb_uri = x\n[executors.default]\ntype = local\n"
    )
    (tmp_path / "star.py").write_text(STAR)

    done = run_command(tmp_path, "run", "star.py", "main")
    log = run_command(tmp_path, "log")

    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if "redunlite.ini:" in line]
    assert len(lines) == 2
    assert re.search(r"redunlite\.ini:2: \[backend\] has no effect here: ", lines[0])
    assert re.search(r"redunlite\.ini:4: \[executors.default\] runs jobs in threads, ", lines[1])
    assert done.stderr.index(lines[1]) < done.stderr.index("Start Execution")
    assert (log.returncode, log.stderr) == (0, "")


BATCH = """
from redunlite import task
redun_namespace = "batch"

@task(executor="batch", memory=4, vcpus=2, image="x")
def there(x):
    return x + 1

@task()
def main():
    return there(1)
"""


def test_jobs_for_other_machines_run_on_this_one(tmp_path: Path) -> None:
    """With the executor's section and the task's options as they were."""
    folder = tmp_path / ".redunlite"
    folder.mkdir()
    (folder / "redunlite.ini").write_text(
        "[executors.batch]\ntype = aws_batch\nimage = ${ACCOUNT_THAT_IS_NOT_SET}/x\nqueue = q\n"
        "s3_scratch = s3://bucket/redun/\njob_monitor_interval = 5.0\n"
    )
    (tmp_path / "batch.py").write_text(BATCH)

    done = run_command(tmp_path, "run", "batch.py", "main")

    assert (done.returncode, done.stdout) == (0, "2\n")
    assert "[executors.batch] runs its jobs on this machine, at executor 'default'; " in done.stderr
    for name in ("memory", "cpus", "image"):
        assert f"option {name!r} of task 'batch.there' has no effect" in done.stderr
