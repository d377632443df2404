"""The simulations that represent a real robot differ from the nominal ones in the stated numbers only."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

from arm_scripts import grasp, play
from mereq.core.errors import WrongRobot
from mereq.core.robot import Robot
from mereq.presets.definition import TaskDefinition
from mereq.presets.perturbed import ARM_DELAY, ARM_FRICTION, ARM_MASS, ARM_NOISE, ROAD, ROAD_NOISE
from mereq.presets.registry import TASKS
from mereq.runs.robots import PERTURBED, find_driver
from mereq.tasks import corridor
from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.arm.tasks import ARM_TASKS
from mereq.tasks.arm.world import ArmWorld, Start
from mereq.tasks.corridor import FORWARD, WAIT, Corridor
from mereq.tasks.highway.environment import HighwayEnv
from mereq.tasks.perturbed import Disturbance, Perturbed

GRAVITY = 9.81
ARMS = pytest.mark.parametrize("name", ARM_TASKS)
QUIET = np.zeros(12)


def perturbed(name: str) -> Perturbed:
    make = TASKS[name].perturbed
    assert make is not None
    return make()


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")  # it is meant to be
@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_one(name):
    """It is a robot and a clean Gymnasium environment, with the task's own observations and features."""
    task = TASKS[name].task
    robot = perturbed(name)
    assert isinstance(robot, Robot)
    assert robot.repeatable
    check_env(robot, skip_render_check=True)
    obs, _ = robot.reset(seed=0)
    _, _, _, _, info = robot.step(robot.action_space.sample())
    assert obs.shape == (task.obs_size,)
    assert info["features"].shape == (len(task.feature_names),)


def test_a_task_of_ones_own_has_none():
    with pytest.raises(WrongRobot, match="corridor has no perturbed simulation"):
        find_driver(PERTURBED, TaskDefinition(task=corridor.TASK))


@given(st.integers(0, 4), st.lists(st.integers(0, 2), min_size=1, max_size=15), st.integers(0, 2**31))
def test_an_action_comes_late_by_so_many_steps(delay, actions, seed):
    """What happens is what happens without a delay, to the same actions after `delay` steps of waiting."""
    late = Perturbed(Corridor(), Disturbance(delay, WAIT, QUIET))
    direct = Corridor()
    assert np.array_equal(late.reset(seed=seed)[0], direct.reset(seed=seed)[0])
    for action in [*[WAIT] * delay, *actions][: len(actions)]:
        expected, one = direct.step(action), late.step(actions.pop(0))
        assert np.array_equal(one[0], expected[0])
        assert one[2:4] == expected[2:4]
        assert np.array_equal(one[4]["features"], expected[4]["features"])
        if one[2]:
            break


def test_the_arm_is_late_by_exactly_one_step():
    robot = perturbed("bottle-pushing")
    robot.reset(seed=1)
    forth, rest = np.array([1.0, 0.0, 0.0], np.float32), np.zeros(3, np.float32)
    moved = [robot.step(action)[4]["measurements"].tip_moved[0] for action in (forth, rest, rest)]
    assert ARM_DELAY == 1
    assert abs(moved[0]) < 1e-4
    assert moved[1] == pytest.approx(0.01, rel=0.1)
    assert abs(moved[2]) < 1e-3


def errors(name, seed=5, steps=100):
    """What the sensors got wrong, step by step, where no limit cuts it off."""
    robot, exact = perturbed(name), []
    inner = robot.env.step
    robot.env.step = lambda action: exact.append(inner(action)) or exact[-1]
    robot.reset(seed=seed)
    wrong = []
    for _ in range(steps):
        obs, _, terminated, _, _ = robot.step(robot.unwrapped.action_space.sample() * 0)
        free = (np.abs(exact[-1][0]) > 1e-9) & (np.abs(exact[-1][0]) < 0.9)
        wrong.append(np.where(free, obs - exact[-1][0], np.nan))
        if terminated:
            break
    return np.array(wrong)


@ARMS
def test_the_arm_sees_with_the_stated_noise(name):
    wrong = errors(name)
    wrong = wrong[np.isfinite(wrong)]
    assert len(wrong) > 300
    assert wrong.std() == pytest.approx(ARM_NOISE, rel=0.15)
    assert abs(wrong.mean()) < 4 * ARM_NOISE / np.sqrt(len(wrong))


def test_the_car_sees_with_the_stated_noise():
    """Each quantity with its own, and always rightly who is there."""
    wrong = np.concatenate([errors("highway", seed).reshape(-1, 5) for seed in range(6)])
    assert not np.nansum(np.abs(wrong[:, 0]))
    for column in (1, 2, 3):
        seen = wrong[np.isfinite(wrong[:, column]), column]
        assert len(seen) > 100
        assert seen.std() == pytest.approx(ROAD_NOISE[column], rel=0.25)


