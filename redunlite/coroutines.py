"""Async tasks: coroutines that live on the engine's own wait, in the main process.

Decided here: how a coroutine is begun, resumed with what it awaits, and ended, and what is recorded of
it. Not here: what an expression comes to (`engine`). State: the asyncio loop of a run, and the
coroutines that are alive on it.

The loop is asyncio's own, turned one batch at a time when it has something to do: `Waits` tells when a
timer is due or a descriptor of the loop's is ready. So `asyncio.gather`, `sleep`, `wait_for`, streams
and subprocesses work, and no coroutine needs a thread.

Recorded of an async call is a form (`replay`): what the coroutine awaited, in the order in which the
awaits began and ended, the hash of what each came to, and the result. A later run evaluates the awaits
in that order; as long as each comes to what it came to then, the coroutine would do the same again and
is not begun. At the first difference it is, with what was evaluated so far at hand.
"""

from __future__ import annotations

import asyncio
import contextvars
import selectors
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

from redunlite import serialize
from redunlite.executors import capture
from redunlite.expression import (
    AWAITER,
    Expression,
    SchedulerExpression,
    encode_result,
    hash_expression,
    note_origins,
    pack_expression,
)
from redunlite.job import DONE, WAITING, Failure, Job, Node, WatchNode
from redunlite.kinds import FORMAT_EXPRESSION, ValueRef
from redunlite.replay import hash_failure, hash_result, replay
from redunlite.task import resolve_task
from redunlite.valuestore import ValueStore
from redunlite.waits import Waits

END_S = 1.0
"""How long coroutines may take to end when they are told to."""


class CoroutineHost(Protocol):
    """What the engine does for coroutines."""

    waits: Waits
    store: ValueStore
    is_stopping: bool

    def evaluate(self, value: Any, parent: Job | None) -> Any:
        """Return a scalar or a `ValueRef` for what is known, else the node it comes from."""

    def decode(self, value: Any) -> Any:
        """Return the live value of a scalar or a `ValueRef`."""

    def wait_for(self, waiter: Node, node: Node) -> bool:
        """Let `waiter` wait for `node`; tell whether it waits or has failed."""

    def fail(self, node: Node, failure: Failure) -> None:
        """Let a node fail, and after it all that needs it."""

    def fail_with(self, node: Node, error: BaseException) -> None:
        """Let a node fail with an exception raised in this process."""

    def give_back_limits(self, job: Job) -> None:
        """Let others have the limits that a job holds."""

    def take_coroutine_result(self, job: Job, result: Any, single: ValueRef | None) -> None:
        """Reduce what a coroutine returned, as part of its job."""

    def tell(self, message: str) -> None:
        """Show a line."""


