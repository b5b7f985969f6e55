"""Who reads: requests signed by a party's key (RFC 9421, profile in `entrepot.client.signatures`).

Replay is held off twice: a signature counts for a minute around its time, and its nonce once in
that time. The URL that was signed must be this node's own, so that a request signed for another
node is worth nothing here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Final

from litestar import Request

from entrepot.client.signatures import WINDOW_S, parse_signature
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import Kid
from entrepot.node.api.problems import NotAllowed, TooMany
from entrepot.node.running import Running
from entrepot.node.settings import Settings

NONCES_MAX: Final = 200_000
"""Nonces remembered, 100 bytes each; one more in their minute is refused, not forgotten."""


class Nonces:
    """The nonces seen within the window, so that a signature is accepted once."""

    def __init__(self) -> None:
        """Begin with none."""
        self._seen: OrderedDict[tuple[Kid, str], int] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, kid: Kid, nonce: str, now: int) -> bool:
        """Say whether this nonce is new, and remember it. Raises TooMany when full."""
        with self._lock:
            while self._seen:
                oldest = next(iter(self._seen))
                if self._seen[oldest] >= now:
                    break
                del self._seen[oldest]
            if (kid, nonce) in self._seen:
                return False
            if len(self._seen) >= NONCES_MAX:
                raise TooMany("too many signed requests", retry_after_s=WINDOW_S)
            self._seen[kid, nonce] = now + 2 * WINDOW_S
            return True


def reader_of(request: Request[Any, Any, Any]) -> Kid | None:
    """Return the key that signed a request without body, or None when it is not signed.

    Raises NotAllowed when it is signed and the signature does not hold, is out of its time, was
    used before, or is by a key that is not accepted here.
    """
    fields = request.headers
    signature_input, signature = fields.get("signature-input"), fields.get("signature")
    if signature_input is None and signature is None:
        return None
    running: Running = request.app.state.running
    try:
        unverified = parse_signature(signature_input or "", signature or "")
    except InvalidInput as error:
        raise NotAllowed(error.what, remedy=error.remedy) from error
    now = running.clock()
    if abs(now - unverified.created) > WINDOW_S:
        raise NotAllowed(
            "the signature is out of its time", remedy=f"sign within {WINDOW_S} s of sending"
        )
    with running.node.store.reading() as read:
        key = running.keys.find(read, unverified.kid)
    if key is None:
        raise NotAllowed("the request is signed by a key that is not accepted here")
    try:
        method = str(request.scope.get("entrepot_method") or request.method)
        unverified.verify(key, method, _target_uri(request, running.settings), None)
    except VerificationError as error:
        raise NotAllowed(error.what, remedy=f"sign the URL below {running.url}") from error
    if not request.app.state.nonces.take(unverified.kid, unverified.nonce, now):
        raise NotAllowed("this signature was used before", remedy="sign every request anew")
    return unverified.kid


def _target_uri(request: Request[Any, Any, Any], settings: Settings) -> str:
    """Return the URL of a request as its sender must have signed it (RFC 9421 section 2.2.2).

    With a public URL it is that one, whatever the Host field says; without, the node is reached on
    its own machine under the names of loopback, and the Host field chooses among those.
    """
    scope = request.scope
    raw_path = scope.get("raw_path") or scope["path"].encode()
    path = raw_path.decode("latin-1").split("?")[0]
    query = scope.get("query_string", b"").decode("latin-1")
    base = settings.url
    if not settings.http.public_url:
        host = request.headers.get("host", "")
        names = {f"{name}:{settings.http.port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        if host in names:
            base = f"http://{host}"
    return f"{base}{path}" + (f"?{query}" if query else "")
