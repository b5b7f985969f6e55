"""Questions: few, each with a reason, and in the end the answer that all facts would have given."""

from __future__ import annotations

import random
from datetime import date

import pytest

from entrepot.law import FactSet, Library
from entrepot.law.explain import domain
from entrepot.law.inquiry import Inquiry, Question
from entrepot.law.model import Scalar

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.load()


def interview(
    library: Library, origin: str, destination: str, told: FactSet
) -> tuple[list[Question], str, str]:
    """Answer from `told` until nothing is asked; return the questions and both outcomes."""
    bound = library.bind(library.flow(origin, destination, TODAY))
    usual = library.facts(library.profile("ordinary-company")).values
    inquiry = Inquiry(bound, usual=usual)
    known: dict[str, object] = {}
    skipped: set[str] = set()
    asked: list[Question] = []
    while (question := inquiry.next(library.facts(known), skipped=frozenset(skipped))) is not None:
        assert question.fact not in known and question.fact not in skipped
        asked.append(question)
        answer = told[question.fact]
        if answer is None:
            skipped.add(question.fact)
        else:
            known[question.fact] = answer
    return asked, bound.decide(library.facts(known)).outcome, bound.decide(told).outcome


@pytest.mark.parametrize(
    ("origin", "destination", "profile", "most"),
    [
        ("CN", "DE", "retail-customers", 20),
        ("CN", "DE", "machine-readings", 8),
        ("DE", "US", "retail-customers", 20),
        ("US", "CN", "patient-records", 40),
        ("KR", "FR", "retail-customers", 18),
    ],
)
def test_few_questions_reach_the_answer_of_all_facts(
    library: Library, origin: str, destination: str, profile: str, most: int
) -> None:
    told = library.facts(library.profile(profile))
    asked, found, expected = interview(library, origin, destination, told)
    assert found == expected
    read = library.bind(library.flow(origin, destination, TODAY)).content.facts_read
    assert len(asked) <= most < len(read) / 3
    assert asked[0].open_bits > 0 and asked[0].branches


@pytest.mark.slow
@pytest.mark.parametrize("destination", ["DE", "HK"])
def test_whoever_answers_the_end_is_what_all_facts_say(library: Library, destination: str) -> None:
    chance = random.Random(11)
    bound = library.bind(library.flow("CN", destination, TODAY))
    names = sorted(bound.content.facts_read)
    for _ in range(6):
        facts: dict[str, Scalar] = {}
        for name in names:
            values = list(domain(bound, name))
            spec = library.vocabulary[name]
            if values and spec.source not in ("flow", "choice") and not spec.derive:
                facts[name] = chance.choice(values)
        engages = {
            fact
            for regime in bound.content.regimes
            for option in regime.options
            for fact in _facts(option.node)
        }
        told = FactSet(library.vocabulary, {k: v for k, v in facts.items() if k not in engages})
        _, found, expected = interview(library, "CN", destination, told)
        assert found == expected, told.as_text()


def _facts(node: object) -> tuple[str, ...]:
    from entrepot.law import ir

    return ir.facts_of(node)  # type: ignore[arg-type]


def test_the_same_facts_give_the_same_question_with_its_reason(library: Library) -> None:
    bound = library.bind(library.flow("CN", "DE", TODAY))
    facts = library.facts({"data.class": "general", "data.sectors": []})
    first, second = Inquiry(bound).next(facts), Inquiry(bound).next(facts)
    assert first is not None and first == second
    assert first.because and first.question.endswith("?")
    assert 0 < first.bits <= first.open_bits
    for branch in first.branches:
        assert abs(sum(branch.outcomes.values()) - 1) < 0.02


def test_nothing_is_asked_when_nothing_is_open(library: Library) -> None:
    bound = library.bind(library.flow("CN", "DE", TODAY))
    facts = library.facts(library.profile("retail-customers"))
    assert Inquiry(bound).next(facts) is None


def test_what_nobody_knows_is_left_open_and_not_asked_again(library: Library) -> None:
    nothing = FactSet(library.vocabulary, {})
    asked, found, expected = interview(library, "CN", "DE", nothing)
    assert found == expected == "NEEDS_FACT"
    assert len({question.fact for question in asked}) == len(asked)
