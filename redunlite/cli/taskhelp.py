"""What `run` tells about a file's tasks and about one task, without running anything.

Decided here: what stands on these pages. Not here: how a page is laid out (`cli.help`), what a
docstring says (`cli.docstrings`), which options there are (`cli.arguments`). No state.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from redunlite.cli import common
from redunlite.cli.arguments import FIELD_MARK, Option, format_default
from redunlite.cli.docstrings import Docstring, parse_docstring
from redunlite.display.text import cut, escape, escape_lines, measure, pad

if TYPE_CHECKING:
    from redunlite.cli.help import Row
    from redunlite.task import Task

CHOICES_WIDTH = 40
"""Characters of a list of choices beyond which it stands in the meaning, not beside the option."""
NAME_WIDTH = 16
"""Letters of a name beyond which it does not stand for its value too."""


# The tasks of a file.


def format_listing(tasks: Sequence[Task[..., Any]]) -> str:
    """Return tasks by name, each with the first line of its docstring, as wide as the terminal."""
    width = common.find_width()
    names = [_name_for_run(task) for task in tasks]
    left = max(map(measure, names), default=0) + 5
    lines = ["Tasks available:"]
    for name, task in zip(names, tasks):
        told = escape(parse_docstring(task.doc).summary)
        if left + 20 > width and told:  # no room beside the name
            lines += [f"   {name}", f"      {cut(told, max(20, width - 6))}"]
            continue
        lines.append(f"   {pad(name, left - 5)}  {cut(told, width - left)}".rstrip())
    if not tasks:
        lines.append("   none; a task is a function with @task above it")
    return "\n".join(lines) + "\n"


def _name_for_run(task: Task[..., Any]) -> str:
    """Return what is typed to run a task; alone, ``help`` lists the tasks."""
    return f".{task.name}" if task.fullname == "help" else task.fullname


# The help of a task.


def format_help(task: Task[..., Any], options: Sequence[Option]) -> str:
    """Return what a task does and its options, with types and defaults, as wide as the terminal."""
    from redunlite.cli.help import NO_BREAK, Group, Page, Row, format_page

    doc = parse_docstring(task.doc)
    has_help = any(option.flag == "--help" for option in options)
    rows = [Row(("-h",) if has_help else ("-h", "--help"), "", "show this help")]
    rows += iter_rows(options, doc)
    words = [
        Row(("help",), "", "show this help"),
        Row(("info",), "", "show the task's source, and what its hash covers"),
    ]
    groups = [Group("words", words), Group("options", rows)]
    parts = ["[-h]", *_list_usage(options), "[help | info]"]
    usage = " ".join([task.fullname, *(part.replace(" ", NO_BREAK) for part in parts)])
    text = "\n".join(escape_lines(doc.text))
    page = format_page(Page(task.fullname, usage, text, (), groups), common.find_width())
    return page + "\n" + _format_notes(options)


def _list_usage(options: Sequence[Option]) -> list[str]:
    usage = []
    for option in options:
        label = _make_label(option)
        if option.fields:
            label = f"{option.flag}.FIELD VALUE"
        if option.reader is not None and option.reader.is_bool:
            label = f"{option.flag} | {option.negated}"
        is_required = option.is_required and not option.fields
        usage.append(label if is_required else f"[{label}]")
    return usage


def _make_label(option: Option) -> str:
    """Return an option with what stands for its value, such as ``--color {red,blue}``."""
    reader = option.reader
    name = option.flag.rpartition(".")[2].lstrip("-").upper().replace("-", "_")
    value = name if len(name) <= NAME_WIDTH else "VALUE"
    if reader is not None and reader.choices:
        choices = "{" + ",".join(map(escape, reader.choices)) + "}"
        value = choices if len(choices) <= CHOICES_WIDTH else value
    if reader is not None and reader.is_list:
        value += " ..."
    return f"{option.flag} {value}"


def iter_rows(options: Sequence[Option], doc: Docstring) -> Iterator[Row]:
    """Yield a row for each option and, for a dataclass, for those of its fields."""
    for option in options:
        name = option.name.rpartition(FIELD_MARK)[2]
        yield _make_row(option, doc.parameters.get(name, "") or option.meaning)
        if option.fields and option.reader is not None and option.reader.record is not None:
            yield from iter_rows(
                option.fields, parse_docstring(option.reader.record.cls.__doc__ or "")
            )


def _make_row(option: Option, told: str) -> Row:
    from redunlite.cli.help import Row

    reader = option.reader
    assert reader is not None
    if reader.choices and len(",".join(reader.choices)) + 2 > CHOICES_WIDTH:
        reader = reader._replace(name=reader.name or f"one of {', '.join(reader.choices)}")
    meaning = format_default(option._replace(meaning=told, reader=reader))
    if option.fields:
        meaning += " as JSON, @FILE, or by its fields" if not reader.refusal else ""
    if reader.is_bool:
        return Row((option.flag, option.negated), "", escape(meaning))
    flag, _, value = _make_label(option).partition(" ")
    return Row((flag,), value, escape(meaning))


def _format_notes(options: Sequence[Option]) -> str:
    """Return what holds for the options of every task."""
    from redunlite.cli.help import wrap_page

    notes = []
    if any(option.reader is not None and option.reader.is_list for option in options):
        notes.append("Several values: --x 1 2, or --x 1 --x 2, or --x '[1, 2]'; none: --x '[]'.")
    if options:
        notes.append("@FILE stands for what a file holds, - for standard input.")
    notes.append(f"The options of run work here too: {common.PROGRAM} run --help")
    return "".join(wrap_page(note, common.find_width()) for note in notes)


# The facts of a task.


def format_info(task: Task[..., Any]) -> str:
    """Return a task's hash and source, what its hash covers, and what it cannot cover."""
    fingerprint = task.fingerprint
    lines = [f"Task {task.hash.hex()} {task.fullname}", ""]
    if fingerprint.source:
        lines += [f"  {line}" for line in fingerprint.source.rstrip().splitlines()]
    else:
        lines.append("  source not available; the compiled code stands for it")
    lines += ["", "Tracks:"]
    width = max((len(part.kind) for part in fingerprint.components), default=0)
    for part in fingerprint.components:
        place = f"  {show_path(part.file)}:{part.line}" if part.file else ""
        lines.append(f"  {part.kind:<{width}}  {part.name}{place}")
    if not fingerprint.components:
        lines.append("  nothing beside its own source")
    if fingerprint.untracked:
        lines += ["", "Cannot track (name it in depends=):"]
        lines += [f"  {hole.name}: {hole.reason}" for hole in fingerprint.untracked]
    return "".join(escape(line) + "\n" for line in lines)


def show_path(path: str) -> str:
    """Return a path as a person would type it here."""
    if not os.path.isabs(path):
        return path
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
