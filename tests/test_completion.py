"""Completion by the protocol between shell and program, and the command `completion`."""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pexpect
import pytest

from redunlite.cli import arguments, completers, finder, make_parser
from redunlite.cli.run import iter_tasks
from redunlite.errors import UnknownNameError, UsageError
from redunlite.loading import load_workflow
from redunlite.outline import find_task, read_module
from tests.test_layers import HEAVY, list_loaded

WORKFLOW = '''
"""A workflow that must not run while it is completed."""
from typing import Literal
from redunlite import task

redun_namespace = "lab"

with open("imported", "w"):
    pass

@task()
def align(sample: str, ref_genome: str = "hg38", threads: int = 2, fast: bool = False):
    """Align reads to the reference."""
    return sample

@task()
def plot(kind: Literal["bar", "line"], executor: str = "x", help: str = "", class_: int = 1):
    """Draw."""
    return kind

@task(namespace="lab.extra")
def plot_all():
    return 1

@task()
def fail():
    raise ValueError("no")

@task()
def nap():
    import time
    open("napping", "w").close()
    time.sleep(600)
'''


class Word(NamedTuple):
    """One word that was offered."""

    text: str
    told: str


class Shell:
    """A folder, and what a TAB gives in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "w.py").write_text(WORKFLOW)
        (folder / ".git").mkdir()
        self.environment = {
            **{
                k: v
                for k, v in os.environ.items()
                if not k.startswith(("REDUNLITE_", "_ARGC", "XDG_"))
            },
            "HOME": str(folder),
            "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
        }

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return subprocess.run(
            [sys.executable, "-m", "redunlite", *words],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def ask(self, line: str, shell: str = "zsh", **environment: str) -> str:
        """Return the raw answer at the end of a line."""
        path = self.folder / "answer"
        point = len(line.encode()) if shell == "bash" else len(line)
        done = self.run(
            _ARGCOMPLETE="1",
            _ARGCOMPLETE_SHELL=shell,
            _ARGCOMPLETE_IFS="\n",
            _ARGCOMPLETE_SUPPRESS_SPACE="1",
            _ARGCOMPLETE_STDOUT_FILENAME=str(path),
            _ARGCOMPLETE_COMP_WORDBREAKS="=:" if shell == "bash" else "",
            COMP_LINE=f"redunlite {line}",
            COMP_POINT=str(point + 10),
            **environment,
        )
        assert (done.stdout, done.stderr) == ("", "")
        text = path.read_text() if path.exists() else ""
        path.unlink(missing_ok=True)
        return text

    def tab(self, line: str) -> list[Word]:
        """Return the words that are offered at the end of a line, with what is told about each."""
        words = [answer.partition(":") for answer in self.ask(line).splitlines()]
        return [Word(text, told) for text, _, told in words]

    def words(self, line: str) -> list[str]:
        """Return the words that are offered at the end of a line."""
        return [word.text for word in self.tab(line)]

    def list_files(self) -> list[str]:
        """Return everything in the folder."""
        return sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*"))


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A folder with the workflow alone."""
    return Shell(tmp_path)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A folder with the workflow and a history, for tests that only read."""
    made = Shell(tmp_path_factory.mktemp("lab"))
    for words in ("align --sample a", "align --sample a", "plot --kind bar", "fail"):
        made.run("run", "w.py", *words.split())
    (made.folder / "imported").unlink()
    return made


# Commands and options.


def test_tab_offers_commands_with_their_help(shell: Shell) -> None:
    """The first word is a command, and each has its line."""
    words = shell.tab("")

    assert {"run", "log", "show", "init", "completion", "help"} <= {word.text for word in words}
    assert all(word.told for word in words)
    assert shell.words("lo") == ["log"]
    assert shell.words("help lo") == ["log"]


@pytest.mark.parametrize("command", ["", "run", "log", "show", "init", "completion"])
def test_tab_offers_each_option_once(shell: Shell, command: str) -> None:
    """All long options of a command complete, in one spelling, with help."""
    parser = make_parser(command)
    if command:
        parser = parser.find_command(command)  # type: ignore[assignment]
    expected = [flag for flag in parser._option_string_actions if flag.startswith("--")]

    words = shell.tab(f"{command} -".lstrip())

    assert sorted(expected) == sorted(word.text for word in words)
    assert all(word.told for word in words)


def test_tab_leaves_out_options_that_were_given(shell: Shell) -> None:
    """An option that is there already is not offered again, in none of its spellings."""
    words = shell.words("run -v --debug w.py align --ref_genome x --fast --")

    assert "--sample" in words and "--dry-run" in words
    assert not {"--verbose", "--debug", "--ref-genome", "--fast", "--no-fast"} & set(words)


def test_tab_offers_choices(shell: Shell) -> None:
    """What a parser lists as choices completes, behind a blank and behind an equals sign."""
    assert shell.tab("log --format ")[0] == Word("text", "default")
    assert shell.words("log --format=t") == ["--format=text"]
    assert shell.words("completion ") == ["bash", "zsh", "fish"]


def test_tab_offers_statuses_and_times(shell: Shell) -> None:
    """Filters of `log` take statuses with commas between them, and words for times."""
    assert shell.words("log --status ") == ["running", "done", "failed", "cancelled", "cached"]
    assert shell.words("log --status fai") == ["failed"]
    assert shell.words("log --status failed,ca") == ["failed,cancelled", "failed,cached"]
    assert shell.words("log --status=done,fa") == ["--status=done,failed"]
    assert shell.words("log --status nonsense --since y") == ["yesterday"]


def test_tab_offers_options_where_nothing_else_is_left(shell: Shell) -> None:
    """Behind all words, a TAB without a dash shows the options."""
    assert {"--format", "--json"} <= set(shell.words("show abc "))


# Files and tasks.


def test_tab_offers_workflow_files_and_folders(shell: Shell) -> None:
    """`run` takes Python files; hidden files, caches and others are left out."""
    for name in ("a b.py", "notes.txt", ".hidden.py"):
        (shell.folder / name).touch()
    for name in ("steps", "__pycache__", ".dot"):
        (shell.folder / name).mkdir()
    (shell.folder / "steps" / "more.py").touch()

    assert shell.words("run ") == ["a\\ b.py", "w.py", "steps/"]
    assert shell.words("run .") == [".hidden.py", ".dot/", ".git/"]
    assert shell.words("run steps/") == ["steps/more.py"]
    assert shell.words("run ~/st") == ["~/steps/"]
    assert shell.words("run none/") == []
    assert shell.words("-c st") == ["steps/"]
    assert "notes.txt" not in shell.words("init ")


def test_tab_offers_tasks_with_their_first_line(shell: Shell) -> None:
    """Short names come first, full ones with the first dot, and the file never runs."""
    assert shell.tab("run w.py a") == [Word("align", "Align reads to the reference.")]
    assert shell.words("run w.py ") == ["align", "plot", "plot_all", "fail", "nap", "help"]
    assert shell.words("run w.py lab.p") == ["lab.plot"]
    assert shell.words("run w.py lab.e") == ["lab.extra.plot_all"]
    assert shell.words("run --workers 2 -v w.py fa") == ["fail"]
    assert shell.words("help run w.py fa") == ["fail"]
    assert not (shell.folder / "imported").exists()


def test_tab_offers_the_options_of_the_task(shell: Shell) -> None:
    """Required options come first, `help` and `info` follow; those of `run` need a dash."""
    assert shell.tab("run w.py align ") == [
        Word("--sample", "str (required)"),
        Word("--ref-genome", "str (default: hg38)"),
        Word("--threads", "int (default: 2)"),
        Word("--fast", "bool (default: False)"),
        Word("--no-fast", "bool (default: False)"),
        Word("help", "show the options of the task"),
        Word("info", "show its source and what is tracked"),
    ]
    words = shell.words("run w.py align --")
    assert words[:2] == ["--sample", "--ref-genome"] and "--dry-run" in words
    assert shell.words("run w.py align --sample x --re") == ["--ref-genome"]
    assert shell.words("run w.py align --ref_") == ["--ref_genome"]
    assert shell.words("run w.py lab.align --thr") == ["--threads"]
    assert shell.words("run w.py none --sam") == []


def test_tab_offers_values_of_the_tasks_options(shell: Shell) -> None:
    """Choices, switches and paths complete; a number does not."""
    assert shell.words("run w.py plot --kind ") == ["bar", "line"]
    assert shell.words("run w.py plot --kind=b") == ["--kind=bar"]
    assert shell.words("run w.py align --fast ")[:2] == ["true", "false"]
    assert shell.words("run w.py align --sample w") == ["w.py"]
    assert shell.words("run w.py align --threads ") == []
    assert shell.words("run w.py align --sample @w") == ["@w.py"]


def test_tab_offers_the_fields_of_a_dataclass(shell: Shell) -> None:
    """Each with what the docstring or the class says; what the engine fills in is not offered."""
    (shell.folder / "t.py").write_text(
        "from dataclasses import dataclass\nfrom redunlite import task\n"
        "from redunlite.jobinfo import JobInfo\n"
        "@dataclass\nclass Net:\n    n_layers: int\n    is_deep: bool = False\n"
        "@task\ndef train(net: Net, name: str = '', info: JobInfo = JobInfo()):\n"
        '    """Train.\n\n    Args:\n        name: What it is called.\n    """\n'
    )

    assert shell.tab("run t.py train --n") == [
        Word("--net.n-layers", "int (required)"),
        Word("--net", "Net as JSON, @FILE, or by its fields"),
        Word("--net.is-deep", "bool (default: False)"),
        Word("--no-net.is-deep", "bool (default: False)"),
        Word("--name", "What it is called; str (default: '')"),
        Word("--no-cache", "use no result of an earlier execution"),
        Word("--no-color", "same as --color never"),
    ]
    assert shell.words("run t.py train --net.n_") == ["--net.n_layers"]
    assert shell.words("run t.py train --inf") == []


def test_tab_prefers_the_tasks_parameter_to_an_option_of_run(shell: Shell) -> None:
    """Behind the task's name an option that both have is the task's; before it, it is run's."""
    told = {word.text: word.told for word in shell.tab("run w.py plot --")}

    assert told["--executor"] == "str (default: x)"
    assert told["--help"] == "str (default: '')"
    assert told["--class"] == "int (default: 1)"
    assert shell.words("run w.py plot --executor w") == ["w.py"]
    assert shell.words("run --executor thr") == ["thread"]


