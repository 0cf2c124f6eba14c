"""The tasks of a workflow file as its text tells them: the file is parsed and never run.

Decided here: which functions are tasks, what they are called, and which texts their parameters take,
as far as a syntax tree can say. What only running the file would tell is left out: tasks made in a
loop or by a function, names that are computed. Imports are followed one level, to files beside the
workflow. Not here: what an option is called (`cli.arguments`). No state.

Completion asks for this at every TAB, so nothing heavy is imported.

>>> module = Module("", ast.parse("redun_namespace = 'lab'\\n@task()\\ndef f(kind: bool = True): ..."))
>>> [task] = module.list_tasks()
>>> task.fullname, task.list_parameters()
('lab.f', [Parameter(name='kind', kind=1, default='True', texts=Texts(choices=(), is_bool=True, \
is_list=False, is_path=False, type='bool'), fields=())])
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from redunlite.namespace import MODULE_VARIABLE, normalize_name
from redunlite.signature import (
    KEYWORD_ONLY,
    POSITIONAL_ONLY,
    POSITIONAL_OR_KEYWORD,
)

MAX_BYTES = 4 << 20
"""A larger file is no workflow that a person wrote."""
SCHEDULER_TASK = "scheduler_task"
N_GIVEN = 3
"""Parameters of a `scheduler_task` that the scheduler itself gives: scheduler, job, expression."""
JOB_INFO = "JobInfo"
"""The default of a parameter that the engine fills in."""
MAX_STEPS = 8
"""Names that are followed from an annotation to what it stands for."""

_PATH_TYPES = {
    "Any", "AnyStr", "ContentDir", "ContentFile", "Dir", "File", "FileSet", "IDir", "IFile", "Path",
    "PathLike", "PurePath", "bytes", "object", "str",
}  # fmt: skip
"""Types whose text may be the path of a file."""
_LIST_TYPES = {
    "Collection", "FrozenSet", "Iterable", "List", "Sequence", "Set", "Tuple", "deque", "frozenset",
    "list", "set", "tuple",
}  # fmt: skip
_ENUM_TYPES = {"Enum", "Flag", "IntEnum", "IntFlag", "StrEnum"}


class Texts(NamedTuple):
    """Which texts an annotation takes."""

    choices: tuple[str, ...] = ()
    """All of them, when they can be listed."""
    is_bool: bool = False
    is_list: bool = False
    """Several may be given, each of these texts."""
    is_path: bool = False
    """It may be the path of a file: text, paths, and what has no annotation."""
    type: str = ""
    """The annotation as it is written; empty where there is none."""


class Parameter(NamedTuple):
    """A parameter that can be set by name."""

    name: str
    kind: int
    """As in `signature`."""
    default: str | None
    """As help shows it; None when a value must be given, empty when only running would tell."""
    texts: Texts
    fields: tuple[Parameter, ...] = ()
    """Of a dataclass or a named tuple: each can be set by itself."""


class Outline(NamedTuple):
    """A task, as the text tells it."""

    name: str
    namespace: str
    node: ast.FunctionDef | ast.AsyncFunctionDef
    module: Module
    """Where it is defined."""

    @property
    def fullname(self) -> str:
        """The name with its namespace."""
        return f"{self.namespace}.{self.name}" if self.namespace else self.name

    @property
    def doc(self) -> str:
        """The docstring as it is written, or an empty string."""
        first = self.node.body[0]
        # `ast.get_docstring` would import `inspect`.
        return (_get_text(first.value) if isinstance(first, ast.Expr) else None) or ""

    @property
    def summary(self) -> str:
        """The first line of the docstring, or an empty string."""
        return next(iter(self.doc.strip().splitlines()), "")

    def list_parameters(self) -> list[Parameter]:
        """Return the parameters, but for ``*args``, ``**kwargs`` and those that the engine fills in."""
        arguments = self.node.args
        positional = [
            *((argument, POSITIONAL_ONLY) for argument in arguments.posonlyargs),
            *((argument, POSITIONAL_OR_KEYWORD) for argument in arguments.args),
        ]
        n_required = len(positional) - len(arguments.defaults)
        defaults: list[ast.expr | None] = [*[None] * n_required, *arguments.defaults]
        n_given = N_GIVEN if _find_marker(self.node, {SCHEDULER_TASK}) else 0
        named = list(zip(positional, defaults))[n_given:]
        every = [
            *((argument, kind, default) for (argument, kind), default in named),
            *((a, KEYWORD_ONLY, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults)),
        ]
        found = []
        for argument, kind, default in every:
            if isinstance(default, ast.Call) and _last(default.func) == JOB_INFO:
                continue
            texts = self.module.find_texts(argument.annotation)
            shown = None if default is None else _format_default(default, texts)
            has_instance = default is not None and not _is_none(default)
            fields = self.module.find_fields(argument.annotation, has_instance)
            found.append(Parameter(argument.arg, kind, shown, texts, fields))
        return found


class Module:
    """One file's syntax tree.

    Parameters
    ----------
    folder
        Where modules that it imports are looked for.
    """

    def __init__(self, folder: str, tree: ast.Module) -> None:
        self._folder = folder
        self._body = list(_iter_top(tree.body))
        self._neighbours: dict[str, Module | None] = {}

    def list_tasks(self) -> list[Outline]:
        """Return the tasks that the file defines, in their order, then those that it imports."""
        found = {task.fullname: task for task in self._list_own()}
        for node in self._body:
            if isinstance(node, ast.ImportFrom):
                for task in self._list_imported(node):
                    found.setdefault(task.fullname, task)
        return list(found.values())

    def _list_own(self) -> Iterator[Outline]:
        markers = self._find_markers()
        variable: str | None = None
        current = ""
        for node in self._body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)):
                if MODULE_VARIABLE in _iter_targets(node):
                    variable = _get_text(node.value)
            elif isinstance(node, ast.Expr):
                if isinstance(node.value, ast.Call) and _last(node.value.func) == "namespace":
                    current = _get_first_text(node.value) or ""
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                call = _find_marker(node, markers)
                if call is not None:
                    options = {k.arg: _get_text(k.value) for k in call.keywords}
                    namespace = options.get("namespace")
                    if namespace is None:
                        namespace = current if variable is None else variable
                    name = normalize_name(options.get("name") or node.name)
                    yield Outline(name, normalize_name(namespace), node, self)

    def _find_markers(self) -> set[str]:
        """Return the names under which the decorator is known: as the last of dotted names."""
        markers = {"task", SCHEDULER_TASK}
        for node in self._body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("redunlite"):
                markers.update(a.asname for a in node.names if a.name == "task" and a.asname)
        return markers

    def _list_imported(self, node: ast.ImportFrom) -> list[Outline]:
        module = self._find_neighbour(node)
        if module is None:
            return []
        tasks = list(module._list_own())
        names = {alias.name for alias in node.names}
        return [task for task in tasks if task.node.name in names or "*" in names]

    def _find_neighbour(self, node: ast.ImportFrom) -> Module | None:
        """Return the module beside this one that an import names; None for all others."""
        name = node.module
        if node.level or not name:
            return None
        if name not in self._neighbours:
            path = os.path.join(self._folder, *name.split("."))
            self._neighbours[name] = None
            for candidate in (f"{path}.py", os.path.join(path, "__init__.py")):
                if os.path.isfile(candidate):
                    try:
                        self._neighbours[name] = read_module(candidate)
                    except (OSError, SyntaxError, ValueError):
                        pass
                    break
        return self._neighbours[name]

    # What annotations take.

    def find_texts(self, annotation: ast.expr | None) -> Texts:
        """Return which texts an annotation takes."""
        if annotation is None:
            return Texts(is_path=True)
        written = _get_text(annotation) or _format_source(annotation)
        return self._read(annotation, MAX_STEPS)._replace(type=written)

    # Dataclasses.

    def find_fields(
        self, annotation: ast.expr | None, has_instance: bool, above: tuple[ast.ClassDef, ...] = ()
    ) -> tuple[Parameter, ...]:
        """Return the fields of the dataclass or named tuple that an annotation is about, if any.

        Parameters
        ----------
        has_instance
            Whether there is an instance that says their defaults.
        above
            Classes whose field this is; one that comes again has no options of its own.
        """
        if annotation is None:
            return ()
        module, node = self._find_record(annotation, MAX_STEPS)
        if node is None or node in above:
            return ()
        found = []
        for item in module._iter_fields(node, MAX_STEPS):
            default = _find_field_default(item.value)
            texts = module.find_texts(item.annotation)
            shown = None if default is None else _format_default(default, texts)
            inner = module.find_fields(item.annotation, has_instance, (*above, node))
            name = item.target.id if isinstance(item.target, ast.Name) else ""
            found.append(Parameter(name, KEYWORD_ONLY, "" if has_instance else shown, texts, inner))
        return tuple(found)

    def _find_record(self, node: ast.expr, n_left: int) -> tuple[Module, ast.ClassDef | None]:
        """Return the class that an annotation names, and the module that it is in."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and n_left > 0:
            try:
                return self._find_record(ast.parse(node.value, mode="eval").body, n_left - 1)
            except (SyntaxError, ValueError):
                return self, None
        members: list[ast.expr] = []
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            members = [node.left, node.right]
        elif isinstance(node, ast.Subscript) and _last(node.value) in ("Optional", "Union"):
            members = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        elif isinstance(node, ast.Subscript) and _last(node.value) == "Annotated":
            members = node.slice.elts[:1] if isinstance(node.slice, ast.Tuple) else []
        if members and n_left > 0:
            found = [self._find_record(m, n_left - 1) for m in members if not _is_none(m)]
            classes = [pair for pair in found if pair[1] is not None]
            return classes[0] if len(classes) == 1 else (self, None)
        if not isinstance(node, ast.Name):
            return self, None
        cls = self._find_class(node.id)
        if cls is not None:
            return self, cls if _is_record(cls) else None
        for statement in self._body:
            if isinstance(statement, ast.ImportFrom):
                for alias in statement.names:
                    if (alias.asname or alias.name) == node.id:
                        module = self._find_neighbour(statement)
                        cls = None if module is None else module._find_class(alias.name)
                        return module or self, cls if cls is not None and _is_record(cls) else None
        return self, None

    def _iter_fields(self, node: ast.ClassDef, n_left: int) -> Iterator[ast.AnnAssign]:
        """Yield the fields of a class, those of its bases in this module first."""
        found: dict[str, ast.AnnAssign] = {}
        for base in map(_last, node.bases):
            above = self._find_class(base) if n_left > 0 else None
            if above is not None and _is_record(above):
                found.update((_name_field(f), f) for f in self._iter_fields(above, n_left - 1))
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                head = item.annotation
                head = head.value if isinstance(head, ast.Subscript) else head
                if _last(head) != "ClassVar" and not _is_left_out(item.value):
                    found[item.target.id] = item
        yield from found.values()

    # Texts.

    def _read(self, node: ast.expr, n_left: int) -> Texts:
        if n_left <= 0:
            return Texts()
        n_left -= 1
        if isinstance(node, ast.Constant):
            return self._read_constant(node, n_left)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._join([node.left, node.right], n_left)
        if isinstance(node, ast.Subscript):
            return self._read_subscript(node, n_left)
        name = _last(node)
        if name == "bool":
            return Texts(is_bool=True)
        if name in _LIST_TYPES:
            return Texts(is_list=True, is_path=True)
        if name in _PATH_TYPES:
            return Texts(is_path=True)
        return self._read_name(node.id, n_left) if isinstance(node, ast.Name) else Texts()

    def _read_constant(self, node: ast.Constant, n_left: int) -> Texts:
        if not isinstance(node.value, str):
            return Texts()
        try:
            quoted = ast.parse(node.value, mode="eval").body
        except (SyntaxError, ValueError):
            return Texts()
        return self._read(quoted, n_left)

    def _join(self, members: Sequence[ast.expr], n_left: int) -> Texts:
        """Return what a union takes, whose None is a word of its own."""
        found = [self._read(m, n_left) for m in members if not _is_none(m)]
        if len(found) == 1:
            return found[0]
        choices = tuple(choice for texts in found for choice in texts.choices)
        return Texts(choices, is_path=any(texts.is_path for texts in found))

    def _read_subscript(self, node: ast.Subscript, n_left: int) -> Texts:
        name = _last(node.value)
        inner = node.slice
        members = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        if not members:
            return Texts()
        if name == "Literal":
            return Texts(tuple(self._list_literals(members)))
        if name in ("Optional", "Union"):
            return self._join(members, n_left)
        if name in ("Annotated", "Final", "InitVar"):
            return self._read(members[0], n_left)
        if name in _LIST_TYPES:
            return self._read(members[0], n_left)._replace(is_list=True, is_bool=False)
        return Texts()

    def _list_literals(self, members: Sequence[ast.expr]) -> Iterator[str]:
        for member in members:
            if isinstance(member, ast.Constant):
                yield str(member.value)
            elif isinstance(member, (ast.UnaryOp, ast.Attribute)):  # -1, or a member of an Enum
                yield _format_source(member)

    def _read_name(self, name: str, n_left: int) -> Texts:
        """Return what a name of this module takes: a class, an alias, or an import of one."""
        for node in reversed(self._body):
            if isinstance(node, ast.ClassDef) and node.name == name:
                return self._read_class(node, n_left)
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and name in _iter_targets(node):
                return self._read_assigned(node.value, n_left)
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        module = self._find_neighbour(node)
                        return Texts() if module is None else module._read_name(alias.name, n_left)
        return Texts()

    def _read_assigned(self, value: ast.expr | None, n_left: int) -> Texts:
        if value is None:
            return Texts()
        if not isinstance(value, ast.Call):
            return self._read(value, n_left)
        name = _last(value.func)
        if name in _ENUM_TYPES and len(value.args) > 1:
            return Texts(tuple(_iter_enum_names(value.args[1])))
        if name == "NewType" and len(value.args) > 1:
            return self._read(value.args[1], n_left)
        return Texts()

    def _read_class(self, node: ast.ClassDef, n_left: int) -> Texts:
        if self._is_enum(node, n_left):
            return Texts(tuple(_iter_members(node)))
        return Texts(is_path=any(_last(base) in _PATH_TYPES for base in node.bases))

    def _is_enum(self, node: ast.ClassDef, n_left: int) -> bool:
        for base in map(_last, node.bases):
            above = self._find_class(base) if n_left > 0 else None
            if base in _ENUM_TYPES or (above is not None and self._is_enum(above, n_left - 1)):
                return True
        return False

    def _find_class(self, name: str) -> ast.ClassDef | None:
        for node in reversed(self._body):
            if isinstance(node, ast.ClassDef) and node.name == name:
                return node
        return None


