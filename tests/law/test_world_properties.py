"""Properties of all law that is loaded, on random facts: one answer, never milder for more."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray

from entrepot.law import OUTCOMES, Library, ir
from entrepot.law.columnar import flow_table, frame_of, regime_sides
from entrepot.law.explain import domain
from entrepot.law.model import Scalar
from entrepot.law.outcomes import OUTCOME_RANK

TODAY = date(2026, 11, 22)
SEED = 5
ROWS = 120
NEEDS_FACT = OUTCOME_RANK["NEEDS_FACT"]
EXEMPT = OUTCOME_RANK["EXEMPT"]
"""Up to here the law asks for nothing, whichever of the three words it uses."""
MILDER_BY = {
    "ZA-57-1-D": "POPIA s 57(1)(d): authorisation is asked besides a ground, which stays as a duty",
}
"""Rules of special data that may be milder than what bars plain data, with their article."""
pytestmark = pytest.mark.slow

Row = dict[str, Scalar]


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.load()


def home(library: Library, regime: str) -> str:
    place = library.regime(regime).text.block.jurisdiction
    return "DE" if place == "EU" else place


def bases(library: Library, regime: str, chance: random.Random) -> Iterator[Row]:
    """Yield random facts of flows out of a regime's home, many of them as cases have them."""
    origin = home(library, regime)
    usual = dict(library.facts(library.profile("retail-customers")).values)
    places = list(library.jurisdictions.names)
    bound = library.bind(library.flow(origin, "KE", TODAY))
    names = sorted(
        name
        for name in library.facts_read(regime) & bound.content.facts_read
        if not name.startswith("flow.")
    )
    values = {name: list(domain(bound, name)) for name in names}
    for _ in range(ROWS):
        row: Row = {name: value for name, value in usual.items() if chance.random() < 0.9}
        for name in names:
            if values[name] and chance.random() < 0.25:
                row[name] = chance.choice(values[name])
        row["flow.from"], row["flow.to"] = origin, chance.choice(places)
        row["flow.as_of"] = TODAY
        yield row


def judged(
    library: Library, regime: str, rows: list[Row]
) -> tuple[NDArray[np.int8], NDArray[np.int8], list[str | None]]:
    """Return rank, strictest rank and deciding rule of a regime as exporter's law; -1 for none."""
    frame = frame_of(rows, library.vocabulary.facts)
    table = flow_table(library, frame)
    bound = library.regime_on(regime, TODAY, TODAY)
    rank = np.full(len(rows), -1, np.int8)
    peak = np.full(len(rows), -1, np.int8)
    rules: list[str | None] = [None] * len(rows)
    if bound is None:
        return rank, peak, rules
    seen = np.zeros(len(rows), np.int64)
    for side in regime_sides(library, bound, table):
        at = np.arange(len(rows)) if side.rows is None else side.rows
        seen[at] += 1
        if side.role != "export":
            continue
        rank[at], peak[at] = side.ranks(), side.peaks()
        for place, number in zip(at, side.places(), strict=True):
            if number < len(side.track.rules):
                rules[place] = side.track.rules[number].rule.id
    assert seen.max() <= 1, "a regime speaks once"
    return rank, np.maximum(rank, peak), rules


def regimes(library: Library) -> list[str]:
    return [
        name
        for name, regime in library.content.regimes.items()
        if any(role == "export" for role, _ in regime.engages)
    ]


def test_more_persons_are_never_judged_milder(library: Library) -> None:
    counted = [
        spec.name for spec in library.vocabulary if spec.type == "int" and spec.unit == "persons"
    ]
    for regime in regimes(library):
        chance = random.Random(f"{SEED}{regime}")
        read = [name for name in counted if name in library.facts_read(regime)]
        read += ["persons.total"]
        few = list(bases(library, regime, chance))
        many = []
        for row in few:
            name = chance.choice(read)
            now = row.get(name, 0)
            assert isinstance(now, int)
            row[name] = now
            many.append({**row, name: now + chance.choice([1, 50_000, 2_000_000])})
        compare_milder(library, regime, few, many)


def test_sensitive_data_is_never_judged_milder(library: Library) -> None:
    for regime in regimes(library):
        chance = random.Random(f"{SEED}s{regime}")
        plain = [{**row, "data.sensitive": False} for row in bases(library, regime, chance)]
        sensitive = [{**row, "data.sensitive": True} for row in plain]
        compare_milder(library, regime, plain, sensitive)


def compare_milder(library: Library, regime: str, less: list[Row], more: list[Row]) -> None:
    before, _, first = judged(library, regime, less)
    after, _, then = judged(library, regime, more)
    # What waits for a fact has no place among the milder and the stricter.
    for place in np.flatnonzero((after < before) & (before != NEEDS_FACT)):
        if then[place] in MILDER_BY:
            continue
        pair = (OUTCOMES[before[place]], first[place], OUTCOMES[after[place]], then[place])
        changed = {
            k: (less[place].get(k), v) for k, v in more[place].items() if less[place].get(k) != v
        }
        raise AssertionError((regime, pair, changed, less[place]))


def completed(library: Library, regime: str, row: Row, chance: random.Random) -> Row:
    """Return facts with every unknown one given, but choices and what engages or closes.

    What feeds a fact that the law takes as it is until somebody says otherwise (`derive` without a
    condition, shown as derived in every assessment) is left alone too: it is not unknown.
    """
    bound = library.regime_on(regime, TODAY, TODAY)
    assert bound is not None
    closing = {
        fact
        for option in bound.bound.options
        if option.track is not None
        for duty in option.track.all_duties
        for fact in ir.facts_of(duty.fails_node)
    }
    known = bound.prepare(row)
    feeds = {
        item.name: {
            fact
            for _, _, condition, value in item.rules
            for fact in (*ir.facts_of(condition), *ir.facts_of(value))
        }
        for item in bound.derivations
    }
    taken = set(closing)
    left = [*closing, *(name for name in feeds if name in known and name not in row)]
    while left:
        more = feeds.get(left.pop(), set()) - taken
        taken |= more
        left += more
    law = library.bind(library.flow(home(library, regime), "KE", TODAY))
    full = dict(row)
    for name in sorted(bound.facts_read - bound.facts_engaging - taken):
        spec = library.vocabulary[name]
        values = list(domain(law, name)) if name not in known else []
        if values and spec.source not in ("choice", "flow") and not spec.derive:
            full[name] = chance.choice(values)
    return full


def test_what_is_unknown_is_never_milder_than_what_may_come_of_it(library: Library) -> None:
    for regime in regimes(library):
        chance = random.Random(f"{SEED}u{regime}")
        if library.regime_on(regime, TODAY, TODAY) is None:
            continue
        partial = list(bases(library, regime, chance))
        full = [completed(library, regime, row, chance) for row in partial]
        before, peak, first = judged(library, regime, partial)
        after, _, then = judged(library, regime, full)
        for place in range(len(partial)):
            if before[place] < 0 or after[place] < 0 or after[place] == NEEDS_FACT:
                continue
            floor = peak[place] if before[place] == NEEDS_FACT else before[place]
            added = {k: v for k, v in full[place].items() if k not in partial[place]}
            assert floor >= after[place] or after[place] <= EXEMPT, (
                regime,
                (OUTCOMES[before[place]], first[place]),
                (OUTCOMES[after[place]], then[place]),
                added,
                partial[place],
            )
