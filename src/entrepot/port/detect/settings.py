"""What a header means in its setting: wards, genes, insured cars, titles of works, short tables.

Each rule takes all cases of a table and adds context lanes where other columns say which of two
meanings a word has (the premium of a car or of a patient, the title of a film or of a clerk).
"""

from __future__ import annotations

import re

from entrepot.port.detect.judge_words import name_share
from entrepot.port.detect.lexicon import words
from entrepot.port.detect.profile import Profile
from entrepot.port.detect.verdict import Case
from entrepot.port.model import Category

C = Category
_PATIENT = frozenset(
    "patient patients patienten paciente pacientes paziente pacjent mrn 患者 病人 病历号"
    " 病歷號 病案号 住院号 환자 patientid".split()
)


def _header(case: Case) -> frozenset[str]:
    return frozenset(case.profile.reading.words)


def _lift(case: Case, category: C, margin: float, detail: str) -> None:
    """Let `category` win by `margin` over all other readings of a case."""
    scores = case.scores()
    held = max([case.none_score(), *scores.values()])
    case.add(category, held - scores.get(category, -3.0) + margin, detail)


def wards(cases: list[Case]) -> None:
    """The ward of a patient tells what the stay was for; the ward of a voter is a district."""
    if not any(_PATIENT & _header(c) for c in cases):
        return
    for case in cases:
        if "ward" in _header(case) and case.profile.letters_share > 0.5:
            if case.category in (C.NONE, C.ADDRESS, C.LOCATION):
                _lift(case, C.HEALTH, 2.5, "the department that treats a patient")


_BASES = re.compile(r"[ACGTN*.,-]+", re.IGNORECASE)
_CHROMOSOME = re.compile(r"(?:chr)?(?:[1-9]|1\d|2[0-2]|X|Y|XY|MT?)", re.IGNORECASE)
_CALL = re.compile(r"[0-9.][/|][0-9.]|[ACGT-][/|]?[ACGT-]|0|1|2")
_COLUMNS_OF_VARIANTS = {
    "chrom": _CHROMOSOME, "chr": _CHROMOSOME, "ref": _BASES, "alt": _BASES, "gt": _CALL,
}  # fmt: skip


def variants(cases: list[Case]) -> None:
    """Beside a variant or a gene, `chrom`, `ref`, `alt` and `gt` are columns of the same call."""
    if not any(c.confident(C.GENETIC) for c in cases):
        return
    for case in cases:
        header, values = case.profile.reading.words, case.profile.values
        form = _COLUMNS_OF_VARIANTS.get(header[0]) if len(header) == 1 else None
        if form and values and case.category is not C.GENETIC and all(map(form.fullmatch, values)):
            _lift(case, C.GENETIC, 3.0, "part of a genetic variant, beside genes or variants")


_INSURANCE = frozenset("insurer insurance policy premium claim claims coverage deductible".split())
_OF_BODIES = frozenset("health medical dental hospital care treatment".split())


def insured_things(cases: list[Case]) -> None:
    """Without any column on health an insurer is a firm, and premium and policy are of a thing."""
    if any(_PATIENT & _header(c) or c.confident(C.HEALTH) for c in cases):
        return
    bills = [c for c in cases if c.scores().get(C.HEALTH_FINANCE, -3.0) > 0]
    if not all(_could_be_of_a_thing(c) for c in bills):
        return
    for case in bills:
        header = _header(case)
        if "insurer" in header or {"insurance", "company"} <= header:
            if not case.profile.digits_share > 0.5:
                _lift(case, C.ORGANISATION, 3.0, "an insurer in a table without health columns")
        elif {"premium", "policy"} & header:
            case.add(C.HEALTH_FINANCE, -9.0, "an insurance in a table without health columns")


def _could_be_of_a_thing(case: Case) -> bool:
    """Whether only general words of insurance, and no value, speak for costs of health."""
    header = _header(case)
    values = any(
        lane.category is C.HEALTH_FINANCE and lane.weight > 0 and lane.lane not in _SAID
        for lane in case.lanes
    )
    return bool(_INSURANCE & header) and not (_OF_BODIES & header) and not values


_SAID = frozenset({"header", "structure", "context"})
_WORKS = frozenset(
    "author authors isbn publisher genre artist album autor auteur 作者 著者 导演 監督".split()
)
_MAKERS = frozenset({"director", "directors"})

_STAFF = frozenset("employee employees emp staff worker hire hired department salary".split())


def titles_of_works(cases: list[Case]) -> None:
    """A `title` beside an author, a director or an ISBN is that of a work, not of a post."""
    headers = [_header(c) for c in cases]
    directed = any(_MAKERS & h for h in headers) and any("year" in h for h in headers)
    if not (directed or any(_WORKS & h for h in headers)):
        return
    staff = any(_STAFF & h for h in headers)
    if staff or any(c.confident(C.INCOME, C.DATE_OF_BIRTH, C.NATIONAL_ID) for c in cases):
        return
    for case, header in zip(cases, headers, strict=True):
        if "title" in header and len(header) <= 2 and "job" not in header:
            if case.category is C.OCCUPATION:
                lead = case.scores()[C.OCCUPATION]
                case.add(C.OCCUPATION, -lead - 4.0, "titles of works, beside those who made them")


_BARE_NAME = frozenset("name names nom nombre nome naam 姓名 名前 이름".split())
_GOODS = frozenset(
    "price prices cost qty quantity stock sku ean gtin isbn amount unit units brand category model"
    " preis menge prix precio cantidad population country capital version type size colour color"
    " website url address value date status".split()
)
_CAPITALISED = re.compile(r"[^\W\d_a-z][\w'’.-]*(?: [^\W\d_a-z][\w'’.-]*){1,2}")
_FEW_ROWS = 3


def names_of_few(cases: list[Case], *, organisations: bool) -> None:
    """A bare `name` over one to three rows: too few for shares, so the form of a name must do."""
    if organisations or any(_about_goods(c) for c in cases):
        return
    for case in cases:
        profile = case.profile
        if case.category is C.NONE and _BARE_NAME & _header(case) and len(_header(case)) == 1:
            if 1 <= profile.present <= _FEW_ROWS and _names_by_form(profile):
                _lift(case, C.PERSON_NAME, 1.2, "a few values in the form of names of persons")


def _about_goods(case: Case) -> bool:
    reading = case.profile.reading
    goods = "thing" in reading.entities or bool(_GOODS & set(reading.words))
    return goods or case.confident(C.ORGANISATION, C.RECORD_ID_ORG)


def _names_by_form(profile: Profile) -> bool:
    """Whether all values are known names, or two or three capitalised words of no other list."""
    if profile.digits_share > 0 or not profile.values:
        return False
    if name_share(profile)[0] >= 0.5:
        return True
    if not all(v.istitle() and _CAPITALISED.fullmatch(v) for v in profile.values):
        return False
    listed = ("city", "region", "country", "company", "colour", "status", "department", "payer")
    groups = frozenset[str]().union(*(words(group) for group in (*listed, "occupation-token")))
    return not any(v in groups or groups & set(profile.split(v)) for v in profile.folded)
