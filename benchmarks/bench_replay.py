"""Replay and fsck of a large home: time, peak memory, equality; beside the bare cost of its proofs.

A home is made with real acts: a founded registry, 100 admitted providers with a key and four
products each, and releases signed by their keys, submitted in batches through the sequencer. Then
`entrepot replay` and `entrepot fsck` run as programs of their own on it. The limit beside them, in
the same run: hashing every entry and verifying every signature with libsodium on all cores.

    python benchmarks/bench_replay.py [--acts 100000] [--home DIR] [--json]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from measure import ROOT, Figure, as_json

sys.path.append(str(ROOT / "tests" / "registry"))
sys.path.append(str(ROOT / "tests" / "kernel"))

from product_world import NOW, World, metadata, world

from entrepot.kernel.acts import ActId, sign_act
from entrepot.kernel.keys import PublicKey, key_from_seed
from entrepot.kernel.sequencer import Answer
from entrepot.kernel.snapshot import open_snapshot

PROVIDERS, PRODUCTS_EACH, BATCH = 100, 4, 2_000
SAMPLE = 20_000
"""Entries whose hashing and verification is timed for the limit."""

Product = tuple[bytes, int]
"""Seed of the provider's key, and the index under which the product was filed."""


def sign_releases(products: Sequence[Product], first: int, count: int) -> list[bytes]:
    """Return signed releases, one version of one product each; runs in a process of its own."""
    keys = {seed: key_from_seed(seed) for seed, _ in products}
    signed = []
    for number in range(first, first + count):
        seed, product = products[number % len(products)]
        body = {
            "product": product,
            "version": f"{number // len(products) + 1}",
            "sha256": hashlib.sha256(b"release %d" % number).hexdigest(),
            "bytes": 1_000_000 + number,
            "rows": 1_000 + number % 9_999,
            "period": {"from": "2026-10-01", "until": "2026-10-31"},
        }
        act_id = ActId((1 << 100 | number).to_bytes(16, "big"))
        signed.append(sign_act(keys[seed], "release-product", body, issued_at=NOW, act_id=act_id))
    return signed


def admit_providers(made: World) -> list[Product]:
    """Admit the providers by application and human decision; file their products."""
    products = []
    for number in range(PROVIDERS):
        name = f"Provider {number}"
        party = made.admit(name, "provider")
        seed = hashlib.sha256(name.encode()).digest()
        for at in range(PRODUCTS_EACH):
            title = {"en": f"Readings {at} of {name}"}
            products.append(
                (seed, made.done(party, "file-product", {"metadata": metadata(title=title)}))
            )
    return products


