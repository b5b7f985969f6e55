"""Duties: what the node does because time has passed, and how its role is kept true.

What falls due is a view over state (`Institution.due`), not a queue. The node signs each due act
under the id derived from what it is, dated with the moment it fell due, so that the bytes are the
same whoever makes them and whenever: two processes, or one that crashed between submitting and
hearing the answer, have the act done once. A rule may still refuse it; then a person must look.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import sqlalchemy as sa

from entrepot.kernel.acts import sign_act
from entrepot.kernel.decisions import Outcome
from entrepot.kernel.errors import Error, StorageError
from entrepot.kernel.institution import DueAct
from entrepot.kernel.sequencer import Answer
from entrepot.law.library import Library
from entrepot.node.running import Running
from entrepot.port.clear.state import CLEARANCES
from entrepot.registry.deadlines import day_of

FIRST_RECHECK_S: Final = 60
"""The first recheck waits until a node that was just started has answered its callers."""
LOG: Final = logging.getLogger("entrepot.duties")


def due_acts(running: Running, now: int) -> list[DueAct]:
    """Return what every institution says falls due at or before `now`, the oldest first."""
    found: list[DueAct] = []
    with running.node.store.reading() as read:
        for institution in running.institutions:
            if institution.due is not None:
                found += institution.due(read, now)
    return sorted(found, key=lambda due: (due.due_at, due.kind, due.key))


def sign_due(running: Running, due: DueAct) -> bytes:
    """Return the one act that carries out `due`: the same bytes every time."""
    return sign_act(running.node.party, due.kind, due.body, issued_at=due.due_at, act_id=due.act_id)


class Duties:
    """Carries out what falls due; remembers what was answered, to ask it once per process."""

    def __init__(self, running: Running) -> None:
        """Begin with nothing answered."""
        self._running = running
        self._answered: set[bytes] = set()

    def carry_out(self) -> list[tuple[DueAct, Answer | Error]]:
        """Submit what is due now and was not answered yet; at most a batch at a time.

        An error of storage (also: not the leader) leaves the act due for the next time.
        """
        running = self._running
        due = [
            item
            for item in due_acts(running, running.clock())
            if bytes(item.act_id) not in self._answered
        ][: running.settings.duties.batch_max]
        if not due:
            return []
        outcomes = running.intake.submit_now([sign_due(running, item) for item in due])
        done = list(zip(due, outcomes, strict=True))
        for item, outcome in done:
            if not isinstance(outcome, StorageError):
                self._answered.add(bytes(item.act_id))
            _tell(item, outcome)
        return done


def _tell(due: DueAct, outcome: Answer | Error) -> None:
    if isinstance(outcome, Error):
        LOG.warning("due act not taken", extra={"kind": due.kind, "code": outcome.code})
    elif outcome.decision.outcome is not Outcome.GRANTED:
        name = outcome.decision.outcome.name.lower()
        extra = {"kind": due.kind, "index": outcome.index, "outcome": name}
        LOG.warning("due act not granted", extra=extra)
    elif not outcome.repeated:
        LOG.info("due act done", extra={"kind": due.kind, "index": outcome.index})


async def carry_out_duties(running: Running) -> None:
    """Carry out what falls due, until cancelled; only where this process writes."""
    duties = Duties(running)
    while True:
        answered = await asyncio.to_thread(_quietly, duties) if running.leads else 0
        if answered < running.settings.duties.batch_max:
            await asyncio.sleep(running.settings.duties.every_s)


def _quietly(duties: Duties) -> int:
    """Carry out duties and return how many were answered; what storage refuses stays due."""
    try:
        done = duties.carry_out()
    except StorageError as error:
        LOG.warning("duties wait", extra={"code": error.code})
        return 0
    return sum(not isinstance(outcome, StorageError) for _, outcome in done)


async def tend_seat(running: Running) -> None:
    """Keep the role of this process true: follow what is published, take over when none writes."""
    led = running.leads
    while True:
        try:
            leads = await asyncio.to_thread(running.seat.tend)
        except StorageError as error:
            LOG.warning("cannot ask the store who writes", extra={"code": error.code})
            leads = running.leads
        if leads != led:
            LOG.info("role changed", extra={"role": "leader" if leads else "follower"})
            led = leads
        await asyncio.sleep(running.settings.store.tend_every_ms / 1000)


def recheck_clearances(running: Running) -> dict[str, int]:
    """Ask the law of today about every stored clearance, and refer those it answers worse.

    Returns clearance → index of its referral. The law on record comes first when it changed. A
    referral's act id follows from the clearance and the answer, so none is written twice. Raises
    StorageError, VerificationError (a stored certificate does not hold), Conflict.
    """
    with running.node.store.reading() as read:
        if not read.execute(sa.select(sa.func.count()).select_from(CLEARANCES)).scalar_one():
            return {}
    # Here and not at the top: rechecking reads tables, and a node without clearances needs none.
    from entrepot.node.rechecking import recheck_home, refer
    from entrepot.port.change.rechecking import Rechecker

    today = day_of(running.clock())
    rechecker = Rechecker(Library.load(), today, today)  # what is signed does not trust a cache
    report = recheck_home(running.node, rechecker)
    return refer(running.node, rechecker, report, clock=running.clock)


async def recheck(running: Running) -> None:
    """Recheck stored clearances, until cancelled; only where this process writes."""
    every_s = running.settings.duties.recheck_every_s
    pause_s = min(every_s, FIRST_RECHECK_S)
    while every_s:
        await asyncio.sleep(pause_s)
        pause_s = every_s
        if running.leads:
            referred = await asyncio.to_thread(recheck_clearances, running)
            LOG.info("clearances rechecked", extra={"count": len(referred)})


BACKGROUND: Final[tuple[Any, ...]] = (tend_seat, carry_out_duties, recheck)
"""What runs beside the server."""
