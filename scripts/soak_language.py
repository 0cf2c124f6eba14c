"""The language of redunlite with nothing lazy in it: plain calls, for `scripts/soak-random`.

A workflow that imports its names from here computes at once what the engine has to arrive at. Every
call copies its arguments, as a worker does; what a branch must not evaluate stands in a lambda, and so
does a default that is an expression.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any

MARKERS: list[Any] = []
"""Objects that stay themselves when arguments are copied, as what a module holds under a name does."""


class Lazy:
    """A default that is evaluated at the call."""

    def __init__(self, evaluate: Callable[[], Any]) -> None:
        self.evaluate = evaluate


class Task:
    """A function whose call is its result."""

    def __init__(self, func: Any, args: tuple[Any, ...] = (), **kwargs: Any) -> None:
        self.func = func
        self.args = args
        self.kwargs = kwargs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self.func, Task):
            return self.func(*self.args, *args, **{**self.kwargs, **kwargs})
        bound = inspect.signature(self.func).bind(*self.args, *args, **{**self.kwargs, **kwargs})
        for name, parameter in bound.signature.parameters.items():
            if isinstance(parameter.default, Lazy) and name not in bound.arguments:
                bound.arguments[name] = parameter.default.evaluate()
        bound.apply_defaults()
        args, kwargs = copy_value((bound.args, bound.kwargs))
        result = self.func(*args, **kwargs)
        if not inspect.iscoroutine(result):
            return copy_value(result)
        try:
            while True:
                result.send(None)
        except StopIteration as end:
            return copy_value(end.value)

    def __deepcopy__(self, memo: Any) -> Task:
        return self

    def partial(self, *args: Any, **kwargs: Any) -> Task:
        """Return the task with some arguments given."""
        return Task(self, args, **kwargs)

    def options(self, **options: Any) -> Task:
        """Return the task itself: options change no value."""
        return self


def copy_value(value: Any) -> Any:
    """Return a value as another process would get it."""
    return copy.deepcopy(value, {id(marker): marker for marker in MARKERS})


def task(func: Any = None, **options: Any) -> Any:
    """Make a task."""
    return Task(func) if isinstance(func, FunctionType) else Task


def cond(is_true: Any, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """Evaluate one of two branches."""
    return then() if is_true else otherwise()


def catch(
    value: Callable[[], Any], kind: type[BaseException], recover: Callable[[Any], Any]
) -> Any:
    """Evaluate a value, and what recovers from its error."""
    try:
        return value()
    except kind as error:
        return recover(error)


def map_(func: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
    """Return what a task gives for each value."""
    return [func(value) for value in values]


def starmap(func: Callable[..., Any], values: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Return what a task gives for each set of keywords."""
    return [func(**value) for value in values]


def flat_map(func: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
    """Return what a task gives for each value, joined."""
    return [item for value in values for item in func(value)]


def flatten(lists: Iterable[Iterable[Any]]) -> list[Any]:
    """Return the members of the lists."""
    return [item for items in lists for item in items]


def seq(values: Iterable[Any]) -> list[Any]:
    """Return the values; they were evaluated in their order."""
    return list(values)


def zip_(*lists: Iterable[Any]) -> list[Any]:
    """Return the lists' members side by side."""
    return list(zip(*lists))


def identity(value: Any) -> Any:
    """Return the value."""
    return value


def const(value: Any, other: Any) -> Any:
    """Return the first of two values."""
    return value


def compose(outer: Callable[[Any], Any], inner: Callable[..., Any]) -> Callable[..., Any]:
    """Return one function for two."""
    return lambda *args, **kwargs: outer(inner(*args, **kwargs))


def force(value: Any) -> Any:
    """Return what was delayed."""
    return value


def delay(value: Any) -> Any:
    """Return the value; it was not put off."""
    return value


def as_task(func: Any) -> Task:
    """Make a task of a function."""
    return Task(func)


def apply_func(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function."""
    return func(*args, **kwargs)


class _Known:
    def __init__(self, values: tuple[Any, ...]) -> None:
        self.values = values

    def __await__(self) -> Iterator[Any]:
        return list(self.values)  # type: ignore[return-value]
        yield


def gather(*values: Any) -> _Known:
    """Return what `asyncio.gather` would be awaited for."""
    return _Known(values)
