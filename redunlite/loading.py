"""Project modules from their source text: loaded from it, remembered, and found again for a function.

Decided here: what project code is, how a workflow file becomes a module, and whether a text is the
source of the code that runs. Not here: what of it counts in a task's hash (`fingerprint`).

The text that a module is compiled from is read once and kept, never taken from stale bytecode, so
that hashes, workers and tracebacks speak of the code that runs whatever happens to the file. Modules
that were loaded before redunlite have no such text: theirs is read when the finder is installed, and
believed for a function only when it compiles to that function's code, positions apart. The text of a
module that is not loaded here, because only jobs import it, is read when first needed in a run and kept
until its end (`holding_texts`).

State: the texts by file and by module, the finder on `sys.meta_path`, and the edition of the texts.

>>> from pathlib import Path
>>> _ = Path("planets.py").write_text("planet = 'World'")
>>> module = load_workflow("planets.py")
>>> _ = Path("planets.py").write_text("planet = 'Mars'")
>>> module.planet, get_source("planets").text
('World', "planet = 'World'")
"""

from __future__ import annotations

import ast
import importlib.machinery
import linecache
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, FunctionType, ModuleType
from typing import Any

from redunlite import hashing, syntax
from redunlite.errors import UnknownNameError, WorkflowLoadError
from redunlite.shadowing import PACKAGES, find_needed
from redunlite.tracebacks import (
    describe_traceback,
    format_frames,
    is_installed_file,
    is_library_file,
    summarize_exception,
)

__all__ = [
    "ModuleSource",
    "SourceFile",
    "WorkerFinder",
    "count_sources",
    "find_source_of",
    "get_source",
    "get_source_file",
    "holding_texts",
    "import_module",
    "install_finder",
    "is_importable",
    "is_project_module",
    "is_project_path",
    "iter_sources",
    "load_workflow",
    "main_stem",
    "open_folder",
    "read_source",
]

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_FUTURE_FLAGS = 0x1FE0000
"""Flags of ``from __future__``, which a shell hands from cell to cell; none changes a function."""
_MOVED_LINES = 10_000_000
"""First line given to lambdas of one line to tell them apart; beyond any real file."""


@dataclass(frozen=True)
class ModuleSource:
    """The text that a project module was loaded from."""

    name: str
    """Full module name; ``__main__`` goes by the stem of its file."""
    path: str
    """Absolute path of the file; only shown, never read again."""
    text: str
    """The decoded text."""
    is_package: bool
    """Whether it is the ``__init__`` of a package."""


# Texts.


