"""The public `Scheduler`: in memory for tests, or composed from a configuration.

Also the names that redun workflows import from a module of this name. State: the scheduler that is
running in this thread.
"""

from __future__ import annotations

import threading
from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, overload

from redunlite.absent import explain_attribute
from redunlite.call import Frame
from redunlite.config import Config
from redunlite.context import get_context
from redunlite.control import (
    Thread,
    apply_tags,
    catch,
    catch_all,
    cond,
    fork_thread,
    join_thread,
    throw,
    with_export_options,
)
from redunlite.errors import DryRunResult, NoCurrentScheduler, SchedulerError
from redunlite.expression import (
    Expression,
    QuotedExpression,
    SchedulerExpression,
    SimpleExpression,
    TaskExpression,
    ValueExpression,
    quote,
)
from redunlite.job import Job
from redunlite.jobinfo import JobInfo
from redunlite.options import CacheCheckValid, CacheScope
from redunlite.promise import Promise
from redunlite.session import Session, find_running_session, open_memory_session, open_session
from redunlite.task import PartialTask, Task, get_task_registry, scheduler_task, task
from redunlite.value import ErrorValue

__all__ = [
    "CacheCheckValid",
    "CacheScope",
    "DryRunResult",
    "ErrorValue",
    "Expression",
    "Frame",
    "Job",
    "JobInfo",
    "NoCurrentScheduler",
    "PartialTask",
    "Promise",
    "QuotedExpression",
    "Scheduler",
    "SchedulerError",
    "SchedulerExpression",
    "SimpleExpression",
    "Task",
    "TaskExpression",
    "Thread",
    "ValueExpression",
    "apply_tags",
    "catch",
    "catch_all",
    "cond",
    "fork_thread",
    "get_context",
    "get_current_scheduler",
    "get_task_registry",
    "join_thread",
    "quote",
    "scheduler_task",
    "set_current_scheduler",
    "task",
    "throw",
    "with_export_options",
]

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from redunlite.executors.base import Executor

T = TypeVar("T")

_current = threading.local()


class RunSettings(TypedDict, total=False):
    """What `Scheduler.run` takes beside the expression, for type checkers."""

    exec_argv: Sequence[str]
    cache: bool
    dryrun: bool
    failure_policy: str | None
    tags: Sequence[Any]
    context: Mapping[str, Any] | None


