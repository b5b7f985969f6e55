"""An equivocating log: two histories under the real keys, one shown to each side. Who notices?

Real HTTP over loopback: the witness is a node, the log a server of files, the monitor the command.
The times printed are from the moment the second history is shown to the moment of exit.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from served import served_files, served_node, wait_until
from witness_logs import History, log_signer

from entrepot.kernel.checkpoint import read_checkpoint
from entrepot.kernel.cosignature import with_cosignatures
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.note import parse_vkey
from entrepot.kernel.policy import KnownLog, parse_policy
from entrepot.node.commands.monitor import command
from entrepot.node.monitoring.misbehaviour import (
    decode_misbehaviour,
    encode_misbehaviour,
    verify_misbehaviour,
)
from entrepot.node.witnessing import ROUTES, identity
from entrepot.node.witnessing.asking import Rejected, ask_to_cosign, witness_client, witnesses_of
from entrepot.node.witnessing.watched import add_watched

LOG = log_signer(1)
SHARED = 300
"""Entries before the histories part: more than one tile."""
EVERY_S = 0.2
MONITOR = (
    "import sys; from entrepot.node.commands.monitor import command; "
    "sys.exit(command.main(standalone_mode=False))"
)


class Served:
    """What one side is shown; `history` and `size` may be changed while it is served."""

    def __init__(self, history: History, size: int) -> None:
        self.show(history, size)

    def show(self, history: History, size: int, note: bytes = b"", at: int = 0) -> None:
        note = note or history.note(size, at or int(time.time()))
        self.state = (history.files, note)

    def read(self, name: str) -> bytes | None:
        files, note = self.state
        return note if name == "checkpoint" else files.get(name)


@pytest.fixture(scope="module")
def histories() -> tuple[History, History]:
    return (
        History(LOG, "shown to witnesses", SHARED + 60, shared=SHARED),
        History(LOG, "shown to monitors", SHARED + 60, shared=SHARED),
    )


@contextmanager
def witness(folder: Path) -> Iterator[str]:
    """A node as witness of the log; yields a policy without quorum that names it."""
    cosigner = identity.make_cosigner(folder)
    add_watched(folder / "witness.logs", [KnownLog(key) for key in LOG.keys.verifiers()])
    with served_node(folder, ROUTES) as running:
        vkey = cosigner.verifiers()[1].vkey()
        yield f"witness w {vkey} {running.url}/witness\n"


def submit(policy: str, history: History, old: int, new: int) -> object:
    """Ask the witness to cosign one history's checkpoint; the note with cosignatures, or not."""
    (asked,) = witnesses_of(parse_policy((policy + "quorum none\n").encode()))
    seen = read_checkpoint(history.note(new, int(time.time())))

    async def ask() -> object:
        async with witness_client() as client:
            proof = history.proof(old, new)
            return await ask_to_cosign(client, asked, seen, old=old, proof=proof)

    answer = asyncio.run(ask())
    if isinstance(answer, tuple):
        return with_cosignatures(seen, [found.line for found in answer]).raw
    return answer


def keys_file(folder: Path) -> Path:
    path = folder / "log.keys"
    path.write_text(LOG.keys.text())
    return path


def run_monitor(*arguments: object) -> int:
    result = command.main([str(item) for item in arguments], standalone_mode=False)
    assert isinstance(result, int)
    return result


