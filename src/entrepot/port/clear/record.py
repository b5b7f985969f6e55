"""Everything a clearance consists of, in one value: what the report shows, the certificate signs.

`ClearanceRecord` is built once, after the data was written and measured and before the certificate
is signed; `entrepot.port.report.render(record)` turns it into the page that counsel reads. The hash
of that page goes into the certificate, so the record cannot hold the certificate itself.
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from entrepot.law.model import Assessment, DutyDue
from entrepot.port.model import Inspection, RiskReport
from entrepot.port.plan.model import Plan, Way
from entrepot.port.transform.model import LossReport


class FactRelied(msgspec.Struct, frozen=True):
    """A fact on which the clearance stands, and who says so."""

    name: str
    value: str
    source: str
    """inspection, declared, counter, finding, choice, or derived."""
    by: str
    """The file, person or rule it comes from (`inspection of customers.csv`, `declared`)."""


class Finding(msgspec.Struct, frozen=True):
    """A judgement that law leaves to a person: who, what, why, until when."""

    fact: str
    value: str
    author: str
    reasons: str
    made_on: date
    expires_on: date | None = None


class Evidence(msgspec.Struct, frozen=True):
    """What was declared to meet a duty: a filing number, a document hash, a date."""

    duty: str
    says: str
    declared_by: str
    declared_on: date


class DataFile(msgspec.Struct, frozen=True):
    """One file of the delivery."""

    name: str
    """Path inside the folder, with forward slashes."""
    size_bytes: int
    sha256: str
    media_type: str
    rows: int = 0
    columns: int = 0


class Validity(msgspec.Struct, frozen=True):
    """How long the clearance may be relied on, and what set the end."""

    valid_from: date
    valid_until: date
    because: str


class Trigger(msgspec.Struct, frozen=True):
    """An event that ends reliance on the clearance before its date."""

    code: str
    """volume, law-change, onward-transfer, important-data, finding-expiry, purpose-change."""
    says: str
    fact: str = ""
    limit: str = ""


class Parties(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who sends what to whom for what."""

    exporter: str
    recipient: str
    purpose: str
    recipient_id: str = ""
    """`lei:…` or `uscc:…`, where one was declared."""


class ClearanceRecord(msgspec.Struct, frozen=True):
    """One clearance, complete: the input of the report."""

    id: str
    """`clr-` and 26 characters; the same id stands in the certificate and in the log."""
    cleared_at: datetime
    """Aware, UTC."""
    parties: Parties
    inspection: Inspection
    """Of the source, before any transform."""
    plan: Plan
    way: Way
    assessment: Assessment
    """The engine's answer on the facts after transforms, choices, findings and evidence: `open`."""
    facts: list[FactRelied]
    findings: list[Finding]
    evidence: list[Evidence]
    duties: list[DutyDue]
    """All duties with due dates, those already met included."""
    risk_before: RiskReport | None
    risk_after: RiskReport | None
    loss: LossReport
    rows_before: int
    rows_after: int
    persons_after: int
    files: list[DataFile]
    """The data files; the report itself is not among them."""
    validity: Validity
    triggers: list[Trigger]
    log_origin: str
    log_key: str
    """The log's verifier key (C2SP signed-note vkey)."""
    exporter_key: str
    """Fingerprint of the key that signs the certificate."""
    entrepot: str
    against: dict[str, str] = {}
    """Fact whose declaration says less than the inspection saw → what the inspection saw."""

    def facts_by_name(self) -> dict[str, str]:
        """Return the value of each fact relied on, findings included, by name."""
        said = {finding.fact: finding.value for finding in self.findings}
        return {**said, **{fact.name: fact.value for fact in self.facts}}
