"""A function's parameters, and the binding of a call's arguments to them.

`f(1, 2)`, `f(1, b=2)` and `f(a=1, b=2)` are one call: every call is bound here to one value a
parameter, in the order of the parameters, before anything is hashed or run. Read straight from the
code object, because importing `inspect` costs as much as starting the interpreter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redunlite.errors import TaskDefinitionError, find_nearest

POSITIONAL_ONLY, POSITIONAL_OR_KEYWORD, VAR_POSITIONAL, KEYWORD_ONLY, VAR_KEYWORD = range(5)
"""Kinds of parameters, numbered as in `inspect`."""

_VARARGS, _VARKEYWORDS = 0x04, 0x08


class _Missing:
    """Marks a parameter without a default, or an argument that was not given."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()
_PLAIN = frozenset({_Missing, type(None), bool, int, float, str, bytes})


class OwnDefault:
    """Stands among the arguments of a call for the default that the function itself has."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> tuple[Any, ...]:
        return OwnDefault, (self.name,)


class Parameters:
    """The parameters of one function, ready to bind calls.

    Parameters
    ----------
    function
        Any callable; a decorated one is read through its ``__wrapped__``.
    n_skipped
        How many positional parameters at its head are none of the caller's.
    """

    __slots__ = (
        "defaults",
        "function_name",
        "has_objects",
        "is_plain",
        "kinds",
        "n_required",
        "names",
        "positions",
    )

    def __init__(self, function: Callable[..., Any], n_skipped: int = 0) -> None:
        self.function_name: str = getattr(function, "__name__", repr(function))
        names, kinds, defaults = _read_parameters(function)
        n_skipped = min(n_skipped, sum(kind <= POSITIONAL_OR_KEYWORD for kind in kinds))
        names, kinds, defaults = names[n_skipped:], kinds[n_skipped:], defaults[n_skipped:]
        self.names: tuple[str, ...] = names
        self.kinds: tuple[int, ...] = kinds
        self.defaults: tuple[Any, ...] = defaults
        """One a parameter; `MISSING` where there is none."""
        self.positions: dict[str, int] = {name: i for i, name in enumerate(names)}
        self.is_plain: bool = all(kind == POSITIONAL_OR_KEYWORD for kind in kinds)
        """Only ordinary parameters: a call with one positional argument each is bound as it is."""
        self.has_objects: bool = any(type(default) not in _PLAIN for default in defaults)
        """Whether some default is more than a plain scalar, so that which object it is may matter."""
        self.n_required: int = sum(
            default is MISSING and kind not in (VAR_POSITIONAL, VAR_KEYWORD)
            for default, kind in zip(defaults, kinds)
        )

    def check_call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise the `TypeError` that calling the function like this would raise."""
        self.bind(args, kwargs)

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Sequence[Any]:
        """Return one value a parameter; `args` itself when it is that already.

        A parameter that was not given has its default; ``*args`` is a tuple, ``**kwargs`` a dict in
        the order in which they were given.

        Raises
        ------
        TypeError
            When arguments are missing, doubled or unknown.
        """
        if self.is_plain and not kwargs and len(args) == len(self.names):
            return args
        bound: list[Any] = [MISSING] * len(self.names)
        n_used = 0
        for i, kind in enumerate(self.kinds):
            if kind <= POSITIONAL_OR_KEYWORD:
                if n_used < len(args):
                    bound[i] = args[n_used]
                    n_used += 1
            elif kind == VAR_POSITIONAL:
                bound[i] = tuple(args[n_used:])
                n_used = len(args)
        if n_used < len(args):
            raise TypeError(
                f"{self.function_name}() takes {self._n_positional()} positional arguments "
                f"but {len(args)} were given"
            )
        self._bind_keywords(bound, kwargs)
        missing = []
        for i, value in enumerate(bound):
            if value is MISSING:
                default = self.defaults[i]
                if default is MISSING:
                    missing.append(self.names[i])
                bound[i] = default
        if missing:
            listed = " and ".join(repr(name) for name in missing)
            plural = "s" if len(missing) > 1 else ""
            raise TypeError(f"{self.function_name}() missing required argument{plural}: {listed}")
        return bound

    def _bind_keywords(self, bound: list[Any], kwargs: Mapping[str, Any]) -> None:
        rest: dict[str, Any] = {}
        for name, value in kwargs.items():
            i = self.positions.get(name)
            kind = VAR_KEYWORD if i is None else self.kinds[i]
            if i is None or kind in (POSITIONAL_ONLY, VAR_POSITIONAL, VAR_KEYWORD):
                rest[name] = value
            elif bound[i] is not MISSING:
                raise TypeError(f"{self.function_name}() got multiple values for argument {name!r}")
            else:
                bound[i] = value
        if self.kinds and self.kinds[-1] == VAR_KEYWORD:
            bound[-1] = rest
        elif rest:
            name = next(iter(rest))
            named = (
                n
                for n, kind in zip(self.names, self.kinds)
                if kind in (POSITIONAL_OR_KEYWORD, KEYWORD_ONLY)
            )
            nearest = find_nearest(name, named)
            hint = f"; did you mean {nearest!r}?" if nearest else ""
            raise TypeError(f"{self.function_name}() has no argument {name!r}{hint}")

    def fill_in(self, args: list[Any], kwargs: dict[str, Any]) -> None:
        """Put the function's own defaults where `OwnDefault` stands for them."""
        for i, value in enumerate(args):
            if type(value) is OwnDefault:
                args[i] = self.defaults[self.positions[value.name]]
        for name, value in kwargs.items():
            if type(value) is OwnDefault:
                kwargs[name] = self.defaults[self.positions[value.name]]

    def name_of(self, key: int | str) -> str:
        """Return the parameter that takes the argument at a position, or of a name, in a call."""
        if isinstance(key, str):
            return key
        n_positional = self._n_positional()
        if key < n_positional:
            return self.names[
                [i for i, k in enumerate(self.kinds) if k <= POSITIONAL_OR_KEYWORD][key]
            ]
        return next((n for n, k in zip(self.names, self.kinds) if k == VAR_POSITIONAL), str(key))

    def _n_positional(self) -> int:
        return sum(kind <= POSITIONAL_OR_KEYWORD for kind in self.kinds)

    def split(self, bound: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional and keyword arguments that call the function with `bound`."""
        if self.is_plain:
            return list(bound), {}
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for name, kind, value in zip(self.names, self.kinds, bound):
            if kind <= POSITIONAL_OR_KEYWORD:
                args.append(value)
            elif kind == VAR_POSITIONAL:
                args.extend(value)
            elif kind == KEYWORD_ONLY:
                kwargs[name] = value
            else:
                kwargs.update(value)
        return args, kwargs


def _read_parameters(
    function: Callable[..., Any],
) -> tuple[tuple[str, ...], tuple[int, ...], tuple[Any, ...]]:
    while hasattr(function, "__wrapped__") and not hasattr(function, "__signature__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    if code is None or hasattr(function, "__signature__"):
        return _inspect_parameters(function)
    n_positional, n_keyword = code.co_argcount, code.co_kwonlyargcount
    variables = code.co_varnames
    names = list(variables[:n_positional])
    kinds = [POSITIONAL_ONLY] * code.co_posonlyargcount
    kinds += [POSITIONAL_OR_KEYWORD] * (n_positional - len(kinds))
    given = getattr(function, "__defaults__", None) or ()
    defaults = [MISSING] * (n_positional - len(given)) + list(given)
    after = n_positional + n_keyword
    if code.co_flags & _VARARGS:
        names.append(variables[after])
        kinds.append(VAR_POSITIONAL)
        defaults.append(MISSING)
        after += 1
    keyword_defaults = getattr(function, "__kwdefaults__", None) or {}
    for name in variables[n_positional : n_positional + n_keyword]:
        names.append(name)
        kinds.append(KEYWORD_ONLY)
        defaults.append(keyword_defaults.get(name, MISSING))
    if code.co_flags & _VARKEYWORDS:
        names.append(variables[after])
        kinds.append(VAR_KEYWORD)
        defaults.append(MISSING)
    if hasattr(function, "__self__"):
        names, kinds, defaults = names[1:], kinds[1:], defaults[1:]
    return tuple(names), tuple(kinds), tuple(defaults)


def _inspect_parameters(
    function: Callable[..., Any],
) -> tuple[tuple[str, ...], tuple[int, ...], tuple[Any, ...]]:
    import inspect

    try:
        found = inspect.signature(function).parameters.values()
    except ValueError as error:  # written in C, with no word on its parameters
        raise TaskDefinitionError(
            f"the parameters of {function!r} are not known", "write a function that calls it"
        ) from error
    return (
        tuple(p.name for p in found),
        tuple(int(p.kind) for p in found),
        tuple(MISSING if p.default is p.empty else p.default for p in found),
    )
