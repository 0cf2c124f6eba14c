"""The engine: reduction, caching within a run, scopes, failures, limits, policies."""

from __future__ import annotations

import collections
import dataclasses
import linecache
import threading
import traceback
from pathlib import Path
from typing import Any

import pytest

from redunlite import Scheduler, catch, cond, get_task_registry, task
from redunlite.config import Config
from redunlite.errors import DryRunResult, HiddenExpressionError, LimitError, SchedulerError
from redunlite.functools import map_, seq
from redunlite.recorder.writer import RunRecorder
from redunlite.reporter import ExecutionEnd, Failure, JobLine, SilentReporter, TaskCounts
from redunlite.session import count_cpus, open_memory_session

redun_namespace = "test_engine"

_calls: collections.Counter[str] = collections.Counter()


@pytest.fixture(autouse=True)
def _forget_calls():
    _calls.clear()


@task()
def inc(x):
    _calls["inc"] += 1
    return x + 1


@task()
def add(a, b=2):
    _calls["add"] += 1
    return a + b


@task()
def total(xs):
    return sum(xs)


@task()
def fail(message="no"):
    _calls["fail"] += 1
    raise ValueError(message)


@task()
def fan(n):
    return total([inc(i) for i in range(n)])


@task()
def down(n):
    return 0 if n == 0 else down(n - 1)


def test_nested_calls_reduce(scheduler: Scheduler):
    """Calls in arguments and results are reduced until a value is left."""
    assert scheduler.run(add(inc(1), add(inc(2)))) == 2 + 5
    assert scheduler.run(fan(10)) == sum(range(1, 11))


def test_plain_and_nested_values_can_be_run(scheduler: Scheduler):
    """Anything can be the root: data, a container with expressions, an operator."""
    assert scheduler.run([1, {"a": inc(1)}, (inc(2), inc(3) * 2)]) == [1, {"a": 2}, (3, 8)]
    assert scheduler.run(5) == 5
    assert scheduler.run(inc(1) + inc(2)) == 5


@dataclasses.dataclass
class Point:
    """A user's dataclass that may hold expressions."""

    x: int
    y: list


Pair = collections.namedtuple("Pair", "left right")


def test_expressions_in_every_container_are_reduced(scheduler: Scheduler):
    """Containers of the standard library and dataclasses keep their type."""
    value = [
        {inc(1): inc(2)},
        {inc(3), inc(4)},
        frozenset([inc(5)]),
        Pair(inc(6), 1),
        Point(inc(7), [inc(8)]),
        collections.OrderedDict(a=inc(9)),
        collections.defaultdict(list, a=inc(10)),
        collections.deque([inc(11)], maxlen=3),
    ]
    actual = scheduler.run(value)
    expected = [
        {2: 3},
        {4, 5},
        frozenset([6]),
        Pair(7, 1),
        Point(8, [9]),
        collections.OrderedDict(a=10),
        collections.defaultdict(list, a=11),
        collections.deque([12], maxlen=3),
    ]

    assert actual == expected
    assert [type(a) for a in actual] == [type(e) for e in expected]
    assert actual[7].maxlen == 3
    assert actual[6].default_factory is list


class Hiding:
    """An object that the engine does not look into."""

    def __init__(self, inside):
        self.inside = inside


def test_hidden_expression_is_refused(scheduler: Scheduler):
    """An expression inside another object never reaches user code."""
    with pytest.raises(HiddenExpressionError):
        scheduler.run(total([Hiding(inc(1))]))


def test_equal_calls_run_once(scheduler: Scheduler):
    """`f(1, 2)`, `f(1, b=2)`, `f(a=1, b=2)` and `f(1)` with that default are one evaluation."""
    assert scheduler.run([add(1, 2), add(1, b=2), add(a=1, b=2), add(1)]) == [3] * 4
    assert _calls["add"] == 1


def test_second_run_is_cached(scheduler: Scheduler):
    """A scheduler remembers its results."""
    scheduler.run(fan(5))
    scheduler.run(fan(5))

    assert _calls["inc"] == 5


