"""The log: an append-only Merkle tree in tlog-tiles files, made in three distinct steps.

    sequenced    the entries have their index and are durable in the store's journal
    integrated   they are in the tree: tiles and entry bundles are written
    published    a signed checkpoint covers them, flushed and renamed into place

`sequence` runs inside the caller's transaction; `publish` does the other two for all that is
sequenced. Tiles and checkpoint are functions of the journal, which keeps every entry until the
files made from it are flushed; so a crash anywhere is repaired by doing the steps again. Crash
points and the reasoning: docs/internals/log.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import sqlalchemy as sa

from entrepot.kernel.bodies import Bodies
from entrepot.kernel.checkpoint import Checkpoint, LogSigner, format_tlog_proof, verify_checkpoint
from entrepot.kernel.errors import InvalidInput, StorageError, VerificationError
from entrepot.kernel.logfiles import CHECKPOINT, LogFiles, Overtaken
from entrepot.kernel.merkle import (
    EMPTY_ROOT,
    consistency_path,
    inclusion_path,
    inclusion_paths,
    root_of,
)
from entrepot.kernel.receipt import TreeSignature, issue_receipt, sign_tree
from entrepot.kernel.store import JOURNAL, TREE, Store, advance_tree, clear_journal
from entrepot.kernel.tiles import Edge, TileTree, decode_bundle

BATCH_MAX: Final = 4_096
"""Most entries in one append; bounds memory and the time of one transaction."""

FLUSH_ENTRIES, FLUSH_APPENDS, FLUSH_BYTES = 16_384, 64, 16 << 20
"""Tiles are flushed, and the journal cut, when any of these has gathered since the last time."""

RELOADS_MAX: Final = 20
"""How often files and store are read again while another process is writing them."""

CrashPoint = Callable[[str], None]
"""Called with the name of the step just done. Tests stop the process there; others do nothing."""


def no_crash(_point: str) -> None:
    """Do nothing: the crash point of every real log."""


class Head(NamedTuple):
    """Size and root of a tree."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """What is published at one moment: size, root, the checkpoint as a signed note, the tree.

    One value, so that readers on other threads never see parts of two moments.
    """

    size: int
    root: bytes
    note: bytes
    tree: TileTree


class _Stored(NamedTuple):
    """What the store says: the sequenced tree, and the journal from its first index on."""

    size: int
    root: bytes
    first: int
    entries: list[bytes]


@dataclass(frozen=True, slots=True)
class Staged:
    """Entries given an index inside an open transaction, and the tree after them."""

    first: int
    edge: Edge
    files: dict[str, bytes]


class Log:
    """The log over its files and one store. Open it with `Log.open`, or `Log.follow` to read."""

    def __init__(
        self,
        files: LogFiles,
        store: Store,
        signer: LogSigner,
        *,
        clock: Callable[[], int],
        crash: CrashPoint = no_crash,
    ) -> None:
        """Bind the parts; `recover` must run before anything else."""
        self.files = files
        self.signer = signer
        self.store = store
        self.clock = clock
        self.crash = crash
        self._edge = Edge()
        self._published = self._published_as(Head(0, EMPTY_ROOT), b"")
        self._unwritten: dict[str, bytes] = {}
        self._fresh: dict[str, bytes] = {}
        self._unflushed: dict[str, int] = {}
        self._flushed = 0
        self._appends = 0
        self._tree_signature: TreeSignature | None = None
        self.bodies = Bodies()

    def close(self) -> None:
        """Flush what is written and end the threads. Raises StorageError; nothing is lost then."""
        try:
            self.flush()
        finally:
            self.files.close()
            self.bodies.close()

    @classmethod
    def follow(
        cls, files: LogFiles, store: Store, signer: LogSigner, *, clock: Callable[[], int]
    ) -> Log:
        """Open the log to read it beside the process that writes it; `refresh` catches up.

        Nothing is written, recovered or published. Raises StorageError.
        """
        log = cls(files, store, signer, clock=clock)
        log.refresh()
        return log

    @classmethod
    def open(
        cls,
        files: LogFiles,
        store: Store,
        signer: LogSigner,
        *,
        clock: Callable[[], int],
        genesis: Callable[[], bytes],
        crash: CrashPoint = no_crash,
    ) -> Log:
        """Open the log, finish what a crash interrupted, and make it with `genesis` if new.

        Raises StorageError when files and store contradict each other: a restored old backup, a
        damaged tile, a foreign checkpoint. Then nothing is signed.
        """
        log = cls(files, store, signer, clock=clock, crash=crash)
        try:
            files.prepare()
            log.recover()
            if log.sequenced_size == 0:
                log.append([genesis()])
        except BaseException:
            files.close()
            raise
        return log

    @property
    def sequenced_size(self) -> int:
        """Number of entries with a durable index. Internal: publicly only checkpoints count."""
        return self._edge.size

    @property
    def size(self) -> int:
        """Number of published entries."""
        return self._published.size

    @property
    def root(self) -> bytes:
        """Root of the published tree."""
        return self._published.root

    def append(self, entries: Sequence[bytes]) -> int:
        """Sequence, integrate and publish entries on their own; return the first one's index.

        Durable when it returns. Raises InvalidInput for an entry over 65,535 bytes or a batch over
        4,096, StorageError when the disk refuses.
        """
        self.publish()
        try:
            with self.store.writing() as write:
                staged = self.sequence(write, entries)
        except StorageError:
            self.recover()
            raise
        self.adopt(staged)
        self.publish()
        return staged.first

    def sequence(self, write: sa.Connection, entries: Sequence[bytes]) -> Staged:
        """Give entries their index inside the transaction `write`; nothing holds until it commits.

        The journal keeps the entries, the tree row their size and root: what recovery needs.
        """
        if not 0 < len(entries) <= BATCH_MAX:
            raise InvalidInput(f"a batch has 1 to {BATCH_MAX:,} entries", value=len(entries))
        first = self._edge.size
        growth = self._edge.grow(entries)
        edge = growth.edge
        advance_tree(write, first, edge.size, edge.root)
        clear_journal(write, self._flushed)
        row = {"first": first, "count": len(entries), "entries": growth.bundle}
        write.execute(JOURNAL.insert(), row)
        return Staged(first, edge, growth.files)

    def adopt(self, staged: Staged) -> None:
        """Take over what was staged, after its transaction has committed: it is sequenced now."""
        self.crash("committed")
        self._edge = staged.edge
        self._unwritten.update(staged.files)

    def publish(self) -> None:
        """Integrate and publish all that is sequenced. Does nothing when there is nothing.

        Raises StorageError when the disk refuses: the entries stay sequenced, the next call tries
        again, and no later entry is accepted before. Raises Overtaken when another process has
        published further: state is read again then, and nothing of ours is lost, but the answers
        must come from there.
        """
        try:
            self._publish()
        except Overtaken:
            self.recover()
            raise

    def _publish(self) -> None:
        if self._published.size == self._edge.size and not self._unwritten:
            return
        self.store.confirm_writer()
        self._integrate()
        head = Head(self._edge.size, self._edge.root)
        note = self.signer.sign(Checkpoint(self.signer.origin, *head), self.clock())
        self.crash("checkpoint-signed")
        self.files.replace_checkpoint(note, on_step=self.crash)
        self._published = self._published_as(head, note)
        self._appends += 1
        self.crash("published")
        if (
            self._appends >= FLUSH_APPENDS
            or self.size - self._flushed >= FLUSH_ENTRIES
            or sum(self._unflushed.values()) >= FLUSH_BYTES
        ):
            self.flush()

    def _published_as(self, head: Head, note: bytes) -> Published:
        return Published(head.size, head.root, note, TileTree(head.size, self._recall))

    def _integrate(self) -> None:
        """Write the changed tiles and bundles: no checkpoint covers them yet."""
        self.files.write(self._unwritten, on_step=self.crash)
        self._unflushed |= {name: len(content) for name, content in self._unwritten.items()}
        self._fresh = {name: it for name, it in self._unwritten.items() if not _is_bundle(name)}
        self._unwritten = {}
        self.crash("integrated")

    def flush(self) -> None:
        """Make tiles and checkpoint as durable as the journal, which may then be cut.

        Partial tiles whose full tile is now flushed are removed (C2SP tlog-tiles allows it).
        Does nothing while tiles wait to be written: the journal still answers for them. Raises
        StorageError; the next call tries again.
        """
        if self._unwritten or (not self._unflushed and self._flushed == self.size):
            return
        self.files.make_durable(self._unflushed)
        self.crash("flushed")
        self.files.drop_partials([name for name in self._unflushed if ".p/" not in name])
        self._unflushed = {}
        self._flushed, self._appends = self.size, 0

    def refresh(self) -> None:
        """Read the published checkpoint again: what a follower does to catch up.

        Raises StorageError when it is gone, damaged or of a smaller tree than the one seen before.
        """
        found, note = self._read_checkpoint(must_exist=True)
        if found.size < self.size:
            raise StorageError(
                "the published log went back in size",
                value=f"{found.size:,} after {self.size:,} entries",
                remedy="keep both checkpoints; stop the processes that write; run entrepot fsck",
            )
        if found.size > self.size:
            self._published = self._published_as(Head(found.size, found.root), note)

    def recover(self) -> None:
        """Read checkpoint and journal, check that they agree, write again what a crash lost.

        The tree is rebuilt from the beginning of the journal, where everything is flushed. Never
        signs unless the sequenced tree extends the published one. Raises StorageError, NotLeader.
        """
        self.store.confirm_writer()
        for attempt in range(RELOADS_MAX):
            self._reload()
            self._integrate()
            try:
                self._publish()
            except Overtaken:
                if attempt == RELOADS_MAX - 1:
                    raise
            else:
                break
        self.flush()

    def _reload(self) -> None:
        """Take over what store and files hold, after checking that one continues the other."""
        (size, root, first, entries), checkpoint, note = self._read_state()
        if checkpoint.size > size:
            raise StorageError(
                f"the store ends at entry {size:,} but a checkpoint for {checkpoint.size:,} was "
                "published: the store was restored from an old backup",
                value=self.files.where,
                remedy="restore the newest store; a log that signed again from here would fork",
            )
        if checkpoint.size < first or first + len(entries) != size:
            raise self._disagreement(checkpoint.size, first, size)
        waiting = checkpoint.size - first
        published = self._flushed_edge(first).grow(entries[:waiting])
        sequenced = published.edge.grow(entries[waiting:])
        if published.edge.root != checkpoint.root or (size and sequenced.edge.root != root):
            raise self._disagreement(checkpoint.size, first, size)
        changed = {**published.files, **sequenced.files}
        self._unwritten = {
            name: content for name, content in changed.items() if self._read(name) != content
        }
        self._unflushed = {
            name: len(content) for name, content in changed.items() if name not in self._unwritten
        }
        self._edge, self._flushed = sequenced.edge, first
        self._published = self._published_as(Head(checkpoint.size, checkpoint.root), note)

    def _read_state(self) -> tuple[_Stored, Checkpoint, bytes]:
        """Return store and checkpoint of one moment, even while another process writes both.

        The checkpoint is read after the store, so it may be ahead, or the journal cut behind it:
        then both are read again for as long as the store moves.
        """
        state = self._read_store()
        for _ in range(RELOADS_MAX):
            checkpoint, note = self._read_checkpoint(must_exist=state.first > 0)
            if state.first <= checkpoint.size <= state.size:
                break
            again = self._read_store()
            if again[:3] == state[:3]:
                break
            state = again
        return state, checkpoint, note

    def _disagreement(self, published: int, first: int, size: int) -> StorageError:
        return StorageError(
            "published log and store do not continue each other",
            value=f"published {published:,}; journal from {first:,}; store {size:,}",
            remedy="restore log and store from one backup; run entrepot fsck",
        )

    def _read_store(self) -> _Stored:
        """Return size and root of the sequenced tree, and the journal: first index, entries."""
        with self.store.reading() as read:
            head = read.execute(sa.select(TREE.c.size, TREE.c.root)).one_or_none()
            rows = read.execute(sa.select(JOURNAL).order_by(JOURNAL.c.first)).all()
        size, root = (0, EMPTY_ROOT) if head is None else head
        entries: list[bytes] = []
        start = rows[0][0] if rows else size
        try:
            for first, count, bundle in rows:
                if first != start + len(entries):
                    raise self._disagreement(self.size, first, size)
                entries += decode_bundle(bundle, count)
        except VerificationError as error:
            raise StorageError("journal of the store is damaged", value=error.value) from error
        return _Stored(size, root, start, entries)

    def _read_checkpoint(self, *, must_exist: bool) -> tuple[Checkpoint, bytes]:
        """Return the published checkpoint, verified; of size 0 while none was ever flushed."""
        note = self._read(CHECKPOINT)
        if note is None and not must_exist:
            return Checkpoint(self.signer.origin, 0, EMPTY_ROOT), b""
        if note is None:
            raise self._no_checkpoint()
        try:
            return verify_checkpoint(note, self.signer.keys), note
        except VerificationError as error:
            raise StorageError(
                f"the published checkpoint does not hold: {error.what}",
                value=error.value,
                remedy="restore log and store from one backup, and the keys that belong to them",
            ) from error

    def _flushed_edge(self, size: int) -> Edge:
        """Return the edge of the tree where the journal begins, from flushed tiles."""
        try:
            return TileTree(size, self._read).edge()
        except VerificationError as error:
            raise StorageError(
                f"the log is damaged: {error.what}",
                value=error.value,
                remedy="restore log and store from one backup; run entrepot fsck",
            ) from error

    def _read(self, name: str) -> bytes | None:
        """Return the content of a file of the log, or None."""
        return self.files.read(name)

    def _recall(self, name: str) -> bytes | None:
        """Return a file of the log; hash tiles just written are remembered: receipts need them."""
        return self._fresh.get(name) or self._read(name)

    def _no_checkpoint(self) -> StorageError:
        return StorageError(
            "the checkpoint of the log is missing",
            value=f"{self.files.where}/{CHECKPOINT}",
            remedy="restore log and store from one backup",
        )

    def checkpoint(self) -> bytes:
        """Return the checkpoint of the published tree, a signed note."""
        return self._published.note

    @property
    def published(self) -> Published:
        """The published tree and its checkpoint, of one moment."""
        return self._published

    def tree(self, size: int | None = None) -> TileTree:
        """Return the published tree, or the earlier tree of `size`. InvalidInput if none."""
        published = self._published
        if size is None or size == published.size:
            return published.tree
        if not 0 <= size <= published.size:
            raise InvalidInput("no such tree is published", value=f"{size} of {published.size}")
        return TileTree(size, self._read)

    def receipt(self, index: int, size: int | None = None) -> bytes:
        """Return the COSE receipt of an entry in the tree of `size` (default: published).

        The same entry and size give the same bytes: Ed25519 is deterministic (RFC 8032).
        """
        tree = self.tree(size)
        path = inclusion_path(index, tree.size, tree.node_at)
        return issue_receipt(self._signature_of(tree), index, path)

    def receipts(self, first: int) -> list[bytes]:
        """Return the receipts of all published entries from `first` on, as `receipt` gives them."""
        tree = self.tree()
        signature = self._signature_of(tree)
        paths = inclusion_paths(first, tree.size, tree.node_at)
        return [issue_receipt(signature, index, path) for index, path in enumerate(paths, first)]

    def _signature_of(self, tree: TileTree) -> TreeSignature:
        """Return the signature of all receipts of a tree; the last one is kept."""
        signature, signer = self._tree_signature, self.signer
        if signature is None or signature.size != tree.size:
            published = self._published
            is_newest = tree.size == published.size
            root = published.root if is_newest else root_of(tree.size, tree.node_at)
            signature = sign_tree(signer.ed25519, signer.origin, tree.size, root)
            self._tree_signature = signature
        return signature

    def consistency_proof(self, old: int, new: int | None = None) -> list[bytes]:
        """Return the RFC 9162 consistency path from `old` to `new` (default: published)."""
        tree = self.tree(new)
        return consistency_path(old, tree.size, tree.node_at)

    def text_proof(self, index: int) -> bytes:
        """Return the C2SP tlog-proof of an entry under the published checkpoint."""
        published = self._published
        path = inclusion_path(index, published.size, published.tree.node_at)
        return format_tlog_proof(index, path, published.note)


def _is_bundle(name: str) -> bool:
    return name.startswith("tile/entries/")