def test_tab_offers_the_flags_that_run_takes(tmp_path: Path) -> None:
    """Every flag of a task that completes is one that `run` reads, and the other way round."""
    path = tmp_path / "completed_flags.py"
    path.write_text(WORKFLOW.replace("\n    pass", "\n    pass\nimport os; os.remove('imported')"))
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        tasks = iter_tasks(load_workflow(str(path)))
    finally:
        os.chdir(here)
    outlines = read_module(str(path)).list_tasks()

    for task in tasks:
        options = arguments.make_options(task.func)
        read = {flag for o in options for flag in (o.flag, o.negated, *o.spellings) if flag}
        parser = make_parser("run").find_command("run")
        outline = find_task(outlines, task.fullname)
        assert outline is not None
        finder.add_task_options(parser, outline)
        offered = {
            flag
            for flag, action in parser._option_string_actions.items()
            if action.dest.startswith("task.")
        }
        assert read <= offered
        assert [flag for flag in offered if not is_taken(options, flag)] == []


def is_taken(options: list[arguments.Option], flag: str) -> bool:
    """Tell whether `run` knows an option of a task."""
    try:
        arguments.parse_words(options, [flag, "x"], "the task")
    except UnknownNameError:
        return False
    except UsageError:  # about the value
        pass
    return True


