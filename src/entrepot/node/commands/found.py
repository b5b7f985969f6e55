"""`entrepot found`: found the registry of a node and invite its first administrator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.decisions import Granted
from entrepot.kernel.errors import Conflict, Error, InvalidInput
from entrepot.kernel.sequencer import Answer
from entrepot.node.face.invitations import (
    INVITATION_SECONDS,
    invitation_link,
    make_invitation,
)
from entrepot.node.face.surroundings import front_origin
from entrepot.node.running import Running, open_running
from entrepot.node.settings import read_settings
from entrepot.registry import views
from entrepot.registry.acts import FOUND

DUTIES = ("admin", "steward", "registrar", "decider")


@click.command(name="found", help="Found the registry of a node; invite its first administrator.")
@click.option("--home", type=click.Path(path_type=Path), help="Keys, store and log.")
@click.option("--settings", "file", type=click.Path(path_type=Path), help="TOML settings file.")
@click.option("--name", help="Name of the operator, as in its register of companies.")
@click.option("--name-in", "names", multiple=True, metavar="LANG=NAME", help="In a language.")
@click.option("--identifier", help="scheme:VALUE, such as lei:…")
@click.option("--country", help="ISO 3166-1 alpha-2 code of the operator.")
@click.option("--notice-days", default=10, show_default=True, type=click.IntRange(0, 365))
@click.option("--decision-days", default=20, show_default=True, type=click.IntRange(0, 365))
@click.option("--calendar", default="", help="Working days of this jurisdiction; empty: all days.")
def command(file: Path | None, home: Path | None, **asked: Any) -> int:
    """Submit the founding unless it is there, then print a link for the first administrator.

    The node must not be running: this process is its writer. Exit 0 with a link, 1 when the rule
    refused the founding; raises Conflict when the operator has an administrator already.
    """
    given = {"home": None if home is None else str(home)}
    with open_running(read_settings(file, given=given)) as running:
        with running.node.store.reading() as read:
            terms = views.founding(read)
        if terms is None:
            answer = _found(running, asked)
            if not isinstance(answer.decision, Granted):
                for reason in answer.decision.reasons:
                    click.echo(f"{reason.sentence} [{reason.citation}]", err=True)
                return 1
            click.echo(f"founded at entry {answer.index}", err=True)
        click.echo(_invite(running))
    days = INVITATION_SECONDS // 86_400
    click.echo(f"open it within {days} days, once `entrepot serve` runs; it serves once", err=True)
    return 0


def _found(running: Running, asked: dict[str, Any]) -> Answer:
    scheme, _, value = (asked["identifier"] or "").partition(":")
    for option in ("name", "identifier", "country"):
        if not asked[option]:
            raise InvalidInput(f"the founding needs --{option}")
    body = {
        "name": asked["name"],
        "names": dict(_named(text) for text in asked["names"]),
        "identifier": {"scheme": scheme, "value": value},
        "country": asked["country"].upper(),
        "key": running.node.party.public.raw,
        "notice": {"days": asked["notice_days"], "calendar": asked["calendar"]},
        "decision": {"days": asked["decision_days"], "calendar": asked["calendar"]},
    }
    act = sign_act(running.node.party, FOUND, body, issued_at=running.clock(), act_id=new_act_id())
    (outcome,) = running.intake.submit_now([act])
    if isinstance(outcome, Error):
        raise outcome
    return outcome


def _named(text: str) -> tuple[str, str]:
    language, equals, name = text.partition("=")
    if not equals:
        raise InvalidInput("a name in a language is LANG=NAME", value=text, remedy="zh=海港")
    return language, name


def _invite(running: Running) -> str:
    """Return a link for the operator's first member. Raises Conflict when there is one."""
    with running.node.store.reading() as read:
        terms = views.founding(read)
        if terms is None:
            raise Conflict("the registry was not founded")
        if views.members_of(read, terms.operator):
            raise Conflict(
                "the operator has members already",
                value=terms.operator,
                remedy="sign in and invite colleagues from the desk",
            )
    store, now = running.node.store, running.clock()
    token = make_invitation(store, terms.operator, DUTIES, now=now, first=True)
    return invitation_link(front_origin(running.settings), token)
