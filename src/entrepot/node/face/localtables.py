"""The face's local tables: known to this node alone, no part of state, never replayed."""

from __future__ import annotations

from typing import Final
from weakref import WeakSet

import sqlalchemy as sa

from entrepot.kernel.store import Store

LOCAL: Final = sa.MetaData()
"""Tables of the face; every name begins with `local_`."""
_ready: WeakSet[Store] = WeakSet()


def ensure_tables(store: Store) -> None:
    """Create the face's tables once per open store."""
    if store not in _ready:
        store.create_tables(LOCAL)
        _ready.add(store)
