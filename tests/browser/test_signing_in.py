"""Signing in with a passkey: joining, coming back, and what must be refused."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from browsing import OPERATOR, Someone, Stand

pytestmark = pytest.mark.slow

PARTY = f"{OPERATOR['scheme']}:{OPERATOR['value']}"


def test_first_member_joins_signs_out_and_signs_in_again(stand: Stand, operator: Someone) -> None:
    assert operator.page.url == f"{stand.url}/desk"
    (credential,) = operator.credentials()
    assert credential["isResidentCredential"]
    operator.press("Sign out")
    operator.goto(f"{stand.url}/sign-in?next=/desk")
    operator.press("Sign in with a passkey")
    assert operator.page.url == f"{stand.url}/desk"


def cookie_of(person: Someone) -> str:
    (found,) = [c for c in person.context.cookies() if c["name"] == "entrepot"]
    assert found["httpOnly"] and found["sameSite"] == "Lax"
    value: str = found["value"]
    return value


def test_session_secret_is_new_after_signing_in(stand: Stand, operator: Someone) -> None:
    operator.press("Sign out")
    operator.goto(f"{stand.url}/sign-in")
    before = cookie_of(operator)
    operator.press("Sign in with a passkey")
    after = cookie_of(operator)
    assert before != after
    old = httpx.get(f"{stand.url}/desk", cookies={"entrepot": before}, follow_redirects=False)
    assert old.status_code == 303 and old.headers["location"].startswith("/sign-in")
    new = httpx.get(f"{stand.url}/desk", cookies={"entrepot": after}, follow_redirects=False)
    assert new.status_code == 200
    operator.press("Sign out")
    gone = httpx.get(f"{stand.url}/desk", cookies={"entrepot": after}, follow_redirects=False)
    assert gone.status_code == 303


def test_an_invitation_serves_once(
    stand: Stand, operator: Someone, someone: Callable[..., Someone]
) -> None:
    link = stand.invitation(PARTY, "steward")
    first, second = someone(), someone()
    for person in (first, second):
        person.goto(link)
        person.press("Open the invitation")
        person.page.get_by_label("What colleagues call you").fill("Night desk")
    first.press("Register a passkey")
    assert first.heading() == "Your passkey is registered"
    second.press("Register a passkey")
    assert second.heading() == "Page not found"


def test_a_passkey_nobody_admitted_does_not_sign_in(
    stand: Stand, operator: Someone, someone: Callable[..., Someone]
) -> None:
    person = someone()
    person.goto(stand.invitation(PARTY, "admin"))
    person.press("Open the invitation")
    person.page.get_by_label("What colleagues call you").fill("Stranger")
    person.press("Register a passkey")
    person.goto(f"{stand.url}/sign-in")
    person.press("Sign in with a passkey")
    assert "belongs to no member" in person.page.locator("#errors").inner_text()
