"""Methods that learn values from takeovers alone, without a reward and without theta: RLIF, RIFT and PVP.

Each is off-policy learning on the log, with labels in place of rewards (docs/derivations.md#values-of-takeovers):

    RLIF  r = -c on the step that led to a takeover, 0 on every other executed step. Luo et al., ICLR 2024
    RIFT  Q(s, refused proposal) -> -c, and r = 0 on every executed step; the prior keeps its term. After Pronovost et
          al., 2026: residual fine-tuning from emergency stops
    PVP   Q(s, expert's action) -> c, Q(s, refused proposal) -> -c, and r = 0 on every executed step. Peng et al.,
          NeurIPS 2023

"Q(s, a) -> y" is a transition with reward y that ends its episode: its target is y itself. c is in units of alphahat,
the learner's temperature, because the odds of two actions depend on their ratio alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from mereq.alignment.method import Progress
from mereq.alignment.policy_start import PolicyStart, prior_policy, residual
from mereq.alignment.settings import AlignSettings
from mereq.alignment.warm_start import UPDATES_PER_CALL
from mereq.core.actions import parameters_of
from mereq.core.policy import Policy
from mereq.core.seeding import stream
from mereq.core.task import Task
from mereq.imitation.demonstrations import draw, joined
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from mereq.interventions.segments import demonstrated
from mereq.maxent_rl.replay import Batch
from mereq.maxent_rl.simulator_training import LearnedPolicy
from mereq.maxent_rl.updating import update


class LabelledSteps(NamedTuple):
    """Transitions with labels in place of rewards, in units of the cost of a takeover."""

    obs: Float[np.ndarray, "n obs"]
    action: np.ndarray  # (n,) int, or (n, actions) float
    label: Float[np.ndarray, " n"]
    next_obs: Float[np.ndarray, "n obs"]
    terminated: Bool[np.ndarray, " n"]  # also where the label is the value itself


Labels = Callable[[Rollout], list[LabelledSteps]]


def takeovers(rollout: Rollout) -> Bool[np.ndarray, " T"]:
    """Mask of the first steps of interventions that were not retracted."""
    shown = demonstrated(rollout)
    goes_on = shown[:-1] & (rollout.episode[:-1] == rollout.episode[1:])
    return shown & ~np.append(False, goes_on)


def executed(rollout: Rollout, label: Float[np.ndarray, " T"]) -> LabelledSteps:
    """All executed steps, with these labels."""
    return LabelledSteps(rollout.obs, rollout.executed, label, rollout.next_obs, rollout.terminated)


def valued(rollout: Rollout, steps: Bool[np.ndarray, " T"], action: np.ndarray, value: float) -> LabelledSteps:
    """Selected steps with an action whose value is known."""
    obs, n = rollout.obs[steps], int(steps.sum())
    return LabelledSteps(obs, action[steps], np.full(n, value), obs, np.ones(n, bool))


def refused(rollout: Rollout, steps: Bool[np.ndarray, " T"]) -> Bool[np.ndarray, " T"]:
    """Mask of the selected steps in which the expert did something else than the policy had proposed."""
    differs = rollout.proposed != rollout.executed
    return steps & differs.reshape(len(rollout), -1).any(axis=1)


def cost_of_takeovers(rollout: Rollout) -> list[LabelledSteps]:
    """One group: executed steps, with -1 on each step of the policy after which the expert took over. RLIF."""
    begins, same_episode = takeovers(rollout), np.diff(rollout.episode) == 0
    led_to = np.append(begins[1:] & same_episode, False) & ~rollout.by_expert
    return [executed(rollout, -led_to.astype(float))]


def cost_of_proposals(rollout: Rollout) -> list[LabelledSteps]:
    """Two groups: executed steps; the proposals at which the expert took over, whose value is -1. RIFT."""
    stopped = refused(rollout, takeovers(rollout))
    return [executed(rollout, np.zeros(len(rollout))), valued(rollout, stopped, rollout.proposed, -1.0)]


def proxy_values(rollout: Rollout) -> list[LabelledSteps]:
    """Three groups: executed steps; the expert's actions, worth 1; the proposals in their place, worth -1. PVP."""
    shown = demonstrated(rollout)
    return [
        executed(rollout, np.zeros(len(rollout))),
        valued(rollout, shown, rollout.executed, 1.0),
        valued(rollout, refused(rollout, shown), rollout.proposed, -1.0),
    ]


