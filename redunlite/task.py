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

import dataclasses
import functools
import itertools
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, overload

from redunlite import hashing, kinds, loading, nested, serialize
from redunlite.absent import explain_absent
from redunlite.call import StoredTask
from redunlite.errors import (
    OptionError,
    TaskDefinitionError,
    UnknownNameError,
)
from redunlite.expression import (
    QuotedExpression,
    SchedulerExpression,
    TaskExpression,
    describe_graph,
    dump_graph,
    find_length,
    format_arguments,
    load_graph,
    quote_lazy,
)
from redunlite.kinds import TaskKind, TypeHandler
from redunlite.namespace import normalize_name, resolve_namespace
from redunlite.nested import merge_dicts
from redunlite.options import CONTEXT_OPTION, CacheCheckValid, CacheScope, check_options
from redunlite.signature import Parameters

if TYPE_CHECKING:
    import inspect

    from typing_extensions import Unpack

    from redunlite.fingerprint import Fingerprint
    from redunlite.options import CallOptions, TaskOptions

A = TypeVar("A")
B = TypeVar("B")
P = ParamSpec("P")
Q = ParamSpec("Q")
S = TypeVar("S")
R = TypeVar("R", covariant=True)
F = TypeVar("F", bound="SchedulerTask[..., Any]")
Func = TypeVar("Func", bound=Callable[..., Any])
"""A function, in the annotations of decorators of one's own; see `wraps_task`."""

__all__ = [
    "CacheCheckValid",
    "CacheScope",
    "PartialTask",
    "Task",
    "TaskRegistry",
    "get_task_registry",
    "scheduler_task",
    "task",
    "wraps_task",
]

if TYPE_CHECKING:

    class _Unknown:
        """Only parameters of which nothing is known take one."""


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


