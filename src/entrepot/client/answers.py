"""What a node answers, as values; and the check that turns an answer into a proven one."""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.kernel.checkpoint import LogKeys
from entrepot.kernel.cose import CTI, CWT_CLAIMS, SUB, parse_sign1
from entrepot.kernel.decisions import Effect, Reason
from entrepot.kernel.errors import (
    Conflict,
    Error,
    InvalidInput,
    NotFound,
    StorageError,
    VerificationError,
)
from entrepot.kernel.receipt import ProvenInclusion, verify_receipt
from entrepot.kernel.record import Entry, decode_entry


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
        that of this act: kind, act id and, where the log shows it, outcome. What a private entry
        commits to is proven by its opening (`Client.opening`). Raises VerificationError.
        """
        proven = verify_receipt(self.receipt, self.entry, keys.ed25519, origin=keys.origin)
        if (proven.index, proven.size) != (self.index, self.tree_size):
            raise VerificationError("answer and receipt name different places in the log")
        entry = decode_entry(self.entry)
        if not isinstance(entry, Entry):
            raise VerificationError("the entry of the answer is not that of an act")
        claims = parse_sign1(act).protected.get(CWT_CLAIMS)
        if not isinstance(claims, dict) or (entry.kind, entry.act_id) != (claims[SUB], claims[CTI]):
            raise VerificationError("the answer is about another act")
        if entry.outcome.name.lower() != self.outcome:
            raise VerificationError("answer and entry disagree on the outcome", value=self.outcome)
        return proven


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


def error_of(problem: dict[str, Any], status: int) -> Error:
    """Return the error that an RFC 9457 object tells of, in our own tree of errors."""
    what = str(problem.get("title") or f"the node answered {status}")
    value, remedy = problem.get("value"), str(problem.get("remedy") or "")
    kind = _BY_STATUS.get(status)
    if kind is None:
        return NodeError(what, status=status, value=value, remedy=remedy)
    return kind(what, value=value, remedy=remedy)


def answer_or_error(item: dict[str, Any]) -> ActAnswer | Error:
    """Return one element of the list that answers a sequence of acts."""
    if "receipt" in item:
        return msgspec.convert(item, ActAnswer)
    return error_of(item, int(item.get("status") or 500))
