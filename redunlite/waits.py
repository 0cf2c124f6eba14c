"""The one place where the main process blocks: descriptors, timers, and a wake-up for other threads.

Everything that happens later in a run (an outcome, a heartbeat, a redraw, a timeout) is a callback
of this wait, so the engine needs no thread of its own. State: the selector, the timers, the pipe.
"""

from __future__ import annotations

import heapq
import itertools
import os
import selectors
import time
from collections.abc import Callable

Callback = Callable[[], None]


class Timer:
    """One appointment; `cancel` withdraws it."""

    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: Callback | None) -> None:
        self.when = when
        """Seconds of `time.monotonic`."""
        self.callback = callback

    def cancel(self) -> None:
        """Withdraw the appointment; nothing happens when it has passed."""
        self.callback = None


class Waits:
    """Waits for descriptors and timers, and runs their callbacks on the calling thread."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._on_wake: list[Callback] = []
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self.watch(self._wake_read, on_read=self._drain_wakeups)

    @property
    def wakeup_descriptor(self) -> int:
        """A non-blocking descriptor; a byte written to it ends a wait (also `set_wakeup_fd`)."""
        return self._wake_write

    def watch(
        self, descriptor: int, on_read: Callback | None = None, on_write: Callback | None = None
    ) -> None:
        """Call back when `descriptor` can be read or written; replaces what was watched there."""
        events = (selectors.EVENT_READ if on_read else 0) | (selectors.EVENT_WRITE if on_write else 0)
        if descriptor in self._selector.get_map():
            if events:
                self._selector.modify(descriptor, events, (on_read, on_write))
            else:
                self._selector.unregister(descriptor)
        elif events:
            self._selector.register(descriptor, events, (on_read, on_write))

    def unwatch(self, descriptor: int) -> None:
        """Stop watching `descriptor`; to be called before it is closed."""
        if descriptor in self._selector.get_map():
            self._selector.unregister(descriptor)

    def call_after(self, delay_s: float, callback: Callback) -> Timer:
        """Call back once, `delay_s` seconds from now."""
        timer = Timer(time.monotonic() + delay_s, callback)
        heapq.heappush(self._timers, (timer.when, next(self._order), timer))
        return timer

    def wake(self) -> None:
        """End the current or the next wait; safe from any thread and from a signal handler."""
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:
            pass

    def on_wake(self, callback: Callback) -> None:
        """Call back in each wait that `wake` ended."""
        self._on_wake.append(callback)

    def wait(self, timeout_s: float | None = None) -> None:
        """Block until something happens or `timeout_s` is over; run what is due.

        ``None`` waits for ever, ``0`` only looks.
        """
        timers = self._timers
        while timers and timers[0][2].callback is None:
            heapq.heappop(timers)
        if timers:
            until_timer = max(0.0, timers[0][0] - time.monotonic())
            timeout_s = until_timer if timeout_s is None else min(timeout_s, until_timer)
        for key, events in self._selector.select(timeout_s):
            on_read, on_write = key.data
            if events & selectors.EVENT_READ and on_read is not None:
                on_read()
            if events & selectors.EVENT_WRITE and on_write is not None:
                on_write()
        if timers:
            now = time.monotonic()
            while timers and timers[0][0] <= now:
                callback = heapq.heappop(timers)[2].callback
                if callback is not None:
                    callback()

    def close(self) -> None:
        """Free the descriptors."""
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _drain_wakeups(self) -> None:
        try:
            while len(os.read(self._wake_read, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass
        for callback in self._on_wake:
            callback()
