"""A running node: the open home, the queue before its writer, and its settings, in one value.

Handlers find it as `request.app.state.running`; background tasks get it as their argument.
What costs memory (the library of law) is loaded when it is first asked for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from entrepot.kernel.approval import RelyingParty
from entrepot.kernel.home import Node, default_home, open_node, system_clock
from entrepot.kernel.institution import Institution
from entrepot.kernel.keyring import KeyRing, key_ring, known_key_ring
from entrepot.kernel.keys import Kid
from entrepot.law.library import Library
from entrepot.node.installed import installed
from entrepot.node.intake import Intake
from entrepot.node.lawcache import open_library
from entrepot.node.observing import Observed
from entrepot.node.settings import Settings

LOG = logging.getLogger("entrepot.intake")


@dataclass(slots=True)
class Running:
    """Everything that one process of a node shares. Close it, or use it as a context."""

    node: Node
    intake: Intake
    settings: Settings
    institutions: tuple[Institution, ...]
    keys: KeyRing
    """Whose acts and signed requests are accepted now."""
    known_keys: KeyRing
    """Whose ever were: to check again what was signed before a key was revoked."""
    observed: Observed
    clock: Callable[[], int] = system_clock
    started_at: float = field(default_factory=time.time)
    _library: Library | None = None
    _loading: threading.Lock = field(default_factory=threading.Lock)

    @property
    def home(self) -> Path:
        """The folder with keys, store and log."""
        return self.node.home

    @property
    def url(self) -> str:
        """How the node is reached, without a slash at the end."""
        return self.settings.url

    def library(self) -> Library:
        """Return the library of law, read on first use (about 100 ms from the cache)."""
        with self._loading:
            if self._library is None:
                self._library = open_library()
            return self._library

    def may_open(self, reader: Kid | None, issuer: Kid) -> bool:
        """Say whether the holder of `reader` may see the evidence of an act that `issuer` signed.

        The key itself may, and every key that the same party holds now.
        """
        return reader is not None and reader == issuer

    def close(self) -> None:
        """Finish the acts that were taken, then close log and store."""
        try:
            self.intake.close()
        finally:
            self.node.close()

    def __enter__(self) -> Running:
        """Return the running node itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()


def open_running(
    settings: Settings,
    *,
    institutions: Sequence[Institution] | None = None,
    clock: Callable[[], int] = system_clock,
) -> Running:
    """Open the home that the settings name and start its intake.

    `institutions` default to all that are installed. Raises what `open_node` raises.
    """
    home = Path(settings.home) if settings.home else default_home()
    plugged = installed() if institutions is None else tuple(institutions)
    node = open_node(
        home,
        institutions=plugged,
        store=settings.store.url.reveal(),
        passphrase=settings.passphrase.reveal().encode() or None,
        relying_party=relying_party(settings),
        clock=clock,
    )
    intake = Intake(
        node.sequencer,
        queue_max_acts=settings.intake.queue_max_acts,
        batch_max_acts=settings.intake.batch_max_acts,
        linger_s=settings.intake.linger_ms / 1000,
        on_defect=lambda defect: LOG.error("defect in an act's rule", exc_info=defect),
    )
    return Running(
        node,
        intake.start(),
        settings,
        plugged,
        key_ring(node.keys, plugged),
        known_key_ring(node.keys, plugged),
        Observed(intake, lambda: node.log.size),
        clock,
    )


def relying_party(settings: Settings) -> RelyingParty:
    """Return the site that passkeys are bound to: as set, or the host and origin of the URL."""
    chosen = settings.relying_party
    host = urlsplit(settings.url).hostname or settings.http.host
    # WebAuthn wants a domain; browsers take localhost as one, an IP address never.
    local = host in ("127.0.0.1", "::1")
    own = "localhost" if local else host
    origin = settings.url
    local_origin = f"http://localhost:{settings.http.port}"
    origins = (origin, local_origin) if local and not settings.http.public_url else (origin,)
    return RelyingParty(chosen.id or own, chosen.origins or origins)
