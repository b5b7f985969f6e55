"""Case files: what passes, what fails and why, what does not even load."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.kernel.errors import InvalidLaw, NotFound
from entrepot.law import Library
from entrepot.law.cases import explain_failure, find_cases, run_case
from entrepot.law.columncheck import compare_back_ends
from entrepot.law.coverage import measure_coverage

GOOD = """
defaults: {from: US, to: CN, as_of: 2024-06-01, facts: {data: {personal: true, anonymous: false}}}
cases:
  - name: nothing carries it
    facts: {recipient.order: false, deal.kind: none_of_four, recipient.covered: false,
            recipient.listed: false}
    expect:
      outcome: PROHIBITED
      status: barred
      rules: [T-7]
      not_rules: [T-4]
      duties: [notice, T-8]
      not_duties: [filing]
      regimes: {toy: {outcome: PROHIBITED, rules: [T-7], role: export, status: barred,
                      duties: [T-8], not_duties: [filing]}}
  - name: a question
    facts: {data: {anonymous: unknown}, recipient.order: unknown, deal.kind: none_of_four,
            recipient.covered: false, recipient.listed: true, data.hr: false}
    expect: {one_of: [NEEDS_FACT], needs: [recipient.order], human: [data.anonymous],
             could_be: [ADEQUACY_LISTED]}
  - name: a fact that does not exist is an expected error
    facts: {data.personl: true}
    expect: {error: unknown fact}
