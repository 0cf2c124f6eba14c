"""Operators that are lazy in redun: comparison, arithmetic, items, attributes, calls."""

from collections import namedtuple
from dataclasses import dataclass

from redun import task

redun_namespace = "operators"

Pair = namedtuple("Pair", ["left", "right"])


@dataclass
class Box:
    """A thing with an attribute and a method."""

    size: int

    def grow(self, by: int, times: int = 1) -> int:
        return self.size + by * times


@task()
def give(x):
    return x


@task()
def adder(n: int):
    return plus_one if n == 1 else plus_two


@task()
def plus_one(x: int) -> int:
    return x + 1


@task()
def plus_two(x: int) -> int:
    return x + 2


@task()
def comparison():
    a, b = give(2), give(3)
    return [a == b, a != b, a < b, a <= 2, a > b, 3 >= b, 2 == a, 5 < a]


@task()
def arithmetic():
    a = give(7)
    return [a + 1, 1 + a, a - 2, 2 - a, a * 3, 3 * a, a / 2, 14 / a, sum([a, a, give(1)])]


@task()
def logic():
    return [give(2) & 9, give(0) & 9, give(2) | 9, give(0) | 9, 0 | give(5), 4 & give(5)]


@task()
def items():
    d = give({"a": [1, 2, 3], "b": {"c": 4}})
    return [
        d["a"][0],
        d["b"]["c"],
        d[give("a")][give(2)],
        give([1, 2, 3, 4])[1:3],
        give((5, 6))[-1],
    ]


@task()
def attributes():
    box = give(Box(3))
    return [
        box.size,
        box.grow(2),
        box.grow(by=2, times=3),
        give(Pair(1, 2)).right,
        give("ab").upper(),
    ]


@task()
def calls():
    return [adder(1)(10), adder(2)(10), give(plus_one)(give(1)), give("a-b").split("-")[1]]


@task()
def main():
    return {
        "comparison": comparison(),
        "arithmetic": arithmetic(),
        "logic": logic(),
        "items": items(),
        "attributes": attributes(),
        "calls": calls(),
    }