def test_tab_completes_options_that_are_added_later() -> None:
    """What stands for a value in a command's help decides what completes, also of a command within one."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers().add_parser("tag").add_subparsers()
    adding = commands.add_parser("add")
    given = [
        adding.add_argument("entity", metavar="ID"),
        adding.add_argument("--output", metavar="FILE"),
        adding.add_argument("--executor", metavar="NAME"),
        adding.add_argument("--form", choices=["a", "b"]),
        adding.add_argument("--task", action="store_true"),
    ]
    for name, inner in finder.iter_parsers(parser):
        for action in inner._actions:
            finder.give_completer(name, action)

    found = [getattr(action, "completer", None) for action in given]
    assert found[:3] == [completers.complete_ids, completers.complete_files, None]
    assert found[3]() == {"a": "", "b": ""}
    assert found[4] is None
    assert [name for name, _ in finder.iter_parsers(parser)] == ["", "tag", "tag"]


def test_tab_offers_nothing_that_could_steer_a_terminal(shell: Shell) -> None:
    """Names and values with control characters are left out, and shown as escapes where told."""
    (shell.folder / "bad.py").write_text(
        "from typing import Literal\n"
        "from redunlite import task\n"
        "@task(name='x\\x1b[2J')\ndef f(): ...\n"
        "@task()\ndef g(a: Literal['ok', 'b\\x07'] = '\\x1b[2J'): 'Told \\x1b[2J.'\n"
    )
    (shell.folder / "b\x1b.py").touch()

    assert shell.tab("run bad.py ")[0] == Word("g", "Told \\x1b[2J.")
    assert shell.words("run b") == ["bad.py"]
    assert shell.words("run bad.py g --a ") == ["ok"]
    assert "\x1b" not in shell.ask("run bad.py g ")


def test_tab_completes_the_module_too(shell: Shell) -> None:
    """argcomplete's global code asks for `python -m redunlite` in the same way."""
    path = shell.folder / "answer"
    line = "python -m redunlite run w"
    shell.run(
        _ARGCOMPLETE="3",
        _ARGCOMPLETE_SHELL="bash",
        _ARGCOMPLETE_STDOUT_FILENAME=str(path),
        COMP_LINE=line,
        COMP_POINT=str(len(line)),
    )

    assert path.read_text() == "w.py "


