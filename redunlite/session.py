"""Everything put together: from a configuration to an engine that runs with a database.

Decided here: which executors, recorder and store a run has, who handles signals, what is known about
a run before it begins. State: one `Session` holds an open database; each run has its own pool; which
session runs in a thread.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from redunlite import loading, serialize
from redunlite.config import ALIAS, ExecutorConfig, count_cpus
from redunlite.engine import FINISH, Engine, RunResult
from redunlite.errors import (
    ConfigError,
    DryRunResult,
    Interrupted,
    SchedulerError,
    find_nearest,
)
from redunlite.facts import FACTS, GitStatus, gather_facts
from redunlite.failures import load_error
from redunlite.informing import Informer
from redunlite.limits import Limits
from redunlite.namespace import normalize_name
from redunlite.nested import merge_dicts
from redunlite.options import check_options, declare_options
from redunlite.reporter import ExecutionEnd, ExecutionInfo, Failure, Reporter, SilentReporter
from redunlite.tags import Tag
from redunlite.task import settle_tasks
from redunlite.tracebacks import make_traceback
from redunlite.valuestore import ValueStore
from redunlite.waits import Waits

if TYPE_CHECKING:
    from types import ModuleType

    from redunlite.config import Config
    from redunlite.executors.base import Executor
    from redunlite.recorder.database import Database

DATABASE_NAME = "redunlite.db"
VALUES_NAME = "values"
GC_THRESHOLD = 1_000_000

T = TypeVar("T")


_running = threading.local()


def find_running_session() -> Session | None:
    """Return the session whose run is going on in this thread, or None."""
    found: Session | None = getattr(_running, "session", None)
    return found


class Session:
    """An open database and the parts that every run with it shares.

    Made by `open_session` or `open_memory_session`.
    """

    def __init__(
        self,
        *,
        database: Database | None,
        store: ValueStore,
        reporter: Reporter,
        executors: Mapping[str, ExecutorConfig],
        limits: Mapping[str, float],
        folder: str | None,
        default_executor: str = "default",
        failure_policy: str = FINISH,
        context: Mapping[str, Any] | None = None,
        tags: Sequence[Tag] = (),
        config: Config | None = None,
    ) -> None:
        self.config = config
        """What it was composed from; None in memory."""
        self.scheduler: Any = None
        """The `Scheduler` that it belongs to, where there is one."""
        self.database = database
        self.store = store
        self.reporter = reporter
        self.folder = folder
        """The `.redunlite` folder, or None in memory."""
        self._executor_specs = dict(executors)
        self._added_executors: dict[str, Executor] = {}
        self._limits = dict(limits)
        self._default_executor = default_executor
        self._failure_policy = failure_policy
        self._context = dict(context or {})
        self._tags = tuple(tags)
        self._engine: Engine | None = None

    def run(
        self,
        expression: Any,
        *,
        argv: Sequence[str] = (),
        cache: bool = True,
        dry_run: bool = False,
        failure_policy: str | None = None,
        context: Mapping[str, Any] | None = None,
        tags: Sequence[Tag] = (),
    ) -> Any:
        """Evaluate an expression and return its value.

        Parameters
        ----------
        failure_policy
            What happens to other jobs after a failure that no `catch` takes; default, as configured.
        context
            Context variables, on top of those configured.
        tags
            Of the execution, beside those configured.

        Raises
        ------
        Exception
            The exception of the task that failed, when `reporter` has been told.
        DryRunResult
            In a dry run, when some job would run.
        Interrupted
            When a signal ended the run.
        """
        __tracebackhide__ = True  # in notebooks and pytest
        _check_place(is_project=self.folder is not None)
        if self._engine is not None:
            raise SchedulerError("this scheduler is running already; one execution at a time")
        waits = Waits()
        merged = merge_dicts(self._context, context or {})
        store = self.store.make_read_only() if dry_run else self.store
        executors = _Executors(self._executor_specs, self._added_executors)
        informer = Informer(self.reporter)
        engine = self._engine = Engine(
            recorder=self._make_recorder(dry_run, merged, tags, informer),
            executors=executors,
            store=store,
            reporter=informer,
            limits=Limits(self._limits),
            waits=waits,
            use_cache=cache,
            dry_run=dry_run,
            failure_policy=failure_policy or self._failure_policy,
            default_executor=self._default_executor,
            context=merged,
        )
        engine.config = self.config
        engine.on_begin = lambda uuid: informer.execution_started(
            ExecutionInfo(uuid, list(argv), self.folder)
        )
        if self.database is not None:
            self.database.on_wait = _end_wait(engine)
        begun = time.monotonic()
        # A run makes many objects that live long and few cycles: looking for cycles at the usual
        # pace costs a fifth of the run at 200,000 calls.
        pace = gc.get_threshold()
        gc.set_threshold(GC_THRESHOLD, *pace[1:])
        before, _running.session = find_running_session(), self
        try:
            with _SignalWatch(engine), loading.holding_texts():
                result = engine.run(expression, argv)
                settle_tasks(is_shared=executors.are_shared)
        finally:
            _running.session = before
            gc.set_threshold(*pace)
            self._engine = None
            waits.close()
        self._report_end(engine, informer, result, time.monotonic() - begun)
        return self._unwrap(result, store)

    def add_executor(self, executor: Executor) -> None:
        """Let tasks name an executor of the user's own, by its `name`; see `executors.base`."""
        self._added_executors[executor.name] = executor

    def _report_end(
        self, engine: Engine, informer: Informer, result: RunResult, duration_s: float
    ) -> None:
        end = ExecutionEnd(
            result.uuid, result.status, duration_s, dict(result.counts),
            n_would_run=engine.n_would_run,
        )  # fmt: skip
        if result.failure is not None:
            # Without a description, the user's own frames are still there.
            end = replace(end, failure=Failure((), result.failure.detail))
            described = informer.inform(engine.describe_failures, result.failure)
            if described is not None:
                failure, others, n_others = described
                end = replace(
                    end,
                    failure=failure,
                    failed_job=failure.steps[-1].job_id if failure.steps else "",
                    other_failures=others,
                    n_other_failures=n_others,
                )
        informer.execution_ended(replace(end, inform_errors=tuple(informer.errors)))

    def _unwrap(self, result: RunResult, store: ValueStore) -> Any:
        __tracebackhide__ = True
        if result.status == "CANCELLED":
            raise Interrupted(result.signal_number)
        if result.status == "DRY":
            raise DryRunResult("some jobs would run")
        if result.failure is not None:
            error = load_error(result.failure, store)
            if error.__traceback__ is None:
                error.__traceback__ = make_traceback(result.failure.detail.frames)
            raise error
        assert result.value is not None
        return serialize.decode(result.value, store)

    def _make_recorder(
        self, dry_run: bool, context: Mapping[str, Any], tags: Sequence[Tag], informer: Informer
    ) -> Any:
        from redunlite.recorder.writer import DryRecorder, RunRecorder

        if dry_run:
            return DryRecorder(self.database)
        assert self.database is not None
        project = os.path.dirname(self.folder) if self.folder else None
        facts = informer.inform(gather_facts) or dict.fromkeys(FACTS)
        if context:
            facts["context"] = json.dumps(context, default=repr)
        # In memory nobody will ask for it: tests run many such executions.
        git = informer.inform(GitStatus) if self.folder and facts["git_commit"] else None
        named = dict(self._tags)
        named.update(tags)
        return RunRecorder(
            self.database, self.store, project, facts,
            partial(informer.inform, git.end) if git else None,
            check_options({"tags": list(named.items())}, "tags of a run")["tags"],
        )  # fmt: skip

    def close(self) -> None:
        """Close the database and the value store."""
        if self.database is not None:
            self.database.close()
            self.database = None
        self.store.close()


