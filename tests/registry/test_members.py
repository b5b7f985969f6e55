"""Members: who admits and removes whom, and what nobody can do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from registry_toy import (
    NORTH,
    SOUTH,
    Toy,
    apply_for,
    codes,
    found,
    found_and_admit,
    granted,
    lei,
    open_registry,
    party_key,
    possession,
)
from software_passkey import PRESENT, SoftwarePasskey

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.approval import with_approval
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import key_from_seed
from entrepot.registry import acts, views


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    made = found_and_admit(tmp_path)
    yield made
    made.node.close()


def member(party: str, seed: str, *duties: str) -> acts.AdmitMember:
    return acts.AdmitMember(party, SoftwarePasskey(seed).public.raw, list(duties))  # type: ignore[arg-type]


def test_an_admin_admits_and_changes_duties(toy: Toy) -> None:
    admin = toy.admins[NORTH]
    granted(toy.approve(admin, acts.ADMIT_MEMBER, member(NORTH, "ann", "steward")))
    granted(toy.approve(admin, acts.ADMIT_MEMBER, member(NORTH, "ann", "steward", "admin")))
    ann = SoftwarePasskey("ann").kid.hex()
    found_member = next(m for m in toy.read(views.members_of, NORTH) if m.kid == ann)
    assert found_member.duties == ("steward", "admin")
    answer = toy.approve(admin, acts.ADMIT_MEMBER, member(NORTH, "ann", "admin", "steward"))
    assert codes(answer) == ["registry.nothing-changes"]


def test_strangers_programs_and_stewards_admit_nobody(toy: Toy) -> None:
    body = member(NORTH, "ann", "steward")
    assert codes(toy.sign(party_key("North"), acts.ADMIT_MEMBER, body)) == ["registry.needs-person"]
    assert codes(toy.sign(toy.node.party, acts.ADMIT_MEMBER, body)) == ["registry.needs-person"]
    assert codes(toy.approve(toy.admins[SOUTH], acts.ADMIT_MEMBER, body)) == [
        "registry.not-of-party"
    ]
    # A registrar does not put people into a party that has an admin of its own.
    assert codes(toy.approve(toy.registrar, acts.ADMIT_MEMBER, body)) == ["registry.not-of-party"]
    granted(toy.approve(toy.admins[NORTH], acts.ADMIT_MEMBER, body))
    other = member(NORTH, "bob", "steward")
    answer = toy.approve(SoftwarePasskey("ann"), acts.ADMIT_MEMBER, other)
    assert codes(answer) == ["registry.not-of-party"]


def test_the_first_admin_comes_by_the_partys_key_or_the_nodes(tmp_path: Path) -> None:
    toy = open_registry(tmp_path)
    found(toy)
    for number, signer in ((2, party_key("P2")), (3, toy.node.party)):
        index = apply_for(toy, f"P{number}", number, admin=None)
        granted(toy.approve(toy.registrar, acts.DECIDE, acts.Decide(index, "admit", ["buyer"])))
        party = f"lei:{lei(number)}"
        assert codes(toy.sign(signer, acts.ADMIT_MEMBER, member(party, party, "steward"))) == [
            "registry.first-member"
        ]
        stranger = toy.sign(signer, acts.ADMIT_MEMBER, member(party, party, "admin", "decider"))
        assert codes(stranger) == ["registry.duty-of-operator"]
        granted(toy.sign(signer, acts.ADMIT_MEMBER, member(party, party, "admin")))
        answer = toy.sign(signer, acts.ADMIT_MEMBER, member(party, "second", "steward"))
        assert codes(answer) == ["registry.needs-person"]
    toy.node.close()


def test_offices_are_for_members_of_the_operator(toy: Toy) -> None:
    answer = toy.approve(
        toy.admins[NORTH], acts.ADMIT_MEMBER, member(NORTH, "ann", "registrar", "decider")
    )
    assert codes(answer) == ["registry.duty-of-operator"] * 2
    granted(toy.approve(toy.registrar, acts.ADMIT_MEMBER, member(toy.operator, "ann", "decider")))


def test_nobody_changes_the_own_duties(toy: Toy) -> None:
    body = acts.AdmitMember(toy.operator, toy.registrar.public.raw, ["admin", "registrar"])
    assert codes(toy.approve(toy.registrar, acts.ADMIT_MEMBER, body)) == ["registry.own-cause"]


def test_the_last_admin_stays(toy: Toy) -> None:
    admin = toy.admins[NORTH]
    body = acts.RemoveMember(NORTH, admin.kid)
    assert codes(toy.approve(admin, acts.REMOVE_MEMBER, body)) == ["registry.last-admin"]
    assert codes(toy.approve(toy.registrar, acts.REMOVE_MEMBER, body)) == ["registry.last-admin"]
    granted(toy.approve(admin, acts.ADMIT_MEMBER, member(NORTH, "ann", "admin")))
    granted(toy.approve(admin, acts.REMOVE_MEMBER, body))
    with pytest.raises(VerificationError):
        toy.approve(admin, acts.UPDATE_PARTY, acts.UpdateParty(NORTH, name="gone"))
    ann = SoftwarePasskey("ann")
    answer = toy.approve(ann, acts.REMOVE_MEMBER, acts.RemoveMember(NORTH, ann.kid))
    assert codes(answer) == ["registry.last-admin"]
    demoted = toy.approve(ann, acts.ADMIT_MEMBER, member(NORTH, "ann", "steward"))
    assert "registry.last-admin" in codes(demoted)


def test_a_removed_credential_never_comes_back(toy: Toy) -> None:
    admin = toy.admins[NORTH]
    granted(toy.approve(admin, acts.ADMIT_MEMBER, member(NORTH, "ann", "steward")))
    ann = SoftwarePasskey("ann")
    granted(toy.approve(ann, acts.REMOVE_MEMBER, acts.RemoveMember(NORTH, ann.kid)))  # leaves
    answer = toy.approve(admin, acts.ADMIT_MEMBER, member(NORTH, "ann", "steward"))
    assert codes(answer) == ["registry.credential-removed"]
    answer = toy.approve(toy.admins[SOUTH], acts.ADMIT_MEMBER, member(SOUTH, "ann", "steward"))
    assert codes(answer) == ["registry.credential-removed"]
    gone = [m for m in toy.read(views.members_of, NORTH, active_only=False) if m.removed_index]
    assert [m.kid for m in gone] == [ann.kid.hex()]
    answer = toy.approve(admin, acts.REMOVE_MEMBER, acts.RemoveMember(NORTH, ann.kid))
    assert codes(answer) == ["registry.member-unknown"]


def test_a_credential_serves_one_party_and_is_no_program_key(toy: Toy) -> None:
    north = toy.admins[NORTH]
    body = acts.AdmitMember(SOUTH, north.public.raw, ["admin"])
    assert codes(toy.approve(toy.admins[SOUTH], acts.ADMIT_MEMBER, body)) == [
        "registry.credential-known"
    ]
    program = party_key("North").public
    body = acts.AdmitMember(SOUTH, program.raw, ["admin"], alg=-8)
    assert codes(toy.approve(toy.admins[SOUTH], acts.ADMIT_MEMBER, body)) == ["registry.key-known"]
    assert codes(
        toy.approve(toy.admins[SOUTH], acts.ADMIT_MEMBER, member("lei:none", "x", "admin"))
    ) == ["registry.no-party"]


def test_a_passkey_of_ed25519_is_a_member_too(toy: Toy) -> None:
    key = key_from_seed(b"passkey of ed25519..............")
    body = acts.AdmitMember(NORTH, key.public.raw, ["steward"], alg=-8)
    granted(toy.approve(toy.admins[NORTH], acts.ADMIT_MEMBER, body))
    with pytest.raises(InvalidInput):
        toy.approve(
            toy.admins[NORTH],
            acts.ADMIT_MEMBER,
            {"party": NORTH, "credential": key.public.raw, "duties": ["steward"], "alg": -48},
        )


def test_an_approval_without_user_verification_decides_nothing(toy: Toy) -> None:
    admin = toy.admins[NORTH]
    body = acts.plain(member(NORTH, "ann", "admin"))
    act_id = new_act_id()
    approval = admin.approve(
        acts.ADMIT_MEMBER, act_id, toy.clock(), body, issuer=toy.node.party.kid, flags=PRESENT
    )
    act = sign_act(
        toy.node.party,
        acts.ADMIT_MEMBER,
        with_approval(body, approval),
        issued_at=toy.clock(),
        act_id=act_id,
    )
    with pytest.raises(VerificationError, match="not verified"):
        toy.submit(act)


def test_registration_of_the_software_passkey_is_what_servers_expect() -> None:
    """The foreign library of the ceremony accepts our software authenticator's registration."""
    from webauthn import verify_registration_response
    from webauthn.helpers import parse_registration_credential_json

    person = SoftwarePasskey("ceremony")
    challenge = b"c" * 32
    import json

    credential = parse_registration_credential_json(json.dumps(person.register(challenge)))
    verified = verify_registration_response(
        credential=credential,
        expected_challenge=challenge,
        expected_rp_id=person.rp_id,
        expected_origin=person.origin,
        require_user_verification=True,
    )
    assert verified.credential_public_key == person.cose_key()
    from webauthn import verify_authentication_response
    from webauthn.helpers import parse_authentication_credential_json

    asserted = parse_authentication_credential_json(json.dumps(person.assert_(challenge)))
    verify_authentication_response(
        credential=asserted,
        expected_challenge=challenge,
        expected_rp_id=person.rp_id,
        expected_origin=person.origin,
        credential_public_key=verified.credential_public_key,
        credential_current_sign_count=0,
        require_user_verification=True,
    )


