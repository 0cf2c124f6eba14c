"""The database file: made, opened, shared by processes, damaged, newer, and left by the dead."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from redunlite.errors import (
    ConfigError,
    DamagedDatabaseError,
    DatabaseError,
    NewerDatabaseError,
)
from redunlite.recorder import codes, database, migrations, models
from redunlite.recorder.database import (
    Database,
    find_network_type,
    get_id_range,
    insert_sql,
    is_held,
    iter_schema,
    open_database,
    open_memory,
    open_readonly,
)

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a test's database is to be."""
    return str(tmp_path / ".redunlite" / "redunlite.db")


@pytest.fixture
def opened(path: str) -> Iterator[Database]:
    """A new database."""
    made = open_database(path)
    yield made
    made.close()


def add_execution(made: Database, number: int, **columns: object) -> None:
    """Write the row of an execution that runs, in a transaction of its own."""
    row = {
        "id": number, "uuid": number.to_bytes(16, "big"), "status": codes.RUNNING,
        "start_time": 1_000_000, "argv": "[]", "n_calls": 0, "n_indexed": 0, **columns,
    }  # fmt: skip
    made.begin()
    made.connection.execute(
        f"INSERT INTO execution ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
        list(row.values()),
    )
    made.commit()


def get_mode(name: str) -> int:
    """Return the permission bits of a file."""
    return stat.S_IMODE(os.stat(name).st_mode)


def make_other(path: str, version: int, application: int = 0) -> None:
    """Make a database that is not of the present schema."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE other (x)")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.execute(f"PRAGMA application_id = {application}")
    connection.commit()
    connection.close()


# What is made.


def test_schema_is_that_of_its_version(opened: Database):
    """The statements taken from the models are those kept for this schema version."""
    golden = (GOLDEN / f"schema_{codes.SCHEMA_VERSION}.sql").read_text()

    assert "".join(f"{statement};\n" for statement in iter_schema()) == golden
    rows = opened.connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
    assert sorted(row[0] + ";" for row in rows) == sorted(golden.splitlines())


def test_threads_make_databases_side_by_side():
    """Each whole: a job in a thread may open a scheduler of its own."""
    schemas: list[list[str]] = []
    barrier = threading.Barrier(8)

    def make() -> None:
        barrier.wait()
        schemas.extend(list(database.iter_schema()) for _ in range(5))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert schemas == 40 * [schemas[0]]


def test_new_database_is_its_owners_alone(path: str, opened: Database):
    """Folder, database, log and lock file can be read by nobody else, whatever the umask."""
    add_execution(opened, 1)

    assert get_mode(os.path.dirname(path)) == 0o700
    for name in (path, f"{path}-wal", f"{path}.lock"):
        assert get_mode(name) == 0o600


def test_insert_sql_names_all_columns_in_order(opened: Database):
    """A row in the order of the model's fields comes back under their names."""
    opened.begin()
    opened.connection.execute(insert_sql(models.Counter), (1, 2, 3, 4, 5, 6, 7, 8))
    opened.commit()

    row = opened.connection.execute("SELECT task, n_failed, duration_us FROM counter").fetchone()
    assert row == (2, 4, 8)


@pytest.mark.parametrize(("durability", "level"), [("normal", 1), ("full", 2)])
def test_durability_is_what_was_asked_for(path: str, durability: str, level: int):
    """Both levels write ahead, and only ours are checkpoints."""
    made = open_database(path, durability=durability)

    assert made.connection.execute("PRAGMA synchronous").fetchone() == (level,)
    assert made.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert made.connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
    made.close()


def test_unknown_durability_is_refused(path: str):
    """A level that does not exist makes nothing."""
    with pytest.raises(ConfigError, match="'eternal'"):
        open_database(path, durability="eternal")

    assert not os.path.exists(os.path.dirname(path))


def test_memory_database_has_the_schema_and_transactions():
    """The twin in memory takes the same calls."""
    made = open_memory()
    made.take_lease("a")
    add_execution(made, 1, lease="a")

    assert made.close_dead_executions() == 0
    made.begin()
    made.rollback()
    assert made.connection.execute("SELECT count(*) FROM execution").fetchone() == (1,)
    made.close()


# What is found.


