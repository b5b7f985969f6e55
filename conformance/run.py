"""Foreign software verifies a node: `make conformance`.

A node is made with real acts, served over loopback HTTP, and handed to verifiers that its authors
did not write. Each line says which client in which version checked what, how often it held, and
how many forgeries it refused. A client that is not installed is skipped, with a word on how to get
it; a check that fails ends the run with exit code 1. Figures go to docs/reference/conformance.md
with --write.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.checkpoint import verify_checkpoint
from entrepot.kernel.encoding import to_base64
from entrepot.kernel.home import Node, open_node
from entrepot.kernel.keys import new_key
from entrepot.kernel.merkle import inclusion_path
from entrepot.node.installed import installed

HERE = Path(__file__).resolve().parent
ACTS, BATCHES = 1_500, 12
START_WITHIN_S = 30


@dataclass(frozen=True)
class Finding:
    """One check by one foreign client."""

    client: str
    version: str
    checked: str
    held: int
    rejected: int


class Skipped(Exception):
    """A foreign tool is not here; the text says how to get it."""


@dataclass
class Subject:
    """What is verified: a home, its keys, checkpoints of several sizes, and where it is served."""

    folder: Path
    home: Path
    keys: Path
    checkpoints: list[Path]
    url: str = ""


def make_subject(folder: Path) -> Subject:
    """Make a home with acts of strangers who apply for membership, in batches of many sizes."""
    home = folder / "home"
    checkpoints = []
    with open_node(home, institutions=installed()) as node:
        for batch in range(BATCHES):
            submit(node, 1 + batch * 2 * ACTS // (BATCHES * BATCHES))
            path = folder / f"checkpoint-{batch}"
            path.write_bytes(node.log.checkpoint())
            checkpoints.append(path)
        keys = folder / "vkeys"
        keys.write_text(node.signer.keys.text())
    return Subject(folder, home, keys, checkpoints[:-1])


def submit(node: Node, count: int) -> None:
    """Submit applications by keys nobody knows; the law decides each, all are logged."""
    acts = []
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
        acts.append(
            sign_act(
                key,
                "apply-for-membership",
                body,
                issued_at=int(time.time()),
                act_id=new_act_id(),
            )
        )
    node.sequencer.submit_batch(acts)


@contextmanager
def served(subject: Subject, **environment: str) -> Iterator[Subject]:
    """Serve the subject's home on a free port of loopback while the block runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "entrepot.node.cli", "serve", "--home", str(subject.home)]
    command = [str(Path(sys.executable).with_name("entrepot")), *command[3:], "--port", str(port)]
    log = (subject.folder / "serve.log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **environment})
    subject.url = f"http://127.0.0.1:{port}/"
    try:
        wait_until_ready(subject.url, process)
        yield subject
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return once the node answers; RuntimeError when it ended or takes too long."""
    end = time.monotonic() + START_WITHIN_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the node ended with {process.returncode}")
        try:
            urllib.request.urlopen(url + "log/checkpoint", timeout=2).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the node did not become ready")


def run_tool(command: list[str], *, cwd: Path | None = None) -> list[Finding]:
    """Run a foreign checker that prints one JSON object per line."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-2_000:] or done.stdout[-2_000:])
    return [Finding(**json.loads(line)) for line in done.stdout.splitlines() if line[:1] == "{"]


def go_checker(folder: Path) -> Path:
    """Build the Go checker, or say why not."""
    go = shutil.which("go")
    if go is None:
        raise Skipped("Go is not installed (1.25 or later)")
    program = folder / "check"
    done = subprocess.run(
        [go, "build", "-o", str(program), "."], cwd=HERE / "go", capture_output=True, text=True
    )
    if done.returncode:
        raise Skipped(f"its Go modules cannot be had: {done.stderr.strip().splitlines()[-1]}")
    return program


def with_go(subject: Subject) -> list[Finding]:
    """golang.org/x/mod and Tessera's fsck read the log over HTTP."""
    program = str(go_checker(subject.folder))
    log = subject.url + "log/"
    earlier = [str(path) for path in subject.checkpoints]
    return [
        *run_tool([program, "audit", log, str(subject.keys), *earlier]),
        *run_tool([program, "fsck", log, str(subject.keys)]),
    ]


def javascript(subject: Subject) -> list[str]:
    """Return the command of the JavaScript checker with its libraries installed."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Skipped("Node.js with npm is not installed")
    copy = subject.folder / "js"
    if not copy.exists():
        shutil.copytree(HERE / "js", copy, ignore=shutil.ignore_patterns("node_modules"))
        done = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=copy,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            shutil.rmtree(copy)
            raise Skipped(f"its npm packages cannot be had: {done.stderr.strip()[-200:]}")
    return [node, str(copy / "check.mjs")]


def with_sigstore_js(subject: Subject) -> list[Finding]:
    """@sigstore/verify checks the checkpoint and inclusion proofs (through its inner modules)."""
    with open_node(subject.home, institutions=installed()) as node:
        tree = node.log.tree()
        proofs = [
            {
                "index": index,
                "size": tree.size,
                "entry": to_base64(tree.entry(index)),
                "path": [to_base64(h) for h in inclusion_path(index, tree.size, tree.node_at)],
            }
            for index in range(0, tree.size, max(1, tree.size // 100))
        ]
        content = {
            "vkey": subject.keys.read_text().splitlines()[0],
            "checkpoint": node.log.checkpoint().decode(),
            "proofs": proofs,
        }
    path = subject.folder / "log.json"
    path.write_text(json.dumps(content))
    return run_tool([*javascript(subject), "log", str(path)])


def with_scitt_cose(subject: Subject) -> list[Finding]:
    """scitt-cose verifies receipts over entries, and refuses them over others."""
    try:
        import scitt_cose
    except ImportError:
        raise Skipped("the Python package scitt-cose is not installed") from None
    held = rejected = 0
    with open_node(subject.home, institutions=installed()) as node:
        pem = node.signer.ed25519.public.pem()
        for index in range(1, node.log.size, max(1, node.log.size // 100)):
            entry = node.log.tree().entry(index)
            receipt = node.log.receipt(index)
            held += verified_by_scitt_cose(scitt_cose, receipt, entry, pem)
            rejected += not verified_by_scitt_cose(scitt_cose, receipt, entry + b"\0", pem)
    if held != rejected:
        raise RuntimeError(f"scitt-cose: {held} held, {rejected} forgeries rejected")
    version = importlib.metadata.version("scitt-cose")
    return [Finding("scitt-cose", version, "COSE receipts (RFC 9942)", held, rejected)]


def verified_by_scitt_cose(module: object, receipt: bytes, entry: bytes, pem: bytes) -> bool:
    """Return scitt-cose's verdict on one receipt."""
    try:
        found = module.verify_receipt(  # type: ignore[attr-defined]
            receipt, leaf_entry_hex=entry.hex(), log_public_key_pem=pem
        )
    except Exception:  # noqa: BLE001 - a foreign library may also refuse by an exception
        return False
    return bool(found.ok)


CHECKS: tuple[tuple[str, Callable[[Subject], list[Finding]], bool], ...] = (
    ("Go: golang.org/x/mod/sumdb, Tessera", with_go, True),
    ("JavaScript: @sigstore/verify", with_sigstore_js, False),
    ("Python: scitt-cose", with_scitt_cose, False),
)
"""Name, check, and whether it wants the node to be served."""


def main() -> int:
    """Run every check; return 1 when one failed."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--json", action="store_true", help="print findings as JSON")
    as_json = options.parse_args().json
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        subject = make_subject(Path(folder))
        with open_node(subject.home, institutions=installed()) as node:
            checkpoint = verify_checkpoint(node.log.checkpoint(), node.signer.keys)
        print(f"a log of {checkpoint.size:,} entries, {len(subject.checkpoints)} older checkpoints")
        for name, check, wants_server in CHECKS:
            try:
                if wants_server:
                    with served(subject):
                        findings = check(subject)
                else:
                    findings = check(subject)
            except Skipped as reason:
                print(f"skipped  {name}: {reason}")
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                failed = True
                print(f"FAILED   {name}: {error}")
            else:
                show(findings, as_json=as_json)
    return 1 if failed else 0


def show(findings: list[Finding], *, as_json: bool) -> None:
    """Print what was found."""
    for item in findings:
        if as_json:
            print(json.dumps(item.__dict__))
        else:
            told = f"{item.held} held, {item.rejected} forgeries refused"
            print(f"ok       {item.client} {item.version}: {item.checked}: {told}")


if __name__ == "__main__":
    sys.exit(main())
