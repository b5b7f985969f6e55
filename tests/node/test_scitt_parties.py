"""Who may register statements: the active keys of registered parties, under their own names."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from scitt_cose import sign_sign1

from entrepot.kernel.errors import VerificationError
from entrepot.kernel.keyring import KeyRing
from entrepot.kernel.keys import Algorithm, PrivateKey, PublicKey, key_from_seed, kid_urn
from entrepot.kernel.statement import Statement, parse_statement, sign_statement
from entrepot.node.running import Running, open_running
from entrepot.node.scitt.registering import _authenticate, register
from entrepot.node.settings import read_settings
from entrepot.registry.did import party_did
from entrepot.registry.institution import registry_institution

for folder in ("registry", "kernel"):
    sys.path.append(str(Path(__file__).parents[1] / folder))
from product_world import NOW, ORIGIN, SITE_ID, Party, World, founded  # noqa: E402

P256 = ec.derive_private_key(0x7654321, ec.SECP256R1())
P256_KEY = PublicKey(
    Algorithm.ES256,
    P256.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[tuple[Running, World, Party]]:
    time = [NOW]
    settings = read_settings(
        environment={},
        given={
            "home": str(tmp_path),
            "relying_party.id": SITE_ID,
            "relying_party.origins": [ORIGIN],
        },
    )
    plugged = (registry_institution(),)
    with open_running(settings, institutions=plugged, clock=lambda: time[0]) as running:
        world = founded(running.node, time, days=10, calendar="CN")
        yield running, world, world.admit("Vendor", "provider")


def statement(key: PrivateKey, issuer: str) -> Statement:
    raw = sign_statement(
        key, b"content", issuer=issuer, subject="s", content_type="text/plain", issued_at=NOW
    )
    return parse_statement(raw)


def authenticate(running: Running, found: Statement) -> None:
    with running.node.store.reading() as read:
        _authenticate(running, read, found)


def test_a_party_speaks_under_its_own_names_only(registry: tuple[Running, World, Party]) -> None:
    running, world, vendor = registry
    other = world.admit("Other", "provider")
    for issuer in (kid_urn(vendor.key.kid), vendor.id, party_did(running.url, vendor.id)):
        authenticate(running, statement(vendor.key, issuer))
    for issuer in (other.id, kid_urn(other.key.kid), "https://vendor.example", "Vendor"):
        with pytest.raises(VerificationError, match="not a name of its key"):
            authenticate(running, statement(vendor.key, issuer))


def test_a_revoked_or_unknown_key_registers_nothing(
    registry: tuple[Running, World, Party],
) -> None:
    running, world, vendor = registry
    with pytest.raises(VerificationError, match="registered party"):
        authenticate(running, statement(key_from_seed(b"\x42" * 32), vendor.id))
    world.done(vendor, "revoke-key", {"party": vendor.id, "kid": vendor.key.kid})
    with pytest.raises(VerificationError, match="registered party"):
        authenticate(running, statement(vendor.key, vendor.id))


def foreign(kid: bytes, issuer: str, private: ec.EllipticCurvePrivateKey = P256) -> bytes:
    """A statement on P-256 by scitt-cose."""
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    protected = {4: kid, 258: -16, 259: "text/plain", 15: {1: issuer, 2: "s"}}
    signed: bytes = sign_sign1(
        bytes(32), alg="ES256", private_key_pem=pem, protected=protected, unprotected={}
    )
    return signed


def test_es256_is_verified_under_the_key_named(registry: tuple[Running, World, Party]) -> None:
    running, _world, _vendor = registry
    running.keys = KeyRing({**running.keys.own, P256_KEY.kid: P256_KEY}, running.keys.lookups)
    issuer = kid_urn(P256_KEY.kid)
    authenticate(running, parse_statement(foreign(P256_KEY.kid, issuer)))
    other = ec.derive_private_key(0x1111111, ec.SECP256R1())
    with pytest.raises(VerificationError, match="does not hold"):
        authenticate(running, parse_statement(foreign(P256_KEY.kid, issuer, other)))
    with pytest.raises(VerificationError, match="not a thumbprint"):
        authenticate(running, parse_statement(foreign(b"vendor-key-1", issuer)))


def test_statements_and_acts_share_one_log(registry: tuple[Running, World, Party]) -> None:
    running, world, vendor = registry
    first = register(running, statement(vendor.key, vendor.id).raw)
    product = world.file(vendor)
    assert product == first.index + 1
    again = register(running, statement(vendor.key, vendor.id).raw)
    assert (again.index, again.repeated) == (first.index, True)
    world.done(vendor, "revoke-key", {"party": vendor.id, "kid": vendor.key.kid})
    with pytest.raises(VerificationError):
        register(running, statement(vendor.key, kid_urn(vendor.key.kid)).raw)
