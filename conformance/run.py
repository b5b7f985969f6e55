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
from entrepot.kernel.errors import VerificationError
from entrepot.kernel.home import Node, open_node
from entrepot.kernel.keys import new_key
from entrepot.kernel.merkle import inclusion_path
from entrepot.kernel.policy import parse_policy, verify_under_policy
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
    port = free_port()
    program = str(Path(sys.executable).with_name("entrepot"))
    command = [program, "serve", "--home", str(subject.home), "--port", str(port)]
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


def with_tessera_log(subject: Subject) -> list[Finding]:
    """A Tessera log publishes nothing that our witness has not cosigned."""
    program = go_checker(subject.folder)
    vkey = witness_vkeys(subject)[0]
    policy = subject.folder / "tessera.policy"
    policy.write_text(f"witness ours {vkey} {subject.url}witness\nquorum ours\n")
    command = [str(program), "append", str(subject.folder / "tessera"), str(policy)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        entrepot(subject, "witness", "add", process.stdout.readline().strip())
        told, complaint = process.communicate("\n", timeout=90)
    if process.returncode:
        raise RuntimeError(complaint.strip()[-2_000:])
    checkpoint = subject.folder / "tessera" / "checkpoint"
    return [
        *(Finding(**json.loads(line)) for line in told.splitlines() if line[:1] == "{"),
        *run_tool([str(program), "cosigned", str(checkpoint), vkey]),
    ]


def with_omniwitness(subject: Subject) -> list[Finding]:
    """A foreign witness cosigns our checkpoints, with Ed25519 and with ML-DSA-44."""
    program = os.environ.get("OMNIWITNESS") or shutil.which("omniwitness")
    maker = os.environ.get("OMNIWITNESS_KEYS") or shutil.which("generate_keys")
    if not program or not maker:
        raise Skipped(
            "omniwitness and its generate_keys are not on PATH"
            " (go install github.com/transparency-dev/witness/cmd/...@latest)"
        )
    folder = subject.folder
    vkeys = []
    keys: list[str] = []
    for name, extra in (("ed25519", []), ("mldsa", ["--mldsa"])):
        secret, public = folder / f"{name}.key", folder / f"{name}.vkey"
        command = [maker, "--origin", f"{name}.witness.example", *extra]
        subprocess.run(
            [*command, "--out_priv", str(secret), "--out_pub", str(public)],
            check=True,
            capture_output=True,
        )
        vkeys.append(public.read_text().strip())
        keys += ["--private_key_path", str(secret)]
    ours = subject.keys.read_text().splitlines()[0]
    logs = folder / "logs.yaml"
    logs.write_text(f"Logs:\n  - Origin: {ours.split('+')[0]}\n    PublicKey: {ours}\n")
    port, metrics = free_port(), free_port()
    with subprocess.Popen(
        [
            *(program, "--listen", f"127.0.0.1:{port}", "--metrics_listen", f"127.0.0.1:{metrics}"),
            *("--db_file", str(folder / "omni.db"), "--additional_logs", str(logs), *keys),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            return cosigned_by(subject, f"http://127.0.0.1:{port}", vkeys, version_of(program))
        finally:
            process.terminate()


def cosigned_by(subject: Subject, url: str, vkeys: list[str], version: str) -> list[Finding]:
    """Serve the node under a policy that wants the witness, and wait for its cosignatures."""
    policy = subject.folder / "our.policy"
    lines = [f"witness w{at} {vkey} {url}" for at, vkey in enumerate(vkeys)]
    names = " ".join(f"w{at}" for at in range(len(vkeys)))
    log = "\n".join(f"log {vkey}" for vkey in subject.keys.read_text().split())
    policy.write_text("\n".join([log, *lines, f"group both all {names}", "quorum both", ""]))
    environment = {
        "ENTREPOT_WITNESSING_POLICY_FILE": str(policy),
        "ENTREPOT_WITNESSING_EVERY_S": "1",
    }
    began = time.monotonic()
    with served(subject, **environment):
        while time.monotonic() - began < START_WITHIN_S:
            with urllib.request.urlopen(subject.url + "log/checkpoint", timeout=5) as answer:
                raw = answer.read()
            if all(vkey.split("+")[0].encode() in raw for vkey in vkeys):
                break
            time.sleep(0.2)
        else:
            raise RuntimeError("the witness did not cosign in time")
    verify_cosignatures(raw, policy.read_bytes())
    return [Finding("omniwitness", version, "our checkpoint, cosigned in both algorithms", 2, 0)]


def verify_cosignatures(raw: bytes, policy: bytes) -> None:
    """Hold the cosigned checkpoint to the policy with our own verifier."""
    try:
        verify_under_policy(raw, parse_policy(policy))
    except VerificationError as error:
        raise RuntimeError(f"our verifier refuses the foreign cosignatures: {error}") from error


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


def version_of(program: str) -> str:
    """Return the version that a Go program was built from."""
    done = subprocess.run(["go", "version", "-m", program], capture_output=True, text=True)
    for line in done.stdout.splitlines():
        parts = line.split()
        if parts[:2] == ["mod", "github.com/transparency-dev/witness"] or parts[:2] == [
            "dep",
            "github.com/transparency-dev/witness",
        ]:
            return parts[2]
    return "?"


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
    ("Go: a Tessera log that our witness cosigns", with_tessera_log, True),
    ("Go: omniwitness cosigns our log", with_omniwitness, False),
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
