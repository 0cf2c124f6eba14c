"""Tags: keys with values on executions, jobs, tasks, call nodes and values.

Decided here: how a tag is written as text and read, and what a key may be. Not here: where tags are
kept (`recorder`), how they get there (`control.apply_tags`, the `tags` option, ``--tag``). No state.

>>> parse_tag("n=3"), parse_tag("env=prod"), parse_tag("checked")
(('n', 3), ('env', 'prod'), ('checked', None))
>>> format_tag("env", "prod"), format_tag("n", 3), format_tag("checked", None)
('env=prod', 'n=3', 'checked')
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from redunlite.errors import UsageError

SHOWN = 50
"""Characters of a value in a line."""
ENTITIES = ("execution", "job", "task", "call", "value")
"""What can have tags."""

Tag = tuple[str, Any]
_WORDS = {"true": True, "false": False, "null": None, "": None}


def parse_tag_value(text: str) -> Any:
    """Return the value that a text stands for.

    JSON when it begins with ``[``, ``{`` or ``"``; nothing and ``null`` are None; then whole numbers,
    numbers, ``true`` and ``false``; else the text itself.

    Raises
    ------
    UsageError
        When it begins like JSON and is none.
    """
    if text[:1] in ("[", "{", '"'):
        try:
            return json.loads(text)
        except ValueError as error:
            raise UsageError(f"tag value {text!r} is not JSON: {error}") from None
    if text in _WORDS:
        return _WORDS[text]
    for number in (int, float):
        try:
            value = number(text)
        except ValueError:
            continue
        if value == value and abs(value) != float("inf"):
            return value
    return text


def parse_tag(text: str) -> Tag:
    """Return key and value of ``key=value``, or of a key alone.

    Raises
    ------
    UsageError
        When there is no key, or the value is not what it begins like.
    """
    key, equals, value = text.partition("=")
    return check_key(key), parse_tag_value(value) if equals else None


def check_key(key: str) -> str:
    """Return a key that can be one.

    Raises
    ------
    UsageError
        When it is empty, or holds blanks, ``=``, or what cannot be printed.
    """
    if not key or not key.isprintable() or any(c.isspace() or c == "=" for c in key):
        raise UsageError(f"{key!r} cannot be the key of a tag", "write tags as key=value")
    return key


def encode_tag_value(value: Any) -> str:
    """Return a value as it is recorded: JSON.

    Raises
    ------
    UsageError
        When it is not plain data.
    """
    from redunlite.preview import as_utf8, format_preview  # completion reads tags without it

    try:
        return as_utf8(json.dumps(value, sort_keys=True, ensure_ascii=False))
    except Exception as error:  # a mapping or text of the user's own class may do anything
        raise UsageError(f"tag value {format_preview(value)} cannot be recorded: {error}") from None


def format_tag_value(value: Any) -> str:
    """Return the text that `parse_tag_value` reads as this value."""
    if isinstance(value, str) and parse_plain(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def parse_plain(text: str) -> bool:
    """Tell whether a text stands for itself."""
    return text[:1] not in ("[", "{", '"') and parse_tag_value(text) == text


def format_tag(key: str, value: Any, limit: int | None = None) -> str:
    """Return a tag as text, key and value cut to `limit` characters each."""
    if limit is not None and len(key) > limit:
        key = key[: limit - 1] + "…"
    if value is None:
        return key
    shown = format_tag_value(value)
    if limit is not None and len(shown) > limit:
        shown = shown[: limit - 1] + "…"
    return f"{key}={shown}"


def format_tags(tags: Iterable[Tag]) -> str:
    """Return tags in parentheses behind a blank, as lines end with them; empty without any."""
    text = ", ".join(format_tag(key, value, SHOWN) for key, value in tags)
    return f" ({text})" if text else ""


def value_key(value_hash: bytes) -> int:
    """Return the number under which a value's tags are kept, whichever rows have that value."""
    return int.from_bytes(value_hash[:8], "big", signed=True)
