"""The semantics of decisions, on the toy law: classes, unknowns, defeats, closed routes, time."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from entrepot.law import Assessment, Library

BASE: dict[str, object] = {
    "data.personal": True,
    "data.anonymous": False,
    "data.government": False,
    "data.genomic": False,
    "deal.kind": "none_of_four",
    "recipient.covered": False,
    "recipient.order": False,
    "recipient.listed": False,
    "persons.total": 5_000,
}


def assess(
    library: Library,
    changes: dict[str, object] | None = None,
    *,
    to: str = "CN",
    as_of: str = "2024-06-01",
    known_at: str | None = None,
) -> Assessment:
    day = date.fromisoformat(as_of)
    known = date.fromisoformat(known_at) if known_at else None
    facts = {name: v for name, v in {**BASE, **(changes or {})}.items() if v is not None}
    bound = library.bind(library.flow("US", to, day, known))
    found = bound.assess(facts)
    assert bound.decide(library.facts(facts)).outcome == found.outcome
    return found


def rules(found: Assessment) -> list[str]:
    return [hit.id for side in found.sides for hit in side.rules]


def test_the_first_class_with_a_true_rule_decides(toy: Library) -> None:
    found = assess(toy, {"data.anonymous": True, "recipient.order": True})
    assert (found.outcome, rules(found)) == ("FREE", ["T-1"])


def test_within_a_class_the_strictest_decides(toy: Library) -> None:
    sale = {"deal.kind": "brokerage", "recipient.covered": True, "persons.total": 10_001}
    found = assess(toy, {**sale, "recipient.order": True, "exemption.found": False})
    assert (found.outcome, rules(found), found.status) == ("PROHIBITED", ["T-2-BROKER"], "barred")


def test_boundary_of_a_dated_value(toy: Library) -> None:
    vendor = {"deal.kind": "vendor", "recipient.covered": True, "exemption.found": False}
    for persons, day, expected in (
        (10_000, "2024-12-31", "PROHIBITED"),
        (10_001, "2024-12-31", "RESTRICTED_SECURITY"),
        (10_000, "2025-01-01", "RESTRICTED_SECURITY"),
        (1_000, "2025-01-01", "PROHIBITED"),
    ):
        found = assess(toy, {**vendor, "persons.total": persons}, as_of=day)
        assert found.outcome == expected, (persons, day)
    assert rules(found) == ["T-7"]


def test_unknown_that_can_hurt_is_asked_for(toy: Library) -> None:
    found = assess(
        toy,
        {
            "data.government": None,
            "deal.kind": "brokerage",
            "recipient.covered": True,
            "exemption.found": False,
            "recipient.listed": True,
            "data.hr": False,
        },
    )
    assert (found.outcome, found.status) == ("NEEDS_FACT", "undecided")
    assert [missing.fact for missing in found.missing] == ["data.government"]
    assert found.missing[0].usefulness == 0.5
    assert found.missing[0].answers == ["true", "false"]
    side = found.sides[0]
    assert side.strictest == "PROHIBITED"
    assert side.could_be == ["ADEQUACY_LISTED"]
    assert [hit.id for hit in side.undecided] == ["T-2-BROKER"]


def test_unknown_that_can_only_help_is_listed(toy: Library) -> None:
    sale = {"deal.kind": "brokerage", "recipient.covered": True, "persons.total": 10_001}
    found = assess(toy, {**sale, "exemption.found": False, "data.anonymous": None})
    assert found.outcome == "PROHIBITED"
    assert found.sides[0].could_be == ["FREE"]
    assert found.missing == []
    assert [finding.fact for finding in found.human] == ["data.anonymous"]


def test_an_unknown_exception_is_not_an_exception(toy: Library) -> None:
    sale = {"deal.kind": "brokerage", "recipient.covered": True, "persons.total": 10_001}
    found = assess(toy, {**sale, "recipient.listed": True, "data.hr": False})
    assert found.outcome == "NEEDS_FACT"
    assert found.sides[0].strictest == "PROHIBITED"
    assert [finding.fact for finding in found.human] == ["exemption.found"]


def test_choices_unknown_are_not_chosen(toy: Library) -> None:
    assert rules(assess(toy)) == ["T-7"]
    signed = {"instrument.kind": "clauses", "instrument.signed": True, "assessment.passes": True}
    assert rules(assess(toy, signed)) == ["T-5-CLAUSES"]


def test_a_finding_expires(toy: Library) -> None:
    clauses = {"instrument.kind": "clauses", "instrument.signed": True}
    finding = {"value": True, "by": "A. Counsel", "expires": date(2024, 6, 1)}
    on_the_day = assess(toy, {**clauses, "assessment.passes": finding})
    assert on_the_day.outcome == "CONTRACT"
    after = assess(toy, {**clauses, "assessment.passes": finding}, as_of="2024-06-02")
    assert after.outcome == "PROHIBITED"
    assert after.sides[0].could_be == ["CONTRACT"]
    assert [found.fact for found in after.human] == ["assessment.passes"]


def test_a_failed_duty_closes_the_route_and_never_opens_a_milder_one(toy: Library) -> None:
    vendor = {
        "deal.kind": "vendor",
        "recipient.covered": True,
        "exemption.found": False,
        "persons.total": 10_001,
    }
    unmet = assess(toy, vendor)
    assert (unmet.outcome, unmet.status) == ("RESTRICTED_SECURITY", "conditional")
    met = assess(toy, {**vendor, "controls.met": True})
    assert [d.state for d in met.duties if d.code == "security_controls"] == ["met"]
    failed = assess(toy, {**vendor, "controls.met": False})
    assert (failed.outcome, rules(failed)) == ("PROHIBITED", ["T-7"])
    assert [hit.id for hit in failed.sides[0].closed] == ["T-3"]
    listed = {**vendor, "controls.met": False, "recipient.listed": True, "data.hr": False}
    still = assess(toy, listed)
    assert (still.outcome, still.status) == ("RESTRICTED_SECURITY", "barred")


def test_lists_have_dates_scope_and_readings(toy: Library) -> None:
    listed = {"recipient.listed": True, "data.hr": False}
    found = assess(toy, listed)
    hit = found.sides[0].rules[0]
    assert (hit.id, hit.list_entries) == ("T-4", ["ADQ-CN"])
    assert hit.interpretations == ["TOY-Q1: Listed means listed on the day."]
    assert assess(toy, listed, as_of="2020-12-31").outcome == "PROHIBITED"
    assert assess(toy, listed, as_of="2025-01-01").outcome == "PROHIBITED"
    assert assess(toy, {**listed, "data.hr": True, "recipient.hr": False}).outcome == "PROHIBITED"
    assert assess(toy, {"recipient.listed": True}, to="DE").sides[0].rules[0].list_entries == [
        "ADQ-DE"
    ]


def test_duties_have_states_and_days(toy: Library) -> None:
    found = assess(
        toy,
        {
            "instrument.kind": "clauses",
            "instrument.signed": True,
            "assessment.passes": True,
            "instrument.signed_on": "2024-06-28",
        },
    )
    filing = next(duty for duty in found.duties if duty.code == "filing")
    # Ten working days after Friday 28 June 2024, Independence Day not counted.
    assert (filing.state, filing.due_on) == ("open", date(2024, 7, 15))
    assert found.status == "conditional"
    free = assess(toy, {"data.personal": False, "persons.total": None})
    assert (free.outcome, free.duties, free.status) == ("FREE", [], "open")


def test_derived_facts_say_from_what(toy: Library) -> None:
    found = assess(
        toy,
        {
            "persons.total": 20_000,
            "deal.kind": "vendor",
            "recipient.covered": True,
            "exemption.found": False,
        },
    )
    assert found.derived == {"persons.bulk": "true, from persons.total = 20_000"}


def test_a_day_before_the_law_names_the_first_day(toy: Library) -> None:
    found = assess(toy, as_of="2019-12-31")
    assert (found.outcome, found.status) == ("NEEDS_HUMAN", "undecided")
    assert "2020-01-01" in found.sides[0].reason
    early = toy.bind(toy.flow("US", "CN", date(2019, 6, 1))).explain(BASE | {"data.hr": False})
    assert [(c.value, c.outcome) for c in early.changes] == [("2020-01-01", "PROHIBITED")]


def test_a_place_without_rulebook_needs_a_person(toy: Library) -> None:
    found = toy.bind(toy.flow("DE", "US", date(2024, 1, 1))).assess({})
    assert found.outcome == "NEEDS_HUMAN"
    assert "Germany" in found.sides[0].reason
    assert "toy" in found.not_engaged and "data.origins is unknown" in found.not_engaged["toy"]
    assert "United States" in found.not_examined[0]


def test_origin_follows_the_data_only_when_it_is_known(toy: Library) -> None:
    bound = toy.bind(toy.flow("DE", "CN", date(2024, 1, 1)))
    found = bound.assess({"data.origins": ["US"]})
    assert [(side.regime, side.role) for side in found.sides][1:] == [("toy", "origin")]


def test_knowledge_has_its_own_date(toy: Library) -> None:
    found = assess(toy, as_of="2024-06-01", known_at="2019-06-01")
    assert found.outcome == "NEEDS_HUMAN"


def test_changes_name_what_would_decide_otherwise(toy: Library) -> None:
    bound = toy.bind(toy.flow("US", "CN", date(2024, 6, 1)))
    found = bound.explain({**BASE, "data.hr": False})
    outcomes = {(change.fact, change.value): change.outcome for change in found.changes}
    assert outcomes[("recipient.listed", "true")] == "ADEQUACY_LISTED"
    assert outcomes[("data.anonymous", "true")] == "FREE"
    assert all(change.milder for change in found.changes if change.outcome != "CONFLICT")
    said = {change.fact: change.what for change in found.changes}
    assert said["data.anonymous"] == "Yes: Nobody can be identified"
    # Nothing was in force on the eve of the first day, so a person would have to decide.
    assert outcomes[("flow.as_of", "2019-12-31")] == "NEEDS_HUMAN"


def test_changes_of_numbers_and_days_are_the_nearest(toy: Library) -> None:
    bound = toy.bind(toy.flow("US", "CN", date(2024, 6, 1)))
    sale = {
        **BASE,
        "deal.kind": "vendor",
        "recipient.covered": True,
        "exemption.found": False,
        "controls.met": True,
        "recipient.listed": True,
        "data.hr": False,
    }
    found = bound.explain({**sale, "persons.total": 450_000})
    assert found.outcome == "RESTRICTED_SECURITY"
    number = next(change for change in found.changes if change.fact == "persons.total")
    assert number.what == "Persons in twelve months: at most 10,000 persons"
    assert (number.value, number.outcome, number.rules) == ("10_000", "ADEQUACY_LISTED", ["T-4"])
    few = bound.explain({**sale, "persons.total": 5_000})
    day = next(change for change in few.changes if change.value == "2025-01-01")
    assert (few.outcome, day.outcome, day.milder) == (
        "ADEQUACY_LISTED",
        "RESTRICTED_SECURITY",
        False,
    )
    assert day.what == "The law as it will stand on 2025-01-01"


def test_an_assessment_serialises(toy: Library) -> None:
    found = assess(toy)
    again = msgspec.json.decode(msgspec.json.encode(found))
    assert again["flow"] == {
        "from": "US",
        "to": "CN",
        "as_of": "2024-06-01",
        "known_at": "2024-06-01",
    }
    assert again["sides"][0]["rules"][0]["citation"]["rulebook"] == "toy-act"
    assert again["law"][0]["sha256"] == toy.content.books["toy-act"].sha256


def test_the_proof_names_every_rule_and_fact_read(toy: Library) -> None:
    bound = toy.bind(toy.flow("US", "CN", date(2024, 6, 1)))
    proof = bound.decide(toy.facts({**BASE, "recipient.listed": True, "data.hr": False})).proof()
    side = proof["sides"][0]  # type: ignore[index]
    assert side["examined"] == {
        "T-1": "false",
        "T-2-BROKER": "false",
        "T-2-GENOMIC": "false",
        "T-2-ORDER": "false",
        "T-3": "false",
        "T-4": "true",
    }
    assert proof["facts"]["persons.bulk"] == "false"  # type: ignore[index]


def test_the_proof_tree_shows_each_part_with_its_result(toy: Library) -> None:
    bound = toy.bind(toy.flow("US", "CN", date(2024, 6, 1)))
    trees = bound.prove(
        {
            **BASE,
            "recipient.listed": True,
            "data.hr": False,
            "data.government": None,
            "deal.kind": "brokerage",
            "recipient.covered": True,
        }
    )
    assert set(trees) == {"T-4", "T-2-BROKER"}
    listed = trees["T-4"]
    assert (listed.text, listed.result) == ("listed(toy.adequacy)", "true")
    assert [part.text for part in listed.parts] == ["entry ADQ-CN"]
    broker = trees["T-2-BROKER"]
    assert (broker.text, broker.result) == ("all of", "unknown")
    shown = {part.text: part.result for part in broker.parts}
    assert shown == {
        "deal.kind == brokerage": "true",
        "recipient.covered": "true",
        "any of": "unknown",
        "not": "unknown",
    }
    leaf = broker.parts[2].parts[1]
    assert (leaf.text, leaf.facts) == ("data.government", {"data.government": "unknown"})


@pytest.mark.parametrize("name", ["toy-act", "T-1", "toy.bulk", "toy.adequacy", "ADQ-CN", "T-8"])
def test_everything_can_be_looked_up(toy: Library, name: str) -> None:
    book, part = toy.part(name)
    assert book.id == "toy-act"
    assert part is None or part.id == name
