"""`redunlite tasks FILE`: the tasks of a workflow file, for people and for programs.

Decided here: what is told of a task. Not here: which tasks a file has (`cli.run`). The file is loaded,
as to run it; nothing is created.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from redunlite.cli import common
from redunlite.cli.reading import View, add_format

if TYPE_CHECKING:
    import argparse

    from redunlite.cli.help import CommandParser
    from redunlite.task import Task

EXAMPLES = (
    ("tasks workflow.py", "the tasks and what they do"),
    ("tasks workflow.py --format csv", "with parameters, types and defaults, for a program"),
)


def add_parser(commands: Any) -> CommandParser:
    """Add the parser of this command."""
    parser: CommandParser = commands.add_parser(
        "tasks",
        help="list the tasks of a workflow file",
        description="List the tasks of a file, each with the first line of its docstring. "
        "'redunlite run FILE TASK help' shows the options of one.",
    )
    parser.examples = EXAMPLES
    parser.add_argument("file", metavar="FILE", help="workflow file")
    add_format(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the list."""
    from redunlite.cli.run import iter_tasks
    from redunlite.cli.taskhelp import format_listing
    from redunlite.loading import load_workflow

    found = iter_tasks(load_workflow(args.file))

    def make_rows() -> list[dict[str, Any]]:
        return [make_task(task) for task in found]

    view = View(lambda: format_listing(found).splitlines(), make_rows, make_rows, "task of a file")
    return common.write_output(view.render(args.format))


def make_task(task: Task[..., Any]) -> dict[str, Any]:
    """Return the fields of a task that is defined now."""
    from redunlite.cli.docstrings import parse_docstring

    return {
        "kind": "task of a file",
        "task": task.fullname,
        "task_hash": task.hash.hex(),
        "summary": parse_docstring(task.doc).summary,
        "file": task.fingerprint.file,
        "line": task.fingerprint.line,
        "parameters": _make_parameters(task),
    }


def _make_parameters(task: Task[..., Any]) -> Sequence[dict[str, Any]]:
    from redunlite.cli.arguments import format_default, make_options

    return [
        {"name": option.name, "flag": option.flag, "is_required": option.is_required,
         "told": format_default(option)}
        for option in make_options(task.func, task.parameters)
    ]  # fmt: skip
