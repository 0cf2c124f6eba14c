"""Project modules that only jobs import: every worker has the text that the run has, and hashes it."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from test_executor_contract import Gate, Host, load_flow

from redunlite import Scheduler, loading
from redunlite.executors.process import ProcessExecutor, _find_module
from redunlite.loading import ModuleSource, WorkerFinder

FLOW = """\
import os
from redunlite import task

redun_namespace = "imports"


def wait(bell, gate):
    with open(bell, "wb", buffering=0) as stream:
        stream.write(b"r")
    with open(gate, "rb", buffering=0) as stream:
        stream.read(1)


@task()
def static(number, folder="."):
    wait(f"{folder}/bell", f"{folder}/gate")
    import helper
    return helper.value(), os.getpid()


@task()
def dynamic(number, name, folder="."):
    wait(f"{folder}/bell", f"{folder}/gate")
    return __import__(name).value(), os.getpid()


@task()
def fetch(name):
    return __import__(name, fromlist=["value"]).value()


@task()
def plain(x):
    return x


@task()
def main():
    return [static(1), static(2)]
"""


@pytest.fixture(autouse=True)
def _same_imports() -> Iterator[None]:
    before = list(sys.path), list(sys.meta_path), set(sys.modules)
    yield
    sys.path[:], sys.meta_path[:] = before[:2]
    for name in set(sys.modules) - before[2]:
        if "pytest-" in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A host with two worker processes, in a run."""
    made = Host(str(tmp_path / "values")).open(ProcessExecutor("default", 2))
    with loading.holding_texts():
        yield made
    made.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the modules that workers asked for."""
    names: list[str] = []

    def find(name: str, path: str | None) -> Any:
        names.append(name)
        return _find_module(name, path)

    monkeypatch.setattr("redunlite.executors.process._find_module", find)
    return names


class Meeting:
    """Two named pipes at which two jobs wait until the test lets them go on."""

    def __init__(self, folder: Path) -> None:
        self.gate = Gate(folder / "gate")
        os.mkfifo(folder / "bell")
        self.bell = os.open(folder / "bell", os.O_RDWR | os.O_NONBLOCK)

    def close(self) -> None:
        """Free the descriptors."""
        self.gate.close()
        os.close(self.bell)


@pytest.fixture
def meeting(tmp_path: Path) -> Iterator[Meeting]:
    """A meeting of two jobs."""
    made = Meeting(tmp_path)
    yield made
    made.close()


def write(folder: Path, files: Mapping[str, str] = {}, /, **texts: str) -> None:
    """Write modules, by path without extension, or by name."""
    for name, text in {**files, **texts}.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    importlib.invalidate_caches()


def value(number: int) -> str:
    """Return the text of a helper."""
    return f"def value():\n    return {number}\n"


def wait_for_both(host: Host, meeting: Meeting) -> None:
    """Serve workers until both jobs have rung."""
    rung = bytearray()
    host.waits.watch(meeting.bell, on_read=lambda: rung.extend(os.read(meeting.bell, 10)))
    host.wait_until(lambda: len(rung) == 2)
    host.waits.unwatch(meeting.bell)


def test_helper_that_was_hashed_is_what_both_workers_run(
    host: Host, meeting: Meeting, tmp_path: Path, asked: list[str]
) -> None:
    """The text that counts in the task's hash is told with the task, edited or removed since."""
    write(tmp_path, helper=value(1))
    flow: Any = load_flow(tmp_path, FLOW)
    assert flow.static.hash
    for number in (1, 2):
        host.submit(flow.static, number, str(tmp_path))
    wait_for_both(host, meeting)
    (tmp_path / "helper.py").unlink()
    meeting.gate.open(2)
    host.wait_until(lambda: len(host.outcomes) == 2)

    results = [decode(host, number) for number in (1, 2)]
    assert [result for result, pid in results] == [1, 1]
    assert len({pid for result, pid in results}) == 2
    assert asked == []


def decode(host: Host, number: int) -> Any:
    """Return the result of a call."""
    from redunlite import serialize

    ref = host.outcomes[number].value
    assert ref is not None, host.outcomes[number]
    return serialize.decode(ref, host.store)


