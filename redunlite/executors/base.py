"""What every executor promises, and what it may ask of its host.

An executor takes `Call`s and delivers exactly one `Outcome` for each, one by one as they finish, in
any order, always from inside the host's wait (or from `submit`), on the thread of the engine. It
decides where and when a call runs; never what it means. `tests/test_executor_contract.py` holds all
of them to the same promises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from redunlite.call import CANCELLED, Call, Outcome, Usage
from redunlite.valuestore import ValueStore
from redunlite.waits import Waits

if TYPE_CHECKING:
    from redunlite.task import Task


class ExecutorHost(Protocol):
    """What an executor may ask of the engine that owns it."""

    waits: Waits
    """The one place that blocks; descriptors and timers are registered here."""
    store: ValueStore
    """Where encoded values above `call.WIRE_BYTES` are put and found."""

    def deliver(self, outcome: Outcome) -> None:
        """Take the outcome of one call."""

    def get_task(self, task_number: int) -> Task[..., object]:
        """Return the task with that number."""

    def get_options(self, number: int) -> Mapping[str, Any]:
        """Return the task options in force for the call of that number, from `submit` on.

        Those that nobody set are not among them. An executor's own options are declared with
        `options.register_option`, or in the configuration under ``[options] names``.
        """


class Executor(Protocol):
    """Runs calls."""

    name: str
    """Name in the configuration, as shown in ``on default``."""
    n_workers: int
    """How many calls can run at one time."""

    def start(self, host: ExecutorHost) -> None:
        """Get ready to take calls; called once a run, before the first call."""

    def has_room(self, task_number: int) -> bool:
        """Tell whether a call of that task may be submitted now."""

    def submit(self, call: Call) -> None:
        """Take a call; its outcome is delivered later, or before this returns."""

    def find_running(self) -> list[int]:
        """Return the numbers of the calls that workers have begun, as far as is known now."""

    def take_back(self) -> list[int]:
        """Return the numbers of calls that no worker has begun; they get no outcome."""

    def cancel(self, grace_s: float) -> None:
        """End all running calls, at the latest after about `grace_s` seconds.

        Each is delivered as CANCELLED, unless it finished first.
        """

    def stop(self) -> None:
        """End the executor; nothing that it started is left when this returns."""


class Pace:
    """Tells how far ahead of its workers an executor may take calls.

    Calls of a task known to be short are taken up to `MAX_AHEAD`, so that no worker waits for the
    main process between two of them. Of others one for each worker, so that the choice of what runs
    next stays with the engine, and once a task is known, one more: a worker that ends a call of 20 ms
    then finds the next one at hand, which the main process may need a millisecond for. State: a
    running mean of the durations of each task.
    """

    MAX_AHEAD = 64
    SHORT_US = 5_000
    """Mean below which a task is short, in microseconds."""
    MAX_SAMPLE_US = 20_000
    """One long call among many short ones counts for no more than this."""
    WEIGHT = 0.1
    """Of the latest call in the mean."""

    def __init__(self) -> None:
        self._means: dict[int, float] = {}

    def has_room(self, task_number: int, n_outstanding: int, n_workers: int) -> bool:
        """Tell whether one more call of that task may be taken."""
        if n_outstanding < n_workers:
            return True
        if n_outstanding >= self.MAX_AHEAD:
            return False
        mean = self._means.get(task_number)
        if mean is None:
            return False
        return mean < self.SHORT_US or n_outstanding == n_workers

    def note(self, task_number: int, duration_us: int) -> None:
        """Take the duration of a call that ended."""
        sample = min(duration_us, self.MAX_SAMPLE_US)
        mean = self._means.get(task_number)
        self._means[task_number] = sample if mean is None else mean + (sample - mean) * self.WEIGHT


def make_cancelled(number: int) -> Outcome:
    """Return the outcome of a call that was ended on request."""
    return Outcome(number, CANCELLED, None, Usage(0, 0, 0, 0), None, None)
