"""The form of a product's description: from what was typed to DCAT-AP 3 values, and back.

Every field of `registry.productacts.Metadata` stands in it, in groups; what most products share is
filled in. Amounts are typed as people write them and become minor units here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

from litestar.datastructures import FormMultiDict

from entrepot.kernel.errors import InvalidInput
from entrepot.node.face.forms import lines_of, text_of, texts_of, whole_of
from entrepot.node.face.language import t
from entrepot.registry import productvocabulary as vocabulary
from entrepot.registry.productacts import Metadata

Typed: TypeAlias = dict[str, Any]

TOP: Final = "product-form"
"""Field to which a problem of the whole description is tied: the form itself."""
NO_MINOR_UNITS: Final = frozenset({"CLP", "JPY", "KRW", "RWF", "VND"})
"""Currencies of the vocabulary without a minor unit (ISO 4217); the others have two digits."""
_AMOUNT: Final = re.compile(r"[0-9]{1,13}([.][0-9]{1,2})?")
_LANGUAGES: Final = ("en", "zh")
_LISTS: Final = ("themes", "delivery")
_LINES: Final = ("keywords", "industries", "geography", "languages", "conforms_to")

DEFAULTS: Final[Mapping[str, Any]] = {
    "update_cycle": "DAILY",
    "delivery": ["file"],
    "pricing_model": "negotiated",
    "currency": "USD",
    "sample_media_type": "text/csv",
    "source_method": "own-operation",
}


def typed_values(form: FormMultiDict) -> Typed:
    """Return what was typed, by field; the fields of several choices as lists."""
    typed: Typed = {name: text_of(form, name) for name in form if name not in _LISTS}
    return {**typed, **{name: texts_of(form, name) for name in _LISTS}}


def metadata_from(form: FormMultiDict, language: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the description as plain values, and field -> what is wrong with it."""
    problems = _missing(form, language)
    try:
        amount = _amount_minor(form)
        measures = _pairs(form, "quality_measures")
        fields = _fields(form)
    except InvalidInput as error:
        field = str(error.value).partition(":")[0]
        return {}, {**problems, field: t(language, f"products.need.{field}")}
    found: dict[str, Any] = {
        "title": _texts(form, "title"),
        "description": _texts(form, "description"),
        "themes": texts_of(form, "themes"),
        "update_cycle": text_of(form, "update_cycle"),
        "delivery": texts_of(form, "delivery"),
        "pricing": _pricing(form, amount),
        "licence": _without_empty(
            {"id": text_of(form, "licence"), "limits": _texts(form, "limits")}
        ),
        "source": _without_empty(
            {
                "method": text_of(form, "source_method"),
                "statement": text_of(form, "source_statement"),
                "sha256": text_of(form, "source_sha256").lower(),
            }
        ),
        "personal_data": text_of(form, "personal_data") == "yes",
        "volume": {"bytes": whole_of(form, "bytes") or 0, "rows": whole_of(form, "rows") or 0},
    }
    found |= {name: lines_of(form, name) for name in _LINES if lines_of(form, name)}
    found["geography"] = [place.upper() for place in lines_of(form, "geography")]
    if fields:
        found["fields"] = fields
    return found | _optional(form, measures), problems


def typed_from(metadata: Metadata) -> Typed:
    """Return the fields of the form that a description fills in, for a revision."""
    pricing, source, period = metadata.pricing, metadata.source, metadata.period
    quality, sample, inspection = metadata.quality, metadata.sample, metadata.inspection
    typed: Typed = {
        "themes": list(metadata.themes),
        "delivery": list(metadata.delivery),
        "update_cycle": metadata.update_cycle,
        "pricing_model": pricing.model,
        "amount": _amount_words(pricing.amount_minor, pricing.currency),
        "currency": pricing.currency or "USD",
        "licence": metadata.licence.id,
        "source_method": source.method,
        "source_statement": source.statement,
        "source_sha256": source.sha256,
        "personal_data": "yes" if metadata.personal_data else "no",
        "bytes": str(metadata.volume.bytes),
        "rows": str(metadata.volume.rows),
        "period_from": "" if period is None else period.start,
        "period_until": "" if period is None else period.until,
        "quality_sha256": "" if quality is None else quality.sha256,
        "quality_measures": ""
        if quality is None
        else "\n".join(f"{name} = {value}" for name, value in quality.measures.items()),
        "sample_sha256": "" if sample is None else sample.sha256,
        "sample_media_type": "text/csv" if sample is None else sample.media_type,
        "inspection_sha256": "" if inspection is None else inspection.sha256,
        "inspection_sensitivity": "" if inspection is None else inspection.sensitivity,
        "inspection_persons": ""
        if inspection is None or inspection.persons is None
        else str(inspection.persons),
        "compliance_opinion": metadata.compliance_opinion,
        "fields": "\n".join(
            " | ".join((field.name, field.type, field.meaning)) for field in metadata.fields
        ),
    }
    for name in _LINES:
        typed[name] = "\n".join(getattr(metadata, name))
    for name, texts in (
        ("title", metadata.title),
        ("description", metadata.description),
        ("limits", metadata.licence.limits),
    ):
        typed |= {f"{name}_{code}": texts.get(code, "") for code in _LANGUAGES}
    return typed


