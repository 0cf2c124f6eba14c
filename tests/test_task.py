"""Tasks: names, options, registry, and how they travel."""

from __future__ import annotations

import ast
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from redunlite import Scheduler, get_task_registry, namespace, task
from redunlite.errors import OptionError, TaskDefinitionError
from redunlite.expression import TaskExpression
from redunlite.task import Task

redun_namespace = "test_task"


@task()
def double(x: int) -> int:
    """Double a number."""
    return 2 * x


@task
def bare(x):
    return x


def test_decorator_works_bare_and_with_options():
    """`@task`, `@task()` and `@task(name=…)` make tasks named after module and function."""

    @task(name="other", namespace="elsewhere")
    def function():
        return 1

    assert double.fullname == "test_task.double"
    assert bare.fullname == "test_task.bare"
    assert function.fullname == "elsewhere.other"
    assert double.func(4) == 8
    assert double.doc == "Double a number."


def test_call_makes_an_expression():
    """Calling evaluates nothing."""
    expression = double(3)

    assert isinstance(expression, TaskExpression)
    assert repr(expression) == "test_task.double(3)"


def test_namespace_precedence():
    """Explicit wins, also when empty; then the module variable; then the current namespace."""
    namespace("current")
    try:

        @task(namespace="")
        def none():
            return 1

        @task()
        def module():
            return 1
    finally:
        namespace()

    assert none.fullname == "none"
    assert module.fullname == "test_task.module"


def test_second_registration_replaces_the_first():
    """The registry holds the latest task of a name."""

    @task(name="replaced")
    def one():
        return 1

    @task(name="replaced")
    def two():
        return 2

    assert get_task_registry().get("test_task.replaced") is two


def test_unknown_option_is_an_error_with_the_nearest_name():
    """A misspelt option is refused where it is written."""
    with pytest.raises(OptionError, match="executor"):

        @task(exceutor="process")
        def wrong():
            return 1

    with pytest.raises(OptionError, match="limits"):
        double.options(limit=["db"])


def test_options_at_the_call_make_another_task_object_of_the_same_task():
    """`.options()` accumulates, keeps hash and number, and leaves the task as it was."""
    fast = double.options(executor="inline").options(priority=3)

    assert fast.options_for_call()["executor"] == "inline"
    assert fast.options_for_call()["priority"] == 3
    assert double.options_for_call().get("executor") is None
    assert fast.number == double.number
    assert fast.hash == double.hash


def test_identity_options_cannot_change_at_a_call():
    """Name, version and the like say which task it is."""
    with pytest.raises(OptionError, match="version"):
        double.options(version="2")


@pytest.mark.parametrize("name", ["with space", "1st", "a.b", "a-b"])
def test_bad_names_are_refused(name):
    """A task's name is an identifier."""
    with pytest.raises(TaskDefinitionError):
        task(name=name)(lambda: 1)


@pytest.mark.parametrize("name", ["a b", "1st.x", "a-b", "a..b", ".a", "a."])
def test_bad_namespaces_are_refused(name):
    """A namespace is identifiers with dots between, and the error says so."""
    with pytest.raises(TaskDefinitionError, match="dots between"):
        task(name="x", namespace=name)(lambda: 1)


def test_names_are_those_that_python_takes():
    """Any letters will do; an accent written in two ways is one name, as in Python itself."""
    composed = task(name="pr\u00fcfe", namespace="ma\u00df")(lambda: 1)
    assert composed.fullname == "ma\u00df.pr\u00fcfe"
    apart = task(name="pru\u0308fe", namespace="ma\u00df")(lambda: 1)
    assert apart.fullname == composed.fullname


@pytest.mark.parametrize("made", [partial(int, base=2), int, 5, Path("x")])
def test_what_is_no_function_is_refused_with_the_way_out(made):
    """A callable without a name or known parameters has nothing to be recorded under."""
    with pytest.raises(TaskDefinitionError, match="a function"):
        task()(made)
    with pytest.raises(TaskDefinitionError, match="a function"):
        task(made)


