"""Behaviour cloning of continuous actions: least squares around tanh of the network, and what becomes of it."""

import itertools

import jax
import numpy as np
import pytest

from exact import slope
from exact_sac import flat, network, unflat
from mereq.core.actions import Box, Discrete
from mereq.imitation.cloning import (
    CLONE_STD,
    CategoricalLikelihood,
    Cloning,
    CloningSettings,
    NormalLikelihood,
    likelihood_of,
)
from mereq.imitation.demonstrations import Demonstrations
from mereq.maxent_rl.networks import Layer
from toys import one_hot

pytestmark = pytest.mark.paper("section 4 behaviour cloning, continuous actions")

TABLE = CloningSettings(hidden=(), learning_rate=0.03, weight_decay=0.0, batch_size=16)
OBS_SIZE, N_ACTIONS = 4, 2
ACTIONS = np.array([[0.5, -0.9], [0.0, 0.3], [-0.7, 0.95], [0.2, 0.2]], np.float32)  # in each state


def repeated(batch: Demonstrations, n_updates: int) -> Demonstrations:
    return Demonstrations(*(np.broadcast_to(column, (n_updates, *column.shape)) for column in batch))


def cloned(batch: Demonstrations, hidden=()):
    """What 1500 updates make of demonstrations: learner and state."""
    settings = CloningSettings(hidden=hidden, learning_rate=0.03, weight_decay=0.0, batch_size=16)
    learner = Cloning(OBS_SIZE, NormalLikelihood(N_ACTIONS), settings)
    state, metrics = learner.update(learner.init(0), repeated(batch, 1500))
    return learner, state, metrics


def test_each_kind_of_actions_has_its_likelihood():
    assert likelihood_of(Box(3)) == NormalLikelihood(3)
    assert likelihood_of(Discrete(3)) == CategoricalLikelihood(3)


def test_the_loss_and_its_gradient():
    """In float64, by hand: half the squared distance between tanh of the outputs and the action, mean over rows."""
    rng = np.random.default_rng(0)
    layers = tuple(Layer(rng.normal(size=pair), rng.normal(size=pair[1])) for pair in itertools.pairwise((4, 5, 2)))
    batch = Demonstrations(rng.normal(size=(7, OBS_SIZE)), rng.uniform(-1, 1, (7, N_ACTIONS)))

    def by_hand(numbers: np.ndarray) -> float:
        outputs = network(unflat(numbers, layers), batch.obs)
        return (
            sum(
                0.5 * (np.tanh(outputs[n]) - batch.action[n]) @ (np.tanh(outputs[n]) - batch.action[n])
                for n in range(7)
            )
            / 7
        )

    with jax.enable_x64(True):
        loss, gradient = jax.value_and_grad(NormalLikelihood(N_ACTIONS).negative_log_likelihood)(layers, batch)
    assert float(loss) == pytest.approx(by_hand(flat(layers)), rel=1e-12)
    np.testing.assert_allclose(flat(gradient), slope(by_hand, flat(layers)), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("hidden", [(), (16,)])
def test_the_clone_does_what_was_demonstrated(hidden):
    """A table of actions; the mode of the policy is tanh of the network's outputs."""
    obs = one_hot(range(OBS_SIZE), OBS_SIZE)
    learner, state, metrics = cloned(Demonstrations(obs, ACTIONS), hidden)
    policy = learner.policy(state)
    np.testing.assert_allclose(policy.distribution(obs).mode(), ACTIONS, atol=0.01)
    outputs = network(tuple(jax.tree.map(np.asarray, state.network)), obs)
    np.testing.assert_allclose(policy.distribution(obs).mode(), np.tanh(outputs), rtol=1e-5, atol=1e-6)
    assert float(metrics.loss) < 0.05  # mean over the call, its beginning included


def test_of_contradictions_the_mean_is_learned():
    """Maximum likelihood with one variance for all: a quarter of 0.8 and three quarters of -0.4."""
    obs = one_hot([0, 0, 0, 0], OBS_SIZE)
    action = np.array([[0.8, 0.0], [-0.4, 0.0], [-0.4, 0.0], [-0.4, 0.6]], np.float32)
    learner, state, _ = cloned(Demonstrations(obs, action))
    mode = learner.policy(state).distribution(obs[:1]).mode()
    np.testing.assert_allclose(mode, [[-0.1, 0.15]], atol=0.005)


def test_an_action_at_its_limit_is_approached():
    """tanh never gets to 1: the network stays finite."""
    obs = one_hot(range(OBS_SIZE), OBS_SIZE)
    learner, state, _ = cloned(Demonstrations(obs, np.sign(ACTIONS - 0.1).astype(np.float32)))
    assert all(np.isfinite(array).all() for array in state.arrays().values())
    np.testing.assert_allclose(learner.policy(state).distribution(obs).mode(), np.sign(ACTIONS - 0.1), atol=0.03)


def test_a_sampled_clone_has_a_spread():
    """`CLONE_STD`, before the tanh, in every state; and it stands on no prior."""
    learner = Cloning(OBS_SIZE, NormalLikelihood(N_ACTIONS), TABLE)
    policy = learner.policy(learner.init(0))
    distribution = policy.distribution(np.random.default_rng(0).normal(size=(9, OBS_SIZE)).astype(np.float32))
    np.testing.assert_allclose(distribution.log_std, np.log(CLONE_STD), rtol=1e-6)
    assert (policy.prior, policy.critics, policy.n_actions) == (None, None, N_ACTIONS)


def test_a_state_survives_its_arrays():
    """Training that continues from there is bit-equal."""
    obs = one_hot(range(OBS_SIZE), OBS_SIZE)
    learner, state, _ = cloned(Demonstrations(obs, ACTIONS), (8,))
    restored = learner.init(9).from_arrays({name: array.copy() for name, array in state.arrays().items()})
    batch = repeated(Demonstrations(obs, -ACTIONS), 3)
    one, other = (learner.update(begun, batch)[0].arrays() for begun in (state, restored))
    assert all(np.array_equal(one[name], other[name]) for name in one)
