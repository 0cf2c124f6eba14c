"""Classes that no name leads to, and what classes and functions hold beside their text."""

from __future__ import annotations

import ast
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import pytest

from redunlite import hashing
from redunlite.errors import UnhashableValueError
from redunlite.fingerprint import carry_content_hash, content_hash
from redunlite.serialize import decode_bytes, encode_bytes

MADE = """
import collections, dataclasses, enum
from typing import NamedTuple
from redunlite import catch, task

def model(p):
    class Model:
        rate = p
        def predict(self, x): return x ** p
        def __init__(self, q=0): self.q = q
    return Model

def by_type(p):
    return type("Typed", (), {"rate": p, "get": lambda self: self.rate})

def below(p):
    class Below(model(p)):
        pass
    return Below

def by_dataclass(p):
    return dataclasses.make_dataclass("Data", ["a", ("b", int, p)])

def by_enum(names):
    return enum.Enum("Names", names)

def by_namedtuple(fields):
    return collections.namedtuple("Row", fields)

def typed_row(p):
    class Row(NamedTuple):
        a: int = p
        def total(self): return self.a + p
    return Row

def error_class(p):
    class Odd(ValueError):
        code = p
    return Odd

@task
def call(cls, name, *args):
    return getattr(cls(), name)(*args)

@task
def ask(instance, name, *args):
    return getattr(instance, name)(*args)

@task
def read(value, name):
    return getattr(value, name)

@task
def show(value):
    return repr(value)

@task
def names(cls):
    return list(cls.__members__)

@task
def make(p):
    return model(p)(p)

@task
def give(p):
    return model(p)

@task
def same(value):
    return value

@task
def is_one(value, cls):
    return isinstance(value, cls)

@task
def fail(cls):
    raise cls("failed")

@task
def recover(error):
    return error.code

@task
def sizes(values):
    return [value.predict(2) for value in values]

@task
def main():
    M, Odd = model(2), error_class(7)
    return {
        "classes": [call(model(2), "predict", 3), call(model(3), "predict", 3)],
        "instances": [ask(model(2)(), "predict", 3), ask(model(3)(), "predict", 3)],
        "many": [sizes([model(n)() for _ in range(40)]) for n in (2, 3)],
        "attributes": [read(model(2), "rate"), read(model(3), "rate")],
        "type": [call(by_type(2), "get"), call(by_type(3), "get")],
        "bases": [call(below(2), "predict", 3), call(below(3), "predict", 3)],
        "dataclasses": [show(by_dataclass(1)(0)), show(by_dataclass(2)(0))],
        "enums": [names(by_enum("A B")), names(by_enum("A C"))],
        "rows": [show(by_namedtuple("a b")(1, 2)), show(by_namedtuple("a c")(1, 2))],
        "typed rows": [ask(typed_row(1)(5), "total"), ask(typed_row(2)(5), "total")],
        "one class": [is_one(M(), M), is_one(same(M()), M), is_one(make(2), give(2)), is_one(make(2), M)],
        "two classes": [is_one(make(3), M), is_one(make(3), give(2))],
        "errors": [catch(fail(Odd), Odd, recover), catch(fail(error_class(8)), ValueError, recover)],
    }
"""

EXPECTED = {
    "classes": [9, 27],
    "instances": [9, 27],
    "many": [[4] * 40, [8] * 40],
    "attributes": [2, 3],
    "type": [2, 3],
    "bases": [9, 27],
    "dataclasses": ["Data(a=0, b=1)", "Data(a=0, b=2)"],
    "enums": [["A", "B"], ["A", "C"]],
    "rows": ["Row(a=1, b=2)", "Row(a=1, c=2)"],
    "typed rows": [6, 7],
    "one class": [True] * 4,
    "two classes": [False] * 2,
    "errors": [7, 8],
}


def run(folder: Path, *options: str) -> tuple[object, str]:
    """Run `main` of the workflow in a folder; return its result, and what stands on standard error."""
    (folder / ".git").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-B", "-m", "redunlite", "run", *options, "flow.py", "main"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stdout), done.stderr


