"""Operators on known values: what is decoded, how often, and promised numbers of results."""

from __future__ import annotations

from typing import Any

import pytest

from redunlite import serialize, task
from redunlite.operators import Operators
from redunlite.valuestore import ValueStore


class Counted:
    """Counts how often it is decoded."""

    n_decoded = 0

    def __init__(self) -> None:
        self.name = "x"

    def __setstate__(self, state: Any) -> None:
        self.__dict__ = state
        type(self).n_decoded += 1


@task(namespace="operators", nout=2)
def pair(x: int) -> Any:
    return [x, x]


@task(namespace="operators")
def value() -> Any:
    return None


@pytest.fixture
def store():
    return ValueStore(None)


def apply(store: Any, expression: Any, *operands: Any) -> Any:
    refs = [serialize.encode(operand, store) for operand in operands]
    return Operators(store).apply(expression, refs)


def test_call_of_a_value_takes_places_and_names(store):
    """A value that is a function gets positional and keyword operands as they were written."""
    expression = value()(1, 2, c=3)
    refs = [1, 2, 3]
    function = serialize.encode(_join, store)
    assert Operators(store).apply(expression, [function, *refs]) == (1, 2, 3)


def _join(a: int, b: int, c: int) -> tuple[int, int, int]:
    return a, b, c


def test_parts_of_one_value_are_taken_out_of_one_decoded_object(store):
    """Three looks into one result decode it once."""
    ref = serialize.encode(Counted(), store)
    operators = Operators(store)
    before = Counted.n_decoded
    for _ in range(3):
        assert operators.apply(value().name, [ref, "name"]) == "x"
    assert Counted.n_decoded == before + 1


def test_other_number_of_results_than_promised_is_an_error(store):
    """`nout=2` and three results: the error names the task and both numbers."""
    with pytest.raises(ValueError, match=r"'operators.pair' promises 2 results and returned 3"):
        apply(store, pair(1)[0], [1, 2, 3], 0)
    assert apply(store, pair(1)[0], [1, 2], 0) == 1
