"""The forms of what may be known of parties: frozen, ready for JSON. `views` fills them."""

from __future__ import annotations

import msgspec


class FoundingView(msgspec.Struct, frozen=True):
    """The terms under which the registry was founded."""

    index: int
    operator: str
    founded_at: int
    notice_days: int
    notice_calendar: str
    decision_days: int
    decision_calendar: str
    recovery_days: int
    languages: tuple[str, ...]
    four_eyes: tuple[str, ...]


class PartyView(msgspec.Struct, frozen=True):
    """A party as everybody may see it."""

    party: str
    name: str
    names: dict[str, str]
    country: str
    roles: tuple[str, ...]
    identifiers: tuple[str, ...]
    admitted_at: int
    admitted_index: int
    changed_index: int


class PartyPage(msgspec.Struct, frozen=True):
    """One page of parties in the order of their names, and how many there are in all."""

    total: int
    offset: int
    parties: tuple[PartyView, ...]


class KeyView(msgspec.Struct, frozen=True):
    """A key of a party, active or revoked. `kid` in hexadecimal."""

    kid: str
    party: str
    algorithm: int
    raw: bytes
    purpose: str
    added_index: int
    added_at: int
    revoked_index: int | None
    revoked_at: int | None
    revoked_for: str

    @property
    def is_active(self) -> bool:
        """Whether acts or credentials of this key are accepted now."""
        return self.revoked_index is None


class MemberView(msgspec.Struct, frozen=True):
    """A person's credential that acts, or acted, for a party. `kid` in hexadecimal."""

    kid: str
    party: str
    duties: tuple[str, ...]
    admitted_index: int
    admitted_at: int
    removed_index: int | None
    removed_at: int | None


class ApplicationView(msgspec.Struct, frozen=True):
    """An application as everybody may see it: that there is one, and by when it is decided."""

    index: int
    state: str
    filed_at: int
    decide_by: str
    """Last day for the decision, ISO 8601."""
    decided_index: int | None
    decided_at: int | None
    decided_by: str
    """Credential of the registrar, hexadecimal; empty while open."""
    kid: str
    """Key that signed it, hexadecimal."""


class ApplicationContent(msgspec.Struct, frozen=True):
    """What an applicant wrote: for registrars alone."""

    name: str
    names: dict[str, str]
    identifiers: tuple[str, ...]
    country: str
    roles: tuple[str, ...]
    contact: str
    statement: str
    evidence: tuple[str, ...]
    has_key: bool
    has_admin: bool


class RecoveryView(msgspec.Struct, frozen=True):
    """A recovery of a party's keys: waiting, cancelled or done."""

    index: int
    party: str
    kid: str
    state: str
    opened_at: int
    ripe_at: int
    closed_index: int | None


class ProposalView(msgspec.Struct, frozen=True):
    """A decision that one officer proposed and another has to confirm."""

    index: int
    kind: str
    proposed_by: str


class CertificateView(msgspec.Struct, frozen=True):
    """A certificate; `index` is its number, that of the act that issued it."""

    index: int
    kind: str
    subject: str
    product: int | None
    right: int | None
    valid_from: str
    valid_until: str
    issued_at: int
    issued_by: str
    status_index: int
    revoked_index: int | None
    revoked_at: int | None
    revoked_for: str

    def status_on(self, day: str) -> str:
        """Return `revoked`, `not-yet`, `expired` or `valid` on a day (ISO 8601)."""
        if self.revoked_index is not None:
            return "revoked"
        if day < self.valid_from:
            return "not-yet"
        return "expired" if day > self.valid_until else "valid"


class HistoryItem(msgspec.Struct, frozen=True):
    """An act of the log about a party."""

    index: int
    kind: str
