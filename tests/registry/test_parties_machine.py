"""Any sequence of acts keeps the invariants of the registry, and replays to the same state.

Hypothesis draws acts of every kind by every hand, sensible and not, against a real node; after each
one the tables are held to what must always be so.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry_toy import (
    NORTH,
    SOUTH,
    Clock,
    Toy,
    application,
    found,
    lei,
    open_registry,
    party_key,
    possession,
)
from software_passkey import SoftwarePasskey

from entrepot.kernel.audit import audit
from entrepot.kernel.decisions import Granted, Referred
from entrepot.kernel.errors import Error
from entrepot.registry import acts, views
from entrepot.registry.acts import ReasonGiven
from entrepot.registry.institution import due, registry_institution
from entrepot.registry.tables import APPLICATIONS, IDENTIFIERS, KEYS, MEMBERS, PARTIES

PROGRAMS = ["North", "South", "third", "fourth"]
PERSONS = ["registrar", "second registrar", "admin of North", "admin of South", "fifth"]
GROUNDS = [ReasonGiven("test", "Rules of the registry", "A reason.")]
HANDS = [*PROGRAMS, *PERSONS, "node"]

acts_drawn = st.tuples(
    st.sampled_from(
        ["apply", "decide", "add", "revoke", "recover", "cancel", "close", "admit", "remove",
         "update", "wait"]
    ),
    st.sampled_from(HANDS),
    st.sampled_from(PROGRAMS),
    st.sampled_from(PERSONS),
    st.integers(0, 3),
)  # fmt: skip


class Watch:
    """What has to stay so, seen over time."""

    def __init__(self, toy: Toy) -> None:
        self.toy = toy
        self.revoked: set[bytes] = set()
        self.removed: set[bytes] = set()
        self.deciders = {toy.registrar.kid, toy.second.kid}

    def check(self) -> None:
        with self.toy.node.store.reading() as read:
            keys = read.execute(sa.select(KEYS)).mappings().all()
            members = read.execute(sa.select(MEMBERS)).mappings().all()
            parties = set(read.execute(sa.select(PARTIES.c.party)).scalars())
            owners = read.execute(sa.select(IDENTIFIERS.c.identifier, IDENTIFIERS.c.party)).all()
            decided = read.execute(
                sa.select(APPLICATIONS.c.decided_by).where(APPLICATIONS.c.state != "open")
            ).scalars()
            deciders = set(decided)
        active = {key["kid"] for key in keys if key["revoked_index"] is None}
        acting = {member["kid"] for member in members if member["removed_index"] is None}
        assert not active & self.revoked and not acting & self.removed
        self.revoked |= {key["kid"] for key in keys} - active
        self.removed |= {member["kid"] for member in members} - acting
        # A key serves one party as one thing; everything belongs to a party there is.
        assert not {key["kid"] for key in keys} & {member["kid"] for member in members}
        assert {row["party"] for row in [*keys, *members]} <= parties
        assert len({identifier for identifier, _ in owners}) == len(owners)
        assert {party for _, party in owners} == parties
        # No decision without a person who was a registrar.
        assert deciders <= self.deciders
        for party in parties:
            duties = [m["duties"].split() for m in members
                      if m["party"] == party and m["removed_index"] is None]  # fmt: skip
            assert not duties or any("admin" in of for of in duties)
            if party != self.toy.operator:
                assert not any({"registrar", "decider"} & set(of) for of in duties)


def body_of(toy: Toy, what: str, program: str, person: str, number: int, opened: list[int]) -> Any:
    """Return kind and body of a drawn act."""
    party = [NORTH, SOUTH, f"lei:{lei(4)}", toy.operator][number]
    key, passkey = party_key(program), SoftwarePasskey(person)
    latest = opened[-1 - number % len(opened)] if opened else 0
    match what:
        case "apply":
            credential = acts.Credential(passkey.public.raw)
            return acts.APPLY, application(program, 2 + number, admin=credential)
        case "decide":
            outcome: Any = "refuse" if number == 3 else "admit"
            return acts.DECIDE, acts.Decide(latest, outcome, ["buyer"], GROUNDS)
        case "add":
            return acts.ADD_KEY, acts.AddKey(party, key.public.raw, possession(key, party))
        case "revoke":
            return acts.REVOKE_KEY, acts.RevokeKey(party, key.kid, "lost", "said so")
        case "recover":
            proof = possession(key, party)
            return acts.RECOVER, acts.Recover(party, key.public.raw, proof, GROUNDS)
        case "cancel":
            return acts.CANCEL_RECOVERY, acts.CancelRecovery(latest)
        case "close":
            return acts.CLOSE_RECOVERY, acts.CloseRecovery(latest)
        case "admit":
            duties: Any = [["admin"], ["steward"], ["admin", "steward"], ["decider"]][number]
            return acts.ADMIT_MEMBER, acts.AdmitMember(party, passkey.public.raw, duties)
        case "remove":
            return acts.REMOVE_MEMBER, acts.RemoveMember(party, passkey.kid)
    return acts.UPDATE_PARTY, acts.UpdateParty(party, name=f"{program} {number}")


def perform(toy: Toy, hand: str, kind: str, body: Any) -> Any:
    if hand in PERSONS:
        return toy.approve(SoftwarePasskey(hand), kind, body)
    return toy.sign(toy.node.party if hand == "node" else party_key(hand), kind, body)


def run(toy: Toy, drawn: list[tuple[str, str, str, str, int]]) -> int:
    watch, opened, done = Watch(toy), [], 0
    for what, hand, program, person, number in drawn:
        if what == "wait":
            toy.clock.advance_days(number * 3)
            for item in toy.read(due, toy.clock()):
                assert isinstance(toy.sign(toy.node.party, item.kind, item.body).decision, Granted)
            watch.check()
            continue
        kind, body = body_of(toy, what, program, person, number, opened)
        try:
            answer = perform(toy, hand, kind, body)
        except Error:
            watch.check()
            continue
        done += isinstance(answer.decision, Granted)
        if isinstance(answer.decision, Referred) or kind == acts.RECOVER:
            opened.append(answer.index)
        watch.check()
    return done


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(st.lists(acts_drawn, min_size=20, max_size=60))
def test_any_sequence_of_acts_keeps_the_invariants(
    drawn: list[tuple[str, str, str, str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        toy = open_registry(Path(folder), clock=Clock())
        found(toy)
        run(toy, drawn)
        toy.node.close()
        checks = audit(Path(folder), (registry_institution(),))
        assert [check for check in checks if not check.passed] == []


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_whole_course_is_kept_and_replayed(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    """A sequence that is known to do much, so that the machine above is known to mean something."""
    store = request.getfixturevalue("postgres_url") if database == "postgresql" else ""
    toy = open_registry(tmp_path, clock=Clock(), store=store)
    found(toy, recovery_days=3)
    course = [
        ("apply", "North", "North", "admin of North", 0),
        ("decide", "registrar", "North", "registrar", 0),
        ("apply", "South", "South", "admin of South", 1),
        ("decide", "second registrar", "North", "registrar", 0),
        ("add", "North", "third", "fifth", 0),
        ("revoke", "third", "North", "fifth", 0),
        ("update", "North", "North", "fifth", 0),
        ("admit", "admin of North", "North", "fifth", 0),
        ("recover", "registrar", "fourth", "fifth", 0),
        ("close", "node", "North", "fifth", 0),
        ("wait", "node", "North", "fifth", 1),
        ("update", "fourth", "fourth", "fifth", 0),
        ("remove", "admin of North", "North", "fifth", 0),
    ]
    assert run(toy, course) == 8
    assert toy.read(views.parties, text="FOU", role="buyer", country="DE").total == 1
    north = toy.read(views.find_party, NORTH)
    assert (north.name, north.roles) == ("fourth 0", ("buyer",))
    assert [key.revoked_for for key in toy.read(views.keys_of, NORTH)] == ["lost", "recovered", ""]
    assert [len(m.duties) for m in toy.read(views.members_of, NORTH)] == [1]
    assert len(toy.read(views.history_of, NORTH, limit=3)) == 3
    toy.node.close()
    checks = audit(tmp_path, (registry_institution(),), store=store)
    assert [check for check in checks if not check.passed] == []
