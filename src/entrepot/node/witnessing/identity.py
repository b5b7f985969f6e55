"""The node's own keys as a witness: apart from those of its log, and never used for anything else.

keys/witness.pem          Ed25519: cosigns checkpoints of others (type 0x04)
keys/witness-ml-dsa.pem   ML-DSA-44: cosigns them too (type 0x06)

No `.pub` files: a public Ed25519 key in `keys/` may submit acts, and this one must not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from entrepot.kernel import files
from entrepot.kernel.cosignature import Cosigner
from entrepot.kernel.keys import Algorithm, PrivateKey, PublicKey, create_key_file, load_key
from entrepot.node.witnessing.replacing import replace_file

WITNESS: Final = "witness"
WITNESS_ML_DSA: Final = "witness-ml-dsa"
FRESH: Final = "witness.fresh"
"""Beside keys made just now, until a store has noted that it is their memory."""
_ALGORITHMS: Final = {WITNESS: Algorithm.ED25519, WITNESS_ML_DSA: Algorithm.ML_DSA_44}


def has_cosigner(home: Path) -> bool:
    """Say whether this home has the keys of a witness."""
    return all((home / "keys" / f"{name}.pem").exists() for name in _ALGORITHMS)


def load_cosigner(home: Path, passphrase: bytes | None = None) -> Cosigner:
    """Return the witness of a home. Raises what `load_key` raises."""
    return _cosigner(
        [load_key(home / "keys" / f"{name}.pem", passphrase=passphrase) for name in _ALGORITHMS]
    )


def make_cosigner(home: Path, passphrase: bytes | None = None) -> Cosigner:
    """Make the missing keys of a witness and return it; one that is there is kept.

    Raises StorageError when the disk refuses.
    """
    keys = []
    try:
        files.make_directories(home / "keys")
    except OSError as error:
        raise files.storage_error(error, home / "keys") from error
    for name, algorithm in _ALGORITHMS.items():
        path = home / "keys" / f"{name}.pem"
        if path.exists():
            keys.append(load_key(path, passphrase=passphrase))
            continue
        if name == WITNESS:
            mark_fresh(home)
        keys.append(create_key_file(path, algorithm, passphrase=passphrase))
    return _cosigner(keys)


def mark_fresh(home: Path) -> None:
    """Note that the keys about to be made have cosigned nothing yet. Raises StorageError."""
    replace_file(home / "keys" / FRESH, b"these keys have cosigned nothing yet\n")


def is_fresh(home: Path) -> bool:
    """Say whether the keys were made just now and no store is their memory yet."""
    return (home / "keys" / FRESH).exists()


def forget_fresh(home: Path) -> None:
    """Remove the mark: from now on these keys are worth nothing without their memory."""
    try:
        files.remove_durable(home / "keys" / FRESH)
    except OSError as error:
        raise files.storage_error(error, home / "keys" / FRESH) from error


def _cosigner(keys: list[PrivateKey]) -> Cosigner:
    ed25519, ml_dsa = keys
    return Cosigner(witness_name(ed25519.public), ed25519, ml_dsa)


def witness_name(ed25519: PublicKey) -> str:
    """Return the name of a witness, made from its first key's thumbprint.

    `.invalid` never resolves (RFC 6761): the name is an identity, not a place.
    """
    return f"witness-{ed25519.kid.hex()[:16]}.entrepot.invalid"
