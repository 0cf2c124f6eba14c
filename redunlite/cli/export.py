"""A value as a file: JSON, CSV, text or pickle, by the file's ending.

Decided here: which values each form takes, and that a file is written whole or not at all. No state.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from redunlite.errors import UsageError

ENDINGS = (".json", ".csv", ".txt", ".pkl")


def encode_value(value: Any, path: str) -> bytes:
    """Return the bytes of a file for a value.

    Raises
    ------
    UsageError
        When the ending is none of `ENDINGS`, or the value cannot be written like that.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending == ".json":
        return _encode_json(value)
    if ending == ".csv":
        return _encode_csv(value)
    if ending == ".txt":
        return (value if isinstance(value, str) else repr(value)).encode() + b"\n"
    if ending == ".pkl":
        import pickle

        return pickle.dumps(value, 5)
    raise UsageError(
        f"cannot tell from {path!r} how to write the value", f"endings are {', '.join(ENDINGS)}"
    )


def write_file(path: str, data: bytes, *, replace: bool) -> None:
    """Write a file under its name when all of it is written.

    Raises
    ------
    UsageError
        When it is there already and not to be replaced, or cannot be written.
    """
    if not replace and os.path.lexists(path):
        raise UsageError(f"{path!r} is there already", "--force replaces it")
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError as error:
        try:
            os.unlink(temporary)
        except OSError:  # it was never made
            pass
        raise UsageError(f"cannot write {path!r}: {error.strerror}") from None


def _encode_json(value: Any) -> bytes:
    import dataclasses
    import json

    def convert(other: Any) -> Any:
        if dataclasses.is_dataclass(other) and not isinstance(other, type):
            return {f.name: getattr(other, f.name) for f in dataclasses.fields(other)}
        if isinstance(other, (set, frozenset)):
            return sorted(other, key=repr)
        tolist = getattr(other, "tolist", None)
        if tolist is not None:  # arrays and their scalars
            return tolist()
        raise TypeError(f"a {type(other).__qualname__} is no JSON")

    try:
        return json.dumps(value, default=convert, indent=2, ensure_ascii=False).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"the value cannot be written as JSON: {error}", "write it to a file.pkl"
        ) from None


def _encode_csv(value: Any) -> bytes:
    import csv
    import dataclasses
    import io

    to_csv = getattr(value, "to_csv", None) or getattr(value, "write_csv", None)
    if to_csv is not None:  # a data frame
        made: str = to_csv(index=False) if hasattr(value, "to_csv") else to_csv()
        return made.encode()
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise UsageError(
            f"a {type(value).__qualname__} has no rows to write as CSV", "write it to a file.json"
        )
    rows = [
        {f.name: getattr(row, f.name) for f in dataclasses.fields(row)}
        if dataclasses.is_dataclass(row) and not isinstance(row, type)
        else row._asdict() if hasattr(row, "_asdict") else row
        for row in value
    ]  # fmt: skip
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    if rows and all(isinstance(row, Mapping) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer.writerow(names)
        writer.writerows([row.get(name, "") for name in names] for row in rows)
    else:
        is_flat = not any(isinstance(row, (list, tuple)) for row in rows)
        writer.writerows(
            [row] if is_flat or not isinstance(row, (list, tuple)) else row for row in rows
        )
    return stream.getvalue().encode()
