"""Evidence that cells are prose: words that join a sentence together, and sentences that end.

A preposition (`with`, `für`) joins the words of a label as well and needs one of those beside it.

Prose may hold a street, a firm or a disease in nearly every cell and is still prose: `12 Elm Road`
inside a report makes the column no column of addresses. The words looked for are verbs, pronouns
and prepositions that do not occur in addresses, names or titles (`was`, `with`, `bitte`, `pour`;
not `de`, `of`, `am`).
"""

from __future__ import annotations

import re

from entrepot.port.detect.lexicon import words
from entrepot.port.detect.profile import Profile
from entrepot.port.model import Category as C
from entrepot.port.model import Lane

_SENTENCE = re.compile(r"[.!?。！？…]\s*$|[.!?]['\")]?\s+[^\W\d_a-z]|[。！？].")
_WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?", re.UNICODE)
_SPOKEN_CJK = (
    re.compile(r"[请請了的已吗嗎呢把被将將您我]|需要|要求|可以|没有|因为|但是"),
    re.compile(r"です|ます|ました|ません|でした|ください|ので|から|を|した"),
    re.compile(r"니다|세요|어요|아요|해요|네요|했음|[을를] "),
)
_ENDING = re.compile(
    r"(?:니다|세요|어요|아요|해요|네요|です|ます|ました|ません|ください)[.。!！?？…]?\s*$"
)
_PARTICIPLE = re.compile(r"\b[a-z]{2,}ed (?:to|by|on|at|from)\b")
_PAUSE = re.compile(r"[，。、！？；,.!?]")


_CJK = re.compile(r"[\u3040-\u9fff\uac00-\ud7a3]")


def is_cjk(text: str) -> bool:
    """Whether `text` holds a Chinese, Japanese or Korean character."""
    return not text.isascii() and _CJK.search(text) is not None


def spoken_share(profile: Profile) -> float:
    """Return the share of distinct values that are joined together as sentences are, 0 to 1."""
    spoken, joints = words("prose-word"), words("prose-joint")
    hits = 0
    for folded, raw in zip(profile.folded, profile.values, strict=True):
        if is_cjk(raw):
            marks = max(len(set(p.findall(raw))) for p in _SPOKEN_CJK)
            hits += len(raw) >= 8 and (
                bool(_ENDING.search(raw)) or marks >= 2 or (marks == 1 and bool(_PAUSE.search(raw)))
            )
        else:
            parts = _WORDS.findall(folded)
            marks = sum(part in spoken for part in parts) + len(_PARTICIPLE.findall(folded))
            joined = marks + sum(part in joints for part in parts) >= 2
            hits += len(raw.split()) >= 5 and marks > 0 and (joined or _small(raw))
    return hits / len(profile.values) if profile.values else 0.0


def _small(raw: str) -> bool:
    """Whether most words begin with a small letter, as in a sentence and not as in a title."""
    parts = _WORDS.findall(raw)
    return len(parts) >= 4 and sum(part[0].islower() for part in parts) >= 0.5 * len(parts)


def prose_lanes(profile: Profile) -> list[Lane]:
    """Return the lanes for prose, and those against what a sentence may hold inside.

    A handful of sentences in hundreds of cells are the answers of a questionnaire, not free text.
    """
    cjk = sum(map(is_cjk, profile.values)) > 0.5 * len(profile.values)
    long = profile.mean_length >= 10 if cjk else profile.mean_words >= 5
    if not long or profile.distinct < 3 or profile.share("user-agent", "url", "wkt") > 0.3:
        return []
    ended = sum(bool(_SENTENCE.search(v)) for v in profile.values) / len(profile.values)
    spoken = spoken_share(profile)
    text = (
        f"{profile.mean_words:.0f} words per value, {spoken:.0%} worded as sentences, "
        f"{ended:.0%} with an end of sentence"
    )
    if spoken > 0.4:
        answers = profile.distinct <= 10 and profile.distinct_ratio < 0.05
        lanes = [] if answers else [Lane("text", C.FREE_TEXT, 5.5, text)]
        inside = (C.ADDRESS, C.LOCATION, C.ORGANISATION, C.OCCUPATION, C.PERSON_NAME)
        return lanes + [Lane("text", category, -7.5, text) for category in inside]
    if cjk and profile.mean_length < 14:
        return []
    weight = 5.5 if ended > 0.5 else 3.2 if profile.mean_words >= 10 else 0.0
    return [Lane("text", C.FREE_TEXT, weight, text)] if weight else []
