"""Start of each method's policy: at the prior with its term, at its parameters, at random, or at its clone."""

from dataclasses import replace
from functools import cache

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corridor_runs import LENGTH, PRIOR, SETTINGS, all_observations, corridor, expert, run, task_of
from mereq.alignment import HG_DAGGER_FT, IWR_FT, MAXENT, MAXENT_FT, MAXENT_FT_PSEUDO, MEREQ, MEREQ_NP
from mereq.alignment.policy_start import prior_parameters, random_parameters, residual
from mereq.alignment.warm_start import warm_start
from mereq.core.distribution import Categorical
from mereq.core.policy import LogitsPolicy, Policy
from mereq.core.seeding import episode_seed
from mereq.imitation.demonstrations import of_rollouts
from mereq.interventions.rollout import Rollout
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.networks import init_mlp, mlp_to_numpy
from mereq.supervision.supervise import supervise
from toys import always

pytestmark = pytest.mark.paper(
    "section 6 MaxEnt-FT: the prior's parameters",
    "section 6 MaxEnt: random parameters",
    "section 6 adaptation 1, warm start",
)

OBS = all_observations()
METHODS_THAT_START_AT = {
    residual: [MEREQ, MEREQ_NP],
    prior_parameters: [MAXENT_FT, MAXENT_FT_PSEUDO],
    random_parameters: [MAXENT],
}
STARTS = pytest.mark.parametrize("start", METHODS_THAT_START_AT)


def network_prior(seed: int, temperature: float, *, hidden=(5, 7), prior: Policy | None = None) -> QPolicy:
    """A random Q-function, of other sizes than the settings' networks, at a temperature of its own."""
    q = init_mlp(jax.random.key(seed), (2 * LENGTH, *hidden, 3), zero_head=False)
    return QPolicy(mlp_to_numpy(q), prior, temperature, 0.5 if prior else 0.0)


def first_policy(start, prior: Policy, *, seed: int = 0, settings=SETTINGS) -> QPolicy:
    learner, state = start(task_of(), prior, settings, seed=seed)
    return learner.policy(state, prior)


def log_probs(policy: Policy) -> np.ndarray:
    return policy.distribution(OBS).log_probs


def visited_by(prior: Policy) -> np.ndarray:
    """Observations, each once."""
    return np.unique(of_rollouts(prior, task_of().simulate(10), 2000, seed=9).obs, axis=0)


def same(one, other) -> bool:
    """Bit-equal learner states."""
    one, other = one.arrays(), other.arrays()
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


PRIORS = {
    "a table's": PRIOR,
    "a network's": network_prior(0, 2.0),
    "an aligned one": network_prior(1, 0.7, prior=PRIOR),
}


# ---------------------------------------------------------------------------------------------- beside the prior


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
def test_residual_starts_exactly_at_the_prior(prior):
    """Whatever it is; and the prior's term stays."""
    learner, state = residual(task_of(), prior, SETTINGS, seed=0)
    np.testing.assert_allclose(log_probs(learner.policy(state, prior)), log_probs(prior), atol=1e-6)
    assert learner.settings == SETTINGS.learner
    assert learner.has_prior


# -------------------------------------------------------------------------------------------- at its parameters


@given(st.integers(0, 20), st.sampled_from([0.1, 0.5, 3.0]), st.sampled_from([0.1, 0.5, 3.0]))
def test_prior_parameters_start_exactly_at_a_networks_policy(seed, its_alpha, ours):
    """Also where the prior's temperature is another one: its Q-function is scaled, the policy stays."""
    settings = replace(SETTINGS, learner=replace(SETTINGS.learner, temperature=ours))
    prior = network_prior(seed, its_alpha)
    learner, state = prior_parameters(task_of(), prior, settings, seed=0)
    start = learner.policy(state, prior)
    np.testing.assert_allclose(log_probs(start), log_probs(prior), rtol=1e-5, atol=1e-5)
    assert (start.prior, start.temperature, start.prior_temperature) == (None, ours, 0.0)
    assert learner.settings.hidden == (5, 7)  # the prior's sizes, not the settings'
    np.testing.assert_array_equal(start.q[0].weight, prior.q[0].weight)


@pytest.mark.parametrize("prior", [PRIORS["a table's"], PRIORS["an aligned one"]], ids=["a table's", "an aligned one"])
def test_prior_parameters_start_near_a_prior_whose_parameters_are_not_to_be_had(prior):
    """Cloned from its rollouts into the learner's own sizes: the same most probable action wherever the prior goes."""
    learner, state = prior_parameters(task_of(), prior, SETTINGS, seed=0)
    obs = visited_by(prior)
    start = learner.policy(state, prior)
    assert len(obs) > 10
    assert start.distribution(obs).mode().tolist() == prior.distribution(obs).mode().tolist()
    assert (start.prior, learner.settings.hidden) == (None, SETTINGS.learner.hidden)


def test_a_clones_temperature_is_the_learners():
    """The clone's logits times alpha are taken for Q: at any alpha the policy is the clone itself."""
    clone = warm_start(task_of(), PRIOR, SETTINGS, seed=0)
    expected = log_probs(clone.learner.policy(clone.state))
    for temperature in (0.1, 4.0):
        settings = replace(SETTINGS, learner=replace(SETTINGS.learner, temperature=temperature))
        np.testing.assert_allclose(
            log_probs(first_policy(prior_parameters, PRIOR, settings=settings)), expected, rtol=1e-4, atol=1e-5
        )


