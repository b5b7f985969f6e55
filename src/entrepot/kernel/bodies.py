"""Bodies: where the evidence of acts lies. Small ones in the store's row, large ones as objects.

A large body is written under a random name before the row that names it is committed; so a row
never names what is not there, and a crash between the two leaves an object nobody names (`fsck`
counts those). Erasing deletes the object after the row has let go of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from entrepot.kernel.errors import StorageError
from entrepot.kernel.objects import Objects, open_objects
from entrepot.kernel.record import Sealed

OUTSIDE_FROM_BYTES: Final = 16 * 1024
"""Evidence of this size and more goes outside, where a place for bodies is set.

A row below it costs the database a few pages; above it, backups and vacuums move it for nothing.
"""
NAME_BYTES: Final = 16


class Bodies:
    """The place of large bodies; without one every body stays in its row."""

    def __init__(
        self, objects: Objects | None = None, *, entropy: Callable[[int], bytes] = os.urandom
    ) -> None:
        """Take ownership of the place. `entropy` gives the random bytes of names."""
        self._objects = objects
        self._entropy = entropy

    @property
    def where(self) -> str:
        """Name of the place; empty when there is none."""
        return "" if self._objects is None else self._objects.where

    def place(self, rows: Sequence[dict[str, object]]) -> None:
        """Move large evidence of rows about to be written out of them; durable on return.

        Sets `evidence_at` of every row: the name of its object, or None; `evidence` is None then.
        Raises StorageError, and then nothing may be committed.
        """
        outside: dict[str, bytes] = {}
        for row in rows:
            content, row["evidence_at"] = row["evidence"], None
            if (
                self._objects is not None
                and isinstance(content, bytes)
                and len(content) >= OUTSIDE_FROM_BYTES
            ):
                name = self._entropy(NAME_BYTES).hex()
                outside[name] = content
                row["evidence"], row["evidence_at"] = None, name
        if outside and self._objects is not None:
            self._objects.put_all(outside)

    def evidence(self, row: Any) -> Sealed | None:
        """Return the evidence of a row of RECORDS with its salt, or None once erased.

        Raises StorageError when its object is not there or cannot be read.
        """
        if row.evidence is not None:
            return Sealed(row.evidence, row.evidence_salt)
        if row.evidence_at is None:
            return None
        return Sealed(self._fetch(row.evidence_at), row.evidence_salt)

    def _fetch(self, name: str) -> bytes:
        if self._objects is None:
            raise StorageError(
                "the body of this act lies in a place that is not set here",
                value=name,
                remedy="name the place of bodies in the settings of the node",
            )
        content = self._objects.get(name)
        if content is None:
            raise StorageError(
                "the body of this act is not where its record says",
                value=f"{self.where}/{name}",
                remedy="restore the place of bodies from a backup; run entrepot fsck",
            )
        return content

    def destroy(self, name: str | None) -> None:
        """Delete the object of an erased body; nothing for one that lay in its row.

        Raises StorageError; the row does not name it any more, so erasing is done once it is gone.
        """
        if name is not None and self._objects is not None:
            self._objects.delete(name)

    def names(self) -> Iterator[str]:
        """Yield the names of all objects in the place."""
        if self._objects is not None:
            yield from self._objects.names()

    def close(self) -> None:
        """End threads and connections."""
        if self._objects is not None:
            self._objects.close()


def open_bodies(place: str, home: Path) -> Bodies:
    """Return the bodies of a home: "" for none outside, a folder, or s3://bucket/prefix."""
    return Bodies(open_objects(place, home) if place else None)
