"""A box of actions from Gymnasium: -1 and 1 stand for the environment's own limits. (Finite sets: `test_rewinding`.)"""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from ids import words
from mereq.core.actions import Box
from mereq.core.errors import WrongTask
from mereq.core.seeding import seed_for
from mereq.tasks.gymnasium_task import task_from_gymnasium

PENDULUM = task_from_gymnasium(
    "pendulum",
    lambda: gym.make("Pendulum-v1"),
    lambda obs, action, next_obs, info: np.array([next_obs[0], abs(next_obs[2]) / 8.0]),
    ("upright", "speed"),
)


class Echo(gym.Env):
    """Observes the last action that it was given. Its limits are different ones for each coordinate."""

    observation_space = spaces.Box(-np.inf, np.inf, (3,), np.float32)

    def __init__(self, action_space: spaces.Space):
        self.action_space = action_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(3, np.float32), {}

    def step(self, action):
        assert self.action_space.contains(action)
        return action, 0.0, False, False, {}


def echo(action_space: spaces.Space):
    """Its features are the action as the learner takes it."""
    return task_from_gymnasium("echo", lambda: Echo(action_space), lambda obs, action, *_: action, ("a", "b", "c"))


def test_the_task_is_the_pendulums():
    assert PENDULUM.actions == Box(1)
    assert PENDULUM.obs_size == 3
    obs, _ = PENDULUM.make().reset(seed=0)
    assert obs.shape == (3,)
    assert obs.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_actions_are_stretched_to_the_limits_and_cut_off_there(dtype):
    """Linear between, each coordinate by itself; the environment gets its own type of number."""
    low, high = np.array([-2.0, 0.0, 10.0], dtype), np.array([2.0, 1.0, 30.0], dtype)
    env = echo(spaces.Box(low, high, dtype=dtype)).make()
    env.reset(seed=0)
    for given, share in ((-1.0, 0.0), (0.0, 0.5), (0.5, 0.75), (1.0, 1.0), (1.5, 1.0), (-7.0, 0.0)):
        executed, *_, info = env.step(np.full(3, given, np.float32))
        np.testing.assert_allclose(executed, low + share * (high - low), rtol=1e-6)
        np.testing.assert_array_equal(info["features"], given)


def test_no_rounding_leads_beyond_a_limit():
    """Each of a hundred limits is met exactly: an environment may refuse an action beyond it by one rounding error."""
    rng = np.random.default_rng(0)
    for limits in zip(rng.uniform(-3.0, 0.0, (100, 3)), rng.uniform(0.1, 3.0, (100, 3)), strict=True):
        limits = [limit.astype(np.float32) for limit in limits]
        env = echo(spaces.Box(*limits)).make()
        env.reset(seed=0)
        for given, limit in zip((-1.0, 1.0), limits, strict=True):
            np.testing.assert_array_equal(env.step(np.full(3, given))[0], limit)


def test_a_pendulum_swings_as_it_does_by_itself():
    """A torque of 2 a for an action a: the same observations as the environment that is given the torque."""
    env, raw = PENDULUM.make(), gym.make("Pendulum-v1")
    obs, _ = env.reset(seed=3)
    np.testing.assert_array_equal(obs, raw.reset(seed=3)[0])
    rng = np.random.default_rng(0)
    for _ in range(50):
        action = PENDULUM.actions.uniform(rng, 1)[0]
        obs, _, _, _, info = env.step(action)
        expected, *_ = raw.step(2.0 * action)
        np.testing.assert_allclose(obs, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(info["features"], [obs[0], abs(obs[2]) / 8.0], rtol=1e-6)


def test_the_simulator_swings_as_single_pendulums_do():
    simulator, envs = PENDULUM.simulate(2), [PENDULUM.make() for _ in range(2)]
    obs = simulator.reset(5)
    np.testing.assert_array_equal(obs, [env.reset(seed=seed_for(5, "env", i))[0] for i, env in enumerate(envs)])
    rng = np.random.default_rng(1)
    for _ in range(20):
        actions = PENDULUM.actions.uniform(rng, 2)
        step = simulator.step(actions)
        np.testing.assert_array_equal(step.obs, [env.step(a)[0] for env, a in zip(envs, actions, strict=True)])


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-np.inf, np.inf, (2,)),
        spaces.Box(np.array([-1.0, -np.inf], np.float32), np.ones(2, np.float32)),
        spaces.Box(-1.0, 1.0, (2, 2)),
        spaces.MultiDiscrete([2, 3]),
    ],
    ids=words,
)
def test_a_space_without_a_learner(space):
    """Refused when the task is made: the sentence names the task, its space, and what there are learners for."""
    with pytest.raises(WrongTask, match="for a flat Box with finite limits") as raised:
        echo(space)
    assert f"task echo has the action space {space}; there are learners for Discrete(n)" in str(raised.value)
