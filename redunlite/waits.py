"""The one place where the main process blocks: descriptors, timers, and a wake-up for other threads.

Everything that happens later in a run (an outcome, a heartbeat, a redraw, a timeout) is a callback
of this wait, so the engine needs no thread of its own. State: what is watched, the timers, the pipe.
"""

from __future__ import annotations

import heapq
import itertools
import os
import select
import time
from collections.abc import Callable

Callback = Callable[[], None]

_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR
_WRITABLE = select.POLLOUT | select.POLLHUP | select.POLLERR
"""The same numbers for epoll."""


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
        self._watched: dict[int, tuple[Callback | None, Callback | None]] = {}
        # Without `selectors`, whose objects for each event cost as much as the event.
        if hasattr(select, "epoll"):
            self._poll, self._ticks_per_s = select.epoll(), 1
        else:
            self._poll, self._ticks_per_s = select.poll(), 1000  # type: ignore[assignment]  # macOS
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
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
        events = (select.POLLIN if on_read else 0) | (select.POLLOUT if on_write else 0)
        if not events:
            self.unwatch(descriptor)
        elif descriptor in self._watched:
            self._poll.modify(descriptor, events)
            self._watched[descriptor] = on_read, on_write
        else:
            self._poll.register(descriptor, events)
            self._watched[descriptor] = on_read, on_write

    def unwatch(self, descriptor: int) -> None:
        """Stop watching `descriptor`; to be called before it is closed."""
        if self._watched.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

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
        if timeout_s is not None:
            timeout_s *= self._ticks_per_s
        for descriptor, events in self._poll.poll(timeout_s):
            # Looked up now: an earlier callback may have given it up.
            on_read, on_write = self._watched.get(descriptor, (None, None))
            if on_read is not None and events & _READABLE:
                on_read()
                on_write = self._watched.get(descriptor, (None, None))[1] if on_write else None
            if on_write is not None and events & _WRITABLE:
                on_write()
        if timers:
            now = time.monotonic()
            while timers and timers[0][0] <= now:
                callback = heapq.heappop(timers)[2].callback
                if callback is not None:
                    callback()

    def close(self) -> None:
        """Free the descriptors."""
        if isinstance(self._poll, getattr(select, "epoll", ())):
            self._poll.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _drain_wakeups(self) -> None:
        try:
            while len(os.read(self._wake_read, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass
