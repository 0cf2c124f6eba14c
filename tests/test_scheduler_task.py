"""Special forms of the user's own, and decorators that wrap tasks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from redunlite import Scheduler, task
from redunlite.errors import UnknownNameError
from redunlite.promise import Promise
from redunlite.task import get_task_registry, scheduler_task, wraps_task

redun_namespace = "test_scheduler_task"


@task()
def add(a, b=10):
    return a + b


@task()
def fail(message):
    raise ValueError(message)


@scheduler_task()
def either(scheduler, parent_job, sexpr, first, second):
    def choose(value):
        return value or scheduler.evaluate(second, parent_job=parent_job)

    return scheduler.evaluate(first, parent_job=parent_job).then(choose)


@scheduler_task()
def plus_hundred(scheduler, parent_job, sexpr, value):
    return scheduler.evaluate(value, parent_job=parent_job).then(lambda v: add(v, 100))


@scheduler_task()
def say_error(scheduler, parent_job, sexpr, value):
    return scheduler.evaluate(value).catch(repr)


@scheduler_task()
def gather(scheduler, parent_job, sexpr, *values):
    return Promise.all([scheduler.evaluate(value) for value in values])


@scheduler_task()
def describe(scheduler, parent_job, sexpr, *args, **kwargs):
    promise = Promise()
    promise.do_resolve(
        [sexpr.task_name, len(sexpr.args), sorted(sexpr.kwargs), parent_job.task.name]
    )
    return promise


@scheduler_task()
def show(scheduler, parent_job, sexpr, value):
    promise = Promise()
    promise.do_resolve(repr(value))
    return promise


@scheduler_task()
def no_promise(scheduler, parent_job, sexpr):
    return 5


@task()
def forms():
    return [
        either(add(1, 2), fail("never evaluated")),
        either(add(0, 0), add(2, 2)),
        plus_hundred(add(1, 1)),
        say_error(fail("x")),
        gather(add(1, 1), 2, [add(3, 3)]),
        describe(add(1, 1), k=1),
        show([1, (PurePosixPath("x"),)]),
    ]


FORMS = [
    3,
    4,
    102,
    "ValueError('x')",
    [2, 2, [6]],
    ["test_scheduler_task.describe", 1, ["k"], "forms"],
    "[1, (PurePosixPath('x'),)]",
]


def test_forms_work_on_unevaluated_arguments(scheduler: Scheduler):
    """A form evaluates what it wants to, may give an expression, and may take an error."""
    assert scheduler.run(forms()) == FORMS


def test_forms_work_from_a_recorded_result(scheduler: Scheduler):
    """The same when the expression comes from the cache, whose plain parts are decoded."""
    scheduler.run(forms())

    assert scheduler.run(forms()) == FORMS


def test_failure_keeps_its_job(scheduler: Scheduler):
    """An error that a form passes on is the failed task's own."""
    with pytest.raises(ValueError, match="deep"):
        scheduler.run(plus_hundred(fail("deep")))


def test_a_form_must_give_a_promise(scheduler: Scheduler):
    """Anything else is told with the way out."""
    with pytest.raises(TypeError, match=r"expected a Promise: scheduler\.evaluate"):
        scheduler.run(no_promise())


def test_a_form_is_checked_and_partial_like_a_task(scheduler: Scheduler):
    """Its calls are checked where they are written; it can be partial."""
    with pytest.raises(TypeError, match="missing required argument"):
        either(1)

    assert scheduler.run(either.partial(add(0, 0))(7)) == 7


def times(k):
    @wraps_task(wrapper_hash_includes=[k])
    def _times(inner_task):
        def run(*args, **kwargs):
            return k * inner_task.func(*args, **kwargs)

        return run

    return _times


@times(2)
@times(3)
@task(name="raised")
def raise_by_one(x):
    return x + 1


@times(5)
def bare(x: int):
    return x


