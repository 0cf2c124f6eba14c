"""The command line as a user meets it: words, messages, exit codes, streams and signals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pexpect
import pytest

from redunlite.display.result import format_result

WORKFLOW = '''\
"""A workflow with a task for each question."""

import enum
import os
import sys
import time
from pathlib import Path
from typing import Literal, Optional

from redunlite import task

redun_namespace = "lab"


class Color(enum.Enum):
    red = 1
    blue = 2


class Shy:
    def __repr__(self):
        raise RuntimeError("not now")


@task
def show(
    text: str = "a",
    n: int = 1,
    color: Color = Color.red,
    mode: Literal["fast", "slow"] = "fast",
    maybe: Optional[int] = None,
    xs: list[int] = [],
    flag: bool = False,
    path: Path = Path("x"),
    class_: str = "c",
) -> str:
    """Show what came in.

    All of it, 100 %.
    """
    return repr((text, n, color.name, mode, maybe, xs, flag, str(path), class_))


@task
def nothing():
    return None


@task
def data():
    return {"z": list(range(40)), "a": "text"}


@task
def accent():
    return "caf\\u00e9 \\x1b[31m"


@task
def shy():
    return Shy()


@task
def shadow(workers: str, verbose: bool = False):
    return workers, verbose


@task(name="help")
def helper(help: int = 0):
    return help


@task
def fail(n: int = 3):
    raise ValueError(f"no {n}\\x1b[2J")


@task
def sleep(seconds: float = 60.0):
    print("asleep", flush=True)
    Path("asleep").write_text("")
    time.sleep(seconds)


@task
def inc(i: int, seconds: float = 0.0):
    time.sleep(seconds)
    return i + 1


@task
def total(xs: list[int]):
    return sum(xs)


@task
def many(n: int = 100, seconds: float = 0.0):
    return total([inc(i, seconds) for i in range(n)])
'''


class Done(NamedTuple):
    """A command that ended."""

    status: int
    out: str
    err: str


class Shell:
    """A folder in which commands run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("REDUNLITE", "NO_COLOR", "LC_"))
        }
        self.environment["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)
        (folder / "w.py").write_text(WORKFLOW)

    def command(self, *words: str) -> list[str]:
        """Return the program and its words."""
        return [sys.executable, "-m", "redunlite", *words]

    def __call__(self, *words: str, **environment: str) -> Done:
        """Run a command to its end."""
        done = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def bash(self, line: str) -> Done:
        """Run a line of the shell in which `redunlite` is this program."""
        program = " ".join(self.command())
        done = subprocess.run(
            ["bash", "-c", f'redunlite() {{ {program} "$@"; }}; {line}'],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def spawn(self, *words: str, columns: int = 80) -> pexpect.spawn[str]:
        """Run a command on a terminal."""
        program, *rest = self.command(*words)
        return pexpect.spawn(
            program,
            rest,
            cwd=str(self.folder),
            env={**self.environment, "TERM": "xterm"},
            dimensions=(24, columns),
            encoding="utf-8",
            timeout=60,
        )

    def has_history(self) -> bool:
        """Tell whether anything was created beside the workflow."""
        return [path.name for path in self.folder.iterdir() if path.name != "__pycache__"] != [
            "w.py"
        ]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A folder with the workflow alone."""
    return Shell(tmp_path)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A folder with the workflow and a history, for tests that only read."""
    return Shell(tmp_path_factory.mktemp("lab"))


# Before any command.


def test_version_names_what_matters(lab: Shell) -> None:
    """The program, Python and SQLite."""
    done = lab("--version")

    assert re.fullmatch(r"redunlite \S+ \(Python 3\.\d+\.\d+, SQLite 3\.\d+\.\d+\)\n", done.out)
    assert (done.status, done.err) == (0, "")


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("help",)])
def test_help_lists_the_commands(lab: Shell, words: tuple[str, ...]) -> None:
    """Examples first, then each command with its line."""
    done = lab(*words)

    assert (done.status, done.err) == (0, "")
    for command in ("run", "log", "show", "init", "help"):
        assert re.search(rf"^ +{command} +\w", done.out, re.MULTILINE), done.out


