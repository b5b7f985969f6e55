"""Token buckets: how often a key or an address may ask. In memory, per process, bounded.

A bucket that was overdrawn (acts are counted when they were verified, so that nobody can empty the
bucket of another's key with unsigned bytes) is refilled first.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

BUCKETS_MAX: Final = 65_536
"""Buckets remembered; the one unused for longest is forgotten, which makes it full again."""


class Buckets:
    """One token bucket per name: `burst` tokens at most, `rate` more per second."""

    def __init__(self, rate: float, burst: int) -> None:
        """Take `rate` in tokens per second (0: no limit at all)."""
        self.rate = rate
        self.burst = burst
        self._filled: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, name: Hashable, now: float) -> int:
        """Return 0 when a token is there, else after how many whole seconds one will be."""
        if not self.rate:
            return 0
        with self._lock:
            tokens = self._tokens(name, now)
        return 0 if tokens >= 1 else max(1, math.ceil((1 - tokens) / self.rate))

    def take(self, name: Hashable, count: int, now: float) -> None:
        """Take `count` tokens, below nothing if need be. `now` in seconds of any steady clock."""
        if not self.rate or not count:
            return
        with self._lock:
            self._filled[name] = (self._tokens(name, now) - count, now)
            self._filled.move_to_end(name)
            if len(self._filled) > BUCKETS_MAX:
                self._filled.popitem(last=False)

    def _tokens(self, name: Hashable, now: float) -> float:
        tokens, then = self._filled.get(name, (float(self.burst), now))
        return min(float(self.burst), tokens + max(0.0, now - then) * self.rate)
