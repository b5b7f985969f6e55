"""The laws that ship: all load, every case holds in both back ends, every rule is exercised."""

from __future__ import annotations

import time
from datetime import date

import pytest

from entrepot.law import Library
from entrepot.law.cases import find_cases, run_case
from entrepot.law.columncheck import compare_back_ends
from entrepot.law.coverage import measure_coverage


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.load()


def test_the_packaged_laws_load_in_less_than_a_second_of_work() -> None:
    started = time.process_time()
    library = Library.load()
    assert time.process_time() - started < 1.0
    assert len(library.rulebooks) >= 3 and len(library.content.rules) >= 100


def test_membership_has_dates(library: Library) -> None:
    def area(day: str) -> frozenset[str]:
        return library.jurisdictions.members("gdpr_area", date.fromisoformat(day))

    assert "GB" in area("2020-12-31") and "GB" not in area("2021-01-01")
    assert "NO" in area("2018-07-20") and "NO" not in area("2018-07-19")
    assert {"EU", "DE", "HR"} <= area("2018-05-25")
    members = library.jurisdictions.members
    assert "GB" in members("eu", date(2020, 1, 31)) and "GB" not in members("eu", date(2020, 2, 1))
    states = (
        "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
    ).split()
    assert len(states) == 27 and members("eu", date(2026, 1, 1)) >= {"EU", *states}
    # ISO 3166-1, the Union, and three parts of states.
    assert len(library.jurisdictions.names) == 253
    assert library.jurisdictions.name("NO", chinese=True) == "挪威"


@pytest.mark.slow
def test_every_case_holds_and_every_rule_is_granted_and_refused(library: Library) -> None:
    results = [run_case(library, case) for case in find_cases(library.root)]
    compare_back_ends(library, results)
    failed = [(result.case.where, result.problems) for result in results if not result.passed]
    assert failed == []
    coverage = measure_coverage(library, results)
    assert coverage.lacking == []


def test_with_nothing_known_only_a_silent_law_that_was_read_leaves_the_way_open(
    library: Library,
) -> None:
    day = date(2026, 11, 21)
    statuses: dict[str, set[str]] = {}
    for code in library.jurisdictions.names.keys() - {"CN"}:
        found = library.bind(library.flow(code, "CN", day)).assess({})
        statuses.setdefault(found.status, set()).add(code)
        if found.status != "open":
            continue
        hits = [hit for side in found.sides for hit in side.rules]
        assert hits and {hit.outcome for hit in hits} == {"FREE"}, code
        assert {hit.citation.evidence for hit in hits} <= {"R", "r"}, code
    assert "US" in statuses["undecided"]
    assert len(statuses.get("open", ())) < len(statuses["conditional"])
