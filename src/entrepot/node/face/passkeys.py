"""Passkeys of people: making one, and signing in with one (W3C Web Authentication Level 3).

A registration is parsed and checked by py_webauthn; an assertion by the kernel's own
`verify_approval`, the same code that checks a person's approval of an act. What the node keeps
of a passkey outside the log is local: its id and the name its owner gave; the public key stands in
state, and a lost local row is found again by trying the keys of the members.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import sqlalchemy as sa
import webauthn
from webauthn.helpers import decode_credential_public_key, parse_attestation_object
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.decode_credential_public_key import DecodedEC2PublicKey, DecodedOKPPublicKey
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from entrepot.kernel.approval import Approval, RelyingParty
from entrepot.kernel.errors import Conflict, InvalidInput, VerificationError
from entrepot.kernel.keys import Algorithm, Kid, PublicKey
from entrepot.kernel.store import Store
from entrepot.node.face.localtables import LOCAL, ensure_tables

RESPONSE_MAX_CHARS: Final = 16_384
"""A response with packed attestation and certificates stays under 6,000 characters."""
CREDENTIAL_ID_MAX_BYTES: Final = 1_023
"""WebAuthn Level 3, 4: a credential id has at most 1,023 bytes."""
NAME_CHARS_MAX: Final = 80
_ALGORITHMS: Final = [COSEAlgorithmIdentifier.ECDSA_SHA_256, COSEAlgorithmIdentifier.EDDSA]

PASSKEYS: Final = sa.Table(
    "local_passkeys",
    LOCAL,
    sa.Column("kid", sa.LargeBinary, primary_key=True, comment="thumbprint of the public key"),
    sa.Column("credential_id", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("name", sa.String(NAME_CHARS_MAX), nullable=False, comment="as its owner wrote it"),
    sa.Column("kept_at", sa.BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey that was just made and checked; nobody's until an act admits its key."""

    key: PublicKey
    credential_id: bytes


class Assertion(msgspec.Struct, frozen=True, rename="camel"):
    """What the browser sends of an assertion, base64url (WebAuthn 5.1, toJSON form)."""

    credential_id: str
    authenticator_data: str
    client_data: str
    signature: str


def creation_options(
    site: RelyingParty, challenge: bytes, *, user_handle: bytes, name: str, site_name: str
) -> str:
    """Return the JSON of PublicKeyCredentialCreationOptions: discoverable, person verified."""
    options = webauthn.generate_registration_options(
        rp_id=site.id,
        rp_name=site_name,
        user_id=user_handle,
        user_name=name,
        user_display_name=name,
        challenge=challenge,
        timeout=300_000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        supported_pub_key_algs=_ALGORITHMS,
    )
    return webauthn.options_to_json(options)


def read_registration(response: str, challenge: bytes, site: RelyingParty) -> NewPasskey:
    """Return the passkey that a browser's response registers (WebAuthn 7.1).

    Raises InvalidInput for what is no response, VerificationError when a check fails.
    """
    parsed = _parse(response)
    try:
        verified = webauthn.verify_registration_response(
            credential=parsed,
            expected_challenge=challenge,
            expected_rp_id=site.id,
            expected_origin=list(site.origins),
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
        )
        key = decode_credential_public_key(verified.credential_public_key)
    except WebAuthnException as error:
        raise VerificationError(
            "the passkey could not be registered",
            value=error,
            remedy="load the page again and try once more",
        ) from error
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise InvalidInput("malformed response of the authenticator", value=error) from error
    if not 16 <= len(verified.credential_id) <= CREDENTIAL_ID_MAX_BYTES:
        raise InvalidInput("credential id has an impossible size")
    return NewPasskey(_public_key(key), verified.credential_id)


def read_assertion(response: str) -> Assertion:
    """Return the parts of an assertion as the browser sent them. Raises InvalidInput."""
    if len(response) > RESPONSE_MAX_CHARS:
        raise InvalidInput("response of the authenticator is too large", value=len(response))
    try:
        return msgspec.json.decode(response, type=Assertion)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("malformed response of the authenticator", value=error) from error


def approval_of(assertion: Assertion, kid: Kid) -> Approval:
    """Return an assertion as an approval claimed for the credential `kid`; still unverified."""
    return Approval(
        kid,
        from_base64url(assertion.authenticator_data),
        from_base64url(assertion.client_data),
        from_base64url(assertion.signature),
    )


