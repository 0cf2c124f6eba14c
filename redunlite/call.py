"""What crosses the border to an executor and back: `Call` and `Outcome`, and their bytes.

Both are immutable tuples. Their wire form is `marshal`, which both ends may use because a worker
always runs the interpreter of the main process; nothing here is ever stored.
"""

from __future__ import annotations

import marshal
from typing import Any, NamedTuple

from redunlite.kinds import FORMAT_TOKEN, ValueRef

OK = 0
"""The function returned a value without expressions."""
EXPRESSION = 1
"""The function returned a value with expressions in it; `detail` holds the tasks it names."""
ERROR = 2
"""The function raised; the value is the encoded `ErrorValue`, `detail` its frames."""
DIED = 3
"""The worker ended under the job; `detail` tells how."""
CANCELLED = 4
"""The job was ended on request before it had a result."""

WIRE_BYTES = 64 * 1024
"""Encoded values above this go through the value store, not through a pipe or a row."""


class Call(NamedTuple):
    """One call of one function, ready to run anywhere."""

    number: int
    """Unique within the run; the outcome carries it back."""
    task_number: int
    """`Task.number` of the task whose function is called."""
    arguments: bytes
    """Encoded arguments (`serialize.encode_arguments`)."""


class Usage(NamedTuple):
    """What a job took, as measured where it ran."""

    start_time: int
    """Microseconds since the epoch, UTC, when the function was entered."""
    duration_us: int
    """Microseconds of the monotonic clock."""
    cpu_us: int
    """Microseconds of user and system time, of the job and of its children that ended."""
    peak_bytes: int
    """Largest resident size while the job ran; 0 where it is not known."""


class Frame(NamedTuple):
    """One line of a traceback."""

    file: str
    line: int
    name: str
    """Function name."""
    text: str
    """The source line, without indentation; empty when it is not known."""


class ErrorDetail(NamedTuple):
    """The readable part of a failure; needs no unpickling."""

    summary: str
    """Last line or lines of a traceback, such as ``ZeroDivisionError: division by zero``."""
    frames: tuple[Frame, ...]
    """The user's own frames, outermost first."""
    all_frames: tuple[Frame, ...] = ()
    """Every frame, for ``--debug``."""


class Output(NamedTuple):
    """What a job wrote to descriptors 1 and 2."""

    head: bytes
    """The first bytes, at most 64 KiB."""
    tail: bytes
    """The last bytes, at most 64 KiB, when there were more than the head holds."""
    n_bytes: int
    """Number of bytes written in all."""


class StoredTask(NamedTuple):
    """How a recorded expression names a task."""

    fullname: str
    hash: bytes | None
    """None when the process that wrote it has not computed it; the main process fills it in."""
    blob: bytes | None
    """The task itself by value, without options of a call, when it was made inside a function."""
    is_closure: bool = False
    """Whether it holds values of that function, so that its name does not tell which task it is."""
    options: bytes | None = None
    """The options of the call, encoded; None when there are none."""
    place: str | None = None
    """``module:qualname`` of its function."""


class Outcome(NamedTuple):
    """What became of a call."""

    number: int
    status: int
    """One of OK, EXPRESSION, ERROR, DIED, CANCELLED."""
    value: ValueRef | None
    """The result, the recorded expression, or the encoded error; None after CANCELLED."""
    usage: Usage
    output: Output | None
    """None when the job wrote nothing."""
    detail: Any
    """None; an `ErrorDetail` after ERROR and DIED; a tuple of `StoredTask` after EXPRESSION."""


def pack_outcome(outcome: Outcome) -> bytes:
    """Return the wire form of `outcome`."""
    value = outcome.value
    packed: Any = None
    if value is not None:
        if value.format == FORMAT_TOKEN:
            packed = value.token
        else:
            packed = (
                value.token,
                value.format,
                value.data,
                value.size,
                value.preview,
                value.type_name,
                value.flags,
                value.classes,
            )
    detail = outcome.detail
    if type(detail) is ErrorDetail:
        detail = (
            detail.summary,
            tuple(tuple(f) for f in detail.frames),
            tuple(tuple(f) for f in detail.all_frames),
        )
    elif type(detail) is tuple:
        detail = tuple(tuple(task) for task in detail)
    output = outcome.output
    return marshal.dumps(
        (
            outcome.number,
            outcome.status,
            packed,
            tuple(outcome.usage),
            None if output is None else tuple(output),
            detail,
        ),
        2,
    )


def unpack_outcome(data: bytes | bytearray | memoryview) -> Outcome:
    """Return the outcome whose wire form is `data`."""
    number, status, packed, usage, output, detail = marshal.loads(data)
    value = None
    if type(packed) is bytes:
        value = ValueRef(packed, FORMAT_TOKEN, None, 0, None, "")
    elif packed is not None:
        value = ValueRef(*packed)
    if detail is not None:
        if status == EXPRESSION:
            detail = tuple(StoredTask(*task) for task in detail)
        else:
            detail = ErrorDetail(
                detail[0], tuple(Frame(*f) for f in detail[1]), tuple(Frame(*f) for f in detail[2])
            )
    return Outcome(
        number,
        status,
        value,
        Usage(*usage),
        None if output is None else Output(*output),
        detail,
    )
