"""The supervisor of a rollout, what it sees before each step, and what it decides."""

from enum import IntEnum
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float

from mereq.core.policy import Policy


class Controller(IntEnum):
    """The one in control of a step: the policy or the expert."""

    POLICY = 0
    EXPERT = 1


class SeenFrame(NamedTuple):
    """The frame that a person had seen when they decided a step, and when they decided."""

    frame: int  # the last one that the page had drawn, counted from the start of the session
    decided: float  # by the clock of the program's machine [s] since 1970
    sent: float  # the input that decided, by the clock of the page [s] since 1970


class Decision(NamedTuple):
    """Decision of a supervisor: the controller of a step, and its action."""

    controller: Controller
    action: Any
    retracts: int = 0  # k: the supervisor takes back the k-th last intervention of this round as a mistake; 0: none
    seen: SeenFrame | None = None  # what a person had seen; None for a program


class DecisionContext(NamedTuple):
    """Context of a decision: the information that a supervisor has before a step is executed."""

    step: int  # of this episode, from 0
    obs: Float[np.ndarray, " obs"]
    proposed: Any  # the action the policy would take: int (discrete) or (actions,) float array
    info: dict[str, Any]  # the environment's own report of this state: measurements, features of the last step
    recorded_decision: Decision | None = None  # of before an interruption, while the step is executed again
    policy: Policy | None = None  # the acting policy, which proposed the action; None while a step is executed again
    asked: bool | None = None  # whether a robot-gated method asks the supervisor to act; None: nothing ever asks


class Supervisor(Protocol):
    """A person, or a program that represents one."""

    def begin_episode(self, seed: int) -> None:
        """Start an episode: forget all counts. Anything random that follows is a function of `seed`."""
        ...

    def decide(self, context: DecisionContext) -> Decision:
        """Decision to let the policy act, or to act instead.

        While an unfinished episode is executed again after an interruption, the answer changes nothing: a rule judges
        again to restore its counts; a person is not asked twice, and answers `context.recorded_decision`.
        """
        ...
