"""Learning at every handback: the policy that the supervisor gets back has already learned from the intervention.

For methods that learn in a fraction of a second. A new policy acts from the next step on, within the episode.
"""

import time
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from mereq.alignment.method import Improver, Progress, belief_of
from mereq.alignment.schedule import PolicyVersion, Resume
from mereq.core.policy import Policy
from mereq.core.simulator import close
from mereq.core.supervisor import Controller
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep

PERIOD = 4  # steps of an intervention after which `WithinIntervention` learns again


class AtHandback:
    """Learning schedule that learns when the supervisor hands back, retracts, or an intervention ends with its episode.

    What was learned is a function of the steps so far. A resumed run whose last step was not learned from learns first.
    """

    def __init__(self, improver: Improver, resume: Resume):
        first = PolicyVersion.first(improver)
        if resume.state is not None:
            improver.restore(resume.state)
        self._newest = max((first, *resume.published), key=lambda each: each.version)
        self._improver = improver

    @property
    def policy(self) -> Policy:
        """The newest policy."""
        return self._newest.policy

    @property
    def theta(self) -> Float[np.ndarray, " features"]:
        """Inferred reward weights of the newest policy."""
        return self._newest.theta

    def acting(self, version: int | None) -> tuple[int, Policy]:
        """Number and policy of the next step: the newest, whichever acted before."""
        return self._newest.version, self._newest.policy

    def after_step(self, log: InterventionLog, steps: Sequence[SupervisedStep]) -> Iterator[Progress | PolicyVersion]:
        """The new policy and what led to it, if an intervention is over or was retracted."""
        if self._learns_after(steps):
            yield from self._learn(log.append(Rollout.of(steps)))

    def after_round(self, log: InterventionLog, iteration: int) -> Iterator[Progress | PolicyVersion]:
        """The new policy and what led to it, if the round has cut an intervention off."""
        if log.rollouts[-1].by_expert[-1]:
            yield from self._learn(log)

    def _learns_after(self, steps: Sequence[SupervisedStep]) -> bool:
        return is_over(steps)

    def _learn(self, log: InterventionLog) -> Iterator[Progress | PolicyVersion]:
        if log.steps == self._newest.learned_from:
            return
        started = time.perf_counter()
        yield from self._improver.improve(log, self._newest.version + 1)
        made = self._made(log, time.perf_counter() - started)
        yield made
        self._newest = made  # the consumer has stored it by now, so it may act

    def _made(self, log: InterventionLog, seconds: float) -> PolicyVersion:
        """The version that was just learned from a log."""
        return PolicyVersion(
            version=self._newest.version + 1,
            policy=self._improver.policy,
            theta=self._improver.theta.copy(),
            learned_from=log.steps,
            seconds=seconds,
            belief=belief_of(self._improver),
        )

    def state(self) -> dict[str, np.ndarray]:
        """State of the improver."""
        return self._improver.state()

    def close(self) -> None:
        """Close the improver's simulators; no thread was started."""
        close(self._improver)


class WithinIntervention(AtHandback):
    """Learning schedule that also learns after every `PERIOD` steps of an intervention.

    The policy's proposals, which the supervisor judges while in control, follow what the intervention has shown so far.
    An intervention against a policy that is wrong throughout need not last until the episode ends.
    """

    def _learns_after(self, steps: Sequence[SupervisedStep]) -> bool:
        held = 0
        for step in reversed(steps):
            if step.controller is not Controller.EXPERT or step.episode != steps[-1].episode:
                break
            held += 1
        return is_over(steps) or (held > 0 and held % PERIOD == 0)


def is_over(steps: Sequence[SupervisedStep]) -> bool:
    """Whether the last step shows that an intervention is over, or takes one back."""
    last = steps[-1]
    if last.controller is Controller.EXPERT:
        return last.terminated or last.truncated
    before = steps[-2] if len(steps) > 1 and steps[-2].episode == last.episode else None
    return last.retracts > 0 or (before is not None and before.controller is Controller.EXPERT)
