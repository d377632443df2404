"""The example of a driver, with its robot in another process that is killed in the middle of a step."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from breakable import Willing
from mereq.core.errors import RobotLost
from mereq.core.policy import GaussianPolicy
from mereq.presets.registry import TASKS
from mereq.supervision.robot_environment import RobotEnvironment
from mereq.supervision.supervise import supervise
from mereq.tasks.arm import BOTTLE_PUSHING as TASK
from mereq.tasks.arm.view import ArmView
from mereq.tasks.rendered_view import RenderedView
from mereq.web.task_view import task_view_of
from toys import NeverTakesOver, always

ROOT = Path(__file__).parents[2]
MEAN = np.array([0.5, 0.1, -0.2], np.float32)
POLICY = GaussianPolicy(lambda obs: (np.tile(MEAN, (len(obs), 1)), np.full((len(obs), 3), -2, np.float32)), 3)


class Cell:
    """The other process."""

    def __init__(self, *words: str):
        command = [sys.executable, str(ROOT / "examples/socket_robot.py"), "--port", "0", *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.address = re.search(r"waits at (\S+)", line)[1]

    def __enter__(self) -> "Cell":
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    import socket_robot

    monkeypatch.setattr(socket_robot, "PATIENCE", 60.0)
    return socket_robot


def rollout(environment, recorded=()):
    return supervise(
        environment,
        always(POLICY),
        NeverTakesOver(),
        12,
        episode_seed=lambda k: 7 + k,
        task=TASK,
        recorded=recorded,
    )


def test_killed_in_mid_step(example, monkeypatch):
    """Told once to stop, the steps kept; the next robot that answers goes on, in a new episode."""
    environment = RobotEnvironment(example.SocketRobot(TASK), TASK)
    environment.attend(Willing())
    told = []
    stop = example.SocketRobot.stop
    monkeypatch.setattr(example.SocketRobot, "stop", lambda self: told.append("stop") or stop(self))
    recorded = []
    with Cell("--period", "0.01") as cell:
        monkeypatch.setattr(example, "ADDRESS", cell.address)
        steps = rollout(environment)
        recorded += [next(steps) for _ in range(5)]
        assert environment.render().shape[2] == 3
        ask = example.SocketRobot._send

        def ask_in_vain(self, message):
            cell.process.send_signal(signal.SIGSTOP)  # it must not answer before it is killed
            ask(self, message)
            cell.process.kill()

        monkeypatch.setattr(example.SocketRobot, "_send", ask_in_vain)
        with pytest.raises(RobotLost, match="The robot does not answer: "):
            next(steps)
        assert told == ["stop"]
        cell.process.wait()
        monkeypatch.setattr(example.SocketRobot, "_send", ask)
        with pytest.raises(RobotLost, match="there is none at"):
            environment.reset(seed=0)
        assert told == ["stop"]
    with Cell("--period", "0.01") as cell:
        monkeypatch.setattr(example, "ADDRESS", cell.address)
        rest = list(rollout(environment, recorded))
        environment.close()
        told_it = [cell.process.stdout.readline().strip() for _ in range(3)]
        assert told_it == ["connected", "told to stop", "disconnected"]
    assert [(step.episode, step.step) for step in recorded + rest] == [
        *((0, step) for step in range(5)),
        *((1, step) for step in range(7)),
    ]
    simulated = TASK.make()
    obs, _ = simulated.reset(seed=8)
    for step in rest:  # what it reports is what the arm does, measured like any other arm
        np.testing.assert_allclose(step.obs, obs, atol=1e-6)
        obs, _, _, _, info = simulated.step(step.executed)
        np.testing.assert_allclose(step.features, info["features"], atol=1e-9)


def test_it_is_shown_by_its_camera_and_steered_like_an_arm(example):
    view = task_view_of(RobotEnvironment(example.SocketRobot(TASK), TASK), TASKS["bottle-pushing"])
    assert isinstance(view, RenderedView)
    assert view.controls is ArmView.controls
    assert view.readings() == []
