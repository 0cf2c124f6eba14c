"""Tasks: functions whose calls are expressions.

Decided here: what a task is called, which options it has, and how it travels between processes.
Not here: what its hash covers (`fingerprint`), what its calls mean (`engine`). State: the registry
of live tasks by name, and the numbers by which workers know functions.

>>> from redunlite import task
>>> @task(namespace="docs")
... def double(x: int) -> int:
...     return 2 * x
>>> double(3)
docs.double(3)
"""

from __future__ import annotations

import functools
import itertools
import re
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, overload

from redunlite import kinds, loading, serialize
from redunlite.call import StoredTask
from redunlite.errors import OptionError, TaskDefinitionError
from redunlite.expression import SchedulerExpression, TaskExpression
from redunlite.kinds import TaskKind, TypeHandler
from redunlite.namespace import resolve_namespace
from redunlite.options import CacheCheckValid, CacheScope, check_options
from redunlite.signature import Parameters

if TYPE_CHECKING:
    import inspect

    from typing_extensions import Unpack

    from redunlite.fingerprint import Fingerprint
    from redunlite.options import CallOptions, TaskOptions

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
F = TypeVar("F", bound="SchedulerTask[..., Any]")

__all__ = [
    "CacheCheckValid",
    "CacheScope",
    "Task",
    "TaskRegistry",
    "get_task_registry",
    "task",
]

_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*\Z")
_NAMESPACE = re.compile(r"[A-Za-z_][A-Za-z_0-9]*(\.[A-Za-z_][A-Za-z_0-9]*)*\Z")

IDENTITY_OPTIONS = (
    "name",
    "namespace",
    "version",
    "hash_includes",
    "depends",
    "ignore",
    "config_args",
)
"""Options that say which task this is; they belong to the decorator and not to a call."""