def test_wrapping_hides_the_inner_tasks():
    """The outer task has the name; what it wraps moves below, layer by layer."""
    assert raise_by_one.fullname == "test_scheduler_task.raised"
    assert raise_by_one.wrapped_task.fullname == "test_scheduler_task._times.raised"
    assert raise_by_one.inner_task.fullname == "test_scheduler_task._times._times.raised"
    assert get_task_registry().get("test_scheduler_task.raised") is raise_by_one


def test_wrapped_tasks_run(scheduler: Scheduler):
    """Each layer does its part; the inner task can be called for itself; functions are made tasks."""
    assert scheduler.run(raise_by_one(1)) == 12
    assert scheduler.run(raise_by_one.inner_task(1)) == 2
    assert scheduler.run(bare(x=4)) == 20


def test_hash_of_a_wrapped_task_covers_both():
    """Another inner code, and another argument of the wrapper, are another hash."""

    def make(k, step):
        @times(k)
        @task(name="made", version=step)
        def made(x):
            return x

        return made.hash

    assert len({make(2, "1"), make(2, "2"), make(3, "1")}) == 3
    assert make(2, "1") == make(2, "1")


def test_wrapper_signature_on_demand():
    """The parameters are the inner task's, or those of the wrapper's function."""

    def with_prefix():
        @wraps_task(wrapper_name="prefixed", use_wrapper_signature=True)
        def _wrapper(inner_task):
            def run(prefix: str, x: int):
                return prefix + str(inner_task.func(x))

            return run

        return _wrapper

    @with_prefix()
    @task(name="prefixed_one")
    def one(x):
        return x

    assert one.parameters.names == ("prefix", "x")
    assert one.inner_task.fullname == "test_scheduler_task.prefixed.prefixed_one"
    assert raise_by_one.parameters.names == ("x",)


def test_rename_of_an_unknown_task_is_told():
    """Renaming what is not registered names the nearest."""
    with pytest.raises(UnknownNameError):
        get_task_registry().rename("test_scheduler_task.rased", "x", "y")


WORKFLOW = """
from redunlite import task
from redunlite.task import scheduler_task, wraps_task

redun_namespace = "w"

def times(k):
    @wraps_task(wrapper_hash_includes=[k])
    def _times(inner_task):
        def run(*args, **kwargs):
            return k * inner_task.func(*args, **kwargs)
        return run
    return _times

@times(2)
@times(3)
@task()
def val(x: int = 1):
    return x + 1

@scheduler_task()
def first(scheduler, parent_job, sexpr, pair):
    return scheduler.evaluate(pair[0], parent_job=parent_job)

@task(nout=2)
def two(n: int = 2):
    return list(range(n))

@task(executor="quick")
def main(n: int = 2):
    a, b = two(n)
    return [first([val(1), val(2)]), val.inner_task(1), a, b]
"""


def run_command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "redunlite", "run", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / ".redunlite"
    folder.mkdir()
    (tmp_path / "w.py").write_text(WORKFLOW)
    (folder / "make.py").write_text(
        "import sys\n"
        "from redunlite import Scheduler\n"
        "def make(config, profile: str = 'prod', n: int = 3):\n"
        "    print('SETUP', profile, n + 1, file=sys.stderr)\n"
        "    return Scheduler(config=config)\n"
    )
    (folder / "redunlite.ini").write_text(
        "[scheduler]\nsetup_scheduler = make.py::make\n"
        "[executors.quick]\ntype = alias\ntarget = also\n"
        "[executors.also]\ntype = alias\ntarget = thread\n"
    )
    return tmp_path


def test_forms_wrappers_and_aliases_at_the_command_line(project: Path):
    """The same in processes, with an executor by its alias, made by the project's setup."""
    done = run_command(project, "--setup", "profile=dev", "-s", "n=7", "w.py", "main")

    assert done.stdout == "[12, 2, 0, 1]\n", done.stderr
    assert "SETUP dev 8" in done.stderr
    assert "w.main(n=2) on thread" in done.stderr
    assert run_command(project, "w.py", "val").stdout == "12\n"