def test_tab_says_nothing_about_a_broken_file(shell: Shell) -> None:
    """A file that cannot be parsed, or is none, has no tasks and no options of theirs."""
    (shell.folder / "broken.py").write_text("def f(:\n")

    assert shell.ask("run broken.py ") == ""
    assert shell.ask("run none.py ") == ""
    assert shell.words("run broken.py f --dry") == ["--dry-run"]


# The history.


def test_tab_offers_ids_newest_first(lab: Shell) -> None:
    """Executions and then jobs, each with status, age and what it ran."""
    words = lab.tab("log ")
    executions, jobs = words[:4], words[4:]

    assert [word.told.split()[0] for word in executions] == ["FAILED", "DONE", "DONE", "DONE"]
    assert [word.told.split("  ")[-1] for word in executions] == [
        "run w.py fail",
        "run w.py plot --kind bar",
        "run w.py align --sample a",
        "run w.py align --sample a",
    ]
    assert [(w.told.split()[0], w.told.split()[-1]) for w in jobs] == [
        ("FAILED", "lab.fail"),
        ("DONE", "lab.plot"),
        ("CACHED", "lab.align"),
        ("DONE", "lab.align"),
    ]
    assert all(" ago " in word.told for word in words)
    for word in words:
        assert lab.words(f"log {word.text[:7]}") == [word.text]
        assert lab.run("log", word.text).returncode == 0


def test_tab_completes_long_ids(lab: Shell) -> None:
    """An id that is typed further than it is printed grows to the whole, with or without dashes."""
    uuid = lab.run("log", lab.words("log ")[0]).stdout.split()[1]

    assert lab.words(f"log {uuid[:20]}") == [uuid]
    assert lab.words(f"show {uuid.replace('-', '')[:12]}") == [uuid.replace("-", "")]
    assert lab.words(f"show {uuid}0") == []


