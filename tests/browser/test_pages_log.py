"""The log checked by the reader's browser: what holds is verified, what was touched is noticed."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from browsing import Someone, Stand
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.merkle import consistency_path, inclusion_path, leaf_hash
from entrepot.kernel.sequencer import Answer

pytestmark = pytest.mark.slow

ENTRIES = 300


@pytest.fixture
def full(stand: Stand) -> Stand:
    """The node with more entries than one tile holds (rulings that are refused are entries too)."""
    key, now = stand.running.node.party, stand.clock()
    acts = [
        sign_act(key, "close-notice", {"right": 10**6}, issued_at=now, act_id=new_act_id())
        for _ in range(ENTRIES)
    ]
    outcomes = stand.running.intake.submit_now(acts)
    assert all(isinstance(outcome, Answer) for outcome in outcomes)
    assert stand.running.node.log.size > 256
    return stand


def states(person: Someone) -> dict[str, str]:
    person.page.locator("[data-verdict]:not([data-verdict=waiting])").wait_for()
    return {
        str(item.get_attribute("data-step")): str(item.get_attribute("data-state"))
        for item in person.page.locator("[data-checks] [data-step]").all()
    }


def verdict(person: Someone) -> str:
    return str(person.page.locator("[data-verdict]").get_attribute("data-verdict"))


def answer_with(change: Callable[[bytes], bytes]) -> Callable[[Any], None]:
    """Return a route handler that changes what the node serves on its way to the browser."""

    def handle(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=change(answer.body()))

    return handle


def flipped(at: int) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        place = at % len(content)
        return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]

    return change


def test_the_newest_checkpoint_is_verified_and_remembered(
    full: Stand, someone: Callable[..., Someone]
) -> None:
    person = someone()
    person.goto(f"{full.url}/log")
    assert set(states(person).values()) == {"verified"}
    assert verdict(person) == "verified"
    first = full.running.node.log.size
    full.submit("close-notice", {"right": 1_000_001})
    person.goto(f"{full.url}/log")
    assert set(states(person).values()) == {"verified"}
    memory = person.page.locator("[data-step=memory] .detail").inner_text()
    assert f"from {first} to {first + 1} entries" in memory
    # The background keeps the diary too: one step or two, each proven.
    assert person.page.locator(".growth path.proven").count() >= 1
    assert person.page.locator(".growth .forked").count() == 0


@pytest.mark.parametrize("index", [0, 1, 255, 256, ENTRIES])
def test_an_entry_is_proven_wherever_it_stands(
    full: Stand, someone: Callable[..., Someone], index: int
) -> None:
    person = someone()
    person.goto(f"{full.url}/log/entries/{index}")
    assert set(states(person).values()) == {"verified"}, states(person)


TAMPERED: list[tuple[str, str, Callable[[bytes], bytes], str]] = [
    ("a hash of a tile", r"/log/tile/0/000$", flipped(40), "inclusion"),
    ("the edge of the tree", r"/log/tile/0/001\.p/\d+$", flipped(7), "inclusion"),
    ("the entry in its bundle", r"/log/tile/entries/000$", flipped(-9), "bytes"),
    ("the signature", r"/log/checkpoint$", lambda note: swapped(note), "signature"),
    ("the size", r"/log/checkpoint$", lambda note: note.replace(b"\n30", b"\n31", 1), "signature"),
    ("the receipt", r"/receipt\.cbor$", flipped(-5), "receipt"),
]


def swapped(note: bytes) -> bytes:
    """Change one character in the middle of the first signature line."""
    lines = note.split(b"\n")
    place = next(i for i, line in enumerate(lines) if line.startswith("— ".encode()))
    middle = len(lines[place]) - 20
    other = b"A" if lines[place][middle : middle + 1] != b"A" else b"B"
    lines[place] = lines[place][:middle] + other + lines[place][middle + 1 :]
    return b"\n".join(lines)


@pytest.mark.parametrize(("what", "path", "change", "step"), TAMPERED, ids=[t[0] for t in TAMPERED])
def test_what_was_tampered_with_is_named(
    full: Stand,
    someone: Callable[..., Someone],
    what: str,
    path: str,
    change: Callable[[bytes], bytes],
    step: str,
) -> None:
    person = someone()
    person.page.route(re.compile(path), answer_with(change))
    person.goto(f"{full.url}/log/entries/255")
    found = states(person)
    assert found[step] == "failed", (what, found)
    assert verdict(person) == "failed"
    words = person.page.locator(f"[data-step={step}] .what").inner_text()
    assert words in person.page.locator("[data-verdict]").inner_text()


def test_another_key_or_another_history_is_noticed(
    full: Stand, someone: Callable[..., Someone]
) -> None:
    person = someone()
    person.goto(f"{full.url}/log")
    assert set(states(person).values()) == {"verified"}
    remembered = json.loads(person.page.evaluate("localStorage.getItem('entrepot.log')"))

    # The browser saw another tree of this size: different people are shown different things.
    forked = {**remembered, "root": base64.b64encode(bytes(32)).decode()}
    person.page.evaluate("value => localStorage.setItem('entrepot.log', value)", json.dumps(forked))
    person.goto(f"{full.url}/log")
    assert states(person)["memory"] == "failed"
    assert "different people" in person.page.locator("[data-step=memory] .detail").inner_text()

    # It saw a smaller one that is no beginning of this one.
    older = {**forked, "size": remembered["size"] - 5}
    person.page.evaluate("value => localStorage.setItem('entrepot.log', value)", json.dumps(older))
    person.goto(f"{full.url}/log")
    assert states(person)["memory"] == "failed"

    # It knows another key.
    keyed = {**remembered, "keys": remembered["keys"].replace("A", "B", 1)}
    person.page.evaluate("value => localStorage.setItem('entrepot.log', value)", json.dumps(keyed))
    person.goto(f"{full.url}/log")
    found = states(person)
    assert found["key"] == "failed"
    assert found["signature"] == "unchecked"
    assert verdict(person) == "failed"


def test_a_file_that_is_not_served_is_not_called_forged(
    full: Stand, someone: Callable[..., Someone]
) -> None:
    person = someone()
    person.page.route(re.compile(r"/log/tile/0/000$"), lambda route: route.fulfill(status=503))
    person.goto(f"{full.url}/log/entries/255")
    assert states(person)["inclusion"] == "unchecked"
    assert verdict(person) == "partly"


def test_the_arithmetic_of_the_page_agrees_with_the_kernel(
    full: Stand, someone: Callable[..., Someone]
) -> None:
    """Hashes, paths and signatures by the script alone, as on plain http without WebCrypto."""
    person = someone()
    person.goto(f"{full.url}/verify")
    key = Ed25519PrivateKey.generate()
    message = b"a message of 30 bytes, or so   "
    good = key.sign(message)
    raw = key.public_key().public_bytes_raw()
    cases = [
        (raw, good, message),
        (raw, good[:-1] + bytes([good[-1] ^ 1]), message),
        (raw, good, message + b"."),
        (bytes(32), good, message),
        (raw, good[:32] + bytes(31) + b"\x10", message),
    ]
    told = person.page.evaluate(
        """async (cases) => {
          const { verifyEd25519Here } = await import("/face/verify_crypto.js");
          const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
          return cases.map(([k, s, m]) => verifyEd25519Here(bytes(k), bytes(s), bytes(m)));
        }""",
        [[base64.b64encode(part).decode() for part in case] for case in cases],
    )
    assert told == [True, False, False, False, False]
    tree = full.running.node.log.tree()
    size = tree.size
    got = person.page.evaluate(
        """async ([size, indices, olds]) => {
          const v = await import("/face/verify_log.js");
          const tree = new v.TileTree(size, v.readFrom("/log"));
          const text = (path) => path.map((hash) => v.hex(hash));
          const found = { inclusion: [], consistency: [], leaf: [] };
          found.root = v.hex(await tree.root());
          for (const index of indices) {
            found.inclusion.push(text(await tree.inclusionPath(index)));
            found.leaf.push(v.hex(v.leafHash(await tree.entry(index))));
          }
          for (const old of olds) found.consistency.push(text(await tree.consistencyPath(old)));
          return found;
        }""",
        [size, indices := [0, 7, 255, 256, size - 1], olds := [1, 2, 100, 256, 257, size]],
    )
    assert got["root"] == full.running.node.log.root.hex()
    for index, path, leaf in zip(indices, got["inclusion"], got["leaf"], strict=True):
        assert path == [one.hex() for one in inclusion_path(index, size, tree.node_at)]
        assert leaf == leaf_hash(tree.entry(index)).hex()
    for old, path in zip(olds, got["consistency"], strict=True):
        assert path == [one.hex() for one in consistency_path(old, size, tree.node_at)]


def test_a_proof_taken_home_is_verified_on_the_page_for_documents(
    full: Stand, someone: Callable[..., Someone]
) -> None:
    person = someone()
    base = f"{full.url}/log/entries/42"
    parts = {
        name: person.page.request.get(f"{base}/{path}").body()
        for name, path in (
            ("entry-42.cbor", "entry.cbor"),
            ("entry-42.tlog-proof", "proof.tlog-proof"),
            ("entry-42.receipt.cbor", "receipt.cbor"),
        )
    }

    def give(contents: dict[str, bytes]) -> None:
        person.goto(f"{full.url}/verify")
        person.page.locator("#documents-files").set_input_files(
            [
                {"name": name, "mimeType": "application/octet-stream", "buffer": content}
                for name, content in contents.items()
            ]
        )
        person.page.locator("[data-verdict]:not([data-verdict=waiting])").wait_for()

    give(parts)
    assert verdict(person) == "verified"
    assert "entry 42" in person.page.locator("[data-verdict]").inner_text()
    give({**parts, "entry-42.cbor": flipped(-3)(parts["entry-42.cbor"])})
    assert verdict(person) == "failed"
    give({name: parts[name] for name in ("entry-42.cbor", "entry-42.receipt.cbor")})
    assert verdict(person) == "verified"
    give({"entry-42.tlog-proof": parts["entry-42.tlog-proof"]})
    assert verdict(person) == "partly"
    give({"letter.txt": b"nothing of the sort"})
    assert verdict(person) == "failed"


def test_without_script_the_page_says_what_is_missing(
    full: Stand, someone: Callable[..., Someone]
) -> None:
    person = someone(java_script_enabled=False)
    person.goto(f"{full.url}/log/entries/3")
    assert "cannot vouch for itself" in person.page.locator("noscript").inner_text()
    assert "Not checked yet." in person.page.inner_text("main")
