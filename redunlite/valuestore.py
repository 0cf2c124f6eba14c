"""Large encoded values as files, named by the hash of the value.

Decided here: where a file lies, how it comes to be there whole or not at all, and how damage is
noticed. Not here: what the bytes mean (`serialize`), which of them are still needed. State: the
folder, and which files were checked in this process.

A file is a header of 64 bytes (mark, size, CRC-32) and the bytes. It is written under a temporary
name, synced, and renamed; it is never written in place, because cutting a mapped file kills its
readers.

>>> store = ValueStore(None)
>>> store.put(b"\\x01" * 20, [b"some ", b"bytes"])
>>> bytes(store.read(b"\\x01" * 20))
b'some bytes'
>>> store.close()
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Sequence

from redunlite.errors import UndecodableError

HEADER_BYTES = 64
"""Keeps what follows aligned for arrays."""
_MARK = b"RLvalue1"
_HEADER = struct.Struct("<8sQI44x")


class ValueStore:
    """A folder of values.

    Parameters
    ----------
    folder
        Where the files lie; made at the first `put`. None for a temporary folder, which is made at
        the first `put` and removed by `close`.
    start_time_ns
        Files not changed since then are of this run and are not checked when read. The default is
        now: what was written before this object was made is checked, once in this process.
    is_read_only
        Nothing in the folder is changed: what is put is kept in memory.
    """

    def __init__(
        self,
        folder: str | None,
        start_time_ns: int | None = None,
        *,
        is_read_only: bool = False,
    ) -> None:
        self._folder = folder
        self._kept: dict[bytes, bytes] | None = {} if is_read_only else None
        self._is_temporary = folder is None
        self._start_time_ns = time.time_ns() if start_time_ns is None else start_time_ns
        self._checked: set[tuple[int, int, int]] = set()

    @property
    def folder(self) -> str:
        """The folder; workers open a store of their own on it."""
        if self._folder is None:
            import tempfile
            import weakref

            self._folder = tempfile.mkdtemp(prefix="redunlite-")
            # At the end of the program at the latest, whoever still holds this object.
            self._remove = weakref.finalize(self, _remove_folder, self._folder, os.getpid())
        return self._folder

    @property
    def start_time_ns(self) -> int:
        """Nanoseconds since the epoch; hand it to the workers' stores."""
        return self._start_time_ns

    def path(self, value_hash: bytes) -> str:
        """Return the path of the file of the value with that 20-byte hash."""
        name = value_hash.hex()
        return f"{self.folder}/{name[:2]}/{name[2:]}"

    def exists(self, value_hash: bytes, size: int) -> bool:
        """Tell whether there is a file with `size` bytes for that value."""
        if self._kept and value_hash in self._kept:
            return len(self._kept[value_hash]) == size
        if self._folder is None:
            return False
        try:
            return os.stat(self.path(value_hash)).st_size == HEADER_BYTES + size
        except FileNotFoundError:
            return False

    def put(self, value_hash: bytes, chunks: Sequence[bytes | memoryview]) -> None:
        """Keep `chunks`, one after another, as the bytes of the value with that hash.

        A file of the same size is left alone; one of another size is replaced.

        Raises
        ------
        OSError
            When the bytes cannot be written; nothing is left behind then.
        """
        size = sum(len(chunk) if isinstance(chunk, bytes) else chunk.nbytes for chunk in chunks)
        if self.exists(value_hash, size):
            return
        if self._kept is not None:
            self._kept[value_hash] = b"".join(chunks)
            return
        crc = 0
        for chunk in chunks:
            crc = zlib.crc32(chunk, crc)
        path = self.path(value_hash)
        parent = os.path.dirname(path)
        os.makedirs(parent, mode=0o700, exist_ok=True)
        temporary = f"{path}.{os.getpid()}-{time.monotonic_ns():x}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        fd = os.open(temporary, flags, 0o600)
        try:
            try:
                _write_all(fd, _HEADER.pack(_MARK, size, crc))
                for chunk in chunks:
                    _write_all(fd, chunk)
                os.fsync(fd)
            finally:
                os.close(fd)
            os.rename(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    def read(self, value_hash: bytes) -> memoryview:
        """Return the bytes of the value with that hash, mapped; writing to them changes no file.

        Raises
        ------
        UndecodableError
            When there is no such file, or its bytes are not what was written; it is removed then,
            so that the value can be put again.
        """
        if self._kept is not None and (value_hash in self._kept or self._folder is None):
            if value_hash not in self._kept:
                raise UndecodableError(f"there is no value {value_hash.hex()}")
            return memoryview(bytearray(self._kept[value_hash]))
        import mmap

        path = self.path(value_hash)
        try:
            fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError as error:
            raise UndecodableError(
                f"the file of value {value_hash.hex()} is gone: {error}"
            ) from error
        try:
            status = os.fstat(fd)
            if status.st_size < HEADER_BYTES:
                raise self._discard(value_hash, path)
            mapped = memoryview(mmap.mmap(fd, status.st_size, access=mmap.ACCESS_COPY))
        finally:
            os.close(fd)
        mark, size, crc = _HEADER.unpack_from(mapped)
        data = mapped[HEADER_BYTES:]
        if mark != _MARK or size != data.nbytes:
            raise self._discard(value_hash, path)
        key = (status.st_ino, status.st_size, status.st_mtime_ns)
        if status.st_mtime_ns < self._start_time_ns and key not in self._checked:
            if zlib.crc32(data) != crc:
                raise self._discard(value_hash, path)
            self._checked.add(key)
        return data

    def _discard(self, value_hash: bytes, path: str) -> UndecodableError:
        if self._kept is None:
            os.unlink(path)
        return UndecodableError(f"the file of value {value_hash.hex()} was damaged")

    def make_read_only(self) -> ValueStore:
        """Return a store of the same values that changes nothing."""
        return ValueStore(self._folder, self._start_time_ns, is_read_only=True)

    def close(self) -> None:
        """Remove the folder if it was a temporary one."""
        if self._is_temporary and self._folder is not None:
            self._remove()
            self._folder = None


def _remove_folder(folder: str, process_id: int) -> None:
    if os.getpid() == process_id:  # not in a process that was forked from the one that made it
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


def _write_all(fd: int, data: bytes | memoryview) -> None:
    view = memoryview(data).cast("B") if not isinstance(data, bytes) else memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
