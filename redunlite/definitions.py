"""Where things are defined: the statement behind a function, a class or a constant, and its source.

Decided here: what is taken for the definition of a value that runs, and how the names of modules that
need not be loaded are read from their texts. Not here: what counts in a hash (`fingerprint`). State:
what was found in each text, for as long as the text is kept.

>>> find_static_module("json.decoder")
PackageName(name='json.decoder', attribute=None)
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import os
import sys
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from redunlite import loading, syntax
from redunlite.hashing import digest, token
from redunlite.loading import SourceFile
from redunlite.packages import find_module_spec
from redunlite.syntax import Chain, ImportedName, Uses

MAX_DEPTH = 100
"""Modules through which an imported name is followed."""


@dataclass(frozen=True)
class Site:
    """Where names are looked up."""

    names: Mapping[str, Any]
    """The module's globals."""
    cells: Mapping[str, Any]
    """Values of closure cells."""
    path: str | None
    """File of the module."""


EMPTY_CELL: Any = object()
MISSING: Any = object()


@dataclass(frozen=True)
class PackageName:
    """A module of a library, which may not be loaded, or what is imported from it."""

    name: str
    attribute: str | None = None


@dataclass(frozen=True, eq=False)
class StaticModule:
    """A project module that a function imports when it runs, known by its text alone."""

    kind = "code"
    name: str
    file: SourceFile

    @property
    def path(self) -> str:
        """Path of its file."""
        return self.file.path

    @property
    def package(self) -> str:
        """Name that relative imports in it start from."""
        is_package = os.path.basename(self.file.path).startswith("__init__.")
        return self.name if is_package else self.name.rpartition(".")[0]

    def find(self, name: str, depth: int = 0) -> Any:
        """Return what `name` is defined as; a mark for what is not there."""
        if depth > MAX_DEPTH:
            return MISSING  # modules that import a name from each other
        try:
            nodes = _assignments_in(self.file, name)
        except SyntaxError:
            return MISSING
        if not nodes:
            return find_static_module(f"{self.name}.{name}")
        last = nodes[-1]
        if isinstance(last, (ast.Import, ast.ImportFrom)):
            return self._find_imported(name, dict(syntax.iter_imported(last))[name], depth)
        kept = [n for n in nodes if not isinstance(n, (ast.Import, ast.ImportFrom))]
        if count_task_decorators(last, Site({}, {}, None)):
            return StaticTask(name, f"{self.name}:{name}", StaticDefinition(name, self, kept))
        return StaticDefinition(name, self, kept)

    def _find_imported(self, name: str, imported: ImportedName, depth: int) -> Any:
        target = absolute_name(imported, Site(StaticNames(self), {}, None))
        if imported.attribute is None and name == target.partition(".")[0]:
            target = name
        module = find_static_module(target)
        if imported.attribute is None:
            return module
        if isinstance(module, PackageName):
            return dataclasses.replace(module, attribute=imported.attribute)
        return (
            module.find(imported.attribute, depth + 1)
            if isinstance(module, StaticModule)
            else module
        )


@dataclass(frozen=True)
class StaticTask:
    """A task of a `StaticModule`: its code is not followed, but which one is meant counts."""

    name: str
    """Name of its function."""
    place: str
    """``module:name``, as `task.Task.place`."""
    func: StaticDefinition
    """Its function; followed only where a workflow is run inside."""


@dataclass(frozen=True, eq=False)
class StaticDefinition:
    """A function, class or constant of a `StaticModule`."""

    name: str
    module: StaticModule
    nodes: list[ast.stmt]

    @property
    def path(self) -> str:
        """Path of its file."""
        return self.module.path

    @property
    def kind(self) -> str:
        """``function``, ``class`` or ``constant``."""
        if isinstance(self.nodes[-1], ast.ClassDef):
            return "class"
        is_function = isinstance(self.nodes[-1], (ast.FunctionDef, ast.AsyncFunctionDef))
        return "function" if is_function else "constant"