def test_without_cache_everything_runs_again_but_once(scheduler: Scheduler):
    """`cache=False` leaves only the sharing within the run."""
    scheduler.run([inc(1), inc(1)])
    scheduler.run([inc(1), inc(1)], cache=False)

    assert _calls["inc"] == 2


def test_scope_none_makes_two_calls_of_two_expressions(scheduler: Scheduler):
    """With `cache_scope=NONE` two calls are two; one expression object used twice is one."""
    numbers = iter(range(100))

    @task(cache_scope="NONE")
    def rand():
        return next(numbers)

    one = rand()
    a, b, c, d = scheduler.run([rand(), rand(), one, one])

    assert len({a, b, c}) == 3
    assert c == d


def test_scope_cse_shares_within_a_run_only(scheduler: Scheduler):
    """`cache=False` on a task means once a run."""
    count = iter(range(100))

    @task(cache=False)
    def number():
        return next(count)

    assert scheduler.run([number(), number()]) == [0, 0]
    assert scheduler.run([number(), number()]) == [1, 1]


def test_failure_raises_the_users_exception(scheduler: Scheduler):
    """The caller gets the exception of the task."""
    with pytest.raises(ValueError, match="boom"):
        scheduler.run(add(fail("boom"), 1))


def test_failures_are_shared_in_a_run_and_never_replayed(scheduler: Scheduler):
    """Two equal failing calls fail once; the next run tries again."""
    for _ in range(2):
        with pytest.raises(ValueError):
            scheduler.run([fail(), fail()])

    assert _calls["fail"] == 2


def test_catch_recovers_by_class(scheduler: Scheduler):
    """The first matching class decides; others climb on."""

    @task()
    def recover(error):
        return f"recovered {error}"

    assert scheduler.run(catch(fail("x"), ValueError, recover)) == "recovered x"
    assert scheduler.run(catch(inc(1), ValueError, recover)) == 2
    found = scheduler.run(catch(fail("y"), KeyError, inc, (OSError, ValueError), recover))
    assert found == "recovered y"
    with pytest.raises(ValueError):
        scheduler.run(catch(fail("z"), KeyError, recover))


def test_catch_inside_a_task(scheduler: Scheduler):
    """A failure deep below is taken by a catch that a task returned."""

    @task()
    def deep():
        return add(1, total([fail("deep")]))

    @task()
    def recover(error):
        return -1

    @task()
    def main():
        return [catch(deep(), ValueError, recover), inc(1)]

    assert scheduler.run(main()) == [-1, 2]


def test_cond_evaluates_only_the_chosen_branch(scheduler: Scheduler):
    """Branches that are not chosen are never evaluated."""
    assert scheduler.run(cond(inc(0) == 1, inc(10), fail())) == 11
    assert scheduler.run(cond(False, fail(), inc(0) > 5, fail(), inc(20))) == 21
    assert _calls["fail"] == 0
    with pytest.raises(IndexError):
        scheduler.run(cond(False, 1))


def test_seq_is_one_after_another(scheduler: Scheduler):
    """Each element starts when the one before it ended."""
    events = []

    @task(cache=False)
    def step(i):
        events.append(("start", i))
        events.append(("end", i))
        return i

    assert scheduler.run(seq([step(1), step(2), step(3)])) == [1, 2, 3]
    assert events == [(what, i) for i in (1, 2, 3) for what in ("start", "end")]
    assert scheduler.run(seq([])) == []


def test_map_takes_expressions(scheduler: Scheduler):
    """The task, the values or both may be expressions."""

    @task()
    def numbers():
        return [1, 2, 3]

    @task()
    def pick():
        return inc

    assert scheduler.run(map_(inc, numbers())) == [2, 3, 4]
    assert scheduler.run(map_(pick(), [5])) == [6]
    assert scheduler.run(map_(inc, [inc(1), 5])) == [3, 6]


def test_tasks_are_arguments_and_results(scheduler: Scheduler):
    """A task can be passed, returned and called lazily."""

    @task()
    def apply(a_task, x):
        return a_task(x)

    @task()
    def choose():
        return inc

    assert scheduler.run(apply(inc, 1)) == 2
    assert scheduler.run(choose()(5)) == 6


