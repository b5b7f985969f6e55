"""Exceptions that would run in a circle: a rule that, through others, defeats itself."""

from __future__ import annotations

from collections.abc import Mapping

from entrepot.kernel.errors import InvalidLaw
from entrepot.law.compiled import Rule


def circle_of(rules: Mapping[str, Rule]) -> InvalidLaw | None:
    """Return the fault of the first circle of `defeats`, at the `defeats` of its first rule.

    Every rule is entered once, so that long chains cost no more than their length.
    """
    done: set[str] = set()
    for start in rules:
        trail: dict[str, None] = {}
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            name, leaving = stack.pop()
            if leaving:
                del trail[name]
                done.add(name)
                continue
            if name in trail:
                return _fault(rules, [*trail][[*trail].index(name) :])
            if name in done:
                continue
            trail[name] = None
            stack.append((name, True))
            stack.extend((other, False) for other in reversed(rules[name].text.block.defeats))
    return None


def _fault(rules: Mapping[str, Rule], ring: list[str]) -> InvalidLaw:
    return InvalidLaw(
        "circular defeats",
        where=rules[ring[0]].text.at("defeats"),
        value=" → ".join([*ring, ring[0]]),
        remedy="an exception has a rule and the exception to it; take one `defeats` out",
    )