@explain_absent
class Task(TaskKind, Generic[P, R]):
    """A function whose calls are lazy.

    Made by `task`; calling it gives an expression. `func` is the function itself.
    """

    n_engine_arguments = 0
    """How many arguments at the head the engine gives."""
    wrapped_task: Task[..., Any] | None = None
    """The task that this one is wrapped around by `wraps_task`."""
    is_method = False
    """Whether its function was written in a class, to be called with an instance."""
    is_static = False
    """Whether it stands above a `staticmethod`."""

    def __init__(self, func: Callable[P, R], options: Mapping[str, Any]) -> None:
        self.func = func
        settings = dict(options)
        self.name: str = normalize_name(settings.pop("name", None) or func.__name__)
        if not self.name.isidentifier():
            raise TaskDefinitionError(
                f"{self.name!r} cannot be the name of a task",
                "give it one: @task(name='…'), letters, digits and underscores",
            )
        namespace = normalize_name(resolve_namespace(settings.pop("namespace", None), func))
        if namespace and not all(map(str.isidentifier, namespace.split("."))):
            raise TaskDefinitionError(
                f"{namespace!r} cannot be the namespace of task {self.name!r}",
                "a namespace is made of words of letters, digits and underscores with dots between",
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
        self.parameters = Parameters(func, self.n_engine_arguments)
        self.lazy_defaults: tuple[int, ...] = tuple(
            i for i, value in enumerate(self.parameters.defaults) if nested.has_lazy(value)
        )
        """Parameters whose default is an expression; it is evaluated anew for each call."""
        self.has_rules: bool = (
            "export_options" in self.base_options or self.base_options.get("prov") is False
        )
        """Whether its calls have options of their own, or pass some on to calls below."""
        self.has_lazy_options: bool = nested.has_lazy(self.base_options)
        unknown = [
            n for n in self.identity.get("config_args", ()) if n not in self.parameters.names
        ]
        if unknown:
            raise OptionError(
                f"config_args of task {self.fullname!r} names {unknown[0]!r}, "
                "which is not one of its parameters"
            )
        self.is_async: bool = is_async_function(func)
        """Whether its calls are coroutines, which live in the main process."""
        if self.is_async:
            self._refuse_for_async(self.base_options)
        elif _has_code_flag(func, _ASYNC_GENERATOR):
            raise TypeError(
                f"task {self.fullname!r} is an async generator; a task gives one value: "
                "collect what it yields in a list and return that"
            )
        self._fingerprint: Fingerprint | None = None
        self._hash: bytes | None = None
        self._edition: int | None = None
        """Edition of the texts that the two are of; None for a hash that came with the task."""
        self._left_hash: bytes | None = None
        """What the hash would have been at the end of that edition's run; see `settle_tasks`."""
        functools.update_wrapper(self, func)

    # What a task is.

    @property
    def is_local(self) -> bool:
        """Whether the task was made inside a function, so that only its bytes can carry it."""
        return "<locals>" in self.qualname or "<lambda>" in self.qualname

    @property
    def place(self) -> str:
        """``module:qualname`` of its function; ``__main__`` counts as the stem of its file.

        One that is made inside a function is told by that function and the task's name.
        """
        module = hashing.main_name() if self.module == "__main__" else self.module
        qualname = self.qualname
        if self.is_local:
            qualname = f"{qualname.rpartition('.')[0]}.{self.name}"
        return f"{module}:{qualname}"

    @property
    def is_by_value(self) -> bool:
        """Whether only its bytes can carry it: module and name do not lead back to this very task."""
        base = self.base
        if self.is_local or not loading.is_importable(self.module):
            return True
        if _registry.get_at(self.fullname, self.place) is not base:
            return True
        # Made of a function of another module: importing that one makes no task.
        return _find_at(self.module, self.qualname) is base.func

    @property
    def is_shadowed(self) -> bool:
        """Whether another task of its name has been made since where it was made, as in a loop."""
        found = _registry.get_at(self.fullname, self.place)
        return found is not None and found is not self.base

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
    def inner_task(self) -> Task[..., Any]:
        """The task in the middle of all that `wraps_task` put around it; itself, without any."""
        inner: Task[..., Any] = self
        while inner.wrapped_task is not None:
            inner = inner.wrapped_task
        return inner

    @property
    def nout(self) -> int | None:
        """The number of results that its options or its annotation promise, or None."""
        return find_length(self)

    @property
    def load_module(self) -> str:
        """The module that workers import to find the function."""
        return self.options_for_call().get("load_module") or self.module

    @property
    def script(self) -> bool:
        """Whether the function returns a shell script to run."""
        return bool(self.base_options.get("script", False))

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
        """What the hash covers, worked out once a run, when first asked for."""
        base = self.base
        if base._fingerprint is None:
            base._fingerprint = base._find_fingerprint()
            if base._hash is None:
                base._set_hash(base._fingerprint.hash, loading.edition)
        elif base._edition not in (None, loading.edition):
            found = base._find_fingerprint()
            if found.hash == base._left_hash:
                # Only jobs have changed what it reaches; which tasks those are may be others now.
                base._fingerprint = dataclasses.replace(found, hash=base._fingerprint.hash)
                base._edition = loading.edition
            else:
                base._fingerprint = found
                base._set_hash(found.hash, loading.edition)
        return base._fingerprint

    @property
    def recorded_fingerprint(self) -> Fingerprint:
        """The fingerprint as records have it: of a task whose hash cannot be worked out, its name alone."""
        try:
            return self.fingerprint
        except KeyboardInterrupt:
            raise
        except BaseException:  # its calls fail of this very error
            from redunlite.fingerprint import Fingerprint

            digest = hashing.digest(b"task without hash", self.fullname.encode())
            return Fingerprint(digest, (), (), None, None, None)

    def _find_fingerprint(self) -> Fingerprint:
        from redunlite.fingerprint import fingerprint_task

        return fingerprint_task(self.func, self.fullname, version=self.version, **self.identity)

    def reached_places(self, stored: StoredTask) -> set[str]:
        """Return the places of the tasks that its code calls by the name of a stored one."""
        qualname = stored.place and stored.place.partition(":")[2]
        return {
            found.place
            for found in self.fingerprint.tasks
            if found.fullname == stored.fullname or found.place.partition(":")[2] == qualname
        }

    @property
    def hash(self) -> bytes:
        """The 20 bytes that stand for the code in cache keys."""
        base = self.base
        if base._hash is None or base._edition not in (None, loading.edition):
            return base.fingerprint.hash
        return base._hash

    def _set_hash(self, task_hash: bytes, edition: int | None) -> None:
        if self._hash is not None and _by_hash.get(self._hash) is self:
            del _by_hash[self._hash]  # its code is another now
        self._hash, self._edition, self._left_hash = task_hash, edition, None
        _by_hash[task_hash] = self

    @property
    def source(self) -> str:
        """The function's own source text, or an empty string."""
        return self.fingerprint.source or ""

    # What can be done with it.

    if TYPE_CHECKING:

        def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
            """Return the expression of a call, which a type checker takes for its result."""

    else:

        def __call__(self, /, *args, **kwargs):
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

    if not TYPE_CHECKING:  # which would take an annotated attribute for a method

        def __set_name__(self, owner, name):
            """Learn that the task is a method: its function was written in that class."""
            if self.qualname == f"{owner.__qualname__}.{self.func.__name__}":
                self.is_method = not self.is_static

        def __get__(self, instance, owner=None):
            """Return the task; of a method, when asked of an instance, with that as its first argument."""
            is_bound = self.is_method and instance is not None
            if is_bound or (isinstance(instance, type) and owner is instance):  # a classmethod asks
                return self.partial(instance)
            return self

    def options_for_call(self) -> dict[str, Any]:
        """Return the decorator's options with those of the call on top."""
        if self.call_options:
            return {**self.base_options, **self.call_options}
        return self.base_options

    def get_task_options(self) -> dict[str, Any]:
        """Return the options that the decorator and `options` set; see `options_for_call`."""
        return dict(self.options_for_call())

    def get_task_option(self, name: str, default: Any = None) -> Any:
        """Return the value of an option that was set, or the default."""
        return self.options_for_call().get(name, default)

    def has_task_option(self, name: str) -> bool:
        """Tell whether an option was set."""
        return name in self.options_for_call()

    def get_hash(self) -> str:
        """Return the hash of the code as 40 hexadecimal digits."""
        return self.hash.hex()

    def options(self, **options: Unpack[CallOptions]) -> Task[P, R]:
        """Return this task with options for the calls made from it; they change no cache key.

        Raises
        ------
        OptionError
            For an option that is unknown, or that says which task this is.
        """
        return self._with_options(self._check_call_options(options))

    def export_options(self, **options: Unpack[CallOptions]) -> Task[P, R]:
        """Return this task with options for its calls and for every call below them.

        Raises
        ------
        OptionError
            As `options`.
        """
        exported = dict(self.call_options.get("export_options") or {})
        exported.update(self._check_call_options(options))
        return self._with_options({"export_options": exported})

    def update_context(
        self, context: Mapping[str, Any] | None = None, /, **variables: Any
    ) -> Task[P, R]:
        """Return this task with context variables for its calls and for every call below them.

        They are merged into what holds where the task is called, dicts within dicts too; see
        `context.get_context`.
        """
        override = merge_dicts(
            self.call_options.get(CONTEXT_OPTION) or {}, context or {}, variables
        )
        return self._with_options({CONTEXT_OPTION: override})

    @overload
    def partial(self: Task[[_Unknown], S], /, *args: Any, **kwargs: Any) -> PartialTask[..., S]: ...

    @overload
    def partial(self: Task[Q, S], /) -> PartialTask[Q, S]: ...

    @overload
    def partial(self: Task[Concatenate[A, Q], S], a: A, /) -> PartialTask[Q, S]: ...

    @overload
    def partial(self: Task[Concatenate[A, B, Q], S], a: A, b: B, /) -> PartialTask[Q, S]: ...

    @overload
    def partial(self, /, *args: Any, **kwargs: Any) -> PartialTask[..., R]: ...

    def partial(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return a task that has some of its arguments already.

        Arguments of the call come after these, and a keyword given again takes the place of the
        earlier one. Expressions among them are not evaluated before the call.
        """
        return PartialTask(self, args, kwargs)

    def _refuse_for_async(self, options: Mapping[str, Any]) -> None:
        for name in ("executor", "script"):
            if options.get(name):
                raise OptionError(
                    f"option {name!r} of async task {self.fullname!r}: its coroutine lives in the "
                    "main process",
                    "let it await ordinary tasks, which run where their options say",
                )

    def _check_call_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        for name in options:
            if name in IDENTITY_OPTIONS or name == "script":
                raise OptionError(
                    f"option {name!r} says which task this is and cannot change at a call "
                    f"of {self.fullname!r}",
                    "set it in the decorator",
                )
        if self.is_async:
            self._refuse_for_async(options)
        return check_options(options, f"options of a call of {self.fullname!r}")

    def _with_options(self, options: Mapping[str, Any]) -> Task[P, R]:
        clone: Task[P, R] = object.__new__(type(self))
        clone.__dict__.update(self.__dict__)
        clone.call_options = {**self.call_options, **options}
        clone.has_rules = True
        clone.has_lazy_options = self.has_lazy_options or nested.has_lazy(clone.call_options)
        return clone

    def __reduce__(self) -> tuple[Any, ...]:
        base = self.base
        if self.is_by_value:
            # A plain task's form is kept for ever; a special form adds what it is.
            kind = () if type(self) is Task else (type(self).__name__,)
            return _rebuild_task, (
                self.func,
                quote_lazy({**base.base_options, **base.identity, "name": self.name,
                            "namespace": self.namespace, "version": self.version}),
                quote_lazy(self.call_options),
                self.hash,
                *kind,
            )  # fmt: skip
        options = quote_lazy(self.call_options)
        return _find_task, (self.module, self.qualname, self.fullname, options)

    def __repr__(self) -> str:
        return f"Task({self.fullname})"


_COROUTINE, _ASYNC_GENERATOR = 0x80, 0x200
"""The flags of the code of an ``async def``, as `inspect.CO_COROUTINE`; and of one that yields."""


def is_async_function(func: Callable[..., Any]) -> bool:
    """Tell whether calling a function gives a coroutine."""
    return _has_code_flag(func, _COROUTINE)


def _has_code_flag(func: Callable[..., Any], flag: int) -> bool:
    code = getattr(func, "__code__", None)
    return code is not None and bool(code.co_flags & flag)


class PartialTask(Task[P, R]):
    """A task that has some of its arguments already; see `Task.partial`.

    A value like any task: it can be an argument or a result, and is told by the inner task's code,
    its options and the arguments.
    """

    def __init__(
        self, task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        self.__dict__.update(task.__dict__)
        self.task = task
        """The inner task."""
        self.args = tuple(args)
        self.kwargs = dict(kwargs)

    if not TYPE_CHECKING:

        def __call__(self, /, *args, **kwargs):
            """Return the expression of a call of the inner task."""
            return self.task(*self.args, *args, **{**self.kwargs, **kwargs})

        def partial(self, /, *args, **kwargs):
            """Return a task that has more of its arguments already."""
            return PartialTask(self.task, (*self.args, *args), {**self.kwargs, **kwargs})

    def _with_options(self, options: Mapping[str, Any]) -> Task[P, R]:
        return PartialTask(self.task._with_options(options), self.args, self.kwargs)

    def is_valid(self) -> bool:
        """Tell whether the inner task has its present code."""
        return _is_live(self.task)

    def __reduce__(self) -> tuple[Any, ...]:
        graph = dump_graph([*self.args, *self.kwargs.values()])
        return _rebuild_partial, (self.task, tuple(self.kwargs), *graph)

    def __repr__(self) -> str:
        return f"PartialTask({self.fullname}, {format_arguments(self.args, self.kwargs)})"


def _rebuild_partial(
    task: Task[..., Any], names: Sequence[str], body: bytes, tasks: Sequence[Task[..., Any]]
) -> PartialTask[..., Any]:
    """Return a partial task from its parts. The name of this function is part of stored values."""
    values = load_graph(body, tasks)
    n_args = len(values) - len(names)
    return PartialTask(task, values[:n_args], dict(zip(names, values[n_args:])))


class SchedulerTask(Task[P, R]):
    """A special form: evaluated by the engine, on arguments that are not evaluated.

    Its function is a generator function. It yields expressions and is resumed with their
    `ValueRef`s, or has their error thrown in; what it returns is evaluated in its place.
    """

    if not TYPE_CHECKING:

        def __call__(self, /, *args, **kwargs):
            """Return the expression of a call."""
            self.parameters.check_call(args, kwargs)
            return SchedulerExpression(self, args, kwargs)


class PromiseTask(SchedulerTask[P, R]):
    """A special form of the user's: a function that gives a `Promise`; see `scheduler_task`."""

    n_engine_arguments = 3


class TaskRegistry:
    """The live tasks by full name. Registering a second one under a name replaces the first.

    One of the same name from another place is replaced only as what the name stands for: it is still
    found by its place (`Task.place`), which is how expressions name it.
    """

    def __init__(self) -> None:
        self._tasks: dict[str, Task[..., Any]] = {}
        self._places: dict[str, weakref.WeakValueDictionary[str, Task[..., Any]]] = {}
        """Full name to the newest task of each place."""

    def add(self, task: Task[..., Any]) -> None:
        """Register `task` under its full name."""
        places = self._places.setdefault(task.fullname, weakref.WeakValueDictionary())
        replaced = places.get(task.place)
        if replaced is not None and replaced._hash is not None and not replaced.is_closure:
            _by_hash.pop(replaced._hash, None)
        places[task.place] = self._tasks[task.fullname] = task

    def rename(self, old: str, name: str, namespace: str) -> Task[..., Any]:
        """Give a registered task another name; return it.

        Raises
        ------
        UnknownNameError
            When no task is called `old`.
        """
        found = self._tasks.pop(old, None)
        if found is None:
            raise UnknownNameError("task", old, self._tasks)
        self._places[old].pop(found.place, None)
        found.name, found.namespace = name, namespace
        found.fullname = f"{namespace}.{name}" if namespace else name
        found._fingerprint = found._hash = None
        self.add(found)
        return found

    def get(self, name: str | None = None, hash: bytes | None = None) -> Task[..., Any] | None:
        """Return the task of that full name, or of that hash, or None."""
        if name is not None:
            return self._tasks.get(name) or self._tasks.get(normalize_name(name))
        return None if hash is None else _by_hash.get(hash)

    def get_at(self, fullname: str, place: str) -> Task[..., Any] | None:
        """Return the task of that full name that was made last at a place, or None."""
        places = self._places.get(fullname)
        return None if places is None else places.get(place)

    def iter_named(self, fullname: str) -> Iterator[Task[..., Any]]:
        """Yield the tasks of that full name: the newest, and those that other modules still hold."""
        newest = self._tasks.get(fullname)
        if newest is not None:
            yield newest
        places = self._places.get(fullname)
        if places is not None and len(places) > 1:
            for other in list(places.values()):
                if other is not newest and _find_at(other.module, other.qualname) is other:
                    yield other

    def get_fingerprints(self) -> list[Fingerprint]:
        """Return the present fingerprint of every task."""
        return [task.recorded_fingerprint for task in self]

    def __iter__(self) -> Iterator[Task[..., Any]]:
        for fullname in list(self._tasks):
            yield from self.iter_named(fullname)

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

    def decorate(func: Any) -> Task[..., Any]:
        where = f"@task of {getattr(func, '__name__', func)!r}"
        if isinstance(func, TaskKind):
            raise TaskDefinitionError(f"{func!r} is a task already", "use one @task")
        if isinstance(func, (classmethod, property)):
            kind = type(func).__name__
            inner = func.fget if isinstance(func, property) else func.__func__
            raise TaskDefinitionError(
                f"@task of {getattr(inner, '__qualname__', inner)!r} stands above @{kind}",
                f"write @{kind} above @task",
            )
        is_static = isinstance(func, staticmethod)
        if isinstance(func, staticmethod):
            func = func.__func__
        if not callable(func) or not hasattr(func, "__qualname__"):
            raise TaskDefinitionError(
                f"@task needs a function and got {func!r}",
                "write one that calls it" if callable(func) else "",
            )
        # The program has tasks: from here on its modules are loaded from text that is kept.
        loading.install_finder()
        given = {"name": name, "namespace": namespace, "version": version}
        options.update({key: value for key, value in given.items() if value is not None})
        settings = check_options(options, where)
        made: Task[..., Any] = Task(func, settings)
        made.is_static = is_static
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


def scheduler_task(
    name: str | None = None, namespace: str | None = None, version: str = "1", **options: Any
) -> Callable[[Callable[..., Any]], Any]:
    """Make a function a special form: evaluated in the main process, on arguments as they stand.

    The function is called as ``func(scheduler, parent_job, sexpr, *args, **kwargs)``: the arguments
    may be expressions that nobody has evaluated. It returns a `promise.Promise`, whose value is
    evaluated in place of the call. ``scheduler.evaluate(x, parent_job=parent_job)`` gives the promise
    of an expression's value; ``sexpr`` has the call's `task_name`, `args`, `kwargs` and `options`.

    >>> from redunlite.task import scheduler_task
    >>> @scheduler_task(namespace="docs")
    ... def first(scheduler, parent_job, sexpr, pair):
    ...     return scheduler.evaluate(pair[0], parent_job=parent_job)
    >>> first([1, 2])
    docs.first([1, 2])
    """

    def decorate(func: Callable[..., Any]) -> Any:
        where = f"@scheduler_task of {getattr(func, '__name__', func)!r}"
        given = {"name": name, "namespace": namespace, "version": version, **options}
        settings = {key: value for key, value in given.items() if value is not None}
        made: PromiseTask[..., Any] = PromiseTask(func, check_options(settings, where))
        _registry.add(made)
        return made

    return decorate


def wraps_task(
    wrapper_name: str | None = None,
    wrapper_hash_includes: Sequence[Any] = (),
    use_wrapper_signature: bool = False,
    **options: Any,
) -> Callable[[Callable[[Task[..., Any]], Callable[..., Any]]], Callable[[Any], Any]]:
    """Make a decorator of tasks out of a function that takes a task and returns what runs instead.

    The decorator takes a task, or a function that it makes one. The new task has the name of the
    inner one, which moves into the namespace `wrapper_name` below its own; its hash covers the inner
    task, the wrapper's code and `wrapper_hash_includes`.

    Parameters
    ----------
    wrapper_name
        Default, the wrapping function's own name.
    wrapper_hash_includes
        What the wrapper depends on beside its code, such as its decorator's arguments.
    use_wrapper_signature
        Whether calls are checked, and options made, by the parameters of the wrapper's function
        rather than the inner task's.
    options
        Options of the new task.

    >>> from redunlite import task
    >>> from redunlite.task import wraps_task
    >>> def doubled():
    ...     @wraps_task()
    ...     def _doubled(inner_task):
    ...         def run(*args, **kwargs):
    ...             return 2 * inner_task.func(*args, **kwargs)
    ...         return run
    ...     return _doubled
    >>> @doubled()
    ... @task(namespace="docs")
    ... def three():
    ...     return 3
    >>> three, three.inner_task
    (Task(docs.three), Task(docs._doubled.three))
    """

    def make_decorator(
        wrapper: Callable[[Task[..., Any]], Callable[..., Any]],
    ) -> Callable[[Any], Any]:
        layer = wrapper_name or wrapper.__name__

        def decorate(inner: Any) -> Any:
            if not isinstance(inner, Task):
                inner = task()(inner)
            name, namespace = inner.name, inner.namespace
            module, qualname = inner.module, inner.qualname
            _hide(inner, layer)
            func = wrapper(inner)
            functools.update_wrapper(func, inner.func)
            if use_wrapper_signature:
                del func.__wrapped__  # type: ignore[attr-defined]
            includes = (
                *options.get("hash_includes", ()), *wrapper_hash_includes, inner, inner.version,
                *inner.identity.get("hash_includes", ()),
            )  # fmt: skip
            given = {**options, "name": name, "namespace": namespace, "hash_includes": includes}
            made: Task[..., Any] = Task(func, check_options(given, f"wraps_task of {name!r}"))
            made.wrapped_task = inner
            made.module = module
            _place(made, qualname)
            _registry.add(made)
            return made

        return decorate

    return make_decorator


def _hide(hidden: Task[..., Any], layer: str) -> None:
    """Move a task, and what it is wrapped around, into a namespace below its own."""
    if hidden.wrapped_task is not None:
        _hide(hidden.wrapped_task, layer)
    namespace = f"{hidden.namespace}.{layer}" if hidden.namespace else layer
    _registry.rename(hidden.fullname, hidden.name, namespace)


def _place(outer: Task[..., Any], qualname: str) -> None:
    """Tell a task, and each it is wrapped around, where in its module it is found."""
    at: Task[..., Any] | None = outer
    while at is not None:
        at.qualname = qualname
        if at is not outer:
            _registry.add(at)
        qualname += ".wrapped_task"
        at = at.wrapped_task


def settle_tasks(*, is_shared: bool) -> None:
    """Note, at the end of a run, what jobs in this process have made of the values tasks reach.

    A global that a job has filled is no edit: the next run finds the results of this one. What the
    program does to it after the run is one.

    Parameters
    ----------
    is_shared
        Whether jobs ran in this process, beside those of async tasks.
    """
    hashed = [found for found in _by_hash.values() if found._edition == loading.edition]
    if not is_shared and not any(found.is_async for found in hashed):
        return
    from redunlite.constants import forget_constants

    forget_constants()
    for found in hashed:
        try:
            found._left_hash = found._find_fingerprint().hash
        except KeyboardInterrupt:
            raise
        except BaseException:  # it reaches values of the user's own
            found._left_hash = None


def resolve_task(stored: StoredTask, caller: Task[..., Any] | None = None) -> Task[..., Any] | None:
    """Return the live task that a stored expression names, or None.

    Of an expression that a function returned in this run: the task at its place, whose module is
    imported for it; one that has no place of its own by its hash, else out of its bytes.

    Parameters
    ----------
    caller
        Of an expression that an earlier run recorded, the task that returned it: what its code calls
        by that name now is what is meant, with its present code.
    """
    if caller is None:
        found = _find_returned(stored)
    else:
        found = _find_recorded(stored, caller)
    if found is None or stored.options is None:
        return found
    return _with_stored_options(found, serialize.decode_bytes(stored.options))


def _find_returned(stored: StoredTask) -> Task[..., Any] | None:
    found = _find_by_hash(stored)
    if found is not None:
        return found
    if stored.blob is not None:
        return _decode_task(stored)
    return _find_at_place(stored) or _import_task(stored) or _registry.get(stored.fullname)


def _find_recorded(stored: StoredTask, caller: Task[..., Any]) -> Task[..., Any] | None:
    if stored.place is None:  # a special form of ours, which its name tells
        return _find_by_hash(stored) or _registry.get(stored.fullname)
    found = None if stored.is_closure else _find_at_place(stored)
    reached = caller.reached_places(stored)
    if stored.place in reached and not stored.is_closure:
        return found or _import_task(stored)
    if reached:
        # Its module, or the import of it, is another now, or it was made by a function. Without an
        # equal one the caller says anew which it means.
        if found is not None:
            return None
        # Of tasks that a function has made, only those that the caller's code holds now are meant.
        held = [r.task for r in caller.fingerprint.tasks if r.fullname == stored.fullname]
        named = held if stored.is_closure else _registry.iter_named(stored.fullname)
        alike = next((t for t in named if t is not None and t.hash == stored.hash), None)
        return alike if stored.is_closure else alike or _find_by_hash(stored)
    found = found or _find_by_hash(stored)
    if found is None and stored.blob is None:
        found = _import_task(stored)
    if found is None and not stored.is_closure:
        named = list(_registry.iter_named(stored.fullname))
        found = named[0] if len(named) == 1 else None
    return found or _decode_task(stored)


def _find_by_hash(stored: StoredTask) -> Task[..., Any] | None:
    return None if stored.hash is None else _by_hash.get(stored.hash)


def _find_at_place(stored: StoredTask) -> Task[..., Any] | None:
    return None if stored.place is None else _registry.get_at(stored.fullname, stored.place)


def _import_task(stored: StoredTask) -> Task[..., Any] | None:
    """Import the module of a task that only jobs have imported so far; return the task, or None."""
    if stored.place is None:
        return None
    module, _, qualname = stored.place.partition(":")
    try:
        loading.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # one that it needs
        return None
    found = _find_at_place(stored)
    if found is None:
        found = _find_at(module, qualname)
    return found if isinstance(found, Task) and found.fullname == stored.fullname else None


def _decode_task(stored: StoredTask) -> Task[..., Any] | None:
    if stored.blob is None:
        return None
    made = serialize.decode_bytes(stored.blob)
    if not isinstance(made, Task):
        return None
    if stored.hash is not None:
        made._set_hash(stored.hash, None)
    return made


def _find_at(module: str, qualname: str) -> Any:
    """Return what a qualified name stands for in a loaded module, or None."""
    found: Any = loading.find_module(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def _find_task(
    module: str, qualname: str, fullname: str, call_options: dict[str, Any]
) -> Task[..., Any]:
    """Return the task at that place; how an importable task is unpickled."""
    home = hashing.main_name() if module == "__main__" else module
    stored = StoredTask(fullname, None, None, place=f"{home}:{qualname}")
    found = _find_at_place(stored) or _import_task(stored)
    if found is None:
        named = list(_registry.iter_named(fullname))
        if len(named) != 1:
            raise AttributeError(f"{module}.{qualname} is not a task")
        found = named[0]
    return _with_stored_options(found, call_options)


def _unquote(value: Any) -> Any:
    return value.eval() if isinstance(value, QuotedExpression) else value


def _with_stored_options(found: Task[..., Any], options: Any) -> Task[..., Any]:
    options = _unquote(options)
    return found._with_options(options) if options else found


_KINDS: dict[str, type[Task[..., Any]]] = {
    cls.__name__: cls for cls in (Task, SchedulerTask, PromiseTask)
}


def _rebuild_task(
    func: Callable[..., Any],
    settings: Any,
    call_options: Any,
    task_hash: bytes,
    kind: str = "Task",
) -> Task[..., Any]:
    """Return a task from its function; how a task made inside a function is unpickled.

    Parameters
    ----------
    kind
        Name of its class: of `Task` or of a special form's.
    """
    live = _by_hash.get(task_hash)
    if live is None:
        live = _KINDS[kind](func, _unquote(settings))
        known = _registry.get_at(live.fullname, live.place)
        if known is not None and known.func is func:
            live = known
    if live._hash is None:
        live._set_hash(task_hash, None)
    return _with_stored_options(live, call_options)


def _is_live(value: Task[..., Any]) -> bool:
    return value.hash in _by_hash


def _partial_state(value: PartialTask[..., Any]) -> Any:
    return value.task, describe_graph((value.args, value.kwargs))


def _load_fingerprint() -> hashing.ClassHasher:
    from redunlite.fingerprint import carry_content_hash, content_hash, find_made_class

    return hashing.ClassHasher(content_hash, carry_content_hash, find_made_class)


def _load_markers() -> None:
    from redunlite import markers

    assert markers is not None


kinds.register_late(FunctionType, _load_fingerprint)
kinds.register_late(object, _load_markers)
hashing.register_class_hasher(_load_fingerprint)
kinds.register_type(
    Task,
    TypeHandler(
        tag="task",
        state=lambda t: (t.fullname, t.hash, quote_lazy(t.call_options)),
        preview=lambda t, limit: repr(t),
        is_valid=_is_live,
        subclasses=True,
    ),
)
kinds.register_type(
    PartialTask,
    TypeHandler(
        tag="redunlite.PartialTask",
        state=_partial_state,
        preview=lambda t, limit: repr(t)[:limit],
        is_valid=PartialTask.is_valid,
    ),
)
