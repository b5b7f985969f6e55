"""What may be asked of the registry about parties, keys, members and certificates: bodies of acts.

A program builds a body as one of these structs and signs `plain(body)`. `shape_as` is step 2 for
all of them: types, sizes, visible characters; what is allowed is a matter of the rules. Schemes of
identifiers and check digits are judged there too, because a wrong one is refused with a citation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Final, Literal, TypeVar

import msgspec

from entrepot.kernel.encoding import encode
from entrepot.kernel.errors import InvalidInput
from entrepot.kernel.keys import Algorithm, PublicKey

FOUND, APPLY, DECIDE = "found-registry", "apply-for-membership", "decide-application"
UPDATE_PARTY: Final = "update-party"
ADD_KEY, REVOKE_KEY = "add-key", "revoke-key"
RECOVER, CANCEL_RECOVERY, CLOSE_RECOVERY = "recover-party", "cancel-recovery", "close-recovery"
ADMIT_MEMBER, REMOVE_MEMBER = "admit-member", "remove-member"
ISSUE, REVOKE = "issue-certificate", "revoke-certificate"

ROLES: Final = (
    "operator", "provider", "broker", "third-party-service", "buyer", "regulator", "auditor",
)  # fmt: skip
"""Roles of parties; `operator` comes with the founding alone."""
DUTIES: Final = ("admin", "steward", "registrar", "decider")
"""Duties of members; registrar and decider are for members of the operator."""
KEY_PURPOSES: Final = ("acts", "issuing")
"""`acts`: signs acts. `issuing`: signs credentials and status lists, of the operator only."""
CERTIFICATE_KINDS: Final = ("provider", "trading", "cross-border")
"""Kinds that a registrar issues; `registration` comes from a right alone."""

NAME_MAX: Final = 200
TEXT_MAX: Final = 4_000
LIST_MAX: Final = 20
DAYS_MAX: Final = 365
APPLICATION_MAX_BYTES: Final = 9_000
"""The registrar's decision reads it from the store's row, where large evidence does not lie."""

Role = Literal[
    "operator", "provider", "broker", "third-party-service", "buyer", "regulator", "auditor"
]
Duty = Literal["admin", "steward", "registrar", "decider"]

_COUNTRY = re.compile(r"[A-Z]{2}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")
_CALENDAR = re.compile(r"([A-Z]{2}(-[A-Z0-9]{1,4})?)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_Body = TypeVar("_Body", bound="ActBody")


class ActBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A body of an act; `check` holds what types alone cannot."""

    def check(self) -> None:
        """Raise InvalidInput where a text, list or number is out of bounds."""


class IdentifierGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An identifier as somebody states it; `registry.identifiers` judges it."""

    scheme: str
    value: str


class Period(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A period: working days of a jurisdiction's calendar, or plain days where it is empty."""

    days: int
    calendar: str = ""


class ReasonGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reason that a person gives for a decision; public, so it names no person."""

    code: str
    citation: str
    sentence: str


class Credential(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The public key of a passkey: 65-byte point for ES256 (-7), 32 bytes for EdDSA (-8)."""

    key: bytes
    alg: int = int(Algorithm.ES256)

    def public_key(self) -> PublicKey:
        """Return it as a key. Raises InvalidInput for another algorithm or bytes that are none."""
        if self.alg not in (Algorithm.ES256, Algorithm.ED25519):
            raise InvalidInput("a passkey signs with ES256 (-7) or EdDSA (-8)", value=self.alg)
        return PublicKey(Algorithm(self.alg), self.key)


class FoundRegistry(ActBody, frozen=True):
    """`found-registry`: who runs the registry and under which terms. `key` is the node's own."""

    name: str
    identifier: IdentifierGiven
    country: str
    key: bytes
    names: dict[str, str] = {}
    notice: Period = Period(10)
    decision: Period = Period(20)
    recovery_days: int = 7
    languages: list[str] = msgspec.field(default_factory=lambda: ["en", "zh"])
    four_eyes: list[str] = []

    def check(self) -> None:
        """Hold names, country, periods and the kinds under four eyes to their bounds."""
        _check_naming(self.name, self.names, self.country)
        ed25519_key(self.key)
        for period in (self.notice, self.decision):
            check_period(period)
        _bounded(self.recovery_days, 0, DAYS_MAX, "days of a recovery")
        _languages(self.languages)
        for kind in self.four_eyes:
            if kind not in FOUR_EYES:
                raise InvalidInput("this kind has no four eyes", value=kind, remedy=str(FOUR_EYES))