class SourceFile:
    """One text, parsed and compiled at most once.

    Parameters
    ----------
    path
        File name as the code objects have it.
    text
        The decoded text.
    code
        The module's code, when it was compiled from this very text and is what runs.
    """

    def __init__(self, path: str, text: str, code: CodeType | None = None) -> None:
        self.path = path
        self.text = text
        self.is_trusted = code is not None
        """Whether what runs was compiled from `text`."""
        self._code = code
        self._lines: list[str] | None = None
        self._tree: ast.Module | None = None
        self._codes: dict[str, list[CodeType]] | None = None
        self._lambdas: dict[int, list[FunctionNode]] | None = None
        self._functions: dict[tuple[int, str], list[FunctionNode]] | None = None
        self._moved: dict[int, list[tuple[Any, int]]] = {}
        self._found: dict[CodeType, FunctionNode | None] = {}

    @property
    def lines(self) -> list[str]:
        """The lines of the text, with their ends."""
        if self._lines is None:
            self._lines = self.text.splitlines(keepends=True)
        return self._lines

    @property
    def tree(self) -> ast.Module:
        """The syntax tree of the text. Raises SyntaxError."""
        if self._tree is None:
            self._tree = ast.parse(self.text, self.path)
        return self._tree

    @property
    def code(self) -> CodeType:
        """The code of the text. Raises SyntaxError."""
        if self._code is None:
            self._code = compile(self.text, self.path, "exec", dont_inherit=True)
        return self._code

    def find_function(self, code: CodeType) -> FunctionNode | None:
        """Return the node that `code` was compiled from, or None when the text is not its source."""
        # Equality of code objects covers name, first line, instructions and constants.
        try:
            return self._found[code]
        except KeyError:
            node = self._found[code] = self._find_function(code)
            return node

    def _find_function(self, code: CodeType) -> FunctionNode | None:
        try:
            own = self._find_own_code(code)
            if own is None:
                return None
            nodes = self._find_nodes(own.co_firstlineno, own.co_name)
        except (SyntaxError, ValueError, RecursionError):
            return None
        if len(nodes) <= 1:
            return nodes[0] if nodes else None
        return self._tell_apart(own, nodes)

    def _find_own_code(self, code: CodeType) -> CodeType | None:
        """Return the code in this text that equals `code`, positions apart."""
        if self._codes is None:
            self._codes = {}
            stack = [self.code]
            while stack:
                parent = stack.pop()
                for const in parent.co_consts:
                    if isinstance(const, CodeType):
                        self._codes.setdefault(const.co_name, []).append(const)
                        stack.append(const)
        candidates = self._codes.get(code.co_name, [])
        for candidate in candidates:
            if candidate is code:
                return candidate
        shape = code_shape(code)
        equal = [c for c in candidates if code_shape(c) == shape]
        in_place = [c for c in equal if c.co_firstlineno == code.co_firstlineno]
        if in_place:
            return in_place[0]
        # The text has moved on since it was compiled: no doubt is left only if there is one.
        return equal[0] if len(equal) == 1 else None

    def _find_nodes(self, line: int, name: str) -> list[FunctionNode]:
        """Return the functions of that name that begin on a line, in the order of `ast.walk`."""
        if name == "<lambda>":
            if self._lambdas is None:
                self._lambdas = {}
                for node in ast.walk(self.tree):
                    if isinstance(node, ast.Lambda):
                        self._lambdas.setdefault(node.lineno, []).append(node)
            return self._lambdas.get(line, [])
        if self._functions is None:
            self._functions = {}
            for function in iter_functions(self.tree):
                decorators = function.decorator_list
                first = decorators[0].lineno if decorators else function.lineno
                self._functions.setdefault((first, function.name), []).append(function)
        return self._functions.get((line, name), [])

    def _tell_apart(self, code: CodeType, nodes: list[FunctionNode]) -> FunctionNode | None:
        """Return which of several functions that begin on one line `code` is.

        The text is compiled once more with each of them moved to a line of its own.
        """
        line = code.co_firstlineno
        known = self._moved.get(line)
        if known is None:
            known = self._moved[line] = _compile_moved(self.text, self.path, line)
        shape = code_shape(code)
        equal = [nodes[index] for moved_shape, index in known if moved_shape == shape]
        if not equal:
            return None
        # Several that compile to the same code behave alike: take the one that sorts first.
        return min(equal, key=syntax.normal_form)


def iter_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield each function statement of a module, nested ones too; expressions hold none."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
        for block in ("body", "orelse", "handlers", "finalbody", "cases"):
            inner = getattr(node, block, None)
            if isinstance(inner, list):
                stack.extend(inner)


def _compile_moved(text: str, path: str, line: int) -> list[tuple[Any, int]]:
    """Return shape and index of each lambda on a line, in the order of `ast.walk`."""
    tree = ast.parse(text, path)
    n_moved = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda) and node.lineno == line:
            node.lineno = _MOVED_LINES + n_moved
            node.end_lineno = max(node.end_lineno or 0, node.lineno)
            n_moved += 1
    found = []
    stack = [compile(tree, path, "exec", dont_inherit=True)]
    while stack:
        for const in stack.pop().co_consts:
            if isinstance(const, CodeType):
                stack.append(const)
                if const.co_name == "<lambda>" and const.co_firstlineno >= _MOVED_LINES:
                    found.append((code_shape(const), const.co_firstlineno - _MOVED_LINES))
    return found


def code_shape(code: CodeType) -> tuple[Any, ...]:
    """Return what `code` does, as a value to compare: everything but positions and file name."""
    return (
        code.co_name,
        code.co_code,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags & ~_FUTURE_FLAGS,
        getattr(code, "co_exceptiontable", b""),
        tuple(map(_const_shape, code.co_consts)),
    )


def _const_shape(const: Any) -> Any:
    if isinstance(const, CodeType):
        return code_shape(const)
    if isinstance(const, tuple):
        return (tuple, tuple(map(_const_shape, const)))
    if isinstance(const, frozenset):
        return (frozenset, frozenset(map(_const_shape, const)))
    if isinstance(const, (float, complex)):
        return (type(const), repr(const))
    return (type(const), const)


