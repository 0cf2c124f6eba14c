"""Options of a call do not change its cache key; `cache=False` is inherited when exported."""

from redun import task

redun_namespace = "cache_by_call"


@task()
def inc(x: int) -> int:
    return x + 1


@task()
def middle(x: int):
    return inc(x)


@task()
def plain():
    return inc(1)


@task()
def with_option():
    return inc.options(memory=4)(1)


@task()
def not_cached():
    return middle.options(cache=False)(2)


@task()
def nothing_cached_below():
    return middle.export_options(cache=False)(3)
