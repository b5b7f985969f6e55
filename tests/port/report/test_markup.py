"""Text cannot become markup, whatever it holds."""

from hypothesis import given
from hypothesis import strategies as st

from entrepot.port.report.markup import html, items, table, tag


@given(st.text())
def test_text_never_opens_a_tag_or_leaves_an_attribute(text: str) -> None:
    assert "<" not in html(text)
    inside = tag("p", text, title=text)
    assert inside.count("<") == 2
    assert inside.count('"') == 2


def test_sequences_join_and_nothing_stays_nothing() -> None:
    assert html(["a", None, 1234, [tag("b", "&")]]) == "a1,234<b>&amp;</b>"
    assert items([]) == ""
    assert '<td class="number">1</td>' in table(["n"], [[1]], numbers=[0])
