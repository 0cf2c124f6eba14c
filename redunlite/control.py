"""Control flow of workflows: `cond` and `catch`, written in the language.

A special form is a generator function: it yields the expressions it needs, one by one, and what it
returns is evaluated in its place (see `task.SchedulerTask`). Branches that are never asked for are
never evaluated.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from redunlite.forms import EvaluationError, Recall, Remember
from redunlite.kinds import TaskKind
from redunlite.shapes import Catch, Cond
from redunlite.task import make_scheduler_task


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

    A recovery is remembered: the next run does not try again what failed, until the code of a task
    that had a part in the failure changes, or the cache is off for one of them.
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
                yield Remember(expression, handlers, recovery)
                return recovery
        raise
