"""What counts in a task's hash: one project, many edits, and the tasks that each must re-run."""

from __future__ import annotations

import importlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from redunlite import fingerprint, hashing, loading, packages
from redunlite.errors import UnhashableValueError
from redunlite.fingerprint import class_hash, fingerprint_task
from redunlite.task import Task

Files = dict[str, str]

FLOW = '''\
"""A workflow that reaches its code in every way."""
import functools
import os
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import helpers
import helpers as alias
from helpers import clean, CONST as RENAMED
from models import Circle, Meta, Plain, Point, made
from redunlite import task
from tools import own_decorator, repeat, unused

redun_namespace = "edits"

RATE = 0.5
NAMES = ["a", "b"]
DATA = Path(__file__).parent / "data" / "in.csv"
TEXT_PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


class Color(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Config:
    size: int = 3
    tags: list = field(default_factory=lambda: ["x"])


CONFIG = Config(size=4)
HANDLERS = {"clean": helpers.clean}
PARTIAL = functools.partial(helpers.shift, by=2)
CLIENT = Plain("server")
SQUARE, CUBE = (lambda x: x ** 2), (lambda x: x ** 3)


def local_helper(x):
    """Doc."""
    return x + 1  # one more


def make_adder(n):
    @task()
    def adder(x):
        return x + n

    return adder


adder_1 = make_adder(1)


@task()
def simple(x: int = 1) -> int:
    """Doc of simple."""
    y = x + 1
    z = y * 2
    return z


@task()
def text_task():
    return ('a' 'b', 16, "it", f"x{RATE}y" 'z')


@task()
def uses_helper(x):
    return clean(x)


@task()
def uses_module(x):
    return helpers.clean(x)


@task()
def uses_alias(x):
    return alias.shift(x)


@task()
def uses_constant(x):
    return x * RATE


@task()
def uses_names():
    return NAMES


@task()
def uses_imported_constant():
    return RENAMED


@task()
def uses_path():
    return DATA, TEXT_PATH


@task()
def uses_enum():
    return Color.RED


@task()
def uses_config():
    return CONFIG.size


@task()
def uses_dict(x):
    return HANDLERS["clean"](x)


@task()
def uses_partial(x):
    return PARTIAL(x)


@task()
def uses_client():
    return CLIENT.get()


@task()
def uses_class(r):
    return Circle(r).area()


@task()
def uses_point():
    return Point(1, 2)


@task()
def uses_meta():
    return made()


@task()
@own_decorator(3)
def decorated(x):
    return x


@task()
@repeat
def repeated(x):
    return x


@task()
def with_default(x=local_helper(RATE)):
    return x


@task()
def uses_square(x):
    return SQUARE(x)


@task()
def uses_cube(x):
    return CUBE(x)


@task()
def nested(x):
    def inner(y):
        return [clean(i) + x for i in range(y)]

    return inner(x)


@task()
def comprehension(values):
    return [local_helper(v) for v in values if v > RATE]


@task()
def in_lambda(values):
    return sorted(values, key=lambda v: helpers.shift(v))


@task()
def calls_task(x):
    return simple(x)


@task()
def uses_func(x):
    return simple.func(x)


@task()
def imports_inside(x):
    from lazy import lazily

    return lazily(x)


@task()
def uses_cached(x):
    return helpers.remembered(x)


@task()
def recursive(n):
    return even(n)


def even(n):
    return True if n == 0 else odd(n - 1)


def odd(n):
    return False if n == 0 else even(n - 1)


@task(version="1")
def versioned(x):
    return clean(x)


@task(hash_includes=["v1"])
def with_includes(x):
    return x


@task(depends=[helpers.extra])
def with_depends(x):
    return x


@task(ignore=["local_helper"])
def with_ignore(x):
    return local_helper(x)


@task(config_args=["threads"])
def with_config(x, threads=1):
    return x
'''

HELPERS = """\
import functools

CONST = 10
FACTOR = 2


def clean(x):
    return deeper(x) * FACTOR


def deeper(x):
    return x - 1


def shift(x, by=1):
    return x + by


def extra(x):
    return x


@functools.lru_cache(maxsize=None)
def remembered(x):
    return x + 100


def not_reached(x):
    return 7
"""

