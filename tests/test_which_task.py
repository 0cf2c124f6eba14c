"""Which task is meant: by its name, by a name of another, and wherever its expression travels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from redunlite import Scheduler, task
from redunlite.functools import as_task, compose

EXECUTORS = ("process", "thread", "inline")


class Done(NamedTuple):
    """A command that ended."""

    status: int
    out: str
    err: str

    def ran(self) -> list[str]:
        """Return the names of the tasks that ran."""
        lines = [line for line in self.err.splitlines() if " Run    Job " in line]
        return [line.split(":  ")[1].partition("(")[0] for line in lines]


class Project:
    """A folder of modules."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".git").mkdir()

    def write(self, **modules: str) -> None:
        """Write modules; one underscore in a name stands for the folder before it."""
        for name, text in modules.items():
            path = self.folder / (name.replace("_", "/", 1) + ".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text("from redunlite import task\n" + text)

    def set_executor(self, kind: str) -> None:
        """Let jobs run in processes, threads or inline."""
        (self.folder / ".redunlite").mkdir(exist_ok=True)
        text = f"[executors.default]\ntype = {kind}\n"
        (self.folder / ".redunlite" / "redunlite.ini").write_text(text)

    def __call__(self, *words: str, text: str | None = None) -> Done:
        """Run a command, or a program that is read from standard input."""
        command = ["-"] if text is not None else ["-m", "redunlite", "run", *words]
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
            capture_output=True,
            input=text,
            text=True,
            timeout=120,
        )
        return Done(done.returncode, done.stdout.strip(), done.stderr)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    return Project(tmp_path)


PROCESS = """
@task()
def process(x):
    return ("{name}", x)
"""
TWO = """
import a, b
from redunlite.expression import quote
from redunlite.functools import map_

@task()
def direct():
    return [a.process(1), b.process(1)]

@task()
def call(t):
    return t(2)

@task()
def handed():
    return [call(a.process), call(b.process), call(a.process.partial()), call(b.process.partial())]

@task()
def give(quoted):
    return quoted.eval()

@task()
def quoted():
    return [give(quote(a.process(3))), give(quote(b.process(3)))]

@task()
def mapped():
    return [map_(a.process, [4]), map_(b.process, [4])]

@task()
def pick(which):
    return {"a": a, "b": b}[which].process

@task()
def picked():
    return [pick("a")(5), pick("b")(5)]

@task()
def with_options():
    return [t.options(priority=1)(6) for t in (a.process, b.process)]

@task()
def main():
    return [direct(), handed(), quoted(), mapped(), picked(), with_options()]
"""


@pytest.mark.parametrize("kind", EXECUTORS)
def test_two_tasks_of_one_name_are_two_however_they_travel(project: Project, kind: str):
    """Called, handed on, quoted, mapped, given back: each is the one of its module, also from the cache."""
    project.set_executor(kind)
    project.write(a=PROCESS.format(name="a"), b=PROCESS.format(name="b"), flow=TWO)

    both = [[("a", n), ("b", n)] for n in range(1, 7)]
    both[1] *= 2
    both[3] = [[("a", 4)], [("b", 4)]]
    first, again = project("flow.py", "main"), project("flow.py", "main")
    told = "two tasks are called 'process': a.py:3 and b.py:3"

    assert (first.status, again.status) == (0, 0), first.err
    assert first.out.split() == again.out.split() == str(both).split()
    assert again.ran() == []
    assert [done.err.count(told) for done in (first, again)] == [1, 1]


def test_an_edit_of_one_of_two_namesakes_reaches_its_own_calls(project: Project):
    """The cached caller of both gives the new result of the one, and the old of the other."""
    project.write(a=PROCESS.format(name="a"), b=PROCESS.format(name="b"), flow=TWO)
    project("flow.py", "direct")
    project.write(a=PROCESS.format(name="A"))
    edited = project("flow.py", "direct")

    assert edited.out == "[('A', 1), ('b', 1)]"
    assert edited.ran() == ["process"]


def test_namesakes_that_change_places_are_told_apart(project: Project):
    """`[a.process(1), b.process(1)]` the other way round is another workflow."""
    project.write(a=PROCESS.format(name="a"), b=PROCESS.format(name="b"), flow=TWO)
    project("flow.py", "direct")
    project.write(flow=TWO.replace("[a.process(1), b.process(1)]", "[b.process(1), a.process(1)]"))

    assert project("flow.py", "direct").out == "[('b', 1), ('a', 1)]"


