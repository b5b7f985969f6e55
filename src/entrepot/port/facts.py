"""From an inspection and declarations to the facts the law asks about, each with its source.

The inspection says how many distinct persons a table holds in each class of each regime's own list;
the lists say which fact counts them (`counts_as`). Declarations come from a facts file, the command
line or a profile. Where both speak, the declaration is used and the difference is reported: who
declares, answers for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from entrepot.kernel.errors import InvalidInput
from entrepot.law.library import Library
from entrepot.law.model import Flow
from entrepot.port.model import DIRECT, Category, Inspection, Verdict
from entrepot.port.plan.model import FactValue

Sensitivities = dict[str, dict[str, str]]
"""Regime → inspection category → the regime's own class."""


class GivenFact(msgspec.Struct, frozen=True):
    """A fact of the shipment and where it comes from."""

    value: FactValue
    source: str
    """inspection, declared, counter, finding, choice."""
    by: str
    against: str = ""
    """What the inspection found instead, when the declaration differs."""


def sensitivities(library: Library, as_of: date, known_at: date) -> Sensitivities:
    """Return the sensitivity lists of every regime as they stand on a day."""
    found = {}
    for regime in library.content.regimes:
        classes = library.sensitivity(regime, as_of, known_at)
        if classes:
            found[regime] = classes
    return found


def country_names(library: Library) -> dict[str, str]:
    """Return lower-case names of jurisdictions → ISO 3166-1 alpha-2 codes, for residence."""
    names = library.jurisdictions.names
    return {name.casefold(): code for code, known in names.items() for name in known}


def inspected_facts(inspection: Inspection, library: Library, flow: Flow) -> dict[str, FactValue]:
    """Return what the inspection says of the shipment, in the vocabulary of the law.

    Silent where it cannot know: that a table with rows has no persons in it is not concluded from
    not having found any. Counts per class are sums over the columns' classes, bounded by all
    persons: where classes overlap they count too many, never too few.
    """
    persons = inspection.table.persons
    facts: dict[str, FactValue] = {}
    if inspection.rows == 0:
        # The one case in which nothing is certain to be there.
        facts["persons.total"] = 0
        facts["data.personal"] = False
    if persons > 0:
        facts["persons.total"] = persons
        facts["data.personal"] = True
        facts["data.form"] = "identified" if is_identified(inspection) else "pseudonymised"
    sensitive = _sensitive_by_law_of(flow.origin, inspection, library, flow)
    if sensitive is not None and persons > 0:
        facts["data.sensitive"] = sensitive
    for regime in library.content.regimes:
        counted = _counted(inspection, library, regime, flow)
        facts.update(counted)
        facts.update(_class_sets(counted, library))
    return facts


def is_identified(inspection: Inspection) -> bool:
    """Tell whether the table names persons or holds what points at one person by itself."""
    return any(
        (column.category in DIRECT and column.verdict != Verdict.NOT_FOUND) or column.contains
        for column in inspection.columns
    )


def given_facts(
    inspected: Mapping[str, FactValue],
    declared: Mapping[str, object],
    library: Library,
    *,
    file: str = "",
) -> dict[str, GivenFact]:
    """Join inspected and declared facts, each with its source.

    `declared` is flat, by dotted name; a finding may be a mapping with value, by, reasons, on,
    expires. Raises `InvalidInput` for unknown facts and wrong values (by `Library.facts`).
    """
    given = {
        name: GivenFact(value, "inspection", f"inspection of {file}" if file else "inspection")
        for name, value in inspected.items()
    }
    for name, raw in declared.items():
        value = raw.get("value") if isinstance(raw, Mapping) else raw
        if value is None or value == "unknown":
            given.pop(name, None)
            continue
        by = str(raw.get("by") or "declared") if isinstance(raw, Mapping) else "declared"
        before = given.get(name)
        plain = plain_value(value)
        differs = before is not None and before.value != plain
        source = library.vocabulary[name].source
        given[name] = GivenFact(
            plain,
            source if source in ("finding", "choice", "counter") else "declared",
            by,
            against=str(before.value) if before is not None and differs else "",
        )
    return given


_FORMS = ("identified", "pseudonymised", "aggregate", "anonymised")
"""Strictest first."""


