"""Robot-gated methods: a method of learning, and a gate that decides when the supervisor is asked. docs/benchmark.md.

The gate is learned again before each round, from the log and the policy that will act. So it has no state of its own,
and a resumed run asks as the first one would have.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Bool, Float

from mereq.alignment.method import Improver, Method
from mereq.alignment.settings import AlignSettings
from mereq.alignment.warm_start import UPDATES_PER_CALL
from mereq.core.actions import Actions, Discrete
from mereq.core.errors import WrongValue
from mereq.core.policy import Policy
from mereq.core.seeding import seed_for, stream
from mereq.core.task import Task
from mereq.imitation.action_values import ActionValue, ActionValues, ValueSteps, pairs, vectors
from mereq.imitation.demonstrations import draw
from mereq.interventions.log import InterventionLog
from mereq.interventions.segments import demonstrated
from mereq.maxent_rl.updating import update
from mereq.supervision.gate import Gate, SwitchingGate


class GateLearner(Protocol):
    """Kind of gate, which is learned from the interventions so far."""

    def learn(self, seen: "SeenSteps", settings: AlignSettings, *, seed: int) -> SwitchingGate:
        """Gate of the next round, given a log with steps that the supervisor showed."""
        ...


@dataclass(frozen=True)
class RobotGated:
    """Method whose supervisor acts where the robot asks, and in no other steps.

    name: the method's name on the command line.
    learner: method that learns from what is shown.
    gate: decides when the supervisor is asked.
    """

    name: str
    learner: Method
    gate: GateLearner

    def start(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> Improver:
        """The improver of a new run: the learner's."""
        return self.learner.start(task, prior, settings, seed=seed)

    def next_gate(
        self, task: Task, settings: AlignSettings, log: InterventionLog, policy: Policy, *, seed: int
    ) -> Gate:
        """Gate of the next round. The first episodes are demonstrations; so are all until something was shown."""
        if not any(demonstrated(rollout).any() for rollout in log.rollouts):
            first = max(1, settings.gates.demonstrated)
            return SwitchingGate(lambda state, proposed: False, lambda state, proposed, shown: True, demonstrated=first)
        episodes = sum(len(np.unique(rollout.episode)) for rollout in log.rollouts)
        gate = self.gate.learn(SeenSteps.of(task, log, policy), settings, seed=seed_for(seed, "gate", episodes))
        gate.demonstrated = max(0, settings.gates.demonstrated - episodes)
        return gate


def gate_of(method: Method) -> RobotGated | None:
    """The method if it is robot-gated."""
    return method if isinstance(method, RobotGated) else None


def without_gate(method: Method) -> Method:
    """The method that learns: the method itself, unless it is robot-gated."""
    return method.learner if isinstance(method, RobotGated) else method


class SeenSteps(NamedTuple):
    """All steps of a log, with what the present policy would do."""

    actions: Actions
    state: Float[np.ndarray, "n states"]
    executed: np.ndarray
    next_state: Float[np.ndarray, "n states"]
    terminated: Bool[np.ndarray, " n"]
    shown: Bool[np.ndarray, " n"]  # by the supervisor, and not retracted
    alone: Bool[np.ndarray, " n"]  # under the policy's control
    proposal: np.ndarray  # of the present policy
    next_proposal: np.ndarray  # of the present policy, at the next state

    @classmethod
    def of(cls, task: Task, log: InterventionLog, policy: Policy) -> "SeenSteps":
        """Steps of a log that is not empty."""
        obs, executed, next_obs, terminated, expert = (
            np.concatenate([getattr(rollout, name) for rollout in log.rollouts])
            for name in ("obs", "executed", "next_obs", "terminated", "by_expert")
        )
        shown = np.concatenate([demonstrated(rollout) for rollout in log.rollouts])
        proposal, next_proposal = (policy.distribution(each).mode() for each in (obs, next_obs))
        states = task.state_of(obs), executed, task.state_of(next_obs)
        return cls(task.actions, *states, terminated, shown, ~expert, proposal, next_proposal)

    @property
    def own(self) -> Bool[np.ndarray, " n"]:
        """Steps over which quantiles are taken: those under the policy's control; all, as long as there are none."""
        return self.alone if self.alone.any() else np.ones_like(self.alone)

    def pairs(self, action: np.ndarray) -> Float[np.ndarray, "n inputs"]:
        """States with these actions."""
        return pairs(self.state, vectors(action, self.actions))

    def next_pairs(self, *, any_action: bool) -> Float[np.ndarray, "n k inputs"]:
        """Next states with every action if there are finitely many and `any_action`; else with the next proposal."""
        if any_action and isinstance(self.actions, Discrete):
            every = np.arange(self.actions.n)
            of_each = [pairs(self.next_state, vectors(np.full(len(self.state), a), self.actions)) for a in every]
            return np.stack(of_each, axis=1)
        return pairs(self.next_state, vectors(self.next_proposal, self.actions))[:, None]

    def steps(self, label: Float[np.ndarray, " n"], *, any_action: bool) -> ValueSteps:
        """All executed steps, with these labels."""
        label = np.asarray(label, np.float32)
        return ValueSteps(self.pairs(self.executed), label, self.next_pairs(any_action=any_action), self.terminated)


def discrepancy(a: np.ndarray, b: np.ndarray, actions: Actions) -> Float[np.ndarray, " n"]:
    """Squared distance of actions; of finitely many, 0 for the same action and 1 for another one."""
    if isinstance(actions, Discrete):
        return np.asarray(a != b, float)
    return ((np.asarray(a, float) - np.asarray(b, float)) ** 2).sum(axis=-1)


def quantile_above(values: Float[np.ndarray, " n"], rate: float) -> float:
    """Threshold that a share `rate` of the values exceeds: their (1 - rate)-quantile.

    Raises:
        WrongValue: there are no values.
    """
    if not len(values):
        raise WrongValue("A gate's threshold needs at least one step.")
    return float(np.quantile(values, 1.0 - rate))


def learn_values(groups: list[ValueSteps], settings: AlignSettings, *, seed: int, purpose: str) -> ActionValue:
    """Values that are learned from groups of steps, each with the same share of every batch."""
    inputs, cloning = groups[0].pair.shape[1], settings.cloning
    learner = ActionValues(inputs, settings.learner.hidden, cloning.learning_rate, settings.learner.gamma)
    state, rng = learner.init(seed_for(seed, purpose)), stream(seed, purpose)
    for batches in batches_of(groups, settings, rng):
        state, _ = update(learner, state, batches)
    return ActionValue.of(state)


def batches_of(groups: list[Any], settings: AlignSettings, rng: np.random.Generator) -> Iterator[Any]:
    """Batches of a gate's updates, for one compiled call after the other."""
    for _ in range(-(-settings.gates.updates // UPDATES_PER_CALL)):
        yield draw(groups, rng, UPDATES_PER_CALL, settings.cloning.batch_size)
