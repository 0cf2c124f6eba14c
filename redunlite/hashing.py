"""Hashes of values, and the tokens that make them compose.

Decided here, and kept for ever under `HASH_VERSION`: the canonical bytes of every value, and every
pre-image. Not here: what types with handlers count as their state (`kinds.TypeHandler`), and what
a task's hash covers (`fingerprint`). State: the name that ``__main__`` goes by.

A value's *token* is its canonical bytes when they are at most 64 and hold the whole value, else
``#`` and their 20-byte digest. So a token without ``#`` can be decoded (`decode_token`): it is of a
scalar, or of a short list, tuple or dict of such. A container's canonical bytes hold only the tokens
of its members, so a container made of values that are known by their token alone hashes like the
concrete one::

    None N   True T   False F   int i + 8 bytes, little-endian; beyond 64 bits I + all bytes
    float    f + 8 bytes, one NaN, -0.0 apart
    str      s + UTF-8 (lone surrogates pass)          bytes  b + data
    list     l + members     tuple  t + members        dict   d + keys + values, in order
    set      S + members     frozenset  Z + members, tokens sorted
    object   o + (class, callable, arguments, attributes by name, items, pairs)
    handled  x + tag + token of the handler's state

Members are framed one by one when they are fewer than 32 (count, then length and token each). From
32 on they lie in columns: the kinds (one byte if all are equal), then for each kind, in the order of
its letter, the payloads one after another, with their lengths before them where they vary. So a
list of a million numbers is hashed from one array.

>>> token(1).hex()
'690100000000000000'
>>> decode_token(token([1, "two"]))
[1, 'two']
"""

from __future__ import annotations

import copyreg
import os
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property
from hashlib import sha256
from itertools import chain
from operator import attrgetter
from sys import getrefcount
from types import FunctionType
from typing import IO, Any, NamedTuple, TypeVar

from redunlite import kinds
from redunlite.errors import HiddenExpressionError, UnhashableValueError
from redunlite.kinds import FLAG_CHECK, Lazy, TypeHandler, ValueRef
from redunlite.preview import format_preview
from redunlite.tokens import (
    BYTE,
    COLUMNS_FROM,
    DIGEST,
    DIGEST_BYTES,
    SCALARS,
    bytes_token,
    find_names,
    finish_members,
    finish_pairs,
    frame_members,
    frame_values,
    make_prefix,
    pack_length,
    pair_tokens,
    row_tokens,
    scalar_tokens,
    value_digest,
)
from redunlite.tokens import HASH_VERSION as HASH_VERSION

_E = TypeVar("_E", UnhashableValueError, HiddenExpressionError)
_VERB = "cannot hash"
_MAX_STEPS = 20
"""Shown of the path to a part that has no hash."""
_unpack_int = struct.Struct("<q").unpack_from
_unpack_float = struct.Struct("<d").unpack_from

# Digests.


_ARGS = make_prefix(b"args")
_EVAL = make_prefix(b"eval")
_CALL = make_prefix(b"call")
_CLASSES = make_prefix(b"classes")


def digest(kind: bytes, *fields: bytes) -> bytes:
    """Return 20 bytes over `kind` and `fields`, each with its length before it."""
    parts = [make_prefix(kind)]
    for field in fields:
        parts.append(pack_length(len(field)))
        parts.append(field)
    return sha256(b"".join(parts)).digest()[:DIGEST_BYTES]


def value_hash(tok: bytes) -> bytes:
    """Return the 20-byte hash of the value whose token is `tok`."""
    return tok[1:] if tok[0] == DIGEST else value_digest(tok)


def arguments_prefix(names: Iterable[str]) -> bytes:
    """Return what `hash_arguments` begins with for parameters of these names."""
    encoded = [name.encode("utf-8", "surrogatepass") for name in names]
    framed = b"".join([pack_length(len(name)) + name for name in encoded])
    return _ARGS + pack_length(len(encoded)) + framed


def hash_arguments(params_prefix: bytes, tokens: Sequence[bytes]) -> bytes:
    """Return the `args_hash` of one token a parameter, in the order of `arguments_prefix`."""
    if len(tokens) == 1:
        tok = tokens[0]
        return sha256(params_prefix + BYTE[len(tok)] + tok).digest()[:DIGEST_BYTES]
    parts = [params_prefix]
    for tok in tokens:
        parts.append(BYTE[len(tok)])
        parts.append(tok)
    return sha256(b"".join(parts)).digest()[:DIGEST_BYTES]


