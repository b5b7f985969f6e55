"""Founding, applying, deciding, and changing a party: what is granted, refused and referred."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from registry_toy import (
    NORTH,
    SOUTH,
    Clock,
    Toy,
    admit,
    application,
    apply_for,
    codes,
    found,
    found_and_admit,
    granted,
    lei,
    open_registry,
    party_key,
    possession,
    uscc,
)
from software_passkey import SoftwarePasskey

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.audit import audit
from entrepot.kernel.decisions import Referred, Refused
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import key_from_seed
from entrepot.registry import acts, views
from entrepot.registry.acts import IdentifierGiven, ReasonGiven
from entrepot.registry.institution import registry_institution
from entrepot.registry.words import translated


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    made = found_and_admit(tmp_path)
    yield made
    made.node.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Toy]:
    made = open_registry(tmp_path)
    yield made
    made.node.close()


def test_founding_makes_the_operator_and_its_key(empty: Toy) -> None:
    found(empty, four_eyes=[acts.ISSUE], recovery_days=3)
    terms = empty.read(views.founding)
    assert (terms.operator, terms.recovery_days, terms.four_eyes) == (
        f"lei:{lei(1)}", 3, (acts.ISSUE,),
    )  # fmt: skip
    operator = empty.read(views.find_party, terms.operator)
    assert operator.roles == ("operator",)
    assert operator.names == {"zh": "港湾数据交易所"}
    (key,) = empty.read(views.keys_of, terms.operator)
    assert bytes.fromhex(key.kid) == empty.node.party.kid and key.is_active


def test_a_registry_is_founded_once(toy: Toy) -> None:
    body = acts.FoundRegistry(
        "Another", IdentifierGiven("lei", lei(9)), "CN", toy.node.party.public.raw
    )
    assert codes(toy.sign(toy.node.party, acts.FOUND, body)) == ["registry.already-founded"]


def test_founding_needs_the_key_that_signs(empty: Toy) -> None:
    other = key_from_seed(b"o" * 32)
    body = acts.FoundRegistry("X", IdentifierGiven("lei", lei(9)), "CN", other.public.raw)
    assert codes(empty.sign(empty.node.party, acts.FOUND, body)) == ["registry.key-issuer"]


def test_applying_before_the_founding_is_refused(empty: Toy) -> None:
    answer = empty.sign(party_key("North"), acts.APPLY, application("North", 2))
    assert codes(answer) == ["registry.not-founded"]


def test_an_application_waits_for_a_registrar_and_shows_its_deadline(empty: Toy) -> None:
    found(empty, decision=acts.Period(5, "CN"))
    index = apply_for(empty, "North", 2)
    (shown,) = empty.read(views.applications)
    # Five working days of China after Monday 21 September 2026: 25 to 27 September are the
    # Mid-Autumn holiday of that year, so the days are 22, 23, 24, 28 and 29.
    assert (shown.index, shown.state) == (index, "open")
    assert shown.decide_by > "2026-09-25"
    assert empty.read(views.application, index) == shown
    assert empty.read(views.find_party, NORTH) is None


def test_the_first_act_of_an_unknown_key_is_its_application(empty: Toy) -> None:
    found(empty)
    stranger = party_key("North")
    with pytest.raises(VerificationError):
        empty.sign(stranger, acts.UPDATE_PARTY, acts.UpdateParty(NORTH, name="North"))
    apply_for(empty, "North", 2)
    with pytest.raises(VerificationError):  # applying is not being admitted
        empty.sign(stranger, acts.UPDATE_PARTY, acts.UpdateParty(NORTH, name="North"))


def test_admission_makes_party_key_and_first_admin(toy: Toy) -> None:
    party = toy.read(views.find_party, NORTH)
    assert (party.name, party.roles, party.country) == ("North", ("provider", "buyer"), "DE")
    (key,) = toy.read(views.keys_of, NORTH)
    assert bytes.fromhex(key.kid) == party_key("North").kid
    (member,) = toy.read(views.members_of, NORTH)
    assert member.duties == ("admin",)
    kinds = [item.kind for item in toy.read(views.history_of, NORTH)]
    assert kinds == [acts.DECIDE, acts.APPLY]
    with toy.node.store.reading() as read:
        person = views.member_principal(read, toy.admins[NORTH].kid)
    assert person is not None and person.is_admin_of(NORTH) and not person.is_officer("registrar")


@pytest.mark.parametrize(
    ("identifiers", "expected"),
    [
        ([("lei", lei(5)[:-1] + str((int(lei(5)[-1]) + 1) % 10))], "registry.identifier-check"),
        ([("lei", "short")], "registry.identifier-form"),
        ([("duns", "150483782")], "registry.identifier-scheme"),
        ([("uscc", uscc(7, head="92310000"))], "registry.natural-person"),
        ([("lei", lei(5)), ("lei", lei(5))], "registry.identifier-twice"),
        ([("uscc", uscc(7))], "registry.country-differs"),
        ([("lei", lei(2))], "registry.identifier-taken"),
    ],
)
def test_the_machine_refuses_what_cannot_be(
    toy: Toy, identifiers: list[tuple[str, str]], expected: str
) -> None:
    given = [IdentifierGiven(*item) for item in identifiers]
    answer = toy.sign(party_key("E"), acts.APPLY, application("E", 5, identifiers=given))
    assert codes(answer) == [expected]
    (reason,) = answer.decision.reasons  # type: ignore[union-attr]
    assert "registry" in reason.citation
    assert translated(reason, "zh") != reason.sentence
    assert translated(reason, "en") == reason.sentence
    assert toy.read(views.applications) == ()


def test_keys_of_parties_members_and_the_operator_are_not_taken_twice(toy: Toy) -> None:
    answer = toy.sign(party_key("North"), acts.APPLY, application("North", 6))
    assert codes(answer) == ["registry.key-known", "registry.key-known"]  # key and passkey
    body = application("New", 6, admin=acts.Credential(toy.registrar.public.raw))
    assert codes(toy.sign(party_key("New"), acts.APPLY, body)) == ["registry.key-known"]


def test_one_key_has_one_open_application_and_may_ask_again_after_a_refusal(toy: Toy) -> None:
    index = apply_for(toy, "East", 6)
    again = application("East", 7)
    assert codes(toy.sign(party_key("East"), acts.APPLY, again)) == ["registry.application-open"]
    grounds = [ReasonGiven("no-extract", "Rules of the registry, 8", "The extract is missing.")]
    refusal = acts.Decide(index, "refuse", reasons=grounds)
    granted(toy.approve(toy.registrar, acts.DECIDE, refusal))
    assert toy.read(views.application, index).state == "refused"
    answer = toy.sign(party_key("East"), acts.APPLY, again)
    assert isinstance(answer.decision, Referred)


def test_two_open_applications_for_one_identifier_give_one_party(toy: Toy) -> None:
    first = apply_for(toy, "East", 6)
    second = apply_for(toy, "East again", 6)
    granted(toy.approve(toy.registrar, acts.DECIDE, acts.Decide(second, "admit", ["buyer"])))
    answer = toy.approve(toy.registrar, acts.DECIDE, acts.Decide(first, "admit", ["buyer"]))
    assert codes(answer) == ["registry.identifier-taken"]
    assert toy.read(views.find_party, f"lei:{lei(6)}").name == "East again"


def test_only_a_registrar_in_person_decides(toy: Toy) -> None:
    index = apply_for(toy, "East", 6)
    body = acts.Decide(index, "admit", ["buyer"])
    assert codes(toy.sign(toy.node.party, acts.DECIDE, body)) == ["registry.needs-person"]
    assert codes(toy.sign(party_key("North"), acts.DECIDE, body)) == ["registry.needs-person"]
    assert codes(toy.approve(toy.admins[NORTH], acts.DECIDE, body)) == ["registry.needs-duty"]
    assert toy.read(views.application, index).state == "open"
    with pytest.raises(VerificationError):
        toy.approve(SoftwarePasskey("nobody"), acts.DECIDE, body)


def test_a_registrar_does_not_admit_the_own_passkey(toy: Toy) -> None:
    third = SoftwarePasskey("third registrar")
    index = apply_for(toy, "East", 6, admin=acts.Credential(third.public.raw))
    member = acts.AdmitMember(toy.operator, third.public.raw, ["registrar"])
    granted(toy.approve(toy.registrar, acts.ADMIT_MEMBER, member))
    answer = toy.approve(third, acts.DECIDE, acts.Decide(index, "admit", ["buyer"]))
    assert "registry.own-cause" in codes(answer)


def test_a_decision_is_made_once_and_only_on_an_application(toy: Toy) -> None:
    index = apply_for(toy, "East", 6)
    granted(toy.approve(toy.registrar, acts.DECIDE, acts.Decide(index, "admit", ["buyer"])))
    answer = toy.approve(toy.registrar, acts.DECIDE, acts.Decide(index, "admit", ["buyer"]))
    assert codes(answer) == ["registry.application-closed"]
    answer = toy.approve(toy.registrar, acts.DECIDE, acts.Decide(1, "admit", ["buyer"]))
    assert codes(answer) == ["registry.no-application"]


def test_a_registrar_gives_no_role_that_was_not_asked_for(toy: Toy) -> None:
    index = apply_for(toy, "East", 6)
    answer = toy.approve(toy.registrar, acts.DECIDE, acts.Decide(index, "admit", ["regulator"]))
    assert codes(answer) == ["registry.roles"]
    answer = toy.sign(party_key("F"), acts.APPLY, application("F", 7, roles=["operator"]))
    assert codes(answer) == ["registry.roles"]


def test_four_eyes_need_two_registrars(empty: Toy) -> None:
    found(empty, four_eyes=[acts.DECIDE])
    index = apply_for(empty, "North", 2)
    body = acts.Decide(index, "admit", ["buyer"])
    granted(empty.approve(empty.registrar, acts.DECIDE, body))
    assert empty.read(views.find_party, NORTH) is None
    (waiting,) = empty.read(views.proposals)
    assert waiting.proposed_by == empty.registrar.kid.hex()
    assert codes(empty.approve(empty.registrar, acts.DECIDE, body)) == ["registry.second-person"]
    other = acts.Decide(index, "admit", ["provider"])
    granted(empty.approve(empty.second, acts.DECIDE, other))  # another proposal, not a second eye
    assert empty.read(views.find_party, NORTH) is None
    assert empty.read(views.proposed_body, waiting.index) == acts.plain(body)
    granted(empty.approve(empty.second, acts.DECIDE, body))
    assert empty.read(views.proposed_body, waiting.index) is None
    assert empty.read(views.find_party, NORTH).roles == ("buyer",)


def test_a_proposal_falls_with_the_officer_who_made_it(empty: Toy) -> None:
    found(empty, four_eyes=[acts.DECIDE])
    index = apply_for(empty, "North", 2)
    body = acts.Decide(index, "admit", ["buyer"])
    granted(empty.approve(empty.second, acts.DECIDE, body))
    gone = acts.RemoveMember(empty.operator, empty.second.kid)
    granted(empty.approve(empty.registrar, acts.REMOVE_MEMBER, gone))
    assert empty.read(views.proposals) == ()
    granted(empty.approve(empty.registrar, acts.DECIDE, body))  # a first pair of eyes, not a second
    assert empty.read(views.find_party, NORTH) is None
    (waiting,) = empty.read(views.proposals)
    assert waiting.proposed_by == empty.registrar.kid.hex()


def test_a_proposal_falls_with_the_duty_of_the_officer_who_made_it(empty: Toy) -> None:
    found(empty, four_eyes=[acts.DECIDE])
    index = apply_for(empty, "North", 2)
    body = acts.Decide(index, "admit", ["buyer"])
    granted(empty.approve(empty.second, acts.DECIDE, body))
    demoted = acts.AdmitMember(empty.operator, empty.second.public.raw, ["decider"])
    granted(empty.approve(empty.registrar, acts.ADMIT_MEMBER, demoted))
    granted(empty.approve(empty.registrar, acts.DECIDE, body))
    assert empty.read(views.find_party, NORTH) is None


def test_roles_are_given_under_four_eyes_where_admissions_are(empty: Toy) -> None:
    found(empty, four_eyes=[acts.DECIDE])
    body = acts.Decide(apply_for(empty, "North", 2), "admit", ["buyer"])
    for officer in (empty.registrar, empty.second):
        granted(empty.approve(officer, acts.DECIDE, body))
    grown = acts.UpdateParty(NORTH, roles=["buyer", "regulator"])
    granted(empty.approve(empty.registrar, acts.UPDATE_PARTY, grown))
    assert empty.read(views.find_party, NORTH).roles == ("buyer",)
    assert codes(empty.approve(empty.registrar, acts.UPDATE_PARTY, grown)) == [
        "registry.second-person"
    ]
    granted(empty.approve(empty.second, acts.UPDATE_PARTY, grown))
    assert empty.read(views.find_party, NORTH).roles == ("buyer", "regulator")
    # What a party does to itself waits for nobody.
    granted(empty.sign(party_key("North"), acts.UPDATE_PARTY, acts.UpdateParty(NORTH, name="N")))
    assert empty.read(views.find_party, NORTH).name == "N"


def test_an_application_lodged_by_the_node_needs_no_key_or_a_proof(toy: Toy) -> None:
    body = application("Forms", 8, key=b"")
    answer = toy.sign(toy.node.party, acts.APPLY, body)
    assert isinstance(answer.decision, Referred)
    granted(toy.approve(toy.registrar, acts.DECIDE, acts.Decide(answer.index, "admit", ["buyer"])))
    assert toy.read(views.keys_of, f"lei:{lei(8)}") == ()
    assert len(toy.read(views.members_of, f"lei:{lei(8)}")) == 1
    key = party_key("Proved")
    body = application("Proved", 9)
    assert codes(toy.sign(toy.node.party, acts.APPLY, body)) == ["registry.key-possession"]
    body = application("Proved", 9, proof=possession(key, f"lei:{lei(9)}"))
    assert isinstance(toy.sign(toy.node.party, acts.APPLY, body).decision, Referred)


def test_only_registrars_read_what_an_applicant_wrote(toy: Toy) -> None:
    index = apply_for(toy, "East", 6)
    with toy.node.store.reading() as read:
        registrar = views.member_principal(read, toy.registrar.kid)
        admin = views.member_principal(read, toy.admins[NORTH].kid)
        assert registrar is not None and admin is not None
        content = views.application_content(read, index, registrar)
        assert content is not None and content.contact == "desk@party.example"
        assert views.application_content(read, index, admin) is None
    # The entry of the application shows commitments only.
    assert b"desk@party.example" not in toy.node.log.tree().entry(index)


def test_an_erased_application_can_only_be_refused(toy: Toy) -> None:
    index = apply_for(toy, "East", 6)
    toy.node.sequencer.erase(index)
    answer = toy.approve(toy.registrar, acts.DECIDE, acts.Decide(index, "admit", ["buyer"]))
    assert codes(answer) == ["registry.application-erased"]
    grounds = [ReasonGiven("withdrawn", "Rules of the registry, 8", "The applicant withdrew.")]
    granted(toy.approve(toy.registrar, acts.DECIDE, acts.Decide(index, "refuse", reasons=grounds)))


def test_a_public_decision_says_nothing_private_of_the_applicant(toy: Toy) -> None:
    index = apply_for(toy, "East", 6)
    answer = toy.approve(toy.registrar, acts.DECIDE, acts.Decide(index, "admit", ["buyer"]))
    assert b"desk@party.example" not in answer.entry
    assert b"East" in answer.entry


def test_nobody_publishes_an_application_by_asking_to_decide_it(toy: Toy) -> None:
    index = apply_for(toy, "East", 6)
    body = acts.Decide(index, "admit", ["buyer"])
    for answer in (
        toy.sign(party_key("South"), acts.DECIDE, body),
        toy.sign(toy.node.party, acts.DECIDE, body),
        toy.approve(toy.admins[SOUTH], acts.DECIDE, body),
    ):
        assert len(codes(answer)) == 1
        assert b"East" not in answer.entry
        assert party_key("East").public.raw not in answer.entry
    grounds = [ReasonGiven("unverified", "Rules of the registry, 8", "No extract came.")]
    granted(toy.approve(toy.registrar, acts.DECIDE, acts.Decide(index, "refuse", reasons=grounds)))
    late = toy.approve(toy.registrar, acts.DECIDE, body)
    assert codes(late) == ["registry.application-closed"]
    assert b"East" not in late.entry


def test_a_party_changes_names_and_lays_down_roles_but_gives_itself_none(toy: Toy) -> None:
    key = party_key("North")
    body = acts.UpdateParty(NORTH, name="North Data", names={"zh": "北方数据"}, roles=["buyer"])
    granted(toy.sign(key, acts.UPDATE_PARTY, body))
    party = toy.read(views.find_party, NORTH)
    assert (party.name, party.names, party.roles) == (
        "North Data", {"zh": "北方数据"}, ("buyer",),
    )  # fmt: skip
    page = toy.read(views.parties, role="provider")
    assert page.total == 0
    grown = acts.UpdateParty(NORTH, roles=["buyer", "auditor"])
    assert codes(toy.sign(key, acts.UPDATE_PARTY, grown)) == ["registry.own-cause"]
    granted(toy.approve(toy.registrar, acts.UPDATE_PARTY, grown))
    assert toy.read(views.find_party, NORTH).roles == ("buyer", "auditor")
    assert codes(toy.sign(key, acts.UPDATE_PARTY, grown)) == ["registry.nothing-changes"]


def test_nobody_becomes_operator_and_strangers_change_nothing(toy: Toy) -> None:
    crown = acts.UpdateParty(NORTH, roles=["operator"])
    assert "registry.roles" in codes(toy.approve(toy.registrar, acts.UPDATE_PARTY, crown))
    body = acts.UpdateParty(NORTH, name="Taken over")
    assert codes(toy.sign(party_key("South"), acts.UPDATE_PARTY, body)) == ["registry.not-of-party"]
    assert codes(toy.sign(toy.node.party, acts.UPDATE_PARTY, body)) == ["registry.not-of-party"]
    body = acts.UpdateParty(toy.operator, roles=["operator", "provider"])
    answer = toy.approve(toy.registrar, acts.UPDATE_PARTY, body)
    assert codes(answer) == ["registry.own-cause"]


def test_parties_are_found_by_role_country_and_text(toy: Toy) -> None:
    admit(toy, "Nordic 100% Data", 6)
    assert toy.read(views.parties).total == 4
    assert [p.name for p in toy.read(views.parties, text="nor").parties] == [
        "Nordic 100% Data", "North",
    ]  # fmt: skip
    assert toy.read(views.parties, text="0% D").total == 1
    assert toy.read(views.parties, text="%").total == 1
    assert toy.read(views.parties, text="港湾").parties[0].party == toy.operator
    assert [p.party for p in toy.read(views.parties, role="broker").parties] == [SOUTH]
    assert toy.read(views.parties, country="CN").total == 1
    page = toy.read(views.parties, offset=1, limit=1)
    assert (page.total, len(page.parties)) == (4, 1)
    assert toy.read(views.find_party, "lei:nothing") is None


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "a\u202eb"},
        {"country": "Germany"},
        {"roles": []},
        {"roles": ["king"]},
        {"identifiers": []},
        {"key": b"short"},
        {"evidence": ["xyz"]},
        {"names": {"not a tag!": "x"}},
        {"surprise": 1},
        {"admin": {"key": b"\x04" + b"\x00" * 64}},
        {"statement": "长" * 4_000},
    ],
)
def test_a_malformed_application_is_no_act(toy: Toy, change: dict[str, Any]) -> None:
    body = {**acts.plain(application("East", 6)), **change}
    act = sign_act(party_key("East"), acts.APPLY, body, issued_at=toy.clock(), act_id=new_act_id())
    with pytest.raises((InvalidInput, VerificationError)):
        toy.submit(act)


def test_the_log_replays_to_the_same_state(tmp_path: Path) -> None:
    toy = found_and_admit(tmp_path, clock=Clock())
    apply_for(toy, "East", 6)
    toy.node.close()
    failed = [check for check in audit(tmp_path, (registry_institution(),)) if not check.passed]
    assert failed == []


def test_refusals_are_logged_with_reasons(toy: Toy) -> None:
    answer = toy.sign(party_key("E"), acts.APPLY, application("E", 2))
    assert isinstance(answer.decision, Refused)
    assert answer.index == toy.node.log.size - 1