# -------------------------------------------------------------------------------------------------- at random


class Unwanted:
    """A prior that must not be asked."""

    def distribution(self, obs) -> Categorical:
        raise AssertionError("the prior was asked")


def test_random_parameters_ignore_the_prior():
    """Bit-equal learners for any two priors, which need not even answer; another seed is another start."""
    asked = [(PRIOR, 0), (Unwanted(), 0), (PRIOR, 1)]
    starts = [random_parameters(task_of(), prior, SETTINGS, seed=seed) for prior, seed in asked]
    learner, (one, other, another) = starts[0][0], (state for _, state in starts)
    assert same(one, other)
    assert not same(one, another)
    start = learner.policy(one, Unwanted())
    assert start.prior is None
    assert np.abs(log_probs(start) + np.log(3)).max() > 0.01  # a network that knows nothing is not uniform


# ------------------------------------------------------------------------------------------------------- all


@pytest.mark.parametrize("start", [prior_parameters, random_parameters])
def test_plain_learners_have_no_prior_term(start):
    """Neither in their targets nor in their policy; all other numbers are the settings'."""
    learner, _ = start(task_of(), PRIOR, SETTINGS, seed=0)
    assert not learner.has_prior
    assert learner.settings == replace(SETTINGS.learner, prior_temperature=0.0)


@STARTS
def test_each_method_starts_where_its_row_says(start):
    """Through the door of the methods: the first policy of a run is that of its start."""
    for method in METHODS_THAT_START_AT[start]:
        improver = method.start(task_of(), PRIOR, SETTINGS, seed=4)
        np.testing.assert_array_equal(log_probs(improver.policy), log_probs(first_policy(start, PRIOR, seed=4)))
        np.testing.assert_array_equal(improver.theta, np.zeros(3))


@STARTS
def test_a_start_follows_from_its_seed(start):
    one, again, other = (start(task_of(), PRIOR, SETTINGS, seed=seed)[1] for seed in (0, 0, 1))
    assert same(one, again)
    assert not same(one, other)


# ------------------------------------------------------------------------------------------------ the warm start


@cache
def first_rollout(seed: int, policy: Policy) -> Rollout:
    return Rollout.of(
        supervise(
            corridor(),
            always(policy),
            expert(),
            SETTINGS.rollout_steps,
            episode_seed=lambda k: episode_seed(seed, 0, k),
            task=task_of(),
        )
    )


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("method", [HG_DAGGER_FT, IWR_FT, MAXENT_FT], ids=lambda m: m.name)
def test_a_clones_first_intervention_rate_is_the_priors(method, seed):
    """Section 6: so that no method has a head start. The same episodes, a rate within 0.05, and the same rate for all.

    A threshold of 1: the run is over after the first rollout.
    """
    (only,) = run(method, seed=seed, rate_threshold=1.0)
    priors = first_rollout(seed, PRIOR).intervention_rate
    assert 0.2 < priors < 0.6
    assert abs(only.intervention_rate - priors) < 0.05


def test_the_clone_of_a_warm_start_is_the_prior_where_it_goes():
    """As probable as in its rollouts, which are greedy: surer than the prior itself."""
    clone = warm_start(task_of(), PRIOR, SETTINGS, seed=0)
    obs = visited_by(PRIOR)
    cloned, prior = clone.learner.policy(clone.state).distribution(obs), PRIOR.distribution(obs)
    assert cloned.mode().tolist() == prior.mode().tolist()
    assert np.exp(cloned.log_probs.max(axis=1)).min() > 0.9


@pytest.mark.parametrize("kept", [0, 1, 7, 300, 1000, 5000])
def test_the_last_so_many_steps_of_the_prior_are_kept(kept):
    """Pairs of observation and action are kept, of 1000. The clone does not depend on their number."""
    settings = replace(SETTINGS, warm_start=replace(SETTINGS.warm_start, updates=50, kept=kept))
    started = warm_start(task_of(), PRIOR, settings, seed=0)
    everything = every_step()
    n = min(kept, 1000)
    assert started.demonstrations.obs.shape == (n, 2 * LENGTH)
    np.testing.assert_array_equal(started.demonstrations.obs, everything.demonstrations.obs[1000 - n :])
    np.testing.assert_array_equal(started.demonstrations.action, everything.demonstrations.action[1000 - n :])
    assert same(started.state, everything.state)


@cache
def every_step():
    settings = replace(SETTINGS, warm_start=replace(SETTINGS.warm_start, updates=50, kept=1000))
    started = warm_start(task_of(), PRIOR, settings, seed=0)
    obs, action = started.demonstrations
    assert action.tolist() == PRIOR.distribution(obs).mode().tolist()
    return started


def test_a_warm_start_makes_its_updates_and_no_fewer():
    """In whole calls of 50: Adam counts them."""
    for updates, made in ((1, 50), (50, 50), (51, 100)):
        settings = replace(SETTINGS, warm_start=replace(SETTINGS.warm_start, updates=updates))
        arrays = warm_start(task_of(), LogitsPolicy(lambda obs: obs[:, :3], 3), settings, seed=0).state.arrays()
        assert [int(array) for name, array in arrays.items() if name.endswith(".count")] == [made]
