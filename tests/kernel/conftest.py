"""Kernel tests run on both databases: what `open_toy` opens is chosen by `store_url`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import kernel_toy
import pytest


@pytest.fixture(params=["sqlite", pytest.param("postgresql", id="postgresql")])
def store_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test on either database; homes that `open_toy` opens keep their store there.

    A test opens as many homes as it likes on SQLite, where each has its own file; on PostgreSQL
    each home has a database of its own too, made when it is first opened.
    """
    if request.param == "sqlite":
        yield ""
        return
    server = request.getfixturevalue("postgres_server")
    databases: dict[str, str] = {}

    def url_of(home: Path) -> str:
        key = str(home)
        if key not in databases:
            databases[key] = server.create_database()
        return databases[key]

    kernel_toy.STORES.append(url_of)
    yield "postgresql"
    kernel_toy.STORES.pop()
    for url in databases.values():
        server.drop_database(url)