def test_tasks_made_by_functions_are_apart(scheduler: Scheduler):
    """A closure's cells belong to the task, cold and cached."""

    def make(n):
        @task(name="made", ignore=["_calls"])
        def made(x):
            _calls["made"] += 1
            return x + n

        return made

    assert scheduler.run([make(1)(10), make(2)(10)]) == [11, 12]
    assert scheduler.run([make(1)(10), make(2)(10)]) == [11, 12]
    assert _calls["made"] == 2


def test_default_that_is_an_expression_is_evaluated(scheduler: Scheduler):
    """A default argument may be a call."""

    @task()
    def plus(x, y=inc(10)):  # noqa: B008
        return x + y

    assert scheduler.run(plus(1)) == 12


def test_mutating_an_argument_changes_nobody_elses(scheduler: Scheduler):
    """Every call gets its own decode of its arguments."""

    @task()
    def numbers():
        return [1, 2, 3]

    @task()
    def spoil(xs, tag):
        xs.append(tag)
        return len(xs)

    shared = numbers()
    assert scheduler.run([spoil(shared, "a"), spoil(shared, "b"), shared]) == [4, 4, [1, 2, 3]]


def test_long_chain_and_deep_recursion_finish(scheduler: Scheduler):
    """Depth costs memory, not recursion: nested calls, and a task that calls itself."""
    chain = inc(0)
    for _ in range(2_000):
        chain = inc(chain)

    assert scheduler.run(chain) == 2_001
    assert scheduler.run(down(1_000)) == 0


def test_limits_bound_what_runs_together(scheduler: Scheduler):
    """Jobs that share a limit of 1 never overlap."""
    running = []
    lock = threading.Lock()
    most = []

    @task(limits=["db"])
    def query(i):
        with lock:
            running.append(i)
            most.append(len(running))
        for _ in range(1000):
            pass
        with lock:
            running.remove(i)
        return i

    assert scheduler.run([query(i) for i in range(20)]) == list(range(20))
    assert max(most) == 1


def test_limit_that_can_never_be_met_is_an_error(scheduler: Scheduler):
    """A demand above capacity fails at once instead of waiting for ever."""

    @task(limits={"db": 5})
    def greedy():
        return 1

    with pytest.raises(LimitError, match="db"):
        scheduler.run(greedy())


def test_unknown_executor_is_an_error_with_the_nearest_name(scheduler: Scheduler):
    """A job on an executor that is not configured fails and says so."""

    @task(executor="tread")
    def lost():
        return 1

    with pytest.raises(Exception, match="thread"):
        scheduler.run(lost())


def test_expression_that_needs_itself_is_an_error(scheduler: Scheduler):
    """A cycle between calls is found, not waited for."""

    @task()
    def loop(n):
        return loop(n)

    with pytest.raises(SchedulerError, match="itself"):
        scheduler.run(loop(1))


@pytest.mark.parametrize("policy", ["finish", "fail-fast", "keep-going"])
def test_failure_policy_decides_about_other_jobs(scheduler: Scheduler, policy):
    """After an uncaught failure new jobs start only with keep-going."""
    started = []

    @task(executor="inline")
    def bad():
        raise ValueError("bad")

    @task(executor="inline", cache=False)
    def after(x):
        started.append(x)
        return x

    @task(executor="inline")
    def later(i):
        return after(i)

    with pytest.raises(ValueError, match="bad"):
        scheduler.run([bad(), *[later(i) for i in range(5)]], failure_policy=policy)

    assert (len(started) == 5) == (policy == "keep-going")


def test_dry_run_tells_and_runs_nothing(scheduler: Scheduler):
    """A dry run raises DryRunResult when something would run, else gives the cached value."""
    with pytest.raises(DryRunResult):
        scheduler.run(inc(1), dryrun=True)
    assert _calls["inc"] == 0
    scheduler.run(inc(1))
    assert scheduler.run(inc(1), dryrun=True) == 2


def test_shallow_validity_replays_the_final_value(scheduler: Scheduler):
    """With check_valid="shallow" a hit brings no jobs below it."""

    @task(check_valid="shallow")
    def top(n):
        _calls["top"] += 1
        return total([inc(i) for i in range(n)])

    assert scheduler.run(top(3)) == 6
    assert scheduler.run(top(3)) == 6
    assert _calls["top"] == 1


