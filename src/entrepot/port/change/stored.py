"""The clearances that a home holds, read back from its records one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from entrepot.kernel.acts import SignedAct, verify_act
from entrepot.kernel.errors import NotFound, VerificationError
from entrepot.kernel.keys import Kid, PublicKey
from entrepot.kernel.record import decode_evidence
from entrepot.kernel.store import RECORDS
from entrepot.port.change.authority import signing_key
from entrepot.port.change.tables import standings
from entrepot.port.clear.acts import shape
from entrepot.port.clear.certificate import Certificate
from entrepot.port.clear.state import CLEARANCES


@dataclass(frozen=True, slots=True)
class Stored:
    """One granted clearance; `certificate` is None once its evidence was erased."""

    index: int
    certificate: Certificate | None
    standing: str
    """What a person decided of it: suspended, superseded, upheld; empty = nothing yet."""


def count_clearances(read: sa.Connection) -> int:
    """Return how many clearances were ever granted here."""
    return int(read.execute(sa.select(sa.func.count()).select_from(CLEARANCES)).scalar_one())


def clearances(read: sa.Connection, keys: Mapping[Kid, PublicKey]) -> Iterator[Stored]:
    """Yield every granted clearance in the order of the log, its signature verified.

    Raises `VerificationError` when one is signed by no key of this home or of a party of it.
    """
    decided = standings(read)
    query = (
        sa.select(CLEARANCES.c.index, RECORDS.c.evidence)
        .join(RECORDS, RECORDS.c.index == CLEARANCES.c.index)
        .order_by(CLEARANCES.c.index)
    )
    for index, evidence in read.execute(query):
        yield Stored(index, _certificate(read, index, evidence, keys), decided.get(index, ""))


def clearance_at(read: sa.Connection, index: int) -> Stored:
    """Return one granted clearance, for a decision of this node, which verified it when it came.

    Raises `NotFound` where the entry is none.
    """
    query = (
        sa.select(RECORDS.c.evidence)
        .join(CLEARANCES, RECORDS.c.index == CLEARANCES.c.index)
        .where(CLEARANCES.c.index == index)
    )
    row = read.execute(query).one_or_none()
    if row is None:
        raise NotFound("there is no granted clearance at this entry", value=index)
    evidence: bytes | None = row[0]
    certificate = None
    if evidence is not None:
        certificate = shape(SignedAct(decode_evidence(evidence).act).unverified_body)
    return Stored(index, certificate, standings(read).get(index, ""))


def _certificate(
    read: sa.Connection, index: int, evidence: bytes | None, keys: Mapping[Kid, PublicKey]
) -> Certificate | None:
    if evidence is None:
        return None
    signed = SignedAct(decode_evidence(evidence).act)
    key = signing_key(read, keys, signed.unverified_kid)
    if key is None:
        raise VerificationError("clearance is signed by a key that is not here", value=index)
    return shape(verify_act(signed, key).body)
