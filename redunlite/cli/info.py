"""`redunlite info`: versions, paths and the configuration in force, and where each setting is from.

Decided here: what is told. Nothing is created or changed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from redunlite.cli import common
from redunlite.cli.pager import write_page
from redunlite.cli.reading import View, add_format, check_format
from redunlite.display.style import is_terminal
from redunlite.display.text import escape, measure

if TYPE_CHECKING:
    import argparse

    from redunlite.cli.help import CommandParser
    from redunlite.errors import RedunliteError

PACKAGES = ("argcomplete", "cloudpickle", "peewee", "tabulate")
VARIABLES = (
    "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TERM", "COLUMNS", "PAGER", "LESS", "PYTHONPATH",
    "PYTHONHASHSEED",
)  # fmt: skip
"""Environment variables that matter beside our own."""
SETTINGS = "settings"
EXAMPLES = (
    ("info", "what is used here"),
    ("info --format json", "the same for a program"),
)


def add_parser(commands: Any) -> CommandParser:
    """Add the parser of this command."""
    parser: CommandParser = commands.add_parser(
        "info",
        help="show versions, paths and the configuration in force",
        description="Show the versions of what is used, where the project's history and values lie, "
        "and each setting in force with where it comes from: a file's line, an environment variable, "
        "or the default.",
    )
    parser.examples = EXAMPLES
    add_format(
        parser,
        quiet="only settings that are not the default, as name = value",
        verbose="the environment variables that matter, too",
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Print it; where something cannot be read, what could be, and then why."""
    check_format(args)
    facts, error = gather(getattr(args, "config", None), with_environment=args.verbose)
    if args.quiet:
        changed = [f for f in facts if f["group"] == SETTINGS and f["origin"] != "default"]
        code = write_page("".join(f"{f['name']} = {_show(f['value'])}\n" for f in changed), args)
    else:
        code = write_page(_make_view(facts).render(args.format), args)
    return code if error is None else common.flush_output() or common.report_error(error)


def _make_view(facts: Sequence[Mapping[str, Any]]) -> View:
    def make_rows() -> list[dict[str, Any]]:
        return [{"kind": "fact", **fact} for fact in facts]

    def make_lines() -> Iterator[str]:
        columns = common.find_width() if is_terminal(sys.stdout) else sys.maxsize
        group = ""
        width = max(len(fact["name"]) for fact in facts)
        for fact in facts:
            if fact["group"] != group:
                if group:
                    yield ""
                group = fact["group"]
                yield f"{group.capitalize()}:"
            name, value = escape(fact["name"]), _show(fact["value"])
            told = f"  ({escape(fact['origin'])})" if fact["origin"] else ""
            line = f"  {name:{width}}  {value}{told}".rstrip()
            if measure(line) <= columns:
                yield line
            elif width > columns // 2:
                yield from (f"  {name}", f"      {value}{told}")
            else:
                yield from (f"  {name:{width}}  {value}", f"  {'':{width}}{told}")

    return View(make_lines, make_rows, make_rows, "fact")


def _show(value: Any) -> str:
    return "" if value is None else escape(str(value))


def gather(
    folder: str | None, *, with_environment: bool = False
) -> tuple[list[dict[str, Any]], RedunliteError | None]:
    """Return the facts, each with its group, name, value and where it is from; and what went wrong.

    What cannot be read, such as a configuration with a mistake, hides nothing but itself.
    """
    import sqlite3

    import redunlite
    from redunlite.config import list_settings, resolve_folder
    from redunlite.errors import RedunliteError
    from redunlite.packages import find_package

    facts: list[dict[str, Any]] = []
    errors: list[RedunliteError] = []

    def add(group: str, name: str, value: Any, origin: str = "") -> None:
        facts.append({"group": group, "name": name, "value": value, "origin": origin})

    add("versions", "redunlite", redunlite.__version__)
    add("versions", "Python", ".".join(map(str, sys.version_info[:3])), sys.executable)
    add("versions", "SQLite", sqlite3.sqlite_version)
    for name in PACKAGES:
        found_package = find_package(name)
        add("versions", name, found_package[1] if found_package else None)
    try:
        found = resolve_folder(folder)
    except RedunliteError as error:
        return facts, error
    add("paths", "folder", found, "" if found else "none here yet: the first run makes .redunlite")
    if found is not None:
        errors += _add_paths(add, found)
    try:
        for setting in list_settings(found):
            add(SETTINGS, setting.name, setting.value, setting.origin)
    except RedunliteError as error:
        errors.append(error)
    if with_environment:
        for name in sorted(os.environ):
            if name.startswith("REDUNLITE_") or name in VARIABLES:
                add("environment", name, os.environ[name])
    return facts, errors[0] if errors else None


def _add_paths(add: Callable[..., None], folder: str) -> list[RedunliteError]:
    """Add what lies in the folder; return what went wrong."""
    from redunlite.config import INI_NAME
    from redunlite.errors import RedunliteError
    from redunlite.recorder.codes import SCHEMA_VERSION
    from redunlite.recorder.database import DATABASE_NAME, find_version

    ini, database = os.path.join(folder, INI_NAME), os.path.join(folder, DATABASE_NAME)
    errors: list[RedunliteError] = []
    add("paths", "configuration", ini, "" if os.path.exists(ini) else "not there: all defaults")
    add("paths", "database", database, _tell_size(database))
    try:
        version = find_version(database)
        if version is not None:
            is_old = version < SCHEMA_VERSION
            add("paths", "schema", version, f"the next run makes it {SCHEMA_VERSION}" * is_old)
    except RedunliteError as error:
        errors.append(error)
    values = os.path.join(folder, "values")
    n_files, n_bytes = _measure(values)
    add("paths", "values", values, f"{n_files:,} files, {_format_bytes(n_bytes)}")
    return errors


def _tell_size(path: str) -> str:
    """Return the size of a database with what belongs to it and is not yet in its file."""
    try:
        n_bytes = os.stat(path).st_size
    except OSError:
        return "not there yet"
    for ending in ("-wal", "-shm", "-journal"):
        try:
            n_bytes += os.stat(path + ending).st_size
        except OSError:  # nobody writes now
            continue
    return _format_bytes(n_bytes)


def _measure(folder: str) -> tuple[int, int]:
    n_files = n_bytes = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                n_bytes += os.stat(os.path.join(where, name)).st_size
            except OSError:  # a value that was taken away meanwhile
                continue
            n_files += 1
    return n_files, n_bytes


def _format_bytes(n_bytes: int) -> str:
    size = float(n_bytes)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
