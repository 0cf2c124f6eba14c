"""Worker processes: whose call dies with one, what a job may leave behind, and that nobody is left."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_executor_contract import PATIENCE_S, Gate, Host, load_flow

from redunlite.call import CANCELLED, DIED, ERROR, OK
from redunlite.errors import WorkerDiedError
from redunlite.executors import process
from redunlite.executors.process import ProcessExecutor

FLOW = """
import _thread, ctypes, faulthandler, hashlib, os, signal, subprocess, sys, threading, time
import redunlite
from redunlite import task

@task()
def add(a, b=1):
    return a + b

@task()
def kill_itself(number):
    print("last words")
    os.kill(os.getpid(), number)
    signal.pause()

@task()
def end(status):
    os._exit(status)

@task()
def crash():
    ctypes.string_at(0)

@task()
def get_pid():
    return os.getpid()

@task()
def tell_pid_and_wait(path):
    with open(path, "w") as stream:
        stream.write(f"{os.getpid()}\\n")
    signal.pause()

@task()
def wait_for(path):
    with open(path, "rb", buffering=0) as stream:
        return stream.read(1)

@task()
def leave_child(daemon):
    ready, done = os.pipe()
    child = os.fork()
    if child:
        os.close(done)
        child = int(os.read(ready, 100))
        if daemon:
            os.wait()
        return os.getpid(), child
    if daemon:
        os.setsid()
        if os.fork():
            os._exit(0)
    os.write(done, b"%d" % os.getpid())
    os.close(done)
    signal.pause()

@task()
def leave_thread():
    threading.Thread(target=threading.Event().wait).start()
    return os.getpid()

@task()
def fork_and_return():
    if os.fork() == 0:
        return "child"
    os.wait()
    return "parent"

@task()
def flood(n):
    chunk = b"x" * (1 << 20)
    for _ in range(n):
        os.write(1, chunk)
    return os.fstat(1).st_size

@task()
def flood_until_punched(n):
    chunk = b"x" * (1 << 20)
    for _ in range(n):
        os.write(1, chunk)
    status = os.fstat(1)
    deadline = time.monotonic() + 20
    while status.st_blocks * 512 > n << 19 and time.monotonic() < deadline:
        time.sleep(0.01)
        status = os.fstat(1)
    return status.st_size, status.st_blocks * 512

@task()
def shell(text):
    return subprocess.run(text, shell=True).returncode

@task()
def c_print(text):
    ctypes.CDLL(None).printf(text)

@task()
def ignore_signals(path):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(path, "w") as stream:
        stream.write("ready\\n")
    while True:
        signal.pause()

@task()
def run_project(n):
    return redunlite.run(add(n))

def fail(number, frame):
    raise ValueError("its own")

@task()
def fail_at_interrupt(path):
    signal.signal(signal.SIGINT, fail)
    with open(path, "w") as stream:
        stream.write("ready\\n")
    while True:
        signal.pause()

@task()
def interrupt_main():
    _thread.interrupt_main()
    return "missed"

@task()
def raise_interrupt():
    signal.raise_signal(signal.SIGINT)

@task()
def interrupt_and_fail():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
    except KeyboardInterrupt:
        raise LookupError("afterwards")

@task()
def interrupt_and_go_on():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
    except KeyboardInterrupt:
        return "went on"

