"""Policy that repeats recorded actions of one episode, and then acts by another policy."""

from dataclasses import dataclass, field

import numpy as np

from mereq.core.policy import Policy


@dataclass(frozen=True)
class _Chosen:
    """Distribution of one action."""

    action: np.ndarray
    parameters: np.ndarray = field(default_factory=lambda: np.zeros((1, 0)))

    def mode(self) -> np.ndarray:
        return self.action[None]

    def sample(self, rng: np.random.Generator) -> np.ndarray:
        return self.mode()


class RecordedActions:
    """Policy of one environment in one episode: its n-th observation is answered by the n-th action.

    Args:
        actions: of the episode, from its start.
        then: policy after the last of them.
    """

    def __init__(self, actions: np.ndarray, then: Policy):
        self._actions, self._then, self._step = actions, then, 0

    def distribution(self, obs: np.ndarray):
        """The recorded action, or what the other policy does."""
        self._step += 1
        if self._step > len(self._actions):
            return self._then.distribution(obs)
        return _Chosen(np.asarray(self._actions[self._step - 1]))
