"""Where a value came from, all the way up, by what was recorded and never by equal values.

Decided here: how origins become sections, what variables are called, and which part of a long story
is left out. Not here: how it looks (`display/dataflow`).

A *section* explains one variable by steps: it is an argument of a call, or the result of one, until a
call is reached that made it; that call's own arguments are new variables. An origin counts places in
the arguments of the call's parent, so each call is followed together with its parent (a `Frame`).

State: one `_Builder` a dataflow holds names, sections and what is still to be explained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from redunlite.history.query import History, find_call_of
from redunlite.history.records import (
    ArgumentRecord,
    CallRecord,
    JobRecord,
    Maker,
    Match,
    ValueRecord,
)
from redunlite.recorder import codes
from redunlite.recorder.database import get_id_range

ARGUMENT, RESULT, ORIGIN, DERIVES, VARIABLE = "argument", "result", "origin", "derives", "variable"
"""What a step says: argument of a call; result of one; nothing is above; made from several values;
explained under another variable."""

MAX_SECTIONS = 40
"""Sections that are shown before a long story is folded."""
MAX_END_SECTIONS = 3
"""Sections shown of the end of a folded chain."""
MAX_MEMBERS = 8
"""Values shown of those that one value was made from."""
MAX_PLACE = (1 << 16) - 1
"""Greatest origin that is a place among the parent's arguments."""
MAX_WALK = 400_000
"""Links that are followed to find the end of a chain."""
MAX_STEPS = 12
"""Arrows shown in one section."""


@dataclass(frozen=True)
class Step:
    """One arrow of a section."""

    kind: str
    """ARGUMENT, RESULT, ORIGIN, DERIVES or VARIABLE."""
    call_hash: str = ""
    """40 hex characters; empty without a call."""
    task: str = ""
    """Short name; of VARIABLE the variable that explains it."""
    params: Sequence[str] = ()
    """Names of the call's arguments, as variables."""
    n_left_out: int = 0
    """Calls that were passed through before this one and are not told of."""


@dataclass(frozen=True)
class Variable:
    """A named value under the arrows of a section."""

    name: str
    value: ValueRecord


@dataclass(frozen=True)
class Section:
    """How one variable came about."""

    name: str
    """The variable; empty for a fold."""
    steps: Sequence[Step] = ()
    variables: Sequence[Variable] = ()
    """Arguments of the last call, or the values that it was made from."""
    n_more: int = 0
    """Values that it was made from and that are not among `variables`."""
    n_folded: int = 0
    """Of a fold: calls that are left out."""
    folded_task: str = ""


@dataclass(frozen=True)
class Dataflow:
    """Where one value came from."""

    name: str
    """``result`` or ``value``."""
    value: ValueRecord
    sections: Sequence[Section]


class Frame:
    """A call together with the frame of the call that it was made in.

    Chains of frames may be as long as an execution, so each reads no more than is asked of it.
    """

    __slots__ = ("_call", "_history", "_parent", "_parent_job", "row")

    def __init__(
        self, history: History, row: int, parent: Frame | None = None, parent_job: int | None = None
    ) -> None:
        self.row = row
        """Row id of the call."""
        self._history = history
        self._call: CallRecord | None = None
        self._parent = parent
        self._parent_job = parent_job

    @property
    def call(self) -> CallRecord:
        """The call node."""
        if self._call is None:
            self._call = self._history.get_call(self.row)
        return self._call

    @property
    def parent(self) -> Frame | None:
        """The frame of the call that this one was made in; None at the root, or when not known."""
        if self._parent is None and self._parent_job is not None:
            found = self._history.find_jobs("id = ?", (self._parent_job,))
            self._parent_job = None
            self._parent = make_job_frame(self._history, found[0]) if found else None
        return self._parent

    def find_only_child(self) -> Frame | None:
        """Return the call below that made this one's result as it is; None when it was made here."""
        execute = self._history.connection.execute
        sql = "SELECT result_origin, result FROM call WHERE id = ?"
        row = execute(sql, (self.row,)).fetchone()
        if row is None or row[0] is None or row[0] <= MAX_PLACE or row[1] is None:
            return None
        below = execute(sql, (row[0],)).fetchone()
        if below is None or below[1] is None:
            return None
        child = Frame(self._history, row[0], self)
        if below[1] == row[1]:
            return child
        # The same value may be recorded twice.
        values = self._history.find_values([row[1], below[1]])
        return child if values[row[1]].hash == values[below[1]].hash else None