def test_zero_bytes_are_an_empty_database(tmp_path: Path):
    """Reading finds nothing and leaves the file empty; writing makes the tables."""
    path = str(tmp_path / "redunlite.db")
    Path(path).touch()

    reader = open_readonly(path)
    assert reader.connection.execute("SELECT count(*) FROM execution").fetchone() == (0,)
    reader.close()
    assert os.listdir(tmp_path) == ["redunlite.db"]
    assert os.stat(path).st_size == 0

    writer = open_database(path)
    add_execution(writer, 1)
    writer.close()


@pytest.mark.parametrize("open_it", [open_readonly, open_database])
def test_newer_database_is_refused_with_the_way_out(path: str, open_it):
    """A schema of the future is told by its number and left as it is."""
    os.makedirs(os.path.dirname(path))
    make_other(path, 99, database.APPLICATION_ID)
    before = Path(path).read_bytes()

    with pytest.raises(NewerDatabaseError, match=r"schema 99.*upgrade redunlite"):
        open_it(path)
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize("open_it", [open_readonly, open_database])
@pytest.mark.parametrize("version", [0, 1])
def test_database_of_another_program_is_refused(path: str, open_it, version: int):
    """Tables of somebody else are not written to, whatever version they have."""
    os.makedirs(os.path.dirname(path))
    make_other(path, version)

    with pytest.raises(DatabaseError, match="another program"):
        open_it(path)


@pytest.mark.parametrize("open_it", [open_readonly, open_database])
@pytest.mark.parametrize("kept", [1, 100, 4096, 8192, -4096])
def test_cut_off_database_is_told_and_left_as_it_is(path: str, open_it, kept: int):
    """A file with fewer pages than its header counts is damaged, wherever it was cut."""
    open_database(path).close()
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[:kept])

    with pytest.raises(DamagedDatabaseError, match=r"damaged|cut off") as caught:
        open_it(path)
    assert "left as it is" in str(caught.value)
    assert Path(path).read_bytes() == whole[:kept]


@pytest.mark.parametrize("open_it", [open_readonly, open_database])
def test_file_that_is_no_database_is_told(path: str, open_it):
    """Text in place of a database is damage, not an empty history."""
    os.makedirs(os.path.dirname(path))
    Path(path).write_text("these are not the bytes of a database\n" * 300)

    with pytest.raises(DamagedDatabaseError, match="not a database"):
        open_it(path)


def test_missing_database_is_not_made_by_reading(path: str):
    """Nothing is created by looking."""
    with pytest.raises(FileNotFoundError):
        open_readonly(path)

    assert not os.path.exists(os.path.dirname(path))


def test_reader_cannot_write(path: str, opened: Database):
    """A database that was opened for reading refuses every change."""
    add_execution(opened, 1)
    reader = open_readonly(path)

    with pytest.raises(sqlite3.OperationalError):
        reader.connection.execute("DELETE FROM execution")
    reader.close()


def test_reader_of_a_quiet_database_leaves_no_file(path: str):
    """With nobody alive and no log, reading makes neither log nor shared memory."""
    open_database(path).close()
    before = sorted(os.listdir(os.path.dirname(path)))

    reader = open_readonly(path)
    reader.connection.execute("SELECT count(*) FROM job").fetchone()

    assert sorted(os.listdir(os.path.dirname(path))) == before
    reader.close()


def test_reader_sees_what_a_live_writer_committed(path: str, opened: Database):
    """Rows that are only in the log are read too, and the writer goes on."""
    add_execution(opened, 1)
    reader = open_readonly(path)
    assert reader.connection.execute("SELECT count(*) FROM execution").fetchone() == (1,)
    add_execution(opened, 2)

    assert reader.connection.execute("SELECT count(*) FROM execution").fetchone() == (2,)
    reader.close()


def test_reader_of_a_quiet_database_notices_a_writer(path: str):
    """Who read a file at rest that is at rest no more is told to read again."""
    open_database(path).close()
    reader = open_readonly(path)
    assert not reader.has_changed()
    writer = open_database(path)
    add_execution(writer, 1)

    assert reader.has_changed()
    writer.close()
    assert reader.has_changed()
    reader.close()


