"""What counts in a task's hash: one project, many edits, and the tasks that each must re-run."""

from __future__ import annotations

import importlib
import json
import os
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
ELEVEN = 11


def lazily(x):
    return times(x, ELEVEN)


def times(x, y):
    return x * y


def beside():
    return 12
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
        .replace('= {"clean": helpers.', '= {"clean": pkg.helpers.')
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
    ("module imported inside", replace("lazy.py", "x * y", "y * x"), {"imports_inside"}),
    ("beside what is imported inside", replace("lazy.py", "return 12", "return 13"), set()),
    ("global of a module imported inside", replace("lazy.py", "ELEVEN = 11", "ELEVEN = 12"), {"imports_inside"}),
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
    main = next(name for name in files if name.endswith(".py") and "redun_namespace" in files[name])
    importlib.invalidate_caches()
    module = loading.load_workflow(str(folder / main))
    tasks = {t.name: t for t in vars(module).values() if isinstance(t, Task)}
    for task in tasks.values():
        assert task.hash  # before the modules are forgotten
    return tasks


@pytest.fixture(autouse=True, scope="module")
def no_project_folder() -> None:
    """Let paths be relative to each file's folder, whatever project an earlier test ran in."""
    fingerprint.set_project_folder(None)


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


# What a fingerprint tells.


def load_text(folder: Path, text: str, **others: str) -> dict[str, Task]:
    """Load a workflow of one short text, beside other modules."""
    head = 'from redunlite import task\n\nredun_namespace = "short"\n\n'
    files = {"short.py": head + text, **{f"{name}.py": other for name, other in others.items()}}
    return load_project(folder, files)


@pytest.mark.parametrize(
    ("top", "first", "call"),
    [
        ("from redunlite import Scheduler", "", "Scheduler().run"),
        ("import redunlite as r", "", "r.Scheduler().run"),
        ("import redunlite", "", "redunlite.run"),
        ("from redunlite import run", "", "run"),
        ("from redunlite import Scheduler\n\nOWN = Scheduler()", "", "OWN.run"),
        ("", "    from redunlite import Scheduler\n", "Scheduler().run"),
        ("from redunlite import Scheduler", "    import steps\n", "Scheduler().run"),
    ],
)
def test_tasks_count_where_a_workflow_is_run_inside(tmp_path, top, first, call):
    """What a job evaluates by a scheduler of its own is no call of the run, which would see edits."""
    text = (
        f"{top}\nimport steps\n\n@task()\ndef whole(x):\n{first}    return {call}(steps.outer(x))\n"
    )
    text = f'from redunlite import task\n\nredun_namespace = "edits"\n{text}'
    text += "\n@task()\ndef plain(x):\n    return steps.outer(x)\n"
    steps = "from redunlite import task\n\n@task()\ndef inner(x):\n    return x + 1\n\n"
    steps += "@task()\ndef outer(x):\n    return inner(x)\n"
    before = hash_project(tmp_path, {"flow.py": text, "steps.py": steps})
    forget(tmp_path)
    edited = steps.replace("x + 1", "x + 2.5")
    after = hash_project(tmp_path, {"flow.py": text, "steps.py": edited})

    assert before["whole"] != after["whole"]
    assert before["plain"] == after["plain"]


def test_components_name_each_part_with_its_source(tmp_path):
    """Each component has kind, name, source without indentation, file and line."""
    tasks = load_project(tmp_path, dict(BASE))

    parts = {(p.kind, p.name): p for p in tasks["uses_helper"].fingerprint.components}

    assert [*parts] == [
        ("function", "uses_helper"),
        ("function", "clean"),
        ("function", "deeper"),
        ("constant", "FACTOR"),
    ]
    clean = parts["function", "clean"]
    assert clean.source == "def clean(x):\n    return deeper(x) * FACTOR"
    assert (clean.file, clean.line) == (str(tmp_path / "helpers.py"), 7)
    assert parts["constant", "FACTOR"].source == "FACTOR = 2"
    assert len({p.hash for p in parts.values()}) == 4


