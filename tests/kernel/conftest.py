"""Kernel tests run on both databases: what `open_toy` opens is chosen by `store_url`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kernel_toy
import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """Run the test on either database; homes that `open_toy` opens keep their store there."""
    if request.param == "postgresql":
        request.getfixturevalue("on_postgres")
    return str(request.param)


@pytest.fixture
def on_postgres(postgres_server: Any) -> Iterator[None]:
    """Give each home a database of its own, made when it is first opened, dropped at the end."""
    databases: dict[Path, str] = {}

    def url_of(home: Path) -> str:
        if home not in databases:
            databases[home] = postgres_server.create_database()
        return databases[home]

    kernel_toy.STORES.append(url_of)
    yield
    kernel_toy.STORES.pop()
    for url in databases.values():
        postgres_server.drop_database(url)
