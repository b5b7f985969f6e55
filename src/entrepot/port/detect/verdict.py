"""Add the lanes up to one category per column, and write the report."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from entrepot.port.detect.catalog import BY_NAME
from entrepot.port.detect.profile import Profile
from entrepot.port.model import Category, ColumnReport, Lane, Verdict

C = Category
PRIOR = -3.0
"""Log-odds of any one category against `none` before evidence (about 1 in 20)."""
_FOUND_MARGIN = 2.0
_FOUND_CONFIDENCE = 0.8


@dataclass
class Case:
    """One column with its evidence so far."""

    profile: Profile
    lanes: list[Lane] = field(default_factory=list)

    def scores(self) -> dict[Category, float]:
        """Return the posterior log-odds of each category that any lane speaks of; none is 0."""
        total: dict[Category, float] = {}
        for lane in self.lanes:
            if lane.category is not C.NONE:
                total[lane.category] = total.get(lane.category, PRIOR) + lane.weight
        return total

    def none_score(self) -> float:
        """Return the log-odds that speak for `none` outright."""
        return sum(lane.weight for lane in self.lanes if lane.category is C.NONE)

    def best(self) -> tuple[Category, float]:
        """Return the winning category and its log-odds against `none`."""
        scores = self.scores()
        floor = self.none_score()
        if scores:
            category = max(scores, key=lambda c: scores[c])
            if scores[category] > floor:
                return category, scores[category] - floor
        return C.NONE, 0.0

    @property
    def category(self) -> Category:
        """The winning category."""
        return self.best()[0]

    def confident(self, *categories: Category) -> bool:
        """Whether one of `categories` wins with odds of at least e to 1."""
        category, score = self.best()
        return category in categories and score >= 1.0

    def add(self, category: Category, weight: float, detail: str, lane: str = "context") -> None:
        """Add one lane."""
        self.lanes.append(Lane(lane, category, round(weight, 2), detail))


def confidence(case: Case) -> tuple[float, Category | None]:
    """Return the softmax share of the winner among all readings, and the runner-up."""
    scores = {**case.scores(), C.NONE: case.none_score()}
    winner = case.category
    top = scores.get(winner, 0.0)
    total = sum(math.exp(max(-60.0, s - top)) for s in scores.values())
    rest = sorted((s, c) for c, s in scores.items() if c is not winner)
    runner = rest[-1][1] if rest and rest[-1][0] > top - 6.0 and rest[-1][0] > PRIOR else None
    return 1.0 / total, runner


def mask(value: str) -> str:
    """Return a value's shape: letters as A/a, digits as 9, other scripts as 文; 40 characters."""
    out = []
    for char in value[:40]:
        if char.isdigit():
            out.append("9")
        elif char.isascii():
            out.append("A" if char.isupper() else "a" if char.islower() else char)
        else:
            out.append("文" if char.isalpha() and char.lower() == char.upper() else
                       "A" if char.isupper() else "a" if char.isalpha() else char)  # fmt: skip
    return re.sub(r"[\r\n\t]", " ", "".join(out)) + ("…" if len(value) > 40 else "")


def subtype(case: Case) -> str:
    """Return which identifier or form the winner is: its best detector, or the word list."""
    profile, winner = case.profile, case.category
    best, held = 0.0, ""
    for name, match in profile.matches.items():
        detector = BY_NAME[name]
        same = detector.category is winner or (
            winner in (C.DATE_OF_BIRTH, C.DATE_OF_DEATH) and detector.category is C.DATE
        ) or (winner is C.ORG_PHONE and detector.category is C.PHONE) or (
            winner is C.ORG_ADDRESS and detector.category is C.ADDRESS
        )  # fmt: skip
        if not same or not profile.matched_cells:
            continue
        share = match.passed / profile.matched_cells
        rank = share * (2.0 if detector.check is not None else 1.0) + detector.weight / 100
        if share > 0.25 and rank > best:
            best, held = rank, name
    if held in ("phone-like", "passport-like", "postcode-digits", "decimal-degrees"):
        held = ""
    return held or _header_subtype(case)


