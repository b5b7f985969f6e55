"""What an assessment says: the values that the engine returns and everybody else reads.

All are frozen and serialise with msgspec to what `--json` prints. The language they come from is
described in docs/laws/rulebooks.md.
"""

from __future__ import annotations

from datetime import date

import msgspec

Scalar = bool | int | float | str | date | frozenset[str]
"""A known value of a fact; an unknown fact is simply absent."""


class Flow(msgspec.Struct, frozen=True, rename={"origin": "from", "destination": "to"}):
    """One movement of data to be judged: from where, to where, under the law of which day."""

    origin: str
    destination: str
    as_of: date
    known_at: date
    """Only what rulebooks could know on this day counts (bitemporal); usually equal to today."""


class Citation(msgspec.Struct, frozen=True):
    """Where a sentence comes from, and how sure we are of it."""

    rulebook: str
    article: str
    source: str
    evidence: str
    verified_on: date


class RuleHit(msgspec.Struct, frozen=True):
    """A rule that decided, or could have decided."""

    id: str
    klass: str
    outcome: str
    layer: str
    says: str
    citation: Citation
    list_entries: list[str] = []
    interpretations: list[str] = []
    facts: dict[str, str] = {}
    """Facts read and their values, as text; `unknown` where unknown."""
    regime: str = ""
    demand: str = ""
    """What it does to a foreign authority's demand: orders, forbids, allows; else empty."""


class DutyDue(msgspec.Struct, frozen=True):
    """Something that must be done, by when, and whether it is done."""

    id: str
    code: str
    regime: str
    says: str
    citation: Citation
    due: str
    due_on: date | None
    state: str
    """met, open, failed, or possible (the condition of the duty itself is unknown)."""
    before_transfer: bool
    human: bool
    layer: str
    done_when: str = ""


class Missing(msgspec.Struct, frozen=True):
    """A fact that is unknown and matters, most useful first."""

    fact: str
    question: str
    source: str
    usefulness: float
    """0 to 1: the expected share of still-possible outcomes that its answer removes."""
    because: str
    answers: list[str] = []
    """Possible answers for enums, sets and booleans."""
    regimes: list[str] = []
    """Which sides wait for it."""


class HumanFinding(msgspec.Struct, frozen=True):
    """A judgement that law leaves to a person and that has not been given."""

    fact: str
    question: str
    because: str
    citation: Citation | None = None


class Change(msgspec.Struct, frozen=True):
    """One thing that would change the answer."""

    what: str
    """A sentence: "fewer than 100,000 persons since 1 January"."""
    fact: str
    value: str
    outcome: str
    milder: bool
    rules: list[str] = []


class Side(msgspec.Struct, frozen=True):
    """What one regime demands of the flow."""

    regime: str
    jurisdiction: str
    role: str
    outcome: str
    could_be: list[str]
    """Milder outcomes that unknown facts still leave open."""
    strictest: str
    """The strictest outcome that unknown facts still leave open (equals `outcome` when decided)."""
    rules: list[RuleHit]
    undecided: list[RuleHit]
    """Rules whose condition is unknown and that matter."""
    duties: list[DutyDue]
    missing: list[str]
    default: bool
    """True when no rule decided and the regime's default applies."""
    closed: list[RuleHit] = []
    """Rules that apply but whose route is closed because a duty has failed."""
    reason: str = ""
    """What the default says, why there was nothing to decide by, which duty closed a route."""
    title: str = ""
    """Of the regime, in words."""
    status: str = ""
    """open, conditional, undecided, barred: of this side alone."""


class RulebookRef(msgspec.Struct, frozen=True):
    """A rulebook as relied on: its id, title and the hash of its exact bytes."""

    id: str
    title: str
    sha256: str


class CommitmentInForce(msgspec.Struct, frozen=True):
    """What the states at both ends promised each other; it binds them and decides nothing."""

    id: str
    treaty: str
    """Title of the instrument."""
    says: str
    exception: str
    citation: Citation
    interpretations: list[str] = []


class Assessment(msgspec.Struct, frozen=True):
    """The answer to "may this leave?", with reasons, duties and what is still open."""

    flow: Flow
    outcome: str
    status: str
    """open, conditional, undecided, barred."""
    sides: list[Side]
    duties: list[DutyDue]
    missing: list[Missing]
    human: list[HumanFinding]
    changes: list[Change]
    not_engaged: dict[str, str]
    not_examined: list[str]
    layers: dict[str, str]
    """Layer → strictest outcome demanded in its name (rights, trade, sovereignty)."""
    facts: dict[str, str]
    """Every fact relied on, as text."""
    derived: dict[str, str]
    """Facts not given but derived, and from what."""
    law: list[RulebookRef]
    commitments: list[CommitmentInForce] = []
    """What states promised each other about such flows: shown, never deciding."""
    notes: list[str] = []
    """Cautions: what decides without having been read, and where the question goes beyond what is
    known here."""
