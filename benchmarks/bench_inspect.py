"""Inspection, full scan of every cell, beside reading the file, Presidio and DataProfiler.

    python benchmarks/bench_inspect.py [--large GB]

Throughput is always bytes of the cells really looked at, separators included, per second. Warm
figures: the second and later inspections in one process, file in the page cache; `polars.read_csv`
is measured the same way. Cold: a fresh process, the file first dropped from the page cache.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from entrepot.law import Library
from entrepot.port.generate import CustomerTable
from entrepot.port.inspect import inspect_under
from entrepot.port.model import Inspection
from measure import PEERS, PROFILER, WORK, Figure, as_json, failed_peer, peer, seconds

ROWS = 100_000
PEER_ROWS = 1_000
BATCH_ROWS = 250_000
DAY = date(2026, 11, 21)
OURS = "inspect, every cell, warm"
MEMORY_MIB_MAX = 1024
WORDS = """delivered late asked for a refund twice parcel damaged called again thanks green blue
box garden""".split()
EXPECTED = {
    "customer_id": "record-id",
    "full_name": "person-name",
    "gender": "gender",
    "birth_date": "date-of-birth",
    "phone": "phone",
    "email": "email",
    "street": "address",
    "id_number": "national-id",
    "refund_account": "finance-account",
    "health_note": "health",
    "last_order_on": "date",
    "note": "free-text",
    "ip": "ip",
}
"""Columns of the benchmark table whose category leaves no room for opinion."""


def table_19() -> Path:
    """A 100,000 × 19 CSV of 32 MB: the demo's customers, widened by prose and addresses."""
    out = WORK / "people-100000x19.csv"
    if out.exists():
        return out
    WORK.mkdir(exist_ok=True)
    rng = np.random.default_rng(19)
    frame = pl.concat(CustomerTable(rows=ROWS, sensitive_share=1.0, seed=19).batches())
    prose = [" ".join(rng.choice(WORDS, 24)) for _ in range(5_000)]
    frame = frame.with_columns(
        note=pl.Series(prose).gather(rng.integers(0, 5_000, ROWS)),
        ip=pl.concat_str(
            *(pl.Series(f"o{i}", rng.integers(1, 255, ROWS)).cast(pl.String) for i in range(4)),
            separator=".",
        ),
        order_no="ORD-" + pl.Series(rng.integers(10**9, 10**10, ROWS)).cast(pl.String),
    )
    frame = frame.select(frame.columns[:19])
    assert frame.width == 19, frame.width
    return _written(out, lambda stream: frame.write_csv(stream))


def large_file(size_bytes: int) -> Path:
    """A file of about `size_bytes`: running ids, all other cells of two million persons again."""
    out = WORK / f"people-{size_bytes // 10**6}MB.csv"
    if out.exists():
        return out
    WORK.mkdir(exist_ok=True)
    room = shutil.disk_usage(WORK).free
    if room < size_bytes * 1.2:
        sys.exit(f"error: {size_bytes / 1e9:.0f} GB wanted in {WORK}, {room / 1e9:.0f} GB free")

    made: dict[int, pl.DataFrame] = {}

    def write(stream: object) -> None:
        number = 0
        while stream.tell() < size_bytes:  # type: ignore[attr-defined]
            seed = number % 8
            if seed not in made:
                table = CustomerTable(rows=BATCH_ROWS, sensitive_share=1.0, seed=seed)
                made[seed] = pl.concat(table.batches())
            ids = pl.int_range(BATCH_ROWS) + number * BATCH_ROWS
            part = made[seed].with_columns(customer_id="C" + ids.cast(pl.String).str.zfill(9))
            part.write_csv(stream, include_header=number == 0)  # type: ignore[call-overload]
            number += 1

    return _written(out, write)


def _written(out: Path, write: Callable[[object], object]) -> Path:
    """Write a file whole or not at all."""
    unfinished = out.with_suffix(".part")
    with unfinished.open("wb") as stream:
        write(stream)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.rename(out)
    return out


def warm() -> list[Figure]:
    """Ours in this process, and reading the file as the limit."""
    path = table_19()
    size = path.stat().st_size
    law = Library.load()
    found: list[Inspection] = []
    ours = seconds(lambda: found.append(inspect_under(law, path, as_of=DAY)), rounds=5)
    read = seconds(lambda: pl.read_csv(path, infer_schema=False), rounds=7)
    last = found[-1]
    assert last.rows == ROWS, last.rows
    got = {column.name: str(column.category) for column in last.columns}
    rate = size / ours.wall / 1e6
    return [
        Figure(
            OURS,
            rate,
            "MB/s",
            f"{ROWS:,} × {len(got)}, {size / 1e6:.1f} MB in {ours}",
            wrong=sum(got.get(name) != category for name, category in EXPECTED.items()),
            goal="100 MB/s",
            met=rate >= 100,
        ),
        Figure(
            "polars.read_csv, every column as text",
            size / read.wall / 1e6,
            "MB/s",
            f"{read}; the goal is to stay within 4 ×",
            kind="limit",
            against=OURS,
            goal="ratio ≥ 0.25",
            met=read.wall / ours.wall >= 0.25,
        ),
    ]


