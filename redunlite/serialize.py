"""Values as bytes, and back; nested values from parts that stay encoded.

Decided here: the stored forms (`kinds.FORMAT_*`), what goes by name and what by value, what goes to
the value store. Not here: hashes (`hashing`), rows (`recorder`). State: none but the pickler
classes, made when first needed.

Classes and functions go by name wherever a name reaches them; those of the file that is run as
``__main__`` go by the stem of that file. Lambdas, functions made inside functions and the code of a
notebook go by value, through cloudpickle, marked with the interpreter's magic number.

Stored bytes tell their form by their first bytes, because two encodings of one value may stand
under one name in the value store::

    80 05             pickle protocol 5
    "RLbuffer"        pickle and its out-of-band buffers, each aligned to 64 bytes
    "RLparts1"        pickle of (program, leaves), see `_make_program`
    "RLparts2"        the same with containers that stand in several places
    anything else     importlib.util.MAGIC_NUMBER, then cloudpickle

>>> from redunlite.valuestore import ValueStore
>>> store = ValueStore(None)
>>> ref = encode({"a": [1, 2]}, store)
>>> decode(ref, store)
{'a': [1, 2]}
>>> decode(compose([ref, 3], store), store)
[{'a': [1, 2]}, 3]
"""

from __future__ import annotations

import builtins
import enum
import functools
import io
import marshal
import operator
import pickle
import struct
import sys
import weakref
from _frozen_importlib_external import MAGIC_NUMBER  # importlib.util's, without importing it
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from types import CodeType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any

from redunlite import hashing, kinds, nested
from redunlite.call import WIRE_BYTES
from redunlite.errors import UndecodableError, UnhashableValueError
from redunlite.hashing import SCALAR_TYPES, Walk, decode_token, is_plain_token, value_hash
from redunlite.kinds import (
    FLAG_CHECK,
    FLAG_FILE,
    FORMAT_BUFFERS,
    FORMAT_CODE,
    FORMAT_EXPRESSION,
    FORMAT_PARTS,
    FORMAT_PICKLE,
    FORMAT_TOKEN,
    UNDECODED,
    ValueRef,
)
from redunlite.preview import format_preview
from redunlite.valuestore import ValueStore

BUFFER_BYTES = 64 * 1024
"""Buffers of objects from here on are kept out of band, to be mapped instead of copied."""
ARGUMENTS_BYTES = 60_000
"""Encoded arguments are never longer: one message on any socket."""
_SHORT_BYTES = 1024
"""Texts and bytes up to here travel as they are among the arguments."""
_ALIGN = 64
_PICKLE = b"\x80\x05"
_BUFFERS = b"RLbuffer"
_PARTS = b"RLparts1"
_SHARED_PARTS = b"RLparts2"
_NO_MAGIC = b"\0\0\0\0"
_BUFFERS_HEAD = struct.Struct("<8s4sIQ")

Chunk = bytes | memoryview


def checksum(data: bytes | bytearray | memoryview) -> bytes:
    """Return 8 bytes that tell whether `data` is what was written."""
    return sha256(data).digest()[:8]


def type_name(cls: type) -> str:
    """Return module and qualified name of `cls`, or the name its handler has for it."""
    handler = kinds.find_handler(cls)
    if handler is not None and handler.name is not None:
        return handler.name
    return hashing.qualified_name(cls).replace(":", ".", 1)


_SCALAR_NAMES = {cls: type_name(cls) for cls in SCALAR_TYPES}


# Encoding.


def encode(value: Any, store: ValueStore) -> ValueRef:
    """Return `value` by its token and encoded bytes; large ones are put into `store`.

    Where a `ValueRef` stands for a part of it, see `compose`.

    Raises
    ------
    UnhashableValueError, HiddenExpressionError
        See `hashing.token`; also when the value cannot be pickled.
    OSError
        When the store cannot be written.
    """
    cls = type(value)
    name = _SCALAR_NAMES.get(cls)
    if name is not None:
        tok = hashing.token(value)
        if is_plain_token(tok):
            return ValueRef(tok, FORMAT_TOKEN, None, 0, None, name, obj=value)
    elif cls is ValueRef:
        ref: ValueRef = value
        return ref
    walk = Walk()
    tok = walk.run(value)
    if walk.has_ref:
        return compose(value, store)
    return _encode_walked(value, tok, walk, store)


def _encode_walked(value: Any, tok: bytes, walk: Walk, store: ValueStore) -> ValueRef:
    if is_plain_token(tok):
        return ValueRef(tok, FORMAT_TOKEN, None, 0, None, type_name(type(value)))
    one_by_one = walk.has_exception or walk.has_marker
    form, chunks = _encode_chunks(value, store, has_exception=one_by_one)
    return make_ref(tok, form, chunks, value, walk, store)


def _encode_decoded(value: Any, store: ValueStore) -> ValueRef:
    value = decode_leaves(value, store)
    walk = Walk()
    return _encode_walked(value, walk.run(value), walk, store)


def make_ref(
    tok: bytes, form: str, chunks: Sequence[Chunk], value: Any, walk: Walk, store: ValueStore
) -> ValueRef:
    """Return the reference to a value with that token and those encoded bytes.

    Large bytes are put into `store`. `walk` is the one that found the token.
    """
    size = sum(memoryview(chunk).nbytes for chunk in chunks)
    flags = FLAG_CHECK if walk.has_check else 0
    data = None
    if size > WIRE_BYTES:
        store.put(value_hash(tok), chunks)
        flags |= FLAG_FILE
    else:
        data = b"".join(chunks)
    classes = tuple(sorted(walk.classes)) if walk.classes else ()
    name = type_name(type(value))
    return ValueRef(tok, form, data, size, format_preview(value), name, flags, classes)


