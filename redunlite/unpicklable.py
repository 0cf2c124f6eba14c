"""Which part of a value cannot be pickled, and where it is.

Decided here: what is looked into, and the words for a place. Not here: what is pickled how
(`serialize`), what is done about it. No state lives here.

>>> import threading
>>> lock = threading.Lock()
>>> def can_pickle(value):
...     return not callable(value) and "lock" not in str(value)
>>> find_unpicklable({"a": [1, lock]}, can_pickle).path
"['a'][1]"
"""

from __future__ import annotations

import copyreg
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType, MethodType
from typing import Any

from redunlite.kinds import TaskKind
from redunlite.preview import format_preview

_MAX_STEPS = 50
_OWNERS = (FunctionType, type, TaskKind)
"""What has parts that are named, as globals are."""


@dataclass(frozen=True)
class Unpicklable:
    """The part of a value that cannot be pickled."""

    inner: str | None
    """What it is of the function or class nearest to it, such as ``global 'lock' of function 'f'``."""
    path: str
    """How it is reached from there, or from the whole value, such as ``['a'][3].lock``."""
    part: Any


def find_unpicklable(
    value: Any, can_pickle: Callable[[Any], bool], name: str | None = None
) -> Unpicklable:
    """Return the innermost part of `value` that cannot be pickled: none of its own parts is the reason.

    Parameters
    ----------
    can_pickle
        Tells whether a part can be pickled by itself.
    name
        What `value` is called, if it is a function or a class.
    """
    inner, path, part = None, "", value
    owner = name or _describe(value)
    seen: set[int] = set()
    while len(seen) < _MAX_STEPS and id(part) not in seen:
        seen.add(id(part))
        refused = next((p for p in _iter_parts(part) if not can_pickle(p[1])), None)
        if refused is None:
            break
        step, child = refused
        if not isinstance(part, _OWNERS):
            path += step
        elif step:
            around = "" if inner is None else f", in {inner}{path and ', at '}{path}"
            inner, path = f"{step} of {owner}{around}", ""
        if isinstance(child, _OWNERS) and not isinstance(part, TaskKind):
            owner = _describe(child)
        part = child
    return Unpicklable(inner, path, part)


def _describe(value: Any) -> str:
    if isinstance(value, TaskKind):
        return f"task {value.fullname!r}"  # type: ignore[attr-defined]
    kind = "class" if isinstance(value, type) else "function"
    return f"{kind} {getattr(value, '__qualname__', '')!r}"


def _iter_parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what pickle looks at in `value`, and how it is reached."""
    if isinstance(value, TaskKind):
        task: Any = value
        yield "", task.func
        for name, option in {**task.base_options, **task.call_options}.items():
            yield f"option {name!r}", option
    elif isinstance(value, FunctionType):
        yield from _iter_function(value)
    elif isinstance(value, type):
        yield from ((f"attribute {name!r}", held) for name, held in list(vars(value).items()))
    elif isinstance(value, MethodType):
        yield from ((".__self__", value.__self__), (".__func__", value.__func__))
    elif isinstance(value, functools.partial):
        yield from ((f".{name}", getattr(value, name)) for name in ("func", "args", "keywords"))
    elif type(value) in (list, tuple):
        yield from ((f"[{i}]", member) for i, member in enumerate(value))
    elif type(value) in (set, frozenset):
        yield from ((".{…}", member) for member in value)
    elif type(value) is dict:
        yield from ((f".keys()[{i}]", key) for i, key in enumerate(value))
        yield from ((f"[{format_preview(key, 40)}]", held) for key, held in value.items())
    else:
        yield from _iter_object(value)


def _iter_function(func: FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(func.__code__.co_freevars, func.__closure__ or ()):
        try:
            yield f"closure variable {name!r}", cell.cell_contents
        except ValueError:  # not filled yet
            continue
    code = func.__code__
    defaults = func.__defaults__ or ()
    first = code.co_argcount - len(defaults)
    names = [*code.co_varnames[first : code.co_argcount], *(func.__kwdefaults__ or {})]
    for name, default in zip(names, [*defaults, *(func.__kwdefaults__ or {}).values()]):
        yield f"default of {name!r}", default
    for name in dict.fromkeys(_iter_names(code)):
        if name in func.__globals__:
            yield f"global {name!r}", func.__globals__[name]
    for name, held in func.__dict__.items():
        yield f"attribute {name!r}", held


def _iter_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _iter_names(constant)


def _iter_object(value: Any) -> Iterator[tuple[str, Any]]:
    reducer = copyreg.dispatch_table.get(type(value))
    try:
        reduced = value.__reduce_ex__(2) if reducer is None else reducer(value)
    except Exception:  # it is this object that cannot be pickled
        return
    if type(reduced) is not tuple:
        return
    _, args, state, items, pairs = (*reduced, None, None, None)[:5]
    states = state if type(state) is tuple and len(state) == 2 else (state,)
    for held in states:
        if type(held) is dict:
            yield from ((f".{name}", member) for name, member in held.items())
        else:
            yield "", held
    yield from ((f".__reduce__()[1][{i}]", member) for i, member in enumerate(args))
    yield from ((f"[{i}]", member) for i, member in enumerate(items or ()))
    yield from ((f"[{format_preview(key, 40)}]", held) for key, held in pairs or ())