class Follower:
    """The monitor as a process of its own, following until something is wrong."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.proof = folder / "proof.json"
        given = ["--follow", "--every", EVERY_S, "--proof", self.proof, "--json", *arguments]
        self.process = subprocess.Popen(
            [sys.executable, "-c", MONITOR, *map(str, given)], stdout=subprocess.PIPE, text=True
        )
        self.lines: list[dict[str, object]] = []

    def next_look(self) -> dict[str, object]:
        assert self.process.stdout is not None
        found: dict[str, object] = json.loads(self.process.stdout.readline())
        self.lines.append(found)
        return found

    def wait(self) -> int:
        try:
            out, _ = self.process.communicate(timeout=30)
        finally:
            self.process.kill()
        self.lines += [json.loads(line) for line in out.splitlines()]
        return self.process.returncode

    def proven(self, name: str = "proof.json") -> str:
        content = self.proof.with_name(name).read_bytes()
        return verify_misbehaviour(decode_misbehaviour(content), LOG.keys.verifiers())


def test_the_witness_refuses_the_second_history(
    tmp_path: Path, histories: tuple[History, History]
) -> None:
    one, two = histories
    with witness(tmp_path) as policy:
        assert isinstance(submit(policy, one, 0, SHARED + 10), bytes)
        for old, new in ((SHARED + 10, SHARED + 20), (SHARED + 10, SHARED + 10)):
            refused = submit(policy, two, old, new)
            assert isinstance(refused, Rejected)
            assert refused.status == 422
        assert not isinstance(submit(policy, two, SHARED, SHARED + 20), bytes | Rejected)  # 409
        assert isinstance(submit(policy, one, SHARED + 10, SHARED + 20), bytes)


@pytest.mark.slow
def test_a_monitor_that_asks_the_witness_proves_the_split_view(
    tmp_path: Path, histories: tuple[History, History], capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = histories
    with ExitStack() as stack:
        policy = stack.enter_context(witness(tmp_path))
        policy_file = tmp_path / "policy"
        policy_file.write_text(policy + "quorum none\n")
        submit(policy, one, 0, SHARED)
        shown = Served(one, SHARED)
        url = stack.enter_context(served_files(shown.read))
        follower = Follower(
            tmp_path, url, "--keys", keys_file(tmp_path), "--policy", policy_file,
            "--state", tmp_path / "state.json",
        )  # fmt: skip
        look = follower.next_look()
        assert (look["size"], look["misbehaviour"]) == (SHARED, [])
        # Now the log parts: the witness is given one history, the monitor the other.
        assert isinstance(submit(policy, one, SHARED, SHARED + 10), bytes)
        began = time.monotonic()
        shown.show(two, SHARED + 20)
        assert follower.wait() == 5
        seconds = time.monotonic() - began
    print(f"split view, polling every {EVERY_S} s: proven after {seconds:.2f} s")
    assert re.search(r"signed two histories: at 310 entries", follower.proven())
    assert seconds < 10


@pytest.mark.slow
def test_two_mirrors_that_disagree_prove_it_and_a_quorum_refuses_at_once(
    tmp_path: Path, histories: tuple[History, History]
) -> None:
    one, two = histories
    with ExitStack() as stack:
        first, second = Served(one, SHARED), Served(two, SHARED)
        url, mirror = (stack.enter_context(served_files(side.read)) for side in (first, second))
        follower = Follower(
            tmp_path, url, "--key", LOG.keys.verifiers()[0].vkey(), "--also", mirror
        )
        assert follower.next_look()["misbehaviour"] == []
        began = time.monotonic()
        first.show(one, SHARED + 5)
        second.show(two, SHARED + 30)
        assert follower.wait() == 5
        print(f"two mirrors: proven after {time.monotonic() - began:.2f} s")
        assert "at 305 entries" in follower.proven()
        # With a quorum, the history that no witness saw is refused even without any comparison.
        policy = stack.enter_context(witness(tmp_path))
        policy_file = tmp_path / "policy"
        policy_file.write_text(policy.rpartition(" ")[0] + "\nquorum w\n")
        proof = tmp_path / "unwitnessed.json"
        assert run_monitor(
            mirror, "--keys", keys_file(tmp_path), "--policy", policy_file, "--proof", proof
        ) == 5  # fmt: skip
        found = decode_misbehaviour(proof.read_bytes())
        assert found.kind == "testimony"
        assert "quorum" in found.what
        whole = submit(policy, one, 0, SHARED + 5)
        assert isinstance(whole, bytes)
        first.show(one, SHARED + 5, note=whole)
        assert run_monitor(url, "--keys", keys_file(tmp_path), "--policy", policy_file) == 0


def test_a_fork_at_one_size_or_seen_later_is_proven_from_the_state(
    tmp_path: Path, histories: tuple[History, History]
) -> None:
    one, two = histories
    state, keys = tmp_path / "state.json", keys_file(tmp_path)
    shown = Served(one, SHARED + 10)
    with served_files(shown.read) as url:
        given = (url, "--keys", keys, "--state", state)
        assert run_monitor(*given) == 0
        before = state.read_bytes()
        for number, size in enumerate((SHARED + 10, SHARED + 40, SHARED + 5)):
            shown.show(two, size)
            proof = tmp_path / f"fork-{number}.json"
            assert run_monitor(*given, "--proof", proof) == 5
            found = decode_misbehaviour(proof.read_bytes())
            assert found.kind == "fork"
            assert "two histories" in verify_misbehaviour(found, LOG.keys.verifiers())
            assert json.loads(state.read_bytes())["note"] == json.loads(before)["note"]
            assert run_monitor("--check", proof, "--keys", keys) == 0
        shown.show(one, SHARED + 12)
        assert run_monitor(*given) == 0


def test_rollback_forgery_and_a_stale_view(
    tmp_path: Path, histories: tuple[History, History]
) -> None:
    one, _two = histories
    state, keys = tmp_path / "state.json", keys_file(tmp_path)
    now = int(time.time())
    shown = Served(one, SHARED + 10)
    with served_files(shown.read) as url:
        given = (url, "--keys", keys, "--state", state)
        assert run_monitor(*given) == 0
        shown.show(one, SHARED, at=now + 60)  # signed later, and smaller
        assert run_monitor(*given, "--proof", tmp_path / "rollback.json") == 5
        found = decode_misbehaviour((tmp_path / "rollback.json").read_bytes())
        assert found.kind == "rollback"
        assert "after it had signed 310" in verify_misbehaviour(found, LOG.keys.verifiers())
        shown.show(one, SHARED, at=now - 60)  # an old view: no proof, still not accepted
        assert run_monitor(*given, "--proof", tmp_path / "old.json") == 5
        old = decode_misbehaviour((tmp_path / "old.json").read_bytes())
        assert old.kind == "testimony"
        with pytest.raises(VerificationError, match="testimony"):
            verify_misbehaviour(old, LOG.keys.verifiers())
        forger = History(log_signer(9, LOG.origin), "forged", 5)
        shown.show(forger, 5)  # another key under the log's name
        assert run_monitor(*given, "--proof", tmp_path / "forged.json") == 5
        forged = decode_misbehaviour((tmp_path / "forged.json").read_bytes())
        assert forged.kind == "testimony"
        assert "known key of this log" in forged.what
        shown.show(one, SHARED + 10, at=now - 5_000)
        assert run_monitor(*given, "--stale-after", 3_600) == 1
        assert run_monitor(*given, "--stale-after", 6_000) == 0


@pytest.mark.slow
def test_a_log_that_hides_its_growth_from_a_monitor_is_called_stale(
    tmp_path: Path, histories: tuple[History, History]
) -> None:
    one, _two = histories
    with ExitStack() as stack:
        policy = stack.enter_context(witness(tmp_path))
        (tmp_path / "policy").write_text(policy + "quorum none\n")
        url = stack.enter_context(served_files(Served(one, SHARED).read))
        submit(policy, one, 0, SHARED + 50)
        given = (url, "--keys", keys_file(tmp_path), "--policy", tmp_path / "policy",
                 "--state", tmp_path / "state.json", "--stale-after", 1)  # fmt: skip
        began = time.monotonic()
        wait_until(lambda: run_monitor(*given) == 1)
        print(f"hidden growth: stale after {time.monotonic() - began:.2f} s (--stale-after 1)")


def test_a_proof_cannot_be_made_up(tmp_path: Path, histories: tuple[History, History]) -> None:
    """Whatever is changed in a proof file, it proves nothing of the log's keys any more."""
    one, two = histories
    shown = Served(one, SHARED + 10)
    keys = LOG.keys.verifiers()
    with served_files(shown.read) as url:
        given = (url, "--keys", keys_file(tmp_path), "--state", tmp_path / "state.json")
        run_monitor(*given)
        honest = read_checkpoint(one.note(SHARED + 20))
        shown.show(two, SHARED + 40)
        assert run_monitor(*given, "--proof", tmp_path / "proof.json") == 5
    found = decode_misbehaviour((tmp_path / "proof.json").read_bytes())
    assert decode_misbehaviour(encode_misbehaviour(found)) == found
    consistent = msgspec.structs.replace(found, second=honest.raw.decode())
    for changed in (
        consistent,
        msgspec.structs.replace(found, path=()),
        msgspec.structs.replace(found, path=found.path[:-1]),
        msgspec.structs.replace(found, root="AAAA"),
        msgspec.structs.replace(found, root=found.path[0]),
        msgspec.structs.replace(found, first=found.second, second=found.first),
        msgspec.structs.replace(found, origin="log.example/other"),
        msgspec.structs.replace(found, kind="rollback"),
        msgspec.structs.replace(found, first=found.first.replace("310", "311")),
    ):
        with pytest.raises(VerificationError):
            verify_misbehaviour(changed, keys)
    for content in (
        encode_misbehaviour(msgspec.structs.replace(found, format="other")),
        b" " * (5 << 20),
    ):
        with pytest.raises(InvalidInput):
            decode_misbehaviour(content)
    stranger = [parse_vkey(key.vkey()) for key in log_signer(5, LOG.origin).keys.verifiers()]
    with pytest.raises(VerificationError):
        verify_misbehaviour(found, stranger)


def test_a_server_that_lies_about_entries_is_noticed(
    tmp_path: Path, histories: tuple[History, History]
) -> None:
    one, two = histories
    shown = Served(one, SHARED + 10)
    files, note = shown.state
    bundle = "tile/entries/001.p/54"
    shown.state = ({**files, bundle: two.files[bundle]}, note)
    with served_files(shown.read) as url:
        given = (url, "--keys", keys_file(tmp_path), "--state", tmp_path / "state.json")
        assert run_monitor(*given, "--proof", tmp_path / "lie.json") == 5
        found = decode_misbehaviour((tmp_path / "lie.json").read_bytes())
        assert found.kind == "testimony"
        assert "do not give the root" in found.what
        shown.state = (files, note)  # and an honest server is believed again
        assert run_monitor(*given) == 0
        shown.state = (dict.fromkeys(files, b""), one.note(SHARED + 20))
        assert run_monitor(*given, "--proof", tmp_path / "lie2.json") == 5
    with pytest.raises(httpx.HTTPError):
        httpx.get(url)
