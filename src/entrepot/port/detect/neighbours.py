"""Evidence from the columns beside: rules that need two columns, or what a header's thing is.

Each rule takes all cases of a table and adds context lanes to some of them. Whose table it is
(persons, organisations, things) is decided in `context`; nothing here depends on it.
"""

from __future__ import annotations

import ipaddress
import re

import numpy as np
from numpy.typing import NDArray

from entrepot.port.detect.catalog import BY_NAME
from entrepot.port.detect.judge_shapes import epoch
from entrepot.port.detect.judge_words import name_share
from entrepot.port.detect.profile import Profile
from entrepot.port.detect.verdict import Case
from entrepot.port.model import Category

C = Category
_SAME_SPREAD = 0.08
"""Largest distance of two distribution functions still taken for the same addresses; two samples
of 400 of one distribution differ by more in one case of six, of 4,000 in none."""


def integer_addresses(cases: list[Case]) -> None:
    """Whole numbers that are spread over the range as the dotted addresses beside them are.

    Order numbers and seconds since 1970 lie in the range of IPv4 too, but in a narrow band: the
    distribution functions are compared (Kolmogorov-Smirnov distance).
    """
    dotted = [numbers for c in cases if c.confident(C.IP) and len(numbers := _as_numbers(c))]
    for case in cases:
        profile = case.profile
        if not dotted or not profile.integral or case.category not in (C.NONE, C.PHONE):
            continue
        if epoch(profile) or len(profile.numbers) < 10 or "thing" in profile.reading.entities:
            continue
        if min(_distance(numbers, profile.numbers) for numbers in dotted) <= _limit(profile):
            case.add(C.IP, 9.0, "whole numbers spread as the addresses of another column")


def _limit(profile: Profile) -> float:
    return max(_SAME_SPREAD, 1.9 / float(np.sqrt(len(profile.numbers))))


def _as_numbers(case: Case) -> NDArray[np.float64]:
    found = []
    for value in case.profile.values:
        try:
            found.append(float(int(ipaddress.IPv4Address(value))))
        except ValueError:
            continue
    return np.array(found, np.float64)


