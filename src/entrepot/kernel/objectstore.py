"""An S3-compatible object store as a place for files, through `obstore` (native, no SDK).

Apart from `entrepot.kernel.objects` so that homes without an object store never load it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import obstore
from obstore import exceptions
from obstore.store import S3Store

from entrepot.kernel.errors import InvalidInput, StorageError

if TYPE_CHECKING:
    from obstore import Attributes, PutMode

PUTS_AT_ONCE: Final = 16
"""Requests under way side by side; they only wait for the network."""
RETRIES_MAX: Final = 3
RETRY_TIMEOUT: Final = timedelta(seconds=8)
CONNECT_TIMEOUT: Final = timedelta(seconds=5)
REQUEST_TIMEOUT: Final = timedelta(seconds=20)
"""One request, retries apart: a bundle of the largest entries has 16 MiB."""
_CONDITIONS: Final = (
    exceptions.PreconditionError,
    exceptions.AlreadyExistsError,
    exceptions.NotSupportedError,
    NotImplementedError,
)
"""Answers to a condition; `put_matching` gives them their meaning."""


class StoredObjects:
    """Objects of an S3-compatible store below a prefix, through `obstore`."""

    def __init__(self, url: str) -> None:
        """Bind `s3://bucket/prefix`. Nothing is asked of the store yet."""
        parts = urlsplit(url)
        if parts.username or parts.password or parts.query or not parts.hostname:
            raise InvalidInput(
                "place of an object store is not s3://bucket/prefix",
                value=f"{parts.scheme}://{parts.hostname or '?'}/…",
                remedy="put credentials and endpoint into AWS_* variables, not into the URL",
            )
        self.where = url.rstrip("/")
        self._prefix = parts.path.strip("/")
        self._store = _s3_store(parts.hostname, self._prefix)
        self._putters = ThreadPoolExecutor(PUTS_AT_ONCE, thread_name_prefix="entrepot-put")

    def put(self, name: str, content: bytes, *, attributes: Attributes | None = None) -> None:
        """Put one object; an S3 store has it safely when it answers."""
        self._put(name, content, "overwrite", attributes)

    def put_matching(
        self, name: str, content: bytes, tag: str | None, *, attributes: Attributes
    ) -> tuple[bool, str | None]:
        """Put where the object has the entity tag `tag` (None: where there is no such object).

        RFC 9110 If-Match and If-None-Match. Returns whether it was put, and its new tag. A store
        without conditional writes is put to all the same. Raises StorageError.
        """
        mode: PutMode = "create" if tag is None else {"e_tag": tag}
        try:
            return True, self._put(name, content, mode, attributes)
        except (exceptions.PreconditionError, exceptions.AlreadyExistsError):
            return False, None
        except (exceptions.NotSupportedError, NotImplementedError):
            return True, self._put(name, content, "overwrite", attributes)

    def _put(
        self, name: str, content: bytes, mode: PutMode, attributes: Attributes | None
    ) -> str | None:
        with self._faults(name):
            done = obstore.put(
                self._store, name, content, mode=mode, attributes=attributes, use_multipart=False
            )
        return done["e_tag"]

    def put_all(
        self, contents: Mapping[str, bytes], *, attributes: Attributes | None = None
    ) -> None:
        """Put many objects side by side; all are durable when this returns. StorageError else."""
        jobs = [
            self._putters.submit(self.put, name, content, attributes=attributes)
            for name, content in contents.items()
        ]
        faults = [fault for job in jobs if (fault := job.exception()) is not None]
        if faults:
            raise faults[0]

    def get(self, name: str) -> bytes | None:
        """Return the content of an object, or None."""
        return self.get_tagged(name)[0]

    def get_tagged(self, name: str) -> tuple[bytes | None, str | None]:
        """Return content and entity tag; both None when there is no such object."""
        with self._faults(name):
            try:
                found = obstore.get(self._store, name)
                return bytes(found.bytes()), found.meta["e_tag"]
            except FileNotFoundError:
                return None, None

    def delete(self, name: str) -> None:
        """Delete one object; S3 does not mind when it is gone."""
        self.delete_all([name])

    def delete_all(self, names: list[str]) -> None:
        """Delete many objects in requests of up to a thousand."""
        if names:
            with self._faults(names[0]):
                obstore.delete(self._store, names)

    def delete_later(self, names: list[str]) -> None:
        """Delete objects in the background; for those that do no harm when they stay."""
        if names:
            self._putters.submit(self.delete_all, names)

    def names(self, under: str | None = None) -> Iterator[str]:
        """Yield the names of all objects below the prefix."""
        with self._faults(under or "listing"):
            for page in obstore.list(self._store, under):
                for item in page:
                    yield item["path"]

    def close(self) -> None:
        """End the threads."""
        self._putters.shutdown()

    @contextmanager
    def _faults(self, name: str) -> Iterator[None]:
        """Turn every fault of the store into a StorageError without its text.

        Answers of a store quote access key ids and signed URLs; the kind of fault is enough.
        """
        try:
            yield
        except _CONDITIONS:
            raise
        except (exceptions.UnauthenticatedError, exceptions.PermissionDeniedError, PermissionError):
            raise StorageError(
                "the object store refuses this access",
                value=f"{self.where}/{name}",
                remedy="check the AWS_* variables and the rights of that key on the bucket",
            ) from None
        except (exceptions.BaseError, OSError) as error:
            raise StorageError(
                f"the object store does not do what was asked ({type(error).__name__})",
                value=f"{self.where}/{name}",
                remedy="check network, endpoint and bucket; nothing acknowledged is lost",
            ) from None


def _s3_store(bucket: str, prefix: str) -> S3Store:
    """Return the client: short retries, so that a dead store is known in seconds."""
    return S3Store(
        bucket,
        prefix=prefix or None,
        client_options={
            "timeout": REQUEST_TIMEOUT,
            "connect_timeout": CONNECT_TIMEOUT,
            # Options given here hide the variable of the same meaning, so it is read again.
            "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("true", "1"),
        },
        retry_config={"max_retries": RETRIES_MAX, "retry_timeout": RETRY_TIMEOUT},
    )
