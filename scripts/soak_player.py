"""Plays a random program beside plain Python, and asks the history for all that is recorded.

Used by `scripts/soak-random` and by the test suite. Every run must give what plain Python gives, and
evaluate exactly the calls that no earlier run has evaluated with that code; a dry run must change
nothing; every history command must answer for every recorded id; standard error never shows a frame
of the engine.
"""

from __future__ import annotations

import ast
import collections
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from soak_programs import Program

SCRIPTS = Path(__file__).resolve().parent
PACKAGE = SCRIPTS.parent / "redunlite"
TIMEOUT_S = 120
HISTORY_PROGRAM = SCRIPTS / "soak_history.py"

_ENGINE_FRAME = re.compile(rf'File "{re.escape(str(PACKAGE))}/')
_TASK_IN_ARGUMENTS = re.compile(r"task\(([\w.]+)\)")


@dataclass(frozen=True)
class Outcome:
    """What one run of a program gave."""

    result: str
    """Text of the result, or ``failed``."""
    calls: tuple[str, ...]
    """A line for each evaluation of a task."""
    error: str
    """Standard error."""
    is_broken: bool = False
    """Whether the run ended in a way that no program asked for."""


@dataclass(frozen=True)
class Step:
    """One run in the life of a program."""

    name: str
    n: int = 1
    """Argument of the root task."""
    flag: str = ""
    """Option of ``redunlite run``."""
    change: str = ""
    """What happens to the program before: ``edit`` or ``revert``."""


STEPS = (
    Step("cold"),
    Step("cached"),
    Step("dry run", flag="--dry-run"),
    Step("other argument", 2),
    Step("dry run after an edit", flag="--dry-run", change="edit"),
    Step("edited"),
    Step("edited again", change="edit"),
    Step("cached after edits"),
    Step("reverted", change="revert"),
    Step("no cache", 2, "--no-cache"),
)
FEW_STEPS = (
    Step("cold"),
    Step("dry run", flag="--dry-run"),
    Step("other argument", 2),
    Step("edited", change="edit"),
    Step("reverted", change="revert"),
)
"""For the test suite."""


