"""Foreign software verifies a node: `make conformance`.

A registry is made by real acts, served over loopback HTTP, and handed to verifiers that its authors
did not write. Each line says which client in which version checked what, how often it held, and
how many forgeries it refused. A client that is not installed is skipped, with a word on how to get
it; a check that fails ends the run with exit code 1. --write puts the figures on
docs/reference/conformance.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import with_go
import with_javascript
import with_python
from holding import Check, Run
from page import write_page
from subject import Subject, make_subject, served

from entrepot.kernel.checkpoint import verify_checkpoint
from entrepot.kernel.home import open_node
from entrepot.node.installed import installed

WHILE_SERVED: tuple[tuple[str, Check], ...] = (
    ("Go: golang.org/x/mod/sumdb, Tessera", with_go.read_our_log),
    ("Go: a Tessera log that our witness cosigns", with_go.be_witnessed),
    ("JavaScript: jose, @sd-jwt, @digitalbazaar, jsonld", with_javascript.read_our_credentials),
    ("Python: sd-jwt", with_python.credentials_by_sd_jwt),
    ("Python: cwt", with_python.by_cwt),
    ("Python: aics-tlog", with_python.by_aics_tlog),
)
AT_REST: tuple[tuple[str, Check], ...] = (
    ("Go: omniwitness cosigns our log", with_go.witness_us),
    ("JavaScript: @sigstore/verify", with_javascript.read_our_log),
    ("Python: scitt-cose", with_python.receipts_by_scitt_cose),
)
"""Checks that open the home themselves, or serve it in their own way."""


def main() -> int:
    """Run every check; return 1 when one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print findings as JSON")
    parser.add_argument("--write", action="store_true", help="write docs/reference/conformance.md")
    options = parser.parse_args()
    began = time.monotonic()
    run = Run(options.json)
    with tempfile.TemporaryDirectory() as folder:
        subject = make_subject(Path(folder))
        size = size_of(subject)
        if not options.json:
            print(f"a log of {size:,} entries, {len(subject.checkpoints)} older checkpoints")
        with served(subject):
            for name, check in WHILE_SERVED:
                run.hold(name, check, subject)
        for name, check in AT_REST:
            run.hold(name, check, subject)
    seconds = time.monotonic() - began
    if not options.json:
        print(f"{seconds:.0f} s; {len(run.skipped)} skipped, {len(run.failed)} failed")
    if options.write and not run.failed:
        write_page(run.findings, run.skipped, size=size, seconds=seconds)
    return 1 if run.failed else 0


def size_of(subject: Subject) -> int:
    """Verify the newest checkpoint with our own verifier and return the size of its tree."""
    with open_node(subject.home, institutions=installed()) as node:
        return verify_checkpoint(node.log.checkpoint(), node.signer.keys).size


if __name__ == "__main__":
    sys.exit(main())
