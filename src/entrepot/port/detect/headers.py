"""Read a column's header: which categories it names, whose column it is, and in what role.

Headers are split into tokens (camelCase, snake, kebab, digits, script changes; Chinese, Japanese
and Korean runs by longest known word) and matched whole against the dictionary. A word never
matches inside another word: `public` does not hold `lic`, `carpet` holds no `pet`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

from entrepot.port.detect.lexicon import fold, german, lines
from entrepot.port.model import Category

C = Category
_STRENGTH = {"!": 4.5, "": 3.5, "?": 1.5}
_PHRASE_MAX = 6
_SPLIT_SUFFIXES = frozenset(
    {"id", "nr", "no", "num", "tel", "dob", "zip", "url", "key", "ssn", "ip"}
)
_CJK = "\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7a3\u3005々ー"
_TOKEN = re.compile(rf"[{_CJK}]+|[0-9]+|[^\W\d_{_CJK}]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_HEAD_ORDER = (
    C.DATE_OF_DEATH, C.DATE_OF_BIRTH, C.DATE, C.CREDENTIAL, C.EMAIL, C.IP, C.DEVICE_ID, C.ORG_PHONE,
    C.PHONE, C.URL, C.NATIONAL_ID, C.FINANCE_ACCOUNT, C.RECORD_ID_ORG, C.RECORD_ID, C.ORG_ADDRESS,
    C.HEALTH_FINANCE, C.INCOME, C.USERNAME, C.LOCATION, C.ADDRESS, C.FAMILY_STATUS, C.AGE, C.GENDER,
    C.HEALTH, C.GENETIC, C.BIOMETRIC, C.RELIGION, C.POLITICAL_OPINION, C.ETHNICITY, C.OCCUPATION,
    C.ORGANISATION, C.PERSON_NAME, C.FREE_TEXT,
)  # fmt: skip
"""When a header names several categories, the one that says what the value is comes first."""
_DERIVED_KEEPS = frozenset({
    C.AGE, C.INCOME, C.HEALTH, C.HEALTH_FINANCE, C.FAMILY_STATUS, C.GENETIC, C.DATE, C.OCCUPATION,
    C.DATE_OF_BIRTH, C.RELIGION, C.ETHNICITY, C.POLITICAL_OPINION, C.GENDER,
})  # fmt: skip

_ENTITY_WEIGHTS: dict[tuple[str, str], dict[Category, float]] = {
    ("id", "person"): {C.RECORD_ID: 4.5},
    ("id", "org"): {C.RECORD_ID_ORG: 4.5},
    ("name", "person"): {C.PERSON_NAME: 4.5},
    ("name", "org"): {C.ORGANISATION: 4.5},
    ("name", ""): {C.PERSON_NAME: 1.5, C.ORGANISATION: 0.8},
    ("alone", "person"): {C.PERSON_NAME: 2.5, C.RECORD_ID: 2.5},
    ("alone", "org"): {C.ORGANISATION: 3.0, C.RECORD_ID_ORG: 2.0},
}
"""What a role word beside (or instead of) a word for a person or an organisation names."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One dictionary entry found in a header: tokens [start, stop) name `concept`."""

    concept: str
    strength: float
    start: int
    stop: int


@dataclass(slots=True)
class HeaderReading:
    """What a header says."""

    weights: dict[Category, float] = field(default_factory=dict)
    entities: frozenset[str] = frozenset()
    """Of `person`, `org`, `thing`: words of the header that say whose value it is."""
    roles: frozenset[str] = frozenset()
    """Of `id`, `name`, `flag`, `derived`, `birth`: what kind of value it is."""
    words: tuple[str, ...] = ()
    matched: str = ""
    """The dictionary words that were found, for the report."""

    @property
    def top(self) -> Category | None:
        """The category the header names most clearly, if any."""
        if not self.weights:
            return None
        return max(self.weights, key=lambda c: self.weights[c])

    def weight(self, category: Category) -> float:
        """Return the header's log-odds for `category`."""
        return self.weights.get(category, 0.0)


@dataclass(frozen=True, slots=True)
class _Dictionary:
    phrases: dict[tuple[str, ...], list[tuple[str, float]]]
    whole: dict[str, list[tuple[str, float]]]
    cjk: frozenset[str]
    latin: frozenset[str]


def _latin_tokens(word: str) -> list[str]:
    return [fold(token) for token in _TOKEN.findall(unicodedata.normalize("NFKC", word))]


@lru_cache(maxsize=1)
def _dictionary() -> _Dictionary:
    phrases: dict[tuple[str, ...], list[tuple[str, float]]] = {}
    whole: dict[str, list[tuple[str, float]]] = {}
    for key, rest in lines("headers.txt"):
        mark = key[-1] if key[-1] in "!?" else ""
        entry = (key.rstrip("!?"), _STRENGTH[mark])
        for word in filter(None, (w.strip() for w in rest.split(";"))):
            _enter(word, entry, phrases, whole)
    singles = {key[0] for key in phrases if len(key) == 1}
    cjk = frozenset(t for key in phrases for t in key if re.match(rf"[{_CJK}]", t))
    latin = frozenset(t for t in singles - cjk if len(t) >= 3)
    return _Dictionary(phrases, whole, cjk, latin)


