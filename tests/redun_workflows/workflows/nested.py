"""Expressions within values: lists, tuples, dicts, sets, named tuples, dataclasses, at any depth."""

from collections import namedtuple
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from redun import task

redun_namespace = "nested"

T = TypeVar("T")
Plain = namedtuple("Plain", ["a", "b"])


class Typed(NamedTuple):
    """A named tuple with types."""

    x: Any
    y: Any = 0


@dataclass
class Sample:
    """A dataclass."""

    name: str
    depth: Any
    notes: list = field(default_factory=list)


@dataclass(frozen=True)
class Frozen(Generic[T]):
    """A frozen one, generic."""

    value: T


@task()
def one() -> int:
    return 1


@task()
def double(x: int) -> int:
    return 2 * x


@task()
def describe(value) -> str:
    return repr(value)


@task()
def containers():
    return [
        [one(), [double(2), (double(3),)]],
        {"in": {"deep": [one()]}, "key": double(4)},
        {double(5): "value"},
        (one(), {double(6)}),
    ]


@task()
def records():
    return [
        Plain(one(), [double(2)]),
        Typed(double(3)),
        Sample("s", double(4), [one()]),
        Frozen(Sample("t", {"d": double(5)})),
    ]


@task()
def arguments():
    return [
        describe([one(), {"k": double(2)}]),
        describe(Plain(one(), 2)),
        describe(Sample("s", one())),
        describe({double(1): one()}),
    ]


@task()
def empties():
    return [[], {}, (), set(), None, ""]


@task()
def main():
    return [containers(), records(), arguments(), empties()]
