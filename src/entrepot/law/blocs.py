"""The order of an atlas: places with like rows and columns stand together, so that blocs show.

Average-linkage clustering over the share of cells in which two places differ, as sender and as
recipient; the leaves are then read off with each pair of branches turned so that like ends meet
(Bar-Joseph, Gifford and Jaakkola 2001 find the best such order; this takes the greedy one).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def bloc_order(outcomes: NDArray[np.int8]) -> NDArray[np.intp]:
    """Return the order of places for a matrix of outcomes, shape (places, places), from by to."""
    size = len(outcomes)
    apart = _differences(outcomes)
    linkage = apart.copy()
    np.fill_diagonal(linkage, np.inf)
    branches: list[list[int]] = [[place] for place in range(size)]
    weights = np.ones(size)
    for _ in range(size - 1):
        a, b = divmod(int(linkage.argmin()), size)
        branches[a] = _joined(branches[a], branches[b], apart)
        mean = (weights[a] * linkage[a] + weights[b] * linkage[b]) / (weights[a] + weights[b])
        weights[a] += weights[b]
        linkage[a], linkage[:, a] = mean, mean
        linkage[a, a] = np.inf
        linkage[b], linkage[:, b] = np.inf, np.inf
        branches[b] = []
    return np.array(next(branch for branch in branches if branch), np.intp)


def _differences(outcomes: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return the share of cells in which two places differ, shape (places, places)."""
    features = np.concatenate([outcomes, outcomes.T], axis=1)
    return np.stack([(features != row).mean(axis=1) for row in features])


def _joined(left: list[int], right: list[int], apart: NDArray[np.float64]) -> list[int]:
    """Return two branches end to end, each turned so that the ends that meet are most alike."""
    turned = [(a, b) for a in (left, left[::-1]) for b in (right, right[::-1])]
    a, b = min(turned, key=lambda pair: float(apart[pair[0][-1], pair[1][0]]))
    return a + b
