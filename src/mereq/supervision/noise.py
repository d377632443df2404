"""Noisy interventions: some of the expert's actions are disturbed at random. App. B, Table 5."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mereq.core.actions import Actions, Discrete
from mereq.core.seeding import stream
from mereq.core.supervisor import Controller, Decision, DecisionContext, Supervisor

NOISE_STD = 0.1  # standard deviation of the noise, in normalised actions. App. B


class Disturbance(Protocol):
    """Random disturbance of an action."""

    def __call__(self, action: Any, rng: np.random.Generator) -> Any:
        """Disturbed action, which is executed in place of `action`."""
        ...


@dataclass(frozen=True)
class RandomOther:
    """Disturbance of discrete actions: another action, all others equally likely."""

    n_actions: int

    def __call__(self, action: Any, rng: np.random.Generator) -> Any:
        """Disturbed action, which is executed in place of `action`."""
        return (action + 1 + rng.integers(self.n_actions - 1)) % self.n_actions


@dataclass(frozen=True)
class AddedNormal:
    """Disturbance of continuous actions: the action plus a normal random vector, clipped to [-1, 1]."""

    std: float

    def __call__(self, action: Any, rng: np.random.Generator) -> Any:
        """Disturbed action, which is executed in place of `action`."""
        action = np.asarray(action)
        return np.clip(action + rng.normal(0.0, self.std, action.shape), -1.0, 1.0).astype(action.dtype)


def slips(actions: Actions) -> Disturbance:
    """Noise of Table 5: N(0, 0.1) on continuous actions, a random other action of a finite set."""
    return RandomOther(actions.n) if isinstance(actions, Discrete) else AddedNormal(NOISE_STD)


class Noisy:
    """Supervisor whose own actions are disturbed, each with a given probability. Changes of control are not affected.

    Args:
        supervisor: decides.
        disturb: disturbs an action.
        probability: of a disturbance, for each step that the expert executes.

    Raises:
        ValueError: `probability` is not in [0, 1].
    """

    def __init__(self, supervisor: Supervisor, disturb: Disturbance, *, probability: float):
        if not 0.0 <= probability <= 1.0:
            raise ValueError(f"the share of noisy expert steps must be between 0 and 1, got {probability}")
        self._supervisor, self._disturb, self._probability = supervisor, disturb, probability

    def begin_episode(self, seed: int) -> None:
        """Start an episode. Its noise is a function of its seed."""
        self._supervisor.begin_episode(seed)
        self._rng = stream(seed, "noise")

    def decide(self, context: DecisionContext) -> Decision:
        """Decision of the supervisor, with an action that may be disturbed."""
        decision = self._supervisor.decide(context)
        if decision.controller is Controller.EXPERT and self._rng.random() < self._probability:
            return decision._replace(action=self._disturb(decision.action, self._rng))
        return decision
