"""Runs calls in worker processes: the main process's side of the pool.

Decided here: how many workers there are and when, how far ahead calls are written, what a worker is
told about the program, whose call it was when one dies. Not here: how workers are made and ended
(`executors.guardian`), what they do (`worker`). The main process never forks, and never blocks on a
worker: sockets are non-blocking and what cannot be written yet is kept.

A call is *outstanding* from `submit` until its outcome is delivered or it is taken back. It is first
in `_backlog` (kept here), then in the socket that all workers receive from, then in the slot of the
worker that runs it. State: the outstanding calls, the workers by slot, the guardian.
"""

from __future__ import annotations

import errno
import marshal
import os
import pickle
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from redunlite import hashing, loading, serialize
from redunlite.call import CANCELLED, DIED, ERROR, Call, ErrorDetail, Outcome, Usage, unpack_outcome
from redunlite.errors import SchedulerError, UnhashableValueError, WorkerDiedError
from redunlite.executors.base import ExecutorHost, Pace, make_cancelled
from redunlite.executors.guardian import CALLS, CONTROL, MESSAGE_BYTES, PAGE, open_scratch
from redunlite.options import list_declared
from redunlite.tracebacks import fill_in_lines, summarize_exception
from redunlite.value import encode_error
from redunlite.worker import (
    ANSWER,
    FRAME_HEAD,
    LAST_OUTCOME,
    MAX_MESSAGE_BYTES,
    MESSAGE_AT,
    MESSAGE_HEAD,
    NEED_MODULE,
    NEED_TASK,
    OUTCOME,
    SLOT_BYTES,
    SLOT_HEAD,
    read_output,
)

if TYPE_CHECKING:
    import mmap

    from redunlite.call import Output
    from redunlite.task import Task

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""Set to 1 for workers, unless the user has set them: the pool itself uses all CPUs."""
_READ_BYTES = 256 * 1024
_STOP_PATIENCE_S = 2.0
"""How long `stop` waits for the guardian, which itself waits a second for the last process."""
_LOST_AFTER_S = 0.3
"""After a cancel's grace: what has not ended by then is beyond signals and given up."""
_SAFE_PATH = ("-P",) if sys.version_info >= (3, 11) else ()
"""Keeps the working folder off the guardian's `sys.path`; Python 3.13 imports before our first line."""
_UNSAFE = "import sys; del sys.path[:1]; "
_COMMAND = (
    "import sys; sys.path.append({folder!r}); from redunlite.executors.guardian import main; main()"
)


class _Worker:
    """A worker as the main process knows it."""

    def __init__(self, slot: int, pid: int, stream: socket.socket, output: int) -> None:
        self.slot = slot
        self.pid = pid
        self.stream = stream
        self.output = output
        """Descriptor of the file that holds what its jobs write."""
        self.inbox = bytearray()
        self.outbox = bytearray()
        self.sources: dict[str, object] = {}
        """The project modules whose text it has."""
        self.n_sources = (-1, -1)
        """How many modules there were when it was last told of them."""
        self.path: list[str] | None = None
        """`sys.path` as it was last told."""


