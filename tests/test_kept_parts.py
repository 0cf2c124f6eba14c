"""What survives pickling and can be read back from a value counts in its hash."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import functools
import operator
import os
import pickle
import random
import re
import subprocess
import sys
import types
import uuid
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from redunlite import task, value  # noqa: F401 - register the types
from redunlite.hashing import token
from redunlite.serialize import decode_bytes, encode_bytes

Maker = Callable[[], Any]


class Measured(np.ndarray):  # type: ignore[type-arg]
    """An array that keeps an attribute through pickling."""

    def __reduce__(self) -> Any:
        make, args, state = super().__reduce__()
        return make, args, (state, self.__dict__)

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state[0])
        self.__dict__.update(state[1])


class Masked(np.ma.MaskedArray):  # type: ignore[type-arg]
    """A masked array that keeps an attribute through pickling."""

    def __reduce__(self) -> Any:
        make, args, state = super().__reduce__()
        return make, args, (state, self.unit)

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state[0])
        self.unit = state[1]


class SlottedError(ValueError):
    """An exception with a slot and no `__init__` of its own."""

    __slots__ = ("code",)


class OddState:
    """Its state looks like that of an object with slots, and is not."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __getstate__(self) -> Any:
        return self.n, {}

    def __setstate__(self, state: Any) -> None:
        self.n = state[0]


class Unit(pd.DataFrame):
    """A frame with an attribute that pandas knows of."""

    _metadata = ["unit"]


def held(made: Any, **attributes: Any) -> Any:
    """Return `made` with attributes set on it."""
    for name, attribute in attributes.items():
        setattr(made, name, attribute)
    return made


def noted(made: Any, **attrs: Any) -> Any:
    """Return a frame or series with entries in its `attrs`."""
    made.attrs.update(attrs)
    return made


def used(generator: Any) -> Any:
    """Return a generator that has given a number."""
    generator.random()
    return generator


def spawned(seed: Any) -> Any:
    """Return what has given a child seed."""
    seed.spawn(1)
    return seed


def double(x: Any) -> Any:
    """Return twice `x`."""
    return 2 * x


def copy_of_double(**attributes: Any) -> Any:
    """Return a function with the code of `double`, and attributes."""
    return held(types.FunctionType(double.__code__, globals(), "copy"), **attributes)


def frame() -> Any:
    """Return a small frame."""
    return pd.DataFrame({"a": [1, 2, 3]})


def dates(**options: Any) -> Any:
    """Return three days as an index with a frequency."""
    return pd.date_range("2024-01-01", periods=3, **options)


def listed(index: Any) -> Any:
    """Return an index with the members of another, and nothing beside them."""
    return type(index)(list(index))


def fields(*described: Any, **options: Any) -> Any:
    """Return a structured dtype."""
    return np.dtype(list(described), **options)


def noting(error: BaseException, *notes: str) -> BaseException:
    """Return an exception with notes."""
    if notes:
        error.__notes__ = list(notes)  # type: ignore[attr-defined]
    return error


UTC = datetime.timezone.utc
TEXT = getattr(np.dtypes, "StringDType", None)
I4, F8 = ("a", "i4"), ("b", "f8")

