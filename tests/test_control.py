"""Control flow: branches on failures of many, raising, and threads of work."""

from __future__ import annotations

import itertools

import pytest

from redunlite import Scheduler, task, throw
from redunlite.control import catch_all, fork_thread, join_thread
from redunlite.functools import identity

redun_namespace = "test_control"

_numbers = itertools.count()


@task()
def inc(x):
    return x + 1


@task()
def fail(error):
    raise error


@task()
def name_errors(value):
    return [type(v).__name__ if isinstance(v, Exception) else v for v in value]


@task(cache_scope="NONE")
def draw():
    return next(_numbers)


def test_catch_all_gives_the_value_when_nothing_fails(scheduler: Scheduler):
    """Without a failure it is the evaluated nested value."""
    assert scheduler.run(catch_all({"a": inc(1), "b": [inc(2), 3]})) == {"a": 2, "b": [3, 3]}


def test_catch_all_recovers_with_errors_in_place(scheduler: Scheduler):
    """The recovering task gets the value with each exception where its expression was."""
    value = [inc(1), fail(ValueError("x")), 5, fail(KeyError("y"))]

    recovered = scheduler.run(catch_all(value, (ValueError, KeyError), name_errors))

    assert recovered == [2, "ValueError", 5, "KeyError"]


def test_catch_all_lets_other_errors_climb(scheduler: Scheduler):
    """The first error that the class does not take is raised; without a task, the first of all."""
    value = [fail(ValueError("x")), fail(KeyError("y"))]

    with pytest.raises(KeyError):
        scheduler.run(catch_all(value, ValueError, name_errors))
    with pytest.raises(ValueError):
        scheduler.run(catch_all(value))


def test_catch_all_evaluates_everything_whatever_fails(scheduler: Scheduler):
    """What stands behind a failure is evaluated all the same."""
    before = next(_numbers)

    with pytest.raises(ValueError):
        scheduler.run(catch_all([fail(ValueError("x")), draw(), draw()]))

    assert next(_numbers) == before + 3


def test_catch_all_needs_a_class_with_a_task(scheduler: Scheduler):
    """A recovering task without a class of errors is a mistake."""
    with pytest.raises(TypeError, match="exception class"):
        scheduler.run(catch_all([inc(1)], None, name_errors))


def test_throw_raises_lazily(scheduler: Scheduler):
    """The exception is raised when the expression is evaluated."""
    with pytest.raises(KeyError, match="gone"):
        scheduler.run(throw(KeyError("gone")))


def test_threads_are_joined_any_number_of_times(scheduler: Scheduler):
    """Two forks of one call are two threads; a join of one gives its result each time."""

    @task(name="threads")
    def threads():
        first, second = fork_thread(draw()), fork_thread(draw())
        return [join_thread(first), join_thread(first), join_thread(identity(second))]

    one, again, two = scheduler.run(threads())

    assert one == again
    assert two != one


def test_thread_failure_comes_out_at_the_join(scheduler: Scheduler):
    """A thread nobody joins fails nothing; a joined one does."""

    @task(name="loose")
    def loose():
        fork_thread(fail(ValueError("x")))
        return [fork_thread(fail(ValueError("x"))), inc(1)][1]

    @task(name="joined")
    def joined():
        return join_thread(fork_thread(fail(ValueError("x"))))

    assert scheduler.run(loose()) == 2
    with pytest.raises(ValueError):
        scheduler.run(joined())


def test_unjoined_thread_ends_before_the_run(scheduler: Scheduler):
    """The run waits for a thread that it began, also when nobody joins it."""

    @task(name="leaves_work")
    def leaves_work():
        return [fork_thread(draw()), 1]

    before = next(_numbers)

    scheduler.run(leaves_work())

    assert next(_numbers) == before + 2
