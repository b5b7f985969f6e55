"""The kernel's own tables, the same on SQLite and on PostgreSQL.

A change of anything here is a new schema version and a numbered step in `migrations`. Tables of
institutions are not here: they are functions of the records and are rebuilt, never migrated.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

SCHEMA_VERSION: Final = 2

LOCAL_PREFIX: Final = "local_"
"""Tables so named belong to a node, not to its record: not replayed, and lost without a loss."""

KERNEL_TABLES: Final = sa.MetaData()

META: Final = sa.Table(
    "kernel_meta",
    KERNEL_TABLES,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)
TREE: Final = sa.Table(
    "kernel_tree",
    KERNEL_TABLES,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
    comment="one row: size and root of the sequenced tree, written with the entries",
)
JOURNAL: Final = sa.Table(
    "kernel_journal",
    KERNEL_TABLES,
    sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("entries", sa.LargeBinary, nullable=False),
    comment="sequenced entries as a bundle, kept until they are published and on the disk",
)
RECORDS: Final = sa.Table(
    "kernel_records",
    KERNEL_TABLES,
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("issuer", sa.LargeBinary, nullable=False),
    sa.Column("act_id", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False, comment="SHA-256 of the signed act"),
    sa.Column("tree_size", sa.BigInteger, nullable=False, comment="size its receipt is for"),
    sa.Column("evidence_salt", sa.LargeBinary, comment="NULL once erased"),
    sa.Column("evidence", sa.LargeBinary, comment="NULL once erased"),
    sa.Column("ruling_salt", sa.LargeBinary, nullable=False),
    sa.Column("ruling", sa.LargeBinary, nullable=False),
    sa.Column("evidence_at", sa.String, comment="name of the object that holds the evidence"),
    sa.UniqueConstraint("issuer", "act_id"),
)
LEADER: Final = sa.Table(
    "kernel_leader",
    KERNEL_TABLES,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("url", sa.String, nullable=False, comment="where its API answers; may be empty"),
    sa.Column("since", sa.BigInteger, nullable=False, comment="POSIX seconds, its own clock"),
    comment="one row: the process that writes, for those who ask another one; only a hint",
)