def _enter(
    word: str,
    entry: tuple[str, float],
    phrases: dict[tuple[str, ...], list[tuple[str, float]]],
    whole: dict[str, list[tuple[str, float]]],
) -> None:
    if word.startswith("^"):
        whole.setdefault("".join(_latin_tokens(word[1:])), []).append(entry)
        return
    for spelling in {fold(word), german(word)}:
        key = tuple(_latin_tokens(spelling))
        if not key:
            continue
        for form in {key, ("".join(key),)} if all(len(t) < 12 for t in key) else {key}:
            found = phrases.setdefault(form, [])
            if entry not in found:
                found.append(entry)


def tokens(header: str) -> list[str]:
    """Return the folded tokens of `header` in order."""
    text = unicodedata.normalize("NFKC", header)
    if "!" in text:
        text = text.rsplit("!", 1)[1] or text
    found: list[str] = []
    for part in _TOKEN.findall(_CAMEL.sub(" ", text)):
        if re.match(rf"[{_CJK}]", part):
            found.extend(_segment(part))
        else:
            found.append(fold(part))
    return found


def _segment(run: str) -> list[str]:
    """Split a run of Chinese, Japanese or Korean characters by the longest known word."""
    known = _dictionary().cjk
    out: list[str] = []
    index = 0
    while index < len(run):
        for length in range(min(12, len(run) - index), 0, -1):
            if run[index : index + length] in known:
                break
        else:
            length = 1
        out.append(run[index : index + length])
        index += length
    return out


def _compound(token: str) -> list[str]:
    """Split a joined Latin token into known words that cover all of it, or return []."""
    known = _dictionary().latin
    for cut in range(3, len(token) - 1):
        head, tail = token[:cut], token[cut:]
        if tail not in _SPLIT_SUFFIXES and (len(tail) < 4 or tail not in known):
            continue
        for stem in (head, head.removesuffix("s"), head.removesuffix("n"), head.removesuffix("e")):
            if stem in known and len(stem) >= 3:
                return [stem, tail]
        if len(head) > 7 and (inner := _compound(head)):
            return [*inner, tail]
    return []


def _expand(found: list[str]) -> list[str]:
    dictionary = _dictionary()
    out: list[str] = []
    for token in found:
        spelled = token
        if (token,) in dictionary.phrases or token.isdigit() or len(token) < 6:
            out.append(spelled)
        else:
            out.extend(_compound(token) or [token])
    return out


def _hits(words: list[str]) -> list[Hit]:
    """Return the longest dictionary phrases, left to right, without overlap."""
    phrases = _dictionary().phrases
    found: list[Hit] = []
    index = 0
    while index < len(words):
        for length in range(min(_PHRASE_MAX, len(words) - index), 0, -1):
            window = tuple(words[index : index + length])
            entries = phrases.get(window)
            if entries is None and 1 < length <= 3 and min(map(len, window)) > 1:
                entries = phrases.get(("".join(window),))
            if entries:
                found += [Hit(c, s, index, index + length) for c, s in entries]
                index += length
                break
        else:
            index += 1
    return found


@lru_cache(maxsize=4096)
def _read(header: str) -> HeaderReading:
    words = tokens(header)
    stem = words[:-1] if len(words) > 1 and words[-1].isdigit() else words
    joined = "".join(stem)  # a number may follow (`xb1`), not stand inside (`X2B`)
    whole = _dictionary().whole.get(joined, [])
    expanded = _expand(words)
    hits = [Hit(c, s, 0, len(expanded)) for c, s in whole] or _hits(expanded)
    if not hits:
        spelled = _expand([german(w) for w in words])
        hits = _hits(spelled)
    return _resolve(hits, expanded)


def read_header(header: str) -> HeaderReading:
    """Return what `header` says; an empty or generated header (`column_1`) says nothing."""
    return _read(header.strip())


def _resolve(hits: list[Hit], words: list[str]) -> HeaderReading:
    letters = sum(1 for w in words if not w.isdigit()) or 1
    reading = HeaderReading(
        entities=frozenset(h.concept[1:] for h in hits if h.concept[0] == "@"),
        roles=frozenset(h.concept[1:] for h in hits if h.concept[0] == "%"),
        words=tuple(words),
        matched=", ".join(dict.fromkeys(" ".join(words[h.start : h.stop]) for h in hits)),
    )
    for hit in hits:
        if hit.concept[0] in "@%":
            continue
        category, weight = Category(hit.concept), hit.strength
        covered = sum(1 for w in words[hit.start : hit.stop] if not w.isdigit())
        weight += 1.0 if covered >= letters else 0.0
        reading.weights[category] = max(reading.weights.get(category, 0.0), weight)
    _demote_modifiers(reading, hits)
    _age_of_thing(reading, hits)
    _apply_roles(reading)
    entity_tokens = {i for h in hits if h.concept[0] == "@" for i in range(h.start, h.stop)}
    _apply_entities(reading, whole=len(entity_tokens) >= letters)
    return reading


