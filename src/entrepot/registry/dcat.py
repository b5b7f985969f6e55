"""Products and the catalogue as DCAT-AP 3: JSON-LD trees, which `dcatturtle` writes as Turtle.

A product is a `dcat:Dataset` with one `dcat:Distribution` per way of delivery. Properties that
DCAT-AP 3.0 calls mandatory are always there, those it calls recommended whenever the description
says anything about them. Controlled vocabularies are the EU authority tables. What DCAT has no word
for (price model, personal data, hashes, place in the log) has terms under `ent:`.

Not here: whether it may be published. Descriptions are public acts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from entrepot.registry import productvocabulary as words
from entrepot.registry.productacts import Metadata, Period
from entrepot.registry.productstate import ACTIVE
from entrepot.registry.productviews import Product, Release

PREFIXES: Final[dict[str, str]] = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "ent": "urn:entrepot:terms:",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "hydra": "http://www.w3.org/ns/hydra/core#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "schema": "https://schema.org/",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
"""The context of every document: prefixes only, nothing to be fetched."""

PROFILE: Final = "http://data.europa.eu/r5r/"
_SPDX_LICENCES: Final = "http://spdx.org/licenses/"
_SHA256: Final = "http://spdx.org/rdf/terms#checksumAlgorithm_sha256"
_WHOLE_CURRENCIES: Final = frozenset({"CLP", "JPY", "KRW", "RWF", "VND"})
"""Currencies without minor units (ISO 4217)."""

Node = dict[str, Any]


class Publisher(msgspec.Struct, frozen=True):
    """Who provides a product or runs the catalogue: party id and names by language."""

    party: str
    names: dict[str, str]


class Catalogue(msgspec.Struct, frozen=True):
    """What a page of the catalogue is made of. `base` is the node's public URL without a slash."""

    base: str
    operator: Publisher
    modified: int
    tree_size: int
    products: Sequence[tuple[Product, Publisher, Sequence[Release]]]
    page: str = ""
    following: str = ""


def dataset(
    product: Product, publisher: Publisher, releases: Sequence[Release], *, base: str
) -> Node:
    """Return one product as a `dcat:Dataset`; `releases` newest first."""
    metadata = product.metadata
    here = product_iri(base, product.id)
    node: Node = {
        "@id": here,
        "@type": "dcat:Dataset",
        "dct:identifier": str(product.id),
        "dct:title": _languages(metadata.title),
        "dct:description": _languages(metadata.description),
        "dct:publisher": agent(publisher, base),
        "dcat:contactPoint": {
            "@type": "vcard:Organization",
            "vcard:fn": _languages(publisher.names),
            "vcard:hasURL": {"@id": party_iri(base, publisher.party)},
        },
        "dct:issued": _time(product.filed_at),
        "dct:modified": _time(product.changed_at),
        "dcat:theme": [_authority("data-theme", code) for code in metadata.themes],
        "dct:accrualPeriodicity": _authority("frequency", metadata.update_cycle),
        "dct:accessRights": _access(metadata),
        "dct:provenance": {
            "@type": "dct:ProvenanceStatement",
            "rdfs:label": metadata.source.statement,
            "ent:method": metadata.source.method,
        },
        "dcat:distribution": [
            _distribution(product, delivery, base) for delivery in metadata.delivery
        ],
        "ent:personalData": metadata.personal_data,
        "ent:logIndex": product.changed_by,
        "ent:revision": product.revision,
    }
    node |= _recommended(metadata)
    node |= _measured(metadata)
    if releases:
        node["dcat:version"] = releases[0].version
        node["ent:released"] = _time(releases[0].at)
    if metadata.sample is not None:
        node["adms:sample"] = {
            "@id": f"{here}#sample",
            "@type": "dcat:Distribution",
            "dcat:accessURL": {"@id": here},
            "dcat:mediaType": {
                "@id": f"https://www.iana.org/assignments/media-types/{metadata.sample.media_type}"
            },
            "spdx:checksum": _checksum(metadata.sample.sha256),
        }
    return node


