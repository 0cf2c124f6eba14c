"""Plays the pages of the docs: each fenced block is run, in order, in one folder.

What a block is follows from its language and its first line:

======================  ==========================================================================
``console``             commands behind ``$`` (and ``>``, where one goes on) for one bash that the
                        whole page shares; what stands below is what each prints
``python``, ``>>>``     examples of a prompt; all of a page share their names
``python``, ``# a.py``  the file of that name
``python``, ``@task``   an edit: it takes the place of its last function in the file that has one of
or ``def``              that name
``python``, other text  a file that is there already, word for word
``ini``                 `.redunlite/redunlite.ini` of the folder, which must be without faults
other languages         an error, unless `PLAYED_ELSEWHERE` names the test that plays them
======================  ==========================================================================

In what a command prints, ids, times, sizes and facts about the machine are compared by their kind
alone (`mask`); an id that the page gives to a command is the one that stood at the same place of the
output before. Lines of jobs that follow each other may come in any order, as jobs that go on side by
side do. A line of ``…`` stands for any lines. `scripts/play-docs` writes outputs with the same
player.
"""

from __future__ import annotations

import difflib
import doctest
import itertools
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    str(page.relative_to(PROJECT))
    for page in [
        *PROJECT.glob("*.md"),
        *PROJECT.glob("docs/*.md"),
        *PROJECT.glob("examples/*/*.md"),
    ]
)
"""All pages of the project."""
PLAYED_ELSEWHERE = {
    ("docs/command-line.md", "text"): "tests/test_help.py::test_make_docs_tells_a_page_that_is_out_of_date",
    ("docs/completion.md", "text"): "tests/test_completion_bash.py::test_docs_show_what_bash_lists",
}  # fmt: skip
"""Page and language, to the test that holds such blocks to what is printed."""
LIMIT_S = 120.0
"""Seconds that one command may take."""

ID = re.compile(r"\b[0-9a-f]{8}(?:(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})?\b")
JOB = re.compile(r"\[redunlite\] (?:Run|Cached|\*\*\* Reject) +Job\b| *Job [0-9a-f]{8}\b| +\*\*\* ")
KINDS = {
    "<time>": re.compile(
        r"\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:\+\d\d:\d\d)?"
        r"|\b\d:\d\d:\d\d\.\d+|\b\d+(?:\.\d+)? ?m?s\b"
    ),
    "<size>": re.compile(r"\b\d+(?:\.\d+)? (?:KiB|MiB|MB|bytes)\b"),
    "<facts>": re.compile(r"^(?:Where|Versions): .*"),
    "version <version>": re.compile(r"\bversion \d\S*"),
}


def mask(line: str) -> str:
    """Replace what differs between two runs by its kind."""
    for kind, pattern in KINDS.items():
        line = pattern.sub(kind, line)
    return ID.sub("<id>", line).rstrip()


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    line: int
    """Number of its first line in the page, from 0."""


@dataclass(frozen=True)
class Command:
    """A command of a console block, and what the page says that it prints."""

    text: str
    expected: Sequence[str]
    line: int
    """Number of the first line of `expected` in the page, from 0."""


class Unplayable(AssertionError):
    """A block that nothing runs."""


def iter_blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page, also those without a language."""
    lines = page.read_text(encoding="utf-8").splitlines()
    start = None
    for number, line in enumerate(lines):
        if not line.lstrip().startswith("```"):
            continue
        if start is None:
            start = number + 1
        else:
            language = lines[start - 1].strip().strip("`")
            yield Block(language, "".join(f"{text}\n" for text in lines[start:number]), start)
            start = None
    assert start is None, f"{page.name}:{start}: the block has no end"


def iter_commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a console block."""
    lines = block.text.splitlines()
    number = 0
    while number < len(lines):
        assert lines[number].startswith("$ "), f"no command: {lines[number]!r}"
        command = [lines[number][2:]]
        number += 1
        while number < len(lines) and re.match(r">( |$)", lines[number]):
            command.append(lines[number][2:])
            number += 1
        start = number
        while number < len(lines) and not lines[number].startswith("$ "):
            number += 1
        yield Command("\n".join(command), lines[start:number], block.line + start)


