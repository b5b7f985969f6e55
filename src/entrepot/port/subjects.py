"""Who a table is about: the key that tells persons apart, quasi-identifiers, distinct persons.

Thresholds in law count distinct natural persons, not rows or cells. The strongest identifier that
fills nearly every row is the key; where it is empty each row counts as one person, and where there
is no key at all every row does. Both err toward more persons, which is the strict side.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from entrepot.port.detect.sketch import DistinctCounter, distinct_of
from entrepot.port.model import DIRECT, Category, ColumnReport, RiskReport, SubjectCount, Verdict

KEY_COVERAGE_MIN = 0.95
"""A column with fewer filled cells than this share does not tell the table's persons apart."""
EXACT_PERSONS_MAX = 2_000_000
"""Person keys kept per count (8 bytes each) before a count becomes an estimate (about 1 %)."""
QUASI_IDENTIFIERS_MAX = 12
PLAIN_DISTINCT_MAX = 1_000
"""A column of unknown meaning with more distinct values is an amount or a code, not a trait."""

_KEY_ORDER = [
    Category.NATIONAL_ID,
    Category.RECORD_ID,
    Category.EMAIL,
    Category.USERNAME,
    Category.PHONE,
    Category.DEVICE_ID,
    Category.FINANCE_ACCOUNT,
    Category.IP,
]
QUASI = frozenset(
    {
        Category.DATE_OF_BIRTH,
        Category.DATE_OF_DEATH,
        Category.AGE,
        Category.GENDER,
        Category.ADDRESS,
        Category.LOCATION,
        Category.OCCUPATION,
        Category.ETHNICITY,
        Category.FAMILY_STATUS,
        Category.RELIGION,
        Category.INCOME,
        Category.ORGANISATION,
        Category.DATE,
    }
)
"""Categories that others may know of a person and that narrow down who it is."""
_OF_PERSONS = (
    (DIRECT | QUASI) | {Category.HEALTH, Category.HEALTH_FINANCE, Category.POLITICAL_OPINION}
) - {
    Category.ORGANISATION,
    Category.DATE,
    Category.LOCATION,
    Category.ADDRESS,
    Category.PHONE,
}
"""Categories that only persons have."""
_CONTACT = frozenset({Category.ADDRESS, Category.PHONE})
"""Categories that organisations have too: of persons only where no organisation stands beside."""
_OF_ORGANISATIONS = frozenset(
    {Category.ORGANISATION, Category.ORG_ADDRESS, Category.ORG_PHONE, Category.RECORD_ID_ORG}
)
_ROW_IS_PERSON = frozenset(
    """guest guests customer customers cust patient patients employee emp passenger visitor student
    user subscriber member adults children babies tenant voter respondent citizen resident pupil
    donor person participant subject applicant candidate mrn sample donor
    kunde kunden kundennummer kundennr gast mitarbeiter personal cliente clientes client clients
    usager paciente huésped empleado funcionario
    客户 顾客 旅客 患者 员工 会员 学生 用户 居民 乘客 顧客 社員 会員 工号 学号
    고객 회원 환자""".split()
)
_COUNT_WORDS = frozenset(
    """count counts n number persons people cases total anzahl fälle personen nombre effectif número
    numero casos total 人数 件数 数量 合计 人口 인원 건수""".split()
)
"""Headers of a column that says how many persons a row of an aggregate stands for."""


@dataclass(frozen=True, slots=True)
class PersonKey:
    """The columns that tell persons apart, and the sentence that says so."""

    columns: list[str]
    method: str


def is_about_persons(columns: list[ColumnReport]) -> bool:
    """Say whether a row of the table stands for a person, or an event of one person."""
    found = {c.category for c in columns if c.verdict != Verdict.NOT_FOUND}
    if found & _OF_PERSONS or any(c.contains for c in columns):
        return True
    if found & _CONTACT and not found & _OF_ORGANISATIONS:
        return True
    return any(words(c) & _ROW_IS_PERSON for c in columns)


