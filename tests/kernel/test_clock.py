"""The watched clock: slow corrections are followed, leaps ahead are not."""

import pytest

from entrepot.kernel.clock import LEAP_MAX_S, WatchedClock, since_boot
from entrepot.kernel.errors import StorageError
from entrepot.kernel.home import system_clock


def test_a_leap_ahead_is_refused_until_it_is_taken_back() -> None:
    wall, boot = [1_000.0], [10.0]
    clock = WatchedClock(lambda: wall[0], lambda: boot[0])
    assert clock() == 1_000
    wall[0], boot[0] = 5_000.9, 4_010.0  # an hour passed, in both
    assert clock() == 5_000
    wall[0] += LEAP_MAX_S + 1
    for _ in range(2):
        with pytest.raises(StorageError, match="leapt ahead"):
            clock()
    wall[0] -= LEAP_MAX_S
    assert clock() == 5_001


def test_slow_corrections_and_steps_back_are_followed() -> None:
    wall, boot = [1_000.0], [0.0]
    clock = WatchedClock(lambda: wall[0], lambda: boot[0])
    for _ in range(10):
        wall[0] += LEAP_MAX_S
        clock()
    wall[0] -= 10_000
    assert clock() == int(wall[0])


def test_the_clock_of_the_machine_runs() -> None:
    assert since_boot() > 0
    assert system_clock() <= system_clock()
