"""Where the time of an inspection goes, stage by stage, in seconds of processor time.

    python benchmarks/profile_inspect.py [FILE]

Without FILE it takes the 100,000 × 19 table of the benchmark. Everything runs on one thread, one
stage after the other, so that processor time can be put down to a stage; the wall time of an
ordinary run on all cores is given beside it. Each stage counts without the stages inside it.
"""

from __future__ import annotations

import os

os.environ["POLARS_MAX_THREADS"] = os.environ.get("POLARS_MAX_THREADS", "1")

import argparse
import functools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from bench_inspect import DAY, table_19
from entrepot.law import Library
from entrepot.port import inspect as inspection
from entrepot.port.detect import catalog, defects, prose, scanner, shapes, sketch, sweep
from entrepot.port.facts import sensitivities
from entrepot.port.read import Table, open_dataset
from entrepot.port.residence import ResidenceCounter
from entrepot.port.risk import RiskMeter
from entrepot.port.subjects import PersonCounter


class Stages:
    """Processor seconds per stage, each without the stages inside it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._open: list[str] = []
        self._since = time.process_time()

    def _settle(self) -> None:
        now = time.process_time()
        if self._open:
            name = self._open[-1]
            self.seconds[name] = self.seconds.get(name, 0.0) + now - self._since
        self._since = now

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens inside to `name`."""
        self._settle()
        self._open.append(name)
        try:
            yield
        finally:
            self._settle()
            self._open.pop()

    def wrap(self, owner: Any, attribute: str, name: str) -> None:
        """Count every call of `owner.attribute` to `name`."""
        work = getattr(owner, attribute)
        setattr(owner, attribute, self.wrapped(work, name))

    def wrapped(self, work: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Return `work`, counted to `name`."""

        @functools.wraps(work)
        def counted(*arguments: Any, **options: Any) -> Any:
            with self.stage(name):
                return work(*arguments, **options)

        return counted


class _Held:
    """A table whose batches are already in memory."""

    def __init__(self, table: Table, frames: list[pl.DataFrame]) -> None:
        self._table = table
        self._frames = frames

    def __getattr__(self, name: str) -> object:
        return getattr(self._table, name)

    def batches(self, *_: object) -> Iterator[pl.DataFrame]:
        """Return the frames, whatever size is asked for."""
        return iter(self._frames)


def instrument(stages: Stages) -> None:
    """Put the stages around the functions that do the work."""
    for detector in catalog.CATALOG:
        if detector.check is not None:
            object.__setattr__(
                detector, "check", stages.wrapped(detector.check, "sweep: checksums")
            )
    stages.wrap(scanner._ColumnState, "feed", "hashing and distinct values of each batch")
    stages.wrap(sketch.DistinctCounter, "add", "distinct counters (columns, persons, rows)")
    stages.wrap(sketch.DistinctCounter, "_merge", "distinct counters (columns, persons, rows)")
    stages.wrap(sketch.Sample, "add", "sample of distinct values")
    stages.wrap(defects.Watch, "see", "spotting data defects")
    stages.wrap(sweep, "choose", "sweep: choosing what to count")
    stages.wrap(sweep.Sweep, "run", "sweep: chosen shapes in every cell")
    stages.wrap(sweep.Sweep, "_strays", "sweep: pattern for strays")
    stages.wrap(prose, "search", "search inside prose")
    stages.wrap(sweep, "measure", "sweep: strong detectors on strays")
    stages.wrap(scanner, "measure", "shapes over the samples")
    stages.wrap(shapes, "measure", "shapes over the samples")
    stages.wrap(scanner.ColumnScanner, "finish", "judging columns (headers, words, context)")
    stages.wrap(ResidenceCounter, "feed", "second pass: jurisdictions")
    stages.wrap(PersonCounter, "feed", "second pass: persons per class")
    stages.wrap(PersonCounter, "_keys", "second pass: person keys")
    stages.wrap(RiskMeter, "feed", "second pass: risk classes")
    stages.wrap(RiskMeter, "report", "second pass: risk report")
    stages.wrap(inspection, "_count", "second pass: duplicate rows")


def profile(path: Path) -> dict[str, float]:
    """Inspect `path` stage by stage; return seconds of processor time per stage."""
    library = Library.load()
    lists = sensitivities(library, DAY, DAY)
    names = {n.lower(): code for code, ns in library.jurisdictions.names.items() for n in ns}
    os.cpu_count = lambda: 1
    inspection.inspect_dataset(path, sensitivities=lists, country_names=names)  # warm up
    stages = Stages()
    instrument(stages)
    with open_dataset(path) as dataset:
        for table in dataset.tables:
            with stages.stage("reading and decoding"):
                frames = list(table.batches())
            with stages.stage("the rest"):
                inspection._inspect_table(_Held(table, frames), lists, names, hold=True)
    return stages.seconds


def ordinary(path: Path) -> float:
    """Wall seconds of an ordinary inspection in a process of its own (warm: the second run)."""
    code = (
        "import sys,time,pathlib,datetime\n"
        "from entrepot.law import Library\n"
        "from entrepot.port.inspect import inspect_under\n"
        "law=Library.load(); path=pathlib.Path(sys.argv[1]); day=datetime.date(2026,11,21)\n"
        "inspect_under(law,path,as_of=day)\n"
        "s=time.perf_counter(); inspect_under(law,path,as_of=day); print(time.perf_counter()-s)\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "POLARS_MAX_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return float(done.stdout)


def main() -> None:
    """Print the table."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("file", nargs="?", type=Path)
    path: Path = reader.parse_args().file or table_19()
    spent = profile(path)
    whole = sum(spent.values())
    size = path.stat().st_size
    print(f"{path.name}: {size / 1e6:.1f} MB\n\n| stage | s | share | ns/byte |\n|---|--:|--:|--:|")
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        share = seconds / whole
        print(f"| {name} | {seconds:.3f} | {share:.0%} | {seconds / size * 1e9:.2f} |")
    print(f"| **all, processor time on one thread** | {whole:.3f} | | {whole / size * 1e9:.2f} |")
    wall = ordinary(path)
    cores = os.sysconf("SC_NPROCESSORS_ONLN")
    print(f"\nordinary run: {wall:.3f} s, {size / wall / 1e6:.0f} MB/s on {cores} cores")


if __name__ == "__main__":
    main()
