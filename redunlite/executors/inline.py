"""Runs each call at once, in the main process, on the engine's own thread: for tests and debuggers.

Decided here: what of a worker's life holds without one. Arguments are fresh and results encoded as
everywhere. A job can be interrupted: while it runs, and only then, a signal raises
`KeyboardInterrupt`. State: none between calls.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Any

from redunlite.call import Call, Outcome, Usage
from redunlite.executors import capture
from redunlite.executors.base import ExecutorHost
from redunlite.worker import Function, Watch, run_call


class InlineExecutor:
    """Runs calls inside `submit`.

    Parameters
    ----------
    name
        Name in the configuration.
    """

    n_workers = 1

    def __init__(self, name: str) -> None:
        self.name = name
        self._host: ExecutorHost | None = None

    def start(self, host: ExecutorHost) -> None:
        """Get ready to take calls."""
        self._host = host

    def has_room(self, task_number: int) -> bool:
        """Tell that a call may be submitted: it is over before `submit` returns."""
        return True

    def submit(self, call: Call) -> None:
        """Run a call and deliver its outcome."""
        host = self._host
        assert host is not None, "start() comes first"
        task = host.get_task(call.task_number)
        function = Function(task.func, task.parameters, task.fullname)
        watch = Watch()
        cpu_ns = time.thread_time_ns()
        captured = capture.begin_capture()
        hook = sys.breakpointhook
        sys.breakpointhook = _leave_capture
        try:
            with _Interruptible(watch):
                ran = run_call(function, call.arguments, host.store, watch)
        finally:
            sys.breakpointhook = hook
            capture.end_capture()
        cpu_us = (time.thread_time_ns() - cpu_ns) // 1000
        usage = Usage(ran.start_time, ran.duration_ns // 1000, cpu_us, 0)
        host.deliver(Outcome(call.number, ran.status, ran.value, usage, captured.get(), ran.detail))

    def find_running(self) -> list[int]:
        """Return nothing: no call runs while the engine does."""
        return []

    def take_back(self) -> list[int]:
        """Return nothing: no call waits here."""
        return []

    def cancel(self, grace_s: float) -> None:
        """Do nothing: no call runs while the engine does."""

    def stop(self) -> None:
        """End the executor."""
        self._host = None


def _leave_capture(*args: Any, **kwargs: Any) -> Any:
    """Give a debugger the terminal; Python's own begins in the frame of the job."""
    capture.pause_capture()
    if args or kwargs or os.environ.get("PYTHONBREAKPOINT", "pdb.set_trace") != "pdb.set_trace":
        return sys.__breakpointhook__(*args, **kwargs)
    from pdb import Pdb

    Pdb().set_trace(sys._getframe(1))
    return None


class _Interruptible:
    """Lets the signals that end a run reach the job, too, while it runs on the main thread."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in self.SIGNALS:
            before = signal.getsignal(number)
            if callable(before):
                self._before[number] = before
                signal.signal(number, self._interrupt)

    def __exit__(self, *error: object) -> None:
        for number, before in self._before.items():
            if signal.getsignal(number) == self._interrupt:
                signal.signal(number, before)

    def _interrupt(self, number: int, frame: Any) -> None:
        self._watch.is_interrupted = True
        before = self._before[number]
        if before is not signal.default_int_handler:
            before(number, frame)
        if self._watch.in_user_code:
            raise KeyboardInterrupt
