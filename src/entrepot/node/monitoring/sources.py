"""Where a log is read from: a C2SP tlog-tiles prefix over HTTP, or a folder. Every read is bounded.

Nothing that comes from here is trusted. A file larger than its kind can be is refused before it is
read whole.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Final
from urllib.parse import urlsplit

import httpx

from entrepot.kernel import files
from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.kernel.merkle import HASH_BYTES
from entrepot.kernel.note import NOTE_MAX_BYTES
from entrepot.kernel.tiles import ENTRY_MAX_BYTES, WIDTH
from entrepot.node.witnessing.asking import Unreachable

TIMEOUT_S: Final = 20.0
TILE_MAX_BYTES: Final = WIDTH * HASH_BYTES
BUNDLE_MAX_BYTES: Final = WIDTH * (ENTRY_MAX_BYTES + 2)


class Source:
    """One place that serves a log. `where` names it in reports."""

    def __init__(self, where: str) -> None:
        """Bind a URL (http, https) or a folder; nothing is read yet. Raises InvalidInput."""
        self.where = where.rstrip("/")
        self._client: httpx.Client | None = None
        self._folder: Path | None = None
        parts = urlsplit(where)
        if parts.scheme in ("http", "https") and parts.hostname:
            self._client = httpx.Client(
                timeout=TIMEOUT_S, follow_redirects=False, headers={"User-Agent": "entrepot"}
            )
        elif "://" in where:
            raise InvalidInput("a log is read over http, https or from a folder", value=where)
        else:
            self._folder = Path(where)

    def __enter__(self) -> Source:
        """Return the source itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def find_prefix(self) -> None:
        """Take `WHERE/log` when WHERE itself serves no checkpoint: a node was named, not its log.

        Raises NotFound when neither does, Unreachable when nobody answers.
        """
        if self.read("checkpoint") is not None:
            return
        given = self.where
        self.where = f"{given}/log"
        if self._folder is not None:
            self._folder = self._folder / "log"
        if self.read("checkpoint") is None:
            self.where = given
            raise NotFound("there is no log here: no checkpoint is served", value=given)

    def read(self, name: str) -> bytes | None:
        """Return the content of a file of the log, or None when there is none (404, 410).

        Raises Unreachable, StorageError.
        """
        limit = _limit(name)
        if self._folder is not None:
            return _read_file(self._folder / name, limit)
        return self.read_url(f"{self.where}/{name}", limit)

    def read_url(self, url: str, limit: int) -> bytes | None:
        """Return what another URL answers, with the same care; None for 404 and 410."""
        if self._client is None:
            self._client = httpx.Client(timeout=TIMEOUT_S, follow_redirects=False)
        return self._fetch(self._client, url, limit)

    def _fetch(self, client: httpx.Client, url: str, limit: int) -> bytes | None:
        content = bytearray()
        try:
            with client.stream("GET", url) as answer:
                if answer.status_code in (404, 410):
                    return None
                if answer.status_code != 200:
                    raise Unreachable(f"log answered {answer.status_code}", value=url)
                for chunk in answer.iter_bytes(65_536):
                    content += chunk
                    if len(content) > limit:
                        raise Unreachable(f"file is larger than {limit:,} bytes", value=url)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            what = f"log does not answer: {type(error).__name__}"
            raise Unreachable(what, value=url, remedy="try again in a while") from error
        return bytes(content)


def _limit(name: str) -> int:
    if name.startswith("tile/entries/"):
        return BUNDLE_MAX_BYTES
    return TILE_MAX_BYTES if name.startswith("tile/") else NOTE_MAX_BYTES


def _read_file(path: Path, limit: int) -> bytes | None:
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise files.storage_error(error, path) from error
    if len(content) > limit:
        raise Unreachable(f"file is larger than {limit:,} bytes", value=path)
    return content
