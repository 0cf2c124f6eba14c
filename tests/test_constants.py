"""Constants and libraries' callables in a task's hash: what they are and hold, and not how they are written."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from redunlite import fingerprint, loading
from redunlite.task import Task


@pytest.fixture(autouse=True, scope="module")
def no_project_folder() -> None:
    """Let paths be relative to each file's folder, whatever project an earlier test ran in."""
    fingerprint.set_project_folder(None)


@pytest.fixture(autouse=True)
def forget_modules() -> Iterator[None]:
    """Forget the modules and folders that a test loaded."""
    path = list(sys.path)
    yield
    sys.path[:] = path


def load(folder: Path, text: str, **others: str) -> Task:
    """Load a workflow afresh, beside other modules; return its task `f`, hashed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in others.items():
        (folder / f"{name}.py").write_text(content)
    head = 'from redunlite import task\n\nredun_namespace = "short"\n\n'
    (folder / "short.py").write_text(head + text)
    importlib.invalidate_caches()
    module = loading.load_workflow(str(folder / "short.py"))
    assert module.f.hash  # before the modules are forgotten
    for name, loaded in list(sys.modules.items()):
        if (getattr(loaded, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
    sys.path[:] = [p for p in sys.path if p != str(folder)]
    return module.f


CLASS = "class A:\n    def __init__(self, **held):\n        self.__dict__.update(held)\n\n"
READ = "json.loads((Path(__file__).parent / 'n.json').read_text())"
F = "\n@task()\ndef f(): return X\n"

READ_CONSTANTS = [
    ("instance", CLASS + f"X = A(**{READ})"),
    ("namespace", f"import argparse\nX = argparse.Namespace(**{READ})"),
    ("slots", f"class A:\n    __slots__ = ('n',)\n    def __init__(self, n): self.n = n\nX = A(**{READ})"),
    ("in containers", CLASS + f"X = {{'a': [(A(**{READ}),)]}}"),
    ("in another object", CLASS + f"X = A(inner=A(**{READ}))"),
    ("in an ordered dict", CLASS + f"from collections import OrderedDict\nX = OrderedDict(a=A(**{READ}))"),
    ("beside a dataclass's fields", f"from dataclasses import dataclass\n@dataclass\nclass A:\n    a: int = 1\nX = A()\nX.n = {READ}['n']"),
    ("of a list's class", f"class A(list): pass\nX = A([{READ}['n']])"),
    ("of an int's class", f"class A(int): pass\nX = A({READ}['n'])"),
    ("many of one class", CLASS + f"X = [A(**{READ}) for _ in range(50)]"),
    ("bound method", CLASS + f"    def m(self): return self.n\nX = A(**{READ}).m"),
    ("callable instance", CLASS + f"    def __call__(self): return self.n\nX = A(**{READ})"),
    ("partial of an object", CLASS + f"import functools\nX = functools.partial(print, A(**{READ}))"),
    ("item getter", f"import operator\nX = operator.itemgetter({READ}['n'])"),
    ("regex", f"import re\nX = re.compile('a' * {READ}['n'])"),
    ("method of a regex", f"import re\nX = re.compile('a' * {READ}['n']).match"),
    ("method of a text", f"X = str({READ}['n']).join"),
    ("expression", f"@task()\ndef g(n): return n\nX = g({READ}['n'])"),
    ("class-based decorator", "import functools\nclass Times:\n    def __init__(self, f, n):\n        self.n = n\n        functools.update_wrapper(self, f)\n    def __call__(self): return self.n\ndef h(): return 1\n" + f"X = Times(h, **{READ})"),
    ("that holds its own method", CLASS + f"    def m(self): return 1\nX = A(**{READ})\nX.call = X.m"),
    ("that holds caches and partials of its method", CLASS + f"    def m(self): return 1\nimport functools\nX = A(**{READ})\nX.calls = [functools.lru_cache(X.m), functools.partial(X.m)]"),
    ("too deep to look into", f"X = {READ}['n']\nfor _ in range(3000): X = [X]"),
    ("default", CLASS + f"def X(a=A(**{READ})): return a.n"),
]  # fmt: skip


@pytest.mark.parametrize("text", [r[1] for r in READ_CONSTANTS], ids=[r[0] for r in READ_CONSTANTS])
def test_object_counts_by_value(tmp_path, text):
    """A constant that is made from a file is another one when the file is, and no other time."""
    found = []
    for folder, n in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "n.json").write_text(json.dumps({"n": n}))
        head = "import json\nfrom pathlib import Path\n"
        found.append(load(tmp_path / folder, head + text + F).fingerprint)

    assert [hole for one in found for hole in one.untracked] == []
    assert found[0].hash == found[1].hash
    assert found[0].hash != found[2].hash


def test_object_changed_by_another_module_counts_as_it_is(tmp_path):
    """What counts of an object is its state when the task is hashed, whoever made it so."""
    text = "from settings import X\nimport changes\n" + F
    settings = CLASS + "X = A()\n"
    changes = "import settings\nsettings.X.n = "

    one = load(tmp_path / "a", text, settings=settings, changes=changes + "1")
    two = load(tmp_path / "b", text, settings=settings, changes=changes + "2")

    assert one.hash != two.hash


def test_paths_and_tasks_in_an_object_do_not_tie_its_hash_to_a_place(tmp_path):
    """A path inside the project counts relative to it, a task by its name, a function by its code."""
    text = "@task()\ndef g(): return 1\n\ndef h(): return 1\n\n" + CLASS
    text += "X = A(path=__file__, task=g, call=h)\n" + F

    base, moved = load(tmp_path / "a", text), load(tmp_path / "b", text)
    other_task = load(tmp_path / "c", text.replace("def g(): return 1", "def g(): return 2"))
    other_code = load(tmp_path / "d", text.replace("def h(): return 1", "def h(): return 2"))

    assert base.hash == moved.hash == other_task.hash
    assert base.hash != other_code.hash
    assert [part.name for part in base.fingerprint.components] == ["f", "A", "h", "X"]


CHANGES = "its state changes with every number drawn"
BY_SOURCE = [
    ("lock in an object", CLASS + "import threading\nX = A(n=1, lock=threading.Lock())", "X.lock", "a lock has no value"),
    ("thread's own", "import threading\nX = threading.local()", "X", "_thread._local"),
    ("random numbers", "import random\nX = random.Random()", "X", CHANGES),
    ("method of the random numbers", "import random\nX = random.random", "X.__self__", CHANGES),
    ("random numbers of numpy", "import numpy as np\nX = [np.random.default_rng()]", "X[0]", CHANGES),
    ("database", "import sqlite3\nX = sqlite3.connect(':memory:')\nX.close()", "X", "sqlite3.Connection"),
    ("temporary folder", "import tempfile\nX = tempfile.TemporaryDirectory()\nX.cleanup()", "X", "another in each process"),
    ("environment", "import os\nX = os.environ", "X", "another in each shell"),
    ("generator", "X = (i for i in 'ab')", "X", "can be read only once"),
    ("counter", "import itertools\nX = {'n': itertools.count()}", "X['n']", "can be read only once"),
    ("object that holds itself", CLASS + "X = A()\nX.me = [X]", "X.me[0]", "it holds itself"),
    ("objects that hold one another", CLASS + "X = [A() for _ in range(40)]\nfor a in X: a.all = X", "X[0].all", "it holds itself"),
    ("that cannot be pickled", "class A:\n    def __reduce__(self): raise RuntimeError('no')\nX = A()", "X", "an A: no"),
    ("ufunc of a function", "import numpy as np\nX = np.frompyfunc(lambda x: x, 1, 1)", "X", "ufunc has no value"),
    ("key of a comparison", "import functools\nX = functools.cmp_to_key(lambda a, b: 0)", "X", "KeyWrapper"),
]  # fmt: skip


@pytest.mark.parametrize(
    "text,name,reason", [r[1:] for r in BY_SOURCE], ids=[r[0] for r in BY_SOURCE]
)
def test_object_without_value_counts_by_its_statement_and_is_listed(tmp_path, text, name, reason):
    """What differs in each process, or cannot be hashed, counts by the statement that makes it."""
    if "numpy" in text:
        pytest.importorskip("numpy")

    one, two = load(tmp_path / "a", text + "\n" + F), load(tmp_path / "b", text + "\n" + F)
    edited = load(tmp_path / "c", text + "\nX = X or 1\n" + F)

    assert [hole.name for hole in one.fingerprint.untracked] == [name]
    assert reason in one.fingerprint.untracked[0].reason
    assert one.hash == two.hash
    assert one.hash != edited.hash


def test_default_without_value_is_listed(tmp_path):
    """A default that cannot be hashed counts by its text, and `info` names the parameter."""
    text = "import random\n\n@task()\ndef f(n, rng=random.Random(1)): return n\n"

    found = load(tmp_path, text).fingerprint

    assert [hole.name for hole in found.untracked] == ["default of rng"]


def test_statement_is_found_in_the_module_that_holds_the_object(tmp_path):
    """A constant without value that is reached as ``module.X`` counts by the statement there."""
    text = "import other\n\n@task()\ndef f(): return other.X\n"
    other = CLASS + "import threading\nX = A(n=1, lock=threading.Lock())\n"

    one = load(tmp_path / "a", text, other=other)
    two = load(tmp_path / "b", text, other=other.replace("n=1", "n=2"))

    assert [hole.name for hole in one.fingerprint.untracked] == ["X.lock"]
    assert one.hash != two.hash


def test_constant_is_hashed_once_a_run(tmp_path):
    """Tasks that reach one large constant do not each pay for it."""
    text = "LOOKS = []\n\nclass A:\n    def __reduce__(self):\n        LOOKS.append(1)\n        return A, ()\n\n"
    text += "X = A()\n@task()\ndef g(): return [X]\nassert g.hash\n" + F

    found = load(tmp_path, text)

    assert found.func.__globals__["LOOKS"] == [1]


def test_value_held_in_many_places_is_looked_at_once(tmp_path):
    """A constant whose members hold one another many times over has a hash in no time."""
    text = CLASS + "X = Y = [1]\nfor _ in range(60):\n    X, Y = [X, X], A(a=Y, b=Y)\n"

    found = load(tmp_path, text + "@task()\ndef f(): return X, Y\n")

    assert found.fingerprint.untracked == ()


def test_objects_of_two_classes_of_one_name_are_told_apart(tmp_path):
    """Which of two classes of one name an instance is of counts, at each place."""
    text = (
        "def make(n):\n    class A:\n        k = n\n    return A()\n\na, b = make(1), make(2)\nX = "
    )

    one, two = (
        load(tmp_path / "a", text + "[a, b, a]" + F),
        load(tmp_path / "b", text + "[a, b, a]" + F),
    )
    other = load(tmp_path / "c", text + "[a, b, b]" + F)

    assert one.hash == two.hash
    assert one.hash != other.hash


# Libraries' callables.

H = "def h(x): return x + 1\n"
PLUS = ("x + 1", "x + 2")
LIBRARY_EDITS = [
    ("vectorized", "import numpy as np\n@np.vectorize\n" + H.replace("h(", "X("), *PLUS),
    ("vectorized in a table", "import numpy as np\n" + H + "X = {'h': np.vectorize(h)}", *PLUS),
    ("vectorized lambda", "import numpy as np\nX = np.vectorize(lambda x: x + 1)", *PLUS),
    ("method of a vectorized one", "import numpy as np\n" + H + "X = np.vectorize(h).__call__", *PLUS),
    ("polynomial", "import numpy as np\nX = np.poly1d([1])", "[1]", "[2]"),
    ("ufunc of a function", "import numpy as np\n" + H + "X = np.frompyfunc(h, 1, 1)", *PLUS),
    ("cache", "import functools\n@functools.lru_cache\n" + H.replace("h(", "X("), *PLUS),
    ("dispatch", "import functools\n@functools.singledispatch\ndef X(x): return 1\n@X.register\ndef _(x: int): return x + 1\n", *PLUS),
    ("class that is dispatched on", "import functools\n@functools.singledispatch\ndef X(x): return 1\n" + H + "X.register(int, h)", "(int, h)", "(str, h)"),
    ("comparison", "import functools\nX = functools.cmp_to_key(lambda a, b: a - b)", "a - b", "b - a"),
    ("context manager", "import contextlib\n@contextlib.contextmanager\ndef X(x): yield x + 1\n", *PLUS),
    ("static method", H + "X = staticmethod(h)", *PLUS),
    ("value in a decorator's closure", "import fancy_lib\n" + H + "N = 1\nX = fancy_lib.repeat(N)(h)", "N = 1", "N = 2"),
    ("function in a decorator's closure", "import fancy_lib\n" + H + "X = fancy_lib.repeat(1)(h)", *PLUS),
    ("curried", "import fancy_lib\n@fancy_lib.Curry\n" + H.replace("h(", "X("), *PLUS),
    ("compiled", "import fancy_lib\n" + H + "N = 1\nX = fancy_lib.Compiled(h, N)", *PLUS),
    ("option of a compiled one", "import fancy_lib\n" + H + "N = 1\nX = fancy_lib.Compiled(h, N)", "N = 1", "N = 2"),
    ("in slots", "import fancy_lib\n" + H + "X = [fancy_lib.Slotted(h)]", *PLUS),
    ("function by assignment", "import math\nX = math.sin", "math.sin", "math.cos"),
    ("function by import", "from math import sqrt as X", "from math", "from cmath"),
    ("module under another name", "import json as X", "json as", "pickle as"),
    ("module of a package", "import os.path as X", "os.path as", "shutil as"),
    ("class by import", "from collections import OrderedDict as X", "OrderedDict", "Counter"),
    ("class by assignment", "X = int", "= int", "= str"),
    ("function of numpy", "import numpy as np\nX = np.sum", "np.sum", "np.mean"),
    ("ufunc of numpy", "from numpy import sin as X", "sin as", "cos as"),
    ("function in a table", "import math, cmath\nX = {'a': math.sqrt}", "math.sqrt", "cmath.sqrt"),
    ("function of a library in a table", "import os, shlex\nX = [os.path.join]", "os.path", "shlex"),
    ("function in a closure", "import math\ndef make(h):\n    def inner(x): return h(x)\n    return inner\nX = make(math.sqrt)", "make(math.sqrt", "make(math.floor"),
    ("method of a number", "X = (1).__add__", "(1)", "(2)"),
    ("object of a library", "from fancy_lib import first as X", "first", "second"),
    ("task under another name", "@task()\ndef g(): return 1\n@task()\ndef h(): return 1\nX = g", "X = g", "X = h"),
    ("task as a default", "@task()\ndef g(): return 1\n@task()\ndef h(): return 1\ndef X(x=g): return x\nX.__defaults__ = (g,)", "= (g,)", "= (h,)"),
]  # fmt: skip
FANCY_LIB = """\
import functools
import threading