class ProcessExecutor:
    """Runs calls in at most `n_workers` processes, which are started as they are needed.

    Parameters
    ----------
    name
        Name in the configuration.
    n_workers
        How many calls can run at one time.
    """

    def __init__(self, name: str, n_workers: int) -> None:
        self.name = name
        self.n_workers = n_workers
        self._pace = Pace()
        self._outstanding: dict[int, int] = {}
        self._backlog: deque[bytes] = deque()
        self._workers: dict[int, _Worker] = {}
        self._starting: set[int] = set()
        self._guardian: _Guardian | None = None
        self._is_cancelling = False

    def start(self, host: ExecutorHost) -> None:
        """Get ready to take calls; no process is started before the first one."""
        self._host = host
        self._store = host.store
        self._waits = host.waits
        self._pace = Pace()
        self._definitions: dict[int, tuple[str, str, bytes | None, str | None, str]] = {}

    def has_room(self, task_number: int) -> bool:
        """Tell whether a call of that task may be submitted now."""
        return self._pace.has_room(task_number, len(self._outstanding), self.n_workers)

    def submit(self, call: Call) -> None:
        """Take a call.

        Raises
        ------
        SchedulerError
            When its arguments are longer than `serialize.ARGUMENTS_BYTES`.
        """
        message = MESSAGE_HEAD.pack(call.number, call.task_number) + call.arguments
        if len(message) > MAX_MESSAGE_BYTES:
            raise SchedulerError(f"call {call.number} has {len(message):,} bytes of arguments")
        self._outstanding[call.number] = call.task_number
        guardian = self._guardian or self._start_guardian()
        if guardian is None:
            return
        if self._backlog or not guardian.try_send_call(message):
            self._backlog.append(message)
            self._waits.watch(guardian.calls.fileno(), on_write=self._flush_backlog)
        if len(self._workers) + len(self._starting) < self.n_workers:
            self._start_workers()

    def _flush_backlog(self) -> None:
        guardian, backlog = self._guardian, self._backlog
        if guardian is None:
            return
        while backlog and guardian.try_send_call(backlog[0]):
            backlog.popleft()
        if not backlog:
            self._waits.unwatch(guardian.calls.fileno())

    def find_running(self) -> list[int]:
        """Return the numbers of the calls that are in the slots of workers."""
        guardian = self._guardian
        if guardian is None:
            return []
        begins = [slot * SLOT_BYTES + MESSAGE_AT for slot in self._workers]
        numbers = [MESSAGE_HEAD.unpack_from(guardian.page, begin)[0] for begin in begins]
        return [number for number in numbers if number in self._outstanding]

    def take_back(self) -> list[int]:
        """Return the numbers of calls that no worker has begun; they get no outcome."""
        numbers = [MESSAGE_HEAD.unpack_from(message)[0] for message in self._take_back_messages()]
        for number in numbers:
            del self._outstanding[number]
        return numbers

    def _take_back_messages(self) -> list[bytes]:
        guardian = self._guardian
        if guardian is None:
            return []
        messages = [*guardian.iter_unsent_calls(), *self._backlog]
        if self._backlog:
            self._backlog.clear()
            self._waits.unwatch(guardian.calls.fileno())
        return messages

    def cancel(self, grace_s: float) -> None:
        """End all running calls: SIGINT, SIGTERM, and SIGKILL within `grace_s` seconds."""
        guardian = self._guardian
        if guardian is None or not self._outstanding:
            return
        taken = self.take_back()
        self._is_cancelling = bool(self._outstanding)
        self._waits.call_after(0.0, lambda: self._deliver_cancelled(taken))
        guardian.send(("cancel", grace_s))
        self._waits.call_after(grace_s + _LOST_AFTER_S, self._give_up)

    def _deliver_cancelled(self, numbers: list[int]) -> None:
        for number in numbers:
            self._host.deliver(make_cancelled(number))

    def _give_up(self) -> None:
        """Leave what the kernel will not end: it waits for a disk or a network that is gone."""
        if self._is_cancelling and self._guardian is not None:
            numbers = list(self._outstanding)
            self._outstanding.clear()
            self._is_cancelling = False
            self._deliver_cancelled(numbers)

    def stop(self) -> None:
        """End the guardian, and with it all workers and what they started."""
        guardian = self._guardian
        if guardian is None:
            return
        self._guardian = None
        self._forget_workers(guardian)
        self._outstanding.clear()
        self._backlog.clear()
        self._is_cancelling = False
        guardian.stop()

    def _forget_workers(self, guardian: _Guardian) -> None:
        self._waits.unwatch(guardian.control.fileno())
        self._waits.unwatch(guardian.calls.fileno())
        for worker in self._workers.values():
            self._close_worker(worker)
        self._workers.clear()
        self._starting.clear()

    def _close_worker(self, worker: _Worker) -> None:
        self._waits.unwatch(worker.stream.fileno())
        worker.stream.close()
        os.close(worker.output)

    # The guardian and its workers.

    def _start_guardian(self) -> _Guardian | None:
        """Start the guardian; without it, let the calls fail that wait for one."""
        try:
            guardian = _Guardian(self.n_workers, self._store.folder, self._store.start_time_ns)
        except OSError as error:
            text = f"cannot start the worker processes: {error}"
            self._waits.call_after(0.0, lambda: self._fail_all(text))
            return None
        self._guardian = guardian
        self._waits.watch(guardian.control.fileno(), on_read=self._on_guardian)
        return guardian

    def _start_workers(self) -> None:
        """Start workers while there are calls for more of them."""
        guardian = self._guardian
        assert guardian is not None
        wanted = min(self.n_workers, len(self._outstanding))
        for slot in range(self.n_workers):
            if len(self._workers) + len(self._starting) >= wanted:
                return
            if slot not in self._workers and slot not in self._starting:
                self._starting.add(slot)
                guardian.send(("fork", slot))

    def _on_guardian(self) -> None:
        guardian = self._guardian
        while guardian is not None and guardian is self._guardian:
            received = guardian.receive()
            if received is None:
                return
            message, descriptors = received
            if not message:
                self._on_guardian_death(guardian)
            elif message[0] == "started":
                self._on_started(message[1], message[2], descriptors)
            elif message[0] == "died":
                self._on_death(guardian, *message[1:])
            else:
                self._on_no_worker(message[1])

    def _on_started(self, slot: int, pid: int, descriptors: list[int]) -> None:
        stream = socket.socket(fileno=descriptors[0])
        stream.setblocking(False)
        self._starting.discard(slot)
        worker = self._workers[slot] = _Worker(slot, pid, stream, descriptors[1])
        self._waits.watch(stream.fileno(), on_read=lambda: self._on_stream(worker))

    def _on_no_worker(self, text: str) -> None:
        """Fail what waits when not even one worker can be started."""
        self._starting.clear()
        if not self._workers:
            self._fail_all(text)

    def _fail_all(self, text: str) -> None:
        self._backlog.clear()
        numbers = list(self._outstanding)
        self._outstanding.clear()
        for number in numbers:
            self._host.deliver(self._make_died(number, Usage(0, 0, 0, 0), None, text))

    def _on_guardian_death(self, guardian: _Guardian) -> None:
        """Go on with a new guardian; calls that ran under the old one have died with it."""
        unsent = self._take_back_messages()
        for worker in list(self._workers.values()):
            self._read_stream(worker)
        had_workers = bool(self._workers)
        self._forget_workers(guardian)
        self._guardian = None
        status = guardian.stop()
        kept = {MESSAGE_HEAD.unpack_from(m)[0]: m for m in unsent} if had_workers else {}
        lost = [number for number in self._outstanding if number not in kept]
        for number in lost:
            del self._outstanding[number]
        text = f"the parent process of the workers ended ({_describe_status(status)})"
        text = f"{text}\n{guardian.last_words}".rstrip()
        for number in lost:
            self._host.deliver(self._make_died(number, Usage(0, 0, 0, 0), None, text))
        if kept:
            new = self._start_guardian()
            if new is not None:
                self._backlog.extend(kept.values())
                self._waits.watch(new.calls.fileno(), on_write=self._flush_backlog)
                self._start_workers()

    # Outcomes and questions.

    def _on_stream(self, worker: _Worker) -> None:
        if not self._read_stream(worker) and worker.slot in self._workers:
            self._waits.unwatch(worker.stream.fileno())  # its death will be reported

    def _read_stream(self, worker: _Worker) -> bool:
        """Take what a worker has written; tell whether there may be more."""
        try:
            data = worker.stream.recv(_READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        inbox = worker.inbox
        inbox += data
        at, size = 0, len(inbox)
        messages = []
        while size - at >= FRAME_HEAD.size:
            n_bytes, what = FRAME_HEAD.unpack_from(inbox, at)
            end = at + FRAME_HEAD.size + n_bytes
            if end > size:
                break
            messages.append((what, bytes(inbox[at + FRAME_HEAD.size : end])))
            at = end
        del inbox[:at]
        for what, message in messages:
            self._take(worker, what, message)
        return True

    def _take(self, worker: _Worker, what: int, message: bytes) -> None:
        if what in (OUTCOME, LAST_OUTCOME):
            self._finish(unpack_outcome(message))
        elif what == NEED_TASK:
            self._answer(worker, self._try_define(marshal.loads(message)))
        elif what == NEED_MODULE:
            self._reply(worker, _find_module(*marshal.loads(message)))
        else:
            self._answer(worker, (_try_find_main_object(marshal.loads(message)),))

    def _finish(self, outcome: Outcome) -> None:
        task_number = self._outstanding.pop(outcome.number, None)
        if task_number is None:
            return  # given up before
        self._pace.note(task_number, outcome.usage.duration_us)
        if self._is_cancelling and not self._outstanding:
            self._is_cancelling = False
        if self._backlog:
            self._flush_backlog()
        if outcome.detail is not None and outcome.status == ERROR:
            outcome = outcome._replace(detail=fill_in_lines(outcome.detail))
        self._host.deliver(outcome)

    def _answer(self, worker: _Worker, answer: tuple[Any, ...]) -> None:
        path = [os.path.abspath(p) for p in sys.path if isinstance(p, str)]
        if path == worker.path:
            told = None
        else:
            told = worker.path = path
        self._reply(worker, (told, list(self._iter_new_sources(worker)), *answer))

    def _reply(self, worker: _Worker, answer: tuple[Any, ...] | None) -> None:
        data = marshal.dumps(answer)
        worker.outbox += FRAME_HEAD.pack(len(data), ANSWER) + data
        self._flush_outbox(worker)

    def _flush_outbox(self, worker: _Worker) -> None:
        try:
            while worker.outbox:
                del worker.outbox[: worker.stream.send(worker.outbox)]
        except BlockingIOError:
            self._waits.watch(
                worker.stream.fileno(),
                on_read=lambda: self._on_stream(worker),
                on_write=lambda: self._flush_outbox(worker),
            )
            return
        except OSError:
            return  # its death will be reported
        self._waits.watch(worker.stream.fileno(), on_read=lambda: self._on_stream(worker))

    def _iter_new_sources(self, worker: _Worker) -> Iterator[tuple[str, str, str, bool]]:
        n_sources = loading.count_sources()
        if n_sources == worker.n_sources:
            return
        worker.n_sources = n_sources
        for source in loading.iter_sources():
            if worker.sources.get(source.name) is not source:
                worker.sources[source.name] = source
                yield source.name, source.path, source.text, source.is_package

    def _try_define(self, task_number: int) -> tuple[Any, ...]:
        """Return what `_define` does, or in place of a module the words with which the job fails."""
        try:
            return self._define(task_number)
        except BaseException as error:  # pickling a function runs the user's code
            name = self._host.get_task(task_number).fullname
            text = f"the function of task {name!r} cannot be sent to a worker"
            return None, f"{text}: {summarize_exception(error)}", None, None, name

    def _define(self, task_number: int) -> tuple[str, str, bytes | None, str | None, str]:
        """Return where a worker finds the function of a task, or its bytes."""
        definition = self._definitions.get(task_number)
        if definition is None:
            task = self._host.get_task(task_number)
            definition = *_define(task), task.fullname
            self._definitions[task_number] = definition
        return definition

    # Death.

    def _on_death(
        self,
        guardian: _Guardian,
        slot: int,
        pid: int,
        status: int,
        peak_bytes: int,
        out_of_memory: bool,
    ) -> None:
        worker = self._workers.get(slot)
        if worker is None or worker.pid != pid:
            return
        while self._read_stream(worker):
            if not _is_readable(worker.stream):
                break
        if self._guardian is not guardian:
            return  # an outcome ended the run
        number, start_time, output = self._read_slot(guardian, worker)
        del self._workers[slot]
        self._close_worker(worker)
        if number in self._outstanding:
            duration_us = max(0, time.time_ns() // 1000 - start_time) if start_time else 0
            usage = Usage(start_time, duration_us, 0, peak_bytes)
            if self._is_cancelling:
                outcome = Outcome(number, CANCELLED, None, usage, output, None)
            else:
                text = _describe_death(status, peak_bytes, out_of_memory)
                outcome = self._make_died(number, usage, output, text)
            self._finish(outcome)
        if self._guardian is guardian and self._outstanding and not self._is_cancelling:
            self._start_workers()

    def _read_slot(self, guardian: _Guardian, worker: _Worker) -> tuple[int, int, Output | None]:
        """Return the number of a dead worker's last call, when it began, and what it wrote."""
        begin = worker.slot * SLOT_BYTES
        number = MESSAGE_HEAD.unpack_from(guardian.page, begin + MESSAGE_AT)[0]
        entered, start_time, position = SLOT_HEAD.unpack_from(guardian.page, begin)
        if entered != number:
            return number, 0, None
        return (
            number,
            start_time,
            read_output(worker.output, position, os.fstat(worker.output).st_size),
        )

    def _make_died(self, number: int, usage: Usage, output: Output | None, text: str) -> Outcome:
        error = WorkerDiedError(text)
        detail = ErrorDetail(f"WorkerDiedError: {text}", ())
        value = encode_error(error, detail, self._store)
        return Outcome(number, DIED, value, usage, output, detail)


class _Guardian:
    """The guardian process as the main process knows it; started by making one."""

    def __init__(self, n_slots: int, store_folder: str, store_time_ns: int) -> None:
        import mmap

        kind = getattr(socket, "SOCK_SEQPACKET", socket.SOCK_DGRAM)
        if not sys.platform.startswith("linux"):
            kind = socket.SOCK_DGRAM  # macOS has no SEQPACKET between Unix sockets
        self.last_words = ""
        """What it wrote when something went wrong; known after `stop`."""
        with ExitStack() as made, ExitStack() as passed_on:
            self.control, control = socket.socketpair(socket.AF_UNIX, kind)
            made.callback(self.control.close)
            passed_on.callback(control.close)
            self.calls, self._worker_calls = socket.socketpair(socket.AF_UNIX, kind)
            made.callback(self.calls.close)
            made.callback(self._worker_calls.close)
            self.control.setblocking(False)
            self.calls.setblocking(False)
            page = _open_page(n_slots * SLOT_BYTES)
            passed_on.callback(os.close, page)
            self.page: mmap.mmap = mmap.mmap(page, n_slots * SLOT_BYTES)
            self._errors = open_scratch()
            made.callback(os.close, self._errors)
            inherited = {
                1: self._errors,
                2: self._errors,
                CONTROL: control.fileno(),
                CALLS: self._worker_calls.fileno(),
                PAGE: page,
            }
            self.pid = _spawn(inherited)
            made.pop_all()  # they live on with the guardian
        stem = loading.main_stem()
        main_path = loading.get_file(sys.modules.get("__main__"))
        path = [os.path.abspath(p) for p in sys.path if isinstance(p, str)]
        self._send_settings(
            (n_slots, os.getpid(), stem, main_path and os.path.abspath(main_path),
             list(getattr(sys, "argv", [])), path, os.path.abspath(store_folder), store_time_ns,
             list_declared())
        )  # fmt: skip

    def _send_settings(self, settings: tuple[Any, ...]) -> None:
        """Send what workers begin with, as a file: the command line alone may be longer than a message."""
        with open(open_scratch(), "w+b") as file:
            file.write(marshal.dumps(settings))
            file.seek(0)  # which flushes, and holds for the guardian too
            try:
                socket.send_fds(self.control, [b"s"], [file.fileno()])
            except OSError:
                pass  # its death will be reported

    def send(self, message: tuple[Any, ...]) -> None:
        """Send a message on the control socket; there is always room for the few there are."""
        try:
            self.control.send(marshal.dumps(message))
        except OSError:
            pass  # its death will be reported

    def receive(self) -> tuple[tuple[Any, ...], list[int]] | None:
        """Return a message, an empty one at the end, None when there is none now."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self.control, MESSAGE_BYTES, 2)
        except BlockingIOError:
            return None
        except OSError:
            data, descriptors = b"", []
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        return (marshal.loads(data) if data else ()), descriptors

    def try_send_call(self, message: bytes) -> bool:
        """Send a call to whichever worker is idle; tell whether there was room."""
        try:
            self.calls.send(message)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno == errno.ENOBUFS:  # how macOS says it
                return False
            raise
        return True

    def iter_unsent_calls(self) -> Iterator[bytes]:
        """Take the calls that no worker has received out of the socket."""
        while True:
            try:
                message = self._worker_calls.recv(MAX_MESSAGE_BYTES, socket.MSG_DONTWAIT)
            except OSError:
                return
            if not message:
                return
            yield message

    def stop(self) -> int:
        """End the guardian and what descends from it; return its wait status."""
        import select

        self.send(("stop",))
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        deadline = time.monotonic() + _STOP_PATIENCE_S
        # What it still reports is of no interest; the end of file is.
        while (left_s := deadline - time.monotonic()) > 0:
            if poll.poll(left_s * 1000):
                received = self.receive()
                if received is not None and not received[0]:
                    break
                for descriptor in received[1] if received is not None else ():
                    os.close(descriptor)
        else:
            os.kill(self.pid, signal.SIGKILL)
        try:
            status = os.waitpid(self.pid, 0)[1]
        except ChildProcessError:
            status = 0  # the user's code waits for any child
        for end in (self.control, self.calls, self._worker_calls):
            end.close()
        self.last_words = os.pread(self._errors, 64 * 1024, 0).decode("utf-8", "replace")
        os.close(self._errors)
        return status


def _open_page(n_bytes: int) -> int:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("redunlite", os.MFD_CLOEXEC)
    else:
        descriptor = open_scratch()  # macOS
    os.ftruncate(descriptor, n_bytes)
    return descriptor


def _spawn(inherited: dict[int, int]) -> int:
    """Start the guardian with these descriptors under these numbers."""
    import fcntl

    # Out of the way first: a target number may be the source of another.
    moved: dict[int, int] = {}
    actions: list[Any] = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    environment = dict(os.environ)
    for name in THREAD_VARIABLES:
        environment.setdefault(name, "1")
    folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    arguments = [
        sys.executable,
        *_iter_interpreter_flags(),
        *_SAFE_PATH,
        "-c",
        _COMMAND.format(folder=folder) if _SAFE_PATH else _UNSAFE + _COMMAND.format(folder=folder),
        "redunlite-guardian",
    ]
    settings: dict[str, Any] = {
        "file_actions": actions,
        "setsigmask": (),
        "setsigdef": (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD),
    }
    try:
        for to, fd in inherited.items():
            moved[to] = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, PAGE + 1)
            actions.append((os.POSIX_SPAWN_DUP2, moved[to], to))
        try:
            return os.posix_spawn(sys.executable, arguments, environment, setsid=True, **settings)
        except NotImplementedError:  # macOS, musl: the guardian does it itself, a little later
            return os.posix_spawn(sys.executable, arguments, environment, **settings)
    finally:
        for descriptor in moved.values():
            os.close(descriptor)


def _iter_interpreter_flags() -> Iterator[str]:
    """Yield the flags that make another interpreter behave like this one."""
    flags = sys.flags
    for letter, count in (
        ("O", flags.optimize), ("B", flags.dont_write_bytecode), ("s", flags.no_user_site),
        ("S", flags.no_site), ("E", flags.ignore_environment), ("I", flags.isolated),
        ("b", flags.bytes_warning),
    ):  # fmt: skip
        if count:
            yield "-" + letter * int(count)
    for option in sys.warnoptions:
        yield f"-W{option}"
    for name, value in sys._xoptions.items():
        if name not in ("importtime", "frozen_modules"):
            yield f"-X{name}" if value is True else f"-X{name}={value}"


def _is_readable(stream: socket.socket) -> bool:
    try:
        return bool(stream.recv(1, socket.MSG_PEEK))
    except OSError:
        return False


def _define(task: Task[..., object]) -> tuple[str, str, bytes | None, str | None]:
    """Return module, qualified name, and the function's bytes where the name does not reach it.

    Last, a module that the worker is to import first, where the task names one.
    """
    module_name, qualname, func = task.module, task.qualname, task.func
    first = task.base_options.get("load_module")
    if "<" not in qualname and loading.is_importable(module_name):
        found: Any = loading.find_module(module_name)
        for part in qualname.split("."):
            found = getattr(found, part, None)
        if found is func or getattr(found, "func", None) is func:
            stem = loading.main_stem()
            return (
                (stem or module_name) if module_name == "__main__" else module_name,
                qualname,
                None,
                first,
            )
    try:
        return module_name, qualname, serialize.encode_bytes(func), first
    except UnhashableValueError as error:
        if error.__cause__ is None:
            raise
        name = f"task {task.fullname!r}"
        raise serialize.name_refusal(func, error.__cause__, name) from error.__cause__


def _find_module(name: str, path: str | None) -> tuple[str, str, str, bool] | None:
    """Return the text of a module that a worker found at `path`, or nowhere, as this run knows it."""
    source = loading.read_source(name, path)
    if source is None:
        return None
    return source.name, source.path, source.text, source.is_package


def _try_find_main_object(name: str) -> bytes | str | None:
    """Return what `_find_main_object` does, or the words with which it failed."""
    try:
        return _find_main_object(name)
    except BaseException as error:  # pickling runs the user's code
        return f"{name!r} of '__main__' cannot be sent to a worker: {summarize_exception(error)}"


def _find_main_object(name: str) -> bytes | None:
    """Return the bytes of what ``__main__`` calls `name`, or None."""
    try:
        found = getattr(sys.modules["__main__"], name)
    except AttributeError:
        return None
    if hashing.is_bare(found):  # by its name it would be asked for again
        return pickle.dumps(found, 5)
    return serialize.encode_bytes(found)


def _describe_status(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"killed by {_name_signal(os.WTERMSIG(status))}"
    return f"exit code {os.WEXITSTATUS(status)}"


def _name_signal(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} (signal {number})"
    except ValueError:
        return f"signal {number}"


def _describe_death(status: int, peak_bytes: int, out_of_memory: bool) -> str:
    """Return what is known of a worker's death, in a line or two."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        text = f"worker was killed by {_name_signal(number)} while running the job"
    else:
        number = 0
        text = f"worker exited with code {os.WEXITSTATUS(status)} while running the job"
    text += f"; peak memory {peak_bytes / 2**20:.0f} MiB"
    if out_of_memory:
        text += "\nthe kernel ended a process for lack of memory at that time"
    elif number == signal.SIGSEGV:
        text += "\na recursion deeper than the interpreter allows dies like this, too"
    return text
