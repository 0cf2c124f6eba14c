"""Where values came from: by what was recorded, in the seed's layout, however long the story."""

from __future__ import annotations

import re

import pytest

from redunlite import Scheduler, catch, task
from redunlite.display.dataflow import format_dataflow
from redunlite.history import dataflow
from redunlite.history.dataflow import (
    Dataflow,
    find_job_of_call,
    find_producer,
    get_call_dataflow,
    get_job_dataflow,
)
from redunlite.history.query import History
from redunlite.history.records import JobRecord

redun_namespace = "test_dataflow"


@task()
def inc(x):
    return x + 1


@task()
def pair(a, b):
    return [a, b]


@task()
def total(xs):
    return sum(xs)


@task()
def get_planet():
    return "the World"


@task()
def greeter(greet, thing):
    return f"{greet}, {thing}!"


@task()
def hello(greet="Hello there"):
    return greeter(greet, get_planet())


@task()
def around(text):
    return hello(text)


@task()
def route(value):
    return inc(value)


@task()
def use(value):
    return inc(value)


@task()
def routed():
    return use(route(inc(1000)))


@task()
def shared():
    one = inc(100)
    return pair(one, one)


@task()
def derived():
    return inc(pair(1, 2)[0])


@task()
def many(n):
    return total([inc(i) for i in range(n)])


@task()
def both(n):
    return [inc(n), inc(1)]


@task()
def chain(n):
    x = 0
    for _ in range(n):
        x = inc(x)
    return x


@task()
def deep(n):
    return inc(1000) if n == 0 else deep(n - 1)


@task()
def coincidence():
    return pair(inc(41), 42)


@task()
def fail(x):
    raise ValueError(x)


@task()
def failing(x):
    return total([inc(x), fail(x)])


@task()
def recover(error):
    return str(error)


@task()
def caught():
    return catch(fail("reason"), ValueError, recover)


@task()
def named(result, result_2):
    return result


def find_job(scheduler: Scheduler, name: str) -> tuple[History, JobRecord]:
    """Return the history and the newest job of a task."""
    database = scheduler._session.database
    assert database is not None
    history = History(database)
    jobs = [job for job in history.find_jobs("1", ()) if job.task.name == name]
    return history, jobs[-1]


def get_flow(scheduler: Scheduler, name: str) -> Dataflow:
    """Return the dataflow of the newest job of a task."""
    found = get_job_dataflow(*find_job(scheduler, name))
    assert found is not None
    return found


def get_lines(scheduler: Scheduler, name: str) -> list[str]:
    """Return the lines of a job's dataflow, with hashes masked."""
    lines = format_dataflow(get_flow(scheduler, name))
    return [re.sub(r"<[0-9a-f]{8}>", "<id>", line) for line in lines]


GREETER = """\
result = 'Hello there, the World!'

result <-- <id> greeter(greet, thing)
  greet = <id> 'Hello there'
  thing = <id> 'the World'

greet <-- argument of <id> hello(greet)
      <-- origin

thing <-- <id> get_planet()
      <-- origin
"""


@pytest.mark.parametrize("name", ["greeter", "hello"])
@pytest.mark.parametrize("n_runs", [1, 2])
def test_layout_is_that_of_the_seed(scheduler: Scheduler, name: str, n_runs: int):
    """The seed's example, cold and cached; the root that hands up a result tells the same."""
    for _ in range(n_runs):
        scheduler.run(hello())

    assert get_lines(scheduler, name) == GREETER.splitlines() + [""]


def test_argument_is_followed_through_all_parents(scheduler: Scheduler):
    """One arrow for each call that handed it down."""
    scheduler.run(around("Hello there"))

    lines = get_lines(scheduler, "greeter")
    start = lines.index("greet <-- argument of <id> hello(greet)")
    assert lines[start + 1 : start + 3] == [
        "      <-- argument of <id> around(text)",
        "      <-- origin",
    ]


def test_result_is_followed_through_calls_that_hand_it_up(scheduler: Scheduler):
    """An argument that came down, and a result that came up, in one section."""
    scheduler.run(routed())

    assert get_lines(scheduler, "use") == [
        "result = 1003",
        "",
        "result <-- <id> inc(x)",
        "  x = <id> 1002",
        "",
        "x <-- argument of <id> use(value)",
        "  <-- <id> route(value)",
        "  <-- <id> inc(x_2)",
        "  x_2 = <id> 1001",
        "",
        "x_2 <-- argument of <id> route(value)",
        "    <-- <id> inc(x_3)",
        "  x_3 = <id> 1000",
        "",
    ]


def test_value_from_one_call_twice_is_explained_once(scheduler: Scheduler):
    """The second variable names the first, with the call's hash."""
    scheduler.run(shared())

    lines = get_lines(scheduler, "pair")
    assert "a <-- <id> inc(x)" in lines
    assert "b <-- <id> a" in lines
    assert sum("inc(" in line for line in lines) == 1


