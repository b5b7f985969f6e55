"""Serving: the application on Granian, in this process, with a stop that loses nothing.

One process holds the writer. Granian's HTTP runs in native threads beside the interpreter, so the
server is embedded rather than supervised: one process at rest, and the one that gets the signal is
the one that holds the acts. On SIGTERM or SIGINT: (1) no new connections, answers under way finish;
(2) background work is cancelled; (3) the intake finishes what it took; (4) log and store close.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Final

from granian.constants import Interfaces
from granian.http import HTTP1Settings, HTTP2Settings
from granian.server.embed import Server
from litestar import Litestar

from entrepot.kernel.errors import Conflict, StorageError
from entrepot.node.app import PARTS, Background, background, make_app
from entrepot.node.running import Running
from entrepot.node.settings import Http

HEADERS_MAX_BYTES: Final = 65_536
"""All header lines of one request; the reader's buffer bounds them."""
COLLECT_AFTER: Final = 50_000
"""New objects before the collector looks at the young ones."""
RESTART_S: Final = 5.0
"""Pause before background work that failed begins again."""
LOG: Final = logging.getLogger("entrepot.serving")


def serve(
    running: Running,
    *,
    on_ready: Callable[[], None] | None = None,
    parts: Sequence[str] = PARTS,
    also: Sequence[Background] = (),
) -> None:
    """Serve until SIGTERM or SIGINT; the running node is closed when this returns.

    `on_ready` is called once requests can be answered; `also` is more work in the background.
    """
    works = [*background(parts), *also]
    _calm_collector()
    try:
        _require_free(running.settings.http)
        asyncio.run(_serve(running, make_app(running, parts), works, on_ready))
    finally:
        running.close()


def _require_free(http: Http) -> None:
    """Refuse an address on which somebody listens: the system would let both answer in turn.

    Raises Conflict, or StorageError when the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in http.host else socket.AF_INET
    where = f"{http.host}:{http.port}"
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((http.host, http.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Conflict(
                    "another program listens on this address",
                    value=where,
                    remedy="stop it, or choose another one with --port",
                ) from error
            raise StorageError(
                f"cannot listen here: {error.strerror}", value=where, remedy="choose --host, --port"
            ) from error


def _calm_collector() -> None:
    """Look for garbage cycles seldom: what was loaded stays, and a batch makes none.

    A batch of a thousand acts makes tens of thousands of objects that live until its end; the
    default of 700 walked through them about a hundred times (a tenth of the processor time).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


async def _serve(
    running: Running,
    app: Litestar,
    works: Sequence[Background],
    on_ready: Callable[[], None] | None,
) -> None:
    server = _server(running, app)
    stop_s = running.settings.http.stop_timeout_s
    server.workers_kill_timeout = stop_s
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    tasks: list[asyncio.Task[None]] = [loop.create_task(_kept_up(work, running)) for work in works]
    if on_ready is not None:
        tasks.append(loop.create_task(_when_open(running, on_ready)))
    try:
        await server.serve()
    except TimeoutError:
        LOG.warning("answers under way were cut off", extra={"seconds": stop_s})
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _kept_up(work: Background, running: Running) -> None:
    """Run one background work until it is cancelled; when it fails, say so and begin it anew."""
    while True:
        try:
            await work(running)
        except Exception as error:  # told; the node serves on without this part meanwhile
            LOG.error("background work failed", exc_info=error, extra={"duty": work.__name__})
            await asyncio.sleep(RESTART_S)
        else:
            return


async def _when_open(running: Running, on_ready: Callable[[], None]) -> None:
    """Call `on_ready` once a connection to our own address succeeds."""
    http = running.settings.http
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(http.host, http.host)  # noqa: S104
    while True:
        try:
            _reader, writer = await asyncio.open_connection(host, http.port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        on_ready()
        return


def _server(running: Running, app: Litestar) -> Server:
    http = running.settings.http
    return Server(
        app,
        address=http.host,
        port=http.port,
        interface=Interfaces.ASGI,
        websockets=False,
        backlog=max(128, http.connections_max),
        backpressure=http.connections_max,
        http1_settings=HTTP1Settings(
            header_read_timeout=http.header_timeout_s * 1000, max_buffer_size=HEADERS_MAX_BYTES
        ),
        http2_settings=HTTP2Settings(max_headers_size=HEADERS_MAX_BYTES),
        log_enabled=False,
    )
