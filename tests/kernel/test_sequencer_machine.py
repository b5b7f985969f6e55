"""The sequencer as a state machine: any order of acts, repeats, erasures, crashes and restarts.

The model is a few lines of Python: what was accepted, in order, and what it adds up to. After every
step state equals model; at the end a new process' view and the audit agree too.
"""

import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from kernel_toy import audit_toy, count_act, open_toy, totals

from entrepot.kernel.acts import ActId
from entrepot.kernel.decisions import Granted, Referred, Refused
from entrepot.kernel.errors import Conflict
from entrepot.kernel.merkle import verify_consistency
from entrepot.kernel.receipt import verify_receipt
from entrepot.kernel.sequencer import Answer

STEPS = [
    "begun",
    "facts-loaded",
    "appended",
    "applied",
    "staged",
    "committed",
    "tile-written",
    "integrated",
    "checkpoint-signed",
    "checkpoint-written",
    "checkpoint-renamed",
    "published",
    "answered",
]
COMMITTED = STEPS[STEPS.index("committed") :]


class Stop(BaseException):
    """The process ends here."""


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.stop_at = ""
        self.count = 0
        self.sums: Counter[str] = Counter()
        self.answers: dict[bytes, Answer] = {}
        self.erased: set[int] = set()
        self.heads: list[tuple[int, bytes]] = []
        self.open()

    def crash(self, name: str) -> None:
        if name == self.stop_at:
            raise Stop

    def open(self) -> None:
        self.stop_at = ""
        self.node = open_toy(self.folder / "h", crash=self.crash)

    def act(self, amount: int, name: str) -> bytes:
        self.count += 1
        return count_act(self.node, amount, name, act_id=ActId(self.count.to_bytes(16, "big")))

    def learn(self, raw: bytes, amount: int, name: str, answer: Answer) -> None:
        """The law of the toy, said again in three lines."""
        expected: type = Granted
        if amount == 13:
            expected = Referred
        elif self.sums[name] + amount > 1000:
            expected = Refused
        else:
            self.sums[name] += amount
        assert isinstance(answer.decision, expected)
        verify_receipt(answer.receipt, answer.entry, self.node.signer.ed25519.public)
        self.answers[raw] = answer

    @rule(amount=st.sampled_from([1, 13, 400]), name=st.sampled_from("ab"))
    def submit(self, amount: int, name: str) -> None:
        raw = self.act(amount, name)
        self.learn(raw, amount, name, self.node.sequencer.submit(raw))

    @rule(amounts=st.lists(st.sampled_from([1, 13, 400]), max_size=5), name=st.sampled_from("ab"))
    def submit_many(self, amounts: list[int], name: str) -> None:
        acts = [self.act(amount, name) for amount in amounts]
        for raw, amount, answer in zip(
            acts, amounts, self.node.sequencer.submit_batch(acts), strict=True
        ):
            assert isinstance(answer, Answer)
            self.learn(raw, amount, name, answer)

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        raw = data.draw(st.sampled_from(sorted(self.answers)))
        again, earlier = self.node.sequencer.submit(raw), self.answers[raw]
        assert again.repeated
        assert (again.index, again.receipt, again.entry, again.decision) == (
            earlier.index,
            earlier.receipt,
            earlier.entry,
            earlier.decision,
        )

    @precondition(lambda self: self.count)
    @rule()
    def reuse_an_id(self) -> None:
        used = ActId(self.count.to_bytes(16, "big"))
        with pytest.raises(Conflict):
            self.node.sequencer.submit(count_act(self.node, 2, "other", act_id=used))

    @precondition(lambda self: len(self.answers) > len(self.erased))
    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        indexes = {answer.index for answer in self.answers.values()} - self.erased
        index = data.draw(st.sampled_from(sorted(indexes)))
        self.node.sequencer.erase(index)
        self.erased.add(index)

    @rule()
    def restart(self) -> None:
        self.node.close()
        self.open()

    @rule(step=st.sampled_from(STEPS), amounts=st.lists(st.just(1), min_size=1, max_size=3))
    def crash_and_restart(self, step: str, amounts: list[int]) -> None:
        acts = [self.act(amount, "a") for amount in amounts]
        self.stop_at = step
        with pytest.raises(Stop):
            self.node.sequencer.submit_batch(acts)
        self.stop_at = ""
        self.node.store.close()  # as a killed process would: nothing else is flushed
        self.node.log.files.close()
        self.open()
        for raw, answer in zip(acts, self.node.sequencer.submit_batch(acts), strict=True):
            assert isinstance(answer, Answer)
            assert answer.repeated == (step in COMMITTED)
            self.learn(raw, 1, "a", answer)

    @invariant()
    def state_equals_the_model(self) -> None:
        assert {name: total for name, (total, _) in totals(self.node).items()} == +self.sums
        log = self.node.log
        assert log.size == log.sequenced_size == 1 + len(self.answers) + len(self.erased)
        for size, root in self.heads[-3:]:
            verify_consistency(size, root, log.size, log.root, log.consistency_proof(size))
        self.heads.append((log.size, log.root))

    def teardown(self) -> None:
        self.node.close()
        checks = audit_toy(self.folder / "h")
        shutil.rmtree(self.folder)
        assert all(check.passed for check in checks), checks


RELAXED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


class TestMachine(Machine.TestCase):  # type: ignore[misc, name-defined]
    settings = settings(
        max_examples=3,
        stateful_step_count=15,
        deadline=None,
        derandomize=True,
        suppress_health_check=RELAXED,
    )


@pytest.mark.usefixtures("on_postgres")
class TestMachineOnPostgres(TestMachine):
    """The same on PostgreSQL."""


@pytest.mark.slow
class TestMachineLonger(Machine.TestCase):  # type: ignore[misc, name-defined]
    settings = settings(
        max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=RELAXED
    )


@pytest.mark.slow
@pytest.mark.usefixtures("on_postgres")
class TestMachineLongerOnPostgres(TestMachineLonger):
    """The same on PostgreSQL."""
