"""What a credential carries so that nobody needs us to check it: entries of the log with receipts.

A certificate is an effect of a public act, so the entry of the log says it whole: kind, subject,
product, term. A receipt (RFC 9942) proves the entry under the log's key, offline. The same holds
for the `add-key` act that made the issuing key what it is. `proven_effects` is the only way here
from bytes to something believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from entrepot.kernel.checkpoint import LogKeys
from entrepot.kernel.decisions import Effect, Outcome, effects_of
from entrepot.kernel.encoding import to_base64url
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import Algorithm, PublicKey
from entrepot.kernel.log import Log
from entrepot.kernel.receipt import verify_receipt
from entrepot.kernel.record import Entry, decode_entry, decode_ruling
from entrepot.registry.jws import from_base64url
from entrepot.registry.state import CERTIFICATE_ISSUED, KEY_ADDED

_WHOLE: Final = 1


@dataclass(frozen=True, slots=True)
class LogProof:
    """An entry of the log and its receipt, as bytes; unverified."""

    index: int
    entry: bytes
    receipt: bytes

    def plain(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "logIndex": self.index,
            "entry": to_base64url(self.entry),
            "receipt": to_base64url(self.receipt),
        }


@dataclass(frozen=True, slots=True)
class ProvenEffects:
    """What a verified entry says was done, when, and in which tree."""

    index: int
    kind: str
    decided_at: int
    tree_size: int
    effects: tuple[Effect, ...]

    def only(self, name: str) -> Mapping[str, object]:
        """Return the values of the one effect of this name. Raises VerificationError."""
        found = [effect.values for effect in self.effects if effect.name == name]
        if len(found) != 1:
            raise VerificationError(f"the entry has {len(found)} effects of this kind", value=name)
        return found[0]


def log_proof(log: Log, index: int) -> LogProof:
    """Return the proof of the entry at `index`. Raises NotFound when it is not published."""
    return LogProof(index, log.tree().entry(index), log.receipt(index))


def read_proof(given: object) -> LogProof:
    """Return a proof from its JSON values, unverified. Raises VerificationError."""
    index = given.get("logIndex") if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or isinstance(index, bool) or not isinstance(index, int):
        raise VerificationError("the proof of the log is malformed")
    entry, receipt = (from_base64url(str(given.get(name))) for name in ("entry", "receipt"))
    return LogProof(index, entry, receipt)


def proven_effects(proof: LogProof, log_keys: LogKeys) -> ProvenEffects:
    """Verify a receipt and open its public entry (steps in order).

    (1) the receipt is the log's and proves the entry  (2) at the index that is claimed
    (3) the entry is a granted, public act  (4) with its ruling in it. Raises VerificationError.
    """
    proven = verify_receipt(proof.receipt, proof.entry, log_keys.ed25519, origin=log_keys.origin)
    if proven.index != proof.index:
        raise VerificationError("the receipt is for another index", value=proven.index)
    try:
        entry = decode_entry(proof.entry)
        if not isinstance(entry, Entry) or entry.outcome is not Outcome.GRANTED:
            raise VerificationError("the entry is no granted act", value=proof.index)
        if entry.ruling[0] != _WHOLE:
            raise VerificationError("the entry is of an act that is not public", value=entry.kind)
        ruling = decode_ruling(entry.ruling[1])
    except InvalidInput as error:
        raise VerificationError(f"entry: {error.what}", value=error.value) from error
    if ruling.decision.outcome is not entry.outcome:
        raise VerificationError("entry and ruling disagree on the outcome", value=proof.index)
    return ProvenEffects(
        proof.index, entry.kind, entry.decided_at, proven.size, effects_of(ruling.decision)
    )


def proven_issuing_key(proof: LogProof, log_keys: LogKeys) -> PublicKey:
    """Return the key that the log says issues credentials. Raises VerificationError."""
    values = proven_effects(proof, log_keys).only(KEY_ADDED)
    raw = values.get("raw")
    if values.get("purpose") != "issuing" or not isinstance(raw, bytes):
        raise VerificationError("the log gives this key another purpose", value=proof.index)
    return PublicKey(Algorithm.ED25519, raw)


def proven_certificate(
    proof: LogProof, log_keys: LogKeys
) -> tuple[ProvenEffects, Mapping[str, object]]:
    """Return the entry and the values of the certificate it issued. Raises VerificationError."""
    proven = proven_effects(proof, log_keys)
    return proven, proven.only(CERTIFICATE_ISSUED)
