"""Constants that a task reaches, by value: the bytes that stand for them, and the code they hold.

Decided here, and kept for ever under `hashing.HASH_VERSION`: the bytes of each kind of constant, and
which objects have no value that could be compared between two runs. Not here: how the code that a
constant holds counts, and what stands for a constant without value (`fingerprint`). State: the
constants that were encoded since the texts were last read anew.

An object counts as it would as an argument: by its class and what ``__reduce_ex__`` gives. Two things
differ. Paths inside the project are relative to it, so that a project can be moved; and functions,
classes and tasks in it are handed on as code, instead of being hashed into the value.

>>> from types import SimpleNamespace
>>> found = encode_constant({"n": SimpleNamespace(f=is_code)}, None)
>>> len(found.body), [held.value.__name__ for held in found.held]
(20, ['is_code'])
"""

from __future__ import annotations

import copyreg
import dataclasses
import enum
import os
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from redunlite import hashing, kinds, loading
from redunlite.definitions import (
    StaticTask,
    find_library_name,
    is_project_function,
    is_redunlite,
    is_standard,
    is_wrapper,
)
from redunlite.errors import HiddenExpressionError, UnhashableValueError
from redunlite.hashing import digest, token
from redunlite.kinds import Lazy, TaskKind
from redunlite.tokens import COLUMNS_FROM, find_names, pair_tokens

SCALARS: frozenset[type] = frozenset({bool, int, float, complex, bytes, type(None), type(Ellipsis)})
_CONTAINERS = frozenset({list, tuple, set, frozenset, dict})
_VALUE_MODULES = frozenset({"collections", "types", "re"})
"""Standard modules whose objects have the bytes of `hashing.token`, unless they hold code or paths."""
_MAX_DEPTH = 100
"""Levels that are looked at one by one; what is below has the bytes of `hashing.token`."""
_MAX_SHOWN = 5
"""Steps that are shown from each end of the way to a part of a constant."""
_OF_THE_WRAPPED = frozenset(
    [
        "__module__", "__name__", "__qualname__", "__doc__", "__annotations__", "__annotate__",
        "__type_params__",
    ]
)  # fmt: skip
"""Attributes that `functools.update_wrapper` copies from a function, which counts as code."""

_PROCESS_STATE = {
    "random.Random": "its state changes with every number drawn",
    "numpy.random.mtrand.RandomState": "its state changes with every number drawn",
    "numpy.random._generator.Generator": "its state changes with every number drawn",
    "numpy.random.bit_generator.BitGenerator": "its state changes with every number drawn",
    "os._Environ": "the environment is another in each shell",
    "tempfile.TemporaryDirectory": "its path is another in each process",
    "weakref.finalize": "it belongs to one process",
    "pydantic.type_adapter.TypeAdapter": "it names classes by their addresses",
    "pydantic_core._pydantic_core.SchemaValidator": "it names classes by their addresses",
    "pydantic_core._pydantic_core.SchemaSerializer": "it names classes by their addresses",
}
"""Classes whose instances can be hashed, and would make each run's hash another one; with the reason."""
_STATELESS = frozenset(
    [
        "logging.Logger", "logging.LoggerAdapter", "_thread.lock", "_thread.RLock",
        "threading.Condition", "threading.Event", "threading.Semaphore", "threading.Barrier",
        "typing.TypeVar", "typing.ParamSpec", "typing.TypeVarTuple",
    ]
)  # fmt: skip
"""Classes of which the statement that makes an instance says all that a result could depend on."""


@dataclass(frozen=True)
class Held:
    """Code that a constant holds."""

    value: Any
    role: str
    """``code`` for a member; ``class`` for the class of an object; ``task``, which counts by its name."""


@dataclass(frozen=True)
class Encoded:
    """A constant by value."""

    body: bytes
    """Canonical bytes of what is no code."""
    held: tuple[Held, ...]
    """The code in it, in the order of its places; a class of several instances once."""


