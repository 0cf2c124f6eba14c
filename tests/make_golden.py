"""The values whose hashes are kept for ever, and the maker of ``golden/hashes.json``.

    python tests/make_golden.py            print the hashes as this interpreter computes them
    python tests/make_golden.py --write    write the golden file; only with a new HASH_VERSION

Runs on a bare interpreter: nothing but the standard library is imported.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import json
import math
import os
import pathlib
import sys
import uuid
import zoneinfo
from array import array
from typing import Any, NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "golden", "hashes.json")


class Color(enum.Enum):
    RED = 1
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = 0


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: Any
    y: Any = 0


class Plain:
    """Attributes in the order given."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    @functools.cached_property
    def slow(self) -> int:
        return 7


class Slotted:
    __slots__ = ("b", "a")

    def __init__(self, a: Any, b: Any) -> None:
        self.a = a
        self.b = b


class SlottedMore(Slotted):
    __slots__ = ("__dict__", "c")


class Stateful:
    def __init__(self, n: int) -> None:
        self.n = n
        self.handle = object()

    def __getstate__(self) -> Any:
        return [self.n]

    def __setstate__(self, state: Any) -> None:
        self.__init__(state[0])


class MyList(list[Any]):
    pass


class MyDict(dict[Any, Any]):
    pass


class MySet(set[Any]):
    pass


class MyFrozenset(frozenset[Any]):
    pass


class MyTuple(tuple[Any, ...]):
    __slots__ = ()


class MyStr(str):
    __slots__ = ()


class MyInt(int):
    pass


class MyFloat(float):
    pass


class MyBytes(bytes):
    pass


