"""Evidence from shapes, checksums and dates: what the form of the cells says by itself."""

from __future__ import annotations

import math
import re

import numpy as np

from entrepot.port.detect.catalog import BY_NAME
from entrepot.port.detect.profile import Profile
from entrepot.port.detect.shapes import Detector, Match, checksum_weight
from entrepot.port.model import Category as C
from entrepot.port.model import Lane

_YEAR = re.compile(r"(?<!\d)(1[89]\d{2}|20\d{2})(?!\d)|^(1[89]\d{2}|20\d{2})(?=\d{4})")
_DATE_SHAPES = tuple(
    d.name for d in BY_NAME.values() if d.category is C.DATE and d.weight >= 5
)  # fmt: skip


def _factor(share: float) -> float:
    """Return how much of a detector's weight a share of matching cells earns."""
    for floor, factor in ((0.75, 1.0), (0.5, 0.85), (0.25, 0.65), (0.08, 0.4), (0.03, 0.2)):
        if share >= floor:
            return factor
    return 0.0


def weigh(detector: Detector, match: Match, cells: int) -> tuple[float, str]:
    """Return the weight of one detector's matches in a column of `cells`, and the figures."""
    share = match.cells / cells
    if detector.check is None:
        return detector.weight * _factor(
            share
        ), f"{share:.0%} of cells are shaped `{detector.name}`"
    ratio = checksum_weight(match, detector.chance)
    text = (
        f"{match.distinct_passed:,} of {match.distinct:,} distinct values shaped "
        f"`{detector.name}` pass its check; {detector.chance:.0%} would by chance"
    )
    if detector.chance > 0.5:  # a structural rule, not a check digit: it can only speak against
        ratio = min(ratio, 0.0)
    if ratio >= 0:
        return (detector.weight + ratio) * _factor(match.passed / cells), text
    bare = max(0.0, detector.weight - 2.5)
    return bare * _factor(share), text


def shape_lanes(profile: Profile) -> list[Lane]:
    """Return, per category, the lane of its best-supported shape."""
    best: dict[C, Lane] = {}
    if not profile.matched_cells:
        return []
    for name, match in profile.matches.items():
        detector = BY_NAME[name]
        if detector.category in (C.DATE, C.NONE):
            continue
        weight, detail = weigh(detector, match, profile.matched_cells)
        if _is_disguise(profile, name):
            weight, detail = 0.0, detail + " (but the values read as something else)"
        lane = "checksum" if detector.check is not None else "shape"
        held = best.get(detector.category)
        if weight > 0.2 and (held is None or weight > held.weight):
            best[detector.category] = Lane(lane, detector.category, round(weight, 2), detail)
    return [*best.values(), *date_lanes(profile), *none_lanes(profile)]


def _is_disguise(profile: Profile, name: str) -> bool:
    """Whether a shape is better explained otherwise (versions as IPv4, dates as phones...)."""
    if name == "ipv4":
        parts = [v.split(".") for v in profile.values[:200] if v.count(".") == 3]
        small = [p for p in parts if all(x.isdigit() and int(x) < 30 for x in p)]
        return bool(parts) and len(small) / len(parts) > 0.7
    dates = profile.share(*_DATE_SHAPES)
    if BY_NAME[name].category in (C.PHONE, C.ADDRESS, C.ORG_PHONE):
        strong = name in ("phone-e164", "phone-cn-mobile", "phone-nanp", "phone-br")
        return not strong and (dates > 0.5 or profile.share("us-ssn", "kr-rrn", "br-cpf") > 0.5)
    if name == "cn-resident-id-masked":  # a masked number keeps its length: 18, formerly 15
        held = [len(v) in (15, 18) for v in profile.values if "*" in v or "x" in v.lower()]
        return sum(held) < 0.5 * len(held)
    if name in ("handle", "genotype"):
        return profile.distinct < 3
    if name == "bic":
        few = profile.distinct < 4 and not profile.reading.weight(C.FINANCE_ACCOUNT)
        return few or (profile.letters_share > 0.9 and _dictionary_words(profile))
    if name in ("postcode-uk", "postcode-nl", "passport-like", "tw-id"):
        return profile.share("icd-10") > 0.5
    if name == "domain":
        return profile.mean_words > 1.5
    if name == "url-path":
        return all(v in ("/", "/ ") for v in profile.values) or profile.mean_length < 3
    if name == "blood-type":
        return bool({"a", "b", "o"} >= set(profile.folded)) or not any(
            v.startswith(("ab", "o", "0")) for v in profile.folded
        )
    return False


def _dictionary_words(profile: Profile) -> bool:
    """Whether eight-letter codes look like plain words (vowels as in text)."""
    text = "".join(profile.folded)
    return bool(text) and sum(text.count(v) for v in "aeiou") / len(text) > 0.33


def none_lanes(profile: Profile) -> list[Lane]:
    """Return evidence that the column is nothing personal: product codes, prices, ISBN."""
    lanes: list[Lane] = []
    for name in ("gtin", "isin", "isbn"):
        match = profile.match(name)
        detector = BY_NAME[name]
        ratio = checksum_weight(match, detector.chance)
        if ratio > 4 and match.cells / max(1, profile.matched_cells) > 0.8:
            lanes.append(Lane("checksum", C.NONE, 5.0, f"values pass the check of `{name}`"))
    for name in ("money", "hex-colour", "version"):
        share = profile.share(name)
        if name == "money" and profile.reading.weight(C.INCOME) >= 3.4:
            continue  # a salary with its currency sign is still a salary
        if name == "version" and not _is_disguise(profile, "ipv4"):
            share -= profile.share("ipv4")
        if share > 0.7:
            lanes.append(Lane("shape", C.NONE, 4.0, f"{share:.0%} of cells are shaped `{name}`"))
    return lanes


