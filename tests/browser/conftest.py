"""Fixtures of the browser tests: a node that serves, a browser, people with passkeys.

Skipped with a word where the browser is not there: set ENTREPOT_BROWSER to the path of a Chromium.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import CHROMIUM, FLAGS, OPERATOR, Clock, Someone, Stand, start

from entrepot.node.api.credentials import enrol_if_leading

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """A node with a founded registry, and nobody in it but its operator."""
    # Twelve days back, so that a test can let a notice run out and still end today.
    stand = start(tmp_path / "home", Clock(-12 * 86_400))
    try:
        stand.submit(
            "found-registry",
            {
                "name": "Harbour Exchange",
                "names": {"en": "Harbour Exchange", "zh": "海港数据交易所"},
                "identifier": OPERATOR,
                "country": "SG",
                "key": stand.running.node.party.public.raw,
                "notice": {"days": 10, "calendar": ""},
                "decision": {"days": 20, "calendar": ""},
            },
        )
        enrol_if_leading(stand.running)
        yield stand
    finally:
        stand.halt()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The system's Chromium, headless."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no browser at {CHROMIUM}; set ENTREPOT_BROWSER to the path of a Chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=FLAGS, headless=True, chromium_sandbox=False
        )
        yield browser
        browser.close()


_WATCH = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error("policy violated: " + event.violatedDirective + " " + event.blockedURI);
});
"""


@pytest.fixture
def someone(chromium: Any) -> Iterator[Callable[..., Someone]]:
    """Return a function that seats another person; nobody may have seen a complaint at the end."""
    seated: list[Someone] = []

    def seat(**options: Any) -> Someone:
        context = chromium.new_context(**{"locale": "en-GB", **options})
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.add_init_script(_WATCH)
        devtools = context.new_cdp_session(page)
        devtools.send("WebAuthn.enable", {"enableUI": False})
        made = devtools.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        person = Someone(page, context, made["authenticatorId"], devtools)
        page.on(
            "console",
            lambda message: (
                person.complaints.append(message.text)
                if message.type == "error" and "Failed to load resource" not in message.text
                else None
            ),
        )
        page.on("pageerror", lambda error: person.complaints.append(str(error)))
        seated.append(person)
        return person

    yield seat
    for person in seated:
        person.context.close()
        assert person.complaints == []


@pytest.fixture
def operator(stand: Stand, someone: Callable[..., Someone]) -> Someone:
    """The operator's first member, joined by invitation and signed in: all four duties."""
    person = someone()
    party = f"{OPERATOR['scheme']}:{OPERATOR['value']}"
    link = stand.invitation(party, "admin", "steward", "registrar", "decider", first=True)
    person.goto(link)
    person.press("Open the invitation")
    person.page.get_by_label("What colleagues call you").fill("Harbour master")
    person.press("Register a passkey")
    return person
