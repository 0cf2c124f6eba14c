"""Expressions: what is lazy, what is refused, and their recorded form."""

from __future__ import annotations

import bisect
import copy
import functools
import json
import math
import operator
import os
import random
import statistics
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from redunlite import Scheduler, task
from redunlite.expression import decode_expression, encode_result
from redunlite.kinds import ValueRef
from redunlite.valuestore import ValueStore

redun_namespace = "test_expression"


@task()
def give(x):
    return x


@task()
def add(a, b=10, *rest, k=1):
    return (a, b, rest, k)


class Box:
    """A user's class with attributes and methods."""

    def __init__(self, size):
        self.size = size

    def grown(self, by, *, twice=False):
        return self.size + by * (2 if twice else 1)

    def __matmul__(self, other):
        return ("matmul", self.size, other)


@task()
def make_box(size):
    return Box(size)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda e: e == 7, True),
        (lambda e: e != 7, False),
        (lambda e: e < 8, True),
        (lambda e: e <= 6, False),
        (lambda e: e > 6, True),
        (lambda e: e >= 8, False),
        (lambda e: e + 1, 8),
        (lambda e: 1 + e, 8),
        (lambda e: e - 1, 6),
        (lambda e: 10 - e, 3),
        (lambda e: e * 2, 14),
        (lambda e: 2 * e, 14),
        (lambda e: e / 2, 3.5),
        (lambda e: 14 / e, 2.0),
        (lambda e: e // 2, 3),
        (lambda e: 15 // e, 2),
        (lambda e: e % 4, 3),
        (lambda e: 15 % e, 1),
        (lambda e: e**2, 49),
        (lambda e: 2**e, 128),
        (lambda e: e << 1, 14),
        (lambda e: 1 << e, 128),
        (lambda e: e >> 1, 3),
        (lambda e: e ^ 2, 5),
        (lambda e: 2 ^ e, 5),
        (lambda e: e & 2, 2),
        (lambda e: e | 9, 7),
        (lambda e: 0 & e, 0),
        (lambda e: -e, -7),
        (lambda e: +e, 7),
        (lambda e: ~e, -8),
        (lambda e: abs(e - 10), 3),
        (lambda e: round(e / 2), 4),
        (lambda e: divmod(e, 4), (1, 3)),
        (lambda e: divmod(15, e), (2, 1)),
        (lambda e: pow(e, 2), 49),
        (lambda e: pow(e, 2, 5), 4),
        (lambda e: round(e / 3, 2), 2.33),
        (lambda e: math.floor(e / 2), 3),
        (lambda e: math.ceil(e / 2), 4),
        (lambda e: math.trunc(e / -2), -3),
        (lambda e: sum([e, e]), 14),
        (lambda e: functools.reduce(operator.mul, [e, e, 2]), 98),
    ],
)
def test_operators_are_lazy(scheduler: Scheduler, make, expected):
    """Every operator on an expression gives what it gives on the value."""
    actual = scheduler.run(make(give(7)))

    assert actual == expected
    assert type(actual) is type(expected)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda e: e[1], 20),
        (lambda e: e[-1], 40),
        (lambda e: e[1:], [20, 30, 40]),
        (lambda e: e[:-1], [10, 20, 30]),
        (lambda e: e[-2:], [30, 40]),
        (lambda e: e[::2], [10, 30]),
        (lambda e: e[::-1], [40, 30, 20, 10]),
        (lambda e: e.index(30), 2),
        (lambda e: e[give(2)], 30),
    ],
)
def test_items_slices_and_methods_are_lazy(scheduler: Scheduler, make, expected):
    """Items, open and negative slices and method calls are evaluated later."""
    actual = scheduler.run(make(give([10, 20, 30, 40])))

    assert actual == expected


def test_attributes_and_methods_of_users_objects_are_lazy(scheduler: Scheduler):
    """Attributes, method calls with expressions and @ reach the user's object."""
    box = make_box(3)
    actual = scheduler.run([box.size, box.grown(give(4), twice=True), box @ 5])

    assert actual == [3, 11, ("matmul", 3, 5)]


def _same(expected, actual):
    if isinstance(expected, (pd.DataFrame, pd.Series, np.ndarray)):
        return np.array_equal(expected, actual) and getattr(expected, "dtype", 0) == getattr(
            actual, "dtype", 0
        )
    return bool(expected == actual)


ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv,
              operator.mod, operator.pow, operator.eq, operator.ne, operator.lt]  # fmt: skip


