"""The arm's kinematic chain against an independent product of exponentials, and its reachable workspace."""

import mujoco
import numpy as np
import pytest
from scipy.linalg import expm

from mereq.tasks.arm import bottle_pushing, erasing, kinematics, pillow_grasping
from mereq.tasks.arm.kinematics import JOINT_LIMITS, TOOL_DOWN

REACH = 0.911  # published, of the wrist's centre from the axis of J1 [m]

MODULES = (bottle_pushing, erasing, pillow_grasping)

# The published table, typed once more: origin of each joint in the one before [m], axis, limits [deg].
CHAIN = (
    ((0.0, 0.0, 0.330), (0, 0, 1), (-170, 170)),
    ((0.050, 0.0, 0.0), (0, 1, 0), (-100, 145)),
    ((0.0, 0.0, 0.440), (0, -1, 0), (-70, 213)),
    ((0.0, 0.0, 0.035), (-1, 0, 0), (-190, 190)),
    ((0.420, 0.0, 0.0), (0, -1, 0), (-125, 125)),
    ((0.080, 0.0, 0.0), (-1, 0, 0), (-360, 360)),
)


def by_exponentials(q, tool):
    """Pose of the tool centre (4, 4): product of exponentials of the joints' screws at q = 0."""
    pose, place = np.eye(4), np.zeros(3)
    for (origin, axis, _), angle in zip(CHAIN, q, strict=True):
        place = place + origin
        x, y, z = axis
        twist = np.zeros((4, 4))
        twist[:3, :3] = [[0, -z, y], [z, 0, -x], [-y, x, 0]]
        twist[:3, 3] = -np.cross(axis, place)
        pose = pose @ expm(twist * angle)
    at_zero = np.eye(4)
    at_zero[:3, 3] = place + tool * np.array([1.0, 0.0, 0.0])
    return pose @ at_zero


def random_joints(n):
    return np.random.default_rng(0).uniform(JOINT_LIMITS[:, 0], JOINT_LIMITS[:, 1], (n, 6))


def test_limits_are_the_published_ones():
    np.testing.assert_allclose(np.degrees(JOINT_LIMITS), [limits for _, _, limits in CHAIN])


@pytest.mark.parametrize("module", MODULES)
def test_forward_kinematics_is_the_published_chain_in_numba_and_in_mujoco(module):
    tool = module.SETUP.tool.length
    model = module.SETUP.spec().compile()
    data = mujoco.MjData(model)
    flange = model.body("link6").id
    for q in random_joints(50):
        expected = by_exponentials(q, tool)
        position, orientation, _, _ = kinematics.forward(q, tool)
        np.testing.assert_allclose(position, expected[:3, 3], atol=1e-9)
        np.testing.assert_allclose(orientation, expected[:3, :3], atol=1e-9)
        data.qpos[:6] = q
        mujoco.mj_kinematics(model, data)
        rotation = data.xmat[flange].reshape(3, 3)
        np.testing.assert_allclose(data.xpos[flange] + rotation @ [tool, 0, 0], expected[:3, 3], atol=1e-9)
        np.testing.assert_allclose(rotation, expected[:3, :3], atol=1e-9)


@pytest.mark.parametrize("module", MODULES)
def test_limits_reach_and_mass_of_the_model(module):
    model = module.SETUP.spec().compile()
    np.testing.assert_allclose(model.jnt_range[:6], JOINT_LIMITS)
    arm = model.body_subtreemass[model.body("base").id] - model.body_subtreemass[model.body("tool_mount").id]
    assert arm == pytest.approx(27.0, abs=0.5)


def test_the_wrist_reaches_911_mm():
    """From the axis of J1, with the forearm stretched: its slope makes up for the offset of J4."""
    stretched = np.array([0.0, np.pi / 2.0, np.arctan2(0.420, 0.035), 0.0, 0.0, 0.0])
    best = 0.0
    for bend in np.linspace(-0.2, 0.2, 2001):
        q = stretched + bend * np.eye(6)[2]
        wrist = kinematics.forward(q, 0.0)[2][4]  # where J5 is
        best = max(best, float(np.hypot(wrist[0], wrist[1])))
    assert best == pytest.approx(REACH, abs=5e-4)
    assert 0.050 + 0.440 + np.hypot(0.420, 0.035) == pytest.approx(REACH, abs=5e-4)


@pytest.mark.parametrize("module", MODULES)
def test_every_place_of_the_workspace_is_within_the_joint_limits(module):
    low, high = module.SETUP.workspace
    tool = module.SETUP.tool.length
    for place in np.stack(np.meshgrid(*np.linspace(low, high, 6).T), axis=-1).reshape(-1, 3):
        q = kinematics.pose(place, tool)
        position, orientation, _, _ = kinematics.forward(q, tool)
        np.testing.assert_allclose(position, place, atol=1e-8)
        np.testing.assert_allclose(orientation, TOOL_DOWN, atol=1e-6)
        margin = np.minimum(q - JOINT_LIMITS[:, 0], JOINT_LIMITS[:, 1] - q)
        assert margin.min() > np.radians(5.0)


def test_a_step_too_long_for_a_joint_is_shortened_as_a_whole():
    q = kinematics.pose(np.array([0.5, 0.0, 0.1]), 0.2)
    largest = np.full(6, 0.01)
    free = kinematics.towards(q, np.array([0.5, 0.05, 0.15]), 0.2, np.full(6, 10.0)) - q
    held = kinematics.towards(q, np.array([0.5, 0.05, 0.15]), 0.2, largest) - q
    assert np.abs(held).max() == pytest.approx(0.01)
    np.testing.assert_allclose(held / np.abs(held).max(), free / np.abs(free).max(), atol=1e-9)


def test_out_of_reach_the_joints_stay_at_their_limits():
    q = np.zeros(6)
    for _ in range(300):
        q = kinematics.towards(q, np.array([0.0, 0.0, -0.5]), 0.2, np.full(6, 0.3))
        assert (q >= JOINT_LIMITS[:, 0]).all()
        assert (q <= JOINT_LIMITS[:, 1]).all()
