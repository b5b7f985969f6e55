"""Windows of law and what pieces in them come to: bounds, columns, days, thresholds."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.law.counters import LIMIT_MIN, Piece, Window, before, bounds, limit, thresholds
from entrepot.law.library import Library
from entrepot.law.sketches import as_dense, exact

DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))
PERSONS = st.sets(st.integers(1, 40), max_size=25)


def piece(
    persons: set[int], source: str = "a", *, key: str = "k", namespace: str = "n", **more: int
) -> Piece:
    tokens = exact(np.array(sorted(persons), np.uint64))
    number = more.pop("number", len(persons))
    return Piece(number, source, tokens, key, namespace, **more)


@given(DAYS)
def test_twelve_months_hold_every_day_of_the_year_before(on: date) -> None:
    start = Window(0).start(on)
    assert 365 <= (on - start).days <= 366
    assert Window(0).start(on + timedelta(days=1)) >= start


def test_windows_begin_where_law_says() -> None:
    assert Window(1).start(date(2026, 11, 22)) == date(2026, 1, 1)
    assert Window(2).start(date(2026, 11, 22)) == date(2025, 1, 1)
    assert Window(0).start(date(2026, 3, 1)) == date(2025, 3, 1)
    assert Window(0).start(date(2024, 2, 29)) == date(2023, 2, 28)


@given(DAYS, DAYS, st.sampled_from([0, 1, 2, 3]))
def test_a_shipment_has_a_piece_under_the_key_of_every_window_it_lies_in(
    cleared: date, on: date, years: int
) -> None:
    window = Window(years)
    if window.start(on) <= cleared <= on:
        assert on.year in window.key_years(cleared)


@given(st.lists(st.tuples(PERSONS, st.sampled_from("abc")), max_size=6))
def test_distinct_persons_are_counted_once(parts: list[tuple[set[int], str]]) -> None:
    found = bounds([piece(persons, source) for persons, source in parts])
    truth = len(set().union(*(persons for persons, _ in parts)))
    assert (found.least, found.most, found.exact) == (truth, truth, True)


@given(st.lists(PERSONS, max_size=5), PERSONS, st.integers(0, 10))
def test_earlier_persons_and_the_present_ones_come_to_the_union(
    earlier: list[set[int]], now: set[int], extra: int
) -> None:
    pieces = [piece(persons, f"t{number}") for number, persons in enumerate(earlier)]
    present = piece(now, "now", number=len(now) + extra, extra=extra)
    others = before(pieces, present)
    truth = len(set().union(now, *earlier)) + extra
    assert present.persons + others.most == truth
    assert others.least <= truth - present.persons


@given(st.lists(st.tuples(PERSONS, st.integers(0, 25)), min_size=1, max_size=5))
def test_capped_pieces_never_count_too_few(parts: list[tuple[set[int], int]]) -> None:
    """Where fewer were declared than have tokens, whoever they were, the bound holds them."""
    pieces, truth = [], set()
    for number, (persons, share) in enumerate(parts):
        chosen = set(sorted(persons)[: min(share, len(persons))])
        truth |= chosen
        cap = len(chosen) if len(chosen) < len(persons) else None
        number_said = len(chosen)
        pieces.append(
            Piece(
                number_said,
                f"t{number}",
                exact(np.array(sorted(persons), np.uint64)),
                "k",
                "n",
                cap=cap,
            )
        )
    assert bounds(pieces).most >= len(truth)


@given(PERSONS, PERSONS)
def test_a_lost_key_or_piece_counts_everybody_again(one: set[int], two: set[int]) -> None:
    under_other_key = bounds([piece(one, "a"), piece(two, "b", key="other")])
    assert under_other_key.most == len(one) + len(two)
    lost = bounds([piece(one, "a"), Piece(len(two), "b")])
    assert lost.most == len(one) + len(two) and lost.least == max(len(one), len(two))
    # The same table without its tokens is still the same table, once.
    assert bounds([Piece(5, "a"), Piece(7, "a")]).most == 7


@given(PERSONS, PERSONS)
def test_two_namespaces_may_hide_one_person(one: set[int], two: set[int]) -> None:
    apart = {number + 100 for number in two}
    found = bounds([piece(one, "a"), piece(apart, "b", namespace="other")])
    assert found.least == max(len(one), len(two)) and found.most == len(one) + len(two)


def test_a_dense_piece_is_above_every_threshold() -> None:
    tokens = exact(np.random.default_rng(1).integers(0, 2**64, 30_000, dtype=np.uint64))
    dense = Piece(30_000, "a", as_dense(tokens), "k", "n")
    found = bounds([dense, piece({1, 2, 3}, "b")])
    assert found.least >= 30_000 and found.most >= 30_003 and not found.exact


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.load()


@pytest.mark.parametrize(
    ("fact", "numbers"),
    [
        ("cn.year.persons", {100_000, 1_000_000}),
        ("cn.year.sensitive", {10_000}),
        ("cn.two_years.persons", {100_000}),
        ("us.bulk.genomic", {100}),
        ("us.bulk.biometric", {1_000}),
        ("us.bulk.health", {10_000}),
        ("us.bulk.identifiers", {100_000}),
    ],
)
def test_thresholds_are_those_of_the_rulebooks(
    library: Library, fact: str, numbers: set[int]
) -> None:
    found = thresholds(library, fact)
    assert numbers <= set(found) and all(a < b for a, b in pairwise(found))
    # A part of a sum is asked about with the numbers of the sum.
    prior = fact.replace("us.bulk", "us.prior").replace("year.", "year.prior_")
    if prior in library.vocabulary:
        assert set(found) <= set(thresholds(library, prior))
    assert limit(library, [fact]) >= max(LIMIT_MIN, max(found) * 5 // 4)