@dataclass(frozen=True)
class _Source:
    """What a variable stands for: the result of a call, or one argument of it."""

    frame: Frame
    place: int | None
    """None: the result."""


@dataclass(frozen=True)
class _Pending:
    """A variable that is still to be explained."""

    name: str
    source: _Source
    is_given: bool
    """Whether it stands under the arrows of its own call, so that this need not be said again."""


def get_job_dataflow(history: History, job: JobRecord) -> Dataflow | None:
    """Return where the result of a job came from; None when it has none."""
    if job.call is None:
        return None
    frame = make_job_frame(history, job)
    if frame is None or frame.call.result is None:
        return None
    failed = _find_failed_job(history, job, frame.call)
    if failed is not None:
        found = make_job_frame(history, failed)
        frame = found if found is not None else frame
    return _Builder(history).build("result", frame, frame.call.result or make_no_value())


def get_call_dataflow(
    history: History, call: CallRecord, job: JobRecord | None, name: str = "result"
) -> Dataflow | None:
    """Return where the result of a call node came from; None when it has none.

    Parameters
    ----------
    job
        The one in which the call was first made.
    """
    if call.result is None:
        return None
    frame = None if job is None else make_job_frame(history, job)
    if frame is None:
        frame = Frame(history, call.row)
    return _Builder(history).build(name, frame, call.result)


def find_producer(history: History, value: ValueRecord) -> CallRecord | None:
    """Return the newest call whose own result is a value; None when none is."""
    if value.token is not None:
        cells: list[object] = [value.token]
    else:
        rows = history.connection.execute(
            "SELECT id FROM value WHERE hash = ?", (bytes.fromhex(value.hash),)
        ).fetchall()
        cells = [row[0] for row in rows][:500]
    marks = ",".join("?" * len(cells))
    row = history.connection.execute(
        f"SELECT max(id) FROM call WHERE result IN ({marks}) AND result_origin IS NULL", cells
    ).fetchone()
    return None if row[0] is None else history.get_call(row[0])


def find_maker(history: History, match: Match, value: ValueRecord) -> Maker | None:
    """Return who made the value that a record stands for; None when no call returned or raised it.

    A task that hands on what another one returned, or raised, did not make it.
    """
    row = find_call_of(history, match)
    if row is None:
        producer = find_producer(history, value)
        if producer is None:
            return None
        row = producer.row
    for _ in range(MAX_WALK):
        child = Frame(history, row).find_only_child()
        if child is None:
            break
        row = child.row
    call, job = history.get_call(row), find_job_of_call(history, row)
    failed = None if job is None else _find_failed_job(history, job, call)
    if failed is not None and failed.call is not None:
        call, job = history.get_call(failed.call), failed
    execution = history.get_execution(row >> codes.SERIAL_BITS)
    return Maker(call, job, execution)


def make_no_value() -> ValueRecord:
    """Return what stands for a value that was not recorded."""
    return ValueRecord("", "", "<not recorded>")


def make_job_frame(history: History, job: JobRecord) -> Frame | None:
    """Return the frame of a job's call; None when it has no call yet."""
    if job.call is None:
        return None
    return Frame(history, job.call, parent_job=job.parent)


def find_job_of_call(history: History, call: int) -> JobRecord | None:
    """Return the job in which a call was first made."""
    found = history.find_jobs(
        "id BETWEEN ? AND ? AND call = ?", (*get_id_range(call >> codes.SERIAL_BITS), call), 1
    )
    return found[0] if found else None


