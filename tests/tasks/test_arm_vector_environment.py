"""n arms as one Gymnasium vector environment: the numbers of n single ones, and what it refuses."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics

from equal_infos import assert_equal_infos
from mereq.core.errors import WrongAction
from mereq.tasks import arm
from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping
from mereq.tasks.arm.definition import N_STEPS
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.arm.vector_environment import ArmVectorEnv

MODULES = {"bottle-pushing": bottle_pushing, "erasing": erasing, "pillow-grasping": pillow_grasping}
EVERY_TASK = pytest.mark.parametrize("name", MODULES)


class PlainInfo(gymnasium.Wrapper):
    """Measurements as a dictionary, which Gymnasium knows how to batch."""

    def reset(self, **options):
        obs, info = self.env.reset(**options)
        return obs, self.plain(info)

    def step(self, action):
        *others, info = self.env.step(action)
        return *others, self.plain(info)

    def plain(self, info):
        return {**info, "measurements": vars(info["measurements"])}


def below_or_late(measured):
    """An ending that comes to one environment sooner than to the other."""
    return (measured.tip[:, 2] < 0.03) | (measured.step >= 25)


def downwards(rng, n_envs):
    return np.clip(rng.uniform(-1.0, 1.0, (n_envs, 3)) - [0.0, 0.0, 0.3], -1.0, 1.0).astype(np.float32)


@EVERY_TASK
def test_it_is_registered_for_vectors(name):
    single, vector = gymnasium.make(arm.ENV_IDS[name]), gymnasium.make_vec(arm.ENV_IDS[name], num_envs=3)
    assert isinstance(vector, ArmVectorEnv)
    assert vector.task is MODULES[name].TASK
    obs, _ = vector.reset(seed=7)
    for env in range(3):
        np.testing.assert_array_equal(obs[env], single.reset(seed=7 + env)[0])
    theta = np.array([0.3, -2.0, 0.7, 1.1])
    assert gymnasium.make_vec(arm.ENV_IDS[name], theta=theta).reward.theta is theta


@EVERY_TASK
def test_the_numbers_are_those_of_single_environments_bit_for_bit(name):
    task, n_envs, theta = MODULES[name].TASK, 3, np.array([0.3, -2.0, 0.7, 1.1])
    ours = ArmVectorEnv(task, n_envs, theta=theta, ends=below_or_late)
    theirs = SyncVectorEnv(
        [lambda: PlainInfo(ArmEnv(task, theta=theta, ends=below_or_late))] * n_envs,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    assert ours.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    (our_obs, our_infos), (their_obs, their_infos) = ours.reset(seed=11), theirs.reset(seed=11)
    rng = np.random.default_rng(1)
    ended = []
    for _ in range(60):
        np.testing.assert_array_equal(our_obs, their_obs)
        assert ours.observation_space.contains(our_obs)
        assert_equal_infos(our_infos, their_infos)
        actions = downwards(rng, n_envs)
        our_obs, *our_outcome, our_infos = ours.step(actions)
        their_obs, *their_outcome, their_infos = theirs.step(actions)
        np.testing.assert_array_equal(our_outcome, their_outcome)
        ended.append(our_outcome[2])
    assert np.sum(ended) > 5
    assert any(some.any() and not some.all() for some in ended)


def test_episodes_have_100_steps():
    env = ArmVectorEnv(erasing.TASK, 2)
    env.reset(seed=0)
    for step in range(1, N_STEPS + 1):
        _, _, terminated, truncated, infos = env.step(np.zeros((2, 3)))
        np.testing.assert_array_equal(truncated, [step == N_STEPS] * 2)
        assert not terminated.any()
    np.testing.assert_array_equal(infos["final_info"]["measurements"]["step"], [N_STEPS] * 2)
    np.testing.assert_array_equal(infos["measurements"]["step"], [0, 0])


def test_a_reset_can_be_masked_and_seeded_one_by_one():
    env = ArmVectorEnv(bottle_pushing.TASK, 3)
    start, _ = env.reset(seed=[4, 5, 6])
    moved, *_ = env.step(np.ones((3, 3)))
    mask = np.array([False, True, True])
    obs, infos = env.reset(seed=[1, 5, None], options={"reset_mask": mask})
    np.testing.assert_array_equal(obs[0], moved[0])
    np.testing.assert_array_equal(obs[1], start[1])
    assert not np.array_equal(obs[2], start[2])
    np.testing.assert_array_equal(infos["_features"], mask)
    np.testing.assert_array_equal(infos["measurements"]["_goal"], mask)
    np.testing.assert_array_equal(infos["measurements"]["goal"][0], np.zeros(2))
    np.testing.assert_array_equal(env.reset(options={"reset_mask": np.zeros(3, bool)})[0], obs)
    assert not np.array_equal(env.reset()[0], obs)


def test_without_a_seed_no_two_environments_begin_alike():
    starts = [ArmVectorEnv(erasing.TASK, 2).reset()[0] for _ in range(2)]
    assert len({obs.tobytes() for start in starts for obs in start}) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": [1, 2]}, "2 seeds were given; allowed is one for each of 3 environments"),
        ({"options": {"reset_mask": np.ones(2, bool)}}, r"has shape \(2,\) and type bool; allowed is shape \(3,\)"),
        ({"options": {"reset_mask": [0, 1, 1]}}, "type int64; allowed is shape .* and type bool"),
    ],
)
def test_a_reset_that_does_not_fit_is_refused(options, message):
    env = ArmVectorEnv(erasing.TASK, 3)
    with pytest.raises(ValueError, match=message):
        env.reset(**options)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_action_that_is_not_finite_is_refused_and_nothing_moves(bad):
    single, vector = ArmEnv(erasing.TASK), ArmVectorEnv(erasing.TASK, 3)
    for env in (single, vector):
        env.reset(seed=1)
    actions = np.zeros((3, 3))
    actions[2, 1] = bad
    with pytest.raises(WrongAction, match=rf"environment 2 is \[0.0, {bad}, 0.0\]; allowed are finite numbers"):
        vector.step(actions)
    with pytest.raises(WrongAction, match=r"environment 0 is .*, from -1 to 1 \[cm\]"):
        single.step(actions[2])
    good = np.full((3, 3), 0.5)
    unharmed = ArmVectorEnv(erasing.TASK, 3)
    unharmed.reset(seed=1)
    obs = vector.step(good)[0]
    np.testing.assert_array_equal(obs, unharmed.step(good)[0])
    np.testing.assert_array_equal(obs[0], single.step(good[0])[0])


@pytest.mark.parametrize("shape", [(3,), (3, 1), (2, 3), (3, 3, 1)])
def test_one_action_for_all_is_refused(shape):
    env = ArmVectorEnv(erasing.TASK, 3)
    env.reset(seed=1)
    with pytest.raises(WrongAction, match=r"allowed is \(3, 3\): give x, y and z \[cm\] to each environment"):
        env.step(np.zeros(shape))


@pytest.mark.parametrize("action", [0.5, [0.5], [0.5, 0.5], [[0.5, 0.5, 0.5]], np.float32(0.5)])
def test_one_coordinate_for_all_three_is_refused(action):
    env = ArmEnv(erasing.TASK)
    env.reset(seed=1)
    with pytest.raises(WrongAction, match=r"allowed is \(1, 3\): give x, y and z \[cm\]"):
        env.step(action)


def test_gymnasium_can_wrap_it():
    env = DictInfoToList(RecordEpisodeStatistics(ArmVectorEnv(bottle_pushing.TASK, 2, ends=lambda m: m.step >= 2)))
    _, infos = env.reset(seed=3)
    assert [set(info) for info in infos] == [{"features", "measurements"}] * 2
    for _ in range(2):
        *_, infos = env.step(np.zeros((2, 3)))
    assert [info["episode"]["l"] for info in infos] == [2, 2]
    assert [info["final_info"]["measurements"]["step"] for info in infos] == [2, 2]


def test_there_are_as_many_pictures_as_environments():
    env = ArmVectorEnv(erasing.TASK, 2, render_mode="rgb_array")
    env.reset(seed=[1, 2])
    single = ArmEnv(erasing.TASK, render_mode="rgb_array")
    pictures = env.render()
    assert len(pictures) == 2
    for seed, picture in zip((1, 2), pictures, strict=True):
        single.reset(seed=seed)
        np.testing.assert_array_equal(picture, single.render())
    assert ArmVectorEnv(erasing.TASK).render() is None
    with pytest.raises(ValueError, match="allowed is None or 'rgb_array'"):
        ArmVectorEnv(erasing.TASK, render_mode="human")
