"""The closed lists of the law engine: outcomes, classes, layers, roles, and how strict each is.

Described in docs/laws/rulebooks.md. Ranks are positions in these tuples and are never stored;
records carry the names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from entrepot.kernel.errors import InvalidInput

Mark = Literal["R", "r", "m", "?"]
Layer = Literal["rights", "trade", "sovereignty"]
Role = Literal["export", "import", "origin", "party"]
DemandMark = Literal["orders", "forbids", "allows"]
"""What a rule does to the answer to a demand of a foreign court or authority."""
Klass = Literal[
    "scope",
    "bar",
    "special",
    "data_class",
    "exemption",
    "zone",
    "exporter",
    "band",
    "safeguard",
    "derogation",
    "fallback",
]

OUTCOMES: tuple[str, ...] = (
    "NOT_A_TRANSFER",
    "FREE",
    "EXEMPT",
    "ADEQUACY_LISTED",
    "ADEQUACY_SELF_ASSESSED",
    "NOTIFY",
    "CONSENT_NOTICE",
    "DEROGATION",
    "CONTRACT",
    "BCR",
    "CERTIFICATION",
    "CONTRACT_FILING",
    "CONTRACT_FILING|CERTIFICATION",
    "DOSSIER_POST_FILING",
    "NOTIFY_AND_WAIT",
    "LOCALISE_COPY",
    "LOCALISE_FIRST",
    "RESTRICTED_SECURITY",
    "SECURITY_ASSESSMENT",
    "PERMIT",
    "AUTHORITY_APPROVAL",
    "NEEDS_HUMAN",
    "NEEDS_FACT",
    "CONFLICT",
    "PROHIBITED",
)
"""Every outcome, mildest first."""

CLASSES: tuple[str, ...] = get_args(Klass)
"""Precedence classes; the first in which a rule definitely applies decides."""

LAYERS: tuple[str, ...] = get_args(Layer)
"""Whom a rule protects; the shipped order of preference."""

ROLES: tuple[str, ...] = get_args(Role)
"""How a regime can speak to a flow."""

EVIDENCE: tuple[str, ...] = get_args(Mark)
"""Marks of evidence: official text read, secondary source, from memory, doubtful."""

UNDECIDED: frozenset[str] = frozenset({"NEEDS_FACT", "NEEDS_HUMAN", "CONFLICT"})
"""Outcomes that wait for a fact or a person."""

BLOCKING: frozenset[str] = UNDECIDED | {"PROHIBITED"}
"""Outcomes that stop a transfer. A regime's default of this kind holds only when every rule is
definitely false: until then the answer is a question."""

PRECONDITIONED: frozenset[str] = frozenset(
    {
        "CONTRACT_FILING",
        "CONTRACT_FILING|CERTIFICATION",
        "NOTIFY_AND_WAIT",
        "LOCALISE_FIRST",
        "SECURITY_ASSESSMENT",
        "PERMIT",
        "AUTHORITY_APPROVAL",
    }
)
"""Routes that must be walked before the transfer, so that none is `open` merely because its rule
lists no duty."""

OUTCOME_RANK: dict[str, int] = {name: rank for rank, name in enumerate(OUTCOMES)}
CLASS_RANK: dict[str, int] = {name: rank for rank, name in enumerate(CLASSES)}


def strictness(outcome: str) -> int:
    """Return how strict `outcome` is: 0 for the mildest, `len(OUTCOMES) - 1` for the strictest.

    Raises `InvalidInput` for a name that is not an outcome.
    """
    try:
        return OUTCOME_RANK[outcome]
    except KeyError:
        raise InvalidInput(
            "not an outcome", value=outcome, remedy=f"one of {', '.join(OUTCOMES)}"
        ) from None


def strictest(outcomes: Iterable[str], *, otherwise: str = "NOT_A_TRANSFER") -> str:
    """Return the strictest of `outcomes`, or `otherwise` when there are none."""
    return max(outcomes, key=strictness, default=otherwise)
