"""Kill a writing process with SIGKILL, again and again, and prove each time that nothing is lost.

Run as a program: `python tests/crash/killer.py --kills 200 --home DIR`. Every round forks a child
that opens the home and submits fresh acts, one by one and in batches, acknowledging each answer on
a pipe. The child is killed at a named step (every step in turn, at several of its occurrences) or
at a random moment. Then the parent opens the home again and checks:

    every acknowledged act is there: same index, same receipt, and the receipt verifies
    every act not acknowledged is accepted now, or was already there: none is applied twice
    the counters in the state are what the acts add up to
    `audit` passes: log, tiles, records and state agree

The last line printed is a JSON object with the counts. Exit 1 when a check fails.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kernel"))

from kernel_toy import NOW, TOY, open_toy, totals

from entrepot.kernel.acts import ActId, sign_act
from entrepot.kernel.audit import audit
from entrepot.kernel.errors import Error
from entrepot.kernel.home import Node
from entrepot.kernel.keys import PrivateKey, create_key_file
from entrepot.kernel.log import CrashPoint
from entrepot.kernel.merkle import verify_consistency
from entrepot.kernel.receipt import verify_receipt

STEPS = (
    "verified shaped begun facts-loaded decided appended applied staged committed tile-written "
    "integrated checkpoint-signed checkpoint-written checkpoint-renamed published flushed answered"
).split()
"""Every named point between and inside the steps of the sequencer and of the log."""

BATCHES = (1, 1, 3, 40)


RECOVERY_STEPS = STEPS[STEPS.index("tile-written") :]
"""Steps that opening a home passes when it finishes what a kill interrupted."""


@dataclass
class Tally:
    """What happened, counted."""

    killed_at: Counter[str] = field(default_factory=Counter)
    killed_in_recovery: int = 0
    homes: int = 0
    acts: int = 0
    acknowledged: int = 0
    found_again: int = 0
    applied_after: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unsound: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return sum(self.killed_at.values()) + self.killed_in_recovery


@dataclass
class Place:
    """One home under attack: its acts so far, what they add up to, its last checkpoint."""

    path: Path
    key: PrivateKey
    batches: tuple[int, ...]
    expected: Counter[str] = field(default_factory=Counter)
    size: int = 0
    root: bytes = b""


def killing(step: str, occurrence: int) -> CrashPoint:
    """Return a crash point that ends this process at the n-th passing of `step`."""
    left = [occurrence]

    def crash(name: str) -> None:
        if name == step:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return crash


def make_acts(place: Place, rng: random.Random) -> list[bytes]:
    """Return one round's acts, each adding 1 to one of twenty counters."""
    acts = []
    for _ in range(sum(place.batches)):
        name = f"c{rng.randrange(20)}"
        place.expected[name] += 1
        act_id = ActId(rng.randbytes(16))
        body = {"name": name, "amount": 1}
        acts.append(sign_act(place.key, "count", body, issued_at=NOW, act_id=act_id))
    return acts


def child(place: Place, acts: list[bytes], crash: CrashPoint, pipe: int) -> None:
    """Open the home, submit the acts in batches, acknowledge every answer."""
    with open_toy(place.path, crash=crash) as node:
        os.write(pipe, b"open\n")
        at = 0
        for size in place.batches if acts else ():
            batch = acts[at : at + size]
            answers = node.sequencer.submit_batch(batch)
            lines = []
            for offset, answer in enumerate(answers):
                if isinstance(answer, Error):
                    raise answer
                where = at + offset
                lines.append(f"{where} {answer.index} {answer.tree_size} {answer.receipt.hex()}\n")
            os.write(pipe, "".join(lines).encode())
            at += size