def years(profile: Profile) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the years found in the sampled values (1800-2099)."""
    found = []
    for value in profile.values:
        if m := _YEAR.search(value):
            found.append(int(m.group(1) or m.group(2)))
    return np.array(found, np.int64)


def date_share(profile: Profile) -> float:
    """Return the share of cells that are dates in the most frequent notations together."""
    if not profile.matched_cells:
        return 0.0
    total = sum(profile.match(n).passed for n in _DATE_SHAPES)
    return min(1.0, max(profile.share(*_DATE_SHAPES), total / profile.matched_cells * 0.999))


def epoch(profile: Profile) -> bool:
    """Whether the column is epoch seconds, milliseconds or microseconds of 1990-2040."""
    numbers = profile.numbers
    if not profile.integral or len(numbers) < 3:
        return False
    for scale in (1.0, 1e3, 1e6):
        if np.all((numbers >= 6.3e8 * scale) & (numbers <= 2.21e9 * scale)):
            return True
    return False


def excel_serial(profile: Profile, low: int = 5400) -> bool:
    """Whether whole numbers could be spreadsheet dates (days since 1899-12-30) up to 2050.

    `low` is the earliest day taken for a date: 5400 is 1914, 20000 is 1954.
    """
    numbers = profile.numbers
    return profile.integral and bool(np.all((numbers >= low) & (numbers <= 55000)))


_PACKED = re.compile(
    r"(?:0?[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:19|20)\d{2}"
    r"|(?:0?[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(?:19|20)\d{2}"
)


def packed_dates(profile: Profile) -> bool:
    """Whether the values are dates without separators and the year last (`03152024`)."""
    held = [bool(_PACKED.fullmatch(v)) for v in profile.values]
    return len(held) >= 3 and sum(held) / len(held) > 0.95


_BORN = re.compile(
    r"(?:0?[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:19\d{2}|20[01]\d|202[0-6])"
    r"|(?:0?[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(?:19\d{2}|20[01]\d|202[0-6])"
    r"|(?:19\d{2}|20[01]\d|202[0-6])(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
)
_MINGUO = re.compile(r"(?:0\d{2}|1[01]\d)(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")


def packed_births(profile: Profile) -> bool:
    """Whether values under a header for births are dates without separators, of 1900 to 2026.

    Day, month and year stand in any of the usual orders; a leading zero may be lost to a number.
    Seven digits count the years of the Republic of China under a header in Chinese.
    """
    chinese = any("\u3400" <= char <= "\u9fff" for char in profile.name)
    held = [bool(_BORN.fullmatch(v) or (chinese and _MINGUO.fullmatch(v))) for v in profile.values]
    return bool(held) and sum(held) / len(held) > 0.9


def date_lanes(profile: Profile) -> list[Lane]:
    """Return evidence for date, and how birth-like the years are."""
    share = date_share(profile)
    temporal = profile.dtype.lower().startswith(("date", "datetime"))
    if temporal:
        share = 1.0
    lanes: list[Lane] = []
    if share >= 0.25:
        # dates written without separators may be any 8-digit code
        top = max(_DATE_SHAPES, key=lambda n: profile.match(n).passed)
        base = 9.0 if temporal else BY_NAME[top].weight
        weight = base * _factor(share)
        lanes.append(Lane("shape", C.DATE, round(weight, 2), f"{share:.0%} of cells are dates"))
        lanes += birth_lanes(profile, weight)
    else:
        time = profile.share("time-of-day")
        if time > 0.7:
            lanes.append(Lane("shape", C.DATE, 2.0, f"{time:.0%} of cells are times of day"))
    return lanes


def birth_lanes(profile: Profile, weight: float) -> list[Lane]:
    """Return how well a date column fits dates of birth and death: span and centre of its years."""
    found = years(profile)
    lanes = [
        Lane("shape", C.DATE_OF_BIRTH, round(weight - 2.5, 2), "the cells are dates"),
        Lane("shape", C.DATE_OF_DEATH, round(weight - 4.0, 2), "the cells are dates"),
    ]
    if len(found) < 5:
        return lanes
    low, middle, high = np.percentile(found, (5, 50, 95))
    spread = high - low
    text = f"years {low:.0f} to {high:.0f}, middle {middle:.0f}"
    if 1850 <= low and 25 <= spread <= 110 and 1900 <= middle <= 2005 and high <= 2026:
        lanes.append(Lane("statistics", C.DATE_OF_BIRTH, 2.0, f"{text}: spread as births are"))
    elif middle >= 2012 and spread < 14:
        lanes.append(Lane("statistics", C.DATE_OF_BIRTH, -2.5, f"{text}: recent and narrow"))
    return lanes


def entropy(profile: Profile) -> float:
    """Return the mean bits per character over the sampled values (random codes: above 3)."""
    text = "".join(profile.values[:100])
    if not text:
        return 0.0
    counts = np.unique(np.array(list(text)), return_counts=True)[1] / len(text)
    return float(-np.sum(counts * np.log2(counts))) if len(counts) > 1 else math.log2(1)
