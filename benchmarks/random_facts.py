"""Random sets of facts for a bound law: every fact its conditions read, drawn by its type.

Numbers are drawn around every threshold that the bound law compares them with, so that both sides
of each boundary are met; dates within three years of the day of the flow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from entrepot.law import BoundLaw, FactSpec, ir

JURISDICTIONS = ["CN", "DE", "FR", "US", "JP", "KR", "GB", "HK", "MO", "RU", "IR", "SG", "IN", "BR"]
SET_SHARE = 0.15
"""Chance of each member to be in a random set; half of the sets are empty besides."""


@dataclass(frozen=True)
class FactTable:
    """The same random facts by column (columnar back end) and by row (scalar back end)."""

    frame: pl.DataFrame
    rows: list[dict[str, object]]


def facts_read(bound: BoundLaw) -> list[str]:
    """Return the facts that some bound condition or derivation reads, without those of the flow."""
    names: dict[str, None] = {}
    for part in _parts(bound):
        names.update(dict.fromkeys(ir.facts_of(part)))
    return sorted(name for name in names if not name.startswith("flow."))


def _parts(bound: BoundLaw) -> list[ir.Node | ir.Value]:
    parts: list[ir.Node | ir.Value] = list(bound.content.nodes())
    parts += [rule[3] for derived in bound.content.derivations for rule in derived.rules]
    return parts


def _thresholds(bound: BoundLaw) -> dict[str, list[int]]:
    """Return, for every number fact, what it is compared with, sums included."""
    found: dict[str, set[int]] = {}
    for part in _parts(bound):
        for node in ir.walk(part):
            if isinstance(node, ir.Compare) and isinstance(node.right, ir.Const):
                limit = node.right.value
                if isinstance(limit, (int, float)) and not isinstance(limit, bool):
                    for name in ir.facts_of(node.left):
                        found.setdefault(name, set()).add(int(limit))
    return {name: sorted(values) for name, values in found.items()}


def random_facts(
    bound: BoundLaw,
    count: int,
    *,
    seed: int,
    unknown_share: float,
    fixed: dict[str, object] | None = None,
    by_row: bool = True,
) -> FactTable:
    """Return `count` random sets of facts; `fixed` facts are the same in each and always known."""
    rng = np.random.default_rng(seed)
    limits = _thresholds(bound)
    columns: dict[str, pl.Series] = {}
    for name in facts_read(bound):
        spec = bound.library.vocabulary[name]
        if fixed is not None and name in fixed:
            columns[name] = _constant(spec, fixed[name], count)
            continue
        series = _draw(spec, limits.get(name, []), bound, count, rng)
        if unknown_share:
            known = pl.Series(rng.random(count) >= unknown_share)
            series = pl.select(pl.when(known).then(series)).to_series()
        columns[name] = series.alias(name)
    frame = pl.DataFrame(columns)
    return FactTable(frame, _rows(frame) if by_row else [])


def _constant(spec: FactSpec, value: object, count: int) -> pl.Series:
    plain = sorted(value) if isinstance(value, frozenset | set) else value
    kind = pl.List(pl.String) if spec.type in ("set", "jurisdictions") else None
    return pl.Series(spec.name, [plain], dtype=kind).new_from_index(0, count)


def _draw(
    spec: FactSpec, limits: list[int], bound: BoundLaw, count: int, rng: np.random.Generator
) -> pl.Series:
    match spec.type:
        case "bool":
            return pl.Series(rng.random(count) < 0.5)
        case "int" | "number":
            pool = sorted({0, 1, *(n for v in limits for n in (max(v - 1, 0), v, v + 1, 2 * v))})
            drawn = pl.Series(rng.choice(np.array(pool, np.int64), count))
            return drawn if spec.type == "int" else drawn.cast(pl.Float64)
        case "enum":
            return _pick(list(spec.values), count, rng)
        case "jurisdiction":
            return _pick(JURISDICTIONS, count, rng)
        case "set":
            return _subsets(list(spec.values), count, rng)
        case "jurisdictions":
            return _subsets(JURISDICTIONS, count, rng)
        case "date":
            days = rng.integers(-3 * 365, 3 * 365, 400)
            return _pick([bound.flow.as_of + timedelta(days=int(d)) for d in days], count, rng)
        case _:
            return _pick(["text"], count, rng)


def _pick(values: list[object], count: int, rng: np.random.Generator) -> pl.Series:
    return pl.Series(values).gather(rng.integers(0, len(values), count))


def _subsets(members: list[str], count: int, rng: np.random.Generator) -> pl.Series:
    """Draw from 512 different random subsets, the first half of them empty."""
    drawn = [
        [
            m
            for m, chosen in zip(members, rng.random(len(members)) < SET_SHARE, strict=True)
            if chosen
        ]
        for _ in range(256)
    ]
    return pl.Series([[]] * 256 + drawn, dtype=pl.List(pl.String)).gather(
        rng.integers(0, 512, count)
    )


def _rows(frame: pl.DataFrame) -> list[dict[str, object]]:
    """Return the rows as typed facts, unknown ones absent."""
    return [
        {
            name: frozenset(value) if isinstance(value, list) else value
            for name, value in row.items()
            if value is not None
        }
        for row in frame.iter_rows(named=True)
    ]