_files: dict[str, SourceFile] = {}
_sources: dict[str, ModuleSource] = {}
_unloaded: dict[str, ModuleSource] = {}
"""Texts of project modules that are not loaded here, as they were first read in this run."""
_workflow_paths: dict[str, str] = {}
"""Name by path of the workflow files that were loaded under a name other than their stem."""
_n_runs = 0
edition = 0
"""Changes when texts may have been read anew: what was worked out of them before is out of date."""


def _remember(source: ModuleSource, code: CodeType | None) -> SourceFile:
    file = SourceFile(source.path, source.text, code)
    _files[source.path] = file
    _sources[source.name] = source
    # Without a time of change the entry is never checked against the disk.
    entry: Any = (len(source.text), None, source.text.splitlines(keepends=True), source.path)
    linecache.cache[source.path] = entry
    return file


def read_text(path: str) -> str:
    """Return the decoded text of a source file. Raises OSError, SyntaxError, UnicodeDecodeError."""
    with open(path, "rb") as stream:
        data = stream.read()
    return decode_text(data)


def decode_text(data: bytes) -> str:
    """Return source text from its bytes, by its coding line, byte-order mark or as UTF-8."""
    if b"coding" in b"\n".join(data.split(b"\n", 2)[:2]):
        from importlib.util import decode_source

        return decode_source(data)
    return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def get_source_file(path: str) -> SourceFile | None:
    """Return the text behind a code object's file name, read now if it never was; None without.

    The names of cells of a notebook or a shell are looked for in `linecache`.
    """
    file = _files.get(path)
    if file is None:
        is_cell = path in linecache.cache and not os.path.exists(path)
        if is_cell or path.startswith("<"):
            text = "".join(linecache.getlines(path))
            if not text:
                return None
        else:
            try:
                text = read_text(path)
            except (OSError, SyntaxError, ValueError):
                return None
        file = _files[path] = SourceFile(path, text)
    return file


def find_source_of(function: FunctionType | CodeType) -> tuple[SourceFile, FunctionNode] | None:
    """Return text and node of the source that a function or its code was compiled from, or None.

    None where there is no text, or the text is not what runs.
    """
    code = function if isinstance(function, CodeType) else function.__code__
    file = get_source_file(code.co_filename)
    if file is None:
        return None
    node = file.find_function(code)
    return None if node is None else (file, node)


# Modules.


def main_stem() -> str | None:
    """Return the name that ``__main__`` goes by, or None when it has no file."""
    name = hashing.main_name()
    return None if name == "__main__" else name


def alias_main() -> None:
    """Let the file that runs as ``__main__`` be found by its stem, too, where that name is free."""
    stem = main_stem()
    main = sys.modules.get("__main__")
    if stem and main is not None and stem not in sys.modules and is_project_module("__main__"):
        sys.modules[stem] = main


def find_module(name: str) -> ModuleType | None:
    """Return the loaded module of that name, by its stem when it runs as ``__main__``."""
    module = sys.modules.get(name)
    if module is None and name == main_stem():
        module = sys.modules.get("__main__")
    return module


def is_project_path(path: str) -> bool:
    """Tell whether a file is project code: not the standard library, not an installed package."""
    return not is_library_file(path) and not is_installed_file(path)


_project_modules: dict[tuple[str, str | None], bool] = {}


def get_file(module: ModuleType | None) -> str | None:
    """Return the file that a module was loaded from; None for a program read from a pipe, too."""
    path: str | None = getattr(module, "__file__", None)
    return None if not path or path.startswith("<") else path


def is_project_module(name: str) -> bool:
    """Tell whether a loaded module is the user's own code; an editable install is."""
    if name in _sources:
        return True
    module = find_module(name)
    if module is None:
        return False
    path = get_file(module)
    if path is None:
        if name == "__main__":
            return True  # a shell, a notebook, `python -c`
        folders = list(getattr(module, "__path__", ()))
        return bool(folders) and all(is_project_path(f + os.sep) for f in folders)
    known = _project_modules.get((name, path))
    if known is None:
        path_ = os.path.abspath(path)
        known = is_project_path(path_)
        if known and module is sys.modules.get("__main__"):
            # An installed program that runs a workflow is none of the user's code.
            known = not path_.startswith(os.path.join(sys.prefix, "bin") + os.sep)
        _project_modules[(name, path)] = known
    return known


def is_importable(name: str) -> bool:
    """Tell whether another process of this program can import the module by its name."""
    if name in _sources:
        return True
    module = find_module(name)
    if module is None:
        return False
    if get_file(module):
        return True
    return name in sys.builtin_module_names or getattr(module, "__path__", None) is not None


