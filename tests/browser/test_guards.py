"""Attacks from elsewhere: forged forms, frames, planted sessions, stolen and swapped approvals."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest
from browsing import OPERATOR, Someone, Stand
from test_desks import COAST, apply, lodge

from entrepot.node.face.headers import CONTENT_SECURITY_POLICY

pytestmark = pytest.mark.slow

PARTY = f"{OPERATOR['scheme']}:{OPERATOR['value']}"


@pytest.fixture
def attacker() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A site of somebody else, on another port of the same machine: its URL and its pages."""
    pages: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(pages.get(self.path, b""))

        def log_message(self, *_args: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}", pages
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def secret_of(person: Someone) -> str:
    (found,) = [c for c in person.context.cookies() if c["name"] == "entrepot"]
    value: str = found["value"]
    return value


def token_of(person: Someone) -> str:
    token: str = person.page.locator("input[name=csrf]").first.input_value()
    return token


def test_a_form_of_another_site_does_nothing(
    stand: Stand, operator: Someone, attacker: tuple[str, dict[str, bytes]]
) -> None:
    url, pages = attacker
    pages["/"] = (
        f'<form method="post" action="{stand.url}/sign-out">'
        f'<input name="csrf" value="{token_of(operator)}"></form>'
        "<script>document.forms[0].submit()</script>"
    ).encode()
    with operator.page.expect_navigation(url=f"{stand.url}/sign-out"):
        operator.goto(f"{url}/")
    assert operator.heading() == "This is not allowed"
    operator.goto(f"{stand.url}/desk")
    assert operator.page.url == f"{stand.url}/desk"


@pytest.mark.parametrize(
    "path",
    [
        "/sign-out", "/sign-in", "/join", "/join/register", "/apply", "/apply/lodge",
        "/approve/x", "/desk/members/invite", "/desk/keys/add", "/desk/products/new",
        "/desk/rights/new", "/desk/certificates/issue", "/desk/applications/1",
    ],
)  # fmt: skip
def test_an_unsafe_request_needs_origin_and_token(
    stand: Stand, operator: Someone, path: str
) -> None:
    operator.goto(f"{stand.url}/desk")
    cookies, token = {"entrepot": secret_of(operator)}, token_of(operator)
    same = {"origin": stand.url, "sec-fetch-site": "same-origin"}
    refused = [
        ({}, {"csrf": token}),
        (same, {}),
        (same, {"csrf": "0" * 128}),
        (same, {"csrf": "é"}),
        ({**same, "sec-fetch-site": "same-site"}, {"csrf": token}),
        ({**same, "sec-fetch-site": "cross-site"}, {"csrf": token}),
        ({**same, "origin": "http://localhost:1"}, {"csrf": token}),
        ({**same, "origin": "null"}, {"csrf": token}),
    ]
    size = stand.running.node.log.size
    for headers, form in refused:
        answer = httpx.post(f"{stand.url}{path}", headers=headers, data=form, cookies=cookies)
        assert answer.status_code == 403, (path, headers, form)
    taken = httpx.post(f"{stand.url}{path}", headers=same, data={"csrf": token}, cookies=cookies)
    assert taken.status_code != 403 or "token" not in taken.text
    assert stand.running.node.log.size == size


def test_a_token_of_another_session_is_refused(
    stand: Stand, operator: Someone, someone: Callable[..., Someone]
) -> None:
    other = someone()
    other.goto(f"{stand.url}/sign-in")
    headers = {"origin": stand.url, "sec-fetch-site": "same-origin"}
    answer = httpx.post(
        f"{stand.url}/sign-out",
        headers=headers,
        data={"csrf": token_of(other)},
        cookies={"entrepot": secret_of(operator)},
    )
    assert answer.status_code == 403


def test_no_page_can_be_framed(
    stand: Stand, operator: Someone, attacker: tuple[str, dict[str, bytes]]
) -> None:
    url, pages = attacker
    pages["/frame"] = f'<iframe src="{stand.url}/desk"></iframe>'.encode()
    operator.goto(f"{url}/frame")
    frame = operator.page.frames[-1]
    assert "Harbour Exchange" not in frame.content()
    # The refusal itself is the one complaint that the browser may have here.
    assert any("frame" in text.lower() for text in operator.complaints)
    operator.complaints.clear()


def test_a_planted_cookie_is_not_the_session(
    stand: Stand, operator: Someone, someone: Callable[..., Someone]
) -> None:
    planted = "A" * 43
    operator.press("Sign out")
    operator.context.add_cookies(
        [{"name": "entrepot", "value": planted, "url": stand.url, "httpOnly": True}]
    )
    operator.goto(f"{stand.url}/sign-in")
    operator.press("Sign in with a passkey")
    assert operator.page.url == f"{stand.url}/desk"
    assert secret_of(operator) != planted
    answer = httpx.get(f"{stand.url}/desk", cookies={"entrepot": planted})
    assert answer.status_code == 303


