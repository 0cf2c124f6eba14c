"""Objects without state: they are told by a name, and are themselves wherever they come to."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_which_task import EXECUTORS, Project

from redunlite import Scheduler, task
from redunlite.errors import UnhashableValueError
from redunlite.hashing import token
from redunlite.markers import find_name

ANONYMOUS = [object()]


class Sentinel:
    """Has no state and no equality."""


class Unit:
    """Has no state, and equals others of its class."""

    def __eq__(self, other):
        return isinstance(other, Unit)

    def __hash__(self):
        return 1


class Named:
    """Has a name and no equality."""

    def __init__(self, name):
        self.name = name


MISSING = object()
DELETED = object()
FIRST, SECOND = Sentinel(), Sentinel()
UNIT = Unit()
LABEL = Named("label")


class Holder:
    """Holds a marker as an attribute."""

    UNSET = object()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    return Project(tmp_path)


CONSTANTS = """
class Sentinel:
    pass

class Named:
    def __init__(self, name):
        self.name = name

class Field:
    UNSET = object()

MISSING = object()
DELETED = object()
FIRST, SECOND = Sentinel(), Sentinel()
LABEL = Named("label")
"""
BODY = """
import dataclasses, enum, inspect, typing, unittest.mock
import numpy as np
import pandas as pd

ALL = [MISSING, DELETED, FIRST, SECOND, Field.UNSET, dataclasses.MISSING, inspect.Parameter.empty,
       np._NoValue, pd.NaT, typing.Any, Ellipsis, NotImplemented, unittest.mock.sentinel.x, enum.auto]

@dataclasses.dataclass
class Box:
    content: object

@task()
def which(x):
    return [x is y for y in ALL].index(True)

@task()
def unpack(box, *rest, **more):
    return box.content is MISSING, rest[0] is DELETED, more["a"][0] is FIRST

@task()
def defaults(a, b=MISSING, *, c=FIRST, d=LABEL, e=object()):
    return [b is MISSING, c is FIRST, d is LABEL, type(e) is object]

@task()
def get(i):
    return ALL[i]

@task()
def same(x, y):
    return x is y

def make():
    local = object()
    @task()
    def inner(x=local):
        return x is local
    return inner

@task()
def main():
    n = len(ALL)
    return [
        [which(x) for x in ALL], [which(get(i)) for i in range(n)],
        unpack(Box(MISSING), DELETED, a=[FIRST]), defaults(1), defaults(1, 2, d=None), defaults(1, MISSING),
        make()(), make()(3), same(get(0), MISSING), same(get(0), get(1)), [same(x, x) for x in (FIRST, SECOND)],
    ]
"""
EXPECTED = [
    [*range(14)], [*range(14)], (True, True, True), [True] * 4, [False, True, False, True], [True] * 4,
    True, False, True, False, [True, True],
]  # fmt: skip


@pytest.mark.parametrize("kind", EXECUTORS)
def test_markers_are_themselves_wherever_they_come_to(project: Project, kind: str):
    """As argument, default, result, attribute, member; of the file, of another module, of a library."""
    project.set_executor(kind)
    project.write(constants=CONSTANTS)
    imports = "from constants import DELETED, FIRST, LABEL, MISSING, SECOND, Field\n"
    project.write(own=CONSTANTS + BODY, flow=imports + BODY)
    for name in ("own.py", "flow.py"):
        cold, again = project(name, "main"), project(name, "main")

        assert cold.out.split() == again.out.split() == str(EXPECTED).split(), cold.err
        assert again.ran() == []


def test_markers_of_a_program_without_a_file(project: Project):
    """What is read from standard input has them too, in workers and from the cache."""
    program = (
        "import redunlite\nfrom redunlite import task\n" + CONSTANTS + BODY.replace(", Field.UNSET", "")
        + '\nif __name__ == "__main__":\n    print(redunlite.run(main()))\n'
    )  # fmt: skip
    expected = str([[*range(13)], [*range(13)], *EXPECTED[2:]])
    for _ in range(2):
        done = project(text=program)

        assert done.out.split() == expected.split(), done.err


def test_another_marker_is_another_argument(project: Project):
    """An edit that passes another one runs the call; a marker that is gone makes what holds it a miss."""
    flow = """
MISSING = object()
DELETED = object()

@task()
def is_missing(x):
    return x is MISSING

@task()
def get():
    return [{name}]

@task()
def name():
    return "kept" if {name} is MISSING else "other"

@task()
def main():
    return [is_missing(get()[0]), is_missing({name}), name()]
"""
    project.write(flow=flow.format(name="MISSING"))
    first = project("flow.py", "main")
    project.write(flow=flow.format(name="DELETED"))
    edited = project("flow.py", "main")

    assert (first.out, edited.out) == ("[True, True, 'kept']", "[False, False, 'other']")


def test_markers_hash_by_name():
    """Two of one class are two; one with equality is a value; one that nobody holds is refused."""
    assert len({token(x) for x in (MISSING, DELETED, FIRST, SECOND, Holder.UNSET, [MISSING])}) == 6
    assert token(UNIT) == token(Unit())
    assert token(Sentinel()) != token(FIRST)
    assert find_name(MISSING) == f"{__name__}:MISSING"
    assert find_name(Holder.UNSET) == f"{__name__}:Holder.UNSET"
    with pytest.raises(
        UnhashableValueError, match=r"cannot hash value\['a'\]\[0\].*no module holds"
    ):
        token({"a": ANONYMOUS})


def test_a_marker_with_attributes_is_a_value(scheduler: Scheduler):
    """What a task sets on one that it was given is not there for the next call."""

    @task()
    def fill(x, number):
        before = list(vars(x))
        x.number = number
        return before, x.number

    held = Sentinel()

    assert scheduler.run([fill(held, 1), fill(held, 2)]) == [([], 1), ([], 2)]


def test_a_default_with_value_is_the_callers(project: Project):
    """What is computed when the module is loaded is the main process's, as its key says; a list is a copy."""
    project.write(
        flow="""
import os

@task()
def who(pid=os.getpid(), seen=[]):
    seen.append(1)
    return pid, len(seen)

@task()
def main():
    return [who(), who(seen=[0]), os.getpid()]
"""
    )
    project.set_executor("process")
    first, second, worker = eval(project("flow.py", "main").out)

    assert first[0] == second[0] != worker
    assert (first[1], second[1]) == (1, 2)


def test_none_that_is_given_is_no_default() -> None:
    """``None`` is passed on where another parameter has a marker, or a lazy one, as its default."""

    @task(namespace="given")
    def one() -> int:
        return 1

    @task(namespace="given")
    def show(a=one(), b=2, *rest, c=NOTHING):  # noqa: B008
        return [a, b, rest, c is NOTHING]

    expressions = [show(None), show(None, None, None), show(None, c=None), show()]

    assert Scheduler().run(expressions) == [
        [None, 2, (), True],
        [None, None, (None,), True],
        [None, 2, (), False],
        [1, 2, (), True],
    ]


NOTHING = object()