def _recommended(metadata: Metadata) -> Node:
    """Return what DCAT-AP 3 recommends, where the description says anything about it."""
    node: Node = {}
    if metadata.keywords:
        node["dcat:keyword"] = list(metadata.keywords)
    if metadata.geography:
        node["dct:spatial"] = [_place(code) for code in metadata.geography]
    if metadata.period is not None:
        node["dct:temporal"] = _period(metadata.period)
    if metadata.languages:
        node["dct:language"] = [
            _authority("language", words.LANGUAGES[code]) for code in metadata.languages
        ]
    if metadata.conforms_to:
        node["dct:conformsTo"] = [
            {"@id": uri, "@type": "dct:Standard"} for uri in metadata.conforms_to
        ]
    return node


def _measured(metadata: Metadata) -> Node:
    """Return what buyers of data look for and DCAT has no word for."""
    node: Node = {"ent:rows": metadata.volume.rows}
    if metadata.industries:
        node["ent:industry"] = list(metadata.industries)
    if metadata.quality is not None:
        node["ent:qualityReport"] = {
            "@type": "ent:QualityReport",
            "spdx:checksum": _checksum(metadata.quality.sha256),
            "ent:measure": [
                {"rdfs:label": name, "ent:value": value}
                for name, value in metadata.quality.measures.items()
            ],
        }
    inspection = metadata.inspection
    if inspection is not None:
        found: Node = {
            "@type": "ent:Inspection",
            "spdx:checksum": _checksum(inspection.sha256),
        }
        if inspection.persons is not None:
            found["ent:persons"] = inspection.persons
        if inspection.sensitivity:
            found["ent:sensitivity"] = inspection.sensitivity
        if inspection.categories:
            found["ent:category"] = list(inspection.categories)
        node["ent:inspection"] = found
    if metadata.compliance_opinion:
        node["ent:complianceOpinion"] = _checksum(metadata.compliance_opinion)
    if metadata.fields:
        node["ent:field"] = [
            {"rdfs:label": field.name, "ent:type": field.type, "rdfs:comment": field.meaning}
            for field in metadata.fields
        ]
    return node


def _distribution(product: Product, delivery: str, base: str) -> Node:
    metadata = product.metadata
    here = product_iri(base, product.id)
    english, chinese = words.DELIVERIES[delivery]
    status = "COMPLETED" if product.status == ACTIVE else "WITHDRAWN"
    node: Node = {
        "@id": f"{here}#{delivery}",
        "@type": "dcat:Distribution",
        "dcat:accessURL": {"@id": here},
        "dct:title": _languages({"en": english, "zh": chinese}),
        "dct:description": _languages(metadata.description),
        "dct:license": licence(metadata.licence.id),
        "dcatap:availability": _authority("planned-availability", "AVAILABLE"),
        "adms:status": _authority("distribution-status", status),
        "dcat:byteSize": _typed(str(metadata.volume.bytes), "nonNegativeInteger"),
        "ent:delivery": delivery,
        "schema:offers": _offer(metadata),
    }
    if metadata.licence.limits:
        node["dct:rights"] = {
            "@type": "dct:RightsStatement",
            "rdfs:label": _languages(metadata.licence.limits),
        }
    return node


def _offer(metadata: Metadata) -> Node:
    pricing = metadata.pricing
    node: Node = {"@type": "schema:Offer", "ent:priceModel": pricing.model}
    if pricing.currency:
        node["schema:price"] = _typed(amount(pricing.amount_minor, pricing.currency), "decimal")
        node["schema:priceCurrency"] = pricing.currency
    return node


def amount(minor: int, currency: str) -> str:
    """Return an amount of minor units as a decimal, exactly (ISO 4217 exponents 0 and 2).

    >>> amount(120050, "CNY"), amount(500, "JPY")
    ('1200.50', '500')
    """
    if currency in _WHOLE_CURRENCIES:
        return str(minor)
    return f"{minor // 100}.{minor % 100:02d}"


