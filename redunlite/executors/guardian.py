"""The guardian: the parent of all workers of an executor, and what ends them.

A small process without threads or user code, in a session of its own. It forks workers on request
from its clean state, hands their ends to the main process, reports each death, and kills whatever
descends from it when the main process is gone, however that came about. It adopts what dead workers
leave behind (it is a child subreaper), and nothing that is not a worker may live under it.

Not decided here: what workers do (`worker`), when there is one more (`executors.process`). State:
the one `Guardian` of this process.

Descriptors at the start: 0 null, 1 and 2 a file for what goes wrong, 3 the control socket, 4 the
socket from which workers take calls, 5 the shared page. Messages are marshalled tuples::

    main to guardian  ("settings", n_slots, main pid, *WorkerSettings)  ("fork", slot)
                      ("cancel", grace_s)  ("stop",)
    guardian to main  ("started", slot, pid) + [stream, output file]  ("failed", text)
                      ("died", slot, pid, status, peak_bytes, out_of_memory)
"""

from __future__ import annotations

import errno
import marshal
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

CONTROL, CALLS, PAGE = 3, 4, 5
"""Descriptors that the guardian inherits."""
MESSAGE_BYTES = 128 * 1024
"""No control message is longer."""

_SET_PARENT_DEATH_SIGNAL, _SET_SUBREAPER = 1, 36
_KEEP_SIZE_AND_PUNCH = 3
_FLOOD_BYTES = 8 << 20
"""An output file that takes more than this on disk loses its middle."""
_FLOOD_INTERVAL_S = 0.2
_KEPT_OUTPUT_BYTES = 128 * 1024
_PATIENCE_S = 1.0
"""For processes to be gone after SIGKILL; what is left then is beyond us."""


def open_scratch() -> int:
    """Return a descriptor of a new file without a name, in which every write appends.

    It lies in the first temporary folder that takes one, as Python's own temporary files do.

    Raises
    ------
    OSError
        When none does.
    """
    *others, last = [os.environ.get("TMPDIR") or "/tmp", "/tmp", "/var/tmp", "."]
    for folder in others:
        try:
            return _open_nameless(folder)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise
    return _open_nameless(last)


def _open_nameless(folder: str) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
    if hasattr(os, "O_TMPFILE"):
        try:
            return os.open(folder, flags | os.O_TMPFILE, 0o600)
        except OSError:
            pass  # not on every file system
    path = os.path.join(folder, f"redunlite-{os.getpid()}-{time.monotonic_ns():x}")
    descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink(path)
    return descriptor


