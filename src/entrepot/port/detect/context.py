"""Evidence from the table: whose table it is, and which columns stand side by side.

Table context is the largest single gain in column typing (Sato, VLDB 2020): the same `id`, `name`,
`phone` or `city` means another thing in a table of persons, of organisations or of products.
"""

from __future__ import annotations

import enum
import itertools
import re
from collections.abc import Iterable

import numpy as np

from entrepot.port.detect import neighbours, settings
from entrepot.port.detect.judge_shapes import date_share, entropy, epoch, excel_serial, years
from entrepot.port.detect.judge_words import country_share, name_share
from entrepot.port.detect.profile import Profile
from entrepot.port.detect.verdict import Case
from entrepot.port.model import Category

C = Category

_PERSON_POINTS = {
    C.PERSON_NAME: 3.0, C.NATIONAL_ID: 3.0, C.DATE_OF_BIRTH: 3.0, C.DATE_OF_DEATH: 2.0, C.GENDER: 2.5,  # noqa: E501
    C.AGE: 2.0, C.EMAIL: 1.5, C.PHONE: 1.0, C.USERNAME: 2.0, C.INCOME: 1.0, C.FAMILY_STATUS: 2.0,
    C.ETHNICITY: 1.5, C.RELIGION: 1.5, C.HEALTH: 1.0, C.OCCUPATION: 1.0, C.FINANCE_ACCOUNT: 0.5,
    C.CREDENTIAL: 1.0, C.POLITICAL_OPINION: 1.0, C.RECORD_ID: 1.5, C.GENETIC: 1.0, C.BIOMETRIC: 1.5,
    C.HEALTH_FINANCE: 0.5, C.IP: 0.5, C.DEVICE_ID: 0.5,
}  # fmt: skip
_ORG_POINTS = {
    C.ORGANISATION: 2.5,
    C.RECORD_ID_ORG: 2.5,
    C.ORG_PHONE: 1.5,
    C.ORG_ADDRESS: 1.5,
    C.URL: 0.5,
}
_CONTACT_OF_ORG = re.compile(
    r"contact|representative|owner|manager|ceo|president|principal|ansprech|inhaber|geschäfts|dirig"
    r"|respons|referent|bestuurder|director|gerente|contato|contacto|titular|represent|法人|法定|负责人|联系人|代表|担当|대표|담당|author|agent",
    re.IGNORECASE,
)
_ROW_NUMBER = frozenset(
    "index no nr num number seq serial row rowid sno unnamed 序号 連番 순번 lfd rownum line".split()
)


_MAKERS = frozenset(
    "director author authors autor autoren auteur artist actor actors writer composer creator"
    " producer 作者 著者 导演 監督 저자 감독 inventor editor".split()
)
_ONLY_ID = frozenset(
    "id uuid guid key identifier ident pk nr no number nummer num identifiant 编号"
    " 번호 identificador".split()
)


class Kind(enum.Enum):
    """Whose table it is."""

    PERSONS = "persons"
    ORGANISATIONS = "organisations"
    THINGS = "things"


def table_kind(cases: Iterable[Case]) -> Kind:
    """Return whether rows are (mostly) persons, organisations or neither."""
    person = org = 0.0
    contact_only = True
    org_key = registered = attributes = False
    counted: dict[Category, int] = {}
    for case in cases:
        category, score = case.best()
        reading = case.profile.reading
        if "person" in reading.entities:
            person += 0.7
        if category is C.NONE or score < 0.8:
            continue
        counted[category] = counted.get(category, 0) + 1
        share = 1.0 if counted[category] == 1 else 0.3
        if category is C.PERSON_NAME and _MAKERS & set(reading.words):
            share = 0.3  # films, books and songs have their makers; the rows are works
        person += _PERSON_POINTS.get(category, 0.0) * share
        org += _ORG_POINTS.get(category, 0.0) * share
        if category is C.PERSON_NAME and not _CONTACT_OF_ORG.search(case.profile.name):
            contact_only = False
        if category in (C.DATE_OF_BIRTH, C.GENDER, C.AGE, C.NATIONAL_ID, C.FAMILY_STATUS):
            attributes = True
        if category in (C.ORGANISATION, C.RECORD_ID_ORG) and case.profile.distinct_ratio > 0.7:
            org_key = True
            registered = registered or (
                case.profile.index == 0 and case.profile.distinct_ratio > 0.9
            )
    if attributes and not registered:  # a register of firms may tell when a director was born
        contact_only = False
    if org_key and contact_only and org >= 2.0:
        return Kind.ORGANISATIONS
    if person >= 3.0 and person >= org * 0.6:
        return Kind.PERSONS
    return Kind.ORGANISATIONS if org >= (2.5 if org_key else 5.5) else Kind.THINGS