@pytest.mark.parametrize(
    "left",
    [
        np.array([1.0, 2.0]),
        np.array([[1, 2]]),
        np.array(2.0),
        np.float64(2),
        np.int64(2),
        pd.Series([1.0, 2.0]),
        pd.DataFrame({"a": [1, 2]}),
        Decimal(2),
        Fraction(1, 2),
        2.5,
    ],
    ids=lambda left: type(left).__name__ + str(getattr(left, "shape", "")),
)
def test_operators_leave_a_value_on_the_left_as_it_is(scheduler: Scheduler, left):
    """`value + expression` is lazy and gives value and type of the plain one, on either side."""
    for apply in ARITHMETIC:
        if apply is operator.pow and type(left) is Fraction:
            continue  # of its own: `test_fraction_to_an_unknown_power_is_exact_or_refused`
        expected = [apply(left, 3), apply(3, left)]
        actual = scheduler.run([apply(left, give(3)), apply(give(3), left)])

        assert list(map(type, expected)) == list(map(type, actual))
        assert all(map(_same, expected, actual)), apply


def test_fraction_to_an_unknown_power_is_exact_or_refused(scheduler: Scheduler):
    """A Fraction is not made a float on the way, as it is until Python 3.12."""
    try:
        power = Fraction(1, 2) ** give(3)
    except TypeError as error:
        assert "test_expression.give" in str(error)
    else:
        actual = scheduler.run(power)

        assert (actual, type(actual)) == (Fraction(1, 8), Fraction)


@pytest.mark.parametrize(
    ("make", "value", "expected"),
    [
        (lambda e: np.array([1.0, 2.0]) * e, np.array([3.0, 4.0]), np.array([3.0, 8.0])),
        (lambda e: np.array([1.0, 2.0]) @ e, np.array([3.0, 4.0]), np.float64(11)),
        (lambda e: np.array([True, False]) ^ e, True, np.array([False, True])),
        (lambda e: Path("a") / e, "b", Path("a/b")),
        (lambda e: "a" + e, "b", "ab"),
        (lambda e: "ab" * e, 2, "abab"),
        (lambda e: b"a" + e, b"b", b"ab"),
        (lambda e: [1] + e, [2], [1, 2]),
        (lambda e: [1] * e, 2, [1, 1]),
        (lambda e: (1,) + e, (2,), (1, 2)),
        (lambda e: {1, 2} - e, {1}, {2}),
        (lambda e: {1, 2} ^ e, {1}, {2}),
        (lambda e: {1, 2} < e, {1, 2, 3}, True),
        (lambda e: Counter("aab") - e, Counter("a"), Counter("ab")),
        (lambda e: datetime(2020, 1, 2) - e, timedelta(1), datetime(2020, 1, 1)),
        (lambda e: date(2020, 1, 2) + e, timedelta(1), date(2020, 1, 3)),
        (lambda e: datetime(2020, 1, 2) < e, datetime(2020, 1, 3), True),
        (lambda e: timedelta(2) / e, 2, timedelta(1)),
        (lambda e: pd.Timestamp("2020-01-02") - e, pd.Timedelta("1D"), pd.Timestamp("2020-01-01")),
        (lambda e: np.datetime64("2020-01-02") - e, np.timedelta64(1, "D"), np.datetime64("2020-01-01")),
        (lambda e: [e] * 2, 7, [7, 7]),
        (lambda e: {"k": e}, 7, {"k": 7}),
    ],
)  # fmt: skip
def test_operators_with_values_of_other_kinds_are_lazy(scheduler: Scheduler, make, value, expected):
    """Paths, text, containers, times and arrays on the left leave the operator to the expression."""
    actual = scheduler.run(make(give(value)))

    assert type(expected) is type(actual)
    assert _same(expected, actual)


def _match_class(e):
    match e:
        case int():
            return True
    return False


def _match_attribute(e):
    match e:
        case Box(size=1):
            return True
    return False


def _match_value(e):
    match e:
        case 7:
            return True
    return False


def _assert(e):
    assert e


def _loop(e):
    while e:
        return True
    return False


