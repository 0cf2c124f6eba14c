"""Options of the command line made from signatures: names, types, defaults, and what is refused."""

# ruff: noqa: UP045  both ways to write an optional type are under test
from __future__ import annotations

import enum
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest

from redunlite.cli.arguments import (
    Option,
    check_required,
    format_default,
    make_options,
    parse_words,
    split_call,
)
from redunlite.errors import UnknownNameError, UsageError


class Color(enum.Enum):
    """Two members whose names are not their values."""

    red = 1
    dark_blue = 2


def parse(function: Callable[..., Any], *words: str) -> dict[str, Any]:
    """Return the values that `words` give to the parameters of `function`."""
    return parse_words(make_options(function), words, "task 'f'").values


def of_type(annotation: Any) -> Callable[..., Any]:
    """Return a function with a parameter `x` of that type."""

    def function(x: Any) -> None: ...

    function.__annotations__["x"] = annotation
    return function


@pytest.mark.parametrize(
    "annotation, words, value",
    [
        (str, ["--x", "Hi"], "Hi"),
        (str, ["--x="], ""),
        (str, ["--x", ""], ""),
        (str, ["--x=a=b"], "a=b"),
        (str, ["--x", "-"], "-"),
        (str, ["--x", "-y"], "-y"),
        (str, ["--x", "None"], "None"),
        (Any, ["--x", "1"], "1"),
        (int, ["--x", "3"], 3),
        (int, ["--x", "-3"], -3),
        (int, ["--x=-3"], -3),
        (float, ["--x", "-.5"], -0.5),
        (float, ["--x", "1e3"], 1000.0),
        (bool, ["--x"], True),
        (bool, ["--no-x"], False),
        (bool, ["--x", "true"], True),
        (bool, ["--x", "False"], False),
        (bool, ["--x=false"], False),
        (Path, ["--x", "a/b"], Path("a/b")),
        (Decimal, ["--x", "1.50"], Decimal("1.50")),
        (Literal["a", "b"], ["--x", "b"], "b"),
        (Literal[1, 2], ["--x", "2"], 2),
        (Literal["a", None], ["--x", "None"], None),
        (Color, ["--x", "dark_blue"], Color.dark_blue),
        (Color, ["--x", "Color.red"], Color.red),
        (Optional[int], ["--x", "3"], 3),
        (Optional[int], ["--x", "None"], None),
        (int | None, ["--x", "None"], None),
        (None | int, ["--x", "4"], 4),
        (Optional[str], ["--x", "None"], None),
        (Optional[bool], ["--x", "None"], None),
        (Optional[bool], ["--no-x"], False),
        (Optional[Color], ["--x", "red"], Color.red),
        (list[int], ["--x", "1", "--x", "2"], [1, 2]),
        (list[int], ["--x", "1", "-2", "3"], [1, -2, 3]),
        (list[int], ["--x", "[1, 2]", "--x", "3"], [1, 2, 3]),
        (list[int], ["--x", "[]"], []),
        (list[str], ["--x", '["a", "b c"]'], ["a", "b c"]),
        (list[str], ["--x", "[abc"], ["[abc"]),
        (list, ["--x", "a", "b"], ["a", "b"]),
        (list[bool], ["--x", "true", "false"], [True, False]),
        (list[bool], ["--x", "[true]"], [True]),
        (list[Color], ["--x", "red"], [Color.red]),
        (Optional[list[int]], ["--x", "None"], None),
        (Optional[list[int]], ["--x", "1"], [1]),
        (list[Optional[int]], ["--x", "[1, null]"], [1, None]),
        (list[Optional[int]], ["--x", "None"], [None]),
        (Annotated[int, "metres"], ["--x", "5"], 5),
    ],
)
def test_words_become_values_of_the_annotation(
    annotation: Any, words: list[str], value: object
) -> None:
    """Each type in the forms that it takes."""
    found = parse(of_type(annotation), *words)

    assert found == {"x": value}
    assert type(found["x"]) is type(value)


@pytest.mark.parametrize(
    "annotation, words, message",
    [
        (int, ["--x", "1.5"], "option --x got '1.5', expected a whole number"),
        (float, ["--x", "far"], "option --x got 'far', expected a number"),
        (bool, ["--x=yes"], "option --x got 'yes', expected true or false"),
        (bool, ["--no-x=true"], "option --no-x takes no value, got 'true'"),
        (Color, ["--x", "dark_blu"], "expected one of red, dark_blue"),
        (Literal["a", "b"], ["--x", "c"], "expected one of a, b"),
        (Optional[int], ["--x", "none"], "expected a whole number"),
        (int, ["--x", "None"], "expected a whole number"),
        (list[int], ["--x", "[1, 2.5]"], "option --x got '2.5'"),
        (list[int], ["--x"], "option --x needs a value"),
        (int, ["--x"], "option --x needs a value"),
        (int, ["--x", "--x", "1"], "option --x needs a value"),
        (Decimal, ["--x", "much"], "expected Decimal"),
        (dict[str, int], ["--x", "{}"], "type dict"),
        (int | str, ["--x", "1"], "cannot be given on the command line"),
        (list[list[int]], ["--x", "[[1]]"], "cannot be given on the command line"),
    ],
)
def test_words_that_do_not_fit_are_refused(annotation: Any, words: list[str], message: str) -> None:
    """The message names option, text and what was expected."""
    with pytest.raises(UsageError) as caught:
        parse(of_type(annotation), *words)

    assert message in caught.value.message


