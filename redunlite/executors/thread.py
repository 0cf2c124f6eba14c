"""Runs calls in threads of the main process: for short runs, and for code that waits or frees the GIL.

Decided here: how calls reach the threads and outcomes the engine. A thread cannot be killed: a
cancelled call gets a `KeyboardInterrupt` at its next Python instruction and is given up when its time
is over. State: the calls that wait, those that run, and the outcomes that wait to be collected.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterable
from queue import Empty, SimpleQueue

from redunlite.call import Call, Outcome, Usage
from redunlite.executors import capture
from redunlite.executors.base import ExecutorHost, Pace, make_cancelled
from redunlite.worker import Function, Watch, run_call


class ThreadExecutor:
    """Runs calls in `n_workers` threads.

    Parameters
    ----------
    name
        Name in the configuration.
    n_workers
        Number of threads; they are started as they are needed.
    """

    def __init__(self, name: str, n_workers: int) -> None:
        self.name = name
        self.n_workers = n_workers
        self._pace = Pace()
        self._outstanding: dict[int, int] = {}
        self._crew: _Crew | None = None

    def start(self, host: ExecutorHost) -> None:
        """Get ready to take calls."""
        self._pace = Pace()
        self._outstanding = {}
        self._host = host
        self._crew = crew = _Crew(host)
        host.waits.watch(crew.wake_read, on_read=self._collect)

    def has_room(self, task_number: int) -> bool:
        """Tell whether a call of that task may be submitted now."""
        return self._pace.has_room(task_number, len(self._outstanding), self.n_workers)

    def submit(self, call: Call) -> None:
        """Take a call."""
        crew = self._crew
        assert crew is not None, "start() comes first"
        self._outstanding[call.number] = call.task_number
        crew.calls.put(call)
        if len(crew.threads) < min(self.n_workers, len(self._outstanding)):
            crew.add_thread()

    def find_running(self) -> list[int]:
        """Return the numbers of the calls that threads have begun."""
        return [] if self._crew is None else self._crew.find_running()

    def take_back(self) -> list[int]:
        """Return the numbers of calls that no thread has begun."""
        numbers: list[int] = []
        if self._crew is not None:
            numbers = self._crew.take_back()
            for number in numbers:
                del self._outstanding[number]
        return numbers

    def cancel(self, grace_s: float) -> None:
        """Interrupt what runs, and give up what still runs after `grace_s` seconds."""
        crew = self._crew
        if crew is None or not self._outstanding:
            return
        crew.finish([make_cancelled(number) for number in crew.take_back()])
        crew.interrupt()
        self._host.waits.call_after(grace_s, lambda: self._give_up(crew))

    def _give_up(self, crew: _Crew) -> None:
        if self._crew is crew:
            for number in list(self._outstanding):
                self._deliver(make_cancelled(number))

    def _collect(self) -> None:
        crew = self._crew
        if crew is None:
            return
        crew.drain_wakeups()
        while crew.outcomes:
            self._deliver(crew.outcomes.popleft())

    def _deliver(self, outcome: Outcome) -> None:
        task_number = self._outstanding.pop(outcome.number, None)
        if task_number is None:
            return  # given up before
        self._pace.note(task_number, outcome.usage.duration_us)
        self._host.deliver(outcome)

    def stop(self) -> None:
        """End the threads that have nothing to do; those that run a job end after it."""
        crew = self._crew
        if crew is None:
            return
        self._crew = None
        self._host.waits.unwatch(crew.wake_read)
        crew.take_back()
        crew.stop()


class _Crew:
    """The threads of one run, and what they share with the engine's thread."""

    def __init__(self, host: ExecutorHost) -> None:
        self._host = host
        self.calls: SimpleQueue[Call | None] = SimpleQueue()
        self.outcomes: deque[Outcome] = deque()
        self.threads: list[threading.Thread] = []
        self._running: dict[int, tuple[int, Watch]] = {}
        """Number and watch of the call that runs in each thread, by thread ident."""
        self._lock = threading.Lock()
        self._is_open = True
        self.wake_read, self._wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(self._wake_write, False)

    def add_thread(self) -> None:
        """Start one more thread."""
        # A daemon: one that is stuck in a job must not keep the program from ending.
        thread = threading.Thread(target=self._serve, name="redunlite-worker", daemon=True)
        self.threads.append(thread)
        thread.start()

    def find_running(self) -> list[int]:
        """Return the numbers of the calls that run."""
        with self._lock:
            return [number for number, _ in self._running.values()]

    def take_back(self) -> list[int]:
        """Take the calls that wait out of the queue; return their numbers."""
        numbers: list[int] = []
        while True:
            try:
                call = self.calls.get_nowait()
            except Empty:
                return numbers
            if call is not None:
                numbers.append(call.number)

    def finish(self, outcomes: Iterable[Outcome]) -> None:
        """Let the engine's thread collect `outcomes`."""
        with self._lock:
            self.outcomes.extend(outcomes)
            if self._is_open and self.outcomes:
                try:
                    os.write(self._wake_write, b"\0")
                except BlockingIOError:
                    pass

    def drain_wakeups(self) -> None:
        """Empty the pipe that wakes the engine."""
        try:
            while len(os.read(self.wake_read, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass

    def interrupt(self) -> None:
        """Raise `KeyboardInterrupt` in the user's code of each thread."""
        import ctypes

        with self._lock:
            for ident, (_, watch) in self._running.items():
                watch.is_interrupted = True
                if watch.in_user_code:
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(
                        ctypes.c_ulong(ident), ctypes.py_object(KeyboardInterrupt)
                    )

    def stop(self) -> None:
        """Let the threads end; wait for those that run no job."""
        for _ in self.threads:
            self.calls.put(None)
        for thread in self.threads:
            if thread.ident not in self._running:
                thread.join()
        with self._lock:
            self._is_open = False
            os.close(self.wake_read)
            os.close(self._wake_write)

    def _serve(self) -> None:
        ident = threading.get_ident()
        while True:
            call = self.calls.get()
            if call is None:
                return
            try:
                self._run(call, ident)
            except KeyboardInterrupt:  # it was meant for a call that had just ended
                self.finish([make_cancelled(call.number)])

    def _run(self, call: Call, ident: int) -> None:
        task = self._host.get_task(call.task_number)
        function = Function(task.func, task.parameters, task.fullname)
        watch = Watch()
        with self._lock:
            self._running[ident] = (call.number, watch)
        cpu_ns = time.thread_time_ns()
        captured = capture.begin_capture()
        try:
            ran = run_call(function, call.arguments, self._host.store, watch)
        finally:
            capture.end_capture()
            with self._lock:
                del self._running[ident]
        cpu_us = (time.thread_time_ns() - cpu_ns) // 1000
        usage = Usage(ran.start_time, ran.duration_ns // 1000, cpu_us, 0)
        self.finish(
            [Outcome(call.number, ran.status, ran.value, usage, captured.get(), ran.detail)]
        )
