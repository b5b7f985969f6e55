"""Who is covered through ownership: a fixpoint over a graph of holdings, in exact arithmetic.

28 CFR 202.211(a)(1)-(2) covers a foreign entity held, directly or indirectly and in aggregate, for
50 % or more by covered parties; PADFA sec. 2(c)(2) reaches an entity held for at least 20 %, and
whoever is directed by one. Both run through chains and circles of holdings, so the answer is a
least fixpoint and not a column in a table. See docs/laws/ownership.md for the reading chosen.

It is not a register of companies and it knows no names: the holdings are the caller's, and so is
the list of parties that are covered in their own right (seat, residence, designation).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from entrepot.kernel.errors import InvalidInput

Percent: TypeAlias = int | float | str | Decimal | Fraction
"""A share in per cent; text may be a decimal ("33.3") or a fraction ("100/3")."""

_Stakes: TypeAlias = dict[str, dict[str, Fraction]]

MAX_ENTITIES = 100_000
MAX_CIRCLE = 200
"""Largest circle of mutual holdings that is solved exactly (Gaussian elimination is cubic)."""

_WHOLE = Fraction(100)


@dataclass(frozen=True, slots=True)
class OwnershipRule:
    """How one regime reads holdings.

    `threshold_percent`: an entity with at least this share, held directly or indirectly by covered
    parties in aggregate, is covered. `majority_percent`: from this share on, what an entity itself
    holds counts in full for its owners (below, in proportion), and an entity whose covered direct
    holders have this much together counts as directed by them.
    """

    regime: str
    threshold_percent: Fraction
    majority_percent: Fraction
    article: str


@dataclass(frozen=True, slots=True)
class CountedStake:
    """One direct holding and how much of it counted, in per cent of the entity held."""

    owner: str
    percent: Fraction
    counted_percent: Fraction


@dataclass(frozen=True, slots=True)
class Covered:
    """A party and why: `seed` (covered in its own right), `share`, `direction`; or, not covered
    itself, `carrier` (its holdings count in proportion) or `immune` (they count in full)."""

    entity: str
    ground: str
    share_percent: Fraction
    because: tuple[CountedStake, ...]


@dataclass(frozen=True, slots=True)
class Ownership:
    """The fixpoint: covered parties in the order in which they follow, and everybody's share."""

    rule: OwnershipRule
    covered: dict[str, Covered]
    shares_percent: dict[str, Fraction]
    """Entity → share held by covered parties, directly or indirectly, in aggregate (0 to 100)."""
    carriers: dict[str, Covered]
    """Entities not covered themselves through which holdings count: ground `carrier`."""

    def proof(self, entity: str) -> list[str]:
        """Return the chain that covers `entity`, seeds first; empty when it is not covered.

        Each line names the holdings counted, so that it can be recomputed by hand.
        """
        if entity not in self.covered:
            return []
        needed: set[str] = set()
        pending = [entity]
        while pending:
            name = pending.pop()
            if name not in needed:
                needed.add(name)
                known = self.covered.get(name) or self.carriers[name]
                pending += [stake.owner for stake in known.because]
        seeds = [found for found in self.covered.values() if found.ground == "seed"]
        others = [found for found in self.covered.values() if found.ground != "seed"]
        carriers = list(self.carriers.values())
        return [_say(f, self.rule) for f in [*seeds, *carriers, *others] if f.entity in needed]


def covered_parties(
    stakes: Mapping[str, Mapping[str, Percent]],
    seeds: Iterable[str],
    rule: OwnershipRule,
    *,
    immune: Iterable[str] = (),
) -> Ownership:
    """Find everybody covered through ownership, with shares and proofs.

    `stakes` maps entity → owner → per cent held; owners need not be entities themselves. Shares
    that an entity holds in itself are left out and the others scaled to the rest. `seeds` are
    covered in their own right. `immune` parties are never covered through ownership (under the Data
    Security Program: U.S. persons), but what they hold is still looked through. Shares are exact
    fractions; circles are solved, not iterated.
    Raises InvalidInput for a share that is no number from 0 to 100, holdings of one entity above
    100 %, more than 100,000 entities, or a circle of more than 200.
    """
    holdings = _read(stakes)
    fixpoint = _Fixpoint(holdings, frozenset(seeds), frozenset(immune), rule)
    for circle in _owners_first(holdings):
        fixpoint.settle(circle)
    return Ownership(rule, fixpoint.covered, fixpoint.shares, fixpoint.carriers())


