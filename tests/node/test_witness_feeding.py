"""Nodes that witness each other over real HTTP: quorum, dead witnesses, restored backups."""

import json
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from served import free_port, served_node, wait_until

from entrepot.kernel.checkpoint import LogKeys, parse_checkpoint, read_checkpoint
from entrepot.kernel.cosignature import open_own_checkpoint
from entrepot.kernel.errors import NotFound, StorageError, VerificationError
from entrepot.kernel.home import open_node
from entrepot.kernel.institution import Institution
from entrepot.kernel.policy import (
    KnownLog,
    parse_policy,
    verify_proof_under_policy,
    verify_under_policy,
)
from entrepot.node.commands.witness import command as witness_command
from entrepot.node.running import Running
from entrepot.node.witnessing import ROUTES, identity
from entrepot.node.witnessing.background import (
    alarm_of,
    checkpoint_to_show,
    feed,
    standings,
)
from entrepot.node.witnessing.published import (
    LogReader,
    newest_known,
    require_newest_before_opening,
)
from entrepot.node.witnessing.watched import add_watched

sys.path.insert(0, str(Path(__file__).parents[1] / "kernel"))
from kernel_toy import TOY, count_act

INSTITUTIONS: tuple[Institution, ...] = (TOY,)


class Network:
    """A log's home, and witnesses that watch it; each is started when a test says so."""

    def __init__(self, folder: Path, witnesses: int, quorum: str) -> None:
        self.home = folder / "log"
        with open_node(self.home, institutions=INSTITUTIONS) as node:
            self.keys: LogKeys = node.signer.keys
        self.witnesses = [folder / f"witness-{number}" for number in range(witnesses)]
        self.ports = [free_port() for _ in self.witnesses]
        lines = []
        for number, (home, port) in enumerate(zip(self.witnesses, self.ports, strict=True)):
            cosigner = identity.make_cosigner(home)
            add_watched(home / "witness.logs", [KnownLog(key) for key in self.keys.verifiers()])
            key = cosigner.verifiers()[number % 2]  # Ed25519 and ML-DSA-44 in turn
            lines.append(f"witness w{number} {key.vkey()} http://127.0.0.1:{port}/witness\n")
        names = " ".join(f"w{number}" for number in range(witnesses))
        lines += [f"group all-of-us {quorum} {names}\n", "quorum all-of-us\n"]
        (self.home / "witness.policy").write_text("".join(lines))
        self.policy = parse_policy("".join(lines).encode())

    def start(self, stack: ExitStack, number: int) -> Running:
        home, port = self.witnesses[number], self.ports[number]
        return stack.enter_context(served_node(home, ROUTES, port=port))

    def start_log(self, stack: ExitStack) -> Running:
        return stack.enter_context(
            served_node(
                self.home,
                ROUTES,
                institutions=INSTITUTIONS,
                background=(feed,),
                given={"witnessing.every_s": 1},
            )
        )


def shown_size(running: Running) -> int:
    try:
        return read_checkpoint(checkpoint_to_show(running)).checkpoint.size
    except NotFound:
        return -1


