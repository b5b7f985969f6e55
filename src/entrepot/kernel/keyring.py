"""Whose acts are accepted: the keys beside the node, and those that institutions know of.

A key is looked up twice: before its signature is verified, outside any transaction, and again
inside the transaction that decides, because an act before it may have revoked it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from entrepot.kernel.institution import Institution, KeyLookup
from entrepot.kernel.keys import Kid, PublicKey

Finder = Callable[[Kid], PublicKey | None]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of a node's own files, always accepted, and the lookups of its institutions."""

    own: Mapping[Kid, PublicKey]
    lookups: tuple[KeyLookup, ...] = ()
    rekeys: frozenset[str] = field(default_factory=frozenset)

    def find(self, read: Connection, kid: Kid) -> PublicKey | None:
        """Return the key of a thumbprint if acts of it are accepted now."""
        own = self.own.get(kid)
        if own is not None:
            return own
        for lookup in self.lookups:
            key = lookup(read, kid)
            if key is not None and key.kid == kid:
                return key
        return None

    def remembering(self, read: Connection) -> Finder:
        """Return a finder that asks the tables once per key, for as long as nothing changes."""
        seen: dict[Kid, PublicKey | None] = {}

        def find(kid: Kid) -> PublicKey | None:
            if kid not in seen:
                seen[kid] = self.find(read, kid)
            return seen[kid]

        return find


def key_ring(own: Mapping[Kid, PublicKey], institutions: tuple[Institution, ...]) -> KeyRing:
    """Return the ring of a node: its own keys and those its institutions accept now."""
    return KeyRing(
        own,
        tuple(item.keys for item in institutions if item.keys is not None),
        frozenset().union(*(item.rekeys for item in institutions)),
    )


def known_key_ring(own: Mapping[Kid, PublicKey], institutions: tuple[Institution, ...]) -> KeyRing:
    """Return the ring for checking again: every key ever known, revoked or not."""
    lookups = (item.known_keys or item.keys for item in institutions)
    return KeyRing(own, tuple(lookup for lookup in lookups if lookup is not None))
