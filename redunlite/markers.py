"""Objects without any state, such as ``MISSING = object()``: told by the name under which a module holds them.

Decided here: which object is told by a name, and by which. Not here: how it is hashed and pickled
(`hashing`, `serialize`). State: the names that were found.

What has state is a value, whoever holds it. An object that has none can only be meant itself: code
compares it with ``is``. So it travels as ``module:name`` and is, wherever it comes to, the object that
the module there holds under that name.

>>> import dataclasses
>>> find_name(dataclasses.MISSING)
'dataclasses:MISSING'
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from redunlite import hashing, kinds, loading, serialize
from redunlite.kinds import TypeHandler

_names: dict[int, tuple[Any, str]] = {}
"""`id` of an object to itself, which keeps the `id` its own, and its name."""
_project: tuple[int, list[tuple[str, ModuleType]]] = (-1, [])
"""How many modules were loaded when the project's were looked for, and these."""


def find_name(value: Any) -> str | None:
    """Return ``module:qualname`` of what a module holds, itself or in one of its classes; None without.

    Several names of one object come down to the one that is no import: that of the module which made it.
    """
    known = _names.get(id(value))
    if known is not None and _look_up(known[1]) is value:
        return known[1]
    held = {name: home for home, name in _iter_names(value)}
    if not held:
        return None
    own = type(value).__module__
    best = min(
        held, key=lambda name: (_is_import(name), held[name] != own, _is_scratch(name), name)
    )
    _names[id(value)] = (value, best)
    return best


def load_marker(module_name: str, qualname: str, cls: type) -> Any:
    """Return the object of that name. The name of this function is part of stored values.

    Raises
    ------
    AttributeError
        When something else has the name now.
    """
    found = serialize.find_named(module_name, qualname)
    if type(found) is not cls:
        raise AttributeError(f"{module_name}.{qualname} is no {cls.__qualname__} any more")
    # One that has been given attributes here is no marker here; as a value it had none.
    return found if hashing.is_bare(found) else object.__new__(cls)


def _iter_names(value: Any) -> Iterator[tuple[str, str]]:
    """Yield each module that holds `value`, and the name in full."""
    main = sys.modules.get("__main__")
    for key, module in _iter_modules(type(value)):
        home = hashing.main_name() if module is main else key
        if getattr(module, "__name__", None) not in (key, "__main__"):
            continue  # a module under a second name
        has_file = home != "__main__"
        for name, held in list(vars(module).items()):
            if held is value:
                yield home, f"{home}:{name}"
            elif has_file and issubclass(type(held), type) and held.__module__ in (key, "__main__"):
                for inner, member in list(vars(held).items()):
                    if member is value:
                        yield home, f"{home}:{held.__qualname__}.{inner}"


def _iter_modules(cls: type) -> list[tuple[str, ModuleType]]:
    """Return the modules that may hold an object: any for a bare one, else the project's and its class's."""
    global _project
    if cls is object:
        return [(n, m) for n, m in list(sys.modules.items()) if isinstance(m, ModuleType)]
    if _project[0] != len(sys.modules):
        found = [
            (name, module)
            for name, module in list(sys.modules.items())
            if isinstance(module, ModuleType) and loading.is_project_module(name)
        ]
        _project = len(sys.modules), found
    home = loading.find_module(cls.__module__)
    return _project[1] if home is None else [(cls.__module__, home), *_project[1]]


def _look_up(name: str) -> Any:
    module_name, _, qualname = name.partition(":")
    found: Any = loading.find_module(module_name)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def _is_scratch(name: str) -> bool:
    """Tell whether a name is one of those that shells give to what they have shown."""
    return not name.partition(":")[2].strip("_0123456789")


def _is_import(name: str) -> bool:
    """Tell whether a module has a name by importing it, as far as its text tells."""
    module_name, _, qualname = name.partition(":")
    source = loading.get_source(module_name)
    file = None if source is None else loading.get_source_file(source.path)
    if file is None:
        return False
    try:
        tree = file.tree
    except SyntaxError:
        return False
    return any(
        (alias.asname or alias.name) == qualname
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )


def _state(value: Any) -> str:
    name = find_name(value)
    if name is None:
        raise TypeError(
            "nothing tells it, since no module holds it under a name; give it one: "
            "MISSING = object() at the top of a module"
        )
    return name


def _show(value: Any, limit: int) -> str:
    return find_name(value) or "object()"


kinds.register_type(
    object,
    TypeHandler("marker", _state, _show, is_valid=lambda value: find_name(value) is not None),
)
kinds.set_namer(find_name, load_marker)
