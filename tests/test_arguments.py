"""Options of the command line made from signatures: names, types, defaults, and what is refused."""

# ruff: noqa: UP045  both ways to write an optional type are under test
from __future__ import annotations

import enum
import json
import math
import re
import shlex
import typing
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import InitVar, dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, NewType, Optional, Protocol

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

ITEMS = iter(())


class Color(enum.Enum):
    """Two members whose names are not their values."""

    red = 1
    dark_blue = 2


class Mode(enum.Flag):
    """Members that can be combined."""

    read = 1
    write = 2


class Proto(Protocol):
    """What has no instances."""

    def f(self) -> int:
        """Do."""


class Words(list):  # type: ignore[type-arg]
    """A list of the user's own."""


class Angle:
    """A class that reads a word in its own way."""

    def __init__(self, degrees: int) -> None:
        self.degrees = degrees

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Angle) and other.degrees == self.degrees

    def __hash__(self) -> int:
        return self.degrees

    @classmethod
    def parse_arg(cls, annotation: object, text: str) -> Angle:
        """Take a unit."""
        return cls(int(text.removesuffix("deg")))


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
        (str, ["--x", "@@home"], "@home"),
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
        (NewType("Metres", float), ["--x", "5"], 5.0),
        (complex, ["--x", "1+2j"], 1 + 2j),
        (bytes, ["--x", "é"], b"\xc3\xa9"),
        (date, ["--x", "2026-11-24"], date(2026, 11, 24)),
        (datetime, ["--x", "2026-11-24T12:57"], datetime(2026, 11, 24, 12, 57)),
        (
            datetime,
            ["--x", "2026-11-24 12:57:01Z"],
            datetime(2026, 11, 24, 12, 57, 1, 0, timezone.utc),
        ),
        (time, ["--x", "12:57"], time(12, 57)),
        (timedelta, ["--x", "90"], timedelta(seconds=90)),
        (timedelta, ["--x", "1.5h"], timedelta(minutes=90)),
        (timedelta, ["--x", "2d 12h"], timedelta(days=2.5)),
        (timedelta, ["--x", "1:30:00"], timedelta(hours=1.5)),
        (timedelta, ["--x", "1 day, 0:00:01"], timedelta(days=1, seconds=1)),
        (timedelta, ["--x", "-250ms"], timedelta(milliseconds=-250)),
        (timedelta, ["--x", str(timedelta(seconds=-5))], timedelta(seconds=-5)),
        (dict, ["--x", "a=1", "b=x y", "c=[1]"], {"a": 1, "b": "x y", "c": [1]}),
        (dict[str, int], ["--x", '{"a": 1}', "--x", "b=2"], {"a": 1, "b": 2}),
        (dict[int, Color], ["--x", "1=red"], {1: Color.red}),
        (dict[str, list[int]], ["--x", "a=[1, 2]", "b=3"], {"a": [1, 2], "b": [3]}),
        (Mapping[str, float], ["--x", "a=1"], {"a": 1.0}),
        (OrderedDict[str, int], ["--x", "a=1"], OrderedDict(a=1)),
        (tuple[int, str], ["--x", "1", "a"], (1, "a")),
        (tuple[int, str], ["--x", '[1, "a"]'], (1, "a")),
        (tuple[int, ...], ["--x", "1", "2", "3"], (1, 2, 3)),
        (tuple, ["--x", "1", "a"], ("1", "a")),
        (set[int], ["--x", "1", "2", "1"], {1, 2}),
        (frozenset[str], ["--x", '["a"]'], frozenset("a")),
        (Sequence[int], ["--x", "1"], [1]),
        (Iterable[int], ["--x", "1"], [1]),
        (AbstractSet[int], ["--x", "1"], {1}),
        (list[list[int]], ["--x", "[[1], [2, 3]]"], [[1], [2, 3]]),
        (list[list[int]], ["--x", "[1, 2]", "3"], [[1, 2], [3]]),
        (list[tuple[str, int]], ["--x", '["a", 1]', '["b", 2]'], [("a", 1), ("b", 2)]),
        (list[dict[str, int]], ["--x", '{"a": 1}', "b=2"], [{"a": 1}, {"b": 2}]),
        (list, ["--x", '[1, "a", null]'], [1, "a", None]),
        (int | str, ["--x", "1"], 1),
        (str | int, ["--x", "1"], 1),
        (str | int, ["--x", "a"], "a"),
        (float | int, ["--x", "1.5"], 1.5),
        (int | float, ["--x", "1"], 1),
        (int | bool, ["--x", "true"], True),
        (date | int | str, ["--x", "2026-11-24"], date(2026, 11, 24)),
        (Path | float, ["--x", "2.5"], 2.5),
        (Color | int, ["--x", "red"], Color.red),
        (str | list[str], ["--x", "a"], "a"),
        (str | list[str], ["--x", "a", "b"], ["a", "b"]),
        (str | list[str], ["--x", '["a"]'], ["a"]),
        (int | list[int] | None, ["--x", "None"], None),
        (list[int | str], ["--x", '[1, "1"]'], [1, "1"]),
        (Literal[True, "auto"], ["--x", "True"], True),
        (list[Literal[1, "1"]], ["--x", '["1", 1]'], ["1", 1]),
        (Callable[[float], float], ["--x", "math.sqrt"], math.sqrt),
        (Callable, ["--x", "parse"], parse),
        (Callable, ["--x", "json:loads"], json.loads),
        (type, ["--x", "Color"], Color),
        (Mode, ["--x", "read|write"], Mode.read | Mode.write),
        (Words, ["--x", "a", "b"], Words(["a", "b"])),
        (Angle, ["--x", "90deg"], Angle(90)),
        (re.Pattern, ["--x", "a+"], re.compile("a+")),
        (str | bytes, ["--x", "a"], "a"),
        (bytes | str, ["--x", "a"], "a"),
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
        (list[int], ["--x", "[1, 2.5]"], "option --x got 2.5 at [1], expected a whole number"),
        (list[int], ["--x"], "option --x needs a value"),
        (int, ["--x"], "option --x needs a value"),
        (int, ["--x", "--x", "1"], "option --x needs a value"),
        (Proto, ["--x", "1"], "type Proto cannot be given on the command line"),
        (Decimal, ["--x", "much"], "option --x got 'much', expected a decimal number"),
        (dict[str, int], ["--x", "a"], "option --x got 'a', expected key=value, or a JSON object"),
        (dict[str, int], ["--x", "a=b"], "option --x got 'b', expected a whole number"),
        (dict[str, int], ["--x", "a=1", "a=2"], "expected each key once, but 'a' is there twice"),
        (dict[str, int], ["--x", '{"a": 1, "a": 2}'], "expected each key once"),
        (dict[str, int], ["--x", '{"a": [1]}'], "option --x got [1] at ['a']"),
        (dict[list[str], int], ["--x", "a=1"], "option --x got 'a', expected keys of a dict"),
        (dict[str, int], ["--x", "{a: 1}"], "expected JSON (line 1, column 2"),
        (int | float, ["--x", "far"], "expected a whole number or a number"),
        (list[list[int]], ["--x", '[["a"]]'], "at [0][0], expected a whole number"),
        (tuple[int, str], ["--x", "1"], "expected 2 values (int, text), not 1"),
        (tuple[int, str], ["--x", "a", "b"], "option --x got 'a', expected a whole number"),
        (date, ["--x", "2026-13-01"], "expected a date, such as 2026-11-24"),
        (datetime, ["--x", "soon"], "expected a time, such as 2026-11-24T12:57"),
        (timedelta, ["--x", "1 fortnight"], "expected a duration, such as 90"),
        (complex, ["--x", "i"], "expected a complex number, such as 1+2j"),
        (Callable[[int], int], ["--x", "nothing_here"], "expected a function by its name"),
        (Callable, ["--x", "math.pi"], "expected a function by its name, and that is 3.14"),
        (Callable, ["--x", "no_such_module.f"], "No module named 'no_such_module'"),
        (Iterator[int], ["--x", "1"], "cannot be given on the command line"),
        (set[list[int]], ["--x", "1"], "expected members of a set"),
        (int, ["--x", "1", "--x", "2"], "option --x is given twice: '1' and '2'"),
        (bool, ["--x", "--no-x"], "option --x is given twice: --x and --no-x"),
        (bool, ["--x", "true", "--x", "false"], "option --x is given twice: 'true' and 'false'"),
        (str, ["--x", "@no/such"], "option --x names file 'no/such', which is not there"),
        (str, ["--x", "@"], "option --x got '@', expected a file behind it"),
        (str, ["--x", "@/"], "option --x cannot read file '/': Is a directory"),
        (int, ["--x", "9" * 300 + "x"], f"option --x got '{'9' * 58}…{'9' * 18}x', expected"),
        (int, ["--x", "\x1b[2J"], "option --x got '\\x1b[2J', expected a whole number"),
    ],
)
def test_words_that_do_not_fit_are_refused(annotation: Any, words: list[str], message: str) -> None:
    """The message names option, text and what was expected."""
    with pytest.raises(UsageError) as caught:
        parse(of_type(annotation), *words)

    assert message in caught.value.message


