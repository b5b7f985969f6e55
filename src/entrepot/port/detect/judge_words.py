"""Evidence from dictionaries: names, places, companies, diseases and the other word lists.

A list speaks only with at least two distinct hits, unless the whole column is one word: `Safari`
repeated a million times is one hit.
"""

from __future__ import annotations

import re

from entrepot.port.detect.judge_prose import is_cjk, prose_lanes
from entrepot.port.detect.lexicon import characters, names, words
from entrepot.port.detect.profile import Profile
from entrepot.port.model import Category as C
from entrepot.port.model import Lane

_HAN = re.compile(r"^[\u3400-\u9fff々〆ヶ]+$")
_KANJI_NAME = re.compile(r"^[\u3400-\u9fff々ヶ]{1,4}[ \u3000]?[\u3040-\u30ff\u3400-\u9fff々]{1,5}$")
_KANA_NAME = re.compile(r"^[\u3040-\u30ffー]{2,7}[ \u3000][\u3040-\u30ffー]{2,7}$")
_HANGUL_NAME = re.compile(r"^[\uac00-\ud7a3]{2,4}$")
_WORDS = re.compile(r"[^\W\d_]+", re.UNICODE)
_NAME_SHAPE = re.compile(r"^[^\W\d_][^\d_@/\\:;#%&*+=<>{}\[\]|!?\"]{0,60}$")
_GENERIC = frozenset(
    "the and of for with service services group system center company product online home de la el"
    " und der die das für".split()
)


def _latin_score(value: str, raw: str) -> float:
    """Return how much a folded value looks like a person's name by the lists: 0, 0.5 or 1."""
    raw = raw.rstrip("0123456789") if len(raw) > 5 else raw
    if not _NAME_SHAPE.match(raw) or len(value) > 60:
        return 0.0
    parts = _WORDS.findall(value)
    while len(parts) > 2 and parts[0] in _RANKS:
        parts = parts[1:]
    if not 1 <= len(parts) <= 6 or _GENERIC.intersection(parts):
        return 0.0
    given, family, vague = names("given"), names("family"), names("ambiguous")
    parts = [p for p in parts if p not in _PARTICLES] or parts
    known = [p for p in parts if p in given or p in family or _inflected(p)]
    clear = [p for p in known if p not in vague]
    if len(parts) == 1:
        return 1.0 if clear else 0.0
    if clear and len(known) >= 2:
        return 1.0
    if clear and (parts[0] in given or parts[-1] in family or "," in raw):
        return 0.9
    return 0.5 if len(known) >= 2 and len(known) == len(parts) else 0.0


_NUMBERED = re.compile(
    r"[^\W\d_]{2,}(?:[-'][^\W\d_]+)*\d{1,4}(?: [^\W\d_]{2,}(?:[-'][^\W\d_]+)*\d{1,4})*"
)


def numbered_names(profile: Profile) -> float:
    """Return the share of values that are capitalised words, each with a number appended.

    Synthetic health records (Synthea) mark invented names so: `Lorena512 Quigley282`.
    """
    held = [v[:1].isupper() and bool(_NUMBERED.fullmatch(v)) for v in profile.values]
    mixed = [any(map(str.islower, v[1:3])) for v in profile.values]
    hits = sum(a and b for a, b in zip(held, mixed, strict=True))
    return hits / len(held) if held else 0.0


_RANKS = frozenset(
    "pc dc ps ds di dci sgt sergeant det detective insp inspector const constable cpl capt captain"
    " lt lieutenant col colonel maj major gen cllr councillor rev reverend fr sir dame lady lord"
    " hon ofc officer dr prof mr mrs ms miss mx herr frau mme mlle sr sra srta don dona ing".split()
)
_PARTICLES = frozenset(
    "van der den de von zu bin al el da das do dos del della di la le ten ter af".split()
)


def _inflected(part: str) -> bool:
    """Whether a part is a known Slavic family name in its other gender, or a patronymic."""
    family = names("family")
    if part.endswith(("ович", "евич", "овна", "евна", "ична", "ovich", "evich", "ovna", "evna")):
        return True
    if part.endswith(("ska", "cka", "dzka")):
        return part[:-1] + "i" in family
    return part.endswith(("а", "va", "na")) and part[:-1] in family


