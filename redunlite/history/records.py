"""Plain data that history hands out: one frozen class for each kind of record.

Decided here: what is known about a record, and how ids look. Nothing is read here; no state. Those of
which a page may have a million are tuples, which are made three times as fast.
Times are integer microseconds since the epoch, UTC; durations integer microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from redunlite import hashing

RUNNING = "RUNNING"
DONE = "DONE"
FAILED = "FAILED"
CANCELLED = "CANCELLED"
CACHED = "CACHED"
"""A job that was answered by an earlier evaluation."""

EXECUTION, JOB, CALL, TASK, VALUE, FILE = "execution", "job", "call", "task", "value", "file"
"""Kinds of record that an id can belong to."""

POSITIONAL_ONLY, POSITIONAL, VAR_POSITIONAL, KEYWORD_ONLY, VAR_KEYWORD = range(5)
"""Kinds of parameter, numbered as in `inspect`."""


@dataclass(frozen=True)
class ExecutionRecord:
    """One run of a workflow."""

    number: int
    """Row id."""
    uuid: str
    """36 characters."""
    status: str
    """RUNNING, DONE, FAILED or CANCELLED."""
    start_us: int
    end_us: int | None
    """None while it runs."""
    argv: Sequence[str]
    """The words after the program's name; empty for a run through the API."""
    root_task: str | None
    """Full name."""
    root_job: int | None
    """Row id."""
    error: str | None
    user: str | None = None
    host: str | None = None
    cwd: str | None = None
    python: str | None = None
    git_commit: str | None = None
    is_git_dirty: bool | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[tuple[str, Any]] = ()
    """Of the installed packages that were loaded when it began, and redunlite, by name."""

    @property
    def duration_us(self) -> int | None:
        """Time from start to end; None while it runs."""
        return None if self.end_us is None else self.end_us - self.start_us


@dataclass(frozen=True)
class TaskCounts:
    """Jobs of one task in one execution, by status."""

    task: str
    """Full name."""
    n_running: int
    n_failed: int
    n_cached: int
    n_done: int
    n_cancelled: int

    @property
    def total(self) -> int:
        """Number of jobs in any state."""
        return self.n_running + self.n_failed + self.n_cached + self.n_done + self.n_cancelled


@dataclass(frozen=True)
class TaskRecord:
    """One version of a task's code."""

    row: int
    hash: str
    """40 hex characters."""
    name: str
    namespace: str
    version: str | None
    source: str | None
    """Without decorators; None when it could not be retrieved."""
    file: str | None
    line: int | None
    params: Sequence[tuple[str, int]]
    """Name and kind of each parameter."""

    @property
    def fullname(self) -> str:
        """Name with its namespace."""
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


class ValueRecord(NamedTuple):
    """A value, as far as it can be told without decoding it."""

    digest: str
    """The hash where it is known, 40 hex characters; empty for a small plain value."""
    type_name: str
    preview: str
    token: bytes | None = None
    """Of a small plain value, which it holds whole; None for any other."""
    row: int | None = None
    """Row id in `value`; None for a small plain value."""
    size: int = 0
    """Encoded bytes; 0 for a small plain value."""
    format: str = ""
    summary: str = ""
    """Of an error: the last lines of its traceback."""
    frames: Sequence[tuple[str, int, str, str]] = ()
    """Of an error: file, line, function and source line of the user's own frames."""

    @property
    def hash(self) -> str:
        """40 hex characters; empty when nothing is recorded."""
        if self.digest or self.token is None:
            return self.digest
        return hashing.value_hash(self.token).hex()

    @property
    def is_error(self) -> bool:
        """Whether it is the error of a failed call."""
        return self.type_name.endswith(".ErrorValue")


class ArgumentRecord(NamedTuple):
    """One bound argument of a call."""

    place: int
    name: str
    kind: int
    """As in `inspect.Parameter.kind`."""
    value: ValueRecord
    origin: int | None
    """As in `recorder/models.py`."""


@dataclass(frozen=True)
class CallRecord:
    """A call node."""

    row: int
    task: TaskRecord
    call_hash: str
    """40 hex characters; empty while it is open."""
    eval_hash: str
    status: str
    """RUNNING, DONE or FAILED."""
    arguments: Sequence[ArgumentRecord]
    result: ValueRecord | None
    """The final value, or the error."""
    result_origin: int | None
    """As in `recorder/models.py`."""


class JobRecord(NamedTuple):
    """One call in one run."""

    row: int
    uuid: str
    """36 characters."""
    execution: int
    """Number."""
    parent: int | None
    """Row id of a job."""
    call: int | None
    """Row id of a call."""
    task: TaskRecord
    status: str
    """RUNNING, DONE, CACHED, FAILED or CANCELLED."""
    start_us: int
    duration_us: int | None
    cpu_us: int | None
    peak_bytes: int | None
    output: int | None
    """Row id in `value`."""
    arguments: Sequence[ArgumentRecord] = ()
    error: ValueRecord | None = None
    tags: Sequence[tuple[str, Any]] = ()
    """What it raised, where that was asked for."""


@dataclass(frozen=True)
class OutputRecord:
    """What a job wrote to stdout and stderr."""

    head: bytes
    tail: bytes
    """Empty when the head is all there is."""
    n_bytes: int
    """Written in all."""


@dataclass(frozen=True)
class JobDetail:
    """Everything about one job but where its values came from."""

    job: JobRecord
    execution: ExecutionRecord
    trail: Sequence[JobRecord]
    """The jobs from the root down to this one; the middle of a long chain is left out."""
    n_left_out: int
    """Jobs of the chain that are not in `trail`; they belong before its last three."""
    call: CallRecord | None
    """None when the job has none yet."""
    output: OutputRecord | None


@dataclass(frozen=True)
class Maker:
    """Who made a value."""

    call: CallRecord
    job: JobRecord | None
    """The first job of the call; None when the history has none."""
    execution: ExecutionRecord


@dataclass(frozen=True)
class Match:
    """A record that a word on the command line names."""

    kind: str
    """EXECUTION, JOB, CALL, TASK, VALUE or FILE."""
    row: int
    """Row id; 0 for a small plain value."""
    id: str
    """Full id."""
    token: bytes | None = None
    """Of a small plain value."""


@dataclass(frozen=True)
class Found:
    """What a word on the command line names: one record, or all versions of one task."""

    matches: Sequence[Match]
    n_others: int = 0
    """Ids that begin with the same word, when it was taken as the name of a task."""
    older: Sequence[Match] = ()
    """Of several records whose ids begin with the same printed digits: all but the newest."""
