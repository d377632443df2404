"""Eq. (2) for priors that are known by samples, and for normals that are clipped: exact where exact answers exist."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from exact import boltzmann, random_mdp, soft_maximum
from mereq.core.actions import Box
from mereq.core.distribution import Categorical, ClippedGaussian, WeightedSamples
from mereq.core.function_policies import ClippedGaussianPolicy, SampledPolicy
from mereq.maxent_rl.boltzmann import residual_target
from mereq.maxent_rl.gaussians import CLIPPED, clipped
from mereq.maxent_rl.networks import Layer, apply_mlp_numpy
from mereq.maxent_rl.replay import Batch
from mereq.maxent_rl.sac import SAC, ActorPolicy, SACSettings
from mereq.maxent_rl.sampled_q import SampledQ, SampledQState, mean_soft_value

ALPHA, GAMMA, N = 0.4, 0.9, 16
SETTINGS = SACSettings(
    hidden=(8,),
    learning_rate=3e-3,
    temperature_learning_rate=0.0,
    gamma=GAMMA,
    tau=0.05,
    temperature=ALPHA,
    prior_temperature=ALPHA,
)
COUNTS = np.array([8, 5, 3])  # of each of three actions, among sixteen draws
PRIOR = COUNTS / COUNTS.sum()


def drawn(n_rows: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of actions, each as often as the prior's probability says, in random order: (n_rows, 16)."""
    return np.stack([rng.permutation(np.repeat(np.arange(3), COUNTS)) for _ in range(n_rows)])


# --------------------------------------------------------------------------------------------- finitely many actions


def test_with_every_action_drawn_by_its_probability_the_target_is_exact():
    rng = np.random.default_rng(0)
    q, reward, terminated = rng.normal(size=(5, 3)), rng.normal(size=5), np.array([0.0, 1, 0, 0, 1])
    shares = Categorical.from_samples(drawn(5, rng), 3).log_probs
    with jax.enable_x64(True):
        found = residual_target(
            reward, terminated, q, shares.astype(float), temperature=ALPHA, prior_temperature=ALPHA, gamma=GAMMA
        )
        sampled = mean_soft_value(np.take_along_axis(q, drawn(5, rng), axis=1), temperature=ALPHA)
    exact = soft_maximum(q + ALPHA * np.log(PRIOR), ALPHA)
    np.testing.assert_allclose(found, reward + GAMMA * (1 - terminated) * exact, rtol=1e-6)
    np.testing.assert_allclose(sampled, exact, rtol=1e-6)


def test_iterated_it_leads_to_the_exact_residual_q_function():
    """Soft value iteration with alpha log mean_i exp(Q_R(s', a_i) / alpha) ends at Qhat - Q*: section 3.1."""
    rng = np.random.default_rng(1)
    mdp = random_mdp(rng)
    r, r_residual = rng.uniform(-0.3, 0.3, (2, mdp.n_states, 3))
    q_star = mdp.soft_q(r, temperature=ALPHA, gamma=GAMMA)
    q_hat = mdp.soft_q(r + r_residual, temperature=ALPHA, gamma=GAMMA)
    prior = boltzmann(q_star, ALPHA)
    n = 20_000
    actions = np.stack(
        [np.repeat(np.arange(3), np.diff(np.rint(np.append(0, p.cumsum()) * n).astype(int))) for p in prior]
    )
    q = np.zeros_like(r)
    with jax.enable_x64(True):
        for _ in range(250):
            value = np.asarray(mean_soft_value(np.take_along_axis(q, actions, axis=1), temperature=ALPHA))
            q = r_residual + GAMMA * np.where(mdp.terminal, 0.0, value)[mdp.successors].mean(axis=-1)
    np.testing.assert_allclose(q, q_hat - q_star, atol=1e-3)  # shares of 20,000 are rounded probabilities


def test_the_exponential_of_the_value_is_right_in_expectation():
    rng = np.random.default_rng(2)
    q = np.array([0.5, -0.2, 0.1])
    actions = rng.choice(3, size=(40_000, 4), p=PRIOR)
    found = np.exp(np.asarray(mean_soft_value(q[actions], temperature=ALPHA), float) / ALPHA)
    assert found.mean() == pytest.approx(PRIOR @ np.exp(q / ALPHA), abs=4 * float(found.std()) / 200)


# ------------------------------------------------------------------------------------------------ continuous actions


def network(seed: int, *sizes: int, scale: float = 1.0):
    rng = np.random.default_rng(seed)
    return tuple(
        Layer((scale * rng.normal(size=(a, b))).astype(np.float32), (scale * rng.normal(size=b)).astype(np.float32))
        for a, b in itertools.pairwise(sizes)
    )


CRITICS = network(0, 3, 8, 1, scale=0.4), network(1, 3, 8, 1, scale=0.4)
ZEROS = network(0, 3, 8, 1, scale=0), network(0, 3, 8, 1, scale=0)


def problem():
    learner = SampledQ(2, 1, N, SETTINGS)
    rng = np.random.default_rng(3)
    places = np.array([-0.7, 0.1, 0.6], np.float32)
    obs, next_obs = rng.normal(size=(2, 5, 2)).astype(np.float32)
    actions = places[drawn(5, rng)][..., None]
    state = SampledQState(CRITICS, CRITICS, ())
    ended = np.array([0.0, 0, 1, 0, 0])
    batch = Batch(obs, actions[:, 0], rng.normal(size=5), next_obs, ended, actions, actions.reshape(5, N))

    def q(obs):
        inputs = np.stack([np.append(row, place) for row in obs for place in places]).astype(np.float32)
        return np.minimum(*(apply_mlp_numpy(critic, inputs)[:, 0] for critic in CRITICS)).reshape(-1, 3)

    return learner, state, batch, places, actions, q