def _demote_modifiers(reading: HeaderReading, hits: list[Hit]) -> None:
    """Keep the head of a header that names several categories (`insurance start date`: date)."""
    spans: dict[Category, set[int]] = {}
    for hit in hits:
        if hit.concept[0] not in "@%":
            spans.setdefault(Category(hit.concept), set()).add(hit.start)
    named = [c for c in _HEAD_ORDER if c in reading.weights]
    if C.NONE in reading.weights:
        for category in named:
            reading.weights[category] *= 0.5
    if len(named) < 2:
        return
    head = named[0]
    for category in named[1:]:
        if spans[category] == spans[head]:
            continue  # one word with two meanings: values decide
        reading.weights[category] *= 0.35


def _age_of_thing(reading: HeaderReading, hits: list[Hit]) -> None:
    """Weaken an age that follows the name of a thing (`page age`); `age at visit` stays."""
    ages = [h.start for h in hits if h.concept == C.AGE.value]
    things = [h.start for h in hits if h.concept == "@thing"]
    if ages and things and min(things) < min(ages) and "person" not in reading.entities:
        reading.weights[C.AGE] *= 0.3


_KEY_WORDS = frozenset({"id", "uuid", "guid", "pk", "fk", "identifier"})


def _stays_address(reading: HeaderReading) -> bool:
    """Whether a code of a place is part of an address (`state_cd`, postcode) and not a mere key."""
    postal = {"state", "province", "zip", "postal", "uf", "estado"}
    if _KEY_WORDS & set(reading.words):  # `address_id` is the key of an address, not an address
        return bool(postal & set(reading.words))
    return reading.weights[C.ADDRESS] >= 4.4 or bool(postal & set(reading.words))


def _apply_roles(reading: HeaderReading) -> None:
    weights, roles = reading.weights, reading.roles
    if "id" in roles:
        for category, target in (
            (C.ORGANISATION, C.RECORD_ID_ORG), (C.PERSON_NAME, C.RECORD_ID),
            (C.USERNAME, C.RECORD_ID),
        ):  # fmt: skip
            if weights.get(category, 0) >= 3 and target not in weights:
                weights[target] = 3.5
                weights[category] *= 0.4
        for category in (C.OCCUPATION, C.LOCATION, C.FREE_TEXT, C.DATE, C.ORG_ADDRESS, C.ADDRESS):
            if category in weights and not (category is C.ADDRESS and _stays_address(reading)):
                weights[category] *= 0.3
        if C.HEALTH in weights:
            weights[C.HEALTH] *= 0.8
    if "flag" in roles:
        for category in list(weights):
            weights[category] *= 0.9 if category in _DERIVED_KEEPS else 0.4
    if "derived" in roles:
        for category in list(weights):
            weights[category] *= 0.85 if category in _DERIVED_KEEPS else 0.4
    if C.AGE in weights and {"median", "mean", "average", "avg"}.intersection(reading.words):
        weights[C.AGE] *= 0.4
    if "birth" in roles and C.DATE in weights:
        weights[C.DATE_OF_BIRTH] = 5.0
    if "birth" in roles and C.ADDRESS in weights:
        weights[C.LOCATION] = weights.pop(C.ADDRESS) + 2.0


_ADJECTIVES = frozenset(
    "personal private home billing shipping profile 个人 個人 自宅 家庭".split()
)
"""Words that say whose a value is and alone name nobody."""


def _apply_entities(reading: HeaderReading, *, whole: bool) -> None:
    """Let `customer` or `supplier` decide what a bare id or name is; `whole`: they stand alone."""
    weights, roles, who = reading.weights, reading.roles, reading.entities
    org = "org" in who and "person" not in who
    if org:
        for category, target in ((C.PHONE, C.ORG_PHONE), (C.ADDRESS, C.ORG_ADDRESS)):
            if category in weights:
                weights[target] = max(weights.pop(category), weights.get(target, 0))
    if (weights and not set(weights) <= {C.FREE_TEXT}) or roles & {"derived", "flag"}:
        return
    whose = "person" if "person" in who else "org" if org else "thing" if "thing" in who else ""
    if _ADJECTIVES >= set(reading.words):
        return
    role = "id" if "id" in roles else "name" if "name" in roles else "alone" if whole else ""
    weights.update(_ENTITY_WEIGHTS.get((role, whose), {}))
