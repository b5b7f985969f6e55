"""What states promised each other about data: shown beside an assessment, never part of a decision.

A commitment holds for a flow when its `between` is true of the two ends on the day, in groups as
they stood on that day. docs/laws/rulebooks.md, "`commitment`".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.law import ir
from entrepot.law.binding import Day, bind_condition
from entrepot.law.compiled import Commitment
from entrepot.law.model import Flow

if TYPE_CHECKING:
    from entrepot.law.library import Library


def commitments_between(library: Library, flow: Flow) -> list[Commitment]:
    """Return the commitments in force and known between the two ends of `flow`, sorted by id.

    A flow inside one jurisdiction crosses nothing that states could have promised each other.
    """
    if flow.origin == flow.destination:
        return []
    day = Day(
        {"flow.from": flow.origin, "flow.to": flow.destination},
        # The compiler refuses a `between` that reads dated values or lists.
        value=lambda _: None,
        entries=lambda _: (),
        members=lambda group: library.jurisdictions.members(group, flow.as_of),
    )
    return [
        promise
        for _, promise in sorted(library.content.commitments.items())
        if promise.text.interval.holds(flow.as_of, flow.known_at)
        and bind_condition(promise.between, day) == ir.TRUE
    ]
