"""How special forms are called, for type checkers: one class a form, with its overloads.

Decided here: which type a checker gives to a call of a form, from the types of its arguments. Not
here: what the forms do (`control`, `functools`). No state.

An expression counts as the value that it stands for, so ``cond(x, 1, "a")`` is ``int | str``. A call
of an async task counts as a coroutine; a form that evaluates it gives what it is awaited for.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    overload,
)

from redunlite.task import SchedulerTask, Task

if TYPE_CHECKING:
    from redunlite.control import Thread

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
E = TypeVar("E", bound=BaseException)
F = TypeVar("F", bound=Task[..., Any])
P = ParamSpec("P")
X = TypeVar("X", bound=BaseException)
GivenT = TypeVar("GivenT", contravariant=True)
ResultT = TypeVar("ResultT", covariant=True)

Awaited: TypeAlias = Coroutine[Any, Any, A]
"""A call of an async task."""

Errors: TypeAlias = type[E] | tuple[type[E], ...]
"""The exceptions that a handler takes."""

Tags: TypeAlias = Sequence[tuple[str, Any]]
"""Keys and values."""


def shown_as(kind: type[F]) -> Callable[[Any], F]:
    """Return a decorator that leaves a task as it is, and lets type checkers take it for a `kind`."""

    def decorate(made: Any) -> F:
        task: F = made
        return task

    return decorate


if TYPE_CHECKING:  # Python 3.10 refuses the dots
    AsyncTask: TypeAlias = Task[Concatenate[A, ...], Awaited[B]]
    """An async task that takes at least one argument.

    Told by its class: pyright (1.1.414) remembers of a task that did not fit a protocol in one overload
    that it fits it in none, so no form may ask for `OneArgumentTask` with different results.
    """


class OneArgumentTask(Protocol[GivenT, ResultT]):
    """A task that can be called with one argument; a function that is no task does not fit."""

    @property
    def fullname(self) -> str:
        """Namespace and name."""

    def __call__(self, value: GivenT, /) -> ResultT:
        """Return the expression of a call."""


class Cond(SchedulerTask[..., Any]):
    """`cond`."""

    if TYPE_CHECKING:

        @overload
        def __call__(self, condition: Any, then: A, /) -> A: ...

        @overload
        def __call__(self, condition: Any, then: A, otherwise: B, /) -> A | B: ...

        @overload
        def __call__(
            self, condition: Any, then: A, condition2: Any, then2: B, otherwise: C, /
        ) -> A | B | C: ...

        @overload
        def __call__(
            self, condition: Any, then: Any, condition2: Any, then2: Any, /, *rest: Any
        ) -> Any: ...

        def __call__(self, *clauses: Any) -> Any:
            """Return the expression of a call."""


class Catch(SchedulerTask[..., Any]):
    """`catch`."""

    if TYPE_CHECKING:

        @overload
        def __call__(
            self, expression: Awaited[A], error: Errors[E], recover: OneArgumentTask[E, B], /
        ) -> A | B: ...

        @overload
        def __call__(
            self, expression: A, error: Errors[E], recover: OneArgumentTask[E, B], /
        ) -> A | B: ...

        @overload
        def __call__(
            self,
            expression: A,
            error: Errors[E],
            recover: OneArgumentTask[E, B],
            error2: Errors[X],
            recover2: OneArgumentTask[X, C],
            /,
        ) -> A | B | C: ...

        @overload
        def __call__(
            self,
            expression: Any,
            error: Errors[E],
            recover: OneArgumentTask[E, Any],
            error2: Errors[X],
            recover2: OneArgumentTask[X, Any],
            error3: Any,
            recover3: Any,
            /,
            *rest: Any,
        ) -> Any: ...

        def __call__(self, expression: Any, *handlers: Any) -> Any:
            """Return the expression of a call."""


class CatchAll(SchedulerTask[..., Any]):
    """`catch_all`."""

    if TYPE_CHECKING:

        @overload
        def __call__(self, exprs: list[Awaited[A]], error_class: Any = None) -> list[A]: ...

        @overload
        def __call__(self, exprs: A, error_class: Any = None) -> A: ...

        @overload
        def __call__(
            self, exprs: list[Awaited[A]], error_class: Errors[E], recover: OneArgumentTask[Any, B]
        ) -> list[A] | B: ...

        @overload
        def __call__(
            self, exprs: A, error_class: Errors[E], recover: OneArgumentTask[Any, B]
        ) -> A | B: ...

        def __call__(self, exprs: Any, error_class: Any = None, recover: Any = None) -> Any:
            """Return the expression of a call."""


class Tagging(SchedulerTask[..., Any]):
    """`apply_tags`."""

    if TYPE_CHECKING:

        @overload
        def __call__(
            self,
            value: Awaited[A],
            tags: Tags = (),
            job_tags: Tags = (),
            execution_tags: Tags = (),
        ) -> A: ...

        @overload
        def __call__(
            self, value: A, tags: Tags = (), job_tags: Tags = (), execution_tags: Tags = ()
        ) -> A: ...

        def __call__(
            self, value: Any, tags: Tags = (), job_tags: Tags = (), execution_tags: Tags = ()
        ) -> Any:
            """Return the expression of a call."""


class ForkThread(SchedulerTask[..., Any]):
    """`fork_thread`."""

    if TYPE_CHECKING:

        @overload
        def __call__(self, expr: Awaited[A]) -> Thread[A]: ...

        @overload
        def __call__(self, expr: A) -> Thread[A]: ...

        def __call__(self, expr: Any) -> Any:
            """Return the expression of a call."""


class JoinThread(SchedulerTask[..., Any]):
    """`join_thread`."""

    if TYPE_CHECKING:

        def __call__(self, thread: Thread[A]) -> A:
            """Return the expression of a call."""


class Map(SchedulerTask[..., Any]):
    """`map_`."""

    if TYPE_CHECKING:

        @overload
        def __call__(self, a_task: AsyncTask[A, B], values: Iterable[A]) -> list[B]: ...

        @overload
        def __call__(self, a_task: OneArgumentTask[A, B], values: Iterable[A]) -> list[B]: ...

        def __call__(self, a_task: Any, values: Any) -> Any:
            """Return the expression of a call."""


class StarMap(SchedulerTask[..., Any]):
    """`starmap`."""

    if TYPE_CHECKING:

        @overload
        def __call__(
            self, a_task: Task[..., Awaited[B]], kwargs: Iterable[Mapping[str, Any]] = ()
        ) -> list[B]: ...

        @overload
        def __call__(
            self, a_task: Task[..., B], kwargs: Iterable[Mapping[str, Any]] = ()
        ) -> list[B]: ...

        def __call__(self, a_task: Any, kwargs: Any = ()) -> Any:
            """Return the expression of a call."""


class Seq(SchedulerTask[..., Any]):
    """`seq`."""

    if TYPE_CHECKING:

        @overload
        def __call__(self, expressions: Iterable[Awaited[A]]) -> list[A]: ...

        @overload
        def __call__(self, expressions: Iterable[A]) -> list[A]: ...

        def __call__(self, expressions: Any) -> Any:
            """Return the expression of a call."""


class Zip(Task[..., Any]):
    """`zip_`."""

    if TYPE_CHECKING:

        @overload
        def __call__(self, list1: Iterable[A], /) -> list[tuple[A]]: ...

        @overload
        def __call__(self, list1: Iterable[A], list2: Iterable[B], /) -> list[tuple[A, B]]: ...

        @overload
        def __call__(
            self, list1: Iterable[A], list2: Iterable[B], list3: Iterable[C], /
        ) -> list[tuple[A, B, C]]: ...

        @overload
        def __call__(self, *lists: Iterable[Any]) -> list[tuple[Any, ...]]: ...

        def __call__(self, *lists: Any) -> Any:
            """Return the expression of a call."""


class ApplyFunc(Task[..., Any]):
    """`apply_func`."""

    if TYPE_CHECKING:

        def __call__(self, func: Callable[P, A], /, *args: P.args, **kwargs: P.kwargs) -> A:
            """Return the expression of a call."""