def test_promised_number_of_results_is_checked(project: Path):
    """Three results where two were unpacked fail with the task's name."""
    done = run_command(project, "w.py", "main", "--n", "3")

    assert done.returncode == 1
    assert "task 'w.two' promises 2 results and returned 3" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--setup", "profil=x", "w.py", "main"], "unknown option '--profil' for the scheduler's"),
        (["--setup", "n=x", "w.py", "main"], "option --n got 'x', expected a whole number"),
        (["--setup", "n", "w.py", "main"], "--setup got 'n', expected name=value"),
    ],
)
def test_bad_setup_is_told(project: Path, words: list[str], message: str):
    """A wrong argument of the setup function is one line and exit 2."""
    done = run_command(project, *words)

    assert done.returncode == 2
    assert message in done.stderr


def test_setup_help_lists_the_arguments(project: Path):
    """`--setup-help` shows the function's parameters."""
    assert [line.strip() for line in run_command(project, "--setup-help").stdout.splitlines()] == [
        "usage: redunlite run --setup NAME=VALUE ... FILE TASK",
        "",
        "names:",
        "profile=PROFILE  (default: prod)",
        "n=N              int (default: 3)",
    ]


def test_setup_that_gives_no_scheduler_is_told(project: Path):
    """What the function returns is checked; exit 4, for the configuration is at fault."""
    (project / ".redunlite" / "make.py").write_text("def make(config):\n    return 5\n")

    done = run_command(project, "w.py", "val")

    assert done.returncode == 4
    assert "returned 5, expected a Scheduler" in done.stderr


def test_load_module_is_imported_first(tmp_path: Path):
    """A worker imports the module that the task names before the function runs."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "side.py").write_text("LOADED = True\n")
    (tmp_path / "w.py").write_text(
        "import sys\nfrom redunlite import task\nredun_namespace = 'w'\n"
        "@task(load_module='side')\ndef main():\n    return 'side' in sys.modules\n"
    )

    done = run_command(tmp_path, "w.py", "main")

    assert done.stdout == "True\n", done.stderr


CURRENT = """
from redunlite import Scheduler, get_current_scheduler, run, task
from redunlite.scheduler import scheduler_task
redun_namespace = "current"

@scheduler_task(namespace="current")
def form(scheduler, parent_job, sexpr):
    scheduler.logger.info("from the form")
    tags = [scheduler.config.get("tags", {}).get("a"), get_current_scheduler().config.tags["a"]]
    return scheduler.evaluate(tags, parent_job=parent_job)

@task()
def main():
    return form()

def setup_scheduler(config):
    return Scheduler(config=config)

if __name__ == "__main__":
    print(run(main()))
    print(get_current_scheduler(required=False))
"""


@pytest.mark.parametrize("setup", ["", "[scheduler]\nsetup_scheduler = w.py::setup_scheduler\n"])
def test_special_form_finds_the_scheduler_and_its_configuration(setup: str, tmp_path: Path) -> None:
    """Under the command, with a scheduler of one's own or without, and in a program."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".redunlite").mkdir()
    (tmp_path / ".redunlite" / "redunlite.ini").write_text(f"[tags]\na = b\n{setup}")
    (tmp_path / "w.py").write_text(CURRENT)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )

    command, program = run("-m", "redunlite", "run", "w.py", "main"), run("w.py")

    assert command.stdout == "['b', 'b']\n", command.stderr
    assert "[redunlite] from the form\n" in command.stderr
    assert program.stdout == "['b', 'b']\nNone\n", program.stderr


def test_special_form_made_inside_a_function_is_one_in_a_worker(scheduler: Scheduler) -> None:
    """It travels by value there, and stays what it is."""

    @scheduler_task(namespace="local_form")
    def twice(view: Any, parent_job: Any, sexpr: Any, x: Any) -> Promise[Any]:
        return view.evaluate(x, parent_job=parent_job).then(lambda value: [value, value])

    @task(namespace="local_form", executor="process")
    def main(x: int) -> Any:
        return twice(x)

    assert scheduler.run(main(4)) == [4, 4]
