"""Async tasks: coroutines on the engine's wait, and what is recorded of them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from redunlite import Scheduler, catch, get_context, task
from redunlite.control import fork_thread
from redunlite.errors import OptionError, SchedulerError
from redunlite.recorder.writer import RunRecorder
from redunlite.task import get_task_registry

redun_namespace = "test_coroutines"

_begun: list[str] = []
_go_on = threading.Event()
"""What `slow` waits for."""


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


def test_an_await_that_was_given_up_is_not_given_up_for_ever(scheduler: Scheduler):
    """After a timeout the next run tries again, with what has been computed meanwhile."""
    _go_on.clear()

    @task(name="hasty")
    async def hasty():
        _begun.append("hasty")
        try:
            return await asyncio.wait_for(slow(), 0.001 if len(_begun) == 1 else None)
        except asyncio.TimeoutError:
            _go_on.set()
            return "too late"

    results = [scheduler.run(hasty()) for _ in range(3)]

    assert results == ["too late", "in time", "in time"]
    assert _begun == ["hasty", "hasty"]


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


@task()
def read_context(value=get_context("k")):
    return value


@task()
def total(numbers):
    return sum(numbers)


@task()
def slow():
    _go_on.wait()
    return "in time"


def get_task(name):
    return get_task_registry().get(f"test_coroutines.{name}")


def test_calls_that_are_returned_have_their_present_code(scheduler: Scheduler):
    """A coroutine that awaits nothing and returns a call is recorded with the call, not its value."""

    @task(name="inner")
    def inner(x):
        return x + 1

    @task(name="hands_on", version="1")
    async def hands_on(x):
        _begun.append("hands_on")
        return [get_task("inner")(x)]

    assert scheduler.run(hands_on(1)) == [2]

    @task(name="inner")
    def inner_otherwise(x):
        return x + 100

    assert scheduler.run(hands_on(1)) == [101]
    assert _begun == ["hands_on"]


def test_values_are_what_they_were_at_the_await(scheduler: Scheduler):
    """What a coroutine does later to a list that it has passed on changes neither result nor record."""

    @task(name="grows")
    async def grows():
        _begun.append("grows")
        numbers, sums = [], []
        for i in range(3):
            numbers.append(i)
            sums.append(await total(numbers))
        later = asyncio.ensure_future(total(numbers))
        nested = asyncio.ensure_future(total(calls := [add(1, 1)]))
        await asyncio.sleep(0)
        numbers.append(100)
        calls.append(add(2, 2))
        return sums, await later, await nested

    for _ in range(2):
        assert scheduler.run(grows()) == ([0, 1, 3], 3, 2)
    assert _begun == ["grows"]


def test_an_expression_may_be_awaited_in_several_runs():
    """A large value of an expression that lives on does not stay in the store of the first run."""
    large = total(list(range(100_000)))

    @task(name="awaits_large", cache=False)
    async def awaits_large():
        return await large, await (large + 1)

    for _ in range(2):
        with contextlib.closing(Scheduler()) as scheduler:
            assert scheduler.run(awaits_large()) == (4999950000, 4999950001)


def test_what_an_await_gave_can_be_changed(scheduler: Scheduler):
    """An awaited list is the coroutine's own; a changed one that it returns is the changed one."""

    @task(name="changes")
    async def changes():
        found = add([1], [2])
        first, second = await found, await found
        first.append(3)
        return [first, second]

    @task(name="changes_all")
    async def changes_all():
        first = await add([1], [2])
        first.append(3)
        return first

    for _ in range(2):
        assert scheduler.run([changes(), changes_all()]) == [[[1, 2, 3], [1, 2]], [1, 2, 3]]


