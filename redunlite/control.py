"""Control flow of workflows, written in the language: branches, failures, threads of work.

A special form is a generator function: it yields the expressions it needs, one by one, and what it
returns is evaluated in its place (see `task.SchedulerTask`). Branches that are never asked for are
never evaluated.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Generic, TypeVar

from redunlite import nested
from redunlite.errors import WorkerDiedError
from redunlite.expression import QuotedExpression, quote
from redunlite.forms import (
    ApplyTags,
    Evaluated,
    EvaluationError,
    Fork,
    Join,
    Recall,
    Remember,
    Start,
)
from redunlite.kinds import Lazy, TaskKind, TypeHandler, register_type
from redunlite.options import check_options
from redunlite.shapes import Catch, CatchAll, Cond, ForkThread, JoinThread, Tagging
from redunlite.task import make_scheduler_task, task

T = TypeVar("T")


@make_scheduler_task("cond", kind=Cond)
def cond(condition: Any, then: Any, *rest: Any) -> Generator[Any, Any, Any]:
    """Evaluate the first branch whose condition holds.

    ``cond(c1, e1, c2, e2, …, otherwise)``: conditions are evaluated in order, and only the branch
    chosen.

    Raises
    ------
    IndexError
        When no condition holds and there is no last branch.

    >>> from redunlite import cond
    >>> cond(True, "yes", "no")
    redunlite.cond(True, 'yes', 'no')
    """
    clauses = [condition, then, *rest]
    while len(clauses) >= 2:
        if (yield clauses[0]).get():
            return clauses[1]
        clauses = clauses[2:]
    if not clauses:
        raise IndexError(
            "cond() has no branch left: no condition holds and there is no last branch"
        )
    return clauses[0]


@make_scheduler_task("catch", kind=Catch)
def catch(expression: Any, *handlers: Any) -> Generator[Any, Any, Any]:
    """Evaluate an expression, and on an exception what its handler gives instead.

    ``catch(expression, Error, recover, Error2, recover2, …)``: the first class (or tuple of
    classes) that the exception is an instance of decides; its task is called with the exception.
    An exception that no class takes climbs further.

    A recovery that gave a value is remembered: the next run does not try again what failed, until the
    code of a task that had a part in the failure changes, also of one in a default or an option, or the
    context, or the cache is off for one of them. The death of a worker
    is no work of the code alone, and is tried again in the next run.
    """
    if len(handlers) % 2:
        raise TypeError("catch() takes pairs of an exception class and a task that recovers")
    recorded = yield Recall(expression, handlers)
    if recorded is not None:
        return recorded
    try:
        return (yield expression)
    except EvaluationError as failed:
        for classes, recover in zip(handlers[::2], handlers[1::2]):
            chosen = classes if isinstance(classes, (type, tuple)) else (yield classes).get()
            if isinstance(failed.error, chosen):
                chosen_task: Any = recover
                if not isinstance(recover, TaskKind):
                    chosen_task = (yield recover).get()
                recovery = chosen_task(failed.value)
                if isinstance(failed.error, _TRANSIENT):
                    return recovery
                value = yield recovery  # one that raises is no recovery, and is not remembered
                yield Remember(expression, handlers, recovery)
                return value
        raise


_TRANSIENT = (WorkerDiedError, KeyboardInterrupt)
"""What comes from outside of the code, and need not come again."""


@make_scheduler_task("catch_all", kind=CatchAll)
def catch_all(exprs: Any, error_class: Any = None, recover: Any = None) -> Generator[Any, Any, Any]:
    """Evaluate every expression in a nested value to its end, whatever fails meanwhile.

    Without a failure this is the evaluated value. When all failures are of `error_class`, a class or
    a tuple of classes, it is what the task `recover` makes of the value with exceptions in the places
    of what failed; else the first other failure climbs on. What failed is tried again by the next run.
    """
    if recover is not None and error_class is None:
        raise TypeError("catch_all() needs an exception class with a task that recovers")
    started = []
    for leaf in nested.iter_leaves(exprs):
        started.append((yield Start(leaf)) if isinstance(leaf, Lazy) else leaf)  # noqa: PERF401
    results: list[Any] = []
    failures = []
    for leaf in started:
        try:
            results.append((yield leaf) if isinstance(leaf, Lazy) else leaf)
        except EvaluationError as failed:
            failures.append(failed)
            results.append(failed.value)
    parts = iter(results)
    value = nested.map_leaves(exprs, lambda leaf: next(parts))
    if not failures:
        return value
    if recover is None:
        raise failures[0]
    classes = error_class
    if not isinstance(classes, (type, tuple)):
        classes = (yield classes).get()
    for failure in failures:
        if not isinstance(failure.error, classes):
            raise failure
    if not isinstance(recover, TaskKind):
        recover = (yield recover).get()
    return recover(value)


@task(namespace="redunlite", version="1")
def throw(error: BaseException) -> Any:
    """Raise an exception, where an expression is wanted."""
    raise error


@make_scheduler_task("apply_tags", kind=Tagging)
def apply_tags(
    value: Any, tags: Any = (), job_tags: Any = (), execution_tags: Any = ()
) -> Generator[Any, Any, Any]:
    """Give a value, and keep tags with it in the history.

    Parameters
    ----------
    value
        What is tagged, evaluated.
    tags, job_tags, execution_tags
        Lists of (key, value): of the value itself, of the job around this call, of the execution.
    """
    result = yield value
    checked = []
    for given in (tags, job_tags, execution_tags):
        if isinstance(given, Lazy) or nested.has_lazy(given):
            given = (yield given).get()
        checked.append(check_options({"tags": given}, "apply_tags()")["tags"])
    yield ApplyTags(result, *checked)
    return result


class Thread(Generic[T]):
    """Work that was begun and is not waited for; a value like others.

    Made by `fork_thread`, taken by `join_thread`.
    """

    __slots__ = ("key", "quoted")

    def __init__(self, quoted: QuotedExpression, key: bytes) -> None:
        self.quoted = quoted
        self.key = key

    def __reduce__(self) -> tuple[Any, ...]:
        return Thread, (self.quoted, self.key)

    def __repr__(self) -> str:
        return f"Thread({self.quoted!r})"


@make_scheduler_task("fork_thread", kind=ForkThread)
def fork_thread(expr: Any) -> Generator[Any, Any, Any]:
    """Begin to evaluate an expression and give a `Thread` at once.

    The job around it does not wait. The run ends when all threads have. A thread from a recorded
    result evaluates its expression again, as far as that is not cached.
    """
    if isinstance(expr, Evaluated):
        expr = expr.get()
    return Thread(quote(expr), (yield Fork(expr)))


@make_scheduler_task("join_thread", kind=JoinThread)
def join_thread(thread: Any) -> Generator[Any, Any, Any]:
    """Wait for a thread and give its result, or let its failure climb; any number of times."""
    if not isinstance(thread, Thread):
        thread = (yield thread).get()
    if not isinstance(thread, Thread):
        raise TypeError(f"join_thread() needs a Thread and got {thread!r}")
    return (yield Join(thread.quoted.eval(), thread.key))


register_type(Thread, TypeHandler("redunlite.Thread", lambda thread: (thread.quoted, thread.key)))


@task(namespace="redunlite", name="with_export_options", version="1")
def _evaluate_quoted(quoted: QuotedExpression) -> Any:
    return quoted.eval()


def with_export_options(expr: QuotedExpression, options: Mapping[str, Any]) -> Any:
    """Evaluate a quoted expression under options that all calls in it and below inherit.

    >>> from redunlite.scheduler import quote
    >>> with_export_options(quote([1]), {"executor": "thread"})
    redunlite.with_export_options(quote([1]))
    """
    return _evaluate_quoted.export_options(**options)(expr)