@pytest.mark.parametrize(
    "use",
    [
        lambda e: 1 if e else 2,
        lambda e: e and 1,
        lambda e: e or 1,
        lambda e: 1 < e < 9,
        lambda e: [x for x in [1] if e],
        lambda e: (y := e) and y,
        _assert,
        _loop,
        lambda e: any([e]),
        lambda e: all([e]),
        lambda e: list(filter(None, [e])),
        lambda e: max([e, 1]),
        lambda e: sorted([e, e]),
        lambda e: bisect.bisect([1, 2], e),
        lambda e: statistics.median([e, e]),
        lambda e: [e] == [give(7)],
        lambda e: [e] != [7],
        lambda e: e in [give(7)],
        lambda e: e in (1, 7),
        lambda e: [1, 7].index(e),
        lambda e: [1, 7].remove(e),
        lambda e: {"k": e} == {"k": 7},
        lambda e: e in {1, 7},
        lambda e: e not in {1, 7},
        lambda e: e in {7: 1},
        lambda e: e in {give(7)},
        lambda e: {7: 1}[e],
        lambda e: {e: 1}[give(7)],
        lambda e: operator.not_(e),
        _match_class,
        _match_attribute,
        _match_value,
        lambda e: reversed(e),
        lambda e: list(zip(e, [1])),
        lambda e: print(*e),
        lambda e: operator.index(e),
        lambda e: range(e),
        lambda e: [1, 2][:e],
        lambda e: hex(e),
        lambda e: chr(e),
        lambda e: math.sqrt(e),
        lambda e: complex(e),
        lambda e: round(1.25, e),
        lambda e: "{}".format(e),  # noqa: UP032
        lambda e: "%s" % e,  # noqa: UP031
        lambda e: "%s" % (e,),  # noqa: UP031
        lambda e: print(e),
        lambda e: json.dumps([e], default=str),
        lambda e: open(e),  # noqa: SIM115
        lambda e: os.fspath(e),
        lambda e: Path(e),
        lambda e: Path("a").joinpath(e),
        lambda e: pd.read_csv(e),
        lambda e: copy.copy(e),
        lambda e: copy.deepcopy([e]),
        lambda e: random.choice(e),
        lambda e: [*e],
        lambda e: pd.DataFrame({"a": [1]}) @ e,
        lambda e: np.sin(e),
        lambda e: np.add([1.0], e),
        lambda e: np.sum(e),
        lambda e: np.mean([e, 1]),
        lambda e: np.dot([1.0], e),
        lambda e: np.array(e),
        lambda e: np.array([e]),
        lambda e: np.array([e], dtype=object),
        lambda e: np.array_equal([7], e),
        lambda e: np.concatenate([[1], e]),
        lambda e: np.full(2, e, float),
        lambda e: np.float64(e),
        lambda e: np.array([1, 2])[e],
        lambda e: pd.Series(e),
    ],
)
def test_questions_that_need_the_value_are_refused(use):
    """Whatever would answer from the expression itself is a TypeError with the task and a way out."""
    with pytest.raises(TypeError, match=r"test_expression\.give") as caught:
        use(give(7))

    assert ";" in str(caught.value)


def test_expressions_are_keys_and_members(scheduler: Scheduler):
    """A dict or a set may be built of expressions, however it is built; those are found by identity."""
    e, other = give(1), give(2)
    table = {e: 1, other: 2}
    filled = defaultdict(list, {e: [3]})
    filled[other] = 4
    members = {e, other, *[give(3)]}
    members.add(e)

    assert scheduler.run([table, dict(filled), members, frozenset([e, other])]) == [
        {1: 1, 2: 2}, {1: [3], 2: 4}, {1, 2, 3}, frozenset([1, 2])
    ]  # fmt: skip


@pytest.mark.parametrize(
    "use",
    [
        lambda e: bool(e),
        lambda e: not e,
        lambda e: list(e),
        lambda e: len(e),
        lambda e: int(e),
        lambda e: float(e),
        lambda e: 3 in e,
        lambda e: f"{e}",
        lambda e: format(e, ">10"),
        lambda e: str(e),
        lambda e: [1, 2][e],
        lambda e: e.__setitem__(0, 1),
        lambda e: e.__delitem__(0),
        lambda e: setattr(e, "x", 1),
        lambda e: delattr(e, "x"),
        lambda e: max(e, 3),
    ],
)
def test_what_cannot_be_lazy_is_refused_with_the_tasks_name(use):
    """A refusal is a TypeError that names the task and a way out."""
    with pytest.raises(TypeError, match=r"test_expression\.give") as caught:
        use(give(7))

    assert ";" in str(caught.value)


