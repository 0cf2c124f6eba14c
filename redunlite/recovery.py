"""What `catch` remembers: the recovery of a graph that failed, under the code that failed.

Decided here: the key of a recovery, when one is recorded and when it may be taken. Not here: what
`catch` does with it (`control`), where it is kept (`recorder`). No state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from redunlite import hashing
from redunlite.cache_policy import LiveClasses, Recorder, effective_scope
from redunlite.errors import UndecodableError
from redunlite.expression import (
    TaskExpression,
    encode_result,
    hash_expression,
    iter_task_expressions,
    pack_expression,
)
from redunlite.forms import Evaluated, FormNode, Recall, Remember
from redunlite.job import Job, Node
from redunlite.kinds import FORMAT_EXPRESSION, ValueRef
from redunlite.options import CacheScope
from redunlite.recorded import load_recorded
from redunlite.task import Task
from redunlite.valuestore import ValueStore


class RecoveryHost(Protocol):
    """What the engine does for recoveries."""

    recorder: Recorder
    store: ValueStore
    use_cache: bool
    classes: LiveClasses

    def task_id(self, task: Task[..., Any]) -> int:
        """Return the row id of a task."""


class Recoveries:
    """Answers `Recall` and `Remember` for one run."""

    def __init__(self, host: RecoveryHost) -> None:
        self._host = host

    def recall(self, node: FormNode, asked: Recall) -> Any:
        """Return the recorded recovery of a graph, or None."""
        host = self._host
        calls = self._get_calls(asked)
        if calls is None:
            return None
        key = self._make_key(asked)
        caller = CATCH_TASK if node.parent is None else node.parent.task
        for found in host.recorder.find_calls([key]).get(key, ()):
            single = found.single
            if single is None or not host.classes.has_all(single.classes):
                continue
            if host.recorder.are_tasks_live(found.task_set):
                try:
                    return load_recorded(single, host.store, caller)
                except UndecodableError:
                    continue
        return None

    def remember(self, node: FormNode, asked: Remember) -> None:
        """Record the recovery of a graph that failed."""
        host = self._host
        calls = self._get_calls(asked)
        if calls is None:
            return
        task_ids: set[int] = set()
        for expression in calls:
            task_ids.add(host.task_id(expression._task))
            called = expression._node if expression._run is host else None
            if isinstance(called, Job) and called.task_ids is not None:
                task_ids |= called.task_ids
        recovery = asked.recovery
        plain = type(recovery)(
            recovery._task, [_as_plain(a) for a in recovery._args], recovery._kwargs
        )
        ref, named = encode_result(plain, [], {}, host.store)
        stored = [t._replace(hash=recovery._task.hash) for t in named]
        packed = pack_expression(ref.data or b"", stored)
        single = ValueRef(
            ref.token, FORMAT_EXPRESSION, packed, len(packed), ref.preview, ref.type_name, ref.flags,
            ref.classes,
        )  # fmt: skip
        host.recorder.record_recovery(self._make_key(asked), CATCH_TASK, single, task_ids)

    def _get_calls(self, asked: Recall) -> list[TaskExpression] | None:
        """Return the calls in a graph, or None when its recovery may not be kept."""
        host = self._host
        calls = list(iter_task_expressions(asked.expression))
        scopes = [effective_scope(e._task.options_for_call(), host.use_cache) for e in calls]
        if host.recorder.is_read_only or any(s is not CacheScope.BACKEND for s in scopes):
            return None
        return calls

    def _make_key(self, asked: Recall) -> bytes:
        graph = [asked.expression, _identify(asked.handlers)]
        return hashing.digest(b"catch", hash_expression(graph, self._host.store))


def _identify(handlers: Sequence[Any]) -> list[Any]:
    """Return what identifies the handlers: classes and tasks by name, refs as they are."""
    return [
        h.fullname if isinstance(h, Task) else h.node if type(h) is Evaluated else h
        for h in handlers
    ]


def _as_plain(value: Any) -> Any:
    """Return a reduced value as a `ValueRef` or scalar, for the recorded form."""
    if type(value) is Evaluated:
        return value.node.result if isinstance(value.node, Node) else value.node
    return value


def _catch(value: Any) -> Any:
    """Stand for `catch` in the history."""
    return value


CATCH_TASK: Task[..., Any] = Task(
    _catch, {"name": "catch", "namespace": "redunlite.recovery", "version": "1"}
)
"""Under whose name recoveries are recorded."""
