"""The client against a node in this process, over a transport that can lose and delay answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from node_toy import NOW, count_act, served

from entrepot.client import Client
from entrepot.client.answers import ActAnswer, Unreachable
from entrepot.client.connection import chunks_of
from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.errors import Conflict, InvalidInput, NotFound, VerificationError
from entrepot.kernel.keys import key_from_seed
from entrepot.node.running import Running


class Line(httpx.BaseTransport):
    """Carries requests to the application, and loses as many answers as it is told to."""

    def __init__(self, inner: TestClient[Litestar]) -> None:
        self.inner = inner
        self.lose = 0
        self.busy = 0
        self.bodies: list[bytes] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        self.bodies.append(body)
        if self.busy:
            self.busy -= 1
            return httpx.Response(503, headers={"Retry-After": "0"}, json={"title": "busy"})
        answer = self.inner.request(
            request.method, request.url.raw_path.decode(), content=body, headers=request.headers
        )
        if self.lose:
            self.lose -= 1
            raise httpx.ReadError("the line is cut")
        kept = {"content-type", "location", "retry-after"}
        headers = {name: text for name, text in answer.headers.items() if name in kept}
        return httpx.Response(answer.status_code, headers=headers, content=answer.content)


@contextmanager
def connected(home: Path, **given: Any) -> Iterator[tuple[Running, Client, Line]]:
    with served(home, **given) as (running, inner):
        line = Line(inner)
        keys = running.node.signer.keys
        with Client("http://127.0.0.1:8600", log_keys=keys, transport=line, patience_s=5) as client:
            yield running, client, line


def test_an_act_is_submitted_and_its_answer_proven(tmp_path: Path) -> None:
    with connected(tmp_path) as (running, client, _):
        act = count_act(running.node)
        answer = client.submit(act)
        assert (answer.index, answer.outcome) == (1, "granted")
        assert answer.verify(act, running.node.signer.keys).index == 1
        assert client.get(1).kind == "count"
        assert client.entry(1) == answer.entry
        assert client.receipt(1, answer.tree_size) == answer.receipt
        assert client.checkpoint().size == 2
        assert client.wait_for_witnessed(answer.tree_size).size == 2
        assert client.unverified_log_keys() == running.node.signer.keys


def test_what_is_lost_on_the_way_back_is_sent_again_and_done_once(tmp_path: Path) -> None:
    with connected(tmp_path) as (running, client, line):
        line.lose = 2
        line.busy = 2
        answer = client.submit(count_act(running.node))
        assert answer.repeated is True
        assert running.node.log.size == 2
        assert len(line.bodies) == 5
        assert len(set(line.bodies)) == 1


def test_patience_ends(tmp_path: Path) -> None:
    with connected(tmp_path) as (running, client, line):
        client.patience_s = 0.3
        line.lose = 1_000
        with pytest.raises(Unreachable, match="did not answer in time"):
            client.submit(count_act(running.node))


def test_many_acts_come_back_in_their_order(tmp_path: Path) -> None:
    with connected(tmp_path) as (running, client, _):
        stranger = key_from_seed(b"\x09" * 32)
        foreign = sign_act(stranger, "count", {}, issued_at=NOW, act_id=new_act_id())
        acts = [count_act(running.node) for _ in range(3)]
        outcomes = client.submit_many([*acts, foreign])
        indexes = [item.index for item in outcomes if isinstance(item, ActAnswer)]
        assert indexes == [1, 2, 3]
        assert isinstance(outcomes[3], VerificationError)


def test_chunks_hold_to_both_limits() -> None:
    assert [len(chunk) for chunk in chunks_of([b"x"] * 2_500)] == [1024, 1024, 452]
    assert [len(chunk) for chunk in chunks_of([b"x" * (2 << 20)] * 5)] == [2, 2, 1]
    assert list(chunks_of([])) == []


def test_errors_of_the_node_are_errors_of_ours(tmp_path: Path) -> None:
    with connected(tmp_path) as (running, client, _):
        act_id = new_act_id()
        client.submit(count_act(running.node, act_id=act_id))
        with pytest.raises(Conflict):
            client.submit(count_act(running.node, 2, act_id=act_id))
        with pytest.raises(InvalidInput):
            client.submit(b"no act")
        with pytest.raises(NotFound):
            client.get(99)
        with pytest.raises(NotFound):
            client.opening(1)


def test_an_answer_that_was_changed_on_the_way_does_not_pass(tmp_path: Path) -> None:
    with connected(tmp_path) as (running, client, _):
        act, other = count_act(running.node), count_act(running.node)
        answer, keys = client.submit(act), running.node.signer.keys
        for changed in (
            msgspec.structs.replace(answer, outcome="refused"),
            msgspec.structs.replace(answer, index=2),
            msgspec.structs.replace(answer, tree_size=3),
            msgspec.structs.replace(answer, entry=answer.entry[:-1] + b"\x00"),
            msgspec.structs.replace(answer, receipt=answer.receipt[:-1] + b"\x00"),
        ):
            with pytest.raises(VerificationError):
                changed.verify(act, keys)
        with pytest.raises(VerificationError, match="another act"):
            answer.verify(other, keys)


def test_the_opening_is_read_with_the_key_of_the_party(tmp_path: Path) -> None:
    with served(tmp_path) as (running, inner):
        # The node's clock is that of the test; requests are signed at the client's own time.
        running.clock = lambda: int(time.time())
        line = Line(inner)
        with Client("http://127.0.0.1:8600", key=running.node.party, transport=line) as client:
            client.submit(count_act(running.node))
            assert client.opening(1)[:1] == b"\xa3"
