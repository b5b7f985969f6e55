"""The server's disk is full: a real small file system under a real PostgreSQL; nothing is lost."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernel_toy import COUNT, NOW, TOY, audit, count_act, shape

from entrepot.kernel.acts import ActId
from entrepot.kernel.errors import StorageError
from entrepot.kernel.home import open_node
from entrepot.kernel.institution import ActKind, Institution
from entrepot.kernel.sequencer import Answer

SIZE = "96m"
HOARD = Institution("hoard", (ActKind("hoard", shape, COUNT.facts, COUNT.decide),))
"""Acts with large evidence and no state: an index row has its own limit (8 KiB / 3)."""


class SmallDisk:
    """A mount namespace in which the cluster's folder is a tmpfs; the write-ahead log is outside.

    A process that sleeps keeps it, so that the disk outlives the server.
    """

    def __init__(self, server: Any) -> None:
        self.cluster = server.folder / "cluster"
        kept = server.folder / "kept"
        self.cluster.rename(kept)
        self.cluster.mkdir()
        script = (
            f"mount -t tmpfs -o size={SIZE} tmpfs {self.cluster} && cp -a {kept}/. {self.cluster}/"
            f" && chown --reference={kept} {self.cluster} && chmod 700 {self.cluster}"
            f" && rm -r {self.cluster}/pg_wal && ln -s {kept}/pg_wal {self.cluster}/pg_wal"
            " && echo ready && exec sleep 600"
        )
        self.holder = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self.holder.stdout is not None and self.holder.stderr is not None
        if self.holder.stdout.readline() != b"ready\n":
            self.release()
            pytest.skip("this machine does not let us mount a small file system")
        server.prefix = ["nsenter", "-t", str(self.holder.pid), "-m", "setpriv"]
        server.prefix += [f"--reuid={server.user}", "--clear-groups"]
        server.user = None
        self.ballast = Path(f"/proc/{self.holder.pid}/root{self.cluster}/ballast")

    def fill(self, leave_bytes: int) -> None:
        free = os.statvfs(self.ballast.parent)
        with self.ballast.open("wb") as ballast:
            for _ in range((free.f_bavail * free.f_frsize - leave_bytes) // 65_536):
                ballast.write(bytes(65_536))

    def release(self) -> None:
        self.holder.kill()
        self.holder.communicate()


@pytest.fixture
def small_disk(own_postgres: Any) -> Iterator[SmallDisk]:
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "setpriv"))):
        pytest.skip("mounting a small file system for another user needs root")
    disk = SmallDisk(own_postgres)
    own_postgres.start()
    yield disk
    own_postgres.stop()
    disk.release()


@pytest.mark.slow
def test_a_full_disk_of_the_server_is_said_so_and_loses_nothing(
    tmp_path: Path, own_postgres: Any, small_disk: SmallDisk
) -> None:
    url, chance = own_postgres.create_database(), random.Random(4)
    with open_node(tmp_path / "h", institutions=(TOY, HOARD), store=url, clock=lambda: NOW) as node:
        taken: list[bytes] = []

        def act() -> bytes:
            name = chance.randbytes(10_000).hex()
            return count_act(node, 1, name, kind="hoard", act_id=ActId(chance.randbytes(16)))

        for leave_bytes in (4 << 20, 2 << 20, 1 << 20):
            small_disk.fill(leave_bytes)
            with pytest.raises(StorageError, match="No space left") as caught:
                for _ in range(400):
                    raw = act()
                    node.sequencer.submit(raw)
                    taken.append(raw)
            assert "nothing acknowledged is lost" in caught.value.remedy
            size = node.log.size
            with pytest.raises(StorageError):
                for _ in range(50):
                    node.sequencer.submit_batch([act() for _ in range(20)])
            assert node.log.size == node.log.sequenced_size >= size
            taken_more = node.log.size - size
            small_disk.ballast.unlink()
            answer = node.sequencer.submit(raw)
            assert not answer.repeated and answer.index == size + taken_more
            taken.append(raw)
        for raw in taken:
            answer = node.sequencer.submit(raw)
            assert isinstance(answer, Answer) and answer.repeated
    assert all(check.passed for check in audit(tmp_path / "h", (TOY, HOARD), store=url))
