"""Pages of help: what a parser knows, and how it looks on a terminal of any width.

Decided here: the order of a page (usage, what it does, examples, words, options) and its layout. It is
our own, since that of argparse differs from one Python to the next and is lost on narrow terminals;
`scripts/make-docs` writes the same pages as Markdown. Not here: which options there are. No state.
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from redunlite.cli import common
from redunlite.cli.parsers import Parser
from redunlite.display.text import measure, pad

LEAST_WIDTH = 40
"""Columns that a page is laid out for on a narrower terminal."""
MOST_WIDTH = 80
"""Columns of a page on a wider terminal."""
LEAST_MEANING = 24
"""Columns beside an example below which its meaning stands under it."""
NO_BREAK = "\xa0"
"""A blank in `Page.usage` at which no line is broken."""


class CommandParser(Parser):
    """A parser whose help is one of our pages."""

    examples: Sequence[tuple[str, str]] = ()
    """Command lines without the program's name, and what each is good for."""

    def format_help(self) -> str:
        """Return the page, as wide as the terminal allows."""
        return format_page(describe(self), common.find_width())

    def find_command(self, name: str) -> argparse.ArgumentParser:
        """Return the parser of the command called `name`; `KeyError` when there is none."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                parser: argparse.ArgumentParser = action.choices[name]
                return parser
        raise KeyError(name)


class Row(NamedTuple):
    """A word or an option, and its meaning."""

    names: tuple[str, ...]
    """As typed: ``("-c", "--config")``, or what stands for a word, ``("FILE",)``."""
    metavar: str
    """What stands for the option's value; empty for a switch and a word."""
    meaning: str

    @property
    def label(self) -> str:
        """The names and the value on one line."""
        return f"{', '.join(self.names)} {self.metavar}".rstrip()


class Group(NamedTuple):
    """Rows under one title."""

    title: str
    rows: list[Row]


class Page(NamedTuple):
    """The help of one command, or of the program."""

    name: str
    """Such as ``redunlite log``."""
    usage: str
    description: str
    examples: Sequence[tuple[str, str]]
    groups: list[Group]


def describe(parser: argparse.ArgumentParser) -> Page:
    """Return what a parser knows."""
    groups = []
    for group in parser._action_groups:
        rows = [row for action in group._group_actions for row in _make_rows(action)]
        if rows:
            title = {"positional arguments": "words", "optional arguments": "options"}
            groups.append(Group(title.get(group.title or "", group.title or ""), rows))
    examples = parser.examples if isinstance(parser, CommandParser) else ()
    usage = parser.usage or _make_usage(parser)
    return Page(parser.prog, usage, parser.description or "", examples, groups)


def _make_rows(action: argparse.Action) -> list[Row]:
    meaning = (action.help or "").replace("%%", "%")
    if meaning == argparse.SUPPRESS:
        return []
    if isinstance(action, argparse._HelpAction):
        meaning = "show this help"
    if isinstance(action, argparse._SubParsersAction):
        return [
            Row((choice.dest,), "", (choice.help or "").replace("%%", "%"))
            for choice in action._choices_actions
        ]
    shown = _show_value(action)
    if not action.option_strings:
        return [Row((shown,), "", meaning)]
    return [Row(tuple(action.option_strings), "" if action.nargs == 0 else shown, meaning)]


def _show_value(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices is not None:
        return "|".join(map(str, action.choices))
    return action.dest.upper()


def _make_usage(parser: argparse.ArgumentParser) -> str:
    words = [parser.prog, "[options]"]
    for action in parser._actions:
        if not action.option_strings:
            shown = _show_value(action)
            more = "..." if action.nargs in ("*", "+") else ""
            words.append(f"[{shown}{more}]" if action.nargs in ("?", "*") else f"{shown}{more}")
    return " ".join(words)


def format_page(page: Page, width: int) -> str:
    """Return a page for a terminal of `width` columns."""
    width = max(LEAST_WIDTH, min(width, MOST_WIDTH))
    words = [
        w if measure(w) < width - 8 else w.replace(NO_BREAK, " ") for w in page.usage.split(" ")
    ]
    usage = _wrap(f"usage: {' '.join(words)}", width, "       ")
    lines = [line.replace(NO_BREAK, " ") for line in usage]
    if page.description:
        lines += ["", *_wrap(page.description, width)]
    if page.examples:
        pairs = [(f"{common.PROGRAM} {words}", meaning) for words, meaning in page.examples]
        left = _find_left(pairs, width * 3 // 5)
        if width - left < LEAST_MEANING:
            left = 6
        lines += ["", "examples:", *_lay_out(pairs, width, left)]
    pairs = [(row.label, row.meaning) for group in page.groups for row in group.rows]
    left = _find_left(pairs, width // 3)
    for group in page.groups:
        pairs = [(row.label, row.meaning) for row in group.rows]
        lines += ["", f"{group.title}:", *_lay_out(pairs, width, left)]
    return "\n".join(lines) + "\n"


def _find_left(pairs: Sequence[tuple[str, str]], most: int) -> int:
    """Return the width of the left of two columns; wider names get lines of their own."""
    widths = [measure(name) + 4 for name, _ in pairs]
    return max((width for width in widths if width <= most), default=most)


def _lay_out(pairs: Sequence[tuple[str, str]], width: int, left: int) -> list[str]:
    """Return pairs in two columns."""
    lines: list[str] = []
    for name, meaning in pairs:
        told = _wrap(meaning, width - left)
        if measure(name) + 4 <= left:
            first = told.pop(0) if told else ""
            lines.append(f"  {pad(name, left - 2)}{first}".rstrip())
        else:
            lines += _wrap(f"  {name}", width, "    ")
        lines += [" " * left + line for line in told]
    return lines


def wrap_page(text: str, width: int) -> str:
    """Return paragraphs as a page of help has them, for a terminal of `width` columns."""
    return "\n".join(_wrap(text, max(LEAST_WIDTH, min(width, MOST_WIDTH)))) + "\n"


_OWN_LINE = re.compile(r"\s|[-*•] |\d+[.)] |>>> |\.\.\. ")
"""What begins a line that stays by itself: it is indented, a point of a list, or an example."""


_FILLER = "\ue000"
"""Stands for the second column of a wide character while lines are broken; no letter of any script."""


def _wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Return paragraphs broken into lines; those that are set off by an empty line stay apart."""
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        if lines:
            lines.append("")
        for part in _split_paragraph(paragraph):
            begin = re.match(r" *(?:[-*•] |\d+[.)] )?", part)
            hanging = " " * len(begin[0]) if begin is not None else ""
            filled = (
                part if part.isascii() else "".join(c + _FILLER * (measure(c) - 1) for c in part)
            )
            has_wide = _FILLER in filled  # such scripts have no blanks: they are broken anywhere
            wrapped = textwrap.wrap(
                filled,
                width - has_wide,  # a letter may be parted from its filler
                subsequent_indent=indent or hanging,
                break_on_hyphens=False,
                break_long_words=has_wide,
            )
            lines += [line.replace(_FILLER, "") for line in wrapped]
    return lines


def _split_paragraph(paragraph: str) -> list[str]:
    """Return the parts of a paragraph that begin on lines of their own."""
    parts: list[str] = []
    for line in paragraph.splitlines():
        if parts and not _OWN_LINE.match(line) and not parts[-1].startswith(" "):
            parts[-1] += f" {line}"
        else:
            parts.append(line)
    return parts
