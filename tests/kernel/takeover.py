"""Two processes of a node on one PostgreSQL, killed at random under load; nothing lost or doubled.

    python tests/kernel/takeover.py --faults 100 [--seed N]

Each fault is one of: kill -9 of the leader, kill -9 of the follower, kill -9 of the server with all
its sessions, the leader's session ended by the server. Prints how long each kind kept acts waiting.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import psycopg
from kernel_toy import NOW, TOY, totals

from entrepot.kernel.home import open_node
from entrepot.kernel.merkle import verify_consistency
from entrepot.kernel.record import Entry, decode_entry
from entrepot.kernel.sequencer import Answer

HERE = Path(__file__).resolve().parent


class Worker:
    """A process of `seat_worker`; what it says is read by a thread, with the time of arrival."""

    def __init__(self, home: Path, url: str, name: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "seat_worker.py"), str(home), url, name],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.said: list[tuple[float, list[str]]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):  # a killed process may leave half a line
                self.said.append((time.monotonic(), line.split()))

    def wait_for(self, word: str, count: int = 1, timeout_s: float = 60) -> float:
        """Return when the word was said for the `count`-th time."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            times = self.times(word)
            if len(times) >= count:
                return times[count - 1]
            assert self.process.poll() is None, "the worker ended by itself"
            time.sleep(0.01)
        raise AssertionError(f"{word} was not said {count} times: {self.said[-3:]}")

    def end(self, how: signal.Signals = signal.SIGKILL) -> float:
        at = time.monotonic()
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(how)
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return at

    def times(self, word: str) -> list[float]:
        return [at for at, words in list(self.said) if words[0] == word]

    def lines(self, word: str) -> list[list[str]]:
        return [words[1:] for _, words in list(self.said) if words[0] == word]


def check_nothing_lost_or_doubled(home: Path, url: str, workers: list[Worker]) -> int:
    """Compare the log with everything the workers were told; return the number of acts in it."""
    with open_node(home, institutions=(TOY,), store=url, clock=lambda: NOW) as node:
        tree = node.log.tree()
        place: dict[str, int] = {}
        for index in range(1, tree.size):
            entry = decode_entry(tree.entry(index))
            assert isinstance(entry, Entry)
            act = entry.act_id.decode()
            assert act not in place, "an act was applied twice"
            place[act] = index
        tried = {act for worker in workers for acts in worker.lines("try") for act in acts}
        assert set(place) <= tried
        for worker in workers:
            for act, index, size, root in worker.lines("ack"):
                assert place[act] == int(index), "an acknowledged act is not where it was"
                assert node.log.receipt(int(index), int(size))
                path = node.log.consistency_proof(int(size))
                old = bytes.fromhex(root)
                verify_consistency(int(size), old, node.log.size, node.log.root, path)
        assert sum(acts for _, acts in totals(node).values()) == len(place)
        answer = node.sequencer.submit(node.act_at(1))
        assert isinstance(answer, Answer) and answer.repeated
        return len(place)


def cut_sessions(server: Any, url: str) -> None:
    """Have the server end the leader's session, as an operator or a network may."""
    with psycopg.connect(server.plain_url("postgres"), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = %s AND application_name = 'entrepot-leader'",
            (url.split("/")[3].partition("?")[0],),
        )


class Faults:
    """A leader and a follower under load, and what is done to them."""

    def __init__(self, home: Path, server: Any, url: str) -> None:
        self.home, self.server, self.url = home, server, url
        self.workers: list[Worker] = []
        self.live: list[Worker] = []

    def start(self) -> Worker:
        worker = Worker(self.home, self.url, f"{len(self.workers):x}z")
        self.workers.append(worker)
        self.live.append(worker)
        return worker

    def acknowledged(self) -> int:
        return sum(len(worker.lines("ack")) for worker in self.live)

    def leader(self) -> Worker:
        """Return who spoke of an act last."""
        return max(self.live, key=lambda worker: max([0.0, *worker.times("ack")]))

    def wait_for_acts(self, count: int) -> float:
        """Return how long it takes until `count` more acts are acknowledged."""
        before, started = self.acknowledged(), time.monotonic()
        while self.acknowledged() < before + count:
            if time.monotonic() > started + 60:
                raise AssertionError("no act was taken for a minute")
            time.sleep(0.005)
        return time.monotonic() - started

    def strike(self, fault: str) -> float:
        """Do it, and return how long acts waited; what was killed is started again."""
        if fault == "server":
            self.server.stop(signal.SIGKILL)
            self.server.start()
            return self.wait_for_acts(1)
        if fault == "session":
            cut_sessions(self.server, self.url)
            return self.wait_for_acts(1)
        leader = self.leader()
        victim = leader if fault == "leader" else next(w for w in self.live if w is not leader)
        self.live.remove(victim)
        victim.end()
        waited = self.wait_for_acts(1)
        self.start().wait_for("follows")
        return waited


def strike_often(faults: Faults, count: int, seed: int) -> dict[str, list[float]]:
    """Strike `count` times at random moments; return the waits by kind of fault."""
    chance = random.Random(seed)
    waits: dict[str, list[float]] = defaultdict(list)
    faults.start().wait_for("ack", 20)
    faults.start().wait_for("follows")
    for _ in range(count):
        fault = chance.choice(["leader", "leader", "follower", "server", "session"])
        faults.wait_for_acts(chance.randrange(1, 120))
        time.sleep(chance.random() * 0.05)
        waits[fault].append(faults.strike(fault))
    for worker in faults.live:
        worker.end()
    return waits


def main() -> None:
    sys.path.insert(0, str(HERE.parent))
    from conftest import make_server

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=4)
    options = parser.parse_args()
    server = make_server()
    with tempfile.TemporaryDirectory() as folder:
        try:
            server.start()
            faults = Faults(Path(folder) / "h", server, server.create_database())
            waits = strike_often(faults, options.faults, options.seed)
            acts = check_nothing_lost_or_doubled(faults.home, faults.url, faults.workers)
        finally:
            server.remove()
    for fault, seconds in sorted(waits.items()):
        middle = sorted(seconds)[len(seconds) // 2]
        print(f"{fault:9} {len(seconds):3} times, median {middle:.2f} s, most {max(seconds):.2f} s")
    print(f"{acts:,} acts in the log: none acknowledged lost, none doubled, no fork")


if __name__ == "__main__":
    main()
