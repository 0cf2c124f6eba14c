"""How special forms are called, for type checkers: one class a form, with its overloads.

Decided here: which type a checker gives to a call of a form, from the types of its arguments. Not
here: what the forms do (`control`, `functools`). No state.

An expression counts as the value that it stands for, so ``cond(x, 1, "a")`` is ``int | str``. A call
of an async task counts as a coroutine; a form that evaluates it gives what it is awaited for.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, overload

from redunlite.task import SchedulerTask

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
E = TypeVar("E", bound=BaseException)
X = TypeVar("X", bound=BaseException)
GivenT = TypeVar("GivenT", contravariant=True)
ResultT = TypeVar("ResultT", covariant=True)

Awaited: TypeAlias = Coroutine[Any, Any, A]
"""A call of an async task."""

Errors: TypeAlias = type[E] | tuple[type[E], ...]
"""The exceptions that a handler takes."""


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


class Map(SchedulerTask[..., Any]):
    """`map_`."""

    if TYPE_CHECKING:

        @overload
        def __call__(
            self, a_task: OneArgumentTask[A, Awaited[B]], values: Iterable[A]
        ) -> list[B]: ...

        @overload
        def __call__(self, a_task: OneArgumentTask[A, B], values: Iterable[A]) -> list[B]: ...

        def __call__(self, a_task: Any, values: Any) -> Any:
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
