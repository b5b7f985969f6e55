"""Loaded law as bytes and back: values of an allow-list of our own classes, as plain data.

A value becomes a table of cells, each made from cells before it, written as MessagePack. Classes
are named by their number in the lists below and nothing else is ever called, so reading runs no
code that the bytes choose; what is equal and cannot change is one cell. `unpack` trusts the bytes
to be ours in every other respect: whoever stores them checks that (`entrepot.node.lawcache`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from datetime import date
from itertools import groupby
from types import GenericAlias, NoneType
from typing import Any

import msgspec

from entrepot.kernel.errors import InvalidInput
from entrepot.law import blocks, compiled, ir, rulebook
from entrepot.law.due import Due
from entrepot.law.jurisdictions import JurisdictionTable
from entrepot.law.model import Citation
from entrepot.law.vocabulary import Derivation, FactSpec
from entrepot.law.vocabularyfiles import Profile

MISFITS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What Python raises when values do not fit together."""
_PLAIN = frozenset({NoneType, bool, int, float, str})
_NUMBERS = dict[str, int]
"""Lines of the parts of a block: by far the most of all mappings."""
_LEAVES: tuple[Any, ...] = (
    Citation,
    rulebook.Interval,
    Due,
    blocks.FrontMatter,
    blocks.RegimeBlock,
    blocks.RuleBlock,
    blocks.DutyBlock,
    blocks.ValuesBlock,
    blocks.ScopeEntry,
    blocks.SensitivityEntry,
    blocks.InterpretationBlock,
    blocks.CommitmentBlock,
    JurisdictionTable,
    _NUMBERS,
)
"""Classes whose fields have exact types: msgspec reads and checks them whole."""
_SHARED = frozenset({Citation, rulebook.Interval, Due})
"""Leaves without a list or mapping inside."""
_BUILT: tuple[Any, ...] = (
    tuple,
    frozenset,
    list,
    dict,
    ir.Const,
    ir.Fact,
    ir.ValueRef,
    ir.Sum,
    ir.Compare,
    ir.In,
    ir.Has,
    ir.Empty,
    ir.Truth,
    ir.Listed,
    ir.Entries,
    ir.And,
    ir.Or,
    ir.Not,
    compiled.Duty,
    compiled.Rule,
    compiled.Entry,
    compiled.ScopeList,
    compiled.DerivedFact,
    compiled.Contradiction,
    compiled.Commitment,
    rulebook.RegimeText,
    rulebook.RuleText,
    rulebook.DutyText,
    rulebook.ValuesText,
    rulebook.EntryText,
    rulebook.SensitivityText,
    rulebook.ListText,
    rulebook.InterpretationText,
    rulebook.CommitmentText,
    FactSpec,
    Derivation,
    Profile,
)
_CHANGEABLE = frozenset({list, dict, Derivation, FactSpec, Profile})
"""One cell only for one object: of two that are equal one might be changed."""
_LEAF_NUMBER = {kind: number for number, kind in enumerate(_LEAVES)}
_BUILT_NUMBER = {kind: number for number, kind in enumerate(_BUILT)}
_FIELDS: dict[Any, tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind))
    if is_dataclass(kind)
    else kind.__struct_fields__
    for kind in _BUILT[4:]
}
_LEAF_READERS = tuple(msgspec.msgpack.Decoder(GenericAlias(list, kind)) for kind in _LEAVES)


