"""Dataclasses and named tuples at the command line: field by field, as JSON, and from files."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Optional

import pytest

from redunlite import task
from redunlite.cli.arguments import (
    check_required,
    collect_words,
    format_default,
    iter_options,
    join_fields,
    make_options,
)
from redunlite.errors import UsageError


@dataclass(frozen=True)
class Net:
    """All fields have defaults."""

    layers: int = 3
    act: Literal["relu", "tanh"] = "relu"
    sizes: list[int] = field(default_factory=lambda: [8, 8])


@dataclass
class Train:
    """One field must be given."""

    lr: float
    net: Net = field(default_factory=Net)
    is_fast: bool = False
    n_seen: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.lr < 0:
            raise ValueError("lr is negative")


class Point(NamedTuple):
    """A named tuple."""

    x: int
    y: int = 0


@dataclass
class Tree:
    """A class that holds itself."""

    name: str
    below: Tree | None = None


def call(function: Callable[..., Any], *words: str) -> dict[str, Any]:
    """Return the arguments that a line of words means for `function`, as `run` reads it."""
    options = make_options(function)
    collected = collect_words(options, words, "task 'f'")
    check_required(options, collected.given, "task 'f'", "")
    return join_fields(options, collected.convert())


def plain(opt: Train) -> None:
    """A record that must be given."""


def preset(opt: Train = Train(0.5, Net(layers=9), is_fast=True)) -> None:  # noqa: B008
    """A record with a default."""


def maybe(opt: Optional[Train] = None) -> None:  # noqa: UP045
    """A record or nothing."""


def easy(net: Net) -> None:
    """A record whose fields all have defaults."""


def point(at: Point, tree: Tree = Tree("t")) -> None:  # noqa: B008
    """A named tuple, and a class that holds itself."""


@pytest.mark.parametrize(
    "function, words, value",
    [
        (plain, ["--opt.lr", "1"], Train(1.0)),
        (plain, ["--opt.lr=1", "--opt.is-fast"], Train(1.0, is_fast=True)),
        (plain, ["--opt.lr=1", "--opt.is_fast", "true"], Train(1.0, is_fast=True)),
        (plain, ["--opt.lr=1", "--opt.net.layers", "5"], Train(1.0, Net(5))),
        (plain, ["--opt.lr=1", "--opt.net.sizes", "1", "2"], Train(1.0, Net(sizes=[1, 2]))),
        (plain, ["--opt", '{"lr": 1, "net": {"act": "tanh"}}'], Train(1.0, Net(act="tanh"))),
        (plain, ["--opt", '{"lr": 1}', "--opt.net.layers=5"], Train(1.0, Net(5))),
        (plain, ["--opt.net", '{"layers": 2}', "--opt.lr=1"], Train(1.0, Net(2))),
        (preset, ["--opt.lr", "2"], Train(2.0, Net(9), is_fast=True)),
        (preset, ["--no-opt.is-fast"], Train(0.5, Net(9))),
        (preset, ["--opt.net.act", "tanh"], Train(0.5, Net(9, "tanh"), is_fast=True)),
        (preset, ["--opt", '{"lr": 3}'], Train(3.0)),
        (maybe, ["--opt", "None"], None),
        (maybe, ["--opt.lr", "1"], Train(1.0)),
        (easy, [], Net()),
        (easy, ["--net.layers", "1"], Net(1)),
        (point, ["--at.x", "1"], Point(1)),
        (point, ["--at", "[1, 2]"], Point(1, 2)),
        (point, ["--at", '{"x": 1}', "--at.y", "5"], Point(1, 5)),
    ],
)
def test_fields_are_given_one_by_one_or_whole(
    function: Callable[..., Any], words: Sequence[str], value: object
) -> None:
    """Fields go on top of the whole, and the whole is the default where it is not given."""
    (found, *_) = call(function, *words).values()

    assert found == value
    assert type(found) is type(value)


def test_nothing_given_leaves_the_default_to_the_task() -> None:
    """The value is the function's own."""
    assert call(preset) == call(maybe) == {}


def test_class_that_holds_itself_is_given_as_json_below() -> None:
    """Its options end where it comes again."""
    flags = [option.flag for option in iter_options(make_options(point))]

    assert flags == ["--at", "--at.x", "--at.y", "--tree", "--tree.name", "--tree.below"]
    found = call(point, "--at.x=1", "--tree.below", '{"name": "b", "below": {"name": "c"}}')
    assert found["tree"] == Tree("t", Tree("b", Tree("c")))


