"""Plans on a terminal: the ways in one table, then each way, then what does not help."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from entrepot.law.library import Library
from entrepot.node.answers import COLOURS, cited, headline
from entrepot.node.layout import Indented
from entrepot.port.plan.model import Plan, Way
from entrepot.port.plan.words import title_of

REMAINING_MAX = 8
HELPS_MAX = 12


def rendered_plan(plan: Plan, library: Library) -> RenderableType:
    """Lay out a plan."""
    blocks: list[RenderableType] = [headline(plan.as_is, library)]
    if plan.ways:
        blocks.append(_table(plan.ways))
        blocks += [_way(way) for way in plan.ways]
    for block in (_useless(plan), _helps(plan), _notes(plan)):
        if block is not None:
            blocks.append(block)
    return Group(*blocks)


def _table(ways: list[Way]) -> RenderableType:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    right = {"persons", "lost", "k", "before"}
    for heading in ("", "way", "route", "before", "cost", "lost", "k", "persons"):
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    for way in ways:
        k = f"{way.risk.k:,}" if way.risk is not None else "–"
        colour = COLOURS[way.status]
        table.add_row(
            f"{way.number}",
            Text(way.kind, style="bold"),
            Text(title_of(way.outcome), style=colour),
            f"{way.burden.before + way.burden.findings}",
            way.burden.cost,
            f"{way.loss.loss:.0%}",
            k,
            f"{way.persons:,}",
        )
    legend = Text(
        "before: duties and findings due before the transfer · lost: information lost · "
        "k: smallest group over the quasi-identifiers, measured\n",
        style="dim",
    )
    return Group(Text("\nLawful ways, best first", style="bold"), table, legend)


def _way(way: Way) -> Panel:
    text = Text()
    for step in way.steps or ["Nothing is changed."]:
        text.append(f"• {step}\n")
    for reason in way.why:
        text.append(f"{reason.rule}  ", style="cyan")
        text.append(f"{reason.says} ")
        text.append(f"({cited(reason.citation)})\n", style="dim")
    before = [item for item in way.remaining if item.when == "before transfer"]
    if before:
        text.append("Still to be done before it may leave\n", style="bold")
    for item in before[:REMAINING_MAX]:
        text.append(f"  {item.who}: {item.what}")
        text.append(f"  {item.fact}\n" if item.fact else "\n", style="dim")
    if len(before) > REMAINING_MAX:
        text.append(f"  and {len(before) - REMAINING_MAX} more\n", style="dim")
    if way.risk is not None:
        risk = way.risk
        text.append(
            f"Measured risk: k = {risk.k:,}, {risk.uniques:,} of {risk.rows:,} rows unique, "
            f"average {risk.average_risk:.4f}\n"
        )
    for warning in way.warnings:
        text.append(f"! {warning}\n", style="yellow")
    return Panel(
        Indented(text),
        title=f"{way.number}. {way.title}",
        title_align="left",
        border_style=COLOURS[way.status],
    )


def _useless(plan: Plan) -> RenderableType | None:
    if not plan.useless:
        return None
    text = Text("\nWhat does not help, and why\n", style="bold")
    for item in plan.useless:
        text.append("  ✗ ", style="not bold red")
        text.append(f"{item.says}\n", style="not bold")
    return Indented(text)


def _helps(plan: Plan) -> RenderableType | None:
    if not plan.helps:
        return None
    text = Text("\nWhat else would help", style="bold")
    text.append("  ↓ the milder route it would open\n", style="not bold dim")
    for item in plan.helps[:HELPS_MAX]:
        text.append(f"  ↓ {title_of(item.outcome)}", style="not bold green")
        text.append(f"  {item.what}", style="not bold")
        because = f"{item.fact} = {item.value}; {', '.join(item.rules)}"
        text.append(f"  [{because}]\n", style="not bold dim")
    return Indented(text)


def _notes(plan: Plan) -> RenderableType | None:
    text = Text("\n")
    for note in plan.notes:
        text.append(f"{note}\n")
    same: dict[str, list[str]] = {}
    for order, numbers in plan.other_orders.items():
        same.setdefault(", ".join(map(str, numbers)), []).append(order)
    if same:
        ranked = " > ".join(plan.order)
        text.append(f"Ranked with the layers of law as {ranked} (--order).\n", style="dim")
    for ways, orders in same.items():
        text.append(f"  {ways}  under {', or '.join(orders)}\n", style="dim")
    return Indented(text) if plan.notes or plan.other_orders else None
