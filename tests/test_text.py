"""Widths, cuts and command lines: what fits a terminal whatever letters it has."""

from __future__ import annotations

import pytest

from redunlite.cli.help import Group, Page, Row, format_page
from redunlite.display.footer import format_footer
from redunlite.display.live import format_job_line
from redunlite.display.tables import format_status, format_table
from redunlite.display.text import (
    COMMAND_WIDTH,
    WORD_WIDTH,
    cut,
    cut_start,
    format_command,
    measure,
    pad,
)
from redunlite.reporter import CACHED, REJECT, RUN, JobLine, TaskCounts

WIDE = "\N{CJK UNIFIED IDEOGRAPH-5B57}"
MARKED = "e\N{COMBINING ACUTE ACCENT}"


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        (WIDE * 3, 6),
        (MARKED, 1),
        ("\N{GRINNING FACE}", 2),
        ("\N{FULLWIDTH LATIN SMALL LETTER A}", 2),
        ("\N{HALFWIDTH KATAKANA LETTER A}", 1),
        ("a\N{ZERO WIDTH JOINER}b", 2),
        ("\u1112\u1161\u11ab", 2),
        ("\u0e01\u0e33", 2),
        ("", 0),
    ],
)
def test_width_is_that_of_a_terminal(text: str, width: int) -> None:
    """Wide letters take two columns, marks and joiners none."""
    assert measure(text) == width


@pytest.mark.parametrize("width", range(1, 9))
@pytest.mark.parametrize("text", ["abcdefghij", WIDE * 6, MARKED * 9, f"a{WIDE}b{WIDE}c{WIDE}d"])
def test_cut_text_fits_from_either_end(text: str, width: int) -> None:
    """No letter is halved, and no mark is parted from its letter."""
    for cut_text, is_part in ((cut, text.startswith), (cut_start, text.endswith)):
        shown = cut_text(text, width)

        assert width - 1 <= measure(shown) <= width
        assert "…" in shown
        assert is_part(shown.strip("…"))
    assert not cut(MARKED * 9, width).endswith("e…")


def test_padded_text_has_its_width() -> None:
    """Blanks fill columns, not characters."""
    assert [pad(text, 4) for text in ("ab", WIDE, MARKED, "abcdef")] == [
        "ab  ", f"{WIDE}  ", f"{MARKED}   ", "abcdef",
    ]  # fmt: skip


def test_table_aligns_columns() -> None:
    """Whatever letters the names have, numbers end in one column."""
    names = ["plain", WIDE * 4, MARKED * 3, "\N{GRINNING FACE}"]
    lines = format_table([[name, "7"] for name in names], "lr")

    assert [measure(line) for line in lines] == [8 + 1 + 1] * 4


@pytest.mark.parametrize("width", [80, 60, 50, 40])
def test_status_fits_with_wide_names(width: int) -> None:
    """Names lose their beginnings by columns."""
    counts = {
        f"{WIDE * 8}.{WIDE * 9}": TaskCounts(done=3),
        f"{WIDE * 8}.b": TaskCounts(done=1, failed=2),
    }
    lines = format_status(counts, at=0.0, width=width)

    assert max(map(measure, lines)) <= width
    assert len({measure(line) for line in lines if line[-1:].isdigit() and "ALL" not in line}) <= 2
    assert lines[-1].endswith("3") and lines[-2].endswith("3")


@pytest.mark.parametrize("width", [10, 30, 40, 60])
def test_footer_fits_with_wide_names(width: int) -> None:
    """The line that is redrawn never wraps."""
    text = format_footer({WIDE: TaskCounts(running=2)}, [WIDE * 20, WIDE], 5.0, None, width)

    assert measure(text) <= width


@pytest.mark.parametrize("width", [40, 60])
def test_help_fits_with_wide_words(width: int) -> None:
    """A text without blanks is broken between letters, and names are padded by columns."""
    rows = [Row((f"--{WIDE * 4}",), "N", WIDE * 60), Row(("--x",), "", "to x")]
    page = format_page(Page("p", "p", WIDE * 90, (), [Group("options", rows)]), width)

    assert max(map(measure, page.splitlines())) <= width
    assert page.count(WIDE) == 4 + 60 + 90


def job_line(event: str = RUN, **fields: str) -> JobLine:
    """Return the line of a job with one long argument."""
    arguments = [("text", "'" + WIDE * 99), ("n", "3")]
    return JobLine(event, "c5a729dc", "lab.main", arguments, "default", "9" * 40, **fields)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize(
    ("line", "begin", "end"),
    [
        (job_line(), "Run    Job c5a729dc:  lab.main(", ") on default"),
        (job_line(reason="cache off"), "Run    Job c5a729dc:  lab.main(", "default (cache off)"),
        (job_line(CACHED), "Cached Job c5a729dc:  lab.main(", ") (eval_hash=99999999)"),
        (job_line(REJECT), "*** Reject Job c5a729dc:  lab.main(", "):"),
    ],
    ids=["run", "reason", "cached", "reject"],
)
def test_job_line_is_cut_in_its_arguments(line: JobLine, begin: str, end: str, width: int) -> None:
    """The id, the task, and what happened and why stay whole."""
    shown = format_job_line(line, width=width)

    assert shown.startswith(begin)
    assert shown.endswith(end)
    assert measure(shown) <= max(width, len(begin + "…" + end))
    assert "…" in shown


def test_job_line_shortens_long_values_before_it_drops_any() -> None:
    """A later argument is worth more than the end of a long one."""
    assert "…, n=3) on default" in format_job_line(job_line(), width=90)


def test_long_reason_gives_way_after_the_arguments() -> None:
    """Its beginning stays on the narrowest terminal."""
    line = job_line(reason="text: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaa' → 'bbbbbbbbbbbbbbbbbbb'")

    assert format_job_line(line, width=80).endswith(
        "(…) on default (text: 'aaaaaaaaaaaaaaaaaaaaaaaaa…)"
    )
    assert format_job_line(line, width=20).endswith("(…) on default (text: 'aaaaaaaaaaaa…)")


def test_job_line_is_whole_without_a_terminal() -> None:
    """What goes to a file is for programs too."""
    assert WIDE * 99 in format_job_line(job_line())


@pytest.mark.parametrize("words", [["run", "x" * 100_000], [WIDE * 50_000], ["ab"] * 50_000])
def test_command_line_is_cut(words: list[str]) -> None:
    """Long words lose their ends, long lines their last words."""
    shown = format_command(words)

    assert measure(shown) < COMMAND_WIDTH + WORD_WIDTH + 30
    assert "…" in shown


def test_cut_command_line_counts_what_is_left_out() -> None:
    """So nobody takes it for whole."""
    shown = format_command(["run", *["ab"] * 1000])

    assert shown.startswith("redunlite run ab ab ")
    assert shown.endswith(f"ab … {1001 - shown.count('ab') - 1:,} more")
    assert format_command(["run", "it's"]) == "redunlite run 'it'\"'\"'s'"
