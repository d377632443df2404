"""Intervention rules as data: "a condition holds for n consecutive steps", with least and greatest holds. App. A."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mereq.core.supervisor import Controller

Judged = TypeVar("Judged")  # what conditions look at: a divergence, or a task's measurements


@dataclass(frozen=True)
class Trigger(Generic[Judged]):
    """Fires when its condition has held for so many consecutive steps."""

    condition: Callable[[Judged], bool]
    consecutive: int

    def __post_init__(self):
        if self.consecutive < 1:
            raise ValueError(f"a trigger needs at least 1 consecutive step, got {self.consecutive}")


@dataclass(frozen=True)
class Rule(Generic[Judged]):
    """When an expert takes over, and when they hand back. Any trigger of a tuple suffices."""

    engage: tuple[Trigger[Judged], ...]
    disengage: tuple[Trigger[Judged], ...]
    min_hold: int = 1  # steps that an intervention lasts at least
    max_hold: int | None = None  # steps after which it ends in any case

    def __post_init__(self):
        if self.min_hold < 1 or (self.max_hold is not None and self.max_hold < self.min_hold):
            raise ValueError(f"need 1 <= min_hold <= max_hold, got {self.min_hold} and {self.max_hold}")


class RuleEngine(Generic[Judged]):
    """Applies a rule step by step. Each step is judged before it is executed; whoever it names executes it.

    Only steps under the present controller count towards a trigger: the counts start anew at every change of control.
    """

    def __init__(self, rule: Rule[Judged]):
        self.rule = rule
        self.reset()

    def reset(self) -> None:
        """A new episode: the policy is in control, nothing has been counted."""
        self._give_control_to(Controller.POLICY)

    def _give_control_to(self, controller: Controller) -> None:
        self.controller = controller
        self._held = 0  # steps executed under this controller
        self._triggers = self.rule.engage if controller is Controller.POLICY else self.rule.disengage
        self._counts = [0] * len(self._triggers)

    def judge(self, judged: Judged) -> Controller:
        """Who executes the step that is about to happen."""
        self._counts = [
            count + 1 if trigger.condition(judged) else 0
            for trigger, count in zip(self._triggers, self._counts, strict=True)
        ]
        fired = any(c >= t.consecutive for t, c in zip(self._triggers, self._counts, strict=True))
        if self.controller is Controller.POLICY:
            if fired:
                self._give_control_to(Controller.EXPERT)
        else:
            expired = self.rule.max_hold is not None and self._held >= self.rule.max_hold
            if expired or (fired and self._held >= self.rule.min_hold):
                self._give_control_to(Controller.POLICY)
        self._held += 1
        return self.controller