def args_hash(arguments: Iterable[tuple[str, bytes]]) -> bytes:
    """Return the `args_hash` of bound arguments given as names and tokens."""
    pairs = list(arguments)
    return hash_arguments(arguments_prefix(name for name, _ in pairs), [tok for _, tok in pairs])


def eval_hash(task_hash: bytes, args_hash: bytes, classes_digest: bytes = b"") -> bytes:
    """Return the cache key of a call.

    Parameters
    ----------
    task_hash, args_hash
        20 bytes each.
    classes_digest
        `hash_classes` of the project classes with instances in the arguments; empty without any.
    """
    return sha256(_EVAL + task_hash + args_hash + classes_digest).digest()[:DIGEST_BYTES]


def hash_classes(hashes: Iterable[tuple[str, bytes]]) -> bytes:
    """Return the digest of class names and their code hashes, in whatever order; b"" for none."""
    fields = [field for name, code in sorted(hashes) for field in (name.encode(), code)]
    return digest(b"classes", *fields) if fields else b""


def call_hash(eval_hash: bytes, result_hash: bytes, child_hashes: bytes = b"") -> bytes:
    """Return the hash of a call node; `child_hashes` are the children's, joined in order."""
    return sha256(_CALL + eval_hash + result_hash + child_hashes).digest()[:DIGEST_BYTES]


# Text hashes of bytes, under the names that redun has for them: for a `get_hash` of the user's own.


def hash_bytes(data: bytes) -> str:
    """Return 40 hexadecimal digits over bytes."""
    return sha256(data).digest()[:DIGEST_BYTES].hex()


def hash_text(text: str) -> str:
    """Return 40 hexadecimal digits over the UTF-8 bytes of a text."""
    return hash_bytes(text.encode("utf-8", "surrogatepass"))


def hash_stream(stream: IO[bytes], block_size: int = 1 << 16) -> str:
    """Return `hash_bytes` of what can be read from a binary stream."""
    running = sha256()
    while block := stream.read(block_size):
        running.update(block)
    return running.digest()[:DIGEST_BYTES].hex()


def hash_tag_bytes(tag: str, data: bytes) -> str:
    """Return 40 hexadecimal digits over bytes that stand for something called `tag`."""
    return digest(b"tagged", tag.encode("utf-8", "surrogatepass"), data).hex()


def hash_struct(struct: Any) -> str:
    """Return the hash of any value, as 40 hexadecimal digits."""
    return value_hash(token(struct)).hex()


# Names of classes.

_main_name: str | None = None


def main_name() -> str:
    """Return the name that ``__main__`` goes by: its file's stem; itself without a file."""
    global _main_name
    if _main_name is None:
        path = getattr(sys.modules.get("__main__"), "__file__", None)
        if not path or path.startswith("<"):  # a shell, a notebook, `python - < file`
            return "__main__"
        _main_name = os.path.splitext(os.path.basename(path))[0]
    return _main_name


def set_main_name(name: str | None) -> None:
    """Let ``__main__`` go by `name`, as in a worker that stands for another program; None undoes."""
    global _main_name
    _main_name = name


def qualified_name(obj: Any) -> str:
    """Return ``module:qualname`` of a class or function, the same whichever way it was started."""
    module = obj.__module__
    if module == "__main__":
        module = main_name()
    return f"{module}:{obj.__qualname__}"


def is_named(obj: Any) -> bool:
    """Tell whether the name of a class or function leads back to that very object.

    Not so for what was made inside a function or by a call, and for what another of its name has
    replaced. A class that is written in C and fixed is the only one of its name.
    """
    if isinstance(obj, type) and not obj.__flags__ & HEAP_TYPE:
        return True
    found: Any = _find_home(obj.__module__)
    for part in obj.__qualname__.split("."):
        if found is None:
            return False
        found = getattr(found, part, None)
    return found is obj