@pytest.mark.slow
def test_two_of_three_make_the_quorum_and_a_dead_witness_delays_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = Network(tmp_path, 3, "2")
    with ExitStack() as stack:
        network.start(stack, 0)
        running = network.start_log(stack)
        assert shown_size(running) == -1  # one of two needed
        network.start(stack, 1)
        wait_until(lambda: shown_size(running) == 1)
        answers = running.intake.submit_now([count_act(running.node) for _ in range(5)])
        assert all(not isinstance(answer, Exception) for answer in answers)
        seconds = wait_until(lambda: shown_size(running) == 6)
        print(f"5 acts to a cosigned checkpoint of 2 of 3 witnesses: {seconds:.2f} s")
        shown = checkpoint_to_show(running)
        verdict = verify_under_policy(shown, network.policy, log=network.keys.verifiers())
        assert len(verdict.cosignatures) == 2
        assert open_own_checkpoint(shown, network.keys).checkpoint.size == 6
        found = {one.url: one for one in standings(running)}
        assert len(found) == 3
        dead = found[f"http://127.0.0.1:{network.ports[2]}/witness"]
        assert dead.failures > 0
        assert dead.size is None
        assert dead.lag_s > 0
        # The third one comes late, catches up, and its cosignature joins the others.
        late = network.start(stack, 2)
        wait_until(lambda: len(read_checkpoint(checkpoint_to_show(running)).note.signatures) == 5)
        wait_until(lambda: all(one.lag_s == 0 for one in standings(running)))
        assert alarm_of(running) is None
        proof = httpx.get(f"{running.url}/log/proof/3")
        assert proof.headers["content-type"] == "text/plain; charset=utf-8"
        entry = running.node.log.tree().entry(3)
        index, verdict = verify_proof_under_policy(
            proof.content, entry, network.policy, log=network.keys.verifiers()
        )
        assert (index, len(verdict.cosignatures)) == (3, 3)
        with pytest.raises(VerificationError):
            verify_proof_under_policy(
                proof.content, entry + b"x", network.policy, log=network.keys.verifiers()
            )
        for missing in ("6", "x", "-1", "99"):
            assert httpx.get(f"{running.url}/log/proof/{missing}").status_code == 404
        paths = [tmp_path / name for name in ("a.tlog-proof", "entry", "keys")]
        for path, content in zip(
            paths, (proof.content, entry, network.keys.text().encode()), strict=True
        ):
            path.write_bytes(content)
        policy = network.home / "witness.policy"
        given = ["check", *map(str, paths[:2]), "--policy", str(policy), "--keys", str(paths[2])]
        capsys.readouterr()
        witness_command.main([*given, "--json"], standalone_mode=False)
        said = json.loads(capsys.readouterr().out)
        assert (said["index"], said["size"], len(said["cosigned_by"])) == (3, 6, 3)
        policy_shown = httpx.get(f"{running.url}/log/policy").content
        assert verify_under_policy(checkpoint_to_show(running), parse_policy(policy_shown))
        said = httpx.get(f"{running.url}/log/witnesses").json()
        assert [one["size"] for one in said] == [6, 6, 6]
        assert httpx.get(f"{late.url}/log/policy").status_code == 404
        assert httpx.get(f"{late.url}/log/witnesses").json() == []
        views = newest_known(network.policy, network.keys)
        assert [view.seen and view.seen.checkpoint.size for view in views] == [6, 6, 6]


@pytest.mark.slow
def test_a_restored_old_backup_is_refused_and_signs_nothing(tmp_path: Path) -> None:
    network = Network(tmp_path, 1, "all")
    old = tmp_path / "backup"
    with ExitStack() as stack:
        network.start(stack, 0)
        with ExitStack() as log:
            running = network.start_log(log)
            running.intake.submit_now([count_act(running.node)])
            wait_until(lambda: shown_size(running) == 2)
        shutil.copytree(network.home, old)
        with ExitStack() as log:
            running = network.start_log(log)
            running.intake.submit_now([count_act(running.node)])
            wait_until(lambda: shown_size(running) == 3)
        require_newest_before_opening(network.home)
        shutil.rmtree(network.home)
        shutil.copytree(old, network.home)
        with pytest.raises(StorageError, match=r"3 entries.*only 2: it was restored"):
            require_newest_before_opening(network.home)
        # Whoever opens it all the same: the feeder closes the intake.
        running = network.start_log(stack)
        wait_until(lambda: alarm_of(running) is not None)
        with pytest.raises(StorageError, match="stopping"):
            wait_until(lambda: running.intake.submit_now([count_act(running.node)]) and None)


@pytest.mark.slow
def test_a_log_that_went_on_from_an_old_backup_is_found_out(tmp_path: Path) -> None:
    """The forked node has as many entries as the witness saw, but other ones."""
    network = Network(tmp_path, 1, "all")
    old = tmp_path / "backup"
    shutil.copytree(network.home, old)
    with ExitStack() as stack:
        network.start(stack, 0)
        with ExitStack() as log:
            running = network.start_log(log)
            running.intake.submit_now([count_act(running.node) for _ in range(3)])
            wait_until(lambda: shown_size(running) == 4)
        shutil.rmtree(network.home)
        shutil.copytree(old, network.home)
        with open_node(network.home, institutions=INSTITUTIONS) as node:
            node.sequencer.submit_batch([count_act(node) for _ in range(6)])
        with pytest.raises(StorageError, match="another history"):
            require_newest_before_opening(network.home)
        running = network.start_log(stack)
        wait_until(lambda: alarm_of(running) is not None)
        alarm = alarm_of(running)
        assert alarm is not None
        assert "another history" in alarm.what


def test_a_home_without_policy_or_log_has_nothing_to_ask(tmp_path: Path) -> None:
    require_newest_before_opening(tmp_path)
    with open_node(tmp_path) as node:
        reader = LogReader(node.log.files.read)
        assert reader.root(1) == node.log.root
        assert parse_checkpoint(read_checkpoint(reader.newest()).checkpoint.text()).size == 1
    require_newest_before_opening(tmp_path)
    with pytest.raises(NotFound):
        LogReader({}.get).newest()
