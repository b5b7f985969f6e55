"""What may be asked about rights: file, object, decide, close, transfer, license, change, cancel.

Shapes only, no I/O.

The three rights of "Data Twenty" (holding of the data resource, processing and use, operation of
the product) are kept apart: one right is one grant of one of them in one product. The acts are the
six types of registration that Shenzhen's measures know (first, licence, transfer, change, cancel,
objection); a change by the registrar is the correction of the NDA measures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from entrepot.kernel.errors import InvalidInput
from entrepot.registry.productacts import (
    Period,
    ProductId,
    check_period,
    check_place,
    convert,
)
from entrepot.registry.producttext import check_member, check_sha256, clean
from entrepot.registry.productvocabulary import WORLD

FILE_RIGHT, OBJECT, DECIDE = "file-right", "object-to-right", "decide-objection"
CLOSE, TRANSFER, LICENSE = "close-notice", "transfer-right", "license-right"
CHANGE, CANCEL = "change-right", "cancel-right"

HOLD, PROCESS, OPERATE = "hold", "process", "operate"
RIGHTS: Final[dict[str, tuple[str, str]]] = {
    HOLD: ("holding of the data resource", "数据资源持有权"),
    PROCESS: ("processing and use", "数据加工使用权"),
    OPERATE: ("operation of the product", "数据产品经营权"),
}
"""The three rights ("Data Twenty", point 3), in English and Chinese."""

ANY: Final = "any"
"""Scope without limits."""
UPHOLD, DISMISS = "uphold", "dismiss"
OPEN_END: Final = ""
"""A term without end."""

SCOPES_MAX: Final = 20
TERRITORIES_MAX: Final = 40
EVIDENCE_MAX: Final = 10
REASONS_MAX: Final = 8
SENTENCE_CHARS_MAX: Final = 1_000
TERM_YEARS_MAX: Final = 100

_SCOPE = re.compile(r"[a-z0-9]+(-[a-z0-9]+){0,7}")
_CODE = re.compile(r"[a-z0-9]+([.-][a-z0-9]+){0,7}")


class Extent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a right goes: uses, places, days.

    `scope` are uses as lower-case words with hyphens, or `any`; `territory` ISO 3166 places or
    `WORLD`; the term's days are both inclusive, an absent end is open.
    """

    scope: tuple[str, ...]
    territory: tuple[str, ...]
    term: Period


