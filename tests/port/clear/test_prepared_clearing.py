"""A clearance in two halves: prepared first, signed by whoever may, published when it is logged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import clearing_stage as stage
import msgspec
import pytest

from entrepot.kernel.acts import ActId, sign_act
from entrepot.kernel.approval import Approval, with_approval
from entrepot.kernel.decisions import Granted
from entrepot.kernel.errors import Conflict
from entrepot.kernel.home import Node
from entrepot.kernel.institution import Request
from entrepot.kernel.keys import Kid
from entrepot.kernel.merkle import HASH_BYTES
from entrepot.port.clear import clearing, rules
from entrepot.port.clear.acts import shape
from entrepot.port.clear.certificate import KIND
from entrepot.port.clear.clearing import Declined, Prepared
from entrepot.port.clear.codes import Code
from entrepot.port.clear.record import Parties
from entrepot.port.verify.verifying import verify

BELOW = {**stage.DECLARED, **stage.MET}
KIND_BELOW = "without-sensitive+below-threshold"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stage.customers(tmp_path_factory.mktemp("prepared"))


def order(table: Path, out: Path, *, kind: str, declared: dict[str, object]) -> clearing.Order:
    goods = stage.goods_of(table, declared)
    plan, source = stage.planned(goods, table)
    way = stage.as_is_way(goods) if kind == "as-is" else stage.way_of(plan, kind)
    parties = Parties("Invented Exporter Ltd", "Beispiel GmbH", "analytics")
    return clearing.Order(goods, plan, way, source, parties, out)


def prepared(node: Node, wanted: clearing.Order) -> Prepared:
    found = clearing.prepare(wanted, node, clock=lambda: stage.NOON)
    assert isinstance(found, Prepared)
    return found


def logged(node: Node, found: Prepared) -> int:
    act = sign_act(
        node.party, KIND, found.body, issued_at=found.issued_at, act_id=ActId(found.act_id)
    )
    answer = node.sequencer.submit(act)
    assert isinstance(answer.decision, Granted), answer.decision
    return answer.index


def test_nothing_is_visible_before_it_is_signed_and_all_is_after(
    table: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with stage.node_at(tmp_path / "home") as node:
        found = prepared(node, order(table, out, kind=KIND_BELOW, declared=BELOW))
        assert not out.exists()
        assert (found.folder / "data" / "customers.csv").is_file()
        before = node.log.size
        index = logged(node, found)
        assert index >= before
        clearing.publish(node, index, found.folder, out)
    assert not found.folder.exists()
    seen = verify(out)
    assert seen.holds, seen.failed
    assert seen.certificate is not None
    assert seen.certificate.id == found.record.id


def test_publishing_starts_over_where_a_crash_cut_it(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with stage.node_at(tmp_path / "home") as node:
        found = prepared(node, order(table, out, kind=KIND_BELOW, declared=BELOW))
        index = logged(node, found)
        (found.folder / "certificate.cose").write_bytes(b"torn")
        (found.folder / "proof" / "tile").mkdir(parents=True)
        (found.folder / "proof" / "checkpoint").write_bytes(b"torn")
        clearing.publish(node, index, found.folder, out)
    assert verify(out).holds


def test_what_nobody_signed_is_discarded(table: Path, tmp_path: Path) -> None:
    with stage.node_at(tmp_path / "home") as node:
        found = prepared(node, order(table, tmp_path / "out", kind=KIND_BELOW, declared=BELOW))
        size = node.log.size
        clearing.discard(found.folder)
        assert node.log.size == size
    assert {path.name for path in tmp_path.iterdir()} == {"home"}


def test_a_shipment_that_is_not_open_is_declined_and_not_logged(
    table: Path, tmp_path: Path
) -> None:
    with stage.node_at(tmp_path / "home") as node:
        wanted = order(table, tmp_path / "out", kind=KIND_BELOW, declared=stage.DECLARED)
        found = clearing.prepare(wanted, node, clock=lambda: stage.NOON)
        assert isinstance(found, Declined)
        assert found.reasons
        assert all(reason.citation and reason.sentence for reason in found.reasons)
        assert found.assessment.status != "open"
        kinds = [node.log.tree().entry(index) for index in range(node.log.size)]
        assert not any(KIND.encode() in entry for entry in kinds)
    assert {path.name for path in tmp_path.iterdir()} == {"home"}


def test_only_a_granted_clearance_is_published(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with stage.node_at(tmp_path / "home") as node:
        found = prepared(node, order(table, out, kind=KIND_BELOW, declared=BELOW))
        # The same act with a lie in it is refused by the node, whoever signed it.
        lying = {**found.body, "outcome": "FREE"}
        act = sign_act(
            node.party, KIND, lying, issued_at=found.issued_at, act_id=ActId(found.act_id)
        )
        answer = node.sequencer.submit(act)
        assert not isinstance(answer.decision, Granted)
        with pytest.raises(Conflict, match="not granted"):
            clearing.publish(node, answer.index, found.folder, out)
    assert not out.exists()


def test_an_approval_is_no_part_of_the_certificate(table: Path, tmp_path: Path) -> None:
    with stage.node_at(tmp_path / "home") as node:
        found = prepared(node, order(table, tmp_path / "out", kind=KIND_BELOW, declared=BELOW))
    approval = Approval(Kid(bytes(HASH_BYTES)), bytes(37), b"{}", b"signature")
    plain = {str(key): value for key, value in found.body.items()}
    assert shape(dict(with_approval(plain, approval))) == shape(dict(found.body))


@pytest.mark.parametrize(
    ("approver", "is_allowed"),
    [
        (["lei:EXPORTER", "steward"], True),
        (["lei:EXPORTER", "admin", "decider"], True),
        (["lei:EXPORTER", "decider"], False),
        (["lei:OTHER", "steward"], False),
        ([], False),
    ],
)
def test_only_a_steward_of_the_exporter_approves(
    table: Path, tmp_path: Path, approver: list[str], is_allowed: bool
) -> None:
    out = tmp_path / "out"
    wanted = order(table, out, kind=KIND_BELOW, declared=BELOW)
    named = msgspec.structs.replace(wanted.parties, exporter="Invented Ltd (lei:EXPORTER)")
    with stage.node_at(tmp_path / "home") as node:
        found = prepared(node, msgspec.structs.replace(wanted, parties=named))
        request = Request(
            KIND,
            ActId(found.act_id),
            node.party.kid,
            found.issued_at,
            shape(dict(found.body)),
            stage.NOON,
        )
        with node.store.reading() as read:
            relied = rules.facts(read, request, stage.library())
        assert "approver" not in relied.values
        assert isinstance(rules.decide(request, relied, stage.library()), Granted)
        approved = replace(request, approved_by=Kid(bytes(32)))
        told = replace(relied, values={**relied.values, "approver": approver})
        decision = rules.decide(approved, told, stage.library())
        clearing.discard(found.folder)
    codes = [] if isinstance(decision, Granted) else [reason.code for reason in decision.reasons]
    assert codes == ([] if is_allowed else [Code.NOT_A_STEWARD])
