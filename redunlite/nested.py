"""Nested values: which containers are searched for expressions, and how they are rebuilt.

Decided here: list, tuple, dict (keys and values), set, frozenset, namedtuple, deque, dataclass
instances and their subclasses are looked into; everything else is a leaf. Not here: what leaves
mean. State: none. No recursion, so depth costs memory only.

>>> list(iter_leaves({"a": [1, (2, 3)]}))
['a', 1, 2, 3]
>>> map_leaves([1, (2, 3)], lambda leaf: leaf * 10)
[10, (20, 30)]
"""

from __future__ import annotations

import copy
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from sys import getrefcount
from typing import Any

from redunlite.errors import UnhashableValueError
from redunlite.kinds import Lazy, ValueRef

_SCALARS = frozenset({type(None), bool, int, float, str, bytes, complex})
_ATOMS = _SCALARS | {ValueRef}
"""Exact types that are certainly leaves, and no expressions."""
_SEQUENCES = (list, tuple, set, frozenset, deque)


def _get_members(value: Any) -> Sequence[Any] | None:
    """Return the members of a container that is searched, or None for a leaf.

    A dict gives its keys and then its values; a dict subclass's attributes are not searched.
    """
    cls = type(value)
    if cls in _ATOMS or cls is type:
        return None
    if cls is list or cls is tuple:
        return value  # type: ignore[no-any-return]
    if issubclass(cls, dict):
        base = _get_dict_base(cls)
        return [*base.keys(value), *base.values(value)]
    if issubclass(cls, _SEQUENCES):
        return list(value)
    if issubclass(cls, Lazy):
        return None
    fields = getattr(cls, "__dataclass_fields__", None)
    if fields is None:
        return None
    return [getattr(value, name) for name in fields if _has_field(value, name)]


def _get_dict_base(cls: type) -> type[dict[Any, Any]]:
    """Return the base class to read and fill `cls` by, past the user's own methods.

    An OrderedDict keeps its order in a list of its own.
    """
    return OrderedDict if issubclass(cls, OrderedDict) else dict


def _has_field(value: Any, name: str) -> bool:
    try:
        object.__getattribute__(value, name)
    except AttributeError:
        return False
    return True


def has_lazy(value: Any) -> bool:
    """Tell whether `value` is or holds an expression; a million scalars take some 15 ms."""
    return has_leaf(value, Lazy)


def has_leaf(value: Any, leaf_class: type) -> bool:
    """Tell whether `value` is or holds, in a container that is searched, a `leaf_class`."""
    atoms = _ATOMS if leaf_class is Lazy else _SCALARS
    cls = type(value)
    if cls in atoms:
        return False
    if issubclass(cls, leaf_class):
        return True
    members = _get_members(value)
    if members is None:
        return False
    seen = {id(value)}
    stack = [members]
    # A member may be made on access: what was seen must live on, or its id could be another's.
    kept = [value]
    while stack:
        members = stack.pop()
        if not set(map(type, members)) - atoms:
            continue
        for member in members:
            cls = type(member)
            if cls in atoms:
                continue
            if issubclass(cls, leaf_class):
                return True
            below = _get_members(member)
            if below is not None and id(member) not in seen:
                seen.add(id(member))
                kept.append(member)
                stack.append(below)
    return False


class LazyContainers:
    """Which containers hold an expression, at any depth; each is looked at once, however often it occurs.

    State: what was found, and the containers themselves, so that no other takes an `id` over.
    """

    def __init__(self) -> None:
        self._known: dict[int, bool] = {}
        self._kept: list[Any] = []

    def holds(self, value: Any) -> bool:
        """Tell whether `value` is a container with an expression in it.

        Raises
        ------
        UnhashableValueError
            When a container with an expression holds itself.
        """
        if type(value) in _ATOMS:
            return False
        known = self._known.get(id(value))
        if known is None:
            for _ in self.iter_lazy(value):
                pass
            known = self._known.get(id(value), False)
        return known

    def iter_lazy(self, value: Any) -> Iterator[Any]:
        """Yield the expressions in containers that were not looked at before, and learn which hold some."""
        known, kept = self._known, self._kept
        if type(value) in _ATOMS or id(value) in known:
            return
        if isinstance(value, Lazy):
            yield value
            return
        members = _get_members(value)
        if members is None:
            return
        known[id(value)] = False
        kept.append(value)
        path = [(value, self._pick(members))]
        active = {id(value)}
        cycles: list[Any] = []
        while path:
            for member in path[-1][1]:
                if isinstance(member, Lazy):
                    self._mark(path)
                    yield member
                    continue
                found = known.get(id(member))
                if found is not None:
                    if id(member) in active:
                        cycles.append(member)
                    elif found:
                        self._mark(path)
                    continue
                below = _get_members(member)
                if below is None:
                    continue
                known[id(member)] = False
                kept.append(member)
                active.add(id(member))
                path.append((member, self._pick(below)))
                break
            else:
                active.discard(id(path.pop()[0]))
        for member in cycles:  # one of plain data is refused where it is hashed
            if known[id(member)]:
                raise UnhashableValueError(
                    f"a {type(member).__qualname__} with an expression in it contains itself"
                )

    @staticmethod
    def _pick(members: Sequence[Any]) -> Iterator[Any]:
        """Return the members that may be or hold expressions; plain data is passed over in one step."""
        if not set(map(type, members)) - _ATOMS:
            return iter(())
        return (member for member in members if type(member) not in _ATOMS)

    def _mark(self, path: Sequence[tuple[Any, Any]]) -> None:
        known = self._known
        for container, _ in reversed(path):
            if known[id(container)]:
                break
            known[id(container)] = True