class Apply(ActBody, frozen=True):
    """`apply-for-membership`: an organisation asks to be a party.

    Signed by its own new key, which `key` repeats; or lodged by the node for a form in its face,
    then `key` may be left out, or come with `proof` (`possession_message`). `admin` is the passkey
    of the person who becomes its first admin. Evidence is named by SHA-256.
    """

    name: str
    identifiers: list[IdentifierGiven]
    country: str
    roles: list[Role]
    key: bytes = b""
    names: dict[str, str] = {}
    proof: bytes = b""
    admin: Credential | None = None
    contact: str = ""
    statement: str = ""
    evidence: list[str] = []

    def check(self) -> None:
        """Hold names, country, lists and texts to their bounds; keys must be keys."""
        _check_naming(self.name, self.names, self.country)
        if self.key:
            ed25519_key(self.key)
        if self.admin is not None:
            self.admin.public_key()
        _bounded(len(self.identifiers), 1, LIST_MAX, "identifiers")
        _distinct(self.roles, "roles", least=1)
        check_text(self.contact, "contact", least=0)
        check_text(self.statement, "statement", least=0, lines=True)
        check_hashes(self.evidence)
        if len(encode(plain(self))) > APPLICATION_MAX_BYTES:
            raise InvalidInput(
                f"an application has at most {APPLICATION_MAX_BYTES:,} bytes",
                remedy="name long documents by their hash and send them to the registrar",
            )


class Decide(ActBody, frozen=True):
    """`decide-application`: a registrar admits with roles, or refuses with reasons."""

    application: int
    outcome: Literal["admit", "refuse"]
    roles: list[Role] = []
    reasons: list[ReasonGiven] = []

    def check(self) -> None:
        """A refusal has reasons, an admission has roles."""
        _index(self.application)
        _distinct(self.roles, "roles", least=1 if self.outcome == "admit" else 0)
        check_reasons(self.reasons, least=1 if self.outcome == "refuse" else 0)


class UpdateParty(ActBody, frozen=True):
    """`update-party`: new names or roles; a party may lay down roles, a registrar may give them."""

    party: str
    name: str = ""
    names: dict[str, str] | None = None
    roles: list[Role] | None = None
    reasons: list[ReasonGiven] = []

    def check(self) -> None:
        """Hold names and roles to their bounds."""
        if self.name or self.names is not None:
            _check_naming(self.name or "-", self.names or {}, "ZZ")
        if self.roles is not None:
            _distinct(self.roles, "roles", least=1)
        check_reasons(self.reasons)


class AddKey(ActBody, frozen=True):
    """`add-key`: another Ed25519 key for a party, with proof that the party holds it."""

    party: str
    key: bytes
    proof: bytes
    purpose: Literal["acts", "issuing"] = "acts"

    def check(self) -> None:
        """The key is one, and the proof has the length of a signature."""
        ed25519_key(self.key)
        if len(self.proof) != 64:
            raise InvalidInput("proof of possession is a signature of 64 bytes")


class RevokeKey(ActBody, frozen=True):
    """`revoke-key`: a key is not accepted any more, from this decision on."""

    party: str
    kid: bytes
    reason: Literal["rotated", "compromised", "lost", "ceased"] = "rotated"
    note: str = ""

    def check(self) -> None:
        """A key id has 32 bytes."""
        _kid(self.kid)
        check_text(self.note, "note", least=0)


class Recover(ActBody, frozen=True):
    """`recover-party`: a registrar gives a party that lost its keys, or lost control, a new one."""

    party: str
    key: bytes
    proof: bytes
    reasons: list[ReasonGiven]

    def check(self) -> None:
        """The key is one; reasons are given."""
        ed25519_key(self.key)
        check_reasons(self.reasons, least=1)


class CancelRecovery(ActBody, frozen=True):
    """`cancel-recovery`: the party itself stops a waiting recovery."""

    recovery: int
    reason: str = ""

    def check(self) -> None:
        """The recovery is named by the index of its act."""
        _index(self.recovery)
        check_text(self.reason, "reason", least=0)


class CloseRecovery(ActBody, frozen=True):
    """`close-recovery`: the waiting period is over; anybody may say so, the node does."""

    recovery: int

    def check(self) -> None:
        """The recovery is named by the index of its act."""
        _index(self.recovery)


class AdmitMember(ActBody, frozen=True):
    """`admit-member`: a person's passkey may act for a party; asked again, its duties change."""

    party: str
    credential: bytes
    duties: list[Duty]
    alg: int = int(Algorithm.ES256)

    def check(self) -> None:
        """The credential is a key of a passkey; there is a duty."""
        self.public_key()
        _distinct(self.duties, "duties", least=1)

    def public_key(self) -> PublicKey:
        """Return the credential as a key."""
        return Credential(self.credential, self.alg).public_key()


class RemoveMember(ActBody, frozen=True):
    """`remove-member`: a passkey does not act for its party any more."""

    party: str
    kid: bytes

    def check(self) -> None:
        """A key id has 32 bytes."""
        _kid(self.kid)