def test_only_admins_the_member_and_registrars_remove(toy: Toy) -> None:
    admin = toy.admins[NORTH]
    granted(toy.approve(admin, acts.ADMIT_MEMBER, member(NORTH, "ann", "steward")))
    granted(toy.approve(admin, acts.ADMIT_MEMBER, member(NORTH, "bob", "steward")))
    body = acts.RemoveMember(NORTH, SoftwarePasskey("ann").kid)
    assert codes(toy.sign(party_key("North"), acts.REMOVE_MEMBER, body)) == [
        "registry.needs-person"
    ]
    for other in (toy.admins[SOUTH], SoftwarePasskey("bob")):
        assert codes(toy.approve(other, acts.REMOVE_MEMBER, body)) == ["registry.not-of-party"]
    granted(toy.approve(toy.registrar, acts.REMOVE_MEMBER, body))


def test_an_approval_through_a_strangers_key_is_nobodys_for_every_kind(toy: Toy) -> None:
    """The operator's key or one of the person's own party carries an approval, no other."""
    admin, stranger = toy.admins[NORTH], party_key("South")
    key = party_key("fresh")
    person = SoftwarePasskey("ann").public
    grounds = [acts.ReasonGiven("a", "b", "c")]
    term = acts.Term("2026-09-21", "2026-09-22")
    for kind, body in (
        (acts.ADMIT_MEMBER, acts.AdmitMember(NORTH, person.raw, ["steward"])),
        (acts.REMOVE_MEMBER, acts.RemoveMember(NORTH, admin.kid)),
        (acts.UPDATE_PARTY, acts.UpdateParty(NORTH, name="x")),
        (acts.ADD_KEY, acts.AddKey(NORTH, key.public.raw, possession(key, NORTH))),
        (acts.REVOKE_KEY, acts.RevokeKey(NORTH, party_key("North").kid)),
        (acts.RECOVER, acts.Recover(NORTH, key.public.raw, possession(key, NORTH), grounds)),
        (acts.DECIDE, acts.Decide(1, "refuse", [], grounds)),
        (acts.ISSUE, acts.Issue("provider", NORTH, term)),
    ):
        act = admin.approved_act(stranger, kind, acts.plain(body), issued_at=toy.clock())
        assert codes(toy.submit(act))[0] == "registry.unknown-issuer", kind


def test_parties_that_are_not_there_are_named_in_the_refusal(toy: Toy) -> None:
    admin, key = toy.admins[NORTH], party_key("fresh")
    grounds = [acts.ReasonGiven("a", "b", "c")]
    nobody = "lei:nobody"
    recovery = acts.Recover(nobody, key.public.raw, possession(key, nobody), grounds)
    assert codes(toy.approve(toy.registrar, acts.RECOVER, recovery)) == ["registry.no-party"]
    update = acts.UpdateParty(nobody, name="x")
    assert codes(toy.approve(admin, acts.UPDATE_PARTY, update)) == ["registry.no-party"]
    revoke = acts.RevokeKey(nobody, key.kid)
    assert codes(toy.approve(admin, acts.REVOKE_KEY, revoke)) == [
        "registry.no-party", "registry.key-unknown",
    ]  # fmt: skip
    cancel = acts.CancelRecovery(2)
    assert codes(toy.approve(admin, acts.CANCEL_RECOVERY, cancel)) == ["registry.no-recovery"]
