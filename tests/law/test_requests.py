"""Demands of foreign authorities: each law is heard, and no conflict is resolved by the engine."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import msgspec
import pytest
from tests_law_texts import FRONT, REGIME

from entrepot.kernel.errors import InvalidInput, InvalidLaw
from entrepot.law import Library
from entrepot.law.requests import TOLD, DemandAssessment, demanded, weigh_demand

DAY = date(2026, 1, 15)
ORDER: dict[str, object] = {
    "us.sca.provider": True,
    "us.sca.process": True,
    "us.sca.control": True,
}


@pytest.fixture(scope="module")
def world() -> Library:
    return Library.load()


@pytest.fixture(scope="module")
def ordinary(world: Library) -> dict[str, object]:
    """The facts of an ordinary company, without those that a demand brings along."""
    return {n: v for n, v in world.profile("ordinary-company").items() if n not in TOLD}


def weigh(
    library: Library,
    holder: str,
    authority: str,
    facts: dict[str, object],
    *,
    day: date = DAY,
    parties: tuple[str, ...] = (),
) -> DemandAssessment:
    demand = demanded(library, authority=authority, holder=holder, parties=parties, as_of=day)
    return weigh_demand(library, demand, facts)


def stances(answer: DemandAssessment) -> dict[str, str]:
    return {law.regime: law.stance for law in answer.laws}


def test_an_american_order_for_data_in_germany_is_a_conflict_for_a_person(
    world: Library, ordinary: dict[str, object]
) -> None:
    answer = weigh(world, "DE", "US", {**ordinary, **ORDER})
    assert (answer.outcome, answer.status) == ("CONFLICT", "undecided")
    assert stances(answer) == {"us-stored-communications": "orders", "eu-gdpr-transfer": "forbids"}
    assert "US-SCA-2713" in answer.says and "EU-48" in answer.says
    orders, forbids = answer.laws
    assert [duty.id for duty in orders.conditions] == ["US-SCA-D-COMITY"]
    assert "EU-48/refer_to_counsel" in [duty.id for duty in forbids.conditions]
    assert "eu.request.confirmed" in [finding.fact for finding in answer.human]
    late = weigh(world, "GB", "US", {**ordinary, **ORDER}, day=date(2027, 5, 1))
    assert any("is not known here for" in note for note in late.notes) and not answer.notes
    assert {"us-cloud-act", "eu-gdpr-scope"} <= {ref.id for ref in answer.law}


def test_a_treaty_that_a_person_confirmed_takes_the_conflict_away(
    world: Library, ordinary: dict[str, object]
) -> None:
    treaty: dict[str, object] = {"eu.request.basis": "treaty", "eu.request.confirmed": True}
    answer = weigh(world, "DE", "US", {**ordinary, **ORDER, **treaty})
    assert stances(answer)["eu-gdpr-transfer"] == "allows if"
    assert (answer.outcome, answer.status) == ("CONTRACT", "conditional")
    unconfirmed = {**ordinary, **ORDER, "eu.request.basis": "treaty"}
    assert weigh(world, "DE", "US", unconfirmed).outcome == "CONFLICT"


def test_china_allows_after_approval_and_until_then_an_order_is_a_conflict(
    world: Library, ordinary: dict[str, object]
) -> None:
    asked = weigh(world, "CN", "US", {**ordinary, **ORDER})
    assert (asked.outcome, stances(asked)["cn-transfer"]) == ("CONFLICT", "allows if")
    assert "only once conditions are met" in asked.says
    nobody_orders = weigh(world, "CN", "US", {**ordinary, "us.sca.provider": False})
    assert (nobody_orders.outcome, nobody_orders.status) == ("AUTHORITY_APPROVAL", "conditional")
    approved = weigh(world, "CN", "US", {**ordinary, **ORDER, "cn.authority.approved": True})
    assert approved.outcome == "AUTHORITY_APPROVAL"
    refused = weigh(world, "CN", "US", {**ordinary, **ORDER, "cn.authority.refused": True})
    assert (refused.outcome, stances(refused)["cn-transfer"]) == ("CONFLICT", "forbids")


def test_non_personal_data_of_a_cloud_provider_is_under_the_data_act(world: Library) -> None:
    facts = {
        **ORDER,
        "data.personal": False,
        "data.form": "anonymised",
        "anonymity.confirmed": True,
        "eu.data_processing_service": True,
        "eu.dga.reuser": True,
    }
    said = stances(weigh(world, "DE", "US", facts))
    assert said["eu-data-act"] == "forbids" and said["eu-data-governance"] == "forbids"
    found = [f"eu.da.{name}" for name in ("reasons_specific", "court_review", "interests_weighed")]
    allowed = {**facts, **dict.fromkeys(found, True)}
    said = stances(weigh(world, "DE", "US", allowed))
    assert said["eu-data-act"] in ("allows", "allows if")
    before = weigh(world, "DE", "US", facts, day=date(2025, 9, 11))
    assert stances(before).get("eu-data-act") is None  # it applies from 2025-09-12


@pytest.mark.parametrize(
    ("day", "stance"), [(date(2022, 10, 2), "forbids"), (date(2022, 10, 3), "allows")]
)
def test_the_agreement_with_the_united_kingdom_turns_the_answer(
    world: Library, ordinary: dict[str, object], day: date, stance: str
) -> None:
    facts: dict[str, object] = {
        **ordinary,
        "us.sca.provider": True,
        "us.sca.contents": True,
        "us.sca.under_agreement": True,
        "us.sca.agreement_checked": True,
        "request.treaty": False,
    }
    assert stances(weigh(world, "US", "GB", facts, day=day))["us-stored-communications"] == stance


def test_a_party_elsewhere_brings_its_own_law(world: Library, ordinary: dict[str, object]) -> None:
    alone = weigh(world, "JP", "US", {**ordinary, **ORDER})
    assert alone.outcome not in ("CONFLICT", "PROHIBITED")
    with_parent = weigh(world, "JP", "US", {**ordinary, **ORDER}, parties=("CN", "DE"))
    said = stances(with_parent)
    assert (said["eu-gdpr-transfer"], said["cn-transfer"]) == ("forbids", "allows if")
    assert {law.regime: law.place for law in with_parent.laws}["cn-transfer"] == "CN"
    assert with_parent.outcome == "CONFLICT"


def test_an_order_that_nobody_wrote_a_rule_for_is_taken_to_bind(
    world: Library, ordinary: dict[str, object]
) -> None:
    answer = weigh(world, "DE", "RU", ordinary)
    assert answer.outcome == "CONFLICT" and "may bind by the law of Russia" in answer.says
    assert any("duty to obey" in line for line in answer.not_examined)
    bound = weigh(world, "DE", "RU", {**ordinary, "request.binding": True})
    assert bound.outcome == "CONFLICT" and "the demand binds" in bound.says
    plea = weigh(world, "DE", "RU", {**ordinary, "request.binding": False})
    assert (plea.outcome, plea.status) == ("PROHIBITED", "barred")


def test_unknown_process_leaves_the_order_open_and_the_conflict_standing(
    world: Library, ordinary: dict[str, object]
) -> None:
    facts = {**ordinary, "us.sca.provider": True, "us.sca.control": True}
    answer = weigh(world, "DE", "US", facts)
    (law,) = [law for law in answer.laws if law.stance == "may order"]
    assert law.missing == ["us.sca.process"]
    assert answer.outcome == "CONFLICT"
    not_binding = {**facts, "request.binding": False}
    assert weigh(world, "DE", "US", not_binding).outcome == "CONFLICT"


def test_a_demand_inside_one_jurisdiction_is_refused(world: Library) -> None:
    with pytest.raises(InvalidInput, match="no foreign demand"):
        demanded(world, authority="US", holder="us", as_of=DAY)
    with pytest.raises(InvalidInput, match="no foreign demand"):
        demanded(world, authority="US", holder="DE", parties=("US",), as_of=DAY)
    with pytest.raises(InvalidInput, match="unknown jurisdiction"):
        demanded(world, authority="Atlantis", holder="DE", as_of=DAY)


BOOK = FRONT.format(id="a-law") + REGIME.replace(
    "{export: flow.from == US}", "{export: flow.from == US, import: flow.to == US}"
)


def rule(name: str, mark: str, outcome: str, *, role: str = "export", when: str = "true") -> str:
    mark = f"demand: {mark}\n" if mark else ""
    return (
        f"\n```rule\nid: {name}\narticle: art 1\nclass: bar\nwhen: {when}\noutcome: {outcome}\n"
        f"{mark}layer: sovereignty\nroles: [{role}]\nsays: S.\n```\n"
    )


@pytest.mark.parametrize(
    ("text", "outcome", "stance"),
    [
        (rule("R-1", "forbids", "PROHIBITED"), "CONFLICT", "forbids"),
        (rule("R-1", "forbids", "NEEDS_HUMAN"), "CONFLICT", "forbids"),
        (rule("R-1", "", "PROHIBITED"), "CONFLICT", "forbids"),
        (rule("R-1", "allows", "EXEMPT"), "EXEMPT", "allows"),
        (rule("R-1", "", "EXEMPT"), "EXEMPT", "silent"),
        (rule("R-1", "", "CONTRACT"), "CONTRACT", "allows"),
        (rule("R-1", "", "PERMIT"), "PERMIT", "allows if"),
        (rule("R-1", "allows", "PERMIT"), "PERMIT", "allows if"),
        (rule("R-1", "", "NEEDS_HUMAN"), "NEEDS_HUMAN", "a person"),
        (rule("R-1", "forbids", "PROHIBITED", when="data.hr"), "NEEDS_FACT", "undecided"),
    ],
)
def test_a_law_is_heard_by_its_mark_and_its_outcome(
    law_folder: Callable[..., Path], text: str, outcome: str, stance: str
) -> None:
    library = Library.load(law_folder(BOOK + text))
    answer = weigh(library, "US", "CN", {})
    assert (answer.outcome, answer.laws[0].stance) == (outcome, stance)


def test_a_mark_that_is_none_is_refused_with_its_line(law_folder: Callable[..., Path]) -> None:
    with pytest.raises(InvalidLaw, match=r"law-0\.md:.*demand"):
        Library.load(law_folder(BOOK + rule("R-1", "compels", "FREE")))


def test_an_order_against_a_bar_is_a_conflict_whatever_else_is_known(world: Library) -> None:
    """Whatever is known of the order and its ground, the engine never lets one state's law win."""
    names = ("us.sca.provider", "us.sca.process", "us.sca.control", "request.binding")
    for values in itertools.product((True, False, None), repeat=len(names)):
        facts = {n: v for n, v in zip(names, values, strict=True) if v is not None}
        answer = weigh(world, "DE", "US", {**facts, "data.personal": True})
        said = set(stances(answer).values())
        assert "forbids" in said
        ordered = "orders" in said or facts.get("request.binding")
        assert answer.outcome == "CONFLICT" or (not ordered and answer.outcome == "PROHIBITED")


