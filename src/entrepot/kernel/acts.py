"""Acts: signed requests of one kind by one party, as SCITT Signed Statements (RFC 9943).

An act is a COSE_Sign1 whose protected header carries everything the kernel needs: algorithm, key
id, and CWT claims (RFC 9597) with `iss` = thumbprint URI of the issuer's key (RFC 9679), `sub` =
kind, `iat` = when it was issued, `cti` = the act id the client made (16 random bytes; idempotency)
and, for a key that is accepted by more than one log, `aud` = the origin of the log it is meant for.
The payload is the body, deterministic CBOR, whose meaning belongs to the institution of that kind.

`SignedAct` is bytes somebody sent. `VerifiedAct` is another type; only `verify_act` makes one.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from typing import Final, NamedTuple, NewType

from entrepot.kernel.cose import (
    ALG,
    AUD,
    CONTENT_TYPE,
    CTI,
    CWT_CLAIMS,
    IAT,
    ISS,
    KID,
    SUB,
    Sign1,
    parse_sign1,
    sign1,
)
from entrepot.kernel.encoding import decode_map, encode
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import Kid, PrivateKey, PublicKey, kid_urn

ActId = NewType("ActId", bytes)
"""The 16 bytes a client chooses for one act; the same bytes again mean the same act."""

ACT_ID_BYTES: Final = 16
ACT_MAX_BYTES: Final = 256 * 1024
"""Largest act. Data travels beside an act and is named in it by hash."""
ACT_CONTENT_TYPE: Final = "application/vnd.entrepot.act+cbor"

_KIND = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SEAL: Final = object()


class _Claims(NamedTuple):
    """What the protected header of an act says; well-formed, not verified."""

    kind: str
    act_id: ActId
    issuer: Kid
    issued_at: int
    audience: str


class SignedAct:
    """The bytes of an act as somebody sent them; what they claim is not verified."""

    __slots__ = ("_claims", "_sign1", "raw")

    def __init__(self, raw: bytes) -> None:
        """Parse the bytes strictly; raises InvalidInput when they are not the form of an act."""
        self.raw = raw
        self._sign1 = parse_sign1(raw, size_max=ACT_MAX_BYTES)
        self._claims = _read_claims(self._sign1)

    @property
    def unverified_kid(self) -> Kid:
        """The key id the act names; use it only to find the key to verify with."""
        return self._claims.issuer

    @property
    def unverified_kind(self) -> str:
        """The kind the act claims to be; use it only to find out how to verify it."""
        return self._claims.kind

    @property
    def unverified_body(self) -> dict[object, object]:
        """The body as the bytes have it: for acts verified before, or to find the key it carries.

        Raises InvalidInput when it is no map.
        """
        return decode_map(self._sign1.payload or b"", size_max=ACT_MAX_BYTES)


class VerifiedAct:
    """An act whose signature holds under a key the verifier chose. Only `verify_act` makes one."""

    __slots__ = ("_body", "_claims", "raw")

    def __init__(self, raw: bytes, claims: _Claims, body: dict[object, object], *, seal: object):
        """Refuse to be made outside this module; the seal is private to it."""
        if seal is not _SEAL:
            raise TypeError("a VerifiedAct comes only from verify_act")
        self.raw = raw
        self._claims = claims
        self._body = body

    @property
    def kind(self) -> str:
        """What is asked: the registered name of a kind of act."""
        return self._claims.kind

    @property
    def act_id(self) -> ActId:
        """The client's id of this act."""
        return self._claims.act_id

    @property
    def issuer(self) -> Kid:
        """The key that signed."""
        return self._claims.issuer

    @property
    def issued_at(self) -> int:
        """When the issuer says it was issued, POSIX seconds."""
        return self._claims.issued_at

    @property
    def audience(self) -> str:
        """The origin of the one log the act is meant for; empty when it names none."""
        return self._claims.audience

    @property
    def body(self) -> dict[object, object]:
        """The decoded body; its meaning belongs to the institution."""
        return self._body

    @property
    def digest(self) -> bytes:
        """SHA-256 of the signed bytes."""
        return hashlib.sha256(self.raw).digest()


def new_act_id() -> ActId:
    """Return 16 fresh random bytes; the client keeps them to ask again after a lost answer."""
    return ActId(os.urandom(ACT_ID_BYTES))


