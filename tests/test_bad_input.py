"""Bad input at the command line: one clear message, exit code 2 or 4, and nothing written."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).resolve().parent.parent

WORKFLOW = '''\
"""Tasks whose parameters can be given badly."""

import enum
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Callable, Iterator, Literal

from redunlite import task

redun_namespace = "lab"


class Color(enum.Enum):
    red = 1
    blue = 2


@dataclass
class Train:
    lr: float
    epochs: int = 3

    def __post_init__(self):
        if self.lr < 0:
            raise ValueError("lr is negative")


@task
def show(
    n: int = 1, x: float = 1.0, flag: bool = False, color: Color = Color.red,
    mode: Literal["fast", "slow"] = "fast", xs: list[int] = [], d: dict[str, int] = {},
    pair: tuple[int, str] = (1, "a"), day: date = date(2026, 1, 1),
    wait: timedelta = timedelta(0), f: Callable = print, text: str = "a", path: Path = Path("."),
    opt: Train = Train(0.1), either: int | float = 1,
):
    return 1


@task
def needs(a: int, b_c: str, opt: Train):
    return a


@task
def stream(items: Iterator[int]):
    return 1


@task
def nine():
    return 9
'''

RUNNER = """\
import importlib, json, os, sys
from redunlite.cli import main
for name in ("cli.run", "cli.taskhelp", "cli.log", "session", "display.live", "history.query"):
    importlib.import_module(f"redunlite.{name}")  # once, and not in each child
folder, cases = json.load(sys.stdin)

def snapshot():
    found = {}
    for at, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in [*folders, *files]:
            path = os.path.join(at, name)
            is_file = os.path.isfile(path)
            found[path] = open(path, "rb").read().hex() if is_file else ""
    return found

results = []
null = os.open(os.devnull, os.O_RDONLY)
before = snapshot()
for where, words in cases:
    pipes = [os.pipe(), os.pipe()]
    child = os.fork()
    if child == 0:
        os.chdir(os.path.join(folder, where))
        os.dup2(null, 0)
        os.dup2(pipes[0][1], 1)
        os.dup2(pipes[1][1], 2)
        sys.argv = ["redunlite", *words]
        status = 99
        try:
            status = main()
        except SystemExit as error:
            status = error.code
        finally:
            sys.stdout.flush(); sys.stderr.flush()
            os._exit(status)
    texts = []
    for end, other in pipes:
        os.close(other)
        with open(end, "rb") as file:
            texts.append(file.read().decode("utf-8", "backslashreplace"))
    _, status = os.waitpid(child, 0)
    after = snapshot()
    changed = sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
    before = after
    results.append([os.waitstatus_to_exitcode(status), *texts, changed])
json.dump(results, sys.stdout)
"""


class Case(NamedTuple):
    """Words, and what is said about them."""

    words: list[str]
    line: str
    """The first line of the message, behind the program's name; ``…`` stands for anything."""
    hint: str = ""
    """How the second line begins; empty for none."""
    folder: str = "plain"
    status: int = 2


def run(*words: str) -> list[str]:
    """Return words behind the workflow's name."""
    return ["run", "w.py", *words]