class Task(TaskKind, Generic[P, R]):
    """A function whose calls are lazy.

    Made by `task`; calling it gives an expression. `func` is the function itself.
    """

    def __init__(self, func: Callable[P, R], options: Mapping[str, Any]) -> None:
        self.func = func
        settings = dict(options)
        self.name: str = settings.pop("name", None) or func.__name__
        if not _NAME.match(self.name):
            raise TaskDefinitionError(
                f"{self.name!r} cannot be the name of a task",
                "give it one: @task(name='…'), letters, digits and underscores",
            )
        namespace = resolve_namespace(settings.pop("namespace", None), func)
        if namespace and not _NAMESPACE.match(namespace):
            raise TaskDefinitionError(
                f"{namespace!r} cannot be the namespace of task {self.name!r}"
            )
        self.namespace: str = namespace
        self.fullname: str = f"{namespace}.{self.name}" if namespace else self.name
        self.version: str | None = settings.pop("version", None)
        self.identity: dict[str, Any] = {
            key: settings.pop(key) for key in IDENTITY_OPTIONS if key in settings
        }
        """The identity options beside name, namespace and version."""
        self.base_options: dict[str, Any] = settings
        """What the decorator set, beside the identity options."""
        self.call_options: dict[str, Any] = {}
        """What `options()` set, on top of the decorator's."""
        self.base: Task[P, R] = self
        """The task that the decorator made; another object where `options()` was used."""
        self.number: int = next(_numbers)
        """By which workers know the function; unique in this process."""
        self.module: str = func.__module__
        self.qualname: str = func.__qualname__
        self.parameters = Parameters(func)
        unknown = [
            n for n in self.identity.get("config_args", ()) if n not in self.parameters.names
        ]
        if unknown:
            raise OptionError(
                f"config_args of task {self.fullname!r} names {unknown[0]!r}, "
                "which is not one of its parameters"
            )
        self._fingerprint: Fingerprint | None = None
        self._hash: bytes | None = None
        functools.update_wrapper(self, func)

    # What a task is.

    @property
    def is_local(self) -> bool:
        """Whether the task was made inside a function, so that only its bytes can carry it."""
        return "<locals>" in self.qualname or "<lambda>" in self.qualname

    @property
    def is_closure(self) -> bool:
        """Whether the function holds values of an enclosing function, other than tasks.

        Two such tasks of one name may both be live: neither replaces the other.
        """
        for cell in getattr(self.func, "__closure__", None) or ():
            try:
                if not isinstance(cell.cell_contents, TaskKind):
                    return True
            except ValueError:  # a cell that is not filled yet
                continue
        return False

    @property
    def doc(self) -> str:
        """The docstring, or an empty string."""
        return self.func.__doc__ or ""

    @property
    def signature(self) -> inspect.Signature:
        """The signature of the function."""
        import inspect

        return inspect.signature(self.func)

    @property
    def fingerprint(self) -> Fingerprint:
        """What the hash covers, worked out once, when first asked for."""
        base = self.base
        if base._fingerprint is None:
            from redunlite.fingerprint import fingerprint_task

            base._fingerprint = fingerprint_task(
                base.func, base.fullname, version=base.version, **base.identity
            )
        return base._fingerprint

    @property
    def hash(self) -> bytes:
        """The 20 bytes that stand for the code in cache keys."""
        base = self.base
        if base._hash is None:
            base._hash = base.fingerprint.hash
            _by_hash[base._hash] = base
        return base._hash

    @property
    def source(self) -> str:
        """The function's own source text, or an empty string."""
        return self.fingerprint.source or ""

    # What can be done with it.

    if TYPE_CHECKING:

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
            """Return the expression of a call, which a type checker takes for its result."""

    else:

        def __call__(self, *args, **kwargs):
            """Return the expression of a call.

            Raises
            ------
            TypeError
                When the arguments do not fit the parameters.
            """
            parameters = self.parameters
            if kwargs or len(args) != len(parameters.names) or not parameters.is_plain:
                parameters.check_call(args, kwargs)
            return TaskExpression(self, args, kwargs)

    def options_for_call(self) -> dict[str, Any]:
        """Return the decorator's options with those of the call on top."""
        if self.call_options:
            return {**self.base_options, **self.call_options}
        return self.base_options

    def options(self, **options: Unpack[CallOptions]) -> Task[P, R]:
        """Return this task with options for the calls made from it; they change no cache key.

        Raises
        ------
        OptionError
            For an option that is unknown, or that says which task this is.
        """
        for name in options:
            if name in IDENTITY_OPTIONS or name == "script":
                raise OptionError(
                    f"option {name!r} says which task this is and cannot change at a call "
                    f"of {self.fullname!r}",
                    "set it in the decorator",
                )
        clone: Task[P, R] = object.__new__(type(self))
        clone.__dict__.update(self.__dict__)
        clone.call_options = {
            **self.call_options,
            **check_options(options, f"options of a call of {self.fullname!r}"),
        }
        return clone

    def __reduce__(self) -> tuple[Any, ...]:
        base = self.base
        if self.is_local or not loading.is_importable(self.module):
            return _rebuild_task, (
                self.func,
                {**base.base_options, **base.identity, "name": self.name, "namespace": self.namespace,
                 "version": self.version},
                self.call_options,
                self.hash,
            )  # fmt: skip
        return _find_task, (self.module, self.qualname, self.fullname, self.call_options)

    def __repr__(self) -> str:
        return f"Task({self.fullname})"


class SchedulerTask(Task[P, R]):
    """A special form: evaluated by the engine, on arguments that are not evaluated.

    Its function is a generator function. It yields expressions and is resumed with their
    `ValueRef`s, or has their error thrown in; what it returns is evaluated in its place.
    """

    if not TYPE_CHECKING:

        def __call__(self, *args, **kwargs):
            """Return the expression of a call."""
            self.parameters.check_call(args, kwargs)
            return SchedulerExpression(self, args, kwargs)


class TaskRegistry:
    """The live tasks by full name. Registering a second one under a name replaces the first."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task[..., Any]] = {}

    def add(self, task: Task[..., Any]) -> None:
        """Register `task` under its full name."""
        replaced = self._tasks.get(task.fullname)
        if replaced is not None and replaced._hash is not None and not replaced.is_closure:
            _by_hash.pop(replaced._hash, None)
        self._tasks[task.fullname] = task

    def get(self, name: str | None = None, hash: bytes | None = None) -> Task[..., Any] | None:
        """Return the task of that full name, or of that hash, or None."""
        if name is not None:
            return self._tasks.get(name)
        return None if hash is None else _by_hash.get(hash)

    def __iter__(self) -> Iterator[Task[..., Any]]:
        return iter(list(self._tasks.values()))

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, name: object) -> bool:
        return name in self._tasks


_numbers = itertools.count(1)
_registry = TaskRegistry()
_by_hash: weakref.WeakValueDictionary[bytes, Task[..., Any]] = weakref.WeakValueDictionary()


def get_task_registry() -> TaskRegistry:
    """Return the registry of this process's live tasks."""
    return _registry