def sort_jobs(lines: Sequence[str]) -> list[str]:
    """Return lines, each run of lines of jobs in the order of their text."""
    groups = itertools.groupby(lines, lambda line: JOB.match(line) is not None)
    return [
        line for is_job, group in groups for line in (sorted(group, key=mask) if is_job else group)
    ]


def align(expected: Sequence[str], printed: Sequence[str]) -> list[tuple[str, str]] | None:
    """Return each expected line with the printed one that it means; None when they do not agree."""
    if "…" not in expected:
        expected, printed = sort_jobs(expected), sort_jobs(printed)
        same = [mask(line) for line in expected] == [mask(line) for line in printed]
        return list(zip(expected, printed)) if same else None
    at = list(expected).index("…")
    head = align(expected[:at], printed[:at])
    if head is None:
        return None
    for skipped in range(at, len(printed) + 1):
        tail = align(expected[at + 1 :], printed[skipped:])
        if tail is not None:
            return head + tail
    return None


def match(expected: Sequence[str], printed: Sequence[str]) -> list[tuple[str, str]]:
    """Return the lines of two outputs that agree, where as a whole they do not."""
    expected, printed = sort_jobs(expected), sort_jobs(printed)
    matcher = difflib.SequenceMatcher(
        None, [mask(line) for line in expected], [mask(line) for line in printed], autojunk=False
    )
    return [
        (expected[there + i], printed[here + i])
        for there, here, n_lines in matcher.get_matching_blocks()
        for i in range(n_lines)
    ]


class Shell:
    """One bash that runs commands one after another, so that `cd` and `source` hold."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._n = 0

    def run(self, command: str) -> tuple[list[str], int]:
        """Return what a command prints to both streams, and its exit code."""
        self._n += 1
        mark = f"--end-of-command-{self._n}--"
        assert self._bash.stdin is not None and self._bash.stdout is not None
        # The next command sees the status as `$?`.
        script = f"{{ {command}\n}} </dev/null 2>&1\n_s=$?; echo {mark} $_s; (exit $_s)\n"
        self._bash.stdin.write(script.encode())
        self._bash.stdin.flush()
        end = time.monotonic() + LIMIT_S
        text = b""
        while (found := re.search(rf"{mark} (\d+)\n\Z".encode(), text)) is None:
            ready, _, _ = select.select(
                [self._bash.stdout], [], [], max(0.0, end - time.monotonic())
            )
            more = os.read(self._bash.stdout.fileno(), 1 << 16) if ready else b""
            if not more:
                raise AssertionError(f"{command!r} does not end; it printed:\n{text.decode()}")
            text += more
        printed = text[: found.start()].decode("utf-8").splitlines()
        return [line.rstrip() for line in printed], int(found[1])

    def close(self) -> None:
        """End the shell and what it has begun."""
        try:
            os.killpg(self._bash.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._bash.wait()
        for stream in (self._bash.stdin, self._bash.stdout):
            if stream is not None:
                stream.close()


class Examples(doctest.DocTestRunner):
    """Runs examples, and keeps those that give something else than they show."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.wrong: list[tuple[doctest.Example, str]] = []

    def report_failure(self, out: Any, test: Any, example: doctest.Example, got: str) -> None:
        """Keep an example that gives another value."""
        self.wrong.append((example, got))

    def report_unexpected_exception(
        self, out: Any, test: Any, example: doctest.Example, exc_info: Any
    ) -> None:
        """Keep an example that raises."""
        raised = "".join(traceback.format_exception_only(*exc_info[:2]))
        got = f"Traceback (most recent call last):\n    ...\n{raised}"
        self.wrong.append((example, got))