def catalogue(page: Catalogue) -> Node:
    """Return a page of the catalogue: the catalogue itself, its datasets and their records."""
    base, names = page.base, page.operator.names
    datasets = [
        dataset(product, publisher, releases, base=base)
        for product, publisher, releases in page.products
    ]
    node: Node = {
        "@id": catalogue_iri(base),
        "@type": "dcat:Catalog",
        "dct:title": _languages(
            {code: _catalogue_title(code, name) for code, name in names.items()}
        ),
        "dct:description": _languages(
            {
                "en": "Data products filed with this registry; every entry is in its public log.",
                "zh": "在本登记机构登记的数据产品；每项均载于其公开日志。",
            }
        ),
        "dct:publisher": agent(page.operator, base),
        "dct:modified": _time(page.modified),
        "dct:language": [_authority("language", "ENG"), _authority("language", "ZHO")],
        "dct:license": licence("CC0-1.0"),
        "foaf:homepage": {"@id": f"{base}/", "@type": "foaf:Document"},
        "dcat:themeTaxonomy": {"@id": words.AUTHORITY + "data-theme"},
        "ent:treeSize": page.tree_size,
        "dcat:dataset": datasets,
        "dcat:record": [_record(product, base) for product, _, _ in page.products],
    }
    if page.page:
        view: Node = {"@id": page.page, "@type": "hydra:PartialCollectionView"}
        if page.following:
            view["hydra:next"] = {"@id": page.following}
        node["hydra:view"] = view
    return node


def _catalogue_title(language: str, name: str) -> str:
    return f"{name}：数据产品目录" if language == "zh" else f"{name}: catalogue of data products"


def _record(product: Product, base: str) -> Node:
    """Return the record of a dataset: where in the log its newest description stands."""
    return {
        "@id": f"{base}/acts/{product.changed_by}",
        "@type": "dcat:CatalogRecord",
        "dct:modified": _time(product.changed_at),
        "dct:conformsTo": {"@id": PROFILE, "@type": "dct:Standard"},
        "foaf:primaryTopic": {"@id": product_iri(base, product.id)},
    }


def document(node: Node) -> Node:
    """Return a node as a JSON-LD document with its context."""
    return {"@context": dict(PREFIXES), **node}


def product_iri(base: str, product: int) -> str:
    """Return the IRI of a product: where it is read."""
    return f"{base}/registry/products/{product}"


def party_iri(base: str, party: str) -> str:
    """Return the IRI of a party; its id has no character that an IRI forbids."""
    return f"{base}/registry/parties/{party}"


def catalogue_iri(base: str) -> str:
    """Return the IRI of the catalogue."""
    return f"{base}/registry/catalog"


def agent(publisher: Publisher, base: str) -> Node:
    """Return a party as a `foaf:Agent` with its names."""
    return {
        "@id": party_iri(base, publisher.party),
        "@type": "foaf:Agent",
        "foaf:name": _languages(publisher.names),
        "dct:identifier": publisher.party,
    }


def licence(identifier: str) -> Node:
    """Return a licence document: an SPDX identifier as its page, a URI as it is."""
    known = ":" in identifier
    return {
        "@id": identifier if known else f"{_SPDX_LICENCES}{identifier}",
        "@type": "dct:LicenseDocument",
    }


def _access(metadata: Metadata) -> Node:
    is_open = metadata.pricing.model == "free" and not metadata.personal_data
    return {
        **_authority("access-right", "PUBLIC" if is_open else "RESTRICTED"),
        "@type": "dct:RightsStatement",
    }


def _authority(table: str, code: str) -> Node:
    return {"@id": f"{words.AUTHORITY}{table}/{code}"}


def _place(code: str) -> Node:
    """Return a country by the EU table; a part of one, and the EU, as a location with its code."""
    if code in words.COUNTRY_CODES:
        return {**_authority("country", words.COUNTRY_CODES[code]), "@type": "dct:Location"}
    return {"@type": "dct:Location", "dct:identifier": code}


def _period(period: Period) -> Node:
    node: Node = {
        "@type": "dct:PeriodOfTime",
        "dcat:startDate": _typed(period.start, "date"),
    }
    if period.until:
        node["dcat:endDate"] = _typed(period.until, "date")
    return node


def _checksum(sha256: str) -> Node:
    return {
        "@type": "spdx:Checksum",
        "spdx:algorithm": {"@id": _SHA256},
        "spdx:checksumValue": _typed(sha256, "hexBinary"),
    }


def _languages(texts: dict[str, str]) -> list[Node]:
    return [{"@value": text, "@language": language} for language, text in texts.items()]


def _typed(value: str, kind: str) -> Node:
    return {"@value": value, "@type": f"xsd:{kind}"}


def _time(seconds: int) -> Node:
    at = datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _typed(at, "dateTime")
