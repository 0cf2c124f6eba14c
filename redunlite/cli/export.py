"""A value as a file: JSON, JSON lines, CSV, text or pickle.

Decided here: which values each form takes, what becomes of those that a form has no words for, and
that a file is there whole or not at all. No state.

JSON has numbers, text, truth, null, lists and objects. Tuples and arrays become lists, dataclasses and
named tuples objects, dates and paths text, members of an enumeration their names. A set becomes a
sorted list and a number that is not finite null: `Encoded.told` says where, because the file does not.
Anything else is refused, with its place.

>>> encode_value([1, {"a": {3, 1}}], JSON, is_compact=True)
Encoded(data=b'[1, {"a": [1, 3]}]\\n', told=("a set as a sorted list, at [1]['a']",))
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from redunlite.errors import RedunliteError, UsageError

JSON, JSONL, CSV, TEXT, PICKLE = "json", "jsonl", "csv", "text", "pickle"
ENDINGS = {".json": JSON, ".jsonl": JSONL, ".csv": CSV, ".txt": TEXT, ".pkl": PICKLE}
_BROKEN = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)
"""What the machine fails with, whatever was asked for."""


class Encoded(NamedTuple):
    """A value in one of the forms."""

    data: bytes
    told: tuple[str, ...] = ()
    """What the form has no words for, and what stands in its place."""


def find_form(path: str) -> str:
    """Return the form that the ending of a file's name asks for.

    Raises
    ------
    UsageError
        When the ending is none of `ENDINGS`.
    """
    form = ENDINGS.get(os.path.splitext(path)[1].lower())
    if form is None:
        raise UsageError(
            f"cannot tell from {path!r} how to write the value",
            f"endings are {', '.join(ENDINGS)}; --format says it for any file",
        )
    return form


def encode_value(value: Any, form: str, *, is_compact: bool = False) -> Encoded:
    """Return a value in one of the forms.

    Parameters
    ----------
    is_compact
        JSON on one line.

    Raises
    ------
    UsageError
        When the value has no such form; with the place inside it where it has one.
    """
    try:
        if form == JSON:
            plain = _PlainMaker()
            return Encoded(_dump(plain.make(value, ""), is_compact), plain.get_told())
        if form == JSONL:
            return _encode_lines(value)
        if form == CSV:
            return Encoded(_encode_text(_make_csv(value)))
        if form == TEXT:
            text = value if isinstance(value, str) else repr(value)
            return Encoded(_encode_text(text if text.endswith("\n") else f"{text}\n"))
    except RecursionError:
        raise UsageError(
            f"the value is nested too deeply to be written as {form}", "write it to a file.pkl"
        ) from None
    except RedunliteError:
        raise
    except Exception as error:  # the value's class is the user's; or a number has too many digits
        raise UsageError(
            f"the value cannot be written as {form}: {type(error).__name__}: {error}",
            "write it to a file.pkl",
        ) from error
    return Encoded(_make_pickle(value))


def _make_pickle(value: Any) -> bytes:
    from redunlite.errors import UnhashableValueError
    from redunlite.serialize import make_pickle

    try:
        return make_pickle(value)
    except UnhashableValueError as error:
        raise UsageError(str(error)) from error


def _encode_text(text: str) -> bytes:
    """Return text as UTF-8; bytes that were none, as in a file's name, as they were."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise UsageError(
            f"the text cannot be written as UTF-8: {text[error.start]!r} at {error.start} is half "
            "of a character",
            "write it to a file.json",
        ) from None


# JSON.


def _dump(plain: Any, is_compact: bool) -> bytes:
    import json

    indent = None if is_compact else 2
    text = json.dumps(plain, indent=indent, ensure_ascii=False, allow_nan=False)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:  # half of a character, which JSON can spell in ASCII
        return json.dumps(plain, indent=indent, allow_nan=False).encode() + b"\n"


