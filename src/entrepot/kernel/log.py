"""The log: an append-only Merkle tree in tlog-tiles files, made in three distinct steps.

    sequenced    the entries have their index and are durable in the store's journal
    integrated   they are in the tree: tiles and entry bundles are written and flushed
    published    a signed checkpoint covers them, renamed into place and flushed

`sequence` runs inside the caller's transaction; `publish` does the other two for all that is
sequenced. Tiles and checkpoint are functions of the journal, so a crash
anywhere is repaired by doing the step again. Crash points and the reasoning: docs/internals/log.md.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from entrepot.kernel import files
from entrepot.kernel.checkpoint import Checkpoint, LogSigner, format_tlog_proof, verify_checkpoint
from entrepot.kernel.errors import InvalidInput, StorageError, VerificationError
from entrepot.kernel.merkle import consistency_path, inclusion_path, root_of
from entrepot.kernel.receipt import TreeSignature, issue_receipt, sign_tree
from entrepot.kernel.store import JOURNAL, TREE, Store
from entrepot.kernel.tiles import WIDTH, Edge, Tile, TileTree, decode_bundle, encode_bundle

BATCH_MAX: Final = 4_096
"""Most entries in one append; bounds memory and the time of one transaction."""

SYNCERS: Final = 8
"""Threads that flush the files of one append side by side; they only wait."""

CrashPoint = Callable[[str], None]
"""Called with the name of the step just done. Tests stop the process there; others do nothing."""


def no_crash(_point: str) -> None:
    """Do nothing: the crash point of every real log."""


@dataclass(frozen=True, slots=True)
class Staged:
    """Entries given an index inside an open transaction, and the tree after them."""

    first: int
    edge: Edge
    files: dict[str, bytes]


class Log:
    """The log in a directory, written through one store. Open it with `Log.open`."""

    def __init__(
        self,
        directory: Path,
        store: Store,
        signer: LogSigner,
        *,
        clock: Callable[[], int],
        crash: CrashPoint = no_crash,
    ) -> None:
        """Bind the parts; `recover` must run before anything else."""
        self.directory = directory
        self.signer = signer
        self.store = store
        self.clock = clock
        self.crash = crash
        self._edge = Edge()
        self._published = Edge()
        self._unwritten: dict[str, bytes] = {}
        self._tree: TileTree | None = None
        self._tree_signature: TreeSignature | None = None
        self._syncer = ThreadPoolExecutor(SYNCERS, thread_name_prefix="entrepot-sync")

    def close(self) -> None:
        """End the threads that flush files."""
        self._syncer.shutdown()

    @classmethod
    def open(
        cls,
        directory: Path,
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
        log = cls(directory, store, signer, clock=clock, crash=crash)
        try:
            log.recover()
            if log.sequenced_size == 0:
                log.append([genesis()])
        except BaseException:
            log.close()
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
        edge, changed = self._edge.append(entries)
        write.execute(JOURNAL.delete().where(JOURNAL.c.first < self._published.size))
        write.execute(
            JOURNAL.insert().values(first=first, count=len(entries), entries=encode_bundle(entries))
        )
        row = {"id": 1, "size": edge.size, "root": edge.root}
        statement = TREE.update().where(TREE.c.id == 1) if first else TREE.insert()
        write.execute(statement.values(row))
        return Staged(first, edge, changed)

    def adopt(self, staged: Staged) -> None:
        """Take over what was staged, after its transaction has committed: it is sequenced now."""
        self.crash("committed")
        self._edge = staged.edge
        self._unwritten.update(staged.files)

    def publish(self) -> None:
        """Integrate and publish all that is sequenced. Does nothing when there is nothing.

        Raises StorageError when the disk refuses: the entries stay sequenced, the next call tries
        again, and no later entry is accepted before.
        """
        if self._published.size == self._edge.size:
            return
        self._integrate()
        checkpoint = Checkpoint(self.signer.origin, self._edge.size, self._edge.root)
        note = self.signer.sign(checkpoint, self.clock())
        self.crash("checkpoint-signed")
        files.replace_durable(self.directory / "checkpoint", note, on_step=self.crash)
        self.crash("published")
        before, self._published = self._published, self._edge
        self._unwritten = {}
        self._tree = self._tree_signature = None
        self._drop_partials(before.size)

    def _integrate(self) -> None:
        """Write and flush the changed tiles and bundles, then the directories naming them.

        They are written in place: no checkpoint covers them yet, so no reader relies on them.
        """
        contents = {self.directory / name: body for name, body in self._unwritten.items()}
        try:
            files.write_all_in_place(contents, self._syncer, on_step=self.crash)
        except OSError as error:
            raise files.storage_error(error, error.filename or self.directory) from error
        self.crash("integrated")

    def _drop_partials(self, size_before: int) -> None:
        """Remove partial tiles whose full tile is published (C2SP tlog-tiles allows it then)."""
        for level in range(-1, 8):
            shift = 8 * max(level, 0)
            number = (size_before >> shift) // WIDTH
            if number < (self._published.size >> shift) // WIDTH:
                full = self.directory / Tile(level, number, WIDTH).path
                shutil.rmtree(full.with_name(full.name + ".p"), ignore_errors=True)

    def recover(self) -> None:
        """Read published and sequenced state from the disk, check that they agree, finish the work.

        Never signs unless the sequenced tree extends the published one. Raises StorageError.
        """
        size, root, journal = self._read_store()
        published = self._read_published(has_store=size > 0, journal=journal)
        if published.size > size:
            raise StorageError(
                f"the store ends at entry {size:,} but a checkpoint for {published.size:,} was "
                "published: the store was restored from an old backup",
                value=self.directory,
                remedy="restore the newest store; a log that signed again from here would fork",
            )
        self._published = published
        self._edge, self._unwritten = published, {}
        for first, entries in journal:
            fresh = entries[max(0, self._edge.size - first) :]
            if fresh and first <= self._edge.size:
                self._edge, changed = self._edge.append(fresh)
                self._unwritten.update(changed)
        if self._edge.size != size or (size and self._edge.root != root):
            raise StorageError(
                "published log and store do not continue each other",
                value=f"published {published.size:,}, rebuilt {self._edge.size:,}, stored {size:,}",
                remedy="restore log and store from one backup; run entrepot fsck",
            )
        self.publish()

    def _read_store(self) -> tuple[int, bytes, list[tuple[int, list[bytes]]]]:
        """Return size and root of the sequenced tree, and the journal."""
        with self.store.reading() as read:
            head = read.execute(sa.select(TREE.c.size, TREE.c.root)).one_or_none()
            rows = read.execute(sa.select(JOURNAL).order_by(JOURNAL.c.first)).all()
        size, root = (0, b"") if head is None else (head.size, head.root)
        return size, root, [(first, decode_bundle(bundle, count)) for first, count, bundle in rows]

    def _read_published(self, *, has_store: bool, journal: list[tuple[int, list[bytes]]]) -> Edge:
        """Return the edge of the published tree, verified against its signed checkpoint."""
        try:
            note = (self.directory / "checkpoint").read_bytes()
        except FileNotFoundError:
            if has_store and (not journal or journal[0][0] != 0):
                raise StorageError(
                    "the checkpoint of the log is missing",
                    value=self.directory / "checkpoint",
                    remedy="restore log and store from one backup",
                ) from None
            return Edge()
        except OSError as error:
            raise files.storage_error(error, self.directory / "checkpoint") from error
        try:
            checkpoint = verify_checkpoint(note, self.signer.keys)
            edge = TileTree(checkpoint.size, self._read).edge()
        except VerificationError as error:
            raise StorageError(
                f"the published log does not hold: {error.what}",
                value=error.value,
                remedy="restore log and store from one backup, and the keys that belong to them",
            ) from error
        if edge.root != checkpoint.root:
            raise StorageError("tiles do not give the root of the checkpoint", value=self.directory)
        return edge

    def _read(self, name: str) -> bytes | None:
        """Return the content of a file of the log, or None."""
        return read_file(self.directory, name)

    def checkpoint(self) -> bytes:
        """Return the published checkpoint, a signed note."""
        try:
            return (self.directory / "checkpoint").read_bytes()
        except OSError as error:
            raise files.storage_error(error, self.directory / "checkpoint") from error

    def tree(self, size: int | None = None) -> TileTree:
        """Return the published tree, or the earlier tree of `size`. InvalidInput if none."""
        if size is not None and not 0 <= size <= self.size:
            raise InvalidInput("no such tree is published", value=f"{size} of {self.size}")
        if size is not None and size != self.size:
            return TileTree(size, self._read)
        if self._tree is None:
            self._tree = TileTree(self.size, self._read)
        return self._tree

    def receipt(self, index: int, size: int | None = None) -> bytes:
        """Return the COSE receipt of an entry in the tree of `size` (default: published).

        The same entry and size give the same bytes: Ed25519 is deterministic (RFC 8032).
        """
        tree = self.tree(size)
        if self._tree_signature is None or self._tree_signature.size != tree.size:
            root = self.root if tree.size == self.size else root_of(tree.size, tree.node_at)
            signer = self.signer
            self._tree_signature = sign_tree(signer.ed25519, signer.origin, tree.size, root)
        path = inclusion_path(index, tree.size, tree.node_at)
        return issue_receipt(self._tree_signature, index, path)

    def consistency_proof(self, old: int, new: int | None = None) -> list[bytes]:
        """Return the RFC 9162 consistency path from `old` to `new` (default: published)."""
        tree = self.tree(new)
        return consistency_path(old, tree.size, tree.node_at)

    def text_proof(self, index: int) -> bytes:
        """Return the C2SP tlog-proof of an entry under the published checkpoint."""
        tree = self.tree()
        path = inclusion_path(index, tree.size, tree.node_at)
        return format_tlog_proof(index, path, self.checkpoint())


def read_file(directory: Path, name: str) -> bytes | None:
    """Return the content of `name` below `directory`, or None when absent. StorageError else."""
    try:
        return (directory / name).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise files.storage_error(error, directory / name) from error
