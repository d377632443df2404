"""The intervention log of a run: every supervised rollout so far."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mereq.interventions.rollout import Rollout
from mereq.interventions.segments import demonstrated, pseudo_expert


@dataclass(frozen=True)
class InterventionLog:
    """Supervised rollouts in the order of their collection. Immutable: appending returns a new log."""

    rollouts: tuple[Rollout, ...] = ()

    def append(self, rollout: Rollout) -> "InterventionLog":
        """The log with one more rollout."""
        return InterventionLog((*self.rollouts, rollout))

    @property
    def steps(self) -> int:
        """Number of supervised steps so far."""
        return sum(len(rollout) for rollout in self.rollouts)

    def after(self, n_steps: int) -> list[Rollout]:
        """Rollouts without their first n steps in total; rollouts with no steps left are omitted."""
        parts: list[Rollout] = []
        for rollout in self.rollouts:
            if n_steps < len(rollout):
                parts.append(rollout.only(slice(n_steps, None)))
            n_steps = max(0, n_steps - len(rollout))
        return parts

    @property
    def expert_steps(self) -> int:
        """Number of expert samples so far: the effort that the method is to keep small."""
        return sum(rollout.expert_steps for rollout in self.rollouts)

    @property
    def observations(self) -> Float[np.ndarray, "steps obs"]:
        """Observations of all steps so far, of a log of at least one rollout."""
        return np.concatenate([rollout.obs for rollout in self.rollouts])

    def expert_features(self, *, kappa: float) -> Float[np.ndarray, "steps features"]:
        """Features of all expert and pseudo-expert steps so far, without retracted interventions. Section 5.3."""
        return np.concatenate(
            [rollout.features[demonstrated(rollout) | pseudo_expert(rollout, kappa=kappa)] for rollout in self.rollouts]
        )
