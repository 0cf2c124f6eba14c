"""Points in time as they are typed: ``2026-11-24``, ``2026-11-24 12:57``, ``yesterday``, ``2h``.

Decided here: which texts are taken, and that a whole day ends with its last moment where an end is
asked for. Times without an offset are local. No state; the present is handed in.

>>> noon = datetime(2026, 11, 24, 12, 0)
>>> parse_time("2h", noon).isoformat(), parse_time("yesterday", noon).isoformat()
('2026-11-24T10:00:00', '2026-11-23T00:00:00')
>>> parse_time("2026-11-20", noon, is_end=True).isoformat()
'2026-11-21T00:00:00'
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

EXPECTED = "a time such as 2026-11-24, '2026-11-24 12:57', today, yesterday, 2h or 3d"

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"(\d+(?:\.\d+)?) ?([smhdw])")
_DAYS_AGO = {"today": 0, "yesterday": 1}


def parse_time(text: str, now: datetime, *, is_end: bool = False) -> datetime:
    """Return the point in time that `text` means.

    Parameters
    ----------
    now
        The present, as local time without an offset.
    is_end
        A whole day stands for its end, not its beginning.

    Raises
    ------
    ValueError
        When it means none; the text of the error is what was expected.
    """
    word = text.strip().lower()
    try:
        if word == "now":
            return now
        if word in _DAYS_AGO:
            day = now.replace(hour=0, minute=0, second=0, microsecond=0)
            return day + timedelta(days=int(is_end) - _DAYS_AGO[word])
        ago = _AGO.fullmatch(word)
        if ago is not None:
            return now - timedelta(seconds=float(ago[1]) * _UNITS[ago[2]])
        moment = datetime.fromisoformat(re.sub(r"z$", "+00:00", word))
        if is_end and re.fullmatch(r"[\d-]+", word):
            moment += timedelta(days=1)
        moment.timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(EXPECTED) from error
    return moment


def read_time(text: str, *, is_end: bool = False) -> int:
    """Return the point in time that `text` means as microseconds since the epoch, seen from now."""
    return round(parse_time(text, datetime.now(), is_end=is_end).timestamp() * 1_000_000)