@pytest.mark.parametrize("executor", ["process", "thread", "inline"])
def test_classes_made_at_run_time_are_told_apart(tmp_path: Path, executor: str) -> None:
    """Two classes of one name are two values, and are what they are on both sides, cold and cached."""
    (tmp_path / "flow.py").write_text(MADE)
    folder = tmp_path / ".redunlite"
    folder.mkdir()
    (folder / "redunlite.ini").write_text(f"[executors.default]\ntype = {executor}\n")

    assert run(tmp_path)[0] == EXPECTED
    result, said = run(tmp_path)
    assert result == EXPECTED
    assert "Run " not in said


def test_made_class_of_an_earlier_run_is_the_live_one_of_equal_content(tmp_path: Path) -> None:
    """A cached instance belongs to the class that the program makes anew."""
    flow = MADE + "\n@task\ndef first():\n    return make(2)\n"
    (tmp_path / "flow.py").write_text(flow)
    run(tmp_path)
    program = "import flow, redunlite; print(isinstance(redunlite.run(flow.make(2)), type(flow.model(2)(0))))"
    live = f"import flow; M = flow.model(2); from redunlite import hashing, serialize; serialize.encode_bytes(M); {program.replace('type(flow.model(2)(0))', 'M')}"
    done = subprocess.run(
        [sys.executable, "-c", live], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.stdout == "True\n", done.stderr


HOLDING = """
import dataclasses, functools
from redunlite import run, task

def operation(p):
    def operate(self):
        return 10 * p
    return operate

def slots(p):
    @dataclasses.dataclass(slots=True, frozen=True)
    class A:
        x: int = p
        def get(self): return self.x
    return A

def factory(p):
    @dataclasses.dataclass
    class A:
        x: list = dataclasses.field(default_factory=lambda: [p])
        def get(self): return self.x
    return A

def nested(p):
    class A:
        class Inner:
            v = p
        def get(self): return self.Inner.v
    return A

def default(p):
    class A:
        def get(self, v=p, *, w=[p]): return v, w
    return A

def method_attribute(p):
    class A:
        def get(self): return self.get.rate
        get.rate = p
    return A

def cached(p):
    class A:
        @functools.cached_property
        def v(self): return p
        @functools.lru_cache(maxsize=5)
        def w(self): return p
        def get(self): return self.v, self.w()
    return A

def partial(p):
    class A:
        def give(self, v): return v
        get = functools.partialmethod(give, p)
    return A

def subclass(p):
    class Base:
        def __init_subclass__(cls, n): cls.n = n
    class A(Base, n=p):
        def get(self): return self.n
    return A

class Given:
    def __init__(self, n): self.n = n
    def __get__(self, instance, owner=None): return self.n

def descriptor(p):
    class A:
        v = Given(p)
        def get(self): return self.v
    return A

def own_descriptor(p):
    class Named:
        def __set_name__(self, owner, name): self.name = name
        def __get__(self, instance, owner=None): return self.name, p
    class A:
        v = Named()
        def get(self): return self.v
    return A

def same_cell(p):
    class A:
        def get(self): return p, self.ten()
        ten = operation(1)
    return A

MAKERS = [slots, factory, nested, default, method_attribute, cached, partial, subclass, descriptor, own_descriptor, same_cell]

@task
def of_class(cls):
    return cls().get()

@task
def of_instance(instance):
    return instance.get()

@task
def main():
    return [[f(m(p)) if f is of_class else f(m(p)()) for p in (2, 3) for f in (of_class, of_instance)] for m in MAKERS]

@task
def plain():
    return [[m(p)().get() for p in (2, 3) for _ in range(2)] for m in MAKERS]

if __name__ == "__main__":
    assert run(main()) == plain.func()
    print("equal")
"""


@pytest.mark.parametrize("how", ["from standard input", "from a file"])
def test_whatever_a_made_class_holds_tells_it_from_others(tmp_path: Path, how: str) -> None:
    """Fields, defaults, nested classes, cached and partial methods, and what a base makes of its options."""
    run_program(tmp_path, HOLDING, how)


MODULE = """
import collections, dataclasses, enum
from redunlite import run, task

Point = collections.namedtuple("P", "x y")
Hue = enum.Enum("Colour", "RED GREEN")
Record = dataclasses.make_dataclass("R", ["a"])

def model(p):
    class Model:
        seen = []
        def add(self):
            self.seen.append(p)
            return len(self.seen)
    return Model

Square, CUBES = model(2), {"cube": model(3)}

@task
def look(values):
    point, hue, record, square, cube = values
    return [isinstance(point, Point), hue is Hue.RED, isinstance(record, Record),
            isinstance(square, Square), isinstance(cube, CUBES["cube"]), not isinstance(square, CUBES["cube"])]

@task
def make():
    return [Point(1, 2), Hue.RED, Record(1), Square(), CUBES["cube"]()]

@task(cache=False)
def add(instance, n):
    return instance.add()
"""


@pytest.mark.parametrize("name", ["look(make.func())", "look(make())", "look(list(run(make())))"])
def test_made_class_that_a_module_holds_is_that_class_everywhere(tmp_path: Path, name: str) -> None:
    """In a worker that has not met the class, and in a later run that has not used it."""
    (tmp_path / "flow.py").write_text(MODULE)
    (tmp_path / ".git").mkdir()
    for _ in range(2):
        program = f"from flow import *; print(all(run({name})), all(look.func(run(make()))))"
        done = subprocess.run(
            [sys.executable, "-Bc", program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.stdout == "True True\n", done.stderr


@pytest.mark.parametrize("executor", ["process", "thread", "inline"])
def test_job_that_changes_a_made_class_changes_no_other_job_s(
    tmp_path: Path, executor: str
) -> None:
    """Each call is given the class as it was when the call was made."""
    program = MODULE + "\n\n@task\ndef main():\n    return [add(model(5)(), n) for n in range(6)]\n"
    (tmp_path / "flow.py").write_text(program)
    (tmp_path / ".redunlite").mkdir()
    ini = f"[executors.default]\ntype = {executor}\n"
    (tmp_path / ".redunlite" / "redunlite.ini").write_text(ini)

    assert run(tmp_path)[0] == [1] * 6


def make_counter() -> type:
    """Return a class whose attribute can be changed in place."""

    class Counter:
        seen: list[int] = []

    return Counter


def test_changed_attribute_of_a_made_class_counts() -> None:
    """The hash is worked out anew when an attribute was set, or changed in place."""
    cls = make_counter()
    hashes = [content_hash(cls)]
    cls.seen.append(1)
    hashes.append(content_hash(cls))
    cls.rate = 1
    hashes.append(content_hash(cls))

    assert len(set(hashes)) == 3
    assert content_hash(make_counter()) == hashes[0]


def test_hash_that_came_with_a_class_stays_until_the_class_changes() -> None:
    """Also of a class that holds a list, which may change in place."""
    cls, carried = make_counter(), bytes(20)
    carry_content_hash(cls, carried)

    assert content_hash(cls) == carried
    cls.seen.append(1)
    assert content_hash(cls) != carried


def test_classes_that_hold_each_other_have_one_hash_in_either_order() -> None:
    """Which of two is hashed first does not count."""

    def make_both() -> tuple[type, type]:
        class First: ...

        class Second: ...

        First.other, Second.other = Second(), First()
        return First, Second

    first, second = make_both()
    hashes = content_hash(first), content_hash(second)
    first, second = make_both()

    assert (content_hash(second), content_hash(first)) == hashes[::-1]


def test_made_class_keeps_name_and_hash_through_its_bytes() -> None:
    """A class that was made again from bytes has the name and the hash of the one it was."""
    cls = type("Thing", (), {"rate": 2})
    name = hashing.class_name(cls)

    again = decode_bytes(encode_bytes(cls))

    assert again is cls
    assert hashing.class_name(again) == name
    assert name.startswith("test_made_classes:Thing#")


def test_class_that_its_name_leads_to_goes_by_it() -> None:
    """A class that a module holds under its name is known by that name alone."""
    assert hashing.class_name(Fraction) == "fractions:Fraction"


HELD = {
    "class attribute": ("class C: pass\nC.rate = {n}\n", "C.rate"),
    "class attribute in a function": ("class C: pass\ndef f(): return C.rate\nC.rate = {n}\n", "f()"),
    "table in a class": ("class T:\n    table = {{}}\nT.table['k'] = {n}\n", "T.table['k']"),
    "filled by a decorator": (
        "class T:\n    table = {{}}\ndef add(f):\n    T.table[f.__name__] = f(1)\n    return f\n"
        "@add\ndef k(v): return v - 1 + {n}\n",
        "T.table['k']",
    ),
    "registry of subclasses": (
        "class R:\n    registry = {{}}\n    def __init_subclass__(cls, n=0):\n"
        "        R.registry[cls.__name__] = n\nclass A(R, n={n}): pass\n",
        "R.registry['A']",
    ),
    "set from another module": ("import other\nfrom place import Set\n", "Set.n"),
    "read from a file": (
        "class F:\n    with open('n.txt') as file: n = int(file.read())\n    del file\n", "F.n",
    ),
    "member read from a file": (
        "import enum\ndef read():\n    with open('n.txt') as file: return int(file.read())\n"
        "class F(enum.Enum):\n    N = read()\n",
        "F.N.value",
    ),
    "attribute of a member": (
        "import enum\nclass F(enum.Enum):\n    A = 1\nF.A.rate = {n}\n", "F.A.rate",
    ),
    "private attribute of an Enum": (
        "import enum\nclass F(enum.Enum):\n    A = 1\nF._F__table = {{'k': {n}}}\n", "F._F__table['k']",
    ),
    "object of a class": (
        "class Scale:\n    def __init__(self, n): self.n = n\nclass C: pass\nC.scale = Scale({n})\n", "C.scale.n",
    ),
    "nested class's attribute": (
        "class C:\n    class In:\n        n = 0\nC.In.n = {n}\n", "C.In.n",
    ),
    "method's default": (
        "def read():\n    with open('n.txt') as file: return int(file.read())\n"
        "class C:\n    def f(self, n=read()): return n\n",
        "C().f()",
    ),
    "method's attribute": ("class C:\n    def f(self): return self.f.n\nC.f.n = {n}\n", "C().f()"),
    "dispatched from outside": (
        "import functools\nclass C:\n    @functools.singledispatchmethod\n    def f(self, v): return 0\n"
        "C.f.register(int)(lambda self, v: {n})\n".replace("C.f.", "C.__dict__['f']."),
        "C().f(1)",
    ),
    "function attribute": ("def h(): return h.rate\nh.rate = {n}\n", "h()"),
    "attribute of the task's function": ("", "main.func.level"),
    "attribute of a lambda": ("h = lambda: h.rate\nh.rate = {n}\n", "h()"),
    "class set as an attribute": (
        "class C: pass\nclass A:\n    n = {n}\nC.held = A\n", "C.held.n",
    ),
    "function set as an attribute": ("class C: pass\ndef f(): return {n}\nC.held = f\n", "C.held()"),
    "base's attribute": ("class B: pass\nB.rate = {n}\nclass C(B): pass\n", "C.rate"),
    "metaclass's attribute": ("class M(type): pass\nM.rate = {n}\nclass C(metaclass=M): pass\n", "C.rate"),
    "made by a loop": ("class C: pass\nfor name in ['a']: setattr(C, name, {n})\n", "C.a"),
}  # fmt: skip


@pytest.mark.parametrize("name", HELD)
def test_what_classes_and_functions_hold_counts(tmp_path: Path, name: str) -> None:
    """An edit of what a class or a function holds, by whatever statement, runs its users again."""
    text, use = HELD[name]

    def write(n: int) -> None:
        (tmp_path / "place.py").write_text("class Set: pass\n")
        (tmp_path / "other.py").write_text(f"from place import Set\nSet.n = {n}\n")
        (tmp_path / "n.txt").write_text(str(n))
        (tmp_path / "flow.py").write_text(
            f"from redunlite import task\n{text.format(n=n)}"
            f"@task(executor='inline')\ndef main():\n    return {use}\nmain.func.level = {n}\n"
        )

    (tmp_path / ".redunlite").mkdir()
    (tmp_path / ".redunlite" / "redunlite.ini").write_text("[executors.inline]\ntype = inline\n")
    results = []
    for n in (1, 2, 1):
        write(n)
        result, said = run(tmp_path)
        results.append(result)
    assert results == [1, 2, 1]
    assert "Run " not in said


ENUMS = """
import enum
from redunlite import run, task

def make():
    class Bits(enum.IntFlag):
        A = 1
        B = 2
        AB = 3
        NONE = 0
    class Wide(enum.Flag):
        A = 1
        ALL = 7
    class Alias(enum.Enum):
        A = 1
        AGAIN = 1
    class Pair(enum.Enum):
        A = (1, 2)
        def __init__(self, x, y):
            self.sum = x + y
    class Loud(str, enum.Enum):
        def __new__(cls, text):
            member = str.__new__(cls, text + "!")
            member._value_ = text
            return member
        A = "a"
    class Place(tuple, enum.Enum):
        A = (1, 2)
    class Auto(enum.Enum):
        def _generate_next_value_(name, *args):
            return name.lower()
        A = enum.auto()
        @classmethod
        def _missing_(cls, value):
            return cls.A
    Alias.A.note = "noted"
    return [Bits, Wide, Alias, Pair, Loud, Place, Auto]

CLASSES = make()
for made in CLASSES:
    made.__qualname__ = made.__name__
    globals()[made.__name__] = made

def show(made):
    return [(n, m.name, m.value, getattr(m, "sum", 0), getattr(m, "note", 0)) for n, m in made.__members__.items()]

@task
def look(classes):
    bits, wide, alias, pair, loud, place, auto = classes
    both = bits.A | bits.B
    return [*map(show, classes), both is bits.AB, both + 0, wide(7) is wide.ALL, alias.AGAIN is alias.A,
            pair((1, 2)) is pair.A, loud.A + "", place.A + (3,), auto("x") is auto.A]

@task
def same(value):
    return value

@task
def is_member(value, cls):
    return isinstance(value, cls), value in list(cls) or value is cls.AB

if __name__ == "__main__":
    for classes in (CLASSES, make()):
        assert run(look(classes)) == look.func(classes)
        for made in classes:
            for member in made.__members__.values():
                assert run(same(member)) is member, member
    assert run(is_member(same(CLASSES[0].AB), CLASSES[0])) == (True, True)
    print("equal")
"""


def run_program(folder: Path, text: str, how: str) -> None:
    """Run a program that prints "equal", cold and cached."""
    (folder / "program.py").write_text(text)
    (folder / ".git").mkdir()
    command = [sys.executable, "-B", *(["-"] if how == "from standard input" else ["program.py"])]
    for _ in range(2):
        done = subprocess.run(
            command, cwd=folder, input=text, capture_output=True, text=True, check=False
        )

        assert done.stdout == "equal\n", done.stderr


@pytest.mark.parametrize("how", ["from standard input", "from a file"])
def test_enums_are_what_they_are_in_a_worker(tmp_path: Path, how: str) -> None:
    """Aliases, flags of several bits and what `__new__` and `__init__` made, without a file and in functions."""
    run_program(tmp_path, ENUMS, how)


def test_class_that_cannot_travel_is_refused_by_its_name() -> None:
    """A class that holds a lock, as an attribute of an instance's class too."""

    class Locked:
        lock = threading.Lock()

    with pytest.raises(
        UnhashableValueError, match=r"attribute 'lock' of class .*\.Locked', a lock"
    ):
        encode_bytes(Locked)