"""


def run(library: Library, path: Path, text: str) -> list[list[str]]:
    path.write_text(text, encoding="utf-8")
    results = [run_case(library, case) for case in find_cases(path)]
    compare_back_ends(library, results)
    return [result.problems for result in results]


def test_cases_that_hold_pass_in_both_back_ends(toy: Library, tmp_path: Path) -> None:
    assert run(toy, tmp_path / "a.cases.yaml", GOOD) == [[], [], []]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("outcome: PROHIBITED\n", "outcome: FREE\n", "outcome: expected FREE, got PROHIBITED"),
        ("status: barred", "status: open", "status: expected open, got barred"),
        ("rules: [T-7]\n", "rules: [T-4]\n", "rules: expected T-4, got T-7"),
        ("not_rules: [T-4]", "not_rules: [T-7]", "not_rules: T-7 must not be among T-7"),
        ("duties: [notice, T-8]", "duties: [x]", "duties: expected x, got T-8, notice"),
        ("not_duties: [filing]", "not_duties: [notice]", "not_duties: notice must not be"),
        ("role: export", "role: import", "toy: expected role import, got export"),
        ("toy: {outcome: PROHIBITED", "toy: {outcome: FREE", "toy: expected FREE, got PROHIBITED"),
        ("regimes: {toy:", "regimes: {tyo:", "regimes: tyo is not engaged, only toy"),
        ("deal.kind: none_of_four", "deal.kind: lease", "facts.deal.kind ("),
        ("to: CN", "to: Nowhere", "to ("),
        ("status: barred,\n", "status: open,\n", "toy: expected status open, got barred"),
        ("duties: [T-8], n", "duties: [x], n", "toy duties: expected x, got T-8, notice"),
        ("not_duties: [filing]}}", "not_duties: [T-8]}}", "toy duties: T-8 must not be among"),
        ("role: export,", "role: export, needs: [data.hr],", "toy needs: expected data.hr, got"),
        ("role: export,", "role: export, could_be: [BCR],", "toy could_be: expected BCR, got"),
    ],
)
def test_each_part_of_an_expectation_can_fail(
    toy: Library, tmp_path: Path, old: str, new: str, problem: str
) -> None:
    first = run(toy, tmp_path / "a.cases.yaml", GOOD.replace(old, new, 1))[0]
    assert any(line.startswith(problem) for line in first), first


@pytest.mark.parametrize(
    ("old", "new", "case", "field", "line", "reason"),
    [
        ("as_of: 2024-06-01", "as_of: June", 1, "as_of", 2, "date"),
        ("as_of: 2024-06-01, ", "", 1, None, 4, "missing required field `as_of`"),
        ("outcome: PROHIBITED\n", "outcme: PROHIBITED\n", 1, None, 8, "unknown key `outcme`"),
        ("outcome: PROHIBITED\n", "outcome: FORBIDDEN\n", 1, "expect.outcome", 8, "not an outcome"),
        ("one_of: [NEEDS_FACT]", "one_of: [NEEDS]", 2, "expect.one_of", 19, "not an outcome"),
        (
            "{toy: {outcome: PROHIBITED",
            "{toy: {outcome: NO",
            1,
            "expect.regimes.toy.outcome",
            14,
            "",
        ),
        ("could_be: [ADEQUACY_LISTED]", "could_be: [ADEQUACY]", 2, "expect.could_be", 20, ""),
        ("needs: [recipient.order]", "needs: recipient.order", 2, None, 19, "expect.needs"),
    ],
)
def test_a_malformed_case_names_case_field_and_line(
    tmp_path: Path, old: str, new: str, case: int, field: str | None, line: int, reason: str
) -> None:
    path = tmp_path / "a.cases.yaml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InvalidLaw) as caught:
        find_cases(path)
    name = {1: "nothing carries it", 2: "a question"}[case]
    assert f'case {case} "{name}": ' in caught.value.what
    assert reason in caught.value.what and (field or "") in caught.value.what
    assert caught.value.where == f"{path}:{line}"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("deal.kind: none_of_four", "deal.kind: lease", "facts.deal.kind ({file}:5): fact deal"),
        (
            "recipient.covered: false",
            "recipient.coverd: false",
            "facts.recipient.coverd ({file}:5)",
        ),
        (
            "{personal: true, ano",
            "{persnal: true, ano",
            "facts.data.persnal ({file}:2): unknown fact",
        ),
        ("to: CN", "to: Nowhere", "to ({file}:2): unknown jurisdiction: Nowhere"),
        (
            "cases:\n  - name: n",
            "cases:\n  - profile: x\n    name: n",
            "profile ({file}:4): no profile",
        ),
        (
            "not_rules: [T-4]",
            "not_rules: [T-44]",
            "expect.not_rules ({file}:11): nothing is called T-44",
        ),
        (
            "not_duties: [filing]",
            "not_duties: [filling]",
            "expect.not_duties ({file}:13): nothing is called filling",
        ),
        (
            "rules: [T-7], role",
            "rules: [T-7], not_rules: [T-0], role",
            "expect.regimes.toy.not_rules ({file}:14): nothing is called T-0",
        ),
    ],
)
def test_a_case_whose_input_is_refused_names_the_field_and_its_line(
    toy: Library, tmp_path: Path, old: str, new: str, problem: str
) -> None:
    path = tmp_path / "a.cases.yaml"
    assert old in GOOD
    first = run(toy, path, GOOD.replace(old, new, 1))[0]
    assert any(line.startswith(problem.format(file=path)) for line in first), first


DUTIES = """
- name: duties in their states
  from: US
  to: DE
  as_of: 2024-06-01
  facts:
    data: {personal: true, anonymous: false}
    recipient: {order: false, covered: false, listed: false}
    instrument: {kind: clauses, signed: true, signed_on: 2024-05-31}
    assessment.passes: true
  expect:
    states: {filing: open, T-8: open}
    due_on: {filing: 2024-06-14}
    not_interpretations: [TOY-Q1]
- name: a reading, and a route that closed
  from: US
  to: DE
  as_of: 2024-06-01
  facts:
    data: {personal: true, anonymous: false}
    recipient: {order: false, covered: true, listed: true}
    deal.kind: vendor
    persons.bulk: true
    exemption.found: false
    controls.met: false
  expect: {closed: [T-3], states: {security_controls: failed}}
- name: a reading beside the rule
  from: US
  to: DE
  as_of: 2024-06-01
  facts:
    data: {personal: true, anonymous: false}
    recipient: {order: false, covered: false, listed: true}
  expect: {rules: [T-4], interpretations: [TOY-Q1]}
