"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from redunlite import Scheduler


@pytest.fixture(autouse=True, scope="session")
def _end_of_search(tmp_path_factory: pytest.TempPathFactory) -> None:
    """End every search for a `.redunlite` folder at the folder of this run's temporary ones."""
    (tmp_path_factory.getbasetemp() / ".git").mkdir(exist_ok=True)


@pytest.fixture(autouse=True, scope="session")
def _plain_text() -> None:
    """Let nothing but a test itself ask for colours."""
    for name in ("FORCE_COLOR", "NO_COLOR"):
        os.environ.pop(name, None)


@pytest.fixture(autouse=True, scope="session")
def _shell_with_completion() -> None:
    """Let no run on a terminal advise how to get completion, and keep in the home folder that it did."""
    os.environ["_REDUNLITE_COMPLETION"] = "1"


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """A scheduler in memory, closed at the end of the test."""
    made = Scheduler()
    yield made
    made.close()