def iter_children(pid: int) -> Iterator[int]:
    """Yield the processes whose parent is `pid`; on macOS, none."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as stream:
                text = stream.read()
        except OSError:
            continue
        yield from map(int, text.split())


def iter_descendants(pid: int) -> Iterator[int]:
    """Yield what descends from process `pid`."""
    stack = list(iter_children(pid))
    while stack:
        child = stack.pop()
        yield child
        stack.extend(iter_children(child))


def _send_signal(send: Callable[[int, int], None], pid: int, number: int) -> None:
    try:
        send(pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # gone, or a program of another user that only root can end


def _count_oom_kills() -> int:
    """Return how many processes of our control group the kernel has killed for memory."""
    try:
        with open("/proc/self/cgroup") as stream:
            for line in stream:
                if line.startswith("0::"):
                    path = f"/sys/fs/cgroup{line[3:].strip()}/memory.events"
                    with open(path) as events:
                        for event in events:
                            name, _, count = event.partition(" ")
                            if name == "oom_kill":
                                return int(count)
    except (OSError, ValueError):
        pass  # no version 2 control groups here
    return 0


class _Worker:
    """A worker as the guardian knows it."""

    __slots__ = ("output", "pid", "slot")

    def __init__(self, slot: int, pid: int, output: int) -> None:
        self.slot = slot
        self.pid = pid
        self.output = output


class Guardian:
    """The one object of a guardian process."""

    def __init__(self, control: socket.socket, calls: socket.socket) -> None:
        import ctypes
        import mmap

        self._control = control
        self._calls = calls
        self._workers: dict[int, _Worker] = {}
        self._pid = os.getpid()
        self._escalation: list[tuple[float, Callable[[], None]]] = []
        self._libc = ctypes.CDLL(None)
        self._long = ctypes.c_long
        # Without releasing the interpreter lock: it would cost more than the call.
        self._flush_all: Any = ctypes.PyDLL(None).fflush
        self._is_linux = sys.platform.startswith("linux")
        if self._is_linux:
            self._libc.prctl(_SET_SUBREAPER, 1, 0, 0, 0)
        self._n_oom_kills = _count_oom_kills()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._is_told_to_end = False
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_end_signal)
        # What a SIGINT means is for the main process to say.
        signal.signal(signal.SIGINT, lambda number, frame: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        from redunlite.worker import WorkerSettings

        _, (settings,), _, _ = socket.recv_fds(control, 1, 1)
        with open(settings, "rb") as file:
            n_slots, main_pid, *rest = marshal.load(file)
        self._settings = WorkerSettings(*rest)
        # A descriptor of the main process itself: unlike the socket, it has no other holders.
        self._main = -1
        if hasattr(os, "pidfd_open"):
            try:
                self._main = os.pidfd_open(main_pid)
            except OSError:
                pass  # macOS and old kernels: the socket alone tells, which forks of main may hold
        from redunlite.worker import ASKED_AT, SLOT_BYTES

        self._slot_bytes = SLOT_BYTES
        self._asked_at = ASKED_AT
        self._page = memoryview(mmap.mmap(PAGE, n_slots * SLOT_BYTES))

    def run(self) -> None:
        """Serve until the main process says so or is gone."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        if self._main >= 0:
            poll.register(self._main, select.POLLIN)
        while not self._is_told_to_end:
            for descriptor, _ in poll.poll(self._get_timeout_ms()):
                if descriptor == self._main:
                    return
                if descriptor == self._wake_read:
                    os.read(self._wake_read, 4096)
                    self._reap()
                elif not self._take_message():
                    return
            self._escalate()
            self._punch_floods()

    def _on_end_signal(self, number: int, frame: Any) -> None:
        self._is_told_to_end = True

    def _get_timeout_ms(self) -> float | None:
        if self._escalation:
            return max(0.0, self._escalation[0][0] - time.monotonic()) * 1000 + 1
        return _FLOOD_INTERVAL_S * 1000 if self._workers else None

    def _take_message(self) -> bool:
        data = self._control.recv(MESSAGE_BYTES)
        if not data:
            return False
        message = marshal.loads(data)
        if message[0] == "fork":
            self._fork_worker(message[1])
        elif message[0] == "cancel":
            self._cancel(message[1])
        else:
            return False
        return True

    def _report(self, message: tuple[Any, ...], descriptors: list[int] | None = None) -> None:
        data = marshal.dumps(message)
        try:
            if descriptors:
                socket.send_fds(self._control, [data], descriptors)
            else:
                self._control.send(data)
        except OSError:
            self._is_told_to_end = True  # nobody is left to hear it

    # Birth.

    def _fork_worker(self, slot: int) -> None:
        try:
            output = open_scratch()
            main_end, worker_end = socket.socketpair()
            pid = os.fork()
        except OSError as error:
            self._report(("failed", f"cannot start a worker process: {error}"))
            return
        if pid == 0:
            try:
                self._become_worker(slot, main_end, worker_end, output)
            finally:
                os._exit(1)
        worker_end.close()
        self._workers[pid] = _Worker(slot, pid, output)
        self._report(("started", slot, pid), [main_end.fileno(), output])
        main_end.close()

    def _become_worker(
        self, slot: int, main_end: socket.socket, stream: socket.socket, output: int
    ) -> NoReturn:
        import faulthandler

        from redunlite.worker import run_worker

        os.setsid()
        if self._is_linux:
            self._libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
            self._libc.prctl(_SET_SUBREAPER, 1, 0, 0, 0)
            if os.getppid() != self._pid:
                os._exit(0)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        self._control.close()
        main_end.close()
        for descriptor in (PAGE, self._wake_read, self._wake_write, self._main):
            if descriptor >= 0:
                os.close(descriptor)
        for worker in self._workers.values():
            os.close(worker.output)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        for text in (sys.stdout, sys.stderr):
            text.reconfigure(  # type: ignore[union-attr]
                encoding="utf-8", errors="backslashreplace", line_buffering=True
            )
        faulthandler.enable(2)
        try:
            with open("/proc/self/oom_score_adj", "w") as stream_:
                stream_.write("500")  # the kernel takes a worker before the main process
        except OSError:
            pass
        begin = slot * self._slot_bytes
        page = self._page[begin : begin + self._slot_bytes]
        page[:] = bytes(self._slot_bytes)  # present from now on: a dying worker still gets its call
        run_worker(stream, self._calls, page, self._settings, lambda: self._flush_all(None))

    # Death.

    def _reap(self) -> None:
        """Clear away who has ended, report workers, and end what they left behind."""
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                break
            pid = found.si_pid
            worker = self._workers.pop(pid, None)
            if worker is not None:
                # Before its number is free for others.
                _send_signal(os.killpg, pid, signal.SIGKILL)
            _, status, usage = os.wait4(pid, 0)
            if worker is not None:
                self._report_death(worker, status, usage.ru_maxrss)
        for pid in iter_children(self._pid):
            if pid not in self._workers:
                _send_signal(os.kill, pid, signal.SIGKILL)

    def _report_death(self, worker: _Worker, status: int, peak: int) -> None:
        os.close(worker.output)
        out_of_memory = False
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            n_oom_kills = _count_oom_kills()
            out_of_memory = n_oom_kills > self._n_oom_kills
            self._n_oom_kills = n_oom_kills
        peak_bytes = peak * (1024 if self._is_linux else 1)
        self._report(("died", worker.slot, worker.pid, status, peak_bytes, out_of_memory))

    def _cancel(self, grace_s: float) -> None:
        """End all workers: asked, then told, then killed."""
        now = time.monotonic()
        workers = list(self._workers)
        if grace_s <= 0:
            self._escalation = []
            self._kill(workers)
            return
        for pid in workers:
            # Before the signal, which anybody can send: so the worker knows whose it is.
            self._page[self._workers[pid].slot * self._slot_bytes + self._asked_at] = 1
            _send_signal(os.killpg, pid, signal.SIGINT)
        self._escalation = [
            (now + grace_s * 0.4, lambda: self._terminate(workers)),
            (now + grace_s * 0.7, lambda: self._kill(workers)),
        ]

    def _escalate(self) -> None:
        while self._escalation and self._escalation[0][0] <= time.monotonic():
            self._escalation.pop(0)[1]()

    def _terminate(self, pids: list[int]) -> None:
        for pid in pids:
            if pid in self._workers:
                for one in [pid, *iter_descendants(pid)]:
                    _send_signal(os.kill, one, signal.SIGTERM)
                    # A stopped process takes no signal but SIGKILL before it goes on.
                    _send_signal(os.kill, one, signal.SIGCONT)

    def _kill(self, pids: list[int]) -> None:
        for pid in pids:
            if pid in self._workers:
                descendants = list(iter_descendants(pid))
                _send_signal(os.killpg, pid, signal.SIGKILL)
                for one in descendants:
                    _send_signal(os.kill, one, signal.SIGKILL)

    def end(self) -> None:
        """Kill every descendant and wait until none is left."""
        signal.set_wakeup_fd(-1)
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            for pid in self._workers:
                _send_signal(os.killpg, pid, signal.SIGKILL)
            for pid in iter_descendants(self._pid):
                _send_signal(os.kill, pid, signal.SIGKILL)
            try:
                while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                    self._workers.pop(pid, None)
            except ChildProcessError:
                return
            select.select([], [], [], 0.001)

    # Output.

    def _punch_floods(self) -> None:
        """Give back the disk space of the middle of output that grows too long.

        Sizes and positions stay what they are. Where the file system cannot do it, nothing happens.
        """
        if not self._is_linux:
            return
        from redunlite.worker import SLOT_HEAD

        for worker in self._workers.values():
            status = os.fstat(worker.output)
            if status.st_blocks * 512 <= _FLOOD_BYTES:
                continue
            position = SLOT_HEAD.unpack_from(self._page, worker.slot * self._slot_bytes)[2]
            begin = min(position, status.st_size) + _KEPT_OUTPUT_BYTES
            n_bytes = status.st_size - _KEPT_OUTPUT_BYTES - begin
            if n_bytes > 0:
                self._libc.fallocate(
                    worker.output, _KEEP_SIZE_AND_PUNCH, self._long(begin), self._long(n_bytes)
                )


def main() -> NoReturn:
    """Be the guardian until the end of this process."""
    status = 1
    try:
        if os.getsid(0) != os.getpid():
            os.setsid()
        os.closerange(PAGE + 1, 65536)
        for descriptor in (CONTROL, CALLS, PAGE):
            os.set_inheritable(descriptor, False)
        # What a worker needs is imported once, here.
        from redunlite import loading, tracebacks, value, worker  # noqa: F401

        guardian = Guardian(socket.socket(fileno=CONTROL), socket.socket(fileno=CALLS))
        try:
            guardian.run()
        finally:
            guardian.end()
        status = 0
    except BaseException:  # told in the file that the main process reads
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
