"""Physics of the arm: effect of an action on tool and joints, contact forces, independence of threads."""

import sys
import threading
import time

import mujoco
import numpy as np
import pytest

from arm_scripts import grasp, play
from mereq.tasks.arm import bottle_pushing, erasing, kinematics, pillow_grasping
from mereq.tasks.arm.kinematics import JOINT_LIMITS, JOINT_SPEEDS, TOOL_DOWN
from mereq.tasks.arm.model import SUBSTEPS
from mereq.tasks.arm.world import LEASH, MUJOCO, PERIOD, ArmWorld, Start, warn_of_version
from waiting import HANG, until

MODULES = (bottle_pushing, erasing, pillow_grasping)
GRAVITY = 9.81


def starts_at(module, places):
    """Episodes that begin with the tool at `places`, the objects at the far end of the table."""
    start = module.begin(np.random.default_rng(0))
    joints = start.joints.copy()
    if module is bottle_pushing:
        joints[:2] = [0.4, 0.6]
    if module is pillow_grasping:
        joints[2:4] = [0.4, 0.6]
    return [Start(place, joints, start.goal) for place in places]


@pytest.mark.parametrize("module", MODULES)
def test_one_centimetre_is_one_centimetre(module):
    """Within 0.6 % once the tool moves steadily, within 4 % in the first step; the tool ends where it was sent."""
    low, high = module.SETUP.workspace.copy()
    if module is erasing:
        low[2] = erasing.SURFACE + 0.005
    corners = np.stack(np.meshgrid(*np.stack([low + 0.03, high - 0.03]).T), axis=-1).reshape(-1, 3)
    places = np.vstack([corners, (low + high)[None] / 2.0])
    world = ArmWorld(module.SETUP, len(places))
    grip = np.zeros((len(places), world.model.nu - 6))
    for direction in np.vstack([np.eye(3), -np.eye(3)]):
        actions = np.tile(direction, (len(places), 1))
        tips = [world.reset(starts_at(module, places)).tool]
        for _ in range(3):
            tips.append(world.step(actions, grip).tool)
        moved = np.diff(tips, axis=0) / 0.01
        np.testing.assert_allclose(moved[0], actions, atol=0.04)
        np.testing.assert_allclose(moved[2], actions, atol=0.006)
        for _ in range(3):
            last = world.step(0.0 * actions, grip).tool
        np.testing.assert_allclose(last, places + 0.03 * actions, atol=2e-5)


@pytest.mark.parametrize("module", MODULES)
def test_the_tool_stays_in_the_workspace(module):
    low, high = module.SETUP.workspace
    world = ArmWorld(module.SETUP, 8)
    grip = np.zeros((8, world.model.nu - 6))
    corners = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])
    world.reset(starts_at(module, np.tile((low + high) / 2.0, (8, 1))))
    for _ in range(60):
        tool = world.step(corners, grip).tool
        assert (tool > low - 0.002).all()
        assert (tool < high + 0.002).all()
    if module is not erasing:
        np.testing.assert_allclose(tool, np.where(corners > 0, high, low), atol=1e-3)


def test_actions_beyond_one_count_as_one():
    worlds = [ArmWorld(bottle_pushing.SETUP) for _ in range(2)]
    for world in worlds:
        world.reset(starts_at(bottle_pushing, np.array([[0.5, 0.0, 0.1]])))
    tools = [w.step(np.array([[a, 0.0, -a]]), np.zeros((1, 0))).tool for w, a in zip(worlds, (1.0, 7.0), strict=True)]
    np.testing.assert_array_equal(tools[0], tools[1])


def wander(module, n_steps=60, n_envs=6):
    """Random motion that runs into things, from the task's own starts: world, states after each step, all substeps."""
    world, rng = ArmWorld(module.SETUP, n_envs), np.random.default_rng(0)
    measured = module.measure(world.reset([module.begin(rng) for _ in range(n_envs)]), None)
    states, substeps = [[world.save(env) for env in range(n_envs)]], []
    for step in range(n_steps):
        if step % 15 == 0:
            drift = rng.uniform([-1.0, -1.0, -1.5], 1.0, (n_envs, 3))
        actions = np.clip(drift + rng.uniform(-0.5, 0.5, (n_envs, 3)), -1.0, 1.0)
        measured = module.measure(world.step(actions, module.TASK.grip(measured)), measured)
        states.append([world.save(env) for env in range(n_envs)])
        substeps.append(world._states.reshape(-1, world._states.shape[-1]).copy())
    return world, states, np.concatenate(substeps)


