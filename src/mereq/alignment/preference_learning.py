"""PPL: preferences over predicted states. Cai, Peng and Zhou, "Predictive preference learning", NeurIPS 2025.

An intervention says that the expert's action a_e is better than the proposal a_l, not only in the state s_0 of the
takeover but in the states s_1, s_2, ... to which the policy would have gone on from there. The simulator predicts them
exactly. With H predicted steps and sharpness b the loss is

    - mean over takeovers and h < H of log sigmoid(b (log pi(a_e|s_h) - log pi(a_l|s_h)))
    - mean over the expert's steps of log pi(a_e|s)

The second part is behaviour cloning. docs/derivations.md#preferences-over-predicted-states
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mereq.alignment.fitted_change import FittedChange
from mereq.alignment.method import Progress
from mereq.alignment.settings import AlignSettings
from mereq.alignment.takeover_learning import refused, takeovers
from mereq.core.errors import IncompleteTask, WrongTask
from mereq.core.policy import Policy
from mereq.core.seeding import episode_seed, seed_for, stream
from mereq.core.simulator import RewindableSimulator, close
from mereq.core.task import Task
from mereq.imitation.demonstrations import joined
from mereq.imitation.objectives import (
    PreferenceLoss,
    PreferredActions,
)
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from mereq.interventions.segments import demonstrated
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.sac import ActorPolicy


@dataclass(frozen=True)
class PreferenceLearning:
    """Method that learns from preferences in the states that the simulator predicts."""

    name: str

    def start(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> "PreferenceImprover":
        """The improver of a new run, whose first policy is the prior.

        Raises:
            IncompleteTask: the task's simulator cannot go back to where the expert took over.
        """
        simulator = task.simulate(1)
        if not isinstance(simulator, RewindableSimulator):
            close(simulator)
            raise IncompleteTask(
                f"The method {self.name} predicts what follows from where the expert took over, and the simulator of "
                f"the task {task.name} cannot go back there: it lacks `states_along` and `put`. Add them, or use a "
                "method that needs no prediction, such as mile."
            )
        return PreferenceImprover(task, prior, settings, simulator, method=self.name, seed=seed)


PPL = PreferenceLearning("ppl")


class PreferenceImprover:
    """Improver by gradient steps on preferences and demonstrations of the whole log; none before a takeover.

    States are predicted once, with the policy that was taken over from.
    """

    theta: Float[np.ndarray, " features"] = np.zeros(0)  # no reward is inferred

    def __init__(
        self,
        task: Task,
        prior: Policy,
        settings: AlignSettings,
        simulator: RewindableSimulator,
        *,
        method: str,
        seed: int,
    ):
        self._task, self._settings, self._simulator, self._seed = task, settings, simulator, seed
        objective = PreferenceLoss(settings.preferences)
        self._change = FittedChange(task, prior, settings, objective, method=method, seed=seed)
        self._simulator.reset(seed_for(seed, "prediction"))
        self._predicted: dict[tuple[int, int], np.ndarray] = {}  # by round and step of a takeover

    @property
    def policy(self) -> QPolicy | ActorPolicy:
        """The changed prior."""
        return self._change.policy

    def improve(self, log: InterventionLog, iteration: int) -> Iterator[Progress]:
        """Predictions of the new takeovers, then gradient steps."""
        found = [(i, int(step)) for i, each in enumerate(log.rollouts) for step in np.flatnonzero(takeovers(each))]
        if not found:
            return
        for index, step in found:
            if (index, step) not in self._predicted:
                self._predicted[index, step] = self.predict(log.rollouts[index], index, step)
        parts = [self._compared(log.rollouts[index], index, step) for index, step in found]
        groups = [joined(parts), joined([self._shown(rollout) for rollout in log.rollouts])]
        for step, calls, loss in self._change.improve(groups, stream(self._seed, "preferences", iteration)):
            yield Progress(step, calls, self.theta, self.theta, loss)

    def predict(self, rollout: Rollout, iteration: int, step: int) -> Float[np.ndarray, "steps obs"]:
        """States to which the policy would have gone on from a takeover, the takeover's own first.

        They end where the episode would have ended.

        Raises:
            WrongTask: the simulator does not reproduce the supervised environment.
        """
        episode = int(rollout.episode[step])
        first, seed = int(np.searchsorted(rollout.episode, episode)), episode_seed(self._seed, iteration, episode)
        ((state, obs),) = self._simulator.states_along(seed, rollout.executed[first:step], at=[step - first])
        if not np.array_equal(obs, rollout.obs[step]):
            raise WrongTask(
                f"Round {iteration}, step {step}: the simulator does not reproduce the state of the supervised "
                "environment, so it cannot predict what would have followed. Use a method that needs no prediction, "
                "such as mile."
            )
        self._simulator.put(0, state)
        seen, actions, policy = [obs], rollout.proposed[step : step + 1], self.policy
        while len(seen) < self._settings.preferences.horizon:
            reached = self._simulator.step(actions)
            if reached.terminated[0] or reached.truncated[0]:
                break
            seen.append(reached.next_obs[0].copy())
            actions = policy.distribution(reached.next_obs).mode()
        return np.array(seen, np.float32)

    def _compared(self, rollout: Rollout, iteration: int, step: int) -> PreferredActions:
        """The preference of a takeover in each predicted state; none if the expert did as was proposed."""
        obs = self._predicted[iteration, step]
        if not refused(rollout, np.arange(len(rollout)) == step).any():
            obs = obs[:0]
        actions = (each[step : step + 1] for each in (rollout.executed, rollout.proposed))
        better, worse = (np.repeat(each, len(obs), axis=0) for each in actions)
        return PreferredActions(*self._change.seen(obs), better, worse, np.ones(len(obs), bool))

    def _shown(self, rollout: Rollout) -> PreferredActions:
        shown = rollout.only(demonstrated(rollout))
        return PreferredActions(
            *self._change.seen(shown.obs), shown.executed, shown.executed, np.zeros(len(shown), bool)
        )

    def state(self) -> dict[str, np.ndarray]:
        """State of the fit and the predicted states, as named arrays."""
        predicted = {f"predicted.{i}.{step}": obs for (i, step), obs in self._predicted.items()}
        return self._change.state() | predicted

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state` returned."""
        self._change.restore(state)
        self._predicted = {}
        for name, obs in state.items():
            if name.startswith("predicted."):
                _, index, step = name.split(".")
                self._predicted[int(index), int(step)] = obs

    def close(self) -> None:
        """Close the simulator of the predictions."""
        close(self._simulator)