class _Fixpoint:
    """The growing sets while circles are settled, owners before what they own."""

    def __init__(
        self,
        holdings: _Stakes,
        seeds: frozenset[str],
        immune: frozenset[str],
        rule: OwnershipRule,
    ) -> None:
        self.holdings = holdings
        self.immune = immune - seeds
        self.rule = rule
        self.full = set(seeds)
        """Parties whose own holdings count in full."""
        self.covered = {name: Covered(name, "seed", _WHOLE, ()) for name in sorted(seeds)}
        self.shares: dict[str, Fraction] = dict.fromkeys(sorted(seeds), _WHOLE)

    def settle(self, circle: list[str]) -> None:
        """Decide one circle (or one entity): solve, let it grow, until nothing changes.

        It ends because `full` and `covered` only grow and are bounded by the circle.
        """
        members = [name for name in circle if self.covered.get(name, _NOBODY).ground != "seed"]
        changed = True
        while changed:
            self.shares.update(self._solve(members))
            grown = [self._grow(name) for name in members]
            changed = any(grown)

    def _grow(self, name: str) -> bool:
        share = self.shares[name]
        directed = sum(
            (p for owner, p in self.holdings.get(name, {}).items() if owner in self.covered),
            Fraction(0),
        )
        grew = False
        if share >= self.rule.majority_percent and name not in self.full:
            self.full.add(name)
            grew = True
        by_share = share >= self.rule.threshold_percent
        reached = by_share or directed >= self.rule.majority_percent
        if reached and name not in self.covered and name not in self.immune:
            ground = "share" if by_share else "direction"
            self.covered[name] = Covered(name, ground, share, ())
            grew = True
        if name in self.covered:
            known = self.covered[name]
            self.covered[name] = Covered(name, known.ground, share, self._because(name, known))
        return grew

    def carriers(self) -> dict[str, Covered]:
        """Return the entities that are not covered and yet pass a share on."""
        found = {}
        for name, share in self.shares.items():
            if share and name not in self.covered:
                bare = Covered(name, "carrier", share, ())
                because = self._because(name, bare)
                ground = "immune" if name in self.full else "carrier"
                found[name] = Covered(name, ground, share, because)
        return found

    def _because(self, name: str, known: Covered) -> tuple[CountedStake, ...]:
        counted = []
        for owner, percent in self.holdings.get(name, {}).items():
            weight = self._weight(owner)
            if known.ground == "direction":
                weight = _WHOLE if owner in self.covered else Fraction(0)
            if weight:
                counted.append(CountedStake(owner, percent, percent * weight / _WHOLE))
        return tuple(counted)

    def _weight(self, owner: str) -> Fraction:
        return _WHOLE if owner in self.full else self.shares.get(owner, Fraction(0))

    def _solve(self, members: list[str]) -> dict[str, Fraction]:
        """Solve share(e) = Σ stake(o, e) · weight(o) for the members of one circle."""
        open_owners = [name for name in members if name not in self.full]
        reached = self._reached(open_owners)
        unknowns = [name for name in open_owners if name in reached]
        place = {name: i for i, name in enumerate(unknowns)}
        rows = [self._row(name, place) for name in unknowns]
        solved = dict.fromkeys(open_owners, Fraction(0))
        solved.update(zip(unknowns, _eliminate(rows), strict=True))
        for name in members:
            if name in self.full:
                solved[name] = self._sum(name, solved)
        return solved

    def _sum(self, name: str, solved: dict[str, Fraction]) -> Fraction:
        total = Fraction(0)
        for owner, percent in self.holdings.get(name, {}).items():
            weight = _WHOLE if owner in self.full else solved.get(owner, self._weight(owner))
            total += percent * weight / _WHOLE
        return total

    def _row(self, name: str, place: dict[str, int]) -> list[Fraction]:
        """Return the equation of one unknown: coefficients, then the right-hand side."""
        row = [Fraction(0)] * (len(place) + 1)
        row[place[name]] = Fraction(1)
        for owner, percent in self.holdings.get(name, {}).items():
            if owner in place:
                row[place[owner]] -= percent / _WHOLE
            elif owner in self.full or owner in self.shares:
                row[-1] += percent * self._weight(owner) / _WHOLE
        return row

    def _reached(self, names: list[str]) -> set[str]:
        """Return the names in which a covered party holds anything through any chain.

        The others have share 0 in the least fixpoint; leaving them out keeps the system regular
        even where companies own one another for 100 %.
        """
        inside = set(names)
        reached = {
            name
            for name in names
            if any(
                percent and owner not in inside and self._weight(owner)
                for owner, percent in self.holdings.get(name, {}).items()
            )
        }
        grew = True
        while grew:
            more = {
                name
                for name in inside - reached
                if any(p and owner in reached for owner, p in self.holdings.get(name, {}).items())
            }
            reached |= more
            grew = bool(more)
        return reached


