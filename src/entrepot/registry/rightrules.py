"""What is allowed with rights: who may file, license, transfer, change and cancel; what conflicts.

No right without a chain of sources that ends in a first right with documented evidence; no two
rights of one sort in the same data where one is exclusive and uses, places and days all meet; no
right larger than its source. Everything here is pure: what was read is in the facts, and published.
Objections, rulings and the end of the notice are in `rightcontest`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from entrepot.kernel.decisions import Decision, Effect, Granted, Reason, Refused
from entrepot.kernel.institution import Facts, Request
from entrepot.registry.deadlines import day_of, in_words, last_day, over_at
from entrepot.registry.productacts import Period
from entrepot.registry.productcodes import Code, reason
from entrepot.registry.productstate import ACTIVE
from entrepot.registry.rightacts import (
    HOLD,
    OPERATE,
    PROCESS,
    CancelRight,
    ChangeRight,
    Extent,
    FileRight,
    LicenseRight,
    TransferRight,
)
from entrepot.registry.rightcertificate import registration_issued, registration_revoked
from entrepot.registry.rightextent import (
    extent_within,
    scope_within,
    term_within,
    territory_within,
)
from entrepot.registry.rightstate import (
    CANCELLED,
    CHANGED,
    CORRECTED,
    LIVE,
    NOTICE,
    REGISTERED,
    RIGHT_CHANGED,
    RIGHT_FILED,
    RIGHT_LICENSED,
    RIGHT_TRANSFERRED,
    ended_effect,
    extent_values,
    grant_values,
)
from entrepot.registry.rightviews import CHAIN_MAX, DERIVED_MAX

SOURCES: Final = {HOLD: (), PROCESS: (HOLD, PROCESS), OPERATE: (PROCESS, OPERATE)}
"""Out of which right each one may come ("Data Twenty", point 3: hold, then process, then operate).

A holding comes out of no other right here: it is shown by evidence, and passes by transfer."""
STEWARDS: Final = frozenset({"steward", "admin"})
REGISTRAR: Final = "registrar"

Values = dict[str, Any]


def stands_for(values: Values) -> list[Reason]:
    """Return why the one who asks may not dispose for a party, in order of precedence."""
    if not values["party"]:
        return [reason(Code.NOT_A_PARTY, "The signer acts for no party of this registry.")]
    if values["person"] and not STEWARDS & set(values["duties"]):
        return [reason(Code.NOT_STEWARD, "The person does not have the duty steward.")]
    return []


def extent_of(grant: Values) -> Extent:
    """Return the extent in the facts about a right."""
    return Extent(
        tuple(grant["scope"]), tuple(grant["territory"]), Period(grant["from"], grant["until"])
    )


def notice_end(values: Values, decided_at: int) -> int:
    """Return when a notice that begins now is over, by the founding's days and calendar."""
    days, calendar = values["notice"]
    return over_at(last_day(decided_at, days, calendar))


def _in_the_way(listed: Sequence[Values]) -> list[Reason]:
    """Return a reason per right in the way, and what can be done about it."""
    found = []
    for one in listed[:5]:
        says = f"Right {one['id']} of {one['holder']} ({one['status']}) meets it in the same data"
        says += ", and is exclusive." if one["exclusive"] else "; an exclusive right cannot be."
        if one["status"] == NOTICE:
            says += f" You may object to it until {in_words(one['closes_at'])} UTC."
        found.append(reason(Code.CONFLICT, says))
    return found


def _beyond(extent: Extent, exclusive: bool, source: Values) -> list[Reason]:
    """Return every respect in which a right is larger than the one it comes out of."""
    outer = extent_of(source)
    name = f"right {source['id']}"
    found = []
    if not term_within(extent.term, outer.term):
        until = outer.term.until or "open"
        says = f"The term goes beyond that of {name} ({outer.term.start} to {until})."
        found.append(reason(Code.TERM_BEYOND_SOURCE, says))
    if not territory_within(extent.territory, outer.territory):
        says = f"The territory goes beyond that of {name} ({', '.join(outer.territory)})."
        found.append(reason(Code.TERRITORY_BEYOND_SOURCE, says))
    if not scope_within(extent.scope, outer.scope):
        says = f"The scope goes beyond that of {name} ({', '.join(outer.scope)})."
        found.append(reason(Code.SCOPE_BEYOND_SOURCE, says))
    if exclusive and not source["exclusive"]:
        says = f"No exclusive right comes out of {name}, which is not exclusive."
        found.append(reason(Code.EXCLUSIVE_BEYOND_SOURCE, says))
    return found


