"""Which recorded answer a job may have, and what the engine asks of a recorder.

Decided here: CSE, ultimate and single reduction, cache scopes and validity. Not here: where answers
are kept (`recorder`). No state.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from redunlite import hashing, loading, serialize
from redunlite.job import CachedCall, Job
from redunlite.kinds import FLAG_CHECK, FORMAT_EXPRESSION, ValueRef
from redunlite.options import CacheCheckValid, CacheScope
from redunlite.tags import Tag
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


class LiveClasses:
    """Tells which recorded instances are of the classes that the running program means.

    A task's hash knows classes by their code and not by their module, so that files can be moved and
    renamed; a recorded instance names its class by module. Two files beside each other may therefore
    share a hash and not the class. A class is the program's own when the code of its tasks reaches it
    in that very file; one that no task reaches, or of a program without a file, when its module is
    loaded, or is an installed one.

    State: what was found so far, for one run.
    """

    def __init__(self) -> None:
        self._files: dict[str, set[str]] | None = None
        """Qualified name of a class that some task's code reaches, to the files it is defined in."""
        self._known: dict[str, bool] = {}

    def has_all(self, names: Sequence[str]) -> bool:
        """Tell whether all classes, as ``module:qualname``, are the program's."""
        return all(self._has(name) for name in names)

    def _has(self, name: str) -> bool:
        known = self._known.get(name)
        if known is None:
            known = self._find(name)
            if known:  # a class that is missing now may come with a module that is loaded later
                self._known[name] = known
        return known

    def _find(self, name: str) -> bool:
        module_name, _, qualname = name.partition(":")
        if module_name == hashing.main_name():
            module_name = "__main__"
        module = sys.modules.get(module_name)
        file = loading.get_file(module)
        if module is None:
            try:
                spec = importlib.util.find_spec(module_name)
            except (ImportError, ValueError):
                spec = None
            if spec is None:
                return False
            file = spec.origin
        files = self._get_files().get(qualname)
        if files and file is not None:
            return os.path.abspath(file) in files
        return module is not None or file is None or not loading.is_project_path(file)

    def _get_files(self) -> dict[str, set[str]]:
        if self._files is None:
            from redunlite.task import get_task_registry

            self._files = {}
            for fingerprint in get_task_registry().get_fingerprints():
                for part in fingerprint.components:
                    if part.kind == "class" and part.file is not None:
                        self._files.setdefault(part.name, set()).add(os.path.abspath(part.file))
        return self._files


def choose_hit(
    candidates: Sequence[CachedCall],
    options: Mapping[str, Any],
    are_tasks_live: Callable[[int | None], bool],
    store: ValueStore,
    classes: LiveClasses,
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
                if is_valid(call.result, store, classes):
                    return Hit(KIND_ULTIMATE, call, True)
                reason = NO_LONGER_VALID
    for call in candidates:
        if call.single is not None:
            if not call.single.classes or classes.has_all(call.single.classes):
                return Hit(KIND_SINGLE, call, False)
            reason = NO_LONGER_VALID
        elif call.is_ok and call.result is not None and call.task_set is None:
            # With tasks below, the function's own result is in the row that this one was copied from.
            if is_valid(call.result, store, classes):
                return Hit(KIND_SINGLE, call, True)
            reason = NO_LONGER_VALID
    return Miss(reason)


NO_LONGER_VALID = "cached result is no longer valid"


def is_valid(ref: ValueRef, store: ValueStore, classes: LiveClasses) -> bool:
    """Tell whether every part of a recorded value still holds."""
    if ref.classes and not classes.has_all(ref.classes):
        return False
    if not ref.flags & FLAG_CHECK or ref.format == FORMAT_EXPRESSION:
        return True
    walk = hashing.Walk()
    try:
        tok = walk.run(serialize.decode(ref, store))
        return tok == ref.token and all(ask(part) for part, ask in walk.checked)
    except KeyboardInterrupt:
        raise
    except BaseException:  # the user's own classes are asked: one that cannot answer is not valid
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

    def is_earlier(self, call_id: int) -> bool:
        """Tell whether a call was recorded by an earlier run."""

    def make_salt(self) -> bytes:
        """Return the first 8 bytes of a job's id."""

    def get_task_id(self, task: Task[..., Any]) -> int:
        """Return the row id of the present version of a task, recorded when it is new."""

    def find_mean_us(self, fullname: str) -> float | None:
        """Return the mean duration of a task's jobs in microseconds; None when none is known."""

    def find_calls(self, eval_hashes: Collection[bytes]) -> dict[bytes, list[CachedCall]]:
        """Return what is recorded under each hash, newest first."""

    def are_tasks_live(self, task_set: int | None) -> bool:
        """Tell whether all tasks of a set have their present code."""

    def get_task_set(self, task_set: int) -> Collection[int]:
        """Return the task ids of an interned set."""

    def find_reason(self, job: Job, hash_as: Callable[[bytes], bytes]) -> str:
        """Return why a job runs that ran before, or ''.

        Parameters
        ----------
        hash_as
            Gives the eval hash of the job's call for another version of its task, by its hash.
        """

    def record_job(self, job: Job) -> None:
        """Take a job that ended; its call too, when it is new."""

    def record_open_job(self, job: Job) -> None:
        """Take a job that is running or being reduced."""

    def record_recovery(
        self, key: bytes, task: Task[..., Any], single: ValueRef, task_ids: Collection[int]
    ) -> None:
        """Keep the recovery of a failed graph under `key`, with the tasks that had a part in it."""

    def tag_execution(self, tags: Iterable[Tag]) -> None:
        """Keep tags of the execution."""

    def tag_job(self, job: Job, tags: Iterable[Tag]) -> None:
        """Keep tags of a job."""

    def tag_value(self, value_hash: bytes, tags: Iterable[Tag]) -> None:
        """Keep tags of a value."""

    def is_due(self) -> bool:
        """Tell whether enough rows wait to be written now."""

    def flush(self) -> bool:
        """Write what waits, if nobody else holds the database; tell whether it was written."""

    def finish(self, status: str, error: str, counts: Mapping[str, TaskCounts]) -> None:
        """Write everything and close the execution."""