class MyError(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code


def _filled() -> Plain:
    made = Plain(a=1)
    assert made.slow == 7
    return made


def _raised() -> Exception:
    try:
        raise ValueError("no", 3)
    except ValueError as error:
        return error


def _deep(n: int) -> Any:
    value: Any = 0
    for i in range(n):
        value = [value, i] if i % 2 else (value,)
    return value


def make_values() -> dict[str, Any]:
    """Return the values by the names under which their hashes are kept."""
    d, dt, utc = decimal.Decimal, datetime.datetime, datetime.timezone.utc
    berlin = zoneinfo.ZoneInfo("UTC")
    cet = datetime.timezone(datetime.timedelta(hours=1))
    shared = [1, "two"]
    values: dict[str, Any] = {"None": None, "True": True, "False": False}
    for n in (
        0,
        1,
        -1,
        63,
        2**31,
        -(2**31),
        2**63 - 1,
        -(2**63),
        2**63,
        -(2**63) - 1,
        10**30,
        1 << 600,
    ):
        values[f"int {n.bit_length()} bits {'-' if n < 0 else '+'}{n % 97}"] = n
    for x in (0.0, -0.0, 1.0, 0.1, -2.5e300, 5e-324, math.inf, -math.inf, math.nan):
        values[f"float {x!r}"] = x
    for n in (0, 1, 62, 63, 64, 65, 1000):
        values[f"str {n}"] = "abcdefghij" * (n // 10) + "x" * (n % 10)
        values[f"bytes {n}"] = bytes(i % 256 for i in range(n))
    values |= {
        "str accents": "naïve café",
        "str wide": "日本語 🙂",
        "str surrogate": "a\udc80b",
        "str null": "a\0b",
        "str accents long": "é" * 40,
    }
    for n in (0, 1, 6, 7, 31, 32, 33, 100, 300):
        values[f"list ints {n}"] = list(range(n))
        values[f"list floats {n}"] = [i / 3 for i in range(n)]
        values[f"list strs {n}"] = [f"s{i}" for i in range(n)]
        values[f"list mixed {n}"] = [(i, i / 2, str(i), None, i % 2 == 0)[i % 5] for i in range(n)]
        values[f"tuple ints {n}"] = tuple(range(n))
        values[f"set ints {n}"] = set(range(n))
        values[f"frozenset strs {n}"] = frozenset(f"s{i}" for i in range(n))
        values[f"dict {n}"] = {f"k{i}": i * 0.5 for i in range(n)}
    values |= {
        "list bools 40": [i % 3 == 0 for i in range(40)],
        "list trues 40": [True] * 40,
        "list nones 40": [None] * 40,
        "list bytes 40": [bytes([i]) * i for i in range(40)],
        "list big 40": [i if i % 2 else 10**20 + i for i in range(40)],
        "list nans 40": [math.nan if i % 5 == 0 else float(i) for i in range(40)],
        "list infinite 40": [math.inf, -math.inf] * 20,
        "list zeros 40": [0.0, -0.0] * 20,
        "list accents 40": [f"é{i}" for i in range(40)],
        "list long strs 40": ["x" * (i * 4) for i in range(40)],
        "list ints floats 40": [i if i % 2 else float(i) for i in range(40)],
        "list of lists": [[], [1], [1, 2], [[]], [[[1]]]],
        "list of tuples 50": [(i, str(i), i / 3) for i in range(50)],
        "list of dicts 40": [{"id": i, "name": str(i)} for i in range(40)],
        "list of sets": [{1, 2}, {"a"}, frozenset(), set()],
        "shared": [shared, shared, shared],
        "not shared": [[1, "two"], [1, "two"], [1, "two"]],
        "deep": _deep(50),
        "very deep": _deep(20_000),
        "set mixed": {1, "a", 2.5, None, (1, 2), frozenset({3})},
        "set of tuples 40": {(i, str(i)) for i in range(40)},
        "dict order ab": {"a": 1, "b": 2},
        "dict order ba": {"b": 2, "a": 1},
        "dict int keys": {1: "a", 2: "b"},
        "dict tuple keys": {(1, 2): [3], ("a",): {}},
        "dict nested": {"a": {"b": {"c": [1, {2, 3}]}}},
        "dict mixed 40": {i if i % 2 else str(i): [i] for i in range(40)},
        "tuple one": (1,),
        "tuple nested": ((), ((),), ((), ())),
        "complex": 1 + 2j,
        "complex zero": complex(-0.0, 0.0),
        "bytearray": bytearray(b"abc"),
        "range": range(2, 20, 3),
        "range empty": range(5, 5),
        "slice": slice(1, None, 2),
        "ellipsis": ...,
        "not implemented": NotImplemented,
        "class int": int,
        "class Point": Point,
        "class Color": Color,
        "class OrderedDict": collections.OrderedDict,
        "module math": math,
        "function len": len,
        "method str.upper": str.upper,
        "method of list": [1, 2].index,
        "partial": functools.partial(int, base=2),
        "decimal 1.0": d("1.0"),
        "decimal 1.00": d("1.00"),
        "decimal nan": d("NaN"),
        "decimal big": d("1e400"),
        "fraction": fractions.Fraction(3, 9),
        "datetime": dt(2024, 2, 29, 12, 30, 15, 123),
        "datetime utc": dt(2024, 2, 29, 12, tzinfo=utc),
        "datetime cet": dt(2024, 2, 29, 13, tzinfo=cet),
        "datetime zone": dt(2024, 2, 29, 12, tzinfo=berlin),
        "datetime fold": dt(2024, 10, 27, 2, 30, fold=1),
        "date": datetime.date(2024, 2, 29),
        "time": datetime.time(12, 30),
        "timedelta": datetime.timedelta(days=-1, microseconds=5),
        "timezone": cet,
        "zone": berlin,
        "path": pathlib.PurePosixPath("/tmp/a b"),
        "path concrete": pathlib.Path("a") / "b",
        "path windows": pathlib.PureWindowsPath("c:/x"),
        "uuid": uuid.UUID(int=5),
        "enum": Color.RED,
        "enum str": Color.BLUE,
        "int enum": Level.HIGH,
        "flag": Access.READ,
        "flag two": Access.READ | Access.WRITE,
        "flag none": Access(0),
        "array": array("i", [1, 2, 3]),
        "array floats": array("d", [1.5, 2.5] * 40),
        "namedtuple": Pair(1, [2]),
        "dataclass": Point(1, [2]),
        "dataclass frozen": Frozen("x"),
        "dataclass nested": Point(Point(1), {"p": Point(2)}),
        "object": Plain(a=1, b=[2]),
        "object reordered": Plain(b=[2], a=1),
        "object empty": Plain(),
        "object one": Plain(a=1),
        "object with cached property": _filled(),
        "slots": Slotted(1, "b"),
        "slots and dict": SlottedMore(1, 2),
        "stateful": Stateful(5),
        "list subclass": MyList([1, 2]),
        "dict subclass": MyDict(a=1),
        "set subclass": MySet({"a", "b", "c"}),
        "frozenset subclass": MyFrozenset({"a", "b", "c"}),
        "tuple subclass": MyTuple((1, 2)),
        "str subclass": MyStr("a"),
        "int subclass": MyInt(5),
        "float subclass": MyFloat(5),
        "bytes subclass": MyBytes(b"a"),
        "ordered dict": collections.OrderedDict([("b", 1), ("a", 2)]),
        "default dict": collections.defaultdict(list, {"a": [1]}),
        "counter": collections.Counter("abca"),
        "deque": collections.deque([1, 2, 3]),
        "deque bounded": collections.deque([1, 2, 3], 5),
        "error": ValueError("no", 3),
        "error raised": _raised(),
        "error own": MyError(5, "no"),
        "error os": FileNotFoundError(2, "gone", "a.txt"),
        "error attribute": AttributeError("x", name="y", obj=object()),
        "error key": KeyError("a"),
        "objects 40": [Plain(i=i) for i in range(40)],
        "points 40": [Point(i, str(i)) for i in range(40)],
        "paths": [pathlib.PurePosixPath(f"/a/{i}") for i in range(40)],
        "decimals": {"a": d(1), "b": [d(2), d("2.0")]},
        "dates 40": [datetime.date(2024, 1, 1 + i % 28) for i in range(40)],
    }
    return values


SAME = (
    ("shared", "not shared"),
    ("error", "error raised"),
    ("object", "object reordered"),
    ("object one", "object with cached property"),
)
"""Names of values that are equal, and must have one hash; all others differ."""


def compute_hashes() -> dict[str, str]:
    """Return each value's hash; a mark instead where another way to it gives another hash."""
    from redunlite import value  # noqa: F401 - registers the types
    from redunlite.hashing import token, value_hash
    from redunlite.serialize import compose
    from redunlite.valuestore import ValueStore

    store = ValueStore(None)
    found = {}
    try:
        for name, made in make_values().items():
            tok = token(made)
            ways = {tok}
            if name != "very deep":
                parts = _replace_members(made, store, levels=1)
                ways |= {token(parts), compose(parts, store).token}
                ways.add(token(_replace_members(made, store, levels=3)))
                if name != "error attribute":
                    ways.add(_round_trip(made, store))
            found[name] = value_hash(tok).hex() if len(ways) == 1 else "differs: " + repr(ways)
    finally:
        store.close()
    return found


def _replace_members(made: Any, store: Any, levels: int) -> Any:
    """Return a list, tuple or dict with its members as undecoded references."""
    from redunlite.serialize import encode

    cls = type(made)
    if levels and (cls is list or cls is tuple):
        return cls(_replace_members(member, store, levels - 1) for member in made)
    if levels and cls is dict:
        return {key: _replace_members(member, store, levels - 1) for key, member in made.items()}
    if made is NotImplemented or levels == 3:
        return made
    ref = encode(made, store)
    ref.obj = type(ref)("", "", None, 0, None, "").obj
    return ref


def _round_trip(made: Any, store: Any) -> Any:
    from redunlite.hashing import token
    from redunlite.serialize import decode, encode

    return token(decode(encode(made, store), store))


def main(args: list[str]) -> None:
    """Print the hashes, or write the golden file."""
    sys.path.insert(0, os.path.dirname(HERE))
    text = json.dumps(compute_hashes(), indent=1, ensure_ascii=True, sort_keys=True)
    if "--write" in args:
        with open(GOLDEN, "w", encoding="ascii") as file:
            file.write(text + "\n")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