def batches(products: Sequence[Product], acts: int) -> Iterator[list[bytes]]:
    """Yield signed acts while a second process signs the next ones."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as signer:
        starts = range(0, acts, BATCH)
        waiting = [
            signer.submit(sign_releases, products, first, min(BATCH, acts - first))
            for first in starts[:4]
        ]
        for first in [*starts[4:], *[None] * min(4, len(starts))]:
            yield waiting.pop(0).result()
            if first is not None:
                count = min(BATCH, acts - first)
                waiting.append(signer.submit(sign_releases, products, first, count))


def make_home(home: Path, acts: int) -> float:
    """Fill a new home; return the seconds that submitting took."""
    with world(home) as made:
        products = admit_providers(made)
        started = time.perf_counter()
        done = 0
        for batch in batches(products, acts):
            answers = made.node.sequencer.submit_batch(batch)
            wrong = [answer for answer in answers if not isinstance(answer, Answer)]
            assert not wrong, wrong[0]
            done += len(batch)
            if done % 50_000 < BATCH:
                rate = done / (time.perf_counter() - started)
                print(f"{done:,} acts, {rate:,.0f} a second", file=sys.stderr)
        return time.perf_counter() - started


def run_program(*arguments: str) -> tuple[dict[str, Any], float, int]:
    """Run `entrepot` and return what it printed as JSON, its seconds, its peak memory in bytes."""
    code = "import sys; from entrepot.node.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, *arguments, "--json"]
    started = time.perf_counter()
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(command, stdout=printed)
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        return json.load(printed), time.perf_counter() - started, usage.ru_maxrss * 1024


def limit_s(home: Path, entries: int) -> float:
    """Return the seconds that hashing and verifying all entries must cost, from a sample."""
    from entrepot.kernel.acts import SignedAct
    from entrepot.kernel.cose import signed_bytes
    from entrepot.kernel.record import decode_evidence

    jobs: list[tuple[PublicKey, bytes, bytes]] = []
    hashed: list[bytes] = []
    keys: dict[bytes, PublicKey] = {}
    for number in range(PROVIDERS):
        key = key_from_seed(hashlib.sha256(f"Provider {number}".encode()).digest()).public
        keys[key.kid] = key
    with open_snapshot(home) as snapshot:
        checkpoint = snapshot.checkpoint()
        assert checkpoint is not None
        for portion in snapshot.portions(checkpoint.size):
            hashed += portion.entries
            for row in portion.rows.values():
                if row.issuer in keys:
                    message = SignedAct(decode_evidence(row.evidence).act)._sign1
                    signed = signed_bytes(message.protected_bytes, message.payload or b"")
                    jobs.append((keys[row.issuer], message.signature, signed))
            if len(jobs) >= SAMPLE:
                break
    started = time.perf_counter()
    for entry in hashed:
        hashlib.sha256(entry).digest()
    cores = os.cpu_count() or 1
    parts = [jobs[at::cores] for at in range(cores)]
    with ThreadPoolExecutor(cores) as threads:
        list(threads.map(lambda part: [key.verify(*rest) for key, *rest in part], parts))
    return (time.perf_counter() - started) / len(jobs) * entries


def figures(home: Path, acts: int, made_s: float | None) -> list[Figure]:
    """Measure both programs and the limit; a result that is not equal has `wrong` above 0."""
    found = []
    if made_s is not None:
        found.append(Figure("acts into the home", acts / made_s, "1/s", f"{acts:,} releases"))
    for name, program, is_right in (
        ("replay", "replay", lambda view: view["report"]["equal"]),
        ("fsck", "fsck", lambda view: view["ok"]),
    ):
        view, elapsed_s, peak_bytes = run_program(program, "--home", str(home))
        wrong = 0 if is_right(view) else 1
        note = f"{peak_bytes / (1 << 20):,.0f} MiB at most, {acts / elapsed_s:,.0f} acts a second"
        found.append(Figure(f"{name} of {acts:,} acts", elapsed_s, "s", note, wrong=wrong))
        found.append(
            Figure(
                f"peak memory of {name}",
                peak_bytes / (1 << 20),
                "MiB",
                goal="under 500 MiB at 1,000,000 acts",
                met=peak_bytes < 500 << 20,
            )
        )
    limit = limit_s(home, acts)
    against = f"fsck of {acts:,} acts"
    note = "SHA-256 and Ed25519 of every act, all cores, nothing else"
    found.append(Figure("proofs alone", limit, "s", note, kind="limit", against=against))
    return found


def main() -> int:
    """Print the figures; exit 1 when state was not equal or a check failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--acts", type=int, default=100_000)
    parser.add_argument("--home", type=Path, help="keep the home here; used as it is when there")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="entrepot-bench-") as folder:
        home = arguments.home or Path(folder) / "home"
        made_s = None if (home / "store.sqlite").exists() else make_home(home, arguments.acts)
        found = figures(home, arguments.acts, made_s)
    if arguments.json:
        print(as_json(found))
    else:
        for figure in found:
            print(f"{figure.name:<34} {figure.value:>12,.1f} {figure.unit:<5} {figure.note}")
    return 1 if any(figure.wrong for figure in found) else 0


if __name__ == "__main__":
    sys.exit(main())
