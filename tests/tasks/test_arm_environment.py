"""The arm's Gymnasium environments and its simulator: the contract, the reward, equal numbers, pictures."""

import dataclasses

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from arm_scripts import Scripted, grasp, push
from mereq.core.seeding import seed_for
from mereq.tasks import arm
from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping
from mereq.tasks.arm.definition import N_STEPS, OBS_LIMIT
from mereq.tasks.arm.drawing import draw
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.arm.simulator import ArmSimulator

MODULES = {"bottle-pushing": bottle_pushing, "erasing": erasing, "pillow-grasping": pillow_grasping}
EVERY_TASK = pytest.mark.parametrize("name", MODULES)


@EVERY_TASK
def test_check_env_is_clean(name):
    arm.register()
    check_env(gymnasium.make(arm.ENV_IDS[name], render_mode="rgb_array").unwrapped)


@EVERY_TASK
def test_the_registered_environment_takes_a_theta(name):
    """Its reward is that theta . features; by default the prior's, whose theta other tests look at."""
    module, theta = MODULES[name], np.array([0.3, -2.0, 0.7, 1.1])
    env = gymnasium.make(arm.ENV_IDS[name], theta=theta)
    env.reset(seed=1)
    _, reward, _, _, info = env.step(np.array([0.5, 0.0, -0.5], np.float32))
    assert reward == pytest.approx(float(info["features"] @ theta))
    assert env.unwrapped.task is module.TASK
    assert "arm.tasks:make" in gymnasium.make(arm.ENV_IDS[name]).spec.to_json()  # as data, without callables


@pytest.mark.parametrize("task", [arm.BOTTLE_PUSHING, arm.ERASING, arm.PILLOW_GRASPING], ids=lambda task: task.name)
def test_a_task_is_what_algorithm_1_wants(task):
    """What it says of itself is what its environment and its simulator give."""
    env, simulator = task.make(), task.simulate(2)
    obs, info = env.reset(seed=0)
    assert task.name in arm.ENV_IDS
    assert obs.shape == (task.obs_size,)
    assert info["features"].shape == (len(task.feature_names),)
    assert simulator.reset(0).shape == (2, task.obs_size)
    assert simulator.step(task.actions.uniform(np.random.default_rng(0), 2)).features.shape == (2, 4)


@EVERY_TASK
def test_the_module_describes_its_task(name):
    module = MODULES[name]
    env = ArmEnv(module.TASK)
    obs, info = env.reset(seed=1)
    assert module.TASK.name == name
    assert obs.shape == (module.OBS_SIZE,)
    assert obs.dtype == np.float32
    assert info["features"].shape == (len(module.FEATURE_NAMES),) == module.THETA_PRIOR.shape
    assert isinstance(info["measurements"], module.Measurements)
    assert dataclasses.is_dataclass(info["measurements"])
    assert info["measurements"].step == 0


@EVERY_TASK
def test_the_reward_is_theta_times_features_and_100_steps_truncate(name):
    module = MODULES[name]
    prior, expert = ArmEnv(module.TASK), ArmEnv(module.TASK, theta=module.THETA_EXPERT)
    for env in (prior, expert):
        env.reset(seed=4)
    action = np.array([0.4, 0.1, -0.3])
    for step in range(1, N_STEPS + 1):
        _, reward, terminated, truncated, info = prior.step(action)
        _, expert_reward, *_ = expert.step(action)
        assert reward == pytest.approx(float(info["features"] @ module.THETA_PRIOR))
        assert expert_reward == pytest.approx(float(info["features"] @ module.THETA_EXPERT))
        assert not terminated
        assert truncated == (step == N_STEPS)
        assert info["measurements"].step == step


@EVERY_TASK
def test_the_simulator_has_the_numbers_of_single_environments_bit_for_bit(name):
    module, n_envs, seed = MODULES[name], 3, 7
    simulator = ArmSimulator(module.TASK, n_envs, threads=2)
    envs: list[ArmEnv] = [ArmEnv(module.TASK) for _ in range(n_envs)]
    obs = simulator.reset(seed)
    for i, env in enumerate(envs):
        np.testing.assert_array_equal(obs[i], env.reset(seed=seed_for(seed, "env", i))[0])
    rng = np.random.default_rng(0)
    for _ in range(N_STEPS + 5):  # on into the next episode
        actions = rng.uniform(-1.0, 1.0, (n_envs, 3)).astype(np.float32)
        step = simulator.step(actions)
        for i, env in enumerate(envs):
            single_obs, _, terminated, truncated, info = env.step(actions[i])
            np.testing.assert_array_equal(step.next_obs[i], single_obs)
            np.testing.assert_array_equal(step.features[i], info["features"])
            assert (terminated, truncated) == (step.terminated[i], step.truncated[i])
            if truncated:
                single_obs, _ = env.reset()
            np.testing.assert_array_equal(step.obs[i], single_obs)


def until_truncated(env, script, seed):
    """The measurements of an episode, the start's first."""
    obs, info = env.reset(seed=seed)
    policy, seen, truncated = Scripted(env, script), [info["measurements"]], False
    while not truncated:
        obs, _, terminated, truncated, info = env.step(policy.distribution(obs[None]).mode()[0])
        assert not terminated
        seen.append(info["measurements"])
    return seen


