"""Credentials verified offline: what a stranger does who holds a credential and the log's keys.

What the log says is what counts: a token that says otherwise than the entry it carries does not
verify. `VerifiedCredential` comes from `verify_credential` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from entrepot.kernel.checkpoint import LogKeys
from entrepot.kernel.errors import VerificationError
from entrepot.kernel.keys import PublicKey
from entrepot.registry import sdjwt
from entrepot.registry.credentials import SD_JWT_TYPE, VC_TYPE
from entrepot.registry.deadlines import day_of
from entrepot.registry.jws import (
    UnverifiedToken,
    is_moment,
    key_name,
    key_of_jwk,
    parse_token,
)
from entrepot.registry.logproof import (
    LogProof,
    proven_certificate,
    proven_issuing_key,
    read_proof,
)
from entrepot.registry.statuslists import verify_status_list


@dataclass(frozen=True, slots=True)
class VerifiedCredential:
    """A credential whose signature holds and, if it carries one, whose log proof does."""

    form: str
    kind: str
    certificate: int
    party: str
    issuer: str
    valid_from: str
    valid_until: str
    status: str
    """`valid`, `revoked`, `expired`, `not-yet`; `valid` without a status list says nothing of
    revocation: `status_as_of` is then None."""
    status_as_of: int | None
    """Tree size of the status list that was asked."""
    proven_at: int | None
    """Tree size of the receipt, None when the credential carries no proof of the log."""
    holder: PublicKey | None
    claims: Mapping[str, Any]


class _Certified(msgspec.Struct, frozen=True):
    """What a token says of its certificate."""

    number: int
    kind: str
    begin: str
    until: str
    product: int | None = None
    right: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Who verifies, when, and against what.

    With `log_keys` the log decides which key issues and what it issued; with `issuer_key` (from the
    issuer's DID document) the signature alone does. `status_list` is the text of one of the lists;
    `audience` and `nonce` ask for the holder's key.
    """

    now: int
    log_keys: LogKeys | None = None
    issuer_key: PublicKey | None = None
    status_list: str = ""
    audience: str = ""
    nonce: str = ""


def verify_credential(text: str, asked: Asked) -> VerifiedCredential:
    """Verify a credential of either form, offline (steps in order).

    (1) read the token, and of an SD-JWT every disclosure
    (2) find the issuing key: given, or proven by the log, and named by the token
    (3) the signature
    (4) the log's proof, if carried: the token says what the entry says
    (5) the holder's key, if asked for
    (6) the status list, if given
    (7) the term

    Raises VerificationError when any of (1) to (6) does not hold. A revoked or expired credential
    verifies and says so in `status`.
    """
    form = SD_JWT_TYPE if "~" in text else VC_TYPE
    read = sdjwt.parse(text) if form == SD_JWT_TYPE else None  # (1)
    token = read.token if read is not None else parse_token(text)
    if token.header.get("typ") != form:
        raise VerificationError("not a credential of a known form", value=token.header.get("typ"))
    claims = sdjwt.verify_disclosures(read) if read is not None else token.payload
    proofs = _carried_proofs(form, claims)
    key = _issuing_key(asked, proofs)  # (2)
    _require_named(token, key, _issuer(form, claims), form)
    token.verify(key)  # (3)
    certified = _certified(form, claims)
    party = _party(form, claims)
    proven_at = _check_log(asked, proofs, certified, party)  # (4)
    if asked.audience or asked.nonce:  # (5)
        if read is None:
            raise VerificationError(
                "a credential of this form is not bound to who presents it",
                value=form,
                remedy=f"ask for a presentation of {SD_JWT_TYPE} with a key binding",
            )
        sdjwt.verify_binding(
            read, claims, audience=asked.audience, nonce=asked.nonce, now=asked.now
        )
    revoked, as_of = _check_status(asked, form, claims)  # (6)
    day = day_of(asked.now).isoformat()  # (7)
    status = "revoked" if revoked else _term_status(certified, day)
    return VerifiedCredential(
        form,
        certified.kind,
        certified.number,
        party,
        _issuer(form, claims),
        certified.begin,
        certified.until,
        status,
        as_of,
        proven_at,
        _holder(claims),
        claims,
    )


def _carried_proofs(form: str, claims: Mapping[str, Any]) -> tuple[LogProof, LogProof] | None:
    """Return the proofs of the issuing act and of the issuing key, unverified."""
    if form == SD_JWT_TYPE:
        given = claims.get("log_proof")
    else:
        evidence = claims.get("evidence") or [None]
        given = evidence[0] if isinstance(evidence, list) else None
    if given is None:
        return None
    if not isinstance(given, dict):
        raise VerificationError("the proof of the log is malformed")
    return read_proof(given.get("issued")), read_proof(given.get("issuingKey"))


