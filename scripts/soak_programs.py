"""Random workflows for `scripts/soak-random`, written from a seed, with numbers that can be edited.

A program has *sources*, each a way in which code comes by a number (a constant, an attribute set
later, a registry, a file, a closure, a library's object that wraps a function, …), and tasks whose
parameters, values and control forms are drawn at random. Each source and each task holds one number;
an edit changes one of them. The text of a task or source says by the names in it what it reaches, so
`Program.get_version` knows which numbers decide what a task computes.

The same text runs in plain Python, with `soak_language` in place of redunlite, when PLAIN is set.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

KIT = '''
"""What the programs and whoever looks at their results share; never edited."""

import array, collections, dataclasses, enum, functools, os, sys, types, zlib
from typing import Any, NamedTuple

MISSING = object()
PLAIN = os.environ.get("PLAIN")

class Config:
    def __init__(self, **values):
        self.__dict__.update(values)

class Point(NamedTuple):
    x: Any
    y: Any

@dataclasses.dataclass
class Box:
    a: Any
    b: Any = 1

class Slotted:
    __slots__ = ("a", "b")
    def __init__(self, a, b):
        self.a, self.b = a, b

class Color(enum.Enum):
    RED = 1
    BLUE = 2

class Flag(enum.Flag):
    A = 1
    B = 2
    C = 4

class Refused(ValueError):
    def __init__(self, code, reason="none"):
        super().__init__(f"{code}: {reason}")
        self.code = code
    if PLAIN:  # what copy makes of it is another exception
        def __deepcopy__(self, memo): return self

def with_attributes(value, **attributes):
    value.attrs.update(attributes)
    return value

def show(value):
    """Return a text that is one for equal values; it shows what code computes, and not its text."""
    cls = type(value)
    name = cls.__name__
    if value is MISSING: return "MISSING"
    if cls is object: return "marker"
    if hasattr(value, "partial") and (hasattr(value, "func") or hasattr(value, "task")):
        inner = getattr(value, "task", None) or value.func
        if isinstance(inner, types.FunctionType):
            return f"task({inner.__module__}.{inner.__name__})"
        return f"partial({show(inner)}, {show(value.args)}, {show(value.kwargs)})"
    if isinstance(value, int) and value.bit_length() > 10_000: return f"int({value % 1000003})"
    if isinstance(value, (set, frozenset)): return f"{name}({', '.join(sorted(map(show, value)))})"
    if isinstance(value, dict): value = [item for pair in value.items() for item in pair]
    if cls.__module__.partition(".")[0] == "numpy" and hasattr(value, "dtype"):
        return f"{name}({value.dtype}, {value.tolist()!r})"
    if cls.__module__.partition(".")[0] == "pandas" and hasattr(value, "to_dict"):
        return f"{name}({value.to_dict()!r}, {value.attrs!r})"
    if hasattr(value, "freqstr"): return f"{name}({list(map(str, value))!r}, {value.freqstr})"
    if isinstance(value, type):
        return f"class {value.__qualname__}({value(1).predict(2) if hasattr(value, 'predict') else ''})"
    if hasattr(value, "predict"): return f"{name}({show(vars(value))}, {value.predict(2)})"
    if isinstance(value, types.FunctionType): return f"function({show(value(2))}, {show(vars(value))})"
    if isinstance(value, BaseException): return f"{name}({show(list(value.args))}, {show(vars(value))})"
    if isinstance(value, functools.partial):
        return f"{name}({show(value.func)}, {show(value.args)}, {show(value.keywords)})"
    if dataclasses.is_dataclass(value) or isinstance(value, (types.SimpleNamespace, Config)):
        value = [item for pair in vars(value).items() for item in pair]
    if isinstance(value, Slotted): value = [value.a, value.b]
    if isinstance(value, (list, tuple, collections.deque)): return f"{name}({', '.join(map(show, value))})"
    if callable(value): return f"{name}({show(value(2))})"
    return repr(value)

def number(value):
    """Make a number of anything."""
    if isinstance(value, (int, float)): return int(value) % 100003
    return zlib.crc32(show(value).encode()) % 1000

def trace(name, *args):
    with open(os.environ["TRACE"], "a") as file:
        file.write(f"{name} {show(args)}\\n")
'''

HEAD = """
import argparse, array, collections, dataclasses, datetime, decimal, enum, fractions, functools, json
import math, operator, os, pathlib, re, types, uuid
from kit import *
from kit import MISSING

