"""Methods that infer a reward from the interventions and follow it: MEReQ and MEReQ-NP. Sections 5.2 and 5.3."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mereq.align.method import Progress
from mereq.align.settings import AlignSettings
from mereq.core.policy import Policy
from mereq.core.reward import LinearReward
from mereq.core.seeding import seed_for
from mereq.core.task import Task, checked_features
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from mereq.irl.expectation import feature_expectation
from mereq.irl.feature_counts import FeatureCounts
from mereq.irl.gradient import normalized_gradient
from mereq.maxent_rl.dqn import DQN, QPolicy
from mereq.maxent_rl.practice import Practice
from mereq.maxent_rl.replay import Replay, Transitions


@dataclass(frozen=True)
class InverseRL:
    """Infer theta by gradient ascent on the interventions' likelihood, and follow theta . f with (residual) Q-learning.

    name: as on the command line.
    pseudo_expert: count the good-enough starts of policy segments as expert steps, section 5.3.
    """

    name: str
    pseudo_expert: bool

    def start(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> "ResidualImprover":
        """Begin a run at theta = 0 and policy = prior. Alg. 1, l. 1."""
        kappa = settings.inference.kappa if self.pseudo_expert else 1.0
        return ResidualImprover(task, prior, settings, kappa=kappa, seed=seed)


MEREQ = InverseRL("mereq", pseudo_expert=True)
MEREQ_NP = InverseRL("mereq-np", pseudo_expert=False)


class ResidualImprover:
    """The inner loop of Algorithm 1: ascend in theta, practise under theta . f, repeat."""

    def __init__(self, task: Task, prior: Policy, settings: AlignSettings, *, kappa: float, seed: int):
        self._task, self._prior, self._settings, self._kappa, self._seed = task, prior, settings, kappa, seed
        learner = DQN(task.obs_size, task.n_actions, settings.learner)
        self._practice = Practice(
            learner=learner,
            state=learner.init(seed_for(seed, "network"), zero_head=True),
            replay=Replay(
                settings.replay_capacity,
                obs_size=task.obs_size,
                n_actions=task.n_actions,
                n_features=len(task.feature_names),
                reprice=settings.reprice,
            ),
            task=task,
            prior=prior,
            schedule=settings.practice,
        )
        self._rehearsal = task.simulate(settings.inference.sample_envs)
        self._theta = np.zeros(len(task.feature_names))

    @property
    def policy(self) -> QPolicy:
        """pihat: the prior, moved by Q_R."""
        return self._practice.policy()

    @property
    def theta(self) -> Float[np.ndarray, " features"]:
        """theta_R."""
        return self._theta

    def improve(self, log: InterventionLog, iteration: int) -> Iterator[Progress]:
        """Alg. 1, l. 6-11. The mean over all expert steps so far stands against the mean under the current policy."""
        inference, practice = self._settings.inference, self._practice
        self._remember(log.rollouts[-1])
        expert = FeatureCounts.of(log.expert_features(kappa=self._kappa))
        if expert.steps == 0:
            return
        practice.begin(self._seed, iteration)
        for step in range(inference.max_updates):
            policy = feature_expectation(
                self.policy,
                self._rehearsal,
                inference.sample_length,
                seed=seed_for(self._seed, "expectation", iteration, step),
            )
            checked_features(policy.total, self._task.feature_names)
            gradient = normalized_gradient(expert, policy)
            progress = Progress(step, inference.max_updates, self._theta, gradient, practice.loss)
            if progress.gradient_norm < inference.tolerance:
                yield progress
                return
            if step == 0 and not self._settings.persistent:
                practice.state = practice.learner.init(seed_for(self._seed, "network", iteration + 1), zero_head=True)
            self._theta = self._theta + inference.step_size * gradient
            epsilon = self._settings.practice.epsilon(step / inference.max_updates)
            practice.advance(self._settings.practice_steps, LinearReward(self._theta), epsilon=epsilon)
            yield Progress(step, inference.max_updates, self._theta, gradient, practice.loss)

    def _remember(self, rollout: Rollout) -> None:
        """Supervised steps are transitions like any other: dynamics do not depend on who acted."""
        transitions = Transitions(
            obs=rollout.obs,
            action=rollout.executed,
            next_obs=rollout.next_obs,
            features=rollout.features,
            terminated=rollout.terminated,
            prior_log_probs=self._prior.distribution(rollout.obs).log_probs,
            next_prior_log_probs=self._prior.distribution(rollout.next_obs).log_probs,
        )
        self._practice.replay.add(transitions, LinearReward(self._theta))

    def state(self) -> dict[str, np.ndarray]:
        """Learner, replay and theta, as named arrays."""
        return self._practice.arrays() | {"theta": self._theta}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Put back what `state` returned."""
        self._practice.restore(state)
        self._theta = state["theta"].copy()
