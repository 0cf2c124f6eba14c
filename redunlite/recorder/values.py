"""Values as columns: from a `ValueRef` to what a row holds, and back.

A small plain value lives in the row that names it, as its token; any other one gets a row in
`value`, written once an execution. State: none but the rows that wait in the writer.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from typing import Any

from redunlite import hashing, serialize
from redunlite.call import WIRE_BYTES, ErrorDetail
from redunlite.kinds import FLAG_FILE, FORMAT_TOKEN, ValueRef
from redunlite.valuestore import ValueStore

VALUE_COLUMNS = "id, hash, type, format, size, data, checksum, preview, flags, classes"


def make_value_row(
    row_id: int, ref: ValueRef, store: ValueStore, detail: ErrorDetail | None = None
) -> tuple[Any, ...]:
    """Return the row of `value` for a reference; large bytes go to the store first."""
    told = None
    if detail is not None:
        told = json.dumps({"summary": detail.summary, "frames": [list(f) for f in detail.frames]})
    value_hash = hashing.value_hash(ref.token)
    data = ref.data
    if data is not None and len(data) > WIRE_BYTES:
        store.put(value_hash, [data])
        ref.flags |= FLAG_FILE
        checksum = serialize.checksum(data)
        data = None
    elif data is not None:
        checksum = serialize.checksum(data)
    else:
        checksum = b""
    return (
        row_id, value_hash, ref.type_name, ref.format, ref.size, data, checksum, ref.preview,
        ref.flags, json.dumps(ref.classes) if ref.classes else None, told,
    )  # fmt: skip


def read_value_row(row: tuple[Any, ...]) -> ValueRef | None:
    """Return the reference of a row of `VALUE_COLUMNS`, or None when its bytes are damaged."""
    row_id, value_hash, type_name, format_, size, data, checksum, preview, flags, classes = row
    if data is not None and serialize.checksum(data) != checksum:
        return None
    return ValueRef(
        b"#" + value_hash, format_, data, size, preview, type_name, flags,
        tuple(json.loads(classes)) if classes else (), row_id,
    )  # fmt: skip


def read_values(connection: sqlite3.Connection, row_ids: Collection[int]) -> dict[int, ValueRef]:
    """Return the values with those row ids; damaged ones are left out."""
    found: dict[int, ValueRef] = {}
    ids = list(row_ids)
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        marks = ",".join("?" * len(some))
        for row in connection.execute(
            f"SELECT {VALUE_COLUMNS} FROM value WHERE id IN ({marks})", some
        ).fetchall():
            ref = read_value_row(row)
            if ref is not None:
                found[row[0]] = ref
    return found


def token_ref(token: bytes) -> ValueRef:
    """Return the reference of a small plain value."""
    return ValueRef(token, FORMAT_TOKEN, None, 0, None, "")