def test_shallow_hit_needs_present_code_below(scheduler: Scheduler):
    """An ultimate hit is refused once a task below it has changed."""

    @task(name="leaf", version="1")
    def leaf():
        return "one"

    @task(check_valid="shallow", version="1")
    def top():
        return leaf()

    assert scheduler.run(top()) == "one"

    @task(name="leaf", version="2")
    def leaf2():
        return "two"

    assert scheduler.run(top()) == "two"


def test_config_args_are_not_in_the_key(scheduler: Scheduler):
    """A change of a config argument is a hit."""

    @task(config_args=["threads"])
    def work(x, threads=1):
        _calls["work"] += 1
        return x

    scheduler.run(work(1, threads=1))
    scheduler.run(work(1, threads=8))

    assert _calls["work"] == 1


def test_options_at_the_call_do_not_change_the_key(scheduler: Scheduler):
    """`.options()` gives another executor, not another result."""
    scheduler.run(inc(1))
    scheduler.run(inc.options(executor="inline")(1))

    assert _calls["inc"] == 1


def test_catch_remembers_its_recovery_until_the_code_changes(scheduler: Scheduler):
    """What failed is not tried again, until a task that had a part in the failure is edited."""

    @task(name="risky", version="1")
    def risky(x):
        _calls["risky"] += 1
        raise ValueError(f"bad {x}")

    @task()
    def outer(x):
        return risky(x)

    @task()
    def recover(error):
        return str(error)

    for _ in range(2):
        assert scheduler.run(catch(outer(1), ValueError, recover)) == "bad 1"
    assert _calls["risky"] == 1
    assert scheduler.run(catch(outer(1), ValueError, recover), cache=False) == "bad 1"
    assert _calls["risky"] == 2

    @task(name="risky", version="2")
    def risky(x):  # noqa: F811
        return "good"

    assert scheduler.run(catch(outer(1), ValueError, recover)) == "good"


class Picky(Exception):
    """An exception that cannot be made from its own arguments."""

    def __init__(self, code, where):
        super().__init__(f"code {code}")
        self.code = code
        self.where = where


def test_exception_that_does_not_unpickle_is_caught_by_its_class(scheduler: Scheduler):
    """Class and attributes reach `catch`, the recovering task and the caller."""

    @task()
    def picky():
        raise Picky(7, "here")

    @task()
    def recover(error):
        return (type(error).__name__, str(error), error.code, error.where)

    assert scheduler.run(catch(picky(), Picky, recover)) == ("Picky", "code 7", 7, "here")
    with pytest.raises(Picky, match="code 7"):
        scheduler.run(picky())


def test_option_without_effect_is_told(scheduler: Scheduler):
    """An option that this version does not carry out is never ignored in silence."""
    from redunlite.reporter import SilentReporter

    class Listener(SilentReporter):
        def __init__(self):
            self.warnings = []

        def warning(self, message):
            self.warnings.append(message)

    @task(timeout=5)
    def slow(x):
        return x

    scheduler.run(1)
    listener = scheduler._session.reporter = Listener()
    scheduler.run([slow(1), slow(2)])

    assert len(listener.warnings) == 1
    assert "timeout" in listener.warnings[0]


def test_unhashable_key_or_member_is_a_failure_that_catch_takes(scheduler: Scheduler):
    """A set or dict that cannot be built from its values fails its job, not the run."""

    @task()
    def recover(error):
        return "caught"

    @task()
    def numbers():
        return [1]

    assert scheduler.run(catch({numbers()}, TypeError, recover)) == "caught"
    with pytest.raises(TypeError, match="unhashable"):
        scheduler.run({numbers(): 2})


def test_value_that_contains_itself_and_an_expression_is_refused(scheduler: Scheduler):
    """A cycle is an error at once, also with an expression beside it."""

    @task()
    def cyclic():
        items = [inc(1)]
        items.append(items)
        return items

    with pytest.raises(TypeError, match="itself"):
        scheduler.run(cyclic())


# What a reporter is told.


_begun, _release = threading.Event(), threading.Event()


