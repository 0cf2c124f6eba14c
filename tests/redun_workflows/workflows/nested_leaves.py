"""Containers that redun does not look into: expressions in them leak, here they are evaluated."""

from collections import OrderedDict, defaultdict, deque

from redun import task

redun_namespace = "nested_leaves"


class Numbers(list):
    """A list of its own class."""


@task()
def one() -> int:
    return 1


@task()
def two() -> int:
    return 2


@task()
def count(values) -> int:
    return sum(values)


@task()
def ordered():
    return list(OrderedDict(a=one()).items())


@task()
def ordered_argument():
    return values_of(OrderedDict(a=one(), b=two()))


@task()
def values_of(mapping):
    return [f"{key}={value + 1}" for key, value in mapping.items()]


@task()
def default_argument():
    numbers = defaultdict(int)
    numbers["a"] = one()
    return values_of(numbers)


@task()
def queue():
    return count(deque([one(), two()]))


@task()
def subclass():
    return count(Numbers([one(), two()]))


@task()
def frozen():
    return count(frozenset([one(), two()]))


@task()
def set_of_two():
    return count({one(), two()})