class StaticNames(Mapping[str, Any]):
    """The globals of a `StaticModule`."""

    def __init__(self, module: StaticModule) -> None:
        self._module = module
        self._known: dict[str, Any] = {"__package__": module.package, "__name__": module.name}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            nodes = _assignments_in(self._module.file, name)
            if not nodes:
                raise KeyError(name)
            self._known[name] = self._module.find(name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def find_static_module(name: str) -> Any:
    """Return the text of a project module, the name of a library's, or a mark for others."""
    if name == "sys":
        return sys
    if is_standard(name):
        return PackageName(name)
    if is_redunlite(name) or not name:
        return MISSING
    module = loading.find_module(name)
    path = getattr(module, "__file__", None)
    if path is None:
        spec = find_module_spec(name)
        if spec is None:
            return MISSING
        path = spec.origin
        if path is None:
            return _make_namespace(name, spec.submodule_search_locations or ())
    path = os.path.abspath(path)
    if not loading.is_project_path(path):
        return PackageName(name)
    if module is None:
        loading.read_source(name, path)  # workers shall run what is hashed here
    file = loading.get_source_file(path)
    return MISSING if file is None else StaticModule(name, file)


def _make_namespace(name: str, folders: Iterable[str]) -> Any:
    """Return a package without a file as if it had an empty one."""
    for folder in folders:
        path = os.path.join(os.path.abspath(folder), "__init__.py")
        if loading.is_project_path(path):
            return StaticModule(name, SourceFile(path, ""))
        return PackageName(name)
    return MISSING


def is_project_module(value: Any) -> bool:
    """Tell whether `value` is a project module, loaded or known by its text."""
    if isinstance(value, ModuleType):
        return loading.is_project_module(value.__name__)
    return isinstance(value, StaticModule)


def read_module(module: Any, name: str) -> Any:
    """Return what a name in a project module stands for, or a mark."""
    if isinstance(module, StaticModule):
        return module.find(name)
    found = module.__dict__.get(name, MISSING)
    if found is MISSING:
        found = sys.modules.get(f"{module.__name__}.{name}", MISSING)
    return found


@dataclass(frozen=True)
class Assignments:
    """The statements that bind a name in a module."""

    name: str
    file: SourceFile
    nodes: list[ast.stmt]
    site: Site


def find_assignments(site: Site, name: str) -> Assignments | None:
    """Return the statements that bind `name`, in the module that it was imported from."""
    for _ in range(20):
        if site.path is None or name in site.cells:
            return None
        file = loading.get_source_file(site.path)
        if file is None:
            return None
        try:
            nodes = _assignments_in(file, name)
        except SyntaxError:
            return None
        if not nodes:
            return None
        last = nodes[-1]
        if not isinstance(last, ast.ImportFrom):
            kept = [n for n in nodes if not isinstance(n, (ast.Import, ast.ImportFrom))]
            return Assignments(name, file, kept, site) if kept else None
        imported = dict(syntax.iter_imported(last)).get(name)
        if imported is None or imported.attribute is None:
            return None
        module_name = absolute_name(imported, site)
        source = loading.get_source(module_name)
        module = loading.find_module(module_name)
        if source is None or module is None:
            return None
        site = Site(module.__dict__, {}, source.path)
        name = imported.attribute
    return None


_assignments: weakref.WeakKeyDictionary[SourceFile, dict[str, list[ast.stmt]]] = (
    weakref.WeakKeyDictionary()
)
_uses: weakref.WeakKeyDictionary[ast.AST, dict[int, Uses]] = weakref.WeakKeyDictionary()


def _assignments_in(file: SourceFile, name: str) -> list[ast.stmt]:
    known = _assignments.setdefault(file, {})
    if name not in known:
        known[name] = syntax.find_assignments(file.tree, name)
    return known[name]


def get_uses(node: ast.AST, n_skipped: int) -> Uses:
    """Return `syntax.find_uses` of a node, worked out once."""
    known = _uses.setdefault(node, {})
    found = known.get(n_skipped)
    if found is None:
        found = known[n_skipped] = syntax.find_uses(node, n_skipped=n_skipped)
    return found


def unwrap(func: Any) -> Any:
    """Return the function that a decorated one stands for."""
    for _ in range(100):
        inner = get_wrapped(func)
        if inner is None and isinstance(func, functools.partial):
            inner = func.func
        if inner is None:
            break
        func = inner
    return func


def format_definition(func: Any) -> str:
    """Return where a function is defined, such as ``helpers.py:12``."""
    code = getattr(unwrap(func), "__code__", None)
    if code is None:
        return repr(func)
    return f"{loading.show_path(code.co_filename)}:{code.co_firstlineno}"


def source_of(file: SourceFile, node: ast.AST, n_skipped: int = 0) -> tuple[str, int]:
    """Return source text without indentation, and its first line, without skipped decorators."""
    first: int = node.lineno  # type: ignore[attr-defined]
    last: int = node.end_lineno  # type: ignore[attr-defined]
    indent: int = node.col_offset  # type: ignore[attr-defined]
    if isinstance(node, ast.Lambda):
        return ast.get_source_segment(file.text, node) or "", first
    kept = getattr(node, "decorator_list", [])[n_skipped:]
    if kept:
        first = kept[0].lineno
    lines = [line.rstrip("\r\n") for line in file.lines[first - 1 : last]]
    if any(line[:indent].strip() for line in lines[:1]):
        indent = 0  # a statement behind a semicolon
    return "\n".join(line[indent:] if not line[:indent].strip() else line for line in lines), first


def count_task_decorators(node: ast.AST, site: Site) -> int:
    """Return how many decorators, from the top, make the function a task: these do not count."""
    decorators = getattr(node, "decorator_list", [])
    for index in range(len(decorators) - 1, -1, -1):
        expression = decorators[index]
        while isinstance(expression, ast.Call):
            expression = expression.func
        chain = syntax.get_chain(expression)
        if chain is not None and _is_task_decorator(chain, site):
            return index + 1
    return 0


def _is_task_decorator(chain: Chain, site: Site) -> bool:
    value = site.cells.get(chain[0], site.names.get(chain[0], MISSING))
    for attribute in chain[1:]:
        if isinstance(value, ModuleType) and is_redunlite(value.__name__):
            return True
        value = getattr(value, attribute, MISSING)
    while isinstance(value, functools.partial):
        value = value.func
    if value is MISSING or value is EMPTY_CELL:
        return chain[-1] == "task"
    return is_redunlite(getattr(value, "__module__", None) or "")


def iter_cells(func: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield name and value of each closure cell; a mark for one that is not filled yet."""
    for name, cell in zip(func.__code__.co_freevars, func.__closure__ or ()):
        if name == "__class__":
            continue
        try:
            yield name, cell.cell_contents
        except ValueError:  # not filled yet
            yield name, EMPTY_CELL


def is_wrapper(value: Any) -> bool:
    """Tell whether `value` is a library's object that stands for a function, such as an `lru_cache`."""
    if isinstance(value, functools.partial):
        return True
    return (
        callable(value)
        and isinstance(get_wrapped(value), (FunctionType, MethodType, functools.partial))
        and not loading.is_project_module(type(value).__module__)
    )


def get_wrapped(value: Any) -> Any:
    """Return what a decorated function stands for, by `functools.wraps` or as numba calls it; or None."""
    try:
        wrapped = getattr(value, "__wrapped__", None)
        return getattr(value, "__dict__", {}).get("py_func") if wrapped is None else wrapped
    except Exception:  # a `__getattr__` of whatever object may do anything
        return None


def is_project_function(func: FunctionType, home: str) -> bool:
    """Tell whether a function of module `home` is the user's own."""
    if home and home != "builtins" and loading.find_module(home) is not None:
        return loading.is_project_module(home)
    return loading.is_project_path(func.__code__.co_filename)


def is_redunlite(module: str) -> bool:
    """Tell whether a module is part of redunlite."""
    return module == "redunlite" or module.startswith("redunlite.")


def is_standard(module: str) -> bool:
    """Tell whether a module belongs to the standard library."""
    top = module.partition(".")[0]
    return top in sys.stdlib_module_names and not loading.is_project_module(module)


def find_library_name(value: Any) -> tuple[str, str] | None:
    """Return the module of a library, and the name in it, that lead to `value`, or None.

    Private modules count as what they are part of: Python moves things between them.
    """
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if type(name) is not str:
        return None
    likely = [getattr(value, "__module__", None), type(value).__module__.partition(".")[0]]
    for module in likely:
        if type(module) is str and _is_held(value, module, name):
            return public_name(module), name
    # A ufunc does not tell where it is from.
    found = [m for m in list(sys.modules) if "." not in name and _is_held(value, m, name)]
    return (min(map(public_name, found)), name) if found else None


def _is_held(value: Any, module: str, name: str) -> bool:
    found: Any = sys.modules.get(module)
    if found is None or loading.is_project_module(module):
        return False
    for part in name.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    return found is value


def public_name(module: str) -> str:
    """Return the name of a module without private parts, such as ``numpy`` for ``numpy._core``."""
    first, *rest = module.split(".")
    return ".".join([first.lstrip("_"), *(part for part in rest if part[:1] != "_")])


def find_imported_name(site: Site, name: str) -> tuple[str, str] | None:
    """Return module and name of what ``from LIBRARY import NAME`` binds to `name` in a module, or None."""
    file = None if site.path is None else loading.get_source_file(site.path)
    if file is None or name in site.cells:
        return None
    try:
        nodes = _assignments_in(file, name)
    except SyntaxError:
        return None
    if len(nodes) != 1 or not isinstance(nodes[0], ast.ImportFrom):
        return None
    imported = dict(syntax.iter_imported(nodes[0])).get(name)
    if imported is None or imported.attribute is None:
        return None
    module = absolute_name(imported, site)
    return None if loading.is_project_module(module) else (module, imported.attribute)


def file_of_class(cls: type) -> str | None:
    """Return the path of the file that defines a class, or None."""
    module = loading.find_module(cls.__module__)
    path: str | None = getattr(module, "__file__", None)
    if path:
        return os.path.abspath(path)
    for _, function in iter_functions(cls):
        if function.__module__ == cls.__module__ and function.__code__.co_filename != "<string>":
            filename: str = function.__code__.co_filename
            return filename
    return None


def iter_functions(cls: type) -> Iterator[tuple[str, FunctionType]]:
    """Yield the functions among a class's attributes, behind properties and the like."""
    for name, value in list(cls.__dict__.items()):
        for part, function in _iter_behind(value):
            if isinstance(function, FunctionType):
                yield name + part, function


def _iter_behind(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an attribute of a class calls, and how it is told from the other things it calls."""
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if isinstance(value, property):
        yield from ((".get", value.fget), (".set", value.fset), (".del", value.fdel))
    elif isinstance(value, functools.singledispatchmethod):
        for cls, function in value.dispatcher.registry.items():
            yield f"[{cls.__qualname__}]", function
    elif isinstance(value, (functools.cached_property, functools.partialmethod)):
        yield "", value.func
    elif isinstance(value, _CACHE):
        yield "", value.__wrapped__
    else:
        yield "", value


_CACHE = type(functools.lru_cache(_iter_behind))


def is_inside(function: FunctionType, path: str | None, node: ast.AST | None) -> bool:
    """Tell whether a method's text is part of its class's, or was generated."""
    code = function.__code__
    if code.co_filename != path:
        # Generated methods may be wrapped, as a dataclass's `__repr__` is.
        inner = unwrap(function)
        return isinstance(inner, FunctionType) and inner.__code__.co_filename.startswith("<")
    if node is None:
        return False
    first, last = node.lineno, node.end_lineno  # type: ignore[attr-defined]
    return bool(first <= code.co_firstlineno <= last)


def find_class_node(
    file: SourceFile, cls: type, functions: Sequence[tuple[str, FunctionType]]
) -> ast.ClassDef | None:
    """Return the statement that made `cls`, or None when the text is not what runs."""
    try:
        level: list[ast.AST] = [file.tree]
    except SyntaxError:
        return None
    for name in cls.__qualname__.split("."):
        if name != "<locals>":
            level = [node for parent in level for node in _iter_definitions(parent, name)]
    nodes = [node for node in level if isinstance(node, ast.ClassDef)]
    own = [f.__code__ for _, f in functions if f.__code__.co_filename == file.path]
    own = [code for code in own if code.co_name != "<lambda>"]
    first_line = cls.__dict__.get("__firstlineno__")  # 3.13
    if len(nodes) > 1:
        lines = [code.co_firstlineno for code in own] + ([first_line] if first_line else [])
        nodes = [
            n for n in nodes if any(_first_line(n) <= line <= (n.end_lineno or 0) for line in lines)
        ] or nodes[-1:]
    if not nodes:
        return None
    if not file.is_trusted and any(file.find_function(code) is None for code in own):
        return None
    return nodes[0]


def _first_line(node: ast.ClassDef) -> int:
    return node.decorator_list[0].lineno if node.decorator_list else node.lineno


def _iter_definitions(parent: ast.AST, name: str) -> Iterator[ast.AST]:
    """Yield the functions and classes of that name in a body, also under `if` and the like."""
    stack = list(reversed(list(ast.iter_child_nodes(parent))))
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if node.name == name:
                yield node
        elif isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            stack.extend(reversed(list(ast.iter_child_nodes(node))))


def hash_code(code: CodeType) -> bytes:
    """Return a digest of compiled code, of use on one Python version only."""
    consts = []
    for const in code.co_consts:
        if isinstance(const, CodeType):
            consts.append(hash_code(const))
        elif const is not code.co_consts[0] or not isinstance(const, str):
            consts.append(token(const))
    head = token(
        [
            list(sys.version_info[:2]),
            code.co_name,
            code.co_code,
            list(code.co_names),
            list(code.co_varnames),
            list(code.co_freevars),
            list(code.co_cellvars),
            [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags],
            getattr(code, "co_exceptiontable", b""),
        ]
    )
    return digest(b"compiled", head, *consts)


def iter_code_names(code: CodeType) -> Iterator[str]:
    """Yield the names that compiled code may read from outside, each once."""
    seen: dict[str, None] = {}
    stack = [code]
    while stack:
        inner = stack.pop(0)
        seen.update(dict.fromkeys((*inner.co_freevars, *inner.co_names)))
        stack.extend(const for const in inner.co_consts if isinstance(const, CodeType))
    yield from seen


def absolute_name(imported: ImportedName, site: Site) -> str:
    """Return the full name of the module of an import."""
    if not imported.level:
        return imported.module
    package = site.names.get("__package__") or ""
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - imported.level + 1])
    return f"{base}.{imported.module}".strip(".")


def iter_project_imports(imports: Iterable[ImportedName], site: Site) -> Iterator[str]:
    """Yield project modules as they are written in the imports of a function."""
    for imported in imports:
        if isinstance(find_static_module(absolute_name(imported, site)), StaticModule):
            yield "." * imported.level + imported.module