def test_the_answer_is_plain_json(world: Library, ordinary: dict[str, object]) -> None:
    answer = weigh(world, "DE", "US", {**ordinary, **ORDER})
    read = msgspec.json.decode(msgspec.json.encode(answer))
    assert read["demand"] == {
        "authority": "US",
        "holder": "DE",
        "parties": [],
        "as_of": "2026-01-15",
        "known_at": "2026-01-15",
    }
    assert read["laws"][0]["rules"][0]["demand"] == "orders"


def test_the_page_names_marked_rules_as_they_are_marked(world: Library) -> None:
    page = (Path(__file__).parents[2] / "docs" / "laws" / "requests.md").read_text()
    rows = re.findall(r"`([A-Z0-9.-]+)` (orders|forbids|allows)", page)
    assert len(rows) >= 20
    for name, mark in rows:
        assert world.content.rules[name].text.block.demand == mark, name


@pytest.mark.parametrize(
    ("holder", "day", "facts", "rules"),
    [
        ("AE-DIFC", DAY, {}, ["DIFC-28"]),
        ("CH", DAY, {"request.treaty": False, "request.approved": False}, ["CH-271"]),
        (
            "CA-QC",
            DAY,
            {
                "request.treaty": False,
                "request.approved": False,
                "qc.business_document": True,
            },
            ["CA-REQUEST", "QC-D-12"],
        ),
        (
            "DE",
            date(2027, 4, 1),
            {"data.personal": False, "eu.ehds.actor": "data_user"},
            ["EU-EHDS-89"],
        ),
        ("BR", DAY, {"request.treaty": False}, ["BR-REQUEST"]),
    ],
)
def test_every_blocking_law_stands_against_an_american_order(
    world: Library,
    ordinary: dict[str, object],
    holder: str,
    day: date,
    facts: dict[str, object],
    rules: list[str],
) -> None:
    answer = weigh(world, holder, "US", {**ordinary, **ORDER, **facts}, day=day)
    assert answer.outcome == "CONFLICT"
    forbidding = [hit.id for law in answer.laws if law.stance == "forbids" for hit in law.rules]
    assert set(rules) <= set(forbidding)
    assert all(name in answer.says for name in rules)
