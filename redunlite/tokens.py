"""Tokens of scalars, and how those of a container's members are framed: one by one or in columns.

Decided here, and kept for ever under `HASH_VERSION`: the canonical bytes of scalars and of the members
of a container, as the docstring of `hashing` writes them down. What is written twice here is written
for speed: a framing made from many values at once equals that made from their tokens. Not here: the
walk through nested values (`hashing`). No state.

>>> values = [1, None] * 20
>>> b"".join(frame_values(values)) == frame_members(scalar_tokens(values))
True
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from itertools import chain, compress, repeat
from operator import itemgetter, ne
from typing import Any

HASH_VERSION = 1
"""Part of every pre-image; changes with any of them."""
DIGEST_BYTES = 20
LITERAL_BYTES = 64
"""Canonical bytes up to this length are the token itself."""
COLUMNS_FROM = 32
"""Number of members from which they are framed in columns."""
DIGEST = ord("#")
"""The mark of a token that is a digest."""

BYTE: tuple[bytes, ...] = tuple(bytes((i,)) for i in range(256))
pack_length = struct.Struct("<Q").pack
_MAX_PAYLOAD = LITERAL_BYTES - 1
_COLUMNS = b"\xff"
_pack_int = struct.Struct("<q").pack
_pack_float = struct.Struct("<d").pack
_pack_framed_int = struct.Struct("<2sq").pack
_pack_framed_float = struct.Struct("<2sd").pack
_NAN = b"f" + bytes.fromhex("000000000000f87f")
_NONE, _FALSE, _TRUE = ord("N"), ord("F"), ord("T")
_INT, _WIDE_INT, _FLOAT, _STR, _BYTES = map(ord, "iIfsb")
_WIDTHS = {_NONE: 0, _TRUE: 0, _FALSE: 0, _INT: 8, _FLOAT: 8, DIGEST: DIGEST_BYTES}
"""Payload bytes of the kinds whose payloads have one length."""

Buffer = bytes | bytearray | memoryview
Columns = tuple[bytes, dict[int, Buffer]]
"""Kinds of values, one byte for all when they are alike, and the column of payloads of each kind."""


def make_prefix(kind: bytes) -> bytes:
    """Return what a pre-image of that kind begins with."""
    return b"redunlite/%d/%s\n" % (HASH_VERSION, kind)


_VALUE = make_prefix(b"value")


def value_digest(canonical: bytes, *rest: Buffer) -> bytes:
    """Return the digest of canonical bytes; `rest` is what follows, taken without a copy."""
    if not rest:
        return sha256(_VALUE + pack_length(len(canonical)) + canonical).digest()[:DIGEST_BYTES]
    size = len(canonical)
    for part in rest:
        size += part.nbytes if isinstance(part, memoryview) else len(part)
    running = sha256(_VALUE + pack_length(size) + canonical)
    for part in rest:
        running.update(part)
    return running.digest()[:DIGEST_BYTES]


def finish(canonical: bytes) -> bytes:
    """Return the token of a value whose canonical bytes, if they are few, hold it whole."""
    return canonical if len(canonical) <= LITERAL_BYTES else b"#" + value_digest(canonical)


def finish_members(tag: bytes, tokens: Sequence[bytes]) -> bytes:
    """Return the token of a list or tuple whose members have these tokens."""
    framed = frame_members(tokens)
    if len(framed) < LITERAL_BYTES and _are_literal(tokens):
        return tag + framed
    return b"#" + value_digest(tag, framed)


def finish_pairs(keys: Sequence[bytes], values: Sequence[bytes]) -> bytes:
    """Return the token of a dict whose keys and values have these tokens."""
    canonical = b"d" + frame_members(keys) + frame_members(values)
    if len(canonical) <= LITERAL_BYTES and _are_literal(keys) and _are_literal(values):
        return canonical
    return b"#" + value_digest(canonical)


def _are_literal(tokens: Sequence[bytes]) -> bool:
    if len(tokens) >= COLUMNS_FROM:
        return False
    # A loop: `all` of a generator takes three times as long for the few there are.
    for tok in tokens:  # noqa: SIM110
        if tok[0] == DIGEST:
            return False
    return True


# Scalars.


def _int_token(value: int) -> bytes:
    try:
        return b"i" + _pack_int(value)
    except struct.error:
        return finish(b"I" + value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))


def _float_token(value: float) -> bytes:
    return b"f" + _pack_float(value) if value == value else _NAN


def _str_token(value: str) -> bytes:
    canonical = b"s" + value.encode("utf-8", "surrogatepass")
    return canonical if len(canonical) <= LITERAL_BYTES else finish(canonical)


def bytes_token(value: bytes | memoryview) -> bytes:
    """Return the token of bytes, wherever they lie."""
    size = value.nbytes if type(value) is memoryview else len(value)
    return b"b" + bytes(value) if size < LITERAL_BYTES else b"#" + value_digest(b"b", value)


SCALARS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda value: b"N",
    bool: lambda value: b"T" if value else b"F",
    int: _int_token,
    float: _float_token,
    str: _str_token,
    bytes: bytes_token,
}
"""What gives the token of a value of each scalar type."""


def scalar_tokens(values: Iterable[Any]) -> list[bytes] | None:
    """Return the tokens of values, or None when they are not all scalars."""
    tokens = []
    for value in values:
        encode = SCALARS.get(type(value))
        if encode is None:
            return None
        tokens.append(encode(value))
    return tokens


# Members by their tokens.


def frame_members(tokens: Sequence[bytes]) -> bytes:
    """Return the framing of the members with these tokens."""
    n = len(tokens)
    if n < COLUMNS_FROM:
        parts = [BYTE[n]]
        for tok in tokens:
            parts.append(BYTE[len(tok)])
            parts.append(tok)
        return b"".join(parts)
    kinds = bytes([tok[0] for tok in tokens])
    letters = set(kinds)
    if len(letters) == 1:
        column = _column_of_tokens(kinds[0], tokens)
        return b"".join(_list_columns(n, (kinds[:1], {kinds[0]: column})))
    by_kind: dict[int, list[bytes]] = {letter: [] for letter in letters}
    for tok in tokens:
        by_kind[tok[0]].append(tok)
    columns: dict[int, Buffer] = {
        letter: _column_of_tokens(letter, some) for letter, some in by_kind.items()
    }
    return b"".join(_list_columns(n, (kinds, columns)))


def _list_columns(n: int, found: Columns) -> list[Buffer]:
    """Return the parts of the framing of members whose columns are these."""
    kinds, columns = found
    kind = b"\x01" + kinds[:1] if len(columns) == 1 else b"\x00" + kinds
    payloads = [columns[letter] for letter in sorted(columns)]
    return [_COLUMNS + pack_length(n) + kind, *payloads]


def _column_of_tokens(letter: int, tokens: Sequence[bytes]) -> bytes:
    width = _WIDTHS.get(letter)
    if width == 0:
        return b""
    if width is not None:
        column = bytearray(b"".join(tokens))
        del column[:: width + 1]
        return bytes(column)
    payloads = [tok[1:] for tok in tokens]
    return bytes(map(len, payloads)) + b"".join(payloads)


# Many scalars at once.


def frame_values(values: Sequence[Any]) -> list[Buffer] | None:
    """Return the framing of concrete scalars, 32 or more; None when that cannot be told quickly.

    Its parts, to be hashed one after another: together, they are `frame_members` of the tokens.
    """
    # A few tell most often that there are several types; then one look at all of them is enough.
    classes = set(map(type, values[:COLUMNS_FROM]))
    if len(classes) == 1:
        classes |= set(map(type, values))
    if len(classes) == 1:
        make = _COLUMNS_OF.get(classes.pop())
        return None if make is None else _list_columns(len(values), make(values))
    try:
        kinds = bytes(map(_USUAL_KINDS.__getitem__, map(type, values)))
    except KeyError:
        return None
    found = {}
    for cls, letter in _USUAL_KINDS.items():
        if letter in kinds:
            found[letter] = _COLUMNS_OF[cls](list(compress(values, _mark(kinds, letter))))
    merged = _merge_columns(kinds, found)
    return None if merged is None else _list_columns(len(values), merged)


def _mark(kinds: bytes, letter: int) -> bytes:
    """Return a 1 for each kind that is `letter`, a 0 for any other."""
    return kinds.translate(bytes(letter) + b"\x01" + bytes(255 - letter))


def _merge_columns(kinds: bytes, found: dict[int, Columns]) -> Columns | None:
    """Return the columns of values whose groups, each with a letter of its own in `kinds`, have these.

    None when digests come from several groups: they stand in one column, in the order of the values.
    """
    columns: dict[int, Buffer] = {}
    spread: bytes | bytearray = kinds
    for letter, (own, own_columns) in found.items():
        if columns.keys() & own_columns.keys():
            return None
        columns.update(own_columns)
        if len(own_columns) > 1 or own[0] != letter:
            spread = bytearray(spread)
            places = compress(range(len(kinds)), _mark(kinds, letter))
            for place, kind in zip(places, own if len(own_columns) > 1 else repeat(own[0])):
                spread[place] = kind
    return bytes(spread), columns


def _none_columns(values: Sequence[None]) -> Columns:
    return b"N", {_NONE: b""}


def _bool_columns(values: Sequence[bool]) -> Columns:
    kinds = bytes(values).translate(b"FT" + bytes(254))
    return kinds, {letter: b"" for letter in (_FALSE, _TRUE) if letter in kinds}


def _int_columns(values: Sequence[int]) -> Columns:
    try:
        column = array("q", values)
    except OverflowError:
        return _wide_int_columns(values)
    if sys.byteorder == "big":
        column.byteswap()
    return b"i", {_INT: memoryview(column).cast("B")}


def _wide_int_columns(values: Sequence[int]) -> Columns:
    """Return the columns of whole numbers that are not all of 64 bits."""
    fits = bytes([-(1 << 63) <= value < 1 << 63 for value in values])
    kinds = fits.translate(b"Ii" + bytes(254))
    wide = [
        value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        for value in compress(values, _mark(kinds, _WIDE_INT))
    ]
    columns = _payload_columns(_WIDE_INT, wide)
    if len(wide) == len(values):
        return columns
    found = {_INT: _int_columns(list(compress(values, fits))), _WIDE_INT: columns}
    merged = _merge_columns(kinds, found)
    assert merged is not None
    return merged


def _float_columns(values: Sequence[float]) -> Columns:
    column = array("d", values)
    if sys.byteorder == "big":
        column.byteswap()
    data = memoryview(column).cast("B")
    total = sum(values)
    # A sum that is no number is a quick sign that there may be a NaN, whose bits vary.
    if total != total:
        for i in compress(range(len(values)), map(ne, values, values)):
            data[8 * i : 8 * i + 8] = _NAN[1:]
    return b"f", {_FLOAT: data}


def _str_columns(values: Sequence[str]) -> Columns:
    joined = "".join(values)
    if joined.isascii() and max(map(len, values)) <= _MAX_PAYLOAD:
        return b"s", {_STR: bytes(map(len, values)) + joined.encode("ascii")}
    return _payload_columns(_STR, [value.encode("utf-8", "surrogatepass") for value in values])


def _bytes_columns(values: Sequence[bytes]) -> Columns:
    return _payload_columns(_BYTES, values)


def _payload_columns(letter: int, payloads: Sequence[bytes]) -> Columns:
    """Return the columns of payloads of any length: what is too long for a token is digested."""
    if max(map(len, payloads)) <= _MAX_PAYLOAD:
        return BYTE[letter], {letter: bytes(map(len, payloads)) + b"".join(payloads)}
    tag = BYTE[letter]
    fits = bytes([len(payload) <= _MAX_PAYLOAD for payload in payloads])
    digests = [value_digest(tag + p) for p in payloads if len(p) > _MAX_PAYLOAD]
    columns: dict[int, Buffer] = {DIGEST: b"".join(digests)}
    if len(digests) == len(payloads):
        return b"#", columns
    short = list(compress(payloads, fits))
    columns[letter] = bytes(map(len, short)) + b"".join(short)
    return fits.translate(b"#" + tag + bytes(254)), columns


_USUAL_KINDS: dict[type, int] = {
    type(None): _NONE, bool: _FALSE, int: _INT, float: _FLOAT, str: _STR, bytes: _BYTES
}  # fmt: skip
_COLUMNS_OF: dict[type, Callable[[Sequence[Any]], Columns]] = {
    type(None): _none_columns,
    bool: _bool_columns,
    int: _int_columns,
    float: _float_columns,
    str: _str_columns,
    bytes: _bytes_columns,
}


# Many rows at once.


def row_tokens(rows: Sequence[Any], cls: type) -> list[bytes] | None:
    """Return the tokens of lists, tuples or dicts of one shape with scalars in them.

    Parameters
    ----------
    cls
        The exact type of all rows.

    Returns
    -------
    tokens
        None when it is none of those types, or rows have different lengths or keys, or long members.
    """
    if cls is dict:
        names = find_names(rows)
        return None if names is None else pair_tokens(rows, names)
    sizes = set(map(len, rows)) if cls is list or cls is tuple else set()
    n = sizes.pop() if len(sizes) == 1 else 0
    if not 0 < n < COLUMNS_FROM:
        return None
    return _join_rows((b"l" if cls is list else b"t") + BYTE[n], rows, range(n))


def find_names(rows: Sequence[dict[Any, Any]]) -> tuple[str, ...] | None:
    """Return the keys that all rows have, in their order; None when they differ or are no strings."""
    # Of each key the type: those that are equal are not always the same, such as 1 and True.
    if set(map(type, chain.from_iterable(rows))) != {str}:
        return None
    found = set(map(tuple, rows))
    names: tuple[str, ...] = found.pop()
    return names if not found and len(names) < COLUMNS_FROM else None


def pair_tokens(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> list[bytes] | None:
    """Return the tokens of dicts that all have these keys and no other, in this order."""
    keys = [_str_token(name) for name in names]
    if not _are_literal(keys):
        return None
    return _join_rows(b"d" + frame_members(keys) + BYTE[len(keys)], rows, names)


def _join_rows(head: bytes, rows: Sequence[Any], places: Iterable[Any]) -> list[bytes] | None:
    """Return the tokens of rows from the framed tokens of what they have at each place."""
    columns: list[Iterable[bytes]] = [repeat(head)]
    for place in places:
        column = _frame_each(list(map(itemgetter(place), rows)))
        if column is None:
            return None
        columns.append(column)
    tokens = list(map(b"".join, zip(*columns)))
    if max(map(len, tokens)) > LITERAL_BYTES:
        tokens = [finish(tok) for tok in tokens]
    return tokens


def _frame_each(values: list[Any]) -> list[bytes] | None:
    """Return each value's token with its length before it; None unless all are literal scalars."""
    classes = set(map(type, values))
    if classes == {int}:
        try:
            return list(map(_pack_framed_int, repeat(b"\x09i"), values))
        except struct.error:
            pass  # some have more than 64 bits
    elif classes == {float}:
        total = sum(values)
        if total == total:
            return list(map(_pack_framed_float, repeat(b"\x09f"), values))
    elif not classes <= SCALARS.keys():
        return None
    tokens = [SCALARS[type(value)](value) for value in values]
    if DIGEST in map(itemgetter(0), tokens):
        return None
    return [BYTE[len(tok)] + tok for tok in tokens]
