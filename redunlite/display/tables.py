"""Tables. The only importer of tabulate, and only when a table is drawn.

Decided here: how the JOB STATUS table and listings look. No state.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from redunlite.display.style import PLAIN, STRONG, Style
from redunlite.display.text import cut_start, measure, pad

if TYPE_CHECKING:
    from redunlite.reporter import TaskCounts

STATUS_COLUMNS = ("PENDING", "RUNNING", "FAILED", "CACHED", "DONE", "TOTAL")
_TITLE, _SHORT_TITLE = "JOB STATUS %Y/%m/%d %H:%M:%S", "JOB STATUS %H:%M:%S"
_LEAST_NAME = 16
"""Characters of a task's name that are worth more than columns of zeros."""
_CUT_NAME = 8
"""Characters that a task's name keeps however narrow the table has to be."""
_NUMBER_WIDTH = 7
"""Least width of a column of numbers, as in redun."""


def format_table(
    rows: Sequence[Sequence[str]],
    alignment: str,
    least_width: int = 0,
    paint: Callable[[int, str], str] = lambda column, cell: cell,
) -> list[str]:
    """Return the lines of a table without rules; the first row may be a header.

    Parameters
    ----------
    rows
        Texts, as many in each row as `alignment` has letters.
    alignment
        ``l`` or ``r`` for each column.
    least_width
        Of the columns that are aligned to the right.
    paint
        Gives a padded cell its colour, by the number of its column.
    """
    tabulate = _import_tabulate()
    columns = [max(map(measure, column)) for column in zip(*rows)]

    def join_cells(cells: Sequence[str], widths: Sequence[int], aligned: Sequence[str]) -> str:
        # Padded here: tabulate counts columns only where another package is installed.
        texts = [cell.strip() for cell in cells]
        padded = [
            pad(text, width) if a == "l" else text.rjust(max(least_width, width))
            for text, width, a in zip(texts, columns, alignment)
        ]
        return " ".join(paint(i, cell) for i, cell in enumerate(padded)).rstrip()

    text: str = tabulate.tabulate(
        rows,
        tablefmt=tabulate.TableFormat(
            None, None, None, None, None, join_cells, padding=0, with_header_hide=None
        ),
        colalign=tuple("right" if a == "r" else "left" for a in alignment),
        disable_numparse=True,
    )
    return text.split("\n")


def format_status(
    counts: Mapping[str, TaskCounts],
    at: float | None = None,
    width: int | None = None,
    style: Style = PLAIN,
) -> list[str]:
    """Return the JOB STATUS table: one row for each task, and ALL.

    Parameters
    ----------
    counts
        Jobs by full task name.
    at
        Seconds since the epoch that the title shows in local time; default, now.
    width
        Characters that a line may have. Where that is too few the names of tasks lose their
        beginnings, and then columns without a job are left out.
    """
    shown = {name: count for name, count in counts.items() if count.total}
    totals = {
        column: sum(getattr(count, column.lower()) for count in shown.values())
        for column in (*STATUS_COLUMNS, "CANCELLED")
    }
    columns = [*STATUS_COLUMNS[:-1], *(["CANCELLED"] if totals["CANCELLED"] else []), "TOTAL"]
    least = _NUMBER_WIDTH
    names = sorted(shown)
    if width is not None:
        room = width - _measure(columns, totals, least)
        if room < min(_LEAST_NAME, max(map(measure, names), default=0)):
            columns = [column for column in columns if totals[column] or column == "TOTAL"]
            least = 0
            room = max(_CUT_NAME, width - _measure(columns, totals, least))
        names = _shorten_names(names, room)
    rows = [[totals[column] for column in columns]]
    rows += [[getattr(shown[n], column.lower()) for column in columns] for n in sorted(shown)]
    cells = [["TASK", *columns], [""] * (len(columns) + 1)]
    cells += [[name, *map(str, row)] for name, row in zip(["ALL", *names], rows)]

    def paint(column: int, cell: str) -> str:
        number = cell.lstrip()
        if not column or not number.isdigit() or number == "0":
            return cell
        return cell.replace(number, style.paint(number, columns[column - 1]))

    title = time.strftime(_TITLE, time.localtime(at))
    if width is not None and len(title) > width:
        title = time.strftime(_SHORT_TITLE, time.localtime(at))
    return [
        style.paint(title, STRONG),
        *format_table(cells, "l" + "r" * len(columns), least, paint),
    ]


def _measure(columns: Sequence[str], totals: Mapping[str, int], least: int) -> int:
    """Return the characters that columns of numbers take, with the blanks before them."""
    return sum(1 + max(least, len(column), len(str(totals[column]))) for column in columns)


def _shorten_names(names: Sequence[str], width: int) -> list[str]:
    """Return names of tasks without as much of their namespaces as has to go, all of them alike.

    >>> _shorten_names(["a.lab.align", "a.lab.call_variants"], 14)
    ['…align', '…call_variants']
    """
    shown = list(names)
    if max(map(measure, names), default=0) <= width:
        return shown
    for n_parts in range(max(name.count(".") for name in names), 0, -1):
        shown = []
        for name in names:
            parts = name.split(".")
            ending = ".".join(parts[-n_parts:])
            shown.append(ending if len(parts) <= n_parts else f"…{ending}")
        if max(map(measure, shown)) <= width:
            return shown
    return [cut_start(name, width) for name in shown]


def _import_tabulate() -> Any:
    """Return the module tabulate.

    It asks `importlib.metadata` for its own version number and for nothing else, and importing that
    takes 34 ms, a third of a short run (Python 3.11, 2 cores). Where nobody has imported it yet, and
    no other thread could meet it, a stand-in answers that one question.
    """
    name = "importlib.metadata"
    found = sys.modules.get("tabulate")
    if found is not None:
        return found
    threading = sys.modules.get("threading")
    if name in sys.modules or (threading is not None and threading.active_count() > 1):
        import tabulate

        return tabulate
    stand_in: Any = ModuleType(name)
    stand_in.version = lambda distribution: "unknown"
    stand_in.PackageNotFoundError = ImportError
    sys.modules[name] = stand_in
    try:
        import tabulate
    finally:
        del sys.modules[name]
    return tabulate
