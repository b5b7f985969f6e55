"""What is verified: a registry made by real acts, served over HTTP on loopback.

An operator is founded, parties apply and are admitted by a person's passkey, strangers apply and
are refused, certificates are issued and one is revoked. The log grows in batches of many sizes,
and the checkpoint after each is kept.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.home import Node
from entrepot.kernel.keys import PrivateKey, PublicKey, key_from_seed, new_key
from entrepot.node.installed import installed
from entrepot.registry import acts as registry_acts
from entrepot.registry.acts import ReasonGiven, Term
from entrepot.registry.deadlines import day_of
from entrepot.registry.institution import registry_institution
from entrepot.registry.issuing import enrol_issuing_key, load_issuing_key

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "registry"))

from registry_toy import (  # noqa: E402 - the path is set above
    NORTH,
    Clock,
    Toy,
    admit,
    found,
    granted,
    open_registry,
)

ACTS, BATCHES = 1_500, 12
SAMPLES = 100
START_WITHIN_S = 30
TERM_DAYS = 300
DAY_S = 86_400
HOLDER_SEED = b"North".ljust(32, b".")
"""Of the invented party that holds the certificates."""


@dataclass
class Subject:
    """A home, its keys, checkpoints of several sizes, certificates, and where it is served."""

    folder: Path
    home: Path
    keys: Path
    checkpoints: list[Path]
    certificates: dict[str, int] = field(default_factory=dict)
    """`valid` and `revoked`: numbers of two trading certificates of one party."""
    acts: list[tuple[bytes, PublicKey]] = field(default_factory=list)
    """Some acts as they were sent, each with its signer's key."""
    url: str = ""

    @property
    def holder(self) -> PrivateKey:
        """The key of the party that holds the certificates."""
        return key_from_seed(HOLDER_SEED)

    @property
    def vkey(self) -> str:
        """The log's Ed25519 key as C2SP writes it."""
        return self.keys.read_text().splitlines()[0]


def make_subject(folder: Path, *, count: int = ACTS) -> Subject:
    """Make a registry with two parties, certificates, and applications of strangers in batches."""
    home = folder / "home"
    subject = Subject(folder, home, folder / "vkeys", [])
    others = tuple(item for item in installed() if item.name != registry_institution().name)
    toy = open_registry(home, clock=Clock(int(time.time())), institutions=others)
    found(toy)
    admit(toy, "North", 2)
    admit(toy, "South", 3, roles=["buyer", "broker"])
    for batch in range(BATCHES):
        apply_as_strangers(toy.node, 1 + batch * 2 * count // (BATCHES * BATCHES), subject)
        path = folder / f"checkpoint-{batch}"
        path.write_bytes(toy.node.log.checkpoint())
        subject.checkpoints.append(path)
    certify(toy, subject)
    subject.keys.write_text(toy.node.signer.keys.text())
    toy.node.close()
    return subject


def certify(toy: Toy, subject: Subject) -> None:
    """Issue two trading certificates to one party, and revoke the second."""
    now = toy.clock()
    enrol_issuing_key(toy.node, load_issuing_key(subject.home), issued_at=now)
    term = Term(day_of(now).isoformat(), day_of(now + DAY_S * TERM_DAYS).isoformat())
    for name in ("valid", "revoked"):
        body = registry_acts.Issue("trading", NORTH, term)
        answer = toy.approve(toy.registrar, registry_acts.ISSUE, body)
        subject.certificates[name] = granted(answer).index
    reason = ReasonGiven("error", "Rules of the registry, 12", "Issued in error.")
    revocation = registry_acts.Revoke(subject.certificates["revoked"], reason)
    granted(toy.approve(toy.registrar, registry_acts.REVOKE, revocation))


def apply_as_strangers(node: Node, count: int, subject: Subject) -> None:
    """Submit applications by keys nobody knows; the law decides each, all are logged."""
    made = []
    for number in range(count):
        key = new_key()
        body = {
            "name": f"Example {number} Ltd",
            "names": {},
            "identifiers": [{"scheme": "lei", "value": f"{number:020d}"}],
            "country": "DE",
            "roles": ["buyer"],
            "key": key.public.raw,
            "contact": "nobody@example.invalid",
            "statement": "",
            "evidence": [],
        }
        kind, now = "apply-for-membership", int(time.time())
        made.append(sign_act(key, kind, body, issued_at=now, act_id=new_act_id()))
        if len(subject.acts) < SAMPLES:
            subject.acts.append((made[-1], key.public))
    node.sequencer.submit_batch(made)


@contextmanager
def served(subject: Subject, **environment: str) -> Iterator[Subject]:
    """Serve the subject's home on a free port of loopback while the block runs."""
    port = free_port()
    program = str(Path(sys.executable).with_name("entrepot"))
    command = [program, "serve", "--home", str(subject.home), "--port", str(port)]
    told = subject.folder / "serve.log"
    log = told.open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **environment})
    subject.url = f"http://127.0.0.1:{port}/"
    try:
        wait_until_ready(subject.url, process, told)
        yield subject
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], told: Path) -> None:
    """Return once the node answers; RuntimeError when it ended or takes too long."""
    end = time.monotonic() + START_WITHIN_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the node ended with {process.returncode}: {told.read_text()}")
        try:
            urllib.request.urlopen(url + "healthz", timeout=2).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the node did not become ready")


def fetched(url: str, accept: str = "*/*") -> bytes:
    """Return what a stranger gets from an address."""
    asked = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return bytes(answer.read())


def witness_vkeys(subject: Subject) -> list[str]:
    """Return the vkeys of the node as a witness, made when it has none."""
    entrepot(subject, "witness", "init")
    told = json.loads(entrepot(subject, "witness", "show", "--json"))
    return [str(item) for item in told["vkeys"]]


def entrepot(subject: Subject, *arguments: str) -> str:
    """Run a command of ours on the subject's home."""
    program = str(Path(sys.executable).with_name("entrepot"))
    done = subprocess.run(
        [program, *arguments, "--home", str(subject.home)], capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
