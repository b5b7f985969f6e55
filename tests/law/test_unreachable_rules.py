"""Rules that nothing reaches are found; rules that something reaches never are."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from tests_law_texts import FRONT, REGIME

from entrepot.law import Library
from entrepot.law.model import Scalar
from entrepot.law.outcomes import CLASSES
from entrepot.law.reach import unreachable_rules

HEAD = FRONT.format(id="a-law") + REGIME
OWN = "its condition contradicts itself"


def rule(name: str, when: str, klass: str = "bar", more: str = "", outcome: str = "NOTIFY") -> str:
    more = f"{more}\n" if more else ""
    return (
        f"\n```rule\nid: {name}\narticle: art 1\nclass: {klass}\nwhen: {when}\n"
        f"outcome: {outcome}\nlayer: rights\nsays: S.\n{more}```\n"
    )


VALUES = """
```values
id: us.limit
unit: persons
article: art 2
says: A limit.
values:
  - {from: 2020-01-01, value: 10}
  - {from: 2022-01-01, value: 5}
```
"""


def found(root: Path) -> dict[str, str]:
    """Return where → reason of every unreachable rule."""
    return {fault.where: fault.what for fault in unreachable_rules(Library.load(root))}


@pytest.mark.parametrize(
    "when",
    [
        "persons.total < 3 and persons.total > 5",
        "persons.total > 3 and persons.total < 4",
        "persons.total < 0",
        "data.personal and not data.personal",
        "deal.kind == vendor and deal.kind == employment",
        "deal.kind in (vendor, employment) and deal.kind not in (vendor, employment, investment)",
        "deal.kind not in (brokerage, vendor, employment, investment, none_of_four)",
        "data.sectors is empty and data.sectors has health",
        "data.sectors has all (health, maps) and not data.sectors has maps",
        "instrument.signed_on > 2024-01-01 and instrument.signed_on < 2024-01-02",
        "flow.as_of < 2020-01-01",
        "flow.to == CN and flow.to == DE",
        "flow.to in group(union) and flow.to == US",
        "persons.total > value(us.limit) and persons.total <= value(us.limit)",
        "persons.total > value(us.limit) and persons.total < 5",
        "persons.total + 1 > 3 and not persons.total + 1 > 3",
        "false",
    ],
)
def test_a_condition_that_contradicts_itself_is_unreachable(
    law_folder: Callable[..., Path], when: str
) -> None:
    faults = found(law_folder(HEAD + VALUES + rule("R-1", f'"{when}"')))
    (where,) = faults
    assert where == "us/law-0.md:36"
    assert OWN in faults[where]


@pytest.mark.parametrize(
    "when",
    [
        "persons.total < 3 or persons.total > 5",
        "persons.total > 3 and persons.total < 5",
        "persons.total > value(us.limit) and persons.total < 8",  # from 2022-01-01 on
        "flow.as_of >= 2030-01-01",
        "flow.to in group(union) and flow.to == CN",  # a member from 2024-01-01 on
        "flow.to in group(union) and flow.to == GB",  # a member until 2020-02-01
        "data.sectors has any (health, maps) and not data.sectors has health",
        "data.origins has CN and data.origins has DE",
        "instrument.kind == none and not instrument.signed",
        "persons.total + persons.total < 3 and persons.total > 5",  # sums are not looked into
        "true",
    ],
)
def test_what_some_facts_reach_is_not_blamed(law_folder: Callable[..., Path], when: str) -> None:
    assert found(law_folder(HEAD + VALUES + rule("R-1", f'"{when}"'))) == {}


@pytest.mark.parametrize(
    ("first", "second", "masked"),
    [
        (rule("R-1", "true"), rule("R-2", "data.personal", "zone"), True),
        (rule("R-1", "data.personal"), rule("R-2", "data.personal and data.hr", "zone"), True),
        (rule("R-1", "flow.to == CN"), rule("R-2", "flow.to == CN and data.hr", "zone"), True),
        (
            rule("R-1", "instrument.kind == none"),
            rule("R-2", "instrument.kind == none", "zone"),
            True,
        ),
        # The same class: the strictest wins; of equals both decide.
        (rule("R-1", "true"), rule("R-2", "data.personal"), False),
        (rule("R-1", "true", outcome="PROHIBITED"), rule("R-2", "data.personal"), True),
        (rule("R-1", "true"), rule("R-2", "data.personal", outcome="PROHIBITED"), False),
        # Unknown: the earlier rule may stay unknown while the later is true.
        (rule("R-1", "data.hr or not data.hr"), rule("R-2", "data.personal", "zone"), False),
        (rule("R-1", "data.hr"), rule("R-2", "data.personal", "zone"), False),
        # Another day, another role, an exception, a route that can close.
        (
            rule("R-1", "true", more="until: 2025-01-01"),
            rule("R-2", "data.personal", "zone"),
            False,
        ),
        (
            rule("R-1", "true", more="known_from: 2024-01-01"),
            rule("R-2", "data.personal", "zone"),
            False,
        ),
        (
            rule("R-1", "true"),
            rule("R-2", "data.personal", "zone", more="defeats: [R-1]"),
            False,
        ),
        (
            rule(
                "R-1",
                "true",
                more="duties: [{code: c, says: s, due: before transfer, fails_if: data.hr}]",
            ),
            rule("R-2", "data.personal", "zone"),
            False,
        ),
        (
            rule("R-1", "true", more="roles: [import]"),
            rule("R-2", "data.personal", "zone"),
            False,
        ),
    ],
)
def test_a_rule_that_an_earlier_one_always_masks_is_unreachable(
    law_folder: Callable[..., Path], first: str, second: str, masked: bool
) -> None:
    head = HEAD.replace("{export: flow.from == US}", "{export: flow.from == US, import: true}")
    faults = found(law_folder(head + first + second))
    assert [
        ("R-2" in what, "R-1 decides, stricter or of an" in what) for what in faults.values()
    ] == ([(True, True)] if masked else [])


def test_a_rule_that_no_engaged_flow_meets_is_unreachable(law_folder: Callable[..., Path]) -> None:
    (fault,) = found(law_folder(HEAD + rule("R-1", "flow.from == CN"))).values()
    assert "no flow that engages r meets its condition" in fault


def test_a_rule_that_never_commenced_is_not_asked_for(law_folder: Callable[..., Path]) -> None:
    assert found(law_folder(HEAD + rule("R-1", "false", more="from: null"))) == {}


ATOMS = (
    "data.personal",
    "data.hr",
    "instrument.signed",
    "instrument.kind == clauses",
    "instrument.kind in (none, rules)",
    "deal.kind == vendor",
    "deal.kind in (vendor, employment)",
    "persons.total < 3",
    "persons.total >= 3",
    "persons.total > 5",
)
WORLDS: dict[str, tuple[Scalar | None, ...]] = {
    "data.personal": (True, False, None),
    "data.hr": (True, False, None),
    "instrument.signed": (True, None),
    "instrument.kind": ("clauses", "rules", "ad_hoc", None),
    "deal.kind": ("vendor", "employment", "brokerage", None),
    "persons.total": (0, 3, 6, None),
}


def _condition(chance: random.Random) -> str:
    parts = []
    for atom in chance.sample(ATOMS, chance.randint(1, 3)):
        parts.append(f"not ({atom})" if chance.random() < 0.4 else atom)
    return chance.choice((" and ", " and ", " or ")).join(parts)


def _deciding(library: Library) -> set[str]:
    """Return every rule that decides under some facts, known or not."""
    track = library.bind(library.flow("US", "CN", date(2024, 1, 1))).content.regimes[0].options[0]
    assert track.track is not None
    hits: set[str] = set()
    for values in itertools.product(*WORLDS.values()):
        facts = {n: v for n, v in zip(WORLDS, values, strict=True) if v is not None}
        for group in track.track.classes:
            sure = [r for r in group if r.test(facts)]
            peak = max((r.rank for r in sure), default=0)
            hits |= {r.rule.id for r in sure if r.rank == peak}
            if sure:
                break
    return hits


@pytest.mark.parametrize("number", range(12))
def test_the_search_finds_exactly_what_trying_everything_finds(
    law_folder: Callable[..., Path], number: int
) -> None:
    chance = random.Random(f"reach {number}")
    rules = [
        rule(
            f"R-{n}",
            f'"{_condition(chance)}"',
            chance.choice(CLASSES[:4]),
            outcome=chance.choice(("NOTIFY", "CONTRACT", "PROHIBITED")),
        )
        for n in range(10)
    ]
    library = Library.load(law_folder(HEAD + "".join(rules)))
    blamed = {fault.what.split()[3].rstrip(":") for fault in unreachable_rules(library)}
    assert blamed == set(library.content.rules) - _deciding(library)


@pytest.mark.slow
def test_a_rulebook_made_to_keep_the_search_busy_ends_soon(
    law_folder: Callable[..., Path],
) -> None:
    """Three hundred contradictions, each hidden behind thousands of ways to be true until then."""
    pairs = (
        ("data.anonymous", "data.genomic"),
        ("data.government", "recipient.covered"),
        ("recipient.listed", "recipient.hr"),
        ("recipient.order", "controls.met"),
        ("exemption.found", "assessment.passes"),
        ("exporter.public", "filing.filed"),
    )
    busy = " and ".join(f"({one} or {other})" for one, other in pairs)
    never = "(data.hr or {0}) and (data.hr or not {0}) and (not data.hr or {0}) and "
    never += "(not data.hr or not {0})"
    condition = f'"{busy} and {never.format("data.personal")}"'
    root = law_folder(HEAD + "".join(rule(f"R-{n}", condition) for n in range(300)))
    library = Library.load(root)
    started = time.process_time()
    assert unreachable_rules(library) == []  # it gives up, and blames nobody it has not convicted
    assert time.process_time() - started < 20
