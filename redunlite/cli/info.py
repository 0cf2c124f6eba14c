"""`redunlite info`: versions, paths and the configuration in force, and where each setting is from.

Decided here: what is told. Nothing is created or changed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from redunlite.cli import common
from redunlite.cli.reading import View, add_format
from redunlite.display.text import escape

if TYPE_CHECKING:
    import argparse

    from redunlite.cli.help import CommandParser

PACKAGES = ("argcomplete", "cloudpickle", "peewee", "tabulate")
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
    add_format(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Print it."""
    facts = gather(getattr(args, "config", None))

    def make_rows() -> list[dict[str, Any]]:
        return [{"kind": "fact", **fact} for fact in facts]

    def make_lines() -> Iterator[str]:
        group = ""
        width = max(len(fact["name"]) for fact in facts)
        for fact in facts:
            if fact["group"] != group:
                if group:
                    yield ""
                group = fact["group"]
                yield f"{group.capitalize()}:"
            told = f"  ({escape(fact['origin'])})" if fact["origin"] else ""
            value = "" if fact["value"] is None else str(fact["value"])
            yield f"  {fact['name']:{width}}  {escape(value)}{told}".rstrip()

    return common.write_output(View(make_lines, make_rows, make_rows, "fact").render(args.format))


def gather(folder: str | None) -> list[dict[str, Any]]:
    """Return the facts, each with its group, name, value and where it is from.

    Raises
    ------
    ConfigError
        When the configuration cannot be read.
    """
    import sqlite3

    import redunlite
    from redunlite.config import INI_NAME, list_settings, resolve_folder
    from redunlite.packages import find_package
    from redunlite.recorder.database import DATABASE_NAME

    facts: list[dict[str, Any]] = []

    def add(group: str, name: str, value: Any, origin: str = "") -> None:
        facts.append({"group": group, "name": name, "value": value, "origin": origin})

    add("versions", "redunlite", redunlite.__version__)
    add("versions", "Python", ".".join(map(str, sys.version_info[:3])), sys.executable)
    add("versions", "SQLite", sqlite3.sqlite_version)
    for name in PACKAGES:
        found_package = find_package(name)
        add("versions", name, found_package[1] if found_package else None)
    found = resolve_folder(folder)
    add("paths", "folder", found, "" if found else "none here yet: the first run makes .redunlite")
    if found is not None:
        ini, database = os.path.join(found, INI_NAME), os.path.join(found, DATABASE_NAME)
        add("paths", "configuration", ini, "" if os.path.exists(ini) else "not there: all defaults")
        add("paths", "database", database, _tell_size(database))
        values = os.path.join(found, "values")
        n_files, n_bytes = _measure(values)
        add("paths", "values", values, f"{n_files:,} files, {_format_bytes(n_bytes)}")
    for setting in list_settings(found):
        add("settings", setting.name, setting.value, setting.origin)
    return facts


def _tell_size(path: str) -> str:
    try:
        return _format_bytes(os.stat(path).st_size)
    except OSError:
        return "not there yet"


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
