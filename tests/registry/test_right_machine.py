"""Drawn sequences of acts about rights on a real node: invariants after every step, replay = state.

Acts are drawn from few parties, products, uses, places and years, so that they meet often. Whether
an act is granted is the registry's matter; what must never become true is ours.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from product_world import HASH, REASON, Party, digest, metadata, right_body, world

from entrepot.kernel.audit import audit
from entrepot.kernel.decisions import Granted
from entrepot.registry.directorycounts import counts_from_entries, counts_of_state
from entrepot.registry.directoryindex import DirectoryIndex
from entrepot.registry.institution import registry_institution
from entrepot.registry.rightextent import extent_within, extents_meet
from entrepot.registry.rightstate import GRANTS
from entrepot.registry.rightviews import (
    Grant,
    chain_of,
    due_rights,
    evidence_of,
    get_right,
    objections_to,
    rights_in,
    same_data,
)

NOTICE_DAYS = 5
PARTIES = st.integers(0, 2)
SCOPES = st.sampled_from([["any"], ["research"], ["insurance"], ["insurance", "research"]])
PLACES = st.sampled_from([["WORLD"], ["CN"], ["CN-GD"], ["EU"], ["FR", "CN"]])
TERMS = st.sampled_from(
    [
        {"from": "2026-01-01"},
        {"from": "2026-01-01", "until": "2027-12-31"},
        {"from": "2027-06-01", "until": "2029-12-31"},
    ]
)
RIGHTS = st.sampled_from(["hold", "process", "operate"])
SAME = {"inspection": {"sha256": digest("the same table")}}


class RightMachine(RuleBasedStateMachine):
    """Three parties, four products (two of the same data), and whatever is drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="rights-"))
        self.stack = ExitStack()
        self.made = self.stack.enter_context(world(self.home, days=NOTICE_DAYS, calendar=""))
        self.parties: list[Party] = []
        self.products: list[int] = []
        self.rights: list[int] = []
        self.objections: list[int] = []

    @initialize()
    def admit(self) -> None:
        self.parties = [self.made.admit(name, "provider") for name in ("Acme", "Beta", "Gamma")]
        self.products = [
            self.made.file(self.parties[0], **SAME),
            self.made.file(self.parties[1], **SAME),
            self.made.file(self.parties[1]),
            self.made.file(self.parties[2]),
        ]

    def send(self, by: Party, kind: str, body: dict[str, Any], person: str = "") -> int | None:
        answer = self.made.send(by, kind, body, person)
        return answer.index if isinstance(answer.decision, Granted) else None

    def pick(self, listed: list[int], place: int) -> int:
        return listed[place % len(listed)] if listed else 999

    def holder_of(self, right: int) -> Party:
        with self.made.node.store.reading() as read:
            holder = get_right(read, right).holder
        return next(party for party in self.parties if party.id == holder)

    @rule(
        party=PARTIES, product=st.integers(0, 3), scope=SCOPES, territory=PLACES, term=TERMS,
        exclusive=st.booleans(), transferable=st.booleans(),
    )  # fmt: skip
    def hold(self, party: int, product: int, **drawn: Any) -> None:
        holder = self.parties[party]
        made = self.send(holder, "file-right", right_body(holder, self.products[product], **drawn))
        if made is not None:
            self.rights.append(made)

    @rule(
        party=PARTIES, product=st.integers(0, 3), right=RIGHTS,
        source=st.none() | st.integers(0, 9), evidence=st.sampled_from([[], [HASH]]),
    )  # fmt: skip
    def file_at_random(self, party: int, product: int, source: int | None, **drawn: Any) -> None:
        holder = self.parties[party]
        number = None if source is None else self.pick(self.rights, source)
        right = drawn.pop("right")
        body = right_body(holder, self.products[product], right, source=number, **drawn)
        made = self.send(holder, "file-right", body)
        if made is not None:
            self.rights.append(made)

    @precondition(lambda self: self.rights)
    @rule(
        source=st.integers(0, 9), widen=st.sampled_from(["", "scope", "territory", "term"]),
        exclusive=st.booleans(), to=st.none() | PARTIES, sublicence=st.booleans(),
        scope=SCOPES, territory=PLACES, term=TERMS,
    )  # fmt: skip
    def derive(self, source: int, widen: str, to: int | None, **drawn: Any) -> None:
        """File out of the own right, or license it; mostly within it, sometimes beyond."""
        number = self.pick(self.rights, source)
        with self.made.node.store.reading() as read:
            found = get_right(read, number)
        holder = self.holder_of(number)
        term = {"from": found.extent.term.start}
        term |= {"until": found.extent.term.until} if found.extent.term.until else {}
        within = {
            "scope": list(found.extent.scope),
            "territory": list(found.extent.territory),
            "term": term,
            "exclusive": drawn["exclusive"],
            "sublicence": drawn["sublicence"],
        }
        if widen:
            within[widen] = drawn[widen]
        right = {"hold": "process", "process": "operate", "operate": "operate"}[found.right]
        if to is None:
            body = right_body(holder, found.product, right, source=number, evidence=[], **within)
            made = self.send(holder, "file-right", body)
        else:
            body = {"source": number, "to": self.parties[to].id, "right": right, **within}
            made = self.send(holder, "license-right", body)
        if made is not None:
            self.rights.append(made)

    @precondition(lambda self: self.rights)
    @rule(party=PARTIES, right=st.integers(0, 9))
    def object(self, party: int, right: int) -> None:
        grounds = {"code": "mine", "sentence": "We collected it."}
        body = {"right": self.pick(self.rights, right), "grounds": grounds}
        made = self.send(self.parties[party], "object-to-right", body)
        if made is not None:
            self.objections.append(made)

    @precondition(lambda self: self.objections)
    @rule(objection=st.integers(0, 9), outcome=st.sampled_from(["uphold", "dismiss"]))
    def rule_on(self, objection: int, outcome: str) -> None:
        number = self.pick(self.objections, objection)
        body = {"objection": number, "outcome": outcome, "reasons": [REASON]}
        self.send(self.made.operator, "decide-objection", body, "registrar")

    @precondition(lambda self: self.rights)
    @rule(party=PARTIES, right=st.integers(0, 9))
    def close(self, party: int, right: int) -> None:
        self.send(self.parties[party], "close-notice", {"right": self.pick(self.rights, right)})

    @precondition(lambda self: self.rights)
    @rule(days=st.sampled_from([0, 0, 6, 6, 6]))
    def fall_due(self, days: int) -> None:
        """The node's own duty: everything listed as due is granted."""
        self.made.pass_days(days)
        with self.made.node.store.reading() as read:
            due = due_rights(read, self.made.now)
        for act in due:
            assert self.send(self.made.operator, act.kind, act.body) is not None, act

    @rule(days=st.sampled_from([1, 3, 400]))
    def wait(self, days: int) -> None:
        self.made.pass_days(days)

    @precondition(lambda self: self.rights)
    @rule(to=PARTIES, right=st.integers(0, 9))
    def transfer(self, to: int, right: int) -> None:
        number = self.pick(self.rights, right)
        body = {"right": number, "to": self.parties[to].id}
        self.send(self.holder_of(number), "transfer-right", body)

    @precondition(lambda self: self.rights)
    @rule(
        right=st.integers(0, 9), by_registrar=st.booleans(), scope=st.none() | SCOPES,
        territory=st.none() | PLACES, exclusive=st.none() | st.booleans(),
    )  # fmt: skip
    def change(self, right: int, by_registrar: bool, **drawn: Any) -> None:
        number = self.pick(self.rights, right)
        body = {"right": number, "reasons": [REASON], **drawn}
        if by_registrar:
            self.send(self.made.operator, "change-right", body, "registrar")
        else:
            self.send(self.holder_of(number), "change-right", body)

    @precondition(lambda self: len(self.rights) > 3)
    @rule(right=st.integers(0, 9))
    def cancel(self, right: int) -> None:
        number = self.pick(self.rights, right)
        body = {"right": number, "reason": "Given up."}
        self.send(self.holder_of(number), "cancel-right", body)

    @rule(product=st.integers(0, 3), same=st.booleans(), number=st.integers(0, 99))
    def revise(self, product: int, same: bool, number: int) -> None:
        owner = self.parties[[0, 1, 1, 2][product]]
        changed = metadata(keywords=[f"word {number}"], **(SAME if same else {}))
        body = {"product": self.products[product], "metadata": changed}
        self.send(owner, "revise-product", body)

    @invariant()
    def nothing_forbidden_is_so(self) -> None:
        if not self.products:
            return
        with self.made.node.store.reading() as read:
            grants = [one for product in self.products for one in rights_in(read, product)]
            data = {product: set(same_data(read, product)) for product in self.products}
            for grant in grants:
                self.rests_on_a_chain(read, grant)
                self.was_noticed(read, grant)
        for left, right in combinations([one for one in grants if one.status == "registered"], 2):
            if left.right == right.right == "hold" and left.holder != right.holder:
                clash = left.exclusive or right.exclusive
                meets = right.product in data[left.product]
                meets = meets and extents_meet(left.extent, right.extent)
                assert not (clash and meets), (left, right)

    def rests_on_a_chain(self, read: sa.Connection, grant: Grant) -> None:
        chain = chain_of(read, grant)
        first = chain[-1] if chain else grant
        assert first.source is None and evidence_of(read, first.id)
        assert [one.id for one in chain] == sorted({one.id for one in chain}, reverse=True)
        if chain and grant.is_live:
            assert chain[0].is_live
            assert extent_within(grant.extent, chain[0].extent)
            assert not grant.exclusive or chain[0].exclusive
        if grant.status == "registered":
            assert all(one.status == "registered" for one in chain)

    def was_noticed(self, read: sa.Connection, grant: Grant) -> None:
        disputes = objections_to(read, grant.id)
        assert (grant.status == "contested") == any(one.status == "open" for one in disputes)
        if grant.type == "first":
            assert grant.closes_at - grant.noticed_at >= NOTICE_DAYS * 86_400
            if grant.registered_at is not None:
                assert grant.registered_at >= grant.closes_at
                assert not any(one.status == "upheld" for one in disputes)

    def teardown(self) -> None:
        try:
            index = DirectoryIndex(self.home / "index")
            with self.made.node.store.reading() as read:
                index.refresh(read, most=10_000)
                state = counts_of_state(read, index)
                assert read.execute(sa.select(sa.func.count()).select_from(GRANTS)).scalar() == len(
                    self.rights
                )
            tree = self.made.node.log.tree()
            entries = [
                one for number in range(-(-tree.size // 256)) for one in tree.bundle_entries(number)
            ]
            assert state is not None and state.differences(counts_from_entries(entries)) == []
            self.stack.close()
            checks = audit(self.home, (registry_institution(),))
            assert [check for check in checks if check.passed is False] == []
        finally:
            self.stack.close()
            shutil.rmtree(self.home, ignore_errors=True)


TestRights = RightMachine.TestCase
TestRights.settings = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestRights.pytestmark = [pytest.mark.slow]
