"""Values whose own methods raise, and functions that cannot be sent: the job fails, the engine does not."""

from __future__ import annotations

from typing import Any

import pytest
from test_which_task import EXECUTORS, Project

from redunlite import Scheduler, cond, task
from redunlite.config import Config
from redunlite.engine import Engine
from redunlite.functools import seq

METHODS = (
    "__reduce_ex__", "__getstate__", "__setstate__", "__eq__", "__hash__", "__getattr__",
    "__getattribute__", "__repr__", "__iter__", "__class__", "__dataclass_fields__", "_fields",
)  # fmt: skip
POSITIONS = ("argument", "list", "key", "default", "result", "form", "operator", "closure", "tags")


class Bang(BaseException):
    """Derived from no `Exception`."""


ERRORS = (ValueError, SystemExit, Bang)


def make_odd(name: str, error: type[BaseException]) -> Any:
    """Return an object whose method or property of that name raises."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise error("odd")

    given = method if name.endswith("__") and name not in ("__class__",) else property(method)
    if name == "__dataclass_fields__":
        given = property(method)
    cls = type("Odd", (), {name: given, "__module__": __name__, "__qualname__": "Odd"})
    globals()["Odd"] = cls
    made = object.__new__(cls)
    try:
        object.__setattr__(made, "content", 1)
    except BaseException:
        pass  # it has no place for one
    return made


@task(namespace="odd")
def take(x: Any) -> int:
    """Take anything."""
    return 1


@task(namespace="odd")
def give(name: str, number: int) -> Any:
    """Return an odd object."""
    return make_odd(name, ERRORS[number])


def make_call(position: str, name: str, number: int) -> Any:
    """Return an expression with an odd object in that position."""
    if position == "result":
        return give(name, number)
    odd = make_odd(name, ERRORS[number])
    if position == "default":

        @task(namespace="odd", name="with_default")
        def with_default(x=odd):
            return 1

        return with_default()
    if position == "closure":

        @task(namespace="odd", name="with_closure")
        def with_closure():
            return odd is None

        return with_closure()
    return {
        "argument": lambda: take(odd),
        "list": lambda: take([odd, take(1)]),
        "key": lambda: take({odd: take(1)}),
        "form": lambda: seq([odd, cond(take(1), odd, 2)]),
        "operator": lambda: take(take(1) + odd),
        "tags": lambda: take.options(tags=[("a", odd)])(1),
    }[position]()


@pytest.mark.parametrize("kind", ("thread", "inline"))
@pytest.mark.parametrize("position", POSITIONS)
def test_an_odd_value_ends_no_run(monkeypatch: pytest.MonkeyPatch, kind: str, position: str):
    """Whatever its methods raise, the engine comes to an end of the run, and the next run works."""
    died: list[tuple[str, str, BaseException]] = []
    run = Engine.run

    def watched(self: Engine, *args: Any, **kwargs: Any) -> Any:
        try:
            return run(self, *args, **kwargs)
        except BaseException as error:
            died.append((name, ERRORS[number].__name__, error))
            raise

    monkeypatch.setattr(Engine, "run", watched)
    scheduler = Scheduler(config=Config({"executors.default": {"type": kind}}))
    for name in METHODS:
        for number in range(len(ERRORS)):
            try:
                scheduler.run([make_call(position, name, number), take(5)])
            except BaseException:
                pass  # the job may fail, and say why
    left = scheduler.run(take(6))
    scheduler.close()

    assert died == []
    assert left == 1


LAZY = """
from redunlite.context import get_context

@task()
def one():
    return 1

@task()
def main():
    @task()
    def inner(x, y=get_context("a", 5), *, z=[one(), 2]):
        return [x, y, *z]
    return [inner(0), inner(1, 2), inner.partial(3)()]
"""
PIPED = """
import redunlite
from redunlite import task
from redunlite.context import get_context

@task()
def one():
    return 1

@task()
def inner(x, y=get_context("a", 5), *, z=[one(), 2]):
    return [x, y, *z]

if __name__ == "__main__":
    print(redunlite.run([inner(0), inner(1, 2), inner.partial(3)()]))
"""


@pytest.mark.parametrize("kind", EXECUTORS)
def test_a_lazy_default_goes_where_its_function_goes(project: Project, kind: str):
    """Of a task made in a function, and of one of a program without a file; again from the cache."""
    project.set_executor(kind)
    project.write(flow=LAZY)
    expected = "[[0, 5, 1, 2], [1, 2, 1, 2], [3, 5, 1, 2]]"
    cold, again = project("flow.py", "main"), project("flow.py", "main")
    piped, piped_again = project(text=PIPED), project(text=PIPED)

    assert [done.out for done in (cold, again, piped, piped_again)] == [expected] * 4, cold.err
    assert again.ran() == []


@pytest.fixture
def project(tmp_path: Any) -> Project:
    """An empty project."""
    return Project(tmp_path)


def test_a_function_that_cannot_be_sent_fails_its_job(project: Project):
    """The error names the task, another job's result is kept, and a `catch` takes it."""
    done = project(
        text="""
import threading
import redunlite
from redunlite import task, catch

lock = threading.Lock()

@task()
def locked():
    return lock

@task()
def fine():
    return 1

@task()
def recover(error):
    return str(error)

print(redunlite.run([catch(locked(), Exception, recover), fine()]))
"""
    )

    assert done.status == 0, done.err
    assert "the function of task 'locked' cannot be sent to a worker" in done.out
    assert "'_thread.lock'" in done.out


def test_a_task_without_a_hash_fails_alone(scheduler: Scheduler):
    """Its `depends` cannot be hashed: its job fails with that, and ultimate hits of others still work."""

    @task(namespace="odd", depends=[iter([1])])
    def broken():
        return 1

    @task(namespace="odd", check_valid="shallow")
    def whole(x):
        return take(x)

    with pytest.raises(Exception, match="can be read only once"):
        scheduler.run(broken())
    assert [scheduler.run(whole(1)) for _ in range(2)] == [1, 1]


def test_a_recorded_call_that_no_longer_fits_fails_its_job(project: Project):
    """The parameters of a task below a cached caller were edited: a `TypeError` of its job, not the run's."""
    flow = """
from redunlite import catch

@task()
def below({parameters}):
    return {parameters}

@task()
def recover(error):
    return "did not fit"

@task()
def main():
    return [catch(middle(), TypeError, recover), 1]

@task()
def middle():
    return below(x=1)
"""
    project.write(flow=flow.format(parameters="x"))
    first = project("flow.py", "main")
    project.write(flow=flow.format(parameters="y"))
    edited = project("flow.py", "main")

    assert (first.out, edited.out) == ("[1, 1]", "['did not fit', 1]")
