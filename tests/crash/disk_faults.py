"""Write to a home until the disk refuses, then make room and prove that nothing was lost.

Run as a program inside a mount namespace (see `test_disk.py`): `disk_faults.py full|readonly|limit
DIR`. `full` and `readonly` work on a real small file system, `limit` on RLIMIT_FSIZE. Prints the
error that a user would see, then `ok`.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kernel"))

from kernel_toy import TOY, count_act, open_toy, totals

from entrepot.kernel.audit import audit
from entrepot.kernel.errors import StorageError
from entrepot.kernel.home import Node
from entrepot.kernel.sequencer import Answer

ACTS_MAX = 5_000


def fill(node: Node, acts: list[bytes], answers: list[Answer]) -> StorageError:
    """Submit single acts until the disk refuses one; the last act made has no answer."""
    while len(acts) < ACTS_MAX:
        acts.append(count_act(node, 1, f"c{len(acts) // 900}"))
        try:
            answers.append(node.sequencer.submit(acts[-1]))
        except StorageError as error:
            return error
    raise AssertionError("the disk never refused")


def check(home: Path, node: Node, acts: list[bytes], answers: list[Answer]) -> None:
    """Every act has its first answer; the last one is accepted now; all of it is sound."""
    for act, earlier in zip(acts, answers, strict=False):
        again = node.sequencer.submit(act)
        assert (again.index, again.receipt) == (earlier.index, earlier.receipt)
        assert again.repeated
    last = node.sequencer.submit(acts[-1])
    assert last.index == len(acts), "sequenced once, wherever the disk refused"
    assert len(answers) in (len(acts), len(acts) - 1)
    assert sum(total for total, _ in totals(node).values()) == len(acts)
    node.close()
    checks = audit(home, (TOY,))
    assert all(item.passed for item in checks), checks


def leave_free(base: Path, pages: int) -> Path:
    """Fill the file system but for `pages` of 4 KiB; return the file that takes the room."""
    status = os.statvfs(base)
    taken = max(0, status.f_bavail * status.f_frsize - pages * 4096)
    ballast = base / "ballast"
    ballast.write_bytes(b"\0" * taken)
    return ballast


def export_fails(node: Node, folder: Path) -> None:
    """Half a proof folder is never left behind; a whole one is fine, if it still fits."""
    try:
        node.export(1, folder)
    except StorageError:
        assert not folder.exists()
    else:
        shutil.rmtree(folder)


def full(base: Path) -> None:
    """The disk gets full page by page, so that every write of an append fails once."""
    refused = Counter[str]()
    for pages in range(1, 41):
        home = base / f"h{pages}"
        acts: list[bytes] = []
        answers: list[Answer] = []
        with open_toy(home) as node:
            ballast = leave_free(base, pages)
            error = fill(node, acts, answers)
            if answers:
                export_fails(node, base / "proof")
            refused[f"{error.what} ({Path(str(error.value)).name})"] += 1
            if pages % 2:  # try again while it is still full
                with contextlib.suppress(StorageError):
                    answers.append(node.sequencer.submit(acts[-1]))
            if pages % 3:
                ballast.unlink()
                check(home, node, acts, answers)
        if not pages % 3:  # the process ended before there was room again
            ballast.unlink()
            with open_toy(home) as node:
                check(home, node, acts, answers)
        shutil.rmtree(home)
    print(dict(refused), error.remedy)


def readonly(base: Path) -> None:
    acts: list[bytes] = []
    answers: list[Answer] = []
    with open_toy(base / "h") as node:
        acts.append(count_act(node))
        answers.append(node.sequencer.submit(acts[0]))
        acts.append(count_act(node))
    subprocess.run(["mount", "-o", "remount,ro", str(base)], check=True)
    for where in (base / "h", base / "new"):
        try:
            open_toy(where).close()
        except StorageError as error:
            print(error)
        else:
            raise AssertionError("opened on a read-only file system")
    subprocess.run(["mount", "-o", "remount,rw", str(base)], check=True)
    with open_toy(base / "h") as node:
        check(base / "h", node, acts, answers)


def limit(base: Path) -> None:
    """No file may grow beyond 300 kB: the write-ahead log meets that first."""
    acts: list[bytes] = []
    answers: list[Answer] = []
    with open_toy(base / "h") as node:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
        print(fill(node, acts, answers))
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        check(base / "h", node, acts, answers)


if __name__ == "__main__":
    runs = {"full": full, "readonly": readonly, "limit": limit}
    runs[sys.argv[1]](Path(sys.argv[2]))
    print("ok")
