"""Evidence from the header, and whether the values can be what the header says.

A header alone never decides: a flag under `email_verified`, prices under `phone`, or codes under
`name` are contradicted here, with a weight that outbids the header.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from entrepot.port.detect.catalog import BY_NAME
from entrepot.port.detect.judge_shapes import (
    date_share,
    epoch,
    excel_serial,
    packed_births,
    packed_dates,
    years,
)
from entrepot.port.detect.judge_words import country_share, name_share, numbered_names
from entrepot.port.detect.profile import Profile
from entrepot.port.model import Category as C
from entrepot.port.model import Lane

_NO = -9.0
_Fit = Callable[[Profile], tuple[float, str]]


def header_lanes(profile: Profile) -> list[Lane]:
    """Return a lane per category the header names, and one that says how the values fit it."""
    lanes: list[Lane] = []
    for category, weight in profile.reading.weights.items():
        if weight < 0.4:
            continue
        said = f"header read as `{profile.reading.matched}`"
        lanes.append(Lane("header", category, round(weight, 2), said))
        if profile.values:
            fit, why = fitness(category, profile)
            if fit:
                lanes.append(Lane("structure", category, fit, why))
    return lanes


def fitness(category: C, profile: Profile) -> tuple[float, str]:
    """Return how well the values can be of `category` (log-odds), and why."""
    if not profile.values:
        return 0.0, ""
    if profile.boolean and category not in _FLAG_OK:
        return _NO, "the values are a yes/no flag"
    test = _FITS.get(category)
    return test(profile) if test else (0.0, "")


def _numeric(profile: Profile) -> bool:
    return profile.numeric_share > 0.8


def _max(profile: Profile) -> float:
    return float(np.max(np.abs(profile.numbers))) if len(profile.numbers) else 0.0


def _email(p: Profile) -> tuple[float, str]:
    share = p.share("email", "email-with-name", "email-masked")
    if share >= 0.02:
        return 1.0, f"{share:.0%} of cells are e-mail addresses"
    if p.share("hex-digest") > 0.5:
        return 0.0, "hashed values"
    return -7.0, "no value has the form of an address"


def _phone(p: Profile) -> tuple[float, str]:
    names = [n for n in p.matches if BY_NAME[n].category in (C.PHONE, C.ORG_PHONE)]
    share = p.shape_share(*names) if names else 0.0
    if date_share(p) > 0.5 or (p.numeric_share > 0.8 and p.fractional):
        return -7.0, "the values are dates or decimals"
    if share >= 0.3:
        return 1.5, f"{share:.0%} of cells can be telephone numbers"
    if p.share("hex-digest") > 0.5:
        return 0.0, "hashed values"
    digits = np.mean([sum(map(str.isdigit, v)) for v in p.values])
    return (0.0, "partly digits") if digits >= 5 else (-7.0, "too few digits for telephone numbers")


def _national_id(p: Profile) -> tuple[float, str]:
    if date_share(p) > 0.6 or (_numeric(p) and p.fractional):
        return -7.0, "the values are dates or decimals"
    if np.mean(["<<" in v for v in p.values]) > 0.5:
        return 2.0, "lines of a machine-readable zone"
    if {"last", "4"} <= set(p.reading.words) or "last4" in p.name.lower().replace(" ", ""):
        return (1.0, "the last digits") if p.mean_length <= 6 else (-3.0, "more than last digits")
    if p.digits_share < 0.4:
        masked = p.shape_share("cn-resident-id-masked", "us-ssn-masked")
        return (0.0, "masked") if masked > 0.3 else (-6.0, "the values hold no digits")
    if (_numeric(p) and _max(p) < 1e5) or p.mean_length < 5:
        return -5.0, "the numbers are too short"
    if p.mean_words > 4:
        return -4.0, "the values are text"
    return (1.0, "long codes") if p.mean_length >= 6 else (0.0, "")


def _name(p: Profile) -> tuple[float, str]:
    if _numeric(p):
        return _NO, "the values are numbers"
    if p.share("email") > 0.5 or p.share("uuid", "hex-digest") > 0.3 or date_share(p) > 0.5:
        return _NO, "the values are addresses, digests or dates"
    share, _ = name_share(p)
    if numbered_names(p) > 0.8:
        return 0.5, "words of letters with a number appended, as in synthetic records"
    if p.code_share > 0.6 and share < 0.2:
        return -6.0, "the values are codes with digits"
    if p.mean_words > 7:
        return -5.0, "the values are prose"
    if share == 0.0 and p.distinct <= 6 and p.present >= 100:
        return -4.5, "a handful of words, none of them a name"
    if share >= 0.05:
        return 1.0, "known names among the values"
    if p.reading.weight(C.PERSON_NAME) < 3 and len(p.values) >= 12:
        return -1.5, "hardly a known name among the values"
    return 0.0, ""


_HOUSE = frozenset("house number hausnummer huisnummer numero nr no building apt unit".split())


def _address(p: Profile) -> tuple[float, str]:
    if date_share(p) > 0.5 or p.share("email", "ipv4", "mac", "url") > 0.3:
        return _NO, "the values are dates or network addresses"
    if _numeric(p) and p.fractional:
        return -6.0, "the values are decimals"
    if _numeric(p) and "id" in p.reading.roles and p.reading.weight(C.ADDRESS) < 4.4:
        return -4.0, "numeric codes of places"
    if _numeric(p) and p.integral and _max(p) < 10 and not _HOUSE & set(p.reading.words):
        return -4.0, "a handful of small numbers"
    if _numeric(p) and _max(p) < 1000 and "".join(p.reading.words) in ("cs", "dz", "zz", "yb"):
        return -6.0, "small numbers under two letters"
    if _numeric(p) and not {"zip", "plz", "cep", "cap", "cp"} & set(p.reading.words):
        return (-2.0, "plain numbers") if _max(p) > 99999999 else (0.0, "")
    if p.mean_words > 20:
        return -4.0, "the values are prose"
    return 0.5, "text that can be an address"


def _birth(p: Profile) -> tuple[float, str]:
    if date_share(p) >= 0.3 or p.dtype.lower().startswith("date"):
        return 0.5, "the values are dates"
    if p.integral and len(years(p)) > 0.7 * len(p.values) and _max(p) < 2100:
        return 5.0, "the values are years"
    if epoch(p) or excel_serial(p):
        return 5.0, "dates stored as numbers"
    if packed_births(p):
        return 5.0, "dates written without separators"
    parts = {"month", "day", "monat", "tag", "mes", "mois", "jour", "dia", "月", "日"}
    if p.integral and _max(p) <= 31 and parts & set(p.reading.words):
        return 3.0, "month or day numbers"
    if p.word_share("month")[0] > 0.5:
        return 4.0, "names of months"
    if p.integral and np.any(p.numbers < 0) and _max(p) < 60000:
        return 2.0, "days before an event"
    return -7.0, "the values are not dates"


def _date(p: Profile) -> tuple[float, str]:
    if date_share(p) >= 0.2 or p.dtype.lower().startswith(("date", "time")):
        return 1.0, "the values are dates"
    named = p.reading.weight(C.DATE) >= 4.4 and p.integral
    if named and float(np.min(p.numbers)) >= 1000 and _max(p) <= 2100:
        return 3.0, "years"
    if p.reading.weight(C.DATE) >= 3.4 and packed_dates(p):
        return 5.0, "dates written without separators, the year last"
    if epoch(p):
        return 5.0, "seconds or milliseconds since 1970"
    if p.integral and len(years(p)) > 0.8 * len(p.values) and _max(p) < 2200:
        return 3.0, "the values are years"
    if (
        {"nights", "days", "hours", "number"} & set(p.reading.words)
        and not ("number" in p.reading.words and {"week", "month", "day"} & set(p.reading.words))
        and p.integral
        and _max(p) < 400
    ):
        return -5.0, "a count of days"
    calendar = {
        "month",
        "monat",
        "mes",
        "mois",
        "day",
        "tag",
        "week",
        "hour",
        "月",
        "月份",
        "quarter",
    }
    if p.word_share("month")[0] > 0.6 or p.share("time-of-day") > 0.6:
        return 2.5, "months, weekdays or times of day"
    if p.integral and _max(p) <= 53 and calendar & set(p.reading.words):
        return 1.5, "parts of a date"
    if p.reading.weight(C.DATE) >= 3.4 and excel_serial(p, 20000):
        return 5.0, "spreadsheet serial dates"
    if p.share("year-month") > 0.4 or (_Q := p.word_share("month")[0]) > 0.3:
        return 2.0, "months"
    return -7.0, "the values are not dates"


def _age(p: Profile) -> tuple[float, str]:
    if _numeric(p) and "thing" in p.reading.entities and p.reading.weight(C.AGE) < 2:
        return 0.0, ""  # the age of an account, a page: numbers alone prove nothing
    if _numeric(p):
        inside = float(np.mean((p.numbers >= 0) & (p.numbers <= 122)))
        if inside > 0.97 and len(p.values) >= 1:
            return 2.5, "numbers from 0 to 122"
        return (-1.0, "some beyond 122") if inside > 0.8 else (-7.0, "numbers beyond any age")
    bands = np.mean([_band(v) for v in p.folded])
    return (3.0, "age bands") if bands > 0.6 else (-4.0, "the values are not ages")


def _band(text: str) -> bool:
    if not any(map(str.isdigit, text)):
        return text in (
            "child",
            "adult",
            "senior",
            "teen",
            "young",
            "middle-aged",
            "infant",
            "youth",
        )
    return len(text) < 25 and max((int(x) for x in _numbers_in(text)), default=999) <= 122


def _numbers_in(text: str) -> list[str]:
    return "".join(ch if ch.isdigit() else " " for ch in text).split()


def _gender(p: Profile) -> tuple[float, str]:
    share, _ = p.word_share("gender")
    if share > 0.6 and p.distinct < 60:
        return 2.5, f"{share:.0%} of cells are words for gender"
    if p.distinct <= 4 and _numeric(p) and _max(p) <= 9:
        return 2.0, "a short numeric code"
    if _numeric(p) and (_max(p) > 9 or p.fractional):
        return -7.0, "counts or shares, not codes of gender"
    if share == 0.0 and p.code_share > 0.6 and not _numeric(p):
        return -7.0, "codes with digits"
    if share == 0.0 and p.letters_share > 0.9:
        held, distinct = p.token_share("gender-core")
        if held > 0.4 and distinct >= 2:
            return 2.0, f"{held:.0%} of distinct values hold a word for gender"
        return -6.0, "words, none of them for gender"
    return (-1.0, "few distinct values") if p.distinct <= 12 else (-7.0, "not words for gender")


def _finance(p: Profile) -> tuple[float, str]:
    if p.boolean or (date_share(p) > 0.8 and "expi" not in p.name.lower()):
        return -5.0, "the values are flags or dates"
    if p.integral and _max(p) < 1000 and not p.reading.roles:
        return -5.0, "small numbers"
    return (-3.0, "the values are prose") if p.mean_words > 6 else (0.5, "")


def _income(p: Profile) -> tuple[float, str]:
    if date_share(p) > 0.5:
        return _NO, "the values are dates"
    if p.numeric_share > 0.6 or p.share("money") > 0.5 or p.digits_share > 0.7:
        return 1.5, "amounts"
    if p.mean_words > 6:
        return -4.0, "the values are prose"
    bands = (
        "low",
        "high",
        "med",
        "mid",
        "above",
        "below",
        "高",
        "低",
        "中",
        "nied",
        "hoch",
        "baj",
        "alt",
    )
    banded = any(v.startswith(bands) for v in p.folded)
    return (-0.5, "bands") if banded else (-3.5, "words without amounts")


_CODED = frozenset({"location", "loc", "place", "position", "lagerort", "ort"})


def _location(p: Profile) -> tuple[float, str]:
    words = set(p.reading.words)
    if p.code_share > 0.9 and "-" in "".join(p.values[:20]) and _CODED & words and not _numeric(p):
        return -3.5, "codes of places in a building"
    if {"lat", "latitude", "lon", "lng", "long", "longitude"} & words:
        inside = _numeric(p) and _max(p) <= 180
        return (2.5, "numbers within +-180") if inside else (0.0, "")
    if _numeric(p):
        return (0.0, "") if _max(p) > 1e4 or not p.integral else (-3.0, "small whole numbers")
    return (-6.0, "dates") if date_share(p) > 0.5 else (0.5, "text that can be a place")


def _ip(p: Profile) -> tuple[float, str]:
    if p.share("ipv4", "ipv6") > 0.1:
        return 1.0, "addresses"
    if p.integral and 16777216 <= float(np.median(p.numbers)) <= 2**32:
        return 5.0, "IPv4 addresses stored as integers"
    if "host" in p.name.lower() and p.share("domain") > 0.2:
        return 1.0, "host names"
    return -7.0, "no value has the form of an address"


def _device(p: Profile) -> tuple[float, str]:
    if p.integral and _max(p) < 1000:
        return -4.0, "small numbers"
    if date_share(p) > 0.5:
        return _NO, "dates"
    if p.share("plate-uk") >= 0.8:
        return 2.5, "plates of vehicles"
    if p.reading.words in (("registration",), ("reg",)):
        return -5.0, "not the plates of vehicles"
    return (1.0, "codes") if p.code_share > 0.5 else (0.0, "")


def _username(p: Profile) -> tuple[float, str]:
    if _numeric(p) or p.share("email") > 0.6 or date_share(p) > 0.5:
        return -6.0, "the values are numbers, e-mail addresses or dates"
    if p.share("uuid", "hex-digest") > 0.5:
        return -6.0, "the values are keys or digests"
    if p.mean_words > 3:
        return -4.0, "the values are text"
    return 1.0, "single words"


def _credential(p: Profile) -> tuple[float, str]:
    if date_share(p) > 0.5 or (_numeric(p) and p.fractional):
        return _NO, "dates or decimals"
    if _numeric(p) and _max(p) < 100:
        return -6.0, "small numbers"
    if _numeric(p) and {"session", "hash"} & set(p.reading.words):
        return -3.0, "plain numbers"
    return (-3.0, "the values are prose") if p.mean_words > 6 else (1.0, "")


def _url(p: Profile) -> tuple[float, str]:
    share = max(
        p.share("url", "url-www", "domain", "url-path"),
        p.contains.get(C.URL, 0) / max(1, p.present),
    )
    if share > 0.15:
        return 1.5, f"{share:.0%} of cells are addresses of pages"
    if any(v.endswith((".jpg", ".png", ".html", ".jpeg", ".gif")) for v in p.folded[:20]):
        return 1.0, "file names"
    return -6.0, "no value has the form of a web address"


def _occupation(p: Profile) -> tuple[float, str]:
    if _numeric(p) or date_share(p) > 0.5:
        return -7.0, "the values are numbers or dates"
    if p.code_share > 0.8 and p.distinct_ratio > 0.5:
        return -3.0, "the values are codes"
    if p.digits_share > 0.6 and p.token_share("occupation-token")[0] < 0.05:
        return -5.0, "lengths or bands, not occupations"
    if "title" in p.reading.words and len(p.reading.words) <= 2:
        if p.token_share("occupation-token")[0] < 0.1:
            return -3.0, "titles of something else"
    return (-3.0, "the values are prose") if p.mean_words > 9 else (0.5, "")


def _ethnicity(p: Profile) -> tuple[float, str]:
    if _numeric(p):
        return (-1.0, "numeric codes") if p.distinct < 50 else (_NO, "numbers")
    if date_share(p) > 0.5:
        return _NO, "dates"
    listed = max(p.word_share("ethnicity")[0], country_share(p))
    if listed > 0.4:
        return 2.0, f"{listed:.0%} of cells are words for origin"
    if "race" in p.reading.words and listed == 0.0 and p.mean_length > 4:
        return -5.0, "words, none of them for an origin: another kind of race"
    return (0.0, "few distinct values") if p.distinct < 300 else (-3.0, "too many distinct values")


def _family(p: Profile) -> tuple[float, str]:
    if _numeric(p):
        counts = _max(p) <= 25 and not p.fractional
        return (1.5, "small counts") if counts else (-5.0, "large numbers or shares")
    share, _ = p.word_share("marital")
    if share > 0.4:
        return 2.0, f"{share:.0%} of cells are words for family status"
    if name_share(p)[0] > 0.25:
        return -3.0, "names of persons"
    return (0.0, "few distinct values") if p.distinct <= 60 else (-4.0, "too many distinct values")


def _closed(p: Profile) -> tuple[float, str]:
    if date_share(p) > 0.5:
        return _NO, "dates"
    if _numeric(p):
        clear = not p.fractional and bool(
            p.reading.weight(C.RELIGION)
            or {"political", "affiliation", "id"} & set(p.reading.words)
        )
        return (-1.0, "numeric codes") if p.distinct <= 30 and clear else (-7.0, "numbers")
    if name_share(p)[0] > 0.4:
        return -4.0, "names of persons"
    return (0.5, "few distinct values") if p.distinct <= 200 else (-2.5, "too many distinct values")


def _health(p: Profile) -> tuple[float, str]:
    if p.share("url", "email") > 0.3:
        return -7.0, "network addresses"
    if date_share(p) > 0.6:
        return -5.0, "dates"
    return 0.5, ""


def _counted(p: Profile) -> bool:
    """Whether numbers under a bare `agent` or `passengers` are codes or counts, nobody's key."""
    bare = "id" not in p.reading.roles and max(
        p.reading.weight(C.RECORD_ID), p.reading.weight(C.RECORD_ID_ORG)
    ) < 3.4  # fmt: skip
    return bare and p.integral and _max(p) < 1000 and p.distinct_ratio < 0.9


