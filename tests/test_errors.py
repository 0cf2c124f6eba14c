"""The nearest name: what somebody who mistyped a name probably meant."""

from __future__ import annotations

import pytest

from redunlite.errors import UnknownNameError, find_nearest

TASKS = ["add", "bad", "main", "greeter", "get_planet", "collect_all", "inc", "lab.inc", "total"]
OPTIONS = ["--dry-run", "--no-cache", "--workers", "--executor", "--fail-fast", "--keep-going",
           "--config", "--verbose", "--quiet", "--help", "--debug", "--color", "--no-color"]  # fmt: skip
COMMANDS = ["run", "log", "show", "init", "completion", "help"]


@pytest.mark.parametrize(
    "names, typo, meant",
    [
        (TASKS, "ad", "add"),
        (TASKS, "ba", "bad"),
        (TASKS, "bda", "bad"),
        (TASKS, "mian", "main"),
        (TASKS, "mani", "main"),
        (TASKS, "Main", "main"),
        (TASKS, "MAIN", "main"),
        (TASKS, "greter", "greeter"),
        (TASKS, "greet", "greeter"),
        (TASKS, "gr", "greeter"),
        (TASKS, "get-planet", "get_planet"),
        (TASKS, "getplanet", "get_planet"),
        (TASKS, "planet", "get_planet"),
        (TASKS, "get_planets", "get_planet"),
        (TASKS, "colect_all", "collect_all"),
        (TASKS, "ink", "inc"),
        (TASKS, "lab.ink", "lab.inc"),
        (TASKS, "tolal", "total"),
        (TASKS, "x", None),
        (TASKS, "", None),
        (TASKS, "zebra", None),
        (TASKS, "hello_world", None),
        (OPTIONS, "--dryrun", "--dry-run"),
        (OPTIONS, "--dry", "--dry-run"),
        (OPTIONS, "--dry_run", "--dry-run"),
        (OPTIONS, "--cache", "--no-cache"),
        (OPTIONS, "--worker", "--workers"),
        (OPTIONS, "--exec", "--executor"),
        (OPTIONS, "--failfast", "--fail-fast"),
        (OPTIONS, "--kep-going", "--keep-going"),
        (OPTIONS, "--confg", "--config"),
        (OPTIONS, "--nocolour", "--no-color"),
        (OPTIONS, "--hepl", "--help"),
        (OPTIONS, "--greet", None),
        (COMMANDS, "rn", "run"),
        (COMMANDS, "rnu", "run"),
        (COMMANDS, "lgo", "log"),
        (COMMANDS, "logs", "log"),
        (COMMANDS, "shwo", "show"),
        (COMMANDS, "int", "init"),
        (COMMANDS, "complete", "completion"),
        (COMMANDS, "hlep", "help"),
        (COMMANDS, "viz", None),
        (["a", "b"], "c", None),
        (["v.py", "workflow.py"], "w.py", "v.py"),
        (["gréeter"], "greeter", "gréeter"),
        ([], "main", None),
    ],
)
def test_nearest_name_is_what_was_meant(names: list[str], typo: str, meant: str | None) -> None:
    """Few edits, a beginning, other case or dashes; nothing that is only a little alike."""
    assert find_nearest(typo, names) == meant
    assert find_nearest(typo, reversed(names)) == meant


@pytest.mark.parametrize("name", TASKS)
def test_name_that_exists_is_nearest_to_itself(name: str) -> None:
    """Also where others are near."""
    assert find_nearest(name, TASKS) == name


def test_unknown_name_error_gives_the_nearest_as_hint() -> None:
    """Else what the caller says."""
    assert UnknownNameError("task", "ad", TASKS, "in w.py", "see help").hint == (
        "did you mean 'add'?"
    )
    assert UnknownNameError("task", "zebra", TASKS, "in w.py", "see help").hint == "see help"