def get_source(name: str) -> ModuleSource | None:
    """Return the text of a loaded project module, read now if it was loaded before redunlite."""
    if name == "__main__":
        name = main_stem() or name
    source = _sources.get(name)
    if source is not None:
        return source
    module = find_module(name)
    path = get_file(module)
    if module is None or not path or not path.endswith((".py", ".pyw")):
        return None
    if not is_project_module("__main__" if module is sys.modules.get("__main__") else name):
        return None
    path = os.path.abspath(path)
    file = get_source_file(path)
    if file is None:
        return None
    source = ModuleSource(name, path, file.text, hasattr(module, "__path__"))
    _sources[name] = source
    return source


def read_source(name: str, path: str | None) -> ModuleSource | None:
    """Return the text of a project module, loaded or not, as it was first read in this run.

    Parameters
    ----------
    path
        Its file, where one was found; it is read if nobody did before.
    """
    source = get_source(name) or _unloaded.get(name)
    if source is None and path is not None:
        file = get_source_file(path)
        if file is not None:
            is_package = os.path.basename(path).startswith("__init__.")
            source = _unloaded[name] = ModuleSource(name, path, file.text, is_package)
    return source


def import_module(name: str) -> None:
    """Import a module that only jobs have imported so far, from the text that they have.

    Raises
    ------
    ModuleNotFoundError
        When there is none of that name, or it needs one that is not there.
    """
    from importlib import import_module
    from importlib.util import module_from_spec

    if find_module(name) is not None:
        return
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        held = _unloaded.get(name)
        if error.name != name or held is None or held.is_package:
            raise
        # A job has changed `sys.path` before it imported it.
        spec = ModuleSpec(name, _TextLoader(name, held.path), origin=held.path)
        spec.has_location = True
        module = sys.modules[name] = module_from_spec(spec)
        try:
            _TextLoader(name, held.path).exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise


@contextmanager
def holding_texts() -> Iterator[None]:
    """Keep the texts of modules, loaded or not, for a run as they are when it first reads them.

    Texts that nothing loaded here was made from are read anew before, unless another run goes on.
    """
    global _n_runs, edition
    if not _n_runs:
        _unloaded.clear()
        loaded = {source.path for source in _sources.values()}
        for path, file in list(_files.items()):
            if not file.is_trusted and path not in loaded:
                del _files[path]
        edition += 1
    _n_runs += 1
    try:
        yield
    finally:
        _n_runs -= 1


def count_sources() -> tuple[int, int]:
    """Return what changes when `iter_sources` yields more."""
    return len(sys.modules), len(_unloaded)


def iter_sources() -> Iterator[ModuleSource]:
    """Yield the text of each project module that is loaded now, or was read without."""
    yield from (source for name, source in _unloaded.items() if name not in _sources)
    names = dict.fromkeys(list(_sources))
    names.update(dict.fromkeys(list(sys.modules)))
    for name in names:
        if name != "__main__" or main_stem():
            source = get_source(name)
            if source is not None and source.name in (name, main_stem()):
                if name == "__main__" and source.name in names:
                    continue
                yield source


# Importing.


class _TextLoader(SourceFileLoader):
    """Loads a project module from its text, never from bytecode, and keeps the text."""

    def get_code(self, fullname: str) -> CodeType:
        """Read, compile and remember the module."""
        held = _unloaded.get(fullname) if _n_runs else None
        if held is not None and fullname not in _sources and held.path == self.path:
            text = held.text  # what counts in hashes of this run, whatever the file holds by now
        else:
            data = self.get_data(self.path)
            try:
                text = decode_text(data)
            except UnicodeDecodeError as error:
                raise SyntaxError(f"(unicode error) {error}", (self.path, 0, 0, "")) from error
        code = compile(text, self.path, "exec", dont_inherit=True)
        _remember(ModuleSource(fullname, self.path, text, self.is_package(fullname)), code)
        return code

    def get_source(self, fullname: str) -> str | None:
        """Return the text that was loaded."""
        source = _sources.get(fullname)
        return source.text if source is not None else super().get_source(fullname)