def encode_bytes(value: Any, *, has_exception: bool = False) -> bytes:
    """Return the encoded bytes of `value` alone, without hash or store.

    Parameters
    ----------
    has_exception
        Whether its parts are looked at one by one: exceptions (`reduce_exception`), and objects that
        a name tells.

    Raises
    ------
    UnhashableValueError
        When the value cannot be pickled.
    """
    return b"".join(_encode_chunks(value, None, has_exception=has_exception)[1])


def encode_inline(value: Any) -> ValueRef:
    """Return `value` by its token and encoded bytes, however large: nothing goes to a store.

    Raises
    ------
    UnhashableValueError, HiddenExpressionError
        See `encode`.
    """
    walk = Walk()
    tok = walk.run(value)
    if walk.has_ref:
        value, walk = decode_leaves(value, None), Walk()
        tok = walk.run(value)
    if is_plain_token(tok):
        return ValueRef(tok, FORMAT_TOKEN, None, 0, None, type_name(type(value)))
    one_by_one = walk.has_exception or walk.has_marker
    form, chunks = _encode_chunks(value, None, is_value=True, has_exception=one_by_one)
    data = b"".join(chunks)
    classes = tuple(sorted(walk.classes))
    flags = FLAG_CHECK if walk.has_check else 0
    name = type_name(type(value))
    return ValueRef(tok, form, data, len(data), format_preview(value), name, flags, classes)


