"""Nodes as processes of their own that witness each other; one is killed and comes back."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from served import free_port, wait_until

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.checkpoint import LogKeys, parse_log_keys, read_checkpoint
from entrepot.kernel.home import open_node
from entrepot.kernel.keys import load_key
from entrepot.kernel.policy import KnownLog, parse_policy, verify_under_policy
from entrepot.node.commands.monitor import command as monitor
from entrepot.node.installed import installed
from entrepot.node.witnessing import identity
from entrepot.node.witnessing.watched import add_watched

READY_S = 60.0


class Peer:
    """A node in a process, started with the command that operators use."""

    def __init__(self, folder: Path) -> None:
        self.home = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        with open_node(folder, institutions=installed(folder)) as node:
            self.keys: LogKeys = parse_log_keys(node.signer.keys.text())
        self.vkey = identity.make_cosigner(folder).verifiers()[1].vkey()
        self.party = load_key(folder / "keys" / "party.pem")

    def start(self) -> None:
        with (self.home / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from entrepot.node.cli import main; main()", "serve",
                 "--home", str(self.home), "--port", str(self.port)],
                stdout=log, stderr=log, env={**os.environ, "ENTREPOT_WITNESSING_EVERY_S": "1"},
            )  # fmt: skip
        wait_until(self.answers, READY_S)

    def answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200
        return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def submit(self) -> int:
        """Submit an act that the law refuses: refusals are logged like everything else."""
        act = sign_act(self.party, "close-notice", {"right": 7}, issued_at=1, act_id=new_act_id())
        headers = {"Content-Type": "application/cose"}
        return httpx.post(f"{self.url}/acts", content=act, headers=headers).status_code

    def cosigned(self) -> tuple[int, int]:
        """Size of the checkpoint shown, and how many cosigned it; (-1, 0) while none is shown."""
        answer = httpx.get(f"{self.url}/log/checkpoint")
        if answer.status_code != 200:
            return -1, 0
        seen = read_checkpoint(answer.content)
        return seen.checkpoint.size, len(seen.note.signatures) - 2


@pytest.fixture
def peers(tmp_path: Path) -> Iterator[list[Peer]]:
    """Three nodes; each asks the other two, and one of them is enough."""
    found = [Peer(tmp_path / f"node-{number}") for number in range(3)]
    for peer in found:
        others = [other for other in found if other is not peer]
        lines = []
        for number, other in enumerate(others):
            keys = [KnownLog(key) for key in peer.keys.verifiers()]
            add_watched(other.home / "witness.logs", keys)
            lines.append(f"witness w{number} {other.vkey} {other.url}/witness\n")
        policy = "".join(lines) + "group others any w0 w1\nquorum others\n"
        (peer.home / "witness.policy").write_text(policy)
        (peer.home / "log.keys").write_text(peer.keys.text())
    yield found
    for peer in found:
        peer.stop(signal.SIGKILL)


def follow(peer: Peer) -> int:
    code = monitor.main(
        [peer.url, "--keys", str(peer.home / "log.keys"), "--state",
         str(peer.home / "monitor.json"), "--policy", str(peer.home / "witness.policy"), "--json"],
        standalone_mode=False,
    )  # fmt: skip
    assert isinstance(code, int)
    return code


@pytest.mark.slow
def test_nodes_witness_each_other_and_one_may_die(peers: list[Peer]) -> None:
    for peer in peers:
        peer.start()
    first, second, third = peers
    for peer in peers:
        wait_until(lambda peer=peer: peer.cosigned()[1] == 2, READY_S)  # type: ignore[misc]
        assert follow(peer) == 0
    size = first.cosigned()[0]
    third.stop(signal.SIGKILL)
    assert first.submit() == 201
    grown = int(httpx.get(f"{first.url}/readyz").json()["tree_size"])
    wait_until(lambda: first.cosigned()[0] == grown, READY_S)
    assert first.cosigned()[1] == 1
    # It comes back with its memory: it cosigns what follows, and nothing else.
    third.start()
    wait_until(lambda: first.cosigned() == (grown, 2), READY_S)
    shown = httpx.get(f"{first.url}/log/checkpoint").content
    policy = parse_policy((first.home / "witness.policy").read_bytes())
    assert len(verify_under_policy(shown, policy, log=first.keys.verifiers()).cosignatures) == 2
    for peer in peers:
        assert follow(peer) == 0
    assert grown == size + 1
    # A graceful stop of one node stops neither the others nor itself for long.
    second.stop()
    wait_until(lambda: not second.answers())
    assert first.answers()
