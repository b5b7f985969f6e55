"""Whatever a log with two histories asks, in any order, a witness cosigns one history only."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from test_witness import AT, COSIGNER, ONE, TWO, WATCHED

from entrepot.kernel.checkpoint import Checkpoint, read_checkpoint
from entrepot.kernel.cosignature import verified_signatures, with_cosignatures
from entrepot.kernel.merkle import verify_consistency
from entrepot.kernel.note import parse_signature_lines
from entrepot.kernel.witness import (
    NOTHING,
    WitnessAnswer,
    authenticate,
    check_growth,
    cosign,
    format_add_checkpoint,
    parse_add_checkpoint,
)

SIZES = st.integers(0, 40)
HISTORIES = {"one": ONE, "two": TWO}
NOTES = {(name, size): HISTORIES[name].note(size) for name in HISTORIES for size in range(41)}


class Witnessing(RuleBasedStateMachine):
    """Requests with right and wrong old sizes, proofs of either history, and repeats."""

    @initialize()
    def begin(self) -> None:
        self.last = NOTHING
        self.cosigned: list[Checkpoint] = []
        self.answered = 0

    @rule(name=st.sampled_from(["one", "two"]), new=SIZES, old=st.none() | SIZES, by=SIZES)
    def ask(self, name: str, new: int, old: int | None, by: int) -> None:
        """Ask for a size, mostly from the size the witness has, with the proof of a history."""
        old = self.last.size if old is None else old
        proved_by = name if by % 4 else ("two" if name == "one" else "one")
        proof = HISTORIES[proved_by].proof(old, new) if old <= new else []
        body = format_add_checkpoint(old, proof, NOTES[name, new])
        request = parse_add_checkpoint(body)
        signatures = authenticate(request, WATCHED)
        if isinstance(signatures, WitnessAnswer):
            assert (signatures.status, old > new) == (400, True)
            return
        refusal = check_growth(request, self.last)
        honest = proved_by == name or old in (0, new)
        follows = old == self.last.size and new >= old
        same = self.last.root == HISTORIES[name].roots[self.last.size]
        if refusal is not None:
            assert refusal.status == (422 if old == self.last.size else 409)
            assert not (follows and same and honest), "an honest log is cosigned"
            return
        assert follows
        assert same
        done = cosign(request, signatures, COSIGNER, last=self.last, now=AT + self.answered % 7)
        assert done.remembered.at >= self.last.at
        lines = parse_signature_lines(done.answer.body)
        whole = with_cosignatures(read_checkpoint(NOTES[name, new]), lines)
        assert len(verified_signatures(whole, COSIGNER.verifiers())) == 2
        self.last = done.remembered
        self.cosigned.append(request.seen.checkpoint)
        self.answered += 1

    @invariant()
    def one_history_was_cosigned(self) -> None:
        roots = [(item.size, item.root) for item in getattr(self, "cosigned", [])]
        assert [size for size, _ in roots] == sorted(size for size, _ in roots)
        grown = [(size, root) for size, root in roots if size]
        if not grown:
            return
        size, root = grown[-1]
        history = ONE if ONE.roots[size] == root else TWO
        for older, older_root in grown:
            proof = history.proof(older, size)
            verify_consistency(older, older_root, size, root, proof)


TestWitnessing = Witnessing.TestCase
TestWitnessing.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, derandomize=True
)