@dataclass(frozen=True)
class TakeoverLearning:
    """Method that learns values of actions from takeovers, off-policy, from the log alone.

    name: the method's name on the command line.
    policy_start: the first policy, and whether it keeps the prior's term.
    labels: groups of labelled steps of a rollout; each group has the same share of every batch.
    """

    name: str
    policy_start: PolicyStart
    labels: Labels

    def start(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> "TakeoverImprover":
        """The improver of a new run."""
        return TakeoverImprover(task, prior, settings, method=self, seed=seed)


RLIF = TakeoverLearning("rlif", prior_policy, cost_of_takeovers)
RIFT = TakeoverLearning("rift", residual, cost_of_proposals)
PVP = TakeoverLearning("pvp", residual, proxy_values)


class TakeoverImprover:
    """Improver by off-policy updates on the labelled steps of the whole log; none before the first takeover."""

    theta: Float[np.ndarray, " features"] = np.zeros(0)  # no reward is inferred

    def __init__(self, task: Task, prior: Policy, settings: AlignSettings, *, method: TakeoverLearning, seed: int):
        self._task, self._settings, self._method, self._seed = task, settings, method, seed
        start: tuple[Any, Any] = method.policy_start(task, prior, settings, seed=seed)
        self._learner, self._state = start
        self._prior = prior
        self._cost = settings.takeovers.cost * settings.learner.temperature

    @property
    def policy(self) -> LearnedPolicy:
        """The learner's present policy."""
        return self._learner.policy(self._state, self._prior)

    def improve(self, log: InterventionLog, iteration: int) -> Iterator[Progress]:
        """Updates on batches of the log's labelled steps."""
        if not any(takeovers(rollout).any() for rollout in log.rollouts):
            return
        groups = self.groups(log)
        rng = stream(self._seed, "takeovers", iteration)
        calls = -(-self._settings.takeovers.updates // UPDATES_PER_CALL)
        for step in range(calls):
            batches = draw(groups, rng, UPDATES_PER_CALL, self._settings.schedule.batch_size)
            self._state, metrics = update(self._learner, self._state, batches)
            yield Progress(step, calls, self.theta, self.theta, float(metrics.loss))

    def groups(self, log: InterventionLog) -> list[Batch]:
        """Groups of labelled steps as transitions; empty ones are left out."""
        groups = zip(*map(self._method.labels, log.rollouts), strict=True)
        return [self._priced(joined(parts)) for parts in groups if any(len(part.obs) for part in parts)]

    def _prior_at(self, obs: Float[np.ndarray, "n obs"]) -> Float[np.ndarray, "n parameters"]:
        known = self._prior.distribution(obs) if self._learner.has_prior else None
        return parameters_of(known, self._task.actions, len(obs)).astype(np.float32)

    def _priced(self, steps: LabelledSteps) -> Batch:
        return Batch(
            obs=self._task.state_of(steps.obs).astype(np.float32),
            action=steps.action,
            reward=(self._cost * steps.label).astype(np.float32),
            next_obs=self._task.state_of(steps.next_obs).astype(np.float32),
            terminated=steps.terminated.astype(np.float32),
            prior=self._prior_at(steps.obs),
            next_prior=self._prior_at(steps.next_obs),
        )

    def state(self) -> dict[str, np.ndarray]:
        """The learner's state, as named arrays. The labelled steps follow from the log."""
        return self._state.arrays()

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state` returned."""
        self._state = self._state.from_arrays(state)
