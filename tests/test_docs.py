"""The pages of the docs: their examples run, and what they name is there."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from redunlite.options import OPTIONS

PROJECT = Path(__file__).resolve().parent.parent
DOCS = PROJECT / "docs"


@pytest.mark.parametrize("name", ["guide.md", "language.md", "caching.md"])
def test_examples_of_a_page_give_what_they_show(name: str, tmp_path: Path, monkeypatch) -> None:
    """Each example at a prompt gives what stands below it."""
    monkeypatch.chdir(tmp_path)

    failed, tried = doctest.testfile(str(DOCS / name), module_relative=False)

    assert tried > 3
    assert failed == 0


def test_every_option_is_told() -> None:
    """The table of options names each option, and none that there is not."""
    page = (DOCS / "language.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    assert named == set(OPTIONS)


def test_tests_that_a_page_names_exist() -> None:
    """What moving-from-redun.md says is shown by a test is shown by one that is there."""
    page = (DOCS / "moving-from-redun.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/\w+\.py)(?:::(\w+))?`", page)

    assert len(named) > 20
    for path, function in named:
        text = (PROJECT / path).read_text(encoding="utf-8")
        assert not function or f"def {function}(" in text, f"{path}::{function}"


def test_links_of_the_pages_lead_somewhere() -> None:
    """A link to another page or file of the project is not broken."""
    for page in [*DOCS.glob("*.md"), PROJECT / "README.md"]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
