"""Go: golang.org/x/mod and Tessera read our log; a Tessera log and omniwitness meet our witness."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from findings import Finding, Skipped, parse_findings, run_tool
from subject import (
    HERE,
    START_WITHIN_S,
    Subject,
    entrepot,
    fetched,
    free_port,
    served,
    witness_vkeys,
)

from entrepot.kernel.errors import VerificationError
from entrepot.kernel.policy import parse_policy, verify_under_policy

WITNESS_MODULE = "github.com/transparency-dev/witness"
APPEND_TIMEOUT_S = 90


def go_checker(folder: Path) -> str:
    """Build the Go checker, or say why not; return the program's path."""
    go = shutil.which("go")
    if go is None:
        raise Skipped("Go is not installed (1.25 or later)")
    program = folder / "check"
    if not program.exists():
        command = [go, "build", "-o", str(program), "."]
        done = subprocess.run(command, cwd=HERE / "go", capture_output=True, text=True)
        if done.returncode:
            raise Skipped(f"its Go modules cannot be had: {done.stderr.strip().splitlines()[-1]}")
    return str(program)


def read_our_log(subject: Subject) -> list[Finding]:
    """golang.org/x/mod and Tessera's fsck read the log over HTTP."""
    program = go_checker(subject.folder)
    log = subject.url + "log/"
    earlier = [str(path) for path in subject.checkpoints]
    return [
        *run_tool([program, "audit", log, str(subject.keys), *earlier]),
        *run_tool([program, "fsck", log, str(subject.keys)]),
        *ml_dsa_signature(subject, program),
    ]


def ml_dsa_signature(subject: Subject, program: str) -> list[Finding]:
    """transparency-dev/formats (over filippo.io/mldsa) reads the log's second signature."""
    checkpoint = subject.folder / "checkpoint"
    checkpoint.write_bytes(fetched(subject.url + "log/checkpoint"))
    vkey = subject.keys.read_text().splitlines()[1]
    what = "checkpoint, the log's ML-DSA-44 signature (cosignature/v1)"
    return run_tool([program, "cosigned", str(checkpoint), vkey, what])


def be_witnessed(subject: Subject) -> list[Finding]:
    """A Tessera log publishes nothing that our witness has not cosigned."""
    program = go_checker(subject.folder)
    vkey = witness_vkeys(subject)[0]
    policy = subject.folder / "tessera.policy"
    policy.write_text(f"witness ours {vkey} {subject.url}witness\nquorum ours\n")
    command = [program, "append", str(subject.folder / "tessera"), str(policy)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        entrepot(subject, "witness", "add", process.stdout.readline().strip())
        told, complaint = process.communicate("\n", timeout=APPEND_TIMEOUT_S)
    if process.returncode:
        raise RuntimeError(complaint.strip()[-2_000:])
    checkpoint = subject.folder / "tessera" / "checkpoint"
    what = "cosignature/v1 of our witness, Ed25519"
    return [*parse_findings(told), *run_tool([program, "cosigned", str(checkpoint), vkey, what])]


def witness_us(subject: Subject) -> list[Finding]:
    """A foreign witness cosigns our checkpoints, with Ed25519 and with ML-DSA-44."""
    program = os.environ.get("OMNIWITNESS") or shutil.which("omniwitness")
    maker = os.environ.get("OMNIWITNESS_KEYS") or shutil.which("generate_keys")
    if not program or not maker:
        raise Skipped(
            "omniwitness and its generate_keys are neither on PATH nor in OMNIWITNESS and"
            f" OMNIWITNESS_KEYS (go install {WITNESS_MODULE}/cmd/...@latest)"
        )
    folder = subject.folder
    vkeys, arguments = foreign_witness_keys(maker, folder)
    logs = folder / "logs.yaml"
    origin = subject.vkey.split("+")[0]
    logs.write_text(f"Logs:\n  - Origin: {origin}\n    PublicKey: {subject.vkey}\n")
    port, metrics = free_port(), free_port()
    command = [
        *(program, "--listen", f"127.0.0.1:{port}", "--metrics_listen", f"127.0.0.1:{metrics}"),
        *("--db_file", str(folder / "omni.db"), "--additional_logs", str(logs), *arguments),
    ]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        try:
            return cosigned_by(subject, f"http://127.0.0.1:{port}", vkeys, version_of(program))
        finally:
            process.terminate()


def foreign_witness_keys(maker: str, folder: Path) -> tuple[list[str], list[str]]:
    """Let the foreign tool make its keys; return vkeys and the arguments that name the keys."""
    vkeys, arguments = [], []
    for name, extra in (("ed25519", []), ("mldsa", ["--mldsa"])):
        secret, public = folder / f"{name}.key", folder / f"{name}.vkey"
        command = [maker, "--origin", f"{name}.witness.example", *extra]
        files = ["--out_priv", str(secret), "--out_pub", str(public)]
        subprocess.run([*command, *files], check=True, capture_output=True)
        vkeys.append(public.read_text().strip())
        arguments += ["--private_key_path", str(secret)]
    return vkeys, arguments


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
    with served(subject, **environment):
        raw = cosigned_checkpoint(subject, [vkey.split("+")[0] for vkey in vkeys])
    refused = forgeries_refused(raw, policy.read_bytes())
    checked = "our checkpoint, cosigned in both algorithms (read by our verifier)"
    return [Finding("omniwitness", version, checked, len(vkeys), refused)]


def cosigned_checkpoint(subject: Subject, names: list[str]) -> bytes:
    """Wait for the checkpoint that carries cosignatures of all of `names`."""
    end = time.monotonic() + START_WITHIN_S
    while time.monotonic() < end:
        try:
            raw = fetched(subject.url + "log/checkpoint")
        except OSError:  # 404 until the first quorum
            raw = b""
        if raw and all(name.encode() in raw for name in names):
            return raw
        time.sleep(0.2)
    raise RuntimeError("the witness did not cosign in time")


def forgeries_refused(raw: bytes, policy: bytes) -> int:
    """Hold the checkpoint to the policy; return how many copies without a cosignature are refused.

    RuntimeError when our verifier refuses the true one or takes a copy.
    """
    quorum = parse_policy(policy)
    try:
        verify_under_policy(raw, quorum)
    except VerificationError as error:
        raise RuntimeError(f"our verifier refuses the foreign cosignatures: {error}") from error
    lines = raw.decode().splitlines(keepends=True)
    signatures = [at for at, line in enumerate(lines) if line.startswith("—")]
    refused = 0
    for at in signatures:
        try:
            verify_under_policy("".join(lines[:at] + lines[at + 1 :]).encode(), quorum)
        except VerificationError:
            refused += 1
    foreign = sum(".witness.example" in lines[at] for at in signatures)
    if refused < foreign:
        raise RuntimeError("a checkpoint without a foreign cosignature satisfies the policy")
    return refused


def version_of(program: str) -> str:
    """Return the version that a Go program was built from."""
    done = subprocess.run(["go", "version", "-m", program], capture_output=True, text=True)
    for line in done.stdout.splitlines():
        parts = line.split()
        if parts[:2] in (["mod", WITNESS_MODULE], ["dep", WITNESS_MODULE]):
            return parts[2]
    return "?"
