"""`entrepot serve`: run a node until it is told to stop."""

from __future__ import annotations

from pathlib import Path

import click

from entrepot.node.observing_logs import begin_logging
from entrepot.node.running import open_running
from entrepot.node.serving import serve
from entrepot.node.settings import read_settings


@click.command(name="serve", help="Run a node: acts over HTTP, the public log, the registry.")
@click.option("--home", type=click.Path(path_type=Path), help="Keys, store and log.")
@click.option("--settings", "file", type=click.Path(path_type=Path), help="TOML settings file.")
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on (default 8600).")
def command(home: Path | None, file: Path | None, host: str | None, port: int | None) -> int:
    """Read settings, open the home, serve; exit 0 after a graceful stop."""
    given = {"home": None if home is None else str(home), "http.host": host, "http.port": port}
    settings = read_settings(file, given=given)
    begin_logging(settings.logs)
    running = open_running(settings)

    def say() -> None:
        click.echo(f"serving {running.home} at {running.url}", err=True)

    serve(running, on_ready=say)
    return 0
