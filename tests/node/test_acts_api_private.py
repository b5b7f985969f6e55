"""Who may open what: an application is for every key of its party, and for nobody else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from node_toy import PARTS, problem, settings_of

from entrepot.client.signatures import sign_request
from entrepot.kernel.encoding import decode_map
from entrepot.kernel.keys import PrivateKey, new_key
from entrepot.kernel.record import decode_evidence
from entrepot.node.app import make_app
from entrepot.node.demo.catalogue import ORGANISATIONS
from entrepot.node.demo.stage import DemoClock, Player
from entrepot.node.demo.story import founded
from entrepot.node.running import open_running
from entrepot.registry.acts import possession_message

BASE = "http://127.0.0.1:8600"


def opened(client: TestClient[Litestar], index: int, key: PrivateKey) -> int:
    url = f"{BASE}/acts/{index}/opening"
    signed = sign_request(key, "GET", url, created=int(time.time()))
    return client.get(f"/acts/{index}/opening", headers=signed).status_code


@pytest.mark.slow
def test_an_application_is_opened_by_every_key_of_its_party_and_by_no_other(
    tmp_path: Path,
) -> None:
    clock = DemoClock(0)
    with open_running(settings_of(tmp_path), clock=clock) as running:
        stage = founded(running, clock)
        players: dict[str, tuple[Player, int]] = {}
        for number, of in enumerate(ORGANISATIONS[:2], start=11):
            player, act = stage.application(number, of)
            (answer,) = stage.answers([act])
            body = {"application": answer.index, "outcome": "admit", "roles": list(of.roles)}
            players[of.handle] = (player, answer.index)
            stage.granted([stage.approved(stage.operator, "decide-application", body)])
        (freight, index), (grid, _) = players["freight"], players["grid"]
        second = new_key()
        added = {
            "party": freight.party,
            "key": second.public.raw,
            "proof": second.sign(possession_message(freight.party)),
        }
        stage.granted([stage.approved(freight, "add-key", added)])
        clock.release()
        with TestClient(make_app(running, PARTS), base_url=BASE) as client:
            assert opened(client, index, freight.key) == 200
            assert opened(client, index, second) == 200
            assert opened(client, index, grid.key) == 404
            assert opened(client, index, stage.operator.key) == 404
            assert opened(client, index, new_key()) == 401
            assert problem(client.get(f"/acts/{index}/opening"))["status"] == 404
            shown = client.get(f"/acts/{index}")
            assert shown.json()["kind"] == "apply-for-membership"
            assert b"Freight" not in shown.content
            gone = {"party": freight.party, "kid": second.kid, "reason": "lost"}
            stage.granted([stage.approved(freight, "revoke-key", gone)])
            assert opened(client, index, second) == 401
            url = f"{BASE}/acts/{index}/opening"
            signed = sign_request(freight.key, "GET", url, created=int(time.time()))
            parts = decode_map(client.get(f"/acts/{index}/opening", headers=signed).content)
            evidence = parts[1]
            assert isinstance(evidence, list)
            assert b"Northern Freight" in decode_evidence(evidence[1]).act