def test_asyncio_takes_expressions_as_coroutines(scheduler: Scheduler):
    """`create_task`, `shield`, `as_completed`, `wait_for`, `wait` with tasks; `wait` without is told."""

    @task(name="various")
    async def various():
        first = asyncio.create_task(chain(1))
        done, _ = await asyncio.wait([asyncio.ensure_future(add(i, 1)) for i in range(3)])
        return (
            await first,
            sorted(one.result() for one in done),
            await asyncio.shield(add(1, 2)),
            await asyncio.wait_for(add(1, 3), 60),
            sorted([await one for one in asyncio.as_completed([add(i, 2) for i in range(3)])]),
        )

    for _ in range(2):
        assert scheduler.run(various()) == (8, [1, 2, 3], 3, 4, [2, 3, 4])

    @task(name="waits_wrongly")
    async def waits_wrongly():
        await asyncio.wait([add(1, 1)])

    if sys.version_info >= (3, 11):
        with pytest.raises(AttributeError, match=r"asyncio\.ensure_future"):
            scheduler.run(waits_wrongly())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.TaskGroup is new in Python 3.11")
def test_task_groups_take_expressions(scheduler: Scheduler):
    """A group of calls, one of which fails."""

    @task(name="grouped")
    async def grouped():
        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(add(i, 1)) for i in range(3)]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail("in a group"))
        except BaseException as error:
            return [part.result() for part in parts], [str(e) for e in error.exceptions]

    for _ in range(2):
        assert scheduler.run(grouped()) == ([1, 2, 3], ["in a group"])


def test_awaiting_in_another_thread_is_refused(scheduler: Scheduler):
    """A loop of the user's own cannot wait for the engine, which is told before anything is evaluated."""

    async def elsewhere():
        return await add(1, 1)

    @task(name="strays")
    async def strays():
        return await asyncio.to_thread(lambda: asyncio.run(elsewhere()))

    with pytest.raises(SchedulerError, match=r"'test_coroutines\.strays'.*pass on what it gives"):
        scheduler.run(strays())


def test_threads_and_what_they_print_belong_to_the_coroutine(scheduler: Scheduler, capsys):
    """Every wake-up from a thread is seen, also one that comes while the loop is turned."""

    @task(name="threaded")
    async def threaded():
        for i in range(200):
            await asyncio.gather(*[asyncio.to_thread(print, i, j) for j in range(4)])
        done = threading.Event()
        printed = asyncio.create_task(asyncio.to_thread(lambda: (done.wait(), print("late"))))
        await asyncio.sleep(0)
        done.set()
        await printed
        return await add(1, 1)

    assert scheduler.run(threaded()) == 2
    assert capsys.readouterr().out == ""


def test_async_generators_are_refused():
    """A task with ``async def`` and ``yield`` is told where it is written."""
    with pytest.raises(TypeError, match=r"async generator.*in a list"):

        @task(name="yields")
        async def yields():
            yield 1


def test_leaving_the_program_is_a_failure_of_the_job(scheduler: Scheduler):
    """`sys.exit` in a coroutine ends it, and others can catch it."""

    @task(name="leaves")
    async def leaves():
        await add(1, 1)
        sys.exit(3)

    assert scheduler.run([catch(leaves(), SystemExit, recover), chain(1)]) == ["recovered 3", 8]
    with pytest.raises(SystemExit, match="3"):
        scheduler.run(leaves())


def test_coroutines_go_on_after_a_failure_when_asked_to(scheduler: Scheduler):
    """With keep-going a coroutine that waits for a timer is not dropped; a forked one never is."""

    @task(name="later")
    async def later(name):
        await asyncio.sleep(0.01)
        _begun.append(await add(name, "!"))

    with pytest.raises(ValueError, match="now"):
        scheduler.run([fail("now"), later("kept")], failure_policy="keep-going")
    assert _begun == ["kept!"]
    scheduler.run([fork_thread(later("forked"))])
    assert _begun == ["kept!", "forked!"]


