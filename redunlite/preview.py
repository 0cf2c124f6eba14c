"""A short text for any value, made with bounded work.

Decided here: how values look in job lines, tables and recorded previews: like `repr`, cut to a
limit, on one line, without control characters. Not here: how types with handlers look
(`TypeHandler.preview`). State: none.

>>> format_preview([1, "two", None])
"[1, 'two', None]"
>>> format_preview("x" * 1000, limit=10)
"'xxxxxxxx…"
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redunlite import kinds

PREVIEW_LIMIT = 200
"""Characters of a recorded preview."""

_MAX_DEPTH = 8
_SHORT = frozenset({type(None), bool, float})
"""Types whose `repr` is surely short."""
_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    dict: ("{", "}"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
}


def escape_controls(text: str) -> str:
    """Return `text` with each control or other unprintable character as an escape.

    >>> escape_controls("a\\x1b[31m")
    'a\\\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def as_utf8(text: str) -> str:
    """Return a text as files and databases can hold it: what came from bytes of no UTF-8 is escaped.

    >>> as_utf8("caf\\udce9.py") == "caf\\\\udce9.py"
    True
    """
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def format_preview(value: Any, limit: int = PREVIEW_LIMIT) -> str:
    """Return a text of at most `limit` characters that shows `value`.

    Never looks at more members than can be shown, and never raises on account of a user's
    ``__repr__``.
    """
    parts: list[str] = []
    left = _append(parts, value, limit + 1, 0)
    text = "".join(parts)
    return text if left > 0 and len(text) <= limit else text[: limit - 1] + "…"


def _append(parts: list[str], value: Any, left: int, depth: int) -> int:
    """Append the text of `value` to `parts`; return how many characters are left."""
    cls = type(value)
    brackets = _BRACKETS.get(cls)
    if brackets is None:
        if cls is int or cls is str:
            return _put(parts, _format_leaf(value, cls, left), left)
        fields = _get_fields(value, cls)
        if fields is None:
            return _put(parts, _format_leaf(value, cls, left), left)
        return _append_fields(parts, cls.__qualname__, fields, left, depth)
    if not value:
        return _put(parts, repr(value), left)
    left = _put(parts, brackets[0], left)
    if depth >= _MAX_DEPTH:
        left = _put(parts, "…", left)
    elif cls is dict:
        left = _append_items(parts, value.items(), left, depth)
    else:
        separator = ""
        for member in value:
            if left <= 0:
                return left
            if type(member) in _SHORT:
                text = separator + repr(member)
                parts.append(text)
                left -= len(text)
            else:
                left = _append(parts, member, _put(parts, separator, left), depth + 1)
            separator = ", "
        if cls is tuple and len(value) == 1:
            left = _put(parts, ",", left)
    return _put(parts, brackets[1], left)


def _append_items(parts: list[str], items: Iterable[tuple[Any, Any]], left: int, depth: int) -> int:
    first = True
    for key, member in items:
        if left <= 0:
            return left
        if not first:
            left = _put(parts, ", ", left)
        first = False
        left = _append(parts, key, left, depth + 1)
        left = _put(parts, ": ", left)
        left = _append(parts, member, left, depth + 1)
    return left


def _append_fields(
    parts: list[str], name: str, fields: Iterable[tuple[str, Any]], left: int, depth: int
) -> int:
    left = _put(parts, f"{name}(", left)
    if depth >= _MAX_DEPTH:
        return _put(parts, "…)", left)
    first = True
    for field, member in fields:
        if left <= 0:
            return left
        left = _put(parts, f"{field}=" if first else f", {field}=", left)
        first = False
        left = _append(parts, member, left, depth + 1)
    return _put(parts, ")", left)


def _put(parts: list[str], text: str, left: int) -> int:
    parts.append(text)
    return left - len(text)


def _get_fields(value: Any, cls: type) -> list[tuple[str, Any]] | None:
    """Return names and values of a namedtuple or a dataclass that shows itself by its fields."""
    try:
        return _list_fields(value, cls)
    except KeyboardInterrupt:
        raise
    except BaseException:  # an attribute of the user's class, which may do anything
        return None


def _list_fields(value: Any, cls: type) -> list[tuple[str, Any]] | None:
    if issubclass(cls, tuple):
        names = getattr(cls, "_fields", None)
        return list(zip(names, value)) if type(names) is tuple else None
    params = getattr(cls, "__dataclass_params__", None)
    # `__wrapped__` tells a generated `__repr__` from one that the user wrote.
    if params is None or not params.repr or not hasattr(cls.__repr__, "__wrapped__"):
        return None
    fields: dict[str, Any] = cls.__dataclass_fields__  # type: ignore[attr-defined]
    try:
        return [(n, getattr(value, n)) for n, f in fields.items() if f.repr and hasattr(value, n)]
    except KeyboardInterrupt:
        raise
    except BaseException:  # an attribute may be a property, and do anything
        return None


def _format_leaf(value: Any, cls: type, left: int) -> str:
    if cls in _SHORT:
        return repr(value)
    if cls is str or cls is bytes:
        text = repr(value[:left])
        return text if len(value) <= left else text[:-1] + "…"
    if cls is int:
        return repr(value) if value.bit_length() < 4096 else f"<int of {value.bit_length():,} bits>"
    handler = kinds.find_handler(cls)
    try:
        if handler is not None and handler.preview is not None:
            text = handler.preview(value, left)
        elif issubclass(cls, _SIZED) and len(value) > left:
            text = f"<{cls.__qualname__} of {len(value):,}>"
        else:
            text = repr(value)
        return escape_controls(text[: left + 1])
    except KeyboardInterrupt:
        raise
    except BaseException:  # a user's `__repr__` may do anything; the preview then says less
        return f"<{cls.__qualname__} object>"


_SIZED = (list, tuple, dict, set, frozenset, str, bytes, bytearray)
"""Classes whose subclasses' `repr` looks at every member."""
