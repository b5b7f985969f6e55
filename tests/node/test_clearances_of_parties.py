"""Clearances on a node of many parties: who speaks of them, and that all of them are checked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import twenty_clearances as twenty

sys.path.append(str(Path(__file__).parents[1] / "registry"))

from registry_toy import (
    NORTH,
    Clock,
    Toy,
    admit,
    codes,
    found,
    granted,
    party_key,
)
from software_passkey import SITE, SoftwarePasskey

from entrepot.kernel.acts import SignedAct, new_act_id, sign_act
from entrepot.kernel.audit import audit
from entrepot.kernel.decisions import Granted
from entrepot.kernel.home import open_node
from entrepot.kernel.record import Entry, decode_entry
from entrepot.law.library import Library
from entrepot.node.installed import installed
from entrepot.node.rechecking import recheck_home
from entrepot.port.change.audit import law_check
from entrepot.port.change.rechecking import Rechecker
from entrepot.port.clear.certificate import clearance_id
from entrepot.port.clear.clearing import Cleared, Order, clear
from entrepot.port.clear.record import Parties
from entrepot.port.plan.planner import as_is_way, make_plan
from entrepot.port.plan.source import TableSource

pytestmark = pytest.mark.slow  # a table is inspected, planned and cleared first
WANTED = twenty.TWENTY[19]


@dataclass
class Stand:
    """A node with parties, a clearance of the operator's and one that North's program signed."""

    toy: Toy
    law: Library
    home: Path
    own: int
    norths: int

    def order(self, index: int, standing: str = "suspended") -> dict[str, Any]:
        entry = decode_entry(self.toy.node.log.tree().entry(index))
        assert isinstance(entry, Entry)  # anybody reads the act id, and so the clearance's
        return {
            "format": 1,
            "clearance": clearance_id(entry.act_id),
            "index": index,
            "standing": standing,
            "by": "A. Nobody",
            "reasons": "so it is",
            "on": WANTED.day.isoformat(),
            "successor": 0,
        }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    folder = tmp_path_factory.mktemp("parties")
    law, home, clock = Library.load(), folder / "home", Clock(twenty.noon(WANTED.day))
    node = open_node(home, institutions=installed(home), relying_party=SITE, clock=clock)
    toy = Toy(node, clock)
    found(toy)
    admit(toy, "North", 2)
    admit(toy, "South", 3, roles=["buyer", "broker"])
    path = twenty.table(folder, WANTED.table, 1)
    goods = twenty.goods_of(law, WANTED, path)
    parties = Parties("Example Trading Co", WANTED.recipient, "analytics")
    source, way = TableSource(path), as_is_way(goods)
    order = Order(goods, make_plan(goods), way, source, parties, folder / "out")
    assert isinstance(clear(order, node, clock=clock), Cleared)
    own = node.log.size - 1
    body, act_id = SignedAct(node.act_at(own)).unverified_body, new_act_id()
    again = {**{str(name): value for name, value in body.items()}, "id": clearance_id(act_id)}
    act = sign_act(party_key("North"), "clear-shipment", again, issued_at=clock(), act_id=act_id)
    norths = granted(toy.submit(act)).index
    yield Stand(toy, law, home, own, norths)
    node.close()


def test_a_stranger_decides_nothing_of_a_clearance(made: Stand) -> None:
    south = SoftwarePasskey("admin of South")
    for index in (made.own, made.norths):
        body = made.order(index)
        assert codes(made.toy.sign(party_key("South"), "decide-clearance", body)) == [
            "change.not-yours"
        ]
        assert codes(made.toy.approve(south, "decide-clearance", body)) == ["change.not-yours"]
    north = made.toy.sign(party_key("North"), "decide-clearance", made.order(made.own))
    assert codes(north) == ["change.not-yours"]


def test_a_stranger_is_not_told_what_the_law_says_of_a_clearance(made: Stand) -> None:
    order = made.order(made.norths)
    body = {
        "format": 1,
        "clearance": order["clearance"],
        "index": made.norths,
        "as_of": WANTED.day.isoformat(),
        "known_at": WANTED.day.isoformat(),
        "effect": "stricter",
        "outcome": "FREE",
        "status": "open",
        "rules": [],
        "duties": [],
        "deadline": "",
    }
    assert codes(made.toy.sign(party_key("South"), "refer-clearance", body)) == ["change.not-yours"]
    assert codes(made.toy.sign(party_key("North"), "refer-clearance", body)) != ["change.not-yours"]


def test_a_clearance_does_not_take_the_name_of_another(made: Stand) -> None:
    body = SignedAct(made.toy.node.act_at(made.norths)).unverified_body
    copied = {str(name): value for name, value in body.items()}
    assert codes(made.toy.sign(party_key("South"), "clear-shipment", copied)) == ["port.other-id"]


def test_a_program_names_no_other_party_as_exporter(made: Stand) -> None:
    body = SignedAct(made.toy.node.act_at(made.norths)).unverified_body
    for signer, refused in (("South", True), ("North", False)):
        act_id = new_act_id()
        named = {str(name): value for name, value in body.items()} | {"id": clearance_id(act_id)}
        parties = named["parties"]
        assert isinstance(parties, dict)
        named["parties"] = {**parties, "exporter": f"North ({NORTH})"}
        at = made.toy.clock()
        act = sign_act(party_key(signer), "clear-shipment", named, issued_at=at, act_id=act_id)
        decision = made.toy.submit(act).decision
        said = [] if isinstance(decision, Granted) else [one.code for one in decision.reasons]
        assert ("port.not-a-steward" in said) is refused


def test_the_exporter_and_the_operator_decide(made: Stand) -> None:
    granted(made.toy.sign(party_key("North"), "decide-clearance", made.order(made.norths)))
    admin = SoftwarePasskey("admin of North")
    granted(made.toy.approve(admin, "decide-clearance", made.order(made.norths, "upheld")))
    granted(made.toy.sign(made.toy.node.party, "decide-clearance", made.order(made.norths)))
    granted(made.toy.sign(made.toy.node.party, "decide-clearance", made.order(made.own)))


def test_clearances_of_every_party_are_rechecked_and_audited(made: Stand) -> None:
    rechecker = Rechecker(made.law, WANTED.day, WANTED.day)
    count = recheck_home(made.toy.node, rechecker).clearances
    assert count >= 2
    made.toy.node.close()
    checks = [*audit(made.home, installed(made.home)), law_check(made.home, 9)]
    assert all(check.passed for check in checks), checks
    assert checks[-1].detail.startswith(f"{count} clearances under the law on record")
