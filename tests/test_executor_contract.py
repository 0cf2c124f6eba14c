"""What every executor promises, proved on each of them with real calls."""

from __future__ import annotations

import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from redunlite import loading, serialize
from redunlite.call import CANCELLED, DIED, ERROR, EXPRESSION, OK, WIRE_BYTES, Call, Outcome
from redunlite.errors import UnhashableValueError
from redunlite.executors.base import Executor, Pace
from redunlite.executors.inline import InlineExecutor
from redunlite.executors.process import ProcessExecutor
from redunlite.executors.thread import ThreadExecutor
from redunlite.kinds import FLAG_FILE
from redunlite.task import Task
from redunlite.value import ErrorValue
from redunlite.valuestore import ValueStore
from redunlite.waits import Waits

PATIENCE_S = 30.0
"""For an outcome that is sure to come; only a failing test waits that long."""

FLOW = """
import os, sys, threading
from redunlite import Scheduler, task

lock = threading.Lock()
seen = []

class Point:
    def __init__(self, x):
        self.x = x

@task()
def add(a, b=10):
    return a + b

@task()
def fail(text):
    raise KeyError(text)

@task()
def run_inside(n):
    return Scheduler().run([add(i) for i in range(n)])

@task()
def run_twice_inside(n):
    return Scheduler().run([run_inside(n), add(n)])

@task()
def run_in_thread(n):
    found = []
    thread = threading.Thread(target=lambda: found.append(Scheduler().run(add(n))))
    thread.start()
    thread.join()
    return found

@task()
def fail_inside(text):
    try:
        Scheduler().run(fail(text))
    except KeyError as error:
        return repr(error)

@task()
def nested(n):
    return {"list": [n, (n, {n})], "text": "x" * n}

@task()
def leave(status):
    raise SystemExit(status)

@task()
def interrupt_itself():
    raise KeyboardInterrupt

@task()
def recurse(n):
    return recurse.func(n + 1)

@task()
def mutate(items):
    items.append(len(items))
    return items

@task()
def say(text):
    print(text)
    print(text.upper(), file=sys.stderr)
    return len(text)

@task()
def big(n):
    return bytes(n)

@task()
def make_lock():
    return threading.Lock()

@task()
def with_lock(x):
    with lock:
        return x

@task()
def move(point):
    assert isinstance(point, Point)
    return Point(point.x + 1)

@task()
def lazy(x):
    return [add(x), x]

@task()
def surround():
    before = os.getcwd(), os.environ.get("REDUNLITE_TEST_LEFT"), os.umask(0o22)
    os.umask(before[2])
    return before

@task()
def wait_for(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 1)
    finally:
        os.close(descriptor)

@task()
def ring_and_wait(bell, path):
    with open(bell, "wb", buffering=0) as stream:
        stream.write(b"r")
    return wait_for.func(path)

@task()
def spin():
    while True:
        pass
"""


