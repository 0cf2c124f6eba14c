"""Schema changes, forward only, with a backup before the first one.

Decided here: what has to be done to a database of an older schema. Schema 1 is the first, so there is
nothing to do yet; a later schema adds one function for each step and a golden file. State: none.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping

from redunlite.errors import DatabaseError

Step = Callable[[sqlite3.Connection], None]
"""Changes a database of one schema into the next; called inside a transaction."""

STEPS: Mapping[int, Step] = {}
"""By the version that a step starts from."""


def migrate(
    connection: sqlite3.Connection,
    found: int,
    wanted: int,
    steps: Mapping[int, Step] | None = None,
) -> None:
    """Bring a database from version `found` to `wanted`, inside the caller's transaction.

    Raises
    ------
    DatabaseError
        When there is no way from that version.
    """
    known = STEPS if steps is None else steps
    for version in range(found, wanted):
        step = known.get(version)
        if step is None:
            raise DatabaseError(
                f"the database has schema {version}, from which there is no way to schema {wanted}"
            )
        step(connection)
        connection.execute(f"PRAGMA user_version = {version + 1:d}")


def back_up(connection: sqlite3.Connection, path: str) -> None:
    """Write a checked copy of the whole database to `path`, readable by its owner only.

    An older file of that name is replaced.

    Raises
    ------
    DatabaseError
        When the copy does not pass SQLite's own check.
    """
    temporary = f"{path}.{os.getpid()}.tmp"
    before = os.umask(0o077)
    try:
        connection.execute("VACUUM INTO ?", (temporary,))
    finally:
        os.umask(before)
    try:
        copy = sqlite3.connect(temporary)
        try:
            (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            copy.close()
        if verdict != "ok":
            raise DatabaseError(f"the backup {path} could not be verified: {verdict}")
        # The copy has no connection any more, so that opening it drops nobody's locks.
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