@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_noise_is_a_function_of_the_seed(seed, other):
    def seen(seed):
        robot = Perturbed(Corridor(), Disturbance(0, WAIT, np.full(12, 0.1)))
        robot.reset(seed=other)  # whatever was before
        return np.array([robot.reset(seed=seed)[0], *[robot.step(FORWARD)[0] for _ in range(3)]])

    np.testing.assert_array_equal(seen(seed), seen(seed))
    assert seed == other or not np.array_equal(seen(seed), seen(other))


def test_impossible_disturbances_are_refused():
    for delay, noise in ((-1, QUIET), (0, -1 - QUIET), (0, QUIET + np.nan)):
        with pytest.raises(ValueError, match="delay >= 0 and noise >= 0"):
            Disturbance(delay, WAIT, noise)


@ARMS
def test_the_same_actions_lead_elsewhere(name):
    """Measurements of the physics alone, without delay and noise; of an untouched pillow, how far its weight sinks."""
    nominal, other = ArmEnv(ARM_TASKS[name]), ArmEnv(perturbed(name).unwrapped.task)
    assert np.array_equal(nominal.reset(seed=2)[0], other.reset(seed=2)[0])
    actions = np.random.default_rng(0).uniform([0.0, -0.5, -1.0], [1.0, 0.5, 0.2], (60, 3))
    seen = [[vars(env.step(action)[-1]["measurements"]) for action in actions] for env in (nominal, other)]
    quantity = "cushions" if name == "pillow-grasping" else "force"
    usual, others = (np.array([measured[quantity] for measured in steps]) for steps in seen)
    assert np.abs(others - usual).max() > 0.05 * np.abs(usual).max() > 0.0


def test_other_traffic():
    """As much of the road is full, and more densely; the ego starts as it does."""
    nominal, other = HighwayEnv(), perturbed("highway").unwrapped
    gaps = []
    for env in (nominal, other):
        per_seed = []
        for seed in range(10):
            env.reset(seed=seed)
            per_seed.append(np.diff(np.sort(env.engine.state.x[0])).mean())
        gaps.append(np.mean(per_seed))
    assert gaps[1] / gaps[0] == pytest.approx(1 / ROAD.density, rel=0.03)
    assert ROAD.vehicles / ROAD.density == pytest.approx(nominal.engine.config.vehicles, rel=0.1)


def setups(module):
    return [(1.0, 1.0, module.TASK), (ARM_FRICTION, ARM_MASS, perturbed(module.TASK.name).unwrapped.task)]


def test_a_bottle_is_pushed_against_the_friction_of_its_weight():
    """Slowly and low: the force of the fingers is friction times weight, within 15 % (they also press it down)."""
    for friction, mass, task in setups(bottle_pushing):
        world = ArmWorld(task.setup)
        joints = np.array([0.45, 0.0, bottle_pushing.CENTRE, 1.0, 0.0, 0.0, 0.0])
        physics = world.reset([Start(np.array([0.39, 0.0, 0.03]), joints, np.zeros(2), 0.3)])
        forces = []
        for _ in range(50):
            physics = world.step(np.array([[0.3, 0.0, 0.0]]), np.zeros((1, 0)))
            forces.append(np.linalg.norm(physics.force[0, :2]))
        weight = ArmWorld(bottle_pushing.SETUP).model.body("bottle").mass[0] * mass * GRAVITY
        assert np.mean(forces[-20:]) == pytest.approx(0.3 * friction * weight, rel=0.15)


def test_a_pillow_weighs_more():
    held = [
        play(SimpleNamespace(TASK=task), grasp(0.0), n_envs=2).last.force[:, 2]
        for _, _, task in setups(pillow_grasping)
    ]
    np.testing.assert_allclose(held[1] / held[0], ARM_MASS, rtol=0.03)


def test_the_eraser_weighs_on_the_board():
    """By what the controller does not know of."""
    for _, mass, task in setups(erasing):
        world = ArmWorld(task.setup)
        start = Start(np.array([*erasing.CENTRE, erasing.SURFACE]), np.zeros(1), np.zeros(0))
        measured = erasing.measure(world.reset([start]), None)
        for _ in range(30):
            down = np.clip((erasing.SURFACE - 0.015 - measured.tip[:, 2:]) / 0.01, -1.0, 1.0)
            action = np.hstack([np.zeros((1, 2)), np.where(np.abs(down) < 1e-3, 0.0, down)])
            measured = erasing.measure(world.step(action, np.zeros((1, 0))), measured)
        spring = world.model.jnt_stiffness[6].item() * measured.spring
        pad = ArmWorld(erasing.SETUP).model.body("tool").mass[0]
        np.testing.assert_allclose(measured.force - spring, (mass - 1.0) * pad * GRAVITY, atol=0.03)


def test_a_factor_of_one_changes_nothing():
    nominal, same = ArmWorld(erasing.SETUP).model, ArmWorld(replace(erasing.SETUP, friction=1.0, mass=1.0)).model
    np.testing.assert_array_equal(nominal.geom_friction, same.geom_friction)
    np.testing.assert_array_equal(nominal.body_mass, same.body_mass)
