"""With pinned keys a client takes nothing unverified, of a whole registry, through a lying line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from strangers import STRANGER, Scene, scene

from entrepot.client import Client
from entrepot.client.answers import ActAnswer
from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.checkpoint import LogKeys
from entrepot.kernel.errors import Error, VerificationError
from entrepot.kernel.keys import key_from_seed
from entrepot.registry.acts import possession_message


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("pinned") / "home") as found:
        yield found


class Liar(httpx.BaseTransport):
    """Carries requests to the node and changes what comes back."""

    def __init__(self, change: Callable[[str, bytes], bytes], status: int = 0) -> None:
        self.inner = httpx.HTTPTransport()
        self.change = change
        self.status = status

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.inner.handle_request(request)
        content = answer.read()
        answer.close()
        changed = self.change(request.url.raw_path.decode(), content)
        headers = {"Content-Type": answer.headers.get("content-type", "")}
        return httpx.Response(self.status or answer.status_code, headers=headers, content=changed)

    def close(self) -> None:
        self.inner.close()


def acts(stage: Scene) -> list[bytes]:
    """Acts of every sort: public and private, granted, refused and referred, effects with bytes."""
    vendor, other = stage.vendor, key_from_seed(new_act_id() * 2)
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("update-party", {"party": vendor.id, "name": f"Vendor {new_act_id().hex()[:6]}"}),
        (
            "add-key",
            {
                "party": vendor.id,
                "key": other.public.raw,
                "proof": other.sign(possession_message(vendor.id)),
            },
        ),
        ("withdraw-product", {"product": 10**9, "reason": "There is none."}),
        (
            "release-product",
            {
                "product": stage.product,
                "version": new_act_id().hex()[:12],
                "sha256": "ab" * 32,
                "bytes": 1,
                "rows": 1,
            },
        ),
    ]
    made = [
        sign_act(vendor.key, kind, body, issued_at=stage.world.now, act_id=new_act_id())
        for kind, body in bodies
    ]
    application = {
        "name": "Late",
        "identifiers": [{"scheme": "lei", "value": "0" * 20}],
        "country": "CN",
        "roles": ["buyer"],
        "key": STRANGER.public.raw,
    }
    now = stage.world.now
    return [
        *made,
        sign_act(STRANGER, "apply-for-membership", application, issued_at=now, act_id=new_act_id()),
    ]


def keys_of(stage: Scene) -> LogKeys:
    return stage.running.node.signer.keys


def test_honest_answers_to_every_sort_of_act_verify(stage: Scene) -> None:
    with Client(stage.url, log_keys=keys_of(stage)) as client:
        answers = client.submit_many(acts(stage))
        assert [type(one) for one in answers] == [ActAnswer] * 5
        again = [client.submit(act) for act in acts(stage)]
        assert {one.outcome for one in again} >= {"granted", "refused"}
        for index in range(stage.size):
            view = client.get(index)
            assert client.entry(index) == view.entry
            client.receipt(index)
        client.receipt(1, 5)
        assert client.checkpoint().size == stage.size


def in_answer(**changes: Any) -> Callable[[str, bytes], bytes]:
    def change(path: str, content: bytes) -> bytes:
        if path != "/acts":
            return content
        found = json.loads(content)
        items = found if isinstance(found, list) else [found]
        changed = [{**one, **changes} for one in items]
        return json.dumps(changed if isinstance(found, list) else changed[0]).encode()

    return change


LIE = {"code": "a.b", "citation": "Nowhere", "sentence": "Trust me."}
ANSWERS: dict[str, dict[str, Any]] = {
    "index": {"index": 2},
    "tree": {"tree_size": 3},
    "outcome": {"outcome": "referred"},
    "reasons": {"reasons": [LIE]},
    "effects": {"effects": [{"name": "party-admitted", "values": {}}]},
    "to": {"to": "registrar"},
    "entry": {"entry": "oA=="},
    "receipt": {"receipt": "oA=="},
}


@pytest.mark.parametrize("lie", ANSWERS)
@pytest.mark.parametrize("which", range(4))
def test_lies_about_public_acts_do_not_pass(stage: Scene, lie: str, which: int) -> None:
    act = acts(stage)[which]
    transport = Liar(in_answer(**ANSWERS[lie]))
    with Client(stage.url, log_keys=keys_of(stage), transport=transport) as client:
        with pytest.raises(VerificationError):
            client.submit(act)
        with pytest.raises(VerificationError):
            client.submit_many([act])


def test_the_proven_answer_to_another_act_does_not_pass(stage: Scene) -> None:
    first, second = acts(stage)[0], acts(stage)[3]
    kept = httpx.post(
        f"{stage.url}/acts", content=first, headers={"Content-Type": "application/cose"}
    ).content
    transport = Liar(lambda path, content: kept if path == "/acts" else content, status=201)
    with Client(stage.url, log_keys=keys_of(stage), transport=transport) as client:
        assert client.submit(first).outcome == "granted"
        with pytest.raises(VerificationError, match="another act"):
            client.submit(second)
        # The same kind and id with another body: only the entry itself tells the two apart.
        twin = sign_act(
            stage.vendor.key,
            "update-party",
            {"party": stage.vendor.id, "name": "Twin"},
            issued_at=stage.world.now,
            act_id=json_act_id(stage, kept),
        )
        with pytest.raises(VerificationError, match="shows another act"):
            client.submit(twin)


def json_act_id(stage: Scene, answer: bytes) -> Any:
    index = json.loads(answer)["index"]
    return bytes.fromhex(httpx.get(f"{stage.url}/acts/{index}").json()["act_id"])


def other(path: str, replacement: bytes) -> Callable[[str, bytes], bytes]:
    return lambda asked, content: replacement if asked.startswith(path) else content


def test_reads_of_an_index_are_that_index(stage: Scene) -> None:
    keys = keys_of(stage)
    view, entry, receipt = (
        httpx.get(f"{stage.url}/acts/2{part}").content for part in ("", "/entry", "/receipt")
    )
    bent = json.dumps({**json.loads(view), "kind": "found-registry"}).encode()
    calls: list[tuple[str, bytes, Callable[[Client], object]]] = [
        ("/acts/1/entry", entry, lambda client: client.entry(1)),
        ("/acts/1/receipt", receipt, lambda client: client.entry(1)),
        ("/acts/1/receipt", receipt, lambda client: client.receipt(1)),
        ("/acts/1/receipt", receipt, lambda client: client.get(1)),
        ("/acts/1/entry", entry, lambda client: client.receipt(1)),
        ("/acts/2", bent, lambda client: client.get(2)),
        ("/acts/2/receipt", b"", lambda client: client.get(2)),
        ("/acts/2/entry", b"\xff" * 100, lambda client: client.entry(2)),
    ]
    for path, replacement, call in calls:

        def change(asked: str, content: bytes, at: str = path, by: bytes = replacement) -> bytes:
            return by if asked.partition("?")[0] == at else content

        with Client(stage.url, log_keys=keys, transport=Liar(change)) as client:
            with pytest.raises(Error):
                call(client)
    # The pair of another place is proven, but not for the place that was asked for.
    both = {"/acts/1/entry": entry, "/acts/1/receipt": receipt}
    with Client(
        stage.url, log_keys=keys, transport=Liar(lambda asked, own: both.get(asked, own))
    ) as client:
        with pytest.raises(VerificationError, match="different places"):
            client.entry(1)


def test_a_checkpoint_of_another_log_or_a_bent_one_does_not_pass(stage: Scene) -> None:
    note = httpx.get(f"{stage.url}/log/checkpoint").content
    size = str(stage.size).encode()
    for bent in (
        note.replace(b"\n" + size + b"\n", b"\n" + size + b"0\n"),
        b"other.example/log" + note[note.index(b"\n") :],
        note[: note.rindex("— ".encode())],
        note.replace("— ".encode(), b"- "),
        b"",
        b"\xff" * 100,
        note + b"\n" * 5,
    ):
        assert bent != note
        transport = Liar(other("/log/checkpoint", bent))
        with Client(stage.url, log_keys=keys_of(stage), transport=transport) as client:
            with pytest.raises(Error):
                client.checkpoint()
            with pytest.raises(Error):
                client.wait_for_witnessed(1, wait_s=0.1)