"""


def test_states_due_days_and_readings_can_be_expected(toy: Library, tmp_path: Path) -> None:
    assert run(toy, tmp_path / "a.cases.yaml", DUTIES) == [[], [], []]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("filing: open", "filing: met", "states: expected filing met, got open"),
        ("filing: open", "fling: open", "states: there is no duty fling"),
        (
            "filing: 2024-06-14",
            "filing: 2024-06-13",
            "due_on: expected filing on 2024-06-13, got 20",
        ),
        ("filing: 2024-06-14", "T-8: 2024-06-14", "due_on: expected T-8 on 2024-06-14, got no day"),
        ("closed: [T-3]", "closed: [T-4]", "closed: expected T-4, got T-3"),
        ("not_interpretations", "interpretations", "interpretations: expected TOY-Q1, got none"),
        (
            "\n    not_interpretations: [TOY-Q1]",
            "\n    not_interpretations: [X]",
            "expect.not_interp",
        ),
        (
            " interpretations: [TOY-Q1]",
            " not_interpretations: [TOY-Q1]",
            "not_interpretations: TOY-Q1",
        ),
    ],
)
def test_a_wrong_state_day_or_reading_fails(
    toy: Library, tmp_path: Path, old: str, new: str, problem: str
) -> None:
    assert old in DUTIES
    found = run(toy, tmp_path / "a.cases.yaml", DUTIES.replace(old, new, 1))
    assert any(line.startswith(problem) for lines in found for line in lines), found


def test_a_failure_says_why_the_engine_answered_so(toy: Library, tmp_path: Path) -> None:
    path = tmp_path / "a.cases.yaml"
    path.write_text(GOOD.replace("one_of: [NEEDS_FACT]", "one_of: [FREE]"), encoding="utf-8")
    result = run_case(toy, find_cases(path)[1])
    text = "\n".join(explain_failure(result))
    assert "T-2-ORDER unknown, would be CONFLICT (recipient.order=unknown)" in text
    assert "T-4 ADEQUACY_LISTED [art 4]" in text


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("outcome: PROHIBITED\n", "outcme: PROHIBITED\n", "did you mean outcome"),
        ("outcome: PROHIBITED\n", "outcome: FORBIDDEN\n", "not an outcome"),
        ("as_of: 2024-06-01", "as_of: June", "as_of"),
        ("as_of: 2024-06-01, ", "", "missing required field `as_of`"),
        ("cases:", "casse:", "unknown key"),
        ("  - name: nothing carries it", "  - nothing", "not YAML|mapping"),
    ],
)
def test_malformed_files_are_refused_with_their_line(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    path = tmp_path / "a.cases.yaml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InvalidLaw, match=reason) as caught:
        find_cases(path)
    assert caught.value.where.rpartition(":")[2].isdigit()


def test_folders_lists_and_plain_names(toy: Library, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    row = "- {name: a, from: US, to: CN, as_of: 2024-06-01, expect: {outcome: PROHIBITED}}\n"
    (tmp_path / "deep" / "mine.yaml").write_text(row)
    assert [case.text.name for case in find_cases(tmp_path)] == ["a"]
    assert run_case(toy, find_cases(tmp_path)[0]).passed
    with pytest.raises(NotFound):
        find_cases(tmp_path / "nowhere")
    with pytest.raises(NotFound):
        find_cases(tmp_path.joinpath("deep", "mine.yaml", "x"))


def test_coverage_names_what_no_case_decides_or_refuses(toy: Library, tmp_path: Path) -> None:
    path = tmp_path / "a.cases.yaml"
    path.write_text(GOOD, encoding="utf-8")
    coverage = measure_coverage(toy, [run_case(toy, case) for case in find_cases(path)])
    assert coverage.rules == 12
    assert "T-7" not in coverage.without_granting and "T-1" in coverage.without_granting
    assert "T-7" not in coverage.without_refusing and "T-4" not in coverage.without_refusing
    assert set(coverage.lacking) >= {"T-1", "T-5-CLAUSES"}