def test_source_of_a_task_leaves_out_decorators(tmp_path):
    """`source` begins at the `def`, and `line` is its line."""
    tasks = load_project(tmp_path, dict(BASE))

    found = tasks["decorated"].fingerprint

    assert found.source == "def decorated(x):\n    return x"
    lines = FLOW.splitlines()
    assert found.line is not None
    assert lines[found.line - 1] == "def decorated(x):"


def test_edited_helper_changes_its_own_component_only(tmp_path, tmp_path_factory):
    """A component's hash is over its own content, so that the edited one can be named."""
    before = load_project(tmp_path, dict(BASE))["uses_helper"].fingerprint.components
    forget(tmp_path)
    files = dict(BASE)
    replace("helpers.py", "return x - 1", "return x - 2")(files)
    after = load_project(tmp_path_factory.mktemp("after"), files)
    new = {p.hash for p in after["uses_helper"].fingerprint.components} - {p.hash for p in before}

    changed = [p.name for p in after["uses_helper"].fingerprint.components if p.hash in new]

    assert changed == ["deeper"]


def forget(folder: Path) -> None:
    """Forget the modules loaded from a folder."""
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
    sys.path[:] = [p for p in sys.path if p != str(folder)]


UNTRACKED = [
    ("return getattr(others, name)()", "getattr(others, …)"),
    ("return globals()[name]", "globals(…)"),
    ("import importlib\n    return importlib.import_module(name)", "import_module(…)"),
    ("return __import__(name)", "__import__(…)"),
    ("return eval(name)", "eval(…)"),
    ("import sys\n    return sys.modules[name]", "sys.modules"),
    ("return undefined_yet", "undefined_yet"),
    ("return others.absent", "others.absent"),
    ("return made_from_text(name)", "made_from_text"),
]


@pytest.mark.parametrize("body,name", UNTRACKED, ids=[name for _, name in UNTRACKED])
def test_what_cannot_be_followed_is_listed(tmp_path, body, name):
    """Names that are only known at run time are listed as untracked, with a reason."""
    head = "import others\nimport sys\n\nexec('def made_from_text(x): return x')\n\n"
    tasks = load_text(tmp_path, f"{head}@task()\ndef f(name):\n    {body}\n", others="x = 1\n")

    untracked = tasks["f"].fingerprint.untracked

    assert [hole.name for hole in untracked] == [name]
    assert untracked[0].reason


def test_plain_task_has_nothing_untracked(tmp_path):
    """No task of the big project has something untracked."""
    tasks = load_project(tmp_path, dict(BASE))

    assert {n: t.fingerprint.untracked for n, t in tasks.items() if t.fingerprint.untracked} == {}


def test_constant_attribute_of_getattr_is_followed(tmp_path):
    """`getattr` with a text that stands in the source reaches the attribute."""
    text = "import others\n\n@task()\ndef f():\n    return getattr(others, 'g')()\n"
    tasks = load_text(tmp_path, text, others="def g():\n    return 1\n")

    assert [p.name for p in tasks["f"].fingerprint.components] == ["f", "g"]


@pytest.mark.parametrize(
    "body",
    [
        "import {0}.inner\n    return {0}.inner.g(x)",
        "from {0} import inner\n    return inner.g(x)",
        "from {0}.inner import g\n    return g(x)",
    ],
)
@pytest.mark.parametrize("package", ["empty", "space"])
def test_imports_in_a_function_go_through_empty_packages(tmp_path, package, body):
    """A package whose file is empty, or that has none, hides nothing of what is inside it."""
    found = []
    for name, result in (("one", 1), ("two", 2)):
        folder = tmp_path / name
        (folder / "empty").mkdir(parents=True)
        (folder / "space").mkdir()
        (folder / "empty" / "__init__.py").write_text("")
        for each in ("empty", "space"):
            (folder / each / "inner.py").write_text(f"def g(x):\n    return {result}\n")
        text = f"@task()\ndef f(x):\n    {body.format(package)}\n"
        found.append(load_text(folder, text)["f"].fingerprint)
        forget(tmp_path)

    assert [p.name for p in found[0].components] == ["f", "g"]
    assert found[0].untracked == ()
    assert found[0].hash != found[1].hash


