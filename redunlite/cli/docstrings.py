"""What a docstring says: what a function does, and a line about each parameter.

Read are the styles of NumPy, Google and reStructuredText, also mixed; what fits none is description.
Nothing is decided here but how they are told apart. No state.

>>> doc = parse_docstring('''Greet.
...
... Args:
...     name (str): Who is greeted.
... ''')
>>> doc.text, doc.parameters
('Greet.', {'name': 'Who is greeted.'})
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from redunlite.namespace import normalize_name


class Docstring(NamedTuple):
    """A docstring in its parts."""

    text: str
    """What stands before the first section: paragraphs, as they are written."""
    parameters: dict[str, str]
    """A description on one line by the parameter's name."""

    @property
    def summary(self) -> str:
        """The first line."""
        return self.text.partition("\n")[0]


_PARAMETERS = {"parameters", "other parameters", "args", "arguments", "parameter", "keyword args",
               "keyword arguments", "params", "attributes"}  # fmt: skip
_SECTIONS = {
    "returns", "return", "yields", "yield", "receives", "raises", "raise", "warns", "warnings",
    "warning", "see also", "notes", "note", "references", "examples", "example", "todo", "methods",
    *_PARAMETERS,
}  # fmt: skip
_FIELD = re.compile(r":(\w+)(?:\s+([^:]*?))?\s*:(?:\s+(.*)|$)")
_FIELD_PARAMETERS = ("param", "parameter", "arg", "argument", "key", "keyword")
_ENTRY = re.compile(
    r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?:\(([^)]*(?:\([^)]*\)[^)]*)*)\))?\s*:\s*(.*)"
)


def parse_docstring(doc: str) -> Docstring:
    """Return the parts of a docstring."""
    lines = _clean(doc)
    text: list[str] = []
    parameters: dict[str, str] = {}
    at = 0
    is_text = True
    while at < len(lines):
        title, n_head = _find_title(lines, at)
        field = _FIELD.match(lines[at])
        if title:
            end = _find_end(lines, at + n_head)
            if title in _PARAMETERS:
                body = lines[at + n_head : end]
                read = _read_numpy if n_head > 1 else _read_google
                parameters.update(read(body))
            at, is_text = end, False
        elif field is not None:
            end = at + 1
            while end < len(lines) and (lines[end][:1] == " " or not lines[end]):
                end += 1
            words = (field[2] or "").split()
            if field[1] in _FIELD_PARAMETERS and words:
                parameters[_to_name(words[-1])] = _join([field[3] or "", *lines[at + 1 : end]])
            at, is_text = end, False
        else:
            if is_text:
                text.append(lines[at])
            at += 1
    return Docstring("\n".join(text).strip(), {n: t for n, t in parameters.items() if t})


def _clean(doc: str) -> list[str]:
    """Return the lines without the indentation that all but the first share."""
    first, *rest = doc.expandtabs().splitlines() or [""]
    margins = [len(line) - len(line.lstrip()) for line in rest if line.strip()]
    margin = min(margins, default=0)
    return [first.strip(), *(line[margin:].rstrip() for line in rest)]


def _find_title(lines: Sequence[str], at: int) -> tuple[str, int]:
    """Return the title of a section that begins at a line, and the lines of its head; else nothing."""
    line = lines[at]
    word = line.strip().lower()
    if line[:1] == " " or not word:
        return "", 0
    below = lines[at + 1].strip() if at + 1 < len(lines) else ""
    if word in _SECTIONS and len(below) >= 3 and set(below) in ({"-"}, {"="}):
        return word, 2
    # Google's: a colon, and the body is indented.
    if word.endswith(":") and word[:-1] in _SECTIONS:
        following = next((later for later in lines[at + 1 :] if later), "")
        if following[:1] == " ":
            return word[:-1], 1
    return "", 0


def _find_end(lines: Sequence[str], at: int) -> int:
    """Return where a section ends: before the next title or field list."""
    is_indented = at < len(lines) and lines[at][:1] == " "
    while at < len(lines):
        if _find_title(lines, at)[0] or _FIELD.match(lines[at]):
            return at
        if is_indented and lines[at] and lines[at][:1] != " ":
            return at
        at += 1
    return at


def _read_numpy(body: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield ``name : type`` heads with what is indented below them."""
    at = 0
    while at < len(body):
        head = body[at]
        end = at + 1
        while end < len(body) and (body[end][:1] == " " or not body[end]):
            end += 1
        if head and head[:1] != " ":
            told = _join(body[at + 1 : end])
            for name in head.partition(":")[0].split(","):
                yield _to_name(name), told
        at = end


def _read_google(body: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield ``name (type): description``, which goes on in lines that are indented further."""
    margin = min((len(line) - len(line.lstrip()) for line in body if line.strip()), default=0)
    names: list[str] = []
    told: list[str] = []
    for line in [*body, " " * margin + "_:"]:
        entry = _ENTRY.match(line[margin:])
        if entry is None or line[margin : margin + 1] == " ":
            told.append(line)
            continue
        for name in names:
            yield name, _join(told)
        names = [_to_name(name) for name in entry[1].split(",")]
        told = [entry[3]]


def _to_name(word: str) -> str:
    return normalize_name(word.strip().lstrip("*").replace("\\_", "_").strip("`"))


def _join(lines: Sequence[str]) -> str:
    """Return the first paragraph of some lines on one line."""
    text = "\n".join(line.strip() for line in lines).strip()
    return " ".join(text.partition("\n\n")[0].split())
