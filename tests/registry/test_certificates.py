"""Rules of certificates: who issues what to whom, for how long, and who ends it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from registry_toy import (
    NORTH,
    SOUTH,
    Toy,
    codes,
    found,
    found_and_admit,
    granted,
    open_registry,
    party_key,
    possession,
)

from entrepot.kernel.decisions import Granted
from entrepot.kernel.errors import Conflict, InvalidInput, NotFound, VerificationError
from entrepot.kernel.keys import Algorithm, key_from_seed
from entrepot.registry import acts, sdjwt, views
from entrepot.registry.acts import ReasonGiven, Term
from entrepot.registry.certificates import (
    certificate_effect,
    registration_certificate_effect,
    revocation_effect,
)
from entrepot.registry.checkdigits import (
    au_abn,
    au_acn,
    br_cnpj,
    fr_siren,
    in_gstin,
    iso7064_mod97_10,
    jp_corporate,
    kr_business,
    no_organisation,
    sg_uen_company,
    sg_uen_other,
    uscc,
)
from entrepot.registry.issuing import enrol_issuing_key, held_issuing_key, load_issuing_key
from entrepot.registry.jws import key_of_jwk, parse_token, sign_token
from entrepot.registry.logproof import (
    LogProof,
    log_proof,
    proven_certificate,
    proven_effects,
    proven_issuing_key,
    read_proof,
)
from entrepot.registry.statuslists import BITS, snapshot_at, status_snapshot

YEAR = Term("2026-09-21", "2027-09-20")
WHY = ReasonGiven("duties-not-kept", "Rules of the registry, 12", "Duties were not kept.")


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    made = found_and_admit(tmp_path)
    yield made
    made.node.close()


def issue(**given: Any) -> acts.Issue:
    return acts.Issue(**{"kind": "provider", "subject": NORTH, "term": YEAR, **given})


def test_a_registrar_issues_and_another_act_ends_it(toy: Toy) -> None:
    index = granted(toy.approve(toy.registrar, acts.ISSUE, issue())).index
    found_one = toy.read(views.certificate, index)
    assert (found_one.subject, found_one.issued_by) == (NORTH, toy.registrar.kid.hex())
    ended = granted(toy.approve(toy.second, acts.REVOKE, acts.Revoke(index, WHY))).index
    shown = toy.read(views.certificate, index)
    assert (shown.revoked_index, shown.revoked_for) == (ended, "duties-not-kept")
    again = toy.approve(toy.registrar, acts.REVOKE, acts.Revoke(index, WHY))
    assert codes(again) == ["registry.certificate-revoked"]
    assert codes(toy.approve(toy.registrar, acts.REVOKE, acts.Revoke(2, WHY))) == [
        "registry.no-certificate"
    ]
    kinds = [item.kind for item in toy.read(views.history_of, NORTH, limit=2)]
    assert kinds == [acts.REVOKE, acts.ISSUE]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"subject": "lei:nobody"}, "registry.no-party"),
        ({"subject": SOUTH}, "registry.role-missing"),
        ({"product": 3}, "registry.no-product"),
        ({"term": Term("2026-09-21", "2026-02-30")}, "registry.term"),
        ({"term": Term("20260921", "2027-09-20")}, "registry.term"),
        ({"term": Term("2026-09-21", "2026-09-20")}, "registry.term"),
        ({"term": Term("2026-09-19", "2027-09-20")}, "registry.term"),
        ({"term": Term("2026-09-21", "2029-09-25")}, "registry.term"),
    ],
)
def test_what_cannot_be_certified_is_refused(
    toy: Toy, given: dict[str, Any], expected: str
) -> None:
    assert codes(toy.approve(toy.registrar, acts.ISSUE, issue(**given))) == [expected]


@pytest.mark.parametrize(
    "term", [Term("2026-09-20", "2026-09-20"), Term("2026-09-21", "2029-09-23")]
)
def test_the_longest_and_the_earliest_term_are_granted(toy: Toy, term: Term) -> None:
    assert isinstance(toy.approve(toy.registrar, acts.ISSUE, issue(term=term)).decision, Granted)


def test_certificates_are_not_for_programs_or_the_own_party(toy: Toy) -> None:
    assert codes(toy.sign(toy.node.party, acts.ISSUE, issue())) == ["registry.needs-person"]
    assert codes(toy.approve(toy.admins[NORTH], acts.ISSUE, issue())) == ["registry.needs-duty"]
    own = toy.approve(toy.registrar, acts.ISSUE, issue(subject=toy.operator))
    assert codes(own) == ["registry.own-cause", "registry.role-missing"]
    with pytest.raises(InvalidInput):
        toy.approve(toy.registrar, acts.ISSUE, {**acts.plain(issue()), "kind": "registration"})


def test_four_eyes_hold_for_issuing_and_ending(tmp_path: Path) -> None:
    toy = found_and_admit(tmp_path, four_eyes=[acts.ISSUE, acts.REVOKE])
    granted(toy.approve(toy.registrar, acts.ISSUE, issue()))
    assert toy.read(views.certificates) == ()
    index = granted(toy.approve(toy.second, acts.ISSUE, issue())).index
    granted(toy.approve(toy.second, acts.REVOKE, acts.Revoke(index, WHY)))
    assert toy.read(views.certificate, index).revoked_index is None
    granted(toy.approve(toy.registrar, acts.REVOKE, acts.Revoke(index, WHY)))
    assert toy.read(views.certificate, index).revoked_index is not None
    assert toy.read(views.proposals) == ()
    toy.node.close()


def test_places_in_the_lists_are_given_in_order(toy: Toy) -> None:
    issued = [granted(toy.approve(toy.registrar, acts.ISSUE, issue())).index for _ in range(3)]
    places = [toy.read(views.certificate, index).status_index for index in issued]
    assert places == [0, 1, 2]
    found_ones = toy.read(views.certificates, kind="provider", limit=2)
    assert [one.index for one in found_ones] == [issued[2], issued[1]]
    assert len(toy.read(views.certificates_of, party=NORTH)) == 3
    assert toy.read(views.certificates_of, product=7) == ()
    with pytest.raises(NotFound):
        toy.read(status_snapshot, toy.node.log, 1)
    first = toy.read(snapshot_at, 0, origin="x", tree_size=1, root=b"")
    assert first.revoked == () and BITS == 1 << 17


def test_effects_of_other_kinds_are_those_of_the_registry() -> None:
    made = registration_certificate_effect(NORTH, product=5, right=6, term=("a", "b"))
    assert made == certificate_effect("registration", NORTH, about=(5, 6), term=("a", "b"), by=None)
    ended = revocation_effect(9, "right-cancelled", subject=NORTH)
    assert ended.values == {"certificate": 9, "reason": "right-cancelled", "subject": NORTH}


# -- the issuing key -------------------------------------------------------------------------------


def test_an_issuing_key_needs_a_registry_and_is_not_used_again_when_revoked(
    tmp_path: Path,
) -> None:
    toy = open_registry(tmp_path)
    assert held_issuing_key(tmp_path) is None
    key = load_issuing_key(tmp_path)
    with pytest.raises(Conflict, match="not founded"):
        enrol_issuing_key(toy.node, key, issued_at=toy.clock())
    found(toy)
    enrol_issuing_key(toy.node, key, issued_at=toy.clock())
    assert held_issuing_key(tmp_path).kid == key.kid  # type: ignore[union-attr]
    body = acts.RevokeKey(toy.operator, key.kid, "compromised")
    granted(toy.approve(toy.registrar, acts.REVOKE_KEY, body))
    with pytest.raises(Conflict, match="any more"):
        enrol_issuing_key(toy.node, key, issued_at=toy.clock())
    toy.node.close()


def test_a_refused_issuing_key_is_said(toy: Toy) -> None:
    waiting = party_key("waiting")
    body = acts.Recover(NORTH, waiting.public.raw, possession(waiting, NORTH), [WHY])
    granted(toy.approve(toy.registrar, acts.RECOVER, body))
    with pytest.raises(Conflict, match="refused"):
        enrol_issuing_key(toy.node, waiting, issued_at=toy.clock())


# -- proofs of the log -----------------------------------------------------------------------------


def test_only_granted_public_acts_prove_something(toy: Toy) -> None:
    keys = toy.node.signer.keys
    refused = toy.sign(toy.node.party, acts.ISSUE, issue()).index
    index = granted(toy.approve(toy.registrar, acts.ISSUE, issue())).index
    granted(toy.approve(toy.registrar, acts.ISSUE, issue()))
    proof = log_proof(toy.node.log, index)
    assert proven_certificate(proof, keys)[1]["subject"] == NORTH
    assert read_proof(proof.plain()) == proof
    application = toy.read(views.history_of, NORTH, limit=10)[-1].index
    for wrong in (
        log_proof(toy.node.log, refused),
        log_proof(toy.node.log, 0),
        log_proof(toy.node.log, application),
        LogProof(index + 1, proof.entry, proof.receipt),
        LogProof(index, proof.entry + b"x", proof.receipt),
        LogProof(index, proof.entry, log_proof(toy.node.log, index + 1).receipt),
    ):
        with pytest.raises(VerificationError):
            proven_effects(wrong, keys)
    with pytest.raises(VerificationError):
        proven_issuing_key(proof, keys)
    admission = toy.read(views.keys_of, NORTH)[0].added_index
    with pytest.raises(VerificationError, match="another purpose"):
        proven_issuing_key(log_proof(toy.node.log, admission), keys)
    for malformed in (None, 1, {}, {"logIndex": True}, {"logIndex": 1, "entry": "!"}):
        with pytest.raises(VerificationError):
            read_proof(malformed)


# -- tokens ----------------------------------------------------------------------------------------


def test_malformed_tokens_disclosures_and_keys_are_refused() -> None:
    key = key_from_seed(b"t" * 32)
    claims = {"vct": "x", "n": 1}
    text = sdjwt.issue(key, {"typ": "dc+sd-jwt"}, claims, {"a": 1}, entropy=os.urandom)
    assert sdjwt.verify_disclosures(sdjwt.parse(text)) == {"vct": "x", "n": 1, "a": 1}
    with pytest.raises(InvalidInput):
        sdjwt.issue(key, {}, claims, {"vct": 1}, entropy=os.urandom)
    with pytest.raises(InvalidInput):
        sdjwt.issue(key, {}, claims, {"n": 2}, entropy=os.urandom)
    with pytest.raises(InvalidInput):
        sign_token(key_from_seed(b"m" * 32, Algorithm.ML_DSA_44), {}, {})

    def signed(payload: dict[str, Any], *disclosures: str) -> sdjwt.UnverifiedSdJwt:
        return sdjwt.parse("~".join([sign_token(key, {}, payload), *disclosures, ""]))

    disclosure = text.split("~")[1]
    digest = parse_token(text.split("~")[0]).payload["_sd"][0]
    for read in (
        signed({"_sd_alg": "md5"}),
        signed({"_sd": [digest, digest]}),
        signed({"_sd": [digest], "a": 2}, disclosure),
        signed({"_sd": [digest], "inner": [{"_sd": ["x"]}]}, disclosure),
        signed({"inner": [{"...": "x"}]}),
    ):
        with pytest.raises(VerificationError):
            sdjwt.verify_disclosures(read)
    for broken in ('["salt","name"]', "{}", "[1,2,3]", '["s","n",', "\x00"):
        from entrepot.kernel.encoding import to_base64url

        with pytest.raises(VerificationError):
            sdjwt.present(text.split("~")[0] + "~" + to_base64url(broken.encode()) + "~", ["n"])
    for jwk in (None, {}, {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}, {"kty": "EC"}):
        with pytest.raises(VerificationError):
            key_of_jwk(jwk)
    bound = sdjwt.present(text, [], holder=key, audience="a", nonce="n", at=5)
    token, last = bound.split("~")[0], bound.split("~")[-1]
    renamed = sign_token(key, {"typ": "jwt"}, parse_token(last).payload)
    with pytest.raises(VerificationError):
        sdjwt.verify_binding(
            sdjwt.parse(f"{token}~{renamed}"),
            {"cnf": {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": to_base64url(key.public.raw)}}},
            audience="a",
            nonce="n",
            now=5,
        )


@pytest.mark.parametrize(
    "rule",
    [
        iso7064_mod97_10, uscc, jp_corporate, kr_business, in_gstin, br_cnpj, au_acn, au_abn,
        no_organisation, sg_uen_company, sg_uen_other, fr_siren,
    ],
)  # fmt: skip
def test_no_check_holds_for_what_has_another_form(rule: Any) -> None:
    for text in ("", "x", "0" * 9, "0" * 10, "0" * 11, "0" * 14, "１" * 13, "T01IO6132D", "é" * 18):
        assert not rule(text), text
