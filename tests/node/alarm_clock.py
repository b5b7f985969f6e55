"""A small real institution whose acts fall due: alarms are set, and ring when it is time."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import sqlalchemy as sa

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.decisions import Decision, Effect, Granted, Reason, Refused
from entrepot.kernel.institution import ActKind, DueAct, Facts, Institution, Record, Request
from entrepot.node.running import Running

TABLES = sa.MetaData()
ALARMS = sa.Table(
    "clock_alarms",
    TABLES,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("rings", sa.BigInteger, nullable=False),
)


class Alarm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    at: int = 0


def _shape(body: dict[object, object]) -> Alarm:
    return msgspec.convert(body, Alarm)


def _facts(read: sa.Connection, request: Request[Alarm]) -> Facts:
    row = read.execute(sa.select(ALARMS).where(ALARMS.c.name == request.body.name)).one_or_none()
    return Facts({"at": row.at if row else -1, "rings": row.rings if row else 0}, ("clock-law",))


def _set(request: Request[Alarm], _facts: Facts) -> Decision:
    return Granted((Effect("set", {"name": request.body.name, "at": request.body.at}),))


def _ring(request: Request[Alarm], facts: Facts) -> Decision:
    at = facts.values["at"]
    assert isinstance(at, int)
    if request.body.name == "stuck" or not 0 <= at <= request.decided_at:
        return Refused((Reason("clock.early", "Clock Act art 2", "It is not time yet."),))
    return Granted((Effect("rung", {"name": request.body.name}),))


def _apply(write: sa.Connection, record: Record) -> None:
    for effect in record.effects:
        where = ALARMS.c.name == effect.values["name"]
        if effect.name == "set":
            write.execute(ALARMS.insert(), {**effect.values, "rings": 0})
        else:
            write.execute(ALARMS.update().where(where).values(rings=ALARMS.c.rings + 1))


def _due(read: sa.Connection, now: int) -> Sequence[DueAct]:
    rows = read.execute(sa.select(ALARMS).where(ALARMS.c.at <= now, ALARMS.c.rings == 0))
    return [DueAct("ring-alarm", {"name": row.name}, row.name, row.at) for row in rows]


CLOCK = Institution(
    "clock",
    (
        ActKind("set-alarm", _shape, _facts, _set, _apply, public=True),
        ActKind("ring-alarm", _shape, _facts, _ring, _apply, public=True),
    ),
    TABLES,
    due=_due,
)


def set_alarm(running: Running, name: str, at: int, now: int) -> bytes:
    body = {"name": name, "at": at}
    return sign_act(running.node.party, "set-alarm", body, issued_at=now, act_id=new_act_id())


def rings(running: Running) -> dict[str, int]:
    with running.node.store.reading() as read:
        return {row.name: row.rings for row in read.execute(sa.select(ALARMS))}


def crash_in_duties(home: str, now: int, point: str) -> None:
    """Carry out duties in this process and die at a point of the sequencer."""
    from node_toy import settings_of

    from entrepot.node.duties import Duties
    from entrepot.node.running import open_running

    running = open_running(settings_of(Path(home)), institutions=(CLOCK,), clock=lambda: now)

    def crash(reached: str) -> None:
        if reached == point:
            os._exit(9)

    running.node.log.crash = crash
    running.node.sequencer._crash = crash
    Duties(running).carry_out()
    os._exit(0)


if __name__ == "__main__":
    crash_in_duties(sys.argv[1], int(sys.argv[2]), sys.argv[3])
