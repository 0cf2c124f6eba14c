"""Why a job runs that ran before: a comparison with an earlier job.

That is the job in the same place (the same task at the same rank among its siblings, from the root
down) of the latest execution of the same root task; with none there, the latest call of the task with
these arguments; then the latest job of the task. State: the jobs found so far.
"""

from __future__ import annotations

import os
import sqlite3
from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from redunlite import hashing
from redunlite.description import show_argument
from redunlite.job import CACHE_OFF, CachedCall, Job
from redunlite.kinds import ValueRef
from redunlite.recorder.models import CANCELLED, DONE, FAILED, SERIAL_BITS

if TYPE_CHECKING:
    from redunlite.task import Task

MAX_SCANNED = 200_000
"""Rows behind the parent's that are searched for a child: a line is not worth more."""
MAX_CHANGES = 3
SHOWN = 40
"""Characters of a value in a reason."""


Place = tuple[int, int | None, int, int]
"""Job id, call id, task id and status of an earlier job."""


class Reasons:
    """Compares jobs of one execution with earlier ones."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        execution: int,
        get_task_id: Callable[[Task[..., Any]], int],
        find_calls: Callable[[Collection[bytes]], Mapping[bytes, Sequence[CachedCall]]],
    ) -> None:
        self._connection = connection
        self._execution = execution
        self._get_task_id = get_task_id
        self._find_calls = find_calls
        self._versions: dict[str, dict[int, bytes]] = {}
        self._latest: dict[str, Place | None] = {}
        """By full name of a task."""
        self._places: dict[int, Place | None] = {}
        """Serial of a job to (job id, call id, task id, status) of the one in its place."""
        self._children: dict[tuple[int, str, str], array[int]] = {}
        """Ids of a job's children by task: a look-up of each by its rank would take a scan each."""

    def find(self, job: Job, hash_as: Callable[[bytes], bytes]) -> str:
        """Return the reason, or '' when there is none to be told.

        Parameters
        ----------
        hash_as
            Gives the eval hash of the job's call for another version of its task, by its hash.
        """
        before = (
            self._find_place(job)
            or self._find_same_call(job, hash_as)
            or self._find_latest(job.task)
        )
        if before is None:
            return ""
        if job.reason == CACHE_OFF:
            return CACHE_OFF
        _, call_id, task_id, status = before
        if task_id != self._get_task_id(job.task):
            return self._describe_code(task_id, job.task)
        if call_id is not None:
            changed = self._describe_arguments(call_id, job)
            if changed:
                return changed
        told = {FAILED: "failed last time", CANCELLED: "cancelled last time"}
        return job.reason or told.get(status, "")

    def _find_place(self, job: Job) -> Place | None:
        chain = [job]
        while chain[-1].parent is not None and chain[-1].serial not in self._places:
            chain.append(chain[-1].parent)
        for step in reversed(chain):
            if step.serial in self._places:
                continue
            if step.parent is None:
                self._places[step.serial] = self._find_root(step)
            else:
                above = self._places[step.parent.serial]
                self._places[step.serial] = None if above is None else self._find_child(above, step)
        return self._places[job.serial]

    def _find_root(self, job: Job) -> Place | None:
        row = self._connection.execute(
            "SELECT j.id, j.call, j.task, j.status FROM execution e JOIN job j ON j.id = e.root_job "
            "WHERE e.root_task = ? AND e.id != ? ORDER BY e.id DESC LIMIT 1",
            (job.task.fullname, self._execution),
        ).fetchone()
        return None if row is None else tuple(row)

    def _find_child(self, above: Place, job: Job) -> Place | None:
        children = self._find_children(above[0], job.task)
        if job.rank >= len(children):
            return None
        row = self._connection.execute(
            "SELECT id, call, task, status FROM job WHERE id = ?", (children[job.rank],)
        ).fetchone()
        return None if row is None else tuple(row)

    def _find_children(self, parent: int, task: Task[..., Any]) -> array[int]:
        """Return the ids of the jobs of a task below a job; one scan for all that ask."""
        key = (parent, task.name, task.namespace)
        found = self._children.get(key)
        if found is None:
            last = min(parent + MAX_SCANNED, ((parent >> SERIAL_BITS) + 1 << SERIAL_BITS) - 1)
            rows = self._connection.execute(
                "SELECT id FROM job WHERE id > ? AND id <= ? AND parent = ? AND task IN "
                "(SELECT id FROM task WHERE name = ? AND namespace = ?) ORDER BY id",
                (parent, last, *key),
            )
            found = self._children[key] = array("q", [row[0] for row in rows])
        return found

    def _find_same_call(self, job: Job, hash_as: Callable[[bytes], bytes]) -> Place | None:
        """Return the latest call of any version of the task with these arguments."""
        versions = self._get_versions(job.task)
        found = self._find_calls([hash_as(task_hash) for task_hash in versions.values()])
        calls = [call.id for same in found.values() for call in same]
        if not calls:
            return None
        row = self._connection.execute(
            "SELECT 0, id, task, ? FROM call WHERE id = ?", (DONE, max(calls))
        ).fetchone()
        return None if row is None else tuple(row)

    def _find_latest(self, task: Task[..., Any]) -> Place | None:
        """Return the latest job of any version of a task in an earlier execution."""
        if task.fullname not in self._latest:
            self._latest[task.fullname] = self._read_latest(list(self._get_versions(task)))
        return self._latest[task.fullname]

    def _read_latest(self, versions: Sequence[int]) -> Place | None:
        marks = ",".join("?" * len(versions))
        # The counters say which execution to search: jobs have no index by task.
        row = self._connection.execute(
            f"SELECT max(execution) FROM counter WHERE task IN ({marks}) AND execution != ?",
            (*versions, self._execution),
        ).fetchone()
        if row[0] is None:
            return None
        first = row[0] << SERIAL_BITS
        row = self._connection.execute(
            f"SELECT id, call, task, status FROM job WHERE id > ? AND id < ? AND task IN ({marks}) "
            "ORDER BY id DESC LIMIT 1",
            (first, first + (1 << SERIAL_BITS), *versions),
        ).fetchone()
        return None if row is None else tuple(row)

    def _get_versions(self, task: Task[..., Any]) -> dict[int, bytes]:
        """Return row id and hash of each recorded version of a task."""
        found = self._versions.get(task.fullname)
        if found is None:
            found = self._versions[task.fullname] = dict(
                self._connection.execute(
                    "SELECT id, hash FROM task WHERE name = ? AND namespace = ?",
                    (task.name, task.namespace),
                ).fetchall()
            )
        return found

    def _describe_code(self, old_task: int, task: Task[..., Any]) -> str:
        """Return which part of the code changed, with file and line where that is known."""
        old = {
            row[0]: row
            for row in self._connection.execute(
                "SELECT c.hash, c.name, c.kind, c.source FROM task_part p "
                "JOIN task_component c ON c.id = p.component WHERE p.task = ?",
                (old_task,),
            ).fetchall()
        }
        for part in task.fingerprint.components:
            if part.hash in old:
                continue
            before = next(
                (r for r in old.values() if r[1] == part.name and r[2] == part.kind), None
            )
            if part.file is None or part.line is None:
                return f"code changed: {part.name}"
            line = part.line + _first_difference(before[3] if before else None, part.source)
            return f"code changed: {os.path.basename(part.file)}:{line}"
        return "code changed"

    def _describe_arguments(self, call_id: int, job: Job) -> str:
        """Return which arguments changed, with their values before and now."""
        changes = []
        old = dict(
            self._connection.execute(
                "SELECT place, value FROM argument WHERE call = ?", (call_id,)
            ).fetchall()
        )
        parameters = job.task.parameters
        given = zip(parameters.names, parameters.kinds, job.arguments)
        for place, (name, kind, value) in enumerate(given):
            if place not in old:
                changes.append(f"{name} is new")
                continue
            if type(value) is ValueRef:
                token = value.token
            else:
                token = hashing.token(tuple(value) if type(value) is list else value)
            before = old[place]
            if type(before) is bytes:
                if before == token:
                    continue
                shown = hashing.preview_token(before, SHOWN)
            else:
                row = self._connection.execute(
                    "SELECT hash, preview FROM value WHERE id = ?", (before,)
                ).fetchone()
                if row is None or row[0] == hashing.value_hash(token):
                    continue
                shown = _cut(row[1] or "")
            now = _cut(show_argument(kind, value))
            # A difference past the cut does not show in the preview.
            changes.append(f"{name} changed" if shown == now else f"{name}: {shown} → {now}")
        if len(changes) > MAX_CHANGES:
            changes[MAX_CHANGES:] = [f"{len(changes) - MAX_CHANGES} more"]
        return ", ".join(changes)


def _first_difference(old: str | None, new: str | None) -> int:
    """Return the index of the first line of `new` that `old` does not have there."""
    if old is None or new is None:
        return 0
    before = old.splitlines()
    for i, line in enumerate(new.splitlines()):
        if i >= len(before) or before[i] != line:
            return i
    return 0


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
