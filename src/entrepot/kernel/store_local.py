"""Tables named `local_*`: a node's own, outside the record, kept through upgrades as they are.

They are created where missing, by whichever process comes first, and gain columns that may be
empty. Any other change of shape is refused: what stands in them cannot be derived again.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from entrepot.kernel.errors import StorageError
from entrepot.kernel.store_tables import LOCAL_PREFIX

_CREATING: Final = 0x6C6F6361
"""Advisory lock under which local tables are created, so that two processes do not collide."""


def bring_up(write: sa.Connection, tables: sa.MetaData) -> None:
    """Create what is missing of `tables`, inside the caller's transaction. Raises StorageError."""
    if write.dialect.name == "postgresql":
        lock = sa.text(
            "SELECT pg_advisory_xact_lock(:lock, hashtext(coalesce(current_schema(), '')))"
        )
        write.execute(lock, {"lock": _CREATING})
    inspected = sa.inspect(write)
    existing = set(inspected.get_table_names())
    for table in tables.sorted_tables:
        if table.name in existing and table.name.startswith(LOCAL_PREFIX):
            found = {column["name"] for column in inspected.get_columns(table.name)}
            _add(write, table, [column for column in table.columns if column.name not in found])
    tables.create_all(write)


def _add(write: sa.Connection, table: sa.Table, missing: list[sa.Column[object]]) -> None:
    preparer = write.dialect.identifier_preparer
    for column in missing:
        if column.primary_key or not column.nullable:
            raise StorageError(
                "a local table lacks a column that may not be empty",
                value=f"{table.name}.{column.name}",
                remedy="use the version of Entrepot that wrote it, or drop the table",
            )
        definition = sa.schema.CreateColumn(column).compile(dialect=write.dialect)
        write.exec_driver_sql(f"ALTER TABLE {preparer.format_table(table)} ADD COLUMN {definition}")
