"""The client: what a program needs to talk to a node. `from entrepot.client import Client`.

Acts are signed and receipts verified with the kernel alone; only `connection` needs HTTP (httpx),
and it is imported on first use, because the node itself uses `signatures`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entrepot.client.connection import Client

__all__ = ["Client"]


def __getattr__(name: str) -> object:
    """Import the connection when it is first named (PEP 562)."""
    if name == "Client":
        from entrepot.client.connection import Client

        return Client
    raise AttributeError(name)
