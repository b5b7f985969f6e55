"""The registry's tables of parties, keys, members and certificates; `state` alone writes them.

All tables of the registry share `TABLES`; those of products and rights stand in a file of their
own. Every row is rebuilt from the log: texts are names of organisations, persons appear only as
thumbprints of their credentials. Times are POSIX seconds, days ISO 8601, lists space separated.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

TABLES: Final = sa.MetaData()

FOUNDING: Final = sa.Table(
    "registry_founding",
    TABLES,
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("operator", sa.String(80), nullable=False),
    sa.Column("founded_at", sa.BigInteger, nullable=False),
    sa.Column("notice_days", sa.Integer, nullable=False),
    sa.Column("notice_calendar", sa.String(8), nullable=False),
    sa.Column("decision_days", sa.Integer, nullable=False),
    sa.Column("decision_calendar", sa.String(8), nullable=False),
    sa.Column("recovery_days", sa.Integer, nullable=False),
    sa.Column("languages", sa.String(200), nullable=False),
    sa.Column("four_eyes", sa.String(400), nullable=False),
)
"""One row: the terms under which the registry was founded. A calendar is a jurisdiction, or ""."""

PARTIES: Final = sa.Table(
    "registry_parties",
    TABLES,
    sa.Column("party", sa.String(80), primary_key=True),
    sa.Column("name", sa.String(400), nullable=False),
    sa.Column("names", sa.Text, nullable=False, comment="JSON map language -> name"),
    sa.Column("country", sa.String(2), nullable=False, index=True),
    sa.Column("roles", sa.String(200), nullable=False),
    sa.Column("admitted_at", sa.BigInteger, nullable=False),
    sa.Column("admitted_index", sa.BigInteger, nullable=False, index=True),
    sa.Column("changed_index", sa.BigInteger, nullable=False),
)
"""One row per party; `party` is its first verified identifier, `scheme:VALUE`."""

PARTY_ROLES: Final = sa.Table(
    "registry_party_roles",
    TABLES,
    sa.Column("role", sa.String(32), primary_key=True),
    sa.Column("party", sa.String(80), primary_key=True),
)
"""The roles of parties, once more, for filters."""

IDENTIFIERS: Final = sa.Table(
    "registry_identifiers",
    TABLES,
    sa.Column("identifier", sa.String(80), primary_key=True),
    sa.Column("party", sa.String(80), nullable=False, index=True),
    sa.Column("index", sa.BigInteger, nullable=False),
)
"""Verified identifiers; the primary key holds that no two parties have one identifier."""

APPLICATIONS: Final = sa.Table(
    "registry_applications",
    TABLES,
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kid", sa.LargeBinary(32), nullable=False, index=True),
    sa.Column("filed_at", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("decided_index", sa.BigInteger),
    sa.Column("decided_at", sa.BigInteger),
    sa.Column("decided_by", sa.LargeBinary(32)),
)
"""Applications by the key that signed them: open, admitted or refused. Contents are evidence."""

KEYS: Final = sa.Table(
    "registry_keys",
    TABLES,
    sa.Column("kid", sa.LargeBinary(32), primary_key=True),
    sa.Column("party", sa.String(80), nullable=False, index=True),
    sa.Column("algorithm", sa.Integer, nullable=False),
    sa.Column("raw", sa.LargeBinary(65), nullable=False),
    sa.Column("purpose", sa.String(16), nullable=False),
    sa.Column("added_index", sa.BigInteger, nullable=False),
    sa.Column("added_at", sa.BigInteger, nullable=False),
    sa.Column("revoked_index", sa.BigInteger),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Column("revoked_for", sa.String(32), nullable=False),
)
"""Every key a party ever had. A row is never deleted, so a revoked key cannot come back."""

MEMBERS: Final = sa.Table(
    "registry_members",
    TABLES,
    sa.Column("kid", sa.LargeBinary(32), primary_key=True),
    sa.Column("party", sa.String(80), nullable=False, index=True),
    sa.Column("algorithm", sa.Integer, nullable=False),
    sa.Column("raw", sa.LargeBinary(65), nullable=False),
    sa.Column("duties", sa.String(80), nullable=False),
    sa.Column("admitted_index", sa.BigInteger, nullable=False),
    sa.Column("admitted_at", sa.BigInteger, nullable=False),
    sa.Column("removed_index", sa.BigInteger),
    sa.Column("removed_at", sa.BigInteger),
)
"""Credentials of the persons who act for a party. No name, no address: thumbprints only."""

RECOVERIES: Final = sa.Table(
    "registry_recoveries",
    TABLES,
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("party", sa.String(80), nullable=False, index=True),
    sa.Column("kid", sa.LargeBinary(32), nullable=False),
    sa.Column("raw", sa.LargeBinary(65), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Column("ripe_at", sa.BigInteger, nullable=False),
    sa.Column("opened_by", sa.LargeBinary(32), nullable=False),
    sa.Column("closed_index", sa.BigInteger),
)
"""Recoveries: waiting, cancelled or done. The new key counts only when done."""

PROPOSALS: Final = sa.Table(
    "registry_proposals",
    TABLES,
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    sa.Column("proposed_by", sa.LargeBinary(32), nullable=False),
    sa.Column("confirmed_index", sa.BigInteger),
    sa.Index("registry_proposals_open", "kind", "digest"),
)
"""Decisions that one officer proposed and another must confirm (four eyes)."""

CERTIFICATES: Final = sa.Table(
    "registry_certificates",
    TABLES,
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("subject", sa.String(80), nullable=False, index=True),
    sa.Column("product", sa.BigInteger, index=True),
    sa.Column("right", sa.BigInteger, index=True),
    sa.Column("valid_from", sa.String(10), nullable=False),
    sa.Column("valid_until", sa.String(10), nullable=False),
    sa.Column("issued_at", sa.BigInteger, nullable=False),
    sa.Column("issued_by", sa.LargeBinary(32)),
    sa.Column("status_index", sa.BigInteger, nullable=False, unique=True),
    sa.Column("revoked_index", sa.BigInteger, index=True),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Column("revoked_for", sa.String(80), nullable=False),
)
"""Certificates; `index` is that of the act that issued it, `status_index` its bit in the lists."""

HISTORY: Final = sa.Table(
    "registry_history",
    TABLES,
    sa.Column("party", sa.String(80), primary_key=True),
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(64), nullable=False),
)
"""Which acts of the log are about a party."""
