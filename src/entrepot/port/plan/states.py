"""States of the data: the shipment as it is, and what each reduction would make of it.

A state says which transforms lead to it and what the inspection would then say. The projection is
strict: a column that is masked, tokenised or generalised still counts its persons in every class
(some laws look through such measures, 28 CFR 202.206); only leaving a column out, or persons, makes
a count smaller.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from entrepot.law.library import Library
from entrepot.law.model import Flow
from entrepot.port.facts import inspected_facts, milder
from entrepot.port.model import ColumnReport, Inspection, SubjectCount, TableReport
from entrepot.port.plan.model import FactValue
from entrepot.port.transform.model import (
    Aggregate,
    DropColumns,
    SelectPersons,
    SuppressSmallClasses,
    Transform,
    TransformPlan,
)

_LEAVING_OUT = (SelectPersons, SuppressSmallClasses, Aggregate)
"""Transforms after which not every person of the table is in it."""


class DataState(msgspec.Struct, frozen=True):
    """What the shipment would be after some transforms."""

    kind: str
    title: str
    transforms: list[Transform] = []
    form: str = ""
    """`data.form` after the transforms; "" leaves it as inspected."""
    warnings: list[str] = []

    @property
    def plan(self) -> TransformPlan:
        """The transforms as a plan."""
        return TransformPlan(self.transforms)


def projected(inspection: Inspection, state: DataState) -> Inspection:
    """Return what the inspection would say of the shipment in this state, never too little."""
    dropped = {
        name
        for transform in state.transforms
        if isinstance(transform, DropColumns)
        for name in transform.columns
    }
    for transform in state.transforms:
        if isinstance(transform, Aggregate):
            dropped |= {c.name for c in inspection.columns} - set(transform.by)
    persons = inspection.table.persons
    for transform in state.transforms:
        if isinstance(transform, SelectPersons):
            persons = min(persons, transform.persons)
    columns = [column for column in inspection.columns if column.name not in dropped]
    subjects = _subjects(inspection.table.subjects, dropped, persons)
    table: TableReport = msgspec.structs.replace(
        inspection.table, persons=persons, subjects=subjects
    )
    return msgspec.structs.replace(inspection, columns=columns, table=table)


def _subjects(subjects: list[SubjectCount], dropped: set[str], persons: int) -> list[SubjectCount]:
    left = []
    for subject in subjects:
        columns = [name for name in subject.columns if name not in dropped]
        if columns:
            left.append(
                msgspec.structs.replace(
                    subject, columns=columns, persons=min(subject.persons, persons)
                )
            )
    return left


class Earlier(msgspec.Struct, frozen=True):
    """What a counter says of earlier shipments where the present one sends fewer persons."""

    adds: str
    """The fact of one shipment that the counter adds up."""
    value: object
    """All persons sent before: which of them are among those sent now is not known yet."""


class Shipment(msgspec.Struct, frozen=True):
    """One table about to leave: inspected, with what was declared about it."""

    inspection: Inspection
    flow: Flow
    library: Library
    inspected: dict[str, FactValue]
    declared: dict[str, object]
    """By dotted name; findings may be mappings."""
    earlier: dict[str, Earlier] = {}
    """Counter fact → what holds instead of the declared one when fewer persons are sent."""

    def facts_in(self, state: DataState) -> dict[str, object]:
        """Return all facts of the shipment in a state, ready for `Library.facts`.

        What the state changes is taken from the projection; a declared count is lowered to the
        projected one where that is smaller, and never raised.
        """
        facts: dict[str, object] = {**self.inspected, **self.declared}
        if state.transforms:
            self._transform(facts, state)
            fewer = any(isinstance(step, _LEAVING_OUT) for step in state.transforms)
            for name, earlier in self.earlier.items():
                if fewer or facts.get(earlier.adds) != self.inspected.get(earlier.adds):
                    facts[name] = earlier.value
        if facts.get("data.form") == "identified":
            # The finding is made on what will be sent; it says nothing of the table as it is.
            facts.pop("anonymity.confirmed", None)
        return facts

    def _transform(self, facts: dict[str, object], state: DataState) -> None:
        after = inspected_facts(projected(self.inspection, state), self.library, self.flow)
        for name, value in after.items():
            if value != self.inspected.get(name):
                facts[name] = _lowered(facts.get(name), value)
        for name in self.inspected.keys() - after.keys():
            # A class that is gone from every column counts nobody.
            if isinstance(self.inspected[name], int):
                facts[name] = 0
        if state.form:
            facts["data.form"] = state.form

    def against(self, state: DataState, facts: Mapping[str, object]) -> dict[str, str]:
        """Return each of `facts` that says less than the inspection saw, with what it saw.

        Facts that the transforms of the state themselves bring about are not among them.
        """
        seen = inspected_facts(projected(self.inspection, state), self.library, self.flow)
        if state.form:
            seen.pop("data.form", None)
        return {
            name: str(value)
            for name, value in sorted(seen.items())
            if milder(facts.get(name), value)
        }

    def changed_in(self, state: DataState) -> dict[str, FactValue]:
        """Return only the facts that a state changes."""
        before: Mapping[str, object] = {**self.inspected, **self.declared}
        after = self.facts_in(state)
        return {
            name: value
            for name, value in after.items()
            if value != before.get(name) and isinstance(value, bool | int | float | str | list)
        }


def shipment(
    inspection: Inspection, library: Library, flow: Flow, declared: Mapping[str, object]
) -> Shipment:
    """Return the shipment of an inspected table with declared facts (flat, by dotted name)."""
    inspected = inspected_facts(inspection, library, flow)
    return Shipment(inspection, flow, library, inspected, dict(declared))


def _lowered(now: object, after: FactValue) -> object:
    whole = isinstance(now, int) and not isinstance(now, bool)
    if whole and isinstance(after, int) and not isinstance(after, bool):
        return min(now, after)  # type: ignore[call-overload]
    return after


def about_persons(columns: list[ColumnReport], names: set[str]) -> list[str]:
    """Return the names of `columns` that are in `names`, in table order."""
    return [column.name for column in columns if column.name in names]
