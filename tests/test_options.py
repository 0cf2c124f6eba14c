"""Task options and namespaces: what is taken, what is refused, and in which form it is kept."""

from __future__ import annotations

import subprocess
import sys

import pytest

from redunlite import task
from redunlite.errors import OptionError
from redunlite.kinds import Lazy
from redunlite.namespace import get_current_namespace, namespace, resolve_namespace
from redunlite.options import (
    OPTIONS,
    TABLE,
    CacheCheckValid,
    CacheScope,
    CallOptions,
    IdentityOptions,
    check_options,
    iter_call_options,
    parse_memory,
)
from redunlite.testing import WatchedScheduler


class Expression(Lazy):
    """Stands for a call that is not evaluated yet."""


def test_check_options_keeps_only_what_was_given() -> None:
    """Defaults are not filled in, so that a call's options can be laid over the decorator's."""
    assert check_options({}, "here") == {}
    assert check_options({"executor": "thread"}, "here") == {"executor": "thread"}


def test_mode_is_the_executor_of_that_name() -> None:
    """As redun has it for a local executor; with an executor besides there is nothing to go by."""
    assert check_options({"mode": "process"}, "here") == {"executor": "process"}
    with pytest.raises(OptionError, match="'mode' in here is 'fork', expected 'thread' or 'proc"):
        check_options({"mode": "fork"}, "here")
    with pytest.raises(OptionError, match="options 'mode' and 'executor' in here exclude each"):
        check_options({"mode": "process", "executor": "mine"}, "here")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("vcpus", "cpus= is what it is called here"),
        ("gpus", "it is for other machines than this one; leave it out"),
        ("source", "version= stands for the source in cache keys"),
    ],
)
def test_options_of_redun_are_told_what_does_it_here(name: str, hint: str) -> None:
    """And not the name that happens to be near."""
    with pytest.raises(OptionError) as caught:
        check_options({name: 1}, "here")

    assert caught.value.hint == hint


def test_check_options_names_the_nearest_of_an_unknown_option() -> None:
    """A typing error is told with place and nearest name."""
    with pytest.raises(OptionError) as caught:
        check_options({"exector": "thread"}, "@task of 'f'")

    assert caught.value.message == "unknown option 'exector' in @task of 'f'"
    assert caught.value.hint == "did you mean 'executor'?"


def test_check_options_lists_all_when_none_is_near() -> None:
    """Nothing near: the options are listed."""
    with pytest.raises(OptionError) as caught:
        check_options({"qqqqqq": 1}, "here")

    assert "check_valid" in caught.value.hint


@pytest.mark.parametrize(
    "given, scope",
    [
        ({"cache": False}, CacheScope.CSE),
        ({"cache": True}, CacheScope.BACKEND),
        ({"cache_scope": "none"}, CacheScope.NONE),
        ({"cache_scope": "CSE"}, CacheScope.CSE),
        ({"cache_scope": CacheScope.BACKEND}, CacheScope.BACKEND),
        ({"cache": True, "cache_scope": "NONE"}, CacheScope.NONE),
        ({"cache_scope": "NONE", "cache": True}, CacheScope.NONE),
    ],
)
def test_check_options_resolves_cache_to_a_scope(
    given: dict[str, object], scope: CacheScope
) -> None:
    """`cache` is the scope that it means; a scope that is given wins in any order."""
    assert check_options(given, "here") == {"cache_scope": scope}


@pytest.mark.parametrize(
    "given, kept",
    [
        ({"check_valid": "shallow"}, {"check_valid": CacheCheckValid.SHALLOW}),
        ({"check_valid": CacheCheckValid.FULL}, {"check_valid": CacheCheckValid.FULL}),
        ({"limits": ["db", "net"]}, {"limits": {"db": 1, "net": 1}}),
        ({"limits": {"db": 2.5}}, {"limits": {"db": 2.5}}),
        ({"limits": []}, {"limits": {}}),
        ({"nout": 0}, {"nout": 0}),
        ({"nout": None}, {"nout": None}),
        ({"config_args": ["a"]}, {"config_args": ("a",)}),
        ({"tags": [("k", 1)]}, {"tags": (("k", 1),)}),
        ({"export_options": {"cache": False}}, {"export_options": {"cache_scope": CacheScope.CSE}}),
        ({"timeout": 2}, {"timeout": 2}),
        ({"memory": "500M"}, {"memory": "500M"}),
        ({"hash_includes": [1, "a"]}, {"hash_includes": (1, "a")}),
    ],
)
def test_check_options_normalises_values(given: dict[str, object], kept: dict[str, object]) -> None:
    """Each value has one form, which is itself taken unchanged."""
    assert check_options(given, "here") == kept
    assert check_options(kept, "here") == kept


