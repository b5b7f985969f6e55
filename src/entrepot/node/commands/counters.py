"""`entrepot counters`: how many distinct persons a node cleared per legal window, and how near."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import msgspec
from rich.table import Table

from entrepot.kernel.errors import NotFound
from entrepot.kernel.home import default_home
from entrepot.law.sketches import DOUBT, RELATIVE_ERROR
from entrepot.node.counting import WindowView, open_books, windows
from entrepot.node.lawcache import open_library
from entrepot.node.layout import readable_size
from entrepot.node.options import DATE
from entrepot.node.screen import Screen
from entrepot.node.shipping import print_json


class CountersView(msgspec.Struct, frozen=True):
    """What `counters --json` prints."""

    home: str
    as_of: date
    windows: list[WindowView]
    doubt: float
    """Chance that a count is larger than its stated most."""
    sketch_error: float
    """Relative standard error of counts that are no longer exact."""


@click.command("counters")
@click.option("--home", type=click.Path(path_type=Path), help="Home whose counters to show.")
@click.option("--as-of", type=DATE, default=None, help="Day on which the windows end (today).")
@click.option("--json", "as_json", is_flag=True, help="Print the counters as JSON.")
def command(home: Path | None, as_of: date | None, as_json: bool) -> int:
    """Show every counter with a clearance in its window.

    Law reads the upper number; where it equals the lower one the count is exact. No person can be
    told from a counter.
    """
    where = home or default_home()
    today = as_of or date.today()  # noqa: DTZ011 - the reader's own calendar day
    if not (where / "store.sqlite").is_file():
        raise NotFound("nothing was ever cleared in this home", value=where)
    with open_books(where, today) as books:
        found = windows(books, open_library())
    if as_json:
        print_json(CountersView(str(where), today, found, DOUBT, RELATIVE_ERROR))
        return 0
    screen = Screen(highlight=False)
    if not found:
        screen.print(f"No counter has a clearance in its window of {today}.")
        return 0
    screen.print(_table(found))
    screen.print(
        f"Law reads the upper number; chance that it is too small: {DOUBT:g}. Counts past every "
        f"threshold are sketches with a standard error of {RELATIVE_ERROR:.2%}.",
        style="dim",
    )
    if not all(window.complete for window in found):
        screen.print(
            "What left otherwise than through this node is not in them; say in "
            "counters/declared.yaml since when nothing did.",
            style="dim",
        )
    return 0


def _table(found: list[WindowView]) -> Table:
    table = Table(box=None, pad_edge=False)
    paired = any(window.recipient for window in found)
    table.add_column("counter", no_wrap=True)
    table.add_column("since", no_wrap=True)
    if paired:
        table.add_column("recipient", overflow="fold")
    for title in ("sent", "persons", "exempt", "next", "stored"):
        table.add_column(title, justify="right")
    for window in found:
        table.add_row(
            window.fact,
            window.since.isoformat(),
            *([window.recipient] if paired else []),
            f"{window.shipments:,}",
            _persons(window),
            f"{window.exempt_persons:,}",
            _next(window),
            readable_size(window.stored_bytes),
            style="bold" if window.near else "",
        )
    return table


def _persons(window: WindowView) -> str:
    if window.exact or window.persons_least == window.persons_most:
        return f"{window.persons_most:,}"
    return f"{window.persons_least:,} to {window.persons_most:,}"


def _next(window: WindowView) -> str:
    if window.next_threshold is None:
        return "near one" if window.near else "above all"
    return f"{window.next_threshold:,}" + (" near" if window.near else "")
