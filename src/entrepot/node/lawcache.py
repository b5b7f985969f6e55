"""The loaded library kept between two commands, in the user's cache folder.

A file of the cache is named after the SHA-256 of every law file, of the engine's own source and of
what reads it, so that anything changed is simply not found. It holds data only
(`entrepot.law.cells`) under a keyed hash, whose key lies beside it: a file that this user's
Entrepot did not write is not even decoded. Whatever is wrong with the cache, the answer comes from
the rulebooks. Commands that sign, verify or check never use it.
Why so: docs/design/010-library-cache.md.
"""

from __future__ import annotations

import gc
import hashlib
import hmac
import os
import secrets
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from entrepot import __version__, law
from entrepot.kernel.errors import InvalidInput, InvalidLaw
from entrepot.law.hashes import law_files
from entrepot.law.keeping import packed_library, unpacked_library
from entrepot.law.library import Library, laws_folder, read_library

SWITCH = "ENTREPOT_CACHE"
"""Environment variable; `off`, `no`, `false` or `0` does without the cache."""
KEPT_FILES_MAX = 4
"""Libraries kept: the packaged one, and a few folders or versions of it."""
KEPT_BYTES_MAX = 64_000_000
ABANDONED_SECONDS = 600
"""A half-written file of this age belongs to a process that is gone."""

_MAGIC = b"entrepot law 1\n\0"
_MAC_BYTES = 32
_KEY_FILE = "key"
_KEY_BYTES = 32
_PREFIX, _NEW = "law-", "new-"
_OFF = frozenset({"off", "no", "false", "0"})


def open_library(laws: Path | str | None = None) -> Library:
    """Return the library under `laws` (default: the packaged one), from the cache when it holds.

    The same as `Library.load` in everything else, its errors included.
    """
    library, faults = open_sound_part(laws)
    for fault in faults.values():
        raise fault
    return library


def open_sound_part(laws: Path | str | None = None) -> tuple[Library, dict[str, InvalidLaw]]:
    """Return what `read_library` does, from the cache when all of it is sound."""
    root = laws_folder(laws)
    folder = _folder()
    if folder is None:
        return read_library(laws)
    try:
        files = law_files(root)
        name = _name(files)
    except OSError:
        return read_library(laws)
    found = _kept(folder, name, root, files)
    if found is not None:
        return found, {}
    with _uncollected():
        library, faults = read_library(laws)
    if not faults:
        _keep(folder, name, library)
    return library, faults


def _folder() -> Path | None:
    """Return the cache folder of the user (XDG Base Directory Specification), None without one."""
    if os.environ.get(SWITCH, "").strip().lower() in _OFF:
        return None
    named = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # The specification says to ignore a path that is not absolute.
        outer = Path(named) if os.path.isabs(named) else Path.home() / ".cache"
    except RuntimeError:
        return None
    return outer / "entrepot"


def _name(files: Mapping[str, bytes]) -> str:
    """Return the name of the file that holds what these law files load to.

    Raises `OSError` when the engine's own source cannot be read.
    """
    digest = hashlib.sha256()
    engine = sorted(Path(law.__file__).parent.glob("*.py"))
    if not engine:
        raise FileNotFoundError(law.__file__)
    for text in (__version__, sys.version, msgspec.__version__):
        digest.update(hashlib.sha256(text.encode()).digest())
    for path in engine:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for name, content in sorted(files.items()):
        digest.update(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest())
        digest.update(hashlib.sha256(content).digest())
    return _PREFIX + digest.hexdigest()


# -- reading ---------------------------------------------------------------------------------------


