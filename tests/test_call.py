"""The wire form of calls and outcomes."""

from __future__ import annotations

from typing import Any

import pytest

from redunlite.call import (
    CANCELLED,
    DIED,
    ERROR,
    EXPRESSION,
    OK,
    ErrorDetail,
    Frame,
    Outcome,
    Output,
    StoredTask,
    Usage,
    pack_outcome,
    unpack_outcome,
)
from redunlite.kinds import FLAG_CHECK, FLAG_FILE, FORMAT_PICKLE, UNDECODED, ValueRef

USAGE = Usage(1_700_000_000_000_000, 15, 12, 1 << 40)
FRAME = Frame("/project/flow.py", 7, "f", "return 1 / 0")
DETAIL = ErrorDetail("ZeroDivisionError: division by zero", (FRAME,), (FRAME, FRAME))


def token_ref() -> ValueRef:
    """Return a value that is its token."""
    return ValueRef(b"i\1", "t", None, 0, None, "builtins.int", obj=1)


def pickled_ref(**changes: Any) -> ValueRef:
    """Return a value with everything filled in."""
    given = {
        "token": b"#" + bytes(20), "format": FORMAT_PICKLE, "data": b"\x80\x05N.", "size": 4,
        "preview": "Point(ü, \ud800)", "type_name": "flow.Point", "flags": FLAG_CHECK,
        "classes": ("flow:Point",),
    }  # fmt: skip
    return ValueRef(**{**given, **changes})


def fields(ref: ValueRef | None) -> Any:
    """Return what of a value crosses the border."""
    if ref is None:
        return None
    return ref.token, ref.format, ref.data, ref.size, ref.preview, ref.flags, ref.classes


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(1, OK, token_ref(), USAGE, None, None),
        Outcome(2**62, OK, pickled_ref(), USAGE, Output(b"head", b"tail", 10**12), None),
        Outcome(3, OK, pickled_ref(data=None, flags=FLAG_FILE), USAGE, None, None),
        Outcome(4, ERROR, pickled_ref(), USAGE, Output(b"", b"", 0), DETAIL),
        Outcome(5, DIED, pickled_ref(), USAGE, None, ErrorDetail("WorkerDiedError: …", ())),
        Outcome(6, CANCELLED, None, Usage(0, 0, 0, 0), None, None),
        Outcome(7, EXPRESSION, pickled_ref(), USAGE, None, ()),
        Outcome(
            8, EXPRESSION, pickled_ref(), USAGE, None,
            (StoredTask("ns.f", None, None), StoredTask("ns.g", bytes(20), b"blob")),
        ),
    ],
    ids=lambda outcome: str(outcome.number),
)  # fmt: skip
def test_outcome_survives_its_wire_form(outcome: Outcome) -> None:
    """Everything comes back as it was, of the same types."""
    back = unpack_outcome(pack_outcome(outcome))

    assert outcome._replace(value=None) == back._replace(value=None)
    assert fields(outcome.value) == fields(back.value)
    assert [type(part) for part in outcome] == [type(part) for part in back]
    if isinstance(back.detail, ErrorDetail):
        assert all(type(frame) is Frame for frame in back.detail.frames + back.detail.all_frames)


def test_live_object_does_not_cross() -> None:
    """What arrives is undecoded, whatever the sender holds."""
    back = unpack_outcome(pack_outcome(Outcome(1, OK, token_ref(), USAGE, None, None)))

    assert back.value is not None
    assert back.value.obj is UNDECODED


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_outcome_is_unpacked_from_any_buffer(kind: Any) -> None:
    """Bytes may come straight out of a receive buffer."""
    data = pack_outcome(Outcome(1, OK, pickled_ref(), USAGE, None, None))

    assert unpack_outcome(kind(data)).number == 1
