"""What every benchmark shares: one figure, a fair clock, and peers run as separate programs."""

from __future__ import annotations

import json
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
    kind: str = "ours"
    """`ours`, `limit` (the least any such work costs) or `peer` (another program, same work)."""
    against: str = ""
    """For limits and peers: the name of our figure that is set against it."""
    wrong: int | None = None
    """Answers that differ from the reference, where answers were compared; must be 0."""
    goal: str = ""
    met: bool | None = None
    error: str = ""
    """Why there is no figure; then `value` means nothing."""


@dataclass(frozen=True)
class Spent:
    """Shortest wall time and least processor time (all threads) of several rounds, in seconds."""

    wall: float
    processor: float

    def __str__(self) -> str:
        return f"{self.wall:.3f} s ({self.processor:.3f} s of processor time)"


def seconds(work: Callable[[], object], *, rounds: int = 5) -> Spent:
    """Time `work` over `rounds`, after one round that does not count.

    The shortest, because what else runs on the machine only ever adds; used for ours and for the
    limits alike.
    """
    work()
    walls, processors = [], []
    for _ in range(rounds):
        started, before = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - started)
        processors.append(time.process_time() - before)
    return Spent(min(walls), min(processors))


def peer(python: Path, script: str, *arguments: str, timeout_s: int = 120) -> dict[str, Any]:
    """Run a peer's script in its own environment; it prints one JSON object as its last line."""
    if not python.exists():
        return {"error": "not installed"}
    try:
        done = subprocess.run(
            [str(python), str(ROOT / "benchmarks" / "peers" / script), *arguments],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"not finished after {timeout_s} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        reason = done.stderr.strip().splitlines()
        return {"error": reason[-1][:200] if reason else f"exit {done.returncode}"}
    result: dict[str, Any] = json.loads(lines[-1])
    return result


def failed_peer(name: str, error: str, against: str) -> Figure:
    """A peer that gave no figure, and why; it is reported and the others go on."""
    return Figure(name, 0.0, "", kind="peer", against=against, error=error)


def as_json(figures: list[Figure]) -> str:
    """Return figures as the JSON that `run.py` collects."""
    return json.dumps([asdict(figure) for figure in figures])