def _find_home(module_name: Any) -> Any:
    """Return the module of that name; None when there is none.

    One inside a package that is loaded is imported, as pickle would do: ``numpy.rec`` is the home of a
    class before anything has imported it, and a hash must not depend on that.
    """
    found = sys.modules.get(module_name)
    if found is None and type(module_name) is str:
        package = module_name.rpartition(".")[0]
        if package in sys.modules:
            return _import(module_name)
    return found


@cache
def _import(module_name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module_name)
    except Exception:  # the module's own code runs
        return None


HEAP_TYPE = 1 << 9
"""The flag of a class that was made at run time (`Py_TPFLAGS_HEAPTYPE`)."""


class ClassHasher(NamedTuple):
    """Functions that hash classes by what they are; they belong to `fingerprint`, which knows code."""

    content_hash: Callable[[type], bytes]
    """Gives 20 bytes over a class's code, bases, attributes, fields and members."""
    carry_content_hash: Callable[[type, bytes], None]
    """Remembers the hash of a class that was made again from its bytes."""
    find_class: Callable[[bytes, str], type | None]
    """Finds a class of that content and qualified name which a module of the project holds."""


_load_class_hasher: Callable[[], ClassHasher] | None = None


def register_class_hasher(load: Callable[[], ClassHasher]) -> None:
    """Let `load` give who hashes classes that no name leads to; called when the first is met."""
    global _load_class_hasher
    _load_class_hasher = load


@cache
def get_class_hasher() -> ClassHasher:
    """Return who hashes classes by what they are."""
    assert _load_class_hasher is not None  # it comes with tasks
    return _load_class_hasher()


def class_name(cls: type) -> str:
    """Return what tells a class from all others.

    ``module:qualname`` where that name leads to it, ``__main__`` counting as the stem of its file;
    else the same and a hash of what the class is, so that two of one name stay two.
    """
    name = qualified_name(cls)
    return name if is_named(cls) else f"{name}#{get_class_hasher().content_hash(cls).hex()}"


def member_attributes(member: Any) -> dict[str, Any]:
    """Return what a member of an Enum holds beside its name and value."""
    return {
        name: value
        for name, value in getattr(member, "__dict__", {}).items()
        if name not in _OF_MEMBER
    }


_OF_MEMBER = frozenset({"_value_", "_name_", "__objclass__", "_sort_order_", "_inverted_"})


@cache
def _is_standard(module_name: str) -> bool:
    """Tell whether a module is of the standard library, and not a file that is named like one."""
    if module_name.partition(".")[0] not in sys.stdlib_module_names or module_name == "__main__":
        return False
    path = getattr(sys.modules.get(module_name), "__file__", None)
    return path is None or path.startswith(os.path.dirname(os.__file__))


SCALAR_TYPES = frozenset(SCALARS)
"""Exact types of immutable values that may be shared between calls as they are."""


# The walk.


def token(value: Any, classes: set[str] | None = None, name: str | None = None) -> bytes:
    """Return the token of `value`: at most 64 bytes, equal for equal values.

    Parameters
    ----------
    value
        Any value; a `ValueRef` anywhere in it stands for the value it refers to.
    classes
        Receives ``module:qualname`` of each class, other than handled types, with an instance in
        `value`.
    name
        What the value is called in error messages; None: whoever catches one says it.

    Raises
    ------
    UnhashableValueError
        When some part has no hash: a generator, an open file, a cycle. Names the part.
    HiddenExpressionError
        When some part is an expression.
    """
    encode = SCALARS.get(type(value))
    if encode is not None:
        return encode(value)
    flat = _flat_token(value)
    if flat is not None:
        return flat
    walk = Walk(name)
    tok = walk.run(value)
    if classes is not None:
        classes.update(walk.classes)
    return tok


def _flat_token(value: Any) -> bytes | None:
    """Return the token of a short list, tuple or dict of scalars, without a walk; else None."""
    cls = type(value)
    if (cls is not list and cls is not tuple and cls is not dict) or len(value) >= COLUMNS_FROM:
        return None
    tokens = scalar_tokens(value)
    if tokens is None:
        return None
    if cls is not dict:
        return finish_members(b"l" if cls is list else b"t", tokens)
    values = scalar_tokens(value.values())
    return None if values is None else finish_pairs(tokens, values)


def _close_list(frame: _Frame) -> bytes:
    return finish_members(b"l", frame.tokens)