def test_tab_completes_ids_of_calls_tasks_and_values(lab: Shell) -> None:
    """Where no execution or job begins as typed, other records are looked for."""
    with sqlite3.connect(lab.folder / ".redunlite" / "redunlite.db") as connection:
        calls = [h.hex()[:8] for (h,) in connection.execute("SELECT call_hash FROM call")]
        tasks = [h.hex()[:8] for (h,) in connection.execute("SELECT hash FROM task")]
    connection.close()

    assert [lab.words(f"log {digest[:7]}") for digest in calls] == [[digest] for digest in calls]
    assert lab.tab(f"show {calls[0][:7]}")[0].told.startswith("call of ")
    assert lab.words(f"log {tasks[0][:7]}") == [tasks[0]]


def test_tab_offers_task_names_and_paths_to_log(lab: Shell) -> None:
    """A word of `log` may be a task's name or a path as well."""
    assert lab.words("log ali") == ["align"]
    assert lab.words("log lab.p") == ["lab.plot"]
    assert lab.words("log w") == ["w.py"]
    assert lab.words("log zzz") == []


def test_tab_offers_tags(lab: Shell) -> None:
    """Keys complete to an equals sign, and then to the values that were recorded."""
    with sqlite3.connect(lab.folder / ".redunlite" / "redunlite.db") as connection:
        connection.execute("DELETE FROM tag")
        connection.executemany(
            "INSERT INTO tag (entity, entity_id, key, value, is_current) VALUES ('job', 1, ?, ?, ?)",
            [("user", '"ann"', 1), ("user", '"5"', 1), ("n", "5", 1), ("old", "1", 0)],
        )
    connection.close()
    args = argparse.Namespace(config=str(lab.folder / ".redunlite"))
    assert completers.complete_tags("", args) == {"n=": "1 tag", "user=": "2 tags"}
    assert sorted(completers.complete_tags("user=", args)) == ['user="5"', "user=ann"]
    assert list(completers.complete_tags("n=", args)) == ["n=5"]
    assert completers.complete_tags("none=", args) == {}


def test_tab_offers_task_options_and_their_values(lab: Shell) -> None:
    """Those that a call may set, with what they mean; values where they can be listed."""
    offered = {word.text: word.told for word in lab.tab("run w.py align -o ")}

    assert offered["priority="] == "higher starts earlier among ready jobs"
    assert not {"version=", "script="} & offered.keys()
    assert lab.words("run -o mem") == ["memory="]
    assert lab.words("run -o cache_scope=C") == ["cache_scope=CSE"]
    assert lab.words("run --option check_valid=") == ["check_valid=full", "check_valid=shallow"]
    assert "executor=thread" in lab.words("run -o executor=t")
    assert lab.words("run -o memory=") == []


def test_tab_offers_context_variables_of_the_configuration(lab: Shell) -> None:
    """With their values; dots lead into dicts."""
    folder = lab.folder / "with_context"
    folder.mkdir()
    context = '{"name": "ini", "machine": {"memory": 2, "disk": {"size": 3}}}'
    (folder / "redunlite.ini").write_text(f"[scheduler]\ncontext = {context}\n")

    assert lab.tab("-c with_context run w.py align --context ") == [
        Word("machine.disk.size=", "3"),
        Word("machine.memory=", "2"),
        Word("name=", "'ini'"),
    ]
    assert lab.words("run -c with_context --context machine.m") == ["machine.memory="]
    assert lab.words("run --context ") == []


def test_tab_offers_task_options_of_the_configuration(lab: Shell) -> None:
    """Beside all others, also where the file has a mistake."""
    folder = lab.folder / "with_options"
    folder.mkdir()
    (folder / "redunlite.ini").write_text("[options]\nnames = lane, room\n")

    assert Word("lane=", "an option of this project's own") in lab.tab("run -c with_options -o l")
    assert "lane=" not in lab.words("run -o l")
    (folder / "redunlite.ini").write_text("[options]\nname = lane\n")
    assert "limits=" in lab.words("run -c with_options -o l")


def test_tab_offers_ids_for_a_run_of_the_same_again(lab: Shell) -> None:
    """In the place of the task."""
    ids = lab.words("log ")

    assert lab.words("run --rerun w.py ") == lab.words("show ")
    assert lab.words(f"run w.py --rerun {ids[0][:4]}") == [ids[0]]