class FileRight(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """File a right. `source` is the holder's own right that it rests on; none for a first one."""

    product: ProductId
    right: str
    holder: str
    scope: tuple[str, ...]
    territory: tuple[str, ...]
    term: Period
    exclusive: bool = False
    transferable: bool = False
    sublicence: bool = False
    source: ProductId | None = None
    evidence: tuple[str, ...] = ()

    @property
    def extent(self) -> Extent:
        """How far the right goes."""
        return Extent(self.scope, self.territory, self.term)


class Grounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why somebody objects: a short code of their choice and a sentence."""

    code: str
    sentence: str


class ObjectToRight(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Object to a right within its notice."""

    right: ProductId
    grounds: Grounds
    evidence: tuple[str, ...] = ()


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reason that a person gives for a decision: code, provision, sentence."""

    code: str
    citation: str
    sentence: str


class DecideObjection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Uphold an objection (the right falls) or dismiss it, with reasons."""

    objection: ProductId
    outcome: str
    reasons: tuple[Given, ...]


class CloseNotice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Register a right whose notice is over."""

    right: ProductId


class TransferRight(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Transfer a registered right whole to another party."""

    right: ProductId
    to: str
    evidence: tuple[str, ...] = ()


class LicenseRight(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Grant another party a right out of one's own registered right."""

    source: ProductId
    to: str
    right: str
    scope: tuple[str, ...]
    territory: tuple[str, ...]
    term: Period
    exclusive: bool = False
    transferable: bool = False
    sublicence: bool = False
    evidence: tuple[str, ...] = ()

    @property
    def extent(self) -> Extent:
        """How far the licence goes."""
        return Extent(self.scope, self.territory, self.term)


class ChangeRight(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Narrow one's right, or (a registrar) correct a slip in it. Absent fields stay."""

    right: ProductId
    reasons: tuple[Given, ...]
    scope: tuple[str, ...] | None = None
    territory: tuple[str, ...] | None = None
    term: Period | None = None
    exclusive: bool | None = None
    transferable: bool | None = None
    sublicence: bool | None = None


class CancelRight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Give a right up."""

    right: ProductId
    reason: str


def shape_file_right(body: Mapping[object, object]) -> FileRight:
    """Return a well-formed filing of a right. Raises InvalidInput."""
    read = convert(body, FileRight)
    check_member(read.right, RIGHTS, "right")
    _check_party(read.holder, "holder")
    extent = check_extent(read.extent)
    return msgspec.structs.replace(
        read,
        scope=extent.scope,
        territory=extent.territory,
        evidence=_evidence(read.evidence),
    )


def shape_object(body: Mapping[object, object]) -> ObjectToRight:
    """Return a well-formed objection. Its sentence will be public. Raises InvalidInput."""
    read = convert(body, ObjectToRight)
    _check_code(read.grounds.code)
    sentence = clean(read.grounds.sentence, "sentence", chars_max=SENTENCE_CHARS_MAX, lines=True)
    grounds = Grounds(read.grounds.code, sentence)
    return ObjectToRight(read.right, grounds, _evidence(read.evidence))


def shape_decide(body: Mapping[object, object]) -> DecideObjection:
    """Return a well-formed decision of an objection. Raises InvalidInput."""
    read = convert(body, DecideObjection)
    check_member(read.outcome, (UPHOLD, DISMISS), "outcome")
    return DecideObjection(read.objection, read.outcome, _reasons(read.reasons))


def shape_close(body: Mapping[object, object]) -> CloseNotice:
    """Return a well-formed closing of a notice. Raises InvalidInput."""
    return convert(body, CloseNotice)


def shape_transfer(body: Mapping[object, object]) -> TransferRight:
    """Return a well-formed transfer. Raises InvalidInput."""
    read = convert(body, TransferRight)
    _check_party(read.to, "to")
    return TransferRight(read.right, read.to, _evidence(read.evidence))


def shape_license(body: Mapping[object, object]) -> LicenseRight:
    """Return a well-formed licence. Raises InvalidInput."""
    read = convert(body, LicenseRight)
    check_member(read.right, RIGHTS, "right")
    _check_party(read.to, "to")
    extent = check_extent(read.extent)
    return msgspec.structs.replace(
        read,
        scope=extent.scope,
        territory=extent.territory,
        evidence=_evidence(read.evidence),
    )


def shape_change(body: Mapping[object, object]) -> ChangeRight:
    """Return a well-formed change. Raises InvalidInput."""
    read = convert(body, ChangeRight)
    scope = None if read.scope is None else _scopes(read.scope)
    territory = None if read.territory is None else _territories(read.territory)
    if read.term is not None:
        _check_term(read.term)
    return msgspec.structs.replace(
        read, scope=scope, territory=territory, reasons=_reasons(read.reasons)
    )


def shape_cancel(body: Mapping[object, object]) -> CancelRight:
    """Return a well-formed cancellation. Raises InvalidInput."""
    read = convert(body, CancelRight)
    return CancelRight(read.right, clean(read.reason, "reason", chars_max=500))


def check_extent(extent: Extent) -> Extent:
    """Return an extent without repeats, `any` and `WORLD` alone in theirs. Raises InvalidInput."""
    _check_term(extent.term)
    return Extent(_scopes(extent.scope), _territories(extent.territory), extent.term)


def _check_term(term: Period) -> None:
    check_period(term)
    years = int(term.until[:4]) - int(term.start[:4]) if term.until else 0
    if years > TERM_YEARS_MAX:
        raise InvalidInput(
            f"a term is at most {TERM_YEARS_MAX} years", value=f"{term.start} to {term.until}"
        )


def _scopes(given: tuple[str, ...]) -> tuple[str, ...]:
    if not 1 <= len(given) <= SCOPES_MAX:
        raise InvalidInput(f"a scope names 1 to {SCOPES_MAX} uses", value=len(given))
    for use in given:
        if not _SCOPE.fullmatch(use) or len(use) > 60:
            raise InvalidInput(
                "a use is lower-case words with hyphens", value=use, remedy="credit-assessment"
            )
    return (ANY,) if ANY in given else tuple(sorted(set(given)))


def _territories(given: tuple[str, ...]) -> tuple[str, ...]:
    if not 1 <= len(given) <= TERRITORIES_MAX:
        raise InvalidInput(f"a territory names 1 to {TERRITORIES_MAX} places", value=len(given))
    for place in given:
        if place != WORLD:
            check_place(place)
    return (WORLD,) if WORLD in given else tuple(sorted(set(given)))


def _evidence(given: tuple[str, ...]) -> tuple[str, ...]:
    if len(given) > EVIDENCE_MAX:
        raise InvalidInput(f"at most {EVIDENCE_MAX} hashes of evidence", value=len(given))
    return tuple(sorted({check_sha256(one, "evidence") for one in given}))


def _reasons(given: tuple[Given, ...]) -> tuple[Given, ...]:
    if not 1 <= len(given) <= REASONS_MAX:
        raise InvalidInput(f"1 to {REASONS_MAX} reasons are given", value=len(given))
    for one in given:
        _check_code(one.code)
    return tuple(
        Given(
            one.code,
            clean(one.citation, "citation", chars_max=300),
            clean(one.sentence, "sentence", chars_max=SENTENCE_CHARS_MAX, lines=True),
        )
        for one in given
    )


def _check_code(code: str) -> None:
    if len(code) > 80 or not _CODE.fullmatch(code):
        raise InvalidInput("a code is lower-case words with dots and hyphens", value=code)


def _check_party(party: str, where: str) -> None:
    scheme, colon, value = party.partition(":")
    if not colon or not scheme or not value or len(party) > 80 or not party.isascii():
        raise InvalidInput(
            f"{where} is not the id of a party", value=party, remedy="scheme:VALUE, as lei:..."
        )
