"""One call of `DQN.update`: its loss and gradient, the target network, compilation, and its state as a value."""

import itertools
from dataclasses import replace

import jax
import numpy as np
import pytest

from compiling import assert_compiles_once
from mereq.core.errors import CorruptCheckpoint
from mereq.maxent_rl.dqn import DQN, DQNSettings
from mereq.maxent_rl.networks import Layer, apply_mlp, apply_mlp_numpy, init_mlp, mlp_to_numpy
from mereq.maxent_rl.replay import Batch

SETTINGS = DQNSettings(
    hidden=(8,),
    learning_rate=1e-2,
    gamma=0.9,
    temperature=0.5,
    prior_temperature=0.5,
    target_period=6,
    max_grad_norm=10.0,
)
PLAIN = replace(SETTINGS, prior_temperature=0.0)
TABLE = replace(PLAIN, hidden=(), target_period=1000)  # linear: gradients by hand
OBS_SIZE, N_ACTIONS, BATCH = 4, 3, 16


def batches(seed: int, n_updates: int = 3, **columns) -> Batch:
    rng = np.random.default_rng(seed)
    shape = (n_updates, BATCH)
    batch = Batch(
        obs=rng.normal(size=(*shape, OBS_SIZE)).astype(np.float32),
        action=rng.integers(N_ACTIONS, size=shape).astype(np.int32),
        reward=rng.normal(size=shape).astype(np.float32),
        next_obs=rng.normal(size=(*shape, OBS_SIZE)).astype(np.float32),
        terminated=(rng.random(shape) < 0.2).astype(np.float32),
        prior=np.full((*shape, N_ACTIONS), -np.log(N_ACTIONS), np.float32),
        next_prior=np.log(rng.dirichlet(np.ones(N_ACTIONS), size=shape)).astype(np.float32),
    )
    return batch._replace(**columns)


def same(one, other) -> bool:
    """Bit-equal states."""
    one, other = one.arrays(), other.arrays()
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


# ---------------------------------------------------------------------------------------------- loss and gradient


def first_gradient(dqn: DQN, batch: Batch) -> np.ndarray:
    """Gradient in (weight, bias) that reached Adam in the very first update: its first moment is a tenth of it."""
    state, _ = dqn.update(dqn.init(0, zero_head=True), batch)
    moments = {name: array for name, array in state.arrays().items() if ".mu[" in name}
    assert len(moments) == 2
    return 10 * np.vstack([next(a for n, a in moments.items() if n.endswith(part)) for part in (".weight", ".bias")])


def huber_gradient(batch: Batch, targets: np.ndarray) -> np.ndarray:
    """By hand, where Q = 0: the mean over the batch of -clip(target, -1, 1) at (obs, 1) and the action taken."""
    gradient = np.zeros((OBS_SIZE + 1, N_ACTIONS))
    for obs, action, target in zip(batch.obs[0], batch.action[0], targets, strict=True):
        gradient[:, action] -= np.clip(target, -1, 1) * np.append(obs, 1) / BATCH
    return gradient


@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0])
def test_the_loss_is_hubers(scale):
    """Errors beyond 1 count by their sign only; the target is a constant to the gradient."""
    dqn, batch = DQN(OBS_SIZE, N_ACTIONS, TABLE), batches(0, 1)
    batch = batch._replace(reward=scale * batch.reward)
    value = SETTINGS.temperature * np.log(N_ACTIONS)  # soft value of Q = 0
    targets = batch.reward[0] + SETTINGS.gamma * (1 - batch.terminated[0]) * value
    assert (np.abs(targets) > 1).any() or scale < 1
    expected = huber_gradient(batch, targets)
    assert np.linalg.norm(expected) < TABLE.max_grad_norm
    np.testing.assert_allclose(first_gradient(dqn, batch), expected, rtol=1e-4, atol=1e-6)


def test_the_gradient_is_clipped_by_its_norm():
    """Observations a thousand times too large: the direction stays, the length becomes max_grad_norm."""
    dqn, batch = DQN(OBS_SIZE, N_ACTIONS, TABLE), batches(1, 1)
    batch = batch._replace(obs=1000 * batch.obs, terminated=np.ones_like(batch.terminated))
    expected = huber_gradient(batch, batch.reward[0])
    assert np.linalg.norm(expected) > 100
    np.testing.assert_allclose(
        first_gradient(dqn, batch), 10 * expected / np.linalg.norm(expected), rtol=1e-3, atol=1e-3
    )


