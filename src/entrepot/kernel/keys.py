"""Keys: Ed25519 (RFC 8032) for acts, checkpoints and receipts; ML-DSA-44 (FIPS 204) beside it.

ES256 (ECDSA on P-256, RFC 9053 2.1) is verified only: it is what the passkeys of persons sign with.

A key's name is the SHA-256 thumbprint of its COSE key (RFC 9679). Private keys live in PKCS #8 PEM
files of mode 0600 (RFC 5958), optionally under a passphrase; they are never printed, and their
repr shows only the thumbprint. Who a key belongs to is not known here.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import NewType

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from entrepot.kernel import files
from entrepot.kernel.encoding import encode, to_base64url
from entrepot.kernel.errors import Conflict, InvalidInput, NotFound, StorageError, VerificationError

Kid = NewType("Kid", bytes)
"""Key id: the 32-byte SHA-256 COSE key thumbprint (RFC 9679 section 3)."""

KEY_FILE_MAX_BYTES = 16_384
"""A PEM key is below 300 bytes; anything much larger is not a key."""


class Algorithm(IntEnum):
    """COSE algorithm numbers in use (IANA COSE registry; RFC 9053, ML-DSA for COSE)."""

    ED25519 = -8
    """EdDSA. The newer number -19 (RFC 9864) means the same; foreign verifiers know -8 today."""
    ML_DSA_44 = -48
    ES256 = -7


ED25519_SIGNATURE_BYTES = ES256_SIGNATURE_BYTES = 64
P256_POINT_BYTES = 65
"""An uncompressed point of P-256: 0x04, x, y (SEC 1, 2.3.3)."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key: algorithm and raw bytes.

    32 bytes for Ed25519, 1,312 for ML-DSA-44, 65 (an uncompressed point) for ES256.
    """

    algorithm: Algorithm
    raw: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse bytes that are no key of this algorithm, so that `verify` cannot meet them."""
        _loaded(self.algorithm, self.raw)

    @property
    def kid(self) -> Kid:
        """The key's thumbprint (RFC 9679 section 3)."""
        return _thumbprint(self.algorithm, self.raw)

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return if `signature` over `message` holds, raise VerificationError if it does not.

        Ed25519 is verified by libsodium, which lets other threads of Python run meanwhile and is
        strict about small orders and encodings; ES256 takes r and s, 32 bytes each (RFC 9053 2.1).
        """
        try:
            _verify(self.algorithm, self.raw, signature, message)
        except (InvalidSignature, BadSignatureError, ValueError):
            raise VerificationError(
                "signature does not hold",
                value=f"key {self.kid.hex()[:16]}",
                remedy="the bytes were changed, or another key signed them",
            ) from None

    def pem(self) -> bytes:
        """Return the key as SubjectPublicKeyInfo PEM (RFC 8410 for Ed25519, RFC 5480 for P-256)."""
        key = _loaded(self.algorithm, self.raw)
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True, repr=False)
class PrivateKey:
    """A private key that signs. Its repr names the key and never shows it."""

    public: PublicKey
    _secret: Ed25519PrivateKey | MLDSA44PrivateKey

    def __repr__(self) -> str:
        """Show the algorithm and the thumbprint only."""
        return f"PrivateKey({self.public.algorithm.name}, kid={self.kid.hex()})"

    def __reduce__(self) -> tuple[object, ...]:
        """Refuse to be pickled: a secret leaves only through `create_key_file`."""
        raise TypeError("a private key is not picklable")

    @property
    def kid(self) -> Kid:
        """The thumbprint of the public half."""
        return self.public.kid

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message` (64 bytes Ed25519, 2,420 bytes ML-DSA-44)."""
        return self._secret.sign(message)


def kid_urn(kid: Kid) -> str:
    """Return the thumbprint URI of a key (RFC 9679 section 5.6)."""
    return f"urn:ietf:params:oauth:ckt:sha-256:{to_base64url(kid)}"


def new_key(algorithm: Algorithm = Algorithm.ED25519) -> PrivateKey:
    """Make a key from the operating system's randomness."""
    if algorithm is Algorithm.ED25519:
        return _wrap(Ed25519PrivateKey.generate())
    return _wrap(MLDSA44PrivateKey.generate())


def key_from_seed(seed: bytes, algorithm: Algorithm = Algorithm.ED25519) -> PrivateKey:
    """Make a key from a 32-byte seed (RFC 8032 5.1.5; FIPS 204 KeyGen); for tests and vectors."""
    if len(seed) != 32:
        raise InvalidInput("a key seed has 32 bytes", value=len(seed))
    if algorithm is Algorithm.ED25519:
        return _wrap(Ed25519PrivateKey.from_private_bytes(seed))
    return _wrap(MLDSA44PrivateKey.from_seed_bytes(seed))


def create_key_file(
    path: Path, algorithm: Algorithm = Algorithm.ED25519, *, passphrase: bytes | None = None
) -> PrivateKey:
    """Make a key and write it to a new file of mode 0600; durable when this returns.

    Raises Conflict when the file exists (a key is never overwritten) and StorageError when the
    disk refuses; then no file is left behind.
    """
    key = new_key(algorithm)
    locked: KeySerializationEncryption = NoEncryption()
    if passphrase is not None:
        if not passphrase:
            raise InvalidInput("the passphrase is empty", remedy="give one, or none at all")
        locked = BestAvailableEncryption(passphrase)
    pem = key._secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    try:
        files.create_durable(path, pem, mode=0o600)
    except FileExistsError:
        raise Conflict(
            "a key file of this name exists", value=path, remedy="choose another name"
        ) from None
    return key