CALLER = """
{head}
@task()
def main():
    {inner}
    return {call}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("import a", "", "a.process(1)"), ("import b", "", "b.process(1)")),
        (("import a, b", "", "a.process(1)"), ("import a, b", "", "b.process(1)")),
        (("from a import process", "", "process(1)"), ("from b import process", "", "process(1)")),
        (("", "from a import process", "process(1)"), ("", "from b import process", "process(1)")),
        (("", "import a", "a.process(1)"), ("", "import b", "b.process(1)")),
        (("from a import process as f", "", "f(1)"), ("from a import other as f", "", "f(1)")),
        (("", "from a import process as f", "f(1)"), ("", "from a import other as f", "f(1)")),
        (("from a import process", "", "process(1)"), ("from c import process", "", "process(1)")),
    ],
)  # fmt: skip
def test_another_import_is_another_task(
    project: Project, before: tuple[str, str, str], after: tuple[str, str, str]
):
    """An edit that changes only which module, name or namespace a task comes from is seen."""
    other = PROCESS.format(name="b").replace("process", "other")
    project.write(
        a=PROCESS.format(name="a") + other,
        b=PROCESS.format(name="b"),
        c='redun_namespace = "c"\n' + PROCESS.format(name="b"),
        flow=CALLER.format(head=before[0], inner=before[1] or "pass", call=before[2]),
    )
    first = project("flow.py", "main")
    project.write(flow=CALLER.format(head=after[0], inner=after[1] or "pass", call=after[2]))
    edited = project("flow.py", "main")

    assert (first.out, edited.out) == ("('a', 1)", "('b', 1)")


@pytest.mark.parametrize("kind", EXECUTORS)
def test_a_task_imported_inside_a_task_is_found(project: Project, kind: str):
    """By whatever import, of a package too, as a call, argument, partial or result; then from the cache."""
    project.set_executor(kind)
    project.write(
        steps="""
@task()
def clean(x):
    return x + 1
""",
        pack___init__="",
        pack_inner="""
@task()
def twice(x):
    return 2 * x

@task()
def outer(x):
    from .other import thrice
    return [twice(x), thrice(x)]
""",
        pack_other="""
@task()
def thrice(x):
    return 3 * x
""",
        flow="""
@task()
def call(t):
    return t(10)

@task()
def get():
    from steps import clean
    return clean

@task()
def main():
    import importlib
    from steps import clean
    from pack import inner
    from redunlite.functools import seq
    other = importlib.import_module("pack.other")

    def nested():
        from steps import clean as again
        return again(5)

    return [clean(1), nested(), call(clean), call(clean.partial()), clean.partial(2)(), get()(7),
            inner.outer(4), seq([other.thrice(1)])]
""",
    )
    first = project("flow.py", "main")
    again = project("flow.py", "main")
    planned = project("--dry-run", "flow.py", "main")
    text = (project.folder / "steps.py").read_text()
    (project.folder / "steps.py").write_text(text.replace("x + 1", "x + 2"))
    edited = project("flow.py", "main")

    assert first.status == 0, first.err
    assert first.out == "[2, 6, 11, 11, 3, 8, [8, 12], [3]]"
    assert (again.out, again.ran()) == (first.out, [])
    assert "everything is cached" in planned.err
    assert edited.out == "[3, 7, 12, 12, 4, 9, [8, 12], [3]]"
    assert set(edited.ran()) <= {"clean", "call", "get"}


def test_tasks_made_in_a_loop_are_as_many(project: Project):
    """One function statement makes two tasks of one name: each runs with its own default and closure."""
    project.write(
        flow="""
def make(k):
    @task(name="times")
    def times(x):
        return x * k
    return times

first, second = make(1), make(2)
tasks = []
for k in (3, 4):
    @task(name="plus")
    def plus(x, k=k):
        return x + k
    tasks.append(plus)

@task()
def main():
    return [first(10), second(10), *[t(10) for t in tasks]]
"""
    )
    cold, again = project("flow.py", "main"), project("flow.py", "main")
    text = (project.folder / "flow.py").read_text()
    (project.folder / "flow.py").write_text(text.replace("x * k", "-x * k"))
    edited = project("flow.py", "main")

    assert cold.out == again.out == "[10, 20, 13, 14]"
    assert edited.out == "[-10, -20, 13, 14]"


@pytest.mark.parametrize(
    ("before", "after"),
    [("add.partial(1)", "add.partial(2)"),
     ("add.partial(x=1, y=2)", "add.partial(x=2, y=2)"),
     ('add.update_context({"n": 1}).partial(1)', 'add.update_context({"n": 2}).partial(1)')],
)  # fmt: skip
def test_a_global_partial_counts_by_what_it_holds(project: Project, before: str, after: str):
    """An edit of the arguments or the context of a partial task in a global is seen by who calls it."""
    flow = """