def test_stored_database_of_schema_1_opens(tmp_path: Path):
    """A database of the first schema can be read and written to, for ever."""
    path = str(tmp_path / "redunlite.db")
    shutil.copyfile(GOLDEN / "schema_1.db", path)

    reader = open_readonly(path)
    rows = reader.connection.execute("SELECT status, root_task FROM execution ORDER BY id")
    assert rows.fetchall() == [
        (codes.DONE, "golden.main"), (codes.DONE, "golden.main"),
        (codes.DONE, "golden.fan"), (codes.FAILED, "golden.fail"),
    ]  # fmt: skip
    reader.close()
    writer = open_database(path)
    add_execution(writer, 5)
    writer.close()


# Migrations.


def test_migration_goes_step_by_step():
    """Each step runs once, in order, and the version follows."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    done = []
    steps = {1: lambda c: done.append(1), 2: lambda c: c.execute("CREATE TABLE two (x)")}

    migrations.migrate(connection, 1, 3, steps)

    assert done == [1]
    assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    assert connection.execute("SELECT count(*) FROM two").fetchone() == (0,)
    with pytest.raises(DatabaseError, match="schema 3"):
        migrations.migrate(connection, 3, 4, steps)
    connection.close()


def test_older_database_is_migrated_with_a_backup(path: str, monkeypatch):
    """The next schema is reached, the backup holds the old one, a reader changes nothing."""
    open_database(path).close()
    monkeypatch.setattr(database, "SCHEMA_VERSION", 2)
    steps = {1: lambda c: c.execute("ALTER TABLE tag ADD COLUMN note TEXT")}
    monkeypatch.setattr(migrations, "STEPS", steps)
    sql = "SELECT count(note) FROM tag"

    reader = open_readonly(path)
    assert reader.connection.execute(sql).fetchone() == (0,)
    reader.close()
    assert not os.path.exists(f"{path}.schema-1.bak")

    open_database(path).close()
    reader = open_readonly(path)
    assert reader.connection.execute(sql).fetchone() == (0,)
    reader.close()
    backup = sqlite3.connect(f"{path}.schema-1.bak")
    assert backup.execute("PRAGMA user_version").fetchone() == (1,)
    backup.close()
    assert get_mode(f"{path}.schema-1.bak") == 0o600


# Turns.


def test_only_one_writes_at_a_time(path: str, opened: Database):
    """Who comes second is told so at once, and may write when the first has ended."""
    second = open_database(path)
    opened.begin()

    assert not second.try_begin()
    opened.rollback()
    assert second.try_begin()
    second.commit()
    second.close()


def test_begin_waits_for_the_other_writer(path: str, opened: Database):
    """The wait ends when the other one commits, and names who it is waiting for."""
    second = open_database(path)
    told = []

    def end_the_other(waited: float, holder: str) -> None:
        told.append(holder)
        opened.commit()

    second.on_wait = end_the_other
    opened.begin()
    second.begin()

    assert len(told) == 1
    if sys.platform == "linux":
        assert told == [f"process {os.getpid()}"]
    second.commit()
    second.close()


def test_wait_can_be_ended(path: str, opened: Database):
    """An error raised by the hook leaves the waiting connection without a transaction."""
    second = open_database(path)

    def give_up(waited: float, holder: str) -> None:
        raise KeyboardInterrupt

    second.on_wait = give_up
    opened.begin()
    with pytest.raises(KeyboardInterrupt):
        second.begin()

    assert not second.connection.in_transaction
    opened.commit()
    second.close()


def test_begin_gives_up_after_its_limit(path: str, opened: Database, monkeypatch):
    """Somebody who never lets go is named in the error."""
    monkeypatch.setattr(database, "WAIT_LIMIT_S", 0.0)
    second = open_database(path)
    opened.begin()

    with pytest.raises(DatabaseError, match="held for"):
        second.begin()
    opened.rollback()
    second.close()


def test_foreign_lock_is_met_without_waiting(path: str, opened: Database):
    """Another program's transaction on the same file counts as held."""
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")

    assert not opened.try_begin()
    foreign.execute("COMMIT")
    foreign.close()
    assert opened.try_begin()
    opened.rollback()


def test_nested_begin_is_an_error(opened: Database):
    """A transaction inside a transaction is a mistake of the caller's."""
    opened.begin()

    with pytest.raises(RuntimeError):
        opened.begin()
    opened.rollback()


