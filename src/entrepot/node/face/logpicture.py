"""The growth of the log as a picture: sizes over time, and every step proven or not.

Only numbers are made here; the template draws them as SVG with attributes and classes, because the
Content-Security-Policy allows no inline style.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from entrepot.node.face.logview import Seen

WIDTH: Final = 720
HEIGHT: Final = 260
LEFT: Final = 64
RIGHT: Final = 16
TOP: Final = 16
FLOOR: Final = 212
_TICKS: Final = 4


@dataclass(frozen=True, slots=True)
class Dot:
    """A checkpoint in the picture; `x`, `y` in its user units."""

    x: float
    y: float
    seen: Seen


@dataclass(frozen=True, slots=True)
class Step:
    """The line from one checkpoint to the next: SVG path, and whether the proof held."""

    path: str
    older: Seen
    newer: Seen


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis."""

    at: float
    value: int


@dataclass(frozen=True, slots=True)
class Growth:
    """Everything the template draws."""

    dots: tuple[Dot, ...]
    steps: tuple[Step, ...]
    sizes: tuple[Tick, ...]
    times: tuple[Tick, ...]
    course: str = ""
    """SVG path of the entries by their own times."""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    floor: int = FLOOR


def growth(diary: Sequence[Seen], course: Sequence[tuple[int, int]] = ()) -> Growth:
    """Return the picture of a diary of checkpoints, oldest first, over the course of the log.

    `course` are pairs of time (POSIX s) and number of entries. Without either nothing is drawn.
    """
    moments = [*(seen.at for seen in diary), *(at for at, _ in course)]
    if not moments:
        return Growth((), (), (), ())
    first, last = min(moments), max(moments)
    top = _round_up(max([*(seen.size for seen in diary), *(size for _, size in course)]))
    span = max(1, last - first)

    def x(at: int) -> float:
        share = (at - first) / span if last > first else 1.0
        return round(LEFT + share * (WIDTH - RIGHT - LEFT), 1)

    def y(size: int) -> float:
        return round(FLOOR - size / top * (FLOOR - TOP), 1)

    dots = tuple(Dot(x(s.at), y(s.size), s) for s in diary)
    steps = tuple(
        Step(f"M{a.x} {a.y}H{b.x}V{b.y}", a.seen, b.seen) for a, b in itertools.pairwise(dots)
    )
    sizes = tuple(Tick(y(n), n) for n in _marks(top))
    times = tuple(Tick(x(at), at) for at in dict.fromkeys((first, first + span // 2, last)))
    line = "L".join(f"{x(at)} {y(size)}" for at, size in course)
    times = times if last > first else (Tick(x(last), last),)
    return Growth(dots, steps, sizes, times, f"M{line}" if line else "")


def _round_up(size: int) -> int:
    """Return the least of 1, 2, 4 or 5 times a power of ten that is at least `size`."""
    power: int = 10 ** int(math.log10(max(size, 4)))
    return next(n * power for n in (1, 2, 4, 5, 10) if n * power >= size)


def _marks(top: int) -> list[int]:
    step = max(1, top // _TICKS)
    return list(range(0, top + 1, step))
