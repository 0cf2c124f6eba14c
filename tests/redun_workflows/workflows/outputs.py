"""Several results: nout, tuple annotations, named tuples, and what does not fit."""

from typing import NamedTuple, Tuple

from redun import task

redun_namespace = "outputs"


class Point(NamedTuple):
    """Two results with names."""

    x: int
    y: int


@task()
def inc(x: int) -> int:
    return x + 1


@task(nout=3)
def three(x: int):
    return [x, x + 1, x + 2]


@task()
def annotated(x: int) -> tuple[int, str]:
    return (x, str(x))


@task()
def old_style(x: int) -> Tuple[int, int, int]:
    return (x, x, x)


@task()
def point(x: int) -> Point:
    return Point(x, -x)


@task()
def lazily(x: int) -> tuple[int, int]:
    return (inc(x), inc(x + 1))


@task()
def nothing() -> tuple[()]:
    return ()


@task()
def unknown(x: int) -> list:
    return [x, x]


@task()
def main():
    a, b, c = three(1)
    number, text = annotated(5)
    x, y = point(3)
    first, second = lazily(7)
    rest = list(old_style(4))
    p, q = unknown.options(nout=2)(6)
    return [a, inc(b), c, number, text, x, inc(y), first, second, rest, p, q, list(nothing())]


@task(nout=2)
def too_many():
    return [1, 2, 3]


@task()
def mismatch():
    a, b = too_many()
    return [a, b]


@task(nout=3)
def too_few():
    return [1, 2]


@task()
def missing():
    a, b, c = too_few()
    return [a, b, c]