def cold() -> Figure:
    """The command line from nothing: start of Python, laws, dictionaries, file from the disk."""
    path = table_19()
    size = path.stat().st_size
    command = [str(Path(sys.executable).with_name("entrepot")), "inspect", str(path), "--json"]
    name = "entrepot inspect --json, cold"
    times = []
    for _ in range(3):
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)
        started = time.perf_counter()
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        times.append(time.perf_counter() - started)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
            return Figure(name, 0.0, "MB/s", error=reason[:200])
    return Figure(
        name,
        size / min(times) / 1e6,
        "MB/s",
        f"whole command {min(times):.2f} s",
    )


def peers() -> list[Figure]:
    """Presidio and DataProfiler on the first rows of the same file."""
    path = str(table_19())
    figures = []
    for name, python, script, arguments in [
        ("Presidio, patterns only", PEERS, "presidio.py", [path, str(PEER_ROWS)]),
        (
            "DataProfiler, labels, every cell",
            PROFILER,
            "dataprofiler_labels.py",
            [path, str(PEER_ROWS)],
        ),
        ("DataProfiler, labels, its own sample", PROFILER, "dataprofiler_labels.py", [path]),
    ]:
        result = peer(python, script, *arguments)
        if "error" in result:
            figures.append(failed_peer(name, result["error"], OURS))
            continue
        note = f"version {result['version']}, {result['rows']:,} rows in {result['seconds']:.1f} s"
        if result.get("file_bytes", 0) > result["bytes"]:
            whole = result["file_bytes"] / result["seconds"] / 1e6
            note += f"; {whole:.1f} MB/s if the cells not looked at counted"
        rate = result["bytes"] / result["seconds"] / 1e6
        figures.append(Figure(name, rate, "MB/s", note, kind="peer", against=OURS))
    return figures


_INSPECT_ONE = """
import datetime, json, pathlib, sys, threading, time
from entrepot.law import Library
from entrepot.port.inspect import inspect_under

peak = {"RssAnon": 0, "RssShmem": 0}
over = threading.Event()

def watch():
    while not over.wait(0.02):
        status = open("/proc/self/status").read()
        for name in peak:
            peak[name] = max(peak[name], int(status.split(name + ":")[1].split()[0]))

law = Library.load()
watcher = threading.Thread(target=watch, daemon=True)
watcher.start()
started = time.perf_counter()
day = datetime.date.fromisoformat(sys.argv[2])
found = inspect_under(law, pathlib.Path(sys.argv[1]), as_of=day)
spent = time.perf_counter() - started
over.set()
watcher.join()
print(json.dumps({"seconds": spent, "kib": sum(peak.values()), "rows": found.rows,
                  "persons": found.table.persons, "exact": found.table.persons_exact}))
"""


def large(size_bytes: int) -> list[Figure]:
    """Speed and memory of one large inspection in a process of its own."""
    import json

    path = large_file(size_bytes)
    done = subprocess.run(
        [sys.executable, "-c", _INSPECT_ONE, str(path), DAY.isoformat()],
        capture_output=True,
        text=True,
        check=False,
    )
    name = f"inspect, {size_bytes / 1e9:.0f} GB file"
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        return [Figure(name, 0.0, "MB/s", error=reason[:200])]
    result = json.loads(done.stdout.splitlines()[-1])
    size = path.stat().st_size
    mebibytes = result["kib"] / 1024
    how = "exact" if result["exact"] else "estimated"
    return [
        Figure(
            name,
            size / result["seconds"] / 1e6,
            "MB/s",
            f"{size / 1e9:.2f} GB, {result['rows']:,} rows, {result['persons']:,} persons ({how}), "
            f"{result['seconds']:.0f} s",
        ),
        Figure(
            f"{name}: memory",
            mebibytes,
            "MiB",
            "largest RssAnon + RssShmem of the process, seen every 20 ms; file cache not counted",
            goal="< 1,024 MiB",
            met=mebibytes < MEMORY_MIB_MAX,
        ),
    ]


if __name__ == "__main__":
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--large", type=float, default=1.0, metavar="GB")
    reader.add_argument("--only-large", action="store_true")
    chosen = reader.parse_args()
    figures = [] if chosen.only_large else [*warm(), cold(), *peers()]
    if chosen.large:
        figures += large(int(chosen.large * 1e9))
    print(as_json(figures))
