"""One SQLite file: how it is opened, written by many runs at once, and known to be alive.

Decided here: journal, durability, who may write when, what a damaged, newer, older or empty file
means, and how a run shows that it lives. Not here: which rows are written (`writer`).

Writers take turns by `flock` on a file of its own beside the database: fairer and faster than
SQLite's busy handler, and every checkpoint under it is clear of a WAL corruption in SQLite before
3.51.3. A run holds a POSIX lock on ``runs/<uuid>.lock`` as its lease; the kernel drops it when the
process ends, however it ends, also when a child of it lives on.

The database file is never opened but by SQLite: POSIX locks belong to a process and vanish when it
closes *any* descriptor of the file, and then two processes write at once.

State: one `Database` holds one connection, the descriptors of the lock file and of a lease. The
leases of this process are known to the whole module, because a process cannot ask itself.

>>> database = open_memory()
>>> database.begin()
>>> database.commit()
>>> database.close()
"""

from __future__ import annotations

import fcntl
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from redunlite.errors import (
    ConfigError,
    DamagedDatabaseError,
    DatabaseError,
    NewerDatabaseError,
)
from redunlite.recorder import migrations
from redunlite.recorder.codes import CANCELLED, FAILED, RUNNING, SCHEMA_VERSION, SERIAL_BITS

if TYPE_CHECKING:
    from redunlite.recorder.models import Table

APPLICATION_ID = 0x72646C74
"""`PRAGMA application_id` of our databases: ``rdlt``."""

DATABASE_NAME = "redunlite.db"
"""Of the file in a project's `.redunlite` folder."""

LEAST_BYTES = 512
"""Size of the smallest page that SQLite knows."""

BUSY_TIMEOUT_S = 0.05
"""How long SQLite itself waits for a lock: no signal ends such a wait."""

WAIT_SLICE_S = 0.02
"""Longest sleep between two attempts to become the writer."""

WAIT_LIMIT_S = 120.0
"""How long a writer waits for another one before it gives up."""

CHECKPOINT_BYTES = 8 << 20
"""Size of the write-ahead log at which a commit moves it into the database."""

LEASES_NAME = "runs"
"""Folder beside the database with a lock file for each live run."""

NETWORK_TYPES = frozenset(
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "virtiofs",
        "lustre",
        "gpfs",
        "afs",
        "ceph",
        "glusterfs",
        "vboxsf",
        "prl_fs",
    ]
)
"""File systems whose shared memory or locks a write-ahead log cannot rely on; also ``fuse.*``."""

INTERRUPTED = "interrupted"
"""Error of an execution whose process ended without closing it."""

_own_leases: set[tuple[int, str]] = set()
"""Process id and path of each lease that this process holds."""

_DAMAGED_CODES = ("malformed", "not a database", "disk image", "file is encrypted")


