"""The optimiser of the learners against Optax's, and the layers of their networks against JAX's own gradients."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import test_dqn_update
import test_sac_update

from mereq.maxent_rl import networks
from mereq.maxent_rl.adam import Adam
from mereq.maxent_rl.dqn import DQN
from mereq.maxent_rl.networks import Layer, hidden_layer
from mereq.maxent_rl.sac import SAC


class InOptax(Adam):
    """The transformations of Optax, one after another."""

    def step(self, parameters, gradient, state):
        changes, state = self.in_optax.update(gradient, state, parameters)
        return optax.apply_updates(parameters, changes), state


class PlainDQN(DQN):
    """An update in the fewest words: Optax, and Q(s, a) by its index."""

    @property
    def _adam(self):
        return InOptax(*super()._adam)

    def _loss(self, q, batch, target):
        values = networks.apply_mlp(q, batch.obs)
        chosen = jnp.take_along_axis(values, jnp.asarray(batch.action)[:, None], axis=-1)[:, 0]
        return optax.huber_loss(chosen, target).mean()


class PlainSAC(SAC):
    """An update with Optax."""

    @property
    def _adam(self):
        return InOptax(*super()._adam)

    @property
    def _adam_of_temperature(self):
        return InOptax(*super()._adam_of_temperature)


DQN_SETTINGS = replace(test_dqn_update.SETTINGS, max_grad_norm=0.5, decay_updates=60)


@pytest.mark.parametrize(
    ("fast", "plain", "module"),
    [
        (DQN(4, 3, DQN_SETTINGS), PlainDQN(4, 3, DQN_SETTINGS), test_dqn_update),
        (SAC(4, 2, test_sac_update.SETTINGS), PlainSAC(4, 2, test_sac_update.SETTINGS), test_sac_update),
    ],
)
def test_a_hundred_updates_are_those_of_the_plainest_form(monkeypatch, fast, plain, module):
    """Same arrays under the same names, up to rounding: clipped gradients and a falling rate included."""
    start, batches = fast.init(0, zero_head=False), module.batches(0, 100)
    ours = fast.update(start, batches)[0].arrays()
    monkeypatch.setattr(networks, "hidden_layer", lambda layer, x: jax.nn.relu(networks._affine(layer, x)))
    theirs = plain.update(start, batches)[0].arrays()
    assert ours.keys() == theirs.keys()
    for name, before in start.arrays().items():
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-3, atol=1e-4, err_msg=name)
        assert name == ".since_copy" or not np.array_equal(before, theirs[name])


@pytest.mark.parametrize("length", [0.0, 0.2, 3.0, 1e30])
def test_the_clipping_factor(length):
    """The norm is that of all arrays together. Lengths whose squares overflow give no NaN."""
    gradient = {"one": jnp.asarray([0.6 * length]), "other": jnp.asarray([[0.0, -0.8 * length]])}
    adam = Adam(0.1, max_grad_norm=0.5)
    moved, (_, (moments, _)) = adam.step(gradient, gradient, adam.init(gradient))
    clipped = min(length, 0.5) if length < 1e19 else 0.0
    np.testing.assert_allclose(moments.mu["other"][0, 1], 0.1 * -0.8 * clipped, rtol=1e-5)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((moved, moments)))


@pytest.mark.parametrize("batch", [(5,), (2, 5)])
def test_gradients_of_a_hidden_layer(batch):
    """Those of JAX for the same formula, of weight, bias and input, with units on and off."""
    rng = np.random.default_rng(0)
    weight, bias, x = (jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in ((3, 4), (4,), (*batch, 3)))

    def written_out(layer, x):
        return jax.nn.relu(x @ layer.weight + jnp.broadcast_to(layer.bias, (*batch, 4)))

    ours, theirs = (
        jax.grad(lambda *inputs, f=f: jnp.sin(f(*inputs)).sum(), argnums=(0, 1))(Layer(weight, bias), x)
        for f in (hidden_layer, written_out)
    )
    assert 0 < (np.asarray(written_out(Layer(weight, bias), x)) == 0).mean() < 1
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6), ours, theirs)