def joint_speeds(world, physics):
    """Velocities of the arm's joints [rad/s]: MuJoCo's state is time, positions, velocities."""
    return np.abs(physics[:, 1 + world.model.nq :][:, :6])


@pytest.mark.parametrize("module", MODULES)
def test_in_random_motion_the_joints_keep_their_limits_and_the_tool_points_down(module):
    """Within 0.4 degrees, in contact too, in every substep."""
    world, _, substeps = wander(module)
    assert len(substeps) == 60 * 6 * SUBSTEPS
    joints = substeps[:, 1:7]
    assert (joints > JOINT_LIMITS[:, 0]).all()
    assert (joints < JOINT_LIMITS[:, 1]).all()
    assert (joint_speeds(world, substeps) < JOINT_SPEEDS).all()
    for pose in joints:
        _, orientation, _, _ = kinematics.forward(pose, module.SETUP.tool.length)
        turned = np.arccos(np.clip((np.trace(orientation.T @ TOOL_DOWN) - 1.0) / 2.0, -1.0, 1.0))
        assert np.degrees(turned) < 0.4


@pytest.mark.parametrize("module", MODULES)
def test_joints_that_are_slow_are_not_hurried(monkeypatch, module):
    """A centimetre per step needs a tenth of the published speeds at most. With a hundredth of them the arm is late."""
    slow = JOINT_SPEEDS / 100.0
    monkeypatch.setattr(kinematics, "JOINT_SPEEDS", slow)
    world, states, substeps = wander(module, n_steps=30)
    sent = np.abs(np.diff([[state.reference[0] for state in step] for step in states], axis=0))
    assert (sent <= slow * PERIOD + 1e-12).all()
    assert np.isclose(sent, slow * PERIOD).any()
    assert (joint_speeds(world, substeps[SUBSTEPS - 1 :: SUBSTEPS]) / slow).max() < 1.1


def test_the_servos_give_their_torque_and_no_more():
    world = ArmWorld(bottle_pushing.SETUP)
    data = mujoco.MjData(world.model)
    for sign in (-1.0, 1.0):
        data.ctrl[:6] = sign * 100.0
        mujoco.mj_forward(world.model, data)
        np.testing.assert_array_equal(data.actuator_force[:6], sign * np.array([100, 100, 60, 12, 12, 8]))


def test_a_blocked_tool_presses_no_harder_with_time_and_comes_back_at_once():
    """Fingers pushed down onto a lying bottle: they are sent no further than the leash, and nothing winds up."""
    world, none = ArmWorld(bottle_pushing.SETUP), np.zeros((1, 0))
    lying = np.array([0.5, 0.0, bottle_pushing.RADIUS, np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0])
    world.reset([Start(np.array([0.45, 0.0, 0.15]), lying, np.zeros(2), 0.3)])
    down = [world.step(np.array([[0.0, 0.0, -1.0]]), none) for _ in range(40)]
    force = [np.linalg.norm(physics.force) for physics in down]
    assert 100.0 < force[12] < 300.0
    np.testing.assert_allclose(force[12:], force[12], rtol=0.05)
    assert down[-2].tool[0, 2] - world.save(0).target[0, 2] == pytest.approx(LEASH)
    for _ in range(3):
        up = world.step(np.array([[0.0, 0.0, 1.0]]), none)
    assert up.tool[0, 2] > down[-1].tool[0, 2] + 0.015
    assert not up.force.any()


