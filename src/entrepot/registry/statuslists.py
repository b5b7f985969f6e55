"""Status lists: one bit per certificate, set when it is revoked, in both shapes in use.

W3C Bitstring Status List 1.0 as a credential (`vc+jwt`), and the IETF Token Status List
(draft-ietf-oauth-status-list-21, `statuslist+jwt`). Both are derived from state at the size of a
published tree and from nothing else: a certificate is revoked there when the act that revoked it is
in that tree. So a revocation is visible with the checkpoint that publishes it, and anybody with the
log computes the same bits. Short-lived, signed by the issuing key, they carry size and root.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel.checkpoint import LogKeys
from entrepot.kernel.encoding import to_base64url
from entrepot.kernel.errors import NotFound, VerificationError
from entrepot.kernel.keys import PrivateKey, PublicKey
from entrepot.kernel.log import Log
from entrepot.kernel.merkle import root_of
from entrepot.registry.deadlines import stamp
from entrepot.registry.did import node_did
from entrepot.registry.jws import (
    UnverifiedToken,
    from_base64url,
    is_moment,
    key_name,
    parse_token,
    sign_token,
)
from entrepot.registry.logproof import LogProof, proven_issuing_key, read_proof
from entrepot.registry.tables import CERTIFICATES

BITS: Final = 131_072
"""Entries of one list: the least of Bitstring Status List 1.0 (section 6.1), for herd privacy."""
TTL_S: Final = 300
"""How long a list may be kept: five minutes."""
BITSTRING_TYPE, TOKEN_TYPE = "vc+jwt", "statuslist+jwt"
_CLOCKS_APART_S: Final = 120


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Which bits of one list are set in the tree of a checkpoint."""

    number: int
    origin: str
    tree_size: int
    root: bytes
    revoked: tuple[int, ...]
    """Status indices, counted from the beginning of this list."""

    def log(self) -> dict[str, Any]:
        """Return the checkpoint as JSON values."""
        return {"origin": self.origin, "treeSize": self.tree_size, "root": to_base64url(self.root)}