def keep_passkey(store: Store, new: NewPasskey, name: str, *, now: int) -> None:
    """Keep a passkey's id and name beside the log; `now` in POSIX seconds.

    Raises Conflict when another passkey has this id (WebAuthn 7.1 step 26): a made-up authenticator
    must not push a colleague's passkey aside.
    """
    ensure_tables(store)
    kid = bytes(new.key.kid)
    with store.writing() as write:
        same = sa.select(PASSKEYS.c.kid).where(PASSKEYS.c.credential_id == new.credential_id)
        if write.execute(same).scalar_one_or_none() not in (None, kid):
            raise Conflict("another passkey has this credential id", remedy="make a new passkey")
        write.execute(sa.delete(PASSKEYS).where(PASSKEYS.c.kid == kid))
        row = {"kid": kid, "credential_id": new.credential_id, "name": name[:NAME_CHARS_MAX]}
        write.execute(PASSKEYS.insert().values(**row, kept_at=now))


def kid_of_credential(store: Store, credential_id: bytes) -> Kid | None:
    """Return the thumbprint kept for a credential id, or None."""
    ensure_tables(store)
    question = sa.select(PASSKEYS.c.kid).where(PASSKEYS.c.credential_id == credential_id)
    with store.reading() as read:
        found = read.execute(question).scalar_one_or_none()
    return None if found is None else Kid(bytes(found))


def credential_id_of(store: Store, kid: Kid) -> bytes | None:
    """Return the credential id kept for a thumbprint, so that a page can ask for this passkey."""
    ensure_tables(store)
    question = sa.select(PASSKEYS.c.credential_id).where(PASSKEYS.c.kid == bytes(kid))
    with store.reading() as read:
        found = read.execute(question).scalar_one_or_none()
    return None if found is None else bytes(found)


def names_of(store: Store, kids: list[Kid]) -> dict[Kid, str]:
    """Return the names that owners gave their passkeys; known to this node alone."""
    ensure_tables(store)
    question = sa.select(PASSKEYS.c.kid, PASSKEYS.c.name).where(
        PASSKEYS.c.kid.in_([bytes(kid) for kid in kids])
    )
    with store.reading() as read:
        return {Kid(bytes(row.kid)): row.name for row in read.execute(question) if row.name}


def passkeys_kept_before(store: Store, before: int) -> list[Kid]:
    """Return the thumbprints of passkeys kept before a moment (POSIX seconds)."""
    ensure_tables(store)
    question = sa.select(PASSKEYS.c.kid).where(PASSKEYS.c.kept_at < before)
    with store.reading() as read:
        return [Kid(bytes(kid)) for kid in read.execute(question).scalars()]


def forget_passkey(store: Store, kid: Kid) -> None:
    """Drop what is kept of a passkey beside the log: a removed member's name goes."""
    ensure_tables(store)
    with store.writing() as write:
        write.execute(sa.delete(PASSKEYS).where(PASSKEYS.c.kid == bytes(kid)))


def from_base64url(text: str) -> bytes:
    """Decode what a browser sends, base64url without padding. Raises InvalidInput."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("malformed base64url from the browser", value=error) from error


def _parse(response: str) -> dict[str, Any]:
    if len(response) > RESPONSE_MAX_CHARS:
        raise InvalidInput("response of the authenticator is too large", value=len(response))
    try:
        parsed = json.loads(response)
        parse_attestation_object(from_base64url(parsed["response"]["attestationObject"]))
    except (ValueError, TypeError, KeyError, IndexError, WebAuthnException, InvalidInput) as error:
        raise InvalidInput("malformed response of the authenticator", value=error) from error
    found: dict[str, Any] = parsed
    return found


def _public_key(key: object) -> PublicKey:
    """Return a COSE key as one of ours: P-256 as an uncompressed point, Ed25519 raw."""
    if isinstance(key, DecodedEC2PublicKey) and int(key.crv) == 1:
        point = b"\x04" + key.x.rjust(32, b"\0") + key.y.rjust(32, b"\0")
        return PublicKey(Algorithm.ES256, point)
    if isinstance(key, DecodedOKPPublicKey) and int(key.crv) == 6:
        return PublicKey(Algorithm.ED25519, key.x)
    raise InvalidInput("the passkey is neither ES256 nor Ed25519")