class ProjectFinder:
    """Stands first on `sys.meta_path`; what the others find of the project is loaded from text."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders find, with a loader of our own for project files."""
        if path is None and (needed := find_needed(name, is_project_path)) is not None:
            return needed
        spec = _ask_others(self, name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader and spec.origin:
            if _workflow_paths.get(spec.origin, name) != name:
                # The workflow file is named like a standard module; that one is meant.
                folder = os.path.dirname(spec.origin)
                rest = [p for p in sys.path if os.path.abspath(p or os.curdir) != folder]
                return importlib.machinery.PathFinder.find_spec(name, rest)
            if is_project_path(os.path.abspath(spec.origin)):
                spec.loader = _TextLoader(name, spec.origin)
        return spec

    def invalidate_caches(self) -> None:
        """Forget nothing: the other finders are asked each time."""


def _ask_others(
    asker: Any, name: str, path: Sequence[str] | None, target: ModuleType | None
) -> ModuleSpec | None:
    """Return what the other finders on `sys.meta_path` find."""
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        if finder is not asker and find is not None:
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                return spec
    return None


def install_finder() -> None:
    """Let project modules be loaded from their text from now on. May be called again."""
    is_new = not any(isinstance(finder, (ProjectFinder, WorkerFinder)) for finder in sys.meta_path)
    if is_new:
        sys.meta_path.insert(0, ProjectFinder())
    alias_main()
    if is_new:
        for _ in iter_sources():  # what was loaded before is read while it is most likely the same
            pass


def workflow_name(path: str) -> str:
    """Return the module name of a workflow file: its stem, unless a module needs that name.

    Behind a symbolic link it is the file's own, under which what lies beside that file imports it.
    """
    stem = os.path.splitext(os.path.basename(os.path.realpath(path)))[0]
    taken = stem in sys.stdlib_module_names or stem in PACKAGES or stem == "redunlite"
    return f"{stem}_workflow" if taken or not stem else stem


def open_folder(path: str) -> str:
    """Let what lies beside a workflow file be imported as if it ran; return its module name.

    Nothing is run. Its folder goes first on `sys.path`: as for Python's own scripts the one that it
    really lies in, whatever links led to it.
    """
    path = os.path.realpath(path)
    name = workflow_name(path)
    folder, base = os.path.split(path)
    if os.path.splitext(base)[0] != name:
        _workflow_paths[path] = name
    if folder not in sys.path:
        sys.path.insert(0, folder)
    install_finder()
    return name


def load_workflow(path: str) -> ModuleType:
    """Run a workflow file as a module, and return it.

    Its folder goes first on `sys.path`, see `open_folder`; its ``__file__`` is the path that was given.
    Loading it a second time runs it a second time.

    Raises
    ------
    WorkflowLoadError
        When it cannot be read or parsed, or raises; with the user's frames only.
    """
    path = os.path.abspath(path)
    text = _read_workflow(path)
    name = open_folder(path)
    try:
        code = compile(text, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise WorkflowLoadError(
            f"cannot parse workflow file {show_path(path)!r}", summarize_exception(error)
        ) from error
    _remember(ModuleSource(name, path, text, False), code)
    module = ModuleType(name)
    loader = _TextLoader(name, path)
    spec = ModuleSpec(name, loader, origin=path)
    spec.has_location = True
    module.__file__, module.__spec__, module.__loader__ = path, spec, loader
    module.__package__ = ""
    previous = sys.modules.get(name)
    sys.modules[name] = module
    try:
        exec(code, module.__dict__)
    except BaseException as error:
        if previous is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = previous
        _sources.pop(name, None)
        if isinstance(error, SystemExit):
            raise WorkflowLoadError(
                f"workflow file {show_path(path)!r} ended the program while it was loaded",
                _describe_load_error(error),
            ) from error
        if not isinstance(error, Exception):
            raise  # a signal
        raise WorkflowLoadError(
            f"cannot load workflow file {show_path(path)!r}", _describe_load_error(error)
        ) from error
    return module


def show_path(path: str) -> str:
    """Return a path as a person would type it here."""
    if path.startswith("<"):
        return path  # a cell of a notebook, a program that is piped in
    try:
        relative = os.path.relpath(path)
    except FileNotFoundError:  # "here" has been deleted
        return path
    return path if relative.startswith("..") else relative


def _read_workflow(path: str) -> str:
    try:
        return read_text(path)
    except FileNotFoundError as error:
        if os.path.islink(path):
            raise WorkflowLoadError(
                f"workflow file {show_path(path)!r} is a link to {os.readlink(path)!r}, which is not there"
            ) from error
        folder, base = os.path.split(path)
        try:
            names = [name for name in os.listdir(folder) if name.endswith(".py")]
        except OSError:
            names = []
        where = "" if folder == os.getcwd() else f"in {show_path(folder)!r}"
        raise UnknownNameError("workflow file", base, names, where) from error
    except OSError as error:
        raise WorkflowLoadError(
            f"cannot read workflow file {show_path(path)!r}: {error.strerror}"
        ) from error
    except (SyntaxError, ValueError) as error:
        what = str(error)
        if isinstance(error, UnicodeDecodeError):
            byte = error.object[error.start]
            what = f"byte 0x{byte:02x} at position {error.start} is not {error.encoding}"
        raise WorkflowLoadError(
            f"cannot decode workflow file {show_path(path)!r}: {what}",
            "save it as UTF-8, or name its encoding in a coding line",
        ) from error


def _describe_load_error(error: BaseException) -> str:
    frames, _ = describe_traceback(error.__traceback__)
    lines = [*format_frames(frames), summarize_exception(error)]
    if isinstance(error, ImportError):
        from redunlite.absent import explain_import

        why = explain_import(error)
        lines += [why] if why else []
        if "attempted relative import" in str(error):
            lines.append(
                "a workflow file is in no package: its folder is on sys.path, so leave out the dot"
            )
    return "\n".join(lines)


def _may_be_project(name: str, path: Sequence[str] | None) -> bool:
    """Tell whether a module that is not there could be one of the project's."""
    if path is None:
        return name not in sys.stdlib_module_names
    return any(is_project_path(os.path.join(os.path.abspath(entry), "")) for entry in path)


class WorkerFinder:
    """Serves a worker the project's modules from the texts that the main process loaded.

    Parameters
    ----------
    sources
        The texts; later ones are added with `add`.
    ask
        Asks the main process for the text of a module it has not told of, by its name and the file
        found for it here, or None for neither.
    """

    def __init__(
        self,
        sources: Iterable[ModuleSource] = (),
        ask: Callable[[str, str | None], ModuleSource | None] = lambda name, path: None,
    ) -> None:
        self._ask = ask
        self._absent: set[str] = set()
        """Modules that nobody could find."""
        self._known: dict[str, ModuleSource] = {}
        for source in sources:
            self.add(source)

    def add(self, source: ModuleSource) -> None:
        """Serve one more module; tracebacks and `inspect.getsource` show its text."""
        self._known[source.name] = source
        if _sources.get(source.name) != source:
            _remember(source, None)
            # The code to trust is not compiled before somebody asks for it.
            _files[source.path].is_trusted = True

    def install(self) -> None:
        """Stand first on `sys.meta_path`, in place of a finder of the main process."""
        sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, ProjectFinder)]
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load `name` from its text, if it is the project's."""
        source = self._known.get(name)
        if source is None:
            if path is None and (needed := find_needed(name, is_project_path)) is not None:
                return needed
            return self._find_unknown(name, path, target)
        return self._make_spec(name, source)

    def _find_unknown(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        """Return what the other finders find, a project file by the text of the main process."""
        spec = _ask_others(self, name, path, target)
        file = None
        if spec is None:
            # It may have been removed since another worker, or a hash, read it.
            if name in self._absent or not _may_be_project(name, path):
                return None
            self._absent.add(name)
        else:
            if type(spec.loader) is not SourceFileLoader or not spec.origin:
                return spec
            file = os.path.abspath(spec.origin)
            if not is_project_path(file):
                return spec
        source = self._ask(name, file)
        if source is None:
            return spec
        self.add(source)
        return self._make_spec(name, source)

    def _make_spec(self, name: str, source: ModuleSource) -> ModuleSpec:
        spec = ModuleSpec(name, self, origin=source.path, is_package=source.is_package)  # type: ignore[arg-type]
        spec.has_location = True
        if source.is_package:
            spec.submodule_search_locations = [os.path.dirname(source.path)]
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python make the module object."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's text."""
        exec(self.get_code(module.__name__), module.__dict__)

    def get_code(self, name: str) -> CodeType:
        """Return the module's code, compiled from its text."""
        return _files[self._known[name].path].code

    def get_source(self, name: str) -> str:
        """Return the module's text."""
        return self._known[name].text

    def is_package(self, name: str) -> bool:
        """Tell whether the module is a package."""
        return self._known[name].is_package

    def get_filename(self, name: str) -> str:
        """Return the path that the text was read from."""
        return self._known[name].path

    def invalidate_caches(self) -> None:
        """Forget nothing: the texts stay what they are."""
