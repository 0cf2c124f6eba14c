"""Points in time as they are typed."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import pytest

from redunlite.cli.times import EXPECTED, parse_time, read_time

NOW = datetime(2026, 11, 24, 12, 57, 9)


@pytest.mark.parametrize(
    "text, since, until",
    [
        ("today", "2026-11-24T00:00:00", "2026-11-25T00:00:00"),
        ("Yesterday", "2026-11-23T00:00:00", "2026-11-24T00:00:00"),
        ("now", "2026-11-24T12:57:09", None),
        ("2h", "2026-11-24T10:57:09", None),
        ("1.5h", "2026-11-24T11:27:09", None),
        ("3d", "2026-11-21T12:57:09", None),
        ("30 m", "2026-11-24T12:27:09", None),
        ("9s", "2026-11-24T12:57:00", None),
        ("1w", "2026-11-17T12:57:09", None),
        ("2026-11-20", "2026-11-20T00:00:00", "2026-11-21T00:00:00"),
        ("2026-11-20 08:15", "2026-11-20T08:15:00", None),
        ("2026-11-20T08:15:30", "2026-11-20T08:15:30", None),
        ("2026-11-20T08:15:30+02:00", "2026-11-20T08:15:30+02:00", None),
        ("2026-11-20T08:15Z", "2026-11-20T08:15:00+00:00", None),
    ],
)
def test_times_are_read(text: str, since: str, until: str | None) -> None:
    """A whole day has an end of its own; anything else is one moment."""
    assert parse_time(text, NOW).isoformat() == since
    assert parse_time(text, NOW, is_end=True).isoformat() == (until or since)


@pytest.mark.parametrize(
    "text",
    ["", " ", "soon", "2x", "h", "-2h", "2026-13-01", "2026-11", "99999999999d", "0001-01-01"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """The error says what was expected."""
    with pytest.raises(ValueError) as caught:
        parse_time(text, NOW)

    assert str(caught.value) == EXPECTED


def test_local_and_absolute_times_become_microseconds() -> None:
    """Without an offset a time is local; with one it is what it says."""
    local = datetime(2026, 11, 24, 12, 57)
    assert read_time("2026-11-24 12:57") == round(time.mktime(local.timetuple())) * 1_000_000
    absolute = datetime(2026, 11, 24, 12, 57, tzinfo=timezone(timedelta(hours=2)))
    assert read_time("2026-11-24T12:57+02:00") == round(absolute.timestamp()) * 1_000_000