@overload
def task(func: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(
    *, script: Literal[True], **options: Unpack[TaskOptions]
) -> Callable[[Callable[P, Any]], Task[P, bytes]]: ...


@overload
def task(
    *, script: Literal[False] = ..., **options: Unpack[TaskOptions]
) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def task(
    func: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    namespace: str | None = None,
    version: str | None = None,
    **options: Any,
) -> Any:
    """Make a function a task; `@task` and `@task(...)` both work.

    Parameters
    ----------
    name
        Name of the task; default, the function's.
    namespace
        What comes before the name; default, the module's `redun_namespace`, then the namespace set
        by `namespace()`. An empty string means none.
    version
        Stands for the code in cache keys, in place of the source.
    options
        The task options of `docs/language.md`.

    Raises
    ------
    OptionError
        For an unknown option or a bad value, with the nearest name.
    """

    def decorate(func: Callable[..., Any]) -> Task[..., Any]:
        where = f"@task of {getattr(func, '__name__', func)!r}"
        if isinstance(func, TaskKind):
            raise TaskDefinitionError(f"{func!r} is a task already", "use one @task")
        if not callable(func):
            raise TaskDefinitionError(f"@task needs a function and got {func!r}")
        if not len(_registry):
            # The program has tasks: from here on its modules are loaded from text that is kept.
            loading.install_finder()
        given = {"name": name, "namespace": namespace, "version": version}
        options.update({key: value for key, value in given.items() if value is not None})
        settings = check_options(options, where)
        made: Task[..., Any] = Task(func, settings)
        _registry.add(made)
        return made

    return decorate if func is None else decorate(func)


@overload
def make_scheduler_task(
    name: str, namespace: str = ..., *, kind: type[F]
) -> Callable[[Callable[..., Any]], F]: ...


@overload
def make_scheduler_task(
    name: str, namespace: str = ...
) -> Callable[[Callable[P, Any]], SchedulerTask[P, Any]]: ...


def make_scheduler_task(
    name: str, namespace: str = "redunlite", *, kind: type[Any] = SchedulerTask
) -> Any:
    """Make a generator function a special form (see `SchedulerTask`).

    `kind` is what it is an instance of; such a class tells type checkers how the form is called.
    """

    def decorate(func: Callable[..., Any]) -> Any:
        made = kind(func, {"name": name, "namespace": namespace, "version": "1"})
        _registry.add(made)
        return made

    return decorate


def resolve_task(stored: StoredTask) -> Task[..., Any] | None:
    """Return the live task that a recorded expression names, or None.

    The live task of that hash; else the live task of that name, with its present code; else the
    task in the bytes. A task that holds values of the function it was made in is never taken by
    name.
    """
    fullname, task_hash, blob, is_closure = stored
    if task_hash is not None:
        found = _by_hash.get(task_hash)
        if found is not None:
            return found
    if not is_closure:
        found = _registry.get(fullname)
        if found is not None:
            return found
    if blob is None:
        return None
    made = serialize.decode_bytes(blob)
    if not isinstance(made, Task):
        return None
    if task_hash is not None:
        made._hash = task_hash
        _by_hash[task_hash] = made
    return made


def _find_task(
    module: str, qualname: str, fullname: str, call_options: dict[str, Any]
) -> Task[..., Any]:
    """Return the task at that place; how an importable task is unpickled."""
    found = _registry.get(fullname)
    if found is None:
        __import__(module)
        place: Any = sys.modules[module]
        for part in qualname.split("."):
            place = getattr(place, part)
        if not isinstance(place, Task):
            raise AttributeError(f"{module}.{qualname} is not a task")
        found = place
    return found.options(**call_options) if call_options else found


def _rebuild_task(
    func: Callable[..., Any],
    settings: dict[str, Any],
    call_options: dict[str, Any],
    task_hash: bytes,
) -> Task[..., Any]:
    """Return a task from its function; how a task made inside a function is unpickled."""
    live = _by_hash.get(task_hash)
    if live is None:
        live = Task(func, settings)
        live._hash = task_hash
        _by_hash[task_hash] = live
    return live.options(**call_options) if call_options else live


def _is_live(value: Task[..., Any]) -> bool:
    return value.hash in _by_hash


def _load_fingerprint() -> None:
    from redunlite import fingerprint

    assert fingerprint is not None


kinds.register_late(FunctionType, _load_fingerprint)
kinds.register_type(
    Task,
    TypeHandler(
        tag="task",
        state=lambda t: (t.fullname, t.hash, t.call_options),
        preview=lambda t, limit: repr(t),
        is_valid=_is_live,
        subclasses=True,
    ),
)
