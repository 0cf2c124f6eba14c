"""Which recorded answer a job may have, and what the engine asks of a recorder.

Decided here: CSE, ultimate and single reduction, cache scopes and validity. Not here: where answers
are kept (`recorder`). No state.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from redunlite import hashing, kinds, nested, serialize
from redunlite.errors import UndecodableError
from redunlite.job import CachedCall, Job
from redunlite.kinds import FLAG_CHECK, FORMAT_EXPRESSION, ValueRef
from redunlite.options import CacheCheckValid, CacheScope
from redunlite.valuestore import ValueStore

if TYPE_CHECKING:
    from redunlite.reporter import TaskCounts
    from redunlite.task import Task


@dataclass(frozen=True)
class Hit:
    """An answer."""

    kind: int
    """KIND_SINGLE or KIND_ULTIMATE of `recorder/models.py`."""
    call: CachedCall
    is_final: bool
    """Whether `call.result` is the answer; else `call.single` has to be reduced."""


@dataclass(frozen=True)
class Miss:
    """No answer, and why."""

    reason: str
    """Empty when nothing was recorded."""


KIND_SINGLE, KIND_ULTIMATE = 1, 2


def choose_hit(
    candidates: Sequence[CachedCall],
    options: Mapping[str, Any],
    are_tasks_live: Callable[[int | None], bool],
    store: ValueStore,
    context: Mapping[str, Any],
) -> Hit | Miss:
    """Return the answer that a job with these options may have among recorded calls.

    Parameters
    ----------
    candidates
        Calls with the job's eval hash, newest first.
    are_tasks_live
        Tells whether all tasks of an interned set have their present code.
    context
        The context variables in force for the job.
    """
    reason = ""
    if options.get("check_valid") is CacheCheckValid.SHALLOW:
        for call in candidates:
            if call.is_ok and call.result is not None and are_tasks_live(call.task_set):
                if call.context is not None and call.context.token != hashing.token(dict(context)):
                    reason = "context changed"
                    continue
                if is_valid(call.result, store):
                    return Hit(KIND_ULTIMATE, call, True)
                reason = "cached result is no longer valid"
    for call in candidates:
        if call.single is not None:
            return Hit(KIND_SINGLE, call, False)
        if call.is_ok and call.result is not None:
            if is_valid(call.result, store):
                return Hit(KIND_SINGLE, call, True)
            reason = "cached result is no longer valid"
    return Miss(reason)


def is_valid(ref: ValueRef, store: ValueStore) -> bool:
    """Tell whether every part of a recorded value still holds."""
    if ref.classes and not all(map(_can_find_module, ref.classes)):
        return False
    if not ref.flags & FLAG_CHECK or ref.format == FORMAT_EXPRESSION:
        return True
    try:
        value = serialize.decode(ref, store)
    except UndecodableError:
        return False
    for leaf in nested.iter_leaves(value):
        handler = kinds.find_handler(type(leaf))
        if handler is not None and handler.is_valid is not None and not handler.is_valid(leaf):
            return False
    return hashing.token(value) == ref.token


def _can_find_module(class_name: str) -> bool:
    """Tell whether this program can have the class of a recorded instance at all."""
    module = class_name.partition(":")[0]
    if module in sys.modules or module == hashing.main_name():
        return True
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def effective_scope(options: Mapping[str, Any], use_cache: bool) -> CacheScope:
    """Return how far a job may look for an answer."""
    scope = options.get("cache_scope")
    if scope is None:
        scope = CacheScope.BACKEND if options.get("cache", True) else CacheScope.CSE
    is_unrecorded = options.get("prov") is False
    if scope is CacheScope.BACKEND and (is_unrecorded or not use_cache):
        return CacheScope.CSE
    return scope


class Recorder(Protocol):
    """What the engine asks of whoever keeps calls and jobs."""

    is_read_only: bool
    """A dry run: nothing is written, answers are still found."""

    def begin(self, argv: Sequence[str], root_task: Task[..., Any]) -> str:
        """Open an execution and return its UUID as text; empty when read-only."""

    def next_call_id(self) -> int:
        """Return a row id for a call."""

    def make_salt(self) -> bytes:
        """Return the 8 random bytes of a job's id."""

    def get_task_id(self, task: Task[..., Any]) -> int:
        """Return the row id of the present version of a task, recorded when it is new."""

    def find_calls(self, eval_hashes: Collection[bytes]) -> dict[bytes, list[CachedCall]]:
        """Return what is recorded under each hash, newest first."""

    def are_tasks_live(self, task_set: int | None) -> bool:
        """Tell whether all tasks of a set have their present code."""

    def get_task_set(self, task_set: int) -> Collection[int]:
        """Return the task ids of an interned set."""

    def find_reason(self, job: Job) -> str:
        """Return why a job runs that ran before, compared with the latest execution, or ''."""

    def record_job(self, job: Job) -> None:
        """Take a job that ended; its call too, when it is new."""

    def record_open_job(self, job: Job) -> None:
        """Take a job that is running or being reduced."""

    def record_recovery(
        self, key: bytes, task: Task[..., Any], single: ValueRef, task_ids: Collection[int]
    ) -> None:
        """Keep the recovery of a failed graph under `key`, with the tasks that had a part in it."""

    def is_due(self) -> bool:
        """Tell whether enough rows wait to be written now."""

    def flush(self) -> bool:
        """Write what waits, if nobody else holds the database; tell whether it was written."""

    def finish(self, status: str, error: str, counts: Mapping[str, TaskCounts]) -> None:
        """Write everything and close the execution."""
