"""Cells made coarser: every method, on readable and unreadable cells."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.kernel.errors import InvalidInput
from entrepot.port.transform import reading
from entrepot.port.transform.cells import generalised, masked, noisy, on_values
from entrepot.port.transform.model import AddNoise, Generalise, MaskCells, Method
from entrepot.port.transform.regions import REGION_OF, known_share


def coarse(cells: list[str | None], method: Method, **how: object) -> list[str | None]:
    series = pl.Series("c", cells, dtype=pl.String)
    return generalised(series, Generalise("c", method, **how)).to_list()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cells", "spelling"),
    [
        (["1984-05-02", "2001-12-31"], "%Y-%m-%d"),
        (["02.05.1984", "31.12.2001"], "%d.%m.%Y"),
        (["7/1/2015", "12/31/2015"], "%m/%d/%Y"),
        (["31/12/2015", "1/7/2015"], "%d/%m/%Y"),
        (["19840502", "20011231"], "%Y%m%d"),
        (["1984年5月2日"], "%Y年%m月%d日"),
        (["44197", "30000"], reading.EXCEL_SERIAL),
        (["2 Mar 2020", "12 Dec 1999"], "%d %b %Y"),
        (["hello", "world"], ""),
        ([], ""),
    ],
)
def test_spelling_of_dates_is_found(cells: list[str], spelling: str) -> None:
    assert reading.date_format_of(pl.Series(cells, dtype=pl.String)) == spelling


def test_day_and_month_that_cannot_be_told_apart_are_said_to_be_so() -> None:
    unclear = pl.Series(["01/02/2020", "03/04/2021"])
    clear = pl.Series(["01/02/2020", "31/12/2021"])
    assert reading.is_ambiguous(unclear, reading.date_format_of(unclear))
    assert not reading.is_ambiguous(clear, reading.date_format_of(clear))
    assert not reading.is_ambiguous(unclear, "%Y-%m-%d")


def test_excel_serial_days_follow_the_1900_system() -> None:
    read = reading.dates(pl.Series(["44197", "366", "1", "99999999"]), reading.EXCEL_SERIAL)
    assert read.to_list() == [date(2021, 1, 1), date(1900, 12, 31), None, None]


def test_a_time_after_an_iso_date_is_ignored() -> None:
    cells = pl.Series(["2015-07-01T12:00:00+01:00", "2015-07-01 23:59", "2015-07-01junk"])
    day = date(2015, 7, 1)
    assert reading.dates(cells, reading.ISO).to_list() == [day, day, None]


def test_numbers_are_read_in_three_spellings() -> None:
    cells = pl.Series(["1,234.50", "1.234,5", "12", "1,234", "€ 5", "1 000", "x", None])
    assert reading.numbers(cells).to_list() == [1234.5, 1234.5, 12, 1234, 5, 1000, None, None]


def test_dates_become_years_months_and_bands() -> None:
    cells = ["1984-05-02", "not a date", None]
    assert coarse(cells, Method.YEAR) == ["1984", None, None]
    assert coarse(cells, Method.MONTH) == ["1984-05", None, None]
    assert coarse(cells, Method.YEARS, width=5) == ["1980-1984", None, None]


def test_numbers_become_bands_with_open_ends() -> None:
    cells = ["5", "37", "102", "-3", "NaN", None, "x"]
    got = coarse(cells, Method.BAND, width=10, lowest=18, highest=90)
    assert got == ["under 18", "30-39", "90+", "under 18", None, None, None]
    assert coarse(["14", "16"], Method.ROUND, width=10) == ["10", "20"]


def test_coordinates_are_cut_one_or_two_in_a_cell() -> None:
    cells = ["48.13743,11.57549", "(48.13743; 11.57549)", "52.5", "Main Street 5"]
    assert coarse(cells, Method.GRID, length=1) == ["48.1,11.6", "48.1,11.6", "52.5", None]
    assert coarse(["48.6"], Method.GRID, length=0) == ["49"]


def test_countries_become_regions_and_unknown_ones_never_themselves() -> None:
    got = coarse(["PRT", "de", " China ", "Atlantis", None], Method.REGION)
    assert got == ["Southern Europe", "Western Europe", "Eastern Asia", "other", None]
    assert known_share(pl.Series(["PRT", "Atlantis"])) == 0.5
    assert len({code for code in REGION_OF if len(code) == 2}) > 190


def test_words_outside_the_kept_ones_become_one_group() -> None:
    assert coarse(["nurse", "astronaut", None], Method.GROUP, keep=["nurse"]) == [
        "nurse",
        "other",
        None,
    ]
    assert coarse(["x", None], Method.ALL) == ["*", "*"]
    assert coarse(["10115", "1"], Method.PREFIX, length=2) == ["10*", "1*"]


@pytest.mark.parametrize("method", [Method.BAND, Method.ROUND, Method.YEARS])
def test_a_width_below_one_is_an_error(method: Method) -> None:
    with pytest.raises(InvalidInput, match="width"):
        coarse(["1"], method, width=0)


def test_masks_hide_all_but_the_ends_and_short_cells_whole() -> None:
    cells = pl.Series(["13812345678", "ab", "", None])
    assert masked(cells, MaskCells("c", 3, 4)).to_list() == ["138****5678", "**", "", None]
    assert masked(cells, MaskCells("c", fixed=5)).to_list() == ["*****"] * 3 + [None]


def test_lists_in_a_cell_are_changed_value_by_value() -> None:
    cells = pl.Series("c", ["abc\x1fdefg", "hi", None])
    got = on_values(cells, lambda text: masked(text, MaskCells("c", keep_last=1)))
    assert got.to_list() == ["**c\x1f***g", "*i", None]


def test_noise_keeps_whole_numbers_whole_and_is_centred() -> None:
    cells = pl.Series(["100"] * 4_000 + ["x", None])
    got = noisy(cells, AddNoise("c", 5.0), np.random.default_rng(7)).to_list()
    assert got[-2:] == [None, None]
    numbers = [int(cell) for cell in got[:-2]]
    assert len(set(numbers)) > 10
    assert abs(np.mean(numbers) - 100) < 1
    with pytest.raises(InvalidInput):
        noisy(cells, AddNoise("c", 0), np.random.default_rng(7))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.text(max_size=12)), max_size=30),
    st.integers(0, 4),
    st.integers(0, 4),
)
def test_a_mask_never_shows_more_than_it_may(
    cells: list[str | None], first: int, last: int
) -> None:
    shown = masked(pl.Series("c", cells, dtype=pl.String), MaskCells("c", first, last)).to_list()
    assert len(shown) == len(cells)
    for before, after in zip(cells, shown, strict=True):
        if before is None:
            assert after is None
            continue
        assert after is not None and len(after) == len(before)
        if len(before) <= first + last:
            assert set(after) <= {"*"}
        else:
            assert set(after[first : len(after) - last]) == {"*"}
