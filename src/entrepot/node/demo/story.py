"""The story of the demo: two months of a registry, from its founding to today.

Admissions and a refusal; twenty products with releases; rights in every state: registered, in
notice, contested, refused after an objection, licensed, cancelled; certificates, one revoked; and
an application that waits on the registrar's desk.
"""

from __future__ import annotations

from typing import Any, Final

from entrepot.node.demo.authenticator import DemoAuthenticator
from entrepot.node.demo.catalogue import OFFERS, OPERATOR, ORGANISATIONS, Organisation, description
from entrepot.node.demo.identifiers import invented_lei
from entrepot.node.demo.stage import DemoClock, Player, Stage, digest_of
from entrepot.node.running import Running, relying_party

DAYS_AGO: Final = 62.0
_RULES: Final = "Rules of the Harbour Data Exchange (demonstration), section 4"


def tell(running: Running, clock: DemoClock) -> Stage:
    """Fill an empty registry; return the stage with everybody's keys. The clock ends at now.

    Raises Conflict when the registry decides otherwise than the story goes.
    """
    stage = founded(running, clock)
    admit(stage)
    products = file_products(stage)
    _claim_rights(stage, products)
    _release(stage, products)
    _end(stage, products)
    clock.release()
    return stage


def founded(running: Running, clock: DemoClock) -> Stage:
    """Found the registry; its first officer is admin, registrar and decider."""
    site = relying_party(running.settings)
    lei = invented_lei(1)
    operator = Player("operator", f"lei:{lei}", running.node.party, DemoAuthenticator(site))
    stage = Stage(running, clock, operator)
    founding: dict[str, Any] = {
        "name": OPERATOR[0],
        "names": {"zh": OPERATOR[1]},
        "identifier": {"scheme": "lei", "value": lei},
        "country": "CN",
        "key": operator.key.public.raw,
        "notice": {"days": 10, "calendar": "CN"},
        "decision": {"days": 20, "calendar": "CN"},
        "languages": ["en", "zh"],
    }
    member = {
        "party": operator.party,
        "credential": operator.admin.public.raw,
        "duties": ["admin", "registrar", "decider"],
    }
    stage.granted(
        [
            stage.signed(operator, "found-registry", founding),
            stage.signed(operator, "admit-member", member),
        ]
    )
    return stage


def admit(stage: Stage) -> None:
    """Admit the organisations, refuse one by law and one by a person's decision."""
    asked = [stage.application(number, of) for number, of in enumerate(ORGANISATIONS, start=11)]
    answers = stage.answers([act for _, act in asked])
    stage.clock.advance(2)
    rulings = []
    for (player, _), answer, of in zip(asked, answers, ORGANISATIONS, strict=True):
        body = {"application": answer.index, "outcome": "admit", "roles": list(of.roles)}
        rulings.append(stage.approved(stage.operator, "decide-application", body))
        stage.players[player.handle] = player
    stage.granted(rulings)
    doubtful = Organisation("doubtful", "Opaque Holdings", "不透明控股", "SG", ("broker",))
    _, act = stage.application(31, doubtful)
    (answer,) = stage.answers([act])
    refusal = {
        "application": answer.index,
        "outcome": "refuse",
        "reasons": [
            {
                "code": "demo.owner-unknown",
                "citation": _RULES,
                "sentence": "Who controls the applicant could not be established.",
            }
        ],
    }
    stage.clock.advance(1)
    stage.granted([stage.approved(stage.operator, "decide-application", refusal)])
    wrong = invented_lei(32)
    player = Player("wrong", f"lei:{wrong}", stage.operator.key, stage.operator.admin)
    body = {
        "name": "Slip of the Pen",
        "identifiers": [{"scheme": "lei", "value": wrong[:-1] + str((int(wrong[-1]) + 1) % 10)}],
        "country": "DE",
        "roles": ["buyer"],
    }
    stage.refused(stage.signed(player, "apply-for-membership", body))


def file_products(stage: Stage) -> dict[str, int]:
    """File the twenty products and return their numbers by title."""
    acts = [
        stage.signed(
            stage.players[offer.provider],
            "file-product",
            {"metadata": description(offer, digest_of(offer.title))},
        )
        for offer in OFFERS
    ]
    return dict(zip((offer.title for offer in OFFERS), stage.granted(acts), strict=True))


def _right(stage: Stage, product: int, holder: Player, right: str = "hold", **more: Any) -> bytes:
    body: dict[str, Any] = {
        "product": product,
        "right": right,
        "holder": holder.party,
        "scope": ["any"],
        "territory": ["WORLD"],
        "term": {"from": stage.day(), "until": f"{int(stage.day()[:4]) + 9}-12-31"},
        "evidence": [digest_of(f"evidence {product} {right}")],
        "transferable": True,
        "sublicence": True,
        **more,
    }
    return stage.signed(holder, "file-right", body)


