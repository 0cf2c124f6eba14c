"""How long the jobs of a task take: from the latest execution that ran some, and from this one.

Decided here: which past counts for the time that a run has left. A job that calls others took as long
as they did. State: what was asked for, once a task.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

LEAST_OWN = 3
"""Jobs that this run has done of a task before their mean counts, and not that of an earlier one."""


class Durations:
    """Mean durations of tasks."""

    def __init__(self, connection: sqlite3.Connection, execution: int) -> None:
        self._connection = connection
        self._execution = execution
        self._earlier: dict[str, float | None] = {}

    def find_mean_us(self, fullname: str, own: Iterable[tuple[int, int]]) -> float | None:
        """Return the mean duration of a task's jobs in microseconds; None when none is known.

        Parameters
        ----------
        own
            Jobs that this run has done and their durations in all, of each version of the task.
        """
        n_done = duration_us = 0
        for n, us in own:
            n_done += n
            duration_us += us
        if n_done < LEAST_OWN:
            if fullname not in self._earlier:
                self._earlier[fullname] = self._read(fullname)
            earlier = self._earlier[fullname]
            if earlier is not None:
                return earlier
        return duration_us / n_done if n_done else None

    def _read(self, fullname: str) -> float | None:
        namespace, _, name = fullname.rpartition(".")
        row = self._connection.execute(
            "SELECT duration_us, n_done FROM counter WHERE n_done > 0 AND execution != ? AND task IN "
            "(SELECT id FROM task WHERE name = ? AND namespace = ?) ORDER BY execution DESC LIMIT 1",
            (self._execution, name, namespace),
        ).fetchone()
        return None if row is None else row[0] / row[1]