def test_with_statement_is_refused():
    """An expression is no context manager."""
    with pytest.raises(TypeError, match="with"), give(7):
        pass


def test_unpacking_works_when_the_length_is_known(scheduler: Scheduler):
    """`nout` and a tuple annotation make an expression iterable."""

    @task(nout=2)
    def pair():
        return [1, 2]

    @task()
    def annotated() -> tuple[int, str]:
        return (3, "four")

    a, b = pair()
    c, d = annotated()

    assert scheduler.run([a, b, c, d]) == [1, 2, 3, "four"]


def test_nout_that_does_not_hold_is_an_error(scheduler: Scheduler):
    """A result longer than nout is not cut silently."""

    @task(nout=2)
    def three():
        return [1, 2, 3]

    a, _ = three()
    with pytest.raises(ValueError, match="promises 2 results"):
        scheduler.run(a)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: give(), "missing required argument: 'x'"),
        (lambda: give(1, 2), "takes 1 positional"),
        (lambda: give(y=1), "no argument 'y'"),
        (lambda: give(1, x=1), "multiple values"),
    ],
)
def test_calls_that_cannot_be_bound_fail_where_they_are_written(call, message):
    """Wrong arguments raise at the call, not later in a job."""
    with pytest.raises(TypeError, match=message):
        call()


def test_variadic_arguments_reach_the_function(scheduler: Scheduler):
    """Extra positional and keyword-only arguments, with expressions among them, arrive."""
    assert scheduler.run(add(give(6), 9, give(1), 2, k=3)) == (6, 9, (1, 2), 3)


def test_deep_graphs_have_a_short_repr():
    """The text of a chain of expressions is bounded and costs no recursion."""
    chain = give(0)
    for _ in range(50_000):
        chain = give(chain)

    assert len(repr(chain)) < 1000

    chain = give(0)
    for _ in range(50_000):
        chain = give([chain])

    assert len(repr(chain)) < 1000


def test_recorded_form_keeps_sharing_and_order(tmp_path):
    """What is decoded has the same graph: an expression used twice stays one object."""
    store = ValueStore(str(tmp_path))
    shared = give(1)
    value = [shared, {"k": (shared, 2)}, add(shared, b=[3, 4])]
    ref, tasks = encode_result(value, [], {}, store)
    live = [give if t.fullname.endswith("give") else add for t in tasks]
    back = decode_expression(ref.data, live, store)

    assert back[0] is back[1]["k"][0]
    assert back[2]._args[0] is back[0]
    assert isinstance(back[2]._kwargs["b"], ValueRef)
    store.close()


def test_recorded_form_of_a_deep_chain_costs_no_recursion(tmp_path):
    """50,000 nested calls are written down and read back."""
    store = ValueStore(str(tmp_path))
    chain = give(0)
    for _ in range(50_000):
        chain = give(chain)
    ref, _ = encode_result(chain, [], {}, store)
    back = decode_expression(ref.data, [give], store)
    depth = 0
    while not isinstance(back, int):
        back = back._args[0]
        depth += 1

    assert depth == 50_001
    store.close()


def test_recorded_form_hashes_sharing():
    """`[x, x]` and `[rand(), rand()]` have different hashes; equal graphs have equal ones."""
    store = ValueStore(None)
    x = give(1)
    one, _ = encode_result([x, x], [], {}, store)
    two, _ = encode_result([give(1), give(1)], [], {}, store)
    three, _ = encode_result([give(1), give(1)], [], {}, store)

    assert one.token != two.token
    assert two.token == three.token
    store.close()


def test_recorded_form_tells_which_arguments_were_passed_on():
    """An argument of the enclosing call that is passed on is marked by its place, by identity."""
    store = ValueStore(None)
    greet, other = "Hello there", "Hello " + "there"[:5]
    ref, _ = encode_result(add(greet, other), [greet], {}, store)
    back = decode_expression(ref.data, [add], store)

    assert back._origins == {0: 0}
    store.close()
