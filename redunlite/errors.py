"""Every error a user can meet, in one tree.

::

    RedunliteError
    ├── UsageError                  the user can mend it; exit 2, one line
    │   ├── UnknownNameError        a file, task, option or id that is not there
    │   │   └── UnknownExecutorError    an executor that is not configured (also a SchedulerError)
    │   ├── AmbiguousIdError        an id prefix that several records share
    │   ├── OptionError             a task option that is unknown or has a bad value
    │   ├── TaskDefinitionError     a task that cannot be defined like this
    │   └── WorkflowLoadError       a workflow file that cannot be read, parsed or imported
    ├── ConfigError                 a configuration that cannot be used; exit 4
    ├── DatabaseError               a database that cannot be used; exit 4
    │   ├── NewerDatabaseError      written by a newer redunlite
    │   └── DamagedDatabaseError    its bytes are not what was written
    ├── UnhashableValueError        a value without a hash (also a TypeError)
    ├── HiddenExpressionError       an expression inside an object that is not searched (TypeError)
    ├── UndecodableError            recorded bytes that cannot become a value: a cache miss
    │   └── InvalidValueError       a recorded value that no longer holds, as its own class says
    ├── JobError                    a job failed for a reason outside the task's own code
    │   ├── WorkerDiedError         the worker process ended under the job
    │   ├── LimitError              a job asks for more than a limit can ever give
    │   └── RemoteError             stands for an exception that could not leave its worker
    ├── SchedulerError              the scheduler was asked for what it cannot do
    │   └── NoCurrentScheduler      no scheduler is running here
    ├── DryRunResult                a dry run met work that would run
    └── Interrupted                 the run was ended by a signal

Nothing is decided here; no state lives here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

LEAST_BEGINNING = 2
"""Letters from which on a name counts as begun."""


class RedunliteError(Exception):
    """Base of all errors that redunlite raises on its own account."""


class UsageError(RedunliteError):
    """The user asked for something that cannot be done, and can mend it.

    Parameters
    ----------
    message
        What failed and which, in one line.
    hint
        What to do next, in one line; empty when the message says it all.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


def show_word(word: object, width: int = 80) -> str:
    """Return what a user typed as messages show it: quoted, escaped, its middle cut where it is long.

    >>> show_word("a" * 200, 40)
    "'aaaaaaaaaaaaaaaaaa…aaaaaaaaaaaaaaaaaaa'"
    """
    return shorten(repr(word), width)


def shorten(text: str, width: int = 80) -> str:
    """Return at most `width` characters: the beginning and the end."""
    return text if len(text) <= width else f"{text[: width - 21]}…{text[-20:]}"


def find_nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name in `names` that `name` was probably meant to be, or None.

    The one that takes the fewest edits (a letter more, less, other, or two swapped), if those are few
    for its length; letter case and dashes for underscores cost nothing, and the rest of a name that
    was begun rightly one edit. Of several it is the one that begins most like `name`, to the case.

    >>> find_nearest("ad", ["bad", "add"]), find_nearest("gree", ["main", "greeter"])
    ('add', 'greeter')
    """
    meant = _fold(name)
    best: tuple[int, int, int, str] | None = None
    for candidate in names:
        other = _fold(candidate)
        longest = max(len(meant), len(other))
        most = min((longest + 2) // 3, longest // 2)
        if len(meant) >= LEAST_BEGINNING and other.startswith(meant):
            n_edits = int(other != meant)
        elif abs(len(meant) - len(other)) > most:
            continue
        else:
            n_edits = _count_edits(meant, other)
            if n_edits > most:
                continue
        n_same = next((i for i, (a, b) in enumerate(zip(name, candidate)) if a != b), len(name))
        found = (n_edits, -n_same, abs(len(meant) - len(other)), candidate)
        if best is None or found < best:
            best = found
    return None if best is None else best[3]


def _fold(name: str) -> str:
    return name.lower().replace("-", "_").lstrip("_")


def _count_edits(one: str, other: str) -> int:
    """Return how many letters to add, drop, change or swap with their neighbour.

    "Optimal string alignment", a distance of Damerau and Levenshtein.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, above, row = row, before, [i]
        for j, b in enumerate(other, 1):
            least = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                least = min(least, above[j - 2] + 1)
            row.append(least)
    return row[-1]


class UnknownNameError(UsageError):
    """A name that is not there, with the nearest one that is.

    Parameters
    ----------
    what
        The kind of thing, such as ``"task"``.
    name
        The name as the user gave it.
    names
        The names that exist; the nearest becomes the hint.
    where
        Where it was looked for, such as ``"in hello_world.py"``; may be empty.
    hint
        Used when no name is near.
    """

    def __init__(
        self, what: str, name: str, names: Iterable[str] = (), where: str = "", hint: str = ""
    ) -> None:
        nearest = find_nearest(name, names)
        place = f" {where}" if where else ""
        super().__init__(
            f"unknown {what} {show_word(name)}{place}",
            f"did you mean {nearest!r}?" if nearest is not None else hint,
        )
        self.name = name
        self.nearest = nearest