class Watcher(SilentReporter):
    """Keeps what it is told of failures and of the end."""

    def __init__(self) -> None:
        self.firsts: list[tuple[str, int | None]] = []
        self.end: ExecutionEnd | None = None

    def first_failure(self, failure: Failure, n_running: int | None) -> None:
        """Keep the first failure, and let what runs go on."""
        self.firsts.append((failure.detail.summary, n_running))
        _release.set()

    def execution_ended(self, end: ExecutionEnd) -> None:
        """Keep the end."""
        self.end = end

    def get_others(self) -> list[tuple[str, str]]:
        """Return the last argument and the summary of each failure beside the first."""
        assert self.end is not None
        assert len(self.end.other_failures) == self.end.n_other_failures
        return [(job.arguments[-1][1], job.summary) for job in self.end.other_failures]


@task(executor="inline", cache=False)
def divide(x):
    """Fail for 0 and for everything."""
    return {}[x]


@task(executor="inline", cache=False)
def nest(x):
    """Fail below."""
    return divide(x)


@task(executor="inline", cache=False)
def forgive(error):
    """Recover."""
    return -1


def run_failing(value, watcher: Watcher, policy: str = "keep-going") -> None:
    """Run what fails with a KeyError."""
    session = open_memory_session(watcher)
    try:
        with pytest.raises(KeyError):
            session.run(value, failure_policy=policy)
    finally:
        session.close()


def test_all_failures_are_named_when_others_go_on():
    """The jobs that failed of themselves, not those above them; the first one has the traceback."""
    watcher = Watcher()

    run_failing([nest(i) for i in range(4)], watcher)

    assert watcher.end is not None and watcher.end.failure is not None
    assert watcher.end.failure.detail.summary == "KeyError: 0"
    assert watcher.get_others() == [(str(i), f"KeyError: {i}") for i in range(1, 4)]


def test_failures_that_a_catch_takes_are_not_named():
    """Neither a failure that was recovered from; one that a catch gives on is."""
    watcher = Watcher()

    run_failing(
        [divide(0), catch(nest(1), KeyError, forgive), catch(nest(2), ValueError, forgive)],
        watcher,
    )

    assert watcher.get_others() == [("2", "KeyError: 2")]


def test_only_the_first_of_very_many_failures_are_described():
    """The rest are counted."""
    watcher = Watcher()

    run_failing([divide(i) for i in range(100)], watcher)

    assert watcher.end is not None
    assert len(watcher.end.other_failures) == 20
    assert watcher.end.n_other_failures == 99


@task(executor="thread", cache=False)
def hold(*needed):
    """Run until the test lets it go; not at all when it needs nothing."""
    _begun.set()
    if needed:
        assert _release.wait(30)
    return 1


@task(executor="inline", cache=False)
def fail_late():
    """Fail when another job runs."""
    assert _begun.wait(30)
    raise KeyError("late")


@pytest.mark.parametrize("policy, n_running", [("finish", 1), ("keep-going", None)])
def test_first_failure_is_told_while_other_jobs_run(policy: str, n_running: int | None):
    """At once, with the number of those that will finish, or that more will start."""
    _begun.clear()
    _release.clear()
    watcher = Watcher()

    run_failing([hold(1), fail_late()], watcher, policy)

    assert watcher.firsts == [("KeyError: 'late'", n_running)]
    assert watcher.end is not None
    assert watcher.end.counts["test_engine.hold"] == TaskCounts(done=1)


class Progress(Watcher):
    """Lets the jobs go on when so many are at a worker, and keeps the counts of that moment."""

    wants_progress = True

    def __init__(self, n_wanted: int) -> None:
        super().__init__()
        self._n_wanted = n_wanted
        self.seen: tuple[TaskCounts, list[str]] | None = None
        self.left_s: float | None = None

    def progress(self, counts, running, left_s) -> None:
        """Look at the counts."""
        count = counts.get("test_engine.hold", TaskCounts())
        if self.seen is None and count.running >= self._n_wanted and count.done:
            self.seen = (dataclasses.replace(count), list(running))
            self.left_s = left_s
            _release.set()