def milder(declared: object, inspected: FactValue) -> bool:
    """Tell whether a declaration says less than the inspection saw: fewer, none, or less exposed.

    A declaration that says more is cautious and needs no explanation.
    """
    said = declared.get("value") if isinstance(declared, Mapping) else declared
    if said is None or said == "unknown":
        return False  # unknown is never milder: the law sees to that
    said = plain_value(said)
    if isinstance(inspected, bool) or isinstance(said, bool):
        return inspected is True and said is False
    if isinstance(inspected, int | float) and isinstance(said, int | float):
        return said < inspected
    if isinstance(inspected, list) and isinstance(said, list):
        return not set(inspected) <= set(said)
    if said in _FORMS and inspected in _FORMS:
        return _FORMS.index(str(said)) > _FORMS.index(str(inspected))
    return said != inspected


def plain_value(value: object) -> FactValue:
    """Return a typed value of the engine as a facts file would write it."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset | set | tuple | list):
        return sorted(str(member) for member in value)
    if isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"not a value of a fact: {type(value).__name__}")


def flat(mapping: Mapping[str, object], library: Library) -> dict[str, object]:
    """Return a nested or dotted mapping of facts by dotted name, findings kept as mappings.

    Raises `InvalidInput` for a fact that is given both ways.
    """
    found: dict[str, object] = {}
    open_: list[tuple[str, Mapping[str, object]]] = [("", mapping)]
    while open_:
        prefix, part = open_.pop()
        for key, value in part.items():
            name = f"{prefix}.{key}" if prefix else str(key)
            if isinstance(value, Mapping) and name not in library.vocabulary:
                open_.append((name, value))
            elif name in found:
                raise InvalidInput("the same fact given twice", value=name)
            else:
                found[name] = value
    return found


def _counted(
    inspection: Inspection, library: Library, regime: str, flow: Flow
) -> dict[str, FactValue]:
    """Return the counting facts of a regime's list; a class that was not found counts 0."""
    counts_as = library.counts_as(regime, flow.as_of, flow.known_at)
    if not counts_as or inspection.table.persons <= 0:
        return {}
    classes = library.sensitivity(regime, flow.as_of, flow.known_at)
    fact_of = {classes[category]: fact for category, fact in counts_as.items()}
    counts = dict.fromkeys(counts_as.values(), 0)
    for subject in inspection.table.subjects:
        if subject.regime == regime and subject.klass in fact_of:
            counts[fact_of[subject.klass]] += subject.persons
    return {fact: min(count, inspection.table.persons) for fact, count in counts.items()}


def _class_sets(counted: Mapping[str, FactValue], library: Library) -> dict[str, FactValue]:
    """Fill the set facts of a namespace that name the very classes its counts are about.

    `us.shipment.health` and its siblings count what `us.categories` lists by the same words.
    """
    found: dict[str, FactValue] = {}
    for namespace in {name.split(".", 1)[0] for name in counted}:
        words = {
            name.rsplit(".", 1)[1]: count
            for name, count in counted.items()
            if name.startswith(namespace + ".")
        }
        for spec in library.vocabulary:
            if (
                spec.type == "set"
                and spec.name.startswith(namespace + ".")
                and set(words) <= set(spec.values)
            ):
                found[spec.name] = sorted(word for word, count in words.items() if count)
    return found


def _sensitive_by_law_of(
    jurisdiction: str, inspection: Inspection, library: Library, flow: Flow
) -> bool | None:
    """Say whether a class on the list of the exporter's law was found; None without such a list."""
    listed = False
    for regime_id, regime in library.content.regimes.items():
        if regime.text.block.jurisdiction != jurisdiction:
            continue
        counts = library.counts_as(regime_id, flow.as_of, flow.known_at)
        if not counts:
            continue
        listed = True
        classes = library.sensitivity(regime_id, flow.as_of, flow.known_at)
        wanted = {classes[category] for category in counts}
        for column in inspection.columns:
            if column.sensitivity.get(regime_id) in wanted:
                return True
    return False if listed else None


NAMING = frozenset(
    {
        Category.PERSON_NAME,
        Category.EMAIL,
        Category.PHONE,
        Category.NATIONAL_ID,
        Category.USERNAME,
        Category.RECORD_ID,
    }
)
"""Categories that tell one person from another and are replaced by tokens to pseudonymise."""
