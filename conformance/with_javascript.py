"""JavaScript: @sigstore/verify on our log; jose, @sd-jwt, @digitalbazaar, jsonld on credentials."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from findings import Finding, Skipped, run_tool
from subject import HERE, SAMPLES, Subject, fetched

from entrepot.kernel.encoding import to_base64
from entrepot.kernel.home import open_node
from entrepot.kernel.merkle import inclusion_path
from entrepot.node.installed import installed
from entrepot.registry import sdjwt

AUDIENCE, NONCE = "https://buyer.example", "n-1"
DISCLOSED = ("name", "country")
MODULES = "CONFORMANCE_CREDENTIALS_JS"
"""Environment: a folder whose node_modules has the libraries, so that nothing is installed."""


def javascript(folder: Path) -> list[str]:
    """Return the command of the checker with its libraries installed in a copy, or say why not."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Skipped("Node.js with npm is not installed")
    copy = folder / "js"
    if not copy.exists():
        shutil.copytree(HERE / "js", copy, ignore=shutil.ignore_patterns("node_modules"))
        if os.environ.get(MODULES):
            (copy / "node_modules").symlink_to(Path(os.environ[MODULES]).resolve() / "node_modules")
            return [node, str(copy / "check.mjs")]
        command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(copy)
            raise Skipped(f"its npm packages cannot be had: {done.stderr.strip()[-200:]}")
    return [node, str(copy / "check.mjs")]


def read_our_log(subject: Subject) -> list[Finding]:
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
            for index in range(0, tree.size, max(1, tree.size // SAMPLES))
        ]
        checkpoint = node.log.checkpoint().decode()
    path = subject.folder / "log.json"
    path.write_text(json.dumps({"vkey": subject.vkey, "checkpoint": checkpoint, "proofs": proofs}))
    return run_tool([*javascript(subject.folder), "log", str(path)])


def read_our_credentials(subject: Subject) -> list[Finding]:
    """Certificates, lists, keys and context as the served node gives them to strangers."""
    command = javascript(subject.folder)
    path = subject.folder / "credentials.json"
    path.write_text(json.dumps(given_credentials(subject)))
    return run_tool([*command, "credentials", str(path)])


def given_credentials(subject: Subject) -> dict[str, object]:
    """Say where the node is, which certificates it has, and what the holder shows of them."""
    return {
        "url": subject.url.rstrip("/"),
        "certificates": subject.certificates,
        "disclosed": DISCLOSED,
        "audience": AUDIENCE,
        "nonce": NONCE,
        "shown": {name: shown(subject, index) for name, index in subject.certificates.items()},
    }


def shown(subject: Subject, index: int) -> str:
    """Fetch a certificate as SD-JWT VC and let its holder disclose two claims of it, bound."""
    address = f"{subject.url}registry/certificates/{index}"
    compact = fetched(address, "application/dc+sd-jwt").decode()
    return sdjwt.present(
        compact,
        list(DISCLOSED),
        holder=subject.holder,
        audience=AUDIENCE,
        nonce=NONCE,
        at=int(time.time()),
    )
