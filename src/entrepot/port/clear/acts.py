"""What may be asked of the port: `clear-shipment`, whose body is the certificate itself.

A request that cannot be granted is signed and sent all the same, without files, so that the refusal
and its reasons are in the log: what was asked and refused is as much a part of the record.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Final

from entrepot.kernel.approval import take_approval
from entrepot.kernel.errors import InvalidInput
from entrepot.port.clear.certificate import Certificate, from_body
from entrepot.port.clear.recipients import party_id
from entrepot.port.clear.record import Parties

FILES_MAX: Final = 1_000
TEXT_MAX: Final = 2_000
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TAG = re.compile(r"[0-9a-f]{16}")
_NAME = re.compile(r"[^\x00-\x1f\x7f/\\]+(/[^\x00-\x1f\x7f/\\]+)*")


def shape(body: Mapping[object, object]) -> Certificate:
    """Return the certificate in a body after checking its form (step 2). No I/O.

    The approval of a person is no part of the certificate: the kernel takes it out before it asks,
    a reader of a stored act may not have. Raises `InvalidInput` for a malformed certificate, a name
    that leaves the folder, a hash that is none, a negative count or a day that does not exist.
    """
    read = from_body(take_approval(dict(body))[0])
    if len(read.files) > FILES_MAX:
        raise InvalidInput("too many files in one clearance", value=len(read.files))
    for file in read.files:
        _check_name(file.name)
        if not _SHA256.fullmatch(file.sha256):
            raise InvalidInput("hash of a file is not SHA-256 in hexadecimal", value=file.name)
        if min(file.size_bytes, file.rows, file.columns) < 0:
            raise InvalidInput("size of a file is negative", value=file.name)
    if len({file.name for file in read.files}) != len(read.files):
        raise InvalidInput("two files of the clearance have one name")
    for name, count in read.counts.items():
        if count < 0:
            raise InvalidInput("a count of persons is negative", value=name)
    _check_pieces(read)
    for day in (read.flow.as_of, read.flow.known_at):
        _check_day(day)
    check_parties(read.parties)
    return read


def check_register(name: str) -> None:
    """Check the name of a register: one line of visible characters. Raises `InvalidInput`."""
    if len(name) > TEXT_MAX or any(unicodedata.category(c) in _UNSEEN for c in name):
        raise InvalidInput(
            "the name of a register is one line of visible characters",
            value=name,
            remedy="use at most 2,000 characters, none of them control or invisible ones",
        )


def _check_pieces(read: Certificate) -> None:
    check_register(read.register)
    for name, count in read.exempt.items():
        if count < 0:
            raise InvalidInput("a count of persons is negative", value=name)
    for piece in read.pieces:
        tags = _TAG.fullmatch(piece.key) and _TAG.fullmatch(piece.namespace)
        if not _SHA256.fullmatch(piece.sha256) or not tags:
            raise InvalidInput("a piece of a counter is not named by hashes", value=piece.fact)
        if piece.extra < 0 or (piece.cap is not None and piece.cap < 0):
            raise InvalidInput("a count of persons is negative", value=piece.fact)
    if len({(piece.fact, piece.year) for piece in read.pieces}) != len(read.pieces):
        raise InvalidInput("two pieces of one counter and year")


def check_parties(parties: Parties) -> None:
    """Check the names that stand in a certificate and on every screen that shows it.

    Control characters could rewrite a terminal, invisible ones make two names look alike (Unicode
    categories Cc, Cf, Cs, Co, Cn, Zl, Zp). Raises `InvalidInput`.
    """
    if parties.recipient_id != party_id(parties.recipient_id):
        raise InvalidInput("identifier of the recipient", value=parties.recipient_id)
    for text in (parties.exporter, parties.recipient, parties.purpose):
        if not text.strip() or len(text) > TEXT_MAX:
            raise InvalidInput(
                "exporter, recipient and purpose must be named",
                value=text,
                remedy="use 1 to 2,000 characters",
            )
        odd = [c for c in text if unicodedata.category(c) in _UNSEEN]
        if odd:
            raise InvalidInput(
                "exporter, recipient and purpose are one line of visible characters",
                value=", ".join(f"U+{ord(c):04X}" for c in odd[:5]),
                remedy="write the name without control or invisible characters",
            )


def _check_name(name: str) -> None:
    parts = name.split("/")
    if not _NAME.fullmatch(name) or any(part in (".", "..") for part in parts):
        raise InvalidInput("name of a file leaves the folder", value=name)


def _check_day(day: str) -> None:
    try:
        date.fromisoformat(day)
    except ValueError:
        raise InvalidInput("not a day of the calendar", value=day) from None
