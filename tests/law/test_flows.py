"""Flows between any places on any days: the columnar back end says what the scalar one says."""

from __future__ import annotations

import random
from datetime import date, timedelta

import polars as pl
import pytest

from entrepot.kernel.errors import InvalidInput
from entrepot.law import Library
from entrepot.law.columnar import assess_flows, frame_of
from entrepot.law.explain import domain
from entrepot.law.model import Flow, Scalar

SEED = 20261122
FIRST = date(2015, 1, 1)
DAYS = (date(2028, 12, 31) - FIRST).days


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.load()


def random_flow(library: Library, chance: random.Random) -> Flow:
    """Most exporters have a rulebook of their own; half of the days are days of change."""
    written = sorted(
        {regime.text.block.jurisdiction for regime in library.content.regimes.values()}
    )
    everywhere = list(library.jurisdictions.names)
    day = FIRST + timedelta(days=chance.randrange(DAYS))
    if chance.random() < 0.5:
        turns = library.segments(chance.choice(list(library.content.regimes))).known
        day = chance.choice([turn for turn in turns if turn.year >= FIRST.year] or [day])
        day -= timedelta(days=chance.randrange(2))
    origin = chance.choice(written if chance.random() < 0.7 else everywhere)
    return library.flow(origin, chance.choice(everywhere), day)


def random_facts(library: Library, flow: Flow, chance: random.Random) -> dict[str, Scalar]:
    bound = library.bind(flow)
    facts: dict[str, Scalar] = {}
    for name in sorted(bound.content.facts_read):
        if name.startswith("flow.") or chance.random() < 0.4:
            continue
        values = list(domain(bound, name))
        if values:
            facts[name] = chance.choice(values)
    return facts


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(2))
def test_both_back_ends_agree_on_flows_of_any_places_and_days(library: Library, batch: int) -> None:
    chance = random.Random(SEED + batch)
    flows = [random_flow(library, chance) for _ in range(60)]
    facts = [random_facts(library, flow, chance) for flow in flows]
    rows = [
        {**known, "flow.from": flow.origin, "flow.to": flow.destination, "flow.as_of": flow.as_of}
        for flow, known in zip(flows, facts, strict=True)
    ]
    table = assess_flows(library, frame_of(rows, library.vocabulary.facts))
    for flow, known, row in zip(flows, facts, table.iter_rows(named=True), strict=True):
        found = library.bind(flow).decide(known)
        assert row["outcome"] == found.outcome, (flow, known)
        if row["rule"] is not None:
            assert row["rule"] in found.rules, (flow, known)


@pytest.mark.slow
def test_the_last_day_of_every_stretch_is_judged_by_its_law(library: Library) -> None:
    facts = library.facts({**library.profile("ordinary-company"), "data.personal": True}).values
    for regime in library.content.regimes:
        turns = [day for day in library.segments(regime).known if FIRST <= day]
        for end in turns:
            pair = [(regime_home(library, regime), place) for place in ("DE", "US", "CN", "ZA")]
            frame = pl.DataFrame(pair, schema=["flow.from", "flow.to"], orient="row")
            table = assess_flows(library, frame, as_of=end - timedelta(days=1), facts=facts)
            scalar = [
                library.bind(library.flow(*row, end - timedelta(days=1))).decide(facts).outcome
                for row in pair
            ]
            assert table["outcome"].to_list() == scalar, (regime, end)


def regime_home(library: Library, regime: str) -> str:
    home = library.regime(regime).text.block.jurisdiction
    return "DE" if home == "EU" else home


def test_what_was_known_then_is_judged_as_it_was_known(library: Library) -> None:
    frame = pl.DataFrame({"flow.from": ["CN", "DE"], "flow.to": ["DE", "CN"]})
    for known_at in (date(2023, 12, 1), date(2024, 6, 1)):
        table = assess_flows(library, frame, as_of=date(2024, 6, 1), known_at=known_at)
        for (origin, destination), row in zip(
            frame.rows(), table.iter_rows(named=True), strict=True
        ):
            flow = library.flow(origin, destination, date(2024, 6, 1), known_at)
            assert row["outcome"] == library.bind(flow).decide({}).outcome


def test_a_flow_needs_two_places_and_a_day(library: Library) -> None:
    with pytest.raises(InvalidInput, match=r"flow\.to is needed"):
        assess_flows(library, pl.DataFrame({"flow.from": ["CN"]}), as_of=FIRST)
    with pytest.raises(InvalidInput, match=r"flow\.as_of is needed"):
        assess_flows(library, pl.DataFrame({"flow.from": ["CN"], "flow.to": ["DE"]}))
    with pytest.raises(InvalidInput, match="a value that its fact does not know"):
        assess_flows(library, pl.DataFrame({"flow.from": ["CN"], "flow.to": ["??"]}), as_of=FIRST)
