"""What falls due is done once: by one process or two, with a crash anywhere in between."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alarm_clock import CLOCK, rings, set_alarm
from node_toy import NOW, settings_of

from entrepot.kernel.audit import audit
from entrepot.kernel.decisions import Refused
from entrepot.kernel.errors import Error
from entrepot.kernel.sequencer import Answer
from entrepot.node.duties import Duties, due_acts, sign_due
from entrepot.node.running import Running, open_running


def clock(home: Path, now: int = NOW) -> Running:
    return open_running(settings_of(home), institutions=(CLOCK,), clock=lambda: now)


def test_nothing_is_done_before_its_time_and_all_of_it_after(tmp_path: Path) -> None:
    with clock(tmp_path) as running:
        alarms = [("a", NOW + 10), ("b", NOW + 20), ("c", NOW + 30)]
        running.intake.submit_now([set_alarm(running, name, at, NOW) for name, at in alarms])
        assert Duties(running).carry_out() == []
        running.clock = lambda: NOW + 20
    with clock(tmp_path, NOW + 20) as running:
        done = Duties(running).carry_out()
        assert [due.key for due, _ in done] == ["a", "b"]
        assert rings(running) == {"a": 1, "b": 1, "c": 0}
        assert Duties(running).carry_out() == []


def test_a_due_act_is_the_same_bytes_whoever_makes_it_and_whenever(tmp_path: Path) -> None:
    with clock(tmp_path) as running:
        running.intake.submit_now([set_alarm(running, "a", NOW, NOW)])
        (due,) = due_acts(running, NOW)
        act = sign_due(running, due)
    with clock(tmp_path, NOW + 100) as running:
        (due,) = due_acts(running, NOW + 100)
        assert sign_due(running, due) == act
        first, second = running.intake.submit_now([act, act])
        assert isinstance(first, Answer) and isinstance(second, Answer)
        assert (first.repeated, second.repeated) == (False, True)
        assert rings(running) == {"a": 1}


def test_two_that_do_it_at_once_do_it_once(tmp_path: Path) -> None:
    with clock(tmp_path) as running:
        names = [f"n{number}" for number in range(20)]
        running.intake.submit_now([set_alarm(running, name, NOW, NOW) for name in names])
        due = due_acts(running, NOW)
        both = [Duties(running), Duties(running)]
        acts = [sign_due(running, item) for item in due]
        outcomes = running.intake.submit_now(acts)  # one process is ahead of the other
        assert not any(isinstance(item, Error) for item in outcomes)
        for duties in both:
            duties.carry_out()
        assert set(rings(running).values()) == {1}
        assert running.node.log.size == 1 + 2 * len(names)


def test_a_refused_duty_is_asked_once_and_does_not_fill_the_log(tmp_path: Path) -> None:
    with clock(tmp_path) as running:
        running.intake.submit_now([set_alarm(running, "stuck", NOW, NOW)])
        duties = Duties(running)
        ((_, outcome),) = duties.carry_out()
        assert isinstance(outcome, Answer)
        assert isinstance(outcome.decision, Refused)
        size = running.node.log.size
        assert duties.carry_out() == []
        Duties(running).carry_out()  # another process asks again, and hears the same answer
        assert running.node.log.size == size


@pytest.mark.slow
@pytest.mark.parametrize("point", ["begun", "staged", "committed", "published", "answered"])
def test_killed_between_submitting_and_the_answer_it_is_done_once(
    tmp_path: Path, point: str
) -> None:
    with clock(tmp_path) as running:
        running.intake.submit_now([set_alarm(running, "a", NOW, NOW)])
    program = [sys.executable, "alarm_clock.py", str(tmp_path), str(NOW + 5), point]
    killed = subprocess.run(program, cwd=Path(__file__).parent, check=False, timeout=60)
    assert killed.returncode == 9
    with clock(tmp_path, NOW + 9) as running:
        Duties(running).carry_out()
        assert rings(running) == {"a": 1}
        assert running.node.log.size == 3
    checks = audit(tmp_path, (CLOCK,))
    assert all(check.passed for check in checks), checks
