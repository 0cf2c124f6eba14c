"""Namespaces: what comes before the name of a task.

Decided here: which namespace a task gets, and how names are spelled. Not here: which names are allowed (`task`). State: the
current namespace of this process.

>>> namespace("lab.reads")
>>> get_current_namespace()
'lab.reads'
>>> namespace()
>>> get_current_namespace()
''
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

MODULE_VARIABLE = "redun_namespace"
"""A module's own variable that names the namespace of its tasks; redun's name for it."""

_current = ""


def namespace(ns: str | None = None) -> None:
    """Set the namespace of the tasks that are defined from now on; without a name, unset it."""
    global _current
    _current = ns or ""


def get_current_namespace() -> str:
    """Return what `namespace` set, or an empty string."""
    return _current


def normalize_name(name: str) -> str:
    """Return a name as Python itself spells one: two ways to write an accent are one name.

    >>> normalize_name("\N{LATIN SMALL LIGATURE FI}le")
    'file'
    """
    if name.isascii():
        return name
    import unicodedata

    return unicodedata.normalize("NFKC", name)


def resolve_namespace(explicit: str | None, func: Callable[..., Any]) -> str:
    """Return the namespace of a task made of `func`.

    What the decorator says comes first, an empty string too; then the module's `redun_namespace`;
    then the current namespace.
    """
    if explicit is not None:
        return explicit
    variables = getattr(func, "__globals__", None)
    if variables is None:
        module = sys.modules.get(getattr(func, "__module__", None) or "")
        variables = vars(module) if module is not None else {}
    found = variables.get(MODULE_VARIABLE)
    return found if isinstance(found, str) else _current
