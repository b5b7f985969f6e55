"""The counters' folder in a node's home: pieces that never change, and the keys they hang on.

counters/keys/YEAR.json       the secret of windows that end in YEAR, mode 0600
counters/YEAR/SHA256.piece    what one shipment added to one counting fact, under that secret
counters/declared.yaml        what a person declared (`entrepot.port.clear.declared`)

A piece is written and flushed before the act that names its hash is submitted, and is counted only
if the state names it. So the log decides: an act that was logged has its pieces, one that was not
leaves files that nothing counts and the next clearance sweeps away; nothing is counted twice, since
nothing is ever added to a file. When a year and its retention have passed, its key is overwritten
and deleted with its pieces: after that a token says nothing, to the node neither.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import msgspec

from entrepot.kernel import files
from entrepot.kernel.errors import InvalidInput, StorageError, VerificationError
from entrepot.law.sketches import Sketch, decode, encode
from entrepot.port.transform.durable import sync_folder

RETENTION_DAYS: Final = 31
"""Days that a year's key outlives the year: clocks differ, and late questions come."""
SECRET_BYTES: Final = 32
PIECE_BYTES_MAX: Final = 1 << 30
_SUFFIX: Final = ".piece"


class WindowKey(msgspec.Struct, frozen=True):
    """The secret of the windows that end in one year. Its repr shows only the id."""

    year: int
    id: str
    """First 16 hex digits of a hash of the secret: tells keys apart, opens nothing."""
    secret: bytes

    def __repr__(self) -> str:
        """Never show the secret."""
        return f"WindowKey({self.year}, {self.id})"


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    secret: str
    year: int
    made_on: date


class PieceFolder:
    """Pieces and keys of one node; nothing is made before it is needed."""

    def __init__(self, home: Path) -> None:
        """Use `counters` below a node's home."""
        self.root = home / "counters"

    def key(self, year: int, *, made_on: date) -> WindowKey:
        """Return the key of windows that end in `year`, made now if there is none."""
        known = self.key_if_any(year)
        if known is not None:
            return known
        made = _KeyFile(os.urandom(SECRET_BYTES).hex(), year, made_on)
        path = self._key_path(year)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.chmod(0o700)
            sync_folder(self.root)
            files.create_durable(path, msgspec.json.encode(made), mode=0o600)
        except OSError as error:
            raise files.storage_error(error, path) from error
        return _window_key(made)

    def key_if_any(self, year: int) -> WindowKey | None:
        """Return the key of a year, or None when none was made or it is destroyed.

        Raises `InvalidInput` when others can read it, `StorageError` when it is damaged.
        """
        path = self._key_path(year)
        try:
            if not path.exists():
                return None
            mode = path.stat().st_mode & 0o777
            if mode & 0o077:
                raise InvalidInput(
                    f"key of the counters can be read by others (mode {mode:04o})",
                    value=path,
                    remedy=f"chmod 600 {path}; if others may have read it, delete it: what was "
                    "counted under it then adds up without overlaps",
                )
            known = msgspec.json.decode(path.read_bytes(), type=_KeyFile)
            if len(bytes.fromhex(known.secret)) != SECRET_BYTES or known.year != year:
                raise ValueError("wrong size or year")
        except OSError as error:
            raise files.storage_error(error, path) from error
        except (msgspec.MsgspecError, ValueError):
            # The cause is not chained: its text may quote the secret.
            raise StorageError(
                "key of the counters is damaged",
                value=path,
                remedy="restore a backup; without it, delete the file: what was counted under it "
                "then adds up without overlaps",
            ) from None
        return _window_key(known)

    def destroy_ended(self, today: date) -> list[int]:
        """Destroy the keys and pieces of years that ended long enough ago; return the years.

        Overwriting is best effort: a journalling or flash file system may keep old blocks.
        """
        ended = []
        for path in sorted((self.root / "keys").glob("*.json")):
            if path.stem.isdigit() and today > _last_day(int(path.stem)):
                self._destroy(path)
                ended.append(int(path.stem))
        for folder in sorted(self.root.glob("[0-9]*")):
            if folder.name.isdigit() and today > _last_day(int(folder.name)):
                self._remove(folder.glob("*"))
                folder.rmdir()
        return ended

    def write(self, year: int, sketch: Sketch) -> str:
        """Write a piece durably and return the SHA-256 of its bytes, which is its name."""
        content = encode(sketch)
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._piece_path(year, sha256)
        try:
            files.make_directories(path.parent)
            files.create_durable(path, content, mode=0o600)
        except FileExistsError:
            self.read(year, sha256)  # the same piece, or a damaged one, which this says
        except OSError as error:
            raise files.storage_error(error, path) from error
        return sha256

    def read(self, year: int, sha256: str) -> Sketch | None:
        """Return a piece, or None when its file is gone.

        Raises `VerificationError` when the file is not what the log says, `StorageError`.
        """
        path = self._piece_path(year, sha256)
        try:
            if path.stat().st_size > PIECE_BYTES_MAX:
                raise VerificationError("a piece of a counter is larger than any", value=path)
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise files.storage_error(error, path) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise VerificationError(
                "a piece of a counter was changed after it was logged",
                value=path,
                remedy="restore it from a backup; or delete it: its persons then count as others",
            )
        return decode(content)

    def sweep(self, named: Iterable[str]) -> int:
        """Delete pieces that no record names, left by a crash or a refusal; return how many."""
        kept = {f"{sha256}{_SUFFIX}" for sha256 in named}
        strays = [path for path in self._files() if path.name not in kept]
        self._remove(strays)
        return len(strays)

    def size_bytes(self, year: int, sha256: str) -> int:
        """Return the size of a piece's file, 0 when it is gone."""
        path = self._piece_path(year, sha256)
        return path.stat().st_size if path.is_file() else 0

    def _files(self) -> Iterable[Path]:
        return self.root.glob("[0-9]*/*") if self.root.is_dir() else ()

    def _remove(self, paths: Iterable[Path]) -> None:
        for path in list(paths):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise files.storage_error(error, path) from error

    def _destroy(self, path: Path) -> None:
        try:
            with path.open("r+b") as handle:
                handle.write(os.urandom(path.stat().st_size))
                handle.flush()
                os.fsync(handle.fileno())
            path.unlink()
            sync_folder(path.parent)
        except OSError as error:
            raise files.storage_error(error, path) from error

    def _key_path(self, year: int) -> Path:
        return self.root / "keys" / f"{year:04d}.json"

    def _piece_path(self, year: int, sha256: str) -> Path:
        return self.root / f"{year:04d}" / f"{sha256}{_SUFFIX}"


def _last_day(year: int) -> date:
    return date(year, 12, 31) + timedelta(days=RETENTION_DAYS)


def _window_key(known: _KeyFile) -> WindowKey:
    secret = bytes.fromhex(known.secret)
    tag = hashlib.sha256(b"entrepot counter key v1\x00" + secret).hexdigest()[:16]
    return WindowKey(known.year, tag, secret)
