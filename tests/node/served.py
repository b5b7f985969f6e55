"""Real nodes over real HTTP on loopback, in threads of the test, and a server of plain files."""

from __future__ import annotations

import asyncio
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from litestar import Litestar
from litestar.datastructures import State

from entrepot.kernel.home import system_clock
from entrepot.kernel.institution import Institution
from entrepot.node.api.problems import HANDLERS
from entrepot.node.running import Running, open_running
from entrepot.node.serving import _server
from entrepot.node.settings import read_settings


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served_node(
    home: Path,
    routes: list[Any],
    *,
    port: int = 0,
    institutions: tuple[Institution, ...] = (),
    given: dict[str, object] | None = None,
    background: tuple[Callable[[Running], Any], ...] = (),
) -> Iterator[Running]:
    """A node with some of its routes, on Granian in a thread; `running.url` says where."""
    options = {"home": str(home), "http.port": port or free_port(), **(given or {})}
    settings = read_settings(environment={}, given=options)
    with open_running(settings, institutions=institutions, clock=system_clock) as running:
        app = Litestar(
            route_handlers=routes, exception_handlers=HANDLERS, state=State({"running": running})
        )
        loops: list[asyncio.AbstractEventLoop] = []
        server = _server(running, app)

        async def main() -> None:
            loops.append(asyncio.get_running_loop())
            tasks = [asyncio.create_task(task(running)) for task in background]
            try:
                await server.serve()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

        thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
        thread.start()
        wait_until(lambda: is_open(settings.http.port))
        try:
            yield running
        finally:
            loops[0].call_soon_threadsafe(server.stop)
            thread.join(20)
            assert not thread.is_alive()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(holds: Callable[[], object], timeout_s: float = 20.0) -> float:
    """Wait until something holds; return the seconds it took. Fails the test in the end."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > timeout_s:
            raise AssertionError(f"did not come to hold within {timeout_s} s")
        time.sleep(0.02)
    return time.monotonic() - began


@contextmanager
def served_files(read: Callable[[str], bytes | None]) -> Iterator[str]:
    """A static server whose files are given by a function, on loopback; yields its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            content = read(self.path.lstrip("/"))
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_arguments: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