@pytest.mark.parametrize("words", [("run", "--help"), ("help", "run"), ("run", "-h")])
def test_help_of_run_shows_its_options(lab: Shell, words: tuple[str, ...]) -> None:
    """The same page in three ways."""
    done = lab(*words)

    assert done.status == 0
    for flag in (
        "--dry-run",
        "--no-cache",
        "--workers N",
        "--keep-going",
        "-v, --verbose",
        "--config",
    ):
        assert flag in done.out


@pytest.mark.parametrize("words", [["--help"], ["help", "run"], ["rn"], ["--version"], ["run"]])
def test_help_and_errors_import_nothing_heavy(lab: Shell, words: list[str]) -> None:
    """A page of help or an error does not wait for the engine."""
    heavy = ["peewee", "tabulate", "cloudpickle", "multiprocessing", "logging", "asyncio"]
    heavy += ["redunlite.engine", "importlib.metadata"]
    if words in (["--help"], ["help", "run"], ["rn"]):
        heavy += ["inspect", "sqlite3"]
    code = (
        "import sys\nfrom redunlite.cli import main\nmain(sys.argv[2:])\n"
        "found = [m for m in sys.argv[1].split() if m in sys.modules]\n"
        "sys.exit(f'imported {found}' if found else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, " ".join(heavy), *words], capture_output=True, text=True
    )

    assert "imported" not in done.stderr


# Errors of usage.


@pytest.mark.parametrize(
    "words, line, hint",
    [
        (["rn"], "unknown command 'rn'", "did you mean 'run'?"),
        (["w.py"], "unknown command 'w.py'", "to run a workflow: redunlite run w.py"),
        (["--verson"], "unknown option '--verson'", "did you mean '--version'?"),
        (["-c"], "option -c needs a folder", ""),
        (["run"], "which workflow file?", "redunlite run FILE TASK"),
        (["run", "v.py", "show"], "unknown workflow file 'v.py'", "did you mean 'w.py'?"),
        (["run", "w.py", "shwo"], "unknown task 'shwo' in w.py", "did you mean 'show'?"),
        (
            ["run", "w.py", "lab.shwo"],
            "unknown task 'lab.shwo' in w.py",
            "did you mean 'lab.show'?",
        ),
        (
            ["run", "w.py", "show", "--colr", "red"],
            "unknown option '--colr' for task 'show'",
            "did you mean '--color'?",
        ),
        (
            ["run", "w.py", "show", "--dry-rum"],
            "unknown option '--dry-rum' for task 'show'",
            "did you mean '--dry-run'?",
        ),
        (
            ["run", "w.py", "show", "--te", "x"],
            "unknown option '--te' for task 'show'",
            "did you mean '--text'?",
        ),
        (
            ["run", "w.py", "show", "--color", "rde"],
            "option --color got 'rde', expected one of red, blue",
            "did you mean 'red'?",
        ),
        (
            ["run", "w.py", "inc"],
            "task 'inc' needs --i",
            "redunlite run w.py inc help shows its options",
        ),
        (
            ["run", "w.py", "show", "--fail-fast", "--keep-going"],
            "--fail-fast and --keep-going exclude each other",
            "",
        ),
        (["run", "--workers", "0", "w.py", "show"], "option --workers got '0', expected", ""),
        (
            ["run", "w.py", "show", "--executor", "procss"],
            "unknown executor 'procss'",
            "did you mean 'process'?",
        ),
        (
            ["run", "--greet", "w.py"],
            "unknown option '--greet' for 'run'",
            "a task's options come after",
        ),
        (
            ["log", "--format", "jsn"],
            "option --format got 'jsn', expected one of text, json",
            "did you mean 'json'?",
        ),
        (["init", "--forse"], "unknown option '--forse' for 'init'", ""),
        (["help", "rnu"], "unknown command 'rnu'", "did you mean 'run'?"),
    ],
)
def test_usage_error_is_a_line_and_a_hint(
    shell: Shell, words: list[str], line: str, hint: str
) -> None:
    """Exit code 2, no usage block, nothing on stdout, nothing created."""
    done = shell(*words)

    first, *more = done.err.splitlines()
    assert done.status == 2
    assert first.startswith(f"redunlite: {line}")
    assert len(more) <= 1
    assert "".join(more).startswith(f"  {hint}" if hint else "")
    assert done.out == ""
    assert not shell.has_history()


