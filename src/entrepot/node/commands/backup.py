"""`entrepot backup`: copy a home into a folder of verified files, also while a node writes it."""

from __future__ import annotations

from pathlib import Path

import click

from entrepot.kernel.backup import write_backup
from entrepot.kernel.backupfiles import Manifest
from entrepot.kernel.encoding import to_json
from entrepot.kernel.home import OPERATOR, default_home, read_log_keys, system_clock
from entrepot.kernel.keys import load_key
from entrepot.kernel.snapshot import open_snapshot
from entrepot.node.homeoptions import home_option, json_option, store_option
from entrepot.node.installed import installed
from entrepot.node.progress import steps_bar
from entrepot.node.witnessing.published import POLICY_FILE
from entrepot.node.witnessing.watched import WATCHED_FILE


@click.command(name="backup", help="Copy a home, also while a node writes it.")
@click.argument("out", type=click.Path(path_type=Path))
@home_option
@store_option
@click.option(
    "--with-keys",
    is_flag=True,
    help="Put the private keys in, too: whoever has the backup is then this node.",
)
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with the passphrase of the log's key, which signs the backup.",
)
@json_option
def command(
    out: Path,
    home: Path | None,
    store: str,
    with_keys: bool,
    passphrase_file: Path | None,
    as_json: bool,
) -> int:
    """Write the new folder OUT; exit 0 when it is there, whole and flushed to the disk."""
    where = default_home() if home is None else home
    passphrase = None if passphrase_file is None else passphrase_file.read_bytes().strip()
    with open_snapshot(where, store) as snapshot, steps_bar() as on_progress:
        key = load_key(where / "keys" / f"{OPERATOR}.pem", passphrase=passphrase)
        manifest = write_backup(
            snapshot,
            out,
            signer=(read_log_keys(where), key),
            institutions=installed(),
            made_at=system_clock(),
            with_keys=with_keys,
            beside=(POLICY_FILE, WATCHED_FILE),
            on_progress=on_progress,
        )
    if as_json:
        click.echo(to_json({"backup": str(out), "manifest": manifest}))
    else:
        _print(out, manifest, with_keys=with_keys)
    return 0


def _print(out: Path, manifest: Manifest, *, with_keys: bool) -> None:
    size_bytes = sum(item.size_bytes for item in manifest.files.values())
    click.echo(f"{manifest.sequenced:,} entries of {manifest.origin} in {out}")
    click.echo(f"  {manifest.published:,} published, {size_bytes / (1 << 20):.1f} MiB")
    for name in manifest.left_out:
        click.echo(f"  left out: {name} (a local table of values that are not plain)")
    if with_keys:
        click.echo("  private keys are inside: keep it as you keep them")
    else:
        click.echo("  private keys are not inside: keep keys/*.pem apart")
