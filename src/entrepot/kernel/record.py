"""Records and log entries: what one decided act leaves behind, and what of it the log shows.

A record has two parts. *Evidence* is the signed act and the facts relied on: it may hold personal
data, stays in the store and can be erased. The *ruling* is issuer, law, reasons and effects: state
is rebuilt from it, so it is kept. The log entry shows kind, act id, time and outcome, and of each
part either a salted commitment (HMAC-SHA-256 under 32 random bytes, RFC 2104) or, for public kinds,
the part itself. Without its salt a commitment says nothing; with it, it opens to one content only.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from entrepot.kernel.acts import ActId
from entrepot.kernel.decisions import (
    Decision,
    Effect,
    Granted,
    Outcome,
    Reason,
    Referred,
    Refused,
    effects_of,
)
from entrepot.kernel.encoding import (
    ARRAY,
    MAP,
    TEXT,
    UNSIGNED,
    decode,
    decode_map,
    encode,
    head,
    item_bytes,
)
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.institution import Facts
from entrepot.kernel.keys import Kid
from entrepot.kernel.statement import STATEMENT_HEAD, parse_statement

ENTRY_FORMAT: Final = 1
SALT_BYTES: Final = 32
GENESIS, ERASURE, STATEMENT = "genesis", "erasure", "statement"
"""Kinds of entries that are no acts; no institution may use the names.