def _cjk_score(value: str) -> float:
    """Return how much a value looks like a Chinese, Japanese or Korean name."""
    bare = value.replace(" ", "").replace("\u3000", "").replace("·", "")
    if _HANGUL_NAME.match(bare):
        if bare[0] not in characters("korean-family") or not 2 <= len(bare) <= 4:
            return 0.0
        return 1.0 if bare[1:] in names("korean-given") else 0.45
    if _KANA_NAME.match(value):
        parts = re.split(r"[ \u3000]", value)
        return 1.0 if names("japanese-kana").intersection(parts) else 0.6
    if not _KANJI_NAME.match(value) and not _HAN.match(bare):
        return 0.0
    for length in (3, 2, 1):
        if bare[:length] in names("japanese-family") and len(bare) - length in (0, 1, 2, 3):
            rest = bare[length:]
            if rest in names("japanese-given"):
                return 1.0
            if length >= 2 and (rest or " " not in value):
                return 0.9
    if bare in names("japanese-given"):
        return 0.8
    if 2 <= len(bare) <= 4 and _HAN.match(bare):
        if bare[:2] in names("chinese-family-two") and len(bare) > 2:
            return 1.0
        if bare[0] in characters("chinese-family") and len(bare) <= 3:
            given = characters("chinese-given")
            return 1.0 if all(ch in given for ch in bare[1:]) else 0.4
    return 0.0


def name_share(profile: Profile) -> tuple[float, int]:
    """Return the mean name score over distinct values, and how many distinct values score."""
    scores = [
        _latin_score(folded, raw) if raw[:1].isascii() or not is_cjk(raw) else _cjk_score(raw)
        for folded, raw in zip(profile.folded, profile.values, strict=True)
    ]
    hits = sum(1 for s in scores if s > 0)
    return (sum(scores) / len(scores), hits) if scores else (0.0, 0)


def _steps(share: float, *steps: tuple[float, float]) -> float:
    return next((weight for floor, weight in steps if share >= floor), 0.0)


def name_lanes(profile: Profile) -> list[Lane]:
    """Return the lanes for and against names of persons."""
    share, hits = name_share(profile)
    if numbered_names(profile) > 0.8 and profile.mean_words > 1.8:
        text = "words with a number appended to each, as names in synthetic records"
        return [Lane("shape", C.PERSON_NAME, 4.5, text)]
    if (profile.letters_share < 0.3 and share < 0.3) or profile.boolean:
        return []
    text = f"{share:.0%} of {len(profile.values)} distinct values are known names of persons"
    if hits < 2:
        if len(profile.values) >= 30 and not any(map(is_cjk, profile.values[:20])):
            return [Lane("dictionary", C.PERSON_NAME, -1.5, text)]
        return []
    if hits < 4 and len(profile.values) > 8:
        share = min(share, 0.2)
    weight = _steps(
        share, (0.7, 7.0), (0.5, 5.5), (0.35, 4.0), (0.22, 2.5), (0.12, 1.0), (0.05, 0.0)
    )
    if len(profile.values) >= 30 and share < 0.05:
        weight = -1.0
    return [Lane("dictionary", C.PERSON_NAME, weight, text)] if weight else []


def company_lanes(profile: Profile) -> list[Lane]:
    """Return the lanes for names of organisations: legal forms and institution words."""
    if profile.letters_share < 0.2:
        return []
    latin, seen = _ending_share(profile)
    cjk, parts = profile.part_share("company-cjk")
    lengths = [len(v) for v in profile.values if is_cjk(v)]
    if lengths and sum(lengths) / len(lengths) < 4:
        cjk = 0.0
    share, distinct = (latin, seen) if latin >= cjk else (cjk, parts)
    if distinct < 2 and len(profile.values) > 2:
        return []
    weight = _steps(
        share, (0.6, 7.0), (0.4, 6.0), (0.25, 5.0), (0.15, 3.5), (0.08, 2.0), (0.04, 0.8)
    )
    if profile.mean_words > 9:
        weight = min(weight, 0.5)
    schooled = sum(bool(_SCHOOLING & set(profile.split(v))) for v in profile.folded)
    if schooled >= 2 and profile.distinct <= 15:
        weight = min(weight, 0.5)  # `some college` is a level of education
    if _KINDS & set(profile.reading.words) and not profile.reading.weight(C.ORGANISATION):
        weight = min(weight, 0.5)  # `energy services` under `sector` is no firm
    text = f"{share:.0%} of distinct values end in or hold the words of organisations"
    lanes = [Lane("dictionary", C.ORGANISATION, weight, text)] if weight else []
    if share >= 0.25:
        lanes.append(Lane("dictionary", C.PERSON_NAME, -4.0, text))
        lanes.append(Lane("dictionary", C.ADDRESS, -3.0, text))
    return lanes


