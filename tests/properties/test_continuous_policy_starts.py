"""Start of each method's policy with continuous actions: at the prior, at its parameters, at random."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from corridor_runs import SETTINGS as CORRIDOR
from mereq.alignment.policy_start import prior_parameters, random_parameters, residual
from mereq.core.policy import GaussianPolicy
from mereq.maxent_rl.networks import Layer
from mereq.maxent_rl.sac import ActorPolicy, SACSettings
from toys import LINE

pytestmark = pytest.mark.paper("section 6 policy starts, continuous actions")

LEARNER = SACSettings(
    hidden=(16,),
    learning_rate=3e-3,
    temperature_learning_rate=3e-3,
    gamma=0.8,
    tau=0.05,
    temperature=0.2,
    prior_temperature=0.1,
)
SETTINGS = replace(CORRIDOR, learner=LEARNER)
OBS = np.stack([np.linspace(-1, 1, 11), np.ones(11)], axis=1).astype(np.float32)
RULE = GaussianPolicy(lambda obs: (-2 * obs[:, :1], np.full((len(obs), 1), -1.0)), 1)


def network(seed: int, *sizes: int):
    rng = np.random.default_rng(seed)
    return tuple(
        Layer(rng.uniform(-0.5, 0.5, pair).astype(np.float32), rng.uniform(-0.5, 0.5, pair[1]).astype(np.float32))
        for pair in pairwise(sizes)
    )


CRITICS = network(1, 3, 5, 1), network(2, 3, 5, 1)
NETWORK = ActorPolicy(network(0, 2, 5, 2), CRITICS, None)
ALONE = ActorPolicy(network(0, 2, 5, 2), None, None)
ALIGNED = ActorPolicy(network(3, 2, 7, 2), CRITICS, RULE)


def parameters(policy) -> np.ndarray:
    return policy.distribution(OBS).parameters


def same(one, other) -> bool:
    one, other = one.arrays(), other.arrays()
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("prior", [RULE, NETWORK, ALIGNED], ids=["a rule", "a network", "an aligned one"])
def test_residual_starts_exactly_at_the_prior(prior):
    """Bit for bit, whatever it is; and the prior's term stays."""
    learner, state = residual(LINE, prior, SETTINGS, seed=0)
    np.testing.assert_array_equal(parameters(learner.policy(state, prior)), parameters(prior))
    assert learner.settings == LEARNER


@pytest.mark.parametrize("prior", [NETWORK, ALONE], ids=["with critics", "without critics"])
def test_prior_parameters_start_exactly_at_a_networks_policy(prior):
    """In the prior's sizes; with the critics that it was trained with, or with random ones if they are not known."""
    learner, state = prior_parameters(LINE, prior, SETTINGS, seed=0)
    start = learner.policy(state, prior)
    np.testing.assert_array_equal(parameters(start), parameters(prior))
    assert (start.prior, learner.has_prior, learner.settings.hidden) == (None, False, (5,))
    assert np.exp(state.log_temperature) == pytest.approx(LEARNER.temperature)
    pairs = list(zip(start.critics[0], CRITICS[0], strict=True))
    assert all(np.array_equal(ours.weight, its.weight) for ours, its in pairs) == (prior is NETWORK)
    assert all(np.any(layer.weight) for critic in start.critics for layer in critic)


@pytest.mark.parametrize("prior", [RULE, ALIGNED], ids=["a rule", "an aligned one"])
def test_prior_parameters_start_near_a_prior_whose_parameters_are_not_to_be_had(prior):
    """Cloned from its rollouts into the learner's own sizes: nearly the same action where it goes."""
    learner, state = prior_parameters(LINE, prior, SETTINGS, seed=0)
    middle = slice(3, 8)
    start = learner.policy(state, prior)
    np.testing.assert_allclose(start.distribution(OBS[middle]).mode(), prior.distribution(OBS[middle]).mode(), atol=0.1)
    assert (start.prior, learner.settings.hidden) == (None, LEARNER.hidden)


def test_random_parameters_ignore_the_prior():
    starts = [
        random_parameters(LINE, prior, SETTINGS, seed=seed)[1] for prior, seed in [(RULE, 0), (ALONE, 0), (RULE, 1)]
    ]
    assert same(starts[0], starts[1])
    assert not same(starts[0], starts[2])
    learner, state = random_parameters(LINE, RULE, SETTINGS, seed=0)
    assert learner.settings == replace(LEARNER, prior_temperature=0.0)
    assert 0.01 < np.abs(parameters(learner.policy(state, RULE))).max() < 1