def count_column(columns: list[ColumnReport]) -> str | None:
    """Return the column that counts the persons of each row, if the table is an aggregate.

    An aggregate points at nobody, and has one column of whole numbers with a counting header.
    """
    if any(c.category in DIRECT and c.verdict != Verdict.NOT_FOUND for c in columns):
        return None
    counting = [
        c.name
        for c in columns
        if words(c) & _COUNT_WORDS
        and c.category == Category.NONE
        and not c.nulls
        and all(set(shape) <= {"9"} for shape in c.examples)
    ]
    return counting[0] if len(counting) == 1 else None


class SmallestCell:
    """Watches the counting column of what may be an aggregate."""

    def __init__(self, column: str | None) -> None:
        """Watch `column`, or nothing."""
        self.column = column
        self.smallest: int | None = None

    def feed(self, frame: pl.DataFrame) -> None:
        """Look at the counts of one frame."""
        if self.column is None:
            return
        least = frame[self.column].cast(pl.Int64, strict=False).min()
        if isinstance(least, int):
            self.smallest = least if self.smallest is None else min(self.smallest, least)

    def is_aggregate(self, risk: RiskReport | None) -> bool:
        """Say whether each row is a group of its own: counted, and alone in its combination."""
        return (
            self.column is not None
            and self.smallest is not None
            and risk is not None
            and risk.uniques == risk.rows
        )


def words(column: ColumnReport) -> set[str]:
    """Return the words of a column's header, lower-case, `camelCase` taken apart."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column.name)
    return set(re.split(r"[\W_]+", apart.lower()))


def person_key(columns: list[ColumnReport]) -> PersonKey:
    """Choose the key: the strongest identifier filled in nearly every row, or name and birth.

    Among several of one kind the one whose header names a person ("patient", "customer") is taken
    before the one with the most values: that one is often the key of an event. A key with fewer
    values than the table has names tells no persons apart.
    """
    names = [c for c in columns if c.category == Category.PERSON_NAME and _is_filled_widely(c)]
    named = max((c.distinct for c in names), default=0)
    for category in _KEY_ORDER:
        fit = [c for c in columns if c.category == category and _tells_apart(c)]
        fit = [c for c in fit if c.distinct >= named * _FEWER_THAN_NAMES]
        if fit:
            best = max(fit, key=lambda c: (bool(words(c) & _ROW_IS_PERSON), c.distinct))
            shared = "; several persons may share one" if category == Category.IP else ""
            return PersonKey([best.name], f"distinct values of {best.name} ({category}){shared}")
    births = [c.name for c in columns if c.category == Category.DATE_OF_BIRTH]
    if names and births:
        together = [*(c.name for c in names[:3]), births[0]]
        return PersonKey(together, f"distinct combinations of {', '.join(together)}")
    return PersonKey([], "no identifier tells persons apart: every row counts as one person")


_FEWER_THAN_NAMES = 0.5
"""Share of the distinct names below which an identifier is another's (an agent's, a firm's)."""


def _is_filled_widely(column: ColumnReport) -> bool:
    return bool(column.cells) and (column.cells - column.nulls) / column.cells >= KEY_COVERAGE_MIN


def _tells_apart(column: ColumnReport) -> bool:
    """Say whether an identifier can be the key: filled nearly everywhere, whole, and surely one.

    A merely possible identifier that repeats much (an agent, a branch) would count too few persons,
    and so would one whose last digits a spreadsheet destroyed or a browser that many share.
    """
    if not _is_filled_widely(column) or column.subtype == "user-agent":
        return False
    if any("destroyed" in defect for defect in column.defects):
        return False
    if column.verdict == Verdict.FOUND:
        return True
    return column.verdict == Verdict.POSSIBLE and column.distinct >= column.cells / 2


