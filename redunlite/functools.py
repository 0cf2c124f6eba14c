"""Tasks and special forms that work on other tasks: `map_` and `seq`."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from redunlite.expression import Expression
from redunlite.forms import Evaluated
from redunlite.kinds import TaskKind
from redunlite.shapes import Map, Seq
from redunlite.task import make_scheduler_task


@make_scheduler_task("map_", "redunlite.functools", kind=Map)
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
    if not isinstance(a_task, TaskKind):
        a_task = (yield a_task).get()
    if not isinstance(a_task, TaskKind):
        raise TypeError(f"map_() needs a task and got {a_task!r}")
    if isinstance(values, (Expression, Evaluated)) or not hasattr(values, "__iter__"):
        values = (yield values).get()
    return [a_task(value) for value in values]  # type: ignore[operator]


@make_scheduler_task("seq", "redunlite.functools", kind=Seq)
def seq(expressions: Any) -> Generator[Any, Any, Any]:
    """Evaluate the expressions of a list strictly one after another, and give their results."""
    if isinstance(expressions, (Expression, Evaluated)):
        expressions = (yield expressions).get()
    results = []
    for expression in expressions:
        results.append((yield expression))  # noqa: PERF401
    return results
