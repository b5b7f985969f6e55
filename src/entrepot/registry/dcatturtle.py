"""Turtle (W3C RDF 1.1 Turtle) of the JSON-LD trees that `dcat` makes.

Only what those trees hold: prefixed names, IRIs, nested nodes with and without a name, text with a
language, typed values, whole numbers and booleans. A node with a name is written once, at the top;
where it is nested, only its name stands.
"""

from __future__ import annotations

from typing import Any, Final

from entrepot.registry.dcat import PREFIXES, Node

_ESCAPES: Final = {
    "\\": "\\\\",
    '"': '\\"',
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}
_FORBIDDEN: Final = frozenset('<>"{}|^`\\')
"""Characters that no IRI holds, besides all up to the blank (Turtle, production IRIREF)."""


def turtle(node: Node) -> str:
    """Return a tree as a Turtle document, prefixes first."""
    named: dict[str, Node] = {}
    _gather(node, named)
    heads = [f"@prefix {prefix}: {iri(uri)} ." for prefix, uri in sorted(PREFIXES.items())]
    bodies = [
        f"{iri(name)}{_properties(found, 1)} ." for name, found in named.items() if len(found) > 1
    ]
    return "\n".join(heads) + "\n\n" + "\n\n".join(bodies) + "\n"


def _gather(value: Any, named: dict[str, Node]) -> None:
    """Collect named nodes in the order they are met; what is said at several places adds up."""
    if isinstance(value, list):
        for one in value:
            _gather(one, named)
    elif isinstance(value, dict) and "@value" not in value:
        name = value.get("@id")
        if name is not None:
            named.setdefault(name, {"@id": name}).update(value)
        for key, inner in value.items():
            if not key.startswith("@"):
                _gather(inner, named)


def _properties(node: Node, depth: int) -> str:
    """Return the predicates and objects of a node, one per line."""
    lines = []
    if "@type" in node:
        lines.append(f"a {node['@type']}")
    for key, value in node.items():
        if not key.startswith("@"):
            values = value if isinstance(value, list) else [value]
            lines += [f"{key} {_object(one, depth)}" for one in values]
    indent = "\n" + "    " * depth
    return indent + f" ;{indent}".join(lines)


def _object(value: Any, depth: int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return literal(value)
    if "@value" in value:
        text = literal(value["@value"])
        if "@language" in value:
            return f"{text}@{value['@language']}"
        return f"{text}^^{value['@type']}"
    if "@id" in value:
        return iri(value["@id"])
    return f"[{_properties(value, depth + 1)}\n{'    ' * depth}]"


def literal(text: str) -> str:
    """Return text as a quoted literal; control characters by their code."""
    escaped = "".join(
        _ESCAPES.get(character)
        or (f"\\u{ord(character):04X}" if ord(character) < 0x20 else character)
        for character in text
    )
    return f'"{escaped}"'


def iri(name: str) -> str:
    """Return an IRI in angle brackets; what none may hold is percent-encoded, so nothing ends it.

    >>> iri("http://example.org/a b>c")
    '<http://example.org/a%20b%3Ec>'
    """
    safe = "".join(
        f"%{ord(character):02X}" if character <= " " or character in _FORBIDDEN else character
        for character in name
    )
    return f"<{safe}>"
