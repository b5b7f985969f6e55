"""A second party with its own key and session: what it may not read or do, it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from strangers import CONTACT, NOW, ORIGIN, STRANGER, Scene, scene, token_of

from entrepot.client.signatures import sign_request
from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.keys import key_from_seed
from entrepot.node.face.approving import Draft, keep_pending
from entrepot.node.face.people import Person
from entrepot.node.face.sessions import Session, end_session, start_session
from entrepot.node.face.surroundings import Surroundings, own_origins
from entrepot.node.running import relying_party
from entrepot.registry.principals import member_principal


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("strangers") / "home") as found:
        yield found


@pytest.fixture
def rival(stage: Scene) -> Iterator[httpx.Client]:
    with stage.browser(stage.rival, "admin") as client:
        yield client


def test_the_opening_of_a_private_act_is_its_partys_alone(stage: Scene) -> None:
    for index, private in ((stage.application, True), (stage.product, False)):
        path = f"/acts/{index}/opening"
        for key in (stage.rival.key, stage.vendor.key, stage.world.operator.key):
            fields = stage.signed(key, "GET", path)
            found = httpx.get(stage.url + path, headers=fields)
            assert found.status_code == (404 if private else 200)
            assert CONTACT.encode() not in found.content
        assert httpx.get(stage.url + path).status_code == (404 if private else 200)
    missing = httpx.get(f"{stage.url}/acts/{stage.size + 5}/opening")
    there = httpx.get(f"{stage.url}/acts/{stage.application}/opening")
    assert missing.json()["type"] == there.json()["type"]
    assert missing.json()["title"] == there.json()["title"]


def test_a_person_of_the_operator_shares_nothing_with_the_key_of_the_node(stage: Scene) -> None:
    # Acts of persons are sent by the node's key: that key must not open what a rival approved.
    body = {"party": stage.rival.id, "name": "Rival Renamed"}
    answer = stage.world.send(stage.rival, "update-party", body, "admin")
    assert stage.running.may_open(stage.rival.key.kid, answer.index)
    assert not stage.running.may_open(stage.world.operator.key.kid, answer.index)
    assert not stage.running.may_open(stage.vendor.key.kid, answer.index)
    assert not stage.running.may_open(None, answer.index)


def test_contact_data_are_on_no_page_but_the_registrars(stage: Scene, rival: httpx.Client) -> None:
    index = stage.application
    paths = [
        f"/acts/{index}",
        f"/acts/{index}/entry",
        f"/acts/{index}/receipt",
        f"/acts/{index}/proof",
        f"/log/entries/{index}",
        f"/log/entries/{index}/entry.cbor",
        f"/decisions/{index}",
        "/log/tile/entries/000.p/" + str(stage.size),
        "/log/entries",
        "/desk/acts",
        "/directory",
        "/registry/parties",
        "/registry/parties/lei:98450000000000000090000",
        f"/desk/applications/{index}",
        "/desk/applications",
        "/metrics",
    ]
    with stage.browser() as nobody:
        for client in (nobody, rival):
            for path in paths:
                assert CONTACT not in client.get(path).text, path
    with stage.browser(stage.world.operator, "registrar") as officer:
        assert CONTACT in officer.get(f"/desk/applications/{index}").text


def test_why_a_private_act_was_refused_is_told_to_its_sender_alone(
    stage: Scene, rival: httpx.Client
) -> None:
    key = key_from_seed(b"\x12" * 32)
    body = {
        "name": "Hidden Applicant",
        "identifiers": [{"scheme": "lei", "value": "9845" + "0" * 16}],
        "country": "CN",
        "roles": ["buyer"],
        "key": key.public.raw,
    }
    act = sign_act(
        key, "apply-for-membership", body, issued_at=stage.world.now, act_id=new_act_id()
    )
    headers = {"Content-Type": "application/cose"}
    told = httpx.post(f"{stage.url}/acts", content=act, headers=headers).json()
    (reason,) = told["reasons"]
    index = told["index"]
    paths = (f"/acts/{index}", f"/decisions/{index}", f"/log/entries/{index}", "/log/entries")
    people = ("/desk", "/desk/acts", "/directory?q=Hidden", "/registry/parties?q=Hidden", "/")
    with stage.browser() as nobody:
        for client in (nobody, rival):
            for path in (*paths, *people):
                page = client.get(path).text
                for hidden in (reason["code"], reason["sentence"][:40], "Hidden Applicant"):
                    assert hidden not in page, path


def test_the_token_of_a_form_is_for_one_visit(stage: Scene, rival: httpx.Client) -> None:
    token = token_of(rival.get("/desk/keys"))
    with stage.browser(stage.vendor, "admin") as vendor:
        fields = {"csrf": token, "duties": "steward"}
        assert vendor.post("/desk/members/invite", data=fields).status_code == 403


DESK = {
    "/desk/applications": 403,
    "/desk/applications/{application}": 403,
    "/desk/objections": 403,
    "/desk/certificates/issue": 403,
    "/desk/products/{product}": 403,
    "/desk/products/{product}/revise": 403,
    "/desk/proposals/1": 403,
}


def test_desks_of_others_are_closed(stage: Scene, rival: httpx.Client) -> None:
    names = {"application": stage.application, "product": stage.product}
    with stage.browser() as nobody:
        for path, status in DESK.items():
            assert rival.get(path.format(**names)).status_code == status, path
            away = nobody.get(path.format(**names))
            assert away.status_code == 303, path
            assert away.headers["location"].startswith("/sign-in"), path


FORMS: dict[str, dict[str, str]] = {
    "/desk/applications/{application}": {"outcome": "admit", "roles": "buyer"},
    "/desk/objections/1": {"outcome": "dismiss"},
    "/desk/certificates/issue": {"kind": "provider", "subject": "{rival}"},
    "/desk/products/{product}/revise": {"title_en": "Mine now"},
    "/desk/products/{product}/withdraw": {"reason": "because"},
    "/desk/keys/{vendor_key}/revoke": {"reason": "compromised"},
    "/desk/members/{vendor_person}/remove": {},
    "/desk/members/{vendor_person}/duties": {"duties": "steward"},
    "/desk/members/{registrar}/remove": {},
    "/certificates/1/revoke": {"code": "x", "sentence": "x"},
    "/rights/1/transfer": {"to": "{rival}"},
    "/rights/1/cancel": {"reason": "x"},
    "/desk/proposals/1": {"answer": "confirm"},
}


def test_forms_of_others_prepare_nothing(stage: Scene, rival: httpx.Client) -> None:
    names = {
        "application": stage.application,
        "product": stage.product,
        "rival": stage.rival.id,
        "vendor_key": stage.vendor.key.kid.hex(),
        "vendor_person": stage.vendor.people["admin"].kid.hex(),
        "registrar": stage.world.operator.people["registrar"].kid.hex(),
    }
    token, before = token_of(rival.get("/desk/keys")), stage.size
    for path, fields in FORMS.items():
        filled = {name: text.format(**names) for name, text in fields.items()}
        answer = rival.post(path.format(**names), data={"csrf": token, **filled})
        assert answer.status_code in (403, 404, 422), (path, answer.status_code)
        assert "/approve/" not in answer.headers.get("location", "")
    assert stage.size == before


def around(stage: Scene) -> Surroundings:
    running = stage.running
    return Surroundings(
        running=running,
        store=running.node.store,
        now=running.clock,
        origins=own_origins(running.settings),
        site=relying_party(running.settings),
        secure=False,
    )


def test_what_waits_for_somebodys_signature_is_theirs_in_their_session_alone(
    stage: Scene, rival: httpx.Client
) -> None:
    kid = stage.vendor.people["admin"].kid
    secret = start_session(stage.running.node.store, kid, stage.vendor.id, now=NOW)
    with stage.running.node.store.reading() as read:
        principal = member_principal(read, kid)
    assert principal is not None
    session = Session(kid, stage.vendor.id, NOW, NOW)
    person = Person(session, secret, principal)
    body = {"product": stage.product, "reason": "a plan that nobody knows"}
    draft = Draft("withdraw-product", body, "Withdraw", [("Reason", body["reason"])], "/desk")
    id_ = keep_pending(around(stage), person, draft)
    cookies = {"entrepot": secret}
    own = httpx.get(f"{stage.url}/approve/{id_}", cookies=cookies)
    assert own.status_code == 200 and body["reason"] in own.text
    with stage.browser() as nobody, stage.browser(stage.vendor, "admin") as other_session:
        for client in (rival, nobody, other_session):
            found = client.get(f"/approve/{id_}")
            assert found.status_code in (303, 404)
            assert body["reason"] not in found.text
        for client in (rival, other_session):
            token = token_of(client.get("/desk/keys"))
            done = client.post(f"/approve/{id_}", data={"csrf": token, "response": "{}"})
            assert done.status_code == 404


def test_a_session_that_ended_opens_nothing(stage: Scene) -> None:
    store, person = stage.running.node.store, stage.vendor.people["admin"]
    secret = start_session(store, person.kid, stage.vendor.id, now=NOW)
    cookies = {"entrepot": secret}
    assert httpx.get(f"{stage.url}/desk", cookies=cookies).status_code == 200
    end_session(store, secret)
    assert httpx.get(f"{stage.url}/desk", cookies=cookies).status_code == 303
    stale = start_session(store, person.kid, stage.vendor.id, now=NOW - 13 * 3_600)
    assert httpx.get(f"{stage.url}/desk", cookies={"entrepot": stale}).status_code == 303
    for guess in ("A" * 43, "' OR 1=1 --" + "x" * 32, "", secret.lower(), secret[:-1] + "!"):
        answer = httpx.get(f"{stage.url}/desk", cookies={"entrepot": guess})
        assert answer.status_code == 303, guess


BENT: dict[str, dict[str, Any]] = {
    "no token": {"data": {}},
    "another visitor's token": {"data": {"csrf": "ab" * 64}},
    "no origin": {"headers": {"Origin": "", "Sec-Fetch-Site": ""}},
    "another origin": {"headers": {"Origin": "https://evil.example"}},
    "null origin": {"headers": {"Origin": "null"}},
    "same site": {"headers": {"Sec-Fetch-Site": "same-site"}},
    "cross site": {"headers": {"Sec-Fetch-Site": "cross-site"}},
    "our name in theirs": {"headers": {"Origin": ORIGIN + ".evil.example"}},
    "as JSON": {"content": b"{}", "headers": {"Content-Type": "application/json"}},
    "as text": {"content": b"csrf=x", "headers": {"Content-Type": "text/plain"}},
}


@pytest.mark.parametrize("how", BENT)
def test_forged_forms_are_refused(stage: Scene, rival: httpx.Client, how: str) -> None:
    page = rival.get("/desk/members")
    bent = {"data": {"csrf": token_of(page), "duties": "steward"}, **BENT[how]}
    if "content" in bent:
        del bent["data"]
    before = stage.size
    assert rival.post("/desk/members/invite", **bent).status_code == 403
    assert stage.size == before


def test_signed_reads_are_good_once_for_one_url_one_method_and_a_minute(stage: Scene) -> None:
    path = f"/acts/{stage.product}/opening"
    key = stage.vendor.key

    def ask(fields: dict[str, str], at: str = path, method: str = "GET", **more: Any) -> int:
        answer = httpx.request(method, stage.url + at, headers=fields, **more)
        return answer.status_code

    fields = stage.signed(key, "GET", path)
    assert [ask(fields), ask(fields)] == [200, 401]
    assert ask(stage.signed(key, "GET", "/acts/1/opening")) == 401
    assert ask(stage.signed(key, "GET", path + "?a=1")) == 401
    assert ask(stage.signed(key, "GET", path), path + "?a=1") == 401
    assert ask(stage.signed(key, "POST", path)) == 401
    assert ask(stage.signed(key, "GET", path, body=b"")) == 401
    assert ask(stage.signed(STRANGER, "GET", path)) == 401
    assert ask(stage.signed(key, "GET", path), method="HEAD") == 401
    assert ask(stage.signed(key, "HEAD", path)) == 401
    assert ask(stage.signed(key, "HEAD", path), method="HEAD") == 200
    for far in (61, -61, 10**9, -NOW):
        assert ask(stage.signed(key, "GET", path, created=NOW + far)) == 401
    for near in (55, -55):
        assert ask(stage.signed(key, "GET", path, created=NOW + near)) == 200
    # The Host field chooses among loopback names alone: what was signed for another node is not
    # for this one, whatever the request calls it.
    there = sign_request(key, "GET", f"http://evil.example{path}", created=NOW)
    assert ask({**there, "Host": "evil.example"}) == 401
    fresh = stage.signed(key, "GET", path)
    other = stage.signed(key, "GET", path)
    assert ask({**fresh, "Signature": other["Signature"]}) == 401
    assert ask({**fresh, "Signature-Input": fresh["Signature-Input"] + ";x=1"}) == 401
    assert ask({**fresh, "Signature": fresh["Signature"] + ", sig2=:AAAA:"}) == 401
    assert ask({"Signature": fresh["Signature"]}) == 401
    assert ask({"Signature-Input": fresh["Signature-Input"]}) == 401
    renamed = {name: value.replace("sig1", "sig2") for name, value in fresh.items()}
    assert ask(renamed) == 401
    assert ask(fresh) == 200, "what was tried in vain used nothing up"


def test_a_key_that_was_revoked_reads_and_signs_nothing_any_more(stage: Scene) -> None:
    world = stage.world
    leaver = world.admit("Leaver", "buyer")
    path = f"/acts/{stage.product}/opening"
    assert httpx.get(stage.url + path, headers=stage.signed(leaver.key, "GET", path)).is_success
    world.done(leaver, "revoke-key", {"party": leaver.id, "kid": leaver.key.kid})
    late = httpx.get(stage.url + path, headers=stage.signed(leaver.key, "GET", path))
    assert late.status_code == 401
    act = world.signed(leaver, "update-party", {"party": leaver.id, "name": "Leaver again"})
    sent = httpx.post(
        f"{stage.url}/acts", content=act, headers={"Content-Type": "application/cose"}
    )
    assert sent.status_code == 403


UPLOAD = b"name,city\nA,Lisbon\nB,Porto\n"


def test_an_upload_is_seen_by_the_browser_that_brought_it_alone(
    stage: Scene, rival: httpx.Client
) -> None:
    with stage.browser() as owner, stage.browser() as nobody:
        token = token_of(owner.get("/port"))
        sent = owner.post(
            "/port",
            data={"csrf": token},
            files={"table": ("secret-customers.csv", UPLOAD, "text/csv")},
        )
        assert sent.status_code == 303, sent.text[:500]
        job = sent.headers["location"].split("?")[0]
        assert owner.get(job).status_code == 200
        pages = ("", "/progress", "/inspection.json", "/route", "/answer", "/plan", "/clear")
        files = ("/report.html", "/result", "/cleared.zip")
        for client in (nobody, rival):
            assert "secret-customers" not in client.get("/port").text
            for page in (*pages, *files):
                found = client.get(job + page)
                assert found.status_code == 404, page
                assert "secret-customers" not in found.text
            token = token_of(client.get("/port"))
            for verb in ("again", "stop", "delete", "route", "plan", "clear", "sign", "withdraw"):
                tried = client.post(f"{job}/{verb}", data={"csrf": token})
                assert tried.status_code == 404, verb
        planted = "A" * 43
        guess = {f"table-{job.rpartition('/')[2]}": planted}
        assert httpx.get(stage.url + job, cookies=guess).status_code == 404
        assert owner.get(job).status_code == 200
        token = token_of(owner.get("/port"))
        assert owner.post(f"{job}/delete", data={"csrf": token}).status_code in (200, 303)
        assert owner.get(job).status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "[::1", "a b", "é"])
def test_a_host_that_is_not_ours_gets_nothing_of_its_own(stage: Scene, host: str) -> None:
    for path in ("/", "/desk", "/sign-in", "/.well-known/did.json", "/registry/catalog"):
        answer = stage.raw(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        status = int(answer[9:12]) if answer else 400
        assert status in (200, 303, 400, 421), (path, answer[:200])
        assert b"evil.example" not in answer, path