MODELS = """\
from typing import NamedTuple


class Shape:
    unit = "cm"

    def describe(self):
        return self.unit


class Circle(Shape):
    PI = 3.14

    def __init__(self, r):
        self.r = r

    @property
    def diameter(self):
        return 2 * self.r

    @staticmethod
    def twice(x):
        return 2 * x

    @classmethod
    def unit_circle(cls):
        return cls(1)

    def area(self):
        return self.PI * self.r**2


class Point(NamedTuple):
    x: int
    y: int = 0


class Plain:
    def __init__(self, name):
        self.name = name

    def get(self):
        return self.name


class Meta(type):
    def __call__(cls):
        return 1


class Made(metaclass=Meta):
    pass


def made():
    return Made()
"""

TOOLS = """\
import functools


def own_decorator(n):
    def decorate(func):
        @functools.wraps(func)
        def wrapper(*args):
            return func(*args) * n

        return wrapper

    return decorate


def repeat(func):
    func.repeated = True
    return func


def unused():
    return 0
"""

LAZY = """\
def lazily(x):
    return x * 11
"""

BASE: Files = {
    "flow.py": FLOW,
    "helpers.py": HELPERS,
    "models.py": MODELS,
    "tools.py": TOOLS,
    "lazy.py": LAZY,
}

CLEAN = {"uses_helper", "uses_module", "uses_dict", "nested"}
"""Tasks that reach `helpers.clean`."""
SHIFT = {"uses_alias", "uses_partial", "in_lambda"}
LOCAL = {"with_default", "comprehension"}
"""Tasks that reach `local_helper`; `with_ignore` leaves it out."""
CIRCLE = {"uses_class"}


def replace(file: str, old: str, new: str) -> Callable[[Files], None]:
    """Make an edit that replaces text once."""

    def edit(files: Files) -> None:
        assert files[file].count(old) >= 1, (file, old)
        files[file] = files[file].replace(old, new, 1)

    return edit


def rename_helpers(files: Files) -> None:
    """Rename a module of the project."""
    files["utilities.py"] = files.pop("helpers.py")
    files["flow.py"] = (
        files["flow.py"]
        .replace("import helpers as alias", "import utilities as alias")
        .replace("import helpers\n", "import utilities\n")
        .replace("from helpers", "from utilities")
        .replace("helpers.", "utilities.")
    )


def move_helper(files: Files) -> None:
    """Move a function to another module."""
    deeper = "def deeper(x):\n    return x - 1\n"
    files["helpers.py"] = "from tools import deeper\n" + files["helpers.py"].replace(deeper, "")
    files["tools.py"] += "\n\n" + deeper


def rename_flow(files: Files) -> None:
    """Rename the workflow file."""
    files["renamed.py"] = files.pop("flow.py")


def into_package(files: Files) -> None:
    """Move a module into a package."""
    files["pkg/__init__.py"] = ""
    files["pkg/helpers.py"] = files.pop("helpers.py")
    files["flow.py"] = (
        files["flow.py"]
        .replace("import helpers as alias", "import pkg.helpers as alias")
        .replace("import helpers\n", "import pkg.helpers\n")
        .replace("from helpers", "from pkg.helpers")
        .replace("return helpers.", "return pkg.helpers.")
        .replace("= {\"clean\": helpers.", "= {\"clean\": pkg.helpers.")
        .replace("partial(helpers.", "partial(pkg.helpers.")
        .replace("v: helpers.", "v: pkg.helpers.")
        .replace("[helpers.extra]", "[pkg.helpers.extra]")
    )


