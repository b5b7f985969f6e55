"""Exporters who want a milder answer than the law gives: each way is refused, or signed for."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import clearing_stage as stage
import msgspec
import polars as pl
import pytest

from entrepot.kernel.errors import InvalidInput, UnreadableData
from entrepot.port.clear.clearing import Cleared, Order, RefusedClearance, clear
from entrepot.port.clear.codes import Code
from entrepot.port.clear.record import Parties
from entrepot.port.facts import flat, milder
from entrepot.port.plan.model import FactValue
from entrepot.port.plan.planner import as_is_way, make_plan
from entrepot.port.plan.source import TableSource
from entrepot.port.plan.states import shipment
from entrepot.port.verify.verifying import verify

pytestmark = pytest.mark.slow  # end to end, many times over: part of `make test`

ROWS = 400
PRIVATE: dict[str, object] = {**stage.DECLARED, **stage.MET, "cn.year.prior_persons": 0}


def signed(value: object, *, on: str = "2026-11-20") -> dict[str, object]:
    return {"value": value, "by": "A. Counsel", "reasons": "looked at every row", "on": on}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stage.customers(tmp_path_factory.mktemp("lenient"), rows=ROWS)


@pytest.fixture(scope="module")
def plain(whole: Path) -> Path:
    """The same persons without any column that China lists as sensitive."""
    return _part(whole, "plain.csv", 0, ROWS)


def _part(whole: Path, name: str, start: int, rows: int) -> Path:
    path = whole.with_name(name)
    table = pl.read_csv(whole, infer_schema=False)
    table.select("customer_id", "full_name", "email", "city").slice(start, rows).write_csv(path)
    return path


def as_it_is(
    path: Path,
    folder: Path,
    facts: dict[str, object],
    *,
    out: str = "out",
    recipient: str = "Beispiel GmbH",
    known_at: date = stage.TODAY,
    evidence: dict[str, str] | None = None,
) -> Cleared | RefusedClearance:
    seen = stage.goods_of(path, facts)
    flow = stage.library().flow("CN", "DE", stage.TODAY, known_at)
    goods = shipment(seen.inspection, stage.library(), flow, seen.declared)
    plan = msgspec.structs.replace(stage.planned(seen, path)[0], flow=flow)
    order = Order(
        goods,
        plan,
        as_is_way(goods),
        TableSource(path),
        Parties("Example Trading Co", recipient, "analytics"),
        folder / out,
        evidence or {},
    )
    with stage.node_at(folder / "home") as node:
        return clear(order, node, clock=lambda: stage.NOON)


def codes(result: Cleared | RefusedClearance) -> set[str]:
    assert isinstance(result, RefusedClearance), result
    return {str(reason.code) for reason in result.reasons}


def test_law_as_it_was_known_years_ago_clears_nothing(plain: Path, tmp_path: Path) -> None:
    assert Code.STALE in codes(as_it_is(plain, tmp_path, PRIVATE, known_at=date(2020, 1, 1)))
    later = as_it_is(plain, tmp_path, PRIVATE, out="later", known_at=date(2030, 1, 1))
    assert Code.STALE in codes(later)
    assert not (tmp_path / "out").exists() and not (tmp_path / "later").exists()


@pytest.mark.parametrize("form", ["anonymised", "aggregate"])
def test_names_are_not_made_anonymous_by_declaring_it(
    whole: Path, tmp_path: Path, form: str
) -> None:
    facts = {**PRIVATE, "data.form": form, "anonymity.confirmed": signed(True)}
    assert codes(as_it_is(whole, tmp_path, facts)) >= {Code.AGAINST_INSPECTION}
    facts["data.form"] = signed(form)
    assert codes(as_it_is(whole, tmp_path, facts, out="again")) >= {Code.WORSE_THAN_PLANNED}
    assert not (tmp_path / "again").exists()


def test_a_finding_of_tomorrow_is_no_finding(plain: Path, tmp_path: Path) -> None:
    facts = {
        **PRIVATE,
        "data.form": signed("anonymised"),
        "anonymity.confirmed": signed(True, on="2027-11-20"),
    }
    # The law does not see it, so the table is judged by what was measured, and refused.
    assert codes(as_it_is(plain, tmp_path, facts)) == {Code.WORSE_THAN_PLANNED}
    assert not (tmp_path / "out").exists()


def test_fewer_than_were_seen_needs_somebody_who_answers(whole: Path, tmp_path: Path) -> None:
    facts = {**PRIVATE, "cn.shipment.sensitive": 0, "data.sensitive": False}
    refused = as_it_is(whole, tmp_path, facts)
    assert codes(refused) == {Code.AGAINST_INSPECTION}
    facts = {name: signed(facts[name]) if name not in PRIVATE else facts[name] for name in facts}
    cleared = as_it_is(whole, tmp_path, facts)
    assert isinstance(cleared, Cleared)
    certificate = verify(cleared.folder, library=stage.library()).certificate
    assert certificate is not None
    assert set(certificate.against) == {"cn.shipment.sensitive", "data.sensitive"}
    assert int(certificate.against["cn.shipment.sensitive"]) > 0
    assert "A. Counsel" in {finding.author for finding in certificate.findings}
    report = (cleared.folder / "report.html").read_text()
    assert "Declared against the inspection" in report


def test_a_way_made_by_hand_cannot_elect_facts_away(whole: Path, tmp_path: Path) -> None:
    goods = stage.goods_of(whole, PRIVATE)
    plan, source = stage.planned(goods, whole)
    elected: dict[str, FactValue] = {"cn.shipment.sensitive": 0, "data.sensitive": False}
    way = msgspec.structs.replace(as_is_way(goods), choices=elected)
    parties = Parties("Example Trading Co", "Beispiel GmbH", "analytics")
    order = Order(goods, plan, way, source, parties, tmp_path / "out")
    with stage.node_at(tmp_path / "home") as node:
        assert Code.AGAINST_INSPECTION in codes(clear(order, node, clock=lambda: stage.NOON))


def test_a_shipment_split_into_several_is_counted_together(whole: Path, tmp_path: Path) -> None:
    parts = [_part(whole, f"part{n}.csv", n * 100, 100) for n in range(3)]
    assert isinstance(as_it_is(parts[0], tmp_path, PRIVATE, out="0"), Cleared)
    second = as_it_is(parts[1], tmp_path, PRIVATE, out="1", recipient="Somebody Else SA")
    assert codes(second) == {Code.BELOW_RECORD}
    total = {**PRIVATE, "cn.year.persons": 100, "cn.year.sensitive": 0}
    del total["cn.year.prior_persons"]
    assert codes(as_it_is(parts[1], tmp_path, total, out="2")) == {Code.BELOW_RECORD}
    honest = {**PRIVATE, "cn.year.prior_persons": 100}
    assert isinstance(as_it_is(parts[1], tmp_path, honest, out="3"), Cleared)
    assert codes(as_it_is(parts[2], tmp_path, honest, out="4")) == {Code.BELOW_RECORD}
    same = {**PRIVATE, "cn.year.prior_persons": signed(100)}
    assert isinstance(as_it_is(parts[2], tmp_path, same, out="5"), Cleared)


def test_a_new_key_is_no_new_exporter(whole: Path, tmp_path: Path) -> None:
    parts = [_part(whole, f"key{n}.csv", n * 100, 100) for n in range(2)]
    assert isinstance(as_it_is(parts[0], tmp_path, PRIVATE, out="0"), Cleared)
    keys = tmp_path / "home" / "keys"
    (keys / "party.pem").unlink()
    (keys / "party.pub").rename(keys / "former.pub")
    assert codes(as_it_is(parts[1], tmp_path, PRIVATE, out="1")) == {Code.BELOW_RECORD}


def test_the_very_same_table_counts_once(plain: Path, tmp_path: Path) -> None:
    assert isinstance(as_it_is(plain, tmp_path, PRIVATE, out="0"), Cleared)
    assert isinstance(as_it_is(plain, tmp_path, PRIVATE, out="1"), Cleared)


@pytest.mark.parametrize("name", ["A\x1b[2JB", "A\u202eB", "A\u200bB", "A\nB", "A\x00", "\u2028"])
def test_names_cannot_rewrite_a_screen_or_hide(plain: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match=r"visible characters|must be named"):
        as_it_is(plain, tmp_path, PRIVATE, recipient=name)
    assert not (tmp_path / "out").exists()


def test_a_file_swapped_after_the_inspection_is_not_sent(plain: Path, tmp_path: Path) -> None:
    table = tmp_path / "plain.csv"
    table.write_bytes(plain.read_bytes())
    goods = stage.goods_of(table, PRIVATE)
    plan, source = stage.planned(goods, table)
    table.write_text(table.read_text().replace("@", "@swapped."))
    parties = Parties("Example Trading Co", "Beispiel GmbH", "analytics")
    for late in (TableSource(table), source):
        out = tmp_path / f"out{late is source}"
        order = Order(goods, plan, as_is_way(goods), late, parties, out)
        with stage.node_at(tmp_path / "home") as node:
            if late is source:  # held in memory since the plan: what was inspected is sent
                assert isinstance(clear(order, node, clock=lambda: stage.NOON), Cleared)
                assert "swapped" not in (out / "data" / "plain.csv").read_text()
                continue
            with pytest.raises(UnreadableData, match="changed after it was inspected"):
                clear(order, node, clock=lambda: stage.NOON)
        assert not out.exists()
    with pytest.raises(UnreadableData, match="changed after"):
        make_plan(goods, source=TableSource(table))


def test_evidence_that_belongs_nowhere_is_an_error_and_none_is_lost(
    plain: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="no duty and no fact"):
        as_it_is(plain, tmp_path, PRIVATE, evidence={"cn.impakt.done": "PIA"})
    shown = {"cn.impact.done": "PIA", "exporter.kind": "register of companies"}
    cleared = as_it_is(plain, tmp_path, PRIVATE, evidence=shown)
    assert isinstance(cleared, Cleared)
    certificate = verify(cleared.folder).certificate
    assert certificate is not None
    told = " ".join(item.says for item in certificate.evidence)
    assert "PIA" in told and "register of companies" in told


def test_a_fact_given_nested_and_dotted_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="given twice"):
        flat({"exporter.ciio": True, "exporter": {"ciio": False}}, stage.library())


def test_milder_is_less_than_was_seen() -> None:
    assert milder(3, 4) and milder({"value": 0}, 1) and not milder(5, 4) and not milder(4, 4)
    assert milder(False, True) and not milder(True, False)
    assert milder(["health"], ["health", "genomic"]) and not milder(["health"], [])
    assert milder("anonymised", "pseudonymised") and not milder("identified", "pseudonymised")
    assert not milder(None, 4) and not milder("unknown", 4)