def test_calls_that_no_worker_has_begun_are_pending():
    """Of calls that an executor took ahead, those at a worker are running; the parent is, too."""
    _release.clear()
    n_workers = count_cpus()
    watcher = Progress(n_workers)
    session = open_memory_session(watcher)
    first = hold()

    session.run([hold(first, i) for i in range(n_workers + 5)])
    session.close()

    assert watcher.seen == (
        TaskCounts(done=1, running=n_workers, pending=5),
        ["test_engine.hold"] * min(n_workers, 20),
    )


@task()
def measure(nested_value):
    depth = 0
    while isinstance(nested_value, (list, tuple, dict)):
        nested_value = nested_value["k"] if isinstance(nested_value, dict) else nested_value[-1]
        depth += 1
    return depth, nested_value


def _nest(depth, leaf):
    for i in range(depth):
        leaf = [leaf] if i % 3 == 0 else (i, leaf) if i % 3 == 1 else {"k": leaf}
    return leaf


def _double(times, leaf):
    for _ in range(times):
        leaf = [leaf, leaf]
    return leaf


@task()
def give_nested(depth):
    return _nest(depth, inc(1))


@task()
def give_doubled(times):
    return _double(times, inc(1))


@pytest.mark.parametrize("depth", [10, 10_000])
def test_expressions_lie_in_containers_of_any_depth(scheduler: Scheduler, depth):
    """An expression at the bottom of 10,000 containers is found, as argument and in a result."""
    for _ in range(2):
        assert scheduler.run(measure(_nest(depth, inc(1)))) == (depth, 2)
        assert scheduler.run(measure(give_nested(depth))) == (depth, 2)
        assert scheduler.run(measure(_nest(depth, 5))) == (depth, 5)


def test_shared_containers_are_worked_out_once(scheduler: Scheduler):
    """A list that holds one list twice, forty times over, takes no 2 ** 40 steps."""
    for _ in range(2):
        assert scheduler.run(measure(_double(40, inc(1)))) == (40, 2)
        assert scheduler.run(measure(give_doubled(40))) == (40, 2)


def test_containers_of_every_kind_within_each_other(scheduler: Scheduler):
    """Each kind of container keeps its type and its order around evaluated parts."""

    @dataclasses.dataclass
    class Pair:
        left: object
        right: object

    Named = collections.namedtuple("Named", "a b")
    shared = [inc(1)]
    value = {
        "list": [1, [inc(2), shared], shared],
        inc(5): Named(inc(3), (4, inc(4))),
        "pair": Pair([inc(6)], collections.OrderedDict(x=inc(7))),
        "queue": collections.deque([inc(8), "end"]),
        "set": {inc(9), 1},
        "plain": [[1], {"a": (2,)}],
    }

    assert scheduler.run(value) == {
        "list": [1, [3, [2]], [2]],
        6: Named(4, (4, 5)),
        "pair": Pair([7], collections.OrderedDict(x=8)),
        "queue": collections.deque([9, "end"]),
        "set": {10, 1},
        "plain": [[1], {"a": (2,)}],
    }


def test_plain_parts_of_a_returned_expression_are_values_in_every_place(scheduler: Scheduler):
    """What a task returns beside its calls comes from another process: never as a reference to it."""
    Named = collections.namedtuple("Named", "a b")
    part = (True, [Path("x")])

    @task()
    def give():
        return Named((inc(1), part), [part, {"k": part}])

    @task()
    def pick(value):
        return value[1][0]

    @task()
    def recover(error):
        return part

    @task()
    def use():
        return [pick(part), catch(Named(divide(0), part), KeyError, recover), cond(part, part)]

    for _ in ("cold", "cached"):
        assert scheduler.run(give()) == Named((2, part), [part, {"k": part}])
        assert scheduler.run(use()) == [Path("x"), part, part]


def test_a_call_with_arguments_from_elsewhere_answers_by_what_its_function_returned(
    scheduler: Scheduler,
):
    """Equal calls of one run, from a literal and from results: an edit below reaches them all."""

    @task()
    def one():
        return 1

    @task()
    def outer(x):
        return get_task_registry().get("test_engine.below")(x)

    @task()
    def whole():
        return [outer(1), outer(one()), outer(one() * 1)]

    @task(name="below")
    def ten(x):
        return 10

    for _ in range(3):
        assert scheduler.run(whole()) == [10, 10, 10]

    @task(name="below")
    def twenty(x):
        return 20

    for _ in range(2):
        assert scheduler.run(whole()) == [20, 20, 20]


