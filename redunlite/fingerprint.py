"""What of the code counts in a task's hash.

Decided here, and kept for ever under `hashing.HASH_VERSION`: a task's hash covers the normal form of
its function, and of all functions and classes of the user's project that it reaches, the values of
the constants, and name and version of the installed packages. Not here: how a text is found for a
function (`loading`), what its normal form is (`syntax`).

The parts form a graph: each is hashed by itself and lists what it reaches by the names in its source
(closure cells, defaults and base classes by their place). Parts are numbered in the order in which
they are reached, and the pre-image is the list of them. No file or module name enters it, so code can
be moved, cloned and renamed; cycles need no care.

What cannot be followed is listed as untracked, with the reason: `depends=` is the way out.

State: how installed packages count and which folder paths are relative to (both set by the session),
the hashes of classes, and the names found in each function.

>>> def scale(x):
...     return 2 * x
>>> fingerprint_task(scale, "docs.scale").components[0].name
'scale'
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import enum
import functools
import os
import sys
import types
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from redunlite import hashing, kinds, loading, syntax
from redunlite import value as value_room
from redunlite.constants import (
    SCALARS,
    BySourceError,
    encode_constant,
    find_class,
    forget_constants,
    is_code,
    is_project_code,
    iter_inner_code,
    iter_shallow,
)
from redunlite.definitions import (
    EMPTY_CELL,
    MISSING,
    PackageName,
    Site,
    StaticDefinition,
    StaticModule,
    StaticNames,
    StaticTask,
    absolute_name,
    count_task_decorators,
    file_of_class,
    find_assignments,
    find_class_node,
    find_imported_name,
    find_library_name,
    find_static_module,
    get_uses,
    get_wrapped,
    hash_code,
    is_inside,
    is_project_function,
    is_project_module,
    is_redunlite,
    is_standard,
    is_wrapper,
    iter_cells,
    iter_code_names,
    iter_functions,
    iter_project_imports,
    public_name,
    read_module,
    source_of,
    unwrap,
)
from redunlite.errors import HiddenExpressionError, UnhashableValueError
from redunlite.hashing import digest, token
from redunlite.kinds import Lazy, TaskKind, TypeHandler
from redunlite.loading import SourceFile
from redunlite.packages import find_package
from redunlite.syntax import Chain, ImportedName, Use, Uses

FUNCTION = "function"
CLASS = "class"
CONSTANT = "constant"
PACKAGE = "package"
CODE = "code"
"""A function by its compiled code, or a module as a whole."""
VERSION = "version"


@dataclass(frozen=True)
class Component:
    """One part of what a task's hash covers."""

    kind: str
    """FUNCTION, CLASS, CONSTANT, PACKAGE, CODE or VERSION."""
    name: str
    """Qualified name of a function or class; else the name it is reached by."""
    hash: bytes
    """20 bytes over kind, name and the part's own content, without what it reaches."""
    source: str | None
    """Full source text, without indentation and the decorators that do not count."""
    file: str | None
    """Absolute path."""
    line: int | None
    """Line of the first line of `source`."""


@dataclass(frozen=True)
class Untracked:
    """Something that a task may use and that its hash does not cover."""

    name: str
    """As it is written in the source."""
    reason: str


class ReachedTask(NamedTuple):
    """A task that a name in the code stands for."""

    fullname: str | None
    """None for one that is known by the text of its module alone."""
    place: str
    """``module:qualname`` of its function."""
    task: Any = None
    """The task itself, unless it is known by the text of its module alone."""


@dataclass(frozen=True)
class Fingerprint:
    """What a task's hash covers."""

    hash: bytes
    """20 bytes."""
    components: tuple[Component, ...]
    """The task's own function first, then in the order in which they are reached."""
    untracked: tuple[Untracked, ...]
    source: str | None
    """The function's own source, without indentation and decorators; None when there is none."""
    file: str | None
    """Absolute path of the file that defines the function."""
    line: int | None
    """Line of the ``def``."""
    tasks: tuple[ReachedTask, ...] = ()
    """The tasks that the names in the code stand for; their code is not part of the hash."""


# Settings.

_packages_mode = "version"
_project_folder: str | None = None


def set_packages(mode: str) -> None:
    """Say how installed packages count: by ``version``, by ``major`` version, or ``ignore``."""
    global _packages_mode
    if mode not in ("version", "major", "ignore"):
        raise ValueError(f"packages must be version, major or ignore, not {mode!r}")
    _packages_mode = mode
    _forget_hashes()


def set_project_folder(folder: str | None) -> None:
    """Say which folder the paths in constants are relative to; None: that of the task's file."""
    global _project_folder
    _project_folder = None if folder is None else os.path.abspath(folder)
    _forget_hashes()


_edition = 0
"""Edition of the texts that the remembered hashes are of."""


def _forget_hashes() -> None:
    _class_hashes.clear()
    _function_hashes.clear()
    _content_hashes.clear()
    forget_constants()


def _forget_earlier_hashes() -> None:
    """Forget the hashes when texts may have been read anew, or modules been reloaded, since."""
    global _edition
    if _edition != loading.edition:
        _edition = loading.edition
        _forget_hashes()


# The surface.


def fingerprint_task(
    func: Any,
    fullname: str,
    *,
    version: str | None = None,
    hash_includes: Iterable[Any] = (),
    depends: Iterable[Any] = (),
    ignore: Iterable[Any] = (),
    config_args: Iterable[str] = (),
) -> Fingerprint:
    """Return what the hash of a task covers.

    Parameters
    ----------
    func
        The task's function.
    fullname
        Name of the task, with its namespace.
    version
        Stands for the code.
    hash_includes, depends
        Values and functions that count beside the code.
    ignore
        Helpers, or their names, that do not count.
    config_args
        Names of the parameters that are not part of the cache key.

    Raises
    ------
    UnhashableValueError
        When a value of `hash_includes` or `depends` has no hash.
    """
    _forget_earlier_hashes()
    reach = _Reach(func, ignore, namespace=fullname.rpartition(".")[0])
    source, file, line = _locate(func)
    if version is None:
        reach.add_root(func)
    else:
        body = digest(b"version", token(version))
        reach.add_part(_Part(VERSION, "version", body, str(version)))
    for label, values in (("include", hash_includes), ("depends", depends)):
        for index, value in enumerate(_listed(values)):
            try:
                reach.add_value(value, f"{label}[{index}]")
            except (UnhashableValueError, HiddenExpressionError) as error:
                option = "hash_includes" if label == "include" else label
                error.put(f"{option}[{index}] of task {fullname!r}")
                raise
    reach.run()
    names = sorted(_listed(config_args))
    task_hash = digest(b"task", fullname.encode(), token(names), *reach.iter_fields())
    return Fingerprint(
        task_hash, reach.make_components(), tuple(reach.untracked), source, file, line,
        tuple(dict.fromkeys(found for _, _, found in reach.tasks)),
    )  # fmt: skip