class Database:
    """An open database.

    Made by `open_database`, `open_memory` or `open_readonly`.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: str | None, *, is_read_only: bool = False
    ) -> None:
        self.connection = connection
        """In autocommit mode: transactions are begun and ended by the methods here."""
        self.path = path
        """None in memory."""
        self.is_read_only = is_read_only
        self.on_wait: Callable[[float, str], None] | None = None
        """Called now and then while a writer waits, with the seconds so far and who holds the
        lock; may raise to end the wait."""
        self.stamp: tuple[int, ...] | None = None
        """What the file was when it was opened as one that nobody writes to."""
        self._lock: int | None = None
        self._lease: tuple[int, str] | None = None

    # Transactions.

    def begin(self) -> None:
        """Begin a write transaction, after waiting for other writers.

        Raises
        ------
        DatabaseError
            When another process does not let go within `WAIT_LIMIT_S`.
        """
        if self.try_begin():
            return
        begun = time.monotonic()
        pause = 0.0005
        while True:
            time.sleep(pause * (0.5 + random.random()))
            if self.try_begin():
                return
            pause = min(pause * 2, WAIT_SLICE_S)
            waited = time.monotonic() - begun
            if self.on_wait is not None:
                self.on_wait(waited, self._find_holder())
            if waited > WAIT_LIMIT_S:
                raise DatabaseError(
                    f"{self.path} has been held for {WAIT_LIMIT_S:.0f} s by {self._find_holder()}; "
                    "end that process or try again later"
                )

    def try_begin(self) -> bool:
        """Begin a write transaction if nobody else is writing; never waits."""
        if self.connection.in_transaction:
            raise RuntimeError("a transaction is open already")
        if not self._take_turn():
            return False
        self.connection.execute("PRAGMA busy_timeout = 0")
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._end_turn()
            if _is_busy(error):
                return False
            raise self._translate(error) from error
        except BaseException:
            self._end_turn()
            raise
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000):d}")
        return True

    def commit(self) -> None:
        """End the transaction and keep what was written."""
        try:
            self.connection.execute("COMMIT")
            if self._get_log_bytes() >= CHECKPOINT_BYTES:
                self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            raise self._translate(error) from error
        finally:
            # A COMMIT that failed leaves its transaction open, and then the turn is still ours.
            if not self.connection.in_transaction:
                self._end_turn()

    def rollback(self) -> None:
        """End the transaction and undo what was written; nothing when none is open."""
        try:
            # After a full disk SQLite has rolled back by itself, and a second time is an error.
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        finally:
            self._end_turn()

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database, if no other writer is at it."""
        if self.path is None or self.is_read_only or self.connection.in_transaction:
            return
        if self._take_turn():
            try:
                self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.OperationalError as error:
                if not _is_busy(error):
                    raise self._translate(error) from error
            finally:
                self._end_turn()

    def close(self) -> None:
        """Close the connection; the last one of all moves the log into the database first."""
        if self.connection.in_transaction:
            self.rollback()
        # SQLite checkpoints by itself when the last connection closes, so that too has a turn.
        has_turn = self._lock is not None and self._take_turn()
        try:
            self.connection.close()
        finally:
            if has_turn:
                self._end_turn()
            self.drop_lease()
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def open_lock(self) -> None:
        """Open the lock file by which writers take turns; it is made when there is none."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            self._lock = os.open(f"{self.path}.lock", flags, 0o600)
        except OSError as error:
            raise DatabaseError(
                f"{self.path} cannot be written: {self.path}.lock: {error.strerror}"
            ) from error

    def _take_turn(self) -> bool:
        if self._lock is None:
            return self.path is None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _end_turn(self) -> None:
        if self._lock is not None:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _get_log_bytes(self) -> int:
        if self.path is None:
            return 0
        try:
            return os.stat(f"{self.path}-wal").st_size
        except FileNotFoundError:
            return 0

    def _find_holder(self) -> str:
        """Return who holds the lock file, as far as the kernel tells."""
        try:
            inode = os.stat(f"{self.path}.lock").st_ino
            with open("/proc/locks") as lines:
                for line in lines:
                    words = line.split()
                    if "FLOCK" in words and words[-3].endswith(f":{inode}"):
                        return f"process {words[-4]}"
        except OSError:
            pass
        return "another process"

    def _translate(self, error: sqlite3.Error) -> DatabaseError:
        return translate_error(error, self.path or "the database in memory")

    def has_changed(self) -> bool:
        """Tell whether a database that was read as one at rest has been written to meanwhile.

        What was read from it may then be half old and half new, and is to be read again.
        """
        if self.stamp is None or self.path is None:
            return False
        return os.path.exists(f"{self.path}-wal") or _get_stamp(self.path) != self.stamp

    # Leases.

    def take_lease(self, name: str) -> None:
        """Show that the run with this name lives, until `drop_lease` or the end of the process."""
        if self.path is None:
            return
        folder = os.path.join(os.path.dirname(self.path), LEASES_NAME)
        os.makedirs(folder, 0o700, exist_ok=True)
        path = os.path.join(folder, f"{name}.lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Others hold it for moments only, while they look whether somebody lives.
        fcntl.lockf(descriptor, fcntl.LOCK_EX)
        self._lease = descriptor, path
        _own_leases.add((os.getpid(), path))

    def drop_lease(self) -> None:
        """Show that the run is over; nothing when none is held."""
        if self._lease is None:
            return
        descriptor, path = self._lease
        self._lease = None
        if (os.getpid(), path) in _own_leases:
            _own_leases.discard((os.getpid(), path))
            _unlink(path)
        os.close(descriptor)

    def close_dead_executions(self) -> int:
        """Close the executions whose process is gone; return how many there were.

        They become FAILED (interrupted), their running jobs CANCELLED. What their calls had
        reached stays in the cache.
        """
        rows = self.connection.execute(
            "SELECT id, lease FROM execution WHERE status = ?", (RUNNING,)
        ).fetchall()
        dead = [(number, lease) for number, lease in rows if not self.is_alive(lease)]
        if not dead:
            return 0
        self.begin()
        try:
            for number, _ in dead:
                self._close_execution(number)
            self.commit()
        except BaseException:
            self.rollback()
            raise
        for _, lease in dead:
            path = self._get_lease_path(lease)
            if path is not None:
                _unlink(path)
        return len(dead)

    def _close_execution(self, number: int) -> None:
        execute = self.connection.execute
        first, last = get_id_range(number)
        # The end of a run nobody saw is the end of its last job that somebody did.
        execute(
            "UPDATE execution SET status = ?, error = ?, end_time = max(start_time, coalesce("
            "(SELECT max(start_time + coalesce(duration_us, 0)) FROM job WHERE id BETWEEN ? AND ?), 0)) "
            "WHERE id = ? AND status = ?",
            (FAILED, INTERRUPTED, first, last, number, RUNNING),
        )
        execute(
            "UPDATE job SET status = ? WHERE id BETWEEN ? AND ? AND status = ?",
            (CANCELLED, first, last, RUNNING),
        )
        execute(
            "UPDATE counter SET n_cancelled = n_cancelled + n_running, n_running = 0 "
            "WHERE execution = ?",
            (number,),
        )

    def _get_lease_path(self, lease: str | None) -> str | None:
        # A lease is a name and no path, whatever a row may say.
        if self.path is None or not lease or os.path.basename(lease) != lease:
            return None
        return os.path.join(os.path.dirname(self.path), LEASES_NAME, f"{lease}.lock")

    def is_alive(self, lease: str | None) -> bool:
        """Tell whether the run with that lease lives; one in memory always does."""
        if self.path is None:
            return True
        path = self._get_lease_path(lease)
        return path is not None and is_held(path)


# Opening.


def open_database(path: str, *, durability: str = "normal") -> Database:
    """Open a database for writing; make it, for its owner only, when there is none.

    Parameters
    ----------
    durability
        ``normal``: a killed process loses nothing that was committed, a power cut may lose the last
        commits. ``full``: a power cut loses nothing either.

    Raises
    ------
    NewerDatabaseError, DamagedDatabaseError, DatabaseError
        When it cannot be used; the file is left as it is.
    """
    if durability not in ("normal", "full"):
        raise ConfigError(f"durability is 'normal' or 'full', not {durability!r}")
    path = os.path.abspath(path)
    _create_file(path)
    database = Database(_connect(path, "rwc"), path)
    try:
        _prepare(database, durability)
    except sqlite3.Error as error:
        database.close()
        raise translate_error(error, path) from error
    except BaseException:
        database.close()
        raise
    return database


def open_memory() -> Database:
    """Return a new database in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    _create_tables(connection)
    return Database(connection, None)


