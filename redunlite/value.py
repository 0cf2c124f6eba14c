"""Values of the standard types and of the data libraries, and errors as values.

Decided here: what counts as the state of each known type (for its hash), and how it looks in a
preview. Not here: the rules for all other objects (`hashing`), classes of the user's that speak for
themselves (`hooks`; they are found here as they are in redun). State: none of its own; importing
this module registers the handlers with `kinds`, each package's when a value of it is first met.

Functions are registered by `fingerprint`, files, tasks and handles by their own modules.

>>> from decimal import Decimal
>>> from redunlite.hashing import token
>>> token(Decimal("1.0")) == token(Decimal("1.00"))
False
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from redunlite import hashing, serialize
from redunlite.call import ErrorDetail
from redunlite.errors import InvalidValueError, UndecodableError
from redunlite.hooks import ProxyValue, TypeRegistry, Value, get_type_registry
from redunlite.kinds import TypeHandler, ValueRef, register_package, register_type
from redunlite.preview import format_preview
from redunlite.valuestore import ValueStore

__all__ = [
    "ErrorValue",
    "InvalidValueError",
    "ProxyValue",
    "TypeHandler",
    "TypeRegistry",
    "Value",
    "get_type_registry",
    "preview",
    "register_package",
    "register_type",
]

preview = format_preview


# Errors.


class ErrorValue:
    """A failure as a value: the exception, and what can be read without unpickling it.

    Equal failures hash equal: by class, arguments and attributes of the exception.

    Parameters
    ----------
    error
        The exception itself.
    detail
        Summary and frames.
    """

    __slots__ = ("detail", "error")

    def __init__(self, error: BaseException, detail: ErrorDetail) -> None:
        self.error = error
        self.detail = detail

    def __reduce__(self) -> tuple[Any, ...]:
        from redunlite import exceptions

        data, behind = exceptions.encode_exception(self.error), exceptions.encode_behind(self.error)
        return load_error_value, (data, _pack_detail(self.detail), behind)

    def __repr__(self) -> str:
        return f"ErrorValue({self.detail.summary})"


def _pack_detail(detail: ErrorDetail) -> tuple[Any, ...]:
    frames = [tuple(tuple(frame) for frame in part) for part in detail[1:]]
    return detail.summary, *frames


def load_error_value(
    data: bytes, packed: tuple[Any, ...], behind: Sequence[tuple[bool, bytes]] = ()
) -> ErrorValue:
    """Return the `ErrorValue` of stored parts. The name of this function is part of stored values."""
    from redunlite import exceptions
    from redunlite.call import Frame

    summary, frames, all_frames = packed
    detail = ErrorDetail(
        summary, tuple(Frame(*f) for f in frames), tuple(Frame(*f) for f in all_frames)
    )
    error = exceptions.decode_exception(data)
    exceptions.restore_behind(error, behind)
    return ErrorValue(error, detail)


def encode_error(error: BaseException, detail: ErrorDetail, store: ValueStore) -> ValueRef:
    """Return the encoded `ErrorValue` of `error`, of a stand-in when it cannot be encoded."""
    try:
        return serialize.encode(ErrorValue(error, detail), store)
    except BaseException:  # hashing and pickling an exception runs the user's code
        from redunlite.exceptions import make_stand_in

        return serialize.encode(ErrorValue(make_stand_in(error), detail), store)


def decode_error(ref: ValueRef, detail: ErrorDetail, store: ValueStore) -> BaseException:
    """Return the exception of an encoded `ErrorValue`, a stand-in when this program cannot.

    Such as one whose class is in a module that only the failed task could import.
    """
    try:
        held = serialize.decode(ref, store)
    except UndecodableError:
        from redunlite.exceptions import make_stand_in_from

        return make_stand_in_from(detail)
    if not isinstance(held, ErrorValue):
        raise TypeError(f"a {type(held).__qualname__} is recorded as a failure")
    return held.error


def _error_state(value: ErrorValue) -> Any:
    error = value.error
    try:
        return hashing.token(error)
    except BaseException:  # reducing it runs the user's code
        # What it holds has no hash; its class and text are what is left to tell it by.
        return hashing.class_name(type(error)), value.detail.summary


register_type(
    ErrorValue,
    TypeHandler(
        "redunlite.Error", _error_state, lambda value, limit: format_preview(value.error, limit)
    ),
)


# Builtins.


def _module_state(value: types.ModuleType) -> str:
    return hashing.main_name() if value.__name__ == "__main__" else value.__name__


def _builtin_function_state(value: Any) -> Any:
    owner = value.__self__
    if owner is None or isinstance(owner, types.ModuleType):
        return f"{value.__module__}:{value.__qualname__}"
    return value.__name__, owner


def _register_builtins() -> None:
    register_type(complex, TypeHandler("complex", lambda v: (v.real, v.imag)))
    register_type(bytearray, TypeHandler("bytearray", bytes, _bytes_preview))
    register_type(range, TypeHandler("range", lambda v: (v.start, v.stop, v.step)))
    register_type(slice, TypeHandler("slice", lambda v: (v.start, v.stop, v.step)))
    register_type(type(Ellipsis), TypeHandler("Ellipsis", lambda v: None))
    register_type(type(NotImplemented), TypeHandler("NotImplemented", lambda v: None))
    register_type(type, TypeHandler("type", hashing.class_name, _class_preview, subclasses=True))
    register_type(types.ModuleType, TypeHandler("module", _module_state))
    builtin = TypeHandler("builtin", _builtin_function_state)
    register_type(types.BuiltinFunctionType, builtin)
    register_type(types.MethodDescriptorType, TypeHandler("descriptor", _descriptor_state))
    register_type(types.MethodType, TypeHandler("method", lambda v: (v.__func__, v.__self__)))


def _descriptor_state(value: Any) -> str:
    return f"{hashing.class_name(value.__objclass__)}.{value.__name__}"


def _bytes_preview(value: bytearray, limit: int) -> str:
    shown = repr(bytes(value[:limit]))
    return f"bytearray({shown[:-1]}…" if len(value) > limit else f"bytearray({shown})"


def _class_preview(value: type, limit: int) -> str:
    return f"<class {value.__qualname__}>"


# The standard library.


def _register_decimal() -> None:
    from decimal import Decimal

    register_type(Decimal, TypeHandler("decimal", str))


def _register_fractions() -> None:
    from fractions import Fraction

    register_type(Fraction, TypeHandler("fraction", lambda v: (v.numerator, v.denominator)))


def _register_datetime() -> None:
    import datetime

    def time_state(value: Any) -> Any:
        return value.replace(tzinfo=None, fold=0).isoformat(), value.fold, value.tzinfo

    def zone_state(value: datetime.timezone) -> Any:
        return value.utcoffset(None), value.tzname(None)

    def delta_state(value: datetime.timedelta) -> Any:
        return value.days, value.seconds, value.microseconds

    register_type(datetime.datetime, TypeHandler("datetime", time_state))
    register_type(datetime.time, TypeHandler("time", time_state))
    register_type(datetime.date, TypeHandler("date", datetime.date.isoformat))
    register_type(datetime.timedelta, TypeHandler("timedelta", delta_state))
    register_type(datetime.timezone, TypeHandler("timezone", zone_state))


def _register_zoneinfo() -> None:
    from zoneinfo import ZoneInfo

    def state(value: ZoneInfo) -> str:
        if value.key is None:
            raise TypeError("a ZoneInfo made from a file has no key")
        return value.key

    register_type(ZoneInfo, TypeHandler("zoneinfo", state))


def _register_uuid() -> None:
    from uuid import UUID, SafeUUID

    def state(value: UUID) -> Any:
        is_safe = value.is_safe
        return value.int if is_safe is SafeUUID.unknown else (value.int, is_safe.value)

    register_type(UUID, TypeHandler("uuid", state))


def _register_pathlib() -> None:
    import pathlib

    def state(value: pathlib.PurePath) -> Any:
        cls = type(value)
        # The private module that defines it differs between versions.
        is_standard = cls.__module__.partition(".")[0] == "pathlib"
        return cls.__name__ if is_standard else hashing.class_name(cls), str(value)

    register_type(pathlib.PurePath, TypeHandler("path", state, subclasses=True))


def _register_enum() -> None:
    import enum

    def member_state(value: enum.Enum) -> Any:
        return hashing.class_name(type(value)), value.name

    def flag_state(value: enum.Flag) -> Any:
        # A sum of members has a name in some versions only.
        return hashing.class_name(type(value)), int(value.value)

    def show(value: enum.Enum, limit: int) -> str:
        return f"{type(value).__qualname__}.{value.name}" if value.name else repr(value)

    register_type(enum.Enum, TypeHandler("enum", member_state, show, subclasses=True))
    register_type(enum.Flag, TypeHandler("flag", flag_state, show, subclasses=True))


def _register_array() -> None:
    from array import array

    def state(value: array[Any]) -> Any:
        if value.typecode in "uw":
            return value.typecode, list(value)
        # The letters' widths differ between platforms.
        kind = f"{value.typecode}{value.itemsize}"
        if sys.byteorder == "big":
            value = value[:]
            value.byteswap()
        return kind, memoryview(value).cast("B")

    register_type(array, TypeHandler("array", state))


# Arrays and tables.


def _register_numpy() -> None:
    np: Any = import_module("numpy")

    def dtype_state(dtype: Any) -> Any:
        if dtype.names is not None:
            state = fields_state(dtype)
        elif dtype.subdtype is not None:
            state = dtype_state(dtype.subdtype[0]), dtype.subdtype[1]
        elif dtype.kind == "T":
            state = text_state(dtype)
        elif not dtype.str.startswith(("<", ">", "|")):
            state = f"={dtype.name}"
        else:
            state = dtype.str
        return ("metadata", state, dict(dtype.metadata)) if dtype.metadata else state

    def fields_state(dtype: Any) -> Any:
        found = [dtype.fields[name] for name in dtype.names]
        state = [(name, dtype_state(field[0])) for name, field in zip(dtype.names, found)]
        packed = np.dtype([(name, field[0]) for name, field in zip(dtype.names, found)])
        offsets = [field[1] for field in found]
        titles = [field[2] if len(field) > 2 else None for field in found]
        is_packed = dtype == packed and not dtype.isalignedstruct and not any(titles)
        if is_packed and dtype.type is np.void:
            return state
        kind = hashing.class_name(dtype.type)
        return state, kind, titles, offsets, dtype.itemsize, dtype.isalignedstruct

    def text_state(dtype: Any) -> Any:
        if dtype == np.dtypes.StringDType():
            return f"T{dtype!s}"
        missing = (dtype.na_object,) if hasattr(dtype, "na_object") else ()
        return "T", dtype.coerce, missing

    def content(array: Any) -> Any:
        """Return the members: bytes in C order; by field or by element where bytes do not tell."""
        if array.dtype.names is not None:
            return [content(array[name]) for name in array.dtype.names]
        if array.dtype.hasobject or array.dtype.kind == "T":
            return array.ravel().tolist() if array.ndim else [array.item()]
        if array.size == 0 or array.itemsize == 0:
            return b""
        flat = np.ascontiguousarray(array).reshape(-1)
        return memoryview(flat.view(np.uint8)).cast("B")

    def array_state(value: Any) -> Any:
        cls = type(value)
        plain = np.asarray(value)
        state = (dtype_state(plain.dtype), plain.shape, content(plain))
        # A memory-mapped array is equal to the array that it maps.
        if cls in (np.ndarray, np.memmap):
            return state
        if not is_reduced_as(cls, np.ndarray):
            return hashing.sort_reduced(value, value.__reduce_ex__(2))
        return (hashing.class_name(cls), *state)

    def is_reduced_as(cls: type, base: type) -> bool:
        """Tell whether pickle keeps of an array of class `cls` what it keeps of one of `base`."""
        hooks = ("__reduce__", "__reduce_ex__", "__setstate__")
        return all(getattr(cls, hook) is getattr(base, hook) for hook in hooks)

    def masked_state(value: Any) -> Any:
        fill_value = value.fill_value  # one that was never asked for is only now set
        if not is_reduced_as(type(value), np.ma.MaskedArray):
            return hashing.sort_reduced(value, value.__reduce_ex__(2))
        return (
            hashing.class_name(type(value)),
            np.ma.getdata(value),
            np.ma.getmaskarray(value),
            fill_value,
        )

    def scalar_state(value: Any) -> Any:
        return dtype_state(value.dtype), content(np.asarray(value))

    def show(value: Any, limit: int) -> str:
        if value.size <= min(limit, 100) and not value.dtype.hasobject:
            return " ".join(repr(value).split())
        shape = "×".join(map(str, value.shape)) or "()"
        return f"{type(value).__name__}({shape}, {value.dtype})"

    register_type(np.ndarray, TypeHandler("numpy.array", array_state, show, subclasses=True))
    register_type(
        np.ma.MaskedArray, TypeHandler("numpy.masked", masked_state, show, subclasses=True)
    )
    register_type(np.generic, TypeHandler("numpy.scalar", scalar_state, subclasses=True))
    register_type(np.dtype, TypeHandler("numpy.dtype", dtype_state, subclasses=True))


def _register_pandas() -> None:
    np: Any = import_module("numpy")
    pd: Any = import_module("pandas")

    def column_state(values: Any) -> Any:
        """Return dtype and members of an array, extension array, index or series' values."""
        dtype = values.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            return "category", dtype.ordered, index_state(dtype.categories), values.codes
        if getattr(dtype, "kind", "O") != "O" and not pd.api.types.is_extension_array_dtype(dtype):
            return str(dtype), values.to_numpy()
        if isinstance(dtype, pd.DatetimeTZDtype):
            return str(dtype), dtype.tz, values.asi8
        if str(dtype) == "object":
            return "object", list(values)
        missing = values.isna().tolist()
        members = [None if gone else member for member, gone in zip(values, missing)]
        parts = dtype_parts(dtype)
        return (str(dtype), members, parts) if parts else (str(dtype), members)

    def dtype_parts(dtype: Any) -> Any:
        """Return what the text of an extension dtype may leave out."""
        if isinstance(dtype, pd.StringDtype):
            return dtype.storage
        if type(dtype).__module__.partition(".")[0] == "pandas":
            return None
        return hashing.class_name(type(dtype)), [getattr(dtype, name) for name in dtype._metadata]

    def array_state(values: Any) -> Any:
        # Before pandas 3, also arrays of times have a frequency of their own.
        freq = getattr(values, "freq", None)
        return column_state(values) if freq is None else (column_state(values), freq)

    def index_state(index: Any) -> Any:
        if isinstance(index, pd.MultiIndex):
            levels = [index_state(level) for level in index.levels]
            codes = [np.asarray(of_level) for of_level in index.codes]
            return "multi", list(index.names), levels, codes, index.sortorder
        kind = type(index).__name__
        if isinstance(index, pd.RangeIndex):
            return kind, index.name, (index.start, index.stop, index.step)
        state = kind, index.name, column_state(index.array)
        freq = getattr(index, "freq", None)
        return state if freq is None else (*state, freq)

    def held_state(value: Any) -> Any:
        """Return what a series or frame holds beside its labels and members."""
        allows_duplicates = value.flags.allows_duplicate_labels
        return value.attrs if allows_duplicates else (value.attrs, allows_duplicates)

    def series_state(value: Any) -> Any:
        state = value.name, index_state(value.index), column_state(value.array)
        held = held_state(value)
        return (*state, held) if held else state

    def frame_state(value: Any) -> Any:
        columns = [column_state(value.iloc[:, i].array) for i in range(value.shape[1])]
        return index_state(value.columns), index_state(value.index), columns, held_state(value)

    def timestamp_state(value: Any) -> Any:
        return value.unit, value.asm8.view("i8").item(), value.tzinfo, value.fold

    def timedelta_state(value: Any) -> Any:
        return value.unit, value.asm8.view("i8").item()

    def show_frame(value: Any, limit: int) -> str:
        names = ", ".join(str(name) for name in value.columns[:20])
        return f"DataFrame({value.shape[0]:,} rows × {value.shape[1]:,} columns: {names})"

    def show_series(value: Any, limit: int) -> str:
        return f"{type(value).__name__}({len(value):,} × {value.dtype}, name={value.name!r})"

    register_type(pd.DataFrame, TypeHandler("pandas.frame", frame_state, show_frame))
    register_type(pd.Series, TypeHandler("pandas.series", series_state, show_series))
    register_type(pd.Index, TypeHandler("pandas.index", index_state, show_series, subclasses=True))
    register_type(pd.Timestamp, TypeHandler("pandas.timestamp", timestamp_state))
    register_type(pd.Timedelta, TypeHandler("pandas.timedelta", timedelta_state))
    register_type(
        pd.api.extensions.ExtensionArray,
        TypeHandler("pandas.array", array_state, subclasses=True),
    )


