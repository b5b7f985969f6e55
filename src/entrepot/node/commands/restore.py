"""`entrepot restore`: make a home from a backup, on either database, and verify all of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from entrepot.kernel.backupfiles import BESIDE
from entrepot.kernel.checkpoint import LogKeys, parse_log_keys
from entrepot.kernel.encoding import to_json
from entrepot.kernel.errors import InvalidInput
from entrepot.kernel.home import read_log_keys
from entrepot.kernel.places import Places
from entrepot.kernel.restore import RestoreReport, Target, restore
from entrepot.node.homeoptions import json_option, store_option
from entrepot.node.installed import installed
from entrepot.node.progress import steps_bar
from entrepot.node.witnessing.published import newest_known, read_policy

MEMORY_OF_WITNESS = ("local_witness", "local_witness_key")
"""What this node cosigned for others: an old memory could cosign a second history."""


@click.command(name="restore", help="Make a home from a backup, on either database, verified.")
@click.argument("backup", type=click.Path(path_type=Path))
@click.option(
    "--home", required=True, type=click.Path(path_type=Path), help="New folder for the home."
)
@store_option
@click.option("--log-files", help="Place of the log's files: a folder, or s3://bucket/prefix.")
@click.option("--bodies", help="Place of large bodies: a folder, or s3://bucket/prefix.")
@click.option(
    "--log-keys",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with the log's two vkey lines, as you know them from elsewhere.",
)
@click.option(
    "--policy",
    default="",
    help="Witnesses to ask whether they have seen more of this log (default: the backup's).",
)
@click.option(
    "--moved",
    is_flag=True,
    help="The node was stopped before the backup: keep its memory as a witness of others.",
)
@json_option
def command(  # noqa: PLR0913 - one parameter per option
    backup: Path,
    home: Path,
    store: str,
    log_files: str | None,
    bodies: str | None,
    log_keys: Path | None,
    policy: str,
    moved: bool,
    as_json: bool,
) -> int:
    """Restore and verify; exit 0 when the home may be opened."""
    with steps_bar() as on_progress:
        report = restore(
            backup,
            Target(home, store, Places(log_files, bodies)),
            institutions=installed(),
            expected=None if log_keys is None else _known_keys(log_keys),
            newest_known=_asking(backup, policy),
            leave_out=() if moved else MEMORY_OF_WITNESS,
            on_progress=on_progress,
        )
    if as_json:
        click.echo(to_json({"home": str(home), "report": report}))
    else:
        _print(home, report)
    return 0


def _known_keys(path: Path) -> LogKeys:
    try:
        return parse_log_keys(path.read_text("ascii"))
    except UnicodeDecodeError:
        raise InvalidInput("the keys of a log are plain text", value=path) from None


def _asking(backup: Path, policy_file: str) -> Callable[[], int] | None:
    """Return what asks the witnesses of a policy for the largest tree they saw of this log.

    Without a policy file the one in the backup, if the node had one.
    """
    policy = read_policy(backup / BESIDE, policy_file)
    if policy is None:
        return None

    def ask() -> int:
        views = newest_known(policy, read_log_keys(backup))
        return max((view.seen.checkpoint.size for view in views if view.seen), default=0)

    return ask


def _print(home: Path, report: RestoreReport) -> None:
    click.echo(f"{report.sequenced:,} entries of {report.origin} in {home}, all verified")
    click.echo(f"  {report.acts:,} acts signed and recorded once; {report.tables} tables of state")
    click.echo(f"  {report.local_rows:,} rows of node-local tables")
    for name in report.left_out:
        click.echo(f"  not restored: {name}")
    for name in report.reshaped:
        click.echo(f"  the state of {name} has another shape in this version, made anew")
    if not report.has_keys:
        click.echo("  put the private keys into keys/ (mode 0600) before you start the node")
