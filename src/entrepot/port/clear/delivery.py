"""Write the data of a clearance: streamed, measured on the way, and inspected again afterwards.

The plan said what the transforms would do; here it is measured on what was really written. Data
that is to be anonymous or counted and in which the inspection still finds a direct identifier, or
whose smallest group is under the wanted k, is not delivered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import polars as pl

from entrepot.port.clear.record import DataFile
from entrepot.port.clear.subjecttokens import TokenGatherer
from entrepot.port.facts import sensitivities
from entrepot.port.inspect import inspect_dataset
from entrepot.port.model import DIRECT, Inspection, RiskReport, Verdict
from entrepot.port.plan.source import TableSource
from entrepot.port.plan.states import DataState, Shipment, projected
from entrepot.port.plan.ways import released_quasi_identifiers
from entrepot.port.read import form_of, write_dataset
from entrepot.port.risk import RiskMeter
from entrepot.port.subjects import PersonCounter, PersonKey, person_key
from entrepot.port.transform import loss
from entrepot.port.transform.model import Aggregate, LossReport, SuppressSmallClasses
from entrepot.port.transform.stream import Prepared, prepare, stream
from entrepot.port.transform.tokens import TokenKey

MEDIA_TYPES = {
    "csv": "text/csv",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
    "avro": "application/avro",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_UNLINKED = frozenset({"anonymised", "aggregate"})


class Delivery(msgspec.Struct, frozen=True):
    """What was written, and what was measured on it."""

    files: list[DataFile]
    rows: int
    persons: int
    risk: RiskReport | None
    loss: LossReport
    worse: list[str]
    """Why it must not be delivered after all; empty when it holds what the plan said."""


def deliver(
    goods: Shipment,
    state: DataState,
    source: TableSource,
    folder: Path,
    key: TokenKey,
    counted: TokenGatherer | None = None,
) -> Delivery:
    """Carry out a state's transforms into `folder`, in the format the source came in.

    `counted` gathers the tokens of the persons whose rows are written.
    Raises `StorageError`, `UnreadableData`; nothing but the finished file is left in the folder.
    """
    inspection = goods.inspection
    prepared = prepare(state.plan, source.batches, key)
    name = inspection.file.name
    tally = _Tally(goods, state)
    with write_dataset(folder / name, form_of(inspection.file)) as writer:
        for frame in _measured(prepared, source, tally, counted):
            writer.write(frame)
        if not tally.columns:
            # A table without rows has no batches; its header is still delivered.
            writer.write(_header(projected(inspection, state)))
    written = writer.written
    file = DataFile(
        f"{folder.name}/{name}",
        written.size_bytes,
        written.sha256,
        MEDIA_TYPES.get(inspection.file.format, "application/octet-stream"),
        tally.rows,
        tally.columns,
    )
    risk = tally.risk()
    return Delivery(
        [file],
        tally.rows,
        tally.persons(),
        risk,
        _loss(prepared, source, state, tally.rows, inspection.rows),
        _worse(goods, state, folder / name, risk),
    )


def _header(inspection: Inspection) -> pl.DataFrame:
    return pl.DataFrame(schema={column.name: pl.String for column in inspection.columns})


def _measured(
    prepared: Prepared, source: TableSource, tally: _Tally, counted: TokenGatherer | None
) -> Iterator[pl.DataFrame]:
    if counted is None:
        frames = stream(prepared, source.batches)
    else:
        marked = stream(prepared, lambda: counted.marked(source.batches()))
        frames = (counted.taken(frame) for frame in marked)
    for frame in frames:
        tally.add(frame)
        yield frame


class _Tally:
    """Rows, persons and risk of what is written."""

    def __init__(self, goods: Shipment, state: DataState) -> None:
        self._goods, self._state = goods, state
        self.rows = self.columns = 0
        self._aggregated = bool(state.transforms) and isinstance(state.transforms[-1], Aggregate)
        self._meter: RiskMeter | None = None
        self._counter: PersonCounter | None = None

    def add(self, frame: pl.DataFrame) -> None:
        if not self.columns:
            self._begin(frame)
        self.rows += frame.height
        if self._meter is not None:
            self._meter.feed(frame)
        if self._counter is not None:
            self._counter.feed(frame)

    def _begin(self, frame: pl.DataFrame) -> None:
        self.columns = frame.width
        if self._aggregated:
            return
        inspection = self._goods.inspection
        quasi = released_quasi_identifiers(inspection, self._state)
        sensitive = [
            c.name for c in inspection.columns if c.sensitivity and c.name in frame.columns
        ]
        self._meter = RiskMeter([n for n in quasi if n in frame.columns], sensitive)
        columns = person_key(inspection.columns).columns
        if columns and set(columns) <= set(frame.columns):
            self._counter = PersonCounter(PersonKey(columns, ""), {})

    def risk(self) -> RiskReport | None:
        return self._meter.report() if self._meter is not None else None

    def persons(self) -> int:
        most = projected(self._goods.inspection, self._state).table.persons
        if self._counter is not None:
            return min(most, self._counter.persons())
        return most if self._aggregated else min(most, self.rows)


def _loss(
    prepared: Prepared, source: TableSource, state: DataState, rows: int, rows_before: int
) -> LossReport:
    before = loss.sample(source.batches())
    after = pl.concat(stream(prepared, lambda: [before]))
    aggregated = bool(state.transforms) and isinstance(state.transforms[-1], Aggregate)
    kept = 1.0 if aggregated else rows / max(1, rows_before)
    return loss.measure(state.plan, before, after, rows_kept=kept)


def _worse(goods: Shipment, state: DataState, path: Path, risk: RiskReport | None) -> list[str]:
    """Return what speaks against delivering, after looking at the written file again."""
    found = []
    for step in state.transforms:
        if isinstance(step, SuppressSmallClasses) and not step.persons:
            if risk is not None and risk.rows and risk.k < step.k:
                found.append(f"The smallest group has {risk.k} rows; {step.k} were promised.")
    if (state.form or _plain(goods.facts_in(state).get("data.form"))) in _UNLINKED:
        again = _inspected(goods, path)
        named = [
            column.name
            for column in again.columns
            if column.verdict == Verdict.FOUND and column.category in DIRECT
        ]
        if named:
            found.append(
                f"The written data still names persons in {', '.join(named[:5])}; it is not "
                "anonymous."
            )
    return found


def _plain(given: object) -> object:
    return given.get("value") if isinstance(given, Mapping) else given


def _inspected(goods: Shipment, path: Path) -> Inspection:
    flow = goods.flow
    return inspect_dataset(
        path, sensitivities=sensitivities(goods.library, flow.as_of, flow.known_at)
    )
