"""Assessments on a terminal: the answer first, then why, what to do, and what was not seen."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from entrepot.law.library import Library
from entrepot.law.model import Assessment, Citation, DutyDue, Missing, Side
from entrepot.port.plan.words import sentence, title_of

COLOURS = {"open": "green", "conditional": "yellow", "undecided": "magenta", "barred": "red"}
_STATE_MARKS = {"met": "✓", "open": "○", "possible": "?", "failed": "✗"}
CHANGES_MAX = 8
_EVIDENCE = {
    "R": "",
    "r": " (secondary source)",
    "m": " (from memory)",
    "?": " (doubtful: check before relying on it)",
}


def rendered(assessment: Assessment, library: Library, asked: list[Missing]) -> RenderableType:
    """Lay out an assessment; `asked` are the facts still missing, most useful first."""
    blocks: list[RenderableType] = [
        headline(assessment, library),
        *[_side(side, library) for side in assessment.sides],
    ]
    for block in (
        _duties(assessment.duties),
        _findings(assessment),
        _missing(asked),
        _changes(assessment),
        _unseen(assessment),
    ):
        if block is not None:
            blocks.append(block)
    return Group(*blocks)


def headline(assessment: Assessment, library: Library) -> Panel:
    """The answer in one or two plain sentences."""
    flow = assessment.flow
    names = library.jurisdictions
    colour = COLOURS[assessment.status]
    text = Text(sentence(assessment.outcome, assessment.status), style=f"bold {colour}")
    text.append(f"\n{assessment.outcome} · {assessment.status}", style="dim")
    where = f"{names.name(flow.origin)} → {names.name(flow.destination)}"
    known = f", as known on {flow.known_at}" if flow.known_at != flow.as_of else ""
    return Panel(
        text, title=f"{where}, law of {flow.as_of}{known}", title_align="left", border_style=colour
    )


def cited(citation: Citation) -> str:
    """Return a citation as text, with a word on how sure it is."""
    return f"{citation.article}, {citation.source}{_EVIDENCE.get(citation.evidence, '')}"


def _side(side: Side, library: Library) -> Text:
    text = Text()
    regime = library.content.regimes.get(side.regime)
    title = regime.text.block.title if regime is not None else side.regime
    text.append(f"{title}", style="bold")
    text.append(f"  {side.role}  ", style="dim")
    text.append(f"{title_of(side.outcome)}\n")
    for hit in side.rules:
        text.append(f"  {hit.id}  ", style="cyan")
        text.append(f"{hit.says}\n")
        text.append(f"      {cited(hit.citation)}\n", style="dim")
        for entry in hit.list_entries:
            text.append(f"      listed: {entry}\n", style="dim")
        for note in hit.interpretations:
            text.append(f"      read as {note}\n", style="dim italic")
    if side.default and side.reason:
        text.append(f"  {side.reason}\n", style="dim")
    for hit in side.undecided:
        text.append(f"  {hit.id}  ", style="magenta")
        text.append(f"not settled: {hit.says}\n")
        text.append(f"      {cited(hit.citation)}\n", style="dim")
    if side.could_be:
        milder = ", ".join(title_of(outcome) for outcome in side.could_be)
        text.append(f"  with further facts it could be milder: {milder}\n", style="dim")
    return text


def _duties(duties: list[DutyDue]) -> RenderableType | None:
    if not duties:
        return None
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("", "duty", "when", "article"):
        table.add_column(heading, overflow="fold")
    for duty in sorted(duties, key=lambda d: (not d.before_transfer, d.state == "met")):
        when = f"{duty.due} ({duty.due_on})" if duty.due_on else duty.due
        style = "dim" if duty.state == "met" else "bold" if duty.before_transfer else ""
        says = duty.says if duty.state != "possible" else f"If it arises: {duty.says}"
        table.add_row(
            _STATE_MARKS.get(duty.state, duty.state), says, when, duty.citation.article, style=style
        )
    title = Text("\nDuties  ", style="bold")
    title.append("✓ met  ○ open  ? may arise  ✗ failed", style="dim")
    return Group(title, table)


def _findings(assessment: Assessment) -> Text | None:
    if not assessment.human:
        return None
    text = Text("\nFindings that only a named person can make\n", style="bold")
    for item in assessment.human:
        text.append(f"  {item.question}", style="")
        text.append(f"  {item.fact}\n", style="dim")
        text.append(f"      {item.because}\n", style="dim")
    return text


def _missing(asked: list[Missing]) -> Text | None:
    if not asked:
        return None
    text = Text("\nMissing facts, most useful first\n", style="bold magenta")
    for item in asked:
        text.append(f"  {item.question or item.fact}")
        text.append(f"  --fact {item.fact}=", style="dim")
        text.append(f"{'|'.join(item.answers[:6]) or '…'}\n", style="dim")
    return text


def _changes(assessment: Assessment) -> Text | None:
    if not assessment.changes:
        return None
    text = Text("\nWhat would change the answer\n", style="bold")
    for change in assessment.changes[:CHANGES_MAX]:
        mark, style = ("↓", "green") if change.milder else ("↑", "red")
        text.append(f"  {mark} {title_of(change.outcome)}", style=style)
        text.append(f"  {change.fact} = {change.value}  ", style="bold")
        text.append(f"{change.what}  [{', '.join(change.rules)}]\n", style="dim")
    more = len(assessment.changes) - CHANGES_MAX
    if more > 0:
        text.append(f"  and {more} more (--json shows all)\n", style="dim")
    return text


def _unseen(assessment: Assessment) -> Text | None:
    lines = [*assessment.not_examined]
    lines += [f"{name} does not speak: {why}" for name, why in assessment.not_engaged.items()]
    text = Text("\nNot examined, or not engaged\n", style="bold")
    for line in lines:
        text.append(f"  {line}\n", style="dim")
    return text if lines else None
