"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redunlite import Scheduler


@pytest.fixture(autouse=True, scope="session")
def _end_of_search(tmp_path_factory: pytest.TempPathFactory) -> None:
    """End every search for a `.redunlite` folder at the folder of this run's temporary ones."""
    (tmp_path_factory.getbasetemp() / ".git").mkdir(exist_ok=True)


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """A scheduler in memory, closed at the end of the test."""
    made = Scheduler()
    yield made
    made.close()
