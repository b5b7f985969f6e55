"""Two processes of one node on PostgreSQL: reads everywhere, acts at the leader, takeover."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from node_toy import COSE
from test_serve import HERE, PROGRAM, acts_of, free_port

from entrepot.client import Client
from entrepot.client.answers import ActAnswer

TAKEOVER_S = 15.0


@contextlib.contextmanager
def member(home: Path, url: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """One process of the node; its environment names the database."""
    port = free_port()
    command = [sys.executable, "-c", PROGRAM, str(HERE), str(home), str(port)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ENTREPOT_")}
    process = subprocess.Popen(
        command, env={**environment, "ENTREPOT_STORE_URL": url}, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(f"http://127.0.0.1:{port}", lambda ready: bool(ready))
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def readyz(url: str) -> dict[str, object]:
    with contextlib.suppress(httpx.TransportError):
        found: dict[str, object] = httpx.get(f"{url}/readyz", timeout=5).json()
        return found
    return {}


def wait_for(url: str, holds: object, wait_s: float = 30.0) -> float:
    """Wait until what /readyz says satisfies `holds`; return how long that took."""
    began = time.monotonic()
    while True:
        assert callable(holds)
        if holds(readyz(url)):
            return time.monotonic() - began
        assert time.monotonic() - began < wait_s, readyz(url)
        time.sleep(0.05)


@pytest.mark.slow
def test_a_follower_reads_sends_acts_on_and_takes_over(tmp_path: Path, postgres_url: str) -> None:
    with (
        member(tmp_path, postgres_url) as (leader, first),
        member(tmp_path, postgres_url) as (_, second),
    ):
        assert (readyz(first)["role"], readyz(second)["role"]) == ("leader", "follower")
        acts = acts_of(tmp_path, 40)
        with Client(first) as client:
            answers = client.submit_many(acts[:10])
            assert all(isinstance(item, ActAnswer) for item in answers)
        wait_for(second, lambda ready: ready.get("tree_size") == 11)
        assert (
            httpx.get(f"{second}/acts/5/entry").content
            == httpx.get(f"{first}/acts/5/entry").content
        )
        turned = httpx.post(f"{second}/acts", content=acts[10], headers=COSE)
        assert (turned.status_code, turned.headers["location"]) == (307, f"{first}/acts")
        with Client(second) as client:
            assert client.submit(acts[10]).index == 11
            assert all(isinstance(item, ActAnswer) for item in client.submit_many(acts[:3]))
        leader.send_signal(signal.SIGKILL)
        leader.wait()
        took = wait_for(second, lambda ready: ready.get("role") == "leader", TAKEOVER_S)
        assert took < TAKEOVER_S
        with Client(second) as client:
            again = client.submit_many(acts[:11])
            assert all(isinstance(item, ActAnswer) and item.repeated for item in again)
            fresh = client.submit_many(acts[11:])
            indexes = [item.index for item in fresh if isinstance(item, ActAnswer)]
            assert indexes == list(range(12, 41))
