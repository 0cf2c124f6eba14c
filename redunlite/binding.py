"""Binding: the arguments of a call in their places, their hash, and their bytes for a worker.

Decided here: which arguments count for the key of a call, and where each came from. Not here: how
they are evaluated (`engine`), what a value's token is (`hashing`). State: what all calls of a task
share, made at its first.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from redunlite import hashing, kinds, serialize
from redunlite.errors import UnhashableValueError
from redunlite.expression import SCALARS, AwaitOrigin, Source
from redunlite.job import Job, Origin, join_origins
from redunlite.jobinfo import JobInfo, make_job_uuid
from redunlite.kinds import FORMAT_PICKLE, Lazy, TaskKind, ValueRef
from redunlite.options import OPTIONS, is_for_other_machines
from redunlite.signature import MISSING, OwnDefault
from redunlite.task import Task
from redunlite.valuestore import ValueStore

WITHOUT_EFFECT = (
    "retries", "retry_delay", "timeout", "memory", "cpus", "priority", "script",
)  # fmt: skip
"""Options that are accepted and not yet carried out; a run says so once a task."""
_CARRIED_OUT = frozenset(OPTIONS).difference(WITHOUT_EFFECT)


class Binder:
    """Binds the calls of one run.

    Parameters
    ----------
    warn
        Shows a line; told of options without effect, once a task.
    make_salt
        Gives a job the random half of its id.
    """

    def __init__(
        self, store: ValueStore, warn: Callable[[str], None], make_salt: Callable[[], bytes]
    ) -> None:
        self._store = store
        self._warn = warn
        self._make_salt = make_salt
        self._tasks: dict[int, Task[..., Any]] = {}
        self._prefixes: dict[int, tuple[bytes, tuple[int, ...] | None]] = {}
        """Task number to the head of an argument hash, and the places that count if not all do."""
        self._info_places: dict[int, list[int]] = {}
        """Task number to the parameters that are told about the job."""
        self._own_defaults: dict[int, dict[int, ValueRef]] = {}
        """Task number to the defaults that are the function's own objects where it runs, by place."""
        self._warned: set[tuple[str, str]] = set()
        """Task and option that were told."""
        self._namesakes: dict[str, Task[..., Any] | None] = {}
        """Full name to the first task that was called by it; None once it was told of a second one."""

    def get_task(self, task_number: int) -> Task[..., Any]:
        """Return the task with that number, of which a call was bound."""
        return self._tasks[task_number]

    def hash_call(self, job: Job) -> bytes:
        """Return the eval hash of a job whose arguments are all known."""
        if job.options is not job.task.base_options:
            self._warn_of_options(job.task.fullname, job.options)
        return self.hash_as(job, job.task.hash)

    def hash_as(self, job: Job, task_hash: bytes) -> bytes:
        """Return the eval hash of a job if that were its task's hash, such as an earlier one."""
        classes: set[str] = set()
        args_hash = self._hash_arguments(job, classes)
        digest = hash_project_classes(classes) if classes else b""
        return hashing.eval_hash(task_hash, args_hash, digest)

    def encode(self, job: Job, run_uuid: str) -> bytes:
        """Return the arguments of a job as a worker decodes them."""
        arguments = job.arguments
        if self._info_places and job.task.number in self._info_places:
            arguments = self._fill_in_info(job, run_uuid)
        own = self._own_defaults.get(job.task.number) if self._own_defaults else None
        if own:
            arguments = [
                OwnDefault(name) if i in own and own[i] is value else value
                for i, (name, value) in enumerate(zip(job.task.parameters.names, arguments))
            ]
        args, kwargs = job.task.parameters.split(arguments)
        return serialize.encode_arguments(args, kwargs, self._store)

    def get_own_defaults(self, task: Task[..., Any]) -> Mapping[int, ValueRef]:
        """Return, by place, the defaults that are not sent but left to the function where it runs.

        Those that code can compare with ``is``: an object without state, and one of a class that knows
        no equality which a module or the function itself holds. Other values are sent, since what is
        computed when a module is loaded may differ from process to process.
        """
        found = self._own_defaults.get(task.number)
        if found is None:
            found = self._own_defaults[task.number] = {}
            for i, value in enumerate(task.parameters.defaults):
                if type(value) not in SCALARS and _is_told_by_identity(value, task):
                    name = task.parameters.names[i]
                    try:
                        found[i] = self._encode_default(name, value)
                    except UnhashableValueError as error:
                        error.put(f"default of {name!r} of task {task.fullname!r}")
                        raise
        return found

    def _encode_default(self, name: str, value: Any) -> ValueRef:
        if hashing.is_bare(value) and kinds.find_object_name(value) is None:
            token = b"#" + hashing.digest(b"own default", name.encode())
            shown = f"{type(value).__qualname__}()"
            data = pickle.dumps(_NamelessDefault(name), 5)
            return ValueRef(token, FORMAT_PICKLE, data, len(data), shown, "builtins.object")
        return serialize.encode(value, self._store)

    def _hash_arguments(self, job: Job, classes: set[str]) -> bytes:
        """Return the hash of a job's arguments; adds the classes with instances among them."""
        prepared = self._prefixes.get(job.task.number)
        if prepared is None:
            prepared = self._prepare(job.task)
        prefix, kept = prepared
        values = job.arguments if kept is None else [job.arguments[i] for i in kept]
        tokens = []
        for value in values:
            if type(value) is ValueRef:
                tokens.append(value.token)
                if value.classes:
                    classes.update(value.classes)
            elif type(value) in SCALARS:
                tokens.append(hashing.token(value))
            else:
                tokens.append(
                    hashing.token(tuple(value) if type(value) is list else value, classes)
                )
        return hashing.hash_arguments(prefix, tokens)

    def _prepare(self, task: Task[..., Any]) -> tuple[bytes, tuple[int, ...] | None]:
        """Work out, once a task, what all its calls share."""
        self._tasks[task.number] = task
        self._warn_of_namesake(task)
        self._warn_of_options(task.fullname, task.base_options)
        names = task.parameters.names
        skipped = set(task.identity.get("config_args", ()))
        infos = [i for i, d in enumerate(task.parameters.defaults) if type(d) is JobInfo]
        if infos:
            self._info_places[task.number] = infos
            skipped.update(names[i] for i in infos)
        kept = None
        if skipped:
            kept = tuple(i for i, name in enumerate(names) if name not in skipped)
            names = tuple(name for name in names if name not in skipped)
        prepared = (hashing.arguments_prefix(names), kept)
        self._prefixes[task.number] = prepared
        return prepared

    def _warn_of_namesake(self, task: Task[..., Any]) -> None:
        """Tell, once, of two tasks of one full name that were made in different places."""
        first = self._namesakes.setdefault(task.fullname, task)
        if first is not None and first.place != task.place:
            from redunlite.definitions import format_definition

            self._namesakes[task.fullname] = None
            self._warn(
                f"two tasks are called {task.fullname!r}: {format_definition(first.func)} and "
                f"{format_definition(task.func)}; each runs as what it is, but the history tells them "
                "apart by their code alone: give one another name, or its module a redun_namespace"
            )

    def _warn_of_options(self, task_name: str, options: Mapping[str, Any]) -> None:
        """Tell which of the options have no effect, each once a task."""
        for name in options:
            if name in _CARRIED_OUT or (task_name, name) in self._warned:
                continue
            self._warned.add((task_name, name))
            if name in WITHOUT_EFFECT:
                self._warn(f"option {name!r} of task {task_name!r} has no effect in this version")
            elif is_for_other_machines(name):
                self._warn(
                    f"option {name!r} of task {task_name!r} has no effect: it is for other machines "
                    "than this one"
                )

    def _fill_in_info(self, job: Job, run_uuid: str) -> list[Any]:
        """Return a job's arguments with those filled in that tell about the job."""
        if not job.salt:
            job.salt = self._make_salt()
        info = JobInfo(
            run_uuid, make_job_uuid(job.salt, run_uuid), job.eval_hash.hex(),
            self._hash_arguments(job, set()).hex(), job.options,
        )  # fmt: skip
        filled = list(job.arguments)
        for i in self._info_places[job.task.number]:
            filled[i] = info
        return filled


