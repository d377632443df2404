"""Synthesized experts: expert policies that take over by a rule. App. A.1."""

from typing import Any

import numpy as np

from mereq.core.border import non_finite_part
from mereq.core.distribution import Categorical
from mereq.core.errors import WrongPolicyOutput, WrongTask, WrongValue
from mereq.core.policy import Policy
from mereq.core.supervisor import Controller, Decision, DecisionContext
from mereq.supervision.divergence import kl_of_action
from mereq.supervision.rules import Rule, RuleEngine, Trigger


def divergence_rule(*, upper: float, lower: float) -> Rule[float]:
    """Intervention rule of the highway. App. A.1.1.

    Engage when the divergence is at least `upper` for 2 consecutive steps, hold for at least 4 steps, and disengage
    when it is at most `lower` for 4 consecutive steps.

    Raises:
        WrongValue: a threshold is no finite number.
    """
    for name, threshold in (("upper", upper), ("lower", lower)):
        if not isinstance(threshold, int | float | np.number) or not np.isfinite(threshold):
            raise WrongValue(
                f"The threshold {name} of the intervention rule is {threshold!r}, and must be a finite number: a "
                "divergence is compared with it at every step."
            )
    return Rule(
        engage=(Trigger(lambda divergence: divergence >= upper, 2),),
        disengage=(Trigger(lambda divergence: divergence <= lower, 4),),
        min_hold=4,
    )


class DivergenceExpert:
    """Expert that takes over when the proposed action is improbable under the expert policy. App. A.1.1.

    Where a robot-gated method asks, it acts in the steps in which it is asked, and in no others.
    """

    def __init__(self, expert: Policy, rule: Rule[float]):
        self._expert = expert
        self._engine = RuleEngine(rule)

    def begin_episode(self, seed: int) -> None:
        """Start an episode: the policy is in control."""
        self._engine.reset()

    def decide(self, context: DecisionContext) -> Decision:
        """Decision of the rule; the expert's action is the most probable one of its policy.

        Raises:
            WrongPolicyOutput: the expert policy's distribution is not a `Categorical`.
        """
        expert = self._expert.distribution(context.obs[None])
        if not isinstance(expert, Categorical):
            raise WrongPolicyOutput(
                f"The divergence rule needs an expert that gives a Categorical, not a {type(expert).__name__}: it is "
                "defined for finitely many actions. Use MeasurementExpert for continuous ones."
            )
        divergence = kl_of_action(np.array([context.proposed]), expert)[0]
        controller = _controller(context, self._engine, float(divergence))
        return Decision(controller, context.proposed if controller is Controller.POLICY else expert.mode()[0])


class MeasurementExpert:
    """Expert that takes over when measurements meet a rule, and then acts as the expert policy does. App. A.1.2-A.1.4.

    The measurements are `info["measurements"]`, which the environment reports at the reset and after every step; of an
    environment that reports none, the observation. Where a robot-gated method asks, the expert acts in the steps in
    which it is asked, and in no others.
    """

    def __init__(self, expert: Policy, rule: Rule[Any]):
        self._expert = expert
        self._engine = RuleEngine(rule)

    def begin_episode(self, seed: int) -> None:
        """Start an episode: the policy is in control."""
        self._engine.reset()

    def decide(self, context: DecisionContext) -> Decision:
        """Decision of the rule; the expert's action is the most probable one of its policy.

        Raises:
            WrongTask: a measurement is NaN or infinite, so that a comparison with it would be wrong silently.
        """
        measured = context.info.get("measurements", context.obs)
        if (where := non_finite_part(measured, "measurements")) is not None:
            raise WrongTask(
                f"info[{'measurements'!r}] contains NaN or an infinite number at {where}, and the intervention rule "
                "compares it. Report a finite number at every step; for a missing measurement repeat the last one."
            )
        controller = _controller(context, self._engine, measured)
        if controller is Controller.POLICY:
            return Decision(controller, context.proposed)
        return Decision(controller, self._expert.distribution(context.obs[None]).mode()[0])


def _controller(context: DecisionContext, engine: RuleEngine[Any], judged: Any) -> Controller:
    """Controller of the next step: the expert where it is asked; by its rule where nothing ever asks."""
    if context.asked is None:
        return engine.judge(judged)
    return Controller.EXPERT if context.asked else Controller.POLICY
