"""`entrepot law request`: what each law says to the demand of a foreign court or authority."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from entrepot.law.library import Library
from entrepot.law.model import DutyDue
from entrepot.law.requests import (
    TOLD,
    DemandAssessment,
    LawOnDemand,
    demanded,
    weigh_demand,
)
from entrepot.node.answers import COLOURS, cited, reach
from entrepot.node.declaring import declared_facts
from entrepot.node.lawcache import open_library
from entrepot.node.layout import Indented
from entrepot.node.options import DATE, laws_option
from entrepot.node.screen import Screen
from entrepot.node.shipping import print_json

_STANCES = {
    "orders": ("orders the answer", "bold red"),
    "may order": ("may order the answer; facts are missing", "magenta"),
    "forbids": ("forbids the answer", "bold red"),
    "undecided": ("cannot say yet; facts are missing", "magenta"),
    "a person": ("leaves the answer to a person", "magenta"),
    "allows if": ("allows the answer under conditions", "yellow"),
    "allows": ("allows the answer", "green"),
    "silent": ("sets no condition", "dim"),
}


@click.command("request")
@click.option(
    "--from", "holder", required=True, help="Jurisdiction in which the data is held (DE)."
)
@click.option("--by", "authority", required=True, help="Jurisdiction of the authority (US).")
@click.option(
    "--party",
    "parties",
    multiple=True,
    help="Another jurisdiction from which it could be handed over; repeatable.",
)
@click.option(
    "--facts",
    "facts_file",
    type=click.Path(path_type=Path),
    help="YAML file of declared facts and findings.",
)
@click.option("--fact", "facts", multiple=True, help="A declared fact, NAME=VALUE; repeatable.")
@click.option("--profile", help="A named set of declared facts; `entrepot law list`.")
@click.option("--as-of", type=DATE, default=None, help="Day whose law applies (today).")
@click.option("--known-at", type=DATE, default=None, help="Only what was known on this day.")
@laws_option
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer as JSON.")
def command(  # noqa: PLR0913 - one parameter for each option of the command line
    holder: str,
    authority: str,
    parties: tuple[str, ...],
    facts_file: Path | None,
    facts: tuple[str, ...],
    profile: str | None,
    as_of: date | None,
    known_at: date | None,
    laws: Path | None,
    as_json: bool,
) -> None:
    """Say what each law says to the demand of a foreign court or authority.

    It never resolves a conflict: where one law orders what another forbids the answer is CONFLICT,
    for a person. Exit 0 whatever the answer is.
    """
    library = open_library(laws)
    demand = demanded(
        library,
        authority=authority,
        holder=holder,
        parties=parties,
        as_of=as_of or date.today(),  # noqa: DTZ011 - the reader's own calendar day
        known_at=known_at,
    )
    # A profile tells of an ordinary recipient and purpose; a demand has its own.
    ordinary = library.profile(profile) if profile else {}
    known = {name: value for name, value in ordinary.items() if name not in TOLD}
    known.update(declared_facts(library, facts_file, facts, None))
    answer = weigh_demand(library, demand, known)
    if as_json:
        print_json(answer)
        return
    Screen(highlight=False).print(rendered(answer, library))


def rendered(answer: DemandAssessment, library: Library) -> RenderableType:
    """Lay out an answer: the result, then each law by what it says, then what is missing."""
    laws = [_law(law, library) for law in answer.laws]
    blocks = [*laws, _missing(answer), _human(answer), reach(answer.notes), _unseen(answer)]
    return Group(_headline(answer, library), *[block for block in blocks if block is not None])


def _headline(answer: DemandAssessment, library: Library) -> Panel:
    names, demand = library.jurisdictions, answer.demand
    colour = COLOURS[answer.status]
    text = Text(answer.says, style=f"bold {colour}")
    text.append(f"\n{answer.outcome} · {answer.status}", style="dim")
    places = ", ".join(names.name(place) for place in (demand.holder, *demand.parties))
    known = f", as known on {demand.known_at}" if demand.known_at != demand.as_of else ""
    title = f"{names.name(demand.authority)} demands data held in {places}, law of {demand.as_of}"
    return Panel(text, title=title + known, title_align="left", border_style=colour)


def _law(law: LawOnDemand, library: Library) -> RenderableType:
    says, style = _STANCES[law.stance]
    text = Text("\n")
    text.append(f"{library.jurisdictions.name(law.jurisdiction)} {says}", style=style)
    text.append(f"  {law.title} ({law.role})\n", style="dim")
    for hit in law.rules:
        text.append(f"  {hit.id}  ", style="cyan")
        text.append(f"{hit.says}\n")
        text.append(f"      {cited(hit.citation)}\n", style="dim")
        for note in hit.interpretations:
            text.append(f"      read as {note}\n", style="dim italic")
    if law.reason:
        text.append(f"  {law.reason}\n", style="dim")
    for duty in law.conditions:
        text.append(f"  {_duty(duty)}\n")
    if law.missing:
        text.append(f"  missing: {', '.join(law.missing)}\n", style="magenta")
    return Indented(text, hang=4)


def _duty(duty: DutyDue) -> str:
    mark = {"open": "○", "possible": "?", "failed": "✗"}.get(duty.state, duty.state)
    due = f"{duty.due} ({duty.due_on})" if duty.due_on else duty.due
    return f"{mark} {duty.says} [{due}; {duty.citation.article}]"


def _missing(answer: DemandAssessment) -> RenderableType | None:
    if not answer.missing:
        return None
    text = Text("\nMissing facts\n", style="bold magenta")
    for item in answer.missing:
        text.append(f"  {item.question or item.fact}  ", style="not bold default")
        text.append(f"--fact {item.fact}=…\n", style="not bold dim default")
    return Indented(text, hang=4)


def _human(answer: DemandAssessment) -> RenderableType | None:
    if not answer.human:
        return None
    text = Text("\nFindings that only a named person can make\n", style="bold")
    for item in answer.human:
        text.append(f"  {item.question}  {item.fact}\n", style="not bold")
    return Indented(text, hang=4)


def _unseen(answer: DemandAssessment) -> RenderableType | None:
    if not answer.not_examined:
        return None
    text = Text("\nNot examined, or not engaged\n", style="bold")
    for line in answer.not_examined:
        text.append(f"  {line}\n", style="not bold dim")
    return Indented(text)