def load_key(path: Path, *, passphrase: bytes | None = None) -> PrivateKey:
    """Read a private key file.

    Raises NotFound when absent, StorageError when unreadable, InvalidInput when others may read
    it (mode beyond 0600), when it is no Ed25519 or ML-DSA-44 key, or the passphrase is wrong.
    """
    pem = _read_key_file(path, private=True)
    try:
        secret = load_pem_private_key(pem, passphrase)
    except TypeError:
        raise InvalidInput(
            "passphrase is missing or not wanted for this key",
            value=path,
            remedy="give the passphrase only when the key was made with one",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        # The cause is not chained: its text may quote key material.
        raise InvalidInput(
            "key file is damaged, or the passphrase is wrong",
            value=path,
            remedy="restore it from a backup; a lost key cannot be made again",
        ) from None
    if not isinstance(secret, Ed25519PrivateKey | MLDSA44PrivateKey):
        raise InvalidInput("key is neither Ed25519 nor ML-DSA-44", value=path)
    return _wrap(secret)


def load_public_key(path: Path) -> PublicKey:
    """Read a public key file (SubjectPublicKeyInfo PEM); errors as `load_key`."""
    return public_key_from_pem(_read_key_file(path, private=False), where=str(path))


def public_key_from_pem(pem: bytes, *, where: str = "public key") -> PublicKey:
    """Return the key in SubjectPublicKeyInfo PEM, or raise InvalidInput."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidInput("public key is damaged", value=where) from None
    if isinstance(key, Ed25519PublicKey):
        return PublicKey(Algorithm.ED25519, key.public_bytes_raw())
    if isinstance(key, MLDSA44PublicKey):
        return PublicKey(Algorithm.ML_DSA_44, key.public_bytes_raw())
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return PublicKey(Algorithm.ES256, point)
    raise InvalidInput("key is neither Ed25519, ML-DSA-44 nor P-256", value=where)


def _read_key_file(path: Path, *, private: bool) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NotFound(
            "key file does not exist", value=path, remedy="entrepot keys new NAME makes one"
        ) from None
    except OSError as error:
        raise StorageError(f"key file cannot be read ({error.strerror})", value=path) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise InvalidInput("key file is not a regular file", value=path)
        if private and status.st_mode & 0o077:
            raise InvalidInput(
                f"private key can be read by others (mode {stat.S_IMODE(status.st_mode):04o})",
                value=path,
                remedy=f"chmod 600 {path}, and replace the key if others may have read it",
            )
        if status.st_size > KEY_FILE_MAX_BYTES:
            raise InvalidInput("file is too large to be a key", value=path)
        return os.read(descriptor, KEY_FILE_MAX_BYTES)
    finally:
        os.close(descriptor)


def _wrap(secret: Ed25519PrivateKey | MLDSA44PrivateKey) -> PrivateKey:
    raw = secret.public_key().public_bytes_raw()
    is_ed25519 = isinstance(secret, Ed25519PrivateKey)
    return PrivateKey(
        PublicKey(Algorithm.ED25519 if is_ed25519 else Algorithm.ML_DSA_44, raw), secret
    )


@lru_cache(maxsize=4096)
def _loaded(
    algorithm: Algorithm, raw: bytes
) -> Ed25519PublicKey | MLDSA44PublicKey | ec.EllipticCurvePublicKey:
    """Parse a public key once: parsing costs about a tenth of a verification."""
    try:
        if algorithm is Algorithm.ED25519:
            return Ed25519PublicKey.from_public_bytes(raw)
        if algorithm is Algorithm.ES256:
            if len(raw) != P256_POINT_BYTES:
                raise ValueError("not an uncompressed point")
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
        return MLDSA44PublicKey.from_public_bytes(raw)
    except ValueError:
        raise InvalidInput(f"not a public key of {algorithm.name}", value=raw[:16].hex()) from None


def _verify(algorithm: Algorithm, raw: bytes, signature: bytes, message: bytes) -> None:
    """Raise one of the libraries' errors when the signature does not hold."""
    if algorithm is Algorithm.ED25519:
        if len(signature) != ED25519_SIGNATURE_BYTES:
            raise InvalidSignature
        crypto_sign_open(signature + message, raw)
        return
    key = _loaded(algorithm, raw)
    if isinstance(key, ec.EllipticCurvePublicKey):
        if len(signature) != ES256_SIGNATURE_BYTES:
            raise InvalidSignature
        r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    else:
        key.verify(signature, message)


@lru_cache(maxsize=4096)
def _thumbprint(algorithm: Algorithm, raw: bytes) -> Kid:
    """RFC 9679 section 3: SHA-256 over the deterministic CBOR of the required COSE_Key members."""
    if algorithm is Algorithm.ED25519:
        cose_key: dict[int, object] = {1: 1, -1: 6, -2: raw}  # OKP, Ed25519 (RFC 9053 7.1, 7.2)
    elif algorithm is Algorithm.ES256:
        cose_key = {1: 2, -1: 1, -2: raw[1:33], -3: raw[33:]}  # EC2, P-256 (RFC 9053 7.1.1)
    else:
        cose_key = {1: 7, 3: int(algorithm), -1: raw}  # AKP (ML-DSA for COSE)
    return Kid(hashlib.sha256(encode(cose_key)).digest())
