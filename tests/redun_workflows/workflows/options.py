"""Options of the decorator: names, versions, tags, and what they do to the cache."""

from redun import task
from redun.task import CacheScope

redun_namespace = "options"


@task(name="renamed")
def original(x: int) -> int:
    return x + 1


@task(version="1")
def versioned(x: int) -> int:
    return x * 2


@task(cache=False)
def uncached(x: int) -> int:
    return x * 3


@task(cache_scope=CacheScope.CSE)
def within_run(x: int) -> int:
    return x * 4


@task(cache_scope="BACKEND", executor="default", tags=[("stage", "test"), ("rank", 2)])
def tagged(x: int) -> int:
    return x * 5


@task(nout=2)
def pair(x: int):
    return [x, -x]


@task
def bare(x: int) -> int:
    return x * 6


@task()
def main(x: int = 1):
    a, b = pair(x)
    return [original(x), versioned(x), uncached(x), within_run(x), tagged(x), a, b, bare(x)]
