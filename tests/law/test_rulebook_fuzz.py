"""Hostile and damaged rulebooks load, or are refused with file and line; nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from entrepot.kernel.errors import InvalidLaw
from entrepot.law import Library, read_library
from entrepot.law.cases import read_cases, run_case
from entrepot.law.rulebook import read_rulebook

SEED = 20_261_121
TOY_ACT = Path(__file__).parent / "toy" / "zz" / "toy-act.md"
SNIPPETS = [
    "!!python/object/apply:os.system ['true']",
    "&a [*a, *a]",
    "{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{",
    "- - - - - - - - - - - - - - - - - - - - - - - - - - -",
    "\u202e\u0000\ufeff\u2028",
    "~~~",
    "```",
    "```rule",
    "---",
    "when: (((((((((",
    "when: not not not not data.personal",
    "value(x)",
    "9" * 400,
    "2024-99-99",
    "? :",
    "%YAML 9.9",
    "<<: *x",
    "\t",
    "from: null",
    "until: 0001-01-01",
    "defeats: [T-1, T-4, T-7]",
    "id: toy",
    "'",
    '"',
    "|\n  text",
    "\U0001f600" * 50,
]


def mutate(text: str, chance: random.Random) -> str:
    """Damage `text` in one to four places."""
    for _ in range(chance.randint(1, 4)):
        here, there = sorted((chance.randrange(len(text)), chance.randrange(len(text))))
        match chance.randrange(7):
            case 0:
                text = text[:here] + text[here + chance.randint(1, 40) :]
            case 1:
                text = text[:here] + chance.choice(SNIPPETS) + text[here:]
            case 2:
                text = text[:here] + "\n" + chance.choice(SNIPPETS) + "\n" + text[here:]
            case 3:
                lines = text.split("\n")
                a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
                lines[a], lines[b] = lines[b], lines[a]
                text = "\n".join(lines)
            case 4:
                text = text[:there] + text[here : here + 200] + text[there:]
            case 5:
                text = text[:here] + chr(chance.randrange(1, 0xD7FF)) + text[here + 1 :]
            case _:
                words = text.split(" ")
                chance_word = chance.randrange(len(words))
                words[chance_word] = chance.choice(words)
                text = " ".join(words)
    return text


@pytest.mark.parametrize("batch", range(4))
def test_damaged_rulebooks_load_or_are_refused(law_folder: Callable[..., Path], batch: int) -> None:
    chance = random.Random(SEED + batch)
    whole = TOY_ACT.read_text(encoding="utf-8")
    root = law_folder()
    refused = 0
    for _ in range(125):
        (root / "us" / "law-0.md").write_text(mutate(whole, chance), encoding="utf-8")
        library, faults = read_library(root)
        for fault in faults.values():
            refused += 1
            file, _, line = fault.where.rpartition(":")
            assert file == "us/law-0.md" and line.isdigit()
        assert set(library.content.books) <= {"toy-act"} or not faults
    assert refused > 60


def test_damaged_facts_and_cases_are_refused_or_answered(
    toy: Library, law_folder: Callable[..., Path], tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    root = law_folder(TOY_ACT.read_text(encoding="utf-8").replace("persons.bulk", "data.genomic"))
    whole = (root / "facts" / "toy.yaml").read_text(encoding="utf-8")
    row = (
        "# a comment that nobody reads, long enough to take most of the damage that is done here\n"
        "- name: case\n  facts: {data: {personal: true}, persons.total: 5}\n"
        "  expect: {outcome: PROHIBITED, rules: [T-7]}\n"
    )
    cases = "defaults: {from: US, to: CN, as_of: 2024-06-01}\ncases:\n" + row * 10
    refused = answered = 0
    for _ in range(150):
        (root / "facts" / "toy.yaml").write_text(mutate(whole, chance), encoding="utf-8")
        _, faults = read_library(root)
        assert all(fault.where.rpartition(":")[2].isdigit() for fault in faults.values())
        (tmp_path / "x.cases.yaml").write_text(mutate(cases, chance), encoding="utf-8")
        try:
            read = read_cases(tmp_path / "x.cases.yaml")
        except InvalidLaw as fault:
            refused += 1
            assert fault.where.rpartition(":")[2].isdigit()
            continue
        for case in read:
            run_case(toy, case)
            answered += 1
    assert refused > 30 and answered > 100


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    path = tmp_path / "x.md"
    for size in (0, 1, 7, 1_000, 100_000):
        path.write_bytes(b"---\nid: x\n\xff" + chance.randbytes(size))
        with pytest.raises(InvalidLaw, match=r"x\.md:\d+: "):
            read_rulebook(path, file="x.md")


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    with path.open("wb") as stream:
        stream.truncate(10 * 1024**3)
    with pytest.raises(InvalidLaw, match="larger than"):
        read_rulebook(path, file="x.md")


def test_many_small_values_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.cases.yaml"
    path.write_text("[" + "1," * 300_000 + "1]")
    with pytest.raises(InvalidLaw, match="more than 250000 values"):
        read_cases(path)


def test_nothing_in_a_rulebook_runs(law_folder: Callable[..., Path], tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    attack = f"!!python/object/apply:pathlib.Path.touch [{proof}]"
    text = TOY_ACT.read_text(encoding="utf-8").replace("says: No sale", f"says: {attack} No sale")
    with pytest.raises(InvalidLaw, match="tags are not allowed"):
        Library.load(law_folder(text))
    assert not proof.exists()
