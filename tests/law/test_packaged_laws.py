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


@pytest.mark.slow
def test_every_case_holds_and_every_rule_is_granted_and_refused(library: Library) -> None:
    results = [run_case(library, case) for case in find_cases(library.root)]
    compare_back_ends(library, results)
    failed = [(result.case.where, result.problems) for result in results if not result.passed]
    assert failed == []
    coverage = measure_coverage(library, results)
    assert coverage.lacking == []


def test_with_nothing_known_nothing_is_open(library: Library) -> None:
    day = date(2026, 11, 21)
    statuses: dict[str, list[str]] = {}
    for code in library.jurisdictions.names:
        if code != "CN":
            found = library.bind(library.flow(code, "CN", day)).assess({})
            statuses.setdefault(found.status, []).append(code)
    assert set(statuses) <= {"undecided", "conditional", "barred"}, statuses
    assert {"BR", "US"} <= set(statuses["undecided"])
