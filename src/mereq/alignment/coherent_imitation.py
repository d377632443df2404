"""Residual CSIL: the reward that makes a clone of the expert optimal. Watson, Huang and Heess, NeurIPS 2023.

    r_R(s, a) = alpha (log clone(a|s) - log pi(a|s))

The clone is a change of the prior pi, fitted to the expert's steps, with a penalty on its divergence from the prior in
all supervised steps. Where nothing was shown it is the prior, and the reward is zero. If the clone is the expert's
policy exactly, r_R is theta_R . f up to shaping (docs/derivations.md#coherent-rewards), so that the residual learner's
optimum is the same; where it is not, the learner returns to where the clone is certain. No theta is inferred.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from mereq.alignment.fitted_change import FittedChange
from mereq.alignment.inverse_rl import transitions_of
from mereq.alignment.method import Progress
from mereq.alignment.policy_start import residual
from mereq.alignment.settings import AlignSettings
from mereq.core.policy import Policy
from mereq.core.reward import LinearReward
from mereq.core.seeding import stream
from mereq.core.simulator import close
from mereq.core.task import Task
from mereq.imitation.objectives import (
    RegularisedCloning,
    ShownSteps,
)
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from mereq.interventions.segments import demonstrated
from mereq.maxent_rl.replay import Batch, Replay, Transitions
from mereq.maxent_rl.simulator_training import LearnedPolicy, SimulatorTraining


class PricedReplay(Replay):
    """Replay whose rewards are a function of the whole transitions, computed when a batch is drawn."""

    def __init__(self, price: Callable[[Transitions], np.ndarray], *args: Any, **sizes: Any):
        super().__init__(*args, **sizes)
        self._price = price

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], reward: LinearReward) -> Batch:
        """Batch of the given leading shape. `reward` is not used.

        Raises:
            ValueError: the replay is empty.
        """
        index = self._indices(rng, shape)
        return self._batch(index, self._price(Transitions(*(column[index] for column in self.columns))))


@dataclass(frozen=True)
class CoherentImitation:
    """Method that trains in the simulator under the reward of a clone."""

    name: str

    def start(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> "CoherentImprover":
        """The improver of a new run, whose first policy is the prior."""
        return CoherentImprover(task, prior, settings, method=self.name, seed=seed)


CSIL = CoherentImitation("csil")


class CoherentImprover:
    """Improver that fits the clone to the whole log, and then trains under its reward; not before a takeover."""

    theta: Float[np.ndarray, " features"] = np.zeros(0)  # the reward is a network

    def __init__(self, task: Task, prior: Policy, settings: AlignSettings, *, method: str, seed: int):
        self._task, self._settings, self._seed = task, settings, seed
        objective = RegularisedCloning(settings.coherent.divergence)
        self._clone = FittedChange(task, prior, settings, objective, method=method, seed=seed)
        learner, state = residual(task, prior, settings, seed=seed)
        replay = PricedReplay(
            self.reward,
            settings.replay_capacity,
            obs_size=task.state_size,
            actions=task.actions,
            n_features=len(task.feature_names),
            n_prior_parameters=learner.n_prior_parameters,
        )
        self._training = SimulatorTraining(
            learner=learner, state=state, replay=replay, task=task, prior=prior, schedule=settings.schedule
        )
        self._remembered = 0  # number of supervised steps in the replay

    @property
    def policy(self) -> LearnedPolicy:
        """The residual learner's present policy."""
        return self._training.policy()

    def reward(self, steps: Transitions) -> Float[np.ndarray, "*batch"]:
        """alpha (log clone(a|s) - log pi(a|s)), the logarithm within its bound."""
        bound = self._settings.coherent.bound
        ratio = self._clone.fit.log_ratio(self._clone.fitted, steps.obs, steps.prior, steps.action)
        return self._settings.learner.prior_temperature * np.clip(ratio, -bound, bound)

    def improve(self, log: InterventionLog, iteration: int) -> Iterator[Progress]:
        """Gradient steps of the clone, then training in the simulator."""
        training, unused = self._training, LinearReward(np.zeros(len(self._task.feature_names)))
        for new in log.after(self._remembered):
            training.replay.add(transitions_of(new, self._task, training), unused)
        self._remembered = log.steps
        shown, others = self.steps_of(log)
        if not len(shown.obs):
            return
        for step, calls, loss in self._clone.improve([shown, others], stream(self._seed, "clone", iteration)):
            yield Progress(step, calls, self.theta, self.theta, loss)
        training.start_phase(self._seed, iteration)
        chunk, n_steps = self._settings.schedule.chunk, self._settings.coherent.training_steps
        for start in range(0, n_steps, chunk):
            training.train(chunk, unused, epsilon=self._settings.schedule.epsilon(start / n_steps))
            yield Progress(start // chunk, -(-n_steps // chunk), self.theta, self.theta, training.loss)

    def steps_of(self, log: InterventionLog) -> tuple[ShownSteps, ShownSteps]:
        """The expert's steps, and the policy's. Retracted interventions are in neither."""

        def selected(which: Callable[[Rollout], np.ndarray], shown: bool) -> ShownSteps:
            parts = [rollout.only(which(rollout)) for rollout in log.rollouts]
            obs, executed = (np.concatenate(each) for each in zip(*((p.obs, p.executed) for p in parts), strict=True))
            return ShownSteps(*self._clone.seen(obs), executed, np.full(len(obs), shown))

        return selected(demonstrated, True), selected(lambda rollout: ~rollout.by_expert, False)

    def state(self) -> dict[str, np.ndarray]:
        """State of the clone, the learner and the replay, as named arrays."""
        return self._training.arrays() | self._clone.state() | {"remembered": np.array(self._remembered)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state` returned."""
        self._training.restore(state)
        self._clone.restore(state)
        self._remembered = int(state["remembered"])

    def close(self) -> None:
        """Close the training's simulator."""
        close(self._training)
