"""A founded registry on a real node for tests of products and rights: parties, persons, a clock.

Nothing is mocked: acts are signed, persons approve with a passkey in software, the store is SQLite.
Identifiers are structurally valid and invented.
"""

from __future__ import annotations

import hashlib
import itertools
import string
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "kernel"))

from software_authenticator import ORIGIN, SITE_ID, Passkey

from entrepot.kernel.acts import ActId, sign_act
from entrepot.kernel.approval import RelyingParty
from entrepot.kernel.decisions import Granted, Refused
from entrepot.kernel.home import Node, open_node
from entrepot.kernel.keys import PrivateKey, key_from_seed
from entrepot.kernel.sequencer import Answer
from entrepot.registry.institution import registry_institution

NOW = 1_790_000_000
DAY_S = 86_400
HASH = "ab" * 32
REASON = {"code": "own.reason", "citation": "Rules of the registry", "sentence": "So it is."}


def lei(number: int) -> str:
    """Return an invented LEI with right check digits (ISO 17442, ISO 7064 MOD 97-10)."""
    body = f"9845{number:014d}"
    value = int("".join(str(string.digits.find(c)) for c in body) + "00")
    return f"{body}{98 - value % 97:02d}"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Party:
    name: str
    id: str
    key: PrivateKey
    people: dict[str, Passkey] = field(default_factory=dict)


@dataclass
class World:
    node: Node
    time: list[int]
    operator: Party
    parties: dict[str, Party] = field(default_factory=dict)
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def now(self) -> int:
        return self.time[0]

    def pass_days(self, days: float) -> None:
        self.time[0] += int(days * DAY_S)

    def act_id(self) -> ActId:
        return ActId(next(self.counter).to_bytes(16, "big"))

    def signed(self, by: Party, kind: str, body: dict[str, Any], person: str = "") -> bytes:
        act_id = self.act_id()
        key = by.key
        if person:
            # A form in the face: the node's own key issues, the person's passkey approves.
            key = self.node.party
            body = by.people[person].approve(
                kind, body, act_id=act_id, issued_at=self.now, issuer=key.kid
            )
        return sign_act(key, kind, body, issued_at=self.now, act_id=act_id)

    def send(self, by: Party, kind: str, body: dict[str, Any], person: str = "") -> Answer:
        return self.node.sequencer.submit(self.signed(by, kind, body, person))

    def done(self, by: Party, kind: str, body: dict[str, Any], person: str = "") -> int:
        answer = self.send(by, kind, body, person)
        assert isinstance(answer.decision, Granted), answer.decision
        return answer.index

    def refused(self, by: Party, kind: str, body: dict[str, Any], person: str = "") -> list[str]:
        answer = self.send(by, kind, body, person)
        assert isinstance(answer.decision, Refused), answer.decision
        return [reason.code for reason in answer.decision.reasons]

    def admit(self, name: str, *roles: str) -> Party:
        number = len(self.parties) + 2
        key = key_from_seed(hashlib.sha256(name.encode()).digest())
        party = Party(name, f"lei:{lei(number)}", key)
        identifiers = [{"scheme": "lei", "value": lei(number)}]
        body = {
            "name": name,
            "identifiers": identifiers,
            "country": "CN",
            "roles": list(roles),
            "key": key.public.raw,
        }
        answer = self.send(party, "apply-for-membership", body)
        ruling = {"application": answer.index, "outcome": "admit", "roles": list(roles)}
        self.done(self.operator, "decide-application", ruling, "registrar")
        self.parties[name] = party
        return party

    def join(self, party: Party, person: str, *duties: str) -> None:
        passkey = Passkey()
        body = {
            "party": party.id,
            "credential": passkey.public.raw,
            "alg": -7,
            "duties": list(duties),
        }
        signer = self.operator if not self.operator.people else party
        approver = "registrar" if signer is self.operator and self.operator.people else ""
        self.done(signer, "admit-member", body, approver)
        party.people[person] = passkey

    def file(self, party: Party, **changes: Any) -> int:
        return self.done(party, "file-product", {"metadata": metadata(**changes)})

    def right(self, party: Party, product: int, right: str = "hold", **changes: Any) -> int:
        return self.done(party, "file-right", right_body(party, product, right, **changes))

    def registered(self, party: Party, product: int, right: str = "hold", **changes: Any) -> int:
        number = self.right(party, product, right, **changes)
        self.pass_days(40)
        self.done(party, "close-notice", {"right": number})
        return number


def metadata(**changes: Any) -> dict[str, Any]:
    """Return a whole, well-formed description; `changes` replace parts of it."""
    return {
        "title": {"en": "Road freight flows by day", "zh": "公路货运每日流量"},
        "description": {"en": "Vehicle counts per section of road.", "zh": "各路段车辆计数。"},
        "themes": ["TRAN"],
        "update_cycle": "DAILY",
        "pricing": {"model": "subscription", "amount_minor": 1_200_00, "currency": "CNY"},
        "delivery": ["api", "sandbox"],
        "licence": {"id": "CC-BY-4.0"},
        "source": {"method": "own-operation", "statement": "Counted by the provider's sensors."},
        "personal_data": False,
        "volume": {"bytes": 5_000_000, "rows": 120_000},
        "geography": ["CN", "CN-GD"],
        **changes,
    }


def right_body(party: Party, product: int, right: str = "hold", **changes: Any) -> dict[str, Any]:
    return {
        "product": product,
        "right": right,
        "holder": party.id,
        "scope": ["any"],
        "territory": ["WORLD"],
        "term": {"from": "2026-01-01", "until": "2036-12-31"},
        "evidence": [HASH],
        **changes,
    }


def founded(node: Node, time: list[int], *, days: int, calendar: str, **founding: Any) -> World:
    """Found the registry on an open node; a registrar, who also decides, works for it."""
    operator = Party("Operator", f"lei:{lei(1)}", node.party)
    made = World(node, time, operator)
    body = {
        "name": "Test Exchange",
        "identifier": {"scheme": "lei", "value": lei(1)},
        "country": "CN",
        "key": node.party.public.raw,
        "notice": {"days": days, "calendar": calendar},
        "decision": {"days": 20, "calendar": calendar},
        **founding,
    }
    made.done(operator, "found-registry", body)
    made.join(operator, "registrar", "admin", "registrar", "decider")
    return made


@contextmanager
def world(
    home: Path, *, days: int = 10, calendar: str = "CN", store: str = "", **founding: Any
) -> Iterator[World]:
    """Open a node in `home` and found the registry on it."""
    time = [NOW]
    node = open_node(
        home,
        store=store,
        institutions=(registry_institution(),),
        relying_party=RelyingParty(SITE_ID, (ORIGIN,)),
        clock=lambda: time[0],
    )
    with node:
        yield founded(node, time, days=days, calendar=calendar, **founding)
