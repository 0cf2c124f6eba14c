"""Exceptions as bytes, and back: what of an exception leaves the process it was raised in.

Decided here: how an exception is kept whole, and what stands in for one, or for a member of a group,
that cannot be. Not here: how one is pickled (`serialize.reduce_exception`), the frames and
lines that people read (`tracebacks`), failures as recorded values (`value.ErrorValue`). No state.

>>> class NotFound(Exception):
...     def __init__(self, code):
...         super().__init__(f"not found: {code}")
...         self.code = code
>>> error = decode_exception(encode_exception(NotFound(404)))
>>> str(error), error.code
('not found: 404', 404)
"""

from __future__ import annotations

from _frozen_importlib_external import MAGIC_NUMBER  # importlib.util's, without importing it
from collections.abc import Sequence
from typing import Any

from redunlite import hashing, serialize
from redunlite.call import ErrorDetail
from redunlite.errors import RemoteError, UndecodableError
from redunlite.kinds import FORMAT_CODE, FORMAT_PICKLE, ValueRef
from redunlite.tracebacks import (
    MAX_CAUSES,
    describe_exception,
    find_behind,
    format_frames,
    get_headline,
    summarize_exception,
)
from redunlite.valuestore import ValueStore

MAX_GROUPS = 20
"""Groups within groups that are looked into for the members that cannot leave."""


def encode_exception(error: BaseException) -> bytes:
    """Return bytes that `decode_exception` can surely read, whatever `error` is.

    What cannot leave is replaced by a `RemoteError` that names it, an `Exception` whatever it stands
    for; of a group only such members are, and such attributes of the group are left out.
    """
    data = _encode_whole(error)
    if data is None:
        data = _encode_whole(_replace(error))
    return data if data is not None else serialize.encode_bytes(make_stand_in(error))


def decode_exception(data: bytes | memoryview) -> BaseException:
    """Return the exception that `encode_exception` gave `data` for.

    Raises
    ------
    UndecodableError
        When its class is not in this program.
    """
    error = serialize.decode_bytes(data)
    if not isinstance(error, BaseException):
        raise UndecodableError(f"a {type(error).__qualname__} is recorded as an exception")
    return error


def encode_exception_value(error: BaseException, store: ValueStore) -> ValueRef:
    """Return an exception as a value that a task can be given.

    What was behind it does not belong to the value: it does not count in the hash. Where what it
    holds has no hash, its class and text count.
    """
    walk = hashing.Walk()
    try:
        tok = walk.run(error)
    except BaseException:  # reducing it runs the user's code
        fields = (hashing.class_name(type(error)), summarize_exception(error))
        tok = b"#" + hashing.digest(b"exception", *(field.encode() for field in fields))
    data = encode_exception(error)
    form = FORMAT_CODE if data[:4] == MAGIC_NUMBER else FORMAT_PICKLE
    return serialize.make_ref(tok, form, [data], error, walk, store)


def make_stand_in(error: BaseException) -> RemoteError:
    """Return what is left of an exception that cannot leave this process: texts."""
    try:
        text = str(error)
    except BaseException:  # the user's class, which may do anything
        text = "<the exception has no text>"
    name = serialize.type_name(type(error))
    return RemoteError(name, text, _format_detail(describe_exception(error)))


def make_stand_in_from(detail: ErrorDetail) -> RemoteError:
    """Return what is left of an exception that this process cannot make: what was told of it."""
    name, _, text = get_headline(detail.summary).partition(": ")
    return RemoteError(name, text, _format_detail(detail))


def _format_detail(detail: ErrorDetail) -> str:
    head = ["Traceback (most recent call last):"] if detail.frames else []
    return "\n".join([*head, *format_frames(detail.frames), detail.summary])


# What was behind an exception.


def encode_behind(error: BaseException) -> tuple[tuple[bool, bytes], ...]:
    """Return the exceptions behind `error`, the nearest first, and whether each is a cause.

    At most `tracebacks.MAX_CAUSES`, as its traceback would show them.
    """
    return tuple((is_cause, encode_exception(behind)) for behind, is_cause in find_behind(error))


def restore_behind(error: BaseException, behind: Sequence[tuple[bool, bytes]]) -> None:
    """Set cause and context of `error`, and of those, as they were when they were encoded."""
    for is_cause, data in behind[:MAX_CAUSES]:
        try:
            found = decode_exception(data)
        except UndecodableError:  # only what is told of the error is less
            return
        if is_cause:
            error.__cause__ = found
        else:
            error.__context__ = found
        error = found


# What can leave, and what is put in its place.


def _encode_whole(error: Any) -> bytes | None:
    """Return bytes that were seen to become an exception of the class of `error`, or None."""
    for form in (error, _Parts(error)):
        try:
            data = serialize.encode_bytes(form, has_exception=True)
            if isinstance(serialize.decode_bytes(data), type(error)):
                return data
        except BaseException:  # pickling an exception runs the user's own code, and often fails
            continue
    return None


class _Parts:
    """Pickled as an exception's parts, whatever its class says."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __reduce__(self) -> tuple[Any, ...]:
        return serialize.reduce_exception(self._error)


def _replace(error: Any, depth: int = 0) -> BaseException:
    """Return `error` if it can leave, a group with stand-ins, or a stand-in."""
    if depth and _can_leave(error):
        kept: BaseException = error
        return kept
    if not issubclass(type(error), serialize.GROUP) or depth == MAX_GROUPS:
        return make_stand_in(error)
    members = [_replace(member, depth + 1) for member in error.exceptions]
    try:
        attributes = {name: value for name, value in vars(error).items() if _can_leave(value)}
        args = tuple(members if _is_same(arg, error.exceptions) else arg for arg in error.args)
        group = serialize.rebuild_exception(
            type(error), (error.message, members), attributes, {"args": args}
        )
    except BaseException:  # the user's class, which may do anything
        return make_stand_in(error)
    return group if _can_leave(group) else make_stand_in(error)


def _is_same(arg: Any, members: Sequence[BaseException]) -> bool:
    """Tell whether an argument of a group is its members."""
    if not isinstance(arg, (list, tuple)) or len(arg) != len(members):
        return False
    return all(a is b for a, b in zip(arg, members))


def _can_leave(value: Any) -> bool:
    """Tell whether a value survives pickling."""
    try:
        data = serialize.encode_bytes(value, has_exception=True)
        return isinstance(serialize.decode_bytes(data), type(value))
    except BaseException:  # pickling runs the user's own code
        return False
