"""Behaviour cloning: maximum likelihood on a table is counting; its loss, compilation, and state as a value."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from compiling import assert_compiles_once
from mereq.core.errors import CorruptCheckpoint
from mereq.imitation.cloning import CategoricalLikelihood, Cloning, CloningSettings
from mereq.imitation.demonstrations import Demonstrations
from mereq.maxent_rl.networks import Layer
from toys import one_hot

pytestmark = pytest.mark.paper("section 4 behaviour cloning", "section 6 HG-DAgger-FT", "section 6 IWR-FT")

TABLE = CloningSettings(hidden=(), learning_rate=0.05, weight_decay=0.0, batch_size=16)
NETWORK = replace(TABLE, hidden=(8,))
OBS_SIZE, N_ACTIONS = 4, 3
COUNTS = np.array([[1, 2, 5], [4, 4, 4], [9, 1, 1], [2, 6, 2]])  # how often each action was taken in each state


def demonstrated() -> Demonstrations:
    """COUNTS, one pair after another."""
    states, actions = (np.repeat(index.ravel(), COUNTS.ravel()) for index in np.indices(COUNTS.shape))
    return Demonstrations(one_hot(states, OBS_SIZE), actions)


def repeated(batch: Demonstrations, n_updates: int) -> Demonstrations:
    return Demonstrations(*(np.broadcast_to(column, (n_updates, *column.shape)) for column in batch))


def batches(seed: int, n_updates: int = 3, size: int = 16) -> Demonstrations:
    rng = np.random.default_rng(seed)
    shape = (n_updates, size)
    return Demonstrations(rng.normal(size=(*shape, OBS_SIZE)).astype(np.float32), rng.integers(N_ACTIONS, size=shape))


def same(one, other) -> bool:
    """Bit-equal states."""
    one, other = one.arrays(), other.arrays()
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def probabilities(learner: Cloning, state) -> np.ndarray:
    return np.exp(learner.policy(state).distribution(np.eye(OBS_SIZE, dtype=np.float32)).log_probs)


# ---------------------------------------------------------------------------------------------- maximum likelihood


@pytest.mark.parametrize("hidden", [(), (16,)])
def test_the_clone_does_each_thing_as_often_as_was_demonstrated(hidden):
    """On one-hot observations the likelihood is greatest at the empirical frequencies, and nowhere else."""
    learner = Cloning(OBS_SIZE, CategoricalLikelihood(N_ACTIONS), replace(TABLE, hidden=hidden))
    state, _ = learner.update(learner.init(0), repeated(demonstrated(), 1500))
    frequencies = COUNTS / COUNTS.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities(learner, state), frequencies, atol=2e-3)
    least = -(COUNTS * np.log(frequencies)).sum() / COUNTS.sum()  # the demonstrations' conditional entropy
    assert float(
        CategoricalLikelihood(N_ACTIONS).negative_log_likelihood(state.network, demonstrated())
    ) == pytest.approx(least, abs=1e-4)


def test_weight_decay_keeps_the_clone_less_sure():
    """AdamW's: what was demonstrated once and never contradicted does not become certain."""
    batch = Demonstrations(one_hot(np.arange(4), OBS_SIZE), np.array([0, 1, 2, 0]))
    surest = []
    for decay in (0.0, 1.0):
        learner = Cloning(OBS_SIZE, CategoricalLikelihood(N_ACTIONS), replace(TABLE, weight_decay=decay))
        state, _ = learner.update(learner.init(0), repeated(batch, 1500))
        assert probabilities(learner, state).argmax(axis=1).tolist() == [0, 1, 2, 0]
        surest.append(probabilities(learner, state).max())
    assert surest[0] > 0.999
    assert surest[1] < 0.99


def likelihood_by_hand(logits: np.ndarray, batch: Demonstrations) -> float:
    """- mean over the batch of log pi(a|s), with pi(.|s) = softmax(logits of s)."""
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return -np.mean([np.log(p[n, action]) for n, action in enumerate(batch.action)])