@dataclass(frozen=True, slots=True)
class StatusList:
    """A verified list. `tree_size` is that of the checkpoint it was made from."""

    uri: str
    issuer: str
    tree_size: int
    issued_at: int
    expires_at: int
    bits: bytes
    is_msb_first: bool
    """Bitstring Status List counts from the highest bit of a byte, Token Status List from the
    lowest."""

    def is_revoked(self, index: int) -> bool:
        """Say whether a bit is set. Raises VerificationError beyond the end of the list."""
        if not 0 <= index < len(self.bits) * 8:
            raise VerificationError("the status list has no such entry", value=index)
        place = 7 - index % 8 if self.is_msb_first else index % 8
        return bool(self.bits[index // 8] >> place & 1)


def status_snapshot(read: sa.Connection, log: Log, number: int = 0) -> Snapshot:
    """Return the bits of list `number` in the newest published tree.

    Raises NotFound when no certificate of that list was issued yet (list 0 is always there).
    """
    tree = log.tree()
    root = root_of(tree.size, tree.node_at)
    return snapshot_at(read, number, origin=log.signer.origin, tree_size=tree.size, root=root)


def snapshot_at(
    read: sa.Connection, number: int, *, origin: str, tree_size: int, root: bytes
) -> Snapshot:
    """Return the bits of list `number` in the tree of a given size, now or long ago."""
    first = number * BITS
    if number and number > last_list(read):
        raise NotFound("there is no status list of this number", value=number)
    query = sa.select(CERTIFICATES.c.status_index).where(
        CERTIFICATES.c.status_index >= first,
        CERTIFICATES.c.status_index < first + BITS,
        CERTIFICATES.c.revoked_index < tree_size,
    )
    found = read.execute(query.order_by(CERTIFICATES.c.status_index)).scalars()
    return Snapshot(number, origin, tree_size, root, tuple(index - first for index in found))


def last_list(read: sa.Connection) -> int:
    """Return the number of the last list that has an entry; 0 when there is none."""
    highest = read.execute(sa.select(sa.func.max(CERTIFICATES.c.status_index))).scalar()
    return 0 if highest is None else int(highest) // BITS


def list_of(status_index: int) -> tuple[int, int]:
    """Return the list of a certificate and its place in it."""
    return divmod(status_index, BITS)


def bitstring_uri(url: str, number: int) -> str:
    """Return where the W3C list is served."""
    return f"{url}/status/bitstring/{number}"


def token_uri(url: str, number: int) -> str:
    """Return where the IETF list is served."""
    return f"{url}/status/tokens/{number}"


def bitstring_list(
    key: PrivateKey, url: str, snapshot: Snapshot, *, now: int, key_proof: LogProof | None = None
) -> str:
    """Return the Bitstring Status List credential of a snapshot, as a JWT (`vc+jwt`).

    `now` in POSIX seconds; `key_proof` lets a reader verify it with the log's keys alone.
    """
    uri = bitstring_uri(url, snapshot.number)
    did = node_did(url)
    packed = gzip.compress(_bits(snapshot.revoked, msb_first=True), mtime=0)
    payload: dict[str, Any] = {
        "@context": ["https://www.w3.org/ns/credentials/v2", f"{url}/contexts/registry-v1.jsonld"],
        "id": uri,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": did,
        "validFrom": stamp(now),
        "validUntil": stamp(now + TTL_S),
        "credentialSubject": {
            "id": f"{uri}#list",
            "type": "BitstringStatusList",
            "statusPurpose": "revocation",
            "encodedList": "u" + to_base64url(packed),
            "ttl": TTL_S * 1000,
        },
        "log": snapshot.log(),
        "iat": now,
        "exp": now + TTL_S,
    }
    if key_proof is not None:
        payload["issuingKey"] = key_proof.plain()
    header = {"typ": BITSTRING_TYPE, "cty": "vc", "kid": f"{did}#{key_name(key.public)}"}
    return sign_token(key, header, payload)


def token_list(
    key: PrivateKey, url: str, snapshot: Snapshot, *, now: int, key_proof: LogProof | None = None
) -> str:
    """Return the Token Status List of a snapshot, as a JWT (`statuslist+jwt`)."""
    packed = zlib.compress(_bits(snapshot.revoked, msb_first=False), level=9)
    payload: dict[str, Any] = {
        "iss": url,
        "sub": token_uri(url, snapshot.number),
        "iat": now,
        "exp": now + TTL_S,
        "ttl": TTL_S,
        "status_list": {"bits": 1, "lst": to_base64url(packed)},
        "log": snapshot.log(),
    }
    if key_proof is not None:
        payload["issuingKey"] = key_proof.plain()
    return sign_token(key, {"typ": TOKEN_TYPE, "kid": key_name(key.public)}, payload)


def verify_status_list(
    text: str, *, now: int, log_keys: LogKeys | None = None, issuer_key: PublicKey | None = None
) -> StatusList:
    """Verify a status list of either shape, offline.

    The signing key is `issuer_key` when given, else the one whose log entry the list carries, under
    `log_keys`. Raises VerificationError: signature, form, or not fresh at `now`.
    """
    token = parse_token(text)
    token.verify(_signing_key(token, log_keys, issuer_key))
    typ = token.header.get("typ")
    if typ not in (BITSTRING_TYPE, TOKEN_TYPE):
        raise VerificationError("not a status list", value=typ)
    payload = token.payload
    issued, expires = payload.get("iat"), payload.get("exp")
    if not is_moment(issued) or not is_moment(expires):
        raise VerificationError("the status list has no time")
    if not issued - _CLOCKS_APART_S <= now <= expires + _CLOCKS_APART_S:
        raise VerificationError(
            "the status list is not fresh", value=stamp(expires), remedy="fetch it again"
        )
    bits = _bitstring(payload) if typ == BITSTRING_TYPE else _token_bits(payload)
    log = payload.get("log")
    size = log.get("treeSize") if isinstance(log, dict) else None
    return StatusList(
        str(payload.get("id" if typ == BITSTRING_TYPE else "sub")),
        str(payload.get("issuer" if typ == BITSTRING_TYPE else "iss")),
        size if isinstance(size, int) else 0,
        issued,
        expires,
        bits,
        typ == BITSTRING_TYPE,
    )


def _signing_key(
    token: UnverifiedToken, log_keys: LogKeys | None, issuer_key: PublicKey | None
) -> PublicKey:
    if issuer_key is not None:
        return issuer_key
    if log_keys is None or "issuingKey" not in token.payload:
        raise VerificationError(
            "nothing says whose key signed", remedy="give the keys of the log, or the issuer's key"
        )
    return proven_issuing_key(read_proof(token.payload["issuingKey"]), log_keys)


def _bits(revoked: tuple[int, ...], *, msb_first: bool) -> bytes:
    bits = bytearray(BITS // 8)
    for index in revoked:
        bits[index // 8] |= 1 << (7 - index % 8 if msb_first else index % 8)
    return bytes(bits)


def _bitstring(payload: Mapping[str, Any]) -> bytes:
    try:
        subject = msgspec.convert(payload.get("credentialSubject"), _BitstringSubject)
    except msgspec.ValidationError as error:
        raise VerificationError("not a bitstring status list", value=error) from error
    if subject.statusPurpose != "revocation" or not subject.encodedList.startswith("u"):
        raise VerificationError("not a list of revocations in base64url")
    # gzip: 16 + the largest window (zlib's own way to say the format).
    return _inflate(from_base64url(subject.encodedList[1:]), 16 + zlib.MAX_WBITS)


def _token_bits(payload: Mapping[str, Any]) -> bytes:
    try:
        given = msgspec.convert(payload.get("status_list"), _TokenList)
    except msgspec.ValidationError as error:
        raise VerificationError("not a token status list", value=error) from error
    if given.bits != 1:
        raise VerificationError("only lists of one bit are read here", value=given.bits)
    return _inflate(from_base64url(given.lst), zlib.MAX_WBITS)


def _inflate(packed: bytes, window: int) -> bytes:
    """Return what was packed, never more than one list: a small text must not fill the memory."""
    unpacker = zlib.decompressobj(window)
    try:
        bits = unpacker.decompress(packed, BITS // 8 + 1)
    except zlib.error as error:
        raise VerificationError("the status list is damaged", value=error) from error
    if len(bits) > BITS // 8 or not unpacker.eof or unpacker.unused_data:
        raise VerificationError("the status list is longer than a list here is")
    return bits


class _BitstringSubject(msgspec.Struct):
    statusPurpose: str
    encodedList: str


class _TokenList(msgspec.Struct):
    bits: int
    lst: str
