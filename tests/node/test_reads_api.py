"""Reading over HTTP: entries and proofs for all, openings for the party that signed."""

from __future__ import annotations

from pathlib import Path

import pytest
from node_toy import COSE, NOW, count_act, problem, served

from entrepot.client.signatures import sign_request
from entrepot.kernel.checkpoint import parse_log_keys, verify_checkpoint, verify_tlog_proof
from entrepot.kernel.encoding import decode_map
from entrepot.kernel.home import write_public_key
from entrepot.kernel.keys import key_from_seed
from entrepot.kernel.receipt import verify_receipt
from entrepot.kernel.record import decode_evidence

BASE = "http://127.0.0.1:8600"
STRANGER = key_from_seed(b"\x05" * 32)


def test_an_entry_shows_what_is_public_and_hides_the_rest(tmp_path: Path) -> None:
    with served(tmp_path) as (running, client):
        client.post("/acts", content=count_act(running.node, name="secret-name"), headers=COSE)
        client.post("/acts", content=count_act(running.node, 13, kind="announce"), headers=COSE)
        private = client.get("/acts/1").json()
        assert (private["kind"], private["outcome"], private["at"]) == ("count", "granted", NOW)
        assert private["evidence"]["public"] is False
        assert len(private["evidence"]["commitment"]) == 64
        assert b"secret-name" not in client.get("/acts/1").content
        public = client.get("/acts/2").json()
        assert public["ruling"]["public"] is True
        assert (public["to"], public["reasons"][0]["code"]) == ("registrar", "toy.unlucky")
        assert client.get("/acts/0").json()["kind"] == "genesis"


def test_receipt_proof_and_checkpoint_verify_under_the_keys_of_the_log(tmp_path: Path) -> None:
    with served(tmp_path) as (running, client):
        for _ in range(5):
            client.post("/acts", content=count_act(running.node), headers=COSE)
        keys = parse_log_keys(client.get("/log/keys").text)
        assert keys == running.node.signer.keys
        entry = client.get("/acts/3/entry")
        newest = verify_receipt(client.get("/acts/3/receipt").content, entry.content, keys.ed25519)
        assert (newest.index, newest.size) == (3, 6)
        older = client.get("/acts/3/receipt?size=5")
        assert verify_receipt(older.content, entry.content, keys.ed25519).size == 5
        assert "immutable" in older.headers["cache-control"]
        checkpoint = client.get("/log/checkpoint")
        assert verify_checkpoint(checkpoint.content, keys).size == 6
        assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
        assert checkpoint.headers["cache-control"] == "public, max-age=2"
        proof = client.get("/acts/3/proof")
        index, under = verify_tlog_proof(proof.content, entry.content, keys)
        assert (index, under.size) == (3, 6)


def test_tiles_are_the_files_of_the_log_and_immutable(tmp_path: Path) -> None:
    with served(tmp_path) as (running, client):
        client.post("/acts", content=count_act(running.node), headers=COSE)
        for name in ("tile/0/000.p/2", "tile/entries/000.p/2"):
            answer = client.get(f"/log/{name}")
            assert answer.content == (running.home / "log" / name).read_bytes()
            assert answer.headers["content-type"] == "application/octet-stream"
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["x-content-type-options"] == "nosniff"
        for name in ("tile/0/001", "tile/8/000", "tile/0/000.p/3", "tile/0/000.p", "tile/0/0"):
            assert problem(client.get(f"/log/{name}"))["status"] == 404


def test_the_opening_of_a_private_act_is_for_the_key_that_signed_it(tmp_path: Path) -> None:
    with served(tmp_path) as (running, client):
        act = count_act(running.node, name="mine")
        client.post("/acts", content=act, headers=COSE)
        url = f"{BASE}/acts/1/opening"
        signed = sign_request(running.node.party, "GET", url, created=NOW)
        answer = client.get("/acts/1/opening", headers=signed)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        parts = decode_map(answer.content)
        evidence = parts[1]
        assert isinstance(evidence, list)
        assert decode_evidence(evidence[1]).act == act


def test_to_a_stranger_a_private_act_has_nothing_to_open(tmp_path: Path) -> None:
    write_public_key_of_stranger(tmp_path)
    with served(tmp_path) as (running, client):
        client.post("/acts", content=count_act(running.node), headers=COSE)
        nowhere = sign_request(STRANGER, "GET", f"{BASE}/acts/77/opening", created=NOW)
        there = sign_request(STRANGER, "GET", f"{BASE}/acts/1/opening", created=NOW)
        absent = problem(client.get("/acts/77/opening", headers=nowhere))
        private = problem(client.get("/acts/1/opening", headers=there))
        unsigned = problem(client.get("/acts/1/opening"))
        assert absent["status"] == private["status"] == unsigned["status"] == 404
        assert absent["title"] == private["title"] == unsigned["title"]


def write_public_key_of_stranger(home: Path) -> None:
    (home / "keys").mkdir(parents=True, mode=0o700)
    write_public_key(home, "stranger", STRANGER.public)


def test_anybody_opens_a_public_act(tmp_path: Path) -> None:
    with served(tmp_path) as (running, client):
        act = count_act(running.node, kind="announce")
        client.post("/acts", content=act, headers=COSE)
        evidence = decode_map(client.get("/acts/1/opening").content)[1]
        assert isinstance(evidence, list)
        assert decode_evidence(evidence[1]).act == act


@pytest.mark.parametrize(
    "broken", ["replayed", "late", "early", "path", "method", "host", "forged"]
)
def test_a_signature_that_does_not_hold_is_refused_before_anything_is_looked_up(
    tmp_path: Path, broken: str
) -> None:
    with served(tmp_path) as (running, client):
        client.post("/acts", content=count_act(running.node), headers=COSE)
        method, url, created = "GET", f"{BASE}/acts/1/opening", NOW
        created += {"late": -61, "early": 61}.get(broken, 0)
        method = "POST" if broken == "method" else method
        url = f"{BASE}/acts/2/opening" if broken == "path" else url
        url = "http://evil.example/acts/1/opening" if broken == "host" else url
        key = STRANGER if broken == "forged" else running.node.party
        signed = sign_request(key, method, url, created=created)
        headers = {**signed, "Host": "evil.example"} if broken == "host" else signed
        first = client.get("/acts/1/opening", headers=headers)
        answer = client.get("/acts/1/opening", headers=headers) if broken == "replayed" else first
        assert problem(answer)["status"] == 401
        assert answer.headers["www-authenticate"].startswith("Signature")


@pytest.mark.parametrize(
    "fields",
    [
        {"Signature": "x"},
        {"Signature-Input": "sig1=()"},
        {"Signature-Input": 'sig1=("@method");created=1', "Signature": "sig1=:AA==:"},
        {"Signature-Input": "\x7f" * 5000, "Signature": "sig1=:" + "A" * 88 + ":"},
    ],
)
def test_a_signature_outside_the_profile_is_refused(tmp_path: Path, fields: dict[str, str]) -> None:
    with served(tmp_path) as (_, client):
        assert problem(client.get("/acts/1/opening", headers=fields))["status"] == 401
