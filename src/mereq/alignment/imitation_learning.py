"""Imitation methods, which infer no reward: HG-DAgger-FT and IWR-FT. Section 6."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from mereq.alignment.method import Progress
from mereq.alignment.settings import AlignSettings
from mereq.alignment.warm_start import UPDATES_PER_CALL, warm_start
from mereq.core.policy import Policy
from mereq.core.seeding import stream
from mereq.core.task import Task
from mereq.imitation.demonstrations import Demonstrations, by_expert, by_policy, draw, joined
from mereq.interventions.log import InterventionLog
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.sac import ActorPolicy
from mereq.maxent_rl.updating import update

Groups = Callable[[Demonstrations, InterventionLog], list[Demonstrations]]


def aggregated(warm_start: Demonstrations, log: InterventionLog) -> list[Demonstrations]:
    """One group of equally weighted demonstrations: the warm start's and the expert's steps. HG-DAgger."""
    return [joined([warm_start, by_expert(log)])]


def balanced(warm_start: Demonstrations, log: InterventionLog) -> list[Demonstrations]:
    """Two groups, each half of every batch: the expert's steps; the warm start's and the policy's own steps. IWR."""
    return [by_expert(log), joined([warm_start, by_policy(log)])]


def _with_states(log: InterventionLog, task: Task) -> InterventionLog:
    """The log with the states that a learner sees in place of the observations."""
    return InterventionLog(tuple(replace(rollout, obs=task.state_of(rollout.obs)) for rollout in log.rollouts))


@dataclass(frozen=True)
class InteractiveImitation:
    """Imitation method: behavioural cloning of the prior, continued with the supervised steps.

    name: the method's name on the command line.
    groups: groups of demonstrations; each group has the same share of every batch.
    """

    name: str
    groups: Groups

    def start(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> "CloningImprover":
        """The improver of a new run, which starts from the cloned prior."""
        return CloningImprover(task, prior, settings, groups=self.groups, seed=seed)


HG_DAGGER_FT = InteractiveImitation("hg-dagger-ft", groups=aggregated)
IWR_FT = InteractiveImitation("iwr-ft", groups=balanced)


class CloningImprover:
    """Improver by behavioural cloning: after each round, it maximises the likelihood of all demonstrations so far."""

    def __init__(self, task: Task, prior: Policy, settings: AlignSettings, *, groups: Groups, seed: int):
        self._task, self._groups, self._settings, self._seed = task, groups, settings, seed
        self._learner, self._learned, self._warm_start = warm_start(task, prior, settings, seed=seed)

    @property
    def policy(self) -> QPolicy | ActorPolicy:
        """The cloned policy."""
        return self._learner.policy(self._learned)

    @property
    def theta(self) -> Float[np.ndarray, " features"]:
        """Empty: imitation infers no reward."""
        return np.zeros(0)

    def improve(self, log: InterventionLog, iteration: int) -> Iterator[Progress]:
        """Gradient steps on the likelihood of the demonstrations so far; none before the first intervention."""
        if log.expert_steps == 0:
            return
        groups = self._groups(self._warm_start, _with_states(log, self._task))
        rng = stream(self._seed, "cloning", iteration + 1)
        calls = -(-self._settings.cloning_updates // UPDATES_PER_CALL)
        for step in range(calls):
            batches = draw(groups, rng, UPDATES_PER_CALL, self._settings.cloning.batch_size)
            self._learned, metrics = update(self._learner, self._learned, batches)
            yield Progress(step, calls, np.zeros(0), np.zeros(0), float(metrics.loss))

    def state(self) -> dict[str, np.ndarray]:
        """The learner's state, as named arrays. The demonstrations follow from the seed and the log."""
        return {f"learner{name}": array for name, array in self._learned.arrays().items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state` returned."""
        self._learned = self._learned.from_arrays({name.removeprefix("learner"): a for name, a in state.items()})

    def close(self) -> None:
        """Do nothing: the warm start has closed its simulator."""
