"""Classes of the user's own that say how their values are hashed, kept, checked and read.

Decided here: which methods of a `Value`, or of a `ProxyValue` for somebody else's class, speak, and
how they meet the registry of types (`kinds`). Not here: what is done with a value that is no longer
valid (`cache_policy`). State: none of its own; a class gives its handler to the registry.

Whatever a class does not say for itself goes by the rules for all objects. A class that has a hash,
bytes or a validity of its own is asked about each recorded value before that is used again.

>>> class Interval(Value):
...     def __init__(self, start: int, end: int) -> None:
...         self.start, self.end = start, end
...     def get_hash(self, data=None) -> str:
...         return f"{self.start}-{self.end}"
>>> from redunlite.hashing import token
>>> token(Interval(1, 2)) == token(Interval(1, 2)) != token(Interval(1, 3))
True
"""

from __future__ import annotations

import builtins
import copyreg
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

from redunlite import hashing, kinds, nested, serialize
from redunlite.errors import InvalidValueError
from redunlite.hashing import Walk
from redunlite.kinds import TypeHandler

__all__ = ["InvalidValueError", "ProxyValue", "TypeRegistry", "Value", "get_type_registry"]

PICKLE_FORMAT = "application/python-pickle"

_TAG = "redunlite.Value"
_UNUSED = ("preprocess", "postprocess")
"""Methods that redun calls around each task, and that are never called here."""
_BUILT_IN = (*hashing.SCALAR_TYPES, list, tuple, dict, set, frozenset, memoryview, object)
"""Types that are not looked up in the registry."""


class Value:
    """Base of classes that say for themselves how their values are hashed, kept and checked.

    Any class is fit for a value without this. A class with a `get_hash`, `serialize` or `is_valid` of
    its own is asked before a recorded value is used: one that cannot be made, is not valid, or whose
    hash is not the recorded one, is a cache miss.
    """

    type_name: ClassVar[str | None] = None
    """What rows and pages call the class; by default its module and name."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for method in _UNUSED:
            if method in cls.__dict__:
                raise TypeError(
                    f"{cls.__qualname__}.{method}: values are not processed around calls; do it in "
                    "the task, or in __getstate__ and __setstate__"
                )
        if not cls.__dict__.get("type_name"):
            named = cls.__dict__.get("type")
            named = named if isinstance(named, type) else cls
            cls.type_name = hashing.qualified_name(named).replace(":", ".", 1)
        # Asked late: cloudpickle makes a class first and fills it afterwards.
        kinds.register_late(cls, lambda: _register_value(cls))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def is_valid(self) -> bool:
        """Tell whether a recorded value may still be used."""
        return True

    def get_hash(self, data: bytes | None = None) -> str:
        """Return the text that tells this value from others of its class.

        Parameters
        ----------
        data
            Bytes that stand for the value.
        """
        if data is not None:
            return hashing.value_hash(hashing.token((hashing.class_name(type(self)), data))).hex()
        is_own = _is_own(type(self), Value, "get_hash")  # then this is what it builds upon
        return hashing.value_hash(hashing.token(_get_parts(self) if is_own else self)).hex()

    def get_serialization_format(self) -> str:
        """Return the media type of what `serialize` gives."""
        return PICKLE_FORMAT

    def serialize(self) -> bytes:
        """Return the bytes that are kept of the value."""
        return serialize.encode_bytes(_Reduced(_reduce(self)))

    @classmethod
    def deserialize(cls, raw_type: Any, data: bytes) -> Any:
        """Return the value of kept bytes. One that raises `InvalidValueError` is a cache miss."""
        return serialize.decode_bytes(data)

    @classmethod
    def parse_arg(cls, raw_type: Any, arg: str) -> Any:
        """Return the value of a text of the command line."""
        return cls(arg)

    def iter_subvalues(self) -> Iterator[Any]:
        """Yield the values that this one is made of."""
        return iter(())

    def __reduce_ex__(self, protocol: Any) -> Any:
        if _is_own(type(self), Value, "serialize"):
            return load_value, (type(self), self.serialize())
        return super().__reduce_ex__(protocol)


class ProxyValue(Value):
    """Base of classes that say all this for another class, which knows nothing of it.

    ``type`` is that class; its subclasses are meant too. Methods find the value in ``self.instance``.
    A proxy holds for the program whose modules define it: it has to be in a file that a worker
    imports too, such as the workflow.
    """

    type: ClassVar[Any] = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        name = cls.__dict__.get("type_name")
        if cls.type is not None and not isinstance(cls.type, builtins.type):
            raise TypeError(f"{cls.__qualname__}.type is not a class: {cls.type!r}")
        super().__init_subclass__(**keywords)
        if cls.type is None:  # a base of others
            return
        if cls.type in _BUILT_IN:
            raise TypeError(
                f"{cls.__qualname__} cannot speak for {cls.type.__qualname__}, whose values are known "
                "by their content; make a subclass of it, and give that as type"
            )
        _register_proxy(cls, name)

    def __init__(self, instance: Any) -> None:
        self.instance = instance

    def get_hash(self, data: bytes | None = None) -> str:
        """Return the text that tells the value from others of its class."""
        known = self.instance if data is None else data
        return hashing.value_hash(hashing.token(known)).hex()

    def serialize(self) -> bytes:
        """Return the bytes that are kept of the value."""
        return serialize.encode_bytes(_Reduced(_reduce(self.instance)))

    def iter_subvalues(self) -> Iterator[Any]:
        """Yield the values of own classes within the value."""
        if isinstance(self.instance, Value):
            return
        for part in nested.iter_leaves(self.instance):
            if isinstance(part, Value):
                yield part
                yield from part.iter_subvalues()


class _Reduced:
    """Stands for a value while that is pickled by the usual rules instead of its class's own."""

    def __init__(self, reduced: Any) -> None:
        self._reduced = reduced

    def __reduce__(self) -> Any:
        function, args, *rest = self._reduced
        # Pickle itself checks that these two are given for an object of the class they name.
        if function is _new_object:
            function, args = make_object, (args[0], args[1:], {})
        elif function is _new_object_with_keywords:
            function = make_object
        return (function, args, *rest)