def test_value_without_its_option_gets_an_example(lab: Shell) -> None:
    """Values are given by name."""
    done = lab("run", "w.py", "inc", "5")

    assert done.err.splitlines()[0] == "redunlite: unexpected word '5' for task 'inc'"
    assert "--i 5" in done.err


def test_workflow_that_fails_to_load_shows_its_own_frames(shell: Shell) -> None:
    """Exit code 2, the user's frames and no others."""
    (shell.folder / "w.py").write_text("def f():\n    1 / 0\n\nf()\n")

    done = shell("run", "w.py", "main")

    assert done.status == 2
    assert done.err.splitlines()[0] == "redunlite: cannot load workflow file 'w.py'"
    assert "line 2, in f" in done.err
    assert "ZeroDivisionError: division by zero" in done.err
    assert "redunlite/" not in done.err
    assert not shell.has_history()


def test_file_that_cannot_be_parsed_is_told(shell: Shell) -> None:
    """Exit code 2 and the place."""
    (shell.folder / "w.py").write_text("def f(:\n")

    done = shell("run", "w.py", "main")

    assert (done.status, done.out) == (2, "")
    assert "cannot parse workflow file 'w.py'" in done.err


@pytest.mark.parametrize(
    "flag", [["-c", "typo"], ["-ctypo"], ["--config=typo"], ["--config", "typo"]]
)
def test_folder_that_does_not_exist_is_an_error(shell: Shell, flag: list[str]) -> None:
    """Exit code 4, before and behind the command's name; it is not made."""
    for words in (
        [*flag, "run", "w.py", "show"],
        ["run", *flag, "w.py", "show"],
        ["run", "w.py", "show", *flag],
    ):
        done = shell(*words)

        assert done.status == 4
        assert "'typo' does not exist" in done.err.splitlines()[0]
    assert not shell.has_history()


def test_broken_configuration_is_told_with_its_line(shell: Shell) -> None:
    """Exit code 4, file and line."""
    shell("init")
    (shell.folder / ".redunlite" / "redunlite.ini").write_text(
        "[executors.default]\ntype = proces\n"
    )

    done = shell("run", "w.py", "show")

    assert done.status == 4
    assert ".redunlite/redunlite.ini:2: type is 'proces'" in done.err
    assert len(done.err.splitlines()) == 1


# Telling.


def test_file_without_task_lists_its_tasks(shell: Shell) -> None:
    """Exit code 2; the list is what `help` shows."""
    asked = shell("run", "w.py", "help")
    bare = shell("run", "w.py")

    assert (asked.status, bare.status) == (0, 2)
    assert asked.out == bare.out
    assert asked.out.splitlines()[:2] == ["Tasks available:", "   lab.accent"]
    assert "   lab.show     Show what came in.\n" in asked.out
    assert not shell.has_history()


@pytest.mark.parametrize("words", [["help"], ["--help"], ["-h"], ["--n", "5", "help"]])
def test_help_of_a_task_has_types_defaults_and_its_docstring(
    shell: Shell, words: list[str]
) -> None:
    """In each way to ask for it."""
    done = shell("run", "w.py", "show", *words)

    assert done.status == 0
    assert done.out.startswith("usage: lab.show [-h] [--text TEXT] [--n N]")
    assert "\nShow what came in.\n\nAll of it, 100 %.\n" in done.out
    for line in (
        "--text TEXT +\\(default: a\\)",
        "--n N +int \\(default: 1\\)",
        "--color {red,blue}\\s+\\(default: red\\)",
        "--maybe MAYBE +int or None \\(default: None\\)",
        "--flag, --no-flag +\\(default: False\\)",
        "--class CLASS +\\(default: c\\)",
    ):
        assert re.search(line, done.out), line
    assert not shell.has_history()


def test_info_of_a_task_shows_hash_source_and_what_is_tracked(shell: Shell) -> None:
    """The layout of the seed, and the tracked components."""
    done = shell("run", "w.py", "many", "info")

    assert done.status == 0
    assert re.match(r"Task [0-9a-f]{40} lab\.many\n\n  def many\(n: int = 100", done.out)
    assert "\nTracks:\n" in done.out
    assert not shell.has_history()


