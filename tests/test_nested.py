"""Nested values: what is searched for expressions, and how it is rebuilt."""

from __future__ import annotations

import functools
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from redunlite.errors import UnhashableValueError
from redunlite.kinds import Lazy
from redunlite.nested import find_hidden_lazy, has_lazy, iter_leaves, map_leaves


class _Expression(Lazy):
    __slots__ = ()


class _Pair(NamedTuple):
    left: Any
    right: Any


@dataclass
class _Point:
    x: Any
    y: Any = 0
    n_made: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.n_made += 1


@dataclass(frozen=True)
class _Frozen:
    x: Any


class _List(list[Any]):
    note = "class"


class _Dict(dict[Any, Any]):
    pass


class _Set(set[Any]):
    pass


class _Tuple(tuple[Any, ...]):
    pass


class _Holder:
    def __init__(self, held: Any) -> None:
        self.held = held


class _Slots:
    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held


LAZY = _Expression()


@pytest.mark.parametrize(
    "value",
    [
        LAZY,
        [1, [LAZY]],
        (LAZY,),
        {"a": LAZY},
        {LAZY: 1},
        {LAZY},
        frozenset({LAZY}),
        _Pair(1, LAZY),
        _Point(LAZY),
        _Frozen([LAZY]),
        _List([LAZY]),
        _Dict(a=LAZY),
        _Set({LAZY}),
        _Tuple((LAZY,)),
        OrderedDict(a=LAZY),
        defaultdict(list, a=LAZY),
        deque([LAZY]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_expressions_are_found_in_every_searched_container(value: Any) -> None:
    """Containers and their subclasses are looked into, and rebuilt with what stands for the leaf."""
    assert has_lazy(value)
    assert any(leaf is LAZY for leaf in iter_leaves(value))

    mapped = map_leaves(value, lambda leaf: 7 if leaf is LAZY else leaf)
    assert not has_lazy(mapped)
    assert 7 in list(iter_leaves(mapped))
    if value is not LAZY:
        assert type(mapped) is type(value)


@pytest.mark.parametrize("value", [5, "a", [1, (2, {3})], _Holder(LAZY), {"a": _Pair(1, 2)}, int])
def test_has_lazy_is_false_without_expressions_in_containers(value: Any) -> None:
    """Other objects are leaves, whatever they hold."""
    assert not has_lazy(value)


def test_leaves_come_in_order_and_are_mapped_in_that_order() -> None:
    """A dict gives its keys, then its values."""
    value = {"a": [1, (2,)], "b": _Point(3, 4)}
    seen: list[Any] = []

    map_leaves(value, seen.append)

    assert seen == list(iter_leaves(value)) == ["a", "b", 1, 2, 3, 4, 1]


def test_map_leaves_keeps_what_does_not_change() -> None:
    """Containers with the same leaves are the same objects."""
    kept, changed = [1, 2], [LAZY]
    mapped = map_leaves([kept, changed], lambda leaf: 0 if leaf is LAZY else leaf)

    assert mapped[0] is kept
    assert mapped == [[1, 2], [0]]
    assert changed == [LAZY]


def test_rebuilt_containers_keep_their_own_ways() -> None:
    """Factories, bounds, attributes and field values go along; ``__init__`` does not run again."""

    def swap(leaf: Any) -> Any:
        return 9 if leaf is LAZY else leaf

    rest = defaultdict(list, a=LAZY)
    assert map_leaves(rest, swap)["new"] == []
    assert map_leaves(deque([LAZY], 3), swap).maxlen == 3
    listed = _List([LAZY])
    listed.note = "own"  # type: ignore[misc]
    assert map_leaves(listed, swap).note == "own"
    assert list(map_leaves(OrderedDict(b=LAZY, a=1), swap).items()) == [("b", 9), ("a", 1)]
    point = map_leaves(_Point(LAZY), swap)
    assert (point.x, point.n_made) == (9, 1)
    assert map_leaves(_Frozen(LAZY), swap) == _Frozen(9)
    assert map_leaves(Counter(a=2), lambda leaf: 5 if leaf == 2 else leaf) == Counter(a=5)


def test_depth_costs_no_recursion() -> None:
    """A nesting far beyond the recursion limit is searched and rebuilt."""
    value: Any = LAZY
    for _ in range(50_000):
        value = [value]

    assert has_lazy(value)
    assert list(iter_leaves(value)) == [LAZY]
    assert list(iter_leaves(map_leaves(value, lambda leaf: 1))) == [1]


def test_cycles_end() -> None:
    """A container that holds itself is searched once, and refused where it cannot be walked."""
    value: list[Any] = [1]
    value.append((value,))

    assert not has_lazy(value)
    with pytest.raises(UnhashableValueError):
        list(iter_leaves(value))
    with pytest.raises(UnhashableValueError):
        map_leaves(value, lambda leaf: leaf)


def test_shared_containers_are_searched_once() -> None:
    """Sixty levels that share each level twice take linear time."""
    value: Any = [1, object()]
    for _ in range(60):
        value = [value, value]

    assert not has_lazy(value)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (_Holder(LAZY), "value.held"),
        ([_Holder({"a": _Slots(LAZY)})], "value[0].held['a'].held"),
        (functools.partial(print, LAZY), "value.args[0]"),
        (lambda held=LAZY: held, "value.__defaults__[0]"),
        ([1, _Holder([2])], None),
    ],
    ids=["object", "slots", "partial", "default", "none"],
)
def test_hidden_expression_is_found_with_its_path(value: Any, path: str | None) -> None:
    """Attributes, slots, bound arguments and defaults are looked at."""
    assert find_hidden_lazy(value) == path


def test_hidden_expression_is_found_in_a_closure() -> None:
    """What a function took from around it counts."""
    held = LAZY

    assert find_hidden_lazy(lambda: held) == "value.__closure__"
