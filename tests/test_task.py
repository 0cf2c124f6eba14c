"""Tasks: names, options, registry, and how they travel."""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path

import pytest

from redunlite import get_task_registry, namespace, task
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
