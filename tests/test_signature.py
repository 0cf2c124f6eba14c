"""Parameters and binding, compared with `inspect`."""

from __future__ import annotations

import functools
import inspect

import pytest

from redunlite.signature import MISSING, Parameters


def plain(a, b, c): ...


def defaults(a, b=2, *, k=3, m): ...


def variadic(a, /, b, *rest, k=1, **more): ...


def nothing(): ...


@functools.wraps(plain)
def wrapped(*args, **kwargs): ...


@pytest.mark.parametrize("function", [plain, defaults, variadic, nothing, wrapped, "x".join])
def test_parameters_are_those_of_inspect(function):
    """Names, kinds and defaults agree with the standard library."""
    found = Parameters(function)
    expected = inspect.signature(function).parameters.values()

    assert found.names == tuple(p.name for p in expected)
    assert found.kinds == tuple(int(p.kind) for p in expected)
    assert found.defaults == tuple(MISSING if p.default is p.empty else p.default for p in expected)


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (plain, (1, 2, 3), {}),
        (plain, (1,), {"c": 3, "b": 2}),
        (defaults, (1,), {"m": 4}),
        (defaults, (1, 5), {"m": 4, "k": 6}),
        (variadic, (1, 2, 3, 4), {"z": 1, "y": 2, "k": 5}),
        (variadic, (1,), {"b": 2, "a": 9}),
        (nothing, (), {}),
    ],
)
def test_binding_agrees_with_inspect(function, args, kwargs):
    """Every good call is bound as Python binds it, extra keywords in the order of the call."""
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()

    found = Parameters(function).bind(args, kwargs)

    assert [repr(value) for value in bound.arguments.values()] == [repr(value) for value in found]


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (plain, (1, 2), {}),
        (plain, (1, 2, 3, 4), {}),
        (plain, (1, 2, 3), {"a": 1}),
        (plain, (1, 2), {"d": 1}),
        (defaults, (1,), {}),
        (variadic, (), {"a": 1, "b": 2}),
        (nothing, (1,), {}),
    ],
)
def test_bad_calls_are_type_errors(function, args, kwargs):
    """Whatever Python refuses is refused."""
    with pytest.raises(TypeError):
        function(*args, **kwargs)
    with pytest.raises(TypeError):
        Parameters(function).bind(args, kwargs)


def test_split_gives_back_the_call():
    """A bound call is split into the positional and keyword arguments that make it."""
    parameters = Parameters(variadic)
    bound = parameters.bind((1, 2, 3), {"z": 5})

    assert parameters.split(bound) == ([1, 2, 3], {"k": 1, "z": 5})


def test_nearest_name_is_one_that_can_be_given() -> None:
    """The names of ``*args`` and positional-only parameters cannot."""

    def f(*values: int) -> None: ...

    with pytest.raises(TypeError, match=r"has no argument 'value'$"):
        Parameters(f).bind((), {"value": 1})