def apply_context(cases: list[Case]) -> Kind:
    """Add the context lanes to every case and return the kind of table found."""
    _pairs(cases)
    neighbours.integer_addresses(cases)
    neighbours.numbers_of_things(cases)
    neighbours.insurers(cases)
    neighbours.specimens(cases)
    neighbours.consignees(cases)
    settings.variants(cases)
    kind = table_kind(cases)
    for case in cases:
        _attributes(case, kind)
    for case in cases:
        _births(case, kind)
        _keys(case, cases, kind)
        _customers_that_are_firms(case, kind)
        _phones(case, kind)
        _names(case, cases, kind)
    neighbours.names_beside_names(cases)
    neighbours.medical_codes(cases)
    neighbours.income_bands(cases)
    settings.insured_things(cases)
    _medical_bills(cases)
    owned = neighbours.owners(cases)
    for case in cases:
        _places(case, cases, kind, owned=owned)
    settings.wards(cases)
    settings.titles_of_works(cases)
    settings.names_of_few(cases, organisations=kind is Kind.ORGANISATIONS)
    _deaths(cases)
    return kind


def _headerless(profile: Profile) -> bool:
    reading = profile.reading
    return not reading.weights and not reading.roles - {"id"} and "thing" not in reading.entities


def _pairs(cases: list[Case]) -> None:
    """Latitude beside longitude: two decimal columns within range, named or side by side."""
    for left, right in itertools.pairwise(cases):
        if _degrees(left.profile, 90) and _degrees(right.profile, 180):
            named = left.profile.reading.weight(C.LOCATION) + right.profile.reading.weight(
                C.LOCATION
            )
            if named or (_generic(left.profile) and _generic(right.profile)):
                for case in (left, right):
                    case.add(C.LOCATION, 5.0, "two columns of decimal degrees side by side")


_GENERIC_WORDS = frozenset(
    "column col field unnamed var variable attr feature f v x y c spalte 列 字段".split()
)


def _generic(profile: Profile) -> bool:
    """Whether a header says nothing: empty, or `column_3`."""
    return all(w.isdigit() or w in _GENERIC_WORDS for w in profile.reading.words)


def _degrees(profile: Profile, limit: int) -> bool:
    numbers = profile.numbers
    if profile.numeric_share < 0.95 or profile.integral or len(numbers) < 3:
        return False
    fine = np.mean([len(v.partition(".")[2]) >= 4 for v in profile.values])
    return bool(fine > 0.7 and np.max(np.abs(numbers)) <= limit and np.max(np.abs(numbers)) > 1)


def _births(case: Case, kind: Kind) -> None:
    profile = case.profile
    if profile.reading.weight(C.DATE_OF_BIRTH) or profile.reading.weight(C.DATE):
        return
    if date_share(profile) < 0.5 and not profile.dtype.lower().startswith("date"):
        return
    timed = any(":" in v for v in profile.values[:20])
    weight = 1.5 if kind is Kind.PERSONS and not timed else -4.0
    case.add(C.DATE_OF_BIRTH, weight, f"dates in a table of {kind.value}")


