"""Pages of executions as people see them: head, totals, the job tree with what failed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from redunlite.display.lists import format_executions, format_jobs
from redunlite.display.tree import format_duration, format_page, format_totals
from redunlite.history.records import (
    ExecutionRecord,
    JobRecord,
    TaskCounts,
    TaskRecord,
    ValueRecord,
)
from redunlite.history.tree import JobLine, JobTree

UUID = "d1419df0-f954-4a33-8f5b-ff401856c137"
TASK = TaskRecord(1, "0" * 40, "bad", "ns", None, None, None, None, ())
ERROR = ValueRecord("1" * 40, "redunlite.ErrorValue", "ErrorValue(KeyError(1))", row=7,
                    summary="KeyError: 1\n(caused by ValueError: no)")  # fmt: skip
DONE = ExecutionRecord(
    1, UUID, "DONE", 0, 210_000, ("run", "w.py", "main"), "ns.main", 1, None, "me", "box", "/a",
    "3.11.7", "c6d87b30350d08d2d6b9d8d8556dbd680bd07c72", True,
    {"cloudpickle": "3.1", "numpy": "2.4.6", "redunlite": "0.1.0"},
)  # fmt: skip
FAILED = replace(DONE, status="FAILED", error=ERROR.summary)
COUNTS = [TaskCounts("ns.bad", 0, 2, 0, 0, 0)]


def make_job(name: str, **fields: object) -> JobRecord:
    """Return a failed job."""
    made = JobRecord(1, f"{name * 8}-0", 1, None, 1, TASK, "FAILED", 0, 0, None, None, None)
    return made._replace(**fields)


TREE = JobTree(
    [
        JobLine(0, make_job("a", error=ERROR)),
        JobLine(1, make_job("b", error=ERROR, parent=1), is_cause=True),
    ],
    2,
    2,
)


def test_head_tells_circumstances_below_the_duration() -> None:
    """Who and where, versions and commit; packages that redunlite itself loads are left out."""
    lines = list(format_page(DONE, COUNTS, JobTree([], 0, 0)))

    assert lines[0].startswith(f"Exec {UUID} [ DONE ] ")
    assert lines[1:] == [
        "Duration: 0:00:00.21",
        "Where:    me@box, /a",
        "Versions: Python 3.11.7, commit c6d87b30 (dirty), numpy 2.4.6, redunlite 0.1.0",
        "",
        "Jobs: 2 (DONE: 0, CACHED: 0, FAILED: 2)",
        "-" * 80,
    ]


def test_head_leaves_out_what_is_not_known() -> None:
    """An execution that recorded nothing has the two lines of the seed."""
    bare = replace(DONE, user=None, host=None, python=None, git_commit=None, versions={})

    assert list(format_page(bare, COUNTS, JobTree([], 0, 0)))[1:3] == ["Duration: 0:00:00.21", ""]


def test_versions_take_one_line_of_the_terminal() -> None:
    """The rest is counted, and the rule is as wide."""
    many = replace(DONE, versions={f"package{i}": "1.0" for i in range(40)})

    for width in (60, 80, 200):
        lines = list(format_page(many, COUNTS, JobTree([], 0, 0), width=width))
        assert len(lines[3]) <= width
        n_shown = lines[3].count("package")
        assert lines[3].endswith(f", … {40 - n_shown} more")
        assert len(lines[3]) + len(f", package{n_shown} 1.0") > width
        assert lines[-1] == "-" * width


def test_failed_execution_tells_error_and_job_to_look_at() -> None:
    """The line of the error in the head, and under the job that raised it, not those above."""
    lines = list(format_page(FAILED, COUNTS, TREE, TREE.lines[1].job))  # type: ignore[union-attr]

    assert lines[4:6] == ["Error:    KeyError: 1", "Inspect:  redunlite log bbbbbbbb"]
    assert [line.split(" ", 3)[:3] for line in lines[9:11]] == [
        ["Job", "aaaaaaaa", "[FAILED]"],
        ["", "", "Job"],
    ]
    assert lines[11:] == ["    *** KeyError: 1"]


def test_interrupted_execution_has_its_word_once() -> None:
    """In the first line."""
    dead = replace(FAILED, error="interrupted", end_us=None)
    lines = list(format_page(dead, COUNTS, JobTree([], 0, 0)))

    assert lines[0].endswith("main (interrupted)")
    assert "interrupted" not in "".join(lines[1:])
    assert len(list(format_executions([dead], verbose=True))) == 2


def test_error_of_one_word_is_an_error() -> None:
    """As any other: in the head of the page, and in a list that was asked for more."""
    bare = replace(FAILED, error="AssertionError")
    lines = list(format_page(bare, COUNTS, JobTree([], 0, 0)))

    assert lines[0].endswith("main")
    assert "Error:    AssertionError" in lines
    assert list(format_executions([bare], verbose=True))[2] == "  *** AssertionError"
    assert len(list(format_executions([bare]))) == 1


def test_error_of_a_job_in_a_list_is_one_safe_line() -> None:
    """Below the job, without what could steer the terminal."""
    error = ERROR._replace(summary="ValueError: \x1b[2J" + "x" * 500 + "\nmore")

    lines = list(format_jobs([make_job("a", error=error)], [DONE]))

    assert len(lines) == 2
    assert lines[1].startswith("  *** ValueError: \\x1b[2Jxx")
    assert len(lines[1]) < 220


def test_totals_add_up() -> None:
    """Running and cancelled jobs are told of where there are any."""
    assert format_totals([TaskCounts("a", 1, 2, 3, 4, 5), TaskCounts("b", 0, 0, 0, 1000, 0)]) == (
        "Jobs: 1,015 (DONE: 1,004, CACHED: 3, FAILED: 2, CANCELLED: 5, RUNNING: 1)"
    )
    assert format_totals([TaskCounts("a", 0, 0, 0, 1, 0)]) == (
        "Jobs: 1 (DONE: 1, CACHED: 0, FAILED: 0)"
    )


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0:00:00.00"),
        (59.999, "0:00:59.99"),
        (3600, "1:00:00.00"),
        (25 * 3600 + 3, "25:00:03.00"),
        (40 * 86400, "960:00:00.00"),
        (-1, "0:00:00.00"),
    ],
)
def test_durations_keep_their_days(seconds: float, text: str) -> None:
    """More than a day is told in hours; a clock that was set back gives none."""
    assert format_duration(round(seconds * 1e6)) == text
