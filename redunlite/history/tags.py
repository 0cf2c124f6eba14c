"""Tags as they are now: of records, and how many there are of each.

Decided here: which rows are read. Not here: how a tag is written (`tags`). No state.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from redunlite.tags import Tag


class TagCount(NamedTuple):
    """How many records of a kind have a tag."""

    key: str
    value: Any
    entity: str
    n: int


class Tagged(NamedTuple):
    """A record with a tag."""

    entity: str
    entity_id: int
    key: str
    value: Any


def find_tags(
    connection: sqlite3.Connection, entity: str, ids: Sequence[int]
) -> dict[int, list[Tag]]:
    """Return the tags of each of the records that has some, oldest first."""
    found: dict[int, list[Tag]] = {}
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        marks = ",".join("?" * len(some))
        for row_id, key, value in connection.execute(
            f"SELECT entity_id, key, value FROM tag WHERE entity_id IN ({marks}) AND entity = ? "
            "AND is_current = 1 ORDER BY id",
            (*some, entity),
        ).fetchall():
            found.setdefault(row_id, []).append((key, json.loads(value)))
    return found


def count_tags(connection: sqlite3.Connection, *, by_value: bool) -> list[TagCount]:
    """Return how many records of each kind have each key, or each key with each value."""
    columns = "key, value, entity" if by_value else "key, entity"
    rows = connection.execute(
        f"SELECT {columns}, count(*) FROM tag WHERE is_current = 1 "
        f"GROUP BY {columns} ORDER BY {columns}"
    ).fetchall()
    if by_value:
        return [TagCount(key, json.loads(value), entity, n) for key, value, entity, n in rows]
    return [TagCount(key, None, entity, n) for key, entity, n in rows]


def find_tagged(
    connection: sqlite3.Connection, key: str, value: str | None, limit: int
) -> list[Tagged]:
    """Return the records with a key, and with a value (as JSON) where one is given, newest first."""
    condition, values = make_condition([(key, value)])
    rows = connection.execute(
        f"SELECT entity, entity_id, key, value FROM tag WHERE {condition} ORDER BY id DESC LIMIT ?",
        (*values, limit),
    ).fetchall()
    return [Tagged(entity, row_id, name, json.loads(text)) for entity, row_id, name, text in rows]


def make_condition(tags: Iterable[tuple[str, str | None]]) -> tuple[str, list[Any]]:
    """Return the SQL condition on rows of `tag` with one of these keys, or keys and values."""
    parts, values = [], []
    for key, value in tags:
        parts.append("(key = ?" + (" AND value = ?)" if value is not None else ")"))
        values += [key] if value is None else [key, value]
    return f"is_current = 1 AND ({' OR '.join(parts)})", values