def test_short_name_in_two_namespaces_is_ambiguous(shell: Shell) -> None:
    """Exit code 2 and both full names; a full name is not ambiguous."""
    (shell.folder / "w.py").write_text(
        "from redunlite import task\n"
        "@task(namespace='a')\ndef f(): return 1\n"
        "@task(namespace='b')\ndef f(): return 2\n"
    )

    done = shell("run", "w.py", "f")

    assert done.status == 2
    assert done.err == "redunlite: task 'f' is ambiguous in w.py\n  it may be a.f, b.f\n"
    assert shell("run", "w.py", "b.f", "-q").out == "2\n"


def test_task_that_a_file_imports_is_listed_and_runs(shell: Shell) -> None:
    """By its short name too; others of that module are not listed, and run by their full name."""
    (shell.folder / "lib.py").write_text(
        "from redunlite import task\nredun_namespace = 'lib'\n"
        "@task\ndef f(): return 1\n@task\ndef g(): return 2\n"
    )
    (shell.folder / "w.py").write_text("from lib import f\n")

    assert shell("run", "w.py", "help").out == "Tasks available:\n   lib.f\n"
    assert shell("run", "w.py", "f", "-q").out == "1\n"
    assert shell("run", "w.py", "lib.g", "-q").out == "2\n"


def test_task_called_help_is_reached_by_its_full_name(lab: Shell) -> None:
    """So is a parameter called `help`, whose `-h` still helps."""
    assert lab("run", "w.py", "lab.help", "--help", "4", "-q").out == "4\n"
    assert "--help HELP" in lab("run", "w.py", "lab.help", "-h").out


# Running.


def test_options_reach_the_task(lab: Shell) -> None:
    """Each type once, in the forms that a shell user writes."""
    done = lab(
        *("run", "w.py", "show", "-q", "--text", "a b", "--n=-2", "--color", "blue"),
        *("--mode", "slow", "--maybe", "3", "--xs", "1", "--xs", "2", "--flag"),
        *("--path", "p/q", "--class", "k"),
    )

    assert done.out.strip('"\n') == "('a b', -2, 'blue', 'slow', 3, [1, 2], True, 'p/q', 'k')"
    assert (done.status, done.err) == (0, "")


def test_options_of_run_work_behind_the_task(shell: Shell) -> None:
    """`--no-cache` runs again; where the task has that option, it is the task's."""
    shell("run", "w.py", "nothing")

    assert "Cached Job" in shell("run", "w.py", "nothing").err
    assert "Run    Job" in shell("run", "w.py", "nothing", "--no-cache").err
    assert "Run    Job" in shell("run", "--no-cache", "w.py", "nothing").err
    shadowed = shell("run", "-q", "w.py", "shadow", "--workers", "many", "--verbose")
    assert shadowed.out == "('many', True)\n"


def test_context_and_task_options_of_a_run(shell: Shell) -> None:
    """Single variables go on top of a file's; both work before the file and behind the task."""
    (shell.folder / "c.py").write_text(
        "from redunlite import task\nfrom redunlite.context import get_context\n"
        "@task\ndef main(a=get_context('a'), b=get_context('b.c'), d=get_context('b.d', 0)):\n"
        "    return [a, b, d]\n"
        "@task\ndef option(option: int, context: str = ''):\n    return option\n"
    )
    (shell.folder / "c.json").write_text('{"a": [1], "b": {"c": 1, "d": 2}}')

    done = shell(
        *("run", "-q", "--context", "b.c=x y", "c.py", "main"),
        *("--context-file", "c.json", "--context", "a=null"),
    )
    assert (done.out, done.err) == ("[None, 'x y', 2]\n", "")
    assert shell("run", "-q", "c.py", "option", "--option", "3").out == "3\n"

    shell("run", "-q", "c.py", "option", "--option", "3", "-o", "cache_scope=NONE")
    again = shell("run", "c.py", "option", "--option", "3", "-o", "cache=false")
    assert "Run    Job" in again.err
    failed = shell(
        "run", "c.py", "option", "--option", "3", "-o", "executor=thread", "-o", "retries=x"
    )
    assert (failed.status, failed.err.splitlines()[0]) == (
        2,
        "redunlite: option 'retries' in options of a call of 'option' is 'x', "
        "expected a whole number, 0 or more",
    )