def function_hash(func: FunctionType) -> bytes:
    """Return the 20 bytes that stand for a function as a value: its code and all that it reaches."""
    _forget_earlier_hashes()
    known = _function_hashes.get(func)
    if known is None:
        key = id(func)
        if key in _active:  # a function that reaches a value that holds the function
            return digest(b"function", func.__qualname__.encode())
        _active.add(key)
        try:
            reach = _Reach(func, ())
            reach.add_root(func)
            reach.run()
            known = digest(b"function", *reach.iter_fields())
        finally:
            _active.discard(key)
        if not func.__closure__:
            _function_hashes[func] = known
    return known


def class_hash(name: str) -> bytes | None:
    """Return the 20 bytes that stand for the code of a project class, by its ``module:qualname``.

    None when it is not the project's, or cannot be found by that name.
    """
    cls = find_class(name)
    return None if cls is None else hash_class(cls)


def hash_class(cls: type) -> bytes | None:
    """Return the 20 bytes that stand for a class's code and all that it reaches, or None."""
    if not loading.is_project_module(cls.__module__):
        return None
    _forget_earlier_hashes()
    known = _class_hashes.get(cls)
    if known is None:
        key = id(cls)
        if key in _active:
            return digest(b"class", cls.__qualname__.encode())
        _active.add(key)
        try:
            reach = _Reach(cls, ())
            reach.add_root(cls)
            reach.run()
            known = _class_hashes[cls] = digest(b"class", *reach.iter_fields())
        finally:
            _active.discard(key)
    return known


def content_hash(cls: type) -> bytes:
    """Return the 20 bytes that stand for a class that no name leads to: all that it is.

    Worked out anew when what the class holds, or a variable of an enclosing function, has changed.
    """
    _forget_earlier_hashes()
    key = id(cls)
    if key in _active:
        return digest(b"class", cls.__qualname__.encode())
    is_outermost = not _active
    _active.add(key)
    try:
        held = _list_held(cls)
        for remembered in (_carried_hashes, _content_hashes):
            known = remembered.get(cls)
            if known is not None and _are_same(known[0], held):
                return known[1]
        reach = _Reach(cls, ())
        reach.add_root(cls)
        reach.run()
        found = digest(b"made class", *reach.iter_fields())
    finally:
        _active.discard(key)
    if is_outermost:  # else it may be the hash of one that reaches back to who is being hashed
        _content_hashes[cls] = held, found
    return found


def carry_content_hash(cls: type, content_hash: bytes) -> None:
    """Remember the hash of a class that was made again from its bytes.

    So that it is the same in each process, whether or not the source text is at hand there.
    """
    _active.add(id(cls))
    try:
        _carried_hashes[cls] = _list_held(cls), content_hash
    finally:
        _active.discard(id(cls))


def find_made_class(content_hash_: bytes, qualname: str) -> type | None:
    """Return the class of that content which a module of the project holds, whatever its name there.

    Such as ``Point = namedtuple("P", "x y")`` or ``Square = make_model(2)``: an instance that comes
    from another process or run is one of it.
    """
    for module in _list_project_modules():
        for value in list(vars(module).values()):
            for held in iter_shallow(value):
                if (
                    issubclass(type(held), type)
                    and held.__qualname__ == qualname
                    and not hashing.is_named(held)
                    and content_hash(held) == content_hash_
                ):
                    found: type = held
                    return found
    return None


_project_modules: tuple[tuple[int, int], list[ModuleType]] = ((0, 0), [])


def _list_project_modules() -> list[ModuleType]:
    """Return the modules of the project, looked for anew when modules were loaded since."""
    global _project_modules
    state = loading.edition, len(sys.modules)
    if _project_modules[0] != state:
        names = [name for name in list(sys.modules) if loading.is_project_module(name)]
        found = [sys.modules[name] for name in names if isinstance(sys.modules[name], ModuleType)]
        _project_modules = state, found
    return _project_modules[1]


def _list_held(cls: type) -> list[Any]:
    """Return what a class and its made bases hold: objects that stay as they are, tokens of others."""
    held: list[Any] = []
    for base in cls.__mro__:
        if base is not cls and hashing.is_named(base):
            continue
        held += [value for _, value in _iter_held(base)]
        for _, function in iter_functions(base):
            held += [value for _, value in iter_cells(function) if value is not EMPTY_CELL]
    return [value if isinstance(value, _FIXED_TYPES) else _freeze(value) for value in held]