def _issuing_key(asked: Asked, proofs: tuple[LogProof, LogProof] | None) -> PublicKey:
    if asked.issuer_key is not None:
        return asked.issuer_key
    if asked.log_keys is None or proofs is None:
        raise VerificationError(
            "nothing says whose key signed",
            remedy="give the issuer's key, or the keys of the log for a credential with its proof",
        )
    return proven_issuing_key(proofs[1], asked.log_keys)


def _require_named(token: UnverifiedToken, key: PublicKey, issuer: str, form: str) -> None:
    """The header names the issuing key, and in a W3C credential the issuer whose key it is."""
    name = key_name(key)
    wanted = f"{issuer}#{name}" if form == VC_TYPE else name
    if token.header.get("kid") != wanted:
        raise VerificationError("signed with another key than the issuer's", value=wanted)


def _certified(form: str, claims: Mapping[str, Any]) -> _Certified:
    """Return what is certified; of an SD-JWT that hides it, what stands open."""
    inner = claims if form == SD_JWT_TYPE else claims.get("credentialSubject")
    given = inner.get("certificate") if isinstance(inner, dict) else None
    if given is None and form == SD_JWT_TYPE:
        begin, until = claims.get("nbf"), claims.get("exp")
        if not is_moment(begin) or not is_moment(until):
            raise VerificationError("the credential has no term")
        kind = str(claims.get("vct")).rsplit("/", 1)[-1]
        return _Certified(-1, kind, day_of(begin).isoformat(), day_of(until - 1).isoformat())
    try:
        found = msgspec.convert(given, _Certified)
    except msgspec.ValidationError as error:
        raise VerificationError("the credential names no certificate", value=error) from error
    if form == VC_TYPE:
        said = (str(claims.get("validFrom"))[:10], str(claims.get("validUntil"))[:10])
        if said != (found.begin, found.until):
            raise VerificationError("the credential states two terms")
    return found


def _party(form: str, claims: Mapping[str, Any]) -> str:
    inner = claims if form == SD_JWT_TYPE else claims.get("credentialSubject")
    return str(inner.get("party", "")) if isinstance(inner, dict) else ""


def _check_log(
    asked: Asked, proofs: tuple[LogProof, LogProof] | None, said: _Certified, party: str
) -> int | None:
    """Hold what the token says to what the log says; return the tree size of the proof."""
    if proofs is None or asked.log_keys is None:
        return None
    proven, values = proven_certificate(proofs[0], asked.log_keys)
    right = values.get("right")
    if values.get("kind") == "registration" and right is None:
        right = proven.index  # the act made the right and certified it at once
    logged = _Certified(
        proven.index,
        str(values.get("kind")),
        str(values.get("from")),
        str(values.get("until")),
        values.get("product"),  # type: ignore[arg-type]
        right,  # type: ignore[arg-type]
    )
    if logged != said or values.get("subject") != party:
        raise VerificationError(
            "the credential says otherwise than the log",
            value=proven.index,
            remedy="disclose party, certificate and log_proof together",
        )
    return proven.tree_size


def _check_status(asked: Asked, form: str, claims: Mapping[str, Any]) -> tuple[bool, int | None]:
    """Return whether the credential is revoked, and by which tree; (False, None) if not asked."""
    if not asked.status_list:
        return False, None
    if form == SD_JWT_TYPE:
        reference = _object(_object(claims.get("status")).get("status_list"))
        uri, place = reference.get("uri"), reference.get("idx")
    else:
        entry = _object(claims.get("credentialStatus"))
        uri, place = entry.get("statusListCredential"), entry.get("statusListIndex")
    found = verify_status_list(
        asked.status_list, now=asked.now, log_keys=asked.log_keys, issuer_key=asked.issuer_key
    )
    if found.uri != uri:
        raise VerificationError("the status list is another than the credential's", value=found.uri)
    try:
        index = int(str(place))
    except ValueError:
        raise VerificationError("the credential names no place in its list") from None
    return found.is_revoked(index), found.tree_size


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _term_status(said: _Certified, day: str) -> str:
    if day < said.begin:
        return "not-yet"
    return "expired" if day > said.until else "valid"


def _issuer(form: str, claims: Mapping[str, Any]) -> str:
    issuer = claims.get("iss") if form == SD_JWT_TYPE else claims.get("issuer")
    return str(issuer.get("id", "")) if isinstance(issuer, dict) else str(issuer)


def _holder(claims: Mapping[str, Any]) -> PublicKey | None:
    confirmation = claims.get("cnf")
    return key_of_jwk(confirmation.get("jwk")) if isinstance(confirmation, dict) else None
