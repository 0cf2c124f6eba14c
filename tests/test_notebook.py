"""A real notebook kernel: cells define tasks, classes and helpers, and run them on the process pool."""

from __future__ import annotations

import os
import re
import signal
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from test_process_executor import wait_for_end

KernelManager: Any = pytest.importorskip("jupyter_client").KernelManager
pytest.importorskip("ipykernel")
from jupyter_client.kernelspec import KernelSpec  # noqa: E402

PATIENCE_S = 60.0


class Cell(NamedTuple):
    """What a cell has shown."""

    stdout: str
    stderr: str
    value: str
    """Text of the last expression's value."""
    error: list[str]
    """Class, text and traceback of the exception; empty without one."""


class Kernel:
    """A kernel in a folder, in which cells can be run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        home = folder / "home"
        environment = {
            **os.environ,
            "IPYTHONDIR": str(home), "JUPYTER_RUNTIME_DIR": str(home), "NO_COLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "",
        }  # fmt: skip
        home.mkdir(parents=True)
        argv = [sys.executable, "-W", "error"]
        argv += ["-W", "ignore:There is no current event loop:DeprecationWarning"]  # of tornado
        argv += ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager = KernelManager(connection_file=str(home / "kernel.json"))
        self.manager._kernel_spec = KernelSpec(argv=argv, language="python")
        with open(home / "kernel.log", "w") as log:
            self.manager.start_kernel(cwd=str(folder), env=environment, stdout=log, stderr=log)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE_S)

    def begin(self, code: str) -> str:
        """Send a cell; return the message's id."""
        sent: str = self.client.execute(textwrap.dedent(code))
        return sent

    def iter_outputs(self, message_id: str) -> Iterator[dict[str, Any]]:
        """Yield what a cell publishes until it is done."""
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE_S)
            if message["parent_header"].get("msg_id") != message_id:
                continue
            if message["msg_type"] == "status":
                if message["content"]["execution_state"] == "idle":
                    return
                continue
            yield message

    def finish(self, message_id: str) -> Cell:
        """Return what a cell showed, when it is done."""
        texts = {"stdout": "", "stderr": ""}
        value = ""
        error: list[str] = []
        for message in self.iter_outputs(message_id):
            content = message["content"]
            if message["msg_type"] == "stream":
                texts[content["name"]] += content["text"]
            elif message["msg_type"] == "execute_result":
                value = content["data"]["text/plain"]
            elif message["msg_type"] == "error":
                lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in content["traceback"]]
                error = [content["ename"], content["evalue"], "\n".join(lines)]
        return Cell(texts["stdout"], texts["stderr"], value, error)

    def run(self, code: str) -> Cell:
        """Run a cell, which must not fail, and return what it showed."""
        cell = self.finish(self.begin(code))
        assert not cell.error, cell.error[2]
        return cell

    def close(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        if self.manager.is_alive():
            self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for all cells."""
    made = Kernel(tmp_path_factory.mktemp("notebook"))
    yield made
    made.close()


SETUP = """
import os
import redunlite
from redunlite import task, cond

redun_namespace = "cells"
RAN = "ran.txt"

def note(name):
    with open(RAN, "a") as stream:
        stream.write(name + "\\n")

def what_ran():
    if not os.path.exists(RAN):
        return []
    with open(RAN) as stream:
        names = stream.read().split()
    os.unlink(RAN)
    return sorted(names)
"""


@pytest.fixture(autouse=True)
def _set_up(kernel: Kernel) -> None:
    """Begin each test with the same names; a kernel that is gone fails it at once."""
    kernel.run(SETUP)


def test_tasks_of_a_cell_run_on_the_process_pool(kernel: Kernel) -> None:
    """The value is the cell's, nothing else is shown, and the next run is cached."""
    first = kernel.run(
        """
        @task()
        def double(x):
            note("double")
            print("not shown here")
            return 2 * x, os.getpid()

        @task()
        def total(pairs):
            return sum(x for x, _ in pairs), os.getpid() in [pid for _, pid in pairs]

        @task()
        def main(n):
            return total([double(i) for i in range(n)])

        pairs = redunlite.run([double(i) for i in range(4)])
        [x for x, _ in pairs], os.getpid() in [pid for _, pid in pairs], redunlite.run(main(4))[0]
        """
    )
    second = kernel.run("what_ran(), redunlite.run(main(4))[0], what_ran()")

    assert first == ("", "", "([0, 2, 4, 6], False, 12)", [])
    assert second == ("", "", "(['double', 'double', 'double', 'double'], 12, [])", [])


CLASSES = """
from dataclasses import dataclass
from enum import Enum
from collections import namedtuple

class Point:
    def __init__(self, x):
        self.x = x

    def moved(self, by):
        return Point(self.x + by)

class Far(Point):
    unit = "km"

@dataclass
class Config:
    size: int
    at: Point

class Color(Enum):
    RED = 1

Pair = namedtuple("Pair", "left right")

@task()
def make(x):
    note("make")
    return {"point": Far(x), "config": Config(x, Point(x)), "color": Color.RED, "pair": Pair(1, x)}

@task()
def look(made, point):
    note("look")
    assert isinstance(point, Point), point
    assert type(made["point"]) is Far and isinstance(made["point"], Point), made
    assert made["color"] is Color.RED and type(made["pair"]) is Pair
    assert type(made["config"]) is Config and type(made["config"].at) is Point
    return made["point"].moved(point.x)

made, moved = redunlite.run([make(1), look(make(1), Point(5))])
assert type(made["point"]) is Far and made["color"] is Color.RED and type(made["pair"]) is Pair
assert type(made["config"]) is Config and made["config"].at.x == 1
assert isinstance(moved, Point)
moved.x, what_ran()
"""


def test_classes_of_cells_are_arguments_and_results(kernel: Kernel) -> None:
    """`isinstance` holds on both sides, cold, cached, and after the cell was run again."""
    cold = kernel.run(CLASSES)
    cached = kernel.run("redunlite.run(look(make(1), Point(5))).x, what_ran()")
    again = kernel.run(CLASSES)

    assert cold.value == "(6, ['look', 'make'])"
    assert cached.value == "(6, [])"
    assert again.value == "(6, [])"


def test_edited_method_of_a_class_runs_what_uses_it(kernel: Kernel) -> None:
    """The tasks that get an instance, and those that make one."""
    text = """
        class Box:
            def __init__(self, x):
                self.x = x

            def grown(self):
                return Box(self.x + 1)

        @task()
        def pack(x):
            note("pack")
            return Box(x)

        @task()
        def grow(box):
            note("grow")
            return box.grown()

        @task()
        def other(x):
            note("other")
            return x

        redunlite.run([grow(pack(1)), other(1)])[0].x, what_ran()
        """
    first = kernel.run(text)
    second = kernel.run(text.replace("self.x + 1", "self.x + 10"))

    assert (first.value, second.value) == (
        "(2, ['grow', 'other', 'pack'])",
        "(11, ['grow', 'pack'])",
    )


def test_closures_and_lambdas_of_cells(kernel: Kernel) -> None:
    """Functions made by functions, lambdas as tasks and as arguments, and tasks as values."""
    cell = kernel.run(
        """
        def make_adder(n):
            @task(name="adder")
            def adder(x):
                return x + n
            return adder

        square = task(name="square")(lambda x: x * x)

        @task()
        def apply(function, x):
            return function(x)

        @task()
        def call(inner, x):
            return inner(x)

        @task()
        def give():
            return lambda x: x + 100

        expression = [
            make_adder(1)(10), make_adder(2)(10), square(4), apply(lambda x: -x, 3),
            call(square, 5), call(make_adder(7), 5), cond(square(0), 1, 2), apply(give(), 1),
        ]
        redunlite.run(expression), redunlite.run(expression)
        """
    )

    assert cell.value == "([11, 12, 16, -3, 25, 12, 2, 101], [11, 12, 16, -3, 25, 12, 2, 101])"


def test_task_defined_again_runs_itself_and_what_uses_it(kernel: Kernel) -> None:
    """Nothing else runs; layout and comments are no edits; the old text finds the old result."""
    text = """
        @task()
        def load(x):
            note("load")
            return x

        @task()
        def use(x):
            note("use")
            return x * 10

        @task()
        def aside(x):
            note("aside")
            return x

        redunlite.run([use(load(1)), aside(1)]), what_ran()
        """
    changed = """
        @task()
        def load(x):
            note("load")
            return x + 1
        """
    run = "redunlite.run([use(load(1)), aside(1)]), what_ran()"
    first = kernel.run(text)
    kernel.run(changed)
    second = kernel.run(run)
    kernel.run("# told\n\n" + textwrap.dedent(changed).replace("return", "# why\n    return"))
    commented = kernel.run(run)
    back = kernel.run(text)

    assert first.value == "([10, 1], ['aside', 'load', 'use'])"
    assert second.value == "([20, 1], ['load', 'use'])"
    assert commented.value == "([20, 1], [])"
    assert back.value == "([10, 1], [])"


def test_helper_of_a_later_cell_runs_what_uses_it(kernel: Kernel) -> None:
    """A helper, a constant, also one that is changed in place, though the task stays as it is."""
    first = kernel.run(
        """
        RATE = {"value": 2}

        def helper(x):
            return x * RATE["value"]

        @task()
        def scaled(x):
            note("scaled")
            return helper(x)

        @task()
        def plain(x):
            note("plain")
            return x

        redunlite.run([scaled(10), plain(10)]), what_ran()
        """
    )
    run = "redunlite.run([scaled(10), plain(10)]), what_ran()"
    kernel.run("def helper(x):\n    return x * RATE['value'] + 1")
    helper = kernel.run(run)
    kernel.run("RATE['value'] = 3")
    in_place = kernel.run(run)
    kernel.run("RATE = {'value': 4}")
    bound = kernel.run(run)

    assert first.value == "([20, 10], ['plain', 'scaled'])"
    assert helper.value == "([21, 10], ['scaled'])"
    assert in_place.value == "([31, 10], ['scaled'])"
    assert bound.value == "([41, 10], ['scaled'])"


def test_module_beside_the_notebook_is_reloaded(kernel: Kernel) -> None:
    """An edit counts when the module is reloaded, and not before; jobs run what the kernel has."""
    (kernel.folder / "beside.py").write_text("def value():\n    return 1\n")
    first = kernel.run(
        """
        import importlib
        import beside

        @task()
        def read():
            note("read")
            return beside.value()

        redunlite.run(read()), what_ran()
        """
    )
    (kernel.folder / "beside.py").write_text("def value():\n    return 22\n")
    edited = kernel.run("redunlite.run(read(), cache=False), what_ran()")
    reloaded = kernel.run("_ = importlib.reload(beside)\nredunlite.run(read()), what_ran()")
    (kernel.folder / "beside.py").write_text("def value():\n    return 1\n")
    back = kernel.run("_ = importlib.reload(beside)\nredunlite.run(read()), what_ran()")

    assert [c.value for c in (first, edited, reloaded, back)] == [
        "(1, ['read'])", "(1, ['read'])", "(22, ['read'])", "(1, [])",
    ]  # fmt: skip


def test_module_that_only_a_task_imports_is_read_for_each_run(kernel: Kernel) -> None:
    """The kernel has never loaded it, so there is nothing to reload."""
    (kernel.folder / "inside.py").write_text("def value():\n    return 1\n")
    first = kernel.run(
        """
        @task()
        def fetch():
            note("fetch")
            import inside
            return inside.value()

        redunlite.run(fetch()), what_ran()
        """
    )
    (kernel.folder / "inside.py").write_text("def value():\n    return 22\n")
    second = kernel.run("redunlite.run(fetch()), what_ran()")

    assert (first.value, second.value) == ("(1, ['fetch'])", "(22, ['fetch'])")


def test_autoreload_and_run_magic_are_edits(kernel: Kernel) -> None:
    """Functions whose code is exchanged under them, and files that are run in the notebook."""
    (kernel.folder / "auto.py").write_text("def value():\n    return 1\n")
    (kernel.folder / "script.py").write_text("def scripted():\n    return 1\n")
    first = kernel.run(
        """
        %load_ext autoreload
        %autoreload 2
        import auto
        %run script.py

        @task()
        def both():
            note("both")
            return auto.value(), scripted()

        redunlite.run(both()), what_ran()
        """
    )
    (kernel.folder / "auto.py").write_text("def value():\n    return 22\n")
    reloaded = kernel.run("redunlite.run(both()), what_ran()")
    (kernel.folder / "script.py").write_text("def scripted():\n    return 22\n")
    kernel.run("%run script.py")
    rerun = kernel.run("redunlite.run(both()), what_ran()")
    kernel.run("%autoreload 0")

    assert [c.value for c in (first, reloaded, rerun)] == [
        "((1, 1), ['both'])", "((22, 1), ['both'])", "((22, 22), ['both'])",
    ]  # fmt: skip


def test_async_task_runs_while_the_kernels_own_loop_does(kernel: Kernel) -> None:
    """From a cell and from a coroutine of the kernel's loop, which goes on afterwards."""
    cell = kernel.run(
        """
        import asyncio

        @task()
        def half(x):
            return x / 2

        @task()
        async def gather(n):
            await asyncio.sleep(0)
            return sum(await asyncio.gather(*[half(i) for i in range(n)]))

        async def outside():
            await asyncio.sleep(0)
            value = redunlite.run(gather(5))
            await asyncio.sleep(0)
            return value

        asyncio.get_running_loop().is_running(), redunlite.run(gather(4)), await outside()
        """
    )

    assert cell == ("", "", "(True, 3.0, 5.0)", [])


def test_error_shows_the_users_frames(kernel: Kernel) -> None:
    """The task's own exception, with the lines of the cells that it went through."""
    cell = kernel.finish(
        kernel.begin(
            """
            class Trouble(Exception):
                pass

            def deep(x):
                raise Trouble("with " + x)

            @task()
            def fails(x):
                return deep(x)

            @task()
            def outer():
                return fails("care")

            redunlite.run(outer())
            """
        )
    )
    caught = kernel.run(
        """
        try:
            redunlite.run(outer())
        except Trouble as error:
            print(type(error) is Trouble, error)
        """
    )

    assert cell.error[:2] == ["Trouble", "with care"]
    marked = [line for line in cell.error[2].splitlines() if line.startswith("-")][1:]
    assert [line.partition(" ")[2].split(maxsplit=1)[1] for line in marked] == [
        "redunlite.run(outer())", "return deep(x)", 'raise Trouble("with " + x)',
    ]  # fmt: skip
    assert "redunlite/" not in cell.error[2]
    assert caught.stdout == "True with care\n"


def test_output_has_no_cursor_codes(kernel: Kernel) -> None:
    """Neither a run nor the command from a cell, which tells its lines plainly."""
    (kernel.folder / "flow.py").write_text(
        "from redunlite import task\nredun_namespace = 'flow'\n"
        "@task()\ndef main(n: int = 1):\n    return n\n"
    )
    cell = kernel.run("!{__import__('sys').executable} -m redunlite run flow.py main")

    assert "Run    Job" in cell.stdout
    assert "\x1b" not in cell.stdout
    assert "running: " not in cell.stdout


def test_interrupt_cancels_the_run_and_the_kernel_lives_on(kernel: Kernel) -> None:
    """Workers end, the cell ends as interrupted, and the next cell runs."""
    kernel.run(
        """
        import signal, time

        @task()
        def stuck(path):
            with open(path, "w") as stream:
                stream.write(str(os.getpid()) + "\\n")
            signal.pause()

        os.mkfifo("stuck")
        """
    )
    message = kernel.begin("redunlite.run(stuck('stuck'))")
    with open(kernel.folder / "stuck") as stream:
        pid = int(stream.read())
    kernel.manager.interrupt_kernel()
    cell = kernel.finish(message)
    after = kernel.run("redunlite.run(stuck.func and cond(True, 5, 6))")

    assert cell.error[0] in ("KeyboardInterrupt", "Interrupted"), cell
    wait_for_end(pid)
    assert after.value == "5"
    log = kernel.run("!{__import__('sys').executable} -m redunlite log --limit 2")
    assert "[CANCEL]" in log.stdout, log


def test_contract_of_the_process_executor_holds_in_a_kernel(kernel: Kernel) -> None:
    """The very tests of the contract, beside numpy, the kernel's threads and one more."""
    tests = Path(__file__).parent
    cell = kernel.run(
        f"""
        import sys, threading
        import numpy, pytest

        sys.path.insert(0, {str(tests)!r})
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait)
        thread.start()
        words = ["-q", "-p", "no:cacheprovider", "--rootdir", {str(tests.parent)!r}, "-k", "process"]
        code = pytest.main([*words, {str(tests / "test_executor_contract.py")!r}])
        stop.set()
        int(code)
        """
    )

    assert cell.value == "0", cell.stdout


def test_kernel_that_is_killed_leaves_no_worker(tmp_path: Path) -> None:
    """Nor the guardian, whatever the worker is busy with."""
    kernel = Kernel(tmp_path)
    try:
        kernel.run(SETUP)
        kernel.run(
            """
            import signal

            @task()
            def stuck(path):
                signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 30))
                with open(path, "w") as stream:
                    stream.write(f"{os.getpid()} {os.getppid()}\\n")
                while True:
                    pass

            os.mkfifo("stuck")
            """
        )
        kernel.begin("redunlite.run(stuck('stuck'))")
        with open(tmp_path / "stuck") as stream:
            pids = [int(word) for word in stream.read().split()]
        os.kill(kernel.manager.provisioner.process.pid, signal.SIGKILL)
        for pid in pids:
            wait_for_end(pid)
    finally:
        kernel.close()