@pytest.mark.parametrize("becomes", ["edited", "removed"])
def test_helper_known_by_name_only_is_the_same_for_all_workers(
    host: Host, meeting: Meeting, tmp_path: Path, becomes: str
) -> None:
    """The main process reads it when the first worker asks, and gives the second the same."""
    write(tmp_path, helper_d=value(1))
    flow: Any = load_flow(tmp_path, FLOW)
    for number in (1, 2):
        host.submit(flow.dynamic, number, "helper_d", str(tmp_path))
    wait_for_both(host, meeting)
    meeting.gate.open(1)
    host.wait_until(lambda: len(host.outcomes) == 1)
    if becomes == "edited":
        (tmp_path / "helper_d.py").write_text(value(2) + "# longer\n")
    else:
        (tmp_path / "helper_d.py").unlink()
    meeting.gate.open(1)
    host.wait_until(lambda: len(host.outcomes) == 2)

    results = [decode(host, number) for number in (1, 2)]
    assert [result for result, pid in results] == [1, 1]
    assert len({pid for result, pid in results}) == 2


def test_packages_of_all_kinds_are_imported(host: Host, tmp_path: Path, asked: list[str]) -> None:
    """A package with an empty file, one with text, a namespace, and modules inside them."""
    write(
        tmp_path,
        {
            "empty/__init__": "",
            "empty/inner": value(1),
            "full/__init__": "from .inner import value\n",
            "full/inner": "from . import other\ndef value():\n    return other.X\n",
            "full/other": "X = 2\n",
            "space/inner": value(3),
        },
    )
    flow: Any = load_flow(tmp_path, FLOW)
    names = ["empty.inner", "full", "full.inner", "space.inner"]

    assert [host.call(flow.fetch, name) for name in names] == [1, 2, 2, 3]
    assert {"empty", "empty.inner", "full", "full.inner", "full.other", "space.inner"} == set(asked)


def test_module_that_is_not_there_is_an_import_error_as_usual(
    host: Host, tmp_path: Path, asked: list[str]
) -> None:
    """One question a worker, however often it is tried."""
    flow: Any = load_flow(
        tmp_path,
        "from redunlite import task\n"
        "@task()\n"
        "def f(n):\n"
        "    for _ in range(n):\n"
        "        try:\n"
        "            import helper_absent\n"
        "        except ModuleNotFoundError as error:\n"
        "            text = str(error)\n"
        "    return text\n",
    )
    host.executor.n_workers = 1

    assert [host.call(flow.f, n) for n in (1, 50)] == ["No module named 'helper_absent'"] * 2
    assert asked == ["helper_absent"]


def test_libraries_are_never_asked_for(host: Host, tmp_path: Path, asked: list[str]) -> None:
    """Standard modules, there or not, and installed packages with all that they import."""
    flow: Any = load_flow(
        tmp_path,
        "from redunlite import task\n"
        "@task()\n"
        "def f():\n"
        "    import wave, xml.dom.minidom, concurrent.futures.process, numpy, pytest\n"
        "    import importlib.util\n"
        "    return importlib.util.find_spec('winreg') is None\n",
    )

    assert host.call(flow.f) in (True, False)
    assert [name for name in asked if name.partition(".")[0] in ("numpy", "pytest", "winreg")] == []
    assert [name for name in asked if name in sys.stdlib_module_names] == []


def test_broken_helper_is_an_error_of_the_job(host: Host, tmp_path: Path) -> None:
    """Its line is told; text that cannot be decoded, too."""
    write(tmp_path, helper_bad="def f(:\n")
    (tmp_path / "helper_bytes.py").write_bytes(b"x = '\xe9'\n")
    flow: Any = load_flow(tmp_path, FLOW)
    shown = [host.run(flow.fetch, name).detail.summary for name in ("helper_bad", "helper_bytes")]

    assert "SyntaxError" in shown[0]
    assert "helper_bad.py" in shown[0]
    assert "SyntaxError" in shown[1]
    assert host.call(flow.plain, 1) == 1


