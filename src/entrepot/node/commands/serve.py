"""`entrepot serve`: run a node until it is told to stop."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec

from entrepot.kernel.home import default_home
from entrepot.node.observing_logs import begin_logging
from entrepot.node.running import Running, open_running
from entrepot.node.serving import serve
from entrepot.node.settings import Settings, read_settings
from entrepot.node.witnessing.published import require_newest_before_opening


@click.command(name="serve", help="Run a node: acts over HTTP, the public log, the registry.")
@click.option("--home", type=click.Path(path_type=Path), help="Keys, store and log.")
@click.option("--settings", "file", type=click.Path(path_type=Path), help="TOML settings file.")
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on (default 8600).")
@click.option("--demo", is_flag=True, help="Begin with sample content, in an empty home.")
def command(
    home: Path | None, file: Path | None, host: str | None, port: int | None, demo: bool
) -> int:
    """Read settings, open the home, serve; exit 0 after a graceful stop."""
    given = {"home": None if home is None else str(home), "http.host": host, "http.port": port}
    settings = read_settings(file, given=given)
    if demo:
        return _serve_demo(settings, is_kept=home is not None)
    begin_logging(settings.logs)
    where = Path(settings.home) if settings.home else default_home()
    require_newest_before_opening(
        where, log_place=settings.log.url, policy_file=settings.witnessing.policy_file
    )
    running = open_running(settings)
    serve(running, on_ready=lambda: click.echo(_serving(running), err=True))
    return 0


def _serving(running: Running) -> str:
    role = "" if running.leads else " (following)"
    return f"serving {running.home} at {running.url}{role}"


def _serve_demo(settings: Settings, *, is_kept: bool) -> int:
    """Fill a home (a temporary one unless named) with sample content, and serve it."""
    # Here and not at the top: a node that serves in earnest has no demo in its memory.
    from entrepot.node.demo.opening import open_demo, ship_goods, welcome

    logs = msgspec.structs.replace(settings.logs, level="warning", form="text")
    begin_logging(logs)
    with ExitStack() as stack:
        if not is_kept:
            folder = tempfile.TemporaryDirectory(prefix="entrepot-demo-")
            settings = msgspec.structs.replace(settings, home=stack.enter_context(folder))
        demo = open_demo(settings)

        async def admit(_running: Running) -> None:
            await welcome(demo)

        async def ship(_running: Running) -> None:
            await asyncio.to_thread(ship_goods, demo)

        def say() -> None:
            click.echo(f"{_serving(demo.running)}\n\n  look       {demo.url}/")
            click.echo(f"  operator   {demo.links['operator']}")
            click.echo(f"  provider   {demo.links['freight']}")
            click.echo("\nEach link signs one person in, with a passkey, once. Ctrl-C stops.")
            if not is_kept:
                click.echo("The home is temporary and goes with the demo (--home DIR keeps it).")

        serve(demo.running, on_ready=say, also=(admit, ship))
    return 0
