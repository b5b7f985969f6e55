"""What a case expects of an assessment, and where the two differ.

Format: docs/reference/cases.md, "What can be expected".
"""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from entrepot.law.model import Assessment, CommitmentInForce, RuleHit

DutyState = Literal["met", "open", "failed", "possible"]


class RegimeExpectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one side alone must say."""

    outcome: str = ""
    one_of: list[str] = []
    status: str = ""
    rules: list[str] = []
    not_rules: list[str] = []
    duties: list[str] = []
    not_duties: list[str] = []
    needs: list[str] = []
    could_be: list[str] = []
    role: str = ""


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a case expects; every named part must hold."""

    outcome: str = ""
    one_of: list[str] = []
    status: str = ""
    rules: list[str] = []
    not_rules: list[str] = []
    duties: list[str] = []
    not_duties: list[str] = []
    states: dict[str, DutyState] = {}
    due_on: dict[str, date] = {}
    interpretations: list[str] = []
    not_interpretations: list[str] = []
    closed: list[str] = []
    needs: list[str] = []
    human: list[str] = []
    could_be: list[str] = []
    regimes: dict[str, RegimeExpectation] = {}
    not_engaged: list[str] = []
    commitments: list[str] = []
    not_commitments: list[str] = []
    error: str = ""


def named_outcomes(expect: Expectation) -> list[tuple[tuple[str, ...], str]]:
    """Return every outcome that is expected, with the path of its field."""
    named: list[tuple[tuple[str, ...], str]] = [(("expect", "outcome"), expect.outcome)]
    named += [(("expect", "one_of"), outcome) for outcome in expect.one_of]
    named += [(("expect", "could_be"), outcome) for outcome in expect.could_be]
    for regime, side in expect.regimes.items():
        named.append((("expect", "regimes", regime, "outcome"), side.outcome))
        named += [(("expect", "regimes", regime, "one_of"), outcome) for outcome in side.one_of]
        named += [(("expect", "regimes", regime, "could_be"), name) for name in side.could_be]
    return named


def compare(expect: Expectation, found: Assessment) -> list[str]:
    """Return every difference between what was expected and what was found, as sentences."""
    problems: list[str] = []
    if expect.outcome and expect.outcome != found.outcome:
        problems.append(f"outcome: expected {expect.outcome}, got {found.outcome}")
    if expect.one_of and found.outcome not in expect.one_of:
        problems.append(f"outcome: expected one of {', '.join(expect.one_of)}, got {found.outcome}")
    if expect.status and expect.status != found.status:
        problems.append(f"status: expected {expect.status}, got {found.status}")
    rules = {hit.id for side in found.sides for hit in side.rules}
    duties = {name for duty in found.duties for name in (duty.id, duty.code)}
    needs = {missing.fact for missing in found.missing}
    human = {finding.fact for finding in found.human}
    could_be = {outcome for side in found.sides for outcome in side.could_be}
    idle = set(found.not_engaged)
    promised = {promise.id for promise in found.commitments}
    closed = {hit.id for side in found.sides for hit in side.closed}
    read_as = _readings(found)
    for what, wanted, got in (
        ("rules", expect.rules, rules),
        ("duties", expect.duties, duties),
        ("needs", expect.needs, needs),
        ("human", expect.human, human),
        ("could_be", expect.could_be, could_be),
        ("not_engaged", expect.not_engaged, idle),
        ("commitments", expect.commitments, promised),
        ("interpretations", expect.interpretations, read_as),
        ("closed", expect.closed, closed),
    ):
        if lacking := [name for name in wanted if name not in got]:
            problems.append(f"{what}: expected {', '.join(lacking)}, got {_list(got)}")
    for what, unwanted, got in (
        ("not_rules", expect.not_rules, rules),
        ("not_duties", expect.not_duties, duties),
        ("not_commitments", expect.not_commitments, promised),
        ("not_interpretations", expect.not_interpretations, read_as),
    ):
        if present := [name for name in unwanted if name in got]:
            problems.append(f"{what}: {', '.join(present)} must not be among {_list(got)}")
    problems += _compare_duties(expect, found)
    for regime, wanted_side in expect.regimes.items():
        problems += _compare_side(regime, wanted_side, found)
    return problems


def _readings(found: Assessment) -> set[str]:
    """Return the ids of the interpretations shown beside rules that decide or could, and beside
    commitments."""
    hits = [hit for s in found.sides for hit in (*s.rules, *s.undecided, *s.closed)]
    items: list[RuleHit | CommitmentInForce] = [*hits, *found.commitments]
    notes = [note for item in items for note in item.interpretations]
    return {note.partition(": ")[0] for note in notes}


def _compare_duties(expect: Expectation, found: Assessment) -> list[str]:
    """Return what differs in the states and due days of single duties, by code or id."""
    problems = []
    for name in (*expect.states, *(n for n in expect.due_on if n not in expect.states)):
        duties = [duty for duty in found.duties if name in (duty.id, duty.code)]
        if not duties:
            problems.append(f"states: there is no duty {name}")
        state, day = expect.states.get(name), expect.due_on.get(name)
        states = {duty.state for duty in duties}
        days = {duty.due_on for duty in duties}
        if duties and state is not None and states != {state}:
            problems.append(f"states: expected {name} {state}, got {_list(states)}")
        if duties and day is not None and days != {day}:
            shown = ", ".join(sorted(str(each or "no day") for each in days))
            problems.append(f"due_on: expected {name} on {day}, got {shown}")
    return problems


def _compare_side(regime: str, expect: RegimeExpectation, found: Assessment) -> list[str]:
    side = next((side for side in found.sides if side.regime == regime), None)
    if side is None:
        engaged = _list({side.regime for side in found.sides})
        return [f"regimes: {regime} is not engaged, only {engaged}"]
    problems = []
    if expect.outcome and side.outcome != expect.outcome:
        problems.append(f"{regime}: expected {expect.outcome}, got {side.outcome}")
    if expect.one_of and side.outcome not in expect.one_of:
        problems.append(f"{regime}: expected one of {', '.join(expect.one_of)}, got {side.outcome}")
    if expect.role and side.role != expect.role:
        problems.append(f"{regime}: expected role {expect.role}, got {side.role}")
    if expect.status and side.status != expect.status:
        problems.append(f"{regime}: expected status {expect.status}, got {side.status}")
    rules = {hit.id for hit in side.rules}
    duties = {name for duty in side.duties for name in (duty.id, duty.code)}
    for what, wanted, got in (
        ("rules", expect.rules, rules),
        ("duties", expect.duties, duties),
        ("needs", expect.needs, set(side.missing)),
        ("could_be", expect.could_be, set(side.could_be)),
    ):
        if lacking := [name for name in wanted if name not in got]:
            problems.append(f"{regime} {what}: expected {', '.join(lacking)}, got {_list(got)}")
    for what, unwanted, got in (
        ("rules", expect.not_rules, rules),
        ("duties", expect.not_duties, duties),
    ):
        if present := [name for name in unwanted if name in got]:
            problems.append(f"{regime} {what}: {', '.join(present)} must not be among {_list(got)}")
    return problems


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
