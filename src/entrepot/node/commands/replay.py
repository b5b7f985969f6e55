"""`entrepot replay`: rebuild all state from the log and prove that it is the state in the store."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import click

from entrepot.kernel.encoding import to_json
from entrepot.kernel.home import default_home, read_log_keys
from entrepot.kernel.replay import ReplayReport, replay
from entrepot.kernel.snapshot import open_snapshot
from entrepot.node.homeoptions import home_option, json_option, store_option
from entrepot.node.installed import installed
from entrepot.node.progress import steps_bar


@click.command(name="replay", help="Rebuild all state from the log and compare, table by table.")
@home_option
@store_option
@click.option(
    "--into",
    default="",
    metavar="FILE|URL",
    help="Keep the rebuilt state in this new file or empty database.",
)
@json_option
def command(home: Path | None, store: str, into: str, as_json: bool) -> int:
    """Replay beside a running node or without one; exit 0 when every table is equal, else 1."""
    where = default_home() if home is None else home
    started = time.monotonic()
    with open_snapshot(where, store) as snapshot, steps_bar() as on_progress:
        keys = read_log_keys(where)
        report = replay(snapshot, keys, installed(), into=into, on_progress=on_progress)
    elapsed_s = time.monotonic() - started
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if as_json:
        view = {
            "home": str(where),
            "report": report,
            "elapsed_s": round(elapsed_s, 3),
            "peak_memory_bytes": peak_bytes,
        }
        click.echo(to_json(view))
    else:
        _print(report, elapsed_s, peak_bytes)
    return 0 if report.equal else 1


def _print(report: ReplayReport, elapsed_s: float, peak_bytes: int) -> None:
    click.echo(f"{report.acts:,} acts in {report.entries:,} entries under {report.origin}")
    for state in report.tables:
        mark = "equal" if state.is_equal else "DIFFERENT"
        click.echo(f"  {state.table:<32} {state.rows:>12,} rows  {state.sha256[:16]}…  {mark}")
        if not state.is_equal:
            rebuilt = f"{state.rebuilt_rows:>12,} rows  {state.rebuilt_sha256[:16]}…"
            click.echo(f"  {'from the records':<32} {rebuilt}")
    said = "every table equals the replay" if report.equal else "state differs from the log"
    click.echo(f"{said}; {elapsed_s:.1f} s, {peak_bytes / (1 << 20):.0f} MiB at most")