from redunlite.context import get_context

@task()
def add(x, y=0, n=get_context("n", 0)):
    return [x, y, n]

PART = {part}

@task()
def main():
    return PART()
"""
    project.write(flow=flow.format(part=before))
    first = project("flow.py", "main").out
    project.write(flow=flow.format(part=after))
    edited = project("flow.py", "main").out
    fresh = project("--no-cache", "flow.py", "main").out

    assert edited == fresh != first


def test_run_means_the_files_own_task(project: Project):
    """Of namesakes `run FILE process` takes the file's own; of two others neither, naming both."""
    project.write(a=PROCESS.format(name="a"), b=PROCESS.format(name="b"))
    project.write(flow="import a, b\n" + PROCESS.format(name="own"), other="import a, b\n")
    own, other = (
        project("flow.py", "process", "--x", "1"),
        project("other.py", "process", "--x", "1"),
    )

    assert own.out == "('own', '1')"
    assert other.status == 2
    assert "a.py:3" in other.err and "b.py:3" in other.err


def test_a_task_defined_again_in_its_place_is_not_told(capsys: pytest.CaptureFixture[str]):
    """A cell of a notebook that runs again replaces the task, without a word."""
    scheduler = Scheduler()
    for number in (1, 2):

        @task(name="again")
        def again(x):
            return x

        assert scheduler.run(again(number)) == number
    scheduler.close()

    assert "two tasks" not in capsys.readouterr().err


def test_inner_tasks_of_one_name_are_two(scheduler: Scheduler):
    """Functions that make a task each, of one name, give expressions of their own."""

    @task()
    def first():
        @task()
        def inner():
            return 1

        return inner()

    @task()
    def second():
        @task()
        def inner():
            return 2

        return inner()

    assert scheduler.run([first(), second()]) == [1, 2]


@task()
def swallow(self, args=1, kwargs=2, func=3, cls=4, task=5, options=6, name=7, tasks=8, **more):
    """Have parameters of every name that a signature of ours could take."""
    return [self, args, kwargs, func, cls, task, options, name, tasks, more]


def plain(self, func=0, **more):
    """Do as `swallow`, as a plain function."""
    return [self, func, more]


def test_parameters_may_have_any_name(scheduler: Scheduler):
    """`self=`, `func=` and the like are the task's own, in calls, partials and forms."""
    given = {"self": "s", "args": "a", "func": "f", "options": "o", "scheduler": "x"}
    expected = ["s", "a", 2, "f", 4, 5, "o", 7, 8, {"scheduler": "x"}]
    composed = compose(swallow.options(priority=1), swallow)

    assert scheduler.run(swallow(**given)) == expected
    assert scheduler.run(swallow.partial(**given)()) == expected
    assert scheduler.run(swallow.partial().partial(args="a")(self="s"))[:2] == ["s", "a"]
    assert scheduler.run(as_task(plain)(self=1, func=2, tasks=3)) == [1, 2, {"tasks": 3}]
    assert scheduler.run(composed(self=1, tasks=3))[0][0] == 1


def test_task_of_a_function_that_was_defined_anew_is_meant_by_its_caller() -> None:
    """In one process, a closure that calls another is answered by the one that it holds now.

    Also where jobs have filled a list that both close over, which by itself is no edit.
    """
    log: list[int] = []

    @task(namespace="anew")
    def inner(x: int) -> int:
        log.append(x)
        return x + 1

    @task(namespace="anew")
    def outer(x: int) -> int:
        return inner(x)

    scheduler = Scheduler()
    results = [scheduler.run(outer(1)), scheduler.run(outer(1))]
    n_first = len(log)

    @task(namespace="anew")
    def inner(x: int) -> int:  # noqa: F811
        log.append(x)
        return x + 2

    results.append(scheduler.run(outer(1)))

    @task(namespace="anew")
    def inner(x: int) -> int:  # noqa: F811
        log.append(x)
        return x + 1

    results.append(scheduler.run(outer(1)))

    assert (results, n_first) == ([2, 2, 3, 2], 1)