def read_module(path: str) -> Module:
    """Parse a file.

    Raises
    ------
    OSError, SyntaxError, ValueError
        When it cannot be read, or is no Python.
    """
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"{path} has more than {MAX_BYTES:,} bytes")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as those of invalid escapes
        tree = ast.parse(data, path)
    return Module(os.path.dirname(os.path.realpath(path)), tree)


def find_task(tasks: Sequence[Outline], name: str) -> Outline | None:
    """Return the task called `name`, with or without its namespace; None when there are none or two."""
    name = normalize_name(name)
    for task in tasks:
        if task.fullname == name:
            return task
    short = [task for task in tasks if task.name == name]
    return short[0] if len(short) == 1 else None


# Syntax trees.


def _iter_top(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements outside functions and classes, in order."""
    for node in body:
        yield node
        for block in ("body", "handlers", "orelse", "finalbody"):
            inner = getattr(node, block, None)
            if inner and not isinstance(
                node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Expr)
            ):
                yield from _iter_top(inner)


def _find_marker(
    node: ast.FunctionDef | ast.AsyncFunctionDef, markers: set[str]
) -> ast.Call | None:
    """Return the call that makes a function a task; one without arguments for ``@task`` alone."""
    # The outermost counts: a decorator made with `wraps_task` keeps the name of what is below it.
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else ast.Call(decorator, [], [])
        if _last(call.func) in markers:
            return call
    return None


def _last(node: ast.expr) -> str:
    """Return the last of dotted names, such as ``task`` of ``redunlite.task``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _iter_targets(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Name):
            yield target.id


def _get_text(node: ast.expr | None) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def _get_first_text(call: ast.Call) -> str | None:
    if call.args:
        return _get_text(call.args[0])
    return next((_get_text(k.value) for k in call.keywords if k.arg == "ns"), None)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_record(node: ast.ClassDef) -> bool:
    """Tell whether a class is a dataclass or a named tuple."""
    for decorator in node.decorator_list:
        named = decorator.func if isinstance(decorator, ast.Call) else decorator
        if _last(named) == "dataclass":
            return True
    return any(_last(base) == "NamedTuple" for base in node.bases)


def _name_field(item: ast.AnnAssign) -> str:
    return item.target.id if isinstance(item.target, ast.Name) else ""


def _get_keyword(value: ast.expr | None, *names: str) -> ast.expr | None:
    """Return an argument of ``field(…)``; None where it has none, and for what is no such call."""
    if not isinstance(value, ast.Call) or _last(value.func) != "field":
        return None
    return next((k.value for k in value.keywords if k.arg in names), None)


def _is_left_out(value: ast.expr | None) -> bool:
    """Tell whether a field is no argument of its class: ``field(init=False)``."""
    init = _get_keyword(value, "init")
    return isinstance(init, ast.Constant) and init.value is False


def _find_field_default(value: ast.expr | None) -> ast.expr | None:
    """Return what a field is when it is not given."""
    if isinstance(value, ast.Call) and _last(value.func) == "field":
        factory = _get_keyword(value, "default_factory")
        if factory is None:
            return _get_keyword(value, "default")
        return factory.body if isinstance(factory, ast.Lambda) else ast.Call(factory, [], [])
    return value


def _iter_members(node: ast.ClassDef) -> Iterator[str]:
    """Yield the names of an Enum's members."""
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name) and not _is_reserved(target.id):
                    yield target.id


def _is_reserved(name: str) -> bool:
    """Tell whether a name in an Enum's body is no member: ``__private`` and ``_ignore_``."""
    return name.startswith("__") or (name.startswith("_") and name.endswith("_"))


def _iter_enum_names(node: ast.expr) -> Iterator[str]:
    """Yield the names in the second argument of ``Enum("Color", "RED GREEN")``."""
    text = _get_text(node)
    if text is not None:
        yield from text.replace(",", " ").split()
    elif isinstance(node, (ast.List, ast.Tuple)):
        yield from (found for found in map(_get_text, node.elts) if found is not None)
    elif isinstance(node, ast.Dict):
        yield from (found for k in node.keys if k and (found := _get_text(k)) is not None)


def _format_default(node: ast.expr, texts: Texts) -> str:
    if texts.choices and isinstance(node, ast.Attribute):
        return node.attr
    return _get_text(node) or _format_source(node)


def _format_source(node: ast.expr) -> str:
    """Return an expression as it would be written, on one line."""
    return ast.unparse(node).replace("\n", " ")