if PLAIN:
    from soak_language import (
        MARKERS, Lazy as lazy, apply_func, as_task, catch, compose, cond, const, delay, flat_map,
        flatten, force, gather, identity, map_, seq, starmap, task, zip_,
    )
else:
    from asyncio import gather
    from redunlite import catch, cond, task
    from redunlite.functools import (
        apply_func, as_task, compose, const, delay, flat_map, flatten, force, identity, map_, seq,
        starmap, zip_,
    )
    MARKERS = []
    def lazy(evaluate): return evaluate()

redun_namespace = "soak"
NOTHING = object()
MARKERS += [MISSING, NOTHING]
"""

TASKS_AT_HEAD = """
@task
def same(value):
    return value

@task
def as_number(value):
    trace("as_number", value)
    return number(value)

@task
def pair(a, b):
    trace("pair", a, b)
    return [a, b]

@task(nout=2)
def two(a, b):
    return a, b

@task
def recover(error):
    return [type(error).__name__, str(error), getattr(error, "code", None)]

@task
def recover_badly(error):
    raise ValueError(f"not recovered: {error}")

@task
def use(func, value):
    return func(value)
"""

DRIVER = """
import sys, os
sys.path.insert(0, os.getcwd())
import flow
from kit import show

n = int(sys.argv[1])
try:
    if os.environ.get("PLAIN"):
        result = flow.main(n)
    elif os.environ.get("BARE"):
        from redunlite import Scheduler
        result = Scheduler().run(flow.main(n))
    else:
        import redunlite
        result = redunlite.run(flow.main(n))
except ValueError:  # of several that fail, which one is first is nobody's promise
    print("failed")
else:
    print(show(result))
"""


@dataclass(frozen=True)
class Source:
    """A way in which code comes by a number."""

    text: str
    """Statements of the workflow; ``@`` stands for the source's name, ``#`` for its number."""
    use: str
    """An expression of the number, by way of ``v``."""
    files: tuple[tuple[str, str], ...] = ()
    """Names and texts of files beside the workflow."""
    begin: str = ""
    """A statement that a function needs before it can use the source."""
    package: str = ""
    """A package that the text needs."""