def test_values_come_from_files_and_standard_input(shell: Shell) -> None:
    """A pipe and a file on one line; a second `-` is refused."""
    (shell.folder / "xs.json").write_text("[4, 5]")
    line = "echo hello | redunlite run -q w.py show --text - --xs @xs.json --xs 6"

    done = shell.bash(line)
    assert done.out.startswith("\"('hello', 1, 'red', 'fast', None, [4, 5, 6],")
    assert shell.bash(f"{line} --path -").status == 2


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_help_of_a_task_fits_the_terminal(shell: Shell, columns: int) -> None:
    """Both the list of tasks and a task's options, no wider than 80; nothing is lost."""
    (shell.folder / "h.py").write_text(
        "from redunlite import task\nredun_namespace = 'a.rather.long.namespace'\n"
        "@task\ndef main(a_rather_long_parameter: list[int] = [], n: int | None = None):\n"
        f"    '''Do {'very ' * 30}much.\n\n    Args:\n        n: How {'very ' * 20}often.\n    '''\n"
    )

    listing = shell("run", "h.py", "help", COLUMNS=str(columns))
    page = shell("run", "h.py", "main", "help", COLUMNS=str(columns))

    assert max(map(len, listing.out.splitlines())) <= columns
    assert max(map(len, page.out.splitlines())) <= min(columns, 80)
    flat = " ".join(page.out.split())
    assert f"Do {'very ' * 30}much." in flat
    assert f"How {'very ' * 20}often; int or None (default: None)" in flat
    assert "--a-rather-long-parameter VALUE ... list of int (default: [])" in flat


def test_task_called_help_without_namespace_is_reached_with_a_dot(shell: Shell) -> None:
    """The list shows how."""
    (shell.folder / "h.py").write_text("from redunlite import task\n@task\ndef help(): return 5\n")

    assert shell("run", "h.py", "help").out == "Tasks available:\n   .help\n"
    assert shell("run", "-q", "h.py", ".help").out == "5\n"


def test_nothing_is_printed_for_none(lab: Shell) -> None:
    """A task without a result leaves stdout empty."""
    done = lab("run", "w.py", "nothing")

    assert (done.status, done.out) == (0, "")


def test_result_is_pretty_printed_in_its_order(lab: Shell) -> None:
    """Long results are broken into lines; a dict keeps its order."""
    done = lab("run", "w.py", "data", "-q")

    assert done.out.startswith("{'z': [0,\n       1,\n")
    assert done.out.endswith(" 'a': 'text'}\n")


@pytest.mark.parametrize("value", ["x" * 60, "x y " * 40, 5, True, 1.5, [1, 2], {"b": 1, "a": 2}])
def test_results_look_like_python(value: object) -> None:
    """With or without the printer, the text is the value's."""
    assert eval(format_result(value).text) == value


def test_failure_is_exit_code_one(shell: Shell) -> None:
    """The job traceback once, no Python traceback of the engine, control characters escaped."""
    done = shell("run", "w.py", "fail", "--n", "4")

    assert (done.status, done.out) == (1, "")
    assert done.err.count("ValueError: no 4\\x1b[2J") == 1
    assert "Traceback (most recent call last)" not in done.err
    assert "\x1b" not in done.err
    assert re.search(r"^\[redunlite\] inspect: redunlite log [0-9a-f]{8}$", done.err, re.MULTILINE)


def test_dry_run_creates_nothing(shell: Shell) -> None:
    """Exit code 0, lines without job ids."""
    done = shell("run", "w.py", "many", "--dry-run")

    assert (done.status, done.out) == (0, "")
    assert "Run    Job:  lab.many(n=100, seconds=0.0)" in done.err
    assert not shell.has_history()


DRY = """\
from redunlite import task

redun_namespace = "dry"


@task()
def inc(x, table=["a" * 100_000]):
    return x + 1


@task()
def total(xs):
    return sum(xs)


@task()
def main(n: int = 2):
    return total([inc(i) for i in range(n)])
"""