def choices(language: str) -> dict[str, list[tuple[str, str]]]:
    """Return the lists of the form: code and words in a language."""
    place = 0 if language == "en" else 1
    tables = {
        "themes": vocabulary.THEMES,
        "cycles": vocabulary.CYCLES,
        "deliveries": vocabulary.DELIVERIES,
        "methods": vocabulary.METHODS,
        "models": vocabulary.PRICE_MODELS,
    }
    found = {
        name: [(code, words[place]) for code, words in table.items()]
        for name, table in tables.items()
    }
    found["currencies"] = [(code, code) for code in sorted(vocabulary.CURRENCIES)]
    found["sensitivities"] = [
        (code, t(language, f"products.sensitivity.{code}")) for code in vocabulary.SENSITIVITIES
    ]
    return found


def _missing(form: FormMultiDict, language: str) -> dict[str, str]:
    """Return the mandatory fields that are empty."""
    empty: list[str] = []
    for name in ("title", "description"):
        if not _texts(form, name):
            empty.append(f"{name}_{language}")
    empty += [name for name in _LISTS if not texts_of(form, name)]
    for name in ("update_cycle", "pricing_model", "licence", "source_method", "source_statement"):
        if not text_of(form, name):
            empty.append(name)
    if text_of(form, "personal_data") not in ("yes", "no"):
        empty.append("personal_data")
    if whole_of(form, "bytes") is None:
        empty.append("bytes")
    return {name: t(language, f"products.need.{_stem(name)}") for name in empty}


def _stem(name: str) -> str:
    return name.rsplit("_", 1)[0] if name.rsplit("_", 1)[-1] in _LANGUAGES else name


def _texts(form: FormMultiDict, name: str) -> dict[str, str]:
    given = {code: text_of(form, f"{name}_{code}") for code in _LANGUAGES}
    return {code: text for code, text in given.items() if text}


def _pricing(form: FormMultiDict, amount_minor: int) -> dict[str, Any]:
    model = text_of(form, "pricing_model")
    if model == "free":
        return {"model": model}
    return {"model": model, "amount_minor": amount_minor, "currency": text_of(form, "currency")}


def _amount_minor(form: FormMultiDict) -> int:
    """Return the amount in minor units. Raises InvalidInput for what is no amount."""
    text = "".join(text_of(form, "amount").replace(",", "").split())
    if text_of(form, "pricing_model") == "free":
        return 0
    if not _AMOUNT.fullmatch(text):
        raise InvalidInput("not an amount", value="amount")
    digits = 0 if text_of(form, "currency") in NO_MINOR_UNITS else 2
    minor = Decimal(text).scaleb(digits)
    if minor != minor.to_integral_value():
        raise InvalidInput("the currency has no such fraction", value="amount")
    return int(minor)


def _amount_words(amount_minor: int, currency: str) -> str:
    if not amount_minor:
        return ""
    digits = 0 if currency in NO_MINOR_UNITS else 2
    return str(Decimal(amount_minor).scaleb(-digits))


def _pairs(form: FormMultiDict, name: str) -> dict[str, str]:
    """Return lines `name = value`. Raises InvalidInput for a line without an equals sign."""
    found: dict[str, str] = {}
    for line in text_of(form, name).split("\n"):
        key, equals, value = line.partition("=")
        if line.strip() and not equals:
            raise InvalidInput("a measure is name = value", value=name)
        if line.strip():
            found[key.strip()] = value.strip()
    return found


def _fields(form: FormMultiDict) -> list[dict[str, str]]:
    """Return lines `name | type | meaning`."""
    found = []
    for line in text_of(form, "fields").split("\n"):
        if line.strip():
            parts = [part.strip() for part in line.split("|", 2)]
            named = dict(zip(("name", "type", "meaning"), parts, strict=False))
            found.append({key: value for key, value in named.items() if value})
    return found


def _optional(form: FormMultiDict, measures: dict[str, str]) -> dict[str, Any]:
    """Return the parts that a description may lack."""
    found: dict[str, Any] = {}
    start = text_of(form, "period_from")
    if start:
        found["period"] = _without_empty({"from": start, "until": text_of(form, "period_until")})
    quality, sample = (
        text_of(form, "quality_sha256").lower(),
        text_of(form, "sample_sha256").lower(),
    )
    if quality:
        found["quality"] = {"sha256": quality, "measures": measures}
    if sample:
        found["sample"] = {"sha256": sample, "media_type": text_of(form, "sample_media_type")}
    inspection = text_of(form, "inspection_sha256").lower()
    if inspection:
        found["inspection"] = {
            "sha256": inspection,
            "persons": whole_of(form, "inspection_persons"),
        }
        sensitivity = text_of(form, "inspection_sensitivity")
        found["inspection"] |= {"sensitivity": sensitivity} if sensitivity else {}
    opinion = text_of(form, "compliance_opinion").lower()
    return found | ({"compliance_opinion": opinion} if opinion else {})


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
