"""What a plan says: the lawful ways, what each costs, and what does not help.

Every `Way` carries the assessment that the engine gave on the facts *after* its transforms; nothing
here is an opinion of the planner about law.
"""

from __future__ import annotations

import msgspec

from entrepot.law.model import Assessment, Citation, Flow
from entrepot.port.model import RiskReport
from entrepot.port.transform.model import LossReport, TransformPlan

FactValue = bool | int | float | str | list[str]
"""A fact as a facts file writes it: dates as ISO 8601 text, sets as lists. The engine types it."""


class Reason(msgspec.Struct, frozen=True):
    """Why a way is lawful, or why a lever does not work: the rule, in words, with its article."""

    rule: str
    outcome: str
    says: str
    citation: Citation


class Remaining(msgspec.Struct, frozen=True):
    """Something a person still has to do before the data may leave."""

    who: str
    """exporter, recipient, authority, or a named person (a human finding)."""
    what: str
    fact: str
    """The fact that, once declared or found, records that it is done; "" when none does."""
    when: str
    cite: str


class Burden(msgspec.Struct, frozen=True):
    """What a way costs in duties."""

    before: int
    """Duties not met that are due before the transfer."""
    later: int
    """Duties that follow or continue."""
    findings: int
    """Judgements that a named person must make."""
    weeks: int
    """Coarse class of the time until the first transfer, by the heaviest duty; see
    `entrepot.port.plan.burden`."""
    cost: str
    """none, light, moderate, heavy, very heavy."""


class Way(msgspec.Struct, frozen=True):
    """One way to let the data leave, checked by the engine."""

    number: int
    """From 1, in the order of the ranking."""
    kind: str
    """as-is, without-sensitive, below-threshold, pseudonymised, anonymised, aggregated, and
    combinations joined with `+`."""
    title: str
    transforms: TransformPlan
    steps: list[str]
    """The transforms in plain sentences."""
    choices: dict[str, FactValue]
    """What the parties elect (facts with source `choice`)."""
    facts: dict[str, FactValue]
    """Facts that differ from the shipment as it is (after transforms and choices)."""
    persons: int
    assessment: Assessment
    outcome: str
    status: str
    burden: Burden
    loss: LossReport
    risk: RiskReport | None
    """Re-identification risk after the transforms, when it was measured."""
    risk_measured: bool
    why: list[Reason]
    remaining: list[Remaining]
    warnings: list[str]


class Useless(msgspec.Struct, frozen=True):
    """A lever that was tried and does not help, and the rule that makes it useless."""

    kind: str
    title: str
    outcome: str
    status: str
    because: list[Reason]
    says: str


class Help(msgspec.Struct, frozen=True):
    """What would help instead: a fact the engine says would give a milder answer."""

    what: str
    fact: str
    value: str
    outcome: str
    rules: list[str]


class Plan(msgspec.Struct, frozen=True):
    """The ways of one shipment, ranked."""

    flow: Flow
    facts: dict[str, FactValue]
    """The shipment as it is: inspected and declared facts."""
    as_is: Assessment
    ways: list[Way]
    useless: list[Useless]
    helps: list[Help]
    order: list[str]
    """The layer order by which the ways are ranked."""
    other_orders: dict[str, list[int]]
    """Layer order → way numbers, only where it would rank differently."""
    notes: list[str]
