"""Where the log's files lie: a local directory, or an object store with the same names.

    write            tiles and bundles: no checkpoint covers them yet, so nobody relies on them
    replace          the checkpoint, last, whole, and never by one of a smaller tree
    make_durable     afterwards the store's journal may forget the entries behind these files
    drop_partials    partial tiles whose full tile is durable (C2SP tlog-tiles allows it)

What is written under one name is always the same bytes (tiles are functions of the entries), so a
process that lost its place as leader can do no harm with tiles; the checkpoint alone is compared
with what is there, and replaced under a lock (directory) or a condition (object store).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from entrepot.kernel import files
from entrepot.kernel.checkpoint import Checkpoint, parse_checkpoint
from entrepot.kernel.errors import InvalidInput, StorageError
from entrepot.kernel.objects import is_object_url

if TYPE_CHECKING:
    from obstore import Attributes

    from entrepot.kernel.objectstore import StoredObjects

CHECKPOINT: Final = "checkpoint"
SYNCERS: Final = 8
"""Threads that flush the files of one append side by side; they only wait."""
LOCK_TIMEOUT_S: Final = 5.0
"""How long the rename of a checkpoint waits for another process to finish its own."""

OnStep = Callable[[str], None]
"""Called with the name of the step just done; tests stop the process there."""


_Seen = tuple[bytes | None, str | None]
"""A checkpoint in an object store (None: there is none) and its entity tag."""


class Overtaken(StorageError):
    """Another process has published a larger tree: this one is not the log's leader any more."""


class LogFiles(Protocol):
    """The files of one log. `where` names the place in messages."""

    where: str

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None when absent. Raises StorageError."""

    def names(self) -> Iterator[str]:
        """Yield the names of all files but the checkpoint's own. Raises StorageError."""

    def write(self, contents: Mapping[str, bytes], *, on_step: OnStep) -> None:
        """Write tiles and bundles, durable or not. Raises StorageError."""

    def make_durable(self, names: Iterable[str]) -> None:
        """Return when these files and the checkpoint survive a power cut. Raises StorageError."""

    def replace_checkpoint(self, note: bytes, *, on_step: OnStep) -> None:
        """Publish `note`. Raises Overtaken instead of going back in size, StorageError else."""

    def drop_partials(self, full: Iterable[str]) -> None:
        """Remove, some time, the partial tiles beside these full ones."""

    def prepare(self) -> None:
        """Make the place ready: it exists, and nothing half-written is there. For the writer."""

    def close(self) -> None:
        """End threads and connections."""


def open_log_files(place: str, home: Path) -> LogFiles:
    """Return the files of a log: `s3://bucket/prefix`, a folder, or "" for HOME/log."""
    if is_object_url(place):
        from entrepot.kernel.objectstore import StoredObjects  # native code, only where used

        return ObjectFiles(StoredObjects(place))
    if "://" in place:
        raise InvalidInput(
            "the log's files lie in a folder or an S3-compatible store",
            value=place.partition("://")[0] + "://…",
            remedy="write a path, or s3://bucket/prefix",
        )
    return LocalFiles(home / (place or "log"))


def require_forward(current: bytes | None, note: bytes, where: str) -> None:
    """Return if `note` may replace `current`: a tree of the same log at least as large.

    Raises Overtaken for a smaller one, StorageError for another log, another tree of the same
    size, or a file that is no checkpoint. Signatures are not checked: both are the caller's own.
    """
    if current is None:
        return
    there, fresh = _unverified(current, where), _unverified(note, where)
    if there.size > fresh.size:
        raise Overtaken(
            "another process has published a larger tree",
            value=f"{there.size:,}, not {fresh.size:,} entries",
            remedy="one process writes a log at a time; send the act again to the one that does",
        )
    if there.origin != fresh.origin or (there.size == fresh.size and there.root != fresh.root):
        raise StorageError(
            "the published checkpoint is of another tree; nothing was replaced",
            value=f"{where}: {there.origin}, {there.size:,} entries",
            remedy="stop every process that writes here; keep both checkpoints; run entrepot fsck",
        )


def _unverified(note: bytes, where: str) -> Checkpoint:
    try:
        return parse_checkpoint((note.partition(b"\n\n")[0] + b"\n").decode())
    except (InvalidInput, UnicodeDecodeError) as error:
        raise StorageError(
            "the published checkpoint cannot be read",
            value=where,
            remedy="restore log and store from one backup; run entrepot fsck",
        ) from error


def read_file(directory: Path, name: str) -> bytes | None:
    """Return the content of `name` below `directory`, or None when absent. StorageError else."""
    try:
        return (directory / name).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise files.storage_error(error, directory / name) from error


