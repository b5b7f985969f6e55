"""Every page that people meet, in both languages and themes, held to what a machine can tell."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from accessible import faults_of, keyboard_stops
from browsing import Someone, Stand
from test_desks import apply, decide, lodge
from test_story import COAST, file_product, file_right, join

pytestmark = pytest.mark.slow

STRANGER = (
    "/", "/sign-in", "/apply", "/join", "/decisions/1", "/no-such-page", "/port", "/log",
    "/log/entries", "/log/entries/1", "/law", "/directory", "/verify",
)  # fmt: skip
OPERATOR = (
    "/desk", "/desk/applications", "/desk/objections", "/desk/members", "/desk/keys",
    "/desk/certificates", "/desk/certificates/issue", "/desk/rights", "/desk/acts",
)  # fmt: skip
LOOKS = (
    ("en", "light", "en"), ("zh", "light", "zh-Hans"), ("en", "dark", "en"),
    ("zh", "dark", "zh-Hans"),
)  # fmt: skip


def examine(person: Someone, stand: Stand, path: str) -> list[str]:
    """Open a page in every language and theme; return what is wrong, with where."""
    wrong = []
    for language, theme, tag in LOOKS:
        joint = "&" if "?" in path else "?"
        person.goto(f"{stand.url}{path}{joint}lang={language}&theme={theme}")
        assert person.page.evaluate("document.documentElement.lang") == tag, path
        wrong += [f"{path} {language} {theme}: {fault}" for fault in faults_of(person.page)]
    return wrong


def test_a_stranger_can_read_every_page(stand: Stand, someone: Callable[..., Someone]) -> None:
    person = someone()
    wrong = [fault for path in STRANGER for fault in examine(person, stand, path)]
    assert wrong == []


def test_the_operators_desk(stand: Stand, operator: Someone) -> None:
    wrong = [fault for path in OPERATOR for fault in examine(operator, stand, path)]
    assert wrong == []


def test_forms_with_problems_and_the_partys_desk(
    stand: Stand, operator: Someone, someone: Callable[..., Someone]
) -> None:
    person = someone()
    apply(person, stand, "123")
    assert faults_of(person.page) == []
    apply(person, stand, COAST)
    assert faults_of(person.page) == []
    lodge(person)
    assert faults_of(person.page) == []
    other = someone()
    decide(operator, stand, "refuse")
    join(stand, operator, other, COAST, "Coast Weather", "provider")
    product = file_product(other, stand)
    right = file_right(other, stand, product)
    paths = (
        f"/decisions/{product}", f"/decisions/{right}", f"/rights/{right}",
        f"/rights/{right}/object", "/desk", "/desk/products", "/desk/products/new",
        f"/desk/products/{product}", f"/desk/products/{product}/revise",
        f"/desk/rights/new?product={product}", "/desk/rights",
    )  # fmt: skip
    wrong = [fault for path in paths for fault in examine(other, stand, path)]
    assert wrong == []


def test_nothing_hangs_over_the_edge_of_a_phone(
    stand: Stand, operator: Someone, someone: Callable[..., Someone]
) -> None:
    operator.page.set_viewport_size({"width": 360, "height": 740})
    wrong = []
    for path in (*STRANGER, *OPERATOR):
        operator.goto(f"{stand.url}{path}")
        over = operator.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if over > 1:
            wrong.append((path, over))
    assert wrong == []


def test_everything_can_be_reached_with_the_keyboard(
    stand: Stand, someone: Callable[..., Someone]
) -> None:
    person = someone()
    person.goto(f"{stand.url}/apply")
    person.page.keyboard.press("Tab")
    assert person.page.evaluate("document.activeElement.className") == "skip"
    person.page.keyboard.press("Enter")
    assert person.page.evaluate("document.activeElement.id") == "main"
    assert keyboard_stops(person.page) >= 20


def test_names_of_strangers_cannot_turn_words_round(
    stand: Stand, operator: Someone, someone: Callable[..., Someone]
) -> None:
    person = someone()
    person.goto(f"{stand.url}/apply?x=%E2%80%AEabc")
    apply(person, stand, COAST, name="Coast<script>alert(1)</script>")
    assert person.heading() == "Check your answers"
    assert "<script>alert(1)</script>" in person.page.locator("dd").first.inner_text()
