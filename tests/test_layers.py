"""Imports point upwards: the floors of the house, and who may import what is heavy.

The list of floors is decided here. A new module needs its place in it.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "redunlite"

FLOORS = {
    "base": (
        "errors kinds call waits preview tokens hashing nested valuestore unpicklable serialize promise options"
        " namespace limits tags ini redun_settings config logging"
    ),
    "values": "absent hooks value filesystem file handle shadowing jobinfo tracebacks exceptions syntax packages loading markers definitions constants fingerprint",
    "language": "signature outline expression task",
    "engine parts": (
        "job reporter informing description failures inheritance binding operators recorded forms threads"
        " job_queue progress cache_policy recovery replay coroutines worker executors"
    ),
    "engine": "engine",
    "recorder": "recorder",
    "library": "utils shapes control functools context scripting tools",
    "history": "history",
    "composition": "facts session scheduler subrun testing pytest __init__",
    "face": "display cli __main__",
}
"""Rooms by floor, top to bottom; a package is named for all that is in it."""

FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS.values()) for room in rooms.split()}

OWNERS = {
    "cloudpickle": ("serialize",),
    "peewee": ("recorder", "history"),
    "playhouse": ("recorder", "history"),
    "tabulate": ("display.tables",),
    "argcomplete": ("cli",),
}
"""Packages that only these rooms may import."""

HEAVY = [
    "peewee",
    "tabulate",
    "cloudpickle",
    "multiprocessing",
    "importlib.metadata",
    "logging",
    "asyncio",
    "sqlite3",
    "inspect",
]
"""Modules that `redunlite --help` may not load."""


class Import(NamedTuple):
    """One import statement's target, as read from a syntax tree."""

    importer: str
    """Module within the package, such as ``recorder.writer``."""
    target: str
    """Full name of what is imported, such as ``redunlite.kinds`` or ``peewee``."""
    line: int


