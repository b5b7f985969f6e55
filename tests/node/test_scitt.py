"""SCRAPI over HTTP: register, receipt, keys; checked by scitt-cose, a foreign implementation."""

import hashlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest
import scitt_cose
from litestar.testing import TestClient

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.encoding import to_base64url
from entrepot.kernel.keys import PrivateKey, key_from_seed, kid_urn
from entrepot.kernel.receipt import verify_receipt
from entrepot.kernel.statement import (
    parse_statement,
    sign_statement,
    split_transparent,
    transparent_statement,
)
from entrepot.node.app import make_app
from entrepot.node.running import Running, open_running
from entrepot.node.scitt.registering import POLICY, register
from entrepot.node.settings import read_settings

sys.path.insert(0, str(Path(__file__).parents[1] / "kernel"))
from kernel_toy import NOW, TOY, count_act

Client = TestClient[Any]
PARTS = ("entrepot.node.api", "entrepot.node.scitt")
COSE = {"Content-Type": "application/cose"}
CONTENT = b"a bill of materials"


def statement(key: PrivateKey, content: bytes = CONTENT, **changes: Any) -> bytes:
    given: dict[str, Any] = {
        "issuer": kid_urn(key.kid), "subject": "product", "content_type": "text/plain",
        "issued_at": NOW,
    }  # fmt: skip
    return sign_statement(key, content, **(given | changes))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    settings = read_settings(environment={}, given={"home": str(tmp_path)})
    with open_running(settings, institutions=(TOY,), clock=lambda: NOW) as found:
        yield found


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    with TestClient(make_app(running, PARTS)) as found:
        yield found