def test_the_force_of_a_known_weight():
    """A pillow held still in the air weighs on the gripper with its weight, within 2 %."""
    masses = play(pillow_grasping, grasp(0.0), n_envs=4).last
    world = ArmWorld(pillow_grasping.SETUP)
    weight = world.model.body_subtreemass[world.model.body("pillow").id] * GRAVITY
    assert masses.pillow_height.min() > 0.05
    np.testing.assert_allclose(masses.force[:, 2], weight, rtol=0.02)


@pytest.mark.parametrize("depth", [0.005, 0.01, 0.02])
def test_the_force_of_a_known_spring(depth):
    """At rest the felt presses with what the spring's compression says, within 2 %."""
    world = ArmWorld(erasing.SETUP)
    start = Start(np.array([*erasing.CENTRE, erasing.SURFACE]), np.zeros(1), np.zeros(0))
    measured = erasing.measure(world.reset([start]), None)
    for _ in range(30):
        down = np.clip((erasing.SURFACE - depth - measured.tip[:, 2:]) / 0.01, -1.0, 1.0)
        action = np.hstack([np.zeros((1, 2)), np.where(np.abs(down) < 1e-3, 0.0, down)])
        measured = erasing.measure(world.step(action, np.zeros((1, 0))), measured)
    stiffness = world.model.jnt_stiffness[6].item()
    np.testing.assert_allclose(measured.force, stiffness * measured.spring, rtol=0.02)
    np.testing.assert_allclose(measured.spring + measured.distance, depth, atol=1e-4)
    assert 0.7 * depth < measured.spring < depth  # the rest is the felt's own give


@pytest.mark.parametrize("module", MODULES)
def test_threads_change_nothing(module):
    n_envs = 5
    runs = []
    for threads in (1, 2, 3):
        world = ArmWorld(module.SETUP, n_envs, threads)
        measured = module.measure(world.reset([module.begin(np.random.default_rng(i)) for i in range(n_envs)]), None)
        rng = np.random.default_rng(9)
        for _ in range(40):
            action = rng.uniform([-0.7, -1.0, -1.5], [1.3, 1.0, 0.5], (n_envs, 3))
            measured = module.measure(world.step(action, module.TASK.grip(measured)), measured)
        runs.append((measured, [world.positions(i) for i in range(n_envs)]))
    assert runs[0][0] == runs[1][0] == runs[2][0]
    np.testing.assert_array_equal(runs[0][1], runs[1][1])
    np.testing.assert_array_equal(runs[0][1], runs[2][1])


def test_python_goes_on_beside_the_physics(monkeypatch):
    """Outside the GIL: another thread counts during the physics of a step, while no thread must hand the GIL on."""
    world = ArmWorld(bottle_pushing.SETUP, 64, threads=1)
    rng, enough, counts, rollout = np.random.default_rng(0), threading.Event(), [], world._rollout.rollout
    world.reset([bottle_pushing.begin(rng) for _ in range(64)])
    looks = 0

    def look():
        nonlocal looks
        while not enough.is_set():
            looks += 1
            time.sleep(0.0001)  # without the GIL

    def watched(*args, **how):
        before = looks
        rollout(*args, **how)
        counts.append(looks - before)

    monkeypatch.setattr(world._rollout, "rollout", watched)
    interval = sys.getswitchinterval()
    thread = threading.Thread(target=look)
    thread.start()
    try:
        sys.setswitchinterval(HANG)
        until(lambda: world.step(np.zeros((64, 3)), np.zeros((64, 0))) and max(counts) > 2)
    finally:
        sys.setswitchinterval(interval)
        enough.set()
        thread.join()


def test_impossible_numbers_are_refused():
    with pytest.raises(ValueError, match="at least 1 environment"):
        ArmWorld(erasing.SETUP, 0)
    with pytest.raises(ValueError, match="at least 1 environment and 1 thread, got 2 and 0"):
        ArmWorld(erasing.SETUP, 2, 0)


def test_another_mujoco_is_warned_of(caplog):
    """The arm's numbers are those of one version; packages beside may need another."""
    warn_of_version(MUJOCO)
    assert not caplog.records
    warn_of_version("3.3.7")
    assert "MuJoCo 3.3.7 is installed" in caplog.text
