"""Re-identification risk over quasi-identifiers, measured on every row in bounded memory.

Rows with the same combination of quasi-identifiers form an equivalence class. Reported are the
smallest class (k-anonymity, Samarati and Sweeney 1998), the rows alone in theirs, classes / rows
(average prosecutor risk) and, per sensitive column, the fewest distinct values inside any class
(distinct l-diversity, Machanavajjhala et al. 2007). Terms follow ISO/IEC 20889:2018.

Up to `CLASSES_MAX` classes every figure is exact. Beyond it a fair sample of *classes* is kept,
chosen by hash and each with its exact size, so shares stay unbiased; the report says so. Distinct
sensitive values are counted up to `VALUES_MAX` per class, which bounds memory: a reported l of
`VALUES_MAX` means at least so many.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from entrepot.port.model import RiskReport

CLASSES_MAX = 1_000_000
"""Equivalence classes kept (12 bytes each) before classes are sampled."""
VALUES_MAX = 64
"""Distinct sensitive values counted per class; more tell nothing more about the worst class."""
PAIRS_MAX = 2_000_000
"""Pairs of class and sensitive value kept per column before classes are cut to `VALUES_MAX`."""
SENSITIVE_MAX = 4
"""Sensitive columns for which l-diversity is measured; each costs as much memory as the classes."""
K_WANTED = 11
"""Smallest class that health-data publishers accept (maximum risk 0.09): the default target."""

_SIZE_BANDS = [("1", 1, 1), ("2-4", 2, 4), ("5-10", 5, 10), ("11-99", 11, 99), ("100+", 100, None)]
_MERGE_ROWS = 500_000
"""Rows taken in between two merges."""


class RiskMeter:
    """Feed frames, then read the report. One meter measures one set of quasi-identifiers."""

    def __init__(
        self, quasi_identifiers: list[str], sensitive: list[str], *, classes_max: int = CLASSES_MAX
    ) -> None:
        """Measure over columns `quasi_identifiers`; l-diversity over the first few `sensitive`."""
        self._quasi = list(quasi_identifiers)
        self._sensitive = [name for name in sensitive if name not in quasi_identifiers]
        self._sensitive = self._sensitive[:SENSITIVE_MAX]
        self._classes_max = classes_max
        self._shift = 0
        self._rows = 0
        self._unmerged = 0
        self._classes: list[pl.DataFrame] = []
        self._values: dict[str, list[pl.DataFrame]] = {name: [] for name in self._sensitive}

    def feed(self, frame: pl.DataFrame) -> None:
        """Add the rows of `frame`, which has all columns named at the start."""
        if not self._quasi or frame.height == 0:
            return
        self._rows += frame.height
        keys = pl.DataFrame({"h": frame.select(self._quasi).hash_rows(seed=1)})
        self._classes.append(self._sampled(keys).group_by("h").agg(pl.len().alias("n")))
        for name in self._sensitive:
            pairs = keys.with_columns(frame[name].hash(seed=2).alias("v")).filter(
                frame[name].is_not_null()
            )
            self._values[name].append(self._sampled(pairs))
        self._unmerged += frame.height
        if self._unmerged > _MERGE_ROWS:
            self._merge()
            self._merge_values()

    def _sampled(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter(pl.col("h") % (1 << self._shift) == 0) if self._shift else frame

    def _merge(self) -> pl.DataFrame:
        merged = pl.concat(self._classes).group_by("h").agg(pl.col("n").sum())
        while merged.height > self._classes_max:
            self._shift += 1
            merged = self._sampled(merged)
        self._classes, self._unmerged = [merged], 0
        return merged

    def _merge_values(self) -> None:
        for name, parts in self._values.items():
            pairs = self._sampled(pl.concat(parts)).unique()
            parts.clear()
            self._values[name] = [_cut(pairs) if pairs.height > PAIRS_MAX else pairs]

    def report(self) -> RiskReport | None:
        """Return the measured risk; None without quasi-identifiers or rows."""
        if not self._rows:
            return None
        classes = self._merge()
        size = classes["n"]
        scale = 1 << self._shift
        sampled_rows = int(size.sum()) or 1
        smallest = int(size.min()) if classes.height else 0  # type: ignore[arg-type]
        if smallest != 1:
            self._merge_values()
        bands = {
            label: round(
                int(size.filter((size >= low) & (size <= (high or size.max()))).sum())
                / sampled_rows
                * self._rows
            )
            for label, low, high in _SIZE_BANDS
        }
        return RiskReport(
            quasi_identifiers=self._quasi,
            rows=self._rows,
            classes=classes.height * scale,
            k=smallest,
            uniques=bands["1"],
            rows_under_k5=bands["1"] + bands["2-4"],
            average_risk=min(1.0, classes.height / sampled_rows),
            l_diversity={  # in a class of one row no column has more than one value
                name: 1 if smallest == 1 else self._fewest(classes, name)
                for name in self._sensitive
            },
            class_sizes=bands,
            note=(
                f"sampled: one class in {scale}, each with its exact size; k is an upper bound"
                if self._shift
                else "exact, over all rows"
            ),
        )

    def _fewest(self, classes: pl.DataFrame, name: str) -> int:
        counted = self._values[name][0].group_by("h").agg(pl.len().alias("values"))
        per_class = counted.with_columns(pl.col("values").clip(upper_bound=VALUES_MAX))
        joined = classes.select("h").join(per_class, on="h", how="left")
        # A class in which every cell is empty has one distinct value: absence.
        fewest = joined["values"].fill_null(1).min()
        return int(fewest) if isinstance(fewest, int) else 0


def _cut(pairs: pl.DataFrame) -> pl.DataFrame:
    """Keep of every class the `VALUES_MAX` values of smallest hash, the same at every merge."""
    rank = pl.col("v").rank("ordinal").over("h")
    return pairs.filter(rank <= VALUES_MAX)


def measure(
    frames: Iterable[pl.DataFrame], quasi_identifiers: list[str], sensitive: list[str]
) -> RiskReport | None:
    """Measure a whole table given as `frames`; see `RiskMeter`."""
    meter = RiskMeter(quasi_identifiers, sensitive)
    for frame in frames:
        meter.feed(frame)
    return meter.report()
