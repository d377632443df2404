"""`mereq align` with hardware: the command starts the robot, and Enter lets it move again."""

import os
import pty
import sys
from io import StringIO

import pytest
from rich.console import Console

from breakable import Breakable
from mereq.commands import robot_operator
from mereq.commands.robot_operator import attend_robot
from mereq.core.errors import NeedsPerson
from mereq.supervision.robot_environment import RobotEnvironment
from mereq.tasks.corridor import TASK


@pytest.fixture
def robot(monkeypatch):
    """A robot in its first round, and what the terminal showed."""
    monkeypatch.setattr(robot_operator, "COUNTDOWN", 0.0)
    console = Console(file=StringIO(), width=200)
    environment = RobotEnvironment(Breakable(TASK), TASK)
    attend_robot(environment, console, pace=None)
    environment.reset(seed=0)
    environment.hold("the round is over")
    yield environment, console.file
    environment.close()


@pytest.fixture
def terminal(monkeypatch):
    """Standard input is a terminal; gives the end at which a person types."""
    person, program = pty.openpty()
    with os.fdopen(program) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield person
    os.close(person)


def test_without_a_terminal_the_run_ends(robot, monkeypatch):
    environment, shown = robot
    monkeypatch.setattr(sys, "stdin", StringIO("\n"))
    with pytest.raises(NeedsPerson, match="Enter at the terminal"):
        environment.reset(seed=1)
    assert Breakable.made.told == ["enter", "reset", "stop"]
    assert shown.getvalue().count("The robot moves in") == 1


def test_enter_lets_it_move_but_not_one_that_was_typed_before(robot, terminal, monkeypatch):
    environment, shown = robot
    os.write(terminal, b"\n")
    polls = []

    def check() -> None:
        polls.append(list(Breakable.made.told))
        if len(polls) == 4:
            os.write(terminal, b"\n")

    monkeypatch.setattr(robot_operator, "POLL", 0.01)
    monkeypatch.setattr(robot_operator.interruption, "check", check)
    environment.reset(seed=1)
    assert all(told == ["enter", "reset", "stop"] for told in polls)
    assert len(polls) >= 4
    assert Breakable.made.told == ["enter", "reset", "stop", "reset"]
    assert "Press Enter" in shown.getvalue()


def test_a_simulation_is_not_asked_for():
    robot = Breakable(TASK)
    robot.repeatable = True
    environment = RobotEnvironment(robot, TASK)
    attend_robot(environment, Console(file=StringIO()), pace=None)
    for _ in range(2):
        environment.reset(seed=0)
        environment.hold("the round is over")
    environment.close()
    assert robot.told == ["enter", "reset", "stop", "reset", "stop", "exit"]
