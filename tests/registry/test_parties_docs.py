"""The page of the parties has every code, scheme and kind, and the words have both languages."""

from __future__ import annotations

import re
import string
from pathlib import Path

from entrepot.registry.codes import Code
from entrepot.registry.identifiers import SCHEMES
from entrepot.registry.institution import PARTY_KINDS
from entrepot.registry.words import WORDS, reason, translated

PAGE = (Path(__file__).parents[2] / "docs/institutions/registry-parties.md").read_text()


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_code_has_one_heading_and_no_other() -> None:
    assert re.findall(r"^### `(registry\.[a-z-]+)`$", PAGE, re.M) == [code.value for code in Code]


def test_every_scheme_and_kind_is_on_the_page() -> None:
    for scheme in SCHEMES.values():
        assert f"| `{scheme.name}` |" in PAGE
    for kind in PARTY_KINDS:
        assert f"`{kind.name}`" in PAGE


def test_every_code_speaks_both_languages_with_the_same_values() -> None:
    assert set(WORDS) == set(Code)
    numbers = {int(n) for n in re.findall(r"^(\d+)\. \*\*", PAGE, re.M)}
    for code, words in WORDS.items():
        # Chinese may leave a value out, never bring another.
        assert places(words.zh) <= places(words.en), code
        assert re.search("[\u4e00-\u9fff]", words.zh)
        given = {name: f"value of {name}" for name in places(words.en)}
        made = reason(Code(code), **given)
        back = translated(made, "zh")
        assert all(f"value of {name}" in back for name in places(words.zh))
        assert translated(made, "fr") == made.sentence
        rule = re.match(r"Rules of the registry, (\d+) ", made.citation)
        assert rule is not None and int(rule[1]) in numbers
