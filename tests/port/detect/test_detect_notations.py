"""Notations and short tables that were read wrongly; all values invented."""

from __future__ import annotations

import random

import corpus
import polars as pl
import pytest

from entrepot.port.detect import ColumnScanner
from entrepot.port.model import Category, ColumnReport

C = Category


def scan(columns: dict[str, list[str]]) -> dict[str, ColumnReport]:
    frame = pl.DataFrame(columns)
    scanner = ColumnScanner(frame.columns, ["str"] * frame.width)
    scanner.feed(frame)
    return {report.name: report for report in scanner.finish()}


def categories(columns: dict[str, list[str]]) -> dict[str, Category]:
    return {name: report.category for name, report in scan(columns).items()}


def births(form: str, rows: int = 60) -> list[str]:
    r = random.Random(3)
    days = [corpus.day(r, 1940, 2004) for _ in range(rows)]
    return [form.format(y=d.year, roc=d.year - 1911, m=d.month, d=d.day) for d in days]


# ---------------------------------------------------------------- dates


@pytest.mark.parametrize("header", ["dob", "member_dob", "date_of_birth", "BIRTH_DT", "Geb.-Dat."])
@pytest.mark.parametrize(
    "form", ["{m:02}{d:02}{y}", "{d:02}{m:02}{y}", "{y}{m:02}{d:02}", "{m}{d:02}{y}"]
)
@pytest.mark.parametrize("rows", [2, 60])
def test_births_without_separators(header: str, form: str, rows: int) -> None:
    found = scan({header: births(form, rows)})[header]
    assert found.category is C.DATE_OF_BIRTH


def test_eight_digits_that_are_no_dates_are_no_births() -> None:
    r = random.Random(4)
    codes = [str(r.randrange(40_000_000, 99_999_999)) for _ in range(60)]
    found = categories({"dob": codes, "code": births("{m:02}{d:02}{y}")})
    assert C.DATE_OF_BIRTH not in found.values()


@pytest.mark.parametrize(
    "form", ["{roc:03}/{m:02}/{d:02}", "民國{roc}年{m}月{d}日", "{roc:03}{m:02}{d:02}"]
)
def test_births_counted_from_the_republic_of_china(form: str) -> None:
    found = categories({"出生年月日": births(form), "出生日期": births(form)})
    assert set(found.values()) == {C.DATE_OF_BIRTH}


@pytest.mark.parametrize("form", ["{roc:03}/{m:02}/{d:02}", "民國{roc}年{m}月{d}日"])
def test_other_dates_counted_from_the_republic_of_china(form: str) -> None:
    found = categories({"就診日期": births(form), "日期": births(form)})
    assert set(found.values()) == {C.DATE}


def test_short_polish_header_of_births_and_dates_of_airlines() -> None:
    flown = [f"{n:02}{month}24" for month in ("JAN", "FEB", "OCT") for n in range(1, 15)]
    found = categories({"Data ur.": births("{d:02}.{m:02}.{y}", 42), "flight_date": flown})
    assert found == {"Data ur.": C.DATE_OF_BIRTH, "flight_date": C.DATE}
