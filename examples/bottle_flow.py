"""Bottle pushing with a flow-matching policy, which can only draw actions. The expert wants a push at the bottom.

    python examples/bottle_flow.py    # learns the flow from the shipped prior, and the density from the flow's draws
    mereq align examples/bottle_flow.py:BOTTLE_FLOW --rounds 4 --out runs/flow

A diffusion or flow policy of your own takes the place of `Flow`: a function (observations, generator) -> actions.
`fit_density` turns its draws into a prior with probabilities (docs/policies.md). Both files lie in examples/priors.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mereq import Policy, SampledPolicy, find_task, fit_density, load_policy, save_policy
from mereq.maxent_rl.networks import MLP, Layer, apply_mlp, apply_mlp_numpy, init_mlp, mlp_to_numpy

PRIORS = Path(__file__).parent / "priors"
FLOW, DENSITY = PRIORS / "bottle_flow.npz", PRIORS / "bottle_flow_density"
BOTTLE = find_task("bottle-pushing")
STEPS = 8  # from noise to an action
PAIRS, UPDATES, BATCH = 40_000, 6000, 512


@dataclass(frozen=True)
class Flow:
    """Sampler of a flow: dx/dt = v(x, t, obs) carries normal noise at t = 0 to an action at t = 1."""

    network: MLP  # NumPy arrays
    mean: np.ndarray  # of the observations
    std: np.ndarray

    def __call__(self, obs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One random action per observation."""
        x = rng.standard_normal((len(obs), len(self.network[-1].bias)), np.float32)
        seen = (obs - self.mean) / self.std
        for step in range(STEPS):
            now = np.full((len(obs), 1), step / STEPS, np.float32)
            x = x + apply_mlp_numpy(self.network, np.concatenate([x, now, seen], axis=1)) / STEPS
        return np.clip(x, -1.0, 1.0)


def demonstrations(prior: Policy, pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """Observations and deterministic actions of a policy; every other environment explores."""
    simulator, rng = BOTTLE.task.simulate(16), np.random.default_rng(0)
    explores = (np.arange(16) % 2 == 1)[:, None]
    obs, seen, taken = simulator.reset(0).copy(), [], []
    for _ in range(-(-pairs // 16)):
        distribution = prior.distribution(obs)
        seen.append(obs)
        taken.append(distribution.mode())
        obs = simulator.step(np.where(explores, distribution.sample(rng), taken[-1])).obs.copy()
    return np.concatenate(seen), np.concatenate(taken)


def learned_flow(obs: np.ndarray, action: np.ndarray, updates: int = UPDATES) -> Flow:
    """Flow that imitates these actions: conditional flow matching along straight lines."""
    mean, std, size = obs.mean(axis=0), obs.std(axis=0) + 1e-3, action.shape[1]
    network = init_mlp(jax.random.key(0), (size + 1 + obs.shape[1], 128, 128, size), zero_head=False)
    adam = optax.adam(optax.cosine_decay_schedule(2e-3, updates))

    def loss(network, obs, action, key):
        for_noise, for_time = jax.random.split(key)
        noise, t = jax.random.normal(for_noise, action.shape), jax.random.uniform(for_time, (len(action), 1))
        velocity = apply_mlp(network, jnp.concatenate([(1 - t) * noise + t * action, t, obs], axis=1))
        return ((velocity - (action - noise)) ** 2).mean()

    @jax.jit
    def update(network, state, obs, action, key):
        changes, state = adam.update(jax.grad(loss)(network, obs, action, key), state)
        return optax.apply_updates(network, changes), state

    rng, state = np.random.default_rng(1), adam.init(network)
    for key in jax.random.split(jax.random.key(1), updates):
        index = rng.integers(len(obs), size=BATCH)
        network, state = update(network, state, (obs[index] - mean) / std, action[index], key)
    return Flow(mlp_to_numpy(network), mean.astype(np.float32), std.astype(np.float32))


def write(flow: Flow, file: Path) -> None:
    """The flow's numbers, as a file that NumPy reads without pickles."""
    layers = {f"{name}{k}": part for k, layer in enumerate(flow.network) for name, part in layer._asdict().items()}
    np.savez(file, mean=flow.mean, std=flow.std, **layers)


def read(file: Path) -> Flow:
    """Flow of a file that `write` wrote."""
    with np.load(file, allow_pickle=False) as numbers:
        depth = sum(name.startswith("weight") for name in numbers)
        network = tuple(Layer(numbers[f"weight{k}"], numbers[f"bias{k}"]) for k in range(depth))
        return Flow(network, numbers["mean"], numbers["std"])


def samples(flow: Flow) -> SampledPolicy:
    """Policy that is known by samples only."""
    return SampledPolicy(flow, BOTTLE.task.actions, n_samples=16)


BOTTLE_FLOW = replace(BOTTLE, name="bottle-flow", prior=lambda: load_policy(DENSITY, BOTTLE.task))

if __name__ == "__main__":
    flow = learned_flow(*demonstrations(BOTTLE.policy("prior"), PAIRS))
    write(flow, FLOW)
    density = fit_density(samples(flow), BOTTLE.task)
    save_policy(DENSITY, density, about={"made by": "examples/bottle_flow.py"})
