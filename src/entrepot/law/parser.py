"""Conditions from text to the intermediate form: a Pratt parser that checks types as it goes.

Grammar and meaning: docs/laws/rulebooks.md, "Conditions". Binding powers, weakest first: `or`,
`and`,
`not`, comparisons, `+` and `-`. Every error is `InvalidLaw` with file, line and column.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import NoReturn

from entrepot.kernel.errors import InvalidInput, InvalidLaw, shorten
from entrepot.law import ir
from entrepot.law.lexer import Token, tokenize
from entrepot.law.model import Scalar
from entrepot.law.vocabulary import FactSpec, Vocabulary

EXPRESSION_DEPTH_MAX = 64

_OR, _AND, _NOT, _COMPARE, _SUM = 10, 20, 30, 40, 50
_POWER: dict[str, int] = {
    "or": _OR,
    "and": _AND,
    "in": _COMPARE,
    "not": _COMPARE,  # only as `not in`
    "has": _COMPARE,
    "is": _COMPARE,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), _COMPARE),
    "+": _SUM,
    "-": _SUM,
}
_NUMERIC = ("int", "number")
_SETS = ("set", "jurisdictions")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a condition may refer to."""

    vocabulary: Vocabulary
    value_units: Mapping[str, str]
    """Dated values by id → unit."""
    lists: Set[str]
    """Ids of scope lists."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """Type of a value node; `members` closes an enum or set; `unit` is empty when free."""

    type: str
    unit: str = ""
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Typed:
    """A value node and its type; a bare word has no node until the other side gives it a type."""

    node: ir.Value | None
    kind: _Kind
    token: Token


_Part = _Typed | ir.Node


def parse_condition(text: str | bool, scope: Scope, where: str) -> ir.Node:
    """Parse one condition. `where` is the `file:line` named in errors. Raises `InvalidLaw`."""
    if isinstance(text, bool):
        return ir.Const(text)
    return _Parser(text, scope, where).condition()


def parse_number(text: str, unit: str, scope: Scope, where: str) -> ir.Value:
    """Parse a sum of numeric facts, dated values and numbers of `unit`. Raises `InvalidLaw`."""
    parser = _Parser(text, scope, where)
    part = parser.expression(0)
    if parser.here.kind != "end":
        parser.fail(f"unexpected `{parser.here.text}`", parser.here)
    if not isinstance(part, _Typed) or part.node is None or part.kind.type not in _NUMERIC:
        parser.fail("not a number", parser.tokens[0])
    if part.kind.unit != unit and not isinstance(part.node, ir.Const):
        parser.fail(
            f"a number of {part.kind.unit or 'no unit'}, not {unit or 'no unit'}", parser.tokens[0]
        )
    return part.node


class _Parser:
    def __init__(self, text: str, scope: Scope, where: str) -> None:
        self.tokens = tokenize(text, where)
        self.text = text
        self.scope = scope
        self.where = where
        self.position = 0
        self.depth = 0

    # -- tokens ----------------------------------------------------------------------------------

    @property
    def here(self) -> Token:
        return self.tokens[self.position]

    def next(self) -> Token:
        token = self.here
        if token.kind != "end":
            self.position += 1
        return token

    def accept(self, text: str) -> bool:
        if self.here.text == text and self.here.kind in ("op", "keyword", "word"):
            self.position += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            self.fail(f"expected `{text}`, found `{self.here.text}`", self.here)

    def fail(self, what: str, token: Token, remedy: str = "") -> NoReturn:
        raise InvalidLaw(
            f"{what} (column {token.column} of `{shorten(self.text)}`)",
            where=self.where,
            remedy=remedy,
        )

    # -- expressions -----------------------------------------------------------------------------

    def condition(self) -> ir.Node:
        node = self.truth(self.expression(0), self.tokens[0])
        if self.here.kind != "end":
            self.fail(f"unexpected `{self.here.text}`", self.here)
        return node

    def expression(self, power: int) -> _Part:
        self.depth += 1
        if self.depth > EXPRESSION_DEPTH_MAX:
            self.fail(f"nested deeper than {EXPRESSION_DEPTH_MAX}", self.here)
        left = self.prefix()
        while self.here.kind in ("op", "keyword") and _POWER.get(self.here.text, -1) > power:
            left = self.infix(left, self.next())
        self.depth -= 1
        return left

    def prefix(self) -> _Part:
        token = self.next()
        if token.text == "not" and token.kind == "keyword":
            return ir.negation(self.truth(self.expression(_NOT), token))
        if token.text == "(" and token.kind == "op":
            inner = self.expression(0)
            self.expect(")")
            return inner
        if token.text == "-" and self.here.kind == "literal":
            number = self.next()
            if isinstance(number.value, (int, float)) and not isinstance(number.value, bool):
                return _Typed(ir.Const(-number.value), _Kind("number"), number)
            self.fail("`-` stands before numbers only", number)
        if token.kind == "literal":
            return _Typed(ir.Const(token.value), _Kind(_literal_type(token)), token)
        if token.kind == "name":
            return self.fact(token)
        if token.kind == "word":
            if self.here.text == "(" and token.text in ("value", "listed", "group"):
                return self.reference(token)
            return _Typed(None, _Kind("word"), token)
        self.fail(f"unexpected `{token.text}`", token)

    def fact(self, token: Token) -> _Typed:
        spec = self.scope.vocabulary.facts.get(token.text)
        if spec is None:
            self.fail(
                f"unknown fact `{token.text}`", token, self.scope.vocabulary.nearest(token.text)
            )
        kind = _Kind(spec.type, spec.unit, tuple(spec.values))
        return _Typed(ir.Fact(spec.name, spec.unchosen), kind, token)

    def reference(self, token: Token) -> _Part:
        self.expect("(")
        name = self.next()
        self.expect(")")
        if token.text == "value":
            unit = self.scope.value_units.get(name.text)
            if unit is None:
                self.fail_reference("value", name, self.scope.value_units)
            return _Typed(ir.ValueRef(name.text), _Kind("number", unit), token)
        if token.text == "listed":
            if name.text not in self.scope.lists:
                self.fail_reference("list", name, self.scope.lists)
            return ir.Listed(name.text)
        self.fail("a group stands only after `in`, `any` or `all`", token)

    def fail_reference(
        self, what: str, name: Token, known: Mapping[str, str] | Set[str]
    ) -> NoReturn:
        close = get_close_matches(name.text, list(known), n=1)
        self.fail(
            f"unknown {what} `{name.text}`", name, f"did you mean {close[0]}?" if close else ""
        )

    def infix(self, left: _Part, token: Token) -> _Part:
        match token.text:
            case "and":
                right = self.truth(self.expression(_AND), token)
                return ir.conjunction(self.truth(left, token), right)
            case "or":
                right = self.truth(self.expression(_OR), token)
                return ir.disjunction(self.truth(left, token), right)
            case "in":
                return self.membership(self.value(left, token), token)
            case "not":
                self.expect("in")
                return ir.negation(self.membership(self.value(left, token), token))
            case "has":
                return self.has(self.value(left, token), token)
            case "is":
                negative = self.accept("not")
                self.expect("empty")
                empty = ir.Empty(self.set_of(self.value(left, token), token))
                return ir.negation(empty) if negative else empty
            case "+" | "-":
                right_value = self.value(self.expression(_SUM), token)
                return self.sum(self.value(left, token), right_value, token)
            case _:
                right_value = self.value(self.expression(_COMPARE), token)
                return self.compare(self.value(left, token), right_value, token)

    # -- types -----------------------------------------------------------------------------------

    def truth(self, part: _Part, token: Token) -> ir.Node:
        """Turn a part into a condition: a boolean fact or literal may stand alone."""
        if not isinstance(part, _Typed):
            return part
        if part.node is None and part.token.text in ("true", "false"):
            return ir.Const(part.token.text == "true")
        if part.node is not None and part.kind.type == "bool":
            return ir.Truth(part.node)
        if part.node is None:
            self.fail(f"`{part.token.text}` is not a fact", part.token, "facts have a dot")
        self.fail(
            f"`{part.token.text}` is {part.kind.type}, not true or false",
            part.token,
            "compare it with a value",
        )

    def value(self, part: _Part, token: Token) -> _Typed:
        if isinstance(part, _Typed):
            return part
        self.fail(f"`{token.text}` needs values on both sides, not conditions", token)

    def sum(self, left: _Typed, right: _Typed, token: Token) -> _Typed:
        nodes = [self.number(side) for side in (left, right)]
        unit = self.same_unit(left, right, token)
        node = ir.Sum(nodes[0], nodes[1], token.text == "-")
        return _Typed(node, _Kind("number", unit), left.token)

    def number(self, side: _Typed) -> ir.Value:
        if side.node is None or side.kind.type not in _NUMERIC:
            self.fail(f"`{side.token.text}` is not a number", side.token)
        return side.node

    def same_unit(self, left: _Typed, right: _Typed, token: Token) -> str:
        units = {side.kind.unit for side in (left, right) if not isinstance(side.node, ir.Const)}
        if len(units) > 1:
            shown = " and ".join(sorted(unit or "no unit" for unit in units))
            self.fail(f"`{token.text}` between different units: {shown}", token)
        return units.pop() if units else ""

    def compare(self, left: _Typed, right: _Typed, token: Token) -> ir.Node:
        op = token.text
        if left.node is None:
            left, right, op = right, left, _MIRROR[op]
        left_node = left.node
        if left_node is None:
            self.fail("a comparison needs a fact on one side", left.token, "facts have a dot")
        if left.kind.type in _SETS:
            self.fail("a set is compared with `has` or `is empty`", token)
        right_node = self.coerce(right, left, token)
        if op not in ("==", "!=") and left.kind.type not in (*_NUMERIC, "date"):
            self.fail(f"`{token.text}` compares numbers and days, not {left.kind.type}", token)
        if left.kind.type == "bool":
            return self.compare_truth(left_node, op, right_node)
        if op == "!=":
            return ir.negation(ir.Compare("==", left_node, right_node))
        return ir.Compare(op, left_node, right_node)

    def compare_truth(self, left: ir.Value, op: str, right: ir.Value) -> ir.Node:
        if isinstance(right, ir.Const):
            same = bool(right.value) == (op == "==")
            return ir.Truth(left) if same else ir.negation(ir.Truth(left))
        equal = ir.Compare("==", left, right)
        return equal if op == "==" else ir.negation(equal)

    def coerce(self, part: _Typed, to: _Typed, token: Token) -> ir.Value:
        """Return `part` as a value of the type of `to`."""
        kind = to.kind
        if part.node is None:
            return ir.Const(self.literal(part.token, kind))
        if isinstance(part.node, ir.Const) and kind.type in (
            "enum",
            "jurisdiction",
            "text",
            "bool",
        ):
            return ir.Const(self.literal(part.token, kind))
        if kind.type in _NUMERIC and part.kind.type in _NUMERIC:
            self.same_unit(to, part, token)
            return part.node
        if kind.type != part.kind.type or kind.members != part.kind.members:
            self.fail(
                f"`{token.text}` between {kind.type} `{to.token.text}` and "
                f"{part.kind.type} `{part.token.text}`",
                token,
            )
        return part.node

    def literal(self, token: Token, kind: _Kind) -> Scalar:
        """Return a literal as a member of `kind`."""
        match kind.type:
            case "bool":
                if token.kind == "word" and token.text in ("true", "false"):
                    return token.text == "true"
                self.fail(f"`{token.text}` is not true or false", token)
            case "enum" | "set":
                word = token.value if isinstance(token.value, str) else token.text
                if word not in kind.members:
                    close = get_close_matches(word, kind.members, n=1)
                    hint = (
                        f"did you mean {close[0]}?"
                        if close
                        else f"one of {', '.join(kind.members)}"
                    )
                    self.fail(f"`{word}` is not a value of this fact", token, hint)
                return word
            case "jurisdiction" | "jurisdictions":
                try:
                    return self.scope.vocabulary.jurisdictions.canonical(
                        token.value if isinstance(token.value, str) else token.text
                    )
                except InvalidInput as error:
                    self.fail(f"unknown jurisdiction `{token.text}`", token, error.remedy)
            case "text":
                if isinstance(token.value, str):
                    return token.value
                self.fail("a text literal stands in quotes", token)
            case "date":
                if isinstance(token.value, date):
                    return token.value
                self.fail(f"`{token.text}` is not a day, YYYY-MM-DD", token)
            case _:
                if isinstance(token.value, (int, float)) and not isinstance(token.value, bool):
                    return token.value
                self.fail(f"`{token.text}` is not a number", token)

    def membership(self, left: _Typed, token: Token) -> ir.Node:
        if left.node is None or left.kind.type in _SETS:
            self.fail("`in` asks whether one value is in a list", token, "for sets use `has`")
        members, groups = self.members(left.kind)
        return ir.In(left.node, members, groups)

    def has(self, left: _Typed, token: Token) -> ir.Node:
        node = self.set_of(left, token)
        if self.accept("any"):
            members, groups = self.members(left.kind)
            return ir.Has(node, _words(members), groups, every=False)
        if self.accept("all"):
            members, groups = self.members(left.kind)
            return ir.Has(node, _words(members), groups, every=True)
        if self.here.text == "group":
            self.fail("write `has any group(…)`", self.here)
        member = self.literal(self.next(), left.kind)
        return ir.Has(node, _words({member}), (), every=False)

    def set_of(self, left: _Typed, token: Token) -> ir.Value:
        if left.node is None or left.kind.type not in _SETS:
            self.fail(f"`{left.token.text}` is not a set", token)
        return left.node

    def members(self, kind: _Kind) -> tuple[frozenset[Scalar], tuple[str, ...]]:
        """Read `(a, b, group(g))` or `group(g)`."""
        members: set[Scalar] = set()
        groups: list[str] = []
        if self.here.text == "group":
            groups.append(self.group(kind))
            return frozenset(), tuple(groups)
        self.expect("(")
        while True:
            if self.here.text == "group":
                groups.append(self.group(kind))
            else:
                members.add(self.literal(self.next(), kind))
            if not self.accept(","):
                break
        self.expect(")")
        return frozenset(members), tuple(groups)

    def group(self, kind: _Kind) -> str:
        token = self.next()
        if kind.type not in ("jurisdiction", "jurisdictions"):
            self.fail("groups have jurisdictions as members", token)
        self.expect("(")
        name = self.next()
        self.expect(")")
        groups = self.scope.vocabulary.jurisdictions.groups
        if name.text not in groups:
            self.fail_reference("group", name, frozenset(groups))
        return name.text


_MIRROR = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _literal_type(token: Token) -> str:
    match token.value:
        case date():
            return "date"
        case str():
            return "text"
        case _:
            return "number"


def _words(members: Set[Scalar]) -> frozenset[str]:
    return frozenset(member for member in members if isinstance(member, str))


def read_derived(spec: FactSpec, scope: Scope, value: object) -> ir.Value:
    """Return a derivation's value as the type of `spec`; `InvalidLaw` when it does not fit."""
    if spec.type in _NUMERIC and isinstance(value, str):
        return parse_number(value, spec.unit, scope, f"{spec.file}:{spec.line}")
    try:
        return ir.Const(scope.vocabulary.typed(spec.name, value))
    except InvalidInput as error:
        raise InvalidLaw(
            f"{error.what} in a derivation",
            where=f"{spec.file}:{spec.line}",
            value=error.value,
            remedy=error.remedy,
        ) from None