def test_an_absurd_reward_does_not_end_learning():
    """One reward of 1e12 among many: parameters stay finite, and 400 ordinary updates later it is forgotten."""
    dqn = DQN(OBS_SIZE, N_ACTIONS, TABLE)
    ordinary = batches(2, 400, terminated=np.ones((400, BATCH), np.float32))
    ordinary = ordinary._replace(reward=ordinary.obs[..., 0])  # Q(s, a) = the first number of s
    absurd = batches(3, 1)
    absurd.reward[0, 0] = 1e12
    state, _ = dqn.update(dqn.init(0, zero_head=True), absurd)
    assert all(np.isfinite(array).all() for array in state.arrays().values())
    state, _ = dqn.update(state, ordinary)
    weight, bias = mlp_to_numpy(state.q)[0]
    np.testing.assert_allclose(weight, np.outer([1, 0, 0, 0], [1, 1, 1]), atol=0.01)
    np.testing.assert_allclose(bias, 0.0, atol=0.01)


# ------------------------------------------------------------------------------------------------- without a prior


@pytest.mark.parametrize("seed", range(3))
def test_prior_alpha_zero_is_the_plain_learner_bit_for_bit(seed):
    """Whatever log-probabilities are in the batch: the same updates as with none."""
    dqn = DQN(OBS_SIZE, N_ACTIONS, PLAIN)
    batch, start = batches(seed), dqn.init(seed, zero_head=False)
    nothing = batch._replace(next_prior=np.zeros_like(batch.next_prior))
    with_them, without = dqn.update(start, batch), dqn.update(start, nothing)
    assert same(with_them[0], without[0])
    assert with_them[1].loss == without[1].loss


def test_a_prior_makes_a_difference():
    """The test above can fail: with prior_temperature > 0 the log-probabilities move the update."""
    dqn = DQN(OBS_SIZE, N_ACTIONS, SETTINGS)
    batch, start = batches(0), dqn.init(0, zero_head=False)
    nothing = batch._replace(next_prior=np.zeros_like(batch.next_prior))
    assert not same(dqn.update(start, batch)[0], dqn.update(start, nothing)[0])


# ------------------------------------------------------------------------------------------------- target network


def test_the_target_network_is_a_hard_copy_every_period():
    """target_period = 6 in calls of 3: the old network until the second call ends, then exactly the new one."""
    dqn = DQN(OBS_SIZE, N_ACTIONS, SETTINGS)
    state = dqn.init(0, zero_head=False)
    copied = []
    for call in range(6):
        before = mlp_to_numpy(state.target_q)
        state, _ = dqn.update(state, batches(call))
        now, online = mlp_to_numpy(state.target_q), mlp_to_numpy(state.q)
        copied.append(np.array_equal(now[0].weight, online[0].weight))
        assert copied[-1] or np.array_equal(now[0].weight, before[0].weight)
    assert copied == [False, True] * 3


def test_targets_come_from_the_target_network():
    """Until the copy the online network's next values do not matter: y is the same for every update of every call."""
    dqn, state = DQN(OBS_SIZE, N_ACTIONS, TABLE), DQN(OBS_SIZE, N_ACTIONS, TABLE).init(0, zero_head=True)
    zeros = np.zeros((400, BATCH), np.float32)
    y = (
        TABLE.gamma * TABLE.temperature * np.log(N_ACTIONS)
    )  # of the zero network; the fixed point is ten times as large
    for call in range(2):
        state, _ = dqn.update(state, batches(call, 400, reward=zeros, terminated=zeros))
        weight, bias = mlp_to_numpy(state.q)[0]
        np.testing.assert_allclose(bias, y, atol=1e-3)
        np.testing.assert_allclose(weight, 0.0, atol=1e-3)


# ------------------------------------------------------------------------------------------------------ compilation


TRACES = []


class CountingDQN(DQN):
    """Takes note whenever its loss is traced for compilation (which `jit` and `scan` may do more than once each)."""

    def _loss(self, *arguments):
        TRACES.append(1)
        return super()._loss(*arguments)


def test_update_compiles_once():
    learner, equal = (CountingDQN(OBS_SIZE, N_ACTIONS, settings) for settings in (TABLE, replace(TABLE)))
    assert_compiles_once(learner, equal, learner.init(0, zero_head=True), batches, TRACES)


# -------------------------------------------------------------------------------------------------- state is a value


