"""The highway's Gymnasium faces: the contract, the reward, the vector environment, the picture."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from equal_infos import assert_equal_infos
from mereq.core.supervisor import Controller
from mereq.tasks import highway
from mereq.tasks.highway.config import FASTER, IDLE, HighwayConfig
from mereq.tasks.highway.drawing import EGO, EGO_UNDER_EXPERT, OTHER, WRECK, draw
from mereq.tasks.highway.engine import HighwayEngine
from mereq.tasks.highway.environment import HighwayEnv, HighwayVectorEnv
from mereq.tasks.highway.simulator import THETA_EXPERT, THETA_PRIOR

pytestmark = pytest.mark.paper("App. A.1.1, Eqs. (A.1)-(A.2) rewards")

CONFIG = replace(HighwayConfig.TASK, duration=6)


def test_check_env_is_clean():
    check_env(gymnasium.make(highway.ENV_ID, render_mode="rgb_array").unwrapped)


def test_it_is_registered_also_for_vectors():
    highway.register()
    env = gymnasium.make(highway.ENV_ID, theta=THETA_EXPERT, render_mode="rgb_array")
    obs, info = env.reset(seed=7)
    assert obs.shape == (25,)
    assert set(info) == {"features", "on_road", "crashed", "speed"}
    vector = gymnasium.make_vec(highway.ENV_ID, num_envs=2, config=CONFIG)
    assert isinstance(vector, HighwayVectorEnv)
    np.testing.assert_array_equal(vector.reset(seed=7)[0][0], obs)


def test_the_reward_is_theta_times_features_and_zero_off_the_road():
    env = HighwayEnv(CONFIG, theta=THETA_EXPERT, alive_bonus=1.0)
    env.reset(seed=2)
    for _ in range(5):
        _, reward, _, _, info = env.step(FASTER)
        assert reward == pytest.approx(1.0 + float(info["features"] @ THETA_EXPERT))
    env.engine.state.y[0, 0] = -30.0  # far off the road
    _, reward, _, _, info = env.step(FASTER)
    assert not info["on_road"]
    assert info["features"].tolist() == [0.0, 0.0, 0.0]
    assert reward == 1.0  # the bonus alone


def test_observations_stay_within_the_bounds_and_a_crash_terminates():
    env = HighwayEnv(theta=THETA_PRIOR)
    rng = np.random.default_rng(0)
    ends = []
    for seed in range(12):
        obs, _ = env.reset(seed=seed)
        while True:
            assert env.observation_space.contains(obs)
            obs, _, terminated, truncated, info = env.step(rng.integers(5))
            assert terminated == info["crashed"]
            assert (info["features"][0] == 1.0) == (info["crashed"] and info["on_road"])
            if terminated or truncated:
                ends.append(terminated)
                break
    assert True in ends


def test_the_vector_environment_gives_the_numbers_of_single_ones():
    n_envs = 4
    ours = HighwayVectorEnv(n_envs, CONFIG, theta=THETA_EXPERT)
    theirs = SyncVectorEnv(
        [lambda: HighwayEnv(CONFIG, theta=THETA_EXPERT)] * n_envs, autoreset_mode=AutoresetMode.SAME_STEP
    )
    assert ours.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    assert ours.observation_space == theirs.observation_space
    (our_obs, our_infos), (their_obs, their_infos) = ours.reset(seed=11), theirs.reset(seed=11)
    rng = np.random.default_rng(1)
    n_ended = 0
    for _ in range(30):
        np.testing.assert_array_equal(our_obs, their_obs)
        assert_equal_infos(our_infos, their_infos)
        actions = rng.integers(0, 5, n_envs)
        our_obs, our_rewards, *our_ends, our_infos = ours.step(actions)
        their_obs, their_rewards, *their_ends, their_infos = theirs.step(actions)
        np.testing.assert_allclose(our_rewards, their_rewards, rtol=0, atol=1e-15)  # BLAS rounds by batch size
        np.testing.assert_array_equal(our_ends, their_ends)
        n_ended += "final_obs" in our_infos
    assert n_ended > 5


def test_a_vector_reset_can_be_masked_and_seeded_one_by_one():
    env = HighwayVectorEnv(3, CONFIG)
    start, _ = env.reset(seed=[4, 5, 6])
    env.step(np.full(3, FASTER))
    mask = np.array([False, True, True])
    obs, infos = env.reset(seed=[1, 5, None], options={"reset_mask": mask})
    np.testing.assert_array_equal(obs[1], start[1])
    assert not np.array_equal(obs[0], start[0])
    assert not np.array_equal(obs[2], start[2])
    np.testing.assert_array_equal(infos["_features"], mask)
    np.testing.assert_array_equal(infos["features"][0], np.zeros(3))


@pytest.mark.parametrize("make", [HighwayEnv, HighwayVectorEnv])
def test_an_unknown_render_mode_is_refused(make):
    with pytest.raises(ValueError, match="render_mode is 'human'; allowed is"):
        make(render_mode="human")


def scene_of_a_crash():
    engine = HighwayEngine()
    rng = np.random.default_rng(0)
    engine.reset(seeds=[0])
    while not engine.step([rng.integers(5)]).terminated[0]:
        pass
    return engine.scene()


def colours(picture):
    return {tuple(pixel) for pixel in picture.reshape(-1, 3).tolist()}


def test_the_picture_shows_who_drives_and_who_has_crashed():
    env = HighwayEnv(render_mode="rgb_array")
    env.reset(seed=1)
    env.step(IDLE)
    by_policy = env.render()
    assert by_policy.shape == (150, 600, 3)
    assert by_policy.dtype == np.uint8
    assert {EGO, OTHER} < colours(by_policy)
    assert not {EGO_UNDER_EXPERT, WRECK} & colours(by_policy)
    env.controller = Controller.EXPERT
    assert EGO_UNDER_EXPERT in colours(env.render())
    env.caption = "step 1: faster"
    assert not np.array_equal(env.render()[:40, :200], by_policy[:40, :200])
    crashed = colours(draw(scene_of_a_crash()))
    assert WRECK in crashed
    assert EGO not in crashed
    assert HighwayEnv().render() is None


def test_the_ego_keeps_its_place_in_the_picture_and_heads_where_it_goes():
    engine = HighwayEngine(replace(CONFIG, vehicles=0), film=True)
    engine.reset(seeds=[0])
    straight = draw(engine.scene())
    rows, columns = np.nonzero((straight == EGO).all(axis=2))
    assert columns.mean() == pytest.approx(180, abs=5)
    assert np.ptp(rows) < 12
    engine.step([0 if engine.state.lane[0, 0] > 0 else 2])
    rows, _ = np.nonzero((draw(engine.film_scenes()[0]) == EGO).all(axis=2))
    assert np.ptp(rows) >= 12


def test_pictures_have_the_size_asked_for():
    scene = HighwayEngine().scene()
    assert draw(scene, size=(320, 90)).shape == (90, 320, 3)
    with pytest.raises(ValueError, match="allowed is"):
        draw(scene, size=(0, 150))
    assert len(HighwayVectorEnv(2, CONFIG, render_mode="rgb_array").render()) == 2
