"""What a node answers, as values; and the check that turns an answer into a proven one."""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.kernel.checkpoint import LogKeys
from entrepot.kernel.cose import CTI, CWT_CLAIMS, SUB, parse_sign1
from entrepot.kernel.decisions import Effect, Granted, Reason, Referred
from entrepot.kernel.errors import (
    Conflict,
    Error,
    InvalidInput,
    NotFound,
    StorageError,
    VerificationError,
    visible,
)
from entrepot.kernel.receipt import ProvenInclusion, verify_receipt
from entrepot.kernel.record import (
    Entry,
    OwnEntry,
    Ruling,
    decode_entry,
    decode_evidence,
    decode_ruling,
)


class ActAnswer(msgspec.Struct, frozen=True):
    """The node's answer to one act. `outcome` is `granted`, `refused` or `referred` (to `to`).

    `entry` is the log entry at `index`, `receipt` its COSE receipt in the tree of `tree_size`.
    """

    index: int
    tree_size: int
    outcome: str
    to: str
    reasons: tuple[Reason, ...]
    effects: tuple[Effect, ...]
    entry: bytes
    receipt: bytes
    repeated: bool

    def verify(self, act: bytes, keys: LogKeys) -> ProvenInclusion:
        """Prove offline that the log holds the entry of `act`, under pinned keys of the log.

        (1) the receipt proves the entry at `index` of the tree of `tree_size`; (2) the entry is
        that of this act: kind, act id, outcome and, where the log shows them, the act itself, its
        reasons and effects. What a private entry commits to is proven by its opening
        (`Client.opening`). Raises VerificationError.
        """
        entry = _read(
            verify_entry(self.entry, self.receipt, self.index, keys, tree_size=self.tree_size)
        )
        if not isinstance(entry, Entry):
            raise VerificationError("the entry of the answer is not that of an act")
        claims = parse_sign1(act).protected.get(CWT_CLAIMS)
        if not isinstance(claims, dict) or (entry.kind, entry.act_id) != (
            claims.get(SUB),
            claims.get(CTI),
        ):
            raise VerificationError("the answer is about another act")
        if entry.outcome.name.lower() != self.outcome:
            raise VerificationError("answer and entry disagree on the outcome", value=self.outcome)
        shown, ruling = _shown_act(entry), _shown_ruling(entry)
        if shown is not None and shown != act:
            raise VerificationError("the entry of the answer shows another act")
        if ruling is not None and _said(ruling) != (self.to, self.reasons, self.effects):
            raise VerificationError("answer and entry disagree on reasons or effects")
        return verify_receipt(self.receipt, self.entry, keys.ed25519, origin=keys.origin)


class EntryView(msgspec.Struct, frozen=True):
    """What everybody may read of an entry; `entry` is its bytes, the rest is read from them."""

    index: int
    tree_size: int
    kind: str
    at: int
    entry: bytes
    act_id: str = ""
    outcome: str = ""
    to: str = ""
    reasons: tuple[Reason, ...] = ()

    def verify(self) -> None:
        """Hold what the node says of the entry to the entry. Raises VerificationError."""
        entry = _read(self.entry)
        if isinstance(entry, OwnEntry):
            same = (self.kind, self.at, self.act_id, self.outcome, self.to, self.reasons) == (
                entry.kind,
                entry.at,
                "",
                "",
                "",
                (),
            )
        else:
            ruling = _shown_ruling(entry)
            to, reasons, _effects = _said(ruling) if ruling is not None else ("", (), ())
            same = (self.kind, self.at, self.act_id, self.outcome, self.to, self.reasons) == (
                entry.kind,
                entry.decided_at,
                entry.act_id.hex(),
                entry.outcome.name.lower(),
                to,
                reasons,
            )
        if not same:
            raise VerificationError("what the node says of the entry is not what it holds")


def verify_entry(
    entry: bytes, receipt: bytes, index: int, keys: LogKeys, *, tree_size: int | None = None
) -> bytes:
    """Return an entry when its receipt proves it at `index`, of the tree of `tree_size` if given.

    Raises VerificationError.
    """
    proven = verify_receipt(receipt, entry, keys.ed25519, origin=keys.origin)
    if proven.index != index or tree_size not in (None, proven.size):
        raise VerificationError("answer and receipt name different places in the log")
    return entry


def _read(entry: bytes) -> Entry | OwnEntry:
    try:
        return decode_entry(entry)
    except InvalidInput as error:
        raise VerificationError(f"entry: {error.what}", value=error.value) from error


def _shown_act(entry: Entry) -> bytes | None:
    """Return the act as a public entry shows it; None for a private one."""
    is_public, content = entry.evidence
    try:
        return decode_evidence(content).act if is_public else None
    except InvalidInput as error:
        raise VerificationError(f"evidence: {error.what}", value=error.value) from error


def _shown_ruling(entry: Entry) -> Ruling | None:
    is_public, content = entry.ruling
    try:
        return decode_ruling(content) if is_public else None
    except InvalidInput as error:
        raise VerificationError(f"ruling: {error.what}", value=error.value) from error


def _said(ruling: Ruling) -> tuple[str, tuple[Reason, ...], tuple[Effect, ...]]:
    """Return to whom a ruling refers, its reasons, its effects, as an answer in JSON says them."""
    decision = ruling.decision
    effects = decision.effects if isinstance(decision, Granted) else ()
    return (
        decision.to if isinstance(decision, Referred) else "",
        () if isinstance(decision, Granted) else decision.reasons,
        msgspec.json.decode(msgspec.json.encode(effects), type=tuple[Effect, ...]),
    )


class NodeError(Error):
    """The node failed at a request; `status` is what it answered."""

    code = "node"

    def __init__(self, what: str, *, status: int, value: object = None, remedy: str = "") -> None:
        """Keep the HTTP status."""
        super().__init__(what, value=value, remedy=remedy)
        self.status = status


class Unreachable(StorageError):
    """The node did not answer in the time given; whether it took the acts is not known.

    Send the same bytes again later: the answer will be the same.
    """

    code = "unreachable"


_BY_STATUS: dict[int, type[Error]] = {
    401: VerificationError,
    403: VerificationError,
    404: NotFound,
    409: Conflict,
    400: InvalidInput,
    408: InvalidInput,
    413: InvalidInput,
    415: InvalidInput,
    422: InvalidInput,
    503: StorageError,
}


_SAID_MAX = 500
"""Characters kept of what a node says in an error."""


def error_of(problem: dict[str, Any], status: int) -> Error:
    """Return the error that an RFC 9457 object tells of, in our own tree of errors."""
    what = _text_of(problem.get("title")) or f"the node answered {status}"
    value, remedy = _text_of(problem.get("value")) or None, _text_of(problem.get("remedy"))
    kind = _BY_STATUS.get(status)
    if kind is None:
        return NodeError(what, status=status, value=value, remedy=remedy)
    return kind(what, value=value, remedy=remedy)


def _text_of(said: object) -> str:
    return visible(said[:_SAID_MAX]) if isinstance(said, str) else ""


def answer_or_error(item: dict[str, Any]) -> ActAnswer | Error:
    """Return one element of the list that answers a sequence of acts. Raises NodeError."""
    if "receipt" in item:
        try:
            return msgspec.convert(item, ActAnswer)
        except (ValueError, RecursionError) as error:
            what = "the node's answer to an act cannot be read"
            raise NodeError(what, status=200, value=str(error)) from None
    status = item.get("status")
    return error_of(item, status if isinstance(status, int) and 400 <= status < 600 else 500)