def _register_polars() -> None:
    from importlib.util import find_spec

    pl: Any = import_module("polars")
    has_numpy = find_spec("numpy") is not None  # polars itself does without

    def series_state(value: Any) -> Any:
        return value.name, str(value.dtype), members(value)

    def members(value: Any) -> Any:
        """Return the members of a series: times as numbers, since lists of times lose nanoseconds."""
        dtype = value.dtype
        if dtype == pl.Struct:
            parts = [members(value.struct.field(field.name)) for field in dtype.fields]
            return value.is_null().to_list(), parts
        if dtype == pl.Array:
            value = value.arr.to_list()
        if dtype in (pl.List, pl.Array):
            return value.list.len().to_list(), members(value.explode())
        if dtype.is_temporal():
            return value.to_physical().to_list()
        is_number = dtype.is_numeric() and not dtype.is_decimal()
        quick = is_number and value.null_count() == 0 and has_numpy
        return value.to_numpy() if quick else value.to_list()

    def frame_state(value: Any) -> Any:
        return value.height, [series_state(column) for column in value.get_columns()]

    def show_frame(value: Any, limit: int) -> str:
        names = ", ".join(value.columns[:20])
        return f"DataFrame({value.height:,} rows × {value.width:,} columns: {names})"

    def show_series(value: Any, limit: int) -> str:
        return f"Series({len(value):,} × {value.dtype}, name={value.name!r})"

    register_type(pl.DataFrame, TypeHandler("polars.frame", frame_state, show_frame))
    register_type(pl.Series, TypeHandler("polars.series", series_state, show_series))


_PACKAGES: dict[str, Callable[[], None]] = {
    "decimal": _register_decimal,
    "_decimal": _register_decimal,
    "_pydecimal": _register_decimal,
    "fractions": _register_fractions,
    "datetime": _register_datetime,
    "zoneinfo": _register_zoneinfo,
    "uuid": _register_uuid,
    "pathlib": _register_pathlib,
    "enum": _register_enum,
    "array": _register_array,
    "numpy": _register_numpy,
    "pandas": _register_pandas,
    "polars": _register_polars,
}

_register_builtins()
for _name, _load in _PACKAGES.items():
    register_package(_name, _load)