def test_rollback_undoes_and_gives_the_turn_away(path: str, opened: Database):
    """What was written is gone and the next one may write."""
    opened.begin()
    opened.connection.execute("INSERT INTO counter VALUES (1, 2, 0, 0, 0, 0, 0, 0)")
    opened.rollback()
    opened.rollback()

    assert opened.connection.execute("SELECT count(*) FROM counter").fetchone() == (0,)
    assert opened.try_begin()
    opened.commit()


def test_full_database_is_told_and_undone(opened: Database):
    """A write that does not fit raises, and the transaction can be ended after it."""
    (n_pages,) = opened.connection.execute("PRAGMA page_count").fetchone()
    opened.connection.execute(f"PRAGMA max_page_count = {n_pages}")
    opened.begin()
    with pytest.raises(sqlite3.OperationalError, match="full"):
        opened.connection.executemany(
            "INSERT INTO counter VALUES (?, 2, 0, 0, 0, 0, 0, 0)", ((i,) for i in range(100_000))
        )
    opened.rollback()

    assert opened.try_begin()
    opened.rollback()


def test_commit_moves_a_long_log_into_the_database(path: str, opened: Database, monkeypatch):
    """Above its limit the log is checkpointed, so that it does not grow without end."""
    monkeypatch.setattr(database, "CHECKPOINT_BYTES", 1 << 16)
    size = os.stat(path).st_size
    for number in range(1, 200):
        add_execution(opened, number, cwd="x" * 2000)

    assert os.stat(path).st_size > size
    assert os.stat(f"{path}-wal").st_size < 1 << 19
    opened.checkpoint()
    assert os.stat(f"{path}-wal").st_size == 0


def test_closing_leaves_one_file(path: str):
    """The last connection takes the log along."""
    made = open_database(path)
    add_execution(made, 1)
    made.close()

    assert not os.path.exists(f"{path}-wal")
    assert not os.path.exists(f"{path}-shm")


