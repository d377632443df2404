"""Gates of robot-gated methods: a gate decides in which steps the supervisor is asked to act."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from mereq.core.supervisor import Controller, Decision, DecisionContext

Obs = Float[np.ndarray, " obs"]


class Gate(Protocol):
    """Gate of a supervised rollout. Its answers are a function of the episode's steps, so that they can be repeated."""

    def begin_episode(self, episode: int) -> None:
        """Start an episode of the rollout, with its number: the policy is in control."""
        ...

    def asks(self, context: DecisionContext) -> bool:
        """Whether the supervisor is asked to act in the next step."""
        ...

    def answered(self, context: DecisionContext, decision: Decision) -> None:
        """Take note of the decision in a step."""
        ...


class SwitchingGate:
    """Gate that asks from the first step with a need until the supervisor has shown an action that ends the request.

    Args:
        needs: whether the policy needs help in a state with the action that it proposes.
        ends: whether a shown action ends the request: of the state, the proposal, and the action that was shown.
        demonstrated: number of first episodes in which the supervisor is asked at every step.
    """

    def __init__(
        self, needs: Callable[[Obs, Any], bool], ends: Callable[[Obs, Any, Any], bool], *, demonstrated: int = 0
    ):
        self._needs, self._ends, self.demonstrated = needs, ends, demonstrated
        self._episode, self._asking = 0, False

    def begin_episode(self, episode: int) -> None:
        """Start an episode of the rollout, with its number: the policy is in control."""
        self._episode, self._asking = episode, False

    def asks(self, context: DecisionContext) -> bool:
        """Whether the supervisor is asked to act in the next step."""
        if self._episode < self.demonstrated:
            return True
        self._asking = self._asking or self._needs(context.obs, context.proposed)
        return self._asking

    def answered(self, context: DecisionContext, decision: Decision) -> None:
        """Take note of the decision in a step: an action of the supervisor's may end the request after it."""
        if self._asking and decision.controller is Controller.EXPERT:
            self._asking = not self._ends(context.obs, context.proposed, decision.action)
