"""Extents of rights: what they share, and whether one lies within another. Pure.

Two rights conflict only where uses, places and days all meet; a right may come only out of one
whose uses, places and days all contain its own.
"""

from __future__ import annotations

from entrepot.registry.productacts import Period
from entrepot.registry.productvocabulary import place_covers, places_meet
from entrepot.registry.rightacts import ANY, Extent

_FAR: str = "9999-12-31"


def _end(term: Period) -> str:
    return term.until or _FAR


def terms_meet(left: Period, right: Period) -> bool:
    """Say whether two terms have a day in common (ISO 8601 days sort as text)."""
    return left.start <= _end(right) and right.start <= _end(left)


def term_within(inner: Period, outer: Period) -> bool:
    """Say whether one term begins no earlier and ends no later than another."""
    return outer.start <= inner.start and _end(inner) <= _end(outer)


def scopes_meet(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Say whether two scopes have a use in common; `any` meets all."""
    return ANY in left or ANY in right or bool(set(left) & set(right))


def scope_within(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    """Say whether every use of one scope is in another."""
    return ANY in outer or set(inner) <= set(outer)


def territories_meet(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Say whether two territories have a place in common."""
    return any(places_meet(one, other) for one in left for other in right)


def territory_within(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    """Say whether every place of one territory lies in a place of another."""
    return all(any(place_covers(whole, part) for whole in outer) for part in inner)


def extents_meet(left: Extent, right: Extent) -> bool:
    """Say whether two extents have a use, a place and a day in common."""
    return (
        terms_meet(left.term, right.term)
        and scopes_meet(left.scope, right.scope)
        and territories_meet(left.territory, right.territory)
    )


def extent_within(inner: Extent, outer: Extent) -> bool:
    """Say whether uses, places and days of one extent all lie in another."""
    return (
        term_within(inner.term, outer.term)
        and scope_within(inner.scope, outer.scope)
        and territory_within(inner.territory, outer.territory)
    )
