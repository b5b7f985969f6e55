"""Codes of refusal of the port, append-only, in the order of precedence.

A reason taken from the law itself carries the id of the rule, duty or fact as its code instead
(`law.CN-P-7.2`, `duty.CN-D-NOTICE`, `fact.exporter.ciio`, `finding.cn.necessity.found`).
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Why the port itself refuses; one heading each in docs/reference/certificate.md."""

    STALE = "port.stale"
    """The law of another day than today was applied."""
    LAW_DIFFERS = "port.law-differs"
    """The rulebooks relied on are not the ones this node has."""
    OUTCOME_DIFFERS = "port.outcome-differs"
    """The engine answers otherwise than the certificate says."""
    BELOW_RECORD = "port.below-record"
    """A declared count is smaller than what this node itself has cleared."""
    AGAINST_INSPECTION = "port.against-inspection"
    """A declaration says less than the inspection saw, and nobody signs for it."""
    FINDING_UNSIGNED = "port.finding-unsigned"
    """A human finding lacks its author, reasons or date."""
    NO_FILES = "port.no-files"
    """The shipment is not ready: there is no data to clear."""
    WORSE_THAN_PLANNED = "port.worse-than-planned"
    """What was written is more exposed than the plan said."""
    NOT_A_STEWARD = "port.not-a-steward"
    """The person who approved the clearance may not clear for the exporter named."""
    OTHER_ID = "port.other-id"
    """The certificate has another id than its act: it would pass for somebody else's."""