SOURCES = (
    Source("def @(v=3):\n    return v * 3 + #\n", "@(v)"),
    Source("def @(v):\n    return v + #\n", "@(v)"),
    Source("@ = #\n", "@"),
    Source("@ = {'k': [1, #], 'long': list(range(50))}\n", "@['k'][1]"),
    Source("class @: pass\n@.rate = #\n", "@.rate"),
    Source("class @:\n    table = {}\n@.table['k'] = #\n", "@.table['k']"),
    Source("def @(v):\n    return v + @.rate\n@.rate = #\n", "@(v)"),
    Source(
        "with open('@.json') as file:\n    @ = Config(**json.load(file))\n", "@.n",
        (("@.json", '{"n": #}'),),
    ),
    Source(
        "with open('@.json') as file:\n    @ = {'in': [Config(**json.load(file))]}\n", "@['in'][0].n",
        (("@.json", '{"n": #}'),),
    ),
    Source("@ = argparse.Namespace(n=int('#'))\n", "@.n"),
    Source("@ = types.SimpleNamespace(n=[len('a' * #)])\n", "@.n[0]"),
    Source(
        "class @:\n    table = {}\ndef add@(f):\n    @.table[f.__name__] = f(1)\n    return f\n"
        "\0add@\ndef by@(v):\n    return v + #\n",
        "@.table['by@']",
    ),
    Source(
        "class @:\n    registry = {}\n    def __init_subclass__(cls, n=0):\n"
        "        @.registry[cls.__name__] = n\nclass Sub@(@, n=#):\n    pass\n",
        "@.registry['Sub@']",
    ),
    Source("\0np.vectorize\ndef @(v):\n    return v + #\n", "int(@(v))", package="numpy"),
    Source("@ = np.poly1d([1, #])\n", "int(@(v % 100))", package="numpy"),
    Source("@ = np.arange(3) + #\n", "int(@[1])", package="numpy"),
    Source("\0functools.lru_cache\ndef @(v):\n    return v + #\n", "@(v)"),
    Source("def _@(a, v):\n    return a + v\n@ = functools.partial(_@, #)\n", "@(v)"),
    Source("def make@(n):\n    def inner(v):\n        return v + n\n    return inner\n@ = make@(#)\n", "@(v)"),
    Source("@ = lambda v: v + #\n", "@(v)"),
    Source(
        "\0functools.singledispatch\ndef @(v):\n    return 0\n\0@.register\ndef _@(v: int):\n"
        "    return v + #\n",
        "@(v)",
    ),
    Source(
        "from settings import values as @\n", "@.n@",
        (("settings.py", "class Values: pass\nvalues = Values()\n"),
         ("set@.py", "from settings import values\nvalues.n@ = #\n")),
    ),
    Source(
        "class @:\n    with open('@.txt') as file:\n        n = int(file.read())\n    del file\n", "@.n",
        (("@.txt", "#"),),
    ),
    Source("class @:\n    def get(self):\n        return #\n", "@().get()"),
    Source("class Base@:\n    n = #\nclass @(Base@):\n    pass\n", "@.n"),
    Source("class @(enum.Enum):\n    A = # + 1\n", "@.A.value"),
    Source("\0dataclasses.dataclass\nclass @:\n    n: int = #\n", "@().n"),
    Source(
        "def add@(n):\n    def decorate(f):\n        \0functools.wraps(f)\n        def wrapper(v):\n"
        "            return f(v) + n\n        return wrapper\n    return decorate\n"
        "\0add@(#)\ndef @(v):\n    return v\n",
        "@(v)",
    ),
    Source("def @(v, d=#):\n    return v + d\n", "@(v)"),
    Source("def @(v, *, d=[1, #]):\n    return v + d[1]\n", "@(v)"),
    Source("", "by@(v)", (("late@.py", "def by@(v):\n    return v + #\n"),), "from late@ import by@"),
    Source("import out@\n", "out@.by(v)", (("out@.py", "n = #\ndef by(v):\n    return v + n\n"),)),
    Source(
        "class @:\n    \0property\n    def n(self):\n        return #\n    \0classmethod\n"
        "    def get(cls):\n        return cls().n\n",
        "@.get()",
    ),
    Source("@ = dataclasses.make_dataclass('Made@', [('n', int, #)])\n", "@().n"),
    Source("@ = type('Typed@', (), {'n': #, 'get': lambda self: self.n})\n", "@().get()"),
    Source("@ = enum.Enum('E@', {'A': # + 1})\n", "@.A.value"),
    Source("@ = operator.methodcaller('__add__', #)\n", "@(v)"),
    Source("@ = [lambda v: v, lambda v: v + #]\n", "@[1](v)"),
    Source("@ = {'f': Config(n=#).__dict__.get}\n", "@['f']('n')"),
)  # fmt: skip

NAMED_SOURCES = {
    "Shape": "class Shape:\n    def __init__(self, side):\n        self.side = side\n"
    "    def predict(self, x):\n        return self.side * x + #\n",
    "make_model": "def make_model(p):\n    class Model:\n        def __init__(self, q=1):\n            self.q = q\n"
    "        def predict(self, x):\n            return x * p + self.q + #\n    return Model\n",
    "plus": "def plus(v, w=1):\n    return v + w + #\n",
    "make_scaler": "def make_scaler(k):\n    def scale(v):\n        return v * k + #\n    return scale\n",
}
"""Code that values are made of."""