def _close_tuple(frame: _Frame) -> bytes:
    return finish_members(b"t", frame.tokens)


def _close_set(frame: _Frame) -> bytes:
    return b"#" + value_digest(b"S" + frame_members(sorted(frame.tokens)))


def _close_frozenset(frame: _Frame) -> bytes:
    return b"#" + value_digest(b"Z" + frame_members(sorted(frame.tokens)))


def _close_dict(frame: _Frame) -> bytes:
    n = len(frame.tokens) // 2
    return finish_pairs(frame.tokens[:n], frame.tokens[n:])


def _close_object(frame: _Frame) -> bytes:
    return b"#" + value_digest(b"o" + frame_members(frame.tokens))


def _close_handled(frame: _Frame) -> bytes:
    tag: bytes = frame.tag
    return b"#" + value_digest(b"x" + BYTE[len(tag)] + tag + frame.tokens[0])


class _Attributes(dict[str, Any]):
    """The attributes of an object: hashed as a dict, named ``.attribute`` in paths."""

    __slots__ = ()


class _Frame:
    """A container whose members are being hashed."""

    __slots__ = ("value", "members", "tokens", "close", "tag", "is_shared")

    def __init__(
        self, value: Any, members: Iterator[Any], close: Callable[[_Frame], bytes], tag: bytes = b""
    ) -> None:
        self.value = value
        self.members = members
        self.tokens: list[bytes] = []
        self.close = close
        self.tag = tag
        self.is_shared = False


