"""Installed packages: which one a module belongs to, and its version.

Decided here: that both are read from the names of `*.dist-info` folders, and a package's list of
files only where its name and the module's differ; importing `importlib.metadata` and asking it costs
0.4 s. State: what was read, once a folder.

>>> name, version = find_package("peewee")
>>> name, version.split(".")[0]
('peewee', '4')
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from redunlite.tracebacks import is_installed_file

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

_package_of: dict[str, tuple[str, str] | None] = {}
_folders: dict[str, list[tuple[str, str, str]]] = {}
_owners: dict[str, dict[str, tuple[str, str]]] = {}


def find_package(module: str) -> tuple[str, str] | None:
    """Return name and version of the installed package that a module belongs to, or None.

    Read from the names of `*.dist-info` folders; a folder's list of files only where names differ.
    """
    top = module.partition(".")[0]
    loaded = sys.modules.get(module) or sys.modules.get(top)
    path = getattr(loaded, "__file__", None)
    if path is None and getattr(loaded, "__path__", None):
        path = os.path.join(next(iter(loaded.__path__)), "")  # type: ignore[union-attr]
    if path is None:
        path = find_module_file(module)
    if path is None:
        return None
    key = f"{top}\0{path}"
    if key not in _package_of:
        _package_of[key] = _find_package(top, os.path.abspath(path), loaded)
    return _package_of[key]


def find_loaded_packages() -> dict[str, str]:
    """Return name and version of the installed packages of which a module is loaded, by name.

    No list of files is read for it: a package whose modules have other names than itself goes by the
    name and the ``__version__`` of its module, or is left out.
    """
    found: dict[str, str] = {}
    known: dict[str, dict[str, tuple[str, str]]] = {}
    for top, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if "." in top or top[:1] == "_" or not isinstance(path, str) or not is_installed_file(path):
            continue
        folder = _site_folder(path, top) or ""
        by_name = known.get(folder)
        if by_name is None:
            infos = _list_packages(folder)
            by_name = known[folder] = {_plain_name(n): (n, version) for n, version, _ in infos}
        package = by_name.get(_plain_name(top))
        version = getattr(module, "__version__", None)
        if package is not None:
            found[package[0]] = package[1]
        elif isinstance(version, str):
            found[top] = version
    return dict(sorted(found.items()))


def _find_package(top: str, path: str, loaded: Any) -> tuple[str, str] | None:
    folder = _site_folder(path, top)
    if folder is not None:
        infos = _list_packages(folder)
        plain = _plain_name(top)
        exact = [(name, version) for name, version, _ in infos if _plain_name(name) == plain]
        is_namespace = getattr(loaded, "__file__", path) is None
        if len(exact) == 1 and not is_namespace:
            return exact[0]
        owner = _find_owner(folder, infos, os.path.relpath(path, folder))
        if owner is not None:
            return owner
    version = getattr(sys.modules.get(top), "__version__", None)
    return (top, version) if isinstance(version, str) else None


def _site_folder(path: str, top: str) -> str | None:
    """Return the folder on the path that holds top-level module `top`."""
    folder = os.path.dirname(path)
    while folder != os.path.dirname(folder):
        if os.path.basename(folder) == top:
            return os.path.dirname(folder)
        folder = os.path.dirname(folder)
    return os.path.dirname(path)


def _list_packages(folder: str) -> list[tuple[str, str, str]]:
    """Return name, version and metadata folder of each package installed in `folder`."""
    found = _folders.get(folder)
    if found is None:
        found = []
        try:
            entries = sorted(os.listdir(folder))
        except OSError:
            entries = []
        for entry in entries:
            stem, extension = os.path.splitext(entry)
            if extension in (".dist-info", ".egg-info") and "-" in stem:
                name, version, *_ = stem.split("-")
                found.append((name, version, os.path.join(folder, entry)))
        _folders[folder] = found
    return found


def _find_owner(
    folder: str, infos: Iterable[tuple[str, str, str]], file: str
) -> tuple[str, str] | None:
    """Return the package whose list of files has `file`; the lists are read once a folder."""
    owners = _owners.get(folder)
    if owners is None:
        owners = _owners[folder] = {}
        for name, version, info in infos:
            try:
                with open(os.path.join(info, "RECORD"), encoding="utf-8") as lines:
                    for line in lines:
                        listed = line.partition(",")[0].strip('"')
                        owners[listed] = owners[listed.partition("/")[0]] = (name, version)
            except (OSError, UnicodeDecodeError):
                continue
    file = file.replace(os.sep, "/")
    return owners.get(file) or owners.get(file.partition("/")[0])


def _plain_name(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def find_module_file(name: str) -> str | None:
    """Return the file of a module that is not loaded, without loading it or its packages."""
    spec = find_module_spec(name)
    return None if spec is None else spec.origin


def find_module_spec(name: str) -> ModuleSpec | None:
    """Return how a module would be loaded, without loading it or its packages."""
    from importlib.machinery import PathFinder

    path: Any = None
    spec = None
    done = ""
    for part in name.split("."):
        if done and path is None:
            return None  # not a package
        done = f"{done}.{part}".strip(".")
        spec = PathFinder.find_spec(done, path)
        if spec is None:
            return None
        path = spec.submodule_search_locations
    return spec
