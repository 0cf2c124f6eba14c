"""What `catch` remembers: the recovery of a graph that failed, under the code that failed.

Decided here: the key of a recovery, when one is recorded and when it may be taken. Not here: what
`catch` does with it (`control`), where it is kept (`recorder`). No state.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Protocol

from redunlite import hashing, nested, serialize
from redunlite.binding import hash_project_classes
from redunlite.cache_policy import LiveClasses, Recorder, effective_scope
from redunlite.errors import UndecodableError
from redunlite.expression import (
    SchedulerExpression,
    TaskExpression,
    encode_result,
    identify_graph,
    iter_graph,
    pack_expression,
)
from redunlite.forms import Evaluated, FormNode, Recall, Remember
from redunlite.inheritance import context_of
from redunlite.job import Node
from redunlite.kinds import FLAG_CHECK, FORMAT_EXPRESSION, Lazy, ValueRef
from redunlite.options import CacheScope
from redunlite.recorded import load_recorded
from redunlite.task import PartialTask, Task
from redunlite.valuestore import ValueStore


class RecoveryHost(Protocol):
    """What the engine does for recoveries."""

    recorder: Recorder
    store: ValueStore
    use_cache: bool
    classes: LiveClasses

    def task_id(self, task: Task[..., Any]) -> int:
        """Return the row id of a task."""

    def get_tasks_below(self, task: Task[..., Any]) -> Collection[int]:
        """Return the row ids of the tasks below any call of a task in this run."""


class Recoveries:
    """Answers `Recall` and `Remember` for one run."""

    def __init__(self, host: RecoveryHost) -> None:
        self._host = host

    def recall(self, node: FormNode, asked: Recall) -> Any:
        """Return the recorded recovery of a graph, or None."""
        host = self._host
        if self._find_tasks(asked) is None:
            return None
        key = self._make_key(node, asked)
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
        """Record the recovery of a graph that failed, after it gave a value."""
        host = self._host
        tasks = self._find_tasks(asked)
        if tasks is None:
            return
        task_ids: set[int] = set()
        for task in tasks:
            task_ids.add(host.task_id(task))
            # Those below any call of the task in this run: a default's calls stand in no graph.
            task_ids.update(host.get_tasks_below(task))
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
        host.recorder.record_recovery(self._make_key(node, asked), CATCH_TASK, single, task_ids)

    def _find_tasks(self, asked: Recall) -> list[Task[..., Any]] | None:
        """Return the tasks that a graph names, or None when its recovery may not be kept."""
        host = self._host
        try:
            tasks = list(_iter_tasks(asked.expression, host.store))
        except UndecodableError:
            return None
        scopes = [effective_scope(t.options_for_call(), host.use_cache) for t in tasks]
        if host.recorder.is_read_only or any(s is not CacheScope.BACKEND for s in scopes):
            return None
        return tasks

    def _make_key(self, node: FormNode, asked: Recall) -> bytes:
        """Return what identifies the graph: its shape, options, values, their classes, the context."""
        graph = [asked.expression, _identify(asked.handlers)]
        shape, classes = identify_graph(graph, self._host.store)
        context = context_of(node.scope)
        return hashing.digest(
            b"catch",
            shape,
            hash_project_classes(classes),
            hashing.token(dict(context)) if context else b"",
        )


def _iter_tasks(graph: Any, store: ValueStore) -> Iterator[Task[..., Any]]:
    """Yield each task that a graph names: called, as a value, in a default or in an option."""
    seen: dict[int, Task[..., Any]] = {}
    todo = [graph]
    while todo:
        for item in iter_graph(todo.pop()):
            task = item._task if isinstance(item, TaskExpression) else item
            if not isinstance(task, Task):
                if type(item) is ValueRef:
                    item = serialize.decode(item, store) if item.flags & FLAG_CHECK else None
                if not isinstance(item, Lazy):
                    todo += [leaf for leaf in nested.iter_leaves(item) if isinstance(leaf, Task)]
                continue
            if isinstance(task, PartialTask):
                todo += [task.task, task.args, task.kwargs]
                continue
            if id(task) in seen:
                continue
            seen[id(task)] = task
            if not isinstance(item, SchedulerExpression):
                yield task
            todo += [task.parameters.defaults[i] for i in task.lazy_defaults]
            if task.has_lazy_options:
                todo += [*task.base_options.values(), *task.call_options.values()]


def _identify(handlers: Sequence[Any]) -> list[Any]:
    """Return what identifies the handlers: classes and tasks by name, refs as they are."""
    return [
        (h.fullname, h.place) if isinstance(h, Task) else h.node if type(h) is Evaluated else h
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
