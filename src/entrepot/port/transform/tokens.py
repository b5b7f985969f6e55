"""Keyed tokens (pseudonymisation) and the keys they hang on.

A token is the first 128 bits of HMAC-SHA-256 (RFC 2104, FIPS 180-4) over the value, under a key
made for one recipient and one purpose, separated per domain, in lower-case base 32 without padding.
The same value gives the same token inside one delivery, so joins work; two recipients hold tokens
under different keys and cannot join theirs. The keys stay in the node's home, mode 0600, and are
destroyed when the clearance they serve expires; after that nobody, the exporter included, can link
a token to a value except by keeping the source. Tokens are pseudonyms, not anonymity (GDPR art
4(5)).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import unicodedata
from datetime import date
from pathlib import Path

import msgspec
import polars as pl

from entrepot.kernel import files
from entrepot.kernel.errors import InvalidInput, StorageError
from entrepot.port.transform.durable import sync_folder

TOKEN_BITS = 128
"""A birthday collision among a billion values has a chance of about 1 in 10^21."""


class TokenKey(msgspec.Struct, frozen=True):
    """A secret of 32 bytes for one recipient and purpose. Its repr shows only the id."""

    id: str
    """First 16 hex digits of the hash of recipient and purpose; names the file, not a secret."""
    secret: bytes

    def __repr__(self) -> str:
        """Never show the secret."""
        return f"TokenKey({self.id})"

    def tokens(self, values: pl.Series, domain: str) -> pl.Series:
        """Return the tokens of `values` (text), computed once per distinct value.

        Null and blank cells become null: an empty cell is nobody's identifier.
        """
        distinct = values.drop_nulls().unique()
        blank = distinct.str.strip_chars() == ""
        known = distinct.filter(~blank).to_list()
        key = hmac.digest(self.secret, b"entrepot token v1\x00" + domain.encode(), "sha256")
        made = [_token(key, value) for value in known]
        table = dict(zip(known, made, strict=True))
        return values.replace_strict(table, default=None, return_dtype=pl.String)


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    secret: str
    made_on: date
    expires_on: date


class TokenKeys:
    """The token keys of one node, in a directory of mode 0700."""

    def __init__(self, directory: Path) -> None:
        """Use `directory`; it is made when the first key is."""
        self._directory = directory

    def for_recipient(
        self, recipient: str, purpose: str, *, made_on: date, until: date
    ) -> TokenKey:
        """Return the key for this recipient and purpose, made now if there is none.

        An existing key keeps its secret, so that a second delivery to the same recipient joins
        with the first; its life is prolonged to `until` when that is later.
        """
        if until <= made_on:
            raise InvalidInput("a token key must live at least a day", value=until)
        key_id = _key_id(recipient, purpose)
        path = self._directory / f"{key_id}.json"
        known = self._read(path) if path.exists() else None
        if known is None:
            known = _KeyFile(os.urandom(32).hex(), made_on, until)
            self._write(path, known)
        elif known.expires_on < until:
            known = msgspec.structs.replace(known, expires_on=until)
            self._write(path, known)
        return TokenKey(key_id, bytes.fromhex(known.secret))

    def destroy_expired(self, today: date) -> list[str]:
        """Overwrite and delete the keys whose life ended before `today`; return their ids.

        Overwriting is best effort: a journalling or flash file system may keep old blocks.
        """
        destroyed = []
        for path in sorted(self._directory.glob("*.json")) if self._directory.is_dir() else []:
            if self._read(path).expires_on < today:
                self._destroy(path)
                destroyed.append(path.stem)
        return destroyed

    def _destroy(self, path: Path) -> None:
        try:
            with path.open("r+b") as handle:
                handle.write(os.urandom(path.stat().st_size))
                handle.flush()
                os.fsync(handle.fileno())
            path.unlink()
            sync_folder(self._directory)
        except OSError as error:
            raise files.storage_error(error, path) from error

    def _read(self, path: Path) -> _KeyFile:
        try:
            mode = path.stat().st_mode & 0o777
            if mode & 0o077:
                raise InvalidInput(
                    f"token key can be read by others (mode {mode:04o})",
                    value=path,
                    remedy=f"chmod 600 {path}; if others may have read it, delete it",
                )
            known = msgspec.json.decode(path.read_bytes(), type=_KeyFile)
            if len(bytes.fromhex(known.secret)) != 32:
                raise InvalidInput("token key is damaged", value=path, remedy="restore a backup")
        except OSError as error:
            raise files.storage_error(error, path) from error
        except (msgspec.MsgspecError, ValueError):
            # The cause is not chained: its text may quote the secret.
            raise StorageError(
                "token key is damaged", value=path, remedy="restore a backup, or delete it"
            ) from None
        return known

    def _write(self, path: Path, known: _KeyFile) -> None:
        temporary = path.with_suffix(".new")
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.unlink(missing_ok=True)
            files.create_durable(temporary, msgspec.json.encode(known), mode=0o600)
            temporary.rename(path)
            sync_folder(self._directory)
        except OSError as error:
            raise files.storage_error(error, path) from error


def ephemeral_key() -> TokenKey:
    """Return a key that exists only in this process: for measuring a plan before it is decided."""
    return TokenKey("ephemeral", os.urandom(32))


def _token(key: bytes, value: str) -> str:
    digest = hmac.digest(key, value.encode(), "sha256")
    return base64.b32encode(digest[: TOKEN_BITS // 8]).decode().rstrip("=").lower()


def _key_id(recipient: str, purpose: str) -> str:
    def plain(text: str) -> str:
        return " ".join(unicodedata.normalize("NFKC", text).casefold().split())

    if not plain(recipient):
        raise InvalidInput("a token key needs the name of the recipient")
    named = f"{plain(recipient)}\x00{plain(purpose)}"
    return hashlib.sha256(named.encode()).hexdigest()[:16]
