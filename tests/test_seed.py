"""The session that must work: the hello-world workflow, command by command, layout and all.

Every command is the real one, in a process of its own, in one folder. Ids and times are taken from
the output, checked against each other, and replaced by their kind before lines are compared.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

WORKFLOW = """\
# hello_world.py
from redunlite import task

redun_namespace = "redun.examples.hello_world"

@task()
def get_planet() -> str:
    return "World"

@task()
def greeter(greet: str, thing: str) -> str:
    return "{}, {}!".format(greet, thing)

@task()
def main(greet: str="Hello") -> str:
    return greeter(greet, get_planet())
"""
MARS = WORKFLOW.replace('return "World"', "return 'Mars'")
BUG = MARS.replace("    return 'Mars'", "    x = 1 / 0\n    return 'Mars'").replace(
    "def get_planet() -> str:", "def get_planet():"
)
NS = "redun.examples.hello_world"
HEADER = "| TASK                                  PENDING RUNNING  FAILED  CACHED    DONE   TOTAL"


class Session:
    """A folder, and what commands in it printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write(WORKFLOW)

    def write(self, text: str) -> None:
        """Save the workflow."""
        (self.folder / "hello_world.py").write_text(text)

    def __call__(self, *words: str, status: int = 0) -> tuple[str, list[str]]:
        """Run a command; return stdout, and the lines of stderr without their prefix."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("REDUNLITE")}
        done = subprocess.run(
            [sys.executable, "-m", "redunlite", *words],
            cwd=self.folder, capture_output=True, text=True, timeout=120, env=environment,
            check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stderr + done.stdout
        assert "\x1b" not in done.stdout + done.stderr
        lines = []
        for line in done.stderr.splitlines():
            assert line.startswith("[redunlite]"), done.stderr
            lines.append(line.removeprefix("[redunlite]").removeprefix(" "))
        return done.stdout, lines


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> Session:
    """One folder for all tests of this module, which run in order."""
    return Session(tmp_path_factory.mktemp("hello"))


def mask(text: str) -> str:
    """Replace times, UUIDs, hashes and ids by their kind."""
    text = re.sub(r"\d{4}[-/]\d\d[-/]\d\d \d\d:\d\d:\d\d", "<time>", text)
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<uuid>", text)
    text = re.sub(r"\b[0-9a-f]{40}\b", "<hash>", text)
    text = re.sub(r"\b[0-9a-f]{8}\b", "<id>", text)
    return re.sub(r"\b\d:\d\d:\d\d\.\d\d\b", "<duration>", text)


def job_lines(lines: list[str]) -> list[str]:
    """Return the masked lines about jobs."""
    return [mask(x) for x in lines if re.match(r"(Run|Cached|\*\*\* Reject) +Job", x)]


def table(lines: list[str]) -> list[str]:
    """Return the rows of the status table, from its header on."""
    start = next(i for i, x in enumerate(lines) if x.startswith("| TASK"))
    return [x for x in lines[start:] if x.startswith("|") and x.strip() != "|"]


def row(task: str, *counts: int) -> str:
    """Return a row of the table as the seed draws it."""
    name = f"{NS}.{task}" if task != "ALL" else task
    return f"| {name:<37}" + "".join(f"{n:>8}" for n in counts)


def ids(lines: list[str], kind: str = "Job") -> list[str]:
    """Return the 8 characters after each `kind`."""
    return re.findall(rf"{kind} ([0-9a-f]{{8}})", "\n".join(lines))


EXECUTIONS: list[str] = []


def execution_of(lines: list[str]) -> str:
    """Return the UUID in the line that starts an execution, and remember it."""
    found = next(re.search(r"Start Execution ([0-9a-f-]{36}):", x) for x in lines if "Start" in x)
    assert found is not None
    EXECUTIONS.append(found[1])
    return found[1]


def test_01_first_run_runs_three_jobs(session: Session):
    """Everything runs; the result alone is on stdout."""
    out, lines = session("run", "hello_world.py", "main")

    execution_of(lines)
    assert out == "'Hello, World!'\n"
    assert lines[0].startswith("redunlite :: version ")
    assert lines[1].startswith("config dir: ") and lines[1].endswith(".redunlite")
    assert mask(lines[2]) == "Start Execution <uuid>:  redunlite run hello_world.py main"
    assert job_lines(lines) == [
        f"Run    Job <id>:  {NS}.main(greet='Hello') on default",
        f"Run    Job <id>:  {NS}.get_planet() on default",
        f"Run    Job <id>:  {NS}.greeter(greet='Hello', thing='World') on default",
    ]
    assert table(lines) == [
        HEADER,
        row("ALL", 0, 0, 0, 0, 3, 3),
        row("get_planet", 0, 0, 0, 0, 1, 1),
        row("greeter", 0, 0, 0, 0, 1, 1),
        row("main", 0, 0, 0, 0, 1, 1),
    ]
    assert any(re.match(r"\| JOB STATUS \d{4}/\d\d/\d\d \d\d:\d\d:\d\d$", x) for x in lines)


def test_02_second_run_is_cached(session: Session):
    """Nothing runs; the eval hashes are shown."""
    out, lines = session("run", "hello_world.py", "main")

    execution_of(lines)
    assert out == "'Hello, World!'\n"
    assert job_lines(lines) == [
        f"Cached Job <id>:  {NS}.main(greet='Hello') (eval_hash=<id>)",
        f"Cached Job <id>:  {NS}.get_planet() (eval_hash=<id>)",
        f"Cached Job <id>:  {NS}.greeter(greet='Hello', thing='World') (eval_hash=<id>)",
    ]
    assert table(lines)[1] == row("ALL", 0, 0, 0, 3, 0, 3)


def test_03_help_of_a_task_has_its_options(session: Session):
    """The signature became options, with their defaults."""
    out, _ = session("run", "hello_world.py", "main", "help")

    assert "usage: redun.examples.hello_world.main" in out
    assert re.search(r"--greet\s+GREET\b.*\(default: '?Hello'?\)", out)
    assert "-h, --help" in out
    assert "info" in out


def test_04_info_of_a_task_shows_hash_and_source(session: Session):
    """Source, hash and what is tracked."""
    out, _ = session("run", "hello_world.py", "main", "info")

    assert mask(out).startswith(f"Task <hash> {NS}.main")
    assert '  def main(greet: str="Hello") -> str:' in out
    assert "      return greeter(greet, get_planet())" in out


def test_05_other_argument_reruns_what_depends_on_it(session: Session):
    """`get_planet` stays cached; the lines say which argument changed."""
    out, lines = session("run", "hello_world.py", "main", "--greet", "Hi")

    execution_of(lines)
    assert out == "'Hi, World!'\n"
    assert job_lines(lines) == [
        f"Run    Job <id>:  {NS}.main(greet='Hi') on default (greet: 'Hello' → 'Hi')",
        f"Cached Job <id>:  {NS}.get_planet() (eval_hash=<id>)",
        f"Run    Job <id>:  {NS}.greeter(greet='Hi', thing='World') on default "
        "(greet: 'Hello' → 'Hi')",
    ]
    assert table(lines)[1:] == [
        row("ALL", 0, 0, 0, 1, 2, 3),
        row("get_planet", 0, 0, 0, 1, 0, 1),
        row("greeter", 0, 0, 0, 0, 1, 1),
        row("main", 0, 0, 0, 0, 1, 1),
    ]


def test_06_help_of_the_file_lists_tasks(session: Session):
    """All tasks of the file, in order of name."""
    out, _ = session("run", "hello_world.py", "help")

    assert out.splitlines()[:4] == [
        "Tasks available:",
        f"   {NS}.get_planet",
        f"   {NS}.greeter",
        f"   {NS}.main",
    ]


def test_07_any_task_can_be_the_root(session: Session):
    """A lower task runs by its short name."""
    out, lines = session("run", "hello_world.py", "greeter", "--greet", "Yo", "--thing", "Venus")

    execution_of(lines)
    assert out == "'Yo, Venus!'\n"
    assert job_lines(lines) == [
        f"Run    Job <id>:  {NS}.greeter(greet='Yo', thing='Venus') on default"
        " (greet: 'Hi' → 'Yo', thing: 'World' → 'Venus')"
    ]
    assert table(lines) == [
        "| TASK                               PENDING RUNNING  FAILED  CACHED    DONE   TOTAL",
        f"| {'ALL':<34}" + "".join(f"{n:>8}" for n in (0, 0, 0, 0, 1, 1)),
        f"| {NS + '.greeter':<34}" + "".join(f"{n:>8}" for n in (0, 0, 0, 0, 1, 1)),
    ]


def test_08_changed_code_reruns_and_says_where(session: Session):
    """Only the edited task and what gets its new value run again."""
    session.write(MARS)
    out, lines = session("run", "hello_world.py", "main")

    execution_of(lines)
    assert out == "'Hello, Mars!'\n"
    assert job_lines(lines) == [
        f"Cached Job <id>:  {NS}.main(greet='Hello') (eval_hash=<id>)",
        f"Run    Job <id>:  {NS}.get_planet() on default (code changed: hello_world.py:8)",
        f"Run    Job <id>:  {NS}.greeter(greet='Hello', thing='Mars') on default "
        "(greet: 'Hi' → 'Hello', thing: 'World' → 'Mars')",
    ]
    assert table(lines)[1] == row("ALL", 0, 0, 0, 1, 2, 3)


def test_09_failure_shows_the_job_traceback(session: Session):
    """One frame a job with its arguments, then the user's own frames, and nothing of the engine."""
    session.write(BUG)
    out, lines = session("run", "hello_world.py", "main", status=1)

    uuid = execution_of(lines)
    assert out == ""
    shown = job_lines(lines)
    assert shown[0] == f"Cached Job <id>:  {NS}.main(greet='Hello') (eval_hash=<id>)"
    assert shown[1].startswith(f"Run    Job <id>:  {NS}.get_planet() on default (code changed: ")
    assert shown[2:] == [
        f"*** Reject Job <id>:  {NS}.get_planet():",
        f"*** Reject Job <id>:  {NS}.main(greet='Hello'):",
    ]
    assert table(lines)[1:] == [
        row("ALL", 1, 0, 2, 0, 0, 3),
        row("get_planet", 0, 0, 1, 0, 0, 1),
        row("greeter", 1, 0, 0, 0, 0, 1),
        row("main", 0, 0, 1, 0, 0, 1),
    ]
    start = lines.index("*** Execution failed. Traceback (most recent task last):")
    path = str(session.folder / "hello_world.py")
    main_id, leaf_id = ids(lines)[0], ids(lines)[1]
    assert (
        lines[start + 1 : start + 10]
        == [
            f'  Job {main_id}: File "{path}", line 16, in main',
            '    def main(greet: str="Hello") -> str:',
            "    greet = 'Hello'",
            f'  Job {leaf_id}: File "{path}", line 7, in get_planet',
            "    def get_planet():",
            f'  File "{path}", line 8, in get_planet',
            "    x = 1 / 0",
            "ZeroDivisionError: division by zero",
        ]
        + lines[start + 9 : start + 10]
    )
    assert f"details: redunlite log {uuid[:8]}" in lines
    assert f"inspect: redunlite log {leaf_id}" in lines
    assert not any("redunlite/engine" in x for x in lines)


