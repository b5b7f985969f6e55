"""Accuracy over the labelled corpus: a floor per category, and the confusion table in print."""

from __future__ import annotations

from collections import Counter

import corpus
import polars as pl
import pytest

from entrepot.port.detect import ColumnScanner
from entrepot.port.model import Category

MACRO_F1_FLOOR = 0.95
CATEGORY_F1_FLOOR = 0.8


def judge(seed: int) -> list[tuple[str, str, str, str]]:
    """Return (table, header, gold, found) for every column of the corpus."""
    out = []
    for table in corpus.tables(seed):
        headers = [header for header, _, _ in table.columns]
        frame = pl.DataFrame(
            [
                pl.Series(f"c{i}", [None if v is None else str(v) for v in values])
                for i, (_, _, values) in enumerate(table.columns)
            ]
        )
        scanner = ColumnScanner(headers, ["str"] * len(headers))
        scanner.feed(frame)
        for report, (header, gold, _) in zip(scanner.finish(), table.columns, strict=True):
            out.append((table.name, header, gold, report.category.value))
    return out


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 23])
def test_accuracy_of_the_corpus(seed: int) -> None:
    rows = judge(seed)
    wrong = [row for row in rows if row[2] != row[3]]
    hits, found, gold = Counter(), Counter(), Counter()
    for _, _, want, got in rows:
        gold[want] += 1
        found[got] += 1
        hits[want] += want == got
    scores = {c: 2 * hits[c] / (gold[c] + found[c]) for c in gold}
    print(f"\n{len(rows) - len(wrong)} of {len(rows)} columns right")
    for category in sorted(scores, key=lambda c: scores[c]):
        print(f"  {category:18} F1 {scores[category]:.2f} ({gold[category]} columns)")
    for row in wrong:
        print("  confused:", *row)
    covered = set(gold)
    assert {c.value for c in Category} <= covered
    assert sum(scores.values()) / len(scores) >= MACRO_F1_FLOOR
    assert {c: s for c, s in scores.items() if s < CATEGORY_F1_FLOOR} == {}
