"""`entrepot inspect FILE`: what is in a dataset, whose, and how sensitive."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import msgspec
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from entrepot.law import Library
from entrepot.node.lawcache import open_library
from entrepot.node.layout import Indented, readable_size
from entrepot.node.options import DATE
from entrepot.node.progress import reading_bar
from entrepot.node.screen import Screen
from entrepot.port.inspect import inspect_under
from entrepot.port.model import ColumnReport, FileReport, Inspection, TableReport, Verdict

_MARK = {Verdict.FOUND: "●", Verdict.POSSIBLE: "○", Verdict.NOT_FOUND: "·"}
_REGIME_WIDTH = 16
_WIDE = 100
_LEGEND = "● found  ○ possible  · nothing found · sure: 0 to 1"
_LEGEND_OF_CELLS = " · looks like: a masked cell (A a letters, 9 digits, 文 signs)"
_STYLE = {Verdict.FOUND: "bold", Verdict.POSSIBLE: "", Verdict.NOT_FOUND: "dim"}


@click.command("inspect")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--as-of", type=DATE, default=None, help="Day whose lists of sensitive data apply (today)."
)
@click.option(
    "--columns/--no-columns", "evidence", default=False, help="Show the evidence of each column."
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole inspection as JSON.")
def command(file: Path, as_of: date | None, evidence: bool, as_json: bool) -> None:
    """Read FILE whole (CSV, JSONL, Parquet, Avro, XLSX; gzip or zstd) and say what it holds."""
    inspection = inspect_with_law(file, open_library(), as_of or date.today())  # noqa: DTZ011
    if as_json:
        encoded = msgspec.json.encode(inspection)
        click.echo(msgspec.json.format(encoded, indent=2).decode())
        return
    Screen(highlight=False).print(rendered(inspection, evidence=evidence))


def inspect_with_law(file: Path, library: Library, as_of: date) -> Inspection:
    """Inspect `file` with every loaded regime's sensitivity list of the day, showing progress."""
    with reading_bar(f"inspecting {file.name}") as progress:
        return inspect_under(library, file, as_of=as_of, progress=progress)


def rendered(
    inspection: Inspection, *, evidence: bool = False, brief: bool = False
) -> RenderableType:
    """Lay out an inspection for a terminal; `brief` leaves out columns that hold nothing."""
    shown = [c for c in inspection.columns if not brief or c.verdict != Verdict.NOT_FOUND]
    blocks: list[RenderableType] = [_heading(inspection), _Columns(shown)]
    if evidence:
        blocks += [_evidence(column) for column in inspection.columns if column.lanes]
    blocks.append(_table(inspection.table))
    if not brief:
        blocks.append(_closing(inspection))
    return Group(*blocks)


def _heading(inspection: Inspection) -> RenderableType:
    file: FileReport = inspection.file
    in_text = file.encoding not in ("", "binary")
    what = f"{file.format}, {file.encoding}" if in_text else file.format
    if file.compression != "none":
        what += f", {file.compression}"
    text = Text()
    text.append(f"{file.name}  ", style="bold")
    text.append(f"{readable_size(file.size_bytes)} · {what} · {inspection.rows:,} rows × ")
    text.append(
        f"{len(inspection.columns)} columns · every cell examined in {inspection.seconds:.1f} s"
    )
    for warning in file.warnings:
        text.append(f"\n! {warning}", style="yellow")
    for name, note in file.metadata.items():
        text.append(f"\n· {name}: {note}", style="dim")
    return Indented(text)


class _Columns:
    """One row per column of the file; a narrow screen goes without the masked cells."""

    def __init__(self, columns: list[ColumnReport]) -> None:
        self.columns = columns

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table for the width at hand."""
        wide = options.max_width >= _WIDE
        table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("", "column", "holds"):
            table.add_column(heading, overflow="fold")
        for heading in ("sure", "distinct", "empty"):
            table.add_column(heading, justify="right")
        if wide:
            table.add_column("looks like", no_wrap=True, overflow="ellipsis")
        table.add_column("sensitive under", min_width=_REGIME_WIDTH, overflow="fold")
        for column in self.columns:
            cells = _cells(column)
            kept = cells if wide else [*cells[:-2], cells[-1]]
            table.add_row(*kept, style=_STYLE[column.verdict])
        yield table
        legend = f"{_LEGEND}{_LEGEND_OF_CELLS}" if wide else _LEGEND
        yield Indented(Text(legend, style="dim"))


def _cells(column: ColumnReport) -> list[RenderableType]:
    return [
        _MARK[column.verdict],
        Text(column.name),
        _holds(column),
        f"{column.confidence:.2f}" if column.verdict != Verdict.NOT_FOUND else "",
        f"{column.distinct:,}",
        f"{column.nulls / column.cells:.0%}" if column.cells and column.nulls else "",
        Text(column.examples[0] if column.examples else ""),
        ", ".join(column.sensitivity),
    ]


def _holds(column: ColumnReport) -> str:
    text = str(column.category)
    if column.subtype and column.subtype != text:
        text += f" ({column.subtype})"
    if column.contains:
        inside = ", ".join(
            f"{category} in {cells:,}" for category, cells in column.contains.items()
        )
        text += f"; inside: {inside}"
    return text


def _evidence(column: ColumnReport) -> Panel:
    lines = [
        f"{lane.weight:+6.1f}  {lane.lane:<11}{lane.category}: {lane.detail}"
        for lane in column.lanes
    ]
    if column.runner_up:
        lines.append(f"        competing reading: {column.runner_up}")
    if column.bound:
        lines.append(f"        {column.bound}")
    return Panel("\n".join(lines), title=column.name, title_align="left", border_style="dim")


def _table(table: TableReport) -> RenderableType:
    text = Text("\n")
    about = "" if table.persons_exact else "about "
    text.append(f"Persons  {about}{table.persons:,}", style="bold")
    text.append(f"  ({table.persons_method})\n")
    for subject in table.subjects:
        text.append(f"  {subject.regime}: {subject.persons:,} with {subject.klass}  ", style="")
        text.append(f"({', '.join(subject.columns)})\n", style="dim")
    if table.residence:
        text.append("Whose    ", style="bold")
        parts = [f"{r.jurisdiction} {r.persons:,} ({r.share:.0%})" for r in table.residence[:8]]
        text.append(" · ".join(parts))
        text.append(f"  by {', '.join(table.residence[0].evidence)}\n", style="dim")
    if table.risk:
        risk = table.risk
        text.append("Risk     ", style="bold")
        text.append(
            f"k = {risk.k}, {risk.uniques:,} of {risk.rows:,} rows unique, average risk "
            f"{risk.average_risk:.2f}  "
        )
        text.append(f"over {', '.join(risk.quasi_identifiers)}; {risk.note}\n", style="dim")
    answer, _, reason = table.anonymous.partition(": ")
    text.append("Anonymous? ", style="bold")
    text.append(answer, style="bold red" if answer == "no" else "bold yellow")
    text.append(f": {reason}\n")
    return Indented(text, hang=9)


def _closing(inspection: Inspection) -> RenderableType:
    text = Text()
    if inspection.table.quality:
        text.append("Quality  ", style="bold")
        text.append("\n         ".join(dict.fromkeys(inspection.table.quality)) + "\n")
    text.append("Not examined", style="bold")
    for line in inspection.not_examined:
        text.append(f"\n         {line}", style="dim")
    return Indented(text)
