"""The sample and the distinct counter: exact while they say so, bounded, independent of batches."""

from __future__ import annotations

import numpy as np
import polars as pl

from entrepot.port.detect.sketch import SAMPLE_SIZE, DistinctCounter, Sample, Tally, as_text


def fill(values: pl.Series, batch: int) -> tuple[Sample, DistinctCounter]:
    sample, counter = Sample(), DistinctCounter(1 << 20)
    for start in range(0, len(values), batch):
        part = values.slice(start, batch)
        tally = Tally.of(part)
        counter.add(tally.distinct)
        sample.add(part, tally)
    return sample, counter


def test_sample_of_a_small_column_is_the_column() -> None:
    values = pl.Series([f"v{i % 500}" for i in range(5000)])
    sample, counter = fill(values, 700)
    assert sample.complete
    assert counter.count() == 500
    assert dict(zip(sample.values.to_list(), sample.counts.tolist(), strict=True)) == {
        f"v{i}": 10 for i in range(500)
    }


def test_sample_does_not_depend_on_batches_and_counts_exactly() -> None:
    values = pl.Series([f"user-{i % 20000}" for i in range(60000)])
    one, _ = fill(values, 60000)
    many, counter = fill(values, 1234)
    assert not one.complete
    assert len(one.values) == SAMPLE_SIZE
    assert one.values.to_list() == many.values.to_list()
    assert set(many.counts.tolist()) == {3}
    assert counter.exact
    assert counter.count() == 20000


def test_distinct_count_becomes_an_estimate_within_three_percent() -> None:
    counter = DistinctCounter(20_000)
    rng = np.random.default_rng(4)
    for _ in range(40):
        counter.add(rng.integers(0, 2**64, 50_000, dtype=np.uint64))
    assert not counter.exact
    assert abs(counter.count() - 2_000_000) < 60_000


def test_numbers_become_the_text_a_reader_would_see() -> None:
    assert as_text(pl.Series([1.0, 2.5, 123456789.0])).to_list() == ["1", "2.5", "123456789"]
    assert as_text(pl.Series([True, False])).to_list() == ["true", "false"]
    assert as_text(pl.Series([[1, 2]])).to_list() == ["[1, 2]"]