def test_tab_offers_executors_of_the_configuration(lab: Shell) -> None:
    """The names come from the ini file of the folder that the words name."""
    folder = lab.folder / "other"
    folder.mkdir()
    (folder / "redunlite.ini").write_text("[executors.small]\ntype = thread\n")

    assert Word("small", "thread") in lab.tab("-c other run --executor ")
    assert Word("small", "thread") in lab.tab("run -c other --executor ")
    assert Word("small", "thread") in lab.tab("run w.py align --config=other --executor ")
    assert "small" not in lab.words("run --executor ")


def test_tab_takes_the_database_that_the_words_name(lab: Shell) -> None:
    """`-c` before and behind the command counts."""
    folder = str(lab.folder / ".redunlite")
    empty = lab.folder / "empty"
    empty.mkdir()

    assert len(lab.words(f"-c {folder} log ")) == 8
    assert len(lab.words(f"log -c {folder} ")) == 8
    assert "--format" in lab.words("log -c empty ")


# What a TAB leaves alone.


def test_tab_creates_nothing(shell: Shell) -> None:
    """Without a history nothing is offered and no folder is made."""
    before = shell.list_files()

    assert shell.words("show abc") == []
    assert shell.words("log --id 1") == []
    shell.words("run w.py align --")
    assert shell.list_files() == before


def test_tab_leaves_a_quiet_database_as_it_is(lab: Shell) -> None:
    """No write-ahead log appears beside a database that nobody writes."""
    before = {name: (lab.folder / name).stat().st_mtime_ns for name in lab.list_files()}

    assert lab.words("log ")
    after = {name: (lab.folder / name).stat().st_mtime_ns for name in lab.list_files()}
    assert {**after, ".": 0} == {**before, ".": 0}


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_tab_says_nothing_about_a_database_that_cannot_be_read(
    shell: Shell, content: bytes
) -> None:
    """An empty or damaged file has no ids and makes no noise."""
    shell.run("init")
    (shell.folder / ".redunlite" / "redunlite.db").write_bytes(content)

    assert shell.ask("show 1") == ""


def test_tab_does_not_wait_for_a_writer(lab: Shell) -> None:
    """While another process holds the database for writing, what was committed is offered."""
    path = lab.folder / ".redunlite" / "redunlite.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        words = lab.words("log ")
    finally:
        connection.execute("ROLLBACK")
        connection.close()

    assert len(words) == 8