CASES = [
    Case(["rn"], "unknown command 'rn'", "did you mean 'run'?"),
    Case([""], "unknown command ''", "commands are run, …"),
    Case(["--verbos"], "unknown option '--verbos'", "did you mean '--version'?"),
    Case(["-c"], "option -c needs a folder"),
    Case(["--log-level", "INFO"], "unknown option '--log-level'", "-q, -v and --debug say…"),
    Case(
        ["run", "--doc", "x", "w.py"],
        "unknown option '--doc' for 'run'",
        "'--tag doc=TEXT' does it",
    ),
    Case(
        run("show", "--pdb"), "unknown option '--pdb' for task 'show'", "'--executor inline' runs…"
    ),
    Case(run("show", "-i", "x"), "unknown option '-i' for task 'show'", "'--NAME @FILE' reads…"),
    Case(
        run("show", "--rerun"),
        "unknown option '--rerun' for task 'show'",
        "'redunlite run --rerun FILE ID': it…",
    ),
    Case(["run", "--rerun", "w.py"], "which job or execution?", "redunlite run --rerun w.py ID"),
    Case(["-c", ""], "option -c needs a folder"),
    Case(
        ["-c", "typo", "log"],
        "-c 'typo' does not exist; 'redunlite init FOLDER' makes FOLDER/.redunlite",
        status=4,
    ),
    Case(
        ["-c", "w.py", "log"],
        "-c 'w.py' is not a folder; 'redunlite init FOLDER' makes FOLDER/.redunlite",
        status=4,
    ),
    Case(
        ["x" * 5000],
        "unknown command 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…xxxxxxxxxxxxxxxxxxx'",
        "commands are run, …",
    ),
    Case(
        ["a\x1b[2Jb"],
        "unknown command 'a\\x1b[2Jb'",
        "commands are run, …",
    ),
    Case(
        ["\udcff\udcfe"],
        "unknown command '\\udcff\\udcfe'",
        "commands are run, …",
    ),
    Case(["run"], "which workflow file?", "redunlite run FILE TASK"),
    Case(["run", ""], "which workflow file?", "redunlite run FILE TASK"),
    Case(["run", "v.py", "show"], "unknown workflow file 'v.py'", "did you mean 'w.py'?"),
    Case(["run", "no/such/w.py", "show"], "unknown workflow file 'w.py' in 'no/such'"),
    Case(["run", ".", "show"], "cannot read workflow file '.': Is a directory"),
    Case(["run", "folder.py", "show"], "cannot read workflow file 'folder.py': Is a directory"),
    Case(
        ["run", "loop.py", "show"],
        "cannot read workflow file 'loop.py': Too many levels of symbolic links",
    ),
    Case(["run", "notes.txt", "show"], "cannot parse workflow file 'notes.txt'"),
    Case(
        ["run", "picture.png", "show"],
        "cannot decode workflow file 'picture.png': byte 0x89 at position 0 is not utf-8",
        "save it as UTF-8, or name its encoding in a coding line",
    ),
    Case(["run", "-", "show"], "unknown workflow file '-'"),
    Case(["run", "syntax.py", "show"], "cannot parse workflow file 'syntax.py'"),
    Case(["run", "import.py", "show"], "cannot load workflow file 'import.py'"),
    Case(["run", "relative.py", "show"], "cannot load workflow file 'relative.py'"),
    Case(
        ["run", "exit.py", "show"], "workflow file 'exit.py' ended the program while it was loaded"
    ),
    Case(["run", "raises.py", "show"], "cannot load workflow file 'raises.py'"),
    Case(
        ["run", "latin.py", "show"],
        "cannot decode workflow file 'latin.py': byte 0xe9 at position 5 is not utf-8",
        "save it as UTF-8, or name its encoding in a coding line",
    ),
    Case(["run", "empty.py", "show"], "unknown task 'show' in empty.py", "empty.py has no tasks"),
    Case(
        ["run", "twice.py", "show"],
        "task 'show' is ambiguous in twice.py",
        "it may be a.show, b.show",
    ),
    Case(run(""), "unknown task '' in w.py", "redunlite run w.py help lists its tasks"),
    Case(run("shwo"), "unknown task 'shwo' in w.py", "did you mean 'show'?"),
    Case(run("lab.shwo"), "unknown task 'lab.shwo' in w.py", "did you mean 'lab.show'?"),
    Case(
        run("other.show"),
        "unknown task 'other.show' in w.py",
        "redunlite run w.py help lists its tasks",
    ),
    Case(
        run("show", "3"),
        "unexpected word '3' for task 'show'",
        "arguments are given by name: --n 3; redunlite run w.py show help shows its options",
    ),
    Case(
        run("show", "--m", "3"),
        "unknown option '--m' for task 'show'",
        "redunlite run w.py show help shows its options",
    ),
    Case(
        run("show", "--m=3"),
        "unknown option '--m' for task 'show'",
        "redunlite run w.py show help shows its options",
    ),
    Case(run("show", "-x"), "unknown option '-x' for task 'show'", "did you mean '--x'?"),
    Case(
        run("show", "--=3"),
        "unknown option '--' for task 'show'",
        "redunlite run w.py show help shows its options",
    ),
    Case(
        run("show", "--" + "y" * 3000),
        "unknown option '--yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…yyyyyyyyyyyyyyyyyyy' for task 'show'",
        "redunlite run w.py show help shows its options",
    ),
    Case(run("show", "--n"), "option --n needs a value", "expected: int"),
    Case(run("show", "--n", "--flag"), "option --n needs a value", "expected: int"),
    Case(run("show", "--n", "1", "--n", "2"), "option --n is given twice: '1' and '2'"),
    Case(run("show", "--n", "1.5"), "option --n got '1.5', expected a whole number"),
    Case(run("show", "--n", ""), "option --n got '', expected a whole number"),
    Case(
        run("show", "--n", "9" * 5000),
        "option --n got '9999999999999999999999999999999999999999999999999999999999…9999999999999999999', expected a whole number",
    ),
    Case(
        run("show", "--n", "a\x1b[31mb\nc"),
        "option --n got 'a\\x1b[31mb\\nc', expected a whole number",
    ),
    Case(run("show", "--n", "\udcff"), "option --n got '\\udcff', expected a whole number"),
    Case(run("show", "--x", "fast"), "option --x got 'fast', expected a number"),
    Case(run("show", "--flag=yes"), "option --flag got 'yes', expected true or false"),
    Case(run("show", "--no-flag=true"), "option --no-flag takes no value, got 'true'"),
    Case(run("show", "--flag", "--no-flag"), "option --flag is given twice: --flag and --no-flag"),
    Case(
        run("show", "--color", "rde"),
        "option --color got 'rde', expected one of red, blue",
        "did you mean 'red'?",
    ),
    Case(
        run("show", "--mode", "FAST"),
        "option --mode got 'FAST', expected one of fast, slow",
        "did you mean 'fast'?",
    ),
    Case(run("show", "--xs", "1", "b"), "option --xs got 'b', expected a whole number"),
    Case(
        run("show", "--xs", "[1, 2"),
        "option --xs got '[1, 2', expected JSON (line 1, column 6: expecting ',' delimiter)",
    ),
    Case(run("show", "--xs", '{"a": 1}'), "option --xs got '{\"a\": 1}', expected a whole number"),
    Case(run("show", "--d", "a"), "option --d got 'a', expected key=value, or a JSON object"),
    Case(run("show", "--d", "a=b"), "option --d got 'b', expected a whole number"),
    Case(
        run("show", "--d", "{'a': 1}"),
        "option --d got \"{'a': 1}\", expected JSON (line 1, column 2: expecting property name enclosed in double quotes)",
    ),
    Case(
        run("show", "--d", '{"a": null}'), "option --d got null at ['a'], expected a whole number"
    ),
    Case(run("show", "--pair", "1"), "option --pair got '1', expected 2 values (int, text), not 1"),
    Case(
        run("show", "--pair", "[1]"),
        "option --pair got '[1]', expected 2 values (int, text), not 1",
    ),
    Case(
        run("show", "--day", "24.11.2026"),
        "option --day got '24.11.2026', expected a date, such as 2026-11-24",
    ),
    Case(
        run("show", "--wait", "soon"),
        "option --wait got 'soon', expected a duration, such as 90, 1.5h, '2d 12h', 1:30:00 or 250ms",
    ),
    Case(
        run("show", "--f", "nothing"),
        "option --f got 'nothing', expected a function by its name (there is no 'nothing' in the workflow)",
    ),
    Case(
        run("show", "--f", "os.path.nothing"),
        "option --f got 'os.path.nothing', expected a function by its name (No module named 'os.path.nothing'; 'os.path' is not a package)",
    ),
    Case(
        run("show", "--either", "x"), "option --either got 'x', expected a whole number or a number"
    ),
    Case(run("show", "--opt", "{}"), "option --opt got '{}', expected Train with lr"),
    Case(
        run("show", "--opt", "{"),
        "option --opt got '{', expected JSON (line 1, column 2: expecting property name enclosed in double quotes)",
    ),
    Case(
        run("show", "--opt", '{"lr": 1, "epoch": 2}'),
        "option --opt got 'epoch', expected fields of Train (lr, epochs), perhaps 'epochs'",
    ),
    Case(run("show", "--opt", '{"lr": "a"}'), 'option --opt got "a" at .lr, expected a number'),
    Case(
        run("show", "--opt.lr", "-1"),
        "option --opt got {'lr': -1.0}, expected Train (lr is negative)",
    ),
    Case(
        run("show", "--opt.lrr", "1"),
        "unknown option '--opt.lrr' for task 'show'",
        "did you mean '--opt.lr'?",
    ),
    Case(
        run("show", "--text", "@no.txt"),
        "option --text names file 'no.txt', which is not there",
        "did you mean '@notes.txt'?",
    ),
    Case(
        run("show", "--text", "@"),
        "option --text got '@', expected a file behind it",
        "for a text that begins with @, type @@",
    ),
    Case(
        run("show", "--text", "@folder.py"),
        "option --text cannot read file 'folder.py': Is a directory",
        "for a text that begins with @, type @@folder.py",
    ),
    Case(
        run("show", "--text", "@picture.png"),
        "option --text: file 'picture.png' is not UTF-8 text (byte 0)",
    ),
    Case(
        run("show", "--xs", "@notes.txt"),
        "option --xs: file 'notes.txt' is no JSON (line 1, column 1: expecting value)",
    ),
    Case(run("show", "--d", "@list.json"), "option --d got [1], expected a JSON object"),
    Case(
        run("show", "--text", "-", "--path", "-"),
        "options --text and --path both ask for standard input",
        "it can be read once; name a file with @ for the other",
    ),
    Case(
        run("show", "--xs", "-"),
        "option --xs: standard input is no JSON (line 1, column 1: expecting value)",
    ),
    Case(
        run("needs"),
        "task 'needs' needs --a, --b-c and --opt.lr",
        "redunlite run w.py needs help shows its options",
    ),
    Case(
        run("needs", "--a", "1", "--opt.epochs", "2"),
        "task 'needs' needs --b-c and --opt.lr",
        "redunlite run w.py needs help shows its options",
    ),
    Case(
        run("stream"),
        "task 'stream' needs --items; Iterator cannot be given here",
        "redunlite run w.py stream help shows its options",
    ),
    Case(
        run("stream", "--items", "1"),
        "a value of type Iterator cannot be given on the command line",
        "call the task from another one, or from a script with redunlite.run()",
    ),
    Case(
        run("show", "help", "me"),
        "unexpected word 'me' for task 'show'",
        "arguments are given by name: --n me; redunlite run w.py show help shows its options",
    ),
    Case(
        run("help", "show"),
        "unexpected word 'show' after 'help'",
        "redunlite run w.py TASK help tells about one task",
    ),
    Case(
        run("show", "--workers", "0"),
        "option --workers got '0', expected a whole number, 1 or more",
    ),
    Case(
        run("show", "--workers", "many"),
        "option --workers got 'many', expected a whole number, 1 or more",
    ),
    Case(
        run("show", "--executor", "proces"), "unknown executor 'proces'", "did you mean 'process'?"
    ),
    Case(
        run("show", "-o", "executor=proces"), "unknown executor 'proces'", "did you mean 'process'?"
    ),
    Case(run("show", "--executor", "zzz"), "unknown executor 'zzz'", "executors are default, …"),
    Case(
        run("show", "--fail-fast", "--keep-going"),
        "--fail-fast and --keep-going exclude each other",
    ),
    Case(
        run("show", "-c", "typo"),
        "-c 'typo' does not exist; 'redunlite init FOLDER' makes FOLDER/.redunlite",
        status=4,
    ),
    Case(run("show", "-q", "-v"), "--quiet and --verbose exclude each other"),
    Case(
        ["run", "--color=red", "w.py", "show"],
        "option --color got 'red', expected one of auto, always, never",
    ),
    Case(run("show", "-o", "memory"), "option -o got 'memory', expected key=value"),
    Case(
        run("show", "-o", "memry=4"),
        "unknown option 'memry' in options of a call of 'lab.show'",
        "did you mean 'memory'? one of your own is declared in redunlite.ini: [options] names = memry",
    ),
    Case(
        run("show", "-o", "memory=much"),
        "option 'memory' in options of a call of 'lab.show' is 'much', expected GiB as a number above 0, or a text such as '500M'",
    ),
    Case(
        run("show", "-o", "name=a"),
        "option 'name' says which task this is and cannot change at a call of 'lab.show'",
        "set it in the decorator",
    ),
    Case(
        run("show", "-o", "limits=[1"),
        "option -o got 'limits=[1', expected JSON (line 1, column 3: expecting ',' delimiter)",
        'a value that begins with [, { or " is JSON',
    ),
    Case(run("show", "--context", "a"), "option --context got 'a', expected key=value"),
    Case(run("show", "--context", "a..b=1"), "option --context got 'a..b=1', expected key=value"),
    Case(
        run("show", "--context", "a=1", "--context", "a.b=2"), "option --context sets 'a.b' twice"
    ),
    Case(
        run("show", "--context", "a={"),
        "option --context got 'a={', expected JSON (line 1, column 2: expecting property name enclosed in double quotes)",
        'a value that begins with [, { or " is JSON',
    ),
    Case(run("show", "--context-file", "no.json"), "there is no context file no.json", status=4),
    Case(
        run("show", "--context-file", "list.json"),
        "list.json is '[1]', expected a JSON object",
        status=4,
    ),
    Case(
        run("show", "--context-file", "notes.txt"),
        "notes.txt is not JSON: Expecting value: line 1 column 1 (char 0)",
        status=4,
    ),
    Case(
        run("show", "--setup", "a=1"),
        "--setup a=1 is for a function that makes the scheduler, and none is set",
        "set it in redunlite.ini: [scheduler] setup_scheduler = file.py::function",
    ),
    Case(["log", "abc"], "unknown id or task 'abc'", "no executions are recorded here yet"),
    Case(
        ["log", "--limit", "0"],
        "option --limit got '0', expected a whole number, 1 or more",
        "'redunlite log --help' tells more",
    ),
    Case(
        ["log", "--format", "jsn"],
        "option --format got 'jsn', expected one of text, json, jsonl, csv",
        "did you mean 'json'?",
    ),
    Case(["log", "--status", "DON"], "unknown status 'DON'", "did you mean 'DONE'?"),
    Case(["log", "a", "b"], "unexpected word 'b' for 'log'", "'redunlite log --help' tells more"),
    Case(["show"], "which ID?", "'redunlite show --help' tells more"),
    Case(["show", "abc"], "unknown id 'abc'", "no executions are recorded here yet"),
    Case(["init", "w.py"], "cannot make …/plain/w.py/.redunlite: File exists", status=4),
    Case(
        ["init", "--forse"],
        "unknown option '--forse' for 'init'",
        "'redunlite init --help' lists them",
    ),
    Case(
        ["completion", "tcsh"],
        "SHELL got 'tcsh', expected one of bash, zsh, fish",
        "did you mean 'bash'?",
    ),
    Case(["help", "rnu"], "unknown command 'rnu'", "did you mean 'run'?"),
    Case(
        ["log", ""], "unknown id or task ''", "redunlite log lists the executions", folder="history"
    ),
    Case(
        ["log", "%"],
        "unknown id or task '%'",
        "redunlite log lists the executions",
        folder="history",
    ),
    Case(
        ["log", "_"],
        "unknown id or task '_'",
        "redunlite log lists the executions",
        folder="history",
    ),
    Case(
        ["log", "~999"],
        "unknown execution '~999'",
        "there are 1, ~1 is the newest",
        folder="history",
    ),
    Case(
        ["log", "~x"], "unknown execution '~x'", "there are 1, ~1 is the newest", folder="history"
    ),
    Case(
        ["log", "zz\x07"],
        "unknown id or task 'zz\\x07'",
        "redunlite log lists the executions",
        folder="history",
    ),
    Case(
        ["log", "z" * 5000],
        "unknown id or task 'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz…zzzzzzzzzzzzzzzzzzz'",
        "redunlite log lists the executions",
        folder="history",
    ),
    Case(
        ["log", "\udcff"],
        "unknown id or task '\\udcff'",
        "redunlite log lists the executions",
        folder="history",
    ),
    Case(["log", "--id", "2"], "id '2' is ambiguous, … records match:", "…", folder="history"),
    Case(
        ["log", "--task", "nothing"],
        "unknown task 'nothing' in this history",
        "redunlite log --jobs",
        folder="history",
    ),
    Case(["show", ""], "unknown id ''", "redunlite log lists the executions", folder="history"),
    Case(["show", "%"], "unknown id '%'", "redunlite log lists the executions", folder="history"),
    Case(["show", "zz"], "unknown id 'zz'", "redunlite log lists the executions", folder="history"),
    Case(
        ["log"],
        "…damaged/.redunlite/redunlite.db (5,000 bytes) is damaged: …",
        folder="damaged",
        status=4,
    ),
    Case(
        ["run", "../plain/w.py", "nine"],
        "…damaged/.redunlite/redunlite.db (5,000 bytes) is damaged: …",
        folder="damaged",
        status=4,
    ),
    Case(
        ["show", "ab"],
        "…damaged/.redunlite/redunlite.db (5,000 bytes) is damaged: …",
        folder="damaged",
        status=4,
    ),
    Case(
        ["log"],
        "…/newer/.redunlite/redunlite.db has schema 999, this redunlite knows schemas up to 1; upgrade redunlite, or move that file away to begin a new database",
        folder="newer",
        status=4,
    ),
    Case(
        ["run", "../plain/w.py", "nine"],
        "…/newer/.redunlite/redunlite.db has schema 999, this redunlite knows schemas up to 1; upgrade redunlite, or move that file away to begin a new database",
        folder="newer",
        status=4,
    ),
    Case(
        ["run", "../plain/w.py", "nine", "-n"],
        "…/newer/.redunlite/redunlite.db has schema 999, this redunlite knows schemas up to 1; upgrade redunlite, or move that file away to begin a new database",
        folder="newer",
        status=4,
    ),
    Case(
        ["log", "ab"],
        "unknown id or task 'ab'",
        "redunlite log lists the executions",
        folder="zero",
    ),
    Case(["show", "ab"], "unknown id 'ab'", "redunlite log lists the executions", folder="zero"),
    Case(
        ["run", "../plain/w.py", "nine"],
        "…/ini/.redunlite/redunlite.ini:2: type is 'proces', expected process or thread or inline or alias; did you mean 'process'?",
        folder="ini",
        status=4,
    ),
    Case(
        ["run", "../plain/w.py", "nine"],
        "…/key/.redunlite/redunlite.ini:2: unknown key 'on_failur' in [scheduler]; did you mean 'on_failure'?",
        folder="key",
        status=4,
    ),
]


