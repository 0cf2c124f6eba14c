"""Plays a workflow that was written for redun, under redun or under redunlite, step by step.

A scenario is a workflow file and a list of steps: commands, and edits between them. Ours is the
same file with another import line (`translate`). Each command has an outcome: what it printed as
its result, how it ended, and how many jobs of each task were done, cached and failed. Where the
outcomes are meant to differ, the step says why.

Used by `scripts/compare-redun`, which plays both, and by `tests/test_redun_workflows.py`, which
plays ours alone against what the script has written down. Needs nothing but Python.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

HERE = Path(__file__).resolve().parent
WORKFLOWS = HERE / "workflows"
EXPECTED = HERE / "expected"
STEP_LIMIT_S = 120.0

ASPECTS = ("result", "exit", "error", "jobs", "cached", "tree")
"""What is compared; a step has those that apply."""

Outcome = dict[str, Any]
"""By aspect: lines of the result, exit code, line that names the error, by task the jobs that were
done and failed and the number of those that were cached, and the lines of the log.
"""


Reasons: TypeAlias = "str | Mapping[str, str]"
"""Why a command is meant to differ: by aspect, or one reason for whatever differs."""


@dataclass(frozen=True)
class Side:
    """One of the two systems."""

    package: str
    """``redun`` or ``redunlite``; also the name of the command and of the logger."""
    command: Sequence[str]
    """Words that start its command."""
    python: str
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Its folder in a project."""
        return f".{self.package}"


@dataclass(frozen=True)
class Run:
    """A run of the workflow: ``BEFORE run workflow.py WORDS``."""

    words: str
    differs: Reasons = ""
    before: str = ""
    """Options of the command itself."""


@dataclass(frozen=True)
class Log:
    """A look at the log: ``log WORDS``; the lines of jobs are compared."""

    words: str
    differs: Reasons = ""


@dataclass(frozen=True)
class Command:
    """Any command; ``{execution}`` and ``{job}`` in its words stand for the ids of the latest ones."""

    words: str
    differs: Reasons = ""
    shows: bool = False
    """Whether what it prints is compared."""


@dataclass(frozen=True)
class Script:
    """The workflow itself as a program: ``python workflow.py WORDS``."""

    words: str = ""
    differs: Reasons = ""


@dataclass(frozen=True)
class Edit:
    """A change of the workflow, or of another file of its folder, before the next step."""

    old: str
    """Text that is there once."""
    new: str
    file: str = "workflow.py"


Step: TypeAlias = "Run | Log | Command | Script | Edit"


@dataclass(frozen=True)
class Scenario:
    """A workflow and what is done with it."""

    name: str
    """Of the file, or the folder with a `workflow.py`, in `workflows/`."""
    shows: str
    """Which part of the language it is about."""
    steps: Sequence[Step]
    differs: Mapping[str, str] = field(default_factory=dict)
    """Aspect, to the reason why it is meant to differ in commands that say nothing of it."""
    ini: str = ""
    """Sections for the configuration file."""
    our_ini: str = ""
    """Ours, where it is not the same."""
    waits_for: str = ""
    """What ours lacks for this scenario; the tests leave it out until that is there."""


def translate(source: str) -> str:
    """Return a workflow for redunlite: only its import lines differ."""
    return re.sub(r"^(\s*)(from|import) redun\b", r"\1\2 redunlite", source, flags=re.MULTILINE)


def play(scenario: Scenario, side: Side, place: Path) -> Iterator[tuple[Step, Outcome]]:
    """Play a scenario in an empty folder; yield each command with its outcome."""
    source = WORKFLOWS / scenario.name
    if source.is_dir():
        shutil.copytree(source, place, dirs_exist_ok=True)
    else:
        shutil.copy(source.with_suffix(".py"), place / "workflow.py")
    if side.package == "redunlite":
        for path in place.rglob("*.py"):
            path.write_text(translate(path.read_text(encoding="utf-8")), encoding="utf-8")
    (place / ".git").mkdir()
    if scenario.ini:
        is_ours = side.package == "redunlite"
        ini = scenario.our_ini if is_ours and scenario.our_ini else scenario.ini
        (place / side.folder).mkdir()
        (place / side.folder / f"{side.package}.ini").write_text(ini, encoding="utf-8")
    for step in scenario.steps:
        if isinstance(step, Edit):
            edit(place / step.file, step)
        else:
            yield step, run_step(step, side, place)


def edit(path: Path, step: Edit) -> None:
    """Make the change of a step."""
    text = path.read_text(encoding="utf-8")
    if text.count(step.old) != 1:
        raise ValueError(f"{step.old!r} is in {path.name} {text.count(step.old)} times, not once")
    path.write_text(text.replace(step.old, step.new), encoding="utf-8")
    # Python believes bytecode whose source has the same size and second.
    for cached in path.parent.glob(f"__pycache__/{path.stem}.*"):
        cached.unlink()


def get_words(step: Run | Log | Command | Script, side: Side, place: Path) -> list[str]:
    """Return the command of a step."""
    words = shlex.split(step.words)
    if isinstance(step, Command):
        return [*side.command, *(fill_ids(word, side, place) for word in words)]
    if isinstance(step, Script):
        return [side.python, "workflow.py", *words]
    if isinstance(step, Log):
        return [*side.command, "log", *words]
    return [*side.command, *shlex.split(step.before), "run", "workflow.py", *words]


