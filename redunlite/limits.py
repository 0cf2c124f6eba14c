"""Limits: how many units of a named resource running jobs may hold together.

State: the units that are taken. A name without a configured capacity has capacity 1.
"""

from __future__ import annotations

from collections.abc import Mapping

from redunlite.errors import LimitError


class Limits:
    """The units of each limit, and who may start."""

    def __init__(self, capacities: Mapping[str, float]) -> None:
        self._capacities = dict(capacities)
        self._taken: dict[str, float] = {}

    def check_possible(self, needs: Mapping[str, float], task: str) -> None:
        """Raise `LimitError` when `needs` can never be met."""
        for name, units in needs.items():
            capacity = self._capacities.get(name, 1)
            if units > capacity:
                raise LimitError(
                    f"task {task!r} needs {units:g} of limit {name!r}, which has {capacity:g}; "
                    f"raise it under [limits] in the configuration"
                )

    def try_take(self, needs: Mapping[str, float]) -> bool:
        """Take all of `needs`, or nothing; tell which."""
        taken, capacities = self._taken, self._capacities
        for name, units in needs.items():
            if taken.get(name, 0) + units > capacities.get(name, 1):
                return False
        for name, units in needs.items():
            taken[name] = taken.get(name, 0) + units
        return True

    def give_back(self, needs: Mapping[str, float]) -> None:
        """Return what `try_take` took."""
        for name, units in needs.items():
            self._taken[name] -= units