def test_dry_run_tells_what_would_run_and_why(shell: Shell) -> None:
    """What was answered is CACHED, also a parent; what would run, or waits for it, is PENDING.

    No file changes, though an argument is of the size that goes to the value store.
    """
    workflow = shell.folder / "dry.py"
    workflow.write_text(DRY)
    assert shell("run", "dry.py", "main").status == 0
    workflow.write_text(DRY.replace("x + 1", "x + 2").replace("100_000", "200_000"))
    before = {path: path.stat().st_mtime_ns for path in shell.folder.rglob("*")}

    done = shell("run", "dry.py", "main", "-n")

    lines = [line.removeprefix("[redunlite]").strip() for line in done.err.splitlines()]
    assert (done.status, done.out) == (0, "")
    assert re.search(r"^\[redunlite\] Cached Job:  dry\.main\(n=2\) \(eval_hash=", done.err, re.M)
    told = [line for line in lines if line.startswith("Run ")]
    assert [line.partition(",")[0] for line in told] == [
        "Run    Job:  dry.inc(x=0", "Run    Job:  dry.inc(x=1",
    ]  # fmt: skip
    assert all(line.endswith("(code changed: dry.py:7)") for line in told)
    assert [line.split()[1:] for line in lines if line.startswith("| dry.")] == [
        ["dry.inc", "2", "0", "0", "0", "0", "2"],
        ["dry.main", "0", "0", "0", "1", "0", "1"],
        ["dry.total", "1", "0", "0", "0", "0", "1"],
    ]
    assert lines[-2:] == [
        "Dry run: 2 jobs would run; more may follow from their results.",
        "Nothing was run or written.",
    ]
    assert {path: path.stat().st_mtime_ns for path in shell.folder.rglob("*")} == before


def test_dry_run_of_what_is_cached_gives_the_result(shell: Shell) -> None:
    """From the cache, as a run would."""
    (shell.folder / "dry.py").write_text(DRY)
    shell("run", "dry.py", "main")

    done = shell("run", "dry.py", "main", "--dry-run")

    assert (done.status, done.out) == (0, "3\n")
    assert "Dry run: everything is cached." in done.err


def test_init_makes_a_folder_that_runs_use(shell: Shell) -> None:
    """For its owner only; from below too; a second `init` keeps it."""
    done = shell("init")
    folder = shell.folder / ".redunlite"

    assert done.out == f"Initialized redunlite folder: {folder}\n"
    assert folder.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "redunlite.ini"]
    assert shell("init").out == f"Kept existing redunlite folder: {folder}\n"
    assert f"config dir: {folder}" in shell("run", "w.py", "nothing").err


def test_named_folder_holds_the_history(shell: Shell) -> None:
    """`-c` and the environment; the next step repeats it."""
    shell("init", "other")

    done = shell("-c", "other/.redunlite", "run", "w.py", "nothing")
    again = shell("run", "w.py", "nothing", REDUNLITE_CONFIG="other")

    assert "details: redunlite -c other/.redunlite log " in done.err
    assert "Cached Job" in again.err
    assert not (shell.folder / ".redunlite").exists()


# Streams.


def test_result_alone_is_on_stdout(lab: Shell) -> None:
    """What a script takes from a pipe is the result."""
    done = lab("run", "w.py", "inc", "--i", "1")

    assert done.out == "2\n"
    assert all(line.startswith("[redunlite]") for line in done.err.splitlines())