def make_pickle(value: Any) -> bytes:
    """Return bytes for `pickle.loads` in a program without redunlite.

    Code that no module has goes by value, and needs cloudpickle; redunlite is needed for its own
    values, such as tasks, and for enumerations that no module has.

    Raises
    ------
    UnhashableValueError
        When the value cannot be pickled.
    """
    stream = io.BytesIO()
    try:
        _PlainPickler(stream, 5).dump(value)
        return stream.getvalue()
    except KeyboardInterrupt:
        raise
    except BaseException:  # as in `_encode_chunks`
        pass
    stream = io.BytesIO()
    try:
        _get_plain_code_pickler()(stream, 5).dump(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # and now it is final
        raise name_refusal(value, error) from error
    return stream.getvalue()


def _encode_chunks(
    value: Any, store: ValueStore | None, *, is_value: bool = False, has_exception: bool = False
) -> tuple[str, list[Chunk]]:
    buffers: list[memoryview] = []

    def keep_in_band(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < BUFFER_BYTES:
            return True
        buffers.append(raw)
        return False

    magic = _NO_MAGIC
    try:
        payload = pickle.dumps(value, 5, buffer_callback=keep_in_band)
        # A value names what a program without a file defines, and is a miss in another program;
        # bare bytes are for those who ask what such a name means.
        is_value = is_value or store is not None
        has_no_file = is_value and hashing.main_name() == "__main__"
        by_name = not has_exception and (has_no_file or b"__main__" not in payload)
    except RecursionError as error:
        return _encode_deep(value, store, error)
    except KeyboardInterrupt:
        raise
    except BaseException:  # pickling runs the user's own code; cloudpickle has the last word
        by_name = False
    if not by_name:
        try:
            payload, magic = _encode_by_stem_or_value(value, keep_in_band, buffers)
        except RecursionError as error:
            return _encode_deep(value, store, error)
    if buffers:
        return FORMAT_BUFFERS, _lay_out(payload, buffers, magic)
    return (FORMAT_PICKLE, [payload]) if magic == _NO_MAGIC else (FORMAT_CODE, [magic, payload])


def _encode_deep(
    value: Any, store: ValueStore | None, error: RecursionError
) -> tuple[str, list[Chunk]]:
    """Return the form of a value that is nested too deep for pickle."""
    if store is None or type(value) not in _CONTAINERS:
        raise name_refusal(value, error) from error
    return FORMAT_PARTS, [_encode_parts(_make_program(value, store))]


def _encode_by_stem_or_value(
    value: Any, keep_in_band: Callable[[pickle.PickleBuffer], bool], buffers: list[memoryview]
) -> tuple[bytes, bytes]:
    """Return pickle bytes, and the magic number they depend on: none if they hold no code.

    Raises
    ------
    RecursionError
        When the value is nested too deep.
    UnhashableValueError
        When it cannot be pickled.
    """
    buffers.clear()
    stream = io.BytesIO()
    try:
        _NamePickler(stream, 5, buffer_callback=keep_in_band).dump(value)
        if b"__main__" not in stream.getvalue() or hashing.main_name() != "__main__":
            return stream.getvalue(), _NO_MAGIC
    except KeyboardInterrupt:
        raise
    except BaseException:  # as above
        pass
    buffers.clear()
    stream = io.BytesIO()
    try:
        _get_code_pickler()(stream, 5, buffer_callback=keep_in_band).dump(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # as above, and now it is final
        for behind in (error, error.__cause__):  # cloudpickle makes another error of it
            if isinstance(behind, RecursionError):
                raise behind  # noqa: B904
        raise name_refusal(value, error) from error
    return stream.getvalue(), MAGIC_NUMBER


def name_refusal(value: Any, error: BaseException, name: str | None = None) -> UnhashableValueError:
    """Return the error that names the part of `value` which cannot be pickled.

    Parameters
    ----------
    error
        What pickling it raised.
    name
        What a function is called, such as ``task 'f'``; None: by its own name.
    """
    from redunlite.unpicklable import find_unpicklable

    if isinstance(error, RecursionError):
        reason = (
            ": its objects hold one another too deep for pickle; lists, tuples and "
            "dicts by themselves may be nested to any depth"
        )
        kind = _describe(value)
        return UnhashableValueError.at("", reason, verb="cannot pickle", kind=kind)
    found = find_unpicklable(value, _can_pickle, name)
    reason = f": {type(error).__name__}: {error}"
    if found.inner is not None and found.inner.startswith(("global", "closure", "default")):
        reason += "; make it inside the function"
    refused = UnhashableValueError.at(
        found.path, reason, verb="cannot pickle", kind=_describe(found.part), inner=found.inner
    )
    if name is not None:
        refused.put(name if found.inner is None else "")
    return refused


def _describe(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {type_name(value)}"
    name = type(value).__qualname__
    return f"an {name}" if name.lstrip("_")[:1].lower() in "aeiou" else f"a {name}"


def _can_pickle(value: Any) -> bool:
    try:
        _get_code_pickler()(io.BytesIO(), 5).dump(value)
    except KeyboardInterrupt:
        raise
    except BaseException:  # pickling runs the user's code
        return False
    return True


class _NamePickler(pickle.Pickler):
    """Pickles modules by name, and what ``__main__`` defines under the stem of its file."""

    def reducer_override(self, obj: Any) -> Any:
        return _reduce(obj)


@functools.cache
def _get_code_pickler() -> Any:
    import cloudpickle

    class CodePickler(cloudpickle.Pickler):  # type: ignore[misc]
        """Pickles code by value, but classes and functions that a stem names by name."""

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, CodeType):
                return _keep_file(obj, super().dispatch_table[CodeType](obj))
            if type(obj) in _METHODS:
                return _reduce_method(obj)
            reduced = _reduce(obj)
            if reduced is not NotImplemented:
                return reduced
            reduced = super().reducer_override(obj)
            if isinstance(obj, FunctionType) and reduced is not NotImplemented:
                _add_names_of_bodies(obj, reduced)
                return _pack_lazy_defaults(reduced)
            return _reduce_class(obj, reduced) if isinstance(obj, type) else reduced

    return CodePickler


def _add_names_of_bodies(func: FunctionType, reduced: Any) -> None:
    """Let a function take along what the bodies of classes in it read; cloudpickle does not look there."""
    import dis

    names = reduced[2][1]["__globals__"]
    stack = [func.__code__]
    while stack:
        code = stack.pop()
        stack += [const for const in code.co_consts if isinstance(const, CodeType)]
        if not code.co_flags & _OPTIMIZED:
            for step in dis.get_instructions(code):
                if step.opname in _READS_NAME and step.argval in func.__globals__:
                    names.setdefault(step.argval, func.__globals__[step.argval])


_OPTIMIZED = 1
"""The flag of the code of a function (`inspect.CO_OPTIMIZED`); a class body has it not."""
_READS_NAME = frozenset({"LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})


class _LazyDefault:
    """Stands for a default that is an expression, while the function is pickled."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return _reduce_lazy(self._value)


def _refuse_lazy(value: Any) -> tuple[Any, ...]:
    raise TypeError("an expression cannot be pickled")


_reduce_lazy: Callable[[Any], tuple[Any, ...]] = _refuse_lazy


def set_lazy_reducer(reduce: Callable[[Any], tuple[Any, ...]]) -> None:
    """Say how a default with expressions in it is pickled; only the room of expressions knows."""
    global _reduce_lazy
    _reduce_lazy = reduce


def _pack_lazy_defaults(reduced: Any) -> Any:
    """Return how cloudpickle reduces a function, with defaults that are expressions as their graphs.

    An expression anywhere else is refused: it has no place in the hash of a function.
    """
    make, args, (attributes, slots), *rest = reduced

    def pack(value: Any) -> Any:
        return _LazyDefault(value) if nested.has_lazy(value) else value

    if slots.get("__defaults__"):
        slots = {**slots, "__defaults__": tuple(map(pack, slots["__defaults__"]))}
    if slots.get("__kwdefaults__"):
        named = {name: pack(value) for name, value in slots["__kwdefaults__"].items()}
        slots = {**slots, "__kwdefaults__": named}
    return make, args, (attributes, slots), *rest


def _keep_file(code: CodeType, reduced: Any) -> Any:
    """Return how cloudpickle reduces `code`, with the file's name, which new versions leave out.

    Tracebacks are nothing without it; no hash is made of these bytes.
    """
    make, parts = reduced
    file = code.co_filename
    return make, tuple(file if type(part) is str and part == _NO_FILE else part for part in parts)


_NO_FILE = "<dynamic-code>"

# Classes that no name leads to travel by value. Those of equal content are one class in a process,
# so that `isinstance` holds for values that came in different ways, also from an earlier run.

_classes: weakref.WeakValueDictionary[bytes, type] = weakref.WeakValueDictionary()
"""Content hash to the first class of this process that has it."""
_unfilled: dict[type, bytes] = {}
"""Content hashes of classes that are being made and have no attributes yet."""


def _reduce_class(cls: type, reduced: Any) -> Any:
    """Return how cloudpickle reduces a class by value, with the content hash that identifies it."""
    if not isinstance(reduced, tuple) or len(reduced) != 6:
        return reduced  # by name
    content_hash = hashing.get_class_hasher().content_hash(cls)
    _classes.setdefault(content_hash, cls)
    make, args, state, items, pairs, set_state = reduced
    if issubclass(cls, enum.Enum):
        make, args = make_enum, _list_parts_of_enum(cls)
        set_state, state = fill_enum, _list_attributes_of_enum(cls, state)
    else:
        # The last but one argument is cloudpickle's own identity of the class: a number made up in each run.
        args = (*args[:-2], None, args[-1])
    made = (content_hash, cls.__qualname__, make, args)
    return make_class, made, (set_state, state), items, pairs, fill_class


def make_class(
    content_hash: bytes, qualname: str, make: Callable[..., type], args: tuple[Any, ...]
) -> type:
    """Return the class of that content, or a new one that has no attributes yet.

    The name of this function is part of stored values.
    """
    hasher = hashing.get_class_hasher()
    cls = _classes.get(content_hash)
    if cls is not None and hasher.content_hash(cls) != content_hash:
        cls = None  # it was changed since
    if cls is None:
        cls = hasher.find_class(content_hash, qualname)
        if cls is not None:
            _classes[content_hash] = cls
    if cls is None:
        try:
            cls = make(*args)
        except (
            TypeError
        ):  # `__init_subclass__` of a base needs arguments; what came of them is known
            cls = _make_quietly(make, args)
        cls.__qualname__ = qualname
        _unfilled[cls] = content_hash
    return cls


class _Quiet:
    """Stands before the bases while a class is made: their `__init_subclass__` is not called."""

    def __init_subclass__(cls, **options: Any) -> None:
        pass


def _make_quietly(make: Callable[..., type], args: tuple[Any, ...]) -> type:
    metaclass, name, bases, *rest = args
    cls = make(metaclass, name, (_Quiet, *bases), *rest)
    cls.__bases__ = bases
    return cls


def fill_class(cls: type, filling: tuple[Callable[[type, Any], Any], Any]) -> None:
    """Give a class from `make_class` its attributes, if it has none yet.

    The name of this function is part of stored values.
    """
    set_state, state = filling
    content_hash = _unfilled.pop(cls, None)
    if content_hash is not None:
        set_state(cls, state)
        _classes[content_hash] = cls
        hashing.get_class_hasher().carry_content_hash(cls, content_hash)


# Methods that hold a lock, or that pickle takes for functions of a module.

_METHODS = (functools.cached_property, type(functools.lru_cache(checksum)))


def _reduce_method(method: Any) -> Any:
    if isinstance(method, functools.cached_property):
        return make_cached_property, (method.func, method.attrname)
    if hashing.is_named(method):
        return NotImplemented
    parameters = method.cache_parameters()
    return make_cached_function, (method.__wrapped__, parameters["maxsize"], parameters["typed"])


def make_cached_property(function: Callable[[Any], Any], name: str | None) -> Any:
    """Return a cached property under its name. The name of this function is part of stored values."""
    made = functools.cached_property(function)
    made.attrname = name
    return made


def make_cached_function(
    function: Callable[..., Any], maxsize: int | None, is_typed: bool
) -> Callable[..., Any]:
    """Return a function with an empty cache. The name of this function is part of stored values."""
    return functools.lru_cache(maxsize, is_typed)(function)


# An Enum is made with its members, which cannot be added afterwards. cloudpickle knows neither aliases, nor
# flags of several bits, nor what `__new__` and `__init__` made of the members.


def _list_parts_of_enum(cls: type[enum.Enum]) -> tuple[Any, ...]:
    members = []
    for name, member in cls.__members__.items():
        members.append((name, _reduce_data(member, cls._member_type_), member._value_))  # type: ignore[attr-defined]
    boundary = getattr(cls, "_boundary_", None)
    return type(cls), cls.__name__, cls.__bases__, cls.__module__, members, boundary


def _reduce_data(member: enum.Enum, data_type: Any) -> tuple[Any, ...]:
    """Return the arguments that make the data of a member: of a date, say; none of a plain object."""
    if data_type.__new__ is object.__new__:
        return ()
    get_args = getattr(data_type, "__getnewargs__", None)
    if get_args is not None:
        return tuple(get_args(member))
    args: tuple[Any, ...] = data_type.__reduce__(member)[1]
    return args


def _list_attributes_of_enum(cls: type[enum.Enum], state: tuple[Any, Any]) -> tuple[Any, ...]:
    held, slots = state
    own = {name: value for name, value in held.items() if name not in _OF_ENUM}
    for name in cls.__members__:
        own.pop(name, None)
    members = [hashing.member_attributes(member) for member in cls.__members__.values()]
    return own, slots, members


_OF_ENUM = frozenset({"_hashable_values_", "_unhashable_values_", "_unhashable_values_map_"})
"""What an Enum knows of its members in some versions, beside what cloudpickle leaves out."""


class _Member:
    """What a member of an Enum is made of."""

    def __init__(self, args: tuple[Any, ...], value: Any) -> None:
        self.args = args
        self.value = value


def make_enum(
    metaclass: Any,
    name: str,
    bases: tuple[type, ...],
    module: str,
    members: Sequence[tuple[str, tuple[Any, ...], Any]],
    boundary: Any,
) -> type:
    """Return an Enum with these members, and no other attributes yet.

    The name of this function is part of stored values.
    """

    def make_member(cls: Any, made: Any) -> Any:
        if type(made) is tuple:  # as the members of a tuple's Enum are passed
            (made,) = made
        member = cls._member_type_.__new__(cls, *made.args)
        member._value_ = made.value
        return member

    held = metaclass.__prepare__(name, bases)
    held.update({"__module__": module, "__new__": make_member, "__init__": lambda *args: None})
    for member, args, value in members:
        held[member] = _Member(args, value)
    options = {} if boundary is None else {"boundary": boundary}
    cls: type = metaclass.__new__(metaclass, name, bases, held, **options)
    for attribute in ("__init__", "__new_member__"):
        if attribute in vars(cls):
            delattr(cls, attribute)
    return cls


def fill_enum(cls: Any, state: tuple[Any, ...]) -> None:
    """Give an Enum from `make_enum` and its members their other attributes.

    The name of this function is part of stored values.
    """
    held, _, members = state
    for name, value in held.items():
        setattr(cls, name, value)
    for member, attributes in zip(cls.__members__.values(), members):
        for name, value in attributes.items():
            setattr(member, name, value)


class _PlainPickler(pickle.Pickler):
    """Pickles what pickle alone gets wrong, so that it needs nothing of redunlite to be read."""

    def reducer_override(self, obj: Any) -> Any:
        return _reduce_plainly(obj)


@functools.cache
def _get_plain_code_pickler() -> Any:
    base = _get_code_pickler()

    class PlainCodePickler(base):  # type: ignore[misc, valid-type]
        """Pickles code by value in a form that cloudpickle alone can read, where it has one."""

        def reducer_override(self, obj: Any) -> Any:
            reduced = _reduce_plainly(obj)
            if reduced is not NotImplemented:
                return reduced
            if isinstance(obj, type) and not issubclass(obj, enum.Enum):
                return super(base, self).reducer_override(obj)
            return super().reducer_override(obj)

    return PlainCodePickler


def _reduce_plainly(obj: Any) -> Any:
    if issubclass(type(obj), BaseException):
        return _reduce_exception_plainly(obj) if _is_called_otherwise(obj) else NotImplemented
    if isinstance(obj, ModuleType):
        return _Module(obj.__name__).__reduce__()
    named = kinds.find_object_name(obj) if hashing.is_bare(obj) else None
    if named is None:
        return NotImplemented
    module_name, _, qualname = named[0].partition(":")
    return operator.attrgetter(qualname), (_Module(module_name),)


class _Module:
    """Pickled as the module of that name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __reduce__(self) -> tuple[Any, ...]:
        from importlib import import_module

        return import_module, (self._name,)


def _reduce(obj: Any) -> Any:
    if issubclass(type(obj), BaseException):
        return reduce_exception(obj) if _is_called_otherwise(obj) else NotImplemented
    stem = hashing.main_name()
    if isinstance(obj, ModuleType):
        name = obj.__name__
        if sys.modules.get(name) is not obj or (name == "__main__" and stem == name):
            return NotImplemented
        return find_named, (stem if name == "__main__" else name, "")
    if hashing.is_bare(obj):
        named = kinds.find_object_name(obj)
        if named is None:
            return NotImplemented
        name, load = named
        return load, (*name.split(":"), type(obj))
    if not isinstance(obj, (type, FunctionType)) or obj.__module__ != "__main__":
        return NotImplemented
    found: Any = sys.modules["__main__"]
    for part in obj.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is not obj or stem == "__main__":
        return NotImplemented
    return find_named, (stem, obj.__qualname__)


def find_named(module_name: str, qualname: str) -> Any:
    """Return what `qualname` names in a module of the running program; "" for the module itself.

    The name of this function is part of stored values.
    """
    if module_name == hashing.main_name():
        module: Any = sys.modules["__main__"]
    else:
        from importlib import import_module

        module = sys.modules.get(module_name) or import_module(module_name)
    for part in qualname.split(".") if qualname else ():
        module = getattr(module, part)
    return module


def _lay_out(payload: bytes, buffers: Sequence[memoryview], magic: bytes) -> list[Chunk]:
    sizes = [raw.nbytes for raw in buffers]
    head = _BUFFERS_HEAD.pack(_BUFFERS, magic, len(buffers), len(payload))
    head += struct.pack(f"<{len(sizes)}Q", *sizes) + payload
    chunks: list[Chunk] = [head]
    at = len(head)
    for raw in buffers:
        gap = -at % _ALIGN
        chunks += [bytes(gap), raw]
        at += gap + raw.nbytes
    return chunks


# Decoding.


def decode(ref: ValueRef, store: ValueStore) -> Any:
    """Return a fresh copy of the value that `ref` refers to; immutable scalars as they are.

    Raises
    ------
    UndecodableError
        When the bytes are gone or damaged, or name what this program has not.
    """
    if ref.format == FORMAT_TOKEN:
        return decode_token(ref.token) if ref.obj is UNDECODED else ref.obj
    if ref.format == FORMAT_EXPRESSION:
        raise UndecodableError("a recorded expression is not a value")
    data: Chunk | None = store.read(value_hash(ref.token)) if ref.flags & FLAG_FILE else ref.data
    if data is None:
        raise UndecodableError(f"value {value_hash(ref.token).hex()} has no recorded bytes")
    return _decode(data, store)


def decode_inline(ref: ValueRef) -> Any:
    """Return a fresh copy of the value that `encode_inline` gave `ref` for.

    Raises
    ------
    UndecodableError
        See `decode`; also when the bytes lie in a store.
    """
    if ref.format == FORMAT_TOKEN:
        return decode_token(ref.token)
    if ref.data is None:
        raise UndecodableError(f"value {value_hash(ref.token).hex()} lies in a store")
    return _decode(ref.data, None)


def decode_bytes(data: Chunk) -> Any:
    """Return a fresh copy of the value that `encode_bytes` gave `data` for.

    Raises
    ------
    UndecodableError
        See `decode`.
    """
    return _decode(data, None)


def _decode(data: Chunk, store: ValueStore | None) -> Any:
    head = bytes(data[:8])
    try:
        if head[:2] == _PICKLE:
            _alias_main(data)
            return pickle.loads(data)
        if head == _BUFFERS:
            return _load_buffers(memoryview(data))
        if head in (_PARTS, _SHARED_PARTS):
            program, leaves = pickle.loads(data[8:])
            return _run_program(program, leaves, store)
        if head[:4] == MAGIC_NUMBER:
            _alias_main(data)
            return pickle.loads(data[4:])
    except UndecodableError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # unpickling runs the user's own code, which may exit
        raise UndecodableError(f"cannot decode: {type(error).__name__}: {error}") from error
    raise UndecodableError("the recorded code belongs to another Python version")


def _load_buffers(data: memoryview) -> Any:
    _, magic, n_buffers, payload_size = _BUFFERS_HEAD.unpack_from(data)
    if magic not in (_NO_MAGIC, MAGIC_NUMBER):
        raise UndecodableError("the recorded code belongs to another Python version")
    if data.readonly:
        data = memoryview(bytearray(data))
    sizes = struct.unpack_from(f"<{n_buffers}Q", data, _BUFFERS_HEAD.size)
    at = _BUFFERS_HEAD.size + 8 * n_buffers
    payload = data[at : at + payload_size]
    at += payload_size
    buffers = []
    for size in sizes:
        at += -at % _ALIGN
        buffers.append(data[at : at + size])
        at += size
    _alias_main(payload)
    return pickle.loads(payload, buffers=buffers)


def _alias_main(data: Chunk) -> None:
    """Let the stem of the file that runs as ``__main__`` be found as a module, if `data` names it."""
    stem = hashing.main_name()
    if stem != "__main__" and stem not in sys.modules and stem.encode() in bytes(data):
        sys.modules[stem] = sys.modules["__main__"]


# Parts.

_LIST, _TUPLE, _DICT = "l", "t", "d"
_KEEP, _AGAIN = "k", "a"
_CONTAINERS = frozenset({list, tuple, dict})
_Program = tuple[list[Any], list[Any]]


class _NeedsDecoding(Exception):
    """A reference lies where it cannot stay encoded: a set's member, a dict's key, an object."""


def compose(value: Any, store: ValueStore) -> ValueRef:
    """Return a nested value whose leaves may be `ValueRef`s as one reference, leaves undecoded.

    Only where a reference is a dict's key or lies in another container than list, tuple or dict
    are the parts decoded. The token is the one of the concrete value.

    Raises
    ------
    UnhashableValueError, HiddenExpressionError, OSError
        See `encode`.
    UndecodableError
        When a part has to be decoded and cannot be.
    """
    cls = type(value)
    if cls in SCALAR_TYPES or cls is ValueRef:
        return encode(value, store)
    if cls not in (list, tuple, dict):
        return _encode_decoded(value, store)
    # The first walk also refuses cycles, on which the second would not end.
    walk = Walk()
    tok = walk.run(value)
    if is_plain_token(tok) and cls is not dict:
        return ValueRef(tok, FORMAT_TOKEN, None, 0, None, type_name(cls))
    try:
        program, leaves = _make_program(value, store)
    except _NeedsDecoding:
        return _encode_decoded(value, store)
    if is_plain_token(tok):
        return ValueRef(tok, FORMAT_TOKEN, None, 0, None, type_name(cls))
    if any(type(leaf) is tuple for leaf in leaves):
        chunks: list[Chunk] = [_encode_parts((program, leaves))]
        return make_ref(tok, FORMAT_PARTS, chunks, value, walk, store)
    concrete = _run_program(program, leaves, store)
    form, chunks = _encode_chunks(concrete, store)
    return make_ref(tok, form, chunks, concrete, walk, store)


def decode_leaves(value: Any, store: ValueStore | None) -> Any:
    """Return a nested value with what its `ValueRef`s refer to; itself when it holds none.

    Raises
    ------
    UndecodableError
        See `decode`; without a store, see `decode_inline`.
    """
    if not nested.has_leaf(value, ValueRef):
        return value

    def load(leaf: Any) -> Any:
        if type(leaf) is not ValueRef:
            return leaf
        return decode_inline(leaf) if store is None else decode(leaf, store)

    return nested.map_leaves(value, load)


def _make_program(value: Any, store: ValueStore) -> _Program:
    """Return how to build `value`: a program for a stack, and the leaves it takes.

    A positive number in the program pushes that many leaves; a letter and a number make a list,
    tuple or dict (keys, then values) of that many from the top of the stack. ``k`` and a number keep
    the container at the top under that number, ``a`` and a number push it again; so one that stands in
    several places is written and made once. A leaf is a scalar, or the tuple
    ``(token, format, data, flags)`` of an encoded value.
    """
    if type(value) is not dict and set(map(type, value)) == {ValueRef}:
        letter, n, members = _open_container(value)
        return [n, letter, n], _pack_leaves(list(members))
    program: list[Any] = []
    leaves: list[Any] = []
    stack: list[tuple[int, str, int, Any]] = [(id(value), *_open_container(value))]
    shared = _find_shared(value)
    kept: dict[int, int] = {}
    seen: dict[int, Any] = {}
    n_pending = 0
    while stack:
        key, letter, n, members = stack[-1]
        for member in members:
            cls = type(member)
            if cls in SCALAR_TYPES:
                leaves.append(member)
            elif cls in _CONTAINERS:
                if n_pending:
                    program.append(n_pending)
                    n_pending = 0
                if id(member) in kept:
                    program += [_AGAIN, kept[id(member)]]
                    continue
                stack.append((id(member), *_open_container(member)))
                break
            else:
                packed = seen.get(id(member))
                if packed is None:
                    packed = _pack_leaf(member) if cls is ValueRef else _pack_other(member, store)
                    seen[id(member)] = packed
                leaves.append(packed)
            n_pending += 1
        else:
            stack.pop()
            if n_pending:
                program.append(n_pending)
                n_pending = 0
            program += [letter, n]
            if key in shared:
                program += [_KEEP, len(kept)]
                kept[key] = len(kept)
    return program, leaves


def _find_shared(value: Any) -> set[int]:
    """Return the `id` of each list, tuple and dict that stands in several places of a nested value."""
    seen = {id(value)}
    shared: set[int] = set()
    todo = [value]
    while todo:
        container = todo.pop()
        members = container
        if type(container) is dict:
            members = [*container, *container.values()]
        if _CONTAINERS.isdisjoint(map(type, members)):
            continue
        for member in members:
            if type(member) in _CONTAINERS:
                if id(member) in seen:
                    shared.add(id(member))
                else:
                    seen.add(id(member))
                    todo.append(member)
    return shared


def _open_container(value: Any) -> tuple[str, int, Any]:
    if type(value) is dict:
        if any(nested.has_leaf(key, ValueRef) for key in value):
            raise _NeedsDecoding
        return _DICT, 2 * len(value), iter([*value, *value.values()])
    return (_LIST if type(value) is list else _TUPLE), len(value), iter(value)


def _pack_leaves(refs: Sequence[ValueRef]) -> list[Any]:
    """Return the leaves for references; one for all places of the same one.

    So that a list that holds one list twice, thirty times over, is neither written nor made two to
    the thirtieth times: pickle keeps one object one, and `_run_program` makes its value once.
    """
    if len(set(map(id, refs))) == len(refs):
        return [_pack_leaf(ref) for ref in refs]
    packed = {id(ref): _pack_leaf(ref) for ref in refs}
    return [packed[id(ref)] for ref in refs]


def _pack_leaf(ref: ValueRef) -> Any:
    if ref.format == FORMAT_TOKEN:
        value = ref.obj
        if value is UNDECODED:
            value = decode_token(ref.token)
        if type(value) in SCALAR_TYPES:
            return value
    return ref.token, ref.format, ref.data, ref.flags & FLAG_FILE


def _pack_other(value: Any, store: ValueStore) -> Any:
    if nested.has_leaf(value, ValueRef):
        raise _NeedsDecoding
    return _pack_leaf(encode(value, store))


def _encode_parts(made: _Program) -> bytes:
    mark = _SHARED_PARTS if _KEEP in made[0] else _PARTS
    return mark + pickle.dumps(made, 5)


def _run_program(program: Sequence[Any], leaves: Sequence[Any], store: ValueStore | None) -> Any:
    stack: list[Any] = []
    kept: list[Any] = []
    n_taken = 0
    steps = iter(program)
    values = _unpack_leaves(leaves, store)
    for step in steps:
        if type(step) is int:
            stack += values[n_taken : n_taken + step]
            n_taken += step
            continue
        n = next(steps)
        if step == _KEEP:
            kept.append(stack[-1])
            continue
        if step == _AGAIN:
            stack.append(kept[n])
            continue
        at = len(stack) - n
        members = stack[at:]
        del stack[at:]
        if step == _LIST:
            stack.append(members)
        elif step == _TUPLE:
            stack.append(tuple(members))
        else:
            stack.append(dict(zip(members[: n // 2], members[n // 2 :])))
    return stack[0]


def _unpack_leaves(leaves: Sequence[Any], store: ValueStore | None) -> list[Any]:
    """Return the values of leaves; one leaf that stands in several places becomes one object."""
    if len(set(map(id, leaves))) == len(leaves):
        return [_unpack_leaf(t, store) if type(t) is tuple else t for t in leaves]
    made: dict[int, Any] = {}
    values = []
    for leaf in leaves:
        if type(leaf) is not tuple:
            values.append(leaf)
            continue
        if id(leaf) not in made:
            made[id(leaf)] = _unpack_leaf(leaf, store)
        values.append(made[id(leaf)])
    return values


def _unpack_leaf(packed: tuple[bytes, str, bytes | None, int], store: ValueStore | None) -> Any:
    tok, form, data, flags = packed
    if form == FORMAT_TOKEN:
        return decode_token(tok)
    if store is None:
        raise UndecodableError("the parts of a value lie in a store that is not at hand")
    return decode(ValueRef(tok, form, data, 0, None, "", flags), store)


# Arguments.


def encode_arguments(args: Sequence[Any], kwargs: Mapping[str, Any], store: ValueStore) -> bytes:
    """Return the bytes of a call's arguments, at most `ARGUMENTS_BYTES`.

    Parameters
    ----------
    args, kwargs
        Scalars, `ValueRef`s, or anything that `compose` takes.

    Raises
    ------
    UnhashableValueError, HiddenExpressionError, UndecodableError, OSError
        See `compose`.
    """
    plain = [a if type(a) in _FIXED else _pack_argument(a, store) for a in args]
    named = {k: a if type(a) in _FIXED else _pack_argument(a, store) for k, a in kwargs.items()}
    data = marshal.dumps((plain, named), 2)
    if len(data) <= ARGUMENTS_BYTES:
        return data
    whole = compose([list(args), dict(kwargs)], store)
    if whole.data is not None:
        store.put(value_hash(whole.token), [whole.data])
    return marshal.dumps((whole.token, whole.format), 2)


_FIXED = frozenset({type(None), bool, int, float})
"""Exact types whose values travel as they are, whatever their size is."""


def _pack_argument(value: Any, store: ValueStore) -> Any:
    cls = type(value)
    if (cls is str or cls is bytes) and len(value) <= _SHORT_BYTES:
        return value
    return _pack_leaf(value if cls is ValueRef else compose(value, store))


def decode_arguments(data: Chunk, store: ValueStore) -> tuple[list[Any], dict[str, Any]]:
    """Return fresh positional and keyword arguments from the bytes of `encode_arguments`.

    Raises
    ------
    UndecodableError
        See `decode`.
    """
    args, kwargs = marshal.loads(data)
    if type(args) is bytes:
        whole = decode(ValueRef(args, kwargs, None, 0, None, "", FLAG_FILE), store)
        return whole[0], whole[1]
    for i, value in enumerate(args):
        if type(value) is tuple:
            args[i] = _unpack_leaf(value, store)
    for name, value in kwargs.items():
        if type(value) is tuple:
            kwargs[name] = _unpack_leaf(value, store)
    return args, kwargs


# Exceptions; what becomes of one that cannot be pickled is decided in `exceptions`.

GROUP: Any = getattr(builtins, "BaseExceptionGroup", ())
"""The class of groups of exceptions, which came with Python 3.11."""


def reduce_exception(error: Any) -> tuple[Any, ...]:
    """Return how `error` is put together from class, arguments and attributes, for pickle.

    Pickle calls the class with `args`, and what comes of that is another exception when `__init__`
    takes other arguments than it hands to its base.
    """
    cls = type(error)
    _, args, *rest = _find_fixed_base(cls).__reduce__(error)
    attributes = dict(BaseException.__dict__["__dict__"].__get__(error))
    fields = {name: value for name, value in (rest[0] or {}).items() if name not in attributes}
    fields.update(hashing.exception_fields(error))
    if issubclass(cls, GROUP):
        fields["args"], args = args, (error.message, list(error.exceptions))
    return rebuild_exception, (cls, tuple(args), attributes, fields)


def _reduce_exception_plainly(error: Any) -> tuple[Any, ...]:
    """Return how `error` is put together by what every Python has, as far as its class lets it be."""
    _, (cls, args, attributes, fields) = reduce_exception(error)
    base = _find_fixed_base(cls)
    state = {"args": error.args, **fields, **attributes}
    for part in base.__mro__:  # what `__init__` of the class in C would set, which is not called
        for name, member in vars(part).items():
            is_set = isinstance(member, MemberDescriptorType) and not name.startswith("__")
            if is_set and not (issubclass(part, GROUP) or (part, name) == (AttributeError, "obj")):
                found = getattr(error, name, None)
                if found is not None:
                    state[name] = found
    try:
        base.__setstate__(base.__new__(cls, *args), state)
    except BaseException:  # such as an attribute that the user's class does not let be set
        return reduce_exception(error)
    return base.__new__, (cls, *args), state


def _is_called_otherwise(error: BaseException) -> bool:
    """Tell whether pickle would leave something out, or call an `__init__` with other arguments."""
    cls = type(error)
    if hashing.has_own_reduction(cls):
        return False
    own = any(
        "__init__" in vars(base) or "__new__" in vars(base)
        for base in cls.__mro__
        if base.__flags__ & hashing.HEAP_TYPE
    )
    return own or bool(hashing.exception_fields(error))


def _find_fixed_base(cls: type[BaseException]) -> Any:
    """Return the nearest base that is written in C: it decides what an instance holds."""
    return next(base for base in cls.__mro__ if not base.__flags__ & hashing.HEAP_TYPE)


def rebuild_exception(
    cls: type[BaseException],
    args: tuple[Any, ...],
    attributes: dict[str, Any],
    fields: Mapping[str, Any] | None = None,
) -> BaseException:
    """Return an exception from its parts; no code of its class is called.

    The name of this function is part of stored values.

    Parameters
    ----------
    args
        As its nearest base that is written in C takes them.
    attributes
        What its `__dict__` holds.
    fields
        What it holds elsewhere, in slots or in C, and `args` do not tell.
    """
    base = _find_fixed_base(cls)
    error: BaseException = base.__new__(cls, *args)
    base.__init__(error, *args)
    error.__dict__.update(attributes)
    for name, value in (fields or {}).items():
        object.__setattr__(error, name, value)
    return error