SCALARS = (
    "None", "True", "#", "#", "#.5", "-0.0", "'abc'", "''", "b'\\x00#'", "complex(1, #)", "2**70 + #",
)  # fmt: skip
VALUES = (
    *SCALARS, "'x' * 100 + '#'", "'ä\\u4e2d' * #", "'\\ud800#'", "10**5000 + #",
    "list(range(#, # + 40))", "[i / 2 for i in range(# + 35)]", "[None, 'a', #] * 15", "[[#, i] for i in range(40)]",
    "{'a': [1, #], (1, 2): {'b': None}}", "{i: str(i) for i in range(# + 40)}", "{1, #, 'a'}", "frozenset([#])",
    "Color.RED", "Flag.A | Flag.B", "datetime.date(2026, 1, 1 + #)", "datetime.timedelta(#)",
    "datetime.datetime(2026, 1, 1, fold=# % 2)", "decimal.Decimal('1.#0')", "fractions.Fraction(#, 7)",
    "pathlib.PurePosixPath('a/#')", "uuid.UUID(int=#)", "range(#)", "slice(1, #)", "re.compile('a#')",
    "functools.partial(plus, w=#)", "plus", "make_scaler(#)", "(lambda v: v + #)", "make_model(#)",
    "make_model(#)()", "make_model(2)(#)", "[make_model(2)(), make_model(#)()]", "Shape", "Shape(#)", "Slotted(#, 'b')",
    "MISSING", "NOTHING", "[MISSING, #]", "types.SimpleNamespace(a=#, b=[1])", "argparse.Namespace(a=#)",
    "Config(a=#, b=[Shape(1)])", "ValueError('x', #)", "Refused(#)", "Refused(#, reason='r')", "array.array('d', [1, #])",
    "bytearray(b'a#')", "collections.Counter('aab' * #)", "collections.deque([1, #], maxlen=5)",
    "collections.defaultdict(list, a=[#])", "collections.OrderedDict(b=1, a=#)",
    "dataclasses.make_dataclass('Made', ['a', ('b', int, #)])(1)",
    "collections.namedtuple('Two', 'a b')(1, #)", "enum.Enum('E', 'A B')(1 + # % 2)", "Box(Point(#, 1), [#])",
    "same", "pair.partial(#)", "twin.t0", "collections.OrderedDict", "int", "operator.neg",
)  # fmt: skip
NUMPY_VALUES = (
    "np.arange(# + 3) * 1.5", "np.arange(20000) + #", "np.array(['a', 'b#'])", "np.float64(#)", "np.int8(#)",
    "np.ones((2, # + 1), order='F')", "np.array([1, #])[::-1]", "np.vectorize(plus)", "np.poly1d([1, #])",
    "np.array([(1, #)], dtype=[('a', 'i4'), ('b', 'f8')])", "{'a': np.zeros(#)}",
)  # fmt: skip
PANDAS_VALUES = (
    "pd.DataFrame({'a': [1, #], 'b': ['x', None]})", "with_attributes(pd.Series([1, #]), unit=#)",
    "pd.date_range('2026-01-01', periods=# + 2)", "pd.Series(['a', 'b'], dtype='category')",
)  # fmt: skip

DEFAULTS = (
    "#",
    "'text'",
    "(1, #)",
    "None",
    "MISSING",
    "MISSING",
    "NOTHING",
    "[#]",
    "{'a': #}",
    "Shape(#)",
    "plus",
)
KINDS = (
    "plain", "plain", "nested", "value", "value", "calls", "calls", "calls", "fails", "async", "mutates",
    "imports", "refuses",
)  # fmt: skip
METHODS = ("upper()", "count('t')", "replace('t', same('s'))")
EXECUTORS = ("default",) * 6 + ("side", "here")
CONFIG = """
[executors.default]
type = {default}
workers = 2

[executors.side]
type = thread
workers = 2

[executors.here]
type = inline
"""


def fill(rng: random.Random, text: str) -> str:
    """Put a random number into the places of a template."""
    return text.replace("#", str(rng.randint(0, 9)))


@dataclass(frozen=True)
class Parameter:
    """A parameter of a task."""

    name: str
    kind: str
    """``/``, ``.``, ``*`` (the rest), ``k`` (keyword only) or ``**``."""
    default: str | None = None