PAIRS: dict[str, tuple[Maker, Maker]] = {
    "series attrs": (lambda: pd.Series([1]), lambda: noted(pd.Series([1]), unit="m")),
    "series attrs' value": (lambda: noted(pd.Series([1]), unit="k"), lambda: noted(pd.Series([1]), unit="m")),
    "series flags": (lambda: pd.Series([1]), lambda: pd.Series([1]).set_flags(allows_duplicate_labels=False)),
    "frame attrs": (frame, lambda: noted(frame(), unit="m")),
    "frame flags": (frame, lambda: frame().set_flags(allows_duplicate_labels=False)),
    "frame subclass": (lambda: held(Unit({"a": [1]}), unit="m"), lambda: held(Unit({"a": [1]}), unit="k")),
    "index freq": (lambda: dates(freq="D"), lambda: listed(dates(freq="D"))),
    "index freq of holidays": (
        lambda: pd.DatetimeIndex(["2024-01-02"], freq=pd.offsets.CustomBusinessDay()),
        lambda: pd.DatetimeIndex(["2024-01-02"], freq=pd.offsets.CustomBusinessDay(holidays=["2024-01-03"])),
    ),
    "series index freq": (lambda: pd.Series(1, dates(freq="D")), lambda: pd.Series(1, listed(dates(freq="D")))),
    "frame columns freq": (
        lambda: pd.DataFrame([[1, 2, 3]], columns=dates(freq="D")),
        lambda: pd.DataFrame([[1, 2, 3]], columns=listed(dates(freq="D"))),
    ),
    "timedelta freq": (
        lambda: pd.timedelta_range("1D", periods=3), lambda: listed(pd.timedelta_range("1D", periods=3)),
    ),
    "range index": (lambda: pd.RangeIndex(3), lambda: pd.Index([0, 1, 2])),
    "range index's end": (lambda: pd.RangeIndex(0, 3, 2), lambda: pd.RangeIndex(0, 4, 2)),
    "range index of a frame": (frame, lambda: frame().set_axis(pd.Index([0, 1, 2]))),
    "index name": (frame, lambda: frame().rename_axis("n")),
    "columns name": (frame, lambda: frame().rename_axis(columns="n")),
    "columns level names": (
        lambda: pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")], names=["x", "y"])),
        lambda: pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")], names=["x", None])),
    ),
    "unused level members": (
        lambda: pd.MultiIndex.from_product([["a", "b"], [1]]),
        lambda: pd.MultiIndex.from_product([["a", "b", "c"], [1]])[:2],
    ),
    "level freq": (
        lambda: pd.MultiIndex.from_product([dates(freq="D"), [1]]),
        lambda: pd.MultiIndex.from_product([listed(dates(freq="D")), [1]]),
    ),
    "level order": (
        lambda: pd.MultiIndex.from_arrays([pd.Categorical(["a"], ordered=True)]),
        lambda: pd.MultiIndex.from_arrays([pd.Categorical(["a"])]),
    ),
    "categories ordered": (lambda: pd.Categorical(["a"], ordered=True), lambda: pd.Categorical(["a"])),
    "categories unused": (lambda: pd.Categorical(["a"], ["a", "b"]), lambda: pd.Categorical(["a"])),
    "categories' order": (lambda: pd.Categorical(["a"], ["a", "b"]), lambda: pd.Categorical(["a"], ["b", "a"])),
    "categories' freq": (
        lambda: pd.Categorical(dates(freq="D"), dates(freq="D")),
        lambda: pd.Categorical(dates(freq="D"), listed(dates(freq="D"))),
    ),
    "zone": (lambda: pd.Series(dates(tz="UTC")), lambda: pd.Series(dates(tz="Europe/Berlin"))),
    "kind of zone": (lambda: dates(tz=zoneinfo.ZoneInfo("UTC")), lambda: dates(tz=UTC)),
    "unit of times": (lambda: dates(unit="s"), lambda: dates(unit="ns")),
    "missing text": (
        lambda: pd.Series(["a"], dtype=pd.StringDtype("python")),
        lambda: pd.Series(["a"], dtype=pd.StringDtype("python", na_value=np.nan)),
    ),
    "missing numbers": (
        lambda: pd.array([None, 1.0], dtype="Float64"),
        lambda: pd.arrays.FloatingArray(np.array([np.nan, 1.0]), np.array([False, False])),
    ),
    "sparse fill": (
        lambda: pd.arrays.SparseArray([0, 1], fill_value=0), lambda: pd.arrays.SparseArray([0, 1], fill_value=1),
    ),
    "closed side": (
        lambda: pd.IntervalIndex.from_breaks([0, 1], closed="left"),
        lambda: pd.IntervalIndex.from_breaks([0, 1], closed="right"),
    ),
    "period freq": (
        lambda: pd.period_range("2024-01-01", periods=1, freq="2D"),
        lambda: pd.period_range("2024-01-01", periods=1, freq="D"),
    ),
    "offset": (lambda: pd.offsets.BDay(normalize=True), lambda: pd.offsets.BDay()),
    "masked fill": (lambda: np.ma.array([1], fill_value=7), lambda: np.ma.array([1], fill_value=8)),
    "masked subclass": (
        lambda: held(np.ma.array([1]).view(Masked), unit="m"), lambda: held(np.ma.array([1]).view(Masked), unit="k"),
    ),
    "array subclass": (
        lambda: held(np.zeros(2).view(Measured), unit="m"), lambda: held(np.zeros(2).view(Measured), unit="k"),
    ),
    "array subclass's member": (
        lambda: held(np.zeros(2).view(Measured), unit="m"), lambda: held(np.ones(2).view(Measured), unit="m"),
    ),
    "dtype metadata": (lambda: np.dtype("i4", metadata={"unit": "m"}), lambda: np.dtype("i4")),
    "array's dtype metadata": (
        lambda: np.zeros(1, np.dtype("i4", metadata={"unit": "m"})),
        lambda: np.zeros(1, np.dtype("i4", metadata={"unit": "k"})),
    ),
    "field metadata": (
        lambda: np.zeros(1, fields(("a", np.dtype("i4", metadata={"unit": "m"})))), lambda: np.zeros(1, fields(I4)),
    ),
    "field title": (lambda: np.zeros(1, fields((("A", "a"), "i4"))), lambda: np.zeros(1, fields(I4))),
    "field offsets": (lambda: np.zeros(1, fields(I4, F8, align=True)), lambda: np.zeros(1, fields(I4, F8))),
    "record": (lambda: np.zeros(1, np.dtype((np.record, [I4]))), lambda: np.zeros(1, fields(I4))),
    "record array": (lambda: np.zeros(1, fields(I4)).view(np.recarray), lambda: np.zeros(1, fields(I4))),
    "generator": (lambda: np.random.default_rng(1), lambda: used(np.random.default_rng(1))),
    "generator's kind": (
        lambda: np.random.Generator(np.random.PCG64(1)), lambda: np.random.Generator(np.random.Philox(1)),
    ),
    "generator's children": (lambda: np.random.default_rng(1), lambda: spawned(np.random.default_rng(1))),
    "random state": (lambda: np.random.RandomState(1), lambda: used(np.random.RandomState(1))),
    "seed's children": (lambda: np.random.SeedSequence(1), lambda: spawned(np.random.SeedSequence(1))),
    "polynomial's variable": (lambda: np.poly1d([1, 2]), lambda: np.poly1d([1, 2], variable="y")),
    "vectorize": (lambda: np.vectorize(double), lambda: np.vectorize(double, otypes="d")),
    "function attribute": (lambda: copy_of_double(rate=1), lambda: copy_of_double(rate=2)),
    "function attribute added": (lambda: copy_of_double(), lambda: copy_of_double(rate=2)),
    "partial keywords": (lambda: functools.partial(double, x=1), lambda: functools.partial(double, x=2)),
    "partial attribute": (
        lambda: functools.partial(double), lambda: held(functools.partial(double), rate=1),
    ),
    "fold": (lambda: datetime.datetime(2024, 1, 1), lambda: datetime.datetime(2024, 1, 1, fold=1)),
    "fold of a time": (lambda: datetime.time(1), lambda: datetime.time(1, fold=1)),
    "decimal context": (lambda: decimal.Context(prec=3), lambda: decimal.Context(prec=4)),
    "decimal traps": (lambda: decimal.Context(traps=[]), lambda: decimal.Context(traps=[decimal.Inexact])),
    "notes": (lambda: noting(ValueError(1)), lambda: noting(ValueError(1), "a")),
    "import's name": (lambda: ImportError("x", name="a"), lambda: ImportError("x", name="b")),
    "import's path": (lambda: ImportError("x", path="a"), lambda: ImportError("x", path="b")),
    "attribute's name": (lambda: AttributeError("x", name="a"), lambda: AttributeError("x", name="b")),
    "exception's slot": (lambda: held(SlottedError(1), code=1), lambda: held(SlottedError(1), code=2)),
    "file of an error": (lambda: OSError(2, "x", "a"), lambda: OSError(2, "x", "b")),
    "odd state": (lambda: OddState(1), lambda: OddState(2)),
    "maxlen": (lambda: collections.deque([1]), lambda: collections.deque([1], maxlen=2)),
    "factory": (lambda: collections.defaultdict(int), lambda: collections.defaultdict(list)),
    "factory function": (lambda: collections.defaultdict(double), lambda: collections.defaultdict(used)),
    "order": (lambda: collections.OrderedDict(a=1, b=2), lambda: collections.OrderedDict(b=2, a=1)),
    "ordered dict's attribute": (
        lambda: collections.OrderedDict(a=1), lambda: held(collections.OrderedDict(a=1), x=1),
    ),
    "maps": (lambda: collections.ChainMap({1: 1}, {}), lambda: collections.ChainMap({}, {1: 1})),
    "pattern flags": (lambda: re.compile("a"), lambda: re.compile("a", re.I)),
    "empty ranges": (lambda: range(0), lambda: range(1, 1)),
    "range's end": (lambda: range(0, 3, 2), lambda: range(0, 4, 2)),
    "range's step": (lambda: range(1), lambda: range(0, 1, 5)),
    "slice": (lambda: slice(1), lambda: slice(0, 1)),
    "typecode": (lambda: array.array("l", [1]), lambda: array.array("q", [1])),
    "namespace": (lambda: types.SimpleNamespace(a=1), lambda: types.SimpleNamespace(a=2)),
    "random": (lambda: random.Random(1), lambda: used(random.Random(1))),
    "safety of a UUID": (
        lambda: uuid.UUID(int=1), lambda: uuid.UUID(int=1, is_safe=uuid.SafeUUID.safe),
    ),
    "getter": (lambda: operator.itemgetter(1), lambda: operator.itemgetter(2)),
    "caller": (lambda: operator.methodcaller("a", x=1), lambda: operator.methodcaller("a", x=2)),
}  # fmt: skip
"""Values that differ only in one part, made anew each time."""

