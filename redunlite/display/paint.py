"""Pages of text in colour: what of them is painted, found by the shape of their lines.

Decided here: that ids, statuses, headings and errors are. Not here: colours, and which streams have
them (`style`). A page is painted when it is whole, so what makes one need not know of colours; what a
user wrote is painted only where it looks like a line of ours. No state.

>>> paint_page("Job c5a729dc [FAILED] 2026:  f()\\n  *** ValueError: no\\n", Style(True)).split("\\x1b")[1]
'[94mc5a729dc'
"""

from __future__ import annotations

import re

from redunlite.display.style import FAINT, ID, STRONG, Style

_KINDS = "Exec|Job|Task|CallNode|Value"
_ID = r"[0-9a-f]{8}(?:[0-9a-f-]*[0-9a-f])?\b"
_STATUSES = {
    "[ DONE ]": "DONE", "[CACHED]": "CACHED", "[FAILED]": "FAILED", "[CANCEL]": "CANCELLED",
    "[ RUN  ]": "RUNNING",
}  # fmt: skip
_HEADINGS = (
    r"Executions|Recent executions|Jobs|Output|Traceback|Upstream dataflow|Versions|Paths|Settings"
    r"|Environment|Tracks|Cannot track \(name it in depends=\)|Tasks available|Tasks of .*"
)
_LINE = re.compile(
    rf"(?P<record>^ *(?:{_KINDS}) )(?P<id>{_ID})(?P<status> \[[ A-Z]{{6}}\])?"
    rf"|(?P<heading>^ {{0,2}}(?:{_HEADINGS})(?: \(.*\))?:$)"
    r"|(?P<error>^ *\*\*\* .*)"
    r"|(?P<raised>^(?:Error:    | *Raised: )[^:(]*)"
    rf"|(?P<trail>^(?:Traceback|From): .*)"
    rf"|(?P<next>^(?:Inspect:  |all of them: )redunlite log )(?P<named>{_ID})"
    r"|(?P<flow>(?:(?<=<-- )|(?<= of )|(?<= = ))<[0-9a-f]{8}>)"
    r"|(?P<more>^ *… .*)"
    r"|(?P<rule>^-{20,}$)",
    re.MULTILINE,
)
_IN_TRAIL = re.compile(rf"(?<=Exec |.Job ){_ID}")


def paint_page(text: str, style: Style) -> str:
    """Return a page of history, or of facts, in colour."""
    if not style.is_on:
        return text

    def paint(found: re.Match[str]) -> str:
        kind, whole = found.lastgroup, found[0]
        if found["id"] is not None:
            status = found["status"] or ""
            if status:
                status = f" {style.paint(status[1:], _STATUSES.get(status[1:], ''))}"
            return f"{found['record']}{style.paint(found['id'], ID)}{status}"
        if found["named"] is not None:
            return f"{found['next']}{style.paint(found['named'], ID)}"
        if kind == "flow":
            return f"<{style.paint(whole[1:-1], ID)}>"
        if kind == "trail":
            head, _, rest = whole.partition(" ")
            return f"{head} {_IN_TRAIL.sub(lambda m: style.paint(m[0], ID), rest)}"
        if kind == "raised":
            label, _, word = whole.rpartition("  " if whole.startswith("E") else ": ")
            gap = "  " if whole.startswith("E") else ": "
            return f"{label}{gap}{style.paint(word, 'FAILED')}"
        blanks = whole[: len(whole) - len(whole.lstrip())]
        what = {"heading": STRONG, "error": "FAILED", "more": FAINT, "rule": FAINT}
        return blanks + style.paint(whole.lstrip(), what.get(kind or "", ""))

    return _LINE.sub(paint, text)


_HELP = re.compile(r"^(?:usage: .*|[a-z][\w ]*:)$", re.MULTILINE)


def paint_help(text: str, style: Style) -> str:
    """Return a page of help with its headings painted."""
    if not style.is_on:
        return text
    return _HELP.sub(lambda found: _paint_head(found[0], style), text)


def _paint_head(line: str, style: Style) -> str:
    head, colon, rest = line.partition(":")
    return f"{style.paint(head + colon, STRONG)}{rest}"


_ERROR = re.compile(r"([A-Za-z_][\w.]*)(: .*)?", re.DOTALL)


def paint_error(line: str, style: Style) -> str:
    """Return the last line of a traceback, its error's class standing out.

    >>> paint_error("ValueError: no", Style(True))
    '\\x1b[31mValueError\\x1b[0m\\x1b[1m: no\\x1b[0m'
    """
    found = _ERROR.fullmatch(line)
    if found is None:
        return style.paint(line, STRONG)
    return style.paint(found[1], "FAILED") + style.paint(found[2] or "", STRONG)
