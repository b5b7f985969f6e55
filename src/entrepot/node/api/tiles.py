"""Tiles and entry bundles over HTTP, as close to static files as Python comes.

They are asked for far more often than anything else and never change, so they pass by the router:
a full tile on the local disk is handed to the server by its path (ASGI `http.response.pathsend`),
which reads and sends it in native code. Partial tiles, which are removed once a fuller one is
there, and logs in an object store are read here.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any, Final

from litestar.types import HTTPScope, Send

from entrepot.kernel.log import Log
from entrepot.kernel.logfiles import LocalFiles

TILES: Final = "/log/tile/"
TILE: Final = re.compile(r"tile/(?:[0-7]|entries)/(?:x[0-9]{3}/){0,5}[0-9]{3}(?:\.p/[0-9]{1,3})?")
"""The names that C2SP tlog-tiles gives files; nothing else is ever looked for."""
IMMUTABLE: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_HEADERS: Final = (
    (b"content-type", b"application/octet-stream"),
    (b"cache-control", b"public, max-age=31536000, immutable"),
    (b"x-content-type-options", b"nosniff"),
    (b"access-control-allow-origin", b"*"),
)


async def send_tile(log: Log, scope: HTTPScope, send: Send) -> bool:
    """Answer a GET for a file of the log; False when there is none and somebody else must answer.

    Raises StorageError when the disk or the object store refuses.
    """
    name = scope["path"].removeprefix("/log/")
    if scope["method"] != "GET" or not TILE.fullmatch(name):
        return False
    folder = local_folder(log)
    if folder is None:
        content = await asyncio.to_thread(log.files.read, name)
    elif _can_send_paths(scope) and ".p/" not in name:
        return await _send_path(folder / name, send)
    else:
        content = log.files.read(name)
    if content is None:
        return False
    await _start(send, len(content))
    await send({"type": "http.response.body", "body": content, "more_body": False})
    return True


def local_folder(log: Log) -> Path | None:
    """Return the folder of a log on the local disk, or None when it is elsewhere."""
    return log.files.directory if isinstance(log.files, LocalFiles) else None


def _can_send_paths(scope: HTTPScope) -> bool:
    return "http.response.pathsend" in (scope.get("extensions") or {})


async def _send_path(path: Path, send: Any) -> bool:
    try:
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return False
    await _start(send, size)
    await send({"type": "http.response.pathsend", "path": str(path)})
    return True


async def _start(send: Any, size: int) -> None:
    headers = [*_HEADERS, (b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
