"""no_prov and prov=False: a part of the work that nobody needs a record of."""

from redun import task
from redun.functools import map_, no_prov

redun_namespace = "no_provenance"


@task()
def inc(x: int) -> int:
    return x + 1


@task()
def total(values: list) -> int:
    return sum(values)


@task()
def part(n: int):
    return total(map_(inc, list(range(n))))


@task(prov=False)
def hidden(n: int):
    return part(n)


@task()
def main(n: int = 3):
    return [no_prov(part(n)), inc(n)]


@task()
def with_option():
    return [hidden(2), part.options(prov=False)(3)]
