"""map_, starmap, flat_map, flatten, zip_: over lists that are known and lists that are results."""

from redun import task
from redun.functools import flat_map, flatten, map_, starmap, zip_

redun_namespace = "many_values"


@task()
def inc(x: int) -> int:
    return x + 1


@task()
def double(x: int) -> int:
    return 2 * x


@task()
def add(a: int, b: int = 10) -> int:
    return a + b


@task()
def numbers(n: int) -> list:
    return list(range(n))


@task()
def copies(x: int) -> list:
    return [x] * x


@task()
def choose():
    return double


@task()
def dicts() -> list:
    return [{"a": 1}, {"a": 2, "b": 3}]


@task()
def main():
    return {
        "map of list": map_(inc, [1, 2, 3]),
        "map of tuple": map_(inc, (4, 5)),
        "map of result": map_(inc, numbers(3)),
        "map of nothing": map_(inc, []),
        "map of map": map_(double, map_(inc, [1, 2])),
        "map of expressions": map_(inc, [inc(1), double(2)]),
        "map with a result as task": map_(choose(), [10, 20]),
        "map of a partial": map_(add.partial(b=100), [1, 2]),
        "map of a dict": map_(inc, numbers_by_key()),
        "starmap": starmap(add, [{"a": 1}, {"a": 2, "b": 5}]),
        "starmap of result": starmap(add, dicts()),
        "flatten": flatten([[1, inc(1)], [], [double(3)]]),
        "flat_map": flat_map(copies, [1, 2, 3]),
        "flat_map of result": flat_map(copies, numbers(4)),
        "zip": zip_([1, 2, 3], [inc(4), 6]),
        "zip of results": zip_(numbers(2), map_(inc, numbers(2)), ["a", "b"]),
    }


@task()
def numbers_by_key() -> dict:
    return {1: "a", 2: "b"}


@task()
def map_fails():
    return map_(inc, 5)
