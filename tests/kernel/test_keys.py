"""Keys: RFC 8032 and RFC 9679 vectors, files, and every way a key file can be wrong."""

import copy
import os
import pickle
from pathlib import Path

import pytest

from entrepot.kernel.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    StorageError,
    VerificationError,
)
from entrepot.kernel.keys import (
    Algorithm,
    PublicKey,
    create_key_file,
    key_from_seed,
    kid_urn,
    load_key,
    load_public_key,
    new_key,
    public_key_from_pem,
)

# RFC 8032 section 7.1, test 2.
SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
BOTH = [Algorithm.ED25519, Algorithm.ML_DSA_44]


def test_the_ed25519_vector_of_rfc_8032() -> None:
    key = key_from_seed(SEED)
    assert key.public.raw == PUBLIC
    assert key.sign(b"\x72") == SIGNATURE
    key.public.verify(SIGNATURE, b"\x72")


def test_the_thumbprint_is_that_of_rfc_9679() -> None:
    """The COSE_Key of the required members, written out by hand, hashed."""
    from hashlib import sha256

    cose_key = b"\xa3\x01\x01\x20\x06\x21\x58\x20" + PUBLIC
    kid = key_from_seed(SEED).kid
    assert kid == sha256(cose_key).digest()
    assert kid_urn(kid).startswith("urn:ietf:params:oauth:ckt:sha-256:")
    assert len(kid_urn(kid).rpartition(":")[2]) == 43


@pytest.mark.parametrize("algorithm", BOTH)
def test_signatures_hold_and_changed_ones_do_not(algorithm: Algorithm) -> None:
    key = new_key(algorithm)
    signature = key.sign(b"message")
    assert len(signature) == (64 if algorithm is Algorithm.ED25519 else 2420)
    key.public.verify(signature, b"message")
    for bad, message in [
        (signature, b"massage"),
        (signature[:-1], b"message"),
        (signature + b"\0", b"message"),
        (bytes([signature[0] ^ 1]) + signature[1:], b"message"),
        (b"", b"message"),
    ]:
        with pytest.raises(VerificationError):
            key.public.verify(bad, message)
    with pytest.raises(VerificationError):
        new_key(algorithm).public.verify(signature, b"message")


@pytest.mark.parametrize("algorithm", BOTH)
@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
def test_a_key_file_comes_back(
    tmp_path: Path, algorithm: Algorithm, passphrase: bytes | None
) -> None:
    path = tmp_path / "k.pem"
    key = create_key_file(path, algorithm, passphrase=passphrase)
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(tmp_path.iterdir()) == [path]
    assert load_key(path, passphrase=passphrase).public == key.public
    assert (b"ENCRYPTED" in path.read_bytes()) == (passphrase is not None)


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    create_key_file(path)
    before = path.read_bytes()
    with pytest.raises(Conflict):
        create_key_file(path)
    assert path.read_bytes() == before
    with pytest.raises(StorageError):
        create_key_file(tmp_path / "absent" / "k.pem")
    with pytest.raises(InvalidInput, match="passphrase"):
        create_key_file(tmp_path / "other.pem", passphrase=b"")
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o644])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "k.pem"
    create_key_file(path)
    path.chmod(mode)
    with pytest.raises(InvalidInput, match="others") as caught:
        load_key(path)
    assert "chmod 600" in str(caught.value)


def test_wrong_key_files_have_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        load_key(tmp_path / "absent.pem")
    with pytest.raises(InvalidInput, match="regular"):
        load_key(tmp_path)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    with pytest.raises(InvalidInput, match="regular"):
        load_key(fifo)
    path = tmp_path / "k.pem"
    create_key_file(path, passphrase=b"right")
    for passphrase in (b"wrong", None):
        with pytest.raises(InvalidInput, match="passphrase"):
            load_key(path, passphrase=passphrase)
    plain = tmp_path / "plain.pem"
    create_key_file(plain)
    with pytest.raises(InvalidInput, match="passphrase"):
        load_key(plain, passphrase=b"not wanted")
    whole = plain.read_bytes()
    for damaged in (b"", b"\0" * 50, whole[:60], whole[:40] + b"!!" + whole[42:], whole[30:]):
        plain.write_bytes(damaged)
        with pytest.raises(InvalidInput, match="damaged"):
            load_key(plain)
    plain.write_bytes(b"x" * 20_000)
    with pytest.raises(InvalidInput, match="too large"):
        load_key(plain)


def test_other_kinds_of_keys_are_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    other = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "ec.pem"
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    with pytest.raises(InvalidInput, match="neither"):
        load_key(path)
    other = ec.generate_private_key(ec.SECP384R1())
    pem = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InvalidInput, match="neither"):
        public_key_from_pem(pem)
    with pytest.raises(InvalidInput, match="damaged"):
        public_key_from_pem(b"-----BEGIN PUBLIC KEY-----")
    for algorithm in BOTH:
        with pytest.raises(InvalidInput):
            PublicKey(algorithm, b"short")
    with pytest.raises(InvalidInput, match="32"):
        key_from_seed(b"short")


def test_public_keys_come_back_from_pem(tmp_path: Path) -> None:
    for algorithm in BOTH:
        key = new_key(algorithm).public
        path = tmp_path / f"{algorithm.name}.pub"
        path.write_bytes(key.pem())
        assert load_public_key(path) == key


def test_a_private_key_does_not_show_itself() -> None:
    for algorithm in BOTH:
        key = key_from_seed(SEED, algorithm)
        assert SEED.hex() not in repr(key)
        assert repr(key) == f"PrivateKey({algorithm.name}, kid={key.kid.hex()})"
        with pytest.raises(TypeError):
            pickle.dumps(key)
        with pytest.raises(TypeError):
            copy.deepcopy(key)
