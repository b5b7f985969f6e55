"""Conditions: what they mean, and what does not parse, with the place."""

from __future__ import annotations

from datetime import date

import pytest

from entrepot.kernel.errors import InvalidLaw
from entrepot.law import FactSet, Library
from entrepot.law.binding import Day, bind_condition
from entrepot.law.kleene import compile_test, unknown_facts
from entrepot.law.model import Scalar
from entrepot.law.parser import Scope, parse_condition


def scope(library: Library) -> Scope:
    return Scope(library.vocabulary, {"toy.bulk": "persons", "toy.days": "days"}, {"toy.adequacy"})


def answer(library: Library, text: str, **facts: object) -> bool | None:
    node = parse_condition(text, scope(library), "f:1")
    given = library.facts({name.replace("__", "."): value for name, value in facts.items()})
    day = Day(
        {"flow.from": "US", "flow.to": "GB"},
        lambda name: 10_000,
        lambda name: (),
        lambda group: library.jurisdictions.members(group, date(2019, 1, 1)),
    )
    return compile_test(bind_condition(node, day))(given.values)


@pytest.mark.parametrize(
    ("text", "facts", "expected"),
    [
        ("data.personal", {}, None),
        ("data.personal", {"data__personal": True}, True),
        ("not data.personal", {"data__personal": True}, False),
        ("data.personal == false", {"data__personal": False}, True),
        ("data.personal != true", {"data__personal": False}, True),
        ("data.personal and data.genomic", {"data__personal": False}, False),
        ("data.personal and data.genomic", {"data__personal": True}, None),
        ("data.personal or data.genomic", {"data__personal": True}, True),
        ("data.personal or data.genomic", {"data__personal": False}, None),
        ("true or data.personal and false", {}, True),
        ("(true or data.personal) and false", {}, False),
        ("not data.personal and not data.genomic", {"data__genomic": True}, False),
        ("persons.total < value(toy.bulk)", {"persons__total": 9_999}, True),
        ("persons.total < 10_000", {"persons__total": 10_000}, False),
        ("10_000 <= persons.total", {"persons__total": 10_000}, True),
        ("persons.total + 1 > 5", {"persons__total": 5}, True),
        ("persons.total - 5 == 0", {"persons__total": 5}, True),
        ("persons.total + 1 > 5", {}, None),
        ("deal.kind == vendor", {"deal__kind": "vendor"}, True),
        ("vendor == deal.kind", {"deal__kind": "brokerage"}, False),
        ("deal.kind != vendor", {}, None),
        ("deal.kind in (vendor, brokerage)", {"deal__kind": "brokerage"}, True),
        ("deal.kind not in (vendor, brokerage)", {"deal__kind": "brokerage"}, False),
        ("data.sectors has health", {"data__sectors": ["health"]}, True),
        ("data.sectors has any (health, maps)", {"data__sectors": ["payment"]}, False),
        ("data.sectors has all (health, maps)", {"data__sectors": ["health", "maps"]}, True),
        ("data.sectors is empty", {"data__sectors": []}, True),
        ("data.sectors is not empty", {"data__sectors": []}, False),
        ("data.sectors is empty", {}, None),
        ("data.origins has any group(union)", {"data__origins": ["GB"]}, True),
        ("flow.to == GB", {}, True),
        ("flow.to == UK", {}, True),
        ("flow.to in (CN, group(union))", {}, True),
        ("flow.from in group(union)", {}, False),
        ("instrument.kind == none", {}, True),
        ("instrument.signed", {}, False),
        ("instrument.kind == clauses", {}, False),
        ("instrument.signed_on >= 2024-01-01", {"instrument__signed_on": "2024-01-01"}, True),
        ("listed(toy.adequacy)", {}, False),
    ],
)
def test_conditions_mean_what_the_manual_says(
    toy: Library, text: str, facts: dict[str, object], expected: bool | None
) -> None:
    assert answer(toy, text, **facts) is expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "unexpected `end of condition`"),
        ("data.personal and", "unexpected `end of condition`"),
        ("data.personl", "unknown fact `data.personl`"),
        ("personal", "`personal` is not a fact"),
        ("persons.total", "not true or false"),
        ("deal.kind == vendr", "not a value of this fact"),
        ("deal.kind < vendor", "compares numbers and days"),
        ("persons.total == vendor", "not a number"),
        ("persons.total < value(toy.days)", "different units"),
        ("persons.total + value(toy.days) > 1", "different units"),
        ("persons.total < value(toy.bluk)", "unknown value"),
        ("listed(toy.adequasy)", "unknown list"),
        ("flow.to in group(onion)", "unknown group"),
        ("flow.to == XX", "unknown jurisdiction"),
        ("data.sectors == health", "compared with `has`"),
        ("data.sectors in (health)", "for sets use `has`|one value"),
        ("data.personal has x", "not a set"),
        ("data.personal == deal.kind", "between bool|not true or false"),
        ("instrument.signed_on == 5", "between date"),
        ("instrument.signed_on < 2023-02-30", "not a day of the calendar"),
        ("1 == 1 == data.personal", "values on both sides"),
        ("(data.personal", "expected `\\)`"),
        ("data.personal)", "unexpected"),
        ("data.personal; import os", "unexpected character"),
        ("__import__('os')", "not a fact|unexpected"),
        ("data.personal and " * 400 + "data.personal", "longer than 4000"),
        ("(" * 100 + "data.personal" + ")" * 100, "deeper than 64"),
        ("not " * 100 + "data.personal", "deeper than 64"),
        ("data.personal and\u202e true", "unexpected character"),
        ("persons.total < " + "9" * 30, "18 digits"),
        ("a == b", "needs a fact"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(toy: Library, text: str, reason: str) -> None:
    with pytest.raises(InvalidLaw, match=reason) as caught:
        parse_condition(text, scope(toy), "book.md:7")
    assert str(caught.value).startswith("book.md:7: ")


def test_only_facts_that_can_still_matter_are_missing(toy: Library) -> None:
    node = parse_condition(
        "data.personal and (data.genomic or deal.kind == vendor) and instrument.signed == false",
        scope(toy),
        "f:1",
    )
    known: dict[str, Scalar] = {"data.personal": True}
    assert unknown_facts(node, known) == ("data.genomic", "deal.kind")
    assert unknown_facts(node, {"data.personal": False}) == ()
    assert unknown_facts(node, {**known, "deal.kind": "brokerage"}) == ("data.genomic",)
    assert isinstance(toy.facts({}), FactSet)
