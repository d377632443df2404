"""Intervention rules: conditions that hold for n consecutive steps, with minimum and maximum duration. App. A."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from mereq.core.errors import WrongTask, WrongValue
from mereq.core.ranges import COUNT
from mereq.core.supervisor import Controller

Judged = TypeVar("Judged")  # what conditions judge: a divergence, or a task's measurements


@dataclass(frozen=True)
class Trigger(Generic[Judged]):
    """Trigger that fires when its condition has held for a number of consecutive steps.

    Raises:
        WrongValue: `condition` is no function, or `consecutive` no whole number of at least 1.
    """

    condition: Callable[[Judged], bool]
    consecutive: int

    def __post_init__(self):
        if not callable(self.condition):
            raise WrongValue(f"The condition of a trigger is a function of what is judged; it is {self.condition!r}.")
        if not COUNT.holds(self.consecutive):
            raise WrongValue(f"The steps of a trigger must be {COUNT.words} in number; they are {self.consecutive!r}.")


@dataclass(frozen=True)
class Rule(Generic[Judged]):
    """Rule for takeovers (`engage`) and handbacks (`disengage`). Any one trigger of a tuple suffices.

    Raises:
        ValueError: not 1 <= min_hold <= max_hold.
    """

    engage: tuple[Trigger[Judged], ...]
    disengage: tuple[Trigger[Judged], ...]
    min_hold: int = 1  # minimum duration of an intervention [steps]
    max_hold: int | None = None  # maximum duration [steps]; None: no limit

    def __post_init__(self):
        if self.min_hold < 1 or (self.max_hold is not None and self.max_hold < self.min_hold):
            raise ValueError(f"need 1 <= min_hold <= max_hold, got {self.min_hold} and {self.max_hold}")


class RuleEngine(Generic[Judged]):
    """Application of a rule, step by step. Each step is judged before it is executed by the controller that results.

    Only steps under the present controller count towards a trigger: every change of control resets the counts
    (docs/deviations.md#judged-before-executed).
    """

    def __init__(self, rule: Rule[Judged]):
        self.rule = rule
        self.reset()

    def reset(self) -> None:
        """Start an episode: the policy is in control, and all counts are zero."""
        self._give_control_to(Controller.POLICY)

    def _give_control_to(self, controller: Controller) -> None:
        self.controller = controller
        self._held = 0  # steps executed under this controller
        self._triggers = self.rule.engage if controller is Controller.POLICY else self.rule.disengage
        self._counts = [0] * len(self._triggers)

    def judge(self, judged: Judged) -> Controller:
        """Controller of the next step, given what the conditions judge now."""
        self._counts = [
            count + 1 if _holds(trigger, judged) else 0
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


def _holds(trigger: Trigger[Judged], judged: Judged) -> bool:
    """Whether a trigger's condition holds.

    Raises:
        WrongTask: the condition is neither true nor false.
    """
    found: Any = trigger.condition(judged)
    if found is True or found is False or isinstance(found, np.bool_):
        return bool(found)
    if isinstance(found, np.ndarray) and found.shape == () and found.dtype == np.bool_:
        return bool(found)
    raise WrongTask(
        f"A condition of the intervention rule answered {found!r} for {judged!r}. It must be True or False, such as a "
        "comparison of one number; use .any() or .all() for an array."
    )
