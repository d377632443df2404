"""Policies made of functions: clipped normals in the environment's units, single actions, samples."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from mereq.core.actions import Box, Discrete
from mereq.core.distribution import NEVER, Categorical, ClippedGaussian, WeightedSamples
from mereq.core.errors import WrongPolicyOutput, WrongValue
from mereq.core.function_policies import ClippedGaussianPolicy, DeterministicPolicy, SampledPolicy
from mereq.presets.fast import fast
from mereq.tasks.gymnasium_task import task_from_gymnasium

LOW, HIGH = np.array([-1, 0, 0], np.float32), np.array([1, 1, 1], np.float32)  # steering, gas, brake
CAR = Box(3, tuple(map(float, LOW)), tuple(map(float, HIGH)))
OBS = np.zeros((4, 2), np.float32)


class Car(gym.Env):
    """CarRacing's actions; it remembers what it executed."""

    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Box(LOW, HIGH)
    executed: np.ndarray

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action):
        Car.executed = np.array(action)
        return np.zeros(2, np.float32), 0.0, False, False, {}


@pytest.mark.parametrize("mean", [[0.0, 0.5, 0.0], [-0.3, 1.7, -0.2], [0.99, 0.001, 0.25]])
def test_what_ppo_would_execute_is_executed(mean):
    """shared/cases/17: straight on, half gas, no brake; and means beyond the limits."""
    task = task_from_gymnasium("car", Car, lambda obs, action, next_obs, info: np.zeros(1), ("a",))
    policy = ClippedGaussianPolicy(lambda obs: (np.tile(mean, (len(obs), 1)), np.full((len(obs), 3), -1.0)), LOW, HIGH)
    env = task.make()
    obs, _ = env.reset(seed=0)
    env.step(policy.distribution(obs[None]).mode()[0])
    np.testing.assert_allclose(Car.executed, np.clip(mean, LOW, HIGH), atol=1e-7)
    assert task.actions.limits[0].tolist() == LOW.tolist()
    assert fast(task).learner.hidden  # a continuous task as any other