def _term_over(extent: Extent, decided_at: int) -> list[Reason]:
    until = extent.term.until
    if until and until < day_of(decided_at).isoformat():
        return [reason(Code.TERM_OVER, f"The term was over on {until}.")]
    return []


def decide_right(request: Request[FileRight], relied: Facts) -> Decision:
    """Grant a filing into its notice, or refuse it with everything that stands in its way."""
    body = request.body
    values: Values = relied.values
    wrong = _may_file(body, values)
    if not wrong:
        wrong = [
            *_source_of(body, values),
            *_term_over(body.extent, request.decided_at),
            *_in_the_way(_maps(values["conflicts"])),
        ]
        duplicates = values["duplicates"]
        if not wrong and duplicates:
            says = f"You hold this already as right {_first(duplicates)}."
            wrong = [reason(Code.DUPLICATE, says)]
    if wrong:
        return Refused(tuple(wrong))
    closes_at = notice_end(values, request.decided_at)
    made = grant_values(body, product=body.product, holder=body.holder, closes_at=closes_at)
    return Granted((Effect(RIGHT_FILED, made),))


def _may_file(body: FileRight, values: Values) -> list[Reason]:
    wrong = stands_for(values)
    if wrong:
        return wrong
    if body.holder != values["party"]:
        return [reason(Code.NOT_HOLDER, "A right is filed by the party that holds it.")]
    if values["notice"][0] < 0:
        return [reason(Code.NOT_FOUNDED, "The registry is not founded; it has no notice period.")]
    if not values["product"]:
        return [reason(Code.NO_PRODUCT, "There is no product of this number.")]
    if values["product"] != ACTIVE:
        return [reason(Code.WITHDRAWN, "The product is withdrawn; no new right is filed in it.")]
    return []


def _source_of(body: FileRight, values: Values) -> list[Reason]:
    """Return what is wrong with what a filed right rests on."""
    source = values["source"]
    if body.source is not None and source is None:
        return [reason(Code.NO_SOURCE, f"There is no right {body.source} to rest on.")]
    if source is None:
        return _without_source(body, values)
    if body.right == OPERATE and source["right"] == HOLD:
        says = "Operating rests on processing: file the right to process first."
        return [reason(Code.OPERATE_WITHOUT_PROCESS, says)]
    if source["right"] not in SOURCES[body.right]:
        says = f"A right to {body.right} does not come out of a right to {source['right']}."
        return [reason(Code.SOURCE_WRONG_RIGHT, says)]
    if source["product"] != body.product:
        says = f"Right {source['id']} is one in product {source['product']}."
        return [reason(Code.SOURCE_OF_OTHER_PRODUCT, says)]
    if source["holder"] != body.holder:
        says = f"Right {source['id']} is another's: ask its holder to license it."
        return [reason(Code.SOURCE_NOT_OWN, says)]
    if source["status"] not in LIVE:
        says = f"Right {source['id']} is {source['status']}."
        return [reason(Code.SOURCE_NOT_LIVE, says)]
    if values["derived"] >= DERIVED_MAX:
        says = f"You hold {DERIVED_MAX} rights out of one first right; no more can fall in one act."
        return [reason(Code.CHAIN_TOO_LARGE, says)]
    return _too_long(values) + _beyond(body.extent, body.exclusive, source)


def _too_long(values: Values) -> list[Reason]:
    if values["links"] < CHAIN_MAX:
        return []
    return [reason(Code.CHAIN_TOO_LARGE, f"A chain of sources has at most {CHAIN_MAX} links.")]


def _without_source(body: FileRight, values: Values) -> list[Reason]:
    """A first right: evidence is needed, and where somebody holds, the chain begins there."""
    if body.right != HOLD and values["holdings"]:
        held = _maps(values["holdings"])[0]
        says = f"The data is held under right {held['id']} of {held['holder']}: rest on that."
        return [reason(Code.NO_SOURCE, says)]
    if body.right == OPERATE and not values["processing"]:
        says = "Operating rests on processing: file the right to process first."
        return [reason(Code.OPERATE_WITHOUT_PROCESS, says)]
    if not body.evidence:
        says = "A first right needs evidence of its lawful source: the hash of a document."
        return [reason(Code.NO_EVIDENCE, says)]
    return []


