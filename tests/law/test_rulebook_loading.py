"""Loading rulebooks: what is checked, and that every fault names file and line."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests_law_texts import FRONT, REGIME, RULE

from entrepot.kernel.errors import InvalidInput, InvalidLaw, NotFound
from entrepot.law import Library, read_library

HEAD = FRONT.format(id="a-law") + REGIME


def test_a_small_rulebook_loads_with_the_hash_of_its_bytes(law_folder: Callable[..., Path]) -> None:
    text = HEAD + RULE
    library = Library.load(law_folder(text))
    book = library.content.books["a-law"]
    assert book.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert [rule.id for rule in book.rules] == ["R-1"]
    assert book.rules[0].where == "us/law-0.md:23"
    assert library.reference("a-law").title == "A law"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("---\nid", "id", "no front matter"),
        ("evidence: m\n---", "evidence: m", "not closed"),
        ("evidence: m", "evidence: x", "law-0.md:11.*evidence"),
        ("evidence: m\n", "", "missing required field `evidence`"),
        ("source: invented\n", "", "missing required field `source`"),
        ("verified_on: 2026-11-21\n", "", "missing required field `verified_on`"),
        ("from: 2020-01-01\n", "", "missing required field `from`"),
        ("from: 2020-01-01", "from: 2020-01-01\nuntil: 2019-01-01", "never in force"),
        ("from: 2020-01-01", "from: soon", "law-0.md:9"),
        (
            "jurisdiction: US\ntitle: A law",
            "jurisdiction: XX\ntitle: A law",
            "unknown jurisdiction",
        ),
        ("regime: r\n", "regime: rr\n", "did you mean r"),
        ("article: art 1\n", "", "missing required field `article`"),
        ("article: art 1", "artcle: art 1", "did you mean article"),
        ("class: bar", "class: barr", "class"),
        ("outcome: PROHIBITED", "outcome: FORBIDDEN", "not an outcome"),
        ("layer: rights", "layer: duties", "layer"),
        (
            "when: data.personal",
            "when: data.personal and data.nothing",
            "law-0.md:26.*unknown fact",
        ),
        ("when: data.personal", "when: persons.total < value(us.x)", "unknown value"),
        ("when: data.personal", "when: [1]", "law-0.md:26"),
        ("when: data.personal", "when: data.personal\ndefeats: [R-1]", "circular defeats"),
        ("when: data.personal", "when: data.personal\ndefeats: [R-2]", "does not exist"),
        ("when: data.personal", "when: data.personal\nroles: []", "law-0.md:27"),
        (
            "when: data.personal",
            "when: data.personal\nfrom: 2025-01-01\nuntil: 2025-01-01",
            "never",
        ),
        ("says: No.", "says: No.\nduties: [{code: c, says: s, due: soon}]", "not a due phrase"),
        (
            "says: No.",
            "says: No.\nduties: [{code: c, says: s, due: 3 days after data.personal}]",
            "counts from a date",
        ),
        ("says: No.", "says: No.\nsays: Yes.", "law-0.md:30: the same key twice"),
        ("says: No.", "says: !!python/object:os.system x", "tags are not allowed"),
        ("```rule", "```rul", "did you mean rule"),
        ("```rule", " ```rule", "fence that is indented"),
        ("says: No.\n```", "says: No.\n", "not closed"),
    ],
)
def test_every_fault_names_file_and_line(
    law_folder: Callable[..., Path], old: str, new: str, reason: str
) -> None:
    text = HEAD + RULE
    assert old in text
    with pytest.raises(InvalidLaw, match=reason) as caught:
        Library.load(law_folder(text.replace(old, new, 1)))
    assert caught.value.where.startswith("us/law-0.md:")
    assert caught.value.where.rpartition(":")[2].isdigit()


VALUES = """
```values
id: us.limit
unit: persons
article: art 2
says: A limit.
values:
{rows}
```
"""


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("  - {from: 2020-01-01, value: 5}", None),
        ("  - {from: 2019-01-01, value: 5}\n  - {from: 2021-01-01, value: 6}", None),
        ("  - {from: 2020-01-02, value: 5}", "no value on 2020-01-01"),
        ("  - {from: 2020-01-01, until: 2021-01-01, value: 5}", "no value on 2021-01-01"),
        (
            "  - {from: 2020-01-01, until: 2021-01-01, value: 5}\n  - {from: 2021-01-02, value: 6}",
            "no value on 2021-01-01",
        ),
        ("  - {from: 2021-01-01, value: 5}\n  - {from: 2020-01-01, value: 6}", "order"),
        (
            "  - {from: 2020-01-01, until: 2022-01-01, value: 5}\n  - {from: 2021-01-01, value: 6}",
            "overlap",
        ),
    ],
)
def test_values_cover_the_rules_that_read_them(
    law_folder: Callable[..., Path], rows: str, reason: str | None
) -> None:
    text = HEAD + RULE.replace("data.personal", "persons.total > value(us.limit)")
    root = law_folder(text + VALUES.format(rows=rows))
    if reason is None:
        assert Library.load(root).content.values["us.limit"].block.unit == "persons"
        return
    with pytest.raises(InvalidLaw, match=reason):
        Library.load(root)


def test_circles_of_defeat_do_not_load(law_folder: Callable[..., Path]) -> None:
    ring = "".join(
        RULE.replace("R-1", f"R-{n}").replace("says:", f"defeats: [R-{n % 3 + 1}]\nsays:")
        for n in (1, 2, 3)
    )
    with pytest.raises(InvalidLaw, match="R-1 → R-2 → R-3 → R-1"):
        Library.load(law_folder(HEAD + ring))


def test_ids_are_unique_across_files(law_folder: Callable[..., Path]) -> None:
    second = FRONT.format(id="b-law") + RULE
    with pytest.raises(
        InvalidLaw, match=r"law-1\.md:15: duplicate id, first used at us/law-0\.md:23"
    ):
        Library.load(law_folder(HEAD + RULE, second))


def test_a_faulty_rulebook_leaves_the_others_loaded(law_folder: Callable[..., Path]) -> None:
    broken = FRONT.format(id="b-law") + RULE.replace("R-1", "R-2").replace("data.personal", "x.y")
    reader = FRONT.format(id="c-law") + (
        "\n```interpretation\nid: I-1\nreads: [R-2]\nissuer: N\nsays: S.\n```\n"
    )
    library, faults = read_library(law_folder(HEAD + RULE, broken, reader))
    assert list(library.content.books) == ["a-law"]
    assert list(faults) == ["us/law-1.md", "us/law-2.md"]
    assert faults["us/law-1.md"].where == "us/law-1.md:18"


def test_a_broken_fact_takes_only_its_readers_along(law_folder: Callable[..., Path]) -> None:
    root = law_folder(HEAD + RULE)
    (root / "facts" / "more.yaml").write_text("x.y: {type: bool, source: nowhere, about: a}\n")
    library, faults = read_library(root)
    assert faults["facts/more.yaml"].where == "facts/more.yaml:1"
    assert "R-1" in library.content.rules
    with pytest.raises(InvalidLaw):
        Library.load(root)


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        ("x.y: {type: enum, source: declared, about: a}", "needs `values`"),
        ("x.y: {type: bool, source: declared, about: a, values: {b: c}}", "neither enum nor set"),
        ("x.y: {type: bool, source: declared, about: a, unit: days}", "only numbers have a unit"),
        ("x.y: {type: enum, source: choice, about: a, values: {b: c}}", "member `none`"),
        ("xy: {type: bool, source: declared, about: a}", "not a fact name"),
        (
            "x.y: {type: bool, source: declared, about: a}\n"
            "flow.to: {type: bool, source: declared, about: a}",
            "defined twice",
        ),
        (
            "x.y: {type: bool, source: declared, about: a, derive: [{when: x.z, value: true}]}",
            "x.z",
        ),
        ("x.y: {type: bool, source: declared, about: a, derive: [{value: 3}]}", "expected true"),
        (
            "x.y: {type: int, unit: days, source: declared, about: a, "
            "derive: [{value: persons.total + 1}]}",
            "a number of persons, not days",
        ),
    ],
)
def test_facts_are_checked(law_folder: Callable[..., Path], fact: str, reason: str) -> None:
    root = law_folder(HEAD + RULE)
    (root / "facts" / "more.yaml").write_text(fact + "\n")
    with pytest.raises(InvalidLaw, match=reason) as caught:
        Library.load(root)
    assert "facts/more.yaml:" in str(caught.value)


def test_what_is_not_there_is_said(toy: Library, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="not a folder of laws"):
        Library.load(tmp_path)
    with pytest.raises(NotFound, match=r"toy\.bulk"):
        toy.part("toy.bluk")
    with pytest.raises(NotFound):
        toy.profile("nobody")
    with pytest.raises(InvalidInput, match="one of toy"):
        toy.regime("tyo")
