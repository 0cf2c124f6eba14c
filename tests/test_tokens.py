"""Framings that are made from many values at once: the same bytes as from one token each."""

from __future__ import annotations

import copyreg
import math
import random
import struct
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import pytest

from redunlite import hashing
from redunlite.errors import UnhashableValueError
from redunlite.hashing import Walk, token
from redunlite.tokens import finish_members, frame_members, frame_values, row_tokens, scalar_tokens

OTHER_NAN = struct.unpack("<d", bytes.fromhex("010000000000f8ff"))[0]

SCALARS: dict[str, list[Any]] = {
    "none": [None],
    "bools": [True, False],
    "true": [True],
    "ints": [0, -1, 1 << 62, -(1 << 63)],
    "wide ints": [1 << 63, -(1 << 63) - 1, 1 << 200],
    "huge ints": [1 << 600, -(1 << 600)],
    "floats": [0.0, -0.0, 1.5, math.inf],
    "both infinities": [math.inf, -math.inf],
    "nans": [math.nan, OTHER_NAN],
    "text": ["", "a", "x" * 63],
    "wide text": ["ä", "\ud800", "é" * 31],
    "long text": ["x" * 64, "ä" * 40],
    "bytes": [b"", b"x" * 63],
    "long bytes": [b"x" * 64],
}


class Point:
    def __init__(self, x: Any, y: Any = 0) -> None:
        self.y = y
        self.x = x

    @cached_property
    def size(self) -> float:
        return math.hypot(self.x, self.y)


@dataclass(frozen=True)
class Pair:
    first: Any
    second: str = "b"


class Slotted:
    __slots__ = ("x",)

    def __init__(self, x: Any) -> None:
        self.x = x


class Half(Slotted):
    """Has a slot and attributes."""

    def __init__(self, x: Any) -> None:
        super().__init__(x)
        self.y = 1


class Stated:
    def __init__(self, x: Any) -> None:
        self.x = x

    def __getstate__(self) -> dict[str, Any]:
        return {"other": self.x}


class Made:
    def __init__(self, x: Any) -> None:
        self.x = x

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.x,)


class Registered:
    def __init__(self, x: Any) -> None:
        self.x = x


copyreg.pickle(Registered, lambda value: (Registered, (value.x,)))  # type: ignore[arg-type]


class Guarded:
    def __init__(self, x: Any) -> None:
        self.x = x

    def __getattribute__(self, name: str) -> Any:
        return {"x": 7} if name == "__dict__" else object.__getattribute__(self, name)


class Listed(list):  # type: ignore[type-arg]
    pass


class Word(str):
    pass


class Row(NamedTuple):
    x: int


def with_attribute(x: int) -> Point:
    point = Point(x)
    if x == 20:
        point.z = 1  # type: ignore[attr-defined]
    return point


def with_filled_property(x: int) -> Point:
    point = Point(x)
    assert point.size >= 0
    return point


def one_by_one(values: list[Any] | tuple[Any, ...]) -> bytes:
    """Return the token of a list or tuple from those of its members, each hashed alone."""
    return finish_members(b"l" if type(values) is list else b"t", [token(v) for v in values])


def draw(names: tuple[str, ...], n: int, seed: int) -> list[Any]:
    """Return values of each of the named groups, mixed."""
    generator = random.Random(seed)
    first = [value for name in names for value in SCALARS[name]]
    values = first + generator.choices(first, k=max(0, n - len(first)))
    generator.shuffle(values)
    return values


@pytest.mark.parametrize("name", SCALARS)
def test_values_of_one_kind_are_framed_like_their_tokens(name: str) -> None:
    """Also where some are too long for their kind and are digested."""
    values = draw((name,), 40, 1)
    framed = frame_values(values)
    tokens = scalar_tokens(values)

    assert framed is not None
    assert tokens is not None
    assert b"".join(framed) == frame_members(tokens)


@pytest.mark.parametrize("seed", range(60))
def test_values_of_several_kinds_are_framed_like_their_tokens(seed: int) -> None:
    """Whatever is mixed with what."""
    names = random.Random(seed).sample(sorted(SCALARS), 2 + seed % 3)
    values = draw(tuple(names), 50, seed)

    assert token(values) == one_by_one(values)
    assert token(tuple(values)) == one_by_one(tuple(values))


def test_values_whose_first_ones_are_alike_are_framed_like_their_tokens() -> None:
    """A kind that comes late is seen."""
    values = [*range(100), 1.5, None]

    assert token(values) == one_by_one(values)