def test_project_moved_elsewhere_keeps_its_hashes(tmp_path, base_hashes):
    """Paths inside the project count relative to it, so a clone has the same hashes."""
    hashes = hash_project(tmp_path / "a" / "clone", dict(BASE))

    assert base_hashes == hashes


def test_project_folder_makes_paths_relative_to_it(tmp_path):
    """A path inside the folder that was set counts relative to it, also outside the file's own."""
    text = "import os\nDATA = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))\n"
    text += "\n@task()\ndef f():\n    return DATA\n"
    hashes = []
    for name in ("one", "two"):
        fingerprint.set_project_folder(str(tmp_path / name))
        try:
            hashes.append(load_text(tmp_path / name / "flows", text)["f"].hash)
        finally:
            fingerprint.set_project_folder(None)
        forget(tmp_path)

    assert hashes[0] == hashes[1]


def test_edit_during_the_run_does_not_change_what_is_hashed(tmp_path, base_hashes):
    """The hash is of the text that was loaded, whatever the file holds by then."""
    for name, text in BASE.items():
        (tmp_path / name).write_text(text)
    importlib.invalidate_caches()
    module = loading.load_workflow(str(tmp_path / "flow.py"))
    (tmp_path / "flow.py").write_text(FLOW.replace("y * 2", "y * 5"))
    (tmp_path / "helpers.py").write_text(HELPERS.replace("x - 1", "x - 5"))

    assert module.simple.hash == base_hashes["simple"]
    assert module.uses_helper.hash == base_hashes["uses_helper"]
    assert module.simple.func(1) == 4


def test_text_that_is_not_what_runs_is_not_believed(tmp_path):
    """A module loaded without the finder and edited since counts by its compiled code."""
    path = tmp_path / "early.py"
    path.write_text("def f(x):\n    return x + 1\n\n\ndef g(x):\n    return x\n")
    module = import_without_finder("early", path)
    path.write_text("# moved down\n\n\ndef f(x):\n    return x + 2\n\n\ndef g(x):\n    return x\n")

    edited = fingerprint_task(module.f, "f")
    moved = fingerprint_task(module.g, "g")

    assert [p.kind for p in edited.components] == ["code"]
    assert [hole.name for hole in edited.untracked] == ["f"]
    assert edited.source is None
    assert [p.kind for p in moved.components] == ["function"]
    assert moved.untracked == ()


