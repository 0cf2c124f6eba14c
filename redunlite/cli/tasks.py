"""`redunlite tasks FILE`: the tasks of a workflow file, for people and for programs.

Decided here: what is told of a task. Not here: which tasks a file has (`cli.run`). The file is loaded,
as to run it; nothing is created.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from redunlite.cli import common
from redunlite.cli.pager import write_page
from redunlite.cli.reading import View, add_format, check_format
from redunlite.display.text import cut, escape, measure

if TYPE_CHECKING:
    import argparse
    from types import ModuleType

    from redunlite.cli.help import CommandParser
    from redunlite.task import Task

EXAMPLES = (
    ("tasks workflow.py", "the tasks with their parameters, and what they do"),
    ("tasks workflow.py -q", "their names"),
    ("tasks workflow.py --format csv", "with parameters, types and defaults, for a program"),
)
DEFAULT_WIDTH = 40
"""Characters shown of one default."""


def add_parser(commands: Any) -> CommandParser:
    """Add the parser of this command."""
    parser: CommandParser = commands.add_parser(
        "tasks",
        help="list the tasks of a workflow file",
        description="List the tasks of a file, each with its parameters and the first line of its "
        "docstring. 'redunlite run FILE TASK help' shows the options of one.",
    )
    parser.examples = EXAMPLES
    parser.add_argument("file", metavar="FILE", help="workflow file")
    add_format(
        parser, quiet="full names only, one a line", verbose="hashes, and places in the source, too"
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the list."""
    from redunlite import options
    from redunlite.loading import load_workflow

    check_format(args)
    options.use_folder(args.config)
    with common.keeping_output():
        text = _make_text(load_workflow(args.file), args)
    return write_page(text, args)


def _make_text(module: ModuleType, args: argparse.Namespace) -> str:
    from redunlite.cli.run import iter_tasks

    found = iter_tasks(module)
    if args.quiet:
        return "".join(f"{task.fullname}\n" for task in found)

    def make_lines() -> Iterator[str]:
        if not found:
            yield f"No tasks in {escape(args.file)}; a task is a function with @task above it"
            return
        yield f"Tasks of {escape(args.file)}:"
        yield ""
        for task in found:
            yield from _format_task(task, common.find_width(), is_full=args.verbose)

    def make_rows() -> list[dict[str, Any]]:
        return [make_task(task) for task in found]

    view = View(make_lines, make_rows, make_rows, "task of a file")
    return view.render(args.format)


def _format_task(task: Task[..., Any], width: int, *, is_full: bool) -> Iterator[str]:
    """Yield the lines about one task; a call that is too long has a line for each parameter."""
    from redunlite.cli.docstrings import parse_docstring
    from redunlite.cli.taskhelp import show_path

    parameters, result = list_parameters(task)
    call = f"  {task.fullname}({', '.join(parameters)}){result}"
    if measure(call) <= width or not parameters:
        yield escape(call)
    else:
        yield escape(f"  {task.fullname}(")
        yield from (escape(f"      {parameter},") for parameter in parameters)
        yield escape(f"  ){result}")
    told = escape(parse_docstring(task.doc).summary)
    if told:
        yield f"      {cut(told, max(20, width - 6))}"
    if is_full:
        fingerprint = task.fingerprint
        if fingerprint.file:
            yield escape(f"      {show_path(fingerprint.file)}:{fingerprint.line}")
        yield f"      Task {task.hash.hex()}"


def list_parameters(task: Task[..., Any]) -> tuple[list[str], str]:
    """Return the parameters of a task as in its ``def``, and ``" -> type"`` or an empty text.

    Its signature would show annotations that are text with quotes, and defaults however long.
    """
    import inspect

    shown: list[str] = []
    kinds = [parameter.kind for parameter in task.signature.parameters.values()]
    for i, parameter in enumerate(task.signature.parameters.values()):
        kind = parameter.kind
        if kind == parameter.KEYWORD_ONLY and not {kind, parameter.VAR_POSITIONAL} & {*kinds[:i]}:
            shown.append("*")
        stars = 1 if kind == parameter.VAR_POSITIONAL else 2 if kind == parameter.VAR_KEYWORD else 0
        text = f"{'*' * stars}{parameter.name}"
        if parameter.annotation is not parameter.empty:
            text += f": {_show_annotation(parameter.annotation)}"
        if parameter.default is not parameter.empty:
            equals = "=" if parameter.annotation is parameter.empty else " = "
            text += f"{equals}{_show_default(parameter.default)}"
        shown.append(text)
        if kind == parameter.POSITIONAL_ONLY and kind not in kinds[i + 1 :]:
            shown.append("/")
    result = task.signature.return_annotation
    return shown, "" if result is inspect.Signature.empty else f" -> {_show_annotation(result)}"


def _show_annotation(annotation: Any) -> str:
    import inspect

    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__qualname__
    return inspect.formatannotation(annotation)


def _show_default(default: Any) -> str:
    try:
        return cut(repr(default), DEFAULT_WIDTH)
    except Exception:  # the class is the user's
        return f"<{type(default).__name__}>"


def make_task(task: Task[..., Any]) -> dict[str, Any]:
    """Return the fields of a task that is defined now."""
    from redunlite.cli.docstrings import parse_docstring

    parameters, result = list_parameters(task)
    return {
        "kind": "task of a file",
        "task": task.fullname,
        "task_hash": task.hash.hex(),
        "summary": parse_docstring(task.doc).summary,
        "signature": f"({', '.join(parameters)}){result}",
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
