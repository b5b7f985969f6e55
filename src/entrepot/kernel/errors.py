"""The tree of everything that can go wrong.

    Error
    ├── InvalidInput        what was given cannot be used (exit 2)
    │   ├── UnreadableData  a dataset is truncated, too large, not what it says (exit 3)
    │   └── InvalidLaw      a rulebook, vocabulary or case file is malformed (exit 4)
    ├── VerificationError   a signature, hash, proof or certificate does not hold (exit 5)
    ├── NotFound            what was named does not exist (exit 6)
    ├── Conflict            it exists already, or contradicts what exists (exit 7)
    └── StorageError        the disk or the database refused (exit 8)

A refusal by law is a value (`entrepot.kernel.decisions`), never an exception. Exit 1 is kept for
"ran to the end and the answer is no": a refused clearance, a failed case.
"""

from __future__ import annotations

import unicodedata
from typing import ClassVar


class Error(Exception):
    """Base of all errors that a user may see: what happened, which value, what to do.

    `what` is one sentence without a trailing period, `value` the offending value (shortened when
    shown; never a secret or a person's data), `remedy` what the reader can do now.
    """

    exit_code: ClassVar[int] = 2
    code: ClassVar[str] = "error"

    def __init__(self, what: str, *, value: object = None, remedy: str = "") -> None:
        """Keep the three parts apart so that every surface can lay them out its own way."""
        super().__init__(what)
        self.what = what
        self.value = value
        self.remedy = remedy

    def __str__(self) -> str:
        """Say what, which value and what to do, in one line each."""
        text = visible(self.what)
        if self.value is not None:
            text += f": {shorten(self.value)}"
        if self.remedy:
            text += f"\n  → {visible(self.remedy)}"
        return text

    def as_problem(self) -> dict[str, object]:
        """Return the error as an RFC 9457 problem object (the one JSON shape for errors)."""
        problem: dict[str, object] = {
            "type": f"urn:entrepot:error:{self.code}",
            "title": visible(self.what),
            "exit_code": self.exit_code,
        }
        if self.value is not None:
            problem["value"] = shorten(self.value)
        if self.remedy:
            problem["remedy"] = visible(self.remedy)
        return problem


class InvalidInput(Error):
    """What was given cannot be used: an unknown fact, a bad date, an unknown jurisdiction."""

    exit_code = 2
    code = "invalid-input"


class UnreadableData(InvalidInput):
    """A dataset cannot be read as what it is or says it is."""

    exit_code = 3
    code = "unreadable-data"


class InvalidLaw(InvalidInput):
    """A rulebook, vocabulary or case file is malformed; the message names file, line and reason."""

    exit_code = 4
    code = "invalid-law"

    def __init__(
        self, what: str, *, where: str = "", value: object = None, remedy: str = ""
    ) -> None:
        """Prefix the message with `where`, a `file:line` the reader can open."""
        super().__init__(f"{where}: {what}" if where else what, value=value, remedy=remedy)
        self.where = where


class VerificationError(Error):
    """A signature, hash, proof or certificate does not hold. The only outcome of a failed check."""

    exit_code = 5
    code = "verification"


class NotFound(Error):
    """What was named does not exist."""

    exit_code = 6
    code = "not-found"


class Conflict(Error):
    """It exists already, or it contradicts what exists."""

    exit_code = 7
    code = "conflict"


class StorageError(Error):
    """The disk or the database refused: full, read-only, locked, damaged."""

    exit_code = 8
    code = "storage"


_SHOWN_MAX = 120
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of characters that steer a screen instead of standing on it."""


def visible(text: str) -> str:
    """Return `text` with every character that could steer a screen shown as U+FFFD.

    Names of files, columns and parties come from strangers: escape sequences would rewrite a
    terminal, bidirectional controls turn words round, lone surrogates cannot be printed. Line ends
    and tabs stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in "\n\t" or unicodedata.category(character) not in _UNSEEN
        else "\ufffd"
        for character in text
    )


def shorten(value: object) -> str:
    """Return `value` as text of at most 120 characters: one bad cell cannot flood a screen."""
    text = visible(str(value))
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"
