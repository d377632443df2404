"""Training with priors that are known by samples or clipped: it follows the reward, is stored, and resumes exactly."""

from dataclasses import replace

import numpy as np
import pytest

from corridor_runs import SETTINGS as CORRIDOR
from mereq.alignment.policy_start import residual
from mereq.core.distribution import ClippedGaussian, WeightedSamples
from mereq.core.errors import CorruptCheckpoint, WrongPolicyOutput
from mereq.core.function_policies import ClippedGaussianPolicy, DeterministicPolicy, SampledPolicy
from mereq.core.policy import LogitsPolicy
from mereq.core.reward import LinearReward
from mereq.maxent_rl.replay import Replay
from mereq.maxent_rl.sac import SACSettings
from mereq.maxent_rl.sampled_q import SampledQPolicy
from mereq.maxent_rl.simulator_training import SimulatorTraining, TrainingSchedule
from mereq.store.policies import fingerprint, load_policy, save_policy
from toys import LINE

SCHEDULE = TrainingSchedule(
    n_envs=5,
    chunk=50,
    updates_per_step=0.5,
    batch_size=64,
    learning_starts=100,
    epsilon_start=0.3,
    epsilon_end=0.0,
    exploration_fraction=0.5,
)
LEARNER = SACSettings(
    hidden=(16,),
    learning_rate=1e-2,
    temperature_learning_rate=1e-3,
    gamma=0.5,
    tau=0.1,
    temperature=0.1,
    prior_temperature=0.1,
)
SETTINGS = replace(CORRIDOR, learner=LEARNER)
TOWARDS = LinearReward(np.array([1.0, 0.0]))
LOW, HIGH = np.array([-1.0]), np.array([1.0])
SAMPLED = SampledPolicy(lambda obs, rng: np.clip(rng.normal(0, 0.5, (len(obs), 1)), -1, 1), LINE.actions, 8)
BEYOND = ClippedGaussianPolicy(lambda obs: (np.full((len(obs), 1), -1.5), np.full((len(obs), 1), -0.5)), LOW, HIGH)
SCRIPT = DeterministicPolicy(lambda obs: np.zeros((len(obs), 1)), LINE.actions, noise=0.5)
OBS = np.stack([np.linspace(-0.7, 0.7, 20), np.ones(20)], axis=1).astype(np.float32)


def training_of(prior) -> SimulatorTraining:
    learner, state = residual(LINE, prior, SETTINGS, seed=0)
    replay = Replay(
        2000,
        obs_size=LINE.obs_size,
        actions=LINE.actions,
        n_features=2,
        n_prior_parameters=learner.n_prior_parameters,
    )
    training = SimulatorTraining(learner=learner, state=state, replay=replay, task=LINE, prior=prior, schedule=SCHEDULE)
    training.start_phase(0, 0)
    return training


@pytest.mark.parametrize(
    ("prior", "kind", "n_steps"),
    [(SAMPLED, WeightedSamples, 1000), (BEYOND, ClippedGaussian, 2500), (SCRIPT, ClippedGaussian, 1000)],
    ids=["samples", "a normal far beyond a limit", "a script"],
)
def test_training_follows_the_reward_from_the_prior(prior, kind, n_steps):
    """It starts at the prior exactly, and learns to go towards the other side, where the reward is."""
    training = training_of(prior)
    first = training.policy().distribution(OBS)
    np.testing.assert_array_equal(first.mode(), prior.distribution(OBS).mode())
    assert isinstance(first, kind)
    training.train(n_steps, TOWARDS, epsilon=0.2)
    after = training.policy().distribution(OBS)
    assert (after.mode() - first.mode()).mean() > 0.3
    assert np.isfinite(training.loss)


def test_a_policy_over_samples_is_stored_and_training_resumes_exactly(tmp_path):
    one, other = training_of(SAMPLED), training_of(SAMPLED)
    one.train(200, TOWARDS, epsilon=0.2)
    policy = one.policy()
    assert isinstance(policy, SampledQPolicy)
    save_policy(tmp_path / "policy", policy, about={})
    loaded = load_policy(tmp_path / "policy", LINE, prior=SAMPLED)
    np.testing.assert_array_equal(loaded.distribution(OBS).log_weights, policy.distribution(OBS).log_weights)
    assert loaded.temperature == LEARNER.prior_temperature
    with pytest.raises(CorruptCheckpoint, match="needs the prior"):
        load_policy(tmp_path / "policy", LINE)
    other.restore(one.arrays())
    for training in (one, other):
        training.start_phase(0, 1)
        training.train(100, TOWARDS, epsilon=0.0)
    np.testing.assert_array_equal(*(t.policy().distribution(OBS).log_weights for t in (one, other)))
    with pytest.raises(TypeError):  # the prior is a function: it has no checksum, and no file
        fingerprint(policy)


def test_a_prior_of_another_kind_is_refused():
    with pytest.raises(WrongPolicyOutput, match="gives a Categorical distribution"):
        residual(LINE, LogitsPolicy(lambda obs: np.zeros((len(obs), 3)), 3), SETTINGS, seed=0)
    policy = training_of(SAMPLED).policy()
    with pytest.raises(WrongPolicyOutput, match="must be WeightedSamples of 1 coordinates"):
        policy.given_prior(OBS, SCRIPT.distribution(OBS))
