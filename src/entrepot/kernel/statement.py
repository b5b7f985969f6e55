"""Signed Statements of others (SCITT, RFC 9943): COSE_Sign1 over a hash envelope, read and checked.

What a foreign statement says stays with its issuer; the log takes its signature and the hash of
its payload (COSE hash envelope: labels 258, 259, 260 of the protected header). A leaf of the log
is the statement itself with an empty unprotected header, so that any SCITT tool checks our receipt
against the very statement (RFC 9943 section 6.3). Acts of our own are Signed Statements too, but
their leaf is the log's entry about them (`acts`, `record`).

Foreign encoders order the protected header as they like: its bytes are kept as they came. Around
it there is one encoding.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final, NamedTuple, NoReturn

import cbor2

from entrepot.kernel.cose import (
    ALG,
    CONTENT_TYPE,
    CWT_CLAIMS,
    IAT,
    ISS,
    KID,
    SUB,
    assemble,
    signed_bytes,
)
from entrepot.kernel.encoding import DEPTH_MAX, encode
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import Algorithm, PrivateKey, PublicKey

STATEMENT_HEAD: Final = b"\xd2"
"""First byte of a statement in the log: tag 18. Our own entries are maps."""
STATEMENT_MAX_BYTES: Final = 65_535
"""A leaf of the log is no longer (C2SP tlog-tiles)."""
CRIT, TYP = 2, 16
PAYLOAD_HASH_ALG, PREIMAGE_CONTENT_TYPE, PAYLOAD_LOCATION = 258, 259, 260
"""Labels of the COSE hash envelope (draft-ietf-cose-hash-envelope; IANA COSE registry)."""
RECEIPTS: Final = 394
"""Label of the receipts in a Transparent Statement (RFC 9942 section 2)."""

SHA_256, SHA_384, SHA_512 = -16, -43, -44
HASHES: Final = {SHA_256: "sha256", SHA_384: "sha384", SHA_512: "sha512"}
"""COSE algorithm number of a hash -> name in hashlib (RFC 9054)."""
ALGORITHMS: Final = {
    -8: Algorithm.ED25519,
    -19: Algorithm.ED25519,
    -7: Algorithm.ES256,
    -9: Algorithm.ES256,
}
"""COSE signature algorithm -> ours; -19 and -9 are the fully specified names (RFC 9864)."""
ISSUER_MAX_CHARACTERS: Final = 8_192
"""RFC 9943 section 6.1."""
_UNDERSTOOD: Final = frozenset(
    {
        ALG,
        CRIT,
        CONTENT_TYPE,
        KID,
        CWT_CLAIMS,
        TYP,
        PAYLOAD_HASH_ALG,
        PREIMAGE_CONTENT_TYPE,
        PAYLOAD_LOCATION,
    }
)


class Malformed(InvalidInput):
    """The bytes are no COSE_Sign1 message with headers that can be read."""

    code = "malformed-statement"


class UnsupportedAlgorithm(InvalidInput):
    """The statement is signed or hashed with an algorithm that is not known here."""

    code = "unsupported-algorithm"


class PayloadMissing(InvalidInput):
    """The payload is detached, so that nobody could verify the statement later."""

    code = "payload-missing"


@dataclass(frozen=True, slots=True)
class Statement:
    """A well-formed statement with a hash envelope. `verify` says whether its signature holds."""

    raw: bytes
    """Tagged COSE_Sign1 with an empty unprotected header: the leaf."""
    protected_bytes: bytes
    algorithm: int
    kid: bytes
    issuer: str
    subject: str
    issued_at: int | None
    """`iat` of the issuer, POSIX seconds, when it is a whole number."""
    hash_algorithm: int
    payload_hash: bytes
    content_type: str | int | None
    location: str | None
    signature: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of the leaf."""
        return hashlib.sha256(self.raw).digest()

    def verify(self, key: PublicKey) -> None:
        """Return if the signature holds under `key` (RFC 9052 section 4.4).

        Raises VerificationError.
        """
        if ALGORITHMS[self.algorithm] is not key.algorithm:
            raise VerificationError(
                "the statement names another algorithm than the key has", value=self.algorithm
            )
        key.verify(self.signature, signed_bytes(self.protected_bytes, self.payload_hash))

    def covers(self, content: bytes) -> bool:
        """Say whether `content` is what the statement is about, by its hash."""
        found = hashlib.new(HASHES[self.hash_algorithm], content).digest()
        return hmac.compare_digest(found, self.payload_hash)