@pytest.mark.parametrize(
    "function, words, message",
    [
        (plain, [], "task 'f' needs --opt.lr"),
        (plain, ["--opt.is-fast"], "task 'f' needs --opt.lr"),
        (plain, ["--opt.lr", "-1"], "option --opt got {'lr': -1.0}, expected Train (lr is negative)"),
        (plain, ["--opt", '{"lr": -1}'], "expected Train (lr is negative)"),
        (plain, ["--opt", "fast"], "option --opt got 'fast', expected JSON (line 1, column 1"),
        (plain, ["--opt", "3"], "option --opt got '3', expected a JSON object with the fields of Train"),
        (plain, ["--opt", '{"lr": 1, "nett": {}}'], "got 'nett', expected fields of Train"),
        (plain, ["--opt", '{"lr": 1, "net": {"layers": "x"}}'], "at .net.layers, expected a whole"),
        (plain, ["--opt", "{}"], "expected Train with lr"),
        (plain, ["--opt.n-seen", "1"], "unknown option '--opt.n-seen'"),
        (preset, ["--opt.net.act", "tan"], "option --opt.net.act got 'tan', expected one of relu"),
        (maybe, ["--opt.is-fast"], "task 'f' needs --opt.lr"),
        (point, ["--at", "[1, 2, 3]"], "expected a list of at most 2 (x, y)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_place(
    function: Callable[..., Any], words: Sequence[str], message: str
) -> None:
    """Option, part and reason."""
    with pytest.raises(UsageError) as caught:
        call(function, *words)

    assert message in caught.value.message


def test_help_shows_the_defaults_that_hold_in_a_record() -> None:
    """Those of the instance that is the parameter's default."""
    shown = {option.flag: format_default(option) for option in iter_options(make_options(preset))}

    assert shown == {
        "--opt": "Train",
        "--opt.lr": "float (default: 0.5)",
        "--opt.net": "Net",
        "--opt.net.layers": "int (default: 9)",
        "--opt.net.act": "(default: relu)",
        "--opt.net.sizes": "list of int (default: [8, 8])",
        "--opt.is-fast": "(default: True)",
    }


def test_factories_are_called_only_when_their_value_is_wanted() -> None:
    """Help and a field that goes on top ask for it; a run that gives neither does not."""
    calls = []

    def make() -> Net:
        calls.append(1)
        return Net(layers=7)

    @dataclass
    class Deep:
        sizes: list[int] = field(default_factory=lambda: calls.append(1) or [1])
        net: Net = field(default_factory=make)

    scope: dict[str, Any] = {"Deep": Deep}
    exec("def f(deep: Deep): ...", scope)
    options = make_options(scope["f"])
    calls.clear()

    assert join_fields(options, {"deep:sizes": [2], "deep:net": Net()})["deep"].sizes == [2]
    assert calls == []
    assert [format_default(option) for option in iter_options(options)] == [
        "Deep",
        "list of int (default: [1])",
        "Net",
        "int (default: 7)",
        "(default: relu)",
        "list of int (default: [8, 8])",
    ]
    assert join_fields(options, {"deep:net:act": "tanh"})["deep"].net == Net(7, "tanh")


def test_parameters_that_the_engine_fills_in_have_no_option() -> None:
    """A hidden default, and the parameters of a special form that its scheduler gives."""
    from redunlite.jobinfo import JobInfo
    from redunlite.task import make_scheduler_task

    @task(namespace="records")
    def told(a: int, info: JobInfo = JobInfo(), *more: int) -> int:
        return a

    assert [option.name for option in make_options(told.func, told.parameters)] == ["a"]

    @make_scheduler_task("form", "records")
    def form(path: str, default: int = 1) -> Any:
        yield None

    assert [o.name for o in make_options(form.func, form.parameters)] == ["path", "default"]


def test_note_of_an_annotation_and_a_computed_default_are_shown() -> None:
    """`Annotated` may say what a parameter means; an expression has no value yet."""

    @task(namespace="records")
    def two() -> int:
        return 2

    def f(n: Annotated[int, "How many."] = two(), empty: str = "") -> None: ...

    assert [format_default(option) for option in make_options(f)] == [
        "How many; int (default: computed)",
        "(default: '')",
    ]


# Files and standard input.


def files(
    text: str = "", n: int = 0, xs: list[str] = [], d: dict[str, int] = {}, raw: bytes = b"",  # noqa: B006
    opt: Train = Train(0.5), either: str | list[int] = "",  # noqa: B008
) -> None:  # fmt: skip
    """One parameter for each kind of file."""


@pytest.mark.parametrize(
    "option, data, value",
    [
        ("text", b"a\nb\n", "a\nb"),
        ("text", b"\xef\xbb\xbf\xc3\xa9\r\n", "é"),
        ("n", b"3\n", 3),
        ("xs", b'["a", "b"]\n', ["a", "b"]),
        ("d", b'{"a": 1}', {"a": 1}),
        ("raw", b"\x00\xff\n", b"\x00\xff\n"),
        ("opt", b'{"lr": 1}', Train(1.0)),
        ("opt.lr", b"7\n", Train(7.0)),
        ("either", b"[1]", [1]),
        ("either", b'"a"', "a"),
    ],
)
def test_file_and_standard_input_stand_for_what_they_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, data: bytes, value: object
) -> None:
    """JSON for what has parts, text without its last line break for the rest."""
    path = tmp_path / "file"
    path.write_bytes(data)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    assert list(call(files, f"--{option}", f"@{path}").values()) == [value]
    assert list(call(files, f"--{option}", "-").values()) == [value]


def test_file_can_be_one_of_several_words(tmp_path: Path) -> None:
    """Its members come between the others."""
    (tmp_path / "b.json").write_text('["b", "c"]')

    assert call(files, "--xs", "a", f"@{tmp_path}/b.json", "@@d") == {"xs": ["a", "b", "c", "@d"]}


def test_nothing_is_read_when_the_line_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown option is told before standard input is waited for."""
    data = io.TextIOWrapper(io.BytesIO(b"text"))
    monkeypatch.setattr(sys, "stdin", data)

    with pytest.raises(UsageError, match="unknown option"):
        call(files, "--text", "-", "--txet", "a")

    assert data.read() == "text"
