"""What the face needs of the running node: store, clock, addresses. One place reads `app.state`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Request

from entrepot.kernel.approval import RelyingParty
from entrepot.kernel.store import Store
from entrepot.node.running import relying_party
from entrepot.node.settings import Settings

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The node around a page. `now` returns POSIX seconds."""

    running: Any
    store: Store
    now: Callable[[], int]
    origins: tuple[str, ...]
    site: RelyingParty
    secure: bool


def surroundings_of(request: Request[Any, Any, Any]) -> Surroundings:
    """Return the node's store, clock and public addresses for this request."""
    running = request.app.state.running
    settings = running.settings
    return Surroundings(
        running=running,
        store=running.node.store,
        now=running.clock,
        origins=own_origins(settings),
        site=relying_party(settings),
        secure=settings.url.startswith("https://"),
    )


def front_origin(settings: Settings) -> str:
    """Return the origin that people should use: the first of ours under which passkeys work."""
    site = relying_party(settings).id
    fits = [one for one in own_origins(settings) if _belongs(urlsplit(one).hostname or "", site)]
    return fits[0] if fits else origin_of(settings.url)


def front_address(request: Request[Any, Any, Any]) -> str:
    """Return this page's address where passkeys work, or "" when they do here.

    An IP address is no domain, so a page asked for at 127.0.0.1 sends on to localhost; browsers
    take what follows the # along.
    """
    around = surroundings_of(request)
    front = front_origin(around.running.settings)
    here, site = (request.url.hostname or "").strip("[]"), around.site.id
    if _belongs(here, site) or not _belongs(urlsplit(front).hostname or "", site):
        return ""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{front}{request.url.path}{query}"


def _belongs(host: str, site: str) -> bool:
    """Say whether passkeys of a relying party work at a host (WebAuthn 5.1.3 step 8)."""
    return host == site or host.endswith(f".{site}")


def own_origins(settings: Settings) -> tuple[str, ...]:
    """Return the origins from which our own pages are served.

    On a loopback address both of its names count: a passkey needs `localhost`, since a relying
    party's id is a domain and never an address (WebAuthn Level 3, 5.1.3).
    """
    origin = origin_of(settings.url)
    found = [origin, *(origin_of(one) for one in relying_party(settings).origins)]
    for name in LOOPBACK_NAMES:
        if f"://{name}:" in f"{origin}:":
            found += [origin.replace(f"://{name}", f"://{other}") for other in LOOPBACK_NAMES]
    return tuple(dict.fromkeys(found))


def origin_of(url: str) -> str:
    """Return the origin (scheme, host, port) of a URL, as browsers write it (RFC 6454 6.2)."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
