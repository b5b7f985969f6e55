"""`entrepot recheck`: which stored clearances does the law of a day touch, and what to do."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from entrepot.kernel.encoding import to_json
from entrepot.kernel.errors import InvalidInput
from entrepot.kernel.home import default_home
from entrepot.law.library import Library
from entrepot.node.layout import Indented
from entrepot.node.options import DATE, laws_option
from entrepot.node.progress import counting_bar
from entrepot.node.rechecking import Report, Wish, decide, open_home, recheck_home, refer
from entrepot.node.screen import Screen
from entrepot.port.change.rechecking import (
    ADVERSE,
    DECIDED,
    EFFECTS,
    DutyNow,
    Rechecked,
    Rechecker,
)

EXIT_ADVERSE = 1
"""Some clearance is touched for the worse and nobody has decided of it yet."""
DUTIES_SHOWN_MAX = 6
_COLOURS = dict.fromkeys(ADVERSE[:3], "red") | dict.fromkeys(ADVERSE[3:], "yellow")


@click.command("recheck")
@click.option("--home", type=click.Path(path_type=Path), help="Folder of keys, log and store.")
@click.option("--as-of", type=DATE, default=None, help="Day whose law applies (today).")
@click.option("--known-at", type=DATE, default=None, help="Only what was known on this day.")
@laws_option
@click.option("--record", is_flag=True, help="Refer what must be decided, by acts in the log.")
@click.option("--decide", "clearance", default=None, help="Id of a clearance to decide of.")
@click.option("--standing", type=click.Choice(DECIDED), help="With --decide: what is decided.")
@click.option("--by", default="", help="With --decide: who decides.")
@click.option("--reasons", default="", help="With --decide: why.")
@click.option("--successor", default="", help="With --standing superseded: the later clearance.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(  # noqa: PLR0913 - one parameter per option
    home: Path | None,
    as_of: date | None,
    known_at: date | None,
    laws: Path | None,
    record: bool,
    clearance: str | None,
    standing: str | None,
    by: str,
    reasons: str,
    successor: str,
    as_json: bool,
) -> int:
    """Ask the law of a day again about every stored clearance, on its certified facts.

    Exit 0 when nothing must be decided, 1 when a clearance is touched for the worse and no named
    person has decided of it. The machine refers (--record); only a person suspends, supersedes or
    upholds (--decide).
    """
    where = home or default_home()
    if laws is not None and (record or clearance):
        raise InvalidInput(
            "a home is written under the law of its own release",
            value=laws,
            remedy="leave out --laws, or ask without --record and --decide",
        )
    library = Library.load(laws)
    if clearance is not None:
        wish = Wish(clearance, standing or "", by, reasons, successor)
        return _decide(where, library, wish, as_json=as_json)
    day = as_of or date.today()  # noqa: DTZ011 - the reader's own calendar day
    rechecker = Rechecker(library, day, known_at or day)
    with open_home(where, library) as node:
        with counting_bar("rechecking") as move:
            report = recheck_home(node, rechecker, move=move)
        if record:
            report = msgspec.structs.replace(report, referred=refer(node, rechecker, report))
    if as_json:
        click.echo(to_json(report))
    else:
        Screen(highlight=False).print(rendered(report))
    return EXIT_ADVERSE if report.adverse else 0


def _decide(home: Path, library: Library, wish: Wish, *, as_json: bool) -> int:
    if not wish.standing:
        raise InvalidInput(
            "a decision says what is decided", remedy=f"--standing {'|'.join(DECIDED)}"
        )
    with open_home(home, library) as node:
        result = decide(node, wish)
    refused = [] if isinstance(result, int) else result
    if as_json:
        index = result if isinstance(result, int) else None
        click.echo(to_json({"clearance": wish.clearance, "index": index, "reasons": refused}))
        return EXIT_ADVERSE if refused else 0
    for reason in refused:
        click.echo(f"refused: {reason.sentence} ({reason.citation})")
    if not refused:
        click.echo(f"{wish.clearance} is {wish.standing} by {wish.by}; entry {result} of the log")
    return EXIT_ADVERSE if refused else 0


# -- on a terminal ---------------------------------------------------------------------------------


def rendered(report: Report) -> RenderableType:
    """Lay out a report: the sum, then every affected clearance, the gravest first."""
    head = Text(f"{report.clearances:,} clearances under the law of {report.as_of}", style="bold")
    if report.known_at != report.as_of:
        head.append(f", as known on {report.known_at}", style="not bold dim")
    parts = [
        f"{report.affected:,} affected",
        f"{report.adverse:,} to be decided by a person",
        f"{report.decided:,} decided",
        f"{report.unaffected:,} unaffected",
        f"{report.lapsed:,} had run out before",
    ]
    if report.later:
        parts.append(f"{report.later:,} given later")
    if report.erased:
        parts.append(f"{report.erased:,} erased")
    lines: list[RenderableType] = [head, Indented(Text(", ".join(parts)))]
    if report.law_changed:
        text = f"{len(report.law_changed):,} rulebooks are loaded otherwise than the log says: "
        shown = ", ".join(report.law_changed[:4])
        more = ", …" if len(report.law_changed) > 4 else ""
        lines.append(Indented(Text(text + shown + more, style="dim")))
    order = sorted(
        report.found, key=lambda item: (not item.adverse, item.lapsed, EFFECTS.index(item.effect))
    )
    lines += [_item(item, report) for item in order]
    return Group(*lines)


def _item(item: Rechecked, report: Report) -> Indented:
    text = Text(f"\n{item.id}  ", style="bold")
    text.append(f"{item.origin} → {item.destination}, {item.recipient}", style="not bold")
    text.append(f"  entry {item.index}, cleared {item.cleared_on}\n", style="not bold dim")
    shown = ", ".join(item.effects)
    text.append(f"  {shown}", style=f"bold {_COLOURS.get(item.effect, 'green')}")
    text.append(f"  {item.outcome_before} → {item.outcome}, {item.status}", style="not bold")
    text.append(f"  since {item.since}\n" if item.since else "\n", style="not bold dim")
    for rule in item.rules:
        text.append(f"  {rule.id}  ", style="not bold cyan")
        text.append(f"{rule.says}\n", style="not bold")
        text.append(f"      {rule.article}, {rule.source}\n", style="not bold dim")
    text.append(_duties("+", item.new_duties))
    text.append(_duties("−", item.duties_gone))
    if item.deadline is not None:
        text.append(f"  by {item.deadline.on}: ", style="not bold yellow")
        text.append(f"{item.deadline.because}\n", style="not bold")
    text.append(f"  {_tail(item, report)}\n", style="not bold dim")
    return Indented(text, hang=4)


def _duties(mark: str, duties: list[DutyNow]) -> Text:
    text = Text(style="not bold")
    for duty in duties[:DUTIES_SHOWN_MAX]:
        due = f"{duty.due} ({duty.due_on})" if duty.due_on else duty.due
        state = " (met)" if duty.state == "met" and mark == "+" else ""
        text.append(f"  {mark} {duty.code}{state}, {due}: {duty.says}")
        text.append(f"  ({duty.article})\n", style="dim")
    if len(duties) > DUTIES_SHOWN_MAX:
        text.append(f"  {mark} and {len(duties) - DUTIES_SHOWN_MAX} more (--json shows all)\n")
    return text


def _tail(item: Rechecked, report: Report) -> str:
    ended = "ended on" if item.lapsed else "until"
    parts = [f"certificate {ended} {item.valid_until}"]
    if item.triggers:
        parts.append(f"trigger: {', '.join(item.triggers)}")
    if item.rewritten:
        parts.append(f"rewritten: {', '.join(item.rewritten)}")
    if item.standing:
        parts.append(f"{item.standing} by a person")
    if item.id in report.referred:
        parts.append(f"referred by entry {report.referred[item.id]}")
    return "; ".join(parts)
