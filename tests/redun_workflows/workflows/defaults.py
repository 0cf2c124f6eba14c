"""Defaults that are expressions: evaluated for each call, with the caller's job as parent."""

from redun import task

redun_namespace = "defaults"


@task()
def ten() -> int:
    return 10


@task()
def double(x: int) -> int:
    return 2 * x


@task()
def add(a: int, b: int = ten(), c=[double(1), {"k": ten()}]):
    return [a + b, c]


@task()
def plain(a: int, b: int = 5) -> int:
    return a + b


@task()
def main(x: int = double(4)):
    return [x, add(1), add(2, 3), add(4, c=0), plain(1), plain(1, b=5)]