def import_without_finder(name: str, path: Path):
    """Import a file as Python does without redunlite."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(name, path)
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_code_without_source_hashes_by_its_instructions():
    """Functions made from text that is kept nowhere differ when their instructions do."""

    def make(text: str):
        names: dict[str, object] = {}
        exec(text, names)
        return names["f"]

    one = fingerprint_task(make("def f(x): return x + 1"), "f")
    same = fingerprint_task(make("\n\ndef f(x):\n    # why\n    return x + 1"), "f")
    other = fingerprint_task(make("def f(x): return x + 2"), "f")

    assert one.hash == same.hash
    assert one.hash != other.hash
    assert one.components[0].kind == "code"


def test_lambdas_of_one_line_are_told_apart(tmp_path):
    """Each lambda of a line has its own hash and source, nested ones too."""
    text = "FS = [lambda x: x, lambda x: x + 1, lambda: lambda x: x]; G = lambda x: x  # all here\n"
    load_text(tmp_path, text)
    found = sys.modules["short"].FS
    functions = [*found, found[2](), sys.modules["short"].G]

    sources = [fingerprint_task(f, "f").source for f in functions]
    hashes = [fingerprint.function_hash(f) for f in functions]

    assert sources == [
        "lambda x: x",
        "lambda x: x + 1",
        "lambda: lambda x: x",
        *["lambda x: x"] * 2,
    ]
    assert len(set(hashes)) == 3
    assert hashes[0] == hashes[3] == hashes[4]


def test_default_values_of_a_loop_tell_its_lambdas_apart(tmp_path):
    """Functions of one text with other default values are other functions."""
    load_text(tmp_path, "FS = [lambda x, i=i: x + i for i in range(2)]\n")
    first, second = sys.modules["short"].FS

    assert fingerprint.function_hash(first) != fingerprint.function_hash(second)


REACHED = [
    ("expression by its source", "X = g()\n\n@task()\ndef f(): return X\n", ["f", "X"]),
    ("list of tasks", "XS = [g]\n\n@task()\ndef f(): return XS\n", ["f", "XS"]),
    (
        "single dispatch",
        "import functools\n\n@functools.singledispatch\ndef d(x): return x\n\n"
        "@d.register\ndef d_int(x: int): return h()\n\ndef h(): return 1\n\n@task()\ndef f(): return d(1)\n",
        ["f", "d", "d_int", "h"],
    ),
    (
        "context manager",
        "import contextlib\n\n@contextlib.contextmanager\ndef c(): yield h()\n\ndef h(): return 1\n\n"
        "@task()\ndef f():\n    with c(): return 1\n",
        ["f", "c", "h"],
    ),
    (
        "types for a checker only",
        "from dataclasses import dataclass\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from nowhere import Thing\n\n"
        "@dataclass\nclass C:\n    x: 'Thing'\n    y: int = 1\n\n@task()\ndef f(): return C(1)\n",
        ["f", "C"],
    ),
    ("logger and lock", "import logging, threading\n\nL = logging.getLogger(__name__)\nK = threading.Lock()\n\n@task()\ndef f(): return L, K\n", ["f", "L", "K"]),
    ("bound method", "class C:\n    def m(self): return 1\n\nM = C().m\n\n@task()\ndef f(): return M()\n", ["f", "C.m", "M.__self__", "C"]),
    ("function in a table", "def h(): return 1\n\nT = {'h': [h]}\n\n@task()\ndef f(): return T\n", ["f", "h", "T"]),
    ("made class", "from collections import namedtuple\n\nP = namedtuple('P', 'a b')\n\n@task()\ndef f(): return P(1, 2)\n", ["f", "P"]),
]  # fmt: skip


@pytest.mark.parametrize("text,expected", [r[1:] for r in REACHED], ids=[r[0] for r in REACHED])
def test_reach_goes_through(tmp_path, text, expected):
    """What stands between a task and code of the project is seen through, and nothing is untracked."""
    tasks = load_text(tmp_path, f"@task()\ndef g(): return 1\n\n{text}")

    found = tasks["f"].fingerprint

    assert sorted(p.name for p in found.components) == sorted(expected)
    assert found.untracked == ()


def test_order_of_hashing_does_not_matter(tmp_path, base_hashes):
    """A task's hash is the same whether others, or its lazy imports, came first."""
    for name, text in BASE.items():
        (tmp_path / name).write_text(text)
    importlib.invalidate_caches()
    module = loading.load_workflow(str(tmp_path / "flow.py"))
    assert module.imports_inside.func(1) == 11

    assert module.imports_inside.hash == base_hashes["imports_inside"]
    assert module.uses_class.hash == base_hashes["uses_class"]


# Classes and functions as values.


def test_class_hash_covers_bases_and_methods(tmp_path):
    """The hash of a class follows its bases; one that is not the project's has none."""
    hashes = []
    for name, models in [
        ("a", MODELS),
        ("b", MODELS.replace("2 * self.r\n", "self.r * 2\n")),
        ("c", MODELS.replace('"cm"', '"mm"')),
        ("d", MODELS.replace("class Circle", "# a circle\nclass Circle")),
    ]:
        load_project(tmp_path / name, {**BASE, "models.py": models})
        hashes.append(class_hash("models:Circle"))
        forget(tmp_path)

    assert len(set(hashes)) == 3
    assert hashes[0] == hashes[3]
    assert class_hash("pathlib:Path") is None
    assert class_hash("nowhere:Circle") is None


