"""Values: classes, enums, functions, dates, sets and bytes as arguments and results."""

import enum
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from redun import task

redun_namespace = "values"


class Color(enum.Enum):
    """A choice."""

    red = 1
    green = 2


class Flag(enum.Flag):
    """Several at once."""

    a = enum.auto()
    b = enum.auto()


@dataclass(order=True)
class Version:
    """A dataclass with order."""

    major: int
    minor: int = 0


class Plain:
    """A class of the old kind."""

    def __init__(self, x: int) -> None:
        self.x = x

    def __repr__(self) -> str:
        return f"Plain({self.x})"


def shift(x: int) -> int:
    return x + 1


@task()
def give(x):
    return x


@task()
def show(x) -> str:
    return repr(x)


@task()
def call(function, x: int):
    return function(x)


@task()
def main():
    return [
        [give(Color.red), show(Color.green), give(Flag.a | Flag.b) == Flag.b | Flag.a],
        [give(Version(1, 2)), show(Version(3)), give(Version(1)) < Version(2)],
        [show(Plain(4)), give(Plain(5)).x],
        [give(datetime(2024, 2, 29, 12)), give(date(2024, 3, 1)), give(timedelta(hours=25))],
        [give(Decimal("1.50")), give(Fraction(1, 3)), give(1 + 2j), give(10**30)],
        [give({1, 2, 3}), give(frozenset([1])), give(b"bytes"), give(bytearray(b"ba"))],
        [
            give(Path("a") / "b"),
            give(range(3)),
            give(...),
            give(None),
            give(True),
            give(1),
            give(1.0),
        ],
        [call(shift, 1), call(len, "abc"), call(Plain, 6).x, call(str.upper, "x")],
        [give(float("inf")), show(float("nan")), give(""), give("ünï\u20ac\n")],
    ]
