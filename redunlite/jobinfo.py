"""What a task can be told about the job that runs it.

Decided here: which facts those are, and how UUIDs are made and shown. Not here: who fills them in
(`engine`). State: a `JobIds` knows which ids it has given.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class JobInfo:
    """Facts about a job; as a parameter's default, filled in when the job runs.

    The parameter counts in no cache key and is no option on the command line.

    >>> from redunlite import task
    >>> @task(namespace="docs")
    ... def whoami(info: JobInfo = JobInfo()) -> str:
    ...     return info.job_id
    """

    execution_id: str = ""
    """UUID of the execution."""
    job_id: str = ""
    """UUID of the job."""
    eval_hash: str = ""
    """The job's cache key, 40 hexadecimal digits."""
    args_hash: str = ""
    """Hash of its arguments, 40 hexadecimal digits."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The task options in force."""

    redunlite_hidden = True
    """A parameter with such a default is filled in by the engine, and not by the user."""

    def __repr__(self) -> str:
        return f"JobInfo({self.job_id[:8]})"


def make_uuid() -> bytes:
    """Return the 16 bytes of a random UUID, of version 4."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    return bytes(raw)


def format_uuid(raw: bytes) -> str:
    """Return 16 bytes as the text of a UUID.

    >>> format_uuid(bytes(16))
    '00000000-0000-0000-0000-000000000000'
    """
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class JobIds:
    """Gives the jobs of an execution the first 8 bytes of their UUIDs, and tells which are theirs.

    The first 4 are a sequence that meets every number of 32 bits once, so that the 8 digits that are
    printed belong to one job of the execution. Where it begins and how far it steps comes from the
    execution's UUID, so that a reader knows without a look at the jobs which execution an id is of.
    The other 4 are the first of the UUID.

    Parameters
    ----------
    execution
        The 16 bytes of its UUID.
    """

    def __init__(self, execution: bytes) -> None:
        # Not the digits themselves, which would be seen in both ids.
        self._first = int.from_bytes(execution[8:12], "big") ^ 0x5BD1E995
        # Odd, so that all numbers come; near the golden section of them, so that the gaps are wide.
        self._step = 0x9E000001 | int.from_bytes(execution[13:], "big")
        self._rest = execution[:4]
        self._next = self._first

    def take(self, n: int) -> list[bytes]:
        """Return the next `n`, last first."""
        step, rest = self._step, self._rest
        last = self._next + (n - 1) * step
        numbers = range(last, self._next - step, -step)
        self._next = last + step & 0xFFFFFFFF
        return [(number & 0xFFFFFFFF).to_bytes(4, "big") + rest for number in numbers]

    def is_one(self, salt: bytes) -> bool:
        """Tell whether these 8 bytes may be of the sequence; those of older versions are not."""
        return salt[4:] == self._rest

    def get_rank(self, head: bytes) -> int:
        """Return how many come before the one with these first 4 bytes."""
        distance = int.from_bytes(head, "big") - self._first
        return distance * pow(self._step, -1, 1 << 32) & 0xFFFFFFFF


def make_job_uuid(salt: bytes, execution: str) -> str:
    """Return the UUID of a job: its own 8 bytes, then the last 8 of its execution's.

    Parameters
    ----------
    execution
        UUID of the execution, as text.
    """
    return format_uuid(salt + bytes.fromhex(execution.replace("-", ""))[8:])