class BySourceError(Exception):
    """A constant that does not count by value.

    Parameters
    ----------
    reason
        Why, such as ``its state changes with every number drawn``.
    is_quiet
        Whether the statement that makes it tells all of it.
    """

    def __init__(self, reason: str, *, is_quiet: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_quiet = is_quiet
        self.steps: list[str] = []

    @property
    def place(self) -> str:
        """Where in the constant the part without value is, such as ``['a'][3].lock``."""
        first, last = self.steps[:_MAX_SHOWN], self.steps[_MAX_SHOWN:][-_MAX_SHOWN:]
        gap = "…" if len(self.steps) > len(first) + len(last) else ""
        return "".join([*first, gap, *last])


_encoded: dict[tuple[int, str | None], tuple[Any, Encoded | BySourceError]] = {}


def forget_constants() -> None:
    """Forget the bytes of constants: they may have been changed since."""
    _encoded.clear()


def encode_constant(value: Any, folder: str | None, *, is_kept: bool = False) -> Encoded:
    """Return a constant by value.

    Parameters
    ----------
    folder
        Folder of the project, which paths in it are relative to.
    is_kept
        Whether a module or a class of one holds `value`: its bytes are then worked out once a run.

    Raises
    ------
    BySourceError
        When it holds something that cannot be compared between two runs.
    """
    cls = type(value)
    if cls in SCALARS:
        return Encoded(token(value), ())
    key = id(value), folder
    known = _encoded.get(key) if is_kept else None
    if known is None:
        found: Encoded | BySourceError
        encoder = _Encoder(folder)
        try:
            found = Encoded(encoder.encode(value), tuple(encoder.held))
        except BySourceError as error:
            found = error
        except Exception as error:  # attributes, `__reduce__` and handlers are the user's code
            found = BySourceError(f"{type(error).__name__}: {error}")
        if isinstance(found, BySourceError):
            found.__cause__ = found.__context__ = found.__traceback__ = None  # they hold frames
        known = value, found
        if is_kept:
            _encoded[key] = known
    if isinstance(known[1], BySourceError):
        raise known[1]
    return known[1]


class _Encoder:
    """One walk through one constant."""

    def __init__(self, folder: str | None) -> None:
        self.held: list[Held] = []
        self._folder = folder
        self._classes: dict[type, str] = {}
        """Classes of instances so far, and the name that each goes by."""
        self._active: set[int] = set()
        self._known: dict[int, tuple[bytes, Any]] = {}
        """The bytes of members without code in them, by `id`; with the member, to keep the id its own."""
        self._bare: dict[int, int] = {}
        """Numbers of objects without state or name, by `id`."""
        self._n_code = 0
        self._n_paths = 0

    def encode(self, value: Any, depth: int = 0) -> bytes:
        """Return the bytes that stand for `value`."""
        cls = type(value)
        if cls in SCALARS:
            return token(value)
        if cls is str:
            return self._encode_text(value, value)
        key = id(value)
        known = self._known.get(key)
        if known is not None:
            return known[0]
        if key in self._active:
            raise BySourceError("it holds itself")
        if depth > _MAX_DEPTH:
            return self._encode_whole(value)
        n_code = self._n_code
        self._active.add(key)
        try:
            body = self._encode_kind(value, cls, depth)
        finally:
            self._active.discard(key)
        if self._n_code == n_code:
            self._known[key] = body, value
        return body

    def _encode_kind(self, value: Any, cls: type, depth: int) -> bytes:
        if cls in _CONTAINERS:
            return self._encode_container(value, cls, depth)
        if isinstance(value, Lazy):
            return self._encode_lazy(value)
        if isinstance(value, StaticTask):
            return digest(b"task name", value.name.encode())
        if isinstance(value, TaskKind):
            return self._encode_task(value, depth)
        if _is_path(value):
            return self._encode_text(value, str(value))
        if is_code(value):
            self._n_code += 1
            self.held.append(Held(value, "code"))
            return digest(b"code", _name_code(value).encode())
        self._check_state(value, cls)
        if hashing.is_bare(value):
            return self._encode_bare(value)
        if isinstance(value, enum.Enum):
            return self._encode_object(cls, [value.name, value._value_], depth)
        if dataclasses.is_dataclass(cls) and not issubclass(cls, (list, dict, set, tuple, str)):
            return self._encode_dataclass(value, cls, depth)
        if isinstance(value, tuple) and hasattr(cls, "_fields") and not hasattr(value, "__dict__"):
            return self._encode_object(cls, list(value), depth)
        return self._encode_other(value, cls, depth)

    def _encode_text(self, value: Any, text: str) -> bytes:
        """Return the bytes of a text or a path: relative when it is one inside the project."""
        rest = self._relative(text)
        if rest is None:
            return token(value)
        self._n_paths += 1
        return digest(b"path", rest.encode("utf-8", "surrogatepass"))

    def _relative(self, text: str) -> str | None:
        folder = self._folder
        if not folder or not text.startswith(folder):
            return None
        rest = text[len(folder) :]
        return rest.strip(os.sep) if not rest or rest[0] == os.sep else None

    def _encode_container(self, value: Any, cls: type, depth: int) -> bytes:
        members = [*value.keys(), *value.values()] if cls is dict else list(value)
        found = set(map(type, members))
        if found <= SCALARS or (
            found <= SCALARS | {str}
            and not any(type(m) is str and self._relative(m) is not None for m in members)
        ):
            return token(value)
        if cls in (set, frozenset):
            members.sort(key=_name_member)  # functions are in another order in each process
        elif len(value) >= COLUMNS_FROM:
            alike = self._encode_alike(list(value.values()) if cls is dict else value)
            if alike is not None:
                names = self.encode(list(value), depth + 1) if cls is dict else b""
                return digest(b"container", cls.__name__.encode(), names, alike)
        keys = list(value) if cls is dict else []

        def name(index: int) -> str:
            if cls is not dict:
                return f"[{index}]" if cls in (list, tuple) else ""
            key = keys[index % len(keys)]
            return f"[{key!r}]" if type(key) is str or type(key) in SCALARS else ""

        encoded = self._encode_members(members, depth, name)
        if cls in (set, frozenset):
            encoded.sort()
        return digest(b"container", cls.__name__.encode(), *encoded)

    def _encode_alike(self, members: Sequence[Any]) -> bytes | None:
        """Return the bytes of many instances of one plain class with plain attributes; None for others."""
        classes = set(map(type, members))
        cls = next(iter(classes))
        if len(classes) > 1 or issubclass(cls, (Lazy, StaticTask)) or dataclasses.is_dataclass(cls):
            return None
        if (
            not hashing.is_plain_class(cls)
            or kinds.find_handler(cls) is not None
            or is_code(members[0])
        ):
            return None
        rows = list(map(attrgetter("__dict__"), members))
        names = find_names(rows)
        if not names or not _OF_THE_WRAPPED.isdisjoint(names):
            return None
        if any(isinstance(getattr(cls, name, None), cached_property) for name in names):
            return None
        for row in rows:
            if any(type(text) is str and self._relative(text) is not None for text in row.values()):
                return None
        tokens = pair_tokens(rows, sorted(names))
        if tokens is None:
            return None
        return digest(b"objects", self._hold_class(cls).encode(), *tokens)

    def _encode_members(
        self, members: Sequence[Any], depth: int, name: Callable[[int], str]
    ) -> list[bytes]:
        encoded: list[bytes] = []
        try:
            for member in members:
                encoded.append(self.encode(member, depth + 1))  # noqa: PERF401
        except BySourceError as error:
            error.steps.insert(0, name(len(encoded)))
            error.is_quiet = False  # what is beside that part does not count
            raise
        return encoded

    def _encode_lazy(self, value: Any) -> bytes:
        if id(value) in _describing:
            raise BySourceError("a task in it reaches it")
        _describing.add(id(value))
        try:
            return digest(b"expression", token(kinds.quote(value)))
        except (UnhashableValueError, HiddenExpressionError, RecursionError) as error:
            raise BySourceError(str(error)) from error
        finally:
            _describing.discard(id(value))

    def _encode_task(self, value: Any, depth: int) -> bytes:
        """Return the bytes that stand for a task: its name, and what its calls are given already."""
        self.held.append(Held(value, "task"))
        name: bytes = value.fullname.encode()
        if value is value.base:
            return digest(b"task name", name)
        given = [value.call_options, getattr(value, "args", ()), getattr(value, "kwargs", {})]
        return digest(b"partial", name, self.encode(given, depth + 1))

    def _encode_bare(self, value: Any) -> bytes:
        """Return the bytes of an object without state: its name, or else which one it is of those here."""
        found = kinds.find_object_name(value)
        if found is not None:
            # With its module: results that hold it name it so.
            name = found[0]
        else:
            name = str(self._bare.setdefault(id(value), len(self._bare)))
        return digest(b"bare", self._hold_class(type(value)).encode(), name.encode())

    def _check_state(self, value: Any, cls: type) -> None:
        """Refuse what has a hash and no value, or none that is the same in the next run."""
        for base in cls.__mro__:
            name = f"{base.__module__}.{base.__qualname__}"
            if name in _STATELESS:
                raise BySourceError(f"{_with_article(cls)} has no value", is_quiet=True)
            if name in _PROCESS_STATE:
                raise BySourceError(f"{_with_article(cls)}: {_PROCESS_STATE[name]}")
        if cls.__module__ in ("builtins", "itertools") and hasattr(cls, "__next__"):
            raise BySourceError(f"{_with_article(cls)} can be read only once")

    # Objects.

    def _encode_object(self, cls: type, members: Any, depth: int) -> bytes:
        """Return the bytes of an instance by its class, whose code counts, and its members."""
        name = self._hold_class(cls)
        return digest(b"object", name.encode(), self.encode(members, depth + 1))

    def _hold_class(self, cls: type) -> str:
        """Note whose instance is met; return the name of the class, numbered if another has it."""
        known = self._classes.get(cls)
        if known is not None:
            return known
        module, name = cls.__module__, cls.__qualname__
        n_before = sum(other.__qualname__ == name for other in self._classes)
        self._classes[cls] = f"{name} {n_before}" if n_before else name
        if is_redunlite(module):
            return self._classes[cls]
        if loading.is_project_module(module) or not is_standard(module):
            self.held.append(Held(cls, "class"))
        return self._classes[cls]

    def _encode_dataclass(self, value: Any, cls: type, depth: int) -> bytes:
        fields = [(f.name, getattr(value, f.name, None)) for f in dataclasses.fields(value)]
        names = {name for name, _ in fields}
        attributes = getattr(value, "__dict__", None) or {}
        beside = [
            name
            for name in sorted(attributes)
            if name not in names and not isinstance(getattr(cls, name, None), cached_property)
        ]
        fields += [(name, attributes[name]) for name in beside]
        n_held, classes = len(self.held), dict(self._classes)
        try:
            return self._encode_object(cls, fields, depth)
        except BySourceError as error:
            if not _has_own_state(cls):
                if len(error.steps) > 1:  # of the list of fields, and of the field
                    error.steps[:2] = [f".{fields[int(error.steps[0][1:-1])][0]}"]
                raise
        del self.held[n_held:]
        self._classes = classes
        return self._encode_reduced(value, cls, depth)

    def _encode_other(self, value: Any, cls: type, depth: int) -> bytes:
        if isinstance(value, types.MappingProxyType):
            return self.encode(dict(value), depth + 1)
        handler = kinds.find_handler(cls)
        if handler is None or handler.state is None:
            before = len(self.held), self._n_code, self._n_paths
            body = self._encode_reduced(value, cls, depth)
            is_plain = before == (len(self.held), self._n_code, self._n_paths)
            return (
                self._encode_whole(value) if is_plain and cls.__module__ in _VALUE_MODULES else body
            )
        if handler.code is not None:  # a class of the user's that says what its values are
            self._hold_class(cls)
            self._hold_class(handler.code)
            state = self.encode(handler.state(value), depth + 1)
            return digest(b"handled", handler.tag.encode(), state)
        owner = getattr(value, "__self__", None)
        if isinstance(value, BuiltinFunctionType) and not isinstance(owner, (ModuleType, type)):
            self.encode(owner, depth + 1)  # refuses `random.random`, and what else has no value
        if loading.is_project_module(cls.__module__):
            self._hold_class(cls)
        return self._encode_whole(value)

    def _encode_whole(self, value: Any) -> bytes:
        """Return the bytes that `value` would have as an argument, and note whose classes are in it."""
        classes: set[str] = set()
        try:
            body = token(value, classes, "it")
        except (UnhashableValueError, HiddenExpressionError, RecursionError) as error:
            raise BySourceError(str(error)) from error
        for name in sorted(classes):
            cls = find_class(name)
            if cls is not None and loading.is_project_module(cls.__module__):
                self._hold_class(cls)
        return body

    def _encode_reduced(self, value: Any, cls: type, depth: int) -> bytes:
        """Return the bytes of an object by what pickle makes of it."""
        try:
            reduced = hashing.reduce_object(value)
        except Exception as error:  # a user's `__reduce__` or `__getstate__` may do anything
            raise BySourceError(f"{_with_article(cls)}: {error}") from error
        if type(reduced) is str:
            found = find_library_name(value)
            if found is None:
                raise BySourceError(f"{_with_article(cls)} has no value to compare")
            self._hold_class(cls)
            return digest(b"library", ".".join(found).encode())
        name, made_by, args, state, items, pairs = hashing.sort_reduced(value, reduced)
        if isinstance(state, dict):
            state = {k: v for k, v in state.items() if k not in _OF_THE_WRAPPED}
        parts: list[Any] = [None if made_by is None else reduced[0], args, state, items, pairs]
        if not loading.is_project_module(cls.__module__):
            parts.append(name)
        keys = list(state) if isinstance(state, dict) else []

        def label(index: int) -> str:
            return f".{keys[index % len(keys)]}" if keys else ""

        class_name = self._hold_class(cls)
        encoded = [
            self._encode_state(part, depth, label)
            if part is state and keys
            else self.encode(part, depth + 1)
            for part in parts
        ]
        if callable(value) and not loading.is_project_module(cls.__module__):
            self._hold_inner(value)
        return digest(b"reduced", class_name.encode(), *encoded)

    def _encode_state(
        self, state: dict[str, Any], depth: int, label: Callable[[int], str]
    ) -> bytes:
        names = [token(name) for name in state]
        values = self._encode_members(list(state.values()), depth, label)
        return digest(b"attributes", *names, *values)

    def _hold_inner(self, value: Any) -> None:
        """Hold the project's functions in a library's callable, which its pickle may only name."""
        known = {id(held.value) for held in self.held}
        for inner in iter_inner_code(value):
            if id(inner) not in known:
                self._n_code += 1
                self.held.append(Held(inner, "code"))


_describing: set[int] = set()


def is_code(value: Any) -> bool:
    """Tell whether `value` counts by its code: a function, class, module, or a wrapper of one."""
    return isinstance(value, (FunctionType, type, ModuleType, MethodType, TaskKind)) or is_wrapper(
        value
    )


def is_project_code(value: Any) -> bool:
    """Tell whether `value` is a function or class of the project, or stands for one."""
    if isinstance(value, FunctionType):
        home = value.__globals__.get("__name__") or ""
        return is_project_function(value, home) or "__wrapped__" in value.__dict__
    if isinstance(value, type):
        return loading.is_project_module(value.__module__)
    if isinstance(value, MethodType):
        return is_project_code(value.__func__)
    return not isinstance(value, Lazy) and is_wrapper(value)


def iter_inner_code(value: Any) -> Iterator[Any]:
    """Yield the project's functions among the attributes of a library's object."""
    names = copyreg._slotnames(type(value))  # type: ignore[attr-defined]
    attributes = [getattr(value, name, None) for name in names]
    attributes += list((getattr(value, "__dict__", None) or {}).values())
    for held in attributes:
        for member in iter_shallow(held):
            if is_project_code(member):
                yield member


def iter_shallow(value: Any) -> Iterator[Any]:
    """Yield the members of a plain container; `value` itself when it is none."""
    if isinstance(value, (list, tuple)):
        yield from value
    elif isinstance(value, (dict, types.MappingProxyType)):
        yield from value.values()
    else:
        yield value


def find_class(name: str) -> type | None:
    """Return the loaded class of that ``module:qualname``, or None."""
    module_name, _, qualname = name.partition(":")
    found: Any = loading.find_module(module_name)
    for part in qualname.split("."):
        if found is None:
            return None
        found = getattr(found, part, None)
    return found if isinstance(found, type) else None


def _name_member(value: Any) -> tuple[str, str, str]:
    """Return what members of a set are sorted by, whatever their addresses are."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    return type(value).__qualname__, str(module), str(name)


def _name_code(value: Any) -> str:
    """Return the name that code goes by in a constant: in full for a library's, which nothing else tells."""
    name: str = getattr(value, "__qualname__", type(value).__qualname__)
    found = None if is_project_code(value) else find_library_name(value)
    return name if found is None or found[0] == "builtins" else ".".join(found)


def _has_own_state(cls: type) -> bool:
    """Tell whether a class says for itself what of its instances is pickled."""
    return any(
        hook in vars(base)
        for base in cls.__mro__[:-1]
        for hook in ("__reduce__", "__reduce_ex__", "__getstate__")
    )


def _with_article(cls: type) -> str:
    name = cls.__qualname__
    return f"an {name}" if name.lstrip("_")[:1].lower() in "aeiou" else f"a {name}"


def _is_path(value: Any) -> bool:
    pathlib = sys.modules.get("pathlib")  # who has a path has it loaded
    return pathlib is not None and isinstance(value, pathlib.PurePath)