def find_version(path: str) -> int | None:
    """Return the schema version of a database; None when there is none, or an empty one.

    Raises
    ------
    NewerDatabaseError, DamagedDatabaseError, DatabaseError
        When it cannot be read.
    """
    path = os.path.abspath(path)
    has_log = os.path.exists(f"{path}-wal")
    if not os.path.exists(path) or not (os.stat(path).st_size or has_log):
        return None
    is_quiet = not has_log and not any(_iter_leases(path))
    connection = _connect(path, "ro", is_immutable=is_quiet)
    try:
        return _check(connection, path) or None
    except sqlite3.Error as error:
        raise translate_error(error, path) from error
    finally:
        connection.close()


def open_readonly(path: str, *, is_hurried: bool = False) -> Database:
    """Open a database to read from it; nothing is created or changed.

    One of an older schema is read from a changed copy in memory.

    Parameters
    ----------
    is_hurried
        Refuse one of an older schema: a copy may take long.

    Raises
    ------
    FileNotFoundError
        When there is none.
    NewerDatabaseError, DamagedDatabaseError, DatabaseError
        When it cannot be read.
    """
    path = os.path.abspath(path)
    try:
        n_bytes = os.stat(path).st_size
    except PermissionError as error:
        raise DatabaseError(f"{path} cannot be opened: {error.strerror}") from error
    if not n_bytes and not os.path.exists(f"{path}-wal"):
        return _read_only(open_memory().connection, path)
    stamp = _get_stamp(path)
    is_quiet = not os.path.exists(f"{path}-wal") and not any(_iter_leases(path))
    connection = _connect(path, "ro", is_immutable=is_quiet)
    try:
        version = _check(connection, path)
        if version == 0:
            connection.close()
            return _read_only(open_memory().connection, path)
        if version < SCHEMA_VERSION:
            if is_hurried:
                raise DatabaseError(f"{path} has an older schema, {version:d}")
            connection = _copy_upgraded(connection, version)
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        connection.close()
        raise translate_error(error, path) from error
    except BaseException:
        connection.close()
        raise
    database = _read_only(connection, path)
    if is_quiet:
        database.stamp = stamp
    return database


