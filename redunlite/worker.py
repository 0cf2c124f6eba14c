"""What happens to one call where it runs, and the life of a worker process.

Decided here: how a function is called on a fresh decode of its arguments and what becomes of its
result, exception, output and traces (`run_call`); what a worker checks and restores after a job, and
when it retires. Not here: which process is a worker and what ends it (`executors.guardian`), what
the main process makes of its messages (`executors.process`). State: `IN_WORKER`, and in a worker
process the one `Worker`.

A worker takes its next call from a socket that all workers of the executor share, straight into its
own slot of a page that the main process sees too, so that the slot names the culprit when the worker
dies. Outcomes, and questions for functions and modules it does not know, go up on a stream of its own;
answers come down on it::

    up    size, OUTCOME | LAST_OUTCOME | NEED_TASK | NEED_MAIN | NEED_MODULE, bytes
    down  size, ANSWER, bytes
"""

from __future__ import annotations

import _thread
import marshal
import os
import signal
import struct
import sys
import time
import types
from _signal import getsignal  # type: ignore[import-not-found]  # as C has it: without enum
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from redunlite import hashing, kinds, nested, serialize
from redunlite.call import (
    CANCELLED,
    ERROR,
    EXPRESSION,
    OK,
    ErrorDetail,
    Frame,
    Outcome,
    Output,
    Usage,
    pack_outcome,
)
from redunlite.errors import HiddenExpressionError, UnhashableValueError
from redunlite.hashing import SCALAR_TYPES
from redunlite.kinds import TaskKind, ValueRef
from redunlite.valuestore import ValueStore

if TYPE_CHECKING:
    import socket

    from redunlite.loading import ModuleSource
    from redunlite.signature import Parameters

IN_WORKER = False
"""Whether this process is a worker."""
_watch: Watch | None = None
"""The watch of this process, when it is a worker."""

SLOT_BYTES = 72 * 1024
"""A worker's part of the shared page: `SLOT_HEAD`, then the message of the call it runs."""
SLOT_HEAD = struct.Struct("<QQQ")
"""Call number, microseconds since the epoch when the function was entered, and the size of the
output file then."""
ASKED_AT = 32
"""Offset in a slot of the byte that the guardian sets before it tells the worker to end."""
MESSAGE_AT = 64
"""Offset of the message in a slot."""
MESSAGE_HEAD = struct.Struct("<QQ")
"""Call number and task number; the encoded arguments follow."""
MAX_MESSAGE_BYTES = SLOT_BYTES - MESSAGE_AT
FRAME_HEAD = struct.Struct("<IB")
"""Size of the bytes that follow, and what they are."""
OUTCOME, LAST_OUTCOME, NEED_TASK, NEED_MAIN, NEED_MODULE, ANSWER = range(6)
"""What is on a worker's stream. After LAST_OUTCOME the worker ends."""

OUTPUT_BYTES = 64 * 1024
"""Kept of a job's output at each end."""
_OUTPUT_FILE_BYTES = 1 << 20
"""The output file is cut between two calls when it is longer."""
_SHORT_JOB_NS = 100_000
"""A job shorter than this has started no process and touched no memory worth measuring."""
_PEAK_STEP_BYTES = 8 << 20
"""The kernel's peak is reset when it has risen by this much since the last time."""


_WATCHED_SIGNALS = tuple(
    int(getattr(signal, name))
    for name in (
        "SIGINT",
        "SIGTERM",
        "SIGALRM",
        "SIGCHLD",
        "SIGPIPE",
        "SIGHUP",
        "SIGUSR1",
        "SIGUSR2",
    )
)


def _load_fingerprint() -> hashing.ClassHasher:
    """Load what hashes functions and classes, when the first value with code in it is met."""
    from redunlite.fingerprint import carry_content_hash, content_hash, find_made_class

    return hashing.ClassHasher(content_hash, carry_content_hash, find_made_class)


def _load_markers() -> None:
    """Load what finds names of objects without state."""
    from redunlite import markers

    assert markers is not None