class _Table(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Cells in order: plain values, days, leaves by kind, built ones by kind and depth."""

    plain: list[bool | int | float | str | None]
    days: list[date]
    leaves: list[tuple[int, msgspec.Raw]]
    built: list[tuple[int, list[list[int]]]]
    """Rows of cell numbers; for classes of ours one row per field, not per value."""


_TABLE = msgspec.msgpack.Decoder(_Table)


def pack(value: object) -> bytes:
    """Return `value` as bytes. Raises `InvalidInput` for a class that is not on the list."""
    packer = _Packer()
    packer.place(value)
    return msgspec.msgpack.encode(packer.table())


def unpack(content: bytes | memoryview) -> Any:
    """Return what was packed.

    Raises `InvalidInput` for bytes that `pack` did not make, as far as they do not fit together.
    """
    try:
        return _unpacked(content)
    except (*MISFITS, msgspec.MsgspecError) as error:
        raise InvalidInput("not packed law", value=type(error).__name__) from None


def _unpacked(content: bytes | memoryview) -> Any:
    table = _TABLE.decode(content)
    cells: list[Any] = [*table.plain, *table.days]
    for kind, raw in table.leaves:
        cells += _LEAF_READERS[kind].decode(raw)
    get = cells.__getitem__
    for kind, rows in table.built:
        cells += list(_made(_BUILT[kind], rows, get))
    return cells[-1]


def _made(kind: Any, rows: list[list[int]], get: Callable[[int], Any]) -> Iterable[Any]:
    if kind is tuple or kind is frozenset or kind is list:
        return (kind(map(get, row)) for row in rows)
    if kind is dict:
        return (dict(zip(map(get, row[::2]), map(get, row[1::2]), strict=True)) for row in rows)
    return map(kind, *(map(get, row) for row in rows))


class _Cell(msgspec.Struct):
    """A cell on its way into the table; `parts` are numbers in order of discovery."""

    depth: int
    kind: Any
    value: object
    parts: tuple[int, ...]


class _Packer:
    """Gives every distinct value a number, those that it is made of first."""

    def __init__(self) -> None:
        self.cells: list[_Cell] = []
        self.seen: dict[object, int] = {}
        self.met: dict[int, int] = {}

    def place(self, value: object) -> int:
        """Return the number of the cell of `value`."""
        kind = _kind(value)
        if kind in _PLAIN or kind is date or kind in _LEAF_NUMBER:
            # True, 1 and 1.0 are equal, and so are 0.0 and -0.0.
            known: object = repr(value) if kind is float else value
            if kind in _LEAF_NUMBER and kind not in _SHARED:
                known = id(value)
            return self.cell((kind, known), _Cell(0, kind, value, ()))
        # Everything packed hangs on one value, so no identity is given twice meanwhile.
        met = self.met.get(id(value))
        if met is not None:
            return met
        if kind not in _BUILT_NUMBER:
            raise InvalidInput("cannot be packed", value=kind.__qualname__)
        parts = tuple(map(self.place, _parts(value)))
        depth = 1 + max((self.cells[part].depth for part in parts), default=0)
        known = id(value) if kind in _CHANGEABLE else parts
        number = self.met[id(value)] = self.cell((kind, known), _Cell(depth, kind, value, parts))
        return number

    def cell(self, key: object, cell: _Cell) -> int:
        if key in self.seen:
            return self.seen[key]
        self.cells.append(cell)
        number = self.seen[key] = len(self.cells) - 1
        return number

    def table(self) -> _Table:
        """Return all cells, sorted so that each stands after those it is made of."""
        order = sorted(range(len(self.cells)), key=lambda number: self.rank(self.cells[number]))
        place = {number: position for position, number in enumerate(order)}
        table = _Table([], [], [], [])
        for rank, group in groupby((self.cells[n] for n in order), key=self.rank):
            self.write(table, rank, list(group), place)
        return table

    def rank(self, cell: _Cell) -> tuple[int, int]:
        """Return where a cell stands: plain, days, leaves by kind, then the rest by depth."""
        if cell.kind in _PLAIN:
            return -3, 0
        if cell.kind is date:
            return -2, 0
        if cell.kind in _LEAF_NUMBER:
            return -1, _LEAF_NUMBER[cell.kind]
        return cell.depth, _BUILT_NUMBER[cell.kind]

    def write(
        self, table: _Table, rank: tuple[int, int], cells: list[_Cell], place: dict[int, int]
    ) -> None:
        stage, number = rank
        values: list[Any] = [cell.value for cell in cells]
        if stage == -3:
            table.plain.extend(values)
        elif stage == -2:
            table.days.extend(values)
        elif stage == -1:
            table.leaves.append((number, msgspec.Raw(msgspec.msgpack.encode(values))))
        else:
            rows = [[place[part] for part in cell.parts] for cell in cells]
            if _BUILT[number] not in (tuple, frozenset, list, dict):
                rows = [list(column) for column in zip(*rows, strict=True)]
            table.built.append((number, rows))


def _kind(value: object) -> Any:
    """Return what a value is packed as: its class, or the mapping of texts to numbers."""
    kind = type(value)
    if isinstance(value, dict) and {*map(type, value)} == {str}:
        return _NUMBERS if {*map(type, value.values())} == {int} else kind
    return kind


def _parts(value: Any) -> Iterator[object]:
    """Yield what a value is made of, in the order in which its class takes it."""
    if isinstance(value, dict):
        for pair in value.items():
            yield from pair
    elif isinstance(value, frozenset):
        yield from sorted(value, key=repr)
    elif isinstance(value, (tuple, list)):
        yield from value
    else:
        yield from (getattr(value, name) for name in _FIELDS[type(value)])
