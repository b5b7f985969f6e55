"""The intake: acts of many requests in few batches, bounded, and stopped without loss."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from node_toy import TOY, count_act, settings_of

from entrepot.kernel.errors import Error, StorageError, VerificationError
from entrepot.kernel.institution import Institution
from entrepot.kernel.sequencer import Answer
from entrepot.node.intake import Busy, Defect, Intake
from entrepot.node.running import open_running


class Gate:
    """A sequencer that waits until it is let go, and counts; the real one is behind it."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.open = threading.Event()
        self.batches: list[int] = []

    def submit_batch(self, acts: Sequence[bytes]) -> list[Answer | Error]:
        self.open.wait(10)
        self.batches.append(len(acts))
        answers: list[Answer | Error] = self.inner.submit_batch(acts)
        return answers


def test_what_waits_goes_in_one_batch(tmp_path: Path) -> None:
    with open_running(settings_of(tmp_path), institutions=(TOY,)) as running:
        gate = Gate(running.node.sequencer)
        intake = Intake(gate).start()
        acts = [count_act(running.node) for _ in range(30)]
        answers: list[Answer | Error] = []
        arrived = threading.Semaphore(0)

        def deliver(outcomes: list[Answer | Error]) -> None:
            answers.extend(outcomes)
            arrived.release()

        for act in acts:
            intake.put([act], deliver)
        gate.open.set()
        for _ in acts:
            assert arrived.acquire(timeout=10)
        intake.close()
        assert all(isinstance(item, Answer) for item in answers)
        assert sum(gate.batches) == 30
        assert len(gate.batches) <= 4  # two were taken at once, the rest together
        assert running.node.log.size == 31


def test_the_queue_is_bounded_and_says_so(tmp_path: Path) -> None:
    with open_running(settings_of(tmp_path), institutions=(TOY,)) as running:
        gate = Gate(running.node.sequencer)
        intake = Intake(gate, queue_max_acts=10).start()
        got: list[Answer | Error] = []
        taken = 0
        with pytest.raises(Busy, match="more acts wait"):
            for _ in range(40):
                intake.put([count_act(running.node)], got.extend)
                taken += 1
        assert 10 <= taken <= 14
        gate.open.set()
        intake.close()
        assert len(got) == taken
        assert intake.tally.busy == 1


def test_closing_finishes_what_was_taken_and_takes_nothing_more(tmp_path: Path) -> None:
    with open_running(settings_of(tmp_path), institutions=(TOY,)) as running:
        intake = Intake(running.node.sequencer).start()
        got: list[Answer | Error] = []
        for _ in range(50):
            intake.put([count_act(running.node)], got.extend)
        intake.close()
        assert len(got) == 50
        with pytest.raises(Busy, match="stopping"):
            intake.put([b""], got.extend)


def test_a_parcel_over_a_batch_is_cut_and_answered_whole(tmp_path: Path) -> None:
    with open_running(settings_of(tmp_path), institutions=(TOY,)) as running:
        intake = Intake(running.node.sequencer, batch_max_acts=4).start()
        outcomes = intake.submit_now([count_act(running.node) for _ in range(10)])
        assert [item.index for item in outcomes if isinstance(item, Answer)] == list(range(1, 11))
        assert intake.tally.largest_batch == 4
        intake.close()


def test_an_act_our_code_cannot_bear_does_not_stop_those_of_others(tmp_path: Path) -> None:
    def broken(body: dict[object, object]) -> object:
        if body.get("amount") == 666:
            raise ZeroDivisionError("a mistake of ours")
        return TOY.kinds[0].shape(body)

    kinds = (replace(TOY.kinds[0], shape=broken), *TOY.kinds[1:])
    institution = Institution("toy", kinds, TOY.tables)
    with open_running(settings_of(tmp_path), institutions=(institution,)) as running:
        seen: list[Exception] = []
        running.intake.on_defect = seen.append
        acts = [count_act(running.node, amount) for amount in (1, 666, 2)]
        outcomes = running.intake.submit_now([*acts, b"junk"])
        assert [type(item) for item in outcomes[:3]] == [Answer, Defect, Answer]
        assert isinstance(outcomes[3], Error)
        assert running.node.log.size == 3
        assert isinstance(seen[0], ZeroDivisionError)
        assert running.intake.tally.defects == 1


def test_what_concerns_all_is_told_to_all(tmp_path: Path) -> None:
    class Full:
        def submit_batch(self, _acts: Sequence[bytes]) -> list[Answer | Error]:
            raise StorageError("the disk is full")

    intake = Intake(Full()).start()
    outcomes = intake.submit_now([b"a", b"b"])
    assert all(isinstance(item, StorageError) for item in outcomes)
    intake.close()


def test_a_caller_that_goes_away_does_not_take_its_act_back(tmp_path: Path) -> None:
    with open_running(settings_of(tmp_path), institutions=(TOY,)) as running:
        gate = Gate(running.node.sequencer)
        intake = Intake(gate).start()
        act = count_act(running.node)

        async def go_away() -> None:
            task = asyncio.create_task(intake.submit([act]))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            gate.open.set()
            (again,) = await intake.submit([act])
            assert isinstance(again, Answer)
            assert again.index == 1

        asyncio.run(go_away())
        assert running.node.log.size == 2
        intake.close()


def test_each_outcome_comes_to_the_one_who_asked(tmp_path: Path) -> None:
    with open_running(settings_of(tmp_path), institutions=(TOY,)) as running:

        async def ask_all() -> list[list[Answer | Error]]:
            parcels = [
                [count_act(running.node, number), b"junk", count_act(running.node, number)]
                for number in range(12)
            ]
            return await asyncio.gather(*(running.intake.submit(parcel) for parcel in parcels))

        for number, outcomes in enumerate(asyncio.run(ask_all())):
            assert not isinstance(outcomes[1], VerificationError)
            assert isinstance(outcomes[1], Error)
            for outcome in (outcomes[0], outcomes[2]):
                assert isinstance(outcome, Answer)
                (effect,) = outcome.decision.effects  # type: ignore[union-attr]
                assert effect.values["amount"] == number


def test_a_thread_that_comes_too_late_waits_again(tmp_path: Path) -> None:
    with open_running(settings_of(tmp_path), institutions=(TOY,)) as running:
        intake = Intake(running.node.sequencer, linger_s=0.1).start()
        arrived = threading.Semaphore(0)
        for _ in range(4):  # each parcel wakes a thread, and the first one up takes them all
            for _ in range(2):
                intake.put([count_act(running.node)], lambda _found: arrived.release())
            for _ in range(2):
                assert arrived.acquire(timeout=10)
        alive = [one for one in threading.enumerate() if one in intake._threads]
        assert len(alive) == 2
        intake.close()
