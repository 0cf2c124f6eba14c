"""The names that redun workflows import: each is here, or what is told says why it is not."""

from __future__ import annotations

import datetime
import importlib
import logging as python_logging
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from redunlite import LocalExecutor, Scheduler, absent, hashing, task, utils
from redunlite.absent import explain_name
from redunlite.config import Config, create_config_section
from redunlite.errors import WorkflowLoadError
from redunlite.loading import load_workflow
from redunlite.logging import log_levels, logger
from redunlite.scheduler import Job, JobInfo, Promise, quote, scheduler_task, with_export_options

redun_namespace = "test_redun_names"

HERE = {
    "": (
        "task Task PartialTask Scheduler run LocalExecutor catch cond throw apply_tags get_context namespace"
        " get_current_namespace get_task_registry get_current_scheduler set_current_scheduler version"
        " __version__"
    ),
    "task": (
        "task Task PartialTask SchedulerTask scheduler_task wraps_task get_task_registry TaskRegistry"
        " CacheScope CacheCheckValid Func"
    ),
    "scheduler": (
        "cond catch catch_all throw apply_tags fork_thread join_thread quote QuotedExpression"
        " scheduler_task JobInfo DryRunResult SchedulerError NoCurrentScheduler ErrorValue Frame Job Thread"
        " with_export_options Scheduler get_current_scheduler set_current_scheduler Task PartialTask task"
        " get_task_registry TaskExpression SchedulerExpression SimpleExpression ValueExpression Expression"
        " Promise CacheScope CacheCheckValid get_context"
    ),
    "functools": (
        "compose compose_apply identity const delay force seq map_ starmap flatten flat_map zip_"
        " apply_func as_task eval_ no_prov"
    ),
    "expression": (
        "Expression TaskExpression SchedulerExpression SimpleExpression ValueExpression QuotedExpression"
        " quote"
    ),
    "value": "Value ProxyValue InvalidValueError TypeRegistry get_type_registry",
    "context": "get_context get_context_value",
    "config": "Config create_config_section",
    "logging": "logger log_levels log_handler log_formatter",
    "options": "register_option",
    "namespace": "namespace get_current_namespace",
    "tags": "parse_tag_value",
    "promise": "Promise wait_promises",
    "executors": "",
    "executors.base": "Executor",
    "executors.local": "LocalExecutor",
    "utils": (
        "map_nested_value iter_nested_value merge_dicts trim_string format_table format_timestamp"
        " format_timedelta MultiMap pickle_dump pickle_dumps pickle_loads pickle_preview add_import_path"
        " str2bool json_dumps get_func_source"
    ),
    "hashing": "hash_struct hash_bytes hash_text hash_stream hash_tag_bytes",
    "pytest": "scheduler",
}
"""By module, what the reference tells of and workflows on one machine use."""

ABSENT = {
    "": (
        "File Dir ShardedS3Dataset Handle script merge_handles register_executor AliasExecutor"
        " AWSBatchExecutor AWSGlueExecutor DockerExecutor K8SExecutor GCPBatchExecutor file handle"
        " scripting tools federated_tasks scheduler_config sphinx glue backends"
    ),
    "scheduler": (
        "merge_handles subrun root_task Traceback Execution set_arg_defaults get_arg_defaults"
        " format_task_call CacheResult"
    ),
    "task": "CacheResult",
    "value": "FileCache Function MetaValue",
    "expression": "ApplyExpression derive_expression get_lazy_operation",
    "executors": "aws_batch aws_glue docker k8s gcp_batch alias",
    "executors.base": "register_executor",
}
"""By module, what the reference tells of besides."""


def list_names(table: dict[str, str]) -> list[tuple[str, str]]:
    """Return the pairs of module and name."""
    return [
        (f"redunlite.{module}".rstrip("."), name)
        for module, names in table.items()
        for name in names.split() or [""]
    ]


@pytest.mark.parametrize(("module", "name"), list_names(HERE))
def test_name_can_be_imported(module: str, name: str) -> None:
    """As from the module of that name in redun."""
    found = importlib.import_module(module)

    assert not name or hasattr(found, name)


