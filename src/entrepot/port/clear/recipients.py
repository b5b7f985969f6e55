"""Who is the same recipient: declared identifiers, declared groups, and names that look alike.

Some laws count per recipient, so another spelling of its name would start a new count. Two
clearances are of one recipient when they share an identifier (LEI, ISO 17442; unified social credit
code, GB 32100-2015) or a name, when somebody declared them one group, or when their names are near:
equal after legal forms, accents, punctuation and look-alike letters are taken off, or one slip of
the keyboard apart. Near names count together until a person declares them distinct: too many
persons, never too few, and the answer says so.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

import msgspec

from entrepot.kernel.errors import InvalidInput
from entrepot.port.detect.identifiers.asia import validate_cn_uscc
from entrepot.port.detect.identifiers.finance import validate_lei

SLIP_MIN_LENGTH: Final = 6
"""Shortest name in which one slip is taken for a slip: `AB Co` and `AC Co` are two."""
_LEGAL_FORMS: Final = frozenset(
    """ag aktiengesellschaft as asa bhd bv company co corp corporation cv eg eood gesellschaft gmbh
    mit beschraenkter beschrankter haftung gbr holding holdings inc incorporated kabushiki kaisha kg
    kgaa kk limited limitada llc llp lp ltd ltda mbh nv ohg oo oy oyj ooo pao plc pt pte pty pvt
    private sa sab sae saoc sarl sas se sl sp z oo spa spzoo srl ug und and the de""".split()
)
_CJK_FORMS: Final = re.compile(
    r"股份有限公司|有限责任公司|有限責任公司|有限公司|集团|集團|株式会社|合同会社|有限会社|주식회사|유한회사"
)
_LOOK_ALIKES: Final = str.maketrans(
    "авекмнорстухіјѕԁԛԝαβεζηικμνορτυχıȷɑɡøđłßæœ",
    "abekmhopctyxijsdqwabezhikmvoptuxijagodlsao",
)
"""Cyrillic, Greek and Latin letters that look like, or stand for, plain Latin ones."""


def recipient_hash(name: str) -> str:
    """Return the hash under which a recipient is kept: of its name, folded and spaced alike."""
    return hashlib.sha256(b"entrepot recipient v1\x00" + folded(name).encode()).hexdigest()


def folded(name: str) -> str:
    """Return a name without invisible characters, in one width, case and spacing."""
    visible = "".join(c for c in name if unicodedata.category(c) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", visible).casefold().split())


def party_id(text: str) -> str:
    """Return a declared identifier in its one spelling, `lei:…` or `uscc:…`; "" stays "".

    Raises `InvalidInput` for another scheme and where the check digits do not hold.
    """
    if not text.strip():
        return ""
    scheme, separator, number = text.partition(":")
    scheme, number = scheme.strip().lower(), re.sub(r"[\s-]", "", number).upper()
    checks = {"lei": validate_lei, "uscc": validate_cn_uscc}
    if not separator or scheme not in checks:
        raise InvalidInput(
            "a recipient's identifier names its scheme", value=text, remedy="lei:… or uscc:…"
        )
    if not checks[scheme]([number])[0]:
        raise InvalidInput(
            f"the check digits of this {scheme.upper()} do not hold",
            value=text,
            remedy="copy it again from the register",
        )
    return f"{scheme}:{number}"


def id_hash(text: str) -> str:
    """Return the hash under which an identifier is kept; "" for none."""
    if not text:
        return ""
    return hashlib.sha256(b"entrepot party id v1\x00" + text.encode()).hexdigest()


def skeleton(name: str) -> str:
    """Return what is left of a name that is the same in its other spellings."""
    plain = unicodedata.normalize("NFKD", folded(name).translate(_LOOK_ALIKES))
    plain = "".join(c for c in plain if unicodedata.category(c) != "Mn").translate(_LOOK_ALIKES)
    plain = re.sub(r"(?<=\b\w)\.(?=\w\b)", "", plain)  # g.m.b.h. is one word
    whole = unicodedata.normalize("NFC", plain)
    words = re.sub(r"[\W_]+", " ", _CJK_FORMS.sub(" ", whole)).split()
    kept = [word for word in words if word not in _LEGAL_FORMS]
    return " ".join(sorted(kept or words))


def are_near(left: str, right: str) -> bool:
    """Say whether two names may be one recipient written in two ways."""
    one, other = skeleton(left), skeleton(right)
    if one == other or one.replace(" ", "") == other.replace(" ", ""):
        return True
    if min(len(one), len(other)) < SLIP_MIN_LENGTH or abs(len(one) - len(other)) > 1:
        return False
    return _is_one_slip(one, other)


def _is_one_slip(one: str, other: str) -> bool:
    """Say whether one letter more, less, other or swapped with its neighbour makes the other.

    A digit that differs is no slip: Fund 1 and Fund 2 are two.
    """
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    left, right = one[start : len(one) - end], other[start : len(other) - end]
    if any(c.isdigit() for c in left + right):
        return False
    return max(len(left), len(right)) <= 1 or (len(left) == len(right) == 2 and left == right[::-1])


class Known(msgspec.Struct, frozen=True):
    """A recipient as an earlier clearance named it."""

    hash: str
    id_hash: str = ""
    name: str = ""
    """Empty where the evidence of that clearance was erased."""


class Linked(msgspec.Struct, frozen=True):
    """The recipients that count as one, and the near names among them that nobody declared."""

    hashes: frozenset[str]
    near: tuple[str, ...] = ()


def linked(
    name: str,
    identifier: str,
    known: Iterable[Known],
    *,
    groups: Iterable[frozenset[str]] = (),
    distinct: Iterable[frozenset[str]] = (),
) -> Linked:
    """Return every known recipient that counts together with this one.

    `groups` are declared to be one, `distinct` are declared to be several, both as sets of the
    hashes of names and identifiers. Links chain: a shares an LEI with b, b a name with c.
    """
    start = Known(recipient_hash(name), id_hash(identifier), name)
    everybody = [start, *known]
    apart = [part for part in distinct if start.hash in part or start.id_hash in part]
    reached = {start.hash} | ({start.id_hash} if start.id_hash else set())
    near: dict[str, str] = {}
    for other in everybody[1:]:
        told_apart = any(other.hash in part or other.id_hash in part for part in apart)
        different_id = bool(start.id_hash and other.id_hash and start.id_hash != other.id_hash)
        if other.name and not told_apart and not different_id and are_near(name, other.name):
            reached.add(other.hash)
            if other.hash != start.hash and not (other.id_hash and other.id_hash in reached):
                near[other.hash] = other.name
    reached = _closure(reached, everybody, list(groups))
    hashes = {other.hash for other in everybody}
    return Linked(frozenset(reached & hashes), tuple(sorted(set(near.values()))))


def _closure(
    reached: set[str], everybody: Iterable[Known], groups: Iterable[frozenset[str]]
) -> set[str]:
    """Return what is reached over shared names, shared identifiers and declared groups."""
    pairs = [frozenset({k.hash, k.id_hash} - {""}) for k in everybody]
    sets = [*pairs, *groups]
    grown = True
    while grown:
        before = len(reached)
        for part in sets:
            if part & reached:
                reached = reached | part
        grown = len(reached) > before
    return reached


def hashes_of(names: Iterable[str]) -> frozenset[str]:
    """Return the hashes of declared names and identifiers (`lei:…`, `uscc:…`)."""
    found = set()
    for name in names:
        is_id = re.match(r"(?i)\s*(lei|uscc)\s*:", name)
        found.add(id_hash(party_id(name)) if is_id else recipient_hash(name))
    return frozenset(found)
