"""What a piece of source says, apart from how it is written; and the outer names that it uses.

Decided here, and kept for ever under `hashing.HASH_VERSION`: the normal form of source. It is our own
walk of the syntax tree without positions, comments, docstrings and empty fields, so it is the same
on every Python (`ast.dump` is not). Constants count by type and value, so quotes, the notation of a
number and the joining of a string do not. Not here: what the names stand for (`fingerprint`).
No state.

>>> a = ast.parse("x = 'a' 'b'  # comment").body[0]
>>> b = ast.parse('x = ("ab")').body[0]
>>> normal_form(a) == normal_form(b)
True
>>> find_uses(ast.parse("def f(a): return a + helpers.g(CONST)").body[0]).uses
(Use(name='helpers', attributes=('g',)), Use(name='CONST', attributes=()))
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Chain = tuple[str, ...]
"""A name and the attributes read from it, such as ``("helpers", "clean")``."""

_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


# Normal form.


def normal_form(
    node: ast.AST,
    *,
    n_skipped: int = 0,
    modules: Mapping[Chain, int] | None = None,
    imports: frozenset[str] = frozenset(),
) -> bytes:
    """Return the normal form of a syntax tree.

    Parameters
    ----------
    n_skipped
        Number of decorators of `node` itself, from the top, that do not count.
    modules
        Chains of names that stand for project modules, each with its number; the number counts in
        place of the names, so that modules can be moved and renamed.
    imports
        Project modules, as they are written in imports (with leading dots), whose names do not count.
    """
    out: list[str] = []
    stack: list[Any] = [node]
    while stack:
        item = stack.pop()
        if type(item) is str:
            out.append(item)
        elif isinstance(item, ast.AST):
            _open_node(item, out, stack, n_skipped if item is node else 0, modules, imports)
        elif type(item) is list:
            out.append(f"[{len(item)}")
            stack.extend(reversed(item))
        else:
            out.append(_format_constant(item))
    return " ".join(out).encode("utf-8", "surrogatepass")


def _open_node(
    node: ast.AST,
    out: list[str],
    stack: list[Any],
    n_skipped: int,
    modules: Mapping[Chain, int] | None,
    imports: frozenset[str],
) -> None:
    cls = type(node)
    if cls is ast.Constant:
        out.append(_format_constant(node.value))  # type: ignore[attr-defined]
        return
    if cls is ast.JoinedStr:
        _open_joined(node, out, stack)  # type: ignore[arg-type]
        return
    if modules and (cls is ast.Name or cls is ast.Attribute):
        number = modules.get(get_chain(node) or ())
        if number is not None:
            out.append(f"module:{number}")
            return
    if imports and isinstance(node, (ast.Import, ast.ImportFrom)):
        _open_import(node, out, modules or {}, imports)
        return
    out.append(f"({cls.__name__}")
    stack.append(")")
    parts: list[Any] = []
    for name in cls._fields:
        if name in _SKIPPED:
            continue
        value: Any = getattr(node, name, None)
        if name == "decorator_list":
            value = value[n_skipped:]
        elif name == "body" and isinstance(node, _DOCUMENTED):
            value = value[_has_docstring(node) :]
        if value is None or value == []:
            continue
        parts += (f"{name}:", _name_text(value) if type(value) is str else value)
    stack.extend(reversed(parts))


def _open_joined(node: ast.JoinedStr, out: list[str], stack: list[Any]) -> None:
    """Write a joined string: text that touches is one, and one without fields is plain text."""
    parts: list[Any] = []
    text = ""
    pending = list(reversed(node.values))
    while pending:
        value = pending.pop()
        if isinstance(value, ast.Constant):
            text += value.value if isinstance(value.value, str) else ""
        elif isinstance(value, ast.JoinedStr):
            pending.extend(reversed(value.values))
        else:
            if text:
                parts.append(_format_constant(text))
                text = ""
            parts.append(value)
    if not parts:
        out.append(_format_constant(text))
        return
    if text:
        parts.append(_format_constant(text))
    out.append(f"(JoinedStr [{len(parts)}")
    stack.append(")")
    stack.extend(reversed(parts))


def _open_import(
    node: ast.Import | ast.ImportFrom,
    out: list[str],
    modules: Mapping[Chain, int],
    imports: frozenset[str],
) -> None:
    """Write an import inside a function; the names of project modules do not count."""
    out.append(f"({type(node).__name__}")
    if isinstance(node, ast.ImportFrom):
        source = "." * node.level + (node.module or "")
        out.append("project" if source in imports else _name_text(source))
    for alias in node.names:
        if isinstance(node, ast.Import) and alias.name in imports:
            continue
        out.append(_name_text(alias.name) + "=" + _name_text(alias.asname or alias.name))
    out.append(")")


def _name_text(name: str) -> str:
    return f"{len(name)}:{name}"


def _format_constant(value: Any) -> str:
    cls = type(value)
    if cls is str:
        return f"s{len(value)}:{value}"
    if cls is bytes:
        return f"b{value.hex()}"
    if cls is bool:
        return "true" if value else "false"
    if cls is int:
        return f"i{value:x}"  # decimal digits are limited to 4,300
    if cls is float:
        return f"f{value.hex()}"
    if cls is complex:
        return f"c{value.real.hex()},{value.imag.hex()}"
    if value is None:
        return "none"
    if value is Ellipsis:
        return "ellipsis"
    raise TypeError(f"{cls.__name__} cannot be a constant of source")


def _has_docstring(node: ast.AST) -> bool:
    body = getattr(node, "body", None)
    if not body or not isinstance(body[0], ast.Expr):
        return False
    value = body[0].value
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def get_chain(node: ast.AST) -> Chain | None:
    """Return name and attributes of ``a.b.c``, or None for what is not such a chain."""
    attributes = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return (node.id, *reversed(attributes)) if isinstance(node, ast.Name) else None


# Uses.


@dataclass(frozen=True)
class ImportedName:
    """What an import inside a function binds a name to."""

    module: str
    """Module as written; empty in ``from . import x``."""
    attribute: str | None
    """Name taken from the module; None when the module itself is bound."""
    level: int
    """Number of leading dots."""


@dataclass(frozen=True)
class Use:
    """A name from outside that a piece of source reads, with the attributes read from it."""

    name: str
    attributes: Chain = ()
    imported: ImportedName | None = field(default=None, repr=False)
    """Set when an import inside the function binds the name."""
    is_header: bool = field(default=False, repr=False)
    """Whether it is read by a decorator, default or annotation, where it may be local or missing."""


@dataclass(frozen=True)
class Uses:
    """The outside names of a piece of source, in the order of first use."""

    uses: tuple[Use, ...]
    computed: tuple[tuple[str, Chain], ...]
    """Accesses by names that are computed: the function called, and the chain that it searches."""
    imports: tuple[ImportedName, ...]
    """What import statements inside functions name."""
    import_calls: tuple[str, ...]
    """Modules named in calls of `importlib.import_module` and `__import__`."""


class _Scope:
    """Names bound in a function, class body or comprehension."""

    __slots__ = (
        "bound",
        "global_names",
        "imports",
        "is_class",
        "is_comprehension",
        "is_root",
        "parent",
    )

    def __init__(
        self,
        parent: _Scope | None,
        *,
        is_class: bool = False,
        is_comprehension: bool = False,
        is_root: bool = False,
    ) -> None:
        self.parent = parent
        self.is_class = is_class
        self.is_comprehension = is_comprehension
        self.is_root = is_root
        self.bound: set[str] = set()
        self.global_names: set[str] = set()
        self.imports: dict[str, ImportedName] = {}

    def find(self, name: str) -> tuple[bool, ImportedName | None]:
        """Tell whether `name` comes from outside the root, and what a local import makes of it."""
        scope: _Scope | None = self
        first = True
        while scope is not None:
            if (first or not scope.is_class) and name in scope.bound:
                imported = scope.imports.get(name)
                return imported is not None, imported
            if first and name in scope.global_names:
                return True, None
            first = False
            scope = scope.parent
        return True, None


def find_uses(node: ast.AST, *, n_skipped: int = 0, follow_annotations: bool = False) -> Uses:
    """Return the names from outside that a function, class or statement reads.

    Annotations of functions are not followed unless asked for: nothing runs them. Those of a class
    body are: dataclasses and their like read them.

    Parameters
    ----------
    n_skipped
        Number of decorators of `node` itself, from the top, that do not count.
    """
    search = _Search(node, n_skipped, follow_annotations)
    search.run()
    return Uses(
        tuple(search.uses),
        tuple(search.computed),
        tuple(search.imports),
        tuple(search.import_calls),
    )


class _Search:
    """One walk for `find_uses`, with an explicit stack of nodes and their scopes."""

    def __init__(self, root: ast.AST, n_skipped: int, follow_annotations: bool) -> None:
        self.root = root
        self.n_skipped = n_skipped
        self.follow_annotations = follow_annotations
        self.uses: dict[Use, None] = {}
        self.computed: dict[tuple[str, Chain], None] = {}
        self.imports: dict[ImportedName, None] = {}
        self.import_calls: dict[str, None] = {}
        self.outside = _Scope(None, is_root=True)
        self.stack: list[tuple[ast.AST, _Scope]] = [(root, self.outside)]

    def run(self) -> None:
        while self.stack:
            node, scope = self.stack.pop()
            if isinstance(node, (ast.Name, ast.Attribute)):
                self._visit_chain(node, scope)
            elif isinstance(node, (*_FUNCTIONS, ast.Lambda)):
                self._visit_function(node, scope)
            elif isinstance(node, ast.ClassDef):
                self._visit_class(node, scope)
            elif isinstance(node, _COMPREHENSIONS):
                self._visit_comprehension(node, scope)
            elif isinstance(node, ast.Call):
                self._visit_call(node, scope)
            elif isinstance(node, ast.AnnAssign):
                self._visit_annotated(node, scope)
            elif isinstance(node, ast.AugAssign):
                self._push([node.target, node.value], scope)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                for imported in iter_imported(node):
                    self.imports[imported[1]] = None
            else:
                self._push(ast.iter_child_nodes(node), scope)

    def _push(self, nodes: Iterable[ast.AST | None], scope: _Scope) -> None:
        self.stack.extend((n, scope) for n in reversed([n for n in nodes if n is not None]))

    def _visit_chain(self, node: ast.Name | ast.Attribute, scope: _Scope) -> None:
        chain = get_chain(node)
        if chain is None:
            self._push(ast.iter_child_nodes(node), scope)
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del):
            return
        self._add(chain, scope)

    def _add(self, chain: Chain, scope: _Scope) -> bool:
        is_outside, imported = scope.find(chain[0])
        if is_outside:
            use = Use(chain[0], chain[1:], imported, scope is self.outside)
            self.uses[use] = None
        return is_outside

    def _visit_function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: _Scope
    ) -> None:
        arguments = node.args
        inner = _Scope(scope)
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
        inner.bound.update(argument.arg for argument in every)
        body: list[ast.AST]
        if isinstance(node, ast.Lambda):
            body = [node.body]
        else:
            body = list(node.body)
            inner.bound.update(p.name for p in getattr(node, "type_params", ()))
        _bind(body, inner)
        self._push(body, inner)
        header: list[ast.AST | None] = [*arguments.defaults, *arguments.kw_defaults]
        if not isinstance(node, ast.Lambda):
            decorators = node.decorator_list[self.n_skipped if node is self.root else 0 :]
            header = [*decorators, *header]
            if self.follow_annotations:
                header += [argument.annotation for argument in every]
                header.append(node.returns)
        self._push(header, scope)

    def _visit_class(self, node: ast.ClassDef, scope: _Scope) -> None:
        inner = _Scope(scope, is_class=True)
        _bind(node.body, inner)
        self._push(node.body, inner)
        decorators = node.decorator_list[self.n_skipped if node is self.root else 0 :]
        self._push([*decorators, *node.bases, *(k.value for k in node.keywords)], scope)

    def _visit_comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, scope: _Scope
    ) -> None:
        inner = _Scope(scope, is_comprehension=True)
        for generator in node.generators:
            inner.bound.update(_iter_stored(generator.target))
        if isinstance(node, ast.DictComp):
            self._push([node.key, node.value], inner)
        else:
            self._push([node.elt], inner)
        for generator in reversed(node.generators):
            self._push([generator.target, *generator.ifs], inner)
            self._push([generator.iter], scope if generator is node.generators[0] else inner)

    def _visit_annotated(self, node: ast.AnnAssign, scope: _Scope) -> None:
        if scope.is_class or scope.is_root:
            # Names in it need not exist: they may be imported for a type checker only.
            for part in ast.walk(node.annotation):
                chain = get_chain(part) if isinstance(part, (ast.Name, ast.Attribute)) else None
                if chain is not None and scope.find(chain[0])[0]:
                    self.uses[Use(chain[0], chain[1:], scope.find(chain[0])[1], True)] = None
        self._push([node.target, node.value], scope)

    def _visit_call(self, node: ast.Call, scope: _Scope) -> None:
        called = get_chain(node.func)
        rest: list[ast.AST] = [*node.args, *(k.value for k in node.keywords)]
        if called is not None and scope.find(called[0])[0]:
            name = called[-1]
            if called in (("getattr",), ("hasattr",)) and len(node.args) >= 2:
                chain = get_chain(node.args[0])
                attribute = node.args[1]
                if chain is not None and scope.find(chain[0])[0]:
                    if isinstance(attribute, ast.Constant) and isinstance(attribute.value, str):
                        self._add((*chain, attribute.value), scope)
                        rest = rest[2:]
                    else:
                        self.computed[(name, chain)] = None
            elif called in (("__import__",), ("importlib", "import_module"), ("import_module",)):
                self._visit_import_call(name, node)
            elif called in (("globals",), ("eval",), ("exec",)):
                self.computed[(name, ())] = None
        self._push([node.func, *rest], scope)

    def _visit_import_call(self, name: str, node: ast.Call) -> None:
        argument = node.args[0] if node.args else None
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            module = argument.value
            if not module.startswith("."):
                self.import_calls[module] = None
                return
        self.computed[(name, ())] = None


def _bind(body: Iterable[ast.AST], scope: _Scope) -> None:
    """Collect the names that statements bind in their own scope."""
    declared: set[str] = set()
    stack: list[tuple[ast.AST, bool]] = [(node, False) for node in reversed(list(body))]
    while stack:
        node, inside = stack.pop()
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            declared.update(node.names)
            if isinstance(node, ast.Global):
                scope.global_names.update(node.names)
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            if not inside:
                scope.bound.add(node.name)
            stack.extend((n, inside) for n in node.decorator_list)
        elif isinstance(node, ast.Lambda):
            continue
        elif isinstance(node, _COMPREHENSIONS):
            # Of what a comprehension binds, only `:=` reaches the scope around it.
            stack.extend((n, True) for n in ast.iter_child_nodes(node))
        elif isinstance(node, ast.NamedExpr):
            scope.bound.add(node.target.id)
            stack.append((node.value, inside))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for name, imported in iter_imported(node):
                scope.bound.add(name)
                scope.imports.setdefault(name, imported)
        else:
            if not inside:
                scope.bound.update(_own_names(node))
            stack.extend((n, inside) for n in ast.iter_child_nodes(node))
    scope.bound -= declared


def _own_names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node binds by itself."""
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Store):
            yield node.id
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        if node.name:
            yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest


def _iter_stored(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id


def iter_imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, ImportedName]]:
    """Yield each name that an import binds, with what it binds it to."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            imported = ImportedName(node.module or "", alias.name, node.level)
            yield alias.asname or alias.name, imported
        elif alias.asname:
            yield alias.asname, ImportedName(alias.name, None, 0)
        else:
            # `import a.b` binds `a`, and makes sure of `a.b`.
            yield alias.name.partition(".")[0], ImportedName(alias.name, None, 0)


def find_assignments(tree: ast.Module, name: str) -> list[ast.stmt]:
    """Return the statements outside functions and classes that bind `name`, in order."""
    found: list[ast.stmt] = []
    stack: list[ast.stmt] = list(reversed(tree.body))
    while stack:
        node = stack.pop()
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            if node.name == name:
                found.append(node)
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if any(bound == name for bound, _ in iter_imported(node)):
                found.append(node)
            continue
        blocks = [b for b in ("body", "orelse", "finalbody", "handlers") if hasattr(node, b)]
        if not blocks:
            if name in _iter_changed(node):
                found.append(node)
            continue
        if isinstance(node, (ast.For, ast.With)) and name in set(_iter_header_names(node)):
            found.append(node)
            continue
        inner: list[ast.stmt] = []
        for block in blocks:
            for part in getattr(node, block):
                inner.extend(part.body if isinstance(part, ast.ExceptHandler) else [part])
        inner += [s for case in getattr(node, "cases", ()) for s in case.body]
        stack.extend(reversed(inner))
    return found


def _iter_header_names(node: ast.For | ast.With) -> Iterator[str]:
    if isinstance(node, ast.For):
        yield from _iter_stored(node.target)
    else:
        for item in node.items:
            if item.optional_vars is not None:
                yield from _iter_stored(item.optional_vars)


def _iter_changed(node: ast.stmt) -> set[str]:
    """Return the names that a simple statement binds, or whose items or attributes it sets."""
    names = set(_iter_stored(node))
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        targets = [node.target]
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        # `REGISTRY.append(…)`, `CONFIG.update(…)`: part of how the value came about.
        targets = [node.value.func] if isinstance(node.value.func, ast.Attribute) else []
    for target in targets:
        base: ast.AST = target
        while isinstance(base, (ast.Attribute, ast.Subscript)):
            base = base.value
        if isinstance(base, ast.Name):
            names.add(base.id)
    return names
