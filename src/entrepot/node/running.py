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
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from entrepot.kernel.acts import SignedAct
from entrepot.kernel.approval import RelyingParty, take_approval
from entrepot.kernel.following import Seat, take_seat
from entrepot.kernel.home import Node, default_home, system_clock
from entrepot.kernel.institution import Institution
from entrepot.kernel.keyring import KeyRing, key_ring, known_key_ring
from entrepot.kernel.keys import Kid
from entrepot.kernel.places import Places
from entrepot.kernel.store import StoreBusy
from entrepot.law.library import Library
from entrepot.node.installed import installed
from entrepot.node.intake import Intake
from entrepot.node.lawcache import open_library
from entrepot.node.observing import Observed
from entrepot.node.settings import Settings
from entrepot.registry.principals import Principal, member_principal
from entrepot.registry.views import KeyView, key_of

if TYPE_CHECKING:
    from entrepot.node.observing_traces import Tracing

REGISTRY: Final = "registry"
"""The institution that knows which keys and persons are of one party."""
LOG: Final = logging.getLogger("entrepot.intake")


@dataclass(slots=True)
class Running:
    """Everything that one process of a node shares. Close it, or use it as a context."""

    seat: Seat
    intake: Intake
    settings: Settings
    institutions: tuple[Institution, ...]
    keys: KeyRing
    """Whose acts and signed requests are accepted now."""
    known_keys: KeyRing
    """Whose ever were: to check again what was signed before a key was revoked."""
    observed: Observed
    tracing: Tracing | None = None
    """Where spans go; None unless a setting says so."""
    clock: Callable[[], int] = system_clock
    started_at: float = field(default_factory=time.time)
    _library: Library | None = None
    _loading: threading.Lock = field(default_factory=threading.Lock)

    @property
    def node(self) -> Node:
        """The open node; the same one whether this process writes or follows."""
        return self.seat.node

    @property
    def leads(self) -> bool:
        """Whether this process was the writer when it last looked."""
        return self.seat.leads

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

    def may_open(self, reader: Kid | None, index: int) -> bool:
        """Say whether the holder of `reader` may see the evidence of the act at `index`.

        The key that signed it may, and every key that its party holds now. What a person approved
        in the node's face is their party's, not the operator's whose key sent it.
        """
        if reader is None:
            return False
        act = SignedAct(self.node.act_at(index))
        _, approval = take_approval(act.unverified_body)
        if approval is None and act.unverified_kid == reader:
            return True
        if all(institution.name != REGISTRY for institution in self.institutions):
            return False
        with self.node.store.reading() as read:
            asking = key_of(read, reader)
            author: KeyView | Principal | None
            if approval is None:
                author = key_of(read, act.unverified_kid)
            else:
                author = member_principal(read, approval.kid)
        return author is not None and asking is not None and author.party == asking.party

    def close(self) -> None:
        """Finish the acts that were taken, then close log and store."""
        try:
            self.intake.close(float(self.settings.http.stop_timeout_s))
        finally:
            self.seat.close()
            if self.tracing is not None:
                self.tracing.close()

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

    `institutions` default to all that are installed. On PostgreSQL, or when told to, it
    follows while another process writes. Raises what `take_seat` raises, StoreBusy.
    """
    home = Path(settings.home) if settings.home else default_home()
    plugged = installed(home) if institutions is None else tuple(institutions)
    store = settings.store.url.reveal()
    seat = take_seat(
        home,
        institutions=plugged,
        store=store,
        advertised_url=settings.store.leader_url or settings.url,
        may_lead=not settings.store.follow,
        passphrase=settings.passphrase.reveal().encode() or None,
        relying_party=relying_party(settings),
        clock=clock,
        places=Places(settings.log.url or None, settings.log.bodies_url or None),
    )
    if not (seat.leads or settings.store.follow or seat.node.store.is_postgres):
        seat.close()
        raise StoreBusy(
            "another process is writing to this home",
            value=home,
            remedy="wait until it ends, choose another home, or follow it (store.follow = true)",
        )
    node = seat.node
    intake = Intake(
        node.sequencer,
        queue_max_acts=settings.intake.queue_max_acts,
        batch_max_acts=settings.intake.batch_max_acts,
        linger_s=settings.intake.linger_ms / 1000,
        on_defect=lambda defect: LOG.error("defect in an act's rule", exc_info=defect),
    )
    observed = Observed(intake, lambda: node.log.size)
    tracing = _tracing(settings, seat, observed)
    return Running(
        seat,
        intake.start(),
        settings,
        plugged,
        key_ring(node.keys, plugged),
        known_key_ring(node.keys, plugged),
        observed,
        tracing,
        clock,
    )


def _tracing(settings: Settings, seat: Seat, observed: Observed) -> Tracing | None:
    """Begin to trace when the settings name an endpoint; else import nothing of it."""
    if not settings.traces.otlp_endpoint:
        return None
    from entrepot.node.observing_traces import Tracing

    tracing = Tracing(settings.traces, seat.node.signer.origin)
    tracing.watch(seat.node.log)
    observed.on_batch = tracing.batch
    return tracing


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