def _distance(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Return the largest distance between two empirical distribution functions, 0 to 1."""
    points = np.concatenate([left, right])
    first = np.searchsorted(np.sort(left), points, "right") / len(left)
    second = np.searchsorted(np.sort(right), points, "right") / len(right)
    return float(np.max(np.abs(first - second)))


def numbers_of_things(cases: list[Case]) -> None:
    """An invoice number of nine digits is no social security number, a product name no person."""
    for case in cases:
        reading = case.profile.reading
        if "thing" not in reading.entities or "person" in reading.entities:
            continue
        number = (C.NATIONAL_ID, C.PHONE) if "id" in reading.roles else (C.PHONE,)
        for category in number:
            if case.category is category and not reading.weight(category):
                if not _proved(case.profile, category):
                    case.add(category, -6.0, "the header names the number of a thing")
        if "name" in reading.roles and not reading.weight(C.PERSON_NAME):
            case.add(C.PERSON_NAME, -3.0, "the header names a thing")


def _proved(profile: Profile, category: C) -> bool:
    """Whether a check digit that chance seldom meets holds in most cells."""
    return any(
        BY_NAME[name].category is category
        and BY_NAME[name].chance < 0.2
        and match.passed > 0.8 * profile.matched_cells
        for name, match in profile.matches.items()
    )


_PATIENT = frozenset(
    "patient patients pat patienten patientin paciente pacientes paziente patiënt pacjent encounter"
    " 患者 病人 患者id 患者番号 病历号 환자 patientid".split()
)
_CODE_WORDS = frozenset(
    "code cd reason reasoncode concept coding codigo código 编码 コード 코드".split()
)
_TEXT_WORDS = frozenset(
    "description desc display text term reason reasondescription bezeichnung libelle".split()
)


def medical_codes(cases: list[Case]) -> None:
    """A bare `code` or `description` beside words for diseases, among patients, is medical."""
    words = [set(c.profile.reading.words) for c in cases]
    if not any(_PATIENT & found for found in words):
        return
    named = [c for c in cases if _names_diseases(c)]
    if not named:
        return
    for case, found in zip(cases, words, strict=True):
        profile = case.profile
        if not found or not profile.values:
            continue
        if found <= _CODE_WORDS and case.category is C.NONE and profile.code_share > 0.8:
            case.add(C.HEALTH, 6.0, "codes beside words for diseases in a table of patients")
        elif found <= _TEXT_WORDS and profile.mean_words <= 9:
            if case in named or profile.mean_words < 5:
                lead = case.scores().get(C.FREE_TEXT, 0.0) - case.scores().get(C.HEALTH, -3.0)
                case.add(C.HEALTH, max(3.0, lead + 2.0), "medical terms in a table of patients")


def _names_diseases(case: Case) -> bool:
    return any(
        lane.category is C.HEALTH and lane.lane == "dictionary" and lane.weight >= 2.0
        for lane in case.lanes
    ) or (case.confident(C.HEALTH) and case.profile.letters_share > 0.5)


def specimens(cases: list[Case]) -> None:
    """The number of a sample, beside genes or diagnoses, stands for the person who gave it."""
    about = any(c.confident(C.GENETIC, C.HEALTH, C.BIOMETRIC) for c in cases)
    words = {
        "sample",
        "specimen",
        "probe",
        "proben",
        "échantillon",
        "muestra",
        "样本",
        "検体",
        "검체",
    }
    for case in cases:
        reading = case.profile.reading
        if about and "id" in reading.roles and words & set(reading.words):
            if case.profile.code_share > 0.8 and not case.profile.fractional:
                case.add(C.RECORD_ID, 5.0, "samples beside genetic or medical columns")


def insurers(cases: list[Case]) -> None:
    """A unique `name` full of insurers lists the insurers themselves."""
    for case in cases:
        profile = case.profile
        if "name" in profile.reading.roles and case.category is C.HEALTH_FINANCE:
            if profile.distinct_ratio > 0.9 and not profile.reading.weight(C.HEALTH_FINANCE):
                gap = case.scores()[C.HEALTH_FINANCE] - case.scores().get(C.ORGANISATION, -3.0)
                case.add(C.ORGANISATION, gap + 4.0, "each insurer once: a list of firms")


def consignees(cases: list[Case]) -> None:
    """`ship name` beside `ship address` is to whom goods are sent, not the name of a vessel."""
    headers = [c.profile.reading for c in cases]
    sent = any(r.words[:1] == ("ship",) and r.weight(C.ADDRESS) > 0 for r in headers)
    for case in cases:
        profile = case.profile
        if sent and profile.reading.words == ("ship", "name") and profile.letters_share > 0.5:
            person = name_share(profile)[0] > 0.3
            category = C.PERSON_NAME if person else C.ORGANISATION
            case.add(category, 5.0, "the name beside the address goods are sent to")


def names_beside_names(cases: list[Case]) -> None:
    """A column without header beside a name, a share of it known names, is the other name."""
    for index, case in enumerate(cases):
        profile = case.profile
        if case.category is not C.NONE or profile.reading.weights or profile.letters_share < 0.95:
            continue
        if any(not w.isdigit() and len(w) > 6 for w in profile.reading.words):
            continue
        near = cases[max(0, index - 1) : index] + cases[index + 1 : index + 2]
        share = name_share(profile)[0]
        capital = np.mean([v[:1].isupper() for v in profile.values]) if profile.values else 0.0
        if share >= 0.15 and capital > 0.95 and profile.mean_words < 2:
            if any(c.category is C.PERSON_NAME and c.best()[1] > 2 for c in near):
                case.add(C.PERSON_NAME, 2.5, "known names among the values, beside another name")


_BAND = re.compile(r"[<>≤≥]=? ?[$€£¥]?\d+(?:[.,]\d+)? ?[kK]\+?|\d+ ?[kK]? ?[-–] ?\d+ ?[kK]")


def income_bands(cases: list[Case]) -> None:
    """Bands in thousands (`<=50K`) without a header, among attributes of persons, are of income."""
    personal = (C.GENDER, C.FAMILY_STATUS, C.ETHNICITY, C.OCCUPATION, C.DATE_OF_BIRTH)
    if len({c.category for c in cases if c.confident(*personal)}) < 2:
        return
    for case in cases:
        values, reading = case.profile.values, case.profile.reading
        if values and not reading.weights and not reading.roles - {"id"}:
            if all(_BAND.fullmatch(v) for v in values) and case.category is C.NONE:
                case.add(C.INCOME, 4.5, "bands in thousands beside attributes of persons")


def owners(cases: list[Case]) -> bool:
    """Whether some column of organisations can own the addresses and telephones of the table.

    An agency, an issuer or a court that handles a case does not live at its address; nor do a
    handful of firms live at thousands of addresses.
    """
    places = [c.profile.distinct for c in cases if c.confident(C.ADDRESS, C.PHONE)]
    floor = 0.1 * max(places, default=0)
    return any(
        c.confident(C.ORGANISATION)
        and c.profile.distinct >= max(2, floor)
        and not _ISSUERS & set(c.profile.reading.words)
        for c in cases
    )


_ISSUERS = frozenset(
    "agency issuer issuing authority court precinct carrier department ministry regulator inspector"
    " behorde amt gericht autorite administration autoridad juzgado 机关 部门 機関 기관".split()
)