def _deaths(cases: list[Case]) -> None:
    """A later, partly empty date beside a date of birth, with no header of its own."""
    births = [c for c in cases if c.category is C.DATE_OF_BIRTH]
    births = [c for c in births if len(years(c.profile))]
    if not births:
        return
    births.sort(
        key=lambda c: (
            -c.profile.reading.weight(C.DATE_OF_BIRTH),
            float(np.median(years(c.profile))),
        )
    )
    born = years(births[0].profile)
    for case in cases:
        profile = case.profile
        named = profile.reading.weights
        if case in births[:1] or named.get(C.DATE) or not len(born) or not len(years(profile)):
            continue
        if case.category is C.DATE_OF_BIRTH and not named.get(C.DATE_OF_BIRTH):
            later = np.median(years(profile)) - np.median(born)
            if later > 25 and profile.nulls > 0.1 * profile.cells:
                case.add(C.DATE_OF_DEATH, 7.0, f"{later:.0f} years after the births, partly empty")
            else:
                case.add(C.DATE_OF_BIRTH, -5.0, "another column holds the births")


def _keys(case: Case, cases: list[Case], kind: Kind) -> None:
    """Decide whose key an id column is."""
    profile, reading = case.profile, case.profile.reading
    if reading.weights and not set(reading.weights) <= {
        C.RECORD_ID,
        C.RECORD_ID_ORG,
        C.PERSON_NAME,
        C.ORGANISATION,
    }:
        return
    repeated = "id" in reading.words and profile.integral and profile.distinct >= 20
    key_like = _key_like(profile) or (repeated and profile.distinct_ratio > 0.05)
    if not key_like:
        return
    words = set(reading.words)
    bare = "id" in reading.roles and not reading.entities
    if (bare and words <= _ROW_NUMBER | {"1", "0"}) or not words:
        if _row_numbers(profile):
            return
    uuid = profile.share("uuid") > 0.8
    only_id = words and words <= _ONLY_ID
    if not (bare or uuid or (not words and profile.index == 0)):
        return
    weight = 4.5 if only_id or uuid or profile.index == 0 else 1.5
    if "thing" in reading.entities:
        return
    about = any(c.confident(C.HEALTH, C.GENDER, C.AGE, C.GENETIC) for c in cases)
    if reading.weight(C.ORGANISATION) > 2 or "org" in reading.entities:
        case.add(C.RECORD_ID_ORG, weight, "a key under the name of an organisation")
    elif kind is Kind.PERSONS or (kind is Kind.THINGS and about):
        case.add(C.RECORD_ID, weight, "a key in a table of persons")
    elif kind is Kind.ORGANISATIONS:
        case.add(C.RECORD_ID_ORG, weight, "a key in a table of organisations")


def _customers_that_are_firms(case: Case, kind: Kind) -> None:
    """A unique `customer id` in a table of organisations is an organisation's key."""
    words = {"customer", "client", "account", "kunden", "cliente", "客户", "取引先", "고객"}
    scores = case.scores()
    if kind is Kind.ORGANISATIONS and scores.get(C.RECORD_ID, 0) > 0:
        joined = " ".join(case.profile.reading.words)
        if any(w in joined for w in words) and case.profile.distinct_ratio > 0.95:
            case.add(C.RECORD_ID_ORG, scores[C.RECORD_ID] + 5.0, "customers that are organisations")


def _key_like(profile: Profile) -> bool:
    """Whether a column could be a key: nearly all distinct, whole numbers or codes."""
    if profile.present < 3:
        return False
    if profile.share("uuid") > 0.8:
        return profile.distinct > 1
    if profile.distinct_ratio < 0.8:
        return False
    if profile.numeric_share > 0.9:
        return profile.integral
    return profile.code_share > 0.8 and profile.mean_words < 1.2


def _row_numbers(profile: Profile) -> bool:
    """Whether whole numbers run 0..n or 1..n without gaps: a count of rows, nobody's key."""
    if not profile.integral or not len(profile.numbers):
        return False
    top = float(np.max(profile.numbers))
    return profile.distinct_ratio > 0.98 and top <= profile.present * 1.02 + 1