class Split:
    """A nested value with expressions, as a flat list of leaves and how to put them together.

    Containers that hold expressions are opened; others, and those that something else holds too,
    are leaves, so that what many values share can be worked out once.
    """

    __slots__ = ("_steps", "leaves")

    def __init__(self, value: Any, containers: LazyContainers) -> None:
        self.leaves: Sequence[Any]
        self._steps: list[tuple[int, Any, int]] = []
        """How many leaves come first, then the container to make of the last so many members."""
        members = _get_members(value)
        if members is None or not any(map(containers.holds, _iter_containers(members))):
            self.leaves = [value] if members is None else members
            if members is not None:
                self._steps.append((len(members), value, len(members)))
            return
        leaves: list[Any] = []
        seen = {id(value)}
        # Who holds a member that is nobody else's: the container (and a copy of its members), what
        # `containers` keeps, the loop's variable and the count's own argument.
        path = [(value, len(members), iter(members), 5 if members is value else 6)]
        n_before = 0
        while path:
            container, n, rest, n_holders = path[-1]
            for member in rest:
                if (
                    type(member) not in _ATOMS
                    and not isinstance(member, Lazy)
                    and id(member) not in seen
                    and getrefcount(member) < n_holders
                    and containers.holds(member)
                ):
                    below = _get_members(member)
                    assert below is not None
                    seen.add(id(member))
                    path.append((member, len(below), iter(below), 5 if below is member else 6))
                    break
                leaves.append(member)
                n_before += 1
            else:
                path.pop()
                self._steps.append((n_before, container, n))
                n_before = 0
        self.leaves = leaves

    @property
    def is_flat(self) -> bool:
        """Whether the leaves are the members of one container."""
        return len(self._steps) == 1

    def join(self, parts: Sequence[Any]) -> Any:
        """Return the value with `parts` in the places of the leaves."""
        stack: list[Any] = []
        taken = 0
        for n_leaves, container, n in self._steps:
            stack.extend(parts[taken : taken + n_leaves])
            taken += n_leaves
            at = len(stack) - n
            members = stack[at:]
            del stack[at:]
            stack.append(rebuild(container, members))
        return stack[0] if self._steps else parts[0]


def _iter_containers(members: Sequence[Any]) -> Iterator[Any]:
    kinds = set(map(type, members)) - _ATOMS
    if all(issubclass(kind, Lazy) for kind in kinds):
        return iter(())
    return (m for m in members if type(m) not in _ATOMS and not isinstance(m, Lazy))


def iter_leaves(value: Any) -> Iterator[Any]:
    """Yield the leaves of `value` in order; a container met again yields its leaves again.

    Raises
    ------
    UnhashableValueError
        When a container holds itself.
    """
    members = _get_members(value)
    if members is None:
        yield value
        return
    stack = [(value, iter(members))]
    active = {id(value)}
    while stack:
        for member in stack[-1][1]:
            members = None if type(member) in _ATOMS else _get_members(member)
            if members is None:
                yield member
                continue
            _check_cycle(member, active)
            stack.append((member, iter(members)))
            break
        else:
            active.discard(id(stack.pop()[0]))


def _check_cycle(value: Any, active: set[int]) -> None:
    if id(value) in active:
        raise UnhashableValueError(
            f"a {type(value).__qualname__} in a nested value contains itself"
        )
    active.add(id(value))


def map_leaves(value: Any, function: Callable[[Any], Any]) -> Any:
    """Return `value` with each leaf replaced by ``function(leaf)``, in the order of `iter_leaves`.

    Containers whose members all stay the same objects are kept as they are. A dataclass instance is
    copied without calling its ``__init__``.

    Raises
    ------
    UnhashableValueError
        When a container holds itself.
    """
    members = _get_members(value)
    if members is None:
        return function(value)
    stack: list[tuple[Any, Sequence[Any], Iterator[Any], list[Any]]]
    stack = [(value, members, iter(members), [])]
    active = {id(value)}
    while True:
        container, members, rest, mapped = stack[-1]
        for member in rest:
            below = None if type(member) in _ATOMS else _get_members(member)
            if below is None:
                mapped.append(function(member))
                continue
            _check_cycle(member, active)
            stack.append((member, below, iter(below), []))
            break
        else:
            stack.pop()
            active.discard(id(container))
            same = all(map(_is_same, members, mapped))
            made = container if same else rebuild(container, mapped)
            if not stack:
                return made
            stack[-1][3].append(made)


def _is_same(a: Any, b: Any) -> bool:
    return a is b


