"""A full disk, a read-only one, a file size limit: real file systems, nothing lost."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("disk_faults.py")


def in_small_file_system(fault: str, base: Path, size: str) -> str:
    """Run a fault in its own mount namespace on a tmpfs of `size`; skip where that is forbidden."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare(1) is not installed")
    mount = f"mount -t tmpfs -o size={size} tmpfs {base}"
    probe = subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("this machine does not let us mount a small file system")
    line = f"{mount} && exec {sys.executable} {PROGRAM} {fault} {base}"
    return output_of(["unshare", "-rm", "sh", "-c", line])


def output_of(command: list[str]) -> str:
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0 and run.stdout.endswith("ok\n"), run.stdout + run.stderr
    return run.stdout


@pytest.mark.slow
def test_a_full_disk_is_said_so_and_loses_nothing(tmp_path: Path) -> None:
    """Forty homes, the disk filled page by page: commits, tiles and checkpoints meet it."""
    said = in_small_file_system("full", tmp_path, "8m")
    assert "free some space" in said
    for place in ("database or disk is full (store.sqlite)", "No space left on device"):
        assert place in said


def test_a_read_only_disk_is_said_so(tmp_path: Path) -> None:
    said = in_small_file_system("readonly", tmp_path, "8m")
    assert said.count("→") == 2


def test_a_file_size_limit_is_said_so_and_loses_nothing(tmp_path: Path) -> None:
    said = output_of([sys.executable, str(PROGRAM), "limit", str(tmp_path)])
    assert "→" in said