def _phones(case: Case, kind: Kind) -> None:
    if kind is not Kind.ORGANISATIONS:
        return
    scores = case.scores()
    personal = {
        "mobile",
        "cell",
        "handy",
        "home",
        "personal",
        "手机",
        "携帯",
        "contact",
        "celular",
        "portable",
    }
    if scores.get(C.PHONE, 0) > 0 and not personal & set(case.profile.reading.words):
        case.add(
            C.ORG_PHONE, scores[C.PHONE] - PRIOR_SHIFT, "telephone in a table of organisations"
        )


PRIOR_SHIFT = -4.5
"""What a category must gain to overtake the personal reading of the same value."""


def _names(case: Case, cases: list[Case], kind: Kind) -> None:
    """A bare `name` column, or an unnamed one, follows the table."""
    profile, reading = case.profile, case.profile.reading
    if (
        "name" not in reading.roles
        or reading.weight(C.PERSON_NAME) > 2
        or "thing" in reading.entities
    ):
        return
    if profile.numeric_share > 0.5 or profile.code_share > 0.5 or profile.boolean:
        return
    others = [c for c in cases if c is not case]
    if kind is Kind.PERSONS and not any(
        c.category is C.PERSON_NAME and c.best()[1] > 2 for c in others
    ):
        case.add(C.PERSON_NAME, 3.0, "`name` in a table of persons")
    elif kind is Kind.ORGANISATIONS and name_share(profile)[0] < 0.3:
        case.add(C.ORGANISATION, 3.5, "`name` in a table of organisations")


_PERSON_BOUND = (
    C.AGE, C.GENDER, C.OCCUPATION, C.ETHNICITY, C.FAMILY_STATUS, C.POLITICAL_OPINION, C.RELIGION,
)  # fmt: skip


_PHYSICAL = frozenset(
    "weight height gewicht grosse groesse poids peso altura taille talla dose dosage drug treatment"
    " condition procedure fever tension stroke pulse diet 体重 身高 身長 severity injury".split()
)


def _attributes(case: Case, kind: Kind) -> None:
    """Attributes of persons are likelier in a table of persons, and hints need one."""
    scores = case.scores()
    words = set(case.profile.reading.words)
    for category in _PERSON_BOUND:
        if category not in scores:
            continue
        strong = case.profile.reading.weight(category) >= 4.4
        if kind is Kind.PERSONS:
            case.add(category, 1.0, "in a table of persons")
        elif not strong or category is C.OCCUPATION:
            case.add(category, -2.0, f"in a table of {kind.value}")
        if category is C.OCCUPATION and kind is not Kind.PERSONS and _no_jobs(case.profile):
            case.add(category, -4.0, "no word for an occupation among the values")
    if C.HEALTH in scores and kind is not Kind.PERSONS and _PHYSICAL & words:
        case.add(C.HEALTH, -4.0, f"a physical measure in a table of {kind.value}")
    if C.HEALTH in scores and kind is not Kind.PERSONS and {"health", "medical"} & words:
        if case.profile.reading.weight(C.HEALTH) < 5:  # of servers, of characters in a game
            case.add(C.HEALTH, -3.0, f"health in a table of {kind.value}")
    if C.HEALTH in scores and kind is Kind.ORGANISATIONS and case.profile.numeric_share > 0.8:
        case.add(C.HEALTH, -5.0, "counts in a table of organisations")
    if C.AGE in scores and kind is Kind.THINGS and {"house", "building", "car", "account"} & words:
        case.add(C.AGE, -4.0, "the age of a thing")


def _no_jobs(profile: Profile) -> bool:
    return profile.distinct >= 3 and profile.token_share("occupation-token")[0] < 0.05


def _medical_bills(cases: list[Case]) -> None:
    """Charges and costs beside diagnoses or insurers are those of care."""
    medical = sum(c.confident(C.HEALTH, C.HEALTH_FINANCE) for c in cases)
    for case in cases:
        hint = case.profile.reading.weight(C.HEALTH_FINANCE)
        if medical >= 2 and 0 < hint and case.category is C.NONE and case.profile.values:
            case.add(C.HEALTH_FINANCE, 3.0, f"beside {medical} columns on health")


