"""Promises: what a user's own scheduler task returns, and what `scheduler.evaluate` gives it.

Decided here: how a value or an error reaches whoever waits for it. Not here: what is evaluated
(`engine`). Single-threaded; callbacks run one after another from one list, so that a chain of any
length needs no Python stack. State: that list.

>>> promise = Promise()
>>> doubled = promise.then(lambda value: 2 * value)
>>> promise.do_resolve(21)
>>> doubled.value
42
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_PENDING, _FULFILLED, _REJECTED = range(3)


class Promise(Generic[T]):
    """A value that will be known, or an error that will be raised.

    Parameters
    ----------
    func
        Called at once with two functions, one that takes the value and one that takes the error.
    """

    def __init__(
        self,
        func: Callable[[Callable[[T], Any], Callable[[BaseException], Any]], Any] | None = None,
    ) -> None:
        self._state = _PENDING
        self._value: Any = None
        self._error: BaseException | None = None
        self._waiters: list[Callable[[], None]] = []
        if func is not None:
            try:
                func(self.do_resolve, self.do_reject)
            except Exception as error:  # the function is the user's
                self.do_reject(error)

    @property
    def is_pending(self) -> bool:
        """Whether neither value nor error is known."""
        return self._state == _PENDING

    @property
    def is_fulfilled(self) -> bool:
        """Whether the value is known."""
        return self._state == _FULFILLED

    @property
    def is_rejected(self) -> bool:
        """Whether it came to an error."""
        return self._state == _REJECTED

    @property
    def value(self) -> T:
        """The value.

        Raises
        ------
        BaseException
            The error it came to.
        ValueError
            When it is pending.
        """
        if self._error is not None:
            raise self._error
        if self.is_pending:
            raise ValueError("the promise is pending: its value is not known yet")
        value: T = self._value
        return value

    @property
    def error(self) -> BaseException | None:
        """The error it came to, or None."""
        return self._error

    def do_resolve(self, value: T | Promise[T]) -> None:
        """Settle it with a value; with another promise's, when `value` is one.

        A promise that is settled stays as it is.
        """
        if self._state != _PENDING:
            return
        if isinstance(value, Promise):
            value.then(self.do_resolve, self.do_reject)
            return
        self._state, self._value = _FULFILLED, value
        self._tell()

    def do_reject(self, error: BaseException) -> None:
        """Settle it with an error. A promise that is settled stays as it is."""
        if self._state != _PENDING:
            return
        self._state, self._error = _REJECTED, error
        self._tell()

    def then(
        self,
        resolver: Callable[[T], Any] | None = None,
        rejector: Callable[[BaseException], Any] | None = None,
    ) -> Promise[Any]:
        """Return the promise of what `resolver` makes of the value, or `rejector` of the error.

        A value or error that nobody takes is passed on. What they return may be a promise; what they
        raise is the error of the new one.
        """
        made: Promise[Any] = Promise()

        def settle() -> None:
            take: Callable[[Any], Any] | None = resolver if self.is_fulfilled else rejector
            given: Any = self._value if self.is_fulfilled else self._error
            if take is None:
                (made.do_resolve if self.is_fulfilled else made.do_reject)(given)
                return
            try:
                made.do_resolve(take(given))
            except Exception as error:  # the callback is the user's
                made.do_reject(error)

        self._waiters.append(settle)
        if not self.is_pending:
            self._tell()
        return made

    def catch(self, rejector: Callable[[BaseException], Any]) -> Promise[Any]:
        """Return the promise of the value, or of what `rejector` makes of the error."""
        return self.then(None, rejector)

    @classmethod
    def all(cls, promises: Iterable[Promise[T]]) -> Promise[list[T]]:
        """Return the promise of all values, in order; of the first error, when there is one."""
        waiting = list(promises)
        made: Promise[list[T]] = Promise()
        values: list[Any] = [None] * len(waiting)
        n_left = len(waiting)

        def make_taker(i: int) -> Callable[[T], None]:
            def take(value: T) -> None:
                nonlocal n_left
                values[i] = value
                n_left -= 1
                if not n_left:
                    made.do_resolve(values)

            return take

        if not waiting:
            made.do_resolve(values)
        for i, promise in enumerate(waiting):
            promise.then(make_taker(i), made.do_reject)
        return made

    def _tell(self) -> None:
        waiters, self._waiters = self._waiters, []
        _due.extend(waiters)
        _run_due()

    def __repr__(self) -> str:
        if self.is_pending:
            return "Promise(pending)"
        return f"Promise({self._value!r})" if self.is_fulfilled else f"Promise({self._error!r})"


def wait_promises(promises: Iterable[Promise[T]]) -> Promise[list[Promise[T]]]:
    """Return the promise that all of them are settled, whatever they came to."""
    waiting = list(promises)
    made: Promise[list[Promise[T]]] = Promise()
    n_left = len(waiting)

    def count(_: Any) -> None:
        nonlocal n_left
        n_left -= 1
        if not n_left:
            made.do_resolve(waiting)

    if not waiting:
        made.do_resolve(waiting)
    for promise in waiting:
        promise.then(count, count)
    return made


_due: deque[Callable[[], None]] = deque()
_is_running = False


def _run_due() -> None:
    """Run what is due, unless somebody further up is at it."""
    global _is_running
    if _is_running:
        return
    _is_running = True
    try:
        while _due:
            _due.popleft()()
    finally:
        _is_running = False
