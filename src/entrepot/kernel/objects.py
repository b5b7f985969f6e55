"""Places for files that are written once and found by name: a folder, or an S3-compatible store.

What both promise: `put` is durable when it returns, `get` gives the whole content or None, and
every fault leaves as a StorageError that names place and object, never a credential. Access to an
object store comes from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION,
AWS_ENDPOINT_URL, AWS_ALLOW_HTTP) or from the machine's own role, never from the URL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from entrepot.kernel import files
from entrepot.kernel.errors import InvalidInput

_SCHEMES: Final = frozenset({"s3", "s3a"})


class Objects(Protocol):
    """A place that keeps named contents. `where` names it in messages and settings."""

    where: str

    def put(self, name: str, content: bytes) -> None:
        """Keep `content` under `name`; durable when this returns. Raises StorageError."""

    def put_all(self, contents: Mapping[str, bytes]) -> None:
        """Keep many contents as `put` does, side by side where that helps."""

    def get(self, name: str) -> bytes | None:
        """Return the content, or None when there is none of this name. Raises StorageError."""

    def delete(self, name: str) -> None:
        """Remove the object; not an error when it is gone already. Raises StorageError."""

    def names(self) -> Iterator[str]:
        """Yield the names of all objects, in no order. Raises StorageError."""

    def close(self) -> None:
        """End threads and connections."""


def is_object_url(place: str) -> bool:
    """Say whether a setting names an object store rather than a folder."""
    return urlsplit(place).scheme in _SCHEMES


def open_objects(place: str, home: Path) -> Objects:
    """Open the place a setting names: `s3://bucket/prefix`, or a folder (below `home`).

    Raises InvalidInput for another scheme or a URL with credentials in it.
    """
    if is_object_url(place):
        from entrepot.kernel.objectstore import StoredObjects  # native code, only where used

        return StoredObjects(place)
    if "://" in place:
        raise InvalidInput(
            "a place for files is a folder or an S3-compatible store",
            value=place.partition("://")[0] + "://…",
            remedy="write a path, or s3://bucket/prefix",
        )
    return FolderObjects(home / place)


class FolderObjects:
    """Objects as files of a folder, two levels deep by the first letters of their names."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made by the first `put`."""
        self._folder = folder
        self.where = str(folder)

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name

    def put(self, name: str, content: bytes) -> None:
        """Create the file and flush it and its name. Raises StorageError."""
        path = self._path(name)
        try:
            files.make_directories(path.parent)
            files.create_durable(path, content, mode=0o600)
        except OSError as error:
            raise files.storage_error(error, path) from error

    def put_all(self, contents: Mapping[str, bytes]) -> None:
        """Create the files one after another."""
        for name, content in contents.items():
            self.put(name, content)

    def get(self, name: str) -> bytes | None:
        """Return the content of the file, or None."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise files.storage_error(error, self._path(name)) from error

    def delete(self, name: str) -> None:
        """Remove the file and flush the folder."""
        path = self._path(name)
        try:
            files.remove_durable(path)
        except OSError as error:
            raise files.storage_error(error, path) from error

    def names(self) -> Iterator[str]:
        """Yield the names of the files; what a crash left half-written is none."""
        for path in self._folder.glob("??/*"):
            if not path.name.startswith("."):
                yield path.name

    def close(self) -> None:
        """Nothing is held open."""
