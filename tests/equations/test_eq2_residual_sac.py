"""Residual SAC's two losses: section 3.1 for continuous actions, by hand, by quadrature, and at their optimum.

The optimum by construction. Choose a prior pi, a policy pihat and state values v freely, and let
    Q_R(s, a) = alphahat log pihat(a|s) + v(s) - alpha log pi(a|s),   r_R(s, a) = Q_R(s, a) - gamma v(s').
Then Qhat = Q_R + alpha log pi = alphahat log pihat + v is the soft Q-function, at alphahat, of the reward
alpha log pi + r_R, and pihat is its Boltzmann policy, Eq. (1), with soft value v: no better policy of any kind exists.
"""

from collections.abc import Callable
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exact import slope
from exact_sac import ReferenceSAC, expectation, flat, log_density, network, unflat
from mereq.maxent_rl import sac as module
from mereq.maxent_rl.networks import Layer
from mereq.maxent_rl.replay import Batch
from mereq.maxent_rl.sac import SAC, SACSettings, SACState

pytestmark = pytest.mark.paper("section 3.1 residual SAC, its losses and an update")

OBS_SIZE, BATCH = 3, 7
temperatures = st.floats(0.05, 3)
few = settings(max_examples=10)


@pytest.fixture(autouse=True, scope="module")
def double_precision():
    with jax.enable_x64(True):
        yield


def numbers(**chosen) -> SACSettings:
    defaults = {
        "hidden": (6, 5),
        "learning_rate": 1e-2,
        "temperature_learning_rate": 1e-2,
        "gamma": 0.9,
        "tau": 0.1,
        "temperature": 0.5,
        "prior_temperature": 0.3,
    }
    return SACSettings(**{**defaults, **chosen})


def problem(seed: int, n_actions: int, **chosen) -> tuple[SAC, SACState, Batch]:
    """Random networks (target critics other than the critics) and a random batch."""
    rng = np.random.default_rng(seed)

    def mlp(*sizes):
        return tuple(Layer(rng.normal(size=pair) / 2, rng.normal(size=pair[1]) / 2) for pair in pairwise(sizes))

    learner = SAC(OBS_SIZE, n_actions, numbers(**chosen))
    actor = mlp(OBS_SIZE, 6, 5, 2 * n_actions)
    critics, others = ((mlp(OBS_SIZE + n_actions, 6, 5, 1), mlp(OBS_SIZE + n_actions, 6, 5, 1)) for _ in range(2))
    state = learner.begin(actor, critics, jax.random.key_data(jax.random.key(seed)))
    state = state._replace(
        log_temperature=state.log_temperature.astype(float), target_critics=jax.tree.map(jnp.asarray, others)
    )
    state = state._replace(temperature_optimizer=jax.tree.map(_double, state.temperature_optimizer))
    batch = Batch(
        obs=rng.normal(size=(BATCH, OBS_SIZE)),
        action=np.tanh(rng.normal(size=(BATCH, n_actions))),
        reward=rng.normal(size=BATCH),
        next_obs=rng.normal(size=(BATCH, OBS_SIZE)),
        terminated=(rng.random(BATCH) < 0.3).astype(float),
        prior=rng.normal(size=(BATCH, 2 * n_actions)),
        next_prior=rng.normal(size=(BATCH, 2 * n_actions)),
    )
    return learner, state, batch


def _double(leaf):
    return leaf.astype(float) if leaf.dtype == jnp.float32 else leaf


def reference(learner: SAC, state: SACState) -> ReferenceSAC:
    """The same state, in NumPy."""
    chosen = learner.settings
    networks = (jax.tree.map(np.asarray, part) for part in (state.actor, state.critics, state.target_critics))
    return ReferenceSAC(
        *networks,
        float(state.log_temperature),
        chosen.gamma,
        chosen.tau,
        chosen.prior_temperature,
        chosen.learning_rate,
    )


def alpha_of(state: SACState):
    return jnp.exp(state.log_temperature)


# ---------------------------------------------------------------------------------------------- by hand


