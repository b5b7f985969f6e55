"""Bit planes: one truth per row, eight rows to a byte, or one truth for all rows.

The columnar back end holds a condition over a million rows as two planes of 125 kB, the rows where
it is true and the rows where it is false; a row in neither is unknown. A plane that says the same
of every row is a plain `bool`, so what does not depend on the rows folds away. The bits after the
last row are arbitrary.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Bits: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]
Plane: TypeAlias = bool | Bits


class Truth(NamedTuple):
    """Kleene truth per row: the rows that are true and those that are false; the rest is
    unknown."""

    yes: Plane
    no: Plane

    @property
    def unknown(self) -> Plane:
        """The rows that are neither true nor false."""
        return opposite(either(self.yes, self.no))


TRUE = Truth(True, False)
FALSE = Truth(False, True)
UNKNOWN = Truth(False, False)


def both(a: Plane, b: Plane) -> Plane:
    """Return the rows in `a` and in `b`."""
    if a is False or b is False:
        return False
    if a is True:
        return b
    return a if b is True else np.bitwise_and(a, b)


def either(a: Plane, b: Plane) -> Plane:
    """Return the rows in `a` or in `b`."""
    if a is True or b is True:
        return True
    if a is False:
        return b
    return a if b is False else np.bitwise_or(a, b)


def opposite(a: Plane) -> Plane:
    """Return the rows not in `a`."""
    return not a if isinstance(a, bool) else np.invert(a)


def without(a: Plane, b: Plane) -> Plane:
    """Return the rows in `a` that are not in `b`."""
    return both(a, opposite(b))


def any_of(planes: Iterable[Plane]) -> Plane:
    """Return the rows in some plane; none without planes."""
    result: Plane = False
    for plane in planes:
        result = either(result, plane)
    return result


def choose(where: Plane, a: Plane, b: Plane) -> Plane:
    """Return `a` in the rows of `where` and `b` elsewhere."""
    if where is True:
        return a
    return b if where is False else either(both(where, a), without(b, where))


def plane(mask: Mask | np.bool_ | bool) -> Plane:
    """Return a mask (shape (rows,), or one truth for all) as a plane, folded where it is
    constant."""
    if not isinstance(mask, np.ndarray):
        return bool(mask)
    if not mask.any():
        return False
    if mask.all():
        return True
    return np.packbits(mask, bitorder="little")


def mask(a: Plane, rows: int) -> Mask:
    """Return a plane as a mask of shape (rows,)."""
    if isinstance(a, bool):
        return np.full(rows, a)
    return np.unpackbits(a, count=rows, bitorder="little").view(np.bool_)
