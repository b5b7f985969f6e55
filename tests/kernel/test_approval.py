"""Approvals by passkey, keys known to institutions, keys that enrol themselves, the clock."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from software_authenticator import ORIGIN, SITE_ID, Passkey

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.approval import (
    RelyingParty,
    approval_challenge,
    take_approval,
    verify_approval,
    with_approval,
)
from entrepot.kernel.decisions import Decision, Effect, Granted
from entrepot.kernel.errors import InvalidInput, StorageError, VerificationError
from entrepot.kernel.home import Node, open_node
from entrepot.kernel.institution import ActKind, DueAct, Facts, Institution, Record, Request
from entrepot.kernel.keys import Algorithm, Kid, PrivateKey, PublicKey, new_key
from entrepot.kernel.sequencer import BEHIND_MAX_S, Answer

NOW = 1_790_000_000
SITE = RelyingParty(SITE_ID, (ORIGIN,))
TABLES = sa.MetaData()
KEYS = sa.Table(
    "club_keys",
    TABLES,
    sa.Column("kid", sa.LargeBinary, primary_key=True),
    sa.Column("algorithm", sa.Integer, nullable=False),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
)


class _Key(msgspec.Struct, frozen=True):
    raw: bytes
    algorithm: int = -8


def _no_facts(_read: sa.Connection, _request: Request[_Key]) -> Facts:
    return Facts({})


def _decide(request: Request[_Key], _facts: Facts) -> Decision:
    by = request.approved_by or b""
    body = {"raw": request.body.raw, "algorithm": request.body.algorithm, "by": by}
    return Granted((Effect(request.kind, body),))


def _apply(write: sa.Connection, record: Record) -> None:
    for effect in record.effects:
        raw, algorithm = effect.values["raw"], effect.values["algorithm"]
        kid = PublicKey(Algorithm(algorithm), raw).kid
        write.execute(KEYS.delete().where(KEYS.c.kid == kid))
        row = {"kid": kid, "raw": raw, "algorithm": algorithm, "active": effect.name == "join"}
        write.execute(KEYS.insert().values(row))


def _key(read: sa.Connection, kid: Kid, *, active: bool = True) -> PublicKey | None:
    query = sa.select(KEYS.c.algorithm, KEYS.c.raw).where(KEYS.c.kid == kid)
    row = read.execute(query.where(KEYS.c.active) if active else query).one_or_none()
    return None if row is None else PublicKey(Algorithm(row.algorithm), bytes(row.raw))


def _shape(body: dict[object, object]) -> _Key:
    return msgspec.convert(body, _Key)


def _carried(body: dict[object, object]) -> PublicKey:
    return PublicKey(Algorithm.ED25519, msgspec.convert(body, _Key).raw)


CLUB = Institution(
    "club",
    (
        ActKind("join", _shape, _no_facts, _decide, _apply, enrols=_carried),
        ActKind("leave", _shape, _no_facts, _decide, _apply),
    ),
    TABLES,
    keys=_key,
    known_keys=lambda read, kid: _key(read, kid, active=False),
    rekeys=frozenset({"join", "leave"}),
)


def open_club(home: Path, *, at: int = NOW) -> Node:
    return open_node(home, institutions=(CLUB,), relying_party=SITE, clock=lambda: at)


def act(key: PrivateKey, kind: str, member: PublicKey) -> bytes:
    body = {"raw": member.raw, "algorithm": int(member.algorithm)}
    return sign_act(key, kind, body, issued_at=NOW, act_id=new_act_id())


def approved(node: Node, person: Passkey, kind: str, member: PublicKey) -> bytes:
    act_id = new_act_id()
    body = person.approve(
        kind,
        {"raw": member.raw, "algorithm": int(member.algorithm)},
        act_id=act_id,
        issued_at=NOW,
        issuer=node.party.kid,
    )
    return sign_act(node.party, kind, body, issued_at=NOW, act_id=act_id)


def test_an_unknown_key_may_only_sign_what_enrols_it(tmp_path: Path) -> None:
    stranger, other = new_key(), new_key()
    with open_club(tmp_path / "h") as node:
        for raw in (act(stranger, "leave", stranger.public), act(stranger, "join", other.public)):
            with pytest.raises(VerificationError, match="not accepted"):
                node.sequencer.submit(raw)
        node.sequencer.submit(act(stranger, "join", stranger.public))
        node.sequencer.submit(act(stranger, "join", other.public))


def test_a_key_revoked_in_a_batch_is_refused_later_in_the_same_batch(tmp_path: Path) -> None:
    member, third = new_key(), new_key()
    with open_club(tmp_path / "h") as node:
        batch = [
            act(member, "join", member.public),
            act(node.party, "leave", member.public),
            act(member, "leave", third.public),
        ]
        node.sequencer.submit(batch[0])
        first, second, third_answer = node.sequencer.submit_batch(batch)
        assert isinstance(first, Answer) and first.repeated
        assert isinstance(second, Answer)
        assert isinstance(third_answer, VerificationError)
        with pytest.raises(VerificationError, match="not accepted"):
            node.sequencer.submit(act(member, "leave", third.public))


def test_a_person_approves_exactly_one_act(tmp_path: Path) -> None:
    person, guest, stranger = Passkey(), new_key(), Passkey()
    with open_club(tmp_path / "h") as node:
        node.sequencer.submit(act(node.party, "join", person.public))
        answer = node.sequencer.submit(approved(node, person, "join", guest.public))
        assert isinstance(answer.decision, Granted)
        assert answer.decision.effects[0].values["by"] == person.kid
        with pytest.raises(VerificationError, match="not known"):
            node.sequencer.submit(approved(node, stranger, "join", guest.public))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"site": "evil.example"}, "relying party"),
        ({"origin": "http://evil.example"}, "another site"),
        ({"flags": 0x01}, "not verified"),
        ({"flags": 0x04}, "not verified"),
    ],
)
def test_an_assertion_of_another_site_or_without_the_person_fails(
    change: dict[str, object], message: str
) -> None:
    person = replace(Passkey(), **change)
    with pytest.raises(VerificationError, match=message):
        verify_approval(person.assertion(b"c" * 32), b"c" * 32, person.public, SITE)


def test_an_approval_holds_for_its_challenge_key_and_bytes_only() -> None:
    person, other = Passkey(), Passkey()
    approval = person.assertion(b"c" * 32)
    verify_approval(approval, b"c" * 32, person.public, SITE)
    verify_approval(approval, b"c" * 32, person.public, None)
    wrong = [
        (approval, b"d" * 32, person.public),
        (approval, b"c" * 32, other.public),
        (replace(approval, kid=other.kid), b"c" * 32, other.public),
        (replace(approval, signature=approval.signature[:-1]), b"c" * 32, person.public),
        (replace(approval, signature=b""), b"c" * 32, person.public),
        (replace(approval, client_data=b"\xff{"), b"c" * 32, person.public),
        (replace(approval, client_data=approval.client_data + b" "), b"c" * 32, person.public),
        (person.assertion(b"c" * 32, type_="webauthn.create"), b"c" * 32, person.public),
    ]
    for changed, challenge, key in wrong:
        with pytest.raises(VerificationError):
            verify_approval(changed, challenge, key, SITE)


def test_what_is_approved_covers_issuer_kind_id_time_and_body() -> None:
    kid, other = Passkey().kid, Passkey().kid
    asked = ("join", b"i" * 16, 5, {"a": 1})
    challenges = {
        approval_challenge(*asked, issuer=kid),
        approval_challenge(*asked, issuer=other),
        approval_challenge("leave", *asked[1:], issuer=kid),
        approval_challenge("join", b"j" * 16, 5, {"a": 1}, issuer=kid),
        approval_challenge("join", b"i" * 16, 6, {"a": 1}, issuer=kid),
        approval_challenge("join", b"i" * 16, 5, {"a": 2}, issuer=kid),
    }
    assert len(challenges) == 6


def test_an_approval_is_taken_out_of_the_body_or_refused() -> None:
    approval = Passkey().assertion(b"c" * 32)
    body = with_approval({"a": 1}, approval)
    assert take_approval(dict(body)) == ({"a": 1}, approval)
    assert take_approval({"a": 1}) == ({"a": 1}, None)
    for bad in (1, {}, {**approval.plain(), "more": 1}, {**approval.plain(), "kid": b"short"}):
        with pytest.raises(InvalidInput):
            take_approval({"approval": bad})


def test_the_clock_never_runs_backwards_in_the_log(tmp_path: Path) -> None:
    now = [NOW]
    with open_node(tmp_path / "h", institutions=(CLUB,), clock=lambda: now[0]) as node:
        node.sequencer.submit(act(node.party, "join", new_key().public))
        now[0] = NOW - BEHIND_MAX_S
        node.sequencer.submit(act(node.party, "join", new_key().public))
        now[0] = NOW - BEHIND_MAX_S - 1
        with pytest.raises(StorageError, match="clock"):
            node.sequencer.submit(act(node.party, "join", new_key().public))
    with open_club(tmp_path / "h", at=NOW - BEHIND_MAX_S - 1) as node:
        with pytest.raises(StorageError, match="clock"):
            node.sequencer.submit(act(node.party, "join", new_key().public))


def test_a_due_act_has_one_id() -> None:
    due = DueAct("close-notice", {"right": 7}, "7", NOW)
    assert due.act_id == DueAct("close-notice", {}, "7", 0).act_id
    assert len(due.act_id) == 16
    assert due.act_id != DueAct("close-notice", {}, "8", 0).act_id
