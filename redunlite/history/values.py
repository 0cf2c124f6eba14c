"""Recorded values themselves: the one explicit wish at which history unpickles.

Decided here: where the code of a value's classes is looked for, and what is said when it is not there.
Not here: what an id names (`query`), what bytes mean (`serialize`). No state.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from redunlite import hashing, serialize
from redunlite import task as task  # with it comes what makes classes again that no module has
from redunlite.errors import AmbiguousIdError, SchedulerError, UndecodableError, UsageError
from redunlite.history.dataflow import find_maker
from redunlite.history.query import History, find_value_of
from redunlite.history.records import (
    EXECUTION,
    JOB,
    ArgumentRecord,
    Match,
    TaskRecord,
    ValueRecord,
)
from redunlite.loading import is_project_path, load_workflow, open_folder, workflow_name
from redunlite.recorder import codes
from redunlite.recorder.database import Database
from redunlite.recorder.values import read_values
from redunlite.valuestore import ValueStore


def load_value(
    database: Database, store: ValueStore, word: str, *, finds_code: bool = False
) -> Any:
    """Return the recorded value of a value's hash, or the result of a job, call node or execution.

    Unpickles: the one place in `history` that does, at the user's explicit wish.

    Parameters
    ----------
    finds_code
        Look for the modules of its classes where the workflow was, as in a run of it.

    Raises
    ------
    UnknownNameError, AmbiguousIdError
        When no record, or more than one, has that id; nothing is chosen here.
    SchedulerError
        When that record has no result.
    UndecodableError
        When the recorded bytes cannot become a value in this program.
    WorkflowLoadError
        When the workflow's file is needed and cannot be loaded.
    """
    history = History(database)
    match = _find_only(history, word)
    value = find_value_of(history, match)
    if value is None:
        raise SchedulerError(f"{match.kind} {match.id[:8]} has no result")
    if value.token is not None:
        return hashing.decode_token(value.token)
    ref = read_values(database.connection, [value.row or 0]).get(value.row or 0)
    if ref is None:
        raise UndecodableError(f"the bytes of value {value.hash[:8]} are damaged")
    files = list(dict.fromkeys(_iter_files(history, match, value)))
    there = [path for path in files if os.path.exists(path)] if finds_code else []
    names = {open_folder(path): path for path in reversed(there)}
    try:
        try:
            return serialize.decode(ref, store)
        except UndecodableError as error:
            # A file that is named like a module of Python's own goes by another name.
            cause = error.__cause__
            path = names.get(getattr(cause, "name", None) or "")
            if path is None or not isinstance(cause, ModuleNotFoundError):
                raise
            load_workflow(path)
            return serialize.decode(ref, store)
    except (UndecodableError, SystemExit) as error:
        told = _describe(error, files, is_searched=bool(there))
        raise UndecodableError(f"cannot read value {value.hash[:8]} back: {told}") from error


class RecordedCall(NamedTuple):
    """The task of a past job, and what it was called with."""

    id: str
    """As it was asked for."""
    task: str
    """Full name."""
    arguments: Sequence[tuple[ArgumentRecord, Any]]
    """Each with its value, in the order of binding."""


def load_call(database: Database, store: ValueStore, word: str) -> RecordedCall:
    """Return the call of a recorded job, or of the root job of an execution.

    Unpickles, at the user's explicit wish.

    Raises
    ------
    UnknownNameError, AmbiguousIdError
        When no record, or more than one, has that id.
    UsageError
        When it is no job and no execution, or a job that never began.
    UndecodableError
        When an argument cannot become a value in this program.
    """
    history = History(database)
    match = _find_only(history, word)
    row: int | None = match.row
    if match.kind == EXECUTION:
        row = history.get_execution(match.row).root_job
    elif match.kind != JOB:
        raise UsageError(f"{word!r} is a {match.kind}, expected a job or an execution")
    call = None if row is None else history.get_job_detail(row).call
    if call is None:
        raise UsageError(f"{match.kind} {match.id[:8]} has called nothing")
    rows = [a.value.row for a in call.arguments if a.value.token is None and a.value.row]
    refs = read_values(database.connection, rows)
    arguments = []
    for argument in call.arguments:
        value = argument.value
        if value.token is not None:
            arguments.append((argument, hashing.decode_token(value.token)))
            continue
        ref = refs.get(value.row or 0)
        try:
            if ref is None:
                raise UndecodableError("its bytes are damaged or not recorded")
            arguments.append((argument, serialize.decode(ref, store)))
        except UndecodableError as error:
            told = _describe(error, ())
            raise UndecodableError(
                f"cannot read argument {argument.name!r} back: {told}"
            ) from error
    return RecordedCall(word, call.task.fullname, arguments)


def _find_only(history: History, word: str) -> Match:
    """Return the one record of an id: of several none is chosen."""
    found = history.find_records(word, only_ids=True)
    match = found.matches[0]
    if found.older:
        matches = [match, *found.older]
        raise AmbiguousIdError(word, history.describe_matches(word, matches), len(matches))
    return match


def _iter_files(history: History, match: Match, value: ValueRecord) -> Iterator[str]:
    """Yield the files whose folders a program that knows the value's classes may have begun in.

    First the file of the root task, which is recorded relative to the project, so that it is found
    after the project moved. Then the file that was named to `run`, and that of the task itself.
    """
    number = match.row if match.kind == EXECUTION else (value.row or 0) >> codes.SERIAL_BITS
    maker = find_maker(history, match, value)
    executions = [history.get_execution(number)] if number else []
    if maker is not None and maker.execution not in executions:
        executions.append(maker.execution)
    for execution in executions:
        for root in history.find_jobs("id = ?", (execution.root_job or 0,)):
            yield from _find_file(history, root.task)
        named = next((word for word in execution.argv if word.endswith(".py")), None)
        if named is not None and execution.cwd:
            yield os.path.normpath(os.path.join(execution.cwd, named))
    if maker is not None:
        yield from _find_file(history, maker.call.task)


def _find_file(history: History, task: TaskRecord) -> Iterator[str]:
    """Yield the path of a task's file, which is recorded relative to the project.

    Not when it is a part of a package or was installed: nobody's program begins in that folder.
    """
    if not task.file:
        return
    database = history.database.path
    project = os.getcwd() if database is None else os.path.dirname(os.path.dirname(database))
    path = os.path.normpath(os.path.join(project, task.file))
    is_part = os.path.exists(os.path.join(os.path.dirname(path), "__init__.py"))
    if not is_part and is_project_path(path):
        yield path


_NO_ATTRIBUTE = re.compile(r"Can't get attribute '([^']+)' on <module '([^']+)'")


def _describe(error: BaseException, files: Sequence[str], *, is_searched: bool = False) -> str:
    """Return why a value cannot be read, in one line, and what to do."""
    if isinstance(error, SystemExit) or isinstance(error.__cause__, SystemExit):
        return "a module that it needs ended the program while it was imported"
    cause = error.__cause__
    if isinstance(cause, ModuleNotFoundError) and cause.name:
        for path in files:
            if workflow_name(path) == cause.name:
                where = f"import it from {os.path.dirname(path)!r}"
                if not os.path.exists(path):
                    where = f"{path!r} is gone, where it was"
                return f"there is no module {cause.name!r} here: {where}"
        beside = f", nor beside {files[0]!r}" if is_searched else ""
        return f"there is no module {cause.name!r} here{beside}"
    missing = _NO_ATTRIBUTE.match(str(cause)) if isinstance(cause, AttributeError) else None
    if missing is not None and missing[2] == "__main__":
        return f"{missing[1]!r} was defined in a program without a file, which alone can load it"
    if missing is not None:
        return f"module {missing[2]!r} has no {missing[1]!r} now"
    return str(error).removeprefix("cannot decode: ")
