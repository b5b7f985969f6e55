"""`entrepot law diff`: what changed in the law between two days, or two folders of laws."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from entrepot.kernel.encoding import to_json
from entrepot.kernel.errors import InvalidInput
from entrepot.law.difference import Delta, LawAt, Version, deltas
from entrepot.law.effects import (
    Answer,
    Example,
    Judged,
    JurisdictionChange,
    judge_changes,
)
from entrepot.node.lawcache import open_library
from entrepot.node.layout import Indented
from entrepot.node.options import DATE, laws_option
from entrepot.node.screen import Screen

FLOWS_MAX = 160
"""Flows bound on each day, over all jurisdictions: binding law to a flow is what takes the time."""
FLOWS_EACH_MIN, FLOWS_EACH_MAX = 3, 24
_COLOURS = {
    "loosened": "green",
    "tightened": "red",
    "mixed": "yellow",
    "new duty": "yellow",
    "duty gone": "green",
    "same": "dim",
    "unclear": "magenta",
}
_EXAMPLES = {
    "loosened": "milder",
    "tightened": "stricter",
    "new_duty": "new duty",
    "duty_gone": "duty gone",
}


class Law(msgspec.Struct, frozen=True):
    """One side of the comparison."""

    as_of: date
    known_at: date
    folder: str


class Difference(msgspec.Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """What `law diff --json` prints."""

    before: Law
    after: Law
    changes: int
    jurisdictions: list[JurisdictionChange]


@click.command("diff")
@click.option("--from", "start", type=DATE, default=None, help="The earlier day (today).")
@click.option("--to", "end", type=DATE, default=None, help="The later day (the earlier one).")
@click.option("--jurisdiction", default=None, help="Only the law of this place.")
@click.option(
    "--known-at", type=DATE, default=None, help="Only what was known on this day, of both days."
)
@laws_option
@click.option(
    "--against",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Another version of the folder of laws: it is the later side.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(  # noqa: PLR0913 - one parameter per option
    start: date | None,
    end: date | None,
    jurisdiction: str | None,
    known_at: date | None,
    laws: Path | None,
    against: Path | None,
    as_json: bool,
) -> None:
    """Say what changed in the law between two days, what it does, and where it stands.

    Every change is judged by asking the engine: the cases and profiles of the jurisdiction, and the
    same with numbers moved across thresholds, are assessed under both laws.
    """
    if start is None and against is None:
        raise InvalidInput(
            "nothing to compare", remedy="name --from and --to, or another folder with --against"
        )
    first = start or end or date.today()  # noqa: DTZ011 - the reader's own calendar day
    last = end or first
    library = open_library(laws)
    other = library if against is None else open_library(against)
    before = LawAt(library, first, known_at or first)
    after = LawAt(other, last, known_at or last)
    found = difference(before, after, jurisdiction)
    if as_json:
        click.echo(to_json(found))
        return
    Screen(highlight=False).print(rendered(found))


def difference(before: LawAt, after: LawAt, jurisdiction: str | None = None) -> Difference:
    """Return all changes between two laws, of one place or of all, judged by the engine.

    Raises `InvalidInput` for an unknown place, or days in the wrong order.
    """
    changed = deltas(before, after)
    if jurisdiction is not None:
        wanted = after.library.jurisdictions.canonical(jurisdiction)
        changed = [delta for delta in changed if delta.jurisdiction == wanted]
    places = len({delta.jurisdiction for delta in changed})
    each = min(FLOWS_EACH_MAX, max(FLOWS_EACH_MIN, FLOWS_MAX // max(places, 1)))
    return Difference(
        _law(before),
        _law(after),
        len(changed),
        judge_changes(before, after, changed, flows_max=each),
    )


def _law(law: LawAt) -> Law:
    return Law(law.as_of, law.known_at, law.library.root.name)


# -- on a terminal ---------------------------------------------------------------------------------


def rendered(found: Difference) -> RenderableType:
    """Lay out a difference: a summary per jurisdiction, then every change."""
    head = Text(f"Law of {found.before.as_of} → law of {found.after.as_of}", style="bold")
    if found.before.known_at == found.after.known_at != found.after.as_of:
        head.append(f", as known on {found.after.known_at}", style="not bold dim")
    if not found.changes:
        return Group(head, Text("Nothing changed in the rulebooks that are loaded."))
    blocks: list[RenderableType] = [head]
    blocks += [_summary(place) for place in found.jurisdictions]
    note = "Probes are cases, profiles and both at every threshold: no sample of real transfers."
    blocks.append(Indented(Text(note, style="dim")))
    for place in found.jurisdictions:
        blocks.append(Text(f"\n{place.jurisdiction}  {place.name}", style="bold"))
        blocks += [_change(item) for item in place.changes]
    return Group(*blocks)


def _summary(place: JurisdictionChange) -> Indented:
    effect, counts = place.effect, place.effect.counts
    text = Text(f"\n{place.jurisdiction:<8}")
    text.append(f"{effect.judgement:<11}", style=f"bold {_COLOURS[effect.judgement]}")
    text.append(f"{place.name}: {len(place.changes)} changes\n")
    parts = [
        f"{counts.loosened:,} milder",
        f"{counts.tightened:,} stricter",
        f"{counts.new_duty:,} with a new duty",
        f"{counts.duty_gone:,} with a duty less",
        f"{counts.same:,} the same",
        f"{counts.unclear:,} unclear",
    ]
    text.append(f"        {counts.probes:,} probes: {', '.join(parts)}\n", style="dim")
    for kind, example in effect.examples.items():
        text.append(_example(kind, example))
    return Indented(text, hang=4)


def _example(kind: str, example: Example) -> Text:
    text = Text(f"        e.g. {_EXAMPLES[kind]}: ", style="not bold")
    text.append(f"{example.origin} → {example.destination}, {example.probe}  ")
    text.append(f"{example.where}\n", style="dim")
    if kind in ("loosened", "tightened"):
        before = _answer(example.before, example.after)
        text.append(f"          {before} → {_answer(example.after, example.before)}\n")
    for word, duties in (("new", example.new_duties), ("gone", example.duties_gone)):
        if duties and kind not in ("loosened", "tightened"):
            listed = "; ".join(f"{code} ({article})" for code, article in duties.items())
            text.append(f"          {word}: {listed}\n")
    return text


def _answer(answer: Answer, other: Answer) -> str:
    """Return an outcome with the rules that the other answer does not have."""
    own = {name: article for name, article in answer.rules.items() if name not in other.rules}
    rules = ", ".join(f"{name}, {article}" for name, article in (own or answer.rules).items())
    return f"{answer.outcome} ({rules})" if rules else answer.outcome


def _change(item: Judged) -> Indented:
    delta, effect = item.delta, item.effect
    text = Text(f"  {delta.kind} {delta.change}  ", style="dim")
    text.append(_names(delta), style="bold")
    if delta.on is not None:
        text.append(f"  {delta.on}", style="dim")
    text.append(f"  {effect.judgement}\n", style=_COLOURS[effect.judgement])
    for word, version in (("was", delta.before), ("is", delta.after)):
        if version is not None:
            text.append(f"      {word:<4}{version.says}\n")
            text.append(f"          {_cited(version)}\n", style="dim")
    text.append(f"      {effect.because}\n", style="dim")
    for kind, example in list(effect.examples.items())[:1]:
        text.append(_example(kind, example))
    return Indented(text, hang=4)


def _names(delta: Delta) -> str:
    if delta.before and delta.after and delta.before.id != delta.after.id:
        return f"{delta.before.id} → {delta.after.id}"
    return delta.id


def _cited(version: Version) -> str:
    citation = version.citation
    return f"{citation.article}, {citation.source} [{citation.evidence}]"