def _places(case: Case, cases: list[Case], kind: Kind, *, owned: bool) -> None:
    """Split places into addresses of persons, of organisations, and mere locations.

    `owned`: a column of organisations stands in the table that can own its addresses.
    """
    profile, reading = case.profile, case.profile.reading
    scores = case.scores()
    listed = country_share(profile) if not reading.weights else 0.0
    many = listed > 0.4 and profile.distinct >= 8 and _generic(profile)
    country = "country" in reading.roles or listed > 0.7 or many
    if country and "id" not in reading.roles - {"id"}:
        _country(case, cases, kind)
        return
    if scores.get(C.ADDRESS, -9) <= 0:
        if case.category is C.NONE and _generic(profile) and _beside_address(case, cases):
            case.add(C.ADDRESS, 4.0, "places or postcodes beside an address")
            scores = case.scores()
        else:
            return
    beside = kind is Kind.THINGS and owned
    if kind is Kind.ORGANISATIONS or beside:
        case.add(
            C.ORG_ADDRESS, scores[C.ADDRESS] - PRIOR_SHIFT, "place in a table of organisations"
        )
    elif kind is Kind.THINGS and not _postal(profile) and not _streets(cases):
        weight = scores[C.ADDRESS] - scores.get(C.LOCATION, -3.0) + 1.5
        case.add(C.LOCATION, weight, "a place in a table that is not of persons")


def _beside_address(case: Case, cases: list[Case]) -> bool:
    """Whether a column without header could be the town or postcode of the address beside it."""
    profile = case.profile
    words = profile.letters_share > 0.9 and profile.mean_words < 3 and profile.mean_length < 24
    code = profile.share("postcode-digits", "postcode-hyphen", "postcode-jp") > 0.95
    uniform = len({len(v) for v in profile.values}) == 1
    if profile.boolean or profile.distinct < 8 or not (words or (code and uniform)):
        return False
    near = [c for c in cases if 0 < abs(c.profile.index - profile.index) <= 3]
    return any(c.category is C.ADDRESS and c.best()[1] > 2 for c in near)


def _postal(profile: Profile) -> bool:
    """Whether the header asks for street or postcode, not just a city or region."""
    words = {"zip", "zipcode", "postcode", "postal", "street", "address", "addr", "plz", "strasse"}
    strong = profile.reading.weight(C.ADDRESS)
    return strong >= 5.4 or (strong >= 4.4 and bool(words & set(profile.reading.words)))


def _streets(cases: list[Case]) -> bool:
    return any(_postal(c.profile) and c.category is C.ADDRESS for c in cases)


def _country(case: Case, cases: list[Case], kind: Kind) -> None:
    if case.profile.numeric_share > 0.8 or case.category not in (
        C.NONE,
        C.LOCATION,
        C.ADDRESS,
        C.ETHNICITY,
    ):
        return
    if case.profile.reading.weight(C.ETHNICITY) > 3:
        return
    address = any(
        c is not case and c.category in (C.ADDRESS, C.ORG_ADDRESS) and c.confident(c.category)
        for c in cases
    )
    if kind is Kind.PERSONS:
        case.add(C.ADDRESS if address else C.LOCATION, 6.0, "country in a table of persons")
    elif kind is Kind.THINGS and any(c.confident(C.ADDRESS) for c in cases):
        case.add(C.ADDRESS, 6.0, "country beside an address")
    elif address:
        case.add(C.ORG_ADDRESS, 6.0, "country beside an address in a table of organisations")


def codes_without_header(cases: list[Case], kind: Kind) -> None:
    """Opaque random codes without a header in a table of persons may be keys: say `possible`."""
    for case in cases:
        profile = case.profile
        if kind is Kind.PERSONS and _headerless(profile) and case.category is C.NONE:
            if (
                profile.index <= 1
                and _key_like(profile)
                and profile.code_share > 0.95
                and profile.mean_length >= 6
                and entropy(profile) > 3.0
            ):
                if not (epoch(profile) or excel_serial(profile) or _row_numbers(profile)):
                    if profile.numeric_share < 0.5:
                        case.add(C.RECORD_ID, 3.4, "opaque distinct codes in a table of persons")