class Signature:
    """The parameters of a task, and arguments that fit them."""

    def __init__(self, rng: random.Random, n_tasks: int) -> None:
        self.parameters: list[Parameter] = []
        kinds = ["/"] * rng.choice((0, 0, 1)) + ["."] * rng.choice((1, 1, 1, 2))
        has_default = False
        for name, kind in zip("abc", kinds):
            has_default = has_default or rng.random() < 0.25
            default = self._default(rng, n_tasks) if has_default else None
            self.parameters.append(Parameter(name, kind, default))
        if rng.random() < 0.25:
            self.parameters.append(Parameter("rest", "*"))
        if rng.random() < 0.3:
            default = self._default(rng, n_tasks) if rng.random() < 0.7 else None
            self.parameters.append(Parameter("k", "k", default))
        if rng.random() < 0.25:
            self.parameters.append(Parameter("more", "**"))

    @staticmethod
    def _default(rng: random.Random, n_tasks: int) -> str:
        if rng.random() < 0.3:
            return fill(rng, "lazy(lambda: as_number(#))")
        return fill(rng, rng.choice(DEFAULTS))

    @property
    def names(self) -> list[str]:
        """Names of the parameters."""
        return [p.name for p in self.parameters]

    @property
    def takes_one(self) -> bool:
        """Whether a call with one positional argument fits."""
        required = [p for p in self.parameters if p.default is None and p.kind in "/.k"]
        return len(required) <= 1 and not any(p.kind == "k" for p in required)

    def __str__(self) -> str:
        parts = []
        kinds = [p.kind for p in self.parameters]
        for i, p in enumerate(self.parameters):
            if p.kind == "k" and "*" not in kinds:
                parts.append("*")
            mark = p.kind if p.kind in ("*", "**") else ""
            parts.append(f"{mark}{p.name}" + ("" if p.default is None else f"={p.default}"))
            if p.kind == "/" and (i + 1 == len(kinds) or kinds[i + 1] != "/"):
                parts.append("/")
        return ", ".join(parts)

    def split_arguments(self, writer: Writer, depth: int) -> tuple[list[str], list[str]]:
        """Return positional and keyword arguments of a call."""
        rng = writer.rng
        positional: list[str] = []
        named: list[str] = []
        has_rest = any(p.kind == "*" for p in self.parameters) and rng.random() < 0.6
        is_named = False
        for p in self.parameters:
            if p.kind in "/." and p.kind:
                is_left_out = p.default is not None and not has_rest and rng.random() < 0.6
                is_named = is_named or (p.kind == "." and not has_rest and rng.random() < 0.3)
                if is_left_out:
                    is_named = True
                elif is_named:
                    named.append(f"{p.name}={writer.expression(depth)}")
                else:
                    positional.append(writer.expression(depth))
            elif p.kind == "*" and has_rest:
                positional += [writer.expression(depth) for _ in range(rng.randint(1, 3))]
            elif p.kind == "k" and (p.default is None or rng.random() < 0.5):
                named.append(f"k={writer.expression(depth)}")
            elif p.kind == "**":
                named += [
                    f"{name}={writer.expression(depth)}"
                    for name in ("x", "y")
                    if rng.random() < 0.5
                ]
        rng.shuffle(named)
        return positional, named