_SCHOOLING = frozenset(
    "degree diploma some less more graduate graduated attended completed dropout education".split()
)
_KINDS = frozenset(
    "sector industry category class type kind group branche branch_of_trade kategorie typ art"
    " secteur categorie industria categoria tipo 行业 类别 類別 業種 업종".split()
)
_LEADING_FORMS = frozenset(
    "ооо оао зао пао ао ип нпо рао pt cv spolka fundacja stowarzyszenie ps".split()
)


def _ending_share(profile: Profile) -> tuple[float, int]:
    """Count values whose last words are a legal form, or that hold an institution word."""
    forms = words("company")
    long_words = frozenset(w for w in forms if len(w) >= 5)
    hits, seen = 0, set()
    for value in profile.folded:
        parts = profile.split(value.replace(".", ". ").replace(". ,", ".,"))
        spelled = profile.split(value)
        if len(spelled) < 2:
            continue
        found = {w for w in (*spelled[-2:], *parts[-1:]) if w in forms and w != spelled[0]}
        found |= {w for w in spelled if w in long_words}
        found |= {w for w in spelled[:1] if w in _LEADING_FORMS}
        hits += bool(found)
        seen |= found
    return (hits / len(profile.folded) if profile.folded else 0.0), len(seen)


def place_lanes(profile: Profile) -> list[Lane]:
    """Return the lanes for street addresses, cities, regions and countries."""
    lanes: list[Lane] = []
    if profile.letters_share + profile.digits_share < 0.3 or profile.boolean:
        return lanes
    street, seen = _street_share(profile)
    if seen >= 2 or (street > 0.9 and len(profile.values) < 3):
        weight = _steps(street, (0.6, 7.5), (0.4, 6.5), (0.25, 5.0), (0.12, 3.0), (0.06, 1.5))
        text = f"{street:.0%} of distinct values read as street addresses"
        lanes.append(Lane("dictionary", C.ADDRESS, weight, text))
    for group, strong in (("city", 5.0), ("region", 4.5)):
        share, distinct = profile.word_share(group)
        by_value = distinct / max(1, len(profile.values))
        if distinct >= 2 and max(share * 0.8, by_value) >= 0.2:
            weight = strong * min(1.0, 0.4 + max(share * 0.8, by_value))
            text = f"{distinct} distinct {group} names in {share:.0%} of cells"
            lanes.append(Lane("dictionary", C.ADDRESS, round(weight, 2), text))
            if share >= 0.3:
                lanes.append(Lane("dictionary", C.PERSON_NAME, -3.0, text))
    return _best_of(lanes)


def _best_of(lanes: list[Lane]) -> list[Lane]:
    best: dict[C, Lane] = {}
    for lane in lanes:
        held = best.get(lane.category)
        if held is None or abs(lane.weight) > abs(held.weight):
            best[lane.category] = lane
    return list(best.values())


def _street_share(profile: Profile) -> tuple[float, int]:
    tokens, cjk = words("street"), words("street-cjk")
    suffixes = tuple(words("street-suffix"))
    hits, seen = 0, set()
    for value, raw in zip(profile.folded, profile.values, strict=True):
        digit = any(ch.isdigit() for ch in raw)
        if is_cjk(raw):
            found = {w for w in cjk if w in raw}
            good = (len(found) >= 2 and len(raw) >= 6) or (len(found) >= 3)
        else:
            parts = profile.split(value)
            found = set(tokens.intersection(parts))
            found |= {p[-5:] for p in parts if len(p) > 5 and p.endswith(suffixes)}
            good = (
                bool(found) and len(parts) >= 2 and (digit or (len(parts) <= 5 and _spells(found)))
            )
        if good:
            hits += 1
            seen |= found
    return (hits / len(profile.folded) if profile.folded else 0.0), len(seen)