def _key(p: Profile) -> tuple[float, str]:
    if date_share(p) > 0.8 and not p.share("date-compact") > 0.8:
        return _NO, "dates"
    if _numeric(p):
        if _counted(p):
            return -4.0, "small repeated numbers under no word for a key"
        return (1.0, "whole numbers") if p.integral else (-6.0, "decimals")
    if p.code_share > 0.5:
        return 1.5, "codes"
    if name_share(p)[0] > 0.3:
        return -5.0, "names of persons"
    return (
        (-5.0, "text without digits")
        if p.mean_words > 1.2 or p.mean_length > 5
        else (-2.0, "words")
    )


def _organisation(p: Profile) -> tuple[float, str]:
    if _numeric(p) or date_share(p) > 0.5:
        return -7.0, "numbers or dates"
    if p.code_share > 0.7:
        return -3.0, "codes"
    if p.share("url", "email") > 0.5:
        return -6.0, "network addresses"
    return (-4.0, "the values are prose") if p.mean_words > 12 else (0.5, "")


def _text(p: Profile) -> tuple[float, str]:
    if _numeric(p) or date_share(p) > 0.5 or p.share("url", "email") > 0.5:
        return _NO, "numbers, dates or addresses"
    cjk = any("\u3040" <= ch <= "\ud7a3" for v in p.values[:20] for ch in v)
    long = p.mean_words >= 4 or (cjk and p.mean_length >= 9)
    if long:
        return 2.5, f"{p.mean_words:.0f} words per value"
    if p.code_share > 0.6:
        return -6.0, "codes"
    return (-1.0, "short") if p.mean_words >= 2 or (cjk and p.mean_length >= 4) else (-4.0, "words")


