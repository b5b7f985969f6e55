"""What may be asked about data products: file, revise, release, withdraw. Shapes only, no I/O.

A description follows DCAT-AP 3 (a data product is a `dcat:Dataset` with one distribution per way of
delivery) and adds what buyers of data miss: source and way of acquisition, quality report, sample,
price, compliance opinion, inspection. Price and update cycle are mandatory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, TypeVar

import msgspec

from entrepot.kernel.encoding import encode
from entrepot.kernel.errors import InvalidInput
from entrepot.registry import productvocabulary as words
from entrepot.registry.producttext import check_member, check_sha256, clean

FILE, REVISE = "file-product", "revise-product"
RELEASE, WITHDRAW = "release-product", "withdraw-product"

METADATA_MAX_BYTES: Final = 20_000
"""Largest description in deterministic CBOR: it stands twice in a log entry of 65,535 bytes."""
TITLE_CHARS_MAX: Final = 300
TEXT_CHARS_MAX: Final = 4_000
WORD_CHARS_MAX: Final = 60
URI_CHARS_MAX: Final = 500
KEYWORDS_MAX: Final = 30
FIELDS_MAX: Final = 200
PLACES_MAX: Final = 60
AMOUNT_MAX: Final = 10**15
COUNT_MAX: Final = 2**62

Count = Annotated[int, msgspec.Meta(ge=0, le=COUNT_MAX)]
ProductId = Annotated[int, msgspec.Meta(ge=1, le=COUNT_MAX)]
"""A product is named by the index in the log of the act that filed it."""

_URI = re.compile(r"(https?://|urn:[a-z0-9][a-z0-9-]{0,31}:)[!-~]+")
_UNSAFE_URI = re.compile(r"[<>\"{}|\\^`\s]")
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,63}")
_INDUSTRY = re.compile(r"[A-Z][0-9]{0,4}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,31}")
_MEDIA = re.compile(r"[a-z0-9]+/[a-z0-9][a-z0-9.+-]{0,60}")


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Part of a description."""


class Period(_Part, frozen=True, rename={"start": "from"}):
    """Days, both inclusive, ISO 8601; an open end is absent."""

    start: str
    until: str = ""


class Volume(_Part, frozen=True):
    """How much there is of it."""

    bytes: Count
    rows: Count = 0


class Quality(_Part, frozen=True):
    """The hash of the quality report, and what it measured (name -> value as text)."""

    sha256: str
    measures: dict[str, str] = {}


class Sample(_Part, frozen=True):
    """The hash of a sample and its media type."""

    sha256: str
    media_type: str = "text/csv"


class Field(_Part, frozen=True):
    """One field of the data: its name, type and meaning."""

    name: str
    type: str = "text"
    meaning: str = ""


class Pricing(_Part, frozen=True):
    """How the price is made; the amount in minor units of an ISO 4217 currency."""

    model: str
    amount_minor: Annotated[int, msgspec.Meta(ge=0, le=AMOUNT_MAX)] = 0
    currency: str = ""


class Licence(_Part, frozen=True):
    """An SPDX identifier or a URI, and what the licence forbids, by language."""

    id: str
    limits: dict[str, str] = {}


class Source(_Part, frozen=True):
    """How the provider came to the data: method, statement, and the hash of the source if any."""

    method: str
    statement: str
    sha256: str = ""


class Inspection(_Part, frozen=True):
    """The hash of what `entrepot inspect --json` printed, and optionally what it found."""

    sha256: str
    persons: Count | None = None
    categories: tuple[str, ...] = ()
    sensitivity: str = ""


class Metadata(_Part, frozen=True):
    """A product's description. Languages are ISO 639-1; places ISO 3166; hashes SHA-256 in hex."""

    title: dict[str, str]
    description: dict[str, str]
    themes: tuple[str, ...]
    update_cycle: str
    pricing: Pricing
    delivery: tuple[str, ...]
    licence: Licence
    source: Source
    personal_data: bool
    volume: Volume
    keywords: tuple[str, ...] = ()
    industries: tuple[str, ...] = ()
    geography: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    period: Period | None = None
    quality: Quality | None = None
    sample: Sample | None = None
    fields: tuple[Field, ...] = ()
    inspection: Inspection | None = None
    compliance_opinion: str = ""
    conforms_to: tuple[str, ...] = ()


class FileProduct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """File a new product."""

    metadata: Metadata


class ReviseProduct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Describe a product anew; earlier descriptions stay readable."""

    product: ProductId
    metadata: Metadata


class ReleaseProduct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Announce a version of the product's data: its hash, size and days."""

    product: ProductId
    version: str
    sha256: str
    bytes: Count
    rows: Count
    period: Period | None = None