def _check_place(*, is_project: bool) -> None:
    """Raise `SchedulerError` in a worker, but for a run in memory that a job begins."""
    from redunlite import worker

    if not worker.IN_WORKER:
        return
    if not worker.is_in_job():
        raise SchedulerError(
            "a module that a worker process imports runs a workflow; "
            "in a script, call run() under: if __name__ == '__main__'"
        )
    if is_project:
        raise SchedulerError(
            "the project's history and executors cannot be used inside a job of a worker process; "
            "return the expression from the task, or use Scheduler(), which is in memory"
        )


def _end_wait(engine: Engine) -> Callable[[float, str], None]:
    """Return what ends a wait for the database when the user has asked twice to stop."""

    def check(seconds: float, holder: str) -> None:
        if engine.signal_number and engine.n_signals:
            raise Interrupted(engine.signal_number)

    return check


class _SignalWatch:
    """Counts SIGINT, SIGTERM and SIGHUP for an engine while it runs; only in the main thread.

    A handler does no more than count and wake the wait: an exception out of a handler could land
    between a COMMIT and its bookkeeping. Only a coroutine that computes is interrupted: the engine
    would not be asked again before it awaits something.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in self.SIGNALS:
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._count)

    def __exit__(self, *error: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _count(self, number: int, frame: Any) -> None:
        self._engine.signal_number = number
        self._engine.n_signals += 1
        self._engine.waits.wake()
        if frame is not None and self._engine.may_interrupt(frame.f_globals.get("__name__", "")):
            raise KeyboardInterrupt


class _Executors(Mapping[str, Any]):
    """The configured executors by name; each is made, and its module loaded, when first used."""

    def __init__(self, specs: Mapping[str, ExecutorConfig], others: Mapping[str, Executor]) -> None:
        self._specs = specs
        self._made: dict[str, Executor] = dict(others)
        self.are_shared = bool(others)
        """Whether jobs may run in this process."""

    def __getitem__(self, name: str) -> Executor:
        made = self._made.get(name)
        if made is None:
            spec = self._specs[name]
            made = self[spec.target] if spec.type == ALIAS else _make_executor(spec)
            self.are_shared |= spec.type not in (ALIAS, "process")
            self._made[name] = made
        return made

    def __iter__(self) -> Iterator[str]:
        return iter({**self._specs, **self._made})

    def __len__(self) -> int:
        return len({**self._specs, **self._made})


def _make_executor(spec: ExecutorConfig) -> Executor:
    if spec.type == "process":
        from redunlite.executors.process import ProcessExecutor

        return ProcessExecutor(spec.name, spec.workers)
    if spec.type == "thread":
        from redunlite.executors.thread import ThreadExecutor

        return ThreadExecutor(spec.name, spec.workers)
    from redunlite.executors.inline import InlineExecutor

    return InlineExecutor(spec.name)


def open_session(
    *,
    folder: str | None = None,
    config: Config | None = None,
    reporter: Reporter | None = None,
    workers: int | None = None,
    executor: str | None = None,
    read_only: bool = False,
) -> Session:
    """Open the project's database and return a session with it.

    Parameters
    ----------
    folder
        The `.redunlite` folder; default, the one found upwards from the working folder, made there
        when there is none.
    workers
        Number of workers of the default executor, in place of the configured one.
    executor
        Name of the executor of tasks that name none.
    read_only
        For a dry run: nothing is created; without a database there are no answers.

    Raises
    ------
    ConfigError, DatabaseError
        When the configuration or the database cannot be used.
    """
    from redunlite import config as configuration
    from redunlite import fingerprint

    _check_place(is_project=True)
    if folder is None and config is not None:
        folder = config.folder
    if folder is None:
        folder = configuration.resolve_folder()
    if folder is None and not read_only:
        folder = configuration.make_folder(os.getcwd())
    if config is None:
        config = configuration.load_config(folder)
    declare_options(config.options.names)
    fingerprint.set_packages(config.fingerprint.packages)
    fingerprint.set_project_folder(os.path.dirname(folder) if folder else None)
    specs = dict(config.executors)
    if workers is not None:
        name = executor or "default"
        while specs[name].type == ALIAS:
            name = specs[name].target
        specs[name] = specs[name]._replace(workers=workers)
    database = None
    if folder is not None:
        database = _open_database(folder, config, read_only)
    store = ValueStore(os.path.join(folder, VALUES_NAME) if folder else None)
    return Session(
        database=database,
        store=store,
        reporter=reporter or SilentReporter(),
        executors=specs,
        limits=config.limits,
        folder=folder,
        default_executor=executor or "default",
        failure_policy=config.scheduler.on_failure,
        context=config.context,
        tags=tuple(config.tags.items()),
        config=config,
    )


def open_configured(
    config: Config, arguments: Mapping[str, Any] | None = None, **settings: Any
) -> Session:
    """Return a session as the configuration has it: by its `setup_scheduler`, where one is set.

    Parameters
    ----------
    arguments
        Keyword arguments for the setup function, beside the configuration.
    settings
        As `open_session` takes them.

    Raises
    ------
    ConfigError
        When the setup function cannot be found, or gives no `Scheduler`.
    """
    setup = find_setup(config)
    if setup is None:
        return open_session(config=config, **settings)
    made = setup(config, **(arguments or {}))
    if not hasattr(made, "open_session"):
        where = config.scheduler.setup_scheduler
        raise ConfigError(f"setup_scheduler {where!r} returned {made!r}, expected a Scheduler")
    session: Session = made.open_session(**settings)
    return session


def find_setup(config: Config) -> Callable[..., Any] | None:
    """Return the function that makes the scheduler, or None where none is set.

    Raises
    ------
    ConfigError
        When it cannot be found.
    WorkflowLoadError
        When its file cannot be read, parsed or imported.
    """
    where = config.scheduler.setup_scheduler
    if not where:
        return None
    place, _, name = where.partition("::")
    if place.endswith(".py"):
        beside = os.path.join(config.folder or "", place)
        module = _load_once(os.path.abspath(beside if os.path.exists(beside) else place))
    else:
        from importlib import import_module

        try:
            module = import_module(place)
        except ImportError as error:
            raise ConfigError(f"setup_scheduler {where!r} cannot be imported: {error}") from error
    found = getattr(module, normalize_name(name), None)
    if not callable(found):
        nearest = find_nearest(name, [n for n, value in vars(module).items() if callable(value)])
        mean = f"; did you mean {nearest!r}?" if nearest else ""
        raise ConfigError(f"setup_scheduler {where!r}: there is no function {name!r}{mean}")
    setup: Callable[..., Any] = found
    return setup


def _load_once(path: str) -> ModuleType:
    """Return the module of a file: the workflow itself, where it has been loaded from there.

    Loaded a second time, its tasks would be others than those that it calls.
    """
    for name in (os.path.basename(path).removesuffix(".py"), "__main__"):
        module = sys.modules.get(name)
        found = loading.get_file(module)
        if (
            module is not None
            and found is not None
            and os.path.realpath(found) == os.path.realpath(path)
        ):
            return module
    return loading.load_workflow(path)


def _open_database(folder: str, config: Config, read_only: bool) -> Database | None:
    from redunlite.recorder.database import open_database, open_readonly

    path = os.path.join(folder, DATABASE_NAME)
    if not read_only:
        database = open_database(path, durability=config.recorder.durability)
        database.close_dead_executions()
        return database
    if not os.path.exists(path) or not os.path.getsize(path):
        return None
    return open_readonly(path)


def open_memory_session(
    reporter: Reporter | None = None, default_executor: str = "default"
) -> Session:
    """Return a session whose database is in memory and whose jobs run in threads."""
    from redunlite.recorder.database import open_memory

    return Session(
        database=open_memory(),
        store=ValueStore(None),
        reporter=reporter or SilentReporter(),
        executors={
            "default": ExecutorConfig("default", "thread", count_cpus()),
            "thread": ExecutorConfig("thread", "thread", count_cpus()),
            "process": ExecutorConfig("process", "process", count_cpus()),
            "inline": ExecutorConfig("inline", "inline", 1),
        },
        limits={},
        folder=None,
        default_executor=default_executor,
    )


@overload
def run(
    expression: Coroutine[Any, Any, T],
    *,
    cache: bool = ...,
    failure_policy: str | None = ...,
    context: Mapping[str, Any] | None = ...,
    tags: Sequence[Tag] = ...,
) -> T: ...


@overload
def run(
    expression: T,
    *,
    cache: bool = ...,
    failure_policy: str | None = ...,
    context: Mapping[str, Any] | None = ...,
    tags: Sequence[Tag] = ...,
) -> T: ...


def run(
    expression: Any,
    *,
    cache: bool = True,
    failure_policy: str | None = None,
    context: Mapping[str, Any] | None = None,
    tags: Sequence[Tag] = (),
) -> Any:
    """Evaluate an expression with the project's configuration and its persistent database.

    Works in a script (under ``if __name__ == "__main__"``), at a prompt and in a notebook.

    Raises
    ------
    Exception
        The exception of the task that failed.
    """
    __tracebackhide__ = True
    from redunlite import config as configuration

    folder = configuration.resolve_folder() or configuration.make_folder(os.getcwd())
    session = open_configured(configuration.load_config(folder))
    try:
        return session.run(
            expression, cache=cache, failure_policy=failure_policy, context=context, tags=tags
        )
    finally:
        session.close()


def load(word: str) -> Any:
    """Return the recorded value with that id: a value's hash, or a job, call node or execution.

    This is the one explicit wish at which history unpickles; do it with databases you trust.

    Raises
    ------
    UnknownNameError, AmbiguousIdError
        When no record, or more than one, has that id.
    UndecodableError
        When it cannot be read back here, such as an instance of a class whose module cannot be
        imported; `redunlite show ID -o FILE` looks for the module where the workflow was.
    """
    from redunlite import config as configuration
    from redunlite.history.values import load_value
    from redunlite.recorder.database import open_readonly

    folder = configuration.resolve_folder()
    if folder is None:
        raise SchedulerError("there is no .redunlite folder here, so nothing is recorded")
    try:
        database = open_readonly(os.path.join(folder, DATABASE_NAME))
    except FileNotFoundError:
        raise SchedulerError(f"there is no database in {folder}, so nothing is recorded") from None
    store = ValueStore(os.path.join(folder, VALUES_NAME))
    try:
        return load_value(database, store, word)
    finally:
        database.close()