def repeat(n):
    def decorate(func):
        def repeated(x):
            return [func(x)] * n

        return repeated

    return decorate


class Curry:
    def __init__(self, func):
        self._partial = functools.partial(func)

    def __call__(self, x):
        return self._partial(x)

    def __reduce__(self):  # pickled by name, whatever it holds
        return get_curried, ("short:X",)


def get_curried(name):
    raise KeyError(name)


class Compiled:
    def __init__(self, py_func, option):
        self.py_func, self.option, self.lock = py_func, option, threading.Lock()

    def __call__(self, x):
        return self.py_func(x)


class Slotted:
    __slots__ = ("func", "lock")

    def __init__(self, func):
        self.func, self.lock = func, threading.Lock()

    def __call__(self, x):
        return self.func(x)


class Distribution:
    def __init__(self):
        self.state = object()


first, second = Distribution(), Distribution()
"""


@pytest.fixture
def fancy_lib(tmp_path, monkeypatch) -> Iterator[None]:
    """Install a library that wraps functions in several ways."""
    site = tmp_path / "lib" / "site-packages"
    (site / "fancy_lib").mkdir(parents=True)
    (site / "fancy_lib" / "__init__.py").write_text(FANCY_LIB)
    (site / "fancy_lib-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("fancy_lib", None)


@pytest.mark.parametrize(
    "text,old,new", [r[1:] for r in LIBRARY_EDITS], ids=[r[0] for r in LIBRARY_EDITS]
)
def test_callable_of_a_library_counts_by_what_it_is_and_holds(tmp_path, fancy_lib, text, old, new):
    """An edit behind a library's callable is seen, and nothing else makes another hash."""
    if "numpy" in text:
        pytest.importorskip("numpy")
    call = "\n@task()\ndef f(): return X(1)\n"

    one, two = load(tmp_path / "a", text + call), load(tmp_path / "b", text + call)
    edited = load(tmp_path / "c", text.replace(old, new, 1) + call)

    assert one.hash == two.hash
    assert one.hash != edited.hash


