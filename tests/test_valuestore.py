"""Files of values: whole or not there, damage noticed, never written in place."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from redunlite.errors import UndecodableError
from redunlite.valuestore import HEADER_BYTES, ValueStore

HASH = bytes(range(20))
LATER = 2**62
"""A start time after which no file was written: every file is checked."""


@pytest.fixture
def store(tmp_path: Path) -> ValueStore:
    """A store that checks every file."""
    return ValueStore(str(tmp_path / "values"), start_time_ns=LATER)


def test_put_value_is_read_back(store: ValueStore) -> None:
    """Chunks of any kind lie one after another, under the first byte of the hash."""
    store.put(HASH, [b"ab", memoryview(b"cd"), b"", memoryview(bytearray(4)).cast("I")])

    assert bytes(store.read(HASH)) == b"abcd" + bytes(4)
    assert store.path(HASH).endswith("values/00/0102030405060708090a0b0c0d0e0f10111213")
    assert store.exists(HASH, 8)
    assert not store.exists(HASH, 7)
    assert not store.exists(bytes(20), 8)


def test_files_are_the_owner_s_and_no_others_are_left(store: ValueStore) -> None:
    """Mode 600, and no temporary file stays."""
    store.put(HASH, [b"x"])

    assert os.listdir(os.path.dirname(store.path(HASH))) == [os.path.basename(store.path(HASH))]
    assert os.stat(store.path(HASH)).st_mode & 0o777 == 0o600


def test_equal_size_is_kept_and_other_size_replaced(store: ValueStore) -> None:
    """A file that is there is not written again; a cut one is, by a new file."""
    store.put(HASH, [b"first"])
    inode = os.stat(store.path(HASH)).st_ino
    store.put(HASH, [b"other"])
    assert bytes(store.read(HASH)) == b"first"
    assert os.stat(store.path(HASH)).st_ino == inode

    mapped = store.read(HASH)
    store.put(HASH, [b"longer one"])
    assert bytes(store.read(HASH)) == b"longer one"
    assert bytes(mapped) == b"first"


@pytest.mark.parametrize("damage", ["flip", "cut", "grow", "empty", "header"])
def test_damage_is_told_and_can_be_mended(store: ValueStore, damage: str) -> None:
    """A damaged file is refused and removed, so that the value can be put again."""
    data = bytes(range(256)) * 300
    store.put(HASH, [data])
    path = Path(store.path(HASH))
    raw = bytearray(path.read_bytes())
    if damage == "flip":
        raw[HEADER_BYTES + 1000] ^= 4
    elif damage == "header":
        raw[3] ^= 4
    else:
        raw = {"cut": raw[:-1], "grow": raw + b"\0", "empty": bytearray()}[damage]
    path.write_bytes(raw)

    with pytest.raises(UndecodableError):
        store.read(HASH)
    store.put(HASH, [data])
    assert bytes(store.read(HASH)) == data


def test_missing_file_is_undecodable(store: ValueStore) -> None:
    """What was deleted is told as gone."""
    with pytest.raises(UndecodableError, match="gone"):
        store.read(HASH)


def test_files_of_this_run_are_not_checked(tmp_path: Path) -> None:
    """Only what an earlier execution wrote is read through for its checksum."""
    store = ValueStore(str(tmp_path), start_time_ns=time.time_ns() - 10**12)
    store.put(HASH, [b"abc"])
    path = Path(store.path(HASH))
    path.write_bytes(path.read_bytes()[:-1] + b"X")

    assert bytes(store.read(HASH)) == b"abX"


def test_writing_to_a_read_value_changes_no_file(store: ValueStore) -> None:
    """Readers share the file and nothing else."""
    store.put(HASH, [b"abc"])
    first = store.read(HASH)
    first[0] = 90

    assert bytes(first) == b"Zbc"
    assert bytes(store.read(HASH)) == b"abc"


def test_read_only_store_changes_nothing(store: ValueStore, tmp_path: Path) -> None:
    """It reads what is there and what was put into itself, and leaves damage where it is."""
    store.put(HASH, [b"there"])
    damaged = bytes(20)
    store.put(damaged, [b"damaged"])
    with open(store.path(damaged), "r+b") as file:
        file.seek(HEADER_BYTES)
        file.write(b"D")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    view = store.make_read_only()
    other = b"\1" * 20
    view.put(other, [b"in ", memoryview(b"memory")])

    assert bytes(view.read(HASH)) == b"there"
    assert bytes(view.read(other)) == b"in memory"
    assert view.exists(other, 9) and not store.exists(other, 9)
    view.read(other)[:2] = b"IN"
    assert bytes(view.read(other)) == b"in memory"
    with pytest.raises(UndecodableError, match="damaged"):
        view.read(damaged)
    view.close()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_read_only_store_of_nothing_makes_no_folder() -> None:
    """Not even a temporary one."""
    view = ValueStore(None).make_read_only()
    view.put(HASH, [b"a"])

    assert bytes(view.read(HASH)) == b"a"
    with pytest.raises(UndecodableError, match="no value"):
        view.read(bytes(20))
    assert view._folder is None


def test_temporary_folder_is_made_late_and_removed() -> None:
    """Nothing is created before the first value, and nothing is left after `close`."""
    store = ValueStore(None)
    assert not store.exists(HASH, 3)
    store.put(HASH, [b"abc"])
    folder = store.folder
    assert os.path.isdir(folder)

    store.close()
    assert not os.path.exists(folder)


def test_failed_write_leaves_nothing(store: ValueStore) -> None:
    """A value that cannot be written whole is not there, and no part of it."""
    import resource
    import signal

    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(OSError):
            store.put(HASH, [bytes(100_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)

    assert os.listdir(os.path.dirname(store.path(HASH))) == []