def test_equal_calls_with_arguments_from_elsewhere_are_recorded_once(scheduler: Scheduler):
    """A second and third run with the same sources add jobs, and no calls or arguments."""

    @task()
    def one():
        return 1

    @task()
    def outer(x):
        return inc(x)

    @task()
    def whole():
        return [outer(1), outer(one()), outer(one() * 1)]

    def count() -> list[int]:
        connection = scheduler._session.database.connection
        return [
            connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
            for table in ("call", "argument", "job")
        ]

    assert scheduler.run(whole()) == [2, 2, 2]
    calls, arguments, jobs = count()
    for n in (2, 3):
        scheduler.run(whole())
        assert count() == [calls, arguments, n * jobs]


def test_of_equal_keys_the_last_gives_the_value(scheduler: Scheduler):
    """As in a dict of plain values, wherever the calls stand and whichever come to one result."""
    ordered = collections.OrderedDict
    for kind in (dict, ordered):
        for make in (
            lambda x: [(inc(x), 1), (x + 1, 2), (inc(x), 3)],
            lambda x: [(x + 1, 1), (inc(x), 2), (inc(x), 3), (9, 4)],
            lambda x: [((inc(x), "a"), 1), ((x + 1, "a"), 2), ((inc(x), "a"), 3)],
        ):
            expected = kind((scheduler.run(key), value) for key, value in make(4))
            assert list(scheduler.run(kind(make(4))).items()) == list(expected.items())


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: [1, 2, 3], "3"),
        (lambda: [inc(1)], "1"),
        (lambda: 5, "one of class int"),
    ],
)
def test_promised_number_of_results_holds_also_when_nobody_takes_them_apart(
    scheduler: Scheduler, make, found
):
    """The job that gave others fails; two that are calls, or come from the cache, are two."""

    @task(nout=2)
    def two(is_right):
        return [inc(0), (1,)] if is_right else make()

    for _ in ("cold", "cached"):
        assert scheduler.run(two(True)) == [1, (1,)]
        with pytest.raises(ValueError, match=f"promises 2 results and returned {found}$"):
            scheduler.run([two(False)])


def test_time_left_is_told_when_all_durations_are_known():
    """Not while a task waits that never ran; from the run before, when it has."""
    watcher = Progress(1)
    session = open_memory_session(watcher)
    told = []
    for number in range(2):
        _release.clear()
        watcher.seen = None
        session.run(total([hold(hold(), number)]))
        assert watcher.seen is not None
        told.append(watcher.left_s)
    session.close()

    assert told[0] is None
    assert told[1] is not None and told[1] >= 0


class Lines(SilentReporter):
    """Keeps the event and the task of every job line."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def wants_line(self, event: str, task: str) -> bool:
        """Want all."""
        return True

    def job_line(self, line: JobLine) -> None:
        """Keep it."""
        self.seen.append((line.event, line.task.rpartition(".")[2]))


def test_jobs_that_follow_one_in_flight_have_lines():
    """A call that another job computes is told as cached when that one ends, or as failed."""
    lines = Lines()
    session = open_memory_session(lines, "inline")
    with pytest.raises(ValueError, match="no"):
        session.run([add(inc(1), inc(1)), fail(), fail()], failure_policy="keep-going")
    session.close()

    assert sorted(lines.seen) == [
        ("Cached", "inc"),
        ("Reject", "fail"), ("Reject", "fail"), ("Reject", "root_task"),
        ("Run", "add"), ("Run", "fail"), ("Run", "inc"),
    ]  # fmt: skip


PROGRAM = """\
from redunlite import task

redun_namespace = "program"
SETTINGS = {"rate": 1}
SEEN = []


def helper(x):
    return x * SETTINGS["rate"]


@task()
def f(x):
    SEEN.append(x)
    return helper(x)