def decide_license(request: Request[LicenseRight], relied: Facts) -> Decision:
    """Grant a licence out of a registered right: registered at once, with its certificate."""
    body = request.body
    values: Values = relied.values
    source = values["source"]
    wrong = _may_dispose(values, source, f"There is no right {body.source}.")
    if not wrong:
        wrong = [
            *_recipient(values, body.to),
            *_licensable(body, source),
            *_too_long(values),
            *_term_over(body.extent, request.decided_at),
            *_in_the_way(_maps(values["conflicts"])),
        ]
    if wrong:
        return Refused(tuple(wrong))
    effect = grant_values(body, product=source["product"], holder=body.to, closes_at=0)
    issued = registration_issued(body.to, source["product"], None, body.extent.term, request)
    return Granted((Effect(RIGHT_LICENSED, effect), issued))


def _may_dispose(values: Values, grant: object, missing: str) -> list[Reason]:
    """Return why the one who asks may not dispose of a registered right."""
    if not isinstance(grant, dict):
        return [reason(Code.NO_RIGHT, missing)]
    wrong = stands_for(values)
    if wrong:
        return wrong
    if grant["holder"] != values["party"]:
        return [reason(Code.NOT_HOLDER, f"Right {grant['id']} is another party's.")]
    if grant["status"] != REGISTERED:
        says = f"Right {grant['id']} is not registered: it is {grant['status']}."
        return [reason(Code.NOT_REGISTERED, says)]
    return []


def _recipient(values: Values, to: str) -> list[Reason]:
    if to == values["party"]:
        return [reason(Code.NO_RECIPIENT, "Giver and receiver are one party.")]
    if not values["recipient"]:
        return [reason(Code.NO_RECIPIENT, f"{to} is no party of this registry.")]
    return []


def _licensable(body: LicenseRight, source: Values) -> list[Reason]:
    if body.right not in SOURCES or source["right"] not in SOURCES[body.right]:
        says = f"A right to {body.right} does not come out of a right to {source['right']}."
        return [reason(Code.SOURCE_WRONG_RIGHT, says)]
    if source["source"] is not None and source["right"] == body.right and not source["sublicence"]:
        says = f"Right {source['id']} comes out of another and may not be licensed on."
        return [reason(Code.NO_SUBLICENCE, says)]
    return _beyond(body.extent, body.exclusive, source)


def decide_transfer(request: Request[TransferRight], relied: Facts) -> Decision:
    """Grant the transfer of a transferable registered right; old certificate out, new one in."""
    body = request.body
    values: Values = relied.values
    grant = values["right"]
    wrong = _may_dispose(values, grant, f"There is no right {body.right}.")
    if not wrong:
        wrong = _recipient(values, body.to)
        if not wrong and not grant["transferable"]:
            wrong = [reason(Code.NOT_TRANSFERABLE, f"Right {body.right} is not transferable.")]
        wrong += _term_over(extent_of(grant), request.decided_at)
        wrong += _in_the_way(_maps(values["conflicts"]))
    if wrong:
        return Refused(tuple(wrong))
    moved = Effect(
        RIGHT_TRANSFERRED,
        {
            "right": body.right,
            "from": grant["holder"],
            "to": body.to,
            "evidence": list(body.evidence),
        },
    )
    gone = revoked(values["certificates"], "transferred")
    term = extent_of(grant).term
    issued = registration_issued(body.to, grant["product"], body.right, term, request)
    return Granted((moved, *gone, issued))


def revoked(certificates: Sequence[Sequence[Any]], why: str) -> list[Effect]:
    """Return the effects that revoke certificates given as number and subject."""
    return [registration_revoked(number, why, subject=party) for number, party in certificates]


