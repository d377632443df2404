"""A robot is told to stop once whenever its steps cease, whatever the reason, before the caller hears of it."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakable import Breakable, Willing
from ids import words
from mereq.core.errors import RobotLost, WrongRobot
from mereq.core.policy import LogitsPolicy
from mereq.core.robot import Robot
from mereq.supervision.robot_environment import RobotEnvironment, hold_if_robot, stop_robot_on_exit
from mereq.supervision.supervise import supervise
from mereq.tasks.corridor import TASK
from toys import NeverTakesOver, always

POLICY = LogitsPolicy(lambda obs: np.tile([2.0, 0.0, -2.0], (len(obs), 1)), 3)


def driven() -> tuple[RobotEnvironment, Breakable]:
    robot = Breakable(TASK)
    assert isinstance(robot, Robot)
    environment = RobotEnvironment(robot, TASK)
    environment.attend(Willing())
    return environment, robot


def rollout(environment, n_steps, recorded=()):
    how = {"episode_seed": lambda k: 100 + k, "task": TASK, "recorded": recorded}
    return supervise(environment, always(POLICY), NeverTakesOver(), n_steps, **how)


def test_nothing_is_connected_or_moved_before_the_first_reset():
    environment, robot = driven()
    hold_if_robot(environment, "a test")
    environment.close()
    assert robot.told == []


def test_it_stands_still_after_a_rollout_and_stays_connected():
    environment, robot = driven()
    for _ in range(2):
        list(rollout(environment, 3))
    hold_if_robot(environment, "a test")
    environment.close()
    assert robot.told == ["enter", *["reset", "step", "step", "step", "stop"] * 2, "exit"]


@pytest.mark.parametrize("failure", [RobotLost("the cable is out"), ConnectionError("gone"), KeyError("x")], ids=words)
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


@pytest.mark.parametrize("how", ["stop", "hold"])
def test_one_that_cannot_be_stopped_between_two_steps_is_left(how):
    environment, robot = driven()
    environment.reset(seed=0)
    robot.breaks[2] = OSError("broken pipe")
    with pytest.raises(
        RobotLost, match=r"The robot does not answer: OSError: broken pipe \(.*breakable\.py, line \d+\)"
    ):
        environment.stop() if how == "stop" else environment.hold("the round is over")
    assert robot.told == ["enter", "reset", "stop", "exit"]


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


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=words)
def test_what_fails_outside_of_the_driver_stops_it_too(failure):
    """The record, the learner's thread, the session: whatever raises in the stream of a run."""
    environment, robot = driven()

    def recorded():
        for number, step in enumerate(rollout(environment, 10)):
            if number == 1:
                raise failure
            yield step

    with pytest.raises(type(failure)):
        list(stop_robot_on_exit(recorded(), environment))
    assert robot.told == ["enter", "reset", "step", "step", "stop", "exit"]


@pytest.mark.parametrize("obs", [np.zeros(11), np.full(12, np.nan), None, "twelve"], ids=words)
def test_an_observation_that_is_none(obs):
    environment, robot = driven()
    right = robot.unwrapped.reset(seed=0)
    for command, told in (("reset", ["enter", "reset"]), ("step", ["enter", "reset", "step"])):
        robot.told.clear()
        robot.unwrapped.reset = lambda seed, command=command: (obs, {}) if command == "reset" else right
        robot.unwrapped.step = lambda action: (obs, 0.0, False, False, {"features": np.zeros(3)})
        with pytest.raises(WrongRobot, match="as observation; the task corridor requires 12 finite numbers"):
            environment.reset(seed=0) and environment.step(1)
        assert robot.told == [*told, "stop", "exit"]


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


def test_properties_are_the_drivers():
    environment, robot = driven()
    assert (environment.hz, environment.repeatable) == (None, False)
    robot.hz, robot.repeatable = 5.0, True
    assert (environment.hz, environment.repeatable) == (5.0, True)
    assert environment.unwrapped is robot.unwrapped
    assert environment.caption == ""
    robot.caption = "waits for the cell"
    assert environment.caption == "waits for the cell"
    assert environment.render_mode is None
    robot.render_mode, robot.render = "rgb_array", lambda: "a picture"
    assert (environment.render_mode, environment.render()) == ("rgb_array", "a picture")


def test_it_is_enabled_by_its_operator():
    environment, robot = driven()
    operator = Willing()
    environment.attend(operator, longest_gap=20.0)
    assert environment._monitor.longest_gap == 20.0
    environment.enable()
    assert (operator.asked, robot.told) == (1, [])


def test_a_driver_without_an_environment_inside_is_its_own():
    environment, robot = driven()
    del robot.unwrapped
    assert environment.unwrapped is robot


def test_a_camera_that_fails_is_a_robot_that_is_lost():
    environment, robot = driven()
    environment.reset(seed=0)

    def render():
        raise OSError("no light")

    robot.render = render
    with pytest.raises(RobotLost, match=r"OSError: no light \(.*test_robot_environment\.py, line \d+\)\.$"):
        environment.render()
    assert robot.told == ["enter", "reset", "stop", "exit"]


def test_steps_and_resets_are_the_drivers():
    environment, _ = driven()
    plain = TASK.make()
    ours, theirs = environment.reset(seed=3), plain.reset(seed=3)
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert ours[1] == theirs[1] == {}
    ours, theirs = environment.step(0), plain.step(0)
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert ours[1:4] == theirs[1:4]
    np.testing.assert_array_equal(ours[4]["features"], theirs[4]["features"])


def test_a_stop_is_told_once_until_the_next_step():
    environment, robot = driven()
    environment.reset(seed=0)
    environment.stop()
    environment.stop()
    environment.step(0)
    environment.close()
    environment.close()
    assert robot.told == ["enter", "reset", "stop", "step", "stop", "exit"]


@pytest.mark.parametrize("obs", [np.arange(12), np.zeros(12, np.uint8), [0.5] * 12], ids=["int", "uint8", "list"])
def test_any_finite_numbers_are_an_observation(obs):
    environment, robot = driven()
    robot.unwrapped.reset = lambda seed: (obs, {})
    assert environment.reset(seed=0)[0] is obs


def test_a_mistake_that_has_a_class_of_its_own_is_raised_as_it_is():
    """Only other exceptions become `RobotLost`."""
    environment, robot = driven()
    robot.breaks[1] = WrongRobot("no such joint")
    with pytest.raises(WrongRobot, match="no such joint"):
        environment.reset(seed=0)
    assert robot.told == ["enter", "reset", "stop", "exit"]


def test_a_simulation_needs_no_stop():
    plain = TASK.make()
    hold_if_robot(plain, "a test")
    assert list(stop_robot_on_exit((n for n in range(3)), plain)) == [0, 1, 2]
