"""A real node on a free loopback port and a real browser with a virtual authenticator.

Skipped with a word where the browser is not there: set ENTREPOT_BROWSER to the path of a Chromium.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.sequencer import Answer
from entrepot.node.app import background, make_app
from entrepot.node.face.invitations import invitation_link, make_invitation
from entrepot.node.running import Running, open_running
from entrepot.node.serving import _server
from entrepot.node.settings import read_settings

CHROMIUM = os.environ.get("ENTREPOT_BROWSER") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync", "--no-first-run",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
OPERATOR = {"scheme": "lei", "value": "984500ENTREPOTOPER85"}


def lei(prefix: str) -> str:
    """Return an invented LEI with sound check digits (ISO 17442-1)."""
    digits = int("".join(str(int(letter, 36)) for letter in prefix + "00"))
    return f"{prefix}{98 - digits % 97:02d}"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass
class Clock:
    """The node's clock: the real one, moved on by the tests. POSIX seconds."""

    ahead_s: int = 0

    def __call__(self) -> int:
        return int(time.time()) + self.ahead_s

    def move_days(self, days: float) -> None:
        self.ahead_s += int(days * 86_400)


@dataclass
class Stand:
    """A node that serves, seen from outside by its URL and from inside by `running`."""

    running: Running
    clock: Clock
    url: str
    stop: Callable[[], None] = field(repr=False)
    is_halted: bool = False

    def halt(self) -> None:
        """Stop serving and close the node; safe to call twice."""
        if not self.is_halted:
            self.is_halted = True
            self.stop()

    def submit(self, kind: str, body: dict[str, Any]) -> Answer:
        """Submit an act signed by the node's own key."""
        act = sign_act(
            self.running.node.party, kind, body, issued_at=self.clock(), act_id=new_act_id()
        )
        (outcome,) = self.running.intake.submit_now([act])
        assert isinstance(outcome, Answer), outcome
        return outcome

    def invitation(self, party: str, *duties: str, first: bool = False) -> str:
        store = self.running.node.store
        token = make_invitation(store, party, duties, now=self.clock(), first=first)
        return invitation_link(self.url, token)


def start(home: Path, clock: Clock) -> Stand:
    """Serve a node in a thread of this process."""
    port = free_port()
    url = f"http://localhost:{port}"
    settings = read_settings(
        environment={},
        given={
            "home": str(home),
            "http.port": port,
            "http.public_url": url,
            "duties.every_s": 1,
        },
    )
    running = open_running(settings, clock=clock)
    app = make_app(running)
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    servers: list[Any] = []

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        servers.append(_server(running, app))
        tasks = [asyncio.create_task(task(running)) for task in background()]
        ready.set()
        try:
            await servers[0].serve()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    ready.wait(10)
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.02)

    def stop() -> None:
        loops[0].call_soon_threadsafe(servers[0].stop)
        thread.join(20)
        running.close()

    return Stand(running, clock, url, stop)


@dataclass
class Someone:
    """A person at a browser of their own, with an authenticator of their own."""

    page: Any
    context: Any
    authenticator: str
    devtools: Any
    complaints: list[str] = field(default_factory=list)

    def goto(self, url: str) -> None:
        self.page.goto(url)

    def download(self, locator: Any, folder: Path) -> Path:
        """Click a link that hands out a file; return where the file lies."""
        with self.page.expect_download() as waiting:
            locator.click()
        path: Path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    def press(self, words: str) -> None:
        """Press a button, and wait for the page that follows."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=words, exact=True).click()

    def follow(self, words: str | re.Pattern[str]) -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=words).first.click()

    def heading(self) -> str:
        text: str = self.page.locator("h1").inner_text()
        return text

    def credentials(self) -> list[dict[str, Any]]:
        found = self.devtools.send(
            "WebAuthn.getCredentials", {"authenticatorId": self.authenticator}
        )
        credentials: list[dict[str, Any]] = found["credentials"]
        return credentials
