"""Demands of foreign courts and authorities: what each law says to the answer, and who must decide.

An authority of one state demands data that is held in another. Blocking laws forbid the answer or
allow it under conditions (GDPR art 48, Data Act art 32, PIPL art 41, DSL art 36 …); the law behind
the demand may order it wherever the data lies (18 USC 2713). Every engaged law is heard on the flow
from the holder to the authority, and from each party elsewhere; the key `demand` of a rule says
which of the three it does. Where one law orders what another forbids the answer is `CONFLICT`, for
a person; nothing here weighs one state's law against another's. docs/laws/requests.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Literal, TypeVar

import msgspec

from entrepot.kernel.errors import InvalidInput
from entrepot.law.library import Library
from entrepot.law.model import (
    Assessment,
    DutyDue,
    HumanFinding,
    Missing,
    RulebookRef,
    RuleHit,
    Side,
)
from entrepot.law.outcomes import PRECONDITIONED, UNDECIDED, strictest

_Item = TypeVar("_Item")
Stance = Literal[
    "orders", "may order", "forbids", "undecided", "a person", "allows if", "allows", "silent"
]
STANCES: tuple[Stance, ...] = (
    "orders",
    "may order",
    "forbids",
    "undecided",
    "a person",
    "allows if",
    "allows",
    "silent",
)
"""What a law can say to the answer, in the order in which they are shown: it orders it; it may,
depending on unknown facts; it forbids it; unknown facts or a person decide; it allows it once
conditions are met, or as it stands; it sets no condition."""

_BINDING = "request.binding"
TOLD: dict[str, object] = {
    "request.foreign": True,
    "recipient.kind": "foreign_authority",
    "transfer.purpose": "authority_request",
}
"""What a demand of a foreign authority means in the vocabulary, unless declared otherwise."""
_NO_CONDITION = frozenset({"NOT_A_TRANSFER", "FREE", "EXEMPT"})


class Demand(msgspec.Struct, frozen=True):
    """Who demands data held where, and under the law of which day it is asked."""

    authority: str
    """Jurisdiction of the court or authority."""
    holder: str
    """Jurisdiction in which the data is held."""
    parties: tuple[str, ...]
    """Further jurisdictions from which it could be handed over (a parent, a processor, a copy)."""
    as_of: date
    known_at: date


class LawOnDemand(msgspec.Struct, frozen=True):
    """What one engaged law says to the answer."""

    regime: str
    title: str
    jurisdiction: str
    place: str
    """Where the data would leave from in the eyes of this law."""
    role: str
    stance: Stance
    outcome: str
    rules: list[RuleHit]
    """The rules that say so; while it is undecided, those that would."""
    conditions: list[DutyDue]
    """Duties not met that come before the answer, or before a day."""
    missing: list[str]
    reason: str = ""


class DemandAssessment(msgspec.Struct, frozen=True):
    """The answer to "an authority abroad demands this; what now?"."""

    demand: Demand
    outcome: str
    status: str
    """open, conditional, undecided, barred."""
    says: str
    laws: list[LawOnDemand]
    missing: list[Missing]
    human: list[HumanFinding]
    not_examined: list[str]
    facts: dict[str, str]
    derived: dict[str, str]
    law: list[RulebookRef]
    notes: list[str] = []
    """Cautions, as in an assessment."""


def demanded(
    library: Library,
    *,
    authority: str,
    holder: str,
    parties: Iterable[str] = (),
    as_of: date,
    known_at: date | None = None,
) -> Demand:
    """Return a demand with canonical codes.

    Raises `InvalidInput` for an unknown jurisdiction, or for a demand inside one jurisdiction.
    """
    canonical = library.jurisdictions.canonical
    by, held = canonical(authority), canonical(holder)
    others = tuple(dict.fromkeys(map(canonical, parties)))
    if by in (held, *others):
        raise InvalidInput(
            "an authority that demands what lies in its own jurisdiction makes no foreign demand",
            value=by,
            remedy="name where the data is held, and only places abroad as parties",
        )
    return Demand(
        by,
        held,
        tuple(p for p in others if p != held),
        as_of,
        as_of if known_at is None else known_at,
    )


def weigh_demand(library: Library, demand: Demand, facts: Mapping[str, object]) -> DemandAssessment:
    """Hear every engaged law on a demand.

    `facts` are by dotted name, as `Library.facts` reads them; that a foreign authority demands the
    data is added. Raises `InvalidInput` for facts that do not fit or contradict each other.
    """
    given = dict(facts)
    for name, value in TOLD.items():
        if name in library.vocabulary:
            given.setdefault(name, value)
    known = library.facts(given)
    heard: list[tuple[str, Assessment]] = []
    for place in (demand.holder, *demand.parties):
        flow = library.flow(place, demand.authority, demand.as_of, demand.known_at)
        heard.append((place, library.bind(flow).assess(known)))
    laws = _strictest_of_each([_heard(library, place, s) for place, a in heard for s in a.sides])
    bound = known.values.get(_BINDING)
    outcome, says = _outcome(library, demand, laws, bound)
    first = heard[0][1]
    return DemandAssessment(
        demand=demand,
        outcome=outcome,
        status=_status(outcome, laws),
        says=says,
        laws=laws,
        missing=_merged((m.fact, m) for _, a in heard for m in a.missing),
        human=_merged((h.fact, h) for _, a in heard for h in a.human),
        not_examined=_unheard(library, demand, laws, bound, first),
        facts={name: value for _, a in reversed(heard) for name, value in a.facts.items()},
        derived={name: value for _, a in reversed(heard) for name, value in a.derived.items()},
        law=_merged((ref.id, ref) for _, a in heard for ref in a.law),
        notes=_merged((note, note) for _, a in heard for note in a.notes),
    )


# -- one law ---------------------------------------------------------------------------------------


def _heard(library: Library, place: str, side: Side) -> LawOnDemand:
    stance = _stance(side)
    ordering = stance in ("orders", "may order")
    # Duties of a law that orders are what the holder may still do in time (object, inform).
    before = [d for d in side.duties if d.state != "met" and (d.before_transfer or ordering)]
    shown = [*side.rules, *(hit for hit in side.closed if hit not in side.rules)]
    if stance in ("undecided", "may order") or not shown:
        shown += [hit for hit in side.undecided if hit not in shown]
    unknown = [name for hit in shown for name, value in hit.facts.items() if value == "unknown"]
    regime = library.content.regimes.get(side.regime)
    return LawOnDemand(
        regime=side.regime,
        title=regime.text.block.title if regime else side.regime,
        jurisdiction=side.jurisdiction,
        place=place,
        role=side.role,
        stance=stance,
        outcome=side.outcome,
        rules=shown,
        conditions=before,
        missing=side.missing or (list(dict.fromkeys(unknown)) if stance == "may order" else []),
        reason=side.reason,
    )


def _stance(side: Side) -> Stance:
    """Return what a side says to the answer; its strictest part counts."""
    marks = {hit.demand for hit in side.rules}
    failed = any(duty.state == "failed" for duty in side.duties)
    if side.outcome in ("PROHIBITED", "CONFLICT") or "forbids" in marks or failed:
        return "forbids"
    if side.outcome == "NEEDS_FACT":
        return "undecided"
    if "orders" in marks:
        return "orders"
    if any(hit.demand == "orders" for hit in side.undecided):
        return "may order"
    if side.outcome == "NEEDS_HUMAN":
        return "a person"
    before = [duty for duty in side.duties if duty.before_transfer]
    unmet = any(duty.state != "met" for duty in before)
    if unmet or (side.outcome in PRECONDITIONED and not before):
        return "allows if"
    if side.outcome in _NO_CONDITION and "allows" not in marks:
        return "silent"
    return "allows"


def _strictest_of_each(laws: list[LawOnDemand]) -> list[LawOnDemand]:
    """Return one entry for each regime, the one that comes first in `STANCES`, in that order."""
    found: dict[str, LawOnDemand] = {}
    for law in laws:
        kept = found.get(law.regime)
        if kept is None or STANCES.index(law.stance) < STANCES.index(kept.stance):
            found[law.regime] = law
    return sorted(found.values(), key=lambda law: STANCES.index(law.stance))


# -- all together ----------------------------------------------------------------------------------


def _outcome(
    library: Library, demand: Demand, laws: list[LawOnDemand], bound: object
) -> tuple[str, str]:
    """Return the outcome and one sentence; `bound` is whether the demand binds by its own law."""
    name = library.jurisdictions.name
    orders = [law for law in laws if law.stance == "orders"]
    forbids = [law for law in laws if law.stance == "forbids"]
    others = [law for law in laws if law.stance not in ("orders", "may order")]
    shut = _says(forbids, "forbid")
    if forbids and orders:
        return "CONFLICT", f"{_says(orders, 'order')} what {shut}. A person must decide."
    if forbids and bound is False and not any(law.stance == "may order" for law in laws):
        return "PROHIBITED", f"{shut} the answer, and no law is known to order it."
    if forbids:
        how = "binds" if bound is True else "may bind"
        return (
            "CONFLICT",
            f"{shut} the answer, and the demand {how} by the law of "
            f"{name(demand.authority)}. A person must decide.",
        )
    waits = [law for law in others if _waits(law)]
    if waits and (orders or bound is True):
        now = f"The law of {name(demand.authority)} orders"
        return (
            "CONFLICT",
            f"{_says(orders, 'order') if orders else now} now what {_says(waits, 'allow')} only "
            "once conditions are met. Until then a person must decide.",
        )
    outcome = strictest(law.outcome for law in others)
    match _worst(others):
        case "undecided":
            return outcome, "What the laws say depends on facts that are missing."
        case "a person":
            return outcome, "No law settles the answer; a person must decide."
        case "allows if":
            return outcome, "The answer may be given once the conditions below are met, not before."
        case _:
            return outcome, "No law that was heard stands in the way of the answer."


def _waits(law: LawOnDemand) -> bool:
    """Say whether a rule allows the answer only after something that has not happened yet."""
    routes = [hit.id for hit in law.rules if hit.demand == "allows"]
    if law.stance != "allows if" or not routes:
        return False
    own = any(duty.id.startswith(f"{name}/") for duty in law.conditions for name in routes)
    return own or not law.conditions


def _says(laws: list[LawOnDemand], verb: str) -> str:
    """Name the rules that say so with their articles, or else the laws, and what they do."""
    named = [
        f"{hit.id} ({hit.citation.article})"
        for law in laws
        for hit in law.rules
        if hit.demand or law.stance == "forbids"
    ] or [law.title for law in laws]
    return f"{' and '.join(named)} {verb}{'s' if len(named) == 1 else ''}"


def _worst(laws: list[LawOnDemand]) -> Stance:
    return min((law.stance for law in laws), key=STANCES.index, default="silent")


def _status(outcome: str, laws: list[LawOnDemand]) -> str:
    if outcome == "PROHIBITED":
        return "barred"
    if outcome in UNDECIDED:
        return "undecided"
    return "conditional" if any(law.stance == "allows if" for law in laws) else "open"


def _unheard(
    library: Library,
    demand: Demand,
    laws: list[LawOnDemand],
    bound: object,
    first: Assessment,
) -> list[str]:
    """Return what was not examined: above all the duty to obey, where no rulebook states one."""
    found = []
    if not any(law.stance in ("orders", "may order") for law in laws):
        stands = "taken to bind"
        if isinstance(bound, bool):
            stands = "declared to bind" if bound else "declared not to bind"
        found.append(
            f"the law of {library.jurisdictions.name(demand.authority)} on the duty to obey: no "
            f"rule that orders the answer is loaded or engaged; the demand is {stands}"
        )
    for regime, why in first.not_engaged.items():
        block = library.content.regimes.get(regime)
        if block is not None and any(rule.text.block.demand for rule in block.rules):
            found.append(f"{block.text.block.title} ({regime}) does not speak: {why}")
    return found


def _merged(pairs: Iterable[tuple[str, _Item]]) -> list[_Item]:
    found: dict[str, _Item] = {}
    for name, item in pairs:
        found.setdefault(name, item)
    return list(found.values())