def test_10_log_lists_executions_newest_first(session: Session):
    """Six executions with status, time and command line."""
    out, _ = session("log")

    lines = out.splitlines()
    assert lines[:2] == ["Recent executions:", ""]
    assert [mask(x) for x in lines[2:8]] == [
        "Exec <id> [FAILED] <time>:  run hello_world.py main",
        "Exec <id> [ DONE ] <time>:  run hello_world.py main",
        "Exec <id> [ DONE ] <time>:  run hello_world.py greeter --greet Yo --thing Venus",
        "Exec <id> [ DONE ] <time>:  run hello_world.py main --greet Hi",
        "Exec <id> [ DONE ] <time>:  run hello_world.py main",
        "Exec <id> [ DONE ] <time>:  run hello_world.py main",
    ]
    assert ids(lines, "Exec") == [uuid[:8] for uuid in reversed(EXECUTIONS)]


def test_11_log_of_an_execution_shows_the_job_tree(session: Session):
    """First and second execution: the same tree, once DONE and once CACHED."""
    for number, status in ((0, "[ DONE ]"), (1, "[CACHED]")):
        out, _ = session("log", EXECUTIONS[number][:8])
        lines = out.splitlines()

        assert lines[0].startswith(f"Exec {EXECUTIONS[number]} [ DONE ] ")
        assert mask(lines[1]) == "Duration: <duration>"
        done, cached = (3, 0) if number == 0 else (0, 3)
        start = lines.index(f"Jobs: 3 (DONE: {done}, CACHED: {cached}, FAILED: 0)")
        assert lines[start + 1] == "-" * 80
        assert [mask(x).rstrip() for x in lines[start + 2 : start + 5]] == [
            f"Job <id> {status} <time>:  {NS}.main(greet='Hello')",
            f"  Job <id> {status} <time>:  {NS}.get_planet()",
            f"  Job <id> {status} <time>:  {NS}.greeter('Hello', 'World')",
        ]