def test_digests_of_several_kinds_are_left_to_the_walk() -> None:
    """They stand in one column, in the order of the values."""
    values = ["x" * 64, b"y" * 64] * 20

    assert frame_values(values) is None
    assert token(values) == one_by_one(values)


ROWS: dict[str, list[Any]] = {
    "numbers": [(i, i * 0.5) for i in range(40)],
    "lists": [[i, str(i), None] for i in range(40)],
    "mixed places": [(i if i % 2 else float(i), i % 3 == 0) for i in range(40)],
    "nans": [(i, OTHER_NAN) for i in range(40)],
    "wide ints": [(1 << 63 + i,) for i in range(40)],
    "long text in one": [(i, "x" * 64 if i == 7 else "y") for i in range(40)],
    "rows beyond a literal": [(i, "x" * (20 + i)) for i in range(40)],
    "lengths differ": [(1,) * (i % 3) for i in range(40)],
    "empty": [()] * 40,
    "too wide": [tuple(range(40))] * 40,
    "nested": [(i, (i,)) for i in range(40)],
    "dicts": [{"id": i, "x": i * 0.5, "name": f"n{i}"} for i in range(40)],
    "keys in another order": [{"a": 1, "b": 2} if i % 2 else {"b": 2, "a": 1} for i in range(40)],
    "keys that differ": [{"a": 1} if i % 2 else {"b": 1} for i in range(40)],
    "keys that are equal": [{1: "a"} if i % 2 else {True: "a"} for i in range(40)],
    "keys of a subclass": [{"a": 1} if i % 2 else {Word("a"): 1} for i in range(40)],
    "long keys": [{"k" * 70: i} for i in range(40)],
    "no keys": [{}] * 40,
    "nested dicts": [{"a": {"b": i}} for i in range(40)],
    "ordered dicts": [OrderedDict(a=i) for i in range(40)],
    "named tuples": [Row(i) for i in range(40)],
    "list subclass": [Listed([i]) for i in range(40)],
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_hash_like_each_alone(name: str) -> None:
    """Of any shape, those that are hashed column by column and those that are not."""
    rows = ROWS[name]

    assert token(rows) == one_by_one(rows)


@pytest.mark.parametrize("name", ["numbers", "lists", "mixed places", "nans", "dicts"])
def test_rows_of_scalars_are_hashed_column_by_column(name: str) -> None:
    """The quick way is taken where it is meant to be."""
    rows = ROWS[name]

    assert row_tokens(rows, type(rows[0])) == [token(row) for row in rows]


OBJECTS: dict[str, Any] = {
    "object": Point,
    "dataclass": Pair,
    "object without attributes": lambda x: type("Empty", (), {})(),
    "object in an object": lambda x: Point(Point(x)),
    "more attributes in one": with_attribute,
    "filled cached property": with_filled_property,
    "slots": Slotted,
    "slots and attributes": Half,
    "__getstate__": Stated,
    "__getnewargs__": Made,
    "copyreg": Registered,
    "__getattribute__": Guarded,
    "exception": ValueError,
    "long attribute": lambda x: Pair("x" * 100),
    "wide attribute": lambda x: Pair(1 << 70),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_hash_like_each_alone(name: str) -> None:
    """Of classes that say how they are reduced, and of those that do not."""
    make = OBJECTS[name]
    values = [make(i) for i in range(40)]
    if name == "object without attributes":
        values = [values[0]] * 40

    assert token(values) == one_by_one(values)


@pytest.mark.parametrize("cls", [Point, Pair])
def test_objects_of_a_plain_class_are_hashed_together(
    cls: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quick way is taken, and tells the class."""
    values = [cls(i) for i in range(40)]
    expected = one_by_one(values)
    monkeypatch.setattr(hashing, "_reduce_object", None)
    walk = Walk()

    assert walk.run(values) == expected
    assert walk.classes == {f"{__name__}:{cls.__qualname__}"}


def test_bad_part_of_many_alike_is_refused_with_its_path() -> None:
    """What cannot be hashed is found by the walk, also among many rows or objects."""
    rows = [(i, iter(()) if i == 33 else None) for i in range(40)]
    points = [Point(i, iter(()) if i == 33 else None) for i in range(40)]

    with pytest.raises(UnhashableValueError, match=r"value\[33\]\[1\]"):
        token(rows)
    with pytest.raises(UnhashableValueError, match=r"value\[33\].y"):
        token(points)