class Walk:
    """One walk through one value, without recursion.

    Parameters
    ----------
    name
        What the value is called in error messages; None: whoever catches one says it.
    """

    __slots__ = (
        "checked",
        "classes",
        "has_check",
        "has_exception",
        "has_marker",
        "has_ref",
        "name",
        "_active",
        "_known",
        "_stack",
    )

    def __init__(self, name: str | None = None) -> None:
        self.classes: set[str] = set()
        """``module:qualname`` of each class with an instance, handled types apart."""
        self.has_check = False
        """Whether some part must be asked if it is still valid."""
        self.has_exception = False
        """Whether some part is an exception; one of an undecoded part does not count."""
        self.has_marker = False
        """Whether some part is an object without state, which a name tells."""
        self.has_ref = False
        """Whether a `ValueRef` stands for some part."""
        self.checked: list[tuple[Any, Callable[[Any], bool]]] = []
        """Those of the parts that are not behind a `ValueRef`, and whom to ask."""
        self.name = name
        self._stack: list[_Frame] = []
        self._active: set[int] = set()
        self._known: dict[int, tuple[bytes, Any]] = {}

    def run(self, value: Any) -> bytes:
        """Return the token of `value`."""
        scalars = SCALARS
        stack = self._stack
        root = _Frame(None, iter((value,)), _close_list)
        stack.append(root)
        frame = root
        while True:
            tokens = frame.tokens
            for child in frame.members:
                encode = scalars.get(type(child))
                if encode is not None:
                    tokens.append(encode(child))
                    continue
                # More holders than the container and this loop: likely to be met again.
                # Only a hint: what is remembered is right whatever the count.
                shared = getrefcount(child) > 3
                if shared:
                    known = self._known.get(id(child))
                    if known is not None:
                        tokens.append(known[0])
                        continue
                opened = self._open(child)
                if isinstance(opened, bytes):
                    tokens.append(opened)
                    if shared:
                        self._known[id(child)] = (opened, child)
                    continue
                opened.is_shared = shared
                self._push(opened)
                frame = opened
                break
            else:
                if frame is root:
                    return tokens[0]
                tok = frame.close(frame)
                stack.pop()
                self._active.discard(id(frame.value))
                if frame.is_shared:
                    self._known[id(frame.value)] = (tok, frame.value)
                frame = stack[-1]
                frame.tokens.append(tok)

    def _push(self, frame: _Frame) -> None:
        key = id(frame.value)
        if key in self._active:
            raise self._name(
                UnhashableValueError.at(self._path(), ": it contains itself", verb=_VERB)
            )
        self._active.add(key)
        self._stack.append(frame)

    def _open(self, value: Any) -> bytes | _Frame:
        """Return the token of `value` when it is quick to tell, else the frame of its members."""
        cls = type(value)
        if cls is list or cls is tuple:
            return self._open_sequence(value, cls)
        if cls is dict or cls is _Attributes:
            return self._open_dict(value)
        if cls is ValueRef:
            self.has_ref = True
            self.classes.update(value.classes)
            if value.flags & FLAG_CHECK:
                self.has_check = True
            tok: bytes = value.token
            return tok
        if cls is set:
            return _Frame(value, iter(value), _close_set)
        if cls is frozenset:
            return _Frame(value, iter(value), _close_frozenset)
        if cls is memoryview:
            return bytes_token(value)
        if issubclass(cls, Lazy):
            raise self._name(
                HiddenExpressionError.at(
                    self._path(),
                    " is an expression where the engine does not look for one: pass it as an argument, "
                    "or inside a list, tuple, dict, set or dataclass",
                )
            )
        handler = kinds.find_handler(cls)
        if handler is not None:
            return self._open_handled(value, cls, handler)
        return self._open_object(value, cls)

    def _open_sequence(self, value: Any, cls: type) -> bytes | _Frame:
        tag, close = (b"l", _close_list) if cls is list else (b"t", _close_tuple)
        if len(value) < COLUMNS_FROM:
            tokens = scalar_tokens(value)
            if tokens is not None:
                return finish_members(tag, tokens)
        elif (framed := frame_values(value)) is not None:
            return b"#" + value_digest(tag, *framed)
        types = set(map(type, value))
        if len(types) == 1:
            tokens = self._tokens_of_alike(value, types.pop())
            if tokens is not None:
                return finish_members(tag, tokens)
        return _Frame(value, iter(value), close)

    def _tokens_of_alike(self, values: Sequence[Any], cls: type) -> list[bytes] | None:
        """Return the tokens of values of one class; None when that cannot be told quickly."""
        if cls is ValueRef:
            self.has_ref = True
            for classes in {ref.classes for ref in values}:
                self.classes.update(classes)
            self.has_check |= any(ref.flags & FLAG_CHECK for ref in values)
            return [ref.token for ref in values]
        if len(values) < COLUMNS_FROM:
            return None
        if cls is list or cls is tuple or cls is dict:
            return row_tokens(values, cls)
        if issubclass(cls, Lazy) or kinds.find_handler(cls) is not None or not is_plain_class(cls):
            return None
        tokens = _instance_tokens(values, cls)
        if tokens is not None:
            self._add_class(cls)
        return tokens

    def _open_dict(self, value: dict[Any, Any]) -> bytes | _Frame:
        if len(value) < COLUMNS_FROM:
            keys, values = scalar_tokens(value), scalar_tokens(value.values())
            if keys is not None and values is not None:
                return finish_pairs(keys, values)
        elif (framed := frame_values(list(value))) is not None:
            rest = frame_values(list(value.values()))
            if rest is not None:
                return b"#" + value_digest(b"d", *framed, *rest)
        return _Frame(value, chain(value.keys(), value.values()), _close_dict)

    def _open_handled(self, value: Any, cls: type, handler: TypeHandler) -> bytes | _Frame:
        if cls is object:
            self.has_marker = True
        if handler.is_valid is not None:
            self.has_check = True
            self.checked.append((value, handler.is_valid))
        if isinstance(value, type):
            self._add_class(value)
        elif handler.code is not None:
            self._add_class(cls)
            self._add_class(handler.code)
        elif handler.subclasses and any(kinds.find_handler(b) is handler for b in cls.__mro__[1:]):
            self._add_class(cls)
        if handler.state is None:
            return self._open_object(value, cls)
        try:
            state = handler.state(value)
        except (UnhashableValueError, HiddenExpressionError, KeyboardInterrupt):
            raise
        except BaseException as error:  # a user's handler may do anything
            raise self._refusal(cls, error) from error
        return _Frame(value, iter((state,)), _close_handled, handler.tag.encode())

    def _open_object(self, value: Any, cls: type) -> _Frame:
        if cls.__module__ in ("builtins", "itertools") and hasattr(cls, "__next__"):
            reason = f": {_with_article(cls.__name__)} can be read only once; make it a list"
            raise self._name(UnhashableValueError.at(self._path(), reason, verb=_VERB))
        try:
            parts = _reduce_object(value, cls)
        except (UnhashableValueError, HiddenExpressionError, KeyboardInterrupt):
            raise
        except BaseException as error:  # a user's `__reduce__` or `__getstate__` may do anything
            raise self._refusal(cls, error) from error
        self._add_class(cls)
        if issubclass(cls, BaseException):
            self.has_exception = True
        elif len(parts) == 6 and parts[1:] == _NOTHING and is_bare(value):
            named = kinds.find_object_name(value)
            if named is not None:
                self.has_marker = self.has_check = True
                self.checked.append((value, _is_named))
                parts = (parts[0], named[0])
        return _Frame(value, iter(parts), _close_object)

    def _add_class(self, cls: type) -> None:
        # The token of any other class holds its code already.
        if not _is_standard(cls.__module__) and is_named(cls):
            self.classes.add(qualified_name(cls))

    def _refusal(self, cls: type, error: BaseException) -> UnhashableValueError:
        kind = _with_article(cls.__qualname__)
        return self._name(
            UnhashableValueError.at(self._path(), f": {error}", verb=_VERB, kind=kind)
        )

    def _name(self, error: _E) -> _E:
        if self.name is not None:
            error.put(self.name)
        return error

    def _path(self) -> str:
        """Return where in the whole value the walk is, such as ``['a'][3].handle``."""
        frames = self._stack[1:]
        if len(frames) <= _MAX_STEPS:
            return "".join(map(_label, frames))
        first, last = frames[: _MAX_STEPS // 2], frames[-_MAX_STEPS // 2 :]
        return f"{''.join(map(_label, first))}…{''.join(map(_label, last))}"


def _with_article(name: str) -> str:
    return f"an {name}" if name[:1].lower() in "aeiou" else f"a {name}"


def _label(frame: _Frame) -> str:
    """Return how the member that `frame` is at is reached from it."""
    index = len(frame.tokens)
    cls = type(frame.value)
    if frame.close is _close_list or frame.close is _close_tuple:
        return f"[{index}]"
    if frame.close is _close_dict:
        n = len(frame.value)
        key = list(frame.value)[index % n]
        if cls is _Attributes:
            return f".{key}"
        shown = format_preview(key, 40) if type(key) in SCALARS else f"<{type(key).__name__}>"
        return f"[{shown}]" if index >= n else f".keys()[{index}]"
    if frame.close is _close_object and index == 2:
        return ".args" if isinstance(frame.value, BaseException) else ".__reduce__()[1]"
    return "" if frame.close in (_close_object, _close_handled) else ".{…}"


class _Plain:
    """What a plain class is compared with."""


_HOOKS = (
    "__reduce__", "__reduce_ex__", "__getstate__", "__getnewargs__", "__getnewargs_ex__",
    "__getattribute__",
)  # fmt: skip


_NOTHING = (None, (), None, None, None)
"""What `sort_reduced` gives beside the class for an object without state."""


def has_equality(cls: type) -> bool:
    """Tell whether instances may equal others, as far as their class tells."""
    return any("__eq__" in base.__dict__ for base in cls.__mro__ if base is not object)


def is_bare(value: Any) -> bool:
    """Tell whether an object has no state, so that only itself can be meant; one that tells equals has."""
    cls = type(value)
    if cls is object:
        return True
    return (
        not has_equality(cls)
        and cls.__basicsize__ <= _Plain.__basicsize__
        and not cls.__itemsize__
        and all(base is object or base.__flags__ & _HEAP_TYPE for base in cls.__mro__)
        and cls not in copyreg.dispatch_table
        and all(getattr(cls, hook, None) is getattr(_Plain, hook, None) for hook in _HOOKS)
        and not copyreg._slotnames(cls)  # type: ignore[attr-defined]
        and not getattr(value, "__dict__", None)
    )


_HEAP_TYPE = 1 << 9
"""The flag of a class that is not written in C and fixed (`Py_TPFLAGS_HEAPTYPE`)."""


def _is_named(value: Any) -> bool:
    return kinds.find_object_name(value) is not None


def is_plain_class(cls: type) -> bool:
    """Tell whether instances are nothing but their attributes, for pickle and so for `_reduce_object`."""
    return (
        cls.__basicsize__ == _Plain.__basicsize__  # no slots, and no base in C that holds more
        and cls.__dictoffset__ == _Plain.__dictoffset__
        and not cls.__itemsize__
        and cls not in copyreg.dispatch_table
        and all(getattr(cls, hook, None) is getattr(_Plain, hook, None) for hook in _HOOKS)
        and not hasattr(cls, "__slots__")
    )


def _instance_tokens(values: Sequence[Any], cls: type) -> list[bytes] | None:
    """Return the tokens of instances of a plain class that have the same attributes, all scalars.

    Equal to those of `_reduce_object`; None for any others.
    """
    rows = list(map(attrgetter("__dict__"), values))
    names = find_names(rows) if set(map(type, rows)) == {dict} else None
    if not names or any(_is_cached_property(cls, name) for name in names):
        return None
    attributes = pair_tokens(rows, sorted(names))
    if attributes is None:
        return None
    nothing = SCALARS[type(None)](None)
    head = [SCALARS[str](class_name(cls)), nothing, finish_members(b"t", ())]
    close = [nothing, nothing]
    return [b"#" + value_digest(b"o" + frame_members([*head, tok, *close])) for tok in attributes]


def _reduce_object(value: Any, cls: type) -> tuple[Any, ...]:
    """Return the state of an object without handler; see `sort_reduced`."""
    return sort_reduced(value, reduce_object(value))


def reduce_object(value: Any) -> str | tuple[Any, ...]:
    """Return what ``__reduce_ex__(2)`` gives, or what `copyreg` has for the class."""
    reducer = copyreg.dispatch_table.get(type(value))
    reduced: str | tuple[Any, ...] = value.__reduce_ex__(2) if reducer is None else reducer(value)
    return reduced


def sort_reduced(value: Any, reduced: str | tuple[Any, ...]) -> tuple[Any, ...]:
    """Return class, callable, arguments, state, items and pairs of a value, from a pickle's view of it.

    Parameters
    ----------
    reduced
        What ``__reduce_ex__(2)`` gives.
    """
    cls = type(value)
    name = class_name(cls)
    if type(reduced) is str:
        return name, reduced
    function, args, state, items, pairs = (*reduced, None, None, None)[:5]
    if function is _new_object:
        args = args[1:]
        made_by: Any = None
    elif function is cls:
        made_by = None
    else:
        made_by = _name_callable(function)
    if issubclass(cls, (set, frozenset)) and len(args) == 1 and type(args[0]) is list:
        args = (frozenset(args[0]),)
    if isinstance(value, BaseException):
        # What counts are class, arguments and attributes; 3.12 also reduces private ones.
        state = value.__dict__
        if not has_own_reduction(cls):
            state = {**state, **exception_fields(value)}
    return (
        name,
        made_by,
        tuple(args),
        _sort_state(state, cls),
        None if items is None else list(items),
        None if pairs is None else dict(pairs),
    )


_NAMED_FIELDS: tuple[tuple[type[BaseException], tuple[str, ...]], ...] = (
    (ImportError, ("name", "path")),
    (AttributeError, ("name",)),
)


def exception_fields(error: BaseException) -> dict[str, Any]:
    """Return what an exception holds beside its arguments and its ``__dict__``."""
    cls = type(error)
    names: list[str] = list(copyreg._slotnames(cls))  # type: ignore[attr-defined]
    for base, fields in _NAMED_FIELDS:
        if issubclass(cls, base):
            names += [name for name in fields if getattr(error, name) is not None]
    return {name: getattr(error, name) for name in names if hasattr(error, name)}


def has_own_reduction(cls: type) -> bool:
    """Tell whether Python code of a class, or of a base, says how its instances are pickled."""
    if cls in copyreg.dispatch_table:
        return True
    own = {name for base in cls.__mro__ if base.__flags__ & HEAP_TYPE for name in vars(base)}
    return bool(own & {"__reduce__", "__reduce_ex__", "__setstate__"})


_new_object = copyreg.__newobj__  # type: ignore[attr-defined]


def _name_callable(function: Any) -> Any:
    """Return the name of a function or class; any other callable as it is, to be hashed itself."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, type):
        return f"{class_name(owner)}.{function.__name__}"
    if isinstance(function, type):
        return class_name(function)
    plain = owner is None or isinstance(owner, type(sys))
    if plain and hasattr(function, "__qualname__") and hasattr(function, "__module__"):
        is_made = isinstance(function, FunctionType) and not is_named(function)
        return function if is_made else qualified_name(function)
    return function


def _sort_state(state: Any, cls: type) -> Any:
    """Return attributes by name; slots count as attributes, filled cached properties do not."""
    attributes: dict[Any, Any] = {}
    if _is_slots_state(state):
        attributes.update(state[0] or {})
        attributes.update(state[1])
    elif type(state) is dict:
        attributes = state
    else:
        return state
    if not all(type(name) is str for name in attributes):
        return state
    kept = [name for name in attributes if not _is_cached_property(cls, name)]
    return _Attributes((name, attributes[name]) for name in sorted(kept)) or None


def _is_slots_state(state: Any) -> bool:
    """Tell whether a state is pickle's own of an object with slots: ``__dict__`` or None, and slots."""
    if type(state) is not tuple or len(state) != 2 or type(state[1]) is not dict:
        return False
    return state[0] is None or type(state[0]) is dict


def _is_cached_property(cls: type, name: str) -> bool:
    for base in cls.__mro__:
        found = base.__dict__.get(name)
        if found is not None:
            return isinstance(found, cached_property)
    return False


# Reading tokens.

_TYPE_NAMES = {
    ord("N"): "builtins.NoneType",
    ord("T"): "builtins.bool",
    ord("F"): "builtins.bool",
    ord("i"): "builtins.int",
    ord("I"): "builtins.int",
    ord("f"): "builtins.float",
    ord("s"): "builtins.str",
    ord("b"): "builtins.bytes",
    ord("l"): "builtins.list",
    ord("t"): "builtins.tuple",
    ord("d"): "builtins.dict",
}
_SEQUENCE_KINDS = frozenset(b"ltd")


def is_plain_token(tok: bytes) -> bool:
    """Tell whether `decode_token` gives the value back."""
    return tok[0] != DIGEST


def _split_members(tok: bytes) -> list[bytes]:
    """Return the tokens in a literal token of a list, tuple or dict; a dict's keys come first."""
    members = []
    at = 1
    while at < len(tok):
        n = tok[at]
        at += 1
        for _ in range(n):
            end = at + 1 + tok[at]
            members.append(tok[at + 1 : end])
            at = end
    return members


def decode_token(tok: bytes) -> Any:
    """Return the value of a plain token, a fresh one.

    Raises
    ------
    ValueError
        When the token is not plain.
    """
    kind = tok[0]
    if kind == 105:  # i
        return _unpack_int(tok, 1)[0]
    if kind == 115:  # s
        return tok[1:].decode("utf-8", "surrogatepass")
    if kind == 102:  # f
        return _unpack_float(tok, 1)[0]
    if kind == 78:  # N
        return None
    if kind == 84 or kind == 70:  # T, F
        return kind == 84
    if kind == 98:  # b
        return tok[1:]
    if kind == 73:  # I
        return int.from_bytes(tok[1:], "little", signed=True)
    if kind not in _SEQUENCE_KINDS:
        raise ValueError(f"a token of kind {chr(kind)!r} does not hold its value")
    values = [decode_token(member) for member in _split_members(tok)]
    if kind == 108:  # l
        return values
    if kind == 116:  # t
        return tuple(values)
    n = len(values) // 2
    return dict(zip(values[:n], values[n:]))


def preview_token(tok: bytes, limit: int = 200) -> str:
    """Return a text of at most `limit` characters for the value of a plain token."""
    return format_preview(decode_token(tok), limit)


def type_name_of_token(tok: bytes) -> str:
    """Return the class, as ``module.qualname``, of a plain token's value; "" for any other."""
    return _TYPE_NAMES.get(tok[0], "")


def _preview_ref(ref: ValueRef, limit: int) -> str:
    if ref.preview is not None:
        return ref.preview
    if is_plain_token(ref.token):
        return preview_token(ref.token, limit)
    return f"<{ref.type_name}>"


kinds.register_type(ValueRef, TypeHandler("redunlite.ValueRef", lambda ref: ref, _preview_ref))
