"""Judgements that several rules share: identifiers, proofs of possession, keys in use; and effects.

Pure but for the two readers, which are parts of step 3 of whoever calls them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from entrepot.kernel.decisions import Effect, Reason
from entrepot.kernel.errors import VerificationError
from entrepot.kernel.keys import Algorithm
from entrepot.registry import state
from entrepot.registry.acts import IdentifierGiven, ReasonGiven, ed25519_key, possession_message
from entrepot.registry.codes import Code
from entrepot.registry.identifiers import (
    SCHEMES,
    Fault,
    Identifier,
    RefusedIdentifier,
    parse_identifier,
)
from entrepot.registry.tables import IDENTIFIERS, KEYS, MEMBERS, RECOVERIES
from entrepot.registry.words import reason

REGISTRAR = "registrar"
"""The duty that decides applications, recoveries and certificates."""

_FAULT_CODES = {
    Fault.UNKNOWN_SCHEME: Code.IDENTIFIER_SCHEME,
    Fault.MALFORMED: Code.IDENTIFIER_FORM,
    Fault.CHECK_DIGIT: Code.IDENTIFIER_CHECK,
    Fault.NATURAL_PERSON: Code.NATURAL_PERSON,
}


def judge_identifiers(
    given: Sequence[IdentifierGiven], country: str
) -> tuple[list[Identifier], list[Reason]]:
    """Return the well-formed identifiers in their order, and a reason for every other one."""
    found: list[Identifier] = []
    reasons: list[Reason] = []
    for item in given:
        shown = f"{item.scheme}:{item.value}"[:100]
        try:
            identifier = parse_identifier(item.scheme, item.value)
        except RefusedIdentifier as error:
            reasons.append(reason(_FAULT_CODES[error.fault], identifier=shown, why=error.what))
            continue
        issued = SCHEMES[identifier.scheme].country
        if identifier in found:
            reasons.append(reason(Code.IDENTIFIER_TWICE, identifier=identifier.text))
        elif issued and issued != country:
            reasons.append(
                reason(
                    Code.COUNTRY_DIFFERS,
                    identifier=identifier.text,
                    issued=issued,
                    country=country,
                )
            )
        else:
            found.append(identifier)
    return found, reasons


def judge_possession(raw: bytes, proof: bytes, party: str, purpose: str) -> list[Reason]:
    """Return a reason unless `proof` shows that `party` holds the private half of a key."""
    key = ed25519_key(raw)
    try:
        key.verify(proof, possession_message(party, purpose))
    except VerificationError:
        return [reason(Code.KEY_POSSESSION, kid=key.kid.hex()[:16])]
    return []


def taken_identifiers(read: sa.Connection, texts: Sequence[str]) -> tuple[str, ...]:
    """Return which identifiers a party has."""
    query = sa.select(IDENTIFIERS.c.identifier).where(IDENTIFIERS.c.identifier.in_(texts))
    return tuple(sorted(read.execute(query).scalars()))


def used_kids(read: sa.Connection, kids: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return which keys are or were in use, by program or person, or wait in a recovery."""
    used: set[bytes] = set()
    waiting = sa.select(RECOVERIES.c.kid).where(
        RECOVERIES.c.kid.in_(kids), RECOVERIES.c.state == "waiting"
    )
    for query in (
        sa.select(KEYS.c.kid).where(KEYS.c.kid.in_(kids)),
        sa.select(MEMBERS.c.kid).where(MEMBERS.c.kid.in_(kids)),
        waiting,
    ):
        used.update(read.execute(query).scalars())
    return tuple(sorted(used))


def key_added(party: str, raw: bytes, purpose: str) -> Effect:
    """Return the effect that gives a party an Ed25519 key."""
    values: dict[str, object] = {
        "party": party, "raw": raw, "alg": int(Algorithm.ED25519), "purpose": purpose,
    }  # fmt: skip
    return Effect(state.KEY_ADDED, values)


def plain_reasons(given: Sequence[ReasonGiven]) -> list[object]:
    """Return reasons that a person gave as plain values."""
    return [[item.code, item.citation, item.sentence] for item in given]


def occupied(taken: Sequence[str], known: Sequence[bytes]) -> list[Reason]:
    """Return a reason for every identifier and key that somebody has already."""
    return [reason(Code.IDENTIFIER_TAKEN, identifier=text) for text in taken] + [
        reason(Code.KEY_KNOWN, kid=kid.hex()[:16]) for kid in known
    ]


def party_admitted(
    party: str,
    found: Sequence[Identifier],
    *,
    name: str,
    names: Mapping[str, str],
    country: str,
    roles: Sequence[str],
) -> Effect:
    """Return the effect that makes a party."""
    admitted: dict[str, object] = {
        "party": party,
        "identifiers": [item.text for item in found],
        "name": name,
        "names": dict(names),
        "country": country,
        "roles": list(roles),
    }
    return Effect(state.PARTY_ADMITTED, admitted)
