"""`update-law`: the act by which a node says under which law it goes on.

Published whole in the log: anybody can see from the log alone when a node changed its rulebooks,
and `entrepot fsck` compares every clearance with the law on record before it. A node whose loaded
law differs from the record writes the difference down before it clears anything (`record_law`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

import msgspec
import sqlalchemy as sa

from entrepot import __version__
from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.decisions import Decision, Granted, Reason, Refused
from entrepot.kernel.errors import Conflict, InvalidInput
from entrepot.kernel.home import Node
from entrepot.kernel.institution import Facts, Request
from entrepot.law.library import Library
from entrepot.port.change.tables import law_on_record, law_updated

KIND: Final = "update-law"
FORMAT: Final = 1
CHANGES_MAX: Final = 150
"""Rulebooks per act. A public act is an entry of at most 65,535 bytes, and each change stands in it
three times, with ids of up to 80 characters; a larger update takes several acts."""
_HASH_BYTES: Final = 32
_OWN_RULE: Final = "The law on record (docs/laws/changes.md)"


class UpdateCode(StrEnum):
    """Why an update of the law is refused; one heading each in docs/laws/changes.md."""

    OLD_DIFFERS = "record.old-differs"
    """The update starts from another law than the one on record."""
    NOT_LOADED = "record.not-loaded"
    """The update names a rulebook that this node does not have, or has in another version."""


class BookChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rulebook: SHA-256 of its bytes before and after; empty = not there."""

    old: bytes
    new: bytes


class LawUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of an `update-law` act."""

    format: int
    entrepot: str
    changes: dict[str, BookChange]


def shape(body: Mapping[object, object]) -> LawUpdate:
    """Return the update in a body after checking its form (step 2). Raises `InvalidInput`."""
    try:
        read = msgspec.convert(dict(body), LawUpdate)
    except msgspec.ValidationError as error:
        raise InvalidInput("not an update of the law", value=error) from None
    if read.format != FORMAT:
        raise InvalidInput("update of the law in another format", value=read.format)
    if not 0 < len(read.changes) <= CHANGES_MAX:
        raise InvalidInput("an update names 1 to 150 rulebooks", value=len(read.changes))
    for name, change in read.changes.items():
        if not 0 < len(name) <= 80:
            raise InvalidInput("id of a rulebook has 1 to 80 characters", value=name)
        if change.old == change.new or {len(change.old), len(change.new)} - {0, _HASH_BYTES}:
            raise InvalidInput("a change has two different SHA-256 of 32 bytes", value=name)
    return read


def facts(read: sa.Connection, request: Request[LawUpdate]) -> Facts:
    """Read the law on record for the rulebooks that the update names (step 3)."""
    recorded = law_on_record(read)
    return Facts({"recorded": {name: recorded.get(name, b"") for name in request.body.changes}})


def decide(request: Request[LawUpdate], relied: Facts, library: Library) -> Decision:
    """Grant an update that starts from the record and ends at the law loaded here (step 4)."""
    recorded = relied.values["recorded"]
    if not isinstance(recorded, dict):
        raise TypeError("recorded is a map")
    loaded = hashes(library)
    reasons = []
    for name, change in request.body.changes.items():
        if change.old != recorded[name]:
            says = f"The record has another version of {name} than the update starts from."
            reasons.append(Reason(UpdateCode.OLD_DIFFERS, _OWN_RULE, says))
        if change.new != loaded.get(name, b""):
            says = f"This node does not have the version of {name} that the update names."
            reasons.append(Reason(UpdateCode.NOT_LOADED, _OWN_RULE, says))
    if reasons:
        return Refused(tuple(reasons))
    return Granted((law_updated({n: change.new for n, change in request.body.changes.items()}),))


def hashes(library: Library) -> dict[str, bytes]:
    """Return id → SHA-256 of everything that decides, as 32 bytes."""
    return {name: bytes.fromhex(digest) for name, digest in library.hashes().items()}


def differences(recorded: Mapping[str, bytes], library: Library) -> dict[str, BookChange]:
    """Return what the loaded law has otherwise than the record, by rulebook."""
    loaded = hashes(library)
    return {
        name: BookChange(recorded.get(name, b""), loaded.get(name, b""))
        for name in sorted(recorded.keys() | loaded.keys())
        if recorded.get(name) != loaded.get(name)
    }


def record_law(node: Node, library: Library, *, clock: Callable[[], int]) -> list[int]:
    """Write into the log what the loaded law has changed; return the indexes of the new entries.

    Nothing is written when the record is up to date. Interrupted at any point, the next call writes
    what is left. Raises `Conflict` when the node was opened with another law, `StorageError`.
    """
    with node.store.reading() as read:
        changes = list(differences(law_on_record(read), library).items())
    written = []
    for first in range(0, len(changes), CHANGES_MAX):
        part = dict(changes[first : first + CHANGES_MAX])
        body = {
            "format": FORMAT,
            "entrepot": __version__,
            "changes": {name: {"old": c.old, "new": c.new} for name, c in part.items()},
        }
        act = sign_act(node.party, KIND, body, issued_at=clock(), act_id=new_act_id())
        answer = node.sequencer.submit(act)
        if not isinstance(answer.decision, Granted):
            raise Conflict(
                "the node does not take this law for its own",
                value=answer.decision.reasons[0].sentence,
                remedy="open the home with the same folder of laws",
            )
        written.append(answer.index)
    return written
