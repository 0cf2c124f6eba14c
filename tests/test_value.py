"""Values of known types: what counts as equal, and how they look."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import math
import os
import pathlib
import time
import types
import zoneinfo
from typing import Any

import make_golden
import numpy as np
import pandas as pd
import pytest

from redunlite import value
from redunlite.errors import UnhashableValueError
from redunlite.hashing import Walk, token
from redunlite.kinds import TypeHandler, ValueRef, register_type
from redunlite.serialize import decode, encode
from redunlite.value import preview
from redunlite.valuestore import ValueStore

UTC = datetime.timezone.utc
NOON = datetime.datetime(2024, 2, 29, 12, tzinfo=UTC)


class Words(enum.Enum):
    """As `Color`, of another name."""

    RED = 1


class MyPath(type(pathlib.Path())):  # type: ignore[misc]
    """A path of a class of its own."""


@pytest.mark.parametrize(
    "values",
    [
        (decimal.Decimal("1.0"), decimal.Decimal("1.00"), 1.0, "1.0"),
        (NOON, NOON.astimezone(datetime.timezone(datetime.timedelta(hours=1))),
         NOON.astimezone(zoneinfo.ZoneInfo("UTC")), NOON.replace(tzinfo=None), NOON.replace(fold=1)),
        (make_golden.Color.RED, Words.RED, make_golden.Level.LOW, 1, make_golden.Access.READ),
        (pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a"), pathlib.Path("a"), MyPath("a"), "a"),
        (make_golden.Pair(1, 2), (1, 2), [1, 2], make_golden.MyTuple((1, 2))),
        ({"a": 1}, make_golden.MyDict(a=1), collections.OrderedDict(a=1), collections.Counter(a=1)),
        (np.float64(1), 1.0, np.float32(1), np.array(1.0), np.array([1.0]), [1.0]),
        (np.int64(1), 1, np.bool_(True), True, np.datetime64(1, "s"), np.datetime64(1, "ms")),
        (np.zeros((2, 3)), np.zeros((3, 2)), np.zeros(6), np.zeros((2, 3), "f4"), np.zeros((2, 3), ">f8")),
        (np.array([1, 2]), np.array([2, 1]), np.array(["1", "2"]), np.array([1, 2], object)),
        (np.array([[1]], object), np.array([1], object), np.array(1, object)),
        (np.array([[1, 2]]).view(np.recarray), np.array([[1, 2]]), np.ma.array([[1, 2]])),
        (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])),
        (np.zeros(0), np.zeros((0, 3)), np.zeros(0, "i4"), np.array([], "U3")),
        (np.dtype("f8"), np.dtype("f4"), np.float64, np.dtype([("a", "f8")])),
        (range(3), range(4), [0, 1, 2], slice(3), slice(0, 3)),
        (int, str, make_golden.Point, make_golden.Frozen),
        (math, os, "math"),
        (b"a", bytearray(b"a"), "a"),
        (complex(1, 0), 1.0, complex(1, -0.0)),
    ],
)  # fmt: skip
def test_look_alikes_hash_apart(values: tuple[Any, ...]) -> None:
    """What behaves differently has another hash, also when Python calls it equal."""
    assert len({token(made) for made in values}) == len(values)


def _record(*rows: Any) -> Any:
    return np.array(list(rows), dtype=[("a", "i4"), ("b", "f8")])


def _map_file(array: Any, path: pathlib.Path) -> Any:
    array.tofile(path)
    return np.memmap(path, dtype=array.dtype, shape=array.shape, mode="r")


def test_arrays_hash_by_content(tmp_path: pathlib.Path) -> None:
    """Layout, strides, mapping and padding do not count; the members do."""
    plain = np.arange(12.0).reshape(3, 4)
    tok = token(plain)
    padded = np.zeros(2, dtype=np.dtype([("a", "i4"), ("b", "f8")], align=True))
    filled = np.full(padded.nbytes, 7, "u1").view(padded.dtype)
    for records in (padded, filled):
        records["a"], records["b"] = (1, 3), (2, 4)

    assert token(np.asfortranarray(plain)) == tok
    assert token(np.repeat(plain, 2, axis=1)[:, ::2]) == tok
    assert token(_map_file(plain, tmp_path / "a")) == tok
    assert token(plain.copy()) == tok
    assert filled.tobytes() != padded.tobytes()
    assert token(filled) == token(padded)
    assert token(_record((1, 2))) != token(_record((1, 3)))


def test_object_arrays_hash_by_element() -> None:
    """Elements are values like any, and refused with their path when they have no hash."""
    first = np.array([{"a": {1, 2}}, None, "x"], dtype=object)
    second = np.array([{"a": {2, 1}}, None, "".join("x")], dtype=object)
    assert token(first) == token(second)

    with pytest.raises(UnhashableValueError):
        token(np.array([(i for i in ())], dtype=object))


def test_large_array_is_hashed_as_its_bytes_without_a_copy() -> None:
    """Only one copy of the array is ever in memory."""
    import tracemalloc

    array = np.zeros(2_000_000)
    token(array)
    tracemalloc.start()
    token(array)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 1_000_000


FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"], "c": [1.5, np.nan, 2.5]})


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.assign(a=[1, 2, 4]),
        lambda f: f.assign(a=f.a.astype("i4")),
        lambda f: f.assign(a=f.a.astype("Int64")),
        lambda f: f.assign(b=["x", "y", "z"]),
        lambda f: f.assign(c=[1.5, 0, 2.5]),
        lambda f: f.rename(columns={"a": "A"}),
        lambda f: f[["b", "a", "c"]],
        lambda f: f.set_axis([1, 2, 3]),
        lambda f: f.rename_axis("n"),
        lambda f: f.iloc[::-1],
        lambda f: f.iloc[:2],
        lambda f: f.assign(b=f.b.astype("category")),
        lambda f: f.set_index(["a", "b"]),
        lambda f: f.a,
        lambda f: f.to_dict(),
        lambda f: f.to_numpy(),
    ],
)
def test_frames_hash_by_content(change: Any) -> None:
    """Any change of a cell, type, name or order counts."""
    assert token(FRAME.copy()) == token(FRAME)
    assert token(change(FRAME)) != token(FRAME)
    assert token(change(FRAME)) == token(change(FRAME.copy(deep=True)))


def test_frames_with_other_blocks_hash_equal() -> None:
    """How pandas lays the columns out does not count."""
    built = pd.concat([FRAME[["a"]], FRAME[["b"]], FRAME[["c"]]], axis=1)

    assert built.equals(FRAME)
    assert token(built) == token(FRAME)


@pytest.mark.parametrize(
    "made",
    [
        FRAME,
        FRAME.a,
        FRAME.set_index(["a", "b"]),
        FRAME.b.astype("category"),
        pd.Series([1, None], dtype="Int64"),
        pd.Series([True, None], dtype="boolean"),
        pd.Series(pd.date_range("2024", periods=3, tz="UTC")),
        pd.Series(pd.date_range("2024", periods=3)),
        pd.Series(pd.to_timedelta([1, 2], "s")),
        pd.Series(pd.period_range("2024-01", periods=2, freq="M")),
        pd.Series([[1], {"a": 2}, None]),
        pd.date_range("2024", periods=3, freq="D"),
        pd.Index(["a", "b"], name="n"),
        pd.RangeIndex(5),
        pd.IntervalIndex.from_breaks([0, 1, 2]),
        pd.Timestamp("2024-02-29 12:00:00.123456789", tz="UTC"),
        pd.Timedelta(5, "ns"),
        pd.Categorical(["a", None]),
        pd.NaT,
        pd.NA,
        pd.DataFrame(),
        np.arange(3),
        np.array(["a", "bc"]),
        np.array([b"a"]),
        np.array(["2024-01-01"], "M8[D]"),
        np.array([1 + 2j]),
        np.array([None, 1], object),
        np.array(["a", "é"], dtype=np.dtypes.StringDType()),
        np.ma.array([1, 2], mask=[0, 1]),
        np.float64(5),
        np.str_("a"),
        _record((1, 2)),
        _record((1, 2))[0],
        np.dtype([("a", "i4", (2, 3))]),
        np.add,
    ],
    ids=lambda made: type(made).__name__,
)
def test_data_values_hash_the_same_after_a_round_trip(made: Any, tmp_path: pathlib.Path) -> None:
    """A worker's result and the decoded copy of it are one value, and have a preview."""
    store = ValueStore(str(tmp_path))
    ref = encode(made, store)
    ref = ValueRef(ref.token, ref.format, ref.data, ref.size, ref.preview, ref.type_name, ref.flags)

    assert token(decode(ref, store)) == ref.token == token(made)
    assert ref.preview is not None
    assert ref.preview.isprintable()