def sign_act(
    key: PrivateKey,
    kind: str,
    body: Mapping[str, object],
    *,
    issued_at: int,
    act_id: ActId,
    audience: str = "",
) -> bytes:
    """Return the signed bytes of an act; `issued_at` in POSIX seconds.

    `audience` is the origin of the log it is meant for. Whoever uses one key with several nodes
    gives it: public acts can be read, and sent to another node as they are.
    Raises InvalidInput when the kind is not lower-case-with-hyphens or the body is not plain.
    """
    claims: dict[int, object] = {ISS: kid_urn(key.kid), SUB: kind, IAT: issued_at, CTI: act_id}
    if audience:
        claims[AUD] = audience
    protected: dict[int, object] = {
        CONTENT_TYPE: ACT_CONTENT_TYPE,
        KID: key.kid,
        CWT_CLAIMS: claims,
    }
    raw = sign1(key, protected, encode(body))
    return SignedAct(raw).raw  # our own strict reading, so that nobody signs what nobody accepts


def verify_act(act: SignedAct | bytes, key: PublicKey) -> VerifiedAct:
    """Verify an act under `key` and return it as verified; needs no store (RFC 9052 4.4).

    Raises InvalidInput when the bytes are no act, VerificationError when the key is not the one
    named or the signature does not hold.
    """
    signed = act if isinstance(act, SignedAct) else SignedAct(act)
    if signed.unverified_kid != key.kid:
        raise VerificationError(
            "the act names another key",
            value=signed.unverified_kid.hex(),
            remedy=f"it must be verified with that key, not with {key.kid.hex()[:16]}…",
        )
    message = signed._sign1
    message.verify(key)
    body = decode_map(message.payload or b"", size_max=ACT_MAX_BYTES)
    return VerifiedAct(signed.raw, signed._claims, body, seal=_SEAL)


def require_meant_for(act: VerifiedAct, origin: str) -> None:
    """Return unless an act names another log than `origin`. Raises VerificationError."""
    if act.audience and act.audience != origin:
        raise VerificationError(
            "the act is meant for another log",
            value=act.audience,
            remedy=f"this one is {origin}; only who signed can sign it for this log",
        )


def _read_claims(message: Sign1) -> _Claims:
    """Hold the protected header to exactly the four labels of an act and its claims."""
    protected = message.protected
    claims = protected.get(CWT_CLAIMS)
    if set(protected) != {ALG, CONTENT_TYPE, KID, CWT_CLAIMS} or not isinstance(claims, dict):
        raise InvalidInput("the protected header of an act has labels 1, 3, 4 and 15")
    if protected[CONTENT_TYPE] != ACT_CONTENT_TYPE:
        raise InvalidInput("content type is not that of an act", value=protected[CONTENT_TYPE])
    if set(claims) - {AUD} != {ISS, SUB, IAT, CTI}:
        raise InvalidInput(
            "the claims of an act are iss, sub, iat, cti and perhaps aud", value=list(claims)
        )
    audience = claims.get(AUD, "")
    if not isinstance(audience, str) or (AUD in claims and not audience):
        raise InvalidInput("audience of an act is the origin of a log", value=audience)
    kid, kind, issued_at, act_id = protected[KID], claims[SUB], claims[IAT], claims[CTI]
    if not isinstance(kid, bytes) or len(kid) != 32 or claims[ISS] != kid_urn(Kid(kid)):
        raise InvalidInput("issuer and key id of the act do not agree", value=claims[ISS])
    if not isinstance(kind, str) or len(kind) > 64 or not _KIND.fullmatch(kind):
        raise InvalidInput("kind of act is not lower-case-with-hyphens", value=kind)
    if isinstance(issued_at, bool) or not isinstance(issued_at, int) or issued_at < 0:
        raise InvalidInput("time of issue is not POSIX seconds", value=issued_at)
    if not isinstance(act_id, bytes) or len(act_id) != ACT_ID_BYTES:
        raise InvalidInput("act id is not 16 bytes", value=act_id)
    if message.payload is None or len(message.signature) != 64:
        raise InvalidInput("an act carries its body and an Ed25519 signature")
    return _Claims(kind, ActId(act_id), Kid(kid), issued_at, audience)
