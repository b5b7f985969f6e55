"""The desks in a real browser: an organisation applies, a registrar decides, colleagues join."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from browsing import Someone, Stand, lei

from entrepot.registry import views

pytestmark = pytest.mark.slow

COAST = lei("984500COASTWEATHER")


def apply(person: Someone, stand: Stand, number: str, **fields: Any) -> None:
    """Fill the public form, check the answers and lodge the application."""
    page = person.page
    person.goto(f"{stand.url}/apply")
    page.get_by_label("Name", exact=True).fill(fields.get("name", "Coast Weather"))
    page.locator("#country").fill(fields.get("country", "DE"))
    page.locator("#scheme").select_option(fields.get("scheme", "lei"))
    page.locator("#number").fill(number)
    for role in fields.get("roles", ("provider",)):
        page.locator(f"input[name=roles][value={role}]").check()
    page.locator("#contact").fill("data@coast.example")
    person.press("Continue")


def lodge(person: Someone) -> None:
    person.page.get_by_label("What colleagues call you").fill("Duty meteorologist")
    person.press("Register the passkey and apply")


def decide(operator: Someone, stand: Stand, outcome: str) -> None:
    """Open the oldest application on the desk and decide it."""
    page = operator.page
    operator.goto(f"{stand.url}/desk")
    operator.follow(re.compile(r"^Application \d+"))
    page.locator(f"input[name=outcome][value={outcome}]").check()
    code = "identity-shown" if outcome == "admit" else "identity-not-shown"
    page.locator("#reason_code").select_option(code)
    page.locator("#reason_sentence").fill("The extract of the register was compared with the LEI.")
    operator.press("Review before signing")
    operator.press("Sign with your passkey")


def test_an_organisation_applies_is_admitted_by_a_person_and_signs_in(
    stand: Stand, operator: Someone, someone: Callable[..., Someone]
) -> None:
    applicant = someone()
    apply(applicant, stand, COAST)
    assert applicant.heading() == "Check your answers"
    lodge(applicant)
    assert applicant.heading() == "Your application"
    course = applicant.page.url
    assert "open" in applicant.page.locator(".outcome").inner_text()

    applicant.goto(f"{stand.url}/sign-in")
    applicant.press("Sign in with a passkey")
    assert "belongs to no member" in applicant.page.locator("#errors").inner_text()

    decide(operator, stand, "admit")
    assert operator.heading() == "Decision on an application: granted"
    text = operator.page.locator("main").inner_text()
    assert "A person: registrar of the operator" in text
    assert "The extract of the register was compared with the LEI." in text
    assert "If you disagree" in text

    applicant.goto(course)
    assert "admitted" in applicant.page.locator(".outcome").inner_text()
    applicant.goto(f"{stand.url}/sign-in")
    applicant.press("Sign in with a passkey")
    assert applicant.page.url == f"{stand.url}/desk"
    with stand.running.node.store.reading() as read:
        party = views.find_party(read, f"lei:{COAST}")
        assert party is not None and party.roles == ("provider",)
        (member,) = views.members_of(read, f"lei:{COAST}")
    assert "admin" in member.duties


def test_refused_with_reasons_and_nothing_comes_of_it(
    stand: Stand, operator: Someone, someone: Callable[..., Someone]
) -> None:
    applicant = someone()
    apply(applicant, stand, COAST)
    lodge(applicant)
    course = applicant.page.url
    decide(operator, stand, "refuse")
    assert "refuse" in operator.page.locator("main").inner_text()
    applicant.goto(course)
    assert "refused" in applicant.page.locator(".outcome").inner_text()
    with stand.running.node.store.reading() as read:
        assert views.find_party(read, f"lei:{COAST}") is None


@pytest.mark.parametrize(
    ("scheme", "number", "says"),
    [
        ("lei", COAST[:-2] + "00", "check digit does not hold"),
        ("uscc", "92440300MA5G00000A", "natural person or individual business"),
        ("lei", "123", "has not the form"),
    ],
)
def test_what_cannot_name_an_organisation_is_told_at_the_form(
    stand: Stand, someone: Callable[..., Someone], scheme: str, number: str, says: str
) -> None:
    size = stand.running.node.log.size
    person = someone()
    apply(person, stand, number, scheme=scheme, country="CN")
    assert person.page.locator("h1").inner_text() == "Apply for membership"
    summary = person.page.locator("#errors")
    assert says in summary.inner_text()
    summary.get_by_role("link").first.click()
    assert person.page.evaluate("document.activeElement.id") == "number"
    assert person.page.locator("#number").get_attribute("aria-invalid") == "true"
    assert person.page.locator("#contact").input_value() == "data@coast.example"
    assert stand.running.node.log.size == size
