"""Rights through a real node: filing, conflicts, notice, objection, ruling, licence, transfer."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from product_world import (
    HASH,
    NOW,
    REASON,
    Party,
    World,
    digest,
    metadata,
    right_body,
    world,
)

from entrepot.kernel.audit import audit
from entrepot.kernel.errors import InvalidInput
from entrepot.registry.deadlines import over_at
from entrepot.registry.institution import registry_institution
from entrepot.registry.rightviews import (
    CHAIN_MAX,
    chain_of,
    course_of,
    due_rights,
    evidence_of,
    find_objection,
    get_right,
    open_objections,
)
from entrepot.registry.views import certificates_of


def status(made: World, right: int) -> str:
    with made.node.store.reading() as read:
        return get_right(read, right).status


def objection(right: int) -> dict[str, Any]:
    return {"right": right, "grounds": {"code": "mine", "sentence": "We collected this data."}}


def ruling(number: int, outcome: str) -> dict[str, Any]:
    return {"objection": number, "outcome": outcome, "reasons": [REASON]}


def two_parties(made: World) -> tuple[Party, Party]:
    return made.admit("Acme", "provider"), made.admit("Beta", "provider", "buyer")


def test_a_first_right_waits_for_its_notice_in_working_days(tmp_path: Path) -> None:
    # 2026-09-21 is a Monday; in China 1 to 7 October are holidays and 10 October is a working day.
    with world(tmp_path, days=10, calendar="CN") as made:
        acme, beta = two_parties(made)
        product = made.file(acme)
        right = made.right(acme, product)
        with made.node.store.reading() as read:
            closes = datetime.fromtimestamp(get_right(read, right).closes_at, tz=UTC)
            assert evidence_of(read, right) == [HASH]
        assert closes > datetime(2026, 10, 8, tzinfo=UTC)
        made.pass_days(10)
        assert made.refused(beta, "close-notice", {"right": right}) == [
            "registry.right.notice-runs"
        ]
        with made.node.store.reading() as read:
            assert due_rights(read, made.now) == []
            assert [act.body for act in due_rights(read, int(closes.timestamp()))] == [
                {"right": right}
            ]
        made.time[0] = int(closes.timestamp()) - 1
        assert made.refused(beta, "close-notice", {"right": right}) == [
            "registry.right.notice-runs"
        ]
        made.time[0] += 1
        made.done(beta, "close-notice", {"right": right})
        assert status(made, right) == "registered"
        with made.node.store.reading() as read:
            issued = certificates_of(read, party=acme.id)
            assert [(one.kind, one.right) for one in issued] == [("registration", right)]
            assert due_rights(read, made.now) == []


def test_a_chain_of_the_three_rights(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme, beta = two_parties(made)
        product = made.file(acme)
        operate = right_body(acme, product, "operate")
        assert made.refused(acme, "file-right", operate) == [
            "registry.right.operate-without-process"
        ]
        hold = made.right(acme, product)
        assert made.refused(acme, "file-right", right_body(acme, product, "process")) == [
            "registry.right.no-source"
        ]
        assert made.refused(acme, "file-right", {**operate, "source": hold}) == [
            "registry.right.operate-without-process"
        ]
        process = made.right(acme, product, "process", source=hold, evidence=[])
        run = made.right(acme, product, "operate", source=process, evidence=[])
        made.pass_days(40)
        assert made.refused(beta, "close-notice", {"right": process}) == [
            "registry.right.source-not-live"
        ]
        for right in (hold, process, run):
            with made.node.store.reading() as read:
                (due,) = due_rights(read, made.now)
            assert due.body == {"right": right}
            made.done(made.operator, due.kind, due.body)
        with made.node.store.reading() as read:
            assert [one.id for one in chain_of(read, get_right(read, run))] == [process, hold]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"term": {"from": "2026-01-01", "until": "2037-01-01"}}, "term-beyond-source"),
        ({"term": {"from": "2025-12-31", "until": "2030-01-01"}}, "term-beyond-source"),
        ({"term": {"from": "2026-01-01"}}, "term-beyond-source"),
        ({"territory": ["CN", "VN"]}, "territory-beyond-source"),
        ({"territory": ["WORLD"]}, "territory-beyond-source"),
        ({"scope": ["any"]}, "scope-beyond-source"),
        ({"scope": ["insurance", "research"]}, "scope-beyond-source"),
        ({"exclusive": True}, "exclusive-beyond-source"),
    ],
)
def test_no_right_is_larger_than_its_source(
    tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    narrow = {"scope": ["research"], "territory": ["CN", "EU"]}
    with world(tmp_path) as made:
        acme, _ = two_parties(made)
        product = made.file(acme)
        hold = made.right(acme, product, **narrow)
        inside = {**narrow, "territory": ["CN-GD", "FR"], "source": hold}
        body = right_body(acme, product, "process", **{**inside, **changes})
        assert made.refused(acme, "file-right", body) == [f"registry.right.{code}"]
        made.done(acme, "file-right", right_body(acme, product, "process", **inside))


def test_exclusive_rights_in_the_same_data_conflict(tmp_path: Path) -> None:
    same = {"inspection": {"sha256": digest("one dataset")}}
    with world(tmp_path) as made:
        acme, beta = two_parties(made)
        mine, theirs = made.file(acme, **same), made.file(beta, **same)
        unlike = made.file(beta)
        made.right(acme, mine, exclusive=True, territory=["CN"], scope=["insurance"])
        meets = {"territory": ["CN-GD"], "scope": ["insurance", "research"]}
        assert made.refused(beta, "file-right", right_body(beta, theirs, **meets)) == [
            "registry.right.conflict"
        ]
        assert made.refused(beta, "file-right", right_body(beta, mine, **meets)) == [
            "registry.right.conflict"
        ]
        for apart in (
            {**meets, "territory": ["VN"]},
            {**meets, "scope": ["research"]},
            {**meets, "term": {"from": "2037-01-01", "until": "2038-01-01"}},
        ):
            made.right(beta, theirs, **apart)
        made.right(beta, unlike, **meets)
        # Two that are not exclusive stand side by side; one's own is a duplicate.
        assert made.refused(beta, "file-right", right_body(beta, unlike, **meets)) == [
            "registry.right.duplicate"
        ]
        made.right(acme, unlike, **meets)


def test_a_revision_may_not_bring_in_what_another_holds(tmp_path: Path) -> None:
    same = {"sample": {"sha256": digest("sample")}}
    with world(tmp_path) as made:
        acme, beta = two_parties(made)
        mine, theirs = made.file(acme, **same), made.file(beta)
        made.right(acme, mine, exclusive=True)
        made.right(beta, theirs, exclusive=True)
        revision = {"product": theirs, "metadata": metadata(**same)}
        assert made.refused(beta, "revise-product", revision) == [
            "registry.product.held-by-another"
        ]


def test_an_objection_upheld_ends_the_right_and_what_rests_on_it(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme, beta = two_parties(made)
        product = made.file(acme)
        hold = made.right(acme, product)
        process = made.right(acme, product, "process", source=hold)
        assert made.refused(acme, "object-to-right", objection(hold)) == [
            "registry.right.objection-to-own"
        ]
        raised = made.done(beta, "object-to-right", objection(hold))
        assert made.refused(beta, "object-to-right", objection(hold)) == [
            "registry.right.objection-open"
        ]
        assert status(made, hold) == "contested"
        made.pass_days(40)
        assert made.refused(beta, "close-notice", {"right": hold}) == [
            "registry.right.objection-open"
        ]
        with made.node.store.reading() as read:
            assert due_rights(read, made.now) == []
            assert [one.id for one in open_objections(read)] == [raised]
        decision = ruling(raised, "uphold")
        # A program decides nothing, not even the operator's own key.
        assert made.refused(made.operator, "decide-objection", decision) == [
            "registry.right.not-decider"
        ]
        made.done(made.operator, "decide-objection", decision, "registrar")
        assert made.refused(made.operator, "decide-objection", decision, "registrar") == [
            "registry.right.objection-decided"
        ]
        assert (status(made, hold), status(made, process)) == ("refused", "lapsed")
        with made.node.store.reading() as read:
            found = find_objection(read, raised)
            assert found is not None and found.status == "upheld"
            assert found.reasons == ((REASON["code"], REASON["citation"], REASON["sentence"]),)
            assert [step.what for step in course_of(read, hold)] == [
                "first",
                "objection",
                "ruling",
            ]
        # What fell stands in nobody's way any more.
        made.right(beta, product, exclusive=True)


def test_an_objection_dismissed_lets_the_notice_go_on(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme, beta = two_parties(made)
        gamma = made.admit("Gamma", "auditor")
        right = made.right(acme, made.file(acme))
        first = made.done(beta, "object-to-right", objection(right))
        second = made.done(gamma, "object-to-right", objection(right))
        with made.node.store.reading() as read:
            closes = get_right(read, right).closes_at
        made.time[0] = closes
        (key_before,) = [str(right)]
        assert made.refused(gamma, "object-to-right", objection(right)) == [
            "registry.right.out-of-notice"
        ]
        made.done(made.operator, "decide-objection", ruling(first, "dismiss"), "registrar")
        assert status(made, right) == "contested"
        made.done(made.operator, "decide-objection", ruling(second, "dismiss"), "registrar")
        assert status(made, right) == "notice"
        with made.node.store.reading() as read:
            (due,) = due_rights(read, made.now)
        # Another key than before the ruling: a closing that was refused meanwhile is another act.
        assert due.key != key_before
        made.done(beta, due.kind, due.body)
        assert status(made, right) == "registered"


def test_nobody_rules_in_the_own_cause_and_a_regulator_steps_in(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme, _ = two_parties(made)
        right = made.right(acme, made.file(acme))
        raised = made.done(made.operator, "object-to-right", objection(right))
        decision = ruling(raised, "dismiss")
        assert made.refused(made.operator, "decide-objection", decision, "registrar") == [
            "registry.right.decider-is-party"
        ]
        regulator = made.admit("Regulator", "regulator")
        made.operator.people["watch"] = made.operator.people["registrar"]
        made.join(regulator, "officer", "admin")
        made.done(regulator, "decide-objection", decision, "officer")
        assert status(made, right) == "notice"


def test_four_eyes_take_two_persons(tmp_path: Path) -> None:
    with world(tmp_path, four_eyes=["decide-objection"]) as made:
        acme, beta = two_parties(made)
        made.join(made.operator, "second", "decider")
        right = made.right(acme, made.file(acme))
        raised = made.done(beta, "object-to-right", objection(right))
        decision = ruling(raised, "uphold")
        made.done(made.operator, "decide-objection", decision, "registrar")
        assert status(made, right) == "contested"
        assert made.refused(made.operator, "decide-objection", decision, "registrar") == [
            "registry.second-person"
        ]
        made.done(made.operator, "decide-objection", decision, "second")
        assert status(made, right) == "refused"


def license_body(source: int, to: Party, right: str = "process", **changes: Any) -> dict[str, Any]:
    return {
        "source": source,
        "to": to.id,
        "right": right,
        "scope": ["research"],
        "territory": ["CN"],
        "term": {"from": "2026-10-01", "until": "2028-12-31"},
        **changes,
    }


def test_licences_come_out_of_registered_rights(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme, beta = two_parties(made)
        gamma = made.admit("Gamma", "buyer")
        product = made.file(acme)
        hold = made.right(acme, product, exclusive=True)
        body = license_body(hold, beta)
        assert made.refused(acme, "license-right", body) == ["registry.right.not-registered"]
        made.pass_days(40)
        made.done(acme, "close-notice", {"right": hold})
        assert made.refused(beta, "license-right", license_body(hold, gamma)) == [
            "registry.right.not-holder"
        ]
        assert made.refused(acme, "license-right", license_body(hold, acme)) == [
            "registry.right.no-recipient"
        ]
        assert made.refused(acme, "license-right", license_body(hold, beta, "operate")) == [
            "registry.right.source-wrong-right"
        ]
        granted = made.done(acme, "license-right", {**body, "exclusive": True})
        with made.node.store.reading() as read:
            assert get_right(read, granted).status == "registered"
            assert [one.right for one in certificates_of(read, party=beta.id)] == [granted]
        # An exclusive licence excludes a second one, and the licensee may not pass it on.
        assert made.refused(acme, "license-right", license_body(hold, gamma)) == [
            "registry.right.conflict"
        ]
        assert made.refused(beta, "license-right", license_body(granted, gamma)) == [
            "registry.right.sublicence-not-permitted"
        ]
        apart = license_body(hold, gamma, scope=["insurance"], sublicence=True)
        second = made.done(acme, "license-right", apart)
        onward = license_body(second, beta, scope=["insurance"])
        made.done(gamma, "license-right", onward)
        assert made.refused(acme, "cancel-right", {"right": hold, "reason": "Tired."}) == [
            "registry.right.derived-rights-live"
        ]


def test_transfer_moves_the_right_and_its_certificate(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme, beta = two_parties(made)
        product = made.file(acme)
        fixed = made.registered(acme, product, scope=["insurance"])
        assert made.refused(acme, "transfer-right", {"right": fixed, "to": beta.id}) == [
            "registry.right.not-transferable"
        ]
        right = made.registered(acme, product, scope=["research"], transferable=True)
        index = made.done(acme, "transfer-right", {"right": right, "to": beta.id})
        with made.node.store.reading() as read:
            assert get_right(read, right).holder == beta.id
            (new,) = certificates_of(read, party=beta.id)
            old = [one for one in certificates_of(read, party=acme.id) if one.right == right]
        assert (new.index, new.right) == (index, right)
        assert [one.revoked_index for one in old] == [index]
        assert made.refused(acme, "transfer-right", {"right": right, "to": beta.id}) == [
            "registry.right.not-holder"
        ]


def test_an_exclusive_right_does_not_move_beside_the_givers_own(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme, beta = two_parties(made)
        product = made.file(acme)
        made.registered(acme, product, scope=["any"], territory=["CN-GD"])
        right = made.registered(acme, product, exclusive=True, transferable=True)
        assert made.refused(acme, "transfer-right", {"right": right, "to": beta.id}) == [
            "registry.right.conflict"
        ]


def test_changes_narrow_and_corrections_are_a_registrars(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme, beta = two_parties(made)
        product = made.file(acme)
        right = made.right(acme, product, territory=["CN", "VN"])
        body = {"right": right, "reasons": [REASON]}
        assert made.refused(acme, "change-right", {**body, "territory": ["WORLD"]}) == [
            "registry.right.change-widens"
        ]
        assert made.refused(beta, "change-right", {**body, "territory": ["CN"]}) == [
            "registry.right.not-holder"
        ]
        assert made.refused(acme, "change-right", {**body, "territory": ["VN", "CN"]}) == [
            "registry.right.nothing-changed"
        ]
        made.done(acme, "change-right", {**body, "territory": ["CN"]})
        with made.node.store.reading() as read:
            before = get_right(read, right)
            assert before.extent.territory == ("CN",)
        made.pass_days(3)
        made.done(made.operator, "change-right", {**body, "territory": ["CN", "LA"]}, "registrar")
        with made.node.store.reading() as read:
            after = get_right(read, right)
            assert after.extent.territory == ("CN", "LA")
            # What grew is shown for a whole notice anew.
            assert after.closes_at > before.closes_at and after.noticed_at == made.now
            assert course_of(read, right)[-1].what == "correction"
        made.pass_days(40)
        made.done(beta, "close-notice", {"right": right})
        wider = {**body, "territory": ["WORLD"]}
        assert made.refused(made.operator, "change-right", wider, "registrar") == [
            "registry.right.change-widens"
        ]


def test_a_change_leaves_what_rests_on_the_right_within_it(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme, beta = two_parties(made)
        hold = made.registered(acme, made.file(acme), exclusive=True, territory=["CN", "VN"])
        made.done(acme, "license-right", license_body(hold, beta, exclusive=True))
        for narrower in ({"exclusive": False}, {"territory": ["VN"]}, {"scope": ["insurance"]}):
            body = {"right": hold, "reasons": [REASON], **narrower}
            assert made.refused(acme, "change-right", body) == [
                "registry.right.derived-rights-live"
            ]
        made.done(acme, "change-right", {"right": hold, "reasons": [REASON], "territory": ["CN"]})


def test_cancelling_takes_own_derived_rights_and_certificates_along(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme, beta = two_parties(made)
        product = made.file(acme)
        hold = made.registered(acme, product)
        process = made.registered(acme, product, "process", source=hold)
        made.done(acme, "withdraw-product", {"product": product, "reason": "Off the shelf."})
        assert (status(made, hold), status(made, process)) == ("registered", "registered")
        assert made.refused(acme, "file-right", right_body(acme, product)) == [
            "registry.product.withdrawn"
        ]
        assert made.refused(beta, "cancel-right", {"right": hold, "reason": "No."}) == [
            "registry.right.not-holder"
        ]
        made.done(acme, "cancel-right", {"right": hold, "reason": "Data was destroyed."})
        assert (status(made, hold), status(made, process)) == ("cancelled", "lapsed")
        with made.node.store.reading() as read:
            assert all(one.revoked_index for one in certificates_of(read, party=acme.id))


@pytest.mark.parametrize(
    "changes",
    [
        {"right": "own"},
        {"scope": []},
        {"scope": ["Research"]},
        {"territory": ["MOON"]},
        {"term": {"from": "2026-01-01", "until": "2025-01-01"}},
        {"term": {"from": "1900-01-01", "until": "2099-01-01"}},
        {"evidence": ["none"]},
        {"holder": "Acme Data Limited"},
        {"source": 0},
    ],
)
def test_malformed_rights_are_not_recorded(tmp_path: Path, changes: dict[str, Any]) -> None:
    with world(tmp_path) as made:
        acme = made.admit("Acme", "provider")
        product = made.file(acme)
        size = made.node.log.size
        with pytest.raises(InvalidInput):
            made.send(acme, "file-right", right_body(acme, product, **changes))
        assert made.node.log.size == size


def test_a_first_right_without_evidence_or_in_another_name_is_refused(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme, beta = two_parties(made)
        product = made.file(acme)
        assert made.refused(acme, "file-right", right_body(acme, product, evidence=[])) == [
            "registry.right.no-evidence"
        ]
        assert made.refused(acme, "file-right", right_body(beta, product)) == [
            "registry.right.not-holder"
        ]
        over = {"term": {"from": "2020-01-01", "until": "2020-12-31"}}
        assert made.refused(acme, "file-right", right_body(acme, product, **over)) == [
            "registry.right.term-over"
        ]


def test_state_is_the_fold_of_the_log(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme, beta = two_parties(made)
        product = made.file(acme)
        hold = made.registered(acme, product, transferable=True)
        made.done(acme, "license-right", license_body(hold, beta))
        contested = made.right(beta, made.file(beta))
        raised = made.done(acme, "object-to-right", objection(contested))
        made.done(made.operator, "decide-objection", ruling(raised, "uphold"), "registrar")
        made.done(acme, "transfer-right", {"right": hold, "to": beta.id})
        made.refused(acme, "cancel-right", {"right": hold, "reason": "Not mine now."})
        assert made.now > NOW
    checks = audit(tmp_path, (registry_institution(),))
    assert [check.name for check in checks if check.passed is not True] == []


def test_chains_of_rights_are_bounded(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme, beta = two_parties(made)
        last, hands = made.registered(acme, made.file(acme)), [beta, acme]
        giver = acme
        for number in range(CHAIN_MAX):
            taker = hands[number % 2]
            body = license_body(last, taker, sublicence=True)
            if number == CHAIN_MAX - 1:
                assert made.refused(giver, "license-right", body) == [
                    "registry.right.chain-too-large"
                ]
            else:
                last, giver = made.done(giver, "license-right", body), taker
        with made.node.store.reading() as read:
            assert len(chain_of(read, get_right(read, last))) == CHAIN_MAX - 1


def test_many_products_of_the_same_data_do_not_stop_the_register(tmp_path: Path) -> None:
    same = {"sample": {"sha256": digest("sample")}}
    with world(tmp_path) as made:
        acme, beta = two_parties(made)
        batch = [
            made.signed(acme, "file-product", {"metadata": metadata(**same, keywords=[f"n{n}"])})
            for n in range(300)
        ]
        made.node.sequencer.submit_batch(batch)
        mine, theirs = made.file(acme, **same), made.file(beta, **same)
        made.right(acme, mine, exclusive=True)
        assert made.refused(beta, "file-right", right_body(beta, theirs)) == [
            "registry.right.conflict"
        ]


def test_a_term_at_the_end_of_the_calendar_has_an_end_too() -> None:
    assert over_at(date(2026, 9, 21)) == 1_790_035_200
    assert over_at(date.max) == 253_402_300_800