def test_what_runs_in_the_background_keeps_no_run_alive(scheduler: Scheduler):
    """A task of asyncio's that is never done ends with the run, also with keep-going."""

    @task(name="leaves_behind", cache=False)
    async def leaves_behind():
        async def tick():
            while True:
                await asyncio.sleep(0.001)

        leaves_behind.left = asyncio.create_task(tick())
        return await add(1, 1)

    assert scheduler.run(leaves_behind()) == 2
    with pytest.raises(ValueError, match="now"):
        scheduler.run([leaves_behind(), fail("now")], failure_policy="keep-going")
    assert leaves_behind.left.cancelled()


def test_a_coroutine_that_awaits_itself_is_told(scheduler: Scheduler):
    """Nothing runs and nothing can: no hang."""

    @task(name="looks_back", cache_scope="CSE")
    async def looks_back(x):
        return await get_task("looks_back")(x)

    with pytest.raises(SchedulerError, match="waits for itself"):
        scheduler.run(looks_back(1))


def test_limits_hold_when_a_recorded_coroutine_begins_after_all(scheduler: Scheduler):
    """It takes its limit again before it begins, and gives it back once."""
    running = []
    most = []

    @task(name="source", version="1")
    def source():
        return 1

    @task(name="limited", version="1", limits={"db": 1})
    async def limited(i):
        found = await get_task("source")()
        running.append(i)
        most.append(len(running))
        await asyncio.sleep(0)
        running.remove(i)
        return found + i

    assert scheduler.run([limited(i) for i in range(4)]) == [1, 2, 3, 4]

    @task(name="source", version="2")
    def source_further():
        return 11

    for _ in range(2):
        assert scheduler.run([limited(i) for i in range(4)]) == [11, 12, 13, 14]
    assert most == [1] * 8


class _Unreadable:
    """Cannot be decoded in the main thread."""

    def __reduce__(self):
        return _make_unreadable, ()


def _make_unreadable():
    if threading.current_thread() is threading.main_thread():
        raise RuntimeError("not here")
    return _Unreadable()


def test_a_coroutine_that_cannot_begin_keeps_no_limit(scheduler: Scheduler):
    """Its arguments cannot be decoded; the next one with the same limit runs."""

    @task(name="make")
    def make():
        return _Unreadable()

    @task(name="takes", limits={"db": 1})
    async def takes(value):
        pass

    @task(name="next", limits={"db": 1})
    def run_next(error):
        return str(error)

    assert "not here" in scheduler.run(catch(takes(make()), Exception, run_next))


def test_calls_with_other_contexts_are_other_awaits(scheduler: Scheduler):
    """What a replay has evaluated is not taken for the same call under another context."""
    is_turned = []

    @task(name="turn", version="1")
    def turn():
        return 1

    @task(name="reads", version="1")
    async def reads():
        calls = [read_context.update_context(k=k)() for k in ("a", "b")]
        if is_turned:
            second, first = await asyncio.gather(*reversed(calls))
        else:
            first, second = await asyncio.gather(*calls)
        return first, second, await get_task("turn")()

    assert scheduler.run(reads()) == ("a", "b", 1)

    @task(name="turn", version="2")
    def turn_again():
        return 2

    is_turned.append(True)
    assert scheduler.run(reads()) == ("a", "b", 2)


def test_an_error_of_the_engine_is_not_kept_by_asyncio(scheduler: Scheduler, monkeypatch):
    """A database that cannot be written when a coroutine ends ends the run, as for any other task."""
    record_job = RunRecorder.record_job
    refused = []

    def refuse(self, job):
        if job.task.is_async and not refused:
            refused.append(job)
            raise sqlite3.OperationalError("disk is full")
        record_job(self, job)

    @task(name="awaits_nothing")
    async def awaits_nothing():
        return 1

    monkeypatch.setattr(RunRecorder, "record_job", refuse)
    with pytest.raises(sqlite3.OperationalError, match="disk is full"):
        scheduler.run(awaits_nothing())


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