def test_part_of_a_result_derives_from_it(scheduler: Scheduler):
    """An operator between call and argument: another value, told with the one it was made from."""
    scheduler.run(derived())

    lines = get_lines(scheduler, "derived")
    start = lines.index("x <-- derives from")
    assert lines[start + 1 : start + 4] == [
        "  pair_result = <id> [1, 2]",
        "",
        "pair_result <-- <id> pair(a, b)",
    ]


def test_many_values_are_cut(scheduler: Scheduler):
    """A list of many results shows the first ones and how many more there are."""
    n = 200
    scheduler.run(many(n))

    flow = get_flow(scheduler, "total")
    (section,) = [section for section in flow.sections if section.n_more]
    assert section.name == "xs"
    assert len(section.variables) + section.n_more == n
    assert [v.value.preview for v in section.variables[:3]] == ["1", "2", "3"]
    assert "  … 192 more" in get_lines(scheduler, "total")


def test_result_made_of_several_calls_derives_from_them(scheduler: Scheduler):
    """A list of calls that a task returned names each of them."""
    scheduler.run(both(5))

    lines = get_lines(scheduler, "both")
    assert lines[2:6] == [
        "result <-- <id> both(n)",
        "       <-- derives from",
        "  inc_result   = <id> 6",
        "  inc_result_2 = <id> 2",
    ]


def test_equal_values_are_no_link(scheduler: Scheduler):
    """A literal that equals somebody's result came from nowhere."""
    scheduler.run(coincidence())

    flow = get_flow(scheduler, "pair")
    assert [section.name for section in flow.sections] == ["result", "a"]


def test_failed_root_leads_to_the_job_that_raised(scheduler: Scheduler):
    """The failure is explained by the call in which it began."""
    with pytest.raises(ValueError, match="9"):
        scheduler.run(failing(9))

    for name in ("failing", "fail"):
        lines = get_lines(scheduler, name)
        assert lines[0] == "result = ErrorValue(ValueError(9))"
        assert lines[2] == "result <-- <id> fail(x)"


def test_recovery_derives_from_the_failed_call(scheduler: Scheduler):
    """The error that `catch` hands on is linked to the call that raised it."""
    scheduler.run(caught())

    lines = get_lines(scheduler, "recover")
    start = lines.index("error <-- derives from")
    assert lines[start + 3].startswith("fail_result <-- <id> fail(x)")


def test_long_chain_folds_its_middle(scheduler: Scheduler):
    """The beginning and the end of a chain are told, and how many calls are between."""
    n = 500
    scheduler.run(chain(n))

    flow = get_flow(scheduler, "chain")
    (fold,) = [section for section in flow.sections if section.n_folded]
    n_told = sum(bool(section.name) for section in flow.sections)
    assert n_told < 60
    assert fold.folded_task == "inc"
    assert fold.n_folded + n_told == n
    assert flow.sections[-1].variables[0].value.preview == "0"
    assert f"… {fold.n_folded:,} more inc …" in get_lines(scheduler, "chain")


def test_deep_recursion_is_one_section(scheduler: Scheduler):
    """A result that came up through hundreds of calls is told by the one that made it."""
    scheduler.run(deep(500))

    assert get_lines(scheduler, "deep") == [
        "result = 1001", "", "result <-- <id> inc(x)", "  x = <id> 1000", "",
    ]  # fmt: skip


def test_variable_names_are_unique(scheduler: Scheduler):
    """A parameter called like another variable gets a number that is free."""
    scheduler.run(named(inc(1), inc(1000)))

    flow = get_flow(scheduler, "named")
    assert [v.name for v in flow.sections[0].variables] == ["result_2", "result_2_2"]
    names = [section.name for section in flow.sections]
    assert len(set(names)) == len(names)


def test_value_and_call_node_have_a_dataflow(scheduler: Scheduler):
    """The newest call whose own result a value is explains it."""
    scheduler.run(hello())
    history, job = find_job(scheduler, "greeter")
    call = history.get_call(job.call or 0)
    assert call.result is not None

    producer = find_producer(history, call.result)
    assert producer is not None and producer.row == call.row
    found = get_call_dataflow(history, producer, find_job_of_call(history, producer.row), "value")
    assert found is not None
    assert [section.name for section in found.sections] == ["value", "greet", "thing"]


def test_steps_in_one_section_are_bounded(scheduler: Scheduler, monkeypatch):
    """The middle of many arrows is counted, both ends are told."""
    monkeypatch.setattr(dataflow, "MAX_STEPS", 4)
    scheduler.run(around("Hello there"))
    monkeypatch.setattr(dataflow, "MAX_STEPS", 2)

    (section,) = [s for s in get_flow(scheduler, "greeter").sections if s.name == "greet"]
    assert len(section.steps) == 2
    assert section.steps[0].task == "hello"
    assert sum(step.n_left_out for step in section.steps) == 1