class Term(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A term of whole days, both included, ISO 8601."""

    begin: str = msgspec.field(name="from")
    until: str = ""


class Issue(ActBody, frozen=True):
    """`issue-certificate`: a registrar certifies a party, or a product of it, for a term."""

    kind: Literal["provider", "trading", "cross-border"]
    subject: str
    term: Term
    product: int | None = None
    reasons: list[ReasonGiven] = []

    def check(self) -> None:
        """Reasons are within bounds; the term is judged by the rules."""
        check_reasons(self.reasons)


class Revoke(ActBody, frozen=True):
    """`revoke-certificate`: a registrar ends a certificate, with the reason."""

    certificate: int
    reason: ReasonGiven

    def check(self) -> None:
        """The certificate is named by the index of its act; the reason has its parts."""
        _index(self.certificate)
        check_reasons([self.reason])


FOUR_EYES: Final = (DECIDE, RECOVER, ISSUE, REVOKE, "decide-objection")
"""Kinds that a founding may put under four eyes."""


def shape_as(form: type[_Body]) -> Callable[[dict[object, object]], _Body]:
    """Return step 2 for one kind: body map -> checked struct; InvalidInput when malformed."""

    def shape(body: dict[object, object]) -> _Body:
        try:
            read = msgspec.convert(body, form)
        except msgspec.ValidationError as error:
            raise InvalidInput(
                f"not the body of this kind of act ({form.__name__})", value=error
            ) from error
        read.check()
        return read

    return shape


def plain(body: ActBody) -> dict[str, object]:
    """Return a body as the plain map that is signed."""
    made: dict[str, object] = msgspec.to_builtins(body, builtin_types=(bytes,))
    return made


def possession_message(party: str, purpose: str = "acts") -> bytes:
    """Return what a new key signs to show that `party` holds it; no act has these bytes."""
    return b"entrepot key possession v1\x00" + encode([party, purpose])


def ed25519_key(raw: bytes) -> PublicKey:
    """Return 32 raw bytes as a key. Raises InvalidInput."""
    return PublicKey(Algorithm.ED25519, raw)


def enrolled_key(body: dict[object, object]) -> PublicKey | None:
    """Return the key that an application carries, for the kernel to verify the act with."""
    raw = body.get("key")
    if not isinstance(raw, bytes) or len(raw) != 32:
        return None
    return ed25519_key(raw)


def check_text(text: str, what: str, *, least: int = 1, lines: bool = False) -> None:
    """Raise InvalidInput unless `text` is visible and of bounded length; one line by default."""
    if len(text) > TEXT_MAX or len(text.strip()) < least:
        raise InvalidInput(f"{what} has {least} to {TEXT_MAX:,} characters", value=text)
    unseen = any(unicodedata.category(c) in _UNSEEN for c in text if not (lines and c in "\n\t"))
    if unseen:
        raise InvalidInput(f"{what} has invisible or control characters", value=text)


def check_reasons(reasons: list[ReasonGiven], *, least: int = 0) -> None:
    """Raise InvalidInput unless there are enough reasons and each has its three parts."""
    _bounded(len(reasons), least, LIST_MAX, "reasons")
    for given in reasons:
        for part in (given.code, given.citation, given.sentence):
            check_text(part, "code, citation and sentence of a reason", lines=True)


def check_hashes(hashes: list[str]) -> None:
    """Raise InvalidInput unless all are SHA-256 in lower-case hexadecimal."""
    _bounded(len(hashes), 0, LIST_MAX, "pieces of evidence")
    for digest in hashes:
        if not _SHA256.fullmatch(digest):
            raise InvalidInput("evidence is named by SHA-256 in hexadecimal", value=digest)


def check_period(period: Period) -> None:
    """Raise InvalidInput unless a period has 0 to 365 days and a calendar or none."""
    _bounded(period.days, 0, DAYS_MAX, "days of a period")
    if not _CALENDAR.fullmatch(period.calendar):
        raise InvalidInput(
            "a calendar is a jurisdiction such as CN, or empty", value=period.calendar
        )


def _check_naming(name: str, names: dict[str, str], country: str) -> None:
    _languages(names)
    for text in (name, *names.values()):
        check_text(text, "name")
        if len(text) > NAME_MAX:
            raise InvalidInput(f"a name has at most {NAME_MAX} characters", value=text)
    if not _COUNTRY.fullmatch(country):
        raise InvalidInput("country is an ISO 3166-1 alpha-2 code", value=country)


def _languages(tags: Iterable[str]) -> None:
    found = list(tags)
    _bounded(len(found), 0, LIST_MAX, "languages")
    for tag in found:
        if not _LANGUAGE.fullmatch(tag):
            raise InvalidInput("a language is a BCP 47 tag such as en or zh", value=tag)


def _distinct(items: Iterable[str], what: str, *, least: int) -> None:
    found = list(items)
    _bounded(len(found), least, LIST_MAX, what)
    if len(set(found)) != len(found):
        raise InvalidInput(f"{what} are given twice", value=", ".join(found))


def _bounded(number: int, least: int, most: int, what: str) -> None:
    if not least <= number <= most:
        raise InvalidInput(f"{what}: {least} to {most}", value=number)


def _index(index: int) -> None:
    _bounded(index, 0, 2**53 - 1, "index of an act")


def _kid(kid: bytes) -> None:
    if len(kid) != 32:
        raise InvalidInput("a key id has 32 bytes", value=kid.hex())