def test_functions_behind_a_librarys_callable_are_parts(tmp_path):
    """What a library's object holds of the project is listed with its source."""
    pytest.importorskip("numpy")
    text = "import numpy as np\ndef g(x): return x\n@np.vectorize\ndef h(x): return g(x)\n"

    found = load(tmp_path, text + "@task()\ndef f(): return h(1)\n").fingerprint

    assert [(part.kind, part.name) for part in found.components] == [
        ("function", "f"), ("package", "numpy"), ("function", "h"), ("constant", "h"),
        ("function", "g"),
    ]  # fmt: skip
    assert found.untracked == ()


def test_names_of_libraries_that_the_text_tells_are_not_listed(tmp_path):
    """A function of a library counts in the text that uses it: it is no part of its own."""
    text = "from math import sqrt\nimport os.path\n@task()\ndef f(): return sqrt(4), os.path.join('a')\n"

    assert [part.name for part in load(tmp_path, text).fingerprint.components] == ["f"]


@pytest.mark.parametrize(
    "made,old,new", [("A().m", "return 1", "return 2"), ("math.sqrt", "(math", "(cmath")]
)
def test_task_of_a_bound_method_or_a_builtin_counts_by_it(tmp_path, made, old, new):
    """A task may be made of any callable: what it stands for counts."""
    text = f"import math, cmath\nclass A:\n    def m(self): return 1\nf = task(name='f')({made})\n"

    one, two = load(tmp_path / "a", text), load(tmp_path / "b", text)
    edited = load(tmp_path / "c", text.replace(old, new))

    assert one.hash == two.hash
    assert one.hash != edited.hash


def test_imports_of_a_module_that_is_not_loaded_count(tmp_path):
    """A module that only a task imports counts with the names that it takes from libraries."""
    text = "@task()\ndef f():\n    from other import k\n    return k(4)\n"
    other = "from math import sqrt as g\n\ndef k(x):\n    return g(x)\n"

    one = load(tmp_path / "a", text, other=other)
    two = load(tmp_path / "b", text, other=other.replace("sqrt", "floor"))

    assert one.hash != two.hash
