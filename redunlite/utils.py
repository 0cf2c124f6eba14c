"""The helpers that workflows import from a module of this name.

Decided here: what those do that no other room has. Nothing of redunlite depends on them. No state.
"""

from __future__ import annotations

import datetime
import io
import json
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, Generic, TypeVar

from redunlite import nested

__all__ = [
    "MultiMap",
    "PreviewClass",
    "PreviewUnpicklable",
    "add_import_path",
    "format_table",
    "format_timedelta",
    "format_timestamp",
    "get_func_source",
    "iter_nested_value",
    "json_dumps",
    "map_nested_value",
    "merge_dicts",
    "pickle_dump",
    "pickle_dumps",
    "pickle_loads",
    "pickle_preview",
    "str2bool",
    "trim_string",
]

PICKLE_PROTOCOL = 3
"""That of redun, so that either can read what the other wrote."""

K = TypeVar("K")
V = TypeVar("V")


def map_nested_value(func: Callable[[Any], Any], value: Any) -> Any:
    """Return a nested value with each leaf replaced by what `func` makes of it.

    >>> map_nested_value(lambda x: 2 * x, {"a": [1, (2,)]})
    {'aa': [2, (4,)]}
    """
    return nested.map_leaves(value, func)


def iter_nested_value(value: Any) -> Iterator[Any]:
    """Yield the leaves of a nested value.

    >>> list(iter_nested_value([1, {"a": 2}]))
    [1, 'a', 2]
    """
    return nested.iter_leaves(value)


def merge_dicts(dicts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one dict of several; later ones win, and dicts within dicts are merged likewise.

    >>> merge_dicts([{"a": {"x": 1}}, {"a": {"y": 2}, "b": 3}])
    {'a': {'x': 1, 'y': 2}, 'b': 3}
    """
    return nested.merge_dicts(*dicts)


def trim_string(text: str, max_length: int = 200, ellipsis: str = "...") -> str:
    """Return a text of at most so many characters.

    >>> trim_string("abcdefgh", 6)
    'abc...'
    """
    if len(text) <= max_length:
        return text
    return text[: max(0, max_length - len(ellipsis))] + ellipsis


def str2bool(text: str) -> bool:
    """Return the value of ``true`` or ``false``, in whatever case.

    Raises
    ------
    ValueError
        For any other text.
    """
    words = {"true": True, "false": False}
    if text.lower() not in words:
        raise ValueError(f"{text!r} is neither true nor false")
    return words[text.lower()]


def add_import_path(path: str) -> None:
    """Let modules in a folder be imported, before those of other folders; in workers too."""
    if path not in sys.path:
        sys.path.insert(0, path)


def get_func_source(func: Callable[..., Any]) -> str:
    """Return the source text of a function, without its decorators.

    Raises
    ------
    OSError
        When there is none.
    """
    from redunlite.fingerprint import fingerprint_task

    source = fingerprint_task(func, getattr(func, "__qualname__", "")).source
    if source is None:
        raise OSError(f"{func!r} has no source text")
    return source


# Texts.


def json_dumps(value: Any) -> str:
    """Return JSON without blanks, with sorted keys.

    >>> json_dumps({"b": 1, "a": [2]})
    '{"a":[2],"b":1}'
    """
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def format_timestamp(timestamp: datetime.datetime, tz: datetime.tzinfo | None = None) -> str:
    """Return a time as text, in local time or that of another zone.

    >>> noon = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc)
    >>> format_timestamp(noon, datetime.timezone.utc)
    '2024-02-29 12:00:00'
    """
    return timestamp.astimezone(tz).strftime("%Y-%m-%d %H:%M:%S")


def format_timedelta(duration: datetime.timedelta) -> str:
    """Return a duration as hours, minutes, seconds and hundredths.

    >>> format_timedelta(datetime.timedelta(days=1, hours=1, milliseconds=250))
    '25:00:00.25'
    """
    hundredths = duration // datetime.timedelta(milliseconds=10)
    seconds, hundredths = divmod(hundredths, 100)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}.{hundredths:02}"


def format_table(
    table: Sequence[Sequence[object]], justs: str, min_width: int = 0
) -> Iterator[str]:
    """Yield the lines of a table, with an empty one behind the first.

    Parameters
    ----------
    justs
        For each column ``l`` or ``r``.
    min_width
        Of a column, in characters.

    >>> list(format_table([["name", "n"], ["a", 10]], "lr"))
    ['name  n', '', 'a    10']
    """
    if set(justs) - {"l", "r"} or len(justs) != len(table[0]):
        raise ValueError(f"justs is {justs!r}, expected l or r for each of {len(table[0])} columns")
    rows = [[str(cell) for cell in row] for row in table]
    widths = [max(min_width, *map(len, column)) for column in zip(*rows)]
    for number, row in enumerate(rows):
        if number == 1:
            yield ""
        yield " ".join(
            cell.ljust(width) if just == "l" else cell.rjust(width)
            for cell, just, width in zip(row, justs, widths)
        )


# Pickles.


def pickle_dump(obj: Any, file: IO[bytes]) -> None:
    """Write the pickle of an object to a binary file."""
    pickle.dump(obj, file, protocol=PICKLE_PROTOCOL)


def pickle_dumps(obj: Any) -> bytes:
    """Return the pickle of an object."""
    return pickle.dumps(obj, protocol=PICKLE_PROTOCOL)


def pickle_loads(data: bytes) -> Any:
    """Return the object of a pickle."""
    return pickle.loads(data)


class PreviewClass:
    """Stands for an object whose class is not to be had: what it was made from, and its attributes."""

    _preview_name = ""

    def __new__(cls, *args: Any, **kwargs: Any) -> PreviewClass:
        """Keep the arguments."""
        made = super().__new__(cls)
        made._preview_args = args  # type: ignore[attr-defined]
        made.__dict__.update(kwargs)
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        slots = state if isinstance(state, tuple) else (state,)
        for part in slots:
            if isinstance(part, dict):
                self.__dict__.update(part)
            elif part is not None:
                self.__dict__["state"] = part

    def __getitem__(self, index: Any) -> Any:
        return self.__dict__["_preview_args"][index]

    def __repr__(self) -> str:
        parts = [repr(value) for value in self.__dict__["_preview_args"]]
        parts += [f"{k}={v!r}" for k, v in self.__dict__.items() if k != "_preview_args"]
        return f"{self._preview_name}({', '.join(parts)})"


class PreviewUnpicklable:
    """Stands for bytes that are no pickle."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __repr__(self) -> str:
        return f"Unpicklable({str(self.error)!r})"