def test_ascii_terminal_gets_escapes(lab: Shell) -> None:
    """Exit code 0, and nothing that the terminal cannot show."""
    done = lab("run", "w.py", "accent", PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")

    assert done.status == 0
    assert done.out == "'caf\\xe9 \\x1b[31m'\n"


def test_result_that_cannot_be_shown_is_its_preview(lab: Shell) -> None:
    """The `repr` of a user's class may fail; the run is DONE, and a note tells why."""
    done = lab("run", "w.py", "shy", "-q")

    assert (done.status, done.out) == (0, "<Shy object>\n")
    assert done.err == (
        "redunlite: note: some of the result cannot be shown: RuntimeError: not now\n"
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_full_disk_for_the_result_is_one_line(lab: Shell) -> None:
    """Exit code 1; the execution itself is done."""
    done = lab.bash("redunlite run -q w.py data > /dev/full")

    assert done.status == 1
    assert done.err == "redunlite: cannot write to standard output: No space left on device\n"


@pytest.mark.parametrize(
    "line, status",
    [
        ("redunlite run w.py data >&-", 0),
        ("redunlite run w.py data 2>&- >/dev/null", 0),
        ("redunlite run w.py data 2>/dev/full >/dev/null", 0),
        ("redunlite run w.py data <&- >&- 2>&-", 0),
        ("redunlite run w.py fail <&- >&- 2>&-", 1),
        ("redunlite run w.py nothing >/dev/full", 0),
        ("redunlite rn 2>&-", 2),
        ("redunlite run w.py data -q | true; (exit ${PIPESTATUS[0]})", 0),
        (
            "redunlite run w.py data 2>&1 >/dev/null | head -1 >/dev/null; (exit ${PIPESTATUS[0]})",
            0,
        ),
        ("redunlite help | true; (exit ${PIPESTATUS[0]})", 0),
    ],
)
def test_missing_streams_end_nothing(lab: Shell, line: str, status: int) -> None:
    """Closed, full or broken: the run goes on, and nothing lands in the wrong place."""
    done = lab.bash(line)

    assert done.status == status, done
    assert "Traceback" not in done.err
    assert "Exception ignored" not in done.err


def test_closed_stderr_does_not_mix_into_stdout(lab: Shell) -> None:
    """Standard output has the result alone, also when stderr is not there."""
    assert lab.bash("redunlite run w.py inc --i 1 2>&-").out == "2\n"


# Terminals and signals.


@pytest.mark.parametrize("columns", [80, 40])
def test_terminal_has_a_footer_that_is_gone_at_the_end(shell: Shell, columns: int) -> None:
    """One line of the terminal's width while jobs run; erased before the table, which fits, too."""
    with shell.spawn(
        "run", "w.py", "many", "--n", "8", "--seconds", "0.2", "--no-color", columns=columns
    ) as child:
        child.expect(r"\r\x1b\[K((?:\[redunlite\] )?0:0\d  ?\d+ run[^\r\n]*)")
        assert len(child.match[1]) < columns
        child.expect(pexpect.EOF)
        text = child.before
    end = text[text.index("JOB STATUS") :]
    assert "\x1b" not in end
    assert re.search(r"ALL +(0 +0 +0 +0 +)?10 +10\r\n", end)
    table = [line for line in text.split("\r\n") if line.startswith("[redunlite] |")]
    assert len(table) == 7
    assert all(len(line) <= columns for line in table)
    assert end.endswith("\r\n36\r\n")
    assert child.exitstatus == 0


def test_output_off_a_terminal_has_no_cursor_codes(shell: Shell) -> None:
    """Also when jobs take long enough for a footer."""
    done = shell("run", "w.py", "many", "--n", "4", "--seconds", "0.2")

    assert "\x1b" not in done.err + done.out
    assert "\r" not in done.err + done.out


def test_many_lines_are_thinned_out(shell: Shell) -> None:
    """Twenty of each task, some more, and how many were left out; `-v` shows all."""
    done = shell("run", "w.py", "many", "--n", "500")
    verbose = shell("run", "w.py", "many", "--n", "500", "-v")

    printed = len(re.findall(r"(?:Run   |Cached) Job \w+:  lab\.inc", done.err))
    hidden = sum(int(n.replace(",", "")) for n in re.findall(r"… ([\d,]+) more lab\.inc", done.err))
    assert printed >= 20
    assert printed + hidden == 500
    assert hidden > 0
    assert len(re.findall(r"Cached Job \w+:  lab\.inc", verbose.err)) == 500


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_the_run_and_the_command_by_itself(
    shell: Shell, number: signal.Signals
) -> None:
    """A shell reads 130, 143 or 129; the table shows what was cancelled."""
    with shell.spawn("run", "w.py", "sleep", "-v") as child:
        child.expect("Run    Job")
        while not (shell.folder / "asleep").exists():
            child.expect([r"\x1b\[K", pexpect.EOF])
        os.kill(child.pid, number)
        child.expect("CANCELLED")
        child.expect(pexpect.EOF)
        text = child.before
    assert child.signalstatus == number
    assert "cancelled" in text
    assert "Traceback" not in text


def test_two_dashes_stand_anywhere(shell: Shell) -> None:
    """Before the command, the file, the task and its options they part words from options."""
    (shell.folder / "-odd.py").write_text(
        "from redunlite import task\n@task\ndef main(n: int = 1): return n\n"
    )

    for line in (
        "-- run -q -- -odd.py main --n 2",
        "run -q -- -odd.py main --n 2",
        "run -q -- -odd.py main -- --n 2",
        "run -q ./-odd.py -- main --n 2",
    ):
        done = shell(*line.split())

        assert (done.status, done.out, done.err) == (0, "2\n", "")
    assert shell("help", "--", "run").out == shell("help", "run").out
    assert "unknown workflow file '--help'" in shell("run", "--", "--help").err


def test_task_is_found_however_its_name_is_spelled(shell: Shell) -> None:
    """By `run`, its help and the history: composed, decomposed, with ligatures."""
    text = "from redunlite import task\nredun_namespace = 'caf\u00e9'\n"
    text += "@task(name='file')\ndef f(): return 7\n"
    (shell.folder / "names.py").write_text(text, encoding="utf-8")
    spelled = "cafe\u0301.\ufb01le"

    done = shell("run", "-q", "names.py", spelled)
    listed = shell("log", "--task", spelled, "--quiet")
    page = shell("log", spelled)

    assert done.out == shell("run", "-q", "names.py", "\ufb01le").out == "7\n"
    assert len(listed.out.split()) >= 1
    assert "caf\u00e9.file" in page.out


def test_link_to_a_workflow_shares_its_cache(shell: Shell) -> None:
    """By either name a task has the same results, instances of its file's classes among them."""
    real = shell.folder / "real"
    real.mkdir()
    (real / "linked.py").write_text(
        "import dataclasses\nfrom redunlite import task\nimport beside\n"
        "@dataclasses.dataclass\nclass Point:\n    x: int\n"
        "@task\ndef make(x): return Point(beside.double(x))\n"
        "@task\ndef main(): return [make(1), make(2)]\n"
    )
    (real / "beside.py").write_text("def double(x): return 2 * x\n")
    (shell.folder / "link.py").symlink_to("real/linked.py")

    first = shell("run", "link.py", "main")
    second = shell("run", "real/linked.py", "main")

    assert first.out == second.out == "[Point(x=2), Point(x=4)]\n"
    assert (first.err.count(" Run "), second.err.count(" Run ")) == (3, 0)
    assert "make" in shell("tasks", "link.py").out


@pytest.mark.parametrize(
    "words",
    [
        ["run", "w.py", "show", "--text", "y" * 100_000],
        ["run", "-n", "w.py", "show", "--text", "\u5b57" * 40_000],
        ["run", "w.py", "nothing", "--tag", "k=" + "y" * 100_000],
        ["run", "w.py", "nothing", "--tag", "y" * 100_000],
        ["run", "y" * 100_000, "main"],
        ["run", "w.py", "show", "--text", "@" + "y" * 100_000],
        ["tag", "add", "-", "k=" + "y" * 100_000],
    ],
    ids=lambda words: " ".join(word[:9] for word in words),
)
def test_no_line_is_as_long_as_a_word_of_the_command(lab: Shell, words: list[str]) -> None:
    """Neither the lines of a run, an error, nor the history repeat it whole."""
    lab("run", "w.py", "nothing")
    told = lab(*words)
    listed = [
        lab("log"),
        lab("log", "-"),
        lab("log", "--jobs", "-v"),
        lab("tag", "list", "--values"),
    ]

    shown = [told.err, *(done.out for done in listed)]
    if words[0] == "tag":
        shown.append(told.out)
    assert max(len(line) for text in shown for line in text.splitlines()) < 1500


def test_json_has_the_command_line_whole(lab: Shell) -> None:
    """What is cut for people is all there for programs."""
    lab("run", "w.py", "total", "--xs", *map(str, range(40_000)))

    page = json.loads(lab("log", "-", "--format", "json").out)
    assert page["argv"][-1] == "39999"


def test_command_line_longer_than_a_message_reaches_the_workers(lab: Shell) -> None:
    """So long are the names of some thousand files."""
    done = lab("run", "-q", "w.py", "total", "--xs", *map(str, range(10_000_000, 10_040_000)))

    assert (done.status, done.out) == (0, f"{sum(range(10_000_000, 10_040_000))}\n")


def test_job_lines_are_as_wide_as_the_terminal(shell: Shell) -> None:
    """On a terminal a line fits; the id, the executor and the reason are there."""
    child = shell.spawn("run", "w.py", "show", "--text", "y" * 500, columns=100)
    child.expect(pexpect.EOF)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in child.before.split("\r\n")]
    (line,) = [line for line in lines if " Run    Job " in line]

    assert len(line) <= 100
    assert re.fullmatch(
        r"\[redunlite\] Run    Job [0-9a-f]{8}:  lab.show\(text='y+….*\) on default", line
    )