_new_object = copyreg.__newobj__  # type: ignore[attr-defined]
_new_object_with_keywords = copyreg.__newobj_ex__  # type: ignore[attr-defined]


def make_object(cls: Any, args: Any, kwargs: Any) -> Any:
    """Return a new object whose state is still to come. This name is part of stored values."""
    return cls.__new__(cls, *args, **kwargs)


def load_value(cls: Any, data: bytes) -> Any:
    """Return the value whose class keeps its own bytes. This name is part of stored values."""
    return cls.deserialize(cls, data)


def load_proxied(proxy: Any, data: bytes) -> Any:
    """Return the value whose proxy keeps its bytes. This name is part of stored values."""
    return proxy.deserialize(proxy.type, data)


def _is_own(cls: type, base: type, method: str) -> bool:
    """Tell whether a class has a method of its own, and not that of the base."""
    found, inherited = getattr(cls, method), getattr(base, method)
    return getattr(found, "__func__", found) is not getattr(inherited, "__func__", inherited)


def has_own_parser(cls: type) -> bool:
    """Tell whether a class reads texts of the command line by a method of its own."""
    if not callable(getattr(cls, "parse_arg", None)):
        return False
    return not issubclass(cls, Value) or _is_own(cls, Value, "parse_arg")


def _reduce(value: Any) -> Any:
    """Return what a pickle is made of, past `serialize` and what is registered with `copyreg`."""
    return object.__reduce_ex__(value, 2) if isinstance(value, Value) else value.__reduce_ex__(2)


def _get_parts(value: Any) -> Any:
    return hashing.sort_reduced(value, _reduce(value))


def _get_hash_state(value: Any) -> Any:
    return hashing.class_name(type(value)), value.get_hash()


def _register_value(cls: type[Value]) -> None:
    has_hash, has_bytes = (_is_own(cls, Value, name) for name in ("get_hash", "serialize"))
    state: Callable[[Any], Any] | None = None
    if has_hash:
        state = _get_hash_state
    elif has_bytes:
        state = _get_parts
    is_checked = has_hash or has_bytes or _is_own(cls, Value, "is_valid")
    is_valid = cls.is_valid if is_checked else None
    handler = TypeHandler(
        _TAG, state, is_valid=is_valid, children=cls.iter_subvalues, code=cls, name=cls.type_name
    )
    kinds.register_type(cls, handler)


def _register_proxy(cls: type[ProxyValue], name: str | None) -> None:
    make: Callable[[Any], ProxyValue] = cls
    before = kinds.find_handler(cls.type)
    tag, state = (_TAG, None) if before is None else (before.tag, before.state)
    is_valid = None if before is None else before.is_valid
    has_hash, has_bytes = (_is_own(cls, ProxyValue, name) for name in ("get_hash", "serialize"))
    if has_hash:
        tag, state = _TAG, lambda v: (hashing.class_name(type(v)), make(v).get_hash())
    elif has_bytes and state is None:
        state = _get_parts
    if has_hash or has_bytes or _is_own(cls, Value, "is_valid"):
        is_valid = lambda v: make(v).is_valid()  # noqa: E731
    handler = TypeHandler(
        tag,
        state,
        preview=None if before is None else before.preview,
        children=lambda value: make(value).iter_subvalues(),
        is_valid=is_valid,
        subclasses=True,
        code=cls,
        name=name,
        parse=cls.parse_arg if has_own_parser(cls) else None,
    )
    if has_bytes:
        copyreg.pickle(cls.type, lambda value: (load_proxied, (cls, make(value).serialize())))
    kinds.register_type(cls.type, handler)


class TypeRegistry:
    """What the registry of types says about values, under the names that redun has for it."""

    def get_hash(self, value: Any) -> str:
        """Return the hash of any value, as 40 hexadecimal digits."""
        return hashing.value_hash(hashing.token(value)).hex()

    def get_type_name(self, raw_type: type) -> str:
        """Return what rows and pages call a class."""
        return serialize.type_name(raw_type)

    def serialize(self, value: Any) -> bytes:
        """Return the bytes that are kept of a value."""
        return serialize.encode_bytes(value)

    def deserialize(self, type_name: str, data: bytes) -> Any:
        """Return the value of kept bytes."""
        return serialize.decode_bytes(data)

    def is_valid(self, value: Any) -> bool:
        """Tell whether a value, and all that it holds, may still be used."""
        walk = Walk()
        walk.run(value)
        return all(ask(part) for part, ask in walk.checked)

    is_valid_nested = is_valid

    def iter_subvalues(self, value: Any) -> Iterable[Any]:
        """Return the values that a value is made of."""
        handler = kinds.find_handler(type(value))
        return () if handler is None or handler.children is None else handler.children(value)


_registry = TypeRegistry()


def get_type_registry() -> TypeRegistry:
    """Return the one registry of types."""
    return _registry