class _PreviewUnpickler(pickle.Unpickler):
    """Puts a `PreviewClass` in the place of each class that cannot be found."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self._made: dict[tuple[str, str], type] = {}

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return super().find_class(module_name, global_name)
        except (AttributeError, ImportError):
            key = (module_name, global_name)
            if key not in self._made:
                names = {"__module__": module_name, "_preview_name": global_name}
                self._made[key] = type(global_name, (PreviewClass,), names)
            return self._made[key]


def pickle_preview(data: bytes, raise_error: bool = False) -> Any:
    """Return the object of a pickle; where its class is not to be had, something that shows it.

    Parameters
    ----------
    raise_error
        Whether bytes that are no pickle are an error, and not a `PreviewUnpicklable`.

    >>> pickle_preview(b"cnowhere\\nPoint\\n(I1\\ntR.")
    Point(1)
    """
    try:
        return _PreviewUnpickler(io.BytesIO(data)).load()
    except Exception as error:  # unpickling runs any code
        if raise_error:
            raise
        return PreviewUnpicklable(error)


class MultiMap(Generic[K, V]):
    """Keys with one or more values each, in the order in which they were added.

    >>> colours = MultiMap([("apple", "red"), ("plum", "blue"), ("apple", "green")])
    >>> colours["apple"], len(colours), ("plum", "blue") in list(colours)
    (['red', 'green'], 3, True)
    """

    def __init__(self, items: Iterable[tuple[K, V]] = ()) -> None:
        self._values: dict[K, list[V]] = {}
        for key, value in items:
            self.add(key, value)

    def add(self, key: K, value: V) -> None:
        """Add one more value of a key."""
        self._values.setdefault(key, []).append(value)

    def get(self, key: K, default: Any = None) -> list[V]:
        """Return the values of a key; `default`, or no values, when it has none."""
        return self._values.get(key, [] if default is None else default)

    def has_item(self, key: K, value: V) -> bool:
        """Tell whether a key has a value."""
        return value in self._values.get(key, ())

    def keys(self) -> Iterator[K]:
        """Yield each key once."""
        return iter(self._values)

    def values(self) -> Iterator[V]:
        """Yield all values."""
        return (value for values in self._values.values() for value in values)

    def items(self) -> Iterator[tuple[K, V]]:
        """Yield all keys with their values, a key once for each value."""
        return ((key, value) for key, values in self._values.items() for value in values)

    def as_dict(self) -> dict[K, list[V]]:
        """Return the values by key."""
        return self._values

    def __getitem__(self, key: K) -> list[V]:
        return self._values[key]

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return self.items()

    def __len__(self) -> int:
        return sum(map(len, self._values.values()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (MultiMap, Mapping, Iterable)):
            return NotImplemented
        if isinstance(other, Mapping):
            other = [(key, value) for key, values in other.items() for value in values]
        own, others = list(self), list(other)
        return len(own) == len(others) and all(
            own.count(item) == others.count(item) for item in own
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"MultiMap({list(self)!r})"
