"""Due phrases and working days, on public calendars."""

from __future__ import annotations

from datetime import date

import pytest

from entrepot.kernel.errors import InvalidLaw
from entrepot.law import Library
from entrepot.law.businessdays import add_working_days, is_working_day
from entrepot.law.due import add_months, parse_due


@pytest.mark.parametrize(
    ("day", "amount", "place", "expected"),
    [
        # Five working days after Monday 2 March 2026 end on Monday 9 March (reference case 34).
        ("2026-03-02", 5, "TR", "2026-03-09"),
        # National Day week, 1 to 7 October 2024; Saturday 12 October was made a working day.
        ("2024-09-30", 1, "CN", "2024-10-08"),
        ("2024-10-11", 1, "CN", "2024-10-12"),
        ("2024-03-22", 10, "DE", "2024-04-09"),
        ("2024-03-25", -1, "DE", "2024-03-22"),
        # Without a public calendar of its own: Saturdays and Sundays.
        ("2024-12-24", 1, "EU", "2024-12-25"),
        ("2024-06-28", 0, "US", "2024-06-28"),
    ],
)
def test_working_days_follow_the_calendar_of_the_place(
    day: str, amount: int, place: str, expected: str
) -> None:
    found = add_working_days(date.fromisoformat(day), amount, place)
    assert found == date.fromisoformat(expected)


def test_weekends_differ_by_place() -> None:
    friday = date(2024, 5, 10)
    assert not is_working_day(friday, "SA")
    assert is_working_day(friday, "DE")


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ("2024-01-31", 1, "2024-02-29"),
        ("2023-01-31", 1, "2023-02-28"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-03-31", -1, "2024-02-29"),
        ("2024-12-15", 1, "2025-01-15"),
    ],
)
def test_months_end_on_the_last_day_there_is(day: str, months: int, expected: str) -> None:
    assert add_months(date.fromisoformat(day), months) == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("14 days after instrument.signed_on", "2024-07-12"),
        ("2 weeks after instrument.signed_on", "2024-07-12"),
        ("3 years after instrument.signed_on", "2027-06-28"),
        ("6 months before instrument.signed_on", "2023-12-28"),
        ("60 working days before instrument.signed_on", "2024-04-03"),
    ],
)
def test_phrases_count_from_a_fact(toy: Library, text: str, day: str) -> None:
    due = parse_due(text, toy.vocabulary, "f:1")
    assert due.on(date(2024, 6, 28), "US") == date.fromisoformat(day)
    assert not due.before_transfer


@pytest.mark.parametrize("text", ["before transfer", "continuing", "yearly", "on event: a breach"])
def test_phrases_without_a_count(toy: Library, text: str) -> None:
    due = parse_due(text, toy.vocabulary, "f:1")
    assert (due.text, due.fact) == (text, "")
    assert due.before_transfer == (text == "before transfer")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("soon", "not a due phrase"),
        ("on event:", "not a due phrase"),
        ("10 days after the contract", "not a due phrase"),
        ("10 days after instrument.singed_on", "did you mean instrument.signed_on"),
        ("10 days after persons.total", "counts from a date"),
        ("99999 days after instrument.signed_on", "more than"),
    ],
)
def test_other_phrases_are_refused(toy: Library, text: str, reason: str) -> None:
    with pytest.raises(InvalidLaw, match=reason):
        parse_due(text, toy.vocabulary, "f:1")