def test_timestamps_keep_their_nanoseconds() -> None:
    """A pandas time is not the datetime that it derives from."""
    first = pd.Timestamp("2024-02-29 12:00:00.123456789")

    assert token(first) != token(first + pd.Timedelta(1, "ns"))
    assert token(first.floor("us")) != token(first.floor("us").to_pydatetime())


def test_enum_and_class_bring_their_class() -> None:
    """Instances of project classes count for the key, also where a handler knows the type."""
    walk = Walk()
    walk.run([Words.RED, make_golden.Point, pathlib.Path("a"), MyPath("b"), enum.Enum])

    assert walk.classes == {"test_value:Words", "make_golden:Point", "test_value:MyPath"}


def test_user_s_handler_speaks_for_its_type() -> None:
    """A registered state is what counts; validity marks the value to be checked."""

    class Mine:
        def __init__(self, n: int, note: object) -> None:
            self.n = n
            self.note = note

    register_type(Mine, TypeHandler("tests.Mine", lambda m: m.n, lambda m, limit: f"<{m.n}>"))
    assert token(Mine(1, object())) == token(Mine(1, iter(())))
    assert token(Mine(1, 0)) != token(Mine(2, 0))
    assert preview([Mine(1, 0)]) == "[<1>]"

    walk = Walk()
    walk.run([Mine(1, 0)])
    assert not walk.has_check
    register_type(Mine, TypeHandler("tests.Mine", lambda m: m.n, is_valid=lambda m: True))
    walk.run([{"a": Mine(1, 0)}])
    assert walk.has_check


