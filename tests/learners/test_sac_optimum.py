"""Residual SAC learns policies and soft values that are known: by quadrature on a grid, by linear algebra, by design.

Networks are small and see one-hot states. The temperature is held where the exact answer is for a given one; in one
test it is learned, and so is where it ends up.
"""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq, minimize

from exact_sac import expectation, log_density
from mereq.maxent_rl.networks import Layer
from mereq.maxent_rl.replay import Batch
from mereq.maxent_rl.sac import SAC, SACSettings, SACState, value
from toys import one_hot

pytestmark = [pytest.mark.optimised, pytest.mark.paper("section 3.1 residual SAC, learned")]

S, GAMMA, BATCH, N_UPDATES = 3, 0.8, 256, 1500
SETTINGS = SACSettings(
    hidden=(64, 64),
    learning_rate=5e-3,
    temperature_learning_rate=5e-3,
    gamma=GAMMA,
    tau=0.05,
    temperature=0.5,
    prior_temperature=0.3,
)
PRIOR = np.array([[0.5, -0.5], [-0.4, -0.2], [0.0, -0.7]])  # mean and log-std in each state
SUCCESSOR = np.array([1, 2, 0])  # going on from the last state ends the episode in one of two cases
ENDS = np.array([0.0, 0.0, 0.5])


def drawn(reward, n_updates: int, seed: int) -> Batch:
    """Uniform states, actions from all over [-1, 1]; r(state, action) and the successors' columns beside them."""
    rng = np.random.default_rng(seed)
    shape = (n_updates, BATCH)
    state, action = rng.integers(S, size=shape), rng.uniform(-0.995, 0.995, shape)
    columns = Batch(
        obs=one_hot(state, S),
        action=action[..., None],
        reward=reward(state, action),
        next_obs=one_hot(SUCCESSOR[state], S),
        terminated=rng.random(shape) < ENDS[state],
        prior=PRIOR[state],
        next_prior=PRIOR[SUCCESSOR[state]],
    )
    return Batch(*(np.asarray(column, np.float32) for column in columns))


@partial(jax.jit, static_argnums=(0, 3, 4))
def update_holding(learner: SAC, state: SACState, batches: Batch, actor: bool, temperature: bool) -> SACState:
    """`SAC.update`, after each update of which the actor, or the temperature, is what it was."""

    def one(before: SACState, batch: Batch):
        after, _ = learner._update(before, batch)
        held = {"actor": before.actor} if actor else {}
        held |= {"log_temperature": before.log_temperature} if temperature else {}
        return after._replace(**held), None

    return jax.lax.scan(one, state, batches)[0]


def learn(settings: SACSettings, reward, *, zero_head: bool, actor=None, temperature=None) -> SACState:
    """Updates at a learning rate that falls to a twentieth. An actor or a temperature that is given is held."""
    learner = SAC(S, 1, replace(settings, decay_updates=int(0.9 * N_UPDATES)))
    state = learner.init(0, zero_head=zero_head)
    if actor is not None:
        state = learner.begin(actor, state.critics, state.key)
    if temperature is not None:
        state = state._replace(log_temperature=jnp.log(jnp.float32(temperature)))
    batches = drawn(reward, N_UPDATES, seed=0)
    return update_holding(learner, state, batches, actor is not None, temperature is not None)


def policy_of(state: SACState, settings: SACSettings) -> np.ndarray:
    """Mean and log-std in each state."""
    (*hidden, head), x = state.actor, jnp.eye(S)
    for weight, bias in hidden:
        x = jax.nn.relu(x @ weight + bias[None])
    return np.asarray(x @ head.weight + head.bias[None]) + (PRIOR if settings.prior_temperature else 0)


def values_of(state: SACState, actions: np.ndarray) -> np.ndarray:
    """Both critics at every state and action: (2, S, actions)."""
    obs, action = np.repeat(one_hot(range(S), S), len(actions), axis=0), np.tile(actions, S)[:, None]
    both = [value(critic, obs, action.astype(np.float32)) for critic in state.critics]
    return np.stack(both).reshape(2, S, len(actions))


def soft_value_of(q, policy: np.ndarray, prior: np.ndarray, temperature: float, prior_temperature: float) -> float:
    """E q(u) + alpha log pi - alphahat log pihat in one state, by quadrature; q is a function of u = arctanh(a)."""

    def inside(u):
        column = u[:, None]
        log_prior = prior_temperature * log_density(column, *prior) if prior_temperature else 0.0
        return q(u) + log_prior - temperature * log_density(column, *policy)

    return expectation(inside, *policy)


# ------------------------------------------------------------------------------------------------------- a bandit


def bandits_reward(state, action):
    """Another best action in each state, and another steepness."""
    return -np.array([1.0, 2.0, 0.5])[state] * (action - np.array([0.6, -0.3, 0.1])[state]) ** 2