def _spells(found: set[str]) -> bool:
    """Whether a street word stands in full (not `st`, `dr`, `via`, `place` alone)."""
    clear = {"street", "avenue", "road", "boulevard", "lane", "strasse", "str.", "rue", "calle", "rua",  # noqa: E501
             "straat", "улица", "ul.", "ave", "blvd", "avenida"}  # fmt: skip
    return bool(found & clear)


_ATTRIBUTES: tuple[tuple[str, C, float, float], ...] = (
    ("marital", C.FAMILY_STATUS, 6.5, 0.6),
    ("religion", C.RELIGION, 6.5, 0.5),
    ("ethnicity", C.ETHNICITY, 6.0, 0.5),
    ("party", C.POLITICAL_OPINION, 5.0, 0.6),
    ("department", C.OCCUPATION, 4.0, 0.5),
    ("payer", C.HEALTH_FINANCE, 5.5, 0.4),
    ("card-brand", C.FINANCE_ACCOUNT, 5.0, 0.5),
)


def attribute_lanes(profile: Profile) -> list[Lane]:
    """Return the lanes for closed lists: gender, marital status, religion, ethnicity, party..."""
    lanes: list[Lane] = []
    if profile.numeric_share > 0.5 or (profile.boolean and not _gendered(profile)):
        return lanes
    if profile.distinct <= 400:
        for group, category, weight, floor in _ATTRIBUTES:
            share, distinct = profile.word_share(group)
            if distinct >= 2 and share >= floor:
                text = f"{distinct} distinct words of the list `{group}` in {share:.0%} of cells"
                lanes.append(Lane("dictionary", category, round(weight * share, 2), text))
        lanes += _gender(profile)
    return lanes + _occupation(profile) + _disease(profile)


def _gendered(profile: Profile) -> bool:
    return set(profile.folded) >= {"f", "m"} or "m" in profile.folded


def _gender(profile: Profile) -> list[Lane]:
    share, distinct = profile.word_share("gender")
    core, _ = profile.word_share("gender-core")
    if share < 0.85 or distinct < 2 or profile.distinct > 20 or core == 0.0:
        return []
    pair = set(profile.folded) & {"f", "m", "w", "v", "h", "k"}
    weight = 6.5 if core > 0.3 else 0.0
    if set(profile.folded) <= {"f", "m", "x", "d", "u", "w"} and len(pair) == 2:
        weight = 5.0
    text = f"{share:.0%} of cells are words for gender, {distinct} distinct"
    lanes = [Lane("dictionary", C.GENDER, weight, text)] if weight else []
    lanes.append(Lane("dictionary", C.PERSON_NAME, -3.0, text))
    return lanes


def _occupation(profile: Profile) -> list[Lane]:
    share, distinct = profile.token_share("occupation-token")
    cjk, cjk_distinct = profile.part_share("occupation-cjk")
    if cjk > share:
        share, distinct = cjk, cjk_distinct
    if distinct < 2 or profile.mean_words > 7 or share < 0.15:
        return []
    weight = _steps(share, (0.6, 6.0), (0.4, 5.0), (0.25, 3.5), (0.15, 1.5))
    text = f"{share:.0%} of distinct values hold a word for an occupation"
    return [
        Lane("dictionary", C.OCCUPATION, weight, text),
        Lane("dictionary", C.PERSON_NAME, -2.0, text),
    ]


def _disease(profile: Profile) -> list[Lane]:
    share, distinct = profile.token_share("disease-token")
    cjk, cjk_distinct = profile.part_share("disease-cjk")
    if cjk > share and profile.mean_length >= 2:
        share, distinct = cjk, cjk_distinct
    if distinct < 2 or share < 0.12:
        return []
    weight = _steps(share, (0.6, 6.5), (0.4, 5.5), (0.25, 4.0), (0.12, 2.0))
    if profile.mean_words > 8:
        weight *= 0.4
    text = f"{share:.0%} of distinct values name a disease, symptom or medicine"
    return [
        Lane("dictionary", C.HEALTH, round(weight, 2), text),
        Lane("dictionary", C.PERSON_NAME, -2.5, text),
    ]


