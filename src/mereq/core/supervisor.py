"""Who acts: the supervisor's side of a supervised rollout."""

from enum import IntEnum
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float


class Controller(IntEnum):
    """Who is in control of a step."""

    POLICY = 0
    EXPERT = 1


class Decision(NamedTuple):
    """Who takes the step, and with which action."""

    controller: Controller
    action: Any
    retracts_last: bool = False  # the supervisor takes back their last intervention of this round: it was a mistake


class DecisionContext(NamedTuple):
    """What a supervisor sees before a step is executed."""

    step: int  # of this episode, from 0
    obs: Float[np.ndarray, " obs"]
    proposed: Any  # the action the policy would take: int (discrete) or (actions,) float array
    info: dict[str, Any]  # the environment's own report of this state: measurements, features of the last step
    recorded_decision: Decision | None = (
        None  # what was decided here before an interruption, if the step is being brought back
    )


class Supervisor(Protocol):
    """A person, or a program that stands in for one."""

    def begin_episode(self, seed: int) -> None:
        """A new episode starts: forget what was counted. Anything random that follows is a function of `seed`."""
        ...

    def decide(self, context: DecisionContext) -> Decision:
        """Let the policy act, or act instead.

        While an unfinished episode is brought back, the answer changes nothing: a rule judges again, so that it has
        counted what it had counted; a person is not asked twice, and answers `context.recorded_decision`.
        """
        ...
