"""Commitments of states: loaded with their treaty, shown while in force, deciding nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import msgspec
import pytest
from tests_law_texts import FRONT, REGIME, RULE

from entrepot.kernel.errors import InvalidLaw
from entrepot.law import Assessment, Library
from entrepot.law.cases import read_cases, run_case

TREATY = (
    FRONT.format(id="treaty")
    .replace("regime: r", "regime: none")
    .replace("authority: statute", "authority: treaty")
    .replace("from: 2020-01-01", "from: 2021-02-01")
)
PROMISE = """
## Article 14.11

```commitment
id: P-14.11
article: art 14.11(2)
between: flow.from in (US, DE) and flow.to in group(pact)
says: Each party shall allow transfers for business.
exception: Measures for a legitimate public policy objective.
```
"""
READING = """
```interpretation
id: I-P
reads: [P-14.11]
issuer: A panel
says: Business includes free services.
```
"""
LAW = FRONT.format(id="a-law") + REGIME + RULE


@pytest.fixture
def world(law_folder: Callable[..., Path]) -> Callable[..., Path]:
    """Write the small law, a group with dated members, and treaty texts."""

    def write(*texts: str) -> Path:
        root = law_folder(LAW, *texts)
        path = root / "jurisdictions.yaml"
        group = (
            "groups:\n  pact: {title: A pact, source: invented, members: [CN], "
            "dated: [{code: DE, from: 2023-07-01, until: 2025-01-01}]}\n"
        )
        text = path.read_text()
        if "pact:" not in text:
            path.write_text(text.replace("groups:\n", group, 1))
        return root

    return write


def assess(library: Library, origin: str, destination: str, day: str) -> Assessment:
    flow = library.flow(origin, destination, date.fromisoformat(day))
    return library.bind(flow).assess({"data.personal": False})


@pytest.mark.parametrize(
    ("origin", "destination", "day", "shown"),
    [
        ("US", "CN", "2021-01-31", []),
        ("US", "CN", "2021-02-01", ["P-14.11"]),
        ("CN", "US", "2021-02-01", []),
        ("US", "DE", "2023-06-30", []),
        ("US", "DE", "2023-07-01", ["P-14.11"]),
        ("US", "DE", "2025-01-01", []),
        ("DE", "DE", "2024-01-01", []),
    ],
)
def test_a_commitment_is_shown_while_it_and_its_parties_are_in_force(
    world: Callable[..., Path], origin: str, destination: str, day: str, shown: list[str]
) -> None:
    library = Library.load(world(TREATY + PROMISE))
    found = assess(library, origin, destination, day)
    assert [promise.id for promise in found.commitments] == shown
    assert ("treaty" in [book.id for book in found.law]) == bool(shown)


def test_what_was_not_yet_known_is_not_shown(world: Callable[..., Path]) -> None:
    text = TREATY + PROMISE.replace("article: art", "known_from: 2022-06-01\narticle: art")
    library = Library.load(world(text))
    for known_at, shown in ((date(2022, 5, 31), 0), (date(2022, 6, 1), 1)):
        flow = library.flow("US", "CN", date(2022, 1, 1), known_at)
        assert len(library.bind(flow).assess({}).commitments) == shown


def test_it_decides_nothing_and_keeps_its_exception_and_readings(
    world: Callable[..., Path],
) -> None:
    before = assess(Library.load(world()), "US", "CN", "2024-01-01")
    root = world(TREATY + PROMISE + READING)
    after = assess(Library.load(root), "US", "CN", "2024-01-01")
    assert (after.outcome, after.status, after.sides, after.duties) == (
        before.outcome,
        before.status,
        before.sides,
        before.duties,
    )
    (promise,) = msgspec.json.decode(msgspec.json.encode(after))["commitments"]
    assert promise["says"] == "Each party shall allow transfers for business."
    assert promise["exception"] == "Measures for a legitimate public policy objective."
    assert promise["citation"]["article"] == "art 14.11(2)"
    assert promise["treaty"] == "A law"
    assert promise["interpretations"] == ["I-P: Business includes free services."]


@pytest.mark.parametrize(
    ("text", "where", "reason"),
    [
        (
            TREATY + PROMISE.replace("flow.to in", "data.personal and flow.to in"),
            19,
            "data.personal",
        ),
        (TREATY + PROMISE.replace("group(pact)", "group(pakt)"), 19, "did you mean pact"),
        (TREATY + PROMISE.replace("between:", "betwen:"), 19, "did you mean between"),
        (TREATY + PROMISE.replace("article:", "#"), 17, "missing required field `article`"),
        (
            TREATY + PROMISE + RULE.replace("R-1", "R-9"),
            25,
            "allows only commitments and interpretations",
        ),
        (TREATY.replace("treaty", "statute") + PROMISE, 1, "only a book of `authority: treaty`"),
        (FRONT.format(id="b-law") + PROMISE, 17, "a commitment stands only in a book"),
        (TREATY + PROMISE + READING.replace("P-14.11", "P-14"), 26, "reads a rule that does not"),
    ],
)
def test_a_fault_of_a_commitment_names_file_and_line(
    world: Callable[..., Path], text: str, where: int, reason: str
) -> None:
    with pytest.raises(InvalidLaw, match=reason) as caught:
        Library.load(world(text))
    assert caught.value.where == f"us/law-1.md:{where}"


def test_a_case_expects_commitments(world: Callable[..., Path], tmp_path: Path) -> None:
    library = Library.load(world(TREATY + PROMISE))
    path = tmp_path / "treaty.cases.yaml"
    path.write_text(
        "- {name: yes, from: US, to: CN, as_of: 2024-01-01, facts: {data.personal: false},\n"
        "   expect: {commitments: [P-14.11]}}\n"
        "- {name: no, from: US, to: CN, as_of: 2020-06-01, facts: {data.personal: false},\n"
        "   expect: {not_commitments: [P-14.11]}}\n"
        "- {name: wrong, from: US, to: CN, as_of: 2020-06-01, facts: {data.personal: false},\n"
        "   expect: {commitments: [P-14.11]}}\n"
    )
    problems = [run_case(library, case).problems for case in read_cases(path)]
    assert problems == [[], [], ["commitments: expected P-14.11, got none"]]


@pytest.mark.parametrize(
    ("between", "held"),
    [
        ("true", True),
        ("flow.from == US", True),
        ("flow.from != US", False),
        ("flow.from != flow.to", True),
        ("flow.from == flow.to", False),
        ("not flow.to in (CN, DE)", False),
        ("flow.to not in group(pact) or flow.from == US", True),
        ("flow.from in (DE, US) and flow.to in (group(pact), GB)", True),
        ("flow.from in group(pact)", False),
    ],
)
def test_every_form_of_between_is_asked_of_the_two_ends(
    world: Callable[..., Path], between: str, held: bool
) -> None:
    text = PROMISE.replace("flow.from in (US, DE) and flow.to in group(pact)", between)
    found = assess(Library.load(world(TREATY + text)), "US", "CN", "2024-01-01")
    assert bool(found.commitments) is held
