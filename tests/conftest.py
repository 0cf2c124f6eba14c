"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redunlite import Scheduler


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """A scheduler in memory, closed at the end of the test."""
    made = Scheduler()
    yield made
    made.close()