_FLAG_OK = frozenset({
    C.HEALTH, C.FAMILY_STATUS, C.POLITICAL_OPINION, C.GENETIC, C.GENDER, C.HEALTH_FINANCE, C.RELIGION,  # noqa: E501
    C.ETHNICITY,
})  # fmt: skip
_FITS: dict[C, _Fit] = {
    C.EMAIL: _email, C.PHONE: _phone, C.ORG_PHONE: _phone, C.NATIONAL_ID: _national_id,
    C.PERSON_NAME: _name, C.ADDRESS: _address, C.ORG_ADDRESS: _address, C.DATE_OF_BIRTH: _birth,
    C.DATE_OF_DEATH: _birth, C.DATE: _date, C.AGE: _age, C.GENDER: _gender, C.FINANCE_ACCOUNT: _finance,  # noqa: E501
    C.INCOME: _income, C.LOCATION: _location, C.IP: _ip, C.DEVICE_ID: _device, C.USERNAME: _username,  # noqa: E501
    C.CREDENTIAL: _credential, C.URL: _url, C.OCCUPATION: _occupation, C.ETHNICITY: _ethnicity,
    C.FAMILY_STATUS: _family, C.POLITICAL_OPINION: _closed, C.RELIGION: _closed, C.HEALTH: _health,
    C.RECORD_ID: _key, C.RECORD_ID_ORG: _key, C.ORGANISATION: _organisation, C.FREE_TEXT: _text,
}  # fmt: skip
