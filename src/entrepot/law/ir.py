"""The intermediate form of a condition: frozen nodes that both back ends read.

A condition is a tree of *truth* nodes (true, false or unknown) over *value* nodes (a value or
unknown). Types are checked when the tree is built (`entrepot.law.parser`), so back ends do not
check again. Semantics: strong Kleene logic; a comparison with an unknown side is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from entrepot.law.model import Scalar


@dataclass(frozen=True, slots=True)
class Const:
    """A literal, or a part that binding has already settled; `None` is unknown."""

    value: Scalar | None


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact; `default` is what unknown means for a choice (`none`, `false`, the empty set)."""

    name: str
    default: Scalar | None = None


@dataclass(frozen=True, slots=True)
class ValueRef:
    """A dated number of the law; binding replaces it with the `Const` of the day."""

    id: str


@dataclass(frozen=True, slots=True)
class Sum:
    """`left + right`, or `left - right` when `minus`."""

    left: Value
    right: Value
    minus: bool


@dataclass(frozen=True, slots=True)
class Compare:
    """`left op right`; `op` is one of `==`, `<`, `<=`, `>`, `>=`."""

    op: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class In:
    """`left` is one of `members`, or a member of one of `groups` on the day."""

    left: Value
    members: frozenset[Scalar]
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Has:
    """A set fact has any (`every` false) or all of `members` and members of `groups`."""

    left: Value
    members: frozenset[str]
    groups: tuple[str, ...]
    every: bool


@dataclass(frozen=True, slots=True)
class Empty:
    """A set fact has no member."""

    left: Value


@dataclass(frozen=True, slots=True)
class Truth:
    """A boolean fact standing alone."""

    fact: Value


@dataclass(frozen=True, slots=True)
class Listed:
    """Some entry of a scope list applies; binding replaces it with `Entries`."""

    id: str


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of a list that are in force and can still apply: (entry id, condition)."""

    list_id: str
    entries: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class And:
    """False when a part is false, else unknown when a part is unknown, else true."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True when a part is true, else unknown when a part is unknown, else false."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; unknown stays unknown."""

    part: Node


Value: TypeAlias = Const | Fact | ValueRef | Sum
Node: TypeAlias = Const | Compare | In | Has | Empty | Truth | Listed | Entries | And | Or | Not

TRUE = Const(True)
FALSE = Const(False)


def conjunction(*parts: Node) -> Node:
    """Return `And` of `parts`, flattened; no part is true, one part is itself."""
    flat: list[Node] = []
    for part in parts:
        if part == TRUE:
            continue
        flat.extend(part.parts if isinstance(part, And) else (part,))
    if FALSE in flat:
        return FALSE
    if not flat:
        return TRUE
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def disjunction(*parts: Node) -> Node:
    """Return `Or` of `parts`, flattened; no part is false, one part is itself."""
    flat: list[Node] = []
    for part in parts:
        if part == FALSE:
            continue
        flat.extend(part.parts if isinstance(part, Or) else (part,))
    if TRUE in flat:
        return TRUE
    if not flat:
        return FALSE
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def negation(part: Node) -> Node:
    """Return `Not` of `part`, without double negation."""
    if isinstance(part, Const):
        return Const(None if part.value is None else not part.value)
    return part.part if isinstance(part, Not) else Not(part)


def children(node: Node | Value) -> tuple[Node | Value, ...]:
    """Return the direct parts of a node."""
    if isinstance(node, (And, Or)):
        return node.parts
    if isinstance(node, (Compare, Sum)):
        return (node.left, node.right)
    if isinstance(node, (In, Has, Empty)):
        return (node.left,)
    if isinstance(node, Truth):
        return (node.fact,)
    if isinstance(node, Not):
        return (node.part,)
    if isinstance(node, Entries):
        return tuple(condition for _, condition in node.entries)
    return ()


def walk(node: Node | Value) -> Iterator[Node | Value]:
    """Yield `node` and everything below it, in reading order."""
    stack: list[Node | Value] = [node]
    while stack:
        here = stack.pop()
        yield here
        stack.extend(reversed(children(here)))


def facts_of(node: Node | Value) -> tuple[str, ...]:
    """Return the names of the facts that `node` reads, each once, in reading order."""
    found: dict[str, None] = {}
    stack: list[Node | Value] = [node]
    while stack:
        here = stack.pop()
        if isinstance(here, Fact):
            found[here.name] = None
        else:
            stack.extend(reversed(children(here)))
    return tuple(found)
