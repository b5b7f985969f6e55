"""COSE receipts (RFC 9942) over our log, verifiable data structure 1 (RFC 9162 SHA-256).

A receipt is a COSE_Sign1 by the log with the root as detached payload: the verifier computes the
root from the entry and the inclusion path, then the signature decides. RFC 9942 signs only the
root, which leaves the tree size unsigned; ours also names the size in the signed `sub` claim
(`tree-size:70000`) and verification holds the proof to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from entrepot.kernel.cose import (
    ALG,
    CWT_CLAIMS,
    ISS,
    KID,
    SUB,
    Sign1,
    parse_sign1,
    signed_bytes,
)
from entrepot.kernel.encoding import ARRAY, BYTES, MAP, UNSIGNED, decode, encode, head, item_bytes
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import PrivateKey, PublicKey
from entrepot.kernel.merkle import leaf_hash, root_from_inclusion

RECEIPTS, VDS, VDP = 394, 395, 396
"""Header labels of RFC 9942 section 2: receipts, verifiable data structure, its proofs."""
RFC9162_SHA256: Final = 1
INCLUSION: Final = -1
_HASH_HEAD: Final = head(BYTES, 32)
_ONE_PROOF: Final = b"".join(
    (head(MAP, 1), head(UNSIGNED, VDP), head(MAP, 1), encode(INCLUSION), head(ARRAY, 1))
)
RECEIPT_MAX_BYTES: Final = 16_384
"""A path has at most 63 hashes, so a receipt stays below 3 KiB."""


@dataclass(frozen=True, slots=True)
class ProvenInclusion:
    """What a verified receipt proves: the entry is at `index` of the tree (`size`, `root`)."""

    origin: str
    index: int
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class TreeSignature:
    """The signed part that all receipts of one tree share: protected header and signature."""

    size: int
    protected_bytes: bytes
    signature: bytes


def sign_tree(key: PrivateKey, origin: str, size: int, root: bytes) -> TreeSignature:
    """Sign a root once for every receipt of this tree (RFC 9942 section 5.2.1).

    No receipt is issued at size 1: RFC 9942's CDDL wants a non-empty path. Raises InvalidInput.
    """
    if size < 2:
        raise InvalidInput("a tree of one entry gives no receipts", value=size)
    protected = {
        ALG: int(key.public.algorithm),
        KID: key.kid,
        CWT_CLAIMS: {ISS: origin, SUB: f"tree-size:{size}"},
        VDS: RFC9162_SHA256,
    }
    protected_bytes = encode(protected)
    return TreeSignature(size, protected_bytes, key.sign(signed_bytes(protected_bytes, root)))


def issue_receipt(tree: TreeSignature, index: int, path: Sequence[bytes]) -> bytes:
    """Return the COSE receipt of entry `index` in a signed tree (RFC 9942 section 5.2)."""
    hashes = b"".join([_HASH_HEAD + node for node in path])
    counts = head(UNSIGNED, tree.size) + head(UNSIGNED, index) + head(ARRAY, len(path))
    proof = item_bytes(head(ARRAY, 3) + counts + hashes)
    protected, signature = item_bytes(tree.protected_bytes), item_bytes(tree.signature)
    # COSE_Sign1 (tag 18): protected, {396: {-1: [proof]}}, payload detached, signature.
    return b"".join((b"\xd2", head(ARRAY, 4), protected, _ONE_PROOF, proof, b"\xf6", signature))


def verify_receipt(
    receipt: bytes, entry: bytes, log_key: PublicKey, *, origin: str | None = None
) -> ProvenInclusion:
    """Verify a COSE receipt of `entry` under the log's Ed25519 key, offline (RFC 9942 section 5.2).

    `origin` is compared with the signed issuer when given. Raises VerificationError.
    """
    try:
        message = parse_sign1(receipt, unprotected_allowed=(VDP,), size_max=RECEIPT_MAX_BYTES)
        issuer, size_claimed = _read_protected(message, log_key)
        size, index, path = _read_proof(message)
    except InvalidInput as error:
        raise VerificationError(f"receipt: {error.what}", value=error.value) from error
    if origin is not None and issuer != origin:
        raise VerificationError("receipt is by another log", value=issuer)
    if size_claimed != f"tree-size:{size}":
        raise VerificationError("receipt: proof is not for the signed tree size", value=size)
    root = root_from_inclusion(leaf_hash(entry), index, size, path)
    message.verify(log_key, detached_payload=root)
    return ProvenInclusion(issuer, index, size, root)


def claimed_position(receipt: bytes) -> tuple[int, int]:
    """Return (tree size, index) as a receipt claims them, unverified. Raises InvalidInput."""
    message = parse_sign1(receipt, unprotected_allowed=(VDP,), size_max=RECEIPT_MAX_BYTES)
    size, index, _path = _read_proof(message)
    return size, index


def _read_protected(message: Sign1, log_key: PublicKey) -> tuple[str, str]:
    """Return issuer and subject of a receipt; InvalidInput unless exactly the four labels."""
    protected = message.protected
    claims = protected.get(CWT_CLAIMS)
    if set(protected) != {ALG, KID, CWT_CLAIMS, VDS} or protected[VDS] != RFC9162_SHA256:
        raise InvalidInput("protected header is not that of a receipt over an RFC 9162 tree")
    if protected[KID] != log_key.kid:
        raise InvalidInput("signed by another key than the log's", value=protected[KID])
    if not isinstance(claims, dict) or set(claims) != {ISS, SUB}:
        raise InvalidInput("claims of a receipt are iss and sub")
    issuer, subject = claims[ISS], claims[SUB]
    if not isinstance(issuer, str) or not isinstance(subject, str):
        raise InvalidInput("claims of a receipt are text")
    if message.payload is not None:
        raise InvalidInput("payload of a receipt must be detached (RFC 9942 section 5.2.1)")
    return issuer, subject


def _read_proof(message: Sign1) -> tuple[int, int, list[bytes]]:
    """Return tree size, index and path of the one inclusion proof (RFC 9942 section 5.2.1)."""
    proofs = message.unprotected.get(VDP)
    if not isinstance(proofs, dict) or set(proofs) != {INCLUSION}:
        raise InvalidInput("receipt has no inclusion proof")
    blobs = proofs[INCLUSION]
    if not isinstance(blobs, list) or len(blobs) != 1 or not isinstance(blobs[0], bytes):
        raise InvalidInput("receipt has not exactly one inclusion proof")
    parts = decode(blobs[0], size_max=RECEIPT_MAX_BYTES)
    if not isinstance(parts, list) or len(parts) != 3 or not isinstance(parts[2], list):
        raise InvalidInput("an inclusion proof is [size, index, path]")
    size, index, path = parts
    if type(size) is not int or type(index) is not int or not path:
        raise InvalidInput("an inclusion proof is [size, index, path]", value=(size, index))
    if not all(isinstance(item, bytes) for item in path):
        raise InvalidInput("a path is a list of hashes")
    return size, index, path
