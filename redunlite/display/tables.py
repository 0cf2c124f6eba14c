"""Tables. The only importer of tabulate, and only when a table is drawn.

Decided here: how the JOB STATUS table and listings look. No state.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redunlite.reporter import TaskCounts

STATUS_COLUMNS = ("PENDING", "RUNNING", "FAILED", "CACHED", "DONE", "TOTAL")
_NUMBER_WIDTH = 7
"""Least width of a column of numbers, as in redun."""


def format_table(rows: Sequence[Sequence[str]], alignment: str, least_width: int = 0) -> list[str]:
    """Return the lines of a table without rules; the first row may be a header.

    Parameters
    ----------
    rows
        Texts, as many in each row as `alignment` has letters.
    alignment
        ``l`` or ``r`` for each column.
    least_width
        Of the columns that are aligned to the right.
    """
    tabulate = _import_tabulate()

    def join_cells(cells: Sequence[str], widths: Sequence[int], aligned: Sequence[str]) -> str:
        padded = (c.rjust(least_width) if a == "r" else c for c, a in zip(cells, alignment))
        return " ".join(padded).rstrip()

    text: str = tabulate.tabulate(
        rows,
        tablefmt=tabulate.TableFormat(
            None, None, None, None, None, join_cells, padding=0, with_header_hide=None
        ),
        colalign=tuple("right" if a == "r" else "left" for a in alignment),
        disable_numparse=True,
    )
    return text.split("\n")


def format_status(counts: Mapping[str, TaskCounts], at: float | None = None) -> list[str]:
    """Return the JOB STATUS table: one row for each task, and ALL.

    Parameters
    ----------
    counts
        Jobs by full task name.
    at
        Seconds since the epoch that the title shows in local time; default, now.
    """
    shown = {name: count for name, count in counts.items() if count.total}
    columns = list(STATUS_COLUMNS)
    if any(count.cancelled for count in shown.values()):
        columns.insert(-1, "CANCELLED")
    rows = [[getattr(count, column.lower()) for column in columns] for count in shown.values()]
    total = [sum(row[i] for row in rows) for i in range(len(columns))]
    body = sorted(zip(shown, rows))
    cells = [["TASK", *columns], [""] * (len(columns) + 1)]
    cells += [[name, *map(str, row)] for name, row in [("ALL", total), *body]]
    title = time.strftime("JOB STATUS %Y/%m/%d %H:%M:%S", time.localtime(at))
    return [title, *format_table(cells, "l" + "r" * len(columns), _NUMBER_WIDTH)]


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