def _encode_lines(value: Any) -> Encoded:
    rows = _get_rows(value, "JSON lines")
    plain = _PlainMaker()
    lines = [_dump(plain.make(row, f"[{i}]"), True) for i, row in enumerate(rows)]
    return Encoded(b"".join(lines), plain.get_told())


class _PlainMaker:
    """Makes plain data of a value, and counts what changes on the way."""

    def __init__(self) -> None:
        self._changes: dict[str, tuple[str, int]] = {}
        """First place and number of each kind of change."""

    def make(self, value: Any, place: str) -> Any:
        """Return plain data for a value that stands at `place` in the whole one."""
        if value is None or type(value) is bool or type(value) is str:
            return value
        found = self._make_scalar(value, place)
        if found is not None:
            return found[0]
        if isinstance(value, Mapping):
            return self._make_object(value, place)
        fields = _get_fields(value)
        if fields is not None:
            return {name: self.make(v, f"{place}.{name}") for name, v in fields.items()}
        if isinstance(value, (list, tuple)) or _is_deque(value):
            return [self.make(v, f"{place}[{i}]") for i, v in enumerate(value)]
        if isinstance(value, (set, frozenset)):
            self._note("a set as a sorted list", place)
            return sorted((self.make(v, place) for v in value), key=_get_rank)
        raise UsageError(
            f"the value cannot be written as JSON: {place or 'it'} is of class "
            f"{type(value).__name__}",
            "write it to a file.pkl",
        )

    def _make_scalar(self, value: Any, place: str) -> tuple[Any] | None:
        """Return plain data for a value without parts; None for any other."""
        import datetime
        import enum
        import pathlib
        import uuid

        if isinstance(value, enum.Enum):
            return (value.name,)
        if isinstance(value, str):
            return (str.__str__(value),)
        if isinstance(value, int):
            return (int(value),)
        if isinstance(value, float):
            return (self._make_number(float(value), place),)
        if isinstance(value, (datetime.date, datetime.time)):
            return (value.isoformat(),)
        if isinstance(value, (pathlib.PurePath, uuid.UUID)):
            return (str(value),)
        numpy: Any = sys.modules.get("numpy")
        if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
            if value.dtype.kind == "M":
                return (self.make(value.astype(str).tolist(), place),)
            if value.dtype.kind != "m":
                return (self.make(value.tolist(), place),)
        return None

    def _make_number(self, number: float, place: str) -> float | None:
        if number - number == 0:
            return number
        self._note(f"{number} as null", place)
        return None

    def _make_object(self, value: Mapping[Any, Any], place: str) -> dict[str, Any]:
        """Return a JSON object, whose keys are text: numbers and truth in JSON's own spelling."""
        import json

        made: dict[str, Any] = {}
        for key, member in value.items():
            found = None if key is None or isinstance(key, bool) else self._make_scalar(key, place)
            name = key if found is None else found[0]
            if name is None or isinstance(name, (bool, int, float)):
                name = json.dumps(name)
            where = f" at {place}" if place else ""
            if not isinstance(name, str):
                raise UsageError(
                    f"the value cannot be written as JSON: {_show(key)} as a key{where}",
                    "write it to a file.pkl",
                )
            if name in made:
                raise UsageError(
                    f"the value cannot be written as JSON: two keys become {name!r}{where}",
                    "write it to a file.pkl",
                )
            made[name] = self.make(member, f"{place}[{_show(key)}]")
        return made

    def _note(self, what: str, place: str) -> None:
        first, n = self._changes.get(what, (place, 0))
        self._changes[what] = (first, n + 1)

    def get_told(self) -> tuple[str, ...]:
        """Return what changed, and where first."""
        return tuple(
            f"{what}{f', at {place}' if place else ''}{f' and {n - 1:,} more' if n > 1 else ''}"
            for what, (place, n) in self._changes.items()
        )


def _show(key: Any) -> str:
    from redunlite.errors import shorten

    return shorten(repr(key), 60)


def _get_rank(plain: Any) -> tuple[str, Any]:
    """Return a key by which plain data of any kinds can be sorted."""
    if isinstance(plain, (int, float)):
        return "", plain
    return type(plain).__name__, plain if isinstance(plain, str) else repr(plain)


