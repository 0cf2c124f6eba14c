"""The line that stands below a run on a terminal: how far it is, and what it is at.

Decided here: what is said in how many columns, and in which colours. Not here: when it is drawn and
erased (`live`). One line, in ASCII but for names of tasks. No state.

>>> from redunlite.reporter import TaskCounts
>>> counts = {"a.inc": TaskCounts(running=2, pending=7, done=1_200), "a.main": TaskCounts(running=1)}
>>> format_footer(counts, ["a.inc", "a.inc"], 65.2, 12.0, 77)
'[redunlite] 1:05  3 running, 7 pending, 1,200 done, ~0:12 left: inc x2'
>>> format_footer(counts, ["a.inc", "a.inc"], 65.2, 12.0, 37)
'1:05 3 run 7 wait 1200 done ~0:12'
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from redunlite.display.style import Style
from redunlite.display.text import cut, escape, format_elapsed, measure

if TYPE_CHECKING:
    from redunlite.reporter import TaskCounts

PREFIX = "[redunlite]"
MARGIN = 3
"""Columns that stay free: of the terminal's last one, and of ``^C``, which it echoes there."""
LEAST_LEFT_S = 1.0
"""Time that is left from which on it is worth telling."""
LEAST_NAME = 8
"""Columns that a cut list of names must have."""
_WORDS = {
    "failed": "failed", "running": "run", "pending": "wait", "cached": "cached", "done": "done"
}  # fmt: skip
"""States in the order of the line, and their short words."""
_STATUS_OF = {word: state.upper() for state, short in _WORDS.items() for word in (state, short)}
_COUNT = re.compile(rf"\b\d[\d,]* ({'|'.join(_STATUS_OF)})\b")


def get_footer_width(columns: int) -> int:
    """Return how many characters the line may have on a terminal of so many columns."""
    return columns - MARGIN if columns > 2 * MARGIN else max(0, columns - 1)


def format_footer(
    counts: Mapping[str, TaskCounts],
    running: Sequence[str],
    elapsed_s: float,
    left_s: float | None,
    width: int,
) -> str:
    """Return the footer: elapsed time, counts, time left, and the tasks that are at a worker.

    Parameters
    ----------
    counts
        Jobs by full task name.
    running
        Full name of the task of each job at a worker.
    left_s
        Seconds that the run may still take; None when not known.
    width
        Characters at most. What does not fit gives way in this order: names, our own name, words.
    """
    totals = dict.fromkeys(_WORDS, 0)
    for count in counts.values():
        for state in totals:
            totals[state] += getattr(count, state)
    elapsed = format_elapsed(elapsed_s)
    parts = [f"{n:,} {state}" for state, n in totals.items() if n]
    left = ""
    if left_s is not None and left_s >= LEAST_LEFT_S:
        left = f"~{format_elapsed(left_s)}"
        parts.append(f"{left} left")
    line = f"{PREFIX} {elapsed}  {', '.join(parts) or 'starting'}"
    if measure(line) <= width:
        names = _format_names(running)
        if not names or width - len(line) - 2 < min(LEAST_NAME, measure(names)):
            return line
        return f"{line}: {cut_plain(names, width - len(line) - 2)}"
    line = line.removeprefix(f"{PREFIX} ")
    if len(line) <= width:
        return line
    short = [f"{n} {_WORDS[state]}" for state, n in totals.items() if n]
    return cut_plain(
        " ".join([elapsed, *(short or ["starting"]), *([left] if left else [])]), width
    )


def _format_names(running: Sequence[str]) -> str:
    """Return ``inc x2, main``."""
    names: dict[str, int] = {}
    for task in running:
        name = task.rpartition(".")[2]
        names[name] = names.get(name, 0) + 1
    return ", ".join(escape(n) if k == 1 else f"{escape(n)} x{k}" for n, k in names.items())


def paint_footer(text: str, style: Style) -> str:
    """Return the footer with its counts in the colours of their states."""
    if not style.is_on:
        return text
    return _COUNT.sub(lambda found: style.paint(found[0], _STATUS_OF[found[1]]), text)


def cut_plain(text: str, width: int) -> str:
    """Return at most `width` columns of `text`, in ASCII where it was."""
    return cut(text, width, "..."[: max(0, width)])