def test_task_of_a_task_is_refused():
    """Decorating twice is a mistake and said so."""
    with pytest.raises(TaskDefinitionError, match="already"):
        task()(double)


def test_config_args_must_be_parameters():
    """A config argument that the function does not have is refused."""
    with pytest.raises(OptionError, match="threads"):

        @task(config_args=["threads"])
        def work(x):
            return x


def test_importable_task_is_pickled_by_reference():
    """A module's task comes back as the live one, options included."""
    assert pickle.loads(pickle.dumps(double)) is double
    again = pickle.loads(pickle.dumps(double.options(priority=2)))
    assert again.number == double.number
    assert again.call_options == {"priority": 2}


def test_public_names_are_functions_whatever_was_imported_first():
    """`redunlite.task` is the decorator although a sub-module has its name."""
    import redunlite.namespace
    import redunlite.task

    assert callable(redunlite.task)
    assert callable(redunlite.namespace)
    assert isinstance(double, Task)


METHODS = """
from redunlite import task

redun_namespace = "methods"


class Base:
    FACTOR = 2

    def __init__(self, v):
        self.v = v

    def get(self):
        return self.v

    @task()
    def scale(self, x, by=1):
        return self.get() * x * by

    @task()
    def both(self, x):
        return [self.scale(x), self.scale.options(cache=False)(x, by=2)]

    @classmethod
    @task()
    def made(cls, x):
        return cls.FACTOR, x

    @staticmethod
    @task()
    def above(x):
        return x

    @task()
    @staticmethod
    def below(x):
        return x

    @property
    @task()
    def value(self):
        return self.v


class Sub(Base):
    FACTOR = 3

    def get(self):
        return self.v + 100

    @task(name="sub_both")
    def both(self, x):
        return ["sub", super().both(x)]


@task()
def main():
    base, sub = Base(5), Sub(5)
    return [
        base.scale(2), sub.scale(2), Base.scale(base, 3), base.both(1), sub.both(1),
        Base.made(1), sub.made(2), base.above(3), Base.above(4), base.below(5), Base.below(6), sub.value,
    ]
"""


def test_methods_are_tasks(tmp_path: Path) -> None:
    """A task called through an instance gets it as `self`, in workers too; its class counts as code."""
    path = tmp_path / "methods.py"
    path.write_text(METHODS)

    def run() -> list[object]:
        done = subprocess.run(
            [sys.executable, "-m", "redunlite", "run", "-q", "methods.py", "main"],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        found: list[object] = ast.literal_eval(done.stdout)
        return found

    expected = [10, 210, 15, [5, 10], ["sub", [105, 210]], (2, 1), (3, 2), 3, 4, 5, 6, 5]

    assert run() == expected
    assert run() == expected
    path.write_text(METHODS.replace("self.v + 100", "self.v + 200"))
    assert run() == [10, 410, 15, [5, 10], ["sub", [205, 410]], *expected[5:]]


def test_task_of_a_class_that_was_written_elsewhere_is_no_method(scheduler: Scheduler) -> None:
    """A task that a class or an instance holds is called as it is."""

    class Steps:
        first = double

        def __init__(self) -> None:
            self.second = double

    assert scheduler.run([Steps.first(1), Steps().first(2), Steps().second(3)]) == [2, 4, 6]


def test_task_of_a_class_without_self_is_refused_at_an_instance() -> None:
    """As plain Python does it; through the class it is called as it is written."""

    class Steps:
        @task()
        def step(x: int) -> int:
            return x

    assert repr(Steps.step(1)).endswith("step(1)")
    with pytest.raises(TypeError, match="takes 1 positional"):
        Steps().step(1)


@pytest.mark.parametrize("kind", [classmethod, property])
def test_task_above_a_classmethod_or_property_says_what_to_write(kind: type) -> None:
    """The error names class and method, and the right order."""
    with pytest.raises(TaskDefinitionError, match=r"Steps\.step") as caught:

        class Steps:
            @task()
            @kind
            def step(x: int) -> int:
                return x

    assert f"write @{kind.__name__} above @task" in str(caught.value)
