"""The words every other room shares: marker classes, the undecoded value, and the type registry.

Base knows no concrete type. A room that owns a type registers a `TypeHandler` for it here, and the
rooms that hash, encode, show or check values ask `find_handler`. State: the one registry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any


class Lazy:
    """Marks an expression: something the scheduler has to reduce before it is a value."""

    __slots__ = ()


class TaskKind:
    """Marks a task, so that rooms below `task.py` can tell one without importing it."""

    __slots__ = ()


FORMAT_TOKEN = "t"
"""The token itself is the value: `hashing.decode_token` gives it back."""
FORMAT_PICKLE = "p"
"""Plain pickle, protocol 5; everything in it goes by reference."""
FORMAT_CODE = "c"
"""`importlib.util.MAGIC_NUMBER`, then cloudpickle bytes that hold code by value."""
FORMAT_BUFFERS = "b"
"""Pickle with its out-of-band buffers laid out behind it, aligned, to be memory-mapped."""
FORMAT_PARTS = "m"
"""A nested value composed of other encoded values that the composing process did not decode."""
FORMAT_EXPRESSION = "e"
"""An expression's node table (`expression.encode_expression`)."""

FLAG_CHECK = 1
"""Some part must be asked whether it is still valid (a file, a task, a handle) before re-use."""
FLAG_FILE = 2
"""The encoded bytes live in the value store under the value's hash, not in `data`."""


class ValueRef:
    """A value by its hash and encoding, decoded or not.

    The engine hands these from one job to the next without looking inside. Immutable but for `row`
    and `obj`, which the recorder and the owner of a live object fill in.
    """

    __slots__ = (
        "token",
        "format",
        "data",
        "size",
        "preview",
        "type_name",
        "flags",
        "classes",
        "row",
        "obj",
    )

    token: bytes
    """Canonical bytes of at most 64, or a mark and a 20-byte digest; see `hashing`."""
    format: str
    """One of the FORMAT_* letters."""
    data: bytes | None
    """Encoded bytes; None for FORMAT_TOKEN, and where FLAG_FILE is set."""
    size: int
    """Number of encoded bytes, wherever they live; 0 for FORMAT_TOKEN."""
    preview: str | None
    """Text of at most 200 characters; None for FORMAT_TOKEN, whose token gives it."""
    type_name: str
    """Module and qualified name of the value's class."""
    flags: int
    """Sum of FLAG_* bits."""
    classes: tuple[str, ...]
    """``module:qualname`` of the classes, other than handled types, with instances in the value."""
    row: int | None
    """Row id in the value table once the recorder has one."""
    obj: Any
    """The live immutable scalar, or `UNDECODED`."""

    def __init__(
        self,
        token: bytes,
        format: str,
        data: bytes | None,
        size: int,
        preview: str | None,
        type_name: str,
        flags: int = 0,
        classes: tuple[str, ...] = (),
        row: int | None = None,
        obj: Any = None,
    ) -> None:
        self.token = token
        self.format = format
        self.data = data
        self.size = size
        self.preview = preview
        self.type_name = type_name
        self.flags = flags
        self.classes = classes
        self.row = row
        self.obj = UNDECODED if obj is None else obj

    def __repr__(self) -> str:
        return f"ValueRef({self.preview or self.token!r})"


class _Undecoded:
    """The one object that says that a `ValueRef` holds no live value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDECODED"


UNDECODED: Any = _Undecoded()


@dataclass(frozen=True)
class TypeHandler:
    """How values of one type are hashed, shown, searched and checked.

    Parameters
    ----------
    tag
        Name of the type in the pre-image of its hashes. Kept for ever.
    state
        Gives the canonical state of a value: any nested value that itself has a hash. `memoryview`
        and `bytes` in it are taken as they are, without a copy. None for the generic rules, by which
        an object without handler is hashed.
    preview
        Gives a text of about at most the given number of characters; None means `repr`.
    children
        Yields the parts that may hold expressions or values with a validity; None means none.
    is_valid
        Tells whether a recorded value of this type still holds; None means always.
    subclasses
        Whether the handler also serves subclasses that have none of their own.
    code
        Class of the user's that does all this. Its code, and that of the value's own class, count in
        the key of a call that is given such a value.
    name
        What rows and pages call the type; None means module and qualified name.
    parse
        Makes a value of an annotation and a text of the command line; None means the rules for all.
    """

    tag: str
    state: Callable[[Any], Any] | None
    preview: Callable[[Any, int], str] | None = None
    children: Callable[[Any], Iterable[Any]] | None = None
    is_valid: Callable[[Any], bool] | None = None
    subclasses: bool = False
    code: type | None = None
    name: str | None = None
    parse: Callable[[Any, str], Any] | None = None


_handlers: dict[type, TypeHandler] = {}
_found: dict[type, TypeHandler | None] = {}
_lazy: dict[str, Callable[[], None]] = {}
_late: dict[type, Callable[[], object]] = {}


def register_type(cls: type, handler: TypeHandler) -> None:
    """Let `handler` speak for values of class `cls` from now on."""
    _handlers[cls] = handler
    _found.clear()


def register_package(package: str, load: Callable[[], None]) -> None:
    """Call `load` once, when a value of a class from top-level `package` is first met.

    So numpy and pandas get their handlers without ever being imported for it.
    """
    _lazy[package] = load


def register_late(cls: type, load: Callable[[], object]) -> None:
    """Call `load` once, when a value of exactly class `cls` is first met; it registers the handler.

    So that what hashes functions is loaded wherever a function is hashed, and nowhere else.
    """
    _late[cls] = load


_namer: tuple[Callable[[Any], str | None], Callable[..., Any]] | None = None


def set_namer(find: Callable[[Any], str | None], load: Callable[..., Any]) -> None:
    """Say how an object is named that has no state, and what finds it again by module, name and class."""
    global _namer
    _namer = find, load


def find_object_name(value: Any) -> tuple[str, Callable[..., Any]] | None:
    """Return under which name a module holds an object without state, and what finds it again; or None."""
    if _namer is None:
        find_handler(object)  # whoever speaks for bare objects is loaded late
    if _namer is None:
        return None
    find, load = _namer
    name = find(value)
    return None if name is None else (name, load)


def find_handler(cls: type) -> TypeHandler | None:
    """Return the handler that speaks for class `cls`, or None when the generic rules apply."""
    try:
        return _found[cls]
    except KeyError:
        pass
    late = _late.pop(cls, None)
    if late is not None:
        late()
    for base in cls.__mro__:
        load = _lazy.pop(base.__module__.partition(".")[0], None)
        if load is not None:
            load()
    handler = _handlers.get(cls)
    if handler is None:
        for base in cls.__mro__[1:]:
            candidate = _handlers.get(base)
            if candidate is not None and candidate.subclasses:
                handler = candidate
                break
    _found[cls] = handler
    return handler


_quote: Callable[[Any], Any] | None = None


def set_quote(quote: Callable[[Any], Any]) -> None:
    """Say how an expression is made a value, that it may be hashed."""
    global _quote
    _quote = quote


def quote(value: Any) -> Any:
    """Return a value by which an expression is told: its calls, and their arguments."""
    assert _quote is not None, "who has an expression has loaded what makes them"
    return _quote(value)


def iter_handlers() -> Iterator[tuple[type, TypeHandler]]:
    """Yield every registered class with its handler."""
    yield from _handlers.items()
