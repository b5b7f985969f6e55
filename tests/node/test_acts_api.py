"""Acts over HTTP: what is answered, what is refused, what is turned away, and with which status."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from node_toy import COSE, MANY, NOW, count_act, problem, served

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.encoding import decode, encode
from entrepot.kernel.keys import key_from_seed
from entrepot.kernel.receipt import verify_receipt


def test_an_act_is_answered_with_a_receipt_that_verifies(tmp_path: Path) -> None:
    with served(tmp_path) as (running, client):
        answer = client.post("/acts", content=count_act(running.node), headers=COSE)
        assert answer.status_code == 201
        body = answer.json()
        assert (body["index"], body["outcome"], body["repeated"]) == (1, "granted", False)
        assert body["effects"] == [{"name": "add", "values": {"name": "a", "amount": 1}}]
        assert answer.headers["location"] == "/acts/1"
        keys = running.node.signer.keys
        proven = verify_receipt(
            base64.b64decode(body["receipt"]),
            base64.b64decode(body["entry"]),
            keys.ed25519,
            origin=keys.origin,
        )
        assert (proven.index, proven.size) == (1, body["tree_size"])


def test_the_same_bytes_again_give_the_same_answer(tmp_path: Path) -> None:
    with served(tmp_path) as (running, client):
        act = count_act(running.node)
        first = client.post("/acts", content=act, headers=COSE)
        client.post("/acts", content=count_act(running.node), headers=COSE)
        again = client.post("/acts", content=act, headers=COSE)
        assert again.status_code == 200
        assert again.json() == {**first.json(), "repeated": True}
        assert running.node.log.size == 3


def test_refusal_by_law_is_an_answer_with_citations(tmp_path: Path) -> None:
    with served(tmp_path) as (running, client):
        refused = client.post("/acts", content=count_act(running.node, 1001), headers=COSE)
        assert refused.status_code == 201
        assert refused.json()["outcome"] == "refused"
        assert refused.json()["reasons"] == [
            {
                "code": "toy.full",
                "citation": "Toy Act art 1",
                "sentence": "A counter holds 1,000 at most.",
            }
        ]
        referred = client.post("/acts", content=count_act(running.node, 13), headers=COSE).json()
        assert (referred["outcome"], referred["to"]) == ("referred", "registrar")


def test_a_sequence_has_an_answer_or_a_problem_in_the_place_of_each(tmp_path: Path) -> None:
    with served(tmp_path) as (running, client):
        stranger = key_from_seed(b"\x07" * 32)
        foreign = sign_act(stranger, "count", {}, issued_at=NOW, act_id=new_act_id())
        good = count_act(running.node)
        body = b"".join([good, foreign, good, encode({"no": "act"}), count_act(running.node, 1001)])
        answer = client.post("/acts", content=body, headers=MANY)
        assert answer.status_code == 200
        items = answer.json()
        assert [item.get("status", item.get("outcome")) for item in items] == [
            "granted",
            403,
            "granted",
            422,
            "refused",
        ]
        assert [items[0]["repeated"], items[2]["repeated"]] == [False, True]
        assert items[1]["type"] == "urn:entrepot:error:verification"


def test_answers_come_as_cbor_when_asked_for(tmp_path: Path) -> None:
    with served(tmp_path) as (running, client):
        accept = {"Accept": "application/cbor;q=0.9, application/json;q=0.1"}
        act = count_act(running.node)
        one = client.post("/acts", content=act, headers={**COSE, **accept})
        assert one.headers["content-type"] == "application/cbor"
        found = decode(one.content)
        assert isinstance(found, dict)
        assert found["index"] == 1
        assert running.node.log.tree().entry(1) == found["entry"]
        accept = {"Accept": "application/cbor-seq"}
        many = client.post("/acts", content=act, headers={**MANY, **accept})
        assert many.headers["content-type"] == "application/cbor-seq"
        assert decode(many.content) == {**found, "repeated": True}


@pytest.mark.parametrize("accept", ["", "text/html", "nonsense;;q=x", "*/*;q=nan", ",,,", "\t"])
def test_an_accept_header_we_cannot_serve_is_answered_in_json(tmp_path: Path, accept: str) -> None:
    with served(tmp_path) as (running, client):
        answer = client.post(
            "/acts", content=count_act(running.node), headers={**COSE, "Accept": accept}
        )
        assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json")


def test_other_bytes_under_a_used_id_are_a_conflict(tmp_path: Path) -> None:
    with served(tmp_path) as (running, client):
        act_id = new_act_id()
        client.post("/acts", content=count_act(running.node, act_id=act_id), headers=COSE)
        other = client.post(
            "/acts", content=count_act(running.node, 2, act_id=act_id), headers=COSE
        )
        assert other.status_code == 409
        assert problem(other)["type"] == "urn:entrepot:error:conflict"


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"", COSE, 422, "invalid-input"),
        (b"", MANY, 422, "invalid-input"),
        (b"\xd2", COSE, 422, "invalid-input"),
        (b"\x00" * 300_000, COSE, 413, "too-large"),
        (b"\x00" * 9_000_000, MANY, 413, "too-large"),
        (b"\x00" * 5_000, MANY, 413, "too-large"),
        (b"\x81" * 200, MANY, 422, "invalid-input"),
        (b"\x9f\x00\xff", MANY, 422, "invalid-input"),
        (b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", MANY, 422, "invalid-input"),
        (b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", MANY, 422, "invalid-input"),
        (b"\x58", MANY, 422, "invalid-input"),
        (b"{}", {"Content-Type": "application/json"}, 415, "wrong-media-type"),
        (b"{}", {}, 415, "wrong-media-type"),
        (b"{}", {"Content-Type": "application/cose; charset=\x01"}, 422, "invalid-input"),
    ],
)
def test_what_is_no_act_is_a_problem_and_changes_nothing(
    tmp_path: Path, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    with served(tmp_path) as (running, client):
        answer = client.post("/acts", content=body, headers=headers)
        assert answer.status_code == status
        assert problem(answer)["type"] == f"urn:entrepot:error:{code}"
        assert running.node.log.size == 1


def test_a_body_without_length_is_cut_off_at_the_limit(tmp_path: Path) -> None:
    def endless() -> object:
        for _ in range(100):
            yield b"\x00" * 65_536

    with served(tmp_path, http__acts_body_max_bytes=100_000) as (_, client):
        answer = client.post("/acts", content=endless(), headers=MANY)  # type: ignore[arg-type]
        assert problem(answer)["type"] == "urn:entrepot:error:too-large"


def test_the_number_of_acts_is_limited(tmp_path: Path) -> None:
    with served(tmp_path, http__acts_max_per_request=2) as (running, client):
        acts = [count_act(running.node) for _ in range(3)]
        over = client.post("/acts", content=b"".join(acts), headers=MANY)
        assert over.status_code == 413
        assert client.post("/acts", content=b"".join(acts[:2]), headers=MANY).status_code == 200


def test_a_key_that_sends_too_much_waits_and_unsigned_bytes_cost_it_nothing(tmp_path: Path) -> None:
    limits = {"limits__acts_per_s_per_key": 0.01, "limits__acts_burst_per_key": 2}
    with served(tmp_path, **limits) as (running, client):
        act = count_act(running.node)
        forged = act[:-1] + bytes([act[-1] ^ 1])
        for _ in range(3):
            assert client.post("/acts", content=forged, headers=COSE).status_code == 403
        for _ in range(2):
            assert client.post("/acts", content=act, headers=COSE).status_code in (200, 201)
        late = client.post("/acts", content=act, headers=COSE)
        assert late.status_code == 429
        assert int(late.headers["retry-after"]) > 50
        assert problem(late)["type"] == "urn:entrepot:error:too-many"


def test_an_address_that_asks_too_often_waits(tmp_path: Path) -> None:
    limits = {"limits__requests_per_s_per_address": 0.01, "limits__requests_burst_per_address": 3}
    with served(tmp_path, **limits, limits__loopback_free=False) as (_, client):
        statuses = [client.get("/healthz").status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]


def test_unknown_paths_methods_and_parameters_are_problems(tmp_path: Path) -> None:
    with served(tmp_path) as (_, client):
        assert problem(client.get("/nowhere"))["status"] == 404
        assert problem(client.delete("/acts"))["status"] == 405
        for path in (
            "/acts/99999999999999999999999999999999999",
            "/acts/-1",
            "/acts/1e3",
            "/acts/%00",
            "/acts/7/receipt",
            "/acts/7/entry",
            "/acts/7/proof",
            "/acts/7/opening",
            "/acts/0/receipt?size=x",
            "/acts/0/receipt?size=99",
            "/log/tile/9/000",
            "/log/%2e%2e/keys/party.pem",
            "/log/store.sqlite",
        ):
            assert problem(client.get(path))["status"] == 404, path
        assert client.get("/healthz?unknown=%00&unknown=2").status_code == 200


def test_head_is_get_without_the_body(tmp_path: Path) -> None:
    with served(tmp_path) as (_, client):
        for path in ("/healthz", "/log/checkpoint", "/log/tile/entries/000.p/1", "/nowhere"):
            whole, head = client.get(path), client.head(path)
            assert (head.status_code, head.content) == (whole.status_code, b"")
            for name in ("content-type", "content-length"):
                assert head.headers[name] == whole.headers[name]


def test_every_answer_has_the_id_of_its_request(tmp_path: Path) -> None:
    with served(tmp_path) as (_, client):
        given = client.get("/healthz", headers={"X-Request-Id": "abc-1"})
        assert given.headers["x-request-id"] == "abc-1"
        refused = client.get("/nowhere", headers={"X-Request-Id": "a b\x01"})
        assert len(refused.headers["x-request-id"]) == 16


def test_the_description_is_openapi_and_names_every_answer(tmp_path: Path) -> None:
    with served(tmp_path) as (_, client):
        described = client.get("/openapi.json").json()
        assert described["openapi"].startswith("3.1")
        post = described["paths"]["/acts"]["post"]
        assert set(post["requestBody"]["content"]) == {"application/cose", "application/cbor-seq"}
        assert set(post["responses"]) >= {"200", "201", "403", "409", "413", "415", "422", "429"}