if TEXT is not None:
    PAIRS["text's missing value"] = (
        lambda: np.array(["a"], TEXT(na_object=None)), lambda: np.array(["a"], TEXT()),
    )  # fmt: skip
    PAIRS["text's coercion"] = (
        lambda: np.array(["a"], TEXT(coerce=False)), lambda: np.array(["a"], TEXT()),
    )  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_part_that_survives_pickling_counts(name: str) -> None:
    """Two values that differ in it hash apart, also after a round trip; equal ones hash equal."""
    tokens = []
    for make in PAIRS[name]:
        made = make()
        tokens.append(token(made))
        assert token(make()) == tokens[-1]
        assert token(decode_bytes(encode_bytes(made, has_exception=True))) == tokens[-1]

    assert tokens[0] != tokens[1]


def test_hashes_are_equal_in_another_process(tmp_path: Path) -> None:
    """What another process decodes has the hash that it had where it was encoded."""
    program = (
        "import pickle, sys, test_kept_parts as here\n"
        "names, data = pickle.load(open('data', 'rb'))\n"
        "fresh = [here.token(m()).hex() for name in names for m in here.PAIRS[name]]\n"
        "pickle.dump((fresh, [here.token(here.decode_bytes(d)).hex() for d in data]), open('out', 'wb'))\n"
    )
    makers = [make for pair in PAIRS.values() for make in pair]
    (tmp_path / "data").write_bytes(
        pickle.dumps((list(PAIRS), [encode_bytes(make(), has_exception=True) for make in makers]))
    )
    folders = [os.path.dirname(__file__), os.path.dirname(os.path.dirname(__file__))]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(folders), "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=env, check=True)

    expected = [token(make()).hex() for make in makers]
    fresh, decoded = pickle.loads((tmp_path / "out").read_bytes())
    assert fresh == expected
    assert decoded == expected
