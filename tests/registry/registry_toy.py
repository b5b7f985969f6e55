"""A small real registry for tests: an operator with officers, two parties with admins.

Real nodes, keys, passkeys, acts and decisions on a fixed clock. Identifiers have valid check digits
and belong to nobody. `found_and_admit` makes the whole; the smaller steps stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from software_passkey import SITE, SoftwarePasskey

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.decisions import Granted, Referred, Refused
from entrepot.kernel.home import Node, open_node
from entrepot.kernel.institution import Institution
from entrepot.kernel.keys import PrivateKey, key_from_seed
from entrepot.kernel.sequencer import Answer
from entrepot.registry import acts
from entrepot.registry.acts import ActBody, IdentifierGiven, plain, possession_message
from entrepot.registry.institution import registry_institution

NOW = 1_790_000_000
"""2026-09-21, a Monday."""


def lei(number: int) -> str:
    """Return an invented LEI with valid check digits (prefix of no local operating unit)."""
    body = f"9999{number:014d}"
    digits = "".join(str(int(character, 36)) for character in body + "00")
    return f"{body}{98 - int(digits) % 97:02d}"


def uscc(number: int, head: str = "91310000") -> str:
    """Return an invented unified social credit code with a valid check character."""
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    body = f"{head}{number:09d}"
    total = sum(alphabet.index(c) * pow(3, place, 31) for place, c in enumerate(body))
    return body + alphabet[(31 - total % 31) % 31]


@dataclass
class Clock:
    """A clock that tests move."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now

    def advance_days(self, days: float) -> None:
        self.now += int(days * 86_400)


@dataclass
class Toy:
    """A node with a registry, and everybody's keys."""

    node: Node
    clock: Clock
    operator: str = ""
    registrar: SoftwarePasskey = field(default_factory=lambda: SoftwarePasskey("registrar"))
    second: SoftwarePasskey = field(default_factory=lambda: SoftwarePasskey("second registrar"))
    keys: dict[str, PrivateKey] = field(default_factory=dict)
    admins: dict[str, SoftwarePasskey] = field(default_factory=dict)

    def submit(self, act: bytes) -> Answer:
        return self.node.sequencer.submit(act)

    def sign(self, key: PrivateKey, kind: str, body: ActBody | Mapping[str, object]) -> Answer:
        """Submit an act by a program."""
        return self.submit(
            sign_act(key, kind, _mapped(body), issued_at=self.clock(), act_id=new_act_id())
        )

    def approve(
        self, person: SoftwarePasskey, kind: str, body: ActBody | Mapping[str, object]
    ) -> Answer:
        """Submit an act by a person, through the node's own key."""
        return self.submit(
            person.approved_act(self.node.party, kind, _mapped(body), issued_at=self.clock())
        )

    def read(self, view: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        with self.node.store.reading() as read:
            return view(read, *arguments, **named)


def _mapped(body: ActBody | Mapping[str, object]) -> dict[str, object]:
    return plain(body) if isinstance(body, ActBody) else dict(body)


def granted(answer: Answer) -> Answer:
    """Return an answer that must be a grant."""
    assert isinstance(answer.decision, Granted), answer.decision
    return answer


def codes(answer: Answer) -> list[str]:
    """Return the codes of a refusal."""
    assert isinstance(answer.decision, Refused), answer.decision
    return [reason.code for reason in answer.decision.reasons]


def party_key(name: str) -> PrivateKey:
    """Return the key of a party of tests."""
    return key_from_seed(name.encode().ljust(32, b".")[:32])


def open_registry(
    home: Path,
    *,
    clock: Clock | None = None,
    institutions: tuple[Institution, ...] = (),
    store: str = "",
) -> Toy:
    """Open a node with the registry and no act yet."""
    clock = clock or Clock()
    node = open_node(
        home,
        institutions=(registry_institution(), *institutions),
        relying_party=SITE,
        store=store,
        clock=clock,
    )
    return Toy(node, clock)


def found(toy: Toy, **terms: Any) -> Answer:
    """Found the registry and admit its first officer, who is admin, registrar and decider."""
    body = acts.FoundRegistry(
        name=terms.pop("name", "Harbour Data Exchange"),
        identifier=IdentifierGiven("lei", lei(1)),
        country=terms.pop("country", "CN"),
        key=toy.node.party.public.raw,
        names=terms.pop("names", {"zh": "港湾数据交易所"}),
        **terms,
    )
    toy.operator = f"lei:{lei(1)}"
    answer = granted(toy.sign(toy.node.party, acts.FOUND, body))
    duties = ["admin", "registrar", "decider"]
    member = acts.AdmitMember(toy.operator, toy.registrar.public.raw, duties)
    granted(toy.sign(toy.node.party, acts.ADMIT_MEMBER, member))
    member = acts.AdmitMember(toy.operator, toy.second.public.raw, ["registrar", "decider"])
    granted(toy.approve(toy.registrar, acts.ADMIT_MEMBER, member))
    return answer


def application(name: str, number: int, **given: Any) -> acts.Apply:
    """Return an application with an invented LEI."""
    fields: dict[str, Any] = {
        "name": name,
        "identifiers": [IdentifierGiven("lei", lei(number))],
        "country": "DE",
        "roles": ["provider", "buyer"],
        "key": party_key(name).public.raw,
        "admin": acts.Credential(SoftwarePasskey(f"admin of {name}").public.raw),
        "contact": "desk@party.example",
        "statement": "We publish measurements of our own machines.",
    }
    return acts.Apply(**{**fields, **given})


def apply_for(toy: Toy, name: str, number: int, **given: Any) -> int:
    """Apply as a party and return the index of the application."""
    answer = toy.sign(party_key(name), acts.APPLY, application(name, number, **given))
    assert isinstance(answer.decision, Referred), answer.decision
    return answer.index


def admit(toy: Toy, name: str, number: int, **given: Any) -> str:
    """Apply, be admitted by the registrar, and return the party's id."""
    index = apply_for(toy, name, number, **given)
    roles = list(given.get("roles", ["provider", "buyer"]))
    granted(toy.approve(toy.registrar, acts.DECIDE, acts.Decide(index, "admit", roles)))
    party = f"lei:{lei(number)}"
    toy.keys[party] = party_key(name)
    toy.admins[party] = SoftwarePasskey(f"admin of {name}")
    return party


def possession(key: PrivateKey, party: str, purpose: str = "acts") -> bytes:
    """Return the proof that a party holds a key."""
    return key.sign(possession_message(party, purpose))


def found_and_admit(home: Path, *, clock: Clock | None = None, **terms: Any) -> Toy:
    """Return a registry with an operator, its officers and two parties, `North` and `South`."""
    toy = open_registry(home, clock=clock)
    found(toy, **terms)
    admit(toy, "North", 2)
    admit(toy, "South", 3, roles=["buyer", "broker"])
    return toy


NORTH = f"lei:{lei(2)}"
SOUTH = f"lei:{lei(3)}"