def _kept(folder: Path, name: str, root: Path, files: Mapping[str, bytes]) -> Library | None:
    """Return the kept library, None when there is none that can be relied on."""
    try:
        with _opened(folder) as at:
            secret = _read(_KEY_FILE, at, _KEY_BYTES, hidden=True)
            content = memoryview(_read(name, at, KEPT_BYTES_MAX))
    except OSError:
        return None
    head = len(_MAGIC) + _MAC_BYTES
    mac, packed = content[len(_MAGIC) : head], content[head:]
    if content[: len(_MAGIC)] != _MAGIC or not hmac.compare_digest(mac, _mac(secret, name, packed)):
        return None
    try:
        with _uncollected():
            return unpacked_library(packed, root, files)
    except InvalidInput:
        return None


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Open the folder, so that nobody can put another in its place.

    Raises `OSError` without one, and for one that is not the user's alone to write.
    """
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _check_own(os.fstat(at), str(folder))
        yield at
    finally:
        os.close(at)


def _check_own(found: os.stat_result, name: str, *, hidden: bool = False) -> None:
    others = stat.S_IRWXG | stat.S_IRWXO if hidden else stat.S_IWGRP | stat.S_IWOTH
    if found.st_uid != os.geteuid() or found.st_mode & others:
        raise PermissionError(f"{name} is not this user's alone")


def _read(name: str, at: int, size_max_bytes: int, *, hidden: bool = False) -> bytes:
    """Read a whole file of the folder. Raises `OSError` also for one that is not ours or too
    large."""
    # Non-blocking, so that a pipe in place of the file cannot hold the command up.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    opened = os.open(name, flags, dir_fd=at)
    try:
        found = os.fstat(opened)
        _check_own(found, name, hidden=hidden)
        if not stat.S_ISREG(found.st_mode) or found.st_size > size_max_bytes:
            raise PermissionError(f"{name} is no file of the cache")
        with os.fdopen(opened, "rb", closefd=False) as stream:
            return stream.read(size_max_bytes)
    finally:
        os.close(opened)


def _mac(secret: bytes, name: str, packed: bytes | memoryview) -> bytes:
    """Return the keyed hash (RFC 7693) of a file's content under its name."""
    digest = hashlib.blake2b(key=secret, digest_size=_MAC_BYTES)
    digest.update(name.encode())
    digest.update(packed)
    return digest.digest()


@contextmanager
def _uncollected() -> Iterator[None]:
    """Spare the collector from walking over thousands of new values, none of them garbage."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


# -- writing ---------------------------------------------------------------------------------------


def _keep(folder: Path, name: str, library: Library) -> None:
    """Write the library for the next command; a cache that cannot be written is done without."""
    try:
        # What was loaded is what was hashed only if nobody changed a law in between.
        if _name(law_files(library.root)) != name:
            return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _opened(folder) as at:
            secret = _secret(at)
            packed = packed_library(library)
            content = _MAGIC + _mac(secret, name, packed) + packed
            if len(content) <= KEPT_BYTES_MAX:
                _replace(name, content, at)
                _prune(at, name)
    except (OSError, InvalidInput):
        return


def _secret(at: int) -> bytes:
    """Return the key of this cache, made when there is none that is the user's alone."""
    try:
        secret = _read(_KEY_FILE, at, _KEY_BYTES, hidden=True)
        if len(secret) == _KEY_BYTES:
            return secret
    except FileNotFoundError:
        pass
    except OSError:
        os.unlink(_KEY_FILE, dir_fd=at)
    else:
        os.unlink(_KEY_FILE, dir_fd=at)
    new = _written(secrets.token_bytes(_KEY_BYTES), at)
    try:
        # A link, unlike a renaming, leaves the key of a process that was faster.
        os.link(new, _KEY_FILE, src_dir_fd=at, dst_dir_fd=at)
    except FileExistsError:
        pass
    finally:
        os.unlink(new, dir_fd=at)
    return _read(_KEY_FILE, at, _KEY_BYTES, hidden=True)


def _written(content: bytes, at: int) -> str:
    """Write `content` to a new file of the folder; return its name."""
    name = f"{_NEW}{secrets.token_hex(16)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=at), "wb") as stream:
        try:
            stream.write(content)
            stream.flush()
        except OSError:
            os.unlink(name, dir_fd=at)
            raise
    return name


def _replace(name: str, content: bytes, at: int) -> None:
    """Put a whole file in place at once: who reads meanwhile sees the old one or the new."""
    new = _written(content, at)
    try:
        os.replace(new, name, src_dir_fd=at, dst_dir_fd=at)
    except OSError:
        os.unlink(new, dir_fd=at)
        raise


def _prune(at: int, name: str) -> None:
    """Remove all but the newest files, and what processes left that are gone."""
    ages: list[tuple[float, str]] = []
    with os.scandir(at) as entries:
        for entry in entries:
            age = time.time() - entry.stat(follow_symlinks=False).st_mtime
            if entry.name.startswith(_NEW) and age > ABANDONED_SECONDS:
                os.unlink(entry.name, dir_fd=at)
            if entry.name.startswith(_PREFIX) and entry.name != name:
                ages.append((age, entry.name))
    for _, old in sorted(ages)[KEPT_FILES_MAX - 1 :]:
        os.unlink(old, dir_fd=at)
