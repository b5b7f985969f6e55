"""Inspect one dataset: read every cell once, then say what it holds, whose, and how risky.

Steps: (1) open and sniff the file; (2) scan every column of every table and count duplicate rows;
(3) decide categories and their sensitivity under each regime's own list; (4) go over the rows
again, from memory where they still fit, to count persons, their jurisdictions and
re-identification risk; (5) report, with what was not examined. It decides nothing about law.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import msgspec
import polars as pl

from entrepot import __version__
from entrepot.law import Library
from entrepot.port.detect import ColumnScanner, detectors, skipped
from entrepot.port.detect.sketch import DistinctCounter, distinct_of
from entrepot.port.facts import country_names as names_of
from entrepot.port.facts import sensitivities as lists_of
from entrepot.port.model import (
    DIRECT,
    Category,
    ColumnReport,
    Inspection,
    Residence,
    RiskReport,
    SubjectCount,
    TableReport,
    Verdict,
)
from entrepot.port.read import DEFAULT_LIMITS, Limits, Progress, Table, open_dataset
from entrepot.port.residence import ResidenceCounter
from entrepot.port.risk import K_WANTED, RiskMeter
from entrepot.port.subjects import (
    PersonCounter,
    PersonKey,
    SmallestCell,
    count_column,
    is_about_persons,
    person_key,
    quasi_identifiers,
)

HELD_BYTES_MAX = 192 * 1024 * 1024
"""Rows up to this size stay in memory between the two passes; larger tables are read twice.

A file that is larger already is not held at all: memory once taken is slow to be given back."""

COARSE_PLACES = frozenset({"country", "nationality", "region", "city", "timezone"})
"""Places too coarse to be anybody's whereabouts (28 CFR 202.242 draws the line at 1,000 metres)."""
DUPLICATE_ROWS_MAX = 2_000_000
"""Distinct rows up to which duplicates are counted (8 bytes each); beyond, they are not."""

Sensitivities = Mapping[str, Mapping[str, str]]
"""Regime → inspection category → the regime's own class."""


def inspect_under(
    library: Library,
    path: Path,
    *,
    as_of: date,
    known_at: date | None = None,
    progress: Progress | None = None,
) -> Inspection:
    """Inspect the file at `path` with every loaded regime's list of sensitive data on a day."""
    return inspect_dataset(
        path,
        sensitivities=lists_of(library, as_of, known_at or as_of),
        country_names=names_of(library),
        progress=progress,
    )


