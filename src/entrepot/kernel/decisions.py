"""Decisions: what the law says to an act. A refusal is a value with reasons, never an exception.

Every reason has a stable code, a citation and a plain sentence. A decision that cannot cite does
not exist. Effects are what a granted act changes; the kernel keeps them and knows no meaning.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from entrepot.kernel.errors import InvalidInput


class Outcome(IntEnum):
    """The three outcomes, as they stand in the log. Numbers are never reused."""

    GRANTED = 0
    REFUSED = 1
    REFERRED = 2


class Reason(msgspec.Struct, frozen=True):
    """Why: a stable code (`cn.2024.art3.not-met`), the provision, and one plain sentence."""

    code: str
    citation: str
    sentence: str

    def __post_init__(self) -> None:
        """Refuse a reason with an empty part."""
        for name in ("code", "citation", "sentence"):
            if not getattr(self, name).strip():
                raise InvalidInput(f"a reason needs a {name}", value=self.code or self.sentence)


class Effect(msgspec.Struct, frozen=True):
    """One change that a granted act makes: its name and plain values (text, integers, bytes).

    Effects outlive the erasure of an act's evidence, because state is rebuilt from them: they hold
    no personal data, only pseudonyms, hashes and counts.
    """

    name: str
    values: dict[str, object]


class Granted(msgspec.Struct, frozen=True, tag="granted"):
    """The act is done, with these effects."""

    effects: tuple[Effect, ...]

    @property
    def outcome(self) -> Outcome:
        """The number in the log."""
        return Outcome.GRANTED


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The act is not done; at least one reason says why."""

    reasons: tuple[Reason, ...]

    def __post_init__(self) -> None:
        """Refuse a refusal without a reason."""
        _require_reasons(self.reasons)

    @property
    def outcome(self) -> Outcome:
        """The number in the log."""
        return Outcome.REFUSED


class Referred(msgspec.Struct, frozen=True, tag="referred"):
    """The act waits for a human: `to` names the role or authority that must decide."""

    reasons: tuple[Reason, ...]
    to: str

    def __post_init__(self) -> None:
        """Refuse a referral without a reason or to nobody."""
        _require_reasons(self.reasons)
        if not self.to.strip():
            raise InvalidInput("a referral names who must decide")

    @property
    def outcome(self) -> Outcome:
        """The number in the log."""
        return Outcome.REFERRED


Decision = Granted | Refused | Referred


def _require_reasons(reasons: tuple[Reason, ...]) -> None:
    if not reasons:
        raise InvalidInput("a refusal or referral needs at least one reason")


def effects_of(decision: Decision) -> tuple[Effect, ...]:
    """Return the effects of a decision; a refused or referred act has none."""
    return decision.effects if isinstance(decision, Granted) else ()