def _claim_rights(stage: Stage, products: dict[str, int]) -> None:
    """File rights, let notices run, hear objections, license and cancel."""
    owners = {offer.title: stage.players[offer.provider] for offer in OFFERS}
    early, late = list(products)[:15], list(products)[15:18]
    filed = dict(
        zip(
            early,
            stage.granted([_right(stage, products[title], owners[title]) for title in early]),
            strict=True,
        )
    )
    stage.clock.advance(3)
    broker, retail = stage.players["broker"], stage.players["retail"]
    heard = [
        (broker, early[13], "prior-licence", "We hold an earlier exclusive licence in this data."),
        (retail, early[14], "source-unclear", "Part of the data is from our own shops."),
    ]
    objections = stage.granted(
        [_objection(stage, by, filed[title], code, says) for by, title, code, says in heard]
    )
    stage.clock.advance(4)
    stage.granted(
        [
            _ruling(stage, objections[0], "dismiss", "The licence shown had ended before."),
            _ruling(stage, objections[1], "uphold", "The source of a third of the rows is open."),
        ]
    )
    stage.pass_days(20)  # the notices end: the node registers what nobody contests
    process = [
        _right(stage, products[title], owners[title], "process", source=filed[title])
        for title in early[:6]
    ]
    stage.granted(process)
    stage.granted([_licence(stage, owners[early[0]], filed[early[0]], broker)])
    cancel = {"right": filed[early[11]], "reason": "The sensors were taken down."}
    stage.granted([stage.signed(owners[early[11]], "cancel-right", cancel)])
    stage.pass_days(26)
    contested = stage.granted([_right(stage, products[title], owners[title]) for title in late])
    stage.clock.advance(1)
    says = "The series repeats ours, which was registered before."
    stage.granted([_objection(stage, stage.players["grid"], contested[0], "copied", says)])


def _objection(stage: Stage, by: Player, right: int, code: str, sentence: str) -> bytes:
    body = {"right": right, "grounds": {"code": code, "sentence": sentence}}
    return stage.signed(by, "object-to-right", body)


def _ruling(stage: Stage, objection: int, outcome: str, sentence: str) -> bytes:
    reasons = [{"code": f"demo.{outcome}", "citation": _RULES, "sentence": sentence}]
    body = {"objection": objection, "outcome": outcome, "reasons": reasons}
    return stage.approved(stage.operator, "decide-objection", body)


def _licence(stage: Stage, owner: Player, source: int, to: Player) -> bytes:
    body = {
        "source": source,
        "to": to.party,
        "right": "process",
        "scope": ["route-planning"],
        "territory": ["CN", "HK"],
        "term": {"from": stage.day(), "until": stage.day(ahead_days=730)},
    }
    return stage.signed(owner, "license-right", body)


def _release(stage: Stage, products: dict[str, int]) -> None:
    """Announce two versions of every product."""
    acts = [
        stage.signed(
            stage.players[offer.provider],
            "release-product",
            {
                "product": products[offer.title],
                "version": version,
                "sha256": digest_of(f"{offer.title} {version}"),
                "bytes": offer.rows * 48,
                "rows": offer.rows,
            },
        )
        for version in ("2026.1", "2026.2")
        for offer in OFFERS
    ]
    stage.granted(acts)


def _end(stage: Stage, products: dict[str, int]) -> None:
    """Certify, revoke one certificate, withdraw a product, leave an application on the desk."""
    certified = [
        ("provider", "freight", None),
        ("provider", "grid", None),
        ("trading", "broker", None),
        ("cross-border", "ports", products["Vessel calls by quay"]),
    ]
    term = {"from": stage.day(), "until": stage.day(ahead_days=365)}
    acts = []
    for kind, handle, product in certified:
        body: dict[str, Any] = {
            "kind": kind,
            "subject": stage.players[handle].party,
            "term": term,
        }
        if product is not None:
            body["product"] = product
        acts.append(stage.approved(stage.operator, "issue-certificate", body))
    issued = stage.granted(acts)
    why = {
        "code": "demo.ceased",
        "citation": _RULES,
        "sentence": "The provider gave up the meters that the certificate was about.",
    }
    ending = {"certificate": issued[1], "reason": why}
    withdrawal = {
        "product": products["Crop disease bulletin"],
        "reason": "Replaced by a bulletin of the authorities.",
    }
    stage.granted(
        [
            stage.approved(stage.operator, "revoke-certificate", ending),
            stage.signed(stage.players["harvest"], "withdraw-product", withdrawal),
        ]
    )
    waiting = Organisation("alpine", "Alpine Snow Survey", "高山积雪调查", "CH", ("provider",))
    _, application = stage.application(33, waiting)
    stage.answers([application])
