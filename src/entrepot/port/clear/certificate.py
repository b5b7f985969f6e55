"""The certificate: what is signed when a shipment is cleared.

It is the body of the `clear-shipment` act, deterministic CBOR inside a COSE_Sign1, so the signed
request and the certificate are one object and cannot differ. It holds no floats (risks and losses
are parts per million) and no cell of the data. What each field means is said in
docs/reference/certificate.md.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Final

import msgspec

from entrepot.kernel.errors import InvalidInput
from entrepot.law.model import Assessment, DutyDue
from entrepot.port.clear.record import (
    ClearanceRecord,
    DataFile,
    Evidence,
    FactRelied,
    Finding,
    Parties,
    Trigger,
    Validity,
)
from entrepot.port.model import RiskReport
from entrepot.port.transform.model import TransformPlan, technique

FORMAT: Final = 1
KIND: Final = "clear-shipment"
PPM: Final = 1_000_000


class SignedRisk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Re-identification risk in whole numbers."""

    quasi_identifiers: list[str]
    rows: int
    classes: int
    k: int
    uniques: int
    average_risk_ppm: int
    l_diversity: dict[str, int]
    note: str


class SignedRoute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one regime demands: its outcome and the rules that decided, with articles."""

    regime: str
    role: str
    outcome: str
    rules: dict[str, str]


class SignedDuty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A duty that goes with the clearance."""

    id: str
    code: str
    regime: str
    says: str
    article: str
    due: str
    due_on: str
    state: str


class SignedSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table that was inspected: its name, size and hash, never a cell."""

    name: str
    size_bytes: int
    sha256: str
    rows: int


class SignedFlow(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"origin": "from", "destination": "to"},
):
    """From where to where, under the law of which day, as known on which day."""

    origin: str
    destination: str
    as_of: str
    known_at: str


class SignedPiece(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A piece of a counter: what this shipment added to one counting fact, under one key."""

    fact: str
    year: int
    """Of the windows' end; its key made the tokens."""
    key: str
    """Which key, by a hash that opens nothing."""
    sha256: str
    """Of the piece, which stays in the exporter's node."""
    namespace: str
    """Hash of what persons were told apart by."""
    extra: int
    """Persons counted who have no token."""
    cap: int | None
    """Persons counted, where more have tokens."""


class Certificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The body of a `clear-shipment` act."""

    format: int
    id: str
    cleared_at: str
    entrepot: str
    parties: Parties
    flow: SignedFlow
    source: SignedSource
    files: list[DataFile]
    """Every file of the folder except this certificate and the proof that it was logged."""
    facts: dict[str, FactRelied]
    engine_facts: dict[str, object]
    """The facts as the engine read them, findings with author and reasons: enough to ask again."""
    against: dict[str, str]
    """Fact whose declaration says less than the inspection saw → what the inspection saw."""
    findings: list[Finding]
    evidence: list[Evidence]
    way: str
    transforms: list[dict[str, object]]
    techniques: list[str]
    outcome: str
    status: str
    routes: list[SignedRoute]
    duties: list[SignedDuty]
    law: dict[str, str]
    """Rulebook id → SHA-256 of its exact bytes."""
    rows_before: int
    rows_after: int
    persons_after: int
    loss_ppm: int
    risk_before: SignedRisk | None
    risk_after: SignedRisk | None
    validity: Validity
    triggers: list[Trigger]
    counts: dict[str, int]
    """Counting fact → persons of this shipment, for the exporter's counters."""
    exempt: dict[str, int] = {}
    """Counting fact → persons of this shipment where an exemption takes it out of the count."""
    pieces: list[SignedPiece] = []
    """What the exporter's node keeps to count persons once over several shipments."""
    register: str = ""
    """Whose numbers tell the table's persons apart, as declared; one number is one person."""


class Counts(msgspec.Struct, frozen=True):
    """What a shipment adds to the exporter's counters, per counting fact."""

    counted: dict[str, int] = {}
    exempt: dict[str, int] = {}
    pieces: list[SignedPiece] = []
    register: str = ""