def _get_stamp(path: str) -> tuple[int, ...]:
    status = os.stat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns


def _read_only(connection: sqlite3.Connection, path: str) -> Database:
    return Database(connection, path, is_read_only=True)


def _connect(path: str, mode: str, *, is_immutable: bool = False) -> sqlite3.Connection:
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    uri = f"file:{quoted}?mode={mode}" + ("&immutable=1" if is_immutable else "")
    try:
        return sqlite3.connect(
            uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise translate_error(error, path) from error


def _create_file(path: str) -> None:
    """Make an empty file that only its owner can read, when there is none."""
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise DatabaseError(f"cannot make the database {path}: {error.strerror}") from error


def _prepare(database: Database, durability: str) -> None:
    connection = database.connection
    path = database.path
    assert path is not None
    connection.execute("PRAGMA foreign_keys = ON")
    version = _retry(lambda: _check(connection, path))
    database.open_lock()
    _choose_journal(database, path)
    connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'full' else 'NORMAL'}")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA temp_store = MEMORY")
    if version == SCHEMA_VERSION:
        return
    # Two processes may come here at once: the second one finds the work done.
    if version > 0:
        migrations.back_up(connection, f"{path}.schema-{version:d}.bak")
    database.begin()
    try:
        version = _check(connection, path)
        if version == 0:
            _create_tables(connection)
        else:
            migrations.migrate(connection, version, SCHEMA_VERSION)
        database.commit()
    except BaseException:
        database.rollback()
        raise


def _check(connection: sqlite3.Connection, path: str) -> int:
    """Return the schema version of what is there; 0 for an empty database.

    Raises
    ------
    NewerDatabaseError, DamagedDatabaseError, DatabaseError
        When it is not one of ours, or not whole.
    """
    # One statement is one snapshot: another process may be making the tables right now.
    version, application, n_tables = connection.execute(
        "SELECT (SELECT user_version FROM pragma_user_version), "
        "(SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_master)"
    ).fetchone()
    if version > SCHEMA_VERSION and application == APPLICATION_ID:
        raise NewerDatabaseError(
            f"{path} has schema {version}, this redunlite knows schemas up to {SCHEMA_VERSION}; "
            "upgrade redunlite, or move that file away to begin a new database"
        )
    if not version and not n_tables:
        if 0 < os.stat(path).st_size < LEAST_BYTES:
            # SQLite takes a rest too short for a page as a new file, and would write over it.
            raise sqlite3.DatabaseError("database disk image is malformed")
        return 0
    if application != APPLICATION_ID or not version:
        raise DatabaseError(
            f"{path} is a database of another program; move it away to begin a new one"
        )
    return int(version)


_WAY_OUT = (
    "Restore a copy of it, or move it away to begin a new one (recorded results are then lost, "
    "nothing else)"
)


def _copy_upgraded(connection: sqlite3.Connection, version: int) -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.backup(copy)
    connection.close()
    copy.execute("BEGIN")
    migrations.migrate(copy, version, SCHEMA_VERSION)
    copy.execute("COMMIT")
    return copy


