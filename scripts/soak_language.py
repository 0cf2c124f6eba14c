"""The language of redunlite with nothing lazy in it: plain calls, for `scripts/soak-random`.

A workflow that imports its names from here computes at once what the engine has to come to. Every call
copies its arguments, as a worker does; what a branch must not evaluate stands in a lambda.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any


class Task:
    """A function whose call is its result."""

    def __init__(self, func: Callable[..., Any], args: tuple[Any, ...] = (), **kwargs: Any) -> None:
        self.func = func
        self.args = args
        self.kwargs = kwargs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = copy.deepcopy((self.args + args, {**self.kwargs, **kwargs}))
        result = self.func(*args, **kwargs)
        if not inspect.iscoroutine(result):
            return result
        try:
            while True:
                result.send(None)
        except StopIteration as end:
            return end.value

    def partial(self, *args: Any, **kwargs: Any) -> Task:
        """Return the task with some arguments given."""
        return Task(self.func, self.args + args, **self.kwargs, **kwargs)

    def options(self, **options: Any) -> Task:
        """Return the task itself: options change no value."""
        return self


def task(func: Callable[..., Any]) -> Task:
    """Make a task."""
    return Task(func)


def cond(is_true: Any, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """Evaluate one of two branches."""
    return then() if is_true else otherwise()


def catch(value: Callable[[], Any], kind: type[BaseException], recover: Task) -> Any:
    """Evaluate a value, and what recovers from its error."""
    try:
        return value()
    except kind as error:
        return recover(error)


def map_(func: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
    """Return what a task gives for each value."""
    return [func(value) for value in values]


def seq(values: Iterable[Any]) -> list[Any]:
    """Return the values; they were evaluated in their order."""
    return list(values)


def zip_(*lists: Iterable[Any]) -> list[Any]:
    """Return the lists' members side by side."""
    return list(zip(*lists))


class _Known:
    def __init__(self, values: tuple[Any, ...]) -> None:
        self.values = values

    def __await__(self) -> Iterator[Any]:
        return list(self.values)  # type: ignore[return-value]
        yield


def gather(*values: Any) -> _Known:
    """Return what `asyncio.gather` would be awaited for."""
    return _Known(values)