class WithdrawProduct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Take a product off the directory, for a stated reason. Registered rights stay."""

    product: ProductId
    reason: str


Shape = TypeVar("Shape")


def convert(body: Mapping[object, object], kind: type[Shape]) -> Shape:
    """Return the typed body of an act, or raise InvalidInput that names the wrong part."""
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise InvalidInput("the act's body has not the form of its kind", value=error) from error


def shape_file(body: Mapping[object, object]) -> FileProduct:
    """Return a well-formed filing, its texts normalised. Raises InvalidInput."""
    return FileProduct(check_metadata(convert(body, FileProduct).metadata))


def shape_revise(body: Mapping[object, object]) -> ReviseProduct:
    """Return a well-formed revision, its texts normalised. Raises InvalidInput."""
    read = convert(body, ReviseProduct)
    return ReviseProduct(read.product, check_metadata(read.metadata))


def shape_release(body: Mapping[object, object]) -> ReleaseProduct:
    """Return a well-formed release. Raises InvalidInput."""
    read = convert(body, ReleaseProduct)
    if not _VERSION.fullmatch(read.version):
        raise InvalidInput(
            "a version is 1 to 32 letters, digits, dots, hyphens, plus signs", value=read.version
        )
    check_sha256(read.sha256, "sha256 of the release")
    if read.period is not None:
        check_period(read.period)
    return read


def shape_withdraw(body: Mapping[object, object]) -> WithdrawProduct:
    """Return a well-formed withdrawal. Raises InvalidInput."""
    read = convert(body, WithdrawProduct)
    return WithdrawProduct(read.product, clean(read.reason, "reason", chars_max=500))


def check_metadata(given: Metadata) -> Metadata:
    """Return a description with texts normalised and lists without repeats, or InvalidInput.

    Closed lists hold, hashes are hashes, an amount has a currency, what is personal says so.
    """
    _check_lists(given)
    _check_pricing(given.pricing)
    _check_evidence(given)
    if given.period is not None:
        check_period(given.period)
    cleaned = msgspec.structs.replace(
        given,
        title=_texts(given.title, "title", TITLE_CHARS_MAX),
        description=_texts(given.description, "description", TEXT_CHARS_MAX, lines=True),
        keywords=_names(given.keywords, "keyword", KEYWORDS_MAX),
        themes=tuple(dict.fromkeys(given.themes)),
        delivery=tuple(dict.fromkeys(given.delivery)),
        geography=tuple(dict.fromkeys(given.geography)),
        languages=tuple(dict.fromkeys(given.languages)),
        industries=tuple(dict.fromkeys(given.industries)),
        licence=_licence(given.licence),
        source=msgspec.structs.replace(
            given.source,
            statement=clean(given.source.statement, "source", chars_max=1_000, lines=True),
        ),
        fields=_fields(given.fields),
        quality=_quality(given.quality),
    )
    size = len(encode(msgspec.to_builtins(cleaned)))
    if size > METADATA_MAX_BYTES:
        raise InvalidInput(
            f"the description is larger than {METADATA_MAX_BYTES:,} bytes",
            value=f"{size:,} bytes",
            remedy="put long field lists in a document and name it by its hash",
        )
    return cleaned


def _check_lists(given: Metadata) -> None:
    for name, listed, least, most in (
        ("themes", given.themes, 1, 5),
        ("delivery", given.delivery, 1, len(words.DELIVERIES)),
        ("geography", given.geography, 0, PLACES_MAX),
        ("languages", given.languages, 0, len(words.LANGUAGES)),
        ("industries", given.industries, 0, 10),
        ("conforms_to", given.conforms_to, 0, 20),
    ):
        if not least <= len(listed) <= most:
            raise InvalidInput(f"{name} has {least} to {most} values", value=len(listed))
    check_member(given.update_cycle, words.CYCLES, "update_cycle")
    for listed, known, name in (
        (given.themes, words.THEMES, "theme"),
        (given.delivery, words.DELIVERIES, "delivery"),
        (given.languages, words.LANGUAGES, "language"),
    ):
        for one in listed:
            check_member(one, known, name)
    check_member(given.source.method, words.METHODS, "source.method")
    for code in given.geography:
        check_place(code)
    for notation in given.industries:
        if not _INDUSTRY.fullmatch(notation):
            raise InvalidInput("an industry is a letter and up to four digits", value=notation)
    for uri in given.conforms_to:
        check_uri(uri, "conforms_to")


def check_place(code: str) -> None:
    """Check a place: EU, ISO 3166-1 alpha-2 or ISO 3166-2. Raises InvalidInput."""
    if not words.is_place(code):
        raise InvalidInput(
            "not a place by ISO 3166", value=code, remedy="write CN, CN-GD, EU, FR or the like"
        )


def check_uri(uri: str, where: str) -> None:
    """Check an http, https or urn URI of at most 500 characters. Raises InvalidInput."""
    sound = len(uri) <= URI_CHARS_MAX and _URI.fullmatch(uri) and not _UNSAFE_URI.search(uri)
    if not sound:
        raise InvalidInput(f"{where} is not an http, https or urn URI", value=uri)


def check_period(period: Period) -> None:
    """Check that both days exist and stand in order. Raises InvalidInput."""
    until = period.until or period.start
    if check_day(until) < check_day(period.start):
        raise InvalidInput("a period ends before it begins", value=f"{period.start} to {until}")


def check_day(day: str) -> date:
    """Return a day written YYYY-MM-DD; InvalidInput when there is none such."""
    try:
        found = date.fromisoformat(day)
    except ValueError:
        raise InvalidInput("not a day of the calendar", value=day, remedy="YYYY-MM-DD") from None
    if found.isoformat() != day:
        raise InvalidInput("a day is written YYYY-MM-DD", value=day)
    return found


def _check_pricing(pricing: Pricing) -> None:
    check_member(pricing.model, words.PRICE_MODELS, "pricing.model")
    if pricing.model == "free":
        if pricing.amount_minor or pricing.currency:
            raise InvalidInput("what is free has no amount and no currency")
        return
    check_member(pricing.currency, words.CURRENCIES, "pricing.currency")
    if pricing.amount_minor == 0:
        raise InvalidInput(
            "a price names an amount in minor units",
            remedy="state where talks or bids begin, or choose the model free",
        )


def _check_evidence(given: Metadata) -> None:
    inspection = given.inspection
    for digest, where in (
        (given.compliance_opinion, "compliance_opinion"),
        (given.sample.sha256 if given.sample else "", "sample"),
        (given.source.sha256, "source.sha256"),
    ):
        if digest:
            check_sha256(digest, where)
    if given.sample is not None and not _MEDIA.fullmatch(given.sample.media_type):
        raise InvalidInput("not a media type", value=given.sample.media_type)
    if inspection is None:
        return
    check_sha256(inspection.sha256, "inspection")
    if len(inspection.categories) > 60:
        raise InvalidInput("an inspection names at most 60 categories")
    for category in inspection.categories:
        clean(category, "category", chars_max=WORD_CHARS_MAX)
    if inspection.sensitivity:
        check_member(inspection.sensitivity, words.SENSITIVITIES, "inspection.sensitivity")
    finds = bool(inspection.persons) or inspection.sensitivity in ("personal", "sensitive")
    if finds and not given.personal_data:
        raise InvalidInput(
            "the inspection found persons, but personal_data is false",
            remedy="set personal_data, or inspect the de-identified data",
        )


def _texts(
    given: Mapping[str, str], where: str, chars_max: int, *, lines: bool = False
) -> dict[str, str]:
    if not 1 <= len(given) <= 12:
        raise InvalidInput(f"{where} is given in 1 to 12 languages", value=len(given))
    for language in given:
        check_member(language, words.LANGUAGES, f"language of {where}")
    return {
        language: clean(text, where, chars_max=chars_max, lines=lines)
        for language, text in sorted(given.items())
    }


def _names(given: tuple[str, ...], where: str, most: int) -> tuple[str, ...]:
    if len(given) > most:
        raise InvalidInput(f"at most {most} of {where}", value=len(given))
    return tuple(dict.fromkeys(clean(one, where, chars_max=WORD_CHARS_MAX) for one in given))


def _licence(given: Licence) -> Licence:
    if not _SPDX.fullmatch(given.id):
        check_uri(given.id, "licence")
    if len(given.limits) == 0:
        return given
    return Licence(given.id, _texts(given.limits, "licence limits", 1_000, lines=True))


def _fields(given: tuple[Field, ...]) -> tuple[Field, ...]:
    if len(given) > FIELDS_MAX:
        raise InvalidInput(f"at most {FIELDS_MAX} fields are listed", value=len(given))
    if len({field.name for field in given}) != len(given):
        raise InvalidInput("two fields have one name")
    return tuple(
        Field(
            clean(field.name, "field", chars_max=WORD_CHARS_MAX),
            clean(field.type, "type of a field", chars_max=WORD_CHARS_MAX),
            field.meaning and clean(field.meaning, "meaning of a field", chars_max=200),
        )
        for field in given
    )


def _quality(given: Quality | None) -> Quality | None:
    if given is None:
        return None
    check_sha256(given.sha256, "quality report")
    if len(given.measures) > 20:
        raise InvalidInput("at most 20 measures of quality", value=len(given.measures))
    return Quality(
        given.sha256,
        {
            clean(name, "measure", chars_max=WORD_CHARS_MAX): clean(
                value, "measure", chars_max=WORD_CHARS_MAX
            )
            for name, value in given.measures.items()
        },
    )