def _choose_journal(database: Database, path: str) -> None:
    connection = database.connection
    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    network = find_network_type(path)
    wanted = "wal" if network is None else "delete"
    if journal == wanted:
        return
    if network is not None and database._get_log_bytes():
        raise DatabaseError(
            f"{path} is on a network file system ({network}) and has a write-ahead log beside it, "
            "which would be damaged there; run redunlite once where the folder is on a local disk"
        )
    found = _retry(lambda: connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0])
    if found != wanted and wanted == "delete":
        raise DatabaseError(f"{path} is in use while it moves to a network file system ({network})")


def _create_tables(connection: sqlite3.Connection) -> None:
    for statement in iter_schema():
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION:d}")


_schema_lock = threading.Lock()
"""Models are bound to a database for all threads: a job may open a scheduler of its own."""


def iter_schema() -> Iterator[str]:
    """Yield the statements that make the tables and indexes, taken from the models."""
    # Here, because Peewee takes 50 ms to import and most commands find their tables made.
    import peewee as pw

    from redunlite.recorder import models

    scratch: Any = pw.SqliteDatabase(":memory:")
    with _schema_lock, scratch.bind_ctx(models.TABLES):
        scratch.create_tables(models.TABLES, safe=False)
        rows = scratch.execute_sql(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
        )
        statements = [row[0] for row in rows.fetchall()]
    scratch.close()
    yield from statements


def insert_sql(model: type[Table]) -> str:
    """Return the text of an INSERT of all columns of a model, in the order of its fields."""
    meta = model._meta
    columns = [field.column_name for field in meta.sorted_fields]
    names = ", ".join(f'"{name}"' for name in columns)
    return f'INSERT INTO "{meta.table_name}" ({names}) VALUES ({", ".join("?" * len(columns))})'


def get_id_range(execution: int) -> tuple[int, int]:
    """Return the first and the last row id that rows of an execution can have."""
    first = execution << SERIAL_BITS
    return first, first + (1 << SERIAL_BITS) - 1


# Locks and file systems.


def is_held(path: str) -> bool:
    """Tell whether a live process holds the lease at `path`."""
    if (os.getpid(), path) in _own_leases:
        return True
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        # Somebody else's folder, which nothing can be asked about.
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _iter_leases(path: str) -> Iterator[str]:
    """Yield the lock files of live runs of the database at `path`."""
    folder = os.path.join(os.path.dirname(path), LEASES_NAME)
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        lease = os.path.join(folder, name)
        if name.endswith(".lock") and is_held(lease):
            yield lease


def find_network_type(path: str, mounts: str = "/proc/self/mountinfo") -> str | None:
    """Return the type of the network or shared file system that holds `path`, or None.

    Parameters
    ----------
    mounts
        A file in the format of Linux's ``/proc/self/mountinfo``; without one nothing is known.
    """
    folder = os.path.realpath(os.path.dirname(path))
    best, best_type = "", ""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                before, _, after = line.partition(" - ")
                point = before.split()[4].replace("\\040", " ")
                inside = folder == point or folder.startswith(point.rstrip("/") + "/")
                # The last mount on a point hides those before it.
                if inside and len(point) >= len(best):
                    best, best_type = point, after.split()[0]
    except OSError:
        return None
    is_network = best_type in NETWORK_TYPES or best_type.startswith("fuse.")
    return best_type if is_network else None


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _is_busy(error: sqlite3.Error) -> bool:
    # `sqlite_errorcode` is there from Python 3.11 on only.
    text = str(error)
    return "locked" in text or "busy" in text


def _retry(action: Callable[[], Any]) -> Any:
    """Do what another process may be in the way of for a moment."""
    deadline = time.monotonic() + WAIT_LIMIT_S
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(WAIT_SLICE_S * random.random())


def translate_error(error: sqlite3.Error, path: str) -> DatabaseError:
    """Return the error that tells the user what `error` means for the database at `path`."""
    text = str(error)
    if any(part in text for part in _DAMAGED_CODES):
        try:
            n_bytes = f"{os.stat(path).st_size:,} bytes"
        except OSError:
            n_bytes = "unknown size"
        return DamagedDatabaseError(
            f"{path} ({n_bytes}) is damaged: {text}; the file is left as it is. {_WAY_OUT}"
        )
    if "full" in text:
        return DatabaseError(f"{path} cannot grow: {text}; make room and run again")
    if "unable to open" in text or "readonly" in text:
        return DatabaseError(f"{path} cannot be opened: {text}; see who may read and write there")
    return DatabaseError(f"{path}: {text}")
