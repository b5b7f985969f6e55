"""Deadlines: the day and second on which a period of the registry is over.

A period counts whole days after the day of the act (the day itself is not counted), working days
of a jurisdiction's calendar or plain days where none is named, in UTC. It is over when the last day
is over. Pure: the act's own time is an argument.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from entrepot.law.businessdays import add_working_days


def day_of(at_s: int) -> date:
    """Return the day of a moment, UTC."""
    return datetime.fromtimestamp(at_s, tz=UTC).date()


def last_day(at_s: int, days: int, calendar: str) -> date:
    """Return the last day of a period that starts at a moment (POSIX seconds)."""
    start = day_of(at_s)
    if not calendar:
        return start + timedelta(days=days)
    return add_working_days(start, days, calendar)


def over_at(day: date) -> int:
    """Return the second at which a last day is over: midnight UTC after it."""
    begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return int(begins.timestamp()) + 86_400  # there is no day after 9999-12-31 to ask for


def in_words(at_s: int) -> str:
    """Return a moment as `2026-11-22 06:45`, UTC."""
    return datetime.fromtimestamp(at_s, tz=UTC).strftime("%Y-%m-%d %H:%M")


def stamp(at_s: int) -> str:
    """Return a moment as `2026-11-22T06:45:00Z` (XML Schema dateTimeStamp)."""
    return datetime.fromtimestamp(at_s, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
