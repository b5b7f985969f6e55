"""Risk figures equal a plain count, in one piece, in pieces, and as a sample of classes."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.port.risk import VALUES_MAX, RiskMeter, measure


def table(rows: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "age": rng.integers(20, 60, rows),
            "city": rng.choice(["Lisboa", "Porto", "Faro"], rows),
            "illness": rng.choice(["a", "b", "c", None], rows),
        }
    )


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 400), seed=st.integers(0, 10_000), pieces=st.integers(1, 7))
def test_figures_equal_a_plain_count(rows: int, seed: int, pieces: int) -> None:
    frame = table(rows, seed)
    step = max(1, rows // pieces)
    risk = measure(frame.iter_slices(step), ["age", "city"], ["illness"])
    sizes = Counter(frame.select("age", "city").iter_rows())
    values: dict[tuple[object, ...], set[object]] = {}
    for age, city, illness in frame.iter_rows():
        values.setdefault((age, city), set())
        if illness is not None:
            values[age, city].add(illness)
    assert risk is not None
    assert risk.rows == rows
    assert risk.classes == len(sizes)
    assert risk.k == min(sizes.values())
    assert risk.uniques == sum(n == 1 for n in sizes.values())
    assert risk.rows_under_k5 == sum(n for n in sizes.values() if n < 5)
    assert risk.average_risk == pytest.approx(len(sizes) / rows)
    assert risk.l_diversity == {"illness": min(max(1, len(v)) for v in values.values())}
    assert sum(risk.class_sizes.values()) == rows


def test_a_sample_of_classes_estimates_the_share_of_uniques() -> None:
    rng = np.random.default_rng(5)
    frame = pl.DataFrame({"q": rng.integers(0, 60_000, 100_000)})
    exact = measure([frame], ["q"], [])
    meter = RiskMeter(["q"], [], classes_max=8_000)
    for part in frame.iter_slices(9_000):
        meter.feed(part)
    sampled = meter.report()
    assert exact is not None
    assert sampled is not None
    assert "sampled" in sampled.note
    assert sampled.uniques == pytest.approx(exact.uniques, rel=0.08)
    assert sampled.average_risk == pytest.approx(exact.average_risk, rel=0.05)
    assert sampled.k >= exact.k


def test_no_quasi_identifiers_or_no_rows_give_no_figure() -> None:
    frame = table(10, 1)
    assert measure([frame], [], []) is None
    assert measure([frame.head(0)], ["age"], []) is None


def test_values_beyond_the_limit_are_cut_without_touching_smaller_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("entrepot.port.risk.PAIRS_MAX", 500)
    monkeypatch.setattr("entrepot.port.risk._MERGE_ROWS", 900)
    wide = pl.DataFrame({"q": ["a"] * 3_000, "s": [f"v{i}" for i in range(3_000)]})
    narrow = pl.DataFrame({"q": ["b"] * 600, "s": [f"v{i % 7}" for i in range(600)]})
    for frame, fewest in ((wide, VALUES_MAX), (pl.concat([wide, narrow]), 7)):
        meter = RiskMeter(["q"], ["s"])
        for part in frame.iter_slices(400):
            meter.feed(part)
        report = meter.report()
        assert report is not None
        assert report.l_diversity == {"s": fewest}
        assert max(parts[0].height for parts in meter._values.values()) <= 2 * VALUES_MAX
