"""The sections of the report, each a pure function from the record to HTML."""

from __future__ import annotations

from entrepot.law.model import Citation, DutyDue, RuleHit, Side
from entrepot.port.clear.record import ClearanceRecord
from entrepot.port.model import ColumnReport, RiskReport, Verdict
from entrepot.port.plan.words import title_of
from entrepot.port.report import plots
from entrepot.port.report.markup import Content, Markup, html, items, table, tag

EVIDENCE = {
    "R": "official text read",
    "r": "secondary source read",
    "m": "from memory, not re-read",
    "x": "run",
    "?": "doubtful; check before relying on it",
}
"""What the evidence marks of a rulebook mean."""


def summary(record: ClearanceRecord) -> Markup:
    """Say who sends what to whom, by which route, until when."""
    assessment, parties, valid = record.assessment, record.parties, record.validity
    meaning = title_of(assessment.outcome)
    lead = tag(
        "p",
        [
            tag("b", f"{record.persons_after:,} persons"),
            f" in {record.rows_after:,} rows may leave {assessment.flow.origin} for "
            f"{assessment.flow.destination}: ",
            tag("b", meaning),
            f" ({assessment.outcome}), judged under the law of {assessment.flow.as_of}.",
        ],
        class_="lead",
    )
    rows: list[list[Content]] = [
        ["Exporter", parties.exporter],
        ["Recipient", parties.recipient],
        ["Purpose", parties.purpose],
        ["Way taken", f"{record.way.number}. {record.way.title}"],
        ["Cleared at", record.cleared_at.isoformat(timespec="seconds")],
        [
            "Valid",
            f"{valid.valid_from} to {valid.valid_until}; {valid.because}",
        ],
    ]
    return html([lead, table(["", ""], rows), _against(record)])


def _against(record: ClearanceRecord) -> Markup:
    """Say up front where a declaration was believed against what was seen in the data."""
    if not record.against:
        return Markup("")
    said = record.facts_by_name()
    rows: list[list[Content]] = [
        [name, said.get(name, "unknown"), seen] for name, seen in record.against.items()
    ]
    return html(
        [
            tag("h3", "Declared against the inspection"),
            tag(
                "p", "The data shows more than was declared. A named person answers for it, below."
            ),
            table(["Fact", "Declared", "The inspection found"], rows),
        ]
    )


def route(record: ClearanceRecord) -> Markup:
    """Give each regime's outcome with the rules that decide, what they read, and their source."""
    parts: list[Content] = [_side(side) for side in record.assessment.sides]
    if record.assessment.not_engaged:
        parts.append(tag("h3", "Regimes that do not speak to this transfer"))
        parts.append(items(f"{k}: {v}" for k, v in record.assessment.not_engaged.items()))
    return html(parts)


def _side(side: Side) -> Markup:
    head = tag(
        "h3", [f"{side.jurisdiction}, {side.regime} ({side.role}): ", tag("code", side.outcome)]
    )
    rows = [_rule(rule) for rule in side.rules]
    return html([head, table(["Rule", "What it says", "Facts it read", "Source"], rows)])


def _rule(rule: RuleHit) -> list[Content]:
    says: list[Content] = [rule.says]
    if rule.list_entries:
        says.append(tag("p", f"List entries: {', '.join(rule.list_entries)}", class_="small"))
    says.extend(tag("p", text, class_="small") for text in rule.interpretations)
    facts = items(f"{name} = {value}" for name, value in rule.facts.items())
    label = [tag("b", rule.id), tag("p", f"{rule.outcome}; protects {rule.layer}", class_="small")]
    return [label, says, facts, citation(rule.citation)]


def citation(source: Citation) -> Markup:
    """Show where a sentence comes from and how sure we are of it."""
    sure = EVIDENCE.get(source.evidence, source.evidence)
    checked = "verified" if source.evidence in ("R", "r") else "noted"
    return html(
        [
            f"{source.source}, {source.article}",
            tag("p", f"{sure}; {checked} {source.verified_on}", class_="small"),
        ]
    )


