"""Workflows written for redun, with another import line: each command does what was written down.

What is expected was written by `scripts/compare-redun --write`, which plays the same steps under
redun too. What redun does differently stands beside it, and why in `redun_workflows/scenarios.py`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from redun_workflows.play import EXPECTED, WORKFLOWS, Edit, Scenario, Side, play, translate
from redun_workflows.scenarios import SCENARIOS

PROJECT = Path(__file__).resolve().parent.parent
OURS = Side(
    "redunlite",
    [sys.executable, "-m", "redunlite"],
    sys.executable,
    {"PYTHONPATH": str(PROJECT)},
)


@pytest.mark.parametrize(
    "scenario", [pytest.param(s, id=s.name) for s in SCENARIOS if not s.waits_for]
)
def test_workflow_does_what_was_written_down(scenario: Scenario, tmp_path: Path) -> None:
    """Results, exit codes, errors, and the jobs of each task that were done, failed and cached."""
    text = (EXPECTED / f"{scenario.name}.json").read_text(encoding="utf-8")
    expected = [(step["words"], step["ours"]) for step in json.loads(text)]

    assert [(step.words, outcome) for step, outcome in play(scenario, OURS, tmp_path)] == expected


def test_every_workflow_is_played() -> None:
    """A file that no scenario names would be compared by nobody."""
    names = sorted(path.stem for path in WORKFLOWS.iterdir() if not path.name.startswith("_"))

    assert names == sorted(scenario.name for scenario in SCENARIOS)


def test_every_scenario_has_commands() -> None:
    """A scenario of edits alone would prove nothing."""
    for scenario in SCENARIOS:
        assert any(not isinstance(step, Edit) for step in scenario.steps), scenario.name


@pytest.mark.parametrize("path", sorted(WORKFLOWS.rglob("*.py")), ids=lambda path: path.stem)
def test_only_import_lines_differ(path: Path) -> None:
    """Ours is the same file, except for lines that import from redun; and there is such a line."""
    source = path.read_text(encoding="utf-8")
    pairs = zip(source.splitlines(), translate(source).splitlines(), strict=True)
    changed = [(before, after) for before, after in pairs if before != after]

    assert changed or path.name == "words.py"
    for before, after in changed:
        assert before.lstrip().startswith(("from redun", "import redun"))
        assert after == before.replace("redun", "redunlite", 1)
