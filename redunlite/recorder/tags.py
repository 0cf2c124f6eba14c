"""Rows of tags: added once, replaced and taken off with a trace of what was there before.

To be called inside a write transaction. No state.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence

Row = tuple[str, int, str, str]
"""Entity, entity id, key, value as JSON."""

REMOVED = 0
"""Stands for the new tag in `tag_edit` when one was taken off."""
_INSERT = (
    "INSERT INTO tag (entity, entity_id, key, value, is_current) SELECT ?, ?, ?, ?, 1 "
    "WHERE NOT EXISTS (SELECT 1 FROM tag WHERE entity = ? AND entity_id = ? AND key = ? "
    "AND value = ? AND is_current = 1)"
)
"""Takes a row twice; numbered places are names to Python 3.12, which warns of them."""


def insert_tags(connection: sqlite3.Connection, rows: Iterable[Row]) -> int:
    """Add tags; one that is there already stays as it is. Return how many are new."""
    return sum(connection.execute(_INSERT, (*row, *row)).rowcount for row in rows)


def find_tag_ids(
    connection: sqlite3.Connection, entity: str, entity_id: int, key: str, value: str | None = None
) -> list[int]:
    """Return the row ids of the present tags with a key, and with a value where one is given."""
    sql = "SELECT id FROM tag WHERE entity_id = ? AND entity = ? AND key = ? AND is_current = 1" + (
        "" if value is None else " AND value = ?"
    )
    values = [entity_id, entity, key] + ([] if value is None else [value])
    return [row[0] for row in connection.execute(sql, values).fetchall()]


def retire_tags(connection: sqlite3.Connection, old: Sequence[int], new: int = REMOVED) -> None:
    """Let tags be current no more; `new` is the one that takes their place."""
    now = time.time_ns() // 1000
    for tag in old:
        connection.execute("UPDATE tag SET is_current = 0 WHERE id = ?", (tag,))
        connection.execute(
            "INSERT INTO tag_edit (parent, child, time) VALUES (?, ?, ?)", (tag, new, now)
        )


def update_tag(connection: sqlite3.Connection, row: Row) -> int:
    """Put a tag in the place of those with its key; return how many it replaced."""
    entity, entity_id, key, value = row
    old = find_tag_ids(connection, entity, entity_id, key)
    same = find_tag_ids(connection, entity, entity_id, key, value)
    if not same:
        insert_tags(connection, [row])
        same = find_tag_ids(connection, entity, entity_id, key, value)
    old = [tag for tag in old if tag not in same]
    retire_tags(connection, old, same[0])
    return len(old)
