"""What every executor promises, and what it may ask of its host.

An executor takes `Call`s and delivers exactly one `Outcome` for each, one by one as they finish, in
any order, always from inside the host's wait (or from `submit`), on the thread of the engine. It
decides where and when a call runs; never what it means. `tests/test_executor_contract.py` holds all
of them to the same promises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from redunlite.call import Call, Outcome
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

    def take_back(self) -> list[int]:
        """Return the numbers of calls that no worker has begun; they get no outcome."""

    def cancel(self, grace_s: float) -> None:
        """End all running calls, at the latest after about `grace_s` seconds.

        Each is delivered as CANCELLED, unless it finished first.
        """

    def stop(self) -> None:
        """End the executor; nothing that it started is left when this returns."""
