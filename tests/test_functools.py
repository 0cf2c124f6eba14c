"""Tasks that work on tasks: compose, delay, map and their kin; partial tasks and quoted graphs."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from redunlite import PartialTask, Scheduler, task
from redunlite.expression import quote
from redunlite.functools import (
    apply_func,
    as_task,
    compose,
    const,
    delay,
    eval_,
    flat_map,
    flatten,
    force,
    identity,
    map_,
    no_prov,
    seq,
    starmap,
    zip_,
)

redun_namespace = "test_functools"


@task()
def add(a, b=10):
    return a + b


@task()
def double(x):
    return 2 * x


@task()
def pair(x):
    return [x, x + 1]


@task()
def call(a_task, *args):
    return a_task(*args)


@task()
def release(quoted):
    return quoted.eval()


@task()
def make_adder(n):
    return add.partial(n)


_seen: list[str] = []


@task(cache=False)
def note(word):
    _seen.append(word)
    return word


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (compose(double, add)(1, 2), 6),
        (compose(double)(4), 8),
        (force(delay(add(1, 2))), 3),
        (force(identity(delay(add(1, 2)))), 3),
        (starmap(add, [{"a": 1}, {"a": add(1, 1), "b": 3}]), [11, 5]),
        (starmap(add, identity([{"a": 1, "b": 1}])), [2]),
        (flatten([[1], (add(1, 1),), []]), [1, 2]),
        (flat_map(pair, [1, 5]), [1, 2, 5, 6]),
        (zip_([1, 2, 3], [add(1, 1), 5]), [(1, 2), (2, 5)]),
        (const(1, add(1, 1)), 1),
        (apply_func(sorted, [add(1, 1), 1], reverse=True), [2, 1]),
        (as_task(lambda x, y: x * y)(add(1, 2), 4), 12),
        (eval_("  a + b\n", add(1, 1), pos_args=["a"], b=3), 5),
        (eval_("[i * step for i in (1, 2)]", step=add(1, 4)), [5, 10]),
        (map_(identity(double), identity((1, 2))), [2, 4]),
        (map_(double, {"k": 1, "m": 2}), ["kk", "mm"]),
        (seq([add(1, 1), 2]), [2, 2]),
        (no_prov(add(double(2), 1)), 5),
    ],
)
def test_each_gives_what_it_says(scheduler: Scheduler, expression, expected):
    """Each function of the room, on values and on expressions."""
    assert scheduler.run(expression) == expected


def test_compose_of_nothing_is_refused():
    """An empty composition is told where it is written."""
    with pytest.raises(TypeError, match="needs a task"):
        compose()


def test_eval_counts_its_names(scheduler: Scheduler):
    """As many names as positional arguments, or it fails."""
    with pytest.raises(TypeError, match="1 positional arguments and 0 names"):
        scheduler.run(eval_("1", 2))


def test_partial_takes_arguments_in_turns(scheduler: Scheduler):
    """Positional arguments add up, keywords take the place of earlier ones, options commute."""
    partial = add.partial(1)

    assert isinstance(partial, PartialTask)
    assert scheduler.run(partial(5)) == 6
    assert scheduler.run(partial.partial(2)()) == 3
    assert scheduler.run(add.partial(b=1).partial(b=2)(1)) == 3
    options = {"cache_scope": "CSE"}
    assert repr(partial.options(**options)(1)) == repr(add.options(**options).partial(1)(1))


def test_partial_does_not_evaluate_before_the_call(scheduler: Scheduler):
    """An expression among a partial task's arguments runs when the whole is called, and not before."""
    _seen.clear()
    kept = call(identity, add.partial(note("late")))

    scheduler.run(kept)
    assert _seen == []

    assert scheduler.run(call(add.partial(note("late")), "!")) == "late!"
    assert _seen == ["late"]


def test_partial_is_argument_result_and_cached(scheduler: Scheduler):
    """A partial task travels as a value, in both directions, and is told by task and arguments."""
    assert scheduler.run(call(make_adder(3), 4)) == 7
    assert scheduler.run(call(add.partial(1), 2)) == 3
    assert scheduler.run(call(add.partial(2), 2)) == 4
    again = pickle.loads(pickle.dumps(add.partial(double(1), b=2)))
    assert scheduler.run(again()) == 4


def test_quoted_expression_stays_until_released(scheduler: Scheduler):
    """A quoted graph is a value; what `eval` gives back is evaluated where it is returned."""
    _seen.clear()
    quoted = quote([note("a"), {"k": double(2)}])

    scheduler.run(identity(quoted))
    assert _seen == []

    assert scheduler.run(release(quoted)) == ["a", {"k": 4}]
    assert _seen == ["a"]


def test_options_of_calls_survive_a_recorded_expression(scheduler: Scheduler):
    """`.options()` of a call inside a result holds, the first time and from the cache."""

    @task(name="where")
    def where(info):
        return info

    from redunlite.jobinfo import JobInfo

    @task(name="told")
    def told(info=JobInfo()):
        return info.options.get("executor")

    @task(name="outer")
    def outer():
        return told.options(executor="inline", cache_scope="NONE")()

    assert scheduler.run(outer()) == "inline"
    assert scheduler.run(outer()) == "inline"


WORKFLOW = """
from redunlite import task
from redunlite.expression import quote
from redunlite.functools import as_task, compose, delay, force, map_

redun_namespace = "wf"

@task()
def add(a, b=10):
    return a + b

@task()
def call(f, x):
    return f(x)

@task()
def release(q):
    return q.eval()

@task()
def main():
    add3 = add.partial(3)
    return [
        call(add3, 4), call(compose(add3, add3), 1), map_(add3, [1, 2]), release(quote(add(1, 1))),
        call(as_task(len), [1, 2]), force(delay(add(5, 5))),
        call(add.partial(add(1, 1)), list(range(3000))[5]),
    ]
"""


EDITED = """
from redunlite import task
from redunlite.expression import quote
redun_namespace = "wf"

@task()
def inc(x):
    return x + 1

@task()
def call(step, x):
    return step.func(x)

@task()
def release(q):
    return q.eval()

@task()
def main():
    return [call(inc, 3), release(quote(inc(1)))]
"""


def test_a_task_in_a_recorded_expression_counts_by_its_present_code(tmp_path: Path):
    """An edited task that is an argument of a recorded call makes that call run again."""
    (tmp_path / ".git").mkdir()
    command = [sys.executable, "-m", "redunlite", "run", "wf.py", "main"]
    outputs = []
    for text in (EDITED, EDITED.replace("x + 1", "x + 100")):
        (tmp_path / "wf.py").write_text(text)
        outputs.append(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True))

    assert [done.stdout for done in outputs] == ["[4, 2]\n", "[103, 101]\n"]
    assert "Cached Job" in outputs[1].stderr and "wf.main() (" in outputs[1].stderr


def test_partial_and_quoted_values_cross_processes(tmp_path: Path):
    """The same in a pool of processes, cold and all cached."""
    (tmp_path / "wf.py").write_text(WORKFLOW)
    (tmp_path / ".git").mkdir()
    command = [sys.executable, "-m", "redunlite", "run", "wf.py", "main"]
    expected = "[7, 7, [4, 5], 2, 2, 10, 7]\n"

    cold = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    cached = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert cold.stdout == expected, cold.stderr
    assert cached.stdout == expected, cached.stderr
    assert "Run  " not in cached.stderr