ENDINGS = [
    (pillow_grasping, grasp(0.0), lambda seen: [m.pillow_height >= 0.05 for m in seen]),
    (bottle_pushing, push(0.16), lambda seen: [m.toppled for m in seen]),
    (bottle_pushing, push(0.02), lambda seen: [m.arrived >= 10 for m in seen]),
]


@pytest.mark.parametrize(("module", "script", "settled"), ENDINGS, ids=["lifted", "toppled", "at the goal"])
def test_only_a_supervised_episode_ends_when_nothing_is_left_to_watch(module, script, settled):
    """It is truncated there; without supervision it continues to the 100th step, equal until then."""
    supervised = until_truncated(ArmEnv(module.TASK, ends=module.TASK.over), script, seed=0)
    alone = until_truncated(ArmEnv(module.TASK), script, seed=0)
    assert len(supervised) - 1 < 60 < len(alone) - 1 == N_STEPS
    np.testing.assert_array_equal(settled(supervised), [False] * (len(supervised) - 1) + [True])
    assert supervised == alone[: len(supervised)]


def test_ten_steps_in_a_row_at_the_goal_are_counted():
    """A bottle that is pushed out of it again has to come back for ten more."""
    seen = until_truncated(ArmEnv(bottle_pushing.TASK), push(0.02), seed=0)
    there = [bool(m.bottle_to_goal < 0.03 and not m.toppled) for m in seen]
    expected, count = [], 0
    for here in there:
        count = count + 1 if here else 0
        expected.append(count)
    assert [int(m.arrived) for m in seen] == expected
    assert max(expected) > 10


@EVERY_TASK
def test_equal_seeds_are_equal_and_others_are_not(name):
    simulator = ArmSimulator(MODULES[name].TASK, 2)
    first, again, other = simulator.reset(1), simulator.reset(1), simulator.reset(2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first[0], first[1])


@EVERY_TASK
def test_random_actions_fling_nothing_away(name):
    """A short form of benchmarks/reliability/arm_soak.py."""
    module = MODULES[name]
    simulator = ArmSimulator(module.TASK, 8)
    simulator.reset(0)
    rng = np.random.default_rng(1)
    drift = rng.uniform(-0.7, 0.7, (8, 3))
    for step in range(3 * N_STEPS):
        if step % 20 == 0:
            drift = rng.uniform(-0.7, 0.7, (8, 3)) - [0.0, 0.0, 0.2]
        result = simulator.step(np.clip(drift + rng.uniform(-0.5, 0.5, (8, 3)), -1.0, 1.0))
        assert np.isfinite(result.next_obs).all()
        assert (np.abs(result.next_obs) <= OBS_LIMIT).all()
        assert ((result.features >= 0.0) & (result.features <= 1.0)).all()
        measured = simulator.measured
        thing = getattr(measured, "bottle", getattr(measured, "pillow", measured.tip))
        assert (np.abs(thing - [0.5, 0.0, 0.2]) < 0.8).all()


@EVERY_TASK
def test_observations_are_of_about_unit_scale(name):
    simulator = ArmSimulator(MODULES[name].TASK, 8)
    seen = [simulator.reset(0)]
    rng = np.random.default_rng(1)
    for _ in range(N_STEPS):
        seen.append(simulator.step(rng.uniform(-1.0, 1.0, (8, 3))).next_obs)
    assert np.sqrt(np.mean(np.square(seen))) < 2.0


@EVERY_TASK
def test_a_picture_without_gl_shows_what_moves(name):
    env = ArmEnv(MODULES[name].TASK, render_mode="rgb_array")
    env.reset(seed=3)
    before = env.render()
    assert before is not None
    assert before.shape == (360, 480, 3)
    for _ in range(8):
        env.step(np.array([1.0, 0.0, -1.0]))
    changed = (env.render() != before).any(axis=2).mean()
    assert 0.01 < changed < 0.5
    env.caption = "step 8"
    assert (env.render()[:40, :120] != before[:40, :120]).any()


def test_without_a_render_mode_there_is_no_picture_and_others_are_refused():
    env = ArmEnv(erasing.TASK)
    env.reset(seed=0)
    assert env.render() is None
    with pytest.raises(ValueError, match="allowed is None or 'rgb_array'"):
        ArmEnv(erasing.TASK, render_mode="human")
    with pytest.raises(ValueError, match="at least 16 pixels"):
        draw(env.scene(), size=(8, 8))


def test_a_scene_is_plain_data_with_the_marker_that_is_left():
    env = ArmEnv(erasing.TASK)
    env.reset(seed=0)
    scene = env.scene()
    assert set(scene.shapes) <= {"sphere", "capsule", "ellipsoid", "cylinder", "box"}
    assert (scene.colours[-len(erasing.CELLS) :, 3] == 1.0).all()
    assert len(scene.shapes) == len(scene.sizes) == len(scene.positions) == len(scene.layers)
    for orientation in scene.orientations:
        np.testing.assert_allclose(orientation @ orientation.T, np.eye(3), atol=1e-9)
