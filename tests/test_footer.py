"""The footer: what it says in how many columns."""

from __future__ import annotations

import re

import pytest

from redunlite.display.footer import (
    cut_plain,
    format_footer,
    get_footer_width,
    paint_footer,
)
from redunlite.display.style import PLAIN, Style
from redunlite.reporter import TaskCounts

COUNTS = {
    "lab.align": TaskCounts(running=2, pending=120, failed=1),
    "lab.main": TaskCounts(running=1, cached=3, done=12_345),
}
RUNNING = ["lab.align", "lab.align", "lab.sort_and_index"]


def test_footer_leaves_out_what_is_zero() -> None:
    """States without a job, a time that is not known or short, names when nothing is at a worker."""
    assert format_footer({}, [], 0, None, 80) == "[redunlite] 0:00  starting"
    assert format_footer(
        {"a": TaskCounts(failed=1, done=2)}, ["n.a", "n.b", "n.a"], 5, 0.9, 80
    ) == ("[redunlite] 0:05  1 failed, 2 done: a x2, b")


@pytest.mark.parametrize(
    "width, line",
    [
        (
            200,
            "[redunlite] 1:01:05  1 failed, 3 running, 120 pending, 3 cached, 12,345 done, "
            "~0:42 left: align x2, sort_and_index",
        ),
        (
            100,
            "[redunlite] 1:01:05  1 failed, 3 running, 120 pending, 3 cached, 12,345 done, "
            "~0:42 left: align x...",
        ),
        (
            95,
            "[redunlite] 1:01:05  1 failed, 3 running, 120 pending, 3 cached, 12,345 done, "
            "~0:42 left",
        ),
        (
            80,
            "1:01:05  1 failed, 3 running, 120 pending, 3 cached, 12,345 done, ~0:42 left",
        ),
        (75, "1:01:05 1 failed 3 run 120 wait 3 cached 12345 done ~0:42"),
        (37, "1:01:05 1 failed 3 run 120 wait 3 ..."),
        (2, ".."),
        (0, ""),
    ],
)
def test_footer_gives_way_where_there_is_less_room(width: int, line: str) -> None:
    """First the names, then our own name, then the long words, then the end."""
    assert format_footer(COUNTS, RUNNING, 3665, 42.0, width) == line


def test_footer_is_never_wider_than_it_may_be() -> None:
    """At any width."""
    for width in range(150):
        assert len(format_footer(COUNTS, RUNNING, 3665, 42.0, width)) <= width


def test_footer_leaves_room_for_what_a_terminal_echoes() -> None:
    """Two characters of Ctrl-C and the last column; a narrow terminal has its last column only."""
    assert [get_footer_width(columns) for columns in (80, 40, 7, 6, 1, 0)] == [77, 37, 4, 5, 0, 0]


def test_names_cannot_steer_the_terminal() -> None:
    """They are escaped."""
    assert format_footer({}, ["a\x1b[2J"], 0, None, 80).endswith(": a\\x1b[2J")


@pytest.mark.parametrize("width", [200, 75])
def test_counts_are_painted_and_nothing_else(width: int) -> None:
    """Each in the colour of its state; without colours the line stays as it is."""
    line = format_footer(COUNTS, RUNNING, 3665, 42.0, width)

    painted = paint_footer(line, Style(True))

    assert re.sub(r"\x1b\[\d+m", "", painted) == line
    assert "\x1b[31m1 failed\x1b[0m" in painted
    assert painted.count("\x1b[0m") == 5
    assert paint_footer(line, PLAIN) == line


def test_cut_is_ascii() -> None:
    """Three dots, or as many as there is room for."""
    assert [cut_plain("abcdef", width) for width in (6, 5, 3, 1)] == ["abcdef", "ab...", "...", "."]
