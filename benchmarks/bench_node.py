"""A node over HTTP: acts per second in batches, the latency of one, proofs, files, memory at rest.

One server process (`serve`), one load generator with several connections, both on this machine and
on its cores. Acts (`release-product` of the registry) are signed beforehand; every one is checked
in full by the node: signature, shape, law, durable log, state. Beside the numbers stand their
limits on the same disk in the same run: one fsync for the latency of one act, and Granian's own
static files (native code, no interpreter) for the serving of proofs and tiles.

    python benchmarks/bench_node.py [--acts 20000] [--postgresql URL] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx

from entrepot.node.demo.catalogue import OFFERS
from entrepot.node.demo.stage import DemoClock
from entrepot.node.demo.story import admit, file_products, founded
from entrepot.node.running import open_running
from entrepot.node.serving import serve
from entrepot.node.settings import Settings, read_settings
from measure import Figure

BATCH = 1_000
CONNECTIONS = 4
GOALS = {"SQLite": 5_000, "PostgreSQL": 3_000}


def serve_bench(home: str, port: int, store: str) -> None:
    """Run the node in this process until it is told to stop."""
    serve(open_running(settings_of(Path(home), port, store)))


@contextlib.contextmanager
def node(home: Path, store: str = "") -> Iterator[tuple[str, int]]:
    """Start a node as a process of its own; give its URL and process id, stop it gracefully."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, __file__, "--serve", str(home), str(port)]
    environment = {**os.environ, "BENCH_STORE": store}
    process = subprocess.Popen(command, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{url}/healthz", timeout=2)
                break
            except httpx.TransportError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise RuntimeError("the node did not start") from None
                time.sleep(0.05)
        yield url, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        if code:
            raise RuntimeError(f"the node ended with {code}")


def settings_of(home: Path, port: int, store: str) -> Settings:
    """Return the settings of the measured node: no limits by key or address."""
    environment = {"ENTREPOT_STORE_URL": store} if store else {}
    given = {
        "home": str(home),
        "http.port": port,
        "limits.acts_per_s_per_key": 0,
        "limits.requests_per_s_per_address": 0,
    }
    return read_settings(environment=environment, given=given)


def releases(home: Path, store: str, count: int) -> list[bytes]:
    """Found a registry, admit parties, file their products; return signed releases of one party."""
    with open_running(settings_of(home, 8600, store)) as running:
        stage = founded(running, DemoClock(3.5))
        admit(stage)
        products = file_products(stage)
        provider = stage.players["freight"]
        own = [products[offer.title] for offer in OFFERS if offer.provider == "freight"]
        stage.clock.release()
        return [
            stage.signed(
                provider,
                "release-product",
                {
                    "product": own[number % len(own)],
                    "version": f"1.{number}",
                    "sha256": secrets.token_hex(32),
                    "bytes": 1_000_000 + number,
                    "rows": 10_000,
                },
            )
            for number in range(count)
        ]


def in_batches(url: str, acts: Sequence[bytes]) -> float:
    """Send acts over several connections in batches; return acts per second, all granted."""
    batches = [acts[first : first + BATCH] for first in range(0, len(acts), BATCH)]
    granted: list[int] = []

    def send(number: int) -> None:
        with httpx.Client(timeout=120) as client:
            for batch in batches[number::CONNECTIONS]:
                answer = client.post(
                    f"{url}/acts",
                    content=b"".join(batch),
                    headers={"Content-Type": "application/cbor-seq"},
                )
                answer.raise_for_status()
                granted.append(answer.content.count(b'"outcome":"granted"'))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(CONNECTIONS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if sum(granted) != len(acts):
        raise RuntimeError(f"{sum(granted)} of {len(acts)} were granted")
    return len(acts) / took


def latencies_s(ask: Callable[[], object], rounds: int) -> list[float]:
    """Return how long each of so many rounds took."""
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        ask()
        found.append(time.perf_counter() - began)
    return found


def quantiles_ms(found: Sequence[float]) -> dict[str, float]:
    """Return median and 99th percentile in milliseconds."""
    cuts = statistics.quantiles(found, n=100)
    return {"p50_ms": round(cuts[49] * 1000, 3), "p99_ms": round(cuts[98] * 1000, 3)}


def one_by_one(url: str, acts: Sequence[bytes]) -> dict[str, float]:
    """Send acts one after another on one connection; return the latencies of the answers."""
    waiting = iter(acts)
    with httpx.Client(timeout=30) as client:

        def send() -> None:
            answer = client.post(
                f"{url}/acts", content=next(waiting), headers={"Content-Type": "application/cose"}
            )
            if answer.status_code != 201:
                raise RuntimeError(answer.text)

        return quantiles_ms(latencies_s(send, len(acts)))


def fsync_ms(folder: Path, rounds: int = 200) -> dict[str, float]:
    """Return the latencies of writing 4 KiB and one fsync on the disk of `folder`."""
    descriptor = os.open(folder / "fsync.probe", os.O_WRONLY | os.O_CREAT, 0o600)
    block = os.urandom(4_096)

    def flush() -> None:
        os.pwrite(descriptor, block, 0)
        os.fsync(descriptor)

    try:
        return quantiles_ms(latencies_s(flush, rounds))
    finally:
        os.close(descriptor)


def requests_per_s(url: str, paths: Sequence[str], seconds: float = 3.0) -> float:
    """Ask for paths over keep-alive connections, pipelined by threads; return answers per second.

    Raw sockets: the generator must cost less than what it measures.
    """
    host, port = url.removeprefix("http://").split(":")
    counts = [0] * CONNECTIONS
    stop = time.perf_counter() + seconds
    depth = 16

    def ask(number: int) -> None:
        wanted = [f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode() for path in paths]
        burst = b"".join(wanted[at % len(wanted)] for at in range(depth))
        with socket.create_connection((host, int(port))) as connection:
            stream = connection.makefile("rb")
            while time.perf_counter() < stop:
                connection.sendall(burst)
                for _ in range(depth):
                    _read_answer(stream)
                counts[number] += depth

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CONNECTIONS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)


def _read_answer(stream: Any) -> None:
    status = stream.readline()
    if b" 200 " not in status:
        raise RuntimeError(status.decode())
    length, chunked = 0, False
    while (line := stream.readline().lower()) != b"\r\n":
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        chunked = chunked or line.startswith(b"transfer-encoding: chunked")
    stream.read(length)
    while chunked:
        size = int(stream.readline(), 16)
        stream.read(size + 2)
        chunked = size > 0


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process in MiB (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def cpu_s(pid: int) -> float:
    """Return the processor time of a process so far, user and system (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def static_files(folder: Path) -> Iterator[str]:
    """Serve a folder by Granian's own static files: no Python runs per request."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "granian", "--interface", "asginl", "--port", str(port),
        "--no-log", "--static-path-route", "/log", "--static-path-mount", str(folder),
        f"{Path(__file__).stem}:nothing",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=Path(__file__).parent)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{url}/log/checkpoint", timeout=2)
                break
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Start the PostgreSQL of the tests' wheel, durable as it comes; give an empty database."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from conftest import make_server

    server = make_server()
    try:
        server.start()
        yield server.create_database()
    finally:
        server.remove()


async def nothing(_scope: Any, _receive: Any, _send: Any) -> None:
    """Be an application nobody asks: the static files answer."""


def measure(label: str, home: Path, store: str, count: int) -> dict[str, Any]:
    """Measure one node from its start to its stop."""
    found: dict[str, Any] = {"store": label, "acts": count}
    acts = releases(home, store, count + 400)
    with node(home, store) as (url, pid):
        time.sleep(1)
        found["rest_mib"] = round(resident_mib(pid), 1)
        in_batches(url, acts[: min(2_000, count // 4)])
        before_s = cpu_s(pid)
        measured = acts[min(2_000, count // 4) : count]
        found["acts_per_s"] = round(in_batches(url, measured))
        found["node_cpu_us_per_act"] = round((cpu_s(pid) - before_s) / len(measured) * 1e6)
        found["goal_ratio"] = round(found["acts_per_s"] / GOALS[label], 2)
        found["one_act"] = one_by_one(url, acts[count:])
        found["one_fsync"] = fsync_ms(home)
        found["loaded_mib"] = round(resident_mib(pid), 1)
        found["proofs_per_s"] = round(requests_per_s(url, _proof_paths(count)))
        found["receipts_per_s"] = round(
            requests_per_s(url, [path.replace("proof", "receipt") for path in _proof_paths(count)])
        )
        found["tiles_per_s"] = round(requests_per_s(url, _tile_paths(count)))
    if not store:
        with static_files(home / "log") as url:
            found["static_limit_per_s"] = round(requests_per_s(url, _tile_paths(count)))
    return found


def figures(results: Sequence[dict[str, Any]]) -> list[Figure]:
    """Return the rows of the page from what `measure` found, one node after the other."""
    rows = []
    for found in results:
        store, goal = found["store"], GOALS[found["store"]]
        rate, name = found["acts_per_s"], f"fully checked acts over HTTP, {store}"
        cost = f"{found['node_cpu_us_per_act']} µs of the node's processors per act"
        rows.append(
            Figure(name, rate, "acts/s", cost, wrong=0, goal=f"{goal:,}/s", met=rate >= goal)
        )
        one, fsync = found["one_act"], found["one_fsync"]
        alone = f"one act alone, {store}"
        rows.append(Figure(alone, one["p50_ms"], "ms", f"99th percentile {one['p99_ms']} ms"))
        note = f"99th percentile {fsync['p99_ms']} ms"
        rows.append(Figure("one fsync, the same disk", fsync["p50_ms"], "ms", note, "limit", alone))
        rest = found["rest_mib"]
        rows.append(
            Figure(
                f"memory of a node at rest, {store}",
                rest,
                "MiB",
                f"after the load {found['loaded_mib']} MiB",
                goal="150 MiB",
                met=rest < 150,
            )
        )
        if "static_limit_per_s" in found:
            tiles = "tiles over HTTP"
            rows += [
                Figure(tiles, found["tiles_per_s"], "requests/s"),
                Figure("receipts over HTTP", found["receipts_per_s"], "requests/s"),
                Figure("text proofs over HTTP", found["proofs_per_s"], "requests/s"),
                Figure(
                    "Granian's static files, the same tiles",
                    found["static_limit_per_s"],
                    "requests/s",
                    kind="limit",
                    against=tiles,
                ),
            ]
    return rows


def _proof_paths(count: int) -> list[str]:
    return [f"/acts/{1 + number * (count - 1) // 64}/proof" for number in range(64)]


def _tile_paths(count: int) -> list[str]:
    return [f"/log/tile/0/{number:03d}" for number in range(min(64, count // 256))]


def main() -> None:
    """Measure and print; `--serve` is how the node's own process is started."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--acts", type=int, default=20_000)
    parser.add_argument("--postgresql", help="URL of an empty database; else one from the wheel")
    parser.add_argument("--only", choices=list(GOALS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figures", action="store_true", help="print the rows of the page")
    parser.add_argument("--serve", nargs=2, metavar=("HOME", "PORT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve_bench(arguments.serve[0], int(arguments.serve[1]), os.environ["BENCH_STORE"])
        return
    results = []
    for label in [arguments.only] if arguments.only else list(GOALS):
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-node-", dir="."))
            store = ""
            if label == "PostgreSQL":
                store = arguments.postgresql or stack.enter_context(postgres())
            results.append(measure(label, Path(folder).resolve() / "home", store, arguments.acts))
            if not arguments.figures:
                print(json.dumps(results[-1], indent=2))
    if arguments.figures:
        print(json.dumps([asdict(figure) for figure in figures(results)]))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
