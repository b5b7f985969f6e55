"""The logs this node cosigns: a file of `log <vkey> [<url>]` lines, read again when it changes.

The lines are those of C2SP tlog-policy; several lines with one origin are several keys of one log.
The name of a key is the origin of its log.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from entrepot.kernel import files
from entrepot.kernel.errors import Conflict, InvalidInput, NotFound
from entrepot.kernel.policy import KnownLog, Policy, format_policy, parse_policy
from entrepot.kernel.witness import WatchedLog
from entrepot.node.witnessing.replacing import replace_file

WATCHED_FILE: Final = "witness.logs"
"""Name of the file in a home, unless the settings name another."""
_END: Final = b"quorum none\n"


class WatchedLogs:
    """The file's content by origin; `find` reads it again when the file was replaced."""

    def __init__(self, path: Path) -> None:
        """Bind the path; a file that is absent is an empty list."""
        self.path = path
        self._stamp: tuple[int, int, int] | None = None
        self._logs: dict[str, WatchedLog] = {}

    def find(self, origin: str) -> WatchedLog | None:
        """Return the log with this origin, or None. Raises InvalidInput when the file is wrong."""
        return self.all().get(origin)

    def all(self) -> dict[str, WatchedLog]:
        """Return every watched log by its origin."""
        stamp = self._stat()
        if stamp != self._stamp:
            self._logs = by_origin(read_watched(self.path))
            self._stamp = stamp
        return self._logs

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise files.storage_error(error, self.path) from error
        return found.st_mtime_ns, found.st_size, found.st_ino


def by_origin(known: Iterable[KnownLog]) -> dict[str, WatchedLog]:
    """Return one watched log for each origin, with all its keys."""
    found: dict[str, WatchedLog] = {}
    for log in known:
        before = found.get(log.key.name)
        keys = (*before.keys, log.key) if before is not None else (log.key,)
        found[log.key.name] = WatchedLog(log.key.name, keys)
    return found


def read_watched(path: Path) -> tuple[KnownLog, ...]:
    """Return the lines of the file; none when it is absent. InvalidInput names the line."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise files.storage_error(error, path) from error
    policy = parse_policy(content + _END)
    if policy.witnesses or policy.groups:
        raise InvalidInput("the file of watched logs has only log lines", value=path)
    return policy.logs


def add_watched(path: Path, fresh: Iterable[KnownLog]) -> None:
    """Add logs to the file, replacing it whole. Raises Conflict for a key that is there."""
    known = read_watched(path)
    for log in fresh:
        if any(log.key.public == other.key.public for other in known):
            raise Conflict("this key is watched already", value=log.key.name)
        known = (*known, log)
    _write(path, known)


def remove_watched(path: Path, origin: str) -> None:
    """Remove a log from the file. Raises NotFound. What was cosigned stays remembered."""
    known = read_watched(path)
    kept = tuple(log for log in known if log.key.name != origin)
    if len(kept) == len(known):
        raise NotFound("this log is not watched", value=origin)
    _write(path, kept)


def _write(path: Path, known: tuple[KnownLog, ...]) -> None:
    content = format_policy(Policy(known, (), (), b"none")).removesuffix(_END)
    parse_policy(content + _END)  # what is written is read the same way
    replace_file(path, content)
