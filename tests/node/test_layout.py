"""Wrapped lines keep their indentation at every width, and lose nothing."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from entrepot.node.layout import Indented, readable_size


def shown(text: str, width: int, hang: int = 2) -> list[str]:
    screen = Console(file=io.StringIO(), width=width)
    screen.print(Indented(Text(text), hang=hang))
    return screen.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_a_line_that_wraps_stays_right_of_where_it_began() -> None:
    lines = shown("Title\n  one two three four five six seven eight", 30, hang=4)
    assert lines == ["Title", "  one two three four five six", "      seven eight"]


def test_empty_lines_stay_and_a_long_word_is_cut_not_lost() -> None:
    assert shown("a\n\nb", 40) == ["a", "", "b"]
    assert "".join(part.strip() for part in shown("x" * 90, 40)) == "x" * 90


@given(
    st.lists(st.text(alphabet="abc文é", min_size=1, max_size=12), min_size=1, max_size=40),
    st.integers(min_value=30, max_value=140),
    st.integers(min_value=0, max_value=8),
)
def test_no_line_is_wider_than_the_screen_and_no_word_is_lost(
    words: list[str], width: int, indent: int
) -> None:
    lines = shown(" " * indent + " ".join(words), width)
    assert " ".join(line.strip() for line in lines).split() == words
    assert all(Text(line).cell_len <= width for line in lines)


def test_sizes_are_shown_in_the_unit_that_fits() -> None:
    assert readable_size(0) == "0 bytes"
    assert readable_size(999) == "999 bytes"
    assert readable_size(26_443_757) == "26.4 MB"
    assert readable_size(999_960) == "1.0 MB"
    assert readable_size(10**13) == "10.0 TB"
