"""A founded registry, served whole over loopback: an operator, two rivals, somebody who applied."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from litestar import Litestar
from served import free_port, is_open, wait_until

from entrepot.client.signatures import sign_request
from entrepot.kernel.keys import PrivateKey, key_from_seed
from entrepot.node.app import make_app
from entrepot.node.face.sessions import start_session
from entrepot.node.running import Running, open_running
from entrepot.node.serving import _server
from entrepot.node.settings import read_settings
from entrepot.registry.institution import registry_institution

for folder in ("registry", "kernel"):
    sys.path.append(str(Path(__file__).parents[1] / folder))
from product_world import NOW, ORIGIN, SITE_ID, Party, World, founded, lei  # noqa: E402
from software_authenticator import Passkey  # noqa: E402

__all__ = ["CONTACT", "NOW", "ORIGIN", "STRANGER", "Party", "Passkey", "Scene", "scene", "token_of"]

CONTACT = "only-for-the-registrar@applicant.example"
STRANGER = key_from_seed(b"\x77" * 32)


@dataclass
class Scene:
    running: Running
    app: Litestar
    world: World
    vendor: Party
    rival: Party
    product: int
    application: int
    """Index of the private act by which a third party applied; its body has CONTACT."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.running.settings.http.port}"

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.running.settings.http.port)

    @property
    def size(self) -> int:
        return self.running.node.log.size

    def signed(
        self, key: PrivateKey, method: str, path: str, *, created: int | None = None, **more: Any
    ) -> dict[str, str]:
        at = self.world.now if created is None else created
        return sign_request(key, method, f"{self.url}{path}", created=at, **more)

    def browser(self, party: Party | None = None, person: str = "") -> httpx.Client:
        """A browser of nobody, or one in which a person of a party is signed in."""
        cookies = {}
        if party is not None:
            kid = party.people[person].kid
            store = self.running.node.store
            cookies["entrepot"] = start_session(store, kid, party.id, now=self.world.now)
        return httpx.Client(
            base_url=self.url,
            cookies=cookies,
            headers={"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"},
            timeout=20,
        )

    def raw(self, request: bytes, *, wait_s: float = 3.0) -> bytes:
        """What comes back on a connection for exactly these bytes, until it is closed or quiet."""
        with socket.create_connection(self.address, 5) as connection:
            connection.settimeout(wait_s)
            connection.sendall(request)
            received = b""
            try:
                while piece := connection.recv(65_536):
                    received += piece
            except (TimeoutError, ConnectionResetError):
                pass
            return received


def token_of(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{128})"', page.text)
    assert found is not None
    return found.group(1)


@contextmanager
def scene(home: Path, **given: Any) -> Iterator[Scene]:
    options = {
        "home": str(home),
        "http.port": free_port(),
        "http.body_timeout_s": 2,
        "http.header_timeout_s": 2,
        "relying_party.id": SITE_ID,
        "relying_party.origins": [ORIGIN],
        **given,
    }
    settings = read_settings(environment={}, given=options)
    time = [NOW]
    plugged = (registry_institution(),)
    with open_running(settings, institutions=plugged, clock=lambda: time[0]) as running:
        world = founded(running.node, time, days=10, calendar="CN")
        vendor, rival = world.admit("Vendor", "provider"), world.admit("Rival", "provider", "buyer")
        for party in (vendor, rival):
            _join(world, party)
        product = world.file(vendor)
        application = _apply(world)
        app = make_app(running)
        with _serving(running, app):
            yield Scene(running, app, world, vendor, rival, product, application)


def _join(world: World, party: Party) -> None:
    """Seat a person with all duties of a party's own, by the registrar as the first one."""
    world.join(party, "admin", "admin", "steward")


def _apply(world: World) -> int:
    applicant = Party("Applicant", f"lei:{lei(900)}", key_from_seed(b"\x55" * 32))
    body = {
        "name": "Applicant",
        "identifiers": [{"scheme": "lei", "value": lei(900)}],
        "country": "CN",
        "roles": ["buyer"],
        "key": applicant.key.public.raw,
        "contact": CONTACT,
        "statement": "for the registrar's eyes",
    }
    return world.send(applicant, "apply-for-membership", body).index


@contextmanager
def _serving(running: Running, app: Litestar) -> Iterator[None]:
    loops: list[asyncio.AbstractEventLoop] = []
    server = _server(running, app)

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    wait_until(lambda: is_open(running.settings.http.port))
    try:
        yield
    finally:
        loops[0].call_soon_threadsafe(server.stop)
        thread.join(20)
        assert not thread.is_alive()