def treatment(record: ClearanceRecord) -> Markup:
    """Show what was done to the data and what it cost in information."""
    if not record.way.steps:
        return tag("p", "Nothing was changed: the data leaves as it is.")
    kept = f"{record.rows_after:,} of {record.rows_before:,} rows; "
    kept += f"information lost {record.loss.loss:.0%}"
    note = tag("p", f"{kept} ({record.loss.method}).", class_="small")
    return html([items(map(_step, record.way.steps)), note, plots.losses(record.loss)])


def _step(text: str) -> Markup:
    """Set the names of columns, which stand between backticks, as code."""
    return html([tag("code", part) if i % 2 else part for i, part in enumerate(text.split("`"))])


def risk(record: ClearanceRecord) -> Markup:
    """Show re-identification risk before and after."""
    before, after = record.risk_before, record.risk_after
    if before is None:
        return tag("p", "Not measured: the table has no quasi-identifiers.")
    measures = [("before", before)] + ([("after", after)] if after else [])
    rows: list[list[Content]] = [_risk_row(name, risk) for name, risk in measures]
    head = [
        "",
        "rows",
        "smallest group (k)",
        "unique rows",
        "rows in groups under 5",
        "average risk",
        "over",
    ]
    figure = plots.class_sizes(before, after)
    return html([table(head, rows, numbers=range(1, 6)), figure])


def _risk_row(name: str, risk: RiskReport) -> list[Content]:
    return [
        name,
        risk.rows,
        risk.k,
        risk.uniques,
        risk.rows_under_k5,
        f"{risk.average_risk:.4f}",
        ", ".join(risk.quasi_identifiers),
    ]


def contents(record: ClearanceRecord) -> Markup:
    """Show what the source holds, column by column."""
    found = record.inspection.table
    rows: list[list[Content]] = [
        [
            column.name,
            _holds(column),
            str(column.verdict),
            column.distinct,
            ", ".join(f"{regime}: {klass}" for regime, klass in column.sensitivity.items()),
        ]
        for column in record.inspection.columns
        if column.verdict != Verdict.NOT_FOUND or column.contains
    ]
    subjects = items(
        f"{s.regime}: {s.persons:,} persons with {s.klass} ({', '.join(s.columns)})"
        for s in record.inspection.table.subjects
    )
    whose = ", ".join(
        f"{r.jurisdiction} {r.persons:,}" for r in record.inspection.table.residence[:12]
    )
    return html(
        [
            table(["Column", "Holds", "Verdict", "Distinct", "Sensitive under"], rows, numbers=[3]),
            tag(
                "p",
                f"Persons: {found.persons:,} ({found.persons_method}).",
            ),
            subjects,
            tag("p", f"Whose: {whose}.") if whose else None,
            tag("p", f"Anonymous? {record.inspection.table.anonymous}"),
        ]
    )


def _holds(column: ColumnReport) -> str:
    named = column.subtype and column.subtype != column.category
    return f"{column.category} ({column.subtype})" if named else str(column.category)


def duties(record: ClearanceRecord) -> Markup:
    """List every duty, first those with a date."""
    ranked = sorted(
        record.duties, key=lambda duty: (duty.due_on is None, str(duty.due_on or ""), duty.id)
    )
    return table(
        ["Duty", "Due", "State", "Source"],
        [_duty(duty) for duty in ranked],
    )


def _duty(duty: DutyDue) -> list[Content]:
    due = duty.due + (f" ({duty.due_on})" if duty.due_on else "")
    what = [tag("b", duty.code.replace("_", " ")), tag("p", duty.says, class_="small")]
    return [
        what,
        due,
        tag("span", duty.state, class_=f"state {duty.state}"),
        citation(duty.citation),
    ]


