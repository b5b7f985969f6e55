"""Find the generalisation that makes every row share its quasi-identifiers with k-1 others.

A greedy walk through the lattice of generalisation levels (after Datafly, Sweeney 2002), then a
walk back that undoes every step that turned out not to be needed; rows left in small classes are
suppressed. It finds a good node, not the best one: the best is NP-hard (Meyerson and Williams
2004). The search may run on a sample; the suppression that follows runs on the whole table, so the
result has the wanted k in any case and only the share of suppressed rows is an estimate.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from entrepot.kernel.errors import InvalidInput
from entrepot.port.transform.cells import generalised
from entrepot.port.transform.model import Generalise, Method

Codes = npt.NDArray[np.int64]

SUPPRESSED_MAX = 0.05
"""Share of rows that may be suppressed instead of generalising everybody further."""
_CODE_SPACE = 1 << 62


class Node(msgspec.Struct, frozen=True):
    """One point of the lattice: a level per column, and what it costs."""

    levels: dict[str, int]
    suppressed_share: float
    loss: float
    """Mean over the columns of the share of entropy lost."""
    steps: list[Generalise]
    """The generalisations that the levels stand for (level 0 needs none)."""
    tried: int


class Lattice:
    """The quasi-identifiers of a table, coded at every level of their hierarchies."""

    def __init__(
        self,
        columns: Mapping[str, pl.Series],
        hierarchies: Mapping[str, list[Generalise]],
        persons: pl.Series | None = None,
    ) -> None:
        """`columns` are text series of one height; `persons` a hash per row (None: row = person).

        Raises InvalidInput without columns.
        """
        if not columns:
            raise InvalidInput("k-anonymity needs at least one quasi-identifier")
        self._names = list(columns)
        self._hierarchies = hierarchies
        self._rows = len(next(iter(columns.values())))
        self._codes = {name: _coded(columns[name], hierarchies[name]) for name in self._names}
        self._entropies = {
            name: [_entropy(level) for level in levels] for name, levels in self._codes.items()
        }
        self._persons = _dense(persons.to_numpy()) if persons is not None else None
        self.tried = 0

    def top(self, name: str) -> int:
        """Return the highest level of a column."""
        return len(self._codes[name]) - 1

    def suppressed_share(self, levels: Mapping[str, int], k: int) -> float:
        """Return the share of rows in classes of fewer than k (rows, or persons)."""
        self.tried += 1
        if not self._rows:
            return 0.0
        classes = _combined([self._codes[name][levels[name]] for name in self._names])
        frame = pl.DataFrame({"class": classes})
        if self._persons is None:
            sizes = frame.group_by("class").agg(pl.len().alias("size"), pl.len().alias("rows"))
        else:
            sizes = (
                frame.with_columns(pl.Series("person", self._persons))
                .group_by("class")
                .agg(pl.col("person").n_unique().alias("size"), pl.len().alias("rows"))
            )
        return int(sizes.filter(pl.col("size") < k)["rows"].sum()) / self._rows

    def loss(self, levels: Mapping[str, int]) -> float:
        """Return the mean share of entropy lost over the columns."""
        return float(np.mean([self.column_loss(name, levels[name]) for name in self._names]))

    def column_loss(self, name: str, level: int) -> float:
        """Return the share of a column's entropy lost at a level."""
        whole = self._entropies[name][0]
        return 1.0 - self._entropies[name][level] / whole if whole > 0 else 0.0

    def search(self, k: int, *, suppressed_max: float = SUPPRESSED_MAX) -> Node:
        """Return a node at which at most `suppressed_max` of the rows are in classes under k.

        Always succeeds when the table has k rows at all: at the top every row is in one class.
        """
        if k < 2:
            raise InvalidInput("k must be at least 2", value=k)
        levels = dict.fromkeys(self._names, 0)
        share = self.suppressed_share(levels, k)
        while share > suppressed_max:
            step = self._best_step(levels, share, k)
            if step is None:
                break
            name, share = step
            levels[name] += 1
        levels, share = self._walked_back(levels, share, k, suppressed_max)
        steps = [
            self._hierarchies[name][level - 1] for name, level in levels.items() if level
        ]  # level 0 is the value as it is
        return Node(levels, share, self.loss(levels), steps, self.tried)

    def _best_step(self, levels: dict[str, int], share: float, k: int) -> tuple[str, float] | None:
        """Return the column whose next level gains most per entropy lost, and the share then."""
        best: tuple[float, str, float] | None = None
        for name in self._names:
            if levels[name] == self.top(name):
                continue
            after = self.suppressed_share({**levels, name: levels[name] + 1}, k)
            lost = self.column_loss(name, levels[name] + 1) - self.column_loss(name, levels[name])
            gain = (share - after + 1e-9) / (lost + 0.01)
            if best is None or gain > best[0]:
                best = (gain, name, after)
        return (best[1], best[2]) if best else None

    def _walked_back(
        self, levels: dict[str, int], share: float, k: int, suppressed_max: float
    ) -> tuple[dict[str, int], float]:
        """Lower levels again, the dearest column first, while the bound holds."""
        order = sorted(self._names, key=lambda n: -self.column_loss(n, levels[n]))
        for name in order:
            while levels[name]:
                lower = {**levels, name: levels[name] - 1}
                lower_share = self.suppressed_share(lower, k)
                if lower_share > max(suppressed_max, share if share > suppressed_max else 0.0):
                    break
                levels, share = lower, lower_share
        return levels, share


def _coded(text: pl.Series, levels: list[Generalise]) -> list[Codes]:
    """Return dense integer codes of a column at level 0 and every level above."""
    distinct = text.unique(maintain_order=True)
    table = pl.DataFrame({"value": distinct}).with_row_index("code")
    joined = pl.DataFrame({"value": text}).join(
        table, on="value", how="left", nulls_equal=True, maintain_order="left"
    )
    rows = joined["code"].to_numpy().astype(np.int64)
    coded = [rows]
    for step in levels:
        if step.method == Method.ALL:
            coded.append(np.zeros(len(rows), dtype=np.int64))
            continue
        coarse = generalised(distinct, step)
        coarse_codes = coarse.rank("dense").fill_null(0).to_numpy().astype(np.int64)
        coded.append(coarse_codes[rows])
    return coded


def _combined(parts: list[Codes]) -> Codes:
    """Combine codes of several columns into one code per combination."""
    combined = parts[0]
    space = int(combined.max(initial=0)) + 1
    for part in parts[1:]:
        radix = int(part.max(initial=0)) + 1
        if space * radix >= _CODE_SPACE:
            combined = _dense(combined)
            space = int(combined.max(initial=0)) + 1
        combined = combined * radix + part
        space *= radix
    return combined


def _dense(values: npt.NDArray[np.generic]) -> Codes:
    codes: Codes = np.unique(values, return_inverse=True)[1].astype(np.int64)
    return codes


def _entropy(codes: Codes) -> float:
    """Return the Shannon entropy of a column in bits."""
    if not len(codes):
        return 0.0
    counts = np.bincount(codes)
    shares = counts[counts > 0] / len(codes)
    return float(-(shares * np.log2(shares)).sum())