class LocalFiles:
    """The log in a directory: tiles written in place, flushed together, checkpoint renamed."""

    def __init__(self, directory: Path) -> None:
        """Name the directory; `prepare` makes it."""
        self.directory = directory
        self.where = str(directory)
        self._syncer = ThreadPoolExecutor(SYNCERS, thread_name_prefix="entrepot-sync")
        self._beside = f"{CHECKPOINT}.{secrets.token_hex(4)}.new"

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None."""
        return read_file(self.directory, name)

    def names(self) -> Iterator[str]:
        """Yield the path of every file below the directory but the checkpoint and its drafts."""
        for path in self.directory.rglob("*"):
            name = path.relative_to(self.directory).as_posix()
            if path.is_file() and name != CHECKPOINT and not _is_draft(name):
                yield name

    def write(self, contents: Mapping[str, bytes], *, on_step: OnStep) -> None:
        """Write the files in place, not yet flushed."""
        try:
            for name, content in contents.items():
                path = self.directory / name
                try:
                    files.write_in_place(path, content)
                except FileNotFoundError:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    files.write_in_place(path, content)
                on_step("tile-written")
        except OSError as error:
            raise files.storage_error(error, error.filename or self.directory) from error

    def make_durable(self, names: Iterable[str]) -> None:
        """Flush files, their directories and the checkpoint's name, side by side."""
        try:
            files.sync_all(self.directory, [*names, CHECKPOINT], self._syncer)
        except OSError as error:
            raise files.storage_error(error, error.filename or self.directory) from error

    def replace_checkpoint(self, note: bytes, *, on_step: OnStep) -> None:
        """Write beside, flush; then, under the directory's lock, compare and rename."""
        path = self.directory / CHECKPOINT
        draft = self.directory / self._beside
        try:
            files.write_durable(draft, note)
            on_step("checkpoint-written")
            with self._locked():
                require_forward(self.read(CHECKPOINT), note, self.where)
                os.rename(draft, path)
        except OSError as error:
            raise files.storage_error(error, path) from error
        on_step("checkpoint-renamed")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold flock(2) of the directory: two processes never compare and rename at once."""
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            deadline = time.monotonic() + LOCK_TIMEOUT_S
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise StorageError(
                            "another process holds the lock of the log's directory",
                            value=self.where,
                            remedy="a stopped process may hold it: end it, then try again",
                        ) from None
                    time.sleep(0.002)
            yield
        finally:
            os.close(descriptor)

    def drop_partials(self, full: Iterable[str]) -> None:
        """Remove the folders of partial tiles in the background; what stays is harmless."""
        self._syncer.submit(_remove_all, [self.directory / f"{name}.p" for name in full])

    def prepare(self) -> None:
        """Make the directory, and remove checkpoints that a crash left half-written."""
        try:
            files.make_directories(self.directory)
            for path in self.directory.glob(f"{CHECKPOINT}.*"):
                if _is_draft(path.name):
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise files.storage_error(error, self.directory) from error

    def close(self) -> None:
        """End the threads."""
        self._syncer.shutdown()


def _is_draft(name: str) -> bool:
    return name.startswith(f"{CHECKPOINT}.") and name.endswith(".new")


def _remove_all(folders: list[Path]) -> None:
    for path in folders:
        shutil.rmtree(path, ignore_errors=True)


class ObjectFiles:
    """The log in an S3-compatible store: every put is durable, the checkpoint is put last.

    The checkpoint is replaced under If-Match (RFC 9110 section 13.1.1), so that two processes can
    never overwrite one another. A store without conditional writes answers so, and is then
    compared with first; the moment between is the only window (docs/internals/log.md).
    """

    def __init__(self, objects: StoredObjects) -> None:
        """Take ownership of the store's client."""
        self._objects = objects
        self.where = objects.where
        self._partials: set[str] = set()
        self._seen: _Seen | None = None

    def read(self, name: str) -> bytes | None:
        """Return the content of an object, or None."""
        return self._objects.get(name)

    def names(self) -> Iterator[str]:
        """Yield the name of every object below the prefix but the checkpoint."""
        return (name for name in self._objects.names() if name != CHECKPOINT)

    def write(self, contents: Mapping[str, bytes], *, on_step: OnStep) -> None:
        """Put the files side by side; they are durable then."""
        self._objects.put_all(contents, attributes=_TILE)
        for name in contents:
            if ".p/" in name:
                self._partials.add(name)
            on_step("tile-written")

    def make_durable(self, names: Iterable[str]) -> None:
        """Do nothing: every put was durable when it returned."""

    def replace_checkpoint(self, note: bytes, *, on_step: OnStep) -> None:
        """Put the checkpoint where the one seen last still lies, or find out why not."""
        seen, self._seen = self._seen, None
        if seen is None or not self._replace(seen, note):
            current, tag = self._objects.get_tagged(CHECKPOINT)
            if current == note:  # our own put, whose answer was lost on the way
                self._seen = (note, tag)
            elif not self._replace((current, tag), note):
                raise Overtaken(
                    "another process publishes this log at the same time",
                    value=self.where,
                    remedy="one process writes a log at a time; try again",
                )
        on_step("checkpoint-renamed")

    def _replace(self, seen: _Seen, note: bytes) -> bool:
        """Put `note` if what was seen is still there and may be replaced; say whether it was."""
        current, tag = seen
        require_forward(current, note, self.where)
        done, fresh = self._objects.put_matching(CHECKPOINT, note, tag, attributes=_NOTE)
        if done:
            self._seen = (note, fresh)
        return done

    def drop_partials(self, full: Iterable[str]) -> None:
        """Delete the partial tiles this process put beside full ones; others are harmless."""
        stems = {f"{name}.p" for name in full}
        gone = {name for name in self._partials if name.rpartition("/")[0] in stems}
        self._partials -= gone
        self._objects.delete_later(sorted(gone))

    def prepare(self) -> None:
        """Do nothing: an object is there whole or not at all."""

    def close(self) -> None:
        """End the threads."""
        self._objects.close()


_TILE: Final[Attributes] = {
    "Content-Type": "application/octet-stream",
    "Cache-Control": "public, max-age=31536000, immutable",
}
"""C2SP tlog-tiles: a file of this name never changes."""
_NOTE: Final[Attributes] = {
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "no-cache",
}
