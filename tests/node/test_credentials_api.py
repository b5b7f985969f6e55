"""Credentials over HTTP: what a stranger fetches is what verifies offline."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from node_toy import settings_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "registry"))

from registry_toy import NORTH, Clock, Toy, admit, found, granted
from software_passkey import SITE

from entrepot.kernel.errors import VerificationError
from entrepot.node.api import credentials as served_credentials
from entrepot.node.app import make_app
from entrepot.node.running import Running, open_running
from entrepot.registry import acts
from entrepot.registry.acts import ReasonGiven, Term
from entrepot.registry.credentialcheck import Asked, verify_credential
from entrepot.registry.institution import registry_institution

URL = "https://node.example"
VC = {"Accept": "application/vc+jwt"}
SD = {"Accept": "application/dc+sd-jwt"}


@contextmanager
def registry_served(home: Path) -> Iterator[tuple[Running, Toy, TestClient[Litestar]]]:
    """A node at https://node.example with the registry, and only these routes."""
    clock = Clock()
    part = types.ModuleType("only_credentials")
    part.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]
    part.ROUTES = served_credentials.ROUTES_CREDENTIALS  # type: ignore[attr-defined]
    sys.modules["only_credentials"] = part
    settings = settings_of(home, http__public_url=URL)
    with (
        open_running(settings, institutions=(registry_institution(),), clock=clock) as running,
        TestClient(make_app(running, ("only_credentials",)), base_url=URL) as client,
    ):
        yield running, Toy(running.node, clock), client


def certified(toy: Toy) -> int:
    found(toy)
    admit(toy, "North", 2)
    body = acts.Issue("provider", NORTH, Term("2026-09-21", "2027-09-20"))
    return granted(toy.approve(toy.registrar, acts.ISSUE, body)).index


def test_a_stranger_fetches_and_verifies_and_sees_the_revocation(tmp_path: Path) -> None:
    with registry_served(tmp_path) as (running, toy, client):
        number = certified(toy)
        assert served_credentials.enrol_if_leading(running)
        shown = client.get(f"/registry/certificates/{number}").json()
        assert (shown["status"], shown["certificate"]["subject"]) == ("valid", NORTH)
        vc = client.get(f"/registry/certificates/{number}", headers=VC)
        sd = client.get(f"/registry/certificates/{number}", headers=SD)
        assert vc.headers["content-type"].startswith("application/vc+jwt")
        assert vc.headers["vary"] == "Accept"
        assert sd.headers["content-type"].startswith("application/dc+sd-jwt")

        def checked(text: str, status_list: str) -> Any:
            keys = running.node.signer.keys
            return verify_credential(
                text, Asked(now=toy.clock(), log_keys=keys, status_list=status_list)
            )

        lists = [client.get(path.removeprefix(URL)).text for path in shown["status_lists"]]
        assert checked(vc.text, lists[0]).status == "valid"
        assert checked(sd.text, lists[1]).status == "valid"
        reason = ReasonGiven("duties-not-kept", "Rules of the registry, 12", "Not kept.")
        granted(toy.approve(toy.registrar, acts.REVOKE, acts.Revoke(number, reason)))
        after = [client.get(path.removeprefix(URL)).text for path in shown["status_lists"]]
        assert checked(vc.text, after[0]).status == "revoked"
        assert checked(sd.text, after[1]).status == "revoked"
        assert client.get(f"/registry/certificates/{number}").json()["status"] == "revoked"
        # Nothing changed since: the same signed text, until half a minute is over.
        assert client.get("/status/tokens/0").text == after[1]
        toy.clock.now += 31
        assert client.get("/status/tokens/0").text != after[1]
        with pytest.raises(VerificationError):
            bare = client.get(f"/registry/certificates/{number}?proof=false", headers=VC).text
            checked(bare, "")


def test_documents_of_node_and_parties_are_where_did_web_looks(tmp_path: Path) -> None:
    with registry_served(tmp_path) as (running, toy, client):
        assert client.get("/.well-known/did.json").status_code == 404
        certified(toy)
        assert served_credentials.enrol_if_leading(running)
        node = client.get("/.well-known/did.json")
        assert node.headers["content-type"].startswith("application/did+json")
        assert node.json()["id"] == "did:web:node.example"
        party = client.get("/did/lei%3A" + NORTH.removeprefix("lei:") + "/did.json").json()
        assert party["id"] == "did:web:node.example:did:lei%3A" + NORTH.removeprefix("lei:")
        assert client.get("/did/lei%3Anobody/did.json").status_code == 404
        keys = client.get("/.well-known/jwt-vc-issuer").json()
        assert keys["issuer"] == URL and len(keys["jwks"]["keys"]) == 1
        assert client.get("/credentials/types/provider").json()["vct"].endswith("/provider")
        assert client.get("/credentials/types/royal").status_code == 404
        context = client.get("/contexts/registry-v1.jsonld").json()["@context"]
        assert context["party"].endswith("#party")


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    with registry_served(tmp_path) as (_running, toy, client):
        for path in ("/registry/certificates/9", "/registry/certificates/x", "/status/tokens/0"):
            assert client.get(path).status_code == 404, path
        number = certified(toy)
        assert client.get(f"/registry/certificates/{number}", headers=VC).status_code == 404
        assert client.get("/registry/certificates").json()[0]["index"] == number
        assert client.get("/registry/certificates?kind=trading").json() == []
        assert client.get("/registry/certificates?limit=-5&offset=-1").status_code == 200
        assert SITE.id == "node.example"
