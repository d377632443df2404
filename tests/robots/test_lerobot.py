"""A robot of LeRobot's by adapter. The fake has the members of LeRobot's abstract class, and motors that lag."""

import numpy as np
import pytest

from mereq.core.errors import RobotLost
from mereq.core.robot import Robot
from mereq.robots.clock import DrivenClock
from mereq.robots.lerobot import Joint, LeRobotBody


class FakeArm:
    """Two motors that move 4 units per second at most."""

    def __init__(self):
        self.is_connected, self.is_calibrated, self.broken = False, True, False
        self.at, self.target = {"x.pos": 0.0, "y.pos": 5.0}, {}
        self.calibrated_at_connecting = None

    def connect(self, calibrate=True):
        self.is_connected, self.calibrated_at_connecting = True, calibrate
        self.target = dict(self.at)

    def get_observation(self):
        if self.broken:
            raise ConnectionError("no status packet")
        return {**self.at, "front": np.full((4, 6, 3), 7, np.uint8)}

    def send_action(self, action):
        assert set(action) == set(self.at)
        self.target = dict(action)
        return action

    def disconnect(self):
        self.is_connected = False

    def advance(self, seconds):
        for name, target in self.target.items():
            self.at[name] += float(np.clip(target - self.at[name], -4.0 * seconds, 4.0 * seconds))


def body(arm):
    def both(seen):
        return np.array([seen["x.pos"], seen["y.pos"]], np.float32)

    return LeRobotBody(
        arm,
        [Joint("x.pos", 0.2, -1.0, 1.0, 0.5), Joint("y.pos", -0.2, 2.0, 8.0, 5.0)],
        hz=10.0,
        observe=both,
        features=lambda before, after: np.abs(both(after) - both(before)),
        over=lambda steps, seen: steps == 12,
        picture="front",
        clock=DrivenClock(arm.advance),
    )


def test_an_episode():
    """Motors go to their start without a jump, move relative to where they are, and stay within their limits."""
    arm = FakeArm()
    robot = body(arm)
    assert isinstance(robot, Robot)
    with robot:
        assert arm.calibrated_at_connecting is False
        assert arm.target == arm.at
        obs, _ = robot.reset(seed=0)
        np.testing.assert_allclose(obs, [0.5, 5.0], atol=0.4)
        began = robot._clock.now()
        for k in range(12):
            obs, _, _, over, info = robot.step([1.0, 0.5])
            assert over == (k == 11)
        assert robot._clock.now() - began == pytest.approx(1.2, abs=0.06)
        np.testing.assert_allclose(obs, [1.0, 5.0 - 12 * 0.1], atol=1e-5)
        np.testing.assert_allclose(info["features"], [0.0, 0.1], atol=1e-5)
        assert robot.render().shape == (4, 6, 3)
    assert not arm.is_connected


def test_a_stop_makes_the_present_position_the_target():
    arm = FakeArm()
    robot = body(arm)
    with robot:
        robot.reset()
        arm.target["x.pos"] = -1.0
        arm.advance(0.05)
        robot.stop()
        assert arm.target == arm.at


def test_what_is_refused():
    arm = FakeArm()
    arm.is_calibrated = False
    with pytest.raises(RobotLost, match="lerobot-calibrate"):
        body(arm).__enter__()
    assert not arm.is_connected
    arm.is_calibrated, arm.at = True, {"x.pos": 0.0}
    with pytest.raises(RobotLost, match=r"and not y\.pos"):
        body(arm).__enter__()
    arm.at = {"x.pos": 0.0, "y.pos": 5.0}
    robot = body(arm)
    with robot:
        arm.send_action = lambda action: action  # the motors have no power
        with pytest.raises(RobotLost, match="does not arrive at its start; it is at"):
            robot.reset()
        arm.broken = True
        with pytest.raises(RobotLost, match="get_observation failed: ConnectionError: no status packet"):
            robot.step([0.0, 0.0])