def problem(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/concise-problem-details+cbor"
    found = cbor2.loads(answer.content)
    assert set(found) == {-1, -2}
    assert found[-2]
    return answer.status_code, found[-1]


def test_an_act_is_a_statement_and_gets_the_receipt_of_its_entry(
    client: Client, running: Running
) -> None:
    act = count_act(running.node)
    answer = client.post("/entries", content=act, headers=COSE)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/cose"
    assert answer.headers["location"] == f"{running.url}/entries/1"
    entry = running.node.log.tree().entry(1)
    proven = verify_receipt(answer.content, entry, running.node.signer.ed25519.public)
    assert (proven.index, proven.size) == (1, 2)
    again = client.post("/entries", content=act, headers=COSE)
    assert (again.status_code, again.content) == (201, answer.content)
    fresh = client.get("/entries/1")
    assert fresh.status_code == 200
    assert fresh.headers["location"].endswith("/entries/1")
    verify_receipt(fresh.content, entry, running.node.signer.ed25519.public)


def test_the_keys_verify_the_receipts(client: Client, running: Running) -> None:
    answer = client.get("/.well-known/scitt-keys", headers={"Accept": "application/cbor"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/cbor")
    (key,) = cbor2.loads(answer.content)
    public = running.node.signer.ed25519.public
    assert key == {1: 1, 2: public.kid, 3: -8, -1: 6, -2: public.raw}
    one = client.get(f"/.well-known/scitt-keys/{to_base64url(public.kid)}")
    assert cbor2.loads(one.content) == key
    receipt = client.post("/entries", content=count_act(running.node), headers=COSE).content
    protected = cbor2.loads(cbor2.loads(receipt).value[0])
    assert protected[4] == key[2]
    for wrong in ("x", public.kid.hex(), to_base64url(public.kid) + "="):
        assert problem(client.get(f"/.well-known/scitt-keys/{wrong}")) == (404, "No such key")


def test_errors_are_concise_problem_details(client: Client, running: Running) -> None:
    key = running.node.party
    stranger = key_from_seed(b"\x07" * 32)
    es384 = cbor2.dumps(
        cbor2.CBORTag(18, [cbor2.dumps({1: -35, 4: b"k", 258: -16}), {}, bytes(32), bytes(96)])
    )
    parts = cbor2.loads(statement(key)).value
    detached = cbor2.dumps(cbor2.CBORTag(18, [parts[0], {}, None, parts[3]]))
    unsigned = cbor2.dumps(cbor2.CBORTag(18, [*parts[:3], bytes(64)]))
    plain = scitt_cose.build_signed_statement(
        b"whole payload", alg="EdDSA", private_key_pem=pem(tmp_key(running)),
        issuer="i", subject="s", content_type="text/plain", kid=key.kid,
    )  # fmt: skip
    for content, expected in (
        (b"", (400, "Malformed request")),
        (b"not cose", (400, "Malformed request")),
        (es384, (400, "Bad Signature Algorithm")),
        (detached, (400, "Payload Missing")),
        (plain, (400, "Rejected")),
        (unsigned, (400, "Rejected")),
        (statement(stranger), (400, "Rejected")),
        (statement(key, issuer="somebody else"), (400, "Rejected")),
        (sign_act(stranger, "count", {}, issued_at=NOW, act_id=new_act_id()), (400, "Rejected")),
        (sign_act(key, "no-such-kind", {}, issued_at=NOW, act_id=new_act_id()), (400, "Rejected")),
        (b"x" * 300_000, (413, "Malformed request")),
    ):
        assert problem(client.post("/entries", content=content, headers=COSE)) == expected
    assert problem(client.post("/entries", content=b"{}"))[0] == 415
    for locator, expected in (
        ("-1", (400, "Invalid locator")), ("x", (400, "Invalid locator")),
        ("01", (400, "Invalid locator")), ("99", (404, "Not Found")), ("0", (404, "Not Found")),
    ):  # fmt: skip
        assert problem(client.get(f"/entries/{locator}")) == expected
    assert running.node.log.size == 1  # nothing of it was registered


def tmp_key(running: Running) -> Path:
    return running.home / "keys" / "party.pem"


def pem(path: Path) -> bytes:
    return path.read_bytes()


def test_the_policy_is_published(client: Client) -> None:
    answer = client.get("/scitt/policy")
    assert answer.content == POLICY
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_foreign_statement_becomes_transparent(client: Client, running: Running) -> None:
    party = running.node.party
    raw = statement(party)
    answer = client.post("/entries", content=raw, headers=COSE)
    assert answer.status_code == 201
    assert answer.headers["location"].endswith("/entries/2")  # after genesis and our policy
    policy = parse_statement(running.node.log.tree().entry(1))
    assert policy.covers(POLICY)
    assert policy.subject == "registration-policy"
    assert running.node.log.tree().entry(2) == raw
    whole = transparent_statement(raw, [answer.content])
    (receipt,) = scitt_cose.extract_receipts(whole)
    leaf, _ = split_transparent(whole)
    public = running.node.signer.ed25519.public.pem()
    found = scitt_cose.verify_receipt(receipt, leaf_entry_hex=leaf.hex(), log_public_key_pem=public)
    assert found.ok, found.errors
    forged = statement(party, b"something else")
    lie = scitt_cose.verify_receipt(receipt, leaf_entry_hex=forged.hex(), log_public_key_pem=public)
    assert not lie.ok
    signed = scitt_cose.verify_sign1(leaf, public_key_pem=party.public.pem())
    assert signed.payload == hashlib.sha256(CONTENT).digest()


def test_a_statement_is_registered_once_whatever_its_unprotected_header(
    client: Client, running: Running
) -> None:
    raw = statement(running.node.party)
    first = client.post("/entries", content=raw, headers=COSE)
    client.post("/entries", content=count_act(running.node), headers=COSE)
    dressed = transparent_statement(raw, [first.content])
    again = client.post("/entries", content=dressed, headers=COSE)
    assert again.status_code == 201
    assert again.headers["location"] == first.headers["location"]
    assert running.node.log.size == 4
    verify_receipt(again.content, raw, running.node.signer.ed25519.public)


def test_of_many_at_once_each_is_registered_once(running: Running) -> None:
    raws = [statement(running.node.party, b"%d" % (number % 5)) for number in range(20)]
    found: list[tuple[bytes, int]] = []

    def one(raw: bytes) -> None:
        found.append((raw, register(running, raw).index))

    threads = [threading.Thread(target=one, args=(raw,)) for raw in raws]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert sorted({index for _, index in found}) == [2, 3, 4, 5, 6]
    for raw, index in found:
        assert running.node.log.tree().entry(index) == raw


def test_the_home_is_whole_after_registrations(client: Client, running: Running) -> None:
    from entrepot.kernel.audit import audit

    client.post("/entries", content=count_act(running.node), headers=COSE)
    client.post("/entries", content=statement(running.node.party), headers=COSE)
    client.post("/entries", content=count_act(running.node), headers=COSE)
    assert client.get("/acts/3").status_code == 200
    home = running.home
    running.close()
    checks = audit(home, (TOY,))
    assert [check.name for check in checks if check.passed is False] == []
