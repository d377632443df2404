"""A robot is told to stop once whenever its steps cease, whatever the reason, before anybody hears of it."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakable import Breakable
from mereq.core.errors import RobotLost, WrongRobot
from mereq.core.policy import LogitsPolicy
from mereq.core.robot import Robot
from mereq.supervision.robot_environment import RobotEnvironment, stop_if_robot, stop_robot_on_exit
from mereq.supervision.supervise import supervise
from mereq.tasks.corridor import FEATURE_NAMES, TASK
from toys import Nobody, always

POLICY = LogitsPolicy(lambda obs: np.tile([2.0, 0.0, -2.0], (len(obs), 1)), 3)


def driven() -> tuple[RobotEnvironment, Breakable]:
    robot = Breakable(TASK)
    assert isinstance(robot, Robot)
    return RobotEnvironment(robot, TASK), robot


def rollout(environment, n_steps, recorded=()):
    how = {"episode_seed": lambda k: 100 + k, "feature_names": FEATURE_NAMES, "recorded": recorded}
    return supervise(environment, always(POLICY), Nobody(), n_steps, **how)


def test_nothing_is_connected_or_moved_before_the_first_reset():
    environment, robot = driven()
    stop_if_robot(environment)
    environment.close()
    assert robot.told == []


def test_it_stands_still_after_a_rollout_and_stays_connected():
    environment, robot = driven()
    for _ in range(2):
        list(rollout(environment, 3))
    stop_if_robot(environment)
    environment.close()
    assert robot.told == ["enter", *["reset", "step", "step", "step", "stop"] * 2, "exit"]


@pytest.mark.parametrize("failure", [RobotLost("the cable is out"), ConnectionError("gone"), KeyError("x")], ids=repr)
@pytest.mark.parametrize("at", [1, 2, 4])
def test_whatever_goes_wrong_it_is_stopped_once_and_left(failure, at):
    environment, robot = driven()
    robot.breaks[at] = failure
    with pytest.raises(RobotLost, match="The robot does not answer: ") as lost:
        list(rollout(environment, 10))
    assert robot.told[at:] == [robot.told[at], "stop", "exit"]
    assert str(failure) in str(lost.value)
    assert isinstance(failure, RobotLost) or "breakable.py, line" in str(lost.value)
    environment.close()
    assert robot.told[-1] == "exit"
    environment.reset(seed=1)
    assert robot.told[at:] == [robot.told[at], "stop", "exit", "enter", "reset"]


def test_one_that_cannot_even_be_stopped():
    environment, robot = driven()
    robot.breaks = {3: RobotLost("the cable is out"), 4: OSError("broken pipe")}
    with pytest.raises(
        RobotLost, match=r"the cable is out\. It could not be told to stop either: OSError: broken pipe"
    ):
        list(rollout(environment, 10))
    assert robot.told[3:] == ["step", "stop", "exit"]


def test_one_that_cannot_be_connected_is_not_told_to_stop():
    environment, robot = driven()
    robot.breaks[0] = RobotLost("switched off")
    with pytest.raises(RobotLost, match="switched off"):
        environment.reset(seed=0)
    assert robot.told == ["enter"]


def test_ctrl_c_in_a_step():
    environment, robot = driven()
    robot.breaks[3] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        list(rollout(environment, 10))
    assert robot.told[3:] == ["step", "stop", "exit"]


def test_events_are_not_read_to_their_end():
    environment, robot = driven()
    steps = stop_robot_on_exit(rollout(environment, 10), environment)
    next(steps)
    steps.close()
    assert robot.told == ["enter", "reset", "step", "stop", "exit"]


@pytest.mark.parametrize("obs", [np.zeros(11), np.full(12, np.nan), None, "twelve"], ids=repr)
def test_an_observation_that_is_none(obs):
    environment, robot = driven()
    robot.unwrapped.reset = lambda seed: (obs, {})
    with pytest.raises(WrongRobot, match="as observation; the task corridor requires 12 finite numbers"):
        environment.reset(seed=0)
    assert robot.told == ["enter", "reset", "stop", "exit"]


def test_features_are_missing():
    environment, robot = driven()
    environment.reset(seed=0)
    robot.unwrapped.step = lambda action: (np.zeros(12), 0.0, False, False, {})
    with pytest.raises(WrongRobot, match="features"):
        environment.step(0)
    assert robot.told[-2:] == ["stop", "exit"]


@given(st.integers(0, 40), st.lists(st.integers(1, 30), max_size=3))
def test_what_was_done_is_not_done_again(more, cuts):
    """However often it is interrupted, no recorded action is repeated: the open episode stays cut, a new one starts."""
    recorded = []
    for n_steps in [*itertools.accumulate(cuts), sum(cuts) + more]:
        environment, robot = driven()
        seeds, reset = [], robot.unwrapped.reset
        robot.unwrapped.reset = lambda seed, its=seeds, do=reset: its.append(seed) or do(seed=seed)
        new = list(rollout(environment, n_steps, recorded))
        assert robot.told.count("step") == len(new) == n_steps - len(recorded)
        assert seeds == [100 + episode for episode in sorted({step.episode for step in new})]
        recorded += new
    for before, after in itertools.pairwise(recorded):
        same_episode = after.episode == before.episode and after.step == before.step + 1
        assert same_episode or (after.episode, after.step) == (before.episode + 1, 0)