def test_the_loss_and_its_gradient():
    """In float64: the gradient of a linear network is obs^T (pi - one-hot of a) / n."""
    rng = np.random.default_rng(0)
    layer = Layer(rng.normal(size=(OBS_SIZE, N_ACTIONS)), rng.normal(size=N_ACTIONS))
    batch = Demonstrations(rng.normal(size=(7, OBS_SIZE)), rng.integers(N_ACTIONS, size=7))
    logits = batch.obs @ layer.weight + layer.bias
    too_much = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) - np.eye(N_ACTIONS)[batch.action]
    with jax.enable_x64(True):
        loss, (gradient,) = jax.value_and_grad(CategoricalLikelihood(N_ACTIONS).negative_log_likelihood)(
            (layer,), batch
        )
        np.testing.assert_allclose(loss, likelihood_by_hand(logits, batch), rtol=1e-12)
        np.testing.assert_allclose(gradient.weight, batch.obs.T @ too_much / 7, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(gradient.bias, too_much.mean(axis=0), rtol=1e-10, atol=1e-12)


def test_the_loss_of_a_call_is_the_mean_of_its_updates():
    """Each update's own, before it."""
    learner, batch = Cloning(OBS_SIZE, CategoricalLikelihood(N_ACTIONS), NETWORK), batches(0)
    state, losses = learner.init(0), []
    for n in range(3):
        logits = learner.policy(state).values(batch.obs[n])
        losses.append(likelihood_by_hand(logits, Demonstrations(batch.obs[n], batch.action[n])))
        state, _ = learner.update(state, Demonstrations(*(column[n : n + 1] for column in batch)))
    at_once, metrics = learner.update(learner.init(0), batch)
    assert float(metrics.loss) == pytest.approx(np.mean(losses), rel=1e-5)
    for name, array in at_once.arrays().items():  # three calls of one update are one call of three
        np.testing.assert_allclose(array, state.arrays()[name], rtol=1e-4, atol=1e-6)


def test_an_observation_as_large_as_it_gets_leaves_the_parameters_finite():
    learner, batch = Cloning(OBS_SIZE, CategoricalLikelihood(N_ACTIONS), NETWORK), batches(1)
    state, _ = learner.update(learner.init(0), batch._replace(obs=1e6 * batch.obs))
    assert all(np.isfinite(array).all() for array in state.arrays().values())


# ----------------------------------------------------------------------------------------------------- compilation


TRACES = []


class CountingCloning(Cloning):
    """Takes note whenever its update is traced for compilation (once or more each time)."""

    @property
    def _optimizer(self):
        TRACES.append(1)
        return super()._optimizer


def test_update_compiles_once():
    of = OBS_SIZE, CategoricalLikelihood(N_ACTIONS)
    learner, equal = (CountingCloning(*of, settings) for settings in (TABLE, replace(TABLE)))
    assert_compiles_once(learner, equal, learner.init(0), batches, TRACES)


# ------------------------------------------------------------------------------------------------ state is a value


def test_same_seed_same_parameters():
    learner = Cloning(OBS_SIZE, CategoricalLikelihood(N_ACTIONS), NETWORK)
    one, again, other = (learner.update(learner.init(seed), batches(1))[0] for seed in (1, 1, 2))
    assert same(one, again)
    assert not same(one, other)
    assert not same(one, learner.update(learner.init(1), batches(2))[0])


def test_update_leaves_the_state_it_was_given():
    learner = Cloning(OBS_SIZE, CategoricalLikelihood(N_ACTIONS), NETWORK)
    start = learner.init(0)
    before = {name: array.copy() for name, array in start.arrays().items()}
    learner.update(start, batches(0))
    assert all(np.array_equal(before[name], array) for name, array in start.arrays().items())


def test_a_state_survives_its_arrays():
    """arrays() and from_arrays(): continued training is bit-equal, the optimiser's moments included."""
    learner = Cloning(OBS_SIZE, CategoricalLikelihood(N_ACTIONS), NETWORK)
    state, _ = learner.update(learner.init(0), batches(0))
    restored = learner.init(9).from_arrays({name: array.copy() for name, array in state.arrays().items()})
    assert same(restored, state)
    assert same(learner.update(restored, batches(1))[0], learner.update(state, batches(1))[0])
    forgetful = state._replace(optimizer=learner.init(0).optimizer)
    assert not same(learner.update(forgetful, batches(1))[0], learner.update(state, batches(1))[0])


def test_arrays_that_do_not_fit_are_refused():
    learner = Cloning(OBS_SIZE, CategoricalLikelihood(N_ACTIONS), NETWORK)
    state = learner.init(0)
    for name, array in state.arrays().items():
        others = {n: a for n, a in state.arrays().items() if n != name}
        for wrong in ({}, {name: np.zeros((*array.shape, 2), array.dtype)}, {name: array.astype(np.float64)}):
            with pytest.raises(CorruptCheckpoint, match="The saved learner does not fit: array") as raised:
                state.from_arrays(others | wrong)
            assert f"array {name} should be" in str(raised.value)
