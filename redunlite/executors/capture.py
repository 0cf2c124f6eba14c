"""What jobs print in threads of the main process, told by thread.

Decided here: that `sys.stdout` and `sys.stderr` are stood in for while such a job runs, and that only
what goes through them is seen (not what C code or child processes write). State: how many jobs are
being captured, and each thread's.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from redunlite.call import Output
from redunlite.worker import OUTPUT_BYTES


class Captured:
    """The output of one job: its head and its tail."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._n_bytes = 0

    def add(self, data: bytes) -> None:
        """Take what was written."""
        self._n_bytes += len(data)
        room = OUTPUT_BYTES - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if data:
            self._tail += data
            if len(self._tail) > 4 * OUTPUT_BYTES:
                del self._tail[:-OUTPUT_BYTES]

    def get(self) -> Output | None:
        """Return the output, or None when nothing was written."""
        if not self._n_bytes:
            return None
        return Output(bytes(self._head), bytes(self._tail[-OUTPUT_BYTES:]), self._n_bytes)


_captured: ContextVar[Captured | None] = ContextVar("redunlite_captured", default=None)
"""The job that prints: of this thread, or of the coroutine that runs in it."""


class _Stream(io.TextIOBase):
    """Stands for `sys.stdout` or `sys.stderr`."""

    def __init__(self, original: Any) -> None:
        self.original = original

    def write(self, text: str) -> int:
        """Write to the job that this thread runs, else to the original."""
        captured = _captured.get()
        if captured is None:
            return self.original.write(text)  # type: ignore[no-any-return]
        captured.add(text.encode("utf-8", "backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Flush the original, unless a job writes."""
        if _captured.get() is None:
            self.original.flush()

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def isatty(self) -> bool:
        """Tell whether writing reaches a terminal."""
        return _captured.get() is None and bool(self.original.isatty())

    def fileno(self) -> int:
        """Return the original's descriptor."""
        return int(self.original.fileno())

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Name of the encoding of what is captured."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """What becomes of characters that cannot be encoded."""
        return "backslashreplace"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)


_lock = threading.Lock()
_n_captures = 0


def begin_capture() -> Captured:
    """Capture what this thread prints from now on; `end_capture` ends it."""
    _stand_in()
    captured = Captured()
    _captured.set(captured)
    return captured


def capture_into(captured: Captured) -> None:
    """Capture what the present context prints, as long as the streams are stood in for."""
    _captured.set(captured)


@contextmanager
def standing_in() -> Iterator[None]:
    """Stand in for the streams, so that what coroutines print is captured by their contexts."""
    _stand_in()
    try:
        yield
    finally:
        _stand_back()


def end_capture() -> None:
    """Let this thread print again; the last one puts the standard streams back."""
    _captured.set(None)
    _stand_back()


def _stand_in() -> None:
    global _n_captures
    with _lock:
        _n_captures += 1
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is not None and not isinstance(stream, _Stream):
                setattr(sys, name, _Stream(stream))


def _stand_back() -> None:
    global _n_captures
    with _lock:
        _n_captures -= 1
        if _n_captures:
            return
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if isinstance(stream, _Stream):
                setattr(sys, name, stream.original)


def pause_capture() -> None:
    """Let this thread print for the rest of its job, as for a debugger."""
    _captured.set(None)
