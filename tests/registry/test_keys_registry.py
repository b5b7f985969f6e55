"""Keys of parties: rotation, revocation, recovery, and what a thief can and cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from registry_toy import (
    NORTH,
    SOUTH,
    Toy,
    application,
    codes,
    found_and_admit,
    granted,
    party_key,
    possession,
)
from software_passkey import SoftwarePasskey

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.audit import audit
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import Kid, PrivateKey
from entrepot.registry import acts, views
from entrepot.registry.acts import ReasonGiven
from entrepot.registry.institution import due, registry_institution

GROUNDS = [ReasonGiven("keys-lost", "Rules of the registry, 11", "The party proved its loss.")]


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    made = found_and_admit(tmp_path, recovery_days=7)
    yield made
    made.node.close()


def add(toy: Toy, signer: PrivateKey, key: PrivateKey, party: str = NORTH) -> object:
    body = acts.AddKey(party, key.public.raw, possession(key, party))
    return toy.sign(signer, acts.ADD_KEY, body)


def rename(toy: Toy, key: PrivateKey, name: str) -> object:
    return toy.sign(key, acts.UPDATE_PARTY, acts.UpdateParty(NORTH, name=name))


def test_rotation_adds_the_new_key_by_the_old_and_ends_the_old(toy: Toy) -> None:
    old, new = party_key("North"), party_key("North 2")
    with pytest.raises(VerificationError):
        rename(toy, new, "too early")
    granted(add(toy, old, new))  # type: ignore[arg-type]
    granted(rename(toy, new, "A"))  # type: ignore[arg-type]
    granted(rename(toy, old, "B"))  # type: ignore[arg-type]
    granted(toy.sign(new, acts.REVOKE_KEY, acts.RevokeKey(NORTH, old.kid)))
    with pytest.raises(VerificationError):
        rename(toy, old, "too late")
    assert toy.read(views.find_party, NORTH).name == "B"  # what was decided before stays
    first, second = toy.read(views.keys_of, NORTH)
    assert (first.is_active, first.revoked_for, second.is_active) == (False, "rotated", True)


def test_a_revoked_key_is_known_to_auditors_and_comes_back_for_nobody(toy: Toy) -> None:
    old, new = party_key("North"), party_key("North 2")
    add(toy, old, new)
    granted(toy.sign(new, acts.REVOKE_KEY, acts.RevokeKey(NORTH, old.kid)))
    assert toy.read(views.active_key, old.kid) is None
    assert toy.read(views.known_key, old.kid) == old.public
    assert codes(add(toy, new, old)) == ["registry.key-known"]  # type: ignore[arg-type]
    assert codes(add(toy, party_key("South"), old, SOUTH)) == ["registry.key-known"]  # type: ignore[arg-type]
    # A node that verified the key before says that it is not accepted, another one cites the rule.
    with suppress(VerificationError):
        answer = toy.sign(old, acts.APPLY, application("North", 7, admin=None))
        assert codes(answer) == ["registry.key-known"]
    assert toy.read(views.applications) == ()
    answer = toy.sign(new, acts.REVOKE_KEY, acts.RevokeKey(NORTH, old.kid))
    assert codes(answer) == ["registry.key-unknown"]


def test_a_revocation_counts_within_the_same_batch(toy: Toy) -> None:
    old = party_key("North")
    body = acts.plain(acts.RevokeKey(NORTH, old.kid))
    later = acts.plain(acts.UpdateParty(NORTH, name="Later"))
    batch = [
        sign_act(old, kind, what, issued_at=toy.clock(), act_id=new_act_id())
        for kind, what in ((acts.REVOKE_KEY, body), (acts.UPDATE_PARTY, later))
    ]
    done, refused = toy.node.sequencer.submit_batch(batch)
    assert isinstance(refused, VerificationError)
    granted(done)  # type: ignore[arg-type]


def test_the_last_key_may_go_and_the_effect_warns(toy: Toy) -> None:
    key = party_key("North")
    answer = granted(toy.sign(key, acts.REVOKE_KEY, acts.RevokeKey(NORTH, key.kid, "ceased")))
    (effect,) = answer.decision.effects  # type: ignore[union-attr]
    assert effect.values["last"] is True
    # An admin in person still acts, and adds another.
    new = party_key("North 2")
    body = acts.AddKey(NORTH, new.public.raw, possession(new, NORTH))
    granted(toy.approve(toy.admins[NORTH], acts.ADD_KEY, body))
    granted(rename(toy, new, "A"))  # type: ignore[arg-type]


def test_the_operator_keeps_a_key(toy: Toy) -> None:
    own = toy.node.party
    body = acts.RevokeKey(toy.operator, own.kid)
    assert codes(toy.sign(own, acts.REVOKE_KEY, body)) == ["registry.last-operator-key"]
    assert codes(toy.approve(toy.registrar, acts.REVOKE_KEY, body)) == [
        "registry.last-operator-key"
    ]


def test_a_key_needs_proof_of_possession_for_this_party(toy: Toy) -> None:
    old, new = party_key("North"), party_key("North 2")
    for proof in (possession(new, SOUTH), possession(old, NORTH), b"\x00" * 64):
        body = acts.AddKey(NORTH, new.public.raw, proof)
        assert codes(toy.sign(old, acts.ADD_KEY, body)) == ["registry.key-possession"]
    with pytest.raises(InvalidInput):
        toy.sign(old, acts.ADD_KEY, acts.AddKey(NORTH, new.public.raw, b"short"))


def test_strangers_and_officers_add_no_keys(toy: Toy) -> None:
    new = party_key("North 2")
    body = acts.AddKey(NORTH, new.public.raw, possession(new, NORTH))
    for answer in (
        toy.sign(party_key("South"), acts.ADD_KEY, body),
        toy.sign(toy.node.party, acts.ADD_KEY, body),
        toy.approve(toy.registrar, acts.ADD_KEY, body),
    ):
        assert codes(answer) == ["registry.not-of-party"]
    body = acts.AddKey("lei:none", new.public.raw, possession(new, "lei:none"))
    assert codes(toy.sign(party_key("South"), acts.ADD_KEY, body)) == ["registry.no-party"]


def test_only_the_operator_has_keys_that_issue(toy: Toy) -> None:
    key = party_key("issuer")
    body = acts.AddKey(NORTH, key.public.raw, possession(key, NORTH, "issuing"), "issuing")
    assert codes(toy.sign(party_key("North"), acts.ADD_KEY, body)) == ["registry.roles"]


def recover(toy: Toy, key: PrivateKey, party: str = NORTH) -> object:
    body = acts.Recover(party, key.public.raw, possession(key, party), GROUNDS)
    return toy.approve(toy.registrar, acts.RECOVER, body)


def closing(toy: Toy, recovery: int) -> object:
    return toy.sign(toy.node.party, acts.CLOSE_RECOVERY, acts.CloseRecovery(recovery))


def test_recovery_waits_then_counts_once(toy: Toy) -> None:
    new = party_key("North recovered")
    opened = granted(recover(toy, new)).index  # type: ignore[arg-type]
    (waiting,) = toy.read(views.recoveries, party=NORTH)
    assert (waiting.state, waiting.ripe_at) == ("waiting", toy.clock() + 7 * 86_400)
    with pytest.raises(VerificationError):
        rename(toy, new, "not yet")
    granted(rename(toy, party_key("North"), "still mine"))  # type: ignore[arg-type]
    assert codes(closing(toy, opened)) == ["registry.recovery-waits"]  # type: ignore[arg-type]
    assert toy.read(due, toy.clock()) == []
    toy.clock.advance_days(7)
    (act,) = toy.read(due, toy.clock())
    assert (act.kind, act.body, act.key) == (acts.CLOSE_RECOVERY, {"recovery": opened}, str(opened))
    signed = sign_act(toy.node.party, act.kind, act.body, issued_at=toy.clock(), act_id=act.act_id)
    granted(toy.submit(signed))
    assert toy.submit(signed).repeated
    granted(rename(toy, new, "recovered"))  # type: ignore[arg-type]
    with pytest.raises(VerificationError):
        rename(toy, party_key("North"), "lost")
    assert toy.read(due, toy.clock()) == []
    assert codes(closing(toy, opened)) == ["registry.no-recovery"]  # type: ignore[arg-type]
    old, fresh = toy.read(views.keys_of, NORTH)
    assert (old.revoked_for, fresh.is_active) == ("recovered", True)


@pytest.mark.parametrize("by", ["key", "member"])
def test_any_remaining_key_or_member_cancels_a_recovery(toy: Toy, by: str) -> None:
    opened = granted(recover(toy, party_key("thief"))).index  # type: ignore[arg-type]
    body = acts.CancelRecovery(opened, "We lost nothing.")
    assert codes(toy.sign(party_key("South"), acts.CANCEL_RECOVERY, body)) == [
        "registry.not-of-party"
    ]
    if by == "key":
        granted(toy.sign(party_key("North"), acts.CANCEL_RECOVERY, body))
    else:
        granted(toy.approve(toy.admins[NORTH], acts.CANCEL_RECOVERY, body))
    toy.clock.advance_days(30)
    assert toy.read(due, toy.clock()) == []
    assert codes(closing(toy, opened)) == ["registry.no-recovery"]  # type: ignore[arg-type]
    assert toy.read(views.recoveries, state="")[0].state == "cancelled"


def test_a_stolen_key_is_stopped_first_so_that_it_cannot_cancel(toy: Toy) -> None:
    stolen = party_key("North")
    body = acts.RevokeKey(NORTH, stolen.kid, "compromised")
    assert codes(toy.approve(toy.registrar, acts.REVOKE_KEY, body)) == ["registry.not-of-party"]
    body = acts.RevokeKey(NORTH, stolen.kid, "compromised", "Reported by its board, in writing.")
    granted(toy.approve(toy.registrar, acts.REVOKE_KEY, body))
    opened = granted(recover(toy, party_key("North recovered"))).index  # type: ignore[arg-type]
    with pytest.raises(VerificationError):
        toy.sign(stolen, acts.CANCEL_RECOVERY, acts.CancelRecovery(opened))
    toy.clock.advance_days(7)
    granted(closing(toy, opened))  # type: ignore[arg-type]


def test_recovery_is_a_registrars_and_one_at_a_time(toy: Toy) -> None:
    new = party_key("North recovered")
    body = acts.Recover(NORTH, new.public.raw, possession(new, NORTH), GROUNDS)
    assert codes(toy.sign(toy.node.party, acts.RECOVER, body)) == ["registry.needs-person"]
    assert codes(toy.approve(toy.admins[NORTH], acts.RECOVER, body)) == ["registry.needs-duty"]
    granted(toy.approve(toy.registrar, acts.RECOVER, body))
    again = codes(recover(toy, party_key("other")))  # type: ignore[arg-type]
    assert again == ["registry.recovery-open"]
    # The key that waits is nobody else's meanwhile.
    answer = toy.sign(new, acts.APPLY, application("New", 8, key=new.public.raw))
    assert codes(answer) == ["registry.key-known"]
    assert codes(recover(toy, party_key("own"), toy.operator)) == ["registry.own-cause"]  # type: ignore[arg-type]


def test_an_approval_reaches_its_party_through_the_operator_or_the_party_alone(toy: Toy) -> None:
    """South's program cannot send what North's admin approved, even if it holds the approval."""
    body = acts.plain(acts.UpdateParty(NORTH, name="By South"))
    act = toy.admins[NORTH].approved_act(
        party_key("South"), acts.UPDATE_PARTY, body, issued_at=toy.clock()
    )
    assert codes(toy.submit(act)) == ["registry.unknown-issuer"]
    act = toy.admins[NORTH].approved_act(
        party_key("North"), acts.UPDATE_PARTY, body, issued_at=toy.clock()
    )
    granted(toy.submit(act))


def test_keys_are_looked_up_only_while_they_count(toy: Toy) -> None:
    person = SoftwarePasskey("admin of North")
    assert toy.read(views.active_key, person.kid) == person.public
    assert toy.read(views.active_key, Kid(b"\x00" * 32)) is None
    assert toy.read(views.known_key, Kid(b"\x00" * 32)) is None


def test_fsck_passes_after_rotation_and_recovery(tmp_path: Path) -> None:
    toy = found_and_admit(tmp_path, recovery_days=0)
    add(toy, party_key("North"), party_key("North 2"))
    toy.sign(party_key("North 2"), acts.REVOKE_KEY, acts.RevokeKey(NORTH, party_key("North").kid))
    opened = granted(recover(toy, party_key("North 3"))).index  # type: ignore[arg-type]
    granted(closing(toy, opened))  # type: ignore[arg-type]
    toy.node.close()
    failed = [check for check in audit(tmp_path, (registry_institution(),)) if not check.passed]
    assert failed == []