def test_value_that_begins_with_a_dash_gets_a_hint() -> None:
    """Where it looks like another option."""

    def f(text: str, flag: bool = False) -> None: ...

    with pytest.raises(UsageError) as caught:
        parse(f, "--text", "--flag")

    assert caught.value.hint == "a value that begins with a dash is written --text=--flag"


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
        h: int = None,  # type: ignore[assignment]  # noqa: RUF013
        i: Decimal = Decimal("1.50"),
        j: tuple[date, Color] = (date(2026, 1, 1), Color.red),
        k: bool | None = None,
        m: Iterator[int] = ITEMS,
        n: dict = {},  # type: ignore[type-arg]  # noqa: B006
    ) -> None: ...

    assert [format_default(option).partition(" object")[0] for option in make_options(f)] == [
        "int (required)",
        "(default: Hello)",
        "int or None (default: None)",
        "(default: red)",
        "(default: False)",
        "list of int (default: [1])",
        "int or None (default: None)",
        "Decimal (default: 1.50)",
        "tuple of date, red|dark_blue (default: (2026-01-01, red))",
        "true, false or None (default: None)",
        "Iterator cannot be given here (default: <tuple_iterator",
        "dict (default: {})",
    ]


class Count(NamedTuple):
    """What is expected of a defaultdict: its type, what it holds, and what it makes."""

    annotation: Any
    words: list[str]
    value: dict[str, Any]
    missing: Any


