"""Context: variables that a run, or a part of it, sets for all calls below.

Decided here: how a dotted path is looked up. Not here: how contexts are set and handed down
(`Task.update_context`, `engine`), where a run's context comes from (`session`). No state.

>>> get_context_value({"a": {"b": 1}}, "a.b")
1
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from redunlite.forms import ContextOf
from redunlite.task import make_scheduler_task


def get_context_value(context: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """Return the variable at a dotted path, or `default` when there is none.

    >>> get_context_value({"a": {"b": 1}}, "a.c", 2)
    2
    """
    value: Any = context
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return default
        value = value[name]
    return value


@make_scheduler_task("get_context")
def get_context(path: Any, default: Any = None) -> Generator[Any, Any, Any]:
    """Give the context variable at a dotted path where this is evaluated; else `default`.

    As a parameter's default or an option's value it is evaluated with the context of the call, so a
    task can be told about its surroundings without an argument that everyone passes on.

    >>> from redunlite.context import get_context
    >>> get_context("machine.memory", 4)
    redunlite.get_context('machine.memory', 4)
    """
    if not isinstance(path, str):
        path = (yield path).get()
    return get_context_value((yield ContextOf()), path, default)
