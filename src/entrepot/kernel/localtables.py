"""Node-local tables in backups: described in plain words, so that any database can make them again.

They are nobody's record (`local_` in their names), so a table with columns beyond text, whole
numbers, bytes and booleans is left out of a backup and said to be, and never stops it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel.errors import VerificationError
from entrepot.kernel.store import LOCAL_PREFIX

_TYPES: Final[dict[str, type[sa.types.TypeEngine[Any]]]] = {
    "boolean": sa.Boolean,
    "integer": sa.BigInteger,
    "text": sa.String,
    "bytes": sa.LargeBinary,
}


class LocalColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column: its name, one of the four types, and what it may be."""

    name: str
    type: str
    nullable: bool
    primary_key: bool


class LocalTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table: its name, columns, and groups of columns that are unique together."""

    name: str
    columns: tuple[LocalColumn, ...]
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, tuple[str, ...], bool], ...] = ()
    """Name, columns, whether unique."""

    def make(self, into: sa.MetaData) -> sa.Table:
        """Return the table for any database. Raises VerificationError for an odd name or type."""
        if not self.name.startswith(LOCAL_PREFIX):
            raise VerificationError("table of the backup is not local", value=self.name)
        columns = [self._column(column) for column in self.columns]
        unique = [sa.UniqueConstraint(*names) for names in self.unique]
        table = sa.Table(self.name, into, *columns, *unique)
        for name, names, is_unique in self.indexes:
            sa.Index(name, *(table.c[item] for item in names), unique=is_unique)
        return table

    @staticmethod
    def _column(column: LocalColumn) -> sa.Column[Any]:
        kind = _TYPES.get(column.type)
        if kind is None:
            raise VerificationError("type of a local column is not known", value=column.type)
        return sa.Column(
            column.name,
            kind(),
            primary_key=column.primary_key,
            nullable=column.nullable,
            autoincrement=False,
        )


def describe_local(read: sa.Connection) -> tuple[list[tuple[LocalTable, sa.Table]], list[str]]:
    """Return the local tables of a store, described and to read from, and names left out."""
    inspector = sa.inspect(read)
    described: list[tuple[LocalTable, sa.Table]] = []
    left_out: list[str] = []
    for name in sorted(inspector.get_table_names()):
        if not name.startswith(LOCAL_PREFIX):
            continue
        table = sa.Table(name, sa.MetaData(), autoload_with=read)
        columns = [_described(column) for column in table.columns]
        if any(column is None for column in columns):
            left_out.append(str(name))
            continue
        unique = [_names(item["column_names"]) for item in inspector.get_unique_constraints(name)]
        indexes = [
            (str(item["name"] or ""), _names(item["column_names"]), bool(item["unique"]))
            for item in inspector.get_indexes(name)
            if not item.get("duplicates_constraint")
        ]
        plain = tuple(column for column in columns if column is not None)
        described.append((LocalTable(str(name), plain, tuple(unique), tuple(indexes)), table))
    return described, left_out


def _names(columns: Sequence[str | None]) -> tuple[str, ...]:
    """Return plain names: reflection gives a text type of its own."""
    return tuple(str(name) for name in columns if name is not None)


def _described(column: sa.Column[Any]) -> LocalColumn | None:
    for name, kinds in (
        ("boolean", sa.Boolean),
        ("integer", sa.Integer),
        ("text", sa.String),
        ("bytes", sa.LargeBinary),
    ):
        if isinstance(column.type, kinds):
            return LocalColumn(str(column.name), name, bool(column.nullable), column.primary_key)
    return None