class AmbiguousIdError(UsageError):
    """An id prefix that more than one record begins with.

    Parameters
    ----------
    candidates
        A line for each of them.
    n_candidates
        How many there are; None when there are more than are listed.
    """

    def __init__(self, prefix: str, candidates: Sequence[str], n_candidates: int | None) -> None:
        self.prefix = prefix
        self.candidates = list(candidates)
        self.n_candidates = n_candidates
        n_listed = len(self.candidates)
        some = f"more than {n_listed:,}" if n_candidates is None else f"{n_candidates:,}"
        lines = "\n".join(f"  {line}" for line in self.candidates)
        tail = "\n  …" if n_candidates is None or n_candidates > n_listed else ""
        super().__init__(
            f"id {show_word(prefix)} is ambiguous, {some} records match:\n{lines}{tail}"
        )


class OptionError(UsageError):
    """A task option that is unknown or whose value cannot be used."""


class TaskDefinitionError(UsageError):
    """A task that cannot be defined the way it was written."""


class WorkflowLoadError(UsageError):
    """A workflow file that cannot be read, parsed or imported."""


class ConfigError(RedunliteError):
    """A configuration that cannot be used."""


class DatabaseError(RedunliteError):
    """A database that cannot be used."""


class NewerDatabaseError(DatabaseError):
    """A database written by a newer redunlite than this one."""


class DamagedDatabaseError(DatabaseError):
    """A database whose bytes are not what was written."""


class _ValueError(RedunliteError, TypeError):
    """A value that is refused; the message names the place of the offending part."""

    _parts: tuple[str, str | None, str, str, str] | None = None

    @classmethod
    def at(
        cls, path: str, reason: str, *, verb: str = "", kind: str = "", inner: str | None = None
    ) -> Self:
        """Return the error for a part of a value of which is not known yet what it is.

        Parameters
        ----------
        path
            How the part is reached from the whole, such as ``['a'][3]``.
        reason
            The end of the message, with the colon or space that begins it.
        verb
            What precedes the place, such as ``cannot hash``.
        kind
            What the part is, such as ``a lock``.
        inner
            What the part is of a function or class within the value; `path` then begins there.
        """
        verb, kind = f"{verb} " if verb else "", f", {kind}" if kind else ""
        place = f"value{path}" if inner is None else _join_place(inner, path)
        error = cls(f"{verb}{place}{kind}{reason}")
        error._parts = verb, inner, path, kind, reason
        return error

    def put(self, place: str) -> None:
        """Say what the whole value is, such as ``argument 'x' of task 'f'``, if nobody has said it yet.

        An empty text says that the message tells it.
        """
        if self._parts is None:
            return
        verb, inner, path, kind, reason = self._parts
        del self._parts
        if inner is None:
            self.args = (f"{verb}{_join_place(place, path)}{kind}{reason}",)
        elif place:
            self.args = (f"{verb}{_join_place(inner, path)}{kind}, in {place}{reason}",)


def _join_place(place: str, path: str) -> str:
    if not path or place.isidentifier():
        return place + path
    return f"{place}, at {path}"


class UnhashableValueError(_ValueError):
    """A value that has no hash: a generator, an open file, a cyclic value.

    The message names the path of the offending part inside the whole value.
    """


class HiddenExpressionError(_ValueError):
    """An expression inside an object that the engine does not look into."""


class UndecodableError(RedunliteError):
    """Recorded bytes that cannot become a value in this program. Always treated as a cache miss."""


class InvalidValueError(UndecodableError):
    """A recorded value that no longer holds. A class of the user's may raise it while it is made."""


class JobError(RedunliteError):
    """A job failed for a reason that is not an exception of the task's own code."""


class WorkerDiedError(JobError):
    """The worker process that ran the job ended before the job did."""


class LimitError(JobError):
    """A job asks for more units of a limit than the limit has."""


class RemoteError(JobError):
    """Stands in this process for an exception that could not be pickled where it was raised.

    Its text is the original's; `type_name` is the original's class, as ``module.Name``; `traceback`
    is the original's, as text, with the user's own frames.
    """

    # In a slot, because attributes count in hashes and where an error was raised does not.
    __slots__ = ("traceback",)

    def __init__(self, type_name: str, message: str, traceback: str = "") -> None:
        super().__init__(type_name, message)
        self.type_name = type_name
        self.message = message
        self.traceback = traceback

    def __reduce__(self) -> tuple[Any, ...]:
        state = {**self.__dict__, "traceback": self.traceback}
        return RemoteError, (self.type_name, self.message), state

    def __str__(self) -> str:
        return f"{self.type_name}: {self.message}" if self.message else self.type_name


class SchedulerError(RedunliteError):
    """The scheduler was asked for something it cannot do."""


class UnknownExecutorError(UnknownNameError, SchedulerError):
    """A task names an executor that is not configured."""


class NoCurrentScheduler(SchedulerError):
    """No scheduler is running in this thread."""


class DryRunResult(RedunliteError):
    """Raised by a dry run through the API when some job would run."""


class Interrupted(RedunliteError):
    """The run was ended by a signal.

    Parameters
    ----------
    signal_number
        The signal that ended it, such as ``signal.SIGINT``.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"interrupted by signal {signal_number}")
        self.signal_number = signal_number
