"""Measure what a plan takes away.

Per column: 1 - H(after) / H(before), Shannon entropy in bits over a sample of rows: the share of
what the column told apart that is told apart no more. A token tells apart as much as the value did
but says nothing about it; by convention half of its column counts as lost. A column left out loses
all. Of the table: 1 - (share of rows kept) * (1 - mean loss of the columns, weighted).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl

from entrepot.port.read.text import as_text
from entrepot.port.transform.model import (
    Aggregate,
    ColumnLoss,
    LossReport,
    Tokenise,
    TransformPlan,
    technique,
    touched,
)

SAMPLE_ROWS = 100_000
"""Rows on which column losses are measured."""
TOKEN_LOSS = 0.5
"""By convention: tokens link records, which is half of what an identifier is for."""
METHOD = (
    "per column 1 - H(after)/H(before) (Shannon entropy), 0.5 at least for tokens; of the table"
    " 1 - rows kept x mean of what columns keep"
)


def sample(frames: Iterable[pl.DataFrame], rows: int = SAMPLE_ROWS) -> pl.DataFrame:
    """Return the first `rows` rows of a table."""
    parts: list[pl.DataFrame] = []
    taken = 0
    for frame in frames:
        parts.append(frame.head(rows - taken))
        taken += parts[-1].height
        if taken >= rows:
            break
    return pl.concat(parts) if parts else pl.DataFrame()


def measure(
    plan: TransformPlan,
    before: pl.DataFrame,
    after: pl.DataFrame,
    *,
    rows_kept: float,
    weights: Mapping[str, float] | None = None,
) -> LossReport:
    """Measure the loss between the two sides of a plan.

    `before` and `after` are the same sample, before and after; `rows_kept` is the share of all rows
    that the whole table keeps; `weights` says how much each column matters (1 where absent).
    """
    losses = [_column_loss(plan, name, before, after) for name in before.columns]
    shares = np.array([(weights or {}).get(loss.column, 1.0) for loss in losses])
    mean = float(np.average([x.loss for x in losses], weights=shares)) if shares.sum() else 0.0
    aggregated = bool(plan.transforms) and isinstance(plan.transforms[-1], Aggregate)
    kept = 1.0 if aggregated else rows_kept
    return LossReport(
        loss=round(1.0 - kept * (1.0 - mean), 4),
        rows_kept=round(rows_kept, 6),
        columns=losses,
        measured_rows=before.height,
        method=METHOD,
    )


def _column_loss(
    plan: TransformPlan, name: str, before: pl.DataFrame, after: pl.DataFrame
) -> ColumnLoss:
    how = [technique(t).value for t in plan.transforms if name in touched(t)]
    label = ", ".join(dict.fromkeys(how)) or "unchanged"
    if name not in after.columns:
        return ColumnLoss(name, 1.0, label if how else "left out")
    aggregated = bool(plan.transforms) and isinstance(plan.transforms[-1], Aggregate)
    bits_before = entropy_bits(before[name])
    bits_after = _cell_entropy(after, name) if aggregated else entropy_bits(after[name])
    share = 1.0 - bits_after / bits_before if bits_before > 0 else 0.0
    changes = [
        t for t in plan.transforms if name in touched(t) and getattr(t, "column", None) == name
    ]
    if not changes and not aggregated:
        # Fewer rows hold less entropy; that loss is already counted by rows_kept.
        return ColumnLoss(name, 0.0, "unchanged")
    if any(isinstance(t, Tokenise) for t in changes):
        share = max(share, TOKEN_LOSS)
    share = min(1.0, max(0.0, share))
    return ColumnLoss(name, round(share, 4), f"{label}: {bits_before:.1f} bits to {bits_after:.1f}")


def entropy_bits(values: pl.Series) -> float:
    """Return the Shannon entropy of a column's values in bits; null is a value of its own."""
    counts = as_text(values).value_counts()["count"].to_numpy()
    shares = counts / counts.sum() if len(counts) else np.empty(0)
    return float(-(shares * np.log2(shares)).sum()) if len(shares) else 0.0


def _cell_entropy(cells: pl.DataFrame, name: str) -> float:
    counts = cells.group_by(name).agg(pl.col("count").sum())["count"].to_numpy().astype(float)
    shares = counts / counts.sum() if counts.sum() else np.empty(0)
    return float(-(shares * np.log2(shares)).sum()) if len(shares) else 0.0
