"""Lists of records for other programs: JSON, JSON lines and CSV.

Decided here: how a record becomes text in each format. Not here: its fields (`fields`), and what is
printed for people. No state; nothing is imported
before it is needed, because help names the formats.

>>> print("".join(format_rows([{"a": None, "b": [1, "x"]}], CSV, ("a", "b"))), end="")
a,b
,"[1, ""x""]"
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

TEXT, JSON, JSONL, CSV = "text", "json", "jsonl", "csv"
FORMATS = (TEXT, JSON, JSONL, CSV)


def format_json(data: Any) -> str:
    """Return data as indented JSON, in ASCII, so that nothing in it can steer a terminal."""
    import json

    return json.dumps(data, indent=2, allow_nan=False)


def format_rows(
    rows: Iterable[Mapping[str, Any]], form: str, columns: Sequence[str]
) -> Iterator[str]:
    """Yield the text of a list of records, in pieces.

    Parameters
    ----------
    form
        ``json``: one array. ``jsonl``: an object a line. ``csv``: a line of names, then a line for
        each record.
    columns
        The fields that CSV has; JSON has all.
    """
    if form == JSON:
        yield format_json(list(rows)) + "\n"
    elif form == JSONL:
        import json

        for row in rows:
            yield json.dumps(row, allow_nan=False) + "\n"
    else:
        yield from _format_csv(rows, columns)


def _format_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    import csv
    import io

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([_format_cell(row.get(column)) for column in columns])
    yield buffer.getvalue()


def _format_cell(value: Any) -> Any:
    """Return what a cell holds: text as it is but for what steers a terminal, else JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        if value.isprintable():
            return value
        from redunlite.preview import escape_controls

        return "\n".join(map(escape_controls, value.split("\n")))
    import json

    return json.dumps(value, allow_nan=False)
