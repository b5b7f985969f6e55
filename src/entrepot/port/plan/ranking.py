"""Which ways are worth showing, and in which order.

A way is dominated when another asks no more, takes no more away and is strictly better somewhere.
The order is lexicographic: how far the way is walked, how many findings about law it waits for,
then what each layer of the law demands on it (rights first unless the constitution says otherwise;
under rights it counts before all how exposed the persons stay), then the burden in duties, then the
information lost. Where another order of layers would rank differently, the plan says so: choosing
among lawful ways is policy, and policy should be visible.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from entrepot.law.outcomes import LAYERS, strictness
from entrepot.port.plan.model import Way

_STATUS = {"open": 0, "conditional": 1, "undecided": 2, "barred": 3}
Key = tuple[float, ...]


def ranked(ways: Sequence[Way], order: Sequence[str] = LAYERS) -> list[Way]:
    """Return the ways, best first under `order`."""
    return sorted(ways, key=lambda way: _key(way, order))


def undominated(ways: Sequence[Way]) -> list[Way]:
    """Return the ways that no other way is better than in every respect."""
    return [
        way for way in ways if not any(_dominates(other, way) for other in ways if other is not way)
    ]


def other_orders(ways: Sequence[Way], order: Sequence[str] = LAYERS) -> dict[str, list[int]]:
    """Return, for every other order of layers that ranks differently, the way numbers in it."""
    own = [way.number for way in ranked(ways, order)]
    found = {}
    for other in itertools.permutations(LAYERS):
        numbers = [way.number for way in ranked(ways, other)]
        if list(other) != list(order) and numbers != own:
            found[" > ".join(other)] = numbers
    return found


def _key(way: Way, order: Sequence[str]) -> Key:
    layers = way.assessment.layers
    demands: list[float] = []
    for layer in order:
        if layer == "rights":
            demands.append(float(_exposed(way)))
        demands.append(float(strictness(layers[layer])) if layer in layers else -1.0)
    return (
        float(_STATUS[way.status]),
        float(_legal_findings(way)),
        *demands,
        float(way.burden.weeks),
        float(way.burden.before + way.burden.later),
        way.loss.loss,
    )


def _exposed(way: Way) -> int:
    """How exposed persons stay: 0 grouped or counted, 1 without sensitive data, 2 with it."""
    if way.kind in ("anonymised", "aggregated"):
        return 0
    return 1 if way.facts.get("data.sensitive") is False else 2


def _legal_findings(way: Way) -> int:
    """Count what a person would have to find about the law or the purpose.

    That data is anonymous is found on a measured risk, so it does not push a way back.
    """
    anonymity = any(item.fact == "anonymity.confirmed" for item in way.remaining)
    return way.burden.findings - int(anonymity)


def _dominates(better: Way, worse: Way) -> bool:
    """Compare what is asked, lost and sent; equal in all of it is no domination."""
    ours, theirs = _costs(better), _costs(worse)
    return all(a <= b for a, b in zip(ours, theirs, strict=True)) and ours != theirs


def _costs(way: Way) -> Key:
    return (
        float(_STATUS[way.status]),
        float(strictness(way.outcome)),
        float(way.burden.findings),
        float(way.burden.weeks),
        float(way.burden.before),
        float(len(way.choices)),
        way.loss.loss,
        float(-way.persons),
        _exposure(way),
    )


def _exposure(way: Way) -> float:
    """How well the persons can be told apart in what is sent: less is better, unknown is worst."""
    if way.kind.startswith("aggregated"):
        return 0.0
    return way.risk.average_risk if way.risk is not None else 1.0