def make_folders(root: Path) -> None:
    """Make the folders in which the cases run."""
    plain = root / "plain"
    (plain / "folder.py").mkdir(parents=True)
    (plain / "w.py").write_text(WORKFLOW)
    (plain / "loop.py").symlink_to("loop.py")
    (plain / "notes.txt").write_text("some notes\n")
    (plain / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff")
    (plain / "list.json").write_text("[1]")
    (plain / "syntax.py").write_text("def f(:\n")
    (plain / "import.py").write_text("import no_such_module\n")
    (plain / "relative.py").write_text("from .w import show\n")
    (plain / "exit.py").write_text("import sys\nsys.exit(0)\n")
    (plain / "raises.py").write_text("def f():\n    1 / 0\n\nf()\n")
    (plain / "latin.py").write_bytes(b"x = '\xe9'\n")
    (plain / "empty.py").write_text("")
    (plain / "twice.py").write_text(
        "from redunlite import task\n@task(namespace='a')\ndef show(): ...\n"
        "@task(namespace='b')\ndef show(): ...\n"
    )
    history = root / "history"
    history.mkdir()
    (history / "many.py").write_text(
        "from redunlite import task\n@task\ndef inc(i): return i\n"
        "@task\ndef main(): return [inc(i) for i in range(40)]\n"
    )
    subprocess.run(
        [sys.executable, "-m", "redunlite", "run", "-q", "many.py", "main"],
        cwd=history, env={**os.environ, "PYTHONPATH": str(PROJECT)}, check=True, capture_output=True,
    )  # fmt: skip
    (database,) = (history / ".redunlite").glob("*.db")
    for name in ("damaged", "newer", "zero", "ini", "key"):
        (root / name / ".redunlite").mkdir(parents=True)
    target = Path(".redunlite") / database.name
    (root / "damaged" / target).write_bytes(database.read_bytes()[:5000])
    shutil.copy(database, root / "newer" / target)
    with sqlite3.connect(root / "newer" / target) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    (root / "zero" / target).write_bytes(b"")
    (root / "ini" / ".redunlite" / "redunlite.ini").write_text(
        "[executors.default]\ntype = proces\n"
    )
    (root / "key" / ".redunlite" / "redunlite.ini").write_text("[scheduler]\non_failur = finish\n")


Answer = tuple[int, str, str, list[str]]
"""Status, both outputs, and what was changed in the folders."""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    """What the command says in each case; each runs in a process of its own."""
    root = tmp_path_factory.mktemp("bad")
    make_folders(root)
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps([str(root), [(case.folder, case.words) for case in CASES]]),
        capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return [tuple(answer) for answer in json.loads(done.stdout)]


def name_case(case: Case) -> str:
    """Return a short name of a case."""
    words = ascii(" ".join(case.words))[1:-1]
    return f"{case.folder}-{words[:40]}"


def fits(text: str, pattern: str) -> bool:
    """Tell whether a text is the pattern, in which ``…`` stands for anything."""
    parts = map(re.escape, pattern.split("…"))
    return re.fullmatch(".*".join(parts), text) is not None


@pytest.mark.parametrize("n", range(len(CASES)), ids=list(map(name_case, CASES)))
def test_bad_input_is_one_clear_message(answers: list[Answer], n: int) -> None:
    """What is wrong, which, and what next; nothing on standard output, nothing written."""
    case = CASES[n]
    status, out, err, changed = answers[n]
    lines = [line for line in err.splitlines() if not line.startswith("[redunlite] ")]

    assert fits(lines[0].removeprefix("redunlite: "), case.line), lines[0]
    assert lines[0].startswith("redunlite: ")
    assert status == case.status
    assert out == ""
    assert changed == []
    if case.hint:
        assert fits(lines[1], f"  {case.hint}"), lines[1]
    else:
        assert not lines[1:] or lines[1].startswith("    File ")
    assert all(line.isprintable() and len(line) <= 300 for line in lines)


FOREIGN = r"Traceback|argument |invalid|the following|required|unrecognized|usage:|choose from"
"""Words of argparse and of Python's errors."""


def test_no_message_has_words_of_the_parser(answers: list[Answer]) -> None:
    """All messages are sentences of our own."""
    found = [
        line
        for case, (_, _, err, _) in zip(CASES, answers)
        for line in err.splitlines()[:2]
        if re.search(FOREIGN, line) and not line.startswith("    ")
    ]

    assert found == []


def test_there_are_sixty_cases_of_all_kinds() -> None:
    """Both exit codes, every command, and all folders."""
    assert len(CASES) >= 60
    assert {case.status for case in CASES} == {2, 4}
    assert {case.folder for case in CASES} > {"plain", "history", "damaged", "newer", "zero", "ini"}
    assert {"run", "log", "show", "init", "help"} <= {word for c in CASES for word in c.words[:1]}


def test_words_with_control_characters_are_no_longer_than_a_line(tmp_path: Path) -> None:
    """The real command says the same as in the batch."""
    done = subprocess.run(
        [sys.executable, "-m", "redunlite", b"a\x1b[2J\xff" + b"b" * 5000],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(PROJECT)}, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 2
    assert done.stderr.startswith("redunlite: unknown command 'a\\x1b[2J\\udcffbbb")
    assert done.stderr.splitlines()[0].isprintable()
    assert len(done.stderr.splitlines()[0]) < 120