EDITS: list[tuple[str, Callable[[Files], None], set[str]]] = [
    ("nothing", lambda files: None, set()),
    ("comment in a task", replace("flow.py", "y = x + 1\n", "y = x + 1  # more\n"), set()),
    ("comment in a helper", replace("helpers.py", "    return x - 1", "    # less\n    return x - 1"), set()),
    ("docstring of a task", replace("flow.py", "Doc of simple.", "Other words."), set()),
    ("docstring added to a helper", replace("helpers.py", "    return x - 1", '    """Doc."""\n    return x - 1'), set()),
    ("docstring of a class", replace("models.py", "    PI = 3.14", '    """Doc."""\n\n    PI = 3.14'), set()),
    ("layout", replace("flow.py", "    z = y * 2\n", "\n    z = (y\n         * 2)\n"), set()),
    ("lines above", replace("flow.py", "RATE = 0.5", "\n\n\n\nRATE = 0.5"), set()),
    ("quotes", replace("flow.py", '"it"', "'it'"), set()),
    ("notation of a number", replace("flow.py", "16,", "0x10,"), set()),
    ("joined string", replace("flow.py", "'a' 'b'", "'ab'"), set()),
    ("joined f-string", replace("flow.py", "f\"x{RATE}y\" 'z'", "f'x{RATE}' 'yz'"), set()),
    ("text in an f-string", replace("flow.py", "f\"x{RATE}y\"", "f\"x{RATE}Y\""), {"text_task"}),
    ("notation of a constant", replace("flow.py", "RATE = 0.5", "RATE = 5e-1"), set()),
    ("statement in a task", replace("flow.py", "y * 2", "y * 3"), {"simple", "uses_func"}),
    ("local name", replace("flow.py", "    y = x + 1\n    z = y * 2", "    w = x + 1\n    z = w * 2"), {"simple", "uses_func"}),
    ("statement order", replace("flow.py", "    y = x + 1\n    z = y * 2", "    z = y * 2\n    y = x + 1"), {"simple", "uses_func"}),
    ("annotation", replace("flow.py", "x: int = 1) -> int", "x: int = 1) -> float"), {"simple", "uses_func"}),
    ("default", replace("flow.py", "x: int = 1)", "x: int = 2)"), {"simple", "uses_func"}),
    ("type of a default", replace("flow.py", "x: int = 1)", "x: int = True)"), {"simple", "uses_func"}),
    ("helper", replace("helpers.py", "* FACTOR", "* FACTOR + 0"), CLEAN),
    ("helper's helper", replace("helpers.py", "return x - 1", "return x - 2"), CLEAN),
    ("global of a helper", replace("helpers.py", "FACTOR = 2", "FACTOR = 3"), CLEAN),
    ("other helper", replace("helpers.py", "return x + by", "return by + x"), SHIFT),
    ("argument of a partial", replace("flow.py", "by=2", "by=3"), {"uses_partial"}),
    ("helper in the file", replace("flow.py", "return x + 1  # one more", "return x + 2"), LOCAL),
    ("unreachable helper", replace("helpers.py", "return 7", "return 8"), set()),
    ("imported and unused", replace("tools.py", "return 0", "return 1"), set()),
    ("new function", replace("helpers.py", "def extra", "def added():\n    pass\n\n\ndef extra"), set()),
    ("constant", replace("flow.py", "RATE = 0.5", "RATE = 0.6"), {"uses_constant", "text_task", "comprehension", "with_default"}),
    ("constant list", replace("flow.py", '["a", "b"]', '["a", "c"]'), {"uses_names"}),
    ("imported constant", replace("helpers.py", "CONST = 10", "CONST = 11"), {"uses_imported_constant"}),
    ("way a constant is made", replace("helpers.py", "CONST = 10", "CONST = 5 + 5"), set()),
    ("path constant", replace("flow.py", '"in.csv"', '"other.csv"'), {"uses_path"}),
    ("enum member", replace("flow.py", "RED = 1", "RED = 3"), {"uses_enum"}),
    ("dataclass constant", replace("flow.py", "Config(size=4)", "Config(size=5)"), {"uses_config"}),
    ("default factory", replace("flow.py", 'lambda: ["x"]', 'lambda: ["y"]'), {"uses_config"}),
    ("object by its assignment", replace("flow.py", 'Plain("server")', 'Plain("other")'), {"uses_client"}),
    ("class of an object", replace("models.py", "return self.name", "return self.name.upper()"), {"uses_client"}),
    ("decorator under @task", replace("tools.py", "* n\n", "+ n\n"), {"decorated"}),
    ("argument of the decorator", replace("flow.py", "@own_decorator(3)", "@own_decorator(4)"), {"decorated"}),
    ("function under a decorator", replace("flow.py", "def decorated(x):\n    return x", "def decorated(x):\n    return -x"), {"decorated"}),
    ("decorator that returns its function", replace("tools.py", "repeated = True", "repeated = False"), {"repeated"}),
    ("decorator removed", replace("flow.py", "@repeat\n", ""), {"repeated"}),
    ("options of @task", replace("flow.py", "@task()\ndef simple", "@task(tags=[('a', 1)])\ndef simple"), set()),
    ("@task without parentheses", replace("flow.py", "@task()\ndef simple", "@task\ndef simple"), set()),
    ("method", replace("models.py", "self.PI * self.r**2", "self.r**2 * self.PI"), CIRCLE),
    ("property", replace("models.py", "2 * self.r\n", "self.r * 2\n"), CIRCLE),
    ("static method", replace("models.py", "return 2 * x", "return x * 2"), CIRCLE),
    ("class method", replace("models.py", "cls(1)", "cls(2)"), CIRCLE),
    ("class attribute", replace("models.py", "3.14", "3.1416"), CIRCLE),
    ("base class", replace("models.py", '"cm"', '"mm"'), CIRCLE),
    ("field of a named tuple", replace("models.py", "y: int = 0", "y: int = 1"), {"uses_point"}),
    ("metaclass", replace("models.py", "return 1\n\n\nclass Made", "return 2\n\n\nclass Made"), {"uses_meta"}),
    ("closure cell", replace("flow.py", "make_adder(1)", "make_adder(2)"), {"adder"}),
    ("function made in a function", replace("flow.py", "return x + n", "return n + x"), {"adder"}),
    ("lambda", replace("flow.py", "x ** 2", "x * x"), {"uses_square"}),
    ("the other lambda of the line", replace("flow.py", "x ** 3", "x * x * x"), {"uses_cube"}),
    ("nested function", replace("flow.py", "range(y)]", "range(1, y)]"), {"nested"}),
    ("comprehension", replace("flow.py", "if v > RATE", "if v >= RATE"), {"comprehension"}),
    ("task that is called", replace("flow.py", "return z", "return z + 0"), {"simple", "uses_func"}),
    ("cycle of helpers", replace("flow.py", "return False if", "return None if"), {"recursive"}),
    ("behind a cache", replace("helpers.py", "x + 100", "x + 101"), {"uses_cached"}),
    ("module imported inside", replace("lazy.py", "x * 11", "x * 12"), {"imports_inside"}),
    ("code of a versioned task", replace("flow.py", "def versioned(x):\n    return clean(x)", "def versioned(x):\n    return x"), set()),
    ("version", replace("flow.py", 'version="1"', 'version="2"'), {"versioned"}),
    ("hash_includes", replace("flow.py", '["v1"]', '["v2"]'), {"with_includes"}),
    ("depends", replace("helpers.py", "def extra(x):\n    return x", "def extra(x):\n    return -x"), {"with_depends"}),
    ("ignored helper", replace("flow.py", "return x + 1  # one more", "return 1 + x"), LOCAL),
    ("end of ignoring", replace("flow.py", 'ignore=["local_helper"]', "ignore=[]"), {"with_ignore"}),
    ("config_args", replace("flow.py", 'config_args=["threads"]', "config_args=[]"), {"with_config"}),
    ("alias of a module", lambda files: files.update({"flow.py": files["flow.py"].replace("as alias", "as other").replace("alias.shift", "other.shift")}), set()),
    ("alias of a name", lambda files: files.update({"flow.py": files["flow.py"].replace("RENAMED", "OTHER")}), {"uses_imported_constant"}),
    ("module renamed", rename_helpers, set()),
    ("helper moved", move_helper, set()),
    ("workflow file renamed", rename_flow, set()),
    ("module moved into a package", into_package, set()),
]  # fmt: skip


