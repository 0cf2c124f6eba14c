"""What type checkers make of workflows: read by mypy and pyright, never run.

A line that ends in ``# E: …`` is wrong, and both have to report it; they report nothing else. Each
``assert_type`` is a type that both have to find.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from typing_extensions import assert_type

from redunlite import PartialTask, Scheduler, Task, apply_tags, catch, cond, run, task, throw
from redunlite.control import Thread, catch_all, fork_thread, join_thread
from redunlite.functools import (
    apply_func,
    as_task,
    compose,
    const,
    delay,
    eval_,
    flat_map,
    flatten,
    force,
    identity,
    map_,
    no_prov,
    seq,
    starmap,
    zip_,
)

T = TypeVar("T")


@dataclass
class Point:
    """A result with attributes and a method."""

    x: int
    y: int

    def norm(self) -> float:
        """Return the distance from the origin."""
        return float((self.x**2 + self.y**2) ** 0.5)


@task
def double(x: int) -> int:
    """A task without options."""
    return 2 * x


@task()
def greet(name: str, *, mark: str = "!") -> str:
    """A task with a keyword that has a default."""
    return f"Hello, {name}{mark}"


@task(name="make_point", namespace="demo", version="1", limits={"db": 2}, tags=[("a", 1)])
def point(x: int, y: int = 0) -> Point:
    """A task with options."""
    return Point(x, y)


@task(nout=2)
def divide(a: int, b: int) -> tuple[int, str]:
    """A task with two results."""
    return a // b, "rest"


@task(nout=2)
def halves(xs: list[float]) -> list[list[float]]:
    """A task whose list has a known length."""
    half = len(xs) // 2
    return [xs[:half], xs[half:]]


@task
def first(xs: list[T]) -> T:
    """A generic task."""
    return xs[0]


@task
async def fetch(name: str) -> int:
    """An async task."""
    return len(name)


@task
async def fetch_pages(name: str, n: int = 1) -> list[str]:
    """An async task with a default."""
    return [name] * n


@task
def split(text: str, mark: str = ",") -> list[str]:
    """A task that gives a list."""
    return text.split(mark)


@task
def report(title: str, rows: int, *, indent: int = 0) -> str:
    """A task with arguments of every kind."""
    return " " * indent + title * rows


@task
def recover_any(error: Exception) -> float:
    """A task that takes every error."""
    return float(len(str(error)))


@task
def recover_as(label: str, error: ValueError) -> str:
    """A task that takes an error after another argument."""
    return label + str(error)


@task
def count_errors(values: list[object]) -> int:
    """A task that takes values with errors among them."""
    return sum(isinstance(value, Exception) for value in values)


@task
def recover(error: ValueError) -> str:
    """A task that takes an error."""
    return str(error)


@task(script=True)
def count_lines(path: str) -> str:
    """A shell task: the result is what the script prints."""
    return f"wc -l < {path}"


# The task itself, and the function in it.

assert_type(double.func(3), int)
assert_type(double.fullname, str)
double.func("3")  # E: the function takes an int
print(double.fun)  # E: no such attribute

# Calls.

assert_type(double(3), int)
assert_type(double(double(3)), int)
assert_type(double(x=3) + 1, int)
assert_type(greet("World", mark="?"), str)
assert_type(first([1, 2]), int)
assert_type(first(["a"]), str)
assert_type(count_lines("a.txt"), bytes)
double("3")  # E: str is no int
double()  # E: an argument is missing
double(1, 2)  # E: one too many
double(y=1)  # E: no such parameter
double(greet("a"))  # E: the result of a task is no int either
greet("a", "?")  # E: only by keyword
greet("a", mark=1)  # E: int is no str
first(3)  # E: int is no list
count_lines(1)  # E: int is no path

# Attributes, methods and items of results.

assert_type(point(1).x, int)
assert_type(point(1).norm(), float)
assert_type(greet("a").upper(), str)
assert_type(halves([1.0])[0], list[float])
print(point(1).z)  # E: no such attribute
point(1).norm(2)  # E: the method takes nothing
greet("a").uper()  # E: no such method
double(greet("a").upper())  # E: str is no int

# Several results.

number, text = divide(7, 2)
assert_type(number, int)
assert_type(text, str)
low, high = halves([1.0, 2.0])
assert_type(low, list[float])
double(text)  # E: the second result is a str
one, two, three = divide(7, 2)  # E: two results, three names

# Options.

assert_type(double.options(cache=False, memory="2G", executor="thread")(3), int)
assert_type(greet.options(check_valid="shallow", cache_scope="CSE")("a"), str)
double.options(cache=False)("3")  # E: str is no int, with options too
double.options(cahce=False)  # E: no such option
double.options(memory=[4])  # E: not a size
double.options(check_valid="shalow")  # E: not one of the values
double.options(version="2")  # E: belongs to the decorator


@task(retires=3)  # E: no such option
def flaky(x: int) -> int:
    """A task with a misspelt option."""
    return x


@task(namespace=3)  # E: int is no namespace
def lost(x: int) -> int:
    """A task with a bad option."""
    return x


# Async tasks: a call can be awaited.


@task(cache=False)
async def gather(names: list[str]) -> int:
    """An async task that awaits another."""
    length = await fetch(names[0])
    assert_type(length, int)
    await fetch(3)  # E: int is no str
    return length


async def await_call(call: Coroutine[Any, Any, int]) -> None:
    """Take a call of an async task."""
    assert_type(await call, int)


await_of_fetch = await_call(fetch("a"))
double(fetch("a"))  # E: a coroutine is no int

# Control flow.

assert_type(cond(double(1) > 1, double(3), "none"), int | str)
assert_type(cond(True, 1, False, "a", 2.5), int | str | float)
assert_type(catch(double(1), ValueError, recover), int | str)
assert_type(catch(fetch("a"), ValueError, recover), int | str)
assert_type(catch(double(1), (ValueError, UnicodeError), recover), int | str)
cond(True)  # E: no branch
double(cond(True, 1, "a"))  # E: may be a str
catch(double(1), ValueError, double)  # E: the recovery takes no error
catch(double(1), OSError, recover)  # E: the recovery takes another error
catch(double(1), ValueError)  # E: no recovery
catch(double(1), "ValueError", recover)  # E: text is no error class

# Many values.

assert_type(map_(double, [1, 2]), list[int])
assert_type(map_(point, range(3)), list[Point])
assert_type(map_(fetch, ["a", "b"]), list[int])
assert_type(map_(double, map_(double, [1])), list[int])
assert_type(seq([double(1), double(2)]), list[int])
map_(double, ["a"])  # E: the values are no ints
map_(double, 3)  # E: nothing to iterate
map_(len, ["a"])  # E: a function that is no task
map_(divide, [1])  # E: the task needs two arguments
greet(map_(double, [1]))  # E: a list is no str
seq(double(1))  # E: int is no list

# Parts of the arguments.

assert_type(report.partial("a")(3), str)
assert_type(report.partial("a").partial(3)(indent=2), str)
assert_type(report.partial("a", double(3))(), str)
assert_type(report.partial(rows=3)("a"), str)
assert_type(report.partial("a").options(cache=False)(3), str)
assert_type(report.options(cache=False).partial("a")(3), str)
assert_type(map_(report.partial("a"), [1, 2]), list[str])
assert_type(map_(report.partial(rows=1), ["a"]), list[str])
assert_type(catch(double(1), ValueError, recover_as.partial("no ")), int | str)
started: PartialTask[[], int] = double.partial(3)
report.partial("a")("b")  # E: str is no int
report.partial("a")(1, 2)  # E: one too many
report.partial("a")()  # E: one is missing
report.partial("a")(1, indent="b")  # E: str is no int
report.partial("a", 1)(2)  # E: all are there
map_(report.partial("a"), ["b"])  # E: the values are no ints
print(report.partial("a").fullnam)  # E: no such attribute

# Tasks made of tasks.

assert_type(compose(double, double)(3), int)
assert_type(compose(first, split)("a,b"), str)
assert_type(compose(double, fetch)("a"), int)
assert_type(compose(report.partial("a"), double)(3), str)
assert_type(compose(double, double, fetch)("a"), int)
assert_type(delay(double(3)), PartialTask[[], int])
assert_type(force(delay(double(3))), int)
assert_type(force(delay(fetch("a"))), int)
assert_type(force(double.partial(3)), int)
assert_type(as_task(len)("abc"), int)
assert_type(apply_func(len, "abc"), int)
assert_type(identity(double(3)), int)
assert_type(const("a", double(3)), str)
assert_type(no_prov(double(3)), int)
assert_type(no_prov(fetch("a")), int)
assert_type(eval_("x + 1", x=double(3)), Any)
compose(double, double)("a")  # E: str is no int
compose(greet, split)  # E: a list is no str
force(double(3))  # E: nothing that was delayed
force(double)  # E: an argument is missing
as_task(len)(3)  # E: int has no length
as_task(3)  # E: no function
apply_func(len, 3)  # E: int has no length
double(const("a", 3))  # E: str is no int
greet(no_prov(double(3)))  # E: int is no str

# Lists of lists, and lists side by side.

assert_type(starmap(report, [{"title": "a", "rows": 1}]), list[str])
assert_type(starmap(fetch, [{"name": "a"}]), list[int])
assert_type(flatten([[1], [2, 3]]), list[int])
assert_type(flatten(map_(split, ["a,b"])), list[str])
assert_type(flat_map(split, ["a,b"]), list[str])
assert_type(flat_map(fetch_pages, ["a"]), list[str])
assert_type(map_(fetch_pages, ["a"]), list[list[str]])
assert_type(zip_([1, 2], ["a", "b"]), list[tuple[int, str]])
assert_type(zip_(map_(double, [1]), ["a"], [2.5]), list[tuple[int, str, float]])
starmap(report, ["a"])  # E: a str is no dict of arguments
starmap(len, [{"obj": "a"}])  # E: a function that is no task
flatten([1, 2])  # E: ints are no lists
flat_map(double, [1])  # E: int is no list
flat_map(split, [1])  # E: int is no str
map_(fetch_pages, [1])  # E: int is no str
zip_([1], 2)  # E: nothing to iterate

# Failures of many, tags and threads.

assert_type(catch(double(1), ValueError, recover, Exception, recover_any), int | str | float)
assert_type(catch([double(1)], Exception, recover_any), list[int] | float)
assert_type(catch_all([double(1), double(2)]), list[int])
assert_type(catch_all([fetch("a")]), list[int])
assert_type(catch_all({"a": double(1)}), dict[str, int])
assert_type(catch_all([double(1)], ValueError, count_errors), list[int] | int)
assert_type(cond(double(1) > 1, double(2), throw(ValueError("no"))), int | Any)
assert_type(apply_tags(double(1), tags=[("a", 1)], job_tags=[("b", 2)]), int)
assert_type(apply_tags(fetch("a"), [("a", 1)]), int)
assert_type(fork_thread(double(1)), Thread[int])
assert_type(join_thread(fork_thread(double(1))), int)
assert_type(join_thread(fork_thread(fetch("a"))), int)
catch_all([double(1)], ValueError, len)  # E: a function that is no task
throw("no")  # E: text is no error
apply_tags(double(1), tags="a")  # E: not pairs
apply_tags(double(1), tag=[("a", 1)])  # E: no such keyword
join_thread(double(1))  # E: int is no thread

# Running.

assert_type(run(double(3)), int)
assert_type(Scheduler().run([double(3), double(4)]), list[int])
assert_type(Scheduler().run(fetch("a"), cache=False), int)
greet(run(double(3)))  # E: int is no str
Scheduler().run(double(3), cahce=False)  # E: no such setting


# Tasks as values.


@task
def apply_twice(step: Task[[int], int], x: int) -> int:
    """Take a task as an argument."""
    return step(step(x))


assert_type(apply_twice(double, 3), int)
apply_twice(double.func, 3)  # E: a function is no task
apply_twice(greet, 3)  # E: a task of another kind
