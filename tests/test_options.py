"""Task options and namespaces: what is taken, what is refused, and in which form it is kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from redunlite import Scheduler, task
from redunlite.call import Call
from redunlite.config import Config
from redunlite.errors import ConfigError, OptionError
from redunlite.executors.base import ExecutorHost
from redunlite.executors.inline import InlineExecutor
from redunlite.jobinfo import JobInfo
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
    list_declared,
    parse_memory,
    register_option,
)
from redunlite.session import open_session
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
        ("compat", "version= stands for the source in cache keys"),
        ("allowed_cache_results", "cache_scope= says where results may come from"),
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
    assert caught.value.hint == (
        "did you mean 'executor'? one of your own is declared in redunlite.ini: [options] names = exector"
    )


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
    declared = set(list_declared())  # by pages and modules that other tests have run
    call_options = {option.name for option in iter_call_options()} - declared

    assert CallOptions.__annotations__.keys() == call_options - {"script"}
    assert IdentityOptions.__annotations__.keys() == OPTIONS.keys() - call_options - declared


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


# Options of the project's own, and those of other machines.


@pytest.fixture
def own_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget afterwards what a test has declared."""
    from redunlite import options

    monkeypatch.setattr(options, "_others", dict(options._others))
    monkeypatch.setattr(options, "_declared", {})
    monkeypatch.setattr(options, "_folder", None)


def test_registered_option_is_taken_everywhere(own_options: None) -> None:
    """In the decorator, at a call, exported, as an expression; any value, and it counts in no key."""
    register_option("my_option", "where it waits")

    @task(namespace="own_options", my_option={"a": [1]})
    def inner(x: int, info: JobInfo = JobInfo()) -> object:
        return info.options.get("my_option")

    @task(namespace="own_options", my_option="outer")
    def outer() -> list[object]:
        return [inner(1), inner.options(my_option=None)(2), inner.options(my_option=word("b"))(3)]

    @task(namespace="own_options")
    def word(text: str) -> str:
        return text

    scheduler = WatchedScheduler()
    with scheduler.watch() as jobs:
        results = scheduler.run([outer(), inner.export_options(my_option="down")(4)])
        again = scheduler.run(inner.options(my_option="other")(1))
    scheduler.close()

    assert results == [[{"a": [1]}, None, "b"], "down"]
    assert again == {"a": [1]}
    assert jobs.warnings == []
    assert "my_option" in {option.name for option in iter_call_options()}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("executor", "'executor' is an option already"),
        ("mode", "'mode' is an option already"),
        ("vcpus", "'vcpus' is an option already"),
        ("source", "'source' cannot be an option of your own"),
        ("a-b", "'a-b' cannot be the name of an option"),
    ],
)
def test_option_that_cannot_be_declared_is_refused(
    name: str, message: str, own_options: None, tmp_path: Path
) -> None:
    """By the function, and in the configuration."""
    with pytest.raises(OptionError, match=message):
        register_option(name)
    with pytest.raises(
        ConfigError, match=rf"names: {message}|names has '{name}', expected names as"
    ):
        open_session(config=Config({"options": {"names": ["good", name]}}), folder=str(tmp_path))


def test_unknown_option_is_told_with_how_to_declare_it(own_options: None) -> None:
    """Behind the nearest name; one that is declared may be the nearest."""
    register_option("my_option")
    with pytest.raises(OptionError) as caught:
        check_options({"my_optoin": 1}, "here")

    assert caught.value.hint == (
        "did you mean 'my_option'? one of your own is declared in redunlite.ini: "
        "[options] names = my_optoin"
    )


OWN = """
from redunlite import Scheduler, task
from redunlite.scheduler import JobInfo
redun_namespace = "own"

@task(my_option=1, other=[2])
def inner(x, info: JobInfo = JobInfo()):
    return [info.options["my_option"], info.options["other"]]

@task()
def main():
    def local():
        return inner.options(other="x")(1)
    return [inner(0), task(my_option=5, name="local", namespace="own")(local)()]

if __name__ == "__main__":
    from redunlite import run
    print(run(main()))
"""