@few
@given(st.integers(0, 1000), st.integers(1, 2), temperatures, st.floats(0, 3), st.floats(0, 0.99))
def test_the_target_by_hand(seed, n_actions, temperature, prior_temperature, gamma):
    """y = r_R + gamma (1 - terminated) (min_j Q'_j + alpha log pi - alphahat log pihat), with the same noise."""
    learner, state, batch = problem(
        seed, n_actions, temperature=temperature, prior_temperature=prior_temperature, gamma=gamma
    )
    key = jax.random.key(seed)
    target = learner._target(state, alpha_of(state), batch, key)
    noise = np.asarray(jax.random.normal(key, (BATCH, n_actions)))
    np.testing.assert_allclose(target, reference(learner, state).target(batch, noise), rtol=1e-9, atol=1e-9)


@few
@given(st.integers(0, 1000), st.integers(1, 2), temperatures, st.floats(0, 3))
def test_the_actors_loss_by_hand(seed, n_actions, temperature, prior_temperature):
    """The mean of alphahat log pihat - min_j Q_j - alpha log pi, and its gradient by finite differences."""
    learner, state, batch = problem(seed, n_actions, temperature=temperature, prior_temperature=prior_temperature)
    key = jax.random.key(seed)
    (loss, log_pi), gradient = jax.value_and_grad(learner._actor_loss, has_aux=True)(
        state.actor, state.critics, alpha_of(state), batch, key
    )
    noise = np.asarray(jax.random.normal(key, (BATCH, n_actions)))
    ours = reference(learner, state)

    def by_hand(numbers):
        return ours.actor_loss(unflat(numbers, ours.actor), ours.critics, batch, noise)

    np.testing.assert_allclose(loss, by_hand(flat(ours.actor)), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(flat(gradient), slope(by_hand, flat(ours.actor), 1e-6), rtol=1e-4, atol=1e-6)
    assert float(log_pi) == pytest.approx(ours.act(ours.actor, batch.obs, batch.prior, noise)[1].mean(), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n_actions", "prior_temperature"), [(1, 0.0), (2, 0.4)])
def test_updates_by_hand(seed, n_actions, prior_temperature):
    """Four updates, each part of the state: critics before actor before temperature before target critics; Adam."""
    learner, state, _ = problem(seed, n_actions, prior_temperature=prior_temperature)
    drawn = [problem(10 * seed + n, n_actions)[2] for n in range(4)]
    ours, key = reference(learner, state), jax.random.wrap_key_data(state.key)
    state, _ = learner.update(state, Batch(*(np.stack(column) for column in zip(*drawn, strict=True))))
    for batch in drawn:
        key, for_target, for_actor = jax.random.split(key, 3)
        noises = (np.asarray(jax.random.normal(k, (BATCH, n_actions))) for k in (for_target, for_actor))
        ours.update(batch, *noises, target_entropy=-n_actions)
    for name in ("actor", "critics", "target_critics", "log_temperature"):
        np.testing.assert_allclose(flat(getattr(state, name)), flat(getattr(ours, name)), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(state.key, jax.random.key_data(key))


def test_nothing_is_expected_after_a_termination():
    """terminated = 1: the target is the residual reward alone."""
    learner, state, batch = problem(0, 2)
    ended = batch._replace(terminated=np.ones(BATCH))
    target = learner._target(state, alpha_of(state), ended, jax.random.key(0))
    np.testing.assert_array_equal(target, batch.reward)


# ------------------------------------------------------------------------------------------- by quadrature


def repeated(batch: Batch, n: int) -> Batch:
    """The batch's first row n times: a mean over it is an expectation over the noise."""
    return Batch(*(np.repeat(column[:1], n, axis=0) for column in batch))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("prior_temperature", [0.0, 0.4])
def test_the_losses_are_right_in_expectation(seed, prior_temperature):
    """Target and actor's loss, averaged over 100,000 draws of the action, against integrals over the action."""
    learner, state, batch = problem(seed, 1, prior_temperature=prior_temperature)
    many = repeated(batch._replace(terminated=np.zeros(BATCH)), 100_000)
    targets = np.asarray(learner._target(state, alpha_of(state), many, jax.random.key(seed)))
    key = jax.random.key(seed + 100)
    loss, _ = learner._actor_loss(state.actor, state.critics, alpha_of(state), many, key)
    ours, temperature = reference(learner, state), float(alpha_of(state))

    def soft_value(critics, obs, prior) -> float:
        """E min_j Q_j + alpha log pi - alphahat log pihat, by the trapezoidal rule."""
        mean, log_std = ((prior if prior_temperature else 0) + network(ours.actor, obs))[0]

        def inside(u):
            column = u[:, None]
            q = ours.lowest(critics, np.repeat(obs, len(u), axis=0), np.tanh(column))
            log_pihat, log_prior = log_density(column, mean, log_std), log_density(column, *prior[0])
            return q + prior_temperature * log_prior - temperature * log_pihat

        return expectation(inside, mean, log_std)

    exact = batch.reward[0] + 0.9 * soft_value(ours.target_critics, batch.next_obs[:1], batch.next_prior[:1])
    error = targets.std() / np.sqrt(len(targets))
    assert abs(targets.mean() - exact) < 4 * error < 0.1
    assert abs(loss + soft_value(ours.critics, batch.obs[:1], batch.prior[:1])) < 0.05


# ------------------------------------------------------------------------------------------ at the optimum


def optimum(
    seed: int, n_actions: int, *, temperature: float, prior_temperature: float
) -> tuple[SAC, SACState, Batch, Callable]:
    """A learner whose policy is the best one, a batch with r_R, and Q_R(obs, action): see above, v(s) = obs[-1]."""
    learner, state, batch = problem(seed, n_actions, temperature=temperature, prior_temperature=prior_temperature)
    rng = np.random.default_rng(seed)
    prior, change = (0.2 * rng.normal(size=(OBS_SIZE, 2 * n_actions)) for _ in range(2))  # linear in the observation
    prior *= learner.has_prior
    actor = (Layer(jnp.asarray(change), jnp.zeros(2 * n_actions)),)

    def q(obs, action):
        """In JAX, so that losses can be differentiated through it."""
        u = jnp.arctanh(action)

        def log_prob(parameters):
            mean, log_std = jnp.split(parameters, 2, axis=-1)
            log_slope = 2 * jnp.log(jnp.cosh(u))
            z = (u - mean) / jnp.exp(log_std)
            return (-0.5 * z**2 - log_std - 0.5 * jnp.log(2 * jnp.pi) + log_slope).sum(axis=-1)

        return temperature * log_prob(obs @ (prior + change)) - prior_temperature * log_prob(obs @ prior) + obs[..., -1]

    batch = batch._replace(prior=batch.obs @ prior, next_prior=batch.next_obs @ prior)
    bootstrapped = (1 - batch.terminated) * batch.next_obs[:, -1]
    batch = batch._replace(reward=np.asarray(q(batch.obs, batch.action)) - 0.9 * bootstrapped)
    return learner, state._replace(actor=actor), batch, q


@few
@given(st.integers(0, 1000), st.integers(1, 2), temperatures, temperatures)
def test_at_the_optimum_every_target_is_the_residual_q_function(seed, n_actions, temperature, prior_temperature):
    """Whatever the noise: alphahat log pihat - alpha log pi - Q_R is the same for all actions. No constant is left."""
    with pytest.MonkeyPatch.context() as patch:
        learner, state, batch, q = optimum(
            seed, n_actions, temperature=temperature, prior_temperature=prior_temperature
        )
        patch.setattr(module, "lowest", lambda critics, obs, action: q(obs, action))
        alpha_here = jnp.float64(temperature)
        target = learner._target(state, alpha_here, batch, jax.random.key(seed))
        np.testing.assert_allclose(target, q(batch.obs, batch.action), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("temperature", "prior_temperature"), [(0.5, 0.5), (0.2, 0.7), (0.7, 0.2), (0.5, 0.0)])
def test_at_the_optimum_the_actor_stays(temperature, prior_temperature):
    """The gradient's mean over 20 times 5000 draws is zero within its standard error; a wrong temperature moves it."""
    with pytest.MonkeyPatch.context() as patch:
        learner, state, batch, q = optimum(1, 1, temperature=temperature, prior_temperature=prior_temperature)
        patch.setattr(module, "lowest", lambda critics, obs, action: q(obs, action))
        many = repeated(batch, 5000)

        @jax.jit
        @jax.grad
        def gradient(actor, temperature, key):
            return learner._actor_loss(actor, state.critics, temperature, many, key)[0]

        def in_standard_errors(temperature: float) -> np.ndarray:
            keys = jax.random.split(jax.random.key(3), 20)
            drawn = np.stack([flat(gradient(state.actor, jnp.float64(temperature), key)) for key in keys])
            return np.abs(drawn.mean(axis=0)) / (drawn.std(axis=0, ddof=1) / np.sqrt(20))

        assert in_standard_errors(temperature).max() < 4
        assert in_standard_errors(1.5 * temperature).max() > 8
