"""Adam with clipping by the global norm, in three passes over the parameters.

Optax's transformations give the clipped gradient, both moments and the change one after another, for which XLA passes
five times over all parameters. The state is Optax's, so that the arrays in checkpoints keep their names.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

DECAY, DECAY_OF_SQUARES, EPSILON = 0.9, 0.999, 1e-8  # beta_1, beta_2 and epsilon


class Adam(NamedTuple):
    """Adam, Kingma and Ba (2015), Algorithm 1, of a gradient whose norm may be limited."""

    learning_rate: float | optax.Schedule
    max_grad_norm: float | None = None  # of all parameters together; None does not limit it

    @property
    def in_optax(self) -> optax.GradientTransformation:
        """The same algorithm, as a transformation of Optax."""
        adam = optax.adam(self.learning_rate, DECAY, DECAY_OF_SQUARES, EPSILON)
        return adam if self.max_grad_norm is None else optax.chain(optax.clip_by_global_norm(self.max_grad_norm), adam)

    def init(self, parameters: Any) -> optax.OptState:
        """State before the first step."""
        return self.in_optax.init(parameters)

    def step(self, parameters: Any, gradient: Any, state: Any) -> tuple[Any, Any]:
        """Parameters and state after one step down the gradient."""
        *clipping, (moments, schedule) = [state] if self.max_grad_norm is None else state
        rate, schedule = self._rate(schedule)
        count = optax.safe_increment(moments.count)
        unbiased = jnp.sqrt(1.0 - DECAY_OF_SQUARES**count)
        shared = self._factor(gradient), rate * unbiased / (1.0 - DECAY**count), EPSILON * unbiased
        dtype = jnp.result_type(*jax.tree.leaves(gradient))
        # Without the barrier, what all parameters share is computed again in the loop over each array.
        (factor, rate, epsilon), gradient = jax.lax.optimization_barrier(
            (tuple(jnp.asarray(number, dtype) for number in shared), gradient)
        )
        mu = jax.tree.map(lambda m, g: DECAY * m + (1.0 - DECAY) * (factor * g), moments.mu, gradient)
        nu = jax.tree.map(
            lambda v, g: DECAY_OF_SQUARES * v + (1.0 - DECAY_OF_SQUARES) * jnp.square(factor * g), moments.nu, gradient
        )
        parameters = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + epsilon), parameters, mu, nu)
        state = moments._replace(count=count, mu=mu, nu=nu), schedule
        return parameters, (*clipping, state) if clipping else state

    def _rate(self, schedule: Any) -> tuple[Any, Any]:
        """Learning rate of this step, and the schedule's state after it."""
        if not callable(self.learning_rate):
            return self.learning_rate, schedule
        return self.learning_rate(schedule.count), schedule._replace(count=optax.safe_increment(schedule.count))

    def _factor(self, gradient: Any) -> Float[Array, ""]:
        """Factor that shortens the gradient to the largest norm, or 1."""
        if self.max_grad_norm is None:
            return jnp.ones(())
        squares = jnp.stack([jnp.sum(jnp.square(array)) for array in jax.tree.leaves(gradient)])
        return jnp.minimum(1.0, self.max_grad_norm / jnp.sqrt(jnp.sum(squares)))