def test_12_log_of_a_job_shows_call_source_and_dataflow(session: Session):
    """The cached greeter: its way from the root, call node, task and where every value came from."""
    tree, _ = session("log", EXECUTIONS[1][:8])
    main_id, _planet_id, greeter_id = ids(tree.splitlines())
    out, _ = session("log", greeter_id)
    lines = out.splitlines()

    assert mask(lines[0]).rstrip() == f"Job <uuid> [CACHED] <time>:  {NS}.greeter('Hello', 'World')"
    assert lines[1] == (
        f"Traceback: Exec {EXECUTIONS[1][:8]} > Job {main_id} main > Job {greeter_id} greeter"
    )
    shown = [mask(x).rstrip() for x in lines]
    start = shown.index(f"  CallNode <hash> {NS}.greeter")
    assert shown[start + 1 : start + 3] == [
        "    Args:   'Hello', 'World'",
        "    Result: 'Hello, World!'",
    ]
    start = shown.index(f"  Task <hash> {NS}.greeter")
    assert shown[start + 2 : start + 4] == [
        "    def greeter(greet: str, thing: str) -> str:",
        '        return "{}, {}!".format(greet, thing)',
    ]
    start = shown.index("  Upstream dataflow:")
    assert shown[start + 2 :] == [
        "    result = 'Hello, World!'",
        "",
        "    result <-- <<id>> greeter(greet, thing)",
        "      greet = <<id>> 'Hello'",
        "      thing = <<id>> 'World'",
        "",
        "    greet <-- argument of <<id>> main(greet)",
        "          <-- origin",
        "",
        "    thing <-- <<id>> get_planet()",
        "          <-- origin",
    ]


