"""Each side keeps its own reasons; questions name what is unknown; the law's reach is said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from tests_law_texts import FRONT, REGIME, RULE

from entrepot.law import Assessment, Library

BEYOND = "is not known here for"


@pytest.fixture(scope="module")
def world() -> Library:
    return Library.load()


def four_sides(world: Library) -> Assessment:
    facts = {
        **world.profile("ordinary-company"),
        "data.origin_jurisdictions": ["DE"],
        "exporter.us_person": True,
        "us.data_broker": False,
        "us.transaction": "none",
    }
    return world.bind(world.flow("JP", "GB", date(2026, 1, 15))).assess(facts)


def test_a_flow_with_four_roles_keeps_outcome_rules_and_duties_apart(world: Library) -> None:
    found = four_sides(world)
    roles = {side.regime: side.role for side in found.sides}
    assert roles["jp-transfer"] == "export" and roles["gb-transfer"] == "import"
    assert roles["eu-gdpr-transfer"] == "origin" and roles["us-dsp"] == "party"
    for side in found.sides:
        assert side.title == world.regime(side.regime).text.block.title
        assert {hit.regime for hit in side.rules} <= {side.regime}
        assert {duty.regime for duty in side.duties} <= {side.regime}
    assert found.duties == [duty for side in found.sides for duty in side.duties]


def test_a_question_names_the_sides_that_ask_it(world: Library) -> None:
    facts = {**world.profile("ordinary-company"), "exporter.us_person": True}
    found = world.bind(world.flow("JP", "GB", date(2026, 1, 15))).assess(facts)
    asking = {item.fact: item.regimes for item in found.missing}
    assert asking["us.transaction"] == ["us-dsp"] and "us-padfa" in asking["us.data_broker"]
    for side in found.sides:
        assert {fact for fact, who in asking.items() if side.regime in who} == set(side.missing)


@pytest.mark.parametrize(
    ("facts", "asked"),
    [
        ({"persons.total": 450_000, "cn.shipment.sensitive": 0}, "cn.year.prior_persons"),
        ({"cn.year.prior_persons": 450_000, "cn.year.sensitive": 0}, "cn.shipment.persons"),
        ({"cn.year.sensitive": 0}, "cn.year.persons"),
    ],
)
def test_of_a_sum_the_unknown_part_is_asked_for(
    world: Library, facts: dict[str, object], asked: str
) -> None:
    flow = world.flow("CN", "DE", date(2026, 1, 15))
    ordinary = {
        name: value
        for name, value in world.profile("ordinary-company").items()
        if not name.startswith(("cn.year", "cn.shipment", "persons."))
    }
    found = world.bind(flow).assess({**ordinary, **facts})
    assert asked in [item.fact for item in found.missing], [m.fact for m in found.missing]
    side = next(side for side in found.sides if side.regime == "cn-transfer")
    assert asked in side.missing
    item = next(item for item in found.missing if item.fact == asked)
    assert item.because and item.question


@pytest.mark.parametrize(
    ("as_of", "known_at", "said"),
    [
        (date(2026, 11, 21), None, 0),
        (date(2026, 11, 22), None, 1),
        (date(2026, 1, 1), date(2026, 11, 21), 0),
        (date(2026, 1, 1), date(2026, 11, 22), 1),
        (date(2027, 1, 1), date(2028, 1, 1), 2),
    ],
)
def test_beyond_the_last_comparison_with_the_source_the_answer_says_so(
    law_folder: Callable[..., Path], as_of: date, known_at: date | None, said: int
) -> None:
    library = Library.load(law_folder(FRONT.format(id="a-law") + REGIME + RULE))  # 2026-11-21
    flow = library.flow("US", "CN", as_of, known_at)
    found = library.bind(flow).assess({"data.personal": False})
    unread, *notes = found.notes  # the default of this law is marked `m`
    assert unread.startswith("the default of r: written from memory")
    assert len(notes) == said
    if as_of > date(2026, 11, 21):
        assert notes[0].startswith(f"the law after 2026-11-21 {BEYOND} a-law")
    if known_at and known_at > date(2026, 11, 21):
        assert "nothing that became known after 2026-11-21 is loaded" in found.notes[-1]


def test_a_closed_route_names_the_duty_that_failed_with_its_article(toy: Library) -> None:
    facts: dict[str, object] = {
        "data.personal": True,
        "data.anonymous": False,
        "recipient.order": False,
        "recipient.covered": True,
        "recipient.listed": False,
        "deal.kind": "vendor",
        "persons.bulk": True,
        "exemption.found": False,
        "controls.met": False,
    }
    (side,) = toy.bind(toy.flow("US", "DE", date(2024, 6, 1))).assess(facts).sides
    assert [hit.id for hit in side.closed] == ["T-3"]
    assert "The route of T-3 is closed" in side.reason
    assert "Meet the security requirements. (art 3)" in side.reason
    met = toy.bind(toy.flow("US", "DE", date(2024, 6, 1))).assess({**facts, "controls.met": True})
    assert (met.sides[0].closed, met.sides[0].reason) == ([], "")


@pytest.mark.parametrize(
    ("mark", "said"), [("R", ""), ("r", ""), ("m", "memory"), ("?", "doubtful")]
)
def test_an_answer_that_rests_on_law_nobody_read_says_so(
    law_folder: Callable[..., Path], mark: str, said: str
) -> None:
    text = FRONT.format(id="a-law").replace("evidence: m", "evidence: R") + REGIME
    entries = (
        "\n```list\nid: us.list\nkind: scope\narticle: art 2\nentries:\n"
        f'  - {{id: E-1, title: One, when: flow.to == CN, evidence: "{mark}"}}\n```\n'
    )
    root = law_folder(text + RULE.replace("data.personal", "listed(us.list)") + entries)
    library = Library.load(root)
    for destination, expected in (("CN", said), ("DE", "")):
        found = library.bind(library.flow("US", destination, date(2024, 1, 1))).assess({})
        assert [note.partition(":")[0] for note in found.notes] == (["E-1"] if expected else [])
        assert all(expected in note for note in found.notes)