def test_sessions_end_when_idle_and_after_a_working_day(stand: Stand, operator: Someone) -> None:
    cookies = {"entrepot": secret_of(operator)}
    for minutes in (50, 50, 50):
        stand.clock.ahead_s += minutes * 60
        assert httpx.get(f"{stand.url}/desk", cookies=cookies).status_code == 200
    stand.clock.ahead_s += 61 * 60
    assert httpx.get(f"{stand.url}/desk", cookies=cookies).status_code == 303


def test_signing_out_everywhere_ends_every_session(
    stand: Stand, operator: Someone, someone: Callable[..., Someone]
) -> None:
    first = secret_of(operator)
    operator.context.clear_cookies()
    operator.goto(f"{stand.url}/sign-in")
    operator.press("Sign in with a passkey")
    second = secret_of(operator)
    operator.press("Sign out everywhere")
    for secret in (first, second):
        answer = httpx.get(f"{stand.url}/desk", cookies={"entrepot": secret})
        assert answer.status_code == 303


def prepare(operator: Someone, stand: Stand) -> str:
    """Bring the operator to the page that asks to sign a decision; return its address."""
    page = operator.page
    operator.goto(f"{stand.url}/desk")
    operator.follow(re.compile(r"^Application \d+"))
    page.locator("input[name=outcome][value=admit]").check()
    page.locator("#reason_code").select_option("identity-shown")
    page.locator("#reason_sentence").fill("The extract of the register was shown.")
    operator.press("Review before signing")
    address: str = page.url
    return address


def test_what_is_prepared_is_for_its_person_and_session_alone(
    stand: Stand, operator: Someone, someone: Callable[..., Someone]
) -> None:
    applicant = someone()
    apply(applicant, stand, COAST)
    lodge(applicant)
    address = prepare(operator, stand)
    assert httpx.get(address).headers["location"].startswith("/sign-in")
    other_session = secret_of(operator)
    operator.context.clear_cookies()
    operator.goto(f"{stand.url}/sign-in")
    operator.press("Sign in with a passkey")
    assert secret_of(operator) != other_session
    operator.goto(address)
    assert operator.heading() == "Page not found"


def test_prepared_acts_expire_and_another_passkey_does_not_do(
    stand: Stand, operator: Someone, someone: Callable[..., Someone]
) -> None:
    applicant = someone()
    apply(applicant, stand, COAST)
    lodge(applicant)
    size = stand.running.node.log.size
    prepare(operator, stand)
    # The authenticator now holds another person's passkey only.
    (own,) = operator.credentials()
    (foreign,) = applicant.credentials()
    operator.devtools.send("WebAuthn.clearCredentials", {"authenticatorId": operator.authenticator})
    swapped = {**foreign, "credentialId": own["credentialId"]}
    operator.devtools.send(
        "WebAuthn.addCredential",
        {"authenticatorId": operator.authenticator, "credential": swapped},
    )
    operator.press("Sign with your passkey")
    assert operator.page.locator(".problem").count() == 1
    assert stand.running.node.log.size == size
    stand.clock.ahead_s += 16 * 60
    operator.goto(operator.page.url)
    assert operator.heading() == "Page not found"


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_never_leads_elsewhere(stand: Stand, operator: Someone, target: str) -> None:
    operator.press("Sign out")
    operator.goto(f"{stand.url}/sign-in?next={target}")
    operator.press("Sign in with a passkey")
    assert operator.page.url == f"{stand.url}/desk"


def test_every_page_carries_the_policy(stand: Stand) -> None:
    for path in ("/sign-in", "/apply", "/join", "/decisions/1", "/decisions/99", "/face/face.js"):
        answer = httpx.get(f"{stand.url}{path}", headers={"accept": "text/html"})
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"


def test_a_stranger_does_not_see_what_was_applied_for(
    stand: Stand, operator: Someone, someone: Callable[..., Someone]
) -> None:
    applicant, stranger = someone(), someone()
    apply(applicant, stand, COAST, name="Secretive Coast")
    lodge(applicant)
    course = applicant.page.url
    index = applicant.page.locator("dd a").first.inner_text()
    stranger.goto(f"{stand.url}/decisions/{index}")
    assert "private to the party concerned" in stranger.page.inner_text("main")
    assert "Secretive" not in stranger.page.content()
    stranger.goto(f"{stand.url}/desk/applications/{index}")
    assert "/sign-in" in stranger.page.url
    applicant.goto(f"{stand.url}/decisions/{index}?link={course.rpartition('/')[2]}")
    assert "Secretive Coast" in applicant.page.content()
    stranger.goto(f"{stand.url}/applications/{'x' * 43}")
    assert stranger.heading() == "Page not found"
