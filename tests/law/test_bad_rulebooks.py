"""The table of bad input: each kind of fault, and the file and line under which it is named.

`»` in a text marks the line that the fault must name; it is taken out before loading.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests_law_texts import FRONT, REGIME, RULE

from entrepot.law import read_library
from entrepot.law.reach import unreachable_rules

HEAD = FRONT.format(id="a-law") + REGIME
MARK = "»"


def values(*rows: str) -> str:
    listed = "\n".join(f"  - {row}" for row in rows)
    return (
        "\n```values\nid: us.limit\nunit: persons\narticle: art 2\nsays: A limit.\n"
        f"values:\n{listed}\n```\n"
    )


def rule(name: str, *, when: str = "data.personal", more: str = "", klass: str = "bar") -> str:
    text = RULE.replace("R-1", name).replace("data.personal", when).replace("bar", klass)
    return text.replace("says: No.", f"says: No.\n{more}" if more else "says: No.")


BAD: dict[str, tuple[str, str]] = {
    "two values from one day": (
        HEAD
        + values("{from: 2020-01-01, value: 1}", f"{MARK}{{from: 2020-01-01, value: 2}}")
        + RULE,
        "values overlap: two begin on one day",
    ),
    "a value that begins before the last one ends": (
        HEAD
        + values(
            "{from: 2020-01-01, until: 2022-01-01, value: 1}",
            f"{MARK}{{from: 2021-06-01, value: 2}}",
        )
        + RULE,
        "values overlap: the one before runs until 2022-01-01",
    ),
    "a value that ends before it begins": (
        HEAD + values(f"{MARK}{{from: 2020-01-01, until: 2019-01-01, value: 1}}") + RULE,
        "never in force",
    ),
    "a values id twice": (
        HEAD
        + values("{from: 2020-01-01, value: 1}")
        + values("{from: 2021-01-01, value: 2}").replace("id:", f"{MARK}id:")
        + RULE,
        "duplicate id, first used at us/law-0.md:23; both hold on 2020-01-01",
    ),
    "two rules of one id with overlapping time": (
        HEAD
        + rule("R-1", more="until: 2024-01-01")
        + rule("R-1", more="from: 2023-01-01").replace("id:", f"{MARK}id:"),
        "both hold on 2023-01-01",
    ),
    "two rules of one id one after the other": (
        HEAD
        + rule("R-1", more="until: 2024-01-01")
        + rule("R-1", more="from: 2024-01-01").replace("id:", f"{MARK}id:"),
        "an id is never reused",
    ),
    "two regimes of one id": (
        HEAD + REGIME.replace("id:", f"{MARK}id:", 1) + RULE,
        "duplicate id, first used at us/law-0.md:15; both hold on 2020-01-01",
    ),
    "a category classed twice on one day": (
        HEAD
        + RULE
        + "\n```list\nid: us.classes\nkind: sensitivity\narticle: art 3\nentries:\n"
        + "  - {category: health, class: general, until: 2022-01-01}\n"
        + "  - {category: health, class: special, from: 2022-01-01}\n"
        + f"  - {MARK}{{category: health, class: secret, from: 2024-01-01}}\n```\n",
        "entries overlap: this category stands at us/law-0.md:38 too on 2024-01-01",
    ),
    "an unknown fact in what engages a regime": (
        HEAD.replace(
            "engages: {export: flow.from == US}",
            f"engages:\n  import: flow.to == CN\n  {MARK}export: flow.form == US",
        )
        + RULE,
        "did you mean flow.from",
    ),
    "a circular exception": (
        HEAD
        + rule("R-1", more=f"{MARK}defeats: [R-2]")
        + rule("R-2", more="defeats: [R-3]")
        + rule("R-3", more="defeats: [R-1]"),
        "circular defeats: R-1 → R-2 → R-3 → R-1",
    ),
    "an exception to itself": (
        HEAD + rule("R-1", more=f"{MARK}defeats: [R-1]"),
        "circular defeats: R-1 → R-1",
    ),
    "a missing article": (
        HEAD + RULE.replace("article: art 1\n", "").replace("id:", f"{MARK}id:"),
        "missing required field `article`",
    ),
    "an empty article": (
        HEAD + RULE.replace("article: art 1", f"{MARK}article: ' '"),
        "article",
    ),
    "an unknown fact in a condition": (
        HEAD + RULE.replace("when:", f"{MARK}when:").replace("data.personal", "data.persnal"),
        "did you mean data.personal",
    ),
    "an unknown fact in the second duty of a rule": (
        HEAD
        + rule(
            "R-1",
            more="duties:\n"
            "  - {code: a, says: s, due: before transfer, done: data.personal}\n"
            "  - code: b\n    says: s\n    due: before transfer\n"
            f"    {MARK}done: data.persnal",
        ),
        "unknown fact `data.persnal`",
    ),
    "a due day of a fact that is none": (
        HEAD
        + rule(
            "R-1",
            more=f"duties:\n  - code: a\n    says: s\n    {MARK}due: 3 days after data.personal",
        ),
        "counts from a date",
    ),
    "a unit mismatch between a fact and a value": (
        HEAD
        + values("{from: 2020-01-01, value: 1}").replace("unit: persons", "unit: days")
        + RULE.replace("when:", f"{MARK}when:").replace(
            "data.personal", "persons.total > value(us.limit)"
        ),
        "`>` between different units: days and persons",
    ),
    "a unit mismatch in a sum": (
        HEAD
        + values("{from: 2020-01-01, value: 1}").replace("unit: persons", "unit: days")
        + RULE.replace("when:", f"{MARK}when:").replace(
            "data.personal", "persons.total + value(us.limit) > 3"
        ),
        "`+` between different units: days and persons",
    ),
    "a rule outside the roles of its regime": (
        HEAD + rule("R-1", more=f"{MARK}roles: [export, party]"),
        "outside the roles of regime r",
    ),
    "a rule in the role that is taken when none is named": (
        HEAD.replace("{export:", "{import:") + RULE.replace("id:", f"{MARK}id:"),
        "outside the roles of regime r",
    ),
    "a duty outside the roles of its regime": (
        HEAD
        + RULE
        + "\n```duty\nid: D-1\narticle: art 2\ncode: notice\nsays: S.\ndue: continuing\n"
        + f"layer: rights\n{MARK}roles: [origin]\n```\n",
        "outside the roles of regime r",
    ),
}


def marked(text: str) -> tuple[str, int]:
    """Return the text without its mark, and the number of the line that bore it."""
    before, mark, after = text.partition(MARK)
    assert mark and MARK not in after
    return before + after, before.count("\n") + 1


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_with_file_and_line(law_folder: Callable[..., Path], name: str) -> None:
    text, line = marked(BAD[name][0])
    library, faults = read_library(law_folder(text))
    assert library.content.rules == {}
    fault = faults["us/law-0.md"]
    assert BAD[name][1] in str(fault)
    assert fault.where == f"us/law-0.md:{line}"


UNREACHABLE: dict[str, tuple[str, str]] = {
    "numbers that exclude each other": (
        HEAD
        + RULE.replace("when:", f"{MARK}when:").replace(
            "data.personal", "persons.total < 3 and persons.total > 5"
        ),
        "contradicts itself",
    ),
    "a fact and its opposite": (
        HEAD
        + RULE.replace("when:", f"{MARK}when:").replace(
            "data.personal", "data.personal and not data.personal"
        ),
        "contradicts itself",
    ),
    "an older version that was never ended, beside its stricter successor": (
        HEAD
        + rule("R-1").replace("PROHIBITED", "NOTIFY").replace("when:", f"{MARK}when:")
        + rule("R-2"),
        "whenever it applies, R-2 decides, stricter or of an earlier class",
    ),
    "a rule behind one that always applies": (
        HEAD
        + rule("R-1", when="true")
        + rule("R-2", klass="zone").replace("when:", f"{MARK}when:"),
        "whenever it applies, R-1 decides, stricter or of an earlier class",
    ),
}


@pytest.mark.parametrize("name", UNREACHABLE)
def test_an_unreachable_rule_is_named_with_file_and_line(
    law_folder: Callable[..., Path], name: str
) -> None:
    text, line = marked(UNREACHABLE[name][0])
    library, faults = read_library(law_folder(text))
    assert faults == {}
    (fault,) = unreachable_rules(library)
    assert fault.where == f"us/law-0.md:{line}" and UNREACHABLE[name][1] in str(fault)


def test_a_thousand_exceptions_in_layers_load_at_once(law_folder: Callable[..., Path]) -> None:
    """Twenty layers of fifty, each defeating the whole next layer: no circle, 50^20 paths."""
    texts = []
    for layer in range(20):
        beaten = [f"R-{layer + 1}-{n}" for n in range(50)] if layer < 19 else []
        texts += [rule(f"R-{layer}-{n}", more=f"defeats: [{', '.join(beaten)}]") for n in range(50)]
    library, faults = read_library(law_folder(HEAD + "".join(texts)))
    assert faults == {} and len(library.content.rules) == 1_000
