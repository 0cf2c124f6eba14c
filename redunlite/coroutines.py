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
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

from redunlite import hashing, nested, serialize
from redunlite.call import Output
from redunlite.errors import HiddenExpressionError, SchedulerError, UnhashableValueError
from redunlite.executors import capture
from redunlite.expression import (
    AWAITER,
    AwaitOrigin,
    Expression,
    Freezer,
    SchedulerExpression,
    encode_result,
    index_origins,
    iter_traced,
    pack_expression,
    remember_node,
)
from redunlite.job import DONE, WAITING, Failure, Job, Node, WatchNode
from redunlite.kinds import FORMAT_EXPRESSION, FORMAT_TOKEN, ValueRef
from redunlite.replay import hash_await, hash_failure, hash_result, replay
from redunlite.task import resolve_task
from redunlite.tracebacks import get_headline, summarize_exception
from redunlite.valuestore import ValueStore
from redunlite.waits import Waits

END_S = 1.0
"""How long coroutines may take to end when they are told to."""
TRACED_BYTES = 8 << 20
"""How much of what a coroutine has awaited is kept so that it is known again as an argument."""

N_THAWED = 8
"""How many expressions with large values, the latest ones, are as before when the run is over."""


class CoroutineHost(Protocol):
    """What the engine does for coroutines."""

    waits: Waits
    store: ValueStore
    is_stopping: bool
    n_signals: int

    def evaluate(self, value: Any, parent: Job | None) -> Any:
        """Return a scalar or a `ValueRef` for what is known, else the node it comes from."""

    def decode(self, value: Any) -> Any:
        """Return the live value of a scalar or a `ValueRef`."""

    def as_ref(self, value: Any) -> ValueRef:
        """Return a scalar or a `ValueRef` as the latter."""

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

    def show_output(self, job: Job, output: Output) -> None:
        """Show what a job has printed, where that is wanted."""

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

    def call_soon_threadsafe(  # type: ignore[override]
        self, *args: Any, **kwargs: Any
    ) -> asyncio.Handle:
        """Let there be another turn.

        A turn that is under way may empty the loop's own wake-up pipe without calling back what came
        with it.
        """
        handle = super().call_soon_threadsafe(*args, **kwargs)
        self.is_ready = True
        self._waits.wake()
        return handle

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        """Take expressions too: a call of an async task counts as a coroutine."""
        if isinstance(coro, Expression):
            coro = _give(coro)
        return super().create_task(coro, **options)

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


_ENDS = (asyncio.CancelledError, KeyboardInterrupt)
"""What coroutines end with that are told to end."""


async def _give(expression: Expression) -> Any:
    return await expression


class _Call:
    """One coroutine: its job, and what it has awaited so far."""

    def __init__(self, job: Job, replayed: dict[bytes, list[Any]], freezer: Freezer) -> None:
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
        self.freezer = freezer
        self.origins: dict[int, tuple[Any, int | AwaitOrigin]] = {}
        """`id` of an object that was an argument, or that an await gave, to it and to which one.

        What is in here is alive: no other object has its `id`.
        """
        self._traced: deque[tuple[int, list[int]]] = deque()
        """Of each await: the encoded size of its value, and the keys in `origins`."""
        self._n_traced_bytes = 0
        self.captured = capture.Captured()

    def trace(self, value: Any, source: AwaitOrigin, size: int) -> None:
        """Remember that an await gave this very object."""
        origins = self.origins
        keys = []
        for part in iter_traced(value):
            if id(part) not in origins:
                origins[id(part)] = (part, source)
                keys.append(id(part))
        traced = self._traced
        traced.append((size, keys))
        self._n_traced_bytes += size
        while self._n_traced_bytes > TRACED_BYTES and len(traced) > 1:
            n_bytes, old = traced.popleft()
            self._n_traced_bytes -= n_bytes
            for key in old:
                del origins[key]