def test_threads_and_children_of_a_job_import_helpers(host: Host, tmp_path: Path) -> None:
    """Threads that import at one time do not mix their questions; a forked child asks nobody."""
    names = [f"helper_t{i}" for i in range(20)]
    write(tmp_path, **{name: value(i) for i, name in enumerate(names)}, helper_c=value(7))
    flow: Any = load_flow(
        tmp_path,
        "import os, threading\n"
        "from redunlite import task\n"
        "@task()\n"
        "def f(names):\n"
        "    found = {}\n"
        "    def fetch(name):\n"
        "        found[name] = __import__(name).value()\n"
        "    threads = [threading.Thread(target=fetch, args=(name,)) for name in names]\n"
        "    for thread in threads:\n        thread.start()\n"
        "    for thread in threads:\n        thread.join()\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        os._exit(__import__('helper_c').value())\n"
        "    status = os.waitpid(child, 0)[1]\n"
        "    return [found[name] for name in names], os.waitstatus_to_exitcode(status)\n",
    )

    assert host.call(flow.f, names) == (list(range(20)), 7)
    assert host.call(flow.f, names[:1]) == ([0], 7)


def test_interrupt_while_a_worker_asks_does_not_break_the_talk(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is read to its end before the job is interrupted."""
    from redunlite.call import CANCELLED

    write(tmp_path, helper_i=value(1))
    flow: Any = load_flow(
        tmp_path,
        "from redunlite import task\n"
        "@task()\n"
        "def f():\n"
        "    try:\n"
        "        import helper_i\n"
        "    except KeyboardInterrupt:\n"
        "        import helper_j\n"
        "    return 1\n",
    )
    write(tmp_path, helper_j=value(1))
    asked: list[str] = []

    def find(name: str, path: str | None) -> Any:
        asked.append(name)
        if name == "helper_i":
            worker = next(iter(executor._workers.values()))
            n_before = wait_for_sleep(worker.pid, -1)
            host.executor.cancel(20.0)
            wait_for_sleep(worker.pid, n_before)
        return _find_module(name, path)

    executor = host.executor
    assert isinstance(executor, ProcessExecutor)
    monkeypatch.setattr("redunlite.executors.process._find_module", find)
    number = host.submit(flow.f)
    host.wait_until(lambda: number in host.outcomes)

    assert host.outcomes[number].status == CANCELLED
    assert asked == ["helper_i", "helper_j"]


def wait_for_sleep(pid: int, n_before: int) -> int:
    """Wait until a process sleeps that has gone to sleep more than `n_before` times; return how often."""
    import time

    deadline = time.monotonic() + 20
    while True:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        n_now = int(fields["voluntary_ctxt_switches"])
        if n_now > n_before and fields["State"].split()[0] == "S":
            return n_now
        assert time.monotonic() < deadline


@pytest.mark.parametrize("executor", ["thread", "inline"])
def test_jobs_of_the_main_process_import_what_was_hashed(
    tmp_path: Path, scheduler: Scheduler, executor: str
) -> None:
    """A helper edited between hash and import is the hashed one until the run ends."""
    name = f"helper_{executor}"
    write(tmp_path, **{name: value(1)})
    flow: Any = load_flow(
        tmp_path,
        "from redunlite import task\n"
        f"PATH = {str(tmp_path / name)!r} + '.py'\n"
        f"@task(executor={executor!r})\n"
        "def f():\n"
        "    with open(PATH, 'a') as stream:\n"
        "        stream.write('def value():\\n    return 2\\n')\n"
        f"    import {name}\n"
        f"    return {name}.value()\n",
    )

    assert scheduler.run(flow.f()) == 1


def test_next_run_of_a_program_reads_helpers_anew(tmp_path: Path, scheduler: Scheduler) -> None:
    """A helper that nothing here has loaded is as it is on disk when a run begins."""
    write(tmp_path, helper_n=value(1))
    flow: Any = load_flow(
        tmp_path,
        "from redunlite import task\n"
        "@task(executor='process')\n"
        "def f():\n    import helper_n\n    return helper_n.value()\n",
    )
    results = []
    for number in (1, 2, 1):
        write(tmp_path, helper_n=value(number))
        results.append((scheduler.run(flow.f()), flow.f.hash))

    assert [result for result, _ in results] == [1, 2, 1]
    assert results[0][1] == results[2][1] != results[1][1]


def test_texts_stay_while_another_run_of_the_process_goes_on(tmp_path: Path) -> None:
    """Only the first of several runs at one time reads texts anew."""
    write(tmp_path, helper_o=value(1))
    path = str(tmp_path / "helper_o.py")
    with loading.holding_texts():
        first = loading.read_source("helper_o", path)
        write(tmp_path, helper_o=value(2))
        with loading.holding_texts():
            second = loading.read_source("helper_o", path)
    with loading.holding_texts():
        third = loading.read_source("helper_o", path)

    assert [s.text for s in (first, second, third) if s] == [value(1), value(1), value(2)]


def test_worker_finder_asks_for_project_files_only(tmp_path: Path) -> None:
    """With the file that it found; without one, once a name."""
    questions: list[tuple[str, str | None]] = []

    def ask(name: str, path: str | None) -> ModuleSource | None:
        questions.append((name, path))
        return ModuleSource(name, path, "X = 'told'\n", False) if path else None

    write(tmp_path, helper_w="X = 'disk'\n")
    sys.path.insert(0, str(tmp_path))
    WorkerFinder(ask=ask).install()
    assert importlib.import_module("helper_w").X == "told"
    for name in ("helper_gone", "helper_gone", "json.gone", "winreg_gone.x"):
        with pytest.raises(ImportError):
            importlib.import_module(name)

    assert questions == [
        ("helper_w", str(tmp_path / "helper_w.py")),
        ("helper_gone", None),
        ("winreg_gone", None),
    ]


def test_result_of_old_text_is_not_served_for_new(tmp_path: Path, meeting: Meeting) -> None:
    """The command: an edit while two jobs run changes nothing, and the next run has the new text."""

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "redunlite", "run", "flow.py", "main", "--workers", "2"],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def finish(process: subprocess.Popen[str]) -> tuple[list[int], str]:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        results = json.loads(out.replace("(", "[").replace(")", "]"))
        assert len({pid for _, pid in results}) == 2
        return [number for number, _ in results], err

    def pass_both() -> None:
        n_rung = 0
        os.set_blocking(meeting.bell, True)
        while n_rung < 2:
            n_rung += len(os.read(meeting.bell, 10))

    (tmp_path / "flow.py").write_text(FLOW)
    write(tmp_path, helper=value(1))
    process = start()
    pass_both()
    write(tmp_path, helper=value(2))
    meeting.gate.open(2)
    first, _ = finish(process)
    process = start()
    pass_both()
    meeting.gate.open(2)
    second, shown = finish(process)
    write(tmp_path, helper=value(1))
    third, _ = finish(start())

    assert (first, second, third) == ([1, 1], [2, 2], [1, 1])
    assert shown.count("(code changed: helper.py:2)") == 2, shown


def test_thread_that_asks_leaves_the_main_thread_interruptible() -> None:
    """Whether user code may be interrupted is a matter of the thread that runs it."""
    from redunlite.worker import Watch, Worker

    worker: Any = object.__new__(Worker)
    worker.watch = Watch()
    worker.watch.in_user_code = True
    worker._thread = threading.get_ident()
    worker._stream_lock = threading.Lock()
    seen: list[bool] = []

    class Stream:
        def sendall(self, data: bytes) -> None:
            seen.append(worker.watch.in_user_code)

        def recv_into(self, view: Any) -> int:
            view[:] = self.answers.pop(0)
            return len(view)

        answers = [b"\x01\0\0\0\x05", b"N"] * 2

    worker._stream = Stream()
    worker._ask(3, "x")
    thread = threading.Thread(target=worker._ask, args=(3, "x"))
    thread.start()
    thread.join()

    assert seen == [False, True]
    assert worker.watch.in_user_code
