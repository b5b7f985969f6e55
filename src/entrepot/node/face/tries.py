"""How often one address may try: to sign in, to open invitations, to apply. In memory, per process.

Beside the node's own limit by address, which is for load; this one is for guessing and for a form
that is open to all. On our own machine nothing is counted, as everywhere (`limits.loopback_free`).
"""

from __future__ import annotations

import time
from typing import Final

from entrepot.node.api.buckets import Buckets
from entrepot.node.api.problems import TooMany
from entrepot.node.face.language import t
from entrepot.node.face.visitors import AnyRequest, visitor_of

LIMITS: Final = {"sign-in": (0.1, 10), "apply": (1 / 120, 5)}
"""What is tried -> tries per second, and at once."""


def new_tries() -> dict[str, Buckets]:
    """Return full buckets for everything that is counted."""
    return {what: Buckets(rate, burst) for what, (rate, burst) in LIMITS.items()}


def count_try(request: AnyRequest, what: str) -> None:
    """Count a try (`sign-in` or `apply`) against its address. Raises TooMany."""
    address = request.scope.get("entrepot_address")
    if address is None:
        return
    state = request.app.state
    if "face_tries" not in state:
        state["face_tries"] = new_tries()
    buckets: Buckets = state["face_tries"][what]
    now = time.monotonic()
    wait_s = buckets.wait_s(address, now)
    if wait_s:
        words = t(visitor_of(request).language, f"{what}.too-many")
        raise TooMany(words, retry_after_s=wait_s)
    buckets.take(address, 1, now)
