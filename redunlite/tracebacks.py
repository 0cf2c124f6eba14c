"""Exceptions as plain data: the user's own frames, and the lines that tell what went wrong.

Decided here: which frames a person wants to see, how deep recursion folds, how an exception is told
in a few lines. Not here: colours and layout (`display`). No state.

>>> try:
...     1 / 0
... except ZeroDivisionError as error:
...     print(describe_exception(error).summary)
ZeroDivisionError: division by zero
"""

from __future__ import annotations

import linecache
import os
import re
import sys
from collections.abc import Iterable, Sequence
from types import CodeType, FunctionType, TracebackType

from redunlite.call import ErrorDetail, Frame
from redunlite.preview import as_utf8

MAX_FRAMES = 40
"""Frames of a traceback beyond which its middle folds."""
KEPT_FRAMES = 10
"""Frames kept at each end of a folded traceback."""
MAX_SUMMARY = 10_000
"""Characters of a summary."""
MAX_CAUSES = 5
"""Lines about the exceptions behind the one that is told."""

PACKAGE_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
STDLIB_FOLDERS = tuple(
    {
        os.path.dirname(path) + os.sep
        for path in (os.path.abspath(os.__file__), os.path.realpath(os.__file__))
    }
)
_SITE_FOLDERS = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def is_library_file(path: str) -> bool:
    """Tell whether a file belongs to redunlite, the interpreter or its standard library."""
    if path.startswith("<frozen "):
        return True
    if path.startswith(PACKAGE_FOLDER):
        return True
    return path.startswith(STDLIB_FOLDERS) and not is_installed_file(path)


def is_installed_file(path: str) -> bool:
    """Tell whether a file belongs to an installed package."""
    return any(folder in path for folder in _SITE_FOLDERS)


def describe_exception(error: BaseException) -> ErrorDetail:
    """Return what a person needs to know of `error`; needs nothing of it to survive pickling."""
    return ErrorDetail(summarize_exception(error), *describe_traceback(error.__traceback__))


def describe_traceback(
    traceback: TracebackType | None,
) -> tuple[tuple[Frame, ...], tuple[Frame, ...]]:
    """Return the user's frames, and all frames, outermost first, both folded.

    The user's are those of project files, and of installed packages below the first of them.
    """
    places: list[tuple[CodeType, int]] = []
    while traceback is not None:
        places.append((traceback.tb_frame.f_code, traceback.tb_lineno))
        traceback = traceback.tb_next
    own: list[tuple[CodeType, int]] = []
    known: dict[str, tuple[bool, bool]] = {}
    for code, line in places:
        path = code.co_filename
        judged = known.get(path)
        if judged is None:
            judged = known[path] = (is_library_file(path), is_installed_file(path))
        library, installed = judged
        if not library and (own or not installed):
            own.append((code, line))
    return _fold(own), _fold(places)


def fill_in_lines(detail: ErrorDetail) -> ErrorDetail:
    """Return what another process told of an exception, with source lines that only this one has.

    Such as those of a notebook's cells.
    """
    if all(frame.text for frame in detail.all_frames):
        return detail
    return detail._replace(
        frames=tuple(map(_fill_in_line, detail.frames)),
        all_frames=tuple(map(_fill_in_line, detail.all_frames)),
    )


def _fill_in_line(frame: Frame) -> Frame:
    if frame.text:
        return frame
    return frame._replace(text=linecache.getline(frame.file, frame.line).strip())


def make_traceback(frames: Sequence[Frame]) -> TracebackType | None:
    """Return a traceback that looks like these frames, for an exception from another process.

    So Python, a prompt, a notebook and pytest show the lines where it was raised.
    """
    made: TracebackType | None = None
    for frame in reversed(frames):
        if frame.file:
            stand_in = _make_stand_in(frame)
            made = TracebackType(made, stand_in.tb_frame, stand_in.tb_lasti, stand_in.tb_lineno)
    return made