class Scheduler:
    """Evaluates expressions.

    Without a configuration it is the in-memory twin for tests: a database in memory, jobs in threads
    of this process, tasks defined anywhere. Its answers last as long as it does.

    Parameters
    ----------
    config
        A `Config`, or a dict of its sections; the scheduler is then composed as configured, with the
        project's database.
    executor
        An executor of the user's own, as for `add_executor`.
    logger
        What `log` writes to; default, that of `redunlite.logging`.
    job_status_interval, use_task_traceback, migrate
        Taken for those who come from redun, without effect.

    >>> from redunlite import Scheduler, task
    >>> @task(namespace="docs")
    ... def add(a: int, b: int) -> int:
    ...     return a + b
    >>> Scheduler().run(add(1, add(2, 3)))
    6
    """

    def __init__(
        self,
        config: Any = None,
        executor: Executor | None = None,
        *,
        logger: Any = None,
        job_status_interval: float | None = None,
        use_task_traceback: bool = True,
        migrate: bool | None = None,
    ) -> None:
        self._config = Config(config) if isinstance(config, Mapping) else config
        self._logger = logger
        self._session: Session | None = None
        self._added: list[Executor] = [] if executor is None else [executor]

    @property
    def config(self) -> Config:
        """The configuration; without one, all defaults."""
        found: Config = Config() if self._config is None else self._config
        return found

    @property
    def logger(self) -> Any:
        """The `logging.Logger` that it was given, or that of `redunlite.logging`."""
        if self._logger is None:
            from redunlite.logging import logger

            self._logger = logger
        return self._logger

    def log(self, *messages: object, indent: int = 0, level: int | None = None) -> None:
        """Write a line to `logger`.

        Parameters
        ----------
        messages
            Written with spaces between them.
        indent
            Number of spaces before each line.
        level
            Default, `logging.INFO`.
        """
        text = " ".join(map(str, messages))
        lines = [" " * indent + line for line in text.split("\n")]
        self.logger.log(20 if level is None else level, "%s", "\n".join(lines))

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            raise AttributeError(explain_attribute("Scheduler", name, dir(type(self))))

    def load(self, migrate: bool | None = None) -> None:
        """Open the database now, not at the first run.

        Parameters
        ----------
        migrate
            Taken for those who come from redun; a database is always brought up to date.
        """
        self._get_session()

    def add_executor(self, executor: Executor) -> None:
        """Let tasks name an executor of the user's own, by its `name`; see `executors.base`."""
        self._added.append(executor)
        if self._session is not None:
            self._session.add_executor(executor)

    @overload
    def run(self, expression: Coroutine[Any, Any, T], **settings: Unpack[RunSettings]) -> T: ...

    @overload
    def run(self, expression: T, **settings: Unpack[RunSettings]) -> T: ...

    def run(
        self,
        expression: Any,
        *,
        exec_argv: Sequence[str] = (),
        cache: bool = True,
        dryrun: bool = False,
        failure_policy: str | None = None,
        tags: Sequence[Any] = (),
        context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Evaluate an expression, or any nested value with expressions in it.

        Raises
        ------
        Exception
            The exception of the task that failed.
        DryRunResult
            In a dry run, when some job would run.
        SchedulerError
            Inside a job of a worker, or while this scheduler is running.
        """
        __tracebackhide__ = True
        session = self._get_session()
        before = get_current_scheduler(required=False)
        set_current_scheduler(self)
        try:
            return session.run(
                expression,
                argv=exec_argv,
                cache=cache,
                dry_run=dryrun,
                failure_policy=failure_policy,
                context=context,
                tags=tags,
            )
        finally:
            set_current_scheduler(before)

    def open_session(self, **settings: Any) -> Session:
        """Return a session of its own with this scheduler's configuration and executors.

        Parameters
        ----------
        settings
            As `session.open_session` takes them, but for the configuration.
        """
        if self._config is None:
            session = open_memory_session(settings.get("reporter"))
        else:
            session = open_session(config=self._config, **settings)
        for executor in self._added:
            session.add_executor(executor)
        session.scheduler = self
        return session

    def _get_session(self) -> Session:
        if self._session is None:
            self._session = self._open()
            for executor in self._added:
                self._session.add_executor(executor)
        return self._session

    def _open(self) -> Session:
        if self._config is None:
            return open_memory_session()
        return open_session(config=self._config)

    def close(self) -> None:
        """Close the database; an in-memory one is gone then."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def __del__(self) -> None:
        # One that was never closed still holds a connection; newer Pythons warn of that.
        if getattr(self, "_session", None) is not None:
            self.close()

    def __repr__(self) -> str:
        if self._config is None:
            return "Scheduler(in memory, jobs in threads)"
        where = self._config.folder or "the project's folder"
        return f"Scheduler(as configured in {where})"


def get_current_scheduler(required: bool = True) -> Scheduler | None:
    """Return the scheduler that is running in this thread; under ``redunlite run`` one as configured.

    Raises
    ------
    NoCurrentScheduler
        When there is none and `required`.
    """
    found: Scheduler | None = getattr(_current, "scheduler", None)
    if found is None:
        session = find_running_session()
        if session is not None:
            found = session.scheduler = session.scheduler or Scheduler(config=session.config)
    if found is None and required:
        raise NoCurrentScheduler("no scheduler is running in this thread")
    return found


def set_current_scheduler(scheduler: Scheduler | None) -> None:
    """Make `scheduler` the one that is running in this thread."""
    _current.scheduler = scheduler