Genesis and erasure the log writes about itself; a statement is a foreign SCITT Signed Statement,
registered as it is (`kernel.statement`).
"""

_FORMAT, _KIND, _ACT_ID, _AT, _OUTCOME, _EVIDENCE, _RULING, _SUBJECT = range(1, 9)
_COMMITTED, _WHOLE = 0, 1
_ENTRY_HEAD: Final = b"".join(
    (head(MAP, 7), head(UNSIGNED, _FORMAT), head(UNSIGNED, ENTRY_FORMAT), head(UNSIGNED, _KIND))
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """One part of a record with its salt; an empty salt means that the part is public."""

    content: bytes
    salt: bytes

    def shown(self) -> tuple[int, bytes]:
        """Return what the entry shows: (0, commitment) or (1, content)."""
        if not self.salt:
            return _WHOLE, self.content
        return _COMMITTED, commitment(self.salt, self.content)

    def matches(self, shown: tuple[int, bytes]) -> bool:
        """Say whether this part is the one that an entry shows."""
        expected = self.shown()
        return expected[0] == shown[0] and hmac.compare_digest(bytes(shown[1]), expected[1])


@dataclass(frozen=True, slots=True)
class Evidence:
    """The signed act, byte for byte, and the facts the decision relied on."""

    act: bytes
    facts: dict[str, object]


@dataclass(frozen=True, slots=True)
class Ruling:
    """Who asked, under which law (hashes), and the decision with reasons or effects."""

    issuer: Kid
    law: tuple[str, ...]
    decision: Decision


@dataclass(frozen=True, slots=True)
class Entry:
    """A decoded entry of an act; `evidence` and `ruling` are (0, commitment) or (1, content)."""

    kind: str
    act_id: ActId
    decided_at: int
    outcome: Outcome
    evidence: tuple[int, bytes]
    ruling: tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """A decoded entry that is no act: genesis (vkeys), erasure (an index), statement (SHA-256)."""

    kind: str
    at: int
    subject: object


def commitment(salt: bytes, content: bytes) -> bytes:
    """Return HMAC-SHA-256(salt, content): hiding while the salt is secret, binding always."""
    return hmac.digest(salt, content, hashlib.sha256)


def encode_evidence(act: bytes, facts: Facts) -> bytes:
    """Return the bytes of the evidence; InvalidInput when a fact is not a plain value."""
    return encode({1: act, 2: facts.values})


def decode_evidence(content: bytes) -> Evidence:
    """Return the evidence from its bytes, or raise InvalidInput."""
    parts = decode_map(content)
    act, facts = parts.get(1), parts.get(2)
    if set(parts) != {1, 2} or not isinstance(act, bytes) or not isinstance(facts, dict):
        raise InvalidInput("evidence is an act and its facts")
    return Evidence(act, facts)


def encode_ruling(issuer: Kid, law: Sequence[str], decision: Decision) -> bytes:
    """Return the bytes of the ruling; InvalidInput when an effect is not a plain value."""
    reasons = () if isinstance(decision, Granted) else decision.reasons
    return encode(
        {
            1: issuer,
            2: list(law),
            3: int(decision.outcome),
            4: [[item.code, item.citation, item.sentence] for item in reasons],
            5: decision.to if isinstance(decision, Referred) else "",
            6: [[item.name, item.values] for item in effects_of(decision)],
        }
    )


class _RulingParts(msgspec.Struct, frozen=True):
    issuer: bytes
    law: tuple[str, ...]
    outcome: Outcome
    reasons: tuple[tuple[str, str, str], ...]
    to: str
    effects: tuple[tuple[str, dict[str, object]], ...]


def decode_ruling(content: bytes) -> Ruling:
    """Return the ruling from its bytes, or raise InvalidInput."""
    parts = decode_map(content)
    if set(parts) != set(range(1, 7)):
        raise InvalidInput("a ruling has six parts")
    named = dict(zip(_RulingParts.__struct_fields__, (parts[i] for i in range(1, 7)), strict=True))
    try:
        found = msgspec.convert(named, _RulingParts)
    except msgspec.ValidationError as error:
        raise InvalidInput("a part of the ruling has the wrong type", value=error) from error
    reasons = tuple(Reason(*item) for item in found.reasons)
    decision: Decision
    if found.outcome is Outcome.GRANTED:
        decision = Granted(tuple(Effect(*item) for item in found.effects))
    elif found.outcome is Outcome.REFUSED:
        decision = Refused(reasons)
    else:
        decision = Referred(reasons, found.to)
    return Ruling(Kid(found.issuer), found.law, decision)


def encode_entry(
    kind: str, act_id: ActId, at: int, outcome: Outcome, *, evidence: Sealed, ruling: Sealed
) -> bytes:
    """Return the bytes of the log entry of an act (one leaf of the tree)."""
    name = kind.encode()
    return b"".join(
        (
            _ENTRY_HEAD,
            head(TEXT, len(name)) + name,
            head(UNSIGNED, _ACT_ID) + item_bytes(act_id),
            head(UNSIGNED, _AT) + head(UNSIGNED, at),
            head(UNSIGNED, _OUTCOME) + head(UNSIGNED, outcome),
            head(UNSIGNED, _EVIDENCE) + _part(evidence),
            head(UNSIGNED, _RULING) + _part(ruling),
        )
    )


def _part(part: Sealed) -> bytes:
    how, content = part.shown()
    return head(ARRAY, 2) + head(UNSIGNED, how) + item_bytes(content)


def encode_own_entry(kind: str, at: int, subject: object) -> bytes:
    """Return an entry of the log about itself: genesis with its vkeys, erasure with an index."""
    return encode({_FORMAT: ENTRY_FORMAT, _KIND: kind, _AT: at, _SUBJECT: subject})


class _EntryParts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    act_id: bytes
    decided_at: int
    outcome: Outcome
    evidence: tuple[int, bytes]
    ruling: tuple[int, bytes]


def decode_entry(content: bytes) -> Entry | OwnEntry:
    """Return a log entry from its bytes, or raise InvalidInput."""
    if content.startswith(STATEMENT_HEAD):
        statement = parse_statement(content)
        # Its time is its issuer's word: it says nothing of ours.
        return OwnEntry(STATEMENT, statement.issued_at or 0, statement.digest)
    parts = decode(content)
    if not isinstance(parts, dict) or parts.get(_FORMAT) != ENTRY_FORMAT:
        raise InvalidInput("not an entry of a format known here")
    kind, at = parts.get(_KIND), parts.get(_AT)
    if kind in (GENESIS, ERASURE):
        if set(parts) != {_FORMAT, _KIND, _AT, _SUBJECT} or not isinstance(at, int):
            raise InvalidInput("malformed entry of the log about itself", value=kind)
        return OwnEntry(str(kind), at, parts[_SUBJECT])
    names = dict(enumerate(_EntryParts.__struct_fields__, start=_KIND))
    named = {names.get(key, str(key)): value for key, value in parts.items() if key != _FORMAT}
    try:
        found = msgspec.convert(named, _EntryParts)
    except msgspec.ValidationError as error:
        raise InvalidInput("a part of the entry has the wrong type", value=error) from error
    return Entry(
        found.kind,
        ActId(found.act_id),
        found.decided_at,
        found.outcome,
        found.evidence,
        found.ruling,
    )


def open_sealed(shown: tuple[int, bytes], part: Sealed, *, name: str) -> bytes:
    """Return the content of a part if it is what the entry shows, else VerificationError."""
    if not part.matches(shown):
        raise VerificationError(f"{name} does not open the commitment in the log entry")
    return part.content
