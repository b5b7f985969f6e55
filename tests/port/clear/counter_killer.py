"""Clear a table and die by SIGKILL at a named step: `counter_killer.py TABLE HOME OUT STEP`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import clearing_stage as stage

from entrepot.kernel.home import open_node
from entrepot.port.clear.clearing import Order, clear
from entrepot.port.clear.institution import port_institution
from entrepot.port.clear.record import Parties
from entrepot.port.plan.planner import as_is_way

PIECES_WRITTEN = "pieces-written"
"""The pieces are on the disk, the act is not submitted yet."""
STEPS = (
    PIECES_WRITTEN,
    "begun",
    "applied",
    "staged",
    "committed",
    "tile-written",
    "checkpoint-renamed",
    "answered",
)


def order_of(table: Path, out: Path) -> Order:
    facts = {**stage.DECLARED, **stage.MET, "cn.year.prior_persons": 5_000}
    goods = stage.goods_of(table, facts)
    plan, source = stage.planned(goods, table)
    parties = Parties("Example Trading Co", "Beispiel GmbH", "analytics")
    return Order(goods, plan, as_is_way(goods), source, parties, out)


def main(table: Path, home: Path, out: Path, step: str) -> None:
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    armed = False

    def crash(name: str) -> None:
        if armed and name == step:
            die()

    def on_step(name: str) -> None:
        nonlocal armed
        armed = name == "logging"  # not while the law is recorded
        if armed and step == PIECES_WRITTEN:
            die()

    order = order_of(table, out)
    institutions = (port_institution(stage.library(), home=home),)
    with open_node(home, institutions=institutions, clock=lambda: stage.NOON, crash=crash) as node:
        clear(order, node, clock=lambda: stage.NOON, on_step=on_step)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