def _iter_held(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of a class but Python's own, and what the members of an Enum hold."""
    is_enum = issubclass(cls, enum.Enum)
    members = cls.__members__ if is_enum else {}  # type: ignore[attr-defined]
    for name, value in list(cls.__dict__.items()):
        if not (
            _is_machinery(name) or name in members or (is_enum and name[:1] == "_" == name[-1:])
        ):
            yield name, value
    for name, member in members.items():
        yield name, member._value_
        for attribute, value in hashing.member_attributes(member).items():
            yield f"{name}.{attribute}", value


class _Token(bytes):
    """The token of what may change in place."""


def _freeze(value: Any) -> Any:
    try:
        return _Token(token(value))
    except (UnhashableValueError, HiddenExpressionError):
        return value  # of what is inside nothing is known


def _are_same(before: list[Any], held: list[Any]) -> bool:
    if len(before) != len(held):
        return False
    return all(a is b or (type(a) is type(b) is _Token and a == b) for a, b in zip(before, held))


def format_location(component: Component) -> str:
    """Return where a component is, such as ``helpers.py:12``, or its name when that is not known."""
    if component.file is None:
        return component.name
    place = os.path.relpath(component.file)
    if place.startswith(".."):
        place = component.file
    return place if component.line is None else f"{place}:{component.line}"


_class_hashes: weakref.WeakKeyDictionary[type, bytes] = weakref.WeakKeyDictionary()
_function_hashes: weakref.WeakKeyDictionary[FunctionType, bytes] = weakref.WeakKeyDictionary()
_Remembered = weakref.WeakKeyDictionary[type, tuple[list[Any], bytes]]
"""Hashes of classes, and what each held when it was hashed."""
_content_hashes: _Remembered = weakref.WeakKeyDictionary()
_carried_hashes: _Remembered = weakref.WeakKeyDictionary()
"""Of classes that came from another process or run: kept whatever is loaded here."""
_active: set[int] = set()


def _listed(values: Any) -> list[Any]:
    if isinstance(values, (list, tuple, set, frozenset)):
        return list(values)
    return [values]


# Parts.


class _Part:
    """A node of the graph while it is built."""

    __slots__ = ("body", "edges", "file", "kind", "line", "name", "source")

    def __init__(
        self,
        kind: str,
        name: str,
        body: bytes = b"",
        source: str | None = None,
        file: str | None = None,
        line: int | None = None,
    ) -> None:
        self.kind = kind
        self.name = name
        self.body = body
        """20 bytes over the part's own content."""
        self.source = source
        self.file = file
        self.line = line
        self.edges: list[tuple[str, int]] = []
        """Label and part number of what it reaches, in order."""


_SKIPPED_GLOBALS = frozenset(
    [
        "__name__",
        "__file__",
        "__doc__",
        "__package__",
        "__spec__",
        "__loader__",
        "__builtins__",
        "__path__",
        "__cached__",
        "__class__",
        "__debug__",
    ]
)
_PLAIN = frozenset({*SCALARS, str, list, tuple, set, frozenset, dict, types.MappingProxyType})
_FIXED_TYPES: tuple[type, ...] = (
    *SCALARS, str, type, FunctionType, staticmethod, classmethod, property, enum.Enum,
    types.MemberDescriptorType, types.GetSetDescriptorType,
)  # fmt: skip
"""Types of attributes that do not change in place, or whose changes are edits of code."""


def _is_machinery(name: str) -> bool:
    """Tell whether an attribute of a class is Python's own, and follows from its other parts."""
    return (name[:2] == "__" == name[-2:]) or name in ("_abc_impl", "_is_protocol")


_RUNNERS = frozenset({"Scheduler", "run"})
"""What of redunlite runs a workflow inside of a function that uses it."""


def _is_scheduler(value: Any) -> bool:
    """Tell whether a value is `Scheduler`, one of these, or `redunlite.run`."""
    named = value if isinstance(value, (type, FunctionType)) else type(value)
    return named.__name__ in _RUNNERS and named.__module__ in (
        "redunlite.scheduler",
        "redunlite.session",
    )


class _Reach:
    """Follows names from one function or class, without recursion.

    State: the parts found so far, and those whose content is still to be looked at.

    Parameters
    ----------
    namespace
        Of the tasks that are meant by their short name, where the module does not say another.
    """

    def __init__(self, root: Any, ignore: Iterable[Any], *, namespace: str = "") -> None:
        self.parts: list[_Part] = []
        self.tasks: list[tuple[_Part, str, ReachedTask]] = []
        """Each name of a task: where it stands, what it is there, and the task."""
        self.untracked: dict[Untracked, None] = {}
        self._numbers: dict[Any, int] = {}
        self._pending: list[tuple[_Part, Any, Any]] = []
        self._kept: list[Any] = []
        self._uncounted: list[tuple[_Part, str, Any, Site]] = []
        """Tasks that are reached, whose code counts only where a workflow is run inside."""
        self._runs_workflow = False
        listed = _listed(ignore)
        self._ignored_names = {x for x in listed if isinstance(x, str)}
        self._ignored_ids = {id(x) for x in listed if not isinstance(x, str)}
        self._ignored_ids |= {id(x.func) for x in listed if isinstance(x, TaskKind)}  # type: ignore[attr-defined]
        self._folder = _project_folder or _folder_of(root)
        self._namespace = namespace
        self._active: set[int] = set()
        """By `id`, the functions of libraries and the constants that are looked into."""

    # The result.

    def iter_fields(self) -> Iterator[bytes]:
        """Yield the fields of the pre-image."""
        for part in self.parts:
            yield part.kind.encode()
            yield part.body
            yield b"%d" % len(part.edges)
            for label, number in part.edges:
                yield label.encode("utf-8", "surrogatepass")
                yield b"%d" % number

    def make_components(self) -> tuple[Component, ...]:
        """Return the parts for people and records."""
        made = []
        for part in self.parts:
            own = digest(b"component", part.kind.encode(), part.name.encode(), part.body)
            made.append(Component(part.kind, part.name, own, part.source, part.file, part.line))
        return tuple(made)

    # Building.

    def run(self) -> None:
        """Look at everything that is reached."""
        position = 0
        while position < len(self._pending) or self._take_tasks():
            part, value, site = self._pending[position]
            position += 1
            if isinstance(value, FunctionType):
                self._fill_function(part, value)
            elif isinstance(value, type):
                self._fill_class(part, value)
            elif isinstance(value, ModuleType):
                self._fill_module(part, value)
            elif isinstance(value, StaticModule):
                self._fill_static_module(part, value)
            elif isinstance(value, StaticDefinition):
                self._fill_definition(part, value)
            else:
                self._fill_assignment(part, value, site)
        self._tell_namesakes_apart()

    def _tell_namesakes_apart(self) -> None:
        """Count the modules of tasks of one name, where the code reaches several."""
        places: dict[str, set[str]] = {}
        for _, _, found in self.tasks:
            for name in _names_of(found):
                places.setdefault(name, set()).add(found.place)
        for part, label, found in self.tasks:
            if any(len(places[name]) > 1 for name in _names_of(found)):
                body = digest(b"task place", found.place.encode())
                part.edges.append((label, len(self.parts)))
                self.add_part(_Part(CONSTANT, label, body, found.place))

    def _take_tasks(self) -> bool:
        """Count the tasks that are reached, too, where a workflow is run inside; tell whether there are some.

        What it evaluates is part of no call of ours, so an edit of them would be seen by nobody.
        """
        if not self._runs_workflow:
            return False
        n_before = len(self._pending)
        tasks, self._uncounted = self._uncounted, []
        for part, label, value, site in tasks:
            self._link(part, label, value, site, is_forced=True)
        return len(self._pending) > n_before

    def add_root(self, value: Any) -> None:
        """Start from a function or class, whatever it is and whoever's."""
        if isinstance(value, FunctionType):
            self._queue(FUNCTION, _name_of(value), value)
        elif isinstance(value, type):
            self._queue(CLASS, value.__qualname__, value)
        else:
            name = getattr(value, "__qualname__", type(value).__qualname__)
            part = self.add_part(_Part(CODE, name, digest(b"callable", name.encode())))
            if is_wrapper(value):
                self._reach_callable(part, value, "call", Site({}, {}, None))
            else:
                self._link(part, "call", value, Site({}, {}, None))

    def add_value(self, value: Any, label: str) -> None:
        """Count one more value, given by the user."""
        site = Site({}, {}, None)
        if is_code(value):
            holder = self.add_part(_Part(CONSTANT, label, digest(b"given", label.encode())))
            self._link(holder, label, value, site, is_forced=True)
            return
        part = _Part(CONSTANT, label)
        try:
            part.body = digest(b"constant", self._encode(value, part, site))
        except BySourceError:
            part.body = digest(b"constant", token(value))
        part.source = value_room.preview(value)
        self.add_part(part)

    def add_part(self, part: _Part) -> _Part:
        """Give a part its number."""
        self.parts.append(part)
        return part

    def _queue(self, kind: str, name: str, value: Any, site: Any = None, key: Any = None) -> int:
        key = id(value) if key is None else key
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.parts)
            part = self.add_part(_Part(kind, name))
            self._pending.append((part, value, site))
            self._kept.append(value)
        return number

    def _note(self, name: str, reason: str) -> None:
        self.untracked[Untracked(name, reason)] = None

    def _is_ignored(self, value: Any, name: str) -> bool:
        if id(value) in self._ignored_ids or name in self._ignored_names:
            return True
        if not self._ignored_names:
            return False
        if name.rpartition(".")[2] in self._ignored_names:
            return True
        return isinstance(value, (FunctionType, type)) and (
            value.__qualname__ in self._ignored_names
            or f"{value.__module__}.{value.__qualname__}" in self._ignored_names
        )

    # Edges.

    def _link(
        self,
        part: _Part,
        label: str,
        value: Any,
        site: Site,
        *,
        name: str | None = None,
        is_forced: bool = False,
    ) -> None:
        """Let `part` reach `value` under a label; nothing happens for what does not count.

        `name` is what the module of `site` calls it; None: as the label begins.
        """
        if self._is_ignored(value, label):
            return
        if _is_scheduler(value):
            self._runs_workflow = True
        if isinstance(value, (TaskKind, StaticTask)):
            if is_forced:
                self._link(part, label, value.func, site)  # type: ignore[union-attr]
            else:
                self._uncounted.append((part, label, value, site))
                self._link_task(part, label, value, site)
        elif isinstance(value, Lazy):  # asking it for attributes would make more of them
            self._link_constant(part, label, value, site, name)
        elif isinstance(value, FunctionType):
            self._link_function(part, label, value, site, name)
        elif isinstance(value, type):
            self._link_class(part, label, value, site)
        elif isinstance(value, ModuleType):
            self._link_module(part, label, value)
        elif isinstance(value, (StaticDefinition, StaticModule)):
            short = value.name.rpartition(".")[2]
            key = (value.path, short if isinstance(value, StaticDefinition) else None)
            part.edges.append((label, self._queue(value.kind, short, value, None, key)))
        elif isinstance(value, PackageName):
            self._link_library(part, label, value.name, value.attribute or "")
        elif isinstance(value, MethodType):
            self._link(part, f"{label}()", value.__func__, site, name=name)
            self._link(part, f"{label}.__self__", value.__self__, site, name=name)
        elif isinstance(value, BuiltinFunctionType):
            self._link_builtin(part, label, value, site, name)
        elif (found := _find_in_library(value, site, name or label)) is not None:
            self._link_library(part, label, *found)
        elif is_wrapper(value):
            self._reach_callable(part, value, label, site, name)
        else:
            self._link_constant(part, label, value, site, name)

    def _link_task(self, part: _Part, label: str, value: Any, site: Site) -> None:
        """Note which task a name stands for; it counts where the name does not say it."""
        name = label.rpartition(".")[2]
        if isinstance(value, StaticTask):
            self.tasks.append((part, label, ReachedTask(None, value.place)))
            if value.name != name:
                self._link_constant(part, label, value, site)
            return
        base = value.base
        self.tasks.append((part, label, ReachedTask(base.fullname, base.place, base)))
        known = site.names.get("redun_namespace")
        namespace = known if isinstance(known, str) else self._namespace
        is_own = value.namespace in (namespace, "redunlite")
        if value is not base or value.name != name or not is_own:
            self._link_constant(part, label, value, site)

    def _link_function(
        self,
        part: _Part,
        label: str,
        func: FunctionType,
        site: Site,
        name: str | None,
        *,
        is_named: bool = True,
    ) -> None:
        home = func.__globals__.get("__name__") or ""
        if is_redunlite(home):
            return
        if is_project_function(func, home):
            part.edges.append((label, self._queue(FUNCTION, _name_of(func), func)))
            return
        if is_named:
            self._link_library(part, label, home, _name_of(func))
        else:
            self._link_package(part, label, home)
        # A function of a library may wrap one of the project's.
        if id(func) in self._active:
            return
        self._active.add(id(func))
        # What one of its modules holds is the library's own, but for what the project gave it.
        is_own = not is_named or find_library_name(func) is not None
        for held_name, held in _iter_closure(func, home):
            if not is_own:
                self._link_held(part, f"{label}.{held_name}", held, site, name)
                continue
            for index, member in enumerate(iter_shallow(held)):
                if is_project_code(member):
                    self._link(part, f"{label}.{held_name}[{index}]", member, site, name=name)
        self._active.discard(id(func))

    def _link_held(self, part: _Part, label: str, held: Any, site: Site, name: str | None) -> None:
        """Count what a closure of a library holds: code of the project, and values."""
        if is_project_code(held):
            self._link(part, f"{label}[0]", held, site, name=name)
            return
        if is_code(held) or isinstance(held, BuiltinFunctionType):
            self._link(part, label, held, site, name=name)
            return
        made = _Part(CONSTANT, label)
        try:
            body = self._encode(held, made, site)
        except BySourceError as error:
            for index, value in enumerate(iter_shallow(held)):
                if is_project_code(value):
                    self._link(part, f"{label}[{index}]", value, site, name=name)
            self._link_source(part, label, held, site, name, error)
            return
        part.edges += made.edges
        part.body = digest(b"held", part.body, label.encode(), body)

    def _link_class(self, part: _Part, label: str, cls: type, site: Site) -> None:
        module = cls.__module__
        # One that a call has made may bear any module's name, such as that of `types`.
        if loading.is_project_module(module) or not hashing.is_named(cls):
            part.edges.append((label, self._queue(CLASS, cls.__qualname__, cls, site)))
        elif not is_redunlite(module):
            self._link_library(part, label, module, cls.__qualname__)

    def _link_module(self, part: _Part, label: str, module: ModuleType) -> None:
        name = module.__name__
        if loading.is_project_module(name):
            part.edges.append((label, self._queue(CODE, name.rpartition(".")[2], module)))
        elif not is_redunlite(name):
            self._link_library(part, label, name)

    def _link_builtin(
        self, part: _Part, label: str, value: Any, site: Site, name: str | None
    ) -> None:
        """Count a function written in C: by its name, and by the object that it is a method of."""
        owner = value.__self__
        if owner is None or isinstance(owner, ModuleType):
            self._link_library(part, label, value.__module__ or "builtins", value.__qualname__)
            return
        self._link_library(part, label, type(owner).__module__, value.__qualname__)
        self._link(part, f"{label}.__self__", owner, site, name=name)

    def _reach_callable(
        self, part: _Part, value: Any, label: str, site: Site, name: str | None = None
    ) -> None:
        """Follow what a library's callable object stands for: a partial, an `lru_cache`."""
        if isinstance(value, functools.partial):
            for attribute in ("func", "args", "keywords"):
                held = getattr(value, attribute)
                self._link(part, f"{label}.{attribute}", held, site, name=name)
            return
        wrapped = get_wrapped(value)
        if wrapped is not None:
            self._link(part, f"{label}.__wrapped__", wrapped, site, name=name)
        self._link_named(part, f"{label}.__class__", type(value), site)
        found = find_assignments(site, name or _base_of(label))
        if found is None or is_standard(type(value).__module__):
            return
        # What else was given to it, such as numba's options, if no decorator's text says so.
        if not isinstance(found.nodes[-1], (ast.FunctionDef, ast.AsyncFunctionDef)):
            self._queue_assignment(part, label, found, site)

    def _link_library(self, part: _Part, label: str, module: str, name: str = "") -> None:
        """Count what stands behind a label in a library: by its package, and by its name there."""
        if is_redunlite(module):
            return
        package = self._link_package(part, label, module)
        full = ".".join(filter(None, (public_name(module), name)))
        if full not in (label, f"builtins.{label}", package, f"{package}.{label}"):
            part.body = digest(b"library", part.body, label.encode(), full.encode())

    def _name_task(self, part: _Part, label: str, found: Any) -> None:
        """Count which task a label stands for, where the label does not say so by itself."""
        if label.rpartition(".")[2] != found.name or found.namespace != self._namespace:
            part.body = digest(b"task name", part.body, label.encode(), found.fullname.encode())

    def _link_package(self, part: _Part, label: str, module: str) -> str | None:
        """Let `part` reach the installed package of a module by its version; return its name."""
        if is_standard(module) or is_redunlite(module) or _packages_mode == "ignore":
            return None
        known = find_package(module)
        if known is None:
            if loading.is_project_module(module) or module in ("", "__main__"):
                self._note(label, "compiled code without source text")
            else:
                self._note(label, "its package has no metadata that tells a version")
            return None
        name, version = known
        if _packages_mode == "major":
            version = version.partition(".")[0]
        key = ("package", name)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.parts)
            text = f"{name}=={version}"
            self.add_part(_Part(PACKAGE, name, digest(b"package", text.encode()), text))
        part.edges.append((label, number))
        return name

    # Constants.

    def _link_constant(
        self, part: _Part, label: str, value: Any, site: Site, name: str | None = None
    ) -> None:
        if id(value) in self._active:
            return  # reached through code that it holds, such as its own bound method
        made = _Part(CONSTANT, label)
        self._active.add(id(value))
        try:
            body = digest(b"constant", self._encode(value, made, site))
        except BySourceError as error:
            self._link_source(part, label, value, site, name, error)
            return
        finally:
            self._active.discard(id(value))
        key = ("constant", label, body, tuple(made.edges))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.parts)
            made.body = body
            self._describe_constant(made, name or _base_of(label), value, site)
            self.add_part(made)
        part.edges.append((label, number))

    def _link_source(
        self,
        part: _Part,
        label: str,
        value: Any,
        site: Site,
        name: str | None,
        error: BySourceError,
    ) -> None:
        """Count a constant without value by the statements that made it, and list it as untracked."""
        found = find_assignments(site, name or _base_of(label))
        if found is not None:
            self._queue_assignment(part, label, found, site)
        if found is None or not error.is_quiet:
            counts = (
                "the statement that makes it counts" if found else "its assignment was not found"
            )
            self._note(_shown(label, name) + error.place, f"{error.reason}; {counts}")
        cls = type(value)
        if isinstance(value, Lazy):
            return
        if loading.is_project_module(cls.__module__):
            self._link(part, f"{label}.__class__", cls, site)
        elif not is_standard(cls.__module__):
            self._link_package(part, label, cls.__module__)
        wrapped = get_wrapped(value)
        inner = list(iter_inner_code(value)) if callable(value) else []
        for index, code in enumerate([wrapped, *inner] if is_code(wrapped) else inner):
            self._link(part, f"{label}.{index}", code, site, name=name)

    def _queue_assignment(self, part: _Part, label: str, found: Any, site: Site) -> None:
        key = ("assignment", site.path, found.name)
        part.edges.append((label, self._queue(CONSTANT, found.name, found, site, key)))

    def _describe_constant(self, part: _Part, name: str, value: Any, site: Site) -> None:
        found = find_assignments(site, name)
        if found is None:
            part.source = value_room.preview(value)
            return
        part.file = found.file.path
        part.line = found.nodes[0].lineno
        part.source = "\n".join(source_of(found.file, node)[0] for node in found.nodes)

    def _encode(self, value: Any, part: _Part, site: Site, *, is_kept: bool = False) -> bytes:
        """Return the bytes that stand for a constant; code in it becomes edges of `part`.

        `is_kept` tells that it lives as long as its module, as globals do.
        """
        base = _base_of(part.name)
        if base not in site.cells and site.names.get(base, MISSING) is value:
            is_kept = True
        found = encode_constant(value, self._folder, is_kept=is_kept)
        for held in found.held:
            if held.role == "task":
                task = held.value.base
                self.tasks.append((part, part.name, ReachedTask(task.fullname, task.place, task)))
            elif held.role == "class":
                self._link(part, f"{part.name}.__class__", held.value, site)
            else:
                self._link(part, f"{part.name}[{len(part.edges)}]", held.value, site)
        return found.body

    # Functions.

    def _fill_function(self, part: _Part, func: FunctionType) -> None:
        code = func.__code__
        site = Site(func.__globals__, dict(iter_cells(func)), code.co_filename)
        found = loading.find_source_of(func)
        if found is None:
            self._fill_code(part, func, site)
        else:
            file, node = found
            n_skipped = count_task_decorators(node, site)
            part.file = file.path
            part.source, part.line = source_of(file, node, n_skipped)
            uses = get_uses(node, n_skipped)
            self._fill(part, node, uses, site, n_skipped=n_skipped)
        self._link_defaults(part, func, site)
        attributes = {n: v for n, v in func.__dict__.items() if not _is_machinery(n)}
        self._add_attributes(part, attributes, site, func.__qualname__)

    def _link_defaults(self, part: _Part, func: FunctionType, site: Site) -> None:
        """Count default values as they are: in a loop, one text makes several."""
        defaults = func.__defaults__ or ()
        for name, value in (*enumerate(defaults), *(func.__kwdefaults__ or {}).items()):
            if is_code(value):
                self._link(part, f"default {name}", value, site)
                continue
            made = _Part(CONSTANT, f"default {name}")
            try:
                body = digest(b"constant", self._encode(value, made, site))
            except BySourceError as error:  # its text counts already
                if not error.is_quiet:
                    place = f"default of {_parameter(func, name)}{error.place}"
                    self._note(place, f"{error.reason}; its text counts")
                continue
            part.edges += made.edges
            part.body = digest(b"default", part.body, str(name).encode(), body)

    def _fill_code(self, part: _Part, func: FunctionType, site: Site) -> None:
        part.kind = CODE
        part.body = hash_code(func.__code__)
        part.file = func.__code__.co_filename
        part.line = func.__code__.co_firstlineno
        self._note(
            func.__qualname__,
            "its source text is not available; its compiled code counts, on this Python version",
        )
        for name in iter_code_names(func.__code__):
            if name in _SKIPPED_GLOBALS:
                continue
            value = site.cells.get(name, site.names.get(name, MISSING))
            if value is not MISSING and value is not EMPTY_CELL:
                self._link(part, name, value, site)

    def _fill(
        self, part: _Part, node: ast.AST, uses: Uses, site: Site, *, n_skipped: int = 0
    ) -> None:
        """Hash a piece of source, and follow the names in it."""
        modules: dict[Chain, int] = {}
        found: list[tuple[Use, Any, Chain, Chain, Any]] = []
        for use in uses.uses:
            value = self._look_up(use, site)
            if use.imported is not None and is_redunlite(use.imported.module):
                names = (use.imported.attribute, *use.attributes)
                self._runs_workflow |= not _RUNNERS.isdisjoint(names)
            if value is MISSING:
                continue
            value, prefix, rest, owner = self._follow(use, value)
            if isinstance(value, ModuleType) and is_redunlite(value.__name__):
                self._runs_workflow |= not _RUNNERS.isdisjoint(rest)
            if prefix:
                modules.setdefault(prefix, len(modules))
            found.append((use, value, prefix, rest, owner))
        imports = frozenset(iter_project_imports(uses.imports, site))
        part.body = digest(
            b"source",
            syntax.normal_form(node, n_skipped=n_skipped, modules=modules, imports=imports),
        )
        for use, value, prefix, rest, owner in found:
            if value is MISSING:
                continue
            full = (use.name, *use.attributes)
            if prefix:
                label = ".".join((f"module {modules[prefix]}", *full[len(prefix) :]))
            else:
                label = ".".join(full[: len(full) - len(rest)])
            shown = ".".join(full[: len(full) - len(rest)])
            if self._is_ignored(value, shown):
                continue
            if isinstance(value, PackageName) and use.imported is not None:
                self._link_package(part, label, value.name)  # the text says which name it is
            elif owner is None:
                self._link(part, label, value, site)
            else:
                name = full[len(full) - len(rest) - 1]
                self._link(part, label, value, _site_of(owner), name=name)
        for name, chain in uses.computed:
            self._note_computed(part, name, chain, site)
        for name in uses.import_calls:
            self._link_import_call(part, name)

    def _look_up(self, use: Use, site: Site) -> Any:
        """Return what the name of `use` stands for, or a mark that there is nothing to follow."""
        name = use.name
        if use.imported is not None:
            return self._import_value(use.imported, name, site)
        if name in site.cells:
            value = site.cells[name]
            return MISSING if value is EMPTY_CELL else value
        if name in _SKIPPED_GLOBALS:
            return MISSING
        if name in site.names:
            return site.names[name]
        if not hasattr(builtins, name) and not use.is_header:
            self._note(name, "the name is not defined yet when the task is hashed")
        return MISSING

    def _follow(self, use: Use, value: Any) -> tuple[Any, Chain, Chain, ModuleType | None]:
        """Return what a chain of attributes stands for, its part that is modules, and the rest.

        And the module that holds it, if it is an attribute of one.
        """
        owner = None
        chain = (use.name, *use.attributes)
        position = 1
        prefix: Chain = ()
        while is_project_module(value):
            prefix = chain[:position]
            if position == len(chain):
                return value, prefix, (), None
            owner = value if isinstance(value, ModuleType) else None
            inner = read_module(value, chain[position])
            if inner is MISSING:
                self._note(".".join(chain[: position + 1]), "not found in the module")
                return MISSING, prefix, chain[position + 1 :], None
            value = inner
            position += 1
        if isinstance(value, (TaskKind, StaticTask)):
            if isinstance(value, StaticTask) or chain[position : position + 1] != ("func",):
                return value, prefix, chain[position:], owner
            value = value.func  # type: ignore[attr-defined]
            position += 1
        elif value is sys and chain[position : position + 1] == ("modules",):
            self._note("sys.modules", "what is looked up in it is not known")
        return value, prefix, chain[position:], owner

    def _note_computed(self, part: _Part, name: str, chain: Chain, site: Site) -> None:
        if not chain:
            self._note(f"{name}(…)", "what it reaches is only known when it runs")
            return
        value = self._look_up(Use(chain[0]), site)
        if value is MISSING:
            return
        value, _, rest, _ = self._follow(Use(chain[0], chain[1:]), value)
        if not rest and isinstance(value, ModuleType) and not is_standard(value.__name__):
            self._note(f"{name}({'.'.join(chain)}, …)", "the name is only known when it runs")

    # Imports inside functions.

    def _import_value(self, imported: ImportedName, name: str, site: Site) -> Any:
        """Return what an import inside a function binds `name` to, without importing anything.

        Project modules are read as text, loaded or not: the hash must not depend on whether some
        job has imported them already.
        """
        module_name = absolute_name(imported, site)
        if imported.attribute is None and name != module_name:
            # `import a.b` binds `a`; `import a.b as c` binds the inner module.
            top = module_name.partition(".")[0]
            module_name = top if name == top else module_name
        module = find_static_module(module_name)
        if imported.attribute is None or not isinstance(module, StaticModule):
            return module
        return module.find(imported.attribute)

    def _link_import_call(self, part: _Part, name: str) -> None:
        module = find_static_module(name)
        if module is not MISSING:
            self._link(part, f"import {name}", module, Site({}, {}, None))

    def _fill_module(self, part: _Part, module: ModuleType) -> None:
        """Count a module that is used as a value: its whole text, and what it imports."""
        source = loading.get_source(module.__name__)
        if source is None:
            self._note(part.name, "the module has no source text")
            part.body = digest(b"module")
            return
        file = loading.get_source_file(source.path)
        assert file is not None  # its text was just found
        self._fill_text(part, file)
        for name, value in module.__dict__.items():
            if name.startswith("__") or isinstance(value, TaskKind):
                continue
            home = getattr(value, "__module__", None)
            if isinstance(value, (FunctionType, type)) and home != module.__name__:
                self._link(part, name, value, Site(module.__dict__, {}, source.path))

    def _fill_text(self, part: _Part, file: SourceFile) -> None:
        part.file, part.line, part.source = file.path, 1, file.text
        part.body = digest(b"source", syntax.normal_form(file.tree))

    def _fill_definition(self, part: _Part, found: StaticDefinition) -> None:
        """Count a definition that is known by its text alone."""
        file = found.module.file
        part.file, part.line = file.path, found.nodes[0].lineno
        part.source = "\n".join(source_of(file, node)[0] for node in found.nodes)
        site = Site(StaticNames(found.module), {}, file.path)
        bodies = []
        for node in found.nodes:
            uses = get_uses(node, 0)
            kept = tuple(use for use in uses.uses if use.name != found.name)
            self._fill(part, node, dataclasses.replace(uses, uses=kept), site)
            bodies.append(part.body)
        part.body = digest(b"definition", *bodies)

    def _fill_static_module(self, part: _Part, module: StaticModule) -> None:
        """Count a module by its whole text and by all that it imports."""
        self._fill_text(part, module.file)
        site = Site(StaticNames(module), {}, module.file.path)
        for node in ast.walk(module.file.tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for name, imported in syntax.iter_imported(node):
                    value = self._import_value(imported, name, site)
                    if isinstance(value, PackageName):
                        self._link_package(part, name, value.name)
                    elif value is not MISSING:
                        self._link(part, name, value, site)

    # Classes.

    def _fill_class(self, part: _Part, cls: type) -> None:
        path = file_of_class(cls)
        module = loading.find_module(cls.__module__)
        names = dict(module.__dict__) if module is not None else {}
        cells: dict[str, Any] = {}
        functions = list(iter_functions(cls))
        file = None if path is None else loading.get_source_file(path)
        node = None if file is None else find_class_node(file, cls, functions)
        is_kept = hashing.is_named(cls)
        for _, function in functions:
            # One from elsewhere may close over another variable of the same name.
            if function.__code__.co_filename == path and is_inside(function, path, node):
                cells.update(iter_cells(function))
        site = Site(names, cells, path)
        if file is None or node is None:
            self._fill_made_class(part, cls, site)
        else:
            part.file = file.path
            part.source, part.line = source_of(file, node)
            self._fill(part, node, get_uses(node, 0), site)
        above = [(f"base {index}", base) for index, base in enumerate(cls.__bases__)]
        above += [("metaclass", type(cls))] if type(cls) is not type else []
        for label, base in above:
            if node is not None or base is object:
                self._link_named(part, label, base, site)
            else:
                self._link(part, label, base, site)
        for name, function in functions:
            # A decorated method is another function than the one in the text.
            if not is_inside(function, path, node):
                self._link_method(part, name, function, site)
            elif function.__code__.co_filename == path:
                self._add_attributes(
                    part, dict(_iter_given(name, function)), site, cls.__qualname__, is_kept=is_kept
                )
        for name, value in _iter_field_parts(cls):
            if isinstance(value, FunctionType):
                if value.__closure__ or not is_inside(value, path, node):
                    self._link(part, name, value, site)
            else:
                self._add_attributes(part, {name: value}, site, cls.__qualname__, is_kept=is_kept)
        self._add_attributes(
            part, dict(_iter_attributes(cls)), site, cls.__qualname__, is_kept=is_kept
        )

    def _link_method(self, part: _Part, name: str, function: FunctionType, site: Site) -> None:
        """Link a method that is no part of its class's text; Python's own, as a dataclass has, by its code."""
        if not self._is_ignored(function, name):
            is_named = not is_standard(function.__globals__.get("__name__") or "")
            self._link_function(part, name, function, site, None, is_named=is_named)

    def _link_named(self, part: _Part, label: str, cls: type, site: Site) -> None:
        """Link a class whose name the text of `part` says."""
        if loading.is_project_module(cls.__module__):
            self._link(part, label, cls, site)
        else:
            self._link_package(part, label, cls.__module__)

    def _add_attributes(
        self,
        part: _Part,
        attributes: Mapping[str, Any],
        site: Site,
        owner: str,
        *,
        is_kept: bool = False,
    ) -> None:
        """Count what a class or a function holds now, whatever statement gave it that."""
        for name, value in sorted(attributes.items()):
            if is_code(value):
                is_method = getattr(value, "__qualname__", "").startswith(owner + ".")
                if isinstance(value, type) or not is_method:
                    self._link(part, f".{name}", value, site)
                continue
            made = _Part(CONSTANT, f"{owner}.{name}")
            try:
                body = digest(b"constant", self._encode(value, made, site, is_kept=is_kept))
            except BySourceError as error:
                if not error.is_quiet:
                    self._note(f"{owner}.{name}{error.place}", error.reason)
                continue
            part.edges += made.edges
            part.body = digest(b"attribute", part.body, name.encode(), body)

    def _fill_made_class(self, part: _Part, cls: type, site: Site) -> None:
        """Count a class that no ``class`` statement made, or whose text is not at hand.

        Its methods, bases and attributes count like those of any class.
        """
        held = cls.__dict__
        fields = [
            (field.name, _show_annotation(field.type), field.init, field.kw_only)
            for field in held.get("__dataclass_fields__", {}).values()
        ]
        annotations = {n: _show_annotation(a) for n, a in held.get("__annotations__", {}).items()}
        members = token([fields, annotations, list(getattr(cls, "_fields", ()))])
        part.body = digest(b"class", cls.__qualname__.encode(), members)
        found = find_assignments(site, cls.__name__)
        if found is not None:
            part.file, part.line = found.file.path, found.nodes[0].lineno
            part.source = "\n".join(source_of(found.file, node)[0] for node in found.nodes)

    # Assignments.

    def _fill_assignment(self, part: _Part, found: Any, site: Site) -> None:
        """Count a constant by the statements that made it."""
        part.file = found.file.path
        part.line = found.nodes[0].lineno
        part.source = "\n".join(source_of(found.file, node)[0] for node in found.nodes)
        bodies = []
        for node in found.nodes:
            uses = get_uses(node, 0)
            kept = tuple(use for use in uses.uses if use.name != found.name)
            self._fill(part, node, dataclasses.replace(uses, uses=kept), found.site)
            bodies.append(part.body)
        part.body = digest(b"assignment", *bodies)


def _locate(func: Any) -> tuple[str | None, str | None, int | None]:
    """Return a function's own source, file and line."""
    func = unwrap(func)
    if not isinstance(func, FunctionType):
        return None, None, None
    found = loading.find_source_of(func)
    if found is None:
        return None, func.__code__.co_filename, func.__code__.co_firstlineno
    file, node = found
    n_decorators = len(getattr(node, "decorator_list", ()))
    source, line = source_of(file, node, n_decorators)
    return source, file.path, line


def _iter_given(name: str, function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield default values and attributes of a method."""
    for index, value in enumerate(function.__defaults__ or ()):
        yield f"{name}({index})", value
    for parameter, value in (function.__kwdefaults__ or {}).items():
        yield f"{name}({parameter})", value
    for attribute, value in function.__dict__.items():
        if not _is_machinery(attribute):
            yield f"{name}.{attribute}", value


def _iter_field_parts(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield what the fields of a dataclass hold and its attributes do not show."""
    above = [vars(base).get("__dataclass_fields__", {}) for base in cls.__mro__[1:]]
    for name, field in vars(cls).get("__dataclass_fields__", {}).items():
        if any(fields.get(name) is field for fields in above):
            continue
        held = vars(cls).get(name)
        if field.default is not dataclasses.MISSING and field.default is not held:
            yield f"default {name}", field.default
        if field.default_factory is not dataclasses.MISSING:
            yield f"default {name}", field.default_factory
        if field.metadata:
            yield f"metadata {name}", dict(field.metadata)


def _iter_attributes(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield the data among what a class holds, and classes and functions set from outside."""
    for name, value in _iter_held(cls):
        if isinstance(value, functools.partialmethod):
            yield f"{name}(…)", [value.args, value.keywords]
        if isinstance(value, _DESCRIPTORS) or _is_standard_descriptor(value):
            continue
        if isinstance(value, FunctionType):
            continue  # a method
        yield name, value


def _is_standard_descriptor(value: Any) -> bool:
    """Tell whether an attribute is a field or method, such as those of a named tuple."""
    cls = type(value)
    return (
        hasattr(cls, "__get__")
        and not isinstance(value, FunctionType)
        and is_standard(cls.__module__)
    )


_DESCRIPTORS = (
    staticmethod, classmethod, property, functools.cached_property,
    types.MemberDescriptorType, types.GetSetDescriptorType,
)  # fmt: skip
"""Types of attributes that are the class's methods and fields."""


def _names_of(task: ReachedTask) -> tuple[str, ...]:
    """Return the names by which a task could be taken for another one."""
    own = task.place.partition(":")[2]
    return (own,) if task.fullname is None else (own, task.fullname)


def _parameter(func: FunctionType, name: Any) -> str:
    """Return the name of the parameter with that default, which may be given by its number."""
    code = func.__code__
    first = code.co_argcount - len(func.__defaults__ or ())
    return code.co_varnames[first + name] if isinstance(name, int) else str(name)


def _find_in_library(value: Any, site: Site, name: str) -> tuple[str, str] | None:
    """Return module and name of an object without a value of its own that a library holds, or None.

    Such an object goes by its name there, as functions do: its state is the library's matter.
    """
    cls = type(value)
    if cls in _PLAIN or kinds.find_handler(cls) is not None:
        return None
    found = find_imported_name(site, name) if name.isidentifier() else None
    if found is None and callable(value) and not loading.is_project_module(cls.__module__):
        found = find_library_name(value)
    return found


def _iter_closure(func: FunctionType, home: str) -> Iterator[tuple[str, Any]]:
    """Yield what a function of a library holds, by name: its closure's values, and attributes."""
    attributes = func.__dict__
    if home == "functools" and "registry" in attributes:
        # The other cells of `singledispatch` are caches.
        yield "registry", dict(attributes["registry"])
    else:
        yield from ((name, held) for name, held in iter_cells(func) if held is not EMPTY_CELL)
        yield from ((name, attributes[name]) for name in attributes if name != "__wrapped__")
    if "__wrapped__" in attributes:
        yield "__wrapped__", attributes["__wrapped__"]


def _show_annotation(annotation: Any) -> str:
    return getattr(annotation, "__qualname__", None) or str(annotation)


def _base_of(label: str) -> str:
    """Return the name that a label begins with."""
    return label.partition(".")[0].partition("[")[0].partition("(")[0]


def _shown(label: str, name: str | None) -> str:
    """Return a label for people: modules are numbered in it."""
    return name if name is not None and label.startswith("module ") else label


def _site_of(module: ModuleType) -> Site:
    source = loading.get_source(module.__name__)
    return Site(module.__dict__, {}, None if source is None else source.path)


def _folder_of(root: Any) -> str | None:
    func = unwrap(root)
    if isinstance(func, FunctionType):
        path: str | None = func.__code__.co_filename
    elif isinstance(func, type):
        path = file_of_class(func)
    else:
        path = None
    return os.path.dirname(path) if path and os.path.isabs(path) else None


def _name_of(func: FunctionType) -> str:
    """Return what a function is called where it is defined; `functools.wraps` hides that."""
    name = func.__code__.co_name
    return func.__qualname__ if func.__qualname__.endswith(name) else name


# Functions as values.


def _function_state(func: FunctionType) -> Any:
    home = func.__globals__.get("__name__") or ""
    if is_project_function(func, home):
        return function_hash(func)
    package = find_package(home) if not is_standard(home) and not is_redunlite(home) else None
    if func.__closure__:
        return (hashing.qualified_name(func), package, function_hash(func))
    return (hashing.qualified_name(func), package)


def _show_function(func: FunctionType, limit: int) -> str:
    return f"<function {func.__qualname__}>"[:limit]


# A class as a value goes by its name (`value`), and by its code in the eval hash of the call.
kinds.register_type(FunctionType, TypeHandler("function", _function_state, _show_function))

__all__ = [
    "Component",
    "Fingerprint",
    "Untracked",
    "class_hash",
    "fingerprint_task",
    "format_location",
    "function_hash",
    "hash_class",
    "set_packages",
    "set_project_folder",
]