@pytest.mark.parametrize("words", [["-m", "redunlite", "run", "own.py", "main"], ["own.py"]])
def test_options_of_the_configuration_are_declared_everywhere(
    words: list[str], tmp_path: Path
) -> None:
    """For a command and a program, in the main process and in workers that import the file."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".redunlite").mkdir()
    (tmp_path / ".redunlite" / "redunlite.ini").write_text("[options]\nnames = my_option, other\n")
    (tmp_path / "own.py").write_text(OWN)

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )

    assert run().stdout == "[[1, [2]], [1, 'x']]\n"
    (tmp_path / ".redunlite" / "redunlite.ini").write_text("[options]\nnames = my_option\n")
    assert "unknown option 'other' in @task of 'inner'" in run().stderr


def test_options_are_declared_by_the_folder_of_the_command(tmp_path: Path) -> None:
    """`-c` names another folder than the nearest one, before the workflow is imported."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "redunlite.ini").write_text("[options]\nnames = my_option\n  other\n")
    (tmp_path / "own.py").write_text(OWN)

    for words in (["run", "-c", "set", "own.py", "main"], ["-c", "set", "tasks", "-q", "own.py"]):
        line = [sys.executable, "-m", "redunlite", *words]
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout[:1] != "") == (0, True), done.stderr


class QueueExecutor(InlineExecutor):
    """An executor that reads an option of its own."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.queues: list[object] = []

    def start(self, host: ExecutorHost) -> None:
        """Keep the host."""
        self.host = host
        super().start(host)

    def submit(self, call: Call) -> None:
        """Note the option of the call and of its task."""
        task = self.host.get_task(call.task_number)
        options = self.host.get_options(call.number)
        self.queues.append((options.get("queue"), task.get_task_option("queue", "none")))
        super().submit(call)


def test_own_executor_reads_its_own_option(own_options: None) -> None:
    """That of the call, with the decorator's below; and what the decorator alone says."""
    register_option("queue")

    @task(namespace="own_executor", executor="mine", queue="slow")
    def work(x: int) -> int:
        return x

    @task(namespace="own_executor", executor="mine")
    def other(x: int) -> int:
        return x

    executor = QueueExecutor("mine")
    scheduler = Scheduler(executor=executor)
    scheduler.run([work(1), work.options(queue="fast")(2), other(3)])
    scheduler.close()

    assert executor.queues == [("slow", "slow"), ("fast", "slow"), (None, "none")]


def test_options_for_other_machines_are_told_once_a_task(own_options: None) -> None:
    """They are taken, at calls too; the number of CPUs has one name."""

    @task(namespace="other_machines", image="x", gpus=1)
    def inner(x: int) -> int:
        return x

    scheduler = WatchedScheduler()
    with scheduler.watch() as jobs:
        assert scheduler.run([inner(1), inner.options(role="r", gpus=2)(2)]) == [1, 2]
    scheduler.close()

    assert sorted(jobs.warnings) == [
        f"option {name!r} of task 'other_machines.inner' has no effect: it is for other machines than"
        " this one"
        for name in ("gpus", "image", "role")
    ]
    assert check_options({"vcpus": 2}, "here") == {"cpus": 2}
    with pytest.raises(OptionError, match="options 'vcpus' and 'cpus' in here mean the same"):
        check_options({"vcpus": 2, "cpus": 1}, "here")


def test_option_for_other_machines_may_be_the_projects_own(own_options: None) -> None:
    """Then it has an effect, which nobody is warned of."""
    register_option("gpus")

    @task(namespace="own_gpus", gpus=1)
    def inner(x: int) -> int:
        return x

    scheduler = WatchedScheduler()
    with scheduler.watch() as jobs:
        scheduler.run(inner(1))
    scheduler.close()

    assert jobs.warnings == []
