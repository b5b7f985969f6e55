"""Text that will stand in a public log for good: normalised, bounded, and without persons.

A public act can never be erased, so what does not belong there must be refused before it is
recorded: `clean` raises InvalidInput, which leaves no trace, where a refusal would publish the very
text. Strings in the form of an e-mail address, an international or Chinese mobile telephone number
or a Chinese resident identity number are not accepted. Names of persons cannot be told from other
words; the guide asks providers to leave them out (docs/institutions/registry-products.md).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from entrepot.kernel.errors import InvalidInput

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_CONTACTS: Final = re.compile(
    r"(?P<email>[\w.+-]+@[\w-]+(\.[\w-]+)+)"
    r"|(?P<telephone>\+\d[\d ()./-]{7,20}\d|(?<!\w)(?<!\d\.)1[3-9]\d{9}(?!\w|\.\d))"
    r"|(?P<identity>(?<!\w)(?<!\d\.)\d{6}(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])"
    r"\d{3}[\dXx](?!\w|\.\d))"
)
SHA256: Final = re.compile(r"[0-9a-f]{64}")


def clean(text: str, where: str, *, chars_max: int, lines: bool = False) -> str:
    """Return `text` in NFC without blanks at its ends. `where` names the field in errors.

    Raises InvalidInput when it is empty, longer than `chars_max` characters, holds characters that
    do not show (line ends are allowed with `lines`), or looks like a person's contact.
    """
    normal = unicodedata.normalize("NFC", text).strip()
    if not normal:
        raise InvalidInput(f"{where} is empty")
    if len(normal) > chars_max:
        raise InvalidInput(
            f"{where} is longer than {chars_max:,} characters", value=f"{len(normal):,}"
        )
    for character in normal:
        unseen = unicodedata.category(character) in _UNSEEN
        if unseen and not (lines and character == "\n"):
            raise InvalidInput(
                f"{where} holds a character that does not show",
                value=f"U+{ord(character):04X}",
                remedy="write it without control or invisible characters",
            )
    contact = _CONTACTS.search(normal)
    if contact is not None:
        raise InvalidInput(
            f"{where} looks like it holds a person's {contact.lastgroup or 'number'}",
            remedy="this would be public for good: name an office or a web page instead",
        )
    return normal


def check_sha256(digest: str, where: str) -> str:
    """Return a hash after checking that it is SHA-256 in lower-case hexadecimal."""
    if not SHA256.fullmatch(digest):
        raise InvalidInput(f"{where} is not SHA-256 in lower-case hexadecimal", value=digest)
    return digest


def check_member(value: str, known: object, where: str) -> str:
    """Return `value` when the closed list `known` has it, else raise InvalidInput."""
    if not hasattr(known, "__contains__") or value not in known:
        raise InvalidInput(
            f"{where} is not one of the list",
            value=value,
            remedy="the lists stand in docs/institutions/registry-products.md",
        )
    return value