def test_many_processes_open_a_new_database_at_once(path: str):
    """Eight that come at the same moment find or make one schema, and all their rows are kept."""
    code = (
        "import sys; sys.stdin.readline()\n"
        "from redunlite.recorder.database import open_database\n"
        f"made = open_database({path!r})\n"
        "for i in range(5):\n"
        "    made.begin()\n"
        "    made.connection.execute('INSERT INTO tag (entity, entity_id, key, value, is_current)'\n"
        "        ' VALUES (?, 1, ?, ?, 1)', ('job', 'k', str(i)))\n"
        "    made.commit()\n"
        "made.close()\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) for _ in range(8)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.close()

    assert [process.wait(60) for process in running] == [0] * 8
    reader = open_readonly(path)
    assert reader.connection.execute("SELECT count(*) FROM tag").fetchone() == (40,)
    reader.close()


def test_connection_may_be_used_by_the_thread_that_runs(opened: Database):
    """A session that was opened in one thread runs in another."""
    thread = threading.Thread(target=add_execution, args=(opened, 1))
    thread.start()
    thread.join()

    assert opened.connection.execute("SELECT count(*) FROM execution").fetchone() == (1,)


# Leases.


def start_run(path: str, name: str) -> subprocess.Popen[bytes]:
    """Start a process that holds a lease, has a running job, and waits."""
    code = (
        "import os, sys\n"
        "from redunlite.recorder import codes\n"
        "from redunlite.recorder.database import open_database\n"
        f"made = open_database({path!r}); made.take_lease({name!r}); made.begin()\n"
        "run = made.connection.execute\n"
        "run('INSERT INTO execution (id, uuid, status, start_time, argv, lease, n_calls, n_indexed)'\n"
        f"    ' VALUES (7, ?, 0, 5000000, ?, ?, 0, 0)', (bytes(16), '[]', {name!r}))\n"
        "for serial, status, duration in ((1, 0, None), (2, 1, 300), (3, 2, 400)):\n"
        "    run('INSERT INTO job (id, salt, task, kind, status, start_time, duration_us)'\n"
        "        ' VALUES (?, ?, 1, 0, ?, 5000100, ?)',\n"
        "        (7 << 32 | serial, bytes(8), status, duration))\n"
        "run('INSERT INTO counter VALUES (7, 1, 1, 1, 0, 1, 0, 300)')\n"
        "made.commit(); print('ready', flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_dead_execution_is_closed_and_a_live_one_is_not(path: str, opened: Database):
    """While its process lives an execution is left alone; after kill -9 it ends as interrupted."""
    running = start_run(path, "lease-of-a-run")
    try:
        assert opened.close_dead_executions() == 0
    finally:
        running.kill()
        running.communicate()

    assert opened.close_dead_executions() == 1
    row = opened.connection.execute("SELECT status, error, end_time FROM execution").fetchone()
    assert row == (codes.FAILED, "interrupted", 5000500)
    jobs = opened.connection.execute("SELECT status FROM job ORDER BY id").fetchall()
    assert jobs == [(codes.CANCELLED,), (codes.DONE,), (codes.FAILED,)]
    counter = opened.connection.execute(
        "SELECT n_running, n_failed, n_done, n_cancelled FROM counter"
    ).fetchone()
    assert counter == (0, 1, 1, 1)
    assert os.listdir(os.path.join(os.path.dirname(path), database.LEASES_NAME)) == []
    assert opened.close_dead_executions() == 0


def test_reader_of_a_dead_runs_log_sees_its_rows(path: str):
    """What was committed before kill -9 is read although nobody moved the log."""
    running = start_run(path, "lease-of-a-run")
    running.kill()
    running.communicate()

    reader = open_readonly(path)
    assert reader.connection.execute("SELECT count(*) FROM job").fetchone() == (3,)
    reader.close()


def test_own_lease_survives_being_looked_at(path: str, opened: Database):
    """Asking in the process that holds a lease does not drop it for others."""
    opened.take_lease("mine")
    add_execution(opened, 1, lease="mine")
    lease = os.path.join(os.path.dirname(path), database.LEASES_NAME, "mine.lock")
    second = open_database(path)

    assert second.close_dead_executions() == 0
    assert is_held(lease)
    code = f"from redunlite.recorder.database import is_held; print(is_held({lease!r}))"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert asked.stdout == b"True\n"
    opened.drop_lease()
    assert not os.path.exists(lease)
    second.close()


def test_lease_is_a_name_and_no_path(opened: Database, tmp_path: Path):
    """A row that names a file elsewhere as its lease cannot have it removed."""
    victim = tmp_path / "victim.lock"
    victim.touch()
    add_execution(opened, 1, lease=str(victim)[: -len(".lock")])

    assert opened.close_dead_executions() == 1
    assert victim.exists()


# File systems.

MOUNTS = """\
22 1 0:20 / / rw - ext4 /dev/root rw
23 22 0:21 / /data rw - nfs4 server:/data rw
24 22 0:22 / /data/local rw - xfs /dev/sdb rw
25 22 0:23 / /with\\040blank rw - fuse.sshfs host: rw
26 22 0:24 / /shared rw - virtiofs tag rw
27 22 0:25 / /shared rw - tmpfs none rw
"""


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/home/x", None),
        ("/data/project", "nfs4"),
        ("/data", "nfs4"),
        ("/database", None),
        ("/data/local/project", None),
        ("/with blank/project", "fuse.sshfs"),
        ("/shared", None),
    ],
)
def test_network_file_systems_are_noticed(tmp_path: Path, folder: str, expected: str | None):
    """The longest mount point decides, and of two on one point the later."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)

    assert find_network_type(f"{folder}/redunlite.db", str(mounts)) == expected


def test_no_log_on_a_network_file_system(path: str, monkeypatch):
    """There the database keeps a rollback journal, and one made elsewhere is changed to it."""
    open_database(path).close()
    monkeypatch.setattr(database, "find_network_type", lambda path: "nfs4")

    made = open_database(path)
    add_execution(made, 1)

    assert made.connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert not os.path.exists(f"{path}-wal")
    made.close()


def test_id_ranges_do_not_overlap():
    """Row ids of one execution are one range, next to the next one's."""
    first, last = get_id_range(3)

    assert last + 1 == get_id_range(4)[0]
    assert first >> codes.SERIAL_BITS == last >> codes.SERIAL_BITS == 3
