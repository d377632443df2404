"""Density of a policy that is known by samples, learned by maximum likelihood from its draws at many states.

The draws at one state say little about nearly equal probabilities, and are only a few of all continuous actions. A
network that is fitted to the draws at all states joins what they say. docs/policies.md#samples
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from mereq.core.actions import Discrete
from mereq.core.distribution import Categorical, WeightedSamples
from mereq.core.errors import WrongPolicyOutput
from mereq.core.policy import Policy
from mereq.core.ranges import COUNT, POSITIVE, SHARE, check_ranges
from mereq.core.seeding import seed_for, stream
from mereq.core.simulator import Simulator, close
from mereq.core.task import Task
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.networks import MLP, Layer, apply_mlp, init_mlp, mlp_to_numpy
from mereq.maxent_rl.sac import ActorPolicy
from mereq.maxent_rl.squashed_gaussian import LOG_STD

UPDATES_PER_CALL = 100
INSIDE = 0.999  # largest action of a squashed normal, whose limits are infinitely far away


@dataclass(frozen=True, kw_only=True)
class DensityFit:
    """Hyperparameters of the fit of a density to samples."""

    states: int = 40_000  # at which the policy draws its `n_samples` actions
    noise: float = 0.5  # added before the tanh to continuous actions: how far the policy may be left
    explored: float = 0.2  # share of random actions in every other environment: the supervisor leads elsewhere, too
    hidden: tuple[int, ...] = (64, 64)
    learning_rate: float = 2e-3  # falls to 0
    updates: int = 6000
    batch_size: int = 512

    def __post_init__(self):
        check_ranges(
            self,
            states=COUNT,
            noise=POSITIVE,
            explored=SHARE,
            hidden=COUNT,
            learning_rate=POSITIVE,
            updates=COUNT,
            batch_size=COUNT,
        )


def fit_density(policy: Policy, task: Task, fit: DensityFit | None = None, *, seed: int = 0) -> QPolicy | ActorPolicy:
    """Policy with probabilities that is most likely to have drawn what `policy` draws: ours, which can be saved.

    For finitely many actions it is a softmax of a network; for continuous actions a normal before a tanh, whose mean
    and standard deviation depend on the state. `fit.noise` widens that normal, while its deterministic action stays the
    policy's. The weights that move it by as much grow with 1 / variance: with too little noise no round reaches them.
    A normal has one peak: a policy that turns left or right becomes one that goes straight on, and is better left as
    it is.

    Args:
        policy: a `SampledPolicy`. Its `noise` is part of the draws, hence of the density.
        task: in whose simulator the policy acts, to meet states.
        fit: hyperparameters.
        seed: of the rollouts and of the network.

    Returns:
        A `QPolicy` or an `ActorPolicy`, for `--prior` after `save_policy`.

    Raises:
        WrongPolicyOutput: `policy` is not known by samples.
    """
    fit = fit or DensityFit()
    simulator = task.simulate(16)
    try:
        obs, drawn = _draws(policy, task, simulator, fit, seed)
    finally:
        close(simulator)
    mean, std = obs.mean(axis=0), obs.std(axis=0) + 1e-3
    discrete = isinstance(task.actions, Discrete)
    outputs = task.actions.n_parameters
    network = init_mlp(jax.random.key(seed_for(seed, "network")), (obs.shape[1], *fit.hidden, outputs), zero_head=False)
    trained = mlp_to_numpy(_fitted(network, (obs - mean) / std, drawn, fit, discrete, seed))
    first, *rest = trained
    weight = first.weight / std[:, None]  # the scaling of the observations becomes a part of the first layer
    scaled = (Layer(weight.astype(np.float32), (first.bias - mean @ weight).astype(np.float32)), *rest)
    if discrete:
        return QPolicy(scaled, prior=None, temperature=1.0, prior_temperature=0.0)
    return ActorPolicy(scaled, critics=None, prior=None)


def _draws(
    policy: Policy, task: Task, simulator: Simulator, fit: DensityFit, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Observations of rollouts, and what the policy draws there: shares of actions, or actions."""
    rng = stream(seed, "starts")
    wanders = np.arange(simulator.n_envs) % 2 == 1
    obs, columns = simulator.reset(seed_for(seed, "network", 1)).copy(), []
    for _ in range(-(-fit.states // simulator.n_envs)):
        distribution = policy.distribution(obs)
        if isinstance(distribution, Categorical):
            columns.append((obs, np.exp(distribution.log_probs)))
        elif isinstance(distribution, WeightedSamples):
            columns.append((obs, distribution.actions))
        else:
            raise WrongPolicyOutput(f"{type(policy).__name__} gives a {type(distribution).__name__}: it has a density.")
        action = distribution.mode()
        random = wanders & (rng.random(simulator.n_envs) < fit.explored)
        action[random] = task.actions.uniform(rng, simulator.n_envs)[random]
        obs = simulator.step(action).obs.copy()
    seen, drawn = zip(*columns, strict=True)
    return np.concatenate(seen), np.concatenate(drawn).astype(np.float32)


def _fitted(network: MLP, obs: np.ndarray, drawn: np.ndarray, fit: DensityFit, discrete: bool, seed: int) -> MLP:
    """Network after `fit.updates` steps of Adam on the negative log-likelihood."""
    adam = optax.adam(optax.cosine_decay_schedule(fit.learning_rate, fit.updates))
    loss = _cross_entropy if discrete else partial(_negative_log_likelihood, noise=fit.noise)

    @partial(jax.jit, donate_argnums=(0, 1))
    def update(network: MLP, state: optax.OptState, obs: Array, drawn: Array) -> tuple[MLP, optax.OptState]:
        def one(carry: tuple, batch: tuple) -> tuple[tuple, None]:
            network, state = carry
            changes, state = adam.update(jax.grad(loss)(network, *batch), state)
            return (optax.apply_updates(network, changes), state), None

        return jax.lax.scan(one, (network, state), (obs, drawn))[0]

    rng, state = stream(seed, "batches"), adam.init(network)
    for _ in range(-(-fit.updates // UPDATES_PER_CALL)):
        index = rng.integers(len(obs), size=(UPDATES_PER_CALL, fit.batch_size))
        network, state = update(network, state, jnp.asarray(obs[index]), jnp.asarray(drawn[index]))
    return network


def _cross_entropy(network: MLP, obs: Float[Array, "n obs"], shares: Float[Array, "n actions"]) -> Float[Array, ""]:
    return -(shares * jax.nn.log_softmax(apply_mlp(network, obs), axis=-1)).sum(axis=-1).mean()


def _negative_log_likelihood(
    network: MLP, obs: Float[Array, "n obs"], actions: Float[Array, "n samples actions"], *, noise: float
) -> Float[Array, ""]:
    """Mean of -log of the normal's density before the tanh, up to a constant, over normal noise on each draw."""
    mean, log_std = jnp.split(apply_mlp(network, obs)[:, None], 2, axis=-1)
    log_std = jnp.clip(log_std, *LOG_STD)
    u = jnp.arctanh(jnp.clip(actions, -INSIDE, INSIDE))
    return (0.5 * ((u - mean) ** 2 + noise**2) * jnp.exp(-2 * log_std) + log_std).sum(axis=-1).mean()
