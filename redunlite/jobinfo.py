"""What a task can be told about the job that runs it.

Decided here: which facts those are, and how UUIDs are made and shown. Not here: who fills them in (`engine`). No state.
"""

from __future__ import annotations

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


def format_uuid(raw: bytes) -> str:
    """Return 16 bytes as the text of a UUID.

    >>> format_uuid(bytes(16))
    '00000000-0000-0000-0000-000000000000'
    """
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def make_job_uuid(salt: bytes, execution: str) -> str:
    """Return the UUID of a job: its own 8 random bytes, then the last 8 of its execution's.

    Parameters
    ----------
    execution
        UUID of the execution, as text.
    """
    return format_uuid(salt + bytes.fromhex(execution.replace("-", ""))[8:])
