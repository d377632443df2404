"""Training of SAC in a simulator: recorded transitions, exploration, repeatability, and exact resumption."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from mereq.core.policy import GaussianPolicy, Policy
from mereq.core.reward import LinearReward
from mereq.maxent_rl.replay import Replay
from mereq.maxent_rl.sac import SAC, SACSettings
from mereq.maxent_rl.simulator_training import SimulatorTraining, TrainingSchedule
from mereq.maxent_rl.training import Training, TrainingSettings
from toys import LINE

SCHEDULE = TrainingSchedule(
    n_envs=5,
    chunk=50,
    updates_per_step=0.2,
    batch_size=32,
    learning_starts=100,
    epsilon_start=0.3,
    epsilon_end=0.0,
    exploration_fraction=0.5,
)
ONLY_ACT = replace(SCHEDULE, learning_starts=10**9)
LEARNER = SACSettings(
    hidden=(16,),
    learning_rate=3e-3,
    temperature_learning_rate=3e-3,
    gamma=0.8,
    tau=0.05,
    temperature=0.2,
    prior_temperature=0.2,
)
TOWARDS = LinearReward(np.array([1.0, -0.1]))
PRIOR = GaussianPolicy(lambda obs: (-obs[:, :1], 0.3 * obs[:, :1] - 0.5), 1)


def new_training(
    *, schedule=SCHEDULE, learner=LEARNER, prior: Policy | None = PRIOR, seed=0, capacity=2000
) -> SimulatorTraining:
    sac = SAC(LINE.obs_size, 1, learner)
    training = SimulatorTraining(
        learner=sac,
        state=sac.init(seed, zero_head=sac.has_prior),
        replay=Replay(capacity, obs_size=LINE.obs_size, actions=LINE.actions, n_features=2),
        task=LINE,
        prior=prior,
        schedule=schedule,
    )
    training.start_phase(seed=seed, index=0)
    return training


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


# --------------------------------------------------------------------------------------------------- what is recorded


def test_what_is_recorded_is_what_happened():
    """Transitions follow the line; the prior's parameters at both ends, also where an episode ended or was cut."""
    training = new_training(schedule=ONLY_ACT)
    training.train(1000, TOWARDS, epsilon=0.3)
    recorded = training.replay.columns
    rows = slice(training.replay.size)
    before, action, after = recorded.obs[rows, 0], recorded.action[rows, 0], recorded.next_obs[rows, 0]
    assert recorded.action.dtype == np.float32
    np.testing.assert_allclose(after, before + 0.3 * action, atol=1e-6)
    np.testing.assert_allclose(recorded.features[rows], np.stack([after, action**2], axis=1), atol=1e-6)
    np.testing.assert_array_equal(recorded.terminated[rows], np.abs(after) > 1)
    assert (np.abs(before) <= 1).all()  # no action follows an end
    for obs, parameters in ((recorded.obs, recorded.prior), (recorded.next_obs, recorded.next_prior)):
        np.testing.assert_array_equal(parameters[rows], PRIOR.distribution(obs[rows]).parameters)
    ended = recorded.terminated[rows]
    broken = after[:-5] != before[5:]  # of one environment: the next step starts elsewhere
    assert ended.any()
    assert (broken & ~ended[:-5]).any()


@pytest.mark.parametrize("prior", [None, PRIOR])
def test_without_a_priors_term_zeros_are_recorded(prior):
    training = new_training(learner=replace(LEARNER, prior_temperature=0.0), prior=prior, schedule=ONLY_ACT)
    training.train(200, TOWARDS, epsilon=0.3)
    assert not training.replay.columns.prior.any()
    assert not training.replay.columns.next_prior.any()


# --------------------------------------------------------------------------------------------------- how it explores


def actions_taken(epsilon: float) -> np.ndarray:
    """2000 of them, under a prior that is nearly sure of tanh(1)."""
    sure = GaussianPolicy(lambda obs: (np.ones((len(obs), 1)), np.full((len(obs), 1), -5.0)), 1)
    training = new_training(schedule=ONLY_ACT, prior=sure)
    training.train(2000, TOWARDS, epsilon=epsilon)
    return training.replay.columns.action[:2000, 0]