def decide_change(request: Request[ChangeRight], relied: Facts) -> Decision:
    """Grant a narrowing by the holder, or a correction by a registrar (NDA measures: correction).

    A registered right only narrows. In its notice a registrar may correct it either way; if it
    grows, the notice begins anew, because nobody could object to what was not shown.
    """
    body = request.body
    values: Values = relied.values
    grant = values["right"]
    if not isinstance(grant, dict):
        return Refused((reason(Code.NO_RIGHT, f"There is no right {body.right}."),))
    wrong, what = _may_change(values, grant)
    before, flags = extent_of(grant), _flags(grant)
    after = Extent(
        before.scope if body.scope is None else body.scope,
        before.territory if body.territory is None else body.territory,
        before.term if body.term is None else body.term,
    )
    asked = (body.exclusive, body.transferable, body.sublicence)
    new = tuple(old if one is None else one for old, one in zip(flags, asked, strict=True))
    wider = not extent_within(after, before) or any(
        is_new and not was for was, is_new in zip(flags, new, strict=True)
    )
    if not wrong:
        wrong = _change_wrong(values, grant, (after, new), what=what, wider=wider)
    if not wrong and (after, new) == (before, flags):
        wrong = [reason(Code.NOTHING_CHANGED, "Nothing would change.")]
    if wrong:
        return Refused(tuple(wrong))
    effect = {
        "right": body.right,
        **extent_values(after, (new[0], new[1], new[2])),
        "what": what,
        "reasons": [[one.code, one.citation, one.sentence] for one in body.reasons],
        "closes_at": notice_end(values, request.decided_at) if wider else 0,
    }
    return Granted((Effect(RIGHT_CHANGED, effect),))


def _flags(grant: Values) -> tuple[bool, bool, bool]:
    return grant["exclusive"], grant["transferable"], grant["sublicence"]


def _may_change(values: Values, grant: Values) -> tuple[list[Reason], str]:
    """Return why not, and as what: the holder changes, a registrar corrects."""
    if grant["status"] not in (NOTICE, REGISTERED):
        says = f"Right {grant['id']} is {grant['status']}."
        return [reason(Code.NOT_REGISTERED, says)], CHANGED
    if values["party"] and values["party"] == grant["holder"]:
        return stands_for(values), CHANGED
    is_registrar = (
        values["person"] and REGISTRAR in values["duties"] and "operator" in values["roles"]
    )
    if is_registrar:
        return [], CORRECTED
    says = "Only its holder changes a right, and a registrar corrects it."
    return [reason(Code.NOT_HOLDER, says)], CHANGED


def _change_wrong(
    values: Values,
    grant: Values,
    after: tuple[Extent, tuple[bool, ...]],
    *,
    what: str,
    wider: bool,
) -> list[Reason]:
    extent, flags = after
    if wider and not (what == CORRECTED and grant["status"] == NOTICE):
        says = "A right only narrows by change; file a new right for what is more."
        return [reason(Code.WIDENED, says)]
    wrong = []
    if isinstance(values["source"], dict):
        wrong += _beyond(extent, flags[0], values["source"])
    outside = values["outside"]
    if outside:
        says = f"Right {_first(outside)} rests on it and would be larger."
        wrong.append(reason(Code.DERIVED_LIVE, says))
    return wrong + _in_the_way(_maps(values["conflicts"]))


def decide_cancel(request: Request[CancelRight], relied: Facts) -> Decision:
    """Grant a cancellation by the holder; own rights that rest on it lapse with it."""
    body = request.body
    values: Values = relied.values
    grant = values["right"]
    if not isinstance(grant, dict):
        return Refused((reason(Code.NO_RIGHT, f"There is no right {body.right}."),))
    wrong = stands_for(values)
    if not wrong and grant["holder"] != values["party"]:
        wrong = [reason(Code.NOT_HOLDER, f"Right {body.right} is another party's.")]
    if not wrong and grant["status"] not in LIVE:
        wrong = [reason(Code.NOT_REGISTERED, f"Right {body.right} is {grant['status']}.")]
    if not wrong and values["others"]:
        says = f"Right {_first(values['others'])} of another rests on it; it may not fall with it."
        wrong = [reason(Code.DERIVED_LIVE, says)]
    if wrong:
        return Refused(tuple(wrong))
    ended = [ended_effect([body.right], CANCELLED, body.reason)]
    own = values["own"]
    if isinstance(own, list) and own:
        ended.append(ended_effect(own, "lapsed", f"Right {body.right} was cancelled."))
    gone = revoked(values["certificates"], "cancelled")
    return Granted((*ended, *gone))


def _maps(listed: object) -> list[Values]:
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _first(listed: object) -> object:
    return listed[0] if isinstance(listed, list) and listed else ""
