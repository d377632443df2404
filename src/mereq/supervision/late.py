"""Late takeovers: a supervisor who reacts some steps after the first reason to take over."""

from mereq.core.supervisor import Controller, Decision, DecisionContext, Supervisor


class Late:
    """Supervisor that takes over some steps later than another one would. It hands back when the other one does.

    An intervention that the other one would have ended by then does not take place.

    Args:
        supervisor: decides, and is not told that its first steps were the policy's.
        steps: between the first reason and the takeover.

    Raises:
        ValueError: `steps` is negative.
    """

    def __init__(self, supervisor: Supervisor, steps: int):
        if steps < 0:
            raise ValueError(f"a takeover can be late by 0 steps or more, got {steps}")
        self._supervisor, self._steps = supervisor, steps

    def begin_episode(self, seed: int) -> None:
        """Start an episode: the policy is in control."""
        self._supervisor.begin_episode(seed)
        self._waited = 0

    def decide(self, context: DecisionContext) -> Decision:
        """Decision of the supervisor, but the policy's own action in the first steps of each intervention."""
        decision = self._supervisor.decide(context)
        if decision.controller is Controller.POLICY:
            self._waited = 0
        elif self._waited < self._steps:
            self._waited += 1
            return Decision(Controller.POLICY, context.proposed)
        return decision