def inspect_dataset(
    path: Path,
    *,
    sensitivities: Sensitivities,
    country_names: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Inspection:
    """Inspect the file at `path`, whole.

    `sensitivities` holds each loaded regime's list of sensitive categories as of the day in
    question; `country_names` maps lower-case country names to ISO 3166-1 alpha-2 codes.
    Raises `UnreadableData` where the file cannot be read as what it is.
    """
    started = time.perf_counter()
    with open_dataset(path, limits=limits, on_progress=progress) as dataset:
        hold = path.stat().st_size <= HELD_BYTES_MAX
        parts = [
            _inspect_table(table, sensitivities, country_names or {}, hold=hold)
            for table in dataset.tables
        ]
        file = dataset.file
    columns = [column for part in parts for column in part.columns]
    return Inspection(
        file=file,
        rows=sum(part.rows for part in parts),
        columns=columns,
        table=_joined([part.table for part in parts]),
        not_examined=[*_not_examined(columns, parts), *_unread(file.warnings)],
        detectors=detectors(),
        skipped=skipped(),
        regimes=sorted(sensitivities),
        entrepot=__version__,
        seconds=round(time.perf_counter() - started, 3),
    )


class _Part(msgspec.Struct, frozen=True):
    columns: list[ColumnReport]
    rows: int
    table: TableReport
    left_out: int = 0


def _inspect_table(
    table: Table, sensitivities: Sensitivities, country_names: Mapping[str, str], *, hold: bool
) -> _Part:
    scanner = ColumnScanner(
        [c.header or c.name for c in table.columns], [c.dtype for c in table.columns]
    )
    held: list[pl.DataFrame] | None = [] if hold else None
    held_bytes = rows = 0
    distinct_rows = DistinctCounter(DUPLICATE_ROWS_MAX)
    for frame in table.batches():
        distinct_rows.add(distinct_of(scanner.feed(frame)))
        rows += frame.height
        if held is not None:
            held_bytes += int(frame.estimated_size())
            held.append(frame)
            if held_bytes > HELD_BYTES_MAX:
                held = None
    reports = [
        _with_sensitivity(
            msgspec.structs.replace(report, name=column.name, index=column.index), sensitivities
        )
        for report, column in zip(scanner.finish(), table.columns, strict=True)
    ]
    frames: Iterable[pl.DataFrame] = held if held is not None else table.batches()
    duplicates = rows - distinct_rows.count() if distinct_rows.exact else None
    return _count(reports, rows, frames, country_names, duplicates)


def _with_sensitivity(column: ColumnReport, sensitivities: Sensitivities) -> ColumnReport:
    if column.verdict == Verdict.NOT_FOUND and not column.contains:
        return column
    categories = [*column.contains]
    places = (Category.LOCATION, Category.ADDRESS)
    if column.category not in places or column.subtype not in COARSE_PLACES:
        categories.insert(0, str(column.category))
    found: dict[str, str] = {}
    for regime, classes in sensitivities.items():
        for category in categories:
            if category in classes and regime not in found:
                found[regime] = classes[category]
    return msgspec.structs.replace(column, sensitivity=found)


def _count(
    columns: list[ColumnReport],
    rows: int,
    frames: Iterable[pl.DataFrame],
    country_names: Mapping[str, str],
    duplicates: int | None,
) -> _Part:
    about_persons = is_about_persons(columns)
    key = person_key(columns) if about_persons else PersonKey([], "")
    classes: dict[tuple[str, str], list[str]] = {}
    for column in columns:
        for regime, klass in column.sensitivity.items():
            classes.setdefault((regime, klass), []).append(column.name)
    persons = PersonCounter(key, classes)
    residence = ResidenceCounter(columns, country_names)
    counting = count_column(columns) if about_persons else None
    quasi = [n for n in quasi_identifiers(columns) if n != counting] if about_persons else []
    sensitive = [c.name for c in columns if c.sensitivity and c.category not in DIRECT]
    meter = RiskMeter(quasi, sensitive)
    cells = SmallestCell(counting)

    def count_persons(frame: pl.DataFrame) -> None:
        residence.feed(frame, persons.feed(frame))
        cells.feed(frame)

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        for frame in frames if about_persons else ():
            for done in [pool.submit(job, frame) for job in (count_persons, meter.feed)]:
                done.result()
    risk = meter.report()
    if cells.is_aggregate(risk):
        return _Part(columns, rows, _aggregate(columns, rows, cells))
    total = persons.persons() if about_persons else 0
    table = TableReport(
        persons=total,
        persons_exact=persons.exact,
        persons_method=persons.method if about_persons else "nothing in it relates to persons",
        subjects=persons.subjects() if about_persons else [],
        residence=residence.report(total),
        risk=risk,
        anonymous=_anonymous(columns, about_persons, risk),
        quality=_quality(columns, rows, duplicates),
        duplicates=duplicates or 0,
    )
    return _Part(columns, rows, table, residence.left_out)


def _aggregate(columns: list[ColumnReport], rows: int, cells: SmallestCell) -> TableReport:
    """Report on a table whose rows count groups: it has no rows of persons to count or measure."""
    small = f"; the smallest counts {cells.smallest}" if cells.smallest is not None else ""
    if cells.smallest is not None and cells.smallest < K_WANTED:
        small += f", and {K_WANTED} are wanted"
    return TableReport(
        persons=0,
        persons_exact=True,
        persons_method=f"rows count groups of persons in {cells.column}; none is one person",
        subjects=[],
        residence=[],
        risk=None,
        anonymous=f"aggregate only: every row counts a group in {cells.column}{small}",
        quality=_quality(columns, rows, 0),
        duplicates=0,
    )


def _anonymous(columns: list[ColumnReport], about_persons: bool, risk: RiskReport | None) -> str:
    """Answer "is this anonymous?" as far as the table itself can: `no` or `not shown`, with why."""
    named = [c.name for c in columns if c.category in DIRECT and c.verdict == Verdict.FOUND]
    inside = [c.name for c in columns if c.contains]
    if named:
        return f"no: {', '.join(named[:6])} point at single persons"
    if inside:
        return f"no: person data stands inside the prose of {', '.join(inside[:6])}"
    if not about_persons:
        return "not shown: nothing in it relates to persons as far as examined; that is no proof"
    if risk is None:
        return "not shown: no quasi-identifiers to measure over"
    share = risk.uniques / risk.rows if risk.rows else 0.0
    over = ", ".join(risk.quasi_identifiers)
    if risk.uniques:
        return (
            f"no: {risk.uniques:,} of {risk.rows:,} rows ({share:.1%}) are alone in their "
            f"combination of {over}"
        )
    if risk.k < K_WANTED:
        return f"no: the smallest group over {over} has {risk.k} rows; {K_WANTED} are wanted"
    return (
        f"not shown: every group over {over} has at least {risk.k} rows; that does not rule out "
        "inference or linking with other tables (WP29 Opinion 05/2014)"
    )


def _quality(columns: list[ColumnReport], rows: int, duplicates: int | None) -> list[str]:
    found = [f"{c.name}: {defect}" for c in columns for defect in c.defects]
    empty = [c.name for c in columns if rows and c.nulls == c.cells]
    constant = [c.name for c in columns if rows > 1 and c.distinct == 1 and not c.nulls]
    if empty:
        found.append(f"empty columns: {', '.join(empty)}")
    if constant:
        found.append(f"one value only: {', '.join(constant)}")
    cells = sum(c.cells for c in columns)
    if cells:
        filled = 1 - sum(c.nulls for c in columns) / cells
        found.append(f"completeness: {filled:.1%} of cells are filled")
    if duplicates:
        found.append(f"duplicate rows: {duplicates:,}")
    if duplicates is None:
        limit = f"{DUPLICATE_ROWS_MAX:,}"
        found.append(f"duplicate rows were not counted: more than {limit} distinct rows")
    return found


def _not_examined(columns: list[ColumnReport], parts: list[_Part]) -> list[str]:
    found = [
        "accuracy against reality: it cannot be measured from the file",
        "important-data status: it follows from a notice or a published list, never from values",
        "names of persons inside prose, beyond those after a title or a form of address",
    ]
    binary = [c.name for c in columns if c.dtype.startswith("binary")]
    if binary:
        found.append(f"images, sound or documents inside binary columns: {', '.join(binary)}")
    left_out = sum(part.left_out for part in parts)
    if left_out:
        found.append(f"residence of {left_out:,} rows beyond the most frequent jurisdictions")
    return found


def _unread(warnings: list[str]) -> list[str]:
    """Return what the reader says stands in the file but in no column: nothing looked into it."""
    return [
        warning.removeprefix("not examined: ")
        for warning in warnings
        if warning.startswith("not examined:") or " left out" in warning
    ]


def _joined(tables: list[TableReport]) -> TableReport:
    """Join the sheets of a workbook: persons add up, because the sheets may name different ones."""
    if len(tables) == 1:
        return tables[0]
    if not tables:
        return TableReport(0, True, "no table", [], [], None, "not shown: no cells", [], 0)
    total = sum(table.persons for table in tables)
    risks = [table.risk for table in tables if table.risk is not None]
    verdicts = sorted((table.anonymous for table in tables), key=lambda text: text[:2] != "no")
    return TableReport(
        persons=total,
        persons_exact=all(table.persons_exact for table in tables),
        persons_method="sum over the sheets; " + "; ".join(t.persons_method for t in tables[:4]),
        subjects=_summed_subjects(tables),
        residence=_summed_residence(tables, total),
        risk=min(risks, key=lambda risk: (risk.k, -risk.uniques)) if risks else None,
        anonymous=verdicts[0],
        quality=[line for table in tables for line in table.quality],
        duplicates=sum(table.duplicates for table in tables),
    )


def _summed_subjects(tables: list[TableReport]) -> list[SubjectCount]:
    sums: dict[tuple[str, str], SubjectCount] = {}
    for subject in (s for table in tables for s in table.subjects):
        before = sums.get((subject.regime, subject.klass))
        if before is not None:
            subject = msgspec.structs.replace(
                subject,
                persons=before.persons + subject.persons,
                exact=before.exact and subject.exact,
                columns=before.columns + subject.columns,
                method="sum over the sheets",
            )
        sums[subject.regime, subject.klass] = subject
    return list(sums.values())


def _summed_residence(tables: list[TableReport], total: int) -> list[Residence]:
    sums: dict[str, Residence] = {}
    for found in _all_residences(tables):
        before = sums.get(found.jurisdiction)
        persons = found.persons + (before.persons if before else 0)
        share = round(persons / total, 4) if total else 0.0
        sums[found.jurisdiction] = Residence(found.jurisdiction, persons, share, found.evidence)
    return sorted(sums.values(), key=lambda residence: -residence.persons)


def _all_residences(tables: list[TableReport]) -> Iterator[Residence]:
    for table in tables:
        yield from table.residence
