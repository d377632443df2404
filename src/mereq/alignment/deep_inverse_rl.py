"""MEReQ with an unnamed part of the reward: deep maximum-entropy inverse RL in the loop of Algorithm 1. docs/limits.md.

    r_R(s, a, s') = theta . f + w . g(f, s')

g is the hidden layer of a network (`mereq.irl.unnamed_features`). Theta and w are inferred together, as the weights of
more features, and w has a normal distribution around 0 before any evidence, so that it says what theta cannot.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from mereq.alignment.added_features import recorded_moves, with_features
from mereq.alignment.inverse_rl import MEREQ, InverseRL, RewardImprover
from mereq.alignment.method import Progress
from mereq.alignment.settings import AlignSettings
from mereq.core.policy import Policy
from mereq.core.seeding import seed_for, stream
from mereq.core.simulator import close
from mereq.core.task import Task
from mereq.interventions.log import InterventionLog
from mereq.irl.candidates import Moves
from mereq.irl.unnamed_features import UnnamedFeatures
from mereq.maxent_rl.networks import Layer
from mereq.maxent_rl.simulator_training import LearnedPolicy

ENVS, STEPS = 10, 60  # environments, and steps in each, in which the prior's steps are looked at before the first round


@dataclass(frozen=True)
class DeepInverseRL:
    """Method that infers theta and the weights of unnamed features.

    width: standard deviation of each unnamed weight before any evidence.
    inner: the method by which both are inferred.
    """

    name: str
    width: float = 1.0
    inner: InverseRL = MEREQ

    def start(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> "DeepImprover":
        """The improver of a new run, at theta = 0 and w = 0."""
        return DeepImprover(task, prior, settings, method=self, seed=seed)


MEREQ_DEEP = DeepInverseRL("mereq-deep")


class DeepImprover:
    """Improver of a task's policy by inference on the task with unnamed features."""

    def __init__(self, task: Task, prior: Policy, settings: AlignSettings, *, method: DeepInverseRL, seed: int):
        self._task, self._n = task, len(task.feature_names)
        self._unnamed = UnnamedFeatures.drawn(prior_moves(task, prior, seed), stream(seed, "unnamed features"))
        names = self._unnamed.names
        if (weighed := settings.inference.features) is not None:
            settings = replace(settings, inference=replace(settings.inference, features=(*weighed, *names)))
        self._inner = RewardImprover(
            with_features(task, names, lambda moves: self._unnamed(moves)),
            prior,
            settings,
            method=method.inner,
            seed=seed,
            precision=np.repeat([0.0, method.width**-2], [self._n, len(names)]),
        )
        self._share = 0.0

    @property
    def policy(self) -> LearnedPolicy:
        """The learner's present policy."""
        return self._inner.policy

    @property
    def theta(self) -> Float[np.ndarray, " features"]:
        """Weights of the task's own features."""
        return self._inner.theta[: self._n]

    def improve(self, log: InterventionLog, iteration: int) -> Iterator[Progress]:
        """Inner loop, step by step. Gradients are those of the task's own features."""
        g = self._unnamed(recorded_moves(self._task, log))
        parts = np.split(g, np.cumsum([len(rollout) for rollout in log.rollouts])[:-1])
        more = zip(log.rollouts, parts, strict=True)
        seen = InterventionLog(
            tuple(replace(each, features=np.column_stack([each.features, part])) for each, part in more)
        )
        for progress in self._inner.improve(seen, iteration):
            yield replace(progress, theta=progress.theta[: self._n], gradient=progress.gradient[: self._n])
        self._share = self.unnamed_share(np.concatenate([rollout.features for rollout in seen.rollouts]))

    def unnamed_reward(self, log: InterventionLog) -> Float[np.ndarray, " steps"]:
        """w . g in all steps of a log."""
        return self._unnamed(recorded_moves(self._task, log)) @ self._inner.theta[self._n :]

    def unnamed_share(self, features: Float[np.ndarray, "steps features"]) -> float:
        """Share of the unnamed part in the residual reward: of its variance in some steps, and of that of theta . f."""
        named, unnamed = (float(np.var(features[:, part] @ self._inner.theta[part])) for part in self._parts)
        return unnamed / (named + unnamed) if named + unnamed > 0.0 else 0.0

    @property
    def _parts(self) -> tuple[slice, slice]:
        return slice(self._n), slice(self._n, None)

    def state(self) -> dict[str, np.ndarray]:
        """Everything that a resumed run needs, as named arrays."""
        layer, mean = self._unnamed.units, self._unnamed.mean
        unnamed = {"weight": layer.weight, "bias": layer.bias, "mean": mean, "share": np.array(self._share)}
        return self._inner.state() | {f"unnamed.{name}": array for name, array in unnamed.items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state` returned."""
        weight, bias, mean, share = (state[f"unnamed.{name}"] for name in ("weight", "bias", "mean", "share"))
        self._unnamed, self._share = UnnamedFeatures(Layer(weight, bias), mean), float(share)
        self._inner.restore({name: array for name, array in state.items() if not name.startswith("unnamed.")})

    def close(self) -> None:
        """Close the simulators."""
        close(self._inner)


def prior_moves(task: Task, prior: Policy, seed: int) -> Moves:
    """Steps of the prior, beyond the first action of each environment, which has none before it."""
    simulator, rng = task.simulate(ENVS), stream(seed, "steps of the prior")
    obs, before, found = simulator.reset(seed_for(seed, "steps of the prior")), None, list[Moves]()
    for _ in range(STEPS):
        actions = prior.distribution(obs).sample(rng)
        step = simulator.step(actions)
        state, after = task.state_of(np.array(obs)), task.state_of(np.array(step.next_obs))
        found.append(Moves(state, actions, after, actions if before is None else before, step.features.copy()))
        obs, before = step.obs, actions
    close(simulator)
    return Moves(*(np.concatenate(columns) for columns in zip(*found, strict=True)))