_SUBTYPE_WORDS = (
    ("first-name", ("first", "given", "vorname", "prenom", "nombres", "fname", "forename", "名", "メイ")),  # noqa: E501
    ("last-name", ("last", "family", "surname", "nachname", "apellido", "apellidos", "sobrenome", "姓",  # noqa: E501
                   "cognome", "lname", "セイ")),
    ("city", ("city", "town", "ort", "stadt", "ville", "ciudad", "cidade", "城市", "市", "市区町村")),  # noqa: E501
    ("postcode", ("zip", "zipcode", "postcode", "postal", "plz", "postleitzahl", "邮编", "郵便番号", "cep",  # noqa: E501
                  "우편번호", "邮政编码", "cap")),
    ("region", ("state", "province", "region", "bundesland", "省份", "省", "都道府県", "uf", "estado")),  # noqa: E501
    ("country", ("country", "land", "pays", "pais", "国家", "국가")),
    ("latitude", ("lat", "latitude", "纬度", "緯度", "위도", "latitud")),
    ("longitude", ("lon", "lng", "long", "longitude", "经度", "経度", "경도", "longitud")),
    ("passport", ("passport", "reisepass", "passeport", "pasaporte", "护照号", "护照号码", "여권번호")),  # noqa: E501
    ("driving-licence", ("licence", "license", "fuhrerschein", "驾驶证号")),
    ("year", ("year", "jahr", "annee", "ano", "年份")),
)  # fmt: skip


def _header_subtype(case: Case) -> str:
    words = set(case.profile.reading.words)
    person = case.category is C.PERSON_NAME
    for name, keys in _SUBTYPE_WORDS:
        if words.intersection(keys) and (person == name.endswith("-name")):
            return name
    return ""


def bound(case: Case) -> str:
    """State what share matched, or what prevalence could have been missed (rule of three)."""
    profile = case.profile
    if case.category is C.NONE:
        seen = profile.present
        if not seen:
            return "no non-empty cell to examine"
        strays = sum(m.passed for n, m in profile.matches.items() if BY_NAME[n].strong)
        if strays:
            return f"{strays:,} of {seen:,} cells have the shape of an identifier"
        return (
            f"no strong shape in any of {seen:,} non-empty cells: "
            f"prevalence under {3 / seen:.2g} at 95 %"
        )
    related = [
        profile.match(n).passed for n in profile.matches if BY_NAME[n].category is case.category
    ]
    share = max(related, default=0) / profile.matched_cells if profile.matched_cells else 0.0
    scope = "all" if profile.exhaustive else "the sampled"
    if share >= 0.01:
        return f"{share:.1%} of {scope} {profile.matched_cells:,} non-empty cells have its shape"
    return (
        f"judged on {len(profile.values):,} distinct values of {profile.present:,} non-empty cells"
    )


_PROSE_WORDS = 5.0


def _inside(case: Case) -> dict[str, int]:
    """Return what else cells hold: category → cells, without second readings of the whole cell.

    Where most cells of a column of short values are identifiers of one form, digits found in most
    of them are those of the identifier itself (a health-service number reads as a telephone).
    """
    profile, winner = case.profile, case.category
    shaped = any(
        BY_NAME[name].category is winner and match.passed > 0.5 * max(1, profile.matched_cells)
        for name, match in profile.matches.items()
    )
    whole = shaped and winner is not C.FREE_TEXT and profile.mean_words < _PROSE_WORDS
    return {
        category.value: cells
        for category, cells in sorted(profile.contains.items())
        if category is not winner and not (whole and cells > 0.3 * profile.present)
    }


def report(case: Case) -> ColumnReport:
    """Return the report of one column; `sensitivity` is left for the caller."""
    profile = case.profile
    category, score = case.best()
    sure, runner = confidence(case)
    if category is C.NONE:
        verdict = Verdict.NOT_FOUND
    elif score >= _FOUND_MARGIN and sure >= _FOUND_CONFIDENCE:
        verdict = Verdict.FOUND
    else:
        verdict = Verdict.POSSIBLE
    lanes = sorted(case.lanes, key=lambda lane: -abs(lane.weight))
    shapes = list(dict.fromkeys(mask(v) for v in profile.values[:12]))[:3]
    return ColumnReport(
        name=profile.name,
        index=profile.index,
        dtype=profile.dtype,
        category=category,
        subtype=subtype(case) if category is not C.NONE else "",
        verdict=verdict,
        confidence=round(sure, 2),
        bound=bound(case),
        lanes=lanes,
        runner_up=runner,
        sensitivity={},
        cells=profile.cells,
        nulls=profile.nulls,
        distinct=profile.distinct,
        examples=shapes,
        contains=_inside(case),
        defects=profile.defects,
    )