@pytest.mark.parametrize(("module", "name"), list_names(ABSENT))
def test_absent_name_is_explained(module: str, name: str) -> None:
    """With when it comes, or why it does not and what there is instead; and it is really absent."""
    assert not hasattr(importlib.import_module(module), name)
    assert explain_name(f"{module}.{name}").startswith(f"{module}.{name} ")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("from redunlite.file import File", "redunlite.file comes with a later version"),
        ("from redunlite import Handle", "redunlite.Handle comes with a later version"),
        ("from redunlite.scheduler import qoute", "did you mean 'quote'?"),
        ("from redunlite.utlis import trim_string", "did you mean 'utils'?"),
        (
            "from redunlite.executors.docker import DockerExecutor",
            "redunlite.executors.docker is left out: this is for the CPUs of one machine;"
            " executors are process, thread and inline",
        ),
        ("from os import pathh", None),
        ("import nosuch.module", None),
    ],
)
def test_failed_import_of_a_workflow_tells_what_to_do(
    line: str, hint: str | None, tmp_path: Path
) -> None:
    """In the last line, behind Python's own words; other packages' imports are left to Python."""
    (tmp_path / "absent_workflow.py").write_text(f"{line}\n")

    with pytest.raises(WorkflowLoadError) as caught:
        load_workflow(str(tmp_path / "absent_workflow.py"))

    last = caught.value.hint.splitlines()[-1]
    assert last == hint if hint else "Error: " in last


# What they do.


@task()
def tell(word: str) -> str:
    """Give it back."""
    return word


@task()
def tell_executor(info: JobInfo = JobInfo()) -> object:  # noqa: B008
    """Tell where it runs."""
    return info.options.get("executor")


@task()
def tell_executor_below() -> object:
    """Tell where what it calls runs."""
    return tell_executor()


def test_exported_options_reach_a_quoted_expression(scheduler: Scheduler) -> None:
    """Also what is below it."""
    expression = with_export_options(quote([tell_executor_below(), 1]), {"executor": "thread"})

    assert scheduler.run(expression) == ["thread", 1]


@pytest.mark.parametrize("mode", ["thread", "process"])
def test_local_executor_runs_jobs_under_its_name(mode: str) -> None:
    """As redun's does, given to a scheduler."""
    executor = LocalExecutor("mine", config={"mode": mode, "max_workers": "3"})
    scheduler = Scheduler(executor=executor)
    scheduler.load()

    assert scheduler.run(tell.options(executor="mine")("x")) == "x"
    assert (executor.name, executor.n_workers) == ("mine", 3)
    scheduler.close()


def test_local_executor_of_an_unknown_mode_is_refused() -> None:
    """With the two there are."""
    with pytest.raises(ValueError, match="mode is 'fork', expected thread or process"):
        LocalExecutor("mine", mode="fork")


def test_text_hashes_tell_contents_apart(tmp_path: Path) -> None:
    """A stream like its bytes, a text like its UTF-8; a tag counts."""
    (tmp_path / "a").write_bytes(b"abc")

    assert hashing.hash_bytes(b"abc") == hashing.hash_text("abc") != hashing.hash_text("abd")
    with (tmp_path / "a").open("rb") as stream:
        assert hashing.hash_stream(stream, 2) == hashing.hash_bytes(b"abc")
    assert hashing.hash_tag_bytes("a", b"bc") != hashing.hash_tag_bytes("ab", b"c")
    assert (
        hashing.hash_struct(["x", 1]) == hashing.hash_struct(["x", 1]) != hashing.hash_struct("x")
    )
    assert {len(hashing.hash_bytes(b"")), len(hashing.hash_struct({}))} == {40}


def test_pickle_preview_shows_what_has_no_class() -> None:
    """Arguments, attributes and slots; known classes are made as ever; other bytes are told."""
    program = (
        "import sys, pickle, datetime\n"
        "class Point:\n"
        "    def __init__(self, x): self.x = x\n"
        "class Pair(tuple): pass\n"
        "sys.modules['gone'] = sys.modules['__main__']\n"
        "Point.__module__ = Pair.__module__ = 'gone'\n"
        "sys.stdout.buffer.write(pickle.dumps([Point(1), Pair((1, 2)), datetime.date(2024, 2, 29)]))\n"
    )
    data = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    with pytest.raises(ModuleNotFoundError):
        pickle.loads(data)

    point, pair, day = utils.pickle_preview(data)

    assert (repr(point), point.x) == ("Point(x=1)", 1)
    assert (repr(pair), pair[0]) == ("Pair((1, 2))", (1, 2))
    assert day == datetime.date(2024, 2, 29)
    assert repr(utils.pickle_preview(b"\x80\x03")).startswith("Unpicklable(")
    with pytest.raises(EOFError):
        utils.pickle_preview(b"", raise_error=True)


