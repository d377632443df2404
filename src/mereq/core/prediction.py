"""Policies in the form of Stable-Baselines3: `predict(observation) -> (action, state)`."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mereq.core.actions import Actions, Discrete
from mereq.core.policy import Policy


@dataclass(frozen=True)
class Predictor:
    """A policy with the `predict` of Stable-Baselines3, for its `evaluate_policy` and for programs that expect it.

    Observations are those of the learner: flat. Actions are in the environment's own units.
    """

    policy: Policy
    actions: Actions  # of the task: `task.actions`
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def predict(
        self,
        observation: Any,
        state: tuple[np.ndarray, ...] | None = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]:
        """Action of one observation, or actions of several, and the unchanged state.

        Args:
            observation: one, (obs,), or several, (n, obs).
            state: of a recurrent policy; returned as it is.
            episode_start: not used.
            deterministic: the most probable action, as under supervision; else a random one.
        """
        rows = np.atleast_2d(np.asarray(observation, np.float32))
        distribution = self.policy.distribution(rows)
        found = distribution.mode() if deterministic else distribution.sample(self.rng)
        if not isinstance(self.actions, Discrete):
            found = self.actions.to_units(np.asarray(found, np.float64)).astype(np.float32)
        return (found if np.ndim(observation) == 2 else np.asarray(found[0])), state