def name_module(path: Path, package: Path) -> str:
    """Return the dotted name of a file within the package; ``__init__`` for the package's own."""
    parts = list(path.relative_to(package).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


def is_type_checking(node: ast.AST) -> bool:
    """Tell whether a statement is ``if TYPE_CHECKING:``."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def iter_statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes, also inside functions, but for what only a type checker runs."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, ast.If) and is_type_checking(node):
            todo.extend(node.orelse)
        else:
            todo.extend(ast.iter_child_nodes(node))


def iter_imports(package: Path) -> Iterator[Import]:
    """Yield every import of every module of the package in that folder."""
    modules = {name_module(path, package): path for path in sorted(package.rglob("*.py"))}
    for importer, path in modules.items():
        is_package = path.name == "__init__.py"
        here = ["redunlite"] + ([] if importer == "__init__" else importer.split("."))
        for node in iter_statements(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(importer, alias.name, node.lineno)
            elif isinstance(node, ast.ImportFrom):
                if node.level:
                    above = here[: len(here) - node.level + (1 if is_package else 0)]
                    base = ".".join([*above, *([node.module] if node.module else [])])
                else:
                    base = node.module or ""
                for alias in node.names:
                    # `from redunlite import kinds` names a module, `from …kinds import Lazy` not.
                    full = f"{base}.{alias.name}"
                    is_module = full.removeprefix("redunlite.") in modules
                    yield Import(importer, full if is_module else base, node.lineno)


@lru_cache
def get_imports() -> tuple[Import, ...]:
    """Return the imports of redunlite."""
    return tuple(iter_imports(PACKAGE))


def get_room(module: str) -> str:
    """Return the room that a module within the package belongs to."""
    return module.partition(".")[0]


def get_target(found: Import) -> str | None:
    """Return the module within the package that an import names; None for other packages."""
    if found.target == "redunlite":
        return "__init__"
    if found.target.startswith("redunlite."):
        return found.target.removeprefix("redunlite.")
    return None


def find_homeless(package: Path) -> list[str]:
    """Return the modules that stand on no floor."""
    modules = [name_module(path, package) for path in sorted(package.rglob("*.py"))]
    return [module for module in modules if get_room(module) not in FLOOR_OF]


def find_downward(imports: tuple[Import, ...]) -> list[str]:
    """Return a line for each import of a room on a lower floor."""
    names = list(FLOORS)
    wrong = []
    for found in imports:
        target = get_target(found)
        if target is None:
            continue
        here, there = (FLOOR_OF.get(get_room(m)) for m in (found.importer, target))
        if here is not None and there is not None and there > here:
            wrong.append(
                f"redunlite/{found.importer.replace('.', '/')}, line {found.line}:"
                f" {names[here]} imports {found.target} of {names[there]}"
            )
    return wrong


def find_cycle(imports: tuple[Import, ...]) -> list[str]:
    """Return the modules of one import cycle, in order; empty when there is none."""
    graph: dict[str, set[str]] = {}
    for found in imports:
        target = get_target(found)
        if target is not None and target != found.importer:
            graph.setdefault(found.importer, set()).add(target)
    done: set[str] = set()
    for start in sorted(graph):
        path = [start]
        branches = [iter(sorted(graph[start]))]
        while branches and start not in done:
            step = next((m for m in branches[-1] if m not in done), None)
            if step is None:
                done.add(path.pop())
                branches.pop()
            elif step in path:
                return [*path[path.index(step) :], step]
            else:
                path.append(step)
                branches.append(iter(sorted(graph.get(step, ()))))
    return []


def find_foreign(imports: tuple[Import, ...]) -> list[str]:
    """Return a line for each import of an owned package by a room that does not own it."""
    wrong = []
    for found in imports:
        owners = OWNERS.get(found.target.partition(".")[0])
        if owners and not any(
            found.importer == owner or found.importer.startswith(f"{owner}.") for owner in owners
        ):
            wrong.append(
                f"redunlite/{found.importer.replace('.', '/')}, line {found.line}: imports"
                f" {found.target}, which only {', '.join(owners)} may"
            )
    return wrong


def test_every_room_stands_on_a_floor() -> None:
    """A module that the list of floors does not know fails, by its name."""
    homeless = find_homeless(PACKAGE)

    assert not homeless, f"give these modules a floor in {__file__}: {', '.join(homeless)}"


def test_imports_point_upwards() -> None:
    """No room imports one of a lower floor, also not inside a function."""
    wrong = find_downward(get_imports())

    assert not wrong, "\n".join(wrong)


def test_imports_have_no_cycle() -> None:
    """No module reaches itself through imports."""
    assert find_cycle(get_imports()) == []


def test_heavy_packages_have_one_owner() -> None:
    """Each dependency is imported by the rooms that own it and by no other."""
    wrong = find_foreign(get_imports())

    assert not wrong, "\n".join(wrong)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Build a small package that breaks every rule once."""
    package = tmp_path / "redunlite"
    sources = {
        "errors.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import peewee\n",
        "kinds.py": "def late():\n    from redunlite.task import Task\n",
        "task.py": "from . import kinds, engine\nimport cloudpickle.compat\n",
        "engine.py": "from redunlite import kinds\nimport redunlite.attic\n",
        "attic.py": "",
        "recorder/__init__.py": "",
        "recorder/models.py": "import peewee\nfrom .. import session\n",
        "session.py": "from .recorder import models\n",
    }
    for name, source in sources.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(source)
    return package


def test_layer_rules_find_what_breaks_them(house: Path) -> None:
    """The rules above are able to fail: each finds its offence, and only that."""
    imports = tuple(iter_imports(house))

    assert find_homeless(house) == ["attic"]
    assert [line.split(": ")[1] for line in find_downward(imports)] == [
        "base imports redunlite.task of language",
        "recorder imports redunlite.session of composition",
        "language imports redunlite.engine of engine",
    ]
    assert find_cycle(imports) == ["engine", "kinds", "task", "engine"]
    assert [line.split(": ")[1] for line in find_foreign(imports)] == [
        "imports cloudpickle.compat, which only serialize may"
    ]


def list_loaded(*arguments: str) -> set[str]:
    """Return the names of the modules that a Python process loads."""
    folder = str(PACKAGE.parent)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": folder},
    )
    imports: list[str] = []
    words: list[str] = []
    for line in done.stderr.splitlines():
        (imports if line.startswith("import time:") else words).append(line)
    assert done.returncode == 0, "\n".join(words[-5:])
    return {line.rpartition("|")[2].strip() for line in imports}


def test_help_loads_nothing_heavy() -> None:
    """`redunlite --help` answers without loading the database, the pool or the logging package."""
    # What the environment's own site files load is not ours.
    loaded = list_loaded("-m", "redunlite", "--help") - list_loaded("-c", "pass")

    assert "argparse" in loaded
    assert sorted(loaded.intersection(HEAVY)) == []