def test_multimap_is_equal_to_the_same_items_in_any_order() -> None:
    """To pairs and to a dict of lists too."""
    items = utils.MultiMap([("a", 1), ("b", 2), ("a", 3)])

    assert items == [("a", 3), ("a", 1), ("b", 2)]
    assert items == {"b": [2], "a": [1, 3]}
    assert items != [("a", 3), ("a", 3), ("b", 2)]
    assert (items.get("c"), items.get("c", [0]), items.has_item("a", 3)) == ([], [0], True)
    assert ("c" in items, list(items.keys()), list(items.values())) == (
        False,
        ["a", "b"],
        [1, 3, 2],
    )


def test_source_of_a_function_leaves_its_decorators_out() -> None:
    """As it counts for a task."""
    assert utils.get_func_source(tell_executor.func).startswith("def tell_executor(info")
    with pytest.raises(OSError, match="has no source text"):
        utils.get_func_source(eval("lambda: 1"))


# Attributes.


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (Scheduler, "backend", "redunlite.load gives recorded values"),
        (Scheduler, "executors", "scheduler.config.executors are the configured ones"),
        (Scheduler, "evaluate", "the engine has no public inner methods"),
        (Scheduler, "add_exector", "did you mean 'add_executor'?"),
        (lambda: tell, "recompute_hash", "the hash follows the code by itself"),
        (lambda: Job(None, tell, 1), "execution", "a parameter whose default is JobInfo()"),
        (lambda: tell, "_nosuch", "'Task' object has no attribute '_nosuch'"),
    ],
)
def test_absent_attribute_tells_what_to_write_here(
    make: Callable[[], object], name: str, words: str
) -> None:
    """Of schedulers, tasks and jobs; the nearest name where nothing else is known."""
    with pytest.raises(AttributeError) as caught:
        getattr(make(), name)

    assert words in str(caught.value)
    assert not hasattr(make(), name)


def test_each_explained_attribute_is_absent() -> None:
    """What came is no longer explained; that of a special form's scheduler is another's there."""
    owners = {"Scheduler": Scheduler, "Task": type(tell), "Job": Job}
    there = {
        full
        for full in absent._ATTRIBUTES
        if hasattr(owners[full.partition(".")[0]], full.partition(".")[2])
    }

    assert there == {"Scheduler.run"}


def test_task_tells_its_options_and_its_hash() -> None:
    """Those of the decorator, with those of `options` on top; partial tasks like their inner one."""
    options = tell.options(executor="thread")

    assert tell.get_task_option("executor") is None
    assert tell.get_task_option("executor", "none") == "none"
    assert options.get_task_option("executor") == "thread"
    assert options.partial("x").get_task_options() == {"executor": "thread"}
    assert (options.has_task_option("executor"), options.has_task_option("limits")) == (True, False)
    assert tell.get_hash() == tell.hash.hex()


def test_special_form_reads_the_context_of_its_job(scheduler: Scheduler) -> None:
    """And its result depends on it: another context is another answer."""

    @scheduler_task(namespace="test_redun_names")
    def read_context(view: Any, parent_job: Any, sexpr: Any, name: str) -> Promise[Any]:
        return view.evaluate(parent_job.get_context().get(name), parent_job)

    @task(namespace="test_redun_names", check_valid="shallow")
    def around() -> Any:
        return read_context("colour")

    assert scheduler.run(around(), context={"colour": "red"}) == "red"
    assert scheduler.run(around(), context={"colour": "blue"}) == "blue"
    assert scheduler.run(around()) is None


def test_scheduler_has_the_configuration_and_a_logger(capsys: pytest.CaptureFixture[str]) -> None:
    """That of `redunlite.logging`, or the one that it was given; lines begin like those of a run."""
    scheduler = Scheduler(config={"limits": {"db": 2}})
    given = python_logging.getLogger("test_redun_names")
    records: list[str] = []
    given.addFilter(lambda record: records.append(record.getMessage()) or False)
    given.setLevel("INFO")

    scheduler.logger.info("one")
    scheduler.log("two", 2)
    scheduler.log("a\nb", indent=2)
    Scheduler(logger=given).log("three", level=log_levels["ERROR"])

    assert scheduler.logger is logger
    assert capsys.readouterr().err == "[redunlite] one\n[redunlite] two 2\n[redunlite]   a\n  b\n"
    assert records == ["three"]
    assert scheduler.config.limits == {"db": 2}
    assert Scheduler().config == Config()


def test_local_executor_takes_a_section() -> None:
    """As workflows make one for it."""
    section = create_config_section({"mode": "process", "max_workers": "3"})
    executor = LocalExecutor("mine", config=section)

    assert (executor.name, executor.n_workers, section.getint("max_workers")) == ("mine", 3, 3)
    assert create_config_section().getboolean("nosuch", fallback=True) is True