@pytest.mark.parametrize(
    "expected",
    [
        Count(defaultdict[str, list[int]], ["a=[1, 2]"], {"a": [1, 2]}, []),
        Count(defaultdict[str, int], ["a=1", "b=2"], {"a": 1, "b": 2}, 0),
        Count(typing.DefaultDict[str, int], ['{"a": 1}'], {"a": 1}, 0),  # noqa: UP006
        Count(defaultdict, ["a=true", "b=text"], {"a": True, "b": "text"}, KeyError),
        Count(defaultdict[str, int | None], ["a=None"], {"a": None}, KeyError),
    ],
    ids=str,
)
def test_defaultdict_makes_what_its_values_are_by_default(expected: Count) -> None:
    """Of a plain type; any other makes nothing."""
    found = parse(of_type(expected.annotation), "--x", *expected.words)["x"]

    assert (type(found), found) == (defaultdict, expected.value)
    if expected.missing is KeyError:
        with pytest.raises(KeyError):
            found["missing"]
    else:
        assert found["missing"] == expected.missing


@dataclass
class Seeded:
    """A dataclass with fields that only its `__post_init__` sees."""

    lr: float
    seed: InitVar[int]
    kind: ClassVar[str] = "seeded"
    is_fast: InitVar[bool] = False
    seen: list[Any] = field(default_factory=list, init=False)

    def __post_init__(self, seed: int, is_fast: bool) -> None:
        self.seen = [seed, is_fast]


