"""Log lines: one JSON object each, of named fields only.

What is not named in `FIELDS` is not written, so a handler cannot put a person's data into a line by
passing it along. Of an exception its kind and the places it passed are written; its text may quote
the data and is not (ENTREPOT_DEBUG=1 prints it, on one's own machine).
"""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Final, TextIO

import msgspec

from entrepot.kernel.errors import Error, InvalidInput, visible
from entrepot.node.settings import Logs

FIELDS: Final = (
    *("request_id", "method", "route", "status", "ms", "trace_id"),
    *("acts", "batch", "kind", "outcome", "index", "tree_size", "role"),
    *("receiver", "attempts", "next_try_s", "duty", "code", "seconds", "count", "url", "path"),
)
"""Fields that a line may have beside time, level, logger and message."""
FRAMES_MAX: Final = 8
LEVELS: Final = ("debug", "info", "warning", "error")


class JsonLines(logging.Formatter):
    """A line is a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of one record."""
        line: dict[str, object] = {
            "at": _rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": visible(record.getMessage()),
        }
        for name in FIELDS:
            if name in record.__dict__:
                line[name] = record.__dict__[name]
        if record.exc_info and record.exc_info[1] is not None:
            line.update(_defect(record.exc_info[1]))
        return msgspec.json.encode(line).decode()


class TextLines(JsonLines):
    """The same fields for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of one record."""
        fields = msgspec.json.decode(super().format(record))
        head = [fields.pop(name) for name in ("at", "level", "logger", "message")]
        rest = " ".join(f"{name}={value}" for name, value in fields.items())
        return f"{' '.join(head)} {rest}".rstrip()


def _defect(error: BaseException) -> dict[str, object]:
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    found: dict[str, object] = {
        "error": type(error).__name__,
        "frames": [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, Error):
        found["what"] = visible(error.what)  # our own sentence; its value may be anybody's
    if os.environ.get("ENTREPOT_DEBUG"):
        found["text"] = str(error)
    return found


def _rfc3339(posix_s: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(posix_s))
    return f"{whole}.{int(posix_s % 1 * 1000):03d}Z"


def begin_logging(settings: Logs, stream: TextIO | None = None) -> None:
    """Write the lines of our own loggers and of those below them to `stream` (standard error).

    Foreign libraries are heard from `warning` on. Raises InvalidInput for an unknown level or form.
    """
    if settings.level not in LEVELS or settings.form not in ("json", "text"):
        raise InvalidInput(
            "unknown level or form of logs",
            value=f"{settings.level}, {settings.form}",
            remedy=f"level {', '.join(LEVELS)}; form json, text",
        )
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonLines() if settings.form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("entrepot").setLevel(settings.level.upper())