def test_it_acts_with_samples_of_its_policy():
    """Before any update these are the prior's, which are tanh of a normal distribution."""
    taken = actions_taken(0.0)
    assert kstest(np.arctanh(taken.astype(float)), "norm", (1.0, np.exp(-5.0))).pvalue > 0.01


def test_epsilon_is_the_share_of_uniformly_random_actions():
    taken = actions_taken(0.25)
    at_random = np.abs(np.arctanh(taken.clip(-0.99999, 0.99999)) - 1) > 0.05
    assert abs(at_random.mean() - 0.25 * 0.98) < 0.03  # some fall where the policy's are
    assert kstest(actions_taken(1.0), "uniform", (-1, 2)).pvalue > 0.01


# ----------------------------------------------------------------------------------------------------- what is learned


def test_training_changes_the_policy_towards_the_reward():
    """The prior pulls back to the middle; reward is to the right. Its pull is overcome, but not forgotten."""
    training = new_training(learner=replace(LEARNER, temperature=0.05, prior_temperature=0.05))
    training.train(1500, LinearReward(np.array([3.0, 0.0])), epsilon=0.1)
    obs = np.array([[-0.3, 1.0], [0.3, 1.0]], np.float32)
    assert (training.policy().distribution(obs).mode() > PRIOR.distribution(obs).mode() + 0.3).all()
    assert training.metrics.keys() == {"loss", "actor_loss", "temperature", "entropy"}
    assert all(np.isfinite(value) for value in training.metrics.values())
    assert training.loss == training.metrics["loss"]


def test_updates_are_made_at_the_promised_rate():
    """100 steps come first; from there 10 updates per 50 steps: all three Adams count them."""
    training = new_training()
    for made in (0, 10, 20):
        training.train(50, TOWARDS, epsilon=0.0)
        counts = {int(a) for n, a in training.state.arrays().items() if n.endswith(".count")}
        assert counts == {made}


# ------------------------------------------------------------------------------------------------------- repeatability


def test_same_seed_bit_equal_two_seeds_differ():
    """Parameters, optimisers, temperature, key and every recorded transition."""
    results = []
    for seed in (3, 3, 4):
        training = new_training(seed=seed)
        training.train(300, TOWARDS, epsilon=0.2)
        results.append(training.arrays())
    assert same(results[0], results[1])
    for name in ("learner.actor[0].weight", "learner.log_temperature", "learner.key", "replay.action", "replay.obs"):
        assert not np.array_equal(results[0][name], results[2][name]), name


def training(seed: int = 5, decay_updates: int = 0) -> Training:
    settings = TrainingSettings(
        n_steps=600,
        checkpoint_interval=150,
        learner=replace(LEARNER, prior_temperature=0.0, decay_updates=decay_updates),
        schedule=SCHEDULE,
        replay_capacity=250,
        alive_bonus=0.0,
    )
    return Training(LINE, TOWARDS, settings, seed=seed)


@pytest.mark.parametrize("decay_updates", [0, 120])
def test_a_resumed_training_is_exact(decay_updates):
    """Two legs and a restart and two legs are four legs, bit for bit: random numbers and a falling rate, too."""
    whole, half, rest = (training(decay_updates=decay_updates) for _ in range(3))
    assert list(whole.run_phases()) == [150, 300, 450, 600]
    run_phases = half.run_phases()
    assert [next(run_phases), next(run_phases)] == [150, 300]
    saved = {name: array.copy() for name, array in half.state().items()}
    rest.restore(saved)
    assert list(rest.run_phases()) == [450, 600]
    assert same(whole.state(), rest.state())
    for name in ("learner.actor[0].weight", "learner.key", "learner.log_temperature"):
        assert not np.array_equal(whole.state()[name], saved[name])


def test_a_training_is_of_its_seed():
    one, other = training(5), training(6)
    next(one.run_phases())
    next(other.run_phases())
    assert not same(one.state(), other.state())


def test_a_longer_training_takes_longer_to_lower_its_rate():
    """Settings for twice the steps: the rate falls over as large a part of them; all else stays."""
    settings = training(decay_updates=120).settings
    longer = settings.lasting(1200)
    assert (longer.n_steps, longer.learner.decay_updates) == (1200, 240)
    assert longer.lasting(600) == settings
    assert training().settings.lasting(300).learner == training().settings.learner