def fill_ids(word: str, side: Side, place: Path) -> str:
    """Return a word with the ids of the latest execution, and of its last job, in their places."""
    for name, kind in (("{execution}", "Exec"), ("{job}", "Job")):
        if name in word:
            log = run_words([*side.command, "log", "-"], side, place).stdout
            word = word.replace(
                name, re.findall(rf"^ *{kind} ([0-9a-f]{{8}})", log, re.MULTILINE)[-1]
            )
    return word


def run_words(words: Sequence[str], side: Side, place: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of one of the two."""
    environment = {k: v for k, v in os.environ.items() if not k.upper().startswith("REDUN")}
    environment.update(side.environment, AWS_EC2_METADATA_DISABLED="true", NO_COLOR="1")
    return subprocess.run(
        words,
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=STEP_LIMIT_S,
    )


def run_step(step: Run | Log | Command | Script, side: Side, place: Path) -> Outcome:
    """Run the command of a step and return its outcome."""
    done = run_words(get_words(step, side, place), side, place)
    stdout, stderr = (text.replace(str(place), "…") for text in (done.stdout, done.stderr))
    outcome: Outcome = {"exit": done.returncode}
    if isinstance(step, Log):
        outcome["tree"] = [unify(line) for line in read_tree(stdout)]
        return outcome
    if not isinstance(step, Command) or step.shows:
        outcome["result"] = [unify(line) for line in stdout.splitlines()]
    if done.returncode:
        outcome["error"] = unify(read_error(stderr, side))
    if isinstance(step, Run):
        counts = read_counts(stderr, side)
        outcome["jobs"] = format_counts(counts, ("done", "failed"))
        outcome["cached"] = format_counts(counts, ("cached",))
    return outcome


def unify(text: str) -> str:
    """Return a text with one name for both systems, and nothing in it that changes from run to run."""
    text = re.sub(r"\bredunlite\b", "redun", text)
    text = re.sub(r"\bredun\.functools\.(?=_*[a-z])", "redun.", text)
    return re.sub(r" at 0x[0-9a-f]+", " at 0x…", text)


def read_counts(stderr: str, side: Side) -> dict[str, dict[str, int]]:
    """Return what the last JOB STATUS table says: by task, the number of jobs in each state."""
    prefix = f"[{side.package}] | "
    lines = [line[len(prefix) :] for line in stderr.splitlines() if line.startswith(prefix)]
    starts = [i for i, line in enumerate(lines) if line.startswith("JOB STATUS")]
    if not starts:
        return {}
    header, *rows = lines[starts[-1] + 1 :]
    columns = header.lower().split()[1:]
    found = {}
    for row in rows:
        name, *counts = row.split() or [""]
        if name and name != "ALL":
            found[unify(name)] = dict(zip(columns, map(int, counts)))
    return dict(sorted(found.items()))


def format_counts(counts: Mapping[str, Mapping[str, int]], states: Sequence[str]) -> dict[str, str]:
    """Return the tasks that have jobs in one of the states, with text such as ``3 done, 1 failed``."""
    texts = {
        name: ", ".join(f"{count[state]} {state}" for state in states if count[state])
        for name, count in counts.items()
    }
    return {name: text for name, text in texts.items() if text}


def read_error(stderr: str, side: Side) -> str:
    """Return the line of the command's own message, else the last line, which names the exception."""
    prefix = f"[{side.package}] "
    lines = [line.removeprefix(prefix) for line in stderr.splitlines()]
    lines = [
        line for line in lines if not re.match(r"\s*$|inspect: |details: |[(]caused by ", line)
    ]
    told = [line for line in lines if line.startswith(f"{side.package}: ") or ": error: " in line]
    return (told or lines or [""])[-1]


def read_tree(stdout: str) -> Iterator[str]:
    """Yield the lines of executions and jobs, without ids, times and tags."""
    for line in stdout.splitlines():
        found = re.match(r"( *)(Exec|Job) [0-9a-f-]+ \[ *(\w+) *\] [-\d]+ [:\d]+:  (.*)", line)
        if found:
            indent, kind, status, rest = found.groups()
            status = {"RUN": "RUNNING"}.get(status, status)
            yield f"{indent}{kind} [{status}] {re.sub(r' [(]project=.*[)]$', '', rest).rstrip()}"


def compare(redun: Outcome, ours: Outcome) -> list[str]:
    """Return the aspects in which two outcomes of a step differ."""
    return [
        aspect
        for aspect in ASPECTS
        if redun.get(aspect) != ours.get(aspect)
        and not (aspect == "result" and is_same_value(redun.get(aspect), ours.get(aspect)))
    ]


def is_same_value(lines: Sequence[str] | None, others: Sequence[str] | None) -> bool:
    """Tell whether two results are one value, printed with its dict keys in another order."""
    try:
        values = [ast.literal_eval("\n".join(text or ())) for text in (lines, others)]
    except (SyntaxError, ValueError):
        return False
    return repr(sort_keys(values[0])) == repr(sort_keys(values[1]))


def sort_keys(value: Any) -> Any:
    """Return a value with the keys of all its dicts sorted by their text."""
    if isinstance(value, dict):
        return {k: sort_keys(v) for k, v in sorted(value.items(), key=lambda item: repr(item[0]))}
    return type(value)(map(sort_keys, value)) if isinstance(value, (list, tuple)) else value
