"""Assessments on a terminal: the answer first, then why, what to do, and what was not seen."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from entrepot.law.library import Library
from entrepot.law.model import Assessment, Citation, DutyDue, Missing, Side
from entrepot.law.outcomes import strictness
from entrepot.node.layout import Indented
from entrepot.port.plan.words import sentence, title_of

ROLES = {
    "export": "The exporter's law",
    "import": "The importer's law",
    "origin": "The law of the data's origin, on sending it on",
    "party": "The law that follows a party",
}
"""Role of a side → who speaks there, in words; in the order in which sides are shown."""
COLOURS = {"open": "green", "conditional": "yellow", "undecided": "magenta", "barred": "red"}
_STATE_MARKS = {"met": "✓", "open": "○", "possible": "?", "failed": "✗"}
CHANGES_MAX = 8
ANSWERS_MAX = 20
_EVIDENCE = {
    "R": "",
    "r": " (secondary source)",
    "m": " (from memory)",
    "?": " (doubtful: check before relying on it)",
}


def rendered(assessment: Assessment, library: Library, asked: list[Missing]) -> RenderableType:
    """Lay out an assessment; `asked` are the facts still missing, most useful first."""
    sides = [_side(side, library) for side in by_role(assessment.sides)]
    legend = _legend(assessment.duties)
    wanted = [_missing(asked), _findings(assessment)]
    # Where the answer waits for facts, the questions come before the rules that are not settled.
    undecided = assessment.status == "undecided"
    order = [*wanted, *sides, legend] if undecided else [*sides, legend, *wanted]
    last = [
        _changes(assessment),
        _promised(assessment),
        reach(assessment.notes),
        _unseen(assessment),
    ]
    blocks = [*order, *last]
    return Group(headline(assessment, library), *[block for block in blocks if block is not None])


def by_role(sides: list[Side]) -> list[Side]:
    """Return sides as they are shown: exporter, importer, origin, parties; the strictest first."""
    roles = list(ROLES)
    return sorted(sides, key=lambda side: (roles.index(side.role), -strictness(side.outcome)))


def headline(assessment: Assessment, library: Library) -> Panel:
    """The answer in one or two plain sentences."""
    flow = assessment.flow
    names = library.jurisdictions
    colour = COLOURS[assessment.status]
    text = Text(sentence(assessment.outcome, assessment.status), style=f"bold {colour}")
    text.append(f"\n{assessment.outcome} · {assessment.status}", style="dim")
    if len(assessment.sides) > 1:
        strictest = [s for s in by_role(assessment.sides) if s.outcome == assessment.outcome]
        who = ", ".join(f"{s.regime} ({s.role})" for s in strictest)
        text.append(f" · strictest of {len(assessment.sides)} sides: {who}", style="dim")
    where = f"{names.name(flow.origin)} → {names.name(flow.destination)}"
    known = f", as known on {flow.known_at}" if flow.known_at != flow.as_of else ""
    return Panel(
        text, title=f"{where}, law of {flow.as_of}{known}", title_align="left", border_style=colour
    )


def cited(citation: Citation) -> str:
    """Return a citation as text, with a word on how sure it is."""
    return f"{citation.article}, {citation.source}{_EVIDENCE.get(citation.evidence, '')}"


def _side(side: Side, library: Library) -> RenderableType:
    """Lay out one side: whose law, its outcome, rules, what it misses, its own duties."""
    text = Text("\n")
    regime = library.content.regimes.get(side.regime)
    title = regime.text.block.title if regime is not None else side.regime
    place = library.jurisdictions.name(side.jurisdiction)
    text.append(f"{ROLES[side.role]}, {place}", style="bold")
    text.append(f"  {title_of(side.outcome)}", style="bold")
    text.append(f" · {side.status}", style=COLOURS[side.status])
    text.append(f"\n  {title} ({side.role})\n", style="dim")
    for hit in side.rules:
        text.append(f"  {hit.id}  ", style="cyan")
        text.append(f"{hit.says}\n")
        text.append(f"      {cited(hit.citation)}\n", style="dim")
        for entry in hit.list_entries:
            text.append(f"      listed: {entry}\n", style="dim")
        for note in hit.interpretations:
            text.append(f"      read as {note}\n", style="dim italic")
    for hit in side.closed:
        text.append(f"  {hit.id}  ", style="red")
        text.append(f"closed: {hit.says}\n")
        text.append(f"      {cited(hit.citation)}\n", style="dim")
    if side.reason:
        text.append(f"  {side.reason}\n", style="dim")
    for hit in side.undecided:
        text.append(f"  {hit.id}  ", style="magenta")
        text.append(f"not settled: {hit.says}\n")
        text.append(f"      {cited(hit.citation)}\n", style="dim")
    if side.missing:
        text.append(f"  this law misses: {', '.join(side.missing)}\n", style="magenta")
    if side.could_be:
        milder = ", ".join(title_of(outcome) for outcome in side.could_be)
        text.append(f"  with further facts it could be milder: {milder}\n", style="dim")
    laid = Indented(text, hang=4)
    return Group(laid, Padding(_duties(side.duties), (0, 0, 0, 2))) if side.duties else laid


def _duties(duties: list[DutyDue]) -> RenderableType:
    """Lay out the duties of one side, those before the transfer first."""
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for heading, most in (("", None), ("duty", None), ("when", 18), ("article", 24)):
        table.add_column(heading, max_width=most, overflow="fold")
    for duty in sorted(duties, key=lambda d: (not d.before_transfer, d.state == "met")):
        when = f"{duty.due} ({duty.due_on})" if duty.due_on else duty.due
        style = "dim" if duty.state == "met" else "bold" if duty.before_transfer else ""
        says = duty.says if duty.state != "possible" else f"If it arises: {duty.says}"
        table.add_row(
            _STATE_MARKS.get(duty.state, duty.state), says, when, duty.citation.article, style=style
        )
    return table


def _legend(duties: list[DutyDue]) -> RenderableType | None:
    """Return how many duties there are in all, and what the marks before them mean."""
    if not duties:
        return None
    before = sum(duty.before_transfer and duty.state != "met" for duty in duties)
    text = Text("\nDuties  ", style="bold")
    text.append(
        f"{len(duties)} of all sides together, {before} to meet before the transfer  "
        "✓ met  ○ open  ? may arise  ✗ failed",
        style="not bold dim",
    )
    return text


def _findings(assessment: Assessment) -> RenderableType | None:
    if not assessment.human:
        return None
    text = Text("\nFindings that only a named person can make\n", style="bold")
    for item in assessment.human:
        text.append(f"  {item.question}", style="not bold")
        text.append(f"  {item.fact}\n", style="not bold dim")
        text.append(f"      {item.because}\n", style="not bold dim")
    return Indented(text, hang=4)


def _missing(asked: list[Missing]) -> RenderableType | None:
    if not asked:
        return None
    text = Text("\nMissing facts, most useful first\n", style="bold magenta")
    for item in asked:
        text.append(f"  {item.question or item.fact}\n", style="not bold default")
        text.append(f"      --fact {item.fact}=", style="not bold dim default")
        answers = ", ".join(item.answers[:ANSWERS_MAX])
        answers += ", …" if len(item.answers) > ANSWERS_MAX else ""
        text.append(f"…  {answers}\n" if answers else "…\n", style="not bold dim default")
        if item.regimes:
            text.append(f"      asked by {', '.join(item.regimes)}\n", style="not bold dim default")
    return Indented(text, hang=4)


def _changes(assessment: Assessment) -> RenderableType | None:
    if not assessment.changes:
        return None
    text = Text("\nWhat would change the answer", style="bold")
    text.append("  ↓ milder  ↑ stricter than this answer\n", style="not bold dim")
    for change in assessment.changes[:CHANGES_MAX]:
        mark, style = ("↓", "green") if change.milder else ("↑", "red")
        text.append(f"  {mark} {title_of(change.outcome)}", style=f"not bold {style}")
        text.append(f"  {change.fact} = {change.value}  ")
        by = f"  [{', '.join(change.rules)}]" if change.rules else ""
        text.append(f"{change.what}{by}\n", style="not bold dim")
    more = len(assessment.changes) - CHANGES_MAX
    if more > 0:
        text.append(f"  and {more} more (--json shows all)\n", style="not bold dim")
    return Indented(text)


def _promised(assessment: Assessment) -> RenderableType | None:
    if not assessment.commitments:
        return None
    text = Text("\nWhat the states promised each other", style="bold")
    text.append("  binds them, decides nothing here, clears nothing\n", style="not bold dim")
    for promise in assessment.commitments:
        text.append(f"  {promise.id}  ", style="not bold cyan")
        text.append(f"{promise.says}\n", style="not bold")
        if promise.exception:
            text.append(f"      except: {promise.exception}\n", style="not bold dim")
        text.append(f"      {promise.treaty}, {cited(promise.citation)}\n", style="not bold dim")
        for note in promise.interpretations:
            text.append(f"      read as {note}\n", style="not bold dim italic")
    return Indented(text, hang=4)


def reach(notes: list[str]) -> RenderableType | None:
    """Lay out what an answer says against itself, if anything."""
    if not notes:
        return None
    text = Text("\nHow far this answer can be trusted\n", style="bold yellow")
    for line in notes:
        text.append(f"  {line}\n", style="not bold default")
    return Indented(text)


def _unseen(assessment: Assessment) -> RenderableType | None:
    lines = [*assessment.not_examined]
    lines += [f"{name} does not speak: {why}" for name, why in assessment.not_engaged.items()]
    text = Text("\nNot examined, or not engaged\n", style="bold")
    for line in lines:
        text.append(f"  {line}\n", style="not bold dim")
    return Indented(text) if lines else None