def run_child(place: Place, acts: list[bytes], step: str, rng: random.Random) -> tuple[str, bool]:
    """Fork, let the child be killed, return what it acknowledged and whether it was killed."""
    read_end, write_end = os.pipe()
    occurrence = rng.choice([1, 1, 1, 2, 3, 5])
    crash = killing(step, occurrence) if step != "random" else (lambda _name: None)
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        try:
            child(place, acts, crash, write_end)
        except BaseException as error:  # noqa: BLE001 - the child must end here, whatever it met
            os.write(2, f"child failed: {error!r}\n".encode())
            os._exit(9)
        os._exit(0)
    os.close(write_end)
    if step == "random":
        time.sleep(rng.uniform(0, 0.09))
        os.kill(pid, signal.SIGKILL)
    with os.fdopen(read_end, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        raise AssertionError(f"child ended with {os.WEXITSTATUS(status)} at {step}")
    return said, os.WIFSIGNALED(status)


def acknowledged_in(said: str) -> dict[int, tuple[int, int, str]]:
    """Return act number -> (index, tree size, receipt) of the complete lines of a child."""
    found = {}
    for line in said.splitlines():
        parts = line.split(" ")
        if len(parts) == 4:
            found[int(parts[0])] = (int(parts[1]), int(parts[2]), parts[3])
    return found


def check_acts(node: Node, tally: Tally, acts: list[bytes], said: str) -> None:
    """Submit everything of this round again and compare with what was acknowledged."""
    earlier = acknowledged_in(said)
    tally.acknowledged += len(earlier)
    tally.acts += len(acts)
    for number, answer in enumerate(node.sequencer.submit_batch(acts)):
        if isinstance(answer, Error):
            raise answer
        verify_receipt(answer.receipt, answer.entry, node.signer.ed25519.public)
        if answer.repeated:
            tally.found_again += 1
        else:
            tally.applied_after += 1
        found = (answer.index, answer.tree_size, answer.receipt.hex())
        if number in earlier and not (answer.repeated and found == earlier[number]):
            tally.lost.append(f"{node.home.name} act {number}: {found[:2]}, {earlier[number][:2]}")


def check_home(node: Node, tally: Tally, place: Place) -> None:
    """State adds up, the log only grew, and the audit passes."""
    for name, (total, acts) in totals(node).items():
        if not total == acts == place.expected[name]:
            tally.doubled.append(f"{node.home.name} {name}: {total}, not {place.expected[name]}")
    if place.size:
        path = node.log.consistency_proof(place.size)
        verify_consistency(place.size, place.root, node.log.size, node.log.root, path)
    place.size, place.root = node.log.size, node.log.root
    node.close()
    failed = [check for check in audit(place.path, (TOY,)) if not check.passed]
    tally.unsound += [f"{node.home.name} {check.name}: {check.detail}" for check in failed]


def kill_rounds(home: Path, kills: int, seed: int, batches: tuple[int, ...] = BATCHES) -> Tally:
    """Kill `kills` times over a few homes, check after each, and return what happened."""
    rng = random.Random(seed)
    tally = Tally()
    steps = [*STEPS, "random"]
    attempts = 0
    place = None
    while tally.kills < kills:
        if place is None or attempts % len(steps) == 0:  # a new home: its making is killed too
            path = home / f"home-{tally.homes}"
            place = Place(path, make_party(path), batches)
            tally.homes += 1
        step = steps[attempts % len(steps)]
        attempts += 1
        acts = make_acts(place, rng)
        said, killed = run_child(place, acts, step, rng)
        tally.killed_at[step] += killed
        if killed and rng.random() < 0.5:  # and again while it recovers
            step = rng.choice([*RECOVERY_STEPS, "random"])
            tally.killed_in_recovery += run_child(place, [], step, rng)[1]
        with open_toy(place.path) as node:
            check_acts(node, tally, acts, said)
            check_home(node, tally, place)
    return tally


def make_party(home: Path) -> PrivateKey:
    """Make only the party's key of a new home, so that the parent can sign the acts."""
    (home / "keys").mkdir(parents=True, mode=0o700)
    return create_key_file(home / "keys" / "party.pem")


def main() -> None:
    """Parse the arguments, kill, print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--light", action="store_true", help="five acts a round, not 45")
    parser.add_argument("--home", type=Path, required=True)
    arguments = parser.parse_args()
    batches = (1, 1, 3) if arguments.light else BATCHES
    tally = kill_rounds(arguments.home, arguments.kills, arguments.seed, batches)
    print(json.dumps({"seed": arguments.seed, "kills": tally.kills, **vars(tally)}))
    sys.exit(1 if tally.lost or tally.doubled or tally.unsound else 0)


if __name__ == "__main__":
    main()
