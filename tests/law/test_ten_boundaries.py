"""Ten days on which the law of ten places changed, each with the articles before and after."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest

from entrepot.law import Assessment, Library


@dataclass(frozen=True)
class Boundary:
    """A flow whose answer changes on `day`: the rule that decides on the eve, and on the day."""

    day: date
    origin: str
    destination: str
    before: tuple[str, str, str]
    """Outcome, rule and what its article says it is."""
    after: tuple[str, str, str]
    facts: dict[str, object] = field(default_factory=dict)
    profile: str = "retail-customers"


BOUNDARIES = [
    Boundary(
        date(2024, 3, 22),
        "CN",
        "DE",
        before=("CONTRACT_FILING|CERTIFICATION", "CN-O13-4", "art 4"),
        after=("EXEMPT", "CN-P-5.4", "art 5(1)(4)"),
        facts={"cn.two_years.prior_persons": 0, "cn.two_years.prior_sensitive": 0},
    ),
    Boundary(
        date(2025, 4, 8),
        "US",
        "CN",
        before=("FREE", "US-DSP-BEFORE", "28 CFR 202.216"),
        after=("RESTRICTED_SECURITY", "US-401", "28 CFR 202.401"),
        facts={"us.shipment.identifiers": 100_001, "us.data_broker": False},
    ),
    Boundary(
        date(2025, 7, 1),
        "RU",
        "KZ",
        before=("LOCALISE_FIRST", "RU-LOC", "152-FZ art 18(5) in its form of 2015"),
        after=("PROHIBITED", "RU-LOC2", "152-FZ art 18(5) as amended by 23-FZ"),
        facts={"transfer.kind": "offshore_collection"},
    ),
    Boundary(
        date(2025, 9, 16),
        "KR",
        "FR",
        before=("CONSENT_NOTICE", "KR-28-8-1", "PIPA art 28-8(1)1"),
        after=("ADEQUACY_LISTED", "KR-28-8-5", "PIPA art 28-8(1)5"),
        facts={"recipient.kind": "third_party", "recipient.role": "controller"},
    ),
    Boundary(
        date(2026, 1, 1),
        "VN",
        "JP",
        before=("DOSSIER_POST_FILING", "VN-13-25", "art 25"),
        after=("DOSSIER_POST_FILING", "VN-91-20", "Law 91/2025 art 20"),
    ),
    Boundary(
        date(2026, 1, 26),
        "BR",
        "DE",
        before=("CONTRACT", "BR-33-II-B", "LGPD art 33(II)(b)"),
        after=("ADEQUACY_LISTED", "BR-33-I", "LGPD art 33(I)"),
    ),
    Boundary(
        date(2026, 2, 5),
        "GB",
        "IN",
        # Not essentially equivalent, yet not materially lower: the old test fails, the new is met.
        before=("PROHIBITED", "GB-46-TRA-FAILS", "UK GDPR art 46(1)"),
        after=("CONTRACT", "GB-IDTA", "UK GDPR art 46(2)(d)"),
        facts={"gb.protection": "not_materially_lower"},
    ),
    Boundary(
        date(2026, 3, 2),
        "SG",
        "AU",
        before=("PROHIBITED", "", "PDPA s 26"),
        after=("CERTIFICATION", "SG-12-PROCESSOR-2026", "PDP Regulations 2021 reg 12(2)(a)"),
        facts={"instrument.kind": "certification", "recipient.certificates": ["global_cbpr"]},
    ),
    Boundary(
        date(2026, 12, 1),
        "CL",
        "US",
        before=("FREE", "CL-SILENT", "Law 19.628 arts 4-5"),
        after=("CONTRACT", "CL-27-B", "Law 19.628 arts 27(b)"),
    ),
    Boundary(
        date(2023, 7, 10),
        "DE",
        "US",
        before=("CONTRACT", "EU-SCC-M2", "GDPR art 46(2)(c)"),
        after=("ADEQUACY_LISTED", "EU-45", "GDPR art 45(1)"),
        facts={"recipient.dpf_active": True},
    ),
]


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.load()


def assessed(library: Library, boundary: Boundary, day: date) -> Assessment:
    facts = library.facts({**library.profile(boundary.profile), **boundary.facts})
    flow = library.flow(boundary.origin, boundary.destination, day)
    return library.bind(flow).assess(facts)


def said(library: Library, boundary: Boundary, day: date) -> tuple[str, list[tuple[str, str]]]:
    """Return the outcome and, of the sender's side, each deciding rule or default with its
    article."""
    assessment = assessed(library, boundary, day)
    sides = [side for side in assessment.sides if side.outcome == assessment.outcome]
    rules = [(hit.id, hit.citation.article) for side in sides for hit in side.rules]
    return assessment.outcome, rules + [("", side.reason) for side in sides if side.default]


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda b: f"{b.origin}-{b.day}")
def test_the_answer_changes_on_the_day(library: Library, boundary: Boundary) -> None:
    eve = boundary.day - timedelta(days=1)
    for day, (outcome, rule, article) in ((eve, boundary.before), (boundary.day, boundary.after)):
        found, reasons = said(library, boundary, day)
        assert found == outcome, (day, found, reasons)
        assert any(name == rule and article in text for name, text in reasons), (day, reasons)
    assert boundary.before[1:] != boundary.after[1:]


def test_ten_days_in_ten_places() -> None:
    assert len({boundary.day for boundary in BOUNDARIES}) == 10
    assert len({boundary.origin for boundary in BOUNDARIES}) == 10
