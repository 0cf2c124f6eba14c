"""Results as they are printed: a class that cannot be shown costs its own part of the text only."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any

import pytest

from redunlite import Scheduler, task
from redunlite.cli.arguments import format_default, make_options
from redunlite.display.result import format_result
from redunlite.errors import UsageError
from redunlite.preview import format_preview
from redunlite.tags import encode_tag_value

HUGE = 10**5000
"""A number of more digits than Python writes."""


class Shy:
    """Has no text."""

    def __repr__(self) -> str:
        raise ValueError("not now")


class Mute:
    """Has a text that is none."""

    def __repr__(self) -> Any:
        return 5


class Leaving:
    """Ends the program when it is shown."""

    def __repr__(self) -> str:
        raise SystemExit(3)


class Endless:
    """Shows itself as a part of itself."""

    def __repr__(self) -> str:
        return f"<{self!r}>"


class ShyText(str):
    """A text that is not shown as one."""

    def __repr__(self) -> str:
        raise ValueError("no text")


@dataclasses.dataclass
class Point:
    x: Any
    y: Any


class Pair(collections.namedtuple("Pair", "a b")):
    """Lies about what it holds."""

    def __iter__(self) -> Any:
        raise ValueError("no members")


def nest(depth: int) -> list[Any]:
    """Return a list in a list in a list."""
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    ("value", "expected", "trouble"),
    [
        (Shy(), "<Shy object>", "ValueError: not now"),
        (Mute(), "<Mute object>", "TypeError: __repr__ returned non-string (type int)"),
        (Leaving(), "<Leaving object>", "SystemExit: 3"),
        (Endless(), "<Endless object>", "RecursionError"),
        ([1, {"a": Shy()}, "x"], "[1, {'a': <Shy object>}, 'x']", "ValueError: not now"),
        (Point(Shy(), 2), "Point(x=<Shy object>, y=2)", "ValueError: not now"),
        (HUGE, "<int of 16,610 bits>", "ValueError: Exceeds the limit"),
        ({HUGE: -HUGE}, "{<int of 16,610 bits>: <int of 16,610 bits>}", "ValueError"),
        ([ShyText("a")], "[<ShyText object>]", "ValueError: no text"),
        (Pair(1, 2), "Pair(a=1, b=2)", ""),
        (nest(5000), "[[[[[[[", "RecursionError"),
        ([1, "two"], "[1, 'two']", ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_result_is_shown_as_far_as_it_can_be(value: Any, expected: str, trouble: str) -> None:
    """What fails gives way to its preview, with the reason; all around it stays."""
    shown = format_result(value)

    assert shown.text.startswith(expected)
    assert shown.trouble.startswith(trouble)
    assert bool(shown.trouble) == bool(trouble)


def test_long_result_keeps_its_lines_around_what_fails() -> None:
    """A list too long for a line stays one member a line."""
    shown = format_result(["word " * 5] * 5 + [HUGE])

    assert shown.text.splitlines()[-2:] == [f" '{'word ' * 5}',", " <int of 16,610 bits>]"]


VALUES = [Shy(), Mute(), Leaving(), Endless(), Pair(1, 2), HUGE]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_preview_never_fails(value: Any) -> None:
    """A preview is made wherever a value passes, so no class may end a job by it."""
    assert format_preview([value]).startswith(("[<", "[Pair("))


@task
def make_leaving() -> Leaving:
    return Leaving()


@task
def take(value: Any, number: int) -> int:
    return number + 1


def test_job_with_values_that_cannot_be_shown_is_done() -> None:
    """Neither a result nor an argument fails a job because its text cannot be made."""
    assert Scheduler().run(take(make_leaving(), HUGE)) == HUGE + 1


def test_default_that_cannot_be_shown_has_help() -> None:
    """Help tells of the other options too."""

    def main(n: int = HUGE, shy: Shy = Shy(), leaving: Leaving = Leaving()) -> None:  # noqa: B008
        pass

    told = [format_default(option) for option in make_options(main)]

    assert [text.partition("(default: ")[2] for text in told] == [
        "<int of 16,610 bits>)",
        "<Shy object>)",
        "<Leaving object>)",
    ]


def test_tag_that_cannot_be_recorded_is_one_error() -> None:
    """The message itself has no need of the digits."""
    with pytest.raises(UsageError, match="tag value <int of 16,610 bits> cannot be recorded"):
        encode_tag_value(HUGE)
