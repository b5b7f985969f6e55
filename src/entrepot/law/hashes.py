"""Whether a folder of laws is the one that was recorded: SHA-256 of every file, compared by name.

`entrepot law list --json` prints what `law check --hashes` reads back. What `verify --json` says of
a certificate (`law`, id → hash) is read as well; it names only what was relied on, so nothing else
is compared then.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TypeGuard

import msgspec

from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.law.library import Library
from entrepot.law.yamlsource import SOURCE_BYTES_MAX

_PATTERNS = ("jurisdictions.yaml", "facts/*.yaml", "profiles/*.yaml", "*/*.md")
"""Everything that answers rest on; case files are not law."""
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class RecordedHashes(msgspec.Struct, frozen=True):
    """Hashes as recorded: of every file of a folder, or of ids relied on."""

    files: dict[str, str] = {}
    ids: dict[str, str] = {}


def law_files(root: Path) -> dict[str, bytes]:
    """Return path under `root` → content of every file that law rests on, in order of path.

    Of a file larger than any law may be only the beginning. Raises `OSError` for one that cannot be
    read.
    """
    paths = {path for pattern in _PATTERNS for path in root.glob(pattern) if path.is_file()}
    return {path.relative_to(root).as_posix(): _content(path) for path in sorted(paths)}


def _content(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(SOURCE_BYTES_MAX + 1)


def file_hashes(root: Path) -> dict[str, str]:
    """Return path under `root` → SHA-256 in hexadecimal of every file that law rests on."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in law_files(root).items()}


def read_hashes(path: Path) -> RecordedHashes:
    """Read recorded hashes from JSON: `law list --json`, or a mapping of ids to hashes.

    Raises `NotFound` without the file and `InvalidInput` when it holds no hashes.
    """
    if not path.is_file():
        raise NotFound("no such file of recorded hashes", value=path)
    try:
        with path.open("rb") as stream:
            read = msgspec.json.decode(stream.read(SOURCE_BYTES_MAX))
    except msgspec.DecodeError as error:
        raise InvalidInput(f"recorded hashes are not JSON: {error}", value=path) from None
    recorded = _recorded(read)
    if recorded is None:
        raise InvalidInput(
            "no recorded hashes in this file",
            value=path,
            remedy="write one with `entrepot law list --json > FILE`",
        )
    return recorded


def _recorded(read: object) -> RecordedHashes | None:
    if not isinstance(read, dict):
        return None
    if _are_hashes(files := read.get("files")):
        return RecordedHashes(files=files)
    certificate = read.get("certificate", read)
    law = certificate.get("law", read) if isinstance(certificate, dict) else read
    return RecordedHashes(ids=law) if _are_hashes(law) else None


def _are_hashes(value: object) -> TypeGuard[dict[str, str]]:
    return isinstance(value, dict) and bool(value) and all(map(_is_hash, value.values()))


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and _SHA256.match(value) is not None


def differences(library: Library, recorded: RecordedHashes) -> list[str]:
    """Return a phrase for every file or id that is not as recorded: changed, gone or new."""
    names = {book.id: f"{book.file} ({book.id})" for book in library.rulebooks}
    now = file_hashes(library.root) if recorded.files else library.hashes()
    before = recorded.files or recorded.ids
    found = []
    for name, digest in sorted(before.items()):
        if name not in now:
            found.append(f"{name} is gone or does not load")
        elif now[name] != digest:
            found.append(f"{names.get(name, name)} has changed")
    if recorded.files:
        found += [f"{name} is new" for name in sorted(now.keys() - before.keys())]
    return found
