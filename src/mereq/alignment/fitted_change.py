"""Fitted change of the prior in one run: the common part of MILE, PPL and CSIL's clone."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from mereq.alignment.settings import AlignSettings
from mereq.alignment.warm_start import UPDATES_PER_CALL
from mereq.core.actions import parameters_of
from mereq.core.policy import Policy
from mereq.core.seeding import seed_for
from mereq.core.task import Task
from mereq.imitation.demonstrations import draw
from mereq.imitation.residual_policy import Objective, ResidualFit, residual_family_of
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.sac import ActorPolicy
from mereq.maxent_rl.updating import update


class FittedChange:
    """Change of the prior that minimises an objective, with the state of its fit.

    Raises:
        WrongPolicyOutput: the prior has no log-probabilities.
    """

    def __init__(
        self, task: Task, prior: Policy, settings: AlignSettings, objective: Objective, *, method: str, seed: int
    ):
        self._task, self._prior, self._settings = task, prior, settings
        family = residual_family_of(task, prior, method)
        self.fit = ResidualFit(task.state_size, family, objective, settings.cloning)
        self.fitted = self.fit.init(seed_for(seed, "network"))

    @property
    def policy(self) -> QPolicy | ActorPolicy:
        """The changed prior."""
        return self.fit.policy(self.fitted, self._prior)

    def seen(self, obs: Float[np.ndarray, "n obs"]) -> tuple[np.ndarray, np.ndarray]:
        """What a batch has of observations: the state that the network sees, and the prior's parameters there."""
        prior = parameters_of(self._prior.distribution(obs) if len(obs) else None, self._task.actions, len(obs))
        return self._task.state_of(obs).astype(np.float32), prior.astype(np.float32)

    def improve(self, groups: Sequence[tuple[Any, ...]], rng: np.random.Generator) -> Iterator[tuple[int, int, float]]:
        """Gradient steps of a round on batches of the groups: number of each call, of how many, and its loss."""
        calls = -(-self._settings.cloning_updates // UPDATES_PER_CALL)
        for step in range(calls):
            batches = draw(groups, rng, UPDATES_PER_CALL, self._settings.cloning.batch_size)
            self.fitted, metrics = update(self.fit, self.fitted, batches)
            yield step, calls, float(metrics.loss)

    def state(self) -> dict[str, np.ndarray]:
        """State of the fit, as named arrays."""
        return {f"change{name}": array for name, array in self.fitted.arrays().items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state` returned."""
        saved = {name.removeprefix("change"): array for name, array in state.items() if name.startswith("change")}
        self.fitted = self.fitted.from_arrays(saved)