def test_function_is_a_value_by_its_code(tmp_path):
    """A function hashes as an argument by its code and cells, a closure by its values."""
    text = "def make(n):\n    def inner(x):\n        return x + n\n\n    return inner\n"
    load_text(tmp_path, text)
    make = sys.modules["short"].make

    assert hashing.token([make(1)]) == hashing.token([make(1)])
    assert hashing.token([make(1)]) != hashing.token([make(2)])
    assert hashing.token(len) != hashing.token(max)
    assert hashing.token(os.path.join) != hashing.token(os.path.split)


def test_function_that_reaches_a_value_that_holds_it_has_a_hash(tmp_path):
    """A cycle through a constant ends."""
    text = "from collections import OrderedDict\n\nTABLE = OrderedDict()\n\n"
    text += "@task()\ndef f(x):\n    return TABLE, g(x)\n\ndef g(x):\n    return TABLE['g']\n\n"
    text += "TABLE['g'] = g\n"
    tasks = load_text(tmp_path, text)

    assert [p.name for p in tasks["f"].fingerprint.components] == ["f", "g", "TABLE"]


def test_value_of_hash_includes_needs_a_hash():
    """A generator cannot be included: the error names it."""
    with pytest.raises(UnhashableValueError, match="generator"):
        fingerprint_task(make_row, "f", hash_includes=[(x for x in "ab")])


def make_row(x: int) -> int:
    """A function of this module, loaded by pytest and not by the finder."""
    return x


def test_module_loaded_by_another_loader_is_believed_when_it_compiles_to_what_runs():
    """Functions of a test module have their source though pytest rewrote the module."""
    found = fingerprint_task(make_row, "f")

    assert found.source is not None
    assert found.source.startswith("def make_row(x: int)")


# Packages.


def test_package_counts_by_name_and_version(tmp_path, monkeypatch):
    """An installed package that is reached counts as ``name==version``, as the setting says."""
    site = tmp_path / "site-packages"
    (site / "fancy_lib").mkdir(parents=True)
    (site / "fancy_lib" / "__init__.py").write_text("def work(x):\n    return x\n")
    info = site / "Fancy_Dist-1.2.3.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("fancy_lib/__init__.py,sha256=x,1\n")
    monkeypatch.syspath_prepend(str(site))
    text = "import fancy_lib\nfrom fancy_lib import work\n\n"
    text += "@task()\ndef f(x):\n    return work(x)\n\n@task()\ndef g(x):\n    return fancy_lib.work(x)\n"
    hashes = {}
    for version, mode in [
        ("1.2.3", "version"),
        ("1.3", "version"),
        ("1.3", "major"),
        ("1.2.3", "major"),
        ("1.3", "ignore"),
    ]:
        info = info.rename(site / f"Fancy_Dist-{version}.dist-info")
        for cache in (packages._folders, packages._owners, packages._package_of):
            cache.clear()
        fingerprint.set_packages(mode)
        try:
            tasks = load_text(tmp_path / "project", text)
        finally:
            fingerprint.set_packages("version")
        hashes[version, mode] = tasks["f"].hash
        parts = [(p.name, p.source) for p in tasks["g"].fingerprint.components[1:]]
        shown = {"version": version, "major": "1"}.get(mode)
        assert parts == ([("Fancy_Dist", f"Fancy_Dist=={shown}")] if shown else [])
        forget(tmp_path / "project")

    assert hashes["1.2.3", "version"] != hashes["1.3", "version"]
    assert hashes["1.2.3", "major"] == hashes["1.3", "major"]
    assert len(set(hashes.values())) == 4


def test_packages_setting_refuses_other_words():
    """A mode that does not exist is an error."""
    with pytest.raises(ValueError, match="version, major or ignore"):
        fingerprint.set_packages("minor")


