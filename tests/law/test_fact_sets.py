"""Facts from outside: every value is checked, and says what was expected."""

from __future__ import annotations

from datetime import date

import pytest

from entrepot.kernel.errors import InvalidInput
from entrepot.law import Flow, Library


def flow(day: date) -> Flow:
    return Flow("CN", "DE", day, day)


def test_nested_dotted_and_found_facts_are_the_same(toy: Library) -> None:
    facts = toy.facts(
        {
            "data": {"personal": True, "sectors": ["health"]},
            "persons.total": 5,
            "assessment.passes": {
                "value": True,
                "by": "A. Counsel",
                "reasons": "looked at the law",
                "on": date(2024, 1, 1),
                "expires": date(2024, 12, 31),
            },
            "recipient.listed": "unknown",
            "recipient.hr": None,
        }
    )
    assert dict(facts.values) == {
        "data.personal": True,
        "data.sectors": frozenset({"health"}),
        "persons.total": 5,
        "assessment.passes": True,
    }
    assert facts.findings["assessment.passes"].by == "A. Counsel"
    assert "assessment.passes" in facts.under(flow(date(2024, 12, 31)))
    assert "assessment.passes" not in facts.under(flow(date(2025, 1, 1)))
    early = date(2023, 12, 31)
    assert "assessment.passes" not in facts.under(Flow("CN", "DE", date(2024, 12, 31), early))


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"data.personl": True}, "did you mean data.personal"),
        ({"data": {"personl": True}}, "did you mean data.personal"),
        ({"data.personal": "yes"}, "expected true or false"),
        ({"data.personal": 1}, "expected true or false"),
        ({"persons.total": -1}, "zero or more"),
        ({"persons.total": True}, "whole number"),
        ({"persons.total": 1.5}, "whole number"),
        ({"persons.total": float("nan")}, "whole number"),
        ({"persons.total": 10**40}, "whole number"),
        ({"deal.kind": "vendr"}, "did you mean vendor"),
        ({"data.sectors": ["helth"]}, "did you mean health"),
        ({"data.sectors": [["health"]]}, "a list out of"),
        ({"data.origins": ["Germany", "Atlantis"]}, "unknown jurisdiction"),
        ({"instrument.signed_on": "2024-13-01"}, "YYYY-MM-DD"),
        ({"instrument.signed_on": "9999-12-31"}, "from 1900 to 2199"),
        ({"flow.to": "DE"}, "given as from, to and as_of"),
        ({"data": {"personal": True}, "data.personal": False}, "given twice"),
        ({"assessment.passes": {"valeu": True}}, "unknown key"),
        ({"assessment.passes": {"by": "x"}}, "has no value"),
        ({"instrument.signed": {"value": True}}, "bare value"),
        ({"data.personal": False, "persons.total": 3}, "contradictory"),
        ({5: True}, "must be a text"),
    ],
)
def test_bad_facts_are_refused_with_a_remedy(
    toy: Library, facts: dict[str, object], reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        toy.facts(facts)


def test_codes_names_and_aliases_of_jurisdictions(toy: Library) -> None:
    for text in ("de", " DE", "Germany", "德国"):
        assert toy.jurisdictions.canonical(text) == "DE"
    assert toy.jurisdictions.canonical("UK") == "GB"
    with pytest.raises(InvalidInput, match=r"DE \(Germany\)"):
        toy.jurisdictions.canonical("Germny")
    assert toy.jurisdictions.members("union", date(2020, 1, 31)) == {"DE", "GB"}
    assert toy.jurisdictions.members("union", date(2020, 2, 1)) == {"DE"}
    assert toy.jurisdictions.members("union", date(2024, 1, 1)) == {"DE", "CN"}


def test_changing_facts_leaves_the_original(toy: Library) -> None:
    facts = toy.facts({"data.personal": True, "deal.kind": "vendor"})
    other = facts.with_values({"deal.kind": None, "persons.total": 7})
    assert dict(other.values) == {"data.personal": True, "persons.total": 7}
    assert dict(facts.values) == {"data.personal": True, "deal.kind": "vendor"}
    with pytest.raises(InvalidInput):
        facts.with_values({"deal.kind": "x"})
