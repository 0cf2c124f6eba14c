"""What calls get from above: exported options, context, and whether anything is recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from redunlite import Scheduler, get_context, task
from redunlite.config import Config
from redunlite.context import get_context_value
from redunlite.errors import ConfigError, OptionError
from redunlite.functools import no_prov
from redunlite.jobinfo import JobInfo

redun_namespace = "test_inheritance"


@task(cache_scope="NONE")
def told(info=JobInfo()):
    return {key: info.options[key] for key in ("executor", "priority") if key in info.options}


@task()
def parent():
    return [told(), told.options(executor="thread")()]


@task()
def colour(value=get_context("paint.colour", "none")):
    return value


@task()
def colours():
    return [colour(), colour.update_context(paint={"colour": "red"})(), get_context("paint.size")]


@task()
def add(a, b):
    return a + b


def count_calls(scheduler: Scheduler, name: str) -> int:
    database: Any = scheduler._session.database  # type: ignore[union-attr]
    return database.connection.execute(
        "SELECT count(*) FROM job j JOIN task t ON t.id = j.task WHERE t.name = ?", (name,)
    ).fetchone()[0]


def test_exported_options_reach_all_below(scheduler: Scheduler):
    """Exported options hold for the call and everything below; a call's own options win."""
    below = scheduler.run(parent.export_options(executor="inline")())

    assert below == [{"executor": "inline"}, {"executor": "thread"}]


def test_exported_options_of_the_decorator(scheduler: Scheduler):
    """`export_options` in the decorator does the same; what an ancestor exports is stronger."""

    @task(name="exporting", export_options={"executor": "inline", "priority": 1})
    def exporting():
        return told()

    @task(name="above")
    def above():
        return exporting()

    assert scheduler.run(exporting()) == {"executor": "inline", "priority": 1}
    strong = above.export_options(priority=5)()
    assert scheduler.run(strong) == {"executor": "inline", "priority": 5}


def test_options_may_be_expressions(scheduler: Scheduler):
    """An option's value may be an expression, in the decorator and at the call, also nested."""

    @task(name="lazy", priority=add(1, 2), cache_scope="NONE")
    def lazy(info=JobInfo()):
        return info.options["priority"], info.options.get("limits")

    assert scheduler.run(lazy()) == (3, None)
    assert scheduler.run(lazy.options(priority=add(2, 2), limits={"db": add(0, 1)})()) == (
        4,
        {"db": 1},
    )


def test_bad_value_of_a_lazy_option_fails_the_job(scheduler: Scheduler):
    """What an option's expression comes to is checked like any option."""
    with pytest.raises(OptionError, match="priority"):
        scheduler.run(told.options(priority=add("a", "b"))())


def test_lazy_options_travel_with_a_result(scheduler: Scheduler):
    """A call with a lazy option may be a task's result."""

    @task(name="outer_lazy")
    def outer():
        return told.options(priority=add(3, 4))()

    assert scheduler.run(outer()) == {"priority": 7}
    assert scheduler.run(outer()) == {"priority": 7}


def test_context_comes_from_the_run_and_from_above(scheduler: Scheduler):
    """A default asks for the context of its own call; an update holds below it only."""
    assert scheduler.run(colours()) == ["none", "red", None]
    run_context = {"paint": {"colour": "blue", "size": 3}}
    assert scheduler.run(colours(), context=run_context) == ["blue", "red", 3]
    inside = colours.update_context({"paint": {"colour": "green"}})()
    assert scheduler.run(inside, context=run_context) == ["green", "red", 3]


def test_ultimate_reduction_respects_the_context(scheduler: Scheduler):
    """A final result that depends on the context is not taken under another one."""
    shallow = colours.options(check_valid="shallow")

    assert scheduler.run(shallow())[0] == "none"
    assert scheduler.run(shallow(), context={"paint": {"colour": "blue"}})[0] == "blue"
    assert scheduler.run(shallow())[0] == "none"


def test_calls_under_different_contexts_are_not_merged(scheduler: Scheduler):
    """In one run, equal calls under different contexts are evaluated each."""

    @task(name="both")
    def both():
        return [colours(), colours.update_context(paint={"size": 9})()]

    assert scheduler.run(both()) == [["none", "red", None], ["none", "red", 9]]


def test_context_of_the_configuration(tmp_path: Path):
    """The configured context, and under it that of a file; both are checked."""
    folder = tmp_path / ".redunlite"
    folder.mkdir()
    (folder / "more.json").write_text(json.dumps({"a": {"x": 1, "y": 1}}))
    settings = {"context": '{"a": {"y": 2}}', "context_file": str(folder / "more.json")}

    assert Config({"scheduler": settings}).context == {"a": {"x": 1, "y": 2}}
    with pytest.raises(ConfigError, match="not JSON"):
        Config({"scheduler": {"context": "{"}})
    with pytest.raises(ConfigError, match="no context file"):
        _ = Config({"scheduler": {"context_file": str(tmp_path / "none.json")}}).context


def test_context_value_stops_at_what_is_no_dict():
    """A path that leads nowhere gives the default."""
    assert get_context_value({"a": 1}, "a.b", "d") == "d"
    assert get_context_value({"a": {"b": None}}, "a.b", "d") is None


def test_job_info_is_filled_and_in_no_key(scheduler: Scheduler):
    """A job is told its ids; the parameter changes no cache key."""

    @task(name="who")
    def who(x, info=JobInfo()):
        return info.execution_id, info.job_id, info.eval_hash, info.args_hash

    first = scheduler.run(who(1))

    assert all(first)
    assert scheduler.run(who(1)) == first


def test_calls_without_provenance_leave_no_record(scheduler: Scheduler):
    """Below `no_prov` nothing is recorded, and the whole is cached."""

    @task(name="inner_sum")
    def inner_sum(n):
        return sum([add(i, 1) for i in range(n)])

    assert scheduler.run(no_prov(inner_sum(5))) == 15
    assert count_calls(scheduler, "add") == 0
    assert scheduler.run(no_prov(inner_sum(5))) == 15
    assert count_calls(scheduler, "_no_prov") == 2


def test_provenance_cannot_be_switched_on_again_below(scheduler: Scheduler):
    """`prov=False` holds for everything below it; what is above is recorded."""

    @task(name="hidden", prov=False)
    def hidden(n):
        return add.options(prov=True)(n, 1)

    @task(name="shown")
    def shown():
        return hidden(1) + add(5, 5)

    assert scheduler.run(shown()) == 12
    assert count_calls(scheduler, "add") == 1
    assert count_calls(scheduler, "hidden") == 0
