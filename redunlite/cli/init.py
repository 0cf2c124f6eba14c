"""`redunlite init`: make the folder in which a project's history and settings live."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from redunlite.cli import common

if TYPE_CHECKING:
    import argparse

    from redunlite.cli.help import CommandParser

EXAMPLES = (
    ("init", "make .redunlite here"),
    ("init ~/project", "make it in another folder"),
)


def add_parser(commands: Any) -> CommandParser:
    """Add the parser of this command."""
    parser: CommandParser = commands.add_parser(
        "init",
        help="make .redunlite with a configuration to edit",
        description="Make .redunlite/ with redunlite.ini, all settings at their defaults. "
        "What is there already is kept.",
    )
    parser.examples = EXAMPLES
    parser.add_argument("folder", nargs="?", default=".", metavar="FOLDER", help="default: here")
    return parser


def run(args: argparse.Namespace) -> int:
    """Make the folder and say where it is."""
    from redunlite.config import FOLDER_NAME, make_folder
    from redunlite.display.text import escape

    existed = os.path.isdir(os.path.join(args.folder, FOLDER_NAME))
    folder = make_folder(args.folder)
    verb = "Kept existing" if existed else "Initialized"
    return common.write_output(f"{verb} redunlite folder: {escape(folder)}\n")