def test_the_learners_target_is_exact_for_three_actions():
    learner, state, batch, _, _, q = problem()
    exact = batch.reward + GAMMA * (1 - batch.terminated) * soft_maximum(
        q(batch.next_obs) + ALPHA * np.log(PRIOR), ALPHA
    )
    np.testing.assert_allclose(learner._target(state.target_critics, batch), exact, rtol=1e-5)


def test_the_learners_policy_is_the_customized_policy():
    """Shares of each action among the weights: softmax of (Q_R + alpha log pi) / alpha."""
    learner, state, batch, places, actions, q = problem()
    prior = SampledPolicy(lambda obs, rng: rng.uniform(-1, 1, (len(obs), 1)), Box(1), N)
    policy = learner.policy(state, prior)
    given = WeightedSamples(actions, np.zeros((5, N), np.float32), np.linspace(0, 0.9, 5))
    found = policy.given_prior(batch.obs, given)
    weights = boltzmann(found.log_weights.astype(float), 1.0)
    shares = np.stack([(weights * (actions[..., 0] == place)).sum(axis=1) for place in places], axis=1)
    np.testing.assert_allclose(shares, boltzmann(q(batch.obs) + ALPHA * np.log(PRIOR), ALPHA), rtol=1e-4)
    first = learner.policy(SampledQState(ZEROS, ZEROS, ()), prior)
    np.testing.assert_array_equal(first.distribution(batch.obs).mode(), prior.distribution(batch.obs).mode())


# ---------------------------------------------------------------------------------------------------- clipped normals


LEARNER = SAC(2, 1, SETTINGS, CLIPPED)


def test_target_and_actors_loss_are_right_in_expectation():
    """Over 20,000 draws, against an integral over u of Q(clip(u)) + alpha log pi(u) - alphahat log pihat(u)."""
    prior, obs = np.array([[0.8, -0.5]], np.float32), np.array([[0.3, -1.0]], np.float32)
    actor = (Layer(np.zeros((2, 2), np.float32), np.array([0.3, -0.2], np.float32)),)  # changes of mean and log-std
    state = LEARNER.begin(actor, CRITICS, jnp.zeros(2, jnp.uint32))
    n = 20_000
    rows = [np.repeat(column, n, axis=0) for column in (obs, np.zeros((1, 1), np.float32), np.ones(1), obs)]
    many = Batch(*rows, np.zeros(n), np.repeat(prior, n, axis=0), np.repeat(prior, n, axis=0))
    temperature = jnp.float32(0.7)
    u = np.linspace(-5, 7, 20_001)
    inputs = np.stack([np.full_like(u, obs[0, 0]), np.full_like(u, obs[0, 1]), np.clip(u, -1, 1)], axis=1)
    q = np.minimum(*(apply_mlp_numpy(critic, inputs)[:, 0] for critic in CRITICS))
    log_prior, log_pihat = (norm.logpdf(u, mean, np.exp(log_std)) for mean, log_std in ((0.8, -0.5), (1.1, -0.7)))
    value = (np.exp(log_pihat) * (q + ALPHA * log_prior - 0.7 * log_pihat)).sum() * (u[1] - u[0])
    target = np.asarray(LEARNER._target(state, temperature, many, jax.random.key(0)))
    assert target.mean() == pytest.approx(1 + GAMMA * value, abs=4 * target.std() / np.sqrt(n))
    loss, _ = LEARNER._actor_loss(state.actor, state.critics, temperature, many, jax.random.key(1))
    assert float(loss) == pytest.approx(-value, abs=0.04)


def test_the_first_policy_is_the_prior():
    """Bit for bit, beyond the limits too; and it draws the same actions."""
    rng = np.random.default_rng(4)
    mean, log_std = rng.normal(0, 3, (6, 1)), rng.uniform(-3, 3, (6, 1))
    prior = ClippedGaussianPolicy(lambda obs: (mean, log_std), np.array([-2.0]), np.array([5.0]))
    policy, obs = ActorPolicy(network(0, 2, 8, 2, scale=0), None, prior), rng.normal(size=(6, 2)).astype(np.float32)
    first, wanted = policy.distribution(obs), prior.distribution(obs)
    assert isinstance(first, ClippedGaussian)
    np.testing.assert_array_equal(first.parameters, wanted.parameters)
    np.testing.assert_array_equal(*(each.sample(np.random.default_rng(0)) for each in (first, wanted)))
    parameters, zeros = wanted.parameters, jax.tree.map(jnp.asarray, network(0, 2, 8, 2, scale=0))
    _, log_pihat, log_prior = LEARNER._act(zeros, obs, parameters, jax.random.key(0))
    np.testing.assert_array_equal(log_pihat, log_prior)


@pytest.mark.parametrize(
    ("u", "mean", "towards", "slope"),
    [
        (0.5, 0.2, 1.0, 1.0),  # inside: the derivative of clip
        (1.5, 0.2, -1.0, 0.0),  # a draw beyond the limit, from a mean inside: the derivative of clip
        (1.5, 1.2, 1.0, 0.0),  # both beyond: further out nothing changes
        (1.5, 1.2, -1.0, 1.0),  # both beyond, and the objective leads back inside
        (-1.5, -1.2, 1.0, 1.0),
        (-1.5, -1.2, -1.0, 0.0),
    ],
)
def test_the_derivative_of_clipping(u, mean, towards, slope):
    """`towards` is the direction in which the action should move: minus the gradient of the loss."""
    gradient = jax.grad(lambda u: -towards * clipped(u, jnp.full(1, mean))[0])(jnp.full(1, u))
    assert float(gradient[0]) == -towards * slope
