"""The log of a run: every supervised rollout so far."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mereq.interventions.rollout import Rollout
from mereq.interventions.segments import demonstrated, pseudo_expert


@dataclass(frozen=True)
class InterventionLog:
    """Rollouts in the order in which they were collected. Appending makes a new log; nothing is ever taken out."""

    rollouts: tuple[Rollout, ...] = ()

    def append(self, rollout: Rollout) -> "InterventionLog":
        """The log with one more rollout."""
        return InterventionLog((*self.rollouts, rollout))

    @property
    def steps(self) -> int:
        """Supervised steps so far."""
        return sum(len(rollout) for rollout in self.rollouts)

    def after(self, n_steps: int) -> list[Rollout]:
        """What comes after the first n steps, rollout by rollout."""
        parts: list[Rollout] = []
        for rollout in self.rollouts:
            if n_steps < len(rollout):
                parts.append(rollout.only(slice(n_steps, None)))
            n_steps = max(0, n_steps - len(rollout))
        return parts

    @property
    def expert_steps(self) -> int:
        """Expert samples so far: the effort the whole method tries to keep small."""
        return sum(rollout.expert_steps for rollout in self.rollouts)

    def expert_features(self, *, kappa: float) -> Float[np.ndarray, "steps features"]:
        """Features of all expert steps so far, and of the pseudo-expert steps beside them. Section 5.3.

        Interventions that were taken back are not among them.
        """
        return np.concatenate(
            [rollout.features[demonstrated(rollout) | pseudo_expert(rollout, kappa=kappa)] for rollout in self.rollouts]
        )
