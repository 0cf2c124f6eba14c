"""What jobs print in threads of the main process, told by thread.

Decided here: that `sys.stdout` and `sys.stderr` are stood in for while such an executor is open, and
that only what goes through them is seen (not what C code or child processes write). State: the
stand-ins, and how many executors need them.
"""

from __future__ import annotations

import io
import sys
import threading
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


class _Current(threading.local):
    captured: Captured | None = None


_current = _Current()


def begin_capture() -> Captured:
    """Capture what this thread prints from now on."""
    captured = _current.captured = Captured()
    return captured


def end_capture() -> None:
    """Let this thread print again."""
    _current.captured = None


class _Stream(io.TextIOBase):
    """Stands for `sys.stdout` or `sys.stderr`."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def write(self, text: str) -> int:
        """Write to the job that this thread runs, else to the original."""
        captured = _current.captured
        if captured is None:
            return self._original.write(text)  # type: ignore[no-any-return]
        captured.add(text.encode("utf-8", "backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Flush the original, unless a job writes."""
        if _current.captured is None:
            self._original.flush()

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def isatty(self) -> bool:
        """Tell whether writing reaches a terminal."""
        return _current.captured is None and bool(self._original.isatty())

    def fileno(self) -> int:
        """Return the original's descriptor."""
        return int(self._original.fileno())

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Name of the encoding of what is captured."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """What becomes of characters that cannot be encoded."""
        return "backslashreplace"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


_lock = threading.Lock()
_n_users = 0
_originals: list[tuple[str, Any, _Stream]] = []


def install() -> None:
    """Stand in for the standard streams; undone by as many calls of `uninstall`."""
    global _n_users
    with _lock:
        _n_users += 1
        if _n_users > 1:
            return
        for name in ("stdout", "stderr"):
            original = getattr(sys, name)
            if original is not None:
                stream = _Stream(original)
                _originals.append((name, original, stream))
                setattr(sys, name, stream)


def uninstall() -> None:
    """Put the standard streams back, unless somebody else has replaced them since."""
    global _n_users
    with _lock:
        _n_users -= 1
        if _n_users:
            return
        for name, original, stream in _originals:
            if getattr(sys, name) is stream:
                setattr(sys, name, original)
        _originals.clear()