def rebuild(container: Any, members: list[Any]) -> Any:
    """Return a container like `container` with other members, a dict's keys before its values."""
    cls = type(container)
    if cls is list:
        return members
    if cls is tuple:
        return tuple(members)
    if issubclass(cls, (set, frozenset)):
        members = _settle_equals(members)
    if issubclass(cls, dict):
        return _rebuild_dict(container, cls, members)
    if issubclass(cls, tuple) and hasattr(cls, "_make"):
        return cls._make(members)
    base: Any = next((base for base in (tuple, frozenset) if issubclass(cls, base)), None)
    if base is not None:
        return _copy_attributes(container, base.__new__(cls, members))
    if issubclass(cls, (list, set, deque)):
        made = copy.copy(container)
        made.clear()
        fill = made.update if issubclass(cls, set) else made.extend
        fill(members)
        return made
    made = copy.copy(container)
    names = [name for name in cls.__dataclass_fields__ if _has_field(container, name)]
    for name, member in zip(names, members):
        object.__setattr__(made, name, member)
    return made


def _settle_equals(members: list[Any]) -> list[Any]:
    """Return a set's members so that of equal ones, such as 1 and True, always the same one stays.

    A set of results has no order that would tell which came first.
    """
    if len(set(members)) == len(members):
        return members
    return sorted(members, key=lambda member: type(member).__qualname__)


def _rebuild_dict(container: Any, cls: type[dict[Any, Any]], members: list[Any]) -> Any:
    n = len(members) // 2
    keys, values = members[:n], members[n:]
    if cls is dict:
        made = dict(zip(keys, values))
        return made if len(made) == n else dict(zip(map(_tell_apart, keys), values))
    if len(set(keys)) < n:
        keys = list(map(_tell_apart, keys))
    made = cls.__new__(cls)
    if issubclass(cls, defaultdict):
        made.default_factory = container.default_factory  # type: ignore[attr-defined]
    base = _get_dict_base(cls)
    for key, member in zip(keys, values):
        base.__setitem__(made, key, member)
    return _copy_attributes(container, made)


def _tell_apart(key: Any) -> Any:
    """Return a key that is equal to no other while it is undecoded.

    Two calls may come to one reference. Which of equal keys gives the value is told by their order
    once all are decoded, those that were never undecoded among them.
    """
    if not has_leaf(key, ValueRef):
        return key
    return map_leaves(key, lambda leaf: copy.copy(leaf) if type(leaf) is ValueRef else leaf)


def _copy_attributes(old: Any, new: Any) -> Any:
    attributes = getattr(old, "__dict__", None)
    if attributes:
        new.__dict__.update(attributes)
    return new


def find_hidden_lazy(obj: Any, name: str = "value") -> str | None:
    """Return the path of an expression inside `obj`, also inside objects that are not searched.

    Looks at members, attributes, slots, bound objects, and what a function has as defaults and in
    its closure.
    """
    seen: set[int] = set()
    stack = [(obj, name)]
    kept = []
    while stack:
        value, path = stack.pop()
        cls = type(value)
        if cls in _ATOMS or id(value) in seen:
            continue
        if issubclass(cls, Lazy):
            return path
        seen.add(id(value))
        kept.append(value)
        stack.extend(reversed(list(_iter_parts(value, cls, path))))
    return None


def _iter_parts(value: Any, cls: type, path: str) -> Iterator[tuple[Any, str]]:
    if isinstance(value, (type, type(sys))):
        return
    if issubclass(cls, dict):
        for key, member in _get_dict_base(cls).items(value):
            yield key, f"{path}.keys()"
            yield member, f"{path}[{_format_key(key)}]"
    elif issubclass(cls, _SEQUENCES):
        for i, member in enumerate(value):
            yield member, f"{path}[{i}]"
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        attributes = {}
    for key, member in attributes.items():
        yield member, f"{path}.{key}"
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot not in ("__dict__", "__weakref__") and _has_field(value, slot):
                yield object.__getattribute__(value, slot), f"{path}.{slot}"
    for part in ("func", "args", "keywords", "__self__", "__defaults__", "__kwdefaults__"):
        if cls.__module__ in ("builtins", "functools") and _has_field(value, part):
            yield object.__getattribute__(value, part), f"{path}.{part}"
    for cell in getattr(value, "__closure__", None) or () if cls.__module__ == "builtins" else ():
        try:
            yield cell.cell_contents, f"{path}.__closure__"
        except ValueError:  # not filled yet
            continue


def _format_key(key: Any) -> str:
    return repr(key)[:40] if type(key) in _ATOMS else f"<{type(key).__name__}>"


def merge_dicts(*dicts: Mapping[str, Any]) -> dict[str, Any]:
    """Return one dict of several; later ones win, and dicts within dicts are merged likewise.

    >>> merge_dicts({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}, "b": 4})
    {'a': {'x': 1, 'y': 3}, 'b': 4}
    """
    merged: dict[str, Any] = {}
    for one in dicts:
        for key, value in one.items():
            before = merged.get(key)
            if isinstance(before, Mapping) and isinstance(value, Mapping):
                merged[key] = merge_dicts(before, value)
            else:
                merged[key] = value
    return merged
