"""Clearances from end to end: granted, refused with reasons, and never half-written."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import clearing_stage as stage
import msgspec
import polars as pl
import pytest

from entrepot.kernel.audit import audit
from entrepot.kernel.decisions import Granted, Refused
from entrepot.kernel.errors import Conflict, InvalidInput, StorageError
from entrepot.kernel.home import open_node
from entrepot.port.change.updates import record_law
from entrepot.port.clear import clearing, delivery
from entrepot.port.clear.acts import shape
from entrepot.port.clear.certificate import Certificate, as_body, from_body, without_floats
from entrepot.port.clear.clearing import Cleared, RefusedClearance
from entrepot.port.clear.codes import Code
from entrepot.port.clear.counters import COUNTERS, window_start
from entrepot.port.clear.institution import port_institution
from entrepot.port.model import Inspection
from entrepot.port.plan.model import Plan
from entrepot.port.verify.verifying import verify


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stage.customers(tmp_path_factory.mktemp("clear"))


def granted(result: Cleared | RefusedClearance) -> Cleared:
    assert isinstance(result, Cleared), result
    return result


def refused(result: Cleared | RefusedClearance) -> RefusedClearance:
    assert isinstance(result, RefusedClearance)
    return result


ANONYMOUS = {**stage.DECLARED, **stage.MET, **stage.FOUND}
BELOW = {**stage.DECLARED, **stage.MET}
KIND_BELOW = "without-sensitive+below-threshold"


def test_a_granted_clearance_is_complete(table: Path, tmp_path: Path) -> None:
    done = granted(
        stage.cleared(table, tmp_path / "out", tmp_path / "home", kind=KIND_BELOW, declared=BELOW)
    )
    out = tmp_path / "out"
    names = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert {
        "certificate.cose",
        "data/customers.csv",
        "inspection.json",
        "plan.json",
        "report.html",
        "proof/receipt.cbor",
        "proof/checkpoint",
    } <= names
    data = pl.read_csv(out / "data" / "customers.csv", infer_schema=False)
    assert data["customer_id"].n_unique() == 999 == done.record.persons_after
    assert "health_note" not in data.columns and "refund_account" not in data.columns
    record = done.record
    assert record.assessment.status == "open" and record.assessment.outcome == "EXEMPT"
    assert any("PIA 2026-11" in item.says for item in record.evidence)
    sources = {fact.name: fact.source for fact in record.facts}
    assert sources["cn.year.prior_persons"] == "counter"
    assert record.parties.recipient == "Beispiel GmbH"
    assert {trigger.code for trigger in record.triggers} >= {"volume", "law-change"}
    assert "certificate" not in (out / "inspection.json").read_text()
    msgspec.json.decode((out / "inspection.json").read_bytes(), type=Inspection)
    msgspec.json.decode((out / "plan.json").read_bytes(), type=Plan)
    assert verify(out, as_of=stage.TODAY, library=stage.library()).holds
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    assert not list(tmp_path.glob(".out*"))


def test_anonymised_data_is_grouped_and_names_nobody(table: Path, tmp_path: Path) -> None:
    done = granted(
        stage.cleared(
            table, tmp_path / "out", tmp_path / "home", kind="anonymised", declared=ANONYMOUS
        )
    )
    assert done.record.risk_after is not None and done.record.risk_after.k >= 11
    assert done.record.risk_before is not None and done.record.risk_before.k == 1
    assert [finding.author for finding in done.record.findings] == ["A. Counsel"]
    assert str(done.record.validity.valid_until) == "2027-06-30"
    data = pl.read_csv(tmp_path / "out" / "data" / "customers.csv", infer_schema=False)
    source = pl.read_csv(table, infer_schema=False)
    assert not {"full_name", "email", "phone", "id_number"} & set(data.columns)
    names = set(source["full_name"]) | set(source["email"])
    assert not names & {cell for column in data.get_columns() for cell in column.drop_nulls()}
    held = done.record.assessment
    assert held.facts["anonymity.confirmed"] == "true"


def test_what_is_not_done_is_refused_with_articles_and_logged(table: Path, tmp_path: Path) -> None:
    result = refused(
        stage.cleared(
            table, tmp_path / "out", tmp_path / "home", kind="as-is", declared=stage.DECLARED
        )
    )
    codes = {reason.code for reason in result.reasons}
    assert "duty.CN-D-NOTICE" in codes and "duty.CN-P-8/contract" in codes
    assert all(reason.citation.strip() and reason.sentence.strip() for reason in result.reasons)
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*"))
    with stage.node_at(tmp_path / "home") as node:
        opening = node.sequencer.opening(result.index)
        assert opening.evidence is not None
    checks = audit(tmp_path / "home", (port_institution(stage.library()),))
    assert all(check.passed for check in checks)


def test_a_finding_without_author_or_reasons_is_refused(table: Path, tmp_path: Path) -> None:
    bare = {**stage.DECLARED, **stage.MET, "anonymity.confirmed": True}
    result = refused(
        stage.cleared(table, tmp_path / "out", tmp_path / "home", kind="anonymised", declared=bare)
    )
    assert [reason.code for reason in result.reasons] == [Code.FINDING_UNSIGNED]


def test_an_expired_finding_is_no_finding(table: Path, tmp_path: Path) -> None:
    finding = {**stage.FOUND["anonymity.confirmed"], "expires": "2026-11-20"}  # type: ignore[dict-item]
    facts = {**stage.DECLARED, **stage.MET, "anonymity.confirmed": finding}
    goods = stage.goods_of(table, facts)
    plan, _source = stage.planned(goods, table)
    assert "anonymised" not in {
        way.kind for way in plan.ways if "anonymity.confirmed" not in way.facts
    }


def test_nothing_is_cleared_under_the_law_of_another_day(table: Path, tmp_path: Path) -> None:
    later = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp())
    result = refused(
        stage.cleared(
            table,
            tmp_path / "out",
            tmp_path / "home",
            kind=KIND_BELOW,
            declared=BELOW,
            clock=later,
        )
    )
    assert Code.STALE in {reason.code for reason in result.reasons}
    assert not (tmp_path / "out").exists()


def test_the_node_knows_what_it_cleared_itself(table: Path, tmp_path: Path) -> None:
    first = stage.cleared(
        table, tmp_path / "one", tmp_path / "home", kind=KIND_BELOW, declared=BELOW
    )
    granted(first)
    second = stage.cleared(
        table, tmp_path / "two", tmp_path / "home", kind=KIND_BELOW, declared=BELOW
    )
    granted(second)  # the same 999 persons may be among the 99,000: no contradiction
    # Each selection draws by a fresh key, so other persons of the table left the second time.
    sent = [
        set(
            pl.read_csv(tmp_path / out / "data" / "customers.csv", infer_schema=False)[
                "customer_id"
            ]
        )
        for out in ("one", "two")
    ]
    distinct = len(sent[0] | sent[1])
    assert distinct > 999
    few = tmp_path / "few.csv"
    pl.read_csv(table, n_rows=100, columns=["customer_id", "full_name", "city"]).write_csv(few)
    lying = {**BELOW, "cn.year.prior_persons": 0}
    result = refused(
        stage.cleared(few, tmp_path / "three", tmp_path / "home", kind="as-is", declared=lying)
    )
    assert [reason.code for reason in result.reasons] == [Code.BELOW_RECORD]
    assert f"at least {distinct - 100:,} other persons" in result.reasons[0].sentence


def test_an_existing_target_is_never_touched(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    with pytest.raises(Conflict, match="exists"):
        stage.cleared(table, out, tmp_path / "home", kind=KIND_BELOW, declared=BELOW)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    assert (out / "mine.txt").read_text() == "keep"


@pytest.mark.parametrize("place", ["deliver", "render", "export"])
def test_a_full_disk_or_an_interrupt_leaves_nothing(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def full(*_args: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def interrupted(*_args: object, **_named: object) -> None:
        raise KeyboardInterrupt

    if place == "deliver":
        monkeypatch.setattr(delivery, "write_dataset", full)
    elif place == "render":
        monkeypatch.setattr(clearing, "render", interrupted)
    else:
        monkeypatch.setattr(clearing, "publish", full)
    with pytest.raises((StorageError, KeyboardInterrupt)):
        stage.cleared(table, tmp_path / "out", tmp_path / "home", kind=KIND_BELOW, declared=BELOW)
    assert {path.name for path in tmp_path.iterdir()} <= {"home", "customers.csv"}


def test_a_table_without_rows_is_about_nobody(tmp_path: Path) -> None:
    path = stage.customers(tmp_path, rows=1)
    path.write_text(path.read_text().splitlines()[0] + "\n")
    done = granted(
        stage.cleared(path, tmp_path / "out", tmp_path / "home", kind="as-is", declared=BELOW)
    )
    assert done.record.assessment.outcome in ("FREE", "EXEMPT", "NOT_A_TRANSFER")
    assert (tmp_path / "out" / "data" / "customers.csv").read_text() == path.read_text()
    assert verify(tmp_path / "out").holds


def test_tokens_are_keyed_per_recipient(table: Path, tmp_path: Path) -> None:
    """Pseudonymised data needs its own route; here the engine is asked on the as-is facts."""
    facts = {**stage.DECLARED, **stage.MET, "cn.contract.in_force": True}
    facts["cn.year.prior_persons"] = 0
    goods = stage.goods_of(table, facts)
    plan, source = stage.planned(goods, table)
    tokens = next(item for item in plan.useless if item.kind == "pseudonymised")
    assert tokens.status in ("open", "conditional")
    keys = []
    with stage.node_at(tmp_path / "home") as node:
        for recipient in ("Beispiel GmbH", "Andere AG"):
            order = clearing.Order(
                goods,
                plan,
                _pseudonymous(goods),
                source,
                clearing.Parties("Example Trading Co", recipient, "analytics"),
                tmp_path / recipient,
            )
            granted(clearing.clear(order, node, clock=lambda: stage.NOON))
            data = pl.read_csv(tmp_path / recipient / "data" / "customers.csv", infer_schema=False)
            keys.append(set(data["customer_id"]))
            assert data["customer_id"].n_unique() == stage.ROWS
    assert not keys[0] & keys[1]
    files = list((tmp_path / "home" / "tokens").iterdir())
    assert len(files) == 2 and {path.stat().st_mode & 0o777 for path in files} == {0o600}


def _pseudonymous(goods):  # type: ignore[no-untyped-def]
    from entrepot.port.plan.planner import as_is_way
    from entrepot.port.plan.reductions import pseudonymised

    state = pseudonymised(goods.inspection)
    assert state is not None
    way = as_is_way(goods)
    return msgspec.structs.replace(
        way, kind=state.kind, transforms=state.plan, facts={"data.form": "pseudonymised"}
    )


# -- the act: shape, rules ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def certified(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certified")
    granted(stage.cleared(table, folder / "out", folder / "home", kind=KIND_BELOW, declared=BELOW))
    found = verify(folder / "out").certificate
    assert found is not None
    return found


def test_a_certificate_reads_back_as_it_was_written(certified: Certificate) -> None:
    body = as_body(certified)
    assert from_body(body) == certified  # type: ignore[arg-type]
    assert shape(body) == certified  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", 2),
        ("files", [{"name": "../x", "size_bytes": 1, "sha256": "0" * 64, "media_type": "a"}]),
        ("files", [{"name": "x", "size_bytes": -1, "sha256": "0" * 64, "media_type": "a"}]),
        ("files", [{"name": "x", "size_bytes": 1, "sha256": "XYZ", "media_type": "a"}]),
        ("counts", {"cn.shipment.persons": -1}),
        ("parties", {"exporter": " ", "recipient": "b", "purpose": "c"}),
        ("flow", {"from": "CN", "to": "DE", "as_of": "2026-02-30", "known_at": "2026-01-01"}),
        ("unknown", 1),
        ("law", 3),
    ],
)
def test_a_malformed_certificate_is_an_error(
    certified: Certificate, field: str, value: object
) -> None:
    body = {**as_body(certified), field: value}
    if field == "files" and isinstance(value, list):
        body["files"] = [{"rows": 0, "columns": 0, **value[0]}]
    with pytest.raises(InvalidInput):
        shape(body)  # type: ignore[arg-type]


def submit(home: Path, body: dict[str, object]) -> Granted | Refused:
    from entrepot.kernel.acts import new_act_id, sign_act
    from entrepot.port.clear.certificate import KIND, clearance_id

    act_id = new_act_id()
    named = {**body, "id": clearance_id(act_id)}
    with open_node(
        home, institutions=(port_institution(stage.library()),), clock=lambda: stage.NOON
    ) as node:
        record_law(node, stage.library(), clock=lambda: stage.NOON)
        act = sign_act(node.party, KIND, named, issued_at=stage.NOON, act_id=act_id)
        decision = node.sequencer.submit(act).decision
        assert isinstance(decision, Granted | Refused)
        return decision


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("outcome", "FREE", Code.OUTCOME_DIFFERS),
        ("counts", {}, Code.OUTCOME_DIFFERS),
        ("law", {"cn-pipl": "0" * 64}, Code.LAW_DIFFERS),
        ("files", [], Code.NO_FILES),
    ],
)
def test_the_node_believes_the_law_and_not_the_certificate(
    certified: Certificate, tmp_path: Path, field: str, value: object, code: Code
) -> None:
    decision = submit(tmp_path / "home", {**as_body(certified), field: value})
    assert isinstance(decision, Refused)
    assert code in {reason.code for reason in decision.reasons}


def test_a_certificate_whose_facts_do_not_allow_it_is_refused(
    certified: Certificate, tmp_path: Path
) -> None:
    body = as_body(certified)
    facts = dict(certified.engine_facts)
    assert isinstance(submit(tmp_path / "home", body), Granted)
    del facts["cn.notice.given"]
    decision = submit(tmp_path / "home", {**body, "engine_facts": facts})
    assert isinstance(decision, Refused)
    assert "duty.CN-D-NOTICE" in {reason.code for reason in decision.reasons}


def test_numbers_are_signed_without_floats() -> None:
    assert without_floats({"a": [1.5, 2, "x"]}) == {"a": ["1.5", 2, "x"]}
    with pytest.raises(InvalidInput):
        without_floats(float("nan"))


def test_windows_of_counters_begin_where_the_law_says() -> None:
    starts = {c.prior: window_start(c, datetime(2024, 2, 29, tzinfo=UTC).date()) for c in COUNTERS}
    assert str(starts["cn.year.prior_persons"]) == "2024-01-01"
    assert str(starts["cn.two_years.prior_persons"]) == "2023-01-01"
    assert str(starts["us.prior.health"]) == "2023-02-28"
