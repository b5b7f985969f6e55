"""Inspection, full scan of every cell, beside reading the file, Presidio and DataProfiler."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from entrepot.law import Library
from entrepot.port.generate import CustomerTable
from entrepot.port.inspect import inspect_dataset
from measure import PEERS, PROFILER, WORK, Figure, as_json, peer, seconds

ROWS = 100_000
PEER_ROWS = 1_000
DAY = date(2026, 11, 21)


def table_19() -> Path:
    """A 100,000 × 19 CSV of about 40 MB: the demo's customers, widened by prose and addresses."""
    out = WORK / "people-100000x19.csv"
    if out.exists():
        return out
    WORK.mkdir(exist_ok=True)
    rng = np.random.default_rng(19)
    frame = pl.concat(CustomerTable(rows=ROWS, sensitive_share=1.0, seed=19).batches())
    words = pl.Series(
        [
            "delivered",
            "late",
            "asked",
            "for",
            "a",
            "refund",
            "twice",
            "parcel",
            "damaged",
            "called",
            "again",
            "thanks",
            "green",
            "blue",
            "box",
            "garden",
        ]
    )
    prose = [" ".join(words.gather(pl.Series(rng.integers(0, 16, 24)))) for _ in range(5_000)]
    frame = frame.with_columns(
        note=pl.Series(prose).gather(pl.Series(rng.integers(0, 5_000, ROWS))),
        ip=pl.concat_str(
            *(pl.Series(f"o{i}", rng.integers(1, 255, ROWS)).cast(pl.String) for i in range(4)),
            separator=".",
        ),
        order_no="ORD-" + pl.Series(rng.integers(10**9, 10**10, ROWS)).cast(pl.String),
    ).select(pl.all())
    frame = frame.select(frame.columns[:19])
    assert frame.width == 19, frame.width
    frame.write_csv(out)
    return out


def big_file(size_bytes: int) -> Path:
    """A file of about `size_bytes`, the same table over and over with running ids."""
    out = WORK / f"people-{size_bytes // 10**6}MB.csv"
    if out.exists():
        return out
    with out.open("wb") as stream:
        number = 0
        while stream.tell() < size_bytes:
            part = pl.concat(
                CustomerTable(rows=250_000, sensitive_share=1.0, seed=number).batches()
            )
            part = part.with_columns(
                customer_id="C"
                + (pl.int_range(250_000) + number * 250_000).cast(pl.String).str.zfill(9)
            )
            part.write_csv(stream, include_header=number == 0)
            number += 1
    return out


def run(*, big_bytes: int = 0) -> list[Figure]:
    """Measure all; with `big_bytes` also the memory of one large inspection."""
    path = table_19()
    size = path.stat().st_size
    law = Library.load()
    lists = law.sensitivities(DAY, DAY)
    names = law.jurisdictions.by_name()
    ours = seconds(
        lambda: inspect_dataset(path, sensitivities=lists, country_names=names), rounds=5
    )
    read = seconds(lambda: pl.read_csv(path, infer_schema=False), rounds=5)
    figures = [
        Figure(
            "inspect, every cell",
            size / ours / 1e6,
            "MB/s",
            f"{ROWS:,} × 19, {size / 1e6:.1f} MB, {ours:.2f} s",
        ),
        Figure(
            "polars.read_csv, all as text (limit)",
            size / read / 1e6,
            "MB/s",
            f"{read:.3f} s",
            limit=True,
        ),
    ]
    for name, python, script, arguments in [
        ("Presidio, patterns only", PEERS, "presidio.py", [str(path), str(PEER_ROWS)]),
        ("DataProfiler, labels, its own sample", PROFILER, "dataprofiler_labels.py", [str(path)]),
        (
            "DataProfiler, labels, every cell",
            PROFILER,
            "dataprofiler_labels.py",
            [str(path), str(PEER_ROWS)],
        ),
    ]:
        result = peer(python, script, *arguments)
        if "error" in result:
            figures.append(Figure(name, 0.0, "MB/s", f"did not run: {result['error']}", limit=True))
        else:
            note = f"{result['version']}, {result['rows']:,} rows in {result['seconds']:.1f} s"
            figures.append(
                Figure(name, result["bytes"] / result["seconds"] / 1e6, "MB/s", note, limit=True)
            )
    if big_bytes:
        figures += memory_of(big_file(big_bytes))
    return figures


def memory_of(path: Path) -> list[Figure]:
    """Inspect `path` in a process of its own; report speed and its largest anonymous memory."""
    code = (
        "import sys,time,threading,pathlib\n"
        "from entrepot.port.inspect import inspect_dataset\n"
        "peak=[0]\n"
        "def watch():\n"
        "  while True:\n"
        "    t=open('/proc/self/status').read()\n"
        "    v=int(t.split('RssAnon:')[1].split()[0]); peak[0]=max(peak[0],v); time.sleep(0.05)\n"
        "threading.Thread(target=watch,daemon=True).start()\n"
        "s=time.perf_counter(); i=inspect_dataset(pathlib.Path(sys.argv[1]),sensitivities={})\n"
        "print(time.perf_counter()-s, peak[0], i.rows, i.table.persons)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    spent, peak_kib, rows, _ = done.stdout.split()
    size = path.stat().st_size
    return [
        Figure(
            "inspect, large file",
            size / float(spent) / 1e6,
            "MB/s",
            f"{size / 1e9:.2f} GB, {int(rows):,} rows, {float(spent):.0f} s",
        ),
        Figure(
            "inspect, large file: memory",
            int(peak_kib) / 1024,
            "MiB",
            "largest anonymous resident memory (file cache not counted)",
        ),
    ]


if __name__ == "__main__":
    big = int(float(sys.argv[1]) * 1e9) if len(sys.argv) > 1 else 0
    print(as_json(run(big_bytes=big)))
