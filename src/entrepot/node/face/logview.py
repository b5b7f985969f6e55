"""What pages show of the log: entries decoded, checkpoints explained, growth proven.

Everything is read from the log's own files, the same that any stranger reads below `/log/`.
`local_checkpoints` remembers the checkpoints this node has seen itself publish, each with the
verdict on the consistency proof from the one before (RFC 9162 section 2.1.4); it is a diary, not
state, and may be lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from entrepot.kernel.checkpoint import Checkpoint, checkpoint_time
from entrepot.kernel.cosignature import open_own_checkpoint
from entrepot.kernel.decisions import Outcome
from entrepot.kernel.errors import StorageError, VerificationError
from entrepot.kernel.home import Node
from entrepot.kernel.merkle import consistency_path, verify_consistency
from entrepot.kernel.note import parse_note
from entrepot.kernel.record import Entry, OwnEntry, decode_entry
from entrepot.kernel.store import Store
from entrepot.kernel.tiles import WIDTH, TileTree
from entrepot.node.face.localtables import LOCAL, ensure_tables
from entrepot.node.running import Running
from entrepot.node.witnessing.background import checkpoint_to_show

SEEN_MAX: Final = 400
"""Checkpoints kept in the diary; then every second of the older half goes."""
BUNDLES_MAX: Final = 32
"""Entry bundles read for one page of a filtered list: 8,192 entries."""
COURSE_POINTS: Final = 60
"""Entries whose time is read for the picture of growth."""
OUTCOMES: Final = {outcome.name.lower(): outcome for outcome in Outcome}

CHECKPOINTS: Final = sa.Table(
    "local_checkpoints",
    LOCAL,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False, comment="POSIX s, in the log's cosignature"),
    sa.Column("proof_hashes", sa.Integer, nullable=False, comment="length of the proof"),
    sa.Column("holds", sa.Boolean, nullable=False, comment="extends the one before"),
)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest published checkpoint: note bytes, what they say, when (POSIX s), who signed."""

    raw: bytes
    checkpoint: Checkpoint
    at: int
    signers: tuple[tuple[str, str], ...]
    """Key name and key id (hexadecimal) of every signature line, the log's own first."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint this node has published, and whether it extends the one seen before it."""

    size: int
    root: bytes
    at: int
    proof_hashes: int
    holds: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One entry in a list; `outcome` is None for entries of the log about itself."""

    index: int
    kind: str
    at: int
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries a list shows; empty or None means any. Times are POSIX seconds."""

    kind: str = ""
    outcome: str = ""
    since: int | None = None
    until: int | None = None

    def fits(self, line: Line) -> bool:
        """Say whether an entry is wanted."""
        return (
            self.kind in ("", line.kind)
            and self.outcome in ("", line.outcome)
            and (self.since is None or line.at >= self.since)
            and (self.until is None or line.at < self.until)
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of entries, newest first; `older` is where the next page begins, None at the end."""

    lines: tuple[Line, ...]
    older: int | None
    examined: int


def head_of(running: Running) -> Head:
    """Return the checkpoint that `/log/checkpoint` shows, verified under the log's keys.

    Raises VerificationError, StorageError.
    """
    raw = checkpoint_to_show(running)
    checkpoint = open_own_checkpoint(raw, running.node.signer.keys).checkpoint
    note = parse_note(raw)
    signers = tuple((line.name, line.key_id.hex()) for line in note.signatures)
    return Head(raw, checkpoint, checkpoint_time(raw), signers)


def line_of(index: int, content: bytes) -> Line:
    """Return the line of one entry."""
    entry = decode_entry(content)
    if isinstance(entry, OwnEntry):
        return Line(index, entry.kind, entry.at, None)
    return Line(index, entry.kind, entry.decided_at, entry.outcome.name.lower())


def entry_at(node: Node, index: int) -> tuple[bytes, Entry | OwnEntry]:
    """Return bytes and meaning of one entry. Raises InvalidInput when the log has none there."""
    content = node.log.tree().entry(index)
    return content, decode_entry(content)


def listed(tree: TileTree, wanted: Wanted, *, before: int | None, count: int) -> Listed:
    """Return up to `count` wanted entries below index `before`, newest first.

    Reads at most `BUNDLES_MAX` bundles; where that was not enough, `older` says where to go on.
    """
    top = tree.size if before is None else min(max(before, 0), tree.size)
    found: list[Line] = []
    examined = 0
    floor = max(0, (top - 1) // WIDTH - BUNDLES_MAX + 1) * WIDTH
    for line in _downwards(tree, top, floor):
        examined += 1
        if wanted.fits(line):
            found.append(line)
            if len(found) == count:
                return Listed(tuple(found), line.index or None, examined)
    return Listed(tuple(found), floor or None, examined)


def _downwards(tree: TileTree, top: int, floor: int) -> Iterator[Line]:
    for number in range((top - 1) // WIDTH, floor // WIDTH - 1, -1):
        entries = tree.bundle_entries(number)[: top - number * WIDTH]
        for place in range(len(entries) - 1, -1, -1):
            yield line_of(number * WIDTH + place, entries[place])


def course_of(tree: TileTree, *, points: int = COURSE_POINTS) -> list[tuple[int, int]]:
    """Return (POSIX s, entries by then) along the log, at most `points` of them, oldest first.

    Times are those in the entries; one that is before its predecessor's (a clock set back) counts
    as the same moment, so that the line never runs backwards.
    """
    if not tree.size:
        return []
    last = tree.size - 1
    indices = sorted({last * step // max(1, points - 1) for step in range(points)} | {0, last})
    found: list[tuple[int, int]] = []
    for index in indices:
        entry = tree.bundle_entries(index // WIDTH)[index % WIDTH]
        at = max(line_of(index, entry).at, found[-1][0] if found else 0)
        found.append((at, index + 1))
    return found


def observe(running: Running) -> list[Seen]:
    """Write the newest checkpoint into the diary, proven against the last one; return the diary.

    A checkpoint that does not extend the last one is kept as such, never overwritten: it is the
    evidence that this log forked. A process that may not write only reads.
    """
    node = running.node
    ensure_tables(node.store)
    diary = seen(node.store)
    head = head_of(running)
    checkpoint = head.checkpoint
    last = diary[-1] if diary else None
    if last is not None and (last.size, last.root) == (checkpoint.size, checkpoint.root):
        return diary
    hashes, holds = _extends(node, last, checkpoint)
    new = Seen(checkpoint.size, checkpoint.root, head.at, hashes, holds)
    try:
        with node.store.writing() as write:
            write.execute(
                CHECKPOINTS.insert().values(
                    size=new.size,
                    root=new.root,
                    at=new.at,
                    proof_hashes=new.proof_hashes,
                    holds=new.holds,
                )
            )
            if len(diary) >= SEEN_MAX:
                _thin(write)
    except StorageError:
        return [*diary, new]
    return [*diary, new]


def seen(store: Store) -> list[Seen]:
    """Return the diary, oldest first."""
    ensure_tables(store)
    columns = [CHECKPOINTS.c[name] for name in ("size", "root", "at", "proof_hashes", "holds")]
    with store.reading() as read:
        rows = read.execute(sa.select(*columns).order_by(CHECKPOINTS.c.number)).all()
    return [Seen(row.size, bytes(row.root), row.at, row.proof_hashes, row.holds) for row in rows]


def _extends(node: Node, last: Seen | None, new: Checkpoint) -> tuple[int, bool]:
    """Return length and verdict of the consistency proof from the last checkpoint to a new one."""
    if last is None:
        return 0, True
    if last.size > new.size:
        return 0, False
    tree = node.log.tree(new.size)
    path = consistency_path(last.size, new.size, tree.node_at)
    try:
        verify_consistency(last.size, last.root, new.size, new.root, path)
    except VerificationError:
        return len(path), False
    return len(path), True


def _thin(write: sa.Connection) -> None:
    """Drop every second good row of the older half; what remains is consistent by transitivity."""
    numbers = write.scalars(
        sa.select(CHECKPOINTS.c.number)
        .where(CHECKPOINTS.c.holds)
        .order_by(CHECKPOINTS.c.number)
        .limit(SEEN_MAX // 2)
    ).all()
    write.execute(sa.delete(CHECKPOINTS).where(CHECKPOINTS.c.number.in_(numbers[1::2])))
