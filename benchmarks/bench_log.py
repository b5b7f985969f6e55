"""Durable appends to the log, beside pymerkle and beside bare hashing with one fsync.

All rows are measured in the same run, in turns, on the same file system: batches of 1,000 entries
of 330 bytes, the median of the rounds. A durable append is everything `Log.append` does: journal
commit (SQLite, synchronous=FULL), tiles and bundles written and flushed, checkpoint signed with
Ed25519 and ML-DSA-44, written, flushed, renamed. Nothing is checked or decided here: `acts` rows
show what the sequencer does end to end, with signatures.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from entrepot.kernel.acts import new_act_id, sign_act, verify_act
from entrepot.kernel.decisions import Effect, Granted
from entrepot.kernel.home import Node, open_node
from entrepot.kernel.institution import ActKind, Facts, Institution, Request

BATCH = 1_000
ENTRY = os.urandom(330)
GOAL_PER_S = 100_000


class _Note(msgspec.Struct, frozen=True):
    text: str


def _facts(_read: sa.Connection, _request: Request[_Note]) -> Facts:
    return Facts({"known": True})


NOTES = Institution(
    "notes",
    (
        ActKind(
            "note",
            lambda body: msgspec.convert(body, _Note),
            _facts,
            lambda request, _facts: Granted((Effect("noted", {"text": request.body.text}),)),
        ),
    ),
)


def rates(rounds: dict[str, Callable[[], int]], seconds: float) -> dict[str, float]:
    """Run the rounds in turns until the time is up; return the median rate of each, per second."""
    found: dict[str, list[float]] = {name: [] for name in rounds}
    for work in rounds.values():
        work()  # once to warm up
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(map(len, found.values())) < 3:
        for name, work in rounds.items():
            before = time.perf_counter()
            done = work()
            found[name].append(done / (time.perf_counter() - before))
    return {name: statistics.median(values) for name, values in found.items()}


@contextmanager
def pymerkle_log(path: Path) -> Iterator[Callable[[], int]]:
    """Yield a round of pymerkle's own bulk append into its SQLite store (its default pragmas)."""
    from pymerkle import SqliteTree

    with SqliteTree(str(path), algorithm="sha256") as tree:

        def round_of() -> int:
            tree.append_entries([ENTRY] * BATCH, chunksize=BATCH)
            return BATCH

        yield round_of


def bare(path: Path) -> Callable[[], int]:
    """Return a round of the least any such log does: hash leaves and nodes, write, one fsync."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def round_of() -> int:
        level = [sha256(b"\0" + ENTRY).digest() for _ in range(BATCH)]
        while len(level) > 1:
            level = [
                sha256(b"\1" + level[i] + level[i + 1]).digest()
                for i in range(0, len(level) - 1, 2)
            ]
        os.write(descriptor, ENTRY * BATCH + level[0])
        os.fsync(descriptor)
        return BATCH

    return round_of


def append_rounds(node: Node) -> dict[str, Callable[[], int]]:
    """Return the rounds on our own log: appends, and acts end to end."""
    body = {"text": "x" * 100}
    acts = [
        sign_act(node.party, "note", body, issued_at=1, act_id=new_act_id()) for _ in range(200)
    ]
    key = node.party.public

    def appends() -> int:
        node.log.append([ENTRY] * BATCH)
        return BATCH

    def verifications() -> int:
        for act in acts:
            verify_act(act, key)
        return len(acts)

    def whole_acts() -> int:
        fresh = [sign_act(node.party, "note", body, issued_at=1, act_id=new_act_id())
                 for _ in range(200)]  # fmt: skip
        before = time.perf_counter()
        node.sequencer.submit_batch(fresh)
        whole_acts_seconds.append(time.perf_counter() - before)
        return len(fresh)

    return {"append": appends, "verify": verifications, "acts": whole_acts}


whole_acts_seconds: list[float] = []


def tessera_rate(folder: Path, seconds: float) -> float | None:
    """Return how many entries a second a Tessera log takes in this process's place, or None.

    The same batches on the same file system, in Tessera's own process: every entry has its durable
    index when it is counted, while tiles and checkpoint follow in the background, which ours has
    done by then too. None when Go or its modules are not here.
    """
    go = shutil.which("go")
    if go is None:
        return None
    program = folder / "check"
    source = Path(__file__).resolve().parents[1] / "conformance" / "go"
    built = subprocess.run([go, "build", "-o", str(program), "."], cwd=source, capture_output=True)
    if built.returncode:
        return None
    done = subprocess.run(
        [str(program), "rate", str(folder / "tessera"), str(BATCH), str(seconds)],
        capture_output=True,
        text=True,
        timeout=60 + seconds,
    )
    return None if done.returncode else float(json.loads(done.stdout)["entries_s"])


def run(seconds_budget: float) -> list[dict[str, Any]]:
    """Measure within about `seconds_budget` seconds; one dict per row: name, value, unit, ratio."""
    whole_acts_seconds.clear()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        with (
            open_node(base / "home", institutions=(NOTES,)) as node,
            pymerkle_log(base / "pymerkle.sqlite") as peer,
        ):
            ours = append_rounds(node)
            rounds = {"ours": ours["append"], "pymerkle": peer, "bare": bare(base / "bare")}
            found = rates(rounds, seconds_budget * 0.6)
            found |= rates({"verify": ours["verify"], "acts": ours["acts"]}, seconds_budget * 0.4)
            found["acts"] = 200 / statistics.median(whole_acts_seconds[1:])
        tessera = tessera_rate(base, seconds_budget * 0.2)
        if tessera is not None:
            found["tessera"] = tessera
    return table(found)


def table(found: dict[str, float]) -> list[dict[str, Any]]:
    """Return the rows with our ratio to each peer and to the limit."""
    ours = found["ours"]
    rows = [
        ("durable appends, batches of 1,000", ours, {"goal": ours / GOAL_PER_S}),
        ("pymerkle SQLite, bulk of 1,000", found["pymerkle"], {"ours": ours / found["pymerkle"]}),
        *(
            [("Tessera (Go), POSIX files, batches of 1,000", found["tessera"],
              {"ours": ours / found["tessera"]})]
            if "tessera" in found else []
        ),
        ("bare SHA-256 tree and one fsync", found["bare"], {"ours": ours / found["bare"]}),
        ("acts verified (Ed25519, strict CBOR)", found["verify"], {}),
        ("acts end to end, batches of 200", found["acts"], {"verify": found["acts"]
                                                            / found["verify"]}),
    ]  # fmt: skip
    return [
        {
            "name": name,
            "value": round(value),
            "unit": "1/s",
            "ratio_to": {key: round(ratio, 3) for key, ratio in ratios.items()},
        }
        for name, value, ratios in rows
    ]


def main() -> int:
    """Print the rows; with --json as JSON. A missed goal is a ratio below 1, not an error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    rows = run(arguments.seconds)
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            ratios = ", ".join(f"{value}x {name}" for name, value in row["ratio_to"].items())
            print(f"{row['name']:<40} {row['value']:>10,} {row['unit']}  {ratios}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
