"""Which rules and duties read a dated number, a list or a group: whom a change of it concerns."""

from __future__ import annotations

from entrepot.law import ir
from entrepot.law.library import Library


class Readers:
    """Which rules and duties read a number, a list or a group, directly or through a list."""

    def __init__(self, library: Library) -> None:
        """Walk every condition of the library once."""
        self.content = library.content
        self._lists: dict[str, frozenset[tuple[str, str]]] = {}
        self._index: dict[tuple[str, str], set[str]] = {}
        rules = self.content.rules.values()
        for rule in rules:
            self._note(rule.id, (rule.condition,))
        for duty in (
            *(duty for rule in rules for duty in rule.duties),
            *self.content.duties.values(),
        ):
            self._note(duty.id, (duty.when, duty.done))

    def of(self, kind: str, name: str) -> set[str]:
        """Return the ids of rules and duties that read the `value`, `list` or `group` of a name."""
        return self._index.get((kind, name), set())

    def _note(self, reader: str, nodes: tuple[ir.Node, ...]) -> None:
        for node in nodes:
            for part in self._read(node):
                self._index.setdefault(part, set()).add(reader)

    def _read(self, node: ir.Node) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for part in ir.walk(node):
            match part:
                case ir.ValueRef(name):
                    found.add(("value", name))
                case ir.Listed(name):
                    found.add(("list", name))
                    found |= self._in_list(name)
                case ir.In(_, _, groups) | ir.Has(_, _, groups, _):
                    found |= {("group", group) for group in groups}
                case _:
                    pass
        return found

    def _in_list(self, name: str) -> frozenset[tuple[str, str]]:
        if name not in self._lists:
            self._lists[name] = frozenset()  # a list that names itself ends here
            entries = self.content.lists[name].entries if name in self.content.lists else ()
            self._lists[name] = frozenset(
                part for entry in entries for part in self._read(entry.condition)
            )
        return self._lists[name]