class Writer:
    """Writes random expressions that call the first `n_tasks` tasks of a program."""

    def __init__(
        self, rng: random.Random, program: Program, n_tasks: int, names: Sequence[str]
    ) -> None:
        self.rng = rng
        self.program = program
        self.n_tasks = n_tasks
        self.names = names

    def expression(self, depth: int) -> str:
        """Return an expression, nested at most `depth` deep."""
        rng = self.rng
        if depth <= 0:
            if self.names and rng.random() < 0.4:
                return rng.choice(self.names)
            values = SCALARS if rng.random() < 0.4 else self.program.values
            return fill(rng, rng.choice(values))
        if self.n_tasks and rng.random() < 0.45:
            return self.call(depth)
        return self.container(depth) if rng.random() < 0.45 else self.form(depth)

    def number(self, depth: int) -> str:
        """Return an expression of a number."""
        if self.rng.random() < 0.5:
            return str(self.rng.randint(0, 9))
        return f"as_number({self.expression(depth - 1)})"

    def key(self, depth: int, i: int) -> str:
        """Return a key of a dict; no literal twice: of two, Python keeps no order among the calls."""
        return str(i) if self.rng.random() < 0.5 else f"as_number({self.expression(depth - 1)})"

    def container(self, depth: int) -> str:
        """Return a container with expressions in it."""
        rng = self.rng
        some = [self.expression(depth - 1) for _ in range(rng.randint(1, 3))]
        one, two = some[0], some[-1]
        pairs = ", ".join(f"{self.key(depth, i)}: {item}" for i, item in enumerate(some))
        return rng.choice(
            (
                f"[{', '.join(some)}]",
                f"({', '.join(some)},)",
                f"{{{pairs}}}",
                "{" + ", ".join(self.number(depth) for _ in some) + "}",
                f"Box({one}, {two})",
                f"Point({one}, y={two})",
                f"collections.deque([{one}, {two}])",
                f"collections.OrderedDict([('a', {one}), (3, {two})])",
                f"(lambda shared: [shared, shared])({one})",
            )
        )

    def form(self, depth: int) -> str:
        """Return an operator, a special form, or a call by way of another task."""
        rng = self.rng
        one, two = self.expression(depth - 1), self.expression(depth - 1)
        forms = [
            f"({self.number(depth)} {rng.choice('+-*')} as_number({one}))",
            f"(as_number({one}) {rng.choice(('//', '%'))} {rng.randint(1, 9)})",
            f"({self.number(depth)} {rng.choice(('<', '>=', '==', '!='))} as_number({one}))",
            f"pair({one}, {two})[{rng.choice((0, 1, -1, ':1', '::-1'))}]",
            f"same(Point({one}, {two})).{rng.choice('xy')}",
            f"same('text').{rng.choice(METHODS)}",
            f"[*two({one}, {two})]",
            self.branches("cond", f"{self.number(depth)} > 20", one, two),
            f"zip_(pair({one}, {two}), pair({two}, {one}))",
            f"flatten([pair({one}, 1), [{two}]])",
            f"seq([{one}, {two}])",
            f"const({one}, {two})",
            f"identity({one})",
            f"force(delay({one}))",
            f"compose(same, pair)({one}, {two})",
            f"as_task(plus)(as_number({one}))",
            f"apply_func(plus, as_number({one}))",
            f"twin.t0({one})",
            f"[twin.t0({one}), map_(twin.t0, pair({one}, {two}))]",
            f"starmap(pair, [dict(a={one}, b=1), dict(b={two}, a=2)])",
            f"use(plus, as_number({one}))",
            f"flat_map(pair.partial({one}), [1, {two}])",
        ]
        if self.n_tasks:
            handler = rng.choice(("recover",) * 5 + ("recover_badly",))
            forms += [self.branches("catch", self.call(depth), "ValueError", handler)] * 2
        for i in range(self.n_tasks):
            if self.program.kinds[i] in ("fails", "refuses"):
                continue
            signature = self.program.signatures[i]
            if signature.takes_one:
                forms += [f"map_(t{i}, pair({one}, {two}))", f"use(t{i}, {one})"]
                forms += [f"t{i}.options(tags=[('a', 1)])({one})", f"use(t{i}.partial(), {one})"]
            positional, named = signature.split_arguments(self, depth - 1)
            cut = rng.randint(0, len(positional))
            forms.append(
                f"t{i}.partial({', '.join(positional[:cut])})({', '.join(positional[cut:] + named)})"
            )
        return rng.choice(forms)

    def branches(self, name: str, first: str, second: str, third: str) -> str:
        """Return a special form, with lambdas where plain Python would evaluate too much."""
        if name == "cond":
            plain = f"cond({first}, lambda: {second}, lambda: {third})"
        else:
            plain = f"catch(lambda: {first}, {second}, {third})"
        return f"({plain} if PLAIN else {name}({first}, {second}, {third}))"

    def call(self, depth: int) -> str:
        """Return a call of a task; one that may fail is mostly caught."""
        i = self.rng.randrange(self.n_tasks)
        positional, named = self.program.signatures[i].split_arguments(self, depth - 1)
        text = f"t{i}({', '.join(positional + named)})"
        if self.program.kinds[i] in ("fails", "refuses") and self.rng.random() < 0.9:
            return self.branches("catch", text, "ValueError", "recover")
        return text


