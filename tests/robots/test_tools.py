"""The other two tools through RMI: a gripper at the controller's outputs, and an eraser whose spring is its sensor."""

import numpy as np
import pytest

from arm_scripts import grasp, wipe
from mereq.core.errors import RobotLost
from mereq.robots import cell as cell_module
from mereq.robots.emulator.cell import OPENED, VALVE, EmulatedCell
from mereq.robots.emulator.in_process import InProcess, TrueSight, emulated_tracker
from mereq.robots.sight.detect import apriltag_detector
from mereq.robots.sight.pose import Intrinsics, Pose, quaternion_of, rotation_of, rotation_of_quaternion
from mereq.robots.sight.tracker import Layout, Tracker
from mereq.robots.workpieces import PILLOW_REGION, Board
from mereq.tasks.arm import erasing, pillow_grasping
from mereq.tasks.arm.tasks import ARM_TASKS

INTRINSICS = Intrinsics((600.0, 600.0), (320.0, 240.0), (640, 480))


def test_the_gripper_lifts_the_pillow_and_sets_it_down(monkeypatch):
    """It closes where the task says so, through an output; before the next episode it is opened near the table."""
    monkeypatch.setattr(cell_module, "RESET_SPEED", 0.4)
    lab = InProcess(ARM_TASKS["pillow-grasping"], sight=TrueSight)
    act, robot, plant = grasp(0.0), lab.robot, lab.emulated.plant
    outputs = lab.emulated.controller.outputs
    with robot:
        robot.reset(seed=0)
        closed = []
        for _ in range(100):
            _, _, _, over, info = robot.step(act(robot._measured)[0])
            closed.append(outputs[VALVE])
            if over:
                break
        assert closed[0] is False
        assert closed[-1] is True
        assert info["measurements"].pillow_height >= pillow_grasping.LIFTED
        assert plant.objects[4] - pillow_grasping.HALF[2] >= pillow_grasping.LIFTED - 0.002
        robot.reset(seed=1)
        assert outputs[VALVE] is False
        assert plant.objects[4] == pytest.approx(pillow_grasping.HALF[2], abs=0.003)
        lab.emulated.controller._inputs = lambda number: number != OPENED
        monkeypatch.setattr(cell_module, "PATIENCE", 2.0)
        with pytest.raises(RobotLost, match="gripper is not open: take off what it holds"):
            robot.reset(seed=2)


def test_a_lifted_and_tilted_pillow_is_where_it_is():
    """By the tags beside it, on rendered pictures; one that lies is known better."""
    cell = EmulatedCell(ARM_TASKS["pillow-grasping"], size=(1280, 720))
    detect, rng = apriltag_detector(), np.random.default_rng(0)
    for lift, tilt, within in ((0.0, 0.0, 0.0005), (0.03, 4.0, 0.003), (0.06, 8.0, 0.003)):
        start = pillow_grasping.begin(rng)
        pillow = cell.plant.data.qpos[8:15]
        turned = rotation_of(np.radians([0.0, tilt, 0.0])) @ rotation_of_quaternion(start.joints[5:9])
        pillow[:3], pillow[3:] = start.joints[2:5] + np.array([0.0, 0.0, lift]), quaternion_of(turned)
        tracker = emulated_tracker(cell, detect)
        tracker.see(cell.picture(), 0.0)
        found = tracker.sighting(0.0)
        assert np.linalg.norm(found.position - pillow[:3]) < within
        assert np.degrees(np.arccos(found.rotation[:, 2] @ turned[:, 2])) < 0.5
        assert (PILLOW_REGION.lacks(found, None) is None) == (tilt < 5.0)
    cell.close()


def test_the_spring_measures_the_force():
    """Within a tenth of the simulated contact's, once the tool rests on the board; cells are erased by it."""
    lab = InProcess(ARM_TASKS["erasing"], "noblend", sight=TrueSight)
    act, robot, plant = wipe(0.02), lab.robot, lab.emulated.plant
    with robot:
        robot.reset(seed=0)
        assert robot._measured.force[0] == 0.0
        measured, true, began = [], [], lab.clock.now()
        for k in range(40):
            lab.clock.sleep(0.02 if k < 20 else 0.0)  # a policy that takes time: steps keep their pace nevertheless
            _, _, _, _, info = robot.step(act(robot._measured)[0])
            measured.append(float(info["measurements"].force))
            true.append(erasing.STIFFNESS * plant.objects[0])
        assert lab.clock.now() - began == pytest.approx(4.0, abs=0.05)
        assert not lab.emulated.controller.outputs
    np.testing.assert_allclose(measured[15:], true[15:], rtol=0.1)
    assert min(measured[15:]) > erasing.ENOUGH
    assert info["measurements"].erased_fraction > 0.1


def test_the_board_may_lie_askew():
    """Heights are those above the touched plane."""
    board = Board([[0.4, -0.1, 0.010], [0.6, -0.1, 0.012], [0.5, 0.1, 0.015]], stiffness=100.0, travel=0.03)
    assert board.height(np.array([0.5, 0.1])) == pytest.approx(0.015)
    assert board.height(np.array([0.5, -0.1])) == pytest.approx(0.011)
    nothing = Tracker(Layout((), 0.0, None, None, {}), INTRINSICS, Pose(np.eye(3), np.zeros(3)), lambda grey: {})
    sensed = board.sense(np.array([0.5, 0.1, 0.005]), False, nothing, 0.0)
    assert sensed.physics.force[0, 2] == pytest.approx(1.0)
    assert sensed.physics.tool[0, 2] == pytest.approx(erasing.SURFACE - 0.010)
    assert board.sense(np.array([0.5, 0.1, 0.02]), False, nothing, 0.0).physics.force[0, 2] == 0.0