kinds.register_late(types.FunctionType, _load_fingerprint)
kinds.register_late(object, _load_markers)
hashing.register_class_hasher(_load_fingerprint)


class Function(NamedTuple):
    """A function as it is called."""

    call: Callable[..., Any]
    parameters: Parameters | None
    """Names the places of its arguments; None when it is not known."""
    task_name: str = ""
    """Full name of the task."""


class Watch:
    """What a signal handler needs to know of the call that runs, and what it says back."""

    def __init__(self) -> None:
        self.in_user_code = False
        """Whether `KeyboardInterrupt` may be raised now."""
        self.is_interrupted = False
        """Whether the run has told the call to end."""
        self.process_id = os.getpid()

    def is_asked_to_end(self) -> bool:
        """Tell whether the run wants the call to end; an error it raises then is no failure of its own."""
        return self.is_interrupted

    def enter(self) -> None:
        """Begin the user's code; raise `KeyboardInterrupt` when its end has been asked for."""
        self.in_user_code = True
        if self.is_asked_to_end():
            raise KeyboardInterrupt

    def leave(self) -> None:
        """End the user's code; a child process that the job forked ends here."""
        self.in_user_code = False
        if os.getpid() != self.process_id:
            os._exit(0)


class SlotWatch(Watch):
    """Of a worker process: anybody may send a SIGINT, and only the guardian's asks a call to end."""

    def __init__(self, slot: memoryview) -> None:
        super().__init__()
        self._slot = slot

    def is_asked_to_end(self) -> bool:
        """Tell whether the guardian has been told to end what runs."""
        return self._slot[ASKED_AT] != 0


def is_in_job() -> bool:
    """Tell whether this process is a worker in the code of a job, and not while it imports for one."""
    return _watch is not None and _watch.in_user_code


class Ran(NamedTuple):
    """What became of one call, as far as every place that runs calls knows it."""

    status: int
    value: ValueRef | None
    detail: Any
    start_time: int
    """Microseconds since the epoch."""
    duration_ns: int