class _NamelessDefault:
    """Stands in records for a default that is an object without state and without a name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __reduce__(self) -> tuple[Any, ...]:
        return refuse_nameless, (self._name,)


def refuse_nameless(name: str) -> Any:
    """Refuse to load such a default. The name of this function is part of stored values.

    Raises
    ------
    LookupError
        Always.
    """
    raise LookupError(
        f"the default of {name!r} is an object without a name, which only its function has"
    )


def _is_told_by_identity(value: Any, task: Task[..., Any]) -> bool:
    """Tell whether code could tell a default from its copy by ``is`` alone."""
    cls = type(value)
    if hashing.is_bare(value):
        return True
    if value is MISSING or isinstance(value, (Lazy, TaskKind, type)) or cls is JobInfo:
        return False
    if hashing.has_equality(cls) or kinds.find_handler(cls) is not None:
        return False
    cells = getattr(task.func, "__closure__", None) or ()
    return any(_holds(cell, value) for cell in cells) or kinds.find_object_name(value) is not None


def _holds(cell: Any, value: Any) -> bool:
    try:
        return cell.cell_contents is value
    except ValueError:  # not filled yet
        return False


def place_origins(task: Task[..., Any], expression: Any, n: int) -> list[Any]:
    """Return the origin of each parameter whose argument its parent was given, or has awaited."""
    origins: list[Any] = [None] * n
    for key, place in expression._origins.items():
        i = key if isinstance(key, int) else task.parameters.positions.get(key)
        if i is not None and i < n:
            origins[i] = place
    return origins


def take_pending(job: Job) -> None:
    """Put the results that a job waited for in their places, with where they came from."""
    origins = job.origins
    if origins is None:
        origins = [None] * len(job.arguments)
    upstreams = []
    for i, source in enumerate(origins):
        if type(source) is int:
            upstreams.append(b"@%d" % source)
        elif source is None:
            upstreams.append(b"")
        else:
            origins[i], upstream = _settle_source(source)
            upstreams.append(upstream)
    arguments: Any = job.arguments
    for i, key, node in job.pending or ():
        if key is None:
            arguments[i] = node.result
        else:
            arguments[i][key] = node.result
        if node.origin is not None:
            if key is None:
                origins[i] = node.origin
            else:
                before = origins[i] or []
                before = before if type(before) is list else [before]
                after = node.origin if type(node.origin) is list else [node.origin]
                origins[i] = before + after
            upstreams[i] += node.upstream
    job.pending = None
    if any(upstreams):
        job.origins = origins
        job.upstream_digest = hashing.digest(b"upstream", *upstreams)[:8]


def _settle_source(source: Source) -> tuple[Origin, bytes]:
    """Return the origin that a source stands for, and what it adds to the digest of upstreams."""
    if isinstance(source, AwaitOrigin):
        return source.origin, source.upstream
    if isinstance(source, int):
        return source, b"@%d" % source
    return join_origins([_settle_source(one) for one in source])


def hash_project_classes(classes: Iterable[str]) -> bytes:
    """Return the digest of the code of the project's classes among those names; b"" without any."""
    from redunlite.fingerprint import class_hash

    found = ((name, class_hash(name)) for name in classes)
    return hashing.hash_classes((name, code) for name, code in found if code is not None)
