"""Arguments of the command line: by annotation."""

import enum
import pathlib
from datetime import datetime
from decimal import Decimal
from typing import List, Optional

from redun import task

redun_namespace = "arguments"


class Color(enum.Enum):
    """A choice."""

    red = "r"
    green = "g"


class Shout:
    """A class that is made of one text."""

    def __init__(self, text: str) -> None:
        self.text = text.upper()

    def __repr__(self) -> str:
        return f"Shout({self.text})"


def helper(x: int) -> int:
    """A function that is named on the command line."""
    return x + 1


@task()
def plain(bare, text: str = "a", number: int = 1, real: float = 0.5, flag: bool = False):
    return [bare, text, number, real, flag]


@task()
def lists(numbers: List[int], words: list[str] = ["x"]):
    return [numbers, words]


@task()
def optional(a: Optional[int] = None, b: "int | None" = None):
    return [a, b]


@task()
def maybe(a: Optional[int] = None):
    return a


@task()
def choice(color: Color = Color.red):
    return color.name


@task()
def standard(when: datetime, path: pathlib.Path, price: Decimal):
    return [when, path, price]


@task()
def own(thing: Shout):
    return repr(thing)


@task()
def long_name(first_value: int, SecondValue: int = 2):
    """Options are spelled with dashes."""
    return [first_value, SecondValue]


@task()
def needs(x: int):
    return x


@task()
def mapping(options: dict):
    return options


@task()
def bare_list(values: list):
    return values


@task()
def clash(tag: str = "t", input: str = "i"):
    return [tag, input]