def certificate(
    record: ClearanceRecord,
    files: list[DataFile],
    engine_facts: Mapping[str, object],
    counts: Counts,
) -> Certificate:
    """Return the certificate of a clearance; `files` includes the report and the JSON files."""
    flow = record.plan.flow
    return Certificate(
        format=FORMAT,
        id=record.id,
        cleared_at=record.cleared_at.isoformat(timespec="seconds"),
        entrepot=record.entrepot,
        parties=record.parties,
        flow=SignedFlow(
            flow.origin, flow.destination, flow.as_of.isoformat(), flow.known_at.isoformat()
        ),
        source=SignedSource(
            record.inspection.file.name,
            record.inspection.file.size_bytes,
            record.inspection.file.sha256,
            record.inspection.rows,
        ),
        files=files,
        facts={fact.name: fact for fact in record.facts},
        engine_facts=dict(engine_facts),
        against=record.against,
        findings=record.findings,
        evidence=record.evidence,
        way=record.way.title,
        transforms=_transforms(record.way.transforms),
        techniques=list(
            dict.fromkeys(technique(t).value for t in record.way.transforms.transforms)
        ),
        outcome=record.assessment.outcome,
        status=record.assessment.status,
        routes=signed_routes(record.assessment),
        duties=[_duty(duty) for duty in record.duties],
        law={book.id: book.sha256 for book in record.assessment.law},
        rows_before=record.rows_before,
        rows_after=record.rows_after,
        persons_after=record.persons_after,
        loss_ppm=round(record.loss.loss * PPM),
        risk_before=_risk(record.risk_before),
        risk_after=_risk(record.risk_after),
        validity=record.validity,
        triggers=record.triggers,
        counts=counts.counted,
        exempt=counts.exempt,
        pieces=counts.pieces,
        register=counts.register,
    )


def as_body(signed: Certificate) -> dict[str, object]:
    """Return the certificate as plain values (dates as text, no floats), ready to be signed."""
    plain = msgspec.to_builtins(signed)
    if not isinstance(plain, dict):
        raise TypeError("a certificate is a map")
    return {str(key): value for key, value in plain.items()}


def from_body(body: Mapping[object, object]) -> Certificate:
    """Read a certificate back from plain values, strictly.

    Raises `InvalidInput` for a missing, unknown or wrongly typed field, for another format, and
    where writing the certificate again would not give the very same values.
    """
    try:
        read = msgspec.convert(dict(body), Certificate)
    except msgspec.ValidationError as error:
        raise InvalidInput("not a certificate of this format", value=error) from None
    if read.format != FORMAT:
        raise InvalidInput("certificate of another format", value=read.format)
    if as_body(read) != dict(body):
        raise InvalidInput("certificate is not written in its one form", value=read.id)
    return read


def clearance_id(act_id: bytes) -> str:
    """Return the readable id of a clearance: `clr-` and its act id in base 32."""
    return "clr-" + base64.b32encode(act_id).decode().rstrip("=").lower()


def without_floats(value: object) -> object:
    """Return plain values with every float as text: signed values have one spelling."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput("a number that is signed must be finite", value=value)
        return repr(value)
    if isinstance(value, Mapping):
        return {key: without_floats(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_floats(item) for item in value]
    return value


def signed_routes(assessment: Assessment) -> list[SignedRoute]:
    """Return what each regime demands, as it is signed."""
    return [
        SignedRoute(
            side.regime,
            side.role,
            side.outcome,
            {hit.id: hit.citation.article for hit in side.rules},
        )
        for side in assessment.sides
    ]


def _transforms(plan: TransformPlan) -> list[dict[str, object]]:
    plain = without_floats(msgspec.to_builtins(plan.transforms))
    if not isinstance(plain, list):
        raise TypeError("transforms are a list")
    return plain


def _duty(duty: DutyDue) -> SignedDuty:
    due_on = duty.due_on.isoformat() if duty.due_on else ""
    return SignedDuty(
        duty.id,
        duty.code,
        duty.regime,
        duty.says,
        duty.citation.article,
        duty.due,
        due_on,
        duty.state,
    )


def _risk(risk: RiskReport | None) -> SignedRisk | None:
    if risk is None:
        return None
    return SignedRisk(
        risk.quasi_identifiers,
        risk.rows,
        risk.classes,
        risk.k,
        risk.uniques,
        round(risk.average_risk * PPM),
        risk.l_diversity,
        risk.note,
    )
