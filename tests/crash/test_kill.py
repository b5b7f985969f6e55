"""kill -9 at every step of the sequencer: no answered act lost, none applied twice, log = state."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

KILLER = Path(__file__).with_name("killer.py")


def killed(home: Path, kills: int, seed: int, *options: str) -> dict[str, object]:
    home.mkdir()
    run = subprocess.run(
        [
            sys.executable,
            str(KILLER),
            "--kills",
            str(kills),
            "--seed",
            str(seed),
            "--home",
            home,
            *options,
        ],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    print(run.stdout[-2000:], run.stderr[-2000:])
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    counts: dict[str, object] = json.loads(run.stdout.splitlines()[-1])
    assert (counts["lost"], counts["doubled"], counts["unsound"]) == ([], [], [])
    return counts


def test_twenty_kills_one_at_each_step(tmp_path: Path) -> None:
    counts = killed(tmp_path / "homes", 20, 1, "--light")
    assert counts["kills"] >= 20


@pytest.mark.slow
def test_two_hundred_kills(tmp_path: Path) -> None:
    counts = killed(tmp_path / "homes", 200, 20261121)
    assert counts["kills"] >= 200
    killed_at = counts["killed_at"]
    assert isinstance(killed_at, dict)
    assert len(killed_at) == 18 and all(killed_at.values()), "every step was hit"
