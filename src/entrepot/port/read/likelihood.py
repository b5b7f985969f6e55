"""How likely a stretch of bytes is as text of each legacy encoding, in bits (lower is likelier).

A coarse model of one character: a writing system's common characters share most of the
probability, its first and second standard levels the rest, everything else next to nothing. ASCII
costs the same everywhere, so that an encoding gains nothing by swallowing letters as trail bytes.
The cost of a sample is a code length, hence comparable between encodings that cut the same bytes
into different numbers of characters. The idea of judging by character distribution is that of
Li and Momoi, "A composite approach to language/encoding detection" (2001); the model is our own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import lru_cache

from entrepot.port.read.frequency import (
    HANGUL,
    KANJI,
    LATIN_CENTRAL,
    LATIN_WEST,
    PUNCTUATION_WEST,
    SIMPLIFIED,
    TRADITIONAL,
)

LEGACY_CODECS = (
    ("gb18030", "gb18030"),
    ("big5", "cp950"),
    ("shift_jis", "cp932"),
    ("euc-jp", "euc_jp"),
    ("euc-kr", "cp949"),
    ("windows-1252", "cp1252"),
    ("windows-1250", "cp1250"),
    ("windows-1251", "cp1251"),
)
"""The encodings compared: the name shown and the codec that decodes it."""

_ASCII_BITS = 4.5
_DAMAGE_BITS = 60.0
"""One undecodable byte: dear enough to lose against any real reading, cheap enough that one
damaged byte does not hand a Chinese file to Latin-1, which can decode anything."""
_UNDEFINED_BITS = 16.0
"""A byte without a character in windows-1252: it is read all the same (see `western`)."""
_FOUR_BYTE_BITS = 14.0
"""A character of four bytes in GB 18030 is rare, but so is its pattern of bytes in other text."""
_RARE_BITS = 26.0
_PUNCTUATION_EAST = frozenset(
    "，。、：；！？（）「」『』【】《》“”‘’…—・ー～　〇々０１２３４５６７８９－·"
)
_ACCENT_RUN_BITS = 10.0
_MARKED_BITS = 8.0
_MIXED_WORD_BITS = 8.0
_HALF_KANA_START_BITS = 8.0
_LONE_IDEOGRAPH_BITS = 8.0
_ACCENT_RUN = re.compile(r"[^\x00-\x7f\W\d_]{2,}")
_AFTER_LETTER_UPPER = re.compile(r"(?<=[a-z])[À-ÞĄĆĘŁŃŚŹŻŠŽŒ]")
_LONE_IDEOGRAPH = re.compile(r"(?<=[A-Za-z])[⺀-\ud7ff豈-\ufaff](?=[A-Za-z])")
_MIXED_WORD = re.compile(r"(?<=[A-Za-z])[Ѐ-ӿ]|[Ѐ-ӿ](?=[A-Za-z])")
_MARK_IN_WORD = re.compile(r"(?<=[A-Za-z])[^\w\s\x00-\x7f’´·](?=[A-Za-z])")
_HALF_KANA_RUN = re.compile(r"[ｦ-ﾟ]+")


def cost_bits(sample: bytes, codec: str) -> float:
    """Return the code length in bits of `sample` read as `codec`, damage included."""
    text = sample.decode(codec, "replace")
    counts = Counter(text)
    high = {char: count for char, count in counts.items() if char >= "\x80"}
    ascii_count = len(text) - sum(high.values())
    char_bits = _MODELS[codec]
    bits = ascii_count * _ASCII_BITS
    bits += sum(count * char_bits(char) for char, count in high.items())
    return bits + _context_bits(text, codec)


def high_cost_bits(sample: bytes, codec: str) -> float:
    """Return the bits that `codec` needs per byte of `sample` beyond ASCII; 0 if there is none.

    In GB 18030 digits are parts of characters of four bytes, and are counted with them: Latin text
    hardly ever has the pattern by chance, so that one such character is good evidence.
    """
    ascii_count = sum(1 for char in sample.decode(codec, "replace") if char < "\x80")
    high = sum(1 for byte in sample if byte >= 0x80)
    if codec == "gb18030":
        high = len(sample) - ascii_count
    return (cost_bits(sample, codec) - ascii_count * _ASCII_BITS) / high if high else 0.0


def _context_bits(text: str, codec: str) -> float:
    """Charge what single characters cannot show: runs of accents, ideographs inside words."""
    bits = _MARKED_BITS * len(_MARK_IN_WORD.findall(text))
    if codec in ("cp1252", "cp1250"):
        bits += sum(
            (len(run) - 1) * _ACCENT_RUN_BITS for run in _ACCENT_RUN.findall(text)
        ) + _ACCENT_RUN_BITS * len(_AFTER_LETTER_UPPER.findall(text))
    elif codec == "cp1251":
        bits += _MIXED_WORD_BITS * len(_MIXED_WORD.findall(text))
    else:
        bits += _LONE_IDEOGRAPH_BITS * len(_LONE_IDEOGRAPH.findall(text))
    if codec == "cp932":
        bits += _HALF_KANA_START_BITS * len(_HALF_KANA_RUN.findall(text))
    return bits


def _level(char: str, codec: str) -> int:
    """Return the lead byte of `char` in a double-byte codec, or 0 if the codec lacks it."""
    try:
        encoded = char.encode(codec)
    except UnicodeEncodeError:
        return 0
    return encoded[0] if len(encoded) == 2 else 0


@lru_cache(maxsize=30_000)
def _simplified_bits(char: str) -> float:
    if char in SIMPLIFIED:
        return 9.5
    if char in _PUNCTUATION_EAST:
        return 11.0
    lead = _level(char, "gb2312")
    if 0xB0 <= lead <= 0xD7:
        return 13.9
    if 0xD8 <= lead <= 0xF7:
        return 17.5
    if len(char.encode("gb18030", "replace")) == 4:
        return _FOUR_BYTE_BITS
    return 22.0 if "一" <= char <= "\u9fff" else _RARE_BITS


@lru_cache(maxsize=30_000)
def _traditional_bits(char: str) -> float:
    if char in TRADITIONAL:
        return 9.5
    if char in _PUNCTUATION_EAST:
        return 11.0
    lead = _level(char, "big5")
    if 0xA4 <= lead <= 0xC6 and "一" <= char <= "\u9fff":
        return 14.4
    return 19.5 if 0xC9 <= lead <= 0xF9 else _RARE_BITS


@lru_cache(maxsize=30_000)
def _japanese_bits(char: str) -> float:
    if "ぁ" <= char <= "ん" or "ァ" <= char <= "ー":
        return 8.0
    if "ｦ" <= char <= "ﾟ":
        return 6.0
    if char in KANJI:
        return 9.8
    if char in _PUNCTUATION_EAST:
        return 11.0
    lead = _level(char, "cp932")
    if 0x88 <= lead <= 0x97:
        return 13.9
    return 18.5 if 0x98 <= lead <= 0xEA else _RARE_BITS


@lru_cache(maxsize=30_000)
def _korean_bits(char: str) -> float:
    if char in HANGUL:
        return 8.5
    if "가" <= char <= "힣":
        return 13.5 if _level(char, "euc_kr") else 22.0
    if char in _PUNCTUATION_EAST:
        return 13.0
    return 20.0 if "一" <= char <= "\u9fff" else _RARE_BITS


def _western_bits(char: str) -> float:
    if char == "\ufffd":
        return _UNDEFINED_BITS
    if char in LATIN_WEST:
        return 6.0
    if char in PUNCTUATION_WEST:
        return 8.5
    return 13.0 if char.isalpha() else 16.0


def _central_bits(char: str) -> float:
    if char in LATIN_CENTRAL:
        return 6.5
    if char in PUNCTUATION_WEST:
        return 9.0
    return 14.0 if char.isalpha() else 17.0


def _cyrillic_bits(char: str) -> float:
    if "а" <= char <= "я" or char == "ё":
        return 4.8
    if "А" <= char <= "Я":
        return 7.5
    return 9.5 if char in PUNCTUATION_WEST or char == "№" else 15.0


def _with_damage(model: Callable[[str], float]) -> Callable[[str], float]:
    """Return `model` with the price of a replacement or control character put in front."""

    def bits(char: str) -> float:
        if char == "\ufffd" or "\x80" <= char < "\xa0" or "\ue000" <= char < "\uf8ff":
            return _DAMAGE_BITS
        return model(char)

    return bits


_MODELS = {
    "gb18030": _with_damage(_simplified_bits),
    "cp950": _with_damage(_traditional_bits),
    "cp932": _with_damage(_japanese_bits),
    "euc_jp": _with_damage(_japanese_bits),
    "cp949": _with_damage(_korean_bits),
    "cp1252": _western_bits,
    "cp1250": _with_damage(_central_bits),
    "cp1251": _with_damage(_cyrillic_bits),
}