HOSTILE = """
import asyncio
import os
from redunlite import task
redun_namespace = "h"

@task()
def names():
    return ["sample one", "sample two"]

@task()
def load(name):
    return name * 3

@task()
def count(text, name):
    return [len(text) * 1000]

@task()
async def one(name):
    text = await load(name)
    return await count(text, name)

@task()
def add_up(counts):
    return sum(count for [count] in counts)

@task()
async def all_of(found):
    return await asyncio.gather(*[one(name) for name in found])

@task()
async def main():
    return await add_up(await all_of(await names()))

@task()
def fail(message):
    raise ValueError(message)

@task()
async def careful():
    try:
        await fail("taken")
    except ValueError:
        return await load("x")

@task()
def failing():
    return [fail("not taken"), fail("not taken either"), careful()]

@task()
async def spin():
    await load("y")
    os.write(2, b"spinning\\n")
    while True:
        pass

@task()
async def shows():
    print("shown")
"""


@pytest.fixture
def hostile(tmp_path: Path):
    """Return what runs the command on a workflow file in a folder of its own."""
    (tmp_path / "h.py").write_text(HOSTILE)
    (tmp_path / ".git").mkdir()

    def run(*words):
        command = [sys.executable, "-m", "redunlite", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    run.folder = tmp_path  # type: ignore[attr-defined]
    return run


def test_what_an_await_gave_has_its_origin(hostile):
    """Passed on as it is, it comes from the awaited call, cold and cached; so does what is returned."""

    def name(origin, names, database):
        if origin is None or 0 <= origin < 1 << 32:
            return origin
        if origin > 0:
            return names[origin]
        sql = 'SELECT member FROM set_member WHERE "set" = ?'
        return [names[member] for (member,) in database.execute(sql, [-1 - origin])]

    def read_origins():
        database = sqlite3.connect(hostile.folder / ".redunlite" / "redunlite.db")
        names = dict(
            database.execute("SELECT c.id, t.name FROM call c JOIN task t ON t.id = c.task")
        )
        found = database.execute("SELECT call, place, origin FROM argument ORDER BY call, place")
        arguments = [(names[call], place, name(o, names, database)) for call, place, o in found]
        found = database.execute("SELECT id, result_origin FROM call WHERE result_origin NOT NULL")
        results = sorted((names[call], name(o, names, database)) for call, o in found)
        database.close()
        return sorted(map(str, arguments)), results

    assert hostile("run", "h.py", "main").stdout == "60000\n"
    cold = read_origins()
    one = ["('count', 0, 'load')", "('count', 1, 0)", "('load', 0, 0)", "('one', 0, 0)"]
    assert cold == (
        ["('add_up', 0, 'all_of')", "('all_of', 0, 'names')", *sorted(one * 2)],
        [("all_of", ["one", "one"]), ("main", "add_up"), ("one", "count"), ("one", "count")],
    )
    assert hostile("run", "h.py", "main").stdout == "60000\n"
    assert read_origins() == cold  # the same calls, so the replay gave the same origins
    job = next(
        line.split()[1] for line in hostile("log", "-").stdout.splitlines() if "h.count" in line
    )
    assert "text <--" in hostile("log", job).stdout


def test_a_failure_that_a_coroutine_took_is_not_named_at_the_end(hostile):
    """Only the failures that nobody took are."""
    ended = hostile("run", "--keep-going", "h.py", "failing").stderr.split("Execution failed")[1]

    assert "not taken either" in ended
    assert "'taken'" not in ended and ": taken" not in ended


def test_what_a_coroutine_prints_is_shown_when_asked_for(hostile):
    """As for every other task."""
    assert "| shown" in hostile("run", "-v", "h.py", "shows").stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_coroutine_that_computes_can_be_stopped(hostile, number):
    """A signal reaches the code of a coroutine that does not come back to the engine."""
    command = [sys.executable, "-m", "redunlite", "run", "-v", "h.py", "spin"]
    with subprocess.Popen(
        command, cwd=hostile.folder, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if line == "spinning\n":
                break
        running.send_signal(number)
        told = running.stderr.read()
    assert running.returncode == -number
    assert "Execution cancelled" in told
