"""Outcomes in plain words, for people who have never read a rule."""

from __future__ import annotations

from typing import Final

OUTCOME_TITLES: Final = {
    "NOT_A_TRANSFER": "no transfer in the sense of the law",
    "FREE": "free to go",
    "EXEMPT": "exempt",
    "ADEQUACY_LISTED": "to a country found adequate",
    "ADEQUACY_SELF_ASSESSED": "adequate by the exporter's own assessment",
    "NOTIFY": "after notice to the authority",
    "CONSENT_NOTICE": "with consent and notice",
    "DEROGATION": "by derogation for a specific situation",
    "CONTRACT": "with a transfer contract",
    "BCR": "with binding corporate rules",
    "CERTIFICATION": "with a certificate",
    "CONTRACT_FILING": "with a standard contract, filed",
    "CONTRACT_FILING|CERTIFICATION": "with a standard contract, filed, or a certificate",
    "DOSSIER_POST_FILING": "with a dossier, filed afterwards",
    "NOTIFY_AND_WAIT": "after notice and a waiting time",
    "LOCALISE_COPY": "with a copy kept in the country",
    "LOCALISE_FIRST": "after storing it first in the country",
    "RESTRICTED_SECURITY": "restricted: only under security requirements",
    "SECURITY_ASSESSMENT": "after a security assessment by the authority",
    "PERMIT": "with a permit",
    "AUTHORITY_APPROVAL": "with an authority's approval",
    "NEEDS_HUMAN": "a person must decide",
    "NEEDS_FACT": "facts are missing",
    "CONFLICT": "laws conflict; a person must decide",
    "PROHIBITED": "prohibited",
}
"""Outcome → how a transfer goes under it, as the end of a heading."""

STATUS_SENTENCES: Final = {
    "open": "It may leave now: nothing is left to do before the transfer.",
    "conditional": "It may leave once the duties below that come before the transfer are met.",
    "undecided": "It cannot be decided yet.",
    "barred": "It may not leave as it is.",
}
"""Status → one plain sentence."""


def title_of(outcome: str) -> str:
    """Return an outcome in plain words."""
    return OUTCOME_TITLES.get(outcome, outcome.replace("_", " ").lower())


def sentence(outcome: str, status: str) -> str:
    """Answer "may it leave?" in one or two sentences."""
    start = STATUS_SENTENCES[status]
    if status == "open" and outcome == "NOT_A_TRANSFER":
        return "It may go: this is no transfer in the sense of the law."
    if outcome in ("NEEDS_FACT", "NEEDS_HUMAN", "CONFLICT"):
        return f"{start} {title_of(outcome).capitalize()}."
    return f"{start} Route: {title_of(outcome)}."
