"""The pages of the docs: every block and command in them runs, and what they name is there."""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
import shutil
from pathlib import Path

import pytest
from pages import (
    ID,
    PAGES,
    PLAYED_ELSEWHERE,
    PROJECT,
    Block,
    Command,
    Player,
    Unplayable,
    align,
    iter_blocks,
)

from redunlite.options import OPTIONS

DOCS = PROJECT / "docs"
WITH_BLOCKS = [page for page in PAGES if any(iter_blocks(PROJECT / page))]


@pytest.mark.parametrize("page", WITH_BLOCKS)
def test_page_shows_what_happens(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block of the page runs, in order, in one folder, and gives what the page says."""
    player = Player(tmp_path, page)
    monkeypatch.chdir(player.folder)
    try:
        for block in iter_blocks(PROJECT / page):
            player.play(block)
    finally:
        player.close()

    # Tests of workflows leave nothing behind.
    assert page != "docs/testing.md" or not (player.folder / ".redunlite").exists()


def test_pages_have_what_is_played() -> None:
    """The pages that people read first are among those that are played, and have commands."""
    n_commands = {
        page: sum(block.text.count("\n$ ") + 1 for block in iter_blocks(PROJECT / page))
        for page in WITH_BLOCKS
    }

    assert {"README.md", "docs/guide.md", "docs/language.md", "docs/caching.md"} <= set(n_commands)
    assert n_commands["README.md"] >= 5


@pytest.mark.parametrize(
    ("language", "text", "message"),
    [
        ("", "$ true\n", "nothing runs blocks of language ''"),
        ("toml", "a = 1\n", "nothing runs blocks of language 'toml'"),
        ("text", "shown\n", "nothing runs blocks of language 'text'"),
        ("console", "$ echo 1\n2\n", "+1"),
        ("console", "$ echo 1\n", "+1"),
        ("console", "$ false\n", "ends with 1"),
        ("console", "true\n", "no command"),
        ("console", "$ echo 0123abcd 0123abce\n0123abcd 0123abcd\n", "0123abcd of the page is"),
        ("console", "$ printf 'a\\nb\\n'\n…\nc\n", "+b"),
        ("python", ">>> 1 + 1\n3\n", "1 + 1\ngave:\n2"),
        ("python", ">>> 1 / 0\n", "gave:\nTraceback"),
        ("python", "x = 1\n", "no file is as at"),
        ("python", "@task()\ndef nothing():\n    pass\n", "no file has a function 'nothing'"),
        ("ini", "[limits]\nx = y\n", "expected a number"),
    ],
)
def test_player_tells_a_block_that_is_wrong(
    language: str, text: str, message: str, tmp_path: Path
) -> None:
    """A block that nothing runs, and one that gives something else, fail."""
    player = Player(tmp_path, "docs/guide.md")
    try:
        with pytest.raises(Exception) as caught:
            player.play(Block(language, text, 0))
    finally:
        player.close()

    assert message in str(caught.value)
    assert isinstance(caught.value, Unplayable) == message.startswith("nothing runs")


def test_player_keeps_one_shell_and_knows_ids(tmp_path: Path) -> None:
    """Folders, variables and exit codes hold; an id of the page stands for the one that came."""
    player = Player(tmp_path, "docs/guide.md")
    text = (
        "$ mkdir sub && cd sub\n$ false || (exit 3)\n\n$ cat > a.txt <<'END'\n> 76543210 at 0:00:01.00\n>\n> x\n> END\n"
        "$ cat a.txt\n01234567 at 0:09:09.09\n…\nx\n$ echo ../sub/[a-z].txt 01234567-\n../sub/a.txt 01234567-\n"
    )
    try:
        player.play(Block("console", text.replace("$ false || (exit 3)\n\n", ""), 0))
        player.play(Block("console", "$ (exit 3) || echo $?\n3\n$ pwd\n/home/you/project/sub\n", 0))
    finally:
        player.close()

    assert player.n_commands == 6


def test_lines_left_out_stand_for_any() -> None:
    """A line of … matches none and many lines; what stands around it must be there."""
    assert align(["a", "…", "d"], ["a", "b", "c", "d"]) == [("a", "a"), ("d", "d")]
    assert align(["…", "a"], ["a"]) == [("a", "a")]
    assert align(["a", "…"], ["b"]) is None
    assert align(["…", "a", "…"], ["b"]) is None


def test_outputs_are_written_with_the_ids_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a command prints takes the place of what the page says, line by line and in its ids."""
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "page.md"
    page.write_text(
        "```console\n$ echo 89abcdef; echo one\n01234567\ntwo\n$ echo 01234567 89abcdef\n76543210\n```\n"
        "\n```python\n>>> 1 + 1\n3\n>>> 2\n2\n```\n"
    )
    monkeypatch.setattr("pages.PROJECT", tmp_path)
    player = Player(tmp_path, "docs/page.md")
    try:
        text = player.rewrite()
    finally:
        player.close()

    assert text == (
        "```console\n$ echo 89abcdef; echo one\n01234567\none\n$ echo 01234567 89abcdef\n01234567 01234567\n"
        "```\n\n```python\n>>> 1 + 1\n2\n>>> 2\n2\n```\n"
    )


def test_jobs_beside_each_other_come_in_any_order() -> None:
    """Lines of jobs are compared as a set, wherever they stand together; others are not."""
    jobs = ["Job 01234567 [ DONE ] f(1)", "Job 76543210 [ DONE ] f(2)"]

    assert align(["a", *jobs], ["a", *reversed(jobs)]) == [("a", "a"), *zip(jobs, jobs)]
    assert align([jobs[0], "a", jobs[1]], [jobs[1], "a", jobs[0]]) is None
    assert align(["a", "b"], ["b", "a"]) is None


WORKFLOW = """
from redunlite import task

redun_namespace = "w"


@task()
def main(n: int = 1):
    return n


@task(name="help", namespace="")
def help_():
    return "help"
"""
PLACEHOLDERS = {"FILE": "workflow.py", "TASK": "main", "COMMAND": "log", "FOLDER": "."}


def list_commands(page: str) -> list[str]:
    """Return the commands in the text of a page, outside of its blocks; those of a table too."""
    text = (PROJECT / page).read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = [" ".join(span.split()).replace("\\", "") for span in re.findall("`([^`]+)`", text)]
    return [span for span in spans if re.match(r"(eval .*|python -m )?\W*redunlite ", span)]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page != "CHANGELOG.md" and list_commands(page)]
)
def test_commands_in_the_text_work(page: str, tmp_path: Path) -> None:
    """Each command that a sentence or a table names runs and ends well, in a project with a run.

    A command's name alone is one that there is. What is written in capitals stands for a file, a
    task or an id; so does an id of the page.
    """
    player = Player(tmp_path, "docs/guide.md")
    (player.folder / "workflow.py").write_text(WORKFLOW)
    shutil.copy(PROJECT / "examples" / "01_hello_world" / "hello_world.py", player.folder)
    try:
        assert player.run(Command("redunlite run -q workflow.py main", (), 0)) == (["1"], 0)
        (job,), _ = player.run(Command("redunlite log --jobs -q", (), 0))
        for text in list_commands(page):
            command = re.sub("|".join(PLACEHOLDERS), lambda m: PLACEHOLDERS[m[0]], text)
            command = re.sub(rf"\bID\b|{ID.pattern}", job, command)
            shell = re.search(r"completion (zsh|fish)", command)
            if re.fullmatch(r"redunlite \w+", command):
                command += " --help"
            if shell and shutil.which(shell[1]) is None:
                continue
            if shell and command.startswith("eval"):
                command = f"{shell[1]} -c {shlex.quote(command)}"

            printed, status = player.run(Command(command, (), 0))

            assert status == 0, [text, command, *printed]
    finally:
        player.close()