class EngineLoop(asyncio.SelectorEventLoop):
    """asyncio's loop, turned by the engine."""

    def __init__(self, waits: Waits) -> None:
        self.is_ready = False
        """Whether a turn has something to do."""
        self._waits = waits
        selector = getattr(selectors, "EpollSelector", selectors.DefaultSelector)()
        self._descriptor: int = selector.fileno()
        super().__init__(selector)
        waits.watch(self._descriptor, on_read=self._note_ready)

    def _note_ready(self) -> None:
        self.is_ready = True

    def call_soon(self, *args: Any, **kwargs: Any) -> asyncio.Handle:  # type: ignore[override]
        """Note that a turn has something to do."""
        self.is_ready = True
        return super().call_soon(*args, **kwargs)

    def call_at(  # type: ignore[override]
        self, when: float, *args: Any, **kwargs: Any
    ) -> asyncio.TimerHandle:
        """Let the engine's wait end when the timer is due."""
        handle = super().call_at(when, *args, **kwargs)
        self._waits.call_after(max(0.0, when - self.time()) + 0.001, self._note_ready)
        return handle

    def turn(self) -> None:
        """Run what is ready, and return."""
        self.is_ready = False
        with self.alone():
            super().call_soon(self.stop)
            self.run_forever()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Put aside a loop that runs around the engine, as in a notebook."""
        outer = asyncio._get_running_loop()
        asyncio._set_running_loop(None)
        try:
            yield
        finally:
            asyncio._set_running_loop(outer)

    def close(self) -> None:
        """Free the descriptors."""
        if not self.is_closed():
            self._waits.unwatch(self._descriptor)
        super().close()


class _Call:
    """One coroutine: its job, and what it has awaited so far."""

    def __init__(self, job: Job, replayed: dict[bytes, list[Any]]) -> None:
        self.job = job
        self.replayed = replayed
        """Graph hash to what a replay has evaluated, for awaits that ask for the same."""
        self.awaits: list[Expression] = []
        self.events: list[int] = []
        """``i``: await i began; ``-1 - i``: it ended."""
        self.hashes: list[bytes] = []
        self.failures: dict[int, tuple[BaseException, Failure]] = {}
        """`id` of an exception that was raised by an await, to its failure."""
        self.n_pending = 0
        """How many awaits wait for the engine."""
        self.args: Sequence[Any] = ()
        self.kwargs: dict[str, Any] = {}
        self.captured = capture.Captured()


class Coroutines:
    """The coroutines of one run."""

    def __init__(self, host: CoroutineHost) -> None:
        self._host = host
        self._loop = EngineLoop(host.waits)
        self._loop.set_exception_handler(self._on_loop_error)
        self._calls: dict[asyncio.Task[Any], _Call] = {}

    @property
    def is_ready(self) -> bool:
        """Whether `turn` has something to do."""
        return self._loop.is_ready

    def turn(self) -> None:
        """Let coroutines go on that can."""
        with capture.standing_in():
            self._loop.turn()

    def is_waiting_outside(self) -> bool:
        """Tell whether a coroutine waits for something else than the engine: a timer, a pipe."""
        if any(not call.n_pending for call in self._calls.values()):
            return True
        now = self._loop.time()
        timers = getattr(self._loop, "_scheduled", ())
        return any(not timer.cancelled() and timer.when() > now for timer in timers)

    def begin(
        self, job: Job, arguments: bytes, replayed: dict[bytes, list[Any]] | None = None
    ) -> None:
        """Begin the coroutine of a job.

        Parameters
        ----------
        arguments
            Bytes of `serialize.encode_arguments`.
        replayed
            By graph hash, what a replay has evaluated already.
        """
        call = _Call(job, replayed or {})
        call.args, call.kwargs = serialize.decode_arguments(arguments, self._host.store)
        context = contextvars.copy_context()
        context.run(AWAITER.set, partial(self._await, call))
        context.run(capture.capture_into, call.captured)
        coroutine = job.task.func(*call.args, **call.kwargs)
        running: asyncio.Task[Any] = context.run(self._loop.create_task, coroutine)
        self._calls[running] = call
        running.add_done_callback(self._on_done)

    def close(self) -> None:
        """End all coroutines; what they do to clean up may take a second."""
        deadline = time.monotonic() + END_S
        loop = self._loop
        for _ in range(3):  # what is cancelled may begin something once more
            alive = asyncio.all_tasks(loop)
            for running in alive:
                running.cancel()
            while not all(t.done() for t in alive) and time.monotonic() < deadline:
                self.turn()
                if not loop.is_ready:
                    self._host.waits.wait(0.01)
            if not asyncio.all_tasks(loop):
                break
        left = asyncio.all_tasks(loop)
        if left:
            self._host.tell(f"{len(left)} coroutines did not end within {END_S:g} s")
            for running in left:
                running._log_destroy_pending = False  # type: ignore[attr-defined]
        else:
            with loop.alone():
                loop.run_until_complete(loop.shutdown_asyncgens())
        self._calls.clear()
        loop.close()

    # Awaits.

    def _await(self, call: _Call, expression: Expression) -> asyncio.Future[Any]:
        """Begin to evaluate what a coroutine awaits; return the future of its value."""
        host = self._host
        if host.is_stopping:
            raise asyncio.CancelledError("the run is ending")
        future = self._loop.create_future()
        number = len(call.awaits)
        call.awaits.append(expression)
        call.events.append(number)
        call.hashes.append(b"")
        found: Any = None
        if call.replayed:
            same = call.replayed.get(hash_expression(expression, host.store))
            found = same.pop(0) if same else None
        if found is None:
            note_origins(expression, call.args, call.kwargs, call.job.task.parameters.positions)
            found = host.evaluate(expression, call.job)
        if isinstance(found, Node) and found.state != DONE:
            watch = WatchNode(
                call.job, found,
                partial(self._settle, call, number, future), partial(self._reject, call, number, future),
            )  # fmt: skip
            call.n_pending += 1
            host.wait_for(watch, found)
        else:
            call.n_pending += 1
            self._settle(call, number, future, found)
        return future

    def _settle(self, call: _Call, number: int, future: asyncio.Future[Any], found: Any) -> None:
        call.n_pending -= 1
        call.events.append(-1 - number)
        call.hashes[number] = hash_result(found)
        if not future.done():
            try:
                value = self._host.decode(found.result if isinstance(found, Node) else found)
            except Exception as error:  # decoding reaches the user's own classes
                future.set_exception(error)
            else:
                future.set_result(value)

    def _reject(
        self, call: _Call, number: int, future: asyncio.Future[Any], failure: Failure,
        error: BaseException,
    ) -> None:  # fmt: skip
        call.n_pending -= 1
        call.events.append(-1 - number)
        call.hashes[number] = hash_failure(failure)
        call.failures[id(error)] = (error, failure)
        if not future.done():
            if isinstance(error, StopIteration):  # which no future can hold
                error = RuntimeError(f"an awaited task raised {error!r}")
            future.set_exception(error)

    # The end.

    def _on_done(self, running: asyncio.Task[Any]) -> None:
        call = self._calls.pop(running, None)
        if call is None:
            return
        host, job = self._host, call.job
        host.give_back_limits(job)
        job.output = call.captured.get()
        if job.state != WAITING or (running.cancelled() and host.is_stopping):
            return
        error: BaseException | None
        if running.cancelled():
            error = asyncio.CancelledError("the coroutine was cancelled")
        else:
            error = running.exception()
        if error is not None:
            known = call.failures.get(id(error))
            if known is not None:
                host.fail(job, known[1])
                return
            host.fail_with(job, error)
            return
        try:
            single = self._record(call, running.result())
        except Exception as raised:  # encoding reaches the user's own classes
            host.fail_with(job, raised)
            return
        host.take_coroutine_result(job, running.result(), single)

    def _record(self, call: _Call, result: Any) -> ValueRef | None:
        """Return the recorded form of what the coroutine did; None when it awaited nothing."""
        if not call.awaits:
            return None
        ended = [event for event in call.events if event < 0]
        if len(ended) < len(call.awaits):  # an await that was given up has come to nothing
            finished = {-1 - event for event in ended}
            call.events = [e for e in call.events if e < 0 or e in finished]
        form = SchedulerExpression(
            replay, (list(call.events), list(call.awaits), list(call.hashes), result), {}
        )
        ref, named = encode_result(form, call.args, call.kwargs, self._host.store)
        packed = pack_expression(ref.data or b"", [self._name(task) for task in named])
        return ValueRef(
            ref.token, FORMAT_EXPRESSION, packed, len(packed), ref.preview, ref.type_name,
            ref.flags, ref.classes,
        )  # fmt: skip

    @staticmethod
    def _name(stored: Any) -> Any:
        if stored.hash is not None:
            return stored
        live = resolve_task(stored)
        return stored if live is None else stored._replace(hash=live.hash)

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        message = context.get("message", "")
        self._host.tell(f"asyncio: {message}" + (f": {error!r}" if error is not None else ""))
