"""Random flows between any two places with law of their own, on any day, with random facts."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from entrepot.law import FactSpec, Library, ir

FIRST = date(2015, 1, 1)
DAYS = (date(2028, 12, 31) - FIRST).days
SETS = 256
"""Different random sets per fact."""
SET_SHARE = 0.1


def flows(library: Library, count: int, *, seed: int, unknown_share: float) -> pl.DataFrame:
    """Return flows with every fact that some rulebook reads, drawn by its type."""
    rng = np.random.default_rng(seed)
    homes = sorted({r.text.block.jurisdiction for r in library.content.regimes.values()})
    limits = thresholds(library)
    read = frozenset().union(*(library.facts_read(name) for name in library.content.regimes))
    columns = {
        "flow.from": _pick(homes, count, rng),
        "flow.to": _pick(homes, count, rng),
        "flow.as_of": _pick([FIRST + timedelta(days=n) for n in range(DAYS)], count, rng),
    }
    for name in sorted(read):
        spec = library.vocabulary[name]
        if spec.source == "flow":
            continue
        series = _draw(spec, sorted(limits.get(name, ())), count, rng)
        known = pl.Series(rng.random(count) >= unknown_share)
        columns[name] = pl.select(pl.when(known).then(series)).to_series()
    return pl.DataFrame(columns)


def thresholds(library: Library) -> dict[str, set[int]]:
    """Return, for every number fact, what rules compare it with; dated numbers too."""
    found: dict[str, set[int]] = {}
    nodes = [rule.condition for rule in library.content.rules.values()]
    nodes += [entry.condition for one in library.content.lists.values() for entry in one.entries]
    for node in (part for whole in nodes for part in ir.walk(whole)):
        if not isinstance(node, ir.Compare):
            continue
        for side in ir.walk(node.right):
            points: list[object] = []
            if isinstance(side, ir.Const):
                points = [side.value]
            elif isinstance(side, ir.ValueRef):
                points = [row.value for row in library.content.values[side.id].block.values]
            for name in ir.facts_of(node.left):
                numbers = {int(p) for p in points if isinstance(p, (int, float))}
                found.setdefault(name, set()).update(numbers)
    return found


def _draw(spec: FactSpec, limits: list[int], count: int, rng: np.random.Generator) -> pl.Series:
    match spec.type:
        case "bool":
            return pl.Series(rng.random(count) < 0.5)
        case "int" | "number":
            pool = sorted({0, 1, *(n for v in limits for n in (max(v - 1, 0), v, v + 1))})
            drawn = pl.Series(rng.choice(np.array(pool, np.int64), count))
            return drawn if spec.type == "int" else drawn.cast(pl.Float64)
        case "enum":
            return _pick(list(spec.values), count, rng)
        case "date":
            return _pick([FIRST + timedelta(days=n) for n in range(0, DAYS, 7)], count, rng)
        case "set":
            return _subsets(list(spec.values), count, rng)
        case "jurisdictions":
            return _subsets(["CN", "DE", "US", "JP", "GB"], count, rng)
        case "jurisdiction":
            return _pick(["CN", "DE", "US", "JP", "GB"], count, rng)
        case _:
            return _pick(["text"], count, rng)


def _pick(values: list[object], count: int, rng: np.random.Generator) -> pl.Series:
    if all(isinstance(value, str) for value in values):
        words = [str(value) for value in values]
        return pl.Series(words, dtype=pl.Enum(words)).gather(rng.integers(0, len(words), count))
    return pl.Series(values).gather(rng.integers(0, len(values), count))


def _subsets(members: list[str], count: int, rng: np.random.Generator) -> pl.Series:
    drawn = [[m for m in members if rng.random() < SET_SHARE] for _ in range(SETS)]
    return pl.Series(drawn, dtype=pl.List(pl.String)).gather(rng.integers(0, SETS, count))