_NOBODY = Covered("", "none", Fraction(0), ())


def _read(stakes: Mapping[str, Mapping[str, Percent]]) -> _Stakes:
    if len(stakes) > MAX_ENTITIES:
        raise InvalidInput(
            "too many entities in one ownership graph",
            value=len(stakes),
            remedy=f"give at most {MAX_ENTITIES:,} entities: those above the recipient",
        )
    holdings: _Stakes = {}
    for entity, owners in stakes.items():
        held = {o: _percent(p, entity, o) for o, p in owners.items()}
        total = sum(held.values(), Fraction(0))
        if total > _WHOLE:
            raise InvalidInput(
                f"the owners of {entity} hold more than 100 per cent together",
                value=_show(total),
                remedy="give each direct holding once, in per cent of the whole",
            )
        own = held.pop(entity, Fraction(0))
        rest = _WHOLE - own
        holdings[entity] = {o: p * _WHOLE / rest for o, p in held.items()} if rest else {}
    return holdings


def _percent(given: Percent, entity: str, owner: str) -> Fraction:
    try:
        # A float is read as the decimal it prints as: 33.3 means 333/10, not its binary neighbour.
        value = Fraction(str(given)) if not isinstance(given, bool) else None
    except (ValueError, ZeroDivisionError):
        value = None
    if value is None or not 0 <= value <= _WHOLE:
        raise InvalidInput(
            f"the share of {owner} in {entity} is no number from 0 to 100",
            value=given,
            remedy='write per cent as a number or as a fraction, for instance 33.3 or "100/3"',
        )
    return value


def _owners_first(holdings: _Stakes) -> list[list[str]]:
    """Return the circles of the graph (Tarjan, iterative), owners before what they own."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    circles: list[list[str]] = []
    for root in holdings:
        if root in order:
            continue
        work = [(root, iter(holdings[root]))]
        order[root] = low[root] = len(order)
        stack.append(root)
        on_stack.add(root)
        while work:
            name, owners = work[-1]
            owner = next((o for o in owners if o in holdings), None)
            if owner is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == order[name]:
                    circles.append(_pop_circle(name, stack, on_stack))
            elif owner not in order:
                order[owner] = low[owner] = len(order)
                stack.append(owner)
                on_stack.add(owner)
                work.append((owner, iter(holdings[owner])))
            elif owner in on_stack:
                low[name] = min(low[name], order[owner])
    return circles


def _pop_circle(name: str, stack: list[str], on_stack: set[str]) -> list[str]:
    circle: list[str] = []
    while not circle or circle[-1] != name:
        member = stack.pop()
        on_stack.discard(member)
        circle.append(member)
    if len(circle) > MAX_CIRCLE:
        raise InvalidInput(
            "too many entities hold one another in one circle",
            value=len(circle),
            remedy=f"resolve the circle around {name} to at most {MAX_CIRCLE} entities",
        )
    return circle[::-1]


def _eliminate(rows: list[list[Fraction]]) -> list[Fraction]:
    """Solve the square system by Gauss-Jordan elimination, exactly.

    Every unknown has a chain to a covered party outside the system and no entity is held for more
    than 100 %, so the matrix is regular and a pivot always exists.
    """
    size = len(rows)
    for column in range(size):
        pivot = next(r for r in range(column, size) if rows[r][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column][column]
        rows[column] = [value / head for value in rows[column]]
        for r in range(size):
            factor = rows[r][column]
            if r != column and factor:
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[column], strict=True)]
    return [row[-1] for row in rows]


def _show(percent: Fraction) -> str:
    if (percent * 100).denominator == 1:
        return f"{float(percent):g} %"
    return f"{percent} % (about {float(percent):.4g} %)"


def _say(found: Covered, rule: OwnershipRule) -> str:
    if found.ground == "seed":
        return f"{found.entity}: covered in its own right"
    parts = ", ".join(
        f"{s.owner} {_show(s.percent)}"
        + ("" if s.counted_percent == s.percent else f" counting {_show(s.counted_percent)}")
        for s in found.because
    )
    if found.ground == "carrier":
        return f"{found.entity}: not covered itself, {_show(found.share_percent)} counts ({parts})"
    if found.ground == "immune":
        return f"{found.entity}: never covered through ownership, but looked through ({parts})"
    if found.ground == "direction":
        return (
            f"{found.entity}: directed by covered holders of at least "
            f"{_show(rule.majority_percent)} ({parts}); {rule.article}"
        )
    return (
        f"{found.entity}: {_show(found.share_percent)} in aggregate, at least "
        f"{_show(rule.threshold_percent)} ({parts}); {rule.article}"
    )