def parse_statement(raw: bytes, *, unprotected_allowed: Sequence[int] = ()) -> Statement:
    """Read a statement, or raise InvalidInput (Malformed, UnsupportedAlgorithm, PayloadMissing).

    The unprotected header must be empty unless labels are allowed, which are then left out of the
    leaf. Required: alg, kid, CWT claims with iss and sub, the hash envelope, an attached hash.
    """
    if len(raw) > STATEMENT_MAX_BYTES:
        raise Malformed("statement is too large", value=f"{len(raw):,} bytes")
    outer = _outer(raw)
    unknown = [label for label in outer.unprotected if label not in unprotected_allowed]
    if unknown:
        raise InvalidInput("unsigned header is not allowed here", value=unknown[0])
    protected_bytes, payload = outer.protected_bytes, outer.payload
    header = _decode_header(protected_bytes)
    algorithm = _algorithm(header)
    hash_algorithm = _hash_algorithm(header)
    if payload is None:
        raise PayloadMissing("payload of the statement is detached", remedy="attach the hash")
    if len(payload) != hashlib.new(HASHES[hash_algorithm]).digest_size:
        raise InvalidInput("payload is not a hash of the algorithm named", value=len(payload))
    kid = header.get(KID)
    if not isinstance(kid, bytes) or not kid:
        raise InvalidInput("statement names no key (label 4)", remedy="kid is its thumbprint")
    issuer, subject, issued_at = _claims(header.get(CWT_CLAIMS))
    content_type = header.get(PREIMAGE_CONTENT_TYPE)
    if not (content_type is None or _is_content_type(content_type)):
        raise InvalidInput("preimage content type is text or a number (label 259)")
    location = header.get(PAYLOAD_LOCATION)
    if not (location is None or isinstance(location, str)):
        raise InvalidInput("payload location is text (label 260)")
    return Statement(
        assemble(protected_bytes, {}, payload, outer.signature),  # never longer than what came
        protected_bytes,
        algorithm,
        kid,
        issuer,
        subject,
        issued_at,
        hash_algorithm,
        payload,
        content_type if isinstance(content_type, str | int) else None,
        location,
        outer.signature,
    )


class _Outer(NamedTuple):
    protected_bytes: bytes
    unprotected: dict[object, object]
    payload: bytes | None
    signature: bytes


def _outer(raw: bytes) -> _Outer:
    """Return the four parts of a tagged COSE_Sign1; its own encoding need not be ours."""
    if raw[:1] != STATEMENT_HEAD:
        raise Malformed("not a COSE_Sign1 message (tag 18)", value=raw[:8].hex())
    parts = _loads(raw[1:])
    if not isinstance(parts, list) or len(parts) != 4:
        raise Malformed("a COSE_Sign1 message has four parts", remedy="see RFC 9052 section 4.2")
    protected_bytes, unprotected, payload, signature = parts
    if (
        not isinstance(protected_bytes, bytes)
        or not isinstance(unprotected, dict)
        or not (payload is None or isinstance(payload, bytes))
        or not isinstance(signature, bytes)
    ):
        raise Malformed("a part of the COSE_Sign1 message has the wrong type")
    return _Outer(protected_bytes, unprotected, payload, signature)


def _decode_header(protected_bytes: bytes) -> dict[object, object]:
    header = _loads(protected_bytes) if protected_bytes else {}
    if not isinstance(header, dict):
        raise Malformed("protected header is not a map")
    critical = header.get(CRIT, [])
    if not isinstance(critical, list) or (CRIT in header and not critical):
        raise Malformed("label 2 lists critical headers", value=critical)
    strange = [label for label in critical if label not in _UNDERSTOOD or label not in header]
    if strange:
        raise Malformed("a critical header is not understood here", value=strange[0])
    return header


def _loads(encoded: bytes) -> object:
    """Decode well-formed CBOR of bounded depth, without duplicate keys or indefinite lengths."""
    stream = BytesIO(encoded)
    try:
        value: object = cbor2.load(
            stream,
            max_depth=DEPTH_MAX + 1,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            tag_hook=_refuse_tag,
            semantic_decoders=_NO_TAGS,
        )
    except (
        cbor2.CBORError,
        ValueError,
        OverflowError,
        RecursionError,
        MemoryError,
        TypeError,
    ) as error:
        raise Malformed("not well-formed CBOR", value=error) from error
    if stream.tell() != len(encoded):
        raise Malformed("something follows the CBOR item", value=len(encoded) - stream.tell())
    return value