@task()
def get_threads():
    return [os.environ[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")]

@task()
def draw():
    import numpy
    return os.getpid(), float(numpy.random.random())

@task()
def use_memory(n):
    held = b"x" * n
    return len(held)

@task()
def get_input():
    return sys.stdin.read(), os.isatty(0)

@task()
def use_children(n):
    child = subprocess.Popen([sys.executable, "-c", f"sum(range({n}))"])
    child.wait()
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A host with two worker processes."""
    before = list(sys.path), list(sys.meta_path)
    made = Host(str(tmp_path / "values")).open(ProcessExecutor("default", 2))
    yield made
    made.close()
    sys.path[:], sys.meta_path[:] = before


@pytest.fixture(name="gate")
def _gate(tmp_path: Path) -> Iterator[Gate]:
    made = Gate(tmp_path / "gate")
    yield made
    made.close()


@pytest.fixture
def flow(tmp_path: Path) -> Any:
    """The workflow above, loaded from a file."""
    return load_flow(tmp_path, FLOW)


def wait_for_text(host: Host, path: Path) -> str:
    """Return what a job writes to the named pipe at `path`, serving its worker meanwhile."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    found: list[bytes] = []
    host.waits.watch(descriptor, on_read=lambda: found.append(os.read(descriptor, 4096)))
    host.wait_until(lambda: b"\n" in b"".join(found))
    host.waits.unwatch(descriptor)
    os.close(descriptor)
    return b"".join(found).decode()


def wait_for_end(pid: int) -> None:
    """Wait until a process, of whatever parent, has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        assert poll.poll(PATIENCE_S * 1000), f"process {pid} lives on"
    finally:
        os.close(descriptor)


def find_processes(cookie: str, at_least: int = 0) -> list[int]:
    """Return the processes with `cookie` in the environment they were started with.

    One that is just becoming another program shows none for a moment: looks until there are enough.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = [pid for pid in iter_processes() if cookie.encode() in read_environment(pid)]
        if len(found) >= at_least or time.monotonic() > deadline:
            return found


def iter_processes() -> Iterator[int]:
    """Yield all processes."""
    yield from (int(name) for name in os.listdir("/proc") if name.isdigit())


def read_environment(pid: int) -> bytes:
    """Return the environment a process was started with; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize(
    ("name", "args", "text"),
    [
        ("kill_itself", (signal.SIGKILL,), "killed by SIGKILL (signal 9)"),
        ("kill_itself", (signal.SIGTERM,), "killed by SIGTERM (signal 15)"),
        ("end", (3,), "exited with code 3"),
        ("end", (0,), "exited with code 0"),
        ("crash", (), "killed by SIGSEGV (signal 11)"),
    ],
)
def test_death_of_a_worker_fails_the_call_it_ran(
    host: Host, flow: Any, name: str, args: tuple[Any, ...], text: str
) -> None:
    """The call is told how its worker ended and what it took; the next one runs."""
    outcome = host.run(getattr(flow, name), *args)
    error = host.get_error(outcome)

    assert outcome.status == DIED
    assert isinstance(error, WorkerDiedError)
    assert text in str(error)
    assert outcome.detail.summary.startswith("WorkerDiedError: worker ")
    assert "peak memory" in outcome.detail.summary
    assert outcome.usage.peak_bytes > 1 << 20
    assert outcome.usage.start_time > 0
    assert host.call(flow.add, 1) == 2


def test_projects_scheduler_is_refused_inside_a_job(host: Host, flow: Any) -> None:
    """History and workers are the main process's; nothing is made on the way."""
    number = host.submit(flow.run_project, 1)
    host.wait_until(lambda: number in host.outcomes)
    outcome = host.outcomes[number]

    assert outcome.status == ERROR
    assert "return the expression from the task" in outcome.detail.summary


def test_segmentation_fault_names_a_deep_recursion_as_a_cause(host: Host, flow: Any) -> None:
    """What looks like a crash of C code may be a recursion, and the output shows where it was."""
    outcome = host.run(flow.crash)

    assert "recursion" in outcome.detail.summary
    assert outcome.output is not None
    assert b"in crash" in outcome.output.head


def test_last_output_of_a_dead_worker_is_kept(host: Host, flow: Any) -> None:
    """What a job printed before its worker died is in its outcome."""
    host.call(flow.shell, "echo before")
    outcome = host.run(flow.kill_itself, signal.SIGKILL)

    assert outcome.output is not None
    assert outcome.output.head == b"last words\n"


def test_death_of_a_worker_is_no_one_elses(host: Host, flow: Any, gate: Gate) -> None:
    """A call that runs beside the one whose worker dies, and those that wait, never notice."""
    host.call(flow.add, 1)
    beside = host.submit(flow.wait_for, gate.path)
    culprit = host.submit(flow.kill_itself, signal.SIGKILL)
    waiting = [host.submit(flow.add, n) for n in range(50)]
    host.wait_until(lambda: len(host.outcomes) == 52)
    gate.open(1)
    host.wait_until(lambda: beside in host.outcomes)

    assert host.outcomes[culprit].status == DIED
    assert {OK} == {host.outcomes[number].status for number in [beside, *waiting]}


def test_idle_worker_may_die_unnoticed(host: Host, flow: Any) -> None:
    """A worker that is killed between two calls costs nothing but itself."""
    pid = host.call(flow.get_pid)
    os.kill(pid, signal.SIGKILL)
    wait_for_end(pid)

    assert [host.call(flow.add, n) for n in (1, 2, 3)] == [2, 3, 4]


@pytest.mark.parametrize("daemon", [False, True])
def test_child_that_a_job_leaves_is_ended(host: Host, flow: Any, daemon: bool) -> None:
    """A process that outlives its job is killed, in whatever session; its worker retires."""
    worker, child = host.call(flow.leave_child, daemon)
    wait_for_end(child)
    wait_for_end(worker)

    assert host.call(flow.add, 1) == 2


def test_thread_that_a_job_leaves_retires_its_worker(host: Host, flow: Any) -> None:
    """A worker with a thread of an old job takes no new one."""
    wait_for_end(host.call(flow.leave_thread))

    assert host.call(flow.add, 1) == 2


def test_forked_child_that_returns_is_no_second_worker(host: Host, flow: Any) -> None:
    """A child that runs out of the function ends there, and its parent's result counts."""

    assert host.call(flow.fork_and_return) == "parent"
    assert host.call(flow.add, 1) == 2


def test_flood_of_output_keeps_head_and_tail(host: Host, flow: Any) -> None:
    """Of a flood its ends are kept, and the file is cut when the job is over."""
    outcome = host.run(flow.flood, 100)
    again = host.call(flow.flood, 1)

    assert outcome.output is not None
    assert outcome.output.n_bytes == 100 << 20
    assert b"x" * 65536 == outcome.output.head == outcome.output.tail
    assert again == 1 << 20


def test_flood_of_output_gives_disk_space_back(host: Host, flow: Any) -> None:
    """While a job floods, the middle of its output is given back to the disk."""
    size, on_disk = host.call(flow.flood_until_punched, 32)

    assert size == 32 << 20
    assert on_disk < 16 << 20


def test_output_of_children_and_of_c_code_is_captured(host: Host, flow: Any) -> None:
    """Descriptors are what is captured, with what C keeps in its buffers."""
    shell, printed = host.run(flow.shell, "echo from a shell"), host.run(flow.c_print, b"from C")

    assert shell.output is not None and printed.output is not None
    assert (shell.output.head, printed.output.head) == (b"from a shell\n", b"from C")


def test_worker_has_no_terminal_and_one_thread_for_numbers(host: Host, flow: Any) -> None:
    """Standard input is empty, and libraries are told to use one thread; here they are not."""

    assert host.call(flow.get_input) == ("", False)
    assert host.call(flow.get_threads) == ["1", "1"]
    assert "OMP_NUM_THREADS" not in os.environ


def test_random_numbers_of_two_workers_differ(host: Host, flow: Any) -> None:
    """numpy's global generator is not the same in every worker."""
    pytest.importorskip("numpy").random.random()
    first_pid, first = host.call(flow.draw)
    os.kill(first_pid, signal.SIGKILL)
    wait_for_end(first_pid)
    second_pid, second = host.call(flow.draw)

    assert first_pid != second_pid
    assert first != second


def test_memory_is_told_by_job(host: Host, flow: Any) -> None:
    """The peak of one job is not the next one's."""
    host.executor.n_workers = 1
    before, during, after = (host.run(flow.use_memory, n) for n in (1, 200 << 20, 1 << 20))

    assert during.usage.peak_bytes > before.usage.peak_bytes + (150 << 20)
    assert after.usage.peak_bytes < during.usage.peak_bytes - (100 << 20)


def test_processor_time_of_children_counts(host: Host, flow: Any) -> None:
    """What a job's children used is the job's."""
    outcome = host.run(flow.use_children, 1_000_000)

    assert outcome.usage.cpu_us > 5_000


def test_cancel_ends_a_job_that_ignores_signals(host: Host, flow: Any, tmp_path: Path) -> None:
    """After SIGINT and SIGTERM comes SIGKILL; a stopped worker is ended, too."""
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    number = host.submit(flow.ignore_signals, str(ready))
    wait_for_text(host, ready)
    host.executor.cancel(0.3)
    host.wait_until(lambda: number in host.outcomes)

    assert host.outcomes[number].status == CANCELLED


@pytest.mark.parametrize(
    ("name", "summary"),
    [
        ("interrupt_main", "KeyboardInterrupt"),
        ("raise_interrupt", "KeyboardInterrupt"),
        ("interrupt_and_fail", "LookupError: afterwards"),
    ],
)
def test_interrupt_of_the_jobs_own_is_its_failure(
    host: Host, flow: Any, name: str, summary: str
) -> None:
    """Only what the run has asked to end is cancelled; the worker goes on."""
    host.executor.n_workers = 1
    before = host.call(flow.get_pid)
    number = host.submit(getattr(flow, name))
    host.wait_until(lambda: number in host.outcomes)
    outcome = host.outcomes[number]

    assert (outcome.status, outcome.detail.summary.splitlines()[0]) == (ERROR, summary)
    assert host.call(flow.interrupt_and_go_on) == "went on"
    assert host.call(flow.get_pid) == before


def test_interrupt_from_outside_fails_the_call_that_runs(
    host: Host, flow: Any, tmp_path: Path
) -> None:
    """`kill -INT` of a worker fails its call; an idle one, and the guardian, go on."""
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    host.executor.n_workers = 1
    number = host.submit(flow.tell_pid_and_wait, str(ready))
    pid = int(wait_for_text(host, ready))
    os.kill(find_parents(pid)[0], signal.SIGINT)
    os.kill(pid, signal.SIGINT)
    host.wait_until(lambda: number in host.outcomes)
    os.kill(pid, signal.SIGINT)

    assert host.outcomes[number].status == ERROR
    assert host.outcomes[number].detail.summary == "KeyboardInterrupt"
    assert host.call(flow.get_pid) == pid


def test_stopped_worker_goes_on_with_its_call(
    host: Host, flow: Any, tmp_path: Path, gate: Gate
) -> None:
    """SIGSTOP and SIGCONT in passing change nothing."""
    host.executor.n_workers = 1
    pid = host.call(flow.get_pid)
    number = host.submit(flow.wait_for, gate.path)
    for name in (signal.SIGSTOP, signal.SIGCONT):
        os.kill(pid, name)
    gate.open(1)
    host.wait_until(lambda: number in host.outcomes)

    assert host.outcomes[number].status == OK
    assert host.call(flow.get_pid) == pid


def test_error_of_a_call_that_is_ended_is_no_failure(host: Host, flow: Any, tmp_path: Path) -> None:
    """A job that answers the run's SIGINT by an error of its own is cancelled like others."""
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    number = host.submit(flow.fail_at_interrupt, str(ready))
    wait_for_text(host, ready)
    host.executor.cancel(30)
    host.wait_until(lambda: number in host.outcomes)

    assert host.outcomes[number].status == CANCELLED


def test_cancel_ends_a_stopped_worker(host: Host, flow: Any, tmp_path: Path) -> None:
    """A worker that somebody has stopped is ended like any other."""
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    number = host.submit(flow.tell_pid_and_wait, str(ready))
    pid = int(wait_for_text(host, ready).split()[0])
    os.kill(pid, signal.SIGSTOP)
    host.executor.cancel(0.3)
    host.wait_until(lambda: number in host.outcomes)
    wait_for_end(pid)

    assert host.outcomes[number].status == CANCELLED


def test_executor_goes_on_after_a_cancel(host: Host, flow: Any, tmp_path: Path) -> None:
    """New calls get new workers, once those of the calls that were ended are gone."""
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    host.submit(flow.tell_pid_and_wait, str(ready))
    pid = int(wait_for_text(host, ready))
    host.executor.cancel(0.0)
    host.wait_until(lambda: len(host.outcomes) == 1)
    wait_for_end(pid)

    assert host.call(flow.add, 1) == 2


def test_stop_leaves_nobody(tmp_path: Path, flow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Busy workers and what they started are gone when `stop` returns."""
    cookie = f"REDUNLITE_TEST_COOKIE={os.getpid()}-{tmp_path.name}"
    monkeypatch.setenv(*cookie.split("="))
    host = Host(str(tmp_path / "values")).open(ProcessExecutor("default", 2))
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    host.submit(flow.shell, f"setsid sleep 1000 & echo $! > {ready}; sleep 1000")
    wait_for_text(host, ready)
    found = find_processes(cookie, 4)
    host.close()

    assert len(found) >= 4
    assert find_processes(cookie) == []


def test_death_of_the_guardian_costs_the_calls_that_ran(
    host: Host, flow: Any, tmp_path: Path
) -> None:
    """The calls that ran fail and say why; those that waited, and new ones, run under a new one."""
    ready = [tmp_path / "one", tmp_path / "two"]
    for path in ready:
        os.mkfifo(path)
    running = [host.submit(flow.tell_pid_and_wait, str(path)) for path in ready]
    pid, _ = (int(wait_for_text(host, path)) for path in ready)
    if len(find_parents(pid)) < 2:
        pytest.fail("the worker has no guardian")
    waiting = [host.submit(flow.add, n) for n in range(20)]
    os.kill(find_parents(pid)[0], signal.SIGKILL)
    host.wait_until(lambda: len(host.outcomes) == 22)
    wait_for_end(pid)

    assert [host.outcomes[number].status for number in running] == [DIED] * 2
    assert "parent process" in host.outcomes[running[0]].detail.summary
    assert {OK} == {host.outcomes[number].status for number in waiting}
    assert host.call(flow.add, 1) == 2


def test_guardian_that_cannot_start_fails_the_calls(
    host: Host, flow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a pool every call fails, and says what the interpreter said; nothing hangs."""
    monkeypatch.setattr(process, "_COMMAND", "raise ImportError('no pool')")
    numbers = [host.submit(flow.add, n) for n in range(3)]
    host.wait_until(lambda: len(host.outcomes) == 3)

    assert [host.outcomes[number].status for number in numbers] == [DIED] * 3
    assert "ImportError: no pool" in host.outcomes[numbers[0]].detail.summary


def find_parents(pid: int) -> list[int]:
    """Return the process's parent, and its parent, and so on."""
    found = []
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        found.append(pid)
    return found


SCRIPT = """
import os, sys
import test_executor_contract as contract
from redunlite import task
from redunlite.call import OK
from redunlite.executors.process import ProcessExecutor

LIMIT = 5

class Point:
    def __init__(self, x):
        self.x = x

def helper(point):
    assert isinstance(point, Point), (type(point), Point)
    return Point(point.x + LIMIT)

@task()
def move(point):
    return helper(point)

@task()
def where():
    return __name__, sys.modules["__main__"].LIMIT

make = lambda n: task(name="made")(lambda point: helper(point).x + n)

def main():
    host = contract.Host(sys.argv[1]).open(ProcessExecutor("default", 2))
    moved = host.call(move, Point(1))
    assert isinstance(moved, Point)
    print(moved.x, host.call(where), host.call(make(100), moved))
    host.close()

{guard}
"""


def make_environment(**more: str) -> dict[str, str]:
    """Return the environment of a program that imports redunlite and the tests' `Host`."""
    paths = [str(Path(__file__).parent), os.getcwd(), *os.environ.get("PYTHONPATH", "").split(":")]
    return {**os.environ, **more, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def run_script(folder: Path, text: str, *, by_text: bool) -> str:
    """Run a program, from a file or given as text; return what it prints."""
    path = folder / "my_script.py"
    path.write_text(text)
    ended = subprocess.run(
        [sys.executable, *(["-c", text] if by_text else [str(path)]), str(folder / "values")],
        capture_output=True,
        text=True,
        env=make_environment(),
        timeout=PATIENCE_S,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_functions_and_classes_of_a_script_work(tmp_path: Path) -> None:
    """What the file that runs as `__main__` defines goes by the name of that file."""
    printed = run_script(
        tmp_path,
        SCRIPT.replace("{guard}", "if __name__ == '__main__':\n    main()"),
        by_text=False,
    )

    assert printed == "6 ('my_script', 5) 111\n"


def test_functions_and_classes_without_a_file_work(tmp_path: Path) -> None:
    """What a shell or a notebook defines goes by value, and is one class on both sides."""
    printed = run_script(tmp_path, SCRIPT.replace("{guard}", "main()"), by_text=True)

    assert printed == "6 ('__main__', 5) 111\n"


def test_worker_knows_that_it_is_one(host: Host, tmp_path: Path) -> None:
    """`worker.IN_WORKER` is set where jobs run, so that a run inside one can be refused."""
    flow: Any = load_flow(
        tmp_path,
        "from redunlite import task, worker\n@task()\ndef f():\n    return worker.IN_WORKER\n",
    )

    assert host.call(flow.f)


def test_module_that_fails_in_the_worker_fails_the_call(host: Host, tmp_path: Path) -> None:
    """A workflow that cannot be imported where jobs run gives its error, with its own frames."""
    flow: Any = load_flow(
        tmp_path,
        "from redunlite import task, worker\n"
        "if worker.IN_WORKER:\n    raise ValueError('not here')\n"
        "@task()\ndef f():\n    return 1\n",
    )
    outcome = host.run(flow.f)

    assert outcome.status == ERROR
    assert outcome.detail.summary == "ValueError: not here"
    assert [frame.line for frame in outcome.detail.frames] == [3]


KILLED = """
import sys
import test_executor_contract as contract
from redunlite.executors.process import ProcessExecutor

def main(folder):
    flow = contract.load_flow(contract.Path(folder), open(sys.argv[2]).read(), "flow_killed")
    host = contract.Host(folder).open(ProcessExecutor("default", 2))
    host.submit(flow.compute)
    host.submit(flow.start, sys.argv[3])
    host.wait_until(lambda: False)

main(sys.argv[1])
"""

KILLED_FLOW = """
import hashlib, os, subprocess
from redunlite import task

@task()
def compute():
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)

@task()
def start(path):
    subprocess.run(f"setsid sh -c 'echo > {path}; sleep 1000' & sleep 1000", shell=True)
"""


def test_nobody_is_left_after_the_main_process_is_killed(tmp_path: Path) -> None:
    """A worker in C code, one with a shell, and a daemon of that are gone after kill -9 of main."""
    cookie = f"REDUNLITE_TEST_COOKIE={os.getpid()}-{tmp_path.name}"
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    (tmp_path / "killed.py").write_text(KILLED)
    (tmp_path / "text.txt").write_text(KILLED_FLOW)
    name, _, value = cookie.partition("=")
    program = subprocess.Popen(
        [sys.executable, "killed.py", str(tmp_path), "text.txt", str(ready)],
        cwd=tmp_path,
        env=make_environment(**{name: value}),
    )
    descriptor = os.open(ready, os.O_RDONLY | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    assert poll.poll(PATIENCE_S * 1000), "the job did not begin"
    os.close(descriptor)
    found = find_processes(cookie, 6)
    program.kill()
    program.wait()
    for pid in found:
        wait_for_end(pid)

    assert len(found) >= 6
    assert find_processes(cookie) == []


def test_function_is_a_result_of_code_that_goes_by_value(host: Host) -> None:
    """Such a worker may never have loaded the module of tasks, which knows functions as values."""
    names: dict[str, Any] = {"__name__": "cells"}
    text = "from redunlite import task\n@task()\ndef give():\n    return lambda x: x + 1\n"
    exec(compile(text, "<cell>", "exec"), names)

    assert host.call(names["give"])(1) == 2