class Player:
    """A folder in which the blocks of one page are played.

    Parameters
    ----------
    place
        An empty folder.
    page
        Path of the page within the project. One of `docs/` is played in a folder with nothing in it
        but the files that it tells; another in a copy of the examples and scripts.
    """

    def __init__(self, place: Path, page: str) -> None:
        self.page = PROJECT / page
        self.name = page
        self.n_commands = 0
        is_of_docs = page.startswith("docs/")
        self.root = place / ("project" if is_of_docs else "redunlite")
        self.shown_root = f"/home/you/{self.root.name}"
        """What the page calls the folder."""
        self.folder = self.root if is_of_docs else self.root / Path(page).parent
        self._ids: dict[str, str] = {}
        """Id on the page to id in this run; also their first eight characters."""
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self.root.mkdir()
        # No folder above is asked for its configuration.
        (self.root / ".git").mkdir()
        if not is_of_docs:
            copy_project(self.root)
        self._shell = Shell(self.folder, make_environment(place))

    def play(self, block: Block) -> None:
        """Run a block.

        Raises
        ------
        AssertionError
            When something else comes of it than the page says.
        """
        if block.language == "console":
            for command in iter_commands(block):
                self.play_command(command)
        elif block.language == "python" and block.text.startswith(">>>"):
            self.play_examples(block)
        elif block.language == "python":
            self.write_source(block)
        elif block.language == "ini":
            self.write_settings(block)
        elif (self.name, block.language) not in PLAYED_ELSEWHERE:
            raise Unplayable(f"nothing runs blocks of language {block.language!r}")

    def play_command(self, command: Command) -> None:
        """Run a command and compare what it prints with the page."""
        printed, status = self.run(command)
        pairs = align(command.expected, printed)
        if pairs is None:
            changes = difflib.unified_diff(
                [mask(line) for line in sort_jobs(command.expected)],
                [mask(line) for line in sort_jobs(printed)],
                "the page",
                "what is printed",
                lineterm="",
            )
            where = f"{self.name}:{command.line}: $ {command.text}"
            raise AssertionError("\n".join([where, *changes]))
        if not command.expected:
            assert status == 0, f"{command.text!r} ends with {status}"
        self.learn_ids(pairs or [])

    def rewrite(self) -> str:
        """Play the whole page, and return it with what its commands and examples print today.

        What agrees is kept, with its ids and times, and what is new tells the page's ids of what was
        there before. Blocks that are neither commands nor examples have to be right.
        """
        lines = self.page.read_text(encoding="utf-8").splitlines()
        played: list[tuple[int, int, list[str]]] = []
        """First line, number of lines, and what takes their place."""
        for block in iter_blocks(self.page):
            if block.language == "python" and block.text.startswith(">>>"):
                for example, got in self.try_examples(block):
                    start = block.line + example.lineno + example.source.count("\n")
                    played.append((start, example.want.count("\n"), got.splitlines()))
                continue
            if block.language != "console":
                self.play(block)
                continue
            for command in iter_commands(block):
                printed, _ = self.run(command)
                pairs = align(command.expected, printed)
                self.learn_ids(match(command.expected, printed) if pairs is None else pairs)
                if pairs is None:
                    shown = [
                        re.sub("^Where: .*?,", "Where:    you@laptop,", line) for line in printed
                    ]
                    played.append((command.line, len(command.expected), shown))
        of_page = {actual: shown for shown, actual in self._ids.items()}
        for start, n_lines, shown in reversed(played):
            lines[start : start + n_lines] = [
                ID.sub(lambda actual: of_page.get(actual[0], actual[0]), line) for line in shown
            ]
        return "\n".join(lines) + "\n"

    def run(self, command: Command) -> tuple[list[str], int]:
        """Return the lines that a command prints, with the page's name of the folder, and its status."""
        self.n_commands += 1
        text = ID.sub(lambda shown: self._ids.get(shown[0], shown[0]), command.text)
        text = text.replace(self.shown_root, str(self.root))
        lines, status = self._shell.run(text)
        return [line.replace(str(self.root), self.shown_root) for line in lines], status

    def learn_ids(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Keep which id of this run an id of the page is; one of the page is one of this run."""
        for there, here in pairs:
            for shown, actual in zip(ID.findall(there), ID.findall(here)):
                for there_id, here_id in ((shown, actual), (shown[:8], actual[:8])):
                    known = self._ids.setdefault(there_id, here_id)
                    assert known == here_id, f"{shown} of the page is {known} and {actual}"

    def play_examples(self, block: Block) -> None:
        """Run the examples of a prompt and compare what they give."""
        told = [f"{example.source}gave:\n{got}" for example, got in self.try_examples(block)]
        assert not told, f"{self.name}:{block.line}:\n{''.join(told)}"

    def try_examples(self, block: Block) -> list[tuple[doctest.Example, str]]:
        """Return the examples of a block that give something else than the page says, and what."""
        name = f"{self.name}:{block.line}"
        test = doctest.DocTestParser().get_doctest(
            block.text, self._names, name, str(self.page), block.line
        )
        test.globs = self._names
        runner = Examples(verbose=False)
        runner.run(test, out=lambda text: None, clear_globs=False)
        return runner.wrong

    def write_source(self, block: Block) -> None:
        """Write a file, or change a task of one."""
        named = re.match(r"# (\w+\.py)\n", block.text)
        if named:
            path = self.folder / named[1]
            path.write_text(block.text, encoding="utf-8")
            forget_bytecode(path)
            return
        sources = {
            path: path.read_text(encoding="utf-8") for path in sorted(self.folder.rglob("*.py"))
        }
        if not re.match(r"@|def |async def ", block.text):
            assert block.text in sources.values(), f"no file is as at {self.name}:{block.line}"
            return
        edited = re.findall(r"^(?:async )?def (\w+)", block.text, re.MULTILINE)[-1]
        pattern = rf"^(?:@[^\n]*\n)*(?:async )?def {edited}\(.*?(?=\n\n\n|\n\Z)"
        for path, source in sources.items():
            after, n_edits = re.subn(
                pattern, lambda _: block.text.rstrip(), source, flags=re.M | re.S
            )
            if n_edits:
                assert n_edits == 1
                path.write_text(after, encoding="utf-8")
                forget_bytecode(path)
                return
        raise AssertionError(f"{self.name}:{block.line}: no file has a function {edited!r}")

    def write_settings(self, block: Block) -> None:
        """Write the settings of the folder, after a look at each of them."""
        from redunlite.config import load_config

        folder = self.folder / ".redunlite"
        folder.mkdir(exist_ok=True)
        (folder / "redunlite.ini").write_text(block.text, encoding="utf-8")
        load_config(str(folder))

    def close(self) -> None:
        """End the shell."""
        self._shell.close()


def forget_bytecode(path: Path) -> None:
    """Python believes bytecode whose source has the same size and second."""
    for cached in path.parent.glob(f"__pycache__/{path.stem}.*"):
        cached.unlink()


def make_environment(place: Path) -> dict[str, str]:
    """Return the environment of the shell: this Python and its redunlite under their names."""
    (place / "bin").mkdir()
    for name, words in {
        "python": '"$@"',
        "redunlite": '-m redunlite "$@"',
        "pytest": '-m pytest "$@"',
    }.items():
        command = place / "bin" / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}\n')
        command.chmod(0o755)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REDUNLITE", "PYTEST", "COV_")) and name != "FORCE_COLOR"
    }
    return {
        **kept,
        "PATH": f"{place / 'bin'}{os.pathsep}{kept['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "PYTEST_ADDOPTS": "-W error -p no:cacheprovider",
        "HOME": str(place),
        "COLUMNS": "80",
        "SHELL": "/bin/bash",
    }


def copy_project(root: Path) -> None:
    """Copy examples and scripts, with an environment that `scripts/run` takes for one it has made."""
    ignore = shutil.ignore_patterns(".redunlite", "__pycache__")
    for name in ("examples", "scripts"):
        shutil.copytree(PROJECT / name, root / name, ignore=ignore)
    for name in ("setup.cfg", "setup.py", "pyproject.toml"):
        shutil.copy(PROJECT / name, root)
    # Without pip there is nothing to install; the command is the one of this Python.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    command = root / ".venv" / "bin" / "redunlite"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m redunlite "$@"\n')
    command.chmod(0o755)
    script = ". scripts/lib.sh; compute_stamp .venv >.venv/.stamp-core"
    subprocess.run(["bash", "-c", script], cwd=root, check=True)