@pytest.mark.parametrize(
    "words",
    [
        ["--x.lr", "0.1", "--x.seed", "3", "--x.is-fast"],
        ["--x", '{"lr": 0.1, "seed": 3, "is_fast": true}'],
    ],
)
def test_init_only_fields_of_a_dataclass_are_options(words: list[str]) -> None:
    """Those of the class and those that it makes itself are none."""
    function = of_type(Seeded)

    assert parse(function, *words)["x"].seen == [3, True]
    assert [(o.flag, o.is_required) for o in make_options(function)[0].fields] == [
        ("--x.lr", True),
        ("--x.seed", True),
        ("--x.is-fast", False),
    ]


# The docs.


@dataclass
class Train:
    """The dataclass of the docs."""

    lr: float
    is_fast: bool = False


def read_rows() -> list[list[str]]:
    """Return the code of each cell of the table in docs/arguments.md."""
    page = Path(__file__).resolve().parent.parent / "docs" / "arguments.md"
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    cells = [re.split(r"(?<!\\)\|", line.strip("|")) for line in lines[2:]]
    return [[re.findall("`([^`]+)`", cell)[0].replace("\\|", "|") for cell in row] for row in cells]


@pytest.mark.parametrize("annotation, words, value", read_rows())
def test_docs_tell_what_words_become(annotation: str, words: str, value: str) -> None:
    """Each row of the table is true."""
    names = {**globals(), "datetime": datetime}
    function = of_type(eval(annotation, names))

    (found,) = parse(function, *shlex.split(words)).values()
    names["datetime"] = __import__("datetime")
    assert found == eval(value, {**names, "PosixPath": Path})


@pytest.mark.parametrize("words", [["--", "-odd.py", "main", "-v"], ["odd.py", "--", "main", "-v"]])
def test_two_dashes_end_the_options_before_a_task(words: list[str]) -> None:
    """A file may begin with a dash; what follows the task's name is left as it is."""
    parsed = parse_words([Option("v", "-v", None)], words, "'run'", stop_after=2)

    assert parsed == ({}, [word for word in words if word.endswith(("py", "main"))], ["-v"])


def test_behind_two_dashes_are_options_of_the_task_alone() -> None:
    """One that only `run` has is unknown there."""

    def f(n: int = 0) -> None: ...

    options, others = make_options(f), [Option("run.quiet", "-q", None)]
    parsed = parse_words(options, ["-q", "--", "--n", "2"], "f", others=others)

    assert parsed.values == {"run.quiet": True, "n": 2}
    with pytest.raises(UnknownNameError, match="unknown option '-q'"):
        parse_words(options, ["--", "-q"], "f", others=others)


class Drink(enum.Enum):
    """Python spells the name of a member in one way."""

    café = 1


@dataclass
class Menu:
    """And that of a field."""

    café: int = 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--\N{LATIN SMALL LIGATURE FI}le", "a"], {"file": "a"}),
        (["--\N{FULLWIDTH LATIN SMALL LETTER F}ile=a"], {"file": "a"}),
        (["--cafe\N{COMBINING ACUTE ACCENT}", "3"], {"café": 3}),
        (["--no-cre\N{COMBINING GRAVE ACCENT}me"], {"crème": False}),
        (["--drink", "cafe\N{COMBINING ACUTE ACCENT}"], {"drink": Drink.café}),
        (["--menu.cafe\N{COMBINING ACUTE ACCENT}", "2"], {"menu": Menu(2)}),
        (["--menu", '{"cafe\N{COMBINING ACUTE ACCENT}": 2}'], {"menu": Menu(2)}),
    ],
)
def test_names_are_read_as_python_spells_them(words: list[str], expected: dict[str, Any]) -> None:
    """A keyboard, a file's name or a copied text may spell a letter in another way."""

    def f(
        file: str = "",
        café: int = 0,
        crème: bool = True,
        drink: Drink = Drink.café,
        menu: Menu = Menu(),  # noqa: B008
    ) -> None: ...

    assert parse_words(make_options(f), words, "f").values == expected
