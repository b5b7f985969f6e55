"""What a log says about a party: the public effects that name it, and erasures of what did.

Bodies of private kinds are commitments; a monitor sees that something was decided, not about whom.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from entrepot.kernel.decisions import effects_of
from entrepot.kernel.errors import InvalidInput
from entrepot.kernel.record import ERASURE, Entry, OwnEntry, decode_entry, decode_ruling

PUBLIC = 1
"""First part of what an entry shows of its ruling when the ruling itself is shown."""


class Mention(msgspec.Struct, frozen=True):
    """One entry that concerns a party (or, without a party, any public entry)."""

    index: int
    kind: str
    at: int
    outcome: str
    effects: tuple[tuple[str, dict[str, object]], ...] = ()
    """Name and values of the public effects, bytes as hexadecimal."""
    reasons: tuple[tuple[str, str, str], ...] = ()
    about: str = ""
    """The party named, or the index of the erased entry."""


class Tally(msgspec.Struct):
    """How many entries of which kind were read; entries that cannot be read are counted too."""

    entries: int = 0
    public: int = 0
    unreadable: int = 0
    kinds: dict[str, int] = msgspec.field(default_factory=dict)


def read_entries(
    entries: Iterable[bytes],
    first: int,
    *,
    parties: Collection[str],
    known: Collection[int],
    tally: Tally,
) -> list[Mention]:
    """Return the mentions of `parties` among entries from index `first` on, and count them all.

    `known` are the indices of earlier mentions, whose erasure is reported. An entry in a format
    not known here is counted, never an error: a log may hold what we cannot read.
    """
    found = []
    for index, content in enumerate(entries, start=first):
        tally.entries += 1
        try:
            entry = decode_entry(content)
        except InvalidInput:
            tally.unreadable += 1
            continue
        tally.kinds[entry.kind] = tally.kinds.get(entry.kind, 0) + 1
        mention = _mention(entry, index, parties, known, tally)
        if mention is not None:
            found.append(mention)
    return found


def _mention(
    entry: Entry | OwnEntry,
    index: int,
    parties: Collection[str],
    known: Collection[int],
    tally: Tally,
) -> Mention | None:
    if isinstance(entry, OwnEntry):
        if entry.kind == ERASURE and entry.subject in known:
            return Mention(index, entry.kind, entry.at, "", about=str(entry.subject))
        return None
    if entry.ruling[0] != PUBLIC:
        return None
    tally.public += 1
    try:
        ruling = decode_ruling(entry.ruling[1])
    except InvalidInput:
        tally.unreadable += 1
        return None
    effects = [(item.name, dict(item.values)) for item in effects_of(ruling.decision)]
    reasons = tuple(
        (item.code, item.citation, item.sentence)
        for item in getattr(ruling.decision, "reasons", ())
    )
    named = _texts([effects, ruling.issuer])
    about = next((party for party in parties if party in named), "")
    if not about:
        return None
    shown = tuple((name, _shown(values)) for name, values in effects)
    return Mention(
        index, entry.kind, entry.decided_at, entry.outcome.name.lower(), shown, reasons, about
    )


def _texts(value: object) -> set[str]:
    """Return every text in a value, and every byte string in hexadecimal."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, bytes):
        return {value.hex()}
    if isinstance(value, dict):
        return set().union(*(_texts(item) for pair in value.items() for item in pair), set())
    if isinstance(value, list | tuple):
        return set().union(*(_texts(item) for item in value), set())
    return set()


def _shown(values: dict[str, object]) -> dict[str, object]:
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
