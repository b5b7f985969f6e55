"""What the library holds after loading: checked rules, duties, lists and values with typed
conditions."""

from __future__ import annotations

from dataclasses import dataclass, field

from entrepot.law import ir
from entrepot.law.due import Due
from entrepot.law.model import Citation
from entrepot.law.rulebook import (
    CommitmentText,
    EntryText,
    InterpretationText,
    Interval,
    ListText,
    RegimeText,
    Rulebook,
    RuleText,
    SensitivityText,
    ValuesText,
)


@dataclass(frozen=True, slots=True)
class Duty:
    """A duty of a route or of a regime."""

    id: str
    code: str
    says: str
    citation: Citation
    due: Due
    layer: str
    human: bool
    when: ir.Node
    done: ir.Node
    done_text: str
    fails: ir.Node
    interval: Interval
    roles: frozenset[str] = frozenset()
    not_for: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with its condition (`when` and not `unless`)."""

    id: str
    text: RuleText
    condition: ir.Node
    duties: tuple[Duty, ...]
    roles: frozenset[str]


@dataclass(slots=True)
class Regime:
    """Rules and duties that are decided together."""

    id: str
    text: RegimeText
    engages: tuple[tuple[str, ir.Node], ...]
    rules: list[Rule] = field(default_factory=list)
    duties: list[Duty] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a scope list."""

    text: EntryText
    condition: ir.Node


@dataclass(frozen=True, slots=True)
class ScopeList:
    """A scope list with compiled entries."""

    text: ListText
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class DerivedFact:
    """A fact that can be derived: conditions and the value each gives, in order."""

    name: str
    rules: tuple[tuple[ir.Node, ir.Value], ...]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Facts that cannot hold together."""

    condition: ir.Node
    says: str


@dataclass(frozen=True, slots=True)
class Commitment:
    """What states promised each other; `between` reads only where the flow goes from and to."""

    text: CommitmentText
    between: ir.Node


@dataclass(slots=True)
class Content:
    """Everything that rulebooks say, indexed by id."""

    regimes: dict[str, Regime] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    duties: dict[str, Duty] = field(default_factory=dict)
    values: dict[str, ValuesText] = field(default_factory=dict)
    lists: dict[str, ScopeList] = field(default_factory=dict)
    sensitivity: dict[str, tuple[ListText, tuple[SensitivityText, ...]]] = field(
        default_factory=dict
    )
    interpretations: dict[str, InterpretationText] = field(default_factory=dict)
    commitments: dict[str, Commitment] = field(default_factory=dict)
    books: dict[str, Rulebook] = field(default_factory=dict)