def judgements(record: ClearanceRecord) -> Markup:
    """List the findings of named persons and the declared evidence."""
    findings: list[list[Content]] = [
        [
            f.fact,
            f.value,
            f.author,
            f.reasons,
            f"{f.made_on}" + (f" to {f.expires_on}" if f.expires_on else ""),
        ]
        for f in record.findings
    ]
    evidence: list[list[Content]] = [
        [e.duty, e.says, e.declared_by, str(e.declared_on)] for e in record.evidence
    ]
    parts: list[Content] = []
    if record.against:
        parts.append(tag("p", "Declared against what the inspection saw in the file:"))
        parts.append(
            items(f"{fact}: the inspection saw {saw}" for fact, saw in record.against.items())
        )
    if findings:
        parts.append(table(["Finding", "Value", "Found by", "Reasons", "When"], findings))
    if evidence:
        parts.append(table(["Duty", "Declared as done", "By", "On"], evidence))
    return html(
        parts or [tag("p", "No finding of a person and no declared evidence was relied on.")]
    )


def facts(record: ClearanceRecord) -> Markup:
    """List every fact relied on and who says so."""
    return table(
        ["Fact", "Value", "Source", "By"],
        [[fact.name, fact.value, fact.source, fact.by] for fact in record.facts],
    )


def alternatives(record: ClearanceRecord) -> Markup:
    """Show the other ways, and what was tried and does not help."""
    plan = record.plan
    rows: list[list[Content]] = [
        [
            way.number,
            [tag("b", way.title), items(map(_step, way.steps))],
            way.outcome,
            way.status,
            way.persons,
            f"{way.loss.loss:.0%}",
            f"{way.burden.before} before, {way.burden.later} later, {way.burden.findings} findings",
        ]
        for way in plan.ways
    ]
    head = ["", "Way", "Route", "Status", "Persons", "Loss", "Duties"]
    parts: list[Content] = [
        plots.ways(plan.ways, record.way.number),
        table(head, rows, numbers=[4, 5]),
    ]
    if plan.useless:
        parts.append(tag("h3", "Tried without effect"))
        parts.append(items(u.says for u in plan.useless))
    order = ", then ".join(plan.order)
    text = f"Ranked by whom the law protects: {order}. Other orders would rank the ways so:"
    parts.append(tag("p", text if plan.other_orders else text.partition(". ")[0] + "."))
    parts.append(
        items(f"{name}: {', '.join(map(str, ranks))}" for name, ranks in plan.other_orders.items())
    )
    return html(parts)


def validity(record: ClearanceRecord) -> Markup:
    """Say until when the clearance may be relied on, and what ends it earlier."""
    rows: list[Content] = [
        [
            tag("b", trigger.code),
            f": {trigger.says}",
            f" ({trigger.limit})" if trigger.code == "finding-expiry" and trigger.limit else "",
        ]
        for trigger in record.triggers
    ]
    until = f"{record.validity.valid_until}: {record.validity.because}"
    text = f"May be relied on until {until}. It ends earlier on:"
    return html([tag("p", text), items(rows)])


def proof(record: ClearanceRecord) -> Markup:
    """List the law and files relied on with their hashes, and how to verify."""
    law: list[list[Content]] = [
        [b.id, b.title, tag("code", b.sha256)] for b in record.assessment.law
    ]
    files: list[list[Content]] = [
        [file.name, file.size_bytes, file.rows, tag("code", file.sha256)] for file in record.files
    ]
    return html(
        [
            tag("p", ["Verify this folder offline: ", tag("code", "entrepot verify FOLDER"), "."]),
            table(["File", "Bytes", "Rows", "SHA-256"], files, numbers=[1, 2]),
            table(["Rulebook", "Title", "SHA-256"], law),
            tag(
                "p",
                ["Log: ", tag("code", record.log_origin), ", key ", tag("code", record.log_key)],
            ),
        ]
    )


def limits(record: ClearanceRecord) -> Markup:
    """Say what was not examined."""
    return items(
        [*record.inspection.not_examined, *record.assessment.not_examined, *record.plan.notes]
    )
