"""Opening the demo: from nothing to a node with sample content and links to sign in with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from entrepot.kernel.errors import Conflict
from entrepot.node.demo.stage import DemoClock, Stage
from entrepot.node.demo.story import DAYS_AGO, tell
from entrepot.node.face.invitations import (
    admission_of,
    enrolments_of,
    forget_enrolment,
    invitation_link,
    make_invitation,
)
from entrepot.node.running import Running, open_running
from entrepot.node.settings import Settings

LOOKS_EVERY_S: Final = 0.5
DESKS: Final = (("operator", ("admin", "registrar", "decider")), ("freight", ("admin", "steward")))
"""Whose desks the demo invites to, and with which duties."""


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that is ready to be served, and the links that were made for it."""

    running: Running
    stage: Stage
    url: str
    links: dict[str, str]


def open_demo(settings: Settings) -> Demo:
    """Open an empty home, tell the story, invite to two desks.

    Raises Conflict when the home has a log already, and what `open_running` raises.
    """
    settings = _reachable(settings)
    clock = DemoClock(DAYS_AGO)
    running = open_running(settings, clock=clock)
    try:
        if running.node.log.size > 1:
            raise Conflict(
                "this home has content already; the demo begins with an empty one",
                value=running.home,
                remedy="name a new folder with --home, or serve this one without --demo",
            )
        stage = tell(running, clock)
        links = {name: _link(stage, name, duties) for name, duties in DESKS}
    except BaseException:
        running.close()
        raise
    return Demo(running, stage, settings.url, links)


def _reachable(settings: Settings) -> Settings:
    """Return settings under which passkeys work on this machine: they want a name, no address."""
    if settings.http.public_url:
        return settings
    http = msgspec.structs.replace(
        settings.http, public_url=f"http://localhost:{settings.http.port}"
    )
    return msgspec.structs.replace(settings, http=http)


def _link(stage: Stage, name: str, duties: tuple[str, ...]) -> str:
    running = stage.running
    player = stage.operator if name == "operator" else stage.players[name]
    token = make_invitation(running.node.store, player.party, duties, now=running.clock())
    return invitation_link(running.url, token)


def ship_goods(demo: Demo) -> list[int]:
    """Clear the demo's shipments; return the indices of their entries. Takes some seconds."""
    # Here and not at the top: reading tables loads more than all the rest; the node is up first.
    from entrepot.node.demo.shipments import clear_shipments

    return clear_shipments(demo.running)


async def welcome(demo: Demo) -> None:
    """Admit whoever registers a passkey through one of the links, until cancelled.

    An admin would do that at the desk; the demo's admins are software.
    """
    while True:
        await asyncio.sleep(LOOKS_EVERY_S)
        await asyncio.to_thread(_admit_enrolled, demo.stage)


def _admit_enrolled(stage: Stage) -> None:
    store = stage.running.node.store
    for player in (stage.operator, *stage.players.values()):
        for enrolment in enrolments_of(store, player.party):
            body: dict[str, Any] = admission_of(enrolment)
            stage.granted([stage.approved(player, "admit-member", body)])
            forget_enrolment(store, enrolment.key.kid)
