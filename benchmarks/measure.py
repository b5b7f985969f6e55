"""What every benchmark shares: one figure, a fair clock, and peers run as separate programs."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "benchmarks" / ".work"
PEERS = ROOT / "benchmarks" / ".venv" / "bin" / "python"
PROFILER = ROOT / "benchmarks" / ".venv-profiler" / "bin" / "python"


@dataclass
class Figure:
    """One measured number: what, how much, in which unit, and how it was got."""

    name: str
    value: float
    unit: str
    note: str = ""
    limit: bool = False
    """True for a limit (the best that could be) or a peer, against which ours is set."""
    wrong: int | None = None
    """Answers that differ from the reference, where answers were compared; must be 0."""


def seconds(work: Callable[[], object], *, rounds: int = 5) -> float:
    """Median wall time of `work` over `rounds`, after one round that does not count."""
    work()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def per_second(work: Callable[[int], object], *, budget_s: float = 1.0) -> float:
    """Calls per second of `work(n)`, which does its work n times; n grows to fill the budget."""
    count = 1
    while True:
        started = time.perf_counter()
        work(count)
        spent = time.perf_counter() - started
        if spent >= budget_s / 4:
            rates = [count / spent]
            for _ in range(3):
                started = time.perf_counter()
                work(count)
                rates.append(count / (time.perf_counter() - started))
            return statistics.median(rates)
        count = max(count * 2, int(count * budget_s / 3 / max(spent, 1e-9)))


def peer(python: Path, script: str, *arguments: str, timeout_s: int = 900) -> dict[str, Any]:
    """Run a peer's script in its own environment; it prints one JSON object as its last line."""
    if not python.exists():
        return {"error": "not installed"}
    done = subprocess.run(
        [str(python), str(ROOT / "benchmarks" / "peers" / script), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        reason = done.stderr.strip().splitlines()
        return {"error": reason[-1][:200] if reason else f"exit {done.returncode}"}
    result: dict[str, Any] = json.loads(lines[-1])
    return result


def as_json(figures: list[Figure]) -> str:
    """Return figures as the JSON that `run.py` collects."""
    return json.dumps([asdict(figure) for figure in figures])
