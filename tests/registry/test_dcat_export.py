"""DCAT-AP 3: mandatory and recommended properties, controlled vocabularies, JSON-LD, Turtle."""

from __future__ import annotations

import importlib.util
import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from product_world import HASH, metadata

from entrepot.registry.dcat import (
    PREFIXES,
    Catalogue,
    Publisher,
    amount,
    catalogue,
    dataset,
    document,
)
from entrepot.registry.dcatturtle import iri, literal, turtle
from entrepot.registry.productacts import Metadata, check_metadata
from entrepot.registry.productviews import Product, Release

BASE = "https://node.example"
ACME = Publisher("lei:98450000000000000293", {"en": "Acme", "zh": "安科"})

# DCAT-AP 3.0.0 (SEMIC recommendation of 14 June 2024), tables of the classes used here.
MANDATORY = {
    "dcat:Catalog": {"dct:description", "dct:publisher", "dct:title"},
    "dcat:Dataset": {"dct:description", "dct:title"},
    "dcat:Distribution": {"dcat:accessURL"},
    "foaf:Agent": {"foaf:name"},
    "dcat:CatalogRecord": {"dct:modified", "foaf:primaryTopic"},
    "spdx:Checksum": {"spdx:algorithm", "spdx:checksumValue"},
}
RECOMMENDED = {
    "dcat:Catalog": {
        "dcat:dataset", "foaf:homepage", "dct:language", "dct:license", "dct:modified",
        "dcat:themeTaxonomy",
    },
    "dcat:Dataset": {
        "dcat:contactPoint", "dcat:distribution", "dct:spatial", "dcat:keyword", "dct:publisher",
        "dct:temporal", "dcat:theme",
    },
    "dcat:Distribution": {"dcatap:availability", "dct:description", "dct:license"},
    "dcat:CatalogRecord": {"dct:conformsTo"},
}  # fmt: skip
VOCABULARIES = {
    "dcat:theme": "data-theme",
    "dct:accrualPeriodicity": "frequency",
    "dct:language": "language",
    "dct:accessRights": "access-right",
    "dcatap:availability": "planned-availability",
    "adms:status": "distribution-status",
}
ONCE = {"dct:accrualPeriodicity", "dct:publisher", "dct:issued", "dct:modified", "dct:accessRights"}

FULL: dict[str, Any] = {
    "keywords": ["freight", "货运"],
    "period": {"from": "2020-01-01", "until": "2025-12-31"},
    "languages": ["en", "zh"],
    "conforms_to": ["https://www.iso.org/standard/67039.html"],
    "quality": {"sha256": HASH, "measures": {"completeness": "0.98"}},
    "sample": {"sha256": HASH},
    "fields": [{"name": "section", "type": "text", "meaning": "Section of road"}],
    "inspection": {"sha256": HASH, "persons": 0, "sensitivity": "none"},
    "compliance_opinion": HASH,
    "industries": ["G54"],
    "licence": {"id": "CC-BY-4.0", "limits": {"en": "No resale.", "zh": "不得转售。"}},
    "geography": ["CN", "CN-GD", "EU", "FR"],
}


def product(**changes: Any) -> Product:
    described = check_metadata(msgspec.convert(metadata(**changes), Metadata))
    return Product(7, ACME.party, "active", 1_790_000_000, 1_790_000_100, 9, 2, described)


def page(*products: Product) -> dict[str, Any]:
    release = Release("v1", 8, 1_790_000_050, HASH, 1, 1, "", "")
    rows = [(one, ACME, [release]) for one in products]
    made = Catalogue(BASE, ACME, 1_790_000_100, 12, rows, f"{BASE}/registry/catalog?after=0")
    return catalogue(made)


def nodes(value: Any) -> Any:
    if isinstance(value, list):
        for one in value:
            yield from nodes(one)
    elif isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)


@pytest.mark.parametrize("changes", [{}, FULL])
def test_mandatory_properties_are_always_there(changes: dict[str, Any]) -> None:
    seen = set()
    for node in nodes(page(product(**changes))):
        kind = node.get("@type", "")
        if kind in MANDATORY:
            seen.add(kind)
            assert MANDATORY[kind] <= set(node), (kind, MANDATORY[kind] - set(node))
    assert {"dcat:Catalog", "dcat:Dataset", "dcat:Distribution", "foaf:Agent"} <= seen


def test_recommended_properties_are_there_when_the_description_says_so() -> None:
    for node in nodes(page(product(**FULL))):
        wanted = RECOMMENDED.get(node.get("@type", ""), set())
        if not node.get("@id", "").endswith("#sample"):
            assert wanted <= set(node), wanted - set(node)


def test_controlled_vocabularies_are_the_authority_tables() -> None:
    found = set()
    for node in nodes(page(product(**FULL))):
        for name, table in VOCABULARIES.items():
            values = node.get(name, [])
            for value in values if isinstance(values, list) else [values]:
                found.add(name)
                prefix = f"http://publications.europa.eu/resource/authority/{table}/"
                assert value["@id"].startswith(prefix)
                assert re.fullmatch(r"[A-Z0-9_]+", value["@id"].removeprefix(prefix))
    assert found == set(VOCABULARIES)


