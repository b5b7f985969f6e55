"""What is allowed in the notice of a right: objections, rulings by a person, and its end.

Any party may object while the notice runs. Then the right is contested and cannot be registered
before a person with the duty decider, who belongs to neither side, has ruled with reasons. When
the notice is over and nothing is open, anybody may close it: the day grants it, not the sender.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.kernel.decisions import Decision, Effect, Granted, Reason, Refused
from entrepot.kernel.institution import Facts, Request
from entrepot.registry.deadlines import in_words, last_day, over_at
from entrepot.registry.officers import OfficerFacts, carried
from entrepot.registry.productcodes import Code, reason
from entrepot.registry.rightacts import (
    DISMISS,
    CloseNotice,
    DecideObjection,
    ObjectToRight,
)
from entrepot.registry.rightcertificate import registration_issued
from entrepot.registry.rightrules import extent_of
from entrepot.registry.rightstate import (
    CONTESTED,
    LAPSED,
    NOTICE,
    OPEN,
    REFUSED,
    REGISTERED,
    RIGHT_REGISTERED,
    ended_effect,
    objection_effect,
    ruling_effect,
)

DECIDER, ADMIN = "decider", "admin"
OPERATOR, REGULATOR = "operator", "regulator"

Values = dict[str, Any]


def decide_objection_filed(request: Request[ObjectToRight], relied: Facts) -> Decision:
    """Grant an objection by another party while the notice runs; the right is contested then."""
    right = request.body.right
    values: Values = relied.values
    grant = values["right"]
    if not isinstance(grant, dict):
        return Refused((reason(Code.NO_RIGHT, f"There is no right {right}."),))
    wrong = _may_object(values, grant, request.decided_at)
    if wrong:
        return Refused(tuple(wrong))
    days, calendar = values["decision"]
    decide_by = over_at(last_day(request.decided_at, days, calendar))
    return Granted((objection_effect(request.body, str(values["party"]), decide_by),))


def _may_object(values: Values, grant: Values, now: int) -> list[Reason]:
    if not values["party"]:
        return [reason(Code.NOT_A_PARTY, "The signer acts for no party of this registry.")]
    if values["party"] == grant["holder"]:
        return [reason(Code.OWN_RIGHT, "Nobody objects to the own right; cancel it instead.")]
    if grant["status"] not in (NOTICE, CONTESTED):
        says = f"Right {grant['id']} is {grant['status']}; there is no notice to object in."
        return [reason(Code.OUT_OF_NOTICE, says)]
    if now >= grant["closes_at"]:
        says = f"The notice was over on {in_words(grant['closes_at'])} UTC."
        return [reason(Code.OUT_OF_NOTICE, says)]
    if values["objections"]:
        says = f"Your objection {values['objections'][0]} to this right was taken already."
        return [reason(Code.OBJECTION_OPEN, says)]
    return []


def decide_ruling(request: Request[DecideObjection], relied: Facts) -> Decision:
    """Grant a ruling by a person of neither side; upheld, the right and what rests on it falls.

    Under four eyes, if the registry was founded so, the first one only proposes it.
    """
    body = request.body
    values: Values = relied.values
    grant = values["right"]
    if not isinstance(grant, dict):
        return Refused((reason(Code.NO_OBJECTION, f"There is no objection {body.objection}."),))
    wrong = _may_rule(values, grant)
    if wrong:
        return Refused(tuple(wrong))
    right = grant["id"]
    officer = msgspec.convert(values["officer"], OfficerFacts)
    if body.outcome == DISMISS:
        status = CONTESTED if len(values["open"]) > 1 else NOTICE
        return carried(officer, [ruling_effect(body, right, status, grant["closes_at"])])
    effects = [ruling_effect(body, right, REFUSED, grant["closes_at"])]
    if values["derived"]:
        says = f"Right {right} fell to an objection."
        effects.append(ended_effect(values["derived"], LAPSED, says))
    return carried(officer, effects)


def _may_rule(values: Values, grant: Values) -> list[Reason]:
    """Return why the one who asks may not rule, in order of precedence.

    Where the operator is a side itself, an admin of a regulator rules in its place.
    """
    sides = (values["objector"], grant["holder"])
    duties = values["duties"] if values["person"] else []
    is_decider = DECIDER in duties and OPERATOR in values["roles"]
    stands_in = values["operator"] in sides and ADMIN in duties and REGULATOR in values["roles"]
    if not is_decider and not stands_in:
        says = "Objections are decided by a person with the duty decider, with a passkey."
        return [reason(Code.NOT_DECIDER, says)]
    if values["party"] in sides:
        says = "Nobody decides in the cause of the own party; an admin of a regulator may."
        return [reason(Code.DECIDER_IS_PARTY, says)]
    if values["state"] != OPEN:
        return [reason(Code.OBJECTION_DECIDED, f"The objection is {values['state']}.")]
    return []


def decide_close(request: Request[CloseNotice], relied: Facts) -> Decision:
    """Grant the registration, with its certificate, when the notice is over and nothing is open."""
    right = request.body.right
    values: Values = relied.values
    grant = values["right"]
    if not isinstance(grant, dict):
        return Refused((reason(Code.NO_RIGHT, f"There is no right {right}."),))
    wrong = _may_close(values, grant, request.decided_at)
    if wrong:
        return Refused(tuple(wrong))
    term = extent_of(grant).term
    issued = registration_issued(grant["holder"], grant["product"], right, term, request)
    return Granted((Effect(RIGHT_REGISTERED, {"right": right}), issued))


def _may_close(values: Values, grant: Values, now: int) -> list[Reason]:
    if grant["status"] == CONTESTED or values["open"]:
        says = f"Right {grant['id']} is contested; an objection waits for its ruling."
        return [reason(Code.OBJECTION_OPEN, says)]
    if grant["status"] != NOTICE:
        says = f"Right {grant['id']} is {grant['status']}."
        return [reason(Code.NOT_IN_NOTICE, says)]
    if now < grant["closes_at"]:
        says = f"The notice runs until {in_words(grant['closes_at'])} UTC."
        return [reason(Code.NOTICE_RUNS, says)]
    source = values["source"]
    if isinstance(source, dict) and source["status"] != REGISTERED:
        says = f"Right {source['id']}, which it rests on, is {source['status']}."
        return [reason(Code.SOURCE_NOT_LIVE, says)]
    return []
