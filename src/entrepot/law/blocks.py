"""The fixed shapes of front matter and blocks, exactly as they stand in the YAML of a rulebook.

Unknown keys are refused. Described in docs/laws/rulebooks.md; turned into the values that the
engine uses by `entrepot.law.rulebook`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from entrepot.law.outcomes import DemandMark, Klass, Layer, Mark, Role

Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._()/-]{0,79}\Z")]
Dotted = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*\Z", max_length=80)]
Code = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,59}\Z")]
Said = Annotated[str, Meta(min_length=1, max_length=4_000, pattern=r"\S")]
Authority = Literal[
    "constitution",
    "statute",
    "regulation",
    "departmental-rule",
    "decision",
    "list",
    "standard",
    "standard-contract",
    "guide",
    "interpretation",
    "treaty",
]

_RENAME = {"start": "from", "klass": "class", "group": "class"}


class FrontMatter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename=_RENAME):
    """The head of a rulebook."""

    id: Id
    regime: Code | Id
    jurisdiction: str
    title: Said
    issuer: Said
    authority: Authority
    source: Said
    start: date | None
    verified_on: date
    evidence: Mark
    until: date | None = None
    title_original: str = ""
    known_from: date | None = None
    until_known: date | None = None
    notes: str = ""


class Dated(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename=_RENAME, kw_only=True):
    """Dates and evidence that any block may override."""

    start: date | UnsetType | None = UNSET
    until: date | UnsetType | None = UNSET
    known_from: date | UnsetType | None = UNSET
    until_known: date | UnsetType | None = UNSET
    evidence: Mark | UnsetType = UNSET
    verified_on: date | UnsetType = UNSET


class DefaultBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds in a regime when every rule is definitely false."""

    outcome: str
    article: Said
    says: Said
    layer: Layer


class RegimeBlock(Dated, frozen=True, kw_only=True):
    """A `regime` block."""

    id: Id
    jurisdiction: str
    title: Said
    engages: dict[Role, str | bool]
    default: DefaultBlock
    calendar: str = ""


class RuleDutyBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A duty of one route, inside a `rule` block."""

    code: Code
    says: Said
    due: Said
    article: str = ""
    when: str | bool = True
    unless: str | bool = False
    done: str | bool = False
    fails_if: str | bool = False
    human: bool = False
    layer: Layer | None = None


class RuleBlock(Dated, frozen=True, kw_only=True):
    """A `rule` block."""

    id: Id
    article: Said
    klass: Klass
    when: str | bool
    outcome: str
    layer: Layer
    says: Said
    unless: str | bool = False
    roles: Annotated[list[Role], Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: ["export"]
    )
    defeats: list[Id] = []
    duties: list[RuleDutyBlock] = []
    demand: DemandMark | None = None


class DutyBlock(Dated, frozen=True, kw_only=True):
    """A `duty` block."""

    id: Id
    article: Said
    code: Code
    says: Said
    due: Said
    layer: Layer
    when: str | bool = True
    unless: str | bool = False
    done: str | bool = False
    fails_if: str | bool = False
    human: bool = False
    roles: Annotated[list[Role], Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: ["export"]
    )
    not_for: list[str] = []


class DatedValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename=_RENAME):
    """One value of a number of the law, from a day until a day."""

    start: date
    value: int | float
    until: date | None = None
    known_from: date | None = None
    article: str = ""
    says: str = ""


class ValuesBlock(Dated, frozen=True, kw_only=True):
    """A `values` block."""

    id: Dotted
    article: Said
    says: Said
    values: Annotated[list[DatedValue], Meta(min_length=1)]
    unit: str = ""


class ScopeEntry(Dated, frozen=True, kw_only=True):
    """An entry of a `list` of kind scope."""

    id: Id
    title: Said
    when: str | bool
    article: str = ""
    says: str = ""


class SensitivityEntry(Dated, frozen=True, kw_only=True):
    """An entry of a `list` of kind sensitivity."""

    category: Said
    group: Said
    article: str = ""
    counts_as: str = ""
    subtype: str = ""
    says: str = ""


class ScopeList(Dated, frozen=True, kw_only=True):
    """A `list` block of kind scope."""

    id: Dotted
    kind: Literal["scope"]
    article: Said
    entries: list[ScopeEntry]
    says: str = ""
    title: str = ""


class SensitivityList(Dated, frozen=True, kw_only=True):
    """A `list` block of kind sensitivity."""

    id: Dotted
    kind: Literal["sensitivity"]
    article: Said
    entries: list[SensitivityEntry]
    says: str = ""
    title: str = ""


class InterpretationBlock(Dated, frozen=True, kw_only=True):
    """An `interpretation` block."""

    id: Id
    reads: Annotated[list[Id], Meta(min_length=1)]
    issuer: Said
    says: Said
    article: str = ""
    title: str = ""


class CommitmentBlock(Dated, frozen=True, kw_only=True):
    """A `commitment` block: what states promised each other; it decides nothing."""

    id: Id
    article: Said
    between: str | bool
    says: Said
    exception: str = ""