def test_tests_that_play_other_blocks_exist() -> None:
    """Each language that is left out of a page names the test that holds it."""
    for (page, language), test in PLAYED_ELSEWHERE.items():
        path, function = test.split("::")

        assert any(block.language == language for block in iter_blocks(PROJECT / page)), page
        assert f"def {function}(" in (PROJECT / path).read_text(encoding="utf-8"), test


def list_modules_with_examples() -> list[str]:
    """Return the names of the modules of the package that have examples in their docstrings."""
    names = []
    for path in sorted((PROJECT / "redunlite").rglob("*.py")):
        if re.search(r"^ *(\"\"\")?>>> ", path.read_text(encoding="utf-8"), re.MULTILINE):
            parts = path.relative_to(PROJECT).with_suffix("").parts
            names.append(".".join(parts).removesuffix(".__init__"))
    return names


@pytest.mark.parametrize("name", list_modules_with_examples())
def test_examples_in_docstrings_give_what_they_show(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each example at a prompt in a docstring gives what stands below it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    failed, tried = doctest.testmod(importlib.import_module(name))

    assert tried > 0
    assert failed == 0


def test_every_option_is_told() -> None:
    """The table of options names each option, and none that there is not."""
    page = (DOCS / "language.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    assert named == set(OPTIONS)


def test_tests_that_a_page_names_exist() -> None:
    """What moving-from-redun.md says is shown by a test is shown by one that is there."""
    page = (DOCS / "moving-from-redun.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/\w+\.py)(?:::(\w+))?`", page)

    assert len(named) > 20
    for path, function in named:
        text = (PROJECT / path).read_text(encoding="utf-8")
        assert not function or f"def {function}(" in text, f"{path}::{function}"


def test_links_of_the_pages_lead_somewhere() -> None:
    """A link to another page or file of the project is not broken."""
    for page in [*DOCS.glob("*.md"), PROJECT / "README.md"]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