def test_a_clipped_normal_draws_what_ppo_draws():
    mean, std = np.array([0.2, 0.9, 0.05]), np.array([0.5, 0.3, 0.1])
    policy = ClippedGaussianPolicy(lambda obs: [np.tile(x, (len(obs), 1)) for x in (mean, np.log(std))], LOW, HIGH)
    drawn = CAR.to_units(policy.distribution(np.zeros((40_000, 2), np.float32)).sample(np.random.default_rng(0)))
    wanted = np.clip(mean + std * np.random.default_rng(1).standard_normal((40_000, 3)), LOW, HIGH)
    np.testing.assert_allclose(drawn.mean(axis=0), wanted.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(drawn.std(axis=0), wanted.std(axis=0), atol=0.01)
    np.testing.assert_allclose((drawn == HIGH).mean(axis=0), (wanted == HIGH).mean(axis=0), atol=0.01)  # at the limit


def test_units_and_limits_are_inverse():
    actions = np.random.default_rng(0).uniform(LOW, HIGH, (20, 3))
    np.testing.assert_allclose(CAR.to_units(CAR.from_units(actions)), actions, atol=1e-12)
    np.testing.assert_array_equal(CAR.from_units(np.stack([LOW, HIGH])), [[-1, -1, -1], [1, 1, 1]])
    np.testing.assert_array_equal(CAR.to_units(np.array([[-1.0] * 3, [1.0] * 3])), [LOW, HIGH])
    assert Box(3) == CAR  # to a learner


def test_a_deterministic_policy_keeps_its_action_and_gets_noise():
    of_few = DeterministicPolicy(lambda obs: np.array([2, 0, 1, 2]), Discrete(3), noise=0.3).distribution(OBS)
    assert isinstance(of_few, Categorical)
    np.testing.assert_allclose(np.exp(of_few.log_probs[0]), [0.1, 0.1, 0.8])
    assert of_few.mode().tolist() == [2, 0, 1, 2]
    of_box = DeterministicPolicy(lambda obs: np.tile([0.5, 1.0, 0.25], (len(obs), 1)), CAR).distribution(OBS)
    assert isinstance(of_box, ClippedGaussian)
    np.testing.assert_allclose(CAR.to_units(of_box.mode()), np.tile([0.5, 1.0, 0.25], (4, 1)))
    np.testing.assert_allclose(np.exp(of_box.log_std), 0.1)
    for noise in (0.0, 1.5):
        with pytest.raises(WrongValue, match="noise"):
            DeterministicPolicy(lambda obs: obs, Discrete(3), noise)
    for wrong in ({"n_samples": 0}, {"noise": -0.1}):
        with pytest.raises(WrongValue, match=r"n_samples|noise"):
            SampledPolicy(lambda obs, rng: obs, Discrete(3), **wrong)


def test_samples_of_few_actions_become_shares():
    wanted = [0.5, 0.5, 0.0]
    policy = SampledPolicy(lambda obs, rng: rng.choice(3, len(obs), p=wanted), Discrete(3), n_samples=4000)
    found = policy.distribution(OBS)
    assert isinstance(found, Categorical)
    np.testing.assert_allclose(np.exp(found.log_probs), np.tile(wanted, (4, 1)), atol=0.03)
    assert (found.log_probs[:, 2] == NEVER).all()
    noisy = replace(policy, noise=0.3).distribution(OBS)
    np.testing.assert_allclose(np.exp(noisy.log_probs), 0.7 * np.exp(found.log_probs) + 0.1, rtol=1e-5)


def test_samples_of_continuous_actions_are_kept():
    policy = SampledPolicy(lambda obs, rng: rng.uniform(LOW, HIGH, (len(obs), 3)), CAR, n_samples=500)
    found = policy.distribution(OBS)
    assert isinstance(found, WeightedSamples)
    assert found.actions.shape == (4, 500, 3)
    assert found.parameters.shape == (4, 1500)
    assert len(np.unique(found.mode(), axis=0)) == 4  # a sample each
    assert np.abs(found.actions.mean(axis=1)).max() < 0.15
    spread = found.sample(np.random.default_rng(0))
    assert (found.actions == spread[:, None]).all(axis=2).any(axis=1).all()
    one_place = SampledPolicy(lambda obs, rng: np.tile([0.0, 0.5, 0.5], (len(obs), 1)), CAR, n_samples=500, noise=0.2)
    np.testing.assert_allclose(one_place.distribution(OBS).actions.std(axis=1), 0.2, atol=0.03)


def test_equal_observations_lead_to_equal_draws():
    """So a prior is a function of the observation, and a resumed run has the same steps."""
    policy = SampledPolicy(lambda obs, rng: rng.uniform(LOW, HIGH, (len(obs), 3)), CAR)
    one, again, other = (policy.distribution(OBS + shift) for shift in (0, 0, 1))
    np.testing.assert_array_equal(one.parameters, again.parameters)
    np.testing.assert_array_equal(one.mode(), again.mode())
    assert np.abs(one.parameters - other.parameters).min() > 0


def test_weights_choose_among_the_samples():
    actions = np.tile(np.array([[-0.5], [0.5]], np.float32), (10_000, 1, 1))
    weights = np.tile(np.log([0.2, 0.8]).astype(np.float32), (10_000, 1))
    found = WeightedSamples(actions, weights, np.random.default_rng(0).random(10_000))
    for drawn in (found.mode(), found.sample(np.random.default_rng(1))):
        assert (drawn > 0).mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize(
    ("answer", "actions", "sentence"),
    [
        (lambda n: np.zeros(n), Discrete(3), "must return .* integers from 0 to 2"),
        (lambda n: np.full(n, 3), Discrete(3), "between 3 and 3"),
        (lambda n: np.zeros((n, 2)), CAR, r"of shape \(.*, 2\).*in the environment's units"),
        (lambda n: np.full((n, 3), np.nan), CAR, "finite"),
        (lambda n: np.array(["left"] * n), Discrete(3), "integers"),
    ],
)
def test_answers_that_are_no_actions(answer, actions, sentence):
    for policy in (
        DeterministicPolicy(lambda obs: answer(len(obs)), actions),
        SampledPolicy(lambda obs, rng: answer(len(obs)), actions),
    ):
        with pytest.raises(WrongPolicyOutput, match=sentence):
            policy.distribution(OBS)


def test_a_function_cannot_change_the_observations():
    def in_place(obs, *_):
        obs += 1
        return np.zeros((len(obs), 3))

    obs = OBS.copy()
    DeterministicPolicy(in_place, CAR).distribution(obs)
    SampledPolicy(in_place, CAR).distribution(obs)
    ClippedGaussianPolicy(lambda obs: (in_place(obs), np.zeros((len(obs), 3))), LOW, HIGH).distribution(obs)
    np.testing.assert_array_equal(obs, OBS)
