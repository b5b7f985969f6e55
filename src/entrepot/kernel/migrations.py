"""Numbered steps that bring the kernel's tables of an earlier version up, on both databases.

Step N makes version N of version N - 1, with Alembic's operations, which speak both dialects. All
steps that a store needs run in one transaction of its writer, at its opening; a crash leaves the
old version whole. A step is never changed once a version with it was given out.

Only the kernel's tables are migrated. Tables of institutions are rebuilt from the records
(`rebuilding`); steps for `local_*` tables belong to whoever keeps them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from entrepot.kernel.store_tables import META, SCHEMA_VERSION


def _leader_and_bodies(operations: Operations) -> None:
    """Version 2: followers look up who writes; large evidence lies outside the store."""
    operations.create_table(
        "kernel_leader",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("url", sa.String, nullable=False, comment="where its API answers; may be empty"),
        sa.Column("since", sa.BigInteger, nullable=False, comment="POSIX seconds, its own clock"),
        comment="one row: the process that writes, for those who ask another one; only a hint",
    )
    evidence_at = sa.Column(
        "evidence_at", sa.String, comment="name of the object that holds the evidence"
    )
    operations.add_column("kernel_records", evidence_at)


STEPS: Final[dict[int, Callable[[Operations], None]]] = {2: _leader_and_bodies}


def migrate(write: sa.Connection, version: int) -> None:
    """Bring tables of `version` up to this program's, inside the caller's transaction."""
    operations = Operations(MigrationContext.configure(write))
    for step in range(version + 1, SCHEMA_VERSION + 1):
        STEPS[step](operations)
    values = {"value": str(SCHEMA_VERSION)}
    write.execute(META.update().where(META.c.key == "schema_version").values(values))