"""


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_what_the_program_changes_between_runs_is_an_edit(scheduler: Scheduler, executor: str):
    """A helper bound anew and a constant changed in place run a task again; what jobs fill does not."""
    names: dict[str, Any] = {"__name__": "cells"}
    file = f"<cell {executor}>"
    linecache.cache[file] = (len(PROGRAM), None, PROGRAM.splitlines(keepends=True), file)
    exec(compile(PROGRAM, file, "exec"), names)
    f = names["f"]

    def run() -> tuple[int, bytes]:
        return scheduler.run(f.options(executor=executor)(2)), f.hash

    first, same = run(), run()
    names["SETTINGS"]["rate"] = 5
    changed = run()
    names["SETTINGS"]["rate"] = 1
    back = run()
    names["helper"] = lambda x: -x
    rebound = run()

    assert first == same
    assert [value for value, _ in (first, changed, back, rebound)] == [2, 10, 2, -2]
    assert len({first[1], changed[1], rebound[1]}) == 3


_opened: list[int] = []
_flushed = threading.Event()


@task()
def linger(i, after=None):
    if i == 0:
        assert _flushed.wait(30)
    return i


def test_call_that_waits_at_an_executor_is_not_written_before_it_begins(tmp_path, monkeypatch):
    """Of three calls that an executor has taken, the open one has a row while it runs."""
    monkeypatch.chdir(tmp_path)
    told: list[list[int]] = []
    record, flush = RunRecorder.record_open_job, RunRecorder.flush

    def record_open_job(self, job):
        if job.task.name == "linger" and job.arguments[0] >= 0:
            _opened.append(job.arguments[0])
        record(self, job)

    def flush_and_tell(self):
        if _opened:
            told.append(list(_opened))
            _flushed.set()
        return flush(self)

    monkeypatch.setattr(RunRecorder, "record_open_job", record_open_job)
    monkeypatch.setattr(RunRecorder, "flush", flush_and_tell)
    scheduler = Scheduler(Config({"executors.default": {"type": "thread", "workers": 1}}))
    first = linger(-1)

    assert scheduler.run([linger(i, first) for i in range(3)]) == [0, 1, 2]
    assert told[0] == [0]


def raise_deep(x: int) -> None:
    """Fail."""
    raise LookupError(f"no {x}")


@task(namespace="engine")
def fail_deep(x):
    return raise_deep(x)


@pytest.mark.parametrize("executor", ["thread", "process", "inline"])
def test_exception_that_leaves_a_run_shows_where_it_was_raised(scheduler: Scheduler, executor: str):
    """Its traceback goes on from the caller's line to the task's own, from whichever process."""
    with pytest.raises(LookupError) as caught:
        scheduler.run(fail_deep.options(executor=executor)(1))
    shown = "".join(traceback.format_exception(caught.value))

    frames = [(f.name, f.line) for f in traceback.extract_tb(caught.tb) if f.filename == __file__]
    assert frames[0][0] == "test_exception_that_leaves_a_run_shows_where_it_was_raised"
    assert frames[1:] == [
        ("fail_deep", "return raise_deep(x)"), ("raise_deep", 'raise LookupError(f"no {x}")'),
    ]  # fmt: skip
    assert shown.endswith('raise LookupError(f"no {x}")\nLookupError: no 1\n')
    assert [entry.name for entry in caught.traceback.filter(caught)][1:] == [
        "fail_deep", "raise_deep",
    ]  # fmt: skip


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_functions_that_go_by_value_are_found_in_tracebacks(scheduler: Scheduler, executor: str):
    """A task made inside a function names file and line."""

    @task(namespace="engine", executor=executor)
    def fail_inside():
        return [][0]

    with pytest.raises(IndexError) as caught:
        scheduler.run(fail_inside())

    last = traceback.extract_tb(caught.tb)[-1]
    assert (last.filename, last.line) == (__file__, "return [][0]")


def test_extra_keywords_keep_the_order_of_the_call():
    """What ``**kwargs`` collects is ordered as in plain Python, and the order is part of the key."""

    @task(namespace="order")
    def columns(**values):
        return list(values)

    assert Scheduler().run([columns(b=1, a=2), columns(a=2, b=1)]) == [["b", "a"], ["a", "b"]]
