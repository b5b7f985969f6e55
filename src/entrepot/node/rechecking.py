"""Recheck a whole home: every stored clearance under the law of a day, referred and decided."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.decisions import Granted, Reason, Referred
from entrepot.kernel.errors import Conflict, NotFound
from entrepot.kernel.home import Node, open_node, system_clock
from entrepot.law.library import Library
from entrepot.port.change import referrals
from entrepot.port.change.rechecking import Rechecked, Rechecker
from entrepot.port.change.stored import clearances, count_clearances
from entrepot.port.change.tables import law_on_record
from entrepot.port.change.updates import differences, record_law
from entrepot.port.clear.institution import port_institution

Move = Callable[[int, int], None]


class Report(msgspec.Struct, frozen=True):
    """What `recheck` found in a home."""

    home: str
    as_of: date
    known_at: date
    clearances: int
    affected: int
    """The law answers otherwise, and did so while they could be relied on."""
    adverse: int
    """Of these, those that a person must look at: worse than certified, and not decided yet."""
    decided: int
    """Affected for the worse, and a named person has decided."""
    unaffected: int
    lapsed: int
    """Run out before the law changed for them; counted apart."""
    later: int
    """Given after the day asked for."""
    erased: int
    law_changed: list[str]
    """Rulebooks that the log has on record in another version than is loaded."""
    found: list[Rechecked]
    """The affected ones, in the order of the log."""
    referred: dict[str, int] = {}
    """Clearance → index of its referral; filled by `--record`."""


class Wish(msgspec.Struct, frozen=True):
    """What a named person decides of a clearance."""

    clearance: str
    standing: str
    by: str
    reasons: str
    successor: str = ""


def open_home(home: Path, library: Library, *, clock: Callable[[], int] = system_clock) -> Node:
    """Open a home that exists. Raises `NotFound` where there is none."""
    if not (home / "store.sqlite").is_file():
        raise NotFound("there is no home of Entrepot here", value=home, remedy="name it by --home")
    return open_node(home, institutions=(port_institution(library, home=home),), clock=clock)


def recheck_home(node: Node, rechecker: Rechecker, *, move: Move | None = None) -> Report:
    """Ask the law of a day about every stored clearance.

    Raises `VerificationError` for one whose signature does not hold, `StorageError`.
    """
    found: list[Rechecked] = []
    unaffected = lapsed = later = erased = 0
    with node.store.reading() as read:
        total = count_clearances(read)
        for done, stored in enumerate(clearances(read, node.keys), start=1):
            if move is not None:
                move(done, total)
            if stored.certificate is None:
                erased += 1
            elif date.fromisoformat(stored.certificate.flow.as_of) > rechecker.as_of:
                later += 1
            else:
                result = rechecker.recheck(stored)
                found += [result] * result.affected
                lapsed += result.lapsed and not result.affected
                unaffected += not result.lapsed and not result.affected
        changed = list(differences(law_on_record(read), rechecker.library))
    adverse = sum(item.adverse for item in found)
    decided = sum(bool(item.standing) for item in found)
    return Report(
        home=str(node.home),
        as_of=rechecker.as_of,
        known_at=rechecker.known_at,
        clearances=total,
        affected=len(found),
        adverse=adverse,
        decided=decided,
        unaffected=unaffected,
        lapsed=lapsed,
        later=later,
        erased=erased,
        law_changed=changed,
        found=found,
    )


def refer(
    node: Node, rechecker: Rechecker, report: Report, *, clock: Callable[[], int] = system_clock
) -> dict[str, int]:
    """Write a referral into the log for each clearance that a person must look at.

    The law on record comes first. A referral of the same answer is not written twice. Raises
    `Conflict` when the node, asking the law itself, does not find the same.
    """
    record_law(node, rechecker.library, clock=clock)
    written = {}
    for item in report.found:
        if not item.adverse:
            continue
        with node.store.reading() as read:
            known = referrals.referred_at(read, node.party.kid, item)
        if known is None:
            act = sign_act(
                node.party,
                referrals.REFER,
                referrals.referral(item, rechecker),
                issued_at=clock(),
                act_id=referrals.referral_id(item),
            )
            answer = node.sequencer.submit(act)
            if not isinstance(answer.decision, Referred):
                raise Conflict(
                    "the node finds another answer than the recheck",
                    value=_first(answer.decision),
                    remedy="run recheck again",
                )
            known = answer.index
        written[item.id] = known
    return written


def decide(
    node: Node, wish: Wish, *, clock: Callable[[], int] = system_clock
) -> int | list[Reason]:
    """Write a person's decision into the log; return its index, or the reasons of a refusal.

    Raises `NotFound` when no clearance has the id.
    """
    with node.store.reading() as read:
        places = {
            stored.certificate.id: stored.index
            for stored in clearances(read, node.keys)
            if stored.certificate is not None
        }
    for name in (wish.clearance, wish.successor):
        if name and name not in places:
            raise NotFound("no clearance of this id is stored here", value=name)
    now = clock()
    body = {
        "format": referrals.FORMAT,
        "clearance": wish.clearance,
        "index": places[wish.clearance],
        "standing": wish.standing,
        "by": wish.by,
        "reasons": wish.reasons,
        "on": datetime.fromtimestamp(now, tz=UTC).date().isoformat(),
        "successor": places.get(wish.successor, 0),
    }
    act = sign_act(node.party, referrals.DECIDE, body, issued_at=now, act_id=new_act_id())
    answer = node.sequencer.submit(act)
    if isinstance(answer.decision, Granted):
        return answer.index
    return list(answer.decision.reasons)


def _first(decision: object) -> str:
    reasons = getattr(decision, "reasons", ())
    return reasons[0].sentence if reasons else ""
