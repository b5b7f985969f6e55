"""Token buckets: how often one log may be cosigned, kept in memory per process."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final

PER_S: Final = 10.0
BURST: Final = 60.0
"""One cosigning costs about two milliseconds and a flush; no log needs more than ten a second."""


@dataclass(slots=True)
class Paces:
    """One bucket per origin. Origins are those that are watched, so their number is bounded."""

    per_s: float = PER_S
    burst: float = BURST
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_s(self, origin: str, now: float) -> float:
        """Take one token and return 0, or return the seconds until there is one."""
        with self._lock:
            tokens, at = self._buckets.get(origin, (self.burst, now))
            tokens = min(self.burst, tokens + max(0.0, now - at) * self.per_s)
            wait = 0.0 if tokens >= 1 else (1 - tokens) / self.per_s
            self._buckets[origin] = (tokens - 1 if wait == 0 else tokens, now)
        return wait
