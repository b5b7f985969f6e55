"""Slips of the pen: what a case notices counts, what none notices is shown, the rest set apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests_law_texts import FRONT, REGIME

from entrepot.law import Library
from entrepot.law.cases import find_cases, run_case
from entrepot.law.mutation.mutants import changes, mutants_of
from entrepot.law.mutation.trial import Score, score_regimes
from entrepot.node.commands.lawcheck import command

HEAD = FRONT.format(id="a-law") + REGIME
DUTY = """duties:
  - {code: notice, article: art 2, says: Tell them., due: before transfer, done: filing.filed}
"""
VALUES = """
```values
id: us.limit
unit: persons
article: art 2
says: A limit.
values:
  - {from: 2020-01-01, value: 10}
```
"""
LIST = """
```list
id: us.places
kind: scope
article: art 3
entries:
  - {id: P-GB, title: United Kingdom, when: flow.to == GB, article: art 3}
  - {id: P-DE, title: Germany, when: flow.to == DE, article: art 3, from: 2021-01-01}
```
"""

Write = Callable[..., Path]


def rule(when: str, more: str = "", klass: str = "bar", name: str = "R-1") -> str:
    return (
        f"\n```rule\nid: {name}\narticle: art 1\nclass: {klass}\nwhen: {when}\n"
        f"outcome: PERMIT\nlayer: rights\nsays: S.\n{more}```\n"
    )


def case(facts: str, expect: str, as_of: str = "2022-06-01", to: str = "CN") -> str:
    return (
        f"  - {{name: a case, from: US, to: {to}, as_of: {as_of}, "
        f"facts: {{{facts}}}, expect: {{{expect}}}}}\n"
    )


def scored(root: Path, *cases: str) -> Score:
    """Return the score of the regime `r` over cases, all of which must pass."""
    file = root / "us" / "law.cases.yaml"
    file.write_text("cases:\n" + "".join(cases), encoding="utf-8")
    library = Library.load(root)
    results = [run_case(library, each) for each in find_cases(file)]
    assert [result.problems for result in results if not result.passed] == []
    (score,) = score_regimes(library, results, ["r"])
    return score


def unnoticed(score: Score) -> set[str]:
    return {gap.mutant.what for gap in score.gaps}


OVER = case("persons.total: 12", "outcome: PERMIT, rules: [R-1]")
FIRST = case("persons.total: 12", "outcome: PERMIT", as_of="2020-01-01")
BEFORE = case("persons.total: 12", "outcome: NEEDS_HUMAN", as_of="2019-12-31")
EDGES = (
    case("persons.total: 11", "outcome: PERMIT"),
    case("persons.total: 10", "outcome: FREE"),
)


def test_a_boundary_that_no_case_stands_on_is_a_gap_shown_with_facts(law_folder: Write) -> None:
    score = scored(law_folder(HEAD + rule("persons.total > 10")), OVER, FIRST, BEFORE)
    assert unnoticed(score) == {
        "in persons.total > 10: 10 made 9",
        "in persons.total > 10: 10 made 11",
    }
    told = {
        gap.mutant.what[-1]: (gap.facts["persons.total"], gap.said, gap.now) for gap in score.gaps
    }
    assert told == {
        "9": ("10", "FREE by default", "PERMIT by R-1"),
        "1": ("11", "PERMIT by R-1", "FREE by default"),
    }
    assert all(gap.mutant.of == "R-1" for gap in score.gaps)
    assert all(gap.mutant.where.startswith("us/law-0.md:") for gap in score.gaps)


def test_the_cases_at_the_boundary_close_it(law_folder: Write) -> None:
    root = law_folder(HEAD + rule("persons.total > 10"))
    loose = scored(root, OVER, FIRST, BEFORE)
    tight = scored(root, OVER, FIRST, BEFORE, *EDGES)
    assert not tight.gaps
    assert tight.killed == loose.killed + 2
    assert tight.share == 1.0
    assert loose.share == loose.killed / (loose.killed + 2) < 1.0


def test_a_slip_that_changes_nothing_is_set_apart(law_folder: Write) -> None:
    """What is over ten is over five: no facts can tell the law from one without that part."""
    plain = scored(law_folder(HEAD + rule("persons.total > 10")), FIRST, BEFORE, *EDGES)
    both = rule("persons.total > 10 and persons.total > 5")
    score = scored(law_folder(HEAD + both), FIRST, BEFORE, *EDGES)
    assert not score.gaps
    assert (plain.alike, score.alike) == (0, 3)
    assert score.killed == plain.killed + 1  # the part that matters, dropped
    assert score.share == 1.0


def test_a_removed_duty_is_noticed_by_a_case_that_expects_it(law_folder: Write) -> None:
    root = law_folder(HEAD + rule("persons.total > 10", DUTY))
    assert unnoticed(scored(root, FIRST, BEFORE, *EDGES)) == {"duty notice removed"}
    owed = case("persons.total: 12", "duties: [notice]")
    assert not scored(root, FIRST, BEFORE, *EDGES, owed).gaps
    side = case("persons.total: 12", "regimes: {r: {duties: [notice]}}")
    assert not scored(root, FIRST, BEFORE, *EDGES, side).gaps
    met = case("persons.total: 12, filing.filed: true", "outcome: PERMIT, status: open")
    assert not scored(root, FIRST, BEFORE, *EDGES, met).gaps


def test_first_and_last_days_need_a_case_on_either_side(law_folder: Write) -> None:
    root = law_folder(HEAD + rule("data.personal", "until: 2023-01-01\n"))
    fact = "data.personal: true"
    within = case(fact, "outcome: PERMIT")
    assert unnoticed(scored(root, within)) == {
        "from 2020-01-01 made 2019-12-31",
        "from 2020-01-01 made 2020-01-02",
        "until 2023-01-01 made 2022-12-31",
        "until 2023-01-01 made 2023-01-02",
    }
    days = (
        case(fact, "outcome: NEEDS_HUMAN, regimes: {r: {role: export}}", as_of="2019-12-31"),
        case(fact, "outcome: PERMIT", as_of="2020-01-01"),
        case(fact, "outcome: PERMIT", as_of="2022-12-31"),
        case(fact, "outcome: NEEDS_HUMAN", as_of="2023-01-01"),
    )
    assert not scored(root, within, *days).gaps


def test_a_regime_expected_not_to_be_engaged_notices_an_earlier_first_day(
    law_folder: Write,
) -> None:
    regime = REGIME.replace("export: flow.from == US", "import: flow.to == US")
    root = law_folder(
        FRONT.format(id="a-law") + regime + rule("data.personal", "roles: [import]\n")
    )
    within, first, early = (
        f"  - {{name: a case, from: CN, to: US, as_of: {day}, facts: {{data.personal: true}}, "
        f"expect: {{{expect}}}}}\n"
        for day, expect in (
            ("2022-06-01", "regimes: {r: {outcome: PERMIT}}"),
            ("2020-01-01", "regimes: {r: {outcome: PERMIT}}"),
            ("2019-12-31", "not_engaged: [r]"),
        )
    )
    assert unnoticed(scored(root, within, first)) == {"from 2020-01-01 made 2019-12-31"}
    assert not scored(root, within, first, early).gaps


def test_a_word_left_out_of_many_is_found(law_folder: Write) -> None:
    kinds = "brokerage, vendor, employment, investment"
    root = law_folder(HEAD + rule(f"deal.kind in ({kinds})"))
    cases = [
        case(f"deal.kind: {kind}", "outcome: PERMIT", as_of=day)
        for kind, day in (("vendor", "2022-06-01"), ("brokerage", "2020-01-01"))
    ]
    before = case("deal.kind: vendor", "outcome: NEEDS_HUMAN", as_of="2019-12-31")
    score = scored(root, *cases, before)
    assert {gap.facts["deal.kind"] for gap in score.gaps} == {"employment", "investment"}
    left = [case(f"deal.kind: {kind}", "outcome: PERMIT") for kind in ("employment", "investment")]
    assert not scored(root, *cases, before, *left).gaps


def test_numbers_of_the_law_and_entries_of_lists_are_miswritten_too(law_folder: Write) -> None:
    when = "persons.total > value(us.limit) and not listed(us.places)"
    root = law_folder(HEAD + VALUES + LIST + rule(when))
    score = scored(root, OVER, FIRST, BEFORE)
    assert {gap.mutant.of for gap in score.gaps} == {"us.limit", "P-GB", "P-DE"} | {"R-1"}
    cases = (
        *EDGES,
        case("persons.total: 12", "outcome: FREE", to="GB"),
        case("persons.total: 12", "outcome: FREE", to="GB", as_of="2020-01-01"),
        case("persons.total: 12", "outcome: FREE", to="DE", as_of="2021-01-01"),
        case("persons.total: 12", "outcome: PERMIT", to="DE", as_of="2020-12-31"),
    )
    assert not scored(root, OVER, FIRST, BEFORE, *cases).gaps


def test_a_failing_case_proves_nothing(law_folder: Write) -> None:
    """A case that does not hold of the law itself must not count every slip as noticed."""
    root = law_folder(HEAD + rule("persons.total > 10"))
    file = root / "us" / "law.cases.yaml"
    file.write_text("cases:\n" + case("persons.total: 12", "outcome: FREE"), encoding="utf-8")
    library = Library.load(root)
    results = [run_case(library, each) for each in find_cases(file)]
    assert not results[0].passed
    (score,) = score_regimes(library, results, ["r"])
    assert (score.killed, score.gaps) == (0, [])


def test_the_law_itself_is_left_as_it_was_and_the_score_repeats(law_folder: Write) -> None:
    root = law_folder(HEAD + VALUES + LIST + rule("persons.total > value(us.limit)", DUTY))
    library = Library.load(root)
    before = (library.content.rules, library.content.values, library.content.lists)
    texts = [repr(part) for part in before]
    regime = library.regime("r")
    assert len(list(mutants_of(library, regime))) > 5
    assert [repr(part) for part in before] == texts
    one, two = (scored(root, OVER, FIRST, BEFORE) for _ in range(2))
    assert [(g.mutant.what, g.facts) for g in one.gaps] == [
        (g.mutant.what, g.facts) for g in two.gaps
    ]


def test_every_part_of_a_condition_is_changed_once(law_folder: Write) -> None:
    when = "data.personal and (persons.total >= 10 or data.sectors has any (health, payment))"
    library = Library.load(law_folder(HEAD + rule(when)))
    told = [(what, aim) for _, what, aim in changes(library.content.rules["R-1"].condition)]
    assert [what.split(" ")[0] for what, _ in told].count("dropped:") == 4
    assert ("health left out of data.sectors has (health, payment)") in dict(told)
    assert ("data.sectors", frozenset({"health"})) in [aim for _, aim in told]
    assert len(told) == 4 + 2 + 2


def test_the_command_prints_gaps_and_score(law_folder: Write) -> None:
    root = law_folder(HEAD + rule("persons.total > 10"))
    cases = root / "us" / "law.cases.yaml"
    cases.write_text("cases:\n" + OVER + FIRST + BEFORE, encoding="utf-8")
    result = CliRunner().invoke(command, ["--laws", str(root), "--regime", "r"])
    assert result.exit_code == 0, result.output
    assert "UNNOTICED R-1  (us/law-0.md:" in result.output
    assert "5 slips: 3 noticed, 2 not, 0 that nothing tells from the law" in result.output
    assert "mutation score 60.0%" in result.output


@pytest.mark.slow
@pytest.mark.parametrize("code", ["mo", "za", "tw", "kz"])
def test_the_cases_of_small_regimes_notice_slips(code: str) -> None:
    library = Library.load()
    name = f"{code}-transfer"
    results = [run_case(library, each) for each in find_cases(library.root / code)]
    assert all(result.passed for result in results)
    (score,) = score_regimes(library, results, [name])
    assert score.killed > 30
    assert score.share >= 0.95, sorted(unnoticed(score))
