"""Paced: a supervisor whose decisions come at a steady pace, on a clock of the test's own."""

import numpy as np
import pytest

from mereq.core.supervisor import Controller, Decision, DecisionContext
from mereq.supervision.paced import Paced


class Clock:
    """Clock that advances only by waits, or when a test advances it."""

    def __init__(self):
        self.time, self.waits = 100.0, []

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds


class Recorder:
    """A supervisor that counts its episodes and answers with the step's number."""

    def __init__(self):
        self.seeds = []

    def begin_episode(self, seed: int) -> None:
        self.seeds.append(seed)

    def decide(self, context: DecisionContext) -> Decision:
        return Decision(Controller.EXPERT, context.step)


def context(step: int, recorded: Decision | None = None) -> DecisionContext:
    return DecisionContext(step, np.zeros(1), 0, {}, recorded)


@pytest.fixture
def clock():
    return Clock()


def paced(clock: Clock, supervisor=None, hz: float = 4.0) -> Paced:
    return Paced(supervisor or Recorder(), hz, now=clock.now, wait=clock.wait)


def test_each_decision_is_given_a_period_after_the_one_before(clock):
    supervisor = paced(clock)
    times = []
    for step in range(4):
        supervisor.decide(context(step))
        times.append(clock.time)
    assert times == [100.25, 100.5, 100.75, 101.0]


def test_the_decision_is_the_supervisors(clock):
    assert paced(clock).decide(context(7)) == Decision(Controller.EXPERT, 7)


def test_a_short_delay_is_made_up_for_and_the_pace_stays(clock):
    """A step that itself took 0.1 s is followed by a wait of 0.15 s."""
    supervisor = paced(clock)
    supervisor.decide(context(0))
    clock.time += 0.1
    supervisor.decide(context(1))
    assert clock.waits == pytest.approx([0.25, 0.15])


def test_a_long_delay_is_not_made_up_for_by_a_rush(clock):
    """After 2 s the next decision comes at once, and the one after it a whole period later."""
    supervisor = paced(clock)
    supervisor.decide(context(0))
    clock.time += 2.0
    supervisor.decide(context(1))
    supervisor.decide(context(2))
    assert clock.waits == pytest.approx([0.25, 0.0, 0.25])


def test_a_recorded_decision_is_not_waited_for(clock):
    supervisor = paced(clock)
    supervisor.decide(context(0, Decision(Controller.POLICY, 0)))
    assert clock.waits == []


def test_episodes_begin_with_the_supervisor(clock):
    supervisor = Recorder()
    paced(clock, supervisor).begin_episode(11)
    assert supervisor.seeds == [11]


def test_the_machines_clock_by_default():
    assert Paced(Recorder(), 1e6).decide(context(3)).action == 3


@pytest.mark.parametrize("hz", [0.0, -1.0, float("nan")])
def test_the_pace_must_be_positive(clock, hz):
    with pytest.raises(ValueError, match="must be positive"):
        paced(clock, hz=hz)


def test_less_than_one_decision_per_second(clock):
    supervisor = paced(clock, hz=0.5)
    supervisor.decide(context(0))
    assert clock.waits == [2.0]