class Loud:
    """Its `repr` fails."""

    def __repr__(self) -> str:
        raise ValueError("loud")


class Coloured:
    """Its `repr` has control characters."""

    def __repr__(self) -> str:
        return "\x1b[31mred\x1b[0m\n"


@pytest.mark.parametrize(
    ("made", "text"),
    [
        ([1, "two", None, 2.5, b"x", True], "[1, 'two', None, 2.5, b'x', True]"),
        ((1,), "(1,)"),
        ((), "()"),
        ({}, "{}"),
        (set(), "set()"),
        ({1}, "{1}"),
        (frozenset({1}), "frozenset({1})"),
        ({"a": {"b": [1]}}, "{'a': {'b': [1]}}"),
        (make_golden.Point(1, "x"), "Point(x=1, y='x')"),
        (make_golden.Pair([1], {}), "Pair(left=[1], right={})"),
        (Loud(), "<Loud object>"),
        ([Loud()], "[<Loud object>]"),
        (Coloured(), r"\x1b[31mred\x1b[0m\n"),
        ("a\x1b\n", r"'a\x1b\n'"),
        ("\u202egnp", r"'\u202egnp'"),
        (10**2000, "<int of 6,644 bits>"),
        (make_golden.Color.RED, "Color.RED"),
        (make_golden.Access.READ, "Access.READ"),
        (pathlib.PurePosixPath("a"), "PurePosixPath('a')"),
        (bytearray(b"ab"), "bytearray(b'ab')"),
        (make_golden.Point, "<class Point>"),
        (np.arange(3), "array([0, 1, 2])"),
        (np.zeros((300, 2)), "ndarray(300×2, float64)"),
        (FRAME, "DataFrame(3 rows × 3 columns: a, b, c)"),
        (ValueError("a"), "ValueError('a')"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_preview_shows_the_value_on_one_clean_line(made: Any, text: str) -> None:
    """As `repr`, without control characters, whatever a class's own `repr` does."""
    assert preview(made) == text


@pytest.mark.parametrize(
    "made",
    [
        list(range(1_000_000)),
        "x" * 1_000_000,
        b"x" * 1_000_000,
        bytearray(1_000_000),
        [["x" * 1_000_000] * 1000],
        make_golden.MyList(range(1_000_000)),
        collections.deque(range(10)),
        make_golden.Point(list(range(1_000_000))),
        np.zeros(1_000_000),
        dict.fromkeys(range(1_000_000)),
    ],
    ids=lambda made: type(made).__name__,
)
@pytest.mark.parametrize("limit", [1, 2, 20, 200])
def test_preview_is_short_and_looks_at_few_members(made: Any, limit: int) -> None:
    """The limit holds, and a large value takes no more memory than a small one."""
    import tracemalloc

    tracemalloc.start()
    text = preview(made, limit)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert len(text) <= limit
    assert peak < 200_000


def test_preview_of_deep_and_cyclic_values_ends() -> None:
    """Depth is cut, so that neither recursion nor a cycle matters."""
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    cyclic: list[Any] = []
    cyclic.append(cyclic)

    assert preview(deep) == "[[[[[[[[[…]]]]]]]]]"
    assert preview(cyclic) == "[[[[[[[[[…]]]]]]]]]"


def test_preview_of_a_reference_needs_no_decoding() -> None:
    """A part is shown by the text that came with it."""
    ref = ValueRef(b"#" + b"1" * 20, "p", b"", 0, "Point(x=1)", "m.Point")
    small = ValueRef(token([1]), "t", None, 0, None, "")

    assert preview([ref, small]) == "[Point(x=1), [1]]"


def test_nothing_is_imported_before_a_value_asks_for_it() -> None:
    """Importing the room loads none of the libraries that it knows."""
    import subprocess
    import sys

    program = (
        "import sys; import redunlite.value; from redunlite.hashing import token;"
        "found = {'numpy', 'pandas', 'decimal', 'datetime', 'pathlib', 'uuid',"
        " 'cloudpickle', 'tempfile', 'shutil', 'logging'} & set(sys.modules); assert not found, found;"
        "from decimal import Decimal; token(Decimal(1)); assert 'datetime' not in sys.modules"
    )
    root = os.path.dirname(os.path.dirname(value.__file__))
    subprocess.run([sys.executable, "-S", "-c", program], cwd=root, check=True)


def test_time_of_day_and_methods_are_values() -> None:
    """Less common types have a hash of their own too."""
    made = [
        datetime.time(12),
        datetime.time(12, tzinfo=UTC),
        datetime.timedelta(hours=12),
        types.SimpleNamespace(a=1),
        len,
        time.time,
        [].append,
        str.upper,
        list[int],
    ]

    assert len({token(m) for m in made}) == len(made)