def test_what_may_stand_once_stands_once_and_text_has_its_language() -> None:
    node = dataset(product(**FULL), ACME, [], base=BASE)
    for name in ONCE:
        assert not isinstance(node[name], list), name
    assert node["dct:title"] == [
        {"@value": "Road freight flows by day", "@language": "en"},
        {"@value": "公路货运每日流量", "@language": "zh"},
    ]
    france = "http://publications.europa.eu/resource/authority/country/FRA"
    assert france in [one.get("@id") for one in node["dct:spatial"]]
    assert {"@type": "dct:Location", "dct:identifier": "CN-GD"} in node["dct:spatial"]


def test_json_ld_needs_nothing_from_outside() -> None:
    made = json.loads(json.dumps(document(page(product(**FULL)))))
    assert made["@context"] == PREFIXES
    for node in nodes({key: value for key, value in made.items() if key != "@context"}):
        for key in node:
            assert key.startswith("@") or key.split(":")[0] in PREFIXES, key
        if "@type" in node:
            assert node["@type"].split(":")[0] in PREFIXES


def test_withdrawn_products_say_so() -> None:
    gone = msgspec.structs.replace(product(), status="withdrawn")
    node = dataset(gone, ACME, [], base=BASE)
    assert all(
        one["adms:status"]["@id"].endswith("/WITHDRAWN") for one in node["dcat:distribution"]
    )


def test_amounts_are_exact() -> None:
    assert [amount(1, "EUR"), amount(100, "EUR"), amount(7, "JPY")] == ["0.01", "1.00", "7"]


# The grammar of what is written (Turtle, W3C 2014): statements of subject, predicates, objects.
TOKEN = re.compile(
    r"""\s+|(?P<iri><[^\x00-\x20<>"{}|^`\\]*>)|(?P<string>"(?:[^"\\\n\r]|\\[tbnrf"\\]|\\u[0-9A-F]{4})*")
    |(?P<language>@(?!prefix)[a-zA-Z]+(?:-[a-zA-Z0-9]+)*)|(?P<prefix>@prefix)
    |(?P<number>-?\d+)|(?P<boolean>true|false)(?=[\s;\].])|(?P<typed>\^\^)
    |(?P<name>[a-z]+:[A-Za-z_]*)|(?P<a>a)(?=\s)|(?P<mark>[;.\[\]])""",
    re.VERBOSE,
)


def triples_in(text: str) -> int:
    """Read Turtle strictly by hand; return the number of predicate-object pairs."""
    position, kinds = 0, []
    while position < len(text):
        match = TOKEN.match(text, position)
        assert match, text[position : position + 60]
        if match.lastgroup:
            kinds.append(match.group() if match.lastgroup == "mark" else match.lastgroup)
        position = match.end()
    place = pairs = 0

    def take(*wanted: str) -> str:
        nonlocal place
        assert kinds[place] in wanted, (kinds[place - 3 : place + 2], wanted)
        place += 1
        return kinds[place - 1]

    def properties(end: str) -> None:
        nonlocal pairs
        while True:
            take("a", "name")
            pairs += 1
            kind = take("iri", "name", "string", "number", "boolean", "[")
            if kind == "[":
                properties("]")
            if kind == "string" and kinds[place] in ("language", "typed"):
                if take("language", "typed") == "typed":
                    take("name")
            if take(";", end) == end:
                return

    while place < len(kinds):
        if take("prefix", "iri") == "prefix":
            take("name")
            take("iri")
            take(".")
        else:
            properties(".")
    return pairs


def pairs_in(node: Any) -> int:
    """Count what a tree says: every type and every value of every property, once."""
    said = set()
    blank = 0

    def walk(value: dict[str, Any], subject: str) -> None:
        nonlocal blank
        for key, inner in value.items():
            if key == "@type":
                said.add((subject, "a", inner))
            elif not key.startswith("@"):
                for one in inner if isinstance(inner, list) else [inner]:
                    if isinstance(one, dict) and "@value" not in one:
                        if "@id" not in one:
                            blank += 1
                        name = one.get("@id", f"_:{blank}")
                        said.add((subject, key, name))
                        walk(one, name)
                    else:
                        said.add((subject, key, json.dumps(one, sort_keys=True)))

    walk(node, node["@id"])
    return len(said)


@pytest.mark.parametrize("changes", [{}, FULL])
def test_turtle_is_well_formed_and_says_as_much_as_json_ld(changes: dict[str, Any]) -> None:
    tree = page(product(**changes))
    assert triples_in(turtle(tree)) == pairs_in(tree)


@given(st.text(max_size=60))
def test_no_text_breaks_out_of_a_literal_or_an_iri(text: str) -> None:
    for quoted in (literal(text), iri(text)):
        match = TOKEN.match(quoted)
        assert match and match.end() == len(quoted)


@pytest.mark.skipif(importlib.util.find_spec("rdflib") is None, reason="rdflib is not installed")
def test_rdflib_reads_the_same_graph_from_both() -> None:
    rdflib = importlib.import_module("rdflib")
    compare = importlib.import_module("rdflib.compare")
    tree = page(product(**FULL))
    linked = rdflib.Graph().parse(data=json.dumps(document(tree)), format="json-ld")
    written = rdflib.Graph().parse(data=turtle(tree), format="turtle")
    assert compare.isomorphic(linked, written)
