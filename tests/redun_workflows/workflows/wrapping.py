"""Decorators of the user's own around tasks: `wraps_task`."""

from redun import task
from redun.task import wraps_task

redun_namespace = "wrapping"


def doubled():
    """Double what the task gives."""

    @wraps_task()
    def _doubled(inner_task):
        def do_double(*args, **kwargs):
            return 2 * inner_task.func(*args, **kwargs)

        return do_double

    return _doubled


def times(factor: int):
    """Multiply what the task gives, which is a job of its own."""

    @wraps_task(wrapper_hash_includes=[factor])
    def _times(inner_task):
        def do_times(*args, **kwargs):
            return multiply(factor, inner_task(*args, **kwargs))

        return do_times

    return _times


@task()
def multiply(a: int, b: int) -> int:
    return a * b


@doubled()
@task()
def inc(x: int, by: int = 1) -> int:
    return x + by


@doubled()
def plain(x: int) -> int:
    return x + 10


@doubled()
@doubled()
def twice(x: int) -> int:
    return x + 100


@times(3)
@task(name="three", version="1")
def threefold(x: int) -> int:
    return x


@times(3)
@doubled()
@task()
def mixed(x: int) -> int:
    return x


@task()
def main():
    return [inc(1), inc(1, by=5), plain(1), twice(1), threefold(7), mixed(2), inc.func(1)]


@task()
def names():
    return [t.fullname for t in (inc, plain, twice, threefold, mixed)]