def best_policy(temperature: float, prior_temperature: float) -> np.ndarray:
    """The best squashed Gaussian of each state of the bandit, by quadrature and a general optimizer."""

    def best(state):
        def loss(policy):
            return -soft_value_of(
                lambda u: bandits_reward(state, np.tanh(u)), policy, PRIOR[state], temperature, prior_temperature
            )

        return minimize(loss, np.array([0.0, -0.5]), method="BFGS", options={"gtol": 1e-6}).x

    return np.stack([best(state) for state in range(S)])


@pytest.mark.parametrize(("temperature", "prior_temperature"), [(0.3, 0.0), (0.2, 0.4)])
def test_the_bandits_policy_is_the_best_squashed_gaussian(temperature, prior_temperature):
    """Mean and log-std in every state, with a prior's term and without, at a temperature that is held."""
    settings = replace(SETTINGS, gamma=0.0, prior_temperature=prior_temperature)
    state = learn(settings, bandits_reward, zero_head=prior_temperature > 0, temperature=temperature)
    best = best_policy(temperature, prior_temperature)
    np.testing.assert_allclose(policy_of(state, settings), best, atol=0.04)
    assert np.abs(best - PRIOR).max() > 0.3
    actions = np.linspace(-0.9, 0.9, 19)
    for q in values_of(state, actions):
        np.testing.assert_allclose(q, bandits_reward(np.arange(S)[:, None], actions), atol=0.03)


def test_the_temperature_becomes_the_one_that_gives_the_wanted_entropy():
    """-1: found for the exact best policies by bisection, and by the learner by learning."""

    def mean_entropy(temperature):
        policies = best_policy(temperature, 0.0)
        return np.mean([soft_value_of(lambda u: 0 * u, policy, policy, 1.0, 0.0) for policy in policies])

    exact = brentq(lambda log_temperature: mean_entropy(np.exp(log_temperature)) + 1, -7, 0, xtol=1e-3)
    settings = replace(SETTINGS, gamma=0.0, prior_temperature=0.0, temperature=0.1)
    state = learn(settings, bandits_reward, zero_head=False)
    assert float(state.log_temperature) == pytest.approx(exact, abs=0.05)
    np.testing.assert_allclose(policy_of(state, settings), best_policy(float(np.exp(exact)), 0.0), atol=0.05)


# ------------------------------------------------------------------------------------------------ a chain of states


@pytest.mark.parametrize("prior_temperature", [0.0, 0.4])
def test_the_critics_are_the_soft_values_of_a_policy_that_is_held(prior_temperature):
    """Q = r + gamma (1 - d) V(s') with V from three linear equations, whose constants are integrals."""
    settings = replace(SETTINGS, prior_temperature=prior_temperature)
    changes = np.array([[0.2, 0.1], [-0.3, 0.2], [0.4, -0.1]], np.float32)
    policy = changes + (PRIOR if prior_temperature else 0)
    own = [
        soft_value_of(
            lambda u, s=s: bandits_reward(s, np.tanh(u)), policy[s], PRIOR[s], settings.temperature, prior_temperature
        )
        for s in range(S)
    ]
    with_rounds = GAMMA * (1 - ENDS)[:, None] * np.eye(S)[SUCCESSOR]
    exact = np.linalg.solve(np.eye(S) - with_rounds, own)
    actor = (Layer(jnp.asarray(changes), jnp.zeros(2)),)
    state = learn(settings, bandits_reward, zero_head=True, actor=actor, temperature=settings.temperature)
    actions = np.linspace(-0.9, 0.9, 19)
    expected = bandits_reward(np.arange(S)[:, None], actions) + (with_rounds @ exact)[:, None]
    assert np.abs(exact).min() > 0.1
    for q in values_of(state, actions):
        np.testing.assert_allclose(q, expected, atol=0.1)


def test_an_optimum_by_design_is_found():
    """Policy and residual Q-function of a chain of states whose max-ent optimum was chosen first; see
    `tests/equations/test_eq2_residual_sac.py`. Here nothing is exact but the answer.
    """
    temperature, prior_temperature = 0.5, 0.3
    wanted = np.array([[0.1, -0.6], [0.3, -0.4], [-0.4, -0.5]])
    v = np.array([0.5, -0.5, 1.0])

    def residual_q(state, action):
        column = np.arctanh(action)[..., None, None]
        log_pihat, log_prior = (
            log_density(column, table[state][..., None, :1], table[state][..., None, 1:])[..., 0]
            for table in (wanted, PRIOR)
        )
        return temperature * log_pihat - prior_temperature * log_prior + v[state]

    def reward(state, action):
        return residual_q(state, action) - GAMMA * ((1 - ENDS) * v[SUCCESSOR])[state]

    settings = replace(SETTINGS, prior_temperature=prior_temperature)
    state = learn(settings, reward, zero_head=True, temperature=temperature)
    np.testing.assert_allclose(policy_of(state, settings), wanted, atol=0.04)
    actions = np.linspace(-0.8, 0.8, 17)
    for q in values_of(state, actions):
        np.testing.assert_allclose(q, residual_q(np.arange(S)[:, None], actions[None, :]), atol=0.1)
