"""Windows-1252 with its five undefined bytes filled, as the WHATWG Encoding Standard has it.

0x81, 0x8D, 0x8F, 0x90 and 0x9D are read as the control characters of the same number, and written
back as the same bytes. Files that passed through several programs hold such bytes here and there;
a decoder that stops at them refuses a table for one blemish, and one that drops them changes it.
"""

from __future__ import annotations

import codecs

UNDEFINED = b"\x81\x8d\x8f\x90\x9d"
"""The bytes for which windows-1252 has no character."""

_TABLE = "".join(
    chr(byte) if byte in UNDEFINED else bytes([byte]).decode("cp1252") for byte in range(256)
)
_BYTES = {ord(char): byte for byte, char in enumerate(_TABLE)}


class WesternDecoder(codecs.IncrementalDecoder):
    """Decode filled windows-1252. Every byte has a character, so nothing is refused."""

    def decode(self, content: bytes, final: bool = False) -> str:  # type: ignore[override]
        """Return the text of `content`; `final` makes no difference."""
        return codecs.charmap_decode(content, "strict", _TABLE)[0]


def encode_western(text: str) -> bytes:
    """Return the bytes of `text`. Raises `UnicodeEncodeError` for a character it lacks."""
    return codecs.charmap_encode(text, "strict", _BYTES)[0]
