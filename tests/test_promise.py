"""Promises: values and errors reach whoever waits, in any order and depth."""

from __future__ import annotations

import pytest

from redunlite.promise import Promise, wait_promises


def test_then_takes_the_value_before_and_after():
    """Who asks before and who asks after the value is known both get it."""
    promise: Promise[int] = Promise()
    before = promise.then(lambda x: x + 1)

    assert before.is_pending
    promise.do_resolve(1)

    assert before.value == 2
    assert promise.then(lambda x: x + 2).value == 3


def test_errors_pass_until_they_are_caught():
    """What is raised passes those without a rejector; a caught one is a value again."""

    def refuse(value):
        raise KeyError(value)

    promise = Promise(lambda resolve, reject: resolve(1))
    failed = promise.then(refuse).then(lambda x: x)

    assert isinstance(failed.error, KeyError)
    with pytest.raises(KeyError):
        _ = failed.value
    assert failed.catch(lambda error: "caught").value == "caught"


def test_a_promise_is_settled_once():
    """The first value or error stays."""
    promise: Promise[int] = Promise()
    promise.do_resolve(1)
    promise.do_reject(ValueError())
    promise.do_resolve(2)

    assert promise.value == 1 and promise.is_fulfilled


def test_a_promise_of_a_promise_is_followed():
    """What `then` returns may be a promise."""
    inner: Promise[int] = Promise()
    outer = Promise(lambda resolve, reject: resolve(0)).then(lambda _: inner)

    assert outer.is_pending
    inner.do_resolve(5)

    assert outer.value == 5


def test_all_waits_for_all_and_fails_with_the_first():
    """`all` keeps the order; one error is enough."""
    first, second = Promise(), Promise()
    both = Promise.all([first, second])
    second.do_resolve(2)
    first.do_resolve(1)

    assert both.value == [1, 2]
    assert Promise.all([]).value == []
    broken = Promise.all([Promise(), Promise(lambda resolve, reject: reject(OSError()))])
    assert isinstance(broken.error, OSError)


def test_wait_promises_minds_no_errors():
    """It is over when all are settled, whatever they came to."""
    good, bad = Promise(), Promise()
    waited = wait_promises([good, bad])
    bad.do_reject(ValueError())
    assert waited.is_pending
    good.do_resolve(1)

    assert waited.value == [good, bad]
    assert wait_promises([]).value == []


def test_a_chain_of_any_length_needs_no_stack():
    """100,000 promises in a row are resolved without recursion."""
    first: Promise[int] = Promise()
    last = first
    for _ in range(100_000):
        last = last.then(lambda x: x + 1)
    first.do_resolve(0)

    assert last.value == 100_000


def test_constructor_takes_what_its_function_raises():
    """An exception in the function is the promise's error."""

    def broken(resolve, reject):
        raise ValueError("x")

    assert isinstance(Promise(broken).error, ValueError)
    with pytest.raises(ValueError, match="pending"):
        _ = Promise().value
