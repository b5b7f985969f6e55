"""Registering foreign statements in the log (RFC 9943 section 6.3), in numbered steps.

    1  read the statement           2  find the issuer's key, verify the signature
    3  apply the registration policy    4  append the statement itself as a leaf, once
    5  give the receipt, after the checkpoint is published

The registration policy is itself registered as a statement by this node before the first foreign
one, as RFC 9943 section 5.1.1 asks. The keys it trusts are those of registered parties, which are
acts in the same log.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final
from weakref import WeakSet

import sqlalchemy as sa

from entrepot.kernel.errors import InvalidInput, StorageError, VerificationError
from entrepot.kernel.keys import Kid, kid_urn
from entrepot.kernel.record import decode_entry
from entrepot.kernel.statement import RECEIPTS, Statement, parse_statement, sign_statement
from entrepot.kernel.store import Store
from entrepot.node.running import REGISTRY, Running
from entrepot.registry.did import party_did
from entrepot.registry.views import key_of

POLICY: Final = b"""Registration policy of this transparency service, version 1

1. A statement is a COSE_Sign1 message with a hash envelope: its payload is the hash of what it is
   about, SHA-256, SHA-384 or SHA-512. What is registered is public for ever; a hash says nothing
   of a person to those who do not hold the content.
2. Its key id (label 4) is the COSE key thumbprint (RFC 9679, SHA-256) of a key that acts for a
   registered party, active when the statement is registered. Ed25519 or ECDSA on P-256.
3. Its issuer (CWT claim 1) is the thumbprint URI of that key, the identifier of the party, or the
   party's DID at this node.
4. Its subject (CWT claim 2) is a text of 1 to 8,192 characters. The service does not judge it.
5. The unprotected header is not registered.
6. The same statement is registered once; asked again, the service gives another receipt.
"""
POLICY_PATH: Final = "/scitt/policy"
POLICY_SUBJECT: Final = "registration-policy"
UNPROTECTED_IGNORED: Final = (RECEIPTS, 33)
"""Receipts of other logs and x5chain may come along; they are left out of the leaf."""

LOCAL: Final = sa.MetaData()
STATEMENTS: Final = sa.Table(
    "local_statements",
    LOCAL,
    sa.Column("digest", sa.LargeBinary, primary_key=True, comment="SHA-256 of the leaf"),
    sa.Column("index", sa.BigInteger, nullable=False),
    sa.Column("kid", sa.LargeBinary, nullable=False),
    sa.Column("payload_hash", sa.LargeBinary, nullable=False),
    comment="which statements are in the log already; lost, a statement may be registered twice",
)
_ready: WeakSet[Store] = WeakSet()


@dataclass(frozen=True, slots=True)
class Registered:
    """Where a statement is in the log, and the receipt of the newest published tree."""

    index: int
    receipt: bytes
    repeated: bool


def register(running: Running, raw: bytes) -> Registered:
    """Register a statement; durable and published when this returns.

    Raises InvalidInput (not a statement, outside the policy), VerificationError (key not known,
    signature, issuer), StorageError, NotLeader.
    """
    statement = parse_statement(raw, unprotected_allowed=UNPROTECTED_IGNORED)
    with running.node.store.reading() as read:
        _authenticate(running, read, statement)
    _require_readable(statement)
    index, repeated = _append_once(running, statement)
    return Registered(index, running.node.log.receipt(index), repeated)


def _authenticate(running: Running, read: sa.Connection, statement: Statement) -> None:
    """Steps 2 and 3: whose key it is, whether it signed, and under which name."""
    if len(statement.kid) != 32:
        raise VerificationError(
            "key id of the statement is not a thumbprint",
            value=statement.kid.hex()[:64],
            remedy="use the COSE key thumbprint, SHA-256 (RFC 9679)",
        )
    kid = Kid(statement.kid)
    key = running.keys.find(read, kid)
    if key is None:
        raise VerificationError(
            "key of the statement is not one of a registered party",
            value=kid.hex(),
            remedy="become a party of this node, or register with the node you are a party of",
        )
    statement.verify(key)
    if statement.issuer not in _names(running, read, kid):
        raise VerificationError(
            "issuer of the statement is not a name of its key",
            value=statement.issuer,
            remedy=f"write {kid_urn(kid)}, or the identifier of the party",
        )


def _names(running: Running, read: sa.Connection, kid: Kid) -> set[str]:
    """Return the issuer names under which a key may speak."""
    names = {kid_urn(kid)}
    if any(institution.name == REGISTRY for institution in running.institutions):
        view = key_of(read, kid)
        if view is not None and view.is_active:
            names |= {view.party, party_did(running.url, view.party)}
    return names


def _require_readable(statement: Statement) -> None:
    """Refuse what our own readers of the log would not understand afterwards."""
    try:
        decode_entry(statement.raw)
    except InvalidInput:
        raise InvalidInput(
            "this node does not take statements of others",
            remedy="submit acts of its own kinds to /acts",
        ) from None


def _append_once(running: Running, statement: Statement) -> tuple[int, bool]:
    """Step 4: append the statement if it is not there; return its index and whether it was.

    One transaction for the leaf and the row that remembers it, behind the one writer.
    """
    node = running.node
    ensure_tables(node.store)
    with node.sequencer.pausing():
        node.log.publish()
        try:
            with node.store.writing() as write:
                known = _index_of(write, statement.digest)
                if known is not None:
                    return known, True
                _authenticate(running, write, statement)  # it may have been revoked meanwhile
                fresh = [*_policy_if_missing(running, write), statement]
                staged = node.log.sequence(write, [item.raw for item in fresh])
                rows = [
                    {
                        "digest": item.digest,
                        "index": index,
                        "kid": item.kid,
                        "payload_hash": item.payload_hash,
                    }
                    for index, item in enumerate(fresh, start=staged.first)
                ]
                write.execute(STATEMENTS.insert(), rows)
        except StorageError:
            node.log.recover()
            raise
        node.log.adopt(staged)
        node.log.publish()
    return staged.first + len(fresh) - 1, False


def _index_of(read: sa.Connection, digest: bytes) -> int | None:
    query = sa.select(STATEMENTS.c.index).where(STATEMENTS.c.digest == digest)
    index: int | None = read.execute(query).scalar_one_or_none()
    return index


def _policy_if_missing(running: Running, read: sa.Connection) -> list[Statement]:
    """Return the statement of our policy when this log does not have it yet."""
    key = running.node.party
    found = sa.and_(
        STATEMENTS.c.kid == key.kid,
        STATEMENTS.c.payload_hash == hashlib.sha256(POLICY).digest(),
    )
    if read.execute(sa.select(STATEMENTS.c.index).where(found).limit(1)).first() is not None:
        return []
    raw = sign_statement(
        key,
        POLICY,
        issuer=kid_urn(key.kid),
        subject=POLICY_SUBJECT,
        content_type="text/plain; charset=utf-8",
        issued_at=running.clock(),
        location=running.url + POLICY_PATH,
    )
    return [parse_statement(raw)]


def ensure_tables(store: Store) -> None:
    """Create the local table once per open store; a follower relies on its leader's."""
    if store not in _ready:
        if store.held():
            store.create_tables(LOCAL)
        _ready.add(store)