def run_call(
    function: Function,
    arguments: bytes,
    store: ValueStore,
    watch: Watch,
    on_entry: Callable[[int], None] | None = None,
) -> Ran:
    """Call `function` on fresh arguments and encode what comes of it; never raises.

    Parameters
    ----------
    arguments
        Bytes of `serialize.encode_arguments`.
    on_entry
        Told the start time, in microseconds since the epoch, just before the function is entered.
    """
    start_ns = time.time_ns()
    begun = time.perf_counter_ns()
    try:
        args, kwargs = serialize.decode_arguments(arguments, store)
        parameters = function.parameters
        if parameters is not None and parameters.has_objects:
            parameters.fill_in(args, kwargs)
        start_ns = time.time_ns()
        if on_entry is not None:
            on_entry(start_ns // 1000)
        begun = time.perf_counter_ns()
        watch.enter()
        result = function.call(*args, **kwargs)
        ended = time.perf_counter_ns()
        watch.leave()
    except BaseException as error:  # the user's code ran, and may raise anything
        ended = time.perf_counter_ns()
        watch.leave()
        status, value, detail = _settle_error(error, function, store, watch)
    else:
        try:
            status, value, detail = _settle_result(result, args, kwargs, function, store)
        except BaseException as error:  # encoding runs the user's code too
            status, value, detail = _settle_error(error, function, store, watch)
    return Ran(status, value, detail, start_ns // 1000, ended - begun)


def _settle_result(
    result: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    function: Function,
    store: ValueStore,
) -> tuple[int, ValueRef, Any]:
    try:
        if type(result) not in SCALAR_TYPES and nested.has_lazy(result):
            from redunlite.expression import encode_result

            places = _find_places(function.parameters, args, kwargs)
            return EXPRESSION, *encode_result(result, args, kwargs, store, places)
        return OK, serialize.encode(result, store), None
    except (UnhashableValueError, HiddenExpressionError) as error:
        error.put(f"the result of task {function.task_name!r}")
        raise


def _find_places(
    parameters: Parameters | None, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[Any, int]:
    """Return the place among the bound arguments of each position and keyword of a call."""
    if parameters is None or parameters.is_plain:
        return {}
    from redunlite.signature import KEYWORD_ONLY, POSITIONAL_OR_KEYWORD, VAR_KEYWORD

    n_single = sum(kind <= POSITIONAL_OR_KEYWORD for kind in parameters.kinds)
    places: dict[Any, int] = {i: min(i, n_single) for i in range(len(args))}
    rest = parameters.kinds.index(VAR_KEYWORD) if VAR_KEYWORD in parameters.kinds else 0
    for name in kwargs:
        place = parameters.positions.get(name)
        is_own = place is not None and parameters.kinds[place] in (
            POSITIONAL_OR_KEYWORD,
            KEYWORD_ONLY,
        )
        places[name] = place if is_own and place is not None else rest
    return places


def _settle_error(
    error: BaseException, function: Function | None, store: ValueStore, watch: Watch
) -> tuple[int, ValueRef | None, ErrorDetail | None]:
    if watch.is_asked_to_end():
        return CANCELLED, None, None
    from redunlite.tracebacks import describe_exception
    from redunlite.value import encode_error

    detail = describe_exception(error)
    if not detail.frames and function is not None:
        # Nothing of the user's was running: the function is the place to look at.
        detail = detail._replace(frames=_find_definition(function.call))
    return ERROR, encode_error(error, detail, store), detail


def _find_definition(function: Any) -> tuple[Frame, ...]:
    from redunlite.tracebacks import is_library_file

    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    if code is None or is_library_file(code.co_filename):
        return ()
    import linecache

    line = code.co_firstlineno
    while (text := linecache.getline(code.co_filename, line).strip()).startswith("@"):
        line += 1
    return (Frame(code.co_filename, line, code.co_name, text),)


# Where a job leaves traces.


class Surroundings:
    """What jobs share with those after them in the same process; taken before the first one."""

    def __init__(self) -> None:
        self._folder = _get_folder()
        try:
            # To go back to it also when it has been deleted.
            self._folder_itself = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._folder_itself = -1
        self._environment: dict[Any, Any] = vars(os.environ)["_data"]
        self._environment_before = dict(self._environment)
        self._umask = os.umask(0)
        os.umask(self._umask)
        self._stdout, self._stderr = sys.stdout, sys.stderr
        self._handlers = [(number, getsignal(number)) for number in _WATCHED_SIGNALS]
        self._alarm = signal.alarm

    def restore(self) -> None:
        """Undo what the last job changed; cheap when it changed nothing."""
        if _get_folder() != self._folder:
            self._restore_folder()
        if self._environment != self._environment_before:
            self._restore_environment()
        umask = os.umask(self._umask)
        if umask != self._umask:
            os.umask(self._umask)
        for number, handler in self._handlers:
            if getsignal(number) is not handler:
                self._restore_signal(number, handler)
        self._alarm(0)
        if sys.stdout is not self._stdout:
            sys.stdout = self._stdout
        if sys.stderr is not self._stderr:
            sys.stderr = self._stderr

    def _restore_folder(self) -> None:
        for folder in (self._folder, self._folder_itself):
            try:
                os.chdir(folder)
            except OSError:
                continue  # deleted: a relative path is an error from now on, and not one elsewhere
            return

    def _restore_environment(self) -> None:
        before = self._environment_before
        for key in [key for key in self._environment if key not in before]:
            os.unsetenv(key)
            del self._environment[key]
        for key, value in before.items():
            if self._environment.get(key) != value:
                os.putenv(key, value)
                self._environment[key] = value

    def _restore_signal(self, number: int, handler: Any) -> None:
        try:
            signal.signal(number, handler)
        except (TypeError, ValueError):  # a handler that was not set from Python
            pass


def _get_folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""


class OutputFile:
    """Descriptors 1 and 2 of this process: one file that only grows while a job runs."""

    def __init__(self, flush_all: Callable[[], Any]) -> None:
        self._flush_all = flush_all
        self._flush_stdout = sys.stdout.flush
        self._flush_stderr = sys.stderr.flush
        self.position = os.lseek(1, 0, os.SEEK_END)
        """Size of the file when the present job began."""

    def take(self) -> Output | None:
        """Return what was written since the last time."""
        try:
            self._flush_stdout()
            self._flush_stderr()
            self._flush_all()
            size = os.lseek(1, 0, os.SEEK_END)
        except (OSError, ValueError):  # the job closed what it wrote to
            return None
        begin = self.position
        if size == begin:
            return None
        output = read_output(1, begin, size)
        if size > _OUTPUT_FILE_BYTES:
            os.ftruncate(1, 0)
            size = 0
        self.position = size
        return output


def read_output(descriptor: int, begin: int, end: int) -> Output | None:
    """Return head and tail of the bytes from `begin` to `end` of an output file."""
    size = end - begin
    if size <= 0:
        return None
    head = os.pread(descriptor, min(size, OUTPUT_BYTES), begin)
    tail = b""
    if size > OUTPUT_BYTES:
        n_tail = min(size - OUTPUT_BYTES, OUTPUT_BYTES)
        tail = os.pread(descriptor, n_tail, end - n_tail)
    return Output(head, tail, size)


class Usages:
    """Processor time and memory of this process, told by job."""

    def __init__(self) -> None:
        import resource

        self._getrusage = resource.getrusage
        self._self, self._children = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
        self._unit = 1 if sys.platform == "darwin" else 1024
        self._cpu_ns = time.process_time_ns()
        self._children_s = 0.0
        self._peak_bytes = self._floor_bytes = 0
        self._reset_peak()

    def begin(self) -> None:
        """Start to count for a job."""
        self._cpu_ns = time.process_time_ns()

    def take(self, duration_ns: int) -> tuple[int, int]:
        """Return processor time in microseconds and peak in bytes of the job that began last."""
        cpu_us = (time.process_time_ns() - self._cpu_ns) // 1000
        if duration_ns < _SHORT_JOB_NS:
            return cpu_us, self._peak_bytes
        children = self._getrusage(self._children)
        children_s = children.ru_utime + children.ru_stime
        if children_s != self._children_s:
            cpu_us += round((children_s - self._children_s) * 1e6)
            self._children_s = children_s
        peak = self._getrusage(self._self).ru_maxrss * self._unit
        self._peak_bytes = peak
        if peak > self._floor_bytes + _PEAK_STEP_BYTES:
            self._reset_peak()
        return cpu_us, peak

    def _reset_peak(self) -> None:
        try:
            with open("/proc/self/clear_refs", "wb", buffering=0) as stream:
                stream.write(b"5")
        except OSError:
            pass  # macOS, and containers that forbid it: the peak is that of the process
        self._floor_bytes = self._getrusage(self._self).ru_maxrss * self._unit
        self._peak_bytes = self._floor_bytes


def leaves_children() -> bool:
    """Tell whether this process has children that run; those that ended are cleared away."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


# The process.


class WorkerSettings(NamedTuple):
    """What a worker is told about the program it works for."""

    main_name: str | None
    """Stem of the file that runs as ``__main__``; None in a shell or a notebook."""
    main_path: str | None
    """Path of that file."""
    argv: Sequence[str]
    path: Sequence[str]
    """`sys.path` of the main process."""
    store_folder: str
    store_time_ns: int
    options: Sequence[str]
    """Task options of the project's own."""


class MainModule(types.ModuleType):
    """Stands for the main process's ``__main__``; fetches what it is asked for.

    The file that runs there is imported under its stem when something of it is needed; without a
    file, each object comes from the main process by value.
    """

    def __init__(self, find: Callable[[str], Any]) -> None:
        super().__init__("__main__")
        self._redunlite_find = find

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module '__main__' has no attribute {name!r}")
        return self._redunlite_find(name)


class Worker:
    """The one object of a worker process.

    Parameters
    ----------
    stream
        Blocking stream socket to the main process.
    calls
        Blocking socket from which calls are received, shared with the other workers.
    slot
        The worker's own `SLOT_BYTES` of the shared page.
    flush_all
        Flushes the buffers of C's standard streams.
    """

    def __init__(
        self,
        stream: socket.socket,
        calls: socket.socket,
        slot: memoryview,
        settings: WorkerSettings,
        flush_all: Callable[[], Any],
    ) -> None:
        from redunlite import loading

        self._stream = stream
        self._calls = calls
        self._slot = slot
        self._message = slot[MESSAGE_AT:]
        self._settings = settings
        self._store = ValueStore(settings.store_folder, settings.store_time_ns)
        self._functions: dict[int, Function] = {}
        self.watch = SlotWatch(slot)
        self._output = OutputFile(flush_all)
        self._usages = Usages()
        self._stream_lock = _thread.allocate_lock()
        self._thread = _thread.get_ident()
        self._finder = loading.WorkerFinder(ask=self._find_module)
        self._finder.install()
        self._main: types.ModuleType | None = None
        if settings.main_name is not None:
            hashing.set_main_name(settings.main_name)
        main = MainModule(self._find_in_main)
        if settings.main_path is not None:
            main.__file__ = settings.main_path
        sys.modules["__main__"] = main
        sys.argv = list(settings.argv)
        sys.path[:] = settings.path
        if settings.options:
            from redunlite.options import declare_options

            declare_options(settings.options)

    def work(self) -> None:
        """Run calls until there are no more, or until a job has left something behind."""
        signal.signal(signal.SIGINT, self._on_interrupt)
        surroundings = Surroundings()
        receive, message = self._calls.recv_into, self._message
        while True:
            n_bytes = receive(message)
            if not n_bytes:
                return
            number, task_number = MESSAGE_HEAD.unpack_from(message)
            ran = self._run(number, task_number, bytes(message[MESSAGE_HEAD.size : n_bytes]))
            # Before the outcome is sent: what the job printed through a stream it had replaced, or
            # an alarm it had set, must not reach the next one.
            surroundings.restore()
            cpu_us, peak_bytes = self._usages.take(ran.duration_ns)
            output = self._output.take()
            is_last = (
                self.watch.is_asked_to_end()
                or _thread._count() > 0
                or (ran.duration_ns >= _SHORT_JOB_NS and leaves_children())
            )
            usage = Usage(ran.start_time, ran.duration_ns // 1000, cpu_us, peak_bytes)
            data = pack_outcome(Outcome(number, ran.status, ran.value, usage, output, ran.detail))
            self._send(LAST_OUTCOME if is_last else OUTCOME, data)
            if is_last:
                return

    def _run(self, number: int, task_number: int, arguments: bytes) -> Ran:
        function = self._functions.get(task_number)
        self._enter(number, time.time_ns() // 1000)
        if function is None:
            try:
                function = self._fetch(task_number)
            except BaseException as error:  # importing the user's modules runs their code
                settled = _settle_error(error, None, self._store, self.watch)
                return Ran(*settled, time.time_ns() // 1000, 0)
        self._usages.begin()
        return run_call(
            function, arguments, self._store, self.watch, lambda start: self._enter(number, start)
        )

    def _enter(self, number: int, start_time: int) -> None:
        SLOT_HEAD.pack_into(self._slot, 0, number, start_time, self._output.position)

    def _on_interrupt(self, signal_number: int, frame: Any) -> None:
        if self.watch.in_user_code:
            raise KeyboardInterrupt

    # Messages.

    def _send(self, what: int, data: bytes) -> None:
        with self._stream_lock:
            self._stream.sendall(FRAME_HEAD.pack(len(data), what) + data)

    def _ask(self, what: int, question: Any) -> Any:
        """Return the main process's answer; also in threads of jobs, and while a job runs."""
        watch = self.watch
        is_interruptible = watch.in_user_code and _thread.get_ident() == self._thread
        if is_interruptible:
            watch.in_user_code = False  # half a question would be the end of all talk
        try:
            data = marshal.dumps(question)
            with self._stream_lock:
                self._stream.sendall(FRAME_HEAD.pack(len(data), what) + data)
                size, _ = FRAME_HEAD.unpack(self._receive(FRAME_HEAD.size))
                answer = marshal.loads(self._receive(size))
        finally:
            if is_interruptible:
                watch.enter()
        return answer

    def _receive(self, size: int) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            n_bytes = self._stream.recv_into(view)
            if not n_bytes:
                os._exit(0)  # the main process is gone
            view = view[n_bytes:]
        return data

    # Functions and names of the main process.

    def _fetch(self, task_number: int) -> Function:
        """Return the function of a task that this worker has not run before."""
        answer = self._ask(NEED_TASK, task_number)
        path, sources, module_name, qualname, blob, first, fullname = answer
        self._learn(path, sources)
        if module_name is None:
            from redunlite.errors import TaskDefinitionError

            raise TaskDefinitionError(qualname)
        if first is not None:
            __import__(first)
        found = self._find_function(module_name, qualname, blob)
        function = self._functions[task_number] = found._replace(task_name=fullname)
        return function

    def _find_function(self, module_name: str, qualname: str, blob: bytes | None) -> Function:
        from redunlite.signature import Parameters

        if blob is not None:
            call = serialize.decode_bytes(blob)
            return Function(call, Parameters(call))
        if module_name == self._settings.main_name:
            place: Any = self._load_main()
        else:
            __import__(module_name)
            place = sys.modules[module_name]
        for part in qualname.split("."):
            place = getattr(place, part)
        if isinstance(place, types.MethodType):  # from 3.13 on, a task below a `classmethod`
            place = place.__func__
        if isinstance(place, TaskKind):
            task: Any = place
            return Function(task.func, task.parameters)
        return Function(place, Parameters(place))

    def _learn(self, path: Sequence[str] | None, sources: Sequence[tuple[Any, ...]]) -> None:
        from redunlite.loading import ModuleSource

        if path is not None:
            sys.path[:] = path
        for source in sources:
            self._finder.add(ModuleSource(*source))

    def _find_module(self, name: str, path: str | None) -> ModuleSource | None:
        """Return the main process's text of a module, for the finder."""
        from redunlite.loading import ModuleSource

        if os.getpid() != self.watch.process_id:
            return None  # a child of a job has no stream of its own
        answer = self._ask(NEED_MODULE, (name, path))
        return None if answer is None else ModuleSource(*answer)

    def _load_main(self) -> types.ModuleType:
        """Import the file that is ``__main__`` in the main process, under its stem."""
        if self._main is None:
            stem = self._settings.main_name
            assert stem is not None
            if isinstance(sys.modules.get(stem), MainModule):
                del sys.modules[stem]
            __import__(stem)
            self._main = sys.modules["__main__"] = sys.modules[stem]
        return self._main

    def _find_in_main(self, name: str) -> Any:
        if self._settings.main_name is not None:
            return getattr(self._load_main(), name)
        path, sources, blob = self._ask(NEED_MAIN, name)
        self._learn(path, sources)
        if blob is None:
            raise AttributeError(f"module '__main__' has no attribute {name!r}")
        if isinstance(blob, str):
            raise UnhashableValueError(blob)
        found = serialize.decode_bytes(blob)
        setattr(sys.modules["__main__"], name, found)
        return found


def run_worker(
    stream: socket.socket,
    calls: socket.socket,
    slot: memoryview,
    settings: WorkerSettings,
    flush_all: Callable[[], Any],
) -> NoReturn:
    """Be a worker until the end of this process."""
    global IN_WORKER, _watch
    IN_WORKER = True
    status = 1
    try:
        worker = Worker(stream, calls, slot, settings, flush_all)
        _watch = worker.watch
        worker.work()
        status = 0
    except BrokenPipeError:
        status = 0  # the main process is gone
    except BaseException:  # told on the captured output, which the main process can read
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)
