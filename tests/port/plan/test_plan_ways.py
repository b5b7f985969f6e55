"""Plans on a real table under the real law: the ways, what does not help, and why."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import clearing_stage as stage
import msgspec
import pytest

from entrepot.kernel.errors import InvalidInput
from entrepot.port.facts import flat, given_facts, inspected_facts
from entrepot.port.plan.model import Plan, Way
from entrepot.port.plan.planner import make_plan
from entrepot.port.plan.ranking import other_orders, ranked, undominated
from entrepot.port.plan.reductions import AS_IS, below, pseudonymised, without_sensitive
from entrepot.port.plan.search import Searcher, signature
from entrepot.port.plan.states import DataState, Shipment, projected
from entrepot.port.transform.model import DropColumns, SelectPersons, SuppressSmallClasses


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stage.customers(tmp_path_factory.mktemp("plan"))


@pytest.fixture(scope="module")
def goods(table: Path) -> Shipment:
    return stage.goods_of(table, stage.DECLARED)


@pytest.fixture(scope="module")
def plan(goods: Shipment, table: Path) -> Plan:
    return stage.planned(goods, table)[0]


@pytest.fixture(scope="module")
def us_plan(table: Path) -> Plan:
    goods = stage.goods_of(table, stage.US_BROKERAGE, origin="US", destination="CN")
    return stage.planned(goods, table)[0]


def test_at_least_four_distinct_ways(plan: Plan) -> None:
    kinds = [way.kind for way in plan.ways]
    wanted = {"as-is", "aggregated", "without-sensitive+below-threshold", "anonymised"}
    assert wanted <= set(kinds)
    assert [way.number for way in plan.ways] == list(range(1, len(plan.ways) + 1))
    outcomes = {way.kind: way.outcome for way in plan.ways if not way.choices}
    assert outcomes["without-sensitive+below-threshold"] == "EXEMPT"
    assert outcomes["anonymised"] == "FREE"
    assert outcomes["as-is"] == "CONTRACT_FILING|CERTIFICATION"
    # 101,000 persons stay over the number without the sensitive columns too: alone it is useless.
    assert "without-sensitive" in {item.kind for item in plan.useless}


def test_every_way_is_what_the_engine_says_of_its_facts(plan: Plan, goods: Shipment) -> None:
    bound = goods.library.bind(goods.flow)
    for way in plan.ways:
        facts = goods.library.facts({**goods.inspected, **goods.declared, **way.facts})
        again = bound.assess(facts)
        assert again.outcome == way.outcome
        assert again.sides == way.assessment.sides
        assert [reason.rule for reason in way.why] == [
            hit.id for side in again.sides for hit in side.rules
        ]
        assert all(reason.citation.article for reason in way.why)


def test_the_threshold_is_the_laws_own_number(plan: Plan, goods: Shipment) -> None:
    way = stage.way_of(plan, "without-sensitive+below-threshold")
    assert way.persons == 999  # 99,000 before and 999 now stay under 100,000
    lean = without_sensitive(goods, ["cn-transfer"])
    assert lean is not None
    bound = goods.library.bind(goods.flow)

    def outcome(persons: int) -> str:
        facts = goods.library.facts(goods.facts_in(below(goods, persons, lean)))
        return bound.assess(facts).outcome

    assert outcome(999) == "EXEMPT"
    assert outcome(1_000) == "CONTRACT_FILING|CERTIFICATION"
    assert any("evasion" in warning for warning in way.warnings)


def test_the_anonymised_way_was_measured_and_waits_for_a_person(plan: Plan) -> None:
    way = stage.way_of(plan, "anonymised")
    assert way.risk is not None and way.risk.k >= 11 and way.risk.uniques == 0
    assert way.risk_measured
    assert way.status == "conditional"
    assert [item.fact for item in way.remaining if item.who == "a named person"] == [
        "anonymity.confirmed"
    ]
    assert 0 < way.loss.loss < 1
    assert any(isinstance(step, SuppressSmallClasses) for step in way.transforms.transforms)


def test_masking_and_tokens_are_tried_and_do_not_help_in_china(plan: Plan) -> None:
    kinds = {item.kind: item for item in plan.useless}
    assert {"masked", "pseudonymised"} <= set(kinds)
    assert kinds["pseudonymised"].outcome == plan.as_is.outcome
    assert kinds["pseudonymised"].because


def test_us_bulk_data_stays_bulk_when_masked(us_plan: Plan) -> None:
    assert us_plan.as_is.outcome == "PROHIBITED"
    masked = next(item for item in us_plan.useless if item.kind == "masked")
    assert masked.outcome == "PROHIBITED"
    assert "202.206" in masked.says
    assert "masked or not" in masked.says
    assert [reason.rule for reason in masked.because] == ["US-301"]
    helps = {(item.fact, item.value): item.outcome for item in us_plan.helps}
    assert helps["us.licence", "general"] == "AUTHORITY_APPROVAL"
    assert helps["us.transaction", "vendor"] == "RESTRICTED_SECURITY"
    # Combined with health data, identifiers are bulk above 10,000 (202.205(g)).
    assert helps["us.bulk.identifiers", "10_000"] == "FREE"


def test_what_leaves_the_classes_out_helps_even_there(us_plan: Plan) -> None:
    way = stage.way_of(us_plan, "without-sensitive")
    assert way.outcome == "FREE"
    dropped = way.transforms.transforms[0]
    assert isinstance(dropped, DropColumns) and "id_number" in dropped.columns


def test_europe_anonymous_is_outside_and_pseudonymous_is_not(table: Path) -> None:
    facts = {"transfer.purpose": "analytics", "basis.legal": "contract", "eu.gdpr_applies": True}
    goods = stage.goods_of(table, facts, origin="DE", destination="IN")
    plan, _ = stage.planned(goods, table)
    assert stage.way_of(plan, "anonymised").outcome == "FREE"
    assert stage.way_of(plan, "as-is").outcome == "CONTRACT"
    assert "pseudonymised" in {item.kind for item in plan.useless}


def test_the_law_of_another_day_gives_another_route(table: Path) -> None:
    facts = {
        **stage.DECLARED,
        "cn.year.prior_persons": 0,
        "cn.two_years.prior_persons": 0,
        "cn.two_years.prior_sensitive": 0,
        "exporter.persons_held": 50_000,
    }
    outcomes = {}
    for day in (date(2023, 6, 1), date(2024, 4, 1)):
        goods = stage.goods_of(table, facts, day=day)
        lean = without_sensitive(goods, ["cn-transfer"])
        assert lean is not None
        found = goods.library.facts(goods.facts_in(lean))
        outcomes[day.year] = goods.library.bind(goods.flow).assess(found).outcome
    assert outcomes == {2023: "CONTRACT_FILING|CERTIFICATION", 2024: "EXEMPT"}


def test_a_plan_without_the_table_measures_nothing_and_says_so(goods: Shipment) -> None:
    plan = make_plan(goods)
    assert "anonymised" not in {way.kind for way in plan.ways}
    assert not any(way.risk_measured for way in plan.ways if way.transforms.transforms)
    assert any("without the table" in note for note in plan.notes)


def test_a_plan_that_lacks_facts_says_which(table: Path) -> None:
    goods = stage.goods_of(table, {"transfer.purpose": "analytics"})
    plan, _ = stage.planned(goods, table)
    assert plan.as_is.outcome == "NEEDS_FACT"
    assert any("Facts are missing" in note for note in plan.notes)
    assert "as-is" not in {way.kind for way in plan.ways if not way.choices}


def test_ranking_keeps_the_best_and_drops_the_dominated(plan: Plan) -> None:
    assert ranked(plan.ways) == plan.ways
    assert undominated(plan.ways) == plan.ways
    way = stage.way_of(plan, "as-is")
    worse = msgspec.structs.replace(way, loss=stage.way_of(plan, "anonymised").loss)
    assert worse not in undominated([way, worse])
    assert way in undominated([way, worse])
    for order, numbers in other_orders(plan.ways).items():
        assert sorted(numbers) == [w.number for w in plan.ways]
        assert order != "rights > trade > sovereignty"


def test_projections_only_lower_what_is_left_out(goods: Shipment) -> None:
    whole = goods.inspection
    tokens = pseudonymised(whole)
    assert tokens is not None
    same = projected(whole, tokens)
    assert same.table.persons == whole.table.persons
    assert same.table.subjects == whole.table.subjects
    few = projected(whole, DataState("x", "x", [SelectPersons(["customer_id"], 10)]))
    assert few.table.persons == 10
    assert all(subject.persons <= 10 for subject in few.table.subjects)
    lean = projected(whole, DataState("x", "x", [DropColumns(["health_note"])]))
    gone = [s for s in lean.table.subjects if "health_note" in s.columns]
    assert gone == []


def test_inspected_facts_are_counts_of_the_laws_own_lists(goods: Shipment) -> None:
    facts = inspected_facts(goods.inspection, goods.library, goods.flow)
    assert facts["persons.total"] == stage.ROWS
    assert facts["data.form"] == "identified"
    assert facts["data.sensitive"] is True
    sensitive = facts["cn.shipment.sensitive"]
    assert isinstance(sensitive, int) and 0 < sensitive < stage.ROWS
    assert "health" in facts["us.categories"]  # type: ignore[operator]


def test_a_declaration_beats_the_inspection_and_the_difference_is_kept(goods: Shipment) -> None:
    given = given_facts(goods.inspected, {"persons.total": 7}, goods.library, file="t.csv")
    assert given["persons.total"].value == 7
    assert given["persons.total"].source == "declared"
    assert given["persons.total"].against == f"{stage.ROWS}"
    finding = {"value": True, "by": "A. Counsel", "reasons": "x", "on": "2026-11-20"}
    nested = flat({"anonymity": {"confirmed": finding}}, goods.library)
    assert nested == {"anonymity.confirmed": finding}
    found = given_facts({}, nested, goods.library)
    assert found["anonymity.confirmed"].source == "finding"
    assert found["anonymity.confirmed"].by == "A. Counsel"


def test_contradictory_facts_are_refused(table: Path) -> None:
    goods = stage.goods_of(table, {**stage.DECLARED, "data.personal": False})
    with pytest.raises(InvalidInput, match="contradictory"):
        make_plan(goods)


def test_the_search_finds_every_change_between_two_numbers(goods: Shipment) -> None:
    facts = goods.library.facts(goods.facts_in(AS_IS))
    searcher = Searcher(goods.library.bind(goods.flow), facts)
    lean = without_sensitive(goods, ["cn-transfer"])
    assert lean is not None

    def at(count: int):  # type: ignore[no-untyped-def]
        return searcher.decide(goods.library.facts(goods.facts_in(below(goods, count, lean))))

    found = searcher.thresholds(at, stage.ROWS)
    assert found == [999]
    assert signature(at(1)) == signature(at(999)) != signature(at(1_000))


@pytest.mark.slow
def test_450_000_persons(tmp_path: Path) -> None:
    """Must show 5, on the real size."""
    path = stage.customers(tmp_path, rows=450_000)
    facts = {**stage.DECLARED, "cn.year.prior_persons": 0}
    goods = stage.goods_of(path, facts)
    plan, _ = stage.planned(goods, path)
    ways: dict[str, Way] = {way.kind: way for way in reversed(plan.ways) if not way.choices}
    assert ways["as-is"].outcome == "SECURITY_ASSESSMENT"
    assert ways["without-sensitive"].outcome == "CONTRACT_FILING|CERTIFICATION"
    assert ways["without-sensitive+below-threshold"].persons == 99_999
    assert ways["without-sensitive+below-threshold"].outcome == "EXEMPT"
    anonymised = ways["anonymised"]
    assert anonymised.outcome == "FREE"
    assert anonymised.risk is not None and anonymised.risk.k >= 11
    american = stage.goods_of(path, stage.US_BROKERAGE, origin="US", destination="CN")
    us_plan, _ = stage.planned(american, path)
    masked = next(item for item in us_plan.useless if item.kind == "masked")
    assert masked.outcome == "PROHIBITED" and "202.206" in masked.says
    assert AS_IS.transforms == []
