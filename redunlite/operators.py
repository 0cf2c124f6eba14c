"""Operators on values that are known: what a `SimpleExpression` comes to.

Decided here: which operands are decoded, and that a call gives as many results as it promises. State:
the latest value looked into, so that the parts of one are taken out of one decoded object.
"""

from __future__ import annotations

from typing import Any

from redunlite import serialize
from redunlite.expression import OPERATORS, SimpleExpression, TaskExpression
from redunlite.kinds import ValueRef
from redunlite.valuestore import ValueStore

LOOKING = ("getitem", "getslice", "getattr", "unpack")
"""Operators that only look into their first operand."""


class Operators:
    """Applies the operators of one run."""

    def __init__(self, store: ValueStore) -> None:
        self._store = store
        self._latest: tuple[ValueRef | None, Any] = (None, None)

    def apply(self, expression: SimpleExpression, values: list[Any]) -> Any:
        """Return what an operator gives for its operands, which are scalars and `ValueRef`s."""
        name = expression._operator
        if name in LOOKING:
            looked_into = self._peek(values[0])
            if name in ("getitem", "unpack"):
                _check_unpacked(expression, looked_into)
            return OPERATORS[name](looked_into, *map(self._decode, values[1:]))
        live = list(map(self._decode, values))
        if name == "call":
            _, args, kwargs = expression._operands
            n = len(args) + 1
            return live[0](*live[1:n], **dict(zip(kwargs, live[n:])))
        return OPERATORS[name](*live)

    def _decode(self, value: Any) -> Any:
        return serialize.decode(value, self._store) if type(value) is ValueRef else value

    def _peek(self, value: Any) -> Any:
        """Return a decoded value for reading only."""
        if type(value) is not ValueRef:
            return value
        if self._latest[0] is not value:
            self._latest = (value, serialize.decode(value, self._store))
        return self._latest[1]


def _check_unpacked(expression: SimpleExpression, value: Any) -> None:
    """Raise `ValueError` when a call gave another number of results than it promises.

    What an annotation promises counts only where somebody has unpacked the call.
    """
    source = expression._operands[0]
    if type(source) is TaskExpression:
        nout = source._task.options_for_call().get("nout")
        if expression._operator == "unpack":
            nout = expression._operands[2]
        if nout is not None:
            check_length(source._task.fullname, nout, value)


def check_length(fullname: str, nout: int, value: Any) -> None:
    """Raise `ValueError` when what a task gave is not `nout` results."""
    found: Any
    try:
        found = len(value)
    except TypeError:
        found = f"one of class {type(value).__qualname__}"
    if found != nout:
        raise ValueError(f"task {fullname!r} promises {nout} results and returned {found}")
