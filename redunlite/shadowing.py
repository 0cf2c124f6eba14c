"""Files of the user's that have the name of a module that redunlite itself needs.

Decided here: that Python's own module, or the installed package, wins over a file in the workflow's
folder, for the names that redunlite and what it imports need, and for no others. A folder with a
workflow goes first on `sys.path`, as Python does it for a script; without this a `json.py` or a
`signal.py` beside the workflow, or the workflow itself, would be what redunlite's own later imports
find. Not here: how project modules are loaded (`loading`, whose finders ask
`find_needed` first). State: which entries of `sys.path` are the user's.

Any other name is the user's: a helper called `statistics.py` is found as in plain Python.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder

NEEDED = frozenset((
    "abc", "argparse", "array", "ast", "asyncio", "base64", "bdb", "binascii", "bisect", "bz2",
    "calendar", "cmd", "code", "codecs", "codeop", "collections", "concurrent", "contextlib",
    "contextvars", "copy", "copyreg", "csv", "curses", "dataclasses", "datetime", "decimal",
    "difflib", "dis", "email", "encodings", "enum", "faulthandler", "fcntl", "fnmatch",
    "fractions", "functools", "genericpath", "getpass", "gettext", "glob", "grp", "hashlib",
    "heapq", "hmac", "html", "importlib", "inspect", "io", "ipaddress", "json", "keyword", "linecache",
    "locale", "logging", "lzma", "math", "mmap", "multiprocessing", "ntpath", "numbers",
    "opcode", "operator", "os", "pathlib", "pdb", "pickle", "pkgutil", "platform", "posixpath",
    "pprint", "queue", "quopri", "random", "re", "readline", "reprlib", "resource",
    "rlcompleter", "runpy", "secrets", "select", "selectors", "shlex", "shutil", "signal", "site",
    "socket", "sqlite3", "sre_compile", "sre_constants", "sre_parse", "ssl", "stat", "string",
    "struct", "subprocess", "sysconfig", "tempfile", "termios", "textwrap", "threading",
    "token", "tokenize", "tomllib", "traceback", "tty", "types", "typing", "unicodedata",
    "urllib", "uu", "uuid", "warnings", "weakref", "zipfile", "zipimport", "zlib", "zoneinfo",
))  # fmt: skip
"""Top-level names of the standard library that redunlite and its dependencies import, on any
supported Python; `tests/test_shadowing.py` looks whether one is missing."""

PACKAGES = frozenset({"argcomplete", "cloudpickle", "peewee", "playhouse", "tabulate", "wcwidth"})
"""The packages that redunlite needs, and what one of them takes when it is there."""


_is_user_folder: dict[str, bool] = {}


def find_needed(name: str, is_user_folder: Callable[[str], bool]) -> ModuleSpec | None:
    """Return how to load a needed top-level module from outside of the user's folders.

    None for every other name, and where it is not found there: the other finders look then.
    """
    if (name not in NEEDED and name not in PACKAGES) or name in sys.builtin_module_names:
        return None
    folders = []
    for entry in sys.path:
        known = _is_user_folder.get(entry)
        if known is None:
            folder = os.path.join(os.path.abspath(entry or os.curdir), "")
            known = _is_user_folder[entry] = is_user_folder(folder)
        if not known:
            folders.append(entry)
    return PathFinder.find_spec(name, folders)