def test_array_counts_by_its_content(tmp_path):
    """A numpy array counts by value, and numpy by its version."""
    pytest.importorskip("numpy")
    hashes = []
    for name, made in [("a", "np.arange(3)"), ("b", "np.array([0, 1, 2])"), ("c", "np.arange(4)")]:
        text = f"import numpy as np\n\nWEIGHTS = {made}\n\n@task()\ndef f():\n    return np.sum(WEIGHTS)\n"
        task = load_text(tmp_path / name, text)["f"]
        hashes.append(task.hash)
        assert [p.name for p in task.fingerprint.components] == ["f", "numpy", "WEIGHTS"]
        forget(tmp_path)

    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


# Kept for ever.

GOLDEN = Path(__file__).parent / "golden" / "task_hashes.json"
VERSIONS = ("3.10", "3.11", "3.12", "3.13")

SYNTAX = """\
from redunlite import task

redun_namespace = "golden"

BIG = 123456789012345678901234567890
MIXED = {"a": [1, 1.5, True, None], (1, "x"): {b"bytes", 2j}, ...: -0.0}


@task()
async def waits(a, /, b, *args, c=1, **kwargs):
    async with a as inner:
        async for item in inner:
            c = await item
    return c


@task()
def matches(value):
    match value:
        case {"key": [first, *rest], **others} if first:
            return first, rest, others
        case str() | bytes() as text:
            return text
        case complex(real=-1):
            return BIG
        case None:
            return MIXED
        case _:
            return ...


@task()
def strings(x, width=10):
    return f"{x!r:>{width}} {x=} {{}} {'nested' + f'{x}'}" "tail" if x else 'é\\N{BULLET}\\ud800'


@task()
def flows(items):
    global BIG
    total: int = 0
    try:
        while (n := len(items)) > 3:
            total += n
            items = [y for x in items if x for y in (x, -x)]
        else:
            del items[0]
    except (ValueError, TypeError) as error:
        raise RuntimeError("no") from error
    finally:
        with open("x") as a, open("y") as b:
            assert a, "message"
    for i, (j, *k) in enumerate(items):
        if not i:
            continue
        elif j is not k:
            break
    return lambda *a, **k: (yield), {**{}, "a": 1}, [*items], items[1:2, ::3], total @ 2 // 3
"""


def hash_in(python: str, folder: Path, files: Files) -> dict[str, str]:
    """Return the hashes of a project's tasks as another interpreter computes them."""
    script = (
        "import json, sys; from redunlite import loading; from redunlite.task import Task\n"
        "found = {}\n"
        "for path in sys.argv[1:]:\n"
        "    module = loading.load_workflow(path)\n"
        "    found.update({t.fullname: t.hash.hex() for t in vars(module).values() if isinstance(t, Task)})\n"
        "print(json.dumps(found))\n"
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    flows = [str(folder / name) for name in files if "redun_namespace" in files[name]]
    root = str(Path(__file__).resolve().parent.parent)
    environment = {**os.environ, "PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python, "-c", script, *flows], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def find_python(version: str) -> str | None:
    """Return an interpreter of that version on this machine, or None."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    found = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return str(found[-1]) if found else None


@pytest.mark.parametrize("version", VERSIONS)
def test_task_hashes_are_those_kept(tmp_path, version):
    """The hashes of a stored project are the same on each Python, and as they ever were."""
    python = find_python(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert golden["hash_version"] == hashing.HASH_VERSION

    hashes = hash_in(python, tmp_path, golden["files"])

    assert golden["hashes"] == hashes


if __name__ == "__main__" and "--write" in sys.argv:
    # Only with a new HASH_VERSION.
    import tempfile

    kept = {**BASE, "golden_syntax.py": SYNTAX}
    with tempfile.TemporaryDirectory() as folder:
        made = hash_in(sys.executable, Path(folder), kept)
    GOLDEN.write_text(
        json.dumps({"hash_version": hashing.HASH_VERSION, "files": kept, "hashes": made}, indent=1)
        + "\n",
        encoding="utf-8",
    )
