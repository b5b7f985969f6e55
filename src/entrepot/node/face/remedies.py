"""What somebody who disagrees with a decision can do, how, and until when.

Every decision page says it. Where this node has an act for it, the remedy links to its form; where
it has none the page says so and names who stands outside: nothing is promised that is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from entrepot.kernel.decisions import Outcome
from entrepot.node.face.rulings import Shown
from entrepot.node.face.surroundings import Surroundings
from entrepot.registry import rightviews, views
from entrepot.registry.acts import APPLY, DECIDE, ISSUE, RECOVER, REVOKE
from entrepot.registry.deadlines import day_of
from entrepot.registry.rightacts import (
    CLOSE,
    FILE_RIGHT,
    LICENSE,
    OBJECT,
    TRANSFER,
)
from entrepot.registry.rightacts import (
    DECIDE as DECIDE_OBJECTION,
)


@dataclass(frozen=True, slots=True)
class Remedy:
    """One way to contest or repair: key of its words, form on this node if any, last day if any."""

    key: str
    address: str = ""
    until: str = ""


OUTSIDE: Final = Remedy("remedies.outside")
"""The last remedy of all: courts and authorities, with the record as evidence."""


def remedies_of(around: Surroundings, shown: Shown) -> list[Remedy]:
    """Return what can be done about a decision, nearest first; never empty."""
    return [*_own(around, shown), OUTSIDE]


def _own(around: Surroundings, shown: Shown) -> list[Remedy]:
    refused = shown.outcome is Outcome.REFUSED
    if shown.kind == APPLY:
        return _of_application(around, shown, refused=refused)
    if shown.kind == DECIDE:
        return [Remedy("remedies.application-refused", "/apply")]
    if refused:
        return [Remedy("remedies.correct")]
    if shown.kind in (FILE_RIGHT, LICENSE, TRANSFER, CLOSE):
        return _of_right(around, shown)
    if shown.kind == OBJECT:
        return _of_objection(around, shown.index)
    if shown.kind == DECIDE_OBJECTION:
        return [Remedy("remedies.objection-decided")]
    if shown.kind in (ISSUE, REVOKE):
        return [Remedy("remedies.certificate")]
    if shown.kind == RECOVER:
        return [Remedy("remedies.recovery", "/desk/keys")]
    if shown.kind == "clear-shipment":
        return [Remedy("remedies.clearance", "/port")]
    return [Remedy("remedies.granted")]


def _of_application(around: Surroundings, shown: Shown, *, refused: bool) -> list[Remedy]:
    if refused:
        return [Remedy("remedies.application-unfit", "/apply")]
    with around.store.reading() as read:
        found = views.application(read, shown.index)
    if found is None or found.decided_index is not None:
        return [Remedy("remedies.application-decided")]
    return [Remedy("remedies.application-open", until=found.decide_by)]


def _of_right(around: Surroundings, shown: Shown) -> list[Remedy]:
    right = shown.index
    if shown.kind in (CLOSE, TRANSFER) and shown.content is not None:
        named = shown.content.body.get("right")
        right = named if isinstance(named, int) else right
    with around.store.reading() as read:
        grant = rightviews.find_right(read, right)
    if grant is None:
        return [Remedy("remedies.granted")]
    if grant.status in ("notice", "contested"):
        until = day_of(max(0, grant.closes_at - 1)).isoformat()
        return [Remedy("remedies.right-notice", f"/rights/{grant.id}/object", until)]
    return [Remedy("remedies.right-registered")]


def _of_objection(around: Surroundings, objection: int) -> list[Remedy]:
    with around.store.reading() as read:
        found = rightviews.find_objection(read, objection)
    if found is None or found.decided_index is not None:
        return [Remedy("remedies.objection-decided")]
    until = day_of(max(0, found.decide_by - 1)).isoformat()
    return [Remedy("remedies.objection-open", until=until)]