def test_13_log_of_the_latest_execution_finds_the_bug(session: Session):
    """`log -` shows the failed tree; the leaf shows the error, its code and the traceback."""
    out, _ = session("log", "-")
    lines = out.splitlines()
    assert "Jobs: 2 (DONE: 0, CACHED: 0, FAILED: 2)" in lines
    _, leaf = ids(lines)
    out, _ = session("log", leaf)
    shown = [mask(x).rstrip() for x in out.splitlines()]

    assert shown[0] == f"Job <uuid> [FAILED] <time>:  {NS}.get_planet()"
    start = shown.index(f"  CallNode <hash> {NS}.get_planet")
    assert shown[start + 1 : start + 3] == [
        "    Args:",
        "    Raised: ZeroDivisionError('division by zero')",
    ]
    assert "        x = 1 / 0" in shown
    start = shown.index("  Upstream dataflow:")
    assert shown[start + 2 : start + 6] == [
        "    result = ErrorValue(ZeroDivisionError('division by zero'))",
        "",
        "    result <-- <<id>> get_planet()",
        "           <-- origin",
    ]
    start = shown.index("  Traceback:")
    assert shown[start + 1 : start + 4] == [
        f'    File "{session.folder}/hello_world.py", line 8, in get_planet',
        "      x = 1 / 0",
        "  ZeroDivisionError: division by zero",
    ]


def test_14_log_takes_older_executions_and_task_names(session: Session):
    """`log ~2` is the second newest; `log TASK` shows every version of a task."""
    out, _ = session("log", "~2")
    assert out.startswith(f"Exec {EXECUTIONS[-2]}")

    out, _ = session("log", "get_planet")
    assert len(re.findall(rf"^Task [0-9a-f]{{40}} {NS}\.get_planet", out, re.M)) == 3
    assert 'return "World"' in out and "x = 1 / 0" in out
    full, _ = session("log", f"{NS}.get_planet")
    assert full == out


def test_15_reverting_finds_the_old_results(session: Session):
    """The first version again: everything is cached."""
    session.write(WORKFLOW)
    out, lines = session("run", "hello_world.py", "main")

    assert out == "'Hello, World!'\n"
    assert table(lines)[1] == row("ALL", 0, 0, 0, 3, 0, 3)