def test_tab_tells_running_from_dead(shell: Shell) -> None:
    """A run that lives is RUNNING; one that was killed has FAILED, and its job is CANCELLED."""
    program = [sys.executable, "-m", "redunlite", "run", "w.py", "nap"]
    run = subprocess.Popen(
        program,
        cwd=shell.folder,
        env=shell.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            words = shell.tab("log ")
            if len(words) == 2 and (shell.folder / "napping").exists():
                break
            assert time.monotonic() < deadline and run.poll() is None
        alive = [word.told.split()[0] for word in words]
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    dead = [word.told.split()[0] for word in shell.tab("log ")]

    assert (alive, dead) == (["RUNNING", "RUNNING"], ["FAILED", "CANCELLED"])


def test_tab_gives_up_a_long_search(lab: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that would take long is given up, and what was found until then is offered."""
    args = argparse.Namespace(config=str(lab.folder / ".redunlite"))
    sizes = []
    for n in range(1, 2000, 20):
        monkeypatch.setattr(completers, "MAX_STEPS", n)
        sizes.append(len(completers.complete_ids("", args)))

    assert sizes[0] == 0
    assert sizes[-1] == 8
    assert {0, 8} < set(sizes)
    assert sizes == sorted(sizes)


# What the shells get.


def test_tab_in_bash_lists_words_with_a_line_about_each(lab: Shell) -> None:
    """Where bash lists, it gets one column with descriptions; where it inserts, the bare words."""
    listed = lab.ask("run w.py ", "bash", COMP_TYPE="63").splitlines()
    inserted = lab.ask("run w.py ", "bash", COMP_TYPE="9").splitlines()
    menu = lab.ask("run w.py ", "bash", COMP_TYPE="37").splitlines()

    assert listed[0].rstrip() == "align     Align reads to the reference."
    assert all(len(line) >= 40 for line in listed)
    assert inserted == menu == ["align", "plot", "plot_all", "fail", "nap", "help"]


def test_tab_in_bash_cuts_at_wordbreaks(lab: Shell) -> None:
    """What bash does not count to the word is not repeated."""
    assert lab.ask("run w.py plot --kind=b", "bash") == "bar"
    assert lab.ask("run wö", "bash") == ""
    (lab.folder / "wörk.py").touch()
    assert lab.ask("run wö", "bash") == "wörk.py"


def test_tab_in_fish_separates_descriptions(lab: Shell) -> None:
    """fish gets word and description with a tab between them."""
    found = lab.ask("run w.py al", "fish", _ARGCOMPLETE_DFS="\t")

    assert found == "align\tAlign reads to the reference."


def test_tab_shows_faults_when_asked(shell: Shell) -> None:
    """With `_ARC_DEBUG` the traceback of a fault is printed; without it nothing is."""
    settings = {"_ARGCOMPLETE": "1", "COMP_LINE": "redunlite ", "COMP_POINT": "many"}

    quiet = shell.run(**settings)
    loud = shell.run(**settings, _ARC_DEBUG="1")

    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (1, "", "")
    assert loud.returncode == 1 and "invalid literal for int()" in loud.stderr


@pytest.mark.parametrize(
    "line",
    [
        "",
        "run ",
        "run w.py ",
        "run w.py align --sa",
        "log ",
        "log a",
        "run --executor ",
        "-c ",
        "log --status failed ",
    ],
)
def test_tab_loads_nothing_heavy(
    lab: Shell, line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A TAB imports the standard library's light parts and argcomplete, and neither pool nor models."""
    monkeypatch.setenv("REDUNLITE_CONFIG", str(lab.folder / ".redunlite"))
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    monkeypatch.setenv("_ARGCOMPLETE_SHELL", "zsh")
    monkeypatch.setenv("_ARGCOMPLETE_STDOUT_FILENAME", str(tmp_path / "answer"))
    full = f"redunlite {line.replace('w.py', str(lab.folder / 'w.py'))}"
    monkeypatch.setenv("COMP_LINE", full)
    monkeypatch.setenv("COMP_POINT", str(len(full)))

    loaded = list_loaded("-m", "redunlite") - list_loaded("-c", "pass")

    assert (tmp_path / "answer").read_text()
    assert "argcomplete" in loaded
    allowed = {"sqlite3"} if "log" in line else set()
    assert sorted(loaded.intersection(HEAVY) - allowed) == []


# The command.


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_prints_code(shell: Shell, name: str) -> None:
    """The code goes to standard output, for the shell that is named, or for the user's own."""
    named = shell.run("completion", name)
    own = shell.run("completion", SHELL=f"/usr/bin/{name}")

    assert (named.returncode, named.stderr) == (0, "")
    assert named.stdout == own.stdout
    assert "_ARGCOMPLETE" in named.stdout and "_REDUNLITE_COMPLETION" in named.stdout
    assert shell.list_files() == [".git", "w.py"]


def test_completion_wants_a_shell_that_it_knows(shell: Shell) -> None:
    """Without a name and with a login shell of another kind, and with an unknown name, it is 2."""
    unknown = shell.run("completion", SHELL="/bin/tcsh")
    wrong = shell.run("completion", "fsh")

    assert (unknown.returncode, unknown.stderr) == (
        2,
        "redunlite: for which shell?\n  one of bash, zsh, fish\n",
    )
    assert wrong.returncode == 2 and "did you mean 'fish'?" in wrong.stderr


@pytest.mark.parametrize(
    ("name", "variable", "place"),
    [
        ("bash", "XDG_DATA_HOME", "bash-completion/completions/redunlite"),
        ("fish", "XDG_CONFIG_HOME", "fish/completions/redunlite.fish"),
        ("zsh", "XDG_DATA_HOME", "zsh/site-functions/_redunlite"),
    ],
)
def test_completion_install_writes_the_file_of_the_shell(
    shell: Shell, name: str, variable: str, place: str
) -> None:
    """The code is put where the shell loads it, told, and kept when it is there already."""
    # Without zsh on the path there is nobody to ask for its folders.
    settings = {variable: str(shell.folder / "xdg"), "PATH": "/nowhere"}

    first = shell.run("completion", name, "--install", **settings)
    second = shell.run("completion", name, "--install", **settings)
    path = shell.folder / "xdg" / place
    code = shell.run("completion", name).stdout
    written = path.read_text()
    path.write_text("an older version")
    third = shell.run("completion", name, "--install", **settings)

    assert first.stdout.startswith(f"Wrote {path}\n") and first.stderr == ""
    assert second.stdout.startswith(f"Kept {path}\n")
    assert third.stdout.startswith(f"Updated {path}\n")
    assert written == path.read_text() == code
    assert not [name for name in shell.list_files() if name.endswith("rc")]


def test_completion_install_tells_why_it_cannot(shell: Shell) -> None:
    """A place that cannot be written is one line, with the other way."""
    (shell.folder / "xdg").touch()

    done = shell.run("completion", "bash", "--install", XDG_DATA_HOME=str(shell.folder / "xdg"))

    assert done.returncode == 2
    assert done.stderr.startswith("redunlite: cannot write ")
    assert 'eval "$(redunlite completion bash)"' in done.stderr


# The advice of a run.


def run_on_terminal(shell: Shell, *options: str, **environment: str) -> str:
    """Run a task on a terminal, and return what it printed."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "redunlite", "run", "w.py", "plot", "--kind", "bar", *options],
        cwd=str(shell.folder),
        env={"TERM": "xterm", **environment},
        encoding="utf-8",
        timeout=60,
        dimensions=(24, 80),
    )
    child.expect(pexpect.EOF)
    child.close()
    return child.before or ""


def test_run_tells_once_how_to_get_completion(shell: Shell) -> None:
    """At a terminal without completion, the first run of a user ends with one line about it."""
    del shell.environment["_REDUNLITE_COMPLETION"]
    environment = {**shell.environment, "SHELL": "/usr/bin/zsh"}
    advice = 'completion: add eval "$(redunlite completion zsh)" to ~/.zshrc'
    state = shell.folder / ".local" / "state" / "redunlite"

    silent = [
        run_on_terminal(shell, **{**environment, "_REDUNLITE_COMPLETION": "1"}),
        run_on_terminal(shell, **{**environment, "SHELL": "/bin/tcsh"}),
        run_on_terminal(shell, "-q", **environment),
        run_on_terminal(shell, "--dry-run", **environment),
        shell.run("run", "w.py", "plot", "--kind", "bar", SHELL="/usr/bin/zsh").stderr,
    ]
    was_kept = state.exists()
    first, second = (run_on_terminal(shell, **environment) for _ in range(2))

    assert not any("completion" in text for text in silent)
    assert not was_kept
    assert f"[redunlite] {advice}\r\n'bar'\r\n" in first
    assert "completion" not in second
    assert [path.name for path in state.iterdir()] == ["completion-told"]


def test_run_says_nothing_about_completion_that_was_installed(shell: Shell) -> None:
    """After `--install` nobody needs to be told."""
    del shell.environment["_REDUNLITE_COMPLETION"]
    environment = {**shell.environment, "SHELL": "/usr/bin/fish"}
    shell.run("completion", "--install", SHELL="/usr/bin/fish")

    assert "completion" not in run_on_terminal(shell, **environment)


def test_run_says_nothing_where_it_cannot_keep_that_it_did(shell: Shell) -> None:
    """A folder that cannot be written would mean to be told at every run."""
    del shell.environment["_REDUNLITE_COMPLETION"]
    (shell.folder / "state").touch()
    environment = {"SHELL": "/bin/bash", "XDG_STATE_HOME": str(shell.folder / "state")}

    assert "completion" not in run_on_terminal(shell, **{**shell.environment, **environment})
