"""Noisy interventions: now and then the expert's hand slips. App. B, Table 5."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mereq.core.actions import Actions, Discrete
from mereq.core.seeding import stream
from mereq.core.supervisor import Controller, Decision, DecisionContext, Supervisor

NOISE_STD = 0.1  # of a slip, in normalised actions. App. B


class Disturbance(Protocol):
    """What a slipping hand does to an action."""

    def __call__(self, action: Any, rng: np.random.Generator) -> Any:
        """What is executed in place of `action`."""
        ...


@dataclass(frozen=True)
class RandomOther:
    """Of finitely many actions: another one, all equally likely."""

    n_actions: int

    def __call__(self, action: Any, rng: np.random.Generator) -> Any:
        """What is executed in place of `action`."""
        return (action + 1 + rng.integers(self.n_actions - 1)) % self.n_actions


@dataclass(frozen=True)
class AddedNormal:
    """Of continuous actions in [-1, 1]: the action plus a normal random vector, and what sticks out is cut off."""

    std: float

    def __call__(self, action: Any, rng: np.random.Generator) -> Any:
        """What is executed in place of `action`."""
        action = np.asarray(action)
        return np.clip(action + rng.normal(0.0, self.std, action.shape), -1.0, 1.0).astype(action.dtype)


def slips(actions: Actions) -> Disturbance:
    """Table 5's noise: N(0, 0.1) on continuous actions, a random other one of finitely many."""
    return RandomOther(actions.n) if isinstance(actions, Discrete) else AddedNormal(NOISE_STD)


class Noisy:
    """A supervisor whose own actions are disturbed, each with a given probability. Who is in control stays the same.

    Raises:
        ValueError: when `probability` is not in [0, 1].
    """

    def __init__(self, supervisor: Supervisor, disturb: Disturbance, *, probability: float):
        if not 0.0 <= probability <= 1.0:
            raise ValueError(f"the share of noisy expert steps must be between 0 and 1, got {probability}")
        self._supervisor, self._disturb, self._probability = supervisor, disturb, probability

    def begin_episode(self, seed: int) -> None:
        """The noise of an episode is a function of its seed."""
        self._supervisor.begin_episode(seed)
        self._rng = stream(seed, "noise")

    def decide(self, context: DecisionContext) -> Decision:
        """What the supervisor decides, with a disturbed action now and then."""
        decision = self._supervisor.decide(context)
        if decision.controller is Controller.EXPERT and self._rng.random() < self._probability:
            return decision._replace(action=self._disturb(decision.action, self._rng))
        return decision
