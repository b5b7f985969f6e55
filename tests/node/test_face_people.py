"""Passkeys, sessions, invitations and approvals over HTTP, with a device that can be bent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from face_people import DUTIES, OPERATOR, ORIGIN, Stand, Tab, b64, founded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.errors import Conflict, Error, InvalidInput, NotFound
from entrepot.kernel.sequencer import Answer
from entrepot.node.app import make_app
from entrepot.node.face.addresses import safe_path
from entrepot.node.face.invitations import (
    INVITATION_SECONDS,
    find_invitation,
)
from entrepot.node.face.pages_keys import read_bytes
from entrepot.node.face.passkeys import PASSKEYS, read_assertion, read_registration
from entrepot.node.face.surroundings import front_origin, origin_of, own_origins
from entrepot.node.face.tries import new_tries
from entrepot.node.running import open_running, relying_party
from entrepot.node.settings import read_settings
from entrepot.registry import views


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    yield from founded(tmp_path, [])


@pytest.fixture
def stand_under_four_eyes(tmp_path: Path) -> Iterator[Stand]:
    yield from founded(tmp_path, ["decide-application", "issue-certificate"])


def test_join_sign_out_sign_in(stand: Stand) -> None:
    tab, device = stand.joined()
    with stand.running.node.store.reading() as read:
        (member,) = views.members_of(read, OPERATOR)
    assert member.kid == device.kid.hex() and set(member.duties) == set(DUTIES)
    before = dict(tab.cookies)
    tab.post("/sign-out")
    assert tab.get("/desk").path.startswith("/sign-in")
    tab.sign_in(device)
    assert tab.path == "/desk"
    assert tab.cookies["entrepot"] != before["entrepot"]
    old = Tab(stand.client, ORIGIN, before)
    assert old.get("/desk").path.startswith("/sign-in")


def test_names_of_persons_are_in_no_act(stand: Stand) -> None:
    stand.joined()
    log = stand.running.node.log
    whole = b"".join(log.tree().entry(index) for index in range(log.size))
    assert b"Harbour master" not in whole
    assert b"Harbour Exchange" in whole


@pytest.mark.parametrize(
    ("bent_device", "bent"),
    [
        ({"flags": 0x01}, {}),
        ({"flags": 0x04}, {}),
        ({"origin": "http://evil.localhost:8600"}, {}),
        ({"site": "localhost"}, {}),
        ({}, {"challenge": b64(bytes(32))}),
        ({}, {"alg": -257}),
        ({"credential_id": b"short"}, {}),
    ],
)
def test_a_passkey_made_elsewhere_or_unverified_is_not_registered(
    stand: Stand, bent_device: dict[str, Any], bent: dict[str, Any]
) -> None:
    token, tab = stand.invite(*DUTIES, first=True), stand.tab()
    tab.join(token, stand.device(**bent_device), **bent)
    assert tab.status in (403, 422), tab.text
    with stand.running.node.store.reading() as read:
        assert views.members_of(read, OPERATOR) == ()
    find_invitation(stand.running.node.store, token, now=stand.running.clock())


@pytest.mark.parametrize(
    ("bent_device", "bent"),
    [
        ({"flags": 0x01}, {}),
        ({"origin": "https://evil.example"}, {}),
        ({"site": "evil.example"}, {}),
        ({}, {"type": "webauthn.create"}),
        ({}, {"challenge": b64(bytes(32))}),
    ],
)
def test_an_assertion_made_elsewhere_or_unverified_does_not_sign_in(
    stand: Stand, bent_device: dict[str, Any], bent: dict[str, Any]
) -> None:
    tab, device = stand.joined()
    tab.post("/sign-out")
    for name, value in bent_device.items():
        setattr(device, name, value)
    tab.sign_in(device, **bent)
    assert tab.status == 403 and tab.path == "/sign-in"
    assert tab.get("/desk").path.startswith("/sign-in")


def test_another_key_under_the_same_credential_id_does_not_sign_in(stand: Stand) -> None:
    tab, device = stand.joined()
    tab.post("/sign-out")
    tab.sign_in(stand.device(credential_id=device.credential_id))
    assert tab.status == 403


def test_an_assertion_serves_one_browser_and_five_minutes(stand: Stand) -> None:
    tab, device = stand.joined()
    tab.post("/sign-out").get("/sign-in")
    fields = {"at": tab.hidden("at"), "response": device.sign(tab.options())}
    other = stand.tab().get("/sign-in")
    assert other.post("/sign-in", fields).status == 403
    stand.clock[0] += 301
    assert tab.post("/sign-in", fields).status == 403
    tab.get("/sign-in")
    ahead = {**fields, "at": str(stand.running.clock() + 60)}
    assert tab.post("/sign-in", ahead).status == 403


def test_invitations_expire_and_serve_once(stand: Stand) -> None:
    store = stand.running.node.store
    token = stand.invite("steward")
    stand.clock[0] += INVITATION_SECONDS
    with pytest.raises(NotFound):
        find_invitation(store, token, now=stand.running.clock())
    stand.joined()
    token = stand.invite("steward")
    first, second = stand.tab(), stand.tab()
    first.join(token, stand.device())
    assert "registered" in first.text
    assert second.join(token, stand.device()).status == 404
    with pytest.raises(InvalidInput):
        stand.invite("emperor")
    with pytest.raises(InvalidInput):
        stand.invite()


def test_a_colleague_is_admitted_by_an_admins_signature(stand: Stand) -> None:
    admin, key = stand.joined()
    colleague, device = stand.tab(), stand.device()
    admin.get("/desk/members").post("/desk/members/invite", {"duties": "steward"})
    link = admin.text.split("/join#")[1][:43]
    colleague.join(link, device, "Clerk")
    assert colleague.sign_in(device).status == 403
    admin.get("/desk/members").post(f"/desk/members/{device.kid.hex()}/admit")
    assert admin.path.startswith("/approve/"), admin.text
    admin.approve(key)
    assert admin.path.startswith("/decisions/"), admin.text
    colleague.sign_in(device)
    assert colleague.path == "/desk"
    # A steward neither invites nor decides.
    refused = colleague.get("/desk/members").post("/desk/members/invite", {"duties": "admin"})
    assert refused.status == 403
    assert colleague.get("/desk/applications").status == 403
    # Removed by the admin: the very next request is signed out.
    admin.get("/desk/members").post(f"/desk/members/{device.kid.hex()}/remove")
    admin.approve(key)
    assert colleague.get("/desk").path.startswith("/sign-in")
    assert colleague.sign_in(device).status == 403


def test_a_steward_cannot_sign_what_an_admin_prepared(stand: Stand) -> None:
    admin, key = stand.joined()
    waiting = stand.device()
    stand.tab().join(stand.invite("steward"), waiting)
    admin.get("/desk/members").post(f"/desk/members/{waiting.kid.hex()}/admit")
    size = stand.size
    response = waiting.sign(admin.options())
    admin.post(admin.path, {"response": response})
    assert admin.status == 422 and stand.size == size
    admin.approve(key)
    assert stand.size == size + 1


def test_approving_twice_acts_once(stand: Stand) -> None:
    admin, key = stand.joined()
    waiting = stand.device()
    stand.tab().join(stand.invite("steward"), waiting)
    admin.get("/desk/members").post(f"/desk/members/{waiting.kid.hex()}/admit")
    path, response, size = admin.path, key.sign(admin.options()), stand.size
    admin.post(path, {"response": response})
    assert stand.size == size + 1
    again = admin.get("/desk").post(path, {"response": response})
    assert again.status == 404 and stand.size == size + 1


def test_a_made_up_credential_id_pushes_nobody_aside(stand: Stand) -> None:
    tab, device = stand.joined()
    thief = stand.device(credential_id=device.credential_id)
    joined = stand.tab().join(stand.invite("steward"), thief)
    assert joined.status == Conflict.exit_code + 402  # 409
    tab.post("/sign-out")
    assert tab.sign_in(device).path == "/desk"


def test_the_last_way_in_is_the_passkey_not_the_cookie_of_another_node(stand: Stand) -> None:
    forged = Tab(stand.client, ORIGIN, {"entrepot": "A" * 43})
    assert forged.get("/desk").path.startswith("/sign-in")
    for value in ("", "x", "A" * 42, "A" * 5000, '"; drop'):
        assert Tab(stand.client, ORIGIN, {"entrepot": value}).get("/desk").status == 200


def test_a_passkey_is_found_again_when_the_local_tables_are_lost(stand: Stand) -> None:
    tab, device = stand.joined()
    tab.post("/sign-out")
    with stand.running.node.store.writing() as write:
        write.execute(sa.delete(PASSKEYS))
    stranger = stand.device()
    assert stand.tab().sign_in(stranger).status == 403
    assert tab.sign_in(device).path == "/desk"
    assert "Name not kept on this node" in tab.get("/desk/members").text


def test_guessing_is_slowed_down(stand: Stand) -> None:
    stand.client.app.state["face_tries"] = new_tries()
    tab, empty = stand.tab(), {"at": "1", "response": "{}"}
    statuses = [tab.get("/sign-in").post("/sign-in", empty).status for _ in range(12)]
    assert statuses == [403] * 10 + [429] * 2


PATHS = (
    "/sign-in", "/join", "/join/register", "/apply", "/apply/lodge", "/approve/" + "x" * 43,
    "/desk/members/invite", "/desk/keys/add", "/desk/products/new", "/desk/rights/new",
    "/desk/certificates/issue", "/desk/applications/1", "/desk/objections/1", "/rights/1/object",
    "/rights/1/transfer", "/certificates/1/revoke", f"/desk/members/{'0' * 64}/admit",
    f"/desk/keys/{'0' * 64}/revoke", "/desk/keys/recoveries/1/stop",
    "/desk/products/1/withdraw", "/rights/1/license", "/rights/1/cancel",
)  # fmt: skip
FIELDS = (
    "token", "name", "at", "response", "next", "number", "scheme", "country", "roles", "contact",
    "evidence", "outcome", "reason_code", "reason_sentence", "key", "proof", "title_en", "themes",
    "bytes", "amount", "currency", "fields", "quality_measures", "period_from", "geography",
    "product", "right", "scope", "territory", "from", "until", "source", "to", "code", "sentence",
    "kind", "subject", "duties", "person", "reason", "pricing_model", "delivery", "licence",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["lei", "hold", "free", "fixed", "admit", "yes", "-1", "0", "9" * 19, "{}", "[]", "null",
         '{"credentialId":"","authenticatorData":"","clientData":"","signature":""}', "\ud800"[:0],
         "2026-02-30", "any", "WORLD", "USD", "a|b|c|d", "x=", "\x00", "\u202e"]
    ),
)  # fmt: skip


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(path=st.sampled_from(PATHS), fields=st.dictionaries(st.sampled_from(FIELDS), TEXTS))
def test_no_form_makes_the_node_fail(
    seated: tuple[Stand, Tab], path: str, fields: dict[str, str]
) -> None:
    stand, tab = seated
    fresh = Tab(stand.client, ORIGIN, dict(tab.cookies)).get("/desk")
    answer = fresh.post(path, fields)
    assert answer.status < 500, answer.text


@pytest.fixture
def seated(stand: Stand) -> tuple[Stand, Tab]:
    tab, _device = stand.joined()
    return stand, tab


@settings(max_examples=300, deadline=None)
@given(
    text=st.one_of(
        st.text(max_size=200),
        st.recursive(
            st.one_of(st.none(), st.text(max_size=20), st.integers(), st.booleans()),
            lambda inner: st.dictionaries(
                st.sampled_from(["id", "rawId", "response", "type", "attestationObject",
                                 "clientDataJSON", "credentialId", "signature"]), inner),
            max_leaves=12,
        ).map(json.dumps),
    )
)  # fmt: skip
def test_no_response_of_an_authenticator_escapes_as_another_error(text: str) -> None:
    site = relying_party(read_settings(environment={}, given={"http.public_url": ORIGIN}))
    for read in (read_assertion, lambda given: read_registration(given, bytes(32), site)):
        with pytest.raises(Error):
            read(text)


@pytest.mark.parametrize(
    ("given_path", "kept"),
    [
        ("/desk", "/desk"),
        ("/port/x/clear?way=as-is/FREE", "/port/x/clear?way=as-is/FREE"),
        ("//evil.example", "/desk"),
        ("/\\evil.example", "/desk"),
        ("https://evil.example", "/desk"),
        ("/a\r\nset-cookie: x=y", "/desk"),
        ("/\tevil", "/desk"),
        ("", "/desk"),
        (None, "/desk"),
        ("/" + "a" * 500, "/desk"),
    ],
)
def test_only_paths_of_this_node_are_led_to(given_path: str | None, kept: str) -> None:
    assert safe_path(given_path) == kept


def test_pages_with_passkeys_send_on_from_an_address_to_its_name(tmp_path: Path) -> None:
    chosen = read_settings(environment={}, given={"home": str(tmp_path / "h")})
    assert front_origin(chosen) == "http://localhost:8600"
    numeric = "http://127.0.0.1:8600"
    with open_running(chosen) as running, TestClient(make_app(running), base_url=numeric) as web:
        for path in ("/sign-in?next=/desk/keys", "/join", "/apply"):
            answer = web.get(path, follow_redirects=False)
            assert answer.headers["location"] == f"http://localhost:8600{path}"
        assert web.get("/log", follow_redirects=False).status_code == 200


def test_origins_of_a_loopback_node_have_both_names() -> None:
    local = read_settings(environment={}, given={})
    assert set(own_origins(local)) >= {"http://127.0.0.1:8600", "http://localhost:8600"}
    named = read_settings(environment={}, given={"http.public_url": "https://node.example/"})
    assert own_origins(named) == ("https://node.example",)
    assert origin_of("HTTPS://Node.Example:443/path") == "https://node.example:443"


@pytest.mark.parametrize("write", [bytes.hex, b64], ids=["hex", "base64url"])
def test_keys_are_read_in_either_spelling(write: Callable[[bytes], str]) -> None:
    raw = bytes(range(32))
    assert read_bytes(write(raw), size_bytes=32) == raw
    with pytest.raises(InvalidInput):
        read_bytes(write(raw[:-1]), size_bytes=32)
    with pytest.raises(InvalidInput):
        read_bytes("ä" * 64, size_bytes=32)


def test_over_https_the_cookie_belongs_to_this_host_alone(tmp_path: Path) -> None:
    url = "https://node.example"
    chosen = read_settings(
        environment={}, given={"home": str(tmp_path / "h"), "http.public_url": url}
    )
    with open_running(chosen) as running, TestClient(make_app(running), base_url=url) as client:
        answer = client.get("/sign-in", headers={"accept": "text/html"})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-entrepot=") and "; Secure" in cookie
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Domain" not in cookie
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


def test_four_eyes_propose_and_confirm(stand_under_four_eyes: Stand) -> None:
    stand = stand_under_four_eyes
    admin, key = stand.joined()
    second, other = stand.tab(), stand.device()
    second.join(stand.invite("registrar"), other)
    admin.get("/desk/members").post(f"/desk/members/{other.kid.hex()}/admit")
    admin.approve(key)
    second.sign_in(other)
    fields = {
        "kind": "provider", "subject": OPERATOR, "from": "2026-01-01", "until": "2026-01-02",
        "reason_code": "requirements-met", "reason_sentence": "All of the papers were shown.",
    }  # fmt: skip
    admin.get("/desk/certificates/issue").post("/desk/certificates/issue", fields)
    admin.approve(key)
    # In its own cause nobody proposes: the rule refuses and the page says which.
    assert "own-cause" in admin.text and "refused" in admin.text
    index = apply_directly(stand)
    admin.get(f"/desk/applications/{index}")
    decision = {
        "outcome": "refuse", "reason_code": "evidence-missing",
        "reason_sentence": "No extract of a register was shown.",
    }  # fmt: skip
    admin.post(f"/desk/applications/{index}", decision).approve(key)
    assert "Decision on an application: proposed" in admin.text
    proposal = admin.path.split("/")[2].partition("?")[0]
    assert "You proposed this" in admin.get(f"/desk/proposals/{proposal}").text
    second.get(f"/desk/proposals/{proposal}")
    assert "No extract of a register was shown." in second.text
    second.post(f"/desk/proposals/{proposal}").approve(other)
    assert "Decision on an application: granted" in second.text
    with stand.running.node.store.reading() as read:
        found = views.application(read, index)
    assert found is not None and found.state == "refused"
    assert second.get(f"/desk/proposals/{proposal}").status == 404


def test_what_an_applicant_wrote_is_for_registrars_alone(stand: Stand) -> None:
    admin, key = stand.joined()
    clerk, device = stand.tab(), stand.device()
    clerk.join(stand.invite("steward"), device)
    admin.get("/desk/members").post(f"/desk/members/{device.kid.hex()}/admit")
    admin.approve(key)
    clerk.sign_in(device)
    index = apply_directly(stand)
    # The node's own key lodged it, but that does not make it a paper of all who work there.
    assert CONTACT in admin.get(f"/decisions/{index}").text
    for reader in (clerk, stand.tab()):
        assert reader.get(f"/decisions/{index}").status == 200
        assert CONTACT not in reader.text and "Coast Weather" not in reader.text


CONTACT = "desk@coast-weather.example"


def apply_directly(stand: Stand) -> int:
    """Lodge an application as the face does, and return its index."""
    body = {
        "contact": CONTACT,
        "name": "Coast Weather",
        "identifiers": [{"scheme": "lei", "value": "984500COASTWEATHER91"}],
        "country": "DE",
        "roles": ["provider"],
    }
    running = stand.running
    act = sign_act(
        running.node.party,
        "apply-for-membership",
        body,
        issued_at=running.clock(),
        act_id=new_act_id(),
    )
    (answer,) = running.intake.submit_now([act])
    assert isinstance(answer, Answer)
    return answer.index