class Coroutines:
    """The coroutines of one run."""

    def __init__(self, host: CoroutineHost) -> None:
        self._host = host
        self._loop = EngineLoop(host.waits)
        self._loop.set_exception_handler(self._on_loop_error)
        self._calls: dict[asyncio.Task[Any], _Call] = {}
        self._ended: list[asyncio.Task[Any]] = []
        self._thawed: deque[Callable[[], None]] = deque(maxlen=N_THAWED)
        self.is_turning = False
        """Whether a coroutine may be running now."""
        # Also between turns: threads that coroutines have begun print when they like.
        self._streams = capture.standing_in()
        self._streams.__enter__()

    @property
    def is_ready(self) -> bool:
        """Whether `turn` has something to do."""
        return self._loop.is_ready

    def turn(self) -> None:
        """Let coroutines go on that can."""
        self.is_turning = True
        try:
            self._loop.turn()
        except (SystemExit, KeyboardInterrupt):
            # Of a coroutine, whose end it is: asyncio raises them to whoever turns the loop as well.
            self._loop.is_ready = True
        finally:
            self.is_turning = False
        # Here and not in a callback of asyncio's, which would keep an error of the engine to itself.
        ended, self._ended = self._ended, []
        for running in ended:
            self._take_end(running)

    def is_going(self) -> bool:
        """Tell whether the coroutine of a job can go on, or waits for something else than the engine.

        What such a coroutine has left running in the background does not count.
        """
        return bool(self._calls) and (
            self._loop.is_ready or any(not call.n_pending for call in self._calls.values())
        )

    def has_timers(self) -> bool:
        """Tell whether something is to happen later."""
        return any(not timer.cancelled() for timer in getattr(self._loop, "_scheduled", ()))

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
        call = _Call(job, replayed or {}, Freezer(self._host.store, self._thawed))
        args, kwargs = serialize.decode_arguments(arguments, self._host.store)
        job.task.parameters.fill_in(args, kwargs)
        call.origins.update(index_origins(args, kwargs, job.task.parameters.positions))
        context = contextvars.copy_context()
        context.run(AWAITER.set, partial(self._await, call))
        context.run(capture.capture_into, call.captured)
        coroutine = job.task.func(*args, **kwargs)
        running: asyncio.Task[Any] = context.run(self._loop.create_task, coroutine)
        self._calls[running] = call
        running.add_done_callback(self._note_end)

    def _note_end(self, running: asyncio.Task[Any]) -> None:
        self._ended.append(running)

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
        for thaw in self._thawed:
            thaw()
        self._streams.__exit__(None, None, None)

    # Awaits.

    def _await(self, call: _Call, expression: Expression) -> asyncio.Future[Any]:
        """Begin to evaluate what a coroutine awaits; return the future of its value."""
        host = self._host
        if host.is_stopping:
            raise asyncio.CancelledError("the run is ending")
        if asyncio._get_running_loop() is not self._loop:
            raise SchedulerError(
                f"{expression!r} is awaited in another thread or event loop than that of async task "
                f"{call.job.task.fullname!r}; await it in the task, and pass on what it gives"
            )
        found: Any = None
        if expression._run is not host:
            call.freezer.freeze(expression, host, call.origins)
            if call.replayed:
                same = call.replayed.get(hash_await(expression, host.store))
                found = same.pop(0) if same else None
                if found is not None:
                    remember_node(expression, host, found)
        if found is None:
            found = host.evaluate(expression, call.job)
        future = self._loop.create_future()
        number = len(call.awaits)
        call.awaits.append(expression)
        call.events.append(number)
        call.hashes.append(b"")
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
                value = self._decode(call, number, found)
            except Exception as error:  # decoding reaches the user's own classes
                future.set_exception(error)
            else:
                future.set_result(value)

    def _decode(self, call: _Call, number: int, found: Any) -> Any:
        """Return what an await gives, as an object that is nobody else's."""
        host = self._host
        if not isinstance(found, Node) or found.origin is None:
            return host.decode(found.result if isinstance(found, Node) else found)
        ref = host.as_ref(found.result)
        is_plain = ref.format == FORMAT_TOKEN
        value = hashing.decode_token(ref.token) if is_plain else host.decode(ref)
        call.trace(value, AwaitOrigin(number, found.origin, found.upstream), ref.size)
        return value

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

    def _take_end(self, running: asyncio.Task[Any]) -> None:
        call = self._calls.pop(running, None)
        if call is None:
            return
        host, job = self._host, call.job
        host.give_back_limits(job)
        job.output = call.captured.get()
        if job.output is not None:
            host.show_output(job, job.output)
        is_ending = host.is_stopping or bool(host.n_signals)
        error: BaseException | None
        if running.cancelled():
            error = asyncio.CancelledError("the coroutine was cancelled")
        else:
            error = running.exception()
        if job.state != WAITING or (is_ending and isinstance(error, _ENDS)):
            return
        if error is not None:
            known = call.failures.get(id(error))
            if known is None:
                host.fail_with(job, error)
            else:
                host.fail(job, known[1])
            return
        try:
            result = self._settle_result(call, running.result())
            single = self._record(call, result)
        except Exception as raised:  # encoding reaches the user's own classes
            if isinstance(raised, (UnhashableValueError, HiddenExpressionError)):
                raised.put(f"the result of task {job.task.fullname!r}")
            host.fail_with(job, raised)
            return
        host.take_coroutine_result(job, result, single)

    def _settle_result(self, call: _Call, value: Any) -> Any:
        """Return what a coroutine returned as it is now; where an await gave it, that await."""
        if type(value) in (list, tuple) and id(value) not in call.origins:
            items = [
                call.origins.get(id(item)) and self._settle_value(call, item) for item in value
            ]
            if any(isinstance(item, Expression) for item in items):
                kept = (v if item is None else item for v, item in zip(value, items))
                value = type(value)(kept)
        return self._settle_value(call, value)

    def _settle_value(self, call: _Call, value: Any) -> Any:
        result = call.freezer.freeze(value, self._host, call.origins)
        _, source = call.origins.get(id(value), (None, None))
        if isinstance(source, AwaitOrigin) and hash_result(result) == call.hashes[source.number]:
            return call.awaits[source.number]
        return result

    def _record(self, call: _Call, result: Any) -> ValueRef | None:
        """Return the recorded form of what the coroutine did; None when its value is all of it."""
        if not call.awaits:
            return self._write_down(result) if nested.has_lazy(result) else None
        form = SchedulerExpression(
            replay, (list(call.events), list(call.awaits), list(call.hashes), result), {}
        )
        return self._write_down(form)

    def _write_down(self, form: Any) -> ValueRef:
        ref, named = encode_result(form, (), {}, self._host.store)
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
        told = f": {get_headline(summarize_exception(error))}" if error is not None else ""
        self._host.tell(f"asyncio: {message}{told}")
