"""What states promised each other about data: shown beside an assessment, never part of a decision.

A commitment holds for a flow when its `between` is true of the two ends on the day, in groups as
they stood on that day. docs/laws/rulebooks.md, "`commitment`".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from entrepot.law import ir
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
    holds = partial(
        _holds,
        ends={"flow.from": flow.origin, "flow.to": flow.destination},
        members=lambda group: library.jurisdictions.members(group, flow.as_of),
    )
    return [
        promise
        for _, promise in sorted(library.content.commitments.items())
        if promise.text.interval.holds(flow.as_of, flow.known_at) and holds(promise.between)
    ]


def _holds(
    node: ir.Node, ends: Mapping[str, str], members: Callable[[str], frozenset[str]]
) -> bool:
    """Say whether a condition that reads only the two ends is true of them.

    Asked for every assessment, so memberships are looked up rather than joined and bound.
    """
    match node:
        case ir.And(parts):
            return all(_holds(part, ends, members) for part in parts)
        case ir.Or(parts):
            return any(_holds(part, ends, members) for part in parts)
        case ir.Not(part):
            return not _holds(part, ends, members)
        case ir.In(ir.Fact(name), listed, groups):
            end = ends[name]
            return end in listed or any(end in members(group) for group in groups)
        case ir.Compare("==", ir.Fact(name), ir.Const(value)):
            return ends[name] == value
        case ir.Compare("==", ir.Fact(name), ir.Fact(other)):
            return ends[name] == ends[other]
        case ir.Const(value):
            return bool(value)
        case _:
            # The compiler lets nothing else through: both ends are jurisdictions, always known.
            raise AssertionError(f"not a condition on the ends of a flow: {node}")