def _make_stand_in(frame: Frame) -> TracebackType:
    """Return a traceback of one function that has failed where `frame` did."""
    import ast

    tree = ast.parse("lambda: fail()", mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            is_head = isinstance(node, ast.Lambda)
            line = _find_first_line(frame) if is_head else frame.line
            node.lineno = node.end_lineno = max(1, line)
            # All of the line, so that no part of it is marked.
            node.col_offset, node.end_col_offset = 0, 10_000
    made = compile(tree, frame.file, "eval").co_consts
    code = next(x for x in made if isinstance(x, CodeType)).replace(co_name=frame.name)
    if sys.version_info >= (3, 11):
        code = code.replace(co_qualname=frame.name)
    try:
        FunctionType(code, {"fail": iter(()).__next__})()
    except StopIteration as error:
        assert error.__traceback__ is not None and error.__traceback__.tb_next is not None
        return error.__traceback__.tb_next
    raise AssertionError("an iterator without items has given one")


def _find_first_line(frame: Frame) -> int:
    """Return the line of the ``def`` around a frame's line, as far as the text tells it."""
    head = re.compile(rf"\s*(async\s+)?def\s+{re.escape(frame.name)}\b")
    for line in range(frame.line, 0, -1):
        if head.match(linecache.getline(frame.file, line)):
            return line
    return frame.line


def format_frames(frames: Iterable[Frame], indent: str = "  ") -> list[str]:
    """Return the lines of a traceback, in Python's own layout; a folded part is one line."""
    lines = []
    for frame in frames:
        if not frame.file:
            lines.append(f"{indent}{frame.text}")
            continue
        lines.append(f'{indent}File "{frame.file}", line {frame.line}, in {frame.name}')
        if frame.text:
            lines.append(f"{indent}  {frame.text}")
    return lines


def summarize_exception(error: BaseException) -> str:
    """Return the last lines of a traceback: class, message, notes, and what was behind it.

    What cannot be written as UTF-8 is escaped.
    """
    lines = [_format_only(error)]
    members = _get_members(error)
    lines += [f"  {_first_line(member)}" for member in members[:MAX_CAUSES]]
    if len(members) > MAX_CAUSES:
        lines.append(f"  … {len(members) - MAX_CAUSES:,} more")
    for behind, is_cause in find_behind(error):
        lines.append(f"({'caused by' if is_cause else 'while handling'} {_first_line(behind)})")
    text = "\n".join(lines)
    if len(text) > MAX_SUMMARY:
        text = text[: MAX_SUMMARY - 1] + "…"
    return as_utf8(text)


def _get_members(error: BaseException) -> Sequence[BaseException]:
    try:
        members = getattr(error, "exceptions", None)
    except BaseException:  # an attribute of the user's, which may do anything
        return ()
    if not isinstance(members, (tuple, list)):
        return ()
    return [member for member in members if isinstance(member, BaseException)]


def find_behind(error: BaseException) -> list[tuple[BaseException, bool]]:
    """Return the exceptions behind `error`, the nearest first, and whether each is a cause.

    One that is no cause is what was being handled. At most `MAX_CAUSES`, those that Python shows.
    """
    found: list[tuple[BaseException, bool]] = []
    seen = {id(error)}
    while len(found) < MAX_CAUSES:
        behind, is_cause = error.__cause__, True
        if behind is None and not error.__suppress_context__:
            behind, is_cause = error.__context__, False
        if behind is None or id(behind) in seen:
            break
        seen.add(id(behind))
        found.append((behind, is_cause))
        error = behind
    return found


def get_headline(summary: str) -> str:
    """Return the line of a summary that names the exception.

    >>> get_headline("KeyError: 1\\n(caused by ValueError: no)")
    'KeyError: 1'
    """
    lines = summary.splitlines() or [""]
    # The first lines of a syntax error are its place.
    return next((line for line in lines if not line.startswith(" ")), lines[0])


def _format_only(error: BaseException) -> str:
    import traceback

    try:
        return "".join(traceback.format_exception_only(type(error), error)).rstrip("\n")
    except BaseException:  # a user's exception class may fail in any of its methods
        return f"{type(error).__qualname__}: <the exception cannot be shown>"


def _first_line(error: BaseException) -> str:
    return get_headline(_format_only(error))


def _fold(places: Sequence[tuple[CodeType, int]]) -> tuple[Frame, ...]:
    if len(places) <= MAX_FRAMES:
        return _make_frames(places)
    middle = places[KEPT_FRAMES:-KEPT_FRAMES]
    counts: dict[str, int] = {}
    for code, _ in middle:
        counts[code.co_name] = counts.get(code.co_name, 0) + 1
    names = sorted(counts, key=lambda name: -counts[name])
    told = ", ".join(f"`{name}`" for name in names[:3]) + (", …" if len(names) > 3 else "")
    fold = Frame("", len(middle), names[0], f"… {len(middle):,} more {told} …")
    return (*_make_frames(places[:KEPT_FRAMES]), fold, *_make_frames(places[-KEPT_FRAMES:]))


def _make_frames(places: Iterable[tuple[CodeType, int]]) -> tuple[Frame, ...]:
    checked: set[str] = set()
    frames = []
    for code, line in places:
        path = code.co_filename
        if path not in checked:
            checked.add(path)
            linecache.checkcache(path)
        text = linecache.getline(path, line).strip() if line else ""
        frames.append(Frame(path, line or 0, code.co_name, text))
    return tuple(frames)