class Program:
    """A random workflow whose numbers can be edited; the shape stays."""

    def __init__(self, seed: int) -> None:
        rng = self.rng = random.Random(seed)
        self.has_numpy = rng.random() < 0.35
        self.has_pandas = self.has_numpy and rng.random() < 0.3
        self.values = VALUES + NUMPY_VALUES * self.has_numpy + PANDAS_VALUES * 2 * self.has_pandas
        self.default = rng.choice(("process", "process", "process", "thread", "inline"))
        self.is_command = rng.random() < 0.5
        """Whether it is run by the command, and not by a program of its own."""
        n_tasks = rng.randint(3, 7)
        self.kinds = [rng.choice(KINDS) for _ in range(n_tasks)]
        self.signatures = [Signature(rng, i) for i in range(n_tasks)]
        self.executors = [rng.choice(EXECUTORS) for _ in range(n_tasks)]
        self.can_be_bare = rng.random() < 0.5 and set(self.executors) == {"default"}
        """Whether one of its runs is by a bare scheduler, which knows no other executor."""
        self.seeds = [rng.random() for _ in range(n_tasks + 1)]
        sources = [s for s in SOURCES if not s.package or self.has_numpy]
        self.sources = {f"s{i}": rng.choice(sources) for i in range(rng.randint(3, 7))}
        for name, text in NAMED_SOURCES.items():
            self.sources[name] = Source(text, "")
        self.used = [
            [n for n in self.sources if n[1:].isdigit() and rng.random() < 0.4]
            for _ in range(n_tasks)
        ]
        names = [*self.sources, *(f"t{i}" for i in range(n_tasks)), "twin", "steps"]
        self.numbers = dict.fromkeys(names, 1)
        self._earlier = [self.numbers]
        self._texts: dict[str, str] = {}
        for i in range(n_tasks):
            self._texts[f"t{i}"] = self._write_task(i)
        for name, source in self.sources.items():
            parts = (source.text, source.use, source.begin, *(text for _, text in source.files))
            self._texts[name] = "\n".join(parts).replace("@", name)
        self._texts["twin.t0"] = (
            "\n@task\ndef t0(v):\n    trace('twin.t0', v)\n    return [number(v), #]\n"
        )
        self._texts["steps.u0"] = (
            "\n@task\ndef u0(v, by=1):\n    trace('steps.u0', v, by)\n    return [v, by, #]\n"
        )
        self.main = self._write_main()

    # Edits.

    def edit(self) -> None:
        """Change a number."""
        self.numbers = dict(self.numbers)
        name = self.rng.choice(list(self.numbers))
        self.numbers[name] = self.rng.choice([n for n in range(5) if n != self.numbers[name]])
        self._earlier.append(self.numbers)

    def revert(self) -> None:
        """Set all numbers back to an earlier state."""
        self.numbers = self.rng.choice(self._earlier[:-1])

    def get_version(self, name: str) -> tuple[tuple[str, int], ...]:
        """Return what decides the code of a task: its number, and those of what it reaches."""
        reached: set[str] = set()
        todo = [name]
        while todo:
            name = todo.pop()
            if name in self._texts and name not in reached:
                reached.add(name)
                words = set(re.findall(r"\w+", self._texts[name]))
                todo += [s for s in self.sources if words & {s, f"by{s}", f"out{s}"}]
        return tuple((name, self._number_of(name)) for name in sorted(reached))

    def _number_of(self, name: str) -> int:
        return self.numbers[name.partition(".")[0]]

    # Texts.

    def write(self, folder: Path) -> None:
        """Write the workflow and what stands beside it."""
        files = {"kit.py": KIT, "driver.py": DRIVER}
        imports = "import twin\n"
        if self.has_numpy:
            imports += "import numpy as np\n"
        if self.has_pandas:
            imports += "import pandas as pd\n"
        for name, source in self.sources.items():
            for file, text in source.files:
                files[file.replace("@", name)] = self._fill(text, name)
                if file == "set@.py":
                    imports += f"import set{name}\n"
        sources = [self._fill(source.text, name) for name, source in self.sources.items()]
        tasks = [
            self._fill(self._texts[name], name) for name in self._texts if re.match(r"t\d", name)
        ]
        files["flow.py"] = "\n".join([HEAD, imports, *sources, TASKS_AT_HEAD, *tasks, self.main])
        begin = f"{HEAD}from kit import trace, number\n"
        files["twin.py"] = begin + self._fill(self._texts["twin.t0"], "twin")
        files["steps.py"] = begin + self._fill(self._texts["steps.u0"], "steps")
        config = folder / ".redunlite" / "redunlite.ini"
        config.parent.mkdir(exist_ok=True)
        config.write_text(CONFIG.format(default=self.default))
        for file, text in files.items():
            path = folder / file
            if not path.exists() or path.read_text("utf-8", "surrogatepass") != text:
                path.write_text(text, "utf-8", "surrogatepass")

    def _fill(self, text: str, name: str) -> str:
        return (
            text.replace("@task", "\0task")
            .replace("@", name)
            .replace("\0", "@")
            .replace("#", str(self.numbers[name]))
        )

    def _write_task(self, i: int) -> str:
        signature, kind = self.signatures[i], self.kinds[i]
        writer = Writer(random.Random(self.seeds[i]), self, i, (*signature.names, "w"))
        rng = writer.rng
        begins = [s.begin.replace("@", n) for n in self.used[i] if (s := self.sources[n]).begin]
        uses = [self.sources[n].use.replace("@", n) for n in self.used[i]]
        names = ", ".join(signature.names)
        markers = [
            f"({n} is {p.default})" for n, p in zip(signature.names, signature.parameters)
            if p.default in ("MISSING", "NOTHING")
        ]  # fmt: skip
        lines = [
            f"v = number([{names}]) + \1",
            f"w = ({' + '.join(['v', *uses, *markers])}) % 100003",
        ]
        if kind not in ("fails", "refuses"):
            lines.insert(0, f"trace('t{i}', {names})")
        if kind == "plain":
            lines.append("return w % 1000")
        elif kind == "nested":
            lines.append("return Box(w % 50, [" + signature.names[0] + ", w % 7])")
        elif kind == "value":
            lines.append(f"return [w, {writer.expression(0)}, {writer.expression(0)}]")
        elif kind == "calls":
            lines.append(f"return {writer.expression(2)}")
        elif kind == "fails":
            lines += ["if w % 2: raise ValueError('x' * (w % 9))", "return w % 1000"]
        elif kind == "refuses":
            lines += ["if w % 3: raise Refused(w % 9, reason='r')", "return w % 1000"]
        elif kind == "mutates":
            first = signature.names[0]
            lines += [f"if isinstance({first}, list): {first}.append(w)"]
            lines += [f"if isinstance({first}, dict): {first}['z'] = w"]
            lines += [
                f"if isinstance({first}, (Box, Config)): {first}.b = w",
                f"return [{first}, w]",
            ]
        elif kind == "imports":
            lines.append("from steps import u0")
            some = (f"u0({writer.expression(1)})", f"u0.partial(w)(by={writer.expression(0)})",
                    f"use(u0, {writer.expression(0)})", f"map_(u0, [{writer.expression(1)}, 2])", "u0")  # fmt: skip
            lines.append(f"return {rng.choice(some)}")
        elif i:
            lines.append(f"x, y = await gather(same({writer.call(1)}), same({writer.call(1)}))")
            lines.append(f"return [x, y, {writer.expression(1)}]")
        else:
            lines.append("return w")
        is_async = kind == "async"
        option = (
            ""
            if is_async or self.executors[i] == "default"
            else f"(executor='{self.executors[i]}')"
        )
        body = "\n    ".join(begins + lines).replace("\1", "#")
        return f"\n@task{option}\n{'async ' * is_async}def t{i}({signature}):\n    {body}\n"

    def _write_main(self) -> str:
        writer = Writer(random.Random(self.seeds[-1]), self, len(self.kinds), ("n",))
        items = ",\n        ".join(writer.expression(3) for _ in range(writer.rng.randint(2, 5)))
        return (
            f"\n@task\ndef main(n: int = 1):\n    return [\n        {items}\n    ]\n"
            "\n@task\ndef shown(value):\n    return show(value)\n"
            "\n@task\ndef report(n: int = 1):\n    return shown(main(n))\n"
        )