class Player:
    """Plays one program in a folder.

    Parameters
    ----------
    steps
        The runs, in order.
    is_thorough
        Whether the history is asked after each run, and not after the last one alone.
    """

    def __init__(
        self, seed: int, folder: Path, steps: Sequence[Step] = STEPS, *, is_thorough: bool = True
    ) -> None:
        self.program = Program(seed)
        self.folder = folder
        self.steps = steps
        self.is_thorough = is_thorough
        self.problems: list[str] = []
        self._evaluated: collections.Counter[tuple[object, ...]] = collections.Counter()
        self._plain: dict[tuple[object, ...], Outcome] = {}

    def play(self) -> list[str]:
        """Return what went wrong, a text for each finding."""
        (self.folder / ".git").mkdir()
        for step in self.steps:
            self._play(step)
            if self.problems:
                return self.problems
        self.ask_history("at the end", is_whole=True)
        return self.problems

    def _play(self, step: Step) -> None:
        """Run the program once and compare it with plain Python."""
        program = self.program
        if step.change:
            program.edit() if step.change == "edit" else program.revert()
        program.write(self.folder)
        if step.flag == "--dry-run":
            self._check_dry_run(step)
            return
        plain = self._run_plain(step.n)
        if plain.is_broken:
            self._report(step, f"the workflow is no program: {plain.error}")
            return
        is_bare = step.name == "other argument" and program.can_be_bare
        found = self.run(step.n, step.flag, is_bare=is_bare)
        if found.result != plain.result:
            self._report(step, f"{found.result}\ninstead of {plain.result}\n{found.error}")
        if program.is_command and _ENGINE_FRAME.search(found.error):
            self._report(step, f"standard error shows a frame of the engine:\n{found.error}")
        self._check_calls(step, plain, found, is_fresh=is_bare or step.flag == "--no-cache")
        if self.is_thorough and not is_bare:
            self.ask_history(step.name)

    def _run_plain(self, n: int) -> Outcome:
        """Return what plain Python gives for the program as it is."""
        key = (n, *sorted(self.program.numbers.items()))
        if key not in self._plain:
            self._plain[key] = self.run(n, is_plain=True)
        return self._plain[key]

    def _report(self, step: Step, problem: str) -> None:
        self.problems.append(f"{step.name}: {problem}")

    def _check_calls(self, step: Step, plain: Outcome, found: Outcome, *, is_fresh: bool) -> None:
        """Compare what was evaluated with what had to be."""
        if found.result == "failed":  # what runs beside a failure is nobody's promise
            for line in found.calls:
                self._evaluated[self._key(line)] += 1
            return
        wanted = {self._key(line): line for line in plain.calls}
        counts = collections.Counter(map(self._key, found.calls))
        lines = {self._key(line): line for line in found.calls}
        for key, line in lines.items():
            if key not in wanted and not self._is_async(line):
                self._report(step, f"evaluated, and not asked for: {line}")
            n_before = 0 if is_fresh else self._evaluated[key]
            if n_before + counts[key] > 1 and not self._is_async(line):
                self._report(step, f"evaluated once more: {line}")
            if not is_fresh:
                self._evaluated[key] += counts[key]
        for key, line in wanted.items():
            if key not in counts and (is_fresh or not self._evaluated[key]):
                self._report(step, f"not evaluated: {line}")

    def _is_async(self, line: str) -> bool:
        """Tell whether a call is of a coroutine, which a changed await begins again."""
        name = line.partition(" ")[0]
        return name[1:].isdigit() and self.program.kinds[int(name[1:])] == "async"

    def _key(self, line: str) -> tuple[object, ...]:
        """Return what says that two evaluations are one: arguments, and the code in force."""
        name = line.partition(" ")[0]
        inside = sorted(set(_TASK_IN_ARGUMENTS.findall(line)))
        names = [name, *(task.removeprefix("flow.") for task in inside)]
        return (line, *(self.program.get_version(task) for task in names))

    def _check_dry_run(self, step: Step) -> None:
        if not self.program.is_command:
            return
        before = self._read_records()
        done = self._call(
            [
                sys.executable,
                "-B",
                "-m",
                "redunlite",
                "run",
                "--dry-run",
                "flow.py",
                "report",
                "--n",
                str(step.n),
            ]
        )
        if done.returncode or _ENGINE_FRAME.search(done.stderr):
            self._report(step, f"exit {done.returncode}\n{done.stderr}")
        if self._read_records() != before:
            self._report(step, "the dry run changed the records")

    def _read_records(self) -> dict[str, bytes]:
        folder = self.folder / ".redunlite"
        return {
            str(p): p.read_bytes()
            for p in sorted(folder.rglob("*"))
            if p.is_file() and p.name != "redunlite.ini"
        }

    def run(
        self, n: int, flag: str = "", *, is_plain: bool = False, is_bare: bool = False
    ) -> Outcome:
        """Run the program once."""
        trace = self.folder / "trace"
        trace.write_text("")
        extra = {"PLAIN": "1"} if is_plain else {"BARE": "1"} if is_bare else {}
        is_command = not is_plain and not is_bare and (self.program.is_command or flag != "")
        words = (
            ["-m", "redunlite", "run", *flag.split(), "flow.py", "report", "--n"]
            if is_command
            else ["driver.py"]
        )
        done = self._call([sys.executable, "-B", *words, str(n)], TRACE=str(trace), **extra)
        calls = tuple(trace.read_text().splitlines())
        if is_command and done.returncode == 1:
            return Outcome("failed", calls, done.stderr)
        if done.returncode:
            return Outcome(f"exit {done.returncode}", calls, done.stderr, is_broken=True)
        text = ast.literal_eval(done.stdout) if is_command else done.stdout.rstrip("\n")
        return Outcome(text, calls, done.stderr)

    def ask_history(self, name: str, *, is_whole: bool = False) -> None:
        """Let every history command answer for every id of the database."""
        done = self._call([sys.executable, "-B", str(HISTORY_PROGRAM), *["--whole"] * is_whole])
        if done.returncode:
            self._report(Step(name), f"history: {done.stdout}{done.stderr}")

    def _call(self, words: list[str], **extra: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(SCRIPTS), "COLUMNS": "100", **extra}
        for name in ("PYTHONHASHSEED", "PYTHONWARNINGS"):
            environment.pop(name, None)
        return subprocess.run(
            words, cwd=self.folder, env=environment, capture_output=True, text=True,
            timeout=TIMEOUT_S, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip


def iter_findings(problems: list[str]) -> Iterator[str]:
    """Yield the first findings, each cut to what a screen shows."""
    for problem in problems[:3]:
        yield problem if len(problem) < 4000 else problem[:2000] + "\n…\n" + problem[-2000:]
