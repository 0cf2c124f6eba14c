"""Tasks and special forms that work on other tasks: map, compose, delay and so on.

Written in the language: nothing here knows the engine. A special form is a generator (see `forms`);
the others are tasks with a version, so that their own code is in nobody's cache key.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from redunlite.expression import Expression, QuotedExpression, quote
from redunlite.forms import Evaluated
from redunlite.kinds import TaskKind
from redunlite.shapes import (
    ApplyFunc,
    Awaited,
    Map,
    OneArgumentTask,
    Seq,
    StarMap,
    Zip,
    shown_as,
)
from redunlite.task import PartialTask, Task, make_scheduler_task, task

if TYPE_CHECKING:
    from redunlite.shapes import AsyncTask

A = TypeVar("A")
B = TypeVar("B")
P = ParamSpec("P")
T = TypeVar("T")
_NAMESPACE = "redunlite.functools"


@task(namespace=_NAMESPACE, version="1")
def identity(x: T) -> T:
    """Give the argument back."""
    return x


@task(namespace=_NAMESPACE, version="1")
def const(x: T, _: Any) -> T:
    """Evaluate both arguments and give the first."""
    return x


@task(namespace=_NAMESPACE, version="1")
def compose_apply(tasks: Sequence[Task[..., Any]], /, *args: Any, **kwargs: Any) -> Any:
    """Call the last task with the arguments, and each one before it with the result so far."""
    result = tasks[-1](*args, **kwargs)
    for a_task in reversed(tasks[:-1]):
        result = a_task(result)
    return result


@overload
def compose(first: OneArgumentTask[A, B], second: Task[P, Awaited[A]], /) -> PartialTask[P, B]: ...


@overload
def compose(first: OneArgumentTask[A, B], second: Task[P, A], /) -> PartialTask[P, B]: ...


@overload
def compose(only: Task[P, B], /) -> PartialTask[P, B]: ...


@overload
def compose(
    first: Task[..., B], second: Task[..., Any], third: Task[..., Any], /, *rest: Task[..., Any]
) -> PartialTask[..., B]: ...


def compose(*tasks: Any) -> Any:
    """Return one task that calls several, from right to left.

    Raises
    ------
    TypeError
        Without any task.
    """
    if not tasks:
        raise TypeError("compose() needs a task")
    return compose_apply.partial(list(tasks))


@overload
def delay(x: Awaited[T]) -> PartialTask[[], T]: ...


@overload
def delay(x: T) -> PartialTask[[], T]: ...


def delay(x: Any) -> Any:
    """Return an expression as a value that can be passed around without being evaluated."""
    return identity.partial(x)


def force(x: Task[[], T]) -> T:
    """Return the expression that `delay` was given; also when the delayed one is an expression."""
    return x()


@make_scheduler_task("map_", _NAMESPACE, kind=Map)
def map_(a_task: Any, values: Any) -> Generator[Any, Any, Any]:
    """Call a task with each of the values, side by side; the results come as a list.

    Both may be expressions. A dict gives its keys.

    >>> from redunlite import task
    >>> from redunlite.functools import map_
    >>> @task(namespace="docs")
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> map_(double, [1, 2])
    redunlite.functools.map_(Task(docs.double), [1, 2])
    """
    a_task = yield from _get_task(a_task, "map_")
    if _is_unknown(values) or not hasattr(values, "__iter__"):
        values = (yield values).get()
    return [a_task(value) for value in values]


@make_scheduler_task("starmap", _NAMESPACE, kind=StarMap)
def starmap(a_task: Any, kwargs: Any = ()) -> Generator[Any, Any, Any]:
    """Call a task with each dict of keyword arguments, side by side; the results come as a list."""
    a_task = yield from _get_task(a_task, "starmap")
    if _is_unknown(kwargs):
        kwargs = (yield kwargs).get()
    calls = []
    for given in kwargs:
        if not isinstance(given, Mapping):
            given = (yield given).get()
        calls.append(a_task(**given))
    return calls


def _get_task(a_task: Any, form: str) -> Generator[Any, Any, Any]:
    if not isinstance(a_task, TaskKind):
        a_task = (yield a_task).get()
    if not isinstance(a_task, TaskKind):
        raise TypeError(f"{form}() needs a task and got {a_task!r}")
    return a_task


def _is_unknown(value: Any) -> bool:
    return isinstance(value, (Expression, Evaluated))


@task(namespace=_NAMESPACE, version="1")
def flatten(list_of_lists: Sequence[Iterable[T]]) -> list[T]:
    """Give the members of several lists as one list."""
    return [member for members in list_of_lists for member in members]


@overload
def flat_map(a_task: AsyncTask[A, Iterable[B]], values: Iterable[A]) -> list[B]: ...


@overload
def flat_map(a_task: OneArgumentTask[A, Iterable[B]], values: Iterable[A]) -> list[B]: ...


def flat_map(a_task: Any, values: Any) -> Any:
    """Call a task that gives a list with each of the values; all their members come as one list."""
    return flatten(map_(a_task, values))


@shown_as(Zip)
@task(namespace=_NAMESPACE, version="1")
def zip_(*lists: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Give the members of several lists side by side, as tuples; the shortest list decides."""
    return list(zip(*lists))


@make_scheduler_task("seq", _NAMESPACE, kind=Seq)
def seq(expressions: Any) -> Generator[Any, Any, Any]:
    """Evaluate the expressions of a list strictly one after another, and give their results."""
    if _is_unknown(expressions):
        expressions = (yield expressions).get()
    results = []
    for expression in expressions:
        results.append((yield expression))  # noqa: PERF401
    return results


@shown_as(ApplyFunc)
@task(namespace=_NAMESPACE, version="1")
def apply_func(func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call a plain function on arguments that may be expressions."""
    return func(*args, **kwargs)


def as_task(func: Callable[P, T]) -> PartialTask[P, T]:
    """Return a task that calls a plain function; the function's code counts in its cache key."""
    made: Any = apply_func.partial(func)
    return made  # type: ignore[no-any-return]


@task(namespace=_NAMESPACE, version="1")
def eval_(code: str, *args: Any, pos_args: Sequence[str] = (), **kwargs: Any) -> Any:
    """Evaluate the text of a Python expression.

    Parameters
    ----------
    code
        The expression; common indentation is taken off.
    pos_args
        What the positional arguments are called in it, in order; keyword arguments by their names.
    """
    if len(args) != len(pos_args):
        raise TypeError(f"eval_() got {len(args)} positional arguments and {len(pos_args)} names")
    variables = {**dict(zip(pos_args, args)), **kwargs}
    return eval(textwrap.dedent(code).strip(), variables)


@task(namespace=_NAMESPACE, version="1")
def _eval_quoted(quoted: QuotedExpression) -> Any:
    return quoted.eval()


@task(namespace=_NAMESPACE, version="1", check_valid="shallow")
def _no_prov(quoted: QuotedExpression) -> Any:
    return _eval_quoted.options(prov=False)(quoted)


@overload
def no_prov(expr: Awaited[T]) -> T: ...


@overload
def no_prov(expr: T) -> T: ...


def no_prov(expr: Any) -> Any:
    """Evaluate an expression without a record of the calls in it; what comes of all is cached.

    For a graph with more calls than anybody wants to look at. It is evaluated again when the code of
    one of its tasks changes.
    """
    return _no_prov(quote(expr))
