"""A node as a process: it starts, answers, cuts off who is slow, and stops losing nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from node_toy import COSE, TOY, settings_of

from entrepot.client import Client
from entrepot.client.answers import ActAnswer
from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.audit import audit
from entrepot.kernel.errors import Conflict
from entrepot.kernel.keys import load_key
from entrepot.kernel.sequencer import Answer
from entrepot.node.running import open_running
from entrepot.node.serving import serve

HERE = Path(__file__).resolve().parent
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from node_toy import TOY, PARTS, settings_of
from pathlib import Path
from entrepot.node.observing_logs import begin_logging
from entrepot.node.running import open_running
from entrepot.node.serving import serve
settings = settings_of(Path(sys.argv[2]), http__port=int(sys.argv[3]), http__header_timeout_s=1,
                       http__body_timeout_s=1)
begin_logging(settings.logs)
serve(open_running(settings, institutions=(TOY,)), parts=PARTS)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def process(home: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    command = [sys.executable, "-c", PROGRAM, str(HERE), str(home), str(port)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ENTREPOT_")}
    node = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                    break
            assert time.monotonic() < deadline and node.poll() is None, node.communicate()[1]
            time.sleep(0.05)
        yield node, port
    finally:
        node.kill()
        node.wait()
        assert node.stderr is not None
        node.stderr.close()


def acts_of(home: Path, count: int) -> list[bytes]:
    key = load_key(home / "keys" / "party.pem")
    now = int(time.time())
    body = {"name": "a", "amount": 0}
    return [sign_act(key, "count", body, issued_at=now, act_id=new_act_id()) for _ in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_finishes_what_was_taken_and_exits_zero(tmp_path: Path, how: signal.Signals) -> None:
    with process(tmp_path) as (node, port):
        acts = acts_of(tmp_path, 3_000)
        answered: list[bytes] = []

        def send(part: list[bytes]) -> None:
            with Client(f"http://127.0.0.1:{port}", patience_s=0.1) as client:
                for first in range(0, len(part), 50):
                    chunk = part[first : first + 50]
                    outcomes = client.submit_many(chunk)
                    assert all(isinstance(item, ActAnswer) for item in outcomes)
                    answered.extend(chunk)

        def until_it_stops(part: list[bytes]) -> None:
            with contextlib.suppress(Exception):
                send(part)

        threads = [
            threading.Thread(target=until_it_stops, args=(acts[number::3],)) for number in range(3)
        ]
        for thread in threads:
            thread.start()
        while len(answered) < 300:
            time.sleep(0.01)
        node.send_signal(how)
        assert node.wait(20) == 0
        for thread in threads:
            thread.join()
    assert len(answered) < len(acts)
    checks = audit(tmp_path, (TOY,))
    assert all(check.passed for check in checks), checks
    settings = settings_of(tmp_path)
    with open_running(settings, institutions=(TOY,)) as running:
        outcomes = running.intake.submit_now(answered)
    assert all(isinstance(item, Answer) and item.repeated for item in outcomes)


@pytest.mark.slow
def test_slow_clients_are_cut_off_and_others_are_served(tmp_path: Path) -> None:
    with process(tmp_path) as (_, port):
        address = ("127.0.0.1", port)
        with (
            socket.create_connection(address, 5) as head,
            socket.create_connection(address, 5) as slow,
        ):
            head.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            slow.sendall(
                b"POST /acts HTTP/1.1\r\nHost: x\r\nContent-Type: application/cose\r\n"
                b"Content-Length: 1000\r\n\r\nabc"
            )
            act = acts_of(tmp_path, 1)[0]
            answer = httpx.post(f"http://127.0.0.1:{port}/acts", content=act, headers=COSE)
            assert answer.status_code == 201
            assert b" 408 " in slow.recv(4_096)
            assert head.recv(4_096)[:13] in (b"", b"HTTP/1.1 408 ")


@pytest.mark.slow
def test_headers_over_the_limit_are_refused(tmp_path: Path) -> None:
    with process(tmp_path) as (_, port):
        sent = httpx.get(f"http://127.0.0.1:{port}/healthz", headers={"X-Large": "x" * 20_000})
        assert sent.status_code == 200
        with contextlib.suppress(httpx.TransportError):
            over = httpx.get(f"http://127.0.0.1:{port}/healthz", headers={"X-Large": "x" * 300_000})
            assert over.status_code in (400, 431)
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200


@pytest.mark.slow
def test_tiles_are_sent_as_files_with_their_headers(tmp_path: Path) -> None:
    with process(tmp_path) as (_, port), Client(f"http://127.0.0.1:{port}") as client:
        client.submit_many(acts_of(tmp_path, 300))
        tile = httpx.get(f"http://127.0.0.1:{port}/log/tile/0/000")
        assert tile.content == (tmp_path / "log" / "tile" / "0" / "000").read_bytes()
        assert tile.headers["content-type"] == "application/octet-stream"
        assert "immutable" in tile.headers["cache-control"]
        assert tile.headers["x-request-id"]
        assert httpx.get(f"http://127.0.0.1:{port}/log/tile/0/009").status_code == 404


@pytest.mark.parametrize("reused", [False, True])
def test_an_address_in_use_is_refused(tmp_path: Path, reused: bool) -> None:
    with socket.socket() as other:
        if reused:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        settings = settings_of(tmp_path, http__port=other.getsockname()[1])
        running = open_running(settings, institutions=(TOY,))
        with pytest.raises(Conflict, match="another program listens"):
            serve(running, parts=())
    again = open_running(settings, institutions=(TOY,))  # the first one was closed
    again.close()
