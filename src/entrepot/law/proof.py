"""The proof tree of a rule: its bound condition with every part's own result.

A part reads as in the rulebook, with dated values and lists replaced by what they are on the day.
"""

from __future__ import annotations

import msgspec

from entrepot.law import ir
from entrepot.law.kleene import Facts, compile_test
from entrepot.law.model import Scalar
from entrepot.law.vocabulary import spell


class Proof(msgspec.Struct, frozen=True):
    """One part of a condition: its text, its result (true, false, unknown) and its own parts."""

    text: str
    result: str
    facts: dict[str, str] = {}
    """For a part without parts: the facts read and their values."""
    parts: list[Proof] = []


def prove(node: ir.Node, facts: Facts) -> Proof:
    """Return the proof of `node` under `facts` (derived ones included, unknown ones absent)."""
    result = spell(compile_test(node)(facts))
    match node:
        case ir.And(parts):
            return Proof("all of", result, parts=[prove(part, facts) for part in parts])
        case ir.Or(parts):
            return Proof("any of", result, parts=[prove(part, facts) for part in parts])
        case ir.Not(part):
            return Proof("not", result, parts=[prove(part, facts)])
        case ir.Entries(name, entries):
            return Proof(
                f"listed({name})",
                result,
                parts=[_entry(entry, part, facts) for entry, part in entries],
            )
        case _:
            read = {name: spell(_value(name, node, facts)) for name in ir.facts_of(node)}
            return Proof(text_of(node), result, read)


def _entry(name: str, node: ir.Node, facts: Facts) -> Proof:
    return Proof(f"entry {name}", spell(compile_test(node)(facts)), parts=[prove(node, facts)])


def _value(name: str, node: ir.Node, facts: Facts) -> Scalar | None:
    fact = next(part for part in ir.walk(node) if isinstance(part, ir.Fact) and part.name == name)
    return facts.get(name, fact.default)


def text_of(node: ir.Node | ir.Value) -> str:
    """Return a bound condition or value as a rulebook would write it."""
    match node:
        case ir.Const(value):
            return spell(value)
        case ir.Fact(name):
            return name
        case ir.Truth(fact):
            return text_of(fact)
        case ir.Compare(op, left, right):
            return f"{text_of(left)} {op} {text_of(right)}"
        case ir.In(left, members):
            return f"{text_of(left)} in ({', '.join(sorted(spell(m) for m in members))})"
        case ir.Has(left, members, _, every):
            listed = ", ".join(sorted(members))
            return f"{text_of(left)} has {'all' if every else 'any'} ({listed})"
        case ir.Empty(left):
            return f"{text_of(left)} is empty"
        case ir.Sum(left, right, minus):
            return f"{text_of(left)} {'-' if minus else '+'} {text_of(right)}"
        case ir.Not(part):
            return f"not ({text_of(part)})"
        case ir.And(parts):
            return " and ".join(f"({text_of(part)})" for part in parts)
        case ir.Or(parts):
            return " or ".join(f"({text_of(part)})" for part in parts)
        case ir.Entries(name) | ir.Listed(name):
            return f"listed({name})"
        case ir.ValueRef(name):
            return f"value({name})"