@pytest.mark.parametrize(
    "name, value",
    [
        ("cache", 1),
        ("cache", "yes"),
        ("cache_scope", "EVERYWHERE"),
        ("cache_scope", None),
        ("check_valid", "deep"),
        ("limits", "db"),
        ("limits", {"db": 0}),
        ("limits", {"db": True}),
        ("limits", [1]),
        ("limits", {"db": float("nan")}),
        ("nout", -1),
        ("nout", True),
        ("nout", 1.0),
        ("executor", ""),
        ("retries", -1),
        ("retry_delay", float("nan")),
        ("timeout", 0),
        ("memory", "much"),
        ("memory", 0),
        ("cpus", 0),
        ("tags", [("k",)]),
        ("hash_includes", "text"),
        ("config_args", [1]),
        ("export_options", {1: 2}),
        ("version", 1),
        ("prov", None),
    ],
)
def test_check_options_refuses_bad_values(name: str, value: object) -> None:
    """The message names option, place and value."""
    with pytest.raises(OptionError, match="expected") as caught:
        check_options({name: value}, "@task of 'f'")

    assert f"option {name!r} in @task of 'f'" in caught.value.message


def test_check_options_looks_into_exported_options() -> None:
    """An unknown exported option is told as such."""
    with pytest.raises(OptionError, match="unknown option 'cach' in export_options of here"):
        check_options({"export_options": {"cach": False}}, "here")


def test_check_options_passes_expressions_on() -> None:
    """A value that is not known yet is kept as it is."""
    value = Expression()

    assert check_options({"timeout": value, "cache": value}, "here") == {
        "timeout": value,
        "cache": value,
    }


def test_check_options_refuses_expressions_in_the_key() -> None:
    """What says which task this is has to be known when the task is defined."""
    with pytest.raises(OptionError, match="is an expression"):
        check_options({"version": Expression()}, "here")


def test_every_default_is_a_value_that_is_taken() -> None:
    """The table agrees with itself."""
    for option in TABLE:
        if option.default is not None:
            assert option.name in check_options({option.name: option.default}, "here") or (
                option.name == "cache"
            )
        assert option.meaning
    assert len(OPTIONS) == len(TABLE)


def test_iter_call_options_leaves_out_what_is_in_the_key() -> None:
    """Identity belongs to the decorator."""
    names = {option.name for option in iter_call_options()}

    assert "version" not in names
    assert "timeout" in names


@pytest.mark.parametrize(
    "value, size",
    [
        (1, 1 << 30),
        (0.5, 1 << 29),
        ("500M", 500 << 20),
        ("2 GiB", 2 << 30),
        ("1k", 1024),
        ("3", 3 << 30),
    ],
)
def test_parse_memory_returns_bytes(value: object, size: int) -> None:
    """A number counts GiB, as in redun; a text may say its unit."""
    assert parse_memory(value) == size


@pytest.mark.parametrize("value", ["", "M", "x1", -1, True, None, "inf", "nan"])
def test_parse_memory_refuses_the_rest(value: object) -> None:
    """What is no amount says what was expected."""
    with pytest.raises(ValueError, match="GiB"):
        parse_memory(value)


def test_resolve_namespace_takes_explicit_then_module_then_current() -> None:
    """Also an empty string is explicit."""
    variables: dict[str, object] = {"redun_namespace": "of.module"}
    exec("def f(): pass", variables)
    with_variable = variables["f"]
    bare: dict[str, object] = {}
    exec("def f(): pass", bare)
    try:
        namespace("current")

        assert get_current_namespace() == "current"
        assert resolve_namespace("given", with_variable) == "given"  # type: ignore[arg-type]
        assert resolve_namespace("", with_variable) == ""  # type: ignore[arg-type]
        assert resolve_namespace(None, with_variable) == "of.module"  # type: ignore[arg-type]
        assert resolve_namespace(None, bare["f"]) == "current"  # type: ignore[arg-type]
    finally:
        namespace()
    assert resolve_namespace(None, bare["f"]) == ""  # type: ignore[arg-type]


def test_options_import_nothing_heavy() -> None:
    """Workers and the start of every run import this room."""
    code = "import sys, redunlite.options; print('logging' in sys.modules, 'peewee' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "False"]


def test_types_name_every_option() -> None:
    """What type checkers know as options is the table, split as the table splits it."""
    call_options = {option.name for option in iter_call_options()}

    assert CallOptions.__annotations__.keys() == call_options - {"script"}
    assert IdentityOptions.__annotations__.keys() == OPTIONS.keys() - call_options


def test_options_without_effect_are_told_once_a_task() -> None:
    """In the decorator, at a call and handed down: what is accepted and not carried out is warned of."""

    @task(namespace="without_effect", memory=2)
    def inner(x: int) -> int:
        return x

    @task(namespace="without_effect")
    def outer(x: int) -> list[int]:
        return [inner(x), inner(x + 1)]

    scheduler = WatchedScheduler()
    with scheduler.watch() as jobs:
        scheduler.run([outer.export_options(retries=1)(1), inner.options(timeout=3)(5)])
    scheduler.close()

    assert sorted(jobs.warnings) == [
        f"option {option!r} of task 'without_effect.{name}' has no effect in this version"
        for option, name in [
            ("memory", "inner"),
            ("retries", "inner"),
            ("retries", "outer"),
            ("timeout", "inner"),
        ]
    ]
