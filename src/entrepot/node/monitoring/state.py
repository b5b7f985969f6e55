"""What a monitor remembers between looks: the last checkpoint, and the edge of what it has read.

The edge is grown from the entries themselves, so the root of the checkpoint is computed here and
not taken from anybody's tiles. Kept in one JSON file, replaced whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from entrepot.kernel import files
from entrepot.kernel.encoding import from_base64, to_base64
from entrepot.kernel.errors import InvalidInput, StorageError
from entrepot.kernel.merkle import HASH_BYTES
from entrepot.kernel.tiles import WIDTH, Edge
from entrepot.node.monitoring.mentions import Tally
from entrepot.node.witnessing.replacing import replace_file

FORMAT: Final = "entrepot-monitor-1"
STATE_MAX_BYTES: Final = 8 << 20
MENTIONS_MAX: Final = 100_000
"""Most indices of mentions remembered, for telling of their erasure."""


class State(msgspec.Struct, forbid_unknown_fields=True):
    """A monitor's memory of one log. `read` entries were read and hashed into `levels`."""

    origin: str
    note: str = ""
    """Newest checkpoint that was found good, as it came; empty at first."""
    where: str = ""
    read: int = 0
    levels: tuple[tuple[str, ...], ...] = ()
    tally: Tally = msgspec.field(default_factory=Tally)
    mentions: list[int] = msgspec.field(default_factory=list)
    looked_at: int = 0
    behind_since: int = 0
    """Since when a witness has cosigned more than the log shows here; 0 when none has."""
    format: str = FORMAT

    def edge(self) -> Edge:
        """Return the right edge of what was read; its bundle is not kept."""
        levels = tuple(tuple(from_base64(item) for item in level) for level in self.levels)
        return Edge(self.read, levels, b"")

    def take_edge(self, edge: Edge) -> None:
        """Remember the edge after reading on."""
        self.read = edge.size
        self.levels = tuple(tuple(to_base64(item) for item in level) for level in edge.levels)


def load_state(path: Path, origin: str) -> State:
    """Return the state kept in a file, or a new one. Raises StorageError, InvalidInput."""
    try:
        with path.open("rb") as stream:
            content = stream.read(STATE_MAX_BYTES + 1)
    except FileNotFoundError:
        return State(origin)
    except OSError as error:
        raise files.storage_error(error, path) from error
    try:
        state = msgspec.json.decode(content, type=State)
        edge = state.edge()
    except (msgspec.DecodeError, InvalidInput, UnicodeDecodeError, RecursionError) as error:
        raise StorageError(
            "state of the monitor is damaged", value=path, remedy="restore it, or begin anew"
        ) from error
    if state.format != FORMAT or not _fits(edge):
        raise StorageError(
            "state of the monitor is damaged", value=path, remedy="restore it, or begin anew"
        )
    if state.origin != origin:
        raise InvalidInput(
            "this state is of another log", value=f"{state.origin}, not {origin}",
            remedy="keep one state file for each log",
        )  # fmt: skip
    return state


def _fits(edge: Edge) -> bool:
    """Say whether the levels are those of a tree of this size."""
    widths = [edge.size >> (8 * level) & (WIDTH - 1) for level in range(8)]
    found = [len(level) for level in edge.levels] + [0] * 8
    hashes = all(len(item) == HASH_BYTES for level in edge.levels for item in level)
    return len(edge.levels) <= 8 and hashes and found[:8] == widths


def save_state(path: Path, state: State) -> None:
    """Replace the state file. Raises StorageError."""
    replace_file(path, msgspec.json.encode(state))