def _refuse_tag(*_arguments: object) -> NoReturn:
    raise ValueError("tags are not used in a statement")


# Those that cbor2 would make objects of by itself; the hook meets every other one.
_NO_TAGS: Final = dict.fromkeys(
    (
        *(0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100),
        *(256, 258, 260, 261, 1004, 43000, 55799),
    ),
    _refuse_tag,
)


def _algorithm(header: dict[object, object]) -> int:
    algorithm = header.get(ALG)
    if type(algorithm) is not int or algorithm not in ALGORITHMS:
        raise UnsupportedAlgorithm(
            "signature algorithm of the statement is not known here",
            value=algorithm,
            remedy="sign with Ed25519 (-8, -19) or ES256 (-7, -9)",
        )
    return algorithm


def _hash_algorithm(header: dict[object, object]) -> int:
    """Return the algorithm of the hash envelope, after holding the header to its rules."""
    if PAYLOAD_HASH_ALG not in header:
        raise InvalidInput(
            "statement has no hash envelope (label 258)",
            remedy="sign the hash of the payload: what is registered is public for ever",
        )
    if CONTENT_TYPE in header:
        raise InvalidInput("a hash envelope has label 259 in place of label 3")
    algorithm = header[PAYLOAD_HASH_ALG]
    if type(algorithm) is not int or algorithm not in HASHES:
        raise UnsupportedAlgorithm(
            "hash algorithm of the statement is not known here",
            value=algorithm,
            remedy="hash with SHA-256 (-16), SHA-384 (-43) or SHA-512 (-44)",
        )
    return algorithm


def _claims(claims: object) -> tuple[str, str, int | None]:
    """Return issuer, subject and time of issue (RFC 9943 section 6.1: iss and sub are required)."""
    if not isinstance(claims, dict):
        raise InvalidInput("statement has no CWT claims (label 15)")
    issuer, subject, issued_at = claims.get(ISS), claims.get(SUB), claims.get(IAT)
    for name, text in (("iss", issuer), ("sub", subject)):
        if not isinstance(text, str) or not 1 <= len(text) <= ISSUER_MAX_CHARACTERS:
            raise InvalidInput(f"claim {name} of the statement is not a text of 1 to 8,192")
    whole = type(issued_at) is int and 0 <= issued_at < 1 << 63
    return str(issuer), str(subject), issued_at if whole else None


def _is_content_type(value: object) -> bool:
    return isinstance(value, str) or (type(value) is int and 0 <= value <= 65_535)


def sign_statement(  # noqa: PLR0913 - the claims of one statement
    key: PrivateKey,
    content: bytes,
    *,
    issuer: str,
    subject: str,
    content_type: str,
    issued_at: int,
    location: str = "",
) -> bytes:
    """Return a statement about `content` by its SHA-256, in a hash envelope, signed by `key`."""
    protected: dict[int, object] = {
        ALG: int(key.public.algorithm),
        KID: key.kid,
        CWT_CLAIMS: {ISS: issuer, SUB: subject, IAT: issued_at},
        PAYLOAD_HASH_ALG: SHA_256,
        PREIMAGE_CONTENT_TYPE: content_type,
    }
    if location:
        protected[PAYLOAD_LOCATION] = location
    protected_bytes = encode(protected)
    payload = hashlib.sha256(content).digest()
    signature = key.sign(signed_bytes(protected_bytes, payload))
    return parse_statement(assemble(protected_bytes, {}, payload, signature)).raw


def transparent_statement(statement: bytes, receipts: Sequence[bytes]) -> bytes:
    """Return a statement with receipts in its unprotected header, label 394 (RFC 9943 section 7).

    Raises InvalidInput.
    """
    outer = _outer(statement)
    return assemble(
        outer.protected_bytes, {RECEIPTS: list(receipts)}, outer.payload, outer.signature
    )


def split_transparent(transparent: bytes) -> tuple[bytes, list[bytes]]:
    """Return the statement (the leaf) and the receipts of a Transparent Statement.

    Raises InvalidInput.
    """
    outer = _outer(transparent)
    receipts = outer.unprotected.get(RECEIPTS)
    if not isinstance(receipts, list) or not all(isinstance(item, bytes) for item in receipts):
        raise InvalidInput("label 394 is a list of receipts")
    return assemble(outer.protected_bytes, {}, outer.payload, outer.signature), receipts
