"""Every code of products and rights is documented, with a citation and words; and no other is."""

import re
from pathlib import Path

from entrepot.kernel.decisions import Outcome, Reason
from entrepot.registry import rightacts
from entrepot.registry.productcodes import CITATIONS, Code, reason
from entrepot.registry.productkinds import PRODUCT_KINDS
from entrepot.registry.productvocabulary import COUNTRY_CODES, THEMES
from entrepot.registry.productwords import WORDS, remedy, translated

PAGES = Path(__file__).resolve().parents[2] / "docs" / "institutions"


def test_every_code_has_a_heading_a_citation_and_words() -> None:
    headings = set()
    for page in ("registry-products.md", "rights.md"):
        headings |= set(re.findall(r"^### (\S+)$", (PAGES / page).read_text(), re.MULTILINE))
    assert headings == {code.value for code in Code} == set(WORDS) == set(CITATIONS)
    for english, chinese in WORDS.values():
        assert english.endswith(".") and re.search("[\u4e00-\u9fff]", chinese)


def test_every_kind_is_documented_and_public() -> None:
    text = "".join((PAGES / page).read_text() for page in ("registry-products.md", "rights.md"))
    for kind in PRODUCT_KINDS:
        assert f"`{kind.name}`" in text, kind.name
        assert kind.public


def test_reasons_are_told_in_chinese_and_remedies_for_every_outcome() -> None:
    given = reason(Code.CONFLICT, "Right 7 meets it.")
    assert translated(given, "zh") == WORDS[Code.CONFLICT][1]
    assert translated(given, "en") == "Right 7 meets it."
    foreign = Reason("other.code", "Elsewhere", "Said elsewhere.")
    assert translated(foreign, "zh") == "Said elsewhere."
    for kind in PRODUCT_KINDS:
        for outcome in (Outcome.GRANTED, Outcome.REFUSED):
            assert remedy(kind.name, outcome) != remedy(kind.name, outcome, "zh")
    assert "object" in remedy(rightacts.FILE_RIGHT, Outcome.GRANTED)


def test_closed_lists_are_whole() -> None:
    assert len(COUNTRY_CODES) == len(set(COUNTRY_CODES.values())) == 249
    assert len(THEMES) == 14
