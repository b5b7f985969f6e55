"""The clock of the machine, watched: a step is noticed by the time since boot, which never steps.

Rules read time (a notice period, an expiry), and what they decide stays. A clock that leaps ahead
while the node runs would end every period at once, so the leap is refused until it is taken back or
somebody who is sure starts the node again. Slow corrections (NTP slewing) are followed. A clock
that falls behind is the sequencer's matter: the log's time never goes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from entrepot.kernel.errors import StorageError

LEAP_MAX_S: Final = 300
"""How far wall time may move against time since boot between two looks."""


def since_boot() -> float:
    """Return seconds since the machine started, sleep included (Linux CLOCK_BOOTTIME)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class WatchedClock:
    """Wall time in POSIX seconds, as long as it did not leap ahead."""

    def __init__(
        self, wall: Callable[[], float] = time.time, boot: Callable[[], float] = since_boot
    ) -> None:
        """Take the two clocks; the first look trusts what it sees."""
        self._wall = wall
        self._boot = boot
        self._offset: float | None = None

    def __call__(self) -> int:
        """Return POSIX seconds. Raises StorageError after a leap ahead."""
        now, boot = self._wall(), self._boot()
        offset = now - boot
        if self._offset is not None and offset - self._offset > LEAP_MAX_S:
            raise StorageError(
                "the clock of this machine leapt ahead",
                value=f"{offset - self._offset:,.0f} seconds",
                remedy="set it right; or start the node again when the new time is the right one",
            )
        self._offset = offset
        return int(now)