def hash_project(folder: Path, files: Files) -> dict[str, bytes]:
    """Write a project, load it and return the hash of each task by name."""
    tasks = load_project(folder, files)
    return {name: task.hash for name, task in tasks.items()}


def load_project(folder: Path, files: Files) -> dict[str, Task]:
    """Write a project, load it afresh and return its tasks by name."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    main = next(name for name in files if name.endswith((".py")) and "redun_namespace" in files[name])
    importlib.invalidate_caches()
    module = loading.load_workflow(str(folder / main))
    tasks = {t.name: t for t in vars(module).values() if isinstance(t, Task)}
    for task in tasks.values():
        assert task.hash  # before the modules are forgotten
    return tasks


@pytest.fixture(autouse=True)
def forget_modules() -> Iterator[None]:
    """Forget the modules and folders that a test loaded."""
    modules, path = set(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if "pytest-" in file:
            del sys.modules[name]
    sys.path[:] = path


@pytest.fixture(scope="module")
def base_hashes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Hashes of the tasks before any edit."""
    modules, path = set(sys.modules), list(sys.path)
    hashes = hash_project(tmp_path_factory.mktemp("base"), dict(BASE))
    for name in set(sys.modules) - modules:
        if "pytest-" in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]
    sys.path[:] = path
    return hashes


@pytest.mark.parametrize("edit,expected", [row[1:] for row in EDITS], ids=[row[0] for row in EDITS])
def test_edit_reruns_exactly_what_it_reaches(tmp_path, base_hashes, edit, expected):
    """An edit changes the hashes of just the tasks that reach what was edited."""
    files = dict(BASE)
    edit(files)

    hashes = hash_project(tmp_path, files)

    changed = {name for name in base_hashes if hashes[name] != base_hashes[name]}
    assert expected == changed
