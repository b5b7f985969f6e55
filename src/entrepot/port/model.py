"""The vocabulary of the port: what an inspection says of a dataset.

These are the values that `inspect` produces and that `assess`, `plan`, `clear`, the report and the
certificate read. Everything serialises with msgspec to the JSON that `--json` prints.
Nothing here holds a raw cell: examples are masked shapes, never values.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Category(StrEnum):
    """What a column holds. One column has exactly one category; `subtype` says which identifier."""

    PERSON_NAME = "person-name"
    EMAIL = "email"
    PHONE = "phone"
    NATIONAL_ID = "national-id"
    ADDRESS = "address"
    DATE_OF_BIRTH = "date-of-birth"
    DATE_OF_DEATH = "date-of-death"
    DATE = "date"
    AGE = "age"
    GENDER = "gender"
    HEALTH = "health"
    HEALTH_FINANCE = "health-finance"
    FINANCE_ACCOUNT = "finance-account"
    INCOME = "income"
    LOCATION = "location"
    IP = "ip"
    DEVICE_ID = "device-id"
    USERNAME = "username"
    CREDENTIAL = "credential"
    URL = "url"
    OCCUPATION = "occupation"
    ETHNICITY = "ethnicity"
    FAMILY_STATUS = "family-status"
    POLITICAL_OPINION = "political-opinion"
    RELIGION = "religion"
    BIOMETRIC = "biometric"
    GENETIC = "genetic"
    RECORD_ID = "record-id"
    RECORD_ID_ORG = "record-id-org"
    ORGANISATION = "organisation"
    ORG_ADDRESS = "org-address"
    ORG_PHONE = "org-phone"
    FREE_TEXT = "free-text"
    NONE = "none"


DIRECT = frozenset(
    {
        Category.PERSON_NAME,
        Category.EMAIL,
        Category.PHONE,
        Category.NATIONAL_ID,
        Category.FINANCE_ACCOUNT,
        Category.DEVICE_ID,
        Category.IP,
        Category.USERNAME,
        Category.CREDENTIAL,
        Category.RECORD_ID,
        Category.BIOMETRIC,
        Category.GENETIC,
    }
)
"""Categories that point at one person by themselves."""


class Verdict(StrEnum):
    """How sure the inspection is of a column's category."""

    FOUND = "found"
    POSSIBLE = "possible"
    NOT_FOUND = "not-found"


class Lane(msgspec.Struct, frozen=True):
    """One line of evidence for or against a category.

    `lane` is one of header, shape, checksum, structure, dictionary, statistics, context, text.
    `weight` is a log-likelihood contribution (natural log; negative speaks against); `detail` is a
    plain sentence with the figures ("998 of 1,000 pass ISO 7064 mod 11-2; 9 % would by chance").
    """

    lane: str
    category: Category
    weight: float
    detail: str


class ColumnReport(msgspec.Struct, frozen=True):
    """What one column holds, and the evidence."""

    name: str
    """Header as read; for nested data the dotted path (`a.b[].c`); sheets as `Sheet!header`."""
    index: int
    dtype: str
    category: Category
    subtype: str
    """Which identifier or form (`cn-resident-id`, `iban`, `iso-8601`), or the empty string."""
    verdict: Verdict
    confidence: float
    """0 to 1; calibrated only coarsely, so shown to two digits."""
    bound: str
    """For not-found: the prevalence that could have been missed ("none in 100,000 cells examined:
    under 0.003 % at 95 %"); for found and possible: the share of cells matching."""
    lanes: list[Lane]
    runner_up: Category | None
    """The competing reading, when one exists."""
    sensitivity: dict[str, str]
    """Regime id → class under that regime's own list (`cn` → `sensitive`); absent = not listed."""
    cells: int
    nulls: int
    distinct: int
    """Distinct non-null values (exact up to a stated limit, then estimated)."""
    examples: list[str]
    """Masked shapes (`Aaaa Aaaaa`, `999-99-9999`), at most 3."""
    contains: dict[str, int] = {}
    """Free text: category → cells in which it was found (person data inside prose)."""
    defects: list[str] = []
    """Data-quality defects of this column ("stored as float: last digits destroyed")."""


class SubjectCount(msgspec.Struct, frozen=True):
    """Distinct data subjects in one sensitivity class of one regime, and how they were counted."""

    regime: str
    klass: str
    persons: int
    exact: bool
    method: str
    columns: list[str]


class Residence(msgspec.Struct, frozen=True):
    """Evidence that some of the subjects live in, or are citizens of, one jurisdiction."""

    jurisdiction: str
    persons: int
    share: float
    evidence: list[str]


class RiskReport(msgspec.Struct, frozen=True):
    """Re-identification risk over the quasi-identifiers (k-anonymity family, ISO/IEC 20889)."""

    quasi_identifiers: list[str]
    rows: int
    classes: int
    k: int
    """Smallest equivalence class."""
    uniques: int
    """Rows alone in their class."""
    rows_under_k5: int
    average_risk: float
    """Classes / rows: average prosecutor risk."""
    l_diversity: dict[str, int]
    """Sensitive column → fewest distinct values in any class."""
    class_sizes: dict[str, int] = {}
    """Histogram for the plot: class size band ("1", "2-4", "5-9", "10-99", "100+") → rows."""
    note: str = ""


class TableReport(msgspec.Struct, frozen=True):
    """What can be said only of the table as a whole."""

    persons: int
    persons_exact: bool
    persons_method: str
    subjects: list[SubjectCount]
    residence: list[Residence]
    risk: RiskReport | None
    anonymous: str
    """`no`, `not shown` or `aggregate only`, with the reason after a colon."""
    quality: list[str]
    duplicates: int


class FileReport(msgspec.Struct, frozen=True):
    """What the file is, as sniffed from its content."""

    name: str
    size_bytes: int
    sha256: str
    format: str
    """csv, jsonl, parquet, avro, xlsx."""
    compression: str
    """none, gzip, zstd."""
    encoding: str
    dialect: dict[str, str]
    extension_agrees: bool
    parts: list[str]
    """Sheets of a workbook (hidden ones marked), row groups are not listed."""
    metadata: dict[str, str]
    """Document properties, comments count, and the like, when they can carry personal data
    (shown as categories and lengths, never the text)."""
    warnings: list[str]


class Inspection(msgspec.Struct, frozen=True):
    """The whole result of `entrepot inspect FILE`."""

    file: FileReport
    rows: int
    columns: list[ColumnReport]
    table: TableReport
    not_examined: list[str]
    detectors: list[str]
    skipped: dict[str, str]
    """Detector → why it did not run."""
    regimes: list[str]
    entrepot: str
    seconds: float
