"""Async tasks: coroutines on the engine's wait, and what is recorded of them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from redunlite import Scheduler, catch, task
from redunlite.errors import OptionError
from redunlite.task import get_task_registry

redun_namespace = "test_coroutines"

_begun: list[str] = []


@pytest.fixture(autouse=True)
def _forget():
    _begun.clear()


@task()
def add(a, b=10):
    return a + b


@task()
def fail(message):
    raise ValueError(message)


@task()
def recover(error):
    return f"recovered {error}"


@task()
async def chain(x):
    _begun.append("chain")
    first = await add(x, 1)
    return first * await add(first, 2)


@task()
async def gathered(n):
    _begun.append("gathered")
    parts = await asyncio.gather(*[add(i, i) for i in range(n)])
    await asyncio.sleep(0)
    return sum(parts)


@task()
async def careful():
    _begun.append("careful")
    try:
        await fail("x")
    except ValueError as error:
        return f"caught {error}"


@task()
async def gives_calls(x):
    known = await add(x, 1)
    return [add(known, 1), known]


@task()
async def countdown(n):
    return 0 if n == 0 else 1 + await countdown(n - 1)


@task()
def many(n):
    return [chain(i) for i in range(n)]


def test_coroutines_await_expressions(scheduler: Scheduler):
    """Awaited calls, many at once, operators, forms, and calls in the result."""
    assert scheduler.run(chain(1)) == 8
    assert scheduler.run(gathered(5)) == 20
    assert scheduler.run(gives_calls(3)) == [5, 4]
    assert scheduler.run(add(chain(1), 1)) == 9

    @task(name="mixed")
    async def mixed():
        return await (add(1, 1) + add(2, 2)), await catch(fail("y"), ValueError, recover)

    assert scheduler.run(mixed()) == (6, "recovered y")


def test_recorded_awaits_stand_for_the_coroutine(scheduler: Scheduler):
    """The second time nothing is begun, whatever was awaited, also a failure that was caught."""
    for _ in range(2):
        assert scheduler.run([chain(1), gathered(3), careful()]) == [8, 6, "caught x"]

    assert sorted(_begun) == ["careful", "chain", "gathered"]


def test_coroutine_runs_again_when_an_await_comes_to_something_else(scheduler: Scheduler):
    """An edited task runs again, and the coroutine only when its result is another one."""

    @task(name="step")
    def step(x):
        return x + 1

    @task(name="walker", version="1")
    async def walker():
        _begun.append("walker")
        return await get_task_registry().get("test_coroutines.step")(1) + 1

    assert scheduler.run(walker()) == 3

    @task(name="step")
    def step_written_otherwise(x):
        return 1 + x

    assert scheduler.run(walker()) == 3
    assert _begun == ["walker"]

    @task(name="step")
    def step_further(x):
        return x + 5

    assert scheduler.run(walker()) == 7
    assert _begun == ["walker", "walker"]


def test_no_coroutine_needs_a_thread(scheduler: Scheduler):
    """Two thousand coroutines at once, and three thousand deep, in one thread."""
    seen = set()

    @task(name="noting")
    async def noting(i):
        seen.add(threading.get_ident())
        return await add(i, 0)

    @task(name="crowd")
    def crowd():
        return [noting(i) for i in range(2000)]

    assert scheduler.run(crowd()) == list(range(2000))
    assert len(seen) == 1
    assert scheduler.run(countdown(3000)) == 3000


def test_failures_are_the_users_own(scheduler: Scheduler):
    """An uncaught failure of an await is that task's; one of the coroutine is its own."""

    @task(name="broken")
    async def broken():
        await add(1, 1)
        raise KeyError("mine")

    with pytest.raises(ValueError, match="deep"):

        @task(name="passes_on")
        async def passes_on():
            return await fail("deep")

        scheduler.run(passes_on())
    with pytest.raises(KeyError, match="mine"):
        scheduler.run(broken())
    assert scheduler.run(catch(broken(), KeyError, recover)) == "recovered 'mine'"


def test_equal_calls_share_one_coroutine(scheduler: Scheduler):
    """In one run, two equal async calls are one coroutine; without a cache scope, two."""
    assert scheduler.run([chain(1), chain(1)]) == [8, 8]
    assert _begun == ["chain"]
    alone = chain.options(cache_scope="NONE")
    scheduler.run([alone(1), alone(1)])
    assert _begun == ["chain"] * 3


def test_coroutines_left_alive_end_with_the_run(scheduler: Scheduler):
    """What still waits when the run ends is cancelled, and may clean up."""
    ended = []

    @task(name="waits")
    async def waits():
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(True)

    with pytest.raises(ValueError):
        scheduler.run([waits(), fail("now")])

    assert ended == [True]


def test_timeouts_of_asyncio_hold(scheduler: Scheduler):
    """`wait_for` ends a wait for something that does not come."""

    @task(name="patient")
    async def patient():
        try:
            await asyncio.wait_for(asyncio.sleep(3600), 0.01)
        except asyncio.TimeoutError:
            return await add(1, 2)

    assert scheduler.run(patient()) == 3


def test_a_loop_around_the_engine_is_left_alone(scheduler: Scheduler):
    """A run inside a running loop, as in a notebook, works, and the loop goes on."""

    async def cell():
        return scheduler.run(chain(1)), await asyncio.sleep(0, "after")

    assert asyncio.run(cell()) == (8, "after")


def test_await_outside_of_an_async_task_is_told():
    """Awaiting an expression anywhere else names the task and the way out."""

    async def outside():
        return await add(1, 1)

    with pytest.raises(
        RuntimeError, match=r"'test_coroutines\.add' is awaited outside of an async"
    ):
        asyncio.run(outside())


def test_executor_and_script_are_refused():
    """An option that an async task cannot have is told where it is written."""
    with pytest.raises(OptionError, match="executor"):

        @task(executor="thread")
        async def refused():
            pass

    with pytest.raises(OptionError, match="executor"):
        chain.options(executor="process")


WORKFLOW = """
import asyncio
from redunlite import task
redun_namespace = "w"

@task()
def add(a, b):
    return a + b

@task()
async def work(name):
    print("in the coroutine")
    first = await add(name, "!")
    return await asyncio.gather(*[add(first, str(i)) for i in range(2)])

@task()
def main():
    return work("a long name")
"""


def test_async_tasks_in_the_pool_and_in_the_log(tmp_path: Path):
    """At the command line: result, captured output, job tree, and no coroutine the second time."""
    (tmp_path / "w.py").write_text(WORKFLOW)
    (tmp_path / ".git").mkdir()

    def run(*words):
        command = [sys.executable, "-m", "redunlite", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    cold = run("run", "w.py", "main")
    assert cold.stdout == "['a long name!0', 'a long name!1']\n", cold.stderr
    assert "w.work(name='a long name') on async" in cold.stderr
    tree = run("log", "-").stdout
    job = next(line.split()[1] for line in tree.splitlines() if "w.work" in line)
    assert "in the coroutine" in run("log", job).stdout
    assert [line.strip().split(":  ")[1] for line in tree.splitlines() if "    Job" in line] == [
        "w.add('a long name', '!')", "w.add('a long name!', '0')", "w.add('a long name!', '1')"
    ]  # fmt: skip
    cached = run("run", "-v", "w.py", "main")
    assert cached.stdout == cold.stdout
    assert "Run  " not in cached.stderr and "in the coroutine" not in cached.stderr