def country_share(profile: Profile) -> float:
    """Return the share of cells that are a country, when at least two distinct ones occur."""
    share, distinct = profile.word_share("country")
    return share if distinct >= 2 or (share > 0.9 and profile.mean_length > 3) else 0.0


_LOGIN = re.compile(r"^[a-z][a-z0-9._-]{2,24}$")
_SECRET = re.compile(
    r"^(?=.*[A-Za-z])(?=.*[0-9])(?!.*@[\w-]+\.)"
    r"(?:(?=.*[!@#$%^&*()=?~])|(?=.*[a-z])(?=.*[A-Z])(?=.*[_+]))\S{6,40}$"
)
"""Letters, digits and a sign; where the sign is one that labels use (`R+12`), both cases too."""


def login_lanes(profile: Profile) -> list[Lane]:
    """Return the lanes for login names (a known name inside one word) and for clear passwords."""
    lanes: list[Lane] = []
    count = len(profile.values)
    if profile.distinct_ratio < 0.5 or count < 3:
        return lanes
    logins = sum(bool(_LOGIN.match(v)) and _holds_name(v) for v in profile.values) / count
    lower = sum(bool(_LOGIN.match(v)) for v in profile.values) / count
    if lower > 0.9 and logins > 0.3 and profile.digits_share > 0.1:
        text = f"{logins:.0%} of distinct values are one word that holds a name"
        lanes.append(Lane("dictionary", C.USERNAME, 5.0 if logins > 0.5 else 4.2, text))
    secrets = sum(bool(_SECRET.match(v)) and v[0] not in "/\\" for v in profile.values) / count
    if secrets > 0.8 and profile.share("email", "url", "password-hash") < 0.1:
        text = f"{secrets:.0%} of distinct values mix letters, digits and signs as passwords do"
        lanes.append(Lane("shape", C.CREDENTIAL, 5.5, text))
    return lanes


def _holds_name(value: str) -> bool:
    bare = value.strip("0123456789._-")
    known = names("given") | names("family")
    ends = range(4, min(len(bare), 11) + 1)
    return any(bare[:n] in known or bare[-n:] in known for n in ends)


def _closed_words(profile: Profile) -> list[Lane]:
    """Return the lanes against persons and places for colours and for states of an affair."""
    lanes: list[Lane] = []
    for group in ("colour", "status"):
        share, distinct = profile.word_share(group)
        if share > 0.6 and distinct >= 2 and profile.distinct <= 100:
            text = f"{distinct} distinct words of the list `{group}` in {share:.0%} of cells"
            lanes.append(Lane("dictionary", C.NONE, 2.0, text))
            against = (C.PERSON_NAME, C.ADDRESS, C.LOCATION, C.ORGANISATION)
            lanes += [Lane("dictionary", category, -6.0, text) for category in against]
    return lanes


def word_lanes(profile: Profile) -> list[Lane]:
    """Return the lanes of all dictionaries."""
    if not profile.values or profile.numeric_share > 0.8:
        return []
    lanes = [
        *name_lanes(profile),
        *company_lanes(profile),
        *place_lanes(profile),
        *attribute_lanes(profile),
    ]
    lanes += [*prose_lanes(profile), *login_lanes(profile)]
    taught, levels = profile.word_share("education")
    if levels >= 2 and taught > 0.5:
        lanes.append(
            Lane("dictionary", C.NONE, 4.0, f"{taught:.0%} of cells are levels of education")
        )
    lanes += _closed_words(profile)
    browser, seen = profile.word_share("browser")
    if seen >= 1 and browser > 0.5:
        text = f"{browser:.0%} of cells are browsers or systems"
        lanes.append(Lane("dictionary", C.NONE, 5.0, text))
        lanes.append(Lane("dictionary", C.PERSON_NAME, -6.0, text))
    return lanes
