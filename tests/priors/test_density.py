"""Density fitted to the draws of a policy that is known by samples: the distribution that they were drawn from."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from mereq.core.errors import WrongPolicyOutput
from mereq.core.function_policies import SampledPolicy
from mereq.core.policy import GaussianPolicy, LogitsPolicy
from mereq.imitation.density import DensityFit, fit_density
from mereq.store.policies import load_policy, save_policy
from mereq.tasks.corridor import Corridor
from mereq.tasks.gymnasium_task import task_from_gymnasium
from toys import LINE

CORRIDOR = task_from_gymnasium("corridor", Corridor, lambda *step: np.zeros(1), ("none",))
LOGITS = np.random.default_rng(0).normal(size=(12, 3))
FIT = DensityFit(states=2000, hidden=(32,), learning_rate=1e-2, updates=500, batch_size=256)
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def rollout(task, policy, steps=40):
    simulator, seen = task.simulate(4), []
    obs = simulator.reset(5).copy()
    for _ in range(steps):
        seen.append(obs)
        obs = simulator.step(policy.distribution(obs).mode()).obs.copy()
    return np.concatenate(seen)


def test_a_normal_before_a_tanh_is_found_again_and_widened(tmp_path):
    def draw(obs, rng):
        return np.tanh(0.8 * obs[:, :1] - 0.2 + 0.3 * rng.standard_normal((len(obs), 1)))

    policy = SampledPolicy(draw, LINE.actions, n_samples=8)
    density = fit_density(policy, LINE, FIT)
    save_policy(tmp_path / "density", density, about={})
    obs = rollout(LINE, policy)
    found = load_policy(tmp_path / "density", LINE).distribution(obs)
    np.testing.assert_allclose(found.mean, 0.8 * obs[:, :1] - 0.2, atol=0.08)
    np.testing.assert_allclose(np.exp(found.log_std), np.hypot(0.3, FIT.noise), atol=0.06)


def test_probabilities_of_few_actions_are_found_again_from_few_draws():
    prior = LogitsPolicy(lambda obs: obs @ LOGITS, 3)
    policy = SampledPolicy(lambda obs, rng: prior.distribution(obs).sample(rng), CORRIDOR.actions, n_samples=4)
    found = fit_density(policy, CORRIDOR, FIT)
    obs = rollout(CORRIDOR, prior)
    np.testing.assert_allclose(found.distribution(obs).log_probs, prior.distribution(obs).log_probs, atol=0.25)


def test_a_policy_with_probabilities_is_refused():
    known = GaussianPolicy(lambda obs: (np.zeros((len(obs), 1)), np.zeros((len(obs), 1))), 1)
    with pytest.raises(WrongPolicyOutput, match="has a density"):
        fit_density(known, LINE, FIT)


def test_the_shipped_density_of_the_flow_acts_as_the_flow_does():
    spec = importlib.util.spec_from_file_location("bottle_flow", EXAMPLES / "bottle_flow.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    task, density = example.BOTTLE_FLOW.task, example.BOTTLE_FLOW.policy("prior")
    obs = task.simulate(8).reset(0).copy()
    drawn = example.samples(example.read(example.FLOW)).distribution(obs).actions
    assert np.abs(density.distribution(obs).mode() - drawn.mean(axis=1)).mean() < 0.1
    assert np.median(np.exp(density.distribution(obs).log_std)) > 0.5  # wide enough to be moved
