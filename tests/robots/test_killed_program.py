"""A program that is killed while it moves the arm: over sockets, in real time, against the emulated controller."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import moving_arm
from mereq.robots.emulator.cell import EmulatedCell
from mereq.robots.emulator.server import EmulatorServer
from mereq.tasks.arm.tasks import ARM_TASKS
from waiting import until


@pytest.mark.parametrize("termination", ["cnt", "noblend"])
def test_kill_9_in_motion(termination):
    """The tool goes on for 2 cm at most, and stands; the controller takes the next program."""
    cell = EmulatedCell(ARM_TASKS["bottle-pushing"], rate=0.1)
    cell.happen("unplug")  # no picture is rendered
    motion = cell.controller.motion
    with EmulatorServer(cell, port=0, session_port=0) as server:
        began = motion.tool
        program = subprocess.Popen([sys.executable, str(Path(moving_arm.__file__)), str(server.port), termination])
        try:
            until(lambda: motion.tool[0] - began[0] > 0.05 and motion.moves)
        finally:
            program.kill()
        at = motion.tool
        program.wait()
        until(lambda: not cell.controller.taken)
        until(lambda: not motion.moves)
        stood, tried = motion.tool, cell.time + 0.5
        assert 0.0 <= stood[0] - at[0] <= 0.02
        until(lambda: cell.time > tried)
        np.testing.assert_array_equal(motion.tool, stood)
        np.testing.assert_allclose(cell.plant.tool, stood, atol=1e-3)