def test_same_seed_same_parameters():
    dqn = DQN(OBS_SIZE, N_ACTIONS, SETTINGS)
    results = [dqn.update(dqn.init(seed, zero_head=False), batches(data))[0] for seed, data in [(1, 1), (1, 1), (2, 1)]]
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


def test_update_leaves_the_state_it_was_given():
    dqn = DQN(OBS_SIZE, N_ACTIONS, SETTINGS)
    start = dqn.init(0, zero_head=False)
    before = {name: array.copy() for name, array in start.arrays().items()}
    dqn.update(start, batches(0))
    assert all(np.array_equal(before[name], array) for name, array in start.arrays().items())


def test_a_state_survives_its_arrays():
    """arrays() and from_arrays(): continued training is bit-equal, optimiser and target period included."""
    dqn = DQN(OBS_SIZE, N_ACTIONS, SETTINGS)
    state, _ = dqn.update(dqn.init(0, zero_head=False), batches(0))  # half-way to a copy of the target network
    restored = dqn.init(9, zero_head=False).from_arrays({n: a.copy() for n, a in state.arrays().items()})
    assert same(restored, state)
    assert same(dqn.update(restored, batches(1))[0], dqn.update(state, batches(1))[0])


def test_arrays_that_do_not_fit_are_refused():
    """Each array missing, of another shape, or of another type: named, with what was found."""
    dqn = DQN(OBS_SIZE, N_ACTIONS, SETTINGS)
    state = dqn.init(0, zero_head=False)
    for name, array in state.arrays().items():
        others = {n: a for n, a in state.arrays().items() if n != name}
        for wrong, found in [
            ({}, "missing"),
            ({name: np.zeros((*array.shape, 2), array.dtype)}, str((*array.shape, 2))),
            ({name: array.astype(np.float64)}, "float64"),
        ]:
            with pytest.raises(CorruptCheckpoint) as raised:
                state.from_arrays(others | wrong)
            assert f"array {name} should be" in str(raised.value)
            assert found in str(raised.value)


# -------------------------------------------------------------------------------------------------------- networks


def random_network(*sizes: int):
    """In NumPy and float64, about half of its hidden units negative."""
    rng = np.random.default_rng(5)
    return tuple(Layer(rng.normal(size=pair), rng.normal(size=pair[1])) for pair in itertools.pairwise(sizes))


def test_the_numpy_forward_pass_equals_jaxs():
    """float64, to rounding error, through two hidden layers; the input is left as it was."""
    mlp, x = random_network(4, 32, 8, 2), np.random.default_rng(6).normal(size=(50, 4))
    before = x.copy()
    with jax.enable_x64(True):
        np.testing.assert_allclose(apply_mlp_numpy(mlp, x), apply_mlp(mlp, x), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(x, before)


def test_a_network_is_affine_maps_with_relus_between():
    """By hand on a network of two layers, negative units included."""
    mlp, x = random_network(2, 5, 2), np.array([[1.0, -2.0], [-3.0, 0.5]])
    inside = x @ mlp[0].weight + mlp[0].bias
    assert (inside < 0).any()
    expected = np.where(inside > 0, inside, 0) @ mlp[1].weight + mlp[1].bias
    np.testing.assert_allclose(apply_mlp_numpy(mlp, x), expected, rtol=1e-12)


def test_a_zero_head_is_zero_everywhere():
    mlp = mlp_to_numpy(init_mlp(jax.random.key(0), (4, 8, 3), zero_head=True))
    assert not apply_mlp_numpy(mlp, np.random.default_rng(0).normal(size=(10, 4))).any()
    assert mlp[0].weight.any()  # the layers below are not: it can learn


@pytest.mark.optimised
@pytest.mark.parametrize("sizes", [(3, 7, 2), (5, 256, 300, 1)])
def test_initial_parameters_are_those_of_jax(sizes):
    """The draws of `jax.random.uniform`, to the rounding of one multiplication and addition, as XLA fuses them."""
    key = jax.random.key(3)
    for layer, (inputs, outputs) in zip(init_mlp(key, sizes, zero_head=False), itertools.pairwise(sizes), strict=True):
        key, *keys = jax.random.split(key, 3)
        bound = 1 / np.sqrt(inputs)
        for found, of, shape in zip(layer, keys, ((inputs, outputs), (outputs,)), strict=True):
            wanted = jax.random.uniform(of, shape, minval=-bound, maxval=bound)
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-7 * bound)
