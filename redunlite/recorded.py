"""Expressions that tasks returned: as they came from a worker, and as they were recorded.

Decided here: which live task each stored one stands for. Not here: their bytes (`expression`), the
rules of resolution (`task`). No state.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redunlite import hashing
from redunlite.call import StoredTask
from redunlite.errors import SchedulerError, UndecodableError
from redunlite.expression import decode_expression, pack_expression, unpack_expression
from redunlite.kinds import FLAG_FILE, FORMAT_EXPRESSION, ValueRef
from redunlite.task import Task, resolve_task
from redunlite.valuestore import ValueStore


def load_recorded(ref: ValueRef, store: ValueStore, caller: Task[..., Any]) -> Any:
    """Return a recorded expression with live tasks.

    Parameters
    ----------
    caller
        The task that returned it.

    Raises
    ------
    UndecodableError
        When its bytes are gone, or a task in it is not defined any more.
    """
    data = _read(ref, store)
    if data is None:
        raise UndecodableError("the recorded expression has no bytes")
    try:
        body, stored = unpack_expression(data)
        tasks, missing = _find_tasks(stored, caller)
        if missing is not None:
            raise UndecodableError(f"task {missing.fullname!r} is not defined any more")
        return decode_expression(body, tasks, store, is_recorded=True)
    except UndecodableError:
        raise
    except Exception as error:  # bytes from disk, and classes of the user's
        raise UndecodableError(str(error)) from error


def take_returned(
    value: ValueRef, named: Iterable[StoredTask], store: ValueStore
) -> tuple[Any, ValueRef]:
    """Return an expression that a function returned in a worker, and its form to be recorded.

    Parameters
    ----------
    named
        The tasks in it, as the worker stored them.
    """
    data: Any = _read(value, store)
    named = list(named)
    tasks, missing = _find_tasks(named)
    if missing is not None:
        raise SchedulerError(f"task {missing.fullname!r} is not defined in this process")
    expression = decode_expression(data, tasks, store)
    packed = pack_expression(data, [s._replace(hash=t.hash) for s, t in zip(named, tasks)])
    single = ValueRef(
        value.token, FORMAT_EXPRESSION, packed, len(packed), value.preview,
        value.type_name, value.flags & ~FLAG_FILE, value.classes,
    )  # fmt: skip
    return expression, single


def _read(ref: ValueRef, store: ValueStore) -> Any:
    return store.read(hashing.value_hash(ref.token)) if ref.flags & FLAG_FILE else ref.data


def _find_tasks(
    stored: Iterable[StoredTask], caller: Task[..., Any] | None = None
) -> tuple[list[Task[..., Any]], StoredTask | None]:
    """Return the live tasks of stored ones, and the first that there is none for."""
    tasks: list[Task[..., Any]] = []
    for named in stored:
        task = resolve_task(named, caller)
        if task is None:
            return tasks, named
        tasks.append(task)
    return tasks, None