def test_choice_that_is_nearly_right_gets_a_hint() -> None:
    """A typing error in a choice is told with the nearest."""
    with pytest.raises(UsageError) as caught:
        parse(of_type(Color), "--x", "dark_blu")

    assert caught.value.hint == "did you mean 'dark_blue'?"


def test_parameter_without_annotation_takes_text() -> None:
    """As in redun, whatever its default."""

    def f(x, y=3): ...  # type: ignore[no-untyped-def]

    assert parse(f, "--x", "1", "--y", "2") == {"x": "1", "y": "2"}


def test_names_are_offered_with_dashes_and_taken_with_underscores() -> None:
    """`in_file` is `--in-file` and `--in_file`; `class_` is `--class`; `N` is `--n`."""

    def f(in_file: str, class_: str, N: int, x_y_z: int = 0) -> None: ...

    assert [option.flag for option in make_options(f)] == ["--in-file", "--class", "--n", "--x-y-z"]
    for spelling in ("--in-file", "--in_file"):
        assert parse(f, spelling, "a") == {"in_file": "a"}
    for spelling in ("--class", "--class_"):
        assert parse(f, spelling, "a") == {"class_": "a"}
    assert parse(f, "--n", "1") == parse(f, "--N", "1") == {"N": 1}
    assert parse(f, "--x_y-z", "1") == {"x_y_z": 1}


def test_names_that_would_be_one_keep_their_own_spelling() -> None:
    """`n` and `N`, `x` and `x_` can both be set."""

    def f(n: int, N: int, x: int, x_: int) -> None: ...

    assert parse(f, "--n", "1", "--N", "2", "--x", "3", "--x_", "4") == {
        "n": 1,
        "N": 2,
        "x": 3,
        "x_": 4,
    }


def test_parameter_called_like_a_negation_wins() -> None:
    """`no_x` is its own option beside the flag `x`."""

    def f(x: bool = True, no_x: int = 0) -> None: ...

    assert parse(f, "--no-x", "5", "--x", "false") == {"x": False, "no_x": 5}


def test_abbreviations_are_refused_with_the_whole_name() -> None:
    """`--gre` is not `--greet`, but that is what is proposed."""

    def f(greet: str) -> None: ...

    with pytest.raises(UnknownNameError) as caught:
        parse(f, "--gre", "Hi")

    assert caught.value.message == "unknown option '--gre' for task 'f'"
    assert caught.value.hint == "did you mean '--greet'?"


def test_star_parameters_have_no_options() -> None:
    """What has no name cannot be given by name."""

    def f(a: int, *args: int, b: int, **kwargs: int) -> None: ...

    assert [option.name for option in make_options(f)] == ["a", "b"]


def test_annotations_as_text_are_resolved_in_the_module() -> None:
    """Also where one of them cannot be."""
    scope: dict[str, Any] = {"Color": Color}
    exec("def f(x: 'Color', y: 'int | None', z: 'Missing'): ...", scope)

    assert parse(scope["f"], "--x", "red", "--y", "None", "--z", "1") == {
        "x": Color.red,
        "y": None,
        "z": "1",
    }


def test_last_of_two_values_counts() -> None:
    """A repeated option that is no list has its last value."""
    assert parse(of_type(int), "--x", "1", "--x", "2") == {"x": 2}


def test_words_that_are_no_options_are_kept() -> None:
    """`help` behind a value is a word; reading can stop there."""
    options = make_options(of_type(int))

    assert parse_words(options, ["--x", "1", "help"], "f").words == ["help"]
    parsed = parse_words(options, ["a", "b", "--y"], "f", stop_after=2)
    assert (parsed.words, parsed.rest) == (["a", "b"], ["--y"])


def test_other_options_yield_to_the_tasks_own() -> None:
    """Where both have a spelling it is the task's; the rest is the others'."""
    others = [
        Option("run.workers", "--workers", make_options(of_type(int))[0].reader, None),
        Option("run.verbose", "--verbose", None, None, ("-v",)),
        Option("run.quiet", "--quiet", None, None, ("-q",)),
    ]

    def f(workers: str, verbose: bool = False) -> None: ...

    words = ["--workers", "many", "--verbose", "-vq"]
    parsed = parse_words(make_options(f), words, "f", others=others)

    assert parsed.values == {
        "workers": "many",
        "verbose": True,
        "run.verbose": True,
        "run.quiet": True,
    }


def test_missing_arguments_are_named() -> None:
    """All of them, by their options."""

    def f(a: int, b_c: str, d: int = 1) -> None: ...

    with pytest.raises(UsageError) as caught:
        check_required(make_options(f), {}, "task 'f'", "look here")

    assert caught.value.message == "task 'f' needs --a and --b-c"
    assert caught.value.hint == "look here"
    check_required(make_options(f), {"a", "b_c"}, "task 'f'", "")


def test_positional_only_parameters_are_given_by_position() -> None:
    """Defaults between them are filled in."""

    def f(a: int, b: int = 2, c: int = 3, /, d: int = 4) -> None: ...

    options = make_options(f)

    assert split_call(options, {"a": 1, "c": 5, "d": 6}) == ([1, 2, 5], {"d": 6})
    assert split_call(options, {"a": 1}) == ([1], {})


def test_help_shows_type_and_default() -> None:
    """The type, unless it is text, and the default as it would be typed."""

    def f(
        a: int,
        b: str = "Hello",
        c: Optional[int] = None,
        d: Color = Color.red,
        e: bool = False,
        g: list[int] = [1],  # noqa: B006
    ) -> None: ...

    assert [format_default(option) for option in make_options(f)] == [
        "int (required)",
        "(default: Hello)",
        "int (default: None)",
        "(default: red)",
        "(default: False)",
        "list of int (default: [1])",
    ]
