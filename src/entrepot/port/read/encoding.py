"""Which character encoding a text file is in, judged from its bytes alone.

Order of evidence: a byte order mark; the NUL pattern of UTF-16 and UTF-32; strict UTF-8, which
other encodings meet by chance only for a few characters; then the legacy encodings, which are
decoded strictly and compared by the likelihood of the text they would give
(`entrepot.port.read.likelihood`). A few stray bytes in a sea of ASCII are weak evidence: there the
western reading is believed unless another explains them much better, and explains them well.
"""

from __future__ import annotations

import codecs

import msgspec

from entrepot.port.read.found import counted
from entrepot.port.read.likelihood import LEGACY_CODECS, cost_bits, high_cost_bits
from entrepot.port.read.western import UNDEFINED

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_JUDGED_BYTES = 64 * 1024
_SOUND_PER_DAMAGED = 10
_STRAY_SHARE_MAX = 0.01
"""Up to this share of bytes beyond ASCII a file is ASCII with strays in it."""
_STRAY_PRIOR_BITS = 13.0
"""What another reading of strays must gain over the western one: about one rare character."""
_EXPLAINED_BITS = {"cp1250": 8.0, "cp1251": 8.0}
_EXPLAINED_BITS_EAST = 9.5
"""Bits per byte beyond ASCII up to which a reading explains them. Measured on the first one to
three cells of the tests: central European 6.5, Cyrillic 5.3, East Asian 4.2 to 8.7; text of other
code pages read wrongly costs 9 to 13."""
UNDEFINED_WARNING = "bytes that windows-1252 leaves undefined are kept as control characters"
_WIDE_CODECS = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")


class Encoding(msgspec.Struct, frozen=True):
    """An encoding as shown (`name`) and as decoded (`codec`), and the length of its mark."""

    name: str
    codec: str
    mark_bytes: int = 0
    warning: str = ""
    """What a reader of the report should know about the choice; "" if nothing."""


UTF8 = Encoding("utf-8", "utf-8")


def detect_encoding(sample: bytes, *, complete: bool, at_start: bool = True) -> Encoding:
    """Return the encoding of the text that `sample` begins (or is, if `complete`).

    `at_start` says that the sample is the start of the file, where alone a mark can stand. There
    is always an answer: whether the bytes are text at all is for the format reader to say.
    """
    if at_start:
        for mark, codec in _MARKS:
            if sample.startswith(mark):
                return Encoding(f"{codec} with mark", codec, len(mark))
    if sample.isascii() and b"\0" not in sample:
        return _seven_bit(sample)
    if b"\0" in sample and (wide := _wide(sample)) is not None:
        return wide
    if _decodes(sample, "utf-8", complete=complete) or _is_damaged_utf8(sample):
        return UTF8
    return _legacy(sample, complete=complete)


def _seven_bit(sample: bytes) -> Encoding:
    """ASCII is UTF-8, unless it carries the escapes of ISO-2022-JP (RFC 1468)."""
    if (b"\x1b$B" in sample or b"\x1b$@" in sample) and b"\x1b(" in sample:
        return Encoding("iso-2022-jp", "iso2022_jp_2")
    return UTF8


def _wide(sample: bytes) -> Encoding | None:
    """Return the UTF-16 or UTF-32 form in which a sample with NULs is text; None if in none."""
    plausible: list[tuple[float, str]] = []
    for codec in _WIDE_CODECS:
        unit = 4 if "32" in codec else 2
        part = sample[: min(len(sample), _JUDGED_BYTES) // unit * unit]
        try:
            text = codecs.getincrementaldecoder(codec)("strict").decode(part, final=False)
        except UnicodeDecodeError:
            continue
        if text and "\0" not in text:
            plausible.append((_oddness(text), codec))
    if not plausible or min(plausible)[0] > 0.1:
        return None
    codec = min(plausible)[1]
    return Encoding(f"{codec} without mark", codec)


def _oddness(text: str) -> float:
    """Return the share of characters that text of any language hardly uses."""
    odd = sum(1 for char in text if not (char.isprintable() or char in "\t\n\r"))
    foreign = sum(1 for char in text if "\u0530" <= char < "\u2000" or "\ua000" <= char < "\uac00")
    ends = text.count("\n") + text.count("\r") + text.count(",") + text.count(" ") + text.count('"')
    return (odd + foreign) / len(text) + (0.0 if ends else 0.05)


def _decodes(sample: bytes, codec: str, *, complete: bool) -> bool:
    try:
        codecs.getincrementaldecoder(codec)("strict").decode(sample, final=complete)
    except UnicodeDecodeError:
        return False
    return True


def _is_damaged_utf8(sample: bytes) -> bool:
    """Say whether nearly all characters are UTF-8: then a few bytes are damaged, and the strict
    reader must say where, rather than another encoding make something of all of them."""
    text = sample.decode("utf-8", "replace")
    damaged = text.count("\ufffd")
    sound = sum(1 for char in text if char >= "\x80") - damaged
    return sound >= _SOUND_PER_DAMAGED * damaged


def _legacy(sample: bytes, *, complete: bool) -> Encoding:
    """Return the legacy encoding under which the lines with high bytes are likeliest."""
    judged = _high_lines(sample)
    strays = sum(1 for byte in sample if byte >= 0x80)
    prior = _STRAY_PRIOR_BITS if strays <= _STRAY_SHARE_MAX * len(sample) else 0.0
    _, name, codec = min(
        (cost_bits(judged, codec) + (0.0 if codec == "cp1252" else prior), name, codec)
        for name, codec in LEGACY_CODECS
    )
    if codec == "cp1252":
        return _western(sample, complete=complete)
    if prior and high_cost_bits(judged, codec) > _EXPLAINED_BITS.get(codec, _EXPLAINED_BITS_EAST):
        found = _western(sample, complete=complete)
        warning = (
            f"{counted(strays, 'byte')} beyond ASCII at its start fit no encoding known here; read"
            f" as {found.name}, so some characters are wrong"
        )
        return msgspec.structs.replace(found, warning=warning)
    return Encoding(name, codec)


def _western(sample: bytes, *, complete: bool) -> Encoding:
    """Return Latin-1 or Windows-1252, which differ in 0x80 to 0x9F alone.

    Without such a byte in the whole text it is Latin-1; a text that goes on may still hold one, and
    Windows-1252 reads all the others alike. Where most of them are undefined in Windows-1252, they
    are no punctuation, and Latin-1 keeps each byte as the character of its number.
    """
    special = sum(sample.count(byte) for byte in range(0x80, 0xA0))
    undefined = sum(sample.count(byte) for byte in UNDEFINED)
    if not special:
        return Encoding("latin-1", "latin-1") if complete else Encoding("windows-1252", "cp1252")
    if not undefined:
        return Encoding("windows-1252", "cp1252")
    if 2 * undefined > special:
        return Encoding("latin-1", "latin-1", warning=f"{UNDEFINED_WARNING}; read as latin-1")
    return Encoding("windows-1252", "cp1252", warning=UNDEFINED_WARNING)


def _high_lines(sample: bytes) -> bytes:
    """Return the lines that hold bytes above 0x7F, up to a length that can be judged quickly."""
    taken: list[bytes] = []
    size = 0
    for line in sample.split(b"\n"):
        if not line.isascii():
            taken.append(line)
            size += len(line) + 1
            if size > _JUDGED_BYTES:
                break
    return b"\n".join(taken)[: 2 * _JUDGED_BYTES]
