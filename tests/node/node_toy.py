"""A running node with the kernel tests' small institution, and acts for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar
from litestar.testing import TestClient

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kernel"))

from kernel_toy import NOW, TOY, count_act

from entrepot.node.app import make_app
from entrepot.node.running import Running, open_running
from entrepot.node.settings import Settings, read_settings

__all__ = ["NOW", "TOY", "count_act", "served", "settings_of"]

PARTS = ("entrepot.node.api",)
COSE = {"Content-Type": "application/cose"}
MANY = {"Content-Type": "application/cbor-seq"}


def settings_of(home: Path, **given: Any) -> Settings:
    """Settings of a test: of the environment the store alone; dots are two underscores."""
    named = {name.replace("__", "."): value for name, value in given.items()}
    store = {name: text for name, text in os.environ.items() if name == "ENTREPOT_STORE_URL"}
    return read_settings(environment=store, given={"home": str(home), **named})


@contextmanager
def served(home: Path, **given: Any) -> Iterator[tuple[Running, TestClient[Litestar]]]:
    """A node over `home` behind the framework's in-process client."""
    settings = settings_of(home, **given)
    with (
        open_running(settings, institutions=(TOY,), clock=lambda: NOW) as running,
        TestClient(make_app(running, PARTS), base_url="http://127.0.0.1:8600") as client,
    ):
        yield running, client


def problem(response: Any) -> dict[str, Any]:
    """The problem object of a response, after checking its form."""
    assert response.headers["content-type"] == "application/problem+json"
    found = msgspec.json.decode(response.content, type=dict[str, Any])
    assert found["status"] == response.status_code
    assert found["type"].startswith("urn:entrepot:error:")
    return found
