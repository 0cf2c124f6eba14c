"""Why a job runs that ran before: a comparison with the job in the same place of the run before.

The same place is the same task at the same rank among its siblings, from the root down, in the
latest execution of the same root task. State: the jobs of that execution found so far.
"""

from __future__ import annotations

import os
import sqlite3
from array import array
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from redunlite import hashing
from redunlite.expression import SCALARS
from redunlite.job import CACHE_OFF, Job
from redunlite.kinds import ValueRef
from redunlite.preview import format_preview
from redunlite.recorder.models import CANCELLED, FAILED, SERIAL_BITS

if TYPE_CHECKING:
    from redunlite.task import Task

MAX_SCANNED = 200_000
"""Rows behind the parent's that are searched for a child: a line is not worth more."""
MAX_CHANGES = 3
SHOWN = 40
"""Characters of a value in a reason."""


class Reasons:
    """Compares jobs of one execution with those of the latest one before it."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        execution: int,
        get_task_id: Callable[[Task[..., Any]], int],
    ) -> None:
        self._connection = connection
        self._execution = execution
        self._get_task_id = get_task_id
        self._places: dict[int, tuple[int, int | None, int, int] | None] = {}
        """Serial of a job to (job id, call id, task id, status) of the one in its place."""
        self._children: dict[tuple[int, str, str], array[int]] = {}
        """Ids of a job's children by task: a look-up of each by its rank would take a scan each."""

    def find(self, job: Job) -> str:
        """Return the reason, or '' when there is none to be told."""
        before = self._find_place(job)
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

    def _find_place(self, job: Job) -> tuple[int, int | None, int, int] | None:
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

    def _find_root(self, job: Job) -> tuple[int, int | None, int, int] | None:
        row = self._connection.execute(
            "SELECT j.id, j.call, j.task, j.status FROM execution e JOIN job j ON j.id = e.root_job "
            "WHERE e.root_task = ? AND e.id != ? ORDER BY e.id DESC LIMIT 1",
            (job.task.fullname, self._execution),
        ).fetchone()
        return None if row is None else tuple(row)

    def _find_child(
        self, above: tuple[int, int | None, int, int], job: Job
    ) -> tuple[int, int | None, int, int] | None:
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
        for place, (name, value) in enumerate(_iter_arguments(job)):
            if place not in old:
                changes.append(f"{name} is new")
                continue
            token = value.token if type(value) is ValueRef else hashing.token(value)
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
            now = _show(value)
            # Of what differs behind the preview, the preview says nothing.
            changes.append(f"{name} changed" if shown == now else f"{name}: {shown} → {now}")
        if len(changes) > MAX_CHANGES:
            changes[MAX_CHANGES:] = [f"{len(changes) - MAX_CHANGES} more"]
        return ", ".join(changes)


def _iter_arguments(job: Job) -> Iterator[tuple[str, Any]]:
    for name, value in zip(job.task.parameters.names, job.arguments):
        yield name, tuple(value) if type(value) is list else value


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


def _show(value: Any) -> str:
    if type(value) is ValueRef:
        return _cut(value.preview or hashing.preview_token(value.token, SHOWN))
    if type(value) in SCALARS:
        return format_preview(value, SHOWN)
    return _cut(hashing.preview_token(hashing.token(value), SHOWN))
