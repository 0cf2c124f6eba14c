"""The helpers that workflows import from a module of this name; each is another room's.

Decided here: nothing but the names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from redunlite import nested

__all__ = ["iter_nested_value", "map_nested_value", "merge_dicts", "trim_string"]


def map_nested_value(func: Callable[[Any], Any], value: Any) -> Any:
    """Return a nested value with each leaf replaced by what `func` makes of it.

    >>> map_nested_value(lambda x: 2 * x, {"a": [1, (2,)]})
    {'aa': [2, (4,)]}
    """
    return nested.map_leaves(value, func)


def iter_nested_value(value: Any) -> Iterator[Any]:
    """Yield the leaves of a nested value.

    >>> list(iter_nested_value([1, {"a": 2}]))
    [1, 'a', 2]
    """
    return nested.iter_leaves(value)


def merge_dicts(dicts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one dict of several; later ones win, and dicts within dicts are merged likewise.

    >>> merge_dicts([{"a": {"x": 1}}, {"a": {"y": 2}, "b": 3}])
    {'a': {'x': 1, 'y': 2}, 'b': 3}
    """
    return nested.merge_dicts(*dicts)


def trim_string(text: str, max_length: int = 200, ellipsis: str = "...") -> str:
    """Return a text of at most so many characters.

    >>> trim_string("abcdefgh", 6)
    'abc...'
    """
    if len(text) <= max_length:
        return text
    return text[: max(0, max_length - len(ellipsis))] + ellipsis
