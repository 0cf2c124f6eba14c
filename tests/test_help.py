"""Pages of help: they fit the terminal, tell all there is, and are what the docs say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from redunlite import cli
from redunlite.cli.help import Group, Page, Row, describe, format_page
from redunlite.cli.parsers import Parser
from redunlite.errors import UsageError

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "command-line.md"


def read_page(command: str) -> Page:
    """Return the page of a command."""
    return describe(cli.make_parser(command).find_command(command))


@pytest.mark.parametrize("width", [40, 50, 64, 80])
@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_fits_the_width_and_loses_nothing(command: str, width: int) -> None:
    """No line is longer, and every option, word and example is there."""
    page = read_page(command)
    text = format_page(page, width)
    flat = " ".join(text.split())

    assert max(map(len, text.splitlines())) <= width
    rows = [row for group in page.groups for row in group.rows]
    assert len(rows) > 2
    for row in rows:
        assert row.label in flat
        assert row.meaning
        assert all(word in flat for word in row.meaning.split())
    assert all(f"redunlite {words}" in flat for words, _ in page.examples)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_begins_with_usage_and_examples(command: str) -> None:
    """Each command shows how it is typed before it lists its options."""
    page = read_page(command)
    lines = format_page(page, 80).splitlines()

    assert lines[0].startswith(f"usage: redunlite {command}")
    assert len(page.examples) >= 2
    assert lines.index("examples:") < lines.index("options:")


def test_page_is_no_wider_than_80_and_no_narrower_than_40() -> None:
    """Wide terminals get the page of 80 columns, narrow ones that of 40."""
    page = Page("p", "p", "word " * 60, (), [Group("options", [Row(("--x",), "", "to x")])])

    assert format_page(page, 200) == format_page(page, 80)
    assert format_page(page, 20) == format_page(page, 40)
    assert max(map(len, format_page(page, 200).splitlines())) <= 80


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_command_prints_the_page_of_a_command(command: str) -> None:
    """`help COMMAND` is `COMMAND --help`, for a terminal of the width that COLUMNS says."""
    pages = [
        subprocess.run(
            [sys.executable, "-m", "redunlite", *words],
            capture_output=True, text=True, env={"COLUMNS": "50", "PYTHONPATH": str(PROJECT)},
        ).stdout
        for words in (("help", command), (command, "--help"))
    ]  # fmt: skip

    assert pages[0] == pages[1] == format_page(read_page(command), 50)


@pytest.mark.parametrize(
    "words, message",
    [
        (["log", "--limit"], "option --limit needs a value"),
        (["log", "--limit", "x"], "option --limit got 'x', expected a whole number, 1 or more"),
        (["log", "--limit", "0"], "option --limit got '0', expected a whole number, 1 or more"),
        (["log", "-c"], "option --config needs a value"),
        (["log", "--all=3"], "option --all takes no value, got '3'"),
        (["log", "a", "b"], "unexpected word 'b' for 'log'"),
        (["log", "--lmit", "3"], "unknown option '--lmit' for 'log'"),
        (["show"], "which ID?"),
    ],
)
def test_bad_words_are_told_in_our_words(words: list[str], message: str) -> None:
    """Nothing of argparse's language is left in the message."""
    with pytest.raises(UsageError) as caught:
        cli.make_parser(words[0]).parse_args(words)

    assert caught.value.message == message


def test_options_that_exclude_each_other_are_told() -> None:
    """Both are named, in the order of typing."""
    parser = Parser(prog="redunlite x")
    both = parser.add_mutually_exclusive_group()
    both.add_argument("-a", "--all", action="store_true")
    both.add_argument("--none", action="store_true")

    with pytest.raises(UsageError, match=r"^--all and --none exclude each other"):
        parser.parse_args(["--all", "--none"])


# The docs.


def test_docs_name_every_option_of_every_command() -> None:
    """The page of the docs has a section for each command, with all its options."""
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {section.partition("\n")[0]: section for section in sections}

    for command in cli.COMMANDS:
        for group in read_page(command).groups:
            for row in group.rows:
                where = (
                    "Options of every command" if "every" in group.title else f"redunlite {command}"
                )
                if row.names[0] != "-h":
                    assert f"| `{row.label.replace('|', chr(92) + '|')}` |" in found[where]


def test_make_docs_tells_a_page_that_is_out_of_date(tmp_path: Path) -> None:
    """The check passes on what was written, fails on anything else, and writes nothing."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "scripts").mkdir()
    (tmp_path / "redunlite").symlink_to(PROJECT / "redunlite")
    script = tmp_path / "scripts" / "make-docs"
    script.write_bytes((PROJECT / "scripts" / "make-docs").read_bytes())
    target = tmp_path / "docs" / "command-line.md"

    def run(*words: str) -> int:
        return subprocess.run([sys.executable, script, *words], capture_output=True).returncode

    assert run("--check") == 1
    assert not target.exists()
    assert run() == 0
    assert target.read_bytes() == PAGE.read_bytes()
    assert run("--check") == 0
    target.write_text("old\n")
    assert run("--check") == 1
    assert target.read_text() == "old\n"
    assert run("--chek") == 2


def test_meanings_of_examples_stand_under_them_on_a_narrow_terminal() -> None:
    """Beside them a column of a few letters would be left."""
    lines = format_page(read_page("tasks"), 40).splitlines()
    at = lines.index("  redunlite tasks workflow.py -q")

    assert lines[at + 1] == "      their names"
    wide = format_page(read_page("tasks"), 80)
    assert re.search(r"  redunlite tasks workflow.py -q {2,}their names\n", wide)