def _find_failed_job(history: History, job: JobRecord, call: CallRecord) -> JobRecord | None:
    """Return the job in which the failure of a failed job began, when it is another one."""
    if call.result is None or not call.result.is_error or call.result.row is None:
        return None
    # The failure that climbs up is one recorded value; it began in the deepest job that has it.
    rows = history.connection.execute(
        "SELECT j.id FROM job j JOIN call c ON c.id = j.call WHERE j.id BETWEEN ? AND ? "
        "AND j.status = ? AND c.result = ? ORDER BY j.id DESC LIMIT 1",
        (job.row + 1, get_id_range(job.execution)[1], codes.FAILED, call.result.row),
    ).fetchall()
    return history.find_jobs("id = ?", rows[0])[0] if rows else None


class _Builder:
    """Makes the sections of one dataflow, depth first."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._names: set[str] = set()
        self._sections: list[Section] = []
        self._todo: list[_Pending] = []
        self._explained: dict[int, str] = {}
        """Call id to the variable whose section ends with that call."""

    def build(self, name: str, frame: Frame, value: ValueRecord) -> Dataflow:
        """Return the dataflow of the result of a call."""
        self._make_name(name)
        # A call that only handed up what another one made says nothing about the value.
        while (child := frame.find_only_child()) is not None:
            frame = child
        self._todo.append(_Pending(name, _Source(frame, None), False))
        while self._todo:
            if len(self._sections) >= MAX_SECTIONS:
                self._fold()
                break
            self._explain(self._todo.pop())
        return Dataflow(name, value, self._sections)

    # Long stories.

    def _fold(self) -> None:
        """Leave out the middle of what is left, and tell the end of its first chain."""
        first = self._todo[-1]
        task = first.source.frame.call.task.name
        ends = [first.source]
        n_calls = len(self._todo) - 1
        source: _Source | None = first.source
        for _ in range(MAX_WALK):
            source = self._find_above(ends[-1])
            if source is None:
                break
            n_calls += source.place is None
            ends.append(source)
            if len(ends) > 2 * MAX_END_SECTIONS:
                del ends[0]
        # The end is told from the result of a call on.
        results = [end for end in ends if end.place is None]
        start = results[0] if results else ends[-1]
        n_folded = n_calls - len(results)
        if n_folded > 0:
            self._sections.append(Section("", n_folded=n_folded, folded_task=task))
            self._todo = [_Pending(self._make_name(_name_source(start)), start, False)]
        else:
            self._todo = [first]
        for _ in range(2 * MAX_END_SECTIONS):
            if self._todo:
                self._explain(self._todo.pop())

    def _find_above(self, source: _Source) -> _Source | None:
        """Return the first source that another one depends on, reading no more than a row or two."""
        frame = source.frame
        execute = self._history.connection.execute
        if source.place is None:
            child = frame.find_only_child()
            if child is not None:
                return _Source(child, None)
            row = execute(
                "SELECT place FROM argument WHERE call = ? AND origin IS NOT NULL "
                "ORDER BY place LIMIT 1",
                (frame.row,),
            ).fetchone()
            return None if row is None else _Source(frame, row[0])
        row = execute(
            "SELECT origin FROM argument WHERE call = ? AND place = ?", (frame.row, source.place)
        ).fetchone()
        if row is None or row[0] is None:
            return None
        sources, _ = self._resolve(frame.parent, row[0], 1)
        return sources[0] if sources else None

    # Sections.

    def _explain(self, pending: _Pending) -> None:
        """Add the section of one variable, and what it leads to."""
        name, source = pending.name, pending.source
        steps: list[Step] = []
        is_given = pending.is_given
        while True:
            step = None if is_given else _make_step(source)
            is_given = False
            if source.place is None:
                if source.frame.row in self._explained:
                    shown = self._explained[source.frame.row]
                    self._add(name, [*steps, Step(VARIABLE, source.frame.call.call_hash, shown)])
                    return
                child = source.frame.find_only_child()
                if child is None:
                    self._end_with_call(name, steps, source.frame)
                    return
                following = _Source(child, None)
            else:
                sources, n_all = self._find_sources(source)
                if step is not None and not self._is_same(source, sources, n_all):
                    steps.append(step)
                    step = None
                if not sources:
                    self._add(name, [*steps, Step(ORIGIN)])
                    return
                if not self._is_same(source, sources, n_all):
                    self._end_with_values(name, steps, sources, n_all)
                    return
                following = sources[0]
            if step is not None:
                steps.append(step)
            source = following

    def _find_sources(self, source: _Source) -> tuple[list[_Source], int]:
        """Return what an argument came from, and of how many sources these are the first."""
        argument = _get_argument(source)
        if argument.origin is None:
            return [], 0
        return self._resolve(source.frame.parent, argument.origin, MAX_MEMBERS)

    def _is_same(self, source: _Source, sources: Sequence[_Source], n_all: int) -> bool:
        """Tell whether an argument is its one source as it is."""
        return n_all == 1 and _get_value(sources[0]).hash == _get_value(source).hash

    def _end_with_call(self, name: str, steps: list[Step], frame: Frame) -> None:
        """Close a section with the call that made the value."""
        call = frame.call
        self._explained[call.row] = name
        if call.result_origin is not None:
            sources, n_all = self._resolve(frame, call.result_origin, MAX_MEMBERS)
            if sources:
                steps.append(_make_step(_Source(frame, None)))
                self._end_with_values(name, steps, sources, n_all)
                return
        names = [self._make_name(argument.name) for argument in call.arguments]
        steps.append(Step(RESULT, call.call_hash, call.task.name, names))
        if not names:
            self._add(name, [*steps, Step(ORIGIN)])
            return
        self._add(name, steps, [Variable(n, a.value) for n, a in zip(names, call.arguments)])
        for variable, argument in reversed(list(zip(names, call.arguments))):
            if argument.origin is not None:
                self._todo.append(_Pending(variable, _Source(frame, argument.place), True))

    def _end_with_values(
        self, name: str, steps: list[Step], sources: Sequence[_Source], n_all: int
    ) -> None:
        """Close a section with several values, or one other value, that it was made from."""
        names = [self._make_name(_name_source(source)) for source in sources]
        variables = [Variable(n, _get_value(source)) for n, source in zip(names, sources)]
        self._add(name, [*steps, Step(DERIVES)], variables, n_all - len(sources))
        for variable, source in reversed(list(zip(names, sources))):
            self._todo.append(_Pending(variable, source, False))

    def _add(
        self,
        name: str,
        steps: list[Step],
        variables: Sequence[Variable] = (),
        n_more: int = 0,
    ) -> None:
        if len(steps) > MAX_STEPS:
            half = MAX_STEPS // 2
            n_left_out = len(steps) - 2 * half
            middle = replace(steps[-half], n_left_out=n_left_out)
            steps = [*steps[:half], middle, *steps[len(steps) - half + 1 :]]
        self._sections.append(Section(name, steps, variables, n_more))

    def _resolve(self, parent: Frame | None, origin: int, limit: int) -> tuple[list[_Source], int]:
        """Return the first sources that an origin stands for, and how many there are in all.

        Parameters
        ----------
        parent
            The frame in whose function the value was passed on; None when it is not known.
        """
        if origin < 0:
            members, n_all = self._history.find_members(-1 - origin, limit)
        else:
            members, n_all = [origin], 1
        sources = []
        for member in members:
            if member > MAX_PLACE:
                sources.append(_Source(Frame(self._history, member, parent), None))
            elif parent is not None and any(a.place == member for a in parent.call.arguments):
                sources.append(_Source(parent, member))
        return sources, n_all if sources else 0

    def _make_name(self, base: str) -> str:
        """Return a variable name that nothing else has."""
        name, n = base, 2
        while name in self._names:
            name = f"{base}_{n}"
            n += 1
        self._names.add(name)
        return name


def _make_step(source: _Source) -> Step:
    call = source.frame.call
    names = [argument.name for argument in call.arguments]
    return Step(RESULT if source.place is None else ARGUMENT, call.call_hash, call.task.name, names)


def _get_argument(source: _Source) -> ArgumentRecord:
    for argument in source.frame.call.arguments:
        if argument.place == source.place:
            return argument
    return ArgumentRecord(source.place or 0, "argument", 1, make_no_value(), None)


def _get_value(source: _Source) -> ValueRecord:
    if source.place is not None:
        return _get_argument(source).value
    return source.frame.call.result or make_no_value()


def _name_source(source: _Source) -> str:
    if source.place is None:
        return f"{source.frame.call.task.name}_result"
    return _get_argument(source).name