class Host:
    """Stands where the engine stands."""

    def __init__(self, folder: str) -> None:
        self.waits = Waits()
        self.store = ValueStore(folder)
        self.outcomes: dict[int, Outcome] = {}
        self.order: list[int] = []
        self._tasks: dict[int, Task[..., Any]] = {}
        self._numbers = itertools.count(1)
        self.executor: Executor

    def open(self, executor: Executor) -> Host:
        """Start an executor for this host."""
        self.executor = executor
        executor.start(self)
        return self

    def deliver(self, outcome: Outcome) -> None:
        """Take an outcome, once."""
        assert outcome.number not in self.outcomes, "delivered twice"
        self.outcomes[outcome.number] = outcome
        self.order.append(outcome.number)

    def get_task(self, task_number: int) -> Task[..., Any]:
        """Return a task that was submitted."""
        return self._tasks[task_number]

    def submit(self, task: Task[..., Any], *args: Any, **kwargs: Any) -> int:
        """Submit a call and return its number."""
        number = next(self._numbers)
        self._tasks[task.number] = task
        arguments = serialize.encode_arguments(args, kwargs, self.store)
        self.executor.submit(Call(number, task.number, arguments))
        return number

    def wait_until(self, is_over: Callable[[], bool]) -> None:
        """Wait until something is so."""
        timer = self.waits.call_after(PATIENCE_S, lambda: pytest.fail("no outcome came"))
        while not is_over():
            self.waits.wait(None)
        timer.cancel()

    def run(self, task: Task[..., Any], *args: Any, **kwargs: Any) -> Outcome:
        """Return the outcome of a call."""
        number = self.submit(task, *args, **kwargs)
        self.wait_until(lambda: number in self.outcomes)
        return self.outcomes[number]

    def call(self, task: Task[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return the result of a call."""
        outcome = self.run(task, *args, **kwargs)
        assert outcome.status == OK, outcome
        assert outcome.value is not None
        return serialize.decode(outcome.value, self.store)

    def get_error(self, outcome: Outcome) -> BaseException:
        """Return the exception of a failed call."""
        assert outcome.status in (ERROR, DIED), outcome
        assert outcome.value is not None
        held = serialize.decode(outcome.value, self.store)
        assert isinstance(held, ErrorValue)
        return held.error

    def close(self) -> None:
        """End the executor and free everything."""
        self.executor.stop()
        self.waits.close()
        self.store.close()


KINDS: dict[str, Callable[[], Executor]] = {
    "process": lambda: ProcessExecutor("default", 2),
    "thread": lambda: ThreadExecutor("default", 2),
    "inline": lambda: InlineExecutor("default"),
}


class Gate:
    """Holds jobs back that read one byte from the named pipe at `path`."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._descriptor = os.open(path, os.O_RDWR)  # so that opening it waits for nobody

    def open(self, n_jobs: int) -> None:
        """Let that many jobs go on."""
        os.write(self._descriptor, b"g" * n_jobs)

    def close(self) -> None:
        """Free the descriptor."""
        os.close(self._descriptor)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate that is shut."""
    made = Gate(tmp_path / "gate")
    yield made
    made.close()


_serial = itertools.count()


def load_flow(folder: Path, text: str, stem: str = "") -> ModuleType:
    """Write a workflow file under a new name and load it."""
    path = folder / f"{stem or f'flow_{next(_serial)}'}.py"
    path.write_text(text)
    return loading.load_workflow(str(path))


@pytest.fixture(autouse=True)
def _same_path() -> Iterator[None]:
    before = list(sys.path), list(sys.meta_path)
    yield
    sys.path[:], sys.meta_path[:] = before


@pytest.fixture(params=list(KINDS))
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    """A host with one executor of each kind in turn."""
    made = Host(str(tmp_path / "values")).open(KINDS[request.param]())
    yield made
    made.close()


@pytest.fixture
def flow(tmp_path: Path) -> Any:
    """The workflow above, loaded from a file."""
    return load_flow(tmp_path, FLOW)


def test_call_gives_its_result(host: Host, flow: Any) -> None:
    """Positional, keyword and default arguments reach the function, and the result comes back."""

    assert [
        host.call(flow.add, 1, 2),
        host.call(flow.add, 1),
        host.call(flow.add, a=3, b=4),
    ] == [3, 11, 7]


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("run_inside", 2, [10, 11]),
        ("run_twice_inside", 2, [[10, 11], 12]),
        ("run_in_thread", 2, [12]),
        ("fail_inside", "no", "KeyError('no')"),
    ],
)
def test_job_may_run_a_workflow_in_memory(
    host: Host, flow: Any, name: str, given: Any, expected: Any
) -> None:
    """`Scheduler()` works inside of a job, in a thread of a job, and in a job of such a run."""
    assert host.call(getattr(flow, name), given) == expected
    assert host.call(flow.add, 1) == 11


def test_outcome_tells_time_and_usage(host: Host, flow: Any) -> None:
    """Start time and duration are measured where the call ran."""
    outcome = host.run(flow.add, 1, 2)

    assert outcome.usage.start_time > 1_600_000_000_000_000
    assert 0 <= outcome.usage.duration_us < PATIENCE_S * 1e6
    assert outcome.usage.cpu_us >= 0


def test_exception_keeps_class_arguments_and_user_frames(host: Host, flow: Any) -> None:
    """A failure is the task's own exception, told by the frames of its own file."""
    outcome = host.run(flow.fail, "no such")
    error = host.get_error(outcome)

    assert (KeyError, ("no such",)) == (type(error), error.args)
    assert outcome.detail.summary == "KeyError: 'no such'"
    assert [(f.name, f.text) for f in outcome.detail.frames] == [("fail", "raise KeyError(text)")]


def test_nested_result_is_whole(host: Host, flow: Any) -> None:
    """Containers in containers come back equal."""

    assert {"list": [3, (3, {3})], "text": "xxx"} == host.call(flow.nested, 3)


def test_large_result_goes_through_the_store(host: Host, flow: Any) -> None:
    """Bytes above the wire's size are a file, not a message."""
    outcome = host.run(flow.big, WIRE_BYTES + 1)

    assert outcome.value is not None
    assert outcome.value.flags & FLAG_FILE
    assert outcome.value.data is None
    assert bytes(WIRE_BYTES + 1) == serialize.decode(outcome.value, host.store)


def test_large_argument_reaches_the_function(host: Host, flow: Any) -> None:
    """Arguments above the wire's size arrive whole."""
    items = list(range(100_000))

    assert [*items, 100_000] == host.call(flow.mutate, items)


def test_unpicklable_result_is_an_error_that_says_so(host: Host, flow: Any) -> None:
    """A result that cannot be kept fails its call, and names the class and the function."""
    outcome = host.run(flow.make_lock)

    assert isinstance(host.get_error(outcome), UnhashableValueError)
    assert "lock" in outcome.detail.summary
    assert outcome.detail.frames[-1].name == "make_lock"


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [("leave", (3,), SystemExit), ("interrupt_itself", (), KeyboardInterrupt)],
)
def test_exit_of_the_function_is_an_error_of_the_call(
    host: Host, flow: Any, name: str, args: tuple[Any, ...], expected: type
) -> None:
    """`sys.exit` and the like end the call, not the worker."""
    outcome = host.run(getattr(flow, name), *args)

    assert outcome.status == ERROR
    assert expected is type(host.get_error(outcome))
    assert host.call(flow.add, 1, 2) == 3


def test_endless_recursion_is_an_error_with_a_short_traceback(host: Host, flow: Any) -> None:
    """A recursion without end fails its call; its frames are folded."""
    outcome = host.run(flow.recurse, 0)

    assert isinstance(host.get_error(outcome), RecursionError)
    assert len(outcome.detail.frames) < 100


def test_mutated_argument_changes_nobody_elses(host: Host, flow: Any) -> None:
    """Each call has arguments of its own, also when several share one value."""
    items = [1, 2]
    shared = serialize.encode(items, host.store)
    results = [host.call(flow.mutate, shared) for _ in range(3)]

    assert results == [[1, 2, 2]] * 3
    assert items == [1, 2]


def test_output_is_captured(host: Host, flow: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """What a job prints is in its outcome, is not the next job's, and nowhere else."""
    first, second = host.run(flow.say, "one"), host.run(flow.say, "two")
    silent = host.run(flow.add, 1, 2)

    assert first.output is not None and second.output is not None
    assert first.output.head == b"one\nONE\n"
    assert second.output.head == b"two\nTWO\n"
    assert (first.output.tail, first.output.n_bytes) == (b"", 8)
    assert silent.output is None
    assert tuple(capfd.readouterr()) == ("", "")


def test_output_keeps_head_and_tail(host: Host, flow: Any) -> None:
    """Of long output the first and the last 64 KiB are kept."""
    output = host.run(flow.say, "a" * 200_000).output

    assert output is not None
    assert output.n_bytes == 400_002
    assert output.head == b"a" * 65_536
    assert output.tail == b"A" * 65_535 + b"\n"


def test_module_lock_is_no_hindrance(host: Host, flow: Any) -> None:
    """A function whose module holds a lock runs: code goes by its source, not by value."""

    assert host.call(flow.with_lock, 5) == 5


def test_project_class_is_one_class_on_both_sides(host: Host, flow: Any) -> None:
    """Instances of a class of the workflow are its instances in the task and in the result."""
    moved = host.call(flow.move, flow.Point(1))

    assert isinstance(moved, flow.Point)
    assert moved.x == 2


def test_function_may_be_made_anywhere(host: Host, tmp_path: Path) -> None:
    """Closures, lambdas and functions made inside functions run, each as what it is."""
    flow: Any = load_flow(
        tmp_path,
        "from redunlite import task\n"
        "def helper(x):\n    return x * 100\n"
        "def make(n):\n"
        "    @task(name='made')\n"
        "    def made(x):\n        return helper(x) + n\n"
        "    return made\n"
        "one, two = make(1), make(2)\n"
        "three = task(name='three')(lambda x: x + 3)\n",
    )

    assert [host.call(t, 10) for t in (flow.one, flow.two, flow.three)] == [1001, 1002, 13]


def test_result_with_expressions_is_recorded_as_one(host: Host, flow: Any) -> None:
    """A function that returns calls says which tasks they are calls of."""
    outcome = host.run(flow.lazy, 1)

    assert outcome.status == EXPRESSION
    assert [flow.add.fullname] == [stored.fullname for stored in outcome.detail]


def test_edit_of_the_file_during_the_run_changes_nothing(host: Host, tmp_path: Path) -> None:
    """Workers run the text that was loaded, whatever became of the file since."""
    text = "from redunlite import task\n@task()\ndef f():\n    return 'loaded'\n"
    flow: Any = load_flow(tmp_path, text)
    path = Path(flow.__file__)
    path.write_text(text.replace("loaded", "edited"))
    first = host.call(flow.f)
    path.unlink()

    assert [first, host.call(flow.f)] == ["loaded", "loaded"]


def test_threads_and_numpy_in_the_main_process_do_no_harm(host: Host, flow: Any) -> None:
    """Calls run while the main process has threads, its own and numpy's."""
    pytest.importorskip("numpy")
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert host.call(flow.add, 1, 2) == 3
    finally:
        done.set()
        thread.join()


def test_many_short_calls_are_all_delivered_once(host: Host, flow: Any) -> None:
    """2,000 calls give 2,000 outcomes, each its own."""
    numbers: dict[int, int] = {}
    while len(host.outcomes) < 2000:
        while len(numbers) < 2000 and host.executor.has_room(flow.add.number):
            numbers[host.submit(flow.add, len(numbers), 1)] = len(numbers) + 1
        if len(host.outcomes) < 2000:
            host.waits.wait(PATIENCE_S)

    assert set(numbers) == set(host.outcomes)
    for number, expected in numbers.items():
        value = host.outcomes[number].value
        assert value is not None
        assert expected == serialize.decode(value, host.store)


def test_room_is_one_call_a_worker_until_a_task_is_known_to_be_short(
    host: Host, flow: Any, gate: Gate
) -> None:
    """Calls of an unknown task do not queue behind each other; those of a short one may."""
    if isinstance(host.executor, InlineExecutor):
        pytest.skip("a call is over before submit returns")
    for _ in range(5):
        host.call(flow.add, 1)
    for _ in range(2):
        assert host.executor.has_room(flow.wait_for.number)
        host.submit(flow.wait_for, gate.path)

    assert not host.executor.has_room(flow.wait_for.number)
    assert host.executor.has_room(flow.add.number)
    gate.open(2)
    host.wait_until(lambda: len(host.outcomes) == 7)


def test_room_for_a_known_task_is_one_call_more_than_there_are_workers() -> None:
    """Of calls that take longer one waits, of short ones a long line."""
    pace = Pace()
    pace.note(1, 20_000)
    pace.note(2, 100)

    assert [pace.has_room(0, n, 2) for n in (1, 2)] == [True, False]
    assert [pace.has_room(1, n, 2) for n in (1, 2, 3)] == [True, True, False]
    assert [pace.has_room(2, n, 2) for n in (4, 63, 64)] == [True, True, False]


def test_calls_that_nobody_began_can_be_taken_back(host: Host, flow: Any, gate: Gate) -> None:
    """What waits behind busy workers comes back by number and gets no outcome."""
    if isinstance(host.executor, InlineExecutor):
        pytest.skip("no call ever waits")
    host.call(flow.add, 1)
    running = [host.submit(flow.wait_for, gate.path) for _ in range(2)]
    waiting = [host.submit(flow.add, n) for n in range(100)]
    taken = host.executor.take_back()
    gate.open(2)
    host.wait_until(lambda: len(host.outcomes) == 103 - len(taken))

    assert set(waiting) <= set(taken)
    assert {1, *running} - set(taken) == set(host.outcomes)


def test_running_are_the_calls_that_a_worker_has_begun(
    host: Host, flow: Any, gate: Gate, tmp_path: Path
) -> None:
    """Not those that wait behind busy workers, and none when all is over."""
    if isinstance(host.executor, InlineExecutor):
        pytest.skip("no call runs while the engine does")
    bell = tmp_path / "bell"
    os.mkfifo(bell)
    descriptor = os.open(bell, os.O_RDWR | os.O_NONBLOCK)
    rung: list[bytes] = []
    host.waits.watch(descriptor, on_read=lambda: rung.extend(os.read(descriptor, 1)))
    assert host.executor.find_running() == []

    running = [host.submit(flow.ring_and_wait, str(bell), gate.path) for _ in range(2)]
    host.wait_until(lambda: len(rung) == 2)
    waiting = host.submit(flow.add, 1)

    assert sorted(host.executor.find_running()) == running
    gate.open(2)
    host.wait_until(lambda: waiting in host.outcomes and len(host.outcomes) == 3)
    assert host.executor.find_running() == []
    host.waits.unwatch(descriptor)
    os.close(descriptor)


def test_short_calls_pass_a_long_one_of_their_task(host: Host, tmp_path: Path, gate: Gate) -> None:
    """While one call runs long, all others of the same task are delivered."""
    if isinstance(host.executor, InlineExecutor):
        pytest.skip("one call at a time")
    flow: Any = load_flow(
        tmp_path,
        "from redunlite import task\n"
        "@task()\n"
        "def f(path):\n"
        "    if path:\n"
        "        with open(path, 'rb', buffering=0) as stream:\n"
        "            return stream.read(1)\n",
    )
    host.call(flow.f, "")
    long = host.submit(flow.f, gate.path)
    n_sent = 0
    while len(host.outcomes) < 501:
        while n_sent < 500 and host.executor.has_room(flow.f.number):
            host.submit(flow.f, "")
            n_sent += 1
        host.waits.wait(PATIENCE_S)

    assert long not in host.outcomes
    gate.open(1)
    host.wait_until(lambda: long in host.outcomes)
    assert host.outcomes[long].status == OK


def test_cancel_ends_running_and_waiting_calls(host: Host, flow: Any) -> None:
    """Each call that did not finish is delivered as cancelled."""
    if isinstance(host.executor, InlineExecutor):
        pytest.skip("no call runs while the engine does")
    host.call(flow.add, 1)
    numbers = [host.submit(flow.spin) for _ in range(4)]
    host.executor.cancel(0.5)
    host.wait_until(lambda: len(host.outcomes) == 5)

    assert [host.outcomes[number].status for number in numbers] == [CANCELLED] * 4


def test_executor_without_calls_stops(host: Host) -> None:
    """An executor that never ran anything can be cancelled and stopped."""
    host.executor.cancel(0.1)

    assert host.executor.take_back() == []


def test_environment_of_a_job_is_not_the_next_ones(host: Host, tmp_path: Path) -> None:
    """Working folder, variables and umask are what they were before the last job changed them."""
    if not isinstance(host.executor, ProcessExecutor):
        pytest.skip("threads share these with the program")
    flow: Any = load_flow(
        tmp_path,
        "import os, signal, sys, io\n"
        "from redunlite import task\n"
        "def look():\n"
        "    umask = os.umask(0)\n"
        "    os.umask(umask)\n"
        "    return [os.getpid(), os.getcwd(), os.environ.get('LEFT'), 'PATH' in os.environ, umask,\n"
        "            signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, type(sys.stdout).__name__]\n"
        "@task()\n"
        "def change():\n"
        "    before = look()\n"
        "    os.chdir('/')\n"
        "    os.environ['LEFT'] = '1'\n"
        "    del os.environ['PATH']\n"
        "    os.umask(0o777)\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    signal.alarm(1000)\n"
        "    sys.stdout = io.StringIO()\n"
        "    return before\n",
    )
    host.executor.n_workers = 1
    first, second = host.call(flow.change), host.call(flow.change)

    assert first == second
    assert first[2:4] == [None, True]