def quasi_identifiers(columns: list[ColumnReport]) -> list[str]:
    """Choose the columns over which risk is measured: what others may know of a person.

    In a table that names persons these are the known quasi-identifiers. In one that names nobody,
    or where fewer than three are known, dates and plain columns of 2 to 1,000 distinct values join
    them, most telling first: what narrows a row down is a quasi-identifier whatever it is called.
    Amounts and prose never are. At most `QUASI_IDENTIFIERS_MAX`, in the order of the table.
    """
    known = [
        c
        for c in columns
        if c.category in QUASI and c.verdict != Verdict.NOT_FOUND and c.distinct > 1
    ]
    chosen = [c for c in known if c.category != Category.DATE]
    names_persons = any(c.category in DIRECT and _tells_apart(c) for c in columns)
    if len(chosen) < 3 or not names_persons:
        telling = [
            c
            for c in columns
            if c not in chosen
            and (c.category in QUASI or c.category == Category.NONE)
            and 2 <= c.distinct <= PLAIN_DISTINCT_MAX
            and c.nulls < c.cells * 0.95
        ]
        chosen += sorted(telling, key=lambda c: -c.distinct)
    return [c.name for c in sorted(chosen[:QUASI_IDENTIFIERS_MAX], key=lambda c: c.index)]


class PersonCounter:
    """Counts distinct persons, in all and with any cell filled of given sets of columns."""

    def __init__(self, key: PersonKey, classes: dict[tuple[str, str], list[str]]) -> None:
        """`classes` maps (regime, class) to the columns whose filled cells put a person in it."""
        self._key = key
        self._classes = classes
        sets = {tuple(sorted(names)) for names in classes.values()}
        limit = max(1 << 16, EXACT_PERSONS_MAX // (len(sets) + 1))
        self._all = DistinctCounter(EXACT_PERSONS_MAX)
        self._sets = {names: DistinctCounter(limit) for names in sets}
        self._rows = 0
        self._without_key = 0

    def feed(self, frame: pl.DataFrame) -> pl.Series:
        """Count the persons of `frame`; return one 64-bit hash per row, equal for one person."""
        keys = self._keys(frame)
        hashes = keys.to_numpy()
        everybody = distinct_of(hashes)
        self._all.add(everybody)
        for names, counter in self._sets.items():
            filled = frame.select(
                pl.any_horizontal(_is_filled(frame, name) for name in names)
            ).to_series()
            whole = filled.all()
            counter.add(everybody if whole else distinct_of(hashes[filled.to_numpy()]))
        self._rows += frame.height
        return keys

    def _keys(self, frame: pl.DataFrame) -> pl.Series:
        if not self._key.columns:
            return self._own_keys(frame.height)
        hashed = frame.select(self._key.columns).hash_rows(seed=4)
        filled = frame.select(
            pl.all_horizontal(_is_filled(frame, name) for name in self._key.columns)
        ).to_series()
        if filled.all():
            return hashed
        self._without_key += int((~filled).sum())
        return hashed.zip_with(filled, self._own_keys(frame.height))

    def _own_keys(self, rows: int) -> pl.Series:
        """Return a key of its own for each of the next `rows` rows."""
        start = self._rows
        return pl.Series(np.arange(start, start + rows, dtype=np.uint64)).hash(seed=3)

    def persons(self) -> int:
        """Return the distinct persons of the table."""
        return self._all.count()

    @property
    def exact(self) -> bool:
        """Whether `persons` is exact (given the key)."""
        return self._all.exact

    @property
    def method(self) -> str:
        """Say in words how persons were told apart."""
        text = self._key.method
        if self._without_key:
            text += f"; {self._without_key:,} rows without it count as one person each"
        return text

    def subjects(self) -> list[SubjectCount]:
        """Return the distinct persons per regime and class."""
        found = []
        for (regime, klass), names in sorted(self._classes.items()):
            counter = self._sets[tuple(sorted(names))]
            found.append(
                SubjectCount(regime, klass, counter.count(), counter.exact, self._key.method, names)
            )
        return found


def _is_filled(frame: pl.DataFrame, name: str) -> pl.Expr:
    column = pl.col(name)
    if frame.schema[name] == pl.String:
        return column.is_not_null() & (column.str.len_bytes() > 0)
    return column.is_not_null()