def _is_deque(value: Any) -> bool:
    from collections import deque

    return isinstance(value, deque)


def _get_fields(value: Any) -> dict[str, Any] | None:
    """Return the fields of a dataclass or a named tuple, by name; None for anything else."""
    import dataclasses

    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    names = getattr(value, "_fields", None)
    if isinstance(value, tuple) and isinstance(names, tuple):
        return dict(zip(names, value))
    return None


# CSV.


def _make_csv(value: Any) -> str:
    import csv
    import io

    write = _find_frame_writer(value)
    if write is not None:
        return write()
    rows = _get_rows(value, "CSV")
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    if rows and all(isinstance(row, Mapping) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer.writerow(names)
        writer.writerows([row.get(name, "") for name in names] for row in rows)
    else:
        writer.writerows(row if isinstance(row, (list, tuple)) else [row] for row in rows)
    return stream.getvalue()


def _find_frame_writer(value: Any) -> Callable[[], str] | None:
    """Return what writes a data frame or a series as CSV; None when the value is neither.

    Neither library is imported: a value of theirs is at hand only when that was done.
    """
    pandas: Any = sys.modules.get("pandas")
    if pandas is not None and isinstance(value, (pandas.DataFrame, pandas.Series)):
        # Row numbers say nothing, and any other index does.
        has_index = not isinstance(value.index, pandas.RangeIndex)
        return lambda: str(value.to_csv(index=has_index))
    polars: Any = sys.modules.get("polars")
    if polars is not None and isinstance(value, polars.Series):
        value = value.to_frame()
    if polars is not None and isinstance(value, polars.DataFrame):
        return lambda: str(value.write_csv())
    return None


def _get_rows(value: Any, form: str) -> list[Any]:
    """Return the rows of a list or a table; dataclasses and named tuples as mappings."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray) and value.ndim in (1, 2):
        value = value.tolist()
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes, bytearray)):
        raise UsageError(
            f"class {type(value).__name__} has no rows to write as {form}",
            "write it to a file.json",
        )
    rows = []
    for row in value:
        fields = _get_fields(row)
        rows.append(row if fields is None else fields)
    return rows


# Files.


def write_file(path: str, data: bytes, *, replace: bool) -> None:
    """Write a file, which is there under its name when all of it is written.

    What stands behind a symbolic link is written, and the link stays. A device or a pipe is written
    as it is.

    Raises
    ------
    UsageError
        When it is there already and not to be replaced, or cannot be written.
    RedunliteError
        When the disk is full or fails.
    """
    try:
        _write_file(path, data, replace=replace)
    except FileExistsError:
        raise UsageError(f"{path!r} is there already", "--force replaces it") from None
    except OSError as error:
        kind = RedunliteError if error.errno in _BROKEN else UsageError
        raise kind(f"cannot write {path!r}: {error.strerror}") from None


def _write_file(path: str, data: bytes, *, replace: bool) -> None:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        mode = 0
    if mode and not stat.S_ISREG(mode):
        with open(path, "wb", buffering=0) as file:  # a folder is refused here
            _write_all(file.fileno(), data)
        return
    if not replace and os.path.lexists(path):
        raise FileExistsError(path)
    target = os.path.realpath(path)
    folder, base = os.path.split(target)
    temporary = os.path.join(folder, f".{base[:100]}.{os.urandom(4).hex()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            _write_all(descriptor, data)
            if mode:
                os.fchmod(descriptor, stat.S_IMODE(mode))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if replace:
            os.replace(temporary, target)
        else:
            _put_new(temporary, target)
    except BaseException:  # whatever ends it, a signal too, leaves no half file; and goes on
        try:
            os.unlink(temporary)
        except OSError:  # it has its name
            pass
        raise


def _put_new(temporary: str, target: str) -> None:
    """Give a file its name; FileExistsError when somebody else was faster."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        os.replace(temporary, target)
    else:
        os.unlink(temporary)


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
