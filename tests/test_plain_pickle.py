"""Values written as pickles are read by a Python that has neither redunlite nor the workflow loaded."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from redunlite.serialize import make_pickle

KINDS = """
import collections, dataclasses, enum, functools, json, sys
from typing import NamedTuple

MISSING = object()


class Two(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code


class Named(ValueError):
    def __init__(self, *, why):
        super().__init__("why")
        self.why = why


class Slotted(Exception):
    __slots__ = ("a",)

    def __init__(self, a, b):
        super().__init__(b)
        self.a = a


class Made(Exception):
    def __new__(cls, a, b):
        return super().__new__(cls, a + b)


class Gone(OSError):
    def __init__(self, path):
        super().__init__(2, "gone", path)


class Half(UnicodeDecodeError):
    def __init__(self):
        super().__init__("utf-8", b"abc", 0, 1, "bad")


class Wrong(SyntaxError):
    def __init__(self):
        super().__init__("msg", ("f.py", 1, 2, "text"))


class Absent(ImportError):
    def __init__(self, name):
        super().__init__("absent", name=name)


class Left(SystemExit):
    def __init__(self, code, why):
        super().__init__(code)


@dataclasses.dataclass
class Record(Exception):
    a: int
    b: int


if sys.version_info >= (3, 11):

    class Several(ExceptionGroup):
        def __new__(cls, members, extra):
            made = super().__new__(cls, "several", members)
            made.extra = extra
            return made

        def __init__(self, members, extra):
            pass


class Color(enum.Enum):
    red = 1


class Pair(NamedTuple):
    a: int
    b: int


@dataclasses.dataclass
class Point:
    x: int


def make_function(n):
    def add(x):
        return x + n

    return add


def make_class(n):
    class Local:
        y = n

    return Local
"""
LOADER = """
import json, pickle, sys
sys.modules["redunlite"] = None
sys.path.insert(0, sys.argv[1])
import kinds_of_values as k
told = {}
for name, (data, question) in json.load(sys.stdin).items():
    value = pickle.loads(bytes.fromhex(data))
    told[name] = repr(eval(question, {"v": value, "k": k}))
json.dump(told, sys.stdout)
"""
TABLE: dict[str, tuple[str, str, str]] = {
    "arguments": ("Two(1, 'a')", "v.args, v.code, str(v)", "(('1: a',), 1, '1: a')"),
    "keywords": ("Named(why=3)", "v.args, v.why", "(('why',), 3)"),
    "slots": ("Slotted(1, 2)", "v.args, v.a", "((2,), 1)"),
    "new": ("Made('a', 'b')", "type(v) is k.Made, v.args", "(True, ('a', 'b'))"),
    "os": ("Gone('/x')", "v.errno, v.filename, str(v)", """(2, '/x', "[Errno 2] gone: '/x'")"""),
    "unicode": ("Half()", "v.object, v.end, v.reason", "(b'abc', 1, 'bad')"),
    "syntax": ("Wrong()", "v.filename, v.lineno, v.msg", "('f.py', 1, 'msg')"),
    "import": ("Absent('m')", "v.name, v.args", "('m', ('absent',))"),
    "exit": ("Left(3, 4)", "v.code", "3"),
    "record": ("Record(a=1, b=2)", "v.a, v.b", "(1, 2)"),
    "plain": ("KeyError(1)", "v.args", "(1,)"),
    "nested": ("{'e': [(Two(2, 'b'), 1)]}", "v['e'][0][0].code", "2"),
    "marker": ("[MISSING, MISSING]", "v[0] is k.MISSING is v[1]", "True"),
    "module": ("json", "v.loads('1')", "1"),
    "member": ("Color.red", "v is k.Color.red", "True"),
    "pair": ("Pair(1, 2)", "v == k.Pair(1, 2)", "True"),
    "point": ("[Point(1)]", "v == [k.Point(1)]", "True"),
    "class": ("Point", "v is k.Point", "True"),
    "partial": ("functools.partial(make_function, 3)", "v()(4)", "7"),
    "function": ("make_function(3)", "v(4)", "7"),
    "local class": ("make_class(3)", "v.y, v.__name__", "(3, 'Local')"),
    "local instance": ("[make_class(3)(), Two(1, 'a')]", "v[0].y, v[1].code", "(3, 1)"),
    "numbers": ("collections.OrderedDict(a=1.5)", "v['a']", "1.5"),
}
if sys.version_info >= (3, 11):
    TABLE["group"] = (
        "Several([ValueError(1), Two(1, 'a')], 5)",
        "v.extra, len(v.exceptions), v.exceptions[1].code, v.message",
        "(5, 2, 1, 'several')",
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What another Python answers about each value."""
    folder = tmp_path_factory.mktemp("kinds")
    path = folder / "kinds_of_values.py"
    path.write_text(KINDS)
    spec = importlib.util.spec_from_file_location("kinds_of_values", path)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules["kinds_of_values"] = module
    try:
        spec.loader.exec_module(module)
        asked = {
            name: (make_pickle(eval(made, vars(module))).hex(), question)
            for name, (made, question, _) in TABLE.items()
        }
    finally:
        del sys.modules["kinds_of_values"]
    done = subprocess.run(
        [sys.executable, "-c", LOADER, str(folder)],
        input=json.dumps(asked), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers: dict[str, str] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("name", TABLE)
def test_pickle_is_read_by_a_plain_python(told: dict[str, str], name: str) -> None:
    """With the workflow's folder on the path the value is what it was, classes and markers the same."""
    assert told[name] == TABLE[name][2]


FLOW = """
from redunlite import task


class Two(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


@task
def main():
    raise Two(4, "a")


@task
def made():
    class Local:
        y = 3

    return Local()
"""


def test_failure_is_written_as_its_exception(tmp_path: Path) -> None:
    """The pickle of a failed job holds what it raised, and an instance of a local class is written."""
    (tmp_path / "flow.py").write_text(FLOW)

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "redunlite", *words],
            cwd=tmp_path, capture_output=True, text=True, check=False,
            env={"PYTHONPATH": str(Path(__file__).resolve().parent.parent), "HOME": str(tmp_path)},
        )  # fmt: skip

    code = "import pickle, sys; sys.path[0] = '.'\n"
    code += "v = pickle.load(open('x.pkl', 'rb')); print(type(v).__name__, vars(v))"
    for task, expected in (("main", "Two {'code': 4}\n"), ("made", "Local {}\n")):
        command("run", "flow.py", task)
        written = command("show", "-", "-o", "x.pkl", "--force")
        assert written.returncode == 0, written.stderr
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
        )

        assert done.stdout == expected, done.stderr
